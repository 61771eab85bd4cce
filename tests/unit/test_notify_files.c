/*
 * test_notify_files.c - what the courier says of its TLS files, made by deploy/pki.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/notify_files.h"

static char top[] = "/tmp/watchroom-notify-files-XXXXXX";

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
    shell("faketime '50 days ago' $PKI --days 60 init x && $PKI --days 8 user soon"
          " && faketime '40 days ago' $PKI --days 20 user late && mv pki/hand-out/* . && rm -r pki"
          " && $PKI init x && $PKI user good && $PKI user open"
          " && faketime '3 days' $PKI user early && mv pki/hand-out/* . && chmod 644 open/key.pem"
          " && cp -r good mixed && cp open/key.pem mixed/ && chmod 600 mixed/key.pem"
          " && cp -r good gone && rm gone/key.pem && cp -r good oldca && cp soon/ca.pem oldca/");
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

/* The complaint after a look at the files of `who`, "" for none, the error where there is one. */
static const char *
say(const char *who, bool has_certificate)
{
    static char text[sizeof((struct err *)0)->text];
    struct notify_files files = {0};
    struct courier_params params = {0};
    char ca[128], certificate[128], key[128];
    struct err err;

    snprintf(ca, sizeof ca, "%s/%s/ca.pem", top, who);
    snprintf(certificate, sizeof certificate, "%s/%s/certificate.pem", top, who);
    snprintf(key, sizeof key, "%s/%s/key.pem", top, who);
    params.tls_ca = ca;
    params.tls_certificate = has_certificate ? certificate : NULL;
    params.tls_key = has_certificate ? key : NULL;
    if (notify_files_check(&files, &params, &err) != ERR_OK) {
        snprintf(text, sizeof text, "%s", err.text);
        return text;
    }
    const char *complaint = notify_files_complaint(&files, &params);
    snprintf(text, sizeof text, "%s", complaint != NULL ? complaint : "");
    return text;
}

static void
files_are_judged_by_what_a_person_must_do(void **state)
{
    static const struct {
        const char *who;
        bool has_certificate;
        const char *says;
    } rows[] = {
        {"good", true, ""},
        {"good", false, ""},
        {"soon", true, "soon/certificate.pem expires in "},
        {"late", true, "late/certificate.pem has expired"},
        {"early", true, "early/certificate.pem is not valid yet (is the clock right?)"},
        {"open", true, "open/key.pem: others may read it; chmod 600"},
        {"oldca", true, "oldca/ca.pem expires in "},
        {"oldca", false, "oldca/ca.pem expires in "},
        {"mixed", true, "mixed/key.pem is not the key of"},
        {"gone", true, "gone/key.pem: No such file"},
        {"nobody", true, "nobody/certificate.pem: No such file"},
        {"nobody", false, "nobody/ca.pem: No such file"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = say(rows[i].who, rows[i].has_certificate);

        if (rows[i].says[0] == '\0' ? text[0] != '\0' : strstr(text, rows[i].says) == NULL)
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].who, text, rows[i].says);
    }
}

static void
session_without_tls_has_no_files_to_judge(void **state)
{
    struct notify_files files = {0};
    struct courier_params params = {0};
    struct err err;

    (void)state;
    assert_int_equal(notify_files_check(&files, &params, &err), ERR_OK);
    assert_null(notify_files_complaint(&files, &params));
}

int
main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(files_are_judged_by_what_a_person_must_do),
        cmocka_unit_test(session_without_tls_has_no_files_to_judge),
    };

    return cmocka_run_group_tests(TESTS, make, remove_all);
}
