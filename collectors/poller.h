/*
 * poller.h - the devices of one collector: when which is read, what its answers become.
 *
 * One outstanding transaction per link, polls of a link in the order of their due times; a poll
 * that misses its deadline is abandoned, a slot that passed is skipped. Readings go to `latest` and
 * `outbound`. Runs on the worker's loop; nothing blocks.
 */
#ifndef WATCHROOM_COLLECTORS_POLLER_H
#define WATCHROOM_COLLECTORS_POLLER_H

#include "collectors/driver.h"
#include "collectors/outbound.h"

struct poller;

/* Of the devices of `params` those of its shard that `drivers` (PROTOCOL_COUNT of them) can read.
 * Names their points in `out_latest`, which poller_free() leaves alone. Initialises the drivers. */
enum err_code poller_new(struct worker *worker, const struct collector_params *params,
                         const struct driver *const *drivers, struct latest *out_latest,
                         struct poller **out_poller, struct err *err) MUST_CHECK;
void poller_free(struct poller *poller);

/* Opens the devices and starts the schedule. `outbound` is borrowed until poller_free(). */
void poller_start(struct poller *poller, struct outbound *outbound);

uint32_t poller_device_count(const struct poller *poller);
/* By index, for outbound. */
void poller_health(const struct poller *poller, uint32_t index, struct msg_health *out);
/* By number of the directory. False: no such device in it. One of another shard is no error. */
bool poller_poll_now(struct poller *poller, uint32_t device);
/* Reads the `once` groups again, spread over some seconds. */
void poller_reread(struct poller *poller);
void poller_count_devices(const struct poller *poller, uint64_t *out_up, uint64_t *out_down);

#endif
