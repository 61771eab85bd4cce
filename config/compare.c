/*
 * compare.c - how two configurations differ by what they mean.
 *
 * Two documents are walked together. Items of lists that bear names (devices, users, alarms,
 * points) are matched by these, wherever they stand; everything else by its key. So this knows no
 * setting by itself, and a new one is compared as soon as it can be written.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/texts.h"
#include "config/yaml.h"
#include "gateway/base/hash.h"
#include "gateway/base/text.h"

#define DEPTH_MAX 16 /* deeper things are compared as text */
#define VALUE_MAX 80
#define WHERE_MAX 200
#define SECRET_KEY "community"

struct comparison {
    void (*line)(void *ctx, const char *text);
    void *ctx;
    size_t count;
};

struct item { /* of a list, by its name */
    char name[128];
    struct fy_node *node;
    bool is_seen;
    UT_hash_handle hh;
};

static void report(struct comparison *comparison, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
report(struct comparison *comparison, const char *fmt, ...)
{
    char text[TEXTS_LINE_MAX], clean[TEXTS_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    comparison->count++;
    text_clean(clean, sizeof clean, text, strlen(text));
    comparison->line(comparison->ctx, clean);
}

static char *
flow_text(struct fy_node *node)
{
    return node == NULL ? NULL
                        : fy_emit_node_to_string(node, FYECF_MODE_FLOW_ONELINE | FYECF_WIDTH_INF);
}

/* A value as people wrote it, cut to what a line bears. */
static void
show(struct fy_node *node, char out[VALUE_MAX + 4])
{
    const char *scalar = yaml_text(node);
    char *flow = scalar == NULL ? flow_text(node) : NULL;
    const char *text = scalar != NULL ? scalar : flow != NULL ? flow : "(not set)";
    size_t length = strcspn(text, "\n");

    if (scalar == NULL && strstr(text, SECRET_KEY) != NULL)
        text = "(not shown)", length = strlen(text);
    if (length > VALUE_MAX)
        snprintf(out, VALUE_MAX + 4, "%.*s...", VALUE_MAX, text);
    else
        snprintf(out, VALUE_MAX + 4, "%.*s%s", (int)length, text,
                 text[length] == '\n' && text[length + 1] != '\0' ? "..." : "");
    free(flow);
}

static void
compare_values(struct comparison *comparison, const char *where, bool is_secret, struct fy_node *a,
               struct fy_node *b)
{
    char *flow_a = flow_text(a), *flow_b = flow_text(b);
    const char *scalar_a = yaml_text(a), *scalar_b = yaml_text(b);
    const char *text_a = scalar_a != NULL ? scalar_a : flow_a;
    const char *text_b = scalar_b != NULL ? scalar_b : flow_b;
    char before[VALUE_MAX + 4], after[VALUE_MAX + 4];

    /* null is as good as nothing */
    if (fy_node_is_null(a) || a == NULL)
        text_a = NULL;
    if (fy_node_is_null(b) || b == NULL)
        text_b = NULL;
    if (text_a != text_b && (text_a == NULL || text_b == NULL || strcmp(text_a, text_b) != 0)) {
        show(text_a == NULL ? NULL : a, before);
        show(text_b == NULL ? NULL : b, after);
        if (is_secret)
            report(comparison, "%s: changed (a secret, not shown)", where);
        else
            report(comparison, "%s: %s -> %s", where, before, after);
    }
    free(flow_a);
    free(flow_b);
}

/* What names an item among its like; an alarm of the site belongs to the device of its point. */
static bool
name_item(struct fy_node *item, char *out, size_t size)
{
    static const char *const KEYS[] = {"id", "name", "user", "audience"};
    const char *name = NULL, *point = yaml_text(yaml_get(item, "point"));
    const char *slash = point == NULL ? NULL : strchr(point, '/');

    for (size_t i = 0; i < ARRAY_LEN(KEYS) && name == NULL; i++)
        name = yaml_text(yaml_get(item, KEYS[i]));
    if (name == NULL)
        return false;
    int length = slash != NULL ? snprintf(out, size, "%.*s/%s", (int)(slash - point), point, name)
                               : snprintf(out, size, "%s", name);
    return length > 0 && (size_t)length < size;
}

static void
free_items(struct item **items)
{
    struct item *item, *next;

    HASH_ITER(hh, *items, item, next)
    {
        HASH_DEL(*items, item);
        free(item);
    }
}

/* False: not all of them have names of their own. */
static bool
index_items(struct fy_node *list, struct item **out_items)
{
    *out_items = NULL;
    if (list == NULL)
        return true;
    if (!yaml_is_list(list))
        return false;
    YAML_EACH_ITEM(node, list)
    {
        struct item *item = calloc(1, sizeof *item), *known;

        if (item == NULL || !name_item(node, item->name, sizeof item->name)) {
            free(item);
            return false;
        }
        HASH_FIND_STR(*out_items, item->name, known);
        if (known != NULL) {
            free(item);
            return false;
        }
        item->node = node;
        HASH_ADD_STR(*out_items, name, item);
        if (item->hh.tbl == NULL) {
            free(item);
            return false;
        }
    }
    return true;
}

static void
join(char out[WHERE_MAX], const char *where, const char *label, const char *name)
{
    snprintf(out, WHERE_MAX, "%s%s%s%s%s", where, where[0] == '\0' ? "" : ", ", label,
             name[0] == '\0' ? "" : " ", name);
}

/* "devices" -> "device": what one of them is called. */
static void
singular(const char *key, char *out, size_t size)
{
    size_t length = strlen(key);

    snprintf(out, size, "%.*s", (int)(length > 0 && key[length - 1] == 's' ? length - 1 : length),
             key);
}

static void compare_nodes(struct comparison *comparison, const char *where, const char *key,
                          struct fy_node *a, struct fy_node *b, int depth);

/* False: they are no lists of things with names. */
static bool
compare_lists(struct comparison *comparison, const char *where, const char *key, struct fy_node *a,
              struct fy_node *b, int depth)
{
    struct item *olds = NULL, *news = NULL, *old, *new;
    char label[64], place[WHERE_MAX];
    bool good = index_items(a, &olds) && index_items(b, &news);

    if (!good)
        goto done;
    singular(key, label, sizeof label);
    for (old = olds; old != NULL; old = old->hh.next) {
        HASH_FIND_STR(news, old->name, new);
        join(place, where, label, old->name);
        if (new == NULL) {
            report(comparison, "%s removed", place);
            continue;
        }
        new->is_seen = true;
        compare_nodes(comparison, place, "", old->node, new->node, depth + 1);
    }
    for (new = news; new != NULL; new = new->hh.next) {
        join(place, where, label, new->name);
        if (!new->is_seen)
            report(comparison, "%s added", place);
    }
done:
    free_items(&olds);
    free_items(&news);
    return good;
}

/* Maps whose keys are names of things. */
static bool
holds_things(const char *key)
{
    static const char *const KEYS[] = {"alarms", "groups", "intervals", "users", "audiences"};

    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (strcmp(key, KEYS[i]) == 0)
            return true;
    return false;
}

/* Names of things say enough: "device x", not "devices, device x". */
static bool
names_things(const char *key, struct fy_node *a, struct fy_node *b)
{
    return yaml_is_list(a) || yaml_is_list(b) ||
           (holds_things(key) && (yaml_is_map(a) || yaml_is_map(b)));
}

static void
compare_maps(struct comparison *comparison, const char *where, const char *key, struct fy_node *a,
             struct fy_node *b, int depth)
{
    char label[64], place[WHERE_MAX];
    bool are_things = holds_things(key);

    singular(key, label, sizeof label);
    for (int round = 0; round < 2;
         round++) { /* what the first has, then what only the second has */
        struct fy_node *from = round == 0 ? a : b;

        if (from == NULL)
            continue;
        YAML_EACH_PAIR(pair, from)
        {
            const char *name = yaml_text(fy_node_pair_key(pair));
            struct fy_node *other = name == NULL ? NULL : yaml_get(round == 0 ? b : a, name);

            if (name == NULL || (round == 1 && other != NULL))
                continue;
            join(place, where, are_things ? label : name, are_things ? name : "");
            struct fy_node *value = fy_node_pair_value(pair);
            compare_nodes(comparison, names_things(name, value, other) ? where : place, name,
                          round == 0 ? value : NULL, round == 0 ? other : value, depth + 1);
        }
    }
}

static bool
is_map_or_none(struct fy_node *node)
{
    return node == NULL || fy_node_is_null(node) || yaml_is_map(node);
}

/* `where` names the place of a map or of a value; of a list the place it stands in. */
static void
compare_nodes(struct comparison *comparison, const char *where, const char *key, struct fy_node *a,
              struct fy_node *b, int depth)
{
    char place[WHERE_MAX];

    if (depth < DEPTH_MAX && (yaml_is_map(a) || yaml_is_map(b)) && is_map_or_none(a) &&
        is_map_or_none(b)) {
        compare_maps(comparison, where, key, yaml_is_map(a) ? a : NULL, yaml_is_map(b) ? b : NULL,
                     depth);
        return;
    }
    if (yaml_is_list(a) || yaml_is_list(b)) {
        if (depth < DEPTH_MAX && compare_lists(comparison, where, key, a, b, depth))
            return;
        join(place, where, key, "");
        where = place;
    }
    compare_values(comparison, where, strcmp(key, SECRET_KEY) == 0, a, b);
}

static void
compare_files(struct comparison *comparison, const char *where, const struct site_text *a,
              const struct site_text *b)
{
    struct diag ignored;
    struct yaml yaml_a, yaml_b;

    if (a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0)
        return;
    diag_init(&ignored);
    bool good_a = yaml_open_text(&yaml_a, a->name, a->text, a->bytes, &ignored);
    bool good_b = yaml_open_text(&yaml_b, b->name, b->text, b->bytes, &ignored);
    if (good_a && good_b)
        compare_nodes(comparison, where, "", yaml_a.root, yaml_b.root, 0);
    else
        report(comparison, "%s: %s is not readable as YAML", where[0] == '\0' ? "site" : where,
               good_b ? "what was" : "what would be");
    yaml_close(&yaml_a);
    yaml_close(&yaml_b);
    diag_done(&ignored);
}

/* "profiles/ups/rfc1628.yaml" -> "profile ups/rfc1628"; "" for the site file. */
static void
name_file(const char *name, char out[WHERE_MAX])
{
    static const char FOLDER[] = "profiles/", ENDING[] = ".yaml";
    size_t length = strlen(name), folder = sizeof FOLDER - 1, ending = sizeof ENDING - 1;

    if (strncmp(name, FOLDER, folder) == 0 && length > folder + ending)
        snprintf(out, WHERE_MAX, "profile %.*s", (int)(length - folder - ending), name + folder);
    else
        snprintf(out, WHERE_MAX, "%s", strcmp(name, SITE_TEXT_NAME) == 0 ? "" : name);
}

size_t
texts_compare(const struct site_texts *a, const struct site_texts *b,
              void (*line)(void *ctx, const char *text), void *ctx)
{
    struct comparison comparison = {.line = line, .ctx = ctx};
    char where[WHERE_MAX];

    for (const struct site_text *one = a->first; one != NULL; one = one->next) {
        const struct site_text *other = texts_find(b, one->name);

        name_file(one->name, where);
        if (other != NULL)
            compare_files(&comparison, where, one, other);
        else
            report(&comparison, "%s no longer used", where[0] == '\0' ? "site" : where);
    }
    for (const struct site_text *one = b->first; one != NULL; one = one->next) {
        name_file(one->name, where);
        if (texts_find(a, one->name) == NULL)
            report(&comparison, "%s used for the first time", where[0] == '\0' ? "site" : where);
    }
    return comparison.count;
}
