/*
 * stale.c - which points have not been read for too long: a lazy wheel.
 */
#include "alerts/stale.h"

#include <stdlib.h>

#include "gateway/base/timers.h"

#define SLOT_MS 250
#define SLOTS 256 /* a turn of 64 s; what is due later is looked at once a turn */
#define END UINT32_MAX

struct entry {
    int64_t read_ms;
    uint32_t after_ms; /* 0: not watched */
    uint32_t next;     /* in its slot */
};

struct stale {
    struct entry *entries;
    bool *is_stale;
    struct timers *waiting;
    uint32_t limit, watched, count;
    int64_t looked_ms; /* slots that end at or before this are empty */
    uint32_t slots[SLOTS];
};

struct stale *
stale_new(uint32_t point_limit, int64_t now_ms)
{
    struct stale *stale = calloc(1, sizeof *stale);
    size_t room = point_limit == 0 ? 1 : point_limit;

    if (stale == NULL)
        return NULL;
    stale->entries = calloc(room, sizeof *stale->entries);
    stale->is_stale = calloc(room, sizeof *stale->is_stale);
    stale->waiting = timers_new(point_limit);
    if (stale->entries == NULL || stale->is_stale == NULL || stale->waiting == NULL) {
        stale_free(stale);
        return NULL;
    }
    stale->limit = point_limit;
    stale->looked_ms = now_ms - now_ms % SLOT_MS;
    for (uint32_t i = 0; i < point_limit; i++)
        stale->entries[i].read_ms = now_ms;
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
    free(stale->is_stale);
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

    if (due_ms < stale->looked_ms)
        due_ms = stale->looked_ms;
    if (due_ms > farthest_ms)
        due_ms = farthest_ms;
    uint32_t slot = (uint32_t)(due_ms / SLOT_MS % SLOTS);
    entry->next = stale->slots[slot];
    stale->slots[slot] = point;
}

void
stale_watch(struct stale *stale, uint32_t point, int64_t after_ms)
{
    struct entry *entry = &stale->entries[point];

    if (after_ms <= 0)
        return;
    if (after_ms > UINT32_MAX)
        after_ms = UINT32_MAX;
    if (entry->after_ms == 0) {
        entry->after_ms = (uint32_t)after_ms;
        stale->watched++;
        hang(stale, point);
    } else if (after_ms < entry->after_ms) {
        entry->after_ms = (uint32_t)after_ms; /* several alarms on it: the strictest decides */
    }
}

bool
stale_note(struct stale *stale, uint32_t point, int64_t mono_ms)
{
    stale->entries[point].read_ms = mono_ms;
    if (!stale->is_stale[point])
        return false;
    stale->is_stale[point] = false;
    stale->count--;
    hang(stale, point);
    return true;
}

bool
stale_is(const struct stale *stale, uint32_t point)
{
    return stale->is_stale[point];
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

        if (due_ms <= now_ms)
            timers_set(stale->waiting, point, due_ms);
        else
            hang(stale, point);
        point = next;
    }
}

void
stale_advance(struct stale *stale, int64_t now_ms)
{
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
stale_take(struct stale *stale)
{
    uint32_t point = timers_first(stale->waiting);

    timers_set(stale->waiting, point, TIMER_NONE);
    stale->is_stale[point] = true;
    stale->count++;
    return point;
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
