/*
 * courier.c - the courier process: the MQTT session. Reads the journal, decides nothing.
 *
 * What starts: the session, the journal's reader (once there is a journal), two timers. What
 * arrives: ticks, readings and outcomes from alarms; confirmations and commands from the broker.
 * What leaves: gw, hb, sum, meta, alarm/..., event/..., val/..., rsp/...; to alarms the cursor and
 * the commands. The heartbeat goes out only while the judge's tick is young: a console must never
 * show a quiet site because the judge is dead.
 */
#include "alerts/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/courier_self.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define SAVE_MS 100          /* the cursor file is synced at most this often */
#define SAVE_AGAIN_MS 5000   /* after a failure */
#define OPEN_AGAIN_MS 1000   /* a journal that could not be read */
#define UNCONFIRMED_MS 60000 /* a broker that answers pings and confirms nothing is not there */
#define PULSE_S 0.1
#define STOP_MS 3000 /* what is not told by then is told after the next start */
#define VALUES_PER_PULSE 500

static void work(struct courier *courier);

/* publishing */

bool
courier_publish(struct courier *courier, const char *name, const char *payload, size_t bytes,
                int qos, bool retained, uint32_t expires_s)
{
    char topic[TOPIC_MAX];

    snprintf(topic, sizeof topic, "%s/%s", courier->prefix, name);
    return notify_send(courier->notify, &(struct notify_publish){.topic = topic,
                                                                 .payload = payload,
                                                                 .payload_bytes = bytes,
                                                                 .qos = qos,
                                                                 .retained = retained,
                                                                 .expires_s = expires_s,
                                                                 .token = NO_TOKEN});
}

static bool
publish_early(void *ctx, const char *name, const char *payload, size_t bytes, bool retained)
{
    return courier_publish(ctx, name, payload, bytes, 1, retained, 0);
}

static bool
publish_values(void *ctx, const char *device, const char *group, const char *payload, size_t bytes,
               uint32_t expires_s)
{
    struct courier *courier = ctx;
    char name[TOPIC_ID_MAX + 8];

    snprintf(name, sizeof name, "val/%s/%s", device, group);
    return courier_publish(courier, name, payload, bytes, 0, true, expires_s);
}

/* the outbox's view of the world */

static bool
outbox_publish(void *ctx, const char *topic, const void *payload, size_t bytes, bool retained,
               uint64_t token)
{
    struct courier *courier = ctx;
    uint64_t seq = bytes == 0 ? outbox_row_of(courier->outbox, token) : 0;

    return notify_send(courier->notify, &(struct notify_publish){.topic = topic,
                                                                 .payload = payload,
                                                                 .payload_bytes = bytes,
                                                                 .qos = 1,
                                                                 .retained = retained,
                                                                 .jid = courier->jid,
                                                                 .seq = seq,
                                                                 .token = token});
}

static enum err_code
outbox_rows(void *ctx, uint64_t after, unsigned limit,
            bool (*row)(void *ctx, const struct journal_row *row), void *row_ctx,
            uint64_t *out_last, struct err *err)
{
    struct courier *courier = ctx;

    if (courier->reader == NULL)
        return err_set(err, ERR_NOT_FOUND, "no journal yet");
    return journal_reader_rows(courier->reader, after, limit, row, row_ctx, out_last, err);
}

static enum err_code
outbox_alarms(void *ctx, unsigned after_priority, uint64_t after_seq, unsigned limit,
              bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq,
                            const char *payload),
              void *alarm_ctx, struct err *err)
{
    struct courier *courier = ctx;

    if (courier->reader == NULL)
        return err_set(err, ERR_NOT_FOUND, "no journal yet");
    return journal_reader_alarms(courier->reader, after_priority, after_seq, limit, alarm,
                                 alarm_ctx, err);
}

/* what the broker remembers and the journal does not */

static bool
sweep_is_told(void *ctx, const char *alarm_id)
{
    struct courier *courier = ctx;
    bool is_told = true;
    struct err err;

    if (courier->reader == NULL || early_has_alarm(courier->early, alarm_id) ||
        journal_reader_is_told(courier->reader, alarm_id, &is_told, &err) != ERR_OK)
        return true;
    return is_told;
}

static bool
sweep_empty(void *ctx, const char *alarm_id)
{
    char name[TOPIC_ID_MAX + 8];

    snprintf(name, sizeof name, "alarm/%s", alarm_id);
    return courier_publish(ctx, name, "", 0, 1, true, 0);
}

static void
sweep_alarms(struct courier *courier)
{
    static const struct sweep_io IO = {sweep_is_told, sweep_empty};
    unsigned emptied = sweep_pump(courier->sweep, &IO, courier);

    if (emptied > 0)
        log_warning("%u alarms that the broker still held are at rest: their topics are emptied",
                    emptied);
}

/* A state that the broker held when the session began. */
static void
note_held_alarm(struct courier *courier, const struct notify_message *message)
{
    size_t prefix = strlen(courier->prefix);
    const char *name = message->topic + prefix;

    if (!message->retained || message->payload_bytes == 0 ||
        strncmp(message->topic, courier->prefix, prefix) != 0 || strncmp(name, "/alarm/", 7) != 0)
        return;
    if (text_is_path(name + 7) && strlen(name + 7) < TOPIC_ID_MAX)
        sweep_note(courier->sweep, name + 7);
}

static void
on_message(void *ctx, const struct notify_message *message)
{
    if (!commands_mqtt_take(ctx, message) && !presence_mqtt_take(ctx, message))
        note_held_alarm(ctx, message);
}

/* Asks for what it holds under alarm/: not for what is published from now on. */
static void
subscribe_alarms(struct courier *courier)
{
    char filter[TOPIC_MAX];

    snprintf(filter, sizeof filter, "%s/alarm/#", courier->prefix);
    sweep_forget(courier->sweep);
    notify_subscribe(courier->notify, filter, 0, NOTIFY_RETAINED_NOW);
}

/* the journal */

/* Opens it, or opens it again after alarms may have made a new one. */
static void
open_journal(struct courier *courier)
{
    char jid[27];
    struct err err;

    courier->opened_ms = clock_now().mono_ms;
    journal_reader_close(courier->reader);
    courier->reader = NULL;
    if (journal_reader_open(courier->params->state_dir, &courier->reader, &err) != ERR_OK ||
        journal_reader_id(courier->reader, jid, &err) != ERR_OK) {
        journal_reader_close(courier->reader);
        courier->reader = NULL;
        if (courier->journal_err.code != err.code)
            log_warning("journal: %s; tried again each second", err.text);
        courier->journal_err = err;
        return;
    }
    courier->journal_err.code = ERR_OK;
    if (strcmp(jid, courier->jid) == 0)
        return;
    text_copy(courier->jid, sizeof courier->jid, jid);
    uint64_t after = strcmp(courier->cursor.jid, jid) == 0 ? courier->cursor.seq : 0;
    if (after == 0 && courier->cursor.jid[0] != '\0')
        log_warning("journal %s is another one than %s: told from its first row", jid,
                    courier->cursor.jid);
    outbox_set_cursor(courier->outbox, after);
    early_forget(courier->early);
    if (notify_is_connected(courier->notify))
        subscribe_alarms(courier); /* topics of the journal before */
    outbox_committed(courier->outbox, courier->tick.committed);
    courier->saved_seq = after;
}

static void
save_cursor(struct courier *courier, int64_t now_ms, bool force)
{
    uint64_t seq = outbox_cursor(courier->outbox);
    struct err err;

    courier->worker.stats[STAT_MQTT_CURSOR] = seq;
    if (courier->jid[0] == '\0' || seq == courier->saved_seq)
        return;
    if (!force && now_ms < courier->save_after_ms)
        return;
    courier->save_after_ms = now_ms + SAVE_MS;
    if (cursor_save(&courier->cursor, courier->jid, seq, &err) == ERR_OK) {
        courier->saved_seq = seq;
        courier->is_save_failing = false;
        return;
    }
    courier->save_after_ms = now_ms + SAVE_AGAIN_MS;
    if (!courier->is_save_failing)
        log_error("%s: rows will be told again after a restart", err.text);
    courier->is_save_failing = true;
}

/* False: alarms has no room; the cursor must not overtake them. */
static bool
tell_refused(struct courier *courier)
{
    if (courier->refused_count > 0 &&
        link_send(courier->alarms, MSG_REFUSED, courier->refused_count, courier->refused))
        courier->refused_count = 0;
    return courier->refused_count == 0;
}

static void
note_refused(struct courier *courier, uint64_t seq)
{
    if (seq == 0 || (courier->refused_count > 0 &&
                     courier->refused[courier->refused_count - 1].seq == seq))
        return;
    if (courier->refused_count == REFUSED_MAX && !tell_refused(courier))
        return; /* it knows of 512 */
    courier->refused[courier->refused_count++].seq = seq;
}

static void
tell_cursor(struct courier *courier, int64_t now_ms)
{
    uint64_t seq = outbox_cursor(courier->outbox);
    int64_t wait_ms = seq == courier->told_seq ? 1000 : 100;
    struct msg_cursor cursor = {.seq = seq,
                                .refused = courier->refusals.count,
                                .connected = notify_is_connected(courier->notify)};

    if (now_ms - courier->told_ms < wait_ms || !tell_refused(courier))
        return;
    if (link_send(courier->alarms, MSG_CURSOR, 1, &cursor)) {
        courier->told_ms = now_ms;
        courier->told_seq = seq;
    }
}

/* the broker */

static void
on_connected(void *ctx)
{
    struct courier *courier = ctx;
    int64_t now_ms = clock_now().mono_ms;

    log_info("connected to the broker %s:%u", courier->params->host, courier->params->port);
    worker_count(&courier->worker, STAT_MQTT_RECONNECTS, 1);
    commands_mqtt_subscribe(courier);
    presence_mqtt_subscribe(courier);
    subscribe_alarms(courier);
    courier->progress_ms = now_ms;
    outbox_connected(courier->outbox);
    if (courier->values != NULL)
        values_out_repeat(courier->values);
    early_again(courier->early);
    courier->told_ms = 0;
    state_out_connected(courier, now_ms);
    work(courier);
}

static void
on_disconnected(void *ctx, const char *reason)
{
    struct courier *courier = ctx;

    (void)reason;
    outbox_disconnected(courier->outbox);
    courier->told_ms = 0;
}

static void
on_delivered(void *ctx, uint64_t token, const char *topic, const char *refused)
{
    struct courier *courier = ctx;
    int64_t now_ms = clock_now().mono_ms;

    courier->progress_ms = now_ms;
    worker_count(&courier->worker, refused == NULL ? STAT_MQTT_PUBLISHED : STAT_MQTT_REFUSED, 1);
    if (refused != NULL && refusals_note(&courier->refusals, topic, refused, now_ms))
        log_error("the broker refuses %s: %s", topic, refused);
    if (token == NO_TOKEN)
        return;
    if (refused != NULL)
        note_refused(courier, outbox_row_of(courier->outbox, token));
    outbox_delivered(courier->outbox, token);
    work(courier);
}

/* alarms */

/* A row that is not on disk: told at once, marked; it comes again, with its hash, when it is. */
static void
take_early_row(struct courier *courier, const struct msg_row *head, const char *text, size_t bytes)
{
    if (!early_take(courier->early, head, text, bytes) && early_dropped(courier->early) == 1)
        log_error("too many rows are not on disk: from row %llu on they are told when they are",
                  (unsigned long long)head->seq);
    work(courier);
}

static void
take_tick(struct courier *courier, const struct msg_tick *tick)
{
    bool is_new_judge = tick->boot != courier->tick.boot;

    courier->tick = *tick;
    courier->ticked_ms = clock_now().mono_ms;
    if (is_new_judge ||
        (courier->reader == NULL && courier->ticked_ms - courier->opened_ms >= OPEN_AGAIN_MS))
        open_journal(courier);
    outbox_committed(courier->outbox, tick->committed);
    early_committed(courier->early, tick->committed);
    if (is_new_judge && notify_is_connected(courier->notify))
        presence_mqtt_subscribe(courier); /* what is retained comes again, for the new one */
    work(courier);
}

static void
on_alarms_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct courier *courier = ctx;

    switch ((enum msg_type)head->type) {
    case MSG_TICK:
        if (head->count == 1)
            take_tick(courier, body);
        break;
    case MSG_SAMPLES:
        if (courier->values != NULL)
            values_out_take(courier->values, body, head->count);
        break;
    case MSG_OUTCOME:
        commands_mqtt_answer(courier, body, (const char *)body + sizeof(struct msg_command),
                             head->bytes - sizeof(struct msg_command));
        break;
    case MSG_ROW:
        take_early_row(courier, body, (const char *)body + sizeof(struct msg_row),
                       head->bytes - sizeof(struct msg_row));
        break;
    default:
        break; /* hello: the next tick says who it is */
    }
}

/* time */

static void
work(struct courier *courier)
{
    struct err err;
    enum err_code code = outbox_pump(courier->outbox, &err);

    if (code != ERR_OK && code != ERR_BUSY && code != ERR_NOT_FOUND) {
        log_warning("journal: %s; opened again", err.text);
        journal_reader_close(courier->reader);
        courier->reader = NULL;
    }
    if (outbox_is_pictured(courier->outbox))
        early_pump(courier->early, publish_early, courier);
    int64_t now_ms = clock_now().mono_ms;
    save_cursor(courier, now_ms, false);
    tell_cursor(courier, now_ms);
}

static void
finish(struct courier *courier)
{
    int64_t now_ms = clock_now().mono_ms;

    save_cursor(courier, now_ms, true);
    if (notify_is_connected(courier->notify))
        state_out_stopped(courier, now_ms);
    worker_end(&courier->worker, 0);
}

static void
on_pulse(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct courier *courier = watcher->data;
    int64_t now_ms = clock_now().mono_ms;

    (void)loop;
    (void)events;
    courier->worker.stats[STAT_MQTT_CONNECTED] = notify_is_connected(courier->notify);
    work(courier);
    if (outbox_under_way(courier->outbox) == 0)
        courier->progress_ms = now_ms;
    if (now_ms - courier->progress_ms > UNCONFIRMED_MS)
        notify_restart(courier->notify, "it confirms nothing");
    if (notify_is_connected(courier->notify)) {
        state_out_pulse(courier, now_ms);
        if (outbox_is_pictured(courier->outbox))
            sweep_alarms(courier);
        if (courier->values != NULL)
            values_out_due(courier->values, now_ms, VALUES_PER_PULSE, publish_values, courier);
    }
    if (courier->is_stopping &&
        (outbox_is_drained(courier->outbox) || now_ms - courier->stop_ms > STOP_MS ||
         !notify_is_connected(courier->notify)))
        finish(courier);
}

static void
on_stop(void *ctx)
{
    struct courier *courier = ctx;

    courier->is_stopping = true;
    courier->stop_ms = clock_now().mono_ms;
}

static enum err_code
set_up(struct courier *courier, struct err *err)
{
    static const struct outbox_io IO = {outbox_publish, outbox_rows, outbox_alarms};
    static const struct notify_handlers HANDLERS = {on_connected, on_disconnected, on_delivered,
                                                    on_message};
    const struct courier_params *params = courier->params;
    char will_topic[TOPIC_MAX];
    enum err_code code;

    /* Without it everything is told again after each restart, which is better than nothing told. */
    if (cursor_open(&courier->cursor, params->state_dir, err) != ERR_OK)
        log_error("%s: rows will be told again after a restart", err->text);
    snprintf(courier->prefix, sizeof courier->prefix, "%s/%s", params->root, params->site);
    snprintf(will_topic, sizeof will_topic, "%s/gw", courier->prefix);
    clock_boot_id(courier->boot);
    courier->outbox = outbox_new(courier->prefix, params->window, &IO, courier);
    if (params->publish_values)
        courier->values = values_out_new(params->directory);
    courier->early = early_new();
    courier->sweep = sweep_new();
    if (courier->outbox == NULL || courier->early == NULL || courier->sweep == NULL ||
        (params->publish_values && courier->values == NULL))
        return err_set(err, ERR_NOMEM, "out of memory");
    open_journal(courier);

    char *will = state_out_will(courier);
    if (will == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    code = notify_new(courier->worker.loop, params, will_topic, will, &HANDLERS, courier,
                      &courier->notify, err);
    free(will);
    return code;
}

int
courier_main(const struct worker_env *env, const struct courier_params *params)
{
    static const struct link_handlers TO_ALARMS = {.on_message = on_alarms_message};
    struct courier courier = {.params = params, .cursor = {.fd = -1}};
    struct err err;
    int status = 1;

    worker_init(&courier.worker, env, on_stop, &courier);
    courier.alarms = worker_link(&courier.worker, params->alarms_fd, &TO_ALARMS, &courier);
    if (set_up(&courier, &err) != ERR_OK) {
        log_error("%s", err.text);
        goto done;
    }
    ev_timer_init(&courier.pulse, on_pulse, PULSE_S, PULSE_S);
    courier.pulse.data = &courier;
    ev_timer_start(courier.worker.loop, &courier.pulse);
    worker_ready(&courier.worker);
    status = worker_run(&courier.worker);
done:
    notify_free(courier.notify);
    outbox_free(courier.outbox);
    early_free(courier.early);
    sweep_free(courier.sweep);
    values_out_free(courier.values);
    journal_reader_close(courier.reader);
    cursor_close(&courier.cursor);
    link_free(courier.alarms);
    free(courier.sum);
    worker_done(&courier.worker);
    return status;
}
