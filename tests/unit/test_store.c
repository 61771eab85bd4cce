/*
 * test_store.c - the store as a process behind its links: samples, flushes, the end; and with
 * Debian's rrdcached behind it, stopped, killed and started again.
 */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rrd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/store.h"

#define POINTS 2
#define WAIT_MS 20000
#define RRDCACHED "/usr/bin/rrdcached"

enum { MASTER, ALARMS, COLLECTOR, LINKS };

static const struct point_def DEFS[POINTS] = {{.id = "input.voltage", .kind = VALUE_NUMBER},
                                              {.id = "ups.status", .kind = VALUE_STATE}};
static const uint32_t NUMBERS[POINTS] = {0, 1};
static const struct point_ref REFS[POINTS] = {{&DEFS[0], 0}, {&DEFS[1], 0}};
static const struct device_info INFO = {.id = "ups-a",
                                        .group_count = 1,
                                        .groups = {{"fast", 1000}},
                                        .point_count = POINTS,
                                        .points = NUMBERS};
static const struct directory DIRECTORY = {
    .device_limit = 1, .devices = &INFO, .point_limit = POINTS, .points = REFS};

static char dir[64], address[128];
static int pairs[LINKS][2];
static pid_t store_pid, daemon_pid;
static struct stamp start;
static uint64_t incarnation;

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void
start_store(bool cached)
{
    store_pid = fork();
    assert_true(store_pid >= 0);
    if (store_pid > 0) {
        incarnation++;
        return;
    }
    const struct store_params params = {
        .directory = &DIRECTORY,
        .state_dir = dir,
        .rrdcached = cached ? address : NULL,
        .classes = {{1000, 3600000, false}},
        .class_count = 1,
        .alarms_fd = pairs[ALARMS][1],
        .collector_fds = &pairs[COLLECTOR][1],
        .collector_count = 1,
    };
    const struct worker_env env = {
        .name = "store", .master_fd = pairs[MASTER][1], .incarnation = incarnation};

    log_init("store", LOG_LEVEL_ERROR);
    _exit(store_main(&env, &params));
}

static int
set_up(void **state)
{
    struct err err;

    (void)state;
    strcpy(dir, "/tmp/watchroom-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(address, sizeof address, "unix:%s/cached", dir);
    for (int i = 0; i < LINKS; i++)
        assert_int_equal(link_pair(pairs[i], &err), ERR_OK);
    start = clock_now();
    daemon_pid = 0;
    return 0;
}

static void
end(pid_t *pid, int signal_number)
{
    if (*pid <= 0)
        return;
    kill(*pid, signal_number);
    kill(*pid, SIGCONT);
    waitpid(*pid, NULL, 0);
    *pid = 0;
}

static int
tear_down(void **state)
{
    (void)state;
    end(&store_pid, SIGKILL);
    end(&daemon_pid, SIGKILL);
    for (int i = 0; i < LINKS; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void
send_message(int link, enum msg_type type, uint16_t count, const void *entries, size_t bytes)
{
    struct msg_head head = {.type = (uint16_t)type, .count = count, .bytes = (uint32_t)bytes};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)entries, bytes}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    assert_true(sendmsg(pairs[link][0], &message, 0) > 0);
}

/* The next message of that type; others are passed over. False: it did not come in time. */
static bool
receive_message(int link, enum msg_type type, void *out, size_t size)
{
    static _Alignas(max_align_t) char buffer[sizeof(struct msg_head) + MSG_BYTES_MAX];
    struct pollfd fd = {.fd = pairs[link][0], .events = POLLIN};

    while (poll(&fd, 1, WAIT_MS) > 0) {
        const struct msg_head *head = (const void *)buffer;
        ssize_t got = recv(fd.fd, buffer, sizeof buffer, 0);

        assert_true(got >= (ssize_t)sizeof *head);
        if (head->type != type)
            continue;
        assert_true(size <= head->bytes);
        memcpy(out, buffer + sizeof *head, size);
        return true;
    }
    return false;
}

/* One reading of each point for seconds [first, end) of the test. */
static void
send_samples(int first, int end_second)
{
    struct sample samples[2 * 200];
    uint16_t count = 0;

    for (int i = first; i < end_second; i++)
        for (uint32_t point = 0; point < POINTS; point++)
            samples[count++] = (struct sample){.point = point,
                                               .value = i,
                                               .utc_ms = start.utc_ms + i * 1000,
                                               .mono_ms = start.mono_ms + i * 1000};
    send_message(COLLECTOR, MSG_SAMPLES, count, samples, count * sizeof *samples);
}

/* Through the collector's link and back: what was sent there has been taken. */
static void
await_taken(uint64_t samples)
{
    uint64_t stats[STAT_COUNT] = {0};

    while (stats[STAT_STORE_SAMPLES] < samples) {
        send_message(MASTER, MSG_PING, 0, NULL, 0);
        assert_true(receive_message(MASTER, MSG_PONG, stats, sizeof stats));
    }
}

static int32_t
flush_device(uint32_t device)
{
    struct msg_flush order = {.token = 77, .device = device, .code = -1};

    send_message(ALARMS, MSG_FLUSH, 1, &order, sizeof order);
    assert_true(receive_message(ALARMS, MSG_FLUSHED, &order, sizeof order));
    assert_int_equal(order.token, 77);
    return order.code;
}

static void
stop_store(void)
{
    int status = -1;

    send_message(MASTER, MSG_STOP, 0, NULL, 0);
    assert_int_equal(waitpid(store_pid, &status, 0), store_pid);
    store_pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Seconds of the test that are in the file with their value; the first is the file's beginning. */
static int
count_stored(int end_second)
{
    time_t first = (time_t)(start.utc_ms / 1000) - 1, last = first + end_second + 1, begin = first;
    unsigned long step = 1, sources;
    char path[128], **names;
    rrd_value_t *data;
    int found = 0;

    snprintf(path, sizeof path, "%s/rrd/ups-a/fast.rrd", dir);
    rrd_clear_error();
    if (rrd_fetch_r(path, "AVERAGE", &begin, &last, &step, &sources, &names, &data) != 0)
        fail_msg("%s", rrd_get_error());
    for (int i = 0; i < end_second; i++) {
        size_t row = (size_t)(first + 1 + i - begin) - 1;

        found += data[row * sources] == i;
    }
    for (unsigned long i = 0; i < sources; i++)
        free(names[i]);
    free(names);
    free(data);
    return found;
}

static void
samples_are_in_the_file_once_the_flush_is_answered(void **state)
{
    (void)state;
    start_store(false);
    send_samples(0, 20);
    await_taken(40);
    assert_int_equal(flush_device(0), ERR_OK);
    assert_int_equal(count_stored(20), 20);
    send_samples(20, 120);
    await_taken(240);
    assert_int_equal(flush_device(UINT32_MAX), ERR_OK);
    assert_int_equal(flush_device(4711), ERR_OK); /* nothing is held of it */
    assert_int_equal(count_stored(120), 120);
}

static void
order_to_stop_writes_all_that_was_sent(void **state)
{
    (void)state;
    start_store(false);
    await_taken(0);
    send_samples(0, 50); /* perhaps still in the socket */
    stop_store();
    assert_int_equal(count_stored(50), 50);
    start_store(false);
    send_samples(50, 70);
    stop_store();
    assert_int_equal(count_stored(70), 70);
}

static void
death_costs_at_most_the_batch(void **state)
{
    (void)state;
    start_store(false);
    send_samples(0, 100);
    await_taken(200);
    assert_int_equal(flush_device(0), ERR_OK);
    send_samples(100, 110);
    await_taken(220);
    end(&store_pid, SIGKILL);
    start_store(false);
    send_samples(110, 120); /* the link outlives the process */
    stop_store();
    /* The first row behind a hole longer than the heartbeat counts for the hole. */
    assert_in_range(count_stored(120), 109, 120);
}

static void
state_is_told_to_alarms_when_it_changes(void **state)
{
    struct msg_store told = {0};
    struct sample sample = {
        .point = 0, .utc_ms = start.utc_ms, .mono_ms = start.mono_ms, .value = 1};

    (void)state;
    start_store(false);
    send_message(COLLECTOR, MSG_SAMPLES, 1, &sample, sizeof sample);
    sample.utc_ms += INT64_C(365) * 86400000;
    send_message(COLLECTOR, MSG_SAMPLES, 1, &sample, sizeof sample);
    while (told.refused == 0)
        assert_true(receive_message(ALARMS, MSG_STORE, &told, sizeof told));
    assert_int_equal(told.time_jumped, 1);
    stop_store();
}

/* ---- rrdcached ---- */

static void
start_daemon(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timespec pause = {.tv_nsec = 10000000};
    char pid_file[128];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(pid_file, sizeof pid_file, "%s/pid", dir);
    unlink(pid_file);
    unlink(address + 5);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        execl(RRDCACHED, "rrdcached", "-g", "-l", address, "-p", pid_file, "-w", "3600", "-f",
              "7200", NULL);
        _exit(127);
    }
    snprintf(to.sun_path, sizeof to.sun_path, "%.100s", address + 5);
    while (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        assert_int_equal(waitpid(daemon_pid, NULL, WNOHANG), 0);
        nanosleep(&pause, NULL);
    }
    close(fd);
}

static bool
has_daemon(void)
{
    return access(RRDCACHED, X_OK) == 0;
}

static void
daemon_writes_what_the_store_sends(void **state)
{
    (void)state;
    if (!has_daemon())
        skip();
    start_daemon();
    start_store(true);
    send_samples(0, 100);
    await_taken(200);
    assert_int_equal(flush_device(0), ERR_OK);
    assert_int_equal(count_stored(100), 100);
    send_samples(100, 130);
    stop_store();
    assert_int_equal(count_stored(130), 130);
}

static void
daemon_that_starts_late_gets_everything(void **state)
{
    (void)state;
    if (!has_daemon())
        skip();
    start_store(true);
    send_samples(0, 60);
    await_taken(120);
    start_daemon();
    assert_int_equal(flush_device(0), ERR_OK);
    assert_int_equal(count_stored(60), 60);
}

static void
daemon_that_is_killed_loses_nothing(void **state)
{
    (void)state;
    if (!has_daemon())
        skip();
    start_daemon();
    start_store(true);
    for (int round = 0; round < 3; round++) {
        send_samples(round * 50, round * 50 + 40);
        await_taken((uint64_t)(round * 50 + 40) * 2);
        end(&daemon_pid, SIGKILL);
        send_samples(round * 50 + 40, round * 50 + 50);
        await_taken((uint64_t)(round * 50 + 50) * 2);
        start_daemon();
        int32_t code = flush_device(0);

        if (code == ERR_TIMEOUT) /* it waits longer for each try to connect */
            code = flush_device(0);
        assert_int_equal(code, ERR_OK);
        assert_int_equal(count_stored(round * 50 + 50), round * 50 + 50);
    }
}

static void
daemon_that_is_stopped_holds_up_nobody(void **state)
{
    uint64_t stats[STAT_COUNT];
    struct msg_store told = {0};

    (void)state;
    if (!has_daemon())
        skip();
    start_daemon();
    start_store(true);
    send_samples(0, 10);
    await_taken(20);
    assert_int_equal(flush_device(0), ERR_OK);
    kill(daemon_pid, SIGSTOP);
    send_samples(10, 60);
    await_taken(120);
    assert_int_equal(flush_device(0), ERR_TIMEOUT);
    int64_t before = clock_now().mono_ms;

    send_message(MASTER, MSG_PING, 0, NULL, 0);
    assert_true(receive_message(MASTER, MSG_PONG, stats, sizeof stats));
    assert_true(clock_now().mono_ms - before < 1000);
    while (told.is_failing == 0)
        assert_true(receive_message(ALARMS, MSG_STORE, &told, sizeof told));
    assert_non_null(strstr(told.reason, "rrdcached"));
    kill(daemon_pid, SIGCONT);
    send_samples(60, 70);
    await_taken(140);
    int32_t code = ERR_TIMEOUT;

    for (int i = 0; i < 4 && code == ERR_TIMEOUT; i++)
        code = flush_device(0);
    assert_int_equal(code, ERR_OK);
    assert_int_equal(count_stored(70), 70);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(samples_are_in_the_file_once_the_flush_is_answered),
        TEST(order_to_stop_writes_all_that_was_sent),
        TEST(death_costs_at_most_the_batch),
        TEST(state_is_told_to_alarms_when_it_changes),
        TEST(daemon_writes_what_the_store_sends),
        TEST(daemon_that_starts_late_gets_everything),
        TEST(daemon_that_is_killed_loses_nothing),
        TEST(daemon_that_is_stopped_holds_up_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
