/*
 * orders_self.h - the deeds from the inside, for the two files that make them up: orders.c, and
 * orders_second.c for what has an end or needs two persons.
 */
#ifndef WATCHROOM_ALERTS_ORDERS_SELF_H
#define WATCHROOM_ALERTS_ORDERS_SELF_H

#include "alerts/orders.h"

/* One order about one alarm. */
struct deed {
    const struct orders *orders;
    const struct sender *sender;
    const struct order_request *request;
    const struct alarm_def *def;
    uint32_t alarm;
    struct permission permission;
    struct stamp now;
};

struct person {
    const char *user, *role;
};

struct person orders_sender_of(const struct deed *deed);

/* What the row and the alarm object say about who and why. Owned; NULL: out of memory. */
char *orders_describe(const struct person *by, const char *note_key, const char *note,
                      int64_t from_utc_ms, int64_t until_utc_ms, const char *second,
                      struct stamp now);

/* One event of the engine in this person's name. */
struct outcome orders_step(const struct deed *deed, enum alarm_event event, uint32_t occ,
                           int64_t until_utc_ms, enum alarm_saying saying);

struct outcome orders_outcome_of_reply(enum alarm_reply reply);
struct outcome orders_no_memory(void);
struct outcome orders_too_long(int64_t longest_ms);

/* orders_second.c */

/* What another person wants to do and named this one for; NULL: nothing. A new reference. */
json_t *orders_find_wanted(const struct deed *deed);
/* The second person's word; takes `wanted`. */
struct outcome orders_confirm(const struct deed *deed, json_t *wanted);
/* The first person's, or the only one's. */
struct outcome orders_with_second(const struct deed *deed);
struct outcome orders_end_spell(const struct deed *deed, enum spell_kind kind);

#endif
