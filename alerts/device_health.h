/*
 * device_health.h - how each device is: as its collector last said. A change between up and down is
 * a row of the journal ("device"), also when it happened over a restart.
 */
#ifndef WATCHROOM_ALERTS_DEVICE_HEALTH_H
#define WATCHROOM_ALERTS_DEVICE_HEALTH_H

#include "alerts/journal.h"
#include "gateway/base/msg.h"
#include "gateway/base/point.h"
#include "gateway/base/text.h"

struct device_health;

/* Reads from the journal which devices were down. NULL: out of memory. */
struct device_health *device_health_new(const struct directory *directory, struct journal *journal);
void device_health_free(struct device_health *devices);

/* False: nobody knows this device. */
bool device_health_take(struct device_health *devices, const struct msg_health *news,
                        int64_t utc_ms);

struct device_counts {
    uint32_t total; /* devices a collector reads; the gateway itself is none */
    uint32_t by_health[HEALTH_COUNT];
};
struct device_counts device_health_counts(const struct device_health *devices);

/* Appends one device as JSON; false: no such device (a hole). */
bool device_health_write(const struct device_health *devices, uint32_t device,
                         struct text_buf *out);

#endif
