/*
 * console_ui.c - what the person at the console does: keys outside of a question.
 */
#include "gateway/console/console_ui.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

#define CTRL(letter) ((letter)&0x1f)

void
console_ui_init(struct console_ui *ui, struct console_model *model)
{
    *ui = (struct console_ui){.model = model};
    console_list_init(&ui->list);
}

void
console_ui_done(struct console_ui *ui)
{
    console_prompt_end(ui);
    console_list_done(&ui->list);
}

void
console_ui_notice(struct console_ui *ui, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(ui->notice, sizeof ui->notice, fmt, args);
    va_end(args);
    ui->notice_is_newer = true;
}

static void
set_mode(struct console_ui *ui, enum console_mode mode)
{
    ui->mode = mode;
    ui->scroll = 0;
}

static void
open_selected(struct console_ui *ui)
{
    const struct console_entry *entry = console_list_selected(&ui->list);

    if (entry == NULL)
        console_list_move(&ui->list, 0);
    else if (entry->alarm == NULL && !entry->is_left)
        console_list_toggle(&ui->list);
    else
        set_mode(ui, CONSOLE_MODE_DETAIL);
}

static void
next_audience(struct console_ui *ui)
{
    unsigned *audiences = &ui->list.filter.audiences;

    *audiences = *audiences == 0 ? 1u : *audiences << 1;
    if (*audiences >= AUDIENCE_BIT(AUDIENCE_COUNT))
        *audiences = 0;
}

static void
show_all(struct console_ui *ui)
{
    ui->list.filter = (struct console_filter){.priority_max = 4};
}

/* False: none that moves. */
static bool
move_key(struct console_ui *ui, uint32_t key)
{
    struct console_list *list = &ui->list;
    long page = list->lines > 1 ? (long)list->lines - 1 : 1;

    switch (key) {
    case CONSOLE_KEY_UP:
    case 'k':
        console_list_move(list, -1);
        return true;
    case CONSOLE_KEY_DOWN:
    case 'j':
        console_list_move(list, 1);
        return true;
    case CONSOLE_KEY_PAGE_UP:
        console_list_move(list, -page);
        return true;
    case CONSOLE_KEY_PAGE_DOWN:
        console_list_move(list, page);
        return true;
    case CONSOLE_KEY_HOME:
        console_list_first(list);
        return true;
    case CONSOLE_KEY_END:
        console_list_last(list);
        return true;
    default:
        return false;
    }
}

static bool
order_key(struct console_ui *ui, uint32_t key)
{
    static const struct {
        uint32_t key;
        enum console_verb verb;
    } ORDERS[] = {{'a', CONSOLE_ACK},
                  {'s', CONSOLE_SHELVE},
                  {'u', CONSOLE_UNSHELVE},
                  {'r', CONSOLE_RESET},
                  {'c', CONSOLE_COMMENT}};

    for (size_t i = 0; i < ARRAY_LEN(ORDERS); i++)
        if (ORDERS[i].key == key) {
            console_prompt_begin(ui, ORDERS[i].verb);
            return true;
        }
    return false;
}

static void
list_key(struct console_ui *ui, uint32_t key)
{
    struct console_list *list = &ui->list;

    if (move_key(ui, key) || order_key(ui, key))
        return;
    switch (key) {
    case CONSOLE_KEY_ENTER:
        open_selected(ui);
        break;
    case CONSOLE_KEY_BACK:
        console_list_release(list);
        break;
    case CONSOLE_KEY_TAB:
    case 'v':
        console_list_set_view(list, (list->view + 1) % CONSOLE_VIEW_COUNT);
        break;
    case 'g':
        console_list_set_view(list, list->view == CONSOLE_VIEW_GROUPS ? CONSOLE_VIEW_ALARMS
                                                                      : CONSOLE_VIEW_GROUPS);
        break;
    case '1':
    case '2':
    case '3':
    case '4':
        list->filter.priority_max = key - '0';
        break;
    case '0':
        show_all(ui);
        break;
    case 'n':
        list->filter.unacked_only = !list->filter.unacked_only;
        break;
    case 'w':
        next_audience(ui);
        break;
    case '/':
        console_prompt_ask(ui, CONSOLE_ASKING_SEARCH);
        break;
    default:
        break;
    }
}

/* Pages that are only read. */
static void
page_key(struct console_ui *ui, uint32_t key)
{
    size_t page = ui->list.lines > 1 ? ui->list.lines - 1 : 1;

    if (ui->mode == CONSOLE_MODE_DETAIL && order_key(ui, key))
        return;
    switch (key) {
    case CONSOLE_KEY_BACK:
    case CONSOLE_KEY_ENTER:
    case 'q':
        set_mode(ui, CONSOLE_MODE_LIST);
        break;
    case CONSOLE_KEY_UP:
    case 'k':
        ui->scroll -= ui->scroll > 0;
        break;
    case CONSOLE_KEY_DOWN:
    case 'j':
        ui->scroll++; /* drawing knows the end */
        break;
    case CONSOLE_KEY_PAGE_UP:
        ui->scroll -= ui->scroll < page ? ui->scroll : page;
        break;
    case CONSOLE_KEY_PAGE_DOWN:
        ui->scroll += page;
        break;
    case CONSOLE_KEY_HOME:
        ui->scroll = 0;
        break;
    default:
        break;
    }
}

void
console_ui_key(struct console_ui *ui, uint32_t key, struct stamp now)
{
    ui->key_ms = now.mono_ms;
    if (key == CTRL('l')) {
        ui->wants_redraw = true;
        return;
    }
    if (ui->prompt.asking != CONSOLE_ASKING_NOTHING) {
        console_prompt_key(ui, key, now);
        return;
    }
    ui->notice_is_newer = false;
    ui->notice[0] = '\0';
    if (key == '?') {
        set_mode(ui, ui->mode == CONSOLE_MODE_HELP ? CONSOLE_MODE_LIST : CONSOLE_MODE_HELP);
    } else if (key == 'o') {
        set_mode(ui, ui->mode == CONSOLE_MODE_ORDERS ? CONSOLE_MODE_LIST : CONSOLE_MODE_ORDERS);
    } else if (key == 'b') {
        ui->bell = !ui->bell;
        console_ui_notice(ui, "the bell for new P1 and P2 is %s", ui->bell ? "on" : "off");
    } else if (ui->mode != CONSOLE_MODE_LIST) {
        page_key(ui, key);
    } else if (key == 'q') {
        console_prompt_ask(ui, CONSOLE_ASKING_QUIT);
    } else {
        list_key(ui, key);
    }
}

void
console_ui_tick(struct console_ui *ui, struct stamp now)
{
    if (ui->model->orders.changes != ui->orders_seen) {
        ui->orders_seen = ui->model->orders.changes;
        ui->notice_is_newer = false;
    }
    if (ui->model->calls != ui->calls_seen) {
        ui->calls_seen = ui->model->calls;
        console_ui_notice(ui, "%s", ui->model->call);
    }
    /* A cursor that was left standing must not keep new alarms out of sight. */
    if (ui->mode == CONSOLE_MODE_LIST && ui->prompt.asking == CONSOLE_ASKING_NOTHING &&
        ui->list.has_selection && now.mono_ms - ui->key_ms >= CONSOLE_IDLE_MS)
        console_list_release(&ui->list);
}
