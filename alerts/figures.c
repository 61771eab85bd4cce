/*
 * figures.c - what is said about the gateway as a whole: status for people, figures for /metrics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "alerts/alarms_self.h"
#include "gateway/base/log.h"

static void
set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static struct msg_stats *
find_worker(struct figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->worker_count; i++)
        if (strncmp(figures->workers[i].name, name, sizeof figures->workers[i].name) == 0)
            return &figures->workers[i];
    return NULL;
}

/* Samples that collectors had to merge are samples the judge was too slow for. */
static void
watch_merging(struct alarms *self)
{
    uint64_t merged = 0;

    for (size_t i = 0; i < self->figures.worker_count; i++)
        merged += self->figures.workers[i].values[STAT_SAMPLES_MERGED];
    if (merged > self->figures.merged)
        gateway_points_hold(&self->points, GATEWAY_SAMPLES_MERGED, self->now);
    self->figures.merged = merged;
}

void
figures_take_stats(struct alarms *self, const struct msg_stats *stats)
{
    struct figures *figures = &self->figures;
    struct msg_stats *worker = find_worker(figures, stats->name);

    if (worker == NULL && figures->worker_count < WORKERS_MAX)
        worker = &figures->workers[figures->worker_count++];
    if (worker == NULL)
        return;
    *worker = *stats;
    worker->name[sizeof worker->name - 1] = '\0';
    watch_merging(self);
}

void
figures_take_store(struct alarms *self, const struct msg_store *store)
{
    struct figures *figures = &self->figures;

    gateway_points_set(&self->points, GATEWAY_STORE_STATE, store->is_failing != 0, self->now);
    gateway_points_set(&self->points, GATEWAY_STORE_TIME, store->time_jumped != 0, self->now);
    if (store->dropped > (figures->has_store ? figures->store.dropped : 0))
        gateway_points_hold(&self->points, GATEWAY_STORE_LOSS, self->now);
    figures->store = *store;
    text_clean(figures->store.reason, sizeof figures->store.reason, store->reason,
               strnlen(store->reason, sizeof store->reason));
    figures->has_store = true;
}

void
figures_take_cursor(struct alarms *self, const struct msg_cursor *cursor)
{
    if (self->figures.has_cursor && cursor->refused > self->figures.cursor.refused)
        gateway_points_hold(&self->points, GATEWAY_BROKER_REFUSED, self->now);
    self->figures.cursor = *cursor;
    self->figures.has_cursor = true;
    presence_connected(self->presence, cursor->connected != 0, self->now);
    /* Just after the start it is not lost, it was never there. */
    if (cursor->connected != 0 ||
        self->now.mono_ms - self->started.mono_ms >= ENGINE_START_GRACE_MS)
        gateway_points_set(&self->points, GATEWAY_BROKER_STATE, cursor->connected == 0, self->now);
    unconfirmed_cursor(self->unconfirmed, cursor->seq);
}

/* A P1 that the broker refuses is as untold as one that it never confirms, and known to be. */
void
figures_take_refused(struct alarms *self, const struct msg_refused *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (unconfirmed_refused(self->unconfirmed, rows[i].seq))
            gateway_points_hold(&self->points, GATEWAY_BROKER_UNCONFIRMED, self->now);
}

void
figures_take_generation(struct alarms *self, json_t *news)
{
    bool is_refused = !json_is_true(json_object_get(news, "accepted"));

    gateway_points_set(&self->points, GATEWAY_CONFIG_STATE, is_refused, self->now);
    journal_put(self->journal, FIGURES_CONFIG_KEY, is_refused ? "refused" : NULL);
    json_decref(self->figures.config);
    self->figures.config = json_incref(news);
}

void
figures_take_worker(struct alarms *self, const struct msg_worker *worker)
{
    char name[sizeof worker->name + 1];

    text_clean(name, sizeof name, worker->name, strnlen(worker->name, sizeof worker->name));
    json_t *body = json_pack("{s:s, s:s, s:i, s:i, s:I, s:I}", "worker", name, "change",
                             worker_change_name((enum worker_change)worker->change), "status",
                             (int)worker->status, "pid", (int)worker->pid, "restarts",
                             (json_int_t)worker->restarts, "at", (json_int_t)worker->utc_ms);
    if (body != NULL)
        journal_add(self->journal, "worker", self->now.utc_ms, body, NULL, 0, 0);
    if (worker->change != WORKER_STARTED)
        gateway_points_hold(&self->points, GATEWAY_WORKERS_STATE, self->now);
}

static void
add_reason(json_t *reasons, bool is_so, const char *reason)
{
    if (is_so)
        json_array_append_new(reasons, json_string(reason));
}

json_t *
figures_reasons(const struct alarms *self)
{
    const struct figures *figures = &self->figures;
    struct device_counts devices = device_health_counts(self->devices);
    json_t *reasons = json_array();

    if (self->turn.is_failing)
        json_array_append_new(reasons, json_sprintf("journal: %s", self->turn.fault));
    else
        add_reason(reasons, !journal_has_ballast(self->journal), "journal: little space left");
    if (figures->quarantined[0] != '\0')
        json_array_append_new(
            reasons, json_sprintf("journal: begun anew, the old one is %s", figures->quarantined));
    add_reason(reasons,
               self->courier != NULL && (!figures->has_cursor || figures->cursor.connected == 0),
               "broker: not connected");
    add_reason(reasons, self->points.points[GATEWAY_BROKER_REFUSED].until_mono_ms != 0,
               "broker: it refuses messages; the log names their topics");
    if (figures->has_store && figures->store.is_failing != 0)
        json_array_append_new(reasons, json_sprintf("store: %s", figures->store.reason));
    add_reason(reasons, figures->has_store && figures->store.time_jumped != 0,
               "store: times are refused, the clock jumped");
    add_reason(reasons,
               figures->config != NULL &&
                   !json_is_true(json_object_get(figures->config, "accepted")),
               "configuration: the last one was refused");
    if (devices.by_health[HEALTH_DOWN] > 0)
        json_array_append_new(reasons,
                              json_sprintf("devices: %u down", devices.by_health[HEALTH_DOWN]));
    return reasons;
}

static json_t *
stats_json(const uint64_t *values)
{
    json_t *stats = json_object();

    for (unsigned stat = 0; stat < STAT_COUNT; stat++)
        if (values[stat] != 0)
            json_object_set_new(stats, stat_info((enum stat_id)stat)->name,
                                json_integer((json_int_t)values[stat]));
    return stats;
}

static json_t *
workers_json(const struct alarms *self, bool with_stats)
{
    json_t *workers = json_array();

    for (size_t i = 0; i < self->figures.worker_count; i++) {
        const struct msg_stats *worker = &self->figures.workers[i];

        json_array_append_new(
            workers, json_pack("{s:s, s:i, s:I, s:o}", "name", worker->name, "pid",
                               (int)worker->pid, "restarts", (json_int_t)worker->restarts, "stats",
                               with_stats ? stats_json(worker->values) : json_object()));
    }
    return workers;
}

static json_t *
devices_json(const struct alarms *self)
{
    struct device_counts counts = device_health_counts(self->devices);
    json_t *devices = json_pack("{s:I}", "total", (json_int_t)counts.total);

    for (unsigned health = 0; health < HEALTH_COUNT; health++)
        json_object_set_new(devices, health_name((enum health)health),
                            json_integer((json_int_t)counts.by_health[health]));
    return devices;
}

static json_t *
journal_json(const struct alarms *self)
{
    struct journal *journal = self->journal;

    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "id", journal_id(journal), "head",
        (json_int_t)journal_head(journal), "committed", (json_int_t)journal_committed(journal),
        "oldest", (json_int_t)journal_oldest(journal), "unwritten",
        (json_int_t)journal_unwritten(journal), "dropped", (json_int_t)journal_dropped(journal),
        "wal_bytes", (json_int_t)journal_wal_bytes(journal), "failing", self->turn.is_failing,
        "ballast", journal_has_ballast(journal));
}

static json_t *
broker_json(const struct alarms *self)
{
    const struct figures *figures = &self->figures;
    uint64_t head = journal_head(self->journal), seq = figures->cursor.seq;

    return json_pack("{s:b, s:b, s:I, s:I, s:I}", "configured", self->courier != NULL, "connected",
                     figures->cursor.connected != 0, "cursor", (json_int_t)seq, "behind",
                     (json_int_t)(head > seq && self->courier != NULL ? head - seq : 0), "refused",
                     (json_int_t)figures->cursor.refused);
}

static json_t *
store_json(const struct figures *figures)
{
    const struct msg_store *store = &figures->store;

    return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:s}", "failing", store->is_failing != 0,
                     "time_jumped", store->time_jumped != 0, "dropped", (json_int_t)store->dropped,
                     "refused", (json_int_t)store->refused, "errors", (json_int_t)store->errors,
                     "pending", (json_int_t)store->pending, "reason", store->reason);
}

/* Within the time that decides about a flood, per audience. */
static json_t *
told_lately(const struct alarms *self)
{
    json_t *told = json_object();

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        set(told, audience_name((enum audience)i),
            json_integer(
                (json_int_t)flood_recent(&self->flood, (enum audience)i, self->now.mono_ms)));
    return told;
}

static json_t *
alarms_json(const struct alarms *self)
{
    const struct engine_counts *counts = engine_counts(self->engine);
    json_t *alarms = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "configured", (json_int_t)self->index.count,
        "live", (json_int_t)counts->live[0], "unacked", (json_int_t)counts->unacked[0], "shelved",
        (json_int_t)counts->shelved, "suppressed", (json_int_t)counts->suppressed, "out_of_service",
        (json_int_t)counts->out_of_service, "not_at_rest", (json_int_t)counts->not_at_rest,
        "stale_points", (json_int_t)counts->stale_points);

    set(alarms, "chattering", json_integer((json_int_t)counts->chattering));
    set(alarms, "floods", flood_names(flood_audiences(&self->flood)));
    set(alarms, "told_lately", told_lately(self));
    for (unsigned priority = 1; alarms != NULL && priority <= 4; priority++) {
        char key[24];

        snprintf(key, sizeof key, "p%u_live", priority);
        json_object_set_new(alarms, key, json_integer((json_int_t)counts->live[priority]));
        snprintf(key, sizeof key, "p%u_unacked", priority);
        json_object_set_new(alarms, key, json_integer((json_int_t)counts->unacked[priority]));
    }
    return alarms;
}

static const char *
socket_path(const struct alarms *self, char *out, size_t size)
{
    struct sockaddr_un address = {0};
    socklen_t length = sizeof address;

    out[0] = '\0';
    if (getsockname(self->params->control_fd, (struct sockaddr *)&address, &length) == 0 &&
        address.sun_family == AF_UNIX)
        text_clean(out, size, address.sun_path, strnlen(address.sun_path, sizeof address.sun_path));
    return out;
}

static json_t *
general_json(const struct alarms *self)
{
    const struct alarms_params *params = self->params;
    json_t *object = json_object();

    set(object, "site", json_string(params->directory->site));
    set(object, "version", json_string(WATCHROOM_VERSION));
    set(object, "generation", json_integer((json_int_t)self->running.generation));
    set(object, "uptime_s",
        json_integer((json_int_t)((self->now.mono_ms - self->started.mono_ms) / 1000)));
    set(object, "ready", json_true());
    return object;
}

json_t *
figures_status(const struct alarms *self)
{
    const struct alarms_params *params = self->params;
    json_t *status = general_json(self), *reasons = figures_reasons(self);
    char path[sizeof(struct sockaddr_un)];

    set(status, "ok", json_true());
    set(status, "site_name", json_string(params->site_name != NULL ? params->site_name : ""));
    set(status, "time_zone", json_string(params->time_zone != NULL ? params->time_zone : "UTC"));
    set(status, "state", json_string(json_array_size(reasons) == 0 ? "ok" : "degraded"));
    set(status, "reasons", reasons);
    set(status, "state_dir", json_string(params->state_dir));
    set(status, "socket", json_string(socket_path(self, path, sizeof path)));
    set(status, "config_digest", json_string(self->running.digest));
    set(status, "config_file", json_string(params->config_file != NULL ? params->config_file : ""));
    if (self->figures.config != NULL)
        set(status, "config", json_incref(self->figures.config));
    set(status, "clock", json_string(clock_state_name(clock_sync_state())));
    set(status, "journal", journal_json(self));
    set(status, "broker", broker_json(self));
    set(status, "store", store_json(&self->figures));
    set(status, "samples",
        json_pack("{s:I, s:I}", "judged", (json_int_t)engine_counts(self->engine)->samples, "late",
                  (json_int_t)engine_counts(self->engine)->late_samples));
    set(status, "devices", devices_json(self));
    set(status, "alarms", alarms_json(self));
    set(status, "presence", presence_list(self->presence));
    set(status, "escalation",
        json_pack("{s:I, s:I}", "climbing", (json_int_t)escalation_climbing(self->escalation),
                  "exhausted", (json_int_t)escalation_exhausted(self->escalation)));
    set(status, "workers", workers_json(self, true));
    return status;
}

static json_t *
counts_json(const uint32_t *counts)
{
    return json_pack("[I, I, I, I, I]", (json_int_t)counts[0], (json_int_t)counts[1],
                     (json_int_t)counts[2], (json_int_t)counts[3], (json_int_t)counts[4]);
}

static char *
metrics_with(const struct alarms *self, bool with_stats)
{
    const struct engine_counts *counts = engine_counts(self->engine);
    json_t *metrics = general_json(self);

    set(metrics, "alarms",
        json_pack("{s:o, s:o}", "live", counts_json(counts->live), "unacked",
                  counts_json(counts->unacked)));
    set(metrics, "kpi", figures_kpi(self));
    set(metrics, "devices", devices_json(self));
    set(metrics, "journal", journal_json(self));
    set(metrics, "workers", workers_json(self, with_stats));
    char *text = json_canonical(metrics);
    json_decref(metrics);
    return text;
}

char *
figures_metrics(const struct alarms *self)
{
    char *text = metrics_with(self, true);

    /* A site with very many collectors: better without their counters than not at all. */
    if (text != NULL && strlen(text) > MSG_BYTES_MAX) {
        free(text);
        text = metrics_with(self, false);
    }
    return text;
}

void
figures_done(struct figures *figures)
{
    json_decref(figures->config);
    figures->config = NULL;
}
