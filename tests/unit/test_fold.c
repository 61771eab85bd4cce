/*
 * test_fold.c - suppression by design: consequences under the alarm that is their cause.
 */
#include "engine_site.h"

#define RAISED (OUT(RAISED) | OUT(ANNUNCIATE))
#define RELEASED (OUT(UNSUPPRESSED) | OUT(ANNUNCIATE))
#define HOLD 60000
#define MAX 600000

enum { ROOT, PUMP, FAN };

static struct site site;

/* A root on A_VOLTAGE, consequences on B_LOAD and B_TEMP. */
static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    site_alarm(&site, ROOT, A_VOLTAGE, 0);
    site_alarm(&site, PUMP, B_LOAD, 0);
    site_alarm(&site, FAN, B_TEMP, 0);
    site_fold(&site, PUMP, ROOT, MAX);
    site_fold(&site, FAN, ROOT, MAX);
    site.fold_hold_ms = HOLD;
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
is_suppressed(uint32_t alarm)
{
    return state_of(&site, alarm)->regions.design;
}

/* Raises the root at 1 s and the pump's alarm at 2 s, silently. */
static void
raise_both(void)
{
    feed(&site, A_VOLTAGE, 200, 1000);
    feed(&site, B_LOAD, 200, 2000);
    tick(&site, 2000);
    forget_told(&site);
}

static void
consequence_of_a_standing_root_is_not_told(void **state)
{
    uint32_t impacts[4] = {99, 99, 99, 99};

    (void)state;
    feed(&site, A_VOLTAGE, 200, 1000);
    expect(&site, ROOT, RAISED, 1000);
    expect_silence(&site); /* nothing is suppressed before there is something to suppress */
    feed(&site, B_LOAD, 200, 2000);
    expect(&site, PUMP, OUT(SUPPRESSED), 2000);
    expect(&site, PUMP, OUT(RAISED), 2000);
    assert_int_equal(engine_root(site.engine, PUMP), ROOT);
    assert_int_equal(engine_root(site.engine, FAN), UINT32_MAX);
    tick(&site, 2500);
    expect(&site, ROOT, OUT(IMPACTS), 2500);
    assert_int_equal(engine_impacts(site.engine, ROOT, impacts, 4), 1);
    assert_int_equal(impacts[0], PUMP);
    assert_int_equal(impacts[1], 99);
    feed(&site, B_TEMP, 200, 3000);
    assert_int_equal(engine_impacts(site.engine, ROOT, impacts, 1), 2);
    assert_int_equal(impacts[1], 99); /* no more than there is room for */
    assert_int_equal(engine_impacts(site.engine, PUMP, impacts, 4), 0);
    assert_int_equal(engine_counts(site.engine)->suppressed, 2);
}

static void
consequence_told_before_its_root_is_suppressed_and_stays_unacknowledged(void **state)
{
    (void)state;
    feed(&site, B_LOAD, 200, 1000);
    expect(&site, PUMP, RAISED, 1000);
    feed(&site, A_VOLTAGE, 200, 2000);
    expect(&site, ROOT, RAISED, 2000);
    expect(&site, PUMP, OUT(SUPPRESSED), 2000);
    expect_silence(&site);
    assert_int_equal(state_of(&site, PUMP)->regions.ack, ACK_UNACKED);
    feed(&site, B_LOAD, 0, 3000);
    expect(&site, PUMP, OUT(CLEARED), 3000);
    assert_int_equal(state_of(&site, PUMP)->regions.ack, ACK_UNACKED); /* it was told */
}

static void
root_that_goes_holds_for_a_minute_then_what_is_live_is_told(void **state)
{
    (void)state;
    raise_both();
    feed(&site, B_TEMP, 200, 3000);
    feed(&site, B_TEMP, 0, 4000);
    forget_told(&site);
    feed(&site, A_VOLTAGE, 0, 10000);
    expect(&site, ROOT, OUT(CLEARED), 10000);
    tick(&site, 10000 + HOLD - 1);
    while (site.told_read < site.told_count) /* what is suppressed is as before */
        assert_int_equal(site.told[site.told_read++].outputs, OUT(IMPACTS));
    tick(&site, 10000 + HOLD + 500);
    uint32_t outputs[3] = {0};
    for (; site.told_read < site.told_count; site.told_read++)
        if (site.told[site.told_read].outputs != OUT(IMPACTS)) {
            assert_int_equal(site.told[site.told_read].at.mono_ms - START, 10000 + HOLD);
            outputs[site.told[site.told_read].alarm] = site.told[site.told_read].outputs;
        }
    assert_int_equal(outputs[PUMP], RELEASED);
    assert_int_equal(outputs[FAN], OUT(UNSUPPRESSED)); /* it was over before */
    assert_int_equal(state_of(&site, PUMP)->regions.ack, ACK_UNACKED);
    assert_int_equal(engine_root(site.engine, PUMP), UINT32_MAX);
}

static void
root_that_comes_again_within_the_hold_goes_on_suppressing(void **state)
{
    (void)state;
    raise_both();
    feed(&site, A_VOLTAGE, 0, 10000);
    feed(&site, A_VOLTAGE, 200, 10000 + HOLD - 1);
    tick(&site, 10000 + HOLD + 1000);
    assert_true(is_suppressed(PUMP));
    tick(&site, 10000 + HOLD - 1 + MAX - 1); /* another occurrence: its own longest time */
    assert_true(is_suppressed(PUMP));
    tick(&site, 10000 + HOLD - 1 + MAX);
    assert_false(is_suppressed(PUMP));
}

static void
no_root_suppresses_for_longer_than_it_may(void **state)
{
    (void)state;
    raise_both();
    tick(&site, 2000 + MAX - 1);
    assert_true(is_suppressed(PUMP));
    forget_told(&site);
    tick(&site, 2000 + MAX);
    expect(&site, PUMP, RELEASED, 2000 + MAX);
    feed(&site, B_LOAD, 0, 2000 + MAX + 1000);
    forget_told(&site);
    feed(&site, B_LOAD, 200, 2000 + MAX + 2000); /* the same occurrence of the root: spent */
    expect(&site, PUMP, RAISED, 2000 + MAX + 2000);
    feed(&site, A_VOLTAGE, 0, 3000 + MAX + 2000);
    feed(&site, A_VOLTAGE, 200, 4000 + MAX + 2000); /* the next one has its own time */
    assert_true(is_suppressed(PUMP));
}

static void
root_that_chatters_within_its_hold_gains_no_time_but_by_a_new_occurrence(void **state)
{
    (void)state;
    site.types[ROOT].off_delay_ms = 5000;
    raise_both();
    for (int64_t ms = 10000; ms < 2000 + MAX; ms += 4000) { /* it clears never: one occurrence */
        feed(&site, A_VOLTAGE, 0, ms);
        feed(&site, A_VOLTAGE, 200, ms + 2000);
    }
    tick(&site, 2000 + MAX);
    assert_int_equal(state_of(&site, ROOT)->occ, 1);
    assert_false(is_suppressed(PUMP));
}

static void
root_of_bad_quality_hides_nothing_after_the_hold(void **state)
{
    (void)state;
    site_done(&site);
    site.alarms[ROOT].stale_after_ms = 3000;
    site_start(&site);
    feed(&site, A_VOLTAGE, 200, AWAKE);
    feed(&site, B_LOAD, 200, AWAKE);
    tick(&site, AWAKE + 3000 + HOLD - 1);
    assert_true(is_suppressed(PUMP));
    tick(&site, AWAKE + 3000 + HOLD);
    assert_false(is_suppressed(PUMP));
    feed(&site, B_TEMP, 200, AWAKE + 70000);
    assert_false(is_suppressed(FAN));
    feed(&site, A_VOLTAGE, 200, AWAKE + 71000); /* it is known again, and stands */
    assert_true(is_suppressed(FAN));
    assert_true(is_suppressed(PUMP)); /* of its time something is left */
}

static void
root_that_people_put_aside_or_test_hides_nothing(void **state)
{
    static const struct {
        enum alarm_event on, off;
    } cases[] = {{EVENT_SHELVE, EVENT_UNSHELVE},
                 {EVENT_OOS_ON, EVENT_OOS_OFF},
                 {EVENT_TEST_ON, EVENT_TEST_OFF}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        site_done(&site);
        site_start(&site);
        feed(&site, A_VOLTAGE, 200, 1000);
        engine_event(site.engine, ROOT, cases[i].on, 0, at_ms(&site, MAX).utc_ms,
                     at_ms(&site, 1500));
        feed(&site, B_LOAD, 200, 2000);
        assert_false(is_suppressed(PUMP));
        command(&site, ROOT, cases[i].off, 3000);
        assert_true(is_suppressed(PUMP));
        engine_event(site.engine, ROOT, cases[i].on, 0, at_ms(&site, MAX).utc_ms,
                     at_ms(&site, 4000));
        tick(&site, 4000 + HOLD);
        assert_false(is_suppressed(PUMP));
    }
}

static void
what_is_managed_is_never_suppressed(void **state)
{
    (void)state;
    site_done(&site);
    site.types[PUMP].managed = true;
    site_start(&site);
    feed(&site, A_VOLTAGE, 200, 1000);
    expect(&site, ROOT, RAISED, 1000);
    feed(&site, B_LOAD, 200, 2000);
    expect(&site, PUMP, RAISED, 2000);
}

static void
delayed_consequence_is_suppressed_from_its_first_reading(void **state)
{
    (void)state;
    site_done(&site);
    site.types[PUMP].on_delay_ms = 5000;
    site_start(&site);
    feed(&site, B_LOAD, 200, 1000);
    feed(&site, A_VOLTAGE, 200, 3000);
    expect(&site, ROOT, RAISED, 3000);
    expect(&site, PUMP, OUT(SUPPRESSED), 3000);
    tick(&site, 6500);
    expect(&site, PUMP, OUT(RAISED), 6000);
    /* What fell due before the root came is told, whenever the tick comes. */
    site_done(&site);
    forget_told(&site);
    site_start(&site);
    feed(&site, B_LOAD, 200, 1000);
    feed(&site, A_VOLTAGE, 200, 8000);
    expect(&site, ROOT, RAISED, 8000);
    expect(&site, PUMP, RAISED, 6000);
    expect(&site, PUMP, OUT(SUPPRESSED), 8000);
}

static void
consequence_is_a_root_of_others(void **state)
{
    (void)state;
    site_done(&site);
    site_fold(&site, FAN, PUMP, MAX);
    site_start(&site);
    raise_both();
    feed(&site, B_TEMP, 200, 3000);
    assert_int_equal(engine_root(site.engine, FAN), PUMP); /* though that is suppressed itself */
    feed(&site, A_VOLTAGE, 0, 10000);
    tick(&site, 10000 + HOLD);
    assert_false(is_suppressed(PUMP));
    assert_true(is_suppressed(FAN)); /* the pump stands, and says so */
}

/* restart */

static struct {
    uint8_t bytes[3][ENGINE_RECORD_MAX];
    size_t count[3];
} saved;

static void
save(void)
{
    for (uint32_t i = 0; i <= FAN; i++)
        saved.count[i] = engine_save(site.engine, i, saved.bytes[i]);
    site_done(&site);
    forget_told(&site);
}

/* In both orders: what comes first must not matter. */
static void
restart_at(int64_t ms, bool backwards)
{
    site_done(&site);
    forget_told(&site);
    site.engine = site_engine(&site, ms);
    for (uint32_t i = 0; i <= FAN; i++) {
        uint32_t alarm = backwards ? FAN - i : i;

        assert_true(engine_restore(site.engine, alarm, saved.bytes[alarm], saved.count[alarm],
                                   at_ms(&site, ms)));
    }
}

static void
restart_keeps_what_is_suppressed_and_its_end(void **state)
{
    uint8_t again[ENGINE_RECORD_MAX];

    (void)state;
    raise_both();
    save();
    for (int backwards = 0; backwards < 2; backwards++) {
        restart_at(100000, backwards != 0);
        expect_silence(&site);
        assert_true(is_suppressed(PUMP));
        assert_int_equal(engine_root(site.engine, PUMP), ROOT);
        assert_int_equal(engine_save(site.engine, PUMP, again), saved.count[PUMP]);
        assert_memory_equal(again, saved.bytes[PUMP], saved.count[PUMP]);
        tick(&site, 2000 + MAX - 1);
        assert_true(is_suppressed(PUMP));
        tick(&site, 2000 + MAX);
        expect(&site, PUMP, RELEASED, 2000 + MAX);
    }
    restart_at(2000 + MAX + 5000, false); /* its time ran out meanwhile */
    tick(&site, 2000 + MAX + 5000);
    expect(&site, PUMP, RELEASED, 2000 + MAX + 5000);
}

static void
root_that_went_before_a_restart_holds_from_the_restart_on(void **state)
{
    (void)state;
    raise_both();
    feed(&site, A_VOLTAGE, 0, 50000);
    save();
    for (int backwards = 0; backwards < 2; backwards++) {
        restart_at(60000, backwards != 0);
        tick(&site, 60000 + HOLD - 1);
        assert_true(is_suppressed(PUMP));
        tick(&site, 60000 + HOLD);
        assert_false(is_suppressed(PUMP));
    }
}

static void
alarm_that_has_no_root_any_more_is_released_by_the_restart(void **state)
{
    (void)state;
    raise_both();
    save();
    site.types[PUMP].suppressed_by = NULL;
    restart_at(100000, false);
    expect(&site, PUMP, RELEASED, 100000);
    site.types[PUMP].suppressed_by = "x";
    site.types[PUMP].managed = true;
    restart_at(100000, false);
    expect(&site, PUMP, RELEASED, 100000);
}

static void
clock_gone_backwards_does_not_make_it_longer(void **state)
{
    (void)state;
    raise_both();
    save();
    site.utc_ahead -= INT64_C(86400000);
    restart_at(100000, false);
    tick(&site, 100000 + MAX - 1);
    assert_true(is_suppressed(PUMP));
    tick(&site, 100000 + MAX);
    assert_false(is_suppressed(PUMP));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(consequence_of_a_standing_root_is_not_told),
        TEST(consequence_told_before_its_root_is_suppressed_and_stays_unacknowledged),
        TEST(root_that_goes_holds_for_a_minute_then_what_is_live_is_told),
        TEST(root_that_comes_again_within_the_hold_goes_on_suppressing),
        TEST(no_root_suppresses_for_longer_than_it_may),
        TEST(root_that_chatters_within_its_hold_gains_no_time_but_by_a_new_occurrence),
        TEST(root_of_bad_quality_hides_nothing_after_the_hold),
        TEST(root_that_people_put_aside_or_test_hides_nothing),
        TEST(what_is_managed_is_never_suppressed),
        TEST(delayed_consequence_is_suppressed_from_its_first_reading),
        TEST(consequence_is_a_root_of_others),
        TEST(restart_keeps_what_is_suppressed_and_its_end),
        TEST(root_that_went_before_a_restart_holds_from_the_restart_on),
        TEST(alarm_that_has_no_root_any_more_is_released_by_the_restart),
        TEST(clock_gone_backwards_does_not_make_it_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
