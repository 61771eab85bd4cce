/*
 * rule_rate.c - the extremes of the last while, by buckets.
 */
#include "alerts/rule_rate.h"

#include <math.h>

#define BUCKETS (RATE_BUCKETS + 1) /* the newest one is not full yet */

void
rule_rate_init(struct rule_rate *rate, int64_t window_ms)
{
    *rate = (struct rule_rate){.window_ms = window_ms,
                               .width_ms = (window_ms + RATE_BUCKETS - 1) / RATE_BUCKETS,
                               .last_ms = INT64_MIN};
}

static void
forget(struct rule_rate *rate, int64_t part)
{
    rate->low[part % BUCKETS] = (double)INFINITY;
    rate->high[part % BUCKETS] = -(double)INFINITY;
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

void
rule_rate_note(struct rule_rate *rate, double value, int64_t ms, double *out_rise, double *out_fall)
{
    double low = value, high = value;

    move_on(rate, ms);
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (rate->low[i] < low)
            low = rate->low[i];
        if (rate->high[i] > high)
            high = rate->high[i];
    }
    *out_rise = value - low;
    *out_fall = high - value;
    double *bucket_low = &rate->low[rate->part % BUCKETS];
    double *bucket_high = &rate->high[rate->part % BUCKETS];
    if (value < *bucket_low)
        *bucket_low = value;
    if (value > *bucket_high)
        *bucket_high = value;
}

bool
rule_rate_is_full(const struct rule_rate *rate)
{
    return rate->last_ms != INT64_MIN && rate->last_ms - rate->since_ms >= rate->window_ms;
}
