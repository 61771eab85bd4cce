/*
 * values_out.c - the newest readings as val/<device>/<group>.
 */
#include "alerts/values_out.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

#define EXPIRES_PERIODS 3
#define ONCE_EXPIRES_S (7 * 86400)
#define OWN_TIME_MS 1000 /* so much older than the newest of its group, a reading says its time */

struct reading {
    double value;
    int64_t utc_ms; /* 0: none yet */
    int64_t mono_ms;
    uint8_t quality, cause;
};

struct group {
    int64_t due_ms;
    bool has_news;
};

struct values_out {
    const struct directory *directory;
    struct reading *readings; /* by point */
    struct group *groups;     /* by device, GROUPS_MAX each */
    uint32_t next;            /* where the last hand-out stopped: everybody gets a turn */
};

struct values_out *
values_out_new(const struct directory *directory)
{
    struct values_out *values = calloc(1, sizeof *values);

    if (values == NULL)
        return NULL;
    values->directory = directory;
    values->readings = calloc(directory->point_limit + 1u, sizeof *values->readings);
    values->groups =
        calloc((size_t)(directory->device_limit + 1u) * GROUPS_MAX, sizeof *values->groups);
    if (values->readings == NULL || values->groups == NULL) {
        values_out_free(values);
        return NULL;
    }
    return values;
}

void
values_out_free(struct values_out *values)
{
    if (values == NULL)
        return;
    free(values->readings);
    free(values->groups);
    free(values);
}

static struct group *
group_of(struct values_out *values, const struct point_ref *ref)
{
    uint16_t group = ref->def->group < GROUPS_MAX ? ref->def->group : 0;

    return &values->groups[(size_t)ref->device * GROUPS_MAX + group];
}

void
values_out_take(struct values_out *values, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct point_ref *ref = directory_point(values->directory, samples[i].point);

        if (ref == NULL || ref->device >= values->directory->device_limit)
            continue;
        struct reading *reading = &values->readings[samples[i].point];
        if (reading->utc_ms != 0 && samples[i].mono_ms < reading->mono_ms)
            continue;
        *reading = (struct reading){samples[i].value, samples[i].utc_ms, samples[i].mono_ms,
                                    samples[i].quality, samples[i].cause};
        group_of(values, ref)->has_news = true;
    }
}

static json_t *
value_of(const struct point_def *def, const struct reading *reading, int64_t newest_utc_ms)
{
    bool is_bad = reading->quality == QUALITY_BAD;
    json_t *object =
        json_pack("{s:o, s:s, s:s}", "v", is_bad ? json_null() : json_number_of(reading->value),
                  "u", def->unit, "q", quality_name((enum quality)reading->quality));
    const char *label = is_bad ? NULL : point_label(def, reading->value);

    if (label != NULL)
        json_object_set_new(object, "label", json_string(label));
    if (reading->quality != QUALITY_GOOD)
        json_object_set_new(object, "cause", json_string(cause_name((enum cause)reading->cause)));
    if (newest_utc_ms - reading->utc_ms >= OWN_TIME_MS)
        json_object_set_new(object, "ts", json_integer((json_int_t)reading->utc_ms));
    return object;
}

/* NULL: of another group, a text, or not read yet. */
static const struct point_def *
find_told(const struct values_out *values, uint32_t point, uint16_t group)
{
    const struct point_ref *ref = directory_point(values->directory, point);

    return ref != NULL && ref->def->group == group && ref->def->kind != VALUE_TEXT &&
                   values->readings[point].utc_ms != 0
               ? ref->def
               : NULL;
}

static char *
payload_of(const struct values_out *values, const struct device_info *device, uint16_t group)
{
    json_t *points = json_object();
    int64_t newest = 0;

    for (uint32_t i = 0; i < device->point_count; i++) {
        const struct reading *reading = &values->readings[device->points[i]];

        if (find_told(values, device->points[i], group) != NULL && reading->utc_ms > newest)
            newest = reading->utc_ms;
    }
    for (uint32_t i = 0; i < device->point_count; i++) {
        const struct point_def *def = find_told(values, device->points[i], group);

        if (def != NULL)
            json_object_set_new(points, def->id,
                                value_of(def, &values->readings[device->points[i]], newest));
    }
    json_t *object = json_pack("{s:I, s:o}", "ts", (json_int_t)newest, "values", points);
    char *text = object == NULL ? NULL : json_canonical(object);
    json_decref(object);
    return text;
}

static bool
hand_out(struct values_out *values, const struct device_info *device, uint16_t group,
         bool (*publish)(void *ctx, const char *device, const char *group, const char *payload,
                         size_t bytes, uint32_t expires_s),
         void *ctx)
{
    const struct group_info *info = &device->groups[group];
    uint32_t expires_s = info->interval_ms == 0
                             ? ONCE_EXPIRES_S
                             : (uint32_t)((info->interval_ms * EXPIRES_PERIODS + 999) / 1000);
    char *payload = payload_of(values, device, group);
    bool taken =
        payload != NULL && publish(ctx, device->id, info->id, payload, strlen(payload), expires_s);

    free(payload);
    return taken;
}

void
values_out_due(struct values_out *values, int64_t now_ms, unsigned limit,
               bool (*publish)(void *ctx, const char *device, const char *group,
                               const char *payload, size_t bytes, uint32_t expires_s),
               void *ctx)
{
    uint32_t all = values->directory->device_limit * GROUPS_MAX;
    unsigned given = 0;

    for (uint32_t i = 0; i < all && given < limit; i++) {
        uint32_t index = (values->next + i) % all;
        uint16_t group = (uint16_t)(index % GROUPS_MAX);
        struct group *state = &values->groups[index];
        const struct device_info *device = directory_device(values->directory, index / GROUPS_MAX);

        if (!state->has_news || state->due_ms > now_ms || device == NULL ||
            group >= device->group_count)
            continue;
        if (!hand_out(values, device, group, publish, ctx)) {
            values->next = index;
            return;
        }
        state->has_news = false;
        state->due_ms = now_ms + device->groups[group].interval_ms;
        if (++given == limit)
            values->next = (index + 1) % all;
    }
}

void
values_out_repeat(struct values_out *values)
{
    for (uint32_t i = 0; i < values->directory->point_limit; i++) {
        const struct point_ref *ref = directory_point(values->directory, i);

        if (ref == NULL || values->readings[i].utc_ms == 0)
            continue;
        group_of(values, ref)->has_news = true;
        group_of(values, ref)->due_ms = 0;
    }
}
