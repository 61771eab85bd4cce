/*
 * flood.h - is an audience told more than people can take in?
 *
 * So many alarms told to one audience within a time begin a flood; it ends when fewer have been
 * told within that time (EEMUA 191: ten in ten minutes, below five). Pure: time comes with each
 * call, nothing is allocated.
 */
#ifndef WATCHROOM_ALERTS_FLOOD_H
#define WATCHROOM_ALERTS_FLOOD_H

#include "alerts/alarm_def.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#define FLOOD_MAX 1000 /* alarms told that are remembered, and the highest limit */

struct flood_limits {
    uint32_t begin, end; /* 1 <= end <= begin <= FLOOD_MAX; begin 0: there is no flood */
    int64_t within_ms;
};
#define FLOOD_LIMITS_DEFAULT ((struct flood_limits){10, 5, 600000})

struct flood {
    struct flood_limits limits;
    struct flood_of {
        bool is_flood;
        uint32_t told;               /* since it began, with those that made it begin */
        int64_t since_utc_ms;        /* when it began */
        int64_t times_ms[FLOOD_MAX]; /* monotonic, of the newest alarms told: a ring */
        uint32_t newest, count;
    } of[AUDIENCE_COUNT];
};

void flood_init(struct flood *flood, const struct flood_limits *limits);

/* An alarm is told to these audiences (AUDIENCE_BIT()s); returns those for whom a flood begins. */
unsigned flood_note(struct flood *flood, unsigned audiences, struct stamp now);
/* Returns the audiences whose flood has ended. */
unsigned flood_tick(struct flood *flood, struct stamp now);

/* Audiences in a flood. */
unsigned flood_audiences(const struct flood *flood);
/* Their names as an array; a new reference. */
json_t *flood_names(unsigned audiences);
/* How many were told within the time; FLOOD_MAX stands for as many or more. */
uint32_t flood_recent(const struct flood *flood, enum audience audience, int64_t mono_ms);
/* Shall an alarm told now make a sound? P3 and P4 do not while all their audiences are in a flood.
 */
bool flood_is_audible(const struct flood *flood, unsigned audiences, unsigned priority);

/* One audience as text, for the journal, and back after a restart: what was told stays told, as
 * long ago as UTC says; with a clock gone backwards as if just now. False: it is none of ours. */
#define FLOOD_TEXT_MAX (64 + 24 * FLOOD_MAX)
void flood_write(const struct flood *flood, enum audience audience, struct stamp now, char *out,
                 size_t size);
bool flood_read(struct flood *flood, enum audience audience, const char *text, struct stamp now);

#endif
