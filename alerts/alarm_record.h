/*
 * alarm_record.h - one alarm as bytes, for engine_save and engine_restore.
 *
 * What is kept: regions, occurrence, chatter, the times people see, the shelf. Delays are not: the
 * time between a save and a restore was not observed.
 */
#ifndef WATCHROOM_ALERTS_ALARM_RECORD_H
#define WATCHROOM_ALERTS_ALARM_RECORD_H

#include "alerts/alarm_run.h"

#define ALARM_RECORD_BYTES 88

/* Returns the bytes written. */
size_t alarm_record_write(const struct alarm_run *run, uint8_t out[ENGINE_RECORD_MAX]);

/*
 * What fold.h keeps may follow behind the record of an alarm that is suppressed.
 *
 * False: not one of ours, or no state that an alarm can be in; `run` is untouched. The shelf's
 * timer is set, by UTC, but never for longer than was asked for: a clock that went back does not
 * make it longer. Other timers: alarm_run_settle.
 */
bool alarm_record_read(struct alarm_run *run, const void *record, size_t bytes, struct stamp now);

#endif
