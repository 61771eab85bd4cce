/*
 * outbound.h - what leaves a collector: the queues towards alarms and the store.
 *
 * Towards alarms, in this order: events (state changes), waiting samples, new samples, unchanged
 * states, texts, health, then what a snapshot repeats. Samples of measurements may wait and merge
 * (lag.h); a state, a text or a health that waits is sent as it is when its turn comes; events are
 * kept until committed (event_log.h). Should more than EVENT_LOG_MAX be uncommitted, a change waits
 * in its point: the state it ends in is told, what it passed through meanwhile is not, and counted.
 * Towards the store: batches of all numeric readings, dropped and counted when it lags.
 *
 * Pure: sends through a callback, is fed its time.
 */
#ifndef WATCHROOM_COLLECTORS_OUTBOUND_H
#define WATCHROOM_COLLECTORS_OUTBOUND_H

#include "collectors/latest.h"
#include "gateway/base/msg.h"

enum outbound_peer { OUTBOUND_ALARMS, OUTBOUND_STORE, OUTBOUND_PEER_COUNT };

struct outbound_setup {
    struct latest *latest; /* borrowed; points are named before outbound_new */
    uint32_t point_limit;  /* of the directory */
    uint32_t devices;      /* indexes for outbound_health are below */
    uint64_t incarnation;
    uint64_t *stats; /* STAT_COUNT of them */
    /* False: the peer lags, outbound_writable() follows. */
    bool (*send)(void *ctx, enum outbound_peer peer, enum msg_type type, size_t count,
                 const void *entries);
    void (*make_health)(void *ctx, uint32_t device, struct msg_health *out);
    void *ctx;
};

struct outbound;

/* NULL: out of memory. */
struct outbound *outbound_new(const struct outbound_setup *setup);
void outbound_free(struct outbound *outbound);

/* The point has a new reading in `latest`. `is_change`: as latest_read() said. */
void outbound_reading(struct outbound *outbound, uint32_t point, bool is_change);
/* A text of this point is new. */
void outbound_text(struct outbound *outbound, uint32_t point);
void outbound_health(struct outbound *outbound, uint32_t device);

/* Sends what can be sent. True: there is more to send right now. */
bool outbound_flush(struct outbound *outbound, int64_t now_ms);
/* The store's batch travels when full or now; a few times a second. */
/* Is there anything to flush, and may it wait a moment for the readings of another turn? */
enum outbound_need { OUTBOUND_NOTHING, OUTBOUND_SOON, OUTBOUND_NOW };
enum outbound_need outbound_need(const struct outbound *outbound);
void outbound_flush_store(struct outbound *outbound);

void outbound_writable(struct outbound *outbound, enum outbound_peer peer);
void outbound_committed(struct outbound *outbound, const struct msg_committed *committed);
/* Repeat everything: uncommitted events first, then all points, texts, health. */
void outbound_snapshot(struct outbound *outbound);

size_t outbound_events_pending(const struct outbound *outbound);

#endif
