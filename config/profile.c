/*
 * profile.c - points and alarms of one kind of device.
 */
#include "config/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/plan_regs.h"
#include "config/vocabulary.h"
#include "gateway/base/digest.h"
#include "gateway/base/text.h"

#define OID_MAX 128
#define ABSENT_MAX 64
#define LABELS_MAX 256
#define REPEAT_MAX 1000
#define POINTS_MAX 4000
#define VALUES_MAX 64

/* numbers, alone or in a list, with ranges */

static bool
add_number(const struct schema_reader *reader, struct fy_node *node, double *numbers, size_t *count)
{
    const char *text = yaml_text(node);
    const char *dots = text == NULL ? NULL : strstr(text, "..");
    char first_text[32];
    double first, last;

    if (dots != NULL && (size_t)(dots - text) < sizeof first_text) {
        memcpy(first_text, text, (size_t)(dots - text));
        first_text[dots - text] = '\0';
        if (text_parse_number(first_text, &first) && text_parse_number(dots + 2, &last) &&
            first <= last && last - first < ABSENT_MAX &&
            *count + (size_t)(last - first) < ABSENT_MAX) {
            for (double value = first; value <= last; value++)
                numbers[(*count)++] = value;
            return true;
        }
    } else if (text != NULL && *count < ABSENT_MAX && text_parse_number(text, &numbers[*count])) {
        (*count)++;
        return true;
    }
    yaml_fault(reader->yaml, node, "decimal, or first..last",
               "\"%s\" is no number, or one too many", text == NULL ? "?" : text);
    return false;
}

static bool
read_numbers(const struct schema_reader *reader, struct fy_node *node, const double **out,
             uint8_t *out_count)
{
    double numbers[ABSENT_MAX];
    size_t count = 0;
    bool good = true;

    if (node == NULL)
        return true;
    if (yaml_is_list(node)) {
        YAML_EACH_ITEM(item, node)
        {
            good = add_number(reader, item, numbers, &count) && good;
        }
    } else {
        good = add_number(reader, node, numbers, &count);
    }
    double *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    if (count > 0)
        memcpy(copy, numbers, count * sizeof *copy);
    *out = copy;
    *out_count = (uint8_t)count;
    return good;
}

static bool
read_texts(const struct schema_reader *reader, struct fy_node *node, const char *const **out,
           uint8_t *out_count)
{
    const char *texts[ABSENT_MAX];
    uint8_t count = 0;

    if (node == NULL)
        return true;
    if (!yaml_is_list(node)) {
        texts[count++] = yaml_text(node);
    } else {
        YAML_EACH_ITEM(item, node)
        {
            if (count < ABSENT_MAX)
                texts[count++] = yaml_text(item);
        }
    }
    const char **copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    for (uint8_t i = 0; i < count; i++) {
        if (texts[i] == NULL) {
            yaml_fault(reader->yaml, node, NULL, "needs texts");
            return false;
        }
        copy[i] = arena_text(reader->arena, texts[i]);
    }
    *out = copy;
    *out_count = count;
    return true;
}

/* groups */

bool
profile_read_interval(const struct schema_reader *reader, struct fy_node *node, int64_t *out_ms)
{
    const char *text = yaml_text(node);
    int64_t ms;

    if (text != NULL && strcmp(text, "once") == 0) {
        *out_ms = 0;
        return true;
    }
    if (text == NULL || !text_parse_duration_ms(text, &ms) || ms < 100 || ms > 86400000) {
        yaml_fault(reader->yaml, node, "100ms to 1d, or once", "\"%s\" is no interval",
                   text == NULL ? "?" : text);
        return false;
    }
    *out_ms = ms;
    return true;
}

bool
profile_read_groups(const struct schema_reader *reader, struct fy_node *node,
                    struct profile *profile)
{
    bool good = true;

    if (!schema_need_map(reader->yaml, node, "groups"))
        return false;
    YAML_EACH_PAIR(pair, node)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));

        if (name == NULL || !text_is_id(name)) {
            yaml_fault(reader->yaml, fy_node_pair_key(pair), "a-z 0-9 . _ -",
                       "groups: \"%s\" is no id", name == NULL ? "?" : name);
            good = false;
            continue;
        }
        if (profile->group_count == GROUPS_MAX) {
            yaml_fault(reader->yaml, fy_node_pair_key(pair), NULL, "groups: more than %d",
                       GROUPS_MAX);
            return false;
        }
        for (uint16_t i = 0; i < profile->group_count; i++)
            if (strcmp(profile->groups[i].id, name) == 0) {
                yaml_fault(reader->yaml, fy_node_pair_key(pair), NULL, "groups: %s given twice",
                           name);
                good = false;
            }
        struct group_info *group = &profile->groups[profile->group_count++];
        group->id = arena_text(reader->arena, name);
        good = profile_read_interval(reader, fy_node_pair_value(pair), &group->interval_ms) && good;
    }
    if (profile->group_count == 0) {
        yaml_fault(reader->yaml, node, "groups: {normal: 10s}", "groups: none");
        return false;
    }
    return good;
}

/* limits */

bool
profile_read_snmp(const struct schema_reader *reader, struct fy_node *node,
                  struct snmp_limits *limits, struct raw_snmp *raw)
{
    if (node == NULL)
        return true;
    if (!schema_read(reader, node, &TABLE_SNMP, raw))
        return false;
    if (raw->max_varbinds > 0)
        limits->max_varbinds = (uint16_t)raw->max_varbinds;
    if (raw->max_bytes > 0)
        limits->max_bytes = (uint16_t)raw->max_bytes;
    return true;
}

static bool
read_never_across(const struct schema_reader *reader, struct fy_node *node,
                  struct modbus_limits *limits)
{
    const double *numbers;
    uint8_t count = 0;

    if (!read_numbers(reader, node, &numbers, &count))
        return false;
    uint16_t *copy = arena_array(reader->arena, count, sizeof *copy);
    for (uint8_t i = 0; i < count && copy != NULL; i++) {
        if (numbers[i] < 0 || numbers[i] > 65535 || numbers[i] != floor(numbers[i])) {
            yaml_fault(reader->yaml, node, NULL, "never_across: %g is no register", numbers[i]);
            return false;
        }
        copy[i] = (uint16_t)numbers[i];
    }
    limits->never_across = copy;
    limits->never_across_count = copy == NULL ? 0 : count;
    return copy != NULL;
}

static bool
read_alone(const struct schema_reader *reader, struct fy_node *node, struct modbus_limits *limits)
{
    struct address_range ranges[ABSENT_MAX];
    uint8_t count = 0;

    YAML_EACH_ITEM(item, node)
    {
        const char *text = yaml_text(item);
        const char *dots = text == NULL ? NULL : strstr(text, "..");
        char first_text[8] = "";
        int64_t first, last;

        if (dots != NULL && dots - text < 7)
            memcpy(first_text, text, (size_t)(dots - text));
        if (dots == NULL || count == ABSENT_MAX || !text_parse_int(first_text, 0, 65535, &first) ||
            !text_parse_int(dots + 2, first, 65535, &last)) {
            yaml_fault(reader->yaml, item, "first..last", "alone: \"%s\" is no range of registers",
                       text == NULL ? "?" : text);
            return false;
        }
        ranges[count++] = (struct address_range){(uint16_t)first, (uint16_t)last};
    }
    struct address_range *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    if (count > 0)
        memcpy(copy, ranges, count * sizeof *copy);
    limits->alone = copy;
    limits->alone_count = count;
    return true;
}

bool
profile_read_modbus(const struct schema_reader *reader, struct fy_node *node,
                    struct modbus_limits *limits, struct raw_modbus *raw)
{
    if (node == NULL)
        return true;
    *raw = (struct raw_modbus){.unit = raw->unit,
                               .max_gap = -1,
                               .max_words = -1,
                               .delay_ms = -1,
                               .connect_delay_ms = -1,
                               .close_after_poll = limits->close_after_poll};
    if (!schema_read(reader, node, &TABLE_MODBUS, raw))
        return false;
    if (raw->max_words >= 0)
        limits->max_words = (uint16_t)raw->max_words;
    if (raw->max_gap >= 0)
        limits->max_gap = (uint16_t)raw->max_gap;
    if (raw->delay_ms >= 0)
        limits->delay_ms = (uint16_t)raw->delay_ms;
    if (raw->connect_delay_ms >= 0)
        limits->connect_delay_ms = (uint16_t)raw->connect_delay_ms;
    limits->close_after_poll = raw->close_after_poll;
    return (raw->never_across == NULL || read_never_across(reader, raw->never_across, limits)) &&
           (raw->alone == NULL || read_alone(reader, raw->alone, limits));
}

/* sources */

static bool
read_oid(const struct schema_reader *reader, struct fy_node *node, const char *text,
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
is_point_id(const char *id)
{
    char lower[ID_MAX];

    if (strlen(id) >= sizeof lower)
        return false;
    /* Phases are called L1, L2, L3 everywhere: the one capital letter there is. */
    for (size_t i = 0; i <= strlen(id); i++)
        lower[i] = id[i] == 'L' && id[i + 1] >= '0' && id[i + 1] <= '9' ? 'l' : id[i];
    return text_is_id(lower);
}

static bool
name_point(const struct schema_reader *reader, struct fy_node *node, const struct raw_point *raw,
           struct point_def *def)
{
    const struct word *word = vocabulary_find(def->id);

    if (!is_point_id(def->id)) {
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
    if (!read_numbers(reader, node, &numbers, &count))
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
        return read_oid(schema, yaml_get(node, "oid"), expand(schema->arena, raw->oid, n),
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
        read_numbers(schema, raw->absent, &source->absent_raw, &source->absent_raw_count) && good;
    good = read_numbers(schema, raw->absent_scaled, &source->absent_value,
                        &source->absent_value_count) &&
           good;
    good =
        read_texts(schema, raw->absent_text, &source->absent_texts, &source->absent_text_count) &&
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
    if (dots == NULL || !text_parse_int(first, 0, 100000, out_first) ||
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
    return good && copy != NULL;
}

/* alarms */

uint8_t
profile_read_audiences(const struct schema_reader *reader, struct fy_node *node)
{
    unsigned bits = 0;
    bool is_list = yaml_is_list(node);
    struct fy_node *one = node;
    void *iterator = NULL;

    while (is_list ? (one = fy_node_sequence_iterate(node, &iterator)) != NULL : one != NULL) {
        const char *text = yaml_text(one);
        unsigned known = 0;

        for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
            if (text != NULL && strcmp(TABLE_AUDIENCES[i], text) == 0)
                known = AUDIENCE_BIT(i);
        if (known == 0) {
            yaml_fault(reader->yaml, one, NULL,
                       "audiences: \"%s\" is none of security, continuity, facilities",
                       text == NULL ? "?" : text);
            return 0;
        }
        bits |= known;
        if (!is_list)
            break;
    }
    if (bits == 0)
        yaml_fault(reader->yaml, node, NULL, "audiences: at least one");
    return (uint8_t)bits;
}

int64_t
profile_default_realarm_ms(unsigned priority)
{
    static const int64_t MINUTES[] = {0, 10, 30, 240, 0};

    return MINUTES[priority <= 4 ? priority : 4] * 60000;
}

static bool
value_from(const struct point_def *def, const char *text, double *out)
{
    for (uint16_t i = 0; text != NULL && i < def->label_count; i++)
        if (strcmp(def->labels[i].label, text) == 0) {
            *out = def->labels[i].value;
            return true;
        }
    if (text != NULL && def->kind == VALUE_FLAG &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        *out = strcmp(text, "true") == 0;
        return true;
    }
    return text != NULL && text_parse_number(text, out);
}

static bool
read_values(const struct schema_reader *reader, struct fy_node *node, const struct point_def *def,
            struct alarm_type *type)
{
    double values[VALUES_MAX];
    uint16_t count = 0;
    bool is_list = yaml_is_list(node);
    struct fy_node *one = node;
    void *iterator = NULL;

    while (is_list ? (one = fy_node_sequence_iterate(node, &iterator)) != NULL : one != NULL) {
        if (count == VALUES_MAX || !value_from(def, yaml_text(one), &values[count])) {
            const char *known[LABELS_MAX];
            char hint[120] = "";

            for (uint16_t i = 0; i < def->label_count && i < LABELS_MAX; i++)
                known[i] = def->labels[i].label;
            const char *text = yaml_text(one);
            const char *nearest = text == NULL ? NULL : text_nearest(text, known, def->label_count);
            if (nearest != NULL)
                snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest);
            yaml_fault(reader->yaml, one, hint[0] == '\0' ? NULL : hint,
                       "\"%s\" is neither a label of %s nor a number", text == NULL ? "?" : text,
                       def->id);
            return false;
        }
        count++;
        if (!is_list)
            break;
    }
    if (count == 0) {
        yaml_fault(reader->yaml, node, NULL, "needs at least one value");
        return false;
    }
    double *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    memcpy(copy, values, count * sizeof *copy);
    type->values = copy;
    type->value_count = count;
    return true;
}

static bool
read_rule(const struct schema_reader *reader, struct fy_node *node, const struct raw_alarm *raw,
          const struct point_def *def, struct alarm_type *type)
{
    int rules = !isnan(raw->high) + !isnan(raw->low) + (raw->is != NULL) + (raw->is_not != NULL);

    if (rules != 1) {
        yaml_fault(reader->yaml, node, NULL, "one of high, low, is, not is needed, %d are given",
                   rules);
        return false;
    }
    if (def->kind == VALUE_TEXT) {
        yaml_fault(reader->yaml, yaml_get(node, "point"), NULL,
                   "point: %s is text, nothing to judge", def->id);
        return false;
    }
    if (raw->is != NULL || raw->is_not != NULL) {
        type->rule = raw->is != NULL ? RULE_IS : RULE_NOT;
        return read_values(reader, raw->is != NULL ? raw->is : raw->is_not, def, type);
    }
    if (def->kind != VALUE_NUMBER) {
        yaml_fault(reader->yaml, node, "use is or not", "%s is a %s: high and low are for numbers",
                   def->id, value_kind_name(def->kind));
        return false;
    }
    type->rule = (uint8_t)(!isnan(raw->high) ? RULE_HIGH : RULE_LOW);
    type->limit = !isnan(raw->high) ? raw->high : raw->low;
    return true;
}

static uint64_t
add_text(uint64_t digest, const char *text)
{
    return text == NULL ? digest : fingerprint(digest, text, strlen(text) + 1);
}

uint64_t
profile_digest_type(const struct alarm_type *type)
{
    const double numbers[] = {type->limit,
                              type->deadband,
                              (double)type->on_delay_ms,
                              (double)type->off_delay_ms,
                              (double)type->realarm_ms,
                              (double)type->respond_within_ms};
    const uint8_t bytes[] = {type->alarm_class,  type->audiences, type->priority,
                             type->rule,         type->managed,   type->latch,
                             type->ack_required, type->shelvable};
    uint64_t digest = fingerprint(FINGERPRINT_START, numbers, sizeof numbers);

    digest = fingerprint(digest, bytes, sizeof bytes);
    if (type->value_count > 0)
        digest = fingerprint(digest, type->values, type->value_count * sizeof *type->values);
    digest = add_text(digest, type->type);
    digest = add_text(digest, type->name);
    digest = add_text(digest, type->text);
    digest = add_text(digest, type->consequence);
    return add_text(digest, type->action);
}

const struct alarm_type *
profile_read_alarm(const struct schema_reader *reader, struct fy_node *node,
                   const struct raw_alarm *raw, const struct point_def *def)
{
    struct alarm_type *type = arena_alloc(reader->arena, sizeof *type);

    if (type == NULL)
        return NULL;
    *type = (struct alarm_type){
        .type = raw->type,
        .name = raw->name,
        .text = raw->text,
        .consequence = raw->consequence,
        .action = raw->action,
        .respond_within_ms = raw->respond_within_ms,
        .alarm_class = (uint8_t)raw->alarm_class,
        .audiences = profile_read_audiences(reader, raw->audiences),
        .priority = (uint8_t)raw->priority,
        .managed = raw->managed,
        .latch = raw->latch,
        .ack_required = raw->ack_required,
        .shelvable = raw->shelvable && raw->priority > 1,
        .deadband = isnan(raw->deadband) ? 0 : raw->deadband,
        .on_delay_ms = raw->on_delay_ms < 0 ? 0 : raw->on_delay_ms,
        .off_delay_ms = raw->off_delay_ms < 0 ? 0 : raw->off_delay_ms,
        .realarm_ms = raw->realarm_ms < 0 ? profile_default_realarm_ms((unsigned)raw->priority)
                                          : raw->realarm_ms,
    };
    if (type->audiences == 0 || !read_rule(reader, node, raw, def, type))
        return NULL;
    type->digest = profile_digest_type(type);
    return type;
}

static bool
read_alarms(const struct schema_reader *reader, struct fy_node *list, struct profile *profile)
{
    struct profile_alarm *alarms = NULL;
    uint32_t count = 0, room = 0;
    bool good = true;

    YAML_EACH_ITEM(item, list)
    {
        struct raw_alarm raw = tables_alarm_defaults();
        uint32_t point = 0;

        if (!schema_read(reader, item, &TABLE_ALARM, &raw)) {
            good = false;
            continue;
        }
        while (point < profile->set.source_count &&
               strcmp(profile->set.sources[point].def->id, raw.point) != 0)
            point++;
        if (point == profile->set.source_count) {
            yaml_fault(reader->yaml, yaml_get(item, "point"), NULL,
                       "point: the profile has no point \"%s\"", raw.point);
            good = false;
            continue;
        }
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(alarms[i].type->name, raw.name) == 0 &&
                alarms[i].type->alarm_class == (uint8_t)raw.alarm_class) {
                yaml_fault(reader->yaml, yaml_get(item, "name"), NULL, "name: %s given twice",
                           raw.name);
                good = false;
            }
        const struct alarm_type *type =
            profile_read_alarm(reader, item, &raw, profile->set.sources[point].def);
        if (count == room) {
            room = room == 0 ? 16 : room * 2;
            struct profile_alarm *grown = realloc(alarms, room * sizeof *grown);
            if (grown == NULL)
                break;
            alarms = grown;
        }
        if (type == NULL)
            good = false;
        else
            alarms[count++] = (struct profile_alarm){type, point};
    }
    profile->alarms = arena_array(reader->arena, count, sizeof *profile->alarms);
    profile->alarm_count = count;
    if (profile->alarms != NULL && count > 0)
        memcpy(profile->alarms, alarms, count * sizeof *alarms);
    free(alarms);
    return good && profile->alarms != NULL;
}

/* a file */

static bool
is_profile_id(const char *id)
{
    return text_is_path(id) && strchr(id, '/') != NULL;
}

static bool
read_identify(const struct schema_reader *reader, struct fy_node *node)
{
    struct raw_identify raw = {0};
    bool good = true;

    if (node == NULL)
        return true;
    if (!schema_read(reader, node, &TABLE_IDENTIFY, &raw))
        return false;
    if (raw.sys_object_id == NULL)
        return true;
    YAML_EACH_ITEM(item, raw.sys_object_id)
    {
        const char *text = yaml_text(item);
        struct snmp_source ignored;

        good = text != NULL && read_oid(reader, item, text, &ignored) && good;
    }
    return good;
}

bool
profile_check_plans(const struct yaml *yaml, struct fy_node *node, const struct profile *profile,
                    const struct source_set *set)
{
    bool good = true;

    for (uint16_t group = 0;
         profile->protocol == PROTOCOL_MODBUS_TCP && group < profile->group_count; group++) {
        struct plan *plan = NULL;
        struct err err;

        if (plan_regs_make(set, group, &plan, &err) != ERR_OK) {
            yaml_fault(yaml, node, "a value is always read in one request", "%s", err.text);
            good = false;
        }
        plan_regs_free(plan);
    }
    return good;
}

static bool
read_profile(const struct schema_reader *schema, struct fy_node *root, struct profile *profile)
{
    struct raw_profile raw = {0};
    struct raw_snmp snmp = {0};
    struct raw_modbus modbus = {0};

    if (!schema_read(schema, root, &TABLE_PROFILE, &raw))
        return false;
    if (strcmp(raw.profile, profile->id) != 0)
        yaml_fault(schema->yaml, yaml_get(root, "profile"), NULL,
                   "profile: \"%s\" lies in the file of %s", raw.profile, profile->id);
    profile->protocol = raw.protocol == 0 ? PROTOCOL_SNMP : PROTOCOL_MODBUS_TCP;
    struct profile_reader reader = {*schema, profile->protocol};
    bool good = profile_read_groups(schema, raw.groups, profile);
    good = read_identify(schema, raw.identify) && good;
    good = profile_read_snmp(schema, raw.snmp, &profile->set.snmp, &snmp) && good;
    good = profile_read_modbus(schema, raw.modbus, &profile->set.modbus, &modbus) && good;
    good = profile_read_points(&reader, raw.points, profile) && good;
    if (good)
        good = profile_check_plans(schema->yaml, raw.points, profile, &profile->set);
    if (good && raw.alarms != NULL)
        good = read_alarms(schema, raw.alarms, profile);
    return good;
}

const struct profile *
profile_load(const char *directory, const char *id, struct arena *arena, struct diag *diag,
             struct fy_node *asked_by, const struct yaml *asked_in)
{
    struct profile *profile = arena_alloc(arena, sizeof *profile);
    char path[4096];
    struct yaml yaml;

    if (profile == NULL)
        return NULL;
    if (!is_profile_id(id)) {
        yaml_fault(asked_in, asked_by, "kind/family, e.g. ups/rfc1628",
                   "profile: \"%s\" is no profile id", id);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s.yaml", directory, id);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        yaml_fault(asked_in, asked_by, NULL, "profile: there is no %s", path);
        return NULL;
    }
    fclose(file);
    profile->id = arena_text(arena, id);
    profile->set = (struct source_set){.id = profile->id,
                                       .snmp = {.max_varbinds = 24, .max_bytes = 1400},
                                       .modbus = {.max_words = 120, .max_gap = 8}};
    size_t before = diag->errors;
    if (yaml_open_file(&yaml, path, diag)) {
        struct schema_reader schema = {&yaml, arena};

        profile->digest = fingerprint(FINGERPRINT_START, yaml.text, yaml.bytes);
        read_profile(&schema, yaml.root, profile);
    }
    yaml_close(&yaml);
    return diag->errors == before ? profile : NULL;
}
