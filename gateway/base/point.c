/*
 * point.c - look-ups in the directory of points.
 */
#include "gateway/base/point.h"

#include <stdio.h>
#include <string.h>

const struct point_ref *
directory_point(const struct directory *dir, uint32_t point)
{
    return point < dir->point_limit && dir->points[point].def != NULL ? &dir->points[point] : NULL;
}

const struct device_info *
directory_device(const struct directory *dir, uint32_t device)
{
    return device < dir->device_limit && dir->devices[device].id != NULL ? &dir->devices[device]
                                                                         : NULL;
}

const char *
directory_point_name(const struct directory *dir, uint32_t point, char *out)
{
    const struct point_ref *ref = directory_point(dir, point);
    const struct device_info *device = ref == NULL ? NULL : directory_device(dir, ref->device);

    if (device == NULL)
        snprintf(out, TOPIC_ID_MAX, "?");
    else
        snprintf(out, TOPIC_ID_MAX, "%s/%s", device->id, ref->def->id);
    return out;
}

bool
directory_find_device(const struct directory *dir, const char *id, uint32_t *out_device)
{
    for (uint32_t i = 0; i < dir->device_limit; i++)
        if (dir->devices[i].id != NULL && strcmp(dir->devices[i].id, id) == 0) {
            *out_device = i;
            return true;
        }
    return false;
}

bool
directory_find_point(const struct directory *dir, const char *name, uint32_t *out_point)
{
    const char *slash = strchr(name, '/');
    char id[ID_MAX];
    uint32_t number;

    if (slash == NULL || (size_t)(slash - name) >= sizeof id)
        return false;
    memcpy(id, name, (size_t)(slash - name));
    id[slash - name] = '\0';
    if (!directory_find_device(dir, id, &number))
        return false;

    const struct device_info *device = &dir->devices[number];
    for (uint32_t i = 0; i < device->point_count; i++) {
        const struct point_ref *ref = directory_point(dir, device->points[i]);

        if (ref != NULL && strcmp(ref->def->id, slash + 1) == 0) {
            *out_point = device->points[i];
            return true;
        }
    }
    return false;
}

const char *
point_label(const struct point_def *def, double value)
{
    for (uint16_t i = 0; i < def->label_count; i++)
        if (def->labels[i].value == value)
            return def->labels[i].label;
    return NULL;
}

const char *
value_kind_name(enum value_kind kind)
{
    static const char *const NAMES[] = {"number", "state", "flag", "text"};

    return (unsigned)kind < VALUE_KIND_COUNT ? NAMES[kind] : "number";
}
