/*
 * test_commands.c - who may order what: every verb, role, priority and state against a table of its
 * own; what a verb does, how long it lasts, what of it survives a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/commands.h"
#include "alerts/journal_read.h"
#include "gateway/base/json.h"

#define UTC INT64_C(1764000000000)
#define HOUR INT64_C(3600000)
#define KINDS                                                                                      \
    9 /* P1..P4, each also as a managed one; the last cannot be shelved by its definition */

enum cond_wanted { AT_REST, UNACKED, ACKED, LATCHED, SHELVED, OUT_OF_SERVICE, IN_TEST, STATES };
static const char *const STATE_NAMES[] = {"at rest", "unacked", "acked",  "latched",
                                          "shelved", "oos",     "in test"};

static const struct user USERS[] = {
    {.name = "viewer", .role = ROLE_VIEWER, .audiences = 7},
    {.name = "operator", .role = ROLE_OPERATOR, .audiences = 7},
    {.name = "supervisor", .role = ROLE_SUPERVISOR, .audiences = 7},
    {.name = "maintainer", .role = ROLE_MAINTAINER, .owner = "acme", .audiences = 7},
    {.name = "continuity", .role = ROLE_CONTINUITY, .audiences = 2},
    {.name = "admin", .role = ROLE_ADMIN, .audiences = 7},
};
static struct point_def number = {.id = "x", .unit = "V", .kind = VALUE_NUMBER};
static uint32_t point_numbers[2][KINDS];
static struct point_ref points[2 * KINDS];
static struct device_info devices[2] = {{.id = "own", .owner = "acme"},
                                        {.id = "other", .owner = "x"}};
static struct alarm_type types[KINDS];
static struct alarm_def alarms[2 * KINDS]; /* of the device "own", then of "other" */
static char ids[2 * KINDS][40];
static struct directory directory = {.site = "demo",
                                     .devices = devices,
                                     .device_limit = 2,
                                     .points = points,
                                     .point_limit = 2 * KINDS,
                                     .generation = 1};

struct rig {
    char dir[64];
    struct alarms_params params;
    struct journal *journal;
    struct alarm_tell tell;
    struct alarm_index index;
    struct spells *spells;
    struct commands *commands;
    struct stamp now;
};

static void
make_site(void)
{
    for (uint32_t i = 0; i < KINDS; i++)
        types[i] = (struct alarm_type){.type = "power.x",
                                       .name = "x",
                                       .text = "t",
                                       .consequence = "c",
                                       .action = "a",
                                       .audiences = AUDIENCE_BIT(AUDIENCE_SECURITY),
                                       .priority = (uint8_t)(i == 8 ? 4 : i % 4 + 1),
                                       .rule = RULE_HIGH,
                                       .managed = i >= 4 && i < 8,
                                       .latch = true,
                                       .ack_required = true,
                                       .shelvable = i != 8,
                                       .limit = 10};
    for (uint32_t i = 0; i < 2 * KINDS; i++) {
        uint32_t device = i / KINDS, kind = i % KINDS;

        point_numbers[device][kind] = i;
        points[i] = (struct point_ref){.device = device, .def = &number};
        snprintf(ids[i], sizeof ids[i], "power/%s/k%u", devices[device].id, kind);
        alarms[i] = (struct alarm_def){.type = &types[kind],
                                       .id = ids[i],
                                       .device = device,
                                       .point = i,
                                       .stale_after_ms = 1000000000};
    }
    for (uint32_t device = 0; device < 2; device++) {
        devices[device].points = point_numbers[device];
        devices[device].point_count = KINDS;
    }
}

static void
restore(void *ctx, const char *id, const void *record, size_t bytes, bool is_told)
{
    struct rig *rig = ctx;
    uint32_t alarm;

    (void)is_told;
    assert_true(alarm_index_find(&rig->index, id, &alarm));
    assert_true(engine_restore(rig->tell.engine, alarm, record, bytes, rig->now));
    alarm_people_load(&rig->tell.people, alarm, &engine_state(rig->tell.engine, alarm)->regions);
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
                                   .alarm_limit = 2 * KINDS,
                                   .directory = &directory,
                                   .sink = alarm_tell_transition,
                                   .ctx = &rig->tell};
    rig->tell.engine = engine_new(&engine, rig->now);
    rig->tell.utc_ms = rig->now.utc_ms;
    assert_true(alarm_index_init(&rig->index, alarms, 2 * KINDS));
    rig->spells = spells_new(&rig->tell, &rig->index);
    rig->commands = commands_new(&(struct orders){
        .params = &rig->params, .tell = &rig->tell, .index = &rig->index, .spells = rig->spells});
    assert_int_equal(journal_each_alarm(rig->journal, restore, rig, &err), ERR_OK);
    assert_int_equal(spells_restore(rig->spells, rig->now, &err), ERR_OK);
}

static void
commit(struct rig *rig)
{
    struct err err;

    if (journal_commit(rig->journal, rig->now.utc_ms, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

static void
stop(struct rig *rig)
{
    commit(rig);
    commands_free(rig->commands);
    spells_free(rig->spells);
    alarm_index_done(&rig->index);
    alarm_tell_done(&rig->tell);
    engine_free(rig->tell.engine);
    journal_close(rig->journal);
}

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    make_site();
    snprintf(rig->dir, sizeof rig->dir, "/tmp/watchroom-commands-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    rig->params = (struct alarms_params){.directory = &directory,
                                         .alarms = alarms,
                                         .alarm_limit = 2 * KINDS,
                                         .users = USERS,
                                         .user_count = ARRAY_LEN(USERS),
                                         .state_dir = rig->dir};
    rig->now = (struct stamp){.utc_ms = UTC, .mono_ms = 1000000};
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
    rig->now.utc_ms += ms;
    rig->now.mono_ms += ms;
    rig->tell.utc_ms = rig->now.utc_ms;
    engine_tick(rig->tell.engine, rig->now);
    spells_tick(rig->spells, rig->now);
}

static void
read_value(struct rig *rig, uint32_t alarm, double value)
{
    pass(rig, 1000);
    struct sample sample = {.point = alarm,
                            .quality = QUALITY_GOOD,
                            .value = value,
                            .utc_ms = rig->now.utc_ms,
                            .mono_ms = rig->now.mono_ms,
                            .prev_good_mono_ms = rig->now.mono_ms - 1000};

    engine_sample(rig->tell.engine, &sample);
}

static const struct alarm_regions *
regions(const struct rig *rig, uint32_t alarm)
{
    return &engine_state(rig->tell.engine, alarm)->regions;
}

/* One order of one of the users, in words; gives its outcome, which the caller settles. */
static struct outcome
order(struct rig *rig, enum role role, const char *text)
{
    struct sender sender = {.user = USERS[role].name,
                            .source = "control",
                            .owner = USERS[role].owner,
                            .role = (uint8_t)role,
                            .audiences = USERS[role].audiences,
                            .uid = -1};
    static struct control_request request;
    char reason[200];

    if (!request_parse_control(text, strlen(text), &request, reason, sizeof reason))
        fail_msg("%s: %s", text, reason);
    assert_int_equal(request.verb, CONTROL_ORDER);
    return commands_order(rig->commands, &sender, &request.order, rig->now);
}

static const char *
code_of(struct rig *rig, enum role role, const char *text)
{
    struct outcome outcome = order(rig, role, text);

    json_decref(outcome.more);
    return outcome_name(outcome.code);
}

static char *
line_of(const struct rig *rig, const char *verb, uint32_t alarm, const char *second)
{
    static char line[400];
    bool has_reason = strcmp(verb, "shelve") == 0 || strcmp(verb, "test-begin") == 0;
    int used;

    if (strcmp(verb, "ack-group") == 0) {
        snprintf(line, sizeof line, "{\"verb\":\"ack-group\",\"alarms\":[{\"id\":\"%s\"}]}",
                 ids[alarm]);
        return line;
    }
    if (strcmp(verb, "get") == 0)
        return "{\"verb\":\"get\",\"since\":0}";
    used = snprintf(line, sizeof line, "{\"verb\":\"%s\",\"id\":\"%s\"", verb, ids[alarm]);
    if (has_reason)
        used += snprintf(line + used, sizeof line - (size_t)used,
                         ",\"duration_s\":60,\"reason\":\"because\"");
    if (strcmp(verb, "oos") == 0)
        used += snprintf(line + used, sizeof line - (size_t)used,
                         ",\"to\":%lld,\"reason\":\"because\"", (long long)rig->now.utc_ms + 60000);
    if (strcmp(verb, "comment") == 0)
        used += snprintf(line + used, sizeof line - (size_t)used, ",\"note\":\"hm\"");
    if (second != NULL)
        used += snprintf(line + used, sizeof line - (size_t)used, ",\"second\":\"%s\"", second);
    snprintf(line + used, sizeof line - (size_t)used, "}");
    return line;
}

/* Brings an alarm into a state, by whoever may. */
static void
bring(struct rig *rig, uint32_t alarm, enum cond_wanted wanted)
{
    static const char *const MARKS[STATES] = {
        [SHELVED] = "shelve", [OUT_OF_SERVICE] = "oos", [IN_TEST] = "test-begin"};

    read_value(rig, alarm, wanted == AT_REST ? 1 : 20);
    if (wanted == ACKED || wanted == LATCHED)
        assert_string_equal(code_of(rig, ROLE_OPERATOR, line_of(rig, "ack", alarm, NULL)), "ok");
    if (wanted == LATCHED)
        read_value(rig, alarm, 1);
    if (wanted < SHELVED)
        return;
    if (wanted != OUT_OF_SERVICE) {
        assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, MARKS[wanted], alarm, NULL)),
                            "ok");
        return;
    }
    struct outcome outcome = order(rig, ROLE_SUPERVISOR, line_of(rig, "oos", alarm, "operator"));
    assert_int_equal(outcome.code, OUTCOME_OK);
    if (outcome.more != NULL)
        assert_string_equal(code_of(rig, ROLE_OPERATOR, line_of(rig, "oos", alarm, "supervisor")),
                            "ok");
    json_decref(outcome.more);
    assert_true(regions(rig, alarm)->oos);
}

/* Written from the philosophy's section on roles, not from roles.c: what role may give the verb
 * at all. "2": with a second person. */
static const struct {
    const char *verb, *viewer, *operator_, *supervisor, *maintainer_own, *maintainer_other,
        *continuity, *admin;
} WHO[] = {
    {"ack", "-", "y", "y", "-", "-", "-", "-"},
    {"ack-group", "-", "y", "y", "-", "-", "-", "-"},
    {"comment", "-", "y", "y", "y", "y", "y", "-"},
    {"shelve", "-", "y", "y", "-", "-", "-", "-"},
    {"unshelve", "-", "y", "y", "-", "-", "-", "-"},
    {"reset", "-", "-", "y", "2", "-", "-", "-"},
    {"oos", "-", "-", "y", "2", "-", "-", "-"},
    {"in-service", "-", "-", "y", "y", "-", "-", "-"},
    {"test-begin", "-", "-", "y", "2", "-", "-", "-"},
    {"test-end", "-", "-", "y", "y", "-", "-", "-"},
    {"get", "y", "y", "y", "y", "y", "y", "y"},
};

static char
right_of(size_t verb, enum role role, bool is_own)
{
    const char *const rights[ROLE_COUNT] = {
        WHO[verb].viewer,     WHO[verb].operator_,
        WHO[verb].supervisor, is_own ? WHO[verb].maintainer_own : WHO[verb].maintainer_other,
        WHO[verb].continuity, WHO[verb].admin};

    return rights[role][0];
}

/* What somebody who may give the verb hears, by the alarm's state; from the reference model. */
static const char *
expected_by_state(const char *verb, enum cond_wanted state)
{
    if (strcmp(verb, "ack") == 0 || strcmp(verb, "ack-group") == 0)
        return state == UNACKED || state == OUT_OF_SERVICE || state == IN_TEST ? "ok"
                                                                               : "bad-request";
    if (strcmp(verb, "shelve") == 0)
        return state == SHELVED || state == OUT_OF_SERVICE ? "bad-request" : "ok";
    if (strcmp(verb, "unshelve") == 0)
        return state == SHELVED ? "ok" : "bad-request";
    if (strcmp(verb, "reset") == 0)
        return state == LATCHED ? "ok" : "bad-request";
    if (strcmp(verb, "oos") == 0)
        return state == OUT_OF_SERVICE ? "bad-request" : "ok";
    if (strcmp(verb, "in-service") == 0)
        return state == OUT_OF_SERVICE ? "ok" : "bad-request";
    if (strcmp(verb, "test-begin") == 0)
        return state == IN_TEST ? "bad-request" : "ok";
    if (strcmp(verb, "test-end") == 0)
        return state == IN_TEST ? "ok" : "bad-request";
    return "ok";
}

static const char *
expected(size_t verb, enum role role, uint32_t alarm, enum cond_wanted state, bool *out_two)
{
    const struct alarm_type *type = alarms[alarm].type;
    bool is_own = alarm < KINDS;
    char right = right_of(verb, role, is_own);

    *out_two = right == '2';
    if (right == '-')
        return "denied";
    if (strcmp(WHO[verb].verb, "shelve") == 0) {
        if (type->managed || type->priority == 1 || !type->shelvable)
            return "not-shelvable";
        if (type->priority == 2 && role == ROLE_OPERATOR)
            return "denied";
    }
    if (strcmp(WHO[verb].verb, "oos") == 0 && (type->priority == 1 || type->managed))
        *out_two = true;
    return expected_by_state(WHO[verb].verb, state);
}

/* Gives the order; when it needs two, both of them. */
static void
try_order(struct rig *rig, size_t verb, enum role role, uint32_t alarm, enum cond_wanted state)
{
    bool needs_two;
    const char *want = expected(verb, role, alarm, state, &needs_two);
    const char *name = WHO[verb].verb;
    const char *code = code_of(rig, role, line_of(rig, name, alarm, NULL));

    if (needs_two) { /* alone: denied, whatever the state */
        if (strcmp(code, "denied") != 0)
            fail_msg("%s alone by %s: %s", name, USERS[role].name, code);
        code = code_of(rig, role, line_of(rig, name, alarm, "operator"));
        if (strcmp(code, "ok") != 0)
            fail_msg("%s by %s with operator: %s", name, USERS[role].name, code);
        assert_string_equal(code_of(rig, ROLE_VIEWER, line_of(rig, name, alarm, USERS[role].name)),
                            "denied");
        code = code_of(rig, ROLE_OPERATOR, line_of(rig, name, alarm, USERS[role].name));
    }
    if (strcmp(code, want) != 0)
        fail_msg("%s by %s on %s, %s: %s, not %s", name, USERS[role].name, ids[alarm],
                 STATE_NAMES[state], code, want);
}

/* A new engine on the same journal: thousands of journals would take their time. */
static void
start_afresh(struct rig *rig)
{
    struct engine_params engine = {.alarms = alarms,
                                   .alarm_limit = 2 * KINDS,
                                   .directory = &directory,
                                   .sink = alarm_tell_transition,
                                   .ctx = &rig->tell};

    commands_free(rig->commands);
    spells_free(rig->spells);
    engine_free(rig->tell.engine);
    rig->tell.engine = engine_new(&engine, rig->now);
    rig->spells = spells_new(&rig->tell, &rig->index);
    rig->commands = commands_new(&(struct orders){
        .params = &rig->params, .tell = &rig->tell, .index = &rig->index, .spells = rig->spells});
}

static void
every_verb_role_priority_and_state_has_the_outcome_of_the_table(void **state)
{
    struct rig *rig = *state;
    size_t tried = 0;

    assert_int_equal(ARRAY_LEN(WHO), ORDER_COUNT);
    for (size_t verb = 0; verb < ARRAY_LEN(WHO); verb++)
        for (enum role role = 0; role < ROLE_COUNT; role++)
            for (uint32_t alarm = 0; alarm < 2 * KINDS; alarm++, commit(rig))
                for (enum cond_wanted wanted = 0; wanted < STATES; wanted++) {
                    const struct alarm_type *type = alarms[alarm].type;

                    if (wanted == SHELVED &&
                        (type->managed || type->priority == 1 || !type->shelvable))
                        continue;
                    start_afresh(rig);
                    bring(rig, alarm, wanted);
                    try_order(rig, verb, role, alarm, wanted);
                    tried++;
                }
    print_message("%zu combinations of verb, role, alarm and state\n", tried);
    assert_int_equal(tried, ORDER_COUNT * ROLE_COUNT * (2 * KINDS * STATES - 2 * 6));
}

static void
shelves_are_as_long_as_priority_and_role_allow_and_no_longer(void **state)
{
    static const struct {
        enum role role;
        uint32_t kind;
        int64_t longest_s; /* 0: none */
    } CASES[] = {
        {ROLE_OPERATOR, 0, 0},      {ROLE_SUPERVISOR, 0, 0},     {ROLE_OPERATOR, 1, 0},
        {ROLE_SUPERVISOR, 1, 7200}, {ROLE_OPERATOR, 2, 28800},   {ROLE_SUPERVISOR, 2, 28800},
        {ROLE_OPERATOR, 3, 86400},  {ROLE_SUPERVISOR, 3, 86400}, {ROLE_SUPERVISOR, 7, 0},
    };
    struct rig *rig = *state;
    char line[200];

    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        for (int64_t more = 1; more >= 0; more--) {
            snprintf(line, sizeof line,
                     "{\"verb\":\"shelve\",\"id\":\"%s\",\"duration_s\":%lld,\"reason\":\"x\"}",
                     ids[CASES[i].kind], (long long)(CASES[i].longest_s + more));
            const char *code =
                CASES[i].longest_s + more == 0 ? "none" : code_of(rig, CASES[i].role, line);
            bool is_taken = strcmp(code, "ok") == 0;

            if (is_taken != (more == 0 && CASES[i].longest_s > 0) && CASES[i].longest_s + more > 0)
                fail_msg("case %zu, %lld s: %s", i, (long long)(CASES[i].longest_s + more), code);
            if (is_taken)
                assert_string_equal(
                    code_of(rig, ROLE_OPERATOR, line_of(rig, "unshelve", CASES[i].kind, NULL)),
                    "ok");
        }
}

static void
shelf_ends_by_itself_and_what_is_live_is_told_again(void **state)
{
    struct rig *rig = *state;

    read_value(rig, 2, 20);
    assert_string_equal(code_of(rig, ROLE_OPERATOR, line_of(rig, "shelve", 2, NULL)), "ok");
    assert_true(regions(rig, 2)->shelved);
    assert_int_equal(regions(rig, 2)->ack, ACK_ACKED);
    pass(rig, 59000);
    assert_true(regions(rig, 2)->shelved);
    pass(rig, 1000);
    assert_false(regions(rig, 2)->shelved);
    assert_int_equal(regions(rig, 2)->ack, ACK_UNACKED);
}

static void
two_persons_are_two_who_both_said_so_within_the_time(void **state)
{
    struct rig *rig = *state;
    struct outcome outcome;

    /* Not himself, not nobody, not somebody who may not, not a stranger. */
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "supervisor")),
                        "denied");
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "viewer")), "denied");
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "admin")), "denied");
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "ghost")), "denied");
    assert_false(regions(rig, 0)->oos);

    outcome = order(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "operator"));
    assert_int_equal(outcome.code, OUTCOME_OK);
    assert_string_equal(json_text_or(outcome.more, "awaiting", ""), "operator");
    assert_int_equal(json_int_or(outcome.more, "until", 0), rig->now.utc_ms + ORDERS_SECOND_MS);
    json_decref(outcome.more);
    assert_false(regions(rig, 0)->oos); /* asked, not done */

    /* Another one's word, another end, too late. */
    assert_string_equal(code_of(rig, ROLE_CONTINUITY, line_of(rig, "oos", 0, "supervisor")),
                        "denied");
    pass(rig, 1000);
    assert_string_equal(code_of(rig, ROLE_OPERATOR, line_of(rig, "oos", 0, "supervisor")),
                        "bad-request"); /* its end is another one by now */
    pass(rig, ORDERS_SECOND_MS);
    assert_string_equal(
        code_of(rig, ROLE_OPERATOR,
                "{\"verb\":\"oos\",\"id\":\"power/own/k0\",\"second\":\"supervisor\"}"),
        "denied");
    assert_false(regions(rig, 0)->oos);

    outcome = order(rig, ROLE_SUPERVISOR, line_of(rig, "oos", 0, "operator"));
    json_decref(outcome.more);
    /* The second word may come after a restart. */
    stop(rig);
    start(rig);
    assert_string_equal(
        code_of(rig, ROLE_OPERATOR,
                "{\"verb\":\"oos\",\"id\":\"power/own/k0\",\"second\":\"supervisor\"}"),
        "ok");
    assert_true(regions(rig, 0)->oos);
    struct text_buf out;
    text_buf_init(&out, 8192);
    assert_true(alarm_tell_write(&rig->tell, 0, &out));
    json_t *object = json_parse_object(out.data, out.length, NULL, 0);
    const json_t *oos = json_object_get(object, "oos");
    assert_string_equal(json_text_or(oos, "by", ""), "supervisor");
    assert_string_equal(json_text_or(oos, "second", ""), "operator");
    assert_string_equal(json_text_or(oos, "reason", ""), "because");
    assert_string_equal(json_text_or(oos, "role", ""), "supervisor");
    json_decref(object);
    text_buf_done(&out);
    /* Used up. */
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "in-service", 0, NULL)), "ok");
    assert_string_equal(
        code_of(rig, ROLE_OPERATOR,
                "{\"verb\":\"oos\",\"id\":\"power/own/k0\",\"second\":\"supervisor\"}"),
        "denied");
}

static void
plan(struct rig *rig, char *line, size_t size, int64_t from_ms, int64_t to_ms)
{
    snprintf(
        line, size,
        "{\"verb\":\"oos\",\"id\":\"power/own/k2\",\"from\":%lld,\"to\":%lld,\"reason\":\"cr-17\"}",
        (long long)(rig->now.utc_ms + from_ms), (long long)(rig->now.utc_ms + to_ms));
}

static void
maintenance_begins_and_ends_when_it_was_planned_also_over_a_restart(void **state)
{
    struct rig *rig = *state;
    char line[300];

    plan(rig, line, sizeof line, HOUR, 10 * HOUR);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "denied"); /* 9 h */
    plan(rig, line, sizeof line, 91 * 24 * HOUR, 91 * 24 * HOUR + 1);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "bad-request");
    plan(rig, line, sizeof line, -2 * HOUR, -HOUR);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "bad-request");
    plan(rig, line, sizeof line, HOUR, 3 * HOUR);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "ok");
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "bad-request"); /* planned already */
    assert_false(regions(rig, 2)->oos);
    assert_int_equal(spells_count(rig->spells), 1);
    pass(rig, HOUR - 1000);
    assert_false(regions(rig, 2)->oos);
    stop(rig);
    rig->now.mono_ms = 5000; /* another boot */
    start(rig);
    assert_false(regions(rig, 2)->oos);
    pass(rig, 1000);
    assert_true(regions(rig, 2)->oos);
    read_value(rig, 2, 20);
    assert_int_equal(regions(rig, 2)->cond, COND_ACTIVE);
    assert_false(regions(rig, 2)->annunciated);
    pass(rig, HOUR);
    stop(rig);
    rig->now.utc_ms += 30 * 60000; /* half an hour without an engine */
    rig->now.mono_ms = 7000;
    start(rig);
    assert_true(regions(rig, 2)->oos);
    pass(rig, 28 * 60000);
    assert_true(regions(rig, 2)->oos);
    pass(rig, 3 * 60000);
    assert_false(regions(rig, 2)->oos);
    assert_int_equal(regions(rig, 2)->ack, ACK_UNACKED); /* nothing stays hidden */
    assert_int_equal(spells_count(rig->spells), 0);
}

static void
clock_that_went_back_makes_no_spell_longer_than_was_asked_for(void **state)
{
    struct rig *rig = *state;
    char line[300];

    plan(rig, line, sizeof line, 0, 2 * HOUR);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "ok");
    stop(rig);
    rig->now.utc_ms -= 1000 * HOUR;
    rig->now.mono_ms = 7000;
    start(rig);
    assert_true(regions(rig, 2)->oos);
    pass(rig, 2 * HOUR + 1000);
    assert_false(regions(rig, 2)->oos);
}

static void
plan_that_is_given_up_never_begins(void **state)
{
    struct rig *rig = *state;
    char line[300];

    plan(rig, line, sizeof line, HOUR, 2 * HOUR);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line), "ok");
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "in-service", 2, NULL)), "ok");
    stop(rig);
    start(rig);
    pass(rig, HOUR + 1000);
    assert_false(regions(rig, 2)->oos);
}

static void
group_is_acknowledged_one_by_one_and_says_which_were_not(void **state)
{
    struct rig *rig = *state;
    struct outcome outcome;

    read_value(rig, 1, 20);
    read_value(rig, 2, 20);
    outcome = order(rig, ROLE_OPERATOR,
                    "{\"verb\":\"ack-group\",\"alarms\":[{\"id\":\"power/own/k1\",\"occ\":1},"
                    "{\"id\":\"power/own/k2\",\"occ\":9},{\"id\":\"power/own/k9\"},"
                    "{\"id\":\"power/own/k3\"}]}");
    assert_int_equal(outcome.code, OUTCOME_STALE_OCCURRENCE);
    const json_t *results = json_object_get(outcome.more, "results");
    static const char *const CODES[] = {"ok", "stale-occurrence", "bad-request", "bad-request"};
    assert_int_equal(json_array_size(results), ARRAY_LEN(CODES));
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
        assert_string_equal(json_text_or(json_array_get(results, i), "code", ""), CODES[i]);
    json_decref(outcome.more);
    assert_int_equal(regions(rig, 1)->ack, ACK_ACKED);
    assert_int_equal(regions(rig, 2)->ack, ACK_UNACKED);
}

static void
orders_of_the_control_socket_pass_the_same_guard(void **state)
{
    struct rig *rig = *state;
    struct outcome outcome;
    char line[300];
    unsigned limited = 0;

    read_value(rig, 2, 20);
    snprintf(line, sizeof line, "{\"verb\":\"ack\",\"id\":\"%s\",\"expires\":%lld}", ids[2],
             (long long)rig->now.utc_ms - 1);
    assert_string_equal(code_of(rig, ROLE_OPERATOR, line), "expired");
    snprintf(line, sizeof line,
             "{\"verb\":\"ack\",\"id\":\"%s\",\"cid\":\"01K00000000000000000000001\"}", ids[2]);
    assert_string_equal(code_of(rig, ROLE_OPERATOR, line), "ok");
    stop(rig);
    start(rig);
    outcome = order(rig, ROLE_OPERATOR, line);
    assert_int_equal(outcome.code, OUTCOME_DUPLICATE);
    assert_string_equal(json_text_or(outcome.more, "first", ""), "ok");
    json_decref(outcome.more);
    for (int i = 0; i < 2 * COMMAND_BURST; i++)
        limited += strcmp(code_of(rig, ROLE_OPERATOR, line_of(rig, "comment", 2, NULL)),
                          "rate-limited") == 0;
    assert_int_equal(limited, COMMAND_BURST + 1);
    assert_string_equal(code_of(rig, ROLE_SUPERVISOR, line_of(rig, "comment", 2, NULL)), "ok");
    pass(rig, 1000);
    assert_string_equal(code_of(rig, ROLE_OPERATOR, line_of(rig, "comment", 2, NULL)), "ok");
}

static void
root_is_acknowledged_with_what_is_folded_under_it(void **state)
{
    struct rig *rig = *state;
    struct outcome outcome;

    for (uint32_t kind = 1; kind < 3; kind++) {
        alarms[kind].root = 3;
        types[kind].suppressed_by = "k3";
    }
    assert_string_equal(
        code_of(rig, ROLE_OPERATOR, "{\"verb\":\"ack-group\",\"root\":\"power/own/k3\"}"),
        "bad-request"); /* nothing waits */
    for (uint32_t kind = 1; kind < 4; kind++)
        read_value(rig, kind, 20);
    read_value(rig, 8, 20); /* another one */
    outcome = order(rig, ROLE_VIEWER, "{\"verb\":\"ack-group\",\"root\":\"power/own/k3\"}");
    assert_int_equal(outcome.code, OUTCOME_DENIED);
    json_decref(outcome.more);
    outcome = order(rig, ROLE_OPERATOR, "{\"verb\":\"ack-group\",\"root\":\"power/own/k3\"}");
    assert_int_equal(outcome.code, OUTCOME_OK);
    assert_true(json_array_size(json_object_get(outcome.more, "results")) >= 1);
    json_decref(outcome.more);
    for (uint32_t kind = 1; kind < 4; kind++)
        assert_int_not_equal(regions(rig, kind)->ack, ACK_UNACKED);
    assert_int_equal(regions(rig, 8)->ack, ACK_UNACKED);
}

/* The rows that a get gives, page by page, against the journal itself. */
static bool
collect(void *ctx, const struct journal_row *row)
{
    json_t *all = ctx;

    if ((row->audiences & AUDIENCE_BIT(AUDIENCE_SECURITY)) != 0)
        json_array_append_new(all, json_integer((json_int_t)row->seq));
    return true;
}

static void
get_since_gives_every_told_row_once_in_order_and_says_when_that_was_all(void **state)
{
    struct rig *rig = *state;
    json_t *all = json_array(), *got = json_array();
    uint64_t since = 0, last = 0;
    unsigned pages = 0;
    bool more = true;
    char line[100];
    struct journal_reader *reader;
    struct err err;

    for (unsigned i = 0; i < 300; i++) {
        read_value(rig, i % KINDS, 20);
        code_of(rig, ROLE_OPERATOR, line_of(rig, "ack", i % KINDS, NULL));
        code_of(rig, ROLE_OPERATOR, line_of(rig, "comment", i % KINDS, NULL));
    }
    commit(rig);
    assert_int_equal(journal_reader_open(rig->dir, &reader, &err), ERR_OK);
    for (uint64_t after = 0;; after = last) {
        assert_int_equal(journal_reader_rows(reader, after, 1000, collect, all, &last, &err),
                         ERR_OK);
        if (last == after)
            break;
    }
    journal_reader_close(reader);
    while (more) {
        snprintf(line, sizeof line, "{\"verb\":\"get\",\"since\":%llu}", (unsigned long long)since);
        struct outcome outcome = order(rig, ROLE_VIEWER, line);

        assert_int_equal(outcome.code, OUTCOME_OK);
        const json_t *rows = json_object_get(outcome.more, "rows");
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = json_array_get(rows, i);

            assert_int_equal(strlen(json_text_or(row, "hash", "")), 64);
            json_array_append(got, json_object_get(row, "seq"));
        }
        char *text = json_canonical(outcome.more);
        assert_true(strlen(text) < 60000);
        free(text);
        since = (uint64_t)json_int_or(outcome.more, "next", 0);
        more = json_is_true(json_object_get(outcome.more, "more"));
        json_decref(outcome.more);
        assert_true(++pages < 100);
    }
    assert_true(pages > 2);
    assert_true(json_array_size(all) > 300);
    assert_true(json_equal(all, got));
    /* Of another audience: nothing, and it ends. */
    struct outcome outcome = order(rig, ROLE_CONTINUITY, "{\"verb\":\"get\",\"since\":0}");
    assert_int_equal(json_array_size(json_object_get(outcome.more, "rows")), 0);
    json_decref(outcome.more);
    assert_string_equal(
        code_of(rig, ROLE_VIEWER,
                "{\"verb\":\"get\",\"since\":0,\"jid\":\"01K00000000000000000000001\"}"),
        "bad-request");
    json_decref(all);
    json_decref(got);
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIGGED(every_verb_role_priority_and_state_has_the_outcome_of_the_table),
        RIGGED(shelves_are_as_long_as_priority_and_role_allow_and_no_longer),
        RIGGED(shelf_ends_by_itself_and_what_is_live_is_told_again),
        RIGGED(two_persons_are_two_who_both_said_so_within_the_time),
        RIGGED(maintenance_begins_and_ends_when_it_was_planned_also_over_a_restart),
        RIGGED(clock_that_went_back_makes_no_spell_longer_than_was_asked_for),
        RIGGED(plan_that_is_given_up_never_begins),
        RIGGED(group_is_acknowledged_one_by_one_and_says_which_were_not),
        RIGGED(orders_of_the_control_socket_pass_the_same_guard),
        RIGGED(root_is_acknowledged_with_what_is_folded_under_it),
        RIGGED(get_since_gives_every_told_row_once_in_order_and_says_when_that_was_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
