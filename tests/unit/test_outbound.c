/*
 * test_outbound.c - what leaves a collector while its peers take it, lag, or start anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/event_log.h"
#include "collectors/lag.h"
#include "collectors/outbound.h"

#define POINTS 8
#define STATE_POINT 6 /* 0 .. 5 are measurements */
#define TEXT_POINT 7
#define DEVICES 3
#define NUMBER(index) ((index) + 100u)
#define HEARD_MAX 400000

/* What a peer was sent, in order. */
struct heard {
    enum msg_type type;
    uint64_t number;
    struct sample sample;
    char text[16];
};

static struct {
    struct latest latest;
    struct outbound *outbound;
    uint64_t stats[STAT_COUNT];
    bool is_full[OUTBOUND_PEER_COUNT];
    struct heard *heard[OUTBOUND_PEER_COUNT];
    size_t heard_count[OUTBOUND_PEER_COUNT];
    size_t messages[OUTBOUND_PEER_COUNT];
    int64_t now_ms;
} rig;

static bool
take(void *ctx, enum outbound_peer peer, enum msg_type type, size_t count, const void *entries)
{
    (void)ctx;
    assert_true(count > 0 && count * msg_entry_bytes(type) <= MSG_BYTES_MAX);
    if (rig.is_full[peer])
        return false;
    rig.messages[peer]++;
    for (size_t i = 0; i < count; i++) {
        assert_true(rig.heard_count[peer] < HEARD_MAX);
        struct heard *heard = &rig.heard[peer][rig.heard_count[peer]++];

        *heard = (struct heard){.type = type};
        if (type == MSG_SAMPLES) {
            heard->sample = ((const struct sample *)entries)[i];
        } else if (type == MSG_EVENTS) {
            heard->number = ((const struct event *)entries)[i].number;
            heard->sample = ((const struct event *)entries)[i].sample;
        } else if (type == MSG_TEXTS) {
            const struct text_value *text = &((const struct text_value *)entries)[i];

            heard->sample.point = text->point;
            heard->sample.flags = text->flags;
            memcpy(heard->text, text->text, sizeof heard->text - 1);
        } else {
            assert_int_equal(type, MSG_HEALTH);
            heard->number = ((const struct msg_health *)entries)[i].device;
        }
    }
    return true;
}

static void
make_health(void *ctx, uint32_t device, struct msg_health *out)
{
    (void)ctx;
    *out = (struct msg_health){.device = device};
}

static int
set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    rig.now_ms = 1000;
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        rig.heard[peer] = malloc(HEARD_MAX * sizeof *rig.heard[peer]);
    if (!latest_init(&rig.latest, POINTS))
        return -1;
    for (uint32_t i = 0; i < POINTS; i++)
        latest_name(&rig.latest, i, NUMBER(i),
                    i == STATE_POINT  ? LATEST_STATE
                    : i == TEXT_POINT ? LATEST_TEXT
                                      : 0);
    rig.outbound = outbound_new(&(struct outbound_setup){.latest = &rig.latest,
                                                         .point_limit = NUMBER(POINTS),
                                                         .devices = DEVICES,
                                                         .incarnation = 5,
                                                         .stats = rig.stats,
                                                         .send = take,
                                                         .make_health = make_health});
    return rig.outbound == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    (void)state;
    outbound_free(rig.outbound);
    latest_done(&rig.latest);
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        free(rig.heard[peer]);
    return 0;
}

static void
forget(void)
{
    memset(rig.heard_count, 0, sizeof rig.heard_count);
    memset(rig.messages, 0, sizeof rig.messages);
}

static void
read_as(uint32_t index, double value, enum quality quality, enum cause cause)
{
    struct stamp stamp = {rig.now_ms + 1000000, rig.now_ms};

    outbound_reading(rig.outbound, index,
                     latest_read(&rig.latest.points[index], value, quality, cause, &stamp));
}

static void
read_good(uint32_t index, double value)
{
    read_as(index, value, QUALITY_GOOD, CAUSE_OK);
}

static void
read_text(const char *text)
{
    struct stamp stamp = {rig.now_ms + 1000000, rig.now_ms};

    if (latest_read_text(&rig.latest.points[TEXT_POINT], text, QUALITY_GOOD, CAUSE_OK, &stamp))
        outbound_text(rig.outbound, TEXT_POINT);
}

static bool
flush(void)
{
    return outbound_flush(rig.outbound, rig.now_ms);
}

static void
flush_all(void)
{
    while (flush())
        ;
}

static void
fill(enum outbound_peer peer)
{
    rig.is_full[peer] = true;
}

static void
drain(enum outbound_peer peer)
{
    rig.is_full[peer] = false;
    outbound_writable(rig.outbound, peer);
}

static void
commit(uint64_t incarnation, uint64_t number)
{
    outbound_committed(rig.outbound, &(struct msg_committed){incarnation, number});
}

static const struct heard *
heard(size_t index)
{
    assert_true(index < rig.heard_count[OUTBOUND_ALARMS]);
    return &rig.heard[OUTBOUND_ALARMS][index];
}

/* ---- the healthy case ---- */

static void
readings_of_one_turn_travel_in_one_message_behind_the_events(void **state)
{
    (void)state;
    read_good(0, 1.5);
    read_good(1, 2.5);
    read_good(STATE_POINT, 3);
    read_text("AX-17");
    outbound_health(rig.outbound, 2);
    assert_false(flush());
    assert_int_equal(rig.messages[OUTBOUND_ALARMS], 4);
    assert_int_equal(heard(0)->type, MSG_EVENTS);
    assert_int_equal(heard(0)->number, 1);
    assert_true(heard(0)->sample.value == 3);
    assert_true(heard(1)->sample.value == 1.5);
    assert_int_equal(heard(1)->sample.point, NUMBER(0));
    assert_true(heard(2)->sample.value == 2.5);
    assert_string_equal(heard(3)->text, "AX-17");
    assert_int_equal(heard(4)->type, MSG_HEALTH);
    assert_int_equal(heard(4)->number, 2);
}

static void
unchanged_state_is_a_sample_and_unchanged_text_is_silent(void **state)
{
    (void)state;
    read_good(STATE_POINT, 3);
    read_text("AX-17");
    flush();
    forget();
    read_good(STATE_POINT, 3);
    read_text("AX-17");
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 1);
    assert_int_equal(heard(0)->type, MSG_SAMPLES);
    assert_int_equal(heard(0)->sample.point, NUMBER(STATE_POINT));
}

static void
bad_state_is_a_sample_without_value_and_its_return_unchanged_is_no_event(void **state)
{
    (void)state;
    read_good(STATE_POINT, 3);
    flush();
    rig.now_ms = 2000;
    read_as(STATE_POINT, 0, QUALITY_BAD, CAUSE_TIMEOUT);
    flush();
    assert_int_equal(heard(1)->type, MSG_SAMPLES);
    assert_true(heard(1)->sample.value == 0);
    assert_int_equal(heard(1)->sample.cause, CAUSE_TIMEOUT);
    assert_int_equal(heard(1)->sample.prev_good_mono_ms, 1000);
    rig.now_ms = 3000;
    read_good(STATE_POINT, 3);
    flush();
    assert_int_equal(heard(2)->type, MSG_SAMPLES);
    assert_int_equal(heard(2)->sample.prev_good_mono_ms, 1000);
    read_as(STATE_POINT, 0, QUALITY_BAD, CAUSE_TIMEOUT);
    read_good(STATE_POINT, 4);
    flush();
    assert_int_equal(heard(3)->type, MSG_EVENTS);
}

static void
full_batch_does_not_wait_for_the_end_of_the_turn(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        read_good((uint32_t)i % 6, i);
    assert_true(rig.heard_count[OUTBOUND_ALARMS] > 3000);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_true(heard(i)->sample.value == (double)i);
}

/* ---- alarms lags ---- */

static void
samples_wait_unmerged_for_two_seconds(void **state)
{
    (void)state;
    fill(OUTBOUND_ALARMS);
    for (int i = 0; i < 200; i++, rig.now_ms += 9) {
        read_good(0, i);
        flush();
    }
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 0);
    drain(OUTBOUND_ALARMS);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 200);
    for (size_t i = 0; i < 200; i++) {
        assert_true(heard(i)->sample.value == (double)i);
        assert_int_equal(heard(i)->sample.flags, 0);
    }
    assert_int_equal(rig.stats[STAT_SAMPLES_MERGED], 0);
}

static void
long_lag_keeps_newest_smallest_and_largest_in_the_order_of_time(void **state)
{
    static const double values[] = {50, 51, 90, 49, 10, 52, 53};

    (void)state;
    fill(OUTBOUND_ALARMS);
    for (size_t i = 0; i < ARRAY_LEN(values); i++, rig.now_ms += 1000) {
        read_good(0, values[i]);
        flush();
    }
    read_as(1, 0, QUALITY_BAD, CAUSE_TIMEOUT); /* a lone bad one is no extreme */
    drain(OUTBOUND_ALARMS);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 4);
    assert_true(heard(0)->sample.value == 90 && heard(0)->sample.flags == SAMPLE_MERGED);
    assert_true(heard(1)->sample.value == 10 && heard(1)->sample.flags == SAMPLE_MERGED);
    assert_true(heard(2)->sample.value == 53 && heard(2)->sample.flags == 0);
    assert_int_equal(heard(3)->sample.quality, QUALITY_BAD);
    assert_int_equal(rig.stats[STAT_SAMPLES_MERGED], ARRAY_LEN(values) - 1);
    assert_int_equal(rig.stats[STAT_SAMPLES_DROPPED], 0);
}

static void
bad_newest_keeps_the_extremes_of_the_good_ones(void **state)
{
    (void)state;
    fill(OUTBOUND_ALARMS);
    for (int i = 0; i < 5; i++, rig.now_ms += 1000) {
        read_good(0, 10 + i);
        flush();
    }
    read_as(0, 0, QUALITY_BAD, CAUSE_REFUSED);
    flush();
    drain(OUTBOUND_ALARMS);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 3);
    assert_true(heard(0)->sample.value == 10);
    assert_true(heard(1)->sample.value == 14);
    assert_int_equal(heard(2)->sample.quality, QUALITY_BAD);
}

static void
lag_of_hours_takes_no_more_memory_than_three_samples_a_point(void **state)
{
    (void)state;
    fill(OUTBOUND_STORE);
    fill(OUTBOUND_ALARMS);
    for (int i = 0; i < 100000; i++, rig.now_ms += 100) {
        for (uint32_t p = 0; p < 6; p++)
            read_good(p, i % 1000);
        flush();
    }
    drain(OUTBOUND_ALARMS);
    flush();
    assert_in_range(rig.heard_count[OUTBOUND_ALARMS], 6, 6 * LAG_PER_POINT);
    assert_int_equal(rig.stats[STAT_SAMPLES_MERGED] + 6, 600000);
    forget();
    read_good(0, 5);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 1); /* and all is as before */
}

static void
state_that_waited_never_arrives_behind_the_event_that_replaced_it(void **state)
{
    double last = 0;

    (void)state;
    read_good(STATE_POINT, 1);
    flush();
    forget();
    fill(OUTBOUND_ALARMS);
    for (int i = 0; i < 50; i++, rig.now_ms += 100) {
        read_good(STATE_POINT, 1 + i / 10); /* each value is read ten times */
        read_good(0, i);
        flush();
    }
    drain(OUTBOUND_ALARMS);
    flush();
    uint64_t number = 1;
    for (size_t i = 0; i < rig.heard_count[OUTBOUND_ALARMS]; i++) {
        if (heard(i)->sample.point != NUMBER(STATE_POINT))
            continue;
        assert_true(heard(i)->sample.value >= last);
        last = heard(i)->sample.value;
        if (heard(i)->type == MSG_EVENTS)
            assert_int_equal(heard(i)->number, ++number);
    }
    assert_int_equal(number, 5);
    assert_true(last == 5);
}

static void
texts_and_health_that_met_a_full_link_go_later_and_once(void **state)
{
    (void)state;
    fill(OUTBOUND_ALARMS);
    read_text("old");
    outbound_health(rig.outbound, 1);
    flush();
    read_text("new");
    outbound_health(rig.outbound, 1);
    flush();
    drain(OUTBOUND_ALARMS);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 2);
    assert_string_equal(heard(0)->text, "new");
    assert_int_equal(heard(1)->number, 1);
}

/* ---- events ---- */

static void
events_survive_a_restart_of_alarms_until_they_are_committed(void **state)
{
    (void)state;
    for (int i = 1; i <= 10; i++)
        read_good(STATE_POINT, i);
    flush();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 10);
    commit(5, 4);
    assert_int_equal(outbound_events_pending(rig.outbound), 6);
    forget();
    outbound_snapshot(rig.outbound); /* what the new one asks for first */
    flush_all();
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(heard(i)->type, MSG_EVENTS);
        assert_int_equal(heard(i)->number, 5 + i);
        assert_true(heard(i)->sample.value == (double)(5 + i));
    }
    commit(5, 10);
    assert_int_equal(outbound_events_pending(rig.outbound), 0);
    forget();
    outbound_snapshot(rig.outbound);
    flush_all();
    assert_int_equal(heard(0)->type, MSG_HEALTH);
}

static void
commits_of_another_life_or_of_numbers_never_given_release_nothing(void **state)
{
    (void)state;
    read_good(STATE_POINT, 1);
    read_good(STATE_POINT, 2);
    flush();
    commit(4, 2);
    commit(5, 3);
    assert_int_equal(outbound_events_pending(rig.outbound), 2);
    assert_int_equal(rig.stats[STAT_UNKNOWN_NUMBERS], 1);
    commit(5, 1);
    commit(5, 1); /* told twice */
    commit(5, 0);
    assert_int_equal(outbound_events_pending(rig.outbound), 1);
}

static void
events_committed_while_unsent_are_not_sent_again(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++)
        read_good(STATE_POINT, i);
    flush();
    outbound_snapshot(rig.outbound);
    commit(5, 3); /* the commit crossed the request */
    forget();
    flush_all();
    assert_int_equal(heard(0)->number, 4);
    assert_int_equal(heard(1)->number, 5);
}

static void
changes_beyond_the_limit_wait_and_end_in_the_true_state(void **state)
{
    const uint32_t over = 1000;

    (void)state;
    fill(OUTBOUND_ALARMS);
    for (uint32_t i = 1; i <= EVENT_LOG_MAX + over; i++)
        read_good(STATE_POINT, i);
    flush();
    assert_int_equal(rig.stats[STAT_EVENTS], EVENT_LOG_MAX);
    assert_int_equal(rig.stats[STAT_EVENTS_DEFERRED], 1);
    drain(OUTBOUND_ALARMS);
    flush();
    size_t sent = rig.heard_count[OUTBOUND_ALARMS];
    assert_int_equal(sent, EVENT_LOG_MAX);
    for (size_t i = 0; i < sent; i++)
        assert_int_equal(heard(i)->number, i + 1);
    commit(5, 10);
    flush();
    assert_int_equal(heard(sent)->number, EVENT_LOG_MAX + 1);
    assert_true(heard(sent)->sample.value == EVENT_LOG_MAX + over);
    /* A plain reading that follows does not repeat it as an event. */
    read_good(STATE_POINT, EVENT_LOG_MAX + over);
    flush();
    assert_int_equal(heard(sent + 1)->type, MSG_SAMPLES);
}

static void
deferred_change_of_a_point_gone_bad_is_told_when_it_is_good_again(void **state)
{
    (void)state;
    fill(OUTBOUND_ALARMS);
    for (uint32_t i = 1; i <= EVENT_LOG_MAX + 1; i++)
        read_good(STATE_POINT, i);
    read_as(STATE_POINT, 0, QUALITY_BAD, CAUSE_TIMEOUT);
    drain(OUTBOUND_ALARMS);
    commit(5, 5);
    flush();
    size_t sent = rig.heard_count[OUTBOUND_ALARMS];
    assert_int_equal(heard(sent - 2)->number, EVENT_LOG_MAX);
    assert_int_equal(heard(sent - 1)->sample.quality, QUALITY_BAD);
    read_good(STATE_POINT, EVENT_LOG_MAX + 1); /* as before, but never told */
    flush();
    const struct heard *last = heard(rig.heard_count[OUTBOUND_ALARMS] - 1);
    assert_int_equal(last->number, EVENT_LOG_MAX + 1);
    assert_true(last->sample.value == EVENT_LOG_MAX + 1);
    read_good(STATE_POINT, EVENT_LOG_MAX + 1);
    flush();
    assert_int_equal(heard(rig.heard_count[OUTBOUND_ALARMS] - 1)->type, MSG_SAMPLES);
}

/* ---- snapshots ---- */

static void
snapshot_repeats_what_was_read_and_nothing_else(void **state)
{
    size_t samples = 0, texts = 0, healths = 0;

    (void)state;
    read_good(0, 7);
    read_good(STATE_POINT, 2);
    read_as(3, 0, QUALITY_BAD, CAUSE_ABSENT);
    read_text("AX-17");
    flush();
    outbound_flush_store(rig.outbound);
    commit(5, 1);
    forget();
    rig.now_ms = 9000;
    outbound_snapshot(rig.outbound);
    flush_all();
    for (size_t i = 0; i < rig.heard_count[OUTBOUND_ALARMS]; i++) {
        samples += heard(i)->type == MSG_SAMPLES;
        texts += heard(i)->type == MSG_TEXTS;
        healths += heard(i)->type == MSG_HEALTH;
        if (heard(i)->type == MSG_HEALTH)
            continue;
        assert_int_equal(heard(i)->sample.flags, SAMPLE_SNAPSHOT);
        if (heard(i)->type == MSG_SAMPLES)
            assert_int_equal(heard(i)->sample.mono_ms, 1000); /* never re-stamped */
    }
    assert_int_equal(samples, 3);
    assert_int_equal(texts, 1);
    assert_int_equal(healths, DEVICES);
    assert_int_equal(rig.heard_count[OUTBOUND_STORE], 3);
}

static void
snapshot_waits_for_a_lagging_peer_and_the_other_does_not(void **state)
{
    (void)state;
    read_good(0, 7);
    flush();
    outbound_flush_store(rig.outbound);
    forget();
    fill(OUTBOUND_ALARMS);
    outbound_snapshot(rig.outbound);
    flush_all();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 0);
    assert_int_equal(rig.heard_count[OUTBOUND_STORE], 1);
    drain(OUTBOUND_ALARMS);
    flush_all();
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], DEVICES + 1);
}

/* ---- the store ---- */

static void
store_gets_every_numeric_reading_in_batches(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        read_good(0, i);
        read_good(STATE_POINT, i);
        read_text("AX-17");
        flush();
    }
    outbound_flush_store(rig.outbound);
    assert_int_equal(rig.heard_count[OUTBOUND_STORE], 200);
    assert_int_equal(rig.messages[OUTBOUND_STORE], 1);
}

static void
lagging_store_loses_samples_and_each_is_counted(void **state)
{
    (void)state;
    fill(OUTBOUND_STORE);
    for (int i = 0; i < 10000; i++) {
        read_good(0, i);
        flush();
    }
    outbound_flush_store(rig.outbound);
    assert_int_equal(rig.heard_count[OUTBOUND_ALARMS], 10000); /* alarms does not notice */
    drain(OUTBOUND_STORE);
    outbound_flush_store(rig.outbound);
    assert_true(rig.stats[STAT_SAMPLES_DROPPED] > 0);
    assert_int_equal(rig.stats[STAT_SAMPLES_DROPPED] + rig.heard_count[OUTBOUND_STORE], 10000);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(readings_of_one_turn_travel_in_one_message_behind_the_events),
        RIG_TEST(unchanged_state_is_a_sample_and_unchanged_text_is_silent),
        RIG_TEST(bad_state_is_a_sample_without_value_and_its_return_unchanged_is_no_event),
        RIG_TEST(full_batch_does_not_wait_for_the_end_of_the_turn),
        RIG_TEST(samples_wait_unmerged_for_two_seconds),
        RIG_TEST(long_lag_keeps_newest_smallest_and_largest_in_the_order_of_time),
        RIG_TEST(bad_newest_keeps_the_extremes_of_the_good_ones),
        RIG_TEST(lag_of_hours_takes_no_more_memory_than_three_samples_a_point),
        RIG_TEST(state_that_waited_never_arrives_behind_the_event_that_replaced_it),
        RIG_TEST(texts_and_health_that_met_a_full_link_go_later_and_once),
        RIG_TEST(events_survive_a_restart_of_alarms_until_they_are_committed),
        RIG_TEST(commits_of_another_life_or_of_numbers_never_given_release_nothing),
        RIG_TEST(events_committed_while_unsent_are_not_sent_again),
        RIG_TEST(changes_beyond_the_limit_wait_and_end_in_the_true_state),
        RIG_TEST(deferred_change_of_a_point_gone_bad_is_told_when_it_is_good_again),
        RIG_TEST(snapshot_repeats_what_was_read_and_nothing_else),
        RIG_TEST(snapshot_waits_for_a_lagging_peer_and_the_other_does_not),
        RIG_TEST(store_gets_every_numeric_reading_in_batches),
        RIG_TEST(lagging_store_loses_samples_and_each_is_counted),
    };

    return cmocka_run_group_tests_name("outbound", tests, NULL, NULL);
}
