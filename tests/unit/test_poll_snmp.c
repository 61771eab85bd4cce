/*
 * test_poll_snmp.c - the SNMP driver against an agent on the same loop that answers well, badly,
 * for only so many objects, late, from elsewhere, or not at all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/poll_snmp.h"
#include "tests/unit/snmp_agent.h"

#define POINTS_MAX 64
#define TIMEOUT_MS 50
#define MISSING 0 /* a tag: the agent has no such object */

enum manner {
    WELL,
    SILENT,
    GARBAGE,        /* no SNMP at all, and nothing else */
    GARBAGE_FIRST,  /* then the answer */
    TRUNCATED,      /* the first half of the answer */
    EMPTY,          /* a datagram of nothing */
    WRONG_ID,       /* of the request */
    WRONG_ID_FIRST, /* then the answer */
    WRONG_NAMES,    /* each name's last but one number is another */
    WRONG_ORDER,    /* the first two names change places */
    ONE_LESS,       /* the last one is left out */
    ONE_MORE,       /* the first one comes twice */
    WRONG_COMMUNITY,
    WRONG_VERSION,
    REPORT,         /* a Report instead of a response, as of "not in time window" */
    ASKS_BACK,      /* a request instead of an answer */
    FROM_ELSEWHERE, /* a good answer from another address */
    TWICE,
    LATE,          /* when the caller has given up */
    TOO_BIG,       /* for more than `most` objects */
    SILENT_IF_BIG, /* the same, without a word */
    FAILS,         /* `status` and `index` to everything */
    FAILS_UNNAMED, /* genErr without an index, if object `sick` is among those asked for */
};

/* ---- the agent ---- */

static struct {
    int fd, other_fd;
    ev_io io;
    ev_timer later;
    struct sockaddr_storage address;
    socklen_t address_bytes;
    enum manner manner;
    unsigned most, sick, requests;
    unsigned asked[64]; /* objects, by request */
    long status, index;
    struct {
        uint8_t tag;
        uint8_t bytes[200];
        size_t length;
    } objects[POINTS_MAX];
    struct agent_request request; /* the last one */
    struct sockaddr_storage client;
    socklen_t client_bytes;
} agent;

static struct worker worker;

/* 1.3.6.1.4.1.99.1.<n>.0; -1: another name */
static int
object_of(const struct agent_bytes *name)
{
    const uint32_t start[] = {1, 3, 6, 1, 4, 1, 99, 1};
    struct agent_bytes want = agent_oid(start, ARRAY_LEN(start));

    if (name->length != want.length + 2 || memcmp(name->bytes, want.bytes, want.length) != 0)
        return -1;
    return name->bytes[want.length];
}

static void
put_object(struct agent_writer *writer, struct agent_bytes name)
{
    int object = object_of(&name);
    size_t end = writer->at;

    if (object < 0) { /* sysUpTime */
        agent_value(writer, 0x43, "\x01\x02", 2);
    } else if (agent.objects[object].tag == MISSING) {
        agent_value(writer, 0x81, "", 0);
    } else {
        agent_value(writer, agent.objects[object].tag, agent.objects[object].bytes,
                    agent.objects[object].length);
    }
    if (agent.manner == WRONG_NAMES)
        name.bytes[name.length - 2] ^= 1;
    agent_value(writer, 0x06, name.bytes, name.length);
    agent_head(writer, 0x30, end);
}

static void
put_objects(struct agent_writer *writer)
{
    const struct agent_request *request = &agent.request;
    size_t count = request->object_count, end = writer->at;

    for (size_t i = count - (agent.manner == ONE_LESS); i-- > 0;)
        put_object(writer,
                   request->names[agent.manner == WRONG_ORDER && i < 2 && count > 1 ? 1 - i : i]);
    if (agent.manner == ONE_MORE)
        put_object(writer, request->names[0]);
    agent_head(writer, 0x30, end);
}

/* In v1 one missing object fails the whole request. */
static void
judge(long *out_status, long *out_index)
{
    const struct agent_request *request = &agent.request;

    *out_status = *out_index = 0;
    if (agent.manner == FAILS) {
        *out_status = agent.status;
        *out_index = agent.index;
    }
    if (agent.manner == TOO_BIG && request->object_count > agent.most)
        *out_status = 1;
    for (size_t i = 0; i < request->object_count && *out_status == 0; i++) {
        int object = object_of(&request->names[i]);

        if (object < 0)
            continue;
        if (agent.manner == FAILS_UNNAMED && (unsigned)object == agent.sick)
            *out_status = 5;
        if (request->version == 0 && agent.objects[object].tag == MISSING) {
            *out_status = 2;
            *out_index = (long)i + 1;
        }
    }
}

static void
answer_from(int fd, long id)
{
    struct agent_writer writer = {.at = AGENT_BYTES};
    const char *community = agent.manner == WRONG_COMMUNITY ? "stranger" : agent.request.community;
    size_t end = writer.at, length;
    long status, index;

    judge(&status, &index);
    put_objects(&writer);
    agent_int(&writer, index);
    agent_int(&writer, status);
    agent_int(&writer, id);
    agent_head(&writer,
               agent.manner == REPORT      ? AGENT_PDU_REPORT
               : agent.manner == ASKS_BACK ? AGENT_PDU_GET
                                           : AGENT_PDU_RESPONSE,
               end);
    agent_value(&writer, 0x04, community, strlen(community));
    agent_int(&writer,
              agent.manner == WRONG_VERSION ? !agent.request.version : agent.request.version);
    agent_head(&writer, 0x30, end);
    length = end - writer.at;
    if (agent.manner == TRUNCATED)
        length /= 2;
    assert_true(sendto(fd, writer.bytes + writer.at, length, 0,
                       (const struct sockaddr *)&agent.client, agent.client_bytes) >= 0);
}

static void
send_raw(const char *bytes, size_t length)
{
    assert_int_equal(sendto(agent.fd, bytes, length, 0, (const struct sockaddr *)&agent.client,
                            agent.client_bytes),
                     length);
}

static void
on_later(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    answer_from(agent.fd, agent.request.id);
}

static void
on_request(struct ev_loop *loop, ev_io *io, int events)
{
    uint8_t bytes[AGENT_BYTES];
    ssize_t got;

    (void)events;
    agent.client_bytes = sizeof agent.client;
    got = recvfrom(io->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&agent.client,
                   &agent.client_bytes);
    if (got < 0)
        return;
    agent_read(bytes, (size_t)got, &agent.request);
    assert_int_equal(agent.request.command, AGENT_PDU_GET);
    if (agent.requests < ARRAY_LEN(agent.asked))
        agent.asked[agent.requests] = (unsigned)agent.request.object_count;
    agent.requests++;
    switch (agent.manner) {
    case SILENT:
        return;
    case SILENT_IF_BIG:
        if (agent.request.object_count > agent.most)
            return;
        break;
    case GARBAGE:
        send_raw("ICMP? no.", 9);
        send_raw("\x30\x82\xff\xff\x02\x01", 6);
        return;
    case EMPTY:
        send_raw("", 0);
        return;
    case GARBAGE_FIRST:
        send_raw("\x30\x03\x02\x01\x01", 5);
        break;
    case WRONG_ID_FIRST:
        answer_from(agent.fd, agent.request.id + 1);
        break;
    case WRONG_ID:
        answer_from(agent.fd, agent.request.id + 1);
        return;
    case FROM_ELSEWHERE:
        answer_from(agent.other_fd, agent.request.id);
        return;
    case TWICE:
        answer_from(agent.fd, agent.request.id);
        break;
    case LATE:
        ev_timer_stop(loop, &agent.later);
        ev_timer_set(&agent.later, 1.5 * TIMEOUT_MS / 1000, 0);
        ev_timer_start(loop, &agent.later);
        return;
    default:
        break;
    }
    answer_from(agent.fd, agent.request.id);
}

static int
bound_socket(struct sockaddr_storage *address, socklen_t bytes)
{
    int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)address, bytes) != 0) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        getsockname(fd, (struct sockaddr *)address, &bytes);
    return fd;
}

/* On the port it had before, if it had one. False: no such address family here. */
static bool
agent_listen(void)
{
    struct sockaddr_storage other = agent.address;

    agent.fd = bound_socket(&agent.address, agent.address_bytes);
    if (agent.fd < 0)
        return false;
    other = agent.address; /* the same port of another address */
    if (other.ss_family == AF_INET)
        ((struct sockaddr_in *)&other)->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    agent.other_fd = other.ss_family == AF_INET ? bound_socket(&other, agent.address_bytes) : -1;
    ev_io_init(&agent.io, on_request, agent.fd, EV_READ);
    ev_io_start(worker.loop, &agent.io);
    return true;
}

static void
agent_stop(void)
{
    ev_timer_stop(worker.loop, &agent.later);
    if (agent.fd < 0)
        return;
    ev_io_stop(worker.loop, &agent.io);
    close(agent.fd);
    if (agent.other_fd >= 0)
        close(agent.other_fd);
    agent.fd = agent.other_fd = -1;
}

static void
has(unsigned object, uint8_t tag, const void *bytes, size_t length)
{
    agent.objects[object].tag = tag;
    memcpy(agent.objects[object].bytes, bytes, length);
    agent.objects[object].length = length;
}

/* ---- the caller ---- */

struct reading {
    double value;
    enum quality quality;
    enum cause cause;
    char text[TEXT_VALUE_MAX];
    unsigned times;
};

static struct {
    struct reading readings[POINTS_MAX];
    unsigned done, alive;
    enum cause cause;
    char reason[200];
    bool polls_again; /* from inside on_done */
} caller;

static void *instance;

static void
on_value(void *ctx, uint32_t index, double value, enum quality quality, enum cause cause)
{
    struct reading *reading = &caller.readings[index];

    assert_ptr_equal(ctx, &caller);
    *reading = (struct reading){
        .value = value, .quality = quality, .cause = cause, .times = reading->times + 1};
}

static void
on_text(void *ctx, uint32_t index, const char *text, enum quality quality, enum cause cause)
{
    struct reading *reading = &caller.readings[index];

    assert_ptr_equal(ctx, &caller);
    *reading = (struct reading){.quality = quality, .cause = cause, .times = reading->times + 1};
    strncat(reading->text, text, sizeof reading->text - 1);
}

static void
on_done(void *ctx, enum cause cause, const char *reason)
{
    assert_ptr_equal(ctx, &caller);
    caller.done++;
    caller.cause = cause;
    snprintf(caller.reason, sizeof caller.reason, "%s", reason);
    if (caller.polls_again) {
        caller.polls_again = false;
        POLL_SNMP.poll(instance, 0);
        return;
    }
    ev_break(worker.loop, EVBREAK_ALL);
}

static void
on_alive(void *ctx)
{
    assert_ptr_equal(ctx, &caller);
    caller.alive++;
    if (agent.manner == LATE)
        ev_break(worker.loop, EVBREAK_ALL);
}

static const struct driver_sink SINK = {on_value, on_text, on_done, on_alive};

/* ---- the site ---- */

static const struct point_def NUMBER = {.id = "a.number", .kind = VALUE_NUMBER};
static const struct point_def SLOW = {.id = "a.slow", .kind = VALUE_NUMBER, .group = 1};
static const struct point_def FLAG = {.id = "a.flag", .kind = VALUE_FLAG};
static const struct point_def TEXT = {.id = "a.text", .kind = VALUE_TEXT};
static const struct device_info INFO = {.id = "ups-1", .group_count = 2};
static uint32_t oids[POINTS_MAX][10];
static struct point_source sources[POINTS_MAX];
/* One for each test: the driver keeps its plan for a set as long as the process lives. */
static struct source_set sets[64], *set = sets;
static struct collect_device device;

static struct point_source *
add_point(const struct point_def *def, unsigned object)
{
    struct point_source *source = &sources[set->source_count];
    uint32_t *oid = oids[set->source_count++];
    const uint32_t name[] = {1, 3, 6, 1, 4, 1, 99, 1, object, 0};

    memcpy(oid, name, sizeof name);
    *source = (struct point_source){
        .def = def, .snmp = {.oid = oid, .oid_length = ARRAY_LEN(name)}, .scale = 1};
    return source;
}

/* `count` numbers: object n has the value n. */
static void
add_numbers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t value = (uint8_t)i;

        has(i, 0x02, &value, 1);
        add_point(&NUMBER, i);
    }
}

/* Once per process, as in the collector: the library leaks at each further start. */
static int
start(void **state)
{
    const struct driver_env env = {.worker = &worker};
    struct err err = {0};

    (void)state;
    return POLL_SNMP.init(&env, &err) != ERR_OK;
}

static int
end(void **state)
{
    (void)state;
    POLL_SNMP.done();
    return 0;
}

static int
set_up(void **state)
{
    const struct sockaddr_in home = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    memset(&agent, 0, sizeof agent);
    memset(&caller, 0, sizeof caller);
    worker = (struct worker){.loop = ev_loop_new(0)};
    memcpy(&agent.address, &home, sizeof home);
    agent.address_bytes = sizeof home;
    ev_init(&agent.later, on_later);
    assert_true(agent_listen());
    *++set = (struct source_set){.id = "test", .sources = sources};
    device = (struct collect_device){.protocol = PROTOCOL_SNMP,
                                     .snmp_version = SNMP_V2C,
                                     .timeout_ms = TIMEOUT_MS,
                                     .community = "secret",
                                     .set = set};
    memcpy(&device.address, &agent.address, sizeof home);
    instance = NULL;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    POLL_SNMP.close(instance);
    agent_stop();
    ev_loop_destroy(worker.loop);
    return 0;
}

static void
open_device(void)
{
    struct err err = {0};

    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_OK);
}

static void
await(unsigned done)
{
    unsigned want = caller.done + done;

    for (unsigned turn = 0; caller.done < want; turn++) {
        assert_true(turn < 1000);
        ev_run(worker.loop, EVRUN_ONCE);
    }
    assert_int_equal(caller.done, want);
}

static enum cause
poll_group(uint16_t group)
{
    if (instance == NULL)
        open_device();
    ev_now_update(worker.loop);
    unsigned before = caller.done;
    POLL_SNMP.poll(instance, group);
    if (caller.done == before)
        await(1);
    return caller.cause;
}

static enum cause
probe_device(void)
{
    if (instance == NULL)
        open_device();
    ev_now_update(worker.loop);
    unsigned before = caller.done;
    POLL_SNMP.probe(instance);
    if (caller.done == before)
        await(1);
    return caller.cause;
}

static uint64_t
strays(void)
{
    return worker.stats[STAT_REPLIES_STRAY];
}

static uint64_t
broken(void)
{
    return worker.stats[STAT_REPLIES_BROKEN];
}

static void
expect_numbers(unsigned count, unsigned times)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(caller.readings[i].cause, CAUSE_OK);
        assert_int_equal(caller.readings[i].quality, QUALITY_GOOD);
        assert_true(caller.readings[i].value == i);
        assert_int_equal(caller.readings[i].times, times);
    }
}

/* ---- good answers ---- */

static void
poll_of_a_good_agent_tells_every_point_once(void **state)
{
    (void)state;
    add_numbers(20);
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_string_equal(caller.reason, "");
    expect_numbers(20, 1);
    assert_int_equal(agent.requests, 1);
    assert_int_equal(agent.request.version, 1);
    assert_string_equal(agent.request.community, "secret");
    assert_int_equal(worker.stats[STAT_REQUESTS], 1);
    assert_int_equal(strays() + broken(), 0);
}

static void
poll_reads_its_own_group_only(void **state)
{
    (void)state;
    add_numbers(3);
    add_point(&SLOW, 2);
    assert_int_equal(poll_group(1), CAUSE_OK);
    assert_int_equal(agent.request.object_count, 1);
    assert_int_equal(caller.readings[0].times, 0);
    assert_int_equal(caller.readings[3].times, 1);
    assert_true(caller.readings[3].value == 2);
}

static void
poll_takes_every_type_of_value_for_what_it_means(void **state)
{
    static const struct {
        uint8_t tag;
        const char *bytes;
        size_t length;
        enum cause cause;
        double value;
    } rows[] = {
        {0x02, "\xff", 1, CAUSE_OK, -1},
        {0x02, "\x7f\xff\xff\xff", 4, CAUSE_OK, 2147483647},
        {0x41, "\x00\xff\xff\xff\xff", 5, CAUSE_OK, 4294967295},
        {0x42, "\x05", 1, CAUSE_OK, 5},
        {0x43, "\x01\x00", 2, CAUSE_OK, 256},
        {0x46, "\x01\x00\x00\x00\x00", 5, CAUSE_OK, 4294967296},
        {0x47, "\x09", 1, CAUSE_OK, 9},
        {0x04, "243.4 VAC", 9, CAUSE_OK, 243.4},
        {0x04, "-", 1, CAUSE_ABSENT, 0},
        {0x04, "on fire", 7, CAUSE_NOT_A_NUMBER, 0},
        {0x05, "", 0, CAUSE_ABSENT, 0},
        {0x80, "", 0, CAUSE_ABSENT, 0},
        {0x81, "", 0, CAUSE_ABSENT, 0},
        {0x82, "", 0, CAUSE_ABSENT, 0},
        {0x06, "\x2b\x06\x01", 3, CAUSE_WRONG_TYPE, 0},
        {0x40, "\x7f\x00\x00\x01", 4, CAUSE_WRONG_TYPE, 0},
        {0x44, "\x9f\x78\x04\x41\xb8\x00\x00", 7, CAUSE_OK, 23},
        {0x44, "\x9f\x79\x08\xc0\x37\x00\x00\x00\x00\x00\x00", 11, CAUSE_OK, -23},
        {0x44, "\x9f\x78\x04\x7f\xc0\x00\x00", 7, CAUSE_NOT_A_NUMBER, 0},
        {0x44, "\x9f\x7a\x02\xff\xfe", 5, CAUSE_OK, -2},
        {0x44, "\x9f\x7b\x01\x07", 4, CAUSE_OK, 7},
        {0x44, "?", 1, CAUSE_WRONG_TYPE, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        has(i, rows[i].tag, rows[i].bytes, rows[i].length);
        add_point(&NUMBER, i);
    }
    assert_int_equal(poll_group(0), CAUSE_OK);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("row %u: tag %02x\n", i, rows[i].tag);
        assert_int_equal(caller.readings[i].cause, rows[i].cause);
        assert_int_equal(caller.readings[i].quality,
                         rows[i].cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD);
        if (rows[i].cause == CAUSE_OK)
            assert_true(caller.readings[i].value == rows[i].value);
    }
}

static void
poll_tells_text_points_as_text(void **state)
{
    static const struct {
        uint8_t tag;
        const char *bytes;
        size_t length;
        const char *text;
    } rows[] = {
        {0x04, "AP8853\0\0", 8, "AP8853"},
        {0x04, "\x00\x0c\x29\x3e\x00\x20", 6, "00:0c:29:3e:00:20"},
        {0x02, "\xfb", 1, "-5"},
        {0x06, "\x2b\x06\x01\x04\x01\x82\x3e", 7, "1.3.6.1.4.1.318"},
        {0x40, "\xc0\x00\x02\x01", 4, "192.0.2.1"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        has(i, rows[i].tag, rows[i].bytes, rows[i].length);
        add_point(&TEXT, i);
    }
    add_point(&TEXT, 40); /* missing */
    assert_int_equal(poll_group(0), CAUSE_OK);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(caller.readings[i].text, rows[i].text);
        assert_int_equal(caller.readings[i].quality, QUALITY_GOOD);
    }
    assert_int_equal(caller.readings[ARRAY_LEN(rows)].cause, CAUSE_ABSENT);
}

static void
status_word_is_asked_for_once_and_feeds_every_bit(void **state)
{
    (void)state;
    has(7, 0x42, "\x42", 1);
    for (uint8_t bit = 0; bit < 8; bit++) {
        struct point_source *source = add_point(&FLAG, 7);

        source->mask = 1;
        source->shift = bit;
    }
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(agent.request.object_count, 1);
    for (unsigned bit = 0; bit < 8; bit++) {
        assert_int_equal(caller.readings[bit].quality, QUALITY_GOOD);
        assert_true(caller.readings[bit].value == (0x42 >> bit & 1));
    }
}

static void
group_larger_than_a_request_is_asked_for_in_turn(void **state)
{
    (void)state;
    add_numbers(30);
    set->snmp.max_varbinds = 12;
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(30, 1);
    assert_int_equal(agent.requests, 3);
    assert_int_equal(agent.asked[0], 12);
    assert_int_equal(agent.asked[2], 6);
}

static void
ipv6_device_is_polled_like_any_other(void **state)
{
    const struct sockaddr_in6 home = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    (void)state;
    agent_stop();
    memset(&agent.address, 0, sizeof agent.address);
    memcpy(&agent.address, &home, sizeof home);
    agent.address_bytes = sizeof home;
    if (!agent_listen())
        skip(); /* no IPv6 on this machine */
    memcpy(&device.address, &agent.address, sizeof device.address);
    add_numbers(2);
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(2, 1);
}

static void
poll_from_inside_on_done_is_a_poll(void **state)
{
    (void)state;
    add_numbers(4);
    caller.polls_again = true;
    open_device();
    POLL_SNMP.poll(instance, 0);
    await(2);
    expect_numbers(4, 2);

    agent.manner = SILENT; /* the same from inside a time-out */
    caller.polls_again = true;
    POLL_SNMP.poll(instance, 0);
    await(2);
    assert_int_equal(caller.cause, CAUSE_TIMEOUT);
}

/* ---- bad answers ---- */

static void
bad_answers_are_counted_and_never_taken(void **state)
{
    static const struct {
        enum manner manner;
        enum cause cause;
        unsigned broken, strays;
    } rows[] = {
        {SILENT, CAUSE_TIMEOUT, 0, 0},         {GARBAGE, CAUSE_PROTOCOL, 2, 0},
        {EMPTY, CAUSE_PROTOCOL, 1, 0},         {TRUNCATED, CAUSE_PROTOCOL, 1, 0},
        {WRONG_ID, CAUSE_TIMEOUT, 0, 1},       {WRONG_NAMES, CAUSE_PROTOCOL, 1, 0},
        {WRONG_ORDER, CAUSE_PROTOCOL, 1, 0},   {ONE_LESS, CAUSE_PROTOCOL, 1, 0},
        {ONE_MORE, CAUSE_PROTOCOL, 1, 0},      {WRONG_COMMUNITY, CAUSE_PROTOCOL, 1, 0},
        {WRONG_VERSION, CAUSE_PROTOCOL, 1, 0}, {REPORT, CAUSE_PROTOCOL, 1, 0},
        {ASKS_BACK, CAUSE_TIMEOUT, 0, 1},      {FROM_ELSEWHERE, CAUSE_TIMEOUT, 0, 0},
    };

    (void)state;
    add_numbers(3);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t broken_before = broken(), strays_before = strays();
        unsigned alive_before = caller.alive;

        print_message("manner %d\n", (int)rows[i].manner);
        agent.manner = rows[i].manner;
        assert_int_equal(poll_group(0), rows[i].cause);
        assert_string_not_equal(caller.reason, "");
        assert_int_equal(broken() - broken_before, rows[i].broken);
        assert_int_equal(strays() - strays_before, rows[i].strays);
        assert_int_equal(caller.alive - alive_before, rows[i].strays);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(caller.readings[k].times, i); /* only by the good polls between */
        agent.manner = WELL;
        assert_int_equal(poll_group(0), CAUSE_OK);
        expect_numbers(3, i + 1);
    }
}

static void
odd_datagrams_before_the_answer_do_not_cost_the_answer(void **state)
{
    (void)state;
    add_numbers(3);
    agent.manner = GARBAGE_FIRST;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(broken(), 1);
    agent.manner = WRONG_ID_FIRST;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(strays(), 1);
    expect_numbers(3, 2);
}

static void
second_answer_to_a_request_is_nobodys(void **state)
{
    (void)state;
    add_numbers(3);
    agent.manner = TWICE;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(3, 2);
    assert_in_range(strays(), 1, 2);
}

static void
late_answer_is_a_sign_of_life_and_no_reading(void **state)
{
    (void)state;
    add_numbers(3);
    agent.manner = LATE;
    assert_int_equal(poll_group(0), CAUSE_TIMEOUT);
    while (caller.alive == 0)
        ev_run(worker.loop, EVRUN_ONCE);
    assert_int_equal(strays(), 1);
    assert_int_equal(caller.readings[0].times, 0);
    assert_int_equal(caller.done, 1);
}

static void
device_that_sends_odd_types_writes_nothing_to_our_stderr(void **state)
{
    char path[] = "/tmp/watchroom-snmp-XXXXXX";
    int file = mkstemp(path), before = dup(STDERR_FILENO);
    enum cause cause;

    (void)state;
    assert_true(file >= 0 && before >= 0);
    unlink(path);
    add_numbers(1);
    has(0, 0x1e, "?", 1);
    dup2(file, STDERR_FILENO);
    cause = poll_group(0);
    dup2(before, STDERR_FILENO);
    close(before);
    assert_int_equal(cause, CAUSE_PROTOCOL);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
}

/* ---- no answers ---- */

static void
closed_port_is_refused_at_once(void **state)
{
    ev_tstamp start = ev_time();

    (void)state;
    add_numbers(3);
    agent_stop();
    assert_int_equal(poll_group(0), CAUSE_REFUSED);
    assert_int_equal(probe_device(), CAUSE_REFUSED);
    assert_true(ev_time() - start < TIMEOUT_MS / 1000.0);
    assert_true(agent_listen());
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(3, 1);
}

static void
refused_requests_leave_nothing_behind(void **state)
{
    size_t before;

    (void)state;
    add_numbers(2);
    device.timeout_ms = 5;
    agent_stop();
    assert_int_not_equal(poll_group(0), CAUSE_OK);
    before = mallinfo2().uordblks;
    for (unsigned i = 0; i < 3000; i++)
        assert_int_not_equal(poll_group(0), CAUSE_OK);
    /* Those of the last 5 ms may be there; all of them would be some 8 MB. */
    assert_true(mallinfo2().uordblks < before + 2 * 1024 * 1024);
}

static void
abandoned_poll_says_nothing_and_its_answer_is_nobodys(void **state)
{
    (void)state;
    add_numbers(3);
    open_device();
    POLL_SNMP.poll(instance, 0);
    POLL_SNMP.abandon(instance);
    POLL_SNMP.poll(instance, 0);
    await(1);
    assert_int_equal(caller.cause, CAUSE_OK);
    expect_numbers(3, 1);
    assert_int_equal(strays(), 1);
    assert_int_equal(caller.alive, 1);
}

static void
probe_is_content_with_any_answer(void **state)
{
    (void)state;
    add_numbers(1);
    assert_int_equal(probe_device(), CAUSE_OK);
    assert_int_equal(agent.request.object_count, 1);
    assert_int_equal(object_of(&agent.request.names[0]), -1);
    agent.manner = FAILS;
    agent.status = 5;
    agent.index = 1;
    assert_int_equal(probe_device(), CAUSE_OK);
    agent.status = 16; /* authorizationError */
    assert_int_equal(probe_device(), CAUSE_OK);
    agent.manner = SILENT;
    assert_int_equal(probe_device(), CAUSE_TIMEOUT);
    assert_int_equal(caller.readings[0].times, 0);
}

/* ---- what a device does not bear ---- */

static void
too_big_halves_the_request_and_is_remembered(void **state)
{
    (void)state;
    add_numbers(20);
    agent.manner = TOO_BIG;
    agent.most = 6;
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(20, 1);
    assert_int_equal(agent.asked[0], 20);
    assert_int_equal(agent.asked[1], 10);
    assert_int_equal(agent.asked[2], 5);
    agent.requests = 0;
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(20, 2);
    assert_int_equal(agent.requests, 4);
}

static void
too_big_for_a_single_object_is_told_and_not_remembered(void **state)
{
    (void)state;
    add_numbers(2);
    agent.manner = TOO_BIG;
    agent.most = 0;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(caller.readings[0].cause, CAUSE_EXCEPTION);
    assert_int_equal(caller.readings[1].cause, CAUSE_EXCEPTION);
    agent.manner = WELL;
    assert_int_equal(poll_group(0), CAUSE_OK);
    expect_numbers(2, 2);
}

static void
silence_about_large_requests_is_told_from_death(void **state)
{
    (void)state;
    add_numbers(20);
    agent.manner = SILENT_IF_BIG;
    agent.most = 3;
    assert_int_equal(poll_group(0), CAUSE_TIMEOUT);
    assert_int_equal(poll_group(0), CAUSE_OK); /* finds it out in one poll: 20, 10, 5, 3 */
    expect_numbers(20, 1);
    agent.requests = 0;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(agent.requests, 7);
    expect_numbers(20, 2);
}

static void
device_that_was_away_keeps_its_limit(void **state)
{
    (void)state;
    add_numbers(20);
    for (unsigned outage = 0; outage < 3; outage++) {
        agent.manner = SILENT;
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(poll_group(0), CAUSE_TIMEOUT);
        assert_int_equal(probe_device(), CAUSE_TIMEOUT);
        agent.manner = WELL;
        assert_int_equal(probe_device(), CAUSE_OK);
        agent.requests = 0;
        assert_int_equal(poll_group(0), CAUSE_OK);
        assert_int_equal(agent.requests, 1);
        assert_int_equal(agent.asked[0], 20);
    }
}

static void
polls_cut_short_by_their_interval_learn_the_limit_too(void **state)
{
    bool is_read = false;

    (void)state;
    add_numbers(8);
    agent.manner = SILENT_IF_BIG;
    agent.most = 2;
    open_device();
    for (unsigned poll = 0; poll < 12 && !is_read; poll++) {
        ev_tstamp until = ev_time() + 0.8 * TIMEOUT_MS / 1000;

        caller.done = 0;
        ev_now_update(worker.loop);
        POLL_SNMP.poll(instance, 0);
        while (caller.done == 0 && ev_time() < until)
            ev_run(worker.loop, EVRUN_NOWAIT);
        if (caller.done == 0)
            POLL_SNMP.abandon(instance);
        else
            is_read = caller.cause == CAUSE_OK;
    }
    assert_true(is_read);
    expect_numbers(8, 1);
}

static void
v1_agent_loses_only_the_missing_object(void **state)
{
    (void)state;
    device.snmp_version = SNMP_V1;
    add_numbers(10);
    agent.objects[3].tag = MISSING;
    agent.objects[9].tag = MISSING;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(agent.request.version, 0);
    assert_int_equal(agent.requests, 3);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(caller.readings[i].cause, i == 3 || i == 9 ? CAUSE_ABSENT : CAUSE_OK);
    agent.requests = 0;
    assert_int_equal(poll_group(0), CAUSE_OK); /* left out now */
    assert_int_equal(agent.requests, 1);
    assert_int_equal(agent.asked[0], 8);
    assert_int_equal(caller.readings[3].cause, CAUSE_ABSENT);
    assert_int_equal(caller.readings[3].times, 2);
    assert_true(caller.readings[8].value == 8);
}

static void
group_of_missing_objects_does_not_hide_a_death(void **state)
{
    (void)state;
    device.snmp_version = SNMP_V1;
    add_numbers(2);
    agent.objects[0].tag = agent.objects[1].tag = MISSING;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(caller.readings[0].cause, CAUSE_ABSENT);
    assert_int_equal(caller.readings[0].times, 2);
    agent.manner = SILENT;
    assert_int_equal(poll_group(0), CAUSE_TIMEOUT);
    assert_int_equal(caller.readings[0].times, 2);
}

static void
error_that_names_no_object_is_traced_to_it(void **state)
{
    (void)state;
    add_numbers(16);
    agent.manner = FAILS_UNNAMED;
    agent.sick = 11;
    assert_int_equal(poll_group(0), CAUSE_OK);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(caller.readings[i].cause, i == 11 ? CAUSE_EXCEPTION : CAUSE_OK);
    agent.requests = 0;
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_int_equal(agent.requests, 1); /* the rest in one request again */
    assert_int_equal(agent.asked[0], 15);
}

static void
error_for_everything_ends_and_the_device_is_alive(void **state)
{
    static const struct {
        long status, index;
    } rows[] = {{5, 0}, {5, 1}, {5, 77}, {5, -1}, {2, 0}, {16, 0}, {255, 2147483647}};

    (void)state;
    add_numbers(9);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        agent.manner = FAILS;
        agent.status = rows[i].status;
        agent.index = rows[i].index;
        assert_int_equal(poll_group(0), CAUSE_OK);
        for (unsigned k = 0; k < 9; k++)
            assert_int_equal(caller.readings[k].cause,
                             rows[i].status == 2 ? CAUSE_ABSENT : CAUSE_EXCEPTION);
        POLL_SNMP.close(instance);
        instance = NULL;
    }
}

/* ---- opening ---- */

static void
write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void
community_comes_from_its_file(void **state)
{
    char folder[] = "/tmp/watchroom-snmp-XXXXXX", path[64], longer[400];
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/community", folder);
    add_numbers(1);
    device.community_file = path;
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_IO);
    write_file(path, "from-a-file\r\n", 0644);
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_DENIED);
    write_file(path, "\n", 0600);
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_CONFIG);
    write_file(path, "", 0600);
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_CONFIG);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    write_file(path, longer, 0600);
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &instance, &err), ERR_CONFIG);
    assert_null(instance);
    assert_null(strstr(err.text, "xxxx")); /* a secret stays one */
    write_file(path, "from-a-file\r\nsecond line\n", 0600);
    assert_int_equal(poll_group(0), CAUSE_OK);
    assert_string_equal(agent.request.community, "from-a-file");
    unlink(path);
    rmdir(folder);
}

static void
many_devices_share_one_plan_and_keep_their_own_limits(void **state)
{
    void *second = NULL;
    struct err err = {0};

    (void)state;
    add_numbers(20);
    assert_int_equal(POLL_SNMP.open(&device, &INFO, &SINK, &caller, &second, &err), ERR_OK);
    agent.manner = TOO_BIG;
    agent.most = 10;
    assert_int_equal(poll_group(0), CAUSE_OK);
    agent.manner = WELL;
    agent.requests = 0;
    POLL_SNMP.poll(second, 0);
    await(1);
    assert_int_equal(caller.cause, CAUSE_OK);
    assert_int_equal(agent.asked[0], 20);
    POLL_SNMP.close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(poll_of_a_good_agent_tells_every_point_once),
        TEST(poll_reads_its_own_group_only),
        TEST(poll_takes_every_type_of_value_for_what_it_means),
        TEST(poll_tells_text_points_as_text),
        TEST(status_word_is_asked_for_once_and_feeds_every_bit),
        TEST(group_larger_than_a_request_is_asked_for_in_turn),
        TEST(ipv6_device_is_polled_like_any_other),
        TEST(poll_from_inside_on_done_is_a_poll),
        TEST(bad_answers_are_counted_and_never_taken),
        TEST(odd_datagrams_before_the_answer_do_not_cost_the_answer),
        TEST(second_answer_to_a_request_is_nobodys),
        TEST(late_answer_is_a_sign_of_life_and_no_reading),
        TEST(device_that_sends_odd_types_writes_nothing_to_our_stderr),
        TEST(closed_port_is_refused_at_once),
        TEST(refused_requests_leave_nothing_behind),
        TEST(abandoned_poll_says_nothing_and_its_answer_is_nobodys),
        TEST(probe_is_content_with_any_answer),
        TEST(too_big_halves_the_request_and_is_remembered),
        TEST(too_big_for_a_single_object_is_told_and_not_remembered),
        TEST(silence_about_large_requests_is_told_from_death),
        TEST(device_that_was_away_keeps_its_limit),
        TEST(polls_cut_short_by_their_interval_learn_the_limit_too),
        TEST(v1_agent_loses_only_the_missing_object),
        TEST(group_of_missing_objects_does_not_hide_a_death),
        TEST(error_that_names_no_object_is_traced_to_it),
        TEST(error_for_everything_ends_and_the_device_is_alive),
        TEST(community_comes_from_its_file),
        TEST(many_devices_share_one_plan_and_keep_their_own_limits),
    };

    return cmocka_run_group_tests_name("poll_snmp", tests, start, end);
}
