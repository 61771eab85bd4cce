/*
 * line_modbus.h - one TCP connection to a Modbus server and the one request under way on it.
 *
 * Connects when first asked, keeps the connection, closes it after any mismatch or timeout: an
 * answer that comes late must never meet the next request. Never blocks. Whose request it is, and
 * what its answer means, is the caller's.
 */
#ifndef WATCHROOM_COLLECTORS_LINE_MODBUS_H
#define WATCHROOM_COLLECTORS_LINE_MODBUS_H

#include "collectors/collect.h"
#include "collectors/frame_modbus.h"

struct line_modbus;

struct line_modbus_handlers {
    /* FRAME_WHOLE or FRAME_EXCEPTION; the next request may be made from inside. */
    void (*on_answer)(void *ctx, enum frame_state state, const struct frame_modbus_answer *answer);
    /* The connection is closed; `reason` is borrowed until the return. */
    void (*on_failure)(void *ctx, enum cause cause, const char *reason);
};

struct line_modbus_ask {
    struct frame_modbus_request request; /* its transaction id is given by the line */
    const struct modbus_limits *limits;  /* delays; borrowed until the request is over */
    uint32_t timeout_ms;                 /* of the connection attempt, and of the answer */
    const struct line_modbus_handlers *handlers;
    void *ctx;
};

/* `on_alive`: a connection was accepted after attempts that failed. NULL: out of memory. */
struct line_modbus *line_modbus_new(struct worker *worker, const struct sockaddr_in6 *address,
                                    void (*on_alive)(void *ctx), void *ctx);
void line_modbus_free(struct line_modbus *line);

/* Exactly one handler follows unless cancelled, perhaps before this returns. Not while busy. */
void line_modbus_ask(struct line_modbus *line, const struct line_modbus_ask *ask);
bool line_modbus_is_busy(const struct line_modbus *line);

/* Forget the request under way; where it was sent already, the connection goes with it. */
void line_modbus_cancel(struct line_modbus *line);

/* Hang up; not while busy. */
void line_modbus_close(struct line_modbus *line);

#endif
