/*
 * console_ui.h - what the person at the console sees and does: view, keys, what is typed.
 *
 * Pure like the model: it is given keys and the time, and hands orders to `send`.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_UI_H
#define WATCHROOM_GATEWAY_CONSOLE_UI_H

#include "gateway/console/console_list.h"
#include "gateway/console/console_model.h"
#include "gateway/console/console_page.h"

#define CONSOLE_IDLE_MS 60000 /* without a key the selection ends, and the list shows its begin */

enum console_key {
    CONSOLE_KEY_UP = 0x110000, /* beyond all characters */
    CONSOLE_KEY_DOWN,
    CONSOLE_KEY_PAGE_UP,
    CONSOLE_KEY_PAGE_DOWN,
    CONSOLE_KEY_HOME,
    CONSOLE_KEY_END,
    CONSOLE_KEY_ENTER,
    CONSOLE_KEY_BACK,   /* Esc, Left */
    CONSOLE_KEY_DELETE, /* the character before */
    CONSOLE_KEY_ERASE,  /* all that was typed */
    CONSOLE_KEY_TAB
};

enum console_mode {
    CONSOLE_MODE_LIST,
    CONSOLE_MODE_DETAIL,
    CONSOLE_MODE_ORDERS,
    CONSOLE_MODE_HELP
};

enum console_asking {
    CONSOLE_ASKING_NOTHING,
    CONSOLE_ASKING_NOTE,     /* of an order; reason of a shelf */
    CONSOLE_ASKING_SECOND,   /* the other person, where two are needed */
    CONSOLE_ASKING_CONFIRM,  /* of an order without a note */
    CONSOLE_ASKING_DURATION, /* of a shelf */
    CONSOLE_ASKING_SEARCH,
    CONSOLE_ASKING_QUIT
};

struct console_prompt {
    enum console_asking asking;
    enum console_verb verb;
    bool is_group;
    char id[TOPIC_ID_MAX]; /* of the alarm as it was seen */
    uint32_t occ;
    unsigned priority;
    int64_t duration_ms;
    char typed[CONSOLE_NOTE_MAX];
    char note[CONSOLE_NOTE_MAX]; /* typed before, of an order that asks for more */
    json_t *alarms;              /* of a group, as it was seen */
};

struct console_ui {
    struct console_model *model;
    const char *site, *user, *client;
    bool bell;
    /* False: not sent; `cid` names it when the broker answers later. */
    bool (*send)(void *ctx, const char *verb, const char *payload, const char *cid);
    void *ctx;

    struct console_list list;
    enum console_mode mode;
    struct console_prompt prompt;
    size_t scroll; /* first line shown of what is longer than the screen */
    char notice[320];
    bool notice_is_newer; /* than the last news of an order */
    unsigned long orders_seen, calls_seen;
    int64_t key_ms; /* of the last key, monotonic */
    bool wants_end, wants_redraw;
};

void console_ui_init(struct console_ui *ui, struct console_model *model);
void console_ui_done(struct console_ui *ui);

/* A character, or one of enum console_key. */
void console_ui_key(struct console_ui *ui, uint32_t key, struct stamp now);
void console_ui_tick(struct console_ui *ui, struct stamp now);

/* A line below the list, until the next one or news of an order. */
void console_ui_notice(struct console_ui *ui, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* console_draw.c: all of it. From then on orders are for what was drawn. */
void console_draw(struct console_ui *ui, struct console_page *page, struct stamp now);

/* console_prompt.c: what is typed and ordered. */
void console_prompt_begin(struct console_ui *ui, enum console_verb verb);
void console_prompt_ask(struct console_ui *ui, enum console_asking asking);
void console_prompt_key(struct console_ui *ui, uint32_t key, struct stamp now);
void console_prompt_question(const struct console_ui *ui, char *out, size_t size);
void console_prompt_end(struct console_ui *ui);

/* console_detail.c: the pages besides the list, in the rows [from, to). */
void console_detail_draw(struct console_ui *ui, struct console_page *page, int from, int to,
                         struct stamp now);

#endif
