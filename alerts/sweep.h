/*
 * sweep.h - alarm topics that the broker remembers and the journal does not.
 *
 * A broker that was killed comes back with what it had saved long ago, and a new journal after a
 * quarantine knows nothing of the topics of the old one: alarms that nobody would ever clear. What
 * the broker holds at a connect is noted here and compared with the journal.
 */
#ifndef WATCHROOM_ALERTS_SWEEP_H
#define WATCHROOM_ALERTS_SWEEP_H

#include "gateway/base/base.h"

#define SWEEP_MAX 100000 /* topics noted at a time */
#define SWEEP_PER_PUMP 200

struct sweep;

struct sweep *sweep_new(void); /* NULL: out of memory */
void sweep_free(struct sweep *sweep);

/* The broker holds a state of this alarm. Copied. */
void sweep_note(struct sweep *sweep, const char *alarm_id);
void sweep_forget(struct sweep *sweep);

struct sweep_io {
    /* Shall something be retained for it? On doubt: yes. */
    bool (*is_told)(void *ctx, const char *alarm_id);
    /* Empties the topic. False: not now. */
    bool (*empty)(void *ctx, const char *alarm_id);
};

/* Works off some of them. Returns how many topics were emptied. */
unsigned sweep_pump(struct sweep *sweep, const struct sweep_io *io, void *ctx);

#endif
