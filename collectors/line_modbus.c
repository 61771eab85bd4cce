/*
 * line_modbus.c - one TCP connection to a Modbus server and the one request under way on it.
 *
 * libmodbus's own sockets are not used: its calls block (14.8 s on a server that drips one byte in
 * 300 ms) and end the process with a descriptor of 1024 or more. There is no resynchronisation:
 * after one frame that does not fit, every later one would be its predecessor's, so the connection
 * is closed. A server that had closed an idle connection gets a second try at once, once.
 */
#include "collectors/line_modbus.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"

#define BUFFER_BYTES (FRAME_MODBUS_MAX + 1) /* one more, to see what does not belong there */

enum line_state {
    LINE_CLOSED,
    LINE_CONNECTING,
    LINE_IDLE,
    LINE_PAUSING, /* a request waits for the connect delay or the quiet time to pass */
    LINE_WAITING, /* for the answer */
};

struct line_modbus {
    struct worker *worker;
    struct sockaddr_in6 address;
    void (*on_alive)(void *ctx);
    void *ctx;
    ev_io io;
    ev_timer timer;
    int64_t quiet_until_us; /* no request before; monotonic: the wall clock may be set back */
    int fd;
    enum line_state state;
    uint16_t tid;
    bool was_unreachable; /* the last attempt to connect failed */
    bool is_proven;       /* this connection has given an answer */
    bool has_retried;     /* the request under way had its second connection */
    struct line_modbus_ask ask;
    size_t received;
    uint8_t bytes[BUFFER_BYTES];
};

static void begin_request(struct line_modbus *line);

static void
watch(struct line_modbus *line, int events)
{
    ev_io_stop(line->worker->loop, &line->io);
    ev_io_set(&line->io, line->fd, events);
    ev_io_start(line->worker->loop, &line->io);
}

static void
start_timer(struct line_modbus *line, ev_tstamp seconds)
{
    ev_timer_stop(line->worker->loop, &line->timer);
    ev_timer_set(&line->timer, seconds, 0.);
    ev_timer_start(line->worker->loop, &line->timer);
}

static void
hang_up(struct line_modbus *line)
{
    ev_timer_stop(line->worker->loop, &line->timer);
    if (line->fd >= 0) {
        ev_io_stop(line->worker->loop, &line->io);
        close(line->fd);
    }
    line->fd = -1;
    line->state = LINE_CLOSED;
    line->is_proven = false;
}

/* The last thing a caller does: the handler may ask again or free the line. */
static void
fail(struct line_modbus *line, enum cause cause, const char *reason)
{
    hang_up(line);
    line->ask.handlers->on_failure(line->ask.ctx, cause, reason);
}

static void
fail_with(struct line_modbus *line, int error, const char *what)
{
    char reason[128];
    enum cause cause = CAUSE_REFUSED;

    if (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN)
        cause = CAUSE_TIMEOUT;
    snprintf(reason, sizeof reason, "%s: %s", what, strerror(error));
    fail(line, cause, reason);
}

static void
broken(struct line_modbus *line, const char *fault)
{
    worker_count(line->worker, STAT_REPLIES_BROKEN, 1);
    fail(line, CAUSE_PROTOCOL, fault);
}

static void
connect_failed(struct line_modbus *line, int error)
{
    line->was_unreachable = true;
    fail_with(line, error, "connect");
}

/* 0 when there is nothing to wait for: then no clock is read. */
static int64_t
quiet_until(uint16_t delay_ms)
{
    return delay_ms == 0 ? 0 : clock_mono_us() + delay_ms * INT64_C(1000);
}

static void
on_connected(struct line_modbus *line)
{
    uint16_t delay_ms = line->ask.limits->connect_delay_ms;

    watch(line, EV_READ);
    line->state = LINE_PAUSING;
    line->quiet_until_us = quiet_until(delay_ms);
    if (line->was_unreachable) {
        line->was_unreachable = false;
        line->on_alive(line->ctx);
        if (line->state != LINE_PAUSING)
            return;
    }
    begin_request(line);
}

static void
begin_connect(struct line_modbus *line)
{
    int family = line->address.sin6_family;
    socklen_t bytes = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int on = 1;

    line->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (line->fd < 0) {
        fail_with(line, errno, "socket");
        return;
    }
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    line->state = LINE_CONNECTING;
    if (connect(line->fd, (const struct sockaddr *)&line->address, bytes) == 0) {
        on_connected(line);
    } else if (errno == EINPROGRESS) {
        watch(line, EV_WRITE);
        start_timer(line, line->ask.timeout_ms / 1000.);
    } else {
        connect_failed(line, errno);
    }
}

/*
 * The connection ended before any byte of the answer. When it had served before, the server has
 * most likely closed it for idleness: that is no fault of the device.
 */
static void
lost(struct line_modbus *line, int error)
{
    if (line->is_proven && !line->has_retried) {
        line->has_retried = true;
        hang_up(line);
        begin_connect(line);
    } else if (error != 0) {
        fail_with(line, error, "connection lost");
    } else {
        fail(line, CAUSE_REFUSED, "the device closed the connection");
    }
}

static void
send_request(struct line_modbus *line)
{
    uint8_t bytes[FRAME_MODBUS_REQUEST_MAX];
    size_t length;

    line->ask.request.tid = ++line->tid;
    length = frame_modbus_build(&line->ask.request, bytes);
    assert(length > 0);
    line->received = 0;

    ssize_t sent = send(line->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0) {
        lost(line, errno);
        return;
    }
    if ((size_t)sent != length) {
        fail(line, CAUSE_TIMEOUT, "the device takes no requests");
        return;
    }
    worker_count(line->worker, STAT_REQUESTS, 1);
    line->state = LINE_WAITING;
    start_timer(line, line->ask.timeout_ms / 1000.);
}

/* Connected: send now, or when the pause is over. */
static void
begin_request(struct line_modbus *line)
{
    int64_t pause_us = line->quiet_until_us == 0 ? 0 : line->quiet_until_us - clock_mono_us();

    ev_timer_stop(line->worker->loop, &line->timer);
    if (pause_us <= 0) {
        send_request(line);
        return;
    }
    line->state = LINE_PAUSING;
    start_timer(line, (double)pause_us / 1e6);
}

static void
receive(struct line_modbus *line)
{
    struct frame_modbus_answer answer;
    ssize_t got =
        recv(line->fd, line->bytes + line->received, BUFFER_BYTES - line->received, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (line->received == 0)
            lost(line, got < 0 ? errno : 0);
        else
            broken(line, "the answer was cut off");
        return;
    }
    line->received += (size_t)got;

    enum frame_state state =
        frame_modbus_check(&line->ask.request, line->bytes, line->received, &answer);

    if (state == FRAME_MORE)
        return;
    if (state == FRAME_BROKEN) {
        broken(line, answer.fault);
        return;
    }
    ev_timer_stop(line->worker->loop, &line->timer);
    line->state = LINE_IDLE;
    line->is_proven = true;
    line->quiet_until_us = quiet_until(line->ask.limits->delay_ms);
    line->ask.handlers->on_answer(line->ask.ctx, state, &answer);
}

/* Something on a connection where nothing is due: its end, or bytes that are nobody's. */
static void
receive_stray(struct line_modbus *line)
{
    ssize_t got = recv(line->fd, line->bytes, BUFFER_BYTES, MSG_DONTWAIT);
    bool has_request = line->state == LINE_PAUSING;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        worker_count(line->worker, STAT_REPLIES_STRAY, 1);
    if (has_request)
        lost(line, got < 0 ? errno : 0);
    else
        hang_up(line);
}

static void
on_io(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct line_modbus *line = watcher->data;

    (void)loop;
    (void)events;
    if (line->state == LINE_CONNECTING) {
        int error = 0;
        socklen_t bytes = sizeof error;

        if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
            error = errno;
        if (error != 0)
            connect_failed(line, error);
        else
            on_connected(line);
    } else if (line->state == LINE_WAITING) {
        receive(line);
    } else {
        receive_stray(line);
    }
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct line_modbus *line = watcher->data;
    char reason[96];

    (void)loop;
    (void)events;
    if (line->state == LINE_PAUSING) {
        send_request(line);
        return;
    }
    if (line->state == LINE_CONNECTING) {
        line->was_unreachable = true;
        snprintf(reason, sizeof reason, "connect: no answer in %u ms", line->ask.timeout_ms);
    } else if (line->received > 0) {
        worker_count(line->worker, STAT_REPLIES_BROKEN, 1);
        snprintf(reason, sizeof reason, "only %zu bytes of the answer in %u ms", line->received,
                 line->ask.timeout_ms);
    } else {
        snprintf(reason, sizeof reason, "no answer in %u ms", line->ask.timeout_ms);
    }
    fail(line, CAUSE_TIMEOUT, reason);
}

struct line_modbus *
line_modbus_new(struct worker *worker, const struct sockaddr_in6 *address,
                void (*on_alive)(void *ctx), void *ctx)
{
    struct line_modbus *line = calloc(1, sizeof *line);

    if (line == NULL)
        return NULL;
    line->worker = worker;
    line->address = *address;
    line->on_alive = on_alive;
    line->ctx = ctx;
    line->fd = -1;
    ev_init(&line->io, on_io);
    /* After a stall of the loop an answer that is there goes before the timeout it missed. */
    ev_set_priority(&line->io, 1);
    ev_init(&line->timer, on_timer);
    line->io.data = line;
    line->timer.data = line;
    return line;
}

void
line_modbus_free(struct line_modbus *line)
{
    if (line == NULL)
        return;
    hang_up(line);
    free(line);
}

bool
line_modbus_is_busy(const struct line_modbus *line)
{
    return line->state != LINE_CLOSED && line->state != LINE_IDLE;
}

void
line_modbus_ask(struct line_modbus *line, const struct line_modbus_ask *ask)
{
    assert(!line_modbus_is_busy(line));
    line->ask = *ask;
    line->has_retried = false;
    if (line->fd < 0)
        begin_connect(line);
    else
        begin_request(line);
}

void
line_modbus_cancel(struct line_modbus *line)
{
    if (line->state == LINE_PAUSING) {
        ev_timer_stop(line->worker->loop, &line->timer);
        line->state = LINE_IDLE;
    } else if (line_modbus_is_busy(line)) {
        hang_up(line);
    }
}

void
line_modbus_close(struct line_modbus *line)
{
    assert(!line_modbus_is_busy(line));
    hang_up(line);
}
