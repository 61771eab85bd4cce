/*
 * report_json.c - the figures of the alarms as JSON, and what text and page have in common.
 */
#include "gateway/report.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/cmd_common.h"

const struct report_column REPORT_TIMES[5] = {
    {"p1", "P1"}, {"p2", "P2"}, {"p3", "P3"}, {"p4", "P4"}, {"all", "all"}};

/* priorities: [0] is all of them */

static json_t *
counts_json(const char *total, const uint64_t counts[KPI_PRIORITIES])
{
    json_t *object = json_pack("{s:I}", total, (json_int_t)counts[0]);
    char key[4];

    for (unsigned priority = 1; priority < KPI_PRIORITIES; priority++) {
        snprintf(key, sizeof key, "p%u", priority);
        json_object_set_new(object, key, json_integer((json_int_t)counts[priority]));
    }
    return object;
}

static double
share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static json_t *
shares_json(const uint64_t counts[KPI_PRIORITIES])
{
    return json_pack("{s:f, s:f, s:f, s:f}", "p1", share_of(counts[1], counts[0]), "p2",
                     share_of(counts[2], counts[0]), "p3", share_of(counts[3], counts[0]), "p4",
                     share_of(counts[4], counts[0]));
}

static json_t *
seconds_json(bool is_known, int64_t ms)
{
    return is_known ? json_real((double)ms / 1000) : json_null();
}

static json_t *
times_json(const struct kpi_audience *of)
{
    json_t *object = json_object();

    for (size_t i = 0; i < ARRAY_LEN(REPORT_TIMES); i++) {
        size_t priority = (i + 1) % KPI_PRIORITIES;
        const struct kpi_times *times = &of->acked[priority];
        bool has = times->count > 0;

        json_object_set_new(object, REPORT_TIMES[i].key,
                            json_pack("{s:I, s:o, s:o, s:o, s:I}", "count",
                                      (json_int_t)times->count, "median_s",
                                      seconds_json(has, kpi_times_quantile(times, 0.5)), "p90_s",
                                      seconds_json(has, kpi_times_quantile(times, 0.9)), "max_s",
                                      seconds_json(has, (int64_t)times->max_ms), "never",
                                      (json_int_t)(of->never[priority] + of->unacked[priority])));
    }
    return object;
}

static json_t *
now_json(const struct kpi_audience *of)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "live", counts_json("total", of->live),
                     "unacknowledged", counts_json("total", of->unacked), "shelved",
                     (json_int_t)of->shelved, "suppressed", (json_int_t)of->suppressed,
                     "out_of_service", (json_int_t)of->out_of_service);
}

/* the most frequent */

struct often {
    uint32_t slot, told;
};

static json_t *
often_json(const struct kpi_rows *rows, const struct often *one, uint64_t all)
{
    const struct kpi_alarm_name *name = &rows->names[one->slot];

    return json_pack("{s:s, s:i, s:s, s:I, s:f}", "id", name->id, "priority", (int)name->priority,
                     "text", name->text != NULL ? name->text : "", "told", (json_int_t)one->told,
                     "share", share_of(one->told, all));
}

static bool
is_more(const struct kpi_rows *rows, const struct often *a, const struct often *b)
{
    return a->told != b->told ? a->told > b->told
                              : strcmp(rows->names[a->slot].id, rows->names[b->slot].id) < 0;
}

static json_t *
top_json(const struct kpi_rows *rows, enum audience audience)
{
    struct often top[REPORT_TOP + 1];
    size_t count = 0;
    json_t *list = json_array();

    for (uint32_t slot = 0; slot < rows->name_count; slot++) {
        unsigned audiences = 0;
        struct often one = {slot, kpi_told_of(rows->kpi, slot, &audiences)};
        size_t at = count;

        if (one.told == 0 || (audiences & AUDIENCE_BIT(audience)) == 0)
            continue;
        for (; at > 0 && is_more(rows, &one, &top[at - 1]); at--)
            top[at] = top[at - 1];
        top[at] = one;
        if (count < REPORT_TOP)
            count++;
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              often_json(rows, &top[i], kpi_of(rows->kpi, audience)->told[0]));
    return list;
}

static json_t *
audience_json(const struct kpi_rows *rows, enum audience audience)
{
    const struct kpi_audience *of = kpi_of(rows->kpi, audience);
    int64_t covered_ms = rows->covered_to - rows->covered_from;
    double spans = (double)covered_ms / (double)KPI_SPAN_MS;
    json_t *object = json_object();

    json_object_set_new(object, "told", counts_json("total", of->told));
    json_object_set_new(object, "told_per_10min",
                        json_pack("{s:f, s:I}", "mean",
                                  spans > 0 ? (double)of->told[0] / spans : 0.0, "peak",
                                  (json_int_t)of->peak));
    json_object_set_new(object, "priority_share", shares_json(of->told));
    json_object_set_new(object, "flood",
                        json_pack("{s:I, s:f, s:f, s:b}", "count", (json_int_t)of->floods,
                                  "seconds", (double)of->flood_ms / 1000, "share",
                                  covered_ms > 0 ? (double)of->flood_ms / (double)covered_ms : 0.0,
                                  "now", of->is_flood));
    json_object_set_new(object, "time_to_ack", times_json(of));
    json_object_set_new(object, "chattering",
                        json_pack("{s:I, s:I}", "alarms", (json_int_t)of->chattered, "held_now",
                                  (json_int_t)of->in_hold));
    json_object_set_new(
        object, "standing_24h",
        json_pack("{s:I, s:I}", "alarms", (json_int_t)of->stood, "now", (json_int_t)of->standing));
    json_object_set_new(object, "now", now_json(of));
    json_object_set_new(object, "escalations", json_integer((json_int_t)of->escalations));
    json_object_set_new(object, "most_frequent", top_json(rows, audience));
    return object;
}

static json_t *
range_json(const struct kpi_rows *rows)
{
    json_t *range = json_object();
    const struct {
        const char *key;
        int64_t value;
    } members[] = {{"from", rows->from_utc_ms},
                   {"to", rows->to_utc_ms},
                   {"rows", (int64_t)rows->in_range},
                   {"oldest_seq", (int64_t)rows->oldest},
                   {"newest_seq", (int64_t)rows->newest},
                   {"pruned_to", (int64_t)rows->pruned_to},
                   {"lost_rows", (int64_t)rows->lost_rows},
                   {"event_gaps", (int64_t)rows->event_gaps},
                   {"pauses", (int64_t)rows->pauses},
                   {"left_out_rows", (int64_t)rows->left_out},
                   {"unreadable_rows", (int64_t)rows->unreadable}};

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_object_set_new(range, members[i].key, json_integer((json_int_t)members[i].value));
    json_object_set_new(range, "paused_s", json_real((double)rows->paused_ms / 1000));
    json_object_set_new(range, "covered_from",
                        rows->is_covered ? json_integer((json_int_t)rows->covered_from)
                                         : json_null());
    json_object_set_new(range, "covered_to",
                        rows->is_covered ? json_integer((json_int_t)rows->covered_to)
                                         : json_null());
    return range;
}

json_t *
report_json(const struct kpi_rows *rows)
{
    json_t *codes = json_object(), *audiences = json_object();

    for (size_t i = 0; i < rows->code_count; i++)
        json_object_set_new(codes, rows->codes[i].name,
                            json_integer((json_int_t)rows->codes[i].count));
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        json_object_set_new(audiences, audience_name((enum audience)audience),
                            audience_json(rows, (enum audience)audience));
    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:{s:I, s:I, s:o}, s:o}", "report", "alarms",
                     "version", 1, "site", rows->site, "jid", rows->jid, "range", range_json(rows),
                     "commands", "judged", (json_int_t)rows->commands, "refused",
                     (json_int_t)rows->refused, "refused_by_code", codes, "audiences", audiences);
}

/* shared by text and page */

const char *
report_seconds(const json_t *seconds, char *out, size_t size)
{
    double value = json_number_value(seconds);

    if (!json_is_number(seconds))
        snprintf(out, size, "-");
    else if (value < 120)
        snprintf(out, size, "%.*f s", value < 10 ? 1 : 0, value);
    else if (value < 7200)
        snprintf(out, size, "%.0f min", value / 60);
    else if (value < 2 * 86400)
        snprintf(out, size, "%.1f h", value / 3600);
    else
        snprintf(out, size, "%.1f d", value / 86400);
    return out;
}

static const json_t *
at(const json_t *object, const char *outer, const char *inner)
{
    return json_object_get(json_object_get(object, outer), inner);
}

static long long
int_at(const json_t *object, const char *outer, const char *inner)
{
    return json_integer_value(at(object, outer, inner));
}

static double
percent_at(const json_t *object, const char *outer, const char *inner)
{
    return 100 * json_number_value(at(object, outer, inner));
}

size_t
report_lines(const json_t *audience, struct report_line out[REPORT_LINES])
{
    const json_t *now = json_object_get(audience, "now");
    char time[32];
    size_t count = 0;

#define LINE(name, ...)                                                                            \
    do {                                                                                           \
        out[count].title = name;                                                                   \
        snprintf(out[count].value, sizeof out[count].value, __VA_ARGS__);                          \
        count++;                                                                                   \
    } while (0)
    LINE("told", "%lld", int_at(audience, "told", "total"));
    LINE("told per 10 min", "%.2f mean, %lld peak",
         json_number_value(at(audience, "told_per_10min", "mean")),
         int_at(audience, "told_per_10min", "peak"));
    LINE("P1 / P2 / P3 / P4", "%.1f / %.1f / %.1f / %.1f %%",
         percent_at(audience, "priority_share", "p1"), percent_at(audience, "priority_share", "p2"),
         percent_at(audience, "priority_share", "p3"),
         percent_at(audience, "priority_share", "p4"));
    LINE("in flood", "%s, %.2f %% of the time, %lld times%s",
         report_seconds(at(audience, "flood", "seconds"), time, sizeof time),
         percent_at(audience, "flood", "share"), int_at(audience, "flood", "count"),
         json_is_true(at(audience, "flood", "now")) ? "; NOW" : "");
    LINE("chattering", "%lld alarms, %lld held now", int_at(audience, "chattering", "alarms"),
         int_at(audience, "chattering", "held_now"));
    LINE("standing over 24 h", "%lld alarms, %lld now", int_at(audience, "standing_24h", "alarms"),
         int_at(audience, "standing_24h", "now"));
    LINE("escalations", "%lld", (long long)json_int_or(audience, "escalations", 0));
    LINE("live at the end", "%lld", int_at(now, "live", "total"));
    LINE("unacknowledged", "%lld (P1 %lld, P2 %lld, P3 %lld, P4 %lld)",
         int_at(now, "unacknowledged", "total"), int_at(now, "unacknowledged", "p1"),
         int_at(now, "unacknowledged", "p2"), int_at(now, "unacknowledged", "p3"),
         int_at(now, "unacknowledged", "p4"));
    LINE("shelved", "%lld", (long long)json_int_or(now, "shelved", 0));
    LINE("suppressed by design", "%lld", (long long)json_int_or(now, "suppressed", 0));
    LINE("out of service", "%lld", (long long)json_int_or(now, "out_of_service", 0));
#undef LINE
    return count;
}

static const char *
local(const json_t *utc_ms, char *out, size_t size)
{
    common_format_local((int64_t)json_integer_value(utc_ms), out, size);
    return out;
}

void
report_coverage(const json_t *report, struct text_buf *out)
{
    const json_t *range = json_object_get(report, "range");
    const json_t *from = json_object_get(range, "covered_from");
    char begin[24], end[24], time[32];

    text_buf_add(out, "Asked for: %s to %s.\n",
                 local(json_object_get(range, "from"), begin, sizeof begin),
                 local(json_object_get(range, "to"), end, sizeof end));
    if (json_is_null(from)) {
        text_buf_add(out, "The journal says NOTHING of that time.\n");
        return;
    }
    text_buf_add(out, "Covered by the journal: %s to %s, %lld rows.\n",
                 local(from, begin, sizeof begin),
                 local(json_object_get(range, "covered_to"), end, sizeof end),
                 (long long)json_int_or(range, "rows", 0));
    if (json_int_or(range, "pruned_to", 0) > 0)
        text_buf_add(out, "Rows up to %lld were removed for their age.\n",
                     (long long)json_int_or(range, "pruned_to", 0));
    if (json_int_or(range, "pauses", 0) > 0)
        text_buf_add(out, "Nobody judged %lld times, for %s at most: starts of the gateway.\n",
                     (long long)json_int_or(range, "pauses", 0),
                     report_seconds(json_object_get(range, "paused_s"), time, sizeof time));
    if (json_int_or(range, "lost_rows", 0) > 0)
        text_buf_add(out, "%lld rows were told while the disk was full, and lost.\n",
                     (long long)json_int_or(range, "lost_rows", 0));
    if (json_int_or(range, "event_gaps", 0) > 0)
        text_buf_add(out, "%lld times changes of devices never arrived.\n",
                     (long long)json_int_or(range, "event_gaps", 0));
    if (json_int_or(range, "left_out_rows", 0) + json_int_or(range, "unreadable_rows", 0) > 0)
        text_buf_add(out, "%lld rows could not be counted.\n",
                     (long long)(json_int_or(range, "left_out_rows", 0) +
                                 json_int_or(range, "unreadable_rows", 0)));
}
