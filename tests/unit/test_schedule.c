/*
 * test_schedule.c - the grid of poll slots: spread, steady, and never caught up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/schedule.h"

static void
phases_of_any_run_of_devices_fill_the_period_evenly(void **state)
{
    enum { SLICES = 20 };
    static const struct {
        uint32_t first, count;
        int64_t interval_ms;
    } runs[] = {{0, 200, 1000}, {4321, 200, 1000}, {1000000, 5000, 1000}, {7, 400, 10000}};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(runs); r++) {
        uint32_t fair = runs[r].count / SLICES, slices[SLICES] = {0};

        for (uint32_t d = 0; d < runs[r].count; d++) {
            int64_t phase = schedule_phase_ms(runs[r].first + d, 0, 1, runs[r].interval_ms,
                                              runs[r].interval_ms);
            assert_in_range(phase, 0, runs[r].interval_ms - 1);
            slices[phase * SLICES / runs[r].interval_ms]++;
        }
        for (int i = 0; i < SLICES; i++)
            assert_in_range(slices[i], fair - 3, fair + 3);
    }
}

static void
groups_of_one_device_never_start_together(void **state)
{
    static const int64_t intervals[] = {1000, 10000, 60000};

    (void)state;
    for (uint32_t d = 0; d < 5000; d++) {
        int64_t at[3];

        for (uint16_t g = 0; g < 3; g++) {
            at[g] = schedule_phase_ms(d, g, 3, intervals[g], 1000);
            assert_in_range(at[g], 0, intervals[g] - 1);
        }
        for (int g = 0; g < 3; g++) {
            int64_t apart = llabs(at[g] % 1000 - at[(g + 1) % 3] % 1000);
            assert_in_range(apart < 500 ? apart : 1000 - apart, 330, 336);
        }
    }
}

static void
slow_groups_of_many_devices_fill_their_long_period(void **state)
{
    uint32_t seconds[60] = {0};

    (void)state;
    for (uint32_t d = 0; d < 6000; d++)
        seconds[schedule_phase_ms(d, 1, 2, 60000, 1000) / 1000]++;
    for (int i = 0; i < 60; i++)
        assert_in_range(seconds[i], 90, 110);
}

static void
phase_is_the_same_after_every_start(void **state)
{
    (void)state;
    for (uint32_t d = 0; d < 100; d++)
        assert_int_equal(schedule_phase_ms(d, 1, 3, 10000, 1000),
                         schedule_phase_ms(d, 1, 3, 10000, 1000));
}

static void
slot_after_is_on_the_grid_and_later(void **state)
{
    static const struct {
        int64_t interval_ms, phase_ms, now_ms, want_ms;
    } rows[] = {
        {1000, 0, 0, 1000},      {1000, 0, 999, 1000},
        {1000, 0, 1000, 2000},   {1000, 300, 0, 300},
        {1000, 300, 299, 300},   {1000, 300, 300, 1300},
        {1000, 300, 5000, 5300}, {1000, 999, 5000, 5999},
        {10000, 7000, 3, 7000},  {1, 0, 5, 6},
        {1000, 300, -700, 300},  {1000, 300, -701, -700},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(schedule_slot_after(rows[i].interval_ms, rows[i].phase_ms, rows[i].now_ms),
                         rows[i].want_ms);
}

static void
first_reading_comes_within_the_period_or_the_spread(void **state)
{
    static const int64_t intervals[] = {100, 1000, 5000, 10000, 3600000};
    const int64_t now_ms = 123456789, spread_ms = 5000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(intervals); i++)
        for (uint32_t d = 0; d < 1000; d++) {
            int64_t phase = schedule_phase_ms(d, 0, 1, intervals[i], intervals[i]);
            int64_t first = schedule_first_slot(intervals[i], phase, now_ms, spread_ms);
            int64_t most = intervals[i] < spread_ms ? intervals[i] : spread_ms;

            assert_in_range(first - now_ms, 0, most);
        }
}

static void
turn_on_time_is_due_and_skips_nothing(void **state)
{
    struct schedule_turn turn = schedule_turn(1000, 300, 5300, 5301);

    (void)state;
    assert_true(turn.is_due);
    assert_int_equal(turn.slot_ms, 5300);
    assert_int_equal(turn.next_ms, 6300);
    assert_int_equal(turn.skipped, 0);
}

static void
late_turns_keep_the_grid_and_catch_nothing_up(void **state)
{
    static const struct {
        int64_t due_ms, now_ms, slot_ms, next_ms;
        uint32_t skipped;
        bool is_due;
    } rows[] = {
        {5300, 5800, 5300, 6300, 0, true},  /* half a period: still worth it */
        {5300, 5801, 5300, 6300, 1, false}, /* more: the next one is nearer */
        {5300, 6299, 5300, 6300, 1, false},
        {5300, 6300, 6300, 7300, 1, true}, /* exactly at the next */
        {5300, 6400, 6300, 7300, 1, true},
        {5300, 15350, 15300, 16300, 10, true}, /* stopped for ten seconds */
        {5300, 15900, 15300, 16300, 11, false},
        {5000, 5001, 5000, 5300, 0, true}, /* begun off the grid: joins it */
        {5000, 5310, 5300, 6300, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schedule_turn turn = schedule_turn(1000, 300, rows[i].due_ms, rows[i].now_ms);

        assert_int_equal(turn.slot_ms, rows[i].slot_ms);
        assert_int_equal(turn.next_ms, rows[i].next_ms);
        assert_int_equal(turn.skipped, rows[i].skipped);
        assert_int_equal(turn.is_due, rows[i].is_due);
    }
}

static void
every_slot_is_either_read_or_counted_as_skipped(void **state)
{
    int64_t due_ms = 300, now_ms = 300;
    uint32_t read = 0, skipped = 0, seed = 1;

    (void)state;
    while (now_ms < 10000000) {
        struct schedule_turn turn = schedule_turn(1000, 300, due_ms, now_ms);

        read += turn.is_due;
        skipped += turn.skipped;
        due_ms = turn.next_ms;
        seed = seed * 1664525u + 1013904223u;
        now_ms = due_ms + seed % 3000; /* woken up to three periods late */
    }
    assert_int_equal(read + skipped, (due_ms - 300) / 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_of_any_run_of_devices_fill_the_period_evenly),
        cmocka_unit_test(groups_of_one_device_never_start_together),
        cmocka_unit_test(slow_groups_of_many_devices_fill_their_long_period),
        cmocka_unit_test(phase_is_the_same_after_every_start),
        cmocka_unit_test(slot_after_is_on_the_grid_and_later),
        cmocka_unit_test(first_reading_comes_within_the_period_or_the_spread),
        cmocka_unit_test(turn_on_time_is_due_and_skips_nothing),
        cmocka_unit_test(late_turns_keep_the_grid_and_catch_nothing_up),
        cmocka_unit_test(every_slot_is_either_read_or_counted_as_skipped),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
