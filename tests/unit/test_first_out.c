/*
 * test_first_out.c - which alarm of a burst came first, by the engine.
 */
#include "engine_site.h"

#define QUIET 30000

static struct site site;

static int
set_up(void **state)
{
    static const uint32_t points[] = {A_VOLTAGE, A_LOAD, B_LOAD};

    (void)state;
    site_init(&site);
    for (uint32_t i = 0; i < ARRAY_LEN(points); i++)
        site_alarm(&site, i, points[i], 0)->audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES);
    site.first_out_ms = QUIET;
    site_start(&site);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

static bool
is_first(uint32_t alarm)
{
    return state_of(&site, alarm)->first_out;
}

static void
only_the_first_alarm_of_a_burst_is_first_out(void **state)
{
    (void)state;
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, B_LOAD, 200, 1000);
    feed(&site, A_VOLTAGE, 200, 1000 + QUIET - 1);
    assert_true(is_first(1));
    assert_false(is_first(2));
    assert_false(is_first(0));
}

static void
burst_goes_on_as_long_as_alarms_follow_each_other(void **state)
{
    (void)state;
    feed(&site, A_LOAD, 200, 1000);
    for (int64_t ms = 21000; ms < 200000; ms += 20000) {
        feed(&site, B_LOAD, 200, ms);
        assert_false(is_first(2));
        feed(&site, B_LOAD, 0, ms + 1000);
    }
    feed(&site, A_VOLTAGE, 200, 181000 + QUIET);
    assert_true(is_first(0)); /* half a minute of quiet: another burst */
    assert_true(is_first(1)); /* and that occurrence remains what it was */
}

static void
next_occurrence_is_judged_anew(void **state)
{
    (void)state;
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_LOAD, 0, 2000);
    assert_true(is_first(1));
    feed(&site, A_LOAD, 200, 3000);
    assert_false(is_first(1));
}

static void
each_audience_has_a_burst_of_its_own(void **state)
{
    (void)state;
    site.types[2].audiences = AUDIENCE_BIT(AUDIENCE_SECURITY);
    site.types[0].audiences = AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_FACILITIES);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_VOLTAGE, 200, 2000);
    feed(&site, B_LOAD, 200, 3000);
    assert_true(is_first(1));
    assert_true(is_first(0)); /* for security it is */
    assert_false(is_first(2));
}

static void
what_nobody_hears_is_not_first(void **state)
{
    (void)state;
    engine_event(site.engine, 1, EVENT_SHELVE, 0, at_ms(&site, 600000).utc_ms, at_ms(&site, 500));
    feed(&site, A_LOAD, 200, 1000);
    assert_false(is_first(1));
    feed(&site, B_LOAD, 200, 2000);
    assert_true(is_first(2));
}

static void
restart_in_the_midst_of_a_burst_does_not_end_it(void **state)
{
    uint8_t record[ENGINE_RECORD_MAX];

    (void)state;
    feed(&site, A_LOAD, 200, 1000);
    size_t bytes = engine_save(site.engine, 1, record);
    site_done(&site);
    site.engine = site_engine(&site, 20000);
    assert_true(engine_restore(site.engine, 1, record, bytes, at_ms(&site, 20000)));
    assert_true(is_first(1));
    feed(&site, B_LOAD, 200, 1000 + QUIET - 1);
    assert_false(is_first(2));
    site_done(&site);
    site.engine = site_engine(&site, 40000);
    assert_true(engine_restore(site.engine, 1, record, bytes, at_ms(&site, 40000)));
    feed(&site, B_LOAD, 200, 41000);
    assert_true(is_first(2));
}

static void
without_the_setting_no_alarm_is_first_out(void **state)
{
    (void)state;
    site_done(&site);
    site.first_out_ms = 0;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, B_LOAD, 200, 100000);
    assert_false(is_first(1));
    assert_false(is_first(2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_first_alarm_of_a_burst_is_first_out),
        TEST(burst_goes_on_as_long_as_alarms_follow_each_other),
        TEST(next_occurrence_is_judged_anew),
        TEST(each_audience_has_a_burst_of_its_own),
        TEST(what_nobody_hears_is_not_first),
        TEST(restart_in_the_midst_of_a_burst_does_not_end_it),
        TEST(without_the_setting_no_alarm_is_first_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
