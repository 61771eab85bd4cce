/*
 * test_kpi.c - key figures of alarms: each definition at its edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alerts/kpi.h"

#define T0 INT64_C(1800000000000) /* a whole ten minutes of the clock */
#define MINUTE INT64_C(60000)
#define DAY INT64_C(86400000)
#define SECURITY AUDIENCE_BIT(AUDIENCE_SECURITY)

static struct kpi_fact
told_at(int64_t utc_ms)
{
    return (struct kpi_fact){.utc_ms = utc_ms,
                             .raised_utc_ms = utc_ms,
                             .audiences = SECURITY,
                             .priority = 2,
                             .is_told = true,
                             .live = true,
                             .unacked = true};
}

static const struct kpi_audience *
of(const struct kpi *kpi)
{
    return kpi_of(kpi, AUDIENCE_SECURITY);
}

static void
tell(struct kpi *kpi, uint32_t slot, int64_t utc_ms)
{
    struct kpi_fact fact = told_at(utc_ms);

    kpi_alarm(kpi, slot, &fact);
}

static void
flood_begins_with_the_tenth_in_ten_minutes_and_ends_below_five(void **state)
{
    struct kpi *kpi = kpi_new(64, 0);

    (void)state;
    assert_int_equal(T0 % KPI_SPAN_MS, 0);
    for (uint32_t i = 0; i < 9; i++)
        tell(kpi, i, T0 + i * MINUTE);
    assert_false(of(kpi)->is_flood);
    /* the first is ten minutes old exactly: it no longer counts */
    tell(kpi, 9, T0 + 10 * MINUTE);
    assert_false(of(kpi)->is_flood);
    tell(kpi, 10, T0 + 10 * MINUTE + 59999);
    assert_true(of(kpi)->is_flood);
    assert_int_equal(of(kpi)->flood_ms, 0);
    /* told: ... 7, 8, 10, 10:59.999; the fifth newest, 6:00, counts until 16:00 */
    kpi_advance(kpi, T0 + 16 * MINUTE);
    assert_true(of(kpi)->is_flood == (T0 + 6 * MINUTE + KPI_SPAN_MS > T0 + 16 * MINUTE));
    assert_int_equal(of(kpi)->floods, 1);
    assert_int_equal(of(kpi)->flood_ms, 16 * MINUTE - (10 * MINUTE + 59999));
    kpi_advance(kpi, T0 + DAY);
    assert_int_equal(of(kpi)->flood_ms, 16 * MINUTE - (10 * MINUTE + 59999));
    kpi_free(kpi);
}

static void
only_what_lies_behind_the_beginning_counts(void **state)
{
    struct kpi *kpi = kpi_new(64, T0 + 5 * MINUTE);

    (void)state;
    for (uint32_t i = 0; i < 12; i++)
        tell(kpi, i, T0 + i * 1000);
    assert_int_equal(of(kpi)->told[0], 0);
    assert_int_equal(of(kpi)->unacked[2], 12);
    kpi_advance(kpi, T0 + 20 * MINUTE);
    /* the flood of before went on until the fifth newest, at 7 s, was ten minutes old */
    assert_int_equal(of(kpi)->flood_ms, 5 * MINUTE + 7000);
    assert_int_equal(of(kpi)->floods, 1);
    struct kpi_fact acked = told_at(T0);
    acked.utc_ms = T0 + 21 * MINUTE;
    acked.is_told = acked.unacked = false;
    acked.is_acked = true;
    kpi_alarm(kpi, 0, &acked);
    /* told before, acknowledged within: its whole time counts */
    assert_int_equal(of(kpi)->acked[2].count, 1);
    assert_int_equal(of(kpi)->acked[2].max_ms, 21 * MINUTE);
    assert_int_equal(of(kpi)->unacked[0], 11);
    kpi_free(kpi);
}

static void
fullest_ten_minutes_are_those_of_the_clock(void **state)
{
    struct kpi *kpi = kpi_new(64, 0);

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        tell(kpi, i, T0 + KPI_SPAN_MS - 4 + i);
    for (uint32_t i = 0; i < 3; i++)
        tell(kpi, 10 + i, T0 + KPI_SPAN_MS + i);
    assert_int_equal(of(kpi)->peak, 4);
    assert_int_equal(kpi_told_lately(kpi, AUDIENCE_SECURITY), 7);
    kpi_advance(kpi, T0 + 3 * KPI_SPAN_MS);
    assert_int_equal(kpi_told_lately(kpi, AUDIENCE_SECURITY), 0);
    kpi_free(kpi);
}

static void
standing_counts_from_a_day_and_once_an_alarm(void **state)
{
    struct kpi *kpi = kpi_new(4, 0);
    struct kpi_fact over = told_at(T0);

    (void)state;
    tell(kpi, 0, T0);
    kpi_advance(kpi, T0 + DAY);
    assert_int_equal(of(kpi)->standing, 0);
    kpi_advance(kpi, T0 + DAY + 1);
    assert_int_equal(of(kpi)->standing, 1);
    assert_int_equal(of(kpi)->stood, 1);
    over.utc_ms = T0 + 2 * DAY;
    over.live = over.is_told = false;
    kpi_alarm(kpi, 0, &over);
    assert_int_equal(of(kpi)->standing, 0);
    assert_int_equal(of(kpi)->live[0], 0);
    tell(kpi, 0, T0 + 3 * DAY);
    kpi_advance(kpi, T0 + 5 * DAY);
    assert_int_equal(of(kpi)->standing, 1);
    assert_int_equal(of(kpi)->stood, 1);
    kpi_free(kpi);
}

static void
alarm_that_goes_unacknowledged_is_never_acknowledged(void **state)
{
    struct kpi *kpi = kpi_new(4, 0);
    struct kpi_fact gone = {.utc_ms = T0 + 1000, .priority = 4};

    (void)state;
    tell(kpi, 0, T0);
    kpi_alarm(kpi, 0, &gone); /* withdrawn: for nobody any more */
    assert_int_equal(of(kpi)->never[2], 1);
    assert_int_equal(of(kpi)->acked[0].count, 0);
    assert_int_equal(of(kpi)->unacked[0], 0);
    kpi_alarm(kpi, 17, &gone); /* a number nobody knows */
    kpi_free(kpi);
}

static void
quantiles_are_true_to_one_percent(void **state)
{
    struct kpi_times *times = calloc(1, sizeof *times);

    (void)state;
    assert_int_equal(kpi_times_quantile(times, 0.5), 0);
    for (int64_t i = 1; i <= 1000; i++)
        kpi_times_add(times, i * i * 1000);
    const struct {
        double q;
        int64_t want;
    } rows[] = {{0.001, 1000}, {0.5, 500 * 500 * 1000}, {0.9, 900 * 900 * 1000}, {1, 1000000000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = kpi_times_quantile(times, rows[i].q), off = got - rows[i].want;

        assert_true((off < 0 ? -off : off) * 100 <= rows[i].want);
    }
    assert_int_equal(times->max_ms, 1000000000);
    assert_int_equal(times->within[0], 5);      /* 1, 4, 9, 16, 25 s; 30 s not */
    kpi_times_add(times, -5);                   /* a clock that was set */
    kpi_times_add(times, INT64_C(40000) * DAY); /* beyond the last bucket */
    assert_int_equal(times->count, 1002);
    assert_int_equal(kpi_times_quantile(times, 0.0001), 0);
    free(times);
}

static void
audience_of_a_changed_definition_takes_its_alarm_along(void **state)
{
    struct kpi *kpi = kpi_new(4, 0);
    struct kpi_fact fact = told_at(T0);
    unsigned audiences = 0;

    (void)state;
    kpi_alarm(kpi, 0, &fact);
    fact.audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES);
    fact.priority = 1;
    fact.is_told = false;
    kpi_alarm(kpi, 0, &fact);
    assert_int_equal(of(kpi)->live[0] + of(kpi)->unacked[2], 0);
    assert_int_equal(kpi_of(kpi, AUDIENCE_FACILITIES)->unacked[1], 1);
    assert_int_equal(kpi_told_of(kpi, 0, &audiences), 1);
    assert_int_equal(audiences, AUDIENCE_BIT(AUDIENCE_FACILITIES));
    assert_int_equal(kpi_told_of(kpi, 99, &audiences), 0);
    kpi_free(kpi);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_begins_with_the_tenth_in_ten_minutes_and_ends_below_five),
        cmocka_unit_test(only_what_lies_behind_the_beginning_counts),
        cmocka_unit_test(fullest_ten_minutes_are_those_of_the_clock),
        cmocka_unit_test(standing_counts_from_a_day_and_once_an_alarm),
        cmocka_unit_test(alarm_that_goes_unacknowledged_is_never_acknowledged),
        cmocka_unit_test(quantiles_are_true_to_one_percent),
        cmocka_unit_test(audience_of_a_changed_definition_takes_its_alarm_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
