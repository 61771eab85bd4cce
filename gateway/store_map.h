/*
 * store_map.h - which data source of an RRD file is which point.
 *
 * RRD takes neither dots nor more than 19 characters in a name, so data source k is called "p<k>"
 * and <group>.map beside the file says what it is: "p<k> <point id> <kind>", one line each, from 0.
 * Entries are added, never removed or changed: a point that left the site keeps its history.
 */
#ifndef WATCHROOM_GATEWAY_STORE_MAP_H
#define WATCHROOM_GATEWAY_STORE_MAP_H

#include "gateway/base/err.h"
#include "gateway/base/point.h"

#define STORE_MAP_MAX 4096 /* data sources of one file */

struct store_map_entry {
    char *point; /* id within the device */
    enum value_kind kind;
};

struct store_map {
    struct store_map_entry *entries;
    uint32_t count;
};

/* ERR_NOT_FOUND, ERR_CORRUPT (with the line), ERR_IO, ERR_NOMEM. `out_map` is then untouched. */
enum err_code store_map_read(const char *path, struct store_map *out_map,
                             struct err *err) MUST_CHECK;
/* The whole file or none of it. */
enum err_code store_map_write(const char *path, const struct store_map *map,
                              struct err *err) MUST_CHECK;
/* Copies; ERR_FULL, ERR_NOMEM. */
enum err_code store_map_add(struct store_map *map, const char *point,
                            enum value_kind kind) MUST_CHECK;
bool store_map_find(const struct store_map *map, const char *point, uint32_t *out_index);
void store_map_done(struct store_map *map);

#endif
