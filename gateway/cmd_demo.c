/*
 * cmd_demo.c - watchroom demo: a simulated site in the terminal, or as a test for scripts.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/cmd_common.h"
#include "gateway/demo.h"

#define REDRAW_MS 500
#define HEADLESS_TURN_MS 1000
#define UP_MS 20000       /* for all devices to answer */
#define CATCH_UP_MS 15000 /* for the last rows to be told */
#define LEAST_MS 20000    /* alarms have delays: a shorter run would raise none */
#define DEFAULT_HEADLESS_MS 60000
#define ALARMS_MAX 512

static const char HELP[] =
    "Examples:\n"
    "  watchroom demo                          a live view in this terminal\n"
    "  watchroom demo --headless --for 60s     the same for scripts: a JSON summary at the end\n"
    "  watchroom demo --keep /tmp/demo         leave files and logs behind\n"
    "\n"
    "Usage: watchroom demo [OPTION...]\n"
    "\n"
    "Starts a simulated site of 13 devices, a private mosquitto and the gateway, all on loopback\n"
    "and in a folder of their own. After some seconds the mains fails: generators start, the\n"
    "transfer switch transfers, alarms appear and can be acknowledged. Everything is ended and\n"
    "removed at the end.\n"
    "\n"
    "      --headless      no terminal: plays the mains failure, acknowledges what is raised\n"
    "      --for TIME      end after this time (headless: 60s, at least 20s)\n"
    "      --keep DIR      use this folder and leave it behind: state, logs, site file\n"
    "      --json          print the summary at the end also with the live view\n"
    "  -h, --help          this text\n"
    "\n"
    "Keys: a acknowledges the first alarm, 1 to 9 that one, m switches the mains, q ends.\n"
    "\n"
    "Exit status: 0 something was raised and all of it was told; 1 not so; 2 wrong usage; 4 a "
    "part\n"
    "could not be started or ended by itself.\n";

struct session {
    struct demo demo;
    int signal_fd;
    bool headless, ends;
    int64_t begin_ms, for_ms; /* monotonic; 0: until somebody ends it */
    char note[48];
};

struct summary {
    uint64_t points;
    struct tally tally;
    bool is_complete;
};

static int64_t
elapsed_ms(const struct session *session)
{
    return clock_now().mono_ms - session->begin_ms;
}

static json_t *
ask(struct session *session, const char *verb)
{
    struct err err;

    return demo_ask(session->demo.socket, json_pack("{s:s}", "verb", verb), &err);
}

static void
physics(struct session *session, const char *what, const char *value)
{
    struct err err;
    json_t *reply = demo_ask(
        session->demo.sim_socket,
        json_pack("{s:s, s:s, s:s}", "verb", "physics", "what", what, "value", value), &err);

    if (reply == NULL)
        snprintf(session->note, sizeof session->note, "%.40s", err.text);
    json_decref(reply);
}

static void
acknowledge(struct session *session, const json_t *alarm)
{
    struct err err;
    const char *id = json_text_or(alarm, "id", "");
    json_t *reply = demo_ask(
        session->demo.socket,
        json_pack("{s:s, s:s, s:s}", "verb", "ack", "id", id, "note", "seen in the demo"), &err);

    if (reply == NULL)
        snprintf(session->note, sizeof session->note, "%.46s", err.text);
    else
        snprintf(session->note, sizeof session->note, "acknowledged");
    json_decref(reply);
}

static bool
waits_for_ack(const json_t *alarm)
{
    return strcmp(json_text_or(alarm, "ack", ""), "unacked") == 0;
}

/* Waits up to `ms` for a key, a signal, or something told; takes all but the key. The key, or 0. */
static char
wait_ms(struct session *session, int64_t ms)
{
    struct pollfd fds[] = {{.fd = session->signal_fd, .events = POLLIN},
                           {.fd = session->demo.told.fd, .events = POLLIN},
                           {.fd = session->headless ? -1 : STDIN_FILENO, .events = POLLIN}};
    int64_t end = clock_now().mono_ms + ms, left;
    char key = 0;

    while (!session->ends && key == 0 && (left = end - clock_now().mono_ms) > 0) {
        struct signalfd_siginfo info;

        if (poll(fds, ARRAY_LEN(fds), (int)left) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0 && read(session->signal_fd, &info, sizeof info) > 0)
            session->ends = true;
        if (fds[1].revents != 0 && !told_read(&session->demo.told))
            fds[1].fd = -1; /* the subscriber is gone: demo_lost_child() says so */
        if (fds[2].revents != 0 && read(STDIN_FILENO, &key, 1) <= 0)
            session->ends = true; /* the terminal is gone */
    }
    return key;
}

/* Until every device answers, or it takes too long: the show goes on then, and shows it. */
static void
await_devices(struct session *session)
{
    int64_t end = clock_now().mono_ms + UP_MS;

    while (!session->ends && clock_now().mono_ms < end) {
        json_t *status = ask(session, "status");
        const json_t *devices = json_object_get(status, "devices");
        bool good = json_int_or(devices, "total", 0) > 0 &&
                    json_int_or(devices, "up", 0) == json_int_or(devices, "total", -1);

        json_decref(status);
        if (good)
            return;
        wait_ms(session, 200);
    }
}

/* the summary */

static uint64_t
points_polled(const json_t *status)
{
    const json_t *worker;
    size_t index;
    int64_t points = 0;

    json_array_foreach(json_object_get(status, "workers"), index, worker) points +=
        json_int_or(json_object_get(worker, "stats"), "samples_total", 0);
    return (uint64_t)points;
}

/* Lets the last rows arrive, then compares the journal with what the subscriber has. */
static enum err_code
sum_up(struct session *session, struct summary *out_summary, struct err *err)
{
    json_t *status = ask(session, "status");
    int64_t end = clock_now().mono_ms + CATCH_UP_MS;
    int64_t head = json_int_or(json_object_get(status, "journal"), "head", -1);
    enum err_code code;

    out_summary->points = points_polled(status);
    json_decref(status);
    if (head < 0)
        return err_set(err, ERR_IO, "the gateway does not answer");
    session->ends = false; /* what was asked for is done; a second signal hurries */
    do {
        wait_ms(session, 100);
        code = told_compare(&session->demo.told, session->demo.state_dir, (uint64_t)head,
                            &out_summary->tally, err);
    } while (code == ERR_OK && out_summary->tally.missing > 0 && !session->ends &&
             clock_now().mono_ms < end);
    out_summary->is_complete = code == ERR_OK;
    return code;
}

static int
print_summary(const struct session *session, const struct summary *summary)
{
    const struct tally *tally = &summary->tally;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "points_polled", (json_int_t)summary->points,
        "alarms_raised", (json_int_t)tally->raised, "alarms_told",
        (json_int_t)session->demo.told.raised, "alarms_acknowledged",
        (json_int_t)tally->acknowledged, "rows_told", (json_int_t)tally->rows, "messages_received",
        (json_int_t)session->demo.told.messages, "lost", (json_int_t)tally->missing);
    int status = common_print_json(object);

    json_decref(object);
    return status;
}

static void
print_words(const struct tally *tally)
{
    printf("%llu alarms raised, %llu acknowledged; %llu messages to people, %llu of them lost\n",
           (unsigned long long)tally->raised, (unsigned long long)tally->acknowledged,
           (unsigned long long)tally->messages, (unsigned long long)tally->missing);
}

/* without a terminal */

/* What happens when, in hundredths of the whole time. */
static const struct {
    int64_t at;
    const char *what, *value;
} PLAY[] = {
    {8, "mains", "off"}, {20, "recorder", "stopped"}, {22, "door-2", "open"},   {35, "leak", "on"},
    {42, "leak", "off"}, {45, "recorder", "running"}, {50, "door-2", "closed"}, {60, "mains", "on"},
};

static void
acknowledge_all(struct session *session)
{
    json_t *reply = ask(session, "alarms");
    const json_t *alarm;
    size_t index;

    json_array_foreach(json_object_get(reply, "alarms"), index, alarm) if (waits_for_ack(alarm))
        acknowledge(session, alarm);
    json_decref(reply);
}

static int
play_headless(struct session *session)
{
    size_t next = 0;
    const char *lost = NULL;

    fprintf(stderr, "watchroom demo: %s, for %lld s\n", session->demo.dir,
            (long long)(session->for_ms / 1000));
    while (!session->ends && lost == NULL && elapsed_ms(session) < session->for_ms) {
        int64_t now = elapsed_ms(session) * 100 / session->for_ms;

        for (; next < ARRAY_LEN(PLAY) && PLAY[next].at <= now; next++) {
            fprintf(stderr, "watchroom demo: %3lld s  %s %s\n",
                    (long long)(elapsed_ms(session) / 1000), PLAY[next].what, PLAY[next].value);
            physics(session, PLAY[next].what, PLAY[next].value);
        }
        acknowledge_all(session);
        wait_ms(session, HEADLESS_TURN_MS);
        lost = demo_lost_child(&session->demo);
    }
    if (lost == NULL)
        return EXIT_FINE;
    fprintf(stderr, "watchroom demo: %s ended by itself\n", lost);
    demo_print_log(&session->demo, lost);
    return EXIT_BROKEN;
}

/* in a terminal */

static struct termios terminal_before;

static void
enter_terminal(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &terminal_before) != 0)
        return;
    raw = terminal_before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l\033[2J", stdout); /* a screen of its own, no cursor */
    fflush(stdout);
}

static void
leave_terminal(void)
{
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

/* As the simulators see it: the gateway's reading may be a second old. */
static void
switch_mains(struct session *session)
{
    struct err err;
    json_t *reply = demo_ask(
        session->demo.sim_socket,
        json_pack("{s:s, s:s, s:s}", "verb", "get", "device", "gen-1", "name", "mains.L1.voltage"),
        &err);
    const json_t *volts = json_object_get(json_object_get(reply, "values"), "mains.L1.voltage");

    physics(session, "script", "off"); /* from here on the person directs */
    physics(session, "mains", json_number_value(volts) < 100 ? "on" : "off");
    json_decref(reply);
}

static void
press(struct session *session, char key, const json_t *alarms)
{
    const json_t *sorted[ALARMS_MAX];
    size_t count = demo_view_sort(alarms, sorted, ALARMS_MAX);
    size_t chosen = key == 'a' ? 0 : (size_t)(key - '1');

    session->note[0] = '\0';
    if (key == 'q') {
        session->ends = true;
    } else if (key == 'm') {
        switch_mains(session);
    } else if (key == 'a' || (key >= '1' && key <= '9')) {
        if (chosen < count)
            acknowledge(session, sorted[chosen]);
    }
}

/* One redraw; the alarms it showed, for the keys. */
static json_t *
draw(struct session *session)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct text_buf out;
    json_t *status = ask(session, "status"), *alarms = ask(session, "alarms");
    json_t *values = ask(session, "values");

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 10 || size.ws_col < 40)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    struct picture picture = {.status = status,
                              .alarms = alarms,
                              .values = values,
                              .now_ms = clock_now().utc_ms,
                              .seconds = elapsed_ms(session) / 1000,
                              .rows = size.ws_row,
                              .columns = size.ws_col,
                              .colour = true,
                              .told = session->demo.told.raised,
                              .note = session->note};
    text_buf_init(&out, (size_t)1024 * 1024);
    demo_view_draw(&picture, &out);
    if (!out.failed && out.data != NULL) {
        fwrite(out.data, 1, out.length, stdout);
        fflush(stdout);
    }
    text_buf_done(&out);
    json_decref(status);
    json_decref(values);
    return alarms;
}

static int
play_live(struct session *session)
{
    const char *lost = NULL;

    physics(session, "script", "on");
    enter_terminal();
    while (!session->ends && lost == NULL &&
           (session->for_ms == 0 || elapsed_ms(session) < session->for_ms)) {
        json_t *alarms = draw(session);
        char key = wait_ms(session, REDRAW_MS);

        if (key != 0)
            press(session, key, alarms);
        json_decref(alarms);
        lost = demo_lost_child(&session->demo);
    }
    leave_terminal();
    if (lost == NULL)
        return EXIT_FINE;
    fprintf(stderr, "watchroom demo: %s ended by itself\n", lost);
    demo_print_log(&session->demo, lost);
    return EXIT_BROKEN;
}

/* whole */

static int
play(struct session *session, const char *keep_dir, bool json)
{
    struct summary summary = {0};
    struct err err = {0};
    int status;

    fputs("watchroom demo: starting broker, simulators, gateway ...\n", stderr);
    if (demo_start(&session->demo, keep_dir, &err) != ERR_OK) {
        fprintf(stderr, "watchroom demo: %s\n", err.text);
        demo_stop(&session->demo);
        return EXIT_BROKEN;
    }
    await_devices(session);
    session->begin_ms = clock_now().mono_ms;
    status = session->headless ? play_headless(session) : play_live(session);
    if (status == EXIT_FINE && sum_up(session, &summary, &err) != ERR_OK) {
        fprintf(stderr, "watchroom demo: %s\n", err.text);
        status = EXIT_BROKEN;
    }
    if (status == EXIT_FINE && (session->headless || json))
        status = print_summary(session, &summary);
    else if (status == EXIT_FINE)
        print_words(&summary.tally);
    if (status == EXIT_FINE &&
        (summary.tally.missing != 0 || (session->headless && summary.tally.raised == 0)))
        status = EXIT_WRONG;
    if (session->demo.keep)
        fprintf(stderr, "watchroom demo: left behind in %s\n", session->demo.dir);
    demo_stop(&session->demo);
    return status;
}

/* From here on these signals are read from a descriptor: nothing is left half done. */
static int
take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
cmd_demo(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"headless", no_argument, NULL, 'H'},   {"for", required_argument, NULL, 'f'},
        {"keep", required_argument, NULL, 'k'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    static struct session session;
    const char *keep_dir = NULL;
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1)
        switch (option) {
        case 'H':
            session.headless = true;
            break;
        case 'f':
            if (!text_parse_duration_ms(optarg, &session.for_ms) || session.for_ms < 1000) {
                fprintf(stderr, "watchroom demo: --for \"%s\" is no time such as 60s\n", optarg);
                return EXIT_USAGE;
            }
            break;
        case 'k':
            keep_dir = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return EXIT_FINE;
        default:
            fputs("see watchroom demo --help\n", stderr);
            return EXIT_USAGE;
        }
    if (!common_arguments(argc, argv, 0))
        return EXIT_USAGE;
    if (!session.headless && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        fputs("watchroom demo: this is no terminal; use --headless\n", stderr);
        return EXIT_USAGE;
    }
    if (session.headless && session.for_ms == 0)
        session.for_ms = DEFAULT_HEADLESS_MS;
    if (session.headless && session.for_ms < LEAST_MS) {
        fputs("watchroom demo: headless it takes at least 20s\n", stderr);
        return EXIT_USAGE;
    }
    session.signal_fd = take_signals();
    int status = play(&session, keep_dir, json);
    close(session.signal_fd);
    return status;
}
