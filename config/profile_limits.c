/*
 * profile_limits.c - how often, and how much at once: groups and the limits of a protocol.
 */
#include <math.h>
#include <string.h>

#include "config/lists.h"
#include "config/profile.h"
#include "gateway/base/text.h"

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
        bool looks_octal = text != NULL && text[0] == '0' && text[1] >= '0' && text[1] <= '9';

        yaml_fault(reader->yaml, node,
                   looks_octal ? "write it without the leading 0" : "100ms to 1d, or once",
                   "\"%s\" is no interval", text == NULL ? "?" : text);
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

    if (!lists_read_numbers(reader, node, &numbers, &count))
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
    struct address_range ranges[LISTS_MAX];
    uint8_t count = 0;

    YAML_EACH_ITEM(item, node)
    {
        const char *text = yaml_text(item);
        const char *dots = text == NULL ? NULL : strstr(text, "..");
        char first_text[8] = "";
        int64_t first, last;

        if (dots != NULL && dots - text < 7)
            memcpy(first_text, text, (size_t)(dots - text));
        if (dots == NULL || count == LISTS_MAX || !text_parse_int(first_text, 0, 65535, &first) ||
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
