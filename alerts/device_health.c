/*
 * device_health.c - how each device is, as its collector last said.
 */
#include "alerts/device_health.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/json_write.h"

#define KEY_BYTES (ID_MAX + 16)

struct entry {
    struct msg_health last;
    bool was_down; /* what the journal knows */
};

struct device_health {
    const struct directory *directory;
    struct journal *journal;
    struct device_counts counts;
    struct entry entries[];
};

static const char *
key_of(const struct device_info *device, char *key)
{
    snprintf(key, KEY_BYTES, "device.%s", device->id);
    return key;
}

/* The gateway's own points are fed by this process. */
static const struct device_info *
find(const struct device_health *devices, uint32_t device)
{
    const struct device_info *info = directory_device(devices->directory, device);

    return info != NULL && strcmp(info->id, "gateway") != 0 ? info : NULL;
}

struct device_health *
device_health_new(const struct directory *directory, struct journal *journal)
{
    struct device_health *devices =
        calloc(1, sizeof *devices + directory->device_limit * sizeof *devices->entries);
    char key[KEY_BYTES], value[16];

    if (devices == NULL)
        return NULL;
    devices->directory = directory;
    devices->journal = journal;
    for (uint32_t i = 0; i < directory->device_limit; i++) {
        const struct device_info *info = find(devices, i);

        if (info == NULL)
            continue;
        devices->counts.total++;
        devices->counts.by_health[HEALTH_UNKNOWN]++;
        devices->entries[i].was_down = journal_get(journal, key_of(info, key), value, sizeof value);
    }
    return devices;
}

void
device_health_free(struct device_health *devices)
{
    free(devices);
}

static void
note_change(struct device_health *devices, struct entry *entry, const struct device_info *info,
            const struct msg_health *news, int64_t utc_ms)
{
    bool is_down = news->health == HEALTH_DOWN;
    char key[KEY_BYTES];

    if (is_down == entry->was_down || (!is_down && news->health != HEALTH_UP))
        return;
    entry->was_down = is_down;
    journal_put(devices->journal, key_of(info, key), is_down ? "down" : NULL);
    json_t *body = json_pack("{s:s, s:s, s:s, s:I, s:i}", "device", info->id, "health",
                             health_name((enum health)news->health), "reason", entry->last.reason,
                             "since", (json_int_t)news->utc_ms, "missed", (int)news->missed);
    if (body != NULL)
        journal_add(devices->journal, "device", utc_ms, body, NULL, 0, 0);
}

bool
device_health_take(struct device_health *devices, const struct msg_health *news, int64_t utc_ms)
{
    const struct device_info *info = find(devices, news->device);

    if (info == NULL || news->health >= HEALTH_COUNT)
        return false;

    struct entry *entry = &devices->entries[news->device];
    devices->counts.by_health[entry->last.health]--;
    devices->counts.by_health[news->health]++;
    entry->last = *news;
    /* It quotes what a device or the system said. */
    text_clean(entry->last.reason, sizeof entry->last.reason, news->reason,
               strnlen(news->reason, sizeof news->reason));
    note_change(devices, entry, info, news, utc_ms);
    return true;
}

struct device_counts
device_health_counts(const struct device_health *devices)
{
    return devices->counts;
}

bool
device_health_write(const struct device_health *devices, uint32_t device, struct text_buf *out)
{
    const struct device_info *info = find(devices, device);

    if (info == NULL)
        return false;

    const struct msg_health *last = &devices->entries[device].last;
    text_buf_add_bytes(out, "{", 1);
    json_write_text(out, "address", info->address != NULL ? info->address : "");
    json_write_text(out, "cause", cause_name((enum cause)last->cause));
    json_write_text(out, "health", health_name((enum health)last->health));
    json_write_text(out, "id", info->id);
    json_write_integer(out, "missed", last->missed);
    json_write_text(out, "name", info->name != NULL ? info->name : info->id);
    json_write_text(out, "profile", info->profile != NULL ? info->profile : "");
    json_write_text(out, "reason", last->reason);
    json_write_key(out, "rtt_ms");
    json_write_number(out, isfinite(last->rtt_ms) ? round((double)last->rtt_ms * 1000) / 1000 : 0);
    if (last->utc_ms != 0)
        json_write_integer(out, "since", last->utc_ms);
    json_write_text(out, "zone", info->zone != NULL ? info->zone : "");
    text_buf_add_bytes(out, "}", 1);
    return true;
}
