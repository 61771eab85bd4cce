/*
 * demo_view.c - one picture of the demo site as text for a terminal: nothing is kept, everything is
 * drawn anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/cmd_common.h"
#include "gateway/demo.h"

#define SORT_MAX 512
#define HEAD_ROWS 14 /* lines that are not alarms, the footer included */

#define CLEAR_LINE "\033[K"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* values */

static const json_t *
find(const struct picture *picture, const char *point)
{
    const json_t *item;
    size_t index;

    json_array_foreach(json_object_get(picture->values, "values"), index,
                       item) if (strcmp(json_text_or(item, "point", ""), point) == 0) return item;
    return NULL;
}

/* The label, or the number times `factor` with `decimals`; "?" when there is no good reading. */
static const char *
show_times(const struct picture *picture, const char *point, double factor, int decimals,
           char out[32])
{
    const json_t *item = find(picture, point);
    const json_t *value = json_object_get(item, "value");
    const char *label = json_text_or(item, "label", NULL);

    if (item == NULL || strcmp(json_text_or(item, "quality", "bad"), "bad") == 0)
        snprintf(out, 32, "?");
    else if (label != NULL)
        snprintf(out, 32, "%s", label);
    else if (json_is_number(value))
        snprintf(out, 32, "%.*f", decimals, json_number_value(value) * factor);
    else
        snprintf(out, 32, "?");
    return out;
}

static const char *
show(const struct picture *picture, const char *point, int decimals, char out[32])
{
    return show_times(picture, point, 1, decimals, out);
}

/* lines */

struct drawing {
    struct text_buf *out;
    const struct picture *picture;
    unsigned row;
};

/* Ends a line of text: cut at the terminal's width, its rest cleared. */
static void
line(struct drawing *drawing, const char *style, const char *text)
{
    const struct picture *picture = drawing->picture;

    if (drawing->row >= picture->rows)
        return;
    if (drawing->row++ > 0)
        text_buf_add(drawing->out, "\r\n");
    if (picture->colour)
        text_buf_add(drawing->out, "%s%.*s%s" CLEAR_LINE, style, (int)picture->columns, text,
                     style[0] == '\0' ? "" : PLAIN);
    else
        text_buf_add(drawing->out, "%.*s", (int)picture->columns, text);
}

static void
draw_head(struct drawing *drawing)
{
    const struct picture *picture = drawing->picture;
    const json_t *devices = json_object_get(picture->status, "devices");
    const json_t *alarms = json_object_get(picture->status, "alarms");
    char text[200];

    snprintf(text, sizeof text, " WATCHROOM  %-40.40s  %3lld:%02lld",
             json_text_or(picture->status, "site_name", "starting ..."),
             (long long)(picture->seconds / 60), (long long)(picture->seconds % 60));
    line(drawing, "\033[7m", text);
    snprintf(text, sizeof text,
             " gateway %s   devices %lld of %lld   alarms %lld, %lld unseen   told %llu",
             json_text_or(picture->status, "state", "?"), (long long)json_int_or(devices, "up", 0),
             (long long)json_int_or(devices, "total", 0), (long long)json_int_or(alarms, "live", 0),
             (long long)json_int_or(alarms, "unacked", 0), (unsigned long long)picture->told);
    line(drawing, "", text);
}

static void
draw_power(struct drawing *drawing)
{
    const struct picture *p = drawing->picture;
    char text[200], a[32], b[32], c[32], d[32], e[32];

    snprintf(text, sizeof text, " Mains      %5s V  %5s Hz      Transfer switch on %s, %s V",
             show(p, "gen-1/mains.L1.voltage", 0, a), show(p, "gen-1/mains.frequency", 1, b),
             show(p, "ats-1/ats.source", 0, c), show(p, "ats-1/output.voltage", 0, d));
    line(drawing, "", text);
    for (char ups = 'a'; ups <= 'b'; ups++) {
        char point[4][64];
        static const char *const NAMES[] = {"ups.output.source", "battery.charge",
                                            "battery.runtime", "output.L1.load"};

        for (size_t i = 0; i < 4; i++)
            snprintf(point[i], sizeof point[i], "ups-%c/%s", ups, NAMES[i]);
        snprintf(text, sizeof text,
                 " UPS %c      %-10s charge %4s %%   lasts %4s min   load %3s %%", ups - 'a' + 'A',
                 show(p, point[0], 0, a), show(p, point[1], 0, b),
                 show_times(p, point[2], 1.0 / 60, 0, c), show(p, point[3], 0, d));
        line(drawing, strcmp(a, "battery") == 0 ? "\033[33m" : "", text);
    }
    for (char set = '1'; set <= '2'; set++) {
        char point[5][64];
        static const char *const NAMES[] = {"engine.state", "engine.speed", "generator.frequency",
                                            "fuel.level", "generator.load"};

        for (size_t i = 0; i < 5; i++)
            snprintf(point[i], sizeof point[i], "gen-%c/%s", set, NAMES[i]);
        snprintf(text, sizeof text, " Generator %c %-16s %5s rpm  %5s Hz  fuel %4s %%  load %4s %%",
                 set, show(p, point[0], 0, a), show(p, point[1], 0, b), show(p, point[2], 1, c),
                 show(p, point[3], 0, d), show(p, point[4], 0, e));
        line(drawing, strcmp(a, "running") == 0 ? "\033[32m" : "", text);
    }
}

static void
draw_rest(struct drawing *drawing)
{
    const struct picture *p = drawing->picture;
    char text[200], a[32], b[32], c[32], d[32];

    snprintf(text, sizeof text, " PDUs       A1 %s kW   A2 %s kW   B1 %s kW   B2 %s kW",
             show_times(p, "pdu-a1/pdu.power", 0.001, 1, a),
             show_times(p, "pdu-a2/pdu.power", 0.001, 1, b),
             show_times(p, "pdu-b1/pdu.power", 0.001, 1, c),
             show_times(p, "pdu-b2/pdu.power", 0.001, 1, d));
    line(drawing, "", text);
    snprintf(text, sizeof text,
             " Climate    cold aisle %s C  hot aisle %s C  humidity %s %%  batteries %s C",
             show(p, "env-hall/temperature.1", 1, a), show(p, "env-hall/temperature.2", 1, b),
             show(p, "env-hall/humidity.1", 0, c), show(p, "env-battery/temperature.1", 1, d));
    line(drawing, "", text);
    snprintf(text, sizeof text, " Security   hall door %s   loading door %s   floor %s   fire %s",
             show(p, "panel-1/door.1.state", 0, a), show(p, "panel-1/door.2.state", 0, b),
             show(p, "panel-1/leak.1", 0, c), show(p, "panel-1/fire.alarm", 0, d));
    line(drawing, "", text);
    snprintf(text, sizeof text, " Video      %s   free space %s %%   processor %s %%",
             show(p, "nvr-1/recording.state", 0, a), show(p, "nvr-1/storage.free", 0, b),
             show(p, "nvr-1/cpu.load", 0, c));
    line(drawing, "", text);
}

/* alarms */

static bool
waits(const json_t *alarm)
{
    return strcmp(json_text_or(alarm, "ack", ""), "unacked") == 0;
}

static int
compare(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
    int64_t difference = (int64_t)waits(y) - (int64_t)waits(x);

    if (difference == 0)
        difference = json_int_or(x, "priority", 9) - json_int_or(y, "priority", 9);
    if (difference == 0)
        difference = json_int_or(y, "raised", 0) - json_int_or(x, "raised", 0);
    return (difference > 0) - (difference < 0);
}

size_t
demo_view_sort(const json_t *alarms, const json_t **out, size_t size)
{
    const json_t *alarm;
    size_t index, count = 0;

    json_array_foreach(json_object_get(alarms, "alarms"), index, alarm) if (count < size)
        out[count++] = alarm;
    qsort(out, count, sizeof *out, compare);
    return count;
}

static const char *
style_of(const json_t *alarm)
{
    static const char *const STYLES[] = {"", "\033[1;31m", "\033[31m", "\033[33m", "\033[36m"};
    int64_t priority = json_int_or(alarm, "priority", 4);

    if (!waits(alarm))
        return DIM;
    return STYLES[priority >= 1 && priority <= 4 ? priority : 0];
}

static void
draw_alarm(struct drawing *drawing, size_t number_shown, const json_t *alarm)
{
    char text[400], age[24] = "-", key[4] = " ";
    int64_t raised = json_int_or(alarm, "raised", 0);

    if (raised > 0)
        common_format_age(drawing->picture->now_ms - raised, age, sizeof age);
    if (number_shown <= 9)
        snprintf(key, sizeof key, "%zu", number_shown);
    /* The id is longer than it helps here: `watchroom alarms` has it. */
    snprintf(text, sizeof text, " %s P%lld %6s  %-8s %s%s", key,
             (long long)json_int_or(alarm, "priority", 4), age,
             json_text_or(alarm, "resource", json_text_or(alarm, "id", "?")),
             json_text_or(alarm, "text", ""),
             strcmp(json_text_or(alarm, "cond", ""), "normal") == 0 ? " (over)" : "");
    line(drawing, style_of(alarm), text);
    snprintf(text, sizeof text, "          -> %s", json_text_or(alarm, "action", ""));
    line(drawing, waits(alarm) ? "" : DIM, text);
}

static void
draw_alarms(struct drawing *drawing)
{
    const struct picture *picture = drawing->picture;
    const json_t *alarms[SORT_MAX];
    size_t count = demo_view_sort(picture->alarms, alarms, SORT_MAX);
    size_t room = picture->rows > HEAD_ROWS ? (picture->rows - HEAD_ROWS) / 2 : 0;
    char text[80];

    if (count > room)
        snprintf(text, sizeof text, " ALARMS (%zu, the first %zu)", count, room);
    else
        snprintf(text, sizeof text, " ALARMS%s", count == 0 ? ": none" : "");
    line(drawing, "", "");
    line(drawing, BOLD, text);
    for (size_t i = 0; i < count && i < room; i++)
        draw_alarm(drawing, i + 1, alarms[i]);
}

void
demo_view_draw(const struct picture *picture, struct text_buf *out)
{
    struct drawing drawing = {.out = out, .picture = picture};
    char text[160];

    if (picture->colour)
        text_buf_add(out, "\033[H");
    draw_head(&drawing);
    draw_power(&drawing);
    draw_rest(&drawing);
    draw_alarms(&drawing);
    while (drawing.row + 1 < picture->rows)
        line(&drawing, "", "");
    snprintf(text, sizeof text, " a acknowledge the first   1-9 that one   m mains   q quit   %s",
             picture->note == NULL ? "" : picture->note);
    line(&drawing, "\033[7m", text);
    if (!picture->colour)
        text_buf_add(out, "\n");
}
