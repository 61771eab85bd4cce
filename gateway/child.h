/*
 * child.h - one worker process as the master sees it: start, ping, notice its end, start again.
 */
#ifndef WATCHROOM_GATEWAY_CHILD_H
#define WATCHROOM_GATEWAY_CHILD_H

#include <sys/types.h>

#include "gateway/plumbing.h"

/* In the order in which they are stopped: those that bring news first, those that tell it last. */
enum child_kind { CHILD_COLLECTOR, CHILD_WEB, CHILD_STORE, CHILD_ALARMS, CHILD_COURIER };

struct master;

struct child {
    struct master *master;
    char name[32];
    enum child_kind kind;
    uint32_t shard;    /* CHILD_COLLECTOR */
    bool is_wanted;    /* shall run; else it is left dead */
    pid_t pid;         /* 0: not running */
    struct link *link; /* to it; NULL when not running */
    bool is_ready;
    bool was_told_to_stop;
    bool was_killed;   /* by us, for a hang */
    uint32_t restarts; /* deaths and hangs */
    uint64_t incarnation;
    uint64_t digest;     /* of the configuration it was started with */
    int64_t started_ms;  /* monotonic, as all times here */
    int64_t answered_ms; /* last pong or ready */
    int64_t stop_by_ms;  /* told to stop: killed after this */
    int64_t start_at_ms; /* not running: when to start it */
    int64_t backoff_ms;
    uint64_t stats[STAT_COUNT];
};

#define CHILD_SILENT_MS 10000 /* no pong for so long is a death */
#define CHILD_SETUP_MS 120000 /* reading a large journal comes before the first pong */
#define CHILD_STOP_MS 15000   /* a worker flushes before it ends */
#define CHILD_BACKOFF_MIN_MS 50
#define CHILD_BACKOFF_MAX_MS 10000
#define CHILD_STEADY_MS 10000 /* lived so long: the next death starts the back-off anew */

/*
 * Forks it. In the child this does not return: the worker's main runs and the process ends. The
 * child keeps only its own descriptors.
 */
enum err_code child_start(struct child *child, struct ev_loop *loop, const struct site *site,
                          const struct plumbing *plumbing, uint64_t incarnation, int64_t now_ms,
                          const struct link_handlers *handlers, void *ctx,
                          struct err *err) MUST_CHECK;

/* It ended (waitpid said so): forget the process, plan the next start. */
void child_ended(struct child *child, int64_t now_ms);

/* What it depends on in the configuration; differs -> a reload restarts it. */
uint64_t child_digest(const struct child *child, const struct site *site);
/* The same of a worker that need not run; `digests` are one set of the site's. */
uint64_t child_digest_of(enum child_kind kind, uint32_t shard, const struct site *site,
                         const struct worker_digests *digests);

#endif
