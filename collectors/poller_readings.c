/*
 * poller_readings.c - what drivers say, made into readings; what they could not say, into bad ones.
 */
#include <math.h>
#include <stdio.h>

#include "collectors/poller_parts.h"

#define ROUND_MASK ((LATEST_ROUNDS - 1u) * LATEST_ROUND)

/*
 * One reading of the clock per answer: values of one answer come in one turn of the loop, and a
 * device has one answer per turn.
 */
static const struct stamp *
stamp_of(struct poller_device *device)
{
    uint32_t turn = ev_iteration(device->poller->worker->loop) + 1u;

    if (device->turn != turn) {
        device->turn = turn;
        device->stamp = clock_now();
    }
    return &device->stamp;
}

static struct latest_point *
point_of(const struct poller_device *device, uint32_t index)
{
    return &device->poller->latest->points[device->first_point + index];
}

static void
mark_told(struct latest_point *point, const struct job *job)
{
    point->flags = (uint16_t)((point->flags & ~ROUND_MASK) | job->round * LATEST_ROUND);
}

/* The point, when it belongs to the poll under way; else the driver speaks out of turn. */
static struct latest_point *
expected(struct poller_device *device, uint32_t index)
{
    const struct source_set *set = device->set;

    if (device->running == JOB_NONE || index >= set->source_count)
        return NULL;

    const struct job *job = &device->poller->jobs[device->running];
    if (set->sources[index].def->group != job->group)
        return NULL;

    struct latest_point *point = point_of(device, index);
    mark_told(point, job);
    return point;
}

static void
count_reading(struct poller_device *device, enum quality quality)
{
    worker_count(device->poller->worker, STAT_SAMPLES, 1);
    if (quality == QUALITY_BAD)
        worker_count(device->poller->worker, STAT_SAMPLES_BAD, 1);
}

static void
tell_number(struct poller_device *device, struct latest_point *point, double value,
            enum quality quality, enum cause cause, const struct stamp *stamp)
{
    struct poller *poller = device->poller;
    bool is_change = latest_read(point, value, quality, cause, stamp);

    count_reading(device, quality);
    outbound_reading(poller->outbound, (uint32_t)(point - poller->latest->points), is_change);
}

static void
tell_text(struct poller_device *device, struct latest_point *point, const char *text,
          enum quality quality, enum cause cause, const struct stamp *stamp)
{
    struct poller *poller = device->poller;

    count_reading(device, quality);
    if (latest_read_text(point, text, quality, cause, stamp))
        outbound_text(poller->outbound, (uint32_t)(point - poller->latest->points));
}

static void
tell_bad(struct poller_device *device, struct latest_point *point, enum cause cause,
         const struct stamp *stamp)
{
    if ((point->flags & LATEST_TEXT) != 0)
        tell_text(device, point, "", QUALITY_BAD, cause, stamp);
    else
        tell_number(device, point, 0, QUALITY_BAD, cause, stamp);
}

static void
on_value(void *ctx, uint32_t index, double value, enum quality quality, enum cause cause)
{
    struct poller_device *device = ctx;
    struct latest_point *point = expected(device, index);
    char text[32];

    if (point == NULL)
        return;
    if (quality != QUALITY_BAD && !isfinite(value)) {
        quality = QUALITY_BAD;
        cause = CAUSE_NOT_A_NUMBER;
    }
    if ((point->flags & LATEST_TEXT) == 0) {
        tell_number(device, point, value, quality, cause, stamp_of(device));
        return;
    }
    /* A serial number that the device keeps as an integer. */
    snprintf(text, sizeof text, "%.15g", value);
    tell_text(device, point, text, quality, cause, stamp_of(device));
}

static void
on_text(void *ctx, uint32_t index, const char *text, enum quality quality, enum cause cause)
{
    struct poller_device *device = ctx;
    struct latest_point *point = expected(device, index);

    if (point == NULL)
        return;
    if ((point->flags & LATEST_TEXT) != 0)
        tell_text(device, point, text, quality, cause, stamp_of(device));
    else
        tell_number(device, point, 0, QUALITY_BAD,
                    quality == QUALITY_BAD ? cause : CAUSE_WRONG_TYPE, stamp_of(device));
}

const struct driver_sink POLLER_SINK = {
    .on_value = on_value,
    .on_text = on_text,
    .on_done = poller_on_done,
    .on_alive = poller_on_alive,
};

void
poller_readings_begin(struct poller_device *device, struct job *job)
{
    job->round = (uint8_t)((job->round + 1) % LATEST_ROUNDS);
    device->turn = 0;
}

void
poller_readings_missing(struct poller_device *device, const struct job *job, enum cause cause,
                        const struct stamp *stamp)
{
    const struct source_set *set = device->set;

    for (uint32_t i = 0; i < set->source_count; i++) {
        struct latest_point *point = point_of(device, i);

        if (set->sources[i].def->group != job->group ||
            (point->flags & ROUND_MASK) == job->round * LATEST_ROUND)
            continue;
        mark_told(point, job);
        tell_bad(device, point, cause, stamp);
    }
}

void
poller_readings_lost(struct poller_device *device, enum cause cause, const struct stamp *stamp)
{
    for (uint32_t i = 0; i < device->set->source_count; i++) {
        struct latest_point *point = point_of(device, i);

        if (point->quality != QUALITY_BAD || (point->flags & LATEST_KNOWN) == 0)
            tell_bad(device, point, cause, stamp);
    }
}

void
poller_readings_comm(struct poller_device *device, bool is_up, const struct stamp *stamp)
{
    struct latest_point *point = point_of(device, device->set->source_count);

    if ((point->flags & LATEST_KNOWN) != 0 && point->value == (is_up ? 1 : 0))
        return;
    tell_number(device, point, is_up ? 1 : 0, QUALITY_GOOD, CAUSE_OK, stamp);
}
