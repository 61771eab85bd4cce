/*
 * report_text.c - the report of the alarms for a terminal.
 */
#include <string.h>

#include "gateway/report.h"

static void
print_times(const json_t *times, struct text_buf *out)
{
    char median[32], p90[32], longest[32];

    text_buf_add(out, "  %-22s %8s %10s %10s %10s %8s\n", "time to acknowledge", "count", "median",
                 "90 %", "longest", "never");
    for (size_t i = 0; i < ARRAY_LEN(REPORT_TIMES); i++) {
        const json_t *one = json_object_get(times, REPORT_TIMES[i].key);

        text_buf_add(out, "    %-20s %8lld %10s %10s %10s %8lld\n", REPORT_TIMES[i].title,
                     (long long)json_int_or(one, "count", 0),
                     report_seconds(json_object_get(one, "median_s"), median, sizeof median),
                     report_seconds(json_object_get(one, "p90_s"), p90, sizeof p90),
                     report_seconds(json_object_get(one, "max_s"), longest, sizeof longest),
                     (long long)json_int_or(one, "never", 0));
    }
}

static void
print_top(const json_t *top, struct text_buf *out)
{
    const json_t *one;
    size_t index;

    if (json_array_size(top) > 0)
        text_buf_add(out, "  most frequent\n");
    json_array_foreach(top, index, one)
        text_buf_add(out, "  %6lld  %4.1f %%  P%lld  %s\n", (long long)json_int_or(one, "told", 0),
                     100 * json_number_value(json_object_get(one, "share")),
                     (long long)json_int_or(one, "priority", 4), json_text_or(one, "id", "?"));
}

static void
print_audience(const char *name, const json_t *audience, struct text_buf *out)
{
    struct report_line lines[REPORT_LINES];
    size_t count = report_lines(audience, lines);

    text_buf_add(out, "\n%s\n", name);
    for (size_t i = 0; i < count; i++)
        text_buf_add(out, "  %-22s %s\n", lines[i].title, lines[i].value);
    print_times(json_object_get(audience, "time_to_ack"), out);
    print_top(json_object_get(audience, "most_frequent"), out);
}

static void
print_commands(const json_t *commands, struct text_buf *out)
{
    json_t *codes = json_object_get(commands, "refused_by_code"), *count;
    const char *code;

    text_buf_add(out, "\ncommands: %lld, refused: %lld\n",
                 (long long)json_int_or(commands, "judged", 0),
                 (long long)json_int_or(commands, "refused", 0));
    json_object_foreach(codes, code, count)
        text_buf_add(out, "  %-22s %lld\n", code, (long long)json_integer_value(count));
}

void
report_text(const json_t *report, struct text_buf *out)
{
    json_t *audiences = json_object_get(report, "audiences"), *audience;
    const char *name;

    text_buf_add(out, "Alarms of %s\n", json_text_or(report, "site", "?"));
    report_coverage(report, out);
    json_object_foreach(audiences, name, audience) print_audience(name, audience, out);
    print_commands(json_object_get(report, "commands"), out);
}
