/*
 * test_plan_regs.c - sources and limits in, requests out; a refused request in halves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/plan_regs.h"

#define SOURCES_MAX 300

struct reg {
    uint8_t function;
    uint16_t address, words;
};

struct block {
    uint8_t function;
    uint16_t address, count;
    uint32_t items;
};

static const struct point_def DEF = {.id = "some.point"};
static struct point_source sources[SOURCES_MAX];
static struct source_set set;

static void
set_up(const struct reg *regs, size_t count, const struct modbus_limits *limits)
{
    memset(sources, 0, sizeof sources);
    for (size_t i = 0; i < count; i++) {
        sources[i].def = &DEF;
        sources[i].modbus = (struct modbus_source){
            .function = regs[i].function, .address = regs[i].address, .words = regs[i].words};
    }
    set =
        (struct source_set){.sources = sources, .source_count = (uint32_t)count, .modbus = *limits};
}

static void
check_plan(const struct reg *regs, size_t count, const struct modbus_limits *limits,
           const struct block *want, size_t want_count)
{
    struct plan *plan = NULL;
    bool seen[SOURCES_MAX] = {false};

    set_up(regs, count, limits);
    assert_int_equal(plan_regs_make(&set, 0, &plan, NULL), ERR_OK);
    assert_int_equal(plan->block_count, want_count);
    for (size_t i = 0; i < want_count; i++) {
        const struct plan_block *got = &plan->blocks[i];

        assert_int_equal(got->function, want[i].function);
        assert_int_equal(got->address, want[i].address);
        assert_int_equal(got->count, want[i].count);
        assert_int_equal(got->item_count, want[i].items);
        for (uint32_t j = got->first_item; j < got->first_item + got->item_count; j++) {
            const struct modbus_source *source = &sources[plan->items[j].source].modbus;

            assert_false(seen[plan->items[j].source]);
            seen[plan->items[j].source] = true;
            assert_int_equal(plan->items[j].address, source->address);
            assert_true(source->address >= got->address);
            assert_true(source->address + source->words <= got->address + got->count);
        }
    }
    for (size_t i = 0; i < count; i++)
        assert_true(seen[i]);
    plan_regs_free(plan);
}

#define CHECK(limits, regs, blocks)                                                                \
    check_plan(regs, ARRAY_LEN(regs), limits, blocks, ARRAY_LEN(blocks))

static const struct modbus_limits USUAL = {.max_words = 120, .max_gap = 8};

static void
neighbours_are_read_together_in_any_order_of_the_profile(void **state)
{
    const struct reg regs[] = {{3, 104, 2}, {3, 100, 1}, {3, 101, 2}, {3, 103, 1}};
    const struct block blocks[] = {{3, 100, 6, 4}};

    (void)state;
    CHECK(&USUAL, regs, blocks);
}

static void
gap_is_read_over_up_to_its_limit(void **state)
{
    const struct reg regs[] = {{3, 0, 1}, {3, 9, 1}, {3, 19, 1}};
    const struct block blocks[] = {{3, 0, 10, 2}, {3, 19, 1, 1}};
    const struct modbus_limits none = {.max_words = 120, .max_gap = 0};
    const struct block apart[] = {{3, 0, 1, 1}, {3, 9, 1, 1}, {3, 19, 1, 1}};

    (void)state;
    CHECK(&USUAL, regs, blocks);
    CHECK(&none, regs, apart);
}

static void
request_never_has_more_words_than_the_limit(void **state)
{
    struct reg regs[130];
    const struct modbus_limits twenty_six = {.max_words = 26, .max_gap = 8};
    const struct modbus_limits too_many = {.max_words = 400, .max_gap = 8};
    const struct block in_26[] = {
        {3, 0, 26, 26}, {3, 26, 26, 26}, {3, 52, 26, 26}, {3, 78, 26, 26}, {3, 104, 26, 26}};
    const struct block in_125[] = {{3, 0, 125, 125}, {3, 125, 5, 5}};
    const struct modbus_limits unset = {.max_gap = 8};
    const struct block in_120[] = {{3, 0, 120, 120}, {3, 120, 10, 10}};

    (void)state;
    for (uint16_t i = 0; i < 130; i++)
        regs[i] = (struct reg){3, i, 1};
    CHECK(&twenty_six, regs, in_26);
    CHECK(&too_many, regs, in_125);
    CHECK(&unset, regs, in_120);
}

static void
value_of_several_words_is_never_cut(void **state)
{
    const struct modbus_limits five = {.max_words = 5, .max_gap = 8};
    const struct reg regs[] = {{3, 0, 4}, {3, 4, 2}, {3, 6, 4}};
    const struct block blocks[] = {{3, 0, 4, 1}, {3, 4, 2, 1}, {3, 6, 4, 1}};

    (void)state;
    CHECK(&five, regs, blocks);
}

static void
functions_are_never_mixed(void **state)
{
    const struct reg regs[] = {{4, 0, 1}, {3, 0, 1}, {1, 0, 1}, {2, 0, 1}, {3, 1, 1}};
    const struct block blocks[] = {{1, 0, 1, 1}, {2, 0, 1, 1}, {3, 0, 2, 2}, {4, 0, 1, 1}};

    (void)state;
    CHECK(&USUAL, regs, blocks);
}

static void
equal_registers_are_read_once(void **state)
{
    const struct reg regs[] = {{3, 5, 1}, {3, 5, 1}, {3, 5, 1}, {3, 4, 2}, {3, 5, 2}};
    const struct block blocks[] = {{3, 4, 3, 5}};

    (void)state;
    CHECK(&USUAL, regs, blocks);
}

static void
bits_have_sixteen_times_the_room(void **state)
{
    const struct modbus_limits small = {.max_words = 2, .max_gap = 1};
    const struct reg regs[] = {{1, 0, 1}, {1, 17, 1}, {1, 31, 1}, {1, 32, 1}, {1, 50, 1}};
    const struct block blocks[] = {{1, 0, 32, 3}, {1, 32, 1, 1}, {1, 50, 1, 1}};
    const struct modbus_limits large = {.max_words = 125, .max_gap = 125};
    const struct reg far[] = {{2, 0, 1}, {2, 1999, 1}, {2, 2000, 1}};
    const struct block cut[] = {{2, 0, 2000, 2}, {2, 2000, 1, 1}};

    (void)state;
    CHECK(&small, regs, blocks);
    CHECK(&large, far, cut);
}

static void
border_is_never_inside_a_request(void **state)
{
    const uint16_t borders[] = {77, 360};
    const struct modbus_limits limits = {
        .max_words = 120, .max_gap = 20, .never_across = borders, .never_across_count = 2};
    const struct reg regs[] = {{3, 70, 1}, {3, 76, 1},  {3, 77, 1},
                               {3, 90, 1}, {3, 355, 2}, {3, 365, 2}};
    const struct block blocks[] = {{3, 70, 7, 2}, {3, 77, 14, 2}, {3, 355, 2, 1}, {3, 365, 2, 1}};

    (void)state;
    CHECK(&limits, regs, blocks);
}

static void
range_to_be_read_alone_is_read_exactly_so(void **state)
{
    const struct address_range alone[] = {{10, 25}};
    const struct modbus_limits limits = {
        .max_words = 120, .max_gap = 20, .alone = alone, .alone_count = 1};
    const struct reg regs[] = {{3, 9, 1}, {3, 12, 1}, {3, 20, 2}, {3, 26, 1}, {3, 28, 1}};
    const struct block blocks[] = {{3, 9, 1, 1}, {3, 10, 16, 2}, {3, 26, 3, 2}};
    const struct reg around[] = {{3, 9, 1}, {3, 26, 1}};
    const struct block apart[] = {{3, 9, 1, 1}, {3, 26, 1, 1}};

    (void)state;
    CHECK(&limits, regs, blocks);
    CHECK(&limits, around, apart);
}

static void
source_that_cannot_be_read_is_refused_with_its_id(void **state)
{
    const uint16_t borders[] = {77};
    const struct address_range alone[] = {{10, 25}, {100, 300}};
    const struct modbus_limits limits = {.max_words = 8,
                                         .never_across = borders,
                                         .never_across_count = 1,
                                         .alone = alone,
                                         .alone_count = 2};
    static const struct {
        struct reg reg;
        const char *words;
    } rows[] = {
        {{6, 0, 1}, "does not read"},    {{0, 0, 1}, "does not read"},
        {{3, 0, 0}, "last register"},    {{3, 65535, 2}, "last register"},
        {{3, 30, 9}, "the limit is 8"},  {{3, 76, 2}, "no request may cross"},
        {{3, 9, 2}, "reaches out"},      {{3, 25, 2}, "reaches out"},
        {{3, 100, 1}, "the limit is 8"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct plan *plan = (struct plan *)&set;
        struct err err = {0};

        set_up(&rows[i].reg, 1, &limits);
        assert_int_equal(plan_regs_make(&set, 0, &plan, &err), ERR_CONFIG);
        assert_ptr_equal(plan, &set); /* untouched */
        assert_non_null(strstr(err.text, "some.point"));
        assert_non_null(strstr(err.text, rows[i].words));
    }
}

static void
group_without_points_gives_no_requests(void **state)
{
    const struct reg regs[] = {{3, 0, 1}};
    struct plan *plan = NULL;

    (void)state;
    set_up(regs, 1, &USUAL);
    assert_int_equal(plan_regs_make(&set, 1, &plan, NULL), ERR_OK);
    assert_int_equal(plan->block_count, 0);
    plan_regs_free(plan);
}

static void
split_leaves_out_the_gap_and_ends_at_single_values(void **state)
{
    const struct reg regs[] = {{3, 0, 2}, {3, 2, 1}, {3, 8, 2}, {3, 8, 2}};
    struct plan_block halves[2], quarters[2];
    struct plan *plan = NULL;

    (void)state;
    set_up(regs, ARRAY_LEN(regs), &USUAL);
    assert_int_equal(plan_regs_make(&set, 0, &plan, NULL), ERR_OK);
    assert_int_equal(plan->block_count, 1);
    assert_true(plan_regs_split(plan, &plan->blocks[0], halves));
    assert_int_equal(halves[0].address, 0);
    assert_int_equal(halves[0].count, 3);
    assert_int_equal(halves[0].item_count, 2);
    assert_int_equal(halves[1].address, 8);
    assert_int_equal(halves[1].count, 2);
    assert_int_equal(halves[1].item_count, 2);
    assert_false(plan_regs_split(plan, &halves[1], quarters)); /* two readers of one register */
    assert_true(plan_regs_split(plan, &halves[0], quarters));
    assert_int_equal(quarters[0].count, 2);
    assert_int_equal(quarters[1].address, 2);
    assert_false(plan_regs_split(plan, &quarters[0], halves));
    plan_regs_free(plan);
}

static void
split_never_cuts_a_value_that_another_overlaps(void **state)
{
    const struct reg regs[] = {{3, 0, 4}, {3, 1, 1}, {3, 2, 2}, {3, 4, 1}};
    struct plan_block halves[2], none[2];
    struct plan *plan = NULL;

    (void)state;
    set_up(regs, ARRAY_LEN(regs), &USUAL);
    assert_int_equal(plan_regs_make(&set, 0, &plan, NULL), ERR_OK);
    assert_true(plan_regs_split(plan, &plan->blocks[0], halves));
    assert_int_equal(halves[0].count, 4);
    assert_int_equal(halves[0].item_count, 3);
    assert_int_equal(halves[1].address, 4);
    assert_false(plan_regs_split(plan, &halves[0], none));
    plan_regs_free(plan);
}

static void
split_of_a_range_read_alone_is_refused(void **state)
{
    const struct address_range alone[] = {{10, 25}};
    const struct modbus_limits limits = {.max_words = 120, .alone = alone, .alone_count = 1};
    const struct reg regs[] = {{3, 12, 1}, {3, 20, 1}};
    struct plan_block halves[2];
    struct plan *plan = NULL;

    (void)state;
    set_up(regs, ARRAY_LEN(regs), &limits);
    assert_int_equal(plan_regs_make(&set, 0, &plan, NULL), ERR_OK);
    assert_false(plan_regs_split(plan, &plan->blocks[0], halves));
    plan_regs_free(plan);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_read_together_in_any_order_of_the_profile),
        cmocka_unit_test(gap_is_read_over_up_to_its_limit),
        cmocka_unit_test(request_never_has_more_words_than_the_limit),
        cmocka_unit_test(value_of_several_words_is_never_cut),
        cmocka_unit_test(functions_are_never_mixed),
        cmocka_unit_test(equal_registers_are_read_once),
        cmocka_unit_test(bits_have_sixteen_times_the_room),
        cmocka_unit_test(border_is_never_inside_a_request),
        cmocka_unit_test(range_to_be_read_alone_is_read_exactly_so),
        cmocka_unit_test(source_that_cannot_be_read_is_refused_with_its_id),
        cmocka_unit_test(group_without_points_gives_no_requests),
        cmocka_unit_test(split_leaves_out_the_gap_and_ends_at_single_values),
        cmocka_unit_test(split_never_cuts_a_value_that_another_overlaps),
        cmocka_unit_test(split_of_a_range_read_alone_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
