/*
 * test_certificate.c - files that are fit to be shown, and those that are not, made by deploy/pki.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/certificate.h"

static char top[] = "/tmp/watchroom-certificate-XXXXXX";

static void
shell(const char *command)
{
    char line[1024];

    snprintf(line, sizeof line, "cd %s && PKI='%s/deploy/pki -d pki' && (%s) >said 2>&1", top,
             SOURCE_DIR, command);
    assert_int_equal(system(line), 0);
}

static int
make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(top));
    shell("$PKI init x && $PKI --days 10 user a && $PKI user b && mv pki/hand-out/* ."
          " && echo junk >junk.pem && : >empty.pem && head -3 a/certificate.pem >cut.pem"
          " && cat a/key.pem a/certificate.pem >both.pem"
          " && openssl pkey -in a/key.pem -aes256 -passout pass:x -out locked.pem");
    return 0;
}

static int
remove_all(void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", top);
    return system(line);
}

static enum err_code
check(const char *certificate, const char *key, int64_t *out_begins_s, int64_t *out_ends_s,
      struct err *err)
{
    char paths[2][128];

    snprintf(paths[0], sizeof paths[0], "%s/%s", top, certificate);
    snprintf(paths[1], sizeof paths[1], "%s/%s", top, key != NULL ? key : "");
    return certificate_check(paths[0], key != NULL ? paths[1] : NULL, out_begins_s, out_ends_s,
                             err);
}

static void
certificate_with_its_key_is_fit_and_says_its_dates(void **state)
{
    static const char *const rows[][2] = {{"a/certificate.pem", "a/key.pem"},
                                          {"both.pem", "both.pem"}};
    int64_t begins_s = 0, ends_s = 0, now_s = (int64_t)time(NULL);
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(check(rows[i][0], rows[i][1], &begins_s, &ends_s, &err), ERR_OK);
        assert_in_range(now_s - begins_s, 3500, 3800); /* an hour for clocks that lag */
        assert_in_range(ends_s - now_s, 10 * 86400 - 200, 10 * 86400 + 200);
    }
    assert_int_equal(check("a/ca.pem", NULL, &begins_s, &ends_s, &err), ERR_OK);
    assert_true(ends_s - now_s > 3600 * 86400LL);
}

static void
files_that_are_not_fit_are_named_and_leave_the_outputs(void **state)
{
    static const struct {
        const char *certificate, *key, *says;
    } rows[] = {
        {"a/certificate.pem", "b/key.pem", "b/key.pem is not the key of"},
        {"a/certificate.pem", "none.pem", "none.pem: No such file"},
        {"a/certificate.pem", "junk.pem", "junk.pem holds no key"},
        {"a/certificate.pem", "empty.pem", "empty.pem holds no key"},
        {"a/certificate.pem", "locked.pem", "locked.pem holds no key, or one with a passphrase"},
        {"a/certificate.pem", "a/certificate.pem", "a/certificate.pem holds no key"},
        {"none.pem", "a/key.pem", "none.pem: No such file"},
        {"junk.pem", "a/key.pem", "junk.pem holds no certificate"},
        {"cut.pem", "a/key.pem", "cut.pem holds no certificate"},
        {"a/key.pem", "a/key.pem", "a/key.pem holds no certificate"},
        {"a", NULL, "a holds no certificate"},
        {"empty.pem", NULL, "empty.pem holds no certificate"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t begins_s = 1, ends_s = 2;
        struct err err;

        assert_int_not_equal(check(rows[i].certificate, rows[i].key, &begins_s, &ends_s, &err),
                             ERR_OK);
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s + %s: %s", rows[i].certificate, rows[i].key, err.text);
        assert_int_equal(begins_s, 1);
        assert_int_equal(ends_s, 2);
    }
}

static void
a_certificate_says_whose_it_is(void **state)
{
    char name[ID_MAX] = "as it was", path[128];
    struct err err;

    (void)state;
    snprintf(path, sizeof path, "%s/b/certificate.pem", top);
    assert_int_equal(certificate_name(path, name, &err), ERR_OK);
    assert_string_equal(name, "b");
    snprintf(path, sizeof path, "%s/junk.pem", top);
    assert_int_equal(certificate_name(path, name, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "junk.pem holds no certificate"));
    assert_string_equal(name, "b");
}

int
main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(certificate_with_its_key_is_fit_and_says_its_dates),
        cmocka_unit_test(files_that_are_not_fit_are_named_and_leave_the_outputs),
        cmocka_unit_test(a_certificate_says_whose_it_is),
    };

    return cmocka_run_group_tests(TESTS, make, remove_all);
}
