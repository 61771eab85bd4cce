/*
 * commands.h - what people order: the guards, the deed, the outcome, and a row of the journal for
 * each, refused ones too.
 *
 * Who orders is never taken from a payload: it is the topic level that the broker binds to an
 * identity, or the peer of the control socket.
 */
#ifndef WATCHROOM_ALERTS_COMMANDS_H
#define WATCHROOM_ALERTS_COMMANDS_H

#include "alerts/alarm_index.h"
#include "alerts/alarm_tell.h"
#include "alerts/requests.h"
#include "gateway/base/msg.h"

#define COMMAND_RATE_PER_S 5
#define COMMAND_BURST 20
#define COMMAND_MEMORY_MS ((int64_t)86400000) /* how long a cid is remembered */

struct sender {
    const char *user;   /* borrowed: name of the site file, or "local" */
    const char *source; /* "mqtt" or "control" */
    uint8_t role;       /* enum role */
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
};

struct commands;

/* All borrowed. NULL: out of memory. */
struct commands *commands_new(const struct alarms_params *params, struct alarm_tell *tell,
                              const struct alarm_index *index);
void commands_free(struct commands *commands);

/* uid 0 and our own are the operator "local"; a user of the site file by his system_user; any other
 * who may open the socket looks on ("uid-<n>", a viewer). `out_name` keeps the name (ID_MAX). */
struct sender commands_sender_of(const struct commands *commands, int64_t uid, char *out_name);

/* The guard and the deed for a line of the control socket. */
struct outcome commands_ack(struct commands *commands, const struct sender *sender,
                            const struct request_ack *ack, struct stamp now);

/*
 * A command of the broker. Puts the outcome's JSON into `out`; sends nothing: first comes the
 * commit. An untrustworthy response topic is cleared in `command`. False: nobody is to be answered.
 */
bool commands_take(struct commands *commands, struct msg_command *command, const char *payload,
                   size_t bytes, struct stamp now, struct text_buf *out);

/* About once a second: refusals for the rate that are not on record yet. */
void commands_tick(struct commands *commands, struct stamp now);

uint64_t commands_judged(const struct commands *commands);
uint64_t commands_refused(const struct commands *commands);

#endif
