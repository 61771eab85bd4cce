/*
 * control_verbs.c - the answers of the control socket; the table of verbs is in
 * docs/architecture.md. Long answers are made piece by piece, as the client takes them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "alerts/json_write.h"
#include "gateway/base/log.h"

#define PIECE 64 /* members looked at in one go */

static void
answer_json(struct control_client *client, json_t *object)
{
    char *text = object != NULL ? json_canonical(object) : NULL;

    json_decref(object);
    if (text != NULL)
        control_answer(client, text, strlen(text));
    else
        control_refuse(client, "no-memory", "out of memory");
    free(text);
}

/* Writes one member; false: there is none with this number, or it is not wanted. */
typedef bool write_member(struct alarms *self, const struct control_cursor *cursor, uint32_t number,
                          struct text_buf *out);

static void
write_piece(struct alarms *self, struct control_cursor *cursor, write_member *write,
            struct text_buf *out)
{
    for (uint32_t i = 0; i < PIECE && cursor->at < cursor->to; i++, cursor->at++) {
        size_t before = out->length;

        if (cursor->written > 0)
            text_buf_add_bytes(out, ",", 1);
        if (write(self, cursor, cursor->at, out)) {
            cursor->written++;
        } else if (!out->failed) {
            out->length = before;
            if (out->data != NULL)
                out->data[before] = '\0';
        }
    }
}

/* {"<name>":[ ... ],"ok":true} */
static bool
produce_list(struct alarms *self, struct control_cursor *cursor, const char *name,
             write_member *write, struct text_buf *out)
{
    if (cursor->at == cursor->from && cursor->written == 0 && out->length == 0)
        text_buf_add(out, "{\"%s\":[", name);
    write_piece(self, cursor, write, out);
    if (cursor->at < cursor->to)
        return true;
    text_buf_add(out, "],\"ok\":true}\n");
    return false;
}

static bool
write_alarm(struct alarms *self, const struct control_cursor *cursor, uint32_t alarm,
            struct text_buf *out)
{
    if (engine_state(self->engine, alarm) == NULL ||
        (!cursor->all && engine_is_at_rest(self->engine, alarm)))
        return false;
    return alarm_tell_write(&self->tell, alarm, out);
}

static bool
produce_alarms(void *ctx, struct control_cursor *cursor, struct text_buf *out)
{
    return produce_list(ctx, cursor, "alarms", write_alarm, out);
}

static bool
write_value(struct alarms *self, const struct control_cursor *cursor, uint32_t point,
            struct text_buf *out)
{
    (void)cursor;
    return values_write(self->values, point, out);
}

static bool
produce_values(void *ctx, struct control_cursor *cursor, struct text_buf *out)
{
    return produce_list(ctx, cursor, "values", write_value, out);
}

/* Of one device: its points lie anywhere among the numbers; they are few enough for one piece. */
static void
answer_values_of(struct alarms *self, struct control_client *client,
                 const struct device_info *device)
{
    struct text_buf out;

    text_buf_init(&out, (size_t)1024 * 1024);
    text_buf_add(&out, "{\"ok\":true,\"values\":[");
    for (uint32_t i = 0, written = 0; i < device->point_count; i++) {
        if (written > 0)
            text_buf_add_bytes(&out, ",", 1);
        if (values_write(self->values, device->points[i], &out))
            written++;
        else if (written > 0)
            out.length--;
    }
    text_buf_add(&out, "]}");
    if (out.failed)
        control_refuse(client, "no-memory", "the answer is too large");
    else
        control_answer(client, out.data, out.length);
    text_buf_done(&out);
}

static bool
write_device(struct alarms *self, const struct control_cursor *cursor, uint32_t device,
             struct text_buf *out)
{
    (void)cursor;
    return device_health_write(self->devices, device, out);
}

static bool
produce_devices(void *ctx, struct control_cursor *cursor, struct text_buf *out)
{
    return produce_list(ctx, cursor, "devices", write_device, out);
}

static void
write_digest(struct text_buf *out, uint64_t digest)
{
    text_buf_add(out, ",\"digest\":\"%016" PRIx64 "\"", digest);
}

static bool
write_device_definition(struct alarms *self, const struct control_cursor *cursor, uint32_t device,
                        struct text_buf *out)
{
    const struct device_info *info = directory_device(self->params->directory, device);

    (void)cursor;
    if (info == NULL)
        return false;
    text_buf_add(out, "{\"id\":\"%s\"", info->id);
    write_digest(out, info->digest);
    text_buf_add_bytes(out, "}", 1);
    return true;
}

static bool
write_alarm_definition(struct alarms *self, const struct control_cursor *cursor, uint32_t alarm,
                       struct text_buf *out)
{
    const struct alarm_def *def = &self->params->alarms[alarm];
    const struct alarm_state *state = engine_state(self->engine, alarm);

    (void)cursor;
    if (state == NULL)
        return false;
    text_buf_add(out, "{\"id\":\"%s\"", def->id);
    write_digest(out, def->type->digest);
    text_buf_add(out, ",\"live\":%s,\"out_of_service\":%s,\"shelved\":%s}",
                 alarm_is_live(&state->regions) ? "true" : "false",
                 state->regions.oos ? "true" : "false", state->regions.shelved ? "true" : "false");
    return true;
}

/* Devices first, then alarms: `from` tells which of the two lists this is. */
enum { LIST_ALARMS, LIST_DEVICES };

static bool
produce_definitions(void *ctx, struct control_cursor *cursor, struct text_buf *out)
{
    struct alarms *self = ctx;

    if (cursor->from == LIST_ALARMS) {
        if (cursor->at == 0 && cursor->written == 0)
            text_buf_add(out, "{\"alarms\":[");
        write_piece(self, cursor, write_alarm_definition, out);
        if (cursor->at < cursor->to)
            return true;
        text_buf_add(out, "],\"devices\":[");
        *cursor = (struct control_cursor){.from = LIST_DEVICES,
                                          .to = self->params->directory->device_limit};
        return true;
    }
    write_piece(self, cursor, write_device_definition, out);
    if (cursor->at < cursor->to)
        return true;
    text_buf_add_bytes(out, "],", 2);
    control_config_write_running(self, out);
    text_buf_add(out, ",\"ok\":true}\n");
    return false;
}

static void
answer_values(struct alarms *self, struct control_client *client,
              const struct control_request *request)
{
    const struct directory *directory = self->params->directory;
    uint32_t device;

    if (request->device[0] == '\0') {
        control_stream(client, produce_values,
                       (struct control_cursor){.to = directory->point_limit});
    } else if (directory_find_device(directory, request->device, &device)) {
        answer_values_of(self, client, &directory->devices[device]);
    } else {
        control_refuse(client, "not-found", "there is no such device");
    }
}

static void
answer_order(struct alarms *self, struct control_client *client,
             const struct order_request *request)
{
    char name[ID_MAX];
    struct control_peer peer = control_peer(client);
    struct sender sender = commands_sender_of(self->commands, peer.uid, name);
    struct outcome outcome = commands_order(self->commands, &sender, request, self->now);

    log_info("control socket: %s (uid %lld, pid %lld) orders %s %s: %s", name, (long long)peer.uid,
             (long long)peer.pid, order_name(request->order), request->alarm.id,
             outcome_name(outcome.code));
    turn_add_answer(self, control_wait(client), &outcome);
}

void
control_verbs_ordered(struct alarms *self, uint64_t ticket, const struct outcome *outcome)
{
    struct control_client *client = control_find(self->control, ticket);
    json_t *answer;

    if (client == NULL)
        return; /* hung up meanwhile; the deed is done and on record */
    if (outcome->code != OUTCOME_OK && outcome->more == NULL) {
        control_refuse(client, outcome_name(outcome->code), outcome->error);
        return;
    }
    answer = json_pack("{s:b, s:s, s:s, s:I}", "ok", outcome->code == OUTCOME_OK, "code",
                       outcome_name(outcome->code), "error", outcome->error, "occ",
                       (json_int_t)outcome->occ);
    if (answer != NULL && outcome->more != NULL)
        json_object_update_missing(answer, outcome->more);
    answer_json(client, answer);
}

static void
answer_flush(struct alarms *self, struct control_client *client,
             const struct control_request *request)
{
    struct msg_flush flush = {.token = ++self->flush_tokens, .device = UINT32_MAX};

    if (request->device[0] != '\0' &&
        !directory_find_device(self->params->directory, request->device, &flush.device)) {
        control_refuse(client, "not-found", "there is no such device");
        return;
    }
    if (self->store == NULL || !link_send(self->store, MSG_FLUSH, 1, &flush)) {
        control_refuse(client, "busy", "the store is behind: try again");
        return;
    }
    /* Each client waits for one answer at most, so a place is free or held by one that is gone. */
    for (size_t i = 0; i < ARRAY_LEN(self->flushes); i++)
        if (self->flushes[i].token == 0 ||
            control_find(self->control, self->flushes[i].ticket) == NULL) {
            self->flushes[i].token = flush.token;
            self->flushes[i].ticket = control_wait(client);
            return;
        }
    control_refuse(client, "busy", "too many flushes at once");
}

void
control_verbs_flushed(struct alarms *self, const struct msg_flush *flushed)
{
    for (size_t i = 0; i < ARRAY_LEN(self->flushes); i++) {
        if (self->flushes[i].token == 0 || self->flushes[i].token != flushed->token)
            continue;
        struct control_client *client = control_find(self->control, self->flushes[i].ticket);

        self->flushes[i].token = 0;
        if (client == NULL)
            return;
        if (flushed->code == ERR_OK)
            control_answer(client, "{\"ok\":true}", 11);
        else
            control_refuse(client, err_name((enum err_code)flushed->code),
                           "the store could not write");
        return;
    }
}

void
control_verbs_answer(void *ctx, struct control_client *client,
                     const struct control_request *request)
{
    struct alarms *self = ctx;

    alarms_read_clock(self);
    switch (request->verb) {
    case CONTROL_STATUS:
        answer_json(client, figures_status(self));
        break;
    case CONTROL_ALARMS:
        control_stream(
            client, produce_alarms,
            (struct control_cursor){.to = self->params->alarm_limit, .all = request->all});
        break;
    case CONTROL_VALUES:
        answer_values(self, client, request);
        break;
    case CONTROL_DEVICES:
        control_stream(client, produce_devices,
                       (struct control_cursor){.to = self->params->directory->device_limit});
        break;
    case CONTROL_ORDER:
        answer_order(self, client, &request->order);
        break;
    case CONTROL_FLUSH:
        answer_flush(self, client, request);
        break;
    case CONTROL_DEFINITIONS:
        control_stream(
            client, produce_definitions,
            (struct control_cursor){.from = LIST_ALARMS, .to = self->params->alarm_limit});
        break;
    case CONTROL_RELOAD:
        control_config_reload(self, client, request);
        break;
    case CONTROL_VERDICT:
        control_config_verdict(self, client, request);
        break;
    case CONTROL_CHECKPOINT:
        control_config_checkpoint(self, client);
        break;
    case CONTROL_VERB_COUNT:
        control_refuse(client, "bad-request", "no such verb");
        break;
    }
}
