/*
 * serve_snmp.c - one UDP socket per simulated agent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/serve.h"

#define TURN_MAX 32 /* datagrams of one device per turn of the loop */

struct place_udp {
    struct ev_io io;
    struct server *server;
    struct sim_device *device;
    struct late *late; /* answers that wait for their time */
};

struct late {
    struct ev_timer timer;
    struct place_udp *place;
    struct late *next, **link;
    struct sockaddr_in peer;
    size_t length;
    uint8_t bytes[];
};

static void
drop_late(struct late *late)
{
    struct server *server = late->place->server;

    ev_timer_stop(server->loop, &late->timer);
    *late->link = late->next;
    if (late->next != NULL)
        late->next->link = late->link;
    server->late_count--;
    free(late);
}

static void
send_now(struct place_udp *place, const uint8_t *bytes, size_t length,
         const struct sockaddr_in *peer)
{
    if (sendto(place->io.fd, bytes, length, MSG_DONTWAIT, (const struct sockaddr *)peer,
               sizeof *peer) >= 0)
        place->device->counters.answers++;
    else
        place->server->dropped++;
}

static void
on_late(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct late *late = timer->data;

    (void)loop;
    (void)events;
    send_now(late->place, late->bytes, late->length, &late->peer);
    drop_late(late);
}

static void
send_late(struct place_udp *place, const uint8_t *bytes, size_t length,
          const struct sockaddr_in *peer, uint32_t delay_ms)
{
    struct server *server = place->server;
    struct late *late = server->late_count == LATE_MAX ? NULL : malloc(sizeof *late + length);

    if (late == NULL) {
        server->dropped++;
        return;
    }
    server->late_count++;
    late->place = place;
    late->peer = *peer;
    late->length = length;
    memcpy(late->bytes, bytes, length);
    late->next = place->late;
    late->link = &place->late;
    if (late->next != NULL)
        late->next->link = &late->next;
    place->late = late;
    ev_timer_init(&late->timer, on_late, delay_ms / 1000.0, 0);
    late->timer.data = late;
    ev_timer_start(server->loop, &late->timer);
}

static void
flood(struct place_udp *place, uint8_t *answer, size_t length, const struct sockaddr_in *peer)
{
    uint64_t sent = place->device->counters.answers;

    agent_lie_id(answer, length);
    for (uint32_t i = 0; i < place->device->behaviour.arg; i++)
        send_now(place, answer, length, peer);
    agent_lie_id(answer, length); /* and back */
    place->device->counters.answers = sent;
    send_now(place, answer, length, peer);
}

static void
send_noise(struct place_udp *place, const struct sockaddr_in *peer)
{
    uint8_t noise[256];

    serve_noise(place->device, noise, sizeof noise);
    send_now(place, noise + 1, 1 + (noise[0] & 127), peer);
}

static void
answer(struct place_udp *place, size_t length, const struct sockaddr_in *peer)
{
    struct server *server = place->server;
    struct sim_device *device = place->device;
    size_t answer_length;
    uint8_t *bytes = (uint8_t *)(uintptr_t)agent_answer(server->agent, device, server->inbox,
                                                        length, serve_now(server), &answer_length);

    if (bytes == NULL)
        return;
    switch (device->behaviour.kind) {
    case BEHAVE_SILENT:
        return;
    case BEHAVE_LATE_ONCE:
        send_late(place, bytes, answer_length, peer, device->behaviour.arg);
        device->behaviour = (struct behaviour){BEHAVE_NORMAL, 0};
        return;
    case BEHAVE_LATE:
        send_late(place, bytes, answer_length, peer, device->behaviour.arg);
        return;
    case BEHAVE_GARBAGE:
        send_noise(place, peer);
        return;
    case BEHAVE_FLOOD:
        flood(place, bytes, answer_length, peer);
        return;
    case BEHAVE_WRONG_ID:
        agent_lie_id(bytes, answer_length);
        break;
    case BEHAVE_WRONG_OID:
        agent_lie_oids(bytes, answer_length);
        break;
    case BEHAVE_TRUNCATED:
        answer_length /= 2;
        break;
    default:
        break;
    }
    send_now(place, bytes, answer_length, peer);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct place_udp *place = io->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < TURN_MAX; i++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        ssize_t length = recvfrom(io->fd, place->server->inbox, sizeof place->server->inbox,
                                  MSG_DONTWAIT, (struct sockaddr *)&peer, &size);

        if (length < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            continue; /* an ICMP error of an answer before: the socket goes on */
        }
        answer(place, (size_t)length, &peer);
        /* One datagram is the rule; asking again costs a system call, so only the sick do. */
        if (place->device->behaviour.kind == BEHAVE_NORMAL)
            return;
    }
}

enum err_code
serve_snmp_open(struct server *server, struct sim_device *device, struct err *err)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(device->port), .sin_addr = device->address};
    socklen_t size = sizeof here;
    struct place_udp *place = calloc(1, sizeof *place);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char text[INET_ADDRSTRLEN];

    if (place == NULL || fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &size) != 0) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        free(place);
        return err_set(err, ERR_IO, "udp %s:%u: %s",
                       inet_ntop(AF_INET, &device->address, text, sizeof text), device->port,
                       strerror(cause));
    }
    device->port = ntohs(here.sin_port);
    place->server = server;
    place->device = device;
    ev_io_init(&place->io, on_readable, fd, EV_READ);
    place->io.data = place;
    ev_io_start(server->loop, &place->io);
    server->places[device->number].udp = place;
    return ERR_OK;
}

void
serve_snmp_close(struct server *server, struct sim_device *device)
{
    struct place_udp *place = server->places[device->number].udp;

    if (place == NULL)
        return;
    while (place->late != NULL)
        drop_late(place->late);
    ev_io_stop(server->loop, &place->io);
    close(place->io.fd);
    free(place);
    server->places[device->number].udp = NULL;
}
