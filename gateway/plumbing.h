/*
 * plumbing.h - every link and listening socket of a gateway, made once and kept for its life.
 *
 * Both ends of each pair stay with the master and are handed to each incarnation of a worker, so
 * that a death loses nothing that was queued, and people who connect meanwhile wait instead of
 * being refused.
 */
#ifndef WATCHROOM_GATEWAY_PLUMBING_H
#define WATCHROOM_GATEWAY_PLUMBING_H

#include "config/site.h"

#define SHARDS_MAX 64

struct plumbing {
    int collector_alarms[SHARDS_MAX][2]; /* [0] is the end of the one named first */
    int collector_store[SHARDS_MAX][2];
    uint32_t shard_count; /* pairs made so far; never fewer again */
    int store_alarms[2];
    int alarms_courier[2];
    int alarms_web[2];
    int control_fd;
    int web_fd;  /* -1: the site has no web */
    int lock_fd; /* <state_dir>/lock: one gateway per state directory */
    char socket[108];
};

void plumbing_init(struct plumbing *plumbing);

/* Makes what `site` needs and does not exist yet. `socket` NULL: as the site says. */
enum err_code plumbing_open(struct plumbing *plumbing, const struct site *site, const char *socket,
                            struct err *err) MUST_CHECK;

/* Closes everything and removes the control socket. */
void plumbing_close(struct plumbing *plumbing);

/* mkdir -p, mode 0750. */
enum err_code make_directory(const char *path, struct err *err) MUST_CHECK;

#endif
