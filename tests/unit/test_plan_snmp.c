/*
 * test_plan_snmp.c - what is asked for in which portions, what is left out, and what a device was
 * found not to bear.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "collectors/plan_snmp.h"

#define OBJECTS 12

static const struct point_def FAST = {.id = "fast", .kind = VALUE_NUMBER};
static const struct point_def SLOW = {.id = "slow", .kind = VALUE_NUMBER, .group = 1};
static const struct point_def TEXT = {.id = "text", .kind = VALUE_TEXT};

/* 1.3.6.1.<n>.0 for n from 0 on, all in group 0. */
static const struct plan_snmp *
plan_of(struct plan_snmp_shelf *shelf, unsigned count)
{
    static uint32_t oids[64][6];
    static struct point_source sources[64];
    static struct source_set set;

    for (uint32_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < 6; k++)
            oids[i][k] = (uint32_t[]){1, 3, 6, 1, i, 0}[k];
        sources[i] = (struct point_source){.def = &FAST, .snmp = {.oid = oids[i], .oid_length = 6}};
    }
    set = (struct source_set){.sources = sources, .source_count = count};
    return plan_snmp_of(shelf, &set, 0);
}

static int
set_up(void **state)
{
    *state = plan_snmp_shelf_new();
    return *state == NULL;
}

static int
tear_down(void **state)
{
    plan_snmp_shelf_free(*state);
    return 0;
}

/* ---- plans ---- */

static void
plan_asks_for_each_object_once_in_order(void **state)
{
    static const uint32_t a[] = {1, 3, 6, 1, 4, 1, 318, 2, 0}, b[] = {1, 3, 6, 1, 4, 1, 318, 1, 0},
                          shorter[] = {1, 3, 6, 1, 4, 1, 318, 1}, other[] = {1, 3, 6, 1, 9};
    static const struct point_source sources[] = {
        {.def = &FAST, .snmp = {a, 9}},       {.def = &FAST, .snmp = {b, 9}},
        {.def = &SLOW, .snmp = {other, 5}},   {.def = &FAST, .snmp = {a, 9}},
        {.def = &TEXT, .snmp = {shorter, 8}}, {.def = &FAST, .snmp = {a, 9}},
    };
    const struct source_set set = {.sources = sources, .source_count = ARRAY_LEN(sources)};
    const struct plan_snmp *plan = plan_snmp_of(*state, &set, 0);

    assert_non_null(plan);
    assert_int_equal(plan->object_count, 3);
    assert_int_equal(plan->objects[0].oid_length, 8); /* a name goes before the longer ones */
    assert_int_equal(plan->objects[1].oid[7], 1);
    assert_int_equal(plan->objects[2].oid[7], 2);
    assert_int_equal(plan->objects[2].point_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(plan->points[plan->objects[2].first_point + i],
                         ((unsigned[]){0, 3, 5})[i]);
    /* A text may be long. */
    assert_true(plan->objects[0].response_bytes > plan->objects[1].response_bytes);
    assert_ptr_equal(plan_snmp_of(*state, &set, 0), plan);

    plan = plan_snmp_of(*state, &set, 1);
    assert_int_equal(plan->object_count, 1);
    assert_int_equal(plan->points[0], 2);
    assert_int_equal(plan_snmp_of(*state, &set, 2)->object_count, 0);
}

static void
portions_keep_to_objects_and_bytes(void **state)
{
    const struct plan_snmp *plan = plan_of(*state, OBJECTS);
    const struct plan_refused none = {0};
    uint16_t one = plan->objects[0].response_bytes;
    uint32_t asked;

    assert_int_equal(plan_snmp_take(plan, &none, 0, 5, 1400, &asked), 5);
    assert_int_equal(asked, 5);
    assert_int_equal(plan_snmp_take(plan, &none, 10, 5, 1400, &asked), 2);
    assert_int_equal(plan_snmp_take(plan, &none, 0, 100, (uint16_t)(3 * one), &asked), 3);
    assert_int_equal(asked, 3);
    /* One at least, however little there is room for. */
    assert_int_equal(plan_snmp_take(plan, &none, 0, 0, 0, &asked), 1);
    assert_int_equal(asked, 1);
    assert_int_equal(plan_snmp_take(plan, &none, OBJECTS, 5, 1400, &asked), 0);
    assert_int_equal(asked, 0);
}

/* ---- refused objects ---- */

static void
refused_objects_neither_count_nor_are_asked_for(void **state)
{
    const struct plan_snmp *plan = plan_of(*state, OBJECTS);
    struct plan_refused refused = {0};
    uint32_t asked, object = 99;

    assert_true(plan_snmp_refuse(plan, &refused, 1, CAUSE_ABSENT, 0));
    assert_true(plan_snmp_refuse(plan, &refused, 2, CAUSE_EXCEPTION, 0));
    assert_int_equal(plan_snmp_refusal(&refused, 0), CAUSE_OK);
    assert_int_equal(plan_snmp_refusal(&refused, 1), CAUSE_ABSENT);
    assert_int_equal(plan_snmp_refusal(&refused, 2), CAUSE_EXCEPTION);
    assert_int_equal(plan_snmp_take(plan, &refused, 0, 4, 1400, &asked), 6); /* 0 3 4 5 */
    assert_int_equal(asked, 4);
    /* errindex counts what was asked for, from 1 */
    assert_true(plan_snmp_find(&refused, 0, 6, 1, &object));
    assert_int_equal(object, 0);
    assert_true(plan_snmp_find(&refused, 0, 6, 2, &object));
    assert_int_equal(object, 3);
    assert_true(plan_snmp_find(&refused, 0, 6, 4, &object));
    assert_int_equal(object, 5);
    assert_false(plan_snmp_find(&refused, 0, 6, 5, &object));
    assert_false(plan_snmp_find(&refused, 0, 6, 0, &object));
    assert_false(plan_snmp_find(&refused, 0, 6, -1, &object));
    assert_false(plan_snmp_find(&refused, 0, 6, INT64_MAX, &object));
    assert_int_equal(object, 5);
    plan_snmp_refused_done(&refused);
}

static void
refused_objects_are_asked_for_again(void **state)
{
    const struct plan_snmp *plan = plan_of(*state, OBJECTS);
    struct plan_refused refused = {0};
    const int64_t start = 5000000;

    plan_snmp_retry(plan, &refused, start); /* nothing to forget */
    assert_true(plan_snmp_refuse(plan, &refused, 1, CAUSE_ABSENT, start));
    assert_true(plan_snmp_refuse(plan, &refused, 2, CAUSE_EXCEPTION, start));
    plan_snmp_retry(plan, &refused, start + PLAN_FAILED_AGAIN_MS - 1);
    assert_int_equal(plan_snmp_refusal(&refused, 2), CAUSE_EXCEPTION);
    plan_snmp_retry(plan, &refused, start + PLAN_FAILED_AGAIN_MS);
    assert_int_equal(plan_snmp_refusal(&refused, 2), CAUSE_OK);
    assert_int_equal(plan_snmp_refusal(&refused, 1), CAUSE_ABSENT);
    /* Refused once more: its minute starts anew. */
    assert_true(plan_snmp_refuse(plan, &refused, 2, CAUSE_EXCEPTION, start + 100000));
    plan_snmp_retry(plan, &refused, start + 100000 + PLAN_FAILED_AGAIN_MS - 1);
    assert_int_equal(plan_snmp_refusal(&refused, 2), CAUSE_EXCEPTION);
    plan_snmp_retry(plan, &refused, start + PLAN_ABSENT_AGAIN_MS);
    assert_null(refused.causes);
    plan_snmp_refused_done(&refused);
}

/* ---- limits ---- */

static void
too_big_halves_down_to_one_and_recovers(void **state)
{
    struct plan_limit limit;
    int64_t now = 1000;

    (void)state;
    plan_limit_init(&limit, 24);
    for (unsigned i = 0; i < 5; i++)
        assert_true(plan_limit_too_big(&limit, limit.objects, now));
    assert_int_equal(limit.objects, 1); /* 24 12 6 3 2 1 */
    assert_false(plan_limit_too_big(&limit, 1, now));
    plan_limit_retry(&limit, now + PLAN_LIMIT_AGAIN_MS - 1);
    assert_int_equal(limit.objects, 1);
    for (unsigned i = 0; i < 10; i++)
        plan_limit_retry(&limit, now += PLAN_LIMIT_AGAIN_MS);
    assert_int_equal(limit.objects, 24);
    assert_int_equal(limit.again_ms, 0);
}

static void
too_big_of_a_small_group_does_not_raise_the_limit(void **state)
{
    struct plan_limit limit;

    (void)state;
    plan_limit_init(&limit, 4);
    assert_true(plan_limit_too_big(&limit, 20, 0));
    assert_int_equal(limit.objects, 4);
}

static void
limit_is_halved_only_when_small_requests_are_answered_and_large_ones_are_not(void **state)
{
    struct plan_limit limit;

    (void)state;
    plan_limit_init(&limit, 24);
    plan_limit_silence(&limit, 24);
    assert_false(limit.is_in_doubt); /* one datagram may get lost */
    plan_limit_silence(&limit, 24);
    assert_true(limit.is_in_doubt);
    assert_false(plan_limit_small_answer(&limit)); /* it may have come back just now */
    assert_false(limit.is_in_doubt);
    plan_limit_silence(&limit, 24);
    assert_true(limit.is_in_doubt);
    assert_true(plan_limit_small_answer(&limit));
    assert_int_equal(limit.objects, 12);
    /* Now that it is known to be so, it goes faster. */
    plan_limit_silence(&limit, 12);
    assert_true(limit.is_in_doubt);
    assert_true(plan_limit_small_answer(&limit));
    assert_int_equal(limit.objects, 6);
    plan_limit_answer(&limit, 6);
    plan_limit_silence(&limit, 6);
    assert_false(limit.is_in_doubt);
    /* What was found out by silence is not tried again: it would cost readings. */
    plan_limit_retry(&limit, INT64_MAX);
    assert_int_equal(limit.objects, 6);
}

static void
outage_teaches_nothing(void **state)
{
    struct plan_limit limit;

    (void)state;
    plan_limit_init(&limit, 24);
    for (unsigned outage = 0; outage < 5; outage++) {
        plan_limit_silence(&limit, 24);
        plan_limit_silence(&limit, 24);
        plan_limit_small_silence(&limit);
        plan_limit_silence(&limit, 24);
        plan_limit_small_answer(&limit); /* a probe, when it is back */
        plan_limit_answer(&limit, 24);
        assert_int_equal(limit.objects, 24);
        assert_int_equal(limit.silences, 0);
        assert_false(limit.is_in_doubt);
    }
}

static void
answers_to_smaller_groups_do_not_hide_a_silent_large_one(void **state)
{
    struct plan_limit limit;

    (void)state;
    plan_limit_init(&limit, 24);
    plan_limit_silence(&limit, 1); /* a single object says nothing about size */
    assert_int_equal(limit.silences, 0);
    for (unsigned i = 0; i < 3; i++) {
        plan_limit_answer(&limit, 4);
        plan_limit_silence(&limit, 20);
        if (limit.is_in_doubt)
            plan_limit_small_answer(&limit);
    }
    assert_int_equal(limit.objects, 10);
    plan_limit_answer(&limit, 10);
    assert_int_equal(limit.silences, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plan_asks_for_each_object_once_in_order),
        TEST(portions_keep_to_objects_and_bytes),
        TEST(refused_objects_neither_count_nor_are_asked_for),
        TEST(refused_objects_are_asked_for_again),
        TEST(too_big_halves_down_to_one_and_recovers),
        TEST(too_big_of_a_small_group_does_not_raise_the_limit),
        TEST(limit_is_halved_only_when_small_requests_are_answered_and_large_ones_are_not),
        TEST(outage_teaches_nothing),
        TEST(answers_to_smaller_groups_do_not_hide_a_silent_large_one),
    };

    return cmocka_run_group_tests_name("plan_snmp", tests, NULL, NULL);
}
