/*
 * web.h - the web process: /metrics and /healthz. Writes nothing.
 */
#ifndef WATCHROOM_GATEWAY_WEB_H
#define WATCHROOM_GATEWAY_WEB_H

#include "config/site.h"

int web_main(const struct worker_env *env, const struct web_params *params);

#endif
