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
        {"{\"verb\":\"checkpoint\"}", NULL},
        {"{\"verb\":\"reload\"}", NULL},
        {"{\"verb\":\"reload\",\"request\":\"01KB3V0V9Q5S8M0Z3T7W4C6H2N\",\"reverted\":7}", NULL},
        {"{\"verb\":\"reload\",\"request\":\"x\"}", "request"},
        {"{\"verb\":\"reload\",\"request\":7}", "request"},
        {"{\"verb\":\"reload\",\"reverted\":0}", "reverted"},
        {"{\"verb\":\"reload\",\"reverted\":4294967296}", "reverted"},
        {"{\"verb\":\"reload\",\"reverted\":\"1\"}", "reverted"},
        {"{\"verb\":\"verdict\",\"request\":\"01KB3V0V9Q5S8M0Z3T7W4C6H2N\"}", NULL},
        {"{\"verb\":\"verdict\"}", "request"},
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
        {"{\"verb\":\"ack\",\"id\":\"a/b\",\"ocurrence\":2}", "ocurrence"},
        {"{\"verb\":\"ack\",\"id\":\"a/b\",\"noet\":\"x\"}", "did you mean \"note\""},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"duration_s\":60,\"reason\":\"x\"}", NULL},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"duration_s\":60}", "reason"},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"duration_s\":60,\"reason\":\"\"}", "reason"},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"reason\":\"x\"}", "duration_s"},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"duration_s\":0,\"reason\":\"x\"}", "duration_s"},
        {"{\"verb\":\"shelve\",\"id\":\"a/b\",\"duration_s\":9223372036854775807,"
         "\"reason\":\"x\"}",
         "duration_s"},
        {"{\"verb\":\"unshelve\",\"id\":\"a/b\"}", NULL},
        {"{\"verb\":\"unshelve\"}", "id"},
        {"{\"verb\":\"comment\",\"id\":\"a/b\"}", "note"},
        {"{\"verb\":\"comment\",\"id\":\"a/b\",\"note\":\"\"}", "note"},
        {"{\"verb\":\"comment\",\"id\":\"a/b\",\"note\":\"on my way\"}", NULL},
        {"{\"verb\":\"reset\",\"id\":\"a/b\",\"second\":\"bob\"}", NULL},
        {"{\"verb\":\"reset\",\"id\":\"a/b\",\"second\":\"Bob Smith\"}", "second"},
        {"{\"verb\":\"reset\",\"id\":\"a/b\",\"duration_s\":1}", "duration_s"},
        {"{\"verb\":\"oos\",\"id\":\"a/b\",\"to\":5,\"reason\":\"x\"}", NULL},
        {"{\"verb\":\"oos\",\"id\":\"a/b\",\"from\":5,\"to\":5,\"reason\":\"x\"}", "after from"},
        {"{\"verb\":\"oos\",\"id\":\"a/b\",\"reason\":\"x\"}", "to"},
        {"{\"verb\":\"oos\",\"id\":\"a/b\",\"to\":5}", "reason"},
        {"{\"verb\":\"oos\",\"id\":\"a/b\",\"second\":\"bob\"}", NULL},
        {"{\"verb\":\"in-service\",\"id\":\"a/b\"}", NULL},
        {"{\"verb\":\"test-begin\",\"id\":\"a/b\",\"reason\":\"weekly\"}", NULL},
        {"{\"verb\":\"test-begin\",\"id\":\"a/b\"}", "reason"},
        {"{\"verb\":\"test-end\",\"id\":\"a/b\"}", NULL},
        {"{\"verb\":\"ack-group\",\"alarms\":[{\"id\":\"a/b\"},{\"id\":\"c\",\"occ\":[1,2]}]}",
         NULL},
        {"{\"verb\":\"ack-group\",\"alarms\":[]}", "alarms"},
        {"{\"verb\":\"ack-group\",\"alarms\":[{\"id\":\"a/b\",\"x\":1}]}", "alarms"},
        {"{\"verb\":\"ack-group\",\"alarms\":[\"a/b\"]}", "alarms"},
        {"{\"verb\":\"ack-group\"}", "alarms"},
        {"{\"verb\":\"ack-group\",\"root\":\"a/b\"}", NULL},
        {"{\"verb\":\"ack-group\",\"root\":\"a/b\",\"alarms\":[{\"id\":\"a/b\"}]}", "alarms or root"},
        {"{\"verb\":\"get\",\"since\":7,\"limit\":1001}", "limit"},
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
        enum order verb;
        const char *payload, *reason;
    } CASES[] = {
        {ORDER_ACK, "{" CID ",\"id\":\"a/b\",\"occ\":1}", NULL},
        {ORDER_ACK, "{" CID ",\"id\":\"a/b\",\"occ\":1,\"expires\":1764000000000}", NULL},
        {ORDER_ACK, "{" CID ",\"id\":\"a/b\"}", "occ"}, /* from afar one quotes what one saw */
        {ORDER_ACK_GROUP, "{" CID ",\"alarms\":[{\"id\":\"a\",\"occ\":1},{\"id\":\"b\"}]}", "occ"},
        {ORDER_ACK_GROUP, "{" CID ",\"alarms\":[{\"id\":\"a\",\"occ\":1}]}", NULL},
        {ORDER_ACK, "{" CID ",\"id\":\"a/b\",\"expires\":\"soon\"}", "expires"},
        {ORDER_ACK, "{" CID ",\"id\":\"a/b\",\"expires\":0}", "expires"},
        {ORDER_ACK, "{" CID "}", "id"},
        {ORDER_ACK, "{\"id\":\"a/b\"}", "cid"},
        {ORDER_ACK, "{\"cid\":\"01k00000000000000000000001\",\"id\":\"a/b\"}", "cid"},
        {ORDER_ACK, "{\"cid\":12,\"id\":\"a/b\"}", "cid"},
        {ORDER_GET, "{" CID ",\"since\":0}", NULL},
        {ORDER_GET, "{" CID "}", NULL},
        {ORDER_GET, "{" CID ",\"since\":-1}", "since"},
        {ORDER_GET, "{" CID ",\"since\":\"1\"}", "since"},
        {ORDER_GET, "x", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct order_request request;
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
    struct order_request request;

    (void)state;
    memset(payload, ' ', REQUEST_COMMAND_BYTES_MAX + 1);
    memcpy(payload, "{" CID "}", strlen("{" CID "}"));
    assert_true(request_parse_command(ORDER_GET, payload, REQUEST_COMMAND_BYTES_MAX, &request,
                                      reason, sizeof reason));
    assert_false(request_parse_command(ORDER_GET, payload, REQUEST_COMMAND_BYTES_MAX + 1, &request,
                                       reason, sizeof reason));
    assert_non_null(strstr(reason, "4096"));
    free(payload);
}

static void
every_verb_has_a_name_of_its_own_and_nothing_else_is_one(void **state)
{
    enum order order;

    (void)state;
    for (unsigned i = 0; i < ORDER_COUNT; i++) {
        assert_true(order_of(order_name((enum order)i), &order));
        assert_int_equal(order, i);
    }
    assert_false(order_of("", &order));
    assert_false(order_of("ACK", &order));
    assert_false(order_of("acks", &order));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_lines_are_read_or_refused_with_a_reason),
        cmocka_unit_test(note_of_the_greatest_length_is_taken_and_one_more_byte_is_not),
        cmocka_unit_test(command_payloads_are_read_or_refused_with_a_reason),
        cmocka_unit_test(command_payload_beyond_its_bound_is_refused_unread),
        cmocka_unit_test(every_verb_has_a_name_of_its_own_and_nothing_else_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
