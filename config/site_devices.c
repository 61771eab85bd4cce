/*
 * site_devices.c - the devices of a site: read, checked, numbered, put into the directory.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/site_build.h"
#include "gateway/base/text.h"

/* The built-in point and device of every site. */
static const struct value_label COMM_LABELS[] = {{0, "lost"}, {1, "answering"}};
static const struct point_def COMM_POINT = {.id = "comm.state",
                                            .unit = "",
                                            .description = "the device answers",
                                            .kind = VALUE_FLAG,
                                            .label_count = ARRAY_LEN(COMM_LABELS),
                                            .labels = COMM_LABELS};

static const struct value_label JOURNAL_LABELS[] = {{0, "ok"}, {1, "low-space"}, {2, "failed"}};
static const struct value_label STORE_LABELS[] = {{0, "ok"}, {1, "failing"}};
static const struct value_label BROKER_LABELS[] = {{0, "connected"}, {1, "disconnected"}};
static const struct value_label WORKER_LABELS[] = {{0, "steady"}, {1, "restarted"}};
static const struct value_label CONFIG_LABELS[] = {{0, "ok"}, {1, "refused"}};

#define STATE_POINT(name, words, about)                                                            \
    {                                                                                              \
        .id = name, .unit = "", .description = about, .kind = VALUE_STATE,                         \
        .label_count = ARRAY_LEN(words), .labels = words                                           \
    }
#define FLAG_POINT(name, about)                                                                    \
    {                                                                                              \
        .id = name, .unit = "", .description = about, .kind = VALUE_FLAG                           \
    }

const struct point_def GATEWAY_POINTS[] = {
    STATE_POINT("journal.state", JOURNAL_LABELS, "can the journal be written"),
    FLAG_POINT("journal.restarted", "the journal began anew"),
    STATE_POINT("store.state", STORE_LABELS, "can time series be written"),
    FLAG_POINT("store.time", "readings are refused for their time"),
    FLAG_POINT("store.loss", "readings do not reach the time series"),
    STATE_POINT("broker.state", BROKER_LABELS, "the MQTT session"),
    FLAG_POINT("broker.unconfirmed", "a P1 waits for the broker"),
    STATE_POINT("workers.state", WORKER_LABELS, "a process died or hung lately"),
    STATE_POINT("config.state", CONFIG_LABELS, "the newest configuration was accepted"),
    FLAG_POINT("samples.merged", "collectors are ahead of the judge"),
};
const uint32_t GATEWAY_POINT_COUNT = ARRAY_LEN(GATEWAY_POINTS);

/* address */

static bool
parse_address(const char *text, uint16_t default_port, struct sockaddr_in6 *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    const char *port_text = NULL;
    int64_t port = default_port;
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    memset(out, 0, sizeof *out);
    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL || (size_t)(end - text) >= sizeof host || (end[1] != '\0' && end[1] != ':'))
            return false;
        memcpy(host, text + 1, (size_t)(end - text) - 1);
        host[end - text - 1] = '\0';
        port_text = end[1] == ':' ? end + 2 : NULL;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        if ((size_t)(colon - text) >= sizeof host)
            return false;
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = '\0';
        port_text = colon + 1;
    } else if (!text_copy(host, sizeof host, text)) {
        return false;
    }
    if (port_text != NULL && !text_parse_int(port_text, 1, 65535, &port))
        return false;
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        v4.sin_port = htons((uint16_t)port);
        memcpy(out, &v4, sizeof v4);
        return true;
    }
    out->sin6_family = AF_INET6;
    out->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, host, &out->sin6_addr) == 1;
}

/* profiles */

static const struct profile *
profile_for(struct build *build, const char *id, struct fy_node *asked_by)
{
    struct loaded_profile *loaded;

    HASH_FIND_STR(build->profiles, id, loaded);
    if (loaded != NULL)
        return loaded->profile;
    loaded = arena_alloc(build->arena, sizeof *loaded);
    if (loaded == NULL)
        return NULL;
    loaded->id = id;
    loaded->profile =
        profile_load(build->profile_dir, id, build->arena, build->diag, asked_by, &build->yaml);
    HASH_ADD_KEYPTR(hh, build->profiles, loaded->id, strlen(loaded->id), loaded);
    return loaded->profile;
}

/* Points in the device itself: a profile of its own. */
static const struct profile *
inline_profile(struct build *build, struct built_device *device)
{
    const struct raw_device *raw = &device->raw;
    struct profile *profile = arena_alloc(build->arena, sizeof *profile);

    if (profile == NULL)
        return NULL;
    if (raw->protocol < 0 || raw->groups == NULL || raw->points == NULL) {
        yaml_fault(&build->yaml, device->node,
                   "profile: ups/rfc1628, or protocol, groups and points",
                   "%s: needs a profile, or its own %s", raw->id,
                   raw->points == NULL ? "points"
                   : raw->protocol < 0 ? "protocol"
                                       : "groups");
        return NULL;
    }
    profile->id = "";
    profile->protocol = raw->protocol == 0 ? PROTOCOL_SNMP : PROTOCOL_MODBUS_TCP;
    profile->set = (struct source_set){.id = raw->id,
                                       .snmp = {.max_varbinds = 24, .max_bytes = 1400},
                                       .modbus = {.max_words = 120, .max_gap = 8}};
    struct profile_reader reader = {build->reader, profile->protocol};
    if (!profile_read_groups(&build->reader, raw->groups, profile) ||
        !profile_read_points(&reader, raw->points, profile) ||
        !profile_check_plans(&build->yaml, raw->points, profile, &profile->set))
        return NULL;
    return profile;
}

static bool
read_intervals(struct build *build, struct built_device *device)
{
    const struct profile *profile = device->profile;
    bool good = true;

    memcpy(device->groups, profile->groups, sizeof device->groups);
    if (device->raw.intervals == NULL)
        return true;
    YAML_EACH_PAIR(pair, device->raw.intervals)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));
        const char *known[GROUPS_MAX];
        uint16_t group = 0;

        for (uint16_t i = 0; i < profile->group_count; i++)
            known[i] = profile->groups[i].id;
        while (group < profile->group_count && (name == NULL || strcmp(known[group], name) != 0))
            group++;
        if (group == profile->group_count) {
            const char *nearest = name == NULL ? NULL : text_nearest(name, known, group);
            char hint[80];

            snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
            yaml_fault(&build->yaml, fy_node_pair_key(pair), nearest == NULL ? NULL : hint,
                       "intervals: the profile has no group \"%s\"", name == NULL ? "?" : name);
            good = false;
            continue;
        }
        good = profile_read_interval(&build->reader, fy_node_pair_value(pair),
                                     &device->groups[group].interval_ms) &&
               good;
    }
    return good;
}

/* Limits that differ from the profile's make a set of the device's own. */
static bool
read_protocol(struct build *build, struct built_device *device)
{
    const struct raw_device *raw = &device->raw;
    struct collect_device *collect = &device->collect;
    struct raw_snmp snmp = {.version = 1};
    struct raw_modbus modbus = {.unit = 1};
    struct source_set set = device->profile->set;
    bool is_snmp = device->profile->protocol == PROTOCOL_SNMP;

    if (is_snmp ? raw->modbus != NULL : raw->snmp != NULL) {
        yaml_fault(&build->yaml, is_snmp ? raw->modbus : raw->snmp, NULL, "%s: it is read over %s",
                   is_snmp ? "modbus" : "snmp", is_snmp ? "SNMP" : "Modbus");
        return false;
    }
    if (!profile_read_snmp(&build->reader, raw->snmp, &set.snmp, &snmp) ||
        !profile_read_modbus(&build->reader, raw->modbus, &set.modbus, &modbus))
        return false;
    collect->protocol = (uint8_t)device->profile->protocol;
    collect->snmp_version = snmp.version == 0 ? SNMP_V1 : SNMP_V2C;
    collect->community = snmp.community != NULL ? snmp.community : "public";
    collect->community_file = build_path(build, snmp.community_file);
    collect->unit = (uint8_t)modbus.unit;
    collect->set = &device->profile->set;
    if (snmp.community_file != NULL &&
        !build_check_secret(build, yaml_get(raw->snmp, "community_file"), collect->community_file))
        return false;
    if (raw->modbus == NULL &&
        (raw->snmp == NULL || (snmp.max_varbinds == 0 && snmp.max_bytes == 0)))
        return true;
    struct source_set *own = arena_alloc(build->arena, sizeof *own);
    if (own == NULL)
        return false;
    bool is_same = set.modbus.max_words == device->profile->set.modbus.max_words &&
                   set.modbus.max_gap == device->profile->set.modbus.max_gap &&
                   set.modbus.delay_ms == device->profile->set.modbus.delay_ms &&
                   set.modbus.connect_delay_ms == device->profile->set.modbus.connect_delay_ms &&
                   set.modbus.close_after_poll == device->profile->set.modbus.close_after_poll &&
                   set.modbus.never_across == device->profile->set.modbus.never_across &&
                   set.modbus.alone == device->profile->set.modbus.alone;
    if (!is_snmp && is_same)
        return true; /* only the unit differs: plans are shared */
    *own = set;
    collect->set = own;
    return profile_check_plans(&build->yaml, raw->modbus, device->profile, own);
}

static bool
read_address(struct build *build, struct built_device *device)
{
    uint16_t port = device->profile->protocol == PROTOCOL_SNMP ? 161 : 502;

    if (parse_address(device->raw.address, port, &device->collect.address))
        return true;
    yaml_fault(&build->yaml, yaml_get(device->node, "address"),
               "10.0.0.11, 10.0.0.11:1161, [fd00::1]:161; names are not resolved",
               "address: \"%s\" is no numeric address", device->raw.address);
    return false;
}

static uint64_t
digest_node(uint64_t digest, struct fy_node *node)
{
    char *text = fy_emit_node_to_string(node, FYECF_MODE_FLOW_ONELINE | FYECF_WIDTH_INF);

    if (text != NULL)
        digest = fingerprint(digest, text, strlen(text) + 1);
    free(text);
    return digest;
}

/* Two digests: everything, and what reading it depends on. */
static void
digest_device(struct built_device *device)
{
    static const char *const NOT_READING[] = {"alarms", "name", "zone", "asset", "owner", "fed_by"};
    uint64_t start =
        fingerprint(FINGERPRINT_START, &device->profile->digest, sizeof device->profile->digest);

    device->digest = digest_node(start, device->node);
    device->read_digest = start;
    YAML_EACH_PAIR(pair, device->node)
    {
        const char *key = yaml_text(fy_node_pair_key(pair));
        bool counts = true;

        for (size_t i = 0; i < ARRAY_LEN(NOT_READING); i++)
            counts = counts && strcmp(key, NOT_READING[i]) != 0;
        if (!counts)
            continue;
        device->read_digest = fingerprint(device->read_digest, key, strlen(key));
        device->read_digest = digest_node(device->read_digest, fy_node_pair_value(pair));
    }
}

static bool
read_device(struct build *build, struct fy_node *node, struct built_device *device)
{
    struct raw_device *raw = &device->raw;
    struct built_device *other;

    *raw = (struct raw_device){.protocol = -1};
    device->node = node;
    if (!schema_read(&build->reader, node, &TABLE_DEVICE, raw))
        return false;
    HASH_FIND_STR(build->by_id, raw->id, other);
    if (other != NULL || strcmp(raw->id, "gateway") == 0) {
        yaml_fault(&build->yaml, yaml_get(node, "id"), NULL,
                   other != NULL ? "id: \"%s\" is given twice"
                                 : "id: \"%s\" is this program itself",
                   raw->id);
        return false;
    }
    HASH_ADD_KEYPTR(hh, build->by_id, raw->id, strlen(raw->id), device);
    if (raw->profile != NULL &&
        (raw->points != NULL || raw->groups != NULL || raw->protocol >= 0)) {
        yaml_fault(&build->yaml, node, "intervals changes a profile's groups",
                   "%s: a profile brings its own protocol, groups and points", raw->id);
        return false;
    }
    device->profile = raw->profile != NULL
                          ? profile_for(build, raw->profile, yaml_get(node, "profile"))
                          : inline_profile(build, device);
    if (device->profile == NULL) {
        /* Told where the profile was first asked for; here it only makes the file faulty. */
        return false;
    }
    device->collect.timeout_ms = (uint16_t)(raw->timeout_ms != 0 ? raw->timeout_ms
                                            : device->profile->protocol == PROTOCOL_SNMP ? 1000
                                                                                         : 2000);
    device->collect.down_after = (uint16_t)raw->down_after;
    device->collect.up_after = (uint16_t)raw->up_after;
    device->collect.backoff_max_ms = (uint32_t)raw->backoff_max_ms;
    bool good = read_address(build, device);
    good = read_intervals(build, device) && good;
    good = read_protocol(build, device) && good;
    digest_device(device);
    return good;
}

/* fed_by */

static struct built_device *
find_device(struct build *build, const char *id)
{
    struct built_device *found;

    HASH_FIND_STR(build->by_id, id, found);
    return found;
}

static bool
check_feeds(struct build *build, struct built_device *device)
{
    bool good = true;

    if (device->raw.fed_by == NULL)
        return true;
    YAML_EACH_ITEM(item, device->raw.fed_by)
    {
        const char *id = yaml_text(item);

        if (id == NULL || find_device(build, id) == NULL) {
            const char **known = calloc(build->device_count + 1u, sizeof *known);
            const char *nearest = NULL;
            char hint[200];

            for (uint32_t i = 0; known != NULL && i < build->device_count; i++)
                known[i] = build->devices[i].raw.id != NULL ? build->devices[i].raw.id : "";
            if (known != NULL && id != NULL)
                nearest = text_nearest(id, known, build->device_count);
            free(known);
            snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
            yaml_fault(&build->yaml, item, nearest == NULL ? NULL : hint,
                       "fed_by: there is no device \"%s\"", id == NULL ? "?" : id);
            good = false;
        }
    }
    return good;
}

/* Follows feeds upwards; more steps than devices means a circle. */
static bool
is_in_circle(struct build *build, const struct built_device *start)
{
    const struct built_device **stack = calloc(build->device_count + 1u, sizeof *stack);
    bool *seen = calloc(build->device_count + 1u, sizeof *seen);
    uint32_t depth = 0;
    bool found = false;

    if (stack != NULL && seen != NULL)
        stack[depth++] = start;
    while (depth > 0 && !found) {
        const struct built_device *device = stack[--depth];

        if (device->raw.fed_by == NULL)
            continue;
        YAML_EACH_ITEM(item, device->raw.fed_by)
        {
            const char *id = yaml_text(item);
            struct built_device *feeder = id == NULL ? NULL : find_device(build, id);

            if (feeder == start)
                found = true;
            if (feeder != NULL && !seen[feeder - build->devices]) {
                seen[feeder - build->devices] = true;
                stack[depth++] = feeder;
            }
        }
    }
    free(stack);
    free(seen);
    return found;
}

bool
build_devices(struct build *build)
{
    int items = fy_node_sequence_item_count(build->top.devices);
    bool good = true;

    if (items <= 0) {
        yaml_fault(&build->yaml, build->top.devices, NULL, "devices: none");
        return false;
    }
    build->devices = calloc((size_t)items, sizeof *build->devices);
    if (build->devices == NULL)
        return false;
    YAML_EACH_ITEM(item, build->top.devices)
    {
        good = read_device(build, item, &build->devices[build->device_count++]) && good;
    }
    for (uint32_t i = 0; i < build->device_count; i++)
        good = check_feeds(build, &build->devices[i]) && good;
    for (uint32_t i = 0; good && i < build->device_count; i++)
        if (build->devices[i].raw.fed_by != NULL && is_in_circle(build, &build->devices[i])) {
            yaml_fault(&build->yaml, build->devices[i].raw.fed_by, NULL,
                       "fed_by: %s feeds itself by a circle", build->devices[i].raw.id);
            good = false;
        }
    return good;
}

/* numbers */

uint32_t
build_number_for(const struct number_of *known, const char *name, uint32_t *next)
{
    struct number_of *found;

    HASH_FIND_STR(known, name, found);
    return found != NULL ? found->number : (*next)++;
}

static void
add_known(struct number_of **known, struct arena *arena, const char *name, uint32_t number)
{
    struct number_of *one = arena_alloc(arena, sizeof *one);

    if (one == NULL)
        return;
    one->name = arena_text(arena, name);
    one->number = number;
    HASH_ADD_KEYPTR(hh, *known, one->name, strlen(one->name), one);
}

/* Names of the previous site, and of those that had vanished before. */
static void
know_previous(const struct site *previous, struct arena *scratch, struct number_of **devices,
              struct number_of **points)
{
    char name[TOPIC_ID_MAX];

    if (previous == NULL)
        return;
    for (uint32_t i = 0; i < previous->directory.device_limit; i++)
        if (previous->directory.devices[i].id != NULL)
            add_known(devices, scratch, previous->directory.devices[i].id, i);
    for (uint32_t i = 0; i < previous->directory.point_limit; i++)
        if (previous->directory.points[i].def != NULL)
            add_known(points, scratch, directory_point_name(&previous->directory, i, name), i);
    for (const struct retired *gone = previous->retired; gone != NULL; gone = gone->next) {
        if (gone->kind == RETIRED_DEVICE)
            add_known(devices, scratch, gone->name, gone->number);
        else if (gone->kind == RETIRED_POINT)
            add_known(points, scratch, gone->name, gone->number);
    }
}

struct numbering {
    struct build *build;
    struct number_of *devices, *points;
    uint32_t next_device, next_point;
};

/* Numbers of a device's points; the device's own comes first. */
static uint32_t *
number_points(struct numbering *numbering, const char *id, const struct point_def *const *defs,
              uint32_t count)
{
    uint32_t *numbers = arena_array(numbering->build->arena, count, sizeof *numbers);
    char name[TOPIC_ID_MAX + ID_MAX];

    for (uint32_t i = 0; i < count && numbers != NULL; i++) {
        if (numbering->points == NULL) {
            numbers[i] = numbering->next_point++;
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", id, defs[i]->id);
        numbers[i] = build_number_for(numbering->points, name, &numbering->next_point);
    }
    return numbers;
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

struct placed { /* a device with its points, before the directory's size is known */
    struct device_info info;
    uint32_t number;
    const struct point_def *const *defs;
};

static void
place_device(struct numbering *numbering, struct built_device *device, struct placed *out)
{
    struct arena *arena = numbering->build->arena;
    uint32_t count = device->profile->set.source_count + 1;
    const struct point_def **defs = arena_array(arena, count, sizeof *defs);
    const struct raw_device *raw = &device->raw;

    if (defs == NULL)
        return;
    for (uint32_t i = 0; i + 1 < count; i++)
        defs[i] = device->profile->set.sources[i].def;
    defs[count - 1] = &COMM_POINT;
    device->number = build_number_for(numbering->devices, raw->id, &numbering->next_device);
    device->collect.device = device->number;
    uint32_t *points = number_points(numbering, raw->id, defs, count);
    out->number = device->number;
    out->defs = defs;
    out->info = (struct device_info){.id = raw->id,
                                     .name = raw->name != NULL ? raw->name : raw->id,
                                     .zone = or_empty(raw->zone),
                                     .asset = or_empty(raw->asset),
                                     .owner = or_empty(raw->owner),
                                     .profile = device->profile->id,
                                     .address = raw->address,
                                     .group_count = device->profile->group_count,
                                     .point_count = count,
                                     .points = points,
                                     .comm_point = points == NULL ? 0 : points[count - 1],
                                     .digest = device->digest};
    memcpy(out->info.groups, device->groups, sizeof out->info.groups);
}

static void
place_gateway(struct numbering *numbering, struct placed *out)
{
    uint32_t count = GATEWAY_POINT_COUNT + 1;
    const struct point_def **defs = arena_array(numbering->build->arena, count, sizeof *defs);

    if (defs == NULL)
        return;
    for (uint32_t i = 0; i + 1 < count; i++)
        defs[i] = &GATEWAY_POINTS[i];
    defs[count - 1] = &COMM_POINT;
    out->number = build_number_for(numbering->devices, "gateway", &numbering->next_device);
    out->defs = defs;
    uint32_t *points = number_points(numbering, "gateway", defs, count);
    out->info = (struct device_info){.id = "gateway",
                                     .name = "Watchroom",
                                     .zone = "",
                                     .asset = "",
                                     .owner = "",
                                     .profile = "",
                                     .address = "",
                                     .group_count = 1,
                                     .groups = {{"own", 0}},
                                     .point_count = count,
                                     .points = points,
                                     .comm_point = points == NULL ? 0 : points[count - 1]};
}

static void
fill_directory(struct build *build, const struct placed *placed, uint32_t count,
               const struct numbering *numbering)
{
    struct directory *directory = &build->site->directory;
    struct device_info *devices =
        arena_array(build->arena, numbering->next_device, sizeof *devices);
    struct point_ref *points = arena_array(build->arena, numbering->next_point, sizeof *points);

    if (devices == NULL || points == NULL)
        return;
    for (uint32_t i = 0; i < count; i++) {
        devices[placed[i].number] = placed[i].info;
        for (uint32_t k = 0; k < placed[i].info.point_count; k++)
            points[placed[i].info.points[k]] =
                (struct point_ref){placed[i].defs[k], placed[i].number};
    }
    *directory = (struct directory){.site = build->site->id,
                                    .generation = build->options->generation,
                                    .device_limit = numbering->next_device,
                                    .devices = devices,
                                    .point_limit = numbering->next_point,
                                    .points = points};
}

/* Vanished names keep their numbers for ever: they come back, or nobody gets them. */
static void
retire(struct build *build, const struct number_of *known, enum retired_kind kind)
{
    char name[TOPIC_ID_MAX];

    for (const struct number_of *one = known; one != NULL; one = one->hh.next) {
        const struct directory *directory = &build->site->directory;
        bool is_here =
            kind == RETIRED_DEVICE
                ? directory_device(directory, one->number) != NULL
                : directory_point(directory, one->number) != NULL &&
                      strcmp(directory_point_name(directory, one->number, name), one->name) == 0;
        struct retired *gone = is_here ? NULL : arena_alloc(build->arena, sizeof *gone);

        if (gone == NULL)
            continue;
        *gone = (struct retired){.kind = kind,
                                 .name = arena_text(build->arena, one->name),
                                 .number = one->number,
                                 .next = build->site->retired};
        build->site->retired = gone;
    }
}

static int
compare_links(const void *a, const void *b)
{
    const struct collect_device *left = *(struct collect_device *const *)a;
    const struct collect_device *right = *(struct collect_device *const *)b;
    int order = memcmp(&left->address, &right->address, sizeof left->address);

    return order != 0 ? order
                      : (left->protocol > right->protocol) - (left->protocol < right->protocol);
}

/* Modbus devices at one address and port share a connection; SNMP devices are each alone. */
static void
number_links(struct collect_device *devices, uint32_t count)
{
    struct collect_device **sorted = calloc(count + 1u, sizeof *sorted);
    uint32_t link = 0;

    if (sorted == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &devices[i];
    qsort(sorted, count, sizeof *sorted, compare_links);
    for (uint32_t i = 0; i < count; i++) {
        bool is_shared = i > 0 && sorted[i]->protocol == PROTOCOL_MODBUS_TCP &&
                         compare_links(&sorted[i - 1], &sorted[i]) == 0;

        if (i > 0 && !is_shared)
            link++;
        sorted[i]->link = link;
    }
    free(sorted);
}

void
build_number(struct build *build)
{
    const struct site *previous = build->options->previous;
    struct arena *scratch = arena_new();
    struct numbering numbering = {
        .build = build,
        .next_device = previous == NULL ? 0 : previous->directory.device_limit,
        .next_point = previous == NULL ? 0 : previous->directory.point_limit};
    struct placed *placed = calloc(build->device_count + 1u, sizeof *placed);
    struct collect_device *collect =
        arena_array(build->arena, build->device_count, sizeof *collect);

    if (scratch == NULL || placed == NULL || collect == NULL)
        abort(); /* out of memory while reading a file: nothing to save */
    know_previous(previous, scratch, &numbering.devices, &numbering.points);
    place_gateway(&numbering, &placed[0]);
    for (uint32_t i = 0; i < build->device_count; i++) {
        place_device(&numbering, &build->devices[i], &placed[i + 1]);
        collect[i] = build->devices[i].collect;
    }
    number_links(collect, build->device_count);
    fill_directory(build, placed, build->device_count + 1, &numbering);
    retire(build, numbering.devices, RETIRED_DEVICE);
    retire(build, numbering.points, RETIRED_POINT);
    build->site->devices = collect;
    build->site->device_count = build->device_count;
    HASH_CLEAR(hh, numbering.devices);
    HASH_CLEAR(hh, numbering.points);
    free(placed);
    arena_free(scratch);
}
