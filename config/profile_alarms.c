/*
 * profile_alarms.c - alarm definitions: whole ones, of profiles and of the site.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/profile.h"
#include "gateway/base/digest.h"
#include "gateway/base/text.h"

#define LABELS_MAX 256
#define VALUES_MAX 64

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
    /* By the keys: a value that is no number was told already. */
    int rules = (yaml_get(node, "high") != NULL) + (yaml_get(node, "low") != NULL) +
                (raw->is != NULL) + (raw->is_not != NULL);

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
        .realarm_ms = raw->realarm_ms,
    };
    if (type->audiences == 0 || !read_rule(reader, node, raw, def, type))
        return NULL;
    /* The same alarm on another point is another alarm, though its id stays. */
    type->digest = add_text(profile_digest_type(type), def->id);
    return type;
}

void
profile_check_alarm(const struct schema_reader *reader, struct fy_node *node,
                    const struct raw_alarm *raw, const struct point_def *def)
{
    struct alarm_type ignored = {0};

    if (raw->audiences != NULL)
        profile_read_audiences(reader, raw->audiences);
    read_rule(reader, node, raw, def, &ignored);
}

bool
profile_read_alarms(const struct schema_reader *reader, struct fy_node *list,
                    struct profile *profile)
{
    struct profile_alarm *alarms = NULL;
    uint32_t count = 0, room = 0;
    bool good = true;

    YAML_EACH_ITEM(item, list)
    {
        struct raw_alarm raw = tables_alarm_defaults();
        uint32_t point = 0;

        bool is_read = schema_read(reader, item, &TABLE_ALARM, &raw);
        if (raw.point == NULL) {
            good = false;
            continue;
        }
        while (point < profile->set.source_count &&
               strcmp(profile->set.sources[point].def->id, raw.point) != 0)
            point++;
        if (point == profile->set.source_count && profile->lacks_points) {
            good = false;
            continue;
        }
        if (point == profile->set.source_count) {
            yaml_fault(reader->yaml, yaml_get(item, "point"), NULL,
                       "point: the profile has no point \"%s\"", raw.point);
            good = false;
            continue;
        }
        if (!is_read) {
            profile_check_alarm(reader, item, &raw, profile->set.sources[point].def);
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
            alarms[count++] = (struct profile_alarm){
                type, point, yaml_place_of(reader->yaml, yaml_get(item, "name"), reader->arena)};
    }
    profile->alarms = arena_array(reader->arena, count, sizeof *profile->alarms);
    profile->alarm_count = count;
    if (profile->alarms != NULL && count > 0)
        memcpy(profile->alarms, alarms, count * sizeof *alarms);
    free(alarms);
    return good && profile->alarms != NULL;
}
