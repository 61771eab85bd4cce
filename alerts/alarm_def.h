/*
 * alarm_def.h - what the alarms process is told about alarms: the structs that config fills.
 *
 * An alarm type is the rationalised unit of ISA-18.2 / IEC 62682: rule, delays, priority and the
 * texts a person acts on; a profile gives it once for all its devices. An alarm is one type on one
 * resource. Built before the fork, read-only afterwards; pointers borrowed from the site.
 */
#ifndef WATCHROOM_ALERTS_ALARM_DEF_H
#define WATCHROOM_ALERTS_ALARM_DEF_H

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
    RULE_KIND_COUNT
};

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
    int64_t on_delay_ms, off_delay_ms;
    int64_t realarm_ms; /* 0: never */
    uint64_t digest;    /* of all of the above */
};

struct alarm_def {
    const struct alarm_type *type; /* NULL: a hole (numbers survive reloads) */
    const char *id;                /* "power/ups-a/on-battery": <class>/<resource>/<name> */
    uint32_t device;               /* number; UINT32_MAX: the gateway itself */
    uint32_t point;                /* number */
    int64_t stale_after_ms;        /* age of the point's last good reading that makes it stale */
};

const char *alarm_class_name(enum alarm_class alarm_class);
const char *audience_name(enum audience audience);
const char *rule_kind_name(enum rule_kind rule);    /* "high", "low", "is", "not", "stale" */
const char *alarm_severity_name(unsigned priority); /* 1 "critical" .. 4 "warning" */

#endif
