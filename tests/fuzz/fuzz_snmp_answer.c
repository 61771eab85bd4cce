/*
 * fuzz_snmp_answer.c - whatever a device sends, the SNMP driver ends each poll once, tells no point
 * more than once in it, and only finite numbers and clean texts.
 *
 * The driver runs as it does in the collector, against a socket on loopback. Input: a byte of
 * options, then datagrams, each a length (2) and bytes. Where the top bit of the length is set the
 * bytes are sent as they are, else as what follows the request id in an answer to the last request.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/poll_snmp.h"
#include "gateway/base/text.h"
#include "tests/unit/snmp_agent.h"

#define OBJECTS 6
#define DATAGRAMS_MAX 16
#define POLLS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct point_def NUMBER = {.id = "n", .kind = VALUE_NUMBER};
static const struct point_def TEXT = {.id = "t", .kind = VALUE_TEXT};
static const struct device_info INFO = {.id = "device", .group_count = 1};
static uint32_t oids[OBJECTS][10];
static struct point_source sources[2 * OBJECTS]; /* each object as a number and as a text */
static struct source_set set;
static struct collect_device device;
static struct worker worker;
static int agent = -1;

static struct {
    unsigned polls, done;
    unsigned told[2 * OBJECTS];
} caller;

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static void
tell(uint32_t index, enum quality quality, enum cause cause)
{
    insist(index < ARRAY_LEN(caller.told));
    insist(caller.done < caller.polls); /* none after the end */
    insist(++caller.told[index] <= caller.polls);
    insist((quality == QUALITY_GOOD) == (cause == CAUSE_OK) && cause < CAUSE_COUNT);
}

static void
on_value(void *ctx, uint32_t index, double value, enum quality quality, enum cause cause)
{
    (void)ctx;
    tell(index, quality, cause);
    insist(sources[index].def == &NUMBER && (cause != CAUSE_OK || isfinite(value)));
}

static void
on_text(void *ctx, uint32_t index, const char *text, enum quality quality, enum cause cause)
{
    (void)ctx;
    tell(index, quality, cause);
    insist(sources[index].def == &TEXT && text_is_clean_utf8(text, strlen(text)));
}

static void
on_done(void *ctx, enum cause cause, const char *reason)
{
    (void)ctx;
    insist(++caller.done <= caller.polls);
    insist((cause == CAUSE_OK) == (reason[0] == '\0'));
}

static void
on_alive(void *ctx)
{
    (void)ctx;
}

static const struct driver_sink SINK = {on_value, on_text, on_done, on_alive};

static void
set_up(void)
{
    const struct driver_env env = {.worker = &worker};
    struct sockaddr_in home = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof home;
    struct err err;

    worker.loop = ev_loop_new(0);
    agent = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    insist(worker.loop != NULL && agent >= 0);
    insist(bind(agent, (struct sockaddr *)&home, bytes) == 0);
    getsockname(agent, (struct sockaddr *)&home, &bytes);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        const uint32_t name[] = {1, 3, 6, 1, 4, 1, 99, 1, i, 0};

        memcpy(oids[i], name, sizeof name);
        for (unsigned k = 0; k < 2; k++)
            sources[2 * i + k] = (struct point_source){
                .def = k == 0 ? &NUMBER : &TEXT, .snmp = {oids[i], ARRAY_LEN(name)}, .scale = 1};
    }
    set = (struct source_set){
        .id = "set", .sources = sources, .source_count = 2 * OBJECTS, .snmp.max_varbinds = 4};
    device = (struct collect_device){
        .protocol = PROTOCOL_SNMP, .timeout_ms = 60000, .community = "public", .set = &set};
    memcpy(&device.address, &home, sizeof home);
    insist(POLL_SNMP.init(&env, &err) == ERR_OK);
}

/* The driver's last request, if there is one, into `request`; the driver's address into `peer`. */
static bool
take_request(struct agent_request *request, struct sockaddr_in *peer)
{
    uint8_t bytes[AGENT_BYTES];
    socklen_t peer_bytes = sizeof *peer;
    bool is_any = false;
    ssize_t got;

    while ((got = recvfrom(agent, bytes, sizeof bytes, 0, (struct sockaddr *)peer, &peer_bytes)) >
           0) {
        agent_read(bytes, (size_t)got, request);
        insist(request->command == AGENT_PDU_GET);
        is_any = true;
    }
    return is_any;
}

static void
send_answer(const struct agent_request *request, const struct sockaddr_in *peer,
            const uint8_t *bytes, size_t length, bool is_raw)
{
    struct agent_writer writer = {.at = AGENT_BYTES};
    size_t end = writer.at;

    agent_put(&writer, bytes, length);
    if (!is_raw) {
        agent_int(&writer, request->id);
        agent_head(&writer, AGENT_PDU_RESPONSE, end);
        agent_value(&writer, 0x04, request->community, strlen(request->community));
        agent_int(&writer, request->version);
        agent_head(&writer, 0x30, end);
    }
    (void)!sendto(agent, writer.bytes + writer.at, end - writer.at, 0,
                  (const struct sockaddr *)peer, sizeof *peer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    static struct agent_request request;
    static struct sockaddr_in peer;
    struct err err;
    void *instance;

    if (length < 1)
        return 0;
    if (agent < 0)
        set_up();
    device.snmp_version = input[0] & 1 ? SNMP_V1 : SNMP_V2C;
    input++;
    length--;
    memset(&caller, 0, sizeof caller);
    insist(POLL_SNMP.open(&device, &INFO, &SINK, NULL, &instance, &err) == ERR_OK);
    for (unsigned i = 0; i < DATAGRAMS_MAX && length >= 2; i++) {
        size_t size = (size_t)(input[0] & 0x0f) << 8 | input[1];
        bool is_raw = input[0] & 0x80;

        if (caller.done == caller.polls) {
            if (caller.polls == POLLS_MAX)
                break;
            caller.polls++;
            POLL_SNMP.poll(instance, 0);
        }
        (void)take_request(&request, &peer); /* else it waits for more of the last answer */
        input += 2;
        length -= 2;
        if (size > length)
            size = length;
        if (size > AGENT_BYTES / 2)
            size = AGENT_BYTES / 2;
        send_answer(&request, &peer, input, size, is_raw);
        input += size;
        length -= size;
        ev_run(worker.loop, EVRUN_NOWAIT);
    }
    POLL_SNMP.abandon(instance);
    POLL_SNMP.close(instance);
    (void)take_request(&request, &peer);
    return 0;
}
