/*
 * control_client.h - one question to the running gateway over its control socket.
 */
#ifndef WATCHROOM_GATEWAY_CONTROL_CLIENT_H
#define WATCHROOM_GATEWAY_CONTROL_CLIENT_H

#include "gateway/base/err.h"
#include "gateway/base/json.h"

#define CONTROL_SOCKET_DEFAULT "/run/watchroom/control"

/*
 * Sends `request` (borrowed) as one line to the control socket - `socket`, else $WATCHROOM_SOCKET,
 * else CONTROL_SOCKET_DEFAULT - and gives the answering line (a new reference). Blocks for at most
 * 30 s.
 */
enum err_code control_call(const char *socket, json_t *request, json_t **out_reply,
                           struct err *err) MUST_CHECK;

#endif
