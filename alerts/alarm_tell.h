/*
 * alarm_tell.h - the engine's transitions into the journal: one row each, the state with it, and
 * what people said of it.
 */
#ifndef WATCHROOM_ALERTS_ALARM_TELL_H
#define WATCHROOM_ALERTS_ALARM_TELL_H

#include "alerts/alarm_people.h"
#include "alerts/alarm_rows.h"
#include "alerts/alarms.h"
#include "alerts/engine.h"
#include "alerts/flood.h"
#include "alerts/journal.h"
#include "gateway/base/text.h"

struct alarm_tell {
    const struct alarms_params *params; /* borrowed, as the next two */
    struct engine *engine;
    struct journal *journal;
    const struct flood *flood; /* NULL: none is watched */
    /* A row was added for this transition; for those who must look at P1s. May be NULL. */
    void (*on_told)(void *ctx, const struct transition *transition, uint64_t seq);
    void *ctx;
    char boot[37];
    const char *clock;
    int64_t utc_ms;                  /* now: the row's stamp */
    const struct alarm_order *order; /* under way; NULL: nobody's */
    struct alarm_people people;
    uint32_t impacts[ALARM_IMPACTS_MAX]; /* of the alarm that is written now */
    struct text_buf object, members;
    uint64_t told, lost; /* rows; transitions that found no memory */
};

bool alarm_tell_init(struct alarm_tell *tell, const struct alarms_params *params,
                     struct journal *journal);
void alarm_tell_done(struct alarm_tell *tell);

/* The engine's sink; ctx is the struct alarm_tell. */
void alarm_tell_transition(void *ctx, const struct transition *transition);

/* After a restart: the state as the engine now holds it, when it differs from what was told. */
void alarm_tell_restored(struct alarm_tell *tell, uint32_t alarm);
/* Appends the alarm as it is now (no journal number); false: no such alarm. */
bool alarm_tell_write(struct alarm_tell *tell, uint32_t alarm, struct text_buf *out);

#endif
