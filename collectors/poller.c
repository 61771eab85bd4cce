/*
 * poller.c - when which group of which device is read: slots, lines, deadlines, health.
 */
#include "collectors/poller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/poller_parts.h"
#include "gateway/base/log.h"

#define POLL_DEADLINE_MS 30000  /* or the interval, if that is less */
#define ONCE_RETRY_MS 10000     /* a `once` group that failed though the device answers */
#define PROBE_EXTRA_MS 1000     /* beyond the time-outs of connection and answer */
#define TIMEOUT_DEFAULT_MS 2000 /* of a device whose configuration says 0 */
#define ON_TIME_MS 5            /* a poll begun within this of its slot has until the next one */
#define TAKEN_PER_TURN 128      /* then answers are read before more is asked */
#define REASON_MAX sizeof(((struct msg_health *)NULL)->reason)

static void pump(struct poller *poller, uint32_t line_index);

/* ---- the queue of a line ---- */

void
poller_enqueue(struct poller *poller, struct job *job, int64_t due_ms, bool is_for_slot)
{
    struct poller_device *device = &poller->devices[job->device];
    struct line *line = &poller->lines[device->line];
    uint32_t index = poller_job_index(poller, job);
    uint32_t *place = &line->first;

    job->due_ms = due_ms;
    job->is_for_slot = is_for_slot;
    job->state = JOB_QUEUED;
    if (line->last != JOB_NONE && poller->jobs[line->last].due_ms <= due_ms)
        place = &poller->jobs[line->last].next;
    while (*place != JOB_NONE && poller->jobs[*place].due_ms <= due_ms)
        place = &poller->jobs[*place].next;
    job->next = *place;
    *place = index;
    if (job->next == JOB_NONE)
        line->last = index;
    pump(poller, device->line);
}

static struct job *
dequeue(struct poller *poller, struct line *line)
{
    struct job *job = &poller->jobs[line->first];

    line->first = job->next;
    if (line->first == JOB_NONE)
        line->last = JOB_NONE;
    job->next = JOB_NONE;
    job->state = JOB_IDLE;
    return job;
}

static int64_t
deadline_of(const struct poller_device *device, const struct job *job, int64_t now)
{
    if (job->group == GROUP_PROBE) {
        int64_t timeout_ms = device->config->timeout_ms;

        return now + 2 * (timeout_ms > 0 ? timeout_ms : TIMEOUT_DEFAULT_MS) + PROBE_EXTRA_MS;
    }

    int64_t interval_ms = job->interval_ms;
    int64_t from_ms = job->is_for_slot && now - job->due_ms <= ON_TIME_MS ? job->due_ms : now;

    if (interval_ms == 0 || interval_ms > POLL_DEADLINE_MS)
        interval_ms = POLL_DEADLINE_MS;
    return from_ms + interval_ms;
}

static void
start_job(struct poller *poller, struct job *job)
{
    struct poller_device *device = &poller->devices[job->device];
    bool is_probe = job->group == GROUP_PROBE;
    struct err err = {0};

    job->state = JOB_RUNNING;
    job->again = false;
    device->running = poller->lines[device->line].running = poller_job_index(poller, job);
    device->started_us = clock_mono_us();
    timers_set(poller->timers, device->line, deadline_of(device, job, device->started_us / 1000));
    worker_count(poller->worker, is_probe ? STAT_PROBES : STAT_POLLS_STARTED, 1);
    if (!is_probe)
        poller_readings_begin(device, job);
    if (poller_open_device(device, &err) != ERR_OK)
        poller_on_done(device, CAUSE_REFUSED, err.text);
    else if (is_probe)
        device->driver->probe(device->instance);
    else
        device->driver->poll(device->instance, job->group);
}

/* Drivers may be done before they return: a loop, not a recursion. */
static void
pump(struct poller *poller, uint32_t line_index)
{
    struct line *line = &poller->lines[line_index];

    if (line->is_pumping)
        return;
    line->is_pumping = true;
    while (line->running == JOB_NONE && line->first != JOB_NONE) {
        struct job *job = dequeue(poller, line);
        bool is_polled = health_is_polled(&poller->devices[job->device].health);

        /* What the device's health no longer asks for is forgotten. */
        if (is_polled == (job->group != GROUP_PROBE))
            start_job(poller, job);
    }
    line->is_pumping = false;
}

/* ---- health ---- */

/* All groups at once: the device is back, its values are old. */
static void
resume(struct poller *poller, struct poller_device *device, int64_t now)
{
    timers_set(poller->timers, poller_timer_of(poller, poller_probe_of(device)), TIMER_NONE);
    for (uint16_t group = 0; group < device->info->group_count; group++) {
        struct job *job = poller_job(device, group);
        int64_t interval_ms = job->interval_ms;

        if (!job->has_points)
            continue;
        job->is_satisfied = false;
        if (interval_ms > 0)
            timers_set(poller->timers, poller_timer_of(poller, job),
                       schedule_slot_after(interval_ms, job->phase_ms, now + interval_ms / 2));
        if (job->state == JOB_IDLE)
            poller_enqueue(poller, job, now, false);
    }
}

static void
suspend(struct poller *poller, struct poller_device *device)
{
    for (uint16_t group = 0; group < device->info->group_count; group++)
        timers_set(poller->timers, poller_timer_of(poller, poller_job(device, group)), TIMER_NONE);
}

static void
schedule_probe(struct poller *poller, struct poller_device *device, int64_t now)
{
    uint32_t delay_ms = health_backoff_ms(&device->health, &device->limits, device->config->device);

    timers_set(poller->timers, poller_timer_of(poller, poller_probe_of(device)), now + delay_ms);
}

static void
keep_reason(struct poller_device *device, const char *reason)
{
    if (device->reason == NULL)
        device->reason = malloc(REASON_MAX);
    if (device->reason != NULL)
        snprintf(device->reason, REASON_MAX, "%s", reason);
}

static void
tell_health(struct poller_device *device, const struct stamp *now)
{
    struct poller *poller = device->poller;
    enum health state = (enum health)device->health.state;

    outbound_health(poller->outbound, (uint32_t)(device - poller->devices));
    if (state == HEALTH_UP || state == HEALTH_DOWN)
        poller_readings_comm(device, state == HEALTH_UP, now);
    if (state == HEALTH_DOWN)
        log_info("%s is down: %s", device->info->id, device->reason ? device->reason : "");
    else if (state == HEALTH_UP && device->reason != NULL)
        log_info("%s is up", device->info->id);
}

/* No answer, or none worth the name. An error that the device itself tells is an answer. */
static bool
is_miss(enum cause cause)
{
    return cause != CAUSE_OK && cause != CAUSE_EXCEPTION;
}

static void
judge(struct poller *poller, struct poller_device *device, enum cause cause, const char *reason,
      const struct stamp *now)
{

    if (is_miss(cause))
        keep_reason(device, reason);

    unsigned effects =
        health_apply(&device->health, &device->limits,
                     is_miss(cause) ? HEALTH_MISSED : HEALTH_ANSWERED, cause, now->utc_ms);
    if ((effects & HEALTH_TELL) != 0)
        tell_health(device, now);
    if ((effects & HEALTH_STOP) != 0) {
        suspend(poller, device);
        poller_readings_lost(device, cause, now);
    }
    if ((effects & (HEALTH_STOP | HEALTH_PROBE)) != 0)
        schedule_probe(poller, device, now->mono_ms);
    if ((effects & HEALTH_POLL) != 0)
        resume(poller, device, now->mono_ms);
}

/* ---- the end of a poll ---- */

static void
count_lateness(struct poller *poller, int64_t late_us)
{
    static const struct {
        int64_t us;
        enum stat_id stat;
    } STEPS[] = {{5000, STAT_LATE_LE_5MS},
                 {10000, STAT_LATE_LE_10MS},
                 {25000, STAT_LATE_LE_25MS},
                 {100000, STAT_LATE_LE_100MS}};

    worker_count(poller->worker, STAT_LATE_US, late_us > 0 ? (uint64_t)late_us : 0);
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++)
        if (late_us <= STEPS[i].us) {
            worker_count(poller->worker, STEPS[i].stat, 1);
            return;
        }
    worker_count(poller->worker, STAT_LATE_GT_100MS, 1);
}

static void
settle_poll(struct poller *poller, struct poller_device *device, struct job *job, enum cause cause,
            const struct stamp *now)
{
    int64_t done_us = clock_mono_us();

    if (cause == CAUSE_OK) {
        worker_count(poller->worker, STAT_POLLS_OK, 1);
        health_smooth_rtt(&device->health, (float)(done_us - device->started_us) / 1000);
        if (job->is_for_slot)
            count_lateness(poller, done_us - job->due_ms * 1000);
    } else {
        worker_count(poller->worker, STAT_POLLS_FAILED, 1);
        poller_readings_missing(device, job, cause, now);
    }
    if (job->interval_ms > 0)
        return;
    job->is_satisfied = cause == CAUSE_OK;
    if (!job->is_satisfied)
        timers_set(poller->timers, poller_timer_of(poller, job), now->mono_ms + ONCE_RETRY_MS);
}

/* The driver is done with the device, or we with the driver. */
static void
finish(struct poller_device *device, enum cause cause, const char *reason)
{
    struct poller *poller = device->poller;
    struct line *line = &poller->lines[device->line];
    struct job *job = &poller->jobs[device->running];
    bool was_pumping = line->is_pumping;
    struct stamp now = clock_now();

    timers_set(poller->timers, device->line, TIMER_NONE);
    device->running = line->running = JOB_NONE;
    job->state = JOB_IDLE;
    line->is_pumping = true; /* nothing starts before all is settled */
    if (job->group != GROUP_PROBE)
        settle_poll(poller, device, job, cause, &now);
    judge(poller, device, cause, reason, &now);
    if (job->again && job->state == JOB_IDLE && health_is_polled(&device->health))
        poller_enqueue(poller, job, now.mono_ms, false);
    line->is_pumping = was_pumping;
    pump(poller, device->line);
}

void
poller_on_done(void *ctx, enum cause cause, const char *reason)
{
    struct poller_device *device = ctx;

    if (device->running != JOB_NONE) /* else of a poll that was abandoned */
        finish(device, cause, reason);
}

void
poller_on_alive(void *ctx)
{
    struct poller_device *device = ctx;
    struct job *probe = poller_probe_of(device);

    if (probe->state == JOB_IDLE && health_take_life(&device->health))
        poller_enqueue(device->poller, probe, poller_now_ms(), false);
}

static void
miss_deadline(struct poller *poller, uint32_t line_index)
{
    const struct job *job = &poller->jobs[poller->lines[line_index].running];
    struct poller_device *device = &poller->devices[job->device];
    char reason[REASON_MAX];

    snprintf(reason, sizeof reason, "no complete answer within %lld ms",
             (long long)((clock_mono_us() - device->started_us) / 1000));
    if (device->instance != NULL)
        device->driver->abandon(device->instance);
    finish(device, CAUSE_TIMEOUT, reason);
}

/* ---- what is due ---- */

static void
take_slot(struct poller *poller, struct job *job, int64_t due_ms, int64_t now)
{
    int64_t interval_ms = job->interval_ms;

    if (interval_ms == 0) {
        timers_set(poller->timers, poller_timer_of(poller, job), TIMER_NONE);
        if (!job->is_satisfied && job->state == JOB_IDLE)
            poller_enqueue(poller, job, now, false);
        return;
    }

    struct schedule_turn turn = schedule_turn(interval_ms, job->phase_ms, due_ms, now);

    timers_set(poller->timers, poller_timer_of(poller, job), turn.next_ms);
    worker_count(poller->worker, STAT_POLLS_SKIPPED, turn.skipped);
    if (!turn.is_due)
        return;
    if (job->state != JOB_IDLE)
        worker_count(poller->worker, STAT_POLLS_SKIPPED, 1);
    else
        poller_enqueue(poller, job, turn.slot_ms, true);
}

static void
take(struct poller *poller, uint32_t id, int64_t due_ms, int64_t now)
{
    struct job *job;

    if (id < poller->line_count) {
        timers_set(poller->timers, id, TIMER_NONE);
        miss_deadline(poller, id);
        return;
    }
    job = &poller->jobs[id - poller->line_count];
    if (job->group != GROUP_PROBE) {
        take_slot(poller, job, due_ms, now);
        return;
    }
    timers_set(poller->timers, id, TIMER_NONE);
    if (job->state == JOB_IDLE) {
        health_take_probe(&poller->devices[job->device].health);
        poller_enqueue(poller, job, now, false);
    }
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct poller *poller = watcher->data;
    int64_t now = poller_now_ms(), due_ms;

    (void)loop;
    (void)events;
    poller->armed_ms = TIMER_NONE;
    for (int i = 0; i < TAKEN_PER_TURN; i++) {
        due_ms = timers_next_ms(poller->timers);
        if (due_ms > now)
            break;
        take(poller, timers_first(poller->timers), due_ms, now);
    }
}

/* Before the loop waits: until the next thing due. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct poller *poller = prepare->data;
    int64_t next_ms = timers_next_ms(poller->timers);

    (void)events;
    if (next_ms == poller->armed_ms)
        return;
    poller->armed_ms = next_ms;
    ev_timer_stop(loop, &poller->timer);
    if (next_ms == TIMER_NONE)
        return;

    double wait_s = (double)(next_ms * 1000 - clock_mono_us()) / 1e6;

    ev_now_update(loop); /* the turn may have been long, and the wait counts from its start */
    ev_timer_set(&poller->timer, wait_s > 0 ? wait_s : 0, 0);
    ev_timer_start(loop, &poller->timer);
}

/* ---- outside ---- */

enum err_code
poller_new(struct worker *worker, const struct collector_params *params,
           const struct driver *const *drivers, struct latest *out_latest,
           struct poller **out_poller, struct err *err)
{
    struct poller *poller = calloc(1, sizeof *poller);
    enum err_code code;

    if (poller == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    poller->worker = worker;
    poller->directory = params->directory;
    poller->drivers = drivers;
    poller->latest = out_latest;
    poller->armed_ms = TIMER_NONE;
    ev_timer_init(&poller->timer, on_timer, 0, 0);
    ev_prepare_init(&poller->prepare, on_prepare);
    /* After the sockets of the same turn: after a stall, answers that are there count. */
    ev_set_priority(&poller->timer, EV_MINPRI);
    poller->timer.data = poller->prepare.data = poller;
    code = poller_open_site(poller, params, err);
    if (code != ERR_OK) {
        poller_free(poller);
        return code;
    }
    *out_poller = poller;
    return ERR_OK;
}

void
poller_free(struct poller *poller)
{
    if (poller == NULL)
        return;
    ev_timer_stop(poller->worker->loop, &poller->timer);
    ev_prepare_stop(poller->worker->loop, &poller->prepare);
    poller_close_site(poller);
    free(poller);
}

void
poller_start(struct poller *poller, struct outbound *outbound)
{
    int64_t now = poller_now_ms();

    poller->outbound = outbound;
    ev_prepare_start(poller->worker->loop, &poller->prepare);
    for (uint32_t i = 0; i < poller->device_count; i++) {
        struct poller_device *device = &poller->devices[i];
        struct err err = {0};

        if (poller_open_device(device, &err) != ERR_OK)
            log_warning("%s; tried again when it is read", err.text);
        for (uint16_t group = 0; group < device->info->group_count; group++) {
            const struct job *job = poller_job(device, group);
            int64_t interval_ms = job->interval_ms;

            if (job->has_points)
                timers_set(poller->timers, poller_timer_of(poller, job),
                           interval_ms == 0 ? now + poller_spread_ms(device)
                                            : schedule_first_slot(interval_ms, job->phase_ms, now,
                                                                  FIRST_SPREAD_MS));
        }
    }
}
