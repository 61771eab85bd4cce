/*
 * cmd_report.c - watchroom report alarms: key figures of the alarms of each audience.
 *
 * Reads journal.db itself, with or without a gateway.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/report.h"

#define LAST_DEFAULT_MS (INT64_C(30) * 86400000)
#define PROGRESS_MS 1000

static const char HELP[] =
    "Examples:\n"
    "  watchroom report alarms                      the last 30 days\n"
    "  watchroom report alarms --last 7d --html -o week.html\n"
    "  watchroom report alarms --from 2026-10-01 --to 2026-11-01 --json -o october.json\n"
    "  watchroom report alarms --state-dir /var/lib/watchroom    where no gateway runs\n"
    "\n"
    "Usage: watchroom report alarms [OPTION...]\n"
    "\n"
    "For each audience: alarms told per 10 minutes, floods, chattering and standing alarms, shares "
    "of\n"
    "the priorities, time to acknowledge, the ten most frequent, what is shelved, suppressed, out "
    "of\n"
    "service and unacknowledged at the end, escalations; and commands refused. Computed from the "
    "rows of\n"
    "the journal; says what of the time it really covers. docs/reports.md explains each figure.\n"
    "\n"
    "      --last AGE      the newest so much: 12h, 7d (default: 30d)\n"
    "      --from TIME     2026-11-23T08:00[:00] or 2026-11-23, local time, or UTC with a Z "
    "behind\n"
    "      --to TIME       the same, not included (default: now)\n"
    "      --html          one page for a browser or a printer\n"
    "  -o, --output FILE   into a file, whole or not at all (default: this terminal)\n"
    "      --state-dir DIR read the journal there, without asking a gateway\n" COMMON_HELP "\n"
    "Exit status: 0 made, 1 the journal says nothing of that time, 2 wrong usage, 3 no gateway "
    "reachable\n"
    "and no --state-dir, 4 it could not be made.\n";

struct order {
    struct common_options common;
    const char *told_dir, *output;
    bool html;
    int64_t from_ms, to_ms;
};

struct progress {
    bool is_shown;
    int64_t told_mono_ms;
};

static void
show_progress(void *ctx, uint64_t seq, uint64_t newest)
{
    struct progress *progress = ctx;
    int64_t now = clock_now().mono_ms;

    if (now - progress->told_mono_ms < PROGRESS_MS || newest == 0)
        return;
    progress->told_mono_ms = now;
    progress->is_shown = true;
    fprintf(stderr, "%srow %llu of %llu, %llu %%%s", isatty(STDERR_FILENO) ? "\r" : "",
            (unsigned long long)seq, (unsigned long long)newest,
            (unsigned long long)(seq * 100 / newest), isatty(STDERR_FILENO) ? "" : "\n");
}

/* False: a word on stderr. */
static bool
parse_time(const char *option, const char *text, int64_t *out_ms)
{
    int64_t seconds;

    if (!common_parse_time(text, &seconds)) {
        fprintf(stderr, "watchroom report: --%s %s: a time such as 2026-11-23T08:00\n", option,
                text);
        return false;
    }
    *out_ms = seconds * 1000;
    return true;
}

/* -1: go on; else the exit status. */
static int
settle(struct order *order, const char *last, const char *from, const char *to)
{
    int64_t age_ms = LAST_DEFAULT_MS;

    if (last != NULL && (from != NULL || to != NULL)) {
        fputs("watchroom report: --last, or --from and --to\n", stderr);
        return EXIT_USAGE;
    }
    if (last != NULL && (!text_parse_duration_ms(last, &age_ms) || age_ms <= 0)) {
        fprintf(stderr, "watchroom report: --last %s: an age such as 12h, 7d\n", last);
        return EXIT_USAGE;
    }
    order->to_ms = clock_now().utc_ms;
    if (to != NULL && !parse_time("to", to, &order->to_ms))
        return EXIT_USAGE;
    order->from_ms = order->to_ms > age_ms ? order->to_ms - age_ms : 0;
    if (from != NULL && !parse_time("from", from, &order->from_ms))
        return EXIT_USAGE;
    if (order->from_ms >= order->to_ms) {
        fputs("watchroom report: --from must be before --to\n", stderr);
        return EXIT_USAGE;
    }
    if (order->html && order->common.json) {
        fputs("watchroom report: --json or --html\n", stderr);
        return EXIT_USAGE;
    }
    return -1;
}

static int
write_out(const struct order *order, const json_t *report)
{
    struct text_buf out;
    int status = EXIT_FINE;

    text_buf_init(&out, REPORT_BYTES_MAX);
    if (order->common.json) {
        char *text = json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(12));

        out.failed = text == NULL;
        if (text != NULL)
            text_buf_add(&out, "%s\n", text);
        free(text);
    } else if (order->html) {
        report_html(report, &out);
    } else {
        report_text(report, &out);
    }
    if (out.failed) {
        fputs("watchroom: out of memory\n", stderr);
        status = EXIT_BROKEN;
    } else if (order->output != NULL) {
        status = common_write_file(order->output, out.data, out.length);
    } else if (fwrite(out.data, 1, out.length, stdout) != out.length || fflush(stdout) != 0) {
        status = EXIT_BROKEN;
    }
    text_buf_done(&out);
    return status;
}

static int
make(const struct order *order, const char *state_dir)
{
    struct progress progress = {.told_mono_ms = clock_now().mono_ms};
    struct journal_reader *reader = NULL;
    struct kpi_rows rows = {0};
    struct err err;
    enum err_code code = journal_reader_open(state_dir, &reader, &err);
    int status = EXIT_BROKEN;

    if (code == ERR_OK)
        code = kpi_rows_read(reader, order->from_ms, order->to_ms, show_progress, &progress, &rows,
                             &err);
    journal_reader_close(reader);
    if (progress.is_shown && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: journal in %s: %s\n", state_dir, err.text);
    } else {
        json_t *report = report_json(&rows);

        if (report != NULL)
            status = write_out(order, report);
        json_decref(report);
        if (status == EXIT_FINE && !rows.is_covered)
            status = EXIT_WRONG;
    }
    kpi_rows_done(&rows);
    return status;
}

int
cmd_report(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"last", required_argument, NULL, 'l'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"html", no_argument, NULL, 'H'},
                                            {"state-dir", required_argument, NULL, 'd'},
                                            {"output", required_argument, NULL, 'o'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    struct order order = {0};
    const char *last = NULL, *from = NULL, *to = NULL;
    char state_dir[PATH_MAX];
    int option, status;

    while ((option = getopt_long(argc, argv, "ho:", OPTIONS, NULL)) != -1) {
        if (option == 'l')
            last = optarg;
        else if (option == 'f')
            from = optarg;
        else if (option == 't')
            to = optarg;
        else if (option == 'H')
            order.html = true;
        else if (option == 'd')
            order.told_dir = optarg;
        else if (option == 'o')
            order.output = optarg;
        else if (!common_option(option, &order.common, "report", HELP, &status))
            return status;
    }
    if (argc - optind != 1 || strcmp(argv[optind], "alarms") != 0) {
        fputs("watchroom report: alarms is what can be reported; see watchroom report --help\n",
              stderr);
        return EXIT_USAGE;
    }
    /* The site's time zone, which the gateway tells, is that of --from and --to. */
    status = common_state_dir(&order.common, order.told_dir, state_dir, sizeof state_dir);
    if (status != EXIT_FINE)
        return status;
    status = settle(&order, last, from, to);
    return status < 0 ? make(&order, state_dir) : status;
}
