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
#define BINARY_MAX 16      /* octets; an address of any kind, DateAndTime */

static bool
is_padding(uint8_t byte)
{
    return byte == '\0' || byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t
trim(const uint8_t **bytes, size_t length)
{
    while (length > 0 && is_padding((*bytes)[length - 1]))
        length--;
    while (length > 0 && is_padding(**bytes)) {
        (*bytes)++;
        length--;
    }
    return length;
}

/* numbers in text */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "e+03" behind a number, as "%g" writes it. */
static size_t
exponent_length(const char *text)
{
    size_t length = 1;

    if (*text != 'e' && *text != 'E')
        return 0;
    if (text[length] == '+' || text[length] == '-')
        length++;
    if (!is_digit(text[length]))
        return 0;
    return length + strspn(text + length, "0123456789");
}

/* What may follow a number: a unit. Another number would leave open which of the two is meant. */
static bool
is_unit(const char *text)
{
    if (*text != '\0' && strchr(".,:;/-+_", *text) != NULL)
        return false;
    for (char before = ' '; *text != '\0'; before = *text++)
        if (is_digit(*text) && (strchr("23", *text) == NULL || strchr("mMoO", before) == NULL))
            return false; /* "m3/h" and "CO2" are units */
    return true;
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
        if (is_digit(*text))
            any++;
        else if (*text == '.' && !point)
            point = true;
        else
            break;
        digits[used++] = *text;
    }
    size_t exponent = any > 0 ? exponent_length(text) : 0;
    if (any == 0 || used + exponent >= sizeof digits)
        return false;
    memcpy(digits + used, text, exponent);
    digits[used + exponent] = '\0';
    if (!is_unit(text + exponent))
        return false;
    *out_number = strtod(digits, NULL);
    return true;
}

static bool
find_label(const struct point_def *def, const char *text, double *out_value)
{
    for (uint16_t i = 0; i < def->label_count; i++)
        if (strcasecmp(def->labels[i].label, text) == 0) {
            *out_value = def->labels[i].value;
            return true;
        }
    return false;
}

static enum cause
number_from_octets(const struct point_source *source, const struct snmp_value *value,
                   double *out_value)
{
    const uint8_t *bytes = value->bytes;
    size_t length = trim(&bytes, value->length);
    struct raw_value raw = {.form = RAW_REAL};
    char text[NUMBER_TEXT_MAX];

    if (length >= sizeof text)
        return CAUSE_NOT_A_NUMBER;
    text_clean(text, sizeof text, bytes, length);
    /* Before the words for "no value": "unknown" is a state where the profile names it one. */
    if (find_label(source->def, text, out_value))
        return CAUSE_OK;
    if (scale_is_absent_text(source, text))
        return CAUSE_ABSENT;
    if (!decode_snmp_leading_number(text, &raw.real))
        return CAUSE_NOT_A_NUMBER;
    return scale_apply(source, &raw, out_value);
}

/*
 * Agents send Gauge32 where the MIB says INTEGER and the other way round, so -1 and 4294967295 are
 * the same "no value".
 */
static bool
is_absent_twin(const struct point_source *source, const struct raw_value *raw)
{
    struct raw_value twin;

    if (raw->form == RAW_SIGNED && raw->s < 0 && raw->s >= INT32_MIN)
        twin = (struct raw_value){.form = RAW_UNSIGNED, .u = (uint32_t)raw->s};
    else if (raw->form == RAW_UNSIGNED && raw->u > INT32_MAX && raw->u <= UINT32_MAX)
        twin = (struct raw_value){.form = RAW_SIGNED, .s = (int64_t)raw->u - (INT64_C(1) << 32)};
    else
        return false;
    return scale_is_absent_raw(source, &twin);
}

enum cause
decode_snmp_number(const struct point_source *source, const struct snmp_value *value,
                   double *out_value)
{
    struct raw_value raw = {.form = RAW_UNSIGNED};

    switch (value->tag) {
    case TAG_INTEGER:
    case TAG_OPAQUE_I64:
        raw.form = RAW_SIGNED;
        raw.s = value->number;
        break;
    case TAG_COUNTER32:
    case TAG_GAUGE32:
    case TAG_TIMETICKS:
    case TAG_COUNTER64:
    case TAG_UINTEGER:
    case TAG_OPAQUE_COUNTER64:
    case TAG_OPAQUE_U64:
        raw.u = value->unsigned_number;
        break;
    case TAG_OPAQUE_FLOAT:
    case TAG_OPAQUE_DOUBLE:
        raw.form = RAW_REAL;
        raw.real = value->real;
        break;
    case TAG_OCTETS:
        return number_from_octets(source, value, out_value);
    case TAG_NULL:
    case TAG_NO_SUCH_OBJECT:
    case TAG_NO_SUCH_INSTANCE:
    case TAG_END_OF_MIB_VIEW:
        return CAUSE_ABSENT;
    default:
        return CAUSE_WRONG_TYPE;
    }
    if (source->absent_raw_count > 0 && is_absent_twin(source, &raw))
        return CAUSE_ABSENT;
    return scale_apply(source, &raw, out_value);
}

/* text */

static void
as_hex(const uint8_t *bytes, size_t length, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < length && used + 4 <= size; i++)
        used += (size_t)snprintf(out + used, size - used, i == 0 ? "%02x" : ":%02x", bytes[i]);
}

static void
as_oid(const unsigned long *oid, size_t length, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < length && used + 12 <= size; i++)
        used += (size_t)snprintf(out + used, size - used, i == 0 ? "%u" : ".%u", (unsigned)oid[i]);
}

/* Lines become one line. False when it is no text: a few bytes of another character set are borne,
 * but short binary, such as an address or a DateAndTime, has control bytes. */
static bool
as_text(const uint8_t *bytes, size_t length, char *out, size_t size)
{
    uint8_t line[4 * TEXT_VALUE_MAX] = {0};
    size_t controls = 0, foreign = 0;

    if (length > sizeof line)
        for (length = sizeof line; length > 0 && (bytes[length] & 0xc0) == 0x80;)
            length--; /* not amid a character */
    for (size_t i = 0; i < length; i++) {
        line[i] = is_padding(bytes[i]) && bytes[i] != '\0' ? ' ' : bytes[i];
        controls += line[i] < 0x20 || (line[i] >= 0x7f && line[i] < 0xa0);
        foreign += line[i] >= 0xa0;
    }
    text_clean(out, size, line, length);
    if (text_is_clean_utf8((const char *)line, length))
        return true;
    return controls + foreign <= length / 4 && (controls == 0 || length > BINARY_MAX);
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
        if (!as_text(bytes, length, out_text, size))
            as_hex(value->bytes, value->length, out_text, size);
        break;
    case TAG_IP_ADDRESS:
        if (length != 4)
            return CAUSE_WRONG_TYPE;
        snprintf(out_text, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
        break;
    case TAG_OID:
        as_oid(value->oid, length, out_text, size);
        break;
    case TAG_INTEGER:
    case TAG_OPAQUE_I64:
        snprintf(out_text, size, "%lld", (long long)value->number);
        break;
    case TAG_COUNTER32:
    case TAG_GAUGE32:
    case TAG_TIMETICKS:
    case TAG_COUNTER64:
    case TAG_UINTEGER:
    case TAG_OPAQUE_COUNTER64:
    case TAG_OPAQUE_U64:
        snprintf(out_text, size, "%llu", (unsigned long long)value->unsigned_number);
        break;
    case TAG_OPAQUE_FLOAT:
    case TAG_OPAQUE_DOUBLE:
        if (!isfinite(value->real))
            return CAUSE_NOT_A_NUMBER;
        snprintf(out_text, size, "%.9g", value->real);
        break;
    case TAG_NULL:
    case TAG_NO_SUCH_OBJECT:
    case TAG_NO_SUCH_INSTANCE:
    case TAG_END_OF_MIB_VIEW:
        return CAUSE_ABSENT;
    default:
        return CAUSE_WRONG_TYPE;
    }
    return scale_is_absent_text(source, out_text) ? CAUSE_ABSENT : CAUSE_OK;
}
