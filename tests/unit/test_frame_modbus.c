/*
 * test_frame_modbus.c - requests and answers as bytes, held against libmodbus as the reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <modbus/modbus.h>

#include "collectors/frame_modbus.h"

static const struct frame_modbus_request TWO_WORDS = {
    .tid = 0x1234, .unit = 9, .function = 3, .address = 100, .count = 2};

static void
request_functions_that_read_are_the_only_ones_built(void **state)
{
    (void)state;
    for (unsigned function = 0; function < 256; function++) {
        uint8_t bytes[FRAME_MODBUS_REQUEST_MAX] = {0};
        struct frame_modbus_request request = {
            .unit = 1, .function = (uint8_t)function, .address = 1, .count = 1};
        bool reads = (function >= 1 && function <= 4) || function == 17 || function == 43;
        size_t length = frame_modbus_build(&request, bytes);

        assert_int_equal(length > 0, reads);
        assert_int_equal(frame_modbus_is_allowed(&request), reads);
        if (reads)
            assert_int_equal(bytes[7], function);
        else
            for (size_t i = 0; i < sizeof bytes; i++)
                assert_int_equal(bytes[i], 0);
    }
}

static void
request_counts_beyond_the_protocol_are_refused(void **state)
{
    static const struct {
        uint8_t function;
        uint16_t address, count;
        bool allowed;
    } rows[] = {
        {3, 0, 0, false},       {3, 0, 125, true},    {3, 0, 126, false},
        {4, 65535, 1, true},    {4, 65535, 2, false}, {3, 65411, 125, true},
        {3, 65412, 125, false}, {1, 0, 0, false},     {1, 0, 2000, true},
        {2, 0, 2001, false},    {2, 65535, 1, true},  {1, 63537, 2000, false},
    };
    uint8_t bytes[FRAME_MODBUS_REQUEST_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_modbus_request request = {
            .function = rows[i].function, .address = rows[i].address, .count = rows[i].count};

        assert_int_equal(frame_modbus_build(&request, bytes) > 0, rows[i].allowed);
    }
}

/* modbus_send_raw_request() always says transaction 0. */
static void
request_bytes_are_those_of_libmodbus(void **state)
{
    static const struct frame_modbus_request rows[] = {
        {0, 1, 1, 0, 2000},
        {0, 255, 2, 65535, 1},
        {0, 17, 3, 0x1234, 125},
        {0, 0, 4, 7, 3},
    };
    modbus_t *reference = modbus_new_tcp("127.0.0.1", 1);
    int fds[2];

    (void)state;
    assert_non_null(reference);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    modbus_set_socket(reference, fds[0]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[] = {rows[i].unit,
                         rows[i].function,
                         (uint8_t)(rows[i].address >> 8),
                         (uint8_t)rows[i].address,
                         (uint8_t)(rows[i].count >> 8),
                         (uint8_t)rows[i].count};
        uint8_t ours[FRAME_MODBUS_REQUEST_MAX], theirs[64];

        assert_int_equal(modbus_send_raw_request(reference, raw, sizeof raw), 12);
        assert_int_equal(read(fds[1], theirs, sizeof theirs), 12);
        assert_int_equal(frame_modbus_build(&rows[i], ours), 12);
        assert_memory_equal(ours, theirs, 12);
    }
    modbus_free(reference);
    close(fds[0]);
    close(fds[1]);
}

static const uint8_t GOOD[] = {0x12, 0x34, 0, 0, 0, 7, 9, 3, 4, 0xca, 0xfe, 0xba, 0xbe};

static void
answer_is_whole_at_its_last_byte_and_not_before(void **state)
{
    struct frame_modbus_answer answer;

    (void)state;
    for (size_t length = 0; length < sizeof GOOD; length++)
        assert_int_equal(frame_modbus_check(&TWO_WORDS, GOOD, length, &answer), FRAME_MORE);
    assert_int_equal(frame_modbus_check(&TWO_WORDS, GOOD, sizeof GOOD, &answer), FRAME_WHOLE);
    assert_int_equal(answer.data_bytes, 4);
    assert_ptr_equal(answer.data, GOOD + 9);
    assert_null(answer.fault);
}

static void
answer_with_any_mismatch_is_broken_at_the_byte_that_shows_it(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        size_t seen; /* bytes after which it must be told */
        const char *fault;
    } rows[] = {
        {0, 0x13, 2, "wrong transaction id"},
        {1, 0x35, 2, "wrong transaction id"},
        {2, 1, 4, "wrong protocol id"},
        {3, 1, 4, "wrong protocol id"},
        {4, 1, 6, "wrong length in the header"},
        {5, 2, 6, "wrong length in the header"},
        {5, 0, 6, "wrong length in the header"},
        {5, 255, 6, "wrong length in the header"},
        {5, 6, 9, "length and byte count differ"},
        {5, 8, 9, "length and byte count differ"},
        {6, 8, 7, "wrong unit"},
        {7, 4, 8, "wrong function"},
        {7, 0x84, 8, "wrong function"},
        {7, 0x83, 9, "wrong length of an exception"},
        {8, 2, 9, "wrong byte count"},
        {8, 6, 9, "wrong byte count"},
        {8, 250, 9, "wrong byte count"},
    };
    struct frame_modbus_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[sizeof GOOD];

        memcpy(bytes, GOOD, sizeof GOOD);
        bytes[rows[i].at] = rows[i].value;
        assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, rows[i].seen - 1, &answer),
                         FRAME_MORE);
        assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, rows[i].seen, &answer),
                         FRAME_BROKEN);
        assert_string_equal(answer.fault, rows[i].fault);
        assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, sizeof bytes, &answer),
                         FRAME_BROKEN);
    }
}

static void
answer_with_bytes_behind_it_is_broken(void **state)
{
    uint8_t bytes[sizeof GOOD + 1] = {0};
    struct frame_modbus_answer answer;

    (void)state;
    memcpy(bytes, GOOD, sizeof GOOD);
    assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, sizeof bytes, &answer), FRAME_BROKEN);
    assert_string_equal(answer.fault, "bytes behind the answer");
}

static void
exception_is_told_with_its_code(void **state)
{
    const uint8_t bytes[] = {0x12, 0x34, 0, 0, 0, 3, 9, 0x83, 2};
    struct frame_modbus_answer answer;

    (void)state;
    assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, 8, &answer), FRAME_MORE);
    assert_int_equal(frame_modbus_check(&TWO_WORDS, bytes, 9, &answer), FRAME_EXCEPTION);
    assert_int_equal(answer.exception, 2);
    assert_null(answer.data);
}

static void
bits_are_counted_in_bytes_rounded_up(void **state)
{
    static const struct {
        uint16_t count;
        uint8_t bytes;
    } rows[] = {{1, 1}, {8, 1}, {9, 2}, {16, 2}, {17, 3}, {2000, 250}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_modbus_request request = {
            .tid = 1, .unit = 1, .function = 2, .count = rows[i].count};
        uint8_t bytes[FRAME_MODBUS_MAX] = {0, 1, 0, 0, 0, (uint8_t)(3 + rows[i].bytes), 1, 2};
        struct frame_modbus_answer answer;

        bytes[8] = rows[i].bytes;
        assert_int_equal(frame_modbus_check(&request, bytes, 9u + rows[i].bytes, &answer),
                         FRAME_WHOLE);
        bytes[8]++;
        assert_int_equal(frame_modbus_check(&request, bytes, 9u + rows[i].bytes, &answer),
                         FRAME_BROKEN);
    }
}

static void
identification_answers_are_framed_by_the_header(void **state)
{
    const struct frame_modbus_request report = {.tid = 1, .unit = 1, .function = 17};
    const struct frame_modbus_request identify = {
        .tid = 1, .unit = 1, .function = 43, .address = 0x0100};
    const uint8_t reported[] = {0, 1, 0, 0, 0, 5, 1, 17, 2, 0x42, 0xff};
    const uint8_t identified[] = {0, 1, 0, 0, 0, 11, 1, 43, 14, 1, 1, 0, 0, 1, 0, 1, 'x'};
    struct frame_modbus_answer answer;

    (void)state;
    assert_int_equal(frame_modbus_check(&report, reported, sizeof reported, &answer), FRAME_WHOLE);
    assert_int_equal(answer.data_bytes, 2);
    assert_int_equal(frame_modbus_check(&identify, identified, sizeof identified, &answer),
                     FRAME_WHOLE);
    assert_int_equal(answer.data_bytes, 8);
    assert_int_equal(answer.data[7], 'x');
}

/* Each of our answers is one that libmodbus takes, too. */
static void
answer_bytes_are_taken_by_libmodbus(void **state)
{
    modbus_t *reference = modbus_new_tcp("127.0.0.1", 1);
    int fds[2];
    uint8_t raw[] = {9, 3, 0, 100, 0, 2}, request[64], answer[MODBUS_TCP_MAX_ADU_LENGTH];

    (void)state;
    assert_non_null(reference);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    modbus_set_socket(reference, fds[0]);
    assert_int_equal(modbus_send_raw_request(reference, raw, sizeof raw), 12);
    assert_int_equal(read(fds[1], request, sizeof request), 12);
    assert_int_equal(write(fds[1], GOOD, sizeof GOOD), sizeof GOOD);
    assert_int_equal(modbus_receive_confirmation(reference, answer), sizeof GOOD);
    modbus_free(reference);
    close(fds[0]);
    close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_functions_that_read_are_the_only_ones_built),
        cmocka_unit_test(request_counts_beyond_the_protocol_are_refused),
        cmocka_unit_test(request_bytes_are_those_of_libmodbus),
        cmocka_unit_test(answer_is_whole_at_its_last_byte_and_not_before),
        cmocka_unit_test(answer_with_any_mismatch_is_broken_at_the_byte_that_shows_it),
        cmocka_unit_test(answer_with_bytes_behind_it_is_broken),
        cmocka_unit_test(exception_is_told_with_its_code),
        cmocka_unit_test(bits_are_counted_in_bytes_rounded_up),
        cmocka_unit_test(identification_answers_are_framed_by_the_header),
        cmocka_unit_test(answer_bytes_are_taken_by_libmodbus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
