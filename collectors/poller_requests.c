/*
 * poller_requests.c - what others ask of the poller: poll now, read again, how are the devices?
 */
#include <string.h>

#include "collectors/poller_parts.h"

uint32_t
poller_device_count(const struct poller *poller)
{
    return poller->device_count;
}

void
poller_health(const struct poller *poller, uint32_t index, struct msg_health *out)
{
    const struct poller_device *device = &poller->devices[index];
    const struct health_record *health = &device->health;

    *out = (struct msg_health){.device = device->config->device,
                               .health = health->state,
                               .cause = health->cause,
                               .missed = health->missed,
                               .utc_ms = health->since_utc_ms,
                               .rtt_ms = health->rtt_ms};
    if (device->reason != NULL)
        memcpy(out->reason, device->reason, sizeof out->reason);
}

bool
poller_poll_now(struct poller *poller, uint32_t number)
{
    if (number >= poller->index_limit || directory_device(poller->directory, number) == NULL)
        return false;
    if (poller->index_of[number] == UINT32_MAX)
        return true; /* of another shard */

    struct poller_device *device = &poller->devices[poller->index_of[number]];
    struct job *probe = poller_probe_of(device);

    if (!health_is_polled(&device->health)) {
        if (probe->state == JOB_IDLE)
            poller_enqueue(poller, probe, poller_now_ms(), false);
        return true;
    }
    for (uint16_t group = 0; group < device->info->group_count; group++) {
        struct job *job = poller_job(device, group);

        if (!job->has_points || job->interval_ms == 0)
            continue;
        if (job->state == JOB_IDLE)
            poller_enqueue(poller, job, poller_now_ms(), false);
        else
            job->again = job->state == JOB_RUNNING;
    }
    return true;
}

void
poller_reread(struct poller *poller)
{
    int64_t now = poller_now_ms();

    for (uint32_t i = 0; i < poller->device_count; i++) {
        struct poller_device *device = &poller->devices[i];

        if (!health_is_polled(&device->health))
            continue; /* it will be read when it is back */
        for (uint16_t group = 0; group < device->info->group_count; group++) {
            struct job *job = poller_job(device, group);

            if (!job->has_points || job->interval_ms > 0)
                continue;
            job->is_satisfied = false;
            timers_set(poller->timers, poller_timer_of(poller, job),
                       now + poller_spread_ms(device));
        }
    }
}

void
poller_count_devices(const struct poller *poller, uint64_t *out_up, uint64_t *out_down)
{
    uint64_t by_state[HEALTH_COUNT] = {0};

    for (uint32_t i = 0; i < poller->device_count; i++)
        by_state[poller->devices[i].health.state]++;
    *out_up = by_state[HEALTH_UP] + by_state[HEALTH_SUSPECT];
    *out_down = by_state[HEALTH_DOWN];
}
