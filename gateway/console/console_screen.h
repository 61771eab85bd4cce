/*
 * console_screen.h - the terminal: cells out, keys in; ncurses is included in its .c only.
 *
 * One in a process. The locale must have been set.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_SCREEN_H
#define WATCHROOM_GATEWAY_CONSOLE_SCREEN_H

#include "gateway/base/err.h"
#include "gateway/console/console_page.h"

struct console_screen;

/* Takes over the terminal of stdin and stdout. `colour` false: without, whatever the terminal. */
enum err_code console_screen_new(bool colour, struct console_screen **out_screen,
                                 struct err *err) MUST_CHECK;
/* Gives the terminal back as it was. NULL is fine. */
void console_screen_free(struct console_screen *screen);

/* The terminal's size as the kernel has it now; true when it changed since the last call. */
bool console_screen_size(struct console_screen *screen, int *out_rows, int *out_columns);
void console_screen_show(struct console_screen *screen, const struct console_page *page);
/* All of it again at the next show: something else wrote on the terminal. */
void console_screen_redraw(struct console_screen *screen);
void console_screen_bell(struct console_screen *screen);

/* A key that is there: a character or one of enum console_key; 0: none. */
uint32_t console_screen_key(struct console_screen *screen);

#endif
