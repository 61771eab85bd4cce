/*
 * test_poll_modbus.c - the Modbus/TCP driver against a server on the same loop that answers well,
 * badly, late, in drops, or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/poll_modbus.h"

#define POINTS_MAX 16
#define ASKED_MAX 256
#define LINKS_MAX 8

enum manner {
    WELL,
    SILENT,
    DRIP, /* one byte in 5 ms */
    IN_TWO_PARTS,
    WRONG_TID,
    WRONG_PROTOCOL,
    WRONG_LENGTH,
    WRONG_UNIT,
    WRONG_FUNCTION,
    WRONG_COUNT,
    TRAILING,
    CUT_OFF,            /* half an answer, then the end */
    HANG_UP,            /* the end instead of an answer */
    ANSWER_TWICE_LATER, /* a good answer, and 5 ms later the same again */
    EXCEPTION,          /* `exception` to everything */
};

/* ---- the server ---- */

struct peer {
    struct server *server;
    int fd;
    ev_io io;
    ev_timer drip;
    uint8_t out[300];
    size_t out_length, out_sent;
};

static struct server {
    int fd;
    ev_io io;
    struct sockaddr_in address;
    struct peer peers[LINKS_MAX];
    enum manner manner;
    uint8_t exception;
    uint8_t deaf_unit;  /* a gateway whose target does not answer: exception 11 */
    uint16_t holes[4];  /* addresses that raise exception 2; 0: none */
    unsigned max_words; /* more raise exception 3; 0: no limit */
    unsigned accepted;
    bool hangs_up_after; /* each answer */
    struct {
        uint8_t unit, function;
        uint16_t address, count;
        ev_tstamp at;
    } asked[ASKED_MAX];
    size_t asked_count;
} server;

static struct worker worker;

static void
peer_close(struct peer *peer)
{
    if (peer->fd < 0)
        return;
    ev_io_stop(worker.loop, &peer->io);
    ev_timer_stop(worker.loop, &peer->drip);
    close(peer->fd);
    peer->fd = -1;
}

static void
on_drip(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct peer *peer = timer->data;

    (void)events;
    if (server.manner == ANSWER_TWICE_LATER) {
        ev_timer_stop(loop, timer);
        (void)!send(peer->fd, peer->out, peer->out_length, MSG_NOSIGNAL);
        return;
    }
    (void)!send(peer->fd, peer->out + peer->out_sent, 1, MSG_NOSIGNAL);
    if (++peer->out_sent == peer->out_length)
        ev_timer_stop(loop, timer);
}

static void
drip_out(struct peer *peer)
{
    ev_timer_stop(worker.loop, &peer->drip);
    ev_timer_set(&peer->drip, 0.005, 0.005);
    ev_timer_start(worker.loop, &peer->drip);
}

static void
send_answer(struct peer *peer)
{
    size_t length = peer->out_length;

    switch (server.manner) {
    case DRIP:
        peer->out_sent = 0;
        drip_out(peer);
        return;
    case IN_TWO_PARTS:
        (void)!send(peer->fd, peer->out, 5, MSG_NOSIGNAL);
        (void)!send(peer->fd, peer->out + 5, length - 5, MSG_NOSIGNAL);
        return;
    case CUT_OFF:
        (void)!send(peer->fd, peer->out, length / 2, MSG_NOSIGNAL);
        peer_close(peer);
        return;
    case HANG_UP:
        peer_close(peer);
        return;
    case SILENT:
        return;
    case ANSWER_TWICE_LATER:
        drip_out(peer);
        break;
    default:
        break;
    }
    (void)!send(peer->fd, peer->out, length, MSG_NOSIGNAL);
    if (server.hangs_up_after)
        peer_close(peer);
}

static void
spoil(struct peer *peer)
{
    uint8_t *out = peer->out;

    switch (server.manner) {
    case WRONG_TID:
        out[1]++;
        break;
    case WRONG_PROTOCOL:
        out[3] = 1;
        break;
    case WRONG_LENGTH:
        out[5]--;
        break;
    case WRONG_UNIT:
        out[6]++;
        break;
    case WRONG_FUNCTION:
        out[7] ^= 4;
        break;
    case WRONG_COUNT:
        out[8]++;
        break;
    case TRAILING:
        peer->out_length++;
        break;
    default:
        break;
    }
}

static uint8_t
exception_for(uint8_t unit, unsigned address, unsigned count)
{
    if (server.manner == EXCEPTION)
        return server.exception;
    if (server.deaf_unit != 0 && unit == server.deaf_unit)
        return 11;
    if (server.max_words != 0 && count > server.max_words)
        return 3;
    for (size_t i = 0; i < ARRAY_LEN(server.holes); i++)
        if (server.holes[i] != 0 && address <= server.holes[i] && server.holes[i] < address + count)
            return 2;
    return 0;
}

/* Register n holds n * 3, coil n is set when n is odd. */
static void
make_answer(struct peer *peer, const uint8_t *in)
{
    unsigned address = (unsigned)in[8] << 8 | in[9], count = (unsigned)in[10] << 8 | in[11];
    uint8_t exception = exception_for(in[6], address, count);
    uint8_t *out = peer->out;
    size_t bytes = in[7] <= 2 ? (count + 7) / 8 : 2 * count;

    memset(out, 0, sizeof peer->out);
    memcpy(out, in, 8);
    if (exception != 0) {
        out[7] |= 0x80;
        out[8] = exception;
        bytes = 0;
    } else {
        out[8] = (uint8_t)bytes;
        for (unsigned i = 0; i < count; i++) {
            unsigned value = (address + i) * 3;

            if (in[7] <= 2) {
                out[9 + i / 8] |= (uint8_t)(((address + i) & 1) << i % 8);
            } else {
                out[9 + 2 * i] = (uint8_t)(value >> 8);
                out[10 + 2 * i] = (uint8_t)value;
            }
        }
    }
    out[4] = 0;
    out[5] = (uint8_t)(3 + bytes);
    peer->out_length = 9 + bytes;
}

static void
on_peer(struct ev_loop *loop, ev_io *io, int events)
{
    struct peer *peer = io->data;
    uint8_t in[64];
    ssize_t got = recv(peer->fd, in, sizeof in, MSG_DONTWAIT);

    (void)events;
    if (got <= 0) {
        peer_close(peer);
        return;
    }
    assert_int_equal(got, 12); /* one request at a time, in one piece */
    assert_true(server.asked_count < ASKED_MAX);
    server.asked[server.asked_count].unit = in[6];
    server.asked[server.asked_count].function = in[7];
    server.asked[server.asked_count].address = (uint16_t)(in[8] << 8 | in[9]);
    server.asked[server.asked_count].count = (uint16_t)(in[10] << 8 | in[11]);
    server.asked[server.asked_count++].at = ev_now(loop);
    make_answer(peer, in);
    spoil(peer);
    send_answer(peer);
}

static void
on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    server.accepted++;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct peer *peer = &server.peers[i];

        if (peer->fd >= 0)
            continue;
        peer->fd = fd;
        ev_io_init(&peer->io, on_peer, fd, EV_READ);
        ev_init(&peer->drip, on_drip);
        peer->io.data = peer->drip.data = peer;
        ev_io_start(loop, &peer->io);
        return;
    }
    close(fd);
}

/* On the port it had before, if it had one. */
static void
server_listen(void)
{
    socklen_t bytes = sizeof server.address;
    int on = 1;

    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server.fd >= 0);
    setsockopt(server.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&server.address, bytes), 0);
    assert_int_equal(listen(server.fd, 8), 0);
    getsockname(server.fd, (struct sockaddr *)&server.address, &bytes);
    ev_io_init(&server.io, on_accept, server.fd, EV_READ);
    ev_io_start(worker.loop, &server.io);
}

static void
server_stop(void)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        peer_close(&server.peers[i]);
    if (server.fd >= 0) {
        ev_io_stop(worker.loop, &server.io);
        close(server.fd);
    }
    server.fd = -1;
}

/* ---- the caller ---- */

struct reading {
    double value;
    enum quality quality;
    enum cause cause;
    char text[TEXT_VALUE_MAX];
    unsigned times;
};

struct caller {
    struct reading readings[POINTS_MAX];
    unsigned done, alive;
    enum cause cause;
    char reason[200];
};

static void
on_value(void *ctx, uint32_t index, double value, enum quality quality, enum cause cause)
{
    struct reading *reading = &((struct caller *)ctx)->readings[index];

    *reading = (struct reading){
        .value = value, .quality = quality, .cause = cause, .times = reading->times + 1};
}

static void
on_text(void *ctx, uint32_t index, const char *text, enum quality quality, enum cause cause)
{
    struct reading *reading = &((struct caller *)ctx)->readings[index];

    *reading = (struct reading){.quality = quality, .cause = cause, .times = reading->times + 1};
    strncat(reading->text, text, sizeof reading->text - 1);
}

static void
on_done(void *ctx, enum cause cause, const char *reason)
{
    struct caller *caller = ctx;

    caller->done++;
    caller->cause = cause;
    caller->reason[0] = '\0';
    strncat(caller->reason, reason, sizeof caller->reason - 1);
    ev_break(worker.loop, EVBREAK_ALL);
}

static void
on_alive(void *ctx)
{
    ((struct caller *)ctx)->alive++;
}

static const struct driver_sink SINK = {
    .on_value = on_value, .on_text = on_text, .on_done = on_done, .on_alive = on_alive};

/* ---- the site ---- */

static const struct point_def NUMBER = {.id = "a.number", .kind = VALUE_NUMBER};
static const struct point_def TEXT = {.id = "a.text", .kind = VALUE_TEXT};
static const struct device_info INFO = {.id = "meter-1", .group_count = 1};
static struct point_source sources[POINTS_MAX];
static struct source_set set;
static struct collect_device device;
static struct caller caller;
static void *instance;

static void
add_point(uint8_t function, uint16_t address, uint8_t type, uint16_t words)
{
    sources[set.source_count++] = (struct point_source){
        .def = type == REG_STRING ? &TEXT : &NUMBER,
        .modbus = {.function = function, .type = type, .address = address, .words = words},
        .scale = 1,
        .valid_min = NAN,
        .valid_max = NAN,
    };
}

static int
set_up(void **state)
{
    struct err err = {0};
    const struct driver_env env = {.worker = &worker};

    (void)state;
    memset(&server, 0, sizeof server);
    for (size_t i = 0; i < LINKS_MAX; i++)
        server.peers[i].fd = -1;
    memset(&caller, 0, sizeof caller);
    worker = (struct worker){.loop = ev_loop_new(0)};
    server.address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server_listen();
    set = (struct source_set){
        .id = "test", .sources = sources, .modbus = {.max_words = 120, .max_gap = 8}};
    device = (struct collect_device){
        .protocol = PROTOCOL_MODBUS_TCP, .unit = 7, .timeout_ms = 100, .link = 1, .set = &set};
    memcpy(&device.address, &server.address, sizeof server.address);
    assert_int_equal(POLL_MODBUS.init(&env, &err), ERR_OK);
    instance = NULL;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    POLL_MODBUS.close(instance);
    POLL_MODBUS.done();
    server_stop();
    ev_loop_destroy(worker.loop);
    return 0;
}

static void
open_device(void)
{
    struct err err = {0};

    assert_int_equal(POLL_MODBUS.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_OK);
}

static void
run_until_done(struct caller *of, unsigned before)
{
    while (of->done == before)
        ev_run(worker.loop, 0);
    assert_int_equal(of->done, before + 1);
}

static void
poll_once(void)
{
    unsigned before = caller.done;

    POLL_MODBUS.poll(instance, 0);
    run_until_done(&caller, before);
}

static void
on_time_passed(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void
let_time_pass(ev_tstamp seconds)
{
    ev_timer timer;

    ev_timer_init(&timer, on_time_passed, seconds, 0.);
    ev_timer_start(worker.loop, &timer);
    ev_run(worker.loop, 0);
    ev_timer_stop(worker.loop, &timer);
}

static void
assert_good(size_t index, double value)
{
    assert_int_equal(caller.readings[index].cause, CAUSE_OK);
    assert_int_equal(caller.readings[index].quality, QUALITY_GOOD);
    assert_true(caller.readings[index].value == value);
}

static void
assert_bad(size_t index, enum cause cause)
{
    assert_int_equal(caller.readings[index].quality, QUALITY_BAD);
    assert_int_equal(caller.readings[index].cause, cause);
}

/* ---- the tests ---- */

static void
device_that_answers_gives_every_point_once(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    add_point(3, 101, REG_U32, 2);
    add_point(3, 110, REG_S16, 1);
    add_point(4, 5, REG_U16, 1);
    add_point(1, 9, REG_BIT, 1);
    add_point(2, 10, REG_BIT, 1);
    add_point(3, 103, REG_STRING, 2);
    open_device();
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_string_equal(caller.reason, "");
    assert_good(0, 300);
    assert_good(1, 303 * 65536. + 306);
    assert_good(2, 330);
    assert_good(3, 15);
    assert_good(4, 1);
    assert_good(5, 0);
    assert_int_equal(caller.readings[6].quality, QUALITY_GOOD);
    for (size_t i = 0; i < set.source_count; i++)
        assert_int_equal(caller.readings[i].times, 1);
    assert_int_equal(server.asked_count, 4); /* one per function */
    assert_int_equal(worker.stats[STAT_REQUESTS], 4);
    assert_int_equal(server.accepted, 1);
    poll_once();
    assert_int_equal(server.accepted, 1); /* the connection is kept */
    assert_int_equal(server.asked[0].unit, 7);
}

static void
values_go_through_the_scale_of_their_source(void **state)
{
    static const double absent[] = {0xffff};

    (void)state;
    add_point(3, 100, REG_U16, 1); /* 300 */
    sources[0].scale = 0.1;
    sources[0].offset = -10;
    add_point(3, 100, REG_U16, 1);
    sources[1].shift = 2;
    sources[1].mask = 0xf;
    add_point(3, 21845, REG_U16, 1); /* 65535 */
    sources[2].absent_raw = absent;
    sources[2].absent_raw_count = 1;
    add_point(3, 100, REG_U16, 1);
    sources[3].valid_min = 0;
    sources[3].valid_max = 299;
    add_point(3, 100, REG_BCD16, 1); /* 0x012c */
    add_point(3, 100, REG_U16, 1);
    sources[5].def = &TEXT;
    open_device();
    poll_once();
    assert_good(0, 20);
    assert_good(1, 11);
    assert_bad(2, CAUSE_ABSENT);
    assert_bad(3, CAUSE_OUT_OF_RANGE);
    assert_bad(4, CAUSE_NOT_A_NUMBER);
    assert_string_equal(caller.readings[5].text, "300");
    assert_int_equal(server.asked_count, 2); /* equal registers are read once */
}

static void
answer_in_pieces_is_put_together(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    server.manner = IN_TWO_PARTS;
    poll_once();
    assert_good(0, 300);
    server.manner = DRIP; /* 11 bytes, 5 ms each: within the 100 ms */
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(caller.readings[0].times, 2);
}

static void
answer_in_drops_ends_at_the_timeout(void **state)
{
    ev_tstamp start;

    (void)state;
    for (uint16_t i = 0; i < POINTS_MAX; i++)
        add_point(3, (uint16_t)(100 + 4 * i), REG_U64, 4);
    open_device();
    server.manner = DRIP; /* 137 bytes take 685 ms */
    start = ev_time();
    poll_once();
    assert_int_equal(caller.cause, CAUSE_TIMEOUT);
    assert_non_null(strstr(caller.reason, "bytes of the answer"));
    assert_true(ev_time() - start < 0.4);
    assert_int_equal(worker.stats[STAT_REPLIES_BROKEN], 1);
    assert_int_equal(caller.readings[0].times, 0);
}

static void
answer_that_does_not_fit_closes_the_connection(void **state)
{
    static const struct {
        enum manner manner;
        const char *reason;
    } rows[] = {
        {WRONG_TID, "transaction id"}, {WRONG_PROTOCOL, "protocol id"},
        {WRONG_LENGTH, "length"},      {WRONG_UNIT, "unit"},
        {WRONG_FUNCTION, "function"},  {WRONG_COUNT, "byte count"},
        {TRAILING, "behind"},          {CUT_OFF, "cut off"},
    };

    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        memset(caller.readings, 0, sizeof caller.readings);
        server.manner = rows[i].manner;
        poll_once();
        assert_int_equal(caller.cause, CAUSE_PROTOCOL);
        assert_non_null(strstr(caller.reason, rows[i].reason));
        assert_int_equal(caller.readings[0].times, 0);
        assert_int_equal(worker.stats[STAT_REPLIES_BROKEN], i + 1);
        server.manner = WELL;
        poll_once();
        assert_good(0, 300);
    }
    assert_int_equal(server.accepted, 1 + ARRAY_LEN(rows));
}

static void
late_answer_never_meets_the_next_request(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    server.manner = SILENT;
    poll_once();
    assert_int_equal(caller.cause, CAUSE_TIMEOUT);
    assert_string_equal(caller.reason, "no answer in 100 ms");
    for (size_t i = 0; i < LINKS_MAX; i++) /* now it comes */
        if (server.peers[i].fd >= 0)
            (void)!send(server.peers[i].fd, server.peers[i].out, server.peers[i].out_length,
                        MSG_NOSIGNAL);
    server.manner = WELL;
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_good(0, 300);
    assert_int_equal(server.accepted, 2);
}

static void
answer_nobody_asked_for_is_counted_and_closes(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    server.manner = ANSWER_TWICE_LATER;
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    let_time_pass(0.03);
    assert_int_equal(worker.stats[STAT_REPLIES_STRAY], 1);
    server.manner = WELL;
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(server.accepted, 2);
}

static void
refused_connection_is_told_and_its_return_is_a_sign_of_life(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    server_stop();
    open_device();
    POLL_MODBUS.probe(instance);
    if (caller.done == 0)
        run_until_done(&caller, 0);
    assert_int_equal(caller.cause, CAUSE_REFUSED);
    assert_non_null(strstr(caller.reason, "Connection refused"));
    assert_int_equal(caller.alive, 0);
    server_listen();
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(caller.alive, 1);
    poll_once();
    assert_int_equal(caller.alive, 1);
}

static void
server_that_accepts_and_hangs_is_no_sign_of_life(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    server.manner = SILENT;
    for (int i = 0; i < 3; i++) {
        poll_once();
        assert_int_equal(caller.cause, CAUSE_TIMEOUT);
    }
    assert_int_equal(caller.alive, 0);
}

static void
idle_connection_the_server_closed_costs_no_poll(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    open_device();
    server.hangs_up_after = true;
    for (int i = 0; i < 3; i++) {
        poll_once(); /* the end may or may not have been seen before the next one */
        assert_int_equal(caller.cause, CAUSE_OK);
    }
    server.hangs_up_after = false;
    server.manner = HANG_UP;
    poll_once(); /* nothing but hanging up is not repeated for ever */
    assert_int_equal(caller.cause, CAUSE_REFUSED);
    assert_non_null(strstr(caller.reason, "closed the connection"));
}

static void
hole_is_found_by_halves_remembered_and_told_absent(void **state)
{
    size_t after_first;

    (void)state;
    for (uint16_t i = 0; i < 8; i++)
        add_point(3, (uint16_t)(100 + i), REG_U16, 1);
    server.holes[0] = 105;
    open_device();
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(caller.readings[i].times, 1);
        if (i == 5)
            assert_bad(i, CAUSE_ABSENT);
        else
            assert_good(i, 300. + 3 * (double)i);
    }
    after_first = server.asked_count;
    assert_int_equal(after_first, 7); /* 8, 4+4, 2+2, 1+1 */
    poll_once();
    assert_int_equal(server.asked_count - after_first, 3); /* 100-103, 104, 106-107 */
    assert_bad(5, CAUSE_ABSENT);
    assert_int_equal(caller.readings[5].times, 2);
    assert_good(7, 321);
}

static void
group_of_holes_hides_no_death_and_is_read_as_soon_as_it_is_there(void **state)
{
    (void)state;
    add_point(3, 105, REG_U16, 1);
    server.holes[0] = 105;
    open_device();
    poll_once();
    assert_bad(0, CAUSE_ABSENT);
    poll_once(); /* nothing to ask for: still a request, refused, which is an answer */
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(server.asked_count, 2);
    server.manner = SILENT;
    poll_once();
    assert_int_equal(caller.cause, CAUSE_TIMEOUT);
    server.manner = WELL;
    server.holes[0] = 0; /* it has got ready */
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    poll_once();
    assert_good(0, 315);
}

static void
gap_that_may_not_be_read_is_left_out_from_then_on(void **state)
{
    size_t after_first;

    (void)state;
    add_point(3, 100, REG_U16, 1);
    add_point(3, 105, REG_U16, 1);
    server.holes[0] = 103;
    open_device();
    poll_once();
    assert_good(0, 300);
    assert_good(1, 315);
    after_first = server.asked_count;
    assert_int_equal(after_first, 3);
    poll_once();
    assert_int_equal(server.asked_count - after_first, 2);
    assert_good(1, 315);
}

static void
block_that_is_too_long_for_the_device_is_halved(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 16; i++)
        add_point(3, (uint16_t)(100 + i), REG_U16, 1);
    server.max_words = 5;
    open_device();
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    for (size_t i = 0; i < 16; i++)
        assert_good(i, 300. + 3 * (double)i);
    server.asked_count = 0;
    poll_once();
    assert_int_equal(server.asked_count, 4);
}

static void
exceptions_are_told_for_what_they_are(void **state)
{
    static const struct {
        uint8_t code;
        enum cause point, poll;
    } rows[] = {
        {1, CAUSE_EXCEPTION, CAUSE_EXCEPTION},   {2, CAUSE_ABSENT, CAUSE_OK},
        {3, CAUSE_EXCEPTION, CAUSE_EXCEPTION},   {4, CAUSE_EXCEPTION, CAUSE_EXCEPTION},
        {5, CAUSE_EXCEPTION, CAUSE_EXCEPTION},   {6, CAUSE_EXCEPTION, CAUSE_EXCEPTION},
        {10, CAUSE_OK, CAUSE_TIMEOUT},           {11, CAUSE_OK, CAUSE_TIMEOUT},
        {200, CAUSE_EXCEPTION, CAUSE_EXCEPTION},
    };

    (void)state;
    add_point(3, 100, REG_U16, 1);
    server.manner = EXCEPTION;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memset(caller.readings, 0, sizeof caller.readings);
        server.exception = rows[i].code;
        open_device();
        poll_once();
        assert_int_equal(caller.cause, rows[i].poll);
        assert_int_equal(caller.readings[0].times, rows[i].point != CAUSE_OK);
        if (rows[i].point != CAUSE_OK)
            assert_bad(0, rows[i].point);
        assert_int_equal(caller.reason[0] == '\0', rows[i].poll == CAUSE_OK);
        POLL_MODBUS.close(instance);
        instance = NULL;
    }
    assert_int_equal(worker.stats[STAT_REPLIES_BROKEN], 0);
}

static void
probe_of_a_device_that_refuses_the_address_is_answered(void **state)
{
    (void)state;
    add_point(3, 100, REG_U32, 2);
    add_point(3, 102, REG_U32, 2);
    open_device();
    POLL_MODBUS.probe(instance);
    run_until_done(&caller, 0);
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(server.asked_count, 1);
    assert_int_equal(server.asked[0].count, 1);
    assert_int_equal(server.asked[0].address, 100);
    server.manner = EXCEPTION;
    server.exception = 2;
    POLL_MODBUS.probe(instance);
    run_until_done(&caller, 1);
    assert_int_equal(caller.cause, CAUSE_OK);
    server.exception = 11;
    POLL_MODBUS.probe(instance);
    run_until_done(&caller, 2);
    assert_int_equal(caller.cause, CAUSE_TIMEOUT);
    assert_int_equal(caller.readings[0].times, 0);
}

static void
units_of_one_link_share_the_connection_and_fail_alone(void **state)
{
    struct collect_device other = device;
    struct caller other_caller = {0};
    void *other_instance = NULL;
    struct err err = {0};

    (void)state;
    add_point(3, 100, REG_U16, 1);
    other.unit = 8;
    open_device();
    assert_int_equal(POLL_MODBUS.open(&other, &INFO, &SINK, &other_caller, &other_instance, &err),
                     ERR_OK);
    server.deaf_unit = 8;
    poll_once();
    assert_good(0, 300);
    POLL_MODBUS.poll(other_instance, 0);
    run_until_done(&other_caller, 0);
    assert_int_equal(other_caller.cause, CAUSE_TIMEOUT);
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(server.accepted, 1);
    assert_int_equal(server.asked[1].unit, 8);

    /* The connection outlives the device that made it. */
    POLL_MODBUS.close(instance);
    instance = NULL;
    server.deaf_unit = 0;
    POLL_MODBUS.poll(other_instance, 0);
    run_until_done(&other_caller, 1);
    assert_int_equal(other_caller.cause, CAUSE_OK);
    assert_int_equal(server.accepted, 1);

    /* Both hear that the link is back. */
    open_device();
    server_stop();
    let_time_pass(0.01);
    POLL_MODBUS.poll(other_instance, 0);
    if (other_caller.done == 2)
        run_until_done(&other_caller, 2);
    assert_int_equal(other_caller.cause, CAUSE_REFUSED);
    server_listen();
    POLL_MODBUS.poll(other_instance, 0);
    run_until_done(&other_caller, 3);
    assert_int_equal(other_caller.alive, 1);
    assert_int_equal(caller.alive, 1);
    POLL_MODBUS.close(other_instance);
}

static void
pauses_of_the_profile_are_kept(void **state)
{
    ev_tstamp start;

    (void)state;
    add_point(3, 100, REG_U16, 1);
    add_point(4, 100, REG_U16, 1);
    set.modbus.delay_ms = 30;
    set.modbus.connect_delay_ms = 40;
    open_device();
    start = ev_time();
    poll_once();
    assert_true(server.asked[0].at - start > 0.035);
    assert_true(server.asked[1].at - server.asked[0].at > 0.025);
    poll_once();
    assert_true(server.asked[2].at - server.asked[1].at > 0.025);
    assert_int_equal(caller.cause, CAUSE_OK);
}

static void
connection_is_closed_after_each_poll_where_the_profile_says_so(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    add_point(4, 100, REG_U16, 1);
    set.modbus.close_after_poll = true;
    open_device();
    poll_once();
    poll_once();
    assert_int_equal(server.accepted, 2);
    assert_int_equal(caller.alive, 0);
}

static void
abandoned_poll_is_never_told_of(void **state)
{
    (void)state;
    add_point(3, 100, REG_U16, 1);
    set.modbus.delay_ms = 5;
    open_device();
    POLL_MODBUS.poll(instance, 0); /* connecting */
    POLL_MODBUS.abandon(instance);
    POLL_MODBUS.abandon(instance); /* nothing is under way: fine */
    server.manner = SILENT;
    POLL_MODBUS.poll(instance, 0);
    let_time_pass(0.03); /* waiting for the answer */
    POLL_MODBUS.abandon(instance);
    let_time_pass(0.15);
    assert_int_equal(caller.done, 0);
    server.manner = WELL;
    poll_once();
    assert_good(0, 300);
    POLL_MODBUS.poll(instance, 0); /* in its pause */
    POLL_MODBUS.abandon(instance);
    let_time_pass(0.03);
    assert_int_equal(caller.done, 1);
    poll_once();
    assert_int_equal(caller.cause, CAUSE_OK);
}

static void
device_whose_points_cannot_be_read_is_not_opened(void **state)
{
    struct err err = {0};

    (void)state;
    add_point(6, 100, REG_U16, 1);
    assert_int_equal(POLL_MODBUS.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "meter-1"));
    assert_null(instance);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(device_that_answers_gives_every_point_once),
        TEST(values_go_through_the_scale_of_their_source),
        TEST(answer_in_pieces_is_put_together),
        TEST(answer_in_drops_ends_at_the_timeout),
        TEST(answer_that_does_not_fit_closes_the_connection),
        TEST(late_answer_never_meets_the_next_request),
        TEST(answer_nobody_asked_for_is_counted_and_closes),
        TEST(refused_connection_is_told_and_its_return_is_a_sign_of_life),
        TEST(server_that_accepts_and_hangs_is_no_sign_of_life),
        TEST(idle_connection_the_server_closed_costs_no_poll),
        TEST(hole_is_found_by_halves_remembered_and_told_absent),
        TEST(group_of_holes_hides_no_death_and_is_read_as_soon_as_it_is_there),
        TEST(gap_that_may_not_be_read_is_left_out_from_then_on),
        TEST(block_that_is_too_long_for_the_device_is_halved),
        TEST(exceptions_are_told_for_what_they_are),
        TEST(probe_of_a_device_that_refuses_the_address_is_answered),
        TEST(units_of_one_link_share_the_connection_and_fail_alone),
        TEST(pauses_of_the_profile_are_kept),
        TEST(connection_is_closed_after_each_poll_where_the_profile_says_so),
        TEST(abandoned_poll_is_never_told_of),
        TEST(device_whose_points_cannot_be_read_is_not_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
