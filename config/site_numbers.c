/*
 * site_numbers.c - numbers for devices and points, and the directory that says what they mean.
 *
 * A name keeps its number over reloads, and a number is never given to another name.
 */
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
static const struct value_label ESCALATION_LABELS[] = {{0, "ok"}, {1, "exhausted"}};
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
    FLAG_POINT("broker.refused", "the broker refused something lately"),
    STATE_POINT("workers.state", WORKER_LABELS, "a process died or hung lately"),
    STATE_POINT("config.state", CONFIG_LABELS, "the newest configuration was accepted"),
    FLAG_POINT("samples.merged", "collectors are ahead of the judge"),
    {.id = "alarms.chattering",
     .unit = "",
     .description = "alarms held because they chatter",
     .kind = VALUE_NUMBER},
    STATE_POINT("escalation.state", ESCALATION_LABELS, "did somebody answer"),
    FLAG_POINT("unwatched.security", "nobody is at a console for security"),
    FLAG_POINT("unwatched.continuity", "nobody is at a console for continuity"),
    FLAG_POINT("unwatched.facilities", "nobody is at a console for facilities"),
};
const uint32_t GATEWAY_POINT_COUNT = ARRAY_LEN(GATEWAY_POINTS);

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
    uint32_t placed_count = 0;

    if (scratch == NULL || placed == NULL || collect == NULL)
        abort(); /* out of memory while reading a file: nothing to save */
    know_previous(previous, scratch, &numbering.devices, &numbering.points);
    place_gateway(&numbering, &placed[placed_count++]);
    for (uint32_t i = 0; i < build->device_count; i++) {
        if (!build->devices[i].is_usable)
            continue; /* a faulty file: only checked further */
        place_device(&numbering, &build->devices[i], &placed[placed_count++]);
        collect[i] = build->devices[i].collect;
    }
    number_links(collect, build->device_count);
    fill_directory(build, placed, placed_count, &numbering);
    retire(build, numbering.devices, RETIRED_DEVICE);
    retire(build, numbering.points, RETIRED_POINT);
    build->site->devices = collect;
    build->site->device_count = build->device_count;
    HASH_CLEAR(hh, numbering.devices);
    HASH_CLEAR(hh, numbering.points);
    free(placed);
    arena_free(scratch);
}
