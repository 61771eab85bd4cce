/*
 * store_rrd.h - RRD files through librrd: make, check, widen, rebuild, update. Blocking (files).
 *
 * One file per device and group. Errors of librrd end here.
 */
#ifndef WATCHROOM_GATEWAY_STORE_RRD_H
#define WATCHROOM_GATEWAY_STORE_RRD_H

#include "config/site.h"
#include "gateway/base/err.h"

struct store_rrd_spec {
    const char *path;     /* <state_dir>/rrd/<device>/<group>.rrd */
    const char *map_path; /* <state_dir>/rrd/<device>/<group>.map */
    const struct rra_class *classes;
    uint16_t class_count;
    int64_t step_s;
    int64_t before_s;                      /* a new file begins here: earlier than the first row */
    const struct point_def *const *points; /* one per column */
    uint16_t point_count;
};

struct store_rrd_file {
    int64_t last_s; /* nothing up to here can be written any more */
    uint16_t source_count;
    uint16_t *columns; /* per data source: the column, or STORE_NO_COLUMN; owned, free() */
};

/* Before anything else, once per process. */
void store_rrd_init(void);

bool store_rrd_exists(const char *path);
uint64_t store_rrd_bytes(const char *path); /* 0: not there */

/*
 * The file as it must be for `spec`. What is missing is made: directory, map, file, data sources of
 * new points (added), archives of another retention or step (rebuilt from the old ones); that takes
 * milliseconds, so without `may_make` it is ERR_BUSY instead. ERR_CORRUPT: file or map are not what
 * was written, see store_rrd_quarantine(). ERR_FULL, ERR_IO, ERR_NOMEM.
 */
enum err_code store_rrd_prepare(const struct store_rrd_spec *spec, bool may_make,
                                struct store_rrd_file *out_file, struct err *err) MUST_CHECK;

/* Puts both aside as <name>.quarantine-<utc>. */
enum err_code store_rrd_quarantine(const char *path, const char *map_path, int64_t utc_ms,
                                   struct err *err) MUST_CHECK;

/*
 * Rows as store_rows_format() writes them, oldest first; past ones are skipped. ERR_BUSY: a reader
 * holds the lock, try again. After another failure prepare it anew. ERR_CORRUPT: librrd refuses
 * rows or file for a reason that is not the system's.
 */
enum err_code store_rrd_update(const char *path, const char **rows, int count,
                               struct err *err) MUST_CHECK;

/*
 * The consolidation function to read a point with from that time on: LAST for states and flags,
 * but where the file still holds every single value: of those there is one archive, AVERAGE.
 */
const char *store_rrd_consolidation(const char *path, enum value_kind kind, int64_t from_s);

#endif
