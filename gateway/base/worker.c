/*
 * worker.c - what every worker process has: a loop, a name, the master's link, counters.
 */
#include "gateway/base/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/base/log.h"

static uint64_t
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long total, resident = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
answer_ping(struct worker *worker)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    worker->stats[STAT_CPU_US] =
        (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
        (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    worker->stats[STAT_RSS_BYTES] = resident_bytes();
    if (worker->on_stats != NULL)
        worker->on_stats(worker->ctx);
    link_send(worker->master, MSG_PONG, STAT_COUNT, worker->stats);
}

static void
on_master_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct worker *worker = ctx;

    if (head->type == MSG_PING) {
        answer_ping(worker);
    } else if (head->type == MSG_STOP) {
        if (worker->on_stop != NULL)
            worker->on_stop(worker->ctx);
        else
            worker_end(worker, 0);
    } else if (worker->on_master != NULL) {
        worker->on_master(worker->ctx, head, body);
    }
}

static void
on_master_closed(void *ctx)
{
    struct worker *worker = ctx;

    log_warning("the master is gone: ending");
    worker_end(worker, 1);
}

void
worker_init(struct worker *worker, const struct worker_env *env, void (*on_stop)(void *ctx),
            void *ctx)
{
    static const struct link_handlers HANDLERS = {.on_message = on_master_message,
                                                  .on_closed = on_master_closed};

    *worker = (struct worker){.env = *env, .on_stop = on_stop, .ctx = ctx};
    signal(SIGPIPE, SIG_IGN);
    /* A terminal and a service manager signal the whole group; the master decides. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    worker->loop = ev_loop_new(EVFLAG_AUTO);
    if (worker->loop == NULL)
        abort();
    worker->master = link_new(worker->loop, env->master_fd, env->generation, &HANDLERS, worker);
    if (worker->master == NULL)
        abort();
}

void
worker_ready(struct worker *worker)
{
    link_send(worker->master, MSG_READY, 0, NULL);
}

int
worker_run(struct worker *worker)
{
    ev_run(worker->loop, 0);
    return worker->status;
}

void
worker_end(struct worker *worker, int status)
{
    worker->status = status;
    ev_break(worker->loop, EVBREAK_ALL);
}

void
worker_done(struct worker *worker)
{
    link_free(worker->master);
    if (worker->loop != NULL)
        ev_loop_destroy(worker->loop);
    worker->master = NULL;
    worker->loop = NULL;
}

struct link *
worker_link(struct worker *worker, int fd, const struct link_handlers *handlers, void *ctx)
{
    struct link *link = link_new(worker->loop, fd, worker->env.generation, handlers, ctx);

    if (link == NULL)
        abort();
    link_hello(link, worker->env.incarnation);
    return link;
}
