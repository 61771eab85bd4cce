/*
 * fuzz_console.c - whatever a broker sends, and whatever is typed meanwhile: the console's counts
 * stay true, its bounds hold, and nothing that could steer a terminal gets onto the page.
 *
 * Input: steps. A byte says what: a message on one of some topics (two bytes of length and the
 * payload follow), a key (one byte), time passing (one byte).
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/console/console_ui.h"

#define STEPS_MAX 64
#define STEP_KEY 12
#define STEP_TIME 13

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static bool
send_nothing(void *ctx, const char *verb, const char *payload, const char *cid)
{
    (void)ctx;
    insist(strlen(verb) > 0 && strlen(payload) <= 4096 && strlen(cid) == 26);
    return true;
}

static const char *const TOPICS[STEP_KEY] = {
    "alarm/power/a",
    "alarm/power/b",
    "alarm/power/ups-a/on-battery",
    "event/security",
    "event/x",
    "gw",
    "hb",
    "sum",
    "rsp/anna/desk",
    "notify/anna",
    "val/a/b",
    "alarm/",
};

static void
check(const struct console_ui *ui, const struct console_page *page)
{
    const struct console_model *model = ui->model;
    uint32_t held = 0, fresh = 0;

    for (const struct console_alarm *alarm = model->board.alarms; alarm != NULL;
         alarm = alarm->hh.next) {
        held += !alarm->is_rest;
        fresh += !alarm->is_rest && alarm->round == model->board.round;
        insist(alarm->priority >= 1 && alarm->priority <= 4);
    }
    insist(held == model->board.held && fresh == model->board.fresh);
    for (size_t i = 0; i < model->rows.range_count; i++) {
        const struct console_range *range = &model->rows.ranges[i];

        insist(range->from <= range->to);
        insist(!model->rows.is_anchored || range->from > model->rows.known + 1);
        insist(i == 0 || range->from > model->rows.ranges[i - 1].to + 1);
    }
    insist(model->rows.count <= CONSOLE_ROWS_MAX);
    insist(ui->list.count == 0 || !ui->list.has_selection || ui->list.index < ui->list.count);
    for (int i = 0; i < page->rows * page->columns; i++) {
        wchar_t glyph = page->glyphs[i];

        insist(glyph == 0 || (glyph >= 0x20 && glyph < 0x7f) || glyph >= 0xa0);
        insist(glyph < 0x200b || glyph > 0x200f);
        insist(glyph < 0x2028 || glyph > 0x202e);
    }
}

static uint32_t
key_of(uint8_t byte)
{
    return byte >= 0x80 ? CONSOLE_KEY_UP + byte % 11u : byte;
}

/* Returns the bytes that the step took; 0: no more. */
static size_t
step(struct console_ui *ui, const uint8_t *input, size_t length, struct stamp *now)
{
    unsigned what = input[0] % (STEP_TIME + 1);

    if (what == STEP_TIME && length >= 2) {
        now->mono_ms += input[1] * 100;
        now->utc_ms += input[1] * 100;
        console_model_tick(ui->model, *now);
        console_ui_tick(ui, *now);
        if ((console_model_wishes(ui->model) & CONSOLE_WISH_GET) != 0)
            free(console_model_get(ui->model, *now));
        return 2;
    }
    if (what == STEP_KEY && length >= 2) {
        console_list_refresh(&ui->list, &ui->model->board, ui->list.lines);
        console_ui_key(ui, key_of(input[1]), *now);
        return 2;
    }
    if (what >= STEP_KEY || length < 3)
        return 0;
    size_t bytes = (size_t)input[1] << 8 | input[2];
    if (bytes > length - 3)
        bytes = length - 3;
    console_model_take(ui->model, TOPICS[what], (const char *)input + 3, bytes,
                       (input[0] & 0x80) != 0, *now);
    return bytes + 3;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    static struct console_model model;
    static struct console_ui ui;
    struct console_page page = {0};
    struct stamp now = {.utc_ms = 1795471210000, .mono_ms = 1000};
    size_t at = 0;

    setlocale(LC_CTYPE, "C.UTF-8");
    insist(console_model_init(&model));
    console_ui_init(&ui, &model);
    ui.site = "s";
    ui.user = "anna";
    ui.client = "desk";
    ui.send = send_nothing;
    insist(console_page_resize(&page, 24, 80));
    console_model_connected(&model, now);
    for (unsigned i = 0; i < STEPS_MAX && at < length; i++) {
        size_t taken = step(&ui, input + at, length - at, &now);

        if (taken == 0)
            break;
        at += taken;
        console_draw(&ui, &page, now);
        check(&ui, &page);
    }
    console_page_done(&page);
    console_ui_done(&ui);
    console_model_done(&model);
    return 0;
}
