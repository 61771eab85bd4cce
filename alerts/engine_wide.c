/*
 * engine_wide.c - alarms whose rule looks at more than one value: their answer and their quality.
 *
 * Such an alarm is bad when its answer is unknown and one of its points is stale. As long as the
 * others say enough (true or unknown), it is judged like any other.
 */
#include "alerts/engine_core.h"

static enum input_state
state_of(const struct engine *engine, uint32_t number)
{
    if (number >= engine->params.directory->point_limit)
        return INPUT_LOST;

    const struct point_state *point = &engine->points[number];

    if (stale_is(engine->stale, number))
        return INPUT_STALE;
    if (point->is_absent)
        return INPUT_ABSENT;
    return point->is_read && point->quality < QUALITY_BAD ? INPUT_KNOWN : INPUT_LOST;
}

static void
settle_quality(struct engine *engine, uint32_t number, enum verdict verdict, bool is_any_stale,
               bool are_all_there, const struct occasion *occasion)
{
    bool is_good = engine->runs[number].state.regions.good;

    if (is_good && verdict == VERDICT_UNKNOWN && is_any_stale)
        engine_apply(engine, number, EVENT_QUALITY_BAD, occasion);
    else if (!is_good && (verdict != VERDICT_UNKNOWN || are_all_there))
        engine_apply(engine, number, EVENT_QUALITY_GOOD, occasion);
}

void
engine_judge_wide(struct engine *engine, uint32_t number, bool is_reading,
                  const struct occasion *cause)
{
    struct occasion occasion = *cause;
    struct rule *rule = &engine->rules[number];
    struct wide_input found[EXPRESSION_INPUTS_MAX]; /* as many as there are */
    struct alarm_input only;
    const struct alarm_input *inputs;
    uint16_t count = engine_inputs(engine, number, &only, &inputs);
    bool is_any_stale = false, are_all_there = true;

    occasion.at.mono_ms = rule_wide_time(engine->wide, rule->wide, cause->at.mono_ms);
    occasion.at.utc_ms += occasion.at.mono_ms - cause->at.mono_ms;
    for (uint16_t i = 0; i < count && i < EXPRESSION_INPUTS_MAX; i++) {
        enum input_state state = state_of(engine, inputs[i].point);

        found[i].state = (uint8_t)state;
        found[i].value = state == INPUT_KNOWN ? engine->points[inputs[i].point].value : 0;
        is_any_stale = is_any_stale || state == INPUT_STALE;
        are_all_there = are_all_there && (state == INPUT_KNOWN || state == INPUT_ABSENT);
    }
    enum verdict verdict = rule_wide_judge(engine->wide, rule->wide, found, rule->is_met,
                                           is_reading, occasion.at.mono_ms);
    settle_quality(engine, number, verdict, is_any_stale, are_all_there, &occasion);
    if (verdict != VERDICT_UNKNOWN && (verdict == VERDICT_YES) != rule->is_met)
        engine_feed(engine, number, verdict == VERDICT_YES, &occasion);
}

void
engine_judge_wide_on(struct engine *engine, uint32_t number, const struct occasion *occasion)
{
    const struct point_state *point = &engine->points[number];

    for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++)
        if (rule_is_wide(&engine->rules[engine->by_point[i]]))
            engine_judge_wide(engine, engine->by_point[i], false, occasion);
}

void
engine_catch_up_wide_on(struct engine *engine, uint32_t number, struct stamp now)
{
    const struct point_state *point = &engine->points[number];

    for (uint32_t i = point->first_alarm; i < point[1].first_alarm; i++)
        if (rule_is_wide(&engine->rules[engine->by_point[i]]))
            engine_catch_up(engine, engine->by_point[i], now);
}

void
engine_fire_wide(struct engine *engine, uint32_t wide, struct stamp now)
{
    int64_t due_ms = rule_wide_due_ms(engine->wide, wide);
    struct occasion occasion = {.at = {now.utc_ms - (now.mono_ms - due_ms), due_ms},
                                .unc_ms = ENGINE_UNC_UNKNOWN};

    engine_judge_wide(engine, rule_wide_alarm(engine->wide, wide), false, &occasion);
}
