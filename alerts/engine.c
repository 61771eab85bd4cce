/*
 * engine.c - the alarm engine: samples, ticks and commands in, transitions out.
 *
 * Here is what a change means: steps, timers, counters. engine_samples.c finds out what changed.
 */
#include "alerts/engine.h"

#include <math.h>

#include "alerts/engine_core.h"

/* counters */

static void
count_level(struct engine *engine, unsigned level, unsigned priority, uint32_t one)
{
    struct engine_counts *counts = &engine->counts;

    if ((level & ALARM_COUNTED_LIVE) != 0) {
        counts->live[0] += one;
        counts->live[priority] += one;
    }
    if ((level & ALARM_COUNTED_UNACKED) != 0) {
        counts->unacked[0] += one;
        counts->unacked[priority] += one;
    }
    if ((level & ALARM_COUNTED_SHELVED) != 0)
        counts->shelved += one;
    if ((level & ALARM_COUNTED_DESIGN) != 0)
        counts->suppressed += one;
    if ((level & ALARM_COUNTED_OOS) != 0)
        counts->out_of_service += one;
    if ((level & ALARM_COUNTED_TEST) != 0)
        counts->tested += one;
    if ((level & ALARM_COUNTED_HELD) != 0)
        counts->chattering += one;
    if ((level & ALARM_COUNTED_RESTLESS) != 0)
        counts->not_at_rest += one;
}

void
engine_recount(struct engine *engine, uint32_t number)
{
    struct alarm_run *run = &engine->runs[number];
    unsigned priority = engine->params.alarms[number].type->priority;
    uint8_t level = alarm_run_level(run);

    if (level == run->level)
        return;
    count_level(engine, run->level, priority, UINT32_MAX); /* minus one */
    count_level(engine, level, priority, 1);
    run->level = level;
}

/* one alarm */

void
engine_refresh(const struct engine *engine, uint32_t number)
{
    struct alarm_state *state = &engine->runs[number].state;
    const struct alarm_def *def = &engine->params.alarms[number];
    const struct point_state *point = engine_point(engine, number);

    if (def->type->rule == RULE_STALE && def->device < engine->params.directory->device_limit) {
        const struct device_state *device = &engine->devices[def->device];

        if (device->unknown_points == 0 || device->stale_points > state->value)
            state->value = device->stale_points;
        state->cause = CAUSE_OK;
    }
    if (point == NULL)
        return;
    if (!rule_kind_shows_point((enum rule_kind)def->type->rule)) {
        double value = rule_wide_value(engine->wide, engine->rules[number].wide);

        if (!isnan(value))
            state->value = value;
    } else if (point->is_read) {
        state->value = point->value;
    }
    state->is_heard = state->is_heard || point->is_read;
    state->cause = point->cause;
    if (stale_is(engine->stale, def->point)) /* the other points may say enough */
        state->quality =
            def->input_count > 1 && state->regions.good ? QUALITY_UNCERTAIN : QUALITY_BAD;
    else
        state->quality = point->cause == CAUSE_NOT_YET_READ ? QUALITY_GOOD : point->quality;
}

void
engine_tell(struct engine *engine, uint32_t number, uint32_t outputs, struct stamp at)
{
    struct transition transition = {number, outputs, at, &engine->runs[number].state};

    if (outputs == 0)
        return;
    engine_refresh(engine, number);
    engine->params.sink(engine->params.ctx, &transition);
}

int64_t
engine_due_ms(const struct engine *engine, uint32_t number)
{
    int64_t own_ms = alarm_run_next_ms(&engine->runs[number]);
    int64_t fold_ms = fold_due_ms(engine, number);

    return own_ms < fold_ms ? own_ms : fold_ms;
}

enum alarm_reply
engine_apply(struct engine *engine, uint32_t number, enum alarm_event event,
             const struct occasion *occasion)
{
    struct alarm_run *run = &engine->runs[number];
    const struct alarm_type *type = engine->params.alarms[number].type;
    enum alarm_reply reply;

    if (event == EVENT_IN_TRUE)
        fold_before(engine, number, occasion);
    uint32_t outputs = alarm_run_step(run, type, event, occasion, &reply);

    if ((outputs & OUT(RAISED)) != 0) {
        run->state.first_out =
            (outputs & OUT(ANNUNCIATE)) != 0 &&
            first_out_note(&engine->first_out, type->audiences, occasion->at.mono_ms);
        if (engine->params.chatter.raises > 0)
            outputs |= alarm_run_note_raise(run, &engine->params.chatter, occasion->at.mono_ms);
    }
    fold_settle(engine, number);
    timers_set(engine->timers, number, engine_due_ms(engine, number));
    engine_recount(engine, number);
    engine_tell(engine, number, outputs, occasion->at);
    fold_after(engine, number, occasion);
    return reply;
}

/* The chatter hold is over: what the input is now, counts. */
static void
steady(struct engine *engine, uint32_t number, const struct occasion *occasion)
{
    struct alarm_run *run = &engine->runs[number];

    if (!run->state.regions.good) { /* not known to be quiet: look again later */
        run->quiet_due_ms = occasion->at.mono_ms + engine->params.chatter.quiet_ms;
        return;
    }
    uint32_t outputs = alarm_run_steady(run, occasion);

    engine_recount(engine, number);
    engine_tell(engine, number, outputs, occasion->at);
    if (!engine->rules[number].is_met)
        engine_apply(engine, number, EVENT_IN_FALSE, occasion);
}

static void
fire(struct engine *engine, uint32_t number, int64_t until_ms, struct stamp now)
{
    struct alarm_run *run = &engine->runs[number];
    int64_t due_ms = engine_due_ms(engine, number);
    /* The time at which it fell due, on both clocks. */
    struct occasion occasion = {.at = {now.utc_ms - (now.mono_ms - due_ms), due_ms},
                                .unc_ms = ENGINE_UNC_UNKNOWN};

    if (fold_due_ms(engine, number) == due_ms) {
        fold_fire(engine, number, &occasion);
        return;
    }
    switch (alarm_run_take(run, until_ms)) {
    case DUE_CONDITION:
        engine_apply(engine, number,
                     run->state.regions.cond == COND_PENDING ? EVENT_ON_DELAY_OVER
                                                             : EVENT_OFF_DELAY_OVER,
                     &occasion);
        break;
    case DUE_REALARM:
        engine_apply(engine, number, EVENT_REALARM, &occasion);
        break;
    case DUE_SHELF:
        engine_apply(engine, number, EVENT_SHELF_OVER, &occasion);
        break;
    case DUE_QUIET:
        steady(engine, number, &occasion);
        break;
    case DUE_NOTHING:
        break;
    }
    timers_set(engine->timers, number, engine_due_ms(engine, number));
}

/* Of its own timers, and of those of its rule. */
static int64_t
first_due_ms(const struct engine *engine, uint32_t number)
{
    const struct rule *rule = &engine->rules[number];
    int64_t due_ms = engine_due_ms(engine, number);
    int64_t wide_ms = rule_is_wide(rule) ? rule_wide_due_ms(engine->wide, rule->wide) : TIMER_NONE;

    return due_ms <= wide_ms ? due_ms : wide_ms;
}

static void
fire_first(struct engine *engine, uint32_t number, struct stamp now)
{
    if (engine_due_ms(engine, number) <= first_due_ms(engine, number))
        fire(engine, number, now.mono_ms, now);
    else
        engine_fire_wide(engine, engine->rules[number].wide, now);
}

void
engine_catch_up_alone(struct engine *engine, uint32_t number, struct stamp now)
{
    while (first_due_ms(engine, number) <= now.mono_ms)
        fire_first(engine, number, now);
}

/* Whether it is told depends on its roots: all their timers in the order of time. */
void
engine_catch_up(struct engine *engine, uint32_t number, struct stamp now)
{
    for (;;) {
        uint32_t first = number, root = fold_root(engine, number);

        for (int i = 0; i < ENGINE_FOLD_DEPTH_MAX && root != ENGINE_NOTHING; i++) {
            if (first_due_ms(engine, root) < first_due_ms(engine, first))
                first = root;
            root = fold_root(engine, root);
        }
        if (first_due_ms(engine, first) > now.mono_ms)
            break;
        fire_first(engine, first, now);
    }
}

void
engine_feed(struct engine *engine, uint32_t number, bool is_met, const struct occasion *occasion)
{
    struct alarm_run *run = &engine->runs[number];

    engine_catch_up(engine, number, occasion->at);
    engine->rules[number].is_met = is_met;
    if (!alarm_run_is_held(run)) {
        engine_apply(engine, number, is_met ? EVENT_IN_TRUE : EVENT_IN_FALSE, occasion);
        return;
    }
    uint32_t outputs = alarm_run_note_edge(run, &engine->params.chatter, is_met, occasion);
    timers_set(engine->timers, number, engine_due_ms(engine, number));
    engine_tell(engine, number, outputs, occasion->at);
}

/* time */

static void
fire_stale(struct engine *engine, struct stamp now)
{
    int64_t due_ms = stale_waiting_ms(engine->stale);
    struct occasion occasion = {.at = {now.utc_ms - (now.mono_ms - due_ms), due_ms}};
    uint32_t number = stale_first(engine->stale);
    struct point_state *point = &engine->points[number];

    if (point->is_absent) { /* there is nothing to grow old */
        stale_put_off(engine->stale);
        return;
    }
    stale_take(engine->stale);
    if (point->is_read && point->quality < QUALITY_BAD)
        point->cause = CAUSE_TIMEOUT;
    engine_make_known(engine, number);
    engine_set_point_quality(engine, number, false, &occasion);
}

void
engine_tick(struct engine *engine, struct stamp now)
{
    stale_advance(engine->stale, now.mono_ms);
    for (;;) {
        int64_t alarm_due = timers_next_ms(engine->timers);
        int64_t stale_due = stale_waiting_ms(engine->stale);
        int64_t wide_due = rule_wide_next_ms(engine->wide, now.mono_ms);

        if (alarm_due > now.mono_ms && stale_due > now.mono_ms && wide_due > now.mono_ms)
            break;
        if (alarm_due <= stale_due && alarm_due <= wide_due)
            fire(engine, timers_first(engine->timers), now.mono_ms, now);
        else if (wide_due <= stale_due)
            engine_fire_wide(engine, rule_wide_first(engine->wide), now);
        else
            fire_stale(engine, now);
    }
    fold_tell(engine, now);
}

int64_t
engine_next_due_ms(const struct engine *engine)
{
    int64_t alarm_due = timers_next_ms(engine->timers);
    int64_t look = stale_next_look_ms(engine->stale);
    int64_t wide_due = rule_wide_next_ms(engine->wide, INT64_MIN);
    int64_t first = alarm_due < look ? alarm_due : look;

    return wide_due < first ? wide_due : first;
}

/* people */

/* Events of the input and of time are made here, never fed from outside. */
static bool
is_of_engine(enum alarm_event event)
{
    switch (event) {
    case EVENT_IN_TRUE:
    case EVENT_IN_FALSE:
    case EVENT_ON_DELAY_OVER:
    case EVENT_OFF_DELAY_OVER:
    case EVENT_QUALITY_BAD:
    case EVENT_QUALITY_GOOD:
    case EVENT_REALARM:
        return true;
    default:
        return (unsigned)event >= EVENT_COUNT;
    }
}

enum alarm_reply
engine_event(struct engine *engine, uint32_t number, enum alarm_event event, uint32_t occ,
             int64_t until_utc_ms, struct stamp now)
{
    struct occasion occasion = {.at = now, .unc_ms = ENGINE_UNC_UNKNOWN};

    if (engine_def(engine, number) == NULL || is_of_engine(event))
        return REPLY_IGNORED;
    struct alarm_run *run = &engine->runs[number];

    engine_catch_up(engine, number, now);
    if (event == EVENT_ACK && occ != 0 && occ != run->state.occ)
        event = EVENT_ACK_OLD_OCCURRENCE;
    /* Set before: the sink shall see the shelf's end. A refused one is taken away by the step. */
    if (event == EVENT_SHELVE && !run->state.regions.shelved)
        alarm_run_set_shelf(run, until_utc_ms, now);
    return engine_apply(engine, number, event, &occasion);
}

/* asking */

const struct alarm_state *
engine_state(const struct engine *engine, uint32_t alarm)
{
    if (engine_def(engine, alarm) == NULL)
        return NULL;
    engine_refresh(engine, alarm);
    return &engine->runs[alarm].state;
}

int64_t
engine_shelf_until(const struct engine *engine, uint32_t alarm)
{
    return engine_def(engine, alarm) == NULL ? 0 : engine->runs[alarm].shelf_until_utc_ms;
}

bool
engine_is_at_rest(const struct engine *engine, uint32_t alarm)
{
    return engine_def(engine, alarm) == NULL || alarm_run_is_at_rest(&engine->runs[alarm]);
}

bool
engine_latest(const struct engine *engine, uint32_t number, struct sample *out_sample)
{
    if (directory_point(engine->params.directory, number) == NULL)
        return false;
    const struct point_state *point = &engine->points[number];

    if (point->cause == CAUSE_NOT_YET_READ)
        return false;
    *out_sample = (struct sample){.point = number,
                                  .quality = point->quality,
                                  .cause = point->cause,
                                  .value = point->value,
                                  .utc_ms = point->utc_ms,
                                  .mono_ms = point->mono_ms,
                                  .prev_good_mono_ms = SAMPLE_NEVER};
    if (stale_is(engine->stale, number))
        out_sample->quality = QUALITY_BAD;
    return true;
}

const struct engine_counts *
engine_counts(const struct engine *engine)
{
    return &engine->counts;
}
