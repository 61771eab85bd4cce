/*
 * requests.c - what people ask, read and checked.
 *
 * Each order has a list of fields; a field that is not of its verb is refused: who writes
 * "ocurrence" shall not acknowledge another one than he meant.
 */
#include "alerts/requests.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define UTC_MAX_MS INT64_C(253402300799999) /* the year 9999 */
#define DURATION_MAX_S (INT64_C(366) * 86400)

static const char *const CONTROL_NAMES[] = {
#define CONTROL_NAME(symbol, name) name,
    CONTROL_VERBS(CONTROL_NAME)
#undef CONTROL_NAME
};

/* Where the reading of one request notes what is wrong. */
struct reading {
    const json_t *object;
    struct order_request *request;
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
is_within(const json_t *value, int64_t least, int64_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= least &&
           json_integer_value(value) <= most;
}

/* fields */

static bool
read_cid(const struct reading *reading, const json_t *value)
{
    const char *cid = json_string_value(value);

    return cid != NULL && ulid_is_valid(cid) &&
           text_copy(reading->request->cid, sizeof reading->request->cid, cid);
}

static bool
read_expires(const struct reading *reading, const json_t *value)
{
    reading->request->expires_utc_ms = json_integer_value(value);
    return is_within(value, 1, UTC_MAX_MS);
}

static bool
read_ts(const struct reading *reading, const json_t *value)
{
    (void)reading;
    return is_within(value, 1, UTC_MAX_MS);
}

static bool
read_verb(const struct reading *reading, const json_t *value)
{
    (void)reading;
    return json_is_string(value);
}

static bool
read_path(const json_t *value, char out[TOPIC_ID_MAX])
{
    const char *id = json_string_value(value);

    return id != NULL && text_is_path(id) && text_copy(out, TOPIC_ID_MAX, id);
}

static bool
read_id(const struct reading *reading, const json_t *value)
{
    return read_path(value, reading->request->alarm.id);
}

static bool
read_root(const struct reading *reading, const json_t *value)
{
    return read_path(value, reading->request->root);
}

static bool
read_occurrence(const json_t *occ, struct request_alarm *alarm)
{
    const json_t *from = json_is_array(occ) ? json_array_get(occ, 0) : occ;
    const json_t *to = json_is_array(occ) ? json_array_get(occ, 1) : occ;

    if ((json_is_array(occ) && json_array_size(occ) != 2) || !is_within(from, 1, UINT32_MAX) ||
        !is_within(to, 1, UINT32_MAX) || json_integer_value(from) > json_integer_value(to))
        return false;
    alarm->occ_from = (uint32_t)json_integer_value(from);
    alarm->occ_to = (uint32_t)json_integer_value(to);
    return true;
}

static bool
read_occ(const struct reading *reading, const json_t *value)
{
    return read_occurrence(value, &reading->request->alarm);
}

static bool
read_note(const struct reading *reading, const json_t *value)
{
    struct order_request *request = reading->request;
    const char *note = json_string_value(value);
    size_t length = json_string_length(value);

    return note != NULL && length < sizeof request->note && text_is_clean_utf8(note, length) &&
           text_copy(request->note, sizeof request->note, note);
}

static bool
read_second(const struct reading *reading, const json_t *value)
{
    const char *second = json_string_value(value);

    return second != NULL && text_is_id(second) &&
           text_copy(reading->request->second, sizeof reading->request->second, second);
}

static bool
read_duration(const struct reading *reading, const json_t *value)
{
    if (!is_within(value, 1, DURATION_MAX_S))
        return false;
    reading->request->duration_ms = json_integer_value(value) * 1000;
    return true;
}

static bool
read_from(const struct reading *reading, const json_t *value)
{
    reading->request->from_utc_ms = json_integer_value(value);
    return is_within(value, 1, UTC_MAX_MS);
}

static bool
read_to(const struct reading *reading, const json_t *value)
{
    reading->request->to_utc_ms = json_integer_value(value);
    return is_within(value, 1, UTC_MAX_MS);
}

static bool
read_jid(const struct reading *reading, const json_t *value)
{
    const char *jid = json_string_value(value);

    return jid != NULL && ulid_is_valid(jid) &&
           text_copy(reading->request->jid, sizeof reading->request->jid, jid);
}

static bool
read_since(const struct reading *reading, const json_t *value)
{
    reading->request->has_since = true;
    reading->request->since = (uint64_t)json_integer_value(value);
    return is_within(value, 0, REQUEST_SEQ_MAX);
}

static bool
read_limit(const struct reading *reading, const json_t *value)
{
    reading->request->limit = (uint32_t)json_integer_value(value);
    return is_within(value, 1, REQUEST_ROWS_MAX);
}

static bool
read_group(const struct reading *reading, const json_t *value)
{
    struct order_request *request = reading->request;
    size_t count = json_array_size(value);

    if (count < 1 || count > REQUEST_GROUP_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        const json_t *occ = json_object_get(item, "occ");
        struct request_alarm *alarm = &request->group[i];

        if (json_object_size(item) != (occ != NULL ? 2u : 1u) ||
            !read_path(json_object_get(item, "id"), alarm->id) ||
            (occ != NULL && !read_occurrence(occ, alarm)))
            return false;
    }
    request->group_count = (uint32_t)count;
    return true;
}

#define BIT(order) (1u << ORDER_##order)
#define ON_ALARM                                                                                   \
    (BIT(ACK) | BIT(COMMENT) | BIT(SHELVE) | BIT(UNSHELVE) | BIT(RESET) | BIT(OOS) |               \
     BIT(IN_SERVICE) | BIT(TEST_BEGIN) | BIT(TEST_END))
#define WITH_REASON (BIT(SHELVE) | BIT(OOS) | BIT(TEST_BEGIN))
#define WITH_SECOND (BIT(RESET) | BIT(OOS) | BIT(TEST_BEGIN))
#define ALL ((1u << ORDER_COUNT) - 1)

static const struct {
    const char *name;
    unsigned orders, mandatory; /* bits of those that have it, that must have it */
    bool (*read)(const struct reading *reading, const json_t *value);
    const char *what;
} FIELDS[] = {
    {"verb", ALL, 0, read_verb, "a verb"},
    {"cid", ALL, 0, read_cid, "a ULID of this command's own"},
    {"expires", ALL, 0, read_expires, "UTC milliseconds"},
    {"ts", ALL, 0, read_ts, "UTC milliseconds"},
    {"id", ON_ALARM, ON_ALARM, read_id, "the id of an alarm, such as power/ups-a/on-battery"},
    {"occ", BIT(ACK) | BIT(COMMENT), 0, read_occ, "a number from 1, or [from, to]"},
    {"note", ALL & ~(WITH_REASON | BIT(GET)), BIT(COMMENT), read_note,
     "text of at most 511 bytes on one line"},
    {"reason", WITH_REASON, BIT(SHELVE) | BIT(TEST_BEGIN), read_note,
     "text of at most 511 bytes on one line"},
    {"second", WITH_SECOND, 0, read_second, "the user name of the second person"},
    {"duration_s", BIT(SHELVE) | BIT(TEST_BEGIN), BIT(SHELVE), read_duration,
     "whole seconds, 1 to a year"},
    {"from", BIT(OOS), 0, read_from, "UTC milliseconds"},
    {"to", BIT(OOS), 0, read_to, "UTC milliseconds"},
    {"root", BIT(ACK_GROUP), 0, read_root, "the id of an alarm"},
    {"alarms", BIT(ACK_GROUP), 0, read_group, "1 to 64 times {\"id\":, \"occ\":}"},
    {"jid", BIT(GET), 0, read_jid, "the id of a journal"},
    {"since", BIT(GET), 0, read_since, "a journal number"},
    {"limit", BIT(GET), 0, read_limit, "1 to 1000"},
};

static bool
read_field(const struct reading *reading, size_t field, const json_t *value)
{
    if (FIELDS[field].read(reading, value))
        return true;
    snprintf(reading->reason, reading->reason_size, "%s: %s", FIELDS[field].name,
             FIELDS[field].what);
    return false;
}

static bool
refuse_unknown(const struct reading *reading, const char *key)
{
    const char *names[ARRAY_LEN(FIELDS)];
    char clean[64];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
        if ((FIELDS[i].orders & 1u << reading->request->order) != 0)
            names[count++] = FIELDS[i].name;
    const char *nearest = text_nearest(key, names, count);
    text_clean(clean, sizeof clean, key, strlen(key));
    snprintf(reading->reason, reading->reason_size, "%s has no \"%s\"%s%s%s",
             order_name(reading->request->order), clean, nearest != NULL ? "; did you mean \"" : "",
             nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    return false;
}

/* What one field alone cannot say. */
static bool
check_together(const struct reading *reading)
{
    struct order_request *request = reading->request;

    if (request->order == ORDER_ACK_GROUP &&
        (request->group_count > 0) == (request->root[0] != '\0'))
        return refuse(reading, "alarms or root: which ones");
    if (request->order == ORDER_OOS && request->second[0] == '\0') {
        if (request->to_utc_ms == 0)
            return refuse(reading, "to: when it ends, UTC milliseconds");
        if (request->note[0] == '\0')
            return refuse(reading, "reason: why");
    }
    if (request->order == ORDER_OOS && request->to_utc_ms != 0 &&
        request->to_utc_ms <= request->from_utc_ms)
        return refuse(reading, "to: after from");
    if ((request->order == ORDER_SHELVE || request->order == ORDER_TEST_BEGIN ||
         request->order == ORDER_COMMENT) &&
        request->note[0] == '\0')
        return refuse(reading,
                      request->order == ORDER_COMMENT ? "note: what it says" : "reason: why");
    if (request->order == ORDER_TEST_BEGIN && request->duration_ms == 0)
        request->duration_ms = REQUEST_TEST_DEFAULT_MS;
    return true;
}

static bool
read_order(const struct reading *reading)
{
    unsigned bit = 1u << reading->request->order;
    const char *key;
    json_t *value;

    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        value = json_object_get(reading->object, FIELDS[i].name);
        if ((FIELDS[i].orders & bit) == 0 || (value == NULL && (FIELDS[i].mandatory & bit) == 0))
            continue;
        if (!read_field(reading, i, value))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)reading->object, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
            is_known =
                is_known || ((FIELDS[i].orders & bit) != 0 && strcmp(FIELDS[i].name, key) == 0);
        if (!is_known)
            return refuse_unknown(reading, key);
    }
    return check_together(reading);
}

/* Who is far away quotes what he saw; a newer occurrence is not acknowledged unseen. */
static bool
check_occurrences(const struct reading *reading)
{
    const struct order_request *request = reading->request;
    bool is_quoted = request->order != ORDER_ACK || request->alarm.occ_from != 0;

    for (uint32_t i = 0; i < request->group_count; i++)
        is_quoted = is_quoted && request->group[i].occ_from != 0;
    return is_quoted || refuse(reading, "occ: the occurrence that was seen");
}

bool
request_parse_command(enum order order, const char *payload, size_t bytes,
                      struct order_request *out_request, char *reason, size_t reason_size)
{
    json_t *object;
    bool is_sound;

    *out_request = (struct order_request){.order = order};
    if (bytes > REQUEST_COMMAND_BYTES_MAX) {
        snprintf(reason, reason_size, "payload: at most %d bytes", REQUEST_COMMAND_BYTES_MAX);
        return false;
    }
    object = parse(payload, bytes, reason, reason_size);
    if (object == NULL)
        return false;
    struct reading reading = {object, out_request, reason, reason_size};
    if (json_object_get(object, "cid") == NULL)
        is_sound = refuse(&reading, "cid: a ULID of this command's own");
    else
        is_sound = read_order(&reading) && check_occurrences(&reading);
    json_decref(object);
    return is_sound;
}

/* lines of the control socket */

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

static bool
refuse_verb(const struct reading *reading)
{
    size_t used = (size_t)snprintf(reading->reason, reading->reason_size, "verb: one of");

    for (size_t i = 0; i < CONTROL_ORDER + ORDER_COUNT && used < reading->reason_size; i++)
        used += (size_t)snprintf(reading->reason + used, reading->reason_size - used, " %s",
                                 i < CONTROL_ORDER ? CONTROL_NAMES[i]
                                                   : order_name((enum order)(i - CONTROL_ORDER)));
    return false;
}

bool
request_parse_control(const char *line, size_t bytes, struct control_request *out_request,
                      char *reason, size_t reason_size)
{
    json_t *object = parse(line, bytes, reason, reason_size);
    struct reading reading = {object, &out_request->order, reason, reason_size};
    const char *verb = json_text_or(object, "verb", "");
    bool is_sound = false;

    *out_request = (struct control_request){.verb = CONTROL_VERB_COUNT};
    if (object == NULL)
        return false;
    if (order_of(verb, &out_request->order.order))
        out_request->verb = CONTROL_ORDER;
    for (size_t i = 0; i < CONTROL_ORDER; i++)
        if (strcmp(verb, CONTROL_NAMES[i]) == 0)
            out_request->verb = (enum control_verb)i;
    out_request->all = json_is_true(json_object_get(object, "all"));
    if (out_request->verb == CONTROL_VERB_COUNT)
        is_sound = refuse_verb(&reading);
    else if (out_request->verb == CONTROL_ORDER)
        is_sound = read_order(&reading);
    else if (out_request->verb == CONTROL_RELOAD || out_request->verb == CONTROL_VERDICT)
        is_sound = read_reload(&reading, out_request);
    else
        is_sound = read_device(&reading, out_request);
    json_decref(object);
    return is_sound;
}
