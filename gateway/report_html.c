/*
 * report_html.c - the report of the alarms as one page: no scripts, nothing from elsewhere, A4.
 */
#include <string.h>

#include "gateway/report.h"

static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    "body{font:14px/1.45 sans-serif;color:#111;background:#fff;max-width:60em;margin:2em auto;"
    "padding:0 1em}\n"
    "h1{font-size:1.5em}h2{font-size:1.2em;border-bottom:2px solid #111;margin-top:2em}\n"
    "table{border-collapse:collapse;margin:1em 0}\n"
    "caption{text-align:left;font-weight:bold;padding:.3em 0}\n"
    "th,td{border:1px solid #999;padding:.25em .6em;text-align:left;vertical-align:top}\n"
    "th{background:#eee}td.n{text-align:right;white-space:nowrap}\n"
    "td.id{font-family:monospace;overflow-wrap:anywhere}\n"
    "@media print{body{margin:0;max-width:none;font-size:10pt}section{break-inside:avoid}"
    "th{background:none}}\n"
    "@page{size:A4;margin:15mm}\n"
    "</style>\n";

/* Text of the site and of its people: nothing in it is markup. */
static void
add_escaped(struct text_buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        const char *entity = *at == '&'    ? "&amp;"
                             : *at == '<'  ? "&lt;"
                             : *at == '>'  ? "&gt;"
                             : *at == '"'  ? "&quot;"
                             : *at == '\'' ? "&#39;"
                                           : NULL;

        if (entity != NULL)
            text_buf_add_bytes(out, entity, strlen(entity));
        else
            text_buf_add_bytes(out, at, 1);
    }
}

static void
add_cell(struct text_buf *out, const char *opening, const char *text)
{
    text_buf_add(out, "%s", opening);
    add_escaped(out, text);
    text_buf_add(out, "</td>");
}

static void
add_count(struct text_buf *out, int64_t count)
{
    text_buf_add(out, "<td class=\"n\">%lld</td>", (long long)count);
}

static void
add_times(struct text_buf *out, const json_t *times)
{
    static const char *const KEYS[] = {"median_s", "p90_s", "max_s"};
    char time[32];

    text_buf_add(out, "<table><caption>Time to acknowledge</caption><tr><th>Priority</th>"
                      "<th>Count</th><th>Median</th><th>90 %%</th><th>Longest</th>"
                      "<th>Never</th></tr>\n");
    for (size_t i = 0; i < ARRAY_LEN(REPORT_TIMES); i++) {
        const json_t *one = json_object_get(times, REPORT_TIMES[i].key);

        text_buf_add(out, "<tr>");
        add_cell(out, "<td>", REPORT_TIMES[i].title);
        add_count(out, json_int_or(one, "count", 0));
        for (size_t k = 0; k < ARRAY_LEN(KEYS); k++)
            add_cell(out, "<td class=\"n\">",
                     report_seconds(json_object_get(one, KEYS[k]), time, sizeof time));
        add_count(out, json_int_or(one, "never", 0));
        text_buf_add(out, "</tr>\n");
    }
    text_buf_add(out, "</table>\n");
}

static void
add_top(struct text_buf *out, const json_t *top)
{
    const json_t *one;
    size_t index;

    if (json_array_size(top) == 0)
        return;
    text_buf_add(out, "<table><caption>Most frequent</caption><tr><th>Told</th><th>Share</th>"
                      "<th>Priority</th><th>Alarm</th><th>Text</th></tr>\n");
    json_array_foreach(top, index, one)
    {
        text_buf_add(out, "<tr>");
        add_count(out, json_int_or(one, "told", 0));
        text_buf_add(out, "<td class=\"n\">%.1f %%</td><td>P%lld</td>",
                     100 * json_number_value(json_object_get(one, "share")),
                     (long long)json_int_or(one, "priority", 4));
        add_cell(out, "<td class=\"id\">", json_text_or(one, "id", "?"));
        add_cell(out, "<td>", json_text_or(one, "text", ""));
        text_buf_add(out, "</tr>\n");
    }
    text_buf_add(out, "</table>\n");
}

static void
add_audience(struct text_buf *out, const char *name, const json_t *audience)
{
    struct report_line lines[REPORT_LINES];
    size_t count = report_lines(audience, lines);

    text_buf_add(out, "<section>\n<h2>");
    add_escaped(out, name);
    text_buf_add(out, "</h2>\n<table>\n");
    for (size_t i = 0; i < count; i++) {
        text_buf_add(out, "<tr><th>%s</th>", lines[i].title);
        add_cell(out, "<td>", lines[i].value);
        text_buf_add(out, "</tr>\n");
    }
    text_buf_add(out, "</table>\n");
    add_times(out, json_object_get(audience, "time_to_ack"));
    add_top(out, json_object_get(audience, "most_frequent"));
    text_buf_add(out, "</section>\n");
}

static void
add_commands(struct text_buf *out, const json_t *commands)
{
    json_t *codes = json_object_get(commands, "refused_by_code"), *count;
    const char *code;

    text_buf_add(out, "<section>\n<h2>commands</h2>\n<p>%lld judged, %lld refused.</p>\n",
                 (long long)json_int_or(commands, "judged", 0),
                 (long long)json_int_or(commands, "refused", 0));
    if (json_object_size(codes) > 0) {
        text_buf_add(out, "<table><tr><th>Refused as</th><th>Count</th></tr>\n");
        json_object_foreach(codes, code, count)
        {
            text_buf_add(out, "<tr>");
            add_cell(out, "<td>", code);
            add_count(out, json_integer_value(count));
            text_buf_add(out, "</tr>\n");
        }
        text_buf_add(out, "</table>\n");
    }
    text_buf_add(out, "</section>\n");
}

void
report_html(const json_t *report, struct text_buf *out)
{
    json_t *audiences = json_object_get(report, "audiences"), *audience;
    const char *name, *site = json_text_or(report, "site", "?");
    struct text_buf coverage;

    text_buf_init(&coverage, REPORT_BYTES_MAX);
    report_coverage(report, &coverage);
    text_buf_add_bytes(out, HEAD, sizeof HEAD - 1);
    text_buf_add(out, "<title>Alarms of ");
    add_escaped(out, site);
    text_buf_add(out, "</title>\n</head>\n<body>\n<h1>Alarms of ");
    add_escaped(out, site);
    text_buf_add(out, "</h1>\n<p>");
    for (const char *line = coverage.data; line != NULL && *line != '\0'; line++) {
        char one[2] = {*line, '\0'};

        if (*line == '\n')
            text_buf_add(out, "<br>\n");
        else
            add_escaped(out, one);
    }
    text_buf_add(out, "Journal ");
    add_escaped(out, json_text_or(report, "jid", "?"));
    text_buf_add(out, ".</p>\n");
    json_object_foreach(audiences, name, audience) add_audience(out, name, audience);
    add_commands(out, json_object_get(report, "commands"));
    text_buf_add(out, "</body>\n</html>\n");
    text_buf_done(&coverage);
}
