/*
 * poller_open.c - from the site's structs to the poller's: devices, lines, jobs, points.
 */
#include <stdlib.h>
#include <string.h>

#include "collectors/poller_parts.h"
#include "gateway/base/log.h"

static const struct driver *
driver_of(const struct poller *poller, const struct collect_device *config)
{
    return config->protocol < PROTOCOL_COUNT ? poller->drivers[config->protocol] : NULL;
}

/* The points of the set, and comm.state behind them: what indexes rely on. */
static bool
is_sound(const struct collect_device *config, const struct device_info *info)
{
    return info != NULL && config->set != NULL && info->group_count <= GROUPS_MAX &&
           info->point_count == config->set->source_count + 1;
}

static bool
is_ours(const struct poller *poller, const struct collector_params *params,
        const struct collect_device *config)
{
    if (driver_of(poller, config) == NULL ||
        collect_shard_of(config, params->shard_count) != params->shard)
        return false;
    if (is_sound(config, directory_device(params->directory, config->device)))
        return true;
    log_error("device %u is not what its points say: it is not read", config->device);
    return false;
}

static int
by_link(const void *a, const void *b)
{
    const struct poller_device *const *x = a, *const *y = b;

    if ((*x)->config->link != (*y)->config->link)
        return (*x)->config->link < (*y)->config->link ? -1 : 1;
    return 0;
}

/* Numbers the lines 0, 1, ... in the order of the links. */
static bool
assign_lines(struct poller *poller)
{
    struct poller_device **sorted = malloc((poller->device_count + (size_t)1) * sizeof *sorted);

    if (sorted == NULL)
        return false;
    for (uint32_t i = 0; i < poller->device_count; i++)
        sorted[i] = &poller->devices[i];
    qsort(sorted, poller->device_count, sizeof *sorted, by_link);
    for (uint32_t i = 0; i < poller->device_count; i++) {
        if (i == 0 || by_link(&sorted[i - 1], &sorted[i]) != 0)
            poller->line_count++;
        sorted[i]->line = poller->line_count - 1;
    }
    free(sorted);
    poller->lines = malloc((poller->line_count + (size_t)1) * sizeof *poller->lines);
    if (poller->lines == NULL)
        return false;
    for (uint32_t i = 0; i < poller->line_count; i++)
        poller->lines[i] = (struct line){JOB_NONE, JOB_NONE, JOB_NONE, false};
    return true;
}

static int64_t
shortest_interval(const struct device_info *info)
{
    int64_t shortest_ms = INT64_MAX;

    for (uint16_t group = 0; group < info->group_count; group++)
        if (info->groups[group].interval_ms > 0 && info->groups[group].interval_ms < shortest_ms)
            shortest_ms = info->groups[group].interval_ms;
    return shortest_ms;
}

static void
name_jobs(struct poller *poller, const struct poller_device *device)
{
    const struct device_info *info = device->info;
    int64_t shortest_ms = shortest_interval(info);
    uint32_t index = (uint32_t)(device - poller->devices);

    for (uint16_t group = 0; group < info->group_count; group++) {
        int64_t interval_ms = info->groups[group].interval_ms;

        *poller_job(device, group) =
            (struct job){.device = index,
                         .next = JOB_NONE,
                         .group = (uint8_t)group,
                         .interval_ms = interval_ms,
                         .phase_ms = interval_ms > 0 ? schedule_phase_ms(device->config->device,
                                                                         group, info->group_count,
                                                                         interval_ms, shortest_ms)
                                                     : 0};
    }
    *poller_job(device, info->group_count) =
        (struct job){.device = index, .next = JOB_NONE, .group = GROUP_PROBE};
}

static void
name_points(struct poller *poller, const struct poller_device *device)
{
    const struct source_set *set = device->set;

    for (uint32_t i = 0; i < device->info->point_count; i++) {
        bool is_comm = i == set->source_count;
        enum value_kind kind = is_comm ? VALUE_FLAG : set->sources[i].def->kind;
        unsigned flags = kind == VALUE_TEXT ? LATEST_TEXT : kind == VALUE_NUMBER ? 0 : LATEST_STATE;

        latest_name(poller->latest, device->first_point + i, device->info->points[i], flags);
        if (!is_comm && set->sources[i].def->group < device->info->group_count)
            poller_job(device, set->sources[i].def->group)->has_points = true;
    }
}

static struct health_limits
limits_of(const struct collect_device *config)
{
    return (struct health_limits){
        .down_after = config->down_after > 0 ? config->down_after : HEALTH_DOWN_AFTER,
        .up_after = config->up_after > 0 ? config->up_after : HEALTH_UP_AFTER,
        .backoff_max_ms =
            config->backoff_max_ms > 0 ? config->backoff_max_ms : HEALTH_BACKOFF_MAX_MS};
}

/* Counts what is to be allocated and fills `devices`. */
static uint32_t
choose_devices(struct poller *poller, const struct collector_params *params)
{
    uint32_t points = 0;

    for (uint32_t i = 0; i < params->device_count; i++) {
        const struct collect_device *config = &params->devices[i];

        if (!is_ours(poller, params, config))
            continue;

        const struct device_info *info = directory_device(params->directory, config->device);
        poller->index_of[config->device] = poller->device_count;
        poller->devices[poller->device_count++] =
            (struct poller_device){.poller = poller,
                                   .config = config,
                                   .info = info,
                                   .driver = driver_of(poller, config),
                                   .set = config->set,
                                   .limits = limits_of(config),
                                   .health.since_utc_ms = clock_now().utc_ms,
                                   .first_job = poller->job_count,
                                   .first_point = points,
                                   .running = JOB_NONE};
        poller->job_count += info->group_count + 1u;
        points += info->point_count;
    }
    return points;
}

static enum err_code
init_drivers(struct poller *poller, struct err *err)
{
    struct driver_env env = {.worker = poller->worker};

    for (uint32_t i = 0; i < poller->device_count; i++) {
        uint8_t protocol = poller->devices[i].config->protocol;
        enum err_code code;

        if (poller->drivers_ready[protocol])
            continue;
        code = poller->devices[i].driver->init(&env, err);
        if (code != ERR_OK)
            return err_prefix(err, code, "%s", poller->devices[i].driver->name);
        poller->drivers_ready[protocol] = true;
    }
    return ERR_OK;
}

enum err_code
poller_open_site(struct poller *poller, const struct collector_params *params, struct err *err)
{
    uint32_t limit = params->directory->device_limit;

    poller->index_limit = limit;
    poller->index_of = malloc((limit + (size_t)1) * sizeof *poller->index_of);
    poller->devices = calloc(params->device_count + (size_t)1, sizeof *poller->devices);
    if (poller->index_of == NULL || poller->devices == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memset(poller->index_of, 0xff, (limit + (size_t)1) * sizeof *poller->index_of);

    uint32_t points = choose_devices(poller, params);
    poller->jobs = calloc(poller->job_count + (size_t)1, sizeof *poller->jobs);
    if (poller->jobs == NULL || !assign_lines(poller) || !latest_init(poller->latest, points))
        return err_set(err, ERR_NOMEM, "out of memory");
    poller->timers = timers_new(poller->line_count + poller->job_count);
    if (poller->timers == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < poller->device_count; i++) {
        name_jobs(poller, &poller->devices[i]);
        name_points(poller, &poller->devices[i]);
    }
    return init_drivers(poller, err);
}

void
poller_close_site(struct poller *poller)
{
    for (uint32_t i = 0; i < poller->device_count; i++) {
        struct poller_device *device = &poller->devices[i];

        device->running = JOB_NONE;
        if (device->instance != NULL)
            device->driver->close(device->instance);
        free(device->reason);
    }
    for (unsigned protocol = 0; protocol < PROTOCOL_COUNT; protocol++)
        if (poller->drivers_ready[protocol])
            poller->drivers[protocol]->done();
    timers_free(poller->timers);
    free(poller->index_of);
    free(poller->devices);
    free(poller->jobs);
    free(poller->lines);
}

enum err_code
poller_open_device(struct poller_device *device, struct err *err)
{
    enum err_code code;

    if (device->instance != NULL)
        return ERR_OK;
    code = device->driver->open(device->config, device->info, &POLLER_SINK, device,
                                &device->instance, err);
    if (code != ERR_OK)
        device->instance = NULL;
    return code;
}
