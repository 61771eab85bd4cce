/*
 * ladder.h - an escalation ladder: who is told, and when, of an alarm that nobody answers.
 *
 * Pure: no clock, no I/O. A climb begins with the first unacknowledged occurrence; its rungs are
 * due at fixed times after that. Behind the last rung come its repeats, and behind these the ladder
 * is exhausted. Where several rungs are due at once (a pause, a restart) only the highest is told.
 */
#ifndef WATCHROOM_ALERTS_LADDER_H
#define WATCHROOM_ALERTS_LADDER_H

#include "gateway/base/base.h"

#define LADDER_RUNGS_MAX 16
#define LADDER_REPEATS_MAX 20

struct ladder_rung {
    int64_t after_ms;  /* from the beginning of the climb; rising */
    uint8_t audiences; /* AUDIENCE_BIT()s */
    uint8_t user_count;
    const char *const *users; /* names of the site file */
};

/* Of one audience and priority. Built before the fork, read-only; pointers borrowed. */
struct ladder {
    const struct ladder_rung *rungs;
    uint8_t rung_count; /* 0: nobody is told again */
    uint8_t repeats;    /* of the last rung */
    int64_t repeat_every_ms;
    int64_t
        ack_timeout_ms; /* acknowledged, and neither cleared nor commented for so long; 0: never */
};

struct climb {
    int64_t began_mono_ms; /* may lie before the boot: it goes on over restarts */
    uint8_t told;          /* rungs and repeats that are behind it */
    bool is_exhausted;
};

enum ladder_news { LADDER_QUIET, LADDER_RUNG, LADDER_EXHAUSTED };

/* What is due by `mono_ms`; taken. `out_rung`: index of the rung to tell, `out_repeat`: 0, or the
 * how manieth repeat of it. */
enum ladder_news ladder_take(const struct ladder *ladder, struct climb *climb, int64_t mono_ms,
                             unsigned *out_rung, unsigned *out_repeat);

/* When the next thing is due; INT64_MAX: nothing any more. */
int64_t ladder_due_ms(const struct ladder *ladder, const struct climb *climb);

#endif
