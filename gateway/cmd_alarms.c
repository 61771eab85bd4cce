/*
 * cmd_alarms.c - watchroom alarms: what is wrong now; watchroom ack: it was seen.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"

static const char ALARMS_HELP[] =
    "Examples:\n"
    "  watchroom alarms                 what is wrong now, most urgent first\n"
    "  watchroom alarms --all           every configured alarm with its state\n"
    "  watchroom alarms --json | jq '.alarms[].id'\n"
    "\n"
    "Usage: watchroom alarms [OPTION...]\n"
    "\n"
    "  -a, --all           also those at rest\n" COMMON_HELP "\n"
    "Exit status: 0, also when there are alarms; 3 no gateway reachable.\n";

static int
compare_alarms(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int64_t by_priority = json_int_or(left, "priority", 9) - json_int_or(right, "priority", 9);
    int64_t by_age = json_int_or(left, "raised", 0) - json_int_or(right, "raised", 0);

    return by_priority != 0 ? (by_priority > 0) - (by_priority < 0) : (by_age > 0) - (by_age < 0);
}

static void
print_alarm(const json_t *alarm, int64_t now_ms)
{
    char age[24] = "-", value[48];
    int64_t raised = json_int_or(alarm, "raised", 0);

    if (raised > 0)
        common_format_age(now_ms - raised, age, sizeof age);
    common_format_value(json_object_get(alarm, "value"), value, sizeof value);
    printf("P%lld  %-7s %-8s %-8s %s\n", (long long)json_int_or(alarm, "priority", 4), age,
           json_text_or(alarm, "cond", "?"), json_text_or(alarm, "ack", "?"),
           json_text_or(alarm, "id", "?"));
    const char *label = json_text_or(alarm, "label", NULL);
    const char *unit = json_text_or(alarm, "unit", "");
    const char *quality = json_text_or(alarm, "quality", "good");
    bool is_good = strcmp(quality, "good") == 0;

    printf("    %s (%s%s%s%s%s)\n", json_text_or(alarm, "text", ""), label != NULL ? label : value,
           label == NULL && unit[0] != '\0' ? " " : "", label == NULL ? unit : "",
           is_good ? "" : ", quality ", is_good ? "" : quality);
    printf("    -> %s\n", json_text_or(alarm, "action", ""));
}

static void
print_alarms(const json_t *alarms)
{
    size_t count = json_array_size(alarms);
    const json_t **sorted = calloc(count + 1, sizeof *sorted);
    int64_t now_ms = clock_now().utc_ms;

    if (sorted == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(alarms, i);
    qsort(sorted, count, sizeof *sorted, compare_alarms);
    for (size_t i = 0; i < count; i++)
        print_alarm(sorted[i], now_ms);
    if (count == 0)
        puts("no alarms");
    free(sorted);
}

int
cmd_alarms(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"all", no_argument, NULL, 'a'}, COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    bool all = false;
    int option, status;
    json_t *reply;

    while ((option = getopt_long(argc, argv, "ah", OPTIONS, NULL)) != -1) {
        if (option == 'a')
            all = true;
        else if (!common_option(option, &common, "alarms", ALARMS_HELP, &status))
            return status;
    }
    if (!common_arguments(argc, argv, 0))
        return EXIT_USAGE;
    status = common_call(&common, json_pack("{s:s, s:b}", "verb", "alarms", "all", all), &reply);
    if (status != EXIT_FINE)
        return status;
    if (common.json)
        status = common_print_json(reply);
    else
        print_alarms(json_object_get(reply, "alarms"));
    json_decref(reply);
    return status;
}

static const char ACK_HELP[] =
    "Examples:\n"
    "  watchroom ack power/ups-a/on-battery\n"
    "  watchroom ack power/ups-a/on-battery --note \"generator is running, watching fuel\"\n"
    "  watchroom ack power/ups-a/on-battery power/ups-b/on-battery\n"
    "\n"
    "Usage: watchroom ack ID... [OPTION...]\n"
    "\n"
    "Says that somebody has seen an alarm. It does not clear it: only the plant does. Who you are "
    "is\n"
    "taken from the socket; every acknowledgement, refused ones too, is in the journal.\n"
    "\n"
    "  -n, --note TEXT     kept with the acknowledgement\n"
    "      --occ N         this occurrence only (default: the present one)\n" COMMON_HELP "\n"
    "Exit status: 0 acknowledged, 1 refused (the reason is printed), 3 no gateway reachable.\n";

int
cmd_ack(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"note", required_argument, NULL, 'n'},
                                            {"occ", required_argument, NULL, 'o'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    const char *note = NULL, *occ = NULL;
    int64_t occ_number = 0;
    int option, status, worst = EXIT_FINE;

    while ((option = getopt_long(argc, argv, "n:h", OPTIONS, NULL)) != -1) {
        if (option == 'n')
            note = optarg;
        else if (option == 'o')
            occ = optarg;
        else if (!common_option(option, &common, "ack", ACK_HELP, &status))
            return status;
    }
    if (optind == argc) {
        fputs("watchroom ack: which alarm? (watchroom alarms lists them)\n", stderr);
        return EXIT_USAGE;
    }
    if (occ != NULL && !text_parse_int(occ, 1, UINT32_MAX, &occ_number)) {
        fprintf(stderr, "watchroom ack: --occ: \"%s\" is no occurrence: a number from 1\n", occ);
        return EXIT_USAGE;
    }
    for (int i = optind; i < argc; i++) {
        json_t *request = json_pack("{s:s, s:s}", "verb", "ack", "id", argv[i]);
        json_t *reply;

        if (request == NULL) {
            fprintf(stderr, "watchroom ack: \"%s\" is no alarm id\n", argv[i]);
            return EXIT_USAGE;
        }
        if (note != NULL && json_object_set_new(request, "note", json_string(note)) != 0) {
            fputs("watchroom ack: the note is not UTF-8\n", stderr);
            json_decref(request);
            return EXIT_USAGE;
        }
        if (occ != NULL)
            json_object_set_new(request, "occ", json_integer((json_int_t)occ_number));
        status = common_call(&common, request, &reply);
        if (status != EXIT_FINE) {
            worst = status;
            continue;
        }
        if (common.json)
            common_print_json(reply);
        else
            printf("%s: acknowledged\n", argv[i]);
        json_decref(reply);
    }
    return worst;
}
