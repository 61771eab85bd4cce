/*
 * orders.c - the deeds behind the verbs.
 */
#include "alerts/orders.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/history.h"
#include "gateway/base/text.h"

#define PLAN_AHEAD_MS (INT64_C(90) * 86400000) /* how far ahead an out-of-service may begin */

static const char *const OUTCOME_NAMES[] = {
#define OUTCOME_NAME(symbol, name) name,
    OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
};

/* One order about one alarm. */
struct deed {
    const struct orders *orders;
    const struct sender *sender;
    const struct order_request *request;
    const struct alarm_def *def;
    uint32_t alarm;
    struct permission permission;
    struct stamp now;
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

static struct outcome
outcome_of_reply(enum alarm_reply reply)
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

struct person {
    const char *user, *role;
};

static struct person
sender_of(const struct deed *deed)
{
    return (struct person){deed->sender->user, role_name((enum role)deed->sender->role)};
}

/* What the row and the alarm object say about who and why. NULL: out of memory. */
static char *
describe(const struct person *by, const char *note_key, const char *note, int64_t from_utc_ms,
         int64_t until_utc_ms, const char *second, struct stamp now)
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

static struct outcome
no_memory(void)
{
    return outcome_of(OUTCOME_BAD_REQUEST, "out of memory: nothing was done");
}

/* One event of the engine in this person's name. */
static struct outcome
step(const struct deed *deed, enum alarm_event event, uint32_t occ, int64_t until_utc_ms,
     enum alarm_saying saying)
{
    const struct order_request *request = deed->request;
    const char *note_key = saying == SAYING_SHELF ? "reason" : "note";
    const struct person by = sender_of(deed);
    char *text = describe(&by, note_key, request->note, 0, until_utc_ms, "", deed->now);
    const struct alarm_order order = {deed->sender->user, saying, text};
    struct alarm_tell *tell = deed->orders->tell;

    if (text == NULL)
        return no_memory();
    tell->order = &order;
    enum alarm_reply reply =
        engine_event(tell->engine, deed->alarm, event, occ, until_utc_ms, deed->now);
    tell->order = NULL;
    free(text);
    return outcome_of_reply(reply);
}

static struct outcome
acknowledge(const struct deed *deed, const struct request_alarm *asked)
{
    const struct alarm_state *state = engine_state(deed->orders->tell->engine, deed->alarm);
    uint32_t occ = asked->occ_to;

    if (state != NULL && state->occ >= asked->occ_from && state->occ <= asked->occ_to)
        occ = state->occ; /* a range covers the present occurrence */
    return step(deed, EVENT_ACK, occ, 0, SAYING_ACKED);
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
        return no_memory();
    if (deed->orders->escalation != NULL)
        escalation_commented(deed->orders->escalation, deed->alarm, deed->now);
    return (struct outcome){.code = OUTCOME_OK};
}

static struct outcome
too_long(int64_t longest_ms)
{
    return outcome_of(OUTCOME_DENIED, "at most %lld h for this role and this alarm",
                      (long long)(longest_ms / 3600000));
}

static struct outcome
shelve(const struct deed *deed)
{
    if (deed->request->duration_ms > deed->permission.longest_ms)
        return too_long(deed->permission.longest_ms);
    return step(deed, EVENT_SHELVE, 0, deed->now.utc_ms + deed->request->duration_ms, SAYING_SHELF);
}

/* the second person */

static const struct user *
find_user(const struct alarms_params *params, const char *name)
{
    for (uint32_t i = 0; i < params->user_count; i++)
        if (strcmp(params->users[i].name, name) == 0)
            return &params->users[i];
    return NULL;
}

static void
second_key(const struct deed *deed, char *key, size_t size)
{
    snprintf(key, size, "second.%s.%s", order_name(deed->request->order), deed->def->id);
}

/* What another person wants to do and named this one for; NULL: nothing. A new reference. */
static json_t *
find_wanted(const struct deed *deed)
{
    char key[TOPIC_ID_MAX + 32], text[2048];

    second_key(deed, key, sizeof key);
    if (deed->request->second[0] == '\0' ||
        !journal_get(deed->orders->tell->journal, key, text, sizeof text))
        return NULL;
    json_t *wanted = json_parse_object(text, strlen(text), NULL, 0);
    if (strcmp(json_text_or(wanted, "by", ""), deed->request->second) == 0 &&
        strcmp(json_text_or(wanted, "second", ""), deed->sender->user) == 0 &&
        json_int_or(wanted, "ends", 0) > deed->now.utc_ms)
        return wanted;
    json_decref(wanted);
    return NULL;
}

/* The first person's half: it waits for the other one's word. */
static struct outcome
want_second(const struct deed *deed)
{
    const struct order_request *request = deed->request;
    const struct user *second = find_user(deed->orders->params, request->second);
    int64_t ends = deed->now.utc_ms + ORDERS_SECOND_MS;
    char key[TOPIC_ID_MAX + 32];

    if (request->second[0] == '\0')
        return outcome_of(OUTCOME_DENIED, "it needs a second person: name him, and he gives the "
                                          "same order with your name");
    if (second == NULL || !roles_may_second((enum role)second->role) ||
        strcmp(second->name, deed->sender->user) == 0)
        return outcome_of(OUTCOME_DENIED, "%.60s cannot be the second person", request->second);
    json_t *wanted = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "by", deed->sender->user, "second",
        request->second, "note", request->note, "role", role_name((enum role)deed->sender->role),
        "duration", (json_int_t)request->duration_ms, "from", (json_int_t)request->from_utc_ms,
        "to", (json_int_t)request->to_utc_ms, "ts", (json_int_t)deed->now.utc_ms, "ends",
        (json_int_t)ends);
    char *text = wanted != NULL ? json_canonical(wanted) : NULL;

    json_decref(wanted);
    if (text == NULL)
        return no_memory();
    second_key(deed, key, sizeof key);
    journal_put_until(deed->orders->tell->journal, key, text, ends);
    free(text);
    return (struct outcome){
        .code = OUTCOME_OK,
        .more = json_pack("{s:s, s:I}", "awaiting", request->second, "until", (json_int_t)ends)};
}

/* out of service, tests */

/* What is done, in whose name: `by` asked for it, `second` confirmed it or is "". */
struct terms {
    struct person by;
    const char *second, *reason;
    int64_t duration_ms, from_utc_ms, to_utc_ms;
};

static struct outcome
begin_spell(const struct deed *deed, enum spell_kind kind, const struct terms *terms)
{
    char *text = describe(&terms->by, "reason", terms->reason, terms->from_utc_ms, terms->to_utc_ms,
                          terms->second, deed->now);
    struct spell_terms spell = {terms->from_utc_ms, terms->to_utc_ms, terms->by.user, text};
    enum alarm_reply reply;

    if (text == NULL)
        return no_memory();
    enum spell_result result =
        spells_begin(deed->orders->spells, kind, deed->alarm, &spell, deed->now, &reply);
    free(text);
    switch (result) {
    case SPELL_DONE:
        return (struct outcome){.code = OUTCOME_OK};
    case SPELL_PLANNED:
        return outcome_of(OUTCOME_BAD_REQUEST, "that is planned already; in-service gives it up");
    case SPELL_TOO_MANY:
        return outcome_of(OUTCOME_BAD_REQUEST, "%d at a time, no more", SPELLS_MAX);
    case SPELL_REFUSED:
        break;
    }
    return outcome_of_reply(reply);
}

static struct outcome
check_times(const struct deed *deed, int64_t from_utc_ms, int64_t to_utc_ms)
{
    int64_t now_ms = deed->now.utc_ms;

    if (to_utc_ms <= now_ms)
        return outcome_of(OUTCOME_BAD_REQUEST, "to: it has passed");
    if (from_utc_ms > now_ms + PLAN_AHEAD_MS)
        return outcome_of(OUTCOME_BAD_REQUEST, "from: at most 90 days ahead");
    if (to_utc_ms - (from_utc_ms > now_ms ? from_utc_ms : now_ms) > deed->permission.longest_ms)
        return too_long(deed->permission.longest_ms);
    return (struct outcome){.code = OUTCOME_OK};
}

/* What a verb that may need two persons does, once one is enough or both have said so. */
static struct outcome
do_it(const struct deed *deed, struct terms *terms)
{
    if (deed->request->order == ORDER_RESET)
        return step(deed, EVENT_RESET, 0, 0, SAYING_COUNT);
    if (deed->request->order == ORDER_OOS)
        return begin_spell(deed, SPELL_OOS, terms);
    terms->from_utc_ms = 0;
    terms->to_utc_ms = deed->now.utc_ms + terms->duration_ms;
    return begin_spell(deed, SPELL_TEST, terms);
}

static struct outcome
confirm(const struct deed *deed, json_t *wanted)
{
    char key[TOPIC_ID_MAX + 32];
    struct outcome outcome = {.code = OUTCOME_DENIED};
    struct terms terms = {.by = {deed->request->second, json_text_or(wanted, "role", "")},
                          .second = deed->sender->user,
                          .reason = json_text_or(wanted, "note", ""),
                          .duration_ms = json_int_or(wanted, "duration", 0),
                          .from_utc_ms = json_int_or(wanted, "from", 0),
                          .to_utc_ms = json_int_or(wanted, "to", 0)};

    if (!roles_may_second((enum role)deed->sender->role))
        snprintf(outcome.error, sizeof outcome.error, "a %s cannot be the second person",
                 role_name((enum role)deed->sender->role));
    else if (deed->request->to_utc_ms != 0 && deed->request->to_utc_ms != terms.to_utc_ms)
        outcome =
            outcome_of(OUTCOME_BAD_REQUEST, "to: not what %s asked for", deed->request->second);
    else if (deed->request->order == ORDER_OOS && terms.to_utc_ms <= deed->now.utc_ms)
        outcome = outcome_of(OUTCOME_BAD_REQUEST, "to: it has passed");
    else
        outcome = do_it(deed, &terms);
    if (outcome.code == OUTCOME_OK) {
        second_key(deed, key, sizeof key);
        journal_put(deed->orders->tell->journal, key, NULL);
    }
    json_decref(wanted);
    return outcome;
}

static struct outcome
perhaps_with_second(const struct deed *deed)
{
    const struct order_request *request = deed->request;
    struct outcome outcome = {.code = OUTCOME_OK};

    if (request->order == ORDER_OOS) {
        if (request->to_utc_ms == 0 || request->note[0] == '\0')
            return outcome_of(OUTCOME_BAD_REQUEST, "to and reason: %s has asked for nothing here",
                              request->second);
        outcome = check_times(deed, request->from_utc_ms, request->to_utc_ms);
    } else if (request->order == ORDER_TEST_BEGIN &&
               request->duration_ms > deed->permission.longest_ms) {
        outcome = too_long(deed->permission.longest_ms);
    }
    if (outcome.code != OUTCOME_OK)
        return outcome;
    if (deed->permission.needs_second)
        return want_second(deed);
    struct terms terms = {.by = sender_of(deed),
                          .second = "",
                          .reason = request->note,
                          .duration_ms = request->duration_ms,
                          .from_utc_ms = request->from_utc_ms,
                          .to_utc_ms = request->to_utc_ms};
    return do_it(deed, &terms);
}

static struct outcome
end_spell(const struct deed *deed, enum spell_kind kind)
{
    const struct person by = sender_of(deed);
    char *text = describe(&by, "note", deed->request->note, 0, 0, "", deed->now);
    const struct alarm_order order = {deed->sender->user, SAYING_COUNT, text};
    enum alarm_reply reply;

    if (text == NULL)
        return no_memory();
    reply = spells_end(deed->orders->spells, kind, deed->alarm, &order, deed->now);
    free(text);
    return outcome_of_reply(reply);
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
        return step(deed, EVENT_UNSHELVE, 0, 0, SAYING_COUNT);
    case ORDER_IN_SERVICE:
        return end_spell(deed, SPELL_OOS);
    case ORDER_TEST_END:
        return end_spell(deed, SPELL_TEST);
    case ORDER_RESET:
    case ORDER_OOS:
    case ORDER_TEST_BEGIN:
        return perhaps_with_second(deed);
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
    json_t *wanted = deed.def != NULL ? find_wanted(&deed) : NULL;

    if (wanted != NULL)
        outcome = confirm(&deed, wanted); /* the first person's right was asked then */
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
