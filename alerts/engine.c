/*
 * engine.c - the alarm engine: samples, ticks and commands in, transitions out.
 *
 * The path of a sample is short: note its time, compare with the threshold that the present input
 * makes (hysteresis), and leave unless the answer changed. Everything else - steps, timers,
 * counters - happens only on a change.
 */
#include "alerts/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/stale.h"
#include "gateway/base/timers.h"

#define NO_ALARM UINT32_MAX
/* Collectors need their first period, and some seconds on a large site. */
#define START_GRACE_MS 10000

struct point_state {
    double value;
    int64_t utc_ms, mono_ms;
    uint32_t first_alarm; /* into engine->by_point; those of the next point follow */
    uint8_t quality, cause;
    bool is_read;
};

/* What judging touches. */
struct judged {
    double threshold_off, threshold_on; /* RULE_HIGH, RULE_LOW: while inp is false, true */
    uint8_t rule;
    bool exists;
};

struct alarm {
    struct alarm_state state;
    int64_t condition_due_ms;  /* on- or off-delay; TIMER_NONE */
    int64_t condition_left_ms; /* of an on-delay, while the quality is bad */
    int64_t realarm_due_ms;
    int64_t shelf_due_ms;
    int64_t shelf_until_utc_ms;
    uint32_t
        level; /* counted as: bit 0 live, 1 unacked, 2 shelved, 3 design, 4 oos, 5 not at rest */
};

struct engine {
    struct engine_params params;
    struct point_state *points; /* one more than point_limit: the end of the last one's alarms */
    uint32_t *by_point;
    struct judged *judged;
    struct alarm *alarms;
    uint32_t *stale_alarm;  /* by device: its RULE_STALE alarm or NO_ALARM */
    uint32_t *stale_points; /* by device */
    struct timers *timers;
    struct stale *stale;
    struct engine_counts counts;
};

static bool
is_good(enum quality quality)
{
    return quality != QUALITY_BAD;
}

static struct alarm_traits
traits_of(const struct alarm_type *type)
{
    return (struct alarm_traits){.latch = type->latch,
                                 .on_delay = type->on_delay_ms > 0,
                                 .off_delay = type->off_delay_ms > 0,
                                 .ack_required = type->ack_required,
                                 .shelvable = type->shelvable && !type->managed};
}

static const struct alarm_def *
def_of(const struct engine *engine, uint32_t alarm)
{
    return alarm < engine->params.alarm_limit && engine->params.alarms[alarm].type != NULL
               ? &engine->params.alarms[alarm]
               : NULL;
}

/* counters */

static void
count_level(struct engine *engine, uint32_t level, unsigned priority, uint32_t one)
{
    struct engine_counts *counts = &engine->counts;

    if (level & 1u) {
        counts->live[0] += one;
        counts->live[priority] += one;
    }
    if (level & 2u) {
        counts->unacked[0] += one;
        counts->unacked[priority] += one;
    }
    if (level & 4u)
        counts->shelved += one;
    if (level & 8u)
        counts->suppressed += one;
    if (level & 16u)
        counts->out_of_service += one;
    if (level & 32u)
        counts->not_at_rest += one;
}

static bool
is_at_rest(const struct alarm_regions *r)
{
    return !alarm_is_live(r) && r->ack == ACK_NONE && !alarm_is_suppressed(r) && r->good;
}

static void
recount(struct engine *engine, uint32_t number)
{
    struct alarm *alarm = &engine->alarms[number];
    const struct alarm_regions *r = &alarm->state.regions;
    unsigned priority = engine->params.alarms[number].type->priority;
    uint32_t level = (alarm_is_live(r) ? 1u : 0u) | (r->ack == ACK_UNACKED ? 2u : 0u) |
                     (r->shelved ? 4u : 0u) | (r->design ? 8u : 0u) | (r->oos ? 16u : 0u) |
                     (is_at_rest(r) ? 0u : 32u);

    if (level == alarm->level)
        return;
    count_level(engine, alarm->level, priority, UINT32_MAX); /* minus one */
    count_level(engine, level, priority, 1);
    alarm->level = level;
}

/* timers */

static void
set_timer(struct engine *engine, uint32_t number)
{
    const struct alarm *alarm = &engine->alarms[number];
    int64_t due = alarm->condition_due_ms;

    if (alarm->realarm_due_ms < due)
        due = alarm->realarm_due_ms;
    if (alarm->shelf_due_ms < due)
        due = alarm->shelf_due_ms;
    timers_set(engine->timers, number, due);
}

static void
arm_condition(struct alarm *alarm, const struct alarm_type *type, uint8_t cond_before,
              uint32_t outputs, int64_t now_ms)
{
    uint8_t cond = alarm->state.regions.cond;

    if ((outputs & OUT(QUALITY_BAD)) != 0 && alarm->condition_due_ms != TIMER_NONE) {
        alarm->condition_left_ms = alarm->condition_due_ms - now_ms;
        alarm->condition_due_ms = TIMER_NONE;
    }
    if ((outputs & OUT(RESUME)) != 0)
        alarm->condition_due_ms = now_ms + alarm->condition_left_ms;
    if ((outputs & OUT(REARM)) != 0)
        alarm->condition_due_ms = now_ms + type->off_delay_ms;
    if (cond == cond_before)
        return;
    if (cond == COND_PENDING)
        alarm->condition_due_ms = now_ms + type->on_delay_ms;
    else if (cond == COND_CLEARING)
        alarm->condition_due_ms = now_ms + type->off_delay_ms;
    else
        alarm->condition_due_ms = TIMER_NONE;
}

static void
arm_people(struct alarm *alarm, const struct alarm_type *type, uint32_t outputs, int64_t now_ms)
{
    const struct alarm_regions *r = &alarm->state.regions;

    if ((outputs & OUT(ACKED)) != 0 && type->realarm_ms > 0 && r->cond == COND_ACTIVE)
        alarm->realarm_due_ms = now_ms + type->realarm_ms;
    else if (r->ack != ACK_ACKED)
        alarm->realarm_due_ms = TIMER_NONE;
    if (!r->shelved) {
        alarm->shelf_due_ms = TIMER_NONE;
        alarm->shelf_until_utc_ms = 0;
    }
}

/* What a step was caused by, for the record. */
struct reading {
    struct stamp at;
    int64_t reading_utc_ms;
    int64_t since_good_ms; /* to the previous good reading; -1 unknown */
};

static void
note_outputs(struct alarm_state *state, uint32_t outputs, const struct reading *reading)
{
    state->changed_utc_ms = reading->at.utc_ms;
    if (reading->reading_utc_ms != 0)
        state->reading_utc_ms = reading->reading_utc_ms;
    if ((outputs & OUT(RAISED)) != 0) {
        state->occ++;
        state->raised_utc_ms = reading->at.utc_ms;
        if (reading->since_good_ms >= 0)
            state->unc_ms =
                reading->since_good_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)reading->since_good_ms;
    }
    if ((outputs & OUT(CLEARED)) != 0)
        state->cleared_utc_ms = reading->at.utc_ms;
}

static enum alarm_reply
apply(struct engine *engine, uint32_t number, enum alarm_event event, const struct reading *reading)
{
    const struct alarm_type *type = engine->params.alarms[number].type;
    const struct alarm_traits traits = traits_of(type);
    struct alarm *alarm = &engine->alarms[number];
    uint8_t cond_before = alarm->state.regions.cond;
    enum alarm_reply reply;
    uint32_t outputs = alarm_step(&alarm->state.regions, &traits, event, &reply);

    if (outputs == 0 && alarm->state.regions.cond == cond_before)
        return reply;
    arm_condition(alarm, type, cond_before, outputs, reading->at.mono_ms);
    arm_people(alarm, type, outputs, reading->at.mono_ms);
    set_timer(engine, number);
    recount(engine, number);
    if (outputs == 0)
        return reply;
    note_outputs(&alarm->state, outputs, reading);

    struct transition transition = {number, outputs, reading->at, &alarm->state};
    engine->params.sink(engine->params.ctx, &transition);
    return reply;
}

/* judging */

static bool
is_listed(const struct alarm_type *type, double value)
{
    for (uint16_t i = 0; i < type->value_count; i++)
        if (type->values[i] == value)
            return true;
    return false;
}

static bool
judge(const struct engine *engine, uint32_t number, bool inp, double value)
{
    const struct judged *judged = &engine->judged[number];

    switch ((enum rule_kind)judged->rule) {
    case RULE_HIGH:
        return value > (inp ? judged->threshold_on : judged->threshold_off);
    case RULE_LOW:
        return value < (inp ? judged->threshold_on : judged->threshold_off);
    case RULE_IS:
        return is_listed(engine->params.alarms[number].type, value);
    case RULE_NOT:
        return !is_listed(engine->params.alarms[number].type, value);
    case RULE_STALE:
    case RULE_KIND_COUNT:
        break;
    }
    return inp;
}

static void
feed(struct engine *engine, uint32_t number, const struct point_state *point,
     const struct reading *reading)
{
    struct alarm_state *state = &engine->alarms[number].state;
    bool inp = state->regions.inp;
    bool want = judge(engine, number, inp, point->value);

    if (want == inp)
        return;
    state->value = point->value;
    state->quality = point->quality;
    state->cause = point->cause;
    apply(engine, number, want ? EVENT_IN_TRUE : EVENT_IN_FALSE, reading);
}

/* staleness of a whole device */

static void
judge_stale_alarm(struct engine *engine, uint32_t device, const struct reading *reading)
{
    uint32_t number = engine->stale_alarm[device];

    if (number == NO_ALARM)
        return;
    struct alarm_state *state = &engine->alarms[number].state;
    const struct device_info *info = directory_device(engine->params.directory, device);
    bool answers = true;

    if (info != NULL && info->comm_point < engine->params.directory->point_limit) {
        const struct point_state *comm = &engine->points[info->comm_point];

        answers = !comm->is_read || comm->value != 0;
    }
    bool want = answers && engine->stale_points[device] > 0;
    if (want == state->regions.inp)
        return;
    state->value = engine->stale_points[device];
    apply(engine, number, want ? EVENT_IN_TRUE : EVENT_IN_FALSE, reading);
}

static void
set_point_quality(struct engine *engine, uint32_t point, bool good, const struct reading *reading)
{
    uint32_t device = engine->params.directory->points[point].device;

    engine->stale_points[device] += good ? UINT32_MAX : 1u;
    for (uint32_t i = engine->points[point].first_alarm; i < engine->points[point + 1].first_alarm;
         i++) {
        struct alarm_state *state = &engine->alarms[engine->by_point[i]].state;

        state->quality = good ? engine->points[point].quality : QUALITY_BAD;
        state->cause = engine->points[point].cause;
        apply(engine, engine->by_point[i], good ? EVENT_QUALITY_GOOD : EVENT_QUALITY_BAD, reading);
    }
    judge_stale_alarm(engine, device, reading);
}

void
engine_sample(struct engine *engine, const struct sample *sample)
{
    if (sample->point >= engine->params.directory->point_limit ||
        engine->params.directory->points[sample->point].def == NULL) {
        engine->counts.unknown_points++;
        return;
    }
    struct point_state *point = &engine->points[sample->point];

    engine->counts.samples++;
    if (point->is_read && sample->mono_ms < point->mono_ms) {
        engine->counts.late_samples++;
        return;
    }
    if (!is_good((enum quality)sample->quality) || !isfinite(sample->value)) {
        /* One lost reading changes nothing but what is shown; its age decides. */
        point->quality = QUALITY_BAD;
        point->cause = is_good((enum quality)sample->quality) ? CAUSE_NOT_A_NUMBER : sample->cause;
        return;
    }
    struct reading reading = {.at = {sample->utc_ms, sample->mono_ms},
                              .reading_utc_ms = sample->utc_ms,
                              .since_good_ms = sample->prev_good_mono_ms == SAMPLE_NEVER
                                                   ? -1
                                                   : sample->mono_ms - sample->prev_good_mono_ms};

    point->value = sample->value;
    point->utc_ms = sample->utc_ms;
    point->mono_ms = sample->mono_ms;
    point->quality = sample->quality;
    point->cause = sample->cause;
    point->is_read = true;
    if (stale_note(engine->stale, sample->point, sample->mono_ms))
        set_point_quality(engine, sample->point, true, &reading);
    for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++)
        feed(engine, engine->by_point[i], point, &reading);

    uint32_t device = engine->params.directory->points[sample->point].device;
    if (engine->stale_points[device] > 0)
        judge_stale_alarm(engine, device, &reading); /* it may have begun to answer, or ceased */
}

/* time */

static void
fire_alarm(struct engine *engine, uint32_t number, struct stamp now)
{
    struct alarm *alarm = &engine->alarms[number];
    int64_t due = timers_next_ms(engine->timers);
    /* The time at which it fell due, on both clocks. */
    struct reading reading = {.at = {now.utc_ms - (now.mono_ms - due), due}, .since_good_ms = -1};

    if (alarm->condition_due_ms == due) {
        alarm->condition_due_ms = TIMER_NONE;
        apply(engine, number,
              alarm->state.regions.cond == COND_PENDING ? EVENT_ON_DELAY_OVER
                                                        : EVENT_OFF_DELAY_OVER,
              &reading);
    } else if (alarm->realarm_due_ms == due) {
        alarm->realarm_due_ms = TIMER_NONE;
        apply(engine, number, EVENT_REALARM, &reading);
    } else {
        alarm->shelf_due_ms = TIMER_NONE;
        apply(engine, number, EVENT_SHELF_OVER, &reading);
    }
    set_timer(engine, number);
}

static void
fire_stale(struct engine *engine, struct stamp now)
{
    int64_t due = stale_waiting_ms(engine->stale);
    struct reading reading = {.at = {now.utc_ms - (now.mono_ms - due), due}, .since_good_ms = -1};
    uint32_t point = stale_take(engine->stale);

    if (is_good((enum quality)engine->points[point].quality))
        engine->points[point].cause = CAUSE_TIMEOUT;
    set_point_quality(engine, point, false, &reading);
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
            fire_alarm(engine, timers_first(engine->timers), now);
        else
            fire_stale(engine, now);
    }
    engine->counts.stale_points = stale_count(engine->stale);
}

int64_t
engine_next_due_ms(const struct engine *engine)
{
    int64_t alarm_due = timers_next_ms(engine->timers);
    int64_t look = stale_next_look_ms(engine->stale);

    return alarm_due < look ? alarm_due : look;
}

/* people */

enum alarm_reply
engine_event(struct engine *engine, uint32_t number, enum alarm_event event, uint32_t occ,
             int64_t until_utc_ms, struct stamp now)
{
    struct reading reading = {.at = now, .since_good_ms = -1};

    if (def_of(engine, number) == NULL)
        return REPLY_IGNORED;
    struct alarm *alarm = &engine->alarms[number];
    if (event == EVENT_ACK && occ != 0 && occ != alarm->state.occ)
        event = EVENT_ACK_OLD_OCCURRENCE;
    if (event != EVENT_SHELVE)
        return apply(engine, number, event, &reading);

    /* The sink shall see the shelf's end. */
    int64_t until_before = alarm->shelf_until_utc_ms;
    alarm->shelf_until_utc_ms = until_utc_ms;
    enum alarm_reply reply = apply(engine, number, event, &reading);
    if (reply != REPLY_OK) {
        alarm->shelf_until_utc_ms = until_before;
        return reply;
    }
    alarm->shelf_due_ms = now.mono_ms + (until_utc_ms - now.utc_ms);
    set_timer(engine, number);
    return reply;
}

/* set-up */

static void
set_up_alarm(struct engine *engine, uint32_t number)
{
    const struct alarm_def *def = &engine->params.alarms[number];
    const struct alarm_type *type = def->type;
    struct judged *judged = &engine->judged[number];
    struct alarm *alarm = &engine->alarms[number];
    double back = type->rule == RULE_HIGH ? -type->deadband : type->deadband;

    *judged = (struct judged){.threshold_off = type->limit,
                              .threshold_on = type->limit + back,
                              .rule = type->rule,
                              .exists = true};
    alarm_regions_init(&alarm->state.regions);
    alarm->condition_due_ms = alarm->realarm_due_ms = alarm->shelf_due_ms = TIMER_NONE;
    alarm->state.cause = CAUSE_NOT_YET_READ;
    if (type->rule == RULE_STALE) {
        if (def->device < engine->params.directory->device_limit)
            engine->stale_alarm[def->device] = number;
        return;
    }
    if (def->point < engine->params.directory->point_limit)
        stale_watch(engine->stale, def->point, def->stale_after_ms);
}

static bool
is_on_point(const struct engine *engine, uint32_t number)
{
    const struct alarm_def *def = def_of(engine, number);

    return def != NULL && def->type->rule != RULE_STALE &&
           def->point < engine->params.directory->point_limit;
}

/* Alarms of a point side by side: counted, summed, placed. */
static void
index_by_point(struct engine *engine)
{
    uint32_t point_limit = engine->params.directory->point_limit, sum = 0;

    for (uint32_t i = 0; i < engine->params.alarm_limit; i++)
        if (is_on_point(engine, i))
            engine->points[engine->params.alarms[i].point].first_alarm++;
    for (uint32_t i = 0; i <= point_limit; i++) {
        sum += engine->points[i].first_alarm;
        engine->points[i].first_alarm = sum; /* the end of its alarms, for now */
    }
    for (uint32_t i = engine->params.alarm_limit; i-- > 0;)
        if (is_on_point(engine, i))
            engine->by_point[--engine->points[engine->params.alarms[i].point].first_alarm] = i;
}

struct engine *
engine_new(const struct engine_params *params, struct stamp now)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t alarms = params->alarm_limit == 0 ? 1 : params->alarm_limit;
    size_t devices = params->directory->device_limit == 0 ? 1 : params->directory->device_limit;

    if (engine == NULL)
        return NULL;
    engine->params = *params;
    engine->points = calloc((size_t)params->directory->point_limit + 1, sizeof *engine->points);
    engine->by_point = calloc(alarms, sizeof *engine->by_point);
    engine->judged = calloc(alarms, sizeof *engine->judged);
    engine->alarms = calloc(alarms, sizeof *engine->alarms);
    engine->stale_alarm = malloc(devices * sizeof *engine->stale_alarm);
    engine->stale_points = calloc(devices, sizeof *engine->stale_points);
    engine->timers = timers_new(params->alarm_limit);
    engine->stale = stale_new(params->directory->point_limit, now.mono_ms + START_GRACE_MS);
    if (engine->points == NULL || engine->by_point == NULL || engine->judged == NULL ||
        engine->alarms == NULL || engine->stale_alarm == NULL || engine->stale_points == NULL ||
        engine->timers == NULL || engine->stale == NULL) {
        engine_free(engine);
        return NULL;
    }
    memset(engine->stale_alarm, 0xFF, devices * sizeof *engine->stale_alarm);
    for (uint32_t i = 0; i < params->directory->point_limit; i++) {
        engine->points[i].quality = QUALITY_BAD;
        engine->points[i].cause = CAUSE_NOT_YET_READ;
    }
    for (uint32_t i = 0; i < params->alarm_limit; i++)
        if (params->alarms[i].type != NULL)
            set_up_alarm(engine, i);
    index_by_point(engine);
    return engine;
}

void
engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->points);
    free(engine->by_point);
    free(engine->judged);
    free(engine->alarms);
    free(engine->stale_alarm);
    free(engine->stale_points);
    timers_free(engine->timers);
    stale_free(engine->stale);
    free(engine);
}

/* asking */

const struct alarm_state *
engine_state(const struct engine *engine, uint32_t alarm)
{
    return def_of(engine, alarm) == NULL ? NULL : &engine->alarms[alarm].state;
}

int64_t
engine_shelf_until(const struct engine *engine, uint32_t alarm)
{
    return def_of(engine, alarm) == NULL ? 0 : engine->alarms[alarm].shelf_until_utc_ms;
}

bool
engine_is_at_rest(const struct engine *engine, uint32_t alarm)
{
    return def_of(engine, alarm) == NULL || is_at_rest(&engine->alarms[alarm].state.regions);
}

bool
engine_latest(const struct engine *engine, uint32_t number, struct sample *out_sample)
{
    if (directory_point(engine->params.directory, number) == NULL)
        return false;
    const struct point_state *point = &engine->points[number];

    if (!point->is_read && point->cause == CAUSE_NOT_YET_READ)
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

/* records: version 1, little-endian, RECORD_BYTES long */

#define RECORD_VERSION 1
#define RECORD_BYTES 80

static size_t
put_le(uint8_t *out, size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[at + i] = (uint8_t)(value >> (8 * i));
    return at + bytes;
}

static uint64_t
get_le(const uint8_t *in, size_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)in[*at + i] << (8 * i);
    *at += bytes;
    return value;
}

size_t
engine_save(const struct engine *engine, uint32_t number, uint8_t out[ENGINE_RECORD_MAX])
{
    if (def_of(engine, number) == NULL)
        return 0;
    const struct alarm *alarm = &engine->alarms[number];
    const struct alarm_state *state = &alarm->state;
    const struct alarm_regions *r = &state->regions;
    uint32_t flags = (r->inp ? 1u : 0u) | (r->shelved ? 2u : 0u) | (r->design ? 4u : 0u) |
                     (r->oos ? 8u : 0u) | (r->test ? 16u : 0u) | (r->good ? 32u : 0u) |
                     (r->annunciated ? 64u : 0u);
    uint64_t value;
    size_t at = 0;

    memcpy(&value, &state->value, sizeof value);
    at = put_le(out, at, RECORD_VERSION, 1);
    at = put_le(out, at, r->cond, 1);
    at = put_le(out, at, r->ack, 1);
    at = put_le(out, at, flags, 1);
    at = put_le(out, at, state->occ, 4);
    at = put_le(out, at, state->chatter, 4);
    at = put_le(out, at, value, 8);
    at = put_le(out, at, (uint64_t)state->changed_utc_ms, 8);
    at = put_le(out, at, (uint64_t)state->raised_utc_ms, 8);
    at = put_le(out, at, (uint64_t)state->cleared_utc_ms, 8);
    at = put_le(out, at, (uint64_t)state->reading_utc_ms, 8);
    at = put_le(out, at, state->unc_ms, 4);
    at = put_le(out, at, (uint64_t)alarm->shelf_until_utc_ms, 8);
    /* An acknowledged alarm must come up again even over a restart. */
    at = put_le(out, at, alarm->realarm_due_ms != TIMER_NONE, 1);
    memset(out + at, 0, RECORD_BYTES - at);
    return RECORD_BYTES;
}

static bool
read_record(const uint8_t *in, size_t bytes, struct alarm *alarm, bool *out_realarm)
{
    struct alarm_state *state = &alarm->state;
    struct alarm_regions *r = &state->regions;
    size_t at = 0;

    if (bytes != RECORD_BYTES || get_le(in, &at, 1) != RECORD_VERSION || in[1] >= COND_COUNT ||
        in[2] >= ACK_COUNT)
        return false;
    r->cond = (uint8_t)get_le(in, &at, 1);
    r->ack = (uint8_t)get_le(in, &at, 1);
    uint64_t flags = get_le(in, &at, 1);
    r->shelved = (flags & 2u) != 0;
    r->design = (flags & 4u) != 0;
    r->oos = (flags & 8u) != 0;
    r->test = (flags & 16u) != 0;
    r->annunciated = (flags & 64u) != 0;
    r->inp = r->cond == COND_PENDING || r->cond == COND_ACTIVE;
    state->occ = (uint32_t)get_le(in, &at, 4);
    state->chatter = (uint32_t)get_le(in, &at, 4);
    uint64_t value = get_le(in, &at, 8);
    memcpy(&state->value, &value, sizeof value);
    state->changed_utc_ms = (int64_t)get_le(in, &at, 8);
    state->raised_utc_ms = (int64_t)get_le(in, &at, 8);
    state->cleared_utc_ms = (int64_t)get_le(in, &at, 8);
    state->reading_utc_ms = (int64_t)get_le(in, &at, 8);
    state->unc_ms = (uint32_t)get_le(in, &at, 4);
    alarm->shelf_until_utc_ms = (int64_t)get_le(in, &at, 8);
    *out_realarm = get_le(in, &at, 1) != 0;
    return true;
}

/* A definition may have changed since: what it no longer allows is settled. */
static void
settle(struct engine *engine, uint32_t number, struct stamp now)
{
    const struct alarm_type *type = engine->params.alarms[number].type;
    const struct alarm_traits traits = traits_of(type);
    struct alarm *alarm = &engine->alarms[number];
    struct alarm_regions *r = &alarm->state.regions;
    struct reading reading = {.at = now, .since_good_ms = -1};

    if (r->cond == COND_PENDING && !traits.on_delay) {
        r->cond = COND_NORMAL; /* the next reading raises it at once */
        r->inp = false;
    }
    if (r->cond == COND_CLEARING && !traits.off_delay) {
        r->cond = COND_ACTIVE; /* the next reading clears it at once */
        r->inp = true;
    }
    if (!traits.ack_required && r->ack == ACK_UNACKED)
        r->ack = alarm_is_live(r) ? ACK_ACKED : ACK_NONE;
    /* The time without an engine was not observed: delays start again. */
    if (r->cond == COND_PENDING)
        alarm->condition_due_ms = now.mono_ms + type->on_delay_ms;
    if (r->cond == COND_CLEARING)
        alarm->condition_due_ms = now.mono_ms + type->off_delay_ms;
    recount(engine, number);
    if (!r->shelved)
        return;
    if (!traits.shelvable || alarm->shelf_until_utc_ms <= now.utc_ms)
        apply(engine, number, EVENT_SHELF_OVER, &reading);
    else
        alarm->shelf_due_ms = now.mono_ms + (alarm->shelf_until_utc_ms - now.utc_ms);
}

bool
engine_restore(struct engine *engine, uint32_t number, const void *record, size_t bytes,
               struct stamp now)
{
    struct alarm restored = {0};
    bool realarm;

    if (def_of(engine, number) == NULL || !read_record(record, bytes, &restored, &realarm))
        return false;
    restored.state.regions.good = true;
    restored.state.cause = CAUSE_NOT_YET_READ;
    restored.condition_due_ms = restored.realarm_due_ms = restored.shelf_due_ms = TIMER_NONE;
    if (realarm && engine->params.alarms[number].type->realarm_ms > 0)
        restored.realarm_due_ms = now.mono_ms + engine->params.alarms[number].type->realarm_ms;
    engine->alarms[number] = restored;
    settle(engine, number, now);
    set_timer(engine, number);
    return true;
}
