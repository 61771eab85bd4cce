/*
 * test_cursor.c - the courier's cursor: torn writes, foreign bytes, another journal.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/cursor.h"

#define JID_A "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define JID_B "01BX5ZZKBKACTAV9WEVGEMMVRZ"

static char dir[] = "/tmp/test-cursor-XXXXXX";
static char path[64];

static int
set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test-cursor-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/courier.cursor", dir);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void
open_cursor(struct cursor *cursor)
{
    struct err err;

    assert_int_equal(cursor_open(cursor, dir, &err), ERR_OK);
}

static void
spoil(off_t at)
{
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, at), 4);
    close(fd);
}

static void
cursor_peek_tells_what_is_kept_for_this_journal_and_makes_nothing(void **state)
{
    struct cursor cursor;
    struct err err;

    (void)state;
    assert_int_equal(cursor_peek(dir, JID_A), 0);
    assert_int_equal(access(path, F_OK), -1);
    open_cursor(&cursor);
    assert_int_equal(cursor_save(&cursor, JID_A, 41, &err), ERR_OK);
    assert_int_equal(cursor_save(&cursor, JID_A, 42, &err), ERR_OK);
    assert_int_equal(cursor_peek(dir, JID_A), 42);
    assert_int_equal(cursor_peek(dir, JID_B), 0);
    cursor_close(&cursor);
}

static void
cursor_new_file_starts_from_nothing(void **state)
{
    struct cursor cursor;

    (void)state;
    open_cursor(&cursor);
    assert_string_equal(cursor.jid, "");
    assert_int_equal(cursor.seq, 0);
    cursor_close(&cursor);
}

static void
cursor_saved_is_found_again(void **state)
{
    struct cursor cursor;
    struct err err;

    (void)state;
    open_cursor(&cursor);
    for (uint64_t seq = 1; seq <= 5; seq++)
        assert_int_equal(cursor_save(&cursor, seq < 4 ? JID_A : JID_B, seq * 10, &err), ERR_OK);
    cursor_close(&cursor);
    open_cursor(&cursor);
    assert_string_equal(cursor.jid, JID_B);
    assert_int_equal(cursor.seq, 50);
    cursor_close(&cursor);
}

static void
cursor_torn_newer_slot_falls_back_to_the_older(void **state)
{
    struct cursor cursor;
    struct err err;

    (void)state;
    open_cursor(&cursor);
    assert_int_equal(cursor_save(&cursor, JID_A, 10, &err), ERR_OK); /* counter 1: slot 1 */
    assert_int_equal(cursor_save(&cursor, JID_A, 20, &err), ERR_OK); /* counter 2: slot 0 */
    cursor_close(&cursor);
    spoil(16);
    open_cursor(&cursor);
    assert_int_equal(cursor.seq, 10);
    /* ... and the next write takes the torn slot, not the good one. */
    assert_int_equal(cursor_save(&cursor, JID_A, 30, &err), ERR_OK);
    spoil(512 + 16);
    cursor_close(&cursor);
    open_cursor(&cursor);
    assert_int_equal(cursor.seq, 30);
    cursor_close(&cursor);
}

static void
cursor_both_slots_bad_starts_from_nothing(void **state)
{
    struct cursor cursor;
    struct err err;

    (void)state;
    open_cursor(&cursor);
    assert_int_equal(cursor_save(&cursor, JID_A, 10, &err), ERR_OK);
    assert_int_equal(cursor_save(&cursor, JID_A, 20, &err), ERR_OK);
    cursor_close(&cursor);
    spoil(8);
    spoil(512 + 8);
    open_cursor(&cursor);
    assert_string_equal(cursor.jid, "");
    assert_int_equal(cursor.seq, 0);
    cursor_close(&cursor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            cursor_peek_tells_what_is_kept_for_this_journal_and_makes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursor_new_file_starts_from_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursor_saved_is_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursor_torn_newer_slot_falls_back_to_the_older, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cursor_both_slots_bad_starts_from_nothing, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
