/*
 * engine_site.h - a small site for the engine's tests, and a sink that remembers.
 *
 * Two devices of four points and their comm.state, one point of the gateway itself (which belongs
 * to no device) and a hole. Times are milliseconds after START on both clocks, until a test moves
 * UTC.
 */
#ifndef WATCHROOM_TESTS_ENGINE_SITE_H
#define WATCHROOM_TESTS_ENGINE_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "alerts/engine.h"
#include "gateway/base/timers.h"

#define START INT64_C(50000000)
#define UTC_AHEAD INT64_C(1700000000000)
/* From here on points can be stale. */
#define AWAKE ENGINE_START_GRACE_MS

enum {
    A_VOLTAGE,
    A_LOAD,
    A_STATUS,
    A_TEMP,
    A_COMM,
    B_VOLTAGE,
    B_LOAD,
    B_STATUS,
    B_TEMP,
    B_COMM,
    GATEWAY_STATE,
    HOLE,
    POINT_LIMIT
};
enum { DEVICE_A, DEVICE_B, DEVICE_HOLE, DEVICE_LIMIT };

#define ALARMS_MAX 16
#define TOLD_MAX 4096

struct told {
    uint32_t alarm, outputs;
    struct stamp at;
    struct alarm_state state;
};

struct site {
    struct point_ref points[POINT_LIMIT];
    struct device_info devices[DEVICE_LIMIT];
    struct directory directory;
    struct alarm_type types[ALARMS_MAX];
    struct alarm_def alarms[ALARMS_MAX];
    struct alarm_input inputs[4];
    struct engine_chatter chatter;
    int64_t first_out_ms, fold_hold_ms;
    struct engine *engine;
    int64_t utc_ahead;
    struct told told[TOLD_MAX];
    size_t told_count, told_read;
    uint64_t told_ever;
};

static const struct point_def SITE_NUMBER = {.id = "x", .unit = "V", .kind = VALUE_NUMBER};
static const uint32_t SITE_POINTS_A[] = {A_VOLTAGE, A_LOAD, A_STATUS, A_TEMP, A_COMM};
static const uint32_t SITE_POINTS_B[] = {B_VOLTAGE, B_LOAD, B_STATUS, B_TEMP, B_COMM};

static inline struct stamp
at_ms(const struct site *site, int64_t ms)
{
    return (struct stamp){site->utc_ahead + START + ms, START + ms};
}

static inline void
remember(void *ctx, const struct transition *transition)
{
    struct site *site = ctx;

    site->told_ever++;
    if (site->told_count == TOLD_MAX)
        return;
    site->told[site->told_count++] =
        (struct told){transition->alarm, transition->outputs, transition->at, *transition->state};
}

static inline void
site_init(struct site *site)
{
    memset(site, 0, sizeof *site);
    site->utc_ahead = UTC_AHEAD;
    for (uint32_t i = 0; i < POINT_LIMIT; i++)
        site->points[i] = (struct point_ref){&SITE_NUMBER, i <= A_COMM ? DEVICE_A : DEVICE_B};
    site->points[GATEWAY_STATE].device = UINT32_MAX;
    site->points[HOLE].def = NULL;
    site->devices[DEVICE_A] = (struct device_info){.id = "ups-a",
                                                   .point_count = ARRAY_LEN(SITE_POINTS_A),
                                                   .points = SITE_POINTS_A,
                                                   .comm_point = A_COMM};
    site->devices[DEVICE_B] = (struct device_info){.id = "env-b",
                                                   .point_count = ARRAY_LEN(SITE_POINTS_B),
                                                   .points = SITE_POINTS_B,
                                                   .comm_point = B_COMM};
    site->directory = (struct directory){.site = "test",
                                         .device_limit = DEVICE_LIMIT,
                                         .devices = site->devices,
                                         .point_limit = POINT_LIMIT,
                                         .points = site->points};
    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        site->types[i] = (struct alarm_type){
            .name = "x", .priority = 2, .ack_required = true, .shelvable = true};
}

/* Alarm `number` of its own type: high over 100, nothing delayed, never stale. The test may change
 * the type before site_start. */
static inline struct alarm_type *
site_alarm(struct site *site, uint32_t number, uint32_t point, int64_t stale_after_ms)
{
    struct alarm_type *type = &site->types[number];

    *type = (struct alarm_type){.name = "x",
                                .priority = 2,
                                .rule = RULE_HIGH,
                                .limit = 100,
                                .ack_required = true,
                                .shelvable = true};
    site->alarms[number] =
        (struct alarm_def){.type = type,
                           .id = "power/x/x",
                           .device = point < POINT_LIMIT ? site->points[point].device : DEVICE_A,
                           .point = point,
                           .stale_after_ms = stale_after_ms};
    return type;
}

static inline struct engine *
site_engine(struct site *site, int64_t ms)
{
    struct engine_params params = {.alarms = site->alarms,
                                   .alarm_limit = ALARMS_MAX,
                                   .directory = &site->directory,
                                   .sink = remember,
                                   .ctx = site,
                                   .chatter = site->chatter,
                                   .first_out_ms = site->first_out_ms,
                                   .fold_hold_ms = site->fold_hold_ms};
    struct engine *engine = engine_new(&params, at_ms(site, ms));

    assert_non_null(engine);
    return engine;
}

static inline void
site_start(struct site *site)
{
    site->engine = site_engine(site, 0);
}

static inline void
site_done(struct site *site)
{
    engine_free(site->engine);
    site->engine = NULL;
}

static inline struct sample
reading_of(const struct site *site, uint32_t point, double value, int64_t ms)
{
    return (struct sample){.point = point,
                           .value = value,
                           .utc_ms = at_ms(site, ms).utc_ms,
                           .mono_ms = at_ms(site, ms).mono_ms,
                           .prev_good_mono_ms = at_ms(site, ms - 1000).mono_ms};
}

static inline void
feed(struct site *site, uint32_t point, double value, int64_t ms)
{
    struct sample sample = reading_of(site, point, value, ms);

    engine_sample(site->engine, &sample);
}

static inline void
feed_bad(struct site *site, uint32_t point, enum cause cause, int64_t ms)
{
    struct sample sample = reading_of(site, point, 0, ms);

    sample.quality = QUALITY_BAD;
    sample.cause = (uint8_t)cause;
    engine_sample(site->engine, &sample);
}

static inline void
tick(struct site *site, int64_t ms)
{
    engine_tick(site->engine, at_ms(site, ms));
}

/* Reads a point each second in (from, to], with the ticks between. */
static inline void
feed_until(struct site *site, uint32_t point, double value, int64_t from_ms, int64_t to_ms)
{
    for (int64_t ms = from_ms + 1000; ms <= to_ms; ms += 1000) {
        feed(site, point, value, ms);
        tick(site, ms);
    }
}

static inline enum alarm_reply
command(struct site *site, uint32_t alarm, enum alarm_event event, int64_t ms)
{
    return engine_event(site->engine, alarm, event, 0, 0, at_ms(site, ms));
}

static inline const struct alarm_state *
state_of(const struct site *site, uint32_t alarm)
{
    return engine_state(site->engine, alarm);
}

/* The next thing told is this, of that time. Returns it. */
#define expect(site, number, wanted, ms)                                                           \
    expect_at(site, number, (uint32_t)(wanted), ms, __FILE__, __LINE__)
static inline const struct told *
expect_at(struct site *site, uint32_t alarm, uint32_t outputs, int64_t ms, const char *file,
          int line)
{
    if (site->told_read == site->told_count)
        _fail(file, line);
    const struct told *told = &site->told[site->told_read++];

    _assert_int_equal(told->alarm, alarm, file, line);
    _assert_int_equal(told->outputs, outputs, file, line);
    _assert_int_equal((uintmax_t)(told->at.mono_ms - START), (uintmax_t)ms, file, line);
    _assert_int_equal((uintmax_t)(told->at.utc_ms - site->utc_ahead - START), (uintmax_t)ms, file,
                      line);
    return told;
}

#define expect_silence(site) assert_int_equal((site)->told_read, (site)->told_count)

static inline void
forget_told(struct site *site)
{
    site->told_read = site->told_count = 0;
}

/* What was told of an alarm and not yet expected, all of it; it is read then. */
static inline uint32_t
told_outputs(struct site *site, uint32_t alarm)
{
    uint32_t outputs = 0;

    for (; site->told_read < site->told_count; site->told_read++)
        if (site->told[site->told_read].alarm == alarm)
            outputs |= site->told[site->told_read].outputs;
    return outputs;
}

static inline uint32_t
next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* One alarm of each kind and delay, several on a point, stale times, holes between. */
static inline void
site_add_mixed_alarms(struct site *site, int64_t stale_after_ms)
{
    static const double odd[] = {1, 3};
    struct alarm_type *type;

    site_alarm(site, 0, A_VOLTAGE, stale_after_ms)->deadband = 20;
    type = site_alarm(site, 1, A_VOLTAGE, stale_after_ms);
    type->rule = RULE_LOW;
    type->limit = 50;
    type->on_delay_ms = 2000;
    type->off_delay_ms = 3000;
    type = site_alarm(site, 2, A_LOAD, stale_after_ms);
    type->on_delay_ms = 1500;
    type->realarm_ms = 20000;
    type->priority = 1;
    type = site_alarm(site, 3, A_STATUS, stale_after_ms);
    type->rule = RULE_IS;
    type->values = odd;
    type->value_count = ARRAY_LEN(odd);
    type->latch = true;
    type->priority = 1;
    type->managed = true;
    type = site_alarm(site, 4, A_STATUS, stale_after_ms);
    type->rule = RULE_NOT;
    type->values = odd;
    type->value_count = ARRAY_LEN(odd);
    type->ack_required = false;
    type->priority = 4;
    type = site_alarm(site, 6, B_LOAD, stale_after_ms);
    type->latch = true;
    type->on_delay_ms = 1000;
    type->off_delay_ms = 1000;
    type->priority = 3;
    site_alarm(site, 7, B_TEMP, stale_after_ms == 0 ? 0 : stale_after_ms * 3)->off_delay_ms = 4000;
    site_alarm(site, 8, UINT32_MAX, 0)->rule = RULE_STALE;
    type = site_alarm(site, 9, UINT32_MAX, 0);
    type->rule = RULE_STALE;
    type->on_delay_ms = 2500;
    site->alarms[9].device = DEVICE_B;
    site_alarm(site, 12, GATEWAY_STATE, 0)->priority = 1;
    type = site_alarm(site, 13, B_COMM, 0);
    type->rule = RULE_LOW;
    type->limit = 0.5;
}

/* One alarm of each wide kind, in the holes that site_add_mixed_alarms leaves. */
static inline void
site_add_wide_alarms(struct site *site, int64_t stale_after_ms)
{
    static const struct expression_step steps[] = {
        /* (load > 100 for 3s) and not (temp > 100) */
        {EXPRESSION_INPUT, 0},   {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
        {EXPRESSION_FOR, 0},     {EXPRESSION_INPUT, 1},    {EXPRESSION_CONSTANT, 0},
        {EXPRESSION_GREATER, 0}, {EXPRESSION_NOT, 0},      {EXPRESSION_AND, 0}};
    static const double hundred = 100, three = 3;
    static const int64_t clock_ms = 3000;
    static const struct expression expression = {.steps = steps,
                                                 .constants = &hundred,
                                                 .clocks_ms = &clock_ms,
                                                 .step_count = ARRAY_LEN(steps),
                                                 .constant_count = 1,
                                                 .input_count = 2,
                                                 .clock_count = 1,
                                                 .text = "load > 100 for 3s and not temp > 100"};
    struct alarm_input *inputs = site->inputs;
    struct alarm_type *type;

    inputs[0] = (struct alarm_input){A_LOAD, stale_after_ms};
    inputs[1] = (struct alarm_input){A_TEMP, stale_after_ms};
    inputs[2] = (struct alarm_input){B_VOLTAGE, stale_after_ms};
    inputs[3] = (struct alarm_input){A_VOLTAGE, stale_after_ms};
    type = site_alarm(site, 5, A_LOAD, stale_after_ms);
    type->rule = RULE_WHEN;
    type->expression = &expression;
    site->alarms[5].inputs = inputs;
    site->alarms[5].input_count = 2;
    type = site_alarm(site, 10, B_TEMP, stale_after_ms);
    type->rule = RULE_CHANGE;
    type->limit = 80;
    type->deadband = 20;
    type->window_ms = 5000;
    type = site_alarm(site, 11, A_STATUS, stale_after_ms);
    type->rule = RULE_COUNT;
    type->inner = RULE_IS;
    type->values = &three;
    type->value_count = 1;
    type->at_least = 3;
    type->window_ms = 10000;
    type->off_delay_ms = 700;
    type = site_alarm(site, 14, B_VOLTAGE, stale_after_ms);
    type->rule = RULE_DIFFERENCE;
    type->inner = RULE_HIGH;
    type->is_absolute = true;
    type->deadband = 10;
    type->on_delay_ms = 300;
    site->alarms[14].inputs = inputs + 2;
    site->alarms[14].input_count = 2;
    type = site_alarm(site, 15, B_LOAD, 0);
    type->rule = RULE_SILENT;
    type->window_ms = 4000;
}

/* Suppresses an alarm under another one. */
static inline void
site_fold(struct site *site, uint32_t alarm, uint32_t root, int64_t max_ms)
{
    site->types[alarm].suppressed_by = "x";
    site->types[alarm].suppressed_max_ms = max_ms;
    site->alarms[alarm].root = root;
}

/* Some of the above under others, one of them twice over. */
static inline void
site_add_folds(struct site *site)
{
    site->fold_hold_ms = 3000;
    site_fold(site, 2, 0, 20000);
    site_fold(site, 6, 0, 9000);
    site_fold(site, 7, 2, 15000);
    site_fold(site, 1, 12, 30000);
}

/* A person does something, mostly sensible. */
static inline void
random_command(struct site *site, uint32_t *seed, int64_t ms)
{
    uint32_t alarm = next_random(seed) % ALARMS_MAX;
    enum alarm_event event = (enum alarm_event)(next_random(seed) % EVENT_COUNT);
    const struct alarm_state *state = engine_state(site->engine, alarm);
    uint32_t occ = state != NULL && next_random(seed) % 4 != 0 ? state->occ : next_random(seed) % 5;

    engine_event(site->engine, alarm, event, occ,
                 at_ms(site, ms + next_random(seed) % 20000).utc_ms, at_ms(site, ms));
}

/* A reading of any point, now and then bad, repeated or late. */
static inline void
random_reading(struct site *site, uint32_t *seed, int64_t ms)
{
    uint32_t point = next_random(seed) % (POINT_LIMIT + 1), kind = next_random(seed) % 40;
    bool is_small = point == A_STATUS || point == A_COMM || point == B_COMM;
    struct sample sample = reading_of(site, point, next_random(seed) % (is_small ? 4 : 150), ms);

    if (kind == 0) {
        sample.mono_ms -= 5000;
        sample.utc_ms -= 5000;
    }
    if (kind < 4) {
        sample.quality = QUALITY_BAD;
        sample.cause = (uint8_t)(next_random(seed) % CAUSE_COUNT);
    }
    engine_sample(site->engine, &sample);
}

#endif
