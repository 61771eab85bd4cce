/*
 * schedule.c - the grid of poll slots.
 */
#include "collectors/schedule.h"

#include <assert.h>

int64_t
schedule_phase_ms(uint32_t device, uint16_t group, uint16_t group_count, int64_t interval_ms,
                  int64_t shortest_ms)
{
    /* Fractions of 2^32; the products wrap as they should. */
    uint32_t turn = device * UINT32_C(2654435769); /* golden ratio: within the shortest */
    uint32_t wide =
        device * UINT32_C(3242174889) + /* another irrational: among the shortest ones */
        group * UINT32_C(2654435769);
    int64_t parts = interval_ms / shortest_ms;

    assert(shortest_ms > 0 && interval_ms >= shortest_ms && group < group_count);
    turn += (uint32_t)((UINT64_C(1) << 32) / group_count * group);

    int64_t within = (int64_t)(((uint64_t)turn * (uint64_t)shortest_ms) >> 32);
    int64_t part = (int64_t)(((uint64_t)wide * (uint64_t)parts) >> 32);

    return (part * shortest_ms + within) / SCHEDULE_GRAIN_MS * SCHEDULE_GRAIN_MS;
}

int64_t
schedule_slot_after(int64_t interval_ms, int64_t phase_ms, int64_t now_ms)
{
    int64_t past = (now_ms - phase_ms) % interval_ms;

    if (past < 0)
        past += interval_ms;
    return now_ms - past + interval_ms;
}

int64_t
schedule_first_slot(int64_t interval_ms, int64_t phase_ms, int64_t now_ms, int64_t spread_ms)
{
    if (interval_ms <= spread_ms)
        return schedule_slot_after(interval_ms, phase_ms, now_ms);
    return now_ms + (int64_t)((double)phase_ms / (double)interval_ms * (double)spread_ms);
}

struct schedule_turn
schedule_turn(int64_t interval_ms, int64_t phase_ms, int64_t due_ms, int64_t now_ms)
{
    int64_t next_ms = schedule_slot_after(interval_ms, phase_ms, now_ms);
    int64_t after_due_ms = schedule_slot_after(interval_ms, phase_ms, due_ms);
    struct schedule_turn turn = {.slot_ms = due_ms, .next_ms = next_ms};

    if (after_due_ms <= now_ms) {
        turn.slot_ms = next_ms - interval_ms;
        turn.skipped = (uint32_t)((turn.slot_ms - after_due_ms) / interval_ms) + 1;
    }
    turn.is_due = now_ms - turn.slot_ms <= interval_ms / 2;
    if (!turn.is_due)
        turn.skipped++;
    return turn;
}
