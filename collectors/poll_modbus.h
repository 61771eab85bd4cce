/*
 * poll_modbus.h - the driver of PROTOCOL_MODBUS_TCP.
 *
 * Never blocks. Devices with the same collect_device.link share one connection; the scheduler
 * gives it one poll at a time. State is per process, as the driver's contract has it.
 */
#ifndef WATCHROOM_COLLECTORS_POLL_MODBUS_H
#define WATCHROOM_COLLECTORS_POLL_MODBUS_H

#include "collectors/driver.h"

extern const struct driver POLL_MODBUS;

#endif
