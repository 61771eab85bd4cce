/*
 * test_console_model.c - what a console believes: heartbeats, counts, rows, holes, orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "console_feed.h"
#include "gateway/base/digest.h"
#include "gateway/console/console_watch.h"

static struct console_model model;

static int
begin(void **state)
{
    (void)state;
    assert_true(console_model_init(&model));
    console_model_connected(&model, at_ms(0));
    return 0;
}

static int
end(void **state)
{
    (void)state;
    console_model_done(&model);
    return 0;
}

static void
assert_watch(enum console_watch expected, int64_t ms, const char *reason)
{
    char text[300];

    assert_int_equal(console_watch_of(&model, ms), expected);
    console_watch_reason(&model, ms, text, sizeof text);
    if (strstr(text, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, reason);
}

static void
without_a_heartbeat_for_15_s_nothing_is_monitored(void **state)
{
    (void)state;
    assert_watch(CONSOLE_STARTING, 15000, "waiting for the first heartbeat");
    assert_watch(CONSOLE_NO_HEARTBEAT, 15001, "is the site right");
    feed_beat(&model, JID, 7, 16000);
    assert_watch(CONSOLE_WATCHING, 31000, "");
    assert_watch(CONSOLE_NO_HEARTBEAT, 31001, "for 15 s");
    feed_beat(&model, JID, 7, 40000);
    assert_watch(CONSOLE_WATCHING, 40000, "");
}

static void
a_heartbeat_that_the_broker_kept_is_none(void **state)
{
    (void)state;
    feed(&model, "hb", "{\"jid\":\"" JID "\",\"seq\":7,\"ts\":1}", true, 100);
    assert_watch(CONSOLE_STARTING, 200, "waiting");
    feed(&model, "hb", "{\"jid\":\"nobody\",\"seq\":7}", false, 100);
    feed(&model, "hb", "{\"jid\":\"" JID "\"}", false, 100);
    feed(&model, "hb", "\x1b[2J", false, 100);
    assert_watch(CONSOLE_STARTING, 200, "waiting");
    assert_int_equal(model.unreadable, 3);
}

static void
a_lost_broker_and_a_gateway_that_says_offline_end_monitoring_at_once(void **state)
{
    (void)state;
    feed_beat(&model, JID, 7, 100);
    assert_watch(CONSOLE_WATCHING, 200, "");
    feed(&model, "gw", "{\"state\":\"offline\",\"reason\":\"the connection was lost\"}", false,
         300);
    assert_watch(CONSOLE_NO_GATEWAY, 301, "the connection was lost");
    feed_gw(&model, "online", 0, false, 400);
    feed_beat(&model, JID, 7, 400);
    assert_watch(CONSOLE_WATCHING, 401, "");
    feed_gw(&model, "degraded", 0, false, 500);
    assert_watch(CONSOLE_WATCHING, 501, "degraded: because");
    console_model_disconnected(&model, "TLS: \x1b[31mno");
    assert_watch(CONSOLE_NO_BROKER, 600, "TLS: ?[31mno");
    /* An earlier heartbeat says nothing of the new connection. */
    console_model_connected(&model, at_ms(700));
    assert_watch(CONSOLE_STARTING, 701, "waiting");
}

static void
the_picture_is_complete_when_the_counts_agree(void **state)
{
    (void)state;
    assert_int_equal(console_model_wishes(&model), CONSOLE_WISH_PICTURE);
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    feed_alarm(&model, "b", 3, 2, "acked", "active");
    assert_false(console_model_is_complete(&model));
    feed_gw(&model, "online", 3, true, 20);
    assert_false(console_model_is_complete(&model));
    assert_false(console_model_is_incomplete(&model, 5000));
    assert_true(console_model_is_incomplete(&model, 5001));
    feed_alarm(&model, "c", 3, 3, "unacked", "active");
    assert_true(console_model_is_complete(&model));
    assert_int_equal(model.synced_after_ms, 10);
    feed(&model, "alarm/power/c", "", false, 30);
    assert_false(console_model_is_complete(&model));
    feed_gw(&model, "online", 2, false, 40);
    assert_true(console_model_is_complete(&model));
}

static void
counts_that_stay_different_ask_for_the_picture_again(void **state)
{
    (void)state;
    console_model_wishes(&model);
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    feed_gw(&model, "online", 2, true, 20);
    console_model_tick(&model, at_ms(15000));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_PICTURE, 0);
    console_model_tick(&model, at_ms(15001));
    assert_int_equal(console_model_wishes(&model), CONSOLE_WISH_PICTURE);
    console_model_tick(&model, at_ms(15002));
    assert_int_equal(console_model_wishes(&model), 0);
}

static void
what_a_new_picture_does_not_show_is_gone(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    feed_alarm(&model, "b", 3, 2, "unacked", "active");
    feed_gw(&model, "online", 2, true, 20);
    console_model_disconnected(&model, "x");
    console_model_connected(&model, at_ms(100));
    feed_alarm(&model, "b", 3, 2, "unacked", "active");
    assert_int_equal(model.board.held, 2); /* until it is known */
    feed_gw(&model, "online", 1, true, 120);
    assert_int_equal(model.board.held, 1);
    assert_null(console_board_find(&model.board, "power/a"));
    assert_non_null(console_board_find(&model.board, "power/b"));
    assert_true(console_model_is_complete(&model));
}

static void
a_broker_that_forgot_is_told_alarm_by_alarm(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    feed_alarm(&model, "b", 3, 2, "unacked", "active");
    feed_gw(&model, "online", 2, true, 20);
    console_model_disconnected(&model, "x");
    console_model_connected(&model, at_ms(100));
    feed_gw(&model, "online", 1, false, 110); /* the gateway says it, nothing was kept */
    assert_false(console_model_is_complete(&model));
    feed_alarm(&model, "b", 3, 2, "unacked", "active");
    assert_true(console_model_is_complete(&model));
    assert_int_equal(model.board.held, 1);
}

static void
the_newer_of_two_states_holds_wherever_it_comes_from(void **state)
{
    (void)state;
    feed_row(&model, 4, alarm_object("a", 1, 1, 4, "unacked", "active", ""), 10);
    feed_alarm(&model, "a", 1, 3, "acked", "active");
    assert_true(console_alarm_is_unacked(console_board_find(&model.board, "power/a")));
    feed_row(&model, 6, alarm_object("a", 1, 1, 6, "none", "normal", ""), 10);
    assert_null(console_board_find(&model.board, "power/a"));
    /* An older row comes late: it does not raise again what is at rest. */
    feed_row(&model, 5, alarm_object("a", 1, 1, 5, "unacked", "active", ""), 10);
    assert_null(console_board_find(&model.board, "power/a"));
    assert_int_equal(model.board.held, 0);
}

static void
a_row_counts_once(void **state)
{
    (void)state;
    const char *alarm = alarm_object("a", 1, 1, 4, "unacked", "active", "");
    char row[1600];

    snprintf(row, sizeof row, "%s", row_text(JID, 4, alarm));
    feed(&model, "event/security", row, false, 10);
    feed(&model, "event/continuity", row, false, 11);
    feed(&model, "event/security", row, false, 12);
    assert_int_equal(model.rows.count, 1);
    assert_int_equal(model.rows.repeated, 2);
}

static void
the_bell_is_for_what_becomes_unacknowledged_and_urgent(void **state)
{
    static const struct {
        unsigned priority, occ, seq;
        const char *ack, *more;
        bool rings;
    } CASES[] = {
        {3, 1, 1, "unacked", "", false},
        {2, 1, 2, "unacked", "", true}, /* its priority was raised: seen as new below */
        {2, 1, 3, "unacked", "", false},
        {2, 2, 4, "unacked", "", true},
        {2, 2, 5, "acked", "", false},
        {2, 3, 6, "unacked", "", true},
        {2, 4, 7, "unacked", "\"supp\":[\"shelved\"]", false},
        {2, 4, 8, "unacked", "", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        console_model_wishes(&model);
        if (i == 1)
            feed(&model, "alarm/power/a", "", false, 10);
        feed_row(&model, CASES[i].seq,
                 alarm_object("a", CASES[i].priority, CASES[i].occ, CASES[i].seq, CASES[i].ack,
                              "active", CASES[i].more),
                 10);
        if (((console_model_wishes(&model) & CONSOLE_WISH_BELL) != 0) != CASES[i].rings)
            fail_msg("case %zu", i);
    }
}

/* The cid of the page that the model asks for. */
static void
ask(int64_t ms, uint64_t *out_since, char cid[27])
{
    char *text = console_model_get(&model, at_ms(ms));
    json_t *object = json_parse_object(text, strlen(text), NULL, 0);

    assert_non_null(object);
    *out_since = (uint64_t)json_int_or(object, "since", -1);
    snprintf(cid, 27, "%s", json_text_or(object, "cid", ""));
    assert_true(ulid_is_valid(cid));
    assert_string_equal(json_text_or(object, "jid", ""), JID);
    json_decref(object);
    free(text);
}

static void
answer(const char *cid, unsigned first, unsigned count, unsigned next, bool more, int64_t ms)
{
    static char text[200000];
    size_t used = (size_t)snprintf(text, sizeof text,
                                   "{\"cid\":\"%s\",\"code\":\"ok\",\"jid\":\"" JID
                                   "\",\"next\":%u,\"more\":%s,\"rows\":[",
                                   cid, next, more ? "true" : "false");

    for (unsigned i = 0; i < count; i++)
        used += (size_t)snprintf(
            text + used, sizeof text - used, "%s%s", i > 0 ? "," : "",
            row_text(JID, first + i, alarm_object("h", 3, 1, first + i, "unacked", "active", "")));
    snprintf(text + used, sizeof text - used, "]}");
    feed(&model, "rsp/anna/desk", text, false, ms);
}

static void
a_hole_in_the_numbers_is_asked_for_page_by_page(void **state)
{
    uint64_t since;
    char cid[27];

    (void)state;
    feed_beat(&model, JID, 1000, 100);
    assert_int_equal(console_model_missing(&model), CONSOLE_HISTORY);
    console_model_tick(&model, at_ms(200)); /* rows may be under way */
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, 0);
    console_model_tick(&model, at_ms(1400));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, CONSOLE_WISH_GET);
    ask(1400, &since, cid);
    assert_int_equal(since, 500);
    console_model_tick(&model, at_ms(1500)); /* one at a time */
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, 0);
    answer(cid, 501, 100, 600, true, 1600);
    assert_int_equal(console_model_missing(&model), 400);
    console_model_tick(&model, at_ms(2000));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, CONSOLE_WISH_GET);
    ask(2000, &since, cid);
    assert_int_equal(since, 600);
    answer(cid, 601, 10, 1000, false, 2100); /* the numbers between have no rows */
    assert_int_equal(console_model_missing(&model), 0);
    assert_int_equal(model.rows.count, 110);
    /* All that was before the console came: nothing of it is an alarm now. */
    assert_int_equal(model.board.held, 0);
    assert_int_equal(model.catch_up.found, 0);
}

static void
a_row_that_the_broker_lost_is_found(void **state)
{
    uint64_t since;
    char cid[27];

    (void)state;
    feed_beat(&model, JID, 10, 100);
    console_rows_anchor(&model.rows, 10);
    feed_beat(&model, JID, 12, 5100);
    console_model_tick(&model, at_ms(6500));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, CONSOLE_WISH_GET);
    ask(6500, &since, cid);
    assert_int_equal(since, 10);
    answer(cid, 11, 2, 12, false, 6600);
    assert_int_equal(model.catch_up.found, 2);
    assert_non_null(console_board_find(&model.board, "power/h"));
}

static void
pages_that_do_not_advance_or_are_refused_end_the_asking(void **state)
{
    uint64_t since;
    char cid[27], text[200];

    (void)state;
    feed_beat(&model, JID, 1000, 100);
    ask(1400, &since, cid);
    answer(cid, 501, 1, 400, true, 1500); /* backwards */
    console_model_tick(&model, at_ms(1600));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, 0);
    feed_beat(&model, JID, 1010, 5100);
    ask(6500, &since, cid);
    snprintf(text, sizeof text,
             "{\"cid\":\"%s\",\"code\":\"denied\",\"error\":\"a \\u001b viewer\",\"jid\":\"" JID
             "\",\"seq\":1011}",
             cid);
    feed(&model, "rsp/anna/desk", text, false, 6600);
    assert_true(model.catch_up.is_refused);
    assert_string_equal(model.catch_up.refusal, "denied: a ? viewer");
    console_model_tick(&model, at_ms(60000));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, 0);
    console_model_tick(&model, at_ms(66700));
    assert_int_equal(console_model_wishes(&model) & CONSOLE_WISH_GET, CONSOLE_WISH_GET);
    ask(66700, &since, cid); /* nobody answers */
    console_model_tick(&model, at_ms(76701));
    assert_string_equal(model.catch_up.refusal, "no answer");
}

static void
holes_that_hold_nothing_are_asked_for_ever_less_often(void **state)
{
    uint64_t since;
    char cid[27];
    unsigned asked = 0;

    (void)state;
    feed_beat(&model, JID, 10, 100);
    console_rows_anchor(&model.rows, 10);
    /* Each asking leaves a row that nobody is told: an hour of it. */
    for (unsigned seq = 11; seq < 11 + 720; seq++) {
        int64_t ms = 5000 * (int64_t)(seq - 10);

        feed_beat(&model, JID, seq, ms);
        console_model_tick(&model, at_ms(ms + 2000));
        if ((console_model_wishes(&model) & CONSOLE_WISH_GET) == 0)
            continue;
        ask(ms + 2000, &since, cid);
        answer(cid, 0, 0, seq, false, ms + 2100);
        asked++;
    }
    assert_in_range(asked, 6, 16);
}

static void
after_a_long_absence_the_oldest_rows_are_left_out_and_that_is_known(void **state)
{
    (void)state;
    feed_beat(&model, JID, 10, 100);
    console_rows_anchor(&model.rows, 10);
    console_model_disconnected(&model, "x");
    console_model_connected(&model, at_ms(200));
    feed_beat(&model, JID, 50010, 300);
    assert_int_equal(model.catch_up.skipped, 48000);
    assert_int_equal(console_model_missing(&model), CONSOLE_CATCH_UP_MAX);
}

static void
another_journal_begins_anew(void **state)
{
    (void)state;
    feed_beat(&model, JID, 100, 100);
    feed_row(&model, 101, alarm_object("a", 1, 1, 101, "unacked", "active", ""), 110);
    console_model_wishes(&model);
    /* A row alone does not decide, whoever sends it. */
    feed(&model, "event/security",
         row_text(OTHER_JID, 5, alarm_object("b", 1, 1, 5, "unacked", "active", "")), false, 120);
    assert_string_equal(model.jid, JID);
    assert_null(console_board_find(&model.board, "power/b"));
    feed_beat(&model, OTHER_JID, 3, 130);
    assert_string_equal(model.jid, OTHER_JID);
    assert_int_equal(model.journals, 1);
    assert_int_equal(model.board.held, 0);
    assert_int_equal(model.rows.count, 0);
    assert_int_equal(console_model_wishes(&model), CONSOLE_WISH_PICTURE);
    feed_alarm(&model, "b", 1, 2, "unacked", "active");
    assert_int_equal(model.board.held, 1);
}

static void
messages_that_are_nothing_change_nothing(void **state)
{
    static const struct {
        const char *name, *payload;
    } CASES[] = {
        {"alarm/power/a", "{}"},
        {"alarm/power/a", "[1]"},
        {"alarm/power/a",
         "{\"id\":\"power/b\",\"priority\":1,\"ack\":\"none\",\"cond\":\"active\"}"},
        {"alarm/power/a",
         "{\"id\":\"power/a\",\"priority\":0,\"ack\":\"none\",\"cond\":\"active\"}"},
        {"alarm/power/a",
         "{\"id\":\"power/a\",\"priority\":5,\"ack\":\"none\",\"cond\":\"active\"}"},
        {"alarm/power/a",
         "{\"id\":\"power/a\",\"priority\":1,\"ack\":\"maybe\",\"cond\":\"active\"}"},
        {"alarm/power/a", "{\"id\":\"power/a\",\"priority\":1,\"ack\":\"none\",\"cond\":\"odd\"}"},
        {"alarm/../a", "{\"id\":\"../a\",\"priority\":1,\"ack\":\"none\",\"cond\":\"active\"}"},
        {"event/security", "{\"jid\":\"" JID "\",\"seq\":0}"},
        {"event/security", "{\"seq\":4}"},
        {"gw", "{}"},
        {"hb", "{}"},
        {"sum", "not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        unsigned long before = model.unreadable;

        feed(&model, CASES[i].name, CASES[i].payload, false, 10);
        if (model.unreadable != before + 1 || model.board.held != 0 || model.rows.count != 0)
            fail_msg("%s %s", CASES[i].name, CASES[i].payload);
    }
    feed(&model, "alarm/power/never", "", false, 10);
    feed(&model, "rsp/anna/desk", "{\"cid\":\"unknown\",\"code\":\"ok\"}", false, 10);
    feed(&model, "val/ups-a/fast", "{}", false, 10);
    assert_int_equal(model.board.held, 0);
}

static void
no_more_alarms_are_held_than_there_is_room_for_and_that_is_told(void **state)
{
    char id[32];

    (void)state;
    for (unsigned i = 0; i < CONSOLE_ALARMS_MAX + 10; i++) {
        snprintf(id, sizeof id, "a-%u", i);
        feed_alarm(&model, id, 4, i + 1, "unacked", "active");
    }
    assert_int_equal(model.board.held, CONSOLE_ALARMS_MAX);
    assert_int_equal(model.board.dropped, 10);
    feed_gw(&model, "online", CONSOLE_ALARMS_MAX, true, 20);
    assert_false(console_model_is_complete(&model));
    /* Room comes back with those that go to rest. */
    feed(&model, "alarm/power/a-0", "", false, 30);
    feed_alarm(&model, "new", 1, 50000, "unacked", "active");
    assert_non_null(console_board_find(&model.board, "power/new"));
}

static void
numbers_of_rows_are_remembered_as_ranges(void **state)
{
    struct console_rows rows;

    (void)state;
    assert_true(console_rows_init(&rows));
    console_rows_note(&rows, 7, 8);
    console_rows_note(&rows, 3, 3);
    console_rows_note(&rows, 5, 5);
    assert_int_equal(rows.range_count, 3);
    console_rows_note(&rows, 4, 4);
    assert_int_equal(rows.range_count, 2);
    console_rows_anchor(&rows, 2);
    assert_int_equal(rows.known, 5);
    assert_true(console_rows_has(&rows, 1) && console_rows_has(&rows, 8));
    assert_false(console_rows_has(&rows, 6) || console_rows_has(&rows, 9));
    console_rows_note(&rows, 6, 6);
    assert_int_equal(rows.known, 8);
    assert_int_equal(rows.range_count, 0);
    console_rows_note(&rows, 0, 5);
    console_rows_note(&rows, UINT64_MAX, UINT64_MAX);
    assert_int_equal(rows.range_count, 1);
    console_rows_done(&rows);
}

static void
too_many_holes_give_up_the_oldest_and_count_it(void **state)
{
    struct console_rows rows;

    (void)state;
    assert_true(console_rows_init(&rows));
    console_rows_anchor(&rows, 1);
    for (uint64_t i = 0; i < CONSOLE_RANGES_MAX + 5; i++)
        console_rows_note(&rows, 10 + 3 * i, 10 + 3 * i);
    assert_int_equal(rows.range_count, CONSOLE_RANGES_MAX);
    assert_int_equal(rows.known, 10 + 3 * 4);
    assert_int_equal(rows.given_up, 8 + 2 * 4);
    console_rows_done(&rows);
}

static char *
order(enum console_verb verb, int64_t ms, char cid[27])
{
    struct console_wish wish = {
        .verb = verb, .id = "power/a", .occ = 3, .note = "seen", .duration_s = 1800};
    char *payload = console_orders_give(&model.orders, &wish, at_ms(ms), START_UTC + ms);

    assert_non_null(payload);
    snprintf(cid, 27, "%s", console_orders_at(&model.orders, 0)->cid);
    return payload;
}

static void
orders_say_what_their_verb_needs(void **state)
{
    static const struct {
        enum console_verb verb;
        const char *part;
    } CASES[] = {
        {CONSOLE_ACK, "\"id\":\"power/a\",\"note\":\"seen\",\"occ\":3,"},
        {CONSOLE_SHELVE, "\"duration_s\":1800,"},
        {CONSOLE_SHELVE, "\"reason\":\"seen\""},
        {CONSOLE_COMMENT, "\"id\":\"power/a\",\"note\":\"seen\",\"ts\""},
        {CONSOLE_RESET, "\"id\":\"power/a\",\"note\":\"seen\",\"ts\""},
    };
    char cid[27];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char *payload = order(CASES[i].verb, 100, cid);

        assert_true(ulid_is_valid(cid));
        if (strstr(payload, CASES[i].part) == NULL)
            fail_msg("%s: %s", console_verb_name(CASES[i].verb), payload);
        free(payload);
    }
}

static void
only_the_answer_says_that_something_was_done(void **state)
{
    char cid[27], text[300], told[400];

    (void)state;
    feed_alarm(&model, "a", 1, 1, "unacked", "active");
    free(order(CONSOLE_ACK, 100, cid));
    assert_true(console_orders_is_pending(&model.orders, "power/a"));
    assert_true(console_alarm_is_unacked(console_board_find(&model.board, "power/a")));
    console_model_tick(&model, at_ms(10099));
    assert_int_equal(console_orders_at(&model.orders, 0)->outcome, CONSOLE_PENDING);
    console_model_tick(&model, at_ms(10100));
    console_orders_tell(console_orders_at(&model.orders, 0), told, sizeof told);
    assert_string_equal(told, "NOT CONFIRMED: ack power/a, occurrence 3: no answer in 10 s");
    /* One that comes late is still the truth. */
    snprintf(text, sizeof text,
             "{\"cid\":\"%s\",\"code\":\"ok\",\"error\":\"\",\"jid\":\"" JID "\",\"seq\":9}", cid);
    feed(&model, "rsp/anna/desk", text, false, 11000);
    console_orders_tell(console_orders_at(&model.orders, 0), told, sizeof told);
    assert_string_equal(told, "CONFIRMED: acknowledged power/a, occurrence 3 (row 9)");
}

static void
a_refusal_is_told_in_the_gateways_words_without_what_steers_a_terminal(void **state)
{
    char cid[27], text[300], told[400];

    (void)state;
    free(order(CONSOLE_SHELVE, 100, cid));
    snprintf(text, sizeof text,
             "{\"cid\":\"%s\",\"code\":\"denied\",\"error\":\"a viewer \\u001b]0;x\\u0007 "
             "may not\",\"jid\":\"" JID "\",\"seq\":9}",
             cid);
    feed(&model, "rsp/anna/desk", text, false, 200);
    console_orders_tell(console_orders_at(&model.orders, 0), told, sizeof told);
    assert_string_equal(told, "REFUSED: shelve power/a: denied: a viewer ?]0;x? may not");
    free(order(CONSOLE_RESET, 300, cid));
    console_orders_fail(&model.orders, cid, "not sent");
    console_orders_tell(console_orders_at(&model.orders, 0), told, sizeof told);
    assert_string_equal(told, "REFUSED: reset power/a: not sent");
}

static void
the_gateways_clock_counts(void **state)
{
    (void)state;
    feed(&model, "hb", "{\"jid\":\"" JID "\",\"seq\":7,\"ts\":1795471250000}", false, 0);
    assert_int_equal(model.skew_ms, 40000);
    assert_int_equal(console_model_gateway_ms(&model, at_ms(5)), START_UTC + 40005);
    feed_beat(&model, JID, 8, 5000);
    assert_int_equal(model.skew_ms, 0);
}

static void
what_was_heard_before_the_machine_slept_says_nothing(void **state)
{
    struct stamp woken = at_ms(2000);

    (void)state;
    feed_beat(&model, JID, 7, 1000);
    console_model_tick(&model, at_ms(1000));
    woken.utc_ms += 3600000;
    console_model_tick(&model, woken);
    assert_watch(CONSOLE_NO_HEARTBEAT, 2000, "no heartbeat");
    feed(&model, "hb", "{\"jid\":\"" JID "\",\"seq\":7,\"ts\":1795471210000}", false, 3000);
    assert_watch(CONSOLE_WATCHING, 3000, "");
}

static void
an_alarm_that_was_withdrawn_is_gone(void **state)
{
    char row[1600];

    (void)state;
    feed_alarm(&model, "a", 1, 4, "unacked", "active");
    feed(&model, "alarm/power/a", "", false, 10); /* may come before its row */
    snprintf(row, sizeof row,
             "{\"jid\":\"" JID "\",\"seq\":5,\"change\":[\"withdrawn\"],\"alarm\":%s}",
             alarm_object("a", 1, 1, 5, "unacked", "active", ""));
    feed(&model, "event/security", row, false, 20);
    assert_int_equal(model.board.held, 0);
    assert_int_equal(model.rows.count, 1);
}

static void
escalate(const char *name, unsigned seq, unsigned step, const char *audience)
{
    char text[600];

    snprintf(text, sizeof text,
             "{\"jid\":\"" JID
             "\",\"seq\":%u,\"kind\":\"escalation\",\"id\":\"power/a\",\"step\":%u,"
             "\"of\":4,\"priority\":1,\"reason\":\"unacknowledged\",\"cleared\":true,"
             "\"audience\":\"%s\",\"text\":\"It \\u001b burns\"}",
             seq, step, audience);
    feed(&model, name, text, false, 10);
}

static void
a_step_of_a_ladder_rings_for_those_it_comes_to_once(void **state)
{
    (void)state;
    console_model_wishes(&model);
    model.audiences = AUDIENCE_BIT(AUDIENCE_SECURITY);
    escalate("event/security", 5, 1, "security"); /* the alarm itself has rung */
    escalate("event/continuity", 6, 2, "continuity");
    assert_int_equal(model.calls, 0);
    escalate("notify/anna", 7, 1, "continuity");
    assert_int_equal(model.calls, 1);
    assert_int_equal(console_model_wishes(&model), CONSOLE_WISH_BELL);
    assert_string_equal(
        model.call, "CALL FOR YOU (step 1 of 4, unacknowledged): P1 power/a (cleared): It ? burns");
    escalate("notify/anna", 7, 1, "continuity");
    escalate("event/security", 8, 2, "security");
    escalate("event/security", 8, 2, "security");
    assert_int_equal(model.calls, 2);
    assert_non_null(strstr(model.call, "NOBODY ANSWERED (step 2 of 4"));
    assert_int_equal(model.rows.count, 4);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(without_a_heartbeat_for_15_s_nothing_is_monitored),
        CASE(a_heartbeat_that_the_broker_kept_is_none),
        CASE(a_lost_broker_and_a_gateway_that_says_offline_end_monitoring_at_once),
        CASE(the_picture_is_complete_when_the_counts_agree),
        CASE(counts_that_stay_different_ask_for_the_picture_again),
        CASE(what_a_new_picture_does_not_show_is_gone),
        CASE(a_broker_that_forgot_is_told_alarm_by_alarm),
        CASE(the_newer_of_two_states_holds_wherever_it_comes_from),
        CASE(a_row_counts_once),
        CASE(the_bell_is_for_what_becomes_unacknowledged_and_urgent),
        CASE(a_hole_in_the_numbers_is_asked_for_page_by_page),
        CASE(a_row_that_the_broker_lost_is_found),
        CASE(pages_that_do_not_advance_or_are_refused_end_the_asking),
        CASE(holes_that_hold_nothing_are_asked_for_ever_less_often),
        CASE(after_a_long_absence_the_oldest_rows_are_left_out_and_that_is_known),
        CASE(another_journal_begins_anew),
        CASE(messages_that_are_nothing_change_nothing),
        CASE(no_more_alarms_are_held_than_there_is_room_for_and_that_is_told),
        CASE(numbers_of_rows_are_remembered_as_ranges),
        CASE(too_many_holes_give_up_the_oldest_and_count_it),
        CASE(orders_say_what_their_verb_needs),
        CASE(only_the_answer_says_that_something_was_done),
        CASE(a_refusal_is_told_in_the_gateways_words_without_what_steers_a_terminal),
        CASE(the_gateways_clock_counts),
        CASE(what_was_heard_before_the_machine_slept_says_nothing),
        CASE(an_alarm_that_was_withdrawn_is_gone),
        CASE(a_step_of_a_ladder_rings_for_those_it_comes_to_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
