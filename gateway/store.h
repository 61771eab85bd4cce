/*
 * store.h - the store process: samples into RRD files. It never judges; nothing is proved from it.
 *
 * Files: <state_dir>/rrd/<device>/<group>.rrd, data sources "p<point number in the file>" and
 * beside it <group>.map, one line "<data source> <point id> <kind>" each, written first and checked
 * at open.
 */
#ifndef WATCHROOM_GATEWAY_STORE_H
#define WATCHROOM_GATEWAY_STORE_H

#include "config/site.h"

int store_main(const struct worker_env *env, const struct store_params *params);

#endif
