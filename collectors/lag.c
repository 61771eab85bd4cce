/*
 * lag.c - samples of measurements that wait because their reader lags.
 *
 * A list of blocks while they wait whole; once merging, a ring of slots, one per point at most, in
 * the order in which the points came. What waits whole is folded into the ring when merging
 * begins, so there is never both.
 */
#include "collectors/lag.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SAMPLES 1024
#define NO_SLOT UINT32_MAX

struct block {
    struct block *next;
    size_t begin, end;
    struct sample samples[BLOCK_SAMPLES];
};

struct slot {
    struct sample newest, lowest, highest; /* the last two only when `has_range` */
    bool has_range;
};

struct lag {
    struct block *first, *last;
    size_t waiting, waiting_limit;
    int64_t since_ms; /* the first began to wait */
    size_t filled;    /* samples, or slots when merging, that lag_sent takes away */

    struct slot *slots; /* NULL unless merging */
    uint32_t *slot_of;  /* by point number */
    uint32_t slot_limit, slot_first, slot_count;
    uint32_t point_limit;
    uint64_t merged;
};

struct lag *
lag_new(uint32_t points, uint32_t point_limit)
{
    struct lag *lag = calloc(1, sizeof *lag);

    if (lag == NULL)
        return NULL;
    lag->slot_limit = points;
    lag->point_limit = point_limit;
    lag->waiting_limit = (size_t)points * LAG_PER_POINT;
    if (lag->waiting_limit < LAG_WAITING_MIN)
        lag->waiting_limit = LAG_WAITING_MIN;
    return lag;
}

static void
free_block(struct lag *lag)
{
    struct block *block = lag->first;

    lag->first = block->next;
    if (lag->first == NULL)
        lag->last = NULL;
    free(block);
}

static void
stop_merging(struct lag *lag)
{
    free(lag->slots);
    free(lag->slot_of);
    lag->slots = NULL;
    lag->slot_of = NULL;
    lag->slot_first = lag->slot_count = 0;
}

void
lag_free(struct lag *lag)
{
    if (lag == NULL)
        return;
    while (lag->first != NULL)
        free_block(lag);
    stop_merging(lag);
    free(lag);
}

bool
lag_is_empty(const struct lag *lag)
{
    return lag->waiting == 0 && lag->slot_count == 0;
}

uint64_t
lag_merged(const struct lag *lag)
{
    return lag->merged;
}

static bool
start_merging(struct lag *lag)
{
    lag->slots = malloc(((size_t)lag->slot_limit + 1) * sizeof *lag->slots);
    lag->slot_of = malloc(((size_t)lag->point_limit + 1) * sizeof *lag->slot_of);
    if (lag->slots == NULL || lag->slot_of == NULL) {
        stop_merging(lag);
        return false;
    }
    memset(lag->slot_of, 0xff, ((size_t)lag->point_limit + 1) * sizeof *lag->slot_of);
    return true;
}

static void
merge(struct slot *slot, const struct sample *sample)
{
    if (sample->quality != QUALITY_BAD) {
        if (!slot->has_range) {
            slot->lowest = slot->highest = *sample;
            slot->has_range = true;
        } else if (sample->value < slot->lowest.value) {
            slot->lowest = *sample;
        } else if (sample->value > slot->highest.value) {
            slot->highest = *sample;
        }
    }
    slot->newest = *sample;
}

/* False: no room, which only a number beyond the limits can cause. */
static bool
merge_in(struct lag *lag, const struct sample *sample)
{
    if (sample->point >= lag->point_limit)
        return false;

    uint32_t place = lag->slot_of[sample->point];
    if (place == NO_SLOT) {
        if (lag->slot_count == lag->slot_limit)
            return false;
        place = (lag->slot_first + lag->slot_count++) % lag->slot_limit;
        lag->slot_of[sample->point] = place;
        lag->slots[place].has_range = false;
    } else {
        lag->merged++;
    }
    merge(&lag->slots[place], sample);
    return true;
}

static size_t
merge_waiting(struct lag *lag)
{
    size_t lost = 0;

    lag->filled = 0;
    while (lag->first != NULL) {
        struct block *block = lag->first;

        for (size_t i = block->begin; i < block->end; i++)
            lost += !merge_in(lag, &block->samples[i]);
        free_block(lag);
    }
    lag->waiting = 0;
    return lost;
}

static bool
hold(struct lag *lag, const struct sample *sample)
{
    if (lag->last == NULL || lag->last->end == BLOCK_SAMPLES) {
        struct block *block = malloc(sizeof *block);

        if (block == NULL)
            return false;
        block->next = NULL;
        block->begin = block->end = 0;
        if (lag->last == NULL)
            lag->first = block;
        else
            lag->last->next = block;
        lag->last = block;
    }
    lag->last->samples[lag->last->end++] = *sample;
    lag->waiting++;
    return true;
}

size_t
lag_push(struct lag *lag, const struct sample *samples, size_t count, int64_t now_ms)
{
    size_t lost = 0;

    if (lag_is_empty(lag))
        lag->since_ms = now_ms;
    if (lag->slots == NULL && !lag_is_empty(lag) &&
        (now_ms - lag->since_ms >= LAG_WAIT_MS || lag->waiting + count > lag->waiting_limit) &&
        start_merging(lag))
        lost += merge_waiting(lag);
    for (size_t i = 0; i < count; i++) {
        bool taken = lag->slots != NULL
                         ? merge_in(lag, &samples[i])
                         : lag->waiting < lag->waiting_limit && hold(lag, &samples[i]);

        lost += !taken;
    }
    return lost;
}

static size_t
add(struct sample *out, size_t count, const struct sample *sample, bool is_newest)
{
    for (size_t i = 0; i < count; i++)
        if (out[i].mono_ms == sample->mono_ms)
            return count; /* one reading is not told twice */
    out[count] = *sample;
    if (!is_newest)
        out[count].flags |= SAMPLE_MERGED;
    return count + 1;
}

/* One to three samples in the order of time. */
static size_t
give_slot(const struct slot *slot, struct sample *out)
{
    const struct sample *early = &slot->lowest, *late = &slot->highest;
    struct sample all[3];
    size_t count = add(all, 0, &slot->newest, true);

    if (slot->has_range) {
        if (early->mono_ms > late->mono_ms) {
            early = &slot->highest;
            late = &slot->lowest;
        }
        count = add(all, count, early, false);
        count = add(all, count, late, false);
    }
    memcpy(out, all + 1, (count - 1) * sizeof *out);
    out[count - 1] = all[0];
    return count;
}

static size_t
fill_merged(struct lag *lag, struct sample *out, size_t room)
{
    size_t count = 0;

    while (lag->filled < lag->slot_count && count + LAG_PER_POINT <= room) {
        uint32_t place = (uint32_t)((lag->slot_first + lag->filled++) % lag->slot_limit);

        count += give_slot(&lag->slots[place], out + count);
    }
    return count;
}

size_t
lag_fill(struct lag *lag, struct sample *out, size_t room)
{
    size_t count = 0;

    lag->filled = 0;
    if (lag->slots != NULL)
        return fill_merged(lag, out, room);
    for (struct block *block = lag->first; block != NULL && count < room; block = block->next) {
        size_t some =
            block->end - block->begin < room - count ? block->end - block->begin : room - count;

        memcpy(out + count, block->samples + block->begin, some * sizeof *out);
        count += some;
    }
    lag->filled = count;
    return count;
}

void
lag_sent(struct lag *lag)
{
    size_t left = lag->filled;

    lag->filled = 0;
    if (lag->slots != NULL) {
        for (; left > 0; left--, lag->slot_count--) {
            lag->slot_of[lag->slots[lag->slot_first].newest.point] = NO_SLOT;
            lag->slot_first = (lag->slot_first + 1) % lag->slot_limit;
        }
        if (lag->slot_count == 0)
            stop_merging(lag);
        return;
    }
    lag->waiting -= left;
    while (left > 0) {
        size_t some = lag->first->end - lag->first->begin;

        if (some > left)
            some = left;
        lag->first->begin += some;
        left -= some;
        if (lag->first->begin == lag->first->end)
            free_block(lag);
    }
}
