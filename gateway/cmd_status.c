/*
 * cmd_status.c - watchroom status: the running gateway.
 */
#include <string.h>

#include "gateway/cmd_common.h"

static const char STATUS_HELP[] =
    "Examples:\n"
    "  watchroom status\n"
    "  watchroom status --json | jq .journal\n"
    "\n"
    "Usage: watchroom status [OPTION...]\n"
    "\n"
    "The running gateway: journal, broker, devices, alarms, and each worker with its counters.\n"
    "\n" COMMON_HELP "\n"
    "Exit status: 0 healthy, 1 degraded (the reasons are printed), 3 no gateway reachable.\n";

static void
print_workers(const json_t *workers)
{
    json_t *worker;
    size_t index;

    printf("\n%-14s %8s %9s %10s %9s\n", "WORKER", "PID", "RESTARTS", "CPU s", "MiB");
    json_array_foreach(workers, index, worker)
    {
        const json_t *stats = json_object_get(worker, "stats");

        printf("%-14s %8lld %9lld %10.1f %9.1f\n", json_text_or(worker, "name", "?"),
               (long long)json_int_or(worker, "pid", 0),
               (long long)json_int_or(worker, "restarts", 0),
               (double)json_int_or(stats, "cpu_microseconds_total", 0) / 1e6,
               (double)json_int_or(stats, "resident_bytes", 0) / 1048576.0);
    }
}

static void
print_member(const char *title, const json_t *object)
{
    const char *key;
    json_t *member;

    printf("%-11s", title);
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        char value[160];

        if (json_is_object(member) || json_is_array(member))
            continue;
        common_format_value(member, value, sizeof value);
        printf(" %s %s ", key, value);
    }
    putchar('\n');
}

static void
print_status(const json_t *reply)
{
    char age[24];
    json_t *reason;
    size_t index;

    common_format_age(json_int_or(reply, "uptime_s", 0) * 1000, age, sizeof age);
    printf("site        %s (%s), generation %lld, version %s, up %s\n",
           json_text_or(reply, "site", "?"), json_text_or(reply, "site_name", ""),
           (long long)json_int_or(reply, "generation", 0), json_text_or(reply, "version", "?"),
           age);
    printf("state       %s\n", json_text_or(reply, "state", "?"));
    json_array_foreach(json_object_get(reply, "reasons"), index, reason)
        printf("            ! %s\n", json_string_value(reason));
    print_member("journal", json_object_get(reply, "journal"));
    print_member("broker", json_object_get(reply, "broker"));
    print_member("store", json_object_get(reply, "store"));
    print_member("devices", json_object_get(reply, "devices"));
    print_member("alarms", json_object_get(reply, "alarms"));
    print_workers(json_object_get(reply, "workers"));
}

int
cmd_status(int argc, char **argv)
{
    static const struct option OPTIONS[] = {COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    int option, status;
    json_t *reply;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1)
        if (!common_option(option, &common, "status", STATUS_HELP, &status))
            return status;
    if (!common_arguments(argc, argv, 0))
        return EXIT_USAGE;
    status = common_call(&common, json_pack("{s:s}", "verb", "status"), &reply);
    if (status != EXIT_FINE)
        return status;
    if (common.json)
        status = common_print_json(reply);
    else
        print_status(reply);
    if (status == EXIT_FINE && strcmp(json_text_or(reply, "state", ""), "ok") != 0)
        status = EXIT_WRONG;
    json_decref(reply);
    return status;
}
