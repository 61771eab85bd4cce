/*
 * tell_modbus.h - a block's answer, or its refusal, as readings of points. Pure.
 */
#ifndef WATCHROOM_COLLECTORS_TELL_MODBUS_H
#define WATCHROOM_COLLECTORS_TELL_MODBUS_H

#include "collectors/driver.h"
#include "collectors/frame_modbus.h"
#include "collectors/plan_regs.h"

/* Every point of the block, decoded and scaled. */
void tell_modbus_block(const struct driver_sink *sink, void *ctx, const struct plan *plan,
                       const struct plan_block *block, const struct frame_modbus_answer *answer);

/* Every point of the block, as bad. */
void tell_modbus_bad(const struct driver_sink *sink, void *ctx, const struct plan *plan,
                     const struct plan_block *block, enum cause cause);

#endif
