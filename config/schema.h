/*
 * schema.h - what a map may hold, as tables: one row a key. The tables read files, and they are
 * docs/configuration.md.
 */
#ifndef WATCHROOM_CONFIG_SCHEMA_H
#define WATCHROOM_CONFIG_SCHEMA_H

#include "config/yaml.h"
#include "gateway/base/arena.h"

enum field_type {
    FIELD_ID,       /* const char *: [a-z0-9._-]+ */
    FIELD_TEXT,     /* const char *: any text that is not empty */
    FIELD_INT,      /* int64_t in [min, max] */
    FIELD_NUMBER,   /* double in [min, max], when min < max */
    FIELD_BOOL,     /* bool */
    FIELD_DURATION, /* int64_t, ms in [min, max] */
    FIELD_WORD,     /* int: index into words */
    FIELD_MAP,      /* struct fy_node * */
    FIELD_LIST,     /* struct fy_node * */
    FIELD_ANY,      /* struct fy_node * */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset; /* of the value in the struct that is filled */
    bool required;
    double min, max;
    const char *const *words; /* FIELD_WORD, NULL-terminated */
    const char *fallback;     /* as people read it; the caller sets it before reading */
    const char *help;
};

struct schema {
    const char *title; /* of its table in the manual */
    const char *about;
    const struct field *fields;
    size_t count;
};

struct schema_reader {
    const struct yaml *yaml;
    struct arena *arena; /* texts are copied into it */
};

/*
 * Fills `out` from `map`; keys that are absent leave their field as it was. Every fault is
 * reported. True when there was none.
 */
bool schema_read(const struct schema_reader *reader, struct fy_node *map,
                 const struct schema *schema, void *out);

/* Reports and returns false unless `node` is a map (a list). `what` names it to people. */
bool schema_need_map(const struct yaml *yaml, struct fy_node *node, const char *what);
bool schema_need_list(const struct yaml *yaml, struct fy_node *node, const char *what);

/* Reports the keys that `map`, whose keys are names of the site's own, has twice. */
bool schema_need_distinct(const struct yaml *yaml, struct fy_node *map, const char *what);

/* A table for the manual, in Markdown. */
void schema_print(const struct schema *schema, FILE *out);

#endif
