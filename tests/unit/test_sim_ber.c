/*
 * test_sim_ber.c - BER of the simulated agents: what is written is read back; broken bytes are
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/ber.h"

static void
integers_of_every_length_come_back(void **state)
{
    static const int64_t VALUES[] = {0,         1,        -1,        127,       128,
                                     -128,      -129,     255,       256,       32767,
                                     -32768,    65535,    INT32_MAX, INT32_MIN, (int64_t)1 << 40,
                                     INT64_MAX, INT64_MIN};
    static const size_t LENGTHS[] = {1, 1, 1, 1, 2, 1, 2, 2, 2, 2, 2, 3, 4, 4, 6, 8, 8};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        uint8_t buffer[16];
        struct ber_writer writer;
        struct ber_item item;
        int64_t value = 0;

        ber_writer_init(&writer, buffer, sizeof buffer);
        ber_put_int(&writer, BER_INTEGER, VALUES[i]);
        struct ber_reader reader = {writer.at, writer.end};
        assert_true(ber_take_tag(&reader, BER_INTEGER, &item));
        assert_int_equal(item.length, LENGTHS[i]); /* the shortest form, X.690 8.3.2 */
        assert_true(ber_int(&item, &value));
        assert_true(value == VALUES[i]);
        assert_ptr_equal(reader.at, reader.end);
    }
}

static void
unsigned_numbers_get_a_zero_before_a_high_bit(void **state)
{
    static const uint64_t VALUES[] = {0, 127, 128, 255, 65535, UINT32_MAX, UINT64_MAX};
    static const size_t LENGTHS[] = {1, 1, 2, 2, 3, 5, 9};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        uint8_t buffer[16];
        struct ber_writer writer;
        struct ber_item item;
        uint64_t value = 1;

        ber_writer_init(&writer, buffer, sizeof buffer);
        ber_put_unsigned(&writer, BER_COUNTER64, VALUES[i]);
        struct ber_reader reader = {writer.at, writer.end};
        assert_true(ber_take(&reader, &item));
        assert_int_equal(item.tag, BER_COUNTER64);
        assert_int_equal(item.length, LENGTHS[i]);
        assert_true(ber_unsigned(&item, &value));
        assert_true(value == VALUES[i]);
    }
}

static void
oids_come_back_as_written(void **state)
{
    static const char *const TEXTS[] = {"1.3.6.1.2.1.1.1.0", ".1.3.6.1.4.1.318.1.1.26.4.3.1.5.1",
                                        "0.0", "2.39.4294967295",
                                        "1.3.6.1.4.1.1004849.127.128.16384"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        uint32_t subs[BER_SUBS_MAX], back[BER_SUBS_MAX];
        uint8_t buffer[BER_OID_BYTES_MAX + 8];
        size_t count, back_count;
        struct ber_writer writer;
        struct ber_item item;

        assert_true(ber_parse_oid(TEXTS[i], subs, &count));
        ber_writer_init(&writer, buffer, sizeof buffer);
        ber_put_oid(&writer, subs, count);
        struct ber_reader reader = {writer.at, writer.end};
        assert_true(ber_take_tag(&reader, BER_OID, &item));
        assert_true(ber_oid(&item, back, &back_count));
        assert_int_equal(ber_compare_oids(subs, count, back, back_count), 0);
    }
}

static void
texts_that_are_no_oid_are_refused(void **state)
{
    static const char *const TEXTS[] = {"",
                                        ".",
                                        "1",
                                        "1.",
                                        "1..3",
                                        "1.3.x",
                                        "3.1",
                                        "1.40.1",
                                        "1.3.4294967296",
                                        "1.3.99999999999",
                                        "-1.3",
                                        "1.3 "};
    char deep[4 * BER_SUBS_MAX + 8] = "1.3";
    uint32_t subs[BER_SUBS_MAX];
    size_t count;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        assert_false(ber_parse_oid(TEXTS[i], subs, &count));
    for (size_t i = 2; i < BER_SUBS_MAX; i++)
        strcat(deep, ".1");
    assert_true(ber_parse_oid(deep, subs, &count));
    assert_int_equal(count, BER_SUBS_MAX);
    strcat(deep, ".1");
    assert_false(ber_parse_oid(deep, subs, &count));
}

static void
containers_wrap_what_is_there_with_short_and_long_lengths(void **state)
{
    static const size_t SIZES[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
    static uint8_t content[70000], buffer[70016];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct ber_writer writer;
        struct ber_item item;

        ber_writer_init(&writer, buffer, sizeof buffer);
        ber_put(&writer, BER_SEQUENCE, content, SIZES[i]);
        assert_false(writer.full);
        struct ber_reader reader = {writer.at, writer.end};
        assert_true(ber_take_tag(&reader, BER_SEQUENCE, &item));
        assert_int_equal(item.length, SIZES[i]);
        assert_ptr_equal(reader.at, reader.end);
    }
}

static void
broken_bytes_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t length;
    } CASES[] = {
        {{0}, 0},                            /* nothing */
        {{0x02}, 1},                         /* no length */
        {{0x02, 0x01}, 2},                   /* no content */
        {{0x02, 0x05, 1, 2, 3}, 5},          /* too little content */
        {{0x30, 0x80, 0, 0}, 4},             /* indefinite length */
        {{0x04, 0x85, 0, 0, 0, 0, 1, 7}, 8}, /* length of five bytes */
        {{0x04, 0x82, 1}, 3},                /* length cut off */
        {{0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1}, 7},
        {{0x1f, 0x01, 1}, 3}, /* a tag of several bytes */
    };
    struct ber_item item;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct ber_reader reader = {CASES[i].bytes, CASES[i].bytes + CASES[i].length};

        assert_false(ber_take(&reader, &item));
        assert_ptr_equal(reader.at, CASES[i].bytes);
    }
}

static void
values_of_a_wrong_length_are_refused(void **state)
{
    static const uint8_t NINE[9] = {1}, ZEROES[9] = {0}, ENDLESS[] = {0x2b, 0x86},
                         HUGE_SUB[] = {0x2b, 0x90, 0x80, 0x80, 0x80, 0x00};
    uint32_t subs[BER_SUBS_MAX];
    size_t count;
    int64_t number;
    uint64_t positive;

    (void)state;
    assert_false(ber_int(&(struct ber_item){BER_INTEGER, NINE, 0}, &number));
    assert_false(ber_int(&(struct ber_item){BER_INTEGER, NINE, 9}, &number));
    assert_false(ber_unsigned(&(struct ber_item){BER_GAUGE, NINE, 9}, &positive));
    assert_true(ber_unsigned(&(struct ber_item){BER_GAUGE, ZEROES, 9}, &positive));
    assert_false(ber_oid(&(struct ber_item){BER_OID, NINE, 0}, subs, &count));
    assert_false(ber_oid(&(struct ber_item){BER_OID, ENDLESS, 2}, subs, &count));
    assert_false(ber_oid(&(struct ber_item){BER_OID, HUGE_SUB, 6}, subs, &count));
}

static void
a_full_buffer_is_said_and_never_overrun(void **state)
{
    uint8_t buffer[8] = {0};
    struct ber_writer writer;

    (void)state;
    ber_writer_init(&writer, buffer + 4, 4);
    ber_put(&writer, BER_OCTETS, "abc", 3);
    assert_true(writer.full);
    assert_int_equal(buffer[3], 0);
    assert_true(writer.at >= writer.start);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_length_come_back),
        cmocka_unit_test(unsigned_numbers_get_a_zero_before_a_high_bit),
        cmocka_unit_test(oids_come_back_as_written),
        cmocka_unit_test(texts_that_are_no_oid_are_refused),
        cmocka_unit_test(containers_wrap_what_is_there_with_short_and_long_lengths),
        cmocka_unit_test(broken_bytes_are_refused),
        cmocka_unit_test(values_of_a_wrong_length_are_refused),
        cmocka_unit_test(a_full_buffer_is_said_and_never_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
