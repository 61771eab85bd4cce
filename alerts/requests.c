/*
 * requests.c - what people ask, read and checked.
 */
#include "alerts/requests.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

static const char *const CONTROL_VERBS[] = {"status", "alarms", "values",      "devices",
                                            "ack",    "flush",  "definitions", "reload",
                                            "verdict", "checkpoint"};
static_assert(ARRAY_LEN(CONTROL_VERBS) == CONTROL_VERB_COUNT, "a verb has no name");

/* Where the reading of one request notes what is wrong. */
struct reading {
    const json_t *object;
    char *reason;
    size_t reason_size;
};

static bool
refuse(const struct reading *reading, const char *what)
{
    snprintf(reading->reason, reading->reason_size, "%s", what);
    return false;
}

static json_t *
parse(const char *text, size_t bytes, char *reason, size_t reason_size)
{
    char detail[160];
    json_t *object = json_parse_object(text, bytes, detail, sizeof detail);
    char clean[160];

    if (object != NULL)
        return object;
    text_clean(clean, sizeof clean, detail, strlen(detail)); /* it quotes what was sent */
    snprintf(reason, reason_size, "not a JSON object: %s", clean);
    return NULL;
}

static bool
read_number(const struct reading *reading, const json_t *value, uint32_t *out)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 1 || number > UINT32_MAX)
        return refuse(reading, "occ: a number from 1, or [from, to]");
    *out = (uint32_t)number;
    return true;
}

static bool
read_occurrence(const struct reading *reading, struct request_ack *ack)
{
    const json_t *occ = json_object_get(reading->object, "occ");

    ack->occ_from = ack->occ_to = 0;
    if (occ == NULL)
        return true;
    if (!json_is_array(occ)) {
        bool is_sound = read_number(reading, occ, &ack->occ_from);

        ack->occ_to = ack->occ_from;
        return is_sound;
    }
    if (json_array_size(occ) != 2 ||
        !read_number(reading, json_array_get(occ, 0), &ack->occ_from) ||
        !read_number(reading, json_array_get(occ, 1), &ack->occ_to) ||
        ack->occ_from > ack->occ_to) {
        ack->occ_from = ack->occ_to = 0;
        return refuse(reading, "occ: a number from 1, or [from, to]");
    }
    return true;
}

static bool
read_ack(const struct reading *reading, struct request_ack *ack)
{
    const json_t *id = json_object_get(reading->object, "id");
    const json_t *note = json_object_get(reading->object, "note");

    if (!json_is_string(id) || !text_is_path(json_string_value(id)))
        return refuse(reading, "id: the id of an alarm, such as power/ups-a/on-battery");
    text_copy(ack->id, sizeof ack->id, json_string_value(id));
    if (note != NULL) {
        if (!json_is_string(note) || json_string_length(note) >= sizeof ack->note ||
            !text_is_clean_utf8(json_string_value(note), json_string_length(note)))
            return refuse(reading, "note: text of at most 511 bytes on one line");
        text_copy(ack->note, sizeof ack->note, json_string_value(note));
    }
    return read_occurrence(reading, ack);
}

static bool
read_device(const struct reading *reading, struct control_request *request)
{
    const json_t *device = json_object_get(reading->object, "device");

    if (device == NULL)
        return true;
    if (!json_is_string(device) || !text_is_id(json_string_value(device)))
        return refuse(reading, "device: the id of a device");
    text_copy(request->device, sizeof request->device, json_string_value(device));
    return true;
}

static bool
read_reload(const struct reading *reading, struct control_request *request)
{
    const json_t *id = json_object_get(reading->object, "request");
    const json_t *reverted = json_object_get(reading->object, "reverted");

    if (id == NULL && request->verb == CONTROL_VERDICT)
        return refuse(reading, "request: the ULID that came with the reload");
    if (id != NULL && (!json_is_string(id) || !ulid_is_valid(json_string_value(id))))
        return refuse(reading, "request: a ULID");
    if (id != NULL)
        text_copy(request->request, sizeof request->request, json_string_value(id));
    if (reverted != NULL && (!json_is_integer(reverted) || json_integer_value(reverted) < 1 ||
                             json_integer_value(reverted) > UINT32_MAX))
        return refuse(reading, "reverted: the number of a generation");
    request->reverted = (uint32_t)json_integer_value(reverted);
    request->is_dry = json_is_true(json_object_get(reading->object, "dry"));
    return true;
}

bool
request_parse_control(const char *line, size_t bytes, struct control_request *out_request,
                      char *reason, size_t reason_size)
{
    struct control_request request = {.verb = CONTROL_VERB_COUNT};
    json_t *object = parse(line, bytes, reason, reason_size);
    struct reading reading = {object, reason, reason_size};
    const char *verb = json_text_or(object, "verb", "");
    bool is_sound = false;

    if (object == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(CONTROL_VERBS); i++)
        if (strcmp(verb, CONTROL_VERBS[i]) == 0)
            request.verb = (enum control_verb)i;
    request.all = json_is_true(json_object_get(object, "all"));
    switch (request.verb) {
    case CONTROL_VALUES:
    case CONTROL_FLUSH:
        is_sound = read_device(&reading, &request);
        break;
    case CONTROL_ACK:
        is_sound = read_ack(&reading, &request.ack);
        break;
    case CONTROL_RELOAD:
    case CONTROL_VERDICT:
        is_sound = read_reload(&reading, &request);
        break;
    case CONTROL_STATUS:
    case CONTROL_ALARMS:
    case CONTROL_DEVICES:
    case CONTROL_DEFINITIONS:
    case CONTROL_CHECKPOINT:
        is_sound = true;
        break;
    case CONTROL_VERB_COUNT:
        refuse(&reading,
               "verb: status, alarms, values, devices, ack, flush, definitions, reload, verdict or "
               "checkpoint");
        break;
    }
    json_decref(object);
    if (is_sound)
        *out_request = request;
    return is_sound;
}

const char *
control_verb_name(enum control_verb verb)
{
    return (unsigned)verb < CONTROL_VERB_COUNT ? CONTROL_VERBS[verb] : "unknown";
}

enum command_verb
command_verb_of(const char *name)
{
    static const char *const LATER[] = {"comment",    "shelve",   "unshelve",
                                        "reset",      "oos",      "in-service",
                                        "test-begin", "test-end", "investigation-close",
                                        "ack-group"};

    if (strcmp(name, "ack") == 0)
        return COMMAND_ACK;
    if (strcmp(name, "get") == 0)
        return COMMAND_GET;
    for (size_t i = 0; i < ARRAY_LEN(LATER); i++)
        if (strcmp(name, LATER[i]) == 0)
            return COMMAND_LATER;
    return COMMAND_UNKNOWN;
}

static bool
read_command(const struct reading *reading, enum command_verb verb, struct command_request *request)
{
    const json_t *expires = json_object_get(reading->object, "expires");
    const json_t *since = json_object_get(reading->object, "since");
    const char *cid = json_text_or(reading->object, "cid", "");

    if (!ulid_is_valid(cid))
        return refuse(reading, "cid: a ULID of this command's own");
    text_copy(request->cid, sizeof request->cid, cid);
    if (expires != NULL && (!json_is_integer(expires) || json_integer_value(expires) < 1))
        return refuse(reading, "expires: UTC milliseconds");
    request->expires_utc_ms = (int64_t)json_integer_value(expires);
    if (verb == COMMAND_ACK)
        return read_ack(reading, &request->ack);
    if (since != NULL && (!json_is_integer(since) || json_integer_value(since) < 0))
        return refuse(reading, "since: a journal number");
    request->since = (uint64_t)json_integer_value(since);
    return true;
}

bool
request_parse_command(enum command_verb verb, const char *payload, size_t bytes,
                      struct command_request *out_request, char *reason, size_t reason_size)
{
    json_t *object;
    bool is_sound;

    *out_request = (struct command_request){0};
    if (bytes > REQUEST_COMMAND_BYTES_MAX) {
        snprintf(reason, reason_size, "payload: at most %d bytes", REQUEST_COMMAND_BYTES_MAX);
        return false;
    }
    object = parse(payload, bytes, reason, reason_size);
    if (object == NULL)
        return false;
    is_sound = read_command(&(struct reading){object, reason, reason_size}, verb, out_request);
    json_decref(object);
    return is_sound;
}
