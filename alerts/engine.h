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

/* Stale times count from so long after engine_new: collectors need their first period. */
#define ENGINE_START_GRACE_MS 10000
#define ENGINE_SHELF_MAX_MS (INT64_C(400) * 24 * 3600 * 1000)
#define ENGINE_UNC_UNKNOWN UINT32_MAX

/* What is known of one alarm besides its regions. Kept small: a site has one per point. */
struct alarm_state {
    struct alarm_regions
        regions;      /* alarm_step.h: cond, ack, inp, shelved, design, oos, test, good, told */
    uint32_t occ;     /* occurrence number, from 1; an acknowledgement quotes it */
    uint32_t chatter; /* raises, with those that began the chatter hold; 0: no hold */
    double value;     /* the last good value judged; RULE_STALE: how many points */
    int64_t changed_utc_ms; /* last transition */
    int64_t raised_utc_ms;  /* 0: never */
    int64_t cleared_utc_ms; /* 0: never */
    int64_t reading_utc_ms; /* of the reading behind the last transition */
    uint32_t unc_ms; /* uncertainty of `raised`: previous reading without it .. first with it; */
                     /* ENGINE_UNC_UNKNOWN: there was no good reading before it */
    uint8_t quality; /* enum quality of the last sample; bad once it is stale */
    uint8_t cause;   /* enum cause of the last sample */
    bool first_out;  /* this occurrence was the first of a burst (first_out.h) */
    bool is_heard;   /* its point has been read at least once */
};

struct transition {
    uint32_t alarm;
    uint32_t outputs; /* OUT_ bits of alarm_step.h */
    struct stamp at;  /* of the input that caused it (the device's reading, or the tick) */
    const struct alarm_state *state; /* after it; borrowed until the return */
};

/* Called for each step that put out anything, from inside the feeding call. */
typedef void engine_sink(void *ctx, const struct transition *transition);

/*
 * A chatter hold: so many raises within a time hold the occurrence active until the input kept
 * still for the quiet time; then its end state is told. Each edge in between puts out OUT(CHATTER).
 */
#define ENGINE_CHATTER_MAX 4 /* raises, at most */
struct engine_chatter {
    uint32_t raises; /* 2 .. ENGINE_CHATTER_MAX; 0: never hold */
    int64_t within_ms, quiet_ms;
};
/* The defaults of the alarm philosophy: 3 in 60 s, 300 s quiet. */
#define ENGINE_CHATTER_DEFAULT ((struct engine_chatter){3, 60000, 300000})

struct engine_params {
    const struct alarm_def *alarms; /* by number, with holes; borrowed for the engine's life */
    uint32_t alarm_limit;
    const struct directory *directory;
    engine_sink *sink; /* must not feed the engine */
    void *ctx;
    struct engine_chatter chatter; /* all zero: no hold */
    int64_t fold_hold_ms;          /* a root that has gone suppresses for so long */
    int64_t first_out_ms;          /* quiet time between two bursts; 0: no alarm is first-out */
};

/* All points start not-yet-read; stale times count from `now`. NULL: out of memory. */
struct engine *engine_new(const struct engine_params *params, struct stamp now);
void engine_free(struct engine *engine);

/*
 * One reading. Readings older than the point's last good one are ignored but counted, so that
 * snapshots and repeats do no harm; one of the same time is judged. What was merged while the
 * reader lagged (SAMPLE_MERGED) must come in the order of its time, before the newest: minimum and
 * maximum are then judged like any other reading. A reading behind which one of its alarm's timers
 * fell due fires that timer first, so that what comes out does not depend on when ticks come.
 *
 * A bad or not finite reading changes only what is shown; the age of the last good one decides.
 * But a point of which the device says that it does not have it (CAUSE_ABSENT), and which was never
 * read, is not applicable: it never goes stale, and its alarms stay at rest.
 */
void engine_sample(struct engine *engine, const struct sample *sample);
/* The same for each of many, in their order; faster, because what the next ones need is on its way.
 */
void engine_samples(struct engine *engine, const struct sample *samples, size_t count);

/*
 * Fires what is due: delays, stale times, re-alarms, shelf expiry. At most as often as wanted; what
 * fell due between two ticks fires in the order of its time and with that time. Stale times are
 * looked at every 250 ms. All timers are monotonic: a step of UTC fires nothing and holds nothing
 * up. After a pause, feed the readings that wait before the tick, else their points are stale.
 */
void engine_tick(struct engine *engine, struct stamp now);
/* Monotonic time of the next thing due, INT64_MAX when none. */
int64_t engine_next_due_ms(const struct engine *engine);

/*
 * A person's or a rule's event on one alarm (EVENT_ACK, EVENT_SHELVE ...; alarm_step.h). For
 * EVENT_ACK `occ` must be the present occurrence, else REPLY_STALE_OCCURRENCE; 0 quotes none (the
 * local command line). `until_utc_ms`: for EVENT_SHELVE, at most ENGINE_SHELF_MAX_MS ahead. Events
 * of the input, its quality and the timers are the engine's own: REPLY_IGNORED, as for an unknown
 * alarm.
 */
enum alarm_reply engine_event(struct engine *engine, uint32_t alarm, enum alarm_event event,
                              uint32_t occ, int64_t until_utc_ms, struct stamp now);

/* NULL: no such alarm. */
const struct alarm_state *engine_state(const struct engine *engine, uint32_t alarm);
/* When its shelf ends, UTC ms; 0: not shelved. */
int64_t engine_shelf_until(const struct engine *engine, uint32_t alarm);
/*
 * Suppression by design. An alarm whose definition names a root is suppressed while that stands
 * (live, of good quality, not put aside or tested) and it is itself anything but normal: at most
 * for type->suppressed_max_ms under one occurrence of the root, and fold_hold_ms after it has gone.
 * Then what is live is told. The root puts out OUT(IMPACTS) with a tick after they have changed.
 *
 * The root it is suppressed under now; UINT32_MAX: none.
 */
uint32_t engine_root(const struct engine *engine, uint32_t alarm);
/* Those suppressed under it now, the first `size` of them; returns how many there are. */
uint32_t engine_impacts(const struct engine *engine, uint32_t alarm, uint32_t *out, uint32_t size);
#define ENGINE_FOLD_HOLD_DEFAULT_MS 60000
/* Roots above one another; beyond it, ticks decide what comes first. */
#define ENGINE_FOLD_DEPTH_MAX 8

/* At rest: normal, nothing unacknowledged, unsuppressed, not under test, good. */
bool engine_is_at_rest(const struct engine *engine, uint32_t alarm);
/* The last sample of a point with its age judged: quality bad and cause timeout once it is stale;
 * false: not yet read. */
bool engine_latest(const struct engine *engine, uint32_t point, struct sample *out_sample);

/*
 * Persistence. A record is a fixed little-endian layout with a version byte; ENGINE_RECORD_MAX
 * bytes hold it. engine_restore is called once per alarm between engine_new and the first sample:
 * the time without an engine is unobserved. Condition timers start again; shelves run on UTC, but
 * not longer than was asked for; what is live stays live and is not raised again, and its first
 * reading clears it when it is over. Quality that was told as bad stays bad until a good reading;
 * all else counts as good until its stale time has passed. The sink is called for what ended
 * meanwhile (a shelf) or is no longer allowed.
 */
#define ENGINE_RECORD_MAX 160
size_t engine_save(const struct engine *engine, uint32_t alarm, uint8_t out[ENGINE_RECORD_MAX]);
/* False: the record is not one of ours; the alarm starts from rest. */
bool engine_restore(struct engine *engine, uint32_t alarm, const void *record, size_t bytes,
                    struct stamp now);

struct engine_counts {
    uint32_t live[5];    /* active, clearing or latched; per priority, [0] all */
    uint32_t unacked[5]; /* per priority; [0] all */
    uint32_t shelved, suppressed, out_of_service, not_at_rest;
    uint32_t tested;     /* covered by an announced test */
    uint32_t chattering; /* held for it */
    uint32_t stale_points;
    uint64_t samples, late_samples, unknown_points; /* late: too old, or of an impossible time */
};
/* Kept up to date as things change: free to ask. */
const struct engine_counts *engine_counts(const struct engine *engine);

#endif
