/*
 * engine_core.h - what the engine is made of; only for engine.c, which runs it, engine_samples.c,
 * which reads what comes, and engine_setup.c, which builds, stores and restores it.
 */
#ifndef WATCHROOM_ALERTS_ENGINE_CORE_H
#define WATCHROOM_ALERTS_ENGINE_CORE_H

#include "alerts/alarm_run.h"
#include "alerts/engine.h"
#include "alerts/first_out.h"
#include "alerts/rule.h"
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
    struct rule *rules; /* by alarm, as the next two */
    struct alarm_run *runs;
    uint32_t *next_alarm; /* RULE_STALE of the same device; ENGINE_NOTHING */
    struct device_state *devices;
    struct timers *timers; /* by alarm: the first of its timers */
    struct stale *stale;
    struct first_out first_out;
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

/* One step of an alarm: its timer, the counters, the sink. */
enum alarm_reply engine_apply(struct engine *engine, uint32_t alarm, enum alarm_event event,
                              const struct occasion *occasion);
/* Counts it as what it is now. */
void engine_recount(struct engine *engine, uint32_t alarm);
/* Brings up to date what is shown besides the regions; kept out of the path of a sample. */
void engine_refresh(const struct engine *engine, uint32_t alarm);
/* The rule's answer has changed. */
void engine_feed(struct engine *engine, uint32_t alarm, bool is_met,
                 const struct occasion *occasion);
/* A point is stale, or no longer. */
void engine_set_point_quality(struct engine *engine, uint32_t point, bool good,
                              const struct occasion *occasion);
/* A watched point is heard of. True: for the first time since the start. */
bool engine_make_known(struct engine *engine, uint32_t point);

#endif
