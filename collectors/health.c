/*
 * health.c - does a device answer, as one table.
 *
 * A device that was never down needs one answer to be up; one that was down needs several in a row,
 * and is polled from the first of them on, so that its values are back before its state is.
 */
#include "collectors/health.h"

#include <assert.h>

#define TRIES_MAX 16

/* How an outcome stands to the limits. */
enum input { ONE_ANSWER, ENOUGH_ANSWERS, ONE_MISS, ENOUGH_MISSES, INPUT_COUNT };

static const enum health NEXT[HEALTH_COUNT][INPUT_COUNT] = {
    /* clang-format off */
    /*                    ONE_ANSWER   ENOUGH_ANSWERS  ONE_MISS        ENOUGH_MISSES */
    [HEALTH_UNKNOWN] = { HEALTH_UP,   HEALTH_UP,      HEALTH_SUSPECT, HEALTH_DOWN },
    [HEALTH_UP]      = { HEALTH_UP,   HEALTH_UP,      HEALTH_SUSPECT, HEALTH_DOWN },
    [HEALTH_SUSPECT] = { HEALTH_UP,   HEALTH_UP,      HEALTH_SUSPECT, HEALTH_DOWN },
    [HEALTH_DOWN]    = { HEALTH_DOWN, HEALTH_UP,      HEALTH_DOWN,    HEALTH_DOWN },
    /* clang-format on */
};

static void
count_up(uint16_t *counter)
{
    if (*counter < UINT16_MAX)
        ++*counter;
}

static enum input
count(struct health_record *record, const struct health_limits *limits, enum health_outcome outcome)
{
    if (outcome == HEALTH_MISSED) {
        record->good = 0;
        count_up(&record->missed);
        return record->missed >= limits->down_after ? ENOUGH_MISSES : ONE_MISS;
    }
    record->missed = 0;
    count_up(&record->good);
    return record->good >= limits->up_after ? ENOUGH_ANSWERS : ONE_ANSWER;
}

unsigned
health_apply(struct health_record *record, const struct health_limits *limits,
             enum health_outcome outcome, enum cause cause, int64_t utc_ms)
{
    enum health before = (enum health)record->state;
    bool was_polled = health_is_polled(record);
    enum input input = count(record, limits, outcome);
    enum health after = NEXT[before][input];
    unsigned effects = 0;

    assert((unsigned)outcome < HEALTH_OUTCOME_COUNT && before < HEALTH_COUNT);
    if (outcome == HEALTH_MISSED)
        record->cause = (uint8_t)cause;
    if (after != before) {
        record->state = (uint8_t)after;
        record->since_utc_ms = utc_ms;
        effects |= HEALTH_TELL;
    }
    if (after == HEALTH_UP) {
        record->tries = 0;
        record->life_spent = false;
    }
    if (after != HEALTH_DOWN)
        record->good = 0;

    bool is_polled = health_is_polled(record);
    if (was_polled && !is_polled)
        effects |= HEALTH_STOP;
    else if (!was_polled && is_polled)
        effects |= HEALTH_POLL;
    else if (!is_polled)
        effects |= HEALTH_PROBE;
    return effects;
}

bool
health_is_polled(const struct health_record *record)
{
    return record->state != HEALTH_DOWN || record->good > 0;
}

bool
health_take_life(struct health_record *record)
{
    if (health_is_polled(record) || record->life_spent)
        return false;
    record->life_spent = true;
    return true;
}

void
health_take_probe(struct health_record *record)
{
    record->life_spent = false;
}

uint32_t
health_backoff_ms(struct health_record *record, const struct health_limits *limits, uint32_t seed)
{
    uint64_t delay_ms = (uint64_t)HEALTH_BACKOFF_FIRST_MS << record->tries;

    if (delay_ms >= limits->backoff_max_ms)
        delay_ms = limits->backoff_max_ms;
    else if (record->tries < TRIES_MAX)
        record->tries++;
    /* Knuth's multiplier spreads neighbouring seeds. */
    uint32_t spread = (seed + record->missed) * UINT32_C(2654435761);
    delay_ms -= (delay_ms / 4 * (spread >> 16)) >> 16;
    return (uint32_t)delay_ms;
}

void
health_smooth_rtt(struct health_record *record, float rtt_ms)
{
    record->rtt_ms = record->rtt_ms == 0 ? rtt_ms : record->rtt_ms + (rtt_ms - record->rtt_ms) / 8;
}
