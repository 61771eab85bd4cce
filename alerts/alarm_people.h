/*
 * alarm_people.h - what people said of an alarm: who acknowledged it, who shelved it and until
 * when, who took it out of service, who tests it.
 *
 * Kept by alarm as canonical JSON, in memory and in the journal (facts "acked.<id>", "shelf.<id>"
 * ...), for as long as it says something about the alarm as it is.
 */
#ifndef WATCHROOM_ALERTS_ALARM_PEOPLE_H
#define WATCHROOM_ALERTS_ALARM_PEOPLE_H

#include "alerts/alarm_def.h"
#include "alerts/alarm_step.h"
#include "alerts/journal.h"

/* X(symbol, "member of the alarm object") */
#define ALARM_SAYINGS(X)                                                                           \
    X(ACKED, "acked")                                                                              \
    X(SHELF, "shelf")                                                                              \
    X(OOS, "oos")                                                                                  \
    X(TEST, "test")
enum alarm_saying {
#define SAYING_ENUM(symbol, name) SAYING_##symbol,
    ALARM_SAYINGS(SAYING_ENUM)
#undef SAYING_ENUM
        SAYING_COUNT
};

/* Canonical JSON each, borrowed; NULL: nobody said that. */
struct alarm_sayings {
    const char *text[SAYING_COUNT];
};

/* A person's order that is being carried out. */
struct alarm_order {
    const char *by;           /* user name */
    enum alarm_saying saying; /* what its text is kept as; SAYING_COUNT: nothing is kept */
    const char *text;         /* canonical JSON, borrowed while the order lasts */
};

struct saying_entry;

struct alarm_people {
    struct journal *journal;        /* borrowed, as the next */
    const struct alarm_def *alarms; /* by number */
    struct saying_entry *entries;   /* by alarm number */
};

void alarm_people_init(struct alarm_people *people, struct journal *journal,
                       const struct alarm_def *alarms);
void alarm_people_done(struct alarm_people *people);

/* Reads what was said of this alarm and still holds, after a restart. */
void alarm_people_load(struct alarm_people *people, uint32_t alarm,
                       const struct alarm_regions *regions);

/* After a step: keeps what the order said, forgets what no longer holds, gives what belongs into
 * the row. `order` NULL: nobody's order. Valid until the next call. */
struct alarm_sayings alarm_people_settle(struct alarm_people *people, uint32_t alarm,
                                         const struct alarm_regions *regions, uint32_t outputs,
                                         const struct alarm_order *order);

/* What holds of the alarm as it is. */
struct alarm_sayings alarm_people_said(const struct alarm_people *people, uint32_t alarm,
                                       const struct alarm_regions *regions);

#endif
