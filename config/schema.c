/*
 * schema.c - what a map may hold, as tables.
 */
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

#include "config/examples.h"
#include "gateway/base/hash.h"
#include "gateway/base/text.h"

#define FIELDS_MAX 64
#define TEXT_LONG_MAX 2000

static void *
place_in(void *out, const struct field *field)
{
    return (char *)out + field->offset;
}

static bool
fault_number(const struct schema_reader *reader, struct fy_node *node, const struct field *field,
             const char *text)
{
    const char *hint = NULL;

    if (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        hint = "numbers are decimal: no leading zero";
    else if (strncmp(text, "0x", 2) == 0)
        hint = "numbers are decimal";
    if (field->type == FIELD_INT)
        yaml_fault(reader->yaml, node, hint, "%s: \"%s\" is no whole number from %lld to %lld",
                   field->key, text, (long long)field->min, (long long)field->max);
    else if (field->min < field->max)
        yaml_fault(reader->yaml, node, hint, "%s: \"%s\" is no number from %g to %g", field->key,
                   text, field->min, field->max);
    else
        yaml_fault(reader->yaml, node, hint, "%s: \"%s\" is no number", field->key, text);
    return false;
}

static bool
read_duration(const struct schema_reader *reader, struct fy_node *node, const struct field *field,
              const char *text, int64_t *out)
{
    char min[24], max[24];
    int64_t ms;

    text_format_duration((int64_t)field->min, min, sizeof min);
    text_format_duration((int64_t)field->max, max, sizeof max);
    if (!text_parse_duration_ms(text, &ms)) {
        yaml_fault(reader->yaml, node, "500ms, 30s, 5m, 2h, 400d", "%s: \"%s\" is no duration",
                   field->key, text);
        return false;
    }
    if ((double)ms < field->min || (double)ms > field->max) {
        yaml_fault(reader->yaml, node, NULL, "%s: %s is not between %s and %s", field->key, text,
                   min, max);
        return false;
    }
    *out = ms;
    return true;
}

static void
list_words(const char *const *words, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i == 0 ? "%s" : ", %s", words[i]);
}

static size_t
count_words(const char *const *words)
{
    size_t count = 0;

    while (words[count] != NULL)
        count++;
    return count;
}

static bool
read_word(const struct schema_reader *reader, struct fy_node *node, const struct field *field,
          const char *text, int *out)
{
    char all[300], hint[80];
    const char *nearest;

    for (int i = 0; field->words[i] != NULL; i++)
        if (strcmp(field->words[i], text) == 0) {
            *out = i;
            return true;
        }
    list_words(field->words, all, sizeof all);
    nearest = text_nearest(text, field->words, count_words(field->words));
    snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
    yaml_fault(reader->yaml, node, nearest == NULL ? NULL : hint, "%s: \"%s\" is none of %s",
               field->key, text, all);
    return false;
}

static bool
read_text(const struct schema_reader *reader, struct fy_node *node, const struct field *field,
          const char *text, const char **out)
{
    if (text[strspn(text, " \t")] == '\0') {
        yaml_fault(reader->yaml, node, NULL, "%s: empty", field->key);
        return false;
    }
    if (strlen(text) > TEXT_LONG_MAX) {
        yaml_fault(reader->yaml, node, NULL, "%s: longer than %d characters", field->key,
                   TEXT_LONG_MAX);
        return false;
    }
    if (field->type == FIELD_ID && !text_is_id(text)) {
        yaml_fault(reader->yaml, node, "ids become topics and file names: a-z 0-9 . _ -",
                   "%s: \"%s\" is no id", field->key, text);
        return false;
    }
    *out = arena_text(reader->arena, text);
    return *out != NULL;
}

static bool
read_scalar(const struct schema_reader *reader, struct fy_node *key, struct fy_node *node,
            const struct field *field, void *out)
{
    const char *text = yaml_text(node);
    int64_t integer;
    double number;

    if (text == NULL) {
        bool is_null = node == NULL || fy_node_is_null(node);

        yaml_fault(reader->yaml, is_null ? key : node, NULL, "%s: %s", field->key,
                   is_null ? "needs a value" : "needs one value, not a list or a map");
        return false;
    }
    switch (field->type) {
    case FIELD_ID:
    case FIELD_TEXT:
        return read_text(reader, node, field, text, place_in(out, field));
    case FIELD_INT:
        if (!text_parse_int(text, (int64_t)field->min, (int64_t)field->max, &integer))
            return fault_number(reader, node, field, text);
        *(int64_t *)place_in(out, field) = integer;
        return true;
    case FIELD_NUMBER:
        if (!text_parse_number(text, &number) ||
            (field->min < field->max && (number < field->min || number > field->max)))
            return fault_number(reader, node, field, text);
        *(double *)place_in(out, field) = number;
        return true;
    case FIELD_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            yaml_fault(reader->yaml, node, "true or false", "%s: \"%s\" is neither true nor false",
                       field->key, text);
            return false;
        }
        *(bool *)place_in(out, field) = strcmp(text, "true") == 0;
        return true;
    case FIELD_DURATION:
        return read_duration(reader, node, field, text, place_in(out, field));
    case FIELD_WORD:
        return read_word(reader, node, field, text, place_in(out, field));
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_ANY:
        break;
    }
    return false;
}

bool
schema_need_map(const struct yaml *yaml, struct fy_node *node, const char *what)
{
    if (yaml_is_map(node))
        return true;
    yaml_fault(yaml, node, NULL, "%s: needs a map (key: value)", what);
    return false;
}

bool
schema_need_list(const struct yaml *yaml, struct fy_node *node, const char *what)
{
    if (yaml_is_list(node))
        return true;
    yaml_fault(yaml, node, NULL, "%s: needs a list", what);
    return false;
}

struct known_key {
    const char *name;
    UT_hash_handle hh;
};

bool
schema_need_distinct(const struct yaml *yaml, struct fy_node *map, const char *what)
{
    int count = yaml_is_map(map) ? fy_node_mapping_item_count(map) : 0;
    struct known_key *keys = calloc(count > 0 ? (size_t)count : 1, sizeof *keys);
    struct known_key *known = NULL, *found, *next = keys;
    bool good = keys != NULL;

    if (!good || count <= 0) {
        free(keys);
        return good;
    }
    YAML_EACH_PAIR(pair, map)
    {
        next->name = yaml_text(fy_node_pair_key(pair));
        if (next->name == NULL)
            continue;
        HASH_FIND_STR(known, next->name, found);
        if (found != NULL) {
            yaml_fault(yaml, fy_node_pair_key(pair), NULL, "%s: %s given twice", what, next->name);
            good = false;
            continue;
        }
        HASH_ADD_KEYPTR(hh, known, next->name, strlen(next->name), next);
        next++;
    }
    HASH_CLEAR(hh, known);
    free(keys);
    return good;
}

static bool
read_value(const struct schema_reader *reader, struct fy_node *key, struct fy_node *node,
           const struct field *field, void *out)
{
    if (node == NULL || (fy_node_is_null(node) && yaml_text(node) == NULL)) {
        yaml_fault(reader->yaml, key, NULL, "%s: needs a value", field->key);
        return false;
    }
    switch (field->type) {
    case FIELD_MAP:
        if (!schema_need_map(reader->yaml, node, field->key))
            return false;
        break;
    case FIELD_LIST:
        if (!schema_need_list(reader->yaml, node, field->key))
            return false;
        break;
    case FIELD_ANY:
        break;
    default:
        return read_scalar(reader, key, node, field, out);
    }
    *(struct fy_node **)place_in(out, field) = node;
    return true;
}

static const struct field *
find_field(const struct schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].key, key) == 0)
            return &schema->fields[i];
    return NULL;
}

static void
fault_unknown(const struct schema_reader *reader, struct fy_node *key, const char *name,
              const struct schema *schema)
{
    const char *known[FIELDS_MAX];
    char hint[80];

    for (size_t i = 0; i < schema->count; i++)
        known[i] = schema->fields[i].key;
    const char *nearest = text_nearest(name, known, schema->count);
    snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
    yaml_fault(reader->yaml, key, nearest == NULL ? NULL : hint, "unknown key \"%s\" in %s", name,
               schema->title);
}

bool
schema_read(const struct schema_reader *reader, struct fy_node *map, const struct schema *schema,
            void *out)
{
    bool seen[FIELDS_MAX] = {false};
    bool good = true;

    if (!schema_need_map(reader->yaml, map, schema->title))
        return false;
    YAML_EACH_PAIR(pair, map)
    {
        struct fy_node *key = fy_node_pair_key(pair);
        const char *name = yaml_text(key);
        const struct field *field = name == NULL ? NULL : find_field(schema, name);

        if (field == NULL) {
            fault_unknown(reader, key, name == NULL ? "?" : name, schema);
            good = false;
            continue;
        }
        if (seen[field - schema->fields]) {
            yaml_fault(reader->yaml, key, NULL, "%s: given twice", name);
            good = false;
            continue;
        }
        seen[field - schema->fields] = true;
        good = read_value(reader, key, fy_node_pair_value(pair), field, out) && good;
    }
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].required && !seen[i]) {
            yaml_fault(reader->yaml, map, schema->fields[i].help, "%s: missing in %s",
                       schema->fields[i].key, schema->title);
            good = false;
        }
    return good;
}

static const char *
type_name(const struct field *field, char *out, size_t size)
{
    char min[24], max[24];

    switch (field->type) {
    case FIELD_ID:
        return "id";
    case FIELD_TEXT:
        return "text";
    case FIELD_INT:
        snprintf(out, size, "whole number, %lld to %lld", (long long)field->min,
                 (long long)field->max);
        return out;
    case FIELD_NUMBER:
        return "number";
    case FIELD_BOOL:
        return "true or false";
    case FIELD_DURATION:
        text_format_duration((int64_t)field->min, min, sizeof min);
        text_format_duration((int64_t)field->max, max, sizeof max);
        snprintf(out, size, "duration, %s to %s", min, max);
        return out;
    case FIELD_WORD:
        list_words(field->words, out, size);
        return out;
    case FIELD_MAP:
        return "map";
    case FIELD_LIST:
        return "list";
    case FIELD_ANY:
        break;
    }
    return "value";
}

void
schema_print(const struct schema *schema, FILE *out)
{
    const char *example = examples_of(schema->title);
    char type[300];

    fprintf(out, "## %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
            schema->title, schema->about);
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];

        fprintf(out, "| `%s` | %s | %s | %s |\n", field->key, type_name(field, type, sizeof type),
                field->required           ? "**required**"
                : field->fallback != NULL ? field->fallback
                                          : "",
                field->help);
    }
    fputc('\n', out);
    if (example != NULL)
        fprintf(out, "```yaml\n%s```\n\n", example);
}
