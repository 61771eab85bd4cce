/*
 * store_cached.h - RRD updates through rrdcached, by its text protocol on a UNIX socket.
 *
 * Never blocks: the daemon may be stopped, dead or not there yet. A batch is confirmed once the
 * daemon has written it to its file, so that what a dying daemon held is sent again by the caller.
 */
#ifndef WATCHROOM_GATEWAY_STORE_CACHED_H
#define WATCHROOM_GATEWAY_STORE_CACHED_H

#include "gateway/base/err.h"
#include "gateway/base/loop.h"

struct store_cached;

/* Exactly once for each batch taken; not from within store_cached_submit(). */
typedef void store_cached_result(void *ctx, uint32_t file, uint32_t ticket, enum err_code code,
                                 const char *reason);

/* `address`: "unix:/path" or "/path"; copied. ERR_CONFIG, ERR_NOMEM. Connects by itself. */
enum err_code store_cached_new(struct ev_loop *loop, const char *address,
                               struct store_cached **out_cached, struct err *err) MUST_CHECK;
void store_cached_free(struct store_cached *cached); /* no results follow */
void store_cached_on_result(struct store_cached *cached, store_cached_result *on_result, void *ctx);

/* Can these rows be said in the protocol's lines of at most 4 KiB? */
bool store_cached_takes(const char *path, const char *const *rows, size_t count);

struct store_cached_batch {
    uint32_t file, ticket; /* the caller's, for the result */
    const char *path;
    bool is_new; /* what the daemon may remember of an earlier file of this name is forgotten */
    const char *const *rows;
    size_t count;
};

/* False: not connected, or enough is under way. Everything is copied. */
bool store_cached_submit(struct store_cached *cached, const struct store_cached_batch *batch);

bool store_cached_is_connected(const struct store_cached *cached);

#endif
