/*
 * test_texts.c - how two configurations differ, in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/texts.h"

#define LINES_MAX 16

struct lines {
    char text[LINES_MAX][TEXTS_LINE_MAX];
    size_t count;
};

static void
take(void *ctx, const char *text)
{
    struct lines *lines = ctx;

    if (lines->count < LINES_MAX)
        snprintf(lines->text[lines->count], TEXTS_LINE_MAX, "%s", text);
    lines->count++;
}

static struct lines
compare_as(const char *name, const char *a, const char *b)
{
    struct site_texts before = {0}, after = {0};
    struct lines lines = {0};

    assert_true(a == NULL || texts_add(&before, name, a, strlen(a)));
    assert_true(b == NULL || texts_add(&after, name, b, strlen(b)));
    size_t count = texts_compare(&before, &after, take, &lines);
    assert_int_equal(count, lines.count);
    texts_done(&before);
    texts_done(&after);
    return lines;
}

static void
each_kind_of_change_is_said_in_words(void **state)
{
    static const struct {
        const char *a, *b, *line;
    } cases[] = {
        {"devices: [{id: a}]", "devices: [{id: a}, {id: b}]", "device b added"},
        {"devices: [{id: a}, {id: b}]", "devices: [{id: b}]", "device a removed"},
        {"devices: [{id: a, address: 10.0.0.1}]", "devices: [{id: a, address: 10.0.0.2}]",
         "device a, address: 10.0.0.1 -> 10.0.0.2"},
        {"devices: [{id: a, alarms: {hot: {high: 27}}}]",
         "devices: [{id: a, alarms: {hot: {high: 29}}}]", "device a, alarm hot, high: 27 -> 29"},
        {"devices: [{id: a}]", "devices: [{id: a, alarms: {hot: {high: 29}}}]",
         "device a, alarm hot, high: (not set) -> 29"},
        {"devices: [{id: a, intervals: {fast: 1s}}]", "devices: [{id: a, intervals: {fast: 2s}}]",
         "device a, interval fast: 1s -> 2s"},
        {"alarms: [{name: x, point: a/p, high: 1}, {name: x, point: b/p, high: 1}]",
         "alarms: [{name: x, point: b/p, high: 2}, {name: x, point: a/p, high: 1}]",
         "alarm b/x, high: 1 -> 2"},
        {"users: [{name: anna, role: operator}]", "users: [{name: anna, role: supervisor}]",
         "user anna, role: operator -> supervisor"},
        {"users: [{name: anna, audiences: [security]}]",
         "users: [{name: anna, audiences: [security, facilities]}]",
         "user anna, audiences: [security] -> [security, facilities]"},
        {"broker: {host: a}", "broker: {host: b}", "broker, host: a -> b"},
        {"broker: {host: a}", "x: 1\nbroker: {host: a}", "x: (not set) -> 1"},
        {"broker: {host: a, tls: {ca: x}}", "broker: {host: a}", "broker, tls, ca: x -> (not set)"},
        {"site: {id: a, name: N}", "site: {id: a}", "site, name: N -> (not set)"},
        {"retention: {series: [{step: 1s}]}", "retention: {series: [{step: 2s}]}",
         "retention, series: [{step: 1s}] -> [{step: 2s}]"},
        {"a: {b: [1]}", "a: {b: 1}", "a, b: [1] -> 1"},
        {"a: {b: {c: 1}}", "a: {b: 1}", "a, b: {c: 1} -> 1"},
        {"text: |\n  one\n  two\n", "text: three", "text: one... -> three"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lines lines = compare_as(SITE_TEXT_NAME, cases[i].a, cases[i].b);

        assert_string_equal(lines.text[0], cases[i].line);
        assert_int_equal(lines.count, 1);
    }
}

static void
what_means_the_same_is_no_difference(void **state)
{
    static const char *const PAIRS[][2] = {
        {"a: 1 # one", "# two\na:   '1'"},
        {"devices: [{id: a}, {id: b}]", "devices:\n- id: b\n- id: a\n"},
        {"a: {x: 1, y: 2}", "a: {y: 2, x: 1}"},
        {"a: ", "{}"},
        {"devices: []", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
        struct lines lines = compare_as(SITE_TEXT_NAME, PAIRS[i][0], PAIRS[i][1]);

        if (lines.count > 0)
            fail_msg("pair %zu: %s", i, lines.text[0]);
    }
}

static void
no_secret_is_ever_shown(void **state)
{
    static const char *const PAIRS[][2] = {
        {"devices: [{id: a, snmp: {community: hush1}}]",
         "devices: [{id: a, snmp: {community: hush2}}]"},
        {"devices: [{id: a}]", "devices: [{id: a, snmp: {community: hush2}}]"},
        {"devices: [{id: a, snmp: {community: hush1}}]", "devices: [{id: a}]"},
        {"devices: [{id: a, x: [{community: hush1}]}]", "devices: [{id: a, x: [1]}]"},
        {"devices: [{id: a, snmp: {community: hush1}}]", "devices: [{id: a, snmp: 1}]"},
        {"devices: [{id: a, snmp: {community: [hush1]}}]",
         "devices: [{id: a, snmp: {community: x}}]"},
        {"devices: [{snmp: {community: hush1}}]", "devices: [{snmp: {community: hush2}}]"},
    };
    static const char SECRET[] = "devices: [{id: a, snmp: {community: hush}}]";
    static const char PUBLIC[] = "devices: [{id: a, snmp: {community: public}}, {id: b}]";
    struct site_texts texts = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
        struct lines lines = compare_as(SITE_TEXT_NAME, PAIRS[i][0], PAIRS[i][1]);

        assert_int_not_equal(lines.count, 0);
        for (size_t k = 0; k < lines.count; k++)
            assert_null(strstr(lines.text[k], "hush"));
    }
    assert_true(texts_add(&texts, "secret", SECRET, strlen(SECRET)));
    assert_true(texts_add(&texts, "public", PUBLIC, strlen(PUBLIC)));
    assert_true(texts_has_secret(texts_find(&texts, "secret")));
    assert_false(texts_has_secret(texts_find(&texts, "public")));
    texts_done(&texts);
}

static void
profiles_come_and_go_and_change(void **state)
{
    struct lines lines;

    (void)state;
    lines = compare_as("profiles/ups/x.yaml", "alarms: [{name: hot, high: 27}]",
                       "alarms: [{name: hot, high: 29}]");
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.text[0], "profile ups/x, alarm hot, high: 27 -> 29");
    lines = compare_as("profiles/ups/x.yaml", NULL, "a: 1");
    assert_string_equal(lines.text[0], "profile ups/x used for the first time");
    lines = compare_as("profiles/ups/x.yaml", "a: 1", NULL);
    assert_string_equal(lines.text[0], "profile ups/x no longer used");
}

static void
what_is_no_yaml_and_what_is_too_much_is_said(void **state)
{
    char deep[1200] = "a: ", other[1200] = "a: ", wide[2][400];
    struct lines lines;

    (void)state;
    lines = compare_as(SITE_TEXT_NAME, "a: [", "a: 1");
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.text[0], "site: what was is not readable as YAML");
    lines = compare_as(SITE_TEXT_NAME, "a: 1", "\x01");
    assert_string_equal(lines.text[0], "site: what would be is not readable as YAML");

    for (int i = 0; i < 40; i++) {
        strcat(deep, "{a: ");  // NOLINT: room for far more
        strcat(other, "{a: "); // NOLINT
    }
    strcat(deep, "1");  // NOLINT
    strcat(other, "2"); // NOLINT
    for (int i = 0; i < 40; i++) {
        strcat(deep, "}");  // NOLINT
        strcat(other, "}"); // NOLINT
    }
    assert_int_equal(compare_as(SITE_TEXT_NAME, deep, other).count, 1);

    memset(wide, 'x', sizeof wide);
    memcpy(wide[0], "a: 1", 4);
    memcpy(wide[1], "a: 2", 4);
    wide[0][399] = wide[1][399] = '\0';
    lines = compare_as(SITE_TEXT_NAME, wide[0], wide[1]);
    assert_int_equal(lines.count, 1);
    assert_true(strlen(lines.text[0]) < 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_change_is_said_in_words),
        cmocka_unit_test(what_means_the_same_is_no_difference),
        cmocka_unit_test(no_secret_is_ever_shown),
        cmocka_unit_test(profiles_come_and_go_and_change),
        cmocka_unit_test(what_is_no_yaml_and_what_is_too_much_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
