/*
 * describe_node.c - nodes of YAML, checked.
 */
#include "tests/sim/describe_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

static const struct fy_mark *
mark_of(struct fy_node *node)
{
    while (node != NULL && fy_node_get_type(node) != FYNT_SCALAR) {
        void *iterator = NULL;

        if (fy_node_get_type(node) == FYNT_MAPPING) {
            struct fy_node_pair *pair = fy_node_mapping_iterate(node, &iterator);
            node = pair == NULL ? NULL : fy_node_pair_key(pair);
        } else {
            node = fy_node_sequence_iterate(node, &iterator);
        }
    }
    struct fy_token *token = node == NULL ? NULL : fy_node_get_scalar_token(node);
    return token == NULL ? NULL : fy_token_start_mark(token);
}

enum err_code
describe_fault(const struct describe *d, struct fy_node *node, const char *fmt, ...)
{
    const struct fy_mark *mark = mark_of(node);
    char text[240];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (mark == NULL)
        return err_set(d->err, ERR_CONFIG, "%s: %s", d->file, text);
    return err_set(d->err, ERR_CONFIG, "%s:%d:%d: %s", d->file, mark->line + 1, mark->column + 1,
                   text);
}

/* Gives an error that came from below its place. */
enum err_code
describe_at(const struct describe *d, struct fy_node *node, enum err_code code)
{
    if (code == ERR_OK)
        return ERR_OK;
    char text[240];

    text_copy(text, sizeof text, d->err->text);
    (void)describe_fault(d, node, "%s", text);
    d->err->code = code;
    return code;
}

struct fy_node *
describe_child(struct fy_node *map, const char *key)
{
    return fy_node_mapping_lookup_by_string(map, key, FY_NT);
}

/* The scalar as text; false when it is none or too long. */
bool
describe_scalar(struct fy_node *node, char *out, size_t size)
{
    size_t length;
    const char *text = node == NULL || fy_node_get_type(node) != FYNT_SCALAR
                           ? NULL
                           : fy_node_get_scalar(node, &length);

    if (text == NULL || length >= size || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* Only these keys, and a map at all. */
enum err_code
describe_check_keys(const struct describe *d, struct fy_node *map, const char *const *keys)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;
    size_t count = 0;

    if (map == NULL || fy_node_get_type(map) != FYNT_MAPPING)
        return describe_fault(d, map, "must be a map");
    while (keys[count] != NULL)
        count++;
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL) {
        char key[ID_MAX];
        size_t i = 0;

        if (!describe_scalar(fy_node_pair_key(pair), key, sizeof key))
            return describe_fault(d, map, "a key must be a word");
        while (i < count && strcmp(keys[i], key) != 0)
            i++;
        if (i == count) {
            const char *nearest = text_nearest(key, keys, count);
            return describe_fault(d, fy_node_pair_key(pair), "unknown key \"%s\"%s%s%s", key,
                                  nearest == NULL ? "" : " (did you mean \"",
                                  nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?)");
        }
    }
    return ERR_OK;
}

/* An integer in [min, max]; absent: left as it was. */
enum err_code
describe_take_int(const struct describe *d, struct fy_node *map, const char *key, int64_t min,
                  int64_t max, int64_t *value)
{
    struct fy_node *node = describe_child(map, key);
    char text[32];

    if (node == NULL)
        return ERR_OK;
    if (!describe_scalar(node, text, sizeof text) || !text_parse_int(text, min, max, value))
        return describe_fault(d, node, "%s must be a whole number from %lld to %lld", key,
                              (long long)min, (long long)max);
    return ERR_OK;
}

enum err_code
describe_take_number(const struct describe *d, struct fy_node *map, const char *key, double *value)
{
    struct fy_node *node = describe_child(map, key);
    char text[64];

    if (node == NULL)
        return ERR_OK;
    if (!describe_scalar(node, text, sizeof text) || !text_parse_number(text, value))
        return describe_fault(d, node, "%s must be a number", key);
    return ERR_OK;
}

/* "" when absent. */
enum err_code
describe_take_text(const struct describe *d, struct fy_node *map, const char *key, char *out,
                   size_t size)
{
    struct fy_node *node = describe_child(map, key);

    out[0] = '\0';
    if (node != NULL && !describe_scalar(node, out, size))
        return describe_fault(d, node, "%s must be a text of less than %zu bytes", key, size);
    return ERR_OK;
}
