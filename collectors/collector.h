/*
 * collector.h - the collector process with its drivers as a parameter, for tests.
 */
#ifndef WATCHROOM_COLLECTORS_COLLECTOR_H
#define WATCHROOM_COLLECTORS_COLLECTOR_H

#include "collectors/driver.h"

int collector_run(const struct worker_env *env, const struct collector_params *params,
                  const struct driver *const drivers[PROTOCOL_COUNT]);

#endif
