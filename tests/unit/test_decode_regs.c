/*
 * test_decode_regs.c - every register type in every order, good, short and not a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/decode_regs.h"

static struct modbus_source
source_of(uint8_t type, uint8_t order)
{
    return (struct modbus_source){
        .function = 3, .type = type, .order = order, .words = decode_regs_words(type)};
}

static void
reorder(const uint8_t *in, size_t words, uint8_t order, uint8_t *out)
{
    for (size_t i = 0; i < words; i++) {
        size_t from = order == ORDER_CDAB || order == ORDER_DCBA ? words - 1 - i : i;
        bool swap = order == ORDER_BADC || order == ORDER_DCBA;

        out[2 * i] = in[2 * from + (swap ? 1 : 0)];
        out[2 * i + 1] = in[2 * from + (swap ? 0 : 1)];
    }
}

static void
value_of_every_type_is_read_in_every_order(void **state)
{
    static const struct {
        uint8_t type;
        uint8_t abcd[8];
        struct raw_value want;
    } rows[] = {
        {REG_U16, {0xff, 0x38}, {.form = RAW_UNSIGNED, .u = 65336}},
        {REG_S16, {0xff, 0x38}, {.form = RAW_SIGNED, .s = -200}},
        {REG_S16, {0x80, 0x00}, {.form = RAW_SIGNED, .s = -32768}},
        {REG_U32, {0x12, 0x34, 0x56, 0x78}, {.form = RAW_UNSIGNED, .u = 0x12345678}},
        {REG_U32, {0xff, 0xff, 0xff, 0xff}, {.form = RAW_UNSIGNED, .u = UINT32_MAX}},
        {REG_S32, {0xff, 0xff, 0xff, 0x01}, {.form = RAW_SIGNED, .s = -255}},
        {REG_S32, {0x80, 0, 0, 0}, {.form = RAW_SIGNED, .s = INT32_MIN}},
        {REG_U64,
         {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10},
         {.form = RAW_UNSIGNED, .u = 0xfedcba9876543210}},
        {REG_S64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, {.form = RAW_SIGNED, .s = -2}},
        {REG_F32, {0x43, 0x66, 0x80, 0x00}, {.form = RAW_REAL, .real = 230.5}},
        {REG_F32, {0xc0, 0x20, 0x00, 0x00}, {.form = RAW_REAL, .real = -2.5}},
        {REG_F64,
         {0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18},
         {.form = RAW_REAL, .real = 3.141592653589793}},
        {REG_BCD16, {0x12, 0x34}, {.form = RAW_UNSIGNED, .u = 1234}},
        {REG_BCD32, {0x98, 0x76, 0x54, 0x32}, {.form = RAW_UNSIGNED, .u = 98765432}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (uint8_t order = 0; order < REG_ORDER_COUNT; order++) {
            struct modbus_source source = source_of(rows[i].type, order);
            uint8_t data[2 + 8] = {0xaa, 0xaa};
            struct raw_value got;

            reorder(rows[i].abcd, source.words, order, data + 2);
            assert_int_equal(decode_regs_value(&source, data, 2 + 2u * source.words, 1, &got),
                             CAUSE_OK);
            assert_int_equal(got.form, rows[i].want.form);
            assert_memory_equal(&got.u, &rows[i].want.u, sizeof got.u);
        }
}

static void
value_of_fewer_words_than_its_type_is_a_broken_answer(void **state)
{
    const uint8_t data[8] = {0};
    struct raw_value got;

    (void)state;
    for (uint8_t type = 0; type < REG_STRING; type++) {
        struct modbus_source source = source_of(type, ORDER_ABCD);
        size_t bytes = 2u * source.words;

        assert_int_equal(decode_regs_value(&source, data, bytes, 0, &got), CAUSE_OK);
        assert_int_equal(decode_regs_value(&source, data, bytes - 1, 0, &got), CAUSE_PROTOCOL);
        assert_int_equal(decode_regs_value(&source, data, bytes, 1, &got), CAUSE_PROTOCOL);
        assert_int_equal(decode_regs_value(&source, data, 0, 0, &got), CAUSE_PROTOCOL);
    }
}

static void
value_that_is_no_number_is_told_so(void **state)
{
    static const struct {
        uint8_t type;
        uint8_t abcd[8];
    } rows[] = {
        {REG_F32, {0x7f, 0xc0, 0, 0}}, {REG_F32, {0x7f, 0x80, 0, 0}}, {REG_F32, {0xff, 0x80, 0, 0}},
        {REG_F64, {0x7f, 0xf8}},       {REG_F64, {0xff, 0xf0}},       {REG_BCD16, {0x00, 0x0a}},
        {REG_BCD16, {0xff, 0xff}},     {REG_BCD32, {0xa0, 0, 0, 0}},  {REG_BCD32, {0, 0, 0, 0x1f}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (uint8_t order = 0; order < REG_ORDER_COUNT; order++) {
            struct modbus_source source = source_of(rows[i].type, order);
            uint8_t data[8];
            struct raw_value got = {.form = RAW_SIGNED, .s = -77};

            reorder(rows[i].abcd, source.words, order, data);
            assert_int_equal(decode_regs_value(&source, data, sizeof data, 0, &got),
                             CAUSE_NOT_A_NUMBER);
            assert_int_equal(got.s, -77); /* untouched */
        }
}

static void
bit_of_a_word_counts_from_the_least_significant(void **state)
{
    const uint8_t data[] = {0x80, 0x01};
    struct raw_value got;

    (void)state;
    for (uint8_t bit = 0; bit < 16; bit++) {
        struct modbus_source source = source_of(REG_BIT, ORDER_ABCD);

        source.bit = bit;
        assert_int_equal(decode_regs_value(&source, data, 2, 0, &got), CAUSE_OK);
        assert_int_equal(got.u, bit == 0 || bit == 15);
        source.order = ORDER_BADC;
        assert_int_equal(decode_regs_value(&source, data, 2, 0, &got), CAUSE_OK);
        assert_int_equal(got.u, bit == 7 || bit == 8);
    }
}

static void
coil_counts_from_the_least_significant_bit_of_the_first_byte(void **state)
{
    const uint8_t data[] = {0x05, 0x80};
    struct raw_value got;

    (void)state;
    for (uint8_t function = 1; function <= 2; function++) {
        struct modbus_source source = {.function = function, .type = REG_BIT};

        for (size_t i = 0; i < 16; i++) {
            assert_int_equal(decode_regs_value(&source, data, 2, i, &got), CAUSE_OK);
            assert_int_equal(got.u, i == 0 || i == 2 || i == 15);
        }
        assert_int_equal(decode_regs_value(&source, data, 2, 16, &got), CAUSE_PROTOCOL);
    }
}

static void
text_loses_its_padding_and_what_is_no_utf8(void **state)
{
    static const struct {
        const char *bytes;
        uint16_t words;
        uint8_t order;
        enum cause cause;
        const char *want;
    } rows[] = {
        {"SN12", 2, ORDER_ABCD, CAUSE_OK, "SN12"},
        {"NS21", 2, ORDER_BADC, CAUSE_OK, "SN12"},
        {"NS21", 2, ORDER_DCBA, CAUSE_OK, "SN12"},
        {"SN1\0", 2, ORDER_ABCD, CAUSE_OK, "SN1"},
        {"  A B   ", 4, ORDER_ABCD, CAUSE_OK, "A B"},
        {"AB\0\0CD", 3, ORDER_ABCD, CAUSE_OK, "AB"},
        {"\0S\0O\0C\0O\0\0", 5, ORDER_ABCD, CAUSE_OK, "SOCO"}, /* one character a register */
        {"AB\xff\xff", 2, ORDER_ABCD, CAUSE_OK, "AB"},
        {"A\xe9"
         "B\0",
         2, ORDER_ABCD, CAUSE_OK, "A?B"},
        {"\xc3\xa9\x01x", 2, ORDER_ABCD, CAUSE_OK, "\xc3\xa9?x"},
        {"\0\0\0\0", 2, ORDER_ABCD, CAUSE_ABSENT, "-"},
        {"    ", 2, ORDER_ABCD, CAUSE_ABSENT, "-"},
        {"\xff\xff\xff\xff", 2, ORDER_ABCD, CAUSE_ABSENT, "-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct modbus_source source = {
            .function = 3, .type = REG_STRING, .order = rows[i].order, .words = rows[i].words};
        char text[32] = "-";

        assert_int_equal(decode_regs_text(&source, (const uint8_t *)rows[i].bytes,
                                          2u * rows[i].words, 0, text, sizeof text),
                         rows[i].cause);
        assert_string_equal(text, rows[i].want);
    }
}

static void
text_that_is_short_or_too_long_is_handled(void **state)
{
    struct modbus_source source = {.function = 3, .type = REG_STRING, .words = 125};
    uint8_t data[250];
    char text[TEXT_VALUE_MAX], small[4];

    (void)state;
    memset(data, 'x', sizeof data);
    assert_int_equal(decode_regs_text(&source, data, 249, 0, text, sizeof text), CAUSE_PROTOCOL);
    assert_int_equal(decode_regs_text(&source, data, 250, 1, text, sizeof text), CAUSE_PROTOCOL);
    assert_int_equal(decode_regs_text(&source, data, 250, 0, text, sizeof text), CAUSE_OK);
    assert_int_equal(strlen(text), TEXT_VALUE_MAX - 1);
    assert_int_equal(decode_regs_text(&source, data, 250, 0, small, sizeof small), CAUSE_OK);
    assert_string_equal(small, "xxx");
    source.words = 200;
    assert_int_equal(decode_regs_text(&source, data, 400, 0, text, sizeof text), CAUSE_PROTOCOL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_of_every_type_is_read_in_every_order),
        cmocka_unit_test(value_of_fewer_words_than_its_type_is_a_broken_answer),
        cmocka_unit_test(value_that_is_no_number_is_told_so),
        cmocka_unit_test(bit_of_a_word_counts_from_the_least_significant),
        cmocka_unit_test(coil_counts_from_the_least_significant_bit_of_the_first_byte),
        cmocka_unit_test(text_loses_its_padding_and_what_is_no_utf8),
        cmocka_unit_test(text_that_is_short_or_too_long_is_handled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
