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

#include "alerts/alarm_def.h"
#include "alerts/cursor.h"
#include "alerts/notify_mqtt.h"
#include "alerts/outbox.h"
#include "alerts/refusals.h"
#include "alerts/values_out.h"
#include "alerts/witness.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define TICK_OLD_MS 6000
#define HEARTBEAT_MS 5000
#define HEARTBEAT_EXPIRES_S 15
#define OUTCOME_EXPIRES_S 30
#define SAVE_MS 100          /* the cursor file is synced at most this often */
#define SAVE_AGAIN_MS 5000   /* after a failure */
#define OPEN_AGAIN_MS 1000   /* a journal that could not be read */
#define UNCONFIRMED_MS 60000 /* a broker that answers pings and confirms nothing is not there */
#define PULSE_S 0.1
#define STOP_MS 3000 /* what is not told by then is told after the next start */
#define VALUES_PER_PULSE 500
#define TOPIC_MAX (3 * TOPIC_ID_MAX)
#define NO_TOKEN (UINT64_MAX - 1)

struct courier {
    struct worker worker;
    const struct courier_params *params;
    struct link *alarms;
    struct notify *notify;
    struct outbox *outbox;
    struct values_out *values; /* NULL: not published */
    struct journal_reader *reader;
    struct cursor cursor;
    char jid[27], boot[37], prefix[TOPIC_ID_MAX], commands[TOPIC_MAX];
    ev_timer pulse;
    struct msg_tick tick;
    int64_t ticked_ms; /* 0: never */
    int64_t told_ms, beat_ms, gw_ms, sum_ms, stop_ms;
    int64_t save_after_ms, opened_ms, progress_ms, command_dropped_ms;
    uint64_t saved_seq, told_seq;
    struct refusals refusals;
    struct witness witness;
    char gw_state[16], gw_reason[176];
    uint32_t gw_retained;
    char *sum; /* as last published */
    bool owes_meta, is_stopping, is_save_failing;
    struct err journal_err;
};

static void work(struct courier *courier);

/* publishing */

static bool
publish(struct courier *courier, const char *name, const char *payload, int qos, bool retained,
        uint32_t expires_s)
{
    char topic[TOPIC_MAX];

    snprintf(topic, sizeof topic, "%s/%s", courier->prefix, name);
    return notify_send(courier->notify, &(struct notify_publish){.topic = topic,
                                                                 .payload = payload,
                                                                 .payload_bytes = strlen(payload),
                                                                 .qos = qos,
                                                                 .retained = retained,
                                                                 .expires_s = expires_s,
                                                                 .token = NO_TOKEN});
}

/* Takes `object`. */
static bool
publish_json(struct courier *courier, const char *name, json_t *object, int qos, bool retained,
             uint32_t expires_s)
{
    char *text = object == NULL ? NULL : json_canonical(object);
    bool sent = text != NULL && publish(courier, name, text, qos, retained, expires_s);

    free(text);
    json_decref(object);
    return sent;
}

static bool
is_judge_alive(const struct courier *courier, int64_t now_ms)
{
    return courier->ticked_ms != 0 && now_ms - courier->ticked_ms < TICK_OLD_MS;
}

static json_t *
gw_object(const struct courier *courier, const char *state, const char *reason)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:I}", "state", state, "boot",
                     courier->boot, "version", WATCHROOM_VERSION, "config",
                     courier->params->config_digest != NULL ? courier->params->config_digest : "",
                     "jid", courier->jid, "seq", (json_int_t)courier->tick.committed, "retained",
                     (json_int_t)courier->tick.retained, "reason", reason, "ts",
                     (json_int_t)clock_now().utc_ms);
}

static void
publish_gw(struct courier *courier, int64_t now_ms, bool force)
{
    const char *state = "online", *reason = "";
    const char *refused = refusals_reason(&courier->refusals, now_ms);
    const char *complaint = notify_complaint(courier->notify);

    if (!is_judge_alive(courier, now_ms)) {
        state = "degraded";
        reason = "the judge is silent";
    } else if (courier->tick.degraded) {
        state = "degraded";
        reason = courier->tick.reason;
    } else if (refused != NULL) {
        state = "degraded";
        reason = refused;
    } else if (courier->reader == NULL) {
        state = "degraded";
        reason = "the journal cannot be read";
    } else if (complaint != NULL) {
        state = "degraded";
        reason = complaint;
    }
    if (!force && strcmp(state, courier->gw_state) == 0 &&
        strcmp(reason, courier->gw_reason) == 0 &&
        (courier->gw_retained == courier->tick.retained || now_ms - courier->gw_ms < 1000))
        return;
    if (!publish_json(courier, "gw", gw_object(courier, state, reason), 1, true, 0))
        return;
    courier->gw_ms = now_ms;
    courier->gw_retained = courier->tick.retained;
    text_copy(courier->gw_state, sizeof courier->gw_state, state);
    text_copy(courier->gw_reason, sizeof courier->gw_reason, reason);
}

static void
publish_heartbeat(struct courier *courier, int64_t now_ms)
{
    char hash[DIGEST_HEX] = "";
    uint64_t seq = 0, oldest;
    struct err err;

    if (!is_judge_alive(courier, now_ms) || now_ms - courier->beat_ms < HEARTBEAT_MS ||
        courier->reader == NULL ||
        journal_reader_head(courier->reader, &seq, hash, &oldest, &err) != ERR_OK)
        return;
    const uint32_t *active = courier->tick.active;
    json_t *object = json_pack("{s:s, s:I, s:s, s:[i,i,i,i], s:s, s:I}", "jid", courier->jid, "seq",
                               (json_int_t)seq, "hash", hash, "active", (int)active[1],
                               (int)active[2], (int)active[3], (int)active[4], "clock",
                               clock_state_name((enum clock_state)courier->tick.clock), "ts",
                               (json_int_t)clock_now().utc_ms);
    if (publish_json(courier, "hb", object, 0, false, HEARTBEAT_EXPIRES_S))
        courier->beat_ms = now_ms;
}

static void
publish_sum(struct courier *courier, int64_t now_ms, bool force)
{
    const struct msg_tick *tick = &courier->tick;

    if (!force && now_ms - courier->sum_ms < 1000)
        return;
    json_t *object = json_pack("{s:[i,i,i,i], s:i, s:b}", "active", (int)tick->active[1],
                               (int)tick->active[2], (int)tick->active[3], (int)tick->active[4],
                               "retained", (int)tick->retained, "flood", (int)tick->flood);
    char *text = object == NULL ? NULL : json_canonical(object);
    json_decref(object);
    if (text == NULL)
        return;
    if ((force || courier->sum == NULL || strcmp(text, courier->sum) != 0) &&
        publish(courier, "sum", text, 1, true, 0)) {
        free(courier->sum);
        courier->sum = text;
        courier->sum_ms = now_ms;
        return;
    }
    free(text);
}

static void
publish_meta(struct courier *courier)
{
    const struct directory *directory = courier->params->directory;
    json_t *devices = json_array();

    for (uint32_t i = 0; i < directory->device_limit; i++) {
        const struct device_info *device = directory_device(directory, i);

        if (device != NULL)
            json_array_append_new(devices,
                                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", device->id,
                                            "name", device->name, "zone", device->zone, "asset",
                                            device->asset, "owner", device->owner, "profile",
                                            device->profile, "address", device->address));
    }
    if (publish_json(courier, "meta/inventory", json_pack("{s:o}", "devices", devices), 1, true, 0))
        courier->owes_meta = false;
}

static void
publish_checkpoint(struct courier *courier, int64_t now_ms)
{
    struct text_buf text;
    uint64_t seq;

    text_buf_init(&text, 4096);
    if (witness_look(&courier->witness, courier->reader, now_ms, &text, &seq) &&
        publish(courier, "audit/checkpoint", text.data, 1, true, 0))
        courier->witness.told = seq;
    text_buf_done(&text);
}

static bool
publish_values(void *ctx, const char *device, const char *group, const char *payload, size_t bytes,
               uint32_t expires_s)
{
    struct courier *courier = ctx;
    char name[TOPIC_ID_MAX + 8];

    (void)bytes;
    snprintf(name, sizeof name, "val/%s/%s", device, group);
    return publish(courier, name, payload, 0, true, expires_s);
}

/* the outbox's view of the world */

static bool
outbox_publish(void *ctx, const char *topic, const void *payload, size_t bytes, bool retained,
               uint64_t token)
{
    struct courier *courier = ctx;

    return notify_send(courier->notify, &(struct notify_publish){.topic = topic,
                                                                 .payload = payload,
                                                                 .payload_bytes = bytes,
                                                                 .qos = 1,
                                                                 .retained = retained,
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

static void
tell_cursor(struct courier *courier, int64_t now_ms)
{
    uint64_t seq = outbox_cursor(courier->outbox);
    int64_t wait_ms = seq == courier->told_seq ? 1000 : 100;
    struct msg_cursor cursor = {.seq = seq,
                                .refused = courier->refusals.count,
                                .connected = notify_is_connected(courier->notify)};

    if (now_ms - courier->told_ms < wait_ms)
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
    notify_subscribe(courier->notify, courier->commands, 1, NOTIFY_RETAINED_ASKED);
    courier->progress_ms = now_ms;
    outbox_connected(courier->outbox);
    if (courier->values != NULL)
        values_out_repeat(courier->values);
    courier->owes_meta = true;
    courier->witness = (struct witness){0};
    courier->told_ms = 0;
    publish_gw(courier, now_ms, true);
    free(courier->sum);
    courier->sum = NULL;
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
    outbox_delivered(courier->outbox, token);
    work(courier);
}

/* "<prefix>/cmd/<user>/<verb>" */
static bool
split_command(const struct courier *courier, const char *topic, struct msg_command *command)
{
    char user[TOPIC_ID_MAX];
    size_t prefix = strlen(courier->prefix);

    if (strncmp(topic, courier->prefix, prefix) != 0 || strncmp(topic + prefix, "/cmd/", 5) != 0 ||
        !text_copy(user, sizeof user, topic + prefix + 5))
        return false;
    char *slash = strchr(user, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return text_copy(command->user, sizeof command->user, user) &&
           text_copy(command->verb, sizeof command->verb, slash + 1);
}

static void
on_message(void *ctx, const struct notify_message *message)
{
    struct courier *courier = ctx;
    struct msg_command command;

    memset(&command, 0, sizeof command);
    if (!split_command(courier, message->topic, &command)) {
        log_debug("a message on %s: ignored", message->topic);
        return;
    }
    if (message->response_topic != NULL &&
        !text_copy(command.response_topic, sizeof command.response_topic, message->response_topic))
        command.response_topic[0] = '\0';
    if (message->correlation_bytes <= sizeof command.correlation) {
        command.correlation_bytes = (uint32_t)message->correlation_bytes;
        if (message->correlation_bytes > 0)
            memcpy(command.correlation, message->correlation, message->correlation_bytes);
    }
    command.retained = message->retained;
    /* What was too long to be a command came empty: its refusal is on record all the same. */
    command.payload_bytes = (uint32_t)message->payload_bytes;
    if (link_send_blob(courier->alarms, MSG_COMMAND, &command, sizeof command, message->payload,
                       message->payload_bytes))
        return;
    int64_t now_ms = clock_now().mono_ms;
    if (courier->command_dropped_ms != 0 && now_ms - courier->command_dropped_ms < 60000)
        return;
    courier->command_dropped_ms = now_ms;
    log_warning("alarms lags: a command of %s is dropped, as may be more; no answer is sent",
                command.user);
}

/* alarms */

static void
take_outcome(struct courier *courier, const struct msg_command *command, const char *text,
             size_t bytes)
{
    char expected[TOPIC_MAX];

    /* Alarms has checked it; a wrong one would be a way to publish under our name. */
    snprintf(expected, sizeof expected, "%s/rsp/%.*s/", courier->prefix, ID_MAX - 1, command->user);
    if (strncmp(command->response_topic, expected, strlen(expected)) != 0 ||
        strpbrk(command->response_topic, "+#") != NULL)
        return;
    notify_send(courier->notify,
                &(struct notify_publish){.topic = command->response_topic,
                                         .payload = text,
                                         .payload_bytes = bytes,
                                         .qos = 1,
                                         .expires_s = OUTCOME_EXPIRES_S,
                                         .correlation = command->correlation,
                                         .correlation_bytes = command->correlation_bytes,
                                         .token = NO_TOKEN});
}

/* A row that is not on disk: told at once, marked; it comes again, with its hash, when it is. */
static void
take_unjournalled(struct courier *courier, const char *text, size_t bytes)
{
    json_t *row = json_parse_object(text, bytes, NULL, 0);
    const json_t *alarm = json_object_get(row, "alarm");
    const json_t *audience;
    size_t index;
    char name[TOPIC_ID_MAX + 16];

    json_array_foreach(json_object_get(alarm, "audience"), index, audience)
    {
        snprintf(name, sizeof name, "event/%s", json_string_value(audience));
        publish_json(courier, name, json_incref(row), 1, false, 0);
    }
    if (alarm != NULL) {
        snprintf(name, sizeof name, "alarm/%s", json_text_or(alarm, "id", "unknown"));
        publish_json(courier, name, json_deep_copy(alarm), 1, true, 0);
    }
    json_decref(row);
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
        take_outcome(courier, body, (const char *)body + sizeof(struct msg_command),
                     head->bytes - sizeof(struct msg_command));
        break;
    case MSG_ROW:
        take_unjournalled(courier, body, head->bytes);
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
    int64_t now_ms = clock_now().mono_ms;
    save_cursor(courier, now_ms, false);
    tell_cursor(courier, now_ms);
}

static void
finish(struct courier *courier)
{
    int64_t now_ms = clock_now().mono_ms;

    save_cursor(courier, now_ms, true);
    courier->witness.looked_ms = 0; /* that of the stop */
    if (notify_is_connected(courier->notify))
        publish_checkpoint(courier, now_ms);
    if (notify_is_connected(courier->notify))
        publish_json(courier, "gw", gw_object(courier, "offline", "stopped"), 1, true, 0);
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
        publish_gw(courier, now_ms, false);
        publish_heartbeat(courier, now_ms);
        if (outbox_is_in_sync(courier->outbox)) {
            publish_sum(courier, now_ms, courier->sum == NULL);
            publish_checkpoint(courier, now_ms);
            if (courier->owes_meta)
                publish_meta(courier);
        }
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
    snprintf(courier->commands, sizeof courier->commands, "%s/cmd/+/+", courier->prefix);
    clock_boot_id(courier->boot);
    courier->outbox = outbox_new(courier->prefix, params->window, &IO, courier);
    if (params->publish_values)
        courier->values = values_out_new(params->directory);
    if (courier->outbox == NULL || (params->publish_values && courier->values == NULL))
        return err_set(err, ERR_NOMEM, "out of memory");
    open_journal(courier);

    json_t *object = gw_object(courier, "offline", "the connection was lost");
    char *will = object == NULL ? NULL : json_canonical(object);
    json_decref(object);
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
    values_out_free(courier.values);
    journal_reader_close(courier.reader);
    cursor_close(&courier.cursor);
    link_free(courier.alarms);
    free(courier.sum);
    worker_done(&courier.worker);
    return status;
}
