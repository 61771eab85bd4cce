/*
 * test_collector.c - the collector process as its peers see it: forked, with a driver that answers
 * as told through shared memory, and this test in the places of alarms, store and master.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/collector.h"
#include "collectors/event_log.h"
#include "collectors/health.h"
#include "gateway/base/clock.h"

#define DEVICES_MAX 40
#define POINTS_PER_DEVICE 4 /* load, status, serial, and comm.state */
#define PERIOD_MS 50
#define INCARNATION 77
#define PATIENCE_MS 10000

enum { LOAD, STATUS, SERIAL, COMM };
enum manner { ANSWER, SILENT, REFUSE, EXCEPT, GARBLED, HALF };

/* ---- the driver ---- */

static struct shared {
    volatile int manner[DEVICES_MAX];
    volatile double load[DEVICES_MAX], status[DEVICES_MAX];
    volatile int polls[DEVICES_MAX], probes[DEVICES_MAX], abandoned[DEVICES_MAX];
    volatile int serials[DEVICES_MAX]; /* how often the once group was read */
    volatile int collisions;           /* two requests at once on one link */
    volatile int is_late;              /* answers come in a later turn of the loop */
    volatile int cannot_open;
    volatile int pretends_life; /* every probe is followed by a sign of life */
} * shared;

struct fake {
    const struct collect_device *device;
    const struct driver_sink *sink;
    void *ctx;
    uint16_t group;
    bool is_probe, is_busy;
    ev_timer later;
};

static struct worker *fake_worker;
static bool link_busy[DEVICES_MAX];

static void
fake_done(struct fake *fake, enum cause cause, const char *reason)
{
    fake->is_busy = false;
    link_busy[fake->device->link] = false;
    fake->sink->on_done(fake->ctx, cause, reason);
}

static void
fake_give(struct fake *fake, enum manner manner)
{
    uint32_t me = fake->device->device;

    if (fake->group == 1) {
        shared->serials[me]++;
        fake->sink->on_text(fake->ctx, SERIAL, "AX-17", QUALITY_GOOD, CAUSE_OK);
        return;
    }
    fake->sink->on_value(fake->ctx, LOAD, shared->load[me], QUALITY_GOOD, CAUSE_OK);
    if (manner != HALF)
        fake->sink->on_value(fake->ctx, STATUS, shared->status[me], QUALITY_GOOD, CAUSE_OK);
}

static void
fake_answer(struct fake *fake)
{
    enum manner manner = (enum manner)shared->manner[fake->device->device];

    switch (manner) {
    case SILENT:
        return;
    case REFUSE:
        fake_done(fake, CAUSE_REFUSED, "nobody listens");
        return;
    case EXCEPT:
        fake_done(fake, CAUSE_EXCEPTION, "busy");
        return;
    case GARBLED:
        fake_done(fake, CAUSE_PROTOCOL, "not a frame");
        return;
    case HALF:
    case ANSWER:
        if (!fake->is_probe)
            fake_give(fake, manner);
        if (manner == HALF)
            fake_done(fake, CAUSE_TIMEOUT, "the second half is missing");
        else
            fake_done(fake, CAUSE_OK, "");
    }
}

static void
fake_on_later(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    fake_answer(timer->data);
}

static void
fake_start(struct fake *fake)
{
    uint32_t link = fake->device->link;

    if (link_busy[link])
        shared->collisions++;
    link_busy[link] = true;
    fake->is_busy = true;
    if (shared->is_late) {
        ev_timer_set(&fake->later, 0.001, 0);
        ev_timer_start(fake_worker->loop, &fake->later);
    } else {
        fake_answer(fake);
    }
}

static void
fake_poll(void *instance, uint16_t group)
{
    struct fake *fake = instance;

    shared->polls[fake->device->device]++;
    fake->group = group;
    fake->is_probe = false;
    fake_start(fake);
}

static void
fake_probe(void *instance)
{
    struct fake *fake = instance;

    shared->probes[fake->device->device]++;
    fake->is_probe = true;
    fake_start(fake);
    if (shared->pretends_life)
        fake->sink->on_alive(fake->ctx);
}

static void
fake_abandon(void *instance)
{
    struct fake *fake = instance;

    shared->abandoned[fake->device->device]++;
    ev_timer_stop(fake_worker->loop, &fake->later);
    fake->is_busy = false;
    link_busy[fake->device->link] = false;
}

static enum err_code
fake_init(const struct driver_env *env, struct err *err)
{
    (void)err;
    fake_worker = env->worker;
    return ERR_OK;
}

static void
fake_finish(void)
{
}

static enum err_code
fake_open(const struct collect_device *device, const struct device_info *info,
          const struct driver_sink *sink, void *ctx, void **out_instance, struct err *err)
{
    struct fake *fake;

    if (shared->cannot_open > 0) {
        shared->cannot_open--;
        return err_set(err, ERR_NOMEM, "%s: no descriptor left", info->id);
    }
    fake = calloc(1, sizeof *fake);
    fake->device = device;
    fake->sink = sink;
    fake->ctx = ctx;
    ev_timer_init(&fake->later, fake_on_later, 0, 0);
    fake->later.data = fake;
    *out_instance = fake;
    return ERR_OK;
}

static void
fake_close(void *instance)
{
    struct fake *fake = instance;

    ev_timer_stop(fake_worker->loop, &fake->later);
    free(fake);
}

static const struct driver FAKE = {.name = "fake",
                                   .init = fake_init,
                                   .done = fake_finish,
                                   .open = fake_open,
                                   .poll = fake_poll,
                                   .probe = fake_probe,
                                   .abandon = fake_abandon,
                                   .close = fake_close};
static const struct driver *const FAKES[PROTOCOL_COUNT] = {[PROTOCOL_MODBUS_TCP] = &FAKE};

/* ---- the site ---- */

static const struct point_def DEFS[] = {
    [LOAD] = {.id = "ups.load", .unit = "%", .kind = VALUE_NUMBER, .group = 0},
    [STATUS] = {.id = "ups.status", .unit = "", .kind = VALUE_STATE, .group = 0},
    [SERIAL] = {.id = "ups.serial", .unit = "", .kind = VALUE_TEXT, .group = 1},
    [COMM] = {.id = "comm.state", .unit = "", .kind = VALUE_FLAG, .group = 0},
};
static const struct point_source SOURCES[] = {
    {.def = &DEFS[LOAD]}, {.def = &DEFS[STATUS]}, {.def = &DEFS[SERIAL]}};
static const struct source_set SET = {.id = "fake", .sources = SOURCES, .source_count = 3};

struct rig {
    uint32_t devices;
    pid_t pid;
    int alarms, store, master;
    struct device_info infos[DEVICES_MAX];
    uint32_t points[DEVICES_MAX * POINTS_PER_DEVICE];
    struct point_ref refs[DEVICES_MAX * POINTS_PER_DEVICE];
    struct collect_device configs[DEVICES_MAX];
    struct directory directory;
    uint16_t next; /* entry of `in` that hear_point has not looked at */
    struct {
        struct msg_head head;
        _Alignas(max_align_t) char body[MSG_BYTES_MAX];
    } in;
};

static uint32_t
point_number(uint32_t device, uint32_t point)
{
    return device * POINTS_PER_DEVICE + point;
}

static void
make_site(struct rig *rig, uint32_t devices, uint32_t per_link)
{
    rig->devices = devices;
    for (uint32_t d = 0; d < devices; d++) {
        for (uint32_t p = 0; p < POINTS_PER_DEVICE; p++) {
            rig->points[point_number(d, p)] = point_number(d, p);
            rig->refs[point_number(d, p)] = (struct point_ref){&DEFS[p], d};
        }
        rig->infos[d] = (struct device_info){.id = "dev",
                                             .group_count = 2,
                                             .groups = {{"fast", PERIOD_MS}, {"once", 0}},
                                             .point_count = POINTS_PER_DEVICE,
                                             .points = &rig->points[point_number(d, 0)],
                                             .comm_point = point_number(d, COMM)};
        rig->configs[d] = (struct collect_device){.device = d,
                                                  .protocol = PROTOCOL_MODBUS_TCP,
                                                  .timeout_ms = 20,
                                                  .down_after = 3,
                                                  .up_after = 2,
                                                  .backoff_max_ms = 30000,
                                                  .link = d / per_link,
                                                  .set = &SET};
        shared->load[d] = 10 + d;
    }
    rig->directory = (struct directory){.site = "test",
                                        .device_limit = devices,
                                        .devices = rig->infos,
                                        .point_limit = devices * POINTS_PER_DEVICE,
                                        .points = rig->refs};
}

static void
start(struct rig *rig)
{
    int alarms[2], store[2], master[2];

    assert_int_equal(link_pair(alarms, NULL), ERR_OK);
    assert_int_equal(link_pair(store, NULL), ERR_OK);
    assert_int_equal(link_pair(master, NULL), ERR_OK);
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0) {
        struct worker_env env = {
            .name = "collector-0", .master_fd = master[1], .incarnation = INCARNATION};
        struct collector_params params = {.directory = &rig->directory,
                                          .devices = rig->configs,
                                          .device_count = rig->devices,
                                          .shard_count = 1,
                                          .alarms_fd = alarms[1],
                                          .store_fd = store[1]};

        close(alarms[0]);
        close(store[0]);
        close(master[0]);
        exit(collector_run(&env, &params, FAKES));
    }
    close(alarms[1]);
    close(store[1]);
    close(master[1]);
    rig->alarms = alarms[0];
    rig->store = store[0];
    rig->master = master[0];
}

static int
set_up(void **state)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *state = calloc(1, sizeof(struct rig));
    return shared == MAP_FAILED || *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    struct rig *rig = *state;

    if (rig->pid > 0) {
        kill(rig->pid, SIGKILL);
        waitpid(rig->pid, NULL, 0);
        close(rig->alarms);
        close(rig->store);
        close(rig->master);
    }
    free(rig);
    munmap(shared, sizeof *shared);
    return 0;
}

/* ---- the peers ---- */

static void
tell(int fd, enum msg_type type, size_t count, const void *entries)
{
    struct {
        struct msg_head head;
        char body[256];
    } out = {.head = {.type = (uint16_t)type,
                      .count = (uint16_t)count,
                      .bytes = (uint32_t)(count * msg_entry_bytes(type))}};

    if (out.head.bytes > 0)
        memcpy(out.body, entries, out.head.bytes);
    assert_true(send(fd, &out, sizeof out.head + out.head.bytes, MSG_NOSIGNAL) > 0);
}

/* The next message, or false when none came within the time. */
static bool
hear_within(struct rig *rig, int fd, int wait_ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    if (poll(&poller, 1, wait_ms) <= 0)
        return false;
    ssize_t got = recv(fd, &rig->in, sizeof rig->in, 0);
    if (got <= 0)
        return false;
    assert_true((size_t)got >= sizeof rig->in.head);
    rig->next = 0;
    assert_true(msg_is_sound(&rig->in.head, (size_t)got - sizeof rig->in.head));
    return true;
}

static void
hear(struct rig *rig, int fd)
{
    assert_true(hear_within(rig, fd, PATIENCE_MS));
}

static void
hear_type(struct rig *rig, int fd, enum msg_type type)
{
    do
        hear(rig, fd);
    while (rig->in.head.type != type);
}

/* The next sample of this point that alarms is told, event or not; `out_number` is 0 for a sample.
 */
static struct sample
hear_point(struct rig *rig, uint32_t point, uint64_t *out_number)
{
    int64_t until_ms = clock_now().mono_ms + PATIENCE_MS;
    const struct sample *samples = (const void *)rig->in.body;
    const struct event *events = (const void *)rig->in.body;

    while (clock_now().mono_ms < until_ms) {
        bool are_events = rig->in.head.type == MSG_EVENTS;

        if (rig->next >= rig->in.head.count || (!are_events && rig->in.head.type != MSG_SAMPLES)) {
            hear(rig, rig->alarms);
            continue;
        }
        uint16_t i = rig->next++;
        *out_number = are_events ? events[i].number : 0;
        if ((are_events ? events[i].sample.point : samples[i].point) == point)
            return are_events ? events[i].sample : samples[i];
    }
    fail_msg("point %u was not told", point);
    return (struct sample){0};
}

static struct msg_health
hear_health(struct rig *rig, uint32_t device, enum health health)
{
    for (;;) {
        hear_type(rig, rig->alarms, MSG_HEALTH);
        const struct msg_health *entries = (const void *)rig->in.body;
        for (uint16_t i = 0; i < rig->in.head.count; i++)
            if (entries[i].device == device && entries[i].health == health)
                return entries[i];
    }
}

static const uint64_t *
ask_stats(struct rig *rig)
{
    tell(rig->master, MSG_PING, 0, NULL);
    hear_type(rig, rig->master, MSG_PONG);
    return (const uint64_t *)(const void *)rig->in.body;
}

static int
ended(struct rig *rig)
{
    int status = -1;

    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    close(rig->alarms);
    close(rig->store);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
commit(struct rig *rig, uint64_t incarnation, uint64_t number)
{
    tell(rig->alarms, MSG_COMMITTED, 1, &(struct msg_committed){incarnation, number});
}

/* ---- tests ---- */

static void
collector_says_hello_to_both_and_ready_to_the_master(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    start(rig);
    hear(rig, rig->alarms);
    assert_int_equal(rig->in.head.type, MSG_HELLO);
    assert_int_equal(((const struct msg_hello *)(const void *)rig->in.body)->incarnation,
                     INCARNATION);
    hear(rig, rig->store);
    assert_int_equal(rig->in.head.type, MSG_HELLO);
    hear(rig, rig->master);
    assert_int_equal(rig->in.head.type, MSG_READY);
}

static void
first_readings_are_samples_events_and_texts(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    shared->status[0] = 3;
    start(rig);
    struct sample sample = hear_point(rig, point_number(0, STATUS), &number);
    assert_int_not_equal(number, 0);
    assert_int_equal(sample.quality, QUALITY_GOOD);
    assert_true(sample.value == 3);
    assert_true(sample.prev_good_mono_ms == SAMPLE_NEVER);
    assert_true(llabs(sample.utc_ms - clock_now().utc_ms) < PATIENCE_MS);
    sample = hear_point(rig, point_number(0, LOAD), &number);
    assert_int_equal(number, 0);
    assert_true(sample.value == 10);
    struct sample next = hear_point(rig, point_number(0, LOAD), &number);
    assert_true(next.prev_good_mono_ms == sample.mono_ms);
}

static void
once_group_is_told_as_a_text_and_read_once(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    start(rig);
    hear_type(rig, rig->alarms, MSG_TEXTS);
    const struct text_value *text = (const void *)rig->in.body;
    assert_int_equal(text->point, point_number(0, SERIAL));
    assert_string_equal(text->text, "AX-17");
    for (int polls = shared->polls[0]; shared->polls[0] < polls + 5;)
        hear(rig, rig->alarms);
    assert_int_equal(shared->serials[0], 1);
}

static void
comm_state_becomes_one_with_the_first_answer(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    start(rig);
    struct sample sample = hear_point(rig, point_number(0, COMM), &number);
    assert_int_not_equal(number, 0);
    assert_true(sample.value == 1);
}

static void
state_is_an_event_when_it_changed_and_a_sample_when_not(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    start(rig);
    hear_point(rig, point_number(0, STATUS), &number);
    assert_int_not_equal(number, 0);
    hear_point(rig, point_number(0, STATUS), &number);
    assert_int_equal(number, 0);
    shared->status[0] = 8;
    struct sample sample;
    do
        sample = hear_point(rig, point_number(0, STATUS), &number);
    while (number == 0);
    assert_true(sample.value == 8);
}

static void
dead_device_is_told_bad_until_it_is_down_and_then_no_more(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    start(rig);
    hear_point(rig, point_number(0, LOAD), &number);
    shared->manner[0] = REFUSE;
    hear_health(rig, 0, HEALTH_SUSPECT);
    struct sample bad = hear_point(rig, point_number(0, LOAD), &number);
    assert_int_equal(bad.quality, QUALITY_BAD);
    assert_int_equal(bad.cause, CAUSE_REFUSED);
    assert_true(bad.value == 0);
    assert_true(bad.prev_good_mono_ms != SAMPLE_NEVER);
    struct sample comm = hear_point(rig, point_number(0, COMM), &number);
    assert_int_not_equal(number, 0);
    assert_true(comm.value == 0);
    struct msg_health health = hear_health(rig, 0, HEALTH_DOWN);
    assert_int_equal(health.missed, 3);
    assert_string_equal(health.reason, "nobody listens");

    int polls = shared->polls[0];
    while (hear_within(rig, rig->alarms, 3 * PERIOD_MS))
        ;
    assert_int_equal(shared->polls[0], polls);
}

static void
silent_device_is_abandoned_at_its_deadline(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    shared->manner[0] = SILENT;
    rig->infos[0].group_count = 1; /* the once group would have 30 s */
    start(rig);
    struct msg_health health = hear_health(rig, 0, HEALTH_DOWN);
    assert_int_equal(health.cause, CAUSE_TIMEOUT);
    assert_int_equal(shared->abandoned[0], 3);
}

static void
points_not_told_before_a_failure_are_bad(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    shared->manner[0] = HALF;
    start(rig);
    struct sample load = hear_point(rig, point_number(0, LOAD), &number);
    assert_int_equal(load.quality, QUALITY_GOOD);
    struct sample status = hear_point(rig, point_number(0, STATUS), &number);
    assert_int_equal(number, 0);
    assert_int_equal(status.quality, QUALITY_BAD);
    assert_int_equal(status.cause, CAUSE_TIMEOUT);
}

static void
exception_makes_points_bad_but_not_the_device(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 1, 1);
    shared->manner[0] = EXCEPT;
    start(rig);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hear_point(rig, point_number(0, LOAD), &number).cause, CAUSE_EXCEPTION);
    const uint64_t *stats = ask_stats(rig);
    assert_int_equal(stats[STAT_DEVICES_UP], 1);
    assert_int_equal(stats[STAT_DEVICES_DOWN], 0);
}

static void
poll_now_brings_a_device_back_at_once(void **state)
{
    struct rig *rig = *state;
    uint32_t device = 0;
    uint64_t number;

    make_site(rig, 1, 1);
    shared->manner[0] = GARBLED;
    start(rig);
    hear_health(rig, 0, HEALTH_DOWN);
    /* Let the back-off grow beyond what this test would wait for. */
    while (shared->probes[0] < 2)
        usleep(1000);
    shared->manner[0] = ANSWER;
    int64_t before_ms = clock_now().mono_ms;
    tell(rig->alarms, MSG_POLL_NOW, 1, &device);
    hear_health(rig, 0, HEALTH_UP);
    assert_true(clock_now().mono_ms - before_ms < HEALTH_BACKOFF_FIRST_MS);
    struct sample load;
    do
        load = hear_point(rig, point_number(0, LOAD), &number);
    while (load.quality != QUALITY_GOOD);
    assert_int_equal(shared->serials[0], 1); /* its once group as well */
}

static void
device_that_cannot_be_opened_is_tried_again(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    shared->cannot_open = 2;
    start(rig);
    struct msg_health health = hear_health(rig, 0, HEALTH_SUSPECT);
    assert_non_null(strstr(health.reason, "no descriptor left"));
    hear_health(rig, 0, HEALTH_UP);
}

static void
snapshot_repeats_uncommitted_events_then_everything(void **state)
{
    struct rig *rig = *state;
    bool seen[POINTS_PER_DEVICE] = {false}, texts = false, health = false;

    make_site(rig, 1, 1);
    start(rig);
    hear_type(rig, rig->alarms, MSG_TEXTS);
    while (ask_stats(rig)[STAT_EVENTS_PENDING] != 2)
        ;
    while (hear_within(rig, rig->alarms, 0))
        ;
    commit(rig, INCARNATION, 1);
    tell(rig->alarms, MSG_SNAPSHOT, 0, NULL);
    hear_type(rig, rig->alarms, MSG_EVENTS);
    const struct event *events = (const void *)rig->in.body;
    assert_int_equal(rig->in.head.count, 1);
    assert_int_equal(events->number, 2);
    while (!(seen[LOAD] && seen[STATUS] && seen[COMM] && texts && health)) {
        hear(rig, rig->alarms);
        const struct sample *samples = (const void *)rig->in.body;
        const struct text_value *text = (const void *)rig->in.body;
        if (rig->in.head.type == MSG_SAMPLES)
            for (uint16_t i = 0; i < rig->in.head.count; i++)
                seen[samples[i].point] |= samples[i].flags == SAMPLE_SNAPSHOT;
        texts |= rig->in.head.type == MSG_TEXTS && text->flags == SAMPLE_SNAPSHOT;
        health |= rig->in.head.type == MSG_HEALTH;
    }
    do
        hear_type(rig, rig->store, MSG_SAMPLES);
    while (((const struct sample *)(const void *)rig->in.body)->flags != SAMPLE_SNAPSHOT);
}

static void
snapshot_reads_once_groups_again(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    start(rig);
    hear_type(rig, rig->alarms, MSG_TEXTS);
    assert_int_equal(shared->serials[0], 1);
    tell(rig->alarms, MSG_SNAPSHOT, 0, NULL);
    while (shared->serials[0] < 2)
        hear(rig, rig->alarms);
}

static void
events_are_kept_until_committed_by_the_same_incarnation(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    start(rig);
    while (ask_stats(rig)[STAT_EVENTS_PENDING] != 2)
        ;
    commit(rig, INCARNATION - 1, 2);
    assert_int_equal(ask_stats(rig)[STAT_EVENTS_PENDING], 2);
    commit(rig, INCARNATION, 2);
    while (ask_stats(rig)[STAT_EVENTS_PENDING] != 0)
        ;
    commit(rig, INCARNATION, 1000000); /* never given */
    while (ask_stats(rig)[STAT_UNKNOWN_NUMBERS] != 1)
        ;
}

static void
unknown_devices_are_counted(void **state)
{
    struct rig *rig = *state;
    uint32_t devices[] = {5, UINT32_MAX};

    make_site(rig, 1, 1);
    start(rig);
    tell(rig->alarms, MSG_POLL_NOW, 2, devices);
    while (ask_stats(rig)[STAT_UNKNOWN_NUMBERS] != 2)
        ;
}

static void
units_of_one_link_are_read_one_at_a_time(void **state)
{
    struct rig *rig = *state;
    uint64_t number;

    make_site(rig, 16, 16);
    shared->is_late = 1;
    shared->manner[3] = SILENT;
    start(rig);
    for (uint32_t round = 0; round < 4; round++)
        for (uint32_t d = 4; d < 16; d++)
            hear_point(rig, point_number(d, LOAD), &number);
    assert_int_equal(shared->collisions, 0);
}

static void
healthy_devices_keep_their_period_beside_dead_ones(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 40, 1);
    shared->is_late = 1;
    for (uint32_t d = 0; d < 40; d += 10)
        shared->manner[d] = SILENT;
    start(rig);
    hear_health(rig, 39, HEALTH_UP);
    int before = shared->polls[39];
    int64_t start_ms = clock_now().mono_ms;
    while (clock_now().mono_ms < start_ms + 20 * PERIOD_MS)
        hear(rig, rig->alarms);
    assert_in_range(shared->polls[39] - before, 15, 22);
}

static void
device_that_only_pretends_to_live_is_not_asked_all_day(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    shared->manner[0] = REFUSE;
    shared->pretends_life = 1;
    start(rig);
    hear_health(rig, 0, HEALTH_DOWN);
    while (hear_within(rig, rig->alarms, 2000))
        ;
    /* Regular ones after 1 s and perhaps after 2 more, each with one for its sign of life. */
    assert_in_range(shared->probes[0], 1, 4);
}

static void
process_that_was_stopped_skips_slots_and_loses_no_device(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 40, 1);
    shared->is_late = 1;
    start(rig);
    hear_health(rig, 39, HEALTH_UP);
    kill(rig->pid, SIGSTOP);
    uint64_t before = 0;
    for (uint32_t d = 0; d < 40; d++)
        before += (uint64_t)shared->polls[d];
    usleep(20 * PERIOD_MS * 1000);
    kill(rig->pid, SIGCONT);
    const uint64_t *stats = ask_stats(rig);
    assert_int_equal(stats[STAT_DEVICES_DOWN], 0);
    uint64_t burst = stats[STAT_POLLS_STARTED] - before;
    assert_in_range(burst, 0, 3 * 40 + 40); /* and not twenty each; once groups included */
    while (ask_stats(rig)[STAT_POLLS_SKIPPED] < 40 * 15)
        ;
    hear_point(rig, point_number(17, LOAD), &before);
}

static void
alarms_that_sleeps_gets_every_event_and_the_extremes(void **state)
{
    struct rig *rig = *state;
    uint64_t expected = 1, wanted;
    double lowest = 1e9, highest = -1e9;
    int flips = 0;

    make_site(rig, 40, 1);
    for (uint32_t d = 0; d < 40; d++)
        rig->infos[d].groups[0].interval_ms = 4;
    start(rig);
    /* Nobody reads: the kernel's buffer fills, then samples wait, then they merge. */
    int64_t until_ms = clock_now().mono_ms + 30000;
    while (ask_stats(rig)[STAT_SAMPLES_MERGED] < 1000 && clock_now().mono_ms < until_ms) {
        shared->status[7] = ++flips;
        shared->load[7] = flips % 100;
        usleep(10000);
    }
    assert_true(ask_stats(rig)[STAT_SAMPLES_MERGED] >= 1000);
    shared->load[7] = -500;
    usleep(20000);
    shared->load[7] = 500;
    usleep(20000);
    shared->load[7] = 20;
    shared->status[7] = 1000000;
    usleep(50000);
    wanted = ask_stats(rig)[STAT_EVENTS];
    while (expected <= wanted || highest < 500 || lowest > -500) {
        hear(rig, rig->alarms);
        const struct sample *samples = (const void *)rig->in.body;
        const struct event *events = (const void *)rig->in.body;

        for (uint16_t i = 0; i < rig->in.head.count; i++) {
            if (rig->in.head.type == MSG_EVENTS) {
                assert_int_equal(events[i].number, expected++);
            } else if (rig->in.head.type == MSG_SAMPLES &&
                       samples[i].point == point_number(7, LOAD)) {
                lowest = samples[i].value < lowest ? samples[i].value : lowest;
                highest = samples[i].value > highest ? samples[i].value : highest;
            }
        }
    }
}

static void
stop_ends_the_process_at_once(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 4, 1);
    shared->manner[1] = SILENT;
    start(rig);
    hear_health(rig, 0, HEALTH_UP);
    int64_t before_ms = clock_now().mono_ms;
    tell(rig->master, MSG_STOP, 0, NULL);
    assert_int_equal(ended(rig), 0);
    assert_true(clock_now().mono_ms - before_ms < 1000);
    close(rig->master);
}

static void
process_ends_when_the_master_is_gone(void **state)
{
    struct rig *rig = *state;

    make_site(rig, 1, 1);
    start(rig);
    hear_health(rig, 0, HEALTH_UP);
    close(rig->master);
    assert_int_equal(ended(rig), 1);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(collector_says_hello_to_both_and_ready_to_the_master),
        RIG_TEST(first_readings_are_samples_events_and_texts),
        RIG_TEST(once_group_is_told_as_a_text_and_read_once),
        RIG_TEST(comm_state_becomes_one_with_the_first_answer),
        RIG_TEST(state_is_an_event_when_it_changed_and_a_sample_when_not),
        RIG_TEST(dead_device_is_told_bad_until_it_is_down_and_then_no_more),
        RIG_TEST(silent_device_is_abandoned_at_its_deadline),
        RIG_TEST(points_not_told_before_a_failure_are_bad),
        RIG_TEST(exception_makes_points_bad_but_not_the_device),
        RIG_TEST(poll_now_brings_a_device_back_at_once),
        RIG_TEST(device_that_cannot_be_opened_is_tried_again),
        RIG_TEST(snapshot_repeats_uncommitted_events_then_everything),
        RIG_TEST(snapshot_reads_once_groups_again),
        RIG_TEST(events_are_kept_until_committed_by_the_same_incarnation),
        RIG_TEST(unknown_devices_are_counted),
        RIG_TEST(units_of_one_link_are_read_one_at_a_time),
        RIG_TEST(healthy_devices_keep_their_period_beside_dead_ones),
        RIG_TEST(device_that_only_pretends_to_live_is_not_asked_all_day),
        RIG_TEST(process_that_was_stopped_skips_slots_and_loses_no_device),
        RIG_TEST(alarms_that_sleeps_gets_every_event_and_the_extremes),
        RIG_TEST(stop_ends_the_process_at_once),
        RIG_TEST(process_ends_when_the_master_is_gone),
    };

    return cmocka_run_group_tests_name("collector", tests, NULL, NULL);
}
