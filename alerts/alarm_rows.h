/*
 * alarm_rows.h - an alarm's state and transition as JSON: rows, retained payloads, answers.
 *
 * Pure: writes canonical JSON (gateway/base/json.h) from what it is given. Keys are those of
 * docs/architecture.md, "The alarm object"; what is unknown is left out.
 */
#ifndef WATCHROOM_ALERTS_ALARM_ROWS_H
#define WATCHROOM_ALERTS_ALARM_ROWS_H

#include "alerts/alarm_people.h"
#include "alerts/engine.h"
#include "gateway/base/point.h"
#include "gateway/base/text.h"

#define ALARM_IMPACTS_MAX 100

/* What an alarm object says besides definition and state. */
struct alarm_facts {
    const struct directory *directory;
    const char *boot;               /* boot id of the kernel */
    const char *clock;              /* clock_state_name() */
    struct alarm_sayings said;      /* of people */
    const char *supp_by;            /* id of the root it is suppressed under; NULL: none */
    const struct alarm_def *alarms; /* what the numbers below mean */
    const uint32_t *impacts;        /* those suppressed under it, ALARM_IMPACTS_MAX at most */
    uint32_t impact_count;          /* how many there are, also those not listed */
    uint64_t seq;                   /* journal number of the row; 0: not told */
    int64_t utc_ms;                 /* of the transition */
};

/*
 * Appends the object. Returns the offset within it at which "hash":"...", belongs.
 */
size_t alarm_rows_object(struct text_buf *out, const struct alarm_def *def,
                         const struct alarm_state *state, const struct alarm_facts *facts);

/* Appends the names of the outputs: ["raised","annunciate"]. */
void alarm_rows_change(struct text_buf *out, uint32_t outputs);

#endif
