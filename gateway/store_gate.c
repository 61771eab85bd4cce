/*
 * store_gate.c - may a sample with this time be stored?
 */
#include "gateway/store_gate.h"

static bool
is_near(int64_t offset_ms, int64_t base_ms)
{
    return offset_ms - base_ms <= STORE_AHEAD_MAX_MS && base_ms - offset_ms <= STORE_BEHIND_MAX_MS;
}

bool
store_gate_accepts(struct store_gate *gate, int64_t utc_ms, int64_t mono_ms, bool is_synced)
{
    int64_t offset_ms = utc_ms - mono_ms;

    if (!gate->has_offset || is_near(offset_ms, gate->offset_ms)) {
        gate->has_offset = true;
        gate->has_jumped = false;
        gate->offset_ms = offset_ms;
        return true;
    }
    if (!gate->has_jumped || !is_near(offset_ms, gate->new_offset_ms)) {
        gate->has_jumped = true;
        gate->jumped_mono_ms = mono_ms;
    }
    gate->new_offset_ms = offset_ms;
    if (mono_ms - gate->jumped_mono_ms <
        (is_synced ? STORE_BELIEVE_MS : STORE_BELIEVE_UNSYNCED_MS))
        return false;
    gate->has_jumped = false;
    gate->offset_ms = offset_ms;
    return true;
}
