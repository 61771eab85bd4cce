/*
 * drivers.c - the closed list of protocols.
 */
#include "collectors/driver.h"
#include "collectors/poll_modbus.h"
#include "collectors/poll_snmp.h"

const struct driver *const DRIVERS[PROTOCOL_COUNT] = {
    [PROTOCOL_NONE] = NULL,
    [PROTOCOL_SNMP] = &POLL_SNMP,
    [PROTOCOL_MODBUS_TCP] = &POLL_MODBUS,
};
