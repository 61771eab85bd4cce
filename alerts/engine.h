/*
 * engine.h - the alarm engine: samples, ticks and commands in, transitions out.
 *
 * Pure: no I/O, no clock, no allocation after engine_new. Time comes with each input, so that a
 * replay, a test and a fuzzer drive it by feeding other times. The life of one alarm is the set of
 * independent regions of ISA-18.2 / OPC UA Part 9 (condition, acknowledgement, suppression,
 * quality); its step function is alarm_step.h, checked event by event against a reference model.
 */
#ifndef WATCHROOM_ALERTS_ENGINE_H
#define WATCHROOM_ALERTS_ENGINE_H

#include "alerts/alarm_def.h"
#include "alerts/alarm_step.h"
#include "gateway/base/clock.h"
#include "gateway/base/sample.h"

struct engine;

/* What is known of one alarm besides its regions. Kept small: a site has one per point. */
struct alarm_state {
    struct alarm_regions regions; /* alarm_step.h: cond, ack, inp, shelved, design, oos, test, good, told */
    uint32_t occ;                 /* occurrence number, from 1; an acknowledgement quotes it */
    uint32_t chatter;             /* raises since the chatter hold began; 0: no hold */
    double value;                 /* the last good value judged */
    int64_t changed_utc_ms;       /* last transition */
    int64_t raised_utc_ms;        /* 0: never */
    int64_t cleared_utc_ms;       /* 0: never */
    int64_t reading_utc_ms;       /* of the reading behind the last transition */
    uint32_t unc_ms;              /* uncertainty of `raised`: previous reading without it .. first with it */
    uint8_t quality;              /* enum quality of the last sample */
    uint8_t cause;                /* enum cause of the last sample */
};

struct transition {
    uint32_t alarm;
    uint32_t outputs; /* OUT_ bits of alarm_step.h */
    struct stamp at;  /* of the input that caused it (the device's reading, or the tick) */
    const struct alarm_state *state; /* after it; borrowed until the return */
};

/* Called for each step that put out anything, from inside the feeding call. */
typedef void engine_sink(void *ctx, const struct transition *transition);

struct engine_params {
    const struct alarm_def *alarms; /* by number, with holes; borrowed for the engine's life */
    uint32_t alarm_limit;
    const struct directory *directory;
    engine_sink *sink;
    void *ctx;
};

/* All points start not-yet-read; stale times count from `now`. NULL: out of memory. */
struct engine *engine_new(const struct engine_params *params, struct stamp now);
void engine_free(struct engine *engine);

/* One reading. Readings older than the point's last are ignored but counted. */
void engine_sample(struct engine *engine, const struct sample *sample);

/* Fires what is due: delays, stale times, re-alarms, shelf expiry. At most as often as wanted; what
 * fell due between two ticks fires in the order of its time. */
void engine_tick(struct engine *engine, struct stamp now);
/* Monotonic time of the next thing due, INT64_MAX when none. */
int64_t engine_next_due_ms(const struct engine *engine);

/*
 * A person's or a rule's event on one alarm (EVENT_ACK, EVENT_SHELVE ...; alarm_step.h). For EVENT_ACK `occ` must be
 * the present occurrence, else REPLY_STALE_OCCURRENCE; 0 quotes none (the local command line).
 * `until_utc_ms`: for EVENT_SHELVE.
 */
enum alarm_reply engine_event(struct engine *engine, uint32_t alarm, enum alarm_event event,
                              uint32_t occ, int64_t until_utc_ms, struct stamp now);

/* NULL: no such alarm. */
const struct alarm_state *engine_state(const struct engine *engine, uint32_t alarm);
/* When its shelf ends, UTC ms; 0: not shelved. */
int64_t engine_shelf_until(const struct engine *engine, uint32_t alarm);
/* At rest: normal, nothing unacknowledged, unsuppressed, good. */
bool engine_is_at_rest(const struct engine *engine, uint32_t alarm);
/* The last sample of a point with its age judged: quality bad and cause timeout once it is stale;
 * false: not yet read. */
bool engine_latest(const struct engine *engine, uint32_t point, struct sample *out_sample);

/*
 * Persistence. A record is a fixed little-endian layout with a version byte; ENGINE_RECORD_MAX bytes
 * hold it. engine_restore is called once per alarm between engine_new and the first sample: the
 * time without an engine is unobserved, condition timers start again, shelves run on UTC.
 */
#define ENGINE_RECORD_MAX 160
size_t engine_save(const struct engine *engine, uint32_t alarm, uint8_t out[ENGINE_RECORD_MAX]);
/* False: the record is not one of ours; the alarm starts from rest. */
bool engine_restore(struct engine *engine, uint32_t alarm, const void *record, size_t bytes,
                    struct stamp now);

struct engine_counts {
    uint32_t live[5];    /* per priority; [0] all */
    uint32_t unacked[5]; /* per priority; [0] all */
    uint32_t shelved, suppressed, out_of_service, not_at_rest;
    uint32_t stale_points;
    uint64_t samples, late_samples, unknown_points;
};
/* Kept up to date as things change: free to ask. */
const struct engine_counts *engine_counts(const struct engine *engine);

#endif
