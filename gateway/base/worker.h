/*
 * worker.h - what every worker process has: a loop, a name, the master's link, counters.
 *
 * The frame answers pings with the counters (a hang of the loop is thereby a death), passes on the
 * order to stop, and ends the process when the master is gone. A worker's main looks like this:
 *
 *     struct worker worker;
 *     worker_init(&worker, env, on_stop, self);
 *     ... open what is its own (links, files, libraries), only now, after the fork ...
 *     worker_ready(&worker);
 *     int status = worker_run(&worker);
 *     ... close ...
 *     worker_done(&worker);
 *     return status;
 */
#ifndef WATCHROOM_BASE_WORKER_H
#define WATCHROOM_BASE_WORKER_H

#include "gateway/base/link.h"

/* Filled by the master before the fork. */
struct worker_env {
    const char *name;     /* "collector-0", "alarms" ... */
    int master_fd;        /* link to the master */
    uint32_t generation;  /* of the configuration */
    uint64_t incarnation; /* grows with each start, also across restarts of the master */
};

struct worker {
    struct worker_env env;
    struct ev_loop *loop;
    struct link *master;
    uint64_t stats[STAT_COUNT];
    void (*on_stop)(void *ctx);
    /* Called before the counters travel, to fill gauges; may be NULL. */
    void (*on_stats)(void *ctx);
    /* Messages of the master beyond ping and stop; may be NULL. */
    void (*on_master)(void *ctx, const struct msg_head *head, const void *body);
    void *ctx;
    int status;
};

/*
 * Makes the loop and the master's link. `on_stop` is called once when the master says so; it must
 * lead to worker_end. NULL: the loop simply ends. Out of memory ends the process.
 */
void worker_init(struct worker *worker, const struct worker_env *env, void (*on_stop)(void *ctx),
                 void *ctx);
void worker_ready(struct worker *worker);
/* Runs until worker_end or until the master is gone (then the status is 1). */
int worker_run(struct worker *worker);
void worker_end(struct worker *worker, int status);
void worker_done(struct worker *worker);

/* Opens a link of this worker to `fd` and says hello with its incarnation. */
struct link *worker_link(struct worker *worker, int fd, const struct link_handlers *handlers,
                         void *ctx);

static inline void
worker_count(struct worker *worker, enum stat_id stat, uint64_t more)
{
    worker->stats[stat] += more;
}

#endif
