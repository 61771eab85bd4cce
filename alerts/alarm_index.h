/*
 * alarm_index.h - alarm ids to numbers: four bytes an alarm, made once.
 */
#ifndef WATCHROOM_ALERTS_ALARM_INDEX_H
#define WATCHROOM_ALERTS_ALARM_INDEX_H

#include "alerts/alarm_def.h"

struct alarm_index {
    const struct alarm_def *alarms; /* borrowed */
    uint32_t *sorted;
    uint32_t count;
};

bool alarm_index_init(struct alarm_index *index, const struct alarm_def *alarms, uint32_t limit);
void alarm_index_done(struct alarm_index *index);
bool alarm_index_find(const struct alarm_index *index, const char *id, uint32_t *out_alarm);

#endif
