/*
 * fuzz_engine.c - whatever is fed, and whatever record is restored, the engine keeps the invariants
 * of the life cycle and its counts.
 *
 * Input: orders of one byte and what they need. Numbers of a sample are taken as they come.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/engine.h"

#define POINTS 8u
#define ALARMS 16u
#define DEVICES 2u
#define TIME_MAX_MS (INT64_C(1) << 50)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct point_def POINT = {.id = "x", .kind = VALUE_NUMBER};
static const double VALUES[] = {1, 3};
static const uint32_t NUMBERS[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* (first > 7 for 2s) or not (second / first < 2) */
static const struct expression_step STEPS[] = {
    {EXPRESSION_INPUT, 0},  {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_FOR, 0},    {EXPRESSION_INPUT, 1},    {EXPRESSION_INPUT, 0},
    {EXPRESSION_DIVIDE, 0}, {EXPRESSION_CONSTANT, 1}, {EXPRESSION_LESS, 0},
    {EXPRESSION_NOT, 0},    {EXPRESSION_OR, 0}};
static const double CONSTANTS[] = {7, 2};
static const int64_t CLOCKS_MS[] = {2000};
static const struct expression EXPRESSION = {.steps = STEPS,
                                             .constants = CONSTANTS,
                                             .clocks_ms = CLOCKS_MS,
                                             .step_count = ARRAY_LEN(STEPS),
                                             .constant_count = 2,
                                             .input_count = 2,
                                             .clock_count = 1,
                                             .text = "fuzz"};

static const struct alarm_type TYPES[] = {
    {.priority = 1, .rule = RULE_HIGH, .limit = 10, .deadband = 2, .ack_required = true},
    {.priority = 2,
     .rule = RULE_LOW,
     .limit = 5,
     .on_delay_ms = 2000,
     .off_delay_ms = 3000,
     .ack_required = true,
     .shelvable = true,
     .realarm_ms = 600000},
    {.priority = 3,
     .rule = RULE_IS,
     .values = VALUES,
     .value_count = 2,
     .latch = true,
     .ack_required = true},
    {.priority = 4,
     .rule = RULE_NOT,
     .values = VALUES,
     .value_count = 2,
     .on_delay_ms = 500,
     .shelvable = true},
    {.priority = 2,
     .rule = RULE_STALE,
     .on_delay_ms = 1000,
     .ack_required = true,
     .shelvable = true},
    {.priority = 3, .rule = RULE_RISE, .limit = 4, .deadband = 1, .window_ms = 5000},
    {.priority = 3, .rule = RULE_CHANGE, .limit = 4, .window_ms = 77, .ack_required = true},
    {.priority = 2,
     .rule = RULE_COUNT,
     .inner = RULE_IS,
     .values = VALUES,
     .value_count = 2,
     .at_least = 2,
     .window_ms = 5000,
     .on_delay_ms = 10},
    {.priority = 2, .rule = RULE_COUNT, .inner = RULE_CHANGE, .at_least = 3, .window_ms = 9000},
    {.priority = 4,
     .rule = RULE_DIFFERENCE,
     .inner = RULE_HIGH,
     .limit = 3,
     .deadband = 1,
     .is_absolute = true,
     .off_delay_ms = 50},
    {.priority = 1, .rule = RULE_WHEN, .expression = &EXPRESSION, .ack_required = true},
    {.priority = 4, .rule = RULE_SILENT, .window_ms = 4000, .latch = true, .ack_required = true},
};
#define IS_OF_TWO(type) ((type)->rule == RULE_DIFFERENCE || (type)->rule == RULE_WHEN)

struct reader {
    const uint8_t *at;
    size_t left;
};

static void
take(struct reader *reader, void *out, size_t bytes)
{
    size_t given = bytes < reader->left ? bytes : reader->left;

    memset(out, 0, bytes);
    memcpy(out, reader->at, given);
    reader->at += given;
    reader->left -= given;
}

static uint8_t
take_byte(struct reader *reader)
{
    uint8_t byte;

    take(reader, &byte, 1);
    return byte;
}

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static void
check_transition(void *ctx, const struct transition *transition)
{
    const struct alarm_regions *r = &transition->state->regions;

    (void)ctx;
    insist(transition->alarm < ALARMS && transition->outputs != 0);
    insist((transition->outputs & OUT(ANNUNCIATE)) == 0 || !alarm_is_suppressed(r));
    insist(transition->state->occ > 0 || (transition->outputs & OUT(RAISED)) == 0);
}

static void
check_all(const struct engine *engine)
{
    uint32_t live = 0, unacked = 0;

    for (uint32_t i = 0; i < ALARMS; i++) {
        const struct alarm_state *state = engine_state(engine, i);

        if (state == NULL)
            continue;
        const struct alarm_regions *r = &state->regions;
        insist(!alarm_is_live(r) || r->ack != ACK_NONE);
        insist(!alarm_is_live(r) || alarm_is_suppressed(r) || r->annunciated);
        insist(r->inp == (r->cond == COND_PENDING || r->cond == COND_ACTIVE));
        live += alarm_is_live(r);
        unacked += r->ack == ACK_UNACKED;
    }
    insist(engine_counts(engine)->live[0] == live);
    insist(engine_counts(engine)->unacked[0] == unacked);
    insist(engine_counts(engine)->stale_points <= POINTS);
}

static void
one_order(struct engine *engine, struct reader *reader, struct stamp *now)
{
    uint8_t order = take_byte(reader), record[ENGINE_RECORD_MAX];
    struct sample sample = {0};
    uint16_t small;
    int64_t until;

    switch (order % 6) {
    case 0: /* a reading as it comes */
        take(reader, &sample, sizeof sample);
        engine_sample(engine, &sample);
        break;
    case 1: /* a sound one */
        sample = (struct sample){.point = take_byte(reader) % POINTS,
                                 .value = take_byte(reader) % 16,
                                 .utc_ms = now->utc_ms,
                                 .mono_ms = now->mono_ms,
                                 .prev_good_mono_ms = SAMPLE_NEVER};
        engine_sample(engine, &sample);
        break;
    case 2:
        take(reader, &small, sizeof small);
        now->mono_ms += small;
        now->utc_ms += small;
        engine_tick(engine, *now);
        insist(engine_next_due_ms(engine) > now->mono_ms);
        break;
    case 3:
        take(reader, &until, sizeof until);
        engine_event(engine, take_byte(reader) % (ALARMS + 1),
                     (enum alarm_event)(take_byte(reader) % (EVENT_COUNT + 1)),
                     take_byte(reader) % 3, until, *now);
        break;
    case 4: { /* a record made up, of the right length and version */
        uint8_t alarm = take_byte(reader) % ALARMS;
        size_t bytes = engine_save(engine, alarm, record);

        take(reader, record + 1, bytes > 0 ? bytes - 1 : 0);
        engine_restore(engine, alarm, record, bytes, *now);
        break;
    }
    case 5: /* UTC is set */
        take(reader, &until, sizeof until);
        now->utc_ms = until & (TIME_MAX_MS - 1);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    struct reader reader = {input, length};
    struct point_ref points[POINTS];
    struct device_info devices[DEVICES];
    struct alarm_def alarms[ALARMS];
    struct alarm_input inputs[ALARMS][2];
    struct stamp now = {.utc_ms = 1700000000000, .mono_ms = 1000000};

    for (uint32_t i = 0; i < POINTS; i++)
        points[i] = (struct point_ref){i == 5 ? NULL : &POINT, i == 6 ? UINT32_MAX : i / 4};
    for (uint32_t i = 0; i < DEVICES; i++)
        devices[i] = (struct device_info){
            .id = "d", .point_count = 4, .points = &NUMBERS[4 * i], .comm_point = 4 * i + 3};
    for (uint32_t i = 0; i < ALARMS; i++) {
        const struct alarm_type *type = i == 7 ? NULL : &TYPES[i % ARRAY_LEN(TYPES)];
        bool is_of_two = type != NULL && IS_OF_TWO(type);

        inputs[i][0] = (struct alarm_input){i % POINTS, 3000};
        inputs[i][1] = (struct alarm_input){(i + 3) % POINTS, 2000};
        alarms[i] = (struct alarm_def){.type = type,
                                       .id = "x/x/x",
                                       .device = i / 5 % 2,
                                       .point = i % POINTS,
                                       .stale_after_ms = 3000,
                                       .inputs = is_of_two ? inputs[i] : NULL,
                                       .input_count = is_of_two ? 2 : 0};
    }
    struct directory directory = {.site = "fuzz",
                                  .device_limit = DEVICES,
                                  .devices = devices,
                                  .point_limit = POINTS,
                                  .points = points};
    struct engine_params params = {.alarms = alarms,
                                   .alarm_limit = ALARMS,
                                   .directory = &directory,
                                   .sink = check_transition,
                                   .chatter = ENGINE_CHATTER_DEFAULT};
    struct engine *engine = engine_new(&params, now);

    if (engine == NULL)
        return 0;
    while (reader.left > 0) {
        one_order(engine, &reader, &now);
        check_all(engine);
    }
    engine_free(engine);
    return 0;
}
