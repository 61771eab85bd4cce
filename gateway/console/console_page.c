/*
 * console_page.c - a screen as cells.
 */
#include "gateway/console/console_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/console/console_text.h"

bool
console_page_resize(struct console_page *page, int rows, int columns)
{
    rows = rows < 1 ? 1 : rows > CONSOLE_PAGE_SIDE_MAX ? CONSOLE_PAGE_SIDE_MAX : rows;
    columns = columns < 1 ? 1 : columns > CONSOLE_PAGE_SIDE_MAX ? CONSOLE_PAGE_SIDE_MAX : columns;
    if (page->glyphs != NULL && rows == page->rows && columns == page->columns)
        return true;
    size_t cells = (size_t)rows * (size_t)columns;
    wchar_t *glyphs = calloc(cells, sizeof *glyphs);
    uint8_t *styles = calloc(cells, 1);

    if (glyphs == NULL || styles == NULL) {
        free(glyphs);
        free(styles);
        return false;
    }
    console_page_done(page);
    *page =
        (struct console_page){.rows = rows, .columns = columns, .glyphs = glyphs, .styles = styles};
    console_page_clear(page);
    return true;
}

void
console_page_done(struct console_page *page)
{
    free(page->glyphs);
    free(page->styles);
    *page = (struct console_page){0};
}

void
console_page_clear(struct console_page *page)
{
    for (int row = 0; row < page->rows; row++)
        console_page_fill(page, row, CONSOLE_PLAIN);
    page->cursor_row = page->cursor_column = -1;
}

static void
set(struct console_page *page, int row, int column, wchar_t glyph, enum console_style style)
{
    size_t at = (size_t)row * (size_t)page->columns + (size_t)column;

    page->glyphs[at] = glyph;
    page->styles[at] = (uint8_t)style;
}

int
console_page_put(struct console_page *page, int row, int column, int width,
                 enum console_style style, const char *text)
{
    int end = width < page->columns - column ? column + width : page->columns;
    wchar_t glyph;

    if (row < 0 || row >= page->rows || column < 0)
        return column;
    for (uint32_t c; (c = console_text_next(&text)) != 0;) {
        int columns = console_text_glyph(c, &glyph);

        if (columns == 0)
            continue;
        if (column + columns > end)
            break;
        set(page, row, column, glyph, style);
        if (columns == 2)
            set(page, row, column + 1, L'\0', style);
        column += columns;
    }
    return column;
}

int
console_page_format(struct console_page *page, int row, int column, enum console_style style,
                    const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return console_page_put(page, row, column, page->columns, style, text);
}

void
console_page_fill(struct console_page *page, int row, enum console_style style)
{
    if (row < 0 || row >= page->rows)
        return;
    for (int column = 0; column < page->columns; column++)
        set(page, row, column, L' ', style);
}

void
console_page_fade(struct console_page *page)
{
    size_t cells = (size_t)page->rows * (size_t)page->columns;

    for (size_t i = 0; i < cells; i++)
        if (page->styles[i] != CONSOLE_ALERT && page->styles[i] != CONSOLE_SELECTED)
            page->styles[i] = CONSOLE_DIM;
}

void
console_page_row(const struct console_page *page, int row, char *out, size_t size)
{
    mbstate_t state = {0};
    size_t used = 0, end = 0;

    for (int column = 0; column < page->columns; column++) {
        wchar_t glyph = page->glyphs[(size_t)row * (size_t)page->columns + (size_t)column];
        char bytes[64];
        size_t length = glyph != L'\0' ? wcrtomb(bytes, glyph, &state) : 0;

        if (length == (size_t)-1 || used + length >= size)
            continue;
        memcpy(out + used, bytes, length);
        used += length;
        if (glyph != L' ' && glyph != L'\0')
            end = used;
    }
    out[end] = '\0';
}
