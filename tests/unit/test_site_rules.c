/*
 * test_site_rules.c - rules of alarms from a site file and its profiles: every kind, its points,
 * what makes it another definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/site.h"

#define PROFILES SOURCE_DIR "/config/profiles"
#define HEAD                                                                                       \
    "site: {id: t1}\ndevices:\n"                                                                   \
    "  - {id: a, profile: ups/rfc1628, address: 10.0.0.1}\n"                                       \
    "  - {id: b, profile: ups/rfc1628, address: 10.0.0.2, intervals: {fast: 1s, normal: 1m}}\n"
#define MORE                                                                                       \
    ", class: power, type: power.n, priority: 3, audiences: [facilities], text: t, consequence: "  \
    "c, action: a, respond_within: 2h"
#define ALARM(name, rule) "  - {name: " name ", " rule MORE "}\n"

static struct site *
load(const char *text)
{
    struct site_options options = {.profile_dir = PROFILES, .generation = 1};
    struct diag diag;
    struct site *site = NULL;

    diag_init(&diag);
    enum err_code code = site_load_text("t.yaml", text, strlen(text), &options, &diag, &site);
    if (code != ERR_OK)
        diag_print(&diag, stderr);
    diag_done(&diag);
    assert_int_equal(code, ERR_OK);
    return site;
}

static const struct alarm_def *
alarm_def(const struct site *site, const char *id)
{
    for (uint32_t i = 0; i < site->alarm_limit; i++)
        if (site->alarms[i].type != NULL && strcmp(site->alarms[i].id, id) == 0)
            return &site->alarms[i];
    fail_msg("no alarm %s", id);
    return NULL;
}

static uint32_t
point(const struct site *site, const char *name)
{
    uint32_t number = UINT32_MAX;

    assert_true(directory_find_point(&site->directory, name, &number));
    return number;
}

static void
every_kind_of_rule_is_read_from_the_site_file(void **state)
{
    struct site *site = load(
        HEAD "alarms:\n" ALARM("rise", "point: a/battery.temperature, rate: {rise: 3, in: 5m}, "
                                       "deadband: 1")
            ALARM("fall", "point: a/battery.charge, rate: {fall: 2.5, in: 90s}")
                ALARM("change", "point: a/battery.charge, rate: {change: 7, in: 1h}")
                    ALARM("flaps", "point: a/ups.output.source, count: {of: [battery, bypass], "
                                   "at_least: 3, in: 10m}")
                        ALARM("hunts", "point: a/ups.output.source, count: {of: change, "
                                       "at_least: 4, in: 1m}")
                            ALARM("sags", "point: a/input.L1.voltage, count: {low: 207, at_least: "
                                          "2, in: 60s}, deadband: 5")
                                ALARM("apart", "point: a/input.L1.voltage, difference: {with: "
                                               "b/input.L1.voltage, high: 10, absolute: true}")
                                    ALARM("both", "point: b/battery.charge, when: a/battery.charge "
                                                  "< 50 and b/battery.charge < 50 for 30s")
                                        ALARM("silent", "point: a/battery.charge, silent: 30m"));
    const struct alarm_type *type = alarm_def(site, "power/a/rise")->type;

    (void)state;
    assert_int_equal(type->rule, RULE_RISE);
    assert_true(type->limit == 3 && type->window_ms == 300000 && type->deadband == 1);
    type = alarm_def(site, "power/a/fall")->type;
    assert_true(type->rule == RULE_FALL && type->limit == 2.5 && type->window_ms == 90000);
    assert_int_equal(alarm_def(site, "power/a/change")->type->rule, RULE_CHANGE);
    type = alarm_def(site, "power/a/flaps")->type;
    assert_int_equal(type->rule, RULE_COUNT);
    assert_int_equal(type->inner, RULE_IS);
    assert_int_equal(type->value_count, 2);
    assert_int_equal(type->at_least, 3);
    assert_int_equal(alarm_def(site, "power/a/hunts")->type->inner, RULE_CHANGE);
    type = alarm_def(site, "power/a/sags")->type;
    assert_true(type->inner == RULE_LOW && type->limit == 207 && type->deadband == 5);
    assert_int_equal(alarm_def(site, "power/a/sags")->input_count, 0);

    const struct alarm_def *apart = alarm_def(site, "power/a/apart");
    assert_int_equal(apart->type->rule, RULE_DIFFERENCE);
    assert_true(apart->type->inner == RULE_HIGH && apart->type->is_absolute);
    assert_int_equal(apart->input_count, 2);
    assert_int_equal(apart->inputs[0].point, point(site, "a/input.L1.voltage"));
    assert_int_equal(apart->inputs[1].point, point(site, "b/input.L1.voltage"));
    assert_int_equal(apart->inputs[0].stale_after_ms, 6500); /* each by its own interval */
    assert_int_equal(apart->inputs[1].stale_after_ms, 3500);

    const struct alarm_def *both = alarm_def(site, "power/b/both");
    assert_int_equal(both->type->rule, RULE_WHEN);
    assert_int_equal(both->input_count, 2);
    assert_int_equal(both->inputs[0].point, point(site, "a/battery.charge"));
    assert_int_equal(both->inputs[1].point, both->point);
    assert_int_equal(both->type->expression->clock_count, 1);
    assert_true(expression_is_sound(both->type->expression));
    assert_int_equal(alarm_def(site, "power/a/silent")->type->rule, RULE_SILENT);
    assert_int_equal(alarm_def(site, "power/a/silent")->type->window_ms, 1800000);
    site_free(site);
}

static void
another_rule_is_another_definition(void **state)
{
    static const char *const rules[] = {
        "point: a/battery.charge, rate: {fall: 2, in: 90s}",
        "point: a/battery.charge, rate: {fall: 2, in: 91s}",
        "point: a/battery.charge, rate: {rise: 2, in: 90s}",
        "point: a/battery.charge, count: {low: 2, at_least: 2, in: 90s}",
        "point: a/battery.charge, count: {low: 2, at_least: 3, in: 90s}",
        "point: a/battery.charge, count: {high: 2, at_least: 2, in: 90s}",
        "point: a/battery.charge, difference: {with: b/battery.charge, high: 2}",
        "point: a/battery.charge, difference: {with: b/battery.charge, high: 2, absolute: true}",
        "point: a/battery.charge, difference: {with: b/battery.voltage, high: 2}",
        "point: a/battery.charge, when: a/battery.charge < 2",
        "point: a/battery.charge, when: a/battery.charge < 3",
        "point: a/battery.charge, when: a/battery.charge < 3 for 5s",
        "point: a/battery.charge, silent: 90s",
    };
    uint64_t digests[ARRAY_LEN(rules)];
    char text[2000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        snprintf(text, sizeof text, HEAD "alarms:\n" ALARM("n", "%s"), rules[i]);
        struct site *site = load(text);

        digests[i] = alarm_def(site, "power/a/n")->type->digest;
        for (size_t k = 0; k < i; k++)
            assert_true(digests[k] != digests[i]);
        site_free(site);
    }
}

static void
condition_of_a_profile_is_of_each_device_its_own(void **state)
{
    struct site *site =
        load("site: {id: t1}\ndevices:\n"
             "  - id: c\n    protocol: modbus-tcp\n    address: 10.0.0.3\n    groups: {fast: 1s}\n"
             "    points:\n"
             "      - {id: x, custom: true, kind: number, unit: V, description: x, group: fast, "
             "register: {fc: 3, address: 0, type: u16}}\n"
             "      - {id: door, custom: true, kind: flag, description: y, group: fast, "
             "register: {fc: 3, address: 1, type: u16}}\n"
             "alarms:\n" ALARM("n", "point: c/x, when: 'not c/door and c/x / 2 > 5'"));
    const struct alarm_def *def = alarm_def(site, "power/c/n");

    (void)state;
    assert_int_equal(def->inputs[0].point, point(site, "c/door"));
    assert_int_equal(def->inputs[1].point, point(site, "c/x"));
    assert_string_equal(def->type->expression->text, "not c/door and c/x / 2 > 5");
    site_free(site);
}

static void
limit_of_a_window_can_be_another_one_on_a_device(void **state)
{
    struct site *site =
        load("site: {id: t1}\ndevices:\n"
             "  - {id: e, profile: environment/akcp-sensorprobe, address: 10.0.0.1, "
             "alarms: {temperature-1-rising: {limit: 7}}}\n"
             "  - {id: f, profile: environment/akcp-sensorprobe, address: 10.0.0.2}\n");
    const struct alarm_type *changed = alarm_def(site, "environment/e/temperature-1-rising")->type;
    const struct alarm_type *usual = alarm_def(site, "environment/f/temperature-1-rising")->type;

    (void)state;
    assert_int_equal(changed->rule, RULE_RISE);
    assert_true(changed->limit == 7 && usual->limit == 3);
    assert_int_equal(changed->window_ms, usual->window_ms);
    assert_true(changed->digest != usual->digest);
    site_free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_rule_is_read_from_the_site_file),
        cmocka_unit_test(another_rule_is_another_definition),
        cmocka_unit_test(condition_of_a_profile_is_of_each_device_its_own),
        cmocka_unit_test(limit_of_a_window_can_be_another_one_on_a_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
