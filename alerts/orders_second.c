/*
 * orders_second.c - orders that have an end, and orders that need the word of two persons: out of
 * service, tests, and what a maintainer resets.
 */
#include "alerts/orders_self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_AHEAD_MS (INT64_C(90) * 86400000) /* how far ahead an out-of-service may begin */

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
json_t *
orders_find_wanted(const struct deed *deed)
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
        return orders_no_memory();
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
    char *text = orders_describe(&terms->by, "reason", terms->reason, terms->from_utc_ms,
                                 terms->to_utc_ms, terms->second, deed->now);
    struct spell_terms spell = {terms->from_utc_ms, terms->to_utc_ms, terms->by.user, text};
    enum alarm_reply reply;

    if (text == NULL)
        return orders_no_memory();
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
    return orders_outcome_of_reply(reply);
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
        return orders_too_long(deed->permission.longest_ms);
    return (struct outcome){.code = OUTCOME_OK};
}

/* What a verb that may need two persons does, once one is enough or both have said so. */
static struct outcome
do_it(const struct deed *deed, struct terms *terms)
{
    if (deed->request->order == ORDER_RESET)
        return orders_step(deed, EVENT_RESET, 0, 0, SAYING_COUNT);
    if (deed->request->order == ORDER_OOS)
        return begin_spell(deed, SPELL_OOS, terms);
    terms->from_utc_ms = 0;
    terms->to_utc_ms = deed->now.utc_ms + terms->duration_ms;
    return begin_spell(deed, SPELL_TEST, terms);
}

struct outcome
orders_confirm(const struct deed *deed, json_t *wanted)
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

struct outcome
orders_with_second(const struct deed *deed)
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
        outcome = orders_too_long(deed->permission.longest_ms);
    }
    if (outcome.code != OUTCOME_OK)
        return outcome;
    if (deed->permission.needs_second)
        return want_second(deed);
    struct terms terms = {.by = orders_sender_of(deed),
                          .second = "",
                          .reason = request->note,
                          .duration_ms = request->duration_ms,
                          .from_utc_ms = request->from_utc_ms,
                          .to_utc_ms = request->to_utc_ms};
    return do_it(deed, &terms);
}

struct outcome
orders_end_spell(const struct deed *deed, enum spell_kind kind)
{
    const struct person by = orders_sender_of(deed);
    char *text = orders_describe(&by, "note", deed->request->note, 0, 0, "", deed->now);
    const struct alarm_order order = {deed->sender->user, SAYING_COUNT, text};
    enum alarm_reply reply;

    if (text == NULL)
        return orders_no_memory();
    reply = spells_end(deed->orders->spells, kind, deed->alarm, &order, deed->now);
    free(text);
    return orders_outcome_of_reply(reply);
}
