/*
 * cmd_alarms.c - watchroom alarms: what is wrong now.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
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

/* Who said what of it: acknowledged, put aside, out of service, under test. */
static void
print_sayings(const json_t *alarm)
{
    static const struct {
        const char *key, *words;
    } SAYINGS[] = {{"acked", "acknowledged"},
                   {"shelf", "shelved"},
                   {"oos", "out of service"},
                   {"test", "under test"}};

    for (size_t i = 0; i < ARRAY_LEN(SAYINGS); i++) {
        const json_t *said = json_object_get(alarm, SAYINGS[i].key);
        const char *why = json_text_or(said, "reason", json_text_or(said, "note", ""));
        const char *second = json_text_or(said, "second", "");
        char until[24];

        if (said == NULL)
            continue;
        printf("    %s by %s%s%s", SAYINGS[i].words, json_text_or(said, "by", "?"),
               second[0] != '\0' ? " and " : "", second);
        if (json_int_or(said, "until", 0) > 0) {
            common_format_local(json_int_or(said, "until", 0), until, sizeof until);
            printf(" until %s", until);
        }
        printf("%s%s\n", why[0] != '\0' ? ": " : "", why);
    }
    const char *root = json_text_or(alarm, "supp_by", "");
    if (root[0] != '\0')
        printf("    a consequence of %s\n", root);
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
    print_sayings(alarm);
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
