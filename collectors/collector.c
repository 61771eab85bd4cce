/*
 * collector.c - the collector process: when which group of which device is read, and what is said.
 *
 * What starts: a slot per group of each device of this shard, spread over its period; a link per
 * connection, with one transaction at a time. What arrives: readings from the drivers, commits and
 * requests from alarms. What leaves: samples, events, text values, health. A slot that comes while
 * its group is still being read, or waits for its link, is skipped: nothing is ever caught up.
 */
#include "collectors/collector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "collectors/health.h"
#include "collectors/outbound.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/base/timers.h"

#define NOBODY UINT32_MAX
#define POLL_TIME_MAX_MS 30000 /* a group that takes longer is given up */
#define ONCE_RETRY_MS 60000    /* a group to be read once, until it was */
#define SNAPSHOT_POINTS_PER_TURN 2000

struct memory { /* of one point */
    double value;
    int64_t utc_ms, mono_ms;
    int64_t good_mono_ms; /* SAMPLE_NEVER */
    uint32_t poll;        /* told in this poll of its device */
    uint8_t quality, cause;
    bool is_said; /* anything was, since the start */
};

enum slot_state { SLOT_IDLE, SLOT_WAITS, SLOT_RUNS };

struct slot { /* a group of a device */
    uint32_t device, next_waiting;
    uint16_t group;
    uint8_t state;
    bool is_done_once; /* interval 0 */
    int64_t interval_ms;
    int64_t due_ms;   /* of the next start; the grid it keeps */
    int64_t asked_ms; /* due time of the start that waits or runs */
};

struct device {
    struct collector *collector;
    const struct collect_device *config;
    const struct device_info *info;
    const struct driver *driver;
    void *instance;
    struct health_limits limits;
    struct health_state health;
    uint32_t number, line, first_slot;
    uint32_t poll; /* count of polls, to see which points one told */
    uint64_t turn; /* of the loop in which `read` was taken */
    struct stamp read;
    int64_t started_ms;
    int64_t since_utc_ms;
    float rtt_ms;
    uint8_t cause; /* of the last failure */
    bool is_probing, probe_waits;
    char reason[sizeof((struct msg_health *)0)->reason];
    char (*texts)[TEXT_VALUE_MAX]; /* by source, only where there are text points */
};

struct line {         /* what devices share: one transaction at a time */
    uint32_t running; /* slot, or NOBODY */
    uint32_t probing; /* device, or NOBODY */
    uint32_t first_waiting, last_waiting;
};

struct collector {
    struct worker worker;
    const struct collector_params *params;
    const struct driver *const *drivers;
    struct link *alarms, *store;
    struct outbound *outbound;
    struct memory *memory; /* by point number */
    struct device *devices;
    uint32_t device_count;
    uint32_t *device_of; /* by directory number: index into devices, or NOBODY */
    struct slot *slots;
    uint32_t slot_count;
    struct line *lines;
    uint32_t line_count;
    /* ids: slots, then probes of devices, then deadlines of lines */
    struct timers *timers;
    ev_timer timer;
    ev_prepare prepare;
    ev_idle idle;
    uint32_t snapshot_device; /* the next to be said again; NOBODY: no snapshot under way */
    uint32_t noise;
};

static void start_next(struct collector *collector, uint32_t line);

static uint32_t
probe_id(const struct collector *collector, uint32_t device)
{
    return collector->slot_count + device;
}

static uint32_t
deadline_id(const struct collector *collector, uint32_t line)
{
    return collector->slot_count + collector->device_count + line;
}

/* saying */

static void
say(struct collector *collector, uint32_t point, double value, enum quality quality,
    enum cause cause, struct stamp at)
{
    struct memory *memory = &collector->memory[point];
    const struct point_def *def = collector->params->directory->points[point].def;
    struct sample sample = {.point = point,
                            .quality = (uint8_t)quality,
                            .cause = (uint8_t)cause,
                            .value = value,
                            .utc_ms = at.utc_ms,
                            .mono_ms = at.mono_ms,
                            .prev_good_mono_ms = memory->good_mono_ms};
    bool is_good = quality != QUALITY_BAD;
    /* A change since the last good reading; an interruption between does not hide it. */
    bool is_change = is_good && def->kind != VALUE_NUMBER &&
                     (memory->good_mono_ms == SAMPLE_NEVER || memory->value != value);

    worker_count(&collector->worker, STAT_SAMPLES, 1);
    memory->utc_ms = at.utc_ms;
    memory->mono_ms = at.mono_ms;
    memory->quality = (uint8_t)quality;
    memory->cause = (uint8_t)cause;
    memory->is_said = true;
    if (is_good) {
        memory->value = value;
        memory->good_mono_ms = at.mono_ms;
    } else {
        worker_count(&collector->worker, STAT_SAMPLES_BAD, 1);
    }
    if (is_change)
        outbound_event(collector->outbound, &sample);
    else
        outbound_sample(collector->outbound, &sample);
}

static void
say_health(struct device *device)
{
    struct msg_health health = {.device = device->number,
                                .health = device->health.health,
                                .cause = device->cause,
                                .missed = device->health.missed,
                                .utc_ms = device->since_utc_ms,
                                .rtt_ms = device->rtt_ms};

    text_copy(health.reason, sizeof health.reason, device->reason);
    /* A lost one is mended by the next change or snapshot. */
    (void)link_send(device->collector->alarms, MSG_HEALTH, 1, &health);
}

static void
say_text(struct device *device, uint32_t index, const char *text, uint8_t quality, uint8_t cause,
         int64_t utc_ms, uint16_t flags)
{
    struct text_value value = {.point = device->info->points[index],
                               .quality = quality,
                               .cause = cause,
                               .flags = flags,
                               .utc_ms = utc_ms};

    text_copy(value.text, sizeof value.text, text);
    (void)link_send(device->collector->alarms, MSG_TEXTS, 1, &value);
}

/* One reading of the clocks per device and turn: its answer arrived now. */
static struct stamp
read_time(struct device *device)
{
    uint64_t turn = ev_iteration(device->collector->worker.loop);

    if (device->turn != turn) {
        device->turn = turn;
        device->read = clock_now();
    }
    return device->read;
}

static void
on_value(void *ctx, uint32_t index, double value, enum quality quality, enum cause cause)
{
    struct device *device = ctx;
    uint32_t point = device->info->points[index];

    device->collector->memory[point].poll = device->poll;
    say(device->collector, point, value, quality, cause, read_time(device));
}

static void
on_text(void *ctx, uint32_t index, const char *text, enum quality quality, enum cause cause)
{
    struct device *device = ctx;
    struct memory *memory = &device->collector->memory[device->info->points[index]];
    struct stamp at = read_time(device);

    if (device->texts == NULL) {
        device->texts = calloc(device->config->set->source_count, TEXT_VALUE_MAX);
        if (device->texts == NULL)
            return;
    }
    bool is_change = !memory->is_said || memory->quality != (uint8_t)quality ||
                     strcmp(device->texts[index], text) != 0;
    memory->poll = device->poll;
    memory->quality = (uint8_t)quality;
    memory->cause = (uint8_t)cause;
    memory->utc_ms = at.utc_ms;
    memory->is_said = true;
    text_copy(device->texts[index], TEXT_VALUE_MAX, text);
    if (is_change)
        say_text(device, index, text, (uint8_t)quality, (uint8_t)cause, at.utc_ms, 0);
}

/* Points of a group (or, with NOBODY, of the whole device) that this poll did not tell. */
static void
say_bad(struct device *device, uint32_t group, enum cause cause)
{
    const struct source_set *set = device->config->set;
    struct stamp now = clock_now();

    for (uint32_t i = 0; i < set->source_count; i++) {
        const struct point_def *def = set->sources[i].def;
        uint32_t point = device->info->points[i];

        if ((group != NOBODY && def->group != group) ||
            device->collector->memory[point].poll == device->poll)
            continue;
        if (def->kind == VALUE_TEXT)
            continue; /* what is on its type plate does not change because it is silent */
        say(device->collector, point, 0, QUALITY_BAD, cause, now);
    }
}

/* slots */

static void
arm_timer(struct collector *collector)
{
    int64_t next_ms = timers_next_ms(collector->timers);
    struct ev_loop *loop = collector->worker.loop;

    ev_timer_stop(loop, &collector->timer);
    if (next_ms == TIMER_NONE)
        return;
    double wait_s = (double)(next_ms - clock_now().mono_ms) / 1000;
    ev_now_update(loop);
    ev_timer_set(&collector->timer, wait_s > 0 ? wait_s : 0, 0);
    ev_timer_start(loop, &collector->timer);
}

static void
enqueue(struct collector *collector, uint32_t number, int64_t asked_ms)
{
    struct slot *slot = &collector->slots[number];
    struct line *line = &collector->lines[collector->devices[slot->device].line];

    if (slot->state != SLOT_IDLE) {
        worker_count(&collector->worker, STAT_POLLS_SKIPPED, 1);
        return;
    }
    slot->state = SLOT_WAITS;
    slot->asked_ms = asked_ms;
    slot->next_waiting = NOBODY;
    if (line->first_waiting == NOBODY)
        line->first_waiting = number;
    else
        collector->slots[line->last_waiting].next_waiting = number;
    line->last_waiting = number;
    start_next(collector, collector->devices[slot->device].line);
}

static bool
is_busy(const struct line *line)
{
    return line->running != NOBODY || line->probing != NOBODY;
}

static void
run_slot(struct collector *collector, uint32_t number)
{
    struct slot *slot = &collector->slots[number];
    struct device *device = &collector->devices[slot->device];
    struct line *line = &collector->lines[device->line];
    int64_t now_ms = clock_now().mono_ms;
    int64_t allowed_ms = slot->interval_ms == 0 ? POLL_TIME_MAX_MS : slot->interval_ms;
    int64_t least_ms = (int64_t)device->config->timeout_ms + 100;

    if (allowed_ms < least_ms)
        allowed_ms = least_ms;
    if (allowed_ms > POLL_TIME_MAX_MS)
        allowed_ms = POLL_TIME_MAX_MS;
    line->running = number;
    slot->state = SLOT_RUNS;
    device->poll++;
    device->started_ms = now_ms;
    timers_set(collector->timers, deadline_id(collector, device->line), now_ms + allowed_ms);
    worker_count(&collector->worker, STAT_POLLS_STARTED, 1);
    device->driver->poll(device->instance, slot->group);
}

static void
run_probe(struct collector *collector, uint32_t index)
{
    struct device *device = &collector->devices[index];

    device->probe_waits = false;
    device->is_probing = true;
    device->started_ms = clock_now().mono_ms;
    collector->lines[device->line].probing = index;
    timers_set(collector->timers, deadline_id(collector, device->line),
               device->started_ms + POLL_TIME_MAX_MS);
    worker_count(&collector->worker, STAT_PROBES, 1);
    device->driver->probe(device->instance);
}

/* The next one on a free line. A driver may end a poll before its start returns, so this loops
 * through the line's own state rather than through the stack. */
static void
start_next(struct collector *collector, uint32_t number)
{
    struct line *line = &collector->lines[number];

    while (!is_busy(line) && line->first_waiting != NOBODY) {
        uint32_t first = line->first_waiting;
        struct slot *slot = &collector->slots[first];

        line->first_waiting = slot->next_waiting;
        slot->state = SLOT_IDLE;
        if (collector->devices[slot->device].health.health != HEALTH_DOWN)
            run_slot(collector, first);
    }
}

static void
plan_probe(struct collector *collector, uint32_t index, int64_t now_ms)
{
    struct device *device = &collector->devices[index];

    collector->noise = collector->noise * 1664525u + 1013904223u;
    timers_set(collector->timers, probe_id(collector, index),
               now_ms +
                   health_next_probe_ms(&device->health, &device->limits, collector->noise >> 8));
}

/* Where in its period a slot starts: the golden section spreads any number of them evenly. */
static int64_t
phase_ms(uint32_t number, int64_t interval_ms)
{
    double part = (double)(number + 1) * 0.6180339887498949;

    return (int64_t)((part - floor(part)) * (double)interval_ms);
}

static void
schedule_slot(struct collector *collector, uint32_t number, int64_t due_ms)
{
    collector->slots[number].due_ms = due_ms;
    timers_set(collector->timers, number, due_ms);
}

/* Every group at once, then on its grid again. */
static void
resume_device(struct collector *collector, struct device *device, int64_t now_ms)
{
    timers_set(collector->timers, probe_id(collector, (uint32_t)(device - collector->devices)),
               TIMER_NONE);
    for (uint16_t group = 0; group < device->info->group_count; group++) {
        uint32_t number = device->first_slot + group;

        if (collector->slots[number].interval_ms != 0 || !collector->slots[number].is_done_once)
            schedule_slot(collector, number, now_ms);
    }
}

static void
pause_device(struct collector *collector, struct device *device, int64_t now_ms)
{
    for (uint16_t group = 0; group < device->info->group_count; group++)
        timers_set(collector->timers, device->first_slot + group, TIMER_NONE);
    plan_probe(collector, (uint32_t)(device - collector->devices), now_ms);
}

/* health */

static void
on_health_change(struct device *device, enum health before, enum cause cause)
{
    struct collector *collector = device->collector;
    struct stamp now = clock_now();

    device->since_utc_ms = now.utc_ms;
    if (device->health.health == HEALTH_DOWN) {
        say_bad(device, NOBODY, cause);
        say(collector, device->info->comm_point, 0, QUALITY_GOOD, CAUSE_OK, now);
        pause_device(collector, device, now.mono_ms);
        log_debug("%s is down: %s", device->info->id, device->reason);
    } else if (device->health.health == HEALTH_UP) {
        say(collector, device->info->comm_point, 1, QUALITY_GOOD, CAUSE_OK, now);
        log_debug("%s is up", device->info->id);
    }
    if (before == HEALTH_DOWN)
        resume_device(collector, device, now.mono_ms);
    say_health(device);
}

static bool
is_answer(enum cause cause)
{
    return cause == CAUSE_OK || cause == CAUSE_EXCEPTION || cause == CAUSE_ABSENT;
}

static void
judge_health(struct device *device, enum cause cause, const char *reason, int64_t now_ms)
{
    enum health before = (enum health)device->health.health;
    bool changed;

    if (is_answer(cause)) {
        float rtt_ms = (float)(now_ms - device->started_ms);

        device->rtt_ms = device->rtt_ms == 0 ? rtt_ms : device->rtt_ms * 0.9f + rtt_ms * 0.1f;
        changed = health_answer(&device->health, &device->limits);
    } else {
        device->cause = (uint8_t)cause;
        text_copy(device->reason, sizeof device->reason, reason);
        changed = health_miss(&device->health, &device->limits);
    }
    if (changed)
        on_health_change(device, before, cause);
}

static void
count_lateness(struct collector *collector, int64_t late_ms)
{
    enum stat_id stat = late_ms <= 5     ? STAT_LATE_LE_5MS
                        : late_ms <= 10  ? STAT_LATE_LE_10MS
                        : late_ms <= 25  ? STAT_LATE_LE_25MS
                        : late_ms <= 100 ? STAT_LATE_LE_100MS
                                         : STAT_LATE_GT_100MS;

    worker_count(&collector->worker, stat, 1);
}

static void
end_slot(struct collector *collector, struct device *device, uint32_t number, enum cause cause,
         const char *reason)
{
    struct slot *slot = &collector->slots[number];
    int64_t now_ms = clock_now().mono_ms;

    slot->state = SLOT_IDLE;
    if (cause == CAUSE_OK) {
        worker_count(&collector->worker, STAT_POLLS_OK, 1);
        count_lateness(collector, now_ms - slot->asked_ms);
        slot->is_done_once = true;
    } else {
        worker_count(&collector->worker, STAT_POLLS_FAILED, 1);
    }
    say_bad(device, slot->group, cause == CAUSE_OK ? CAUSE_ABSENT : cause);
    judge_health(device, cause, reason, now_ms);
    if (slot->interval_ms == 0 && device->health.health != HEALTH_DOWN)
        timers_set(collector->timers, number,
                   slot->is_done_once ? TIMER_NONE : now_ms + ONCE_RETRY_MS);
}

static void
on_done(void *ctx, enum cause cause, const char *reason)
{
    struct device *device = ctx;
    struct collector *collector = device->collector;
    struct line *line = &collector->lines[device->line];

    timers_set(collector->timers, deadline_id(collector, device->line), TIMER_NONE);
    if (device->is_probing) {
        device->is_probing = false;
        line->probing = NOBODY;
        judge_health(device, cause, reason, clock_now().mono_ms);
        if (device->health.health == HEALTH_DOWN)
            plan_probe(collector, (uint32_t)(device - collector->devices), clock_now().mono_ms);
    } else if (line->running != NOBODY) {
        uint32_t number = line->running;

        line->running = NOBODY;
        end_slot(collector, device, number, cause, reason);
    }
    start_next(collector, device->line);
}

/* A sign of life: a device that is down is asked at once instead of in half a minute. */
static void
on_alive(void *ctx)
{
    struct device *device = ctx;
    struct collector *collector = device->collector;

    if (device->health.health != HEALTH_DOWN || device->is_probing || device->instance == NULL)
        return;
    device->health.backoff_ms = 0;
    timers_set(collector->timers, probe_id(collector, (uint32_t)(device - collector->devices)),
               clock_now().mono_ms);
    arm_timer(collector);
}

/* time */

static void
on_deadline(struct collector *collector, uint32_t number)
{
    struct line *line = &collector->lines[number];
    struct device *device = line->probing != NOBODY
                                ? &collector->devices[line->probing]
                                : &collector->devices[collector->slots[line->running].device];

    device->driver->abandon(device->instance);
    on_done(device, CAUSE_TIMEOUT, "not done before the next one is due");
}

static void
on_slot_due(struct collector *collector, uint32_t number, int64_t now_ms)
{
    struct slot *slot = &collector->slots[number];
    int64_t due_ms = slot->due_ms;

    if (slot->interval_ms == 0) {
        timers_set(collector->timers, number, TIMER_NONE);
    } else {
        int64_t behind = (now_ms - due_ms) / slot->interval_ms;

        if (behind > 0) /* the loop stood still: those slots are gone */
            worker_count(&collector->worker, STAT_POLLS_SKIPPED, (uint64_t)behind);
        due_ms += behind * slot->interval_ms;
        schedule_slot(collector, number, due_ms + slot->interval_ms);
    }
    enqueue(collector, number, due_ms);
}

static void
on_probe_due(struct collector *collector, uint32_t index)
{
    struct device *device = &collector->devices[index];

    timers_set(collector->timers, probe_id(collector, index), TIMER_NONE);
    if (device->health.health != HEALTH_DOWN || device->is_probing)
        return;
    if (is_busy(&collector->lines[device->line])) {
        /* Others of its line are being read: after them. */
        timers_set(collector->timers, probe_id(collector, index), clock_now().mono_ms + 50);
        return;
    }
    run_probe(collector, index);
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct collector *collector = watcher->data;
    int64_t now_ms = clock_now().mono_ms;

    (void)loop;
    (void)events;
    while (timers_next_ms(collector->timers) <= now_ms) {
        uint32_t id = timers_first(collector->timers);

        if (id < collector->slot_count) {
            on_slot_due(collector, id, now_ms);
        } else if (id < collector->slot_count + collector->device_count) {
            on_probe_due(collector, id - collector->slot_count);
        } else {
            timers_set(collector->timers, id, TIMER_NONE);
            on_deadline(collector, id - collector->slot_count - collector->device_count);
        }
    }
}

/* snapshot */

static void
repeat_device(struct collector *collector, struct device *device)
{
    for (uint32_t i = 0; i < device->info->point_count; i++) {
        uint32_t point = device->info->points[i];
        const struct memory *memory = &collector->memory[point];
        const struct point_ref *ref = directory_point(collector->params->directory, point);

        if (!memory->is_said || ref == NULL)
            continue;
        if (ref->def->kind == VALUE_TEXT) {
            if (device->texts != NULL && i < device->config->set->source_count)
                say_text(device, i, device->texts[i], memory->quality, memory->cause,
                         memory->utc_ms, SAMPLE_SNAPSHOT);
            continue;
        }
        struct sample sample = {.point = point,
                                .quality = memory->quality,
                                .cause = memory->cause,
                                .flags = SAMPLE_SNAPSHOT,
                                .value = memory->value,
                                .utc_ms = memory->utc_ms,
                                .mono_ms = memory->mono_ms,
                                .prev_good_mono_ms = memory->good_mono_ms};
        outbound_sample(collector->outbound, &sample);
    }
    say_health(device);
}

static void
on_idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
    struct collector *collector = watcher->data;
    uint32_t points = 0;

    (void)events;
    if (!outbound_is_clear(collector->outbound)) {
        ev_idle_stop(loop, watcher); /* the link tells when there is room */
        return;
    }
    while (collector->snapshot_device < collector->device_count &&
           points < SNAPSHOT_POINTS_PER_TURN) {
        struct device *device = &collector->devices[collector->snapshot_device++];

        repeat_device(collector, device);
        points += device->info->point_count;
    }
    if (collector->snapshot_device < collector->device_count)
        return;
    collector->snapshot_device = NOBODY;
    ev_idle_stop(loop, watcher);
}

static void
begin_snapshot(struct collector *collector)
{
    int64_t now_ms = clock_now().mono_ms;

    outbound_repeat_events(collector->outbound);
    collector->snapshot_device = 0;
    ev_idle_start(collector->worker.loop, &collector->idle);
    for (uint32_t i = 0; i < collector->slot_count; i++)
        if (collector->slots[i].interval_ms == 0 &&
            collector->devices[collector->slots[i].device].health.health != HEALTH_DOWN)
            schedule_slot(collector, i, now_ms + phase_ms(i, 5000));
}

/* messages */

static void
poll_now(struct collector *collector, const uint32_t *numbers, uint32_t count)
{
    int64_t now_ms = clock_now().mono_ms;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = numbers[i] < collector->params->directory->device_limit
                             ? collector->device_of[numbers[i]]
                             : NOBODY;

        if (index == NOBODY) {
            worker_count(&collector->worker, STAT_UNKNOWN_NUMBERS, 1);
            continue;
        }
        struct device *device = &collector->devices[index];
        if (device->health.health == HEALTH_DOWN) {
            on_alive(device);
            continue;
        }
        for (uint16_t group = 0; group < device->info->group_count; group++)
            enqueue(collector, device->first_slot + group, now_ms);
    }
}

static void
on_alarms_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct collector *collector = ctx;

    switch ((enum msg_type)head->type) {
    case MSG_HELLO:
        break; /* a new alarms process; it asks for what it wants */
    case MSG_COMMITTED: {
        const struct msg_committed *committed = body;

        if (committed->incarnation == collector->worker.env.incarnation)
            outbound_committed(collector->outbound, committed->number);
        break;
    }
    case MSG_SNAPSHOT:
        begin_snapshot(collector);
        break;
    case MSG_POLL_NOW:
        poll_now(collector, body, head->count);
        arm_timer(collector);
        break;
    default:
        worker_count(&collector->worker, STAT_UNKNOWN_NUMBERS, 1);
    }
}

static void
on_store_message(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    (void)head;
    (void)body; /* the store asks through alarms */
}

static void
on_link_writable(void *ctx)
{
    struct collector *collector = ctx;

    outbound_flush(collector->outbound, clock_now().mono_ms);
    if (collector->snapshot_device != NOBODY)
        ev_idle_start(collector->worker.loop, &collector->idle);
}

/* Before the loop sleeps: what this turn brought goes out, and the timer is set. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct collector *collector = watcher->data;

    (void)loop;
    (void)events;
    outbound_flush(collector->outbound, clock_now().mono_ms);
    arm_timer(collector);
}

static void
on_stats(void *ctx)
{
    struct collector *collector = ctx;
    uint64_t up = 0, down = 0;

    for (uint32_t i = 0; i < collector->device_count; i++) {
        up += collector->devices[i].health.health == HEALTH_UP;
        down += collector->devices[i].health.health == HEALTH_DOWN;
    }
    collector->worker.stats[STAT_DEVICES_UP] = up;
    collector->worker.stats[STAT_DEVICES_DOWN] = down;
    collector->worker.stats[STAT_EVENTS_PENDING] = outbound_pending_events(collector->outbound);
}

/* set-up */

static int
compare_links(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static bool
number_lines(struct collector *collector)
{
    uint32_t *links = calloc(collector->device_count + 1u, sizeof *links);
    uint32_t unique = 0;

    if (links == NULL)
        return false;
    for (uint32_t i = 0; i < collector->device_count; i++)
        links[i] = collector->devices[i].config->link;
    qsort(links, collector->device_count, sizeof *links, compare_links);
    for (uint32_t i = 0; i < collector->device_count; i++)
        if (i == 0 || links[i] != links[i - 1])
            links[unique++] = links[i];
    for (uint32_t i = 0; i < collector->device_count; i++) {
        const uint32_t *found = bsearch(&collector->devices[i].config->link, links, unique,
                                        sizeof *links, compare_links);

        collector->devices[i].line = (uint32_t)(found - links);
    }
    free(links);
    collector->line_count = unique;
    collector->lines = calloc(unique + 1u, sizeof *collector->lines);
    for (uint32_t i = 0; collector->lines != NULL && i < unique; i++)
        collector->lines[i] = (struct line){NOBODY, NOBODY, NOBODY, NOBODY};
    return collector->lines != NULL;
}

static bool
take_devices(struct collector *collector)
{
    const struct collector_params *params = collector->params;
    const struct directory *directory = params->directory;

    collector->devices = calloc(params->device_count + 1u, sizeof *collector->devices);
    collector->device_of = malloc((directory->device_limit + 1u) * sizeof *collector->device_of);
    collector->memory = calloc(directory->point_limit + 1u, sizeof *collector->memory);
    if (collector->devices == NULL || collector->device_of == NULL || collector->memory == NULL)
        return false;
    memset(collector->device_of, 0xFF,
           (directory->device_limit + 1u) * sizeof *collector->device_of);
    for (uint32_t i = 0; i < directory->point_limit; i++)
        collector->memory[i].good_mono_ms = SAMPLE_NEVER;
    for (uint32_t i = 0; i < params->device_count; i++) {
        const struct collect_device *config = &params->devices[i];
        const struct device_info *info = directory_device(directory, config->device);

        if (info == NULL || collect_shard_of(config, params->shard_count) != params->shard ||
            collector->drivers[config->protocol] == NULL)
            continue;
        collector->device_of[config->device] = collector->device_count;
        struct device *device = &collector->devices[collector->device_count++];
        device->collector = collector;
        device->config = config;
        device->info = info;
        device->number = config->device;
        device->driver = collector->drivers[config->protocol];
        device->limits =
            health_limits_of(config->down_after, config->up_after, config->backoff_max_ms);
        device->first_slot = collector->slot_count;
        device->since_utc_ms = clock_now().utc_ms;
        collector->slot_count += info->group_count;
    }
    return true;
}

static bool
make_slots(struct collector *collector)
{
    int64_t now_ms = clock_now().mono_ms;

    collector->slots = calloc(collector->slot_count + 1u, sizeof *collector->slots);
    if (collector->slots == NULL || !number_lines(collector))
        return false;
    collector->timers =
        timers_new(collector->slot_count + collector->device_count + collector->line_count);
    if (collector->timers == NULL)
        return false;
    for (uint32_t i = 0; i < collector->device_count; i++) {
        struct device *device = &collector->devices[i];

        for (uint16_t group = 0; group < device->info->group_count; group++) {
            uint32_t number = device->first_slot + group;
            int64_t interval_ms = device->info->groups[group].interval_ms;

            collector->slots[number] = (struct slot){
                .device = i, .next_waiting = NOBODY, .group = group, .interval_ms = interval_ms};
            if (device->instance != NULL)
                schedule_slot(collector, number,
                              now_ms + phase_ms(number, interval_ms == 0 ? 5000 : interval_ms));
        }
    }
    return true;
}

static void
open_devices(struct collector *collector)
{
    static const struct driver_sink SINK = {on_value, on_text, on_done, on_alive};
    struct err err;

    for (uint32_t i = 0; i < collector->device_count; i++) {
        struct device *device = &collector->devices[i];

        if (device->driver->open(device->config, device->info, &SINK, device, &device->instance,
                                 &err) == ERR_OK)
            continue;
        log_error("%s; it is not read until the gateway is told of a change", err.text);
        device->instance = NULL;
        device->health.health = HEALTH_DOWN;
        device->cause = CAUSE_REFUSED;
        text_copy(device->reason, sizeof device->reason, err.text);
    }
}

static void
tell_unopened(struct collector *collector)
{
    for (uint32_t i = 0; i < collector->device_count; i++) {
        struct device *device = &collector->devices[i];

        if (device->instance != NULL)
            continue;
        say(collector, device->info->comm_point, 0, QUALITY_GOOD, CAUSE_OK, clock_now());
        say_health(device);
    }
}

static void
raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void
close_all(struct collector *collector)
{
    for (uint32_t i = 0; i < collector->device_count; i++) {
        if (collector->devices[i].instance != NULL)
            collector->devices[i].driver->close(collector->devices[i].instance);
        free(collector->devices[i].texts);
    }
    for (unsigned i = 0; i < PROTOCOL_COUNT; i++)
        if (collector->drivers[i] != NULL)
            collector->drivers[i]->done();
    outbound_free(collector->outbound);
    link_free(collector->alarms);
    link_free(collector->store);
    timers_free(collector->timers);
    free(collector->slots);
    free(collector->lines);
    free(collector->devices);
    free(collector->device_of);
    free(collector->memory);
}

int
collector_run(const struct worker_env *env, const struct collector_params *params,
              const struct driver *const drivers[PROTOCOL_COUNT])
{
    static const struct link_handlers TO_ALARMS = {.on_message = on_alarms_message,
                                                   .on_writable = on_link_writable};
    static const struct link_handlers TO_STORE = {.on_message = on_store_message};
    static struct collector collector; /* large; one per process */
    struct driver_env driver_env = {&collector.worker};
    struct err err;

    raise_limits();
    worker_init(&collector.worker, env, NULL, &collector);
    collector.worker.on_stats = on_stats;
    collector.params = params;
    collector.drivers = drivers;
    collector.snapshot_device = NOBODY;
    collector.noise = (uint32_t)env->incarnation;
    for (unsigned i = 0; i < PROTOCOL_COUNT; i++)
        if (drivers[i] != NULL && drivers[i]->init(&driver_env, &err) != ERR_OK) {
            log_error("%s: %s", drivers[i]->name, err.text);
            return 1;
        }
    collector.alarms = worker_link(&collector.worker, params->alarms_fd, &TO_ALARMS, &collector);
    collector.store = worker_link(&collector.worker, params->store_fd, &TO_STORE, &collector);
    collector.outbound = outbound_new(&collector.worker, collector.alarms, collector.store,
                                      params->directory->point_limit);
    if (collector.outbound == NULL || !take_devices(&collector))
        abort();
    open_devices(&collector);
    if (!make_slots(&collector))
        abort();
    tell_unopened(&collector);
    ev_timer_init(&collector.timer, on_timer, 0, 0);
    ev_prepare_init(&collector.prepare, on_prepare);
    ev_idle_init(&collector.idle, on_idle);
    collector.timer.data = collector.prepare.data = collector.idle.data = &collector;
    ev_prepare_start(collector.worker.loop, &collector.prepare);
    worker_ready(&collector.worker);

    int status = worker_run(&collector.worker);
    close_all(&collector);
    worker_done(&collector.worker);
    return status;
}

int
collector_main(const struct worker_env *env, const struct collector_params *params)
{
    return collector_run(env, params, DRIVERS);
}
