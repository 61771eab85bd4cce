/*
 * cmd_log.c - watchroom log: the journal as people read it.
 *
 * Reads journal.db itself, beside its writer; where it lies, the gateway says, or --state-dir where
 * none runs.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/journal_read.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/log_lines.h"

#define WORDS_MAX 1200

static const char LOG_HELP[] =
    "Examples:\n"
    "  watchroom log --since 1h          the last hour\n"
    "  watchroom log --kind alarm        alarms only\n"
    "  watchroom log --json | jq .       one JSON object a line, exactly as hashed\n"
    "  watchroom log --state-dir /var/lib/watchroom    where no gateway runs\n"
    "\n"
    "Usage: watchroom log [OPTION...]\n"
    "\n"
    "The journal: every alarm transition, command, configuration, device and worker change, in "
    "order.\n"
    "\n"
    "      --since AGE     only what is younger: 30m, 2h, 7d (default: all that is held)\n"
    "      --after SEQ     only rows after this number\n"
    "      --kind KIND     alarm, checkpoint, command, comment, device, escalation, flood, "
    "generation,\n"
    "                      note, presence, start, stop, unjournalled, worker\n"
    "      --state-dir DIR read this journal, without asking a gateway\n" COMMON_HELP "\n"
    "Exit status: 0; 3 no gateway reachable and no --state-dir; 4 the journal cannot be read.\n";

struct printing {
    bool json;
    const char *kind;
    int64_t since_ms;
};

static bool
is_kind(const char *word)
{
    size_t count = 0;

    for (; LOG_LINES_KINDS[count] != NULL; count++)
        if (strcmp(LOG_LINES_KINDS[count], word) == 0)
            return true;
    const char *nearest = text_nearest(word, LOG_LINES_KINDS, count);
    fprintf(stderr, "watchroom log: --kind %s: ", word);
    if (nearest != NULL)
        fprintf(stderr, "did you mean %s? ", nearest);
    fputs("There are", stderr);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", LOG_LINES_KINDS[i]);
    fputc('\n', stderr);
    return false;
}

static bool
print_row(void *ctx, const struct journal_row *row)
{
    const struct printing *printing = ctx;
    char when[24], words[WORDS_MAX];

    if (row->utc_ms < printing->since_ms ||
        (printing->kind != NULL && strcmp(printing->kind, row->kind) != 0))
        return true;
    if (printing->json) {
        /* The body as it was hashed, and its hash beside it. */
        size_t length = strlen(row->body);

        if (length > 0)
            printf("%.*s,\"hash\":\"%s\"}\n", (int)(length - 1), row->body, row->hash);
        return true;
    }
    json_t *body = json_parse_object(row->body, strlen(row->body), NULL, 0);
    common_format_local(row->utc_ms, when, sizeof when);
    log_lines_describe(row->kind, body, words, sizeof words);
    printf("%8llu  %s  %-10s %s\n", (unsigned long long)row->seq, when, row->kind, words);
    json_decref(body);
    return true;
}

static int
print_rows(const char *state_dir, uint64_t after, struct printing *printing)
{
    struct journal_reader *reader;
    struct err err;
    enum err_code code = journal_reader_open(state_dir, &reader, &err);

    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: journal in %s: %s\n", state_dir, err.text);
        return EXIT_BROKEN;
    }
    for (uint64_t last = after;; after = last) {
        code =
            journal_reader_rows(reader, after, JOURNAL_READ_MAX, print_row, printing, &last, &err);
        if (code != ERR_OK || last == after)
            break;
    }
    journal_reader_close(reader);
    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: journal in %s: %s\n", state_dir, err.text);
        return EXIT_BROKEN;
    }
    return EXIT_FINE;
}

int
cmd_log(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"since", required_argument, NULL, 's'},
                                            {"after", required_argument, NULL, 'a'},
                                            {"kind", required_argument, NULL, 'k'},
                                            {"state-dir", required_argument, NULL, 'd'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    struct printing printing = {0};
    const char *told_dir = NULL;
    char state_dir[4096];
    int64_t age_ms = 0, after = 0;
    int option, status;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
        if (option == 's' && !text_parse_duration_ms(optarg, &age_ms)) {
            fprintf(stderr, "watchroom log: --since %s: an age such as 30m, 2h, 7d\n", optarg);
            return EXIT_USAGE;
        } else if (option == 'a' && !text_parse_int(optarg, 0, INT64_MAX, &after)) {
            fprintf(stderr, "watchroom log: --after %s: a row number\n", optarg);
            return EXIT_USAGE;
        } else if (option == 'k' && !is_kind(optarg)) {
            return EXIT_USAGE;
        } else if (option == 'k') {
            printing.kind = optarg;
        } else if (option == 'd') {
            told_dir = optarg;
        } else if (option != 's' && option != 'a' &&
                   !common_option(option, &common, "log", LOG_HELP, &status)) {
            return status;
        }
    }
    if (!common_arguments(argc, argv, 0))
        return EXIT_USAGE;
    printing.json = common.json;
    printing.since_ms = age_ms > 0 ? clock_now().utc_ms - age_ms : 0;
    status = common_state_dir(&common, told_dir, state_dir, sizeof state_dir);
    if (status != EXIT_FINE)
        return status;
    return print_rows(state_dir, (uint64_t)after, &printing);
}
