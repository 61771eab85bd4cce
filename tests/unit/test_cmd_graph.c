/*
 * test_cmd_graph.c - pictures of what the store wrote, without a gateway.
 */
#include <ftw.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/cmd.h"
#include "gateway/store_files.h"

/* The font libraries behind librrd keep what they have read until the process ends. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    return 1;
}

static const struct point_def DEFS[] = {{.id = "input.L1.voltage", .kind = VALUE_NUMBER},
                                        {.id = "ups.status", .kind = VALUE_STATE}};
static char dir[64];

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int
set_up(void **state)
{
    static const uint32_t numbers[] = {0, 1};
    const struct point_ref refs[] = {{&DEFS[0], 0}, {&DEFS[1], 0}};
    const struct device_info info = {.id = "ups-a",
                                     .group_count = 1,
                                     .groups = {{"fast", 1000}},
                                     .point_count = 2,
                                     .points = numbers};
    const struct directory directory = {
        .device_limit = 1, .devices = &info, .point_limit = 2, .points = refs};
    const struct store_params params = {.directory = &directory,
                                        .state_dir = dir,
                                        .classes = {{1000, 600000, false}},
                                        .class_count = 1};
    uint64_t stats[STAT_COUNT] = {0};
    struct stamp now = clock_now();

    (void)state;
    strcpy(dir, "/tmp/watchroom-graph:XXXXXX"); /* a colon means something to rrd_graph */
    assert_non_null(mkdtemp(dir));

    struct store_files *files = store_files_new(&params, stats, NULL);

    store_files_tick(files, &now, true);
    for (int i = 0; i < 60; i++)
        for (uint32_t point = 0; point < 2; point++) {
            struct sample sample = {.point = point,
                                    .value = i,
                                    .utc_ms = now.utc_ms - 60000 + i * 1000,
                                    .mono_ms = now.mono_ms - 60000 + i * 1000};
            store_files_take(files, &sample, now.mono_ms);
        }
    store_files_flush(files, STORE_ALL, true);
    for (int i = 0; i < 5; i++)
        store_files_work(files, &now, 8);
    assert_true(store_files_is_flushed(files, STORE_ALL));
    store_files_free(files);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* Up to three more words; NULL ends them. */
static int
graph(const char *point, const char *output, const char *option, const char *value)
{
    char path[128];
    const char *argv[] = {"graph", point, "--state-dir", dir, "-o", path, option, value, NULL};
    int argc = option == NULL ? 6 : 8;

    snprintf(path, sizeof path, "%s/%s", dir, output);
    optind = 0;
    return cmd_graph(argc, (char **)(uintptr_t)argv);
}

static size_t
read_picture(const char *name, char *out, size_t size)
{
    char path[128];
    FILE *file;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    length = fread(out, 1, size, file);
    fclose(file);
    return length;
}

static void
picture_is_of_the_kind_its_name_says(void **state)
{
    char bytes[400000];

    (void)state;
    assert_int_equal(graph("ups-a/input.L1.voltage", "v.svg", NULL, NULL), EXIT_FINE);
    assert_true(read_picture("v.svg", bytes, sizeof bytes) > 1000);
    assert_memory_equal(bytes, "<?xml", 5);
    assert_int_equal(graph("ups-a/ups.status", "s.png", "--last", "10m"), EXIT_FINE);
    assert_true(read_picture("s.png", bytes, sizeof bytes) > 1000);
    assert_memory_equal(bytes, "\x89PNG", 4);
}

static void
what_cannot_be_drawn_is_told_by_the_exit_status(void **state)
{
    static const struct {
        const char *point, *output, *option, *value;
        int status;
    } rows[] = {
        {"ups-a/no.such", "x.svg", NULL, NULL, EXIT_WRONG},
        {"ups-b/input.L1.voltage", "x.svg", NULL, NULL, EXIT_WRONG},
        {"input.L1.voltage", "x.svg", NULL, NULL, EXIT_USAGE},
        {"../input.L1.voltage", "x.svg", NULL, NULL, EXIT_USAGE},
        {"ups-a/../x", "x.svg", NULL, NULL, EXIT_USAGE},
        {"ups-a/", "x.svg", NULL, NULL, EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.gif", NULL, NULL, EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.svg", "--last", "soon", EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.svg", "--from", "yesterday", EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.svg", "--to", "1971-01-01", EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.svg", "--to", "1999-01-01", EXIT_FINE},
        {"ups-a/input.L1.voltage", "x.svg", "--from", "2999-01-01T00:00", EXIT_USAGE},
        {"ups-a/input.L1.voltage", "x.svg", "--colour", "red", EXIT_USAGE},
        {"ups-a/input.L1.voltage", "none/x.svg", NULL, NULL, EXIT_BROKEN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(graph(rows[i].point, rows[i].output, rows[i].option, rows[i].value),
                         rows[i].status);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_is_of_the_kind_its_name_says),
        cmocka_unit_test(what_cannot_be_drawn_is_told_by_the_exit_status),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
