/*
 * test_store_files.c - samples in, RRD files out, read back through librrd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rrd.h>

#include "gateway/store_files.h"
#include "gateway/store_map.h"
#include "gateway/store_rows.h"
#include "gateway/store_rrd.h"

#define T0 INT64_C(1767225600) /* 2026-01-01, a multiple of an hour */

enum {
    POINT_VOLTAGE,
    POINT_LOAD,
    POINT_STATE,
    POINT_SERIAL,
    POINT_ENERGY,
    POINT_ONCE,
    POINT_COMM,
    POINT_COUNT
};

static const struct point_def DEFS[POINT_COUNT] = {
    [POINT_VOLTAGE] = {.id = "input.L1.voltage", .kind = VALUE_NUMBER, .group = 0},
    [POINT_LOAD] = {.id = "ups.load", .kind = VALUE_NUMBER, .group = 0},
    [POINT_STATE] = {.id = "ups.status", .kind = VALUE_STATE, .group = 0},
    [POINT_SERIAL] = {.id = "device.serial", .kind = VALUE_TEXT, .group = 0},
    [POINT_ENERGY] = {.id = "energy", .kind = VALUE_NUMBER, .group = 1},
    [POINT_ONCE] = {.id = "nominal", .kind = VALUE_NUMBER, .group = 2},
    [POINT_COMM] = {.id = "comm.state", .kind = VALUE_FLAG, .group = 0},
};

static char dir[64];
static uint32_t numbers[POINT_COUNT];
static struct point_ref refs[POINT_COUNT];
static struct device_info info;
static struct directory directory;
static struct store_params params;
static uint64_t stats[STAT_COUNT];
static struct store_files *files;
static struct stamp now;

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
    (void)state;
    strcpy(dir, "/tmp/watchroom-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (uint32_t i = 0; i < POINT_COUNT; i++) {
        numbers[i] = i;
        refs[i] = (struct point_ref){&DEFS[i], 0};
    }
    info = (struct device_info){
        .id = "ups-a",
        .group_count = 3,
        .groups = {{"fast", 1000}, {"slow", 60000}, {"once", 0}},
        .point_count = POINT_COUNT,
        .points = numbers,
        .comm_point = POINT_COMM,
    };
    directory = (struct directory){
        .device_limit = 1, .devices = &info, .point_limit = POINT_COUNT, .points = refs};
    params = (struct store_params){
        .directory = &directory,
        .state_dir = dir,
        .classes = {{1000, 600000, false}, {60000, 3600000, true}},
        .class_count = 2,
        .batch_samples = 30,
        .batch_ms = 60000,
        .creates_per_s = 20,
    };
    memset(stats, 0, sizeof stats);
    now = (struct stamp){.utc_ms = T0 * 1000, .mono_ms = 5000000};
    files = store_files_new(&params, stats, NULL);
    assert_non_null(files);
    store_files_tick(files, &now, true);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    store_files_free(files);
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void
restart(void)
{
    store_files_free(files);
    memset(stats, 0, sizeof stats);
    files = store_files_new(&params, stats, NULL);
    assert_non_null(files);
    now.mono_ms += 1000;
    store_files_tick(files, &now, true);
}

static const char *
path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/rrd/ups-a/%s", dir, name);
    return path;
}

static void
take_at(uint32_t point, double value, int64_t utc_ms, uint16_t flags)
{
    struct sample sample = {
        .point = point,
        .flags = flags,
        .value = value,
        .utc_ms = utc_ms,
        .mono_ms = now.mono_ms + (utc_ms - now.utc_ms),
    };

    store_files_take(files, &sample, now.mono_ms);
}

static void
take(uint32_t point, double value)
{
    take_at(point, value, now.utc_ms, 0);
}

static void
pass(int64_t ms)
{
    now.utc_ms += ms;
    now.mono_ms += ms;
    store_files_tick(files, &now, true);
    while (store_files_work(files, &now, 4))
        ;
}

static void
flush(void)
{
    store_files_flush(files, STORE_ALL, true);
    for (int i = 0; i < 5; i++)
        while (store_files_work(files, &now, 8))
            ;
}

/* Value of data source `index` at `time`, resolution `step`; NAN: unknown. */
static double
fetch(const char *name, const char *cf, int64_t time, unsigned long step, unsigned index)
{
    time_t start = (time_t)time - (time_t)step, end = (time_t)time;
    unsigned long count, got_step = step;
    char **names;
    rrd_value_t *data;
    double value = NAN;

    rrd_clear_error();
    if (rrd_fetch_r(path_of(name), cf, &start, &end, &got_step, &count, &names, &data) != 0)
        fail_msg("%s", rrd_get_error());
    assert_int_equal(got_step, step);
    assert_true(index < count);
    for (time_t t = start + (time_t)step; t <= end; t += (time_t)step)
        if (t == (time_t)time)
            value = data[(size_t)((t - start) / (time_t)step - 1) * count + index];
    for (unsigned i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(data);
    return value;
}

static unsigned
count_quarantined(void)
{
    char path[256];
    unsigned count = 0;
    DIR *folder;

    snprintf(path, sizeof path, "%s/rrd/ups-a", dir);
    folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strstr(entry->d_name, ".rrd.quarantine-") != NULL;
    closedir(folder);
    return count;
}

static void
poll_fast(double voltage)
{
    take(POINT_VOLTAGE, voltage);
    take(POINT_LOAD, voltage / 10);
    take(POINT_STATE, 2);
}

static void
samples_are_found_in_the_file_again(void **state)
{
    struct store_map map = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        poll_fast(200 + i);
        take(POINT_STATE, i < 30 ? 1 : 2);
        pass(1000);
    }
    flush();
    for (int i = 1; i < 100; i++) {
        assert_true(fetch("fast.rrd", "AVERAGE", T0 + i, 1, 0) == 200 + i);
        assert_true(fabs(fetch("fast.rrd", "AVERAGE", T0 + i, 1, 1) - (200 + i) / 10.) < 1e-12);
        assert_true(fetch("fast.rrd", "AVERAGE", T0 + i, 1, 2) == (i < 30 ? 1 : 2));
    }
    assert_true(fetch("fast.rrd", "MAX", T0 + 60, 60, 0) == 260);
    assert_true(fetch("fast.rrd", "LAST", T0 + 60, 60, 2) == 2); /* never 1.5 */
    assert_string_equal(store_rrd_consolidation(path_of("fast.rrd"), VALUE_NUMBER, 0), "AVERAGE");
    assert_string_equal(store_rrd_consolidation(path_of("fast.rrd"), VALUE_STATE, T0), "AVERAGE");
    assert_string_equal(store_rrd_consolidation(path_of("fast.rrd"), VALUE_STATE, T0 - 3000),
                        "LAST");
    assert_int_equal(store_map_read(path_of("fast.map"), &map, NULL), ERR_OK);
    assert_int_equal(map.count, 4); /* no text */
    assert_string_equal(map.entries[0].point, "input.L1.voltage");
    assert_int_equal(map.entries[2].kind, VALUE_STATE);
    store_map_done(&map);
    assert_int_equal(stats[STAT_STORE_SAMPLES], 400);
    assert_true(stats[STAT_STORE_UPDATES] >= 3 && stats[STAT_STORE_UPDATES] <= 6);
    assert_int_equal(stats[STAT_STORE_REFUSED] + stats[STAT_STORE_DROPPED], 0);
    assert_int_equal(stats[STAT_STORE_ERRORS], 0);
    assert_false(store_rrd_exists(path_of("once.rrd")));
}

static void
reading_that_is_bad_is_unknown_in_the_file(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct sample sample = {.point = POINT_VOLTAGE,
                                .quality = i == 5 ? QUALITY_BAD : QUALITY_GOOD,
                                .value = i == 7 ? INFINITY : 230,
                                .utc_ms = now.utc_ms,
                                .mono_ms = now.mono_ms};

        store_files_take(files, &sample, now.mono_ms);
        pass(1000);
    }
    flush();
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 4, 1, 0) == 230);
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 5, 1, 0)));
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 6, 1, 0) == 230);
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 7, 1, 0)));
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 4, 1, 1))); /* never told */
}

static void
time_that_jumps_is_refused_and_poisons_nothing(void **state)
{
    struct msg_store told;

    (void)state;
    for (int i = 0; i < 5; i++, pass(1000))
        poll_fast(230);
    take_at(POINT_VOLTAGE, 1, now.utc_ms + INT64_C(10) * 365 * 86400000, 0);
    /* take_at moves both clocks; a jump moves one */
    struct sample jumped = {.point = POINT_VOLTAGE,
                            .value = 1,
                            .utc_ms = now.utc_ms + INT64_C(90000000),
                            .mono_ms = now.mono_ms};
    uint64_t before = stats[STAT_STORE_REFUSED];

    store_files_take(files, &jumped, now.mono_ms);
    jumped.utc_ms = now.utc_ms - 7200000;
    store_files_take(files, &jumped, now.mono_ms);
    assert_int_equal(stats[STAT_STORE_REFUSED] - before, 2);
    store_files_state(files, &told);
    assert_int_equal(told.time_jumped, 1);
    assert_int_equal(told.refused, before + 2);
}

static void
clock_that_was_set_right_is_believed_in_time(void **state)
{
    struct sample sample = {.point = POINT_VOLTAGE, .value = 230};
    struct msg_store told;

    (void)state;
    poll_fast(230);
    pass(1000);
    now.utc_ms += INT64_C(3) * 86400000;
    for (int i = 0; i < 700; i++) {
        sample.utc_ms = now.utc_ms;
        sample.mono_ms = now.mono_ms;
        store_files_take(files, &sample, now.mono_ms);
        pass(1000);
    }
    store_files_state(files, &told);
    assert_int_equal(told.time_jumped, 0);
    assert_int_equal(stats[STAT_STORE_REFUSED], 600);
    flush();
    assert_true(fetch("fast.rrd", "AVERAGE", now.utc_ms / 1000 - 50, 1, 0) == 230);
}

static void
stamp_of_a_written_slot_is_late_and_one_far_behind_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++, pass(1000))
        poll_fast(230);
    flush();
    take_at(POINT_VOLTAGE, 1, now.utc_ms - 2000, 0);
    assert_int_equal(stats[STAT_STORE_REFUSED], 0);
    assert_int_equal(stats[STAT_STORE_LATE], 1);
    take_at(POINT_VOLTAGE, 1, now.utc_ms - 5000, 0);
    assert_int_equal(stats[STAT_STORE_REFUSED], 1);
    take_at(POINT_VOLTAGE, 1, now.utc_ms - 5000, SAMPLE_SNAPSHOT);
    assert_int_equal(stats[STAT_STORE_REFUSED], 1);
}

static void
snapshot_after_a_restart_is_skipped_silently(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++, pass(1000))
        poll_fast(230 + i);
    flush();
    restart();
    take_at(POINT_VOLTAGE, 99, (T0 + 4) * 1000, SAMPLE_SNAPSHOT);
    take_at(POINT_LOAD, 99, (T0 + 4) * 1000, SAMPLE_SNAPSHOT);
    pass(1000);
    poll_fast(235);
    flush();
    assert_int_equal(stats[STAT_STORE_REFUSED], 0);
    assert_int_equal(stats[STAT_STORE_ERRORS], 0);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 4, 1, 0) == 234);
    assert_true(fetch("fast.rrd", "AVERAGE", now.utc_ms / 1000, 1, 0) == 235);
}

static void
point_that_is_new_is_added_without_losing_the_old_ones(void **state)
{
    static const struct point_def ADDED = {.id = "input.frequency", .kind = VALUE_NUMBER};
    struct store_map map = {0};

    (void)state;
    for (int i = 0; i < 10; i++, pass(1000))
        poll_fast(230);
    flush();
    /* The new point stands where the load was: its column is another than its data source. */
    refs[POINT_LOAD].def = &ADDED;
    restart();
    for (int i = 0; i < 10; i++, pass(1000))
        poll_fast(500);
    flush();
    assert_int_equal(stats[STAT_STORE_ERRORS], 0);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 5, 1, 0) == 230);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 5, 1, 1) == 23);
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 5, 1, 4)));
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 15, 1, 0) == 500);
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 15, 1, 1)));
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 15, 1, 4) == 50);
    assert_int_equal(store_map_read(path_of("fast.map"), &map, NULL), ERR_OK);
    assert_int_equal(map.count, 5);
    assert_string_equal(map.entries[1].point, "ups.load");
    assert_string_equal(map.entries[4].point, "input.frequency");
    store_map_done(&map);
}

static void
interval_and_retention_may_change_without_losing_history(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++, pass(1000))
        poll_fast(230);
    flush();
    info.groups[0].interval_ms = 10000;
    params.classes[1].keep_ms = 7200000;
    restart();
    for (int i = 0; i < 12; i++, pass(10000))
        poll_fast(500);
    flush();
    assert_int_equal(stats[STAT_STORE_ERRORS], 0);
    assert_int_equal(count_quarantined(), 0);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 60, 60, 0) == 230);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 180, 60, 0) == 500);
}

static void
file_that_is_damaged_is_put_aside_and_begun_anew(void **state)
{
    static const off_t lengths[] = {0, 1, 16, 100, 300, 1000, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct msg_store told;

        for (int j = 0; j < 5; j++, pass(1000))
            poll_fast(230);
        flush();
        assert_int_equal(truncate(path_of("fast.rrd"), lengths[i]), 0);
        restart();
        for (int j = 0; j < 5; j++, pass(1000))
            poll_fast(231);
        flush();
        pass(1000);
        flush();
        assert_int_equal(count_quarantined(), i + 1);
        assert_true(fetch("fast.rrd", "AVERAGE", now.utc_ms / 1000 - 3, 1, 0) == 231);
        store_files_state(files, &told);
        assert_non_null(strstr(told.reason, "quarantine"));
        assert_int_equal(told.is_failing, 0);
        assert_int_equal(told.errors, 1);
    }
}

static void
file_of_random_bytes_is_put_aside_and_begun_anew(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        int fd;
        unsigned char noise[64];

        for (int j = 0; j < 3; j++, pass(1000))
            poll_fast(230);
        flush();
        /* Noise over the header, from a place that moves: the counts, the names, the archives. */
        fd = open(path_of("fast.rrd"), O_WRONLY);
        assert_true(fd >= 0);
        for (size_t j = 0; j < sizeof noise; j++) {
            seed = seed * 1664525u + 1013904223u;
            noise[j] = (unsigned char)(seed >> 24);
        }
        assert_int_equal(pwrite(fd, noise, sizeof noise, (off_t)i * 24), sizeof noise);
        close(fd);
        restart();
        for (int j = 0; j < 12; j++, pass(1000))
            poll_fast(231);
        flush();
        pass(2000);
        flush();
        struct msg_store told;

        store_files_state(files, &told);
        assert_int_equal(told.is_failing, 0);
    }
    assert_true(count_quarantined() > 10);
}

static void
map_that_is_missing_or_wrong_puts_its_file_aside(void **state)
{
    static const char *const maps[] = {NULL,
                                       "",
                                       "p0 input.voltage number\n",
                                       "p1 input.voltage number\n",
                                       "p0 a.b number\np0 c.d number\n",
                                       "p0 input.voltage text\n",
                                       "p0 Not/An/Id number\n",
                                       "p0 input.voltage number"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(maps); i++) {
        for (int j = 0; j < 3; j++, pass(1000))
            poll_fast(230);
        flush();
        unlink(path_of("fast.map"));
        if (maps[i] != NULL) {
            FILE *file = fopen(path_of("fast.map"), "w");

            assert_non_null(file);
            fputs(maps[i], file);
            fclose(file);
        }
        restart();
        for (int j = 0; j < 3; j++, pass(1000))
            poll_fast(231);
        flush();
        pass(1000);
        flush();
        assert_int_equal(count_quarantined(), i + 1);
    }
}

static void
file_that_is_locked_by_a_reader_is_written_later(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int ready[2], gone[2];
    char byte = 0;
    pid_t pid;

    (void)state;
    poll_fast(230);
    pass(1000);
    flush();
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(gone), 0);
    pid = fork();
    if (pid == 0) {
        int fd = open(path_of("fast.rrd"), O_RDWR);

        close(gone[1]);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0 || write(ready[1], &byte, 1) != 1)
            _exit(1);
        (void)!read(gone[0], &byte, 1);
        _exit(0);
    }
    close(gone[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    poll_fast(231);
    pass(1000);
    store_files_flush(files, 0, false);
    pass(1000);
    assert_false(store_files_is_flushed(files, 0));
    assert_int_equal(stats[STAT_STORE_ERRORS], 0);
    close(gone[1]); /* the reader ends */
    assert_int_equal(read(ready[0], &byte, 0), 0);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    pass(1000);
    assert_true(store_files_is_flushed(files, 0));
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 1, 1, 0) == 231);
    assert_int_equal(stats[STAT_STORE_DROPPED], 0);
}

static void
directory_that_cannot_be_written_keeps_a_bounded_number_of_rows(void **state)
{
    struct msg_store told;
    char path[256];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/rrd", dir);
    file = fopen(path, "w"); /* a file where the directory should be */
    assert_non_null(file);
    fclose(file);
    for (int i = 0; i < 300; i++, pass(1000))
        poll_fast(230);
    store_files_state(files, &told);
    assert_int_equal(told.is_failing, 1);
    assert_true(told.errors > 3);
    assert_int_equal(told.pending, 3 * 120);
    assert_int_equal(told.dropped, 900 - 3 * 120);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 70; i++, pass(1000))
        poll_fast(231);
    flush();
    store_files_state(files, &told);
    assert_int_equal(told.is_failing, 0);
    assert_int_equal(told.pending, 0);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 290, 1, 0) == 230);
}

static void
files_are_made_a_few_a_second(void **state)
{
    (void)state;
    params.creates_per_s = 1;
    restart();
    poll_fast(230);
    take(POINT_ENERGY, 1);
    now.mono_ms += 61000;
    now.utc_ms += 61000;
    take(POINT_ENERGY, 2);
    poll_fast(230);
    store_files_tick(files, &now, true);
    while (store_files_work(files, &now, 1))
        ;
    while (store_files_work(files, &now, 1))
        ;
    assert_int_equal(store_rrd_exists(path_of("fast.rrd")) + store_rrd_exists(path_of("slow.rrd")),
                     1);
    pass(1000);
    pass(100);
    assert_true(store_rrd_exists(path_of("fast.rrd")));
    assert_true(store_rrd_exists(path_of("slow.rrd")));
}

static void
number_nobody_knows_is_counted(void **state)
{
    (void)state;
    take(POINT_COUNT, 1);
    take(UINT32_MAX, 1);
    assert_int_equal(stats[STAT_UNKNOWN_NUMBERS], 2);
}

static void
state_of_the_connection_is_stored_with_every_row(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++, pass(1000)) {
        if (i == 3 || i == 10)
            take(POINT_COMM, i == 3);
        poll_fast(230);
    }
    flush();
    assert_true(isnan(fetch("fast.rrd", "AVERAGE", T0 + 2, 1, 3)));
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 9, 1, 3) == 1);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 19, 1, 3) == 0);
    restart();
    take_at(POINT_COMM, 1, (T0 - 1000) * 1000, SAMPLE_SNAPSHOT);
    poll_fast(231);
    flush();
    assert_true(fetch("fast.rrd", "AVERAGE", now.utc_ms / 1000, 1, 3) == 1);
    assert_int_equal(stats[STAT_STORE_REFUSED], 0);
}

static void
poll_half_arrived_is_not_written_half(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++, pass(1000))
        poll_fast(230);
    take(POINT_VOLTAGE, 231);
    store_files_flush(files, 0, false);
    pass(100);
    pass(100);
    assert_true(store_files_is_flushed(files, 0));
    take_at(POINT_LOAD, 77, now.utc_ms - 200, 0);
    pass(800);
    flush();
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 3, 1, 0) == 231);
    assert_true(fetch("fast.rrd", "AVERAGE", T0 + 3, 1, 1) == 77);
    assert_int_equal(stats[STAT_STORE_REFUSED], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(samples_are_found_in_the_file_again),
        TEST(reading_that_is_bad_is_unknown_in_the_file),
        TEST(time_that_jumps_is_refused_and_poisons_nothing),
        TEST(clock_that_was_set_right_is_believed_in_time),
        TEST(stamp_of_a_written_slot_is_late_and_one_far_behind_is_refused),
        TEST(snapshot_after_a_restart_is_skipped_silently),
        TEST(point_that_is_new_is_added_without_losing_the_old_ones),
        TEST(interval_and_retention_may_change_without_losing_history),
        TEST(file_that_is_damaged_is_put_aside_and_begun_anew),
        TEST(file_of_random_bytes_is_put_aside_and_begun_anew),
        TEST(map_that_is_missing_or_wrong_puts_its_file_aside),
        TEST(file_that_is_locked_by_a_reader_is_written_later),
        TEST(directory_that_cannot_be_written_keeps_a_bounded_number_of_rows),
        TEST(files_are_made_a_few_a_second),
        TEST(number_nobody_knows_is_counted),
        TEST(state_of_the_connection_is_stored_with_every_row),
        TEST(poll_half_arrived_is_not_written_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
