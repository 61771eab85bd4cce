/*
 * holes_modbus.c - the blocks one device is read in, once it has refused some of the shared plan.
 */
#include "collectors/holes_modbus.h"

#include <stdlib.h>
#include <string.h>

uint32_t
holes_modbus_count(const struct holes *holes, const struct plan *plan)
{
    return holes->blocks == NULL ? plan->block_count : holes->count;
}

const struct plan_block *
holes_modbus_block(const struct holes *holes, const struct plan *plan, uint32_t index)
{
    return holes->blocks == NULL ? &plan->blocks[index] : &holes->blocks[index].block;
}

bool
holes_modbus_is_hole(const struct holes *holes, uint32_t index)
{
    return holes->blocks != NULL && holes->blocks[index].retry_at_ms != 0;
}

bool
holes_modbus_is_due(const struct holes *holes, uint32_t index, int64_t now_ms)
{
    return now_ms >= holes->blocks[index].retry_at_ms;
}

/* The device's own copy of the plan, with room for `more` blocks. */
static bool
make_own(struct holes *holes, const struct plan *plan, uint32_t more)
{
    uint32_t count = holes_modbus_count(holes, plan);
    struct holes_block *blocks = realloc(holes->blocks, (count + more) * sizeof *blocks);

    if (blocks == NULL)
        return false;
    if (holes->blocks == NULL)
        for (uint32_t i = 0; i < count; i++)
            blocks[i] = (struct holes_block){.block = plan->blocks[i]};
    holes->blocks = blocks;
    holes->count = count;
    return true;
}

bool
holes_modbus_split(struct holes *holes, const struct plan *plan, uint32_t index)
{
    struct plan_block halves[2];

    if (!plan_regs_split(plan, holes_modbus_block(holes, plan, index), halves) ||
        !make_own(holes, plan, 1))
        return false;

    struct holes_block *at = &holes->blocks[index];

    memmove(at + 1, at, (holes->count - index) * sizeof *at);
    at[0] = (struct holes_block){.block = halves[0]};
    at[1] = (struct holes_block){.block = halves[1]};
    holes->count++;
    return true;
}

bool
holes_modbus_mark(struct holes *holes, const struct plan *plan, uint32_t index, int64_t now_ms)
{
    if (!make_own(holes, plan, 0))
        return false;

    struct holes_block *hole = &holes->blocks[index];

    hole->wait_ms = hole->wait_ms == 0 ? HOLES_MODBUS_RETRY_FIRST_MS : 2 * hole->wait_ms;
    if (hole->wait_ms > HOLES_MODBUS_RETRY_MAX_MS)
        hole->wait_ms = HOLES_MODBUS_RETRY_MAX_MS;
    hole->retry_at_ms = now_ms + hole->wait_ms;
    return true;
}

void
holes_modbus_retry(struct holes *holes, int64_t now_ms)
{
    for (uint32_t i = 0; i < holes->count; i++)
        if (holes->blocks[i].retry_at_ms > now_ms)
            holes->blocks[i].retry_at_ms = now_ms;
}

void
holes_modbus_clear(struct holes *holes, uint32_t index, int64_t now_ms)
{
    if (!holes_modbus_is_hole(holes, index))
        return;
    holes->blocks[index].retry_at_ms = 0;
    holes->blocks[index].wait_ms = 0;
    holes->has_healed = true;
    /* The device has got ready: what else it refused is worth a try now. */
    holes_modbus_retry(holes, now_ms);
}

void
holes_modbus_settle(struct holes *holes)
{
    if (!holes->has_healed)
        return;
    holes->has_healed = false;
    for (uint32_t i = 0; i < holes->count; i++)
        if (holes->blocks[i].retry_at_ms != 0)
            return;
    holes_modbus_done(holes);
}

void
holes_modbus_done(struct holes *holes)
{
    free(holes->blocks);
    *holes = (struct holes){0};
}
