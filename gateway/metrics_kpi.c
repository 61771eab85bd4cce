/*
 * metrics_kpi.c - the key figures of the alarms of each audience as Prometheus text.
 */
#include "gateway/metrics_kpi.h"

#include "alerts/kpi.h"
#include "gateway/metrics.h"

static const struct {
    const char *key, *name, *help, *type;
    double unit;
} SINGLE[] = {
    {"told_10m", "alarms_told_10m", "Alarms told in the last ten minutes", "gauge", 1},
    {"flood", "alarm_flood",
     "1 while an audience is flooded: 10 told in 10 minutes, until fewer than 5", "gauge", 1},
    {"floods", "alarm_floods_total", "Floods begun", "counter", 1},
    {"flood_ms", "alarm_flood_seconds_total", "Time in flood", "counter", 1000},
    {"chattering", "alarms_chattering", "Alarms held because they chatter", "gauge", 1},
    {"standing", "alarms_standing", "Alarms live for more than 24 hours", "gauge", 1},
    {"shelved", "alarms_shelved", "Alarms shelved", "gauge", 1},
    {"suppressed", "alarms_suppressed", "Alarms suppressed by design", "gauge", 1},
    {"out_of_service", "alarms_out_of_service", "Alarms out of service", "gauge", 1},
    {"escalations", "alarm_escalations_total", "Escalation steps told", "counter", 1},
};

static void
print_single(json_t *figures, size_t which, struct text_buf *out)
{
    const char *audience;
    json_t *one;

    metrics_head(out, SINGLE[which].name, SINGLE[which].help, SINGLE[which].type);
    json_object_foreach(figures, audience, one)
        text_buf_add(out, "watchroom_%s{audience=\"%s\"} %.12g\n", SINGLE[which].name, audience,
                     (double)json_int_or(one, SINGLE[which].key, 0) / SINGLE[which].unit);
}

static void
print_by_priority(json_t *figures, const char *key, const char *name, const char *help,
                  const char *type, struct text_buf *out)
{
    const char *audience;
    json_t *one;

    metrics_head(out, name, help, type);
    json_object_foreach(figures, audience, one)
    {
        for (size_t priority = 1; priority < KPI_PRIORITIES; priority++)
            text_buf_add(
                out, "watchroom_%s{audience=\"%s\",priority=\"%zu\"} %lld\n", name, audience,
                priority,
                (long long)json_integer_value(json_array_get(json_object_get(one, key), priority)));
    }
}

static void
print_histogram(const char *audience, size_t priority, const json_t *times, struct text_buf *out)
{
    static const char NAME[] = "watchroom_alarm_acknowledge_seconds";
    const json_t *within = json_object_get(times, "within");
    long long count = json_int_or(times, "count", 0);

    for (size_t i = 0; i < KPI_STEPS; i++)
        text_buf_add(out, "%s_bucket{audience=\"%s\",priority=\"%zu\",le=\"%u\"} %lld\n", NAME,
                     audience, priority, KPI_STEPS_S[i],
                     (long long)json_integer_value(json_array_get(within, i)));
    text_buf_add(out, "%s_bucket{audience=\"%s\",priority=\"%zu\",le=\"+Inf\"} %lld\n", NAME,
                 audience, priority, count);
    text_buf_add(out, "%s_sum{audience=\"%s\",priority=\"%zu\"} %.3f\n", NAME, audience, priority,
                 (double)json_int_or(times, "sum_ms", 0) / 1000);
    text_buf_add(out, "%s_count{audience=\"%s\",priority=\"%zu\"} %lld\n", NAME, audience, priority,
                 count);
}

void
metrics_kpi_print(const json_t *kpi, struct text_buf *out)
{
    json_t *figures = (json_t *)(uintptr_t)kpi, *one; /* the iterator wants it so */
    const char *audience;

    if (kpi == NULL)
        return;
    print_by_priority(figures, "told", "alarm_annunciations_total",
                      "Alarms told to an audience, re-alarms included", "counter", out);
    print_by_priority(figures, "unacked", "alarms_unacknowledged",
                      "Alarms of an audience waiting for an acknowledgement", "gauge", out);
    for (size_t i = 0; i < ARRAY_LEN(SINGLE); i++)
        print_single(figures, i, out);
    metrics_head(out, "alarm_acknowledge_seconds", "From told to acknowledged", "histogram");
    json_object_foreach(figures, audience, one)
    {
        for (size_t priority = 1; priority < KPI_PRIORITIES; priority++)
            print_histogram(audience, priority,
                            json_array_get(json_object_get(one, "acked"), priority - 1), out);
    }
}
