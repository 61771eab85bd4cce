/*
 * test_demo_view.c - the demo's picture of a site, and its count of what was told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/demo.h"

static json_t *
alarm_of(const char *resource, int priority, const char *ack, int64_t raised)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:I}", "id", "power/x/y", "resource",
                     resource, "priority", priority, "ack", ack, "cond", "active", "text",
                     "something is wrong", "action", "do something about it", "raised",
                     (json_int_t)raised);
}

/* Draws and checks that the picture fits the terminal. */
static const char *
draw(const struct picture *picture)
{
    static char text[65536];
    struct text_buf out;
    unsigned rows = 1;

    text_buf_init(&out, sizeof text - 1);
    demo_view_draw(picture, &out);
    assert_false(out.failed);
    memcpy(text, out.data, out.length + 1);
    text_buf_done(&out);
    for (const char *at = text, *stop; (stop = strstr(at, "\r\n")) != NULL; at = stop + 2, rows++)
        if (!picture->colour)
            assert_true((size_t)(stop - at) <= picture->columns);
    assert_int_equal(rows, picture->rows);
    return text;
}

static void
nothing_known_is_drawn_as_question_marks(void **state)
{
    struct picture picture = {.rows = 24, .columns = 80};
    const char *text = draw(&picture);

    (void)state;
    assert_non_null(strstr(text, "Mains          ? V"));
    assert_non_null(strstr(text, "ALARMS: none"));
    assert_non_null(strstr(text, "q quit"));
}

static void
values_show_labels_numbers_and_bad_quality(void **state)
{
    json_t *values = json_pack(
        "{s:[{s:s,s:f,s:s,s:s},{s:s,s:f,s:s},{s:s,s:n,s:s},{s:s,s:f,s:s}]}", "values", "point",
        "ups-a/ups.output.source", "value", 5.0, "label", "battery", "quality", "good", "point",
        "ups-a/battery.charge", "value", 98.6, "quality", "good", "point", "ups-b/battery.charge",
        "value", "quality", "bad", "point", "pdu-a1/pdu.power", "value", 2940.0, "quality", "good");
    struct picture picture = {.values = values, .rows = 24, .columns = 80};
    const char *text = draw(&picture);

    (void)state;
    assert_non_null(strstr(text, "UPS A      battery    charge   99 %"));
    assert_non_null(strstr(text, "UPS B      ?          charge    ? %"));
    assert_non_null(strstr(text, "A1 2.9 kW   A2 ? kW"));
    json_decref(values);
}

static void
alarms_that_wait_come_first_then_by_priority_then_the_newest(void **state)
{
    json_t *alarms =
        json_pack("{s:[o,o,o,o]}", "alarms", alarm_of("acked", 1, "acked", 50),
                  alarm_of("minor", 3, "unacked", 40), alarm_of("old", 2, "unacked", 10),
                  alarm_of("new", 2, "unacked", 20));
    static const char *const ORDER[] = {"new", "old", "minor", "acked"};
    const json_t *sorted[8];
    struct picture picture = {.alarms = alarms, .rows = 24, .columns = 80, .now_ms = 10000};
    const char *text = draw(&picture);

    (void)state;
    assert_int_equal(demo_view_sort(alarms, sorted, ARRAY_LEN(sorted)), 4);
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++)
        assert_string_equal(json_text_or(sorted[i], "resource", ""), ORDER[i]);
    assert_non_null(strstr(text, " 1 P2    9 s  new      something is wrong"));
    assert_non_null(strstr(text, "-> do something about it"));
    assert_int_equal(demo_view_sort(alarms, sorted, 2), 2);
    json_decref(alarms);
}

static void
a_flood_of_alarms_fits_every_terminal(void **state)
{
    static const unsigned SIZES[][2] = {{24, 80}, {10, 40}, {60, 200}, {15, 500}};
    json_t *list = json_array(), *alarms = json_pack("{s:o}", "alarms", list);

    (void)state;
    for (int i = 0; i < 700; i++)
        json_array_append_new(list, alarm_of("device", 1 + i % 4, i % 3 ? "unacked" : "acked", i));
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct picture picture = {.alarms = alarms, .rows = SIZES[i][0], .columns = SIZES[i][1]};

        (void)draw(&picture);
        picture.colour = true;
        (void)draw(&picture);
    }
    json_decref(alarms);
}

static void
what_is_told_is_counted_once_per_audience_and_row(void **state)
{
    struct told told;

    (void)state;
    told_init(&told, -1);
    told_take_line(&told, "Client (null) received CONNACK (0)");
    assert_false(told.is_subscribed);
    told_take_line(&told, "Subscribed (mid: 1): 1");
    assert_true(told.is_subscribed);
    told_take_line(&told, "watchroom/1/demo/event/facilities {\"seq\":7,\"change\":[\"raised\"]}");
    told_take_line(&told, "watchroom/1/demo/event/facilities {\"seq\":7,\"change\":[\"raised\"]}");
    told_take_line(&told, "watchroom/1/demo/event/security {\"seq\":7,\"change\":[\"raised\"]}");
    told_take_line(&told, "watchroom/1/demo/event/security {\"seq\":9,\"change\":[\"cleared\"]}");
    assert_int_equal(told.messages, 3);
    assert_int_equal(told.raised, 1);
    static const char *const NOTHING[] = {
        "",
        " ",
        "watchroom/1/demo/event/security",
        "watchroom/1/demo/event/security ",
        "watchroom/1/demo/event/security {",
        "watchroom/1/demo/event/nobody {\"seq\":1}",
        "watchroom/1/demo/event/security {\"seq\":-1}",
        "watchroom/1/demo/event/security {\"seq\":0}",
        "watchroom/1/demo/event/security {\"seq\":99999999999}",
        "watchroom/1/demo/alarm/a {\"note\":\"/event/security\"}"};
    for (size_t i = 0; i < ARRAY_LEN(NOTHING); i++)
        told_take_line(&told, NOTHING[i]);
    assert_int_equal(told.messages, 3);
    told_done(&told);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_drawn_as_question_marks),
        cmocka_unit_test(values_show_labels_numbers_and_bad_quality),
        cmocka_unit_test(alarms_that_wait_come_first_then_by_priority_then_the_newest),
        cmocka_unit_test(a_flood_of_alarms_fits_every_terminal),
        cmocka_unit_test(what_is_told_is_counted_once_per_audience_and_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
