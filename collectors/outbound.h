/*
 * outbound.h - what a collector has to say, on its way to alarms and to the store.
 *
 * To alarms: events first (never merged, never dropped, kept until committed), then samples. While
 * alarms lags, samples wait OUTBOUND_WAIT_MS, then they are merged per point into the newest, the
 * minimum and the maximum. To the store: samples, dropped and counted when it lags. Everything said
 * within one turn of the loop goes in as few messages as possible.
 */
#ifndef WATCHROOM_COLLECTORS_OUTBOUND_H
#define WATCHROOM_COLLECTORS_OUTBOUND_H

#include "gateway/base/worker.h"

#define OUTBOUND_WAIT_MS 2000
#define OUTBOUND_EVENTS_MAX 65536 /* uncommitted; beyond, changes travel as samples, counted */

struct outbound;

/* `alarms` and `store` (may be NULL) are borrowed. NULL: out of memory. */
struct outbound *outbound_new(struct worker *worker, struct link *alarms, struct link *store,
                              uint32_t point_limit);
void outbound_free(struct outbound *outbound);

/* A reading for both. */
void outbound_sample(struct outbound *outbound, const struct sample *sample);
/* A change for alarms (as event), and the same reading for the store. */
void outbound_event(struct outbound *outbound, const struct sample *sample);
/* A reading repeated for alarms alone or the store alone. */
void outbound_sample_to_store(struct outbound *outbound, const struct sample *sample);

/* At the end of a turn, and when a link has room again. */
void outbound_flush(struct outbound *outbound, int64_t now_ms);

/* Alarms has committed events up to `number`. */
void outbound_committed(struct outbound *outbound, uint64_t number);
/* A new alarms process: say the uncommitted events again. */
void outbound_repeat_events(struct outbound *outbound);

/* Nothing waits because of a lag: more may be said without need. */
bool outbound_is_clear(const struct outbound *outbound);
size_t outbound_pending_events(const struct outbound *outbound);

#endif
