/*
 * alarm_def.c - names of what an alarm definition says.
 */
#include "alerts/alarm_def.h"

#include <assert.h>

static const char *const CLASSES[] = {"power",    "cooling", "environment", "fire",   "intruder",
                                      "access",   "cctv",    "patrol",      "gateway"};
static const char *const AUDIENCES[] = {"security", "continuity", "facilities"};
static const char *const RULES[] = {"high",   "low",   "is",         "not",  "stale", "rise",
                                    "fall",   "change", "count",     "difference", "when", "silent"};
static const char *const SEVERITIES[] = {"critical", "major", "minor", "warning"};
static_assert(ARRAY_LEN(CLASSES) == CLASS_COUNT, "a class has no name");
static_assert(ARRAY_LEN(AUDIENCES) == AUDIENCE_COUNT, "an audience has no name");
static_assert(ARRAY_LEN(RULES) == RULE_KIND_COUNT, "a rule has no name");

const char *
alarm_class_name(enum alarm_class alarm_class)
{
    return (unsigned)alarm_class < CLASS_COUNT ? CLASSES[alarm_class] : "gateway";
}

const char *
audience_name(enum audience audience)
{
    return (unsigned)audience < AUDIENCE_COUNT ? AUDIENCES[audience] : "facilities";
}

const char *
rule_kind_name(enum rule_kind rule)
{
    return (unsigned)rule < RULE_KIND_COUNT ? RULES[rule] : "unknown";
}

bool
rule_kind_shows_point(enum rule_kind rule)
{
    switch (rule) {
    case RULE_HIGH:
    case RULE_LOW:
    case RULE_IS:
    case RULE_NOT:
    case RULE_WHEN:
    case RULE_SILENT:
        return true;
    default:
        return false;
    }
}

const char *
alarm_severity_name(unsigned priority)
{
    return priority >= 1 && priority <= ARRAY_LEN(SEVERITIES) ? SEVERITIES[priority - 1]
                                                              : "warning";
}
