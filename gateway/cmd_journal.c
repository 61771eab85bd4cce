/*
 * cmd_journal.c - watchroom journal verify: is the journal complete, unaltered, signed?
 *
 * Reads journal.db itself, beside its writer; where it lies, the gateway says, or --state-dir where
 * none runs.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/journal_sign.h"
#include "alerts/journal_verify.h"
#include "gateway/cmd_common.h"

#define WITNESS_BYTES_MAX ((size_t)64 * 1024)

static const char HELP[] =
    "Examples:\n"
    "  watchroom journal verify\n"
    "  watchroom journal verify --state-dir /var/lib/watchroom --json\n"
    "  watchroom journal verify --key site.pub --checkpoint kept.json\n"
    "\n"
    "Usage: watchroom journal verify [OPTION...]\n"
    "\n"
    "Walks the whole chain and gives three verdicts, each with the first row that speaks against "
    "it:\n"
    "complete  is every row there?\n"
    "unaltered does every row hash to its hash and chain to the row before?\n"
    "signed    is every checkpoint signed by a known key, and the newest row covered in time?\n"
    "\n"
    "      --key FILE        who may have signed: public keys, PEM (may be given again;\n"
    "                        default: journal.pub of the state directory)\n"
    "      --checkpoint FILE a checkpoint kept elsewhere, as published under\n"
    "                        audit/checkpoint: it must be in this journal\n"
    "      --state-dir DIR   the journal to verify, without asking a gateway\n" COMMON_HELP "\n"
    "Exit status: 0 all three, 1 not, 2 wrong usage, 3 no gateway reachable, 4 unreadable.\n";

struct order {
    struct common_options common;
    const char *told_dir, *witness_file;
    struct sign_keys keys;
    bool has_keys;
};

static json_t *
fault_object(bool holds, const struct journal_fault *fault)
{
    return holds ? json_pack("{s:b}", "holds", true)
                 : json_pack("{s:b, s:I, s:s}", "holds", false, "first_bad_seq",
                             (json_int_t)fault->seq, "reason", fault->why);
}

static int
print_json(const struct journal_verdict *verdict)
{
    json_t *object =
        json_pack("{s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:{s:o, s:o, s:o}}",
                  "complete", verdict->is_complete, "unaltered", verdict->is_unaltered, "signed",
                  verdict->is_signed, "rows", (json_int_t)verdict->rows, "oldest",
                  (json_int_t)verdict->oldest, "head", (json_int_t)verdict->head, "checkpoints",
                  (json_int_t)verdict->checkpoints, "signed_to", (json_int_t)verdict->signed_to,
                  "first_bad_seq", (json_int_t)verdict->first_bad_seq, "reason", verdict->reason,
                  "verdicts", "complete", fault_object(verdict->is_complete, &verdict->incomplete),
                  "unaltered", fault_object(verdict->is_unaltered, &verdict->altered), "signed",
                  fault_object(verdict->is_signed, &verdict->unsigned_));
    int status = object == NULL ? EXIT_BROKEN : common_print_json(object);

    json_decref(object);
    return status;
}

static void
print_line(const char *name, bool holds, const struct journal_fault *fault)
{
    if (holds)
        printf("%-10s yes\n", name);
    else
        printf("%-10s NO: %s\n", name, fault->why);
}

static void
print_words(const struct journal_verdict *verdict)
{
    char when[24] = "";

    common_format_local(verdict->signed_utc_ms, when, sizeof when);
    printf("%llu rows, %llu to %llu", (unsigned long long)verdict->rows,
           (unsigned long long)verdict->oldest, (unsigned long long)verdict->head);
    if (verdict->checkpoints > 0)
        printf("; %llu checkpoints, the newest is row %llu, %s",
               (unsigned long long)verdict->checkpoints, (unsigned long long)verdict->signed_to,
               when);
    putchar('\n');
    print_line("complete:", verdict->is_complete, &verdict->incomplete);
    print_line("unaltered:", verdict->is_unaltered, &verdict->altered);
    print_line("signed:", verdict->is_signed, &verdict->unsigned_);
    if (verdict->first_bad_seq != 0)
        printf("first bad row: %llu\n", (unsigned long long)verdict->first_bad_seq);
}

/* The whole file as text; NULL with a word on stderr. */
static char *
read_witness(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(WITNESS_BYTES_MAX + 1);
    size_t bytes = 0;

    if (file == NULL || text == NULL) {
        fprintf(stderr, "watchroom: %s: cannot be read\n", path);
        free(text);
        if (file != NULL)
            fclose(file);
        return NULL;
    }
    bytes = fread(text, 1, WITNESS_BYTES_MAX, file);
    text[bytes] = '\0';
    fclose(file);
    return text;
}

static int
verify(struct order *order, const char *state_dir)
{
    struct journal_verify_params params = {.keys = &order->keys};
    struct journal_reader *reader = NULL;
    struct journal_verdict verdict = {0};
    char path[PATH_MAX], *witness = NULL;
    struct err err;
    enum err_code code;

    if (order->witness_file != NULL && (witness = read_witness(order->witness_file)) == NULL)
        return EXIT_BROKEN;
    params.witness = witness;
    code = journal_reader_open(state_dir, &reader, &err);
    if (snprintf(path, sizeof path, "%s/" JOURNAL_PUBLIC_FILE, state_dir) >= (int)sizeof path)
        code = err_set(&err, ERR_RANGE, "path too long");
    /* Without keys nothing is signed by anybody known: a verdict, not a failure. */
    if (code == ERR_OK && !order->has_keys) {
        code = sign_keys_read(&order->keys, path, &err);
        if (code == ERR_NOT_FOUND)
            code = ERR_OK;
    }
    if (code == ERR_OK)
        code = journal_verify(reader, &params, &verdict, &err);
    journal_reader_close(reader);
    free(witness);
    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: journal in %s: %s\n", state_dir, err.text);
        return EXIT_BROKEN;
    }
    if (!order->common.json)
        print_words(&verdict);
    else if (print_json(&verdict) != EXIT_FINE)
        return EXIT_BROKEN;
    return verdict.is_complete && verdict.is_unaltered && verdict.is_signed ? EXIT_FINE
                                                                            : EXIT_WRONG;
}

static int
parse(struct order *order, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"state-dir", required_argument, NULL, 'd'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"checkpoint", required_argument, NULL, 'c'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    int option, status;
    struct err err;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
        if (option == 'd') {
            order->told_dir = optarg;
        } else if (option == 'c') {
            order->witness_file = optarg;
        } else if (option == 'k') {
            order->has_keys = true;
            if (sign_keys_read(&order->keys, optarg, &err) != ERR_OK) {
                fprintf(stderr, "watchroom journal: --key %s\n", err.text);
                return EXIT_BROKEN;
            }
        } else if (!common_option(option, &order->common, "journal", HELP, &status)) {
            return status;
        }
    }
    if (argc - optind == 1 && strcmp(argv[optind], "verify") == 0)
        return -1;
    fputs("watchroom journal: verify is what can be done; see watchroom journal --help\n", stderr);
    return EXIT_USAGE;
}

int
cmd_journal(int argc, char **argv)
{
    struct order order = {0};
    char state_dir[PATH_MAX];
    int status = parse(&order, argc, argv);

    if (status < 0)
        status = common_state_dir(&order.common, order.told_dir, state_dir, sizeof state_dir);
    else
        goto done;
    if (status == EXIT_FINE)
        status = verify(&order, state_dir);
done:
    sign_keys_done(&order.keys);
    return status;
}
