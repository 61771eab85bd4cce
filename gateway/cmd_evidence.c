/*
 * cmd_evidence.c - watchroom evidence export: what happened, as one archive for a third party.
 *
 * Reads the journal and the RRD files itself. The archive is made in a folder beside the output and
 * appears whole or not at all.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/evidence.h"

#define ENDING ".tar.zst"

static const char HELP[] =
    "Examples:\n"
    "  watchroom evidence export --from 2026-11-23T02:00 --to 2026-11-23T06:00 -o night.tar.zst\n"
    "  watchroom evidence export --from 2026-11-23 --alarm power/ups-a/on-battery -o "
    "ups-a.tar.zst\n"
    "  watchroom evidence export --state-dir /mnt/copy -o all.tar.zst\n"
    "\n"
    "Usage: watchroom evidence export -o NAME.tar.zst [OPTION...]\n"
    "\n"
    "Rows of the journal with the checkpoints that sign them, the public key, the configurations "
    "in "
    "force\n"
    "with their files, readings of the points concerned, the hash of every file, a signature, and "
    "a README that says "
    "how\n"
    "to check it all without this program. Only who may read the gateway's key can sign: root, or "
    "the\n"
    "gateway's own user.\n"
    "\n"
    "  -o, --output FILE   the archive, NAME.tar.zst; it must not exist\n"
    "      --from TIME     2026-11-23T08:00[:00], local time, or UTC with a Z behind (default: "
    "all\n"
    "                      that is held)\n"
    "      --to TIME       the same (default: now)\n"
    "      --alarm ID      rows of this alarm besides, and only its points; the chain is given "
    "whole\n"
    "      --state-dir DIR read the files there, without asking a gateway\n" COMMON_HELP "\n"
    "Exit status: 0 made, 1 nothing of that time or alarm, 2 wrong usage, 3 no gateway reachable "
    "and no\n"
    "--state-dir, 4 it could not be made.\n";

struct order {
    struct common_options common;
    const char *output, *told_dir, *alarm;
    int64_t from_s, to_s;
    bool is_until_now;
    uint64_t up_to; /* the checkpoint made for this; 0: none */
};

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int
usage(const char *what, const char *value)
{
    fprintf(stderr, "watchroom evidence: %s%s%s; see watchroom evidence --help\n", what,
            value == NULL ? "" : ": ", value == NULL ? "" : value);
    return EXIT_USAGE;
}

/* -1: go on. */
static int
check_order(struct order *order, int argc, char **argv)
{
    size_t length = order->output == NULL ? 0 : strlen(order->output), ending = strlen(ENDING);

    if (argc - optind != 1 || strcmp(argv[optind], "export") != 0)
        return usage("export is what can be done", NULL);
    if (length <= ending || strcmp(order->output + length - ending, ENDING) != 0 ||
        order->output[length - ending - 1] == '/')
        return usage("-o NAME" ENDING " is needed", order->output);
    if (access(order->output, F_OK) == 0)
        return usage("is there already", order->output);
    if (order->alarm != NULL && !text_is_path(order->alarm))
        return usage("not the id of an alarm", order->alarm);
    order->is_until_now = order->to_s == 0;
    if (order->is_until_now)
        order->to_s = clock_now().utc_ms / 1000 + 1;
    if (order->from_s >= order->to_s)
        return usage("the time ends before it begins", NULL);
    return -1;
}

static int
parse(struct order *order, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"output", required_argument, NULL, 'o'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"alarm", required_argument, NULL, 'a'},
                                            {"state-dir", required_argument, NULL, 'd'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    int option, status;

    while ((option = getopt_long(argc, argv, "ho:", OPTIONS, NULL)) != -1) {
        if (option == 'o')
            order->output = optarg;
        else if (option == 'a')
            order->alarm = optarg;
        else if (option == 'd')
            order->told_dir = optarg;
        else if (option == 'f' || option == 't') {
            if (!common_parse_time(optarg, option == 'f' ? &order->from_s : &order->to_s))
                return usage("not a time such as 2026-11-23T08:00", optarg);
        } else if (!common_option(option, &order->common, "evidence", HELP, &status))
            return status;
    }
    return check_order(order, argc, argv);
}

/* NAME of "some/where/NAME.tar.zst" as a folder's name; false: it is no plain one. */
static bool
folder_name(const char *output, char *out, size_t size)
{
    const char *slash = strrchr(output, '/');

    if (!text_copy(out, size, slash == NULL ? output : slash + 1))
        return false;
    out[strlen(out) - strlen(ENDING)] = '\0';
    return strcmp(out, ".") != 0 && strcmp(out, "..") != 0 && strcmp(out, "archive") != 0;
}

static enum err_code
make_archive(struct evidence *evidence, const char *parent, const char *name, const char *output,
             struct err *err)
{
    enum err_code code = mkdir(evidence->folder, 0755) == 0
                             ? ERR_OK
                             : err_set(err, ERR_IO, "%s: %s", parent, strerror(errno));

    if (code == ERR_OK)
        code = evidence_write_rows(evidence, err);
    if (code == ERR_OK)
        code = evidence_write_configurations(evidence, err);
    if (code == ERR_OK)
        code = evidence_write_values(evidence, err);
    if (code == ERR_OK)
        code = evidence_write_proof(evidence, err);
    if (code == ERR_OK)
        code = evidence_pack(parent, name, output, err);
    return code;
}

static int export(const struct order *order, const char *state_dir)
{
    char parent[EVIDENCE_PATH_MAX], name[NAME_MAX + 1], folder[EVIDENCE_PATH_MAX + NAME_MAX + 2];
    struct evidence evidence = {.state_dir = state_dir,
                                .folder = folder,
                                .alarm = order->alarm,
                                .from_ms = order->from_s * 1000,
                                .to_ms = order->to_s * 1000,
                                .up_to = order->up_to};
    struct err err = {0};
    enum err_code code;

    if (!folder_name(order->output, name, sizeof name) ||
        snprintf(parent, sizeof parent, "%s.new-XXXXXX", order->output) >= (int)sizeof parent)
        return usage("no name for an archive", order->output);
    if (mkdtemp(parent) == NULL) {
        fprintf(stderr, "watchroom: %s: %s\n", parent, strerror(errno));
        return EXIT_BROKEN;
    }
    snprintf(folder, sizeof folder, "%s/%s", parent, name);
    code = make_archive(&evidence, parent, name, order->output, &err);
    nftw(parent, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    evidence_done(&evidence);
    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return code == ERR_NOT_FOUND && evidence.is_empty ? EXIT_WRONG : EXIT_BROKEN;
    }
    if (evidence.has_secret)
        fprintf(stderr, "watchroom: a site file in this archive holds SNMP communities in plain "
                        "text: think of that before you hand it on (community_file keeps them "
                        "out)\n");
    if (order->common.json) {
        json_t *made =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "archive", order->output, "first",
                      (json_int_t)evidence.first, "last", (json_int_t)evidence.written_to, "rows",
                      (json_int_t)evidence.rows, "checkpoints", (json_int_t)evidence.checkpoints,
                      "signed_to", (json_int_t)evidence.signed_to, "configurations",
                      (json_int_t)evidence.generation_count, "series", (json_int_t)evidence.values);
        int status = made == NULL ? EXIT_BROKEN : common_print_json(made);

        json_decref(made);
        return status;
    }
    printf("%s: rows %llu to %llu, %llu checkpoints, %llu series\n", order->output,
           (unsigned long long)evidence.first, (unsigned long long)evidence.written_to,
           (unsigned long long)evidence.checkpoints, (unsigned long long)evidence.values);
    if (evidence.signed_to < evidence.last)
        printf("rows behind %llu are not signed in the journal yet: a checkpoint comes each hour\n",
               (unsigned long long)evidence.signed_to);
    return EXIT_FINE;
}

/* Readings that the gateway still holds go to their files, and rows that nobody signed yet are
 * signed; without that the manifest's signature covers them. */
static int
prepare(struct order *order)
{
    json_t *reply = NULL;
    int status = common_call(&order->common, json_pack("{s:s}", "verb", "flush"), &reply);

    json_decref(reply);
    reply = NULL;
    if (status == EXIT_FINE &&
        common_call(&order->common, json_pack("{s:s}", "verb", "checkpoint"), &reply) != EXIT_FINE)
        fputs("watchroom: no checkpoint was made now; the newest rows may not be signed in the "
              "journal\n",
              stderr);
    if (order->is_until_now) /* "now" is that checkpoint */
        order->up_to = (uint64_t)json_int_or(reply, "seq", 0);
    json_decref(reply);
    return status;
}

int
cmd_evidence(int argc, char **argv)
{
    struct order order = {0};
    char state_dir[PATH_MAX];
    int status = parse(&order, argc, argv);

    if (status >= 0)
        return status;
    if (order.told_dir == NULL) {
        status = prepare(&order);
        if (status != EXIT_FINE)
            return status;
    }
    status = common_state_dir(&order.common, order.told_dir, state_dir, sizeof state_dir);
    return status != EXIT_FINE ? status : export(&order, state_dir);
}
