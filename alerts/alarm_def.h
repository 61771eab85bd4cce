/*
 * alarm_def.h - what the alarms process is told about alarms: the structs that config fills.
 *
 * An alarm type is the rationalised unit of ISA-18.2 / IEC 62682: rule, delays, priority and the
 * texts a person acts on; a profile gives it once for all its devices. An alarm is one type on one
 * resource. Built before the fork, read-only afterwards; pointers borrowed from the site.
 */
#ifndef WATCHROOM_ALERTS_ALARM_DEF_H
#define WATCHROOM_ALERTS_ALARM_DEF_H

#include "alerts/expression.h"
#include "gateway/base/base.h"
#include "gateway/base/point.h"

enum alarm_class {
    CLASS_POWER,
    CLASS_COOLING,
    CLASS_ENVIRONMENT,
    CLASS_FIRE,
    CLASS_INTRUDER,
    CLASS_ACCESS,
    CLASS_CCTV,
    CLASS_PATROL,
    CLASS_GATEWAY,
    CLASS_COUNT
};

#define ALARM_MODE "live" /* of all that is said: nothing of it is an exercise */

enum audience { AUDIENCE_SECURITY, AUDIENCE_CONTINUITY, AUDIENCE_FACILITIES, AUDIENCE_COUNT };
#define AUDIENCE_BIT(audience) (1u << (audience))

enum rule_kind {
    RULE_HIGH,  /* value > limit; back when value <= limit - deadband */
    RULE_LOW,   /* value < limit; back when value >= limit + deadband */
    RULE_IS,    /* value is one of `values` */
    RULE_NOT,   /* value is none of `values` */
    RULE_STALE, /* any alarm-bearing point of the device is stale while the device answers */
    /* Wide rules (rule_wide.h) look at more than the last value of one point. */
    RULE_RISE,       /* limit or more above the lowest value of the last `window_ms` */
    RULE_FALL,       /* limit or more below the highest one */
    RULE_CHANGE,     /* either */
    RULE_COUNT,      /* `inner` began `at_least` times within `window_ms` */
    RULE_DIFFERENCE, /* first input - second input, judged by `inner` */
    RULE_WHEN,       /* `expression` is true */
    RULE_SILENT,     /* no good reading for `window_ms` */
    RULE_KIND_COUNT
};
#define RULE_COUNT_MAX 32 /* at_least, at most */

#define ALARM_REALARM_BY_PRIORITY INT64_C(-1) /* in profiles; a site has settled it */

struct alarm_type {
    const char *type; /* dotted: "power.ups.on-battery" */
    const char *name; /* last part of the alarm's id: "on-battery" */
    const char *text;
    const char *consequence;
    const char *action;
    int64_t respond_within_ms;
    uint8_t alarm_class; /* enum alarm_class */
    uint8_t audiences;   /* AUDIENCE_BIT()s */
    uint8_t priority;    /* 1..4: critical, major, minor, warning */
    uint8_t rule;        /* enum rule_kind */
    bool managed;        /* never shelved, never suppressed by design */
    bool latch;
    bool ack_required;
    bool shelvable;
    double limit, deadband; /* deadband in the unit of the point */
    const double *values;   /* RULE_IS, RULE_NOT */
    uint16_t value_count;
    uint8_t inner;      /* RULE_COUNT: HIGH, LOW, IS, NOT, or CHANGE: another value; RULE_DIFFERENCE:
                           HIGH, LOW */
    bool is_absolute;   /* RULE_DIFFERENCE: whichever is larger */
    uint16_t at_least;  /* RULE_COUNT, 2 .. RULE_COUNT_MAX */
    int64_t window_ms;
    const struct expression *expression; /* RULE_WHEN */
    int64_t on_delay_ms, off_delay_ms;
    int64_t realarm_ms;        /* 0: never */
    const char *suppressed_by; /* id of its root, or the name of one on the same device; NULL */
    int64_t suppressed_max_ms; /* under one occurrence of the root */
    uint64_t digest;           /* of all of the above */
};

/* A point that an alarm looks at. */
struct alarm_input {
    uint32_t point;         /* number */
    int64_t stale_after_ms; /* age of its last good reading that makes it stale; 0: never */
};

struct alarm_def {
    const struct alarm_type *type; /* NULL: a hole (numbers survive reloads) */
    const char *id;                /* "power/ups-a/on-battery": <class>/<resource>/<name> */
    uint32_t device;               /* number; UINT32_MAX: the gateway itself */
    uint32_t point;                /* number */
    uint32_t root;                 /* number, where type->suppressed_by is not NULL */
    int64_t stale_after_ms;        /* age of the point's last good reading that makes it stale */
    /* RULE_DIFFERENCE, RULE_WHEN: all points it looks at; else there is but `point`. */
    const struct alarm_input *inputs;
    uint16_t input_count;
};

const char *alarm_class_name(enum alarm_class alarm_class);
const char *audience_name(enum audience audience);
const char *rule_kind_name(enum rule_kind rule); /* "high", "low", "is", "not", "stale" ... */
/* Is what the alarm shows a reading of its point, with the point's labels? */
bool rule_kind_shows_point(enum rule_kind rule);
const char *alarm_severity_name(unsigned priority); /* 1 "critical" .. 4 "warning" */

#endif
