/*
 * outbound.c - what a collector has to say, on its way to alarms and to the store.
 */
#include "collectors/outbound.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define BATCH_SAMPLES (MSG_BYTES_MAX / sizeof(struct sample))
#define BATCH_EVENTS (MSG_BYTES_MAX / sizeof(struct event))
#define WAITING_MIN 8192 /* samples that may wait before they are merged; at least 3 a point */

/* The readings of one point while alarms lags. */
struct merged {
    struct sample newest, min, max;
    bool is_used;
};

struct outbound {
    struct worker *worker;
    struct link *alarms, *store;
    uint32_t point_limit;

    struct sample to_store[BATCH_SAMPLES];
    size_t to_store_count;

    struct sample *waiting; /* to alarms, in the order said */
    size_t waiting_count, waiting_room, waiting_max;
    int64_t lag_since_ms; /* 0: alarms takes what it is given */

    struct merged *merged; /* by point; only while there is a long lag */
    uint32_t *merged_points;
    uint32_t merged_count;

    struct event *events; /* ring of OUTBOUND_EVENTS_MAX, grown on need */
    size_t events_first, events_count, events_room;
    size_t events_sent; /* of events_count, already with alarms */
    uint64_t last_number;
    bool has_overflowed;
};

struct outbound *
outbound_new(struct worker *worker, struct link *alarms, struct link *store, uint32_t point_limit)
{
    struct outbound *outbound = calloc(1, sizeof *outbound);

    if (outbound == NULL)
        return NULL;
    outbound->worker = worker;
    outbound->alarms = alarms;
    outbound->store = store;
    outbound->point_limit = point_limit;
    outbound->waiting_max = (size_t)point_limit * 3;
    if (outbound->waiting_max < WAITING_MIN)
        outbound->waiting_max = WAITING_MIN;
    return outbound;
}

void
outbound_free(struct outbound *outbound)
{
    if (outbound == NULL)
        return;
    free(outbound->waiting);
    free(outbound->merged);
    free(outbound->merged_points);
    free(outbound->events);
    free(outbound);
}

/* to the store */

static void
flush_store(struct outbound *outbound)
{
    size_t count = outbound->to_store_count;

    if (count == 0)
        return;
    if (outbound->store == NULL ||
        !link_send(outbound->store, MSG_SAMPLES, count, outbound->to_store))
        worker_count(outbound->worker, STAT_SAMPLES_DROPPED, count);
    outbound->to_store_count = 0;
}

void
outbound_sample_to_store(struct outbound *outbound, const struct sample *sample)
{
    outbound->to_store[outbound->to_store_count++] = *sample;
    if (outbound->to_store_count == BATCH_SAMPLES)
        flush_store(outbound);
}

/* merging */

static bool
begin_merging(struct outbound *outbound)
{
    if (outbound->merged != NULL)
        return true;
    outbound->merged = calloc(outbound->point_limit, sizeof *outbound->merged);
    outbound->merged_points = calloc(outbound->point_limit, sizeof *outbound->merged_points);
    if (outbound->merged != NULL && outbound->merged_points != NULL)
        return true;
    free(outbound->merged);
    free(outbound->merged_points);
    outbound->merged = NULL;
    outbound->merged_points = NULL;
    return false;
}

static void
merge(struct outbound *outbound, const struct sample *sample)
{
    if (sample->point >= outbound->point_limit)
        return;
    struct merged *merged = &outbound->merged[sample->point];

    if (!merged->is_used) {
        *merged = (struct merged){*sample, *sample, *sample, true};
        outbound->merged_points[outbound->merged_count++] = sample->point;
        return;
    }
    worker_count(outbound->worker, STAT_SAMPLES_MERGED, 1);
    merged->newest = *sample;
    if (sample->quality == QUALITY_BAD)
        return; /* a lost reading is no extreme */
    if (merged->min.quality == QUALITY_BAD || sample->value < merged->min.value)
        merged->min = *sample;
    if (merged->max.quality == QUALITY_BAD || sample->value > merged->max.value)
        merged->max = *sample;
}

static void
merge_waiting(struct outbound *outbound)
{
    if (!begin_merging(outbound)) {
        log_error("no memory to merge %zu samples: dropped", outbound->waiting_count);
        worker_count(outbound->worker, STAT_SAMPLES_DROPPED, outbound->waiting_count);
        outbound->waiting_count = 0;
        return;
    }
    for (size_t i = 0; i < outbound->waiting_count; i++)
        merge(outbound, &outbound->waiting[i]);
    outbound->waiting_count = 0;
}

static bool
is_same_reading(const struct sample *a, const struct sample *b)
{
    return a->mono_ms == b->mono_ms && a->quality == b->quality;
}

/* Minimum, maximum and newest of a point in the order of their times, each once. */
static size_t
unfold(const struct merged *merged, struct sample out[3])
{
    const struct sample *first = &merged->min, *second = &merged->max;
    size_t count = 0;

    if (first->mono_ms > second->mono_ms) {
        first = &merged->max;
        second = &merged->min;
    }
    if (!is_same_reading(first, &merged->newest)) {
        out[count] = *first;
        out[count++].flags |= SAMPLE_MERGED;
    }
    if (!is_same_reading(second, first) && !is_same_reading(second, &merged->newest)) {
        out[count] = *second;
        out[count++].flags |= SAMPLE_MERGED;
    }
    out[count++] = merged->newest;
    return count;
}

static bool
flush_merged(struct outbound *outbound)
{
    struct sample batch[BATCH_SAMPLES];

    while (outbound->merged_count > 0) {
        uint32_t taken = 0;
        size_t count = 0;

        while (taken < outbound->merged_count && count + 3 <= BATCH_SAMPLES) {
            uint32_t point = outbound->merged_points[outbound->merged_count - 1 - taken++];

            count += unfold(&outbound->merged[point], batch + count);
        }
        if (!link_send(outbound->alarms, MSG_SAMPLES, count, batch))
            return false;
        for (uint32_t i = 0; i < taken; i++)
            outbound->merged[outbound->merged_points[--outbound->merged_count]].is_used = false;
    }
    free(outbound->merged);
    free(outbound->merged_points);
    outbound->merged = NULL;
    outbound->merged_points = NULL;
    return true;
}

/* to alarms */

static void
add_waiting(struct outbound *outbound, const struct sample *sample)
{
    if (outbound->merged != NULL) {
        merge(outbound, sample);
        return;
    }
    if (outbound->waiting_count == outbound->waiting_room) {
        size_t room = outbound->waiting_room == 0 ? BATCH_SAMPLES : outbound->waiting_room * 2;
        struct sample *grown = realloc(outbound->waiting, room * sizeof *grown);

        if (grown == NULL) {
            merge_waiting(outbound);
            if (outbound->merged != NULL)
                merge(outbound, sample);
            return;
        }
        outbound->waiting = grown;
        outbound->waiting_room = room;
    }
    outbound->waiting[outbound->waiting_count++] = *sample;
}

void
outbound_sample(struct outbound *outbound, const struct sample *sample)
{
    outbound_sample_to_store(outbound, sample);
    add_waiting(outbound, sample);
    if (outbound->waiting_count >= outbound->waiting_max)
        merge_waiting(outbound);
}

static bool
grow_events(struct outbound *outbound)
{
    size_t room = outbound->events_room == 0 ? 256 : outbound->events_room * 2;
    struct event *grown;

    if (outbound->events_room >= OUTBOUND_EVENTS_MAX)
        return false;
    grown = malloc(room * sizeof *grown);
    if (grown == NULL)
        return false;
    for (size_t i = 0; i < outbound->events_count; i++)
        grown[i] = outbound->events[(outbound->events_first + i) % outbound->events_room];
    free(outbound->events);
    outbound->events = grown;
    outbound->events_room = room;
    outbound->events_first = 0;
    return true;
}

void
outbound_event(struct outbound *outbound, const struct sample *sample)
{
    if (outbound->events_count == outbound->events_room && !grow_events(outbound)) {
        if (!outbound->has_overflowed)
            log_error("%zu state changes wait for alarms: further ones go as samples",
                      outbound->events_count);
        outbound->has_overflowed = true;
        outbound_sample(outbound, sample);
        return;
    }
    size_t place = (outbound->events_first + outbound->events_count++) % outbound->events_room;
    outbound->events[place] = (struct event){++outbound->last_number, *sample};
    worker_count(outbound->worker, STAT_EVENTS, 1);
    outbound_sample_to_store(outbound, sample);
}

static bool
flush_events(struct outbound *outbound)
{
    while (outbound->events_sent < outbound->events_count) {
        struct event batch[BATCH_EVENTS];
        size_t count = 0;

        while (count < BATCH_EVENTS && outbound->events_sent + count < outbound->events_count) {
            size_t place =
                (outbound->events_first + outbound->events_sent + count) % outbound->events_room;

            batch[count++] = outbound->events[place];
        }
        if (!link_send(outbound->alarms, MSG_EVENTS, count, batch))
            return false;
        outbound->events_sent += count;
    }
    return true;
}

static bool
flush_waiting(struct outbound *outbound)
{
    size_t sent = 0;

    while (sent < outbound->waiting_count) {
        size_t count = outbound->waiting_count - sent;

        if (count > BATCH_SAMPLES)
            count = BATCH_SAMPLES;
        if (!link_send(outbound->alarms, MSG_SAMPLES, count, outbound->waiting + sent))
            break;
        sent += count;
    }
    outbound->waiting_count -= sent;
    if (sent > 0 && outbound->waiting_count > 0)
        memmove(outbound->waiting, outbound->waiting + sent,
                outbound->waiting_count * sizeof outbound->waiting[0]);
    return outbound->waiting_count == 0;
}

void
outbound_flush(struct outbound *outbound, int64_t now_ms)
{
    flush_store(outbound);
    if (flush_events(outbound) && flush_merged(outbound) && flush_waiting(outbound)) {
        outbound->lag_since_ms = 0;
        return;
    }
    if (outbound->lag_since_ms == 0)
        outbound->lag_since_ms = now_ms;
    else if (now_ms - outbound->lag_since_ms > OUTBOUND_WAIT_MS && outbound->waiting_count > 0)
        merge_waiting(outbound);
}

void
outbound_committed(struct outbound *outbound, uint64_t number)
{
    while (outbound->events_count > 0 &&
           outbound->events[outbound->events_first].number <= number) {
        outbound->events_first = (outbound->events_first + 1) % outbound->events_room;
        outbound->events_count--;
        if (outbound->events_sent > 0)
            outbound->events_sent--;
        outbound->has_overflowed = false;
    }
}

void
outbound_repeat_events(struct outbound *outbound)
{
    outbound->events_sent = 0;
}

bool
outbound_is_clear(const struct outbound *outbound)
{
    return outbound->lag_since_ms == 0;
}

size_t
outbound_pending_events(const struct outbound *outbound)
{
    return outbound->events_count;
}
