/*
 * cmd_values.c - watchroom values: the latest readings.
 */
#include "gateway/base/clock.h"
#include "gateway/cmd_common.h"

static const char HELP[] =
    "Examples:\n"
    "  watchroom values                 every point of the site\n"
    "  watchroom values ups-a           one device\n"
    "  watchroom values ups-a --json | jq '.values[] | select(.quality != \"good\")'\n"
    "\n"
    "Usage: watchroom values [DEVICE] [OPTION...]\n"
    "\n"
    "The latest readings with unit, quality and age. A reading that is not good says why: no "
    "answer,\n"
    "absent on this device, out of range. An old value is never shown as if it were new.\n"
    "\n" COMMON_HELP "\n"
    "Exit status: 0; 1 no such device; 3 no gateway reachable.\n";

static void
print_value(const json_t *item, int64_t now_ms)
{
    char value[48], age[24] = "-";
    const char *label = json_text_or(item, "label", NULL);
    const char *quality = json_text_or(item, "quality", "bad");
    int64_t ts = json_int_or(item, "ts", 0);

    common_format_value(json_object_get(item, "value"), value, sizeof value);
    if (ts > 0)
        common_format_age(now_ms - ts, age, sizeof age);
    printf("%-44s %12s %-6s %-9s %-12s %s\n", json_text_or(item, "point", "?"),
           label != NULL ? label : value, json_text_or(item, "unit", ""), quality,
           json_text_or(item, "cause", ""), age);
}

int
cmd_values(int argc, char **argv)
{
    static const struct option OPTIONS[] = {COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    int option, status;
    json_t *reply, *item;
    size_t index;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1)
        if (!common_option(option, &common, "values", HELP, &status))
            return status;
    if (!common_arguments(argc, argv, 1))
        return EXIT_USAGE;

    json_t *request = json_pack("{s:s}", "verb", "values");
    if (optind < argc)
        json_object_set_new(request, "device", json_string(argv[optind]));
    status = common_call(&common, request, &reply);
    if (status != EXIT_FINE)
        return status;
    if (common.json) {
        status = common_print_json(reply);
    } else {
        printf("%-44s %12s %-6s %-9s %-12s %s\n", "POINT", "VALUE", "UNIT", "QUALITY", "CAUSE",
               "AGE");
        json_array_foreach(json_object_get(reply, "values"), index, item)
            print_value(item, clock_now().utc_ms);
    }
    json_decref(reply);
    return status;
}
