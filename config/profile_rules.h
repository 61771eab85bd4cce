/*
 * profile_rules.h - the rule of an alarm: from the keys of a file to struct alarm_type.
 *
 * Profiles and the site's own list share it; they differ in what a point's name means.
 */
#ifndef WATCHROOM_CONFIG_PROFILE_RULES_H
#define WATCHROOM_CONFIG_PROFILE_RULES_H

#include "alerts/alarm_def.h"
#include "config/expressions.h"
#include "config/tables.h"

/* The points of one alarm, by the numbers that `names` gives. */
struct rule_points {
    struct expression_names names;
    uint32_t point; /* the one it is about */
    const struct point_def *def;
    /* Out: all that a rule over several points looks at; else none. */
    uint32_t inputs[EXPRESSION_INPUTS_MAX];
    const struct point_def *input_defs[EXPRESSION_INPUTS_MAX];
    uint16_t input_count;
};

/* Fills the members of `type` that say the rule. False after faults. */
bool profile_read_rule(const struct schema_reader *reader, struct fy_node *node,
                       const struct raw_alarm *raw, struct rule_points *points,
                       struct alarm_type *type);

/* Has it a limit that a device may have another one of? */
bool profile_rule_has_limit(const struct alarm_type *type);

/* The part of docs/configuration.md that shows each kind. */
void profile_rules_print(FILE *out);

#endif
