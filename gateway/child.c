/*
 * child.c - one worker process as the master sees it.
 */
#include "gateway/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/generation.h"
#include "gateway/store.h"
#include "gateway/web.h"

#define KEEP_MAX (3 + 1 + 4 + SHARDS_MAX)

struct keep {
    int fds[KEEP_MAX];
    size_t count;
};

static void
keep_add(struct keep *keep, int fd)
{
    if (fd >= 0)
        keep->fds[keep->count++] = fd;
}

static int
compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Everything that is not its own: other workers' links above all, or a death would go unnoticed. */
static void
close_others(struct keep *keep)
{
    unsigned next = 0;

    qsort(keep->fds, keep->count, sizeof keep->fds[0], compare_fds);
    for (size_t i = 0; i < keep->count; i++) {
        unsigned fd = (unsigned)keep->fds[i];

        if (fd > next)
            close_range(next, fd - 1, 0);
        next = fd + 1;
    }
    close_range(next, ~0u, 0);
}

static void
unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
run_collector(const struct worker_env *env, const struct child *child, const struct site *site,
              const struct plumbing *plumbing, struct keep *keep)
{
    struct collector_params params = {.directory = &site->directory,
                                      .devices = site->devices,
                                      .device_count = site->device_count,
                                      .shard = child->shard,
                                      .shard_count = site->shard_count,
                                      .alarms_fd = plumbing->collector_alarms[child->shard][0],
                                      .store_fd = plumbing->collector_store[child->shard][0]};

    keep_add(keep, params.alarms_fd);
    keep_add(keep, params.store_fd);
    close_others(keep);
    return collector_main(env, &params);
}

/* The receiving ends of the collectors' links. */
static void
far_ends(const int pairs[SHARDS_MAX][2], uint32_t count, struct keep *keep, int out_fds[SHARDS_MAX])
{
    for (uint32_t i = 0; i < count; i++) {
        out_fds[i] = pairs[i][1];
        keep_add(keep, out_fds[i]);
    }
}

static int
run_store(const struct worker_env *env, const struct site *site, const struct plumbing *plumbing,
          struct keep *keep)
{
    struct store_params params = site->store;
    int fds[SHARDS_MAX];

    far_ends(plumbing->collector_store, site->shard_count, keep, fds);
    params.directory = &site->directory;
    params.state_dir = site->state_dir;
    params.collector_fds = fds;
    params.collector_count = site->shard_count;
    params.alarms_fd = plumbing->store_alarms[0];
    keep_add(keep, params.alarms_fd);
    close_others(keep);
    return store_main(env, &params);
}

static int
run_alarms(const struct worker_env *env, const struct site *site, const struct plumbing *plumbing,
           struct keep *keep)
{
    struct alarms_params params = site->alarms_params;
    int fds[SHARDS_MAX];

    far_ends(plumbing->collector_alarms, site->shard_count, keep, fds);
    params.collector_fds = fds;
    params.collector_count = site->shard_count;
    params.store_fd = plumbing->store_alarms[1];
    params.courier_fd = site->has_broker ? plumbing->alarms_courier[0] : -1;
    params.web_fd = plumbing->web_fd >= 0 ? plumbing->alarms_web[0] : -1;
    params.control_fd = plumbing->control_fd;
    keep_add(keep, params.store_fd);
    keep_add(keep, params.courier_fd);
    keep_add(keep, params.web_fd);
    keep_add(keep, params.control_fd);
    close_others(keep);
    json_t *parts = generation_parts(site);
    params.config_parts = parts;
    int status = alarms_main(env, &params);
    json_decref(parts);
    return status;
}

static int
run_courier(const struct worker_env *env, const struct site *site, const struct plumbing *plumbing,
            struct keep *keep)
{
    struct courier_params params = site->courier;

    params.alarms_fd = plumbing->alarms_courier[1];
    keep_add(keep, params.alarms_fd);
    close_others(keep);
    return courier_main(env, &params);
}

static int
run_web(const struct worker_env *env, const struct site *site, const struct plumbing *plumbing,
        struct keep *keep)
{
    struct web_params params = {.directory = &site->directory,
                                .listen_fd = plumbing->web_fd,
                                .alarms_fd = plumbing->alarms_web[1]};

    keep_add(keep, params.listen_fd);
    keep_add(keep, params.alarms_fd);
    close_others(keep);
    return web_main(env, &params);
}

static int
run(const struct child *child, const struct worker_env *env, const struct site *site,
    const struct plumbing *plumbing)
{
    struct keep keep = {.fds = {0, 1, 2, env->master_fd}, .count = 4};

    switch (child->kind) {
    case CHILD_COLLECTOR:
        return run_collector(env, child, site, plumbing, &keep);
    case CHILD_STORE:
        return run_store(env, site, plumbing, &keep);
    case CHILD_ALARMS:
        return run_alarms(env, site, plumbing, &keep);
    case CHILD_COURIER:
        return run_courier(env, site, plumbing, &keep);
    case CHILD_WEB:
        return run_web(env, site, plumbing, &keep);
    }
    return 1;
}

enum err_code
child_start(struct child *child, struct ev_loop *loop, const struct site *site,
            const struct plumbing *plumbing, uint64_t incarnation, int64_t now_ms,
            const struct link_handlers *handlers, void *ctx, struct err *err)
{
    int fds[2];
    enum err_code code = link_pair(fds, err);

    if (code != ERR_OK)
        return code;

    fflush(NULL); /* or the child would print it again */
    pid_t pid = fork();
    if (pid < 0) {
        close(fds[0]);
        close(fds[1]);
        return err_set(err, ERR_IO, "fork: %s", strerror(errno));
    }
    if (pid == 0) {
        struct worker_env env = {.name = child->name,
                                 .master_fd = fds[1],
                                 .generation = site->generation,
                                 .incarnation = incarnation};

        unblock_signals();
        prctl(PR_SET_NAME, child->name);
        log_init(child->name, log_level());
        exit(run(child, &env, site, plumbing));
    }
    close(fds[1]);
    child->pid = pid;
    child->is_ready = child->was_told_to_stop = child->was_killed = false;
    child->incarnation = incarnation;
    child->digest = child_digest(child, site);
    child->started_ms = child->answered_ms = now_ms;
    child->link = link_new(loop, fds[0], site->generation, handlers, ctx);
    if (child->link == NULL)
        abort();
    return ERR_OK;
}

void
child_ended(struct child *child, int64_t now_ms)
{
    link_free(child->link);
    child->link = NULL;
    child->pid = 0;
    child->is_ready = false;
    memset(child->stats, 0, sizeof child->stats);
    if (child->was_told_to_stop) {
        child->backoff_ms = 0;
    } else {
        child->restarts++;
        if (now_ms - child->started_ms >= CHILD_STEADY_MS || child->backoff_ms == 0)
            child->backoff_ms = CHILD_BACKOFF_MIN_MS;
        else if (child->backoff_ms < CHILD_BACKOFF_MAX_MS)
            child->backoff_ms *= 2;
        if (child->backoff_ms > CHILD_BACKOFF_MAX_MS)
            child->backoff_ms = CHILD_BACKOFF_MAX_MS;
    }
    child->start_at_ms = now_ms + child->backoff_ms;
}

uint64_t
child_digest(const struct child *child, const struct site *site)
{
    return child_digest_of(child->kind, child->shard, site, &site->digests);
}

uint64_t
child_digest_of(enum child_kind kind, uint32_t shard, const struct site *site,
                const struct worker_digests *digests)
{
    /* Who holds one end of every collector's link depends on how many there are. */
    uint64_t shape[] = {site->shard_count, site->has_broker, site->web_address != NULL, 0};

    switch (kind) {
    case CHILD_COLLECTOR:
        shape[3] = digests->collectors[shard];
        break;
    case CHILD_STORE:
        shape[3] = digests->store;
        break;
    case CHILD_ALARMS:
        shape[3] = digests->alarms;
        break;
    case CHILD_COURIER:
        shape[3] = digests->courier;
        break;
    case CHILD_WEB:
        shape[3] = digests->web;
        break;
    }
    bool knows_shape = kind == CHILD_STORE || kind == CHILD_ALARMS;
    return fingerprint(FINGERPRINT_START, knows_shape ? shape : &shape[3],
                       knows_shape ? sizeof shape : sizeof shape[3]);
}
