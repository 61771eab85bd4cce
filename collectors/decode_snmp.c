/*
 * decode_snmp.c - an SNMP value as a number or as text.
 */
#include "collectors/decode_snmp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"

#define NUMBER_TEXT_MAX 64 /* a longer text is no reading */

/* Octets without NULs and blanks at the ends. */
static size_t
trim(const uint8_t **bytes, size_t length)
{
    while (length > 0 && ((*bytes)[length - 1] == '\0' || (*bytes)[length - 1] == ' ' ||
                          (*bytes)[length - 1] == '\r' || (*bytes)[length - 1] == '\n'))
        length--;
    while (length > 0 && (**bytes == ' ' || **bytes == '\t')) {
        (*bytes)++;
        length--;
    }
    return length;
}

bool
decode_snmp_leading_number(const char *text, double *out_number)
{
    char digits[NUMBER_TEXT_MAX];
    size_t used = 0, any = 0;

    text += strspn(text, " \t\"'");
    if (*text == '+')
        text++;
    else if (*text == '-')
        digits[used++] = *text++;
    for (bool point = false; used < sizeof digits - 1; text++) {
        if (*text >= '0' && *text <= '9')
            any++;
        else if (*text == '.' && !point)
            point = true;
        else
            break;
        digits[used++] = *text;
    }
    digits[used] = '\0';
    /* 1.2.3 is a version or an address, 12:30 a time, 1e5 and 0x10 nobody's reading. */
    if (any == 0 || *text == '.' || *text == ':' || *text == ',' || *text == '/' ||
        (*text >= '0' && *text <= '9'))
        return false;
    *out_number = strtod(digits, NULL);
    return true;
}

static enum cause
number_from_octets(const struct point_source *source, const struct snmp_value *value,
                   struct raw_value *out_raw)
{
    const uint8_t *bytes = value->bytes;
    size_t length = trim(&bytes, value->length);
    char text[NUMBER_TEXT_MAX];

    if (length >= sizeof text)
        return CAUSE_NOT_A_NUMBER;
    text_clean(text, sizeof text, bytes, length);
    if (scale_is_absent_text(source, text))
        return CAUSE_ABSENT;
    /* A state may come as its label. */
    for (uint16_t i = 0; i < source->def->label_count; i++)
        if (strcasecmp(source->def->labels[i].label, text) == 0) {
            *out_raw = (struct raw_value){.form = RAW_REAL, .real = source->def->labels[i].value};
            return CAUSE_OK;
        }
    *out_raw = (struct raw_value){.form = RAW_REAL};
    return decode_snmp_leading_number(text, &out_raw->real) ? CAUSE_OK : CAUSE_NOT_A_NUMBER;
}

enum cause
decode_snmp_number(const struct point_source *source, const struct snmp_value *value,
                   double *out_value)
{
    struct raw_value raw = {.form = RAW_UNSIGNED};
    enum cause cause = CAUSE_OK;

    switch (value->tag) {
    case TAG_INTEGER:
        raw.form = RAW_SIGNED;
        raw.s = value->number;
        break;
    case TAG_COUNTER32:
    case TAG_GAUGE32:
    case TAG_TIMETICKS:
    case TAG_COUNTER64:
    case TAG_UINTEGER:
        raw.u = value->unsigned_number;
        break;
    case TAG_OPAQUE_FLOAT:
    case TAG_OPAQUE_DOUBLE:
        raw.form = RAW_REAL;
        raw.real = value->real;
        break;
    case TAG_OCTETS:
        cause = number_from_octets(source, value, &raw);
        break;
    case TAG_NULL:
    case TAG_NO_SUCH_OBJECT:
    case TAG_NO_SUCH_INSTANCE:
    case TAG_END_OF_MIB_VIEW:
        return CAUSE_ABSENT;
    default:
        return CAUSE_WRONG_TYPE;
    }
    return cause == CAUSE_OK ? scale_apply(source, &raw, out_value) : cause;
}

static void
as_hex(const uint8_t *bytes, size_t length, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < length && used + 4 <= size; i++)
        used += (size_t)snprintf(out + used, size - used, i == 0 ? "%02x" : ":%02x", bytes[i]);
}

enum cause
decode_snmp_text(const struct point_source *source, const struct snmp_value *value, char *out_text,
                 size_t size)
{
    const uint8_t *bytes = value->bytes;
    size_t length = value->length;

    out_text[0] = '\0';
    switch (value->tag) {
    case TAG_OCTETS:
    case TAG_OPAQUE:
        length = trim(&bytes, length);
        if (length == 0)
            return CAUSE_ABSENT;
        if (text_is_clean_utf8((const char *)bytes, length))
            text_clean(out_text, size, bytes, length);
        else
            as_hex(bytes, length, out_text, size);
        return scale_is_absent_text(source, out_text) ? CAUSE_ABSENT : CAUSE_OK;
    case TAG_IP_ADDRESS:
        if (length != 4)
            return CAUSE_WRONG_TYPE;
        snprintf(out_text, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
        return CAUSE_OK;
    case TAG_INTEGER:
        snprintf(out_text, size, "%lld", (long long)value->number);
        return CAUSE_OK;
    case TAG_COUNTER32:
    case TAG_GAUGE32:
    case TAG_TIMETICKS:
    case TAG_COUNTER64:
    case TAG_UINTEGER:
        snprintf(out_text, size, "%llu", (unsigned long long)value->unsigned_number);
        return CAUSE_OK;
    case TAG_NULL:
    case TAG_NO_SUCH_OBJECT:
    case TAG_NO_SUCH_INSTANCE:
    case TAG_END_OF_MIB_VIEW:
        return CAUSE_ABSENT;
    default:
        return CAUSE_WRONG_TYPE;
    }
}
