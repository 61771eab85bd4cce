/*
 * plan_regs.h - which requests read the Modbus points of one group.
 *
 * Neighbouring registers are read together, over gaps as far as the device's limits allow. A plan
 * is made once per (source set, group), shared by the devices of the set, and read-only. Pure.
 */
#ifndef WATCHROOM_COLLECTORS_PLAN_REGS_H
#define WATCHROOM_COLLECTORS_PLAN_REGS_H

#include "collectors/collect.h"
#include "gateway/base/err.h"

/* A source and where its value lies in the answer to its block. */
struct plan_item {
    uint32_t source;  /* index into the set's sources */
    uint16_t address; /* of its first word or bit, on the wire */
};

struct plan_block {
    uint8_t function;
    uint16_t address, count; /* words; bits for functions 1 and 2 */
    uint32_t first_item, item_count;
};

struct plan {
    const struct source_set *set; /* borrowed */
    const struct plan_block *blocks;
    const struct plan_item *items; /* by function and address; a block holds a run of them */
    uint32_t block_count, item_count;
};

/*
 * ERR_CONFIG with the point's id when a source cannot be read within the limits: a value is always
 * read in one request. ERR_NOMEM. A group without points gives a plan without blocks.
 */
enum err_code plan_regs_make(const struct source_set *set, uint16_t group, struct plan **out_plan,
                             struct err *err) MUST_CHECK;
void plan_regs_free(struct plan *plan);

/*
 * Two blocks in place of one that the device refuses: about half of the points each, cut where no
 * value is cut and with the unused registers between them left out. False: nothing smaller can be
 * asked for.
 */
bool plan_regs_split(const struct plan *plan, const struct plan_block *block,
                     struct plan_block out_halves[2]);

#endif
