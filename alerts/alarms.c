/*
 * alarms.c - the alarms process: what starts, what arrives, what leaves.
 *
 *   arrives   samples, events, texts, health of collectors (intake.c); state of store and courier;
 *             commands of people through the courier and the control socket; news of the master
 *   leaves    rows into the journal, and then (turn.c): tick and outcomes to the courier, committed
 *             to the collectors, answers; figures to web
 *
 * It decides; it never touches a network.
 */
#include "alerts/alarms.h"

#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "alerts/restart.h"
#include "gateway/base/log.h"

#define SIGN_EVERY_MS (INT64_C(3600) * 1000)
#define CLOCK_MOVED_MS 2000
#define CLOCK_STEADY_MS (INT64_C(3) * 3600 * 1000)
#define WAL_LARGE_BYTES ((uint64_t)64 * 1024 * 1024)

void
alarms_read_clock(struct alarms *self)
{
    self->now = clock_now();
    self->tell.utc_ms = self->now.utc_ms;
}

void
alarms_ask_snapshots(struct alarms *self)
{
    for (uint32_t i = 0; i < self->params->collector_count; i++)
        intake_ask_snapshot(&self->intakes[i]);
}

void
alarms_sign_journal(struct alarms *self)
{
    struct err err;

    self->signed_at = self->now;
    if (journal_checkpoint(self->journal, self->now.utc_ms, &err) != ERR_OK)
        log_error("the journal is not signed: %s; tried again in an hour", err.text);
}

/* Each hour of either clock: a clock that is set leaves no rows behind that seem unsigned. */
static void
sign_when_due(struct alarms *self)
{
    int64_t utc_ms = self->now.utc_ms - self->signed_at.utc_ms;

    if (self->now.mono_ms - self->signed_at.mono_ms >= SIGN_EVERY_MS || utc_ms >= SIGN_EVERY_MS ||
        utc_ms <= -SIGN_EVERY_MS)
        if (!self->turn.is_failing)
            alarms_sign_journal(self);
}

/* what the courier says */

static void
take_command(struct alarms *self, const struct msg_head *head, const void *body)
{
    struct msg_command command;
    struct text_buf outcome;

    memcpy(&command, body, sizeof command);
    command.response_topic[sizeof command.response_topic - 1] = '\0';
    if (command.payload_bytes != head->bytes - sizeof command ||
        command.correlation_bytes > sizeof command.correlation)
        return;
    text_buf_init(&outcome, MSG_BYTES_MAX - sizeof command);
    if (commands_take(self->commands, &command, (const char *)body + sizeof command,
                      command.payload_bytes, self->now, &outcome) &&
        outcome.length > 0)
        turn_add_outcome(self, &command, outcome.data, outcome.length);
    text_buf_done(&outcome);
}

static void
take_presence(struct alarms *self, const struct msg_head *head, const void *body)
{
    struct msg_presence presence;

    memcpy(&presence, body, sizeof presence);
    presence.user[sizeof presence.user - 1] = presence.client[sizeof presence.client - 1] = '\0';
    presence_take(self->presence, &presence, (const char *)body + sizeof presence,
                  head->bytes - sizeof presence, self->now);
}

static void
on_courier(void *ctx, const struct msg_head *head, const void *body)
{
    struct alarms *self = ctx;

    alarms_read_clock(self);
    if (head->type == MSG_REFUSED)
        figures_take_refused(self, body, head->count);
    else if (head->type == MSG_CURSOR && head->count == 1)
        figures_take_cursor(self, body);
    else if (head->type == MSG_COMMAND)
        take_command(self, head, body);
    else if (head->type == MSG_PRESENCE)
        take_presence(self, head, body);
    else if (head->type == MSG_HELLO)
        turn_courier_is_new(self);
}

static void
on_courier_writable(void *ctx)
{
    turn_courier_writable(ctx);
}

/* what the store says */

static void
on_store(void *ctx, const struct msg_head *head, const void *body)
{
    struct alarms *self = ctx;

    alarms_read_clock(self);
    if (head->type == MSG_STORE && head->count == 1)
        figures_take_store(self, body);
    else if (head->type == MSG_FLUSHED && head->count == 1)
        control_verbs_flushed(self, body);
    else if (head->type == MSG_HELLO)
        alarms_ask_snapshots(self); /* it has lost what it held */
}

static void
on_web(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    (void)head;
    (void)body;
}

/* what the master says */

static void
on_master(void *ctx, const struct msg_head *head, const void *body)
{
    struct alarms *self = ctx;

    alarms_read_clock(self);
    if (head->type == MSG_STATS)
        for (size_t i = 0; i < head->count; i++)
            figures_take_stats(self, &((const struct msg_stats *)body)[i]);
    else if (head->type == MSG_WORKER)
        for (size_t i = 0; i < head->count; i++)
            figures_take_worker(self, &((const struct msg_worker *)body)[i]);
    else if (head->type == MSG_GENERATION)
        generation_rows_take(self, body, head->bytes);
}

static void
on_stats(void *ctx)
{
    struct alarms *self = ctx;
    const struct engine_counts *counts = engine_counts(self->engine);
    uint64_t *stats = self->worker.stats;

    stats[STAT_UNKNOWN_NUMBERS] = counts->unknown_points + self->unknown;
    stats[STAT_ENGINE_SAMPLES] = counts->samples;
    stats[STAT_ALARMS_LIVE] = counts->live[0];
    stats[STAT_ALARMS_UNACKED] = counts->unacked[0];
    stats[STAT_TRANSITIONS] = self->tell.told;
    stats[STAT_JOURNAL_SEQ] = journal_head(self->journal);
    stats[STAT_JOURNAL_UNWRITTEN] = journal_unwritten(self->journal);
    stats[STAT_COMMANDS] = commands_judged(self->commands);
    stats[STAT_COMMANDS_REFUSED] = commands_refused(self->commands);
}

static void
on_stop(void *ctx)
{
    struct alarms *self = ctx;

    alarms_read_clock(self);
    journal_add(self->journal, "stop", self->now.utc_ms,
                json_pack("{s:s}", "reason", "the master says so"), NULL, 0, 0);
    alarms_sign_journal(self);
    turn_end(self);
    worker_end(&self->worker, 0);
}

/* what the engine says */

static void
on_told(void *ctx, const struct transition *transition, uint64_t seq)
{
    struct alarms *self = ctx;
    const struct alarm_def *def = &self->params->alarms[transition->alarm];
    uint32_t own = self->points.points[GATEWAY_BROKER_UNCONFIRMED].number;

    figures_kpi_told(self, transition);
    escalation_note(self->escalation, transition->alarm, transition->outputs, self->now);
    if ((transition->outputs & OUT(ANNUNCIATE)) == 0 || def->type->audiences == 0)
        return;
    worker_count(&self->worker, STAT_ALARMS_TOLD, 1);
    flood_rows_note(self, def->type->audiences);
    if (def->type->priority == 1 && self->params->courier_fd >= 0 &&
        (def->point != own || own == UINT32_MAX))
        unconfirmed_note(self->unconfirmed, transition->alarm, transition->state->occ, seq,
                         self->now.mono_ms);
}

/* time */

static void
on_due(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct alarms *self = watcher->data;

    (void)loop;
    (void)events;
    alarms_read_clock(self);
    engine_tick(self->engine, self->now);
}

static void
send_metrics(struct alarms *self)
{
    figures_kpi_tick(self);

    char *text = self->web != NULL ? figures_metrics(self) : NULL;

    if (text != NULL) /* no room: the next one is newer */
        (void)link_send_blob(self->web, MSG_METRICS, NULL, 0, text, strlen(text));
    free(text);
}

/* What is thrown away for its age is thrown away by a clock that has run evenly for hours: a wrong
 * year must not empty the journal, nor the memory of commands given. */
static bool
is_clock_steady(struct alarms *self)
{
    int64_t offset_ms = self->now.utc_ms - self->now.mono_ms;
    int64_t moved_ms = offset_ms - self->steady.offset_ms;

    if (self->steady.since_mono_ms == 0 || moved_ms > CLOCK_MOVED_MS || moved_ms < -CLOCK_MOVED_MS)
        self->steady.since_mono_ms = self->now.mono_ms;
    self->steady.offset_ms = offset_ms;
    return self->now.mono_ms - self->steady.since_mono_ms >= CLOCK_STEADY_MS;
}

static void
keep_house(struct alarms *self)
{
    const struct alarms_params *params = self->params;
    uint64_t cursor = self->courier == NULL ? UINT64_MAX : self->figures.cursor.seq;
    int64_t before = JOURNAL_AGE_UNSURE;

    if (is_clock_steady(self))
        before = params->retention_ms > 0 ? self->now.utc_ms - params->retention_ms : 0;
    journal_housekeep(self->journal, self->now.utc_ms, before, cursor);
    if (journal_wal_bytes(self->journal) > WAL_LARGE_BYTES)
        log_warning("the journal's log has %llu bytes: does a reader hold it?",
                    (unsigned long long)journal_wal_bytes(self->journal));
    generation_rows_prune(self);
}

/* Is there an audience for which nobody is at a console? While the broker is away nobody knows. */
static void
watch_presence(struct alarms *self)
{
    static const enum gateway_point POINTS[AUDIENCE_COUNT] = {
        [AUDIENCE_SECURITY] = GATEWAY_UNWATCHED_SECURITY,
        [AUDIENCE_CONTINUITY] = GATEWAY_UNWATCHED_CONTINUITY,
        [AUDIENCE_FACILITIES] = GATEWAY_UNWATCHED_FACILITIES};

    presence_tick(self->presence, self->now);
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if (presence_is_known(self->presence))
            gateway_points_set(&self->points, POINTS[audience],
                               presence_watching(self->presence, audience) == 0, self->now);
}

static void
on_second(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct alarms *self = watcher->data;

    (void)loop;
    (void)events;
    alarms_read_clock(self);
    self->tell.clock = clock_state_name(clock_sync_state());
    engine_tick(self->engine, self->now);
    flood_rows_tick(self);
    gateway_points_set(&self->points, GATEWAY_ALARMS_CHATTERING,
                       engine_counts(self->engine)->chattering, self->now);
    gateway_points_tick(&self->points, self->now);
    if (self->courier != NULL && unconfirmed_tick(self->unconfirmed, self->now))
        gateway_points_set(&self->points, GATEWAY_BROKER_UNCONFIRMED, 1, self->now);
    else if (self->points.points[GATEWAY_BROKER_UNCONFIRMED].until_mono_ms == 0)
        gateway_points_set(&self->points, GATEWAY_BROKER_UNCONFIRMED, 0, self->now);
    commands_tick(self->commands, self->now);
    spells_tick(self->spells, self->now);
    escalation_tick(self->escalation, self->now);
    gateway_points_set(&self->points, GATEWAY_ESCALATION_STATE,
                       escalation_exhausted(self->escalation) > 0, self->now);
    watch_presence(self);
    control_tick(self->control, self->now.mono_ms);
    turn_tick(self);
    send_metrics(self);
    keep_house(self);
    sign_when_due(self);
}

static void
before_sleep(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct alarms *self = watcher->data;
    int64_t due;

    (void)events;
    turn_end(self);
    due = engine_next_due_ms(self->engine);
    if (due == self->due_mono_ms)
        return;
    self->due_mono_ms = due;
    ev_timer_stop(loop, &self->due);
    if (due == INT64_MAX)
        return;
    alarms_read_clock(self);
    int64_t wait_ms = due - self->now.mono_ms;
    if (wait_ms < 1000) { /* else the seconds' timer comes first */
        ev_timer_set(&self->due, wait_ms > 0 ? (double)wait_ms / 1000 : 0, 0);
        ev_timer_start(loop, &self->due);
    }
}

/* start and end */

static struct link *
open_link(struct alarms *self, int fd, const struct link_handlers *handlers)
{
    return fd >= 0 ? worker_link(&self->worker, fd, handlers, self) : NULL;
}

static void
open_links(struct alarms *self)
{
    static const struct link_handlers COURIER = {.on_message = on_courier,
                                                 .on_writable = on_courier_writable};
    static const struct link_handlers STORE = {.on_message = on_store};
    static const struct link_handlers WEB = {.on_message = on_web};

    self->courier = open_link(self, self->params->courier_fd, &COURIER);
    self->store = open_link(self, self->params->store_fd, &STORE);
    self->web = open_link(self, self->params->web_fd, &WEB);
    for (uint32_t i = 0; i < self->params->collector_count; i++)
        intake_open(&self->intakes[i], self, i);
}

/* What needs no journal. False: out of memory. */
static bool
make_parts(struct alarms *self)
{
    const struct alarms_params *params = self->params;
    struct engine_params engine = {.alarms = params->alarms,
                                   .alarm_limit = params->alarm_limit,
                                   .directory = params->directory,
                                   .sink = alarm_tell_transition,
                                   .chatter = params->chatter,
                                   .fold_hold_ms = params->fold_hold_ms,
                                   .first_out_ms = params->first_out_ms,
                                   .ctx = &self->tell};

    self->engine = engine_new(&engine, self->now);
    self->intakes = calloc((size_t)params->collector_count + 1, sizeof *self->intakes);
    self->kpi = kpi_new(params->alarm_limit, 0);
    if (self->engine == NULL || self->intakes == NULL || self->kpi == NULL ||
        !alarm_index_init(&self->index, params->alarms, params->alarm_limit))
        return false;
    flood_init(&self->flood, &params->flood);
    self->tell.flood = &self->flood;
    self->tell.engine = self->engine;
    self->tell.on_told = on_told;
    self->tell.ctx = self;
    gateway_points_init(&self->points, params->directory, self->engine);
    self->devices = device_health_new(params->directory, self->journal);
    self->values = values_new(params->directory, self->engine);
    self->spells = spells_new(&self->tell, &self->index);
    self->escalation = escalation_new(&self->tell, &self->index, figures_kpi_escalated, self);
    self->presence = presence_new(params, self->journal);
    self->commands = commands_new(&(struct orders){.params = params,
                                                   .tell = &self->tell,
                                                   .index = &self->index,
                                                   .spells = self->spells,
                                                   .escalation = self->escalation});
    self->control = control_new(self->worker.loop, params->control_fd, control_verbs_answer, self);
    self->unconfirmed = unconfirmed_new(self->worker.loop, params, &self->tell);
    return self->devices != NULL && self->values != NULL && self->spells != NULL &&
           self->escalation != NULL && self->presence != NULL &&
           self->commands != NULL && self->control != NULL && self->unconfirmed != NULL;
}

static void
feed_first_points(struct alarms *self, const struct journal_open_result *opened)
{
    char value[16];

    gateway_points_set(&self->points, GATEWAY_ALARMS_CHATTERING,
                       engine_counts(self->engine)->chattering, self->now);
    if (opened->quarantined[0] != '\0' || opened->is_older_copy)
        gateway_points_hold(&self->points, GATEWAY_JOURNAL_RESTARTED, self->now);
    if (journal_get(self->journal, FIGURES_CONFIG_KEY, value, sizeof value))
        gateway_points_set(&self->points, GATEWAY_CONFIG_STATE, 1, self->now);
    if (self->courier == NULL)
        gateway_points_set(&self->points, GATEWAY_BROKER_STATE, 0, self->now);
    gateway_points_tick(&self->points, self->now);
}

static bool
start(struct alarms *self)
{
    const struct alarms_params *params = self->params;
    struct journal_open_result opened = {0};
    struct err err;

    self->now = self->started = clock_now();
    if (journal_open(params->state_dir, params->directory->site, self->now.utc_ms,
                     params->ballast_bytes, &self->journal, &opened, &err) != ERR_OK) {
        log_error("cannot begin without a journal: %s", err.text);
        return false;
    }
    if (!alarm_tell_init(&self->tell, params, self->journal) || !make_parts(self)) {
        log_error("out of memory");
        return false;
    }
    self->tell.utc_ms = self->now.utc_ms;
    if (restart_from_journal(self, &opened, &err) != ERR_OK) {
        log_error("cannot read the states of the alarms: %s", err.text);
        return false;
    }
    generation_rows_start(self);
    figures_kpi_restored(self);
    open_links(self);
    feed_first_points(self, &opened);
    alarms_sign_journal(self);
    turn_end(self);
    alarms_ask_snapshots(self);
    if (self->store != NULL)
        (void)link_send(self->store, MSG_SNAPSHOT, 0, NULL);
    return true;
}

static void
watch_time(struct alarms *self)
{
    self->worker.on_master = on_master;
    self->worker.on_stats = on_stats;
    ev_prepare_init(&self->before_sleep, before_sleep);
    ev_timer_init(&self->second, on_second, 0.01, 1);
    ev_timer_init(&self->due, on_due, 0, 0);
    /* After a stall what waits in the links is older than now: it is judged before time moves on.
     */
    ev_set_priority(&self->second, EV_MINPRI);
    ev_set_priority(&self->due, EV_MINPRI);
    /* What waits to be read goes before the time: after a pause (a stopped process, a busy machine)
     * points must not be judged stale while their readings lie in the socket. */
    ev_set_priority(&self->second, EV_MINPRI);
    ev_set_priority(&self->due, EV_MINPRI);
    self->before_sleep.data = self->second.data = self->due.data = self;
    ev_prepare_start(self->worker.loop, &self->before_sleep);
    ev_timer_start(self->worker.loop, &self->second);
}

static void
finish(struct alarms *self)
{
    for (uint32_t i = 0; self->intakes != NULL && i < self->params->collector_count; i++)
        intake_close(&self->intakes[i]);
    link_free(self->courier);
    link_free(self->store);
    link_free(self->web);
    control_free(self->control);
    unconfirmed_free(self->unconfirmed);
    turn_done(self);
    figures_done(&self->figures);
    generation_rows_done(self);
    commands_free(self->commands);
    spells_free(self->spells);
    escalation_free(self->escalation);
    presence_free(self->presence);
    values_free(self->values);
    device_health_free(self->devices);
    alarm_index_done(&self->index);
    alarm_tell_done(&self->tell);
    kpi_free(self->kpi);
    engine_free(self->engine);
    journal_close(self->journal);
    free(self->intakes);
}

int
alarms_main(const struct worker_env *env, const struct alarms_params *params)
{
    struct alarms *self = calloc(1, sizeof *self);
    int status = 1;

    if (self == NULL)
        return 1;
    self->params = params;
    self->due_mono_ms = INT64_MAX;
    worker_init(&self->worker, env, on_stop, self);
    if (start(self)) {
        watch_time(self);
        log_info("%u alarms, journal %s at %llu", self->index.count, journal_id(self->journal),
                 (unsigned long long)journal_committed(self->journal));
        worker_ready(&self->worker);
        status = worker_run(&self->worker);
    }
    finish(self);
    worker_done(&self->worker);
    free(self);
    return status;
}
