/*
 * test_health.c - every state with every outcome, the back-off, signs of life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/health.h"

static const struct health_limits LIMITS = {
    .down_after = 3, .up_after = 2, .backoff_max_ms = 30000};

static unsigned
answer(struct health_record *record)
{
    return health_apply(record, &LIMITS, HEALTH_ANSWERED, CAUSE_OK, 1000);
}

static unsigned
miss(struct health_record *record)
{
    return health_apply(record, &LIMITS, HEALTH_MISSED, CAUSE_TIMEOUT, 2000);
}

static void
every_state_and_outcome_has_its_next_state_and_effects(void **state)
{
    static const struct {
        enum health from;
        uint16_t missed, good;
        enum health_outcome outcome;
        enum health want;
        unsigned effects;
    } rows[] = {
        {HEALTH_UNKNOWN, 0, 0, HEALTH_ANSWERED, HEALTH_UP, HEALTH_TELL},
        {HEALTH_UNKNOWN, 0, 0, HEALTH_MISSED, HEALTH_SUSPECT, HEALTH_TELL},
        {HEALTH_UNKNOWN, 2, 0, HEALTH_MISSED, HEALTH_DOWN, HEALTH_TELL | HEALTH_STOP},
        {HEALTH_UP, 0, 0, HEALTH_ANSWERED, HEALTH_UP, 0},
        {HEALTH_UP, 0, 0, HEALTH_MISSED, HEALTH_SUSPECT, HEALTH_TELL},
        {HEALTH_SUSPECT, 1, 0, HEALTH_ANSWERED, HEALTH_UP, HEALTH_TELL},
        {HEALTH_SUSPECT, 1, 0, HEALTH_MISSED, HEALTH_SUSPECT, 0},
        {HEALTH_SUSPECT, 2, 0, HEALTH_MISSED, HEALTH_DOWN, HEALTH_TELL | HEALTH_STOP},
        {HEALTH_DOWN, 3, 0, HEALTH_MISSED, HEALTH_DOWN, HEALTH_PROBE},
        {HEALTH_DOWN, 9, 0, HEALTH_ANSWERED, HEALTH_DOWN, HEALTH_POLL},
        {HEALTH_DOWN, 0, 1, HEALTH_ANSWERED, HEALTH_UP, HEALTH_TELL},
        {HEALTH_DOWN, 0, 1, HEALTH_MISSED, HEALTH_DOWN, HEALTH_STOP},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_record record = {.state = (uint8_t)rows[i].from,
                                       .missed = rows[i].missed,
                                       .good = rows[i].good,
                                       .since_utc_ms = 7};
        unsigned effects = health_apply(&record, &LIMITS, rows[i].outcome, CAUSE_PROTOCOL, 1000);

        assert_int_equal(record.state, rows[i].want);
        assert_int_equal(effects, rows[i].effects);
        assert_int_equal(record.since_utc_ms, (effects & HEALTH_TELL) != 0 ? 1000 : 7);
        assert_int_equal(health_is_polled(&record), (effects & (HEALTH_STOP | HEALTH_PROBE)) == 0);
    }
}

static void
missed_polls_in_a_row_are_counted_and_one_answer_ends_the_row(void **state)
{
    struct health_record record = {0};

    (void)state;
    answer(&record);
    miss(&record);
    miss(&record);
    assert_int_equal(record.missed, 2);
    assert_int_equal(record.cause, CAUSE_TIMEOUT);
    answer(&record);
    assert_int_equal(record.missed, 0);
    miss(&record);
    miss(&record);
    assert_int_equal(record.state, HEALTH_SUSPECT);
    miss(&record);
    assert_int_equal(record.state, HEALTH_DOWN);
}

static void
limits_of_one_decide_at_once(void **state)
{
    static const struct health_limits HASTY = {1, 1, 30000};
    struct health_record record = {.state = HEALTH_UP};

    (void)state;
    assert_int_equal(health_apply(&record, &HASTY, HEALTH_MISSED, CAUSE_REFUSED, 1),
                     HEALTH_TELL | HEALTH_STOP);
    assert_int_equal(health_apply(&record, &HASTY, HEALTH_ANSWERED, CAUSE_OK, 2),
                     HEALTH_TELL | HEALTH_POLL);
    assert_int_equal(record.state, HEALTH_UP);
}

static void
counters_do_not_wrap(void **state)
{
    struct health_record record = {.state = HEALTH_DOWN, .missed = UINT16_MAX};

    (void)state;
    miss(&record);
    assert_int_equal(record.missed, UINT16_MAX);
    assert_int_equal(record.state, HEALTH_DOWN);
}

static void
backoff_doubles_to_its_limit_less_at_most_a_quarter(void **state)
{
    static const uint32_t want_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};

    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        struct health_record record = {.state = HEALTH_DOWN, .missed = 3};

        for (size_t i = 0; i < ARRAY_LEN(want_ms); i++) {
            assert_in_range(health_backoff_ms(&record, &LIMITS, seed), want_ms[i] * 3 / 4,
                            want_ms[i]);
            miss(&record);
        }
    }
}

static void
backoff_stays_at_its_limit_for_ever(void **state)
{
    static const struct health_limits LONG = {3, 2, UINT32_MAX};
    struct health_record record = {.state = HEALTH_DOWN};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_in_range(health_backoff_ms(&record, &LIMITS, (uint32_t)i), 750, 30000);
    for (int i = 0; i < 1000; i++)
        assert_true(health_backoff_ms(&record, &LONG, (uint32_t)i) >= 750);
}

static void
devices_that_fell_together_are_probed_apart(void **state)
{
    uint32_t quarters[4] = {0};

    (void)state;
    for (uint32_t seed = 0; seed < 1000; seed++) {
        struct health_record record = {.state = HEALTH_DOWN, .missed = 3};

        quarters[(1000 - health_backoff_ms(&record, &LIMITS, seed)) * 4 / 251]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarters[i], 200, 300);
}

static void
backoff_starts_anew_only_after_the_device_was_up(void **state)
{
    struct health_record record = {.state = HEALTH_DOWN, .missed = 3};

    (void)state;
    for (int i = 0; i < 4; i++)
        health_backoff_ms(&record, &LIMITS, 0);
    answer(&record);
    miss(&record); /* it answered once and fell again */
    assert_in_range(health_backoff_ms(&record, &LIMITS, 0), 12000, 16000);
    answer(&record);
    answer(&record);
    assert_int_equal(record.state, HEALTH_UP);
    miss(&record);
    miss(&record);
    miss(&record);
    assert_in_range(health_backoff_ms(&record, &LIMITS, 0), 750, 1000);
}

static void
sign_of_life_probes_a_down_device_once_between_regular_probes(void **state)
{
    struct health_record record = {.state = HEALTH_DOWN, .missed = 3};

    (void)state;
    assert_true(health_take_life(&record));
    assert_false(health_take_life(&record));
    miss(&record);
    health_backoff_ms(&record, &LIMITS, 0);
    assert_false(health_take_life(&record));
    health_take_probe(&record);
    assert_true(health_take_life(&record));
}

static void
sign_of_life_means_nothing_while_the_device_is_polled(void **state)
{
    static const enum health polled[] = {HEALTH_UNKNOWN, HEALTH_UP, HEALTH_SUSPECT};
    struct health_record back = {.state = HEALTH_DOWN, .good = 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(polled); i++) {
        struct health_record record = {.state = (uint8_t)polled[i]};

        assert_false(health_take_life(&record));
        assert_false(record.life_spent);
    }
    assert_false(health_take_life(&back));
}

static void
rtt_starts_with_the_first_answer_and_follows_slowly(void **state)
{
    struct health_record record = {0};

    (void)state;
    health_smooth_rtt(&record, 8);
    assert_true(record.rtt_ms == 8);
    health_smooth_rtt(&record, 16);
    assert_true(record.rtt_ms == 9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_outcome_has_its_next_state_and_effects),
        cmocka_unit_test(missed_polls_in_a_row_are_counted_and_one_answer_ends_the_row),
        cmocka_unit_test(limits_of_one_decide_at_once),
        cmocka_unit_test(counters_do_not_wrap),
        cmocka_unit_test(backoff_doubles_to_its_limit_less_at_most_a_quarter),
        cmocka_unit_test(backoff_stays_at_its_limit_for_ever),
        cmocka_unit_test(devices_that_fell_together_are_probed_apart),
        cmocka_unit_test(backoff_starts_anew_only_after_the_device_was_up),
        cmocka_unit_test(sign_of_life_probes_a_down_device_once_between_regular_probes),
        cmocka_unit_test(sign_of_life_means_nothing_while_the_device_is_polled),
        cmocka_unit_test(rtt_starts_with_the_first_answer_and_follows_slowly),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
