/*
 * rule_rate.c - the lowest of the last while, by buckets.
 */
#include "alerts/rule_rate.h"

#include <float.h>
#include <math.h>

#define BUCKETS (RATE_BUCKETS + 1) /* the newest one is not full yet */

void
rule_rate_init(struct rule_rate *rate, int64_t window_ms)
{
    *rate = (struct rule_rate){.window_ms = window_ms,
                               .width_ms = (window_ms + RATE_BUCKETS - 1) / RATE_BUCKETS,
                               .last_ms = INT64_MIN};
}

/* Soon after a boot the parts before the first reading have negative numbers. */
static unsigned
bucket_of(int64_t part)
{
    return (unsigned)((part % BUCKETS + BUCKETS) % BUCKETS);
}

static void
forget(struct rule_rate *rate, int64_t part)
{
    rate->low[bucket_of(part)] = (double)INFINITY;
}

static void
move_on(struct rule_rate *rate, int64_t ms)
{
    int64_t part = ms / rate->width_ms;
    bool is_new = rate->last_ms == INT64_MIN || ms - rate->last_ms > rate->window_ms;

    if (is_new) {
        rate->since_ms = ms;
        rate->part = part - BUCKETS;
    }
    if (part - rate->part > BUCKETS)
        rate->part = part - BUCKETS;
    while (rate->part < part)
        forget(rate, ++rate->part);
    rate->last_ms = ms;
}

double
rule_rate_note(struct rule_rate *rate, double value, int64_t ms)
{
    double low = value;

    move_on(rate, ms);
    for (unsigned i = 0; i < BUCKETS; i++)
        if (rate->low[i] < low)
            low = rate->low[i];
    double *bucket = &rate->low[bucket_of(rate->part)];
    if (value < *bucket)
        *bucket = value;
    return fmin(value - low, DBL_MAX);
}

bool
rule_rate_is_full(const struct rule_rate *rate)
{
    return rate->last_ms != INT64_MIN && rate->last_ms - rate->since_ms >= rate->window_ms;
}
