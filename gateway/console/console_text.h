/*
 * console_text.h - text from the wire on its way to a terminal: nothing that could steer it, and
 * columns instead of bytes.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_TEXT_H
#define WATCHROOM_GATEWAY_CONSOLE_TEXT_H

#include <wchar.h>

#include "gateway/base/base.h"

/*
 * Copies UTF-8 so that it is harmless: bytes that are none, control characters (also U+0080 to
 * U+009F, which terminals obey), those that turn the direction of writing or have no shape become
 * '?', line ends and tabs a blank. Cut at a character's end.
 */
void console_text_clean(char *out, size_t size, const char *text);
/* A clean copy of at most `max` bytes; the caller frees. NULL: out of memory. */
char *console_text_copy(const char *text, size_t max);

/* The next character and its bytes; '?' for one that is not well-formed. At the end 0. */
uint32_t console_text_next(const char **at);

/* What the terminal of this locale shows for a character ('?' where it cannot), and the columns
 * it takes: 0 (it is left out), 1 or 2. */
int console_text_glyph(uint32_t character, wchar_t *out_glyph);
/* Columns of a text. */
int console_text_columns(const char *text);

/* Bytes of `text` that fit into the columns, up to a blank where it must be broken. */
size_t console_text_fit(const char *text, int columns);

/* Does `text` contain `part`, whatever the case of ASCII letters? */
bool console_text_contains(const char *text, const char *part);

#endif
