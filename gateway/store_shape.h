/*
 * store_shape.h - what an RRD file is made of, and what it should be made of.
 */
#ifndef WATCHROOM_GATEWAY_STORE_SHAPE_H
#define WATCHROOM_GATEWAY_STORE_SHAPE_H

#include "gateway/store_map.h"
#include "gateway/store_rrd.h"

#define ARCHIVES_MAX (4 * RRA_CLASSES_MAX)

enum { CF_AVERAGE, CF_MIN, CF_MAX, CF_LAST, CF_COUNT }; /* consolidation functions */

struct store_archive {
    unsigned cf, steps, rows;
};

struct store_archives {
    struct store_archive list[ARCHIVES_MAX];
    unsigned count;
};

/* What a file says about itself. */
struct store_shape {
    int64_t step_s, last_s;
    uint32_t source_count;
    bool is_ours; /* data source k is called p<k> and a gauge */
    struct store_archives archives;
};

/* ERR_NOT_FOUND; ERR_CORRUPT: not an RRD file, or not one of ours; ERR_BUSY: locked; ERR_IO. */
enum err_code store_shape_read(const char *path, struct store_shape *out,
                               struct err *err) MUST_CHECK;

/* Classes finer than the file's step have nothing to hold; when all are, the longest stands in. */
void store_shape_wanted(const struct store_rrd_spec *spec, const struct store_map *map,
                        struct store_archives *out);
bool store_shape_equal(const struct store_archives *a, const struct store_archives *b);

const char *store_shape_cf_name(unsigned cf); /* "AVERAGE" ... */

/* librrd's last error as ours. `otherwise`: what a reason means that is none of those of a sound
 * file at a bad moment. */
enum err_code store_shape_failure(struct err *err, const char *path, enum err_code otherwise);

#endif
