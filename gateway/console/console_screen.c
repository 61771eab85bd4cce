/*
 * console_screen.c - the terminal, over ncursesw.
 */
#include "gateway/console/console_screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "gateway/console/console_ui.h"

#define REST_MS 50 /* for what belongs to an Esc to arrive */

struct console_screen {
    SCREEN *screen;
    int rows, columns;
    bool has_colours;
    attr_t attributes[CONSOLE_STYLE_COUNT];
    short pairs[CONSOLE_STYLE_COUNT];
};

/* Attributes say it alone; colours only repeat it. */
static const struct {
    attr_t mono;
    attr_t colour;
    short foreground, background;
} STYLES[CONSOLE_STYLE_COUNT] = {
    [CONSOLE_PLAIN] = {A_NORMAL, A_NORMAL, -1, -1},
    [CONSOLE_DIM] = {A_DIM, A_DIM, -1, -1},
    [CONSOLE_BOLD] = {A_BOLD, A_BOLD, -1, -1},
    [CONSOLE_BAR] = {A_REVERSE, A_REVERSE, -1, -1},
    [CONSOLE_SELECTED] = {A_REVERSE | A_BOLD, A_REVERSE | A_BOLD, -1, -1},
    [CONSOLE_ALERT] = {A_REVERSE | A_BOLD, A_BOLD, COLOR_WHITE, COLOR_RED},
    [CONSOLE_P1] = {A_BOLD | A_UNDERLINE, A_BOLD, COLOR_RED, -1},
    [CONSOLE_P2] = {A_BOLD, A_BOLD, COLOR_YELLOW, -1},
    [CONSOLE_P3] = {A_BOLD, A_BOLD, COLOR_CYAN, -1},
    [CONSOLE_P4] = {A_BOLD, A_BOLD, -1, -1},
    [CONSOLE_GOOD] = {A_BOLD, A_BOLD, COLOR_GREEN, -1},
};

static void
set_styles(struct console_screen *screen, bool colour)
{
    screen->has_colours = colour && has_colors() && start_color() == OK &&
                          use_default_colors() == OK && COLOR_PAIRS > CONSOLE_STYLE_COUNT;
    for (short i = 0; i < CONSOLE_STYLE_COUNT; i++) {
        screen->attributes[i] = screen->has_colours ? STYLES[i].colour : STYLES[i].mono;
        screen->pairs[i] = 0;
        if (!screen->has_colours || (STYLES[i].foreground < 0 && STYLES[i].background < 0))
            continue;
        if (init_pair((short)(i + 1), STYLES[i].foreground, STYLES[i].background) == OK)
            screen->pairs[i] = (short)(i + 1);
        else
            screen->attributes[i] = STYLES[i].mono;
    }
}

/* As terminals send them that do not do what their description says. */
static void
define_keys(void)
{
    static const struct {
        const char *sequence;
        int key;
    } KEYS[] = {{"\033[A", KEY_UP},    {"\033[B", KEY_DOWN},  {"\033[C", KEY_RIGHT},
                {"\033[D", KEY_LEFT},  {"\033OA", KEY_UP},    {"\033OB", KEY_DOWN},
                {"\033OC", KEY_RIGHT}, {"\033OD", KEY_LEFT},  {"\033[H", KEY_HOME},
                {"\033[F", KEY_END},   {"\033[1~", KEY_HOME}, {"\033[4~", KEY_END}};

    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        define_key(KEYS[i].sequence, KEYS[i].key);
}

enum err_code
console_screen_new(bool colour, struct console_screen **out_screen, struct err *err)
{
    struct console_screen *screen;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ERR_IO, "needs a terminal");
    screen = calloc(1, sizeof *screen);
    if (screen == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    screen->screen = newterm(NULL, stdout, stdin);
    if (screen->screen == NULL) {
        const char *term = getenv("TERM");

        free(screen);
        return err_set(err, ERR_CONFIG, "the terminal %s is not known (TERM)",
                       term != NULL ? term : "without a name");
    }
    set_escdelay(50); /* an Esc by itself is a key; what terminals send comes together */
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    define_keys();
    nodelay(stdscr, TRUE);
    curs_set(0);
    set_styles(screen, colour);
    *out_screen = screen;
    return ERR_OK;
}

void
console_screen_free(struct console_screen *screen)
{
    if (screen == NULL)
        return;
    curs_set(1);
    endwin();
    delscreen(screen->screen);
    free(screen);
}

bool
console_screen_size(struct console_screen *screen, int *out_rows, int *out_columns)
{
    struct winsize size = {.ws_row = (unsigned short)LINES, .ws_col = (unsigned short)COLS};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
        size.ws_row = (unsigned short)LINES;
        size.ws_col = (unsigned short)COLS;
    }
    int rows = size.ws_row > CONSOLE_PAGE_SIDE_MAX ? CONSOLE_PAGE_SIDE_MAX : size.ws_row;
    int columns = size.ws_col > CONSOLE_PAGE_SIDE_MAX ? CONSOLE_PAGE_SIDE_MAX : size.ws_col;
    bool is_new = rows != screen->rows || columns != screen->columns;

    if (is_new) {
        resizeterm(rows, columns);
        clearok(stdscr, TRUE);
    }
    *out_rows = screen->rows = rows;
    *out_columns = screen->columns = columns;
    return is_new;
}

/* Cells of one style go together. */
static void
show_row(const struct console_screen *screen, const struct console_page *page, int row)
{
    const wchar_t *glyphs = page->glyphs + (size_t)row * (size_t)page->columns;
    const uint8_t *styles = page->styles + (size_t)row * (size_t)page->columns;
    wchar_t run[CONSOLE_PAGE_SIDE_MAX + 1];

    for (int column = 0; column < page->columns;) {
        int end = column, used = 0;

        while (end < page->columns && styles[end] == styles[column]) {
            if (glyphs[end] != L'\0')
                run[used++] = glyphs[end];
            end++;
        }
        run[used] = L'\0';
        attr_set(screen->attributes[styles[column]], screen->pairs[styles[column]], NULL);
        mvaddnwstr(row, column, run, used);
        column = end;
    }
}

void
console_screen_show(struct console_screen *screen, const struct console_page *page)
{
    for (int row = 0; row < page->rows && row < screen->rows; row++)
        show_row(screen, page, row);
    attr_set(A_NORMAL, 0, NULL);
    if (page->cursor_row >= 0) {
        move(page->cursor_row, page->cursor_column);
        curs_set(1);
    } else {
        curs_set(0);
    }
    refresh();
}

void
console_screen_redraw(struct console_screen *screen)
{
    (void)screen;
    clearok(stdscr, TRUE);
}

void
console_screen_bell(struct console_screen *screen)
{
    (void)screen;
    beep();
}

/* The keys that ncurses names. */
static uint32_t
named_key(wint_t key)
{
    switch (key) {
    case KEY_UP:
        return CONSOLE_KEY_UP;
    case KEY_DOWN:
        return CONSOLE_KEY_DOWN;
    case KEY_PPAGE:
        return CONSOLE_KEY_PAGE_UP;
    case KEY_NPAGE:
        return CONSOLE_KEY_PAGE_DOWN;
    case KEY_HOME:
        return CONSOLE_KEY_HOME;
    case KEY_END:
        return CONSOLE_KEY_END;
    case KEY_ENTER:
    case KEY_RIGHT:
        return CONSOLE_KEY_ENTER;
    case KEY_LEFT:
        return CONSOLE_KEY_BACK;
    case KEY_BACKSPACE:
        return CONSOLE_KEY_DELETE;
    default:
        return 0;
    }
}

static uint32_t
character_key(wint_t key)
{
    switch (key) {
    case '\r':
    case '\n':
        return CONSOLE_KEY_ENTER;
    case 0x1b:
        return CONSOLE_KEY_BACK;
    case 0x7f:
    case '\b':
        return CONSOLE_KEY_DELETE;
    case '\t':
        return CONSOLE_KEY_TAB;
    case 0x15: /* Ctrl-U */
        return CONSOLE_KEY_ERASE;
    default:
        return key;
    }
}

/* An Esc that begins something is not the key: what nobody knows must not be taken for orders. */
static bool
is_escape_alone(void)
{
    wint_t key;

    timeout(REST_MS);
    bool is_alone = get_wch(&key) == ERR;
    if (!is_alone && (key == 'O' || key == '['))
        while (get_wch(&key) != ERR && (key < 0x40 || key > 0x7e))
            ;
    nodelay(stdscr, TRUE);
    return is_alone;
}

uint32_t
console_screen_key(struct console_screen *screen)
{
    wint_t key;

    (void)screen;
    for (;;) {
        int status = get_wch(&key);

        if (status == ERR)
            return 0;
        if (status != KEY_CODE_YES && key == 0x1b && !is_escape_alone())
            continue;
        uint32_t found = status == KEY_CODE_YES ? named_key(key) : character_key(key);
        if (found != 0)
            return found;
    }
}
