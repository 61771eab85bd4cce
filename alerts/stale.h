/*
 * stale.h - which points have not been read for too long.
 *
 * A good reading only notes its time; the wheel looks at a point again when its age could have run
 * out, and puts it off when a reading came meanwhile. So a million readings cost a million notes
 * and few looks.
 */
#ifndef WATCHROOM_ALERTS_STALE_H
#define WATCHROOM_ALERTS_STALE_H

#include "gateway/base/base.h"

struct stale;

/* All points start as if read `grace_ms` after now. NULL: out of memory. */
struct stale *stale_new(uint32_t point_limit, int64_t now_ms, int64_t grace_ms);
void stale_free(struct stale *stale);

/* At set-up: the point may be `after_ms` old at most; of several the strictest counts. 0: it never
 * goes stale (the default). Then stale_start once. */
void stale_watch(struct stale *stale, uint32_t point, int64_t after_ms);
void stale_start(struct stale *stale);
bool stale_is_watched(const struct stale *stale, uint32_t point);

/* It was stale before a restart and nothing good has been read since; at set-up, a watched point.
 */
void stale_restore(struct stale *stale, uint32_t point);

/* A good reading. True: it was stale until now. A reading that is itself too old does not help. */
bool stale_note(struct stale *stale, uint32_t point, int64_t mono_ms);

bool stale_is(const struct stale *stale, uint32_t point);

/* Looks at what may have run out by `now_ms`; what has, must be taken by stale_take, in order of
 * time, before the next stale_note. */
void stale_advance(struct stale *stale, int64_t now_ms);
/* When the first of them ran out; TIMER_NONE: none waits. */
int64_t stale_waiting_ms(const struct stale *stale);
/* Which that is. */
uint32_t stale_first(const struct stale *stale);
/* Takes the first one; it is stale from now on. Or: it counts as read now. */
void stale_take(struct stale *stale);
void stale_put_off(struct stale *stale);

/* When stale_advance should be called next. */
int64_t stale_next_look_ms(const struct stale *stale);

uint32_t stale_count(const struct stale *stale);

#endif
