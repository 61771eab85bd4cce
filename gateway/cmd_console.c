/*
 * cmd_console.c - watchroom console: alarms as they come, at the broker, in this terminal.
 *
 * One loop: the terminal, the session's news, a second's beat. What is drawn comes from the model
 * alone (console/console_model.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/console/console_choices.h"
#include "gateway/console/console_screen.h"
#include "gateway/console/console_session.h"
#include "gateway/console/console_ui.h"

#define DRAW_S 0.1 /* after news; keys are drawn at once */
#define BELL_MS 2000

static const char HELP[] =
    "Examples:\n"
    "  watchroom console                         as ~/.config/watchroom/console.yaml says, or\n"
    "                                            /etc/watchroom/console.yaml\n"
    "  watchroom console -c desk.yaml\n"
    "  watchroom console --broker broker.example.org:8883 --site main-site \\\n"
    "      --ca ca.pem --cert certificate.pem --key key.pem\n"
    "\n"
    "Usage: watchroom console [OPTION...]\n"
    "\n"
    "Shows the alarms of a site as the broker tells them, and gives orders: acknowledge, shelve,\n"
    "reset, comment. Needs a certificate of the site's authority, and nothing of the gateway's\n"
    "machine. When the gateway falls silent it says NOT MONITORING. The key ? explains the keys.\n"
    "\n"
    "  -c, --config FILE     settings; docs/console.md lists them\n"
    "      --broker HOST[:PORT]  port 8883, if it is not said\n"
    "      --ca FILE         certificate of the authority\n"
    "      --cert FILE       one's own certificate\n"
    "      --key FILE        its key, mode 600\n"
    "      --site ID         which site\n"
    "      --user NAME       default: the common name in the certificate\n"
    "      --client NAME     this console among those of the user (default: host and terminal)\n"
    "      --audience LIST   for whom is watched here: all, or security,continuity,facilities\n"
    "      --no-bell         no bell at a new P1 or P2\n"
    "      --no-colour       as with NO_COLOR in the environment\n"
    "      --log FILE        what happens between console and broker goes there\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit status: 0 ended by the user, 2 wrong usage, 4 no terminal or no memory.\n";

struct console {
    struct ev_loop *loop;
    ev_io keys;
    ev_timer beat, draw;
    ev_signal resized, ends[3];
    struct console_model model;
    struct console_ui ui;
    struct console_page page;
    struct console_screen *screen;
    struct console_session *session;
    int64_t rang_ms;
};

/* the loop */

static void
draw_now(struct console *console)
{
    int rows, columns;
    struct stamp now = clock_now();

    ev_timer_stop(console->loop, &console->draw);
    console_screen_size(console->screen, &rows, &columns);
    if (!console_page_resize(&console->page, rows, columns))
        return;
    console_draw(&console->ui, &console->page, now);
    if (console->ui.wants_redraw)
        console_screen_redraw(console->screen);
    console->ui.wants_redraw = false;
    console_screen_show(console->screen, &console->page);
}

static void
work(struct console *console)
{
    struct stamp now = clock_now();

    if (console_session_work(console->session, now) && console->ui.bell &&
        now.mono_ms - console->rang_ms >= BELL_MS) {
        console_screen_bell(console->screen);
        console->rang_ms = now.mono_ms;
    }
    console_ui_tick(&console->ui, now);
}

static void
on_news(void *ctx)
{
    struct console *console = ctx;

    if (console->session == NULL || ev_is_active(&console->draw))
        return;
    ev_timer_set(&console->draw, DRAW_S, 0);
    ev_timer_start(console->loop, &console->draw);
    work(console);
}

static void
on_draw(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    (void)events;
    work(console);
    draw_now(console);
}

static void
on_beat(struct ev_loop *loop, ev_timer *watcher, int events)
{
    on_draw(loop, watcher, events);
}

static void
on_keys(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct console *console = watcher->data;
    uint32_t key;

    (void)events;
    /* Each is drawn: an order is for what was on the screen before its key. */
    while (!console->ui.wants_end && (key = console_screen_key(console->screen)) != 0) {
        console_list_refresh(&console->ui.list, &console->model.board, console->ui.list.lines);
        console_ui_key(&console->ui, key, clock_now());
        draw_now(console);
    }
    if (console->ui.wants_end || !isatty(STDIN_FILENO))
        ev_break(loop, EVBREAK_ALL);
}

static void
on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct console *console = watcher->data;

    (void)events;
    /* A Ctrl-C by mistake must not leave the site unwatched: the second one is meant. */
    if (watcher->signum == SIGINT && console->ui.prompt.asking != CONSOLE_ASKING_QUIT)
        console_prompt_ask(&console->ui, CONSOLE_ASKING_QUIT);
    else if (watcher->signum != SIGWINCH)
        ev_break(loop, EVBREAK_ALL);
    draw_now(console);
}

static bool
send_order(void *ctx, const char *verb, const char *payload, const char *cid)
{
    struct console *console = ctx;

    return console_session_send(console->session, verb, payload, cid);
}

static void
watch(struct console *console)
{
    static const int ENDS[] = {SIGTERM, SIGINT, SIGHUP};

    ev_io_init(&console->keys, on_keys, STDIN_FILENO, EV_READ);
    ev_timer_init(&console->beat, on_beat, 0, 1);
    ev_timer_init(&console->draw, on_draw, DRAW_S, 0);
    ev_signal_init(&console->resized, on_signal, SIGWINCH);
    console->keys.data = console->beat.data = console->draw.data = console->resized.data = console;
    ev_io_start(console->loop, &console->keys);
    ev_timer_start(console->loop, &console->beat);
    ev_signal_start(console->loop, &console->resized);
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
        ev_signal_init(&console->ends[i], on_signal, ENDS[i]);
        console->ends[i].data = console;
        ev_signal_start(console->loop, &console->ends[i]);
    }
}

static void
unwatch(struct console *console)
{
    ev_io_stop(console->loop, &console->keys);
    ev_timer_stop(console->loop, &console->beat);
    ev_timer_stop(console->loop, &console->draw);
    ev_signal_stop(console->loop, &console->resized);
    for (size_t i = 0; i < ARRAY_LEN(console->ends); i++)
        ev_signal_stop(console->loop, &console->ends[i]);
}

static enum err_code
run(const struct console_settings *settings, bool colour, struct err *err)
{
    struct console console = {.loop = ev_default_loop(EVFLAG_AUTO)};
    enum err_code code = ERR_OK;

    if (console.loop == NULL || !console_model_init(&console.model))
        return err_set(err, ERR_NOMEM, "out of memory");
    console_ui_init(&console.ui, &console.model);
    console.ui.site = settings->site;
    console.ui.user = settings->user;
    console.ui.client = settings->client;
    console.model.audiences = settings->audiences;
    console.ui.bell = settings->bell;
    console.ui.send = send_order;
    console.ui.ctx = &console;
    code = console_screen_new(colour, &console.screen, err);
    if (code == ERR_OK) {
        sigset_t all, before;

        /* Signals are the loop's: in the library's threads they would break into its waiting. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = console_session_new(console.loop, settings, &console.model, on_news, &console,
                                   &console.session, err);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (code == ERR_OK) {
        watch(&console);
        ev_run(console.loop, 0);
        unwatch(&console);
    }
    console_screen_free(console.screen);
    console_session_free(console.session);
    console_page_done(&console.page);
    console_ui_done(&console.ui);
    console_model_done(&console.model);
    return code;
}

/* What is logged must not get onto the screen. */
static bool
redirect_log(const char *path)
{
    int fd = open(path != NULL ? path : "/dev/null",
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0) {
        fprintf(stderr, "watchroom console: %s: %s\n", path, strerror(errno));
        return false;
    }
    log_init("console", LOG_LEVEL_INFO);
    bool is_done = dup2(fd, STDERR_FILENO) >= 0;
    close(fd);
    return is_done;
}

static int
run_with(struct arena *arena, struct console_choices *choices)
{
    struct console_settings settings;
    const char *no_color = getenv("NO_COLOR");
    struct err err;

    if (!console_choices_settle(choices, arena, &settings))
        return EXIT_USAGE;
    int told = dup(STDERR_FILENO);
    if (told < 0 || !redirect_log(choices->log)) {
        close(told);
        return EXIT_USAGE;
    }
    enum err_code code =
        run(&settings, !choices->no_colour && (no_color == NULL || no_color[0] == '\0'), &err);
    if (code != ERR_OK)
        dprintf(told, "watchroom console: %s\n", err.text);
    close(told);
    return code == ERR_OK ? EXIT_FINE : EXIT_BROKEN;
}

int
cmd_console(int argc, char **argv)
{
    struct console_choices choices = {0};
    struct arena *arena = arena_new();
    int option, status = EXIT_FINE;

    if (arena == NULL)
        return EXIT_BROKEN;
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* numbers are JSON's */
    while (status == EXIT_FINE &&
           (option = getopt_long(argc, argv, "c:h", CONSOLE_OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            fputs(HELP, stdout);
            arena_free(arena);
            return EXIT_FINE;
        }
        if (!console_choices_take(option, optarg, arena, &choices))
            status = EXIT_USAGE;
    }
    if (status == EXIT_FINE && !common_arguments(argc, argv, 0))
        status = EXIT_USAGE;
    if (status == EXIT_FINE)
        status = run_with(arena, &choices);
    arena_free(arena);
    return status;
}
