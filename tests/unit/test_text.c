/*
 * test_text.c - checked text, and the canonical JSON that is hashed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"

static void
id_is_lower_case_and_can_be_a_topic_and_a_file(void **state)
{
    static const char *const good[] = {"a", "ups-a1", "input.l1", "gen_2", "0", "...", "a..b"};
    static const char *const bad[] = {"",   ".", "..", "A",    "a b",      "a/b",
                                      "a+", "#", "$a", "a\nb", "\xc3\xa4", "a:b"};
    char longest[ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(text_is_id(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_is_id(bad[i]));
    memset(longest, 'a', sizeof longest);
    longest[ID_MAX] = '\0';
    assert_false(text_is_id(longest));
    longest[ID_MAX - 1] = '\0';
    assert_true(text_is_id(longest));
}

static void
path_is_ids_between_single_slashes(void **state)
{
    static const char *const good[] = {"a", "power/gen-1/start-failure", "a/b"};
    static const char *const bad[] = {"", "/", "a/", "/a", "a//b", "a/../b", "a/./b", "a/B"};
    char longest[TOPIC_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(text_is_path(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_is_path(bad[i]));
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 == 0 ? 'a' : '/';
    longest[TOPIC_ID_MAX] = '\0';
    assert_false(text_is_path(longest));
    longest[TOPIC_ID_MAX - 1] = '\0';
    assert_true(text_is_path(longest));
}

static void
integers_are_taken_whole_and_in_range_only(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "01",
                                      "0x1",
                                      "1.0",
                                      "1e3",
                                      "--1",
                                      "-01",
                                      "nan",
                                      "101",
                                      "-101",
                                      "9223372036854775808",
                                      "99999999999999999999999"};
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {{"0", 0}, {"1", 1}, {"100", 100}, {"-100", -100}};
    int64_t value = 4711;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_parse_int(bad[i], -100, 100, &value));
    assert_int_equal(value, 4711);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(text_parse_int(good[i].text, -100, 100, &value));
        assert_int_equal(value, good[i].want);
    }
    assert_true(text_parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
}

static void
numbers_are_finite_decimals_only(void **state)
{
    static const char *const bad[] = {"",   "nan",   "inf",   "-inf",    "0x10", "1,5",
                                      " 1", "1 ",    "+1",    "007",     "e5",   ".",
                                      "-",  "1e999", "1.2.3", "infinity"};
    static const struct {
        const char *text;
        double want;
    } good[] = {{"0", 0},      {"-0.5", -0.5},     {"23.4", 23.4},
                {"1e3", 1000}, {"-2.5E-1", -0.25}, {"0.001", 0.001}};
    double value = 4711;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_parse_number(bad[i], &value));
    assert_true(value == 4711);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(text_parse_number(good[i].text, &value));
        assert_true(value == good[i].want);
    }
}

static void
durations_need_a_unit_and_whole_milliseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {{"0", 0},       {"500ms", 500},  {"30s", 30000},        {"1.5s", 1500},
                {"5m", 300000}, {"2h", 7200000}, {"400d", 34560000000}, {"0s", 0}};
    static const char *const bad[] = {
        "",      "30",   "s",    "-1s",      "1 s", "1S",    "1w",
        "0.5ms", "1e3s", "1s1s", "1000000d", "01s", "1..5s", "999999999999999999999999s"};
    int64_t ms = 4711;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_parse_duration_ms(bad[i], &ms));
    assert_int_equal(ms, 4711);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(text_parse_duration_ms(good[i].text, &ms));
        assert_int_equal(ms, good[i].want);
    }
}

static void
durations_are_written_exactly_and_read_back(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {{0, "0s"},     {1, "1ms"},      {1500, "1500ms"}, {90000, "90s"},
                {60000, "1m"}, {3600000, "1h"}, {86400000, "1d"}, {90000000, "25h"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[24];
        int64_t ms = -1;

        text_format_duration(rows[i].ms, text, sizeof text);
        assert_string_equal(text, rows[i].want);
        assert_true(text_parse_duration_ms(text, &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void
nearest_word_is_within_two_edits_or_a_third(void **state)
{
    static const char *const words[] = {"interval", "address", "protocol", "id"};

    (void)state;
    assert_string_equal(text_nearest("intervall", words, ARRAY_LEN(words)), "interval");
    assert_string_equal(text_nearest("adress", words, ARRAY_LEN(words)), "address");
    assert_string_equal(text_nearest("protocol", words, ARRAY_LEN(words)), "protocol");
    assert_null(text_nearest("colour", words, ARRAY_LEN(words)));
    assert_int_equal(text_distance("kitten", "sitting", 10), 3);
    assert_int_equal(text_distance("", "abc", 10), 3);
    assert_int_equal(text_distance("kitten", "sitting", 1), 2);
}

static void
only_well_formed_utf8_without_controls_is_clean(void **state)
{
    static const struct {
        const char *bytes;
        bool is_clean;
        const char *cleaned;
    } rows[] = {
        {"abc\t", true, "abc\t"},
        {"Geb\xc3\xa4ude", true, "Geb\xc3\xa4ude"},
        {"\xe2\x82\xac", true, "\xe2\x82\xac"},
        {"\xf0\x9f\x94\x8b", true, "\xf0\x9f\x94\x8b"},
        {"\xf4\x8f\xbf\xbf", true, "\xf4\x8f\xbf\xbf"}, /* the last one */
        {"a\nb", false, "a?b"},
        {"\x7f", false, "?"},
        {"\xc2\x85", false, "??"},           /* a C1 control */
        {"\xc0\xaf", false, "??"},           /* overlong */
        {"\xe0\x80\xaf", false, "???"},      /* overlong */
        {"\xed\xa0\x80", false, "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", false, "????"}, /* beyond U+10FFFF */
        {"\xf5", false, "?"},
        {"\xe4", false, "?"},      /* Latin-1 */
        {"\xe2\x82", false, "??"}, /* cut */
        {"\x80x", false, "?x"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[32];
        size_t length = strlen(rows[i].bytes);

        assert_int_equal(text_is_clean_utf8(rows[i].bytes, length), rows[i].is_clean);
        text_clean(out, sizeof out, rows[i].bytes, length);
        assert_string_equal(out, rows[i].cleaned);
        assert_true(text_is_clean_utf8(out, strlen(out)));
    }
}

static void
cleaning_never_cuts_a_character(void **state)
{
    char out[4];

    (void)state;
    text_clean(out, sizeof out, "ab\xe2\x82\xac", 5);
    assert_string_equal(out, "ab");
    text_clean(out, 1, "ab", 2);
    assert_string_equal(out, "");
}

static void
copies_end_with_nul_and_say_when_they_were_cut(void **state)
{
    char out[4];

    (void)state;
    assert_true(text_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(text_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
}

static void
buffer_fails_at_its_limit_and_stays_failed(void **state)
{
    struct text_buf buf;

    (void)state;
    text_buf_init(&buf, 16);
    text_buf_add(&buf, "%d-%s", 12, "ab");
    assert_string_equal(buf.data, "12-ab");
    text_buf_add_bytes(&buf, "0123456789", 10);
    assert_false(buf.failed);
    assert_int_equal(buf.length, 15);
    text_buf_add(&buf, "x");
    assert_true(buf.failed);
    text_buf_add_bytes(&buf, "", 0);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "12-ab0123456789");
    text_buf_reset(&buf);
    assert_false(buf.failed);
    assert_string_equal(buf.data, "");
    text_buf_done(&buf);
}

/* ---- JSON ---- */

static void
canonical_json_sorts_keys_and_writes_no_blanks(void **state)
{
    json_t *value = json_pack("{s:f, s:i, s:{s:b, s:n}, s:[i, s]}", "b", 23.4, "a", 1, "C", "z", 1,
                              "y", "list", 3, "\xc3\xa4\"");
    char *text = json_canonical(value);

    (void)state;
    assert_string_equal(text, "{\"C\":{\"y\":null,\"z\":true},\"a\":1,\"b\":23.4,"
                              "\"list\":[3,\"\xc3\xa4\\\"\"]}");
    free(text);
    json_decref(value);
}

static void
reals_have_twelve_digits_and_whole_numbers_none(void **state)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0.1 + 0.2, "0.3"}, {234 * 0.1, "23.4"}, {5, "5"}, {-3, "-3"}, {1.0 / 3, "0.333333333333"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *value = json_number_of(rows[i].value);
        char *text = json_canonical(value);

        assert_string_equal(text, rows[i].want);
        free(text);
        json_decref(value);
    }
    assert_true(json_is_null(json_number_of(NAN)));
    assert_true(json_is_null(json_number_of(INFINITY)));
}

static void
only_one_sound_object_is_parsed(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "{",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1}x",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}"};
    char reason[128], deep[5000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        reason[0] = '\0';
        assert_null(json_parse_object(bad[i], strlen(bad[i]), reason, sizeof reason));
        assert_string_not_equal(reason, "");
    }
    memset(deep, '[', sizeof deep);
    assert_null(json_parse_object(deep, sizeof deep, NULL, 0));

    json_t *good = json_parse_object("{\"a\":1,\"b\":\"x\"}  ", 15, reason, sizeof reason);
    assert_non_null(good);
    assert_int_equal(json_int_or(good, "a", 9), 1);
    assert_int_equal(json_int_or(good, "b", 9), 9);
    assert_string_equal(json_text_or(good, "b", "none"), "x");
    assert_string_equal(json_text_or(good, "a", "none"), "none");
    json_decref(good);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_is_lower_case_and_can_be_a_topic_and_a_file),
        cmocka_unit_test(path_is_ids_between_single_slashes),
        cmocka_unit_test(integers_are_taken_whole_and_in_range_only),
        cmocka_unit_test(numbers_are_finite_decimals_only),
        cmocka_unit_test(durations_need_a_unit_and_whole_milliseconds),
        cmocka_unit_test(durations_are_written_exactly_and_read_back),
        cmocka_unit_test(nearest_word_is_within_two_edits_or_a_third),
        cmocka_unit_test(only_well_formed_utf8_without_controls_is_clean),
        cmocka_unit_test(cleaning_never_cuts_a_character),
        cmocka_unit_test(copies_end_with_nul_and_say_when_they_were_cut),
        cmocka_unit_test(buffer_fails_at_its_limit_and_stays_failed),
        cmocka_unit_test(canonical_json_sorts_keys_and_writes_no_blanks),
        cmocka_unit_test(reals_have_twelve_digits_and_whole_numbers_none),
        cmocka_unit_test(only_one_sound_object_is_parsed),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
