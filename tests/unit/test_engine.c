/*
 * test_engine.c - readings, delays, staleness, time and commands.
 */
#include "engine_site.h"

#include <math.h>

#define RAISED (OUT(RAISED) | OUT(ANNUNCIATE))

static struct site site;

static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

/* rules */

static void
reading_over_the_limit_raises_with_its_own_time(void **state)
{
    (void)state;
    site_alarm(&site, 3, A_VOLTAGE, 0);
    site_start(&site);
    feed(&site, A_VOLTAGE, 100, 1000);
    expect_silence(&site);
    feed(&site, A_VOLTAGE, 100.5, 2000);

    const struct told *told = expect(&site, 3, RAISED, 2000);
    assert_int_equal(told->state.occ, 1);
    assert_int_equal(told->state.raised_utc_ms, at_ms(&site, 2000).utc_ms);
    assert_int_equal(told->state.reading_utc_ms, at_ms(&site, 2000).utc_ms);
    assert_int_equal(told->state.unc_ms, 1000);
    assert_true(told->state.value == 100.5);
    feed(&site, A_VOLTAGE, 101, 3000);
    expect_silence(&site);
    assert_true(state_of(&site, 3)->value == 101);
    feed(&site, A_VOLTAGE, 99, 4000);
    told = expect(&site, 3, OUT(CLEARED), 4000);
    assert_int_equal(told->state.cleared_utc_ms, at_ms(&site, 4000).utc_ms);
    expect_silence(&site);
}

static void
first_reading_ever_that_raises_has_an_unknown_uncertainty(void **state)
{
    struct sample sample;

    (void)state;
    site_alarm(&site, 0, A_VOLTAGE, 0);
    site_start(&site);
    sample = reading_of(&site, A_VOLTAGE, 200, 10);
    sample.prev_good_mono_ms = SAMPLE_NEVER;
    engine_sample(site.engine, &sample);
    assert_int_equal(expect(&site, 0, RAISED, 10)->state.unc_ms, ENGINE_UNC_UNKNOWN);
}

static void
limit_with_deadband_lets_go_only_beyond_it(void **state)
{
    static const struct {
        enum rule_kind rule;
        double value;
        bool is_live;
    } walk[] = {
        {RULE_HIGH, 100, false}, {RULE_HIGH, 100.1, true}, {RULE_HIGH, 98.1, true},
        {RULE_HIGH, 99, true},   {RULE_HIGH, 98, false},   {RULE_HIGH, 100, false},
        {RULE_HIGH, 101, true},  {RULE_LOW, 100, false},   {RULE_LOW, 99.9, true},
        {RULE_LOW, 101.9, true}, {RULE_LOW, 102, false},   {RULE_LOW, 100, false},
    };

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct alarm_type *type = site_alarm(&site, i, i == 0 ? A_VOLTAGE : A_LOAD, 0);

        type->rule = i == 0 ? RULE_HIGH : RULE_LOW;
        type->deadband = 2;
    }
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        bool is_high = walk[i].rule == RULE_HIGH;

        feed(&site, is_high ? A_VOLTAGE : A_LOAD, walk[i].value, 1000 * (int64_t)i);
        assert_int_equal(alarm_is_live(&state_of(&site, is_high ? 0 : 1)->regions),
                         walk[i].is_live);
    }
}

static void
states_are_judged_by_their_lists(void **state)
{
    static const double bad[] = {2, 5}, well[] = {0, 1};
    static const struct {
        double value;
        bool is, is_not;
    } walk[] = {
        {0, false, false}, {2, true, true}, {5, true, true}, {1, false, false}, {7, false, true}};

    (void)state;
    struct alarm_type *is = site_alarm(&site, 0, A_STATUS, 0);
    struct alarm_type *is_not = site_alarm(&site, 1, A_STATUS, 0);
    struct alarm_type *none = site_alarm(&site, 2, A_STATUS, 0);

    is->rule = RULE_IS;
    is->values = bad;
    is->value_count = 2;
    is_not->rule = RULE_NOT;
    is_not->values = well;
    is_not->value_count = 2;
    none->rule = RULE_IS; /* an empty list matches nothing */
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        feed(&site, A_STATUS, walk[i].value, 1000 * (int64_t)i);
        assert_int_equal(state_of(&site, 0)->regions.inp, walk[i].is);
        assert_int_equal(state_of(&site, 1)->regions.inp, walk[i].is_not);
        assert_false(state_of(&site, 2)->regions.inp);
    }
}

static void
point_with_several_alarms_feeds_each_of_them(void **state)
{
    (void)state;
    site_alarm(&site, 5, A_LOAD, 0)->limit = 50;
    site_alarm(&site, 1, A_LOAD, 0)->limit = 80;
    site_alarm(&site, 9, A_LOAD, 0)->limit = 90;
    site_alarm(&site, 2, B_LOAD, 0)->limit = 10;
    site_start(&site);
    feed(&site, A_LOAD, 85, 10);
    expect(&site, 1, RAISED, 10);
    expect(&site, 5, RAISED, 10);
    feed(&site, A_LOAD, 95, 20);
    expect(&site, 9, RAISED, 20);
    feed(&site, A_LOAD, 0, 30);
    expect(&site, 1, OUT(CLEARED), 30);
    expect(&site, 5, OUT(CLEARED), 30);
    expect(&site, 9, OUT(CLEARED), 30);
    expect_silence(&site);
}

/* readings that are none */

static void
unknown_points_and_holes_are_counted_not_judged(void **state)
{
    (void)state;
    site_alarm(&site, 0, POINT_LIMIT + 5, 3000); /* defined on a point that does not exist */
    site_alarm(&site, 1, HOLE, 0);
    site_start(&site);
    feed(&site, POINT_LIMIT, 200, 10);
    feed(&site, UINT32_MAX, 200, 10);
    feed(&site, HOLE, 200, 10);
    assert_int_equal(engine_counts(site.engine)->unknown_points, 3);
    assert_int_equal(engine_counts(site.engine)->samples, 0);
    assert_null(engine_state(site.engine, 7)); /* a hole among the alarms */
    assert_null(engine_state(site.engine, ALARMS_MAX));
    assert_true(engine_is_at_rest(site.engine, 7));
    assert_int_equal(command(&site, 7, EVENT_ACK, 20), REPLY_IGNORED);
    assert_int_equal(command(&site, UINT32_MAX, EVENT_ACK, 20), REPLY_IGNORED);
    assert_int_equal(engine_shelf_until(site.engine, 7), 0);
    tick(&site, 100000);
    expect_silence(&site);
}

static void
readings_older_than_the_last_are_counted_and_ignored(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 50, 2000);
    feed(&site, A_LOAD, 200, 1999);
    expect_silence(&site);
    assert_int_equal(engine_counts(site.engine)->late_samples, 1);
    feed(&site, A_LOAD, 50, 2000);  /* a repeat: harmless */
    feed(&site, A_LOAD, 200, 2000); /* two changes in one millisecond: both are judged */
    expect(&site, 0, RAISED, 2000);
    assert_int_equal(engine_counts(site.engine)->samples, 4);
}

static void
readings_of_impossible_times_are_counted_and_ignored(void **state)
{
    static const int64_t times[] = {INT64_MIN, -1, INT64_MAX, INT64_MAX / 2};

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct sample sample = reading_of(&site, A_LOAD, 200, 10);

        sample.mono_ms = times[i];
        engine_sample(site.engine, &sample);
        sample = reading_of(&site, A_LOAD, 200, 10);
        sample.utc_ms = times[i];
        engine_sample(site.engine, &sample);
    }
    expect_silence(&site);
    assert_int_equal(engine_counts(site.engine)->late_samples, 2 * ARRAY_LEN(times));
    feed(&site, A_LOAD, 200, 20);
    expect(&site, 0, RAISED, 20);
}

static void
single_bad_readings_change_only_what_is_shown(void **state)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY};
    struct sample latest;

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    assert_false(engine_latest(site.engine, A_LOAD, &latest));
    assert_int_equal(state_of(&site, 0)->cause, CAUSE_NOT_YET_READ);
    feed(&site, A_LOAD, 200, 1000);
    expect(&site, 0, RAISED, 1000);
    feed_bad(&site, A_LOAD, CAUSE_EXCEPTION, 2000);
    assert_int_equal(state_of(&site, 0)->quality, QUALITY_BAD);
    assert_int_equal(state_of(&site, 0)->cause, CAUSE_EXCEPTION);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        feed(&site, A_LOAD, odd[i], 2100);
        assert_int_equal(state_of(&site, 0)->cause, CAUSE_NOT_A_NUMBER);
        assert_true(state_of(&site, 0)->value == 200);
    }
    assert_true(engine_latest(site.engine, A_LOAD, &latest));
    assert_int_equal(latest.quality, QUALITY_BAD);
    assert_int_equal(latest.mono_ms, at_ms(&site, 1000).mono_ms);
    assert_true(state_of(&site, 0)->regions.good);
    expect_silence(&site);
}

static void
uncertain_readings_are_judged_and_shown_as_such(void **state)
{
    struct sample sample;

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    sample = reading_of(&site, A_LOAD, 200, 1000);
    sample.quality = QUALITY_UNCERTAIN;
    sample.cause = CAUSE_SUBSTITUTED;
    engine_sample(site.engine, &sample);
    assert_int_equal(expect(&site, 0, RAISED, 1000)->state.quality, QUALITY_UNCERTAIN);
    assert_int_equal(state_of(&site, 0)->cause, CAUSE_SUBSTITUTED);
}

static void
merged_extremes_in_the_order_of_time_are_judged(void **state)
{
    static const double values[] = {200, 20, 50}; /* maximum, minimum, newest */

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 50, 1000);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct sample sample = reading_of(&site, A_LOAD, values[i], 2000 + 1000 * (int64_t)i);

        sample.flags = i < 2 ? SAMPLE_MERGED : 0;
        engine_sample(site.engine, &sample);
    }
    expect(&site, 0, RAISED, 2000);
    expect(&site, 0, OUT(CLEARED), 3000);
    expect_silence(&site);
}

/* delays */

static void
on_delay_raises_when_it_is_over_with_the_reading_that_began_it(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    assert_int_equal(engine_next_due_ms(site.engine), at_ms(&site, 6000).mono_ms);
    feed(&site, A_LOAD, 250, 3000); /* goes on, does not begin again */
    tick(&site, 5999);
    expect_silence(&site);
    tick(&site, 7000);

    const struct told *told = expect(&site, 0, RAISED, 6000);
    assert_int_equal(told->state.raised_utc_ms, at_ms(&site, 6000).utc_ms);
    assert_int_equal(told->state.reading_utc_ms, at_ms(&site, 1000).utc_ms);
    assert_int_equal(told->state.unc_ms, 1000);
    assert_true(told->state.value == 250);
    assert_int_equal(engine_next_due_ms(site.engine), TIMER_NONE);
}

static void
condition_shorter_than_the_on_delay_is_fleeting(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_LOAD, 50, 5999);
    expect(&site, 0, OUT(FLEETING), 5999);
    tick(&site, 20000);
    feed(&site, A_LOAD, 200, 21000); /* the next one has its whole delay */
    tick(&site, 25999);
    expect_silence(&site);
    tick(&site, 26000);
    assert_int_equal(expect(&site, 0, RAISED, 26000)->state.occ, 1);
}

static void
off_delay_clears_only_after_it_was_quiet(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->off_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    expect(&site, 0, RAISED, 1000);
    feed(&site, A_LOAD, 50, 2000);
    assert_int_equal(state_of(&site, 0)->regions.cond, COND_CLEARING);
    feed(&site, A_LOAD, 200, 4000); /* the same occurrence goes on */
    feed(&site, A_LOAD, 50, 5000);
    tick(&site, 9999);
    expect_silence(&site);
    tick(&site, 10000);
    assert_int_equal(expect(&site, 0, OUT(CLEARED), 10000)->state.occ, 1);
}

static void
reading_behind_a_due_time_fires_that_first(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_LOAD, 50, 9000); /* no tick since: it was there at 6000 all the same */
    expect(&site, 0, RAISED, 6000);
    expect(&site, 0, OUT(CLEARED), 9000);
    expect_silence(&site);
}

static void
what_fell_due_between_two_ticks_fires_in_the_order_of_its_time(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 9000;
    site_alarm(&site, 1, A_VOLTAGE, 0)->on_delay_ms = 3000;
    site_alarm(&site, 2, A_TEMP, 5000);
    site_alarm(&site, 3, B_LOAD, 0)->off_delay_ms = 4000;
    site_start(&site);
    feed_until(&site, A_TEMP, 0, AWAKE, AWAKE + 5000);
    feed(&site, A_LOAD, 200, AWAKE + 5000);
    feed(&site, A_VOLTAGE, 200, AWAKE + 5100);
    feed(&site, B_LOAD, 200, AWAKE + 5200);
    expect(&site, 3, RAISED, AWAKE + 5200);
    feed(&site, B_LOAD, 0, AWAKE + 5300);
    tick(&site, AWAKE + 5400);
    tick(&site, AWAKE + 60000);
    expect(&site, 1, RAISED, AWAKE + 8100);
    expect(&site, 3, OUT(CLEARED), AWAKE + 9300);
    expect(&site, 2, OUT(QUALITY_BAD), AWAKE + 10000);
    expect(&site, 0, RAISED, AWAKE + 14000);
    expect_silence(&site);
}

static void
step_of_utc_fires_and_delays_nothing(void **state)
{
    static const int64_t steps[] = {86400000, -86400000, -1};

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 5000;
    site_alarm(&site, 1, A_TEMP, 3000);
    site_start(&site);
    feed_until(&site, A_TEMP, 0, 0, AWAKE);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t ms = AWAKE + 20000 * (int64_t)i;

        feed(&site, A_LOAD, 200, ms);
        site.utc_ahead += steps[i];
        feed_until(&site, A_TEMP, 0, ms, ms + 4000);
        tick(&site, ms + 4999);
        expect_silence(&site);
        feed(&site, A_TEMP, 0, ms + 4999);
        tick(&site, ms + 5000);
        expect(&site, 0, RAISED, ms + 5000);
        feed(&site, A_LOAD, 0, ms + 6000);
        expect(&site, 0, OUT(CLEARED), ms + 6000);
        feed_until(&site, A_TEMP, 0, ms + 4999, ms + 20000);
        expect_silence(&site);
    }
}

/* staleness */

static void
point_without_good_readings_becomes_stale_when_its_time_is_over(void **state)
{
    struct sample latest;

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    feed_until(&site, A_LOAD, 50, 0, AWAKE + 4000);
    feed_bad(&site, A_LOAD, CAUSE_TIMEOUT, AWAKE + 5000);
    tick(&site, AWAKE + 6999);
    expect_silence(&site);
    feed_bad(&site, A_LOAD, CAUSE_TIMEOUT, AWAKE + 6999);
    tick(&site, AWAKE + 7250);

    const struct told *told = expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 7000);
    assert_int_equal(told->state.quality, QUALITY_BAD);
    assert_int_equal(told->state.cause, CAUSE_TIMEOUT);
    assert_int_equal(engine_counts(site.engine)->stale_points, 1);
    assert_false(engine_is_at_rest(site.engine, 0));
    assert_true(engine_latest(site.engine, A_LOAD, &latest));
    assert_int_equal(latest.quality, QUALITY_BAD);
    tick(&site, AWAKE + 90000);
    expect_silence(&site);
    feed(&site, A_LOAD, 200, AWAKE + 90500); /* quality first, then the value is judged */
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 90500);
    expect(&site, 0, RAISED, AWAKE + 90500);
    assert_int_equal(engine_counts(site.engine)->stale_points, 0);
    tick(&site, AWAKE + 94000);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 93500); /* and it is watched again */
}

static void
points_never_read_are_stale_only_after_the_grace_of_the_start(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_TEMP, 100000); /* longer than a turn of the wheel */
    site_alarm(&site, 2, GATEWAY_STATE, 0);
    site_start(&site);
    tick(&site, AWAKE + 2999);
    expect_silence(&site);
    tick(&site, AWAKE + 3250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    for (int64_t ms = AWAKE + 4000; ms < AWAKE + 100000; ms += 250)
        tick(&site, ms);
    expect_silence(&site);
    tick(&site, AWAKE + 100250);
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 100000);
    tick(&site, AWAKE + 1000000);
    expect_silence(&site); /* without a stale time there is no staleness */
}

static void
strictest_stale_time_on_a_point_counts(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 60000);
    site_alarm(&site, 1, A_LOAD, 2000);
    site_start(&site);
    tick(&site, AWAKE + 2250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 2000);
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 2000);
    expect_silence(&site);
}

static void
stale_point_is_not_made_good_by_a_repeated_old_reading(void **state)
{
    struct sample sample;

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    feed_until(&site, A_LOAD, 50, AWAKE - 1000, AWAKE);
    tick(&site, AWAKE + 20000);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    sample = reading_of(&site, A_LOAD, 50, AWAKE);
    sample.flags = SAMPLE_SNAPSHOT;
    engine_sample(site.engine, &sample);
    feed(&site, A_LOAD, 200, AWAKE + 16000); /* newer, yet too old to say how it is now */
    tick(&site, AWAKE + 20500);
    expect_silence(&site);
    feed(&site, A_LOAD, 200, AWAKE + 20500); /* the old one was not judged: this is news */
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 20500);
    expect(&site, 0, RAISED, AWAKE + 20500);
    expect_silence(&site);
}

static void
point_that_its_device_never_had_is_not_applicable(void **state)
{
    struct sample latest;

    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_TEMP, 3000);
    site_alarm(&site, 2, UINT32_MAX, 0)->rule = RULE_STALE;
    site_start(&site);
    feed(&site, A_COMM, 1, 100);
    for (int64_t ms = 1000; ms <= AWAKE + 60000; ms += 1000) {
        feed_bad(&site, A_LOAD, CAUSE_ABSENT, ms);
        feed(&site, A_TEMP, 20, ms);
        tick(&site, ms);
    }
    expect_silence(&site);
    assert_true(engine_is_at_rest(site.engine, 0));
    assert_true(state_of(&site, 0)->regions.good);
    assert_int_equal(state_of(&site, 0)->cause, CAUSE_ABSENT);
    assert_int_equal(engine_counts(site.engine)->stale_points, 0);
    assert_int_equal(engine_counts(site.engine)->not_at_rest, 0);
    assert_true(engine_latest(site.engine, A_LOAD, &latest));
    assert_int_equal(latest.quality, QUALITY_BAD);
    /* A device that is silent says nothing of what it has. */
    for (int64_t ms = AWAKE + 61000; ms <= AWAKE + 90000; ms += 1000) {
        feed_bad(&site, A_LOAD, CAUSE_TIMEOUT, ms);
        feed(&site, A_TEMP, 20, ms);
        tick(&site, ms);
    }
    expect_silence(&site);
    /* It has it after all, and is judged and watched like any other. */
    feed(&site, A_LOAD, 200, AWAKE + 91000);
    expect(&site, 0, RAISED, AWAKE + 91000);
    feed_until(&site, A_TEMP, 20, AWAKE + 90000, AWAKE + 94000);
    tick(&site, AWAKE + 94250);
    assert_int_equal(told_outputs(&site, 0), OUT(QUALITY_BAD));
}

static void
point_that_was_read_and_is_absent_now_is_lost(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    feed_until(&site, A_LOAD, 50, 0, AWAKE);
    for (int64_t ms = AWAKE + 1000; ms <= AWAKE + 60000; ms += 1000) {
        feed_bad(&site, A_LOAD, CAUSE_ABSENT, ms);
        tick(&site, ms);
    }
    assert_int_equal(expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000)->state.cause, CAUSE_ABSENT);
    expect_silence(&site);
    assert_int_equal(engine_counts(site.engine)->stale_points, 1);
    assert_false(engine_is_at_rest(site.engine, 0));
}

static void
point_that_breaks_its_answer_is_not_absent(void **state)
{
    static const enum cause broken[] = {CAUSE_EXCEPTION, CAUSE_OUT_OF_RANGE, CAUSE_PROTOCOL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        site_init(&site);
        site_alarm(&site, 0, A_LOAD, 3000);
        site_start(&site);
        feed_bad(&site, A_LOAD, CAUSE_ABSENT, 1000);
        tick(&site, AWAKE + 20000);
        expect_silence(&site);
        feed_bad(&site, A_LOAD, broken[i], AWAKE + 20500);
        tick(&site, AWAKE + 20500);
        for (int64_t ms = AWAKE + 20750; ms <= AWAKE + 24000; ms += 250)
            tick(&site, ms);
        assert_int_equal(told_outputs(&site, 0), OUT(QUALITY_BAD));
        site_done(&site);
    }
}

static void
device_that_was_away_at_the_start_may_still_say_that_it_lacks_a_point(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, UINT32_MAX, 0)->rule = RULE_STALE;
    site_start(&site);
    feed(&site, A_COMM, 0, 100);
    feed_bad(&site, A_LOAD, CAUSE_TIMEOUT, 1000);
    tick(&site, AWAKE + 3250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    feed(&site, A_COMM, 1, AWAKE + 9000);
    expect(&site, 1, RAISED, AWAKE + 9000);
    feed_bad(&site, A_LOAD, CAUSE_ABSENT, AWAKE + 10000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 10000);
    expect(&site, 1, OUT(CLEARED), AWAKE + 10000);
    tick(&site, AWAKE + 60000);
    expect_silence(&site);
    assert_true(engine_is_at_rest(site.engine, 0));
}

static void
on_delay_goes_on_with_what_remained_when_quality_returns(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000)->on_delay_ms = 10000;
    site_start(&site);
    feed_until(&site, A_LOAD, 50, AWAKE - 1000, AWAKE);
    feed(&site, A_LOAD, 200, AWAKE + 1000);
    tick(&site, AWAKE + 4250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 4000); /* 3 s of 10 have passed */
    tick(&site, AWAKE + 60000);
    expect_silence(&site);
    feed(&site, A_LOAD, 200, AWAKE + 60000);
    expect(&site, 0, OUT(QUALITY_GOOD) | OUT(RESUME), AWAKE + 60000);
    feed_until(&site, A_LOAD, 200, AWAKE + 60000, AWAKE + 66000);
    tick(&site, AWAKE + 66999);
    expect_silence(&site);
    tick(&site, AWAKE + 67000);
    expect(&site, 0, RAISED, AWAKE + 67000);
}

static void
off_delay_starts_from_zero_when_quality_returns(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000)->off_delay_ms = 10000;
    site_start(&site);
    feed(&site, A_LOAD, 200, AWAKE);
    expect(&site, 0, RAISED, AWAKE);
    feed(&site, A_LOAD, 50, AWAKE + 1000);
    tick(&site, AWAKE + 4250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 4000);
    tick(&site, AWAKE + 60000);
    expect_silence(&site);
    feed(&site, A_LOAD, 50, AWAKE + 60000);
    expect(&site, 0, OUT(QUALITY_GOOD) | OUT(REARM), AWAKE + 60000);
    feed_until(&site, A_LOAD, 50, AWAKE + 60000, AWAKE + 69000);
    expect_silence(&site);
    tick(&site, AWAKE + 70000);
    expect(&site, 0, OUT(CLEARED), AWAKE + 70000);
}

static void
device_that_answers_with_stale_points_raises_its_stale_alarms(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_TEMP, 3000);
    site_alarm(&site, 2, UINT32_MAX, 0)->rule = RULE_STALE;
    site_alarm(&site, 3, UINT32_MAX, 0)->rule = RULE_STALE; /* a second one on the same device */
    site.alarms[4] = site.alarms[3];
    site.alarms[4].device = DEVICE_B;
    site.alarms[5] = site.alarms[3];
    site.alarms[5].device = UINT32_MAX; /* of no device: never */
    site_start(&site);
    feed(&site, A_COMM, 1, 100);
    tick(&site, AWAKE + 3250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    expect(&site, 3, RAISED, AWAKE + 3000);
    assert_int_equal(expect(&site, 2, RAISED, AWAKE + 3000)->state.value, 1);
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 3000);
    assert_true(state_of(&site, 2)->value == 2);
    feed(&site, A_COMM, 0, AWAKE + 4000); /* it does not answer: another alarm's matter */
    expect(&site, 3, OUT(CLEARED), AWAKE + 4000);
    expect(&site, 2, OUT(CLEARED), AWAKE + 4000);
    feed(&site, A_COMM, 1, AWAKE + 5000);
    expect(&site, 3, RAISED, AWAKE + 5000);
    expect(&site, 2, RAISED, AWAKE + 5000);
    feed(&site, A_LOAD, 1, AWAKE + 6000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 6000);
    expect_silence(&site);
    feed(&site, A_TEMP, 1, AWAKE + 6500);
    expect(&site, 1, OUT(QUALITY_GOOD), AWAKE + 6500);
    expect(&site, 3, OUT(CLEARED), AWAKE + 6500);
    expect(&site, 2, OUT(CLEARED), AWAKE + 6500);
    expect_silence(&site);
}

static void
point_of_no_device_is_judged_like_any_other(void **state)
{
    (void)state;
    site_alarm(&site, 0, GATEWAY_STATE, 3000);
    site_start(&site);
    feed(&site, GATEWAY_STATE, 200, 100);
    expect(&site, 0, RAISED, 100);
    tick(&site, AWAKE + 3250);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    feed(&site, GATEWAY_STATE, 0, AWAKE + 4000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 4000);
    expect(&site, 0, OUT(CLEARED), AWAKE + 4000);
}

/* people */

static void
acknowledgement_must_quote_the_present_occurrence(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    for (int64_t i = 0; i < 3; i++) {
        feed(&site, A_LOAD, 200, 1000 + 200 * i);
        feed(&site, A_LOAD, 0, 1100 + 200 * i);
    }
    forget_told(&site);
    assert_int_equal(state_of(&site, 0)->occ, 3);
    assert_int_equal(engine_event(site.engine, 0, EVENT_ACK, 2, 0, at_ms(&site, 3000)),
                     REPLY_STALE_OCCURRENCE);
    assert_int_equal(engine_event(site.engine, 0, EVENT_ACK, 4, 0, at_ms(&site, 3000)),
                     REPLY_STALE_OCCURRENCE);
    expect_silence(&site);
    assert_int_equal(engine_event(site.engine, 0, EVENT_ACK, 3, 0, at_ms(&site, 3000)), REPLY_OK);
    expect(&site, 0, OUT(ACKED), 3000);
    assert_true(engine_is_at_rest(site.engine, 0));
    assert_int_equal(command(&site, 0, EVENT_ACK, 3100), REPLY_NOT_UNACKED);
}

static void
events_of_the_input_and_of_time_are_refused_from_outside(void **state)
{
    static const enum alarm_event events[] = {
        EVENT_IN_TRUE,     EVENT_IN_FALSE,     EVENT_ON_DELAY_OVER, EVENT_OFF_DELAY_OVER,
        EVENT_QUALITY_BAD, EVENT_QUALITY_GOOD, EVENT_REALARM,       EVENT_COUNT};

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(command(&site, 0, events[i], 10), REPLY_IGNORED);
    expect_silence(&site);
    assert_true(engine_is_at_rest(site.engine, 0));
}

static void
command_behind_a_due_time_fires_that_first(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    assert_int_equal(command(&site, 0, EVENT_ACK, 7000), REPLY_OK);
    expect(&site, 0, RAISED, 6000);
    expect(&site, 0, OUT(ACKED), 7000);
}

static void
acknowledged_alarm_that_stands_comes_up_again(void **state)
{
    (void)state;
    struct alarm_type *type = site_alarm(&site, 0, A_LOAD, 0);

    type->realarm_ms = 60000;
    type->off_delay_ms = 5000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    expect(&site, 0, RAISED, 1000);
    tick(&site, 100000);
    expect_silence(&site); /* nobody has acknowledged it yet */
    command(&site, 0, EVENT_ACK, 100000);
    expect(&site, 0, OUT(ACKED), 100000);
    tick(&site, 159999);
    expect_silence(&site);
    tick(&site, 160000);
    expect(&site, 0, OUT(ANNUNCIATE), 160000);
    assert_int_equal(state_of(&site, 0)->regions.ack, ACK_UNACKED);
    assert_int_equal(state_of(&site, 0)->occ, 1);
    command(&site, 0, EVENT_ACK, 161000);
    expect(&site, 0, OUT(ACKED), 161000);
    feed(&site, A_LOAD, 0, 220900); /* clearing when the time comes ... */
    tick(&site, 221100);
    feed(&site, A_LOAD, 200, 221200); /* ... and back: it is asked again later */
    expect_silence(&site);
    tick(&site, 281000);
    expect(&site, 0, OUT(ANNUNCIATE), 281000);
    command(&site, 0, EVENT_ACK, 282000);
    expect(&site, 0, OUT(ACKED), 282000);
    feed(&site, A_LOAD, 0, 283000);
    tick(&site, 288000);
    expect(&site, 0, OUT(CLEARED), 288000);
    tick(&site, 1000000);
    expect_silence(&site);
}

static void
shelf_ends_after_its_time_and_what_is_live_is_told(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    expect(&site, 0, RAISED, 1000);
    int64_t until = at_ms(&site, 3602000).utc_ms;
    assert_int_equal(engine_event(site.engine, 0, EVENT_SHELVE, 0, until, at_ms(&site, 2000)),
                     REPLY_OK);
    expect(&site, 0, OUT(SHELVED), 2000);
    assert_int_equal(engine_shelf_until(site.engine, 0), until);
    assert_int_equal(engine_event(site.engine, 0, EVENT_SHELVE, 0, until + 1, at_ms(&site, 2500)),
                     REPLY_ALREADY_SHELVED);
    assert_int_equal(engine_shelf_until(site.engine, 0), until);
    site.utc_ahead += 7200000; /* a step does not end it */
    tick(&site, 3601999);
    expect_silence(&site);
    tick(&site, 3602000);
    expect(&site, 0, OUT(UNSHELVED) | OUT(ANNUNCIATE), 3602000);
    assert_int_equal(engine_shelf_until(site.engine, 0), 0);
    assert_int_equal(engine_next_due_ms(site.engine), TIMER_NONE);
}

static void
shelf_with_an_absurd_end_is_bounded(void **state)
{
    static const struct {
        int64_t until;
        bool ends_at_once;
    } cases[] = {{INT64_MIN, true}, {-1, true}, {0, true}, {INT64_MAX, false}};

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 1000 * ((int64_t)i + 1);

        assert_int_equal(
            engine_event(site.engine, 0, EVENT_SHELVE, 0, cases[i].until, at_ms(&site, ms)),
            REPLY_OK);
        expect(&site, 0, OUT(SHELVED), ms);
        tick(&site, ms);
        if (cases[i].ends_at_once)
            expect(&site, 0, OUT(UNSHELVED), ms);
        expect_silence(&site);
    }
    assert_int_equal(engine_next_due_ms(site.engine),
                     at_ms(&site, 4000 + ENGINE_SHELF_MAX_MS).mono_ms);
}

static void
managed_alarm_is_not_shelved(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->managed = true;
    site_start(&site);
    assert_int_equal(engine_event(site.engine, 0, EVENT_SHELVE, 0, at_ms(&site, 90000).utc_ms,
                                  at_ms(&site, 1000)),
                     REPLY_NOT_SHELVABLE);
    assert_int_equal(engine_shelf_until(site.engine, 0), 0);
    assert_int_equal(engine_next_due_ms(site.engine), TIMER_NONE);
    expect_silence(&site);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reading_over_the_limit_raises_with_its_own_time),
        TEST(first_reading_ever_that_raises_has_an_unknown_uncertainty),
        TEST(limit_with_deadband_lets_go_only_beyond_it),
        TEST(states_are_judged_by_their_lists),
        TEST(point_with_several_alarms_feeds_each_of_them),
        TEST(unknown_points_and_holes_are_counted_not_judged),
        TEST(readings_older_than_the_last_are_counted_and_ignored),
        TEST(readings_of_impossible_times_are_counted_and_ignored),
        TEST(single_bad_readings_change_only_what_is_shown),
        TEST(uncertain_readings_are_judged_and_shown_as_such),
        TEST(merged_extremes_in_the_order_of_time_are_judged),
        TEST(on_delay_raises_when_it_is_over_with_the_reading_that_began_it),
        TEST(condition_shorter_than_the_on_delay_is_fleeting),
        TEST(off_delay_clears_only_after_it_was_quiet),
        TEST(reading_behind_a_due_time_fires_that_first),
        TEST(what_fell_due_between_two_ticks_fires_in_the_order_of_its_time),
        TEST(step_of_utc_fires_and_delays_nothing),
        TEST(point_without_good_readings_becomes_stale_when_its_time_is_over),
        TEST(points_never_read_are_stale_only_after_the_grace_of_the_start),
        TEST(strictest_stale_time_on_a_point_counts),
        TEST(point_that_its_device_never_had_is_not_applicable),
        TEST(point_that_was_read_and_is_absent_now_is_lost),
        TEST(point_that_breaks_its_answer_is_not_absent),
        TEST(device_that_was_away_at_the_start_may_still_say_that_it_lacks_a_point),
        TEST(stale_point_is_not_made_good_by_a_repeated_old_reading),
        TEST(on_delay_goes_on_with_what_remained_when_quality_returns),
        TEST(off_delay_starts_from_zero_when_quality_returns),
        TEST(device_that_answers_with_stale_points_raises_its_stale_alarms),
        TEST(point_of_no_device_is_judged_like_any_other),
        TEST(acknowledgement_must_quote_the_present_occurrence),
        TEST(events_of_the_input_and_of_time_are_refused_from_outside),
        TEST(command_behind_a_due_time_fires_that_first),
        TEST(acknowledged_alarm_that_stands_comes_up_again),
        TEST(shelf_ends_after_its_time_and_what_is_live_is_told),
        TEST(shelf_with_an_absurd_end_is_bounded),
        TEST(managed_alarm_is_not_shelved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
