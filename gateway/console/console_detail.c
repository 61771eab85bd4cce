/*
 * console_detail.c - pages that are read: one alarm with its history, what was ordered, the keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/cmd_common.h"
#include "gateway/console/console_text.h"
#include "gateway/console/console_ui.h"

#define HISTORY_MAX 200 /* rows of one alarm */
#define NAME_COLUMNS 14

/* Lines run on below each other; those above `scroll` and below the last row are not put. */
struct lines {
    struct console_page *page;
    int from, to;
    size_t line, scroll;
};

static void
add_line(struct lines *lines, int column, enum console_style style, const char *text)
{
    size_t line = lines->line++;

    if (line < lines->scroll || line - lines->scroll >= (size_t)(lines->to - lines->from))
        return;
    console_page_put(lines->page, lines->from + (int)(line - lines->scroll), column,
                     lines->page->columns, style, text);
}

/* "Name        text that goes on as long as it must" */
static void
add_text(struct lines *lines, const char *name, enum console_style style, const char *text)
{
    int column = NAME_COLUMNS + 3, width = lines->page->columns - column - 1;
    char part[1024];

    if (text[0] == '\0')
        return;
    for (bool is_first = true; *text != '\0'; is_first = false) {
        size_t length = console_text_fit(text, width > 10 ? width : 10);

        if (length == 0 || length >= sizeof part)
            return;
        memcpy(part, text, length);
        part[length] = '\0';
        text += length;
        while (*text == ' ')
            text++;
        if (is_first) {
            add_line(lines, 1, CONSOLE_DIM, name);
            lines->line--;
        }
        add_line(lines, column, style, part);
    }
}

static void
add_time(struct lines *lines, const char *name, int64_t utc_ms, int64_t now_ms)
{
    char text[64], local[20], age[24];

    if (utc_ms <= 0)
        return;
    common_format_local(utc_ms, local, sizeof local);
    common_format_age(utc_ms > now_ms ? utc_ms - now_ms : now_ms - utc_ms, age, sizeof age);
    snprintf(text, sizeof text, "%s (%s%s%s)", local, utc_ms > now_ms ? "in " : "", age,
             utc_ms > now_ms ? "" : " ago");
    add_text(lines, name, CONSOLE_PLAIN, text);
}

static void
add_audiences(struct lines *lines, const struct console_alarm *alarm)
{
    char text[80] = "";
    size_t used = 0;

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if ((alarm->audiences & AUDIENCE_BIT(i)) != 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     audience_name((enum audience)i));
    add_text(lines, "for", CONSOLE_PLAIN, text);
}

static void
add_state(struct lines *lines, const struct console_alarm *alarm, int64_t now_ms)
{
    char text[300], aside[120];

    snprintf(text, sizeof text, "P%u  %s, %s%s%s%s", alarm->priority, console_alarm_state(alarm),
             alarm_cond_name((enum alarm_cond)alarm->is.cond),
             alarm->is.good ? "" : ", NO GOOD DATA", alarm->first_out ? ", FIRST OUT" : "",
             alarm->managed ? ", managed (never shelved)" : "");
    add_text(lines, "state", CONSOLE_BOLD, text);
    snprintf(text, sizeof text, "%s%s%s", alarm->value, alarm->limit[0] != '\0' ? ", limit " : "",
             alarm->limit);
    add_text(lines, "value", CONSOLE_PLAIN, text);
    add_time(lines, "since", alarm->raised, now_ms);
    add_time(lines, "cleared", alarm->cleared, now_ms);
    snprintf(text, sizeof text, "%u", alarm->occ);
    add_text(lines, "occurrence", CONSOLE_PLAIN, text);
    if (alarm->chatter > 0) {
        snprintf(text, sizeof text, "came and went %u times", alarm->chatter);
        add_text(lines, "chatter", CONSOLE_BOLD, text);
    }
    add_text(lines, "acknowledged", CONSOLE_PLAIN, alarm->acked);
    console_alarm_suppression(alarm, aside, sizeof aside);
    add_text(lines, "put aside", CONSOLE_BOLD, aside);
    if (aside[0] != '\0') {
        add_text(lines, "by", CONSOLE_PLAIN, alarm->aside);
        add_time(lines, "until", alarm->aside_until, now_ms);
    }
}

static int
newer_first(const void *a, const void *b)
{
    const struct console_row *left = *(const struct console_row *const *)a;
    const struct console_row *right = *(const struct console_row *const *)b;

    return left->seq > right->seq ? -1 : left->seq < right->seq;
}

static void
add_history(struct lines *lines, const struct console_model *model, const char *id)
{
    const struct console_row *found[HISTORY_MAX], *row;
    size_t count = 0;
    char text[800], local[20], note[300];

    for (size_t i = 0; count < HISTORY_MAX && (row = console_rows_at(&model->rows, i)) != NULL; i++)
        if (row->id != NULL && row->text != NULL && strcmp(row->id, id) == 0)
            found[count++] = row;
    qsort(found, count, sizeof found[0], newer_first);
    add_line(lines, 1, CONSOLE_PLAIN, "");
    uint64_t missing = console_model_missing(model);
    snprintf(note, sizeof note, "History: %zu row%s here%s%s%s", count, count == 1 ? "" : "s",
             missing > 0 && model->catch_up.is_refused ? "; others cannot be fetched: "
             : missing > 0                             ? "; more are being fetched"
                                                       : "",
             missing > 0 && model->catch_up.is_refused ? model->catch_up.refusal : "",
             model->catch_up.skipped > 0 ? "; not fetched: those of a long absence" : "");
    add_line(lines, 1, CONSOLE_BOLD, note);
    for (size_t i = 0; i < count; i++) {
        common_format_local(found[i]->ts, local, sizeof local);
        snprintf(text, sizeof text, "%.600s  (row %llu)", found[i]->text,
                 (unsigned long long)found[i]->seq);
        add_text(lines, local + 5, CONSOLE_PLAIN, text);
    }
}

static void
add_alarm(struct console_ui *ui, struct lines *lines, struct stamp now)
{
    const struct console_model *model = ui->model;
    const char *id = ui->list.selected;
    const struct console_alarm *alarm = console_board_find(&model->board, id);
    int64_t now_ms = console_model_gateway_ms(model, now);
    char response[100];

    add_line(lines, 1, CONSOLE_BOLD, id);
    if (alarm == NULL) {
        add_text(lines, "state", CONSOLE_BOLD, "back to normal: nothing is left to do");
        add_history(lines, model, id);
        return;
    }
    add_text(lines, "what", CONSOLE_BOLD, alarm->text);
    add_text(lines, "means", CONSOLE_PLAIN, alarm->consequence);
    add_text(lines, "do", CONSOLE_BOLD, alarm->action);
    console_alarm_response(alarm, now_ms, response, sizeof response);
    add_text(lines, "", CONSOLE_BOLD, response);
    add_state(lines, alarm, now_ms);
    add_text(lines, "device", CONSOLE_PLAIN, alarm->resource);
    add_text(lines, "zone", CONSOLE_PLAIN, alarm->zone);
    add_text(lines, "owner", CONSOLE_PLAIN, alarm->owner);
    add_text(lines, "root", CONSOLE_PLAIN, alarm->root);
    add_text(lines, "explains", CONSOLE_PLAIN, alarm->impacts);
    add_text(lines, "type", CONSOLE_PLAIN, alarm->type);
    add_audiences(lines, alarm);
    add_history(lines, model, id);
    console_list_seen(&ui->list);
}

static void
add_orders(const struct console_ui *ui, struct lines *lines)
{
    const struct console_order *order;
    char text[TOPIC_ID_MAX + 400], local[20];

    add_line(lines, 1, CONSOLE_BOLD, "What was ordered here, and what came of it");
    for (size_t i = 0; (order = console_orders_at(&ui->model->orders, i)) != NULL; i++) {
        console_orders_tell(order, text, sizeof text);
        common_format_local(order->sent_utc_ms, local, sizeof local);
        add_text(lines, local + 5,
                 order->outcome == CONSOLE_REFUSED || order->outcome == CONSOLE_UNCONFIRMED
                     ? CONSOLE_ALERT
                     : CONSOLE_PLAIN,
                 text);
    }
    if (ui->model->orders.count == 0)
        add_line(lines, 1, CONSOLE_PLAIN, "nothing yet");
}

static void
add_help(const struct console_ui *ui, struct lines *lines)
{
    static const char *const HELP[][2] = {
        {"Up Down j k", "select an alarm; PgUp, PgDn, Home, End; Esc: select none"},
        {"Enter", "all about the alarm; opens and closes a group"},
        {"a", "acknowledge: it was seen. Of a group: all of it"},
        {"s  u", "shelve for a time, with a reason; unshelve"},
        {"r", "reset a latched alarm"},
        {"c", "comment: goes into the record"},
        {"v  Tab", "view: all alarms, by root or device, what is put aside"},
        {"g", "by root or device, and back"},
        {"1 2 3 4", "only P1, to P2, to P3, all priorities"},
        {"n", "only unacknowledged"},
        {"w", "for whom: all, security, continuity, facilities"},
        {"/", "find in id, text, place"},
        {"0", "no filter"},
        {"o", "what was ordered here, and what came of it"},
        {"b", "bell for new P1 and P2"},
        {"Ctrl-L", "draw the screen anew"},
        {"q", "end"},
        {"", ""},
        {"!", "not acknowledged; UNACK-CLR: gone, and nobody has seen it"},
        {"~", "ordered, and not confirmed yet"},
        {"1st", "the first one of its burst"},
        {"folded", "its root explains it; aside: shelved, folded or out of service"},
    };
    const struct console_model *model = ui->model;
    char text[300];

    for (size_t i = 0; i < ARRAY_LEN(HELP); i++)
        add_text(lines, HELP[i][0], CONSOLE_PLAIN, HELP[i][1]);
    snprintf(text, sizeof text,
             "journal %s, rows known to %llu; clock %s; %lu repeats, %lu unreadable messages, %lu "
             "rows found again, %llu left out",
             model->jid, (unsigned long long)model->rows.known, model->clock, model->rows.repeated,
             model->unreadable, model->catch_up.found,
             (unsigned long long)(model->catch_up.skipped + model->rows.given_up));
    add_line(lines, 1, CONSOLE_PLAIN, "");
    add_text(lines, "inside", CONSOLE_DIM, text);
    if (model->synced_after_ms >= 0) {
        snprintf(text, sizeof text, "%u of %u alarms %lld ms after the connection", model->retained,
                 model->retained, (long long)model->synced_after_ms);
        add_text(lines, "in sync", CONSOLE_DIM, text);
    }
}

void
console_detail_draw(struct console_ui *ui, struct console_page *page, int from, int to,
                    struct stamp now)
{
    struct lines lines = {.page = page, .from = from, .to = to, .scroll = ui->scroll};
    struct console_page nothing = {.columns = page->columns};
    size_t height = (size_t)(to - from);

    /* Once to count, so that nobody scrolls beyond the end; once to draw. */
    for (int pass = 0; pass < 2; pass++) {
        lines.page = pass == 0 ? &nothing : page;
        lines.line = 0;
        if (ui->mode == CONSOLE_MODE_ORDERS)
            add_orders(ui, &lines);
        else if (ui->mode == CONSOLE_MODE_HELP)
            add_help(ui, &lines);
        else
            add_alarm(ui, &lines, now);
        if (ui->scroll + height > lines.line)
            ui->scroll = lines.line > height ? lines.line - height : 0;
        lines.scroll = ui->scroll;
    }
}
