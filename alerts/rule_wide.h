/*
 * rule_wide.h - the rules that look at more than the last value of one point: at earlier ones
 * (rise, fall, change, count, silent) or at other points (difference, expressions).
 *
 * All of an engine's in one block of memory, so that plain rules stay small. What an answer needs
 * and was not observed is unknown, and unknown changes nothing: windows and clocks start empty
 * after a restart, so that what was told before it stands until it is known to be over.
 */
#ifndef WATCHROOM_ALERTS_RULE_WIDE_H
#define WATCHROOM_ALERTS_RULE_WIDE_H

#include "alerts/rule.h"

/* Of a point, when a rule is judged. */
enum input_state {
    INPUT_KNOWN,  /* the last reading was good */
    INPUT_LOST,   /* it was not, or there is none yet; the stale time has not run out */
    INPUT_STALE,  /* it has */
    INPUT_ABSENT, /* not applicable */
};

struct wide_input {
    double value; /* INPUT_KNOWN */
    uint8_t state;
};

struct rule_wide;

/* For as many alarms as will be added. NULL: out of memory. */
struct rule_wide *rule_wide_new(const struct alarm_def *alarms, uint32_t alarm_limit);
void rule_wide_free(struct rule_wide *wide);

/* At set-up; once per alarm with a wide rule, in order. Returns its number. */
uint32_t rule_wide_add(struct rule_wide *wide, uint32_t alarm, const struct alarm_type *type,
                       int64_t start_ms);
uint32_t rule_wide_alarm(const struct rule_wide *wide, uint32_t number);

/* The time to judge it at: readings of several points come in any order, an alarm's time does not
 * go back. */
int64_t rule_wide_time(struct rule_wide *wide, uint32_t number, int64_t now_ms);

/*
 * The answer at `now_ms`; `was_met` is the last known one. `is_reading`: the first input has just
 * been read, else only time, quality or another input changed.
 */
enum verdict rule_wide_judge(struct rule_wide *wide, uint32_t number,
                             const struct wide_input *inputs, bool was_met, bool is_reading,
                             int64_t now_ms);

/* What an answer was about: how far it rose, how many began, the difference. NAN: nothing known
 * yet, or the rule shows its point. */
double rule_wide_value(const struct rule_wide *wide, uint32_t number);

/* When the answer may change by itself; TIMER_NONE. */
int64_t rule_wide_due_ms(const struct rule_wide *wide, uint32_t number);
/* Of all: not later than the first is due, and exactly that when it is due by `now_ms`; and which.
 */
int64_t rule_wide_next_ms(struct rule_wide *wide, int64_t now_ms);
uint32_t rule_wide_first(const struct rule_wide *wide);

#endif
