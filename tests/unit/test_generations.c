/*
 * test_generations.c - texts under their hash, records of configurations, and what goes when.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/generations.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"

#define OLD_S 7200 /* longer than a text may lie there before its record comes */

struct rig {
    char dir[64], folder[GENERATIONS_PATH_MAX];
    uint32_t over; /* records up to here may go */
};

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    snprintf(rig->dir, sizeof rig->dir, "/tmp/watchroom-generations-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    assert_true(generations_folder(rig->dir, rig->folder));
    assert_int_equal(mkdir(rig->folder, 0750), 0);
    *state = rig;
    return 0;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int
tear_down(void **state)
{
    struct rig *rig = *state;

    nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(rig);
    return 0;
}

static bool
is_there(const struct rig *rig, const char *name)
{
    char path[GENERATIONS_PATH_MAX + 80];

    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    return access(path, F_OK) == 0;
}

static void
make_old(const struct rig *rig, const char *name)
{
    char path[GENERATIONS_PATH_MAX + 80];
    time_t then = time(NULL) - OLD_S;
    const struct timeval times[2] = {{then, 0}, {then, 0}};

    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    assert_int_equal(utimes(path, times), 0);
}

static void
text_is_kept_under_its_hash_and_believed_only_as_it_was(void **state)
{
    static const char HEX[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct rig *rig = *state;
    char hex[DIGEST_HEX], path[GENERATIONS_PATH_MAX + 80], *text = NULL;
    struct stat status;
    size_t bytes = 0;
    struct err err;

    assert_int_equal(kept_write(rig->folder, "abc", 3, hex, &err), ERR_OK);
    assert_string_equal(hex, HEX);
    snprintf(path, sizeof path, "%s/%s", rig->folder, hex);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(kept_read(rig->folder, hex, &text, &bytes, &err), ERR_OK);
    assert_int_equal(bytes, 3);
    assert_string_equal(text, "abc");
    free(text);

    /* Once more: it counts as young again. */
    make_old(rig, hex);
    assert_int_equal(kept_write(rig->folder, "abc", 3, hex, &err), ERR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_true(time(NULL) - status.st_mtime < 60);

    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("abd", file);
    fclose(file);
    assert_int_equal(kept_read(rig->folder, hex, &text, &bytes, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "altered"));
    /* Who writes it again mends it. */
    assert_int_equal(kept_write(rig->folder, "abc", 3, hex, &err), ERR_OK);
    assert_int_equal(kept_read(rig->folder, hex, &text, &bytes, &err), ERR_OK);
    free(text);
    unlink(path);
    assert_int_equal(kept_read(rig->folder, hex, &text, &bytes, &err), ERR_NOT_FOUND);
    assert_int_equal(kept_read(rig->folder, "../lock", &text, &bytes, &err), ERR_NOT_FOUND);
    assert_int_equal(kept_write("/nowhere/at/all", "abc", 3, hex, &err), ERR_IO);
}

static void
file_is_written_whole_and_read_within_bounds(void **state)
{
    struct rig *rig = *state;
    char path[GENERATIONS_PATH_MAX + 80], *text = NULL, large[40000];
    struct stat status;
    size_t bytes;
    struct err err;

    memset(large, 'x', sizeof large);
    snprintf(path, sizeof path, "%s/some", rig->folder);
    assert_int_equal(file_read(path, 10, &text, &bytes, &err), ERR_NOT_FOUND);
    assert_int_equal(file_write(path, 0600, "one", 3, &err), ERR_OK);
    assert_int_equal(file_write(path, 0604, large, sizeof large, &err), ERR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0604);
    assert_int_equal(file_read(path, sizeof large, &text, &bytes, &err), ERR_OK);
    assert_int_equal(bytes, sizeof large);
    assert_memory_equal(text, large, sizeof large);
    free(text);
    assert_int_equal(file_read(path, sizeof large - 1, &text, &bytes, &err), ERR_RANGE);
    assert_int_equal(file_read(rig->dir, 10, &text, &bytes, &err), ERR_IO); /* a folder */
}

static void
line_of_a_manifest_names_a_file_of_a_configuration_and_nothing_else(void **state)
{
#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    static const struct {
        const char *line;
        bool is_good;
    } CASES[] = {
        {HASH "  site.yaml\n", true},
        {HASH "  profiles/ups/rfc1628.yaml\n", true},
        {HASH "  profiles/ups/rfc1628.yaml", true},
        {HASH " site.yaml\n", false},
        {HASH "  \n", false},
        {HASH "  /etc/passwd\n", false},
        {HASH "  ../site.yaml\n", false},
        {HASH "  profiles/../../x.yaml\n", false},
        {HASH "  profiles/.yaml\n", false},
        {HASH "  other/x.yaml\n", false},
        {"g" HASH "  site.yaml\n", false},
        {"", false},
        {"short\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *at = CASES[i].line;
        struct manifest_line line;

        assert_int_equal(generations_next_line(&at, &line), CASES[i].is_good);
        if (CASES[i].is_good)
            assert_string_equal(line.sha256, HASH);
    }
    const char *at = HASH "  site.yaml\n" HASH "  profiles/a/b.yaml\n";
    struct manifest_line line;
    assert_true(generations_next_line(&at, &line));
    assert_true(generations_next_line(&at, &line));
    assert_string_equal(line.name, "profiles/a/b.yaml");
    assert_false(generations_next_line(&at, &line));
}

/* A generation with a site file of its own and a profile that all share. */
static void
put(struct rig *rig, uint32_t number, char site[DIGEST_HEX], char digest[DIGEST_HEX])
{
    char text[64], profile[DIGEST_HEX], manifest[400];
    struct err err;

    snprintf(text, sizeof text, "site %u", number);
    assert_int_equal(kept_write(rig->folder, text, strlen(text), site, &err), ERR_OK);
    assert_int_equal(kept_write(rig->folder, "profile", 7, profile, &err), ERR_OK);
    snprintf(manifest, sizeof manifest, "%s  site.yaml\n%s  profiles/a/b.yaml\n", site, profile);
    assert_int_equal(kept_write(rig->folder, manifest, strlen(manifest), digest, &err), ERR_OK);
    json_t *record = json_pack("{s:I, s:s}", "generation", (json_int_t)number, "digest", digest);
    assert_int_equal(generations_save(rig->dir, number, record, &err), ERR_OK);
    json_decref(record);
    make_old(rig, site);
    make_old(rig, profile);
    make_old(rig, digest);
}

static bool
is_over(void *ctx, uint32_t number)
{
    return number <= ((struct rig *)ctx)->over;
}

static void
record_goes_with_its_row_and_a_text_with_its_last_record(void **state)
{
    struct rig *rig = *state;
    char sites[5][DIGEST_HEX], digests[5][DIGEST_HEX], profile[DIGEST_HEX], young[DIGEST_HEX];
    struct err err;

    for (uint32_t number = 1; number <= 4; number++)
        put(rig, number, sites[number], digests[number]);
    assert_int_equal(kept_write(rig->folder, "of a master at work", 19, young, &err), ERR_OK);
    assert_int_equal(kept_write(rig->folder, "profile", 7, profile, &err), ERR_OK);
    make_old(rig, profile);

    generations_prune(rig->dir, is_over, rig, clock_now().utc_ms);
    assert_true(is_there(rig, "generation-1.json") && is_there(rig, sites[1]));
    rig->over = 2;
    generations_prune(rig->dir, is_over, rig, clock_now().utc_ms);
    for (uint32_t number = 1; number <= 4; number++) {
        char name[40];

        snprintf(name, sizeof name, "generation-%u.json", number);
        assert_int_equal(is_there(rig, name), number > 2);
        assert_int_equal(is_there(rig, sites[number]), number > 2);
        assert_int_equal(is_there(rig, digests[number]), number > 2);
    }
    assert_true(is_there(rig, profile) && is_there(rig, young));

    /* The newest stays, whatever the journal holds: it is in effect. */
    rig->over = 9;
    generations_prune(rig->dir, is_over, rig, clock_now().utc_ms);
    assert_true(is_there(rig, "generation-4.json") && is_there(rig, sites[4]));
    assert_false(is_there(rig, "generation-3.json") || is_there(rig, sites[3]));
    assert_true(is_there(rig, profile));
}

static void
no_more_are_kept_than_the_bound(void **state)
{
    struct rig *rig = *state;
    char site[DIGEST_HEX], digest[DIGEST_HEX], path[GENERATIONS_PATH_MAX + 80];
    uint32_t *numbers = NULL;
    size_t count = 0;
    struct err err;

    put(rig, GENERATIONS_MAX + 2, site, digest);
    for (uint32_t number = 1; number <= GENERATIONS_MAX + 1; number++) {
        snprintf(path, sizeof path, "%s/generation-%u.json", rig->folder, number);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "{\"digest\":\"%s\",\"generation\":%u}", digest, number);
        fclose(file);
    }
    generations_prune(rig->dir, is_over, rig, clock_now().utc_ms);
    assert_int_equal(generations_list(rig->dir, &numbers, &count, &err), ERR_OK);
    assert_int_equal(count, GENERATIONS_MAX);
    assert_int_equal(numbers[0], 3);
    free(numbers);
    assert_true(is_there(rig, site) && is_there(rig, digest));
}

static void
nothing_goes_while_some_record_cannot_be_read(void **state)
{
    struct rig *rig = *state;
    char site[DIGEST_HEX], digest[DIGEST_HEX], path[GENERATIONS_PATH_MAX + 80];
    struct err err;

    put(rig, 1, site, digest);
    put(rig, 2, site, digest);
    snprintf(path, sizeof path, "%s/generation-2.json", rig->folder);
    assert_int_equal(file_write(path, 0640, "{", 1, &err), ERR_OK);
    rig->over = 1;
    generations_prune(rig->dir, is_over, rig, clock_now().utc_ms);
    assert_false(is_there(rig, "generation-1.json"));
    assert_true(is_there(rig, site) && is_there(rig, digest));
}

static void
records_are_listed_by_number_and_judged_when_read(void **state)
{
    static const char *const NAMES[] = {"generation-10.json",         "generation-0.json",
                                        "generation-4294967296.json", "generation-.json",
                                        "generation-1.json.new-abc",  "generation--1.json"};
    struct rig *rig = *state;
    char site[DIGEST_HEX], digest[DIGEST_HEX], path[GENERATIONS_PATH_MAX + 80];
    uint32_t *numbers = NULL;
    size_t count = 0;
    json_t *record = NULL;
    struct err err;

    put(rig, 9, site, digest);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        snprintf(path, sizeof path, "%s/%s", rig->folder, NAMES[i]);
        assert_int_equal(file_write(path, 0640, "{\"generation\":9}", 16, &err), ERR_OK);
    }
    assert_int_equal(generations_list(rig->dir, &numbers, &count, &err), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(numbers[0], 9);
    assert_int_equal(numbers[1], 10);
    free(numbers);
    assert_int_equal(generations_load(rig->dir, 9, &record, &err), ERR_OK);
    json_decref(record);
    assert_int_equal(generations_load(rig->dir, 10, &record, &err), ERR_CORRUPT); /* another's */
    assert_int_equal(generations_load(rig->dir, 11, &record, &err), ERR_NOT_FOUND);
    assert_int_equal(generations_list("/nowhere/at/all", &numbers, &count, &err), ERR_OK);
    assert_int_equal(count, 0);
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIGGED(text_is_kept_under_its_hash_and_believed_only_as_it_was),
        RIGGED(file_is_written_whole_and_read_within_bounds),
        cmocka_unit_test(line_of_a_manifest_names_a_file_of_a_configuration_and_nothing_else),
        RIGGED(record_goes_with_its_row_and_a_text_with_its_last_record),
        RIGGED(no_more_are_kept_than_the_bound),
        RIGGED(nothing_goes_while_some_record_cannot_be_read),
        RIGGED(records_are_listed_by_number_and_judged_when_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
