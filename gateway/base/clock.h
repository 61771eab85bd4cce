/*
 * clock.h - the only place that reads a clock.
 *
 * Only the edge of a process calls this (the turn of a loop, the reading of a device); everything
 * behind it is fed its time. Durations are CLOCK_MONOTONIC milliseconds, stamps are UTC
 * milliseconds since 1970.
 */
#ifndef WATCHROOM_BASE_CLOCK_H
#define WATCHROOM_BASE_CLOCK_H

#include "gateway/base/base.h"

struct stamp {
    int64_t utc_ms;
    int64_t mono_ms;
};

enum clock_state { CLOCK_STATE_SYNC, CLOCK_STATE_HOLDOVER, CLOCK_STATE_UNSYNC };

struct stamp clock_now(void);
int64_t clock_mono_us(void);

/* adjtimex(2): synchronised, synchronised once in this boot but no longer, never. */
enum clock_state clock_sync_state(void);
const char *clock_state_name(enum clock_state state);

/* Boot id of the kernel (random(4), 36 characters and NUL); "unknown" where there is none. */
void clock_boot_id(char out_id[37]);

/* RFC 3339 with milliseconds and Z, e.g. 2026-11-23T03:04:05.678Z; `out` at least 25 bytes. */
void clock_format_utc(int64_t utc_ms, char *out, size_t size);

#endif
