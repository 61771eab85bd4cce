/*
 * site_devices.c - the devices of a site: read and checked.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/site_build.h"
#include "gateway/base/text.h"

#define FEEDERS_MAX 32

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
        uint32_t number = ntohl(v4.sin_addr.s_addr);

        if (number == INADDR_ANY || number >= 0xe0000000) /* multicast and above: nobody's own */
            return false;
        v4.sin_port = htons((uint16_t)port);
        memcpy(out, &v4, sizeof v4);
        return true;
    }
    out->sin6_family = AF_INET6;
    out->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, host, &out->sin6_addr) == 1 &&
           !IN6_IS_ADDR_UNSPECIFIED(&out->sin6_addr) && !IN6_IS_ADDR_MULTICAST(&out->sin6_addr);
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
        profile_load(build->profile_dir, id, build->arena, build->diag, build->options->texts,
                     asked_by, &build->yaml);
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
    good = schema_need_distinct(&build->yaml, device->raw.intervals, "intervals");
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

/* Without its profile their names cannot be judged, but their times can. */
static void
check_interval_times(struct build *build, struct fy_node *intervals)
{
    int64_t interval_ms;

    if (intervals == NULL)
        return;
    YAML_EACH_PAIR(pair, intervals)
    {
        (void)profile_read_interval(&build->reader, fy_node_pair_value(pair), &interval_ms);
    }
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
    if (snmp.community_file != NULL && snmp.community != NULL) {
        yaml_fault(&build->yaml, yaml_get(raw->snmp, "community"), NULL,
                   "snmp: community or community_file, not both");
        return false;
    }
    if (snmp.community != NULL && build->is_open && strcmp(snmp.community, "public") != 0)
        yaml_warn(&build->yaml, yaml_get(raw->snmp, "community"),
                  "chmod 640 the site file, or use community_file",
                  "community: a secret that everybody on this machine may read");
    if (snmp.community_file != NULL &&
        !build_check_secret(build, yaml_get(raw->snmp, "community_file"), collect->community_file,
                            &device->secret))
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
               "address: \"%s\" is no numeric address of a device", device->raw.address);
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

struct built_device *
build_find_device(struct build *build, const char *id)
{
    struct built_device *found;

    HASH_FIND_STR(build->by_id, id, found);
    return found;
}

/* Known by its id whatever else is wrong with it: who refers to it makes no fault by that. */
static bool
take_id(struct build *build, struct built_device *device)
{
    const struct raw_device *raw = &device->raw;

    if (raw->id == NULL)
        return false;
    const struct built_device *other = build_find_device(build, raw->id);
    if (other != NULL || strcmp(raw->id, "gateway") == 0) {
        yaml_fault(&build->yaml, yaml_get(device->node, "id"), NULL,
                   other != NULL ? "id: \"%s\" is given twice"
                                 : "id: \"%s\" is this program itself",
                   raw->id);
        return false;
    }
    HASH_ADD_KEYPTR(hh, build->by_id, raw->id, strlen(raw->id), device);
    return true;
}

static bool
read_device(struct build *build, struct fy_node *node, struct built_device *device)
{
    struct raw_device *raw = &device->raw;

    *raw = (struct raw_device){.protocol = -1};
    device->node = node;
    bool good = schema_read(&build->reader, node, &TABLE_DEVICE, raw);
    bool has_id = take_id(build, device);
    if (raw->profile != NULL &&
        (raw->points != NULL || raw->groups != NULL || raw->protocol >= 0)) {
        yaml_fault(&build->yaml, node, "intervals changes a profile's groups",
                   "%s: a profile brings its own protocol, groups and points",
                   has_id ? raw->id : "?");
        return false;
    }
    /* What is missing here was misspelt, and told. */
    if (!good && raw->profile == NULL &&
        (raw->protocol < 0 || raw->groups == NULL || raw->points == NULL))
        return false;
    device->profile = raw->profile != NULL
                          ? profile_for(build, raw->profile, yaml_get(node, "profile"))
                          : inline_profile(build, device);
    if (device->profile == NULL) {
        /* Told where the profile was first asked for; here it only makes the file faulty. */
        check_interval_times(build, raw->intervals);
        return false;
    }
    device->collect.timeout_ms = (uint16_t)(raw->timeout_ms != 0 ? raw->timeout_ms
                                            : device->profile->protocol == PROTOCOL_SNMP ? 1000
                                                                                         : 2000);
    device->collect.down_after = (uint16_t)raw->down_after;
    device->collect.up_after = (uint16_t)raw->up_after;
    device->collect.backoff_max_ms = (uint32_t)raw->backoff_max_ms;
    good = has_id && good;
    good = (raw->address == NULL || read_address(build, device)) && good;
    good = read_intervals(build, device) && good;
    good = read_protocol(build, device) && good;
    device->is_usable = has_id;
    if (good)
        digest_device(device);
    return good;
}

/* fed_by */

static void
tell_dangling(struct build *build, struct fy_node *node, const char *id)
{
    /* A comparison with every device: not for faults that are only counted. */
    bool is_told = build->diag->count < DIAG_MAX && id != NULL;
    const char **known = is_told ? calloc(build->device_count + 1u, sizeof *known) : NULL;
    const char *nearest = NULL;
    char hint[200];

    if (known != NULL) {
        for (uint32_t i = 0; i < build->device_count; i++)
            known[i] = build->devices[i].raw.id != NULL ? build->devices[i].raw.id : "";
        nearest = text_nearest(id, known, build->device_count);
        free(known);
    }
    snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
    yaml_fault(&build->yaml, node, nearest == NULL ? NULL : hint,
               "fed_by: there is no device \"%s\"", id == NULL ? "?" : id);
}

static bool
check_feeds(struct build *build, struct built_device *device)
{
    const struct built_device *known[FEEDERS_MAX];
    size_t count = 0;
    bool good = true;

    if (device->raw.fed_by == NULL)
        return true;
    YAML_EACH_ITEM(item, device->raw.fed_by)
    {
        const char *id = yaml_text(item);
        const struct built_device *feeder = id == NULL ? NULL : build_find_device(build, id);

        if (feeder == NULL) {
            tell_dangling(build, item, id);
            good = false;
            continue;
        }
        if (count == FEEDERS_MAX) {
            yaml_fault(&build->yaml, item, NULL, "fed_by: more than %d", FEEDERS_MAX);
            return false;
        }
        for (size_t i = 0; i < count; i++)
            if (known[i] == feeder) {
                yaml_fault(&build->yaml, item, NULL, "fed_by: %s given twice", id);
                good = false;
            }
        known[count++] = feeder;
    }
    return good;
}

/* A device on the way up, and how far its feeders have been looked at. */
struct step {
    struct built_device *device;
    void *iterator;
};

/* The next device that feeds the one of this step; NULL: no more. */
static struct built_device *
next_feeder(struct build *build, struct step *step)
{
    struct fy_node *list = step->device->raw.fed_by, *item;

    while (list != NULL && (item = fy_node_sequence_iterate(list, &step->iterator)) != NULL) {
        const char *id = yaml_text(item);
        struct built_device *feeder = id == NULL ? NULL : build_find_device(build, id);

        if (feeder != NULL)
            return feeder;
    }
    return NULL;
}

enum seen { SEEN_NOT, SEEN_ON_THE_WAY, SEEN_DONE };

/* Follows feeds upwards from `start`, each device once in all; one met on its own way is a circle.
 */
static bool
check_circles(struct build *build, struct built_device *start, struct step *way, uint8_t *seen)
{
    uint32_t depth = 1;
    bool good = true;

    way[0] = (struct step){start, NULL};
    seen[start - build->devices] = SEEN_ON_THE_WAY;
    while (depth > 0) {
        struct built_device *feeder = next_feeder(build, &way[depth - 1]);

        if (feeder == NULL) {
            seen[way[--depth].device - build->devices] = SEEN_DONE;
        } else if (seen[feeder - build->devices] == SEEN_NOT) {
            seen[feeder - build->devices] = SEEN_ON_THE_WAY;
            way[depth++] = (struct step){feeder, NULL};
        } else if (seen[feeder - build->devices] == SEEN_ON_THE_WAY) {
            yaml_fault(&build->yaml, feeder->raw.fed_by, NULL,
                       "fed_by: %s feeds itself by a circle", feeder->raw.id);
            good = false;
        }
    }
    return good;
}

static bool
check_all_feeds(struct build *build)
{
    struct step *way = calloc(build->device_count + 1u, sizeof *way);
    uint8_t *seen = calloc(build->device_count + 1u, sizeof *seen);
    bool good = way != NULL && seen != NULL;

    for (uint32_t i = 0; i < build->device_count; i++)
        good = check_feeds(build, &build->devices[i]) && good;
    for (uint32_t i = 0; way != NULL && seen != NULL && i < build->device_count; i++)
        if (seen[i] == SEEN_NOT)
            good = check_circles(build, &build->devices[i], way, seen) && good;
    free(way);
    free(seen);
    return good;
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
    return check_all_feeds(build) && good;
}
