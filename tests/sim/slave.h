/*
 * slave.h - a Modbus device without a socket: one request PDU in, one answer PDU out.
 */
#ifndef WATCHROOM_SIM_SLAVE_H
#define WATCHROOM_SIM_SLAVE_H

#include "tests/sim/model.h"

#define SLAVE_PDU_MAX 253

/* Functions 1 to 4; all others get exception 1, writes are counted besides. Never fails: `request`
 * has at least one byte, and the answer has at least two. Returns its length. */
size_t slave_answer(struct sim_device *device, const uint8_t *request, size_t length, double now_s,
                    uint8_t out_answer[SLAVE_PDU_MAX]);

#endif
