/*
 * commands.h - what people order: the guards, the deed, the outcome, and a row of the journal for
 * each, refused ones too.
 *
 * Who orders is never taken from a payload: it is the topic level that the broker binds to an
 * identity, or the peer of the control socket.
 */
#ifndef WATCHROOM_ALERTS_COMMANDS_H
#define WATCHROOM_ALERTS_COMMANDS_H

#include "alerts/orders.h"
#include "gateway/base/msg.h"

#define COMMAND_RATE_PER_S 5
#define COMMAND_BURST 20
#define COMMAND_MEMORY_MS ((int64_t)86400000) /* how long a cid is remembered */

struct commands;

/* Copied; what it points to is borrowed. NULL: out of memory. */
struct commands *commands_new(const struct orders *orders);
void commands_free(struct commands *commands);

/* uid 0 and our own are the operator "local"; a user of the site file by his system_user; any other
 * who may open the socket looks on ("uid-<n>", a viewer). `out_name` keeps the name (ID_MAX). */
struct sender commands_sender_of(const struct commands *commands, int64_t uid, char *out_name);

/* The guard and the deed for a line of the control socket. */
struct outcome commands_order(struct commands *commands, const struct sender *sender,
                              const struct order_request *request, struct stamp now);

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
