/*
 * describe.c - reads the YAML file that says what is simulated.
 *
 * The first fault ends the reading: this is a tool for tests, not the site file.
 */
#include "tests/sim/describe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/sim/agent.h"
#include "tests/sim/objects.h"
#include "tests/sim/registers.h"

#define VALUE_MAX 4096
#define REPEAT_MAX MODEL_DEVICES_MAX

struct reading {
    struct model *model;
    const char *file;
    struct fy_document *document;
    struct err *err;
    uint16_t port; /* of devices that give none */
};

/* nodes */

static enum err_code fault(const struct reading *reading, struct fy_node *node, const char *fmt,
                           ...) PRINTF_LIKE(3, 4);

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

static enum err_code
fault(const struct reading *reading, struct fy_node *node, const char *fmt, ...)
{
    const struct fy_mark *mark = mark_of(node);
    char text[240];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (mark == NULL)
        return err_set(reading->err, ERR_CONFIG, "%s: %s", reading->file, text);
    return err_set(reading->err, ERR_CONFIG, "%s:%d:%d: %s", reading->file, mark->line + 1,
                   mark->column + 1, text);
}

/* Gives an error that came from below its place. */
static enum err_code
at(const struct reading *reading, struct fy_node *node, enum err_code code)
{
    if (code == ERR_OK)
        return ERR_OK;
    char text[240];

    text_copy(text, sizeof text, reading->err->text);
    (void)fault(reading, node, "%s", text);
    reading->err->code = code;
    return code;
}

static struct fy_node *
child(struct fy_node *map, const char *key)
{
    return fy_node_mapping_lookup_by_string(map, key, FY_NT);
}

/* The scalar as text; false when it is none or too long. */
static bool
scalar(struct fy_node *node, char *out, size_t size)
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
static enum err_code
check_keys(const struct reading *reading, struct fy_node *map, const char *const *keys)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;
    size_t count = 0;

    if (map == NULL || fy_node_get_type(map) != FYNT_MAPPING)
        return fault(reading, map, "must be a map");
    while (keys[count] != NULL)
        count++;
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL) {
        char key[ID_MAX];
        size_t i = 0;

        if (!scalar(fy_node_pair_key(pair), key, sizeof key))
            return fault(reading, map, "a key must be a word");
        while (i < count && strcmp(keys[i], key) != 0)
            i++;
        if (i == count) {
            const char *nearest = text_nearest(key, keys, count);
            return fault(reading, fy_node_pair_key(pair), "unknown key \"%s\"%s%s%s", key,
                         nearest == NULL ? "" : " (did you mean \"", nearest == NULL ? "" : nearest,
                         nearest == NULL ? "" : "\"?)");
        }
    }
    return ERR_OK;
}

/* An integer in [min, max]; absent: left as it was. */
static enum err_code
take_int(const struct reading *reading, struct fy_node *map, const char *key, int64_t min,
         int64_t max, int64_t *value)
{
    struct fy_node *node = child(map, key);
    char text[32];

    if (node == NULL)
        return ERR_OK;
    if (!scalar(node, text, sizeof text) || !text_parse_int(text, min, max, value))
        return fault(reading, node, "%s must be a whole number from %lld to %lld", key,
                     (long long)min, (long long)max);
    return ERR_OK;
}

static enum err_code
take_number(const struct reading *reading, struct fy_node *map, const char *key, double *value)
{
    struct fy_node *node = child(map, key);
    char text[64];

    if (node == NULL)
        return ERR_OK;
    if (!scalar(node, text, sizeof text) || !text_parse_number(text, value))
        return fault(reading, node, "%s must be a number", key);
    return ERR_OK;
}

/* "" when absent. */
static enum err_code
take_text(const struct reading *reading, struct fy_node *map, const char *key, char *out,
          size_t size)
{
    struct fy_node *node = child(map, key);

    out[0] = '\0';
    if (node != NULL && !scalar(node, out, size))
        return fault(reading, node, "%s must be a text of less than %zu bytes", key, size);
    return ERR_OK;
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum err_code try_code = (call);                                                           \
        if (try_code != ERR_OK)                                                                    \
            return try_code;                                                                       \
    } while (0)

/* items */

static enum err_code
take_rate(const struct reading *reading, struct fy_node *map, const char *value,
          struct sim_item *item)
{
    if (child(map, "rate") == NULL)
        return ERR_OK;
    item->motion.kind = MOTION_RATE;
    TRY(take_number(reading, map, "rate", &item->motion.rate));
    if (!text_parse_number(value, &item->motion.base))
        return fault(reading, map, "what has a rate needs a number as value");
    return ERR_OK;
}

static enum err_code
read_object(const struct reading *reading, struct sim_template *template, struct fy_node *key,
            struct fy_node *map)
{
    static const char *const KEYS[] = {"type", "value", "name", "scale", "rate", NULL};
    static char value[VALUE_MAX + 4];
    char oid[BER_OID_BYTES_MAX * 2], type[24], name[ID_MAX];

    if (!scalar(key, oid, sizeof oid))
        return fault(reading, key, "an object identifier is wanted here");
    TRY(check_keys(reading, map, KEYS));
    TRY(take_text(reading, map, "type", type, sizeof type));
    TRY(take_text(reading, map, "name", name, sizeof name));
    TRY(take_text(reading, map, "value", value + 4, VALUE_MAX));
    uint8_t tag = objects_tag(type);
    if (tag == 0)
        return fault(reading, map, "%s: no type \"%s\"", oid, type);
    bool is_hex = strcmp(type, "hex") == 0;
    if (is_hex)
        memcpy(value, "hex:", 4);

    struct sim_item *item = model_add_item(reading->model, template, name[0] == '\0' ? NULL : name);
    if (item == NULL)
        return fault(reading, key, "too many objects");
    TRY(take_number(reading, map, "scale", &item->scale));
    TRY(take_rate(reading, map, value + 4, item));
    return at(reading, key,
              objects_define(reading->model, template, item, oid, tag, is_hex ? value : value + 4,
                             reading->err));
}

static enum err_code
read_objects(const struct reading *reading, struct sim_template *template, struct fy_node *map)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;

    if (map == NULL)
        return ERR_OK;
    if (fy_node_get_type(map) != FYNT_MAPPING)
        return fault(reading, map, "objects must be a map from OID to value");
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL)
        TRY(read_object(reading, template, fy_node_pair_key(pair), fy_node_pair_value(pair)));
    return ERR_OK;
}

/* [first, last] or [function, first, last] */
static enum err_code
read_span(const struct reading *reading, struct fy_node *list, int64_t *function, int64_t *first,
          int64_t *last)
{
    int64_t numbers[3];
    int count = 0;
    struct fy_node *node;
    void *iterator = NULL;
    char text[16];

    if (fy_node_get_type(list) != FYNT_SEQUENCE)
        return fault(reading, list, "must be a list [first, last]");
    while ((node = fy_node_sequence_iterate(list, &iterator)) != NULL)
        if (count == 3 || !scalar(node, text, sizeof text) ||
            !text_parse_int(text, 0, REGISTER_COUNT - 1, &numbers[count++]))
            return fault(reading, node, "must be two or three numbers from 0 to 65535");
    if (count < 2 || numbers[count - 2] > numbers[count - 1] ||
        (count == 3 && (numbers[0] < 1 || numbers[0] > 4)))
        return fault(reading, list, "must be [first, last] or [function, first, last]");
    if (count == 3)
        *function = numbers[0];
    *first = numbers[count - 2];
    *last = numbers[count - 1];
    return ERR_OK;
}

static enum err_code
read_range(const struct reading *reading, struct sim_template *template, struct fy_node *map,
           int64_t function)
{
    int64_t first, last, value = 0;

    TRY(read_span(reading, child(map, "range"), &function, &first, &last));
    TRY(take_int(reading, map, "value", 0, UINT16_MAX, &value));
    return at(reading, map,
              registers_define(template, (unsigned)function, (uint32_t)first, (uint32_t)last,
                               (uint16_t)value, reading->err));
}

static enum err_code
read_register(const struct reading *reading, struct sim_template *template, struct fy_node *map)
{
    static const char *const KEYS[] = {"fc",    "address", "type",  "order", "bit",   "words",
                                       "value", "name",    "scale", "rate",  "range", NULL};
    static char value[VALUE_MAX];
    char type_name[16], order_name[16], name[ID_MAX];
    int64_t function = 3, address = -1, bit = 0, words = 0;

    TRY(check_keys(reading, map, KEYS));
    TRY(take_int(reading, map, "fc", 1, 4, &function));
    if (child(map, "range") != NULL)
        return read_range(reading, template, map, function);
    TRY(take_int(reading, map, "address", 0, REGISTER_COUNT - 1, &address));
    TRY(take_int(reading, map, "bit", 0, 15, &bit));
    TRY(take_int(reading, map, "words", 1, 60, &words));
    TRY(take_text(reading, map, "type", type_name, sizeof type_name));
    TRY(take_text(reading, map, "order", order_name, sizeof order_name));
    TRY(take_text(reading, map, "name", name, sizeof name));
    TRY(take_text(reading, map, "value", value, sizeof value));
    enum field_type type =
        type_name[0] == '\0' ? (function <= 2 ? FIELD_BIT : FIELD_U16) : registers_type(type_name);
    enum field_order order = order_name[0] == '\0' ? FIELD_ABCD : registers_order(order_name);
    if (address < 0 || type == FIELD_TYPE_COUNT || order == FIELD_ORDER_COUNT)
        return fault(reading, map, "a register needs an address, a known type and order");
    if ((function <= 2) && type != FIELD_BIT)
        return fault(reading, map, "functions 1 and 2 hold bits only");
    if (type == FIELD_STRING && words == 0)
        return fault(reading, map, "a string needs words");

    struct sim_item *item = model_add_item(reading->model, template, name[0] == '\0' ? NULL : name);
    if (item == NULL)
        return fault(reading, map, "too many registers");
    item->field.function = (uint8_t)function;
    item->field.address = (uint16_t)address;
    item->field.type = (uint8_t)type;
    item->field.order = (uint8_t)order;
    item->field.bit = (uint8_t)bit;
    item->field.words = type == FIELD_STRING ? (uint16_t)words : registers_words(type);
    if (value[0] == '\0' && type != FIELD_STRING)
        memcpy(value, "0", 2);
    TRY(take_number(reading, map, "scale", &item->scale));
    TRY(take_rate(reading, map, value, item));
    return at(reading, map, registers_define_field(template, item, value, reading->err));
}

static enum err_code
read_registers(const struct reading *reading, struct sim_template *template, struct fy_node *map)
{
    struct fy_node *list = child(map, "registers"), *node;
    void *iterator = NULL;

    if (list != NULL && fy_node_get_type(list) != FYNT_SEQUENCE)
        return fault(reading, list, "registers must be a list");
    while (list != NULL && (node = fy_node_sequence_iterate(list, &iterator)) != NULL)
        TRY(read_register(reading, template, node));
    list = child(map, "holes");
    iterator = NULL;
    if (list != NULL && fy_node_get_type(list) != FYNT_SEQUENCE)
        return fault(reading, list, "holes must be a list");
    while (list != NULL && (node = fy_node_sequence_iterate(list, &iterator)) != NULL) {
        int64_t function = 3, first, last;

        TRY(read_span(reading, node, &function, &first, &last));
        registers_undefine(template, (unsigned)function, (uint32_t)first, (uint32_t)last);
    }
    return ERR_OK;
}

/* templates */

static enum err_code
read_wave(const struct reading *reading, struct sim_template *template, struct fy_node *map)
{
    static const char *const KEYS[] = {"name", "min", "max", "period", NULL};
    struct motion motion = {.kind = MOTION_WAVE, .min = 0, .max = 100};
    char name[ID_MAX], period[32];
    int64_t period_ms = 60000;

    TRY(check_keys(reading, map, KEYS));
    TRY(take_text(reading, map, "name", name, sizeof name));
    TRY(take_text(reading, map, "period", period, sizeof period));
    TRY(take_number(reading, map, "min", &motion.min));
    TRY(take_number(reading, map, "max", &motion.max));
    if (period[0] != '\0' && (!text_parse_duration_ms(period, &period_ms) || period_ms < 1))
        return fault(reading, map, "period must be a duration such as 10s");
    motion.period_s = (double)period_ms / 1000;
    for (uint32_t i = 0; i < template->item_count; i++)
        if (template->items[i].name != NULL && strcmp(template->items[i].name, name) == 0) {
            template->items[i].motion = motion;
            return ERR_OK;
        }
    return fault(reading, map, "no item has the name \"%s\"", name);
}

static enum err_code
read_waves(const struct reading *reading, struct sim_template *template, struct fy_node *node)
{
    struct fy_node *wave;
    void *iterator = NULL;

    if (node == NULL)
        return ERR_OK;
    if (fy_node_get_type(node) != FYNT_SEQUENCE)
        return read_wave(reading, template, node);
    while ((wave = fy_node_sequence_iterate(node, &iterator)) != NULL)
        TRY(read_wave(reading, template, wave));
    return ERR_OK;
}

/* A path as it is, or from the file's folder. */
static const char *
path_of(const struct reading *reading, const char *path)
{
    const char *slash = strrchr(reading->file, '/');

    if (path[0] == '/' || slash == NULL)
        return arena_text(reading->model->arena, path);
    return arena_format(reading->model->arena, "%.*s/%s", (int)(slash - reading->file),
                        reading->file, path);
}

static enum err_code
read_template(const struct reading *reading, struct fy_node *key, struct fy_node *map)
{
    static const char *const KEYS[] = {"protocol",  "community", "max_bytes", "snmprec", "objects",
                                       "registers", "holes",     "wave",      NULL};
    char id[ID_MAX], protocol[16], community[ID_MAX], recording[1024];
    int64_t max_bytes = 0;

    if (!scalar(key, id, sizeof id) || model_template(reading->model, id) != NULL)
        return fault(reading, key, "a template needs a name of its own");
    TRY(check_keys(reading, map, KEYS));
    TRY(take_text(reading, map, "protocol", protocol, sizeof protocol));
    TRY(take_text(reading, map, "community", community, sizeof community));
    TRY(take_text(reading, map, "snmprec", recording, sizeof recording));
    TRY(take_int(reading, map, "max_bytes", 484, AGENT_MESSAGE_MAX, &max_bytes));
    bool is_snmp = strcmp(protocol, "snmp") == 0;
    if (!is_snmp && strcmp(protocol, "modbus") != 0)
        return fault(reading, map, "protocol must be snmp or modbus");

    struct sim_template *template =
        model_add_template(reading->model, id, is_snmp ? SIM_SNMP : SIM_MODBUS);
    if (template == NULL)
        return fault(reading, key, "out of memory");
    if (max_bytes != 0)
        template->max_bytes = (uint32_t)max_bytes;
    if (community[0] != '\0' &&
        (template->community = arena_text(reading->model->arena, community)) == NULL)
        return fault(reading, key, "out of memory");
    if (is_snmp) {
        TRY(read_objects(reading, template, child(map, "objects")));
        if (recording[0] != '\0') {
            const char *path = path_of(reading, recording);
            TRY(path == NULL ? fault(reading, key, "out of memory")
                             : at(reading, child(map, "snmprec"),
                                  snmprec_load(reading->model, template, path, reading->err)));
        }
    } else {
        TRY(read_registers(reading, template, map));
    }
    TRY(read_waves(reading, template, child(map, "wave")));
    return at(reading, key, model_freeze(reading->model, template, reading->err));
}

/* devices */

static enum err_code
set_values(const struct reading *reading, struct sim_device *device, struct fy_node *map)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;
    static char value[VALUE_MAX];

    if (map == NULL)
        return ERR_OK;
    if (fy_node_get_type(map) != FYNT_MAPPING)
        return fault(reading, map, "set must be a map from name to value");
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL) {
        char name[ID_MAX];

        if (!scalar(fy_node_pair_key(pair), name, sizeof name) ||
            !scalar(fy_node_pair_value(pair), value, sizeof value))
            return fault(reading, map, "set takes names and values");
        uint32_t item = model_find_item(device->template, name);
        if (item == UINT32_MAX)
            return fault(reading, fy_node_pair_key(pair), "template %s has no \"%s\"",
                         device->template->id, name);
        TRY(at(reading, fy_node_pair_key(pair), model_set(device, item, value, reading->err)));
    }
    return ERR_OK;
}

/* "m-{n}" with the number in it. */
static bool
number_id(const char *pattern, int64_t number, char *out, size_t size)
{
    const char *mark = strstr(pattern, "{n}");
    int length = mark == NULL ? snprintf(out, size, "%s", pattern)
                              : snprintf(out, size, "%.*s%lld%s", (int)(mark - pattern), pattern,
                                         (long long)number, mark + 3);

    return length > 0 && (size_t)length < size && text_is_id(out);
}

/* What all devices of one entry share. */
struct entry {
    char id[ID_MAX], community[ID_MAX];
    int64_t repeat, unit, port;
    const struct sim_template *template;
    uint32_t address; /* host order */
    struct behaviour behaviour;
};

static enum err_code
read_entry(const struct reading *reading, struct fy_node *map, struct entry *entry)
{
    static const char *const KEYS[] = {"id",   "template",  "address", "repeat",    "port",
                                       "unit", "community", "set",     "behaviour", NULL};
    char template[ID_MAX], address[INET_ADDRSTRLEN], behaviour[64], unit[8];
    struct in_addr parsed;

    *entry = (struct entry){.repeat = 1, .unit = -1, .port = reading->port};
    TRY(check_keys(reading, map, KEYS));
    TRY(take_text(reading, map, "id", entry->id, sizeof entry->id));
    TRY(take_text(reading, map, "template", template, sizeof template));
    TRY(take_text(reading, map, "address", address, sizeof address));
    TRY(take_text(reading, map, "community", entry->community, sizeof entry->community));
    TRY(take_text(reading, map, "behaviour", behaviour, sizeof behaviour));
    TRY(take_int(reading, map, "repeat", 1, REPEAT_MAX, &entry->repeat));
    TRY(take_int(reading, map, "port", 0, UINT16_MAX, &entry->port));
    TRY(take_text(reading, map, "unit", unit, sizeof unit));
    if (unit[0] != '\0' && strcmp(unit, "any") != 0)
        TRY(take_int(reading, map, "unit", 0, 255, &entry->unit));
    entry->template = model_template(reading->model, template);
    if (entry->template == NULL)
        return fault(reading, map, "device \"%s\": no template \"%s\"", entry->id, template);
    if (inet_pton(AF_INET, address, &parsed) != 1)
        return fault(reading, map, "device \"%s\": \"%s\" is no IPv4 address", entry->id, address);
    entry->address = ntohl(parsed.s_addr);
    /* Simulators lie; their lies stay on this machine. */
    if (entry->address >> 24 != 127)
        return fault(reading, map, "device \"%s\": addresses are 127.x.y.z", entry->id);
    if (behaviour[0] != '\0')
        TRY(at(reading, child(map, "behaviour"),
               behave_parse(behaviour, &entry->behaviour, reading->err)));
    return ERR_OK;
}

static enum err_code
read_device(const struct reading *reading, struct fy_node *map)
{
    struct entry entry;
    const char *community = NULL;

    TRY(read_entry(reading, map, &entry));
    if (entry.community[0] != '\0') {
        community = arena_text(reading->model->arena, entry.community);
        if (community == NULL)
            return fault(reading, map, "out of memory");
    }
    for (int64_t i = 0; i < entry.repeat; i++) {
        char id[ID_MAX];
        struct sim_device *device;

        if (!number_id(entry.id, i + 1, id, sizeof id))
            return fault(reading, map, "\"%s\" is no id", entry.id);
        TRY(at(reading, map,
               model_add_device(reading->model, id, entry.template, &device, reading->err)));
        device->address.s_addr = htonl(entry.address + (uint32_t)i);
        device->port = (uint16_t)entry.port;
        device->unit = (int16_t)entry.unit;
        device->behaviour = entry.behaviour;
        if (community != NULL)
            device->community = community;
        TRY(set_values(reading, device, child(map, "set")));
    }
    return ERR_OK;
}

static enum err_code
read_top(struct reading *reading, struct fy_node *top)
{
    static const char *const KEYS[] = {"port", "control", "physics", "templates", "devices", NULL};
    char control[1024], physics[ID_MAX];
    struct fy_node *templates, *devices, *node;
    struct fy_node_pair *pair;
    void *iterator = NULL;
    int64_t port = 0;

    TRY(check_keys(reading, top, KEYS));
    TRY(take_int(reading, top, "port", 0, UINT16_MAX, &port));
    TRY(take_text(reading, top, "control", control, sizeof control));
    TRY(take_text(reading, top, "physics", physics, sizeof physics));
    reading->port = (uint16_t)port;
    if (control[0] != '\0')
        reading->model->control = path_of(reading, control);
    if (physics[0] != '\0')
        reading->model->physics = arena_text(reading->model->arena, physics);
    templates = child(top, "templates");
    if (templates == NULL || fy_node_get_type(templates) != FYNT_MAPPING)
        return fault(reading, templates, "templates must be a map");
    while ((pair = fy_node_mapping_iterate(templates, &iterator)) != NULL)
        TRY(read_template(reading, fy_node_pair_key(pair), fy_node_pair_value(pair)));
    devices = child(top, "devices");
    if (devices == NULL || fy_node_get_type(devices) != FYNT_SEQUENCE)
        return fault(reading, devices, "devices must be a list");
    iterator = NULL;
    while ((node = fy_node_sequence_iterate(devices, &iterator)) != NULL)
        TRY(read_device(reading, node));
    if (reading->model->device_count == 0)
        return fault(reading, devices, "no devices");
    return ERR_OK;
}

/* The parser's own words go into `err` instead of onto stderr. */
static struct fy_document *
parse(struct reading *reading)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    struct fy_diag *diag = fy_diag_create(&diag_config);
    struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_DOC | FYPCF_QUIET, .diag = diag};

    if (diag != NULL)
        fy_diag_set_collect_errors(diag, true);
    struct fy_document *document = fy_document_build_from_file(&config, reading->file);
    if (document == NULL) {
        void *iterator = NULL;
        struct fy_diag_error *error = diag == NULL ? NULL : fy_diag_errors_iterate(diag, &iterator);

        if (error != NULL && error->line > 0)
            (void)err_set(reading->err, ERR_CONFIG, "%s:%d:%d: %s", reading->file, error->line,
                          error->column, error->msg);
        else
            (void)err_set(reading->err, ERR_CONFIG, "%s: cannot be read as YAML", reading->file);
    }
    fy_diag_destroy(diag);
    return document;
}

enum err_code
describe_load(struct model *model, const char *file, struct err *err)
{
    struct reading reading = {.model = model, .file = file, .err = err};
    FILE *probe = fopen(file, "re");

    if (probe == NULL)
        return err_set(err, ERR_IO, "%s: %s", file, strerror(errno));
    fclose(probe);
    reading.document = parse(&reading);
    if (reading.document == NULL)
        return ERR_CONFIG;
    enum err_code code = read_top(&reading, fy_document_root(reading.document));
    fy_document_destroy(reading.document);
    return code;
}
