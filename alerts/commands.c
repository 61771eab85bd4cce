/*
 * commands.c - what people order: guards, deed, outcome, journal.
 */
#include "alerts/commands.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"

#define ROOT "watchroom/1" /* of what is live; exercises have another */
#define UID_NONE (-1)
#define LOCAL_NAME "local" /* root and our own at the control socket */
#define EVERY_AUDIENCE ((1u << AUDIENCE_COUNT) - 1)

/* Tokens of one sender. Behind those of the users of the site file: one for all whom nobody knows,
 * one for "local". */
#define BUCKETS_BESIDES 2
struct bucket {
    double tokens;
    int64_t filled_mono_ms;
    unsigned refused;            /* not yet in the journal */
    int64_t noted_mono_ms;       /* when a refusal went there last */
    char user[ID_MAX], verb[32]; /* of the last one refused, as the next */
    const char *source;
    int64_t uid;
};

struct commands {
    struct orders orders;
    const struct alarms_params *params; /* of the orders */
    struct journal *journal;            /* likewise */
    uint64_t judged, refused;
    int64_t *uids; /* of the users of the site file; UID_NONE */
    struct bucket buckets[];
};

struct commands *
commands_new(const struct orders *orders)
{
    const struct alarms_params *params = orders->params;
    size_t buckets = (size_t)params->user_count + BUCKETS_BESIDES;
    struct commands *commands = calloc(1, sizeof *commands + buckets * sizeof *commands->buckets);

    if (commands == NULL)
        return NULL;
    commands->orders = *orders;
    commands->params = params;
    commands->journal = orders->tell->journal;
    commands->uids = calloc(buckets, sizeof *commands->uids);
    if (commands->uids == NULL) {
        free(commands);
        return NULL;
    }
    for (size_t i = 0; i < buckets; i++)
        commands->buckets[i] =
            (struct bucket){.tokens = COMMAND_BURST, .noted_mono_ms = INT64_MIN / 2};
    for (uint32_t i = 0; i < params->user_count; i++) {
        const char *name = params->users[i].system_user;
        const struct passwd *entry = name != NULL ? getpwnam(name) : NULL;

        /* Asked once, here: a directory service that hangs must not stop the judge later. */
        commands->uids[i] = entry != NULL ? (int64_t)entry->pw_uid : UID_NONE;
        if (name != NULL && entry == NULL)
            log_warning("user %s: there is no system user %s; he cannot use the control socket",
                        params->users[i].name, name);
    }
    return commands;
}

void
commands_free(struct commands *commands)
{
    if (commands == NULL)
        return;
    free(commands->uids);
    free(commands);
}

struct sender
commands_sender_of(const struct commands *commands, int64_t uid, char *out_name)
{
    struct sender sender = {
        .user = out_name, .source = "control", .uid = uid, .audiences = EVERY_AUDIENCE};

    for (uint32_t i = 0; i < commands->params->user_count; i++)
        if (commands->uids[i] == uid && uid != UID_NONE) {
            const struct user *user = &commands->params->users[i];

            text_copy(out_name, ID_MAX, user->name);
            sender.role = user->role;
            sender.owner = user->owner;
            sender.audiences = user->audiences;
            return sender;
        }
    if (uid == 0 || uid == (int64_t)geteuid()) {
        text_copy(out_name, ID_MAX, LOCAL_NAME);
        sender.role = ROLE_SUPERVISOR;
    } else {
        snprintf(out_name, ID_MAX, "uid-%lld", (long long)uid);
        sender.role = ROLE_VIEWER;
    }
    return sender;
}

/* Every order is on record. Refusals for their rate go there once a second, with a count: a sender
 * gone mad must not fill the disk. */
static void
set_text_if(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(object, key, json_string(text));
}

static void
set_time_if(json_t *object, const char *key, int64_t value)
{
    if (value != 0)
        json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* What was asked for, as far as it was said. */
static void
record_request(json_t *body, const struct order_request *request)
{
    set_text_if(body, "cid", request->cid);
    set_text_if(body, "id", request->alarm.id);
    set_text_if(body, "root", request->root);
    set_text_if(body, "note", request->note);
    set_text_if(body, "second", request->second);
    set_time_if(body, "duration_s", request->duration_ms / 1000);
    set_time_if(body, "from", request->from_utc_ms);
    set_time_if(body, "to", request->to_utc_ms);
    if (request->has_since)
        json_object_set_new(body, "since", json_integer((json_int_t)request->since));
    if (request->alarm.occ_from != 0)
        json_object_set_new(body, "occ",
                            json_pack("[I, I]", (json_int_t)request->alarm.occ_from,
                                      (json_int_t)request->alarm.occ_to));
}

static void
record(struct commands *commands, const struct sender *sender, const char *verb,
       const struct order_request *request, const struct outcome *outcome, unsigned count,
       struct stamp now)
{
    char clean_verb[64], clean_user[ID_MAX];

    commands->judged++;
    commands->refused += outcome->code != OUTCOME_OK;
    text_clean(clean_verb, sizeof clean_verb, verb, strlen(verb));
    text_clean(clean_user, sizeof clean_user, sender->user, strlen(sender->user));
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "user", clean_user, "source", sender->source,
                  "verb", clean_verb, "code", outcome_name(outcome->code), "role",
                  role_name((enum role)sender->role), "error", outcome->error);
    if (body == NULL)
        return;
    record_request(body, request);
    if (outcome->more != NULL && !request->has_since) /* not the rows of a get, once more */
        json_object_update(body, outcome->more);
    if (sender->uid >= 0)
        json_object_set_new(body, "uid", json_integer((json_int_t)sender->uid));
    if (count > 1)
        json_object_set_new(body, "count", json_integer((json_int_t)count));
    journal_add(commands->journal, "command", now.utc_ms, body, NULL, 0, 0);
}

static bool
take_token(struct bucket *bucket, int64_t mono_ms)
{
    double grown = (double)(mono_ms - bucket->filled_mono_ms) / 1000 * COMMAND_RATE_PER_S;

    bucket->filled_mono_ms = mono_ms;
    bucket->tokens += grown > 0 ? grown : 0;
    if (bucket->tokens > COMMAND_BURST)
        bucket->tokens = COMMAND_BURST;
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

/* An answer may only go to the sender's own topics. */
static bool
is_own_topic(const struct commands *commands, const struct msg_command *command)
{
    char prefix[TOPIC_ID_MAX + 64];
    size_t length = strnlen(command->response_topic, sizeof command->response_topic);
    int used = snprintf(prefix, sizeof prefix, ROOT "/%s/rsp/%s/",
                        commands->params->directory->site, command->user);

    return used > 0 && (size_t)used < sizeof prefix && length < sizeof command->response_topic &&
           length > (size_t)used && strncmp(command->response_topic, prefix, (size_t)used) == 0 &&
           strpbrk(command->response_topic, "+#") == NULL &&
           text_is_clean_utf8(command->response_topic, length);
}

static const struct user *
find_user(const struct commands *commands, const char *name, struct bucket **out_bucket)
{
    for (uint32_t i = 0; i < commands->params->user_count; i++)
        if (strcmp(commands->params->users[i].name, name) == 0) {
            *out_bucket = (struct bucket *)(uintptr_t)&commands->buckets[i];
            return &commands->params->users[i];
        }
    size_t besides = strcmp(name, LOCAL_NAME) == 0 ? 1 : 0;
    *out_bucket =
        (struct bucket *)(uintptr_t)&commands->buckets[commands->params->user_count + besides];
    return NULL;
}

static void
write_outcome(struct commands *commands, const char *verb, const struct order_request *request,
              const struct outcome *outcome, const char *first, struct stamp now,
              struct text_buf *out)
{
    const struct journal *journal = commands->journal;
    json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:s}", "cid", request->cid, "code",
                               outcome_name(outcome->code), "error", outcome->error, "ts",
                               (json_int_t)now.utc_ms, "jid", journal_id(journal), "seq",
                               (json_int_t)journal_head(journal), "verb", verb);

    if (object != NULL && request->alarm.id[0] != '\0')
        json_object_set_new(object, "id", json_string(request->alarm.id));
    if (object != NULL && outcome->occ != 0)
        json_object_set_new(object, "occ", json_integer((json_int_t)outcome->occ));
    if (object != NULL && first != NULL)
        json_object_set_new(object, "first", json_string(first));
    if (object != NULL && outcome->more != NULL)
        json_object_update_missing(object, outcome->more);
    char *text = object != NULL ? json_canonical(object) : NULL;
    text_buf_reset(out);
    if (text != NULL)
        text_buf_add_bytes(out, text, strlen(text));
    free(text);
    json_decref(object);
}

/* The guards that need neither alarm nor memory, in the order of their cost. */
static struct outcome
check(const struct msg_command *command, const struct user *user, bool has_topic,
      const char *payload, size_t bytes, struct order_request *request)
{
    char reason[200];
    enum order order;

    *request = (struct order_request){0};
    if (user == NULL)
        return outcome_of(OUTCOME_DENIED, "nobody here knows this user");
    if (command->retained != 0)
        return outcome_of(OUTCOME_BAD_REQUEST, "retained: a command is given once");
    if (!order_of(command->verb, &order))
        return outcome_of(OUTCOME_BAD_REQUEST, "there is no such verb");
    if (!request_parse_command(order, payload, bytes, request, reason, sizeof reason))
        return outcome_of(OUTCOME_BAD_REQUEST, "%s", reason);
    if (!has_topic && command->response_topic[0] != '\0')
        return outcome_of(OUTCOME_BAD_REQUEST, "the response topic is not the sender's own");
    return (struct outcome){.code = OUTCOME_OK};
}

static struct outcome
too_many(void)
{
    return outcome_of(OUTCOME_RATE_LIMITED, "more than %d a second", COMMAND_RATE_PER_S);
}

static void
note_too_many(struct commands *commands, const struct sender *sender, struct bucket *bucket,
              struct stamp now)
{
    struct order_request none = {0};
    struct outcome outcome = too_many();

    if (bucket->refused == 0 || now.mono_ms - bucket->noted_mono_ms < 1000)
        return;
    record(commands, sender, bucket->verb, &none, &outcome, bucket->refused, now);
    bucket->noted_mono_ms = now.mono_ms;
    bucket->refused = 0;
}

static struct outcome
rate_limited(struct commands *commands, const struct sender *sender, const char *verb,
             struct bucket *bucket, struct stamp now)
{
    bucket->refused++;
    text_copy(bucket->user, sizeof bucket->user, sender->user);
    text_copy(bucket->verb, sizeof bucket->verb, verb);
    bucket->source = sender->source;
    bucket->uid = sender->uid;
    note_too_many(commands, sender, bucket, now);
    return too_many();
}

void
commands_tick(struct commands *commands, struct stamp now)
{
    for (uint32_t i = 0; i < commands->params->user_count + BUCKETS_BESIDES; i++) {
        struct bucket *bucket = &commands->buckets[i];
        struct sender sender = {
            .user = bucket->user,
            .source = bucket->source,
            .role = i < commands->params->user_count    ? commands->params->users[i].role
                    : i == commands->params->user_count ? (uint8_t)ROLE_VIEWER
                                                        : (uint8_t)ROLE_SUPERVISOR,
            .uid = bucket->uid};

        note_too_many(commands, &sender, bucket, now);
    }
}

/* What every sound order goes through, wherever it came from: has it expired, was it given before,
 * the deed, the record, the memory. `first` gets how it ended the first time, for a duplicate. */
static struct outcome
carry_out(struct commands *commands, const struct sender *sender,
          const struct order_request *request, struct stamp now, char first[40])
{
    const char *verb = order_name(request->order);
    struct outcome outcome = {.code = OUTCOME_OK};
    char key[ID_MAX + 40];
    bool has_cid = request->cid[0] != '\0';

    first[0] = '\0';
    snprintf(key, sizeof key, "cid.%s.%s", sender->user, request->cid);
    if (request->expires_utc_ms != 0 && request->expires_utc_ms < now.utc_ms)
        outcome = outcome_of(OUTCOME_EXPIRED, "it expired %lld ms ago",
                             (long long)(now.utc_ms - request->expires_utc_ms));
    else if (has_cid && journal_get(commands->journal, key, first, 40))
        outcome = outcome_of(OUTCOME_DUPLICATE, "this cid was given before");
    bool is_new = outcome.code == OUTCOME_OK;
    if (is_new)
        outcome = orders_do(&commands->orders, sender, request, now);
    record(commands, sender, verb, request, &outcome, 1, now);
    if (is_new && has_cid)
        journal_put_until(commands->journal, key, outcome_name(outcome.code),
                          now.utc_ms + COMMAND_MEMORY_MS);
    return outcome;
}

struct outcome
commands_order(struct commands *commands, const struct sender *sender,
               const struct order_request *request, struct stamp now)
{
    struct bucket *bucket;
    char first[40];

    find_user(commands, sender->user, &bucket);
    if (!take_token(bucket, now.mono_ms))
        return rate_limited(commands, sender, order_name(request->order), bucket, now);
    struct outcome outcome = carry_out(commands, sender, request, now, first);
    if (outcome.code == OUTCOME_DUPLICATE)
        outcome.more = json_pack("{s:s}", "first", first);
    return outcome;
}

bool
commands_take(struct commands *commands, struct msg_command *command, const char *payload,
              size_t bytes, struct stamp now, struct text_buf *out)
{
    char first[40];
    struct bucket *bucket;

    command->user[sizeof command->user - 1] = '\0';
    command->verb[sizeof command->verb - 1] = '\0';
    if (!text_is_id(command->verb))
        text_copy(command->verb, sizeof command->verb, "?");
    const struct user *user = find_user(commands, command->user, &bucket);
    struct sender sender = {.user = command->user,
                            .source = "mqtt",
                            .owner = user != NULL ? user->owner : NULL,
                            .role = user != NULL ? user->role : (uint8_t)ROLE_VIEWER,
                            .audiences = user != NULL ? user->audiences : 0,
                            .uid = UID_NONE};
    bool has_topic = is_own_topic(commands, command);
    struct order_request request = {0};
    struct outcome outcome;

    if (!take_token(bucket, now.mono_ms)) {
        outcome = rate_limited(commands, &sender, command->verb, bucket, now);
        write_outcome(commands, command->verb, &request, &outcome, NULL, now, out);
        return has_topic && user != NULL;
    }
    outcome = check(command, user, has_topic, payload, bytes, &request);
    if (outcome.code == OUTCOME_OK)
        outcome = carry_out(commands, &sender, &request, now, first);
    else
        record(commands, &sender, command->verb, &request, &outcome, 1, now);
    write_outcome(commands, command->verb, &request, &outcome,
                  outcome.code == OUTCOME_DUPLICATE ? first : NULL, now, out);
    json_decref(outcome.more);
    return has_topic && user != NULL;
}

uint64_t
commands_judged(const struct commands *commands)
{
    return commands->judged;
}

uint64_t
commands_refused(const struct commands *commands)
{
    return commands->refused;
}
