/*
 * tell_snmp.h - an object's value, or why there is none, as readings of the points it feeds.
 */
#ifndef WATCHROOM_COLLECTORS_TELL_SNMP_H
#define WATCHROOM_COLLECTORS_TELL_SNMP_H

#include "collectors/decode_snmp.h"
#include "collectors/driver.h"
#include "collectors/plan_snmp.h"

/* `value` NULL: there is none, for `cause`. */
void tell_snmp_object(const struct driver_sink *sink, void *ctx, const struct source_set *set,
                      const struct plan_snmp *plan, uint32_t object, const struct snmp_value *value,
                      enum cause cause);

#endif
