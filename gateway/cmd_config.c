/*
 * cmd_config.c - watchroom config: the configurations that were in effect: history, one of them.
 *
 * Reads the journal and the files beside it; where they lie, the gateway says, or --state-dir where
 * none runs. Comparing is in config_diff.c, putting one back in config_revert.c.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/generations.h"
#include "gateway/base/file.h"
#include "gateway/base/text.h"
#include "gateway/beside.h"
#include "gateway/config_order.h"
#include "gateway/generation.h"

#define CHANGES_SHOWN 5

static const char HELP[] =
    "Examples:\n"
    "  watchroom config history --last 10      what was in effect when, by whom, what changed\n"
    "  watchroom config diff                   the site file against what runs\n"
    "  watchroom config diff 7 9 --text        two generations, line by line\n"
    "  watchroom config show 7 --file site.yaml > old.yaml\n"
    "  watchroom config revert 7               the site file of generation 7 again\n"
    "\n"
    "Usage: watchroom config history|diff [A [B]]|show N|revert N [OPTION...]\n"
    "\n"
    "Each configuration that was accepted is a generation: its number, its files and their hashes, "
    "who\n"
    "asked for it and how it differs from the one before are in the journal; the texts lie beside "
    "it.\n"
    "A and B are numbers, `running`, or `file` (default: running file).\n"
    "\n"
    "revert checks the old text first, keeps the present file beside it, and asks the gateway to "
    "read\n"
    "it; profiles stay as they are. It is for who is local to the gateway, and admins.\n"
    "\n"
    "      --last N        history: only the newest N\n"
    "      --text          diff: line by line, as diff -u; by default by meaning\n"
    "      --file NAME     show: the text of site.yaml, or of profiles/KIND/FAMILY.yaml\n"
    "  -c, --config SITE   what `file` is (default: the one the running generation came from)\n"
    "      --profiles DIR  its device profiles (default: as the running generation)\n"
    "      --state-dir DIR read the files there, without asking a gateway\n" COMMON_HELP "\n"
    "Exit status: 0 (diff: they are the same), 1 (diff: they differ; revert: refused), 2 wrong "
    "usage,\n"
    "3 no gateway reachable and no --state-dir, 4 unreadable: a text is missing or was altered.\n";

/* history */

static void
print_changes(const json_t *row, size_t max)
{
    const json_t *changes = json_object_get(row, "changes");
    size_t total = (size_t)json_int_or(row, "changes_total", 0), shown = 0;
    const char *unknown = json_text_or(row, "changes_unknown", NULL);
    json_t *change;
    size_t i;

    json_array_foreach(changes, i, change)
    {
        if (i >= max)
            break;
        printf("        %s\n", json_string_value(change));
        shown++;
    }
    if (unknown != NULL)
        printf("        what changed is not known: %s\n", unknown);
    else if (total > shown)
        printf("        ... %zu more\n", total - shown);
    else if (total == 0 && json_object_get(row, "previous") != NULL)
        puts("        comments, layout or order only");
}

static void
print_generation(const json_t *row, bool is_running, size_t changes_max)
{
    char when[24], who[160];

    common_format_local(json_int_or(row, "at", 0), when, sizeof when);
    generation_who(row, who, sizeof who);
    printf("%c%6lld  %s  %.16s  %s", is_running ? '*' : ' ',
           (long long)json_int_or(row, "generation", 0), when, json_text_or(row, "digest", "?"),
           who);
    if (json_int_or(json_object_get(row, "by"), "reverted", 0) > 0)
        printf(", back to %lld", (long long)json_int_or(json_object_get(row, "by"), "reverted", 0));
    if (json_is_false(json_object_get(row, "journalled")))
        printf("  (not in the journal)");
    putchar('\n');
    print_changes(row, changes_max);
}

static int
history(const struct config_order *order)
{
    struct generation_reader reader;
    json_t *rows = json_array(), *row;
    struct err err;
    size_t i;

    if (generation_reader_open(&reader, order->state_dir, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        json_decref(rows);
        return EXIT_BROKEN;
    }
    for (uint32_t number = reader.newest;
         number > 0 && (order->last == 0 || json_array_size(rows) < (size_t)order->last); number--)
        if (generation_reader_row(&reader, number, &row, NULL) == ERR_OK)
            json_array_append_new(rows, row);
    int status = EXIT_FINE;
    if (order->common.json) {
        status = common_print_json(rows);
    } else {
        if (json_array_size(rows) > 0)
            puts("    no.  since                digest            by");
        json_array_foreach(rows, i, row) print_generation(
            row, json_int_or(row, "generation", 0) == reader.newest, CHANGES_SHOWN);
        if (json_array_size(rows) == 0)
            puts("no configuration on record");
    }
    json_decref(rows);
    generation_reader_close(&reader);
    return status;
}

/* show */

int
config_number(const struct generation_reader *reader, const char *word, uint32_t *out_number)
{
    int64_t number = reader->newest;

    if (strcmp(word, "running") != 0 && !text_parse_int(word, 1, UINT32_MAX, &number)) {
        fprintf(stderr, "watchroom config: \"%s\" is no generation; see watchroom config history\n",
                word);
        return EXIT_USAGE;
    }
    if (number == 0) {
        fputs("watchroom config: no configuration on record\n", stderr);
        return EXIT_WRONG;
    }
    *out_number = (uint32_t)number;
    return EXIT_FINE;
}

/* Each file with its hash, and whether it is there as it was. */
static int
print_files(const struct config_order *order, json_t *row)
{
    char folder[GENERATIONS_PATH_MAX], *manifest = NULL, *text;
    struct manifest_line line;
    json_t *files = json_array();
    size_t bytes;
    struct err err;
    int status = EXIT_FINE;

    if (!generations_folder(order->state_dir, folder) ||
        kept_read(folder, json_text_or(row, "digest", ""), &manifest, &bytes, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: the list of its files: %s\n", err.text);
        status = EXIT_BROKEN;
    }
    for (const char *at = manifest; at != NULL && generations_next_line(&at, &line);) {
        enum err_code code = kept_read(folder, line.sha256, &text, &bytes, &err);
        const char *state = code == ERR_OK          ? "as it was"
                            : code == ERR_NOT_FOUND ? "MISSING"
                            : code == ERR_CORRUPT   ? "ALTERED"
                                                    : "UNREADABLE";

        if (code == ERR_OK)
            free(text);
        else
            status = EXIT_BROKEN;
        json_array_append_new(files, json_pack("{s:s, s:s, s:s}", "name", line.name, "sha256",
                                               line.sha256, "state", state));
        if (!order->common.json)
            printf("  %s  %s  %s\n", line.sha256, line.name, state);
    }
    free(manifest);
    json_object_set_new(row, "files", files);
    return status;
}

static int
print_file(const struct config_order *order, const json_t *row)
{
    struct site_texts texts = {0};
    struct err err = {0};
    enum err_code code =
        generation_read_texts(order->state_dir, json_text_or(row, "digest", ""), &texts, &err);
    const struct site_text *one = texts_find(&texts, order->name);
    int status = EXIT_FINE;

    if (one != NULL &&
        (fwrite(one->text, 1, one->bytes, stdout) != one->bytes || fflush(stdout) != 0))
        status = EXIT_BROKEN;
    if (one == NULL) {
        fprintf(stderr, "watchroom: %s\n",
                code != ERR_OK ? err.text : "that generation had no such file");
        status = code != ERR_OK ? EXIT_BROKEN : EXIT_WRONG;
    }
    texts_done(&texts);
    return status;
}

static int
show(const struct config_order *order)
{
    struct generation_reader reader;
    json_t *row = NULL;
    uint32_t number;
    struct err err;
    int status;

    if (generation_reader_open(&reader, order->state_dir, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return EXIT_BROKEN;
    }
    status = config_number(&reader, order->words[0], &number);
    if (status == EXIT_FINE && generation_reader_row(&reader, number, &row, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        status = EXIT_WRONG;
    }
    if (status == EXIT_FINE && order->name != NULL) {
        status = print_file(order, row);
    } else if (status == EXIT_FINE) {
        if (!order->common.json)
            print_generation(row, number == reader.newest, SIZE_MAX);
        status = print_files(order, row);
        if (order->common.json && common_print_json(row) != EXIT_FINE)
            status = EXIT_BROKEN;
    }
    json_decref(row);
    generation_reader_close(&reader);
    return status;
}

/* what is asked for */

static const struct subcommand {
    const char *name;
    int words_min, words_max;
    int (*run)(const struct config_order *order);
} SUBCOMMANDS[] = {
    {"history", 0, 0, history},
    {"diff", 0, 2, config_diff},
    {"show", 1, 1, show},
    {"revert", 1, 1, config_revert},
};

/* -1: go on. */
static int
parse(struct config_order *order, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"last", required_argument, NULL, 'l'},
                                            {"text", no_argument, NULL, 't'},
                                            {"file", required_argument, NULL, 'f'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"profiles", required_argument, NULL, 'P'},
                                            {"state-dir", required_argument, NULL, 'd'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    int option, status;

    while ((option = getopt_long(argc, argv, "hc:", OPTIONS, NULL)) != -1) {
        if (option == 'l') {
            if (text_parse_int(optarg, 1, INT32_MAX, &order->last))
                continue;
            fprintf(stderr, "watchroom config: --last %s: a number from 1\n", optarg);
            return EXIT_USAGE;
        }
        if (option == 't')
            order->text = true;
        else if (option == 'f')
            order->name = optarg;
        else if (option == 'c')
            order->file = optarg;
        else if (option == 'P')
            order->profiles = optarg;
        else if (option == 'd')
            order->told_dir = optarg;
        else if (!common_option(option, &order->common, "config", HELP, &status))
            return status;
    }
    return -1;
}

int
cmd_config(int argc, char **argv)
{
    struct config_order order = {0};
    const struct subcommand *chosen = NULL;
    char state_dir[PATH_MAX];
    int status = parse(&order, argc, argv);

    if (status >= 0)
        return status;
    for (size_t i = 0; optind < argc && i < ARRAY_LEN(SUBCOMMANDS); i++)
        if (strcmp(argv[optind], SUBCOMMANDS[i].name) == 0)
            chosen = &SUBCOMMANDS[i];
    order.words = argv + optind + 1;
    order.word_count = argc - optind - 1;
    if (chosen == NULL || order.word_count < chosen->words_min ||
        order.word_count > chosen->words_max) {
        fputs("watchroom config: history, diff [A [B]], show N or revert N; see watchroom config "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    status = common_state_dir(&order.common, order.told_dir, state_dir, sizeof state_dir);
    order.state_dir = state_dir;
    return status == EXIT_FINE ? chosen->run(&order) : status;
}
