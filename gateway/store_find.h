/*
 * store_find.h - which RRD file holds a point, for those who read: by the maps beside the files.
 */
#ifndef WATCHROOM_GATEWAY_STORE_FIND_H
#define WATCHROOM_GATEWAY_STORE_FIND_H

#include <limits.h>

#include "gateway/base/err.h"
#include "gateway/base/point.h"

struct store_found {
    char rrd[PATH_MAX];
    unsigned source; /* data source "p<source>" */
    enum value_kind kind;
};

/* ERR_NOT_FOUND: nothing is stored of it. ERR_RANGE, ERR_IO. Both names are ids. */
enum err_code store_find(const char *state_dir, const char *device, const char *point,
                         struct store_found *out_found, struct err *err) MUST_CHECK;

#endif
