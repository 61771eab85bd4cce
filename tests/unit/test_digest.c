/*
 * test_digest.c - hashes and ids against published vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/digest.h"

static void
sha256_gives_the_vectors_of_fips_180(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t digest[DIGEST_BYTES];
        char hex[DIGEST_HEX];

        assert_true(digest_sha256(rows[i].text, strlen(rows[i].text), digest));
        digest_hex(digest, hex);
        assert_string_equal(hex, rows[i].want);
    }
}

static void
crc32_gives_the_check_value_of_ieee_802_3(void **state)
{
    (void)state;
    assert_int_equal(checksum_crc32("123456789", 9), 0xCBF43926);
    assert_int_equal(checksum_crc32("", 0), 0);
    assert_int_equal(checksum_crc32("\0", 1), 0xD202EF8D);
}

static void
fingerprint_is_fnv_1a_and_can_be_continued(void **state)
{
    (void)state;
    assert_true(fingerprint(FINGERPRINT_START, "", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(fingerprint(FINGERPRINT_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(fingerprint(FINGERPRINT_START, "foobar", 6) == UINT64_C(0x85944171f73967e8));
    assert_true(fingerprint(fingerprint(FINGERPRINT_START, "foo", 3), "bar", 3) ==
                UINT64_C(0x85944171f73967e8));
}

static void
ulid_begins_with_its_time(void **state)
{
    static const struct {
        int64_t utc_ms;
        const char *prefix;
    } rows[] = {
        {0, "0000000000"},
        {1, "0000000001"},
        {1469918176385, "01ARYZ6S41"}, /* the example of the specification */
        {INT64_C(281474976710655), "7ZZZZZZZZZ"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char ulid[27];

        ulid_make(rows[i].utc_ms, ulid);
        assert_memory_equal(ulid, rows[i].prefix, 10);
        assert_true(ulid_is_valid(ulid));
    }
}

static void
ulids_of_one_moment_differ_and_later_ones_sort_behind(void **state)
{
    char first[27], second[27], later[27];

    (void)state;
    ulid_make(1700000000000, first);
    ulid_make(1700000000000, second);
    ulid_make(1700000000001, later);
    assert_string_not_equal(first, second);
    assert_true(strcmp(first, later) < 0 && strcmp(second, later) < 0);
}

static void
text_that_is_no_ulid_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",   /* 25 */
        "01ARZ3NDEKTSV4RRFFQ69G5FAVV", /* 27 */
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",  /* more than 128 bits */
        "01ARZ3NDEKTSV4RRFFQ69G5FAI",  /* I, L, O, U are not of the alphabet */
        "01ARZ3NDEKTSV4RRFFQ69G5FAL",
        "01ARZ3NDEKTSV4RRFFQ69G5FAO",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FA ",
    };

    (void)state;
    assert_true(ulid_is_valid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(ulid_is_valid(bad[i]));
}

static void
random_bytes_fill_the_whole_buffer(void **state)
{
    uint8_t all[64] = {0};

    (void)state;
    /* A byte that is zero in each of ten tries was not written. */
    for (int try = 0; try < 10; try++) {
        uint8_t bytes[64] = {0};

        assert_true(random_bytes(bytes, sizeof bytes));
        for (size_t i = 0; i < sizeof bytes; i++)
            all[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof all; i++)
        assert_int_not_equal(all[i], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_vectors_of_fips_180),
        cmocka_unit_test(crc32_gives_the_check_value_of_ieee_802_3),
        cmocka_unit_test(fingerprint_is_fnv_1a_and_can_be_continued),
        cmocka_unit_test(ulid_begins_with_its_time),
        cmocka_unit_test(ulids_of_one_moment_differ_and_later_ones_sort_behind),
        cmocka_unit_test(text_that_is_no_ulid_is_refused),
        cmocka_unit_test(random_bytes_fill_the_whole_buffer),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
