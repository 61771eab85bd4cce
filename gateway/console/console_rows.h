/*
 * console_rows.h - which rows of the journal a console knows, and the last of them to read.
 *
 * A row counts once, by its number: it may come for several audiences, be sent again after a
 * restart, and be fetched besides. Rows that no audience is told leave holes in the numbers; a hole
 * is closed by asking the gateway for what lies in it.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_ROWS_H
#define WATCHROOM_GATEWAY_CONSOLE_ROWS_H

#include "gateway/base/json.h"

#define CONSOLE_ROWS_MAX 5000  /* kept to be read; the oldest go */
#define CONSOLE_RANGES_MAX 256 /* known beyond the first hole */

struct console_row {
    uint64_t seq;
    int64_t ts; /* UTC ms */
    char *id;   /* of its alarm; "" */
    char *text; /* what happened, clean */
};

struct console_rows {
    bool is_anchored;
    uint64_t known; /* all up to here are known, or lie before what was asked for */
    struct console_range {
        uint64_t from, to;
    } ranges[CONSOLE_RANGES_MAX]; /* ascending, beyond `known` */
    size_t range_count;
    uint64_t given_up;        /* numbers in holes that were too many to remember */
    struct console_row *rows; /* a ring */
    size_t first, count;
    unsigned long repeated;
};

bool console_rows_init(struct console_rows *rows);
void console_rows_done(struct console_rows *rows);
/* Another journal. */
void console_rows_clear(struct console_rows *rows);

/* Nothing up to `seq` is of interest. */
void console_rows_anchor(struct console_rows *rows, uint64_t seq);
/* Numbers that need not be asked for. */
void console_rows_note(struct console_rows *rows, uint64_t from, uint64_t to);
bool console_rows_has(const struct console_rows *rows, uint64_t seq);

/* Keeps a row that is news, and notes its number. False: a repeat. */
bool console_rows_take(struct console_rows *rows, const json_t *row, uint64_t seq);

/* The index-th newest row (0 is the newest by arrival); NULL: no more. */
const struct console_row *console_rows_at(const struct console_rows *rows, size_t index);

#endif
