/*
 * fold.c - suppression by design: consequences folded under the alarm that is their cause.
 */
#include "alerts/fold.h"

#include <stdlib.h>

#include "alerts/engine_core.h"

/* memory */

static bool
has_root(const struct engine *engine, uint32_t alarm)
{
    const struct alarm_def *def = engine_def(engine, alarm);

    return def != NULL && def->type->suppressed_by != NULL && !def->type->managed &&
           def->root != alarm && engine_def(engine, def->root) != NULL;
}

static int
compare_roots(const void *a, const void *b)
{
    const struct fold *left = a, *right = b;

    if (left->root != right->root)
        return left->root < right->root ? -1 : 1;
    return (left->alarm > right->alarm) - (left->alarm < right->alarm);
}

bool
fold_init(struct engine *engine)
{
    struct folds *folds = &engine->folds;
    uint32_t count = 0;

    for (uint32_t i = 0; i < engine->params.alarm_limit; i++)
        count += has_root(engine, i);
    if (count == 0)
        return true;
    folds->all = calloc(count, sizeof *folds->all);
    if (folds->all == NULL)
        return false;
    for (uint32_t i = 0; i < engine->params.alarm_limit; i++)
        if (has_root(engine, i))
            folds->all[folds->count++] = (struct fold){
                .alarm = i, .root = engine->params.alarms[i].root, .due_ms = TIMER_NONE};
    qsort(folds->all, folds->count, sizeof *folds->all, compare_roots);
    for (uint32_t i = 0; i < folds->count; i++) {
        engine->runs[folds->all[i].alarm].fold = i;
        engine->runs[folds->all[i].root].is_root = true;
    }
    return true;
}

void
fold_done(struct engine *engine)
{
    free(engine->folds.all);
}

static struct fold *
fold_of(const struct engine *engine, uint32_t alarm)
{
    uint32_t fold = engine->runs[alarm].fold;

    return fold < engine->folds.count ? &engine->folds.all[fold] : NULL;
}

/* The first fold of a root, which has one. */
static uint32_t
first_of(const struct engine *engine, uint32_t root)
{
    uint32_t low = 0, high = engine->folds.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (engine->folds.all[middle].root < root)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#define EACH_FOLD(engine, number, item)                                                            \
    for (struct fold *item = (engine)->runs[number].is_root                                        \
                                 ? &(engine)->folds.all[first_of(engine, number)]                  \
                                 : NULL;                                                           \
         item != NULL && item < (engine)->folds.all + (engine)->folds.count &&                     \
         item->root == (number);                                                                   \
         item++)

uint32_t
fold_root(const struct engine *engine, uint32_t alarm)
{
    const struct fold *fold = fold_of(engine, alarm);

    return fold != NULL ? fold->root : ENGINE_NOTHING;
}

int64_t
fold_due_ms(const struct engine *engine, uint32_t alarm)
{
    const struct fold *fold = fold_of(engine, alarm);

    return fold != NULL ? fold->due_ms : TIMER_NONE;
}

/* in and out */

/* A root that people have put aside, or that is only tested, hides nothing: nobody looks at it. */
static bool
stands(const struct engine *engine, uint32_t root)
{
    const struct alarm_regions *r = &engine->runs[root].state.regions;

    return alarm_is_live(r) && r->good && !r->shelved && !r->oos && !r->test;
}

static int64_t
longest_ms(const struct engine *engine, const struct fold *fold)
{
    return engine->params.alarms[fold->alarm].type->suppressed_max_ms;
}

/* The root stands: until when may it be suppressed? The time counts per occurrence of the root, so
 * that one which comes and goes does not suppress for ever. */
static bool
may_suppress(const struct engine *engine, struct fold *fold, struct stamp now)
{
    uint32_t occ = engine->runs[fold->root].state.occ;

    if (fold->occ != occ) {
        fold->occ = occ;
        fold->end_ms = now.mono_ms + longest_ms(engine, fold);
        fold->end_utc_ms = now.utc_ms + longest_ms(engine, fold);
    }
    return now.mono_ms < fold->end_ms;
}

static void
note_impacts(struct engine *engine, uint32_t root)
{
    engine->runs[root].owes_impacts = true;
    engine->folds.owes_impacts = true;
}

static void
enter(struct engine *engine, struct fold *fold, const struct occasion *occasion)
{
    if (!may_suppress(engine, fold, occasion->at))
        return;
    fold->due_ms = fold->end_ms;
    note_impacts(engine, fold->root);
    engine_apply(engine, fold->alarm, EVENT_DESIGN_ON, occasion);
}

void
fold_fire(struct engine *engine, uint32_t alarm, const struct occasion *occasion)
{
    struct fold *fold = fold_of(engine, alarm);

    fold->due_ms = TIMER_NONE;
    note_impacts(engine, fold->root);
    engine_apply(engine, alarm, EVENT_DESIGN_OFF, occasion);
}

void
fold_before(struct engine *engine, uint32_t alarm, const struct occasion *occasion)
{
    struct fold *fold = fold_of(engine, alarm);

    if (fold != NULL && !engine->runs[alarm].state.regions.design && stands(engine, fold->root))
        enter(engine, fold, occasion);
}

void
fold_settle(struct engine *engine, uint32_t alarm)
{
    struct fold *fold = fold_of(engine, alarm);

    if (fold == NULL || fold->due_ms == TIMER_NONE || engine->runs[alarm].state.regions.design)
        return;
    fold->due_ms = TIMER_NONE; /* somebody else has ended it */
    note_impacts(engine, fold->root);
}

static void
set_due(struct engine *engine, struct fold *fold, int64_t due_ms)
{
    fold->due_ms = due_ms;
    timers_set(engine->timers, fold->alarm, engine_due_ms(engine, fold->alarm));
}

/* What the root's state means for one that is suppressed under it: as long as it may while the root
 * stands, the hold once it does not. */
static void
follow(struct engine *engine, struct fold *fold, struct stamp now)
{
    int64_t held_ms = now.mono_ms + engine->params.fold_hold_ms;

    if (stands(engine, fold->root)) {
        may_suppress(engine, fold, now);
        set_due(engine, fold, fold->end_ms);
    } else if (fold->due_ms > held_ms) {
        set_due(engine, fold, held_ms);
    }
}

void
fold_after(struct engine *engine, uint32_t root, const struct occasion *occasion)
{
    EACH_FOLD(engine, root, fold)
    {
        const struct alarm_regions *r = &engine->runs[fold->alarm].state.regions;

        engine_catch_up_alone(engine, fold->alarm, occasion->at);
        if (fold->due_ms != TIMER_NONE)
            follow(engine, fold, occasion->at);
        else if (!r->design && r->cond != COND_NORMAL && stands(engine, root))
            enter(engine, fold, occasion);
    }
}

void
fold_tell(struct engine *engine, struct stamp now)
{
    if (!engine->folds.owes_impacts)
        return;
    engine->folds.owes_impacts = false;
    for (uint32_t i = 0; i < engine->folds.count; i++) {
        uint32_t root = engine->folds.all[i].root;
        struct alarm_run *run = &engine->runs[root];

        if (!run->owes_impacts)
            continue;
        run->owes_impacts = false;
        if (!alarm_run_is_at_rest(run))
            engine_tell(engine, root, OUT(IMPACTS), now);
    }
}

/* asking */

uint32_t
engine_root(const struct engine *engine, uint32_t alarm)
{
    return fold_due_ms(engine, alarm) != TIMER_NONE ? fold_root(engine, alarm) : ENGINE_NOTHING;
}

uint32_t
engine_impacts(const struct engine *engine, uint32_t root, uint32_t *out, uint32_t size)
{
    uint32_t count = 0;

    EACH_FOLD(engine, root, fold)
    {
        if (fold->due_ms == TIMER_NONE)
            continue;
        if (count < size)
            out[count] = fold->alarm;
        count++;
    }
    return count;
}

/* records */

size_t
fold_save(const struct engine *engine, uint32_t alarm, uint8_t out[FOLD_RECORD_BYTES])
{
    const struct fold *fold = fold_of(engine, alarm);

    if (fold == NULL || fold->due_ms == TIMER_NONE)
        return 0;
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(fold->occ >> (8 * i));
    for (unsigned i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)((uint64_t)fold->end_utc_ms >> (8 * i));
    return FOLD_RECORD_BYTES;
}

static void
take_record(struct engine *engine, struct fold *fold, const uint8_t *record, struct stamp now)
{
    uint32_t occ = 0;
    uint64_t end = 0;

    for (unsigned i = 0; i < 4; i++)
        occ |= (uint32_t)record[i] << (8 * i);
    for (unsigned i = 0; i < 8; i++)
        end |= (uint64_t)record[4 + i] << (8 * i);
    int64_t end_utc_ms = (int64_t)end, left_ms = 0;

    if (end_utc_ms > now.utc_ms)
        left_ms = end_utc_ms - now.utc_ms;
    if (left_ms > longest_ms(engine, fold)) { /* the clock went back, or the time was shortened */
        left_ms = longest_ms(engine, fold);
        end_utc_ms = now.utc_ms + left_ms;
    }
    fold->occ = occ;
    fold->end_ms = now.mono_ms + left_ms;
    fold->end_utc_ms = end_utc_ms;
    set_due(engine, fold, fold->end_ms);
}

void
fold_restore(struct engine *engine, uint32_t alarm, const uint8_t *record, size_t bytes,
             struct stamp now)
{
    struct fold *fold = fold_of(engine, alarm);
    struct occasion occasion = {.at = now, .unc_ms = ENGINE_UNC_UNKNOWN};

    if (bytes == FOLD_RECORD_BYTES && engine->runs[alarm].state.regions.design) {
        if (fold == NULL) { /* it has no root any more */
            engine_apply(engine, alarm, EVENT_DESIGN_OFF, &occasion);
        } else {
            take_record(engine, fold, record, now);
            follow(engine, fold, now);
        }
    }
    EACH_FOLD(engine, alarm, under)
    {
        if (under->due_ms != TIMER_NONE)
            follow(engine, under, now);
    }
}
