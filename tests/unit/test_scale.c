/*
 * test_scale.c - from raw numbers to values: masks, sentinels, scale and plausible range.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/scale.h"

#define SENTINELS(...)                                                                             \
    .absent_raw = (const double[]){__VA_ARGS__},                                                   \
    .absent_raw_count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
#define SCALED_SENTINELS(...)                                                                      \
    .absent_value = (const double[]){__VA_ARGS__},                                                 \
    .absent_value_count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

static struct raw_value
u(uint64_t number)
{
    return (struct raw_value){.form = RAW_UNSIGNED, .u = number};
}

static struct raw_value
s(int64_t number)
{
    return (struct raw_value){.form = RAW_SIGNED, .s = number};
}

static struct raw_value
r(double number)
{
    return (struct raw_value){.form = RAW_REAL, .real = number};
}

struct row {
    struct point_source source;
    struct raw_value raw;
    enum cause cause;
    double value;
};

static void
walk(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value = 12345.678;

        print_message("row %zu\n", i);
        assert_int_equal(scale_apply(&rows[i].source, &rows[i].raw, &value), rows[i].cause);
        /* Untouched when there is none. */
        assert_true(fabs(value - (rows[i].cause == CAUSE_OK ? rows[i].value : 12345.678)) <=
                    1e-12 * fabs(value));
    }
}

static void
value_is_raw_times_scale_plus_offset(void **state)
{
    const struct row rows[] = {
        {{.scale = 1}, u(0), CAUSE_OK, 0},
        {{.scale = 0.1}, u(2313), CAUSE_OK, 231.3},
        {{.scale = 0.1, .offset = -273.15}, u(2931), CAUSE_OK, 19.95},
        {{.scale = -1}, s(-5), CAUSE_OK, 5},
        {{.scale = 1}, s(INT64_MIN), CAUSE_OK, -0x1p63},
        {{.scale = 1}, u(UINT64_MAX), CAUSE_OK, 0x1p64},
        {{.scale = 1000}, r(-1.5), CAUSE_OK, -1500},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
number_that_is_none_is_told_so(void **state)
{
    const struct row rows[] = {
        {{.scale = 1}, r(NAN), CAUSE_NOT_A_NUMBER, 0},
        {{.scale = 1}, r(INFINITY), CAUSE_NOT_A_NUMBER, 0},
        {{.scale = 1}, r(-INFINITY), CAUSE_NOT_A_NUMBER, 0},
        {{.scale = 1e300}, r(1e300), CAUSE_NOT_A_NUMBER, 0},
        {{.scale = 1, .mask = 1}, r(1.5), CAUSE_NOT_A_NUMBER, 0},
        {{.scale = 1, .mask = 1}, r(1e30), CAUSE_NOT_A_NUMBER, 0},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
mask_and_shift_keep_all_64_bits(void **state)
{
    const struct row rows[] = {
        {{.scale = 1, .mask = 1, .shift = 63}, u(UINT64_C(1) << 63), CAUSE_OK, 1},
        {{.scale = 1, .mask = 1, .shift = 62}, u(UINT64_C(1) << 63), CAUSE_OK, 0},
        {{.scale = 1, .mask = 0xff}, u(UINT64_C(0x8000000000000001)), CAUSE_OK, 1},
        {{.scale = 1, .mask = 0xf, .shift = 4}, u(0x42), CAUSE_OK, 4},
        {{.scale = 1, .mask = 1, .shift = 31}, s(-2147483648), CAUSE_OK, 1},
        {{.scale = 1, .mask = 0xff}, r(258), CAUSE_OK, 2},
        {{.scale = 10, .mask = 0xff, .offset = 1}, u(0x103), CAUSE_OK, 31},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
sentinels_of_integers_are_exact(void **state)
{
    const struct row rows[] = {
        {{.scale = 0.1, SENTINELS(65535, -1)}, u(65535), CAUSE_ABSENT, 0},
        {{.scale = 0.1, SENTINELS(65535, -1)}, u(65534), CAUSE_OK, 6553.4},
        {{.scale = 1, SENTINELS(-1)}, s(-1), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(-1)}, s(1), CAUSE_OK, 1},
        {{.scale = 1, SENTINELS(4294967295)}, u(4294967295), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(4294967295)}, u(4294967294), CAUSE_OK, 4294967294},
        {{.scale = 1, SENTINELS(0x1p64)}, u(UINT64_MAX), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(0x1p64)}, u(UINT64_MAX - 1), CAUSE_OK, 0x1p64},
        {{.scale = 1, SENTINELS(0x1p63)}, s(INT64_MAX), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(-0x1p63)}, s(INT64_MIN), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(-0x1p63)}, s(INT64_MIN + 1), CAUSE_OK, -0x1p63},
        {{.scale = 1, SENTINELS(-1)}, u(UINT64_MAX), CAUSE_OK, 0x1p64},
        {{.scale = 1, SENTINELS(-999.9)}, s(-999), CAUSE_OK, -999},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
sentinels_of_reals_survive_single_precision(void **state)
{
    const struct row rows[] = {
        {{.scale = 1, SENTINELS(-999.9)}, r((double)-999.9f), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(-999.9)}, r(-999.8), CAUSE_OK, -999.8},
        {{.scale = 1, SENTINELS(-999.9, -99.9)}, r(-99.9), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(0)}, r(0), CAUSE_ABSENT, 0},
        {{.scale = 1, SENTINELS(0)}, r(1e-9), CAUSE_OK, 1e-9},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
sentinels_after_scaling_are_compared_with_the_value(void **state)
{
    const struct row rows[] = {
        {{.scale = 0.1, SCALED_SENTINELS(6553.5)}, u(65535), CAUSE_ABSENT, 0},
        {{.scale = 0.1, SCALED_SENTINELS(6553.5)}, u(65534), CAUSE_OK, 6553.4},
        {{.scale = 1, .offset = -273, SCALED_SENTINELS(-273)}, u(0), CAUSE_ABSENT, 0},
        {{.scale = 10, SENTINELS(65535), SCALED_SENTINELS(-1)}, u(65535), CAUSE_ABSENT, 0},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
sentinel_beyond_the_mask_means_the_whole_word(void **state)
{
    const struct row rows[] = {
        /* one bit of a word that was never filled in */
        {{.scale = 1, .mask = 1, .shift = 3, SENTINELS(65535)}, u(65535), CAUSE_ABSENT, 0},
        {{.scale = 1, .mask = 1, .shift = 3, SENTINELS(65535)}, u(65534), CAUSE_OK, 1},
        /* 15 in a nibble: "not implemented" */
        {{.scale = 1, .mask = 15, .shift = 4, SENTINELS(15)}, u(0x2f1), CAUSE_ABSENT, 0},
        {{.scale = 1, .mask = 15, .shift = 4, SENTINELS(15)}, u(0x00f), CAUSE_OK, 0},
        {{.scale = 1, .mask = 15, .shift = 4, SENTINELS(-1)}, s(-1), CAUSE_ABSENT, 0},
        {{.scale = 1, .mask = 15, SENTINELS(65535)}, r(65535), CAUSE_ABSENT, 0},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
value_outside_its_range_is_implausible(void **state)
{
    const struct row rows[] = {
        {{.scale = 1, .valid_min = 0, .valid_max = 100}, s(0), CAUSE_OK, 0},
        {{.scale = 1, .valid_min = 0, .valid_max = 100}, s(100), CAUSE_OK, 100},
        {{.scale = 1, .valid_min = 0, .valid_max = 100}, s(101), CAUSE_OUT_OF_RANGE, 0},
        {{.scale = 1, .valid_min = 0, .valid_max = 100}, s(-1), CAUSE_OUT_OF_RANGE, 0},
        {{.scale = 1, .valid_min = -INFINITY, .valid_max = 1}, s(-9), CAUSE_OK, -9},
        {{.scale = 1, .valid_min = NAN, .valid_max = NAN}, s(-9), CAUSE_OK, -9},
        {{.scale = 1}, s(-9), CAUSE_OK, -9},
    };

    (void)state;
    walk(rows, ARRAY_LEN(rows));
}

static void
words_for_no_value_are_known_in_any_case(void **state)
{
    static const char *const own[] = {"DRY"};
    const struct point_source plain = {.scale = 1},
                              with_own = {.absent_texts = own, .absent_text_count = 1};

    (void)state;
    assert_true(scale_is_absent_text(&plain, ""));
    assert_true(scale_is_absent_text(&plain, "--"));
    assert_true(scale_is_absent_text(&plain, "n/a"));
    assert_true(scale_is_absent_text(&plain, "Not Available"));
    assert_false(scale_is_absent_text(&plain, "dry"));
    assert_true(scale_is_absent_text(&with_own, "dry"));
    assert_false(scale_is_absent_text(&with_own, "dry run"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_is_raw_times_scale_plus_offset),
        cmocka_unit_test(number_that_is_none_is_told_so),
        cmocka_unit_test(mask_and_shift_keep_all_64_bits),
        cmocka_unit_test(sentinels_of_integers_are_exact),
        cmocka_unit_test(sentinels_of_reals_survive_single_precision),
        cmocka_unit_test(sentinels_after_scaling_are_compared_with_the_value),
        cmocka_unit_test(sentinel_beyond_the_mask_means_the_whole_word),
        cmocka_unit_test(value_outside_its_range_is_implausible),
        cmocka_unit_test(words_for_no_value_are_known_in_any_case),
    };

    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
