/*
 * rule_count.h - how often something began within the last while.
 *
 * Exact: the condition is there as long as the at_least-th latest beginning is younger than the
 * window, so that only so many times are kept.
 */
#ifndef WATCHROOM_ALERTS_RULE_COUNT_H
#define WATCHROOM_ALERTS_RULE_COUNT_H

#include "alerts/rule.h"

struct rule_count {
    struct rule inner; /* begins when its answer becomes true; RULE_CHANGE: with each other value */
    int64_t window_ms;
    int64_t last_ms;  /* last reading; INT64_MIN: none yet */
    int64_t since_ms; /* observed since then, without a gap of a whole window */
    double value;     /* last one */
    uint16_t at_least, next;
    int64_t began_ms[]; /* at_least of them, a ring; INT64_MIN: none */
};

size_t rule_count_bytes(const struct alarm_type *type);
void rule_count_init(struct rule_count *count, const struct alarm_type *type);

/* A reading. */
void rule_count_note(struct rule_count *count, double value, int64_t ms);

/* So many within the window, at most at_least. */
uint16_t rule_count_of(const struct rule_count *count, int64_t now_ms);
/* A whole window has been observed. */
bool rule_count_is_full(const struct rule_count *count, int64_t now_ms);
/* When the count will fall below at_least, or the window be full, without another reading;
 * TIMER_NONE: never. */
int64_t rule_count_due_ms(const struct rule_count *count, int64_t now_ms);

#endif
