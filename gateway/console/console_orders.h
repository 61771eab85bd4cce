/*
 * console_orders.h - what was ordered from here, and what came of it. Only the gateway's answer
 * says that something was done; without one it is not confirmed.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_ORDERS_H
#define WATCHROOM_GATEWAY_CONSOLE_ORDERS_H

#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#define CONSOLE_ORDERS_MAX 64   /* remembered; the oldest go */
#define CONSOLE_ANSWER_MS 10000 /* how long an answer may take; the order expires with it */
#define CONSOLE_NOTE_MAX 400    /* bytes */

enum console_verb {
    CONSOLE_ACK,
    CONSOLE_ACK_GROUP,
    CONSOLE_SHELVE,
    CONSOLE_UNSHELVE,
    CONSOLE_RESET,
    CONSOLE_COMMENT,
    CONSOLE_VERB_COUNT
};
const char *console_verb_name(enum console_verb verb); /* of the topic: "ack-group" */
const char *console_verb_done(enum console_verb verb); /* "acknowledged" */

enum console_outcome { CONSOLE_PENDING, CONSOLE_DONE, CONSOLE_REFUSED, CONSOLE_UNCONFIRMED };

struct console_order {
    char cid[27];
    enum console_verb verb;
    enum console_outcome outcome;
    char id[TOPIC_ID_MAX]; /* of the alarm; of a group its name */
    uint32_t occ, count;   /* `count`: alarms of a group */
    int64_t sent_mono_ms, sent_utc_ms;
    char said[200]; /* what the answer adds: why not, who must confirm; clean */
    uint64_t seq;   /* the row that records it */
};

struct console_orders {
    struct console_order orders[CONSOLE_ORDERS_MAX]; /* a ring */
    size_t first, count;
    unsigned long changes;
};

/* What is needed to order something. */
struct console_wish {
    enum console_verb verb;
    const char *id; /* a group: what it is called here */
    uint32_t occ;
    const char *note;   /* or reason; NULL or "": none */
    const char *second; /* user name of the other person; NULL or "": none */
    int64_t duration_s;
    json_t *alarms; /* of a group: [{id, occ} ...]; borrowed */
    uint32_t count;
};

/*
 * Remembers the order and makes its payload; the caller frees it. `gateway_utc_ms`: the gateway's
 * clock as far as it is known. NULL: out of memory, or a text that is no UTF-8.
 */
char *console_orders_give(struct console_orders *orders, const struct console_wish *wish,
                          struct stamp now, int64_t gateway_utc_ms);
/* The newest one could not be sent, or the broker refuses it. */
void console_orders_fail(struct console_orders *orders, const char *cid, const char *why);
/* The answer of the gateway; false: not to one of ours. */
bool console_orders_answer(struct console_orders *orders, const json_t *answer);
/* Ends what had no answer in time. */
void console_orders_tick(struct console_orders *orders, int64_t mono_ms);

/* The index-th newest; NULL: no more. */
const struct console_order *console_orders_at(const struct console_orders *orders, size_t index);
/* Is there one under way for this alarm? */
bool console_orders_is_pending(const struct console_orders *orders, const char *id);
/* "acknowledged power/ups-a/on-battery, occurrence 3 (row 1234)" */
void console_orders_tell(const struct console_order *order, char *out, size_t size);

#endif
