/*
 * first_out.h - which alarm of a burst came first?
 *
 * The oldest trick of annunciator panels (ISA-18.1): of many lamps lit at once, the one that was
 * lit first points at the cause. Here a panel is an audience, and a burst are alarms that come one
 * after the other with less than a quiet time between. An alarm is first-out when it is the first
 * for one of its audiences. Pure; the engine has one.
 */
#ifndef WATCHROOM_ALERTS_FIRST_OUT_H
#define WATCHROOM_ALERTS_FIRST_OUT_H

#include "alerts/alarm_def.h"

#define FIRST_OUT_QUIET_DEFAULT_MS 30000

struct first_out {
    int64_t quiet_ms;                /* 0: nobody asks */
    int64_t told_ms[AUDIENCE_COUNT]; /* monotonic, of the last one; INT64_MIN: none yet */
};

static inline void
first_out_init(struct first_out *first, int64_t quiet_ms)
{
    first->quiet_ms = quiet_ms;
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        first->told_ms[i] = INT64_MIN;
}

/* An occurrence is told to these audiences: is it the first of a burst? */
static inline bool
first_out_note(struct first_out *first, unsigned audiences, int64_t mono_ms)
{
    bool is_first = false;

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        int64_t *told_ms = &first->told_ms[i];

        if ((audiences & AUDIENCE_BIT(i)) == 0)
            continue;
        if (*told_ms == INT64_MIN || mono_ms - *told_ms >= first->quiet_ms)
            is_first = true;
        if (mono_ms > *told_ms)
            *told_ms = mono_ms;
    }
    return is_first && first->quiet_ms > 0;
}

#endif
