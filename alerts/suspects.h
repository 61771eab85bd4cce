/*
 * suspects.h - messages that make the broker end the connection instead of refusing them.
 *
 * mosquitto 2.0.11 with "max_queued_messages 0" does so with every publish that its access list
 * denies; others do with what is too large for them. Sent again first in each new session, such a
 * message would keep all others from ever being told. So, after a connection broke with messages
 * under way, the next ones go singly, each after the answer to the one before: what the broker was
 * at is then known. Of a kind (event/<audience>, alarm, gw ...) that it broke at twice, nothing is
 * sent for a while, longer each time.
 */
#ifndef WATCHROOM_ALERTS_SUSPECTS_H
#define WATCHROOM_ALERTS_SUSPECTS_H

#include "gateway/base/base.h"

#define SUSPECTS_KINDS 24
#define SUSPECTS_STRIKES 2
#define SUSPECTS_BLOCK_FIRST_MS 60000
#define SUSPECTS_BLOCK_MAX_MS (INT64_C(3600) * 1000)
#define SUSPECTS_TRUST_AFTER 200 /* answers in a session, then messages go together again */

struct suspects {
    size_t prefix_bytes; /* of topics: "<root>/<site>/" */
    struct suspect_kind {
        char name[48];
        unsigned strikes;
        int64_t blocked_until_ms, block_ms; /* monotonic */
    } kinds[SUSPECTS_KINDS]; /* as met; later ones share the last */
    bool is_careful;
    bool was_refused;             /* by the last answer of this session */
    unsigned under_way, answered; /* in this session */
    uint8_t single;               /* kind of the one under way, when careful */
};

void suspects_init(struct suspects *suspects, size_t prefix_bytes);
/* A session begins: nothing is under way. */
void suspects_begin(struct suspects *suspects);

/* Nothing of its kind is sent now. */
bool suspects_is_blocked(struct suspects *suspects, const char *topic, int64_t now_ms);
/* False: when the answer to another one is there, ask again. */
bool suspects_may_send(const struct suspects *suspects, int qos);
void suspects_sent(struct suspects *suspects, const char *topic, int qos);
/* The answer to one of those sent. */
void suspects_answered(struct suspects *suspects, bool is_refused);
/* The connection broke. Returns the kind that is blocked for it, or NULL. */
const char *suspects_lost(struct suspects *suspects, int64_t now_ms);

#endif
