/*
 * store.c - the store process: samples in, RRD files out.
 *
 * What starts: a link to alarms, one to each collector, the daemon's where one is configured. What
 * arrives: samples; orders to flush. What leaves: rows into files, a few files a turn; to alarms
 * the state once a second when it changed, and the answer to each flush.
 */
#include "gateway/store.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/store_cached.h"
#include "gateway/store_files.h"

#define TICK_S 0.1
#define FILES_A_TURN 8
#define FLUSHES_MAX 32 /* orders under way */
#define FLUSH_MS 5000  /* then the answer is that it did not work */
#define STATE_MS 1000
#define DRAIN_MS 100 /* at the end: what the collectors had sent is still read */
#define STOP_MS 3000 /* and then written */

struct flush {
    struct msg_flush order;
    int64_t until_ms;
};

struct store {
    struct worker worker;
    const struct store_params *params;
    struct store_files *files;
    struct store_cached *cached;
    struct link *alarms;
    struct link **collectors;
    ev_timer tick;
    ev_idle work;
    struct stamp now; /* of this turn */
    struct flush flushes[FLUSHES_MAX];
    unsigned flush_count;
    struct msg_store told;
    int64_t told_ms, stop_ms;
    bool is_stopping, is_written;
};

static void
wake(struct store *store)
{
    if (!ev_is_active(&store->work))
        ev_idle_start(store->worker.loop, &store->work);
}

static void
answer_flush(struct store *store, unsigned index, enum err_code code)
{
    struct msg_flush answer = store->flushes[index].order;

    answer.code = (int32_t)code;
    if (!link_send(store->alarms, MSG_FLUSHED, 1, &answer))
        log_debug("alarms is too busy for the answer to a flush");
    store->flushes[index] = store->flushes[--store->flush_count];
}

static void
answer_flushes(struct store *store)
{
    for (unsigned i = store->flush_count; i > 0; i--) {
        const struct flush *flush = &store->flushes[i - 1];

        if (store_files_is_flushed(store->files, flush->order.device))
            answer_flush(store, i - 1, ERR_OK);
        else if (store->now.mono_ms >= flush->until_ms)
            answer_flush(store, i - 1, ERR_TIMEOUT);
    }
}

static void
on_work(struct ev_loop *loop, ev_idle *watcher, int events)
{
    struct store *store = watcher->data;

    (void)events;
    store->now = clock_now();
    if (!store_files_work(store->files, &store->now, FILES_A_TURN))
        ev_idle_stop(loop, watcher);
    if (store->flush_count > 0)
        answer_flushes(store);
}

static void
tell_state(struct store *store)
{
    struct msg_store state;

    if (store->now.mono_ms - store->told_ms < STATE_MS)
        return;
    store->told_ms = store->now.mono_ms;
    store_files_state(store->files, &state);
    if (memcmp(&state, &store->told, sizeof state) == 0)
        return;
    if (link_send(store->alarms, MSG_STORE, 1, &state))
        store->told = state;
}

/* All is on disk, or it is not going to be. */
static void
continue_stop(struct store *store)
{
    int64_t late_ms = store->now.mono_ms - store->stop_ms;

    if (late_ms < DRAIN_MS)
        return;
    if (!store->is_written)
        store_files_flush(store->files, STORE_ALL, true);
    store->is_written = true;
    wake(store);
    if (store_files_is_flushed(store->files, STORE_ALL) || late_ms > STOP_MS) {
        struct msg_store state;

        store_files_state(store->files, &state);
        if (state.pending > 0)
            log_warning("%u samples could not be written: %s", state.pending, state.reason);
        worker_end(&store->worker, 0);
    }
}

static void
on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct store *store = watcher->data;

    (void)loop;
    (void)events;
    store->now = clock_now();
    store_files_tick(store->files, &store->now, clock_sync_state() == CLOCK_STATE_SYNC);
    wake(store);
    answer_flushes(store);
    tell_state(store);
    if (store->is_stopping)
        continue_stop(store);
}

static void
on_collector(void *ctx, const struct msg_head *head, const void *body)
{
    struct store *store = ctx;
    const struct sample *samples = body;

    if (head->type != MSG_SAMPLES)
        return;
    int64_t now_ms = clock_now().mono_ms;
    for (uint16_t i = 0; i < head->count; i++)
        store_files_take(store->files, &samples[i], now_ms);
    wake(store);
}

static void
on_alarms(void *ctx, const struct msg_head *head, const void *body)
{
    struct store *store = ctx;
    const struct msg_flush *orders = body;

    if (head->type != MSG_FLUSH)
        return;
    store->now = clock_now();
    for (uint16_t i = 0; i < head->count; i++) {
        if (store->flush_count == FLUSHES_MAX)
            answer_flush(store, 0, ERR_BUSY); /* the oldest has waited longest */
        store->flushes[store->flush_count++] =
            (struct flush){orders[i], store->now.mono_ms + FLUSH_MS};
        store_files_flush(store->files, orders[i].device, false);
    }
    wake(store);
    answer_flushes(store);
}

static void
on_stop(void *ctx)
{
    struct store *store = ctx;

    store->is_stopping = true;
    store->stop_ms = clock_now().mono_ms;
}

static void
open_links(struct store *store)
{
    static const struct link_handlers ALARMS = {.on_message = on_alarms};
    static const struct link_handlers COLLECTOR = {.on_message = on_collector};

    store->alarms = worker_link(&store->worker, store->params->alarms_fd, &ALARMS, store);
    store->collectors = calloc(store->params->collector_count + 1u, sizeof(struct link *));
    if (store->collectors == NULL)
        abort();
    for (uint32_t i = 0; i < store->params->collector_count; i++)
        store->collectors[i] =
            worker_link(&store->worker, store->params->collector_fds[i], &COLLECTOR, store);
}

static bool
open_files(struct store *store)
{
    struct err err;

    if (store->params->rrdcached != NULL &&
        store_cached_new(store->worker.loop, store->params->rrdcached, &store->cached, &err) !=
            ERR_OK) {
        log_error("%s", err.text);
        return false;
    }
    store->files = store_files_new(store->params, store->worker.stats, store->cached);
    if (store->files == NULL) {
        log_error("out of memory");
        return false;
    }
    if (store->cached != NULL)
        store_cached_on_result(store->cached, store_files_on_written, store->files);
    return true;
}

static void
close_all(struct store *store)
{
    for (uint32_t i = 0; store->collectors != NULL && i < store->params->collector_count; i++)
        link_free(store->collectors[i]);
    free(store->collectors);
    link_free(store->alarms);
    store_cached_free(store->cached);
    store_files_free(store->files);
    ev_timer_stop(store->worker.loop, &store->tick);
    ev_idle_stop(store->worker.loop, &store->work);
    worker_done(&store->worker);
    free(store);
}

int
store_main(const struct worker_env *env, const struct store_params *params)
{
    struct store *store = calloc(1, sizeof *store);
    int status = 1;

    if (store == NULL)
        return 1;
    store->params = params;
    worker_init(&store->worker, env, on_stop, store);
    ev_timer_init(&store->tick, on_tick, TICK_S, TICK_S);
    ev_idle_init(&store->work, on_work);
    /* As an idle watcher of the highest priority it has its share of every turn of the loop. */
    ev_set_priority(&store->work, EV_MAXPRI);
    store->tick.data = store;
    store->work.data = store;
    if (open_files(store)) {
        store->now = clock_now();
        store_files_tick(store->files, &store->now, clock_sync_state() == CLOCK_STATE_SYNC);
        open_links(store);
        ev_timer_start(store->worker.loop, &store->tick);
        worker_ready(&store->worker);
        status = worker_run(&store->worker);
    }
    close_all(store);
    return status;
}
