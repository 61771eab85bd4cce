/*
 * engine.c - the alarm engine: samples, ticks and commands in, transitions out.
 *
 * The path of a sample is short: note its time, compare with the threshold that the present answer
 * makes (hysteresis), and leave unless the answer changed. Everything else - steps, timers,
 * counters - happens only on a change.
 */
#include "alerts/engine.h"

#include <math.h>

#include "alerts/engine_core.h"

#define TIME_MAX_MS (INT64_MAX / 4) /* sums of a few times cannot overflow */
#define POINT_AHEAD                                                                                \
    12 /* samples ahead, when its point is asked for; its rule needs the point first */
#define RULE_AHEAD 6

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
    if (point->is_read)
        state->value = point->value;
    state->cause = point->cause;
    if (stale_is(engine->stale, def->point))
        state->quality = QUALITY_BAD;
    else
        state->quality = point->cause == CAUSE_NOT_YET_READ ? QUALITY_GOOD : point->quality;
}

static void
tell(struct engine *engine, uint32_t number, uint32_t outputs, struct stamp at)
{
    struct transition transition = {number, outputs, at, &engine->runs[number].state};

    if (outputs == 0)
        return;
    engine_refresh(engine, number);
    engine->params.sink(engine->params.ctx, &transition);
}

enum alarm_reply
engine_apply(struct engine *engine, uint32_t number, enum alarm_event event,
             const struct occasion *occasion)
{
    struct alarm_run *run = &engine->runs[number];
    enum alarm_reply reply;
    uint32_t outputs =
        alarm_run_step(run, engine->params.alarms[number].type, event, occasion, &reply);

    if ((outputs & OUT(RAISED)) != 0 && engine->params.chatter.raises > 0)
        outputs |= alarm_run_note_raise(run, &engine->params.chatter, occasion->at.mono_ms);
    timers_set(engine->timers, number, alarm_run_next_ms(run));
    engine_recount(engine, number);
    tell(engine, number, outputs, occasion->at);
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
    tell(engine, number, alarm_run_steady(run, occasion), occasion->at);
    if (!engine->rules[number].is_met)
        engine_apply(engine, number, EVENT_IN_FALSE, occasion);
}

static void
fire(struct engine *engine, uint32_t number, int64_t until_ms, struct stamp now)
{
    struct alarm_run *run = &engine->runs[number];
    int64_t due_ms = alarm_run_next_ms(run);
    /* The time at which it fell due, on both clocks. */
    struct occasion occasion = {.at = {now.utc_ms - (now.mono_ms - due_ms), due_ms},
                                .unc_ms = ENGINE_UNC_UNKNOWN};

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
    timers_set(engine->timers, number, alarm_run_next_ms(run));
}

/* Its timers before something new happens to it. */
static void
catch_up(struct engine *engine, uint32_t number, struct stamp now)
{
    while (alarm_run_next_ms(&engine->runs[number]) <= now.mono_ms)
        fire(engine, number, now.mono_ms, now);
}

/* The rule's answer has changed. */
static void
feed(struct engine *engine, uint32_t number, bool is_met, const struct occasion *occasion)
{
    struct alarm_run *run = &engine->runs[number];

    catch_up(engine, number, occasion->at);
    engine->rules[number].is_met = is_met;
    if (!alarm_run_is_held(run)) {
        engine_apply(engine, number, is_met ? EVENT_IN_TRUE : EVENT_IN_FALSE, occasion);
        return;
    }
    uint32_t outputs = alarm_run_note_edge(run, &engine->params.chatter, is_met, occasion);
    timers_set(engine->timers, number, alarm_run_next_ms(run));
    tell(engine, number, outputs, occasion->at);
}

/* staleness of a whole device */

/* Does the device answer? Unknown is neither. */
enum answers { ANSWERS_NOT, ANSWERS_YES, ANSWERS_UNKNOWN };

static enum answers
device_answers(const struct engine *engine, uint32_t device)
{
    const struct device_info *info = directory_device(engine->params.directory, device);

    if (info == NULL || info->comm_point >= engine->params.directory->point_limit)
        return ANSWERS_YES;
    const struct point_state *comm = &engine->points[info->comm_point];
    if (!comm->is_read)
        return ANSWERS_UNKNOWN;
    return comm->value != 0 ? ANSWERS_YES : ANSWERS_NOT;
}

static void
judge_device(struct engine *engine, uint32_t number, const struct occasion *occasion)
{
    if (number >= engine->params.directory->device_limit)
        return;
    const struct device_state *device = &engine->devices[number];
    if (device->first_alarm == ENGINE_NOTHING)
        return;
    enum answers answers = device_answers(engine, number);

    for (uint32_t i = device->first_alarm; i != ENGINE_NOTHING; i = engine->next_alarm[i]) {
        bool was_met = engine->rules[i].is_met, is_met = false;

        /* After a restart the answer stands until the device and its points were heard of. */
        if (answers != ANSWERS_NOT && device->stale_points > 0)
            is_met = answers == ANSWERS_YES || was_met;
        else if (answers != ANSWERS_NOT && device->unknown_points > 0)
            is_met = was_met;
        if (is_met != was_met)
            feed(engine, i, is_met, occasion);
    }
}

void
engine_make_known(struct engine *engine, const struct point_state *point)
{
    if (point->device != ENGINE_NOTHING)
        engine->devices[point->device].unknown_points--;
}

static void
set_point_quality(struct engine *engine, uint32_t number, bool good,
                  const struct occasion *occasion)
{
    const struct point_state *point = &engine->points[number];

    engine->counts.stale_points = stale_count(engine->stale);
    if (point->device != ENGINE_NOTHING)
        engine->devices[point->device].stale_points += good ? UINT32_MAX : 1u; /* minus one */
    for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++)
        engine_apply(engine, engine->by_point[i], good ? EVENT_QUALITY_GOOD : EVENT_QUALITY_BAD,
                     occasion);
    judge_device(engine, point->device, occasion);
}

/* samples */

static bool
is_time(int64_t ms)
{
    return ms >= 0 && ms <= TIME_MAX_MS;
}

static uint32_t
uncertainty(const struct sample *sample)
{
    if (!is_time(sample->prev_good_mono_ms) || sample->prev_good_mono_ms > sample->mono_ms)
        return ENGINE_UNC_UNKNOWN;
    int64_t ms = sample->mono_ms - sample->prev_good_mono_ms;
    return ms < ENGINE_UNC_UNKNOWN ? (uint32_t)ms : ENGINE_UNC_UNKNOWN;
}

/* One lost reading changes nothing but what is shown; the age of the last good one decides. */
static void
note_bad(struct point_state *point, const struct sample *sample)
{
    bool is_claimed_good = sample->quality < QUALITY_BAD;

    point->quality = QUALITY_BAD;
    point->cause = is_claimed_good               ? CAUSE_NOT_A_NUMBER
                   : sample->cause < CAUSE_COUNT ? sample->cause
                                                 : CAUSE_PROTOCOL;
    if (!point->is_read)
        point->utc_ms = sample->utc_ms;
}

static void
judge_point(struct engine *engine, const struct point_state *point, const struct sample *sample,
            bool is_back, bool is_first)
{
    /* What was read before the start counts from the start: the time between was not observed. */
    int64_t mono_ms =
        sample->mono_ms < engine->start.mono_ms ? engine->start.mono_ms : sample->mono_ms;
    struct occasion occasion = {.at = {sample->utc_ms, mono_ms},
                                .reading_utc_ms = sample->utc_ms,
                                .unc_ms = uncertainty(sample)};

    if (is_back)
        set_point_quality(engine, sample->point, true, &occasion);
    if (!stale_is(engine->stale, sample->point))
        for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++) {
            uint32_t number = engine->by_point[i];
            bool is_met = rule_judge(&engine->rules[number], point->value);

            if (is_met != engine->rules[number].is_met)
                feed(engine, number, is_met, &occasion);
        }
    if (is_first || point->is_comm) /* it may have begun to answer, or ceased */
        judge_device(engine, point->device, &occasion);
}

void
engine_sample(struct engine *engine, const struct sample *sample)
{
    if (sample->point >= engine->params.directory->point_limit ||
        !engine->points[sample->point].exists) {
        engine->counts.unknown_points++;
        return;
    }
    struct point_state *point = &engine->points[sample->point];

    engine->counts.samples++;
    if (!is_time(sample->mono_ms) || !is_time(sample->utc_ms) ||
        (point->is_read && sample->mono_ms < point->mono_ms)) {
        engine->counts.late_samples++;
        return;
    }
    if (sample->quality >= QUALITY_BAD || !isfinite(sample->value)) {
        note_bad(point, sample);
        return;
    }
    bool was_stale = stale_is(engine->stale, sample->point);
    bool is_first = !point->is_read && !was_stale && stale_is_watched(engine->stale, sample->point);

    point->value = sample->value;
    point->utc_ms = sample->utc_ms;
    point->mono_ms = sample->mono_ms;
    point->quality = sample->quality;
    point->cause = sample->cause < CAUSE_COUNT ? sample->cause : CAUSE_OK;
    point->is_read = true;
    if (is_first)
        engine_make_known(engine, point);
    bool is_back = stale_note(engine->stale, sample->point, sample->mono_ms);
    judge_point(engine, point, sample, is_back, is_first);
}

/* Most of a sample's time is waiting for memory: a large site fits in no cache. */
static void
fetch_point(const struct engine *engine, uint32_t number)
{
    if (number < engine->params.directory->point_limit)
        __builtin_prefetch(&engine->points[number], 1);
}

static void
fetch_rule(const struct engine *engine, uint32_t number)
{
    if (number >= engine->params.directory->point_limit)
        return;

    const struct point_state *point = &engine->points[number];

    if (point->first_alarm < point[1].first_alarm)
        __builtin_prefetch(&engine->rules[engine->by_point[point->first_alarm]], 1);
}

void
engine_samples(struct engine *engine, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i + POINT_AHEAD < count)
            fetch_point(engine, samples[i + POINT_AHEAD].point);
        if (i + RULE_AHEAD < count)
            fetch_rule(engine, samples[i + RULE_AHEAD].point);
        engine_sample(engine, &samples[i]);
    }
}

/* time */

static void
fire_stale(struct engine *engine, struct stamp now)
{
    int64_t due_ms = stale_waiting_ms(engine->stale);
    struct occasion occasion = {.at = {now.utc_ms - (now.mono_ms - due_ms), due_ms}};
    uint32_t number = stale_take(engine->stale);
    struct point_state *point = &engine->points[number];

    if (point->is_read && point->quality < QUALITY_BAD)
        point->cause = CAUSE_TIMEOUT;
    if (!point->is_read)
        engine_make_known(engine, point);
    set_point_quality(engine, number, false, &occasion);
}

void
engine_tick(struct engine *engine, struct stamp now)
{
    stale_advance(engine->stale, now.mono_ms);
    for (;;) {
        int64_t alarm_due = timers_next_ms(engine->timers);
        int64_t stale_due = stale_waiting_ms(engine->stale);

        if (alarm_due > now.mono_ms && stale_due > now.mono_ms)
            break;
        if (alarm_due <= stale_due)
            fire(engine, timers_first(engine->timers), now.mono_ms, now);
        else
            fire_stale(engine, now);
    }
}

int64_t
engine_next_due_ms(const struct engine *engine)
{
    int64_t alarm_due = timers_next_ms(engine->timers);
    int64_t look = stale_next_look_ms(engine->stale);

    return alarm_due < look ? alarm_due : look;
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

    catch_up(engine, number, now);
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
