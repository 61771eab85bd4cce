/*
 * store_gate.h - may a sample with this time be stored? Pure.
 *
 * RRDs take one stamp ten years ahead without a word and then refuse every right one. UTC is
 * therefore held against the monotonic clock: from one accepted sample to the next both must have
 * gone on alike, within limits. A clock that was set for good is believed after a while: ten minutes
 * when the kernel calls it synchronised, an hour when it does not.
 */
#ifndef WATCHROOM_GATEWAY_STORE_GATE_H
#define WATCHROOM_GATEWAY_STORE_GATE_H

#include "gateway/base/base.h"

#define STORE_AHEAD_MAX_MS (INT64_C(24) * 3600 * 1000)
#define STORE_BEHIND_MAX_MS (INT64_C(3600) * 1000)
#define STORE_BELIEVE_MS (INT64_C(10) * 60 * 1000)
#define STORE_BELIEVE_UNSYNCED_MS (INT64_C(3600) * 1000)

struct store_gate {
    int64_t offset_ms;     /* utc - mono of the last accepted sample */
    int64_t new_offset_ms; /* of the samples being refused */
    int64_t jumped_mono_ms;
    bool has_offset;
    bool has_jumped; /* samples are being refused now */
};

/* `is_synced`: the kernel calls its clock synchronised (asked for only after a jump). */
bool store_gate_accepts(struct store_gate *gate, int64_t utc_ms, int64_t mono_ms, bool is_synced);

#endif
