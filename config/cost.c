/*
 * cost.c - what a site will cost: requests, points a second, disk, memory.
 */
#include <math.h>

#include "collectors/plan_regs.h"
#include "config/site.h"

#define RRD_HEADER_BYTES 4096

/* Requests of one poll: as many as its plan has blocks, or packed varbinds, roughly. */
static double
requests_of(const struct collect_device *device, uint16_t group)
{
    const struct source_set *set = device->set;
    struct plan *plan = NULL;
    uint32_t points = 0;

    if (device->protocol == PROTOCOL_MODBUS_TCP) {
        if (plan_regs_make(set, group, &plan, NULL) != ERR_OK)
            return 0;
        points = plan->block_count;
        plan_regs_free(plan);
        return points;
    }
    for (uint32_t i = 0; i < set->source_count; i++)
        points += set->sources[i].def->group == group;
    return ceil((double)points / (set->snmp.max_varbinds == 0 ? 24 : set->snmp.max_varbinds));
}

struct columns {
    uint32_t numbers, states;
};

/* As the store makes its files: an archive of averages, where a class has them of extremes, and of
 * last values beside them where there are states and a row is more than one value. */
static uint64_t
rrd_bytes_of(const struct site *site, struct columns columns, int64_t step_ms)
{
    uint32_t sources = columns.numbers + columns.states;
    uint64_t rows = 0;

    for (uint16_t i = 0; i < site->store.class_count; i++) {
        const struct rra_class *class = &site->store.classes[i];
        uint64_t kept = (uint64_t)(class->keep_ms / class->step_ms);

        if (class->step_ms < step_ms)
            continue;
        if (columns.numbers > 0)
            rows += kept * (class->with_extremes ? 3 : 1);
        if (columns.states > 0 && (columns.numbers == 0 || class->step_ms > step_ms))
            rows += kept;
    }
    return sources == 0 ? 0 : RRD_HEADER_BYTES + rows * sources * sizeof(double);
}

static struct columns
columns_of(const struct source_set *set, uint16_t group)
{
    struct columns columns = {.states = group == 0}; /* comm.state */

    for (uint32_t i = 0; i < set->source_count; i++) {
        const struct point_def *def = set->sources[i].def;

        if (def->group != group || def->kind == VALUE_TEXT)
            continue;
        if (def->kind == VALUE_NUMBER)
            columns.numbers++;
        else
            columns.states++;
    }
    return columns;
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
            struct columns columns = columns_of(device->set, group);
            uint32_t read = columns.numbers + columns.states - (group == 0);

            cost.groups++;
            if (interval_ms == 0)
                continue;
            cost.requests_per_s += requests_of(device, group) * 1000 / (double)interval_ms;
            cost.points_per_s += (double)read * 1000 / (double)interval_ms;
            cost.rrd_bytes += rrd_bytes_of(site, columns, (interval_ms + 999) / 1000 * 1000);
        }
    }
    *out_cost = cost;
}
