/*
 * rule.h - one alarm's rule over one value: is the condition there or not?
 *
 * Small, because it is what every reading touches. A deadband is hysteresis on the limit: a value
 * is judged by another threshold while the condition is there. RULE_STALE has no value; the engine
 * judges it. Rules that look at more than one value are rule_wide.h's.
 */
#ifndef WATCHROOM_ALERTS_RULE_H
#define WATCHROOM_ALERTS_RULE_H

#include "alerts/alarm_def.h"

struct rule {
    double threshold[2];  /* RULE_HIGH, RULE_LOW: by `is_met` */
    const double *values; /* RULE_IS, RULE_NOT; borrowed from the type */
    uint16_t value_count;
    uint8_t kind;  /* enum rule_kind */
    bool is_met;   /* the answer to the last value; the caller keeps it */
    uint32_t wide; /* wide rules: their number in rule_wide */
};

/* As `kind`, with the limits and values of the type. */
void rule_init(struct rule *rule, const struct alarm_type *type, enum rule_kind kind);

static inline bool
rule_is_wide(const struct rule *rule)
{
    return rule->kind > RULE_STALE;
}

/* RULE_IS, RULE_NOT; RULE_STALE keeps its answer. */
bool rule_judge_listed(const struct rule *rule, double value);

/* The answer to a finite value. */
static inline bool
rule_judge(const struct rule *rule, double value)
{
    if (rule->kind == RULE_HIGH)
        return value > rule->threshold[rule->is_met];
    if (rule->kind == RULE_LOW)
        return value < rule->threshold[rule->is_met];
    return rule_judge_listed(rule, value);
}

#endif
