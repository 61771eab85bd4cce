/*
 * store_files.h - every RRD file of a site with the samples that wait for it.
 *
 * Takes samples, gathers them into batches and writes what is due a little at a time, so that the
 * loop around it stays quick. Blocks only as long as one file takes. Reads no clock.
 */
#ifndef WATCHROOM_GATEWAY_STORE_FILES_H
#define WATCHROOM_GATEWAY_STORE_FILES_H

#include "config/site.h"
#include "gateway/base/clock.h"
#include "gateway/base/msg.h"

#define STORE_ALL UINT32_MAX /* devices */

struct store_files;
struct store_cached;

/*
 * `params` and `stats` are borrowed. `cached`: updates go through this daemon; NULL: librrd here.
 * NULL: out of memory.
 */
struct store_files *store_files_new(const struct store_params *params, uint64_t *stats,
                                    struct store_cached *cached);
void store_files_free(struct store_files *files); /* drops what was not written */

void store_files_take(struct store_files *files, const struct sample *sample, int64_t now_ms);

/* About ten times a second: lets waiting files get their turn. */
void store_files_tick(struct store_files *files, const struct stamp *now, bool is_synced);

/* Works on at most `limit` files. True: there is more to do at once. */
bool store_files_work(struct store_files *files, const struct stamp *now, unsigned limit);

/* Everything held for `device` (or STORE_ALL) is due now; `is_last`: half-filled rows, too. */
void store_files_flush(struct store_files *files, uint32_t device, bool is_last);
bool store_files_is_flushed(const struct store_files *files, uint32_t device);

/* The daemon's answer to a batch (store_cached.h). */
void store_files_on_written(void *ctx, uint32_t file, uint32_t ticket, enum err_code code,
                            const char *reason);

/* For alarms; `pending` counts samples. */
void store_files_state(const struct store_files *files, struct msg_store *out_state);

#endif
