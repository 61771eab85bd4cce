/*
 * engine_samples.c - what a reading does: its point, its age, the rules that hang on it.
 *
 * The path of a sample is short: note its time, compare with the threshold that the present answer
 * makes (hysteresis), and leave unless the answer changed. Everything else - steps, timers,
 * counters - happens only on a change.
 */
#include <math.h>

#include "alerts/engine_core.h"

#define TIME_MAX_MS (INT64_MAX / 4) /* sums of a few times cannot overflow */
#define POINT_AHEAD                                                                                \
    12 /* samples ahead, when its point is asked for; its rule needs the point first */
#define RULE_AHEAD 6

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
            engine_feed(engine, i, is_met, occasion);
    }
}

bool
engine_make_known(struct engine *engine, uint32_t number)
{
    struct point_state *point = &engine->points[number];

    if (point->is_known)
        return false;
    point->is_known = true;
    if (!stale_is_watched(engine->stale, number))
        return false;
    if (point->device != ENGINE_NOTHING)
        engine->devices[point->device].unknown_points--;
    return true;
}

void
engine_set_point_quality(struct engine *engine, uint32_t number, bool good,
                         const struct occasion *occasion)
{
    const struct point_state *point = &engine->points[number];

    engine->counts.stale_points = stale_count(engine->stale);
    if (point->device != ENGINE_NOTHING)
        engine->devices[point->device].stale_points += good ? UINT32_MAX : 1u; /* minus one */
    for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++) {
        uint32_t alarm = engine->by_point[i];

        if (rule_is_wide(&engine->rules[alarm]))
            engine_judge_wide(engine, alarm, false, occasion);
        else
            engine_apply(engine, alarm, good ? EVENT_QUALITY_GOOD : EVENT_QUALITY_BAD, occasion);
    }
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

/* What was read before the start counts from the start: the time between was not observed. */
static struct occasion
occasion_of(const struct engine *engine, const struct sample *sample)
{
    int64_t mono_ms =
        sample->mono_ms < engine->start.mono_ms ? engine->start.mono_ms : sample->mono_ms;

    return (struct occasion){.at = {sample->utc_ms, mono_ms},
                             .reading_utc_ms = sample->utc_ms,
                             .unc_ms = uncertainty(sample)};
}

/* The device answers that it has no such thing, and nobody ever read it: there is nothing to judge
 * and nothing to miss, as with the second phase of a small UPS. What was read once is a loss. A
 * device that does not answer says neither. */
static void
note_absence(struct engine *engine, struct point_state *point, const struct sample *sample)
{
    struct occasion occasion = occasion_of(engine, sample);

    if (point->is_read || point->was_read || point->cause == CAUSE_TIMEOUT ||
        point->cause == CAUSE_REFUSED)
        return;
    bool is_news = point->is_absent != (point->cause == CAUSE_ABSENT);
    point->is_absent = point->cause == CAUSE_ABSENT;
    if (!point->is_absent)
        return;
    bool is_first = engine_make_known(engine, sample->point);
    if (stale_note(engine->stale, sample->point, sample->mono_ms))
        engine_set_point_quality(engine, sample->point, true, &occasion);
    else if (is_news)
        engine_judge_wide_on(engine, sample->point, &occasion);
    if (is_first)
        judge_device(engine, point->device, &occasion);
}

/* One lost reading changes nothing but what is shown; the age of the last good one decides. */
static void
note_bad(struct engine *engine, struct point_state *point, const struct sample *sample)
{
    bool is_claimed_good = sample->quality < QUALITY_BAD;
    bool was_good = point->is_read && point->quality < QUALITY_BAD;

    point->quality = QUALITY_BAD;
    point->cause = is_claimed_good               ? CAUSE_NOT_A_NUMBER
                   : sample->cause < CAUSE_COUNT ? sample->cause
                                                 : CAUSE_PROTOCOL;
    if (!point->is_read)
        point->utc_ms = sample->utc_ms;
    note_absence(engine, point, sample);
    if (was_good) {
        struct occasion occasion = occasion_of(engine, sample);

        engine_judge_wide_on(engine, sample->point, &occasion);
    }
}

/* Does its answer come from the present values alone, so that the same ones need no second look? */
static bool
is_of_points(const struct rule *rule)
{
    return rule->kind == RULE_DIFFERENCE || rule->kind == RULE_WHEN;
}

static void
judge_point(struct engine *engine, const struct point_state *point, const struct sample *sample,
            bool is_back, bool is_first, bool is_changed)
{
    struct occasion occasion = occasion_of(engine, sample);

    if (is_back)
        engine_set_point_quality(engine, sample->point, true, &occasion);
    if (!stale_is(engine->stale, sample->point))
        for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++) {
            uint32_t number = engine->by_point[i];
            const struct rule *rule = &engine->rules[number];

            if (rule_is_wide(rule)) {
                if (is_changed || !is_of_points(rule))
                    engine_judge_wide(engine, number, true, &occasion);
                continue;
            }
            bool is_met = rule_judge(rule, point->value);

            if (is_met != rule->is_met)
                engine_feed(engine, number, is_met, &occasion);
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
    if (rule_wide_next_ms(engine->wide, sample->mono_ms) <= sample->mono_ms)
        engine_catch_up_wide_on(engine, sample->point, occasion_of(engine, sample).at);
    if (sample->quality >= QUALITY_BAD || !isfinite(sample->value)) {
        note_bad(engine, point, sample);
        return;
    }
    bool is_changed =
        !point->is_read || point->quality >= QUALITY_BAD || point->value != sample->value;

    point->value = sample->value;
    point->utc_ms = sample->utc_ms;
    point->mono_ms = sample->mono_ms;
    point->quality = sample->quality;
    point->cause = sample->cause < CAUSE_COUNT ? sample->cause : CAUSE_OK;
    point->is_read = true;
    point->is_absent = false;
    bool is_first = !point->is_known && engine_make_known(engine, sample->point);
    bool is_back = stale_note(engine->stale, sample->point, sample->mono_ms);
    judge_point(engine, point, sample, is_back, is_first, is_changed);
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
