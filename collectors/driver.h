/*
 * driver.h - a protocol as a table of functions with an opaque instance per device.
 *
 * The collector decides when to read which group (schedule, health, back-off, one transaction per
 * link); a driver only knows how. Nothing here blocks. Time is read by the driver from the loop.
 */
#ifndef WATCHROOM_COLLECTORS_DRIVER_H
#define WATCHROOM_COLLECTORS_DRIVER_H

#include "collectors/collect.h"
#include "gateway/base/err.h"

/* What a reading became. Called between poll() and on_done, from the loop, any number of times. */
struct driver_sink {
    /* `index` into set->sources; value is meaningless when quality is QUALITY_BAD. */
    void (*on_value)(void *ctx, uint32_t index, double value, enum quality quality,
                     enum cause cause);
    /* `text` is clean UTF-8, borrowed. */
    void (*on_text)(void *ctx, uint32_t index, const char *text, enum quality quality,
                    enum cause cause);
    /*
     * The poll or probe is over; the next may begin (from inside this call, too).
     *   CAUSE_OK         the device answered; points that have no value were told as bad one by one
     *   CAUSE_TIMEOUT, CAUSE_REFUSED, CAUSE_PROTOCOL, CAUSE_EXCEPTION
     *                    the device did not give the group; points not yet told are the caller's to
     *                    mark bad with this cause. `reason` says it in words ("" with CAUSE_OK).
     */
    void (*on_done)(void *ctx, enum cause cause, const char *reason);
    /* A sign of life without a request: an accepted connection, a late answer. */
    void (*on_alive)(void *ctx);
};

struct driver_env {
    struct worker *worker; /* loop and counters (STAT_REQUESTS, STAT_REPLIES_...) */
};

struct driver {
    const char *name;
    /* Once per process, before any open. */
    enum err_code (*init)(const struct driver_env *env, struct err *err);
    void (*done)(void);
    /*
     * `sink` and `ctx` are the device's own and live until close. Opens nothing that can block; a
     * device that cannot be reached is told at the first poll.
     */
    enum err_code (*open)(const struct collect_device *device, const struct device_info *info,
                          const struct driver_sink *sink, void *ctx, void **out_instance,
                          struct err *err);
    /* Read all points of one group. Exactly one on_done follows unless abandoned; may follow
     * before poll returns. Never called while another poll of the same link is under way. */
    void (*poll)(void *instance, uint16_t group);
    /* One cheap request: does it answer? */
    void (*probe)(void *instance);
    /* Forget what is under way; its answer, if it comes, is nobody's. No on_done. */
    void (*abandon)(void *instance);
    void (*close)(void *instance);
};

extern const struct driver *const DRIVERS[PROTOCOL_COUNT]; /* [PROTOCOL_NONE] is NULL */

#endif
