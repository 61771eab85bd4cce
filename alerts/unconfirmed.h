/*
 * unconfirmed.h - P1 alarms that the broker has not confirmed: the way to a person without it.
 *
 * A told P1 whose row is still past the courier's cursor after the configured time runs the
 * configured command, once per occurrence (also over restarts), with the alarm as JSON on its
 * stdin.
 */
#ifndef WATCHROOM_ALERTS_UNCONFIRMED_H
#define WATCHROOM_ALERTS_UNCONFIRMED_H

#include "alerts/alarm_tell.h"
#include "gateway/base/loop.h"

#define UNCONFIRMED_CHILDREN_MAX 4
#define UNCONFIRMED_QUEUE_MAX 1000
#define UNCONFIRMED_RUN_MS 30000

struct unconfirmed;

/* All borrowed. NULL: out of memory. */
struct unconfirmed *unconfirmed_new(struct ev_loop *loop, const struct alarms_params *params,
                                    struct alarm_tell *tell);
void unconfirmed_free(struct unconfirmed *unconfirmed); /* kills what runs */

/* A P1 was told with this row. */
void unconfirmed_note(struct unconfirmed *unconfirmed, uint32_t alarm, uint32_t occ, uint64_t seq,
                      int64_t mono_ms);
/* The broker has confirmed up to here. */
void unconfirmed_cursor(struct unconfirmed *unconfirmed, uint64_t seq);
/* The broker refused this row. True: it was a P1 that waits, and waits no longer: the command is due
 * now, whatever is confirmed later. */
bool unconfirmed_refused(struct unconfirmed *unconfirmed, uint64_t seq);
/* About once a second. Is one of them overdue? */
bool unconfirmed_tick(struct unconfirmed *unconfirmed, struct stamp now);

#endif
