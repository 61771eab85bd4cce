/*
 * lists.h - numbers and texts that stand alone or in a list: 65535, [-1, 65535], 65528..65535.
 */
#ifndef WATCHROOM_CONFIG_LISTS_H
#define WATCHROOM_CONFIG_LISTS_H

#include "config/schema.h"

#define LISTS_MAX 64 /* entries; a range counts as all of its numbers */

/* Into the arena. NULL `node`: nothing is read, true. False after a fault was reported. */
bool lists_read_numbers(const struct schema_reader *reader, struct fy_node *node,
                        const double **out, uint8_t *out_count);
bool lists_read_texts(const struct schema_reader *reader, struct fy_node *node,
                      const char *const **out, uint8_t *out_count);

#endif
