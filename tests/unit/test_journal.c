/*
 * test_journal.c - the chain, the turn, restarts, damage, a disk that takes nothing, pruning,
 * readers.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/cursor.h"
#include "alerts/journal.h"
#include "alerts/journal_read.h"
#include "alerts/journal_verify.h"

#define NOW INT64_C(1764000000000)
#define SMALL_BALLAST ((uint64_t)256 * 1024)

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int
make_dir(void **state)
{
    char *dir = strdup("/tmp/watchroom-journal-XXXXXX");

    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int
drop_dir(void **state)
{
    nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

static struct journal *
open_in(const char *dir, struct journal_open_result *result)
{
    struct journal *journal = NULL;
    struct err err = {0};

    if (journal_open(dir, "demo", NOW, SMALL_BALLAST, &journal, result, &err) != ERR_OK)
        fail_msg("journal_open: %s", err.text);
    return journal;
}

static void
commit(struct journal *journal)
{
    struct err err = {0};

    if (journal_commit(journal, NOW, &err) != ERR_OK)
        fail_msg("journal_commit: %s", err.text);
}

static uint64_t
note(struct journal *journal, int64_t utc_ms, const char *text)
{
    return journal_add(journal, "note", utc_ms, json_pack("{s:s}", "text", text), NULL, 0, 0);
}

/* An alarm row and its state, as the alarms process makes them. */
static uint64_t
tell(struct journal *journal, const char *id, unsigned priority, bool is_told)
{
    char members[300], payload[400];

    int bytes = snprintf(members, sizeof members,
                         "{\"alarm\":{\"cond\":\"active\",\"id\":\"%s\",\"text\":\"a } \\\" b\"},"
                         "\"change\":[\"raised\"]}",
                         id);
    uint64_t seq = journal_add_text(journal, "alarm", NOW, members, (size_t)bytes, id, 3, priority);
    snprintf(payload, sizeof payload,
             "{\"cond\":\"active\",\"hash\":\"%s\",\"id\":\"%s\",\"text\":\"a } \\\" b\"}",
             journal_head_hash(journal), id);
    journal_put_alarm(journal, id, is_told ? payload : NULL, "record", 6);
    return seq;
}

struct rows {
    unsigned count;
    uint64_t first, last;
    char last_body[2000], last_payload[2000], last_hash[65];
};

static bool
on_row(void *ctx, const struct journal_row *row)
{
    struct rows *rows = ctx;

    if (rows->count++ == 0)
        rows->first = row->seq;
    rows->last = row->seq;
    snprintf(rows->last_body, sizeof rows->last_body, "%s", row->body);
    snprintf(rows->last_payload, sizeof rows->last_payload, "%s",
             row->payload != NULL ? row->payload : "(emptied)");
    snprintf(rows->last_hash, sizeof rows->last_hash, "%s", row->hash);
    return true;
}

static struct rows
read_rows(const char *dir, uint64_t after, unsigned limit)
{
    struct journal_reader *reader = NULL;
    struct rows rows = {0};
    struct err err;
    uint64_t last = 0;

    assert_int_equal(journal_reader_open(dir, &reader, &err), ERR_OK);
    assert_int_equal(journal_reader_rows(reader, after, limit, on_row, &rows, &last, &err), ERR_OK);
    journal_reader_close(reader);
    return rows;
}

static struct journal_verdict
verify(const char *dir)
{
    struct journal_reader *reader = NULL;
    struct journal_verdict verdict = {0};
    struct sign_keys keys = {0};
    struct journal_verify_params params = {.keys = &keys};
    struct err err = {0};
    char path[300];

    snprintf(path, sizeof path, "%s/journal.pub", dir);
    assert_int_equal(sign_keys_read(&keys, path, &err), ERR_OK);
    assert_int_equal(journal_reader_open(dir, &reader, &err), ERR_OK);
    assert_int_equal(journal_verify(reader, &params, &verdict, &err), ERR_OK);
    journal_reader_close(reader);
    sign_keys_done(&keys);
    return verdict;
}

static void
assert_sound(const char *dir, uint64_t rows)
{
    struct journal_verdict verdict = verify(dir);

    if (!verdict.is_complete || !verdict.is_unaltered)
        fail_msg("verify: %s", verdict.reason);
    assert_int_equal(verdict.rows, rows);
}

static void
journal_reopened_goes_on_with_its_id_numbers_and_chain(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    char id[27];

    assert_true(result.is_new);
    assert_string_equal(result.quarantined, "");
    snprintf(id, sizeof id, "%s", journal_id(journal));
    assert_int_equal(note(journal, NOW, "one"), 1);
    assert_int_equal(note(journal, NOW, "two"), 2);
    assert_true(journal_is_dirty(journal));
    assert_int_equal(journal_committed(journal), 0);
    commit(journal);
    assert_false(journal_is_dirty(journal));
    assert_int_equal(journal_committed(journal), 2);
    note(journal, NOW, "never committed");
    journal_close(journal);

    journal = open_in(*state, &result);
    assert_false(result.is_new);
    assert_string_equal(journal_id(journal), id);
    assert_int_equal(journal_head(journal), 2);
    assert_int_equal(note(journal, NOW, "three"), 3);
    commit(journal);
    assert_sound(*state, 3);
    journal_close(journal);
    assert_sound(*state, 3);
}

static void
row_body_is_canonical_and_hashes_to_its_hash(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);

    tell(journal, "power/ups-a/on-battery", 2, true);
    commit(journal);
    struct rows rows = read_rows(*state, 0, 10);
    json_t *body = json_parse_object(rows.last_body, strlen(rows.last_body), NULL, 0);
    char *canonical = json_canonical(body);
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX];

    assert_string_equal(canonical, rows.last_body);
    assert_true(digest_sha256(rows.last_body, strlen(rows.last_body), digest));
    digest_hex(digest, hex);
    assert_string_equal(hex, rows.last_hash);
    assert_string_equal(json_text_or(body, "jid", ""), journal_id(journal));
    assert_string_equal(json_text_or(body, "site", ""), "demo");
    assert_string_equal(json_text_or(body, "kind", ""), "alarm");
    assert_int_equal(json_int_or(body, "ts", 0), NOW);
    free(canonical);
    json_decref(body);
    journal_close(journal);
}

static void
payload_cut_from_the_row_is_what_was_put(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    char want[400];

    tell(journal, "power/ups-a/on-battery", 2, true);
    snprintf(want, sizeof want,
             "{\"cond\":\"active\",\"hash\":\"%s\",\"id\":\"power/ups-a/on-battery\","
             "\"text\":\"a } \\\" b\"}",
             journal_head_hash(journal));
    commit(journal);
    struct rows rows = read_rows(*state, 0, 10);
    assert_string_equal(rows.last_payload, want);

    /* Any other payload is kept as it is, and an emptied one is none. */
    note(journal, NOW, "x");
    journal_add(journal, "alarm", NOW, json_pack("{s:i}", "x", 1), "a/b/c", 1, 3);
    journal_put_alarm(journal, "a/b/c", "{\"anything\":1}", "r", 1);
    commit(journal);
    assert_string_equal(read_rows(*state, 2, 10).last_payload, "{\"anything\":1}");
    tell(journal, "a/b/c", 3, false);
    commit(journal);
    assert_string_equal(read_rows(*state, 3, 10).last_payload, "(emptied)");
    journal_close(journal);
}

struct told {
    unsigned count, priority;
    uint64_t seq;
    char ids[400];
};

static bool
on_alarm(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq, const char *payload)
{
    struct told *told = ctx;

    assert_non_null(strstr(payload, alarm_id));
    told->count++;
    told->priority = priority;
    told->seq = seq;
    strncat(told->ids, alarm_id, sizeof told->ids - strlen(told->ids) - 1);
    strncat(told->ids, " ", sizeof told->ids - strlen(told->ids) - 1);
    return true;
}

static void
reader_gives_standing_alarms_by_priority_in_pages(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct journal_reader *reader = NULL;
    struct told told = {0};
    struct err err;

    tell(journal, "c/d/p3", 3, true);
    tell(journal, "c/d/p1", 1, true);
    tell(journal, "c/d/rest", 1, false);
    tell(journal, "c/d/p2", 2, true);
    tell(journal, "c/d/p1b", 1, true);
    commit(journal);
    assert_int_equal(journal_reader_open(*state, &reader, &err), ERR_OK);
    for (unsigned before = 1; told.count != before;) {
        before = told.count;
        assert_int_equal(
            journal_reader_alarms(reader, told.priority, told.seq, 2, on_alarm, &told, &err),
            ERR_OK);
    }
    assert_string_equal(told.ids, "c/d/p1 c/d/p1b c/d/p2 c/d/p3 ");
    journal_reader_close(reader);
    journal_close(journal);
}

static void
reader_pages_through_more_rows_than_it_may_hand_out(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);

    for (unsigned i = 0; i < 2500; i++)
        note(journal, NOW, "row");
    commit(journal);
    struct rows rows = read_rows(*state, 0, 100000);
    assert_int_equal(rows.count, JOURNAL_READ_MAX);
    rows = read_rows(*state, rows.last, 100000);
    assert_int_equal(rows.first, JOURNAL_READ_MAX + 1);
    rows = read_rows(*state, rows.last, 100000);
    assert_int_equal(rows.last, 2500);
    assert_int_equal(read_rows(*state, 2500, 10).count, 0);
    journal_close(journal);
}

static void
reader_without_a_journal_says_not_found(void **state)
{
    struct journal_reader *reader = NULL;
    struct err err;

    assert_int_equal(journal_reader_open(*state, &reader, &err), ERR_NOT_FOUND);
    assert_null(reader);
}

static void
count_record(void *ctx, const char *alarm_id, const void *engine, size_t engine_bytes, bool is_told)
{
    unsigned *counts = ctx;

    assert_int_equal(engine_bytes, 6);
    assert_memory_equal(engine, "record", 6);
    assert_true(strncmp(alarm_id, "c/d/", 4) == 0);
    counts[is_told]++;
}

static void
alarm_records_and_facts_survive_and_can_be_forgotten(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    unsigned counts[2] = {0, 0};
    char value[40];
    struct err err;

    tell(journal, "c/d/told", 1, true);
    tell(journal, "c/d/rest", 1, false);
    tell(journal, "c/d/gone", 1, true);
    journal_put(journal, "collector-0.event", "7:41");
    assert_true(journal_get(journal, "collector-0.event", value, sizeof value));
    assert_string_equal(value, "7:41");
    commit(journal);
    journal_put(journal, "collector-0.event", "7:42");
    journal_forget_alarm(journal, "c/d/gone");
    journal_put_until(journal, "cid/x", "answer", NOW + 5);
    commit(journal);
    journal_close(journal);

    journal = open_in(*state, &result);
    assert_true(journal_get(journal, "collector-0.event", value, sizeof value));
    assert_string_equal(value, "7:42");
    assert_false(journal_get(journal, "nothing", value, sizeof value));
    assert_false(journal_get(journal, "cid/x", value, 3));
    assert_true(journal_get(journal, "cid/x", value, sizeof value));
    journal_housekeep(journal, NOW + 6, 0, 0);
    assert_false(journal_get(journal, "cid/x", value, sizeof value));
    assert_int_equal(journal_each_alarm(journal, count_record, counts, &err), ERR_OK);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 1);
    journal_put(journal, "collector-0.event", NULL);
    assert_false(journal_get(journal, "collector-0.event", value, sizeof value));
    commit(journal);
    assert_false(journal_get(journal, "collector-0.event", value, sizeof value));
    journal_close(journal);
}

static void
write_file(const char *dir, const char *name, const void *bytes, size_t length)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

static void
truncate_file(const char *dir, const char *name, off_t length)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(truncate(path, length), 0);
}

/* What may be wrong with a file that a journal of 200 rows was. */
static void
spoil_empty(const char *dir)
{
    truncate_file(dir, "journal.db", 0);
}

static void
spoil_half(const char *dir)
{
    truncate_file(dir, "journal.db", 4096 * 5);
}

static void
spoil_torn_page(const char *dir)
{
    truncate_file(dir, "journal.db", 1000);
}

static void
spoil_random(const char *dir)
{
    static uint8_t bytes[50000];

    assert_true(random_bytes(bytes, 200));
    for (size_t i = 200; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(bytes[i % 200] * 31 + i);
    write_file(dir, "journal.db", bytes, sizeof bytes);
}

static void
spoil_middle(const char *dir)
{
    char path[300], junk[4096 * 3];

    memset(junk, 0xA5, sizeof junk);
    snprintf(path, sizeof path, "%s/journal.db", dir);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 4096 * 4), (ssize_t)sizeof junk);
    close(fd);
}

static void
spoil_application(const char *dir)
{
    char path[300];

    snprintf(path, sizeof path, "%s/journal.db", dir);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "ABCD", 4, 68), 4);
    close(fd);
}

static void
spoil_gone_with_wal(const char *dir)
{
    char path[300];

    snprintf(path, sizeof path, "%s/journal.db", dir);
    unlink(path);
    write_file(dir, "journal.db-wal", "rows of another file", 20);
}

static void
journal_that_is_unsound_is_put_aside_and_a_new_one_made(void **state)
{
    static const struct {
        const char *name;
        void (*spoil)(const char *dir);
    } CASES[] = {
        {"empty", spoil_empty},        {"half", spoil_half},     {"torn", spoil_torn_page},
        {"random", spoil_random},      {"middle", spoil_middle}, {"application", spoil_application},
        {"gone", spoil_gone_with_wal},
    };
    const char *dir = *state;
    char id[27];

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct journal_open_result result;
        struct journal *journal = open_in(dir, &result);
        struct stat status;

        for (unsigned k = 0; k < 200; k++)
            note(journal, NOW, "a row that takes up some room in the file");
        commit(journal);
        snprintf(id, sizeof id, "%s", journal_id(journal));
        journal_close(journal);
        CASES[i].spoil(dir);

        journal = open_in(dir, &result);
        if (!result.is_new || result.quarantined[0] == '\0')
            fail_msg("%s: not noticed", CASES[i].name);
        assert_true(result.quarantine_reason[0] != '\0');
        assert_string_not_equal(journal_id(journal), id);
        assert_int_equal(journal_head(journal), 0);
        if (CASES[i].spoil != spoil_gone_with_wal)
            assert_int_equal(stat(result.quarantined, &status), 0);
        note(journal, NOW, "begins anew");
        commit(journal);
        assert_sound(dir, 1);
        journal_close(journal);
    }
}

static void
journal_of_a_newer_schema_is_refused_and_left_alone(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct err err = {0};
    char path[300];

    journal_close(journal);
    snprintf(path, sizeof path, "%s/journal.db", (char *)*state);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\0\0\0\x63", 4, 60), 4);
    close(fd);
    journal = NULL;
    assert_int_equal(journal_open(*state, "demo", NOW, 0, &journal, &result, &err), ERR_CONFIG);
    assert_null(journal);
    assert_non_null(strstr(err.text, "99"));
    assert_int_equal(access(path, F_OK), 0);
}

static void
altered_row_is_found_by_verify(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    char path[300], *file;
    struct stat status;

    for (unsigned i = 0; i < 50; i++)
        note(journal, NOW, "the door was CLOSED at all times");
    commit(journal);
    journal_close(journal);
    snprintf(path, sizeof path, "%s/journal.db", (char *)*state);
    assert_int_equal(stat(path, &status), 0);
    file = malloc((size_t)status.st_size);
    int fd = open(path, O_RDWR);
    assert_int_equal(read(fd, file, (size_t)status.st_size), status.st_size);
    char *found = memmem(file, (size_t)status.st_size, "CLOSED", 6);
    assert_non_null(found);
    assert_int_equal(pwrite(fd, "OPENED", 6, found - file), 6);
    close(fd);
    free(file);

    struct journal_verdict verdict = verify(*state);
    assert_false(verdict.is_unaltered);
    assert_true(verdict.is_complete);
    assert_true(verdict.first_bad_seq > 0);
    assert_non_null(strstr(verdict.reason, "does not hash"));
}

static void
pruned_journal_still_verifies_and_keeps_what_is_not_confirmed(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);

    for (unsigned i = 1; i <= 1800; i++)
        note(journal, NOW + i, "row");
    commit(journal);
    journal_housekeep(journal, NOW + 5000, NOW + 10000, 0); /* nothing confirmed: nothing goes */
    assert_int_equal(journal_oldest(journal), 1);
    journal_housekeep(journal, NOW + 5000, NOW + 10000, 1200);
    assert_int_equal(journal_oldest(journal), 501);
    journal_housekeep(journal, NOW + 5000, NOW + 10000, 1200);
    assert_int_equal(journal_oldest(journal), 1001);
    /* 200 are left to prune: not worth a row yet, unless they are long overdue. */
    journal_housekeep(journal, NOW + 5000, NOW + 10000, 1200);
    assert_int_equal(journal_oldest(journal), 1001);
    journal_housekeep(journal, NOW + 5000, NOW + 90000000, 1200);
    assert_int_equal(journal_oldest(journal), 1201);
    struct journal_verdict verdict = verify(*state);
    assert_true(verdict.is_complete);
    assert_true(verdict.is_unaltered);
    journal_housekeep(journal, NOW + 5000, NOW + 5, 99999); /* not old enough */
    assert_int_equal(journal_oldest(journal), 1201);
    journal_close(journal);
}

/* A backup put back under a running broker's feet: what people know by its number is not reused. */
static void
older_copy_goes_on_behind_what_was_told_and_says_so(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct cursor cursor;
    struct err err;

    for (unsigned i = 1; i <= 10; i++)
        note(journal, NOW + i, "row");
    commit(journal);
    assert_int_equal(cursor_open(&cursor, *state, &err), ERR_OK);
    assert_int_equal(cursor_save(&cursor, journal_id(journal), 74, &err), ERR_OK);
    cursor_close(&cursor);
    journal_close(journal);
    journal = open_in(*state, &result);
    assert_true(result.is_older_copy);
    assert_true(journal_head(journal) > 74);
    commit(journal);
    struct journal_verdict verdict = verify(*state);
    assert_true(verdict.is_unaltered);
    journal_close(journal);
    journal = open_in(*state, &result);
    assert_false(result.is_older_copy);
    journal_close(journal);
}

static void
nothing_goes_for_its_age_when_the_clock_is_not_trusted(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    char value[8];

    for (unsigned i = 1; i <= 600; i++)
        note(journal, NOW + i, "row");
    journal_put_until(journal, "cid.a.1", "ok", NOW + 10);
    commit(journal);
    journal_housekeep(journal, NOW + INT64_C(300000000000), JOURNAL_AGE_UNSURE, 600);
    assert_int_equal(journal_oldest(journal), 1);
    assert_true(journal_get(journal, "cid.a.1", value, sizeof value));
    journal_close(journal);
}

struct unwritten {
    unsigned count, at_rest, by_priority[5];
    uint64_t first, last;
};

static void
on_unwritten(void *ctx, uint64_t seq, const char *body, unsigned priority, bool at_rest)
{
    struct unwritten *unwritten = ctx;

    assert_non_null(body);
    unwritten->at_rest += at_rest;
    if (unwritten->count++ == 0)
        unwritten->first = seq;
    unwritten->last = seq;
    unwritten->by_priority[priority]++;
}

/* From here on no file may grow: what a full disk does, without one. */
static void
forbid_growth(bool forbidden)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = forbidden ? 4096 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
turn_that_cannot_be_written_is_kept_and_goes_with_the_next(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct unwritten unwritten = {0};
    struct err err;

    for (unsigned i = 0; i < 20; i++)
        note(journal, NOW, "before");
    commit(journal);
    forbid_growth(true);
    tell(journal, "c/d/e", 1, true);
    tell(journal, "c/d/f", 4, false);
    journal_put(journal, "k", "v");
    enum err_code code = journal_commit(journal, NOW, &err);
    forbid_growth(false);
    assert_true(code == ERR_IO || code == ERR_FULL);
    assert_int_equal(journal_committed(journal), 20);
    assert_int_equal(journal_unwritten(journal), 2);
    journal_each_unwritten(journal, 0, on_unwritten, &unwritten);
    assert_int_equal(unwritten.count, 2);
    assert_int_equal(unwritten.at_rest, 1);
    assert_int_equal(unwritten.first, 21);
    journal_each_unwritten(journal, 21, on_unwritten, &unwritten);
    assert_int_equal(unwritten.count, 3);
    assert_int_equal(read_rows(*state, 20, 10).count, 0);

    note(journal, NOW, "after");
    commit(journal);
    assert_int_equal(journal_unwritten(journal), 0);
    assert_int_equal(journal_committed(journal), 23);
    assert_sound(*state, 23);
    journal_close(journal);
}

static void
rows_beyond_the_bound_are_dropped_least_urgent_first_and_leave_their_place(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct unwritten unwritten = {0};
    struct err err;

    note(journal, NOW, "before");
    commit(journal);
    forbid_growth(true);
    note(journal, NOW, "first to fail");
    assert_int_not_equal(journal_commit(journal, NOW, &err), ERR_OK);
    for (unsigned i = 0; i < 30000; i++)
        tell(journal, "c/d/e", i % 100 == 0 ? 1 : 4, true);
    assert_int_not_equal(journal_commit(journal, NOW, &err), ERR_OK);
    forbid_growth(false);
    journal_each_unwritten(journal, 0, on_unwritten, &unwritten);
    assert_int_equal(unwritten.by_priority[1], 300);
    assert_in_range(unwritten.count, 10000, 20000);
    assert_int_equal(journal_dropped(journal), 30001 - unwritten.count);
    assert_int_equal(unwritten.last, 30002);

    commit(journal);
    struct journal_verdict verdict = verify(*state);
    assert_true(verdict.is_unaltered);
    assert_false(verdict.is_complete);
    assert_non_null(strstr(verdict.reason, "lost"));
    assert_int_equal(note(journal, NOW, "goes on"), 30003);
    commit(journal);
    journal_close(journal);
    journal = open_in(*state, &result);
    assert_false(result.is_new);
    assert_int_equal(journal_head(journal), 30003);
    journal_close(journal);
}

static void
numbers_told_without_disk_are_not_given_to_others_after_a_restart(void **state)
{
    struct journal_open_result result;
    struct journal *journal = open_in(*state, &result);
    struct err err;

    note(journal, NOW, "before");
    commit(journal);
    forbid_growth(true);
    for (unsigned i = 0; i < 20; i++)
        note(journal, NOW, "told, never written, and then the process is killed");
    assert_int_not_equal(journal_commit(journal, NOW, &err), ERR_OK);
    forbid_growth(false);
    journal_close(journal);

    journal = open_in(*state, &result);
    assert_false(result.is_new);
    assert_int_equal(journal_head(journal), 22); /* the row that tells of the gap */
    commit(journal);
    struct rows rows = read_rows(*state, 1, 10);
    assert_int_equal(rows.first, 22);
    assert_non_null(strstr(rows.last_body, "\"from\":2,"));
    assert_non_null(strstr(rows.last_body, "\"to\":21,"));
    struct journal_verdict verdict = verify(*state);
    assert_true(verdict.is_unaltered);
    assert_false(verdict.is_complete);
    assert_int_equal(verdict.first_bad_seq, 2);
    journal_close(journal);
}

/* A mount of our own, where that is allowed. */
static bool
mount_small_disk(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=2m") == 0;
}

static void
full_disk_takes_the_ballast_first_then_memory_and_recovers(void **state)
{
    struct journal_open_result result;
    struct journal *journal;
    struct err err;
    char path[300];
    static char block[4096];
    enum err_code code = ERR_OK;
    unsigned committed_low = 0;

    if (!mount_small_disk(*state)) {
        print_message("skipped: may not mount a small disk here\n");
        skip();
    }
    journal = open_in(*state, &result);
    assert_false(!journal_has_ballast(journal));
    note(journal, NOW, "before");
    commit(journal);
    snprintf(path, sizeof path, "%s/filler", (char *)*state);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);

    for (unsigned i = 0; i < 10000 && code == ERR_OK; i++) {
        tell(journal, "c/d/e", 1, true);
        code = journal_commit(journal, NOW, &err);
        committed_low += code == ERR_OK && !journal_has_ballast(journal);
    }
    assert_int_equal(code, ERR_FULL);
    assert_true(committed_low > 10); /* the ballast paid for these */
    assert_int_equal(journal_unwritten(journal), 1);
    tell(journal, "c/d/e", 1, true);
    assert_int_equal(journal_commit(journal, NOW, &err), ERR_FULL);
    assert_int_equal(journal_unwritten(journal), 2);

    assert_int_equal(unlink(path), 0);
    commit(journal);
    assert_int_equal(journal_unwritten(journal), 0);
    assert_true(!journal_has_ballast(journal));
    journal_housekeep(journal, NOW, 0, 0);
    assert_false(!journal_has_ballast(journal));
    struct journal_verdict verdict = verify(*state);
    assert_true(verdict.is_complete && verdict.is_unaltered);
    assert_int_equal(verdict.rows, journal_committed(journal));
    journal_close(journal);
    umount(*state);
}

int
main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(journal_reopened_goes_on_with_its_id_numbers_and_chain),
        IN_DIR(row_body_is_canonical_and_hashes_to_its_hash),
        IN_DIR(payload_cut_from_the_row_is_what_was_put),
        IN_DIR(reader_gives_standing_alarms_by_priority_in_pages),
        IN_DIR(reader_pages_through_more_rows_than_it_may_hand_out),
        IN_DIR(reader_without_a_journal_says_not_found),
        IN_DIR(alarm_records_and_facts_survive_and_can_be_forgotten),
        IN_DIR(journal_that_is_unsound_is_put_aside_and_a_new_one_made),
        IN_DIR(journal_of_a_newer_schema_is_refused_and_left_alone),
        IN_DIR(altered_row_is_found_by_verify),
        IN_DIR(older_copy_goes_on_behind_what_was_told_and_says_so),
        IN_DIR(nothing_goes_for_its_age_when_the_clock_is_not_trusted),
        IN_DIR(pruned_journal_still_verifies_and_keeps_what_is_not_confirmed),
        IN_DIR(turn_that_cannot_be_written_is_kept_and_goes_with_the_next),
        IN_DIR(rows_beyond_the_bound_are_dropped_least_urgent_first_and_leave_their_place),
        IN_DIR(numbers_told_without_disk_are_not_given_to_others_after_a_restart),
        IN_DIR(full_disk_takes_the_ballast_first_then_memory_and_recovers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
