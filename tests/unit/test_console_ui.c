/*
 * test_console_ui.c - what the person at a console sees and does: order, filters, the row under the
 * cursor, groups, questions, the drawn screen.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "console_feed.h"
#include "gateway/console/console_text.h"
#include "gateway/console/console_ui.h"

static struct console_model model;
static struct console_ui ui;
static struct console_page page;
static char sent_verb[32], sent[5000];
static unsigned sent_count;
static bool sends;
static int64_t now_ms;

static bool
note_sent(void *ctx, const char *verb, const char *payload, const char *cid)
{
    (void)ctx;
    assert_int_equal(strlen(cid), 26);
    snprintf(sent_verb, sizeof sent_verb, "%s", verb);
    snprintf(sent, sizeof sent, "%s", payload);
    sent_count += sends;
    return sends;
}

static void
draw(void)
{
    console_draw(&ui, &page, at_ms(now_ms));
}

static int
begin(void **state)
{
    (void)state;
    assert_true(console_model_init(&model));
    console_ui_init(&ui, &model);
    ui.site = "main-site";
    ui.user = "anna";
    ui.client = "desk";
    ui.send = note_sent;
    sent_count = 0;
    sends = true;
    now_ms = 1000;
    page = (struct console_page){0};
    assert_true(console_page_resize(&page, 24, 80));
    console_model_connected(&model, at_ms(0));
    feed_beat(&model, JID, 0, 1000);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    console_page_done(&page);
    console_ui_done(&ui);
    console_model_done(&model);
    return 0;
}

/* The row of the screen that holds `part`; -1: none. */
static int
row_of(const char *part)
{
    char text[2048];

    for (int row = 0; row < page.rows; row++) {
        console_page_row(&page, row, text, sizeof text);
        if (strstr(text, part) != NULL)
            return row;
    }
    return -1;
}

static void
print_page(void)
{
    char text[2048];

    for (int row = 0; row < page.rows; row++) {
        console_page_row(&page, row, text, sizeof text);
        printf("|%s\n", text);
    }
}

static void
assert_shown(const char *part)
{
    draw();
    if (row_of(part) < 0) {
        print_page();
        fail_msg("\"%s\" is not on the screen", part);
    }
}

static void
assert_hidden(const char *part)
{
    draw();
    if (row_of(part) >= 0) {
        print_page();
        fail_msg("\"%s\" is on the screen", part);
    }
}

static void
press(uint32_t key)
{
    console_list_refresh(&ui.list, &model.board, ui.list.lines);
    console_ui_key(&ui, key, at_ms(now_ms));
    console_ui_tick(&ui, at_ms(now_ms));
    draw();
}

static void
type(const char *text)
{
    for (uint32_t c; (c = console_text_next(&text)) != 0;)
        press(c);
}

static void
answer_last(const char *code, const char *error)
{
    char text[300];

    snprintf(text, sizeof text,
             "{\"cid\":\"%s\",\"code\":\"%s\",\"error\":\"%s\",\"jid\":\"" JID "\",\"seq\":77}",
             console_orders_at(&model.orders, 0)->cid, code, error);
    feed(&model, "rsp/anna/desk", text, false, now_ms);
    console_ui_tick(&ui, at_ms(now_ms));
}

static void
the_list_is_by_priority_then_unacknowledged_then_age(void **state)
{
    static const char *const EXPECTED[] = {"power/e", "power/d", "power/b", "power/c", "power/a"};

    (void)state;
    feed_alarm(&model, "a", 4, 1, "unacked", "active");
    feed_alarm(&model, "b", 2, 5, "unacked", "active");
    feed_alarm(&model, "c", 2, 2, "acked", "active");
    feed_alarm(&model, "d", 2, 3, "unacked", "normal");
    feed_alarm(&model, "e", 1, 9, "acked", "active");
    draw();
    assert_int_equal(ui.list.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(ui.list.entries[i].alarm->id, EXPECTED[i]);
}

static void
what_is_not_acknowledged_is_told_by_words_and_a_mark(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 1, 1, "unacked", "active");
    feed_alarm(&model, "b", 1, 2, "unacked", "normal");
    feed_alarm(&model, "c", 1, 3, "acked", "active");
    feed_alarm(&model, "d", 1, 4, "unacked", "latched");
    feed(&model, "alarm/power/e",
         alarm_object("e", 2, 1, 5, "unacked", "active", "\"first_out\":true"), false, 10);
    assert_shown(" ! P1 UNACKED ");
    assert_shown(" ! P1 UNACK-CLR ");
    assert_shown("   P1 acked ");
    assert_shown(" ! P1 UNACK-LAT ");
    assert_shown("1st power/e");
    assert_shown("P1 4 (3 UNACKED)");
}

static void
filters_hide_and_say_how_many(void **state)
{
    (void)state;
    feed_alarm(&model, "near", 1, 1, "acked", "active");
    feed_alarm(&model, "far", 3, 2, "unacked", "active");
    press('2');
    assert_shown("P1 to P2: 1 of 2 SHOWN");
    assert_hidden("power/far");
    press('0');
    press('n');
    assert_shown("unacknowledged: 1 of 2 SHOWN");
    assert_hidden("power/near");
    press('0');
    press('/');
    type("FAR");
    press(CONSOLE_KEY_ENTER);
    assert_shown("\"FAR\": 1 of 2 SHOWN");
    assert_shown("power/far");
    press('0');
    press('w');
    press('w'); /* continuity: alarms are for security */
    assert_shown("for continuity: 0 of 2 SHOWN");
    assert_shown("no alarm passes the filter");
    press('w');
    press('w');
    assert_shown("power/near");
}

static void
fill(unsigned count)
{
    char id[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof id, "n-%02u", i);
        feed_alarm(&model, id, 3, 100 + i, "unacked", "active");
    }
}

static void
the_selected_row_keeps_its_line_while_others_come_and_go(void **state)
{
    char id[32];

    (void)state;
    fill(40);
    draw();
    for (int i = 0; i < 20; i++)
        press(CONSOLE_KEY_DOWN);
    assert_string_equal(ui.list.selected, "power/n-19");
    int line = row_of(">! P3");
    assert_true(line > 0);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "new-%u", i);
        feed_alarm(&model, id, 1, 200 + i, "unacked", "active");
        draw();
        assert_int_equal(row_of(">! P3"), line);
        assert_int_equal(row_of("power/n-19,"), 18); /* in words below the list */
        assert_string_equal(ui.list.selected, "power/n-19");
    }
    assert_shown("UNACKED ABOVE, P1 (Home)");
    for (unsigned i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "alarm/power/n-%02u", i);
        feed(&model, id, "", false, 10);
        draw();
        assert_int_equal(row_of(">! P3"), line);
    }
}

static void
the_selected_row_stays_when_it_is_back_to_normal_and_nothing_is_ordered_for_another(void **state)
{
    (void)state;
    fill(3);
    draw();
    press(CONSOLE_KEY_DOWN);
    press(CONSOLE_KEY_DOWN);
    assert_string_equal(ui.list.selected, "power/n-01");
    feed(&model, "alarm/power/n-01", "", false, 10);
    assert_shown("power/n-01 (back to normal)");
    press('a');
    assert_int_equal(ui.prompt.asking, CONSOLE_ASKING_NOTHING);
    assert_shown("it is back to normal: nothing to order");
    press(CONSOLE_KEY_DOWN);
    assert_string_equal(ui.list.selected, "power/n-02");
    assert_hidden("power/n-01");
}

static void
an_order_is_for_the_occurrence_that_was_on_the_screen(void **state)
{
    (void)state;
    feed(&model, "alarm/power/a", alarm_object("a", 1, 3, 10, "unacked", "active", ""), false, 10);
    draw();
    press(CONSOLE_KEY_DOWN);
    /* It comes again between the picture and the key. */
    feed(&model, "alarm/power/a", alarm_object("a", 1, 4, 11, "unacked", "active", ""), false, 10);
    console_list_refresh(&ui.list, &model.board, ui.list.lines);
    console_ui_key(&ui, 'a', at_ms(now_ms));
    console_ui_key(&ui, CONSOLE_KEY_ENTER, at_ms(now_ms));
    assert_string_equal(sent_verb, "ack");
    assert_non_null(strstr(sent, "\"occ\":3,"));
    draw();
    press('a');
    press(CONSOLE_KEY_ENTER);
    assert_non_null(strstr(sent, "\"occ\":4,"));
}

static void
the_prompt_keeps_its_alarm_whatever_happens_to_the_list(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 2, 1, "unacked", "active");
    draw();
    press(CONSOLE_KEY_DOWN);
    press('a');
    assert_shown("ack P2 power/a, note or just Enter");
    feed_alarm(&model, "b", 1, 2, "unacked", "active");
    draw();
    type("on it, Zoë");
    press(CONSOLE_KEY_DELETE);
    press(CONSOLE_KEY_ENTER);
    assert_non_null(strstr(sent, "\"id\":\"power/a\",\"note\":\"on it, Zo\""));
    assert_shown("... acknowledging power/a, occurrence 1: waiting");
    assert_shown(">!~P2");
    answer_last("ok", "");
    assert_shown("CONFIRMED: acknowledged power/a, occurrence 1 (row 77)");
    assert_shown(">! P2"); /* until the gateway tells the alarm's state */
}

static void
refusals_and_silence_are_told_as_such(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 2, 1, "unacked", "active");
    draw();
    press(CONSOLE_KEY_DOWN);
    press('a');
    press(CONSOLE_KEY_ENTER);
    answer_last("denied", "a viewer may not acknowledge");
    assert_shown("REFUSED: ack power/a, occurrence 1: denied: a viewer may not acknowledge");
    press('a');
    press(CONSOLE_KEY_ENTER);
    now_ms += CONSOLE_ANSWER_MS;
    feed_beat(&model, JID, 0, now_ms);
    console_model_tick(&model, at_ms(now_ms));
    assert_shown("NOT CONFIRMED: ack power/a");
    sends = false;
    press('a');
    press(CONSOLE_KEY_ENTER);
    assert_shown("REFUSED: ack power/a, occurrence 1: not sent: no connection");
    console_model_disconnected(&model, "gone");
    press('a');
    press(CONSOLE_KEY_ENTER);
    assert_shown("NOT SENT: there is no connection");
    assert_int_equal(sent_count, 2);
    press('o');
    assert_shown("What was ordered here");
}

static void
a_shelf_needs_a_time_and_a_reason(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    draw();
    press(CONSOLE_KEY_DOWN);
    press('s');
    assert_shown("Shelve P3 power/a for (30m, 2h):");
    type("soon");
    press(CONSOLE_KEY_ENTER);
    assert_shown("\"soon\" is no duration");
    type("25h");
    press(CONSOLE_KEY_ENTER);
    assert_shown("is no duration");
    type("30m");
    press(CONSOLE_KEY_ENTER);
    press(CONSOLE_KEY_ENTER);
    assert_shown("it needs a text");
    assert_int_equal(sent_count, 0);
    type("repair");
    press(CONSOLE_KEY_ENTER);
    assert_string_equal(sent_verb, "shelve");
    assert_non_null(strstr(sent, "\"duration_s\":1800,"));
    assert_non_null(strstr(sent, "\"reason\":\"repair\""));
    press('s');
    press(CONSOLE_KEY_BACK);
    assert_shown("nothing was ordered");
    assert_int_equal(sent_count, 1);
}

static void
a_reset_may_name_the_second_person_and_says_when_it_waits_for_him(void **state)
{
    char text[200];

    (void)state;
    feed_alarm(&model, "a", 1, 1, "acked", "latched");
    draw();
    press(CONSOLE_KEY_DOWN);
    press('r');
    type("toaster");
    press(CONSOLE_KEY_ENTER);
    assert_shown("second person, where one is needed");
    type("Not A Name");
    press(CONSOLE_KEY_ENTER);
    assert_shown("is no user name");
    press(CONSOLE_KEY_ERASE);
    type("bert");
    press(CONSOLE_KEY_ENTER);
    assert_string_equal(sent_verb, "reset");
    assert_non_null(strstr(sent, "\"note\":\"toaster\",\"second\":\"bert\""));
    snprintf(text, sizeof text,
             "{\"cid\":\"%s\",\"code\":\"ok\",\"error\":\"\",\"awaiting\":\"bert\"}",
             console_orders_at(&model.orders, 0)->cid);
    feed(&model, "rsp/anna/desk", text, false, now_ms);
    assert_shown("NOT YET: bert must order the same: reset power/a");
    assert_hidden("CONFIRMED");
    press('r');
    press(CONSOLE_KEY_ENTER);
    press(CONSOLE_KEY_ENTER);
    assert_null(strstr(sent, "second"));
    answer_last("ok", "");
    assert_shown("CONFIRMED: reset power/a (row 77)");
}

static void
what_is_put_aside_has_its_own_view(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 3, 1, "unacked", "active");
    feed(&model, "alarm/power/b",
         alarm_object("b", 3, 1, 2, "none", "active",
                      "\"supp\":[\"shelved\"],\"shelf\":{\"by\":\"bert\",\"role\":\"operator\","
                      "\"reason\":\"part\",\"until\":1795474810000}"),
         false, 10);
    feed(&model, "alarm/power/c",
         alarm_object("c", 3, 1, 3, "none", "active", "\"supp\":[\"oos\"]"), false, 10);
    assert_shown("+2 aside");
    assert_hidden("power/b");
    press('v');
    press('v');
    assert_shown("Shelved, folded, out of service");
    assert_shown("shelved      0 s     power/b");
    assert_shown("out-serv.");
    assert_hidden("power/a ");
    press(CONSOLE_KEY_DOWN);
    press('u');
    assert_shown("unshelve P3 power/b? Enter: yes");
    press(CONSOLE_KEY_ENTER);
    assert_string_equal(sent_verb, "unshelve");
    press(CONSOLE_KEY_ENTER);
    assert_shown("bert (operator): part");
    assert_shown("until           2026-");
}

static void
groups_are_by_root_else_by_device_and_are_acknowledged_as_one(void **state)
{
    json_t *object;

    (void)state;
    feed(&model, "alarm/power/mains",
         alarm_object("mains", 1, 7, 1, "unacked", "active",
                      "\"impacts\":[\"power/x\",\"power/y\"],\"impacts_more\":5"),
         false, 10);
    feed(&model, "alarm/power/x",
         alarm_object("x", 2, 1, 2, "unacked", "active", "\"supp_by\":\"power/mains\""), false, 10);
    feed(&model, "alarm/power/y",
         alarm_object("y", 3, 1, 3, "none", "active",
                      "\"root\":[\"power/mains\"],\"supp\":[\"design\"]"),
         false, 10);
    feed_alarm(&model, "z", 3, 4, "unacked", "active");
    press('g');
    assert_shown("By root or device");
    assert_shown("P1    3 alarms 2 UNACK   [power/mains] Text of mains");
    assert_shown("P3    1 alarm  1 UNACK   [ups-a]");
    assert_hidden("Text of y");
    press(CONSOLE_KEY_DOWN);
    press(CONSOLE_KEY_ENTER);
    assert_shown("folded");
    assert_shown("Text of y");
    press('s');
    assert_shown("a group can only be acknowledged");
    press('a');
    assert_shown("ack-group 2 alarms of power/mains");
    press(CONSOLE_KEY_ENTER);
    assert_string_equal(sent_verb, "ack-group");
    object = json_parse_object(sent, strlen(sent), NULL, 0);
    assert_int_equal(json_array_size(json_object_get(object, "alarms")), 2);
    json_decref(object);
    press(CONSOLE_KEY_DOWN);
    assert_string_equal(ui.list.selected, "power/mains");
    assert_false(ui.list.is_group);
    press('a');
    press(CONSOLE_KEY_ENTER);
    assert_string_equal(sent_verb, "ack");
    assert_non_null(strstr(sent, "\"occ\":7,"));
    press(CONSOLE_KEY_ENTER);
    assert_shown("explains        7: power/x, power/y");
}

static void
a_group_of_many_fits_into_a_command(void **state)
{
    char id[200];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "a-name-that-is-as-long-as-names-of-alarms-may-well-be/%u", i);
        feed(&model, "event/security",
             row_text(JID, 10 + i, alarm_object(id, 3, 1, 10 + i, "unacked", "active", "")), false,
             10);
    }
    press('g');
    press(CONSOLE_KEY_DOWN);
    press('a');
    press(CONSOLE_KEY_ENTER);
    assert_int_equal(sent_count, 1);
    assert_in_range(strlen(sent), 1000, 4096);
}

static void
not_monitoring_covers_the_screen_and_makes_all_of_it_old(void **state)
{
    (void)state;
    feed_alarm(&model, "a", 1, 1, "unacked", "active");
    assert_shown("MONITORING, heartbeat 0 s ago");
    assert_hidden("OLD");
    now_ms += CONSOLE_SILENCE_MS + 1;
    assert_shown("*** NOT MONITORING ***");
    assert_shown("no heartbeat of the gateway for 15 s");
    assert_shown("WHAT FOLLOWS IS OLD");
    assert_shown("?UNACKED");
    for (int row = 4; row < 18; row++)
        for (int column = 0; column < 80; column++)
            assert_int_equal(page.styles[row * 80 + column], CONSOLE_DIM);
    press('?'); /* on every page */
    assert_shown("*** NOT MONITORING ***");
    assert_shown("no heartbeat");
}

static void
what_arrives_cannot_steer_the_terminal(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    feed(&model, "alarm/power/a",
         "{\"id\":\"power/a\",\"priority\":1,\"occ\":1,\"seq\":1,\"ack\":\"unacked\","
         "\"cond\":\"active\",\"text\":\"\\u001b[2J\\u009b31m \\u202eevil\\u200b\\u0007 Zoë 電\","
         "\"action\":\"\\n\\r\\ttwo\",\"resource\":\"\\u001b\",\"unit\":\"\\u0085\",\"value\":1}",
         false, 10);
    draw();
    press(CONSOLE_KEY_DOWN);
    press(CONSOLE_KEY_ENTER);
    for (int i = 0; i < 24 * 80; i++) {
        wchar_t glyph = page.glyphs[i];

        assert_true(glyph == 0 || (glyph >= 0x20 && glyph < 0x7f) || glyph == L'ë' ||
                    glyph == L'電');
    }
    assert_shown("?[2J?31m ?evil?? Zoë 電");
    setlocale(LC_CTYPE, "C");
    assert_shown("Zo? ?");
}

static void
any_size_is_drawn(void **state)
{
    (void)state;
    fill(50);
    for (int mode = 0; mode < 3; mode++) {
        for (int rows = 1; rows < 60; rows += 3)
            for (int columns = 1; columns < 200; columns += 13) {
                assert_true(console_page_resize(&page, rows, columns));
                draw();
                press(CONSOLE_KEY_DOWN);
            }
        press(mode == 0 ? CONSOLE_KEY_ENTER : '?');
    }
    assert_true(console_page_resize(&page, 100000, 100000));
    assert_int_equal(page.rows, CONSOLE_PAGE_SIDE_MAX);
    draw();
    assert_true(console_page_resize(&page, 5, 30));
    assert_shown("too small");
}

static void
a_cursor_left_alone_is_taken_away(void **state)
{
    (void)state;
    fill(40);
    draw();
    press(CONSOLE_KEY_END);
    assert_true(ui.list.has_selection);
    now_ms += CONSOLE_IDLE_MS - 1;
    console_ui_tick(&ui, at_ms(now_ms));
    assert_true(ui.list.has_selection);
    console_ui_tick(&ui, at_ms(now_ms + 1));
    assert_false(ui.list.has_selection);
    draw();
    assert_int_equal(ui.list.top, 0);
    press('a');
    assert_shown("select an alarm first");
}

static void
the_detail_says_what_to_do_and_what_was(void **state)
{
    (void)state;
    feed_row(&model, 5, alarm_object("a", 1, 1, 5, "unacked", "active", ""), 10);
    feed_row(&model, 6,
             alarm_object("a", 1, 1, 6, "acked", "active",
                          "\"acked\":{\"by\":\"bert\",\"role\":\"operator\",\"note\":\"fuel\"}"),
             10);
    feed_row(&model, 7, alarm_object("b", 1, 1, 7, "unacked", "active", ""), 10);
    draw();
    press(CONSOLE_KEY_DOWN);
    press(CONSOLE_KEY_DOWN);
    press(CONSOLE_KEY_ENTER);
    assert_shown("do              Do it");
    assert_shown("means           Bad");
    assert_shown("respond within 10 min");
    assert_shown("bert (operator): fuel");
    press(CONSOLE_KEY_PAGE_DOWN);
    assert_shown("History: 2 rows here");
    assert_shown("(row 6)");
    assert_hidden("(row 7)");
    feed(&model, "alarm/power/a", "", false, 10);
    press(CONSOLE_KEY_HOME);
    assert_shown("back to normal: nothing is left to do");
}

static void
ending_is_asked_for_twice(void **state)
{
    (void)state;
    press('q');
    assert_shown("End the console?");
    press('n');
    assert_false(ui.wants_end);
    press('q');
    press('y');
    assert_true(ui.wants_end);
}

static void
text_is_cleaned_by_characters(void **state)
{
    static const struct {
        const char *text, *clean;
    } CASES[] = {
        {"plain", "plain"},
        {"a\tb\nc\rd", "a b c d"},
        {"\x1b[0m", "?[0m"},
        {"\x7f", "?"},
        {"\xc2\x9b", "?"},
        {"\xff\xfe", "??"},
        {"\xc3", "?"},
        {"\xed\xa0\x80", "???"},
        {"\xc0\xaf", "??"},
        {"\xe2\x80\xae", "?"},
        {"\xef\xbb\xbf", "?"},
        {"\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5"},
        {"\xf4\x90\x80\x80", "????"},
        {"\xc3\xab", "\xc3\xab"},
        {"", ""},
    };
    char out[64], small[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        console_text_clean(out, sizeof out, CASES[i].text);
        assert_string_equal(out, CASES[i].clean);
    }
    console_text_clean(small, sizeof small, "ab\xc3\xab"); /* cut before, not within */
    assert_string_equal(small, "ab");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(the_list_is_by_priority_then_unacknowledged_then_age),
        CASE(what_is_not_acknowledged_is_told_by_words_and_a_mark),
        CASE(filters_hide_and_say_how_many),
        CASE(the_selected_row_keeps_its_line_while_others_come_and_go),
        CASE(the_selected_row_stays_when_it_is_back_to_normal_and_nothing_is_ordered_for_another),
        CASE(an_order_is_for_the_occurrence_that_was_on_the_screen),
        CASE(the_prompt_keeps_its_alarm_whatever_happens_to_the_list),
        CASE(refusals_and_silence_are_told_as_such),
        CASE(a_shelf_needs_a_time_and_a_reason),
        CASE(a_reset_may_name_the_second_person_and_says_when_it_waits_for_him),
        CASE(what_is_put_aside_has_its_own_view),
        CASE(groups_are_by_root_else_by_device_and_are_acknowledged_as_one),
        CASE(a_group_of_many_fits_into_a_command),
        CASE(not_monitoring_covers_the_screen_and_makes_all_of_it_old),
        CASE(what_arrives_cannot_steer_the_terminal),
        CASE(any_size_is_drawn),
        CASE(a_cursor_left_alone_is_taken_away),
        CASE(the_detail_says_what_to_do_and_what_was),
        CASE(ending_is_asked_for_twice),
        cmocka_unit_test(text_is_cleaned_by_characters),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
