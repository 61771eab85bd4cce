/*
 * test_alarm_rows.c - what is written member by member equals the library's canonical form.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "alerts/alarm_rows.h"
#include "alerts/json_write.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

static const struct value_label LABELS[] = {{3, "on-battery"}};
static const struct point_def POINT = {
    .id = "battery.charge", .unit = "%", .kind = VALUE_NUMBER, .label_count = 1, .labels = LABELS};
static const struct device_info DEVICE = {
    .id = "ups-a", .name = "UPS A", .zone = "room-1", .asset = "4711", .owner = "facilities"};
static const struct point_ref POINTS[] = {{&POINT, 0}};
static const struct directory DIRECTORY = {
    .site = "demo", .device_limit = 1, .devices = &DEVICE, .point_limit = 1, .points = POINTS};
static const struct alarm_type TYPE = {.type = "power.ups.battery-low",
                                       .name = "battery-low",
                                       .text = "Battery \"low\" \\ \t caf\xc3\xa9",
                                       .consequence = "load drops",
                                       .action = "reduce load",
                                       .respond_within_ms = 600000,
                                       .audiences = 7,
                                       .priority = 2,
                                       .rule = RULE_LOW,
                                       .limit = 20.5};

static struct alarm_facts
facts_of(uint64_t seq)
{
    return (struct alarm_facts){.directory = &DIRECTORY,
                                .boot = "7e4a3f0e-0000-4000-8000-000000000000",
                                .clock = "sync",
                                .seq = seq,
                                .utc_ms = 1764000000123};
}

static void
assert_canonical(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    if (value == NULL)
        fail_msg("%s: %s", error.text, text);
    char *canonical = json_canonical(value);
    assert_string_equal(canonical, text);
    free(canonical);
    json_decref(value);
}

static void
alarm_object_in_every_state_is_canonical(void **state)
{
    static const double VALUES[] = {0, -0.0, 3, 19.4, -3.3, 1e20, 1e-7, 123456789012.5, NAN};
    struct alarm_def def = {.type = &TYPE, .id = "power/ups-a/battery-low"};
    static const uint32_t impacts[ALARM_IMPACTS_MAX];
    struct text_buf out;
    unsigned seen = 0;

    (void)state;
    text_buf_init(&out, 65536);
    for (unsigned bits = 0; bits < 128; bits++)
        for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
            struct alarm_state alarm = {.regions = {.cond = (uint8_t)(bits % COND_COUNT),
                                                    .ack = (uint8_t)(bits % ACK_COUNT),
                                                    .shelved = bits & 1,
                                                    .design = bits & 2,
                                                    .oos = bits & 4,
                                                    .test = bits & 8,
                                                    .good = bits & 16},
                                        .occ = bits,
                                        .chatter = bits & 32,
                                        .first_out = bits & 4,
                                        .value = VALUES[i],
                                        .raised_utc_ms = bits & 64 ? 1764000000000 : 0,
                                        .cleared_utc_ms = bits & 32 ? 1764000000001 : 0};
            struct alarm_facts facts = facts_of(bits);

            for (unsigned saying = 0; saying < SAYING_COUNT; saying++)
                facts.said.text[saying] = (bits >> saying & 1) != 0
                                              ? "{\"by\":\"alice\",\"role\":\"operator\",\"ts\":1}"
                                              : NULL;
            def.device = bits & 64 ? UINT32_MAX : 0;
            facts.supp_by = bits & 2 ? def.id : NULL;
            facts.alarms = &def;
            facts.impacts = impacts;
            facts.impact_count = bits & 1 ? ALARM_IMPACTS_MAX + 5 : bits & 16 ? 2 : 0;
            text_buf_reset(&out);
            alarm_rows_object(&out, &def, &alarm, &facts);
            assert_false(out.failed);
            assert_canonical(out.data);
            seen++;
        }
    assert_int_equal(seen, 128 * ARRAY_LEN(VALUES));
    text_buf_done(&out);
}

static void
alarm_object_with_its_hash_put_in_is_canonical_and_says_who_and_what(void **state)
{
    struct alarm_def def = {.type = &TYPE, .id = "power/ups-a/battery-low"};
    struct alarm_state alarm = {.regions = {.cond = COND_ACTIVE, .ack = ACK_UNACKED, .good = true},
                                .occ = 4,
                                .first_out = true,
                                .value = 3};
    struct alarm_facts facts = facts_of(17);
    struct text_buf out, with;

    (void)state;
    text_buf_init(&out, 65536);
    text_buf_init(&with, 65536);
    text_buf_add(&out, "before");
    size_t at = alarm_rows_object(&out, &def, &alarm, &facts);
    text_buf_add(&with, "%.*s\"hash\":\"00ff\",%s", (int)at, out.data + 6, out.data + 6 + at);
    assert_canonical(with.data);

    json_t *object = json_parse_object(with.data, with.length, NULL, 0);
    assert_string_equal(json_text_or(object, "id", ""), "power/ups-a/battery-low");
    assert_string_equal(json_text_or(object, "point", ""), "ups-a/battery.charge");
    assert_string_equal(json_text_or(object, "label", ""), "on-battery");
    assert_string_equal(json_text_or(object, "cond", ""), "active");
    assert_string_equal(json_text_or(object, "severity", ""), "major");
    assert_string_equal(json_text_or(object, "resource", ""), "ups-a");
    assert_string_equal(json_text_or(object, "zone", ""), "room-1");
    assert_int_equal(json_int_or(object, "respond_within_s", 0), 600);
    assert_int_equal(json_int_or(object, "seq", 0), 17);
    assert_true(json_is_true(json_object_get(object, "first_out")));
    assert_int_equal(json_array_size(json_object_get(object, "audience")), 3);
    json_decref(object);
    text_buf_done(&out);
    text_buf_done(&with);
}

static void
strings_of_every_byte_are_canonical_and_never_broken_json(void **state)
{
    struct text_buf out;
    char text[4] = "a?b";

    (void)state;
    text_buf_init(&out, 4096);
    for (int c = 1; c < 256; c++) {
        text[1] = (char)c;
        text_buf_reset(&out);
        json_write_string(&out, text);
        assert_canonical(out.data);
    }
    text_buf_reset(&out);
    json_write_int(&out, INT64_MIN);
    assert_string_equal(out.data, "-9223372036854775808");
    text_buf_done(&out);
}

static void
change_lists_the_outputs_in_the_models_order(void **state)
{
    struct text_buf out;

    (void)state;
    text_buf_init(&out, 4096);
    alarm_rows_change(&out, OUT(RAISED) | OUT(ANNUNCIATE));
    assert_string_equal(out.data, "[\"raised\",\"annunciate\"]");
    text_buf_reset(&out);
    alarm_rows_change(&out, 0);
    assert_string_equal(out.data, "[]");
    text_buf_done(&out);
}

/* Printed, not asserted. */
static void
alarm_object_costs_some_microseconds(void **state)
{
    struct alarm_def def = {.type = &TYPE, .id = "power/ups-a/battery-low"};
    struct alarm_state alarm = {.regions = {.cond = COND_ACTIVE, .good = true}, .value = 19.4};
    struct alarm_facts facts = facts_of(1);
    struct text_buf out;
    int64_t start = clock_mono_us();

    (void)state;
    text_buf_init(&out, 65536);
    for (unsigned i = 0; i < 10000; i++) {
        text_buf_reset(&out);
        alarm_rows_object(&out, &def, &alarm, &facts);
    }
    print_message("%.2f us an object of %zu bytes\n", (double)(clock_mono_us() - start) / 10000,
                  out.length);
    text_buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarm_object_in_every_state_is_canonical),
        cmocka_unit_test(alarm_object_with_its_hash_put_in_is_canonical_and_says_who_and_what),
        cmocka_unit_test(strings_of_every_byte_are_canonical_and_never_broken_json),
        cmocka_unit_test(change_lists_the_outputs_in_the_models_order),
        cmocka_unit_test(alarm_object_costs_some_microseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
