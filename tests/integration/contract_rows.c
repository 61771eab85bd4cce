/*
 * contract_rows.c - what the code can say, by the code that says it: lines of "<family> <json>" for
 * test_contract.py, which holds them against docs/schema, and "names" with every word of each
 * list, so that a schema knows neither less nor more.
 *
 *     contract-rows STATE_DIR       an empty folder, for a journal
 *     contract-rows --judge         see contract_words.c
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_rows.h"
#include "alerts/commands.h"
#include "alerts/device_health.h"
#include "alerts/values_out.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "tests/integration/contract_rows.h"

#define NOW_MS INT64_C(1795471200000)
#define TEXT_MAX (64 * 1024)
#define PREFIX "watchroom/1/test"
#define STAMP "\"ts\":1795471200000"
#define WHY "\"reason\":\"work\",\"role\":\"operator\"," STAMP ",\"until\":1795480000000"
#define CID "01KB3V9Q4N7E8JZ6T2H5P1W0SB"

enum { LOAD, STATUS, JOURNAL, POINTS };
enum { UPS, GATEWAY, DEVICES };

static const struct value_label LABELS[] = {{0, "normal"}, {1, "battery"}};
static const struct point_def DEFS[POINTS] = {
    [LOAD] = {.id = "ups.load", .unit = "%", .description = "load", .kind = VALUE_NUMBER},
    [STATUS] = {.id = "input.L1.state",
                .unit = "",
                .description = "state",
                .kind = VALUE_STATE,
                .label_count = 2,
                .labels = LABELS},
    [JOURNAL] = {.id = "journal.state", .unit = "", .description = "it", .kind = VALUE_STATE},
};
static const uint32_t UPS_POINTS[] = {LOAD, STATUS}, GATEWAY_POINTS_[] = {JOURNAL};
/* clang-format off */
static const struct device_info DEVICE_INFOS[DEVICES] = {
    /* id, name, zone, asset, owner, profile, address, groups, points, comm.state, digest */
    [UPS] = {"ups-a", "UPS \"A\", K\xc3\xa4" "fig 1", "room-1", "4711", "facilities", "ups/test", "127.0.0.1:161",
             1, {{"fast", 1000}}, 2, UPS_POINTS, UINT32_MAX, 1},
    [GATEWAY] = {"gateway", "gateway", "", "", "", "", "",
                 1, {{"once", 0}}, 1, GATEWAY_POINTS_, UINT32_MAX, 2},
};
/* clang-format on */
static const struct point_ref REFS[POINTS] = {
    {&DEFS[LOAD], UPS}, {&DEFS[STATUS], UPS}, {&DEFS[JOURNAL], GATEWAY}};
static const struct directory DIRECTORY = {.site = "test",
                                           .generation = 3,
                                           .device_limit = DEVICES,
                                           .devices = DEVICE_INFOS,
                                           .point_limit = POINTS,
                                           .points = REFS};
static const double BATTERY[] = {1};
static const struct user USERS[] = {
    {"vera", NULL, NULL, ROLE_VIEWER, 7},     {"anna", NULL, NULL, ROLE_OPERATOR, 7},
    {"bert", NULL, NULL, ROLE_SUPERVISOR, 7}, {"mia", NULL, "facilities", ROLE_MAINTAINER, 7},
    {"carl", NULL, NULL, ROLE_CONTINUITY, 2}, {"adam", NULL, NULL, ROLE_ADMIN, 7}};

static struct alarm_type types[2];
static struct alarm_def alarms[2];
static struct alarms_params params;
static struct journal *journal;
static struct stamp now = {NOW_MS, 1000000};

void
insist(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "contract-rows: %s\n", what);
    exit(1);
}

void
say(const char *family, const char *text)
{
    printf("%s %s\n", family, text);
}

static struct alarm_type
type_of(enum rule_kind rule, unsigned priority)
{
    return (struct alarm_type){.type = "power.ups.on-battery",
                               .name = "on-battery",
                               .text = "The UPS feeds \"the load\" from its battery",
                               .consequence = "It lasts minutes",
                               .action = "Start the generator",
                               .respond_within_ms = 600000,
                               .alarm_class = CLASS_POWER,
                               .audiences = AUDIENCE_BIT(AUDIENCE_FACILITIES),
                               .priority = (uint8_t)priority,
                               .rule = (uint8_t)rule,
                               .ack_required = true,
                               .shelvable = true,
                               .latch = priority == 2,
                               .limit = 80.5,
                               .values = BATTERY,
                               .value_count = 1};
}

static struct alarm_def
alarm_of(const struct alarm_type *type, const char *id, uint32_t point)
{
    return (struct alarm_def){
        .type = type, .id = id, .device = UPS, .point = point, .stale_after_ms = 30000};
}

/* alarm objects, in every state */

static void
say_alarm(const struct alarm_def *def, unsigned bits, enum cause cause, struct text_buf *out)
{
    static const double VALUES[] = {0, 3, 19.4, -3.3, 1e20, NAN};
    static const char ACKED[] = "{\"by\":\"anna\",\"note\":\"\",\"role\":\"operator\"," STAMP "}";
    static const char SHELF[] = "{\"by\":\"anna\"," WHY "}";
    static const char *const SAID[][2] = {
        {"{\"by\":\"bert\"," WHY "}", "{\"by\":\"mia\"," WHY ",\"second\":\"anna\"}"},
        {"{\"by\":\"mia\",\"from\":1795471200001," WHY ",\"second\":\"anna\"}", NULL}};
    enum alarm_cond cond = (enum alarm_cond)(bits % COND_COUNT);
    enum alarm_ack ack = (enum alarm_ack)(bits / 2 % ACK_COUNT);
    bool was_raised = cond != COND_NORMAL || (bits & 64) != 0;
    struct alarm_state state = {.regions = {.cond = (uint8_t)cond,
                                            .ack = (uint8_t)ack,
                                            .shelved = bits & 1,
                                            .design = bits & 2,
                                            .oos = bits & 4,
                                            .test = bits & 8,
                                            .good = bits & 16},
                                .occ = was_raised ? bits + 1 : 0,
                                .chatter = bits & 32,
                                .first_out = bits & 8,
                                .value = VALUES[bits % ARRAY_LEN(VALUES)],
                                .raised_utc_ms = was_raised ? NOW_MS : 0,
                                .cleared_utc_ms = bits & 32 ? NOW_MS + 1 : 0,
                                .unc_ms = bits & 2 ? ENGINE_UNC_UNKNOWN : bits,
                                .quality = (uint8_t)(bits % QUALITY_COUNT),
                                .cause = (uint8_t)cause};
    struct alarm_facts facts = {.directory = &DIRECTORY,
                                .boot = "7c1f0c9e-5b0e-4f0a-9f36-0d1c2b8a4e55",
                                .clock = clock_state_name((enum clock_state)(bits % 3)),
                                .seq = bits + 1,
                                .utc_ms = NOW_MS};

    const char *const *said = SAID[bits % ARRAY_LEN(SAID)];
    facts.said.text[SAYING_ACKED] = ack == ACK_ACKED ? ACKED : NULL;
    facts.said.text[SAYING_SHELF] = state.regions.shelved ? SHELF : NULL;
    facts.said.text[SAYING_OOS] = state.regions.oos ? said[0] : NULL;
    facts.said.text[SAYING_TEST] = state.regions.test ? said[1] : NULL;
    static const uint32_t IMPACTS[ALARM_IMPACTS_MAX] = {1};
    if (state.regions.design && (bits & 64) != 0)
        facts.supp_by = alarms[0].id;
    facts.alarms = alarms;
    facts.impacts = IMPACTS;
    facts.impact_count = bits % 4 == 1 ? 1 : 0;
    text_buf_reset(out);
    alarm_rows_object(out, def, &state, &facts);
    insist(!out->failed, "an alarm's object");
    say("alarm", out->data);
}

static void
say_alarms(void)
{
    struct alarm_type type;
    struct alarm_def def = {.type = &type, .id = "power/ups-a/on-battery"};
    struct text_buf out;

    text_buf_init(&out, TEXT_MAX);
    for (unsigned i = 0; i < 512; i++) {
        type = type_of((enum rule_kind)(i % RULE_KIND_COUNT), 1 + i % 4);
        type.alarm_class = (uint8_t)(i % CLASS_COUNT);
        type.audiences = (uint8_t)(1 + i % ((1u << AUDIENCE_COUNT) - 1));
        type.managed = i & 1;
        def.device = i % 3 == 0 ? UINT32_MAX : i % 3 == 1 ? UPS : GATEWAY;
        def.point = i % 3 == 0 ? UINT32_MAX : i % 3 == 1 ? i / 3 % 2 : JOURNAL;
        say_alarm(&def, i % 128, (enum cause)(i % CAUSE_COUNT), &out);
    }
    text_buf_done(&out);
}

/* rows: an engine whose transitions are journalled, commands, what else is written down */

static void
feed(struct engine *engine, uint32_t point, double value, enum quality quality, enum cause cause)
{
    struct sample sample = {.point = point,
                            .quality = (uint8_t)quality,
                            .cause = (uint8_t)cause,
                            .value = value,
                            .prev_good_mono_ms = SAMPLE_NEVER};

    now.utc_ms += 1000;
    now.mono_ms += 1000;
    sample.utc_ms = now.utc_ms;
    sample.mono_ms = now.mono_ms;
    engine_sample(engine, &sample);
    engine_tick(engine, now);
}

static void
live(struct engine *engine, struct alarm_tell *tell)
{
    static const enum alarm_event EVENTS[] = {
        EVENT_SHELVE,  EVENT_UNSHELVE, EVENT_DESIGN_ON, EVENT_DESIGN_OFF, EVENT_OOS_ON,
        EVENT_OOS_OFF, EVENT_TEST_ON,  EVENT_TEST_OFF,  EVENT_ACK,        EVENT_RESET};

    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
            feed(engine, LOAD, i % 3 == 0 ? 90 : 10, QUALITY_GOOD, CAUSE_OK);
            feed(engine, STATUS, (double)(i % 2), QUALITY_GOOD, CAUSE_OK);
            feed(engine, STATUS, 0, QUALITY_BAD, (enum cause)(1 + i % (CAUSE_COUNT - 1)));
            for (uint32_t alarm = 0; alarm < ARRAY_LEN(alarms); alarm++)
                engine_event(engine, alarm, EVENTS[i], 0, now.utc_ms + 60000, now);
        }
        now.utc_ms += 120000; /* silence: stale */
        now.mono_ms += 120000;
        engine_tick(engine, now);
    }
    alarm_tell_restored(tell, 0);
    /* Quiet until nothing is held, latched or unseen, then something that waits. */
    for (int i = 0; i < 20; i++) {
        now.utc_ms += 20000;
        now.mono_ms += 20000;
        feed(engine, LOAD, 10, QUALITY_GOOD, CAUSE_OK);
        feed(engine, STATUS, 0, QUALITY_GOOD, CAUSE_OK);
    }
    engine_event(engine, 0, EVENT_ACK, 0, 0, now);
    engine_event(engine, 0, EVENT_RESET, 0, 0, now);
    feed(engine, STATUS, 1, QUALITY_GOOD, CAUSE_OK);
}

static void
order(struct commands *commands, const char *user, const char *verb, const char *payload,
      const char *topic)
{
    struct msg_command command = {.retained = strcmp(verb, "retained") == 0};
    struct text_buf out;

    snprintf(command.user, sizeof command.user, "%s", user);
    snprintf(command.verb, sizeof command.verb, "%s", verb);
    snprintf(command.response_topic, sizeof command.response_topic, "%s", topic);
    text_buf_init(&out, TEXT_MAX);
    if (commands_take(commands, &command, payload, strlen(payload), now, &out))
        say("rsp", out.data);
    text_buf_done(&out);
}

static void
give_orders(struct commands *commands)
{
    static const char *const VERBS[] = {"ack",        "get",      "comment",    "shelve",
                                        "unshelve",   "reset",    "oos",        "in-service",
                                        "test-begin", "test-end", "ack-group",  "retained",
                                        "sing",       "A B",      "?!\x01\xff", ""};
    static const char *const BODIES[] = {
        "{\"cid\":\"" CID "\",\"id\":\"power/ups-a/on-battery\",\"occ\":[1,9999],\"note\":\"n\"}",
        "{\"cid\":\"" CID "\",\"id\":\"power/ups-a/on-battery\",\"occ\":[1,9999],\"note\":\"n\"}",
        "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P1W0SC\",\"id\":\"power/ups-a/on-battery\",\"occ\":99}",
        "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P1W0SD\",\"id\":\"a/b/c\",\"expires\":1}",
        "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P1W0SE\",\"id\":\"no/such/one\",\"reason\":\"r\","
        "\"duration_s\":60,\"note\":\"n\",\"to\":1795481200000}",
        "{\"cid\":7}",
        "x"};

    for (size_t u = 0; u <= ARRAY_LEN(USERS); u++)
        for (size_t v = 0; v < ARRAY_LEN(VERBS); v++) {
            const char *user = u < ARRAY_LEN(USERS) ? USERS[u].name : "nobody\"\x07";
            char topic[200];

            snprintf(topic, sizeof topic, PREFIX "/rsp/%s/desk", user);
            for (size_t b = 0; b < ARRAY_LEN(BODIES); b++)
                order(commands, user, VERBS[v], BODIES[b], v == 5 ? "elsewhere" : topic);
            now.mono_ms += 1500;
            now.utc_ms += 1500;
            commands_tick(commands, now);
        }
    for (int i = 0; i < 2 * COMMAND_BURST; i++)
        order(commands, "anna", "ack", BODIES[1], PREFIX "/rsp/anna/desk");
    now.mono_ms += 2000;
    now.utc_ms += 2000;
    commands_tick(commands, now);
}

/* What is done, one after the other, on two alarms that wait for somebody. */
static void
carry_out(struct commands *commands)
{
    static const struct {
        const char *user, *verb, *more;
    } ORDERS[] = {
        {"anna", "comment", ",\"note\":\"looking\""},
        {"anna", "ack", ",\"occ\":[1,9999],\"note\":\"seen\""},
        {"bert", "shelve", ",\"duration_s\":3600,\"reason\":\"work\""},
        {"bert", "unshelve", ""},
        {"bert", "oos", ",\"to\":1795480000000,\"reason\":\"work\""},
        {"bert", "in-service", ",\"note\":\"done\""},
        {"bert", "test-begin", ",\"duration_s\":300,\"reason\":\"weekly\""},
        {"bert", "test-end", ""},
        {"mia", "oos", ",\"to\":1795480000000,\"reason\":\"work\",\"second\":\"anna\""},
        {"anna", "oos", ",\"second\":\"mia\""},
        {"bert", "in-service", ""},
        {"bert", "reset", ",\"note\":\"gone\""},
    };
    char payload[400], topic[100];

    for (size_t i = 0; i < ARRAY_LEN(ORDERS); i++) {
        snprintf(payload, sizeof payload,
                 "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P2%04zu\",\"id\":\"%s\"%s}", i, alarms[0].id,
                 ORDERS[i].more);
        snprintf(topic, sizeof topic, PREFIX "/rsp/%s/desk", ORDERS[i].user);
        order(commands, ORDERS[i].user, ORDERS[i].verb, payload, topic);
    }
    order(commands, "anna", "ack-group",
          "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P30000\",\"alarms\":[{\"id\":\"power/ups-a/load-high\","
          "\"occ\":[1,9999]},{\"id\":\"a/b/c\",\"occ\":1}],\"note\":\"both\"}",
          PREFIX "/rsp/anna/desk");
    order(commands, "anna", "get", "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P30001\",\"since\":0}",
          PREFIX "/rsp/anna/desk");
    order(commands, "anna", "get",
          "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P30002\",\"since\":3,\"limit\":2}",
          PREFIX "/rsp/anna/desk");
    order(commands, "carl", "get", "{\"cid\":\"01KB3V9Q4N7E8JZ6T2H5P30003\"}",
          PREFIX "/rsp/carl/desk");
}

static void
note_devices(void)
{
    struct device_health *devices = device_health_new(&DIRECTORY, journal);
    struct msg_health news = {
        .device = UPS, .missed = 3, .utc_ms = now.utc_ms, .cause = CAUSE_TIMEOUT};

    insist(devices != NULL, "no memory");
    for (int round = 0; round < 2; round++)
        for (unsigned health = 0; health < HEALTH_COUNT; health++) {
            news.health = (uint8_t)health;
            snprintf(news.reason, sizeof news.reason, "%s", health == HEALTH_DOWN ? "no \"\"" : "");
            device_health_take(devices, &news, now.utc_ms);
        }
    device_health_free(devices);
}

static void
fill_journal(void)
{
    struct alarm_tell tell;
    struct alarm_index index;
    struct err err;

    insist(alarm_tell_init(&tell, &params, journal) &&
               alarm_index_init(&index, alarms, ARRAY_LEN(alarms)),
           "no memory");
    struct engine_params engine_params = {.alarms = alarms,
                                          .alarm_limit = ARRAY_LEN(alarms),
                                          .directory = &DIRECTORY,
                                          .sink = alarm_tell_transition,
                                          .ctx = &tell,
                                          .chatter = ENGINE_CHATTER_DEFAULT,
                                          .fold_hold_ms = 1000,
                                          .first_out_ms = 30000};
    struct engine *engine = engine_new(&engine_params, now);
    insist(engine != NULL, "no memory");
    tell.engine = engine;
    tell.utc_ms = now.utc_ms;
    struct spells *spells = spells_new(&tell, &index);
    struct commands *commands = commands_new(
        &(struct orders){.params = &params, .tell = &tell, .index = &index, .spells = spells});
    insist(spells != NULL && commands != NULL, "no memory");
    live(engine, &tell);
    insist(journal_commit(journal, now.utc_ms, &err) == ERR_OK, "the journal");
    carry_out(commands);
    give_orders(commands);
    note_devices();
    insist(journal_checkpoint(journal, now.utc_ms, &err) == ERR_OK &&
               journal_commit(journal, now.utc_ms, &err) == ERR_OK,
           "the journal");
    commands_free(commands);
    spells_free(spells);
    engine_free(engine);
    alarm_index_done(&index);
    alarm_tell_done(&tell);
}

static bool
say_row(void *ctx, const struct journal_row *row)
{
    (void)ctx;
    printf("row %.*s,\"hash\":\"%s\"}\n", (int)(row->body_bytes - 1), row->body, row->hash);
    if (row->payload != NULL)
        say("alarm", row->payload);
    return true;
}

static void
say_rows(const char *state_dir, struct journal_reader **out_reader)
{
    struct err err;
    uint64_t last = 0;

    insist(journal_reader_open(state_dir, out_reader, &err) == ERR_OK, "the reader");
    for (uint64_t after = UINT64_MAX; after != last;) {
        after = last;
        insist(journal_reader_rows(*out_reader, after, JOURNAL_READ_MAX, say_row, NULL, &last,
                                   &err) == ERR_OK,
               "reading");
    }
}

/* readings */

static bool
say_value(void *ctx, const char *device, const char *group, const char *payload, size_t bytes,
          uint32_t expires_s)
{
    (void)ctx;
    (void)device;
    (void)group;
    (void)bytes;
    insist(expires_s > 0, "readings that never expire");
    say("val", payload);
    return true;
}

static void
say_values(void)
{
    struct values_out *values = values_out_new(&DIRECTORY);

    insist(values != NULL, "no memory");
    for (unsigned i = 0; i < QUALITY_COUNT * CAUSE_COUNT; i++) {
        enum quality quality = (enum quality)(i % QUALITY_COUNT);
        struct sample samples[] = {
            {.point = LOAD, .value = i % 2 == 0 ? 0.5 : NAN, .cause = (uint8_t)(i / QUALITY_COUNT)},
            {.point = STATUS, .value = i % 3, .cause = CAUSE_OK},
            {.point = JOURNAL, .value = 1, .cause = CAUSE_TIMEOUT}};

        now.mono_ms += 10000;
        now.utc_ms += 10000;
        for (size_t k = 0; k < ARRAY_LEN(samples); k++) {
            samples[k].quality = (uint8_t)(k == 1 ? QUALITY_GOOD : quality);
            samples[k].utc_ms = now.utc_ms;
            samples[k].mono_ms = now.mono_ms;
        }
        values_out_take(values, samples, i % 2 == 0 ? ARRAY_LEN(samples) : 1);
        values_out_due(values, now.mono_ms, 10, say_value, NULL);
    }
    values_out_free(values);
}

int
main(int argc, char **argv)
{
    struct journal_open_result opened;
    struct journal_reader *reader;
    struct err err;

    insist(argc == 2, "usage: contract-rows STATE_DIR | --judge");
    if (strcmp(argv[1], "--judge") == 0) {
        contract_judge();
        return 0;
    }
    log_init("contract-rows", LOG_LEVEL_ERROR);
    types[0] = type_of(RULE_IS, 2);
    types[1] = type_of(RULE_HIGH, 3);
    types[1].suppressed_by = "on-battery";
    types[1].suppressed_max_ms = 30000;
    alarms[0] = alarm_of(&types[0], "power/ups-a/on-battery", STATUS);
    alarms[1] = alarm_of(&types[1], "power/ups-a/load-high", LOAD);
    params = (struct alarms_params){
        .state_dir = argv[1],
        .directory = &DIRECTORY,
        .alarms = alarms,
        .alarm_limit = ARRAY_LEN(alarms),
        .users = USERS,
        .user_count = ARRAY_LEN(USERS),
        .config_digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    insist(journal_open(argv[1], "test", now.utc_ms, 0, &journal, &opened, &err) == ERR_OK,
           "the journal");
    contract_names();
    say_alarms();
    fill_journal();
    say_rows(argv[1], &reader);
    say_values();
    contract_state(reader, journal_id(journal), &DIRECTORY, params.config_digest);
    journal_reader_close(reader);
    journal_close(journal);
    return 0;
}
