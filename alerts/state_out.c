/*
 * state_out.c - what consoles see of the courier besides alarms and values: gw, hb, sum, meta,
 * audit/checkpoint.
 *
 * The heartbeat goes out only while the judge's tick is young: a console must never show a quiet
 * site because the judge is dead.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_def.h"
#include "alerts/courier_self.h"
#include "alerts/flood.h"
#include "gateway/base/text.h"

#define TICK_OLD_MS 6000
#define HEARTBEAT_MS 5000
#define HEARTBEAT_EXPIRES_S 15
#define SUM_MS 1000 /* at most so often */

/* Takes `object`. */
static bool
publish_json(struct courier *courier, const char *name, json_t *object, int qos, bool retained,
             uint32_t expires_s)
{
    char *text = object == NULL ? NULL : json_canonical(object);
    bool sent = text != NULL &&
                courier_publish(courier, name, text, strlen(text), qos, retained, expires_s);

    free(text);
    json_decref(object);
    return sent;
}

static bool
is_judge_alive(const struct courier *courier, int64_t now_ms)
{
    return courier->ticked_ms != 0 && now_ms - courier->ticked_ms < TICK_OLD_MS;
}

/* The configuration in effect; a reload that is none of ours leaves us with the file before it. */
static const char *
config_digest(const struct courier *courier)
{
    const char *own = courier->params->config_digest;

    return courier->tick.config[0] != '\0' ? courier->tick.config : own != NULL ? own : "";
}

static json_t *
gw_object(const struct courier *courier, const char *state, const char *reason)
{

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "state", state, "reason", reason, "mode",
                     ALARM_MODE, "boot", courier->boot, "version", WATCHROOM_VERSION, "config",
                     config_digest(courier));
}

static char *
text_of(json_t *object)
{
    char *text = object == NULL ? NULL : json_canonical(object);

    json_decref(object);
    return text;
}

char *
state_out_will(const struct courier *courier)
{
    return text_of(gw_object(courier, "offline", "the connection was lost"));
}

/* Numbers that nobody has told us yet are left out: a 0 would be taken for one. */
char *
state_out_gw(const struct courier *courier, const char *state, const char *reason)
{
    json_t *object = gw_object(courier, state, reason);

    json_object_set_new(object, "ts", json_integer((json_int_t)clock_now().utc_ms));
    if (courier->jid[0] != '\0')
        json_object_set_new(object, "jid", json_string(courier->jid));
    if (courier->ticked_ms != 0) {
        json_object_set_new(object, "seq", json_integer((json_int_t)courier->tick.committed));
        json_object_set_new(object, "retained", json_integer((json_int_t)courier->tick.retained));
    }
    return text_of(object);
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
        strcmp(courier->gw_config, config_digest(courier)) == 0 &&
        (courier->gw_retained == courier->tick.retained || now_ms - courier->gw_ms < 1000))
        return;
    char *text = state_out_gw(courier, state, reason);
    bool sent = text != NULL && courier_publish(courier, "gw", text, strlen(text), 1, true, 0);
    free(text);
    if (!sent)
        return;
    courier->gw_ms = now_ms;
    courier->gw_retained = courier->tick.retained;
    text_copy(courier->gw_config, sizeof courier->gw_config, config_digest(courier));
    text_copy(courier->gw_state, sizeof courier->gw_state, state);
    text_copy(courier->gw_reason, sizeof courier->gw_reason, reason);
}

static json_t *
by_priority(const uint32_t counts[5])
{
    return json_pack("[I, I, I, I]", (json_int_t)counts[1], (json_int_t)counts[2],
                     (json_int_t)counts[3], (json_int_t)counts[4]);
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
    json_t *object =
        json_pack("{s:s, s:I, s:s, s:o, s:s, s:I}", "jid", courier->jid, "seq", (json_int_t)seq,
                  "hash", hash, "active", by_priority(courier->tick.active), "clock",
                  clock_state_name((enum clock_state)courier->tick.clock), "ts",
                  (json_int_t)clock_now().utc_ms);
    if (publish_json(courier, "hb", object, 0, false, HEARTBEAT_EXPIRES_S))
        courier->beat_ms = now_ms;
}

static void
publish_sum(struct courier *courier, int64_t now_ms)
{
    const struct msg_tick *tick = &courier->tick;

    if (courier->sum != NULL && now_ms - courier->sum_ms < SUM_MS)
        return;
    json_t *object =
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:b}", "active", by_priority(tick->active),
                  "unacked", by_priority(tick->unacked), "retained", (json_int_t)tick->retained,
                  "shelved", (json_int_t)tick->shelved, "suppressed", (json_int_t)tick->suppressed,
                  "out_of_service", (json_int_t)tick->out_of_service, "tests",
                  (json_int_t)tick->tested, "flood", (int)(tick->flood != 0));
    json_object_set_new(object, "floods", flood_names(tick->flood));
    json_object_set_new(object, "chattering", json_integer((json_int_t)tick->chattering));
    char *text = object == NULL ? NULL : json_canonical(object);

    /* The number tells how new it is; alone it is no news. */
    if (text != NULL && (courier->sum == NULL || strcmp(text, courier->sum) != 0) &&
        json_object_set_new(object, "seq", json_integer((json_int_t)tick->committed)) == 0 &&
        publish_json(courier, "sum", json_incref(object), 1, true, 0)) {
        free(courier->sum);
        courier->sum = text;
        text = NULL;
        courier->sum_ms = now_ms;
    }
    free(text);
    json_decref(object);
}

static json_t *
describe_device(const struct device_info *device)
{
    const struct {
        const char *key, *value;
    } members[] = {{"id", device->id},          {"name", device->name},
                   {"zone", device->zone},      {"asset", device->asset},
                   {"owner", device->owner},    {"profile", device->profile},
                   {"address", device->address}};
    json_t *object = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].value != NULL && members[i].value[0] != '\0')
            json_object_set_new(object, members[i].key, json_string(members[i].value));
    return object;
}

static void
publish_meta(struct courier *courier)
{
    const struct directory *directory = courier->params->directory;
    json_t *devices = json_array();

    for (uint32_t i = 0; i < directory->device_limit; i++) {
        const struct device_info *device = directory_device(directory, i);

        if (device != NULL)
            json_array_append_new(devices, describe_device(device));
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
        courier_publish(courier, "audit/checkpoint", text.data, text.length, 1, true, 0))
        courier->witness.told = seq;
    text_buf_done(&text);
}

void
state_out_connected(struct courier *courier, int64_t now_ms)
{
    publish_gw(courier, now_ms, true);
    free(courier->sum);
    courier->sum = NULL;
    courier->owes_meta = true;
    courier->witness = (struct witness){0};
}

void
state_out_pulse(struct courier *courier, int64_t now_ms)
{
    publish_gw(courier, now_ms, false);
    publish_heartbeat(courier, now_ms);
    if (!outbox_is_in_sync(courier->outbox))
        return;
    publish_sum(courier, now_ms);
    publish_checkpoint(courier, now_ms);
    if (courier->owes_meta)
        publish_meta(courier);
}

void
state_out_stopped(struct courier *courier, int64_t now_ms)
{
    courier->witness.looked_ms = 0; /* that of the stop */
    publish_checkpoint(courier, now_ms);

    char *text = state_out_gw(courier, "offline", "stopped");

    if (text != NULL)
        courier_publish(courier, "gw", text, strlen(text), 1, true, 0);
    free(text);
}
