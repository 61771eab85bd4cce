/*
 * engine_core.h - what the engine is made of; only for engine.c, which runs it, engine_samples.c,
 * which reads what comes, engine_wide.c, which judges wide rules, and engine_setup.c, which builds,
 * stores and restores it.
 */
#ifndef WATCHROOM_ALERTS_ENGINE_CORE_H
#define WATCHROOM_ALERTS_ENGINE_CORE_H

#include "alerts/alarm_run.h"
#include "alerts/engine.h"
#include "alerts/first_out.h"
#include "alerts/fold.h"
#include "alerts/rule_wide.h"
#include "alerts/stale.h"
#include "gateway/base/timers.h"

#define ENGINE_NOTHING UINT32_MAX /* no alarm, no device */

/* The built-in points of the gateway itself belong to no device. */
struct point_state {
    double value;
    int64_t utc_ms, mono_ms; /* of the last good reading */
    uint32_t first_alarm;    /* into engine->by_point; those of the next point follow */
    uint32_t device;
    uint8_t quality, cause; /* of the last reading */
    bool exists, is_comm;
    bool is_read;   /* since the start */
    bool was_read;  /* before it, as a record says */
    bool is_known;  /* read, found absent or stale since the start */
    bool is_absent; /* the device says that it does not have it, and never had: not applicable */
};

struct device_state {
    uint32_t stale_points;   /* of those that alarms hang on */
    uint32_t unknown_points; /* of those: not yet known */
    uint32_t first_alarm;    /* RULE_STALE; ENGINE_NOTHING */
};

struct engine {
    struct engine_params params;
    struct stamp start;
    struct point_state *points; /* one more than point_limit: the end of the last one's alarms */
    uint32_t *by_point;
    struct rule_wide *wide;
    struct rule *rules; /* by alarm, as the next two */
    struct alarm_run *runs;
    uint32_t *next_alarm; /* RULE_STALE of the same device; ENGINE_NOTHING */
    struct device_state *devices;
    struct timers *timers; /* by alarm: the first of its timers */
    struct stale *stale;
    struct first_out first_out;
    struct folds folds;
    struct engine_counts counts;
};

/* NULL: a hole, or beyond the end. */
static inline const struct alarm_def *
engine_def(const struct engine *engine, uint32_t alarm)
{
    return alarm < engine->params.alarm_limit && engine->params.alarms[alarm].type != NULL
               ? &engine->params.alarms[alarm]
               : NULL;
}

/* The point an alarm judges; NULL: none, as with RULE_STALE. */
static inline const struct point_state *
engine_point(const struct engine *engine, uint32_t alarm)
{
    const struct alarm_def *def = engine_def(engine, alarm);

    if (def == NULL || def->type->rule == RULE_STALE ||
        def->point >= engine->params.directory->point_limit)
        return NULL;
    return &engine->points[def->point];
}

/* The points an alarm looks at. `only` holds it when there is but one. */
static inline uint16_t
engine_inputs(const struct engine *engine, uint32_t alarm, struct alarm_input *only,
              const struct alarm_input **out_inputs)
{
    const struct alarm_def *def = &engine->params.alarms[alarm];

    if (engine_point(engine, alarm) == NULL)
        return 0;
    if (def->input_count > 0) {
        *out_inputs = def->inputs;
        return def->input_count;
    }
    *only = (struct alarm_input){def->point, def->stale_after_ms};
    *out_inputs = only;
    return 1;
}

/* One step of an alarm: its timer, the counters, the sink. */
enum alarm_reply engine_apply(struct engine *engine, uint32_t alarm, enum alarm_event event,
                              const struct occasion *occasion);
/* Hands outputs to the sink. */
void engine_tell(struct engine *engine, uint32_t alarm, uint32_t outputs, struct stamp at);
/* When the first of its timers is due. */
int64_t engine_due_ms(const struct engine *engine, uint32_t alarm);
/* Its own timers that are due by then. */
void engine_catch_up_alone(struct engine *engine, uint32_t alarm, struct stamp now);
/* Counts it as what it is now. */
void engine_recount(struct engine *engine, uint32_t alarm);
/* Brings up to date what is shown besides the regions; kept out of the path of a sample. */
void engine_refresh(const struct engine *engine, uint32_t alarm);
/* The rule's answer has changed. */
void engine_feed(struct engine *engine, uint32_t alarm, bool is_met,
                 const struct occasion *occasion);
/* Its timers up to `now`, before something new happens to it. */
void engine_catch_up(struct engine *engine, uint32_t alarm, struct stamp now);

/* engine_wide.c. An alarm with a wide rule: its quality and its answer. `is_reading`: its point has
 * just been read. */
void engine_judge_wide(struct engine *engine, uint32_t alarm, bool is_reading,
                       const struct occasion *occasion);
/* All on a point whose quality changed. */
void engine_judge_wide_on(struct engine *engine, uint32_t point, const struct occasion *occasion);
/* Before a point changes: what fell due by then, with what was known then. */
void engine_catch_up_wide_on(struct engine *engine, uint32_t point, struct stamp now);
/* The first that is due; `now` says how the clocks stand to each other. */
void engine_fire_wide(struct engine *engine, uint32_t number, struct stamp now);

/* A point is stale, or no longer. */
void engine_set_point_quality(struct engine *engine, uint32_t point, bool good,
                              const struct occasion *occasion);
/* A watched point is heard of. True: for the first time since the start. */
bool engine_make_known(struct engine *engine, uint32_t point);

#endif
