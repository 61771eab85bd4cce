/*
 * event_log.c - the events of this incarnation that alarms has not committed yet: a growing ring.
 */
#include "collectors/event_log.h"

#include <stdlib.h>

#define SIZE_FIRST 256u

void
event_log_init(struct event_log *log)
{
    *log = (struct event_log){.oldest = 1, .unsent = 1, .next = 1};
}

void
event_log_done(struct event_log *log)
{
    free(log->ring);
    *log = (struct event_log){0};
}

static bool
grow(struct event_log *log)
{
    size_t size = log->size == 0 ? SIZE_FIRST : log->size * 2;
    struct event *ring = malloc(size * sizeof *ring);

    if (ring == NULL)
        return false;
    for (uint64_t number = log->oldest; number < log->next; number++)
        ring[number & (size - 1)] = log->ring[number & (log->size - 1)];
    free(log->ring);
    log->ring = ring;
    log->size = size;
    return true;
}

bool
event_log_add(struct event_log *log, const struct sample *sample)
{
    size_t count = event_log_count(log);

    if (count >= EVENT_LOG_MAX || (count == log->size && !grow(log)))
        return false;
    log->ring[log->next & (log->size - 1)] = (struct event){log->next, *sample};
    log->next++;
    return true;
}

const struct event *
event_log_unsent(const struct event_log *log, size_t max, size_t *out_count)
{
    uint64_t count = log->next - log->unsent;

    if (count == 0)
        return NULL;

    size_t place = (size_t)(log->unsent & (log->size - 1));
    if (count > log->size - place)
        count = log->size - place;
    *out_count = count < max ? (size_t)count : max;
    return log->ring + place;
}

void
event_log_sent(struct event_log *log, size_t count)
{
    log->unsent += count;
}

void
event_log_rewind(struct event_log *log)
{
    log->unsent = log->oldest;
}

bool
event_log_release(struct event_log *log, uint64_t number)
{
    if (number >= log->next)
        return false;
    if (number < log->oldest)
        return true; /* told twice */
    log->oldest = number + 1;
    if (log->unsent < log->oldest)
        log->unsent = log->oldest;
    if (log->oldest == log->next && log->size > SIZE_FIRST) {
        free(log->ring);
        log->ring = NULL;
        log->size = 0;
    }
    return true;
}

size_t
event_log_count(const struct event_log *log)
{
    return (size_t)(log->next - log->oldest);
}
