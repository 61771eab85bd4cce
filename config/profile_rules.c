/*
 * profile_rules.c - the rule of an alarm: limits, states, rates, counts, differences, conditions.
 */
#include "config/profile_rules.h"

#include <math.h>
#include <string.h>

#include "gateway/base/text.h"

#define LABELS_MAX 256
#define VALUES_MAX 64

/* states */

static void
fault_value(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def)
{
    const char *known[LABELS_MAX];
    const char *text = yaml_text(node);
    char hint[120];
    size_t count = 0;

    for (; count < def->label_count && count < LABELS_MAX; count++)
        known[count] = def->labels[count].label;
    const char *nearest = text == NULL ? NULL : text_nearest(text, known, count);
    snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
    yaml_fault(reader->yaml, node, nearest == NULL ? NULL : hint,
               "\"%s\" is neither a label of %s nor a number", text == NULL ? "?" : text, def->id);
}

static bool
read_values(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def,
            struct alarm_type *type)
{
    double values[VALUES_MAX];
    uint16_t count = 0;
    bool is_list = yaml_is_list(node);
    struct fy_node *one = node;
    void *iterator = NULL;

    while (is_list ? (one = fy_node_sequence_iterate(node, &iterator)) != NULL : one != NULL) {
        const char *text = yaml_text(one);

        if (count == VALUES_MAX || text == NULL || !expressions_value(def, text, &values[count])) {
            fault_value(reader, one, def);
            return false;
        }
        count++;
        if (!is_list)
            break;
    }
    if (count == 0) {
        yaml_fault(reader->yaml, node, NULL, "needs at least one value");
        return false;
    }
    double *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    memcpy(copy, values, count * sizeof *copy);
    type->values = copy;
    type->value_count = count;
    return true;
}

/* numbers */

static bool
need_number(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def,
            const char *what, const char *hint)
{
    if (def->kind == VALUE_NUMBER)
        return true;
    yaml_fault(reader->yaml, node, hint, "%s is a %s: %s for numbers", def->id,
               value_kind_name(def->kind), what);
    return false;
}

/* Exactly one of these is given, by the keys: a value that is no number was told already. */
static bool
need_one(const struct schema_reader *reader, struct fy_node *map, const char *const *keys,
         const char *all)
{
    int given = 0;

    for (; *keys != NULL; keys++)
        given += yaml_get(map, *keys) != NULL;
    if (given == 1)
        return true;
    yaml_fault(reader->yaml, map, NULL, "one of %s is needed, %d are given", all, given);
    return false;
}

static void
set_limit(struct alarm_type *type, uint8_t *kind, double high, double low)
{
    *kind = (uint8_t)(!isnan(high) ? RULE_HIGH : RULE_LOW);
    type->limit = !isnan(high) ? high : low;
}

/* windows */

static bool
read_rate(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def,
          struct alarm_type *type)
{
    static const char *const KEYS[] = {"rise", "fall", "change", NULL};
    struct raw_rate raw = {.rise = NAN, .fall = NAN, .change = NAN};
    bool good = schema_read(reader, node, &TABLE_RATE, &raw);

    good = need_one(reader, node, KEYS, "rise, fall, change") && good;
    good = need_number(reader, node, def, "rates are", "use count or is") && good;
    type->rule = (uint8_t)(!isnan(raw.rise)   ? RULE_RISE
                           : !isnan(raw.fall) ? RULE_FALL
                                              : RULE_CHANGE);
    type->limit = !isnan(raw.rise) ? raw.rise : !isnan(raw.fall) ? raw.fall : raw.change;
    type->window_ms = raw.in_ms;
    return good;
}

static bool
read_count(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def,
           struct alarm_type *type)
{
    static const char *const KEYS[] = {"of", "high", "low", NULL};
    struct raw_count raw = {.high = NAN, .low = NAN};
    bool good = schema_read(reader, node, &TABLE_COUNT, &raw);

    type->rule = RULE_COUNT;
    good = need_one(reader, node, KEYS, "of, high, low") && good;
    if (raw.of != NULL) {
        const char *text = yaml_text(raw.of);

        type->inner = text != NULL && strcmp(text, "change") == 0 ? RULE_CHANGE : RULE_IS;
        if (type->inner == RULE_IS)
            good = read_values(reader, raw.of, def, type) && good;
    } else {
        good = need_number(reader, node, def, "high and low are", "use of") && good;
        set_limit(type, &type->inner, raw.high, raw.low);
    }
    type->at_least = (uint16_t)raw.at_least;
    type->window_ms = raw.in_ms;
    return good;
}

/* several points */

static bool
read_difference(const struct schema_reader *reader, struct fy_node *node,
                struct rule_points *points, struct alarm_type *type)
{
    static const char *const KEYS[] = {"high", "low", NULL};
    struct raw_difference raw = {.high = NAN, .low = NAN};
    bool good = schema_read(reader, node, &TABLE_DIFFERENCE, &raw);
    struct fy_node *with = yaml_get(node, "with");

    type->rule = RULE_DIFFERENCE;
    type->is_absolute = raw.absolute;
    set_limit(type, &type->inner, raw.high, raw.low);
    good = need_one(reader, node, KEYS, "high, low") && good;
    good = need_number(reader, node, points->def, "differences are", NULL) && good;
    if (raw.with == NULL)
        return false;
    points->inputs[0] = points->point;
    points->input_defs[0] = points->def;
    points->input_count = 2;
    switch (points->names.find(points->names.ctx, raw.with, &points->inputs[1],
                               &points->input_defs[1])) {
    case FOUND:
        break;
    case FOUND_NOT:
        yaml_fault(reader->yaml, with, NULL, "with: there is no point \"%s\"", raw.with);
        return false;
    case FOUND_UNSURE:
        return false;
    }
    if (points->inputs[1] == points->point) {
        yaml_fault(reader->yaml, with, NULL, "with: it is the point itself");
        return false;
    }
    return need_number(reader, with, points->input_defs[1], "differences are", NULL) && good;
}

static bool
read_when(const struct schema_reader *reader, struct fy_node *node, struct rule_points *points,
          struct alarm_type *type)
{
    struct expression_compiled compiled;
    struct expression_fault fault;
    const char *text = yaml_text(node);
    bool is_about_point = false;

    type->rule = RULE_WHEN;
    if (text == NULL) {
        yaml_fault(reader->yaml, node, "battery.charge < 50 and input.L1.voltage < 207",
                   "when: needs a condition");
        return false;
    }
    if (!expressions_compile(reader->arena, text, &points->names, &compiled, &fault)) {
        if (!fault.is_told)
            yaml_fault_within(reader->yaml, node, fault.at, fault.length,
                              fault.hint[0] == '\0' ? NULL : fault.hint, "when: %s", fault.text);
        return false;
    }
    type->expression = compiled.expression;
    points->input_count = compiled.expression->input_count;
    for (uint16_t i = 0; i < points->input_count; i++) {
        points->inputs[i] = compiled.points[i];
        points->input_defs[i] = compiled.defs[i];
        is_about_point = is_about_point || compiled.points[i] == points->point;
    }
    if (!is_about_point)
        yaml_fault(reader->yaml, node, "point: is what it is about and shows",
                   "when: the alarm's point %s is not in it", points->def->id);
    return is_about_point;
}

/* all */

bool
profile_read_rule(const struct schema_reader *reader, struct fy_node *node,
                  const struct raw_alarm *raw, struct rule_points *points, struct alarm_type *type)
{
    static const char *const KEYS[] = {"high",  "low",        "is",   "not",    "rate",
                                       "count", "difference", "when", "silent", NULL};
    const struct point_def *def = points->def;

    if (!need_one(reader, node, KEYS, "high, low, is, not, rate, count, difference, when, silent"))
        return false;
    if (def->kind == VALUE_TEXT) {
        yaml_fault(reader->yaml, yaml_get(node, "point"), NULL,
                   "point: %s is text, nothing to judge", def->id);
        return false;
    }
    if (raw->is != NULL || raw->is_not != NULL) {
        type->rule = raw->is != NULL ? RULE_IS : RULE_NOT;
        return read_values(reader, raw->is != NULL ? raw->is : raw->is_not, def, type);
    }
    if (raw->rate != NULL)
        return read_rate(reader, raw->rate, def, type);
    if (raw->count != NULL)
        return read_count(reader, raw->count, def, type);
    if (raw->difference != NULL)
        return read_difference(reader, raw->difference, points, type);
    if (raw->when != NULL)
        return read_when(reader, raw->when, points, type);
    if (yaml_get(node, "silent") != NULL) {
        type->rule = RULE_SILENT;
        type->window_ms = raw->silent_ms;
        return true;
    }
    set_limit(type, &type->rule, raw->high, raw->low);
    return need_number(reader, node, def, "high and low are", "use is or not");
}

bool
profile_rule_has_limit(const struct alarm_type *type)
{
    switch ((enum rule_kind)type->rule) {
    case RULE_HIGH:
    case RULE_LOW:
    case RULE_RISE:
    case RULE_FALL:
    case RULE_CHANGE:
    case RULE_DIFFERENCE:
        return true;
    case RULE_COUNT:
        return type->inner == RULE_HIGH || type->inner == RULE_LOW;
    default:
        return false;
    }
}
