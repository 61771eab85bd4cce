/*
 * plan_snmp.h - what one group asks for and in which portions: objects, each once, the points that
 * each of them feeds, and what a device was found not to bear.
 *
 * Pure. One plan per (source set, group), shared by all devices of the set; limits are a device's,
 * refused objects a device's and group's.
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

/* The plans of a process, made when they are first asked for. */
struct plan_snmp_shelf;

struct plan_snmp_shelf *plan_snmp_shelf_new(void);        /* NULL: out of memory */
void plan_snmp_shelf_free(struct plan_snmp_shelf *shelf); /* with its plans */
/* Borrowed from the shelf. NULL: out of memory. */
const struct plan_snmp *plan_snmp_of(struct plan_snmp_shelf *shelf, const struct source_set *set,
                                     uint16_t group);

/* NULL: out of memory. A group without points has no objects. */
struct plan_snmp *plan_snmp_new(const struct source_set *set, uint16_t group);
void plan_snmp_free(struct plan_snmp *plan);

/*
 * Objects that a device answered with an error: left out of requests, since in SNMPv1 one such
 * object costs the whole request (RFC 1157 4.1.2), and asked for again now and then.
 */
struct plan_refused {
    uint8_t *causes;     /* by object, enum cause; CAUSE_OK: not refused. NULL: none is */
    int64_t again_ms[2]; /* [0] those that do not exist, [1] those that failed */
};

#define PLAN_ABSENT_AGAIN_MS (15 * 60 * 1000)
#define PLAN_FAILED_AGAIN_MS (60 * 1000)

/* False: out of memory. `cause` is CAUSE_ABSENT or CAUSE_EXCEPTION. */
bool plan_snmp_refuse(const struct plan_snmp *plan, struct plan_refused *refused, uint32_t object,
                      enum cause cause, int64_t now_ms);
/* Forgets those whose time has come. */
void plan_snmp_retry(const struct plan_snmp *plan, struct plan_refused *refused, int64_t now_ms);
void plan_snmp_refused_done(struct plan_refused *refused);

static inline enum cause
plan_snmp_refusal(const struct plan_refused *refused, uint32_t object)
{
    return refused->causes == NULL ? CAUSE_OK : (enum cause)refused->causes[object];
}

/*
 * How many objects from `first` on fit into one request: at most `limit`, at most `max_bytes` of
 * response; refused ones neither count nor are asked for. At least one, where there is one;
 * `out_asked` of them are asked for.
 */
uint32_t plan_snmp_take(const struct plan_snmp *plan, const struct plan_refused *refused,
                        uint32_t first, uint16_t limit, uint16_t max_bytes, uint32_t *out_asked);

/* The object that errindex means: it counts those asked for, from 1. False: none of them. */
bool plan_snmp_find(const struct plan_refused *refused, uint32_t first, uint32_t taken,
                    long errindex, uint32_t *out_object);

/*
 * How many objects a device bears in one request. Too many make it say tooBig, or fall silent as if
 * it were dead. So when requests for several objects stay without an answer twice in a row, one
 * small request is made; when it is answered, the large one fails once more and the small one is
 * answered again, the number is halved: a device that was away for a while loses nothing.
 */
struct plan_limit {
    uint16_t objects;
    uint16_t silent;  /* objects of the smallest request that stayed without an answer */
    uint8_t silences; /* such requests since one as large was answered */
    uint8_t smalls;   /* small ones answered in between */
    bool is_in_doubt; /* ask a small one first */
    uint16_t most;    /* objects, as configured */
    int64_t again_ms; /* when more are tried again, after a tooBig; 0: never */
};

#define PLAN_SILENCES_TO_DOUBT 2
#define PLAN_SMALLS_TO_HALVE 2
#define PLAN_LIMIT_AGAIN_MS (10 * 60 * 1000)

void plan_limit_init(struct plan_limit *limit, uint16_t most);
/* A request for `asked` objects was answered, or was not. */
void plan_limit_answer(struct plan_limit *limit, uint32_t asked);
void plan_limit_silence(struct plan_limit *limit, uint32_t asked);
/* A small one was, or was not. True: the limit is halved. */
bool plan_limit_small_answer(struct plan_limit *limit);
void plan_limit_small_silence(struct plan_limit *limit);
/* tooBig. False: one object cannot be halved. Trying more again costs no reading here, as it does
 * where the answer is silence; so it is done now and then, before a poll. */
bool plan_limit_too_big(struct plan_limit *limit, uint32_t asked, int64_t now_ms);
void plan_limit_retry(struct plan_limit *limit, int64_t now_ms);

#endif
