/*
 * cost.c - what a site will cost: requests, points a second, disk, memory.
 */
#include <math.h>

#include "config/site.h"

#define RRD_HEADER_BYTES 4096

/* Requests of one poll, roughly: packed varbinds, or registers near each other. */
static double
requests_of(const struct collect_device *device, uint16_t group)
{
    const struct source_set *set = device->set;
    uint32_t points = 0;
    double words = 0;

    for (uint32_t i = 0; i < set->source_count; i++)
        if (set->sources[i].def->group == group) {
            points++;
            words += device->protocol == PROTOCOL_MODBUS_TCP ? set->sources[i].modbus.words : 0;
        }
    if (points == 0)
        return 0;
    if (device->protocol == PROTOCOL_SNMP)
        return ceil((double)points / (set->snmp.max_varbinds == 0 ? 24 : set->snmp.max_varbinds));
    return ceil(words / (set->modbus.max_words == 0 ? 120 : set->modbus.max_words));
}

static uint64_t
rrd_bytes_of(const struct site *site, uint32_t sources, int64_t step_ms)
{
    uint64_t rows = 0;

    for (uint16_t i = 0; i < site->store.class_count; i++) {
        const struct rra_class *class = &site->store.classes[i];

        if (class->step_ms >= step_ms)
            rows += (uint64_t)(class->keep_ms / class->step_ms) * (class->with_extremes ? 3 : 1);
    }
    return sources == 0 ? 0 : RRD_HEADER_BYTES + rows * sources * sizeof(double);
}

void
site_cost(const struct site *site, struct site_cost *out_cost)
{
    struct site_cost cost = {.devices = site->device_count,
                             .memory_bytes = arena_bytes(site->arena)};

    for (uint32_t i = 0; i < site->alarm_limit; i++)
        cost.alarms += site->alarms[i].type != NULL;
    for (uint32_t i = 0; i < site->device_count; i++) {
        const struct collect_device *device = &site->devices[i];
        const struct device_info *info = &site->directory.devices[device->device];

        cost.points += device->set->source_count;
        for (uint16_t group = 0; group < info->group_count; group++) {
            int64_t interval_ms = info->groups[group].interval_ms;
            uint32_t sources = 0;

            for (uint32_t k = 0; k < device->set->source_count; k++)
                sources += device->set->sources[k].def->group == group &&
                           device->set->sources[k].def->kind != VALUE_TEXT;
            cost.groups++;
            if (interval_ms == 0)
                continue;
            cost.requests_per_s += requests_of(device, group) * 1000 / (double)interval_ms;
            cost.points_per_s += (double)sources * 1000 / (double)interval_ms;
            cost.rrd_bytes += rrd_bytes_of(site, sources, interval_ms < 1000 ? 1000 : interval_ms);
        }
    }
    *out_cost = cost;
}
