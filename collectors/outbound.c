/*
 * outbound.c - what leaves a collector: the queues towards alarms and the store.
 *
 * States and texts wait as indexes, at most once each, and are read from `latest` when they go: a
 * state that waited can therefore never arrive behind the event that replaced it.
 */
#include "collectors/outbound.h"

#include <assert.h>
#include <stdlib.h>

#include "collectors/event_log.h"
#include "collectors/lag.h"

#define BATCH_MAX (MSG_BYTES_MAX / sizeof(struct sample))
#define EVENTS_PER_MSG (MSG_BYTES_MAX / sizeof(struct event))
#define TEXTS_PER_MSG (MSG_BYTES_MAX / sizeof(struct text_value))
#define HEALTHS_PER_MSG (MSG_BYTES_MAX / sizeof(struct msg_health))
#define SNAPSHOT_MSGS_PER_TURN 4 /* a snapshot must not hold up the polls */

/* A queue of indexes; each index at most once, so it cannot overflow. */
struct queue {
    uint32_t *items;
    uint32_t size, first, count;
};

struct batch {
    struct sample samples[BATCH_MAX];
    size_t count;
};

struct outbound {
    struct outbound_setup setup;
    struct event_log events;
    struct lag *lag;
    struct queue states, owed, texts, healths;
    bool *health_waits; /* by device */
    struct batch alarms, store;
    bool lags[OUTBOUND_PEER_COUNT];
    uint32_t repeated[OUTBOUND_PEER_COUNT]; /* points of the snapshot that are sent */
    int64_t now_ms;                         /* of the last flush */
    union {
        struct sample samples[BATCH_MAX];
        struct text_value texts[TEXTS_PER_MSG];
        struct msg_health healths[HEALTHS_PER_MSG];
    } scratch;
};

static bool
queue_init(struct queue *queue, uint32_t size)
{
    queue->size = size;
    queue->items = malloc((size + (size_t)1) * sizeof *queue->items);
    return queue->items != NULL;
}

static void
queue_push(struct queue *queue, uint32_t item)
{
    assert(queue->count < queue->size);

    uint32_t place = queue->first + queue->count++;
    queue->items[place < queue->size ? place : place - queue->size] = item;
}

static uint32_t
queue_peek(const struct queue *queue, uint32_t index)
{
    uint32_t place = queue->first + index;

    return queue->items[place < queue->size ? place : place - queue->size];
}

static void
queue_drop(struct queue *queue, uint32_t count)
{
    queue->first += count;
    if (queue->first >= queue->size)
        queue->first -= queue->size;
    queue->count -= count;
}

static bool
make_queues(struct outbound *outbound)
{
    const struct latest *latest = outbound->setup.latest;
    uint32_t states = 0, texts = 0, devices = outbound->setup.devices;

    for (uint32_t i = 0; i < latest->count; i++) {
        states += (latest->points[i].flags & LATEST_STATE) != 0;
        texts += (latest->points[i].flags & LATEST_TEXT) != 0;
    }
    outbound->health_waits = calloc(devices + (size_t)1, sizeof *outbound->health_waits);
    outbound->lag = lag_new(latest->count - texts, outbound->setup.point_limit);
    return queue_init(&outbound->states, states) && queue_init(&outbound->owed, states) &&
           queue_init(&outbound->texts, texts) && queue_init(&outbound->healths, devices) &&
           outbound->health_waits != NULL && outbound->lag != NULL;
}

struct outbound *
outbound_new(const struct outbound_setup *setup)
{
    struct outbound *outbound = calloc(1, sizeof *outbound);

    if (outbound == NULL)
        return NULL;
    outbound->setup = *setup;
    event_log_init(&outbound->events);
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        outbound->repeated[peer] = setup->latest->count; /* no snapshot under way */
    if (!make_queues(outbound)) {
        outbound_free(outbound);
        return NULL;
    }
    return outbound;
}

void
outbound_free(struct outbound *outbound)
{
    if (outbound == NULL)
        return;
    event_log_done(&outbound->events);
    lag_free(outbound->lag);
    free(outbound->states.items);
    free(outbound->owed.items);
    free(outbound->texts.items);
    free(outbound->healths.items);
    free(outbound->health_waits);
    free(outbound);
}

static void
count(struct outbound *outbound, enum stat_id stat, uint64_t more)
{
    outbound->setup.stats[stat] += more;
}

static struct latest_point *
point_at(struct outbound *outbound, uint32_t point)
{
    return &outbound->setup.latest->points[point];
}

/* True: sent. A peer that lags is not asked again before it has room. */
static bool
give(struct outbound *outbound, enum outbound_peer peer, enum msg_type type, size_t entries,
     const void *body)
{
    if (!outbound->lags[peer])
        outbound->lags[peer] =
            !outbound->setup.send(outbound->setup.ctx, peer, type, entries, body);
    return !outbound->lags[peer];
}

/* ---- what waits ---- */

static void
send_store(struct outbound *outbound)
{
    struct batch *batch = &outbound->store;

    if (batch->count > 0 &&
        give(outbound, OUTBOUND_STORE, MSG_SAMPLES, batch->count, batch->samples))
        batch->count = 0;
    if (batch->count == BATCH_MAX) {
        count(outbound, STAT_SAMPLES_DROPPED, batch->count);
        batch->count = 0;
    }
}

static bool
send_events(struct outbound *outbound)
{
    const struct event *events;
    size_t some;

    while ((events = event_log_unsent(&outbound->events, EVENTS_PER_MSG, &some)) != NULL) {
        if (!give(outbound, OUTBOUND_ALARMS, MSG_EVENTS, some, events))
            return false;
        event_log_sent(&outbound->events, some);
    }
    return true;
}

static bool
send_lagged(struct outbound *outbound)
{
    while (!lag_is_empty(outbound->lag)) {
        size_t some = lag_fill(outbound->lag, outbound->scratch.samples, BATCH_MAX);

        if (!give(outbound, OUTBOUND_ALARMS, MSG_SAMPLES, some, outbound->scratch.samples))
            return false;
        lag_sent(outbound->lag);
    }
    return true;
}

/* The states in the queue that fit behind the batch; returns how many were looked at. */
static uint32_t
append_states(struct outbound *outbound, struct batch *batch)
{
    uint32_t taken = 0;

    for (; taken < outbound->states.count && batch->count < BATCH_MAX; taken++) {
        struct latest_point *point = point_at(outbound, queue_peek(&outbound->states, taken));

        if ((point->flags & (LATEST_AS_EVENT | LATEST_OWED)) == 0)
            latest_sample(point, 0, &batch->samples[batch->count++]);
    }
    return taken;
}

static bool
send_batch(struct outbound *outbound)
{
    struct batch *batch = &outbound->alarms;

    while (batch->count > 0 || outbound->states.count > 0) {
        size_t measured = batch->count;
        uint32_t states = append_states(outbound, batch);

        if (batch->count > 0 &&
            !give(outbound, OUTBOUND_ALARMS, MSG_SAMPLES, batch->count, batch->samples)) {
            batch->count = measured;
            return false;
        }
        batch->count = 0;
        for (uint32_t i = 0; i < states; i++)
            point_at(outbound, queue_peek(&outbound->states, i))->flags &=
                (uint16_t)~LATEST_WAITING;
        queue_drop(&outbound->states, states);
    }
    return true;
}

static bool
send_texts(struct outbound *outbound)
{
    while (outbound->texts.count > 0) {
        uint32_t some = 0;

        for (; some < outbound->texts.count && some < TEXTS_PER_MSG; some++) {
            const struct latest_point *point =
                point_at(outbound, queue_peek(&outbound->texts, some));

            latest_text(point, (point->flags & LATEST_REPEAT) != 0 ? SAMPLE_SNAPSHOT : 0,
                        &outbound->scratch.texts[some]);
        }
        if (!give(outbound, OUTBOUND_ALARMS, MSG_TEXTS, some, outbound->scratch.texts))
            return false;
        for (uint32_t i = 0; i < some; i++)
            point_at(outbound, queue_peek(&outbound->texts, i))->flags &=
                (uint16_t) ~(LATEST_WAITING | LATEST_REPEAT);
        queue_drop(&outbound->texts, some);
    }
    return true;
}

static bool
send_healths(struct outbound *outbound)
{
    while (outbound->healths.count > 0) {
        uint32_t some = 0;

        for (; some < outbound->healths.count && some < HEALTHS_PER_MSG; some++)
            outbound->setup.make_health(outbound->setup.ctx, queue_peek(&outbound->healths, some),
                                        &outbound->scratch.healths[some]);
        if (!give(outbound, OUTBOUND_ALARMS, MSG_HEALTH, some, outbound->scratch.healths))
            return false;
        for (uint32_t i = 0; i < some; i++)
            outbound->health_waits[queue_peek(&outbound->healths, i)] = false;
        queue_drop(&outbound->healths, some);
    }
    return true;
}

/* One message of a snapshot. False: the peer lags. */
static bool
repeat_some(struct outbound *outbound, enum outbound_peer peer)
{
    uint32_t point = outbound->repeated[peer];
    size_t some = 0;

    for (; point < outbound->setup.latest->count && some < BATCH_MAX; point++) {
        const struct latest_point *latest = point_at(outbound, point);

        if ((latest->flags & LATEST_KNOWN) == 0)
            continue;
        if ((latest->flags & LATEST_TEXT) == 0)
            latest_sample(latest, SAMPLE_SNAPSHOT, &outbound->scratch.samples[some++]);
        else if (peer == OUTBOUND_ALARMS)
            outbound_text(outbound, point);
    }
    if (some > 0 && !give(outbound, peer, MSG_SAMPLES, some, outbound->scratch.samples))
        return false;
    outbound->repeated[peer] = point;
    return true;
}

static bool
is_repeating(const struct outbound *outbound, enum outbound_peer peer)
{
    return outbound->repeated[peer] < outbound->setup.latest->count;
}

static void
repeat(struct outbound *outbound, enum outbound_peer peer)
{
    for (int i = 0; i < SNAPSHOT_MSGS_PER_TURN && is_repeating(outbound, peer); i++)
        if (outbound->lags[peer] || !repeat_some(outbound, peer))
            return;
}

/* ---- what comes in ---- */

static void
push_state(struct outbound *outbound, uint32_t index, struct latest_point *point)
{
    point->flags &= (uint16_t)~LATEST_AS_EVENT;
    if ((point->flags & LATEST_WAITING) != 0)
        return;
    point->flags |= LATEST_WAITING;
    queue_push(&outbound->states, index);
}

/* The change becomes an event now, or when there is room for one. */
static void
push_change(struct outbound *outbound, uint32_t index, struct latest_point *point)
{
    struct sample sample;

    point->flags |= LATEST_AS_EVENT;
    latest_sample(point, 0, &sample);
    if ((point->flags & LATEST_OWED) != 0)
        return;
    if (event_log_add(&outbound->events, &sample)) {
        point->flags &= (uint16_t)~LATEST_RENEW;
        count(outbound, STAT_EVENTS, 1);
        return;
    }
    point->flags |= LATEST_OWED;
    queue_push(&outbound->owed, index);
    count(outbound, STAT_EVENTS_DEFERRED, 1);
}

static void
settle_owed(struct outbound *outbound)
{
    while (outbound->owed.count > 0) {
        struct latest_point *point = point_at(outbound, queue_peek(&outbound->owed, 0));
        struct sample sample;

        latest_sample(point, 0, &sample);
        if (sample.quality == QUALITY_BAD)
            point->flags |= LATEST_RENEW; /* the next good reading tells */
        else if (!event_log_add(&outbound->events, &sample))
            return;
        else
            count(outbound, STAT_EVENTS, 1);
        point->flags &= (uint16_t)~LATEST_OWED;
        if (sample.quality != QUALITY_BAD)
            point->flags = (uint16_t)((point->flags & ~LATEST_RENEW) | LATEST_AS_EVENT);
        queue_drop(&outbound->owed, 1);
    }
}

static void
push_measurement(struct outbound *outbound, const struct sample *sample)
{
    struct batch *batch = &outbound->alarms;

    batch->samples[batch->count++] = *sample;
    if (batch->count == BATCH_MAX)
        outbound_flush(outbound, outbound->now_ms);
}

void
outbound_reading(struct outbound *outbound, uint32_t index, bool is_change)
{
    struct latest_point *point = point_at(outbound, index);
    struct sample *stored = &outbound->store.samples[outbound->store.count++];

    latest_sample(point, 0, stored);
    if ((point->flags & LATEST_STATE) == 0)
        push_measurement(outbound, stored);
    else if (is_change)
        push_change(outbound, index, point);
    else
        push_state(outbound, index, point);
    if (outbound->store.count == BATCH_MAX)
        send_store(outbound);
}

void
outbound_text(struct outbound *outbound, uint32_t index)
{
    struct latest_point *point = point_at(outbound, index);

    assert((point->flags & LATEST_TEXT) != 0);
    if (is_repeating(outbound, OUTBOUND_ALARMS))
        point->flags |= LATEST_REPEAT;
    if ((point->flags & LATEST_WAITING) != 0)
        return;
    point->flags |= LATEST_WAITING;
    queue_push(&outbound->texts, index);
}

void
outbound_health(struct outbound *outbound, uint32_t device)
{
    if (outbound->health_waits[device])
        return;
    outbound->health_waits[device] = true;
    queue_push(&outbound->healths, device);
}

/* ---- when it goes ---- */

bool
outbound_flush(struct outbound *outbound, int64_t now_ms)
{
    struct batch *batch = &outbound->alarms;

    outbound->now_ms = now_ms;
    settle_owed(outbound);
    if (!outbound->lags[OUTBOUND_ALARMS] && send_events(outbound) && send_lagged(outbound) &&
        send_batch(outbound) && send_texts(outbound) && send_healths(outbound))
        repeat(outbound, OUTBOUND_ALARMS);
    if (batch->count > 0) {
        count(outbound, STAT_SAMPLES_DROPPED,
              lag_push(outbound->lag, batch->samples, batch->count, now_ms));
        batch->count = 0;
        outbound->setup.stats[STAT_SAMPLES_MERGED] = lag_merged(outbound->lag);
    }
    if (is_repeating(outbound, OUTBOUND_STORE)) {
        send_store(outbound); /* what is older goes first */
        if (outbound->store.count == 0)
            repeat(outbound, OUTBOUND_STORE);
    }
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        if (is_repeating(outbound, (enum outbound_peer)peer) && !outbound->lags[peer])
            return true;
    return outbound->texts.count > 0 && !outbound->lags[OUTBOUND_ALARMS];
}

enum outbound_need
outbound_need(const struct outbound *outbound)
{
    if (outbound->events.unsent != outbound->events.next || outbound->owed.count > 0 ||
        outbound->healths.count > 0 || !lag_is_empty(outbound->lag) ||
        is_repeating(outbound, OUTBOUND_ALARMS) || is_repeating(outbound, OUTBOUND_STORE))
        return OUTBOUND_NOW;
    if (outbound->alarms.count > 0 || outbound->states.count > 0 || outbound->texts.count > 0)
        return OUTBOUND_SOON;
    return OUTBOUND_NOTHING;
}

void
outbound_flush_store(struct outbound *outbound)
{
    send_store(outbound);
}

void
outbound_writable(struct outbound *outbound, enum outbound_peer peer)
{
    outbound->lags[peer] = false;
}

void
outbound_committed(struct outbound *outbound, const struct msg_committed *committed)
{
    if (committed->incarnation != outbound->setup.incarnation)
        return; /* meant for the one before us */
    if (!event_log_release(&outbound->events, committed->number))
        count(outbound, STAT_UNKNOWN_NUMBERS, 1);
}

void
outbound_snapshot(struct outbound *outbound)
{
    event_log_rewind(&outbound->events);
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        outbound->repeated[peer] = 0;
    for (uint32_t device = 0; device < outbound->setup.devices; device++)
        outbound_health(outbound, device);
}

size_t
outbound_events_pending(const struct outbound *outbound)
{
    return event_log_count(&outbound->events) + outbound->owed.count;
}
