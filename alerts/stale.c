/*
 * stale.c - which points have not been read for too long: a lazy wheel.
 */
#include "alerts/stale.h"

#include <stdlib.h>

#include "gateway/base/timers.h"

#define SLOT_MS 250
#define SLOTS 256 /* a turn of 64 s; what is due later is looked at once a turn */
#define END UINT32_MAX

#define IS_STALE 1u
#define IS_HUNG 2u /* in a slot of the wheel */

struct entry {
    int64_t read_ms;
    uint32_t after_ms; /* 0: not watched */
    uint32_t next;     /* in its slot */
};

struct stale {
    struct entry *entries;
    uint8_t *marks;
    struct timers *waiting;
    uint32_t limit, watched, count;
    int64_t looked_ms; /* slots that end at or before this are empty */
    int64_t now_ms;
    uint32_t slots[SLOTS];
};

struct stale *
stale_new(uint32_t point_limit, int64_t now_ms, int64_t grace_ms)
{
    struct stale *stale = calloc(1, sizeof *stale);
    size_t room = point_limit == 0 ? 1 : point_limit;

    if (stale == NULL)
        return NULL;
    stale->entries = calloc(room, sizeof *stale->entries);
    stale->marks = calloc(room, sizeof *stale->marks);
    stale->waiting = timers_new(point_limit);
    if (stale->entries == NULL || stale->marks == NULL || stale->waiting == NULL) {
        stale_free(stale);
        return NULL;
    }
    stale->limit = point_limit;
    stale->now_ms = now_ms;
    stale->looked_ms = now_ms + grace_ms - (now_ms + grace_ms) % SLOT_MS;
    for (uint32_t i = 0; i < point_limit; i++)
        stale->entries[i].read_ms = now_ms + grace_ms;
    for (uint32_t i = 0; i < SLOTS; i++)
        stale->slots[i] = END;
    return stale;
}

void
stale_free(struct stale *stale)
{
    if (stale == NULL)
        return;
    free(stale->entries);
    free(stale->marks);
    timers_free(stale->waiting);
    free(stale);
}

/* Into the slot in which it could run out, or the farthest one. */
static void
hang(struct stale *stale, uint32_t point)
{
    struct entry *entry = &stale->entries[point];
    int64_t due_ms = entry->read_ms + entry->after_ms;
    int64_t farthest_ms = stale->looked_ms + (int64_t)SLOT_MS * (SLOTS - 1);

    if ((stale->marks[point] & IS_HUNG) != 0)
        return;
    if (due_ms < stale->looked_ms)
        due_ms = stale->looked_ms;
    if (due_ms > farthest_ms)
        due_ms = farthest_ms;
    uint32_t slot = (uint32_t)(due_ms / SLOT_MS % SLOTS);
    entry->next = stale->slots[slot];
    stale->slots[slot] = point;
    stale->marks[point] |= IS_HUNG;
}

void
stale_watch(struct stale *stale, uint32_t point, int64_t after_ms)
{
    struct entry *entry = &stale->entries[point];

    if (after_ms <= 0)
        return;
    if (after_ms > UINT32_MAX)
        after_ms = UINT32_MAX;
    if (entry->after_ms == 0)
        stale->watched++;
    if (entry->after_ms == 0 || after_ms < entry->after_ms)
        entry->after_ms = (uint32_t)after_ms;
}

void
stale_start(struct stale *stale)
{
    for (uint32_t i = 0; i < stale->limit; i++)
        if (stale->entries[i].after_ms != 0)
            hang(stale, i);
}

bool
stale_is_watched(const struct stale *stale, uint32_t point)
{
    return stale->entries[point].after_ms != 0;
}

bool
stale_is(const struct stale *stale, uint32_t point)
{
    return (stale->marks[point] & IS_STALE) != 0;
}

static void
mark_stale(struct stale *stale, uint32_t point)
{
    stale->marks[point] |= IS_STALE;
    stale->count++;
}

void
stale_restore(struct stale *stale, uint32_t point)
{
    if (!stale_is(stale, point))
        mark_stale(stale, point);
}

bool
stale_note(struct stale *stale, uint32_t point, int64_t mono_ms)
{
    struct entry *entry = &stale->entries[point];
    bool is_back = (stale->marks[point] & IS_STALE) != 0;

    if (is_back && mono_ms + entry->after_ms <= stale->now_ms)
        return false;
    if (mono_ms > entry->read_ms) /* the grace of the start is never cut short */
        entry->read_ms = mono_ms;
    if (!is_back)
        return false;
    stale->marks[point] &= (uint8_t)~IS_STALE;
    stale->count--;
    hang(stale, point);
    return true;
}

static void
look_at_slot(struct stale *stale, uint32_t slot, int64_t now_ms)
{
    uint32_t point = stale->slots[slot];

    stale->slots[slot] = END;
    while (point != END) {
        struct entry *entry = &stale->entries[point];
        uint32_t next = entry->next;
        int64_t due_ms = entry->read_ms + entry->after_ms;

        stale->marks[point] &= (uint8_t)~IS_HUNG;
        if ((stale->marks[point] & IS_STALE) != 0)
            ; /* restored so: it comes back with a good reading */
        else if (due_ms <= now_ms)
            timers_set(stale->waiting, point, due_ms);
        else
            hang(stale, point);
        point = next;
    }
}

void
stale_advance(struct stale *stale, int64_t now_ms)
{
    stale->now_ms = now_ms;
    /* After a pause longer than a turn each slot is looked at once. */
    if (now_ms - stale->looked_ms > (int64_t)SLOT_MS * SLOTS)
        stale->looked_ms = now_ms - now_ms % SLOT_MS - (int64_t)SLOT_MS * (SLOTS - 1);
    while (stale->looked_ms + SLOT_MS <= now_ms) {
        uint32_t slot = (uint32_t)(stale->looked_ms / SLOT_MS % SLOTS);

        stale->looked_ms += SLOT_MS;
        look_at_slot(stale, slot, now_ms);
    }
}

int64_t
stale_waiting_ms(const struct stale *stale)
{
    return timers_next_ms(stale->waiting);
}

uint32_t
stale_first(const struct stale *stale)
{
    return timers_first(stale->waiting);
}

void
stale_take(struct stale *stale)
{
    uint32_t point = timers_first(stale->waiting);

    timers_set(stale->waiting, point, TIMER_NONE);
    mark_stale(stale, point);
}

void
stale_put_off(struct stale *stale)
{
    uint32_t point = timers_first(stale->waiting);

    timers_set(stale->waiting, point, TIMER_NONE);
    stale->entries[point].read_ms = stale->now_ms;
    hang(stale, point);
}

int64_t
stale_next_look_ms(const struct stale *stale)
{
    return stale->watched == 0 ? TIMER_NONE : stale->looked_ms + SLOT_MS;
}

uint32_t
stale_count(const struct stale *stale)
{
    return stale->count;
}
