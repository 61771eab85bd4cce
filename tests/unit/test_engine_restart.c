/*
 * test_engine_restart.c - records, and what an engine makes of them after a time without one.
 */
#include "engine_site.h"

#define RAISED (OUT(RAISED) | OUT(ANNUNCIATE))
#define RECORD_BYTES 88

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

/* Stores every alarm and starts anew, `away_ms` later on both clocks. Stepping UTC meanwhile is the
 * test's business. */
static void
restart(int64_t ms)
{
    uint8_t records[ALARMS_MAX][ENGINE_RECORD_MAX];
    size_t bytes[ALARMS_MAX];

    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        bytes[i] = engine_save(site.engine, i, records[i]);
    site_done(&site);
    forget_told(&site);
    site.engine = site_engine(&site, ms);
    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        if (bytes[i] > 0)
            assert_true(engine_restore(site.engine, i, records[i], bytes[i], at_ms(&site, ms)));
}

static void
record_has_the_layout_of_version_one(void **state)
{
    static const uint8_t head[] = {1,    COND_ACTIVE, ACK_ACKED, 1 | 2 | 32 | 64 | 128,
                                   2,    0,           0,         0,               /* occ */
                                   0,    0,           0,         0,               /* chatter */
                                   0xe8, 3,           0,         0};              /* unc_ms 1000 */
    uint8_t record[ENGINE_RECORD_MAX], value[8] = {0, 0, 0, 0, 0, 0, 0x69, 0x40}; /* 200.0 */

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_LOAD, 0, 1100);
    feed(&site, A_LOAD, 200, 2000);
    engine_event(site.engine, 0, EVENT_SHELVE, 0, at_ms(&site, 63000).utc_ms, at_ms(&site, 3000));
    memset(record, 0xA5, sizeof record);
    assert_int_equal(engine_save(site.engine, 0, record), RECORD_BYTES);
    assert_memory_equal(record, head, sizeof head);
    assert_memory_equal(record + 16, value, sizeof value);
    /* The shelf's length, 60 s, at the end; nothing behind the record is touched. */
    assert_int_equal(record[80] | record[81] << 8, 60000);
    for (size_t i = RECORD_BYTES; i < sizeof record; i++)
        assert_int_equal(record[i], 0xA5);
    assert_int_equal(engine_save(site.engine, 7, record), 0);
    assert_int_equal(engine_save(site.engine, ALARMS_MAX, record), 0);
}

static void
records_that_are_not_ours_are_refused_and_leave_the_alarm_at_rest(void **state)
{
    uint8_t record[ENGINE_RECORD_MAX], bent[ENGINE_RECORD_MAX];
    static const struct {
        size_t place;
        uint8_t value;
    } faults[] = {
        {0, 0},        {0, 2},         {1, COND_COUNT},
        {1, 255},      {2, ACK_COUNT}, {1, COND_LATCHED}, /* latched, yet the input is there */
        {2, ACK_NONE},                                    /* live, yet nothing to acknowledge */
        {3, 1 | 32}, /* live, unsuppressed, and nobody was told */
    };

    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    assert_int_equal(engine_save(site.engine, 0, record), RECORD_BYTES);
    site_done(&site);
    site_start(&site);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        memcpy(bent, record, sizeof bent);
        bent[faults[i].place] = faults[i].value;
        assert_false(engine_restore(site.engine, 0, bent, RECORD_BYTES, at_ms(&site, 2000)));
    }
    for (size_t bytes = 0; bytes <= sizeof record; bytes++)
        if (bytes != RECORD_BYTES)
            assert_false(engine_restore(site.engine, 0, record, bytes, at_ms(&site, 2000)));
    assert_false(engine_restore(site.engine, 7, record, RECORD_BYTES, at_ms(&site, 2000)));
    assert_true(engine_is_at_rest(site.engine, 0));
    assert_int_equal(engine_counts(site.engine)->not_at_rest, 0);
    assert_true(engine_restore(site.engine, 0, record, RECORD_BYTES, at_ms(&site, 2000)));
    assert_int_equal(engine_counts(site.engine)->live[2], 1);
}

static void
live_alarm_that_still_stands_is_not_told_again(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000)->deadband = 10;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    restart(60000);
    assert_int_equal(state_of(&site, 0)->cause, CAUSE_NOT_YET_READ);
    assert_int_equal(state_of(&site, 0)->quality, QUALITY_GOOD);
    assert_true(state_of(&site, 0)->value == 200);
    feed(&site, A_LOAD, 95, 61000); /* within the deadband: still there */
    expect_silence(&site);
    assert_int_equal(state_of(&site, 0)->occ, 1);
    feed(&site, A_LOAD, 90, 62000);
    expect(&site, 0, OUT(CLEARED), 62000);
    feed(&site, A_LOAD, 200, 63000);
    assert_int_equal(expect(&site, 0, RAISED, 63000)->state.occ, 2);
}

static void
live_alarm_that_is_over_clears_with_the_first_reading(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_alarm(&site, 1, A_TEMP, 0)->off_delay_ms = 5000;
    site_alarm(&site, 2, B_LOAD, 0)->latch = true;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_TEMP, 200, 1000);
    feed(&site, B_LOAD, 200, 1000);
    command(&site, 0, EVENT_ACK, 2000);
    restart(60000);
    feed(&site, A_LOAD, 0, 61000);
    feed(&site, A_TEMP, 0, 61000);
    feed(&site, B_LOAD, 0, 61000);
    expect(&site, 0, OUT(CLEARED), 61000);
    assert_true(engine_is_at_rest(site.engine, 0));
    expect(&site, 2, OUT(CLEARED), 61000);
    assert_int_equal(state_of(&site, 2)->regions.cond, COND_LATCHED);
    expect_silence(&site);
    tick(&site, 66000);
    expect(&site, 1, OUT(CLEARED), 66000);
    restart(70000); /* latched, told and unanswered stay so */
    assert_int_equal(state_of(&site, 1)->regions.ack, ACK_UNACKED);
    assert_int_equal(command(&site, 2, EVENT_RESET, 71000), REPLY_ACK_FIRST);
    command(&site, 2, EVENT_ACK, 72000);
    restart(80000);
    assert_int_equal(command(&site, 2, EVENT_RESET, 81000), REPLY_OK);
}

static void
delays_start_again_after_a_time_nobody_observed(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 10000;
    site_alarm(&site, 1, A_TEMP, 0)->off_delay_ms = 10000;
    site_start(&site);
    feed(&site, A_TEMP, 200, 500);
    feed(&site, A_TEMP, 0, 1000);
    feed(&site, A_LOAD, 200, 1000);
    restart(10900);
    tick(&site, 20899);
    expect_silence(&site);
    tick(&site, 20900);
    assert_int_equal(expect(&site, 0, RAISED, 20900)->state.unc_ms, 1000);
    expect(&site, 1, OUT(CLEARED), 20900);
}

static void
reading_from_before_the_start_counts_from_the_start(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 10000;
    site_start(&site);
    restart(60000);
    feed(&site, A_LOAD, 200, 45000); /* a collector repeats what it last read */
    tick(&site, 69999);
    expect_silence(&site);
    tick(&site, 70000);

    const struct told *told = expect(&site, 0, RAISED, 70000);
    assert_int_equal(told->state.reading_utc_ms, at_ms(&site, 45000).utc_ms);
}

static void
acknowledged_alarm_comes_up_again_after_a_restart_too(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->realarm_ms = 60000;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    command(&site, 0, EVENT_ACK, 2000);
    restart(30000);
    tick(&site, 89999);
    expect_silence(&site);
    tick(&site, 90000);
    expect(&site, 0, OUT(ANNUNCIATE), 90000);
}

static void
shelf_runs_on_utc_over_a_restart(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_alarm(&site, 1, A_TEMP, 0);
    site_start(&site);
    feed(&site, A_TEMP, 200, 500);
    engine_event(site.engine, 0, EVENT_SHELVE, 0, at_ms(&site, 100000).utc_ms, at_ms(&site, 1000));
    engine_event(site.engine, 1, EVENT_SHELVE, 0, at_ms(&site, 20000).utc_ms, at_ms(&site, 1000));
    restart(30000);
    expect(&site, 1, OUT(UNSHELVED) | OUT(ANNUNCIATE), 30000); /* ended meanwhile, and live */
    assert_int_equal(engine_shelf_until(site.engine, 0), at_ms(&site, 100000).utc_ms);
    tick(&site, 99999);
    expect_silence(&site);
    tick(&site, 100000);
    expect(&site, 0, OUT(UNSHELVED), 100000);
}

static void
shelf_with_a_clock_gone_back_lasts_no_longer_than_asked_for(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0);
    site_start(&site);
    engine_event(site.engine, 0, EVENT_SHELVE, 0, at_ms(&site, 61000).utc_ms, at_ms(&site, 1000));
    site.utc_ahead -= 86400000;
    restart(30000);
    tick(&site, 89999);
    expect_silence(&site);
    tick(&site, 90000);
    expect(&site, 0, OUT(UNSHELVED), 90000);
}

static void
quality_told_as_bad_stays_bad_until_a_good_reading(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_LOAD, 3000)->limit = 150;
    site_alarm(&site, 2, A_TEMP, 3000);
    site_start(&site);
    feed_until(&site, A_TEMP, 0, AWAKE - 1000, AWAKE + 4000);
    assert_int_equal(engine_counts(site.engine)->stale_points, 1);
    restart(AWAKE + 5000);
    assert_int_equal(engine_counts(site.engine)->stale_points, 1);
    assert_int_equal(state_of(&site, 0)->quality, QUALITY_BAD);
    assert_false(engine_is_at_rest(site.engine, 1));
    assert_true(engine_is_at_rest(site.engine, 2));
    /* The good one is stale only after the grace; the bad ones are not told twice. */
    tick(&site, AWAKE + 5000 + ENGINE_START_GRACE_MS + 3250);
    expect(&site, 2, OUT(QUALITY_BAD), AWAKE + 5000 + ENGINE_START_GRACE_MS + 3000);
    expect_silence(&site);
    feed(&site, A_LOAD, 120, AWAKE + 20000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 20000);
    expect(&site, 1, OUT(QUALITY_GOOD), AWAKE + 20000);
    expect(&site, 0, RAISED, AWAKE + 20000);
    expect_silence(&site);
    tick(&site, AWAKE + 40000); /* and it is watched again */
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 23000);
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 23000);
}

static void
bad_quality_of_a_point_that_is_no_longer_watched_ends_with_the_restart(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_start(&site);
    tick(&site, AWAKE + 4000);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    site.alarms[0].stale_after_ms = 0;
    restart(AWAKE + 5000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 5000);
    assert_true(engine_is_at_rest(site.engine, 0));
}

static void
restart_brings_no_storm_of_stale_alarms(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        site_alarm(&site, i, i, 2000);
    site_alarm(&site, 4, UINT32_MAX, 0)->rule = RULE_STALE;
    site_start(&site);
    for (uint32_t i = 0; i < 4; i++)
        feed(&site, i, 0, 1000);
    restart(600000);
    for (int64_t ms = 600000; ms < 600000 + ENGINE_START_GRACE_MS; ms += 250)
        tick(&site, ms);
    expect_silence(&site);
}

static void
stale_alarm_stands_until_every_point_was_heard_of(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_TEMP, 3000);
    site_alarm(&site, 2, UINT32_MAX, 0)->rule = RULE_STALE;
    site_start(&site);
    feed(&site, A_COMM, 1, 100);
    feed_until(&site, A_TEMP, 0, AWAKE - 1000, AWAKE + 4000);
    assert_true(state_of(&site, 2)->regions.inp);
    restart(AWAKE + 5000);
    feed(&site, A_COMM, 1, 100);
    assert_true(state_of(&site, 2)->value == 1);
    feed(&site, A_LOAD, 0, AWAKE + 6000);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 6000);
    expect_silence(&site);
    feed(&site, A_TEMP, 0, AWAKE + 6000);
    expect(&site, 2, OUT(CLEARED), AWAKE + 6000);
    expect_silence(&site);
}

static void
stale_alarm_of_a_device_not_heard_of_is_not_raised(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 3000);
    site_alarm(&site, 1, A_TEMP, 3000);
    site_alarm(&site, 2, UINT32_MAX, 0)->rule = RULE_STALE;
    site_start(&site);
    tick(&site, AWAKE + 4000); /* nothing is known: perhaps it is lost altogether */
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 3000);
    expect_silence(&site);
    feed(&site, A_COMM, 0, AWAKE + 5000);
    expect_silence(&site);
    feed(&site, A_COMM, 1, AWAKE + 6000);
    expect(&site, 2, RAISED, AWAKE + 6000);
}

static void
changed_definition_settles_what_it_no_longer_allows(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->on_delay_ms = 10000;
    site_alarm(&site, 1, A_TEMP, 0)->off_delay_ms = 10000;
    site_alarm(&site, 2, B_LOAD, 0);
    site_alarm(&site, 3, B_TEMP, 0);
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_TEMP, 200, 1000);
    feed(&site, A_TEMP, 0, 2000);
    feed(&site, B_LOAD, 200, 1000);
    feed(&site, B_TEMP, 200, 1000);
    feed(&site, B_TEMP, 0, 1500); /* cleared, told, unanswered */
    engine_event(site.engine, 2, EVENT_SHELVE, 0, at_ms(&site, 900000).utc_ms, at_ms(&site, 3000));
    site.types[0].on_delay_ms = 0;
    site.types[1].off_delay_ms = 0;
    site.types[2].shelvable = false;
    site.types[3].ack_required = false;
    restart(4000);
    expect(&site, 2, OUT(UNSHELVED) | OUT(ANNUNCIATE), 4000);
    assert_true(engine_is_at_rest(site.engine, 3));
    feed(&site, A_LOAD, 200, 5000);
    expect(&site, 0, RAISED, 5000);
    feed(&site, A_TEMP, 0, 5000);
    expect(&site, 1, OUT(CLEARED), 5000);
    expect_silence(&site);
}

static void
latch_of_a_definition_without_one_is_kept_until_reset(void **state)
{
    (void)state;
    site_alarm(&site, 0, A_LOAD, 0)->latch = true;
    site_start(&site);
    feed(&site, A_LOAD, 200, 1000);
    feed(&site, A_LOAD, 0, 2000);
    site.types[0].latch = false;
    restart(3000);
    feed(&site, A_LOAD, 0, 4000);
    assert_int_equal(state_of(&site, 0)->regions.cond, COND_LATCHED);
    assert_int_equal(command(&site, 0, EVENT_ACK, 5000), REPLY_OK);
    assert_int_equal(command(&site, 0, EVENT_RESET, 5000), REPLY_OK);
    assert_true(engine_is_at_rest(site.engine, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void
point_that_was_lost_before_a_restart_is_not_taken_for_one_that_never_was(void **state)
{
    (void)state;
    for (int is_read = 0; is_read < 2; is_read++) {
        site_init(&site);
        site_alarm(&site, 0, A_LOAD, 3000);
        site_start(&site);
        if (is_read)
            feed(&site, A_LOAD, 50, 1000);
        tick(&site, AWAKE + 10000); /* silent: told as bad, either way */
        assert_false(engine_is_at_rest(site.engine, 0));
        restart(100000);
        for (int64_t ms = 101000; ms <= 130000; ms += 1000) {
            feed_bad(&site, A_LOAD, CAUSE_ABSENT, ms);
            tick(&site, ms);
        }
        assert_int_equal(engine_is_at_rest(site.engine, 0), !is_read);
        assert_int_equal(engine_counts(site.engine)->stale_points, is_read);
        site_done(&site);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(record_has_the_layout_of_version_one),
        TEST(records_that_are_not_ours_are_refused_and_leave_the_alarm_at_rest),
        TEST(live_alarm_that_still_stands_is_not_told_again),
        TEST(live_alarm_that_is_over_clears_with_the_first_reading),
        TEST(delays_start_again_after_a_time_nobody_observed),
        TEST(reading_from_before_the_start_counts_from_the_start),
        TEST(acknowledged_alarm_comes_up_again_after_a_restart_too),
        TEST(shelf_runs_on_utc_over_a_restart),
        TEST(shelf_with_a_clock_gone_back_lasts_no_longer_than_asked_for),
        TEST(quality_told_as_bad_stays_bad_until_a_good_reading),
        TEST(bad_quality_of_a_point_that_is_no_longer_watched_ends_with_the_restart),
        TEST(restart_brings_no_storm_of_stale_alarms),
        TEST(point_that_was_lost_before_a_restart_is_not_taken_for_one_that_never_was),
        TEST(stale_alarm_stands_until_every_point_was_heard_of),
        TEST(stale_alarm_of_a_device_not_heard_of_is_not_raised),
        TEST(changed_definition_settles_what_it_no_longer_allows),
        TEST(latch_of_a_definition_without_one_is_kept_until_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
