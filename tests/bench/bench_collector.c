/*
 * bench_collector.c - what the collector itself costs: devices whose driver answers at once with
 * values that were never on a wire. Prints CPU seconds per million points, memory, lateness.
 *
 *     bench_collector [devices] [points] [seconds] [per cent dead]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/collector.h"
#include "gateway/base/clock.h"

#define STATES_PER_DEVICE 5 /* the rest are measurements */

struct site {
    uint32_t devices, points; /* points per device, comm.state not counted */
    struct directory directory;
    struct source_set set;
    struct collect_device *configs;
};

struct fake {
    const struct driver_sink *sink;
    void *ctx;
    uint32_t device, points;
    double value;
};

static uint32_t dead_percent;

static enum err_code
fake_init(const struct driver_env *env, struct err *err)
{
    (void)env;
    (void)err;
    return ERR_OK;
}

static void
fake_done(void)
{
}

static enum err_code
fake_open(const struct collect_device *device, const struct device_info *info,
          const struct driver_sink *sink, void *ctx, void **out_instance, struct err *err)
{
    struct fake *fake = calloc(1, sizeof *fake);

    (void)info;
    if (fake == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *fake = (struct fake){sink, ctx, device->device, device->set->source_count, 0};
    *out_instance = fake;
    return ERR_OK;
}

static bool
is_dead(const struct fake *fake)
{
    return fake->device % 100 < dead_percent;
}

static void
fake_poll(void *instance, uint16_t group)
{
    struct fake *fake = instance;

    (void)group;
    if (is_dead(fake))
        return;
    fake->value += 0.25;
    for (uint32_t i = 0; i < fake->points; i++)
        fake->sink->on_value(fake->ctx, i, i < STATES_PER_DEVICE ? 1 : fake->value, QUALITY_GOOD,
                             CAUSE_OK);
    fake->sink->on_done(fake->ctx, CAUSE_OK, "");
}

static void
fake_probe(void *instance)
{
    struct fake *fake = instance;

    if (!is_dead(fake))
        fake->sink->on_done(fake->ctx, CAUSE_OK, "");
}

static void
fake_abandon(void *instance)
{
    (void)instance;
}

static const struct driver FAKE = {.name = "fake",
                                   .init = fake_init,
                                   .done = fake_done,
                                   .open = fake_open,
                                   .poll = fake_poll,
                                   .probe = fake_probe,
                                   .abandon = fake_abandon,
                                   .close = free};
static const struct driver *const FAKES[PROTOCOL_COUNT] = {[PROTOCOL_MODBUS_TCP] = &FAKE};

static void *
need(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void
make_site(struct site *site)
{
    uint32_t each = site->points + 1;
    struct point_def *defs = need(each, sizeof *defs);
    struct point_source *sources = need(each, sizeof *sources);
    struct device_info *infos = need(site->devices, sizeof *infos);
    struct point_ref *refs = need((size_t)site->devices * each, sizeof *refs);
    uint32_t *numbers = need((size_t)site->devices * each, sizeof *numbers);

    for (uint32_t p = 0; p < each; p++) {
        defs[p] = (struct point_def){.id = "p", .unit = "", .kind = VALUE_NUMBER};
        if (p < STATES_PER_DEVICE || p == site->points)
            defs[p].kind = VALUE_STATE;
        sources[p].def = &defs[p];
    }
    site->set = (struct source_set){.id = "fake", .sources = sources, .source_count = site->points};
    site->configs = need(site->devices, sizeof *site->configs);
    for (uint32_t d = 0; d < site->devices; d++) {
        for (uint32_t p = 0; p < each; p++) {
            numbers[d * each + p] = d * each + p;
            refs[d * each + p] = (struct point_ref){&defs[p], d};
        }
        infos[d] = (struct device_info){.id = "dev",
                                        .group_count = 1,
                                        .groups = {{"fast", 1000}},
                                        .point_count = each,
                                        .points = numbers + d * each,
                                        .comm_point = d * each + site->points};
        site->configs[d] = (struct collect_device){.device = d,
                                                   .protocol = PROTOCOL_MODBUS_TCP,
                                                   .timeout_ms = 1000,
                                                   .link = d,
                                                   .set = &site->set};
    }
    site->directory = (struct directory){.site = "bench",
                                         .device_limit = site->devices,
                                         .devices = infos,
                                         .point_limit = site->devices * each,
                                         .points = refs};
}

/* Takes everything and commits every event; ends with its parent. */
static void
be_a_peer(int fd, bool commits)
{
    static struct {
        struct msg_head head;
        char body[MSG_BYTES_MAX];
    } in;
    struct {
        struct msg_head head;
        struct msg_committed committed;
    } out = {.head = {.type = MSG_COMMITTED, .count = 1, .bytes = sizeof out.committed},
             .committed = {.incarnation = 1}};

    while (recv(fd, &in, sizeof in, 0) > 0) {
        if (!commits || in.head.type != MSG_EVENTS)
            continue;
        memcpy(&out.committed.number, in.body + (in.head.count - 1u) * sizeof(struct event),
               sizeof out.committed.number);
        send(fd, &out, sizeof out, MSG_NOSIGNAL);
    }
    _exit(0);
}

static void
start_peer(int fds[2], int other, bool commits)
{
    pid_t pid;

    if (link_pair(fds, NULL) != ERR_OK)
        exit(1);
    fcntl(fds[0], F_SETFL, 0); /* a peer has nothing else to do than to wait */
    pid = fork();
    if (pid == 0) {
        close(fds[1]);
        if (other >= 0)
            close(other);
        be_a_peer(fds[0], commits);
    }
    close(fds[0]);
}

static void
ask(int fd, uint64_t stats[STAT_COUNT])
{
    struct msg_head ping = {.type = MSG_PING};
    struct {
        struct msg_head head;
        uint64_t stats[STAT_COUNT];
    } in;

    send(fd, &ping, sizeof ping, MSG_NOSIGNAL);
    do
        if (recv(fd, &in, sizeof in, 0) <= 0)
            exit(1);
    while (in.head.type != MSG_PONG);
    memcpy(stats, in.stats, sizeof in.stats);
}

static void
report(const uint64_t before[STAT_COUNT], const uint64_t after[STAT_COUNT], double seconds)
{
    double points = (double)(after[STAT_SAMPLES] - before[STAT_SAMPLES]);
    double cpu_s = (double)(after[STAT_CPU_US] - before[STAT_CPU_US]) / 1e6;

    printf("points/s %.0f, CPU-s per million points %.3f, memory %.1f MiB\n", points / seconds,
           cpu_s / points * 1e6, (double)after[STAT_RSS_BYTES] / 1048576);
    printf("polls %llu, skipped %llu, decoded within 5 ms %llu, 10 ms %llu, 25 ms %llu, later "
           "%llu\n",
           (unsigned long long)(after[STAT_POLLS_OK] - before[STAT_POLLS_OK]),
           (unsigned long long)(after[STAT_POLLS_SKIPPED] - before[STAT_POLLS_SKIPPED]),
           (unsigned long long)(after[STAT_LATE_LE_5MS] - before[STAT_LATE_LE_5MS]),
           (unsigned long long)(after[STAT_LATE_LE_10MS] - before[STAT_LATE_LE_10MS]),
           (unsigned long long)(after[STAT_LATE_LE_25MS] - before[STAT_LATE_LE_25MS]),
           (unsigned long long)(after[STAT_LATE_LE_100MS] + after[STAT_LATE_GT_100MS] -
                                before[STAT_LATE_LE_100MS] - before[STAT_LATE_GT_100MS]));
}

static uint32_t
argument(char **argv, int argc, int index, uint32_t fallback)
{
    return index < argc ? (uint32_t)strtoul(argv[index], NULL, 10) : fallback;
}

int
main(int argc, char **argv)
{
    struct site site = {.devices = argument(argv, argc, 1, 5000),
                        .points = argument(argv, argc, 2, 20)};
    uint32_t seconds = argument(argv, argc, 3, 5);
    uint64_t before[STAT_COUNT], after[STAT_COUNT];
    int alarms[2], store[2], master[2];

    dead_percent = argument(argv, argc, 4, 0);
    make_site(&site);
    start_peer(alarms, -1, true);
    start_peer(store, alarms[1], false);
    if (link_pair(master, NULL) != ERR_OK)
        return 1;
    fcntl(master[0], F_SETFL, 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct worker_env env = {.name = "collector-0", .master_fd = master[1], .incarnation = 1};
        struct collector_params params = {.directory = &site.directory,
                                          .devices = site.configs,
                                          .device_count = site.devices,
                                          .shard_count = 1,
                                          .alarms_fd = alarms[1],
                                          .store_fd = store[1]};

        close(master[0]);
        exit(collector_run(&env, &params, FAKES));
    }
    close(master[1]);
    close(alarms[1]);
    close(store[1]);
    sleep(dead_percent > 0 ? 15 : 3);
    ask(master[0], before);
    sleep(seconds);
    ask(master[0], after);
    report(before, after, seconds);
    close(master[0]);
    waitpid(pid, NULL, 0);
    return 0;
}
