/*
 * holes_modbus.h - the blocks one device is read in, once it has refused some of the shared plan.
 *
 * A block refused with "illegal data address" is halved until what is refused is a single value: a
 * hole. Holes are passed over and tried again from time to time, never given up: many devices
 * refuse addresses for a while after they start. Pure, but for memory.
 */
#ifndef WATCHROOM_COLLECTORS_HOLES_MODBUS_H
#define WATCHROOM_COLLECTORS_HOLES_MODBUS_H

#include "collectors/plan_regs.h"

#define HOLES_MODBUS_RETRY_FIRST_MS (INT64_C(60) * 1000)
#define HOLES_MODBUS_RETRY_MAX_MS (INT64_C(15) * 60 * 1000)

struct holes_block {
    struct plan_block block;
    int64_t retry_at_ms; /* monotonic; 0: not a hole */
    int64_t wait_ms;
};

/* The device's own blocks of one group. All zero: the shared plan is used as it is. */
struct holes {
    struct holes_block *blocks;
    uint32_t count;
    bool has_healed; /* a hole has answered since the last holes_modbus_settle() */
};

uint32_t holes_modbus_count(const struct holes *holes, const struct plan *plan);
const struct plan_block *holes_modbus_block(const struct holes *holes, const struct plan *plan,
                                            uint32_t index);

/* A hole is due when it is to be tried again. */
bool holes_modbus_is_hole(const struct holes *holes, uint32_t index);
bool holes_modbus_is_due(const struct holes *holes, uint32_t index, int64_t now_ms);

/* Put two halves in the place of block `index`. False: it cannot be halved, or no memory. */
bool holes_modbus_split(struct holes *holes, const struct plan *plan, uint32_t index);

/* Block `index` was refused as a single value (false: out of memory), or answered. */
bool holes_modbus_mark(struct holes *holes, const struct plan *plan, uint32_t index,
                       int64_t now_ms);
void holes_modbus_clear(struct holes *holes, uint32_t index, int64_t now_ms);
/* All holes are due now. */
void holes_modbus_retry(struct holes *holes, int64_t now_ms);

/*
 * After a poll: when its last hole has gone in it, back to the shared plan, the cheaper one. What
 * was split without a hole (an unused register that may not be read) stays split.
 */
void holes_modbus_settle(struct holes *holes);
void holes_modbus_done(struct holes *holes);

#endif
