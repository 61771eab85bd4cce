/*
 * test_journal_verify.c - a journal that was touched anywhere is found out: every byte, every row.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "alerts/journal.h"
#include "alerts/journal_sign.h"
#include "alerts/journal_verify.h"

#define NOW INT64_C(1764000000000)
#define ROWS 10

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Of journal.pub; read once, for the thousands of walks below. */
static struct sign_keys known;

static int
make_dir(void **state)
{
    char *dir = strdup("/tmp/watchroom-verify-XXXXXX");

    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int
drop_dir(void **state)
{
    nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    sign_keys_done(&known);
    return 0;
}

static const char *
path_in(const char *dir, const char *name)
{
    static char path[300];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct journal *
open_in(const char *dir)
{
    struct journal_open_result result;
    struct journal *journal = NULL;
    struct err err = {0};

    if (journal_open(dir, "demo", NOW, 0, &journal, &result, &err) != ERR_OK)
        fail_msg("journal_open: %s", err.text);
    return journal;
}

static void
note(struct journal *journal, int64_t utc_ms, const char *text)
{
    assert_true(journal_add(journal, "note", utc_ms, json_pack("{s:s}", "text", text), NULL, 0, 0) >
                0);
}

static void
sign_now(struct journal *journal, int64_t utc_ms)
{
    struct err err = {0};

    if (journal_checkpoint(journal, utc_ms, &err) != ERR_OK)
        fail_msg("journal_checkpoint: %s", err.text);
}

static void
commit(struct journal *journal)
{
    assert_int_equal(journal_commit(journal, NOW, NULL), ERR_OK);
}

/* Rows of several kinds, a checkpoint in the middle and one at the end. */
static void
make_small(const char *dir)
{
    static const char RAISED[] = "{\"alarm\":{\"id\":\"power/ups-a/on-battery\",\"text\":\"a } "
                                 "\\\" b\",\"value\":[1,{\"x\":2.5}]},\"change\":[\"raised\"]}";
    struct journal *journal = open_in(dir);

    for (unsigned i = 1; i <= ROWS; i++) {
        if (i == 5 || i == ROWS)
            sign_now(journal, NOW + i);
        else if (i % 3 == 0)
            assert_true(journal_add_text(journal, "alarm", NOW + i, RAISED, strlen(RAISED),
                                         "power/ups-a/on-battery", 3, 2) > 0);
        else
            note(journal, NOW + i, "the door was closed at all times");
    }
    commit(journal);
    journal_close(journal);
}

/* False: the file cannot even be read, which is an answer, too. */
static bool
try_verify(const char *dir, const char *witness, struct journal_verdict *out)
{
    struct journal_reader *reader = NULL;
    struct journal_verify_params params = {.keys = &known, .witness = witness};
    bool good;

    if (known.count == 0)
        assert_int_equal(sign_keys_read(&known, path_in(dir, JOURNAL_PUBLIC_FILE), NULL), ERR_OK);
    good = journal_reader_open(dir, &reader, NULL) == ERR_OK &&
           journal_verify(reader, &params, out, NULL) == ERR_OK;
    journal_reader_close(reader);
    return good;
}

static struct journal_verdict
verify(const char *dir)
{
    struct journal_verdict verdict = {0};

    assert_true(try_verify(dir, NULL, &verdict));
    return verdict;
}

static bool
is_fine(const struct journal_verdict *verdict)
{
    return verdict->is_complete && verdict->is_unaltered && verdict->is_signed;
}

static void
assert_fine(const char *dir)
{
    struct journal_verdict verdict = verify(dir);

    if (!is_fine(&verdict))
        fail_msg("verify: %s", verdict.reason);
}

static void
sql(const char *dir, const char *text)
{
    sqlite3 *handle = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path_in(dir, "journal.db"), &handle), SQLITE_OK);
    if (sqlite3_exec(handle, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_exec(handle, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static size_t
read_all(const char *path, uint8_t **out)
{
    struct stat status;
    int fd = open(path, O_RDONLY);

    assert_int_equal(fstat(fd, &status), 0);
    *out = malloc((size_t)status.st_size);
    assert_int_equal(read(fd, *out, (size_t)status.st_size), status.st_size);
    close(fd);
    return (size_t)status.st_size;
}

static void
write_all(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

/* What a reader gets of a journal, as one number. */
static bool
on_row(void *ctx, const struct journal_row *row)
{
    uint64_t *sum = ctx;
    const char *texts[] = {row->kind, row->alarm_id, row->body, row->hash};

    *sum = fingerprint(*sum, &row->seq, sizeof row->seq);
    *sum = fingerprint(*sum, &row->utc_ms, sizeof row->utc_ms);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i] != NULL)
            *sum = fingerprint(*sum, texts[i], strlen(texts[i]) + 1);
    return true;
}

static uint64_t
facts_of(const char *dir)
{
    struct journal_reader *reader = NULL;
    uint64_t sum = FINGERPRINT_START, last = 0;

    if (journal_reader_open(dir, &reader, NULL) != ERR_OK ||
        journal_reader_rows(reader, 0, JOURNAL_READ_MAX, on_row, &sum, &last, NULL) != ERR_OK)
        sum = 0;
    journal_reader_close(reader);
    return sum;
}

static void
journal_as_written_is_complete_unaltered_and_signed(void **state)
{
    make_small(*state);
    struct journal_verdict verdict = verify(*state);
    assert_true(is_fine(&verdict));
    assert_int_equal(verdict.rows, ROWS);
    assert_int_equal(verdict.checkpoints, 2);
    assert_int_equal(verdict.signed_to, ROWS);
    assert_int_equal(verdict.first_bad_seq, 0);
}

/* Of the file itself. A byte that holds no fact (free space, counters of SQLite) may change: then a
 * reader must get the very same rows. */
static void
each_byte_of_the_file_flipped_is_found_or_changes_no_fact(void **state)
{
    const char *dir = *state;
    unsigned found = 0, harmless = 0;
    uint8_t *bytes;
    char path[300];

    make_small(dir);
    sql(dir, "PRAGMA page_size=512; PRAGMA journal_mode=DELETE; VACUUM;");
    assert_fine(dir);
    uint64_t facts = facts_of(dir);
    snprintf(path, sizeof path, "%s", path_in(dir, "journal.db"));
    size_t length = read_all(path, &bytes);
    int fd = open(path, O_WRONLY);
    for (size_t i = 0; i < length; i++) {
        struct journal_verdict verdict = {0};
        uint8_t flipped = bytes[i] ^ (uint8_t)(1u << (i % 8));

        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
        if (!try_verify(dir, NULL, &verdict) || !is_fine(&verdict))
            found++;
        else if (facts_of(dir) == facts)
            harmless++;
        else
            fail_msg("byte %zu: the rows read differently and verify is content", i);
        assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
        unlink(path_in(dir, "journal.db-journal")); /* a flipped header may ask for one */
        unlink(path_in(dir, "journal.db-wal"));
        unlink(path_in(dir, "journal.db-shm"));
    }
    close(fd);
    free(bytes);
    assert_fine(dir);
    print_message("%zu bytes: %u found, %u hold no fact\n", length, found, harmless);
    assert_true(found > 4000);
}

/* Of the rows as texts: here every byte is a fact, so every bit of it must be found. */
static void
each_byte_of_each_row_flipped_is_found_and_the_row_named(void **state)
{
    static const char *const COLUMNS[] = {"body", "hash", "kind"};
    const char *dir = *state;
    char text[400];
    unsigned flips = 0;
    sqlite3 *handle = NULL;

    make_small(dir);
    assert_int_equal(sqlite3_open(path_in(dir, "journal.db"), &handle), SQLITE_OK);
    sqlite3_exec(handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    for (unsigned row = 1; row <= ROWS; row++)
        for (size_t c = 0; c < ARRAY_LEN(COLUMNS); c++) {
            sqlite3_stmt *read, *write;

            snprintf(text, sizeof text, "SELECT %s FROM row WHERE seq = %u", COLUMNS[c], row);
            assert_int_equal(sqlite3_prepare_v2(handle, text, -1, &read, NULL), SQLITE_OK);
            assert_int_equal(sqlite3_step(read), SQLITE_ROW);
            char *value = strdup((const char *)sqlite3_column_text(read, 0));
            sqlite3_finalize(read);
            snprintf(text, sizeof text, "UPDATE row SET %s = ?1 WHERE seq = %u", COLUMNS[c], row);
            assert_int_equal(sqlite3_prepare_v2(handle, text, -1, &write, NULL), SQLITE_OK);
            for (size_t i = 0, length = strlen(value); i <= length; i++) {
                struct journal_verdict verdict = {0};
                uint8_t bit = (uint8_t)(1u << (i % 7));

                value[i] = (char)(value[i] ^ (i < length ? bit : 0)); /* last: all is as it was */
                sqlite3_bind_text(write, 1, value, (int)length, SQLITE_TRANSIENT);
                assert_int_equal(sqlite3_step(write), SQLITE_DONE);
                sqlite3_reset(write);
                value[i] = (char)(value[i] ^ (i < length ? bit : 0));
                if (i == length)
                    break;
                flips++;
                verdict = verify(dir);
                if (verdict.is_unaltered)
                    fail_msg("row %u: %s, byte %zu: not found", row, COLUMNS[c], i);
                assert_int_equal(verdict.first_bad_seq, row);
            }
            sqlite3_finalize(write);
            free(value);
        }
    sqlite3_close(handle);
    assert_fine(dir);
    print_message("%u flips, all found\n", flips);
}

/* `change` is done to a fresh journal for each row from `from`; what must be found is counted. */
static void
for_each_row(const char *dir, unsigned from, unsigned to, const char *change)
{
    uint8_t *bytes;
    char text[2000], path[300];

    make_small(dir);
    sql(dir, "PRAGMA journal_mode=DELETE;");
    snprintf(path, sizeof path, "%s", path_in(dir, "journal.db"));
    size_t length = read_all(path, &bytes);
    for (unsigned row = from; row <= to; row++) {
        struct journal_verdict verdict;

        sqlite3_snprintf((int)sizeof text, text, change, row, row, row, row, row, row);
        sql(dir, text);
        verdict = verify(dir);
        if (verdict.is_complete && verdict.is_unaltered)
            fail_msg("row %u: %s: not found", row, text);
        if (verdict.first_bad_seq < row || verdict.first_bad_seq > row + 1)
            fail_msg("row %u: %s: blames row %llu (%s)", row, text,
                     (unsigned long long)verdict.first_bad_seq, verdict.reason);
        write_all(path, bytes, length);
    }
    free(bytes);
    assert_fine(dir);
}

static void
each_row_removed_is_found(void **state)
{
    for_each_row(*state, 1, ROWS, "DELETE FROM row WHERE seq = %u");
}

static void
each_row_removed_with_the_numbers_closed_up_is_found(void **state)
{
    for_each_row(*state, 1, ROWS - 1,
                 "DELETE FROM row WHERE seq = %u;"
                 "UPDATE row SET seq = -seq, first = -first WHERE seq > %u;"
                 "UPDATE row SET seq = -seq - 1, first = -first - 1 WHERE seq < 0;");
}

static void
each_tail_cut_off_is_found(void **state)
{
    for_each_row(*state, 1, ROWS, "DELETE FROM row WHERE seq >= %u");
}

static void
row_inserted_anywhere_is_found(void **state)
{
    for_each_row(*state, 1, ROWS,
                 "UPDATE row SET seq = -seq, first = -first WHERE seq >= %u;"
                 "UPDATE row SET seq = -seq + 1, first = -first + 1 WHERE seq < 0;"
                 "INSERT INTO row SELECT %u, %u, utc_ms, kind, alarm, audiences, priority, hash,"
                 " payload, body FROM row WHERE seq = %u + 1;");
}

/* Where nobody reads, but where a row would lie one day. */
static void
row_inserted_before_the_first_is_found(void **state)
{
    for_each_row(*state, 1, 1,
                 "INSERT INTO row SELECT 0, 0, utc_ms, kind, alarm, audiences, priority, hash,"
                 " payload, body FROM row WHERE seq = %u;");
    drop_dir(state);
    make_dir(state);
    for_each_row(*state, 1, 1,
                 "INSERT INTO row SELECT -5, -5, utc_ms, kind, alarm, audiences, priority, hash,"
                 " payload, body FROM row WHERE seq = %u;");
}

static void
neighbours_in_the_wrong_order_are_found(void **state)
{
    for_each_row(*state, 1, ROWS - 1,
                 "UPDATE row SET seq = -%u, first = -%u WHERE seq = %u;"
                 "UPDATE row SET seq = seq - 1, first = first - 1 WHERE seq = %u + 1;"
                 "UPDATE row SET seq = -seq + 1, first = -first + 1 WHERE seq < 0;");
}

static void
bodies_of_neighbours_exchanged_are_found(void **state)
{
    for_each_row(*state, 1, ROWS - 1,
                 "CREATE TABLE t AS SELECT body, hash FROM row WHERE seq = %u;"
                 "UPDATE row SET (body, hash) = (SELECT body, hash FROM row WHERE seq = %u + 1)"
                 " WHERE seq = %u;"
                 "UPDATE row SET (body, hash) = (SELECT body, hash FROM t) WHERE seq = %u + 1;");
}

static void
time_and_alarm_a_row_is_filed_under_are_checked(void **state)
{
    for_each_row(*state, 1, ROWS, "UPDATE row SET utc_ms = utc_ms + 1 WHERE seq = %u");
    drop_dir(state);
    make_dir(state);
    for_each_row(*state, 3, 3, "UPDATE row SET alarm = 'power/ups-b/on-battery' WHERE seq = %u");
}

/* Somebody with the file but without the key alters a row and makes the whole chain anew. */
static void
chain_made_anew_without_the_key_is_not_signed(void **state)
{
    const char *dir = *state;
    struct journal_verdict verdict;
    char kept[300];

    snprintf(kept, sizeof kept, "%s.pub", dir);
    make_small(dir);
    assert_int_equal(rename(path_in(dir, "journal.pub"), kept), 0);
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(dir, 0700), 0);
    make_small(dir); /* with a key of its own */
    assert_fine(dir);
    assert_int_equal(rename(kept, path_in(dir, "journal.pub")), 0);
    sign_keys_done(&known);
    verdict = verify(dir);
    assert_true(verdict.is_complete && verdict.is_unaltered);
    assert_false(verdict.is_signed);
    assert_int_equal(verdict.unsigned_.seq, 1);
    assert_non_null(strstr(verdict.unsigned_.why, "no checkpoint"));
}

static void
rows_hours_behind_the_last_checkpoint_are_not_signed(void **state)
{
    struct journal *journal;
    struct journal_verdict verdict;

    make_small(*state);
    journal = open_in(*state);
    note(journal, NOW + INT64_C(90) * 60000, "an hour and a half later");
    commit(journal);
    assert_fine(*state);
    note(journal, NOW + INT64_C(121) * 60000, "two hours later");
    commit(journal);
    journal_close(journal);
    verdict = verify(*state);
    assert_true(verdict.is_complete && verdict.is_unaltered);
    assert_false(verdict.is_signed);
    assert_int_equal(verdict.unsigned_.seq, ROWS + 1);
}

struct kept {
    uint64_t seq;
    char line[2000];
};

static bool
keep_row(void *ctx, const struct journal_row *row)
{
    struct kept *kept = ctx;

    if (row->seq == kept->seq)
        snprintf(kept->line, sizeof kept->line, "%.*s,\"hash\":\"%s\"}\n", (int)row->body_bytes - 1,
                 row->body, row->hash);
    return true;
}

static void
checkpoint_kept_elsewhere_finds_a_journal_that_was_replaced_or_cut(void **state)
{
    const char *dir = *state;
    struct journal_reader *reader = NULL;
    struct journal_verdict verdict = {0};
    struct kept kept = {.seq = ROWS};
    uint64_t last;

    make_small(dir);
    assert_int_equal(journal_reader_open(dir, &reader, NULL), ERR_OK);
    assert_int_equal(journal_reader_rows(reader, 0, 1000, keep_row, &kept, &last, NULL), ERR_OK);
    journal_reader_close(reader);
    assert_true(try_verify(dir, kept.line, &verdict));
    assert_true(is_fine(&verdict));

    /* The tail is cut, and the journal's own word of its checkpoint with it. */
    sql(dir, "DELETE FROM row WHERE seq > 5; UPDATE kv SET value = 5 WHERE key = 'checkpoint'");
    assert_fine(dir);
    assert_true(try_verify(dir, kept.line, &verdict));
    assert_false(verdict.is_complete);
    assert_int_equal(verdict.first_bad_seq, 6);

    /* The key's owner writes another history behind it. */
    struct journal *journal = open_in(dir);
    for (unsigned i = 6; i < ROWS; i++)
        note(journal, NOW + i, "nothing happened");
    sign_now(journal, NOW + ROWS);
    commit(journal);
    journal_close(journal);
    assert_fine(dir);
    assert_true(try_verify(dir, kept.line, &verdict));
    assert_false(verdict.is_unaltered);
    assert_int_equal(verdict.first_bad_seq, ROWS);

    assert_false(try_verify(dir, "{\"kind\":\"note\"}", &verdict));
    assert_false(try_verify(dir, "not JSON", &verdict));
    assert_false(
        try_verify(dir, "{\"kind\":\"checkpoint\",\"jid\":\"other\",\"seq\":1}", &verdict));
}

static void
pruned_journal_begins_where_a_signed_checkpoint_says(void **state)
{
    const char *dir = *state;
    struct journal *journal = open_in(dir);
    struct journal_verdict verdict;

    for (unsigned i = 1; i <= 1100; i++)
        note(journal, NOW + i, "row");
    commit(journal);
    journal_housekeep(journal, NOW + 2000, NOW + 5000, 1100);
    assert_int_equal(journal_oldest(journal), 501); /* a slice of 500 at most */
    journal_housekeep(journal, NOW + 2000, NOW + 5000, 1100);
    assert_int_equal(journal_oldest(journal), 1001);
    journal_close(journal);
    assert_fine(dir);
    verdict = verify(dir);
    assert_int_equal(verdict.oldest, 1001);

    /* More pruned than was signed for. */
    sql(dir, "DELETE FROM row WHERE seq = 1001");
    verdict = verify(dir);
    assert_false(verdict.is_complete);
    assert_int_equal(verdict.incomplete.seq, 1002);
}

static void
key_is_made_once_private_and_kept_over_restarts(void **state)
{
    const char *dir = *state;
    struct stat status;
    uint8_t *before, *after;

    make_small(dir);
    assert_int_equal(stat(path_in(dir, "journal.key"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(path_in(dir, "journal.pub"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    size_t length = read_all(path_in(dir, "journal.key"), &before);
    chmod(path_in(dir, "journal.key"), 0640);
    journal_close(open_in(dir));
    assert_int_equal(read_all(path_in(dir, "journal.key"), &after), length);
    assert_memory_equal(before, after, length);
    assert_int_equal(stat(path_in(dir, "journal.key"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    free(before);
    free(after);
}

/* What the old key signed stays provable by the public file. */
static void
damaged_key_is_put_aside_and_both_public_keys_are_kept(void **state)
{
    const char *dir = *state;
    struct journal_open_result result;
    struct journal *journal = NULL;
    struct sign_keys keys = {0};

    make_small(dir);
    write_all(path_in(dir, "journal.key"), "no key", 6);
    assert_int_equal(journal_open(dir, "demo", NOW, 0, &journal, &result, NULL), ERR_OK);
    assert_non_null(strstr(result.key_note, "damaged"));
    sign_now(journal, NOW + ROWS + 1);
    commit(journal);
    journal_close(journal);
    assert_fine(dir);
    assert_int_equal(sign_keys_read(&keys, path_in(dir, "journal.pub"), NULL), ERR_OK);
    assert_int_equal(keys.count, 2);
    sign_keys_done(&keys);
}

static void
journal_without_a_key_goes_on_unsigned_and_prunes_nothing(void **state)
{
    const char *dir = *state;
    struct journal *journal;
    struct err err;

    assert_int_equal(mkdir(path_in(dir, "journal.pub"), 0700), 0); /* a key nobody could check */
    journal = open_in(dir);
    for (unsigned i = 1; i <= 600; i++)
        note(journal, NOW + i, "row");
    commit(journal);
    assert_int_not_equal(journal_checkpoint(journal, NOW, &err), ERR_OK);
    assert_true(err.text[0] != '\0');
    journal_housekeep(journal, NOW + 2000, NOW + 5000, 600);
    assert_int_equal(journal_oldest(journal), 1);
    assert_int_equal(rmdir(path_in(dir, "journal.pub")), 0);
    sign_now(journal, NOW + 700); /* as soon as it can */
    commit(journal);
    journal_close(journal);
    assert_fine(dir);
}

int
main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(journal_as_written_is_complete_unaltered_and_signed),
        IN_DIR(each_byte_of_the_file_flipped_is_found_or_changes_no_fact),
        IN_DIR(each_byte_of_each_row_flipped_is_found_and_the_row_named),
        IN_DIR(each_row_removed_is_found),
        IN_DIR(each_row_removed_with_the_numbers_closed_up_is_found),
        IN_DIR(each_tail_cut_off_is_found),
        IN_DIR(row_inserted_anywhere_is_found),
        IN_DIR(row_inserted_before_the_first_is_found),
        IN_DIR(neighbours_in_the_wrong_order_are_found),
        IN_DIR(bodies_of_neighbours_exchanged_are_found),
        IN_DIR(time_and_alarm_a_row_is_filed_under_are_checked),
        IN_DIR(chain_made_anew_without_the_key_is_not_signed),
        IN_DIR(rows_hours_behind_the_last_checkpoint_are_not_signed),
        IN_DIR(checkpoint_kept_elsewhere_finds_a_journal_that_was_replaced_or_cut),
        IN_DIR(pruned_journal_begins_where_a_signed_checkpoint_says),
        IN_DIR(key_is_made_once_private_and_kept_over_restarts),
        IN_DIR(damaged_key_is_put_aside_and_both_public_keys_are_kept),
        IN_DIR(journal_without_a_key_goes_on_unsigned_and_prunes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
