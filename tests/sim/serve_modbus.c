/*
 * serve_modbus.c - one listening TCP socket per simulated Modbus device, and its connections.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/serve.h"
#include "tests/sim/slave.h"

#define CONNECTIONS_MAX 64        /* of one device */
#define LATE_PER_CONNECTION 16    /* answers that wait on one connection */
#define OUT_MAX ((size_t)4 << 20) /* bytes that wait on one connection: a flood's worth */
#define HEAD 7
#define FRAME_MAX 260
#define BACKLOG 16
#define GATEWAY_NO_ANSWER 0x0b

struct connection {
    struct ev_io input, output;
    struct ev_timer drip;
    struct place_tcp *place;
    struct connection *next, **link;
    struct late_frame *late;
    uint32_t late_count;
    size_t used; /* of `frame` */
    uint8_t frame[FRAME_MAX];
    uint8_t *out;
    size_t out_used, out_size;
};

struct late_frame {
    struct ev_timer timer;
    struct connection *connection;
    struct late_frame *next, **link;
    size_t length;
    uint8_t bytes[FRAME_MAX];
};

struct place_tcp {
    struct ev_io io;
    struct server *server;
    struct sim_device *device;
    struct connection *connections;
    uint32_t connection_count;
};

static struct ev_loop *
loop_of(const struct connection *connection)
{
    return connection->place->server->loop;
}

static void
drop_late(struct late_frame *late)
{
    ev_timer_stop(loop_of(late->connection), &late->timer);
    *late->link = late->next;
    if (late->next != NULL)
        late->next->link = late->link;
    late->connection->late_count--;
    free(late);
}

/* `abort` resets the connection instead of ending it. */
static void
close_connection(struct connection *connection, bool abort)
{
    struct ev_loop *loop = loop_of(connection);
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    while (connection->late != NULL)
        drop_late(connection->late);
    ev_io_stop(loop, &connection->input);
    ev_io_stop(loop, &connection->output);
    ev_timer_stop(loop, &connection->drip);
    if (abort)
        setsockopt(connection->input.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(connection->input.fd);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->place->connection_count--;
    free(connection->out);
    free(connection);
}

/* sending */

/* Sends at most `limit` of what waits; false when the connection is gone. */
static bool
push(struct connection *connection, size_t limit)
{
    size_t wanted = connection->out_used < limit ? connection->out_used : limit;
    ssize_t sent = send(connection->input.fd, connection->out, wanted, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        close_connection(connection, false);
        return false;
    }
    if (sent > 0) {
        connection->out_used -= (size_t)sent;
        memmove(connection->out, connection->out + sent, connection->out_used);
    }
    return true;
}

static void
on_drip(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct connection *connection = timer->data;

    (void)events;
    if (push(connection, 1) && connection->out_used == 0)
        ev_timer_stop(loop, timer);
}

static void
on_writable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct connection *connection = io->data;

    (void)events;
    if (push(connection, SIZE_MAX) && connection->out_used == 0)
        ev_io_stop(loop, io);
}

static bool
append(struct connection *connection, const uint8_t *bytes, size_t length)
{
    if (connection->out_used + length > connection->out_size) {
        size_t size = connection->out_size == 0 ? 512 : connection->out_size * 2;

        while (size < connection->out_used + length)
            size *= 2;
        uint8_t *out = size > OUT_MAX ? NULL : realloc(connection->out, size);
        if (out == NULL) {
            connection->place->server->dropped++;
            close_connection(connection, true);
            return false;
        }
        connection->out = out;
        connection->out_size = size;
    }
    memcpy(connection->out + connection->out_used, bytes, length);
    connection->out_used += length;
    return true;
}

/* False when the connection is gone. */
static bool
send_bytes(struct connection *connection, const uint8_t *bytes, size_t length)
{
    const struct behaviour *behaviour = &connection->place->device->behaviour;

    if (connection->out_used == 0 && behaviour->kind != BEHAVE_DRIP) {
        /* The usual way: straight to the kernel, nothing kept. */
        ssize_t sent = send(connection->input.fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            close_connection(connection, false);
            return false;
        }
        if (sent == (ssize_t)length)
            return true;
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
    }
    if (!append(connection, bytes, length))
        return false;
    if (behaviour->kind == BEHAVE_DRIP) {
        if (!ev_is_active(&connection->drip)) {
            connection->drip.repeat = behaviour->arg / 1000.0;
            ev_timer_again(loop_of(connection), &connection->drip);
        }
        return true;
    }
    ev_io_start(loop_of(connection), &connection->output);
    return true;
}

static void
on_late(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct late_frame *late = timer->data;
    struct connection *connection = late->connection;
    uint8_t bytes[FRAME_MAX];
    size_t length = late->length;

    (void)loop;
    (void)events;
    memcpy(bytes, late->bytes, length);
    drop_late(late);
    connection->place->device->counters.answers++;
    (void)send_bytes(connection, bytes, length);
}

static void
send_late(struct connection *connection, const uint8_t *bytes, size_t length, uint32_t delay_ms)
{
    struct late_frame *late =
        connection->late_count == LATE_PER_CONNECTION ? NULL : malloc(sizeof *late);

    if (late == NULL) {
        connection->place->server->dropped++;
        return;
    }
    connection->late_count++;
    late->connection = connection;
    late->length = length;
    memcpy(late->bytes, bytes, length);
    late->next = connection->late;
    late->link = &connection->late;
    if (late->next != NULL)
        late->next->link = &late->next;
    connection->late = late;
    ev_timer_init(&late->timer, on_late, delay_ms / 1000.0, 0);
    late->timer.data = late;
    ev_timer_start(loop_of(connection), &late->timer);
}

/* answering */

static bool
flood(struct connection *connection, uint8_t *frame, size_t length)
{
    frame[0] ^= 0x80;
    for (uint32_t i = 0; i < connection->place->device->behaviour.arg; i++)
        if (!send_bytes(connection, frame, length))
            return false;
    frame[0] ^= 0x80;
    return send_bytes(connection, frame, length);
}

static bool
send_noise(struct connection *connection)
{
    uint8_t noise[256];

    serve_noise(connection->place->device, noise, sizeof noise);
    return send_bytes(connection, noise + 1, 1 + (noise[0] & 127));
}

/* Sends a right answer as the device's behaviour has it; false when the connection is gone. */
static bool
send_answer(struct connection *connection, uint8_t *frame, size_t length)
{
    struct sim_device *device = connection->place->device;

    switch (device->behaviour.kind) {
    case BEHAVE_SILENT:
        return true;
    case BEHAVE_LATE_ONCE:
        send_late(connection, frame, length, device->behaviour.arg);
        device->behaviour = (struct behaviour){BEHAVE_NORMAL, 0};
        return true;
    case BEHAVE_LATE:
        send_late(connection, frame, length, device->behaviour.arg);
        return true;
    case BEHAVE_GARBAGE:
        return send_noise(connection);
    case BEHAVE_WRONG_ID:
        frame[1] ^= 0x55;
        break;
    case BEHAVE_WRONG_UNIT:
        frame[6] ^= 0x55;
        break;
    case BEHAVE_TRUNCATED:
        if (!send_bytes(connection, frame, length / 2))
            return false;
        close_connection(connection, false);
        return false;
    case BEHAVE_FLOOD:
        device->counters.answers++;
        return flood(connection, frame, length);
    default:
        break;
    }
    device->counters.answers++;
    return send_bytes(connection, frame, length);
}

/* One whole request; false when the connection is gone. */
static bool
take_frame(struct connection *connection, const uint8_t *request, size_t length)
{
    struct sim_device *device = connection->place->device;
    uint8_t frame[FRAME_MAX];
    size_t pdu;

    memcpy(frame, request, HEAD);
    if (device->unit >= 0 && request[6] != device->unit) {
        device->counters.faults++;
        frame[HEAD] = request[HEAD] | 0x80;
        frame[HEAD + 1] = GATEWAY_NO_ANSWER;
        pdu = 2;
    } else {
        pdu = slave_answer(device, request + HEAD, length - HEAD,
                           serve_now(connection->place->server), frame + HEAD);
    }
    frame[4] = (uint8_t)((pdu + 1) >> 8);
    frame[5] = (uint8_t)(pdu + 1);
    return send_answer(connection, frame, HEAD + pdu);
}

/* Takes the whole frames off the front; false when the connection is gone. */
static bool
take_frames(struct connection *connection)
{
    size_t at = 0;

    while (connection->used - at >= HEAD + 1) {
        const uint8_t *frame = connection->frame + at;
        size_t length = 6 + (size_t)(frame[4] << 8 | frame[5]);

        if (frame[2] != 0 || frame[3] != 0 || length < HEAD + 1 || length > FRAME_MAX) {
            connection->place->device->counters.faults++;
            close_connection(connection, false); /* not Modbus: as real devices do */
            return false;
        }
        if (connection->used - at < length)
            break;
        if (!take_frame(connection, frame, length))
            return false;
        at += length;
    }
    connection->used -= at;
    if (at != 0 && connection->used != 0)
        memmove(connection->frame, connection->frame + at, connection->used);
    return true;
}

static void
on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct connection *connection = io->data;
    ssize_t length = recv(io->fd, connection->frame + connection->used,
                          FRAME_MAX - connection->used, MSG_DONTWAIT);

    (void)loop;
    (void)events;
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (length <= 0) {
        close_connection(connection, false);
        return;
    }
    connection->used += (size_t)length;
    (void)take_frames(connection);
}

/* connecting */

static void
add_connection(struct place_tcp *place, int fd)
{
    struct connection *connection =
        place->connection_count == CONNECTIONS_MAX ? NULL : calloc(1, sizeof *connection);
    int on = 1;

    if (connection == NULL) {
        place->server->dropped++;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->place = place;
    connection->next = place->connections;
    connection->link = &place->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    place->connections = connection;
    place->connection_count++;
    ev_io_init(&connection->input, on_readable, fd, EV_READ);
    ev_io_init(&connection->output, on_writable, fd, EV_WRITE);
    ev_timer_init(&connection->drip, on_drip, 0, 1);
    connection->input.data = connection->output.data = connection->drip.data = connection;
    if (place->device->behaviour.kind != BEHAVE_HANG)
        ev_io_start(place->server->loop, &connection->input);
}

static void
on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct place_tcp *place = io->data;
    struct server *server = place->server;
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)loop;
    (void)events;
    if (fd >= 0) {
        add_connection(place, fd);
        return;
    }
    if (errno == EMFILE || errno == ENFILE) { /* turn it away, or the loop spins on it */
        server->dropped++;
        close(server->spare_fd);
        fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

enum err_code
serve_modbus_open(struct server *server, struct sim_device *device, struct err *err)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(device->port), .sin_addr = device->address};
    socklen_t size = sizeof here;
    struct place_tcp *place = calloc(1, sizeof *place);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    char text[INET_ADDRSTRLEN];

    if (place == NULL || fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &size) != 0) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        free(place);
        return err_set(err, ERR_IO, "tcp %s:%u: %s",
                       inet_ntop(AF_INET, &device->address, text, sizeof text), device->port,
                       strerror(cause));
    }
    device->port = ntohs(here.sin_port);
    place->server = server;
    place->device = device;
    ev_io_init(&place->io, on_connection, fd, EV_READ);
    place->io.data = place;
    ev_io_start(server->loop, &place->io);
    server->places[device->number].tcp = place;
    return ERR_OK;
}

void
serve_modbus_close(struct server *server, struct sim_device *device)
{
    struct place_tcp *place = server->places[device->number].tcp;

    if (place == NULL)
        return;
    while (place->connections != NULL)
        close_connection(place->connections, true);
    ev_io_stop(server->loop, &place->io);
    close(place->io.fd);
    free(place);
    server->places[device->number].tcp = NULL;
}
