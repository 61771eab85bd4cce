/*
 * console_model.h - what a console knows of its site, and how much of that can be believed.
 *
 * Pure: it is fed messages and the time, and says what it wishes to be done. Nothing that arrives
 * is trusted to be well-formed, and everything it keeps is bounded.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_MODEL_H
#define WATCHROOM_GATEWAY_CONSOLE_MODEL_H

#include "gateway/base/clock.h"
#include "gateway/console/console_board.h"
#include "gateway/console/console_orders.h"
#include "gateway/console/console_rows.h"

#define CONSOLE_SILENCE_MS 15000 /* without a heartbeat nothing that is shown can be believed */
#define CONSOLE_HISTORY 500      /* rows fetched at the start */
#define CONSOLE_CATCH_UP_MAX                                                                       \
    2000 /* rows fetched after an absence; older ones are left out, told                           \
          */
#define CONSOLE_PAGE 100

/* In bits. */
enum { CONSOLE_WISH_PICTURE = 1, CONSOLE_WISH_GET = 2, CONSOLE_WISH_BELL = 4 };

/* Fetching rows that were missed. */
struct console_catch_up {
    char cid[27];   /* of the page asked for; "" none */
    uint64_t since; /* as asked */
    int64_t asked_ms, next_ms, wait_ms;
    uint64_t target;     /* all up to here are wanted */
    uint64_t history_to; /* up to here rows tell what was, not what is */
    uint64_t skipped;    /* rows left out of a long absence */
    unsigned long found; /* rows that the broker had lost */
    bool is_refused;
    char refusal[160];
};

struct console_model {
    struct console_board board;
    struct console_rows rows;
    struct console_orders orders;
    char jid[27]; /* "" not known yet */
    bool is_connected, has_count, is_offline, is_degraded, flood;
    char trouble[240]; /* why there is no connection, clean */
    char gw_reason[200];
    char complaint[180];     /* about our own certificate, clean; "" none */
    int64_t connected_ms;    /* monotonic, as the next ones */
    int64_t beat_ms;         /* 0: none on this connection */
    int64_t last_beat_ms;    /* on any; 0: never */
    int64_t skew_ms;         /* the gateway's clock minus ours */
    char clock[16];          /* of the gateway: "sync" ... */
    uint32_t retained;       /* alarms that the broker should hold */
    bool is_whole;           /* the picture has been told to its end */
    int64_t equal_ms;        /* when the counts agreed last */
    int64_t pictured_ms;     /* when the picture began */
    int64_t synced_after_ms; /* -1: not yet on this connection */
    struct console_catch_up catch_up;
    struct stamp ticked;
    unsigned audiences; /* that are watched here; AUDIENCE_BIT()s, 0 all */
    char call[320];     /* the last step of a ladder to those who watch here, clean; "" none */
    uint64_t call_seq;
    unsigned long calls; /* of them so far */
    unsigned wishes;
    unsigned long unreadable, journals; /* messages; journals after the first */
};

bool console_model_init(struct console_model *model); /* false: out of memory */
void console_model_done(struct console_model *model);

void console_model_connected(struct console_model *model, struct stamp now);
void console_model_disconnected(struct console_model *model, const char *reason);
/* `name`: the topic behind "<root>/<site>/". `retained`: the broker held it when we subscribed. */
void console_model_take(struct console_model *model, const char *name, const char *payload,
                        size_t bytes, bool retained, struct stamp now);
void console_model_tick(struct console_model *model, struct stamp now);

/* Wishes since the last call, each once. */
unsigned console_model_wishes(struct console_model *model);
/* The payload of the "get" that was wished for; the caller frees. NULL: out of memory. */
char *console_model_get(struct console_model *model, struct stamp now);

/* The number of alarms that are held is the number that the gateway tells. */
bool console_model_is_complete(const struct console_model *model);
/* For long enough that it is no transition. */
bool console_model_is_incomplete(const struct console_model *model, int64_t mono_ms);
/* Numbers of rows that are not known yet, 0 none. */
uint64_t console_model_missing(const struct console_model *model);
int64_t console_model_gateway_ms(const struct console_model *model, struct stamp now);

#endif
