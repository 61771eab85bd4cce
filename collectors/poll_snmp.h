/*
 * poll_snmp.h - the driver of PROTOCOL_SNMP: v1 and v2c GET.
 *
 * One connected UDP socket per device, our own timers, never a blocking call. Reads only: there is
 * no SET in this program.
 */
#ifndef WATCHROOM_COLLECTORS_POLL_SNMP_H
#define WATCHROOM_COLLECTORS_POLL_SNMP_H

#include "collectors/driver.h"

extern const struct driver POLL_SNMP;

#endif
