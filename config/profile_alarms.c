/*
 * profile_alarms.c - alarm definitions: whole ones, of profiles and of the site.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/profile.h"
#include "gateway/base/digest.h"
#include "gateway/base/text.h"

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

static uint64_t
add_text(uint64_t digest, const char *text)
{
    return text == NULL ? digest : fingerprint(digest, text, strlen(text) + 1);
}

uint64_t
profile_digest_type(const struct alarm_type *type)
{
    const double numbers[] = {type->limit,
                              (double)type->window_ms,
                              type->deadband,
                              (double)type->on_delay_ms,
                              (double)type->off_delay_ms,
                              (double)type->realarm_ms,
                              (double)type->suppressed_max_ms,
                              (double)type->respond_within_ms};
    const uint8_t bytes[] = {type->alarm_class,  type->audiences,        type->priority,
                             type->rule,         type->managed,          type->latch,
                             type->ack_required, type->shelvable,        type->inner,
                             type->is_absolute,  (uint8_t)type->at_least};
    uint64_t digest = fingerprint(FINGERPRINT_START, numbers, sizeof numbers);

    digest = fingerprint(digest, bytes, sizeof bytes);
    if (type->value_count > 0)
        digest = fingerprint(digest, type->values, type->value_count * sizeof *type->values);
    digest = add_text(digest, type->expression == NULL ? NULL : type->expression->text);
    digest = add_text(digest, type->type);
    digest = add_text(digest, type->name);
    digest = add_text(digest, type->text);
    digest = add_text(digest, type->consequence);
    digest = add_text(digest, type->suppressed_by);
    return add_text(digest, type->action);
}

void
profile_settle_root(struct alarm_type *type)
{
    if (type->suppressed_by != NULL && strcmp(type->suppressed_by, "none") == 0)
        type->suppressed_by = NULL;
}

const struct alarm_type *
profile_read_alarm(const struct schema_reader *reader, struct fy_node *node,
                   const struct raw_alarm *raw, struct rule_points *points)
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
        .suppressed_by = raw->suppressed_by,
        .suppressed_max_ms = raw->suppressed_max_ms,
    };
    profile_settle_root(type);
    if (type->audiences == 0 || !profile_read_rule(reader, node, raw, points, type))
        return NULL;
    /* The same alarm on another point is another alarm, though its id stays. */
    type->digest = add_text(profile_digest_type(type), points->def->id);
    for (uint16_t i = 0; i < points->input_count; i++)
        type->digest = add_text(type->digest, points->input_defs[i]->id);
    return type;
}

void
profile_check_alarm(const struct schema_reader *reader, struct fy_node *node,
                    const struct raw_alarm *raw, struct rule_points *points)
{
    struct alarm_type ignored = {0};

    if (raw->audiences != NULL)
        profile_read_audiences(reader, raw->audiences);
    profile_read_rule(reader, node, raw, points, &ignored);
}

/* A point by the profile's name for it. */
static enum found
find_source(void *ctx, const char *name, uint32_t *out_point, const struct point_def **out_def)
{
    const struct profile *profile = ctx;

    for (uint32_t i = 0; i < profile->set.source_count; i++)
        if (strcmp(profile->set.sources[i].def->id, name) == 0) {
            *out_point = i;
            *out_def = profile->set.sources[i].def;
            return FOUND;
        }
    return profile->lacks_points ? FOUND_UNSURE : FOUND_NOT;
}

static bool
is_given_twice(const struct schema_reader *reader, struct fy_node *item,
               const struct raw_alarm *raw, const struct profile_alarm *alarms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(alarms[i].type->name, raw->name) == 0 &&
            alarms[i].type->alarm_class == (uint8_t)raw->alarm_class) {
            yaml_fault(reader->yaml, yaml_get(item, "name"), NULL, "name: %s given twice",
                       raw->name);
            return true;
        }
    return false;
}

/* False: faults. `alarms` are those before it. */
static bool
read_one(const struct schema_reader *reader, struct fy_node *item, struct profile *profile,
         const struct profile_alarm *alarms, uint32_t count, struct profile_alarm *out)
{
    struct raw_alarm raw = tables_alarm_defaults();
    struct rule_points points = {.names = {find_source, profile}};
    bool is_read = schema_read(reader, item, &TABLE_ALARM, &raw);

    if (raw.point == NULL)
        return false;
    switch (find_source(profile, raw.point, &points.point, &points.def)) {
    case FOUND:
        break;
    case FOUND_NOT:
        yaml_fault(reader->yaml, yaml_get(item, "point"), NULL,
                   "point: the profile has no point \"%s\"", raw.point);
        return false;
    case FOUND_UNSURE:
        return false;
    }
    if (!is_read) {
        profile_check_alarm(reader, item, &raw, &points);
        return false;
    }
    bool is_twice = is_given_twice(reader, item, &raw, alarms, count);
    const struct alarm_type *type = profile_read_alarm(reader, item, &raw, &points);
    uint32_t *inputs = arena_array(reader->arena, points.input_count + 1u, sizeof *inputs);
    if (type == NULL || inputs == NULL || is_twice)
        return false;
    memcpy(inputs, points.inputs, points.input_count * sizeof *inputs);
    *out =
        (struct profile_alarm){type, points.point, inputs, points.input_count,
                               yaml_place_of(reader->yaml, yaml_get(item, "name"), reader->arena)};
    return true;
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
        if (count == room) {
            room = room == 0 ? 16 : room * 2;
            struct profile_alarm *grown = realloc(alarms, room * sizeof *grown);
            if (grown == NULL)
                break;
            alarms = grown;
        }
        bool is_one = read_one(reader, item, profile, alarms, count, &alarms[count]);

        count += is_one;
        good = is_one && good;
    }
    profile->alarms = arena_array(reader->arena, count, sizeof *profile->alarms);
    profile->alarm_count = count;
    if (profile->alarms != NULL && count > 0)
        memcpy(profile->alarms, alarms, count * sizeof *alarms);
    free(alarms);
    return good && profile->alarms != NULL;
}
