/*
 * yaml.c - YAML files as nodes that know their place.
 */
#include "config/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define LINE_SHOWN_MAX 200

/* place */

struct place {
    unsigned line, column, width; /* from 1; 0: unknown */
};

static struct place
place_of_scalar(struct fy_node *node)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *start = token == NULL ? NULL : fy_token_start_mark(token);
    const struct fy_mark *end = token == NULL ? NULL : fy_token_end_mark(token);

    if (start == NULL)
        return (struct place){0};
    unsigned width = end != NULL && end->line == start->line && end->column > start->column
                         ? (unsigned)(end->column - start->column)
                         : 1;
    return (struct place){(unsigned)start->line + 1, (unsigned)start->column + 1, width};
}

/* The first key or item of a map or a list; NULL when it is empty. */
static struct fy_node *
first_of(struct fy_node *node)
{
    void *iterator = NULL;

    if (fy_node_get_type(node) == FYNT_SEQUENCE)
        return fy_node_sequence_iterate(node, &iterator);
    struct fy_node_pair *pair = fy_node_mapping_iterate(node, &iterator);
    return pair == NULL ? NULL : fy_node_pair_key(pair);
}

/* The key that an empty map or list stands behind; else what holds it. */
static struct fy_node *
key_of(struct fy_node *node)
{
    struct fy_node *parent = fy_node_get_parent(node);

    if (parent != NULL && fy_node_get_type(parent) == FYNT_MAPPING) {
        void *iterator = NULL;
        struct fy_node_pair *pair;

        while ((pair = fy_node_mapping_iterate(parent, &iterator)) != NULL)
            if (fy_node_pair_value(pair) == node)
                return fy_node_pair_key(pair);
    }
    return parent;
}

/*
 * A map or a list has no token of its own: its first key or item stands for it, or, when it is
 * empty as a value left out is, the key before it.
 */
static struct place
place_of(struct fy_node *node)
{
    bool is_upward = false;

    for (int depth = 0; node != NULL && depth < 200; depth++) {
        bool is_scalar = fy_node_get_type(node) == FYNT_SCALAR;
        struct place place = is_scalar ? place_of_scalar(node) : (struct place){0};

        if (place.line > 0)
            return place;
        struct fy_node *first = is_scalar || is_upward ? NULL : first_of(node);
        is_upward = first == NULL;
        node = first != NULL ? first : key_of(node);
    }
    return (struct place){0};
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One character of the source on; a line's end begins the next line. */
static const char *
step_over(const char *source, struct place *place)
{
    if (*source == '\n') {
        place->line++;
        place->column = 0;
    }
    do
        source++;
    while ((*source & 0xc0) == 0x80);
    place->column++;
    return source;
}

/*
 * Part of a scalar: source and text are followed side by side, since lines may have been folded and
 * indented. Where they differ otherwise (an escape), the scalar as a whole is the place.
 */
static struct place
place_within(const struct yaml *yaml, struct fy_node *node, size_t at, size_t length)
{
    const struct place whole = place_of(node);
    struct place place = whole;
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *start = token == NULL ? NULL : fy_token_start_mark(token);
    const char *text = yaml_text(node);

    if (start == NULL || text == NULL || start->input_pos > yaml->bytes || at > strlen(text))
        return whole;
    const char *source = yaml->text + start->input_pos;
    if ((*source == '"' || *source == '\'') && *text != *source)
        source = step_over(source, &place);
    if (*source == '>' || *source == '|') /* a block: it begins in the next line */
        while (*source != '\0' && *source != '\n')
            source = step_over(source, &place);
    while (is_blank(*source) && !is_blank(*text))
        source = step_over(source, &place);
    for (size_t i = 0; i < at;) {
        if (is_blank(text[i]) && is_blank(*source)) {
            while (is_blank(*source))
                source = step_over(source, &place);
            while (is_blank(text[i]) && i < at)
                i++;
            continue;
        }
        if (text[i] != *source)
            return whole;
        const char *before = source;
        source = step_over(source, &place);
        i += (size_t)(source - before);
    }
    place.width = length > 0 ? (unsigned)length : 1;
    return place;
}

/* Line number `line` of the text, copied without its end; "" when there is none. */
static void
copy_line(const struct yaml *yaml, unsigned line, char *out, size_t size)
{
    const char *at = yaml->text, *end = yaml->text == NULL ? NULL : yaml->text + yaml->bytes;

    out[0] = '\0';
    if (at == NULL || line == 0)
        return;
    while (--line > 0 && at != NULL) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL || at >= end)
        return;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((stop == NULL ? end : stop) - at);
    if (length > 0 && at[length - 1] == '\r')
        length--;
    text_clean(out, size, at, length);
}

/*
 * A large file may have a fault in every line, and finding a line means reading all before it: what
 * nobody will be shown is only counted.
 */
static bool
is_only_counted(const struct yaml *yaml, enum diag_level level)
{
    if (yaml->diag->count < DIAG_MAX)
        return false;
    diag_add(yaml->diag, level, yaml->name, 0, 0, 0, NULL, NULL, "one more");
    return true;
}

static void
add(const struct yaml *yaml, enum diag_level level, struct place place, const char *hint,
    const char *text)
{
    char line[LINE_SHOWN_MAX];

    if (is_only_counted(yaml, level))
        return;
    copy_line(yaml, place.line, line, sizeof line);
    diag_add(yaml->diag, level, yaml->name, place.line, place.column, place.width,
             place.line == 0 ? NULL : line, hint, "%s", text);
}

void
yaml_fault(const struct yaml *yaml, struct fy_node *node, const char *hint, const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    va_list args;

    if (is_only_counted(yaml, DIAG_ERROR))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(yaml, DIAG_ERROR, place_of(node), hint, text);
}

void
yaml_fault_within(const struct yaml *yaml, struct fy_node *node, size_t at, size_t length,
                  const char *hint, const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    va_list args;

    if (is_only_counted(yaml, DIAG_ERROR))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(yaml, DIAG_ERROR, place_within(yaml, node, at, length), hint, text);
}

void
yaml_warn(const struct yaml *yaml, struct fy_node *node, const char *hint, const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(yaml, DIAG_WARNING, place_of(node), hint, text);
}

struct yaml_place
yaml_place_of(const struct yaml *yaml, struct fy_node *node, struct arena *arena)
{
    struct place place = place_of(node);
    char line[LINE_SHOWN_MAX];

    copy_line(yaml, place.line, line, sizeof line);
    return (struct yaml_place){.file = arena_text(arena, yaml->name),
                               .source_line = place.line == 0 ? NULL : arena_text(arena, line),
                               .line = place.line,
                               .column = place.column,
                               .width = place.width};
}

/* opening */

static bool
check_bytes(struct yaml *yaml)
{
    unsigned line = 1;
    bool good = true;

    for (const char *at = yaml->text, *end = at + yaml->bytes; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop == NULL ? end : stop) - at);
        size_t clean = length > 0 && at[length - 1] == '\r' ? length - 1 : length;

        if (!text_is_clean_utf8(at, clean)) {
            add(yaml, DIAG_ERROR, (struct place){line, 1, 1}, "save the file as UTF-8",
                "not UTF-8 text, or a control character");
            good = false;
        }
        at += length + 1;
    }
    return good;
}

static void
take_parser_errors(struct yaml *yaml, struct fy_diag *collected)
{
    struct fy_diag_error *error;
    void *iterator = NULL;
    size_t before = yaml->diag->errors;

    while ((error = fy_diag_errors_iterate(collected, &iterator)) != NULL)
        add(yaml, DIAG_ERROR,
            (struct place){(unsigned)(error->line > 0 ? error->line : 1),
                           (unsigned)(error->column > 0 ? error->column : 1), 1},
            NULL, error->msg);
    if (yaml->diag->errors == before)
        add(yaml, DIAG_ERROR, (struct place){0}, NULL, "not readable as YAML");
}

/* An alias could repeat a large part a million times over. */
static bool
has_alias(struct yaml *yaml, struct fy_node *node, int depth)
{
    if (node == NULL || depth > 64)
        return node != NULL;
    if (fy_node_is_alias(node)) {
        yaml_fault(yaml, node, "write it out", "aliases are not supported");
        return true;
    }
    if (fy_node_get_type(node) == FYNT_MAPPING) {
        YAML_EACH_PAIR(pair, node)
        {
            if (has_alias(yaml, fy_node_pair_key(pair), depth + 1) ||
                has_alias(yaml, fy_node_pair_value(pair), depth + 1))
                return true;
        }
    } else if (fy_node_get_type(node) == FYNT_SEQUENCE) {
        YAML_EACH_ITEM(item, node)
        {
            if (has_alias(yaml, item, depth + 1))
                return true;
        }
    }
    return false;
}

static bool
parse(struct yaml *yaml)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.level = FYET_ERROR;
    struct fy_diag *collected = fy_diag_create(&diag_cfg);
    if (collected == NULL)
        return false;
    fy_diag_set_collect_errors(collected, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                        FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_DISABLE_ACCELERATORS,
                               .diag = collected};
    struct fy_parser *parser = fy_parser_create(&cfg);
    struct fy_document *second = NULL;
    bool good = false;

    if (parser == NULL || fy_parser_set_string(parser, yaml->text, yaml->bytes) != 0)
        goto done;
    yaml->document = fy_parse_load_document(parser);
    if (yaml->document == NULL || fy_diag_got_error(collected)) {
        if (yaml->document == NULL && !fy_diag_got_error(collected))
            add(yaml, DIAG_ERROR, (struct place){0}, NULL, "the file is empty");
        else
            take_parser_errors(yaml, collected);
        goto done;
    }
    second = fy_parse_load_document(parser);
    if (second != NULL || fy_diag_got_error(collected)) {
        if (fy_diag_got_error(collected))
            take_parser_errors(yaml, collected);
        else
            yaml_fault(yaml, fy_document_root(second), "one document a file",
                       "a second document begins here");
        goto done;
    }
    yaml->root = fy_document_root(yaml->document);
    if (yaml->root == NULL || fy_node_is_null(yaml->root))
        add(yaml, DIAG_ERROR, (struct place){0}, NULL, "the file is empty");
    else
        good = !has_alias(yaml, yaml->root, 0);
done:
    fy_document_destroy(second);
    if (parser != NULL)
        fy_parser_destroy(parser);
    fy_diag_destroy(collected);
    return good;
}

static bool
open_bytes(struct yaml *yaml)
{
    return check_bytes(yaml) && parse(yaml);
}

bool
yaml_open_text(struct yaml *yaml, const char *name, const char *text, size_t bytes,
               struct diag *diag)
{
    *yaml = (struct yaml){.diag = diag, .name = strdup(name), .text = malloc(bytes + 1)};
    if (yaml->name == NULL || yaml->text == NULL)
        return false;
    memcpy(yaml->text, text, bytes);
    yaml->text[bytes] = '\0';
    yaml->bytes = bytes;
    return open_bytes(yaml);
}

bool
yaml_open_file(struct yaml *yaml, const char *path, struct diag *diag)
{
    FILE *file = fopen(path, "re");

    *yaml = (struct yaml){.diag = diag, .name = strdup(path)};
    if (yaml->name == NULL || file == NULL) {
        diag_add(diag, DIAG_ERROR, path, 0, 0, 0, NULL, NULL, "cannot be read: %s",
                 strerror(errno));
        if (file != NULL)
            fclose(file);
        return false;
    }
    size_t room = 65536;
    yaml->text = malloc(room);
    while (yaml->text != NULL) {
        yaml->bytes += fread(yaml->text + yaml->bytes, 1, room - yaml->bytes - 1, file);
        if (yaml->bytes + 1 < room || room > YAML_BYTES_MAX)
            break;
        char *grown = realloc(yaml->text, room *= 2);
        if (grown == NULL)
            break;
        yaml->text = grown;
    }
    bool is_bad = ferror(file) != 0;
    int cause = errno;
    fclose(file);
    if (yaml->text == NULL || is_bad) {
        diag_add(diag, DIAG_ERROR, path, 0, 0, 0, NULL, NULL, "cannot be read: %s",
                 is_bad ? strerror(cause) : "out of memory");
        return false;
    }
    yaml->text[yaml->bytes] = '\0';
    if (yaml->bytes > YAML_BYTES_MAX) {
        diag_add(diag, DIAG_ERROR, path, 0, 0, 0, NULL, NULL, "larger than %zu MiB",
                 YAML_BYTES_MAX >> 20);
        return false;
    }
    return open_bytes(yaml);
}

void
yaml_close(struct yaml *yaml)
{
    fy_document_destroy(yaml->document);
    free(yaml->name);
    free(yaml->text);
    *yaml = (struct yaml){0};
}

/* asking */

bool
yaml_is_map(struct fy_node *node)
{
    return node != NULL && fy_node_get_type(node) == FYNT_MAPPING;
}

bool
yaml_is_list(struct fy_node *node)
{
    return node != NULL && fy_node_get_type(node) == FYNT_SEQUENCE;
}

const char *
yaml_text(struct fy_node *node)
{
    if (node == NULL || fy_node_get_type(node) != FYNT_SCALAR || fy_node_is_null(node))
        return NULL;
    return fy_node_get_scalar0(node);
}

struct fy_node *
yaml_get(struct fy_node *map, const char *key)
{
    if (!yaml_is_map(map))
        return NULL;
    YAML_EACH_PAIR(pair, map)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));

        if (name != NULL && strcmp(name, key) == 0)
            return fy_node_pair_value(pair);
    }
    return NULL;
}
