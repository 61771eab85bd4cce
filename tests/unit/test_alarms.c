/*
 * test_alarms.c - the alarms process as a whole: a real process on socket pairs, with this test in
 * the place of master, collector, store, courier and web; killed and started again.
 */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/alarms.h"
#include "alerts/generations.h"
#include "alerts/journal_read.h"
#include "alerts/journal_verify.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define WAIT_MS 10000
#define DEVICES 200
#define POINTS (DEVICES * 2) /* of each device: a number and comm.state */

/* The site: DEVICES devices with a number and a flag each, an alarm on each number. */
static struct point_def number_def = {
    .id = "load", .unit = "%", .description = "load", .kind = VALUE_NUMBER};
static struct point_def comm_def = {.id = "comm.state", .unit = "", .kind = VALUE_FLAG};
static struct point_def text_def = {.id = "serial", .unit = "", .kind = VALUE_TEXT};
static struct point_def journal_def = {.id = "journal.state", .unit = "", .kind = VALUE_STATE};
static struct device_info devices[DEVICES + 1];
static struct point_ref points[POINTS + 2];
static uint32_t device_points[DEVICES + 1][3];
static char device_ids[DEVICES][16];
static char alarm_ids[DEVICES + 1][40];
static struct alarm_type high_type = {.type = "power.load.high",
                                      .name = "load-high",
                                      .text = "Load is high",
                                      .consequence = "the breaker trips",
                                      .action = "move load",
                                      .respond_within_ms = 600000,
                                      .alarm_class = CLASS_POWER,
                                      .audiences = 7,
                                      .priority = 2,
                                      .rule = RULE_HIGH,
                                      .ack_required = true,
                                      .limit = 80};
static const double FAILED_VALUE[] = {2};
static struct alarm_type journal_type = {.type = "gateway.journal.failed",
                                         .name = "journal-failed",
                                         .text = "The journal takes nothing",
                                         .consequence = "nothing can be proved",
                                         .action = "make room",
                                         .alarm_class = CLASS_GATEWAY,
                                         .audiences = 7,
                                         .priority = 1,
                                         .rule = RULE_IS,
                                         .ack_required = true,
                                         .values = FAILED_VALUE,
                                         .value_count = 1};
static struct alarm_def alarms[DEVICES + 1];
static struct directory directory = {.site = "demo",
                                     .generation = 3,
                                     .device_limit = DEVICES + 1,
                                     .devices = devices,
                                     .point_limit = POINTS + 2,
                                     .points = points};
static const struct user USERS[] = {{.name = "alice", .role = ROLE_OPERATOR},
                                    {.name = "root", .role = ROLE_ADMIN}};

static void
make_site(void)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        snprintf(device_ids[i], sizeof device_ids[i], "d-%u", i);
        snprintf(alarm_ids[i], sizeof alarm_ids[i], "power/d-%u/load-high", i);
        device_points[i][0] = 2 * i;
        device_points[i][1] = 2 * i + 1;
        points[2 * i] = (struct point_ref){&number_def, i};
        points[2 * i + 1] = (struct point_ref){&comm_def, i};
        devices[i] = (struct device_info){.id = device_ids[i],
                                          .name = device_ids[i],
                                          .zone = "room-1",
                                          .asset = "",
                                          .owner = "",
                                          .profile = "",
                                          .address = "127.0.0.1",
                                          .point_count = 2,
                                          .points = device_points[i],
                                          .comm_point = 2 * i + 1,
                                          .digest = i};
        alarms[i] =
            (struct alarm_def){.type = &high_type, .id = alarm_ids[i], .device = i, .point = 2 * i};
    }
    points[POINTS] = (struct point_ref){&text_def, 0};
    points[POINTS + 1] = (struct point_ref){&journal_def, DEVICES};
    device_points[DEVICES][0] = POINTS + 1;
    devices[DEVICES] = (struct device_info){.id = "gateway",
                                            .name = "gateway",
                                            .zone = "",
                                            .asset = "",
                                            .owner = "",
                                            .profile = "",
                                            .address = "",
                                            .point_count = 1,
                                            .points = device_points[DEVICES],
                                            .comm_point = UINT32_MAX};
    snprintf(alarm_ids[DEVICES], sizeof alarm_ids[DEVICES], "gateway/gateway/journal-failed");
    alarms[DEVICES] = (struct alarm_def){
        .type = &journal_type, .id = alarm_ids[DEVICES], .device = DEVICES, .point = POINTS + 1};
}

enum peer { MASTER, COLLECTOR, STORE, COURIER, WEB, PEER_COUNT };

struct rig {
    char dir[64];
    int fds[PEER_COUNT][2]; /* [0] ours, [1] of the process */
    int listen_fd;
    pid_t pid;
    uint64_t incarnation;
    struct alarms_params params;
    uint64_t jid_seq; /* newest MSG_TICK.committed seen */
};

static int
open_socket(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void
start(struct rig *rig)
{
    rig->incarnation++;
    fflush(NULL);
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid != 0)
        return;
    log_init("alarms", getenv("VERBOSE") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    struct worker_env env = {.name = "alarms",
                             .master_fd = rig->fds[MASTER][1],
                             .generation = 3,
                             .incarnation = rig->incarnation};
    exit(alarms_main(&env, &rig->params)); /* not _exit: a leak shall be seen */
}

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct err err;

    make_site();
    high_type.priority = 2;
    snprintf(rig->dir, sizeof rig->dir, "/tmp/watchroom-alarms-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    for (int i = 0; i < PEER_COUNT; i++)
        assert_int_equal(link_pair(rig->fds[i], &err), ERR_OK);
    rig->listen_fd = open_socket(rig->dir);
    rig->params = (struct alarms_params){.directory = &directory,
                                         .alarms = alarms,
                                         .alarm_limit = DEVICES + 1,
                                         .users = USERS,
                                         .user_count = ARRAY_LEN(USERS),
                                         .site_name = "Demo",
                                         .state_dir = rig->dir,
                                         .config_digest = "00ff",
                                         .config_file = "site.yaml",
                                         .send_values = true,
                                         .unconfirmed_after_ms = 60000,
                                         .ballast_bytes = 65536,
                                         .control_fd = rig->listen_fd,
                                         .courier_fd = rig->fds[COURIER][1],
                                         .store_fd = rig->fds[STORE][1],
                                         .web_fd = rig->fds[WEB][1],
                                         .collector_fds = &rig->fds[COLLECTOR][1],
                                         .collector_count = 1};
    start(rig);
    *state = rig;
    return 0;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void
kill_it(struct rig *rig)
{
    kill(rig->pid, SIGKILL);
    assert_int_equal(waitpid(rig->pid, NULL, 0), rig->pid);
    rig->pid = 0;
}

static int
tear_down(void **state)
{
    struct rig *rig = *state;

    if (rig->pid != 0)
        kill_it(rig);
    for (int i = 0; i < PEER_COUNT; i++) {
        close(rig->fds[i][0]);
        close(rig->fds[i][1]);
    }
    close(rig->listen_fd);
    nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(rig);
    return 0;
}

struct message {
    struct msg_head head;
    _Alignas(max_align_t) char body[MSG_BYTES_MAX];
};

static void
send_to(struct rig *rig, enum peer peer, enum msg_type type, size_t count, const void *body,
        size_t bytes)
{
    static struct message message;

    message.head = (struct msg_head){
        .type = (uint16_t)type, .count = (uint16_t)count, .bytes = (uint32_t)bytes};
    memcpy(message.body, body, bytes);
    for (;;) {
        ssize_t sent = send(rig->fds[peer][0], &message, sizeof message.head + bytes, MSG_NOSIGNAL);
        if (sent >= 0)
            return;
        assert_int_equal(errno, EAGAIN);
        struct pollfd pollfd = {rig->fds[peer][0], POLLOUT, 0};
        assert_true(poll(&pollfd, 1, WAIT_MS) > 0);
    }
}

/* The next message of the process; `wanted` is for the complaint when none comes. */
static const struct message *
await_any(struct rig *rig, enum peer peer, enum msg_type wanted, int64_t end_mono_ms)
{
    static struct message message;
    struct pollfd pollfd = {rig->fds[peer][0], POLLIN, 0};
    int64_t left = end_mono_ms - clock_now().mono_ms;

    if (left <= 0 || poll(&pollfd, 1, (int)left) <= 0)
        fail_msg("no %s came", msg_type_name(wanted));
    ssize_t got = recv(rig->fds[peer][0], &message, sizeof message, 0);
    assert_true(got >= (ssize_t)sizeof message.head);
    return &message;
}

/* The next message of a kind; others are passed over. */
static const struct message *
await(struct rig *rig, enum peer peer, enum msg_type type)
{
    int64_t end = clock_now().mono_ms + WAIT_MS;
    const struct message *message;

    do
        message = await_any(rig, peer, type, end);
    while (message->head.type != type);
    return message;
}

/* A tick that says: so many rows are on disk. */
static struct msg_tick
await_committed(struct rig *rig, uint64_t seq)
{
    struct msg_tick tick;

    do
        memcpy(&tick, await(rig, COURIER, MSG_TICK)->body, sizeof tick);
    while (tick.committed < seq);
    return tick;
}

static struct sample
reading(uint32_t point, double value)
{
    struct stamp now = clock_now();

    return (struct sample){.point = point,
                           .quality = QUALITY_GOOD,
                           .value = value,
                           .utc_ms = now.utc_ms,
                           .mono_ms = now.mono_ms,
                           .prev_good_mono_ms = SAMPLE_NEVER};
}

static void
send_samples(struct rig *rig, uint32_t first, uint32_t count, double value)
{
    struct sample samples[DEVICES];

    for (uint32_t i = 0; i < count; i++)
        samples[i] = reading(2 * (first + i), value);
    send_to(rig, COLLECTOR, MSG_SAMPLES, count, samples, count * sizeof *samples);
}

static void
send_event(struct rig *rig, uint64_t number, uint32_t point, double value)
{
    struct event event = {.number = number, .sample = reading(point, value)};

    send_to(rig, COLLECTOR, MSG_EVENTS, 1, &event, sizeof event);
}

static void
send_hello(struct rig *rig, uint64_t incarnation)
{
    struct msg_hello hello = {incarnation};

    send_to(rig, COLLECTOR, MSG_HELLO, 1, &hello, sizeof hello);
}

static json_t *
ask(struct rig *rig, const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct text_buf reply;
    char part[65536];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", rig->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, line, strlen(line), 0), (ssize_t)strlen(line));
    assert_int_equal(send(fd, "\n", 1, 0), 1);
    text_buf_init(&reply, (size_t)64 * 1024 * 1024);
    do {
        struct pollfd pollfd = {fd, POLLIN, 0};

        assert_true(poll(&pollfd, 1, WAIT_MS) > 0);
        ssize_t got = recv(fd, part, sizeof part, 0);
        if (got <= 0)
            fail_msg("the connection was closed behind %.100s",
                     reply.data != NULL ? reply.data : "");
        text_buf_add_bytes(&reply, part, (size_t)got);
    } while (reply.data[reply.length - 1] != '\n');
    close(fd);
    json_t *object = json_parse_object(reply.data, reply.length, part, sizeof part);
    if (object == NULL)
        fail_msg("%s in %.300s", part, reply.data);
    text_buf_done(&reply);
    return object;
}

struct seen {
    unsigned rows, raised, cleared, acked, withdrawn, commands, devices, workers, generations,
        starts, notes, checkpoints, limited;
    uint64_t last;
    char last_alarm[4000];
};

static bool
on_row(void *ctx, const struct journal_row *row)
{
    struct seen *seen = ctx;

    seen->rows++;
    assert_int_equal(row->seq, seen->last + 1);
    seen->last = row->seq;
    if (strcmp(row->kind, "alarm") == 0) {
        seen->raised +=
            strstr(row->body, "\"raised\"]") != NULL || strstr(row->body, "\"raised\",") != NULL;
        seen->cleared += strstr(row->body, "[\"cleared\"") != NULL;
        seen->acked += strstr(row->body, "[\"acked\"") != NULL;
        seen->withdrawn += strstr(row->body, "[\"withdrawn\"") != NULL;
        text_copy(seen->last_alarm, sizeof seen->last_alarm, row->body);
    }
    seen->commands += strcmp(row->kind, "command") == 0;
    if (strstr(row->body, "\"rate-limited\"") != NULL) {
        const char *count = strstr(row->body, "\"count\":");

        seen->limited += count != NULL ? (unsigned)strtoul(count + 8, NULL, 10) : 1;
    }
    seen->devices += strcmp(row->kind, "device") == 0;
    seen->workers += strcmp(row->kind, "worker") == 0;
    seen->generations += strcmp(row->kind, "generation") == 0;
    seen->starts += strcmp(row->kind, "start") == 0;
    seen->notes += strcmp(row->kind, "note") == 0;
    seen->checkpoints += strcmp(row->kind, "checkpoint") == 0;
    return true;
}

static struct seen
read_journal(struct rig *rig)
{
    struct journal_reader *reader = NULL;
    struct journal_verdict verdict;
    struct seen seen = {0};
    struct err err = {0};
    uint64_t before;

    if (journal_reader_open(rig->dir, &reader, &err) != ERR_OK)
        fail_msg("%s", err.text);
    do {
        uint64_t last;

        before = seen.last;
        assert_int_equal(journal_reader_rows(reader, before, 1000, on_row, &seen, &last, &err),
                         ERR_OK);
    } while (seen.last > before);
    assert_int_equal(journal_verify(reader, &(struct journal_verify_params){0}, &verdict, &err),
                     ERR_OK);
    if (!verdict.is_complete || !verdict.is_unaltered)
        fail_msg("verify: %s", verdict.reason);
    journal_reader_close(reader);
    return seen;
}

static int64_t
standing(struct rig *rig)
{
    json_t *reply = ask(rig, "{\"verb\":\"alarms\"}");
    int64_t count = (int64_t)json_array_size(json_object_get(reply, "alarms"));

    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    return count;
}

static void
start_says_hello_asks_for_snapshots_and_is_ready(void **state)
{
    struct rig *rig = *state;

    await(rig, MASTER, MSG_READY);
    await(rig, COLLECTOR, MSG_HELLO);
    await(rig, COLLECTOR, MSG_SNAPSHOT);
    await(rig, STORE, MSG_HELLO);
    struct msg_tick tick = await_committed(rig, 1);
    assert_int_equal(tick.boot, 1);
    const struct message *metrics = await(rig, WEB, MSG_METRICS);
    json_t *figures = json_parse_object(metrics->body, metrics->head.bytes, NULL, 0);
    assert_string_equal(json_text_or(figures, "site", ""), "demo");
    assert_int_equal(json_int_or(json_object_get(figures, "devices"), "total", 0), DEVICES);
    json_decref(figures);
    struct msg_hello hello = {1};
    send_to(rig, STORE, MSG_HELLO, 1, &hello, sizeof hello);
    await(rig, COLLECTOR, MSG_SNAPSHOT);
    assert_int_equal(read_journal(rig).starts, 1);
}

static void
sample_over_its_limit_becomes_a_row_and_an_ack_over_the_socket_another(void **state)
{
    struct rig *rig = *state;

    send_samples(rig, 0, 1, 50);
    send_samples(rig, 0, 1, 95);
    struct msg_tick tick = await_committed(rig, 3);
    assert_int_equal(tick.active[0], 1);
    assert_int_equal(tick.active[2], 1);
    assert_int_equal(tick.retained, 1);
    await(rig, COURIER, MSG_TICK); /* and so on: at least every two seconds */

    json_t *reply = ask(rig, "{\"verb\":\"ack\",\"id\":\"power/d-0/load-high\",\"note\":\"seen\"}");
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    struct seen seen = read_journal(rig); /* the answer came after the commit */
    assert_int_equal(seen.raised, 1);
    assert_int_equal(seen.acked, 1);
    assert_int_equal(seen.commands, 1);
    assert_non_null(strstr(seen.last_alarm, "\"acked\":{\"by\":\"local\",\"note\":\"seen\""));

    reply = ask(rig, "{\"verb\":\"ack\",\"id\":\"power/d-0/load-high\"}");
    assert_false(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    reply = ask(rig, "{\"verb\":\"ack\",\"id\":\"power/d-0/load-high\",\"occ\":99}");
    assert_string_equal(json_text_or(reply, "code", ""), "stale-occurrence");
    json_decref(reply);
    reply = ask(rig, "{\"verb\":\"ack\",\"id\":\"no/such/alarm\"}");
    assert_string_equal(json_text_or(reply, "code", ""), "bad-request");
    json_decref(reply);
    assert_int_equal(read_journal(rig).commands, 4); /* refused ones too */
}

static void
state_after_kill_and_restart_is_the_same_and_nothing_is_doubled(void **state)
{
    struct rig *rig = *state;

    send_hello(rig, 7);
    send_samples(rig, 0, DEVICES, 95);
    struct msg_tick tick;
    do
        tick = await_committed(rig, 1);
    while (tick.active[0] < DEVICES);
    for (unsigned i = 0; i < 10; i++) {
        char line[100];

        snprintf(line, sizeof line, "{\"verb\":\"ack\",\"id\":\"power/d-%u/load-high\"}", i);
        json_decref(ask(rig, line));
    }
    send_event(rig, 1, 1, 0);
    const struct message *message = await(rig, COLLECTOR, MSG_COMMITTED);
    struct msg_committed committed;
    memcpy(&committed, message->body, sizeof committed);
    assert_int_equal(committed.incarnation, 7);
    assert_int_equal(committed.number, 1);
    json_t *before = ask(rig, "{\"verb\":\"alarms\"}");

    kill_it(rig);
    start(rig);
    await(rig, COLLECTOR, MSG_SNAPSHOT);
    json_t *after = ask(rig, "{\"verb\":\"alarms\"}");
    assert_int_equal(json_array_size(json_object_get(after, "alarms")), DEVICES);
    json_t *one = json_array_get(json_object_get(before, "alarms"), 3);
    json_t *two = json_array_get(json_object_get(after, "alarms"), 3);
    static const char *const SAME[] = {"id",  "ack",    "acked",    "cond",
                                       "occ", "raised", "priority", "value"};
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++)
        if (!json_equal(json_object_get(one, SAME[i]), json_object_get(two, SAME[i])))
            fail_msg("%s differs after the restart", SAME[i]);
    json_decref(before);
    json_decref(after);

    /* What the collector sends again changes nothing. */
    send_hello(rig, 7);
    send_event(rig, 1, 1, 0);
    send_samples(rig, 0, DEVICES, 95);
    send_event(rig, 2, 1, 1);
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.number < 2);
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.raised, DEVICES);
    assert_int_equal(seen.acked, 10);
    assert_int_equal(seen.starts, 2);
}

/* Kind of comm.state: a flag; of load: a number. */
static void
sample_does_not_overtake_the_events_that_come_again_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct msg_committed committed = {0};
    struct event events[2];
    struct sample newer;

    await(rig, COLLECTOR, MSG_SNAPSHOT);
    send_hello(rig, 7);
    send_event(rig, 1, 1, 1);
    await(rig, COLLECTOR, MSG_COMMITTED);
    kill_it(rig);
    events[0] = (struct event){.number = 2, .sample = reading(1, 0)};
    events[1] = (struct event){.number = 3, .sample = reading(1, 1)};
    /* While it is away: the flag goes and comes, and is read once more; the events wait with us. */
    newer = reading(1, 1);
    newer.mono_ms += 5;
    newer.utc_ms += 5;
    start(rig);
    send_to(rig, COLLECTOR, MSG_SAMPLES, 1, &newer, sizeof newer);
    await(rig, COLLECTOR, MSG_SNAPSHOT);
    send_hello(rig, 7);
    send_to(rig, COLLECTOR, MSG_EVENTS, 2, events, sizeof events);
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.number < 3);
    json_t *status = ask(rig, "{\"verb\":\"status\"}");
    assert_int_equal(json_int_or(json_object_get(status, "samples"), "late", 99), 0);
    json_decref(status);
}

static void
events_of_a_new_incarnation_begin_at_one_and_a_gap_is_on_record(void **state)
{
    struct rig *rig = *state;
    struct msg_committed committed = {0};

    send_hello(rig, 7);
    for (uint64_t i = 1; i <= 20; i++)
        send_event(rig, i, 1, (double)(i % 2));
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.number < 20);
    send_hello(rig, 8);
    send_event(rig, 1, 0, 99); /* an alarm */
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.incarnation != 8);
    assert_int_equal(committed.number, 1);
    assert_int_equal(read_journal(rig).raised, 1);
    uint64_t rows = read_journal(rig).rows;
    send_event(rig, 5, 1, 1);
    await(rig, COLLECTOR, MSG_SNAPSHOT); /* asked for again, once */
    send_hello(rig, 8);
    send_event(rig, 5, 1, 1);
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.number != 5);
    assert_int_equal(read_journal(rig).rows, rows + 1);
}

static void
definition_that_vanished_while_live_is_withdrawn_not_cleared(void **state)
{
    struct rig *rig = *state;

    send_samples(rig, 0, 2, 95);
    while (await_committed(rig, 1).active[0] < 2)
        ;
    kill_it(rig);
    alarms[1].type = NULL;
    start(rig);
    await_committed(rig, 5);
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.withdrawn, 1);
    assert_int_equal(seen.cleared, 0);
    assert_non_null(strstr(seen.last_alarm, "power/d-1/load-high"));
    assert_int_equal(standing(rig), 1);

    kill_it(rig);
    start(rig);
    await_committed(rig, seen.last + 1);
    assert_int_equal(read_journal(rig).withdrawn, 1); /* once */
}

static void
command_of_a_user_is_judged_answered_and_remembered(void **state)
{
    static const struct {
        const char *user, *verb, *topic, *payload, *want;
        uint32_t retained;
    } CASES[] = {
        /* clang-format off */
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000001\",\"id\":\"power/d-0/load-high\",\"occ\":1}", "ok", 0},
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000001\",\"id\":\"power/d-0/load-high\",\"occ\":1}", "duplicate", 0},
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000002\",\"id\":\"power/d-1/load-high\",\"occ\":7}", "stale-occurrence", 0},
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000003\",\"id\":\"power/d-1/load-high\",\"occ\":[1,3]}", "ok", 0},
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000004\",\"id\":\"power/d-2/load-high\",\"occ\":1,\"expires\":5}", "expired", 0},
        {"alice", "ack", "a", "{\"cid\":\"01K00000000000000000000005\",\"id\":\"power/d-2/load-high\"}", "bad-request", 1},
        {"alice", "ack", "a", "{\"cid\":\"x\",\"id\":\"power/d-2/load-high\"}", "bad-request", 0},
        {"alice", "ack", "a", "not json", "bad-request", 0},
        {"alice", "shelve", "a", "{\"cid\":\"01K00000000000000000000006\"}", "bad-request", 0},
        {"alice", "get", "a", "{\"cid\":\"01K00000000000000000000007\",\"since\":1}", "ok", 0},
        {"root", "ack", "r", "{\"cid\":\"01K00000000000000000000008\",\"id\":\"power/d-2/load-high\",\"occ\":1}", "denied", 0},
        {"mallory", "ack", "", "{\"cid\":\"01K00000000000000000000009\",\"id\":\"power/d-2/load-high\"}", NULL, 0},
        {"alice", "ack", "stolen", "{\"cid\":\"01K0000000000000000000000A\",\"id\":\"power/d-2/load-high\",\"occ\":1}", NULL, 0},
        /* clang-format on */
    };
    struct rig *rig = *state;

    send_samples(rig, 0, 3, 95);
    while (await_committed(rig, 1).active[0] < 3)
        ;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char bytes[sizeof(struct msg_command) + 400] = {0};
        struct msg_command *command = (struct msg_command *)(void *)bytes;
        size_t length = strlen(CASES[i].payload);

        text_copy(command->user, sizeof command->user, CASES[i].user);
        text_copy(command->verb, sizeof command->verb, CASES[i].verb);
        if (strcmp(CASES[i].topic, "stolen") == 0)
            text_copy(command->response_topic, sizeof command->response_topic,
                      "watchroom/1/demo/rsp/root/console");
        else
            snprintf(command->response_topic, sizeof command->response_topic,
                     "watchroom/1/demo/rsp/%s/console", CASES[i].user);
        command->retained = CASES[i].retained;
        command->payload_bytes = (uint32_t)length;
        memcpy(bytes + sizeof *command, CASES[i].payload, length);
        send_to(rig, COURIER, MSG_COMMAND, 1, bytes, sizeof *command + length);
        if (CASES[i].want == NULL)
            continue;
        const struct message *message = await(rig, COURIER, MSG_OUTCOME);
        json_t *outcome = json_parse_object(message->body + sizeof *command,
                                            message->head.bytes - sizeof *command, NULL, 0);
        if (strcmp(json_text_or(outcome, "code", ""), CASES[i].want) != 0)
            fail_msg("case %zu: %s (%s), not %s", i, json_text_or(outcome, "code", "?"),
                     json_text_or(outcome, "error", "?"), CASES[i].want);
        json_decref(outcome);
    }
    json_decref(ask(rig, "{\"verb\":\"status\"}")); /* all before it is done */
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.commands, ARRAY_LEN(CASES));
    assert_int_equal(seen.acked, 2);
}

static void
commands_beyond_the_rate_are_refused_and_do_not_fill_the_journal(void **state)
{
    struct rig *rig = *state;
    unsigned limited = 0;

    for (unsigned i = 0; i < 200; i++) {
        char bytes[sizeof(struct msg_command) + 100] = {0};
        struct msg_command *command = (struct msg_command *)(void *)bytes;
        int length =
            snprintf(bytes + sizeof *command, 100, "{\"cid\":\"01K000000000000000000%05u\"}", i);

        text_copy(command->user, sizeof command->user, "alice");
        text_copy(command->verb, sizeof command->verb, "get");
        text_copy(command->response_topic, sizeof command->response_topic,
                  "watchroom/1/demo/rsp/alice/x");
        command->payload_bytes = (uint32_t)length;
        send_to(rig, COURIER, MSG_COMMAND, 1, bytes, sizeof *command + (size_t)length);
    }
    for (unsigned i = 0; i < 200; i++) {
        const struct message *message = await(rig, COURIER, MSG_OUTCOME);

        limited += memmem(message->body, message->head.bytes, "rate-limited", 12) != NULL;
    }
    assert_in_range(limited, 170, 180);
    /* Each is on record, though nothing comes any more that would bring it there. */
    int64_t end = clock_now().mono_ms + WAIT_MS;
    while (read_journal(rig).limited < limited && clock_now().mono_ms < end)
        poll(NULL, 0, 50);
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.limited, limited);
    assert_in_range(seen.commands, 20, 40);
}

static void
news_of_master_and_devices_become_rows_and_figures(void **state)
{
    struct rig *rig = *state;
    struct msg_worker worker = {.name = "store", .change = WORKER_DIED, .pid = 4711, .restarts = 1};
    struct msg_stats stats = {.name = "store", .pid = 4712, .restarts = 1};
    struct msg_health health[] = {
        {.device = 0, .health = HEALTH_UP},
        {.device = 1, .health = HEALTH_DOWN, .missed = 3, .reason = "no answer"},
        {.device = 9999, .health = HEALTH_DOWN}};
    static const char GENERATION[] =
        "{\"accepted\":false,\"generation\":4,\"faults\":[\"x:1:1: y\"]}";

    stats.values[STAT_STORE_FILES] = 12;
    send_to(rig, MASTER, MSG_WORKER, 1, &worker, sizeof worker);
    send_to(rig, MASTER, MSG_STATS, 1, &stats, sizeof stats);
    send_to(rig, MASTER, MSG_GENERATION, 1, GENERATION, strlen(GENERATION));
    send_to(rig, COLLECTOR, MSG_HEALTH, ARRAY_LEN(health), health, sizeof health);
    struct seen seen;
    await_committed(rig, 5);
    seen = read_journal(rig);
    assert_int_equal(seen.workers, 1);
    assert_int_equal(seen.generations, 1);
    assert_int_equal(seen.devices, 1); /* only what changed from what was known */

    json_t *status = ask(rig, "{\"verb\":\"status\"}");
    assert_string_equal(json_text_or(status, "state", ""), "degraded");
    assert_string_equal(json_text_or(status, "state_dir", ""), rig->dir);
    json_t *store = json_array_get(json_object_get(status, "workers"), 0);
    assert_int_equal(json_int_or(json_object_get(store, "stats"), "store_files", 0), 12);
    json_t *counts = json_object_get(status, "devices");
    assert_int_equal(json_int_or(counts, "up", 0), 1);
    assert_int_equal(json_int_or(counts, "down", 0), 1);
    json_decref(status);

    /* Over a restart the same device being down is no news. */
    kill_it(rig);
    start(rig);
    send_to(rig, COLLECTOR, MSG_HEALTH, ARRAY_LEN(health), health, sizeof health);
    health[1].health = HEALTH_UP;
    send_to(rig, COLLECTOR, MSG_HEALTH, ARRAY_LEN(health), health, sizeof health);
    await_committed(rig, seen.last + 3);
    assert_int_equal(read_journal(rig).devices, 2);
}

static void
values_devices_and_definitions_are_answered_whole(void **state)
{
    struct rig *rig = *state;
    struct text_value text = {.point = POINTS, .utc_ms = 5, .text = "AS-\xff-42"};

    send_samples(rig, 0, DEVICES, 12.5);
    send_to(rig, COLLECTOR, MSG_TEXTS, 1, &text, sizeof text);
    const struct message *message = await(rig, COURIER, MSG_SAMPLES); /* send_values */
    assert_int_equal(message->head.count, DEVICES);

    json_t *values = ask(rig, "{\"verb\":\"values\"}");
    json_t *list = json_object_get(values, "values");
    assert_int_equal(json_array_size(list), POINTS + 2);
    assert_true(json_real_value(json_object_get(json_array_get(list, 0), "value")) == 12.5);
    assert_string_equal(json_text_or(json_array_get(list, 1), "cause", ""), "not-yet-read");
    assert_string_equal(json_text_or(json_array_get(list, POINTS), "value", ""), "AS-?-42");
    json_decref(values);
    values = ask(rig, "{\"verb\":\"values\",\"device\":\"d-3\"}");
    assert_int_equal(json_array_size(json_object_get(values, "values")), 2);
    json_decref(values);
    values = ask(rig, "{\"verb\":\"values\",\"device\":\"nobody\"}");
    assert_string_equal(json_text_or(values, "code", ""), "not-found");
    json_decref(values);
    values = ask(rig, "{\"verb\":\"devices\"}");
    assert_int_equal(json_array_size(json_object_get(values, "devices")), DEVICES);
    json_decref(values);
    values = ask(rig, "{\"verb\":\"definitions\"}");
    assert_int_equal(json_array_size(json_object_get(values, "devices")), DEVICES + 1);
    assert_int_equal(json_array_size(json_object_get(values, "alarms")), DEVICES + 1);
    json_decref(values);
    values = ask(rig, "{\"verb\":\"alarms\",\"all\":true}");
    assert_int_equal(json_array_size(json_object_get(values, "alarms")), DEVICES + 1);
    json_decref(values);
}

static void
flush_is_answered_when_the_store_has_written_and_reload_asks_the_master(void **state)
{
    struct rig *rig = *state;
    pid_t asker = fork();

    if (asker == 0) { /* the one who waits */
        json_t *reply = ask(rig, "{\"verb\":\"flush\",\"device\":\"d-2\"}");

        _exit(json_is_true(json_object_get(reply, "ok")) ? 0 : 1);
    }
    struct msg_flush flush;
    int status;
    memcpy(&flush, await(rig, STORE, MSG_FLUSH)->body, sizeof flush);
    assert_int_equal(flush.device, 2);
    send_to(rig, STORE, MSG_FLUSHED, 1, &flush, sizeof flush);
    assert_int_equal(waitpid(asker, &status, 0), asker);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    json_decref(ask(rig, "{\"verb\":\"reload\",\"request\":\"01KB3V0V9Q5S8M0Z3T7W4C6H2N\"}"));
    const struct message *message = await(rig, MASTER, MSG_RELOAD);
    json_t *order = json_parse_object(message->body, message->head.bytes, NULL, 0);
    assert_int_equal(json_int_or(order, "uid", -1), geteuid());
    assert_int_equal(json_int_or(order, "pid", -1), getpid());
    assert_string_equal(json_text_or(order, "request", ""), "01KB3V0V9Q5S8M0Z3T7W4C6H2N");
    json_decref(order);
}

/* news, as the master says them */
#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define REQUEST "01KB3V0V9Q5S8M0Z3T7W4C6H2N"
#define ROW_1                                                                                      \
    "\"accepted\":true,\"by\":{\"source\":\"control\",\"request\":\"" REQUEST                      \
    "\"},\"changes\":[],"                                                                          \
    "\"digest\":\"" DIGEST_A "\",\"generation\":1"

static void
put_record(struct rig *rig, uint32_t number, const char *digest)
{
    char folder[128];
    json_t *record = json_pack("{s:b, s:[], s:s, s:I}", "accepted", true, "changes", "digest",
                               digest, "generation", (json_int_t)number);
    struct err err;

    snprintf(folder, sizeof folder, "%s/config", rig->dir);
    assert_true(mkdir(folder, 0750) == 0 || errno == EEXIST);
    assert_int_equal(generations_save(rig->dir, number, record, &err), ERR_OK);
    json_decref(record);
}

static json_t *
await_verdict(struct rig *rig)
{
    int64_t until_ms = clock_now().mono_ms + WAIT_MS;

    while (clock_now().mono_ms < until_ms) {
        json_t *reply = ask(rig, "{\"verb\":\"verdict\",\"request\":\"" REQUEST "\"}");
        json_t *verdict = json_incref(json_object_get(reply, "verdict"));

        assert_true(json_is_true(json_object_get(reply, "ok")));
        json_decref(reply);
        if (json_is_object(verdict))
            return verdict;
        json_decref(verdict);
        sched_yield();
    }
    fail_msg("no verdict came");
    return NULL;
}

static void
configuration_is_journalled_once_whoever_dies_and_its_asker_gets_the_verdict(void **state)
{
    static const char NEWS[] = "{" ROW_1 ",\"parts\":{\"sections\":{\"web\":\"12\"}}}";
    struct rig *rig = *state;

    put_record(rig, 1, DIGEST_A); /* the master got no further than this */
    kill_it(rig);
    start(rig);
    json_t *status = ask(rig, "{\"verb\":\"status\"}");
    assert_int_equal(json_int_or(status, "generation", 0), 3); /* of its parameters */
    json_decref(status);
    assert_int_equal(read_journal(rig).generations, 1);

    send_to(rig, MASTER, MSG_GENERATION, 1, NEWS, strlen(NEWS));
    json_t *verdict = await_verdict(rig);
    assert_string_equal(json_text_or(verdict, "digest", ""), DIGEST_A);
    assert_null(json_object_get(verdict, "parts"));
    json_decref(verdict);
    assert_int_equal(read_journal(rig).generations, 1);
    status = ask(rig, "{\"verb\":\"definitions\"}");
    assert_int_equal(json_int_or(status, "generation", 0), 1); /* as the master said last */
    assert_string_equal(json_text_or(status, "config_digest", ""), DIGEST_A);
    assert_string_equal(
        json_text_or(json_object_get(json_object_get(status, "parts"), "sections"), "web", ""),
        "12");
    json_decref(status);

    /* A number that was given before the records were lost is another configuration now. */
    put_record(rig, 1, DIGEST_B);
    put_record(rig, 2, DIGEST_A);
    for (int i = 0; i < 3; i++) {
        kill_it(rig);
        start(rig);
        json_decref(ask(rig, "{\"verb\":\"status\"}"));
    }
    assert_int_equal(read_journal(rig).generations, 2);
}

static void
checkpoint_on_demand_signs_what_is_new_and_nothing_twice(void **state)
{
    struct rig *rig = *state;
    json_t *first = ask(rig, "{\"verb\":\"checkpoint\"}");
    json_t *second = ask(rig, "{\"verb\":\"checkpoint\"}");
    int64_t seq = json_int_or(first, "seq", 0);

    assert_true(seq > 0);
    assert_int_equal(json_int_or(second, "seq", 0), seq);
    json_decref(second);
    send_samples(rig, 0, 1, 95);
    await_committed(rig, (uint64_t)seq + 1);
    second = ask(rig, "{\"verb\":\"checkpoint\"}");
    assert_true(json_int_or(second, "seq", 0) > seq + 1);
    assert_int_equal(json_int_or(second, "seq", 0), (int64_t)read_journal(rig).last);
    json_decref(first);
    json_decref(second);
}

/* A stranger whom the folder's mode lets in looks on. */
static void
stranger_may_neither_reload_nor_sign(void **state)
{
    static const char *const LINES[] = {
        "{\"verb\":\"reload\"}", "{\"verb\":\"reload\",\"dry\":true}", "{\"verb\":\"checkpoint\"}"};
    struct rig *rig = *state;
    char path[128];
    int status;

    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof path, "%s/control", rig->dir);
    assert_int_equal(chmod(path, 0666) | chmod(rig->dir, 0711), 0);
    json_decref(ask(rig, "{\"verb\":\"status\"}")); /* it has begun */
    uint64_t last = read_journal(rig).last;
    pid_t stranger = fork();
    if (stranger == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
            json_t *reply = ask(rig, LINES[i]);

            if (strcmp(json_text_or(reply, "code", ""), "denied") != 0)
                _exit(3);
            json_decref(reply);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(stranger, &status, 0), stranger);
    assert_int_equal(status, 0);
    assert_int_equal(read_journal(rig).last, last);
    json_t *reply = ask(rig, "{\"verb\":\"reload\",\"dry\":true}"); /* asks nobody */
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
}

static void
client_that_sends_rubbish_or_never_reads_harms_only_itself(void **state)
{
    static const char *const LINES[] = {"",
                                        "{",
                                        "[]",
                                        "\"x\"",
                                        "{\"verb\":7}",
                                        "{\"verb\":\"none\"}",
                                        "{\"verb\":\"ack\"}",
                                        "{\"verb\":\"ack\",\"id\":\"../x\"}",
                                        "{\"verb\":\"values\",\"device\":5}"};
    struct rig *rig = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char long_line[20000];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        json_t *reply = ask(rig, LINES[i]);

        assert_string_equal(json_text_or(reply, "code", ""), "bad-request");
        json_decref(reply);
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", rig->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    memset(long_line, 'x', sizeof long_line);
    assert_true(send(fd, long_line, sizeof long_line, MSG_NOSIGNAL) > 0);
    long_line[0] = '\0';
    assert_true(recv(fd, long_line, 300, 0) > 0);
    assert_non_null(strstr(long_line, "too long"));
    close(fd);

    /* Asks for a lot, a hundred times in one go, and reads nothing. */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(send(fd, "{\"verb\":\"alarms\",\"all\":true}\n", 29, MSG_DONTWAIT) > 0);
    json_t *reply = ask(rig, "{\"verb\":\"status\"}");
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    close(fd);
    assert_int_equal(standing(rig), 0);
}

static void
p1_that_the_broker_does_not_confirm_runs_the_command_once(void **state)
{
    struct rig *rig = *state;
    char script[320], out[120], text[4096];
    const char *argv[] = {"/bin/sh", "-c", script, NULL};

    snprintf(out, sizeof out, "%s/paged", rig->dir);
    snprintf(script, sizeof script, "cat >> %s; echo x >> %s.done", out, out);
    kill_it(rig);
    high_type.priority = 1;
    rig->params.unconfirmed_after_ms = 300;
    rig->params.unconfirmed_command = argv;
    start(rig);
    send_samples(rig, 0, 1, 95);
    uint64_t seq = 0;
    for (unsigned notes = 0; notes == 0;) { /* until the result is on record */
        seq = await_committed(rig, seq + 1).committed;
        FILE *file = fopen(out, "r");
        notes = file != NULL && fread(text, 1, sizeof text - 1, file) > 0;
        if (file != NULL)
            fclose(file);
    }
    json_t *said = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_text_or(json_object_get(said, "alarm"), "id", ""),
                        "power/d-0/load-high");
    json_decref(said);

    /* Not again for the same occurrence, nor after a restart. */
    kill_it(rig);
    start(rig);
    await(rig, COURIER, MSG_TICK);
    await(rig, COURIER, MSG_TICK);
    await(rig, COURIER, MSG_TICK);
    FILE *file = fopen(out, "r");
    memset(text, 0, sizeof text);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_null(strstr(strchr(text, '\n') + 1, "alarm"));
}

static void
stop_is_on_record_and_ends_it_well(void **state)
{
    struct rig *rig = *state;
    int status;

    await(rig, MASTER, MSG_READY);
    send_to(rig, MASTER, MSG_STOP, 0, "", 0);
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.last, 4); /* start and stop, each with a checkpoint behind it */
    assert_int_equal(seen.checkpoints, 2);
}

static void
storm_is_told_row_by_row_and_its_cost_is_printed(void **state)
{
    struct rig *rig = *state;
    int64_t start_us = clock_mono_us();
    double value = 95;

    for (unsigned round = 0; round < 50; round++) {
        send_samples(rig, 0, DEVICES, value);
        value = value > 80 ? 50 : 95;
    }
    /* Each is raised and cleared 25 times; unacknowledged in between. */
    await_committed(rig, 50 * DEVICES);
    print_message("%u rows in %.0f ms from sample to commit\n", 50 * DEVICES,
                  (double)(clock_mono_us() - start_us) / 1000);
    json_t *status = ask(rig, "{\"verb\":\"status\"}");
    assert_int_equal(json_int_or(json_object_get(status, "alarms"), "live", 9), 0);
    json_decref(status);
    assert_int_equal(read_journal(rig).raised, 25 * DEVICES);
}

/* What a collector does: keeps its events until they are committed, repeats them when asked. */
static void
no_event_is_lost_or_doubled_over_kills_at_any_moment(void **state)
{
    enum { EVENTS = 600, KILLS = 25 };
    static struct event events[EVENTS];
    struct rig *rig = *state;
    uint64_t sent = 0, committed = 0;
    unsigned kills = 0;
    int64_t end = clock_now().mono_ms + 6 * WAIT_MS;

    send_hello(rig, 7);
    while (committed < EVENTS && clock_now().mono_ms < end) {
        struct pollfd pollfd = {rig->fds[COLLECTOR][0], POLLIN, 0};

        if (sent < EVENTS && sent < committed + 40) {
            /* Each event raises or clears the alarm of one device. */
            struct event *event = &events[sent];

            if (event->number == 0)
                *event = (struct event){
                    .number = sent + 1,
                    .sample = reading((uint32_t)(sent % 20) * 2, sent / 20 % 2 == 0 ? 95 : 50)};
            send_to(rig, COLLECTOR, MSG_EVENTS, 1, event, sizeof *event);
            sent++;
        }
        if (kills < KILLS && sent >= (kills + 1) * (EVENTS / (KILLS + 1))) {
            kill_it(rig);
            start(rig);
            kills++;
        }
        while (poll(&pollfd, 1, sent < EVENTS && sent < committed + 40 ? 0 : 20) > 0) {
            static struct message message;
            struct msg_committed told;

            assert_true(recv(pollfd.fd, &message, sizeof message, 0) > 0);
            if (message.head.type == MSG_SNAPSHOT) {
                send_hello(rig, 7);
                sent = committed;
            } else if (message.head.type == MSG_COMMITTED) {
                memcpy(&told, message.body, sizeof told);
                assert_int_equal(told.incarnation, 7);
                assert_true(told.number <= EVENTS);
                if (told.number > committed)
                    committed = told.number;
                if (sent < committed)
                    sent = committed;
            }
        }
    }
    assert_int_equal(committed, EVENTS);
    assert_int_equal(kills, KILLS);
    struct seen seen = read_journal(rig);
    assert_int_equal(seen.raised, EVENTS / 2);
    assert_in_range(seen.starts, 1, KILLS + 1); /* some are killed before they begin */
    assert_int_equal(seen.notes, 0);            /* no gap */
}

static bool
mount_small_disk(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=1m") == 0;
}

static void
alarms_on_a_full_disk_are_told_unjournalled_and_all_is_well_again_with_space(void **state)
{
    struct rig *rig = *state;
    char dir[100], path[160];
    static char block[4096];
    unsigned urgent = 0;
    struct msg_tick tick;
    double value = 95;

    snprintf(dir, sizeof dir, "%s/small", rig->dir);
    snprintf(path, sizeof path, "%s/filler", dir);
    kill_it(rig);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (!mount_small_disk(dir)) {
        print_message("skipped: may not mount a small disk here\n");
        skip();
    }
    rig->params.state_dir = dir;
    start(rig);
    send_hello(rig, 7);
    send_event(rig, 1, 1, 1);
    await(rig, COLLECTOR, MSG_COMMITTED);
    FILE *filler = fopen(path, "w");
    assert_non_null(filler);
    while (fwrite(block, 1, sizeof block, filler) == sizeof block && fflush(filler) == 0)
        ;
    fclose(filler);

    /* Rows until the ballast is used up, too, and the P1 that says so. */
    tick.degraded = 0;
    while (tick.degraded == 0 || urgent == 0) {
        const struct message *message =
            await_any(rig, COURIER, MSG_ROW, clock_now().mono_ms + WAIT_MS);

        if (message->head.type == MSG_TICK) {
            memcpy(&tick, message->body, sizeof tick);
            send_samples(rig, 0, 5, value);
            value = value > 80 ? 50 : 95;
        } else if (message->head.type == MSG_ROW) {
            struct msg_row head;
            json_t *row = json_parse_object((const char *)message->body + sizeof head,
                                            message->head.bytes - sizeof head, NULL, 0);

            memcpy(&head, message->body, sizeof head);
            assert_non_null(row);
            assert_true(json_is_false(json_object_get(row, "journalled")));
            assert_int_equal(json_int_or(row, "seq", 0), head.seq);
            urgent += strcmp(json_text_or(json_object_get(row, "alarm"), "id", ""),
                             "gateway/gateway/journal-failed") == 0;
            json_decref(row);
        }
    }
    assert_true(tick.reason[0] != '\0');
    send_event(rig, 2, 1, 0); /* taken, but not to be forgotten by its collector */
    json_t *reply = ask(rig, "{\"verb\":\"status\"}");
    assert_string_equal(json_text_or(reply, "state", ""), "degraded");
    assert_true(json_is_true(json_object_get(json_object_get(reply, "journal"), "failing")));
    json_decref(reply);
    struct pollfd quiet = {rig->fds[COLLECTOR][0], POLLIN, 0};
    while (poll(&quiet, 1, 0) > 0) {
        struct msg_committed committed;
        char bytes[256];
        struct msg_head head;

        assert_true(recv(rig->fds[COLLECTOR][0], bytes, sizeof bytes, 0) > 0);
        memcpy(&head, bytes, sizeof head);
        memcpy(&committed, bytes + sizeof head, sizeof committed);
        assert_true(head.type != MSG_COMMITTED || committed.number < 2);
    }

    assert_int_equal(unlink(path), 0);
    do
        memcpy(&tick, await(rig, COURIER, MSG_TICK)->body, sizeof tick);
    while (tick.degraded);
    struct msg_committed committed;
    do
        memcpy(&committed, await(rig, COLLECTOR, MSG_COMMITTED)->body, sizeof committed);
    while (committed.number < 2);
    memcpy(rig->dir + strlen(rig->dir), "/small", 7);
    struct seen seen = read_journal(rig); /* whole and unaltered, nothing left out */
    rig->dir[strlen(rig->dir) - 6] = '\0';
    assert_true(seen.raised > 5);
    kill_it(rig);
    umount(dir);
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIGGED(start_says_hello_asks_for_snapshots_and_is_ready),
        RIGGED(sample_over_its_limit_becomes_a_row_and_an_ack_over_the_socket_another),
        RIGGED(state_after_kill_and_restart_is_the_same_and_nothing_is_doubled),
        RIGGED(sample_does_not_overtake_the_events_that_come_again_after_a_restart),
        RIGGED(events_of_a_new_incarnation_begin_at_one_and_a_gap_is_on_record),
        RIGGED(definition_that_vanished_while_live_is_withdrawn_not_cleared),
        RIGGED(command_of_a_user_is_judged_answered_and_remembered),
        RIGGED(commands_beyond_the_rate_are_refused_and_do_not_fill_the_journal),
        RIGGED(news_of_master_and_devices_become_rows_and_figures),
        RIGGED(values_devices_and_definitions_are_answered_whole),
        RIGGED(flush_is_answered_when_the_store_has_written_and_reload_asks_the_master),
        RIGGED(configuration_is_journalled_once_whoever_dies_and_its_asker_gets_the_verdict),
        RIGGED(checkpoint_on_demand_signs_what_is_new_and_nothing_twice),
        RIGGED(stranger_may_neither_reload_nor_sign),
        RIGGED(client_that_sends_rubbish_or_never_reads_harms_only_itself),
        RIGGED(p1_that_the_broker_does_not_confirm_runs_the_command_once),
        RIGGED(no_event_is_lost_or_doubled_over_kills_at_any_moment),
        RIGGED(alarms_on_a_full_disk_are_told_unjournalled_and_all_is_well_again_with_space),
        RIGGED(stop_is_on_record_and_ends_it_well),
        RIGGED(storm_is_told_row_by_row_and_its_cost_is_printed),
    };

    signal(SIGPIPE, SIG_IGN);
    make_site();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
