/*
 * commands.c - what people order: guards, deed, outcome, journal.
 */
#include "alerts/commands.h"

#include <assert.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"

#define ROOT "watchroom/1" /* of what is live; exercises have another */
#define UID_NONE (-1)

static const char *const OUTCOME_NAMES[] = {
#define OUTCOME_NAME(symbol, name) name,
    OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
};

static const char *const ROLES[] = {"viewer",     "operator",   "supervisor",
                                    "maintainer", "continuity", "admin"};
static_assert(ARRAY_LEN(ROLES) == ROLE_COUNT, "a role has no name");

/* Tokens of one sender; the last bucket is shared by all whom nobody knows. */
struct bucket {
    double tokens;
    int64_t filled_mono_ms;
    unsigned refused;      /* not yet in the journal */
    int64_t noted_mono_ms; /* when a refusal went there last */
    char user[ID_MAX], verb[32]; /* of the last one refused */
};

struct commands {
    const struct alarms_params *params;
    struct alarm_tell *tell;
    const struct alarm_index *index;
    uint64_t judged, refused;
    int64_t *uids; /* of the users of the site file; UID_NONE */
    struct bucket buckets[];
};

const char *
outcome_name(enum outcome_code code)
{
    return (unsigned)code < OUTCOME_COUNT ? OUTCOME_NAMES[code] : "bad-request";
}

const char *
role_name(enum role role)
{
    return (unsigned)role < ROLE_COUNT ? ROLES[role] : "viewer";
}

struct commands *
commands_new(const struct alarms_params *params, struct alarm_tell *tell,
             const struct alarm_index *index)
{
    size_t buckets = (size_t)params->user_count + 1;
    struct commands *commands = calloc(1, sizeof *commands + buckets * sizeof *commands->buckets);

    if (commands == NULL)
        return NULL;
    commands->params = params;
    commands->tell = tell;
    commands->index = index;
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
    struct sender sender = {.user = out_name, .source = "control", .uid = uid};

    for (uint32_t i = 0; i < commands->params->user_count; i++)
        if (commands->uids[i] == uid && uid != UID_NONE) {
            text_copy(out_name, ID_MAX, commands->params->users[i].name);
            sender.role = commands->params->users[i].role;
            return sender;
        }
    if (uid == 0 || uid == (int64_t)geteuid()) {
        text_copy(out_name, ID_MAX, "local");
        sender.role = ROLE_OPERATOR;
    } else {
        snprintf(out_name, ID_MAX, "uid-%lld", (long long)uid);
        sender.role = ROLE_VIEWER;
    }
    return sender;
}

/* Duties are separated: who configures does not acknowledge; who looks on does not either. */
static bool
may_ack(enum role role)
{
    switch (role) {
    case ROLE_OPERATOR:
    case ROLE_SUPERVISOR:
    case ROLE_MAINTAINER:
    case ROLE_CONTINUITY:
        return true;
    case ROLE_VIEWER:
    case ROLE_ADMIN:
    case ROLE_COUNT:
        break;
    }
    return false;
}

static struct outcome PRINTF_LIKE(2, 3) outcome_of(enum outcome_code code, const char *fmt, ...)
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
    case REPLY_NOT_UNACKED:
        return outcome_of(OUTCOME_BAD_REQUEST, "nothing waits for an acknowledgement there");
    case REPLY_ACK_FIRST:
        return outcome_of(OUTCOME_ACK_FIRST, "acknowledge it first");
    case REPLY_NOT_SHELVABLE:
        return outcome_of(OUTCOME_NOT_SHELVABLE, "it may not be shelved");
    default: /* replies to what cannot be ordered yet */
        return outcome_of(OUTCOME_BAD_REQUEST, "%s", alarm_reply_name(reply));
    }
}

/* Sets what the row of the acknowledgement says about who and why. */
static char *
describe_ack(const struct sender *sender, const struct request_ack *ack, int64_t utc_ms)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I}", "by", sender->user, "note", ack->note, "role",
                  role_name((enum role)sender->role), "ts", (json_int_t)utc_ms);
    char *text = object != NULL ? json_canonical(object) : NULL;

    json_decref(object);
    return text;
}

static struct outcome
do_ack(struct commands *commands, const struct sender *sender, const struct request_ack *ack,
       struct stamp now)
{
    struct alarm_tell *tell = commands->tell;
    struct outcome outcome;
    uint32_t alarm;

    if (!may_ack((enum role)sender->role))
        return outcome_of(OUTCOME_DENIED, "a %s may not acknowledge",
                          role_name((enum role)sender->role));
    if (!alarm_index_find(commands->index, ack->id, &alarm))
        return outcome_of(OUTCOME_BAD_REQUEST, "there is no alarm %.120s", ack->id);

    const struct alarm_state *state = engine_state(tell->engine, alarm);
    uint32_t occ = ack->occ_to;
    if (state != NULL && state->occ >= ack->occ_from && state->occ <= ack->occ_to)
        occ = state->occ; /* a range covers the present occurrence */
    char *acking = describe_ack(sender, ack, now.utc_ms);
    tell->acking = acking;
    outcome = outcome_of_reply(engine_event(tell->engine, alarm, EVENT_ACK, occ, 0, now));
    tell->acking = NULL;
    free(acking);
    outcome.occ = state != NULL ? state->occ : 0;
    return outcome;
}

/* Every order is on record. Refusals for their rate go there once a second, with a count: a sender
 * gone mad must not fill the disk. */
static void
record(struct commands *commands, const struct sender *sender, const char *verb,
       const struct command_request *request, const struct outcome *outcome, unsigned count,
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
    if (request->cid[0] != '\0')
        json_object_set_new(body, "cid", json_string(request->cid));
    if (request->ack.id[0] != '\0')
        json_object_set_new(body, "id", json_string(request->ack.id));
    if (request->ack.note[0] != '\0')
        json_object_set_new(body, "note", json_string(request->ack.note));
    if (request->ack.occ_from != 0)
        json_object_set_new(body, "occ",
                            json_pack("[I, I]", (json_int_t)request->ack.occ_from,
                                      (json_int_t)request->ack.occ_to));
    if (sender->uid >= 0)
        json_object_set_new(body, "uid", json_integer((json_int_t)sender->uid));
    if (count > 1)
        json_object_set_new(body, "count", json_integer((json_int_t)count));
    journal_add(commands->tell->journal, "command", now.utc_ms, body, NULL, 0, 0);
}

struct outcome
commands_ack(struct commands *commands, const struct sender *sender, const struct request_ack *ack,
             struct stamp now)
{
    struct command_request request = {.ack = *ack};
    struct outcome outcome = do_ack(commands, sender, ack, now);

    record(commands, sender, "ack", &request, &outcome, 1, now);
    return outcome;
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
    *out_bucket = (struct bucket *)(uintptr_t)&commands->buckets[commands->params->user_count];
    return NULL;
}

static void
write_outcome(struct commands *commands, const char *verb, const struct command_request *request,
              const struct outcome *outcome, const char *first, struct stamp now,
              struct text_buf *out)
{
    struct journal *journal = commands->tell->journal;
    json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:s}", "cid", request->cid, "code",
                               outcome_name(outcome->code), "error", outcome->error, "ts",
                               (json_int_t)now.utc_ms, "jid", journal_id(journal), "seq",
                               (json_int_t)journal_head(journal), "verb", verb);

    if (object != NULL && request->ack.id[0] != '\0')
        json_object_set_new(object, "id", json_string(request->ack.id));
    if (object != NULL && outcome->occ != 0)
        json_object_set_new(object, "occ", json_integer((json_int_t)outcome->occ));
    if (object != NULL && first != NULL)
        json_object_set_new(object, "first", json_string(first));
    char *text = object != NULL ? json_canonical(object) : NULL;
    text_buf_reset(out);
    if (text != NULL)
        text_buf_add_bytes(out, text, strlen(text));
    free(text);
    json_decref(object);
}

/* The guards that need neither alarm nor memory, in the order of their cost. */
static struct outcome
check(const struct commands *commands, const struct msg_command *command, const struct user *user,
      bool has_topic, enum command_verb verb, const char *payload, size_t bytes, struct stamp now,
      struct command_request *request)
{
    char reason[200];
    bool is_sound;

    *request = (struct command_request){0};
    if (user == NULL)
        return outcome_of(OUTCOME_DENIED, "nobody here knows this user");
    if (command->retained != 0)
        return outcome_of(OUTCOME_BAD_REQUEST, "retained: a command is given once");
    is_sound = request_parse_command(verb == COMMAND_ACK ? COMMAND_ACK : COMMAND_GET, payload,
                                     bytes, request, reason, sizeof reason);
    if (verb == COMMAND_LATER)
        return outcome_of(OUTCOME_BAD_REQUEST, "not yet supported");
    if (verb == COMMAND_UNKNOWN)
        return outcome_of(OUTCOME_BAD_REQUEST, "there is no such verb");
    if (!is_sound)
        return outcome_of(OUTCOME_BAD_REQUEST, "%s", reason);
    if (!has_topic && command->response_topic[0] != '\0')
        return outcome_of(OUTCOME_BAD_REQUEST, "the response topic is not the sender's own");
    if (request->expires_utc_ms != 0 && request->expires_utc_ms < now.utc_ms)
        return outcome_of(OUTCOME_EXPIRED, "it expired %lld ms ago",
                          (long long)(now.utc_ms - request->expires_utc_ms));
    (void)commands;
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
    struct command_request none = {0};
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
    note_too_many(commands, sender, bucket, now);
    return too_many();
}

void
commands_tick(struct commands *commands, struct stamp now)
{
    for (uint32_t i = 0; i <= commands->params->user_count; i++) {
        bool is_known = i < commands->params->user_count;
        struct sender sender = {
            .user = commands->buckets[i].user,
            .source = "mqtt",
            .role = is_known ? commands->params->users[i].role : (uint8_t)ROLE_VIEWER,
            .uid = UID_NONE};

        note_too_many(commands, &sender, &commands->buckets[i], now);
    }
}

bool
commands_take(struct commands *commands, struct msg_command *command, const char *payload,
              size_t bytes, struct stamp now, struct text_buf *out)
{
    char key[ID_MAX + 40], first[40];
    struct bucket *bucket;

    command->user[sizeof command->user - 1] = '\0';
    command->verb[sizeof command->verb - 1] = '\0';
    if (!text_is_id(command->verb))
        text_copy(command->verb, sizeof command->verb, "?");
    const struct user *user = find_user(commands, command->user, &bucket);
    struct sender sender = {.user = command->user,
                            .source = "mqtt",
                            .role = user != NULL ? user->role : (uint8_t)ROLE_VIEWER,
                            .uid = UID_NONE};
    enum command_verb verb = command_verb_of(command->verb);
    bool has_topic = is_own_topic(commands, command);
    struct command_request request = {0};
    struct outcome outcome;

    if (!take_token(bucket, now.mono_ms)) {
        outcome = rate_limited(commands, &sender, command->verb, bucket, now);
        write_outcome(commands, command->verb, &request, &outcome, NULL, now, out);
        return has_topic && user != NULL;
    }
    outcome = check(commands, command, user, has_topic, verb, payload, bytes, now, &request);
    snprintf(key, sizeof key, "cid.%s.%s", command->user, request.cid);
    if (outcome.code == OUTCOME_OK &&
        journal_get(commands->tell->journal, key, first, sizeof first)) {
        outcome = outcome_of(OUTCOME_DUPLICATE, "this cid was given before");
        record(commands, &sender, command->verb, &request, &outcome, 1, now);
        write_outcome(commands, command->verb, &request, &outcome, first, now, out);
        return has_topic;
    }
    bool is_remembered = outcome.code == OUTCOME_OK;
    if (outcome.code == OUTCOME_OK && verb == COMMAND_ACK)
        outcome = do_ack(commands, &sender, &request.ack, now);
    record(commands, &sender, command->verb, &request, &outcome, 1, now);
    if (is_remembered)
        journal_put_until(commands->tell->journal, key, outcome_name(outcome.code),
                          now.utc_ms + COMMAND_MEMORY_MS);
    write_outcome(commands, command->verb, &request, &outcome, NULL, now, out);
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
