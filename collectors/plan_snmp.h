/*
 * plan_snmp.h - which objects one group asks for, each once, and which points each of them feeds.
 *
 * Pure. One plan per (source set, group), shared by all devices of the set.
 */
#ifndef WATCHROOM_COLLECTORS_PLAN_SNMP_H
#define WATCHROOM_COLLECTORS_PLAN_SNMP_H

#include "collectors/collect.h"

struct plan_object {
    unsigned long *oid; /* sub-identifiers as net-snmp has them */
    uint8_t oid_length;
    uint16_t response_bytes; /* estimate: name, value, framing */
    uint32_t first_point;    /* into plan_snmp.points */
    uint16_t point_count;
};

struct plan_snmp {
    uint32_t object_count;
    struct plan_object *objects; /* in the order of their OIDs */
    uint32_t *points;            /* indices into set->sources, by object */
};

/* NULL: out of memory. A group without points has no objects. */
struct plan_snmp *plan_snmp_new(const struct source_set *set, uint16_t group);
void plan_snmp_free(struct plan_snmp *plan);

/*
 * How many objects from `first` on fit into one request: at most `limit`, at most `max_bytes` of
 * response; those marked in `skip` (may be NULL) neither count nor are asked for. At least one.
 */
uint32_t plan_snmp_take(const struct plan_snmp *plan, uint32_t first, uint16_t limit,
                        uint16_t max_bytes, const bool *skip);

#endif
