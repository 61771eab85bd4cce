/*
 * cmd_check.c - watchroom check: every fault in a site file, what it will cost, what a reload
 * changes.
 */
#include <string.h>

#include "config/site.h"
#include "config/tables.h"
#include "config/vocabulary.h"
#include "gateway/beside.h"
#include "gateway/cmd_common.h"
#include "gateway/control_client.h"
#include "gateway/generation.h"

#define CHANGES_MAX 500

static const char HELP[] =
    "Examples:\n"
    "  watchroom check site.yaml\n"
    "  watchroom check site.yaml --against-running    what a reload would change\n"
    "  watchroom check site.yaml --json\n"
    "\n"
    "Usage: watchroom check SITE [OPTION...]\n"
    "\n"
    "Reads a site file and the profiles it uses and reports every fault in one run, as\n"
    "file:line:column, with the line. Nothing is contacted, nothing is changed. For a good file "
    "it\n"
    "prints what the site will cost: requests and points a second, and the disk it needs.\n"
    "\n"
    "      --strict            warnings are failures, too\n"
    "      --profiles DIR      device profiles (default: installed ones, or $WATCHROOM_PROFILES)\n"
    "      --against-running   what a reload would add, change and remove: devices, alarms, "
    "sections\n"
    "                          such as broker and users, in words, and which workers restart; "
    "live\n"
    "                          alarms that would be withdrawn come first\n"
    "      --schema-markdown   print the manual page of all keys instead\n" COMMON_HELP "\n"
    "Exit status: 0 no errors, 1 errors (--strict: or warnings), 2 wrong usage, 3 no gateway "
    "reachable "
    "(--against-running).\n";

enum { OPTION_PROFILES = 256, OPTION_AGAINST, OPTION_STRICT, OPTION_SCHEMA };

static json_t *
diag_json(const struct diag *diag)
{
    json_t *list = json_array();

    for (size_t i = 0; i < diag->count; i++) {
        const struct diag_entry *entry = &diag->entries[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:i, s:s, s:s, s:s?}", "file", entry->file,
                                        "line", (int)entry->line, "column", (int)entry->column,
                                        "level", entry->level == DIAG_ERROR ? "error" : "warning",
                                        "text", entry->text, "hint", entry->hint));
    }
    return list;
}

static json_t *
cost_json(const struct site *site)
{
    struct site_cost cost;

    site_cost(site, &cost);
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:I, s:I}", "devices", (json_int_t)cost.devices,
                     "points", (json_int_t)cost.points, "alarms", (json_int_t)cost.alarms,
                     "requests_per_s", cost.requests_per_s, "points_per_s", cost.points_per_s,
                     "rrd_bytes", (json_int_t)cost.rrd_bytes, "memory_bytes",
                     (json_int_t)cost.memory_bytes);
}

/* "no faults", "1 error, 2 warnings" */
static const char *
count_words(const struct diag *diag, char *out, size_t size)
{
    char errors[40] = "", warnings[40] = "";

    if (diag->errors + diag->warnings == 0)
        return "no faults";
    if (diag->errors > 0)
        snprintf(errors, sizeof errors, "%zu error%s", diag->errors, diag->errors == 1 ? "" : "s");
    if (diag->warnings > 0)
        snprintf(warnings, sizeof warnings, "%zu warning%s", diag->warnings,
                 diag->warnings == 1 ? "" : "s");
    snprintf(out, size, "%s%s%s", errors, diag->errors * diag->warnings > 0 ? ", " : "", warnings);
    return out;
}

static void
print_cost(const struct site *site, const struct diag *diag)
{
    char words[80];
    struct site_cost cost;

    site_cost(site, &cost);
    printf("%s: %s\n"
           "  devices       %u\n"
           "  points        %u\n"
           "  alarms        %u\n"
           "  requests/s    %.1f\n"
           "  points/s      %.1f\n"
           "  time series   %.1f MB of disk\n"
           "  memory        %.1f MB of configuration\n",
           site->file, count_words(diag, words, sizeof words), cost.devices, cost.points,
           cost.alarms, cost.requests_per_s, cost.points_per_s, (double)cost.rrd_bytes / 1e6,
           (double)cost.memory_bytes / 1e6);
}

/* against the running gateway */

/* id -> digest, as this site has them */
static json_t *
index_devices(const struct site *site)
{
    json_t *index = json_object();
    char digest[17];

    for (uint32_t i = 0; i < site->directory.device_limit; i++) {
        const struct device_info *device = &site->directory.devices[i];

        if (device->id == NULL)
            continue;
        snprintf(digest, sizeof digest, "%016llx", (unsigned long long)device->digest);
        json_object_set_new(index, device->id, json_string(digest));
    }
    return index;
}

static json_t *
index_alarms(const struct site *site)
{
    json_t *index = json_object();
    char digest[17];

    for (uint32_t i = 0; i < site->alarm_limit; i++) {
        if (site->alarms[i].type == NULL)
            continue;
        snprintf(digest, sizeof digest, "%016llx",
                 (unsigned long long)site->alarms[i].type->digest);
        json_object_set_new(index, site->alarms[i].id, json_string(digest));
    }
    return index;
}

/* What the running gateway's list would become, under `names` of added, changed, removed; an alarm
 * that is live and would go is withdrawn. Takes `ours`. */
static void
compare_lists(json_t *result, const char *const names[3], json_t *ours, const json_t *running)
{
    json_t *added = json_array(), *changed = json_array(), *removed = json_array(), *entry;
    json_t *known = json_object();
    const char *id;
    size_t index;

    json_array_foreach(running, index, entry)
    {
        const char *digest;

        id = json_text_or(entry, "id", "");
        digest = json_text_or(ours, id, NULL);
        json_object_set_new(known, id, json_true());
        if (digest == NULL && json_is_true(json_object_get(entry, "live")))
            json_array_append_new(json_object_get(result, "withdrawn"), json_string(id));
        else if (digest == NULL)
            json_array_append_new(removed, json_string(id));
        else if (strcmp(digest, json_text_or(entry, "digest", "")) != 0)
            json_array_append_new(changed, json_string(id));
    }
    json_object_foreach(ours, id, entry)
    {
        if (json_object_get(known, id) == NULL)
            json_array_append_new(added, json_string(id));
    }
    json_decref(known);
    json_decref(ours);
    json_object_set_new(result, names[0], added);
    json_object_set_new(result, names[1], changed);
    json_object_set_new(result, names[2], removed);
}

/* name -> digest of both: under names[0] what differs or goes, under names[1] what comes. */
static void
compare_parts(json_t *result, const char *const names[2], json_t *ours, const json_t *running)
{
    const char *name;
    json_t *digest;

    for (size_t i = 0; i < 2; i++)
        if (json_object_get(result, names[i]) == NULL)
            json_object_set_new(result, names[i], json_array());
    json_object_foreach((json_t *)(uintptr_t)running, name, digest)
    {
        if (strcmp(json_text_or(ours, name, ""), json_string_value(digest)) != 0)
            json_array_append_new(json_object_get(result, names[0]), json_string(name));
    }
    json_object_foreach(ours, name, digest)
    {
        if (json_object_get(running, name) == NULL)
            json_array_append_new(json_object_get(result, names[1]), json_string(name));
    }
}

static void
take_change(void *ctx, const char *text)
{
    json_t *changes = ctx;

    if (json_array_size(changes) < CHANGES_MAX)
        json_array_append_new(changes, json_string(text));
}

/* Line by line, for who may read what the gateway keeps. */
static void
compare_kept(json_t *result, const struct common_options *common, const char *digest,
             const struct site_texts *texts)
{
    struct site_texts kept = {0};
    json_t *status = NULL, *changes = json_array();
    struct err ignored;

    json_t *request = json_pack("{s:s}", "verb", "status");

    if (control_call(common->socket, request, &status, &ignored) == ERR_OK &&
        generation_read_texts(json_text_or(status, "state_dir", ""), digest, &kept, &ignored) ==
            ERR_OK)
        texts_compare(&kept, texts, take_change, changes);
    texts_done(&kept);
    json_decref(request);
    json_decref(status);
    json_object_set_new(result, "changes", changes);
}

static json_t *
compare_sites(const struct site *site, const json_t *running)
{
    static const char *const DEVICES[] = {"devices_added", "devices_changed", "devices_removed"};
    static const char *const ALARMS[] = {"alarms_added", "alarms_changed", "alarms_removed"};
    static const char *const SECTIONS[] = {"sections_changed", "sections_changed"};
    static const char *const WORKERS[] = {"workers_restart", "workers_start"};
    json_t *result = json_pack("{s:[]}", "withdrawn");

    compare_lists(result, DEVICES, index_devices(site), json_object_get(running, "devices"));
    compare_lists(result, ALARMS, index_alarms(site), json_object_get(running, "alarms"));
    json_t *parts = generation_parts(site);
    compare_parts(result, SECTIONS, json_object_get(parts, "sections"),
                  json_object_get(json_object_get(running, "parts"), "sections"));
    compare_parts(result, WORKERS, json_object_get(parts, "workers"),
                  json_object_get(json_object_get(running, "parts"), "workers"));
    json_decref(parts);
    json_object_set_new(
        result, "files_differ",
        json_boolean(strcmp(json_text_or(running, "config_digest", ""), site->digest) != 0));
    return result;
}

static void
print_list(const char *title, const json_t *list)
{
    json_t *item;
    size_t index;

    if (json_array_size(list) > 0)
        printf("%s\n", title);
    json_array_foreach(list, index, item) printf("  %s\n", json_string_value(item));
}

static bool
is_empty(const json_t *comparison)
{
    const char *key;
    json_t *list;

    json_object_foreach((json_t *)(uintptr_t)comparison, key, list)
    {
        if (json_array_size(list) > 0)
            return false;
    }
    return true;
}

static void
print_comparison(const json_t *comparison)
{
    print_list("LIVE ALARMS THAT WOULD BE WITHDRAWN, not cleared:",
               json_object_get(comparison, "withdrawn"));
    print_list("devices added:", json_object_get(comparison, "devices_added"));
    print_list("devices changed:", json_object_get(comparison, "devices_changed"));
    print_list("devices removed:", json_object_get(comparison, "devices_removed"));
    print_list("alarms added:", json_object_get(comparison, "alarms_added"));
    print_list("alarms changed:", json_object_get(comparison, "alarms_changed"));
    print_list("alarms removed, none of them live:", json_object_get(comparison, "alarms_removed"));
    print_list("sections changed:", json_object_get(comparison, "sections_changed"));
    print_list("in words:", json_object_get(comparison, "changes"));
    print_list("workers that restart or end:", json_object_get(comparison, "workers_restart"));
    print_list("workers that start:", json_object_get(comparison, "workers_start"));
    if (is_empty(comparison))
        puts(json_is_true(json_object_get(comparison, "files_differ"))
                 ? "only comments, layout or order differ; nobody would restart"
                 : "a reload would change nothing");
}

/* No site: what is wrong with its file. */
static int
refuse(const char *file, struct diag *diag, bool json)
{
    char words[80];

    if (json) {
        json_t *object = json_pack("{s:b, s:o}", "ok", false, "diagnostics", diag_json(diag));

        common_print_json(object);
        json_decref(object);
        return EXIT_WRONG;
    }
    diag_print(diag, stderr);
    fprintf(stderr, "%s: %s\n", file, count_words(diag, words, sizeof words));
    return EXIT_WRONG;
}

static int
report(const struct site *site, const struct diag *diag, const struct common_options *common,
       const struct site_texts *against)
{
    json_t *comparison = NULL, *running = NULL;

    if (against != NULL) {
        int status = common_call(common, json_pack("{s:s}", "verb", "definitions"), &running);

        if (status != EXIT_FINE)
            return status;
        comparison = compare_sites(site, running);
        compare_kept(comparison, common, json_text_or(running, "config_digest", ""), against);
        json_decref(running);
    }
    if (common->json) {
        json_t *object = json_pack("{s:b, s:o, s:o}", "ok", true, "diagnostics", diag_json(diag),
                                   "cost", cost_json(site));

        if (comparison != NULL)
            json_object_set(object, "reload", comparison);
        common_print_json(object);
        json_decref(object);
    } else if (comparison != NULL) {
        print_comparison(comparison);
    } else {
        print_cost(site, diag);
    }
    json_decref(comparison);
    return EXIT_FINE;
}

int
cmd_check(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"profiles", required_argument, NULL, OPTION_PROFILES},
                                            {"against-running", no_argument, NULL, OPTION_AGAINST},
                                            {"strict", no_argument, NULL, OPTION_STRICT},
                                            {"schema-markdown", no_argument, NULL, OPTION_SCHEMA},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    struct site_texts texts = {0};
    struct site_options options = {.generation = 1, .lint = true, .texts = &texts};
    struct diag diag;
    struct site *site = NULL;
    bool against = false, strict = false;
    int option, status;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
        if (option == OPTION_PROFILES) {
            options.profile_dir = optarg;
        } else if (option == OPTION_AGAINST) {
            against = true;
        } else if (option == OPTION_STRICT) {
            strict = true;
        } else if (option == OPTION_SCHEMA) {
            tables_print(stdout);
            vocabulary_print(stdout);
            return EXIT_FINE;
        } else if (!common_option(option, &common, "check", HELP, &status)) {
            return status;
        }
    }
    if (options.profile_dir == NULL)
        options.profile_dir = beside_profiles();
    if (optind == argc) {
        fputs("watchroom check: which site file?\n", stderr);
        return EXIT_USAGE;
    }
    if (!common_arguments(argc, argv, 1))
        return EXIT_USAGE;
    diag_init(&diag);
    if (site_load(argv[optind], &options, &diag, &site) == ERR_OK) {
        if (!common.json)
            diag_print(&diag, stderr);
        status = report(site, &diag, &common, against ? &texts : NULL);
        if (status == EXIT_FINE && strict && diag.warnings > 0)
            status = EXIT_WRONG;
    } else {
        status = refuse(argv[optind], &diag, common.json);
    }
    site_free(site);
    texts_done(&texts);
    diag_done(&diag);
    return status;
}
