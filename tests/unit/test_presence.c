/*
 * test_presence.c - who watches: what counts, what does not, what is on record, what a restart and
 * a lost broker make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/journal_read.h"
#include "alerts/presence.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define WATCHING(audiences)                                                                        \
    "{\"state\":\"watching\",\"audiences\":[" audiences "],\"since\":1,\"ts\":2}"

static const struct user USERS[] = {
    {.name = "anna", .role = ROLE_OPERATOR, .audiences = AUDIENCE_BIT(AUDIENCE_SECURITY)},
    {.name = "bert",
     .role = ROLE_SUPERVISOR,
     .audiences = AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_CONTINUITY)},
};

struct rig {
    char dir[64];
    struct alarms_params params;
    struct journal *journal;
    struct presence *presence;
    struct stamp now;
};

static void
start(struct rig *rig)
{
    struct journal_open_result opened;
    struct err err;

    assert_int_equal(
        journal_open(rig->dir, "demo", rig->now.utc_ms, 0, &rig->journal, &opened, &err), ERR_OK);
    rig->presence = presence_new(&rig->params, rig->journal);
    assert_int_equal(presence_restore(rig->presence, rig->now, &err), ERR_OK);
}

static void
stop(struct rig *rig)
{
    struct err err;

    assert_int_equal(journal_commit(rig->journal, rig->now.utc_ms, &err), ERR_OK);
    presence_free(rig->presence);
    journal_close(rig->journal);
}

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    snprintf(rig->dir, sizeof rig->dir, "/tmp/watchroom-presence-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    rig->params = (struct alarms_params){
        .users = USERS, .user_count = ARRAY_LEN(USERS), .state_dir = rig->dir};
    rig->now = (struct stamp){.utc_ms = 1764000000000, .mono_ms = 5000};
    start(rig);
    presence_connected(rig->presence, true, rig->now);
    *state = rig;
    return 0;
}

static int
tear_down(void **state)
{
    struct rig *rig = *state;
    char command[128];

    stop(rig);
    snprintf(command, sizeof command, "rm -r %s", rig->dir);
    assert_int_equal(system(command), 0);
    free(rig);
    return 0;
}

static void
pass(struct rig *rig, int64_t ms)
{
    rig->now.utc_ms += ms;
    rig->now.mono_ms += ms;
    presence_tick(rig->presence, rig->now);
}

static bool
say(struct rig *rig, const char *user, const char *client, const char *payload)
{
    struct msg_presence head = {0};

    text_copy(head.user, sizeof head.user, user);
    text_copy(head.client, sizeof head.client, client);
    return presence_take(rig->presence, &head, payload, strlen(payload), rig->now);
}

static bool
collect(void *ctx, const struct journal_row *row)
{
    if (strcmp(row->kind, "presence") == 0)
        json_array_append_new(ctx, json_parse_object(row->body, row->body_bytes, NULL, 0));
    return true;
}

/* "user/client state reason" of every row, joined. */
static char *
record(struct rig *rig)
{
    static char told[8192];
    struct journal_reader *reader;
    json_t *rows = json_array();
    struct err err;
    uint64_t last;
    size_t used = 0;

    told[0] = '\0';
    assert_int_equal(journal_commit(rig->journal, rig->now.utc_ms, &err), ERR_OK);
    assert_int_equal(journal_reader_open(rig->dir, &reader, &err), ERR_OK);
    assert_int_equal(journal_reader_rows(reader, 0, 1000, collect, rows, &last, &err), ERR_OK);
    journal_reader_close(reader);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        used += (size_t)snprintf(told + used, sizeof told - used, "%s/%s %s %s;",
                                 json_text_or(row, "user", ""), json_text_or(row, "client", ""),
                                 json_text_or(row, "state", ""), json_text_or(row, "reason", ""));
    }
    json_decref(rows);
    return told;
}

static void
beginning_and_end_are_on_record_and_repeats_are_not(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 0);
    for (int minute = 0; minute < 30; minute++) {
        assert_true(say(rig, "anna", "desk", WATCHING("\"security\"")));
        pass(rig, 60000);
        assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    }
    assert_true(say(rig, "anna", "desk", "{\"state\":\"gone\"}"));
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 0);
    assert_true(say(rig, "anna", "desk", "{\"state\":\"gone\"}"));
    assert_true(say(rig, "anna", "desk", WATCHING("\"security\"")));
    assert_true(say(rig, "anna", "desk", "")); /* topic emptied */
    assert_string_equal(record(rig),
                        "anna/desk watching said;anna/desk gone gone;anna/desk watching said;"
                        "anna/desk gone topic emptied;");
}

static void
audiences_that_a_user_does_not_have_do_not_count(void **state)
{
    struct rig *rig = *state;

    assert_true(say(rig, "anna", "desk", WATCHING("\"security\",\"continuity\",\"facilities\"")));
    assert_true(say(rig, "bert", "desk", WATCHING("\"continuity\"")));
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_CONTINUITY), 1);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_FACILITIES), 0);
    json_t *list = presence_list(rig->presence);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
}

static void
what_is_no_presence_is_counted_and_changes_nothing(void **state)
{
    static const char *const PAYLOADS[] = {
        "x",       "[]", "{}", "{\"state\":7}", "{\"state\":\"here\"}", "{\"state\":\"watching\"",
        "\xff\xfe"};
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(PAYLOADS); i++)
        assert_false(say(rig, "anna", "desk", PAYLOADS[i]));
    assert_false(say(rig, "mallory", "desk", WATCHING("\"security\"")));
    assert_false(say(rig, "anna", "a desk", WATCHING("\"security\"")));
    assert_int_equal(presence_refused(rig->presence), ARRAY_LEN(PAYLOADS) + 2);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 0);
    assert_string_equal(record(rig), "");
}

static void
clients_of_one_user_and_rows_of_one_client_are_bounded(void **state)
{
    struct rig *rig = *state;
    char client[16];
    size_t rows = 0;

    for (int i = 0; i < PRESENCE_CLIENTS_MAX + 5; i++) {
        snprintf(client, sizeof client, "c%d", i);
        assert_int_equal(say(rig, "anna", client, WATCHING("\"security\"")),
                         i < PRESENCE_CLIENTS_MAX);
    }
    for (int i = 0; i < 500; i++) {
        say(rig, "bert", "x", WATCHING("\"security\""));
        say(rig, "bert", "x", "{\"state\":\"gone\"}");
    }
    for (const char *at = record(rig); (at = strstr(at, "bert/x")) != NULL; at++)
        rows++;
    assert_int_equal(rows, PRESENCE_ROWS_PER_MIN);
    pass(rig, 60000);
    say(rig, "bert", "x", WATCHING("\"security\""));
    assert_non_null(strstr(record(rig), "bert/x watching"));
}

static void
silence_is_no_presence_but_a_lost_broker_is_no_silence(void **state)
{
    struct rig *rig = *state;

    say(rig, "anna", "desk", WATCHING("\"security\""));
    pass(rig, PRESENCE_EXPIRES_MS - 1);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    presence_connected(rig->presence, false, rig->now);
    assert_false(presence_is_known(rig->presence));
    pass(rig, 10 * PRESENCE_EXPIRES_MS);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    presence_connected(rig->presence, true, rig->now);
    pass(rig, PRESENCE_AGAIN_MS - 1);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    pass(rig, 1);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 0);
    say(rig, "anna", "desk", WATCHING("\"security\""));
    pass(rig, PRESENCE_EXPIRES_MS);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 0);
    assert_string_equal(record(rig), "anna/desk watching said;anna/desk gone not heard again;"
                                     "anna/desk watching said;anna/desk gone not heard again;");
}

static void
restart_knows_who_watched_and_wants_to_hear_it_again(void **state)
{
    struct rig *rig = *state;

    say(rig, "anna", "desk", WATCHING("\"security\""));
    say(rig, "bert", "desk", WATCHING("\"security\""));
    stop(rig);
    rig->now.utc_ms += 5000;
    rig->now.mono_ms += 5000;
    start(rig);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 2);
    presence_connected(rig->presence, true, rig->now);
    pass(rig, 1000);
    say(rig, "anna", "desk", WATCHING("\"security\""));
    pass(rig, PRESENCE_AGAIN_MS);
    assert_int_equal(presence_watching(rig->presence, AUDIENCE_SECURITY), 1);
    assert_string_equal(record(rig), "anna/desk watching said;bert/desk watching said;"
                                     "bert/desk gone not heard again;");
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIGGED(beginning_and_end_are_on_record_and_repeats_are_not),
        RIGGED(audiences_that_a_user_does_not_have_do_not_count),
        RIGGED(what_is_no_presence_is_counted_and_changes_nothing),
        RIGGED(clients_of_one_user_and_rows_of_one_client_are_bounded),
        RIGGED(silence_is_no_presence_but_a_lost_broker_is_no_silence),
        RIGGED(restart_knows_who_watched_and_wants_to_hear_it_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
