/*
 * yaml.h - YAML files as nodes that know their place; libfyaml is included here only.
 *
 * One document, no aliases (they can be made to explode), UTF-8, at most YAML_BYTES_MAX. What is
 * wrong is reported into a struct diag with line, column and the source line.
 */
#ifndef WATCHROOM_CONFIG_YAML_H
#define WATCHROOM_CONFIG_YAML_H

#include <libfyaml.h>

#include "config/diag.h"
#include "gateway/base/arena.h"

#define YAML_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct yaml {
    struct fy_document *document;
    struct fy_node *root; /* NULL: empty */
    char *name;           /* of the file, as told to people */
    char *text;
    size_t bytes;
    struct diag *diag;
};

/* False: not readable as YAML; the diag says why. yaml_close either way. */
bool yaml_open_file(struct yaml *yaml, const char *path, struct diag *diag);
bool yaml_open_text(struct yaml *yaml, const char *name, const char *text, size_t bytes,
                    struct diag *diag);
void yaml_close(struct yaml *yaml);

/* A fault at a node (NULL: at the file as a whole). `hint` may be NULL. */
void yaml_fault(const struct yaml *yaml, struct fy_node *node, const char *hint, const char *fmt,
                ...) PRINTF_LIKE(4, 5);
void yaml_warn(const struct yaml *yaml, struct fy_node *node, const char *hint, const char *fmt,
               ...) PRINTF_LIKE(4, 5);

/* A place that outlives its document; texts in the arena. */
struct yaml_place {
    const char *file, *source_line;
    unsigned line, column, width; /* from 1; 0: unknown */
};
struct yaml_place yaml_place_of(const struct yaml *yaml, struct fy_node *node, struct arena *arena);
/* A fault at part of a scalar's text: `length` bytes from byte `at`. */
void yaml_fault_within(const struct yaml *yaml, struct fy_node *node, size_t at, size_t length,
                       const char *hint, const char *fmt, ...) PRINTF_LIKE(6, 7);

bool yaml_is_map(struct fy_node *node);
bool yaml_is_list(struct fy_node *node);

/* The text of a scalar, borrowed from the document; NULL for anything else and for null. */
const char *yaml_text(struct fy_node *node);

/* A member of a map by key; NULL when there is none. */
struct fy_node *yaml_get(struct fy_node *map, const char *key);

#define YAML_EACH_PAIR(pair, map)                                                                  \
    void *iterator_##pair = NULL;                                                                  \
    for (struct fy_node_pair * pair;                                                               \
         (pair = fy_node_mapping_iterate((map), &iterator_##pair)) != NULL;)
#define YAML_EACH_ITEM(item, list)                                                                 \
    void *iterator_##item = NULL;                                                                  \
    for (struct fy_node * item;                                                                    \
         (item = fy_node_sequence_iterate((list), &iterator_##item)) != NULL;)

#endif
