/*
 * describe_items.c - the values of a template: objects, registers, waves.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/sim/describe_node.h"
#include "tests/sim/objects.h"
#include "tests/sim/registers.h"

static enum err_code
take_rate(const struct describe *d, struct fy_node *map, const char *value, struct sim_item *item)
{
    if (describe_child(map, "rate") == NULL)
        return ERR_OK;
    item->motion.kind = MOTION_RATE;
    TRY(describe_take_number(d, map, "rate", &item->motion.rate));
    if (!text_parse_number(value, &item->motion.base))
        return describe_fault(d, map, "what has a rate needs a number as value");
    return ERR_OK;
}

static enum err_code
read_object(const struct describe *d, struct sim_template *template, struct fy_node *key,
            struct fy_node *map)
{
    static const char *const KEYS[] = {"type", "value", "name", "scale", "rate", NULL};
    static char value[DESCRIBE_VALUE_MAX + 4];
    char oid[BER_OID_BYTES_MAX * 2], type[24], name[ID_MAX];

    if (!describe_scalar(key, oid, sizeof oid))
        return describe_fault(d, key, "an object identifier is wanted here");
    TRY(describe_check_keys(d, map, KEYS));
    TRY(describe_take_text(d, map, "type", type, sizeof type));
    TRY(describe_take_text(d, map, "name", name, sizeof name));
    TRY(describe_take_text(d, map, "value", value + 4, DESCRIBE_VALUE_MAX));
    uint8_t tag = objects_tag(type);
    if (tag == 0)
        return describe_fault(d, map, "%s: no type \"%s\"", oid, type);
    bool is_hex = strcmp(type, "hex") == 0;
    if (is_hex)
        memcpy(value, "hex:", 4);

    struct sim_item *item = model_add_item(d->model, template, name[0] == '\0' ? NULL : name);
    if (item == NULL)
        return describe_fault(d, key, "too many objects");
    TRY(describe_take_number(d, map, "scale", &item->scale));
    TRY(take_rate(d, map, value + 4, item));
    return describe_at(
        d, key,
        objects_define(d->model, template, item, oid, tag, is_hex ? value : value + 4, d->err));
}

enum err_code
describe_objects(const struct describe *d, struct sim_template *template, struct fy_node *map)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;

    if (map == NULL)
        return ERR_OK;
    if (fy_node_get_type(map) != FYNT_MAPPING)
        return describe_fault(d, map, "objects must be a map from OID to value");
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL)
        TRY(read_object(d, template, fy_node_pair_key(pair), fy_node_pair_value(pair)));
    return ERR_OK;
}

/* [first, last] or [function, first, last] */
static enum err_code
read_span(const struct describe *d, struct fy_node *list, int64_t *function, int64_t *first,
          int64_t *last)
{
    int64_t numbers[3];
    int count = 0;
    struct fy_node *node;
    void *iterator = NULL;
    char text[16];

    if (fy_node_get_type(list) != FYNT_SEQUENCE)
        return describe_fault(d, list, "must be a list [first, last]");
    while ((node = fy_node_sequence_iterate(list, &iterator)) != NULL)
        if (count == 3 || !describe_scalar(node, text, sizeof text) ||
            !text_parse_int(text, 0, REGISTER_COUNT - 1, &numbers[count++]))
            return describe_fault(d, node, "must be two or three numbers from 0 to 65535");
    if (count < 2 || numbers[count - 2] > numbers[count - 1] ||
        (count == 3 && (numbers[0] < 1 || numbers[0] > 4)))
        return describe_fault(d, list, "must be [first, last] or [function, first, last]");
    if (count == 3)
        *function = numbers[0];
    *first = numbers[count - 2];
    *last = numbers[count - 1];
    return ERR_OK;
}

static enum err_code
read_range(const struct describe *d, struct sim_template *template, struct fy_node *map,
           int64_t function)
{
    int64_t first, last, value = 0;

    TRY(read_span(d, describe_child(map, "range"), &function, &first, &last));
    TRY(describe_take_int(d, map, "value", 0, UINT16_MAX, &value));
    return describe_at(d, map,
                       registers_define(template, (unsigned)function, (uint32_t)first,
                                        (uint32_t)last, (uint16_t)value, d->err));
}

static enum err_code
read_register(const struct describe *d, struct sim_template *template, struct fy_node *map)
{
    static const char *const KEYS[] = {"fc",    "address", "type",  "order", "bit",   "words",
                                       "value", "name",    "scale", "rate",  "range", NULL};
    static char value[DESCRIBE_VALUE_MAX];
    char type_name[16], order_name[16], name[ID_MAX];
    int64_t function = 3, address = -1, bit = 0, words = 0;

    TRY(describe_check_keys(d, map, KEYS));
    TRY(describe_take_int(d, map, "fc", 1, 4, &function));
    if (describe_child(map, "range") != NULL)
        return read_range(d, template, map, function);
    TRY(describe_take_int(d, map, "address", 0, REGISTER_COUNT - 1, &address));
    TRY(describe_take_int(d, map, "bit", 0, 15, &bit));
    TRY(describe_take_int(d, map, "words", 1, 60, &words));
    TRY(describe_take_text(d, map, "type", type_name, sizeof type_name));
    TRY(describe_take_text(d, map, "order", order_name, sizeof order_name));
    TRY(describe_take_text(d, map, "name", name, sizeof name));
    TRY(describe_take_text(d, map, "value", value, sizeof value));
    enum field_type type =
        type_name[0] == '\0' ? (function <= 2 ? FIELD_BIT : FIELD_U16) : registers_type(type_name);
    enum field_order order = order_name[0] == '\0' ? FIELD_ABCD : registers_order(order_name);
    if (address < 0 || type == FIELD_TYPE_COUNT || order == FIELD_ORDER_COUNT)
        return describe_fault(d, map, "a register needs an address, a known type and order");
    if ((function <= 2) && type != FIELD_BIT)
        return describe_fault(d, map, "functions 1 and 2 hold bits only");
    if (type == FIELD_STRING && words == 0)
        return describe_fault(d, map, "a string needs words");

    struct sim_item *item = model_add_item(d->model, template, name[0] == '\0' ? NULL : name);
    if (item == NULL)
        return describe_fault(d, map, "too many registers");
    item->field.function = (uint8_t)function;
    item->field.address = (uint16_t)address;
    item->field.type = (uint8_t)type;
    item->field.order = (uint8_t)order;
    item->field.bit = (uint8_t)bit;
    item->field.words = type == FIELD_STRING ? (uint16_t)words : registers_words(type);
    if (value[0] == '\0' && type != FIELD_STRING)
        memcpy(value, "0", 2);
    TRY(describe_take_number(d, map, "scale", &item->scale));
    TRY(take_rate(d, map, value, item));
    return describe_at(d, map, registers_define_field(template, item, value, d->err));
}

enum err_code
describe_registers(const struct describe *d, struct sim_template *template, struct fy_node *map)
{
    struct fy_node *list = describe_child(map, "registers"), *node;
    void *iterator = NULL;

    if (list != NULL && fy_node_get_type(list) != FYNT_SEQUENCE)
        return describe_fault(d, list, "registers must be a list");
    while (list != NULL && (node = fy_node_sequence_iterate(list, &iterator)) != NULL)
        TRY(read_register(d, template, node));
    list = describe_child(map, "holes");
    iterator = NULL;
    if (list != NULL && fy_node_get_type(list) != FYNT_SEQUENCE)
        return describe_fault(d, list, "holes must be a list");
    while (list != NULL && (node = fy_node_sequence_iterate(list, &iterator)) != NULL) {
        int64_t function = 3, first, last;

        TRY(read_span(d, node, &function, &first, &last));
        registers_undefine(template, (unsigned)function, (uint32_t)first, (uint32_t)last);
    }
    return ERR_OK;
}

static enum err_code
read_wave(const struct describe *d, struct sim_template *template, struct fy_node *map)
{
    static const char *const KEYS[] = {"name", "min", "max", "period", NULL};
    struct motion motion = {.kind = MOTION_WAVE, .min = 0, .max = 100};
    char name[ID_MAX], period[32];
    int64_t period_ms = 60000;

    TRY(describe_check_keys(d, map, KEYS));
    TRY(describe_take_text(d, map, "name", name, sizeof name));
    TRY(describe_take_text(d, map, "period", period, sizeof period));
    TRY(describe_take_number(d, map, "min", &motion.min));
    TRY(describe_take_number(d, map, "max", &motion.max));
    if (period[0] != '\0' && (!text_parse_duration_ms(period, &period_ms) || period_ms < 1))
        return describe_fault(d, map, "period must be a duration such as 10s");
    motion.period_s = (double)period_ms / 1000;
    for (uint32_t i = 0; i < template->item_count; i++)
        if (template->items[i].name != NULL && strcmp(template->items[i].name, name) == 0) {
            template->items[i].motion = motion;
            return ERR_OK;
        }
    return describe_fault(d, map, "no item has the name \"%s\"", name);
}

enum err_code
describe_waves(const struct describe *d, struct sim_template *template, struct fy_node *node)
{
    struct fy_node *wave;
    void *iterator = NULL;

    if (node == NULL)
        return ERR_OK;
    if (fy_node_get_type(node) != FYNT_SEQUENCE)
        return read_wave(d, template, node);
    while ((wave = fy_node_sequence_iterate(node, &iterator)) != NULL)
        TRY(read_wave(d, template, wave));
    return ERR_OK;
}
