/*
 * test_decode_snmp.c - SNMP values as agents send them: numbers of every type, numbers in text,
 * texts, and all that is none.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/decode_snmp.h"

static const struct value_label LABELS[] = {{1, "unknown"}, {2, "on-line"}, {3, "on-battery"}};
static const struct point_def NUMBER = {.id = "n", .kind = VALUE_NUMBER};
static const struct point_def STATE = {
    .id = "s", .kind = VALUE_STATE, .label_count = ARRAY_LEN(LABELS), .labels = LABELS};
static const struct point_def TEXT = {.id = "t", .kind = VALUE_TEXT};
static const struct point_source PLAIN = {.def = &NUMBER, .scale = 1};

static struct snmp_value
octets(const char *bytes, size_t length)
{
    return (struct snmp_value){
        .tag = TAG_OCTETS, .bytes = (const uint8_t *)bytes, .length = length};
}

static void
leading_numbers_of_texts_are_read(void **state)
{
    static const struct {
        const char *text;
        double number;
    } rows[] = {
        {"0", 0},
        {"27.53", 27.53},
        {"-0.5", -0.5},
        {"+12", 12},
        {"243.4 VAC", 243.4},
        {"70 F", 70},
        {"0.0 HZ", 0},
        {"4 Rectifires", 4},
        {" -5.0C", -5},
        {"\"21.5\"", 21.5},
        {"'7'", 7},
        {"50%", 50},
        {"23.5?C", 23.5}, /* a degree sign of Latin-1 */
        {"23.5\xc2\xb0"
         "C",
         23.5},
        {"12 m3/h", 12},
        {"12m3", 12},
        {"415 ppm CO2", 415},
        {"5.", 5},
        {".5", 0.5},
        {"1.5e+03", 1500},
        {"1E-2 V", 0.01},
        {"2 (onBattery)", 2},
        {"007", 7},
        {"-0", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double number = NAN;

        print_message("%s\n", rows[i].text);
        assert_true(decode_snmp_leading_number(rows[i].text, &number));
        assert_true(fabs(number - rows[i].number) <= 1e-12 * fabs(number));
    }
}

static void
texts_that_leave_the_number_open_have_none(void **state)
{
    static const char *const rows[] = {
        "",           " ",
        "-",          "--5",
        "+-5",        ".",
        "-.",         "V",
        "DRY",        "1.2.3",
        "1.2.3.4",    "12:30",
        "12:30:05",   "04/30/25",
        "2022-05-10", "10-05-2022",
        "1,5",        "1,1,1,1",
        "1 000",      "0x1f",
        "0x1",        "3F2A",
        "5x3",        "5-10",
        "1e",         "230 V 50 Hz",
        "1h 20m",     "5_5",
        "1..2",       "NaN",
        "inf",        "1;2",
        "12 (54 F)",  "- 5",
        "a1",         "99999999999999999999999999999999999999999999999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double number = 42;
        bool is_unit = strcmp(rows[i], "1e") == 0; /* one of an unknown unit, "e" */

        print_message("%s\n", rows[i]);
        assert_int_equal(decode_snmp_leading_number(rows[i], &number), is_unit);
        assert_true(number == (is_unit ? 1 : 42));
    }
}

static void
numbers_of_every_type_are_read_alike(void **state)
{
    static const struct {
        struct snmp_value value;
        enum cause cause;
        double number;
    } rows[] = {
        {{.tag = TAG_INTEGER, .number = -1}, CAUSE_OK, -1},
        {{.tag = TAG_INTEGER, .number = 4294967295}, CAUSE_OK, 4294967295},
        {{.tag = TAG_COUNTER32, .unsigned_number = 4294967295}, CAUSE_OK, 4294967295},
        {{.tag = TAG_GAUGE32, .unsigned_number = 7}, CAUSE_OK, 7},
        {{.tag = TAG_TIMETICKS, .unsigned_number = 7}, CAUSE_OK, 7},
        {{.tag = TAG_UINTEGER, .unsigned_number = 7}, CAUSE_OK, 7},
        {{.tag = TAG_COUNTER64, .unsigned_number = UINT64_MAX}, CAUSE_OK, 0x1p64},
        {{.tag = TAG_OPAQUE_COUNTER64, .unsigned_number = 7}, CAUSE_OK, 7},
        {{.tag = TAG_OPAQUE_U64, .unsigned_number = 7}, CAUSE_OK, 7},
        {{.tag = TAG_OPAQUE_I64, .number = -7}, CAUSE_OK, -7},
        {{.tag = TAG_OPAQUE_FLOAT, .real = 2.5}, CAUSE_OK, 2.5},
        {{.tag = TAG_OPAQUE_DOUBLE, .real = -2.5}, CAUSE_OK, -2.5},
        {{.tag = TAG_OPAQUE_FLOAT, .real = NAN}, CAUSE_NOT_A_NUMBER, 0},
        {{.tag = TAG_OPAQUE_DOUBLE, .real = INFINITY}, CAUSE_NOT_A_NUMBER, 0},
        {{.tag = TAG_NULL, .number = 99}, CAUSE_ABSENT, 0},
        {{.tag = TAG_NO_SUCH_OBJECT, .number = 99}, CAUSE_ABSENT, 0},
        {{.tag = TAG_NO_SUCH_INSTANCE, .number = 99}, CAUSE_ABSENT, 0},
        {{.tag = TAG_END_OF_MIB_VIEW, .number = 99}, CAUSE_ABSENT, 0},
        {{.tag = TAG_OID}, CAUSE_WRONG_TYPE, 0},
        {{.tag = TAG_OPAQUE}, CAUSE_WRONG_TYPE, 0},
        {{.tag = TAG_IP_ADDRESS}, CAUSE_WRONG_TYPE, 0},
        {{.tag = 0x03}, CAUSE_WRONG_TYPE, 0},
        {{.tag = 0xff}, CAUSE_WRONG_TYPE, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double number = 0;

        print_message("row %zu\n", i);
        assert_int_equal(decode_snmp_number(&PLAIN, &rows[i].value, &number), rows[i].cause);
        assert_true(number == rows[i].number);
    }
}

static void
numbers_in_text_go_the_same_way(void **state)
{
    static const double absent[] = {-999.9};
    const struct point_source source = {.def = &NUMBER,
                                        .scale = 10,
                                        .valid_min = -50,
                                        .valid_max = 1000,
                                        .absent_raw = absent,
                                        .absent_raw_count = 1};
    static const struct {
        const char *bytes;
        size_t length;
        enum cause cause;
        double number;
    } rows[] = {
        {"27.5", 4, CAUSE_OK, 275},
        {"27.5\0\0\0", 7, CAUSE_OK, 275},
        {"\r\n 27.5 \r\n", 10, CAUSE_OK, 275},
        {"-999.9", 6, CAUSE_ABSENT, 0},
        {"200", 3, CAUSE_OUT_OF_RANGE, 0},
        {"NA", 2, CAUSE_ABSENT, 0},
        {"not available ", 14, CAUSE_ABSENT, 0},
        {"", 0, CAUSE_ABSENT, 0},
        {"\0\0", 2, CAUSE_ABSENT, 0},
        {"DOWN", 4, CAUSE_NOT_A_NUMBER, 0},
        {"1e999", 5, CAUSE_NOT_A_NUMBER, 0},
        {"\xff\xfe\x01", 3, CAUSE_NOT_A_NUMBER, 0},
        {"27\0005", 4, CAUSE_NOT_A_NUMBER, 0}, /* a NUL amid digits */
        {"0000000000000000000000000000000000000000000000000000000000000000", 64, CAUSE_NOT_A_NUMBER,
         0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct snmp_value value = octets(rows[i].bytes, rows[i].length);
        double number = 0;

        print_message("row %zu\n", i);
        assert_int_equal(decode_snmp_number(&source, &value, &number), rows[i].cause);
        assert_true(number == rows[i].number);
    }
}

static void
all_ones_and_minus_one_are_the_same_sentinel(void **state)
{
    static const double minus_one[] = {-1}, all_ones[] = {4294967295};
    const struct point_source a = {
        .def = &NUMBER, .scale = 1, .absent_raw = minus_one, .absent_raw_count = 1};
    const struct point_source b = {
        .def = &NUMBER, .scale = 1, .absent_raw = all_ones, .absent_raw_count = 1};
    const struct snmp_value gauge = {.tag = TAG_GAUGE32, .unsigned_number = 4294967295},
                            integer = {.tag = TAG_INTEGER, .number = -1},
                            near = {.tag = TAG_GAUGE32, .unsigned_number = 4294967294},
                            wide = {.tag = TAG_COUNTER64, .unsigned_number = UINT64_MAX};
    double number = 0;

    (void)state;
    assert_int_equal(decode_snmp_number(&a, &gauge, &number), CAUSE_ABSENT);
    assert_int_equal(decode_snmp_number(&a, &integer, &number), CAUSE_ABSENT);
    assert_int_equal(decode_snmp_number(&b, &gauge, &number), CAUSE_ABSENT);
    assert_int_equal(decode_snmp_number(&b, &integer, &number), CAUSE_ABSENT);
    assert_int_equal(decode_snmp_number(&a, &near, &number), CAUSE_OK);
    assert_int_equal(decode_snmp_number(&b, &near, &number), CAUSE_OK);
    assert_int_equal(decode_snmp_number(&a, &wide, &number), CAUSE_OK);
}

static void
state_comes_as_number_or_as_label(void **state)
{
    const struct point_source source = {.def = &STATE, .scale = 1};
    const struct point_source scaled = {.def = &STATE, .scale = 10, .mask = 1};
    const struct snmp_value beyond = {.tag = TAG_INTEGER, .number = 17};
    double number = 0;

    (void)state;
    struct snmp_value value = octets("On-Battery", 10);
    assert_int_equal(decode_snmp_number(&source, &value, &number), CAUSE_OK);
    assert_true(number == 3);
    /* "unknown" is a word for no value, but not where it is a state of this point. */
    value = octets("unknown", 7);
    assert_int_equal(decode_snmp_number(&source, &value, &number), CAUSE_OK);
    assert_true(number == 1);
    assert_int_equal(decode_snmp_number(&PLAIN, &value, &number), CAUSE_ABSENT);
    /* A label is the value itself. */
    value = octets("on-line", 7);
    assert_int_equal(decode_snmp_number(&scaled, &value, &number), CAUSE_OK);
    assert_true(number == 2);
    /* A value without a label is still a value. */
    assert_int_equal(decode_snmp_number(&source, &beyond, &number), CAUSE_OK);
    assert_true(number == 17);
}

static void
octets_become_clean_text_or_hex(void **state)
{
    const struct point_source source = {.def = &TEXT, .scale = 1};
    static const struct {
        const char *bytes;
        size_t length;
        enum cause cause;
        const char *text;
    } rows[] = {
        {"Smart-UPS", 9, CAUSE_OK, "Smart-UPS"},
        {"AP9641  \0\0", 10, CAUSE_OK, "AP9641"},
        {"line one\r\nline two\r\n", 20, CAUSE_OK, "line one  line two"},
        {"Str\xc3\xb6m", 6, CAUSE_OK, "Str\xc3\xb6m"},
        {"Serverraum S\xfc"
         "d",
         14, CAUSE_OK, "Serverraum S?d"},
        {"UPS 1\x01 in the machine room", 26, CAUSE_OK, "UPS 1? in the machine room"},
        {"\x00\x0c\x29\x3e\x5f\x20", 6, CAUSE_OK, "00:0c:29:3e:5f:20"},
        {"\x07\xe3\x05\x0a\x0b\x1e\x00\x00", 8, CAUSE_OK, "07:e3:05:0a:0b:1e:00:00"},
        {"\xff", 1, CAUSE_OK, "ff"},
        {"", 0, CAUSE_ABSENT, ""},
        {" \0", 2, CAUSE_ABSENT, ""},
        {"N/A", 3, CAUSE_ABSENT, "N/A"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct snmp_value value = octets(rows[i].bytes, rows[i].length);
        char text[TEXT_VALUE_MAX] = "?";

        print_message("row %zu\n", i);
        assert_int_equal(decode_snmp_text(&source, &value, text, sizeof text), rows[i].cause);
        assert_string_equal(text, rows[i].text);
    }
}

static void
long_texts_are_cut_between_characters(void **state)
{
    const struct point_source source = {.def = &TEXT, .scale = 1};
    char bytes[3000], text[TEXT_VALUE_MAX];

    (void)state;
    for (size_t length = 1; length < sizeof bytes; length += 7) {
        struct snmp_value value = octets(bytes, length);

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = "\xe6\x9c\xba"[i % 3]; /* one of three bytes, again and again */
        assert_int_equal(decode_snmp_text(&source, &value, text, sizeof text), CAUSE_OK);
        assert_true(strlen(text) < sizeof text);
        if (length >= sizeof text && (length % 3 == 0 || length > 4 * sizeof text))
            assert_int_equal(strlen(text) % 3, 0);
        memset(bytes, 0x01, sizeof bytes);
        assert_int_equal(decode_snmp_text(&source, &value, text, sizeof text), CAUSE_OK);
        assert_int_equal(strncmp(text, "01", 2), 0);
        assert_int_equal(strlen(text) % 3, 2); /* no half octet */
    }
}

static void
other_types_become_text_where_they_can(void **state)
{
    static const unsigned long oid[] = {1, 3, 6, 1, 4, 1, 318, 4294967295};
    static const unsigned long longest[128] = {0};
    const struct point_source source = {.def = &TEXT, .scale = 1};
    const struct {
        struct snmp_value value;
        enum cause cause;
        const char *text;
    } rows[] = {
        {{.tag = TAG_INTEGER, .number = -3}, CAUSE_OK, "-3"},
        {{.tag = TAG_GAUGE32, .unsigned_number = 3}, CAUSE_OK, "3"},
        {{.tag = TAG_COUNTER64, .unsigned_number = UINT64_MAX}, CAUSE_OK, "18446744073709551615"},
        {{.tag = TAG_OPAQUE_FLOAT, .real = 1.5}, CAUSE_OK, "1.5"},
        {{.tag = TAG_OPAQUE_FLOAT, .real = NAN}, CAUSE_NOT_A_NUMBER, ""},
        {{.tag = TAG_OID, .oid = oid, .length = ARRAY_LEN(oid)},
         CAUSE_OK,
         "1.3.6.1.4.1.318.4294967295"},
        {{.tag = TAG_OID, .oid = oid, .length = 0}, CAUSE_ABSENT, ""},
        {{.tag = TAG_IP_ADDRESS, .bytes = (const uint8_t *)"\x0a\x00\x00\x01", .length = 4},
         CAUSE_OK,
         "10.0.0.1"},
        {{.tag = TAG_IP_ADDRESS, .bytes = (const uint8_t *)"\x0a", .length = 1},
         CAUSE_WRONG_TYPE,
         ""},
        {{.tag = TAG_NULL}, CAUSE_ABSENT, ""},
        {{.tag = TAG_NO_SUCH_INSTANCE}, CAUSE_ABSENT, ""},
        {{.tag = 0x03}, CAUSE_WRONG_TYPE, ""},
    };
    struct snmp_value value = {.tag = TAG_OID, .oid = longest, .length = ARRAY_LEN(longest)};
    char text[TEXT_VALUE_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("row %zu\n", i);
        assert_int_equal(decode_snmp_text(&source, &rows[i].value, text, sizeof text),
                         rows[i].cause);
        assert_string_equal(text, rows[i].text);
    }
    assert_int_equal(decode_snmp_text(&source, &value, text, sizeof text), CAUSE_OK);
    assert_in_range(strlen(text), 100, sizeof text - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leading_numbers_of_texts_are_read),
        cmocka_unit_test(texts_that_leave_the_number_open_have_none),
        cmocka_unit_test(numbers_of_every_type_are_read_alike),
        cmocka_unit_test(numbers_in_text_go_the_same_way),
        cmocka_unit_test(all_ones_and_minus_one_are_the_same_sentinel),
        cmocka_unit_test(state_comes_as_number_or_as_label),
        cmocka_unit_test(octets_become_clean_text_or_hex),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(other_types_become_text_where_they_can),
    };

    return cmocka_run_group_tests_name("decode_snmp", tests, NULL, NULL);
}
