/*
 * describe.c - reads the YAML file that says what is simulated.
 *
 * The first fault ends the reading: this is a tool for tests, not the site file.
 */
#include "tests/sim/describe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/sim/agent.h"
#include "tests/sim/describe_node.h"

#define REPEAT_MAX MODEL_DEVICES_MAX

/* A path as it is, or from the file's folder. */
static const char *
path_of(const struct describe *d, const char *path)
{
    const char *slash = strrchr(d->file, '/');

    if (path[0] == '/' || slash == NULL)
        return arena_text(d->model->arena, path);
    return arena_format(d->model->arena, "%.*s/%s", (int)(slash - d->file), d->file, path);
}

static enum err_code
read_template(const struct describe *d, struct fy_node *key, struct fy_node *map)
{
    static const char *const KEYS[] = {"protocol",  "community", "max_bytes", "snmprec", "objects",
                                       "registers", "holes",     "wave",      NULL};
    char id[ID_MAX], protocol[16], community[ID_MAX], recording[1024];
    int64_t max_bytes = 0;

    if (!describe_scalar(key, id, sizeof id) || model_template(d->model, id) != NULL)
        return describe_fault(d, key, "a template needs a name of its own");
    TRY(describe_check_keys(d, map, KEYS));
    TRY(describe_take_text(d, map, "protocol", protocol, sizeof protocol));
    TRY(describe_take_text(d, map, "community", community, sizeof community));
    TRY(describe_take_text(d, map, "snmprec", recording, sizeof recording));
    TRY(describe_take_int(d, map, "max_bytes", 484, AGENT_MESSAGE_MAX, &max_bytes));
    bool is_snmp = strcmp(protocol, "snmp") == 0;
    if (!is_snmp && strcmp(protocol, "modbus") != 0)
        return describe_fault(d, map, "protocol must be snmp or modbus");

    struct sim_template *template =
        model_add_template(d->model, id, is_snmp ? SIM_SNMP : SIM_MODBUS);
    if (template == NULL)
        return describe_fault(d, key, "out of memory");
    if (max_bytes != 0)
        template->max_bytes = (uint32_t)max_bytes;
    if (community[0] != '\0' &&
        (template->community = arena_text(d->model->arena, community)) == NULL)
        return describe_fault(d, key, "out of memory");
    if (is_snmp) {
        TRY(describe_objects(d, template, describe_child(map, "objects")));
        if (recording[0] != '\0') {
            const char *path = path_of(d, recording);
            TRY(path == NULL ? describe_fault(d, key, "out of memory")
                             : describe_at(d, describe_child(map, "snmprec"),
                                           snmprec_load(d->model, template, path, d->err)));
        }
    } else {
        TRY(describe_registers(d, template, map));
    }
    TRY(describe_waves(d, template, describe_child(map, "wave")));
    return describe_at(d, key, model_freeze(d->model, template, d->err));
}

/* devices */

static enum err_code
set_values(const struct describe *d, struct sim_device *device, struct fy_node *map)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;
    static char value[DESCRIBE_VALUE_MAX];

    if (map == NULL)
        return ERR_OK;
    if (fy_node_get_type(map) != FYNT_MAPPING)
        return describe_fault(d, map, "set must be a map from name to value");
    while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL) {
        char name[ID_MAX];

        if (!describe_scalar(fy_node_pair_key(pair), name, sizeof name) ||
            !describe_scalar(fy_node_pair_value(pair), value, sizeof value))
            return describe_fault(d, map, "set takes names and values");
        uint32_t item = model_find_item(device->template, name);
        if (item == UINT32_MAX)
            return describe_fault(d, fy_node_pair_key(pair), "template %s has no \"%s\"",
                                  device->template->id, name);
        TRY(describe_at(d, fy_node_pair_key(pair), model_set(device, item, value, d->err)));
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
read_entry(const struct describe *d, struct fy_node *map, struct entry *entry)
{
    static const char *const KEYS[] = {"id",   "template",  "address", "repeat",    "port",
                                       "unit", "community", "set",     "behaviour", NULL};
    char template[ID_MAX], address[INET_ADDRSTRLEN], behaviour[64], unit[8];
    struct in_addr parsed;

    *entry = (struct entry){.repeat = 1, .unit = -1, .port = d->port};
    TRY(describe_check_keys(d, map, KEYS));
    TRY(describe_take_text(d, map, "id", entry->id, sizeof entry->id));
    TRY(describe_take_text(d, map, "template", template, sizeof template));
    TRY(describe_take_text(d, map, "address", address, sizeof address));
    TRY(describe_take_text(d, map, "community", entry->community, sizeof entry->community));
    TRY(describe_take_text(d, map, "behaviour", behaviour, sizeof behaviour));
    TRY(describe_take_int(d, map, "repeat", 1, REPEAT_MAX, &entry->repeat));
    TRY(describe_take_int(d, map, "port", 0, UINT16_MAX, &entry->port));
    TRY(describe_take_text(d, map, "unit", unit, sizeof unit));
    if (unit[0] != '\0' && strcmp(unit, "any") != 0)
        TRY(describe_take_int(d, map, "unit", 0, 255, &entry->unit));
    entry->template = model_template(d->model, template);
    if (entry->template == NULL)
        return describe_fault(d, map, "device \"%s\": no template \"%s\"", entry->id, template);
    if (inet_pton(AF_INET, address, &parsed) != 1)
        return describe_fault(d, map, "device \"%s\": \"%s\" is no IPv4 address", entry->id,
                              address);
    entry->address = ntohl(parsed.s_addr);
    /* Simulators lie; their lies stay on this machine. */
    if (entry->address >> 24 != 127)
        return describe_fault(d, map, "device \"%s\": addresses are 127.x.y.z", entry->id);
    if (behaviour[0] != '\0')
        TRY(describe_at(d, describe_child(map, "behaviour"),
                        behave_parse(behaviour, &entry->behaviour, d->err)));
    return ERR_OK;
}

static enum err_code
read_device(const struct describe *d, struct fy_node *map)
{
    struct entry entry;
    const char *community = NULL;

    TRY(read_entry(d, map, &entry));
    if (entry.community[0] != '\0') {
        community = arena_text(d->model->arena, entry.community);
        if (community == NULL)
            return describe_fault(d, map, "out of memory");
    }
    for (int64_t i = 0; i < entry.repeat; i++) {
        char id[ID_MAX];
        struct sim_device *device;

        if (!number_id(entry.id, i + 1, id, sizeof id))
            return describe_fault(d, map, "\"%s\" is no id", entry.id);
        TRY(describe_at(d, map, model_add_device(d->model, id, entry.template, &device, d->err)));
        device->address.s_addr = htonl(entry.address + (uint32_t)i);
        device->port = (uint16_t)entry.port;
        device->unit = (int16_t)entry.unit;
        device->behaviour = entry.behaviour;
        if (community != NULL)
            device->community = community;
        TRY(set_values(d, device, describe_child(map, "set")));
    }
    return ERR_OK;
}

static enum err_code
read_top(struct describe *d, struct fy_node *top)
{
    static const char *const KEYS[] = {"port", "control", "physics", "templates", "devices", NULL};
    char control[1024], physics[ID_MAX];
    struct fy_node *templates, *devices, *node;
    struct fy_node_pair *pair;
    void *iterator = NULL;
    int64_t port = 0;

    TRY(describe_check_keys(d, top, KEYS));
    TRY(describe_take_int(d, top, "port", 0, UINT16_MAX, &port));
    TRY(describe_take_text(d, top, "control", control, sizeof control));
    TRY(describe_take_text(d, top, "physics", physics, sizeof physics));
    d->port = (uint16_t)port;
    if (control[0] != '\0')
        d->model->control = path_of(d, control);
    if (physics[0] != '\0')
        d->model->physics = arena_text(d->model->arena, physics);
    templates = describe_child(top, "templates");
    if (templates == NULL || fy_node_get_type(templates) != FYNT_MAPPING)
        return describe_fault(d, templates, "templates must be a map");
    while ((pair = fy_node_mapping_iterate(templates, &iterator)) != NULL)
        TRY(read_template(d, fy_node_pair_key(pair), fy_node_pair_value(pair)));
    devices = describe_child(top, "devices");
    if (devices == NULL || fy_node_get_type(devices) != FYNT_SEQUENCE)
        return describe_fault(d, devices, "devices must be a list");
    iterator = NULL;
    while ((node = fy_node_sequence_iterate(devices, &iterator)) != NULL)
        TRY(read_device(d, node));
    if (d->model->device_count == 0)
        return describe_fault(d, devices, "no devices");
    return ERR_OK;
}

/* The parser's own words go into `err` instead of onto stderr. */
static struct fy_document *
parse(struct describe *d)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_DOC | FYPCF_QUIET, .diag = diag};

    if (diag != NULL)
        fy_diag_set_collect_errors(diag, true);
    struct fy_document *document = fy_document_build_from_file(&config, d->file);
    if (document == NULL) {
        void *iterator = NULL;
        struct fy_diag_error *error = diag == NULL ? NULL : fy_diag_errors_iterate(diag, &iterator);

        if (error != NULL && error->line > 0)
            (void)err_set(d->err, ERR_CONFIG, "%s:%d:%d: %s", d->file, error->line, error->column,
                          error->msg);
        else
            (void)err_set(d->err, ERR_CONFIG, "%s: cannot be read as YAML", d->file);
    }
    fy_diag_destroy(diag);
    return document;
}

enum err_code
describe_load(struct model *model, const char *file, struct err *err)
{
    struct describe d = {.model = model, .file = file, .err = err};
    FILE *probe = fopen(file, "re");

    if (probe == NULL)
        return err_set(err, ERR_IO, "%s: %s", file, strerror(errno));
    fclose(probe);
    d.document = parse(&d);
    if (d.document == NULL)
        return ERR_CONFIG;
    enum err_code code = read_top(&d, fy_document_root(d.document));
    fy_document_destroy(d.document);
    return code;
}
