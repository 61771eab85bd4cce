/*
 * test_holes_modbus.c - what a device refused, remembered and tried again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/holes_modbus.h"

#define REGS 8
#define NOW INT64_C(1000000)
#define MINUTE INT64_C(60000)

static const struct point_def DEF = {.id = "a.point"};
static struct point_source sources[REGS];
static struct source_set set;
static struct plan *plan;
static struct holes holes;

static int
set_up(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < REGS; i++)
        sources[i] = (struct point_source){
            .def = &DEF, .modbus = {.function = 3, .address = (uint16_t)(100 + i), .words = 1}};
    set = (struct source_set){
        .sources = sources, .source_count = REGS, .modbus = {.max_words = 120, .max_gap = 8}};
    holes = (struct holes){0};
    return plan_regs_make(&set, 0, &plan, NULL) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    holes_modbus_done(&holes);
    plan_regs_free(plan);
    return 0;
}

/* Every source is in exactly one block, whatever was split. */
static void
assert_all_are_read(void)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < holes_modbus_count(&holes, plan); i++) {
        const struct plan_block *block = holes_modbus_block(&holes, plan, i);

        assert_int_equal(block->first_item, next);
        next += block->item_count;
    }
    assert_int_equal(next, REGS);
}

/* Halves what holds `address` down to the one value and marks it. */
static uint32_t
make_hole(uint16_t address)
{
    for (uint32_t i = 0;; i++) {
        const struct plan_block *block = holes_modbus_block(&holes, plan, i);

        if (block->address + block->count <= address)
            continue;
        if (holes_modbus_split(&holes, plan, i)) {
            assert_all_are_read();
            i--;
            continue;
        }
        assert_int_equal(block->address, address);
        assert_true(holes_modbus_mark(&holes, plan, i, NOW));
        return i;
    }
}

static void
device_without_holes_reads_the_shared_plan(void **state)
{
    (void)state;
    assert_int_equal(holes_modbus_count(&holes, plan), 1);
    assert_ptr_equal(holes_modbus_block(&holes, plan, 0), &plan->blocks[0]);
    assert_false(holes_modbus_is_hole(&holes, 0));
    holes_modbus_settle(&holes);
    assert_null(holes.blocks);
}

static void
hole_is_tried_again_ever_more_rarely_but_always(void **state)
{
    static const int64_t waits[] = {1, 2, 4, 8, 15, 15, 15};
    int64_t now = NOW;
    uint32_t hole = make_hole(105);

    (void)state;
    assert_int_equal(holes_modbus_count(&holes, plan), 4);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_true(holes_modbus_is_hole(&holes, hole));
        assert_false(holes_modbus_is_due(&holes, hole, now + waits[i] * MINUTE - 1));
        assert_true(holes_modbus_is_due(&holes, hole, now + waits[i] * MINUTE));
        now += waits[i] * MINUTE;
        assert_true(holes_modbus_mark(&holes, plan, hole, now));
    }
    holes_modbus_settle(&holes);
    assert_int_equal(holes_modbus_count(&holes, plan), 4);
}

static void
hole_that_answers_makes_the_others_due_and_the_last_one_restores_the_plan(void **state)
{
    uint32_t first = make_hole(102), second = make_hole(106);

    (void)state;
    assert_false(holes_modbus_is_due(&holes, second, NOW + 1000));
    holes_modbus_clear(&holes, first, NOW + 1000);
    assert_false(holes_modbus_is_hole(&holes, first));
    assert_true(holes_modbus_is_due(&holes, second, NOW + 1000));
    holes_modbus_settle(&holes);
    assert_true(holes_modbus_count(&holes, plan) > 1); /* one is left */
    holes_modbus_clear(&holes, second, NOW + 2000);
    holes_modbus_settle(&holes);
    assert_int_equal(holes_modbus_count(&holes, plan), 1);
    assert_null(holes.blocks);
}

static void
split_without_a_hole_is_kept(void **state)
{
    (void)state;
    assert_true(holes_modbus_split(&holes, plan, 0));
    holes_modbus_settle(&holes);
    assert_int_equal(holes_modbus_count(&holes, plan), 2);
    assert_all_are_read();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(device_without_holes_reads_the_shared_plan),
        TEST(hole_is_tried_again_ever_more_rarely_but_always),
        TEST(hole_that_answers_makes_the_others_due_and_the_last_one_restores_the_plan),
        TEST(split_without_a_hole_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
