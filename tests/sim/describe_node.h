/*
 * describe_node.h - what the parts of the description's reader share: nodes of YAML, checked.
 */
#ifndef WATCHROOM_SIM_DESCRIBE_NODE_H
#define WATCHROOM_SIM_DESCRIBE_NODE_H

#include <libfyaml.h>

#include "tests/sim/model.h"

#define DESCRIBE_VALUE_MAX 4096

struct describe {
    struct model *model;
    const char *file;
    struct fy_document *document;
    struct err *err;
    uint16_t port; /* of devices that give none */
};

/* ERR_CONFIG, with file:line:column in front. */
enum err_code describe_fault(const struct describe *d, struct fy_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Gives an error that came from below its place. */
enum err_code describe_at(const struct describe *d, struct fy_node *node,
                          enum err_code code) MUST_CHECK;

struct fy_node *describe_child(struct fy_node *map, const char *key);
/* The scalar as text; false when it is none or too long. */
bool describe_scalar(struct fy_node *node, char *out, size_t size);
/* Only these keys, and a map at all. */
enum err_code describe_check_keys(const struct describe *d, struct fy_node *map,
                                  const char *const *keys) MUST_CHECK;
/* An integer in [min, max]; absent: left as it was. */
enum err_code describe_take_int(const struct describe *d, struct fy_node *map, const char *key,
                                int64_t min, int64_t max, int64_t *value) MUST_CHECK;
enum err_code describe_take_number(const struct describe *d, struct fy_node *map, const char *key,
                                   double *value) MUST_CHECK;
/* "" when absent. */
enum err_code describe_take_text(const struct describe *d, struct fy_node *map, const char *key,
                                 char *out, size_t size) MUST_CHECK;

/* describe_items.c: the values of a template. */
enum err_code describe_objects(const struct describe *d, struct sim_template *template,
                               struct fy_node *map) MUST_CHECK;
enum err_code describe_registers(const struct describe *d, struct sim_template *template,
                                 struct fy_node *map) MUST_CHECK;
enum err_code describe_waves(const struct describe *d, struct sim_template *template,
                             struct fy_node *node) MUST_CHECK;

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum err_code try_code = (call);                                                           \
        if (try_code != ERR_OK)                                                                    \
            return try_code;                                                                       \
    } while (0)

#endif
