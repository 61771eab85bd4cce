/*
 * engine_step.c - drives the life cycle of one alarm by lines, as its reference model is driven.
 *
 *     engine-step FLAGS [DIR]    FLAGS: comma-separated of latch, on_delay, off_delay,
 * ack_required, shelvable; '-' for none
 *
 * One event a line in, one JSON object a line out, to the letter as the model prints it: the
 * regions, the ISA letter, the outputs in their order and the reply.
 *
 * With DIR the alarm lives in an engine whose journal is there, and the line "restart", which
 * prints nothing, ends both: what comes after it comes from a new engine made from the journal.
 * Time stands still, so that a timer is an event there, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_step.h"
#include "alerts/engine_core.h"
#include "alerts/journal.h"

#define ALARM_ID "power/bench/alarm"
#define HOUR_MS INT64_C(3600000)

static const struct stamp NOW = {INT64_C(1700000000000), INT64_C(1000000)};
static const double ONE[] = {1};

/* The alarm, alone or in an engine. */
struct bench {
    struct alarm_traits traits;
    struct alarm_regions regions;
    const char *dir; /* NULL: no engine */
    struct engine *engine;
    struct journal *journal;
    struct alarm_type type;
    struct alarm_def def;
    struct point_def point;
    struct point_ref ref;
    uint32_t number;
    struct device_info device;
    struct directory directory;
    uint32_t outputs; /* of the step under way */
};

static bool
set_flag(struct alarm_traits *traits, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"latch", &traits->latch},         {"on_delay", &traits->on_delay},
        {"off_delay", &traits->off_delay}, {"ack_required", &traits->ack_required},
        {"shelvable", &traits->shelvable},
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(flags[i].name, name) == 0)
            return *flags[i].flag = true;
    return false;
}

static bool
set_flags(struct alarm_traits *traits, char *names)
{
    char *rest = names;

    if (strcmp(names, "-") == 0)
        return true;
    for (char *name; (name = strsep(&rest, ",")) != NULL;)
        if (!set_flag(traits, name)) {
            fprintf(stderr, "engine-step: no such flag: '%s'\n", name);
            return false;
        }
    return true;
}

static void
print_flag(const char *name, bool value)
{
    printf(", \"%s\": %s", name, value ? "true" : "false");
}

static void
print_step(const struct alarm_regions *r, uint32_t outputs, enum alarm_reply reply)
{
    const char *separator = "";

    printf("{\"cond\": \"%s\", \"ack\": \"%s\"", alarm_cond_name((enum alarm_cond)r->cond),
           alarm_ack_name((enum alarm_ack)r->ack));
    print_flag("inp", r->inp);
    print_flag("shelved", r->shelved);
    print_flag("design", r->design);
    print_flag("oos", r->oos);
    print_flag("test", r->test);
    print_flag("good", r->good);
    print_flag("annunciated", r->annunciated);
    printf(", \"isa\": \"%c\", \"out\": [", alarm_isa_letter(r));
    for (unsigned i = 0; i < OUTPUT_COUNT; i++)
        if ((outputs & (1u << i)) != 0) {
            printf("%s\"%s\"", separator, alarm_output_name((enum alarm_output)i));
            separator = ", ";
        }
    printf("], \"reply\": \"%s\"}\n", alarm_reply_name(reply));
}

/* the engine and its journal */

static void
note_outputs(void *ctx, const struct transition *transition)
{
    struct bench *bench = ctx;

    bench->outputs |= transition->outputs;
}

static void
define(struct bench *bench)
{
    bench->type = (struct alarm_type){.type = "power.bench",
                                      .name = "alarm",
                                      .priority = 2,
                                      .rule = RULE_IS,
                                      .values = ONE,
                                      .value_count = 1,
                                      .latch = bench->traits.latch,
                                      .ack_required = bench->traits.ack_required,
                                      .shelvable = bench->traits.shelvable,
                                      .on_delay_ms = bench->traits.on_delay ? 1000 : 0,
                                      .off_delay_ms = bench->traits.off_delay ? 1000 : 0,
                                      .realarm_ms = HOUR_MS};
    bench->def = (struct alarm_def){.type = &bench->type, .id = ALARM_ID, .stale_after_ms = 3000};
    bench->point = (struct point_def){.id = "alarm", .unit = "", .kind = VALUE_FLAG};
    bench->ref = (struct point_ref){&bench->point, 0};
    bench->device = (struct device_info){
        .id = "bench", .point_count = 1, .points = &bench->number, .comm_point = UINT32_MAX};
    bench->directory = (struct directory){.site = "bench",
                                          .device_limit = 1,
                                          .devices = &bench->device,
                                          .point_limit = 1,
                                          .points = &bench->ref};
}

static void
restore(void *ctx, const char *alarm_id, const void *record, size_t bytes, bool is_told)
{
    struct bench *bench = ctx;

    (void)is_told;
    if (strcmp(alarm_id, ALARM_ID) == 0 && !engine_restore(bench->engine, 0, record, bytes, NOW)) {
        fprintf(stderr, "engine-step: the record is not one of the engine's\n");
        exit(1);
    }
}

static void
open_bench(struct bench *bench)
{
    struct engine_params params = {.alarms = &bench->def,
                                   .alarm_limit = 1,
                                   .directory = &bench->directory,
                                   .sink = note_outputs,
                                   .ctx = bench};
    struct journal_open_result opened;
    struct err err = {0};

    bench->engine = engine_new(&params, NOW);
    bench->outputs = 0;
    if (bench->engine == NULL ||
        journal_open(bench->dir, "bench", NOW.utc_ms, 0, &bench->journal, &opened, &err) !=
            ERR_OK ||
        journal_each_alarm(bench->journal, restore, bench, &err) != ERR_OK) {
        fprintf(stderr, "engine-step: %s\n", err.text);
        exit(1);
    }
    if (bench->outputs != 0) {
        fprintf(stderr, "engine-step: the restart itself told something\n");
        exit(1);
    }
}

static void
close_bench(struct bench *bench)
{
    journal_close(bench->journal);
    engine_free(bench->engine);
    bench->journal = NULL;
    bench->engine = NULL;
}

static void
restart(struct bench *bench)
{
    uint8_t record[ENGINE_RECORD_MAX];
    size_t bytes = engine_save(bench->engine, 0, record);
    struct err err = {0};

    journal_add(bench->journal, "alarm", NOW.utc_ms,
                json_pack("{s:{s:s}, s:[]}", "alarm", "id", ALARM_ID, "change"), ALARM_ID, 0, 2);
    journal_put_alarm(bench->journal, ALARM_ID, NULL, record, bytes);
    if (journal_commit(bench->journal, NOW.utc_ms, &err) != ERR_OK) {
        fprintf(stderr, "engine-step: %s\n", err.text);
        exit(1);
    }
    close_bench(bench);
    open_bench(bench);
}

/* Events of people come by the engine's door, those of the input and of time behind it. */
static enum alarm_reply
step_engine(struct bench *bench, enum alarm_event event)
{
    struct occasion occasion = {.at = NOW, .reading_utc_ms = NOW.utc_ms};

    bench->outputs = 0;
    if (event == EVENT_SHELVE)
        return engine_event(bench->engine, 0, event, 0, NOW.utc_ms + HOUR_MS, NOW);
    return engine_apply(bench->engine, 0, event, &occasion);
}

/* False: no such event. */
static bool
take_line(struct bench *bench, const char *line)
{
    enum alarm_event event;
    enum alarm_reply reply;

    if (bench->engine != NULL && strcmp(line, "restart") == 0) {
        restart(bench);
        return true;
    }
    if (!alarm_event_of(line, &event)) {
        fprintf(stderr, "engine-step: no such event: '%s'\n", line);
        return false;
    }
    if (bench->engine != NULL) {
        reply = step_engine(bench, event);
        print_step(&engine_state(bench->engine, 0)->regions, bench->outputs, reply);
    } else {
        uint32_t outputs = alarm_step(&bench->regions, &bench->traits, event, &reply);

        print_step(&bench->regions, outputs, reply);
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct bench bench = {.dir = argc == 3 ? argv[2] : NULL};
    char line[64];
    bool good = true;

    if (argc < 2 || argc > 3 || !set_flags(&bench.traits, argv[1])) {
        fprintf(stderr, "usage: engine-step FLAGS [DIR]\n");
        return 2;
    }
    alarm_regions_init(&bench.regions);
    define(&bench);
    if (bench.dir != NULL)
        open_bench(&bench);
    while (good && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        good = take_line(&bench, line);
    }
    close_bench(&bench);
    return good ? 0 : 1;
}
