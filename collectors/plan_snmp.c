/*
 * plan_snmp.c - which objects one group asks for, in which portions, and what is left out.
 */
#include "collectors/plan_snmp.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/hash.h"

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

/* the shelf */

struct plan_key {
    const struct source_set *set;
    uint64_t group;
};

struct shelved_plan {
    struct plan_key key;
    struct plan_snmp *plan;
    UT_hash_handle hh;
};

struct plan_snmp_shelf {
    struct shelved_plan *plans;
};

struct plan_snmp_shelf *
plan_snmp_shelf_new(void)
{
    return calloc(1, sizeof(struct plan_snmp_shelf));
}

void
plan_snmp_shelf_free(struct plan_snmp_shelf *shelf)
{
    struct shelved_plan *shelved, *next;

    if (shelf == NULL)
        return;
    HASH_ITER(hh, shelf->plans, shelved, next)
    {
        HASH_DELETE(hh, shelf->plans, shelved);
        plan_snmp_free(shelved->plan);
        free(shelved);
    }
    free(shelf);
}

const struct plan_snmp *
plan_snmp_of(struct plan_snmp_shelf *shelf, const struct source_set *set, uint16_t group)
{
    struct shelved_plan *shelved;
    struct plan_key key;

    memset(&key, 0, sizeof key); /* padding counts in the look-up */
    key.set = set;
    key.group = group;
    HASH_FIND(hh, shelf->plans, &key, sizeof key, shelved);
    if (shelved != NULL)
        return shelved->plan;
    shelved = calloc(1, sizeof *shelved);
    if (shelved == NULL)
        return NULL;
    shelved->key = key;
    shelved->plan = plan_snmp_new(set, group);
    if (shelved->plan != NULL)
        HASH_ADD(hh, shelf->plans, key, sizeof key, shelved);
    if (shelved->plan == NULL || shelved->hh.tbl == NULL) {
        plan_snmp_free(shelved->plan);
        free(shelved);
        return NULL;
    }
    return shelved->plan;
}

/* refused objects */

static unsigned
kind_of(enum cause cause)
{
    return cause == CAUSE_ABSENT ? 0 : 1;
}

bool
plan_snmp_refuse(const struct plan_snmp *plan, struct plan_refused *refused, uint32_t object,
                 enum cause cause, int64_t now_ms)
{
    static const int64_t AGAIN_MS[] = {PLAN_ABSENT_AGAIN_MS, PLAN_FAILED_AGAIN_MS};
    unsigned kind = kind_of(cause);

    if (refused->causes == NULL) {
        refused->causes = calloc(plan->object_count, sizeof *refused->causes);
        refused->again_ms[0] = refused->again_ms[1] = INT64_MAX;
    }
    if (refused->causes == NULL)
        return false;
    refused->causes[object] = (uint8_t)cause;
    /* All of a kind together, counted from the first: one try for a whole table that is missing. */
    if (refused->again_ms[kind] == INT64_MAX)
        refused->again_ms[kind] = now_ms + AGAIN_MS[kind];
    return true;
}

void
plan_snmp_retry(const struct plan_snmp *plan, struct plan_refused *refused, int64_t now_ms)
{
    bool is_any = false;

    if (refused->causes == NULL || (now_ms < refused->again_ms[0] && now_ms < refused->again_ms[1]))
        return;
    for (uint32_t i = 0; i < plan->object_count; i++) {
        uint8_t *cause = &refused->causes[i];

        if (*cause != CAUSE_OK && now_ms >= refused->again_ms[kind_of((enum cause) * cause)])
            *cause = CAUSE_OK;
        is_any = is_any || *cause != CAUSE_OK;
    }
    for (unsigned kind = 0; kind < ARRAY_LEN(refused->again_ms); kind++)
        if (now_ms >= refused->again_ms[kind])
            refused->again_ms[kind] = INT64_MAX;
    if (!is_any)
        plan_snmp_refused_done(refused);
}

void
plan_snmp_refused_done(struct plan_refused *refused)
{
    free(refused->causes);
    refused->causes = NULL;
}

/* portions */

uint32_t
plan_snmp_take(const struct plan_snmp *plan, const struct plan_refused *refused, uint32_t first,
               uint16_t limit, uint16_t max_bytes, uint32_t *out_asked)
{
    uint32_t taken = 0, asked = 0, bytes = 0;

    for (uint32_t i = first; i < plan->object_count; i++, taken++) {
        if (plan_snmp_refusal(refused, i) != CAUSE_OK)
            continue;
        if (asked > 0 && (asked >= limit || bytes + plan->objects[i].response_bytes > max_bytes))
            break;
        asked++;
        bytes += plan->objects[i].response_bytes;
    }
    *out_asked = asked;
    return taken;
}

bool
plan_snmp_find(const struct plan_refused *refused, uint32_t first, uint32_t taken, long errindex,
               uint32_t *out_object)
{
    for (uint32_t i = first; errindex > 0 && i < first + taken; i++)
        if (plan_snmp_refusal(refused, i) == CAUSE_OK && --errindex == 0) {
            *out_object = i;
            return true;
        }
    return false;
}

/* what a device bears */

void
plan_limit_init(struct plan_limit *limit, uint16_t most)
{
    *limit = (struct plan_limit){.objects = most, .most = most};
}

static void
forget_silences(struct plan_limit *limit)
{
    limit->silences = limit->smalls = 0;
    limit->silent = 0;
    limit->is_in_doubt = false;
}

void
plan_limit_answer(struct plan_limit *limit, uint32_t asked)
{
    /* That a group of two is answered says nothing about one of twenty. */
    if (asked >= limit->silent)
        forget_silences(limit);
}

void
plan_limit_silence(struct plan_limit *limit, uint32_t asked)
{
    if (asked <= 1)
        return;
    if (limit->silences == 0 || asked < limit->silent)
        limit->silent = (uint16_t)asked;
    if (limit->silences < PLAN_SILENCES_TO_DOUBT)
        limit->silences++;
    limit->is_in_doubt = limit->silences >= PLAN_SILENCES_TO_DOUBT;
}

static void
halve(struct plan_limit *limit, uint32_t asked)
{
    uint32_t half = (asked + 1) / 2;

    if (half < limit->objects)
        limit->objects = (uint16_t)half;
}

bool
plan_limit_small_answer(struct plan_limit *limit)
{
    if (!limit->is_in_doubt)
        return false;
    limit->is_in_doubt = false;
    if (++limit->smalls < PLAN_SMALLS_TO_HALVE)
        return false;
    halve(limit, limit->silent);
    limit->again_ms = 0;
    /* If that is still too many, the next silence and the next small answer are enough. */
    limit->silent = limit->objects;
    limit->silences = PLAN_SILENCES_TO_DOUBT - 1;
    limit->smalls = PLAN_SMALLS_TO_HALVE - 1;
    return true;
}

void
plan_limit_small_silence(struct plan_limit *limit)
{
    forget_silences(limit); /* it is not the size: nothing was learned */
}

bool
plan_limit_too_big(struct plan_limit *limit, uint32_t asked, int64_t now_ms)
{
    if (asked <= 1)
        return false;
    halve(limit, asked);
    limit->again_ms = now_ms + PLAN_LIMIT_AGAIN_MS;
    return true;
}

void
plan_limit_retry(struct plan_limit *limit, int64_t now_ms)
{
    if (limit->again_ms == 0 || now_ms < limit->again_ms)
        return;
    limit->objects =
        limit->objects < limit->most / 2 ? (uint16_t)(2 * limit->objects) : limit->most;
    limit->again_ms = limit->objects < limit->most ? now_ms + PLAN_LIMIT_AGAIN_MS : 0;
}
