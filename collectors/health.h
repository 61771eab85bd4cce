/*
 * health.h - does a device answer: unknown, up, suspect, down; and when a down one is asked again.
 *
 * Pure: no clock, no I/O; fed outcomes, gives back effects. One record per device.
 */
#ifndef WATCHROOM_COLLECTORS_HEALTH_H
#define WATCHROOM_COLLECTORS_HEALTH_H

#include "gateway/base/msg.h"

#define HEALTH_BACKOFF_FIRST_MS 1000
/* Where the configuration says 0. */
#define HEALTH_DOWN_AFTER 3
#define HEALTH_UP_AFTER 2
#define HEALTH_BACKOFF_MAX_MS 30000

struct health_limits {
    uint16_t down_after; /* missed in a row */
    uint16_t up_after;   /* good in a row, of a down device */
    uint32_t backoff_max_ms;
};

struct health_record {
    int64_t since_utc_ms;
    float rtt_ms;    /* smoothed over the answered polls; 0: none yet */
    uint16_t missed; /* in a row */
    uint16_t good;   /* in a row, while down */
    uint8_t state;   /* enum health */
    uint8_t cause;   /* enum cause of the last miss */
    uint8_t tries;   /* of the back-off: how often it was doubled */
    bool life_spent; /* a sign of life led to a probe since the last regular one */
};

enum health_outcome { HEALTH_ANSWERED, HEALTH_MISSED, HEALTH_OUTCOME_COUNT };

/* What the caller still has to do, as bits. */
#define HEALTH_TELL (1u << 0)  /* the state is another one */
#define HEALTH_STOP (1u << 1)  /* polls end; a probe follows after health_backoff_ms() */
#define HEALTH_PROBE (1u << 2) /* still down: a probe follows after health_backoff_ms() */
#define HEALTH_POLL (1u << 3)  /* a down device answered: poll all of it now */

/* `cause` belongs to a miss. Returns the effects. */
unsigned health_apply(struct health_record *record, const struct health_limits *limits,
                      enum health_outcome outcome, enum cause cause, int64_t utc_ms);

/* Up, suspect and unknown devices are polled, and a down one from its first answer on. */
bool health_is_polled(const struct health_record *record);

/*
 * A connection was accepted, a late answer came, somebody asks: probe at once? Only a down device,
 * and once between two regular probes: one that only pretends to live must not be asked all day.
 */
bool health_take_life(struct health_record *record);
/* The back-off ran out, a regular probe begins. */
void health_take_probe(struct health_record *record);

/* Until the next probe: doubles from HEALTH_BACKOFF_FIRST_MS to the limit, less up to a quarter by
 * `seed`, so that what went down together is not probed together. A probe follows. */
uint32_t health_backoff_ms(struct health_record *record, const struct health_limits *limits,
                           uint32_t seed);

void health_smooth_rtt(struct health_record *record, float rtt_ms);

#endif
