/*
 * journal_pending.h - what a turn holds until it is on disk: rows, alarm states, small facts.
 *
 * Normally some rows for some milliseconds; with the disk full, bounded numbers of rows for as long
 * as it takes. Alarm states and facts are kept newest only. Private to the journal.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_PENDING_H
#define WATCHROOM_ALERTS_JOURNAL_PENDING_H

#include "gateway/base/digest.h"
#include "gateway/base/hash.h"

struct pending_row {
    struct pending_row *next;
    uint64_t seq, first; /* first < seq: a stub that stands for several */
    int64_t utc_ms;
    const char *kind, *alarm_id, *body; /* in this allocation; a stub has no body */
    char *payload;                      /* owned */
    size_t body_bytes;
    int64_t splice; /* journal_db.h; -1: none */
    unsigned audiences, priority;
    char hash[DIGEST_HEX];
};

struct pending_alarm {
    UT_hash_handle hh;
    uint64_t seq;
    unsigned priority;
    char *payload; /* owned; NULL: at rest */
    void *engine;  /* owned */
    size_t engine_bytes;
    bool is_forgotten;
    char id[]; /* key */
};

struct pending_value {
    UT_hash_handle hh;
    char *value; /* owned; NULL: forget the key */
    int64_t expires_utc_ms;
    char key[];
};

#define PENDING_PRIORITIES 5 /* 0: rows that are no alarm */

struct pending {
    struct pending_row *first, *last;
    size_t rows;      /* with a body */
    uint64_t dropped; /* bodies given up, since the start */
    struct pending_alarm *alarms;
    struct pending_value *values;
};

void pending_done(struct pending *pending);
/* All of it is on disk. */
void pending_clear(struct pending *pending);
bool pending_is_empty(const struct pending *pending);

/* Copies all. NULL: out of memory, nothing was added. */
struct pending_row *pending_add(struct pending *pending, uint64_t seq, int64_t utc_ms,
                                const char *kind, const char *alarm_id, const char *body,
                                size_t body_bytes, const char *hash);
/* The newest state of an alarm, of a fact; made when there is none. NULL: out of memory. */
struct pending_alarm *pending_alarm(struct pending *pending, const char *alarm_id);
struct pending_value *pending_value(struct pending *pending, const char *key);
const struct pending_value *pending_find_value(const struct pending *pending, const char *key);

/* Down to `max` rows with bodies: the least urgent go first, of equal ones the oldest. What remains
 * of them is their place in the chain. */
void pending_trim(struct pending *pending, size_t max);

#endif
