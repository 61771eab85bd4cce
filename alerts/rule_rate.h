/*
 * rule_rate.h - how far a value has come from the lowest and the highest of the last while.
 *
 * The window is cut into RATE_BUCKETS parts, of each only the extremes are kept. A part counts
 * until all of it is too old: a change within the window is never missed, one that took up to a
 * tenth longer (1 / RATE_BUCKETS) may still be seen as one.
 */
#ifndef WATCHROOM_ALERTS_RULE_RATE_H
#define WATCHROOM_ALERTS_RULE_RATE_H

#include "gateway/base/base.h"

#define RATE_BUCKETS 10

struct rule_rate {
    int64_t window_ms, width_ms;  /* of a bucket */
    int64_t part;                 /* the newest bucket's number on the time line */
    int64_t last_ms;              /* last reading; INT64_MIN: none yet */
    int64_t since_ms;             /* observed since then, without a gap of a whole window */
    double low[RATE_BUCKETS + 1]; /* infinite: empty */
};

void rule_rate_init(struct rule_rate *rate, int64_t window_ms);

/* A reading. How far it is above the lowest in the window, itself included: not less than 0. */
double rule_rate_note(struct rule_rate *rate, double value, int64_t ms);

/* A whole window has been observed. */
bool rule_rate_is_full(const struct rule_rate *rate);

#endif
