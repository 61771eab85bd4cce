/*
 * orders.h - the deeds behind the verbs: what an order that passed the guards does.
 *
 * Whether this person may do this to this alarm is asked here (roles.h); who the person is, and
 * whether the order is fresh, was asked before (commands.h).
 */
#ifndef WATCHROOM_ALERTS_ORDERS_H
#define WATCHROOM_ALERTS_ORDERS_H

#include "alerts/alarm_index.h"
#include "alerts/alarm_tell.h"
#include "alerts/escalation.h"
#include "alerts/requests.h"
#include "alerts/spells.h"
#include "gateway/base/json.h"

struct sender {
    const char *user;   /* borrowed: name of the site file, or "local" */
    const char *source; /* "mqtt" or "control" */
    const char *owner;  /* of the devices that are his; NULL: none are */
    uint8_t role;       /* enum role */
    uint8_t audiences;  /* AUDIENCE_BIT()s */
    int64_t uid;        /* of the control socket; -1 */
};

/* X(symbol, "code"): alarms told to people read these. */
#define OUTCOMES(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(DUPLICATE, "duplicate")                                                                      \
    X(STALE_OCCURRENCE, "stale-occurrence")                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(DENIED, "denied")                                                                            \
    X(NOT_SHELVABLE, "not-shelvable")                                                              \
    X(ACK_FIRST, "ack-first")                                                                      \
    X(BAD_REQUEST, "bad-request")                                                                  \
    X(RATE_LIMITED, "rate-limited")                                                                \
    X(EXERCISE_ONLY, "exercise-only")
enum outcome_code {
#define OUTCOME_ENUM(symbol, name) OUTCOME_##symbol,
    OUTCOMES(OUTCOME_ENUM)
#undef OUTCOME_ENUM
        OUTCOME_COUNT
};
const char *outcome_name(enum outcome_code code);

struct outcome {
    enum outcome_code code;
    char error[200]; /* in words; "" with OUTCOME_OK */
    uint32_t occ;    /* of the alarm, when it was found */
    /* Members of the answer besides: "awaiting" (the second person), "results" (of a group), the
     * page of a get. Owned; NULL: none. */
    json_t *more;
};

struct outcome outcome_of(enum outcome_code code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What the deeds are done with; all borrowed. */
struct orders {
    const struct alarms_params *params;
    struct alarm_tell *tell;
    const struct alarm_index *index;
    struct spells *spells;
    struct escalation *escalation; /* NULL: none */
};

/* For how long the second person may take to say so, too. */
#define ORDERS_SECOND_MS INT64_C(600000)

struct outcome orders_do(const struct orders *orders, const struct sender *sender,
                         const struct order_request *request, struct stamp now);

#endif
