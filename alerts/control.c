/*
 * control.c - the control socket: clients, lines, answers.
 */
#include "alerts/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alerts/json_write.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#define CHUNK_BYTES ((size_t)64 * 1024)        /* a producer is asked again below this */
#define OUTPUT_BYTES_MAX ((size_t)1024 * 1024) /* held for one client at a time */
#define TURN_BYTES_MAX ((size_t)256 * 1024)    /* sent to one client in one turn of the loop */
#define ACCEPT_BUDGET 16

enum client_state { CLIENT_READING, CLIENT_WAITING, CLIENT_WRITING };

struct control_client {
    struct control *control;
    struct control_client *next;
    ev_io readable, writable;
    int fd;
    enum client_state state;
    struct control_peer peer;
    uint64_t ticket;
    int64_t active_mono_ms;
    bool ends; /* after what is written now */
    char line[REQUEST_LINE_BYTES_MAX];
    size_t line_bytes;
    struct text_buf out;
    size_t sent;
    control_producer *produce; /* NULL: nothing more comes */
    struct control_cursor cursor;
};

struct control {
    struct ev_loop *loop;
    ev_io acceptable;
    control_handler *on_request;
    void *ctx;
    struct control_client *clients;
    unsigned count;
    uint64_t tickets;
};

static void
drop(struct control_client *client)
{
    struct control *control = client->control;

    for (struct control_client **at = &control->clients; *at != NULL; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    ev_io_stop(control->loop, &client->readable);
    ev_io_stop(control->loop, &client->writable);
    close(client->fd);
    text_buf_done(&client->out);
    free(client);
    /* A place is free again. */
    if (--control->count < CONTROL_CLIENTS_MAX)
        ev_io_start(control->loop, &control->acceptable);
}

/* Sends what is there and what more the producer gives, as long as the peer takes it. False: the
 * client is gone. */
static bool
push(struct control_client *client)
{
    struct control *control = client->control;
    size_t pushed = 0;

    for (;;) {
        if (client->sent == client->out.length) {
            text_buf_reset(&client->out);
            client->sent = 0;
            while (client->produce != NULL && client->out.length < CHUNK_BYTES)
                if (!client->produce(control->ctx, &client->cursor, &client->out))
                    client->produce = NULL;
            if (client->out.failed) { /* half an answer would be taken for a whole one */
                drop(client);
                return false;
            }
            if (client->out.length == 0)
                break;
        }
        ssize_t sent = send(client->fd, client->out.data + client->sent,
                            client->out.length - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (pushed >= TURN_BYTES_MAX || (sent < 0 && errno == EAGAIN)) {
            client->sent += sent > 0 ? (size_t)sent : 0;
            ev_io_start(control->loop, &client->writable);
            return true;
        }
        if (sent <= 0) {
            drop(client);
            return false;
        }
        client->sent += (size_t)sent;
        pushed += (size_t)sent;
        client->active_mono_ms = clock_now().mono_ms;
    }
    ev_io_stop(control->loop, &client->writable);
    if (client->ends) {
        drop(client);
        return false;
    }
    client->state = CLIENT_READING;
    ev_io_start(control->loop, &client->readable);
    return true;
}

static void take_lines(struct control_client *client);

static void
on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct control_client *client = watcher->data;

    (void)loop;
    (void)events;
    if (push(client) && client->state == CLIENT_READING)
        take_lines(client);
}

/* Lets the loop write: whoever answers may be in the middle of a request. */
static void
start_writing(struct control_client *client)
{
    client->state = CLIENT_WRITING;
    client->active_mono_ms = clock_now().mono_ms;
    ev_io_stop(client->control->loop, &client->readable);
    ev_io_start(client->control->loop, &client->writable);
}

void
control_answer(struct control_client *client, const char *text, size_t bytes)
{
    text_buf_add_bytes(&client->out, text, bytes);
    text_buf_add_bytes(&client->out, "\n", 1);
    start_writing(client);
}

void
control_refuse(struct control_client *client, const char *code, const char *error)
{
    text_buf_add_bytes(&client->out, "{", 1);
    json_write_text(&client->out, "code", code);
    json_write_text(&client->out, "error", error);
    text_buf_add(&client->out, ",\"ok\":false}\n");
    start_writing(client);
}

void
control_stream(struct control_client *client, control_producer *produce,
               struct control_cursor cursor)
{
    client->produce = produce;
    client->cursor = cursor;
    start_writing(client);
}

uint64_t
control_wait(struct control_client *client)
{
    client->state = CLIENT_WAITING;
    client->active_mono_ms = clock_now().mono_ms;
    client->ticket = ++client->control->tickets;
    ev_io_stop(client->control->loop, &client->readable);
    return client->ticket;
}

struct control_client *
control_find(struct control *control, uint64_t ticket)
{
    for (struct control_client *client = control->clients; client != NULL; client = client->next)
        if (client->state == CLIENT_WAITING && client->ticket == ticket)
            return client;
    return NULL;
}

struct control_peer
control_peer(const struct control_client *client)
{
    return client->peer;
}

static void
take_line(struct control_client *client, size_t bytes)
{
    struct control_request request;
    char reason[200];

    if (request_parse_control(client->line, bytes, &request, reason, sizeof reason))
        client->control->on_request(client->control->ctx, client, &request);
    else
        control_refuse(client, "bad-request", reason);
}

/* Whole lines, one after the other, each when the answer to the one before has gone. */
static void
take_lines(struct control_client *client)
{
    const char *end = memchr(client->line, '\n', client->line_bytes);

    if (end != NULL) {
        size_t bytes = (size_t)(end - client->line);

        take_line(client, bytes);
        client->line_bytes -= bytes + 1;
        memmove(client->line, end + 1, client->line_bytes);
    } else if (client->line_bytes == sizeof client->line) {
        client->ends = true;
        control_refuse(client, "bad-request", "the line is too long");
    }
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct control_client *client = watcher->data;
    ssize_t got = recv(client->fd, client->line + client->line_bytes,
                       sizeof client->line - client->line_bytes, MSG_DONTWAIT);

    (void)loop;
    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    client->line_bytes += (size_t)got;
    client->active_mono_ms = clock_now().mono_ms;
    take_lines(client);
}

static void
welcome(struct control *control, int fd)
{
    struct control_client *client = calloc(1, sizeof *client);
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t size = sizeof who;

    if (client == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        free(client);
        close(fd);
        return;
    }
    client->control = control;
    client->fd = fd;
    client->peer = (struct control_peer){.uid = (int64_t)who.uid, .pid = who.pid};
    client->active_mono_ms = clock_now().mono_ms;
    text_buf_init(&client->out, OUTPUT_BYTES_MAX);
    ev_io_init(&client->readable, on_readable, fd, EV_READ);
    ev_io_init(&client->writable, on_writable, fd, EV_WRITE);
    client->readable.data = client->writable.data = client;
    ev_io_start(control->loop, &client->readable);
    client->next = control->clients;
    control->clients = client;
    if (++control->count == CONTROL_CLIENTS_MAX) {
        log_warning("control socket: %d clients, further ones wait", CONTROL_CLIENTS_MAX);
        ev_io_stop(control->loop, &control->acceptable);
    }
}

static void
on_acceptable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct control *control = watcher->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPT_BUDGET && control->count < CONTROL_CLIENTS_MAX; i++) {
        int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        welcome(control, fd);
    }
}

struct control *
control_new(struct ev_loop *loop, int listen_fd, control_handler *on_request, void *ctx)
{
    struct control *control = calloc(1, sizeof *control);

    if (control == NULL)
        return NULL;
    control->loop = loop;
    control->on_request = on_request;
    control->ctx = ctx;
    ev_io_init(&control->acceptable, on_acceptable, listen_fd, EV_READ);
    control->acceptable.data = control;
    ev_io_start(loop, &control->acceptable);
    return control;
}

void
control_free(struct control *control)
{
    if (control == NULL)
        return;
    for (struct control_client *client = control->clients, *next; client != NULL; client = next) {
        next = client->next;
        drop(client);
    }
    ev_io_stop(control->loop, &control->acceptable);
    free(control);
}

void
control_tick(struct control *control, int64_t mono_ms)
{
    static const int64_t PATIENCE_MS[] = {[CLIENT_READING] = CONTROL_IDLE_MS,
                                          [CLIENT_WAITING] = CONTROL_ANSWER_MS,
                                          [CLIENT_WRITING] = CONTROL_SLOW_MS};

    for (struct control_client *client = control->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (mono_ms - client->active_mono_ms < PATIENCE_MS[client->state])
            continue;
        if (client->state == CLIENT_WAITING)
            control_refuse(client, "timeout", "no answer came in time");
        else
            drop(client);
    }
}

unsigned
control_clients(const struct control *control)
{
    return control->count;
}
