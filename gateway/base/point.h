/*
 * point.h - what the numbers mean: devices, groups and points of one configuration generation.
 *
 * The master builds one directory before it forks; every process inherits it and reads only.
 * Device and point numbers are given by the master, survive reloads and are never reused in its
 * life, so both arrays may have holes (a hole has a NULL id or def).
 */
#ifndef WATCHROOM_BASE_POINT_H
#define WATCHROOM_BASE_POINT_H

#include "gateway/base/base.h"

enum value_kind {
    VALUE_NUMBER, /* a measurement: averaged in graphs */
    VALUE_STATE,  /* one of `labels`: LAST in graphs, a change is an event */
    VALUE_FLAG,   /* false 0 or true 1; labels optional; a change is an event */
    VALUE_TEXT,   /* inventory; never in an RRD */
    VALUE_KIND_COUNT
};

struct value_label {
    double value;
    const char *label; /* [a-z0-9._-]+ */
};

/* The meaning of a point, shared by all devices of one profile. */
struct point_def {
    const char *id;          /* "battery.charge" */
    const char *unit;        /* "%", "V", "Cel"; "" for states and flags */
    const char *description; /* a few words */
    enum value_kind kind;
    uint16_t group; /* index into the device's groups; 0 for gateway-made points */
    uint16_t label_count;
    const struct value_label *labels;
};

#define GROUPS_MAX 8

struct group_info {
    const char *id;      /* "fast", "normal", "slow", "once", or a profile's own */
    int64_t interval_ms; /* 0: read once after the device came up, and when asked */
};

struct device_info {
    const char *id;
    const char *name; /* for people; equals id where the site gives none */
    const char *zone; /* "" where not given, as the next two */
    const char *asset;
    const char *owner;
    const char *profile; /* "" for inline points */
    const char *address; /* as the site file writes it */
    uint16_t group_count;
    struct group_info groups[GROUPS_MAX];
    uint32_t point_count;
    const uint32_t *points; /* point numbers, in profile order; the built-in comm.state last */
    uint32_t comm_point;    /* number of "<device>/comm.state": 1 answering, 0 lost */
    uint64_t digest;        /* of everything configured about it */
};

struct point_ref {
    const struct point_def *def; /* NULL: a hole */
    uint32_t device;
};

struct directory {
    const char *site; /* site id */
    uint32_t generation;
    uint32_t device_limit; /* devices[0 .. device_limit) */
    const struct device_info *devices;
    uint32_t point_limit;
    const struct point_ref *points;
};

/* NULL when the number is unknown to this generation: count it, never guess. */
const struct point_ref *directory_point(const struct directory *dir, uint32_t point);
const struct device_info *directory_device(const struct directory *dir, uint32_t device);

/* "<device>/<point>" into `out` (TOPIC_ID_MAX bytes); "?" for an unknown number. Returns `out`. */
const char *directory_point_name(const struct directory *dir, uint32_t point, char *out);

/* Linear over the devices, then over the device's points; false when there is none. */
bool directory_find_device(const struct directory *dir, const char *id, uint32_t *out_device);
bool directory_find_point(const struct directory *dir, const char *name, uint32_t *out_point);

/* The label of a value, or NULL. */
const char *point_label(const struct point_def *def, double value);

const char *value_kind_name(enum value_kind kind); /* "number", "state", "flag", "text" */

#endif
