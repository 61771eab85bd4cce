/*
 * cmd_docs.c - watchroom docs: pages for people, made from the configuration.
 *
 * `alarms` writes a folder of pages: whole and at once, in the place of the one it wrote before. A
 * folder that holds anything else is left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/beside.h"
#include "gateway/cmd_common.h"
#include "gateway/runbook.h"

#define MARK ".watchroom-docs" /* in each folder that we made */

static const char HELP[] =
    "Examples:\n"
    "  watchroom docs alarms -c site.yaml -o runbook    one page per alarm, and an index\n"
    "  watchroom docs builtin                           the alarms that every site has\n"
    "\n"
    "Usage: watchroom docs alarms -c SITE -o DIR [--profiles DIR]\n"
    "       watchroom docs builtin\n"
    "\n"
    "Runbook pages in Markdown: what is wrong, what happens if nobody acts, what to do and by "
    "when; "
    "rule,\n"
    "delays, priority, for whom, who may shelve it; device, zone, asset, owner, point and how "
    "often it "
    "is\n"
    "read. The folder is made anew and replaced as a whole; one that watchroom did not make is "
    "left "
    "alone.\n"
    "\n"
    "  -c, --config SITE    the site file\n"
    "  -o, --output DIR     the folder\n"
    "      --profiles DIR   device profiles (default: installed ones, or $WATCHROOM_PROFILES)\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit status: 0 made, 1 the site file has faults, 2 wrong usage, 4 it could not be written.\n";

/* Everything a gateway can say of itself. */
static const char BUILTIN_SITE[] =
    "site: {id: any, state_dir: /tmp}\n"
    "broker: {host: 127.0.0.1}\n"
    "audiences: {security: {watched: true}, continuity: {watched: true}, facilities: {watched: true}}\n"
    "devices:\n"
    "  - id: device\n"
    "    protocol: modbus-tcp\n"
    "    address: 127.0.0.1\n"
    "    groups: {fast: 1s}\n"
    "    points: [{id: status, custom: true, kind: flag, description: any, group: fast,"
    " register: {fc: 1, address: 0, type: bit}}]\n";

struct order {
    const char *site_file, *output, *profiles;
};

/* the folder */

static bool
is_page(const char *name)
{
    size_t length = strlen(name);

    return strcmp(name, MARK) == 0 || (length > 3 && strcmp(name + length - 3, ".md") == 0);
}

/* Nothing is there, an empty folder, or one of ours with pages only. */
static bool
may_replace(const char *path)
{
    struct stat status;
    bool is_marked = false, is_clean = true, is_empty = true;
    const struct dirent *entry;

    if (lstat(path, &status) != 0)
        return errno == ENOENT;
    DIR *folder = S_ISDIR(status.st_mode) ? opendir(path) : NULL;
    if (folder == NULL)
        return false;
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        is_empty = false;
        is_marked = is_marked || strcmp(entry->d_name, MARK) == 0;
        is_clean = is_clean && is_page(entry->d_name) && entry->d_type != DT_DIR;
    }
    closedir(folder);
    return is_empty || (is_marked && is_clean);
}

/* Pages and the mark, then the folder. */
static void
remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL)
        if (is_page(entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

static bool
write_page(const char *folder, const char *name, const struct text_buf *page)
{
    char path[PATH_MAX];
    FILE *file;

    if (page->failed || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    file = fopen(path, "wxe");
    bool is_good = file != NULL && fwrite(page->data, 1, page->length, file) == page->length;
    if (file != NULL && fclose(file) != 0)
        is_good = false;
    return is_good;
}

static bool
write_pages(const struct site *site, const struct alarm_def **alarms, size_t count,
            const char *folder)
{
    struct text_buf page;
    bool is_good = true;

    text_buf_init(&page, RUNBOOK_BYTES_MAX);
    for (size_t i = 0; i < count && is_good; i++) {
        char name[RUNBOOK_NAME_MAX];

        text_buf_reset(&page);
        runbook_page(site, alarms[i], &page);
        is_good = runbook_file_name(alarms[i]->id, name) && write_page(folder, name, &page);
    }
    text_buf_reset(&page);
    runbook_index(site, alarms, count, &page);
    is_good = is_good && write_page(folder, "index.md", &page);
    text_buf_reset(&page);
    text_buf_add(&page, "Made by watchroom docs; what is here is replaced.\n");
    is_good = is_good && write_page(folder, MARK, &page);
    text_buf_done(&page);
    return is_good;
}

/* The new folder takes the place of the old one, which goes. */
static bool
put_in_place(const char *made, const char *path)
{
    if (rename(made, path) == 0) /* nothing was there, or an empty folder */
        return true;
    if (renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_EXCHANGE) != 0)
        return false;
    remove_folder(made);
    return true;
}

static int
write_folder(const struct site *site, const struct alarm_def **alarms, size_t count,
             const char *output)
{
    char made[PATH_MAX], path[PATH_MAX];
    size_t length = strlen(output);

    while (length > 1 && output[length - 1] == '/')
        length--;
    if (snprintf(path, sizeof path, "%.*s", (int)length, output) >= (int)sizeof path ||
        (size_t)snprintf(made, sizeof made, "%s.new-%d", path, (int)getpid()) >= sizeof made) {
        fputs("watchroom docs: the name of the folder is too long\n", stderr);
        return EXIT_BROKEN;
    }
    if (!may_replace(path)) {
        fprintf(stderr, "watchroom docs: %s: not a folder that watchroom docs made, left alone\n",
                path);
        return EXIT_BROKEN;
    }
    if (mkdir(made, 0777) != 0) {
        fprintf(stderr, "watchroom docs: %s: %s\n", made, strerror(errno));
        return EXIT_BROKEN;
    }
    if (!write_pages(site, alarms, count, made) || !put_in_place(made, path)) {
        fprintf(stderr, "watchroom docs: %s: %s\n", path, strerror(errno));
        remove_folder(made);
        return EXIT_BROKEN;
    }
    printf("%s: %zu alarms\n", path, count);
    return EXIT_FINE;
}

/* orders */

static int
write_alarms(const struct order *order)
{
    struct site_options options = {.generation = 1, .profile_dir = order->profiles};
    struct diag diag;
    struct site *site = NULL;
    const struct alarm_def **alarms = NULL;
    size_t count = 0;
    int status = EXIT_WRONG;

    diag_init(&diag);
    if (site_load(order->site_file, &options, &diag, &site) != ERR_OK)
        diag_print(&diag, stderr);
    else if ((alarms = runbook_sort(site, &count)) == NULL)
        status = EXIT_BROKEN;
    else if (count > RUNBOOK_PAGES_MAX) {
        fprintf(stderr, "watchroom docs: %zu alarms, at most %d get pages\n", count,
                RUNBOOK_PAGES_MAX);
        status = EXIT_BROKEN;
    } else {
        status = write_folder(site, alarms, count, order->output);
    }
    free(alarms);
    site_free(site);
    diag_done(&diag);
    return status;
}

static int
print_builtin(void)
{
    struct site_options options = {.generation = 1};
    struct text_buf page;
    struct diag diag;
    struct site *site = NULL;
    int status = EXIT_BROKEN;

    diag_init(&diag);
    text_buf_init(&page, RUNBOOK_BYTES_MAX);
    if (site_load_text("builtin", BUILTIN_SITE, sizeof BUILTIN_SITE - 1, &options, &diag, &site) ==
        ERR_OK) {
        runbook_builtin(site, &page);
        if (!page.failed && fwrite(page.data, 1, page.length, stdout) == page.length &&
            fflush(stdout) == 0)
            status = EXIT_FINE;
    } else {
        diag_print(&diag, stderr);
    }
    text_buf_done(&page);
    site_free(site);
    diag_done(&diag);
    return status;
}

int
cmd_docs(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"profiles", required_argument, NULL, 'P'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct common_options none = {0};
    struct order order = {0};
    int option, status;

    while ((option = getopt_long(argc, argv, "hc:o:", OPTIONS, NULL)) != -1) {
        if (option == 'c')
            order.site_file = optarg;
        else if (option == 'o')
            order.output = optarg;
        else if (option == 'P')
            order.profiles = optarg;
        else if (!common_option(option, &none, "docs", HELP, &status))
            return status;
    }
    if (order.profiles == NULL)
        order.profiles = beside_profiles();
    if (argc - optind == 1 && strcmp(argv[optind], "builtin") == 0 && order.site_file == NULL &&
        order.output == NULL)
        return print_builtin();
    if (argc - optind == 1 && strcmp(argv[optind], "alarms") == 0 && order.site_file != NULL &&
        order.output != NULL && order.output[0] != '\0')
        return write_alarms(&order);
    fputs("watchroom docs: alarms -c SITE -o DIR, or builtin; see watchroom docs --help\n", stderr);
    return EXIT_USAGE;
}
