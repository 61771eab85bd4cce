/*
 * refusals.h - what the broker refuses: counted, told once a minute for each topic, and a reason to
 * call the gateway degraded for as long as it goes on.
 */
#ifndef WATCHROOM_ALERTS_REFUSALS_H
#define WATCHROOM_ALERTS_REFUSALS_H

#include "gateway/base/base.h"

#define REFUSALS_TOPICS 16 /* remembered; of more the longest unseen is told again sooner */
#define REFUSALS_MS 60000

struct refusals {
    uint64_t count;
    int64_t last_ms;
    char reason[176];
    struct refused_topic {
        char topic[TOPIC_ID_MAX];
        int64_t told_ms;
    } topics[REFUSALS_TOPICS];
};

/* True: it is time to say so. */
bool refusals_note(struct refusals *refusals, const char *topic, const char *reason,
                   int64_t now_ms);
/* What was refused last; NULL when that is more than a minute ago. */
const char *refusals_reason(const struct refusals *refusals, int64_t now_ms);

#endif
