/*
 * turn.c - the end of a loop's turn: commit, then tell.
 *
 * Everything a turn brought goes into one transaction. Then the courier may read the rows,
 * collectors may forget their events, and people get the answers to their commands. When the disk
 * takes nothing, people are told all the same: rows go to the courier by message, the urgent ones
 * first, and the collectors keep their events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "gateway/base/log.h"

#define RETRY_MS 1000
#define TICK_MS 1000
#define ROUNDS_MAX 3 /* a failing commit makes an alarm, which makes a row */

static void
send_tick(struct alarms *self)
{
    const struct engine_counts *counts = engine_counts(self->engine);
    struct msg_tick tick = {.utc_ms = self->now.utc_ms,
                            .mono_ms = self->now.mono_ms,
                            .committed = journal_committed(self->journal),
                            .boot = self->worker.env.incarnation,
                            .retained = counts->not_at_rest,
                            .shelved = counts->shelved,
                            .suppressed = counts->suppressed,
                            .out_of_service = counts->out_of_service,
                            .tested = counts->tested,
                            .chattering = counts->chattering,
                            .flood = flood_audiences(&self->flood),
                            .clock = (uint32_t)clock_sync_state(),
                            .degraded = self->turn.is_failing};

    if (self->courier == NULL)
        return;
    text_copy(tick.config, sizeof tick.config, self->running.digest);
    memcpy(tick.active, counts->live, sizeof tick.active);
    memcpy(tick.unacked, counts->unacked, sizeof tick.unacked);
    if (self->turn.is_failing)
        text_copy(tick.reason, sizeof tick.reason, self->turn.fault);
    self->turn.owes_tick = !link_send(self->courier, MSG_TICK, 1, &tick);
    self->turn.ticked_mono_ms = self->now.mono_ms;
}

/* Rows that are in memory only. */
struct telling {
    struct alarms *self;
    bool urgent, is_stuck;
    struct text_buf text;
};

static void
tell_row(void *ctx, uint64_t seq, const char *body, unsigned priority, bool at_rest)
{
    struct telling *telling = ctx;
    bool is_urgent = priority == 1 || priority == 2;
    uint64_t *told =
        telling->urgent ? &telling->self->turn.told_urgent : &telling->self->turn.told_other;

    if (telling->is_stuck || is_urgent != telling->urgent || seq <= *told)
        return;
    text_buf_reset(&telling->text);
    text_buf_add_bytes(&telling->text, body, strlen(body) - 1); /* without its closing brace */
    text_buf_add(&telling->text, ",\"journalled\":false}");
    if (telling->text.failed)
        return;
    struct msg_row head = {.seq = seq, .is_at_rest = at_rest};
    if (link_send_blob(telling->self->courier, MSG_ROW, &head, sizeof head, telling->text.data,
                       telling->text.length))
        *told = seq;
    else
        telling->is_stuck = true;
}

static void
tell_unwritten(struct alarms *self)
{
    struct telling telling = {.self = self, .urgent = true};

    if (self->courier == NULL || self->turn.told_head == journal_head(self->journal))
        return;
    text_buf_init(&telling.text, MSG_BYTES_MAX);
    journal_each_unwritten(self->journal, self->turn.told_urgent, tell_row, &telling);
    telling.urgent = false;
    journal_each_unwritten(self->journal, self->turn.told_other, tell_row, &telling);
    text_buf_done(&telling.text);
    if (!telling.is_stuck)
        self->turn.told_head = journal_head(self->journal);
}

static bool
send_outcome(struct alarms *self, const struct waiting_outcome *outcome)
{
    return self->courier == NULL ||
           link_send_blob(self->courier, MSG_OUTCOME, &outcome->head, sizeof outcome->head,
                          outcome->text, outcome->bytes);
}

static void
send_ready_outcomes(struct alarms *self)
{
    struct turn *turn = &self->turn;

    while (turn->ready != NULL && send_outcome(self, turn->ready)) {
        struct waiting_outcome *sent = turn->ready;

        turn->ready = sent->next;
        turn->outcome_count--;
        free(sent);
    }
}

/* What was ordered is done and on disk (or, with a disk that takes nothing, done). */
static void
release_outcomes(struct alarms *self)
{
    struct turn *turn = &self->turn;
    struct waiting_outcome **end = &turn->ready;

    while (*end != NULL)
        end = &(*end)->next;
    *end = turn->outcomes;
    turn->outcomes = turn->last_outcome = NULL;
    send_ready_outcomes(self);
    for (size_t i = 0; i < turn->answer_count; i++) {
        control_verbs_ordered(self, turn->answers[i].ticket, &turn->answers[i].outcome);
        json_decref(turn->answers[i].outcome.more);
    }
    turn->answer_count = 0;
}

void
turn_add_outcome(struct alarms *self, const struct msg_command *head, const char *text,
                 size_t bytes)
{
    struct turn *turn = &self->turn;
    struct waiting_outcome *outcome =
        turn->outcome_count < OUTCOMES_MAX ? malloc(sizeof *outcome + bytes) : NULL;

    if (outcome == NULL) {
        turn->outcomes_dropped++;
        return;
    }
    *outcome = (struct waiting_outcome){.head = *head, .bytes = bytes};
    outcome->head.payload_bytes = (uint32_t)bytes;
    memcpy(outcome->text, text, bytes);
    if (turn->last_outcome != NULL)
        turn->last_outcome->next = outcome;
    else
        turn->outcomes = outcome;
    turn->last_outcome = outcome;
    turn->outcome_count++;
}

void
turn_add_answer(struct alarms *self, uint64_t ticket, const struct outcome *outcome)
{
    struct turn *turn = &self->turn;

    if (turn->answer_count < ANSWERS_MAX) /* one per client at most */
        turn->answers[turn->answer_count++] = (struct waiting_answer){ticket, *outcome};
    else
        json_decref(outcome->more);
}

static void
set_journal_state(struct alarms *self)
{
    double state = self->turn.is_failing ? 2 : journal_has_ballast(self->journal) ? 0 : 1;

    gateway_points_set(&self->points, GATEWAY_JOURNAL_STATE, state, self->now);
}

static void
after_commit(struct alarms *self)
{
    struct turn *turn = &self->turn;

    worker_count(&self->worker, STAT_JOURNAL_COMMITS, 1);
    if (turn->is_failing) {
        turn->is_failing = false;
        turn->told_urgent = turn->told_other = turn->told_head = 0;
        log_warning("the journal takes rows again: %llu is on disk",
                    (unsigned long long)journal_committed(self->journal));
        set_journal_state(self);
    }
    send_tick(self);
    for (uint32_t i = 0; i < self->params->collector_count; i++) {
        struct intake *intake = &self->intakes[i];

        if (intake->committed != intake->number) {
            intake->committed = intake->number;
            intake->owes_committed = true;
        }
        intake_after_commit(intake);
    }
    release_outcomes(self);
}

static void
after_failure(struct alarms *self, enum err_code code, const struct err *err)
{
    struct turn *turn = &self->turn;

    worker_count(&self->worker, STAT_JOURNAL_ERRORS, 1);
    if (!turn->is_failing)
        log_error("the journal takes nothing: %s; rows are told from memory, tried again each "
                  "second",
                  err->text);
    turn->is_failing = true;
    text_copy(turn->fault, sizeof turn->fault, err->text);
    set_journal_state(self); /* a P1 of its own */
    if (code == ERR_CORRUPT) {
        tell_unwritten(self);
        log_error("the journal is damaged: ending, to begin a new one");
        worker_end(&self->worker, 1);
    }
}

static void
commit(struct alarms *self)
{
    struct err err;
    enum err_code code;

    for (uint32_t i = 0; i < self->params->collector_count; i++)
        intake_before_commit(&self->intakes[i]);
    flood_rows_before_commit(self);
    self->turn.tried_mono_ms = self->now.mono_ms;
    code = journal_commit(self->journal, self->now.utc_ms, &err);
    if (code == ERR_OK)
        after_commit(self);
    else
        after_failure(self, code, &err);
}

static bool
is_dirty(const struct alarms *self)
{
    for (uint32_t i = 0; i < self->params->collector_count; i++)
        if (self->intakes[i].is_dirty)
            return true;
    return self->flood_is_dirty || journal_is_dirty(self->journal);
}

void
turn_end(struct alarms *self)
{
    struct turn *turn = &self->turn;

    for (int round = 0; round < ROUNDS_MAX && is_dirty(self); round++) {
        if (turn->is_failing && self->now.mono_ms - turn->tried_mono_ms < RETRY_MS)
            break;
        alarms_read_clock(self);
        commit(self);
    }
    if (turn->is_failing)
        tell_unwritten(self);
    /* Also what needed no row: a refusal that only counts. */
    if ((turn->outcomes != NULL || turn->answer_count > 0) && (turn->is_failing || !is_dirty(self)))
        release_outcomes(self);
}

void
turn_tick(struct alarms *self)
{
    if (self->now.mono_ms - self->turn.ticked_mono_ms >= TICK_MS)
        send_tick(self);
    if (!self->turn.is_failing)
        set_journal_state(self);
}

void
turn_courier_writable(struct alarms *self)
{
    if (self->turn.owes_tick)
        send_tick(self);
    send_ready_outcomes(self);
    if (self->turn.is_failing)
        tell_unwritten(self);
}

void
turn_courier_is_new(struct alarms *self)
{
    self->turn.ticked_mono_ms = 0;
    self->turn.told_urgent = self->turn.told_other = self->turn.told_head = 0;
}

void
turn_done(struct alarms *self)
{
    for (size_t i = 0; i < self->turn.answer_count; i++)
        json_decref(self->turn.answers[i].outcome.more);
    struct waiting_outcome *lists[] = {self->turn.outcomes, self->turn.ready};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct waiting_outcome *outcome = lists[i], *next; outcome != NULL; outcome = next) {
            next = outcome->next;
            free(outcome);
        }
}
