/*
 * test_requests.c - lines of the control socket and payloads of commands: what is taken, what is
 * refused and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/requests.h"

static void
control_lines_are_read_or_refused_with_a_reason(void **state)
{
    static const struct {
        const char *line;
        const char *reason; /* NULL: taken */
    } CASES[] = {
        {"{\"verb\":\"status\"}", NULL},
        {"{\"verb\":\"status\",\"more\":[1,{}]}", NULL},
        {"{\"verb\":\"values\",\"device\":\"ups-a\"}", NULL},
        {"{\"verb\":\"values\",\"device\":\"UPS A\"}", "device"},
        {"{\"verb\":\"flush\",\"device\":\"..\"}", "device"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\"}", NULL},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":4}", NULL},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":[2,4]}", NULL},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":[4,2]}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":[1,2,3]}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":0}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":-1}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":4294967296}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":1.5}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"occ\":null}", "occ"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"note\":\"two\\nlines\"}", "note"},
        {"{\"verb\":\"ack\",\"id\":\"power/ups-a/x\",\"note\":7}", "note"},
        {"{\"verb\":\"ack\",\"id\":\"power/+/x\"}", "id"},
        {"{\"verb\":\"ack\"}", "id"},
        {"{\"verb\":\"ack\",\"id\":\"a\",\"id\":\"b\"}", "JSON"},
        {"{\"verb\":\"shutdown\"}", "verb"},
        {"{}", "verb"},
        {"[]", "JSON"},
        {"", "JSON"},
        {"{\"verb\":\"status\"} x", "JSON"},
        {"{\"verb\":\"\xff\"}", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct control_request request;
        char reason[200] = "";
        bool is_taken = request_parse_control(CASES[i].line, strlen(CASES[i].line), &request,
                                              reason, sizeof reason);

        if (is_taken != (CASES[i].reason == NULL) ||
            (!is_taken && strstr(reason, CASES[i].reason) == NULL))
            fail_msg("%s: %s \"%s\"", CASES[i].line, is_taken ? "taken" : "refused", reason);
    }
}

static void
note_of_the_greatest_length_is_taken_and_one_more_byte_is_not(void **state)
{
    char line[REQUEST_NOTE_MAX + 100], note[REQUEST_NOTE_MAX + 1], reason[200];
    struct control_request request;

    (void)state;
    memset(note, 'x', sizeof note);
    for (int bytes = REQUEST_NOTE_MAX - 1; bytes <= REQUEST_NOTE_MAX; bytes++) {
        int length = snprintf(line, sizeof line,
                              "{\"verb\":\"ack\",\"id\":\"a/b\",\"note\":\"%.*s\"}", bytes, note);

        assert_int_equal(
            request_parse_control(line, (size_t)length, &request, reason, sizeof reason),
            bytes < REQUEST_NOTE_MAX);
    }
}

static void
command_payloads_are_read_or_refused_with_a_reason(void **state)
{
#define CID "\"cid\":\"01K00000000000000000000001\""
    static const struct {
        enum command_verb verb;
        const char *payload, *reason;
    } CASES[] = {
        {COMMAND_ACK, "{" CID ",\"id\":\"a/b\",\"occ\":1}", NULL},
        {COMMAND_ACK, "{" CID ",\"id\":\"a/b\",\"expires\":1764000000000}", NULL},
        {COMMAND_ACK, "{" CID ",\"id\":\"a/b\",\"expires\":\"soon\"}", "expires"},
        {COMMAND_ACK, "{" CID ",\"id\":\"a/b\",\"expires\":0}", "expires"},
        {COMMAND_ACK, "{" CID "}", "id"},
        {COMMAND_ACK, "{\"id\":\"a/b\"}", "cid"},
        {COMMAND_ACK, "{\"cid\":\"01k00000000000000000000001\",\"id\":\"a/b\"}", "cid"},
        {COMMAND_ACK, "{\"cid\":12,\"id\":\"a/b\"}", "cid"},
        {COMMAND_GET, "{" CID ",\"since\":0}", NULL},
        {COMMAND_GET, "{" CID "}", NULL},
        {COMMAND_GET, "{" CID ",\"since\":-1}", "since"},
        {COMMAND_GET, "{" CID ",\"since\":\"1\"}", "since"},
        {COMMAND_GET, "x", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct command_request request;
        char reason[200] = "";
        bool is_taken =
            request_parse_command(CASES[i].verb, CASES[i].payload, strlen(CASES[i].payload),
                                  &request, reason, sizeof reason);

        if (is_taken != (CASES[i].reason == NULL) ||
            (!is_taken && strstr(reason, CASES[i].reason) == NULL))
            fail_msg("%s: %s \"%s\"", CASES[i].payload, is_taken ? "taken" : "refused", reason);
    }
}

static void
command_payload_beyond_its_bound_is_refused_unread(void **state)
{
    char *payload = malloc(REQUEST_COMMAND_BYTES_MAX + 1), reason[200];
    struct command_request request;

    (void)state;
    memset(payload, ' ', REQUEST_COMMAND_BYTES_MAX + 1);
    memcpy(payload, "{" CID "}", strlen("{" CID "}"));
    assert_true(request_parse_command(COMMAND_GET, payload, REQUEST_COMMAND_BYTES_MAX, &request,
                                      reason, sizeof reason));
    assert_false(request_parse_command(COMMAND_GET, payload, REQUEST_COMMAND_BYTES_MAX + 1,
                                       &request, reason, sizeof reason));
    assert_non_null(strstr(reason, "4096"));
    free(payload);
}

static void
verbs_of_later_are_known_and_others_are_not(void **state)
{
    (void)state;
    assert_int_equal(command_verb_of("ack"), COMMAND_ACK);
    assert_int_equal(command_verb_of("get"), COMMAND_GET);
    assert_int_equal(command_verb_of("shelve"), COMMAND_LATER);
    assert_int_equal(command_verb_of("investigation-close"), COMMAND_LATER);
    assert_int_equal(command_verb_of(""), COMMAND_UNKNOWN);
    assert_int_equal(command_verb_of("ACK"), COMMAND_UNKNOWN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_lines_are_read_or_refused_with_a_reason),
        cmocka_unit_test(note_of_the_greatest_length_is_taken_and_one_more_byte_is_not),
        cmocka_unit_test(command_payloads_are_read_or_refused_with_a_reason),
        cmocka_unit_test(command_payload_beyond_its_bound_is_refused_unread),
        cmocka_unit_test(verbs_of_later_are_known_and_others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
