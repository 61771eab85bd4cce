/*
 * test_escalation.c - ladders: what is told, to whom, when; what ends and restarts a climb; what a
 * restart makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/escalation.h"
#include "alerts/journal_read.h"
#include "gateway/base/json.h"

#define UTC INT64_C(1764000000000)
#define MINUTE INT64_C(60000)

enum { P1, P2, P3, PLAIN_P2, ALARMS }; /* the last one has no ladder: its audience has none */

static const char *const USERS[] = {"dcm"};
static const struct ladder_rung RUNGS[] = {
    {.after_ms = 0, .audiences = AUDIENCE_BIT(AUDIENCE_SECURITY)},
    {.after_ms = 2 * MINUTE, .audiences = AUDIENCE_BIT(AUDIENCE_SECURITY)},
    {.after_ms = 5 * MINUTE, .audiences = AUDIENCE_BIT(AUDIENCE_CONTINUITY)},
    {.after_ms = 10 * MINUTE, .users = USERS, .user_count = 1},
};
static const struct ladder LADDER = {.rungs = RUNGS,
                                     .rung_count = ARRAY_LEN(RUNGS),
                                     .repeats = 3,
                                     .repeat_every_ms = 10 * MINUTE,
                                     .ack_timeout_ms = 30 * MINUTE};
static struct point_def number = {.id = "x", .unit = "V", .kind = VALUE_NUMBER};
static uint32_t point_numbers[ALARMS];
static struct point_ref points[ALARMS];
static struct device_info device = {.id = "d"};
static struct alarm_type types[ALARMS];
static struct alarm_def alarms[ALARMS];
static char ids[ALARMS][24];
static struct directory directory = {.site = "demo",
                                     .devices = &device,
                                     .device_limit = 1,
                                     .points = points,
                                     .point_limit = ALARMS,
                                     .generation = 1};

struct rig {
    char dir[64];
    struct alarms_params params;
    struct journal *journal;
    struct alarm_tell tell;
    struct alarm_index index;
    struct escalation *escalation;
    struct stamp now;
    uint64_t read; /* rows seen */
};

/* The ladder alone */

static void
rungs_come_in_their_time_then_repeats_then_the_end(void **state)
{
    static const int64_t TIMES[] = {0, 2, 5, 10, 20, 30, 40};
    struct climb climb = {.began_mono_ms = 1000};
    unsigned rung, repeat;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        int64_t due = 1000 + TIMES[i] * MINUTE;

        assert_int_equal(ladder_due_ms(&LADDER, &climb), due);
        assert_int_equal(ladder_take(&LADDER, &climb, due - 1, &rung, &repeat), LADDER_QUIET);
        assert_int_equal(ladder_take(&LADDER, &climb, due, &rung, &repeat), LADDER_RUNG);
        assert_int_equal(rung, i < 4 ? i : 3);
        assert_int_equal(repeat, i < 4 ? 0 : i - 3);
    }
    assert_int_equal(ladder_take(&LADDER, &climb, 1000 + 50 * MINUTE, &rung, &repeat),
                     LADDER_EXHAUSTED);
    assert_true(climb.is_exhausted);
    assert_int_equal(ladder_due_ms(&LADDER, &climb), INT64_MAX);
    assert_int_equal(ladder_take(&LADDER, &climb, INT64_MAX, &rung, &repeat), LADDER_QUIET);
}

static void
of_several_that_are_due_only_the_highest_is_told(void **state)
{
    struct climb climb = {.began_mono_ms = -6 * MINUTE};
    unsigned rung, repeat;

    (void)state;
    assert_int_equal(ladder_take(&LADDER, &climb, 0, &rung, &repeat), LADDER_RUNG);
    assert_int_equal(rung, 2);
    assert_int_equal(ladder_take(&LADDER, &climb, 0, &rung, &repeat), LADDER_QUIET);
    assert_int_equal(ladder_due_ms(&LADDER, &climb), 4 * MINUTE);
    climb = (struct climb){.began_mono_ms = -1000 * MINUTE};
    assert_int_equal(ladder_take(&LADDER, &climb, 0, &rung, &repeat), LADDER_EXHAUSTED);
}

static void
ladder_without_repeats_ends_quietly_and_one_without_rungs_says_nothing(void **state)
{
    struct ladder ladder = LADDER;
    struct climb climb = {0};
    unsigned rung, repeat;

    (void)state;
    ladder.repeats = 0;
    assert_int_equal(ladder_take(&ladder, &climb, 1000 * MINUTE, &rung, &repeat), LADDER_RUNG);
    assert_int_equal(rung, 3);
    assert_int_equal(ladder_due_ms(&ladder, &climb), INT64_MAX);
    assert_false(climb.is_exhausted);
    ladder.rung_count = 0;
    climb = (struct climb){0};
    assert_int_equal(ladder_due_ms(&ladder, &climb), INT64_MAX);
}

/* With engine and journal */

static void
note(void *ctx, const struct transition *transition, uint64_t seq)
{
    struct rig *rig = ctx;

    (void)seq;
    escalation_note(rig->escalation, transition->alarm, transition->outputs, rig->now);
}

static void
restore(void *ctx, const char *id, const void *record, size_t bytes, bool is_told)
{
    struct rig *rig = ctx;
    uint32_t alarm;

    (void)is_told;
    if (alarm_index_find(&rig->index, id, &alarm))
        assert_true(engine_restore(rig->tell.engine, alarm, record, bytes, rig->now));
}

static void
start(struct rig *rig)
{
    struct journal_open_result opened;
    struct err err;

    assert_int_equal(
        journal_open(rig->dir, "demo", rig->now.utc_ms, 0, &rig->journal, &opened, &err), ERR_OK);
    assert_true(alarm_tell_init(&rig->tell, &rig->params, rig->journal));
    struct engine_params engine = {.alarms = alarms,
                                   .alarm_limit = ALARMS,
                                   .directory = &directory,
                                   .sink = alarm_tell_transition,
                                   .ctx = &rig->tell};
    rig->tell.engine = engine_new(&engine, rig->now);
    rig->tell.utc_ms = rig->now.utc_ms;
    rig->tell.on_told = note;
    rig->tell.ctx = rig;
    assert_true(alarm_index_init(&rig->index, alarms, ALARMS));
    rig->escalation = escalation_new(&rig->tell, &rig->index, NULL, NULL);
    assert_int_equal(journal_each_alarm(rig->journal, restore, rig, &err), ERR_OK);
    assert_int_equal(escalation_restore(rig->escalation, rig->now, &err), ERR_OK);
}

static void
stop(struct rig *rig)
{
    struct err err;

    assert_int_equal(journal_commit(rig->journal, rig->now.utc_ms, &err), ERR_OK);
    escalation_free(rig->escalation);
    alarm_index_done(&rig->index);
    alarm_tell_done(&rig->tell);
    engine_free(rig->tell.engine);
    journal_close(rig->journal);
}

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    for (uint32_t i = 0; i < ALARMS; i++) {
        types[i] = (struct alarm_type){
            .type = "power.x",
            .name = "x",
            .text = "t",
            .consequence = "c",
            .action = "a",
            .audiences = AUDIENCE_BIT(i == PLAIN_P2 ? AUDIENCE_FACILITIES : AUDIENCE_SECURITY),
            .priority = (uint8_t)(i == PLAIN_P2 ? 2 : i + 1),
            .rule = RULE_HIGH,
            .ack_required = true,
            .shelvable = true,
            .limit = 10};
        point_numbers[i] = i;
        points[i] = (struct point_ref){.device = 0, .def = &number};
        snprintf(ids[i], sizeof ids[i], "power/d/k%u", i);
        alarms[i] = (struct alarm_def){
            .type = &types[i], .id = ids[i], .point = i, .stale_after_ms = INT64_C(100000000)};
    }
    device.points = point_numbers;
    device.point_count = ALARMS;
    snprintf(rig->dir, sizeof rig->dir, "/tmp/watchroom-escalation-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    rig->params = (struct alarms_params){
        .directory = &directory, .alarms = alarms, .alarm_limit = ALARMS, .state_dir = rig->dir};
    for (unsigned priority = 1; priority < 5; priority++)
        rig->params.ladders[AUDIENCE_SECURITY][priority] = LADDER;
    rig->now = (struct stamp){.utc_ms = UTC, .mono_ms = 100 * MINUTE};
    start(rig);
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
    for (int64_t left = ms; left > 0; left -= 1000) {
        rig->now.utc_ms += left < 1000 ? left : 1000;
        rig->now.mono_ms += left < 1000 ? left : 1000;
        rig->tell.utc_ms = rig->now.utc_ms;
        engine_tick(rig->tell.engine, rig->now);
        escalation_tick(rig->escalation, rig->now);
    }
}

static void
value(struct rig *rig, uint32_t alarm, double number_read)
{
    pass(rig, 1000);
    struct sample sample = {.point = alarm,
                            .quality = QUALITY_GOOD,
                            .value = number_read,
                            .utc_ms = rig->now.utc_ms,
                            .mono_ms = rig->now.mono_ms,
                            .prev_good_mono_ms = rig->now.mono_ms - 1000};
    engine_sample(rig->tell.engine, &sample);
}

static bool
collect(void *ctx, const struct journal_row *row)
{
    if (strcmp(row->kind, "escalation") == 0)
        json_array_append_new(ctx, json_parse_object(row->body, row->body_bytes, NULL, 0));
    return true;
}

/* The steps told since the last call; to be freed. */
static json_t *
steps(struct rig *rig)
{
    struct journal_reader *reader;
    json_t *rows = json_array();
    struct err err;
    uint64_t before;

    assert_int_equal(journal_commit(rig->journal, rig->now.utc_ms, &err), ERR_OK);
    assert_int_equal(journal_reader_open(rig->dir, &reader, &err), ERR_OK);
    do {
        before = rig->read;
        assert_int_equal(journal_reader_rows(reader, before, 1000, collect, rows, &rig->read, &err),
                         ERR_OK);
    } while (rig->read != before);
    journal_reader_close(reader);
    return rows;
}

static size_t
count_steps(struct rig *rig)
{
    json_t *rows = steps(rig);
    size_t count = json_array_size(rows);

    json_decref(rows);
    return count;
}

/* "reason step.repeat to" of the one step that was told since */
static void
assert_step(struct rig *rig, const char *want)
{
    json_t *rows = steps(rig);
    const json_t *row = json_array_get(rows, 0);
    char told[200] = "nothing";

    if (json_array_size(rows) == 1)
        snprintf(told, sizeof told, "%s %lld.%lld %s%s", json_text_or(row, "reason", "?"),
                 (long long)json_int_or(row, "step", 0), (long long)json_int_or(row, "repeat", 0),
                 json_string_value(json_array_get(json_object_get(row, "to"), 0)),
                 json_is_true(json_object_get(row, "cleared")) ? " cleared" : "");
    else if (json_array_size(rows) > 1)
        snprintf(told, sizeof told, "%zu steps", json_array_size(rows));
    assert_string_equal(told, want);
    json_decref(rows);
}

static void
alarm_that_nobody_answers_climbs_to_the_end(void **state)
{
    struct rig *rig = *state;

    value(rig, P1, 20);
    pass(rig, 1000);
    assert_step(rig, "nothing"); /* the alarm itself was the first step */
    pass(rig, 2 * MINUTE);
    assert_step(rig, "unacknowledged 2.0 security");
    pass(rig, 3 * MINUTE);
    assert_step(rig, "unacknowledged 3.0 continuity");
    pass(rig, 5 * MINUTE);
    assert_step(rig, "unacknowledged 4.0 dcm");
    for (int repeat = 1; repeat <= 3; repeat++) {
        char want[60];

        pass(rig, 10 * MINUTE);
        snprintf(want, sizeof want, "unacknowledged 4.%d dcm", repeat);
        assert_step(rig, want);
        assert_int_equal(escalation_exhausted(rig->escalation), 0);
    }
    pass(rig, 10 * MINUTE);
    assert_step(rig, "exhausted 4.0 security");
    assert_int_equal(escalation_exhausted(rig->escalation), 1);
    pass(rig, 100 * MINUTE);
    assert_step(rig, "nothing");
    engine_event(rig->tell.engine, P1, EVENT_ACK, 1, 0, rig->now);
    assert_int_equal(escalation_exhausted(rig->escalation), 0);
    assert_int_equal(escalation_climbing(rig->escalation), 0);
}

static void
second_occurrence_does_not_begin_anew_and_what_cleared_climbs_on(void **state)
{
    struct rig *rig = *state;

    value(rig, P1, 20);
    pass(rig, MINUTE);
    value(rig, P1, 5); /* cleared, unseen */
    value(rig, P1, 20);
    value(rig, P1, 5);
    pass(rig, MINUTE);
    assert_step(rig, "unacknowledged 2.0 security cleared");
    /* P3 stops when it is over. */
    value(rig, P3, 20);
    value(rig, P3, 5);
    engine_event(rig->tell.engine, P1, EVENT_ACK, 0, 0, rig->now);
    pass(rig, 20 * MINUTE);
    assert_step(rig, "nothing");
}

static void
what_is_silent_or_under_test_does_not_climb_and_begins_when_it_is_told(void **state)
{
    static const enum alarm_event MARKS[][2] = {{EVENT_SHELVE, EVENT_UNSHELVE},
                                                {EVENT_DESIGN_ON, EVENT_DESIGN_OFF},
                                                {EVENT_OOS_ON, EVENT_OOS_OFF},
                                                {EVENT_TEST_ON, EVENT_TEST_OFF}};
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++) {
        engine_event(rig->tell.engine, P2, MARKS[i][0], 0, rig->now.utc_ms + 1000 * MINUTE,
                     rig->now);
        value(rig, P2, 20);
        pass(rig, 20 * MINUTE);
        assert_step(rig, "nothing");
        engine_event(rig->tell.engine, P2, MARKS[i][1], 0, 0, rig->now);
        pass(rig, 2 * MINUTE);
        assert_step(rig, "unacknowledged 2.0 security");
        value(rig, P2, 5);
        engine_event(rig->tell.engine, P2, EVENT_ACK, 0, 0, rig->now);
    }
    value(rig, PLAIN_P2, 20); /* another audience, without a ladder */
    pass(rig, 60 * MINUTE);
    assert_step(rig, "nothing");
}

static void
acknowledged_and_forgotten_it_climbs_again_until_somebody_says_something(void **state)
{
    struct rig *rig = *state;

    value(rig, P1, 20);
    engine_event(rig->tell.engine, P1, EVENT_ACK, 1, 0, rig->now);
    pass(rig, 29 * MINUTE);
    escalation_commented(rig->escalation, P1, rig->now);
    pass(rig, 29 * MINUTE);
    assert_step(rig, "nothing");
    pass(rig, 1 * MINUTE);
    assert_step(rig, "ack-timeout 1.0 security");
    pass(rig, 2 * MINUTE);
    assert_step(rig, "ack-timeout 2.0 security");
    assert_int_equal(escalation_climbing(rig->escalation), 1);
    escalation_commented(rig->escalation, P1, rig->now);
    assert_int_equal(escalation_climbing(rig->escalation), 0);
    pass(rig, 29 * MINUTE);
    value(rig, P1, 5);
    pass(rig, 60 * MINUTE);
    assert_step(rig, "nothing");
}

static void
restart_goes_on_where_it_was_and_tells_only_the_highest_step(void **state)
{
    struct rig *rig = *state;

    value(rig, P1, 20);
    pass(rig, 3 * MINUTE);
    assert_step(rig, "unacknowledged 2.0 security");
    stop(rig); /* the same boot: the monotonic clock goes on, whatever UTC does */
    rig->now.utc_ms -= 1000 * MINUTE;
    rig->now.mono_ms += 1 * MINUTE;
    start(rig);
    pass(rig, 58000);
    assert_step(rig, "nothing");
    pass(rig, 3000);
    assert_step(rig, "unacknowledged 3.0 continuity");
    stop(rig);
    rig->now.mono_ms += 26 * MINUTE; /* 31 min of the climb: two repeats are due, one is told */
    start(rig);
    pass(rig, 1000);
    assert_step(rig, "unacknowledged 4.2 dcm");
    stop(rig);
    snprintf(rig->tell.boot, sizeof rig->tell.boot, "x");
    start(rig);
    engine_event(rig->tell.engine, P1, EVENT_ACK, 1, 0, rig->now);
    stop(rig);
    start(rig);
    pass(rig, 20 * MINUTE);
    assert_step(rig, "nothing");
    pass(rig, 11 * MINUTE);
    assert_step(rig, "ack-timeout 1.0 security");
}

static void
reload_with_another_ladder_takes_it_up(void **state)
{
    struct rig *rig = *state;

    value(rig, P1, 20);
    value(rig, P2, 20);
    pass(rig, 6 * MINUTE);
    assert_int_equal(count_steps(rig), 4);
    stop(rig);
    rig->params.ladders[AUDIENCE_SECURITY][1].rung_count = 0;
    types[P2].audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES);
    start(rig);
    pass(rig, 60 * MINUTE);
    assert_int_equal(count_steps(rig), 0);
    assert_int_equal(escalation_climbing(rig->escalation), 0);
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs_come_in_their_time_then_repeats_then_the_end),
        cmocka_unit_test(of_several_that_are_due_only_the_highest_is_told),
        cmocka_unit_test(ladder_without_repeats_ends_quietly_and_one_without_rungs_says_nothing),
        RIGGED(alarm_that_nobody_answers_climbs_to_the_end),
        RIGGED(second_occurrence_does_not_begin_anew_and_what_cleared_climbs_on),
        RIGGED(what_is_silent_or_under_test_does_not_climb_and_begins_when_it_is_told),
        RIGGED(acknowledged_and_forgotten_it_climbs_again_until_somebody_says_something),
        RIGGED(restart_goes_on_where_it_was_and_tells_only_the_highest_step),
        RIGGED(reload_with_another_ladder_takes_it_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
