/*
 * test_log_lines.c - a row of the journal as a line for people: every kind, and hostile ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/log_lines.h"

static const char *
line_of(const char *kind, const char *body)
{
    static char out[400];
    json_t *object = json_parse_object(body, strlen(body), NULL, 0);

    assert_non_null(object);
    log_lines_describe(kind, object, out, sizeof out);
    json_decref(object);
    return out;
}

static void
every_kind_is_words_and_not_json(void **state)
{
    static const struct {
        const char *kind, *body, *want;
    } rows[] = {
        {"alarm",
         "{\"alarm\":{\"id\":\"power/u/x\",\"priority\":2,\"text\":\"It is on "
         "battery\"},\"change\":[\"raised\",\"annunciate\"]}",
         "P2 power/u/x: raised annunciate - It is on battery"},
        {"checkpoint", "{\"key\":\"0123456789abcdef\",\"pruned_to\":7}",
         "all before is signed, key 0123456789ab; rows up to 7 go for their age"},
        {"command",
         "{\"user\":\"ann\",\"role\":\"operator\",\"source\":\"mqtt\",\"verb\":\"ack\",\"id\":"
         "\"power/u/x\",\"occ\":[3,3],\"code\":\"ok\",\"error\":\"\",\"note\":\"on my way\"}",
         "ann (operator, mqtt) ack power/u/x #3: ok - on my way"},
        {"command",
         "{\"user\":\"eve\",\"role\":\"viewer\",\"source\":\"control\",\"verb\":\"shelve\",\"id\":"
         "\"power/u/x\",\"duration_s\":7200,\"code\":\"denied\",\"error\":\"a viewer may "
         "not\",\"count\":4}",
         "eve (viewer, control) shelve power/u/x for 2 h: denied 4 times, a viewer may not"},
        {"comment",
         "{\"by\":\"ann\",\"role\":\"operator\",\"id\":\"power/u/x\",\"occ\":3,\"note\":\"seen\"}",
         "ann (operator) on power/u/x #3: seen"},
        {"device", "{\"device\":\"ups-a\",\"health\":\"down\",\"reason\":\"timeout\",\"missed\":3}",
         "ups-a does not answer: timeout, 3 polls missed"},
        {"device", "{\"device\":\"ups-a\",\"health\":\"up\",\"reason\":\"\",\"missed\":3}",
         "ups-a answers again"},
        {"flood", "{\"audience\":\"security\",\"change\":\"began\",\"told\":10}",
         "of alarms began for security, 10 told"},
        {"generation",
         "{\"accepted\":false,\"generation\":2,\"faults\":[\"a:1:1: x\",\"b\"],\"by\":{"
         "\"source\":\"signal\"}}",
         "a configuration was refused, 2 stays: a:1:1: x; b (by signal)"},
        {"generation",
         "{\"accepted\":true,\"generation\":3,\"digest\":\"0123456789abcdef\",\"changes\":[\"+ "
         "d\"],\"changes_total\":1,\"by\":{\"source\":\"control\",\"user\":\"root\"}}",
         "configuration 3, 0123456789ab, 1 change: + d (by control, root)"},
        {"note",
         "{\"what\":\"event-gap\",\"collector\":\"0\",\"incarnation\":1,\"from\":4,\"to\":9}",
         "changes of collector 0 never arrived: 4 to 9"},
        {"start", "{\"version\":\"1\",\"generation\":2,\"pid\":3}",
         "version 1, configuration 2, pid 3"},
        {"stop", "{\"reason\":\"the master says so\"}", "the master says so"},
        {"unjournalled", "{\"from\":4,\"to\":9}", "rows 4 to 9 were told and are not on record"},
        {"worker", "{\"worker\":\"web\",\"change\":\"died\",\"pid\":3,\"status\":9,\"restarts\":1}",
         "web died, pid 3, status 9, restart 1"},
        {"escalation",
         "{\"id\":\"power/u/x\",\"occ\":3,\"priority\":1,\"reason\":\"unacknowledged\",\"step\":2,"
         "\"of\":4,\"repeat\":0,\"audience\":\"security\",\"to\":[\"continuity\",\"ann\"],"
         "\"cleared\":"
         "true}",
         "P1 power/u/x #3: unacknowledged, step 2 of 4 of security to continuity, ann; cleared "
         "meanwhile"},
        {"presence",
         "{\"user\":\"ann\",\"client\":\"desk-1\",\"state\":\"watching\",\"audiences\":["
         "\"security\"],"
         "\"reason\":\"said\"}",
         "ann at desk-1 watches for security"},
        {"presence",
         "{\"user\":\"ann\",\"client\":\"desk-1\",\"state\":\"gone\",\"audiences\":[],\"reason\":"
         "\"not heard again\"}",
         "ann at desk-1 is gone: not heard again"},
        {"something-new", "{\"seq\":1,\"kind\":\"something-new\",\"a\":[1]}", "{\"a\":[1]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(line_of(rows[i].kind, rows[i].body), rows[i].want);
}

static void
row_without_its_members_is_still_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; LOG_LINES_KINDS[i] != NULL; i++) {
        assert_null(strchr(line_of(LOG_LINES_KINDS[i], "{}"), '{'));
        /* members of another type than is expected */
        (void)line_of(
            LOG_LINES_KINDS[i],
            "{\"alarm\":[],\"change\":5,\"occ\":{},\"faults\":[1],\"by\":\"x\",\"note\":[],"
            "\"changes\":{},\"what\":3,\"accepted\":\"yes\",\"count\":\"9\"}");
    }
}

static void
text_of_a_row_cannot_drive_the_terminal(void **state)
{
    char out[24];
    json_t *body = json_pack("{s:s}", "reason", "\x1b[2Jgone\r\n\xc3\xa4");

    (void)state;
    log_lines_describe("stop", body, out, sizeof out);
    assert_string_equal(out, "?[2Jgone??\xc3\xa4");
    /* cut in the middle of a character */
    for (size_t size = 1; size <= sizeof out; size++) {
        log_lines_describe("stop", body, out, size);
        assert_true(strlen(out) < size);
        assert_null(strchr(out, '\x1b'));
    }
    json_decref(body);
}

static void
kinds_are_those_of_the_schema_and_in_order(void **state)
{
    json_t *schema = json_load_file(SOURCE_DIR "/docs/schema/row.json", 0, NULL);
    const json_t *kinds =
        json_object_get(json_object_get(json_object_get(schema, "properties"), "kind"), "enum");
    const json_t *kind;
    size_t index, found = 0;

    (void)state;
    assert_true(json_array_size(kinds) > 5);
    json_array_foreach(kinds, index, kind)
    {
        size_t i = 0;

        while (LOG_LINES_KINDS[i] != NULL &&
               strcmp(LOG_LINES_KINDS[i], json_string_value(kind)) != 0)
            i++;
        if (LOG_LINES_KINDS[i] == NULL)
            fail_msg("watchroom log has no words for rows of kind %s", json_string_value(kind));
        found++;
    }
    assert_true(found == json_array_size(kinds));
    for (size_t i = 1; LOG_LINES_KINDS[i] != NULL; i++)
        assert_true(strcmp(LOG_LINES_KINDS[i - 1], LOG_LINES_KINDS[i]) < 0);
    json_decref(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_words_and_not_json),
        cmocka_unit_test(row_without_its_members_is_still_a_line),
        cmocka_unit_test(text_of_a_row_cannot_drive_the_terminal),
        cmocka_unit_test(kinds_are_those_of_the_schema_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
