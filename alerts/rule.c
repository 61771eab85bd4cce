/*
 * rule.c - what is not in the path of every reading: setting up, and lists of values.
 */
#include "alerts/rule.h"

void
rule_init(struct rule *rule, const struct alarm_type *type, enum rule_kind kind)
{
    /* Never wider apart the wrong way round: a negative deadband would make the answer swing. */
    double deadband = type->deadband > 0 ? type->deadband : 0;
    double back = kind == RULE_HIGH ? -deadband : deadband;

    *rule = (struct rule){.threshold = {type->limit, type->limit + back},
                          .values = type->values,
                          .value_count = type->value_count,
                          .kind = (uint8_t)kind};
}

bool
rule_judge_listed(const struct rule *rule, double value)
{
    bool is_listed = false;

    if (rule->kind != RULE_IS && rule->kind != RULE_NOT)
        return rule->is_met;
    for (uint16_t i = 0; i < rule->value_count && !is_listed; i++)
        is_listed = rule->values[i] == value;
    return is_listed == (rule->kind == RULE_IS);
}
