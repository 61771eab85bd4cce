/*
 * timers.c - due times of numbered things: an indexed binary heap.
 */
#include "gateway/base/timers.h"

#include <assert.h>
#include <stdlib.h>

#define NOWHERE UINT32_MAX

struct timers {
    uint32_t used;
    uint32_t *heap;  /* ids */
    uint32_t *place; /* by id: index into heap, or NOWHERE */
    int64_t *due;    /* by id */
};

struct timers *
timers_new(uint32_t count)
{
    struct timers *timers = calloc(1, sizeof *timers);
    size_t room = count == 0 ? 1 : count;

    if (timers == NULL)
        return NULL;
    timers->heap = malloc(room * sizeof *timers->heap);
    timers->place = malloc(room * sizeof *timers->place);
    timers->due = malloc(room * sizeof *timers->due);
    if (timers->heap == NULL || timers->place == NULL || timers->due == NULL) {
        timers_free(timers);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        timers->place[i] = NOWHERE;
    return timers;
}

void
timers_free(struct timers *timers)
{
    if (timers == NULL)
        return;
    free(timers->heap);
    free(timers->place);
    free(timers->due);
    free(timers);
}

static bool
is_before(const struct timers *timers, uint32_t a, uint32_t b)
{
    return timers->due[a] != timers->due[b] ? timers->due[a] < timers->due[b] : a < b;
}

static void
put(struct timers *timers, uint32_t index, uint32_t id)
{
    timers->heap[index] = id;
    timers->place[id] = index;
}

static void
sift_up(struct timers *timers, uint32_t index, uint32_t id)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;

        if (!is_before(timers, id, timers->heap[parent]))
            break;
        put(timers, index, timers->heap[parent]);
        index = parent;
    }
    put(timers, index, id);
}

static void
sift_down(struct timers *timers, uint32_t index, uint32_t id)
{
    for (;;) {
        uint32_t child = 2 * index + 1;

        if (child >= timers->used)
            break;
        if (child + 1 < timers->used &&
            is_before(timers, timers->heap[child + 1], timers->heap[child]))
            child++;
        if (!is_before(timers, timers->heap[child], id))
            break;
        put(timers, index, timers->heap[child]);
        index = child;
    }
    put(timers, index, id);
}

static void
take_away(struct timers *timers, uint32_t id)
{
    uint32_t index = timers->place[id];
    uint32_t last = timers->heap[--timers->used];

    timers->place[id] = NOWHERE;
    if (last == id)
        return;
    if (index > 0 && is_before(timers, last, timers->heap[(index - 1) / 2]))
        sift_up(timers, index, last);
    else
        sift_down(timers, index, last);
}

void
timers_set(struct timers *timers, uint32_t id, int64_t due_ms)
{
    if (timers->place[id] != NOWHERE) {
        if (timers->due[id] == due_ms)
            return;
        take_away(timers, id);
    }
    if (due_ms == TIMER_NONE)
        return;
    timers->due[id] = due_ms;
    sift_up(timers, timers->used++, id);
}

int64_t
timers_next_ms(const struct timers *timers)
{
    return timers->used == 0 ? TIMER_NONE : timers->due[timers->heap[0]];
}

uint32_t
timers_first(const struct timers *timers)
{
    assert(timers->used > 0);
    return timers->heap[0];
}
