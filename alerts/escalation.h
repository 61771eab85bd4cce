/*
 * escalation.h - the climbs of all alarms: begun by what is told, ended by who answers, kept over
 * restarts.
 *
 * One climb per alarm and audience. An acknowledgement ends it, and starts the ack timeout; so does
 * a shelf, and whatever makes the alarm silent. A second occurrence does not start it anew. What
 * cleared and was not acknowledged climbs on when it is P1 or P2, marked "cleared". What is under
 * an announced test does not climb.
 *
 * Steps are rows of kind "escalation" (docs/architecture.md). Kept in the journal as facts
 * "climb.<audience>.<alarm id>" with UTC, monotonic time and boot id: the same boot goes on by the
 * monotonic clock, another one by UTC where it is synchronised and later, else from what remained.
 */
#ifndef WATCHROOM_ALERTS_ESCALATION_H
#define WATCHROOM_ALERTS_ESCALATION_H

#include "alerts/alarm_index.h"
#include "alerts/alarm_tell.h"

#define ESCALATION_POINT "escalation.state" /* of the gateway: 0 ok, 1 exhausted */

struct escalation;

/* A row was added for a step of this audience's ladder; for those who count. */
typedef void escalation_told(void *ctx, enum audience audience);

/* All borrowed; tell->engine must be there before any other call. `on_told` may be NULL. NULL: out
 * of memory. */
struct escalation *escalation_new(struct alarm_tell *tell, const struct alarm_index *index,
                                  escalation_told *on_told, void *ctx);
void escalation_free(struct escalation *escalation);

/* After the alarms were restored. */
enum err_code escalation_restore(struct escalation *escalation, struct stamp now,
                                 struct err *err) MUST_CHECK;

/* The engine did something to this alarm. */
void escalation_note(struct escalation *escalation, uint32_t alarm, uint32_t outputs,
                     struct stamp now);
/* Somebody said something about it: the ack timeout begins anew. */
void escalation_commented(struct escalation *escalation, uint32_t alarm, struct stamp now);

/* About once a second: adds rows for what is due. */
void escalation_tick(struct escalation *escalation, struct stamp now);

/* Of how many alarms nobody answered any rung. */
uint32_t escalation_exhausted(const struct escalation *escalation);
uint32_t escalation_climbing(const struct escalation *escalation);

#endif
