/*
 * orders.c - the deeds behind the verbs.
 */
#include "alerts/orders_self.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/history.h"
#include "gateway/base/text.h"

static const char *const OUTCOME_NAMES[] = {
#define OUTCOME_NAME(symbol, name) name,
    OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
};

const char *
outcome_name(enum outcome_code code)
{
    return (unsigned)code < OUTCOME_COUNT ? OUTCOME_NAMES[code] : "bad-request";
}

struct outcome
outcome_of(enum outcome_code code, const char *fmt, ...)
{
    struct outcome outcome = {.code = code};
    va_list args;

    va_start(args, fmt);
    vsnprintf(outcome.error, sizeof outcome.error, fmt, args);
    va_end(args);
    return outcome;
}

struct outcome
orders_outcome_of_reply(enum alarm_reply reply)
{
    switch (reply) {
    case REPLY_OK:
        return (struct outcome){.code = OUTCOME_OK};
    case REPLY_STALE_OCCURRENCE:
        return outcome_of(OUTCOME_STALE_OCCURRENCE, "there is a newer occurrence: look again");
    case REPLY_ACK_FIRST:
        return outcome_of(OUTCOME_ACK_FIRST, "acknowledge it first");
    case REPLY_NOT_SHELVABLE:
        return outcome_of(OUTCOME_NOT_SHELVABLE, "it may not be shelved");
    case REPLY_NOT_UNACKED:
        return outcome_of(OUTCOME_BAD_REQUEST, "nothing waits for an acknowledgement there");
    case REPLY_NOT_LATCHED:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is not latched: there is nothing to reset");
    case REPLY_QUALITY_BAD:
        return outcome_of(OUTCOME_BAD_REQUEST, "its point gives no good readings: nobody knows");
    case REPLY_ALREADY_SHELVED:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is shelved already");
    case REPLY_OUT_OF_SERVICE:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is out of service");
    case REPLY_NOT_SHELVED:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is not shelved");
    case REPLY_ALREADY_OUT_OF_SERVICE:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is so already");
    case REPLY_NOT_OUT_OF_SERVICE:
        return outcome_of(OUTCOME_BAD_REQUEST, "it is in service");
    case REPLY_IGNORED:
    case REPLY_COUNT:
        break;
    }
    return outcome_of(OUTCOME_BAD_REQUEST, "there is nothing to end");
}

struct person
orders_sender_of(const struct deed *deed)
{
    return (struct person){deed->sender->user, role_name((enum role)deed->sender->role)};
}

/* What the row and the alarm object say about who and why. NULL: out of memory. */
char *
orders_describe(const struct person *by, const char *note_key, const char *note,
                int64_t from_utc_ms, int64_t until_utc_ms, const char *second, struct stamp now)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "by", by->user, note_key, note, "role",
                               by->role, "ts", (json_int_t)now.utc_ms);

    if (object != NULL && from_utc_ms != 0)
        json_object_set_new(object, "from", json_integer((json_int_t)from_utc_ms));
    if (object != NULL && until_utc_ms != 0)
        json_object_set_new(object, "until", json_integer((json_int_t)until_utc_ms));
    if (object != NULL && second[0] != '\0')
        json_object_set_new(object, "second", json_string(second));
    char *text = object != NULL ? json_canonical(object) : NULL;
    json_decref(object);
    return text;
}

struct outcome
orders_no_memory(void)
{
    return outcome_of(OUTCOME_BAD_REQUEST, "out of memory: nothing was done");
}

/* One event of the engine in this person's name. */
struct outcome
orders_step(const struct deed *deed, enum alarm_event event, uint32_t occ, int64_t until_utc_ms,
            enum alarm_saying saying)
{
    const struct order_request *request = deed->request;
    const char *note_key = saying == SAYING_SHELF ? "reason" : "note";
    const struct person by = orders_sender_of(deed);
    char *text = orders_describe(&by, note_key, request->note, 0, until_utc_ms, "", deed->now);
    const struct alarm_order order = {deed->sender->user, saying, text};
    struct alarm_tell *tell = deed->orders->tell;

    if (text == NULL)
        return orders_no_memory();
    tell->order = &order;
    enum alarm_reply reply =
        engine_event(tell->engine, deed->alarm, event, occ, until_utc_ms, deed->now);
    tell->order = NULL;
    free(text);
    return orders_outcome_of_reply(reply);
}

static struct outcome
acknowledge(const struct deed *deed, const struct request_alarm *asked)
{
    const struct alarm_state *state = engine_state(deed->orders->tell->engine, deed->alarm);
    uint32_t occ = asked->occ_to;

    if (state != NULL && state->occ >= asked->occ_from && state->occ <= asked->occ_to)
        occ = state->occ; /* a range covers the present occurrence */
    return orders_step(deed, EVENT_ACK, occ, 0, SAYING_ACKED);
}

/* A word of a person, told to those whom the alarm is told. */
static struct outcome
comment(const struct deed *deed)
{
    const struct alarm_state *state = engine_state(deed->orders->tell->engine, deed->alarm);
    const struct alarm_def *def = deed->def;
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "by", deed->sender->user, "id", def->id, "note",
                  deed->request->note, "role", role_name((enum role)deed->sender->role), "occ",
                  (json_int_t)(state != NULL ? state->occ : 0));

    if (body == NULL || journal_add(deed->orders->tell->journal, "comment", deed->now.utc_ms, body,
                                    NULL, def->type->audiences, def->type->priority) == 0)
        return orders_no_memory();
    if (deed->orders->escalation != NULL)
        escalation_commented(deed->orders->escalation, deed->alarm, deed->now);
    return (struct outcome){.code = OUTCOME_OK};
}

struct outcome
orders_too_long(int64_t longest_ms)
{
    return outcome_of(OUTCOME_DENIED, "at most %lld h for this role and this alarm",
                      (long long)(longest_ms / 3600000));
}

static struct outcome
shelve(const struct deed *deed)
{
    if (deed->request->duration_ms > deed->permission.longest_ms)
        return orders_too_long(deed->permission.longest_ms);
    return orders_step(deed, EVENT_SHELVE, 0, deed->now.utc_ms + deed->request->duration_ms,
                       SAYING_SHELF);
}

static struct outcome
act(const struct deed *deed)
{
    switch (deed->request->order) {
    case ORDER_ACK:
        return acknowledge(deed, &deed->request->alarm);
    case ORDER_COMMENT:
        return comment(deed);
    case ORDER_SHELVE:
        return shelve(deed);
    case ORDER_UNSHELVE:
        return orders_step(deed, EVENT_UNSHELVE, 0, 0, SAYING_COUNT);
    case ORDER_IN_SERVICE:
        return orders_end_spell(deed, SPELL_OOS);
    case ORDER_TEST_END:
        return orders_end_spell(deed, SPELL_TEST);
    case ORDER_RESET:
    case ORDER_OOS:
    case ORDER_TEST_BEGIN:
        return orders_with_second(deed);
    case ORDER_ACK_GROUP:
    case ORDER_GET:
    case ORDER_COUNT:
        break;
    }
    return outcome_of(OUTCOME_BAD_REQUEST, "not about one alarm");
}

/* Whose alarm, and may he? */
static struct outcome
judge(struct deed *deed, const char *alarm_id)
{
    const struct orders *orders = deed->orders;
    const struct sender *sender = deed->sender;
    enum order order = deed->request->order;

    if (!alarm_index_find(orders->index, alarm_id, &deed->alarm))
        return outcome_of(OUTCOME_BAD_REQUEST, "there is no alarm %.120s", alarm_id);
    deed->def = &orders->params->alarms[deed->alarm];
    const struct device_info *device =
        deed->def->device != UINT32_MAX
            ? directory_device(orders->params->directory, deed->def->device)
            : NULL;
    struct order_object object = {.priority = deed->def->type->priority,
                                  .managed = deed->def->type->managed,
                                  .shelvable = deed->def->type->shelvable,
                                  .is_own = sender->owner != NULL && sender->owner[0] != '\0' &&
                                            device != NULL && device->owner != NULL &&
                                            strcmp(device->owner, sender->owner) == 0};
    deed->permission = roles_permit((enum role)sender->role, order, &object);
    if (deed->permission.is_allowed)
        return (struct outcome){.code = OUTCOME_OK};
    if (deed->permission.is_unshelvable)
        return outcome_of(OUTCOME_NOT_SHELVABLE, "it may not be shelved");
    return outcome_of(OUTCOME_DENIED, "a %s may not %s%s", role_name((enum role)sender->role),
                      order_name(order), object.is_own ? "" : " this");
}

static struct outcome
do_one(const struct orders *orders, const struct sender *sender,
       const struct order_request *request, const struct request_alarm *alarm, struct stamp now)
{
    struct deed deed = {.orders = orders, .sender = sender, .request = request, .now = now};
    struct outcome outcome = judge(&deed, alarm->id);
    json_t *wanted = deed.def != NULL ? orders_find_wanted(&deed) : NULL;

    if (wanted != NULL)
        outcome = orders_confirm(&deed, wanted); /* the first person's right was asked then */
    else if (outcome.code == OUTCOME_OK)
        outcome = request->order == ORDER_ACK_GROUP ? acknowledge(&deed, alarm) : act(&deed);
    const struct alarm_state *state =
        deed.def != NULL ? engine_state(orders->tell->engine, deed.alarm) : NULL;
    outcome.occ = state != NULL ? state->occ : 0;
    return outcome;
}

/* One of a group. The first that fails is what is said of the whole. */
static void
add_result(struct outcome *all, json_t *results, const char *id, const struct outcome *one)
{
    json_array_append_new(results, json_pack("{s:s, s:s, s:I}", "code", outcome_name(one->code),
                                             "id", id, "occ", (json_int_t)one->occ));
    if (one->code != OUTCOME_OK && all->code == OUTCOME_OK) {
        *all = *one;
        all->occ = 0;
    }
}

/* The root and what is folded under it, as far as it waits for an acknowledgement. */
static struct outcome
do_root(const struct orders *orders, const struct sender *sender,
        const struct order_request *request, struct stamp now, json_t *results)
{
    struct outcome all = {.code = OUTCOME_OK};
    uint32_t root;

    if (!alarm_index_find(orders->index, request->root, &root))
        return outcome_of(OUTCOME_BAD_REQUEST, "there is no alarm %.120s", request->root);
    for (uint32_t i = 0; i < orders->params->alarm_limit; i++) {
        const struct alarm_def *def = &orders->params->alarms[i];
        const struct alarm_state *state = engine_state(orders->tell->engine, i);
        bool is_folded = def->type != NULL && def->type->suppressed_by != NULL && def->root == root;
        struct request_alarm alarm;

        if (state == NULL || (i != root && !is_folded) || state->regions.ack != ACK_UNACKED)
            continue;
        if (json_array_size(results) == REQUEST_ROOT_MAX) {
            struct outcome rest = outcome_of(OUTCOME_BAD_REQUEST,
                                             "%d of them; there are more: again", REQUEST_ROOT_MAX);

            return all.code == OUTCOME_OK ? rest : all;
        }
        alarm = (struct request_alarm){.occ_from = state->occ, .occ_to = state->occ};
        text_copy(alarm.id, sizeof alarm.id, def->id);
        struct outcome one = do_one(orders, sender, request, &alarm, now);
        add_result(&all, results, def->id, &one);
    }
    if (json_array_size(results) == 0)
        return outcome_of(OUTCOME_BAD_REQUEST, "nothing waits for an acknowledgement there");
    return all;
}

/* Each for itself: what can be acknowledged is. */
static struct outcome
do_group(const struct orders *orders, const struct sender *sender,
         const struct order_request *request, struct stamp now)
{
    json_t *results = json_array();
    struct outcome all = {.code = OUTCOME_OK};

    if (request->root[0] != '\0')
        all = do_root(orders, sender, request, now, results);
    for (uint32_t i = 0; i < request->group_count; i++) {
        struct outcome one = do_one(orders, sender, request, &request->group[i], now);

        add_result(&all, results, request->group[i].id, &one);
    }
    if (json_array_size(results) > 0)
        all.more = json_pack("{s:o}", "results", results);
    else
        json_decref(results);
    return all;
}

static struct outcome
get(const struct orders *orders, const struct sender *sender, const struct order_request *request)
{
    struct outcome outcome = {.code = OUTCOME_OK};
    struct err err;

    if (request->jid[0] != '\0' && strcmp(request->jid, journal_id(orders->tell->journal)) != 0)
        return outcome_of(OUTCOME_BAD_REQUEST, "jid: there is another journal now");
    if (!request->has_since)
        return outcome;
    if (history_page(orders->params->state_dir, request->since, request->limit, sender->audiences,
                     &outcome.more, &err) != ERR_OK)
        return outcome_of(OUTCOME_BAD_REQUEST, "%.180s", err.text);
    return outcome;
}

struct outcome
orders_do(const struct orders *orders, const struct sender *sender,
          const struct order_request *request, struct stamp now)
{
    if (request->order == ORDER_GET)
        return get(orders, sender, request);
    if (request->order == ORDER_ACK_GROUP)
        return do_group(orders, sender, request, now);
    return do_one(orders, sender, request, &request->alarm, now);
}
