/*
 * event_log.h - the events of this incarnation that alarms has not committed yet.
 *
 * Numbered 1, 2, 3 ...; never merged, never dropped: released by a commit alone. Pure.
 */
#ifndef WATCHROOM_COLLECTORS_EVENT_LOG_H
#define WATCHROOM_COLLECTORS_EVENT_LOG_H

#include "gateway/base/sample.h"

/* About 3 MiB; beyond it a change waits in its point until a commit makes room. */
#define EVENT_LOG_MAX 65536u

struct event_log {
    struct event *ring;
    size_t size;     /* a power of two, or 0 */
    uint64_t oldest; /* number of the oldest that is kept */
    uint64_t unsent; /* number of the next to send */
    uint64_t next;   /* number of the next to be made */
};

void event_log_init(struct event_log *log);
void event_log_done(struct event_log *log);

/* False: full, or out of memory; nothing was added. */
bool event_log_add(struct event_log *log, const struct sample *sample) MUST_CHECK;
/* The next to send: those that lie side by side, at most `max`; NULL when all are sent. */
const struct event *event_log_unsent(const struct event_log *log, size_t max, size_t *out_count);
void event_log_sent(struct event_log *log, size_t count);
/* All that were not committed are to be sent again. */
void event_log_rewind(struct event_log *log);
/* Events up to `number` are on disk. False: a number that was never given. */
bool event_log_release(struct event_log *log, uint64_t number);
size_t event_log_count(const struct event_log *log);

#endif
