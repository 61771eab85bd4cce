/*
 * console_page.h - a screen as cells: what is drawn, before a terminal sees it.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_PAGE_H
#define WATCHROOM_GATEWAY_CONSOLE_PAGE_H

#include <wchar.h>

#include "gateway/base/base.h"

#define CONSOLE_PAGE_SIDE_MAX 500 /* rows, columns */

enum console_style {
    CONSOLE_PLAIN,
    CONSOLE_DIM,
    CONSOLE_BOLD,
    CONSOLE_BAR,      /* title, keys */
    CONSOLE_SELECTED, /* the row under the cursor */
    CONSOLE_ALERT,    /* what must not be overlooked */
    CONSOLE_P1,       /* unacknowledged alarms, by priority */
    CONSOLE_P2,
    CONSOLE_P3,
    CONSOLE_P4,
    CONSOLE_GOOD,
    CONSOLE_STYLE_COUNT
};

struct console_page {
    int rows, columns;
    wchar_t *glyphs; /* rows * columns; 0: right half of the one before */
    uint8_t *styles;
    int cursor_row, cursor_column; /* -1: none */
};

/* False: out of memory; the page is as it was. Sides are bounded. */
bool console_page_resize(struct console_page *page, int rows, int columns);
void console_page_done(struct console_page *page);
void console_page_clear(struct console_page *page);

/* Writes UTF-8 within `width` columns (cut there and at the page's edge); returns the column
 * behind. Outside of the page nothing is written. */
int console_page_put(struct console_page *page, int row, int column, int width,
                     enum console_style style, const char *text);
int console_page_format(struct console_page *page, int row, int column, enum console_style style,
                        const char *fmt, ...) PRINTF_LIKE(5, 6);
/* A whole row of blanks. */
void console_page_fill(struct console_page *page, int row, enum console_style style);
/* Everything that is not an alert becomes grey. */
void console_page_fade(struct console_page *page);

/* One row as UTF-8 without blanks at its end; for tests. */
void console_page_row(const struct console_page *page, int row, char *out, size_t size);

#endif
