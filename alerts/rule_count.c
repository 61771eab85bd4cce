/*
 * rule_count.c - how often something began within the last while: a ring of times.
 */
#include "alerts/rule_count.h"

#include <assert.h>

#include "gateway/base/timers.h"

size_t
rule_count_bytes(const struct alarm_type *type)
{
    return sizeof(struct rule_count) + type->at_least * sizeof(int64_t);
}

void
rule_count_init(struct rule_count *count, const struct alarm_type *type)
{
    assert(type->at_least > 0 && type->at_least <= RULE_COUNT_MAX);
    *count = (struct rule_count){
        .window_ms = type->window_ms, .last_ms = INT64_MIN, .at_least = type->at_least};
    rule_init(&count->inner, type, (enum rule_kind)type->inner);
    for (uint16_t i = 0; i < count->at_least; i++)
        count->began_ms[i] = INT64_MIN;
}

void
rule_count_note(struct rule_count *count, double value, int64_t ms)
{
    bool is_first = count->last_ms == INT64_MIN;
    bool was_met = count->inner.is_met, has_begun;

    if (is_first || ms - count->last_ms > count->window_ms)
        count->since_ms = ms;
    if (count->inner.kind == RULE_CHANGE) {
        has_begun = value != count->value;
    } else {
        count->inner.is_met = rule_judge(&count->inner, value);
        has_begun = count->inner.is_met && !was_met;
    }
    count->value = value;
    count->last_ms = ms;
    if (is_first || !has_begun) /* what is there already did not begin now */
        return;
    count->began_ms[count->next] = ms;
    count->next = (uint16_t)((count->next + 1) % count->at_least);
}

static bool
is_within(const struct rule_count *count, uint16_t i, int64_t now_ms)
{
    return count->began_ms[i] != INT64_MIN && now_ms - count->began_ms[i] < count->window_ms;
}

uint16_t
rule_count_of(const struct rule_count *count, int64_t now_ms)
{
    uint16_t found = 0;

    for (uint16_t i = 0; i < count->at_least; i++)
        found = (uint16_t)(found + is_within(count, i, now_ms));
    return found;
}

bool
rule_count_is_full(const struct rule_count *count, int64_t now_ms)
{
    return count->last_ms != INT64_MIN && now_ms - count->since_ms >= count->window_ms;
}

int64_t
rule_count_due_ms(const struct rule_count *count, int64_t now_ms)
{
    /* The oldest is the next one to be overwritten. */
    if (is_within(count, count->next, now_ms))
        return count->began_ms[count->next] + count->window_ms;
    if (count->last_ms != INT64_MIN && !rule_count_is_full(count, now_ms))
        return count->since_ms + count->window_ms;
    return TIMER_NONE;
}
