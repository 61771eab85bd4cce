/*
 * lag.h - samples of measurements that wait because their reader lags.
 *
 * For LAG_WAIT_MS all of them wait as they are; after that, or when there are more than three per
 * point, they are merged: per point the newest, the smallest and the largest. Nothing else is lost,
 * and memory is bounded by the number of points. Pure: fed its time.
 */
#ifndef WATCHROOM_COLLECTORS_LAG_H
#define WATCHROOM_COLLECTORS_LAG_H

#include "gateway/base/sample.h"

#define LAG_WAIT_MS 2000
#define LAG_PER_POINT 3
#define LAG_WAITING_MIN 4096 /* a small site may wait its 2 s whatever its points */

struct lag;

/* `points` that can have samples; `point_limit`: their numbers are below. NULL: out of memory. */
struct lag *lag_new(uint32_t points, uint32_t point_limit);
void lag_free(struct lag *lag);

/* Adds behind what waits. Returns how many were dropped, 0 unless memory ran out. */
size_t lag_push(struct lag *lag, const struct sample *samples, size_t count, int64_t now_ms);
bool lag_is_empty(const struct lag *lag);

/* The oldest, as many as fit; they stay until lag_sent(). Per point the order of time is kept. */
size_t lag_fill(struct lag *lag, struct sample *out, size_t room);
/* What the last lag_fill gave is with the reader. */
void lag_sent(struct lag *lag);

/* Samples that were merged away into others, since the start. */
uint64_t lag_merged(const struct lag *lag);

#endif
