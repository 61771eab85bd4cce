/*
 * intake.c - what the collectors send: samples to the engine, numbered events exactly once.
 *
 * An event is taken when its number follows the last one of its collector's incarnation; that
 * number is committed with the rows it made. What a collector repeats after a restart, of either
 * side, is thereby dropped, and what it did not send shows as a gap.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "gateway/base/log.h"

static void
take_hello(struct intake *intake, uint64_t incarnation)
{
    intake->is_synced = true;
    if (incarnation == intake->incarnation)
        return;
    intake->incarnation = incarnation;
    intake->number = intake->committed = intake->missed = 0;
    intake->is_dirty = true;
}

static void
note_gap(struct intake *intake, uint64_t next)
{
    json_t *body = json_pack("{s:s, s:s, s:I, s:I, s:I}", "what", "event-gap", "collector",
                             intake->key, "incarnation", (json_int_t)intake->incarnation, "from",
                             (json_int_t)(intake->number + 1), "to", (json_int_t)(next - 1));

    log_error("%s: events %llu to %llu never came", intake->key,
              (unsigned long long)intake->number + 1, (unsigned long long)next - 1);
    if (body != NULL)
        journal_add(intake->self->journal, "note", intake->self->now.utc_ms, body, NULL, 0, 0);
}

/* False: it is asked for again; until the answer nothing is taken. */
static bool
accept_gap(struct intake *intake, uint64_t next)
{
    if (intake->missed == intake->number + 1) {
        note_gap(intake, next);
        return true;
    }
    intake->missed = intake->number + 1;
    intake->is_synced = false;
    intake_ask_snapshot(intake);
    return false;
}

/* To the courier for val/...; a console that lacks one gets the next. */
static void
forward(struct alarms *self, const struct sample *samples, size_t count)
{
    if (self->params->send_values && self->courier != NULL && count > 0 &&
        !link_send(self->courier, MSG_SAMPLES, count, samples))
        worker_count(&self->worker, STAT_SAMPLES_DROPPED, count);
}

static void
take_events(struct intake *intake, const struct event *events, size_t count)
{
    static struct sample taken[MSG_BYTES_MAX / sizeof(struct event) + 1];
    struct alarms *self = intake->self;
    size_t fresh = 0;

    for (size_t i = 0; i < count && intake->is_synced; i++) {
        if (events[i].number <= intake->number)
            continue; /* repeated because it was not known to be committed */
        if (events[i].number > intake->number + 1 && !accept_gap(intake, events[i].number))
            break;
        intake->number = events[i].number;
        intake->is_dirty = true;
        engine_sample(self->engine, &events[i].sample);
        taken[fresh++] = events[i].sample;
    }
    forward(self, taken, fresh);
    /* All of it was old: the collector did not hear of the commit. */
    if (fresh == 0 && intake->is_synced) {
        intake->owes_committed = true;
        intake_after_commit(intake);
    }
}

static bool
is_state(const struct alarms *self, uint32_t number)
{
    const struct point_ref *ref = directory_point(self->params->directory, number);

    return ref != NULL && ref->def->kind != VALUE_NUMBER;
}

/*
 * Samples are no news of a state whose changes, numbered, are still to come again: judged first, it
 * would make those look old. The snapshot behind them has it once more.
 */
static void
take_samples(struct intake *intake, const struct sample *samples, size_t count)
{
    static struct sample kept[MSG_BYTES_MAX / sizeof(struct sample) + 1];
    struct alarms *self = intake->self;
    size_t some = 0;

    if (!intake->is_synced) {
        for (size_t i = 0; i < count; i++)
            if (!is_state(self, samples[i].point))
                kept[some++] = samples[i];
        samples = kept;
        count = some;
    }
    engine_samples(self->engine, samples, count);
    forward(self, samples, count);
}

static void
on_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct intake *intake = ctx;
    struct alarms *self = intake->self;

    alarms_read_clock(self);
    if (head->type == MSG_SAMPLES) {
        take_samples(intake, body, head->count);
    } else if (head->type == MSG_EVENTS) {
        take_events(intake, body, head->count);
    } else if (head->type == MSG_TEXTS) {
        const struct text_value *texts = body;

        for (size_t i = 0; i < head->count; i++)
            self->unknown += !values_take_text(self->values, &texts[i]);
    } else if (head->type == MSG_HEALTH) {
        const struct msg_health *news = body;

        for (size_t i = 0; i < head->count; i++)
            self->unknown += !device_health_take(self->devices, &news[i], self->now.utc_ms);
    } else if (head->type == MSG_HELLO && head->count == 1) {
        take_hello(intake, ((const struct msg_hello *)body)->incarnation);
    }
}

static void
on_writable(void *ctx)
{
    struct intake *intake = ctx;

    if (intake->owes_snapshot)
        intake_ask_snapshot(intake);
    intake_after_commit(intake);
}

void
intake_open(struct intake *intake, struct alarms *self, uint32_t shard)
{
    static const struct link_handlers HANDLERS = {.on_message = on_message,
                                                  .on_writable = on_writable};
    char value[64];
    unsigned long long incarnation, number;

    *intake = (struct intake){.self = self};
    snprintf(intake->key, sizeof intake->key, "collector-%u.event", shard);
    if (journal_get(self->journal, intake->key, value, sizeof value) &&
        sscanf(value, "%llu:%llu", &incarnation, &number) == 2) {
        intake->incarnation = incarnation;
        intake->number = intake->committed = number;
    }
    intake->link =
        worker_link(&self->worker, self->params->collector_fds[shard], &HANDLERS, intake);
}

void
intake_close(struct intake *intake)
{
    link_free(intake->link);
    intake->link = NULL;
}

void
intake_ask_snapshot(struct intake *intake)
{
    intake->owes_snapshot = !link_send(intake->link, MSG_SNAPSHOT, 0, NULL);
}

void
intake_before_commit(struct intake *intake)
{
    char value[64];

    if (!intake->is_dirty)
        return;
    snprintf(value, sizeof value, "%llu:%llu", (unsigned long long)intake->incarnation,
             (unsigned long long)intake->number);
    journal_put(intake->self->journal, intake->key, value);
    intake->is_dirty = false;
}

/* Only what is on disk is forgotten by its collector. */
void
intake_after_commit(struct intake *intake)
{
    struct msg_committed committed = {.incarnation = intake->incarnation,
                                      .number = intake->committed};

    if (intake->owes_committed && committed.number != 0)
        intake->owes_committed = !link_send(intake->link, MSG_COMMITTED, 1, &committed);
}
