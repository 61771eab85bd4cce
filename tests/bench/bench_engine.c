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

struct site {
    struct directory directory;
    struct device_info *devices;
    struct point_ref *points;
    uint32_t *numbers;
    struct alarm_def *alarms;
    uint32_t *order; /* devices, as their answers come */
};

static void
site_make(struct site *site, unsigned rules, bool is_shuffled)
{
    uint32_t seed = 1;

    site->devices = calloc(DEVICES, sizeof *site->devices);
    site->points = calloc(POINTS, sizeof *site->points);
    site->numbers = calloc(POINTS, sizeof *site->numbers);
    site->alarms = calloc((size_t)POINTS * rules, sizeof *site->alarms);
    site->order = calloc(DEVICES, sizeof *site->order);
    if (site->devices == NULL || site->points == NULL || site->numbers == NULL ||
        site->alarms == NULL || site->order == NULL)
        exit(1);
    for (uint32_t i = 0; i < POINTS; i++) {
        site->numbers[i] = i;
        site->points[i] = (struct point_ref){&POINT, i / POINTS_EACH};
    }
    for (uint32_t i = 0; i < POINTS * rules; i++)
        site->alarms[i] = (struct alarm_def){.type = &TYPES[i % rules],
                                             .id = "power/ups/voltage",
                                             .device = i / rules / POINTS_EACH,
                                             .point = i / rules,
                                             .stale_after_ms = 3000};
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
measure(unsigned rules, bool is_shuffled)
{
    struct site site;
    uint32_t seed = 7;
    int64_t now_ms = 1000000;

    site_make(&site, rules, is_shuffled);

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

    printf("%6u points  %u rules  %-9s %11.0f samples/s  %5.0f ns/sample  %4zu bytes/alarm"
           "  %llu transitions\n",
           POINTS, rules, is_shuffled ? "shuffled" : "in order", samples / spent,
           spent / samples * 1e9, bytes / (POINTS * rules), (unsigned long long)transitions);
    engine_free(engine);
    site_drop(&site);
}

int
main(void)
{
    for (unsigned rules = 1; rules <= RULES_MAX; rules += 2) {
        measure(rules, false);
        measure(rules, true);
    }
    return 0;
}
