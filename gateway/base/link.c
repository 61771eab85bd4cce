/*
 * link.c - one end of a link between two processes, on the loop of one of them.
 */
#include "gateway/base/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for about thirty full messages; the kernel may cap it (net.core.wmem_max). */
#define LINK_BUFFER_BYTES (4 * 1024 * 1024)

struct link {
    struct ev_loop *loop;
    ev_io readable, writable;
    struct link_handlers handlers;
    void *ctx;
    int fd;
    uint32_t generation;
    uint64_t unsound;
    bool owes_hello; /* the peer had no room for it yet; nothing may go before it */
    struct msg_hello hello;
    bool *freed; /* set when a handler frees the link under us */
    struct {
        struct msg_head head;
        _Alignas(max_align_t) char body[MSG_BYTES_MAX];
    } in;
};

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct link *link = watcher->data;
    bool freed = false;

    (void)events;
    link->freed = &freed;
    for (int i = 0; i < LINK_BUDGET; i++) {
        struct iovec parts[] = {{&link->in.head, sizeof link->in.head},
                                {link->in.body, sizeof link->in.body}};
        struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t got = recvmsg(link->fd, &msg, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got <= 0) {
            ev_io_stop(loop, &link->readable);
            ev_io_stop(loop, &link->writable);
            if (link->handlers.on_closed != NULL)
                link->handlers.on_closed(link->ctx);
            break;
        }
        if ((size_t)got < sizeof link->in.head || (msg.msg_flags & MSG_TRUNC) != 0 ||
            !msg_is_sound(&link->in.head, (size_t)got - sizeof link->in.head)) {
            link->unsound++;
            continue;
        }
        link->handlers.on_message(link->ctx, &link->in.head, link->in.body);
        if (freed)
            return;
    }
    if (!freed)
        link->freed = NULL;
}

static void
on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct link *link = watcher->data;

    (void)events;
    ev_io_stop(loop, watcher);
    if (link->handlers.on_writable != NULL)
        link->handlers.on_writable(link->ctx);
}

struct link *
link_new(struct ev_loop *loop, int fd, uint32_t generation, const struct link_handlers *handlers,
         void *ctx)
{
    struct link *link = malloc(sizeof *link);

    assert(handlers->on_message != NULL);
    if (link == NULL)
        return NULL;
    memset(link, 0, offsetof(struct link, in));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    link->loop = loop;
    link->fd = fd;
    link->generation = generation;
    link->handlers = *handlers;
    link->ctx = ctx;
    ev_io_init(&link->readable, on_readable, fd, EV_READ);
    ev_io_init(&link->writable, on_writable, fd, EV_WRITE);
    link->readable.data = link;
    link->writable.data = link;
    ev_io_start(loop, &link->readable);
    return link;
}

void
link_free(struct link *link)
{
    if (link == NULL)
        return;
    if (link->freed != NULL)
        *link->freed = true;
    ev_io_stop(link->loop, &link->readable);
    ev_io_stop(link->loop, &link->writable);
    close(link->fd);
    free(link);
}

static bool
send_parts(struct link *link, enum msg_type type, size_t count, struct iovec *parts, int part_count)
{
    size_t bytes = 0;

    if (link->owes_hello && type != MSG_HELLO) {
        if (!link_send(link, MSG_HELLO, 1, &link->hello))
            return false;
        link->owes_hello = false;
    }
    for (int i = 1; i < part_count; i++)
        bytes += parts[i].iov_len;
    assert(bytes <= MSG_BYTES_MAX && count <= UINT16_MAX);

    struct msg_head head = {.type = (uint16_t)type,
                            .count = (uint16_t)count,
                            .generation = link->generation,
                            .bytes = (uint32_t)bytes};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = (size_t)part_count};

    assert(msg_is_sound(&head, bytes));
    parts[0] = (struct iovec){&head, sizeof head};
    ssize_t sent;
    do
        sent = sendmsg(link->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return true;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
        ev_io_start(link->loop, &link->writable);
    return false;
}

bool
link_send(struct link *link, enum msg_type type, size_t count, const void *entries)
{
    struct iovec parts[2] = {{0}, {(void *)(uintptr_t)entries, count * msg_entry_bytes(type)}};

    return send_parts(link, type, count, parts, 2);
}

bool
link_send_blob(struct link *link, enum msg_type type, const void *fixed, size_t fixed_bytes,
               const void *blob, size_t blob_bytes)
{
    struct iovec parts[3] = {
        {0}, {(void *)(uintptr_t)fixed, fixed_bytes}, {(void *)(uintptr_t)blob, blob_bytes}};

    return send_parts(link, type, 1, parts, 3);
}

void
link_hello(struct link *link, uint64_t incarnation)
{
    link->hello.incarnation = incarnation;
    link->owes_hello = !link_send(link, MSG_HELLO, 1, &link->hello);
}

uint64_t
link_unsound(const struct link *link)
{
    return link->unsound;
}

enum err_code
link_pair(int out_fds[2], struct err *err)
{
    const int size = LINK_BUFFER_BYTES;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    out_fds[0] = fds[0];
    out_fds[1] = fds[1];
    return ERR_OK;
}
