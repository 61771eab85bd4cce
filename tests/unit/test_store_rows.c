/*
 * test_store_rows.c - slots, rows and their text; and which times may be stored at all.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/store_gate.h"
#include "gateway/store_rows.h"

#define T0 INT64_C(1767225600000)

static void
polls_near_the_cut_of_a_slot_get_one_slot_each(void **state)
{
    (void)state;
    for (int64_t phase = 0; phase < 10000; phase += 250) {
        struct store_rows rows;
        unsigned seed = (unsigned)phase;

        store_rows_init(&rows, 1, 10);
        for (int i = 0; i < 50; i++) {
            seed = seed * 1103515245u + 12345u;
            int64_t jitter = (int64_t)(seed >> 16) % 800 - 400;

            assert_int_equal(store_rows_put(&rows, 0, i, T0 + phase + i * INT64_C(10000) + jitter),
                             STORE_PUT_NEW_ROW);
        }
        assert_int_equal(rows.count, 50);
        for (uint16_t i = 1; i < 50; i++)
            assert_int_equal(store_rows_time(&rows, i) - store_rows_time(&rows, (uint16_t)(i - 1)),
                             10);
        assert_true(llabs(store_rows_time(&rows, 0) * 1000 - (T0 + phase)) <= 10500);
        store_rows_done(&rows);
    }
}

static void
last_value_of_a_slot_wins(void **state)
{
    const uint16_t columns[] = {0, 1};
    struct store_rows rows;
    char text[STORE_ROW_TEXT(2)];

    (void)state;
    store_rows_init(&rows, 2, 1);
    assert_int_equal(store_rows_put(&rows, 0, 1, T0), STORE_PUT_NEW_ROW);
    assert_int_equal(store_rows_put(&rows, 0, 2, T0 + 200), STORE_PUT_OK);
    assert_int_equal(store_rows_put(&rows, 0, 3, T0 - 1000), STORE_PUT_OLD);
    assert_true(store_rows_format(&rows, 0, columns, 2, text, sizeof text) > 0);
    assert_string_equal(text, "1767225600:2:U");
    store_rows_remove(&rows, 1, true);
    assert_int_equal(store_rows_put(&rows, 0, 3, T0), STORE_PUT_OLD);
    assert_int_equal(rows.count, 0);
    assert_int_equal(store_rows_bytes(&rows), 0);
    store_rows_done(&rows);
}

static void
number_reads_back_as_it_was(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1, "-1"},
        {23.4, "23.4"},
        {-0.1, "-0.1"},
        {230.05, "230.050"},
        {0.000001, "0.000001"},
        {65535, "65535"},
        {1e9, NULL},
        {4294967295., NULL},
        {1e300, NULL},
        {1 / 3., NULL},
        {-1e-12, NULL},
        {NAN, "U"},
        {INFINITY, "U"},
        {-INFINITY, "U"},
        {999999999.9, NULL},
        {5e-324, NULL},
        {-1.7976931348623157e308, NULL},
    };
    const uint16_t column = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_rows one;
        char text[STORE_ROW_TEXT(1)];
        const char *value;

        store_rows_init(&one, 1, 1);
        store_rows_put(&one, 0, rows[i].value, T0);
        size_t length = store_rows_format(&one, 0, &column, 1, text, sizeof text);

        assert_int_equal(length, strlen(text));
        value = strchr(text, ':') + 1;
        if (rows[i].text != NULL && rows[i].value != 0)
            assert_string_equal(value, rows[i].text);
        if (isfinite(rows[i].value))
            assert_true(strtod(value, NULL) == rows[i].value);
        store_rows_done(&one);
    }
}

static void
text_of_a_row_never_leaves_its_room(void **state)
{
    const uint16_t columns[] = {0, STORE_NO_COLUMN, 0, 0};
    char text[STORE_ROW_TEXT(4)];
    struct store_rows rows;

    (void)state;
    store_rows_init(&rows, 1, 1);
    store_rows_put(&rows, 0, -1.2345678901234568e-300, INT64_C(253402300799000));
    assert_int_equal(store_rows_format(&rows, 0, columns, 4, text, sizeof text - 1), 0);
    assert_true(store_rows_format(&rows, 0, columns, 4, text, sizeof text) < sizeof text);
    assert_string_equal(text + strlen("253402300799:-1.2345678901234568e-300"),
                        ":U:-1.2345678901234568e-300:-1.2345678901234568e-300");
    store_rows_done(&rows);
}

static void
rows_that_are_in_the_file_are_skipped(void **state)
{
    struct store_rows rows;

    (void)state;
    store_rows_init(&rows, 1, 1);
    for (int i = 0; i < 10; i++)
        store_rows_put(&rows, 0, i, T0 + i * 1000);
    assert_int_equal(store_rows_skip_to(&rows, T0 / 1000 + 3), 4);
    assert_int_equal(rows.count, 6);
    assert_int_equal(store_rows_time(&rows, 0), T0 / 1000 + 4);
    assert_int_equal(store_rows_skip_to(&rows, T0 / 1000 + 100), 6);
    assert_int_equal(store_rows_put(&rows, 0, 0, T0 + 100000), STORE_PUT_OLD);
    assert_int_equal(store_rows_put(&rows, 0, 0, T0 + 101000), STORE_PUT_NEW_ROW);
    store_rows_done(&rows);
}

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static void
gate_refuses_what_the_steady_clock_does_not_confirm(void **state)
{
    static const struct {
        int64_t jump_ms;
        bool accepted;
    } rows[] = {
        {0, true},          {1000, true},          {-1000, true},       {23 * HOUR, true},
        {DAY, true},        {DAY + 1, false},      {3650 * DAY, false}, {-HOUR, true},
        {-HOUR - 1, false}, {-20000 * DAY, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_gate gate = {0};

        assert_true(store_gate_accepts(&gate, T0, 5000, true));
        assert_int_equal(store_gate_accepts(&gate, T0 + 1000 + rows[i].jump_ms, 6000, true),
                         rows[i].accepted);
        assert_int_equal(gate.has_jumped, !rows[i].accepted);
        if (!rows[i].accepted) { /* one bad stamp harms no other */
            assert_true(store_gate_accepts(&gate, T0 + 2000, 7000, true));
            assert_false(gate.has_jumped);
        }
    }
}

static void
gate_believes_a_jump_that_stays_only_of_a_synchronised_clock(void **state)
{
    struct store_gate gate = {0};
    int64_t mono = 5000;

    (void)state;
    assert_true(store_gate_accepts(&gate, T0, mono, false));
    for (; mono < 5000 + 2 * STORE_BELIEVE_MS; mono += 1000)
        assert_false(store_gate_accepts(&gate, T0 + 100 * DAY + mono, mono, false));
    assert_true(store_gate_accepts(&gate, T0 + 100 * DAY + mono, mono, true));
    assert_false(gate.has_jumped);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polls_near_the_cut_of_a_slot_get_one_slot_each),
        cmocka_unit_test(last_value_of_a_slot_wins),
        cmocka_unit_test(number_reads_back_as_it_was),
        cmocka_unit_test(text_of_a_row_never_leaves_its_room),
        cmocka_unit_test(rows_that_are_in_the_file_are_skipped),
        cmocka_unit_test(gate_refuses_what_the_steady_clock_does_not_confirm),
        cmocka_unit_test(gate_believes_a_jump_that_stays_only_of_a_synchronised_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
