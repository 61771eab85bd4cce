/*
 * alarm_run.h - one alarm at work: its regions, its timers, what is remembered of its occurrences.
 *
 * Between the engine, which knows points and time, and alarm_step, which knows neither. Timers are
 * due times on the monotonic clock; the engine asks when the first is due and tells when it is.
 */
#ifndef WATCHROOM_ALERTS_ALARM_RUN_H
#define WATCHROOM_ALERTS_ALARM_RUN_H

#include "alerts/engine.h"

struct alarm_run {
    struct alarm_state state;
    int64_t condition_due_ms; /* on- or off-delay; TIMER_NONE, as below */
    int64_t realarm_due_ms;
    int64_t shelf_due_ms;
    int64_t quiet_due_ms; /* end of the chatter hold */
    int64_t shelf_until_utc_ms;
    int64_t shelf_length_ms; /* as asked for */
    int64_t pending_utc_ms;  /* the reading that began the on-delay */
    uint32_t pending_unc_ms;
    uint32_t condition_left_ms; /* of an on-delay, while the quality is bad */
    uint32_t fold;              /* fold.h: where it is suppressed by design; UINT32_MAX: nowhere */
    bool is_root, owes_impacts; /* fold.h: others are suppressed under it */
    uint8_t level;              /* ALARM_COUNTED_ bits the engine has counted */
    int64_t raised_mono_ms[ENGINE_CHATTER_MAX - 1]; /* the latest first; INT64_MIN: none */
};

/* What a step is caused by. */
struct occasion {
    struct stamp at;        /* the moment it stands for */
    int64_t reading_utc_ms; /* 0: no reading (a timer, a person) */
    uint32_t unc_ms;        /* to the good reading before; ENGINE_UNC_UNKNOWN */
};

/* At rest, not yet read. */
void alarm_run_init(struct alarm_run *run);

struct alarm_traits alarm_run_traits(const struct alarm_type *type);

/* One step and what follows for timers and counters; returns the outputs. `out_reply` may be NULL.
 */
uint32_t alarm_run_step(struct alarm_run *run, const struct alarm_type *type,
                        enum alarm_event event, const struct occasion *occasion,
                        enum alarm_reply *out_reply);

/* A shelf, to be put on by EVENT_SHELVE, ends then. */
void alarm_run_set_shelf(struct alarm_run *run, int64_t until_utc_ms, struct stamp now);

/* After EVENT_IN_TRUE or a delay raised it: does the chatter hold begin? OUT(CHATTER) or 0. */
uint32_t alarm_run_note_raise(struct alarm_run *run, const struct engine_chatter *chatter,
                              int64_t mono_ms);
static inline bool
alarm_run_is_held(const struct alarm_run *run)
{
    return run->state.chatter > 0;
}
/* An edge of the input during the hold: it is counted, and the quiet time starts again. */
uint32_t alarm_run_note_edge(struct alarm_run *run, const struct engine_chatter *chatter,
                             bool is_rising, const struct occasion *occasion);
/* Ends the hold. */
uint32_t alarm_run_steady(struct alarm_run *run, const struct occasion *occasion);

enum alarm_due { DUE_NOTHING, DUE_CONDITION, DUE_REALARM, DUE_SHELF, DUE_QUIET };

/* When the first timer is due; TIMER_NONE. */
int64_t alarm_run_next_ms(const struct alarm_run *run);
/* Which one is due by `mono_ms`; it is taken. */
enum alarm_due alarm_run_take(struct alarm_run *run, int64_t mono_ms);

/* After a restart: the time without an engine was not observed, so timers start again; what a
 * changed definition no longer allows is settled. The shelf is the caller's. */
void alarm_run_settle(struct alarm_run *run, const struct alarm_type *type,
                      const struct engine_chatter *chatter, int64_t now_ms);

bool alarm_run_is_at_rest(const struct alarm_run *run);

#define ALARM_COUNTED_LIVE (1u << 0)
#define ALARM_COUNTED_UNACKED (1u << 1)
#define ALARM_COUNTED_SHELVED (1u << 2)
#define ALARM_COUNTED_DESIGN (1u << 3)
#define ALARM_COUNTED_OOS (1u << 4)
#define ALARM_COUNTED_RESTLESS (1u << 5) /* not at rest */
#define ALARM_COUNTED_TEST (1u << 6)
#define ALARM_COUNTED_HELD (1u << 7) /* for its chatter */
uint8_t alarm_run_level(const struct alarm_run *run);

#endif
