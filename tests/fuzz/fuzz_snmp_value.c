/*
 * fuzz_snmp_value.c - whatever type and bytes an SNMP value has, it becomes a finite number or a
 * clean text, or a cause why not.
 *
 * Input: tag, kind of source, then the bytes: octets, or a number (8, native order), or
 * sub-identifiers (8 each).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/decode_snmp.h"
#include "gateway/base/text.h"

#define HEAD 2

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct value_label LABELS[] = {{1, "unknown"}, {2, "on-line"}, {3, "on-battery"}};
static const struct point_def NUMBER = {.id = "n", .kind = VALUE_NUMBER};
static const struct point_def STATE = {
    .id = "s", .kind = VALUE_STATE, .label_count = ARRAY_LEN(LABELS), .labels = LABELS};
static const double ABSENT[] = {-1, 65535, 2147483647, 4294967295, -999.9};
static const char *const WORDS[] = {"DRY", "NULL"};
static const struct point_source SOURCES[] = {
    {.def = &NUMBER, .scale = 1},
    {.def = &NUMBER, .scale = 0.1, .offset = -273.15, .valid_min = -50, .valid_max = 100},
    {.def = &NUMBER, .scale = 1, .absent_raw = ABSENT, .absent_raw_count = ARRAY_LEN(ABSENT)},
    {.def = &NUMBER, .scale = 1e300, .absent_value = ABSENT, .absent_value_count = 5},
    {.def = &STATE, .scale = 1, .absent_texts = WORDS, .absent_text_count = ARRAY_LEN(WORDS)},
    {.def = &STATE, .scale = 1, .mask = 1, .shift = 63},
    {.def = &STATE,
     .scale = 1,
     .mask = 15,
     .shift = 4,
     .absent_raw = ABSENT,
     .absent_raw_count = 5},
};

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static void
check_number(const struct point_source *source, const struct snmp_value *value)
{
    double number = -77;
    enum cause cause = decode_snmp_number(source, value, &number);

    switch (cause) {
    case CAUSE_OK:
        insist(isfinite(number));
        insist(source->valid_max <= source->valid_min ||
               (number >= source->valid_min && number <= source->valid_max));
        break;
    case CAUSE_ABSENT:
    case CAUSE_OUT_OF_RANGE:
    case CAUSE_NOT_A_NUMBER:
    case CAUSE_WRONG_TYPE:
        insist(number == -77); /* untouched */
        break;
    default:
        abort();
    }
}

static void
check_text(const struct point_source *source, const struct snmp_value *value, size_t size)
{
    char text[TEXT_VALUE_MAX];
    enum cause cause;

    memset(text, 'x', sizeof text);
    cause = decode_snmp_text(source, value, text, size);
    insist(memchr(text, '\0', size) != NULL);
    insist(text_is_clean_utf8(text, strlen(text)));
    insist(cause == CAUSE_OK || cause == CAUSE_ABSENT || cause == CAUSE_WRONG_TYPE ||
           cause == CAUSE_NOT_A_NUMBER);
    insist(cause != CAUSE_OK || text[0] != '\0' || size < 12);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    static unsigned long oid[128];

    if (length < HEAD)
        return 0;
    const struct point_source *source = &SOURCES[input[1] % ARRAY_LEN(SOURCES)];
    struct snmp_value value = {.tag = input[0]};

    input += HEAD;
    length -= HEAD;
    /* As the library hands them over: octets in memory of their own, numbers in 8 bytes. */
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    insist(copy != NULL);
    memcpy(copy, input, length);
    if (value.tag == TAG_OCTETS || value.tag == TAG_OPAQUE || value.tag == TAG_IP_ADDRESS) {
        value.bytes = copy;
        value.length = length;
    } else if (value.tag == TAG_OID) {
        value.oid = oid;
        value.length = length / sizeof oid[0] < ARRAY_LEN(oid) ? length / sizeof oid[0] : 128;
        memcpy(oid, input, value.length * sizeof oid[0]);
    } else if (value.tag == TAG_OPAQUE_FLOAT || value.tag == TAG_OPAQUE_DOUBLE) {
        memcpy(&value.real, input, length < sizeof value.real ? length : sizeof value.real);
    } else {
        memcpy(&value.number, input, length < sizeof value.number ? length : sizeof value.number);
    }
    check_number(source, &value);
    check_text(source, &value, TEXT_VALUE_MAX);
    check_text(source, &value, 24);
    free(copy);
    return 0;
}
