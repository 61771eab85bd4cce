/*
 * health.h - is a device up? Pure: outcomes in, verdicts out.
 *
 *   unknown --answer--> up --miss--> suspect --down_after misses in a row--> down
 *   down --answer--> suspect (polled again at once) --up_after answers in a row--> up
 */
#ifndef WATCHROOM_COLLECTORS_HEALTH_H
#define WATCHROOM_COLLECTORS_HEALTH_H

#include "gateway/base/msg.h"

#define HEALTH_DOWN_AFTER 3
#define HEALTH_UP_AFTER 2
#define HEALTH_BACKOFF_MIN_MS 1000
#define HEALTH_BACKOFF_MAX_MS 30000

struct health_limits {
    uint16_t down_after, up_after;
    uint32_t backoff_max_ms;
};

struct health_state {
    uint8_t health;            /* enum health */
    uint16_t missed, answered; /* in a row */
    uint32_t backoff_ms;       /* to the next probe, while down */
};

/* Zeros in `limits` become the defaults above. */
struct health_limits health_limits_of(uint16_t down_after, uint16_t up_after,
                                      uint32_t backoff_max_ms);

/* It answered. True: the health changed. */
bool health_answer(struct health_state *state, const struct health_limits *limits);
/* It did not. True: the health changed. */
bool health_miss(struct health_state *state, const struct health_limits *limits);

/* How long to wait before the next probe of a device that is down: doubles up to the limit, and
 * `noise` (any number) spreads devices that fell together by up to a quarter. */
uint32_t health_next_probe_ms(struct health_state *state, const struct health_limits *limits,
                              uint32_t noise);

#endif
