/*
 * console_prompt.c - what is asked in the last but one line, and the orders that come of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/console/console_text.h"
#include "gateway/console/console_ui.h"

#define SHELF_MS_MAX ((int64_t)24 * 3600 * 1000)

void
console_prompt_end(struct console_ui *ui)
{
    json_decref(ui->prompt.alarms);
    ui->prompt = (struct console_prompt){0};
}

void
console_prompt_ask(struct console_ui *ui, enum console_asking asking)
{
    console_prompt_end(ui);
    ui->prompt.asking = asking;
    if (asking == CONSOLE_ASKING_SEARCH)
        text_copy(ui->prompt.typed, sizeof ui->prompt.typed, ui->list.filter.text);
}

static void
begin_group(struct console_ui *ui, const struct console_group *group)
{
    struct console_prompt *prompt = &ui->prompt;

    console_prompt_ask(ui, CONSOLE_ASKING_NOTE);
    prompt->verb = CONSOLE_ACK_GROUP;
    prompt->is_group = true;
    text_copy(prompt->id, sizeof prompt->id, group->name);
    prompt->alarms = console_list_group_alarms(&ui->list, &ui->model->board);
    if (json_array_size(prompt->alarms) > 0)
        return;
    console_prompt_end(ui);
    console_ui_notice(ui, "nothing in this group waits for an acknowledgement");
}

/* Why this cannot be ordered for this alarm; NULL: it can be asked of the gateway. */
static const char *
objection(enum console_verb verb, const struct console_alarm *alarm)
{
    if (alarm == NULL)
        return "it is back to normal: nothing to order";
    if (verb == CONSOLE_ACK && !console_alarm_is_unacked(alarm))
        return "nothing waits for an acknowledgement there";
    if (verb == CONSOLE_UNSHELVE && !alarm->is.shelved)
        return "it is not shelved";
    return NULL;
}

void
console_prompt_begin(struct console_ui *ui, enum console_verb verb)
{
    const struct console_entry *entry = console_list_selected(&ui->list);
    struct console_prompt *prompt = &ui->prompt;

    if (entry == NULL) {
        console_ui_notice(ui, "select an alarm first (arrow keys)");
        return;
    }
    if (entry->alarm == NULL && !entry->is_left && entry->group != NULL) {
        if (verb == CONSOLE_ACK)
            begin_group(ui, entry->group);
        else
            console_ui_notice(ui, "a group can only be acknowledged: open it with Enter");
        return;
    }
    const char *why = objection(verb, entry->alarm);
    if (why == NULL && ui->list.seen_occ == 0 && entry->alarm->occ != 0)
        why = "look at it first, then press the key again"; /* typed ahead of the screen */
    if (why != NULL) {
        console_ui_notice(ui, "%.100s: %s", ui->list.selected, why);
        return;
    }
    console_prompt_ask(ui, verb == CONSOLE_SHELVE     ? CONSOLE_ASKING_DURATION
                           : verb == CONSOLE_UNSHELVE ? CONSOLE_ASKING_CONFIRM
                                                      : CONSOLE_ASKING_NOTE);
    prompt->verb = verb;
    text_copy(prompt->id, sizeof prompt->id, entry->alarm->id);
    prompt->occ = ui->list.seen_occ;
    prompt->priority = entry->alarm->priority;
}

void
console_prompt_question(const struct console_ui *ui, char *out, size_t size)
{
    const struct console_prompt *prompt = &ui->prompt;
    char what[TOPIC_ID_MAX + 80];

    if (prompt->is_group)
        snprintf(what, sizeof what, "%zu alarms of %.60s", json_array_size(prompt->alarms),
                 prompt->id);
    else
        snprintf(what, sizeof what, "P%u %.60s", prompt->priority, prompt->id);
    switch (prompt->asking) {
    case CONSOLE_ASKING_NOTHING:
        out[0] = '\0';
        break;
    case CONSOLE_ASKING_SEARCH:
        snprintf(out, size, "Find in id, text, place (empty: all): ");
        break;
    case CONSOLE_ASKING_QUIT:
        snprintf(out, size, "End the console? Nobody watches here then. y/n ");
        break;
    case CONSOLE_ASKING_DURATION:
        snprintf(out, size, "Shelve %s for (30m, 2h): ", what);
        break;
    case CONSOLE_ASKING_CONFIRM:
        snprintf(out, size, "%s %s? Enter: yes, Esc: no ", console_verb_name(prompt->verb), what);
        break;
    case CONSOLE_ASKING_SECOND:
        snprintf(out, size, "%s %s, second person, where one is needed (Enter: none): ",
                 console_verb_name(prompt->verb), what);
        break;
    case CONSOLE_ASKING_NOTE:
        snprintf(out, size, "%s %s, %s: ", console_verb_name(prompt->verb), what,
                 prompt->verb == CONSOLE_SHELVE    ? "reason"
                 : prompt->verb == CONSOLE_COMMENT ? "comment"
                                                   : "note or just Enter (Esc: no)");
        break;
    }
}

/* Sends what was asked for; what comes of it is the gateway's to say. */
static void
give(struct console_ui *ui, struct stamp now)
{
    struct console_prompt *prompt = &ui->prompt;
    struct console_orders *orders = &ui->model->orders;
    bool is_second = prompt->asking == CONSOLE_ASKING_SECOND;
    struct console_wish wish = {.verb = prompt->verb,
                                .id = prompt->id,
                                .occ = prompt->occ,
                                .note = is_second ? prompt->note : prompt->typed,
                                .second = is_second ? prompt->typed : NULL,
                                .duration_s = prompt->duration_ms / 1000,
                                .alarms = prompt->alarms,
                                .count = (uint32_t)json_array_size(prompt->alarms)};

    if (!ui->model->is_connected) {
        console_prompt_end(ui);
        console_ui_notice(ui, "NOT SENT: there is no connection to the broker");
        return;
    }
    char *payload =
        console_orders_give(orders, &wish, now, console_model_gateway_ms(ui->model, now));
    console_prompt_end(ui);
    if (payload == NULL) {
        console_ui_notice(ui, "NOT SENT: out of memory");
        return;
    }
    const struct console_order *order = console_orders_at(orders, 0);
    if (!ui->send(ui->ctx, console_verb_name(wish.verb), payload, order->cid))
        console_orders_fail(orders, order->cid, "not sent: no connection");
    free(payload);
}

static void
finish_duration(struct console_ui *ui)
{
    struct console_prompt *prompt = &ui->prompt;
    int64_t ms;

    if (!text_parse_duration_ms(prompt->typed, &ms) || ms < 60000 || ms > SHELF_MS_MAX) {
        console_ui_notice(ui, "\"%.20s\" is no duration from 1m to 24h", prompt->typed);
        prompt->typed[0] = '\0';
        return;
    }
    prompt->duration_ms = ms;
    prompt->typed[0] = '\0';
    prompt->asking = CONSOLE_ASKING_NOTE;
}

static void
ask_second(struct console_prompt *prompt)
{
    text_copy(prompt->note, sizeof prompt->note, prompt->typed);
    prompt->typed[0] = '\0';
    prompt->asking = CONSOLE_ASKING_SECOND;
}

static void
finish(struct console_ui *ui, struct stamp now)
{
    struct console_prompt *prompt = &ui->prompt;
    bool needs_text = prompt->verb == CONSOLE_SHELVE || prompt->verb == CONSOLE_COMMENT;

    switch (prompt->asking) {
    case CONSOLE_ASKING_DURATION:
        finish_duration(ui);
        break;
    case CONSOLE_ASKING_NOTE:
        if (needs_text && prompt->typed[0] == '\0')
            console_ui_notice(ui, "it needs a text");
        else if (prompt->verb == CONSOLE_RESET)
            ask_second(prompt);
        else
            give(ui, now);
        break;
    case CONSOLE_ASKING_SECOND:
        if (prompt->typed[0] != '\0' && !text_is_id(prompt->typed))
            console_ui_notice(ui, "\"%.40s\" is no user name", prompt->typed);
        else
            give(ui, now);
        break;
    case CONSOLE_ASKING_CONFIRM:
        give(ui, now);
        break;
    case CONSOLE_ASKING_SEARCH:
        text_copy(ui->list.filter.text, sizeof ui->list.filter.text, prompt->typed);
        console_prompt_end(ui);
        break;
    case CONSOLE_ASKING_QUIT:
    case CONSOLE_ASKING_NOTHING:
        console_prompt_end(ui);
        break;
    }
}

/* The last character with all its bytes. */
static void
remove_last(char *typed)
{
    size_t length = strlen(typed);

    while (length > 0 && ((unsigned char)typed[length - 1] & 0xc0) == 0x80)
        length--;
    if (length > 0)
        length--;
    typed[length] = '\0';
}

static void
add_character(struct console_prompt *prompt, uint32_t c)
{
    size_t used = strlen(prompt->typed);
    size_t room = prompt->asking == CONSOLE_ASKING_SEARCH     ? 60
                  : prompt->asking == CONSOLE_ASKING_DURATION ? 8
                                                              : sizeof prompt->typed - 8;
    char bytes[8], clean[8];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = length; i-- > 1;) {
        bytes[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    bytes[0] = (char)(length == 1 ? c : (0xf00u >> length & 0xff) | c);
    bytes[length] = '\0';
    console_text_clean(clean, sizeof clean, bytes);
    if (strcmp(clean, bytes) == 0 && used + length <= room)
        memcpy(prompt->typed + used, bytes, length + 1);
}

void
console_prompt_key(struct console_ui *ui, uint32_t key, struct stamp now)
{
    struct console_prompt *prompt = &ui->prompt;
    bool is_typed =
        prompt->asking != CONSOLE_ASKING_QUIT && prompt->asking != CONSOLE_ASKING_CONFIRM;

    if (prompt->asking == CONSOLE_ASKING_QUIT) {
        ui->wants_end = key == 'y' || key == 'Y';
        ui->notice[0] = '\0';
        console_prompt_end(ui);
        return;
    }
    switch (key) {
    case CONSOLE_KEY_ENTER:
        finish(ui, now);
        break;
    case CONSOLE_KEY_BACK:
        if (prompt->asking != CONSOLE_ASKING_SEARCH)
            console_ui_notice(ui, "nothing was ordered");
        console_prompt_end(ui);
        break;
    case CONSOLE_KEY_DELETE:
        remove_last(prompt->typed);
        break;
    case CONSOLE_KEY_ERASE:
        prompt->typed[0] = '\0';
        break;
    default:
        if (is_typed && key < CONSOLE_KEY_UP && key >= 0x20)
            add_character(prompt, key);
        break;
    }
}
