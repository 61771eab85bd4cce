/*
 * test_engine_chatter.c - an input that chatters is held active until it keeps still.
 */
#include "engine_site.h"

#define RAISED (OUT(RAISED) | OUT(ANNUNCIATE))

static struct site site;

static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    site.chatter = ENGINE_CHATTER_DEFAULT;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

/* Up and down from `ms` on, a second each; what came of it is dropped. */
static int64_t
chatter(unsigned raises, int64_t ms)
{
    for (unsigned i = 0; i < raises; i++, ms += 2000) {
        feed(&site, A_LOAD, 200, ms);
        feed(&site, A_LOAD, 0, ms + 1000);
    }
    return ms - 1000; /* of the last edge */
}

static void
third_raise_within_a_minute_holds_the_occurrence_until_it_keeps_still(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    expect(&site, 0, RAISED, 1000);
    feed(&site, A_LOAD, 0, 2000);
    expect(&site, 0, OUT(CLEARED), 2000);
    feed(&site, A_LOAD, 200, 30000);
    expect(&site, 0, RAISED, 30000);
    feed(&site, A_LOAD, 0, 31000);
    expect(&site, 0, OUT(CLEARED), 31000);
    feed(&site, A_LOAD, 200, 61000); /* 60 s after the first */
    assert_int_equal(expect(&site, 0, RAISED | OUT(CHATTER), 61000)->state.chatter, 3);
    feed(&site, A_LOAD, 0, 62000);
    assert_int_equal(expect(&site, 0, OUT(CHATTER), 62000)->state.regions.cond, COND_ACTIVE);
    feed(&site, A_LOAD, 200, 63000);
    assert_int_equal(expect(&site, 0, OUT(CHATTER), 63000)->state.chatter, 4);
    feed(&site, A_LOAD, 0, 64000);
    expect(&site, 0, OUT(CHATTER), 64000);
    assert_int_equal(state_of(&site, 0)->occ, 3);
    tick(&site, 363999);
    expect_silence(&site);
    tick(&site, 364000);
    assert_int_equal(expect(&site, 0, OUT(STEADY), 364000)->state.chatter, 0);
    expect(&site, 0, OUT(CLEARED), 364000); /* the end state is told */
    feed(&site, A_LOAD, 200, 365000);       /* and counting begins anew */
    expect(&site, 0, RAISED, 365000);
    expect_silence(&site);
}

static void
input_that_stands_when_the_hold_ends_stays_active(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    int64_t ms = chatter(5, 1000) + 1000;
    feed(&site, A_LOAD, 200, ms);
    forget_told(&site);
    tick(&site, ms + 300000);
    expect(&site, 0, OUT(STEADY), ms + 300000);
    expect_silence(&site);
    assert_int_equal(state_of(&site, 0)->regions.cond, COND_ACTIVE);
    feed(&site, A_LOAD, 0, ms + 301000);
    expect(&site, 0, OUT(CLEARED), ms + 301000);
}

static void
raises_before_a_hold_do_not_count_for_the_next(void **state)
{
    (void)state;
    site.chatter = (struct engine_chatter){.raises = 2, .within_ms = 60000, .quiet_ms = 5000};
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    int64_t ms = chatter(2, 1000);
    assert_int_equal(state_of(&site, 0)->chatter, 2);
    tick(&site, ms + 5000);
    forget_told(&site);
    feed(&site, A_LOAD, 200, ms + 6000);
    expect(&site, 0, RAISED, ms + 6000);
    feed(&site, A_LOAD, 0, ms + 7000);
    expect(&site, 0, OUT(CLEARED), ms + 7000);
    feed(&site, A_LOAD, 200, ms + 8000);
    expect(&site, 0, RAISED | OUT(CHATTER), ms + 8000);
}

static void
raises_farther_apart_are_not_held(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    for (int64_t i = 0; i < 20; i++) { /* never a third within 60 s */
        feed(&site, A_LOAD, 200, 1000 + i * 30001);
        feed(&site, A_LOAD, 0, 2000 + i * 30001);
        expect(&site, 0, RAISED, 1000 + i * 30001);
        expect(&site, 0, OUT(CLEARED), 2000 + i * 30001);
    }
    expect_silence(&site);
}

static void
condition_that_never_outlasts_its_on_delay_is_not_held(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 1500;
    site_start(&site);
    chatter(30, 1000);
    for (size_t i = 0; i < site.told_count; i++)
        assert_int_equal(site.told[i].outputs, OUT(FLEETING));
    assert_int_equal(state_of(&site, 0)->chatter, 0);
}

static void
hold_goes_on_with_its_delays_when_it_ends(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->off_delay_ms = 500;
    site_start(&site);
    int64_t ms = 1000;
    for (unsigned i = 0; i < 4; i++, ms += 2000) {
        feed(&site, A_LOAD, 200, ms);
        feed(&site, A_LOAD, 0, ms + 1000);
        tick(&site, ms + 1500);
    }
    assert_int_equal(state_of(&site, 0)->chatter, 4);
    forget_told(&site);
    tick(&site, ms + 400000);
    expect(&site, 0, OUT(STEADY), ms - 1000 + 300000);
    expect(&site, 0, OUT(CLEARED), ms - 1000 + 300500);
}

static void
hold_with_bad_quality_does_not_end(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    int64_t ms = chatter(3, AWAKE);
    forget_told(&site);
    tick(&site, ms + 700000);
    expect(&site, 0, OUT(QUALITY_BAD), ms + 3000);
    expect_silence(&site);
    feed(&site, A_LOAD, 0, ms + 700000);
    expect(&site, 0, OUT(QUALITY_GOOD), ms + 700000);
    feed_until(&site, A_LOAD, 0, ms + 700000, ms + 900000);
    expect(&site, 0, OUT(STEADY), ms + 900000);
    expect(&site, 0, OUT(CLEARED), ms + 900000);
}

static void
hold_over_a_restart_keeps_its_count_and_its_quiet_time_begins_again(void **state)
{
    uint8_t record[ENGINE_RECORD_MAX];

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    int64_t ms = chatter(4, 1000);
    size_t bytes = engine_save(site.engine, 0, record);
    site_done(&site);
    forget_told(&site);
    site.engine = site_engine(&site, ms + 200000);
    assert_true(engine_restore(site.engine, 0, record, bytes, at_ms(&site, ms + 200000)));
    assert_int_equal(state_of(&site, 0)->chatter, 4);
    feed(&site, A_LOAD, 0, ms + 201000); /* it fell: an edge, perhaps an old one */
    expect(&site, 0, OUT(CHATTER), ms + 201000);
    tick(&site, ms + 500999);
    expect_silence(&site);
    tick(&site, ms + 501000);
    expect(&site, 0, OUT(STEADY), ms + 501000);
    expect(&site, 0, OUT(CLEARED), ms + 501000);
}

static void
without_the_setting_nothing_is_held(void **state)
{
    (void)state;
    site.chatter = (struct engine_chatter){0};
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    chatter(50, 1000);
    assert_int_equal(state_of(&site, 0)->occ, 50);
    assert_int_equal(site.told_count, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(third_raise_within_a_minute_holds_the_occurrence_until_it_keeps_still),
        TEST(input_that_stands_when_the_hold_ends_stays_active),
        TEST(raises_before_a_hold_do_not_count_for_the_next),
        TEST(raises_farther_apart_are_not_held),
        TEST(condition_that_never_outlasts_its_on_delay_is_not_held),
        TEST(hold_goes_on_with_its_delays_when_it_ends),
        TEST(hold_with_bad_quality_does_not_end),
        TEST(hold_over_a_restart_keeps_its_count_and_its_quiet_time_begins_again),
        TEST(without_the_setting_nothing_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
