/*
 * cmd_orders.c - watchroom ack, comment, shelve, unshelve, reset, oos, in-service, test-begin,
 * test-end: what a person says to an alarm, over the control socket.
 *
 * One table, one loop: a verb differs in its words and in which options it takes.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"

#define ID_WORDS                                                                                   \
    "Who you are is taken from the socket; every order, refused ones too, is in the journal.\n"
#define NOTE_HELP "  -n, --note TEXT     kept with it\n"
#define REASON_HELP "  -r, --reason TEXT   why: shown to everybody (must be given)\n"
#define SECOND_HELP                                                                                \
    "      --second USER   the second person, where one is needed: he gives the same order\n"      \
    "                      with your name within 10 minutes\n"

/* The gateway takes 20 orders of one person at once, then 5 a second. */
#define AT_ONCE 15
#define PAUSE_US 220000

enum {
    TAKES_NOTE = 1,
    TAKES_REASON = 2,
    TAKES_LENGTH = 4, /* --for */
    TAKES_TIMES = 8,  /* --from, --to */
    TAKES_SECOND = 16,
    TAKES_OCC = 32,
    NEEDS_NOTE = 64,
};

static const struct verb {
    const char *name, *done;
    unsigned takes;
    const char *help;
} VERBS[] = {
    {"ack", "acknowledged", TAKES_NOTE | TAKES_OCC,
     "Examples:\n"
     "  watchroom ack power/ups-a/on-battery\n"
     "  watchroom ack power/ups-a/on-battery --note \"generator is running, watching fuel\"\n"
     "  watchroom ack power/ups-a/on-battery power/ups-b/on-battery\n"
     "\n"
     "Usage: watchroom ack ID... [OPTION...]\n"
     "\n"
     "Says that somebody has seen an alarm. It does not clear it: only the plant does.\n" ID_WORDS
     "\n" NOTE_HELP "      --occ N         this occurrence only (default: the present one)\n"},
    {"comment", "noted", TAKES_NOTE | NEEDS_NOTE,
     "Examples:\n"
     "  watchroom comment power/ups-a/on-battery --note \"electrician is on his way\"\n"
     "\n"
     "Usage: watchroom comment ID... --note TEXT [OPTION...]\n"
     "\n"
     "Says something about an alarm to all to whom it is told.\n" ID_WORDS "\n" NOTE_HELP},
    {"shelve", "shelved", TAKES_REASON | TAKES_LENGTH,
     "Examples:\n"
     "  watchroom shelve cooling/crac-2/filter-dirty --for 4h --reason \"filter comes at noon\"\n"
     "\n"
     "Usage: watchroom shelve ID... --for TIME --reason TEXT [OPTION...]\n"
     "\n"
     "Puts an alarm aside for a time; then, if it still stands, it is told again. P1 and managed\n"
     "alarms never; P2 by a supervisor, 2 h at most; P3 8 h; P4 24 h.\n" ID_WORDS "\n"
     "  -f, --for TIME      30m, 4h\n" REASON_HELP},
    {"unshelve", "back from the shelf", TAKES_NOTE,
     "Examples:\n"
     "  watchroom unshelve cooling/crac-2/filter-dirty\n"
     "\n"
     "Usage: watchroom unshelve ID... [OPTION...]\n"
     "\n"
     "Takes an alarm from the shelf before its time.\n" ID_WORDS "\n" NOTE_HELP},
    {"reset", "reset", TAKES_NOTE | TAKES_SECOND,
     "Examples:\n"
     "  watchroom reset fire/panel-1/smoke-zone-3 --note \"toaster; brigade informed\"\n"
     "\n"
     "Usage: watchroom reset ID... [OPTION...]\n"
     "\n"
     "Releases a latched alarm that is over and acknowledged.\n" ID_WORDS
     "\n" NOTE_HELP SECOND_HELP},
    {"oos", "out of service", TAKES_REASON | TAKES_LENGTH | TAKES_TIMES | TAKES_SECOND,
     "Examples:\n"
     "  watchroom oos power/ups-a/on-battery --for 2h --reason CR-1234\n"
     "  watchroom oos power/ups-a/on-battery --from 2026-11-24T08:00 --to 2026-11-24T12:00 \\\n"
     "        --reason \"CR-1234: battery exchange\" --second bob\n"
     "  watchroom oos power/ups-a/on-battery --second ann    bob confirms what ann asked for\n"
     "\n"
     "Usage: watchroom oos ID... (--for TIME | --to TIME) --reason TEXT [OPTION...]\n"
     "\n"
     "Takes an alarm out of service for planned work, now or later. It always has an end. P1 and\n"
     "managed alarms need a second person.\n" ID_WORDS "\n"
     "  -f, --for TIME      30m, 4h\n"
     "      --from TIME     default: now\n"
     "      --to TIME       2026-11-24T12:00, local\n" REASON_HELP SECOND_HELP},
    {"in-service", "in service", TAKES_NOTE,
     "Examples:\n"
     "  watchroom in-service power/ups-a/on-battery\n"
     "\n"
     "Usage: watchroom in-service ID... [OPTION...]\n"
     "\n"
     "Puts an alarm back into service before its time, or gives up what was planned.\n" ID_WORDS
     "\n" NOTE_HELP},
    {"test-begin", "a test is announced", TAKES_REASON | TAKES_LENGTH | TAKES_SECOND,
     "Examples:\n"
     "  watchroom test-begin fire/panel-1/call-point-12 --for 5m --reason \"weekly test\"\n"
     "\n"
     "Usage: watchroom test-begin ID... --reason TEXT [OPTION...]\n"
     "\n"
     "Announces a test. What is raised meanwhile is told as a test; what still stands at its end "
     "is\n"
     "told again, as live.\n" ID_WORDS "\n"
     "  -f, --for TIME      default 5m\n" REASON_HELP SECOND_HELP},
    {"test-end", "the test has ended", TAKES_NOTE,
     "Examples:\n"
     "  watchroom test-end fire/panel-1/call-point-12\n"
     "\n"
     "Usage: watchroom test-end ID... [OPTION...]\n"
     "\n"
     "Ends an announced test before its time.\n" ID_WORDS "\n" NOTE_HELP},
};

static const char TAIL[] = COMMON_HELP
    "\n"
    "Exit status: 0 done, 1 refused (the reason is printed), 2 wrong usage, 3 no gateway "
    "reachable.\n";

/* What the command line said; NULL and 0: not given. */
struct said {
    const char *note, *second;
    int64_t occ, for_ms, from_ms, to_ms;
};

static int
wrong(const struct verb *verb, const char *what, const char *text)
{
    fprintf(stderr, "watchroom %s: %s", verb->name, what);
    if (text != NULL)
        fprintf(stderr, ": \"%s\"", text);
    fputs("\n", stderr);
    return EXIT_USAGE;
}

static int
read_time(const struct verb *verb, const char *option, const char *text, int64_t *out_ms)
{
    int64_t seconds;

    if (!common_parse_time(text, &seconds))
        return wrong(verb, option, text);
    *out_ms = seconds * 1000;
    return EXIT_FINE;
}

static int
take_option(const struct verb *verb, int option, const char *text, struct said *said)
{
    switch (option) {
    case 'n':
    case 'r':
        said->note = text;
        return EXIT_FINE;
    case 's':
        said->second = text;
        return EXIT_FINE;
    case 'o':
        return text_parse_int(text, 1, UINT32_MAX, &said->occ)
                   ? EXIT_FINE
                   : wrong(verb, "--occ: no occurrence, a number from 1", text);
    case 'f':
        return text_parse_duration_ms(text, &said->for_ms) && said->for_ms >= 1000
                   ? EXIT_FINE
                   : wrong(verb, "--for: no time such as 30m or 4h", text);
    case 'F':
        return read_time(verb, "--from: no time such as 2026-11-24T08:00", text, &said->from_ms);
    default:
        return read_time(verb, "--to: no time such as 2026-11-24T08:00", text, &said->to_ms);
    }
}

/* Refuses here what the gateway would refuse, in the words of the command line. */
static int
check(const struct verb *verb, const struct said *said)
{
    bool is_confirming = (verb->takes & TAKES_SECOND) != 0 && said->second != NULL;

    if ((verb->takes & NEEDS_NOTE) != 0 && said->note == NULL)
        return wrong(verb, "--note: what do you want to say?", NULL);
    if ((verb->takes & TAKES_REASON) != 0 && said->note == NULL &&
        !(is_confirming && (verb->takes & TAKES_TIMES) != 0))
        return wrong(verb, "--reason: why?", NULL);
    if ((verb->takes & TAKES_TIMES) != 0 && said->for_ms != 0 && said->to_ms != 0)
        return wrong(verb, "--for or --to, not both", NULL);
    if ((verb->takes & TAKES_TIMES) != 0 && said->for_ms == 0 && said->to_ms == 0 && !is_confirming)
        return wrong(verb, "--for or --to: how long?", NULL);
    if (strcmp(verb->name, "shelve") == 0 && said->for_ms == 0)
        return wrong(verb, "--for: how long?", NULL);
    return EXIT_FINE;
}

/* NULL: something is no UTF-8. */
static json_t *
request_of(const struct verb *verb, const char *id, const struct said *said)
{
    json_t *request = json_pack("{s:s, s:s}", "verb", verb->name, "id", id);
    int64_t from_ms = said->from_ms != 0 ? said->from_ms : clock_now().utc_ms;
    int failed = 0;

    if (request == NULL)
        return NULL;
    if (said->note != NULL)
        failed |=
            json_object_set_new(request, (verb->takes & TAKES_REASON) != 0 ? "reason" : "note",
                                json_string(said->note));
    if (said->second != NULL)
        failed |= json_object_set_new(request, "second", json_string(said->second));
    if (said->occ != 0)
        failed |= json_object_set_new(request, "occ", json_integer((json_int_t)said->occ));
    if (said->for_ms != 0 && (verb->takes & TAKES_TIMES) == 0)
        failed |= json_object_set_new(request, "duration_s",
                                      json_integer((json_int_t)(said->for_ms / 1000)));
    if (said->from_ms != 0)
        failed |= json_object_set_new(request, "from", json_integer((json_int_t)said->from_ms));
    if (said->for_ms != 0 && (verb->takes & TAKES_TIMES) != 0)
        failed |=
            json_object_set_new(request, "to", json_integer((json_int_t)(from_ms + said->for_ms)));
    if (said->to_ms != 0)
        failed |= json_object_set_new(request, "to", json_integer((json_int_t)said->to_ms));
    if (failed == 0)
        return request;
    json_decref(request);
    return NULL;
}

static int
order_one(const struct verb *verb, const char *id, const struct said *said,
          const struct common_options *common)
{
    json_t *request = request_of(verb, id, said), *reply;
    char until[24];

    if (request == NULL)
        return wrong(verb, "this is not UTF-8", NULL);
    int status = common_call(common, request, &reply);
    if (status != EXIT_FINE)
        return status;
    const char *awaiting = json_text_or(reply, "awaiting", NULL);
    if (common->json) {
        status = common_print_json(reply);
    } else if (awaiting != NULL) {
        common_format_local(json_int_or(reply, "until", 0), until, sizeof until);
        printf("%s: waits until %s for %s, who gives the same order with --second and your name\n",
               id, until, awaiting);
    } else {
        printf("%s: %s%s\n", id, verb->done,
               said->from_ms > clock_now().utc_ms ? ", from then on" : "");
    }
    json_decref(reply);
    return status;
}

static size_t
options_of(const struct verb *verb, struct option options[12])
{
    static const struct {
        unsigned takes;
        struct option option;
    } ALL[] = {
        {TAKES_NOTE, {"note", required_argument, NULL, 'n'}},
        {TAKES_REASON, {"reason", required_argument, NULL, 'r'}},
        {TAKES_LENGTH, {"for", required_argument, NULL, 'f'}},
        {TAKES_TIMES, {"from", required_argument, NULL, 'F'}},
        {TAKES_TIMES, {"to", required_argument, NULL, 'T'}},
        {TAKES_SECOND, {"second", required_argument, NULL, 's'}},
        {TAKES_OCC, {"occ", required_argument, NULL, 'o'}},
    };
    static const struct option COMMON[] = {COMMON_OPTIONS};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(ALL); i++)
        if ((verb->takes & ALL[i].takes) != 0)
            options[count++] = ALL[i].option;
    memcpy(options + count, COMMON, sizeof COMMON);
    count += ARRAY_LEN(COMMON);
    options[count] = (struct option){NULL, 0, NULL, 0};
    return count;
}

int
cmd_order(int argc, char **argv)
{
    const struct verb *verb = NULL;
    struct option options[12];
    struct common_options common = {0};
    struct said said = {0};
    char help[4096], letters[16] = "h";
    int option, status, worst = EXIT_FINE;

    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
        if (strcmp(argv[0], VERBS[i].name) == 0)
            verb = &VERBS[i];
    if (verb == NULL)
        return EXIT_USAGE;
    options_of(verb, options);
    snprintf(help, sizeof help, "%s%s", verb->help, TAIL);
    snprintf(letters, sizeof letters, "h%s%s%s", (verb->takes & TAKES_NOTE) != 0 ? "n:" : "",
             (verb->takes & TAKES_REASON) != 0 ? "r:" : "",
             (verb->takes & TAKES_LENGTH) != 0 ? "f:" : "");
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (strchr("nrsofFT", option) != NULL)
            status = take_option(verb, option, optarg, &said);
        else if (!common_option(option, &common, verb->name, help, &status))
            return status;
        else
            status = EXIT_FINE;
        if (status != EXIT_FINE)
            return status;
    }
    if (optind == argc)
        return wrong(verb, "which alarm? (watchroom alarms lists them)", NULL);
    status = check(verb, &said);
    if (status != EXIT_FINE)
        return status;
    for (int i = optind; i < argc; i++) {
        if (i - optind >= AT_ONCE)
            usleep(PAUSE_US);
        status = order_one(verb, argv[i], &said, &common);
        if (status != EXIT_FINE)
            worst = status;
    }
    return worst;
}
