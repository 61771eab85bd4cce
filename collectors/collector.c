/*
 * collector.c - the collector process: reads the devices of its shard.
 *
 * Starts: the devices with their drivers, the schedule, links to alarms and store. Arrives: answers
 * of devices; from alarms `committed`, `poll-now`, `snapshot`. Leaves: samples, events, texts and
 * health to alarms, samples to the store. Writes no file and knows neither limits nor people.
 */
#include "collectors/collector.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "collectors/poller.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

/* Trends need no haste; larger messages are cheaper. */
#define STORE_FLUSH_S 0.2
/* Under load samples of some turns travel together: each message wakes alarms. Events do not wait,
 * and neither does a sample after a pause. */
#define LINGER_US 2000

struct collector {
    struct worker worker;
    const struct directory *directory;
    struct latest latest;
    struct poller *poller;
    struct outbound *outbound;
    struct link *links[OUTBOUND_PEER_COUNT];
    ev_prepare turn_end;
    ev_idle busy; /* while it runs the loop does not wait */
    ev_timer store_flush;
    ev_timer linger;
    int64_t flushed_us;
};

/* ---- links ---- */

static bool
send_to_peer(void *ctx, enum outbound_peer peer, enum msg_type type, size_t count,
             const void *entries)
{
    struct collector *self = ctx;

    return link_send(self->links[peer], type, count, entries);
}

static void
make_health(void *ctx, uint32_t device, struct msg_health *out)
{
    struct collector *self = ctx;

    poller_health(self->poller, device, out);
}

static void
poll_now(struct collector *self, const uint32_t *devices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!poller_poll_now(self->poller, devices[i]))
            worker_count(&self->worker, STAT_UNKNOWN_NUMBERS, 1);
}

static void
on_alarms_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct collector *self = ctx;

    if (head->type == MSG_COMMITTED && head->count > 0) {
        const struct msg_committed *committed = body;

        for (uint16_t i = 0; i < head->count; i++)
            outbound_committed(self->outbound, &committed[i]);
    } else if (head->type == MSG_POLL_NOW) {
        poll_now(self, body, head->count);
    } else if (head->type == MSG_SNAPSHOT) {
        /* Who asks may never have heard of us: the one before it may have died with our hello. */
        link_hello(self->links[OUTBOUND_ALARMS], self->worker.env.incarnation);
        outbound_snapshot(self->outbound);
        poller_reread(self->poller);
    }
    /* A hello asks for nothing: the snapshot that follows it does. */
}

static void
on_store_message(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    (void)head;
    (void)body;
}

static void
on_alarms_writable(void *ctx)
{
    struct collector *self = ctx;

    outbound_writable(self->outbound, OUTBOUND_ALARMS);
}

static void
on_store_writable(void *ctx)
{
    struct collector *self = ctx;

    outbound_writable(self->outbound, OUTBOUND_STORE);
}

/* ---- turns of the loop ---- */

static void
on_turn_end(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct collector *self = watcher->data;
    enum outbound_need need = outbound_need(self->outbound);
    int64_t now_us = clock_mono_us();
    int64_t since_us = now_us - self->flushed_us;

    (void)events;
    if (need == OUTBOUND_SOON && since_us < LINGER_US) {
        if (!ev_is_active(&self->linger)) {
            ev_timer_set(&self->linger, (double)(LINGER_US - since_us) / 1e6, 0);
            ev_timer_start(loop, &self->linger);
        }
        return;
    }
    ev_timer_stop(loop, &self->linger);
    if (need != OUTBOUND_NOTHING)
        self->flushed_us = now_us;
    if (need != OUTBOUND_NOTHING && outbound_flush(self->outbound, now_us / 1000))
        ev_idle_start(loop, &self->busy);
    else
        ev_idle_stop(loop, &self->busy);
}

static void
on_busy(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

static void
on_linger(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop; /* woken: the end of this turn sends */
    (void)watcher;
    (void)events;
}

static void
on_store_flush(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct collector *self = watcher->data;

    (void)loop;
    (void)events;
    outbound_flush_store(self->outbound);
}

static void
on_stats(void *ctx)
{
    struct collector *self = ctx;

    self->worker.stats[STAT_EVENTS_PENDING] = outbound_events_pending(self->outbound);
    poller_count_devices(self->poller, &self->worker.stats[STAT_DEVICES_UP],
                         &self->worker.stats[STAT_DEVICES_DOWN]);
}

static void
on_stop(void *ctx)
{
    struct collector *self = ctx;

    outbound_flush(self->outbound, clock_now().mono_ms);
    outbound_flush_store(self->outbound);
    worker_end(&self->worker, 0);
}

/* ---- life ---- */

/* Each device takes a descriptor; the master's limit is the shell's. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void
start_watchers(struct collector *self)
{
    struct ev_loop *loop = self->worker.loop;

    ev_prepare_init(&self->turn_end, on_turn_end);
    ev_idle_init(&self->busy, on_busy);
    ev_timer_init(&self->store_flush, on_store_flush, STORE_FLUSH_S, STORE_FLUSH_S);
    ev_timer_init(&self->linger, on_linger, 0, 0);
    self->turn_end.data = self->busy.data = self->store_flush.data = self;
    /* After the drivers' own prepare watchers, if any: their readings leave in the same turn. */
    ev_set_priority(&self->turn_end, EV_MINPRI);
    ev_prepare_start(loop, &self->turn_end);
    ev_timer_start(loop, &self->store_flush);
}

static void
stop_watchers(struct collector *self)
{
    ev_prepare_stop(self->worker.loop, &self->turn_end);
    ev_idle_stop(self->worker.loop, &self->busy);
    ev_timer_stop(self->worker.loop, &self->store_flush);
    ev_timer_stop(self->worker.loop, &self->linger);
}

static bool
make_outbound(struct collector *self)
{
    self->outbound = outbound_new(&(struct outbound_setup){
        .latest = &self->latest,
        .point_limit = self->directory->point_limit,
        .devices = poller_device_count(self->poller),
        .incarnation = self->worker.env.incarnation,
        .stats = self->worker.stats,
        .send = send_to_peer,
        .make_health = make_health,
        .ctx = self,
    });
    return self->outbound != NULL;
}

static int
run(struct collector *self, const struct collector_params *params)
{
    static const struct link_handlers ALARMS = {.on_message = on_alarms_message,
                                                .on_writable = on_alarms_writable};
    static const struct link_handlers STORE = {.on_message = on_store_message,
                                               .on_writable = on_store_writable};

    self->links[OUTBOUND_ALARMS] = worker_link(&self->worker, params->alarms_fd, &ALARMS, self);
    self->links[OUTBOUND_STORE] = worker_link(&self->worker, params->store_fd, &STORE, self);
    start_watchers(self);
    poller_start(self->poller, self->outbound);
    worker_ready(&self->worker);
    log_info("reading %u devices with %u points", poller_device_count(self->poller),
             self->latest.count);

    int status = worker_run(&self->worker);

    stop_watchers(self);
    for (int peer = 0; peer < OUTBOUND_PEER_COUNT; peer++)
        link_free(self->links[peer]);
    return status;
}

int
collector_run(const struct worker_env *env, const struct collector_params *params,
              const struct driver *const *drivers)
{
    struct collector *self = calloc(1, sizeof *self);
    struct err err = {0};
    int status = 1;

    if (self == NULL)
        return 1;
    raise_file_limit();
    worker_init(&self->worker, env, on_stop, self);
    self->worker.on_stats = on_stats;
    self->directory = params->directory;
    if (poller_new(&self->worker, params, drivers, &self->latest, &self->poller, &err) != ERR_OK)
        log_error("cannot start: %s", err.text);
    else if (!make_outbound(self))
        log_error("cannot start: out of memory");
    else
        status = run(self, params);
    poller_free(self->poller);
    outbound_free(self->outbound);
    latest_done(&self->latest);
    worker_done(&self->worker);
    free(self);
    return status;
}

int
collector_main(const struct worker_env *env, const struct collector_params *params)
{
    return collector_run(env, params, DRIVERS);
}
