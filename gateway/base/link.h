/*
 * link.h - one end of a link between two processes, on the loop of one of them.
 *
 * Sending never blocks and never queues: when the peer lags, link_send says so and the caller, who
 * knows what may be merged, dropped or must wait, decides. Receiving reads at most
 * LINK_BUDGET messages a turn, so that no peer starves the loop.
 */
#ifndef WATCHROOM_BASE_LINK_H
#define WATCHROOM_BASE_LINK_H

#include "gateway/base/err.h"
#include "gateway/base/loop.h"
#include "gateway/base/msg.h"

#define LINK_BUDGET 64

struct link;

struct link_handlers {
    /* A sound message; `body` is borrowed until the return, aligned for any struct of msg.h. */
    void (*on_message)(void *ctx, const struct msg_head *head, const void *body);
    /* After link_send returned false: there is room again. May be NULL. */
    void (*on_writable)(void *ctx);
    /* The other end is closed for good (only ever the master's). May be NULL. */
    void (*on_closed)(void *ctx);
};

/* Takes `fd` (made non-blocking); starts watching. NULL: out of memory. */
struct link *link_new(struct ev_loop *loop, int fd, uint32_t generation,
                      const struct link_handlers *handlers, void *ctx);
void link_free(struct link *link);

/*
 * True: taken by the kernel, will be read by this or a later incarnation of the peer. False: the
 * peer lags (on_writable follows) or is gone; nothing was sent.
 */
bool link_send(struct link *link, enum msg_type type, size_t count, const void *entries);
/* A head part (`fixed`, may be NULL) and a blob behind it. */
bool link_send_blob(struct link *link, enum msg_type type, const void *fixed, size_t fixed_bytes,
                    const void *blob, size_t blob_bytes);

/* Says who we are; when the peer has no room, it goes before anything sent later. */
void link_hello(struct link *link, uint64_t incarnation);

/* Messages that were not sound, since link_new. */
uint64_t link_unsound(const struct link *link);

/* A pair with large buffers, close-on-exec; for the master and for tests. */
enum err_code link_pair(int out_fds[2], struct err *err) MUST_CHECK;

#endif
