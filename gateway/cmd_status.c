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

static long long
number(const json_t *object, const char *key)
{
    return (long long)json_int_or(object, key, 0);
}

static bool
is_so(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ", 3 late": only what is not zero is worth reading. */
static void
print_if(const json_t *object, const char *key, const char *words)
{
    if (number(object, key) != 0)
        printf(", %lld %s", number(object, key), words);
}

static void
print_journal(const json_t *journal)
{
    printf("journal     %s, rows %lld to %lld",
           is_so(journal, "failing") ? "NOT WRITTEN" : "written", number(journal, "oldest"),
           number(journal, "head"));
    print_if(journal, "unwritten", "in memory only");
    print_if(journal, "dropped", "lost");
    if (number(journal, "wal_bytes") > 0)
        printf(", log of %.1f MB", (double)number(journal, "wal_bytes") / 1e6);
    if (!is_so(journal, "ballast"))
        printf(", no reserve left on the disk");
    printf("\n            id %s\n", json_text_or(journal, "id", "?"));
}

static void
print_broker(const json_t *broker)
{
    if (!is_so(broker, "configured")) {
        puts("broker      none: nobody is told over MQTT");
        return;
    }
    printf("broker      %s, confirmed to row %lld",
           is_so(broker, "connected") ? "connected" : "NOT CONNECTED", number(broker, "cursor"));
    print_if(broker, "behind", "rows behind");
    print_if(broker, "refused", "messages refused");
    putchar('\n');
}

static void
print_store(const json_t *store)
{
    printf("store       %s, %lld readings wait",
           is_so(store, "failing")       ? "NOT WRITTEN"
           : is_so(store, "time_jumped") ? "times are REFUSED: the clock jumped"
                                         : "written",
           number(store, "pending"));
    print_if(store, "dropped", "dropped");
    print_if(store, "refused", "refused for their time");
    print_if(store, "errors", "errors");
    if (json_text_or(store, "reason", "")[0] != '\0')
        printf(": %s", json_text_or(store, "reason", ""));
    putchar('\n');
}

static void
print_devices(const json_t *devices)
{
    printf("devices     %lld: %lld up", number(devices, "total"), number(devices, "up"));
    print_if(devices, "suspect", "suspect");
    print_if(devices, "down", "DOWN");
    print_if(devices, "unknown", "not yet known");
    putchar('\n');
}

static void
print_alarms(const json_t *alarms)
{
    const json_t *audience;
    size_t index;

    printf("alarms      %lld configured, %lld live (P1 %lld, P2 %lld, P3 %lld, P4 %lld), %lld "
           "unacknowledged",
           number(alarms, "configured"), number(alarms, "live"), number(alarms, "p1_live"),
           number(alarms, "p2_live"), number(alarms, "p3_live"), number(alarms, "p4_live"),
           number(alarms, "unacked"));
    print_if(alarms, "shelved", "shelved");
    print_if(alarms, "suppressed", "suppressed");
    print_if(alarms, "out_of_service", "out of service");
    print_if(alarms, "chattering", "held for chattering");
    print_if(alarms, "stale_points", "points stale");
    json_array_foreach(json_object_get(alarms, "floods"), index, audience)
        printf(", FLOOD for %s", json_string_value(audience));
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
    print_journal(json_object_get(reply, "journal"));
    print_broker(json_object_get(reply, "broker"));
    print_store(json_object_get(reply, "store"));
    print_devices(json_object_get(reply, "devices"));
    print_alarms(json_object_get(reply, "alarms"));
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
