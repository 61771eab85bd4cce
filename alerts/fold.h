/*
 * fold.h - suppression by design: consequences folded under the alarm that is their cause.
 *
 * While a root stands - live, of good quality, and not itself put aside by people or by a test - an
 * alarm that names it is suppressed as soon as it is anything but normal; it comes back by itself
 * after its longest time under one occurrence of the root, or some time (the hold) after the root
 * has gone. What is live then is told. Only for engine.c and engine_setup.c; part of the engine.
 */
#ifndef WATCHROOM_ALERTS_FOLD_H
#define WATCHROOM_ALERTS_FOLD_H

#include "alerts/alarm_run.h"

struct fold {
    uint32_t alarm, root;
    uint32_t occ;       /* of the root, under which it is or was suppressed; 0: none yet */
    int64_t end_ms;     /* monotonic: it is not suppressed under that one for longer */
    int64_t end_utc_ms; /* the same, for the record */
    int64_t due_ms;     /* TIMER_NONE: it is not suppressed by us */
};

struct folds {
    struct fold *all; /* those of one root side by side */
    uint32_t count;
    bool owes_impacts; /* what is folded under some root has changed */
};

/* Which alarms have a root is read off their definitions. False: out of memory. */
bool fold_init(struct engine *engine);
void fold_done(struct engine *engine);

/* The alarm that it is suppressed under when that stands; UINT32_MAX: none. */
uint32_t fold_root(const struct engine *engine, uint32_t alarm);
/* When its suppression ends; TIMER_NONE. */
int64_t fold_due_ms(const struct engine *engine, uint32_t alarm);
/* It ends now. */
void fold_fire(struct engine *engine, uint32_t alarm, const struct occasion *occasion);
/* Its input has become true, it has not taken the step yet. */
void fold_before(struct engine *engine, uint32_t alarm, const struct occasion *occasion);
/* It has taken a step: before its timer is set, and when it was told. */
void fold_settle(struct engine *engine, uint32_t alarm);
void fold_after(struct engine *engine, uint32_t alarm, const struct occasion *occasion);
/* Tells those roots whose impacts have changed. */
void fold_tell(struct engine *engine, struct stamp now);

/* Behind an alarm's record; returns the bytes, at most FOLD_RECORD_BYTES. */
#define FOLD_RECORD_BYTES 12
size_t fold_save(const struct engine *engine, uint32_t alarm, uint8_t out[FOLD_RECORD_BYTES]);
/* `bytes` 0: there was none. Roots and their consequences come back in any order. */
void fold_restore(struct engine *engine, uint32_t alarm, const uint8_t *record, size_t bytes,
                  struct stamp now);

#endif
