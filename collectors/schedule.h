/*
 * schedule.h - the grid of poll slots: when in its period a group is read.
 *
 * Pure: fed its time, monotonic milliseconds; a step of the wall clock means nothing here.
 */
#ifndef WATCHROOM_COLLECTORS_SCHEDULE_H
#define WATCHROOM_COLLECTORS_SCHEDULE_H

#include "gateway/base/base.h"

/* Slots lie on multiples of it: polls that start together share a waking of ours, and their answers
 * the next one. */
#define SCHEDULE_GRAIN_MS 5

/*
 * Where in its period a group is read: spread evenly over the period by the device's number (the
 * golden ratio fills any run of numbers evenly), the same after every restart. Groups of one device
 * keep apart from each other within `shortest_ms`, the shortest interval of the device.
 */
int64_t schedule_phase_ms(uint32_t device, uint16_t group, uint16_t group_count,
                          int64_t interval_ms, int64_t shortest_ms);

/* The first slot after `now_ms` of those at phase + k * interval. */
int64_t schedule_slot_after(int64_t interval_ms, int64_t phase_ms, int64_t now_ms);

/* The first reading after a start: within the period, and within `spread_ms` if that is less. */
int64_t schedule_first_slot(int64_t interval_ms, int64_t phase_ms, int64_t now_ms,
                            int64_t spread_ms);

struct schedule_turn {
    int64_t slot_ms;  /* the newest slot at or before now */
    int64_t next_ms;  /* the one after now */
    uint32_t skipped; /* slots that passed and will not be read */
    bool is_due;      /* slot_ms is still worth reading: less than half a period late */
};

/* What became of an entry that was due at `due_ms` and is looked at `now_ms`. Never catches up. */
struct schedule_turn schedule_turn(int64_t interval_ms, int64_t phase_ms, int64_t due_ms,
                                   int64_t now_ms);

#endif
