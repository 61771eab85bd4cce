/*
 * metrics.h - the gateway's figures as Prometheus text (exposition format 0.0.4).
 *
 * Pure: fed the JSON that alarms sends, and the time. Names follow the Prometheus conventions: base
 * units, counters end in _total.
 */
#ifndef WATCHROOM_GATEWAY_METRICS_H
#define WATCHROOM_GATEWAY_METRICS_H

#include "gateway/base/clock.h"
#include "gateway/base/point.h"
#include "gateway/base/text.h"

#define METRICS_TEXT_MAX ((size_t)16 * 1024 * 1024)

struct metrics;

struct metrics *metrics_new(const struct directory *directory); /* NULL: out of memory */
void metrics_free(struct metrics *metrics);

/* A MSG_METRICS body. False: not JSON of the kind expected; the old figures stay. */
bool metrics_take(struct metrics *metrics, struct stamp now, const char *text, size_t length);

void metrics_print(const struct metrics *metrics, struct stamp now, struct text_buf *out);

/* The two lines before a metric of this name, which lacks its "watchroom_". */
void metrics_head(struct text_buf *out, const char *name, const char *help, const char *type);

/* The judge spoke within `old_ms`; else why not. */
bool metrics_is_healthy(const struct metrics *metrics, struct stamp now, int64_t old_ms,
                        char *reason, size_t size);

#endif
