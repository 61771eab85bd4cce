/*
 * test_flood.c - who is told more than people can take in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "alerts/flood.h"

#define SECURITY AUDIENCE_BIT(AUDIENCE_SECURITY)
#define FACILITIES AUDIENCE_BIT(AUDIENCE_FACILITIES)
#define ALL (AUDIENCE_BIT(AUDIENCE_COUNT) - 1)
#define START INT64_C(5000000)
#define UTC_AHEAD INT64_C(1700000000000)

static struct flood flood, other;

static struct stamp
at_s(int64_t s)
{
    return (struct stamp){UTC_AHEAD + START + s * 1000, START + s * 1000};
}

static int
set_up(void **state)
{
    (void)state;
    flood_init(&flood, &FLOOD_LIMITS_DEFAULT);
    flood_init(&other, &FLOOD_LIMITS_DEFAULT);
    return 0;
}

/* So many told to facilities, one each second from `s` on; returns who is in a flood. */
static unsigned
tell(unsigned count, int64_t s)
{
    for (unsigned i = 0; i < count; i++)
        flood_note(&flood, FACILITIES, at_s(s + i));
    return flood_audiences(&flood);
}

static void
tenth_told_within_ten_minutes_begins_a_flood(void **state)
{
    (void)state;
    assert_int_equal(tell(9, 0), 0);
    assert_int_equal(flood_note(&flood, FACILITIES, at_s(599)), FACILITIES);
    assert_int_equal(flood_audiences(&flood), FACILITIES);
    assert_int_equal(flood.of[AUDIENCE_FACILITIES].told, 10);
    assert_int_equal(flood.of[AUDIENCE_FACILITIES].since_utc_ms, at_s(599).utc_ms);
    assert_int_equal(flood_note(&flood, FACILITIES, at_s(600)), 0); /* it has begun already */
    assert_int_equal(flood.of[AUDIENCE_FACILITIES].told, 11);
}

static void
ten_told_over_more_than_the_time_are_none(void **state)
{
    (void)state;
    tell(9, 0);
    assert_int_equal(flood_note(&flood, FACILITIES, at_s(600)), 0);
    for (int64_t s = 1000; s < 100000; s += 67) /* nine in ten minutes, for ever */
        assert_int_equal(flood_note(&flood, FACILITIES, at_s(s)), 0);
}

static void
flood_ends_below_five_and_not_before(void **state)
{
    (void)state;
    assert_int_equal(tell(12, 0), FACILITIES); /* at 0 .. 11 s */
    assert_int_equal(flood_tick(&flood, at_s(606)), 0);
    assert_int_equal(flood_recent(&flood, AUDIENCE_FACILITIES, at_s(606).mono_ms), 5);
    assert_int_equal(flood_tick(&flood, at_s(607)), FACILITIES);
    assert_int_equal(flood_recent(&flood, AUDIENCE_FACILITIES, at_s(607).mono_ms), 4);
    assert_int_equal(flood_audiences(&flood), 0);
    assert_int_equal(flood_tick(&flood, at_s(608)), 0);
    assert_int_equal(flood.of[AUDIENCE_FACILITIES].told, 12);
    assert_int_equal(tell(5, 610), 0); /* five: a new one needs ten again */
}

static void
each_audience_has_its_own(void **state)
{
    (void)state;
    tell(9, 0);
    for (int i = 0; i < 9; i++)
        assert_int_equal(flood_note(&flood, SECURITY, at_s(20 + i)), 0);
    assert_int_equal(flood_note(&flood, ALL, at_s(30)), SECURITY | FACILITIES);
    assert_int_equal(flood_recent(&flood, AUDIENCE_CONTINUITY, at_s(30).mono_ms), 1);
}

static void
less_urgent_alarms_are_silent_while_all_who_hear_them_are_flooded(void **state)
{
    static const struct {
        unsigned audiences, priority;
        bool is_audible;
    } cases[] = {
        {FACILITIES, 1, true},
        {FACILITIES, 2, true},
        {FACILITIES, 3, false},
        {FACILITIES, 4, false},
        {FACILITIES | SECURITY, 4, true},
        {SECURITY, 3, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(flood_is_audible(&flood, cases[i].audiences, cases[i].priority));
    tell(10, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(flood_is_audible(&flood, cases[i].audiences, cases[i].priority),
                         cases[i].is_audible);
}

static void
storm_is_counted_whole_and_remembered_in_part(void **state)
{
    (void)state;
    for (int i = 0; i < 50000; i++)
        flood_note(&flood, FACILITIES, at_s(1));
    assert_int_equal(flood.of[AUDIENCE_FACILITIES].told, 50000);
    assert_int_equal(flood_recent(&flood, AUDIENCE_FACILITIES, at_s(1).mono_ms), FLOOD_MAX);
    assert_int_equal(flood_tick(&flood, at_s(601)), FACILITIES);
}

static void
time_that_goes_back_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(tell(10, 100), FACILITIES);
    assert_int_equal(flood_note(&flood, FACILITIES, at_s(50)), 0);
    assert_int_equal(flood_tick(&flood, at_s(40)), 0);
    assert_int_equal(flood_tick(&flood, at_s(709)), FACILITIES);
}

/* the journal, and back */

static void
write_and_read(struct stamp written, struct stamp read)
{
    static char text[FLOOD_TEXT_MAX];

    flood_write(&flood, AUDIENCE_FACILITIES, written, text, sizeof text);
    assert_true(flood_read(&other, AUDIENCE_FACILITIES, text, read));
}

static void
flood_goes_on_over_a_restart_and_ends_when_it_would_have(void **state)
{
    struct stamp after = {at_s(300).utc_ms, 777};

    (void)state;
    tell(12, 0);
    write_and_read(at_s(200), after); /* another monotonic clock: another boot */
    assert_int_equal(flood_audiences(&other), FACILITIES);
    assert_int_equal(other.of[AUDIENCE_FACILITIES].told, 12);
    assert_int_equal(other.of[AUDIENCE_FACILITIES].since_utc_ms, at_s(9).utc_ms);
    assert_int_equal(flood_tick(&other, (struct stamp){at_s(606).utc_ms, 777 + 306000}), 0);
    assert_int_equal(flood_tick(&other, (struct stamp){at_s(607).utc_ms, 777 + 307000}),
                     FACILITIES);
}

static void
alarms_told_before_a_restart_count_after_it(void **state)
{
    (void)state;
    tell(9, 0);
    write_and_read(at_s(10), at_s(20));
    assert_int_equal(flood_note(&other, FACILITIES, at_s(21)), FACILITIES);
    flood_init(&other, &FLOOD_LIMITS_DEFAULT);
    write_and_read(at_s(10), at_s(900));
    assert_int_equal(flood_note(&other, FACILITIES, at_s(901)), 0);
}

static void
clock_gone_backwards_ends_no_flood(void **state)
{
    (void)state;
    tell(10, 0);
    write_and_read(at_s(10), (struct stamp){at_s(-100000).utc_ms, 5000});
    assert_int_equal(flood_tick(&other, (struct stamp){at_s(-99500).utc_ms, 505000}), 0);
    assert_int_equal(flood_tick(&other, (struct stamp){at_s(-99400).utc_ms, 605000}), FACILITIES);
}

static void
longest_memory_fits_its_text(void **state)
{
    struct flood_limits limits = {FLOOD_MAX, FLOOD_MAX, 600000};

    (void)state;
    flood_init(&flood, &limits);
    flood_init(&other, &limits);
    tell(FLOOD_MAX / 2, 0);
    tell(FLOOD_MAX, 0);
    assert_int_equal(flood_audiences(&flood), FACILITIES);
    write_and_read(at_s(500), at_s(500));
    assert_int_equal(other.of[AUDIENCE_FACILITIES].count, FLOOD_MAX);
    assert_int_equal(flood_recent(&flood, AUDIENCE_FACILITIES, at_s(900).mono_ms),
                     flood_recent(&other, AUDIENCE_FACILITIES, at_s(900).mono_ms));
}

static void
text_that_is_not_ours_is_refused(void **state)
{
    static const char *const texts[] = {"", "x", "1", "1 2", "2 1 1", "-1 1 1", "yes 1 1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(flood_read(&other, AUDIENCE_FACILITIES, texts[i], at_s(0)));
    assert_int_equal(flood_audiences(&other), 0);
    assert_true(flood_read(&other, AUDIENCE_FACILITIES, "0 0 0 -5 x", at_s(0)));
    assert_int_equal(other.of[AUDIENCE_FACILITIES].count, 1);
}

static void
without_a_limit_there_is_no_flood(void **state)
{
    struct flood_limits none = {0, 0, 600000};

    (void)state;
    flood_init(&flood, &none);
    assert_int_equal(tell(500, 0), 0);
    assert_int_equal(flood_tick(&flood, at_s(1)), 0);
    assert_int_equal(flood_recent(&flood, AUDIENCE_FACILITIES, at_s(1).mono_ms), 0);
    assert_true(flood_read(&flood, AUDIENCE_FACILITIES, "1 10 5", at_s(0)));
    assert_int_equal(flood_audiences(&flood), 0); /* it was switched off meanwhile */
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tenth_told_within_ten_minutes_begins_a_flood),
        TEST(ten_told_over_more_than_the_time_are_none),
        TEST(flood_ends_below_five_and_not_before),
        TEST(each_audience_has_its_own),
        TEST(less_urgent_alarms_are_silent_while_all_who_hear_them_are_flooded),
        TEST(storm_is_counted_whole_and_remembered_in_part),
        TEST(time_that_goes_back_does_no_harm),
        TEST(flood_goes_on_over_a_restart_and_ends_when_it_would_have),
        TEST(alarms_told_before_a_restart_count_after_it),
        TEST(clock_gone_backwards_ends_no_flood),
        TEST(longest_memory_fits_its_text),
        TEST(text_that_is_not_ours_is_refused),
        TEST(without_a_limit_there_is_no_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
