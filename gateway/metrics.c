/*
 * metrics.c - the gateway's figures as Prometheus text.
 */
#include "gateway/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/stats.h"
#include "gateway/metrics_kpi.h"

struct metrics {
    const struct directory *directory;
    json_t *figures; /* NULL: none yet */
    struct stamp taken;
};

struct metrics *
metrics_new(const struct directory *directory)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (metrics != NULL)
        metrics->directory = directory;
    return metrics;
}

void
metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    json_decref(metrics->figures);
    free(metrics);
}

bool
metrics_take(struct metrics *metrics, struct stamp now, const char *text, size_t length)
{
    json_t *figures = json_parse_object(text, length, NULL, 0);

    if (figures == NULL)
        return false;
    json_decref(metrics->figures);
    metrics->figures = figures;
    metrics->taken = now;
    return true;
}

void
metrics_head(struct text_buf *out, const char *name, const char *help, const char *type)
{
    text_buf_add(out, "# HELP watchroom_%s %s\n# TYPE watchroom_%s %s\n", name, help, name, type);
}

/* CPU time is kept in microseconds; the convention is seconds. */
static void
print_cpu(const json_t *workers, struct text_buf *out)
{
    const json_t *worker;
    size_t index;

    metrics_head(out, "process_cpu_seconds_total", "CPU time of each process", "counter");
    json_array_foreach(workers, index, worker) text_buf_add(
        out, "watchroom_process_cpu_seconds_total{worker=\"%s\"} %.6f\n",
        json_text_or(worker, "name", "?"),
        (double)json_int_or(json_object_get(worker, "stats"), stat_info(STAT_CPU_US)->name, 0) /
            1e6);
}

static void
print_stat(const json_t *workers, enum stat_id stat, struct text_buf *out)
{
    const struct stat_info *info = stat_info(stat);
    const json_t *worker;
    size_t index;

    metrics_head(out, info->name, info->help, info->is_gauge ? "gauge" : "counter");
    json_array_foreach(workers, index, worker)
    {
        const json_t *value = json_object_get(json_object_get(worker, "stats"), info->name);

        const char *name = json_text_or(worker, "name", "?");
        bool is_own =
            info->owner[0] != '\0' && strncmp(name, info->owner, strlen(info->owner)) == 0;

        /* A zero of the store's counters says nothing of alarms. */
        if (is_own || json_integer_value(value) != 0)
            text_buf_add(out, "watchroom_%s{worker=\"%s\"} %lld\n", info->name, name,
                         (long long)json_integer_value(value));
    }
}

/* From the slot of a poll to its decoded values. */
static void
print_lateness(const json_t *workers, struct text_buf *out)
{
    static const struct {
        enum stat_id stat;
        const char *upto_s;
    } BUCKETS[] = {{STAT_LATE_LE_5MS, "0.005"},
                   {STAT_LATE_LE_10MS, "0.01"},
                   {STAT_LATE_LE_25MS, "0.025"},
                   {STAT_LATE_LE_100MS, "0.1"},
                   {STAT_LATE_GT_100MS, "+Inf"}};
    const json_t *worker;
    size_t index;

    metrics_head(out, "poll_lateness_seconds", "From the slot of a poll to its decoded values",
                 "histogram");
    json_array_foreach(workers, index, worker)
    {
        const json_t *stats = json_object_get(worker, "stats");
        const char *name = json_text_or(worker, "name", "?");
        long long count = 0;

        if (strncmp(name, "collector", 9) != 0)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(BUCKETS); i++) {
            count += json_int_or(stats, stat_info(BUCKETS[i].stat)->name, 0);
            text_buf_add(out,
                         "watchroom_poll_lateness_seconds_bucket{worker=\"%s\",le=\"%s\"} %lld\n",
                         name, BUCKETS[i].upto_s, count);
        }
        text_buf_add(out, "watchroom_poll_lateness_seconds_sum{worker=\"%s\"} %.6f\n", name,
                     (double)json_int_or(stats, stat_info(STAT_LATE_US)->name, 0) / 1e6);
        text_buf_add(out, "watchroom_poll_lateness_seconds_count{worker=\"%s\"} %lld\n", name,
                     count);
    }
}

static bool
is_printed_elsewhere(enum stat_id stat)
{
    return stat == STAT_CPU_US || stat == STAT_ALARMS_LIVE || stat == STAT_ALARMS_UNACKED ||
           stat == STAT_DEVICES_UP || stat == STAT_DEVICES_DOWN ||
           (stat >= STAT_LATE_LE_5MS && stat <= STAT_LATE_US);
}

static void
print_restarts(const json_t *workers, struct text_buf *out)
{
    const json_t *worker;
    size_t index;

    metrics_head(out, "worker_restarts_total", "Deaths and hangs of each worker", "counter");
    json_array_foreach(workers, index, worker) text_buf_add(
        out, "watchroom_worker_restarts_total{worker=\"%s\"} %lld\n",
        json_text_or(worker, "name", "?"), (long long)json_int_or(worker, "restarts", 0));
}

/* [0] is the sum; 1..4 are priorities. */
static void
print_per_priority(const json_t *counts, const char *name, const char *help, struct text_buf *out)
{
    metrics_head(out, name, help, "gauge");
    for (size_t priority = 1; priority <= 4; priority++)
        text_buf_add(out, "watchroom_%s{priority=\"%zu\"} %lld\n", name, priority,
                     (long long)json_integer_value(json_array_get(counts, priority)));
}

static void
print_devices(const json_t *devices, struct text_buf *out)
{
    static const char *const STATES[] = {"up", "suspect", "down", "unknown"};

    metrics_head(out, "devices", "Devices by health", "gauge");
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++)
        text_buf_add(out, "watchroom_devices{health=\"%s\"} %lld\n", STATES[i],
                     (long long)json_int_or(devices, STATES[i], 0));
}

void
metrics_print(const struct metrics *metrics, struct stamp now, struct text_buf *out)
{
    const json_t *figures = metrics->figures;
    const json_t *workers = json_object_get(figures, "workers");
    const json_t *alarms = json_object_get(figures, "alarms");

    metrics_head(out, "build_info", "Version and site", "gauge");
    text_buf_add(out, "watchroom_build_info{version=\"%s\",site=\"%s\"} 1\n", WATCHROOM_VERSION,
                 metrics->directory->site);
    metrics_head(out, "figures_age_seconds",
                 "Age of these figures: the judge is silent when it grows", "gauge");
    text_buf_add(out, "watchroom_figures_age_seconds %.3f\n",
                 figures == NULL ? -1.0 : (double)(now.mono_ms - metrics->taken.mono_ms) / 1000);
    if (figures == NULL)
        return;
    metrics_head(out, "configuration_generation", "Generation of the running configuration",
                 "gauge");
    text_buf_add(out, "watchroom_configuration_generation %lld\n",
                 (long long)json_int_or(figures, "generation", 0));
    metrics_head(out, "uptime_seconds", "Since the judge started", "gauge");
    text_buf_add(out, "watchroom_uptime_seconds %lld\n",
                 (long long)json_int_or(figures, "uptime_s", 0));
    print_per_priority(json_object_get(alarms, "live"), "alarms",
                       "Alarms active, clearing or latched", out);
    print_per_priority(json_object_get(alarms, "unacked"), "alarms_waiting",
                       "Alarms waiting for an acknowledgement", out);
    metrics_kpi_print(json_object_get(figures, "kpi"), out);
    print_devices(json_object_get(figures, "devices"), out);
    print_restarts(workers, out);
    print_cpu(workers, out);
    print_lateness(workers, out);
    for (unsigned stat = 0; stat < STAT_COUNT; stat++)
        if (!is_printed_elsewhere((enum stat_id)stat))
            print_stat(workers, (enum stat_id)stat, out);
}

bool
metrics_is_healthy(const struct metrics *metrics, struct stamp now, int64_t old_ms, char *reason,
                   size_t size)
{
    int64_t age_ms = now.mono_ms - metrics->taken.mono_ms;

    if (metrics->figures == NULL)
        snprintf(reason, size, "no figures from the judge yet\n");
    else if (age_ms > old_ms)
        snprintf(reason, size, "the judge has been silent for %lld s\n", (long long)age_ms / 1000);
    else
        return true;
    return false;
}
