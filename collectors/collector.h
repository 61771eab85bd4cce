/*
 * collector.h - the collector process with drivers of the caller's choice, for tests.
 */
#ifndef WATCHROOM_COLLECTORS_COLLECTOR_H
#define WATCHROOM_COLLECTORS_COLLECTOR_H

#include "collectors/driver.h"

/* As collector_main(), with `drivers` (PROTOCOL_COUNT of them, NULL where there is none). */
int collector_run(const struct worker_env *env, const struct collector_params *params,
                  const struct driver *const *drivers);

#endif
