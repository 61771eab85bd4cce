/*
 * plan_snmp.c - which objects one group asks for, and which points each of them feeds.
 */
#include "collectors/plan_snmp.h"

#include <stdlib.h>
#include <string.h>

#define FRAMING_BYTES 12 /* varbind and value headers, a number */
#define TEXT_BYTES 48

struct candidate {
    const struct snmp_source *source;
    uint32_t index;
    bool is_text;
};

static int
compare_oids(const struct snmp_source *a, const struct snmp_source *b)
{
    for (unsigned i = 0; i < a->oid_length && i < b->oid_length; i++)
        if (a->oid[i] != b->oid[i])
            return a->oid[i] < b->oid[i] ? -1 : 1;
    return (a->oid_length > b->oid_length) - (a->oid_length < b->oid_length);
}

static int
compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    int order = compare_oids(left->source, right->source);

    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static uint16_t
estimate(const struct candidate *candidate)
{
    unsigned bytes = FRAMING_BYTES + (candidate->is_text ? TEXT_BYTES : 0);

    for (unsigned i = 0; i < candidate->source->oid_length; i++)
        bytes += candidate->source->oid[i] < 128 ? 1 : candidate->source->oid[i] < 16384 ? 2 : 5;
    return (uint16_t)bytes;
}

static bool
fill(struct plan_snmp *plan, const struct candidate *candidates, uint32_t count)
{
    plan->objects = calloc(count == 0 ? 1 : count, sizeof *plan->objects);
    plan->points = calloc(count == 0 ? 1 : count, sizeof *plan->points);
    if (plan->objects == NULL || plan->points == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct snmp_source *source = candidates[i].source;
        struct plan_object *object = &plan->objects[plan->object_count];

        plan->points[i] = candidates[i].index;
        if (i > 0 && compare_oids(candidates[i - 1].source, source) == 0) {
            object[-1].point_count++;
            continue;
        }
        object->oid = calloc(source->oid_length == 0 ? 1 : source->oid_length, sizeof *object->oid);
        if (object->oid == NULL)
            return false;
        for (unsigned k = 0; k < source->oid_length; k++)
            object->oid[k] = source->oid[k];
        object->oid_length = source->oid_length;
        object->response_bytes = estimate(&candidates[i]);
        object->first_point = i;
        object->point_count = 1;
        plan->object_count++;
    }
    return true;
}

struct plan_snmp *
plan_snmp_new(const struct source_set *set, uint16_t group)
{
    struct plan_snmp *plan = calloc(1, sizeof *plan);
    struct candidate *candidates =
        calloc(set->source_count == 0 ? 1 : set->source_count, sizeof *candidates);
    uint32_t count = 0;

    if (plan == NULL || candidates == NULL)
        goto fail;
    for (uint32_t i = 0; i < set->source_count; i++)
        if (set->sources[i].def->group == group)
            candidates[count++] = (struct candidate){&set->sources[i].snmp, i,
                                                     set->sources[i].def->kind == VALUE_TEXT};
    qsort(candidates, count, sizeof *candidates, compare_candidates);
    if (!fill(plan, candidates, count))
        goto fail;
    free(candidates);
    return plan;
fail:
    free(candidates);
    plan_snmp_free(plan);
    return NULL;
}

void
plan_snmp_free(struct plan_snmp *plan)
{
    if (plan == NULL)
        return;
    for (uint32_t i = 0; i < plan->object_count; i++)
        free(plan->objects[i].oid);
    free(plan->objects);
    free(plan->points);
    free(plan);
}

uint32_t
plan_snmp_take(const struct plan_snmp *plan, uint32_t first, uint16_t limit, uint16_t max_bytes,
               const bool *skip)
{
    uint32_t taken = 0, asked = 0, bytes = 0;

    for (uint32_t i = first; i < plan->object_count; i++, taken++) {
        if (skip != NULL && skip[i])
            continue;
        if (asked > 0 && (asked >= limit || bytes + plan->objects[i].response_bytes > max_bytes))
            break;
        asked++;
        bytes += plan->objects[i].response_bytes;
    }
    return taken;
}
