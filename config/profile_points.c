/*
 * profile_points.c - the points of a profile or a device: where they are, what they mean.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/lists.h"
#include "config/profile.h"
#include "config/vocabulary.h"
#include "gateway/base/text.h"

#define OID_MAX 128
#define LABELS_MAX 256
#define REPEAT_MAX 1000
#define POINTS_MAX 4000

/* sources */

bool
profile_read_oid(const struct schema_reader *reader, struct fy_node *node, const char *text,
                 struct snmp_source *source)
{
    uint32_t parts[OID_MAX], *copy;
    uint8_t count = 0;
    const char *at = text[0] == '.' ? text + 1 : text;

    while (count < OID_MAX) {
        size_t digits = strspn(at, "0123456789");
        char part[16];
        int64_t value;

        if (digits == 0 || digits >= sizeof part)
            break;
        memcpy(part, at, digits);
        part[digits] = '\0';
        if (!text_parse_int(part, 0, UINT32_MAX, &value))
            break;
        parts[count++] = (uint32_t)value;
        at += digits;
        if (*at == '\0')
            break;
        if (*at++ != '.')
            break;
    }
    if (*at != '\0' || count < 3 || at[-1] == '.' || parts[0] > 2) {
        yaml_fault(reader->yaml, node, "1.3.6.1.2.1.33.1.2.4.0, with the instance",
                   "oid: \"%s\" is no object identifier", text);
        return false;
    }
    copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    memcpy(copy, parts, count * sizeof *copy);
    *source = (struct snmp_source){copy, count};
    return true;
}

static bool
read_register(const struct schema_reader *reader, struct fy_node *node, int64_t shift,
              struct modbus_source *source)
{
    static const uint16_t WORDS[REG_TYPE_COUNT] = {
        [REG_U16] = 1,   [REG_S16] = 1,   [REG_U32] = 2, [REG_S32] = 2,
        [REG_U64] = 4,   [REG_S64] = 4,   [REG_F32] = 2, [REG_F64] = 4,
        [REG_BCD16] = 1, [REG_BCD32] = 2, [REG_BIT] = 1};
    struct raw_register raw = {0};

    if (!schema_read(reader, node, &TABLE_REGISTER, &raw))
        return false;
    if (raw.fc <= 2 && raw.type != REG_BIT) {
        yaml_fault(reader->yaml, node, "type: bit", "functions 1 and 2 read single bits");
        return false;
    }
    if (raw.type == REG_STRING && raw.words == 0) {
        yaml_fault(reader->yaml, node, NULL, "type string needs words");
        return false;
    }
    uint16_t words = raw.type == REG_STRING ? (uint16_t)raw.words : WORDS[raw.type];
    if (raw.address + shift + words > 65536) {
        yaml_fault(reader->yaml, node, NULL, "address: ends beyond register 65535");
        return false;
    }
    *source = (struct modbus_source){.function = (uint8_t)raw.fc,
                                     .type = (uint8_t)raw.type,
                                     .order = (uint8_t)raw.order,
                                     .bit = (uint8_t)raw.bit,
                                     .address = (uint16_t)(raw.address + shift),
                                     .words = words};
    return true;
}

/* labels */

static bool
read_labels(const struct schema_reader *reader, struct fy_node *node, struct point_def *def)
{
    struct value_label labels[LABELS_MAX];
    uint16_t count = 0;
    bool good = true;

    YAML_EACH_PAIR(pair, node)
    {
        const char *number = yaml_text(fy_node_pair_key(pair));
        const char *label = yaml_text(fy_node_pair_value(pair));

        if (count == LABELS_MAX || number == NULL || label == NULL || !text_is_id(label) ||
            !text_parse_number(number, &labels[count].value)) {
            yaml_fault(reader->yaml, fy_node_pair_key(pair),
                       "number: label, label of a-z 0-9 . _ -", "labels: \"%s: %s\"",
                       number == NULL ? "?" : number, label == NULL ? "?" : label);
            good = false;
            continue;
        }
        for (uint16_t i = 0; i < count; i++)
            if (labels[i].value == labels[count].value) {
                yaml_fault(reader->yaml, fy_node_pair_key(pair), NULL, "labels: %s given twice",
                           number);
                good = false;
            }
        labels[count++].label = arena_text(reader->arena, label);
    }
    struct value_label *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    if (count > 0)
        memcpy(copy, labels, count * sizeof *copy);
    def->labels = copy;
    def->label_count = count;
    return good;
}

/* points */

/* "{n}" in `text` replaced; the arena's, or `text` itself where there is none. */
static const char *
expand(struct arena *arena, const char *text, int64_t n)
{
    const char *at = text == NULL ? NULL : strstr(text, "{n}");

    if (at == NULL)
        return text;
    return arena_format(arena, "%.*s%lld%s", (int)(at - text), text, (long long)n,
                        expand(arena, at + 3, n));
}

static bool
name_point(const struct schema_reader *reader, struct fy_node *node, const struct raw_point *raw,
           struct point_def *def)
{
    const struct word *word = vocabulary_find(def->id);

    if (!text_is_point(def->id)) {
        yaml_fault(reader->yaml, yaml_get(node, "id"), "a-z 0-9 . _ - (and L1, L2, L3)",
                   "id: \"%s\" is no point id", def->id);
        return false;
    }
    if (word == NULL && !raw->custom) {
        const char *nearest = vocabulary_nearest(def->id);
        char hint[120];

        snprintf(hint, sizeof hint,
                 nearest == NULL ? "custom: true makes one of your own"
                                 : "did you mean \"%s\"? custom: true makes one of your own",
                 nearest);
        yaml_fault(reader->yaml, yaml_get(node, "id"), hint, "id: \"%s\" is not in the vocabulary",
                   def->id);
        return false;
    }
    def->kind = raw->kind >= 0 ? (enum value_kind)raw->kind
                : word != NULL ? word->kind
                               : VALUE_NUMBER;
    if (word != NULL && !raw->custom && raw->kind >= 0 && raw->kind != (int)word->kind) {
        yaml_fault(reader->yaml, yaml_get(node, "kind"), NULL, "kind: %s is a %s by the vocabulary",
                   def->id, value_kind_name(word->kind));
        return false;
    }
    if (word != NULL && !raw->custom && raw->unit != NULL && strcmp(raw->unit, word->unit) != 0) {
        yaml_fault(reader->yaml, yaml_get(node, "unit"), "scale it, or custom: true",
                   "unit: %s is in %s by the vocabulary", def->id,
                   word->unit[0] == '\0' ? "no unit" : word->unit);
        return false;
    }
    def->unit = raw->unit != NULL ? raw->unit : word != NULL ? word->unit : "";
    if (def->description == NULL)
        def->description = word != NULL ? word->meaning : "";
    return true;
}

static bool
find_group(const struct schema_reader *reader, struct fy_node *node, const struct profile *profile,
           const char *name, uint16_t *out_group)
{
    const char *known[GROUPS_MAX];
    char hint[80];

    *out_group = 0;
    if (name == NULL)
        return true;
    for (uint16_t i = 0; i < profile->group_count; i++) {
        known[i] = profile->groups[i].id;
        if (strcmp(known[i], name) == 0) {
            *out_group = i;
            return true;
        }
    }
    const char *nearest = text_nearest(name, known, profile->group_count);
    snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
    yaml_fault(reader->yaml, yaml_get(node, "group"), nearest == NULL ? NULL : hint,
               "group: no group \"%s\"", name);
    return false;
}

static bool
read_range(const struct schema_reader *reader, struct fy_node *node, struct point_source *source)
{
    const double *numbers = NULL;
    uint8_t count = 0;

    source->valid_min = source->valid_max = 0;
    if (node == NULL)
        return true;
    if (!lists_read_numbers(reader, node, &numbers, &count))
        return false;
    if (count != 2 || numbers[0] >= numbers[1]) {
        yaml_fault(reader->yaml, node, NULL, "range: needs [lowest, highest]");
        return false;
    }
    source->valid_min = numbers[0];
    source->valid_max = numbers[1];
    return true;
}

static bool
read_source(const struct profile_reader *reader, struct fy_node *node, const struct raw_point *raw,
            int64_t n, int64_t shift, struct point_source *source)
{
    const struct schema_reader *schema = &reader->schema;

    if (reader->protocol == PROTOCOL_SNMP) {
        if (raw->oid == NULL || raw->reg != NULL) {
            yaml_fault(schema->yaml, node, NULL, "an SNMP point needs oid%s",
                       raw->reg != NULL ? ", not register" : "");
            return false;
        }
        return profile_read_oid(schema, yaml_get(node, "oid"), expand(schema->arena, raw->oid, n),
                                &source->snmp);
    }
    if (raw->reg == NULL || raw->oid != NULL) {
        yaml_fault(schema->yaml, node, NULL, "a Modbus point needs register%s",
                   raw->oid != NULL ? ", not oid" : "");
        return false;
    }
    return read_register(schema, raw->reg, shift, &source->modbus);
}

/* One point of an entry, which may stand for several. */
static bool
make_point(const struct profile_reader *reader, struct fy_node *node, const struct raw_point *raw,
           const struct profile *profile, int64_t n, int64_t shift, struct point_source *source)
{
    const struct schema_reader *schema = &reader->schema;
    struct point_def *def = arena_alloc(schema->arena, sizeof *def);

    if (def == NULL)
        return false;
    *source = (struct point_source){.def = def, .scale = raw->scale, .offset = raw->offset};
    def->id = expand(schema->arena, raw->id, n);
    def->description = expand(schema->arena, raw->description, n);
    bool good = name_point(schema, node, raw, def);
    good = find_group(schema, node, profile, raw->group, &def->group) && good;
    good = read_source(reader, node, raw, n, shift, source) && good;
    good = read_range(schema, raw->range, source) && good;
    good =
        lists_read_numbers(schema, raw->absent, &source->absent_raw, &source->absent_raw_count) &&
        good;
    good = lists_read_numbers(schema, raw->absent_scaled, &source->absent_value,
                              &source->absent_value_count) &&
           good;
    good = lists_read_texts(schema, raw->absent_text, &source->absent_texts,
                            &source->absent_text_count) &&
           good;
    if (raw->labels != NULL)
        good = read_labels(schema, raw->labels, def) && good;
    if (def->kind == VALUE_STATE && def->label_count == 0) {
        yaml_fault(schema->yaml, node, "labels: {1: on, 2: off}", "%s: a state needs labels",
                   def->id);
        good = false;
    }
    if (raw->bit >= 0 && raw->mask >= 0) {
        yaml_fault(schema->yaml, node, NULL, "%s: bit or mask, not both", def->id);
        good = false;
    }
    source->shift = (uint8_t)(raw->bit >= 0 ? raw->bit : raw->shift);
    source->mask = raw->bit >= 0 ? 1 : raw->mask >= 0 ? (uint64_t)raw->mask : 0;
    if (source->mask == 0 && raw->shift > 0)
        source->mask = UINT64_MAX;
    if (reader->protocol == PROTOCOL_MODBUS_TCP && source->modbus.type == REG_STRING &&
        def->kind != VALUE_TEXT) {
        yaml_fault(schema->yaml, node, NULL, "%s: a string is no %s", def->id,
                   value_kind_name(def->kind));
        good = false;
    }
    return good;
}

static bool
read_repeat(const struct schema_reader *reader, struct fy_node *node, int64_t *out_first,
            int64_t *out_last)
{
    const char *text = yaml_text(yaml_get(node, "n"));
    const char *dots = text == NULL ? NULL : strstr(text, "..");
    char first[12] = "";

    if (dots != NULL && dots - text < 11)
        memcpy(first, text, (size_t)(dots - text));
    if (dots == NULL || fy_node_mapping_item_count(node) != 1 ||
        !text_parse_int(first, 0, 100000, out_first) ||
        !text_parse_int(dots + 2, *out_first, *out_first + REPEAT_MAX - 1, out_last)) {
        yaml_fault(reader->yaml, node, "repeat: {n: 1..24}", "repeat: needs n: first..last");
        return false;
    }
    return true;
}

static bool
is_known_point(const struct point_source *sources, uint32_t count, const char *id)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(sources[i].def->id, id) == 0)
            return true;
    return false;
}

bool
profile_read_points(const struct profile_reader *reader, struct fy_node *list,
                    struct profile *profile)
{
    struct point_source *sources = calloc(POINTS_MAX, sizeof *sources);
    uint32_t count = 0;
    bool good = sources != NULL;

    YAML_EACH_ITEM(item, list)
    {
        struct raw_point raw = tables_point_defaults();
        int64_t first = 0, last = 0;

        if (!schema_read(&reader->schema, item, &TABLE_POINT, &raw) ||
            (raw.repeat != NULL && !read_repeat(&reader->schema, raw.repeat, &first, &last))) {
            good = false;
            continue;
        }
        for (int64_t n = first; n <= last && sources != NULL; n++) {
            if (count == POINTS_MAX) {
                yaml_fault(reader->schema.yaml, item, NULL, "more than %d points", POINTS_MAX);
                free(sources);
                return false;
            }
            if (!make_point(reader, item, &raw, profile, n, (n - first) * raw.address_step,
                            &sources[count])) {
                good = false;
                break; /* the same fault for each n */
            }
            if (is_known_point(sources, count, sources[count].def->id)) {
                yaml_fault(reader->schema.yaml, yaml_get(item, "id"), NULL, "id: %s given twice",
                           sources[count].def->id);
                good = false;
            }
            count++;
        }
    }
    struct point_source *copy = arena_array(reader->schema.arena, count, sizeof *copy);
    if (copy != NULL && count > 0)
        memcpy(copy, sources, count * sizeof *copy);
    free(sources);
    profile->set.sources = copy;
    profile->set.source_count = count;
    profile->lacks_points = !good;
    return good && copy != NULL;
}
