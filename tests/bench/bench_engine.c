/*
 * bench_engine.c - what judging costs: samples a second and bytes an alarm, on one core.
 *
 * 5,000 devices of 20 points, a reading of each point every second, ticks every 250 ms. Values move
 * inside their limits, as those of a healthy site do; one reading in 10,000 crosses a limit.
 * Printed, not asserted.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alerts/engine.h"

#define DEVICES 5000u
#define POINTS_EACH 20u
#define POINTS (DEVICES * POINTS_EACH)
#define ROUNDS 40
#define RULES_MAX 3u

static uint64_t transitions;

static void
count_transition(void *ctx, const struct transition *transition)
{
    (void)ctx;
    (void)transition;
    transitions++;
}

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t
heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static const struct point_def POINT = {.id = "input.voltage", .unit = "V", .kind = VALUE_NUMBER};

static const struct alarm_type TYPES[RULES_MAX] = {
    {.name = "high",
     .priority = 2,
     .rule = RULE_HIGH,
     .limit = 250,
     .deadband = 2,
     .on_delay_ms = 2000,
     .off_delay_ms = 5000,
     .ack_required = true,
     .shelvable = true},
    {.name = "low",
     .priority = 2,
     .rule = RULE_LOW,
     .limit = 210,
     .deadband = 2,
     .on_delay_ms = 2000,
     .ack_required = true,
     .shelvable = true},
    {.name = "very-low",
     .priority = 1,
     .rule = RULE_LOW,
     .limit = 180,
     .deadband = 2,
     .ack_required = true,
     .latch = true},
};

/* One rule of each kind that looks at more than the last value. input 0 > 250 and input 1 > 250 */
static const struct expression_step STEPS[] = {{EXPRESSION_INPUT, 0},    {EXPRESSION_CONSTANT, 0},
                                               {EXPRESSION_GREATER, 0},  {EXPRESSION_INPUT, 1},
                                               {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
                                               {EXPRESSION_AND, 0}};
static const double LIMIT = 250;
static const struct expression EXPRESSION = {.steps = STEPS,
                                             .constants = &LIMIT,
                                             .step_count = ARRAY_LEN(STEPS),
                                             .constant_count = 1,
                                             .input_count = 2,
                                             .text = "a > 250 and b > 250"};
static const struct alarm_type WIDE[] = {
    {.name = "rise", .priority = 2, .rule = RULE_RISE, .limit = 100, .window_ms = 300000},
    {.name = "count",
     .priority = 2,
     .rule = RULE_COUNT,
     .inner = RULE_LOW,
     .limit = 180,
     .at_least = 3,
     .window_ms = 60000},
    {.name = "difference",
     .priority = 2,
     .rule = RULE_DIFFERENCE,
     .inner = RULE_HIGH,
     .limit = 100},
    {.name = "when", .priority = 2, .rule = RULE_WHEN, .expression = &EXPRESSION},
    {.name = "silent", .priority = 2, .rule = RULE_SILENT, .window_ms = 60000},
};

struct site {
    struct directory directory;
    struct device_info *devices;
    struct point_ref *points;
    uint32_t *numbers;
    struct alarm_def *alarms;
    struct alarm_input *inputs;
    uint32_t *order; /* devices, as their answers come */
};

static void
site_make(struct site *site, const struct alarm_type *types, unsigned rules, bool is_shuffled)
{
    uint32_t seed = 1;

    site->devices = calloc(DEVICES, sizeof *site->devices);
    site->points = calloc(POINTS, sizeof *site->points);
    site->numbers = calloc(POINTS, sizeof *site->numbers);
    site->alarms = calloc((size_t)POINTS * rules, sizeof *site->alarms);
    site->inputs = calloc(2 * POINTS, sizeof *site->inputs);
    site->order = calloc(DEVICES, sizeof *site->order);
    if (site->devices == NULL || site->points == NULL || site->numbers == NULL ||
        site->alarms == NULL || site->inputs == NULL || site->order == NULL)
        exit(1);
    for (uint32_t i = 0; i < POINTS; i++) {
        site->numbers[i] = i;
        site->points[i] = (struct point_ref){&POINT, i / POINTS_EACH};
    }
    for (uint32_t i = 0; i < POINTS * rules; i++) {
        const struct alarm_type *type = &types[i % rules];
        bool is_of_two = type->rule == RULE_DIFFERENCE || type->rule == RULE_WHEN;
        uint32_t point = i / rules;

        site->inputs[2 * point] = (struct alarm_input){point, 3000};
        site->inputs[2 * point + 1] = (struct alarm_input){point ^ 1, 3000};
        site->alarms[i] = (struct alarm_def){.type = type,
                                             .id = "power/ups/voltage",
                                             .device = point / POINTS_EACH,
                                             .point = point,
                                             .stale_after_ms = 3000,
                                             .inputs = is_of_two ? &site->inputs[2 * point] : NULL,
                                             .input_count = is_of_two ? 2 : 0};
    }
    for (uint32_t i = 0; i < DEVICES; i++) {
        site->devices[i] = (struct device_info){.id = "ups",
                                                .point_count = POINTS_EACH,
                                                .points = &site->numbers[i * POINTS_EACH],
                                                .comm_point = UINT32_MAX};
        site->order[i] = i;
    }
    for (uint32_t i = DEVICES - 1; is_shuffled && i > 0; i--) {
        uint32_t other = next_random(&seed) % (i + 1), kept = site->order[i];

        site->order[i] = site->order[other];
        site->order[other] = kept;
    }
    site->directory = (struct directory){.site = "bench",
                                         .device_limit = DEVICES,
                                         .devices = site->devices,
                                         .point_limit = POINTS,
                                         .points = site->points};
}

static void
site_drop(struct site *site)
{
    free(site->devices);
    free(site->points);
    free(site->numbers);
    free(site->alarms);
    free(site->inputs);
    free(site->order);
}

/* One second of the site: each device answers once, a quarter of them before each tick. */
static void
run_second(struct engine *engine, const struct site *site, int64_t start_ms, uint32_t *seed)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        int64_t mono_ms = start_ms + i / (DEVICES / 1000);

        for (uint32_t p = 0; p < POINTS_EACH; p++) {
            uint32_t random = next_random(seed);
            double value = random % 10000 == 0 ? 170 : 215 + (random >> 16) % 30;
            struct sample sample = {.point = site->order[i] * POINTS_EACH + p,
                                    .value = value,
                                    .utc_ms = mono_ms + 1700000000000,
                                    .mono_ms = mono_ms,
                                    .prev_good_mono_ms = mono_ms - 1000};
            engine_sample(engine, &sample);
        }
        if (i % (DEVICES / 4) == DEVICES / 4 - 1)
            engine_tick(engine, (struct stamp){mono_ms + 1700000000000, mono_ms});
    }
}

static void
measure(const struct alarm_type *types, unsigned rules, const char *what, bool is_shuffled)
{
    struct site site;
    uint32_t seed = 7;
    int64_t now_ms = 1000000;

    site_make(&site, types, rules, is_shuffled);

    size_t before = heap_bytes();
    struct engine_params params = {.alarms = site.alarms,
                                   .alarm_limit = POINTS * rules,
                                   .directory = &site.directory,
                                   .sink = count_transition};
    struct engine *engine = engine_new(&params, (struct stamp){1700000000000 + now_ms, now_ms});
    if (engine == NULL)
        exit(1);
    size_t bytes = heap_bytes() - before;

    for (int i = 0; i < 15; i++, now_ms += 1000) /* beyond the grace of the start */
        run_second(engine, &site, now_ms, &seed);
    transitions = 0;

    double start = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++, now_ms += 1000)
        run_second(engine, &site, now_ms, &seed);
    double spent = cpu_seconds() - start, samples = (double)POINTS * ROUNDS;

    printf("%6u points  %u %-10s  %-9s %11.0f samples/s  %5.0f ns/sample  %4zu bytes/alarm"
           "  %llu transitions\n",
           POINTS, rules, what, is_shuffled ? "shuffled" : "in order", samples / spent,
           spent / samples * 1e9, bytes / (POINTS * rules), (unsigned long long)transitions);
    engine_free(engine);
    site_drop(&site);
}

int
main(void)
{
    for (unsigned rules = 1; rules <= RULES_MAX; rules += 2) {
        measure(TYPES, rules, "rules", false);
        measure(TYPES, rules, "rules", true);
    }
    for (size_t i = 0; i < ARRAY_LEN(WIDE); i++)
        measure(&WIDE[i], 1, WIDE[i].name, true);
    return 0;
}
