/*
 * engine_setup.c - the engine's memory, all of it given once; and its alarms to records and back.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_record.h"
#include "alerts/engine_core.h"

/* Fills the places that other arrays point at; nothing is judged yet. */
static void
set_up_points(struct engine *engine)
{
    const struct directory *directory = engine->params.directory;

    for (uint32_t i = 0; i < directory->device_limit; i++)
        engine->devices[i].first_alarm = ENGINE_NOTHING;
    for (uint32_t i = 0; i < directory->point_limit; i++) {
        const struct point_ref *ref = &directory->points[i];

        engine->points[i].quality = QUALITY_BAD;
        engine->points[i].cause = CAUSE_NOT_YET_READ;
        engine->points[i].exists = ref->def != NULL;
        engine->points[i].device =
            ref->device < directory->device_limit ? ref->device : ENGINE_NOTHING;
    }
    for (uint32_t i = 0; i < directory->device_limit; i++) {
        const struct device_info *info = directory_device(directory, i);

        if (info != NULL && info->comm_point < directory->point_limit)
            engine->points[info->comm_point].is_comm = true;
    }
}

static void
set_up_alarm(struct engine *engine, uint32_t number)
{
    const struct alarm_def *def = &engine->params.alarms[number];

    assert(def->type->priority >= 1 && def->type->priority < ARRAY_LEN(engine->counts.live));
    struct rule *rule = &engine->rules[number];
    struct alarm_input only;
    const struct alarm_input *inputs;

    rule_init(rule, def->type, (enum rule_kind)def->type->rule);
    alarm_run_init(&engine->runs[number]);
    engine->next_alarm[number] = ENGINE_NOTHING;
    if (rule_is_wide(rule))
        rule->wide = rule_wide_add(engine->wide, number, def->type,
                                   engine->start.mono_ms + ENGINE_START_GRACE_MS);
    uint16_t count = engine_inputs(engine, number, &only, &inputs);
    for (uint16_t i = 0; i < count && def->type->rule != RULE_SILENT; i++)
        if (inputs[i].point < engine->params.directory->point_limit)
            stale_watch(engine->stale, inputs[i].point, inputs[i].stale_after_ms);
    if (def->type->rule == RULE_STALE && def->device < engine->params.directory->device_limit) {
        engine->next_alarm[number] = engine->devices[def->device].first_alarm;
        engine->devices[def->device].first_alarm = number;
    }
}

/* Alarms of a point side by side: counted, summed, placed. False: out of memory. */
static bool
index_by_point(struct engine *engine)
{
    uint32_t point_limit = engine->params.directory->point_limit, sum = 0;
    struct alarm_input only;
    const struct alarm_input *inputs;

    for (uint32_t i = 0; i < engine->params.alarm_limit; i++)
        for (uint16_t k = engine_inputs(engine, i, &only, &inputs); k-- > 0;)
            if (inputs[k].point < point_limit)
                engine->points[inputs[k].point].first_alarm++;
    for (uint32_t i = 0; i <= point_limit; i++) {
        sum += engine->points[i].first_alarm;
        engine->points[i].first_alarm = sum; /* the end of its alarms, for now */
    }
    engine->by_point = calloc(sum + 1u, sizeof *engine->by_point);
    if (engine->by_point == NULL)
        return false;
    for (uint32_t i = engine->params.alarm_limit; i-- > 0;)
        for (uint16_t k = engine_inputs(engine, i, &only, &inputs); k-- > 0;)
            if (inputs[k].point < point_limit)
                engine->by_point[--engine->points[inputs[k].point].first_alarm] = i;
    return true;
}

static void
count_unknown(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->params.directory->point_limit; i++)
        if (stale_is_watched(engine->stale, i) && engine->points[i].device != ENGINE_NOTHING)
            engine->devices[engine->points[i].device].unknown_points++;
}

static bool
get_memory(struct engine *engine, struct stamp now)
{
    const struct directory *directory = engine->params.directory;
    size_t alarms = engine->params.alarm_limit == 0 ? 1 : engine->params.alarm_limit;
    size_t devices = directory->device_limit == 0 ? 1 : directory->device_limit;

    engine->points = calloc((size_t)directory->point_limit + 1, sizeof *engine->points);
    engine->rules = calloc(alarms, sizeof *engine->rules);
    engine->runs = calloc(alarms, sizeof *engine->runs);
    engine->next_alarm = calloc(alarms, sizeof *engine->next_alarm);
    engine->devices = calloc(devices, sizeof *engine->devices);
    engine->wide = rule_wide_new(engine->params.alarms, engine->params.alarm_limit);
    engine->timers = timers_new(engine->params.alarm_limit);
    engine->stale = stale_new(directory->point_limit, now.mono_ms, ENGINE_START_GRACE_MS);
    return engine->points != NULL && engine->wide != NULL && engine->rules != NULL &&
           engine->runs != NULL && engine->next_alarm != NULL && engine->devices != NULL &&
           engine->timers != NULL && engine->stale != NULL;
}

struct engine *
engine_new(const struct engine_params *params, struct stamp now)
{
    const struct engine_chatter *chatter = &params->chatter;
    struct engine *engine = calloc(1, sizeof *engine);

    assert(chatter->raises == 0 || (chatter->raises >= 2 && chatter->raises <= ENGINE_CHATTER_MAX &&
                                    chatter->within_ms > 0 && chatter->quiet_ms > 0));
    if (engine == NULL)
        return NULL;
    engine->params = *params;
    engine->start = now;
    first_out_init(&engine->first_out, params->first_out_ms);
    if (!get_memory(engine, now)) {
        engine_free(engine);
        return NULL;
    }
    set_up_points(engine);
    for (uint32_t i = 0; i < params->alarm_limit; i++)
        if (params->alarms[i].type != NULL)
            set_up_alarm(engine, i);
    if (!index_by_point(engine) || !fold_init(engine)) {
        engine_free(engine);
        return NULL;
    }
    stale_start(engine->stale);
    count_unknown(engine);
    return engine;
}

void
engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->points);
    free(engine->by_point);
    rule_wide_free(engine->wide);
    free(engine->rules);
    free(engine->runs);
    free(engine->next_alarm);
    free(engine->devices);
    fold_done(engine);
    timers_free(engine->timers);
    stale_free(engine->stale);
    free(engine);
}

size_t
engine_save(const struct engine *engine, uint32_t alarm, uint8_t out[ENGINE_RECORD_MAX])
{
    if (engine_def(engine, alarm) == NULL)
        return 0;
    engine_refresh(engine, alarm);
    size_t bytes = alarm_record_write(&engine->runs[alarm], out);
    static_assert(ALARM_RECORD_BYTES + FOLD_RECORD_BYTES <= ENGINE_RECORD_MAX, "a record is full");
    return bytes + fold_save(engine, alarm, out + bytes);
}

static bool
is_any_watched(const struct engine *engine, uint32_t number)
{
    struct alarm_input only;
    const struct alarm_input *inputs;

    for (uint16_t i = engine_inputs(engine, number, &only, &inputs); i-- > 0;)
        if (inputs[i].point < engine->params.directory->point_limit &&
            stale_is_watched(engine->stale, inputs[i].point))
            return true;
    return false;
}

/* Told as bad before the restart: its point is stale until a good reading, which will be told. A
 * point that cannot go stale any more is good now. */
static void
restore_bad_quality(struct engine *engine, uint32_t number, const struct occasion *occasion)
{
    const struct point_state *point = engine_point(engine, number);
    uint32_t point_number = engine->params.alarms[number].point;

    if (rule_is_wide(&engine->rules[number])) { /* bad until its points say enough */
        if (!is_any_watched(engine, number))
            engine_apply(engine, number, EVENT_QUALITY_GOOD, occasion);
        return;
    }
    if (point == NULL || !stale_is_watched(engine->stale, point_number)) {
        engine_apply(engine, number, EVENT_QUALITY_GOOD, occasion);
        return;
    }
    if (stale_is(engine->stale, point_number))
        return;
    stale_restore(engine->stale, point_number);
    engine->counts.stale_points = stale_count(engine->stale);
    engine_make_known(engine, point_number);
    if (point->device != ENGINE_NOTHING)
        engine->devices[point->device].stale_points++;
}

/* A burst does not end because the gateway restarts in its midst. */
static void
restore_burst(struct engine *engine, uint32_t number, struct stamp now)
{
    const struct alarm_state *state = &engine->runs[number].state;
    int64_t age_ms = now.utc_ms - state->raised_utc_ms;

    if (alarm_is_live(&state->regions) && state->regions.annunciated && age_ms >= 0 &&
        age_ms < engine->first_out.quiet_ms)
        first_out_note(&engine->first_out, engine->params.alarms[number].type->audiences,
                       now.mono_ms - age_ms);
}

bool
engine_restore(struct engine *engine, uint32_t number, const void *record, size_t bytes,
               struct stamp now)
{
    const struct alarm_def *def = engine_def(engine, number);
    struct occasion occasion = {.at = now, .unc_ms = ENGINE_UNC_UNKNOWN};

    if (def == NULL || !alarm_record_read(&engine->runs[number], record, bytes, now))
        return false;
    struct alarm_run *run = &engine->runs[number];

    if (run->state.is_heard && engine_point(engine, number) != NULL)
        engine->points[def->point].was_read = true;
    alarm_run_settle(run, def->type, &engine->params.chatter, now.mono_ms);
    restore_burst(engine, number, now);
    engine->rules[number].is_met = run->state.regions.inp;
    timers_set(engine->timers, number, alarm_run_next_ms(run));
    engine_recount(engine, number);
    if (!run->state.regions.good)
        restore_bad_quality(engine, number, &occasion);
    if (run->state.regions.shelved &&
        (!alarm_run_traits(def->type).shelvable || run->shelf_due_ms <= now.mono_ms))
        engine_apply(engine, number, EVENT_SHELF_OVER, &occasion);
    fold_restore(engine, number, (const uint8_t *)record + ALARM_RECORD_BYTES,
                 bytes - ALARM_RECORD_BYTES, now);
    return true;
}
