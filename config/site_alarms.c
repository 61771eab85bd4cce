/*
 * site_alarms.c - every alarm of a site: the gateway's own, each device's, the profiles', the
 * site's.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/lints.h"
#include "config/site_build.h"
#include "config/site_overrides.h"
#include "config/site_roots.h"
#include "gateway/base/text.h"

#define STALE_POLLS 3
#define STALE_SLACK_MS 500
#define STALE_MIN_MS 3000

struct alarm_list {
    struct build *build;
    struct lint_alarm *alarms; /* with where each is defined */
    uint32_t count, room;
    struct number_of *ids; /* duplicates */
    struct settled *settled;
    struct arena *scratch;
};

static int64_t
stale_after(const struct device_info *device, const struct point_def *def)
{
    int64_t interval_ms = device->groups[def->group].interval_ms;

    if (interval_ms == 0)
        return 0;
    int64_t after_ms = interval_ms * STALE_POLLS + STALE_SLACK_MS;
    return after_ms < STALE_MIN_MS ? STALE_MIN_MS : after_ms;
}

/* One copy of each type that leaves it to the site when it is told again. */
struct settled {
    const struct alarm_type *from, *type;
    UT_hash_handle hh;
};

static const struct alarm_type *
settle_realarm(struct alarm_list *list, const struct alarm_type *type)
{
    struct settled *known;

    if (type->realarm_ms != ALARM_REALARM_BY_PRIORITY)
        return type;
    HASH_FIND_PTR(list->settled, &type, known);
    if (known != NULL)
        return known->type;

    struct alarm_type *copy = arena_alloc(list->build->arena, sizeof *copy);
    known = arena_alloc(list->scratch, sizeof *known);
    if (copy == NULL || known == NULL)
        abort();
    *copy = *type;
    copy->realarm_ms = list->build->realarm_ms[type->priority];
    copy->digest = fingerprint(type->digest, &copy->realarm_ms, sizeof copy->realarm_ms);
    *known = (struct settled){.from = type, .type = copy};
    HASH_ADD_PTR(list->settled, from, known);
    return copy;
}

/* What an alarm looks at: its point, or several. */
static struct alarm_def
look_at(struct build *build, uint32_t point, const uint32_t *numbers, uint16_t count)
{
    const struct directory *directory = &build->site->directory;
    const struct point_ref *ref = &directory->points[point];
    struct alarm_input *inputs =
        count == 0 ? NULL : arena_array(build->arena, count, sizeof *inputs);

    for (uint16_t i = 0; i < count && inputs != NULL; i++) {
        const struct point_ref *one = &directory->points[numbers[i]];

        inputs[i] = (struct alarm_input){numbers[i],
                                         stale_after(&directory->devices[one->device], one->def)};
    }
    return (struct alarm_def){.device = ref->device,
                              .point = point,
                              .stale_after_ms =
                                  stale_after(&directory->devices[ref->device], ref->def),
                              .inputs = inputs,
                              .input_count = inputs == NULL ? 0 : count};
}

/* False: the id exists already. */
static bool
add_alarm(struct alarm_list *list, const struct alarm_type *type, struct alarm_def def,
          struct lint_place at)
{
    struct build *build = list->build;
    const char *id = arena_format(build->arena, "%s/%s/%s",
                                  alarm_class_name((enum alarm_class)type->alarm_class),
                                  build->site->directory.devices[def.device].id, type->name);
    struct number_of *known;

    if (id == NULL)
        return true;
    HASH_FIND_STR(list->ids, id, known);
    if (known != NULL)
        return false;
    known = arena_alloc(list->scratch, sizeof *known);
    if (known != NULL) {
        known->name = id;
        known->number = list->count;
        HASH_ADD_KEYPTR(hh, list->ids, known->name, strlen(known->name), known);
    }
    if (list->count == list->room) {
        list->room = list->room == 0 ? 256 : list->room * 2;
        list->alarms = realloc(list->alarms, list->room * sizeof *list->alarms);
        if (list->alarms == NULL)
            abort();
    }
    def.type = settle_realarm(list, type);
    def.id = id;
    list->alarms[list->count++] = (struct lint_alarm){.def = def, .at = at};
    return true;
}

/* built-in */

static const double ZERO[] = {0}, ONE[] = {1}, TWO[] = {2};

#define BUILTIN(dotted, last, prio, when, what, then, todo, within_s, delay_ms)                    \
    {                                                                                              \
        .type = dotted, .name = last, .text = what, .consequence = then, .action = todo,           \
        .respond_within_ms = (within_s)*INT64_C(1000), .alarm_class = CLASS_GATEWAY,               \
        .audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES), .priority = prio, .rule = RULE_IS,         \
        .ack_required = true, .shelvable = prio > 1, .values = when, .value_count = 1,             \
        .on_delay_ms = delay_ms, .realarm_ms = ALARM_REALARM_BY_PRIORITY                           \
    }

/* clang-format off */
static const struct alarm_type COMM_LOST = BUILTIN("gateway.comm-lost", "comm-lost", 3, ZERO,
    "A device does not answer", "Its readings are unknown: what goes wrong there is not seen",
    "Look at its power and network; read it on its own panel until it is back", 7200, 0);

static const struct alarm_type DATA_STALE = {
    .type = "gateway.data-stale", .name = "data-stale",
    .text = "A device answers, but some of its readings are old",
    .consequence = "Alarms on those readings cannot be raised or cleared",
    .action = "watchroom values DEVICE shows which; check the device and its profile",
    .respond_within_ms = 86400000, .alarm_class = CLASS_GATEWAY,
    .audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES), .priority = 4, .rule = RULE_STALE,
    .ack_required = true, .shelvable = true, .on_delay_ms = 10000, .off_delay_ms = 10000};

#define ALL_AUDIENCES (AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_CONTINUITY) | AUDIENCE_BIT(AUDIENCE_FACILITIES))
struct own_alarm {
    const char *point;
    bool needs_broker, is_managed, is_for_all;
    struct alarm_type type;
};

static const struct own_alarm OWN[] = {
    {"journal.state", false, true, true, BUILTIN("gateway.journal-failed", "journal-failed", 1, TWO,
        "The journal cannot be written", "Alarms are still told, but there is no lasting record of them",
        "Free space on the state disk or replace it; watchroom status says what fails", 120, 0)},
    {"journal.restarted", false, true, true, BUILTIN("gateway.journal-restarted", "journal-restarted", 1, ONE,
        "The journal began anew: the old file could not be used", "Older records are only in the file put aside; acknowledgements and shelves are gone",
        "Keep the file that the journal's first rows name; look at the state disk", 120, 0)},
    {"journal.state", false, false, false, BUILTIN("gateway.journal-space", "journal-space", 2, ONE,
        "The state disk is nearly full", "The journal will soon not be written",
        "Free space on the state disk", 600, 0)},
    {"store.state", false, false, false, BUILTIN("gateway.store-failing", "store-failing", 3, ONE,
        "Time series cannot be written", "Graphs get holes; alarms are not affected",
        "Look at the state disk; watchroom status says what fails", 7200, 10000)},
    {"store.time", false, false, false, BUILTIN("gateway.time-jumped", "time-jumped", 3, ONE,
        "The clock has jumped: readings are not stored", "Graphs get holes until the clock is right",
        "Check the time service of this machine", 7200, 0)},
    {"store.loss", false, false, false, BUILTIN("gateway.store-loss", "store-loss", 4, ONE,
        "Readings do not reach the time series", "Graphs get holes",
        "Look at the load of this machine and its disk", 86400, 10000)},
    {"broker.state", true, false, false, BUILTIN("gateway.broker-lost", "broker-lost", 2, ONE,
        "No connection to the MQTT broker", "Nobody is told of alarms over MQTT",
        "Look at the broker and the network; use watchroom alarms on this machine until it is back", 600, 60000)},
    {"broker.unconfirmed", true, false, true, BUILTIN("gateway.broker-unconfirmed", "broker-unconfirmed", 1, ONE,
        "The broker has not confirmed a critical alarm", "Perhaps nobody was told of it",
        "Tell the people concerned by another way; look at the broker", 120, 0)},
    {"broker.refused", true, false, true, BUILTIN("gateway.broker-refused", "broker-refused", 2, ONE,
        "The MQTT broker refuses what it is told", "Some people do not see some alarms",
        "watchroom status and the log name the topics: look at the broker's access list and its limits", 600, 0)},
    {"workers.state", false, false, false, BUILTIN("gateway.worker-restarted", "worker-restarted", 3, ONE,
        "A process of the gateway died or hung and was started again", "Readings may be missing for some seconds",
        "Keep the log; report it if it happens again", 7200, 0)},
    {"config.state", false, false, false, BUILTIN("gateway.config-refused", "config-refused", 3, ONE,
        "A new configuration was refused", "The gateway goes on with the old one",
        "watchroom check SITE names every fault", 7200, 0)},
    {"alarms.chattering", false, false, false, {
        .type = "gateway.chatter", .name = "chatter",
        .text = "Alarms that come and go are held active",
        .consequence = "Each was told once; what their inputs do is in the journal only",
        .action = "watchroom alarms shows which (chatter): mend the contact or the sensor, or widen deadband and delays",
        .respond_within_ms = 7200000, .alarm_class = CLASS_GATEWAY,
        .audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES), .priority = 3, .rule = RULE_HIGH, .limit = 0,
        .ack_required = true, .shelvable = true, .realarm_ms = ALARM_REALARM_BY_PRIORITY}},
    {"samples.merged", false, false, false, BUILTIN("gateway.overload", "overload", 3, ONE,
        "Readings come faster than they are judged", "Alarms come late",
        "Look at the load of this machine; use more collectors or longer intervals", 7200, 10000)},
    {"escalation.state", false, true, true, BUILTIN("gateway.escalation-exhausted", "escalation-exhausted", 1, ONE,
        "An alarm was told to everybody on its ladder, and nobody answered", "It may be that nobody does anything about it",
        "watchroom alarms: acknowledge it, and find out why nobody did", 120, 0)},
};

/* Nobody is at a console of an audience that must be watched; in the order of enum audience. */
#define UNWATCHED(name)                                                                            \
    {"unwatched." name, true, true, true, BUILTIN("gateway.audience-unwatched", "unwatched-" name, 2, ONE,     \
        "Nobody is at a console for " name, "Alarms for them are told, and perhaps nobody sees them",  \
        "Open a console (watchroom console), or send somebody to it", 600, 0)}
static const struct own_alarm WATCH[] = {UNWATCHED("security"), UNWATCHED("continuity"), UNWATCHED("facilities")};
static_assert(ARRAY_LEN(WATCH) == AUDIENCE_COUNT, "an audience has no alarm");
/* clang-format on */

static void
add_own_alarm(struct alarm_list *list, uint32_t gateway, const struct own_alarm *own,
              unsigned priority, int64_t on_delay_ms)
{
    struct site *site = list->build->site;
    struct alarm_type *type = arena_alloc(list->build->arena, sizeof *type);
    char name[TOPIC_ID_MAX];
    uint32_t point;

    snprintf(name, sizeof name, "gateway/%s", own->point);
    if (type == NULL || (own->needs_broker && !site->has_broker) ||
        !directory_find_point(&site->directory, name, &point))
        return;
    *type = own->type;
    type->managed = own->is_managed;
    if (own->is_for_all)
        type->audiences = ALL_AUDIENCES;
    type->priority = (uint8_t)priority;
    type->shelvable = priority > 1 && !own->is_managed;
    type->on_delay_ms = on_delay_ms;
    type->digest = profile_digest_type(type);
    add_alarm(list, type, (struct alarm_def){.device = gateway, .point = point},
              (struct lint_place){0});
}

static void
add_own(struct alarm_list *list)
{
    struct site *site = list->build->site;
    const struct alarms_params *params = &site->alarms_params;
    uint32_t gateway;

    if (!directory_find_device(&site->directory, "gateway", &gateway))
        return;
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        add_own_alarm(list, gateway, &OWN[i], OWN[i].type.priority, OWN[i].type.on_delay_ms);
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if ((params->watched & AUDIENCE_BIT(audience)) != 0)
            add_own_alarm(list, gateway, &WATCH[audience], params->unwatched_priority[audience],
                          params->unwatched_after_ms[audience]);
}

/* of devices */

static bool
add_device_alarm(struct alarm_list *list, const struct built_device *device,
                 const struct alarm_type *type, struct alarm_def def,
                 const struct yaml_place *place)
{
    struct fy_node *change =
        device->raw.alarms == NULL ? NULL : yaml_get(device->raw.alarms, type->name);

    if (change != NULL && !site_overrides_read(list->build, change, type, &type))
        return false;
    def.device = device->number;
    if (type != NULL)
        add_alarm(list, type, def, (struct lint_place){change, place});
    return true;
}

static bool
add_of_device(struct alarm_list *list, const struct built_device *device)
{
    const char *const builtin[2] = {COMM_LOST.name, DATA_STALE.name};
    const struct device_info *info = &list->build->site->directory.devices[device->number];
    const struct profile *profile = device->profile;
    bool good =
        device->raw.alarms == NULL || site_overrides_check_names(list->build, device, builtin);

    const struct alarm_def on_comm = {.point = info->comm_point};
    uint32_t numbers[EXPRESSION_INPUTS_MAX];

    good = add_device_alarm(list, device, &COMM_LOST, on_comm, NULL) && good;
    good = add_device_alarm(list, device, &DATA_STALE, on_comm, NULL) && good;
    for (uint32_t i = 0; i < profile->alarm_count; i++) {
        const struct profile_alarm *alarm = &profile->alarms[i];

        for (uint16_t k = 0; k < alarm->input_count; k++)
            numbers[k] = info->points[alarm->inputs[k]];
        good = add_device_alarm(
                   list, device, alarm->type,
                   look_at(list->build, info->points[alarm->point], numbers, alarm->input_count),
                   &alarm->place) &&
               good;
    }
    return good;
}

/* the site's own list */

/* As directory_find_point, but with a hash. Unsure: the device has faults of its own. */
static enum found
find_point(void *ctx, const char *name, uint32_t *out_point, const struct point_def **out_def)
{
    struct build *build = ctx;
    const struct directory *directory = &build->site->directory;
    const char *slash = strchr(name, '/');
    char id[ID_MAX];

    if (slash == NULL || (size_t)(slash - name) >= sizeof id)
        return FOUND_NOT;
    memcpy(id, name, (size_t)(slash - name));
    id[slash - name] = '\0';
    const struct built_device *device = build_find_device(build, id);
    if (device == NULL) { /* perhaps the gateway itself */
        if (!directory_find_point(directory, name, out_point))
            return FOUND_NOT;
        *out_def = directory->points[*out_point].def;
        return FOUND;
    }
    if (!device->is_usable)
        return FOUND_UNSURE;
    const struct device_info *info = &directory->devices[device->number];
    for (uint32_t i = 0; i < info->point_count; i++) {
        const struct point_def *def = directory->points[info->points[i]].def;

        if (strcmp(def->id, slash + 1) != 0)
            continue;
        *out_point = info->points[i];
        *out_def = def;
        return FOUND;
    }
    return FOUND_NOT;
}

static bool
add_of_site(struct alarm_list *list, struct fy_node *node)
{
    struct build *build = list->build;
    struct raw_alarm raw = tables_alarm_defaults();
    struct rule_points points = {.names = {find_point, build}};

    bool is_read = schema_read(&build->reader, node, &TABLE_ALARM, &raw);
    if (raw.point == NULL)
        return false;
    enum found found = find_point(build, raw.point, &points.point, &points.def);
    if (found != FOUND) {
        if (found == FOUND_NOT)
            yaml_fault(&build->yaml, yaml_get(node, "point"),
                       "device/point, e.g. ups-a/battery.charge", "point: there is no point \"%s\"",
                       raw.point);
        return false;
    }
    if (!is_read) {
        profile_check_alarm(&build->reader, node, &raw, &points);
        return false;
    }
    const struct alarm_type *type = profile_read_alarm(&build->reader, node, &raw, &points);
    if (type == NULL)
        return false;
    if (add_alarm(list, type, look_at(build, points.point, points.inputs, points.input_count),
                  (struct lint_place){.node = yaml_get(node, "name")}))
        return true;
    yaml_fault(&build->yaml, yaml_get(node, "name"), NULL,
               "name: the device has an alarm %s of this class already", raw.name);
    return false;
}

/* numbers */

static void
place_alarm(struct alarm_def *defs, const uint32_t *numbers, const struct alarm_def *def,
            uint32_t number)
{
    defs[number] = *def;
    if (def->type->suppressed_by != NULL)
        defs[number].root = numbers[def->root];
}

static void
number_alarms(struct alarm_list *list)
{
    struct build *build = list->build;
    struct site *site = build->site;
    const struct site *previous = build->options->previous;
    struct number_of *known = NULL;
    uint32_t next = previous == NULL ? 0 : previous->alarm_limit;
    uint32_t *numbers = calloc(list->count + 1u, sizeof *numbers);

    for (uint32_t i = 0; previous != NULL && i < previous->alarm_limit; i++) {
        struct number_of *one = arena_alloc(list->scratch, sizeof *one);

        if (previous->alarms[i].type == NULL || one == NULL)
            continue;
        *one = (struct number_of){.name = previous->alarms[i].id, .number = i};
        HASH_ADD_KEYPTR(hh, known, one->name, strlen(one->name), one);
    }
    for (const struct retired *gone = previous == NULL ? NULL : previous->retired; gone != NULL;
         gone = gone->next) {
        struct number_of *one =
            gone->kind == RETIRED_ALARM ? arena_alloc(list->scratch, sizeof *one) : NULL;
        if (one == NULL)
            continue;
        *one = (struct number_of){.name = gone->name, .number = gone->number};
        HASH_ADD_KEYPTR(hh, known, one->name, strlen(one->name), one);
    }
    for (uint32_t i = 0; i < list->count && numbers != NULL; i++)
        numbers[i] = build_number_for(known, list->alarms[i].def.id, &next);
    struct alarm_def *defs = arena_array(build->arena, next, sizeof *defs);
    if (defs == NULL || numbers == NULL)
        abort();
    for (uint32_t i = 0; i < list->count; i++)
        place_alarm(defs, numbers, &list->alarms[i].def, numbers[i]);
    site->alarms = defs;
    site->alarm_limit = next;
    for (const struct number_of *one = known; one != NULL; one = one->hh.next) {
        struct retired *gone =
            defs[one->number].type != NULL ? NULL : arena_alloc(build->arena, sizeof *gone);

        if (gone == NULL)
            continue;
        *gone = (struct retired){RETIRED_ALARM, arena_text(build->arena, one->name), one->number,
                                 site->retired};
        site->retired = gone;
    }
    HASH_CLEAR(hh, known);
    free(numbers);
}

bool
build_alarms(struct build *build)
{
    struct alarm_list list = {.build = build, .scratch = arena_new()};
    bool good = list.scratch != NULL;

    add_own(&list);
    for (uint32_t i = 0; i < build->device_count; i++)
        if (build->devices[i].is_usable)
            good = add_of_device(&list, &build->devices[i]) && good;
    if (build->top.alarms != NULL) {
        YAML_EACH_ITEM(item, build->top.alarms)
        {
            good = add_of_site(&list, item) && good;
        }
    }
    good = site_roots_find(build, list.alarms, list.count, list.ids) && good;
    if (good)
        number_alarms(&list);
    if (good && build->options->lint && build->diag->errors == 0)
        lints_run(build, list.alarms, list.count);
    HASH_CLEAR(hh, list.ids);
    free(list.alarms);
    HASH_CLEAR(hh, list.settled);
    arena_free(list.scratch);
    return good;
}
