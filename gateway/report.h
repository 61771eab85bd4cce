/*
 * report.h - watchroom report alarms: the figures as JSON, and that JSON as text and as a page.
 *
 * docs/reports.md explains every member. What text and page show is taken from the JSON, so that
 * the three never differ.
 */
#ifndef WATCHROOM_GATEWAY_REPORT_H
#define WATCHROOM_GATEWAY_REPORT_H

#include "alerts/kpi_rows.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define REPORT_TOP 10 /* most frequent alarms that are named */
#define REPORT_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* A new reference; NULL: out of memory. */
json_t *report_json(const struct kpi_rows *rows);

/* For a terminal. */
void report_text(const json_t *report, struct text_buf *out);
/* One HTML page that needs nothing else and can be printed; every text is escaped. */
void report_html(const json_t *report, struct text_buf *out);

/* Shared by the two. */
struct report_line { /* one figure of an audience */
    const char *title;
    char value[160];
};
#define REPORT_LINES 16
size_t report_lines(const json_t *audience, struct report_line out[REPORT_LINES]);
/* The sentences about what the figures cover: one of them a line, each ended by '\n'. */
void report_coverage(const json_t *report, struct text_buf *out);
/* "4 min 10 s" of a number of seconds; "-" of anything else. `out` at least 32 bytes. */
const char *report_seconds(const json_t *seconds, char *out, size_t size);
/* A column of "p1" .. "p4" and "all" of time_to_ack: its key and heading. */
struct report_column {
    const char *key, *title;
};
extern const struct report_column REPORT_TIMES[5];

#endif
