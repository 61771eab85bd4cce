/*
 * timers.h - due times of numbered things: an indexed binary heap in memory given once.
 *
 * Setting, moving and taking away cost O(log n); nothing allocates after timers_new.
 */
#ifndef WATCHROOM_BASE_TIMERS_H
#define WATCHROOM_BASE_TIMERS_H

#include "gateway/base/base.h"

#define TIMER_NONE INT64_MAX

struct timers;

/* For ids 0 .. count - 1, none of them set. NULL: out of memory. */
struct timers *timers_new(uint32_t count);
void timers_free(struct timers *timers);

/* TIMER_NONE takes it away. */
void timers_set(struct timers *timers, uint32_t id, int64_t due_ms);
/* TIMER_NONE: nothing is set. */
int64_t timers_next_ms(const struct timers *timers);
/* The id that is due first; ties by id. Only when something is set. */
uint32_t timers_first(const struct timers *timers);

#endif
