/*
 * console_draw.c - the screen: title, counts, what to know about what is shown, list, the selected
 * alarm in words, news of orders, keys.
 *
 * Nothing is told by colour alone: "!" and capitals mark what is not acknowledged, and what is old
 * is called so.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/console/console_text.h"
#include "gateway/console/console_ui.h"
#include "gateway/console/console_watch.h"

#define ROWS_MIN 8
#define COLUMNS_MIN 40
#define HEAD_ROWS 4
#define FOOT_ROWS 2
#define PREVIEW_ROWS 4
#define PREVIEW_FROM_ROWS 18 /* a screen so high has room for it */
#define STATE_COLUMN 6
#define AGE_COLUMN 16
#define FIRST_COLUMN 23
#define NAME_COLUMN 27

struct drawing {
    struct console_ui *ui;
    struct console_page *page;
    struct stamp now;
    enum console_watch watch;
};

static bool
is_believable(const struct drawing *drawing)
{
    return drawing->watch == CONSOLE_WATCHING || drawing->watch == CONSOLE_STARTING;
}

/* head */

static void
local_time(int64_t utc_ms, char out[16])
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL || strftime(out, 16, "%H:%M:%S", &tm) == 0)
        text_copy(out, 16, "?");
}

static void
draw_title(const struct drawing *drawing)
{
    const struct console_ui *ui = drawing->ui;
    struct console_page *page = drawing->page;
    enum console_style style = is_believable(drawing) ? CONSOLE_BAR : CONSOLE_ALERT;
    char clock[16], right[80], state[80];

    switch (drawing->watch) {
    case CONSOLE_WATCHING:
        snprintf(state, sizeof state, "MONITORING, heartbeat %lld s ago",
                 (long long)(drawing->now.mono_ms - ui->model->beat_ms) / 1000);
        break;
    case CONSOLE_STARTING:
        snprintf(state, sizeof state, "starting ...");
        break;
    case CONSOLE_NO_BROKER:
    case CONSOLE_NO_HEARTBEAT:
    case CONSOLE_NO_GATEWAY:
        snprintf(state, sizeof state, "*** NOT MONITORING ***");
        break;
    }
    local_time(drawing->now.utc_ms, clock);
    snprintf(right, sizeof right, "%.20s  %s ", ui->user, clock);
    console_page_fill(page, 0, style);
    console_page_format(page, 0, 1, style, "WATCHROOM %.24s  %s", ui->site, state);
    int column = page->columns - console_text_columns(right);
    console_page_put(page, 0, column > 0 ? column : 0, page->columns, style, right);
}

static void
draw_counts(const struct drawing *drawing)
{
    static const enum console_style STYLES[] = {CONSOLE_PLAIN, CONSOLE_P1, CONSOLE_P2, CONSOLE_P3,
                                                CONSOLE_P4};
    const struct console_model *model = drawing->ui->model;
    struct console_page *page = drawing->page;
    struct console_counts counts;
    char text[80];
    int column = 1;

    console_board_count(&model->board, &counts);
    for (unsigned p = 1; p <= 4; p++) {
        if (counts.unacked[p] > 0)
            snprintf(text, sizeof text, "P%u %u (%u UNACKED)", p, counts.shown[p],
                     counts.unacked[p]);
        else
            snprintf(text, sizeof text, "P%u %u", p, counts.shown[p]);
        column = console_page_put(page, 1, column, page->columns,
                                  counts.unacked[p] > 0 ? STYLES[p] : CONSOLE_PLAIN, text);
        column += 2;
    }
    if (model->flood)
        column = 2 + console_page_put(page, 1, column, page->columns, CONSOLE_BOLD, "FLOOD (g)");
    char aside[32] = "", count[16] = "?";
    if (counts.suppressed > 0)
        snprintf(aside, sizeof aside, "+%u aside  ", counts.suppressed);
    if (model->has_count)
        snprintf(count, sizeof count, "%u", model->retained);
    snprintf(text, sizeof text, "%s%u of %s ", aside, model->board.held, count);
    int right = page->columns - console_text_columns(text);
    if (right >= column)
        console_page_put(page, 1, right, page->columns,
                         console_model_is_complete(model) ? CONSOLE_PLAIN : CONSOLE_BOLD, text);
}

/* What speaks against what is shown, the worst first; "" nothing. */
static void
find_trouble(const struct drawing *drawing, char *out, size_t size)
{
    const struct console_model *model = drawing->ui->model;
    int64_t now_ms = drawing->now.mono_ms;

    console_watch_reason(model, now_ms, out, size);
    if (!is_believable(drawing))
        return;
    if (model->board.dropped > 0)
        snprintf(out, size, "INCOMPLETE: %lu alarms have no place here (%d at most)",
                 model->board.dropped, CONSOLE_ALARMS_MAX);
    else if (console_model_is_incomplete(model, now_ms))
        snprintf(out, size, "INCOMPLETE: %u alarms are held, the gateway tells of %u",
                 model->board.held, model->retained);
    else if (out[0] != '\0')
        return;
    else if (model->skew_ms > 5000 || model->skew_ms < -5000)
        snprintf(out, size, "this machine's clock and the gateway's differ by %lld s",
                 (long long)model->skew_ms / 1000);
    else
        text_copy(out, size, model->complaint);
}

static void
describe_view(const struct drawing *drawing, char *out, size_t size)
{
    static const char *const VIEWS[] = {"All alarms", "By root or device",
                                        "Shelved, folded, out of service"};
    const struct console_list *list = &drawing->ui->list;
    const struct console_filter *filter = &list->filter;
    int used = snprintf(out, size, "%s", VIEWS[list->view]);

    if (filter->priority_max < 4)
        used += snprintf(out + used, size - (size_t)used, "; P1 to P%u", filter->priority_max);
    if (filter->unacked_only)
        used += snprintf(out + used, size - (size_t)used, "; unacknowledged");
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if ((filter->audiences & AUDIENCE_BIT(i)) != 0)
            used += snprintf(out + used, size - (size_t)used, "; for %s",
                             audience_name((enum audience)i));
    if (filter->text[0] != '\0')
        used += snprintf(out + used, size - (size_t)used, "; \"%.60s\"", filter->text);
    if (list->shown != list->listed)
        snprintf(out + used, size - (size_t)used, ": %zu of %zu SHOWN (0: all)", list->shown,
                 list->listed);
}

/* What is listed, and what is hidden: by filters, and above the first row. */
static void
draw_view(const struct drawing *drawing, int row, int column, enum console_style style)
{
    const struct console_list *list = &drawing->ui->list;
    struct console_page *page = drawing->page;
    unsigned worst, above = console_list_above(list, &worst);
    char view[300];

    if (above > 0)
        column = 2 + console_page_format(page, row, column, CONSOLE_ALERT,
                                         " %u UNACKED ABOVE, P%u (Home) ", above, worst);
    else if (list->top > 0)
        column = 2 + console_page_format(page, row, column, CONSOLE_BOLD, "%zu above", list->top);
    describe_view(drawing, view, sizeof view);
    console_page_put(page, row, column, page->columns, style, view);
}

static void
draw_columns(struct console_page *page, int row)
{
    console_page_put(page, row, 3, 3, CONSOLE_DIM, "P");
    console_page_put(page, row, STATE_COLUMN, 9, CONSOLE_DIM, "state");
    console_page_put(page, row, AGE_COLUMN, 6, CONSOLE_DIM, "   age");
    console_page_put(page, row, NAME_COLUMN, page->columns, CONSOLE_DIM, "alarm");
}

/* Two rows: trouble takes the place of the names of columns, never that of what is hidden. */
static void
draw_status(const struct drawing *drawing)
{
    struct console_page *page = drawing->page;
    bool is_list = drawing->ui->mode == CONSOLE_MODE_LIST;
    enum console_style style = drawing->watch == CONSOLE_STARTING ? CONSOLE_BOLD : CONSOLE_ALERT;
    char trouble[400];
    int column = 1;

    find_trouble(drawing, trouble, sizeof trouble);
    if (trouble[0] == '\0') {
        if (is_list) {
            draw_view(drawing, 2, 1, CONSOLE_PLAIN);
            draw_columns(page, 3);
        }
        return;
    }
    console_page_fill(page, 2, style);
    console_page_put(page, 2, 1, page->columns, style, trouble);
    if (!is_list)
        return;
    if (!is_believable(drawing)) {
        style = CONSOLE_ALERT;
        console_page_fill(page, 3, style);
        column = console_page_put(page, 3, column, page->columns, style, "WHAT FOLLOWS IS OLD: ");
    }
    draw_view(drawing, 3, column, style);
}

/* list */

static enum console_style
style_of(const struct console_alarm *alarm)
{
    static const enum console_style STYLES[] = {CONSOLE_PLAIN, CONSOLE_P1, CONSOLE_P2, CONSOLE_P3,
                                                CONSOLE_P4};

    return console_alarm_is_unacked(alarm) && !alarm_is_suppressed(&alarm->is)
               ? STYLES[alarm->priority]
               : CONSOLE_PLAIN;
}

/* The end of a name says most. */
static void
put_name(struct console_page *page, int row, int column, int width, enum console_style style,
         const char *name)
{
    size_t length = strlen(name); /* ids are ASCII */

    if ((int)length > width && width > 1) {
        console_page_put(page, row, column, 1, style, "<");
        console_page_put(page, row, column + 1, width - 1, style,
                         name + length - (size_t)(width - 1));
    } else {
        console_page_put(page, row, column, width, style, name);
    }
}

static void
draw_alarm(const struct drawing *drawing, int row, const struct console_alarm *alarm,
           enum console_style style, int indent)
{
    struct console_page *page = drawing->page;
    int64_t age_ms = console_model_gateway_ms(drawing->ui->model, drawing->now) - alarm->raised;
    int name_width = (page->columns - NAME_COLUMN) * 45 / 100;
    char age[24], text[20];

    console_page_put(page, row, 1, 1, style, console_alarm_is_unacked(alarm) ? "!" : " ");
    if (console_orders_is_pending(&drawing->ui->model->orders, alarm->id))
        console_page_put(page, row, 2, 1, style, "~");
    console_page_format(page, row, 3, style, "P%u", alarm->priority);
    console_page_put(page, row, STATE_COLUMN - 1, 1, style, is_believable(drawing) ? " " : "?");
    console_page_put(page, row, STATE_COLUMN, 9, style, console_alarm_state(alarm));
    if (alarm->raised > 0) {
        common_format_age(age_ms, age, sizeof age);
        snprintf(text, sizeof text, "%6.10s", age);
        console_page_put(page, row, AGE_COLUMN, 6, style, text);
    }
    if (alarm->first_out)
        console_page_put(page, row, FIRST_COLUMN, 3, style, "1st");
    put_name(page, row, NAME_COLUMN + indent, name_width - 2 - indent, style, alarm->id);
    console_page_put(page, row, NAME_COLUMN + name_width, page->columns, style, alarm->text);
}

static void
draw_group(const struct drawing *drawing, int row, const struct console_group *group,
           enum console_style style)
{
    struct console_page *page = drawing->page;
    const struct console_alarm *root = console_board_find(&drawing->ui->model->board, group->name);

    console_page_put(page, row, 1, 1, style, group->unacked > 0 ? "!" : " ");
    console_page_format(page, row, 3, style, "P%u %4u alarm%s", group->worst, group->count,
                        group->count == 1 ? "" : "s");
    if (group->unacked > 0)
        console_page_format(page, row, 18, style, "%u UNACK", group->unacked);
    int column = console_page_format(page, row, NAME_COLUMN + 1, style, "[%.100s]", group->name);
    if (root != NULL)
        console_page_format(page, row, column + 1, style, "%.300s", root->text);
}

static void
draw_left(const struct drawing *drawing, int row, enum console_style style)
{
    const struct console_ui *ui = drawing->ui;
    bool is_rest = console_board_find(&ui->model->board, ui->list.selected) == NULL;

    console_page_put(drawing->page, row, STATE_COLUMN, 20, style, "gone");
    console_page_format(drawing->page, row, NAME_COLUMN, style, "%.200s (%s)", ui->list.selected,
                        is_rest ? "back to normal" : "no longer in this list");
}

static void
draw_list(const struct drawing *drawing, int from, int to)
{
    struct console_ui *ui = drawing->ui;
    const struct console_list *list = &ui->list;
    struct console_page *page = drawing->page;

    for (int row = from; row < to; row++) {
        size_t i = list->top + (size_t)(row - from);

        if (i >= list->count)
            break;
        const struct console_entry *entry = &list->entries[i];
        bool is_selected = entry == console_list_selected(list);
        enum console_style style = entry->alarm != NULL ? style_of(entry->alarm) : CONSOLE_BOLD;

        if (is_selected) {
            style = CONSOLE_SELECTED;
            console_page_fill(page, row, style);
            console_page_put(page, row, 0, 1, style, ">");
        }
        if (entry->alarm != NULL)
            draw_alarm(drawing, row, entry->alarm, style, entry->group != NULL ? 2 : 0);
        else if (entry->group != NULL)
            draw_group(drawing, row, entry->group, style);
        else
            draw_left(drawing, row, style);
    }
    if (list->count == 0)
        console_page_put(page, from + 1, 3, page->columns, CONSOLE_PLAIN,
                         list->listed > 0 ? "no alarm passes the filter (0: all)"
                         : list->view == CONSOLE_VIEW_SUPPRESSED ? "nothing is put aside"
                         : ui->model->is_whole                   ? "no alarms"
                                                                 : "waiting for the alarms");
    console_list_seen(&ui->list);
}

/* foot */

static void
draw_preview(const struct drawing *drawing, int row)
{
    const struct console_entry *entry = console_list_selected(&drawing->ui->list);
    struct console_page *page = drawing->page;
    char response[100];

    console_page_fill(page, row, CONSOLE_BAR);
    if (entry == NULL || entry->alarm == NULL) {
        console_page_put(page, row, 1, page->columns, CONSOLE_BAR,
                         "Select with the arrow keys, Enter shows all about it");
        return;
    }
    const struct console_alarm *alarm = entry->alarm;
    console_alarm_response(alarm, console_model_gateway_ms(drawing->ui->model, drawing->now),
                           response, sizeof response);
    console_page_format(page, row, 1, CONSOLE_BAR, "%.200s, occurrence %u", alarm->id, alarm->occ);
    console_page_format(page, row + 1, 1, CONSOLE_PLAIN, "%.500s%s%s", alarm->text,
                        alarm->value[0] != '\0' ? ": " : "", alarm->value);
    console_page_format(page, row + 2, 1, CONSOLE_BOLD, "-> %.600s", alarm->action);
    console_page_put(page, row + 3, 1, page->columns, CONSOLE_PLAIN, response);
}

static void
draw_news(const struct drawing *drawing, int row)
{
    struct console_ui *ui = drawing->ui;
    struct console_page *page = drawing->page;
    const struct console_order *order = console_orders_at(&ui->model->orders, 0);
    enum console_style style = CONSOLE_BOLD;
    char text[TOPIC_ID_MAX + 400];

    if (ui->prompt.asking != CONSOLE_ASKING_NOTHING) {
        console_prompt_question(ui, text, sizeof text);
        int column = console_page_put(page, row, 1, page->columns, CONSOLE_BOLD, text);
        /* Of a long note its end is shown. */
        const char *typed = ui->prompt.typed;
        while (console_text_columns(typed) > page->columns - column - 1 && *typed != '\0')
            console_text_next(&typed);
        page->cursor_column =
            console_page_put(page, row, column, page->columns, CONSOLE_PLAIN, typed);
        page->cursor_row = row;
        return;
    }
    if (ui->notice_is_newer && ui->notice[0] != '\0')
        text_copy(text, sizeof text, ui->notice);
    else if (order != NULL)
        console_orders_tell(order, text, sizeof text);
    else
        return;
    if (ui->notice_is_newer && ui->notice[0] != '\0')
        style = strcmp(ui->notice, ui->model->call) == 0 ? CONSOLE_ALERT : CONSOLE_BOLD;
    else if (order->outcome == CONSOLE_REFUSED || order->outcome == CONSOLE_UNCONFIRMED)
        style = CONSOLE_ALERT;
    else if (order->outcome == CONSOLE_DONE)
        style = CONSOLE_GOOD;
    /* A long one takes the line above, too. */
    size_t fits = console_text_fit(text, page->columns - 2);
    char head[sizeof text];
    if (text[fits] != '\0') {
        text_copy(head, fits + 1, text);
        console_page_fill(page, row - 1, CONSOLE_PLAIN);
        console_page_put(page, row - 1, 1, page->columns, style, head);
        fits += text[fits] == ' ';
    } else {
        fits = 0;
    }
    console_page_put(page, row, 1, page->columns, style, text + fits);
}

static void
draw_keys(const struct drawing *drawing, int row)
{
    const struct console_ui *ui = drawing->ui;
    const char *keys = " a ack  s shelve  u unshelve  r reset  c comment  v view  / find  ? help";

    if (ui->notice_is_newer && ui->prompt.asking != CONSOLE_ASKING_NOTHING)
        keys = ui->notice;
    else if (ui->prompt.asking != CONSOLE_ASKING_NOTHING)
        keys = " Enter: give the order   Esc: nothing is ordered";
    else if (ui->mode == CONSOLE_MODE_DETAIL)
        keys = " a ack  s shelve  u unshelve  r reset  c comment  Up Down  Esc back";
    else if (ui->mode != CONSOLE_MODE_LIST)
        keys = " Up Down  Esc back";
    if (ui->prompt.asking == CONSOLE_ASKING_SEARCH)
        keys = " Enter: find   Esc: as before";
    console_page_fill(drawing->page, row, CONSOLE_BAR);
    console_page_put(drawing->page, row, 0, drawing->page->columns, CONSOLE_BAR, keys);
}

void
console_draw(struct console_ui *ui, struct console_page *page, struct stamp now)
{
    struct drawing drawing = {ui, page, now, console_watch_of(ui->model, now.mono_ms)};
    int foot = page->rows - FOOT_ROWS;
    int bottom = page->rows >= PREVIEW_FROM_ROWS ? foot - PREVIEW_ROWS : foot;

    console_page_clear(page);
    draw_title(&drawing);
    if (page->rows < ROWS_MIN || page->columns < COLUMNS_MIN) {
        console_list_refresh(&ui->list, &ui->model->board, 1);
        console_page_put(page, 1, 0, page->columns, CONSOLE_ALERT, "too small: needs 80x24");
        return;
    }
    console_list_refresh(&ui->list, &ui->model->board, (size_t)(bottom - HEAD_ROWS));
    draw_counts(&drawing);
    draw_status(&drawing);
    if (ui->mode == CONSOLE_MODE_LIST) {
        draw_list(&drawing, HEAD_ROWS, bottom);
        if (bottom != foot)
            draw_preview(&drawing, bottom);
    } else {
        console_detail_draw(ui, page, HEAD_ROWS - 1, foot, now);
    }
    if (!is_believable(&drawing))
        console_page_fade(page);
    draw_news(&drawing, foot);
    draw_keys(&drawing, foot + 1);
}
