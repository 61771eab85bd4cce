/*
 * rule_wide.c - rules that look at more than one value.
 */
#include "alerts/rule_wide.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alerts/rule_count.h"
#include "alerts/rule_rate.h"
#include "gateway/base/timers.h"

struct entry {
    const struct alarm_type *type;
    void *memory; /* by the kind of the rule: rule_rate, rule_count, rule, clocks */
    double value;
    int64_t due_ms, judged_ms;
    uint32_t alarm;
    bool is_armed; /* it has a timer, not later than due_ms */
};

struct rule_wide {
    struct entry *entries;
    char *block;
    size_t block_used;
    struct timers *timers;
    uint32_t count, limit;
};

static size_t
bytes_of(const struct alarm_type *type)
{
    switch ((enum rule_kind)type->rule) {
    case RULE_RISE:
    case RULE_FALL:
        return sizeof(struct rule_rate);
    case RULE_CHANGE: /* of each a rise and a fall */
        return 2 * sizeof(struct rule_rate);
    case RULE_COUNT:
        return rule_count_bytes(type);
    case RULE_DIFFERENCE:
        return sizeof(struct rule);
    case RULE_WHEN:
        return type->expression->clock_count * sizeof(struct expression_clock);
    case RULE_SILENT:
        return sizeof(int64_t); /* last reading */
    default:
        return 0;
    }
}

static bool
is_wide(const struct alarm_type *type)
{
    return type != NULL && type->rule > RULE_STALE;
}

struct rule_wide *
rule_wide_new(const struct alarm_def *alarms, uint32_t alarm_limit)
{
    struct rule_wide *wide = calloc(1, sizeof *wide);
    size_t bytes = 0;

    if (wide == NULL)
        return NULL;
    for (uint32_t i = 0; i < alarm_limit; i++)
        if (is_wide(alarms[i].type)) {
            wide->limit++;
            bytes += bytes_of(alarms[i].type);
        }
    wide->entries = calloc(wide->limit + 1u, sizeof *wide->entries);
    wide->block = calloc(1, bytes + 1);
    wide->timers = timers_new(wide->limit);
    if (wide->entries == NULL || wide->block == NULL || wide->timers == NULL) {
        rule_wide_free(wide);
        return NULL;
    }
    return wide;
}

void
rule_wide_free(struct rule_wide *wide)
{
    if (wide == NULL)
        return;
    free(wide->entries);
    free(wide->block);
    timers_free(wide->timers);
    free(wide);
}

static void
arm(struct rule_wide *wide, uint32_t number, int64_t due_ms)
{
    struct entry *entry = &wide->entries[number];

    /* A timer that comes too early only looks; so each reading need not move it. */
    if (due_ms == TIMER_NONE ? entry->is_armed : due_ms < entry->due_ms || !entry->is_armed)
        timers_set(wide->timers, number, due_ms);
    entry->is_armed = due_ms != TIMER_NONE;
    entry->due_ms = due_ms;
}

uint32_t
rule_wide_add(struct rule_wide *wide, uint32_t alarm, const struct alarm_type *type,
              int64_t start_ms)
{
    uint32_t number = wide->count++;
    struct entry *entry = &wide->entries[number];

    assert(number < wide->limit);
    *entry = (struct entry){.type = type,
                            .memory = wide->block + wide->block_used,
                            .value = (double)NAN,
                            .due_ms = TIMER_NONE,
                            .judged_ms = INT64_MIN,
                            .alarm = alarm};
    wide->block_used += bytes_of(type);
    switch ((enum rule_kind)type->rule) {
    case RULE_COUNT:
        rule_count_init(entry->memory, type);
        break;
    case RULE_DIFFERENCE:
        rule_init(entry->memory, type, (enum rule_kind)type->inner);
        break;
    case RULE_WHEN:
        assert(expression_is_sound(type->expression));
        expression_start(type->expression, entry->memory);
        break;
    case RULE_SILENT:
        *(int64_t *)entry->memory = start_ms;
        arm(wide, number, start_ms + type->window_ms);
        break;
    default:
        rule_rate_init(entry->memory, type->window_ms);
        if (type->rule == RULE_CHANGE)
            rule_rate_init((struct rule_rate *)entry->memory + 1, type->window_ms);
        break;
    }
    return number;
}

uint32_t
rule_wide_alarm(const struct rule_wide *wide, uint32_t number)
{
    return wide->entries[number].alarm;
}

int64_t
rule_wide_time(struct rule_wide *wide, uint32_t number, int64_t now_ms)
{
    struct entry *entry = &wide->entries[number];

    if (now_ms > entry->judged_ms)
        entry->judged_ms = now_ms;
    return entry->judged_ms;
}

/* kinds */

static enum verdict
verdict_of(bool is_met)
{
    return is_met ? VERDICT_YES : VERDICT_NO;
}

static enum verdict
judge_rate(struct entry *entry, const struct wide_input *input, bool was_met, bool is_reading,
           int64_t now_ms)
{
    const struct alarm_type *type = entry->type;
    struct rule_rate *rate = entry->memory;
    double limit = was_met && type->deadband > 0 ? type->limit - type->deadband : type->limit;

    if (!is_reading || input->state != INPUT_KNOWN)
        return VERDICT_UNKNOWN;
    entry->value =
        rule_rate_note(rate, type->rule == RULE_FALL ? -input->value : input->value, now_ms);
    if (type->rule == RULE_CHANGE)
        entry->value = fmax(entry->value, rule_rate_note(rate + 1, -input->value, now_ms));
    if (entry->value >= limit)
        return VERDICT_YES;
    return rule_rate_is_full(rate) ? VERDICT_NO : VERDICT_UNKNOWN;
}

static enum verdict
judge_count(struct rule_wide *wide, uint32_t number, const struct wide_input *input,
            bool is_reading, int64_t now_ms)
{
    struct rule_count *count = wide->entries[number].memory;

    if (is_reading && input->state == INPUT_KNOWN)
        rule_count_note(count, input->value, now_ms);
    uint16_t found = rule_count_of(count, now_ms);
    wide->entries[number].value = found;
    if (input->state == INPUT_STALE) { /* what happened meanwhile, nobody saw */
        arm(wide, number, TIMER_NONE);
        return VERDICT_UNKNOWN;
    }
    arm(wide, number, rule_count_due_ms(count, now_ms));
    if (found >= count->at_least)
        return VERDICT_YES;
    return rule_count_is_full(count, now_ms) ? VERDICT_NO : VERDICT_UNKNOWN;
}

static enum verdict
judge_difference(struct entry *entry, const struct wide_input *inputs, bool was_met)
{
    struct rule *inner = entry->memory;
    double difference = inputs[0].value - inputs[1].value;

    if (inputs[0].state != INPUT_KNOWN || inputs[1].state != INPUT_KNOWN || !isfinite(difference))
        return VERDICT_UNKNOWN;
    entry->value = entry->type->is_absolute ? fabs(difference) : difference;
    inner->is_met = was_met;
    return verdict_of(rule_judge(inner, entry->value));
}

static enum verdict
judge_when(struct rule_wide *wide, uint32_t number, const struct wide_input *inputs, int64_t now_ms)
{
    struct entry *entry = &wide->entries[number];
    const struct expression *expression = entry->type->expression;
    double values[EXPRESSION_INPUTS_MAX];
    int64_t due_ms;

    for (uint8_t i = 0; i < expression->input_count; i++)
        values[i] = inputs[i].state == INPUT_KNOWN ? inputs[i].value : (double)NAN;
    enum verdict verdict = expression_judge(expression, values, entry->memory, now_ms, &due_ms);
    arm(wide, number, due_ms);
    return verdict;
}

static enum verdict
judge_silent(struct rule_wide *wide, uint32_t number, const struct wide_input *input,
             bool is_reading, int64_t now_ms)
{
    const struct alarm_type *type = wide->entries[number].type;
    int64_t *last_ms = wide->entries[number].memory;

    if ((input->state == INPUT_ABSENT || (is_reading && input->state == INPUT_KNOWN)) &&
        now_ms > *last_ms) /* the grace of the start is never cut short */
        *last_ms = now_ms;
    bool is_met = now_ms - *last_ms >= type->window_ms;
    arm(wide, number, is_met ? TIMER_NONE : *last_ms + type->window_ms);
    return verdict_of(is_met);
}

enum verdict
rule_wide_judge(struct rule_wide *wide, uint32_t number, const struct wide_input *inputs,
                bool was_met, bool is_reading, int64_t now_ms)
{
    struct entry *entry = &wide->entries[number];

    switch ((enum rule_kind)entry->type->rule) {
    case RULE_COUNT:
        return judge_count(wide, number, inputs, is_reading, now_ms);
    case RULE_DIFFERENCE:
        return judge_difference(entry, inputs, was_met);
    case RULE_WHEN:
        return judge_when(wide, number, inputs, now_ms);
    case RULE_SILENT:
        return judge_silent(wide, number, inputs, is_reading, now_ms);
    default:
        return judge_rate(entry, inputs, was_met, is_reading, now_ms);
    }
}

/* asking */

double
rule_wide_value(const struct rule_wide *wide, uint32_t number)
{
    return wide->entries[number].value;
}

int64_t
rule_wide_due_ms(const struct rule_wide *wide, uint32_t number)
{
    return wide->entries[number].due_ms;
}

int64_t
rule_wide_next_ms(struct rule_wide *wide, int64_t now_ms)
{
    int64_t next_ms = timers_next_ms(wide->timers);

    while (next_ms <= now_ms) {
        uint32_t first = timers_first(wide->timers);

        if (wide->entries[first].due_ms == next_ms)
            break;
        timers_set(wide->timers, first, wide->entries[first].due_ms); /* it was put off */
        next_ms = timers_next_ms(wide->timers);
    }
    return next_ms;
}

uint32_t
rule_wide_first(const struct rule_wide *wide)
{
    return timers_first(wide->timers);
}
