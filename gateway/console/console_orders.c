/*
 * console_orders.c - what was ordered from here, and what came of it.
 */
#include "gateway/console/console_orders.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/text.h"
#include "gateway/console/console_text.h"

static const struct {
    const char *name, *done, *doing;
} VERBS[] = {
    [CONSOLE_ACK] = {"ack", "acknowledged", "acknowledging"},
    [CONSOLE_ACK_GROUP] = {"ack-group", "acknowledged", "acknowledging"},
    [CONSOLE_SHELVE] = {"shelve", "shelved", "shelving"},
    [CONSOLE_UNSHELVE] = {"unshelve", "unshelved", "unshelving"},
    [CONSOLE_RESET] = {"reset", "reset", "resetting"},
    [CONSOLE_COMMENT] = {"comment", "commented", "commenting"},
};
static_assert(ARRAY_LEN(VERBS) == CONSOLE_VERB_COUNT, "a verb has no name");

const char *
console_verb_name(enum console_verb verb)
{
    return VERBS[verb].name;
}

const char *
console_verb_done(enum console_verb verb)
{
    return VERBS[verb].done;
}

static struct console_order *
order_at(struct console_orders *orders, size_t index)
{
    return &orders->orders[(orders->first + index) % CONSOLE_ORDERS_MAX];
}

static struct console_order *
find(struct console_orders *orders, const char *cid)
{
    for (size_t i = 0; i < orders->count; i++)
        if (strcmp(order_at(orders, i)->cid, cid) == 0)
            return order_at(orders, i);
    return NULL;
}

/* False when something of it could not be put in. */
static bool
add_what(json_t *payload, const struct console_wish *wish)
{
    const char *note_key = wish->verb == CONSOLE_SHELVE ? "reason" : "note";
    int status = 0;

    if (wish->verb == CONSOLE_ACK_GROUP)
        status |= json_object_set(payload, "alarms", wish->alarms);
    else
        status |= json_object_set_new(payload, "id", json_string(wish->id));
    if (wish->verb == CONSOLE_ACK)
        status |= json_object_set_new(payload, "occ", json_integer((json_int_t)wish->occ));
    if (wish->verb == CONSOLE_SHELVE)
        status |=
            json_object_set_new(payload, "duration_s", json_integer((json_int_t)wish->duration_s));
    if (wish->note != NULL && wish->note[0] != '\0')
        status |= json_object_set_new(payload, note_key, json_string(wish->note));
    if (wish->second != NULL && wish->second[0] != '\0')
        status |= json_object_set_new(payload, "second", json_string(wish->second));
    return status == 0;
}

char *
console_orders_give(struct console_orders *orders, const struct console_wish *wish,
                    struct stamp now, int64_t gateway_utc_ms)
{
    struct console_order order = {.verb = wish->verb,
                                  .occ = wish->occ,
                                  .count = wish->count,
                                  .sent_mono_ms = now.mono_ms,
                                  .sent_utc_ms = now.utc_ms};
    char *text = NULL;

    ulid_make(now.utc_ms, order.cid);
    text_copy(order.id, sizeof order.id, wish->id);
    json_t *payload =
        json_pack("{s:s, s:I, s:I}", "cid", order.cid, "ts", (json_int_t)gateway_utc_ms, "expires",
                  (json_int_t)(gateway_utc_ms + CONSOLE_ANSWER_MS));
    if (payload != NULL && add_what(payload, wish))
        text = json_canonical(payload);
    json_decref(payload);
    if (text == NULL)
        return NULL;
    if (orders->count == CONSOLE_ORDERS_MAX)
        orders->first = (orders->first + 1) % CONSOLE_ORDERS_MAX;
    else
        orders->count++;
    *order_at(orders, orders->count - 1) = order;
    orders->changes++;
    return text;
}

void
console_orders_fail(struct console_orders *orders, const char *cid, const char *why)
{
    struct console_order *order = find(orders, cid);

    if (order == NULL || order->outcome != CONSOLE_PENDING)
        return;
    order->outcome = CONSOLE_REFUSED;
    console_text_clean(order->said, sizeof order->said, why);
    orders->changes++;
}

/* Of a group: how many of it were done all the same. */
static void
describe_part(const json_t *results, char *out, size_t size)
{
    size_t index, done = 0;
    const json_t *one;

    json_array_foreach(results, index, one)
    {
        done += strcmp(json_text_or(one, "code", ""), "ok") == 0;
    }
    out[0] = '\0';
    if (json_is_array(results))
        snprintf(out, size, "%zu of %zu done; ", done, json_array_size(results));
}

bool
console_orders_answer(struct console_orders *orders, const json_t *answer)
{
    struct console_order *order = find(orders, json_text_or(answer, "cid", ""));
    const char *code = json_text_or(answer, "code", "");
    const char *error = json_text_or(answer, "error", "");
    const char *second = json_text_or(answer, "awaiting", "");
    char text[300], part[48];

    describe_part(json_object_get(answer, "results"), part, sizeof part);
    if (order == NULL || code[0] == '\0')
        return false;
    bool is_done =
        strcmp(code, "ok") == 0 ||
        (strcmp(code, "duplicate") == 0 && strcmp(json_text_or(answer, "first", ""), "ok") == 0);
    /* An answer that comes late is still the truth. */
    order->outcome = is_done ? CONSOLE_DONE : CONSOLE_REFUSED;
    order->seq = (uint64_t)json_int_or(answer, "seq", 0);
    if (is_done && second[0] != '\0')
        snprintf(text, sizeof text, "NOT YET: %.60s must order the same", second);
    else if (is_done)
        text[0] = '\0';
    else
        snprintf(text, sizeof text, "%s%.40s%s%.200s", part, code, error[0] != '\0' ? ": " : "",
                 error);
    console_text_clean(order->said, sizeof order->said, text);
    orders->changes++;
    return true;
}

void
console_orders_tick(struct console_orders *orders, int64_t mono_ms)
{
    for (size_t i = 0; i < orders->count; i++) {
        struct console_order *order = order_at(orders, i);

        if (order->outcome != CONSOLE_PENDING || mono_ms - order->sent_mono_ms < CONSOLE_ANSWER_MS)
            continue;
        order->outcome = CONSOLE_UNCONFIRMED;
        orders->changes++;
    }
}

const struct console_order *
console_orders_at(const struct console_orders *orders, size_t index)
{
    if (index >= orders->count)
        return NULL;
    return &orders->orders[(orders->first + orders->count - 1 - index) % CONSOLE_ORDERS_MAX];
}

bool
console_orders_is_pending(const struct console_orders *orders, const char *id)
{
    const struct console_order *order;

    for (size_t i = 0; (order = console_orders_at(orders, i)) != NULL; i++)
        if (order->outcome == CONSOLE_PENDING && strcmp(order->id, id) == 0)
            return true;
    return false;
}

void
console_orders_tell(const struct console_order *order, char *out, size_t size)
{
    char what[TOPIC_ID_MAX + 64];

    if (order->verb == CONSOLE_ACK_GROUP)
        snprintf(what, sizeof what, "%.200s, %u alarms", order->id, order->count);
    else if (order->verb == CONSOLE_ACK)
        snprintf(what, sizeof what, "%.200s, occurrence %u", order->id, order->occ);
    else
        snprintf(what, sizeof what, "%.200s", order->id);
    switch (order->outcome) {
    case CONSOLE_PENDING:
        snprintf(out, size, "... %s %s: waiting for the gateway", VERBS[order->verb].doing, what);
        break;
    case CONSOLE_DONE:
        if (order->said[0] != '\0')
            snprintf(out, size, "%s: %s %s", order->said, VERBS[order->verb].name, what);
        else
            snprintf(out, size, "CONFIRMED: %s %s (row %llu)", VERBS[order->verb].done, what,
                     (unsigned long long)order->seq);
        break;
    case CONSOLE_REFUSED:
        snprintf(out, size, "REFUSED: %s %s: %s", VERBS[order->verb].name, what, order->said);
        break;
    case CONSOLE_UNCONFIRMED:
        snprintf(out, size, "NOT CONFIRMED: %s %s: no answer in %d s", VERBS[order->verb].name,
                 what, CONSOLE_ANSWER_MS / 1000);
        break;
    }
}
