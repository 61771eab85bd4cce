/*
 * presence.c - who watches.
 */
#include "alerts/presence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define PREFIX "presence."
#define REFUSED_TOLD_MS 60000

struct console {
    char user[ID_MAX], client[ID_MAX];
    uint8_t audiences; /* AUDIENCE_BIT()s */
    bool is_watching;
    int64_t since_utc_ms;
    int64_t said_mono_ms;
    int64_t filled_mono_ms;
    double tokens; /* rows it may still cause */
    unsigned skipped;
};

struct presence {
    const struct alarms_params *params;
    struct journal *journal;
    struct console list[PRESENCE_MAX];
    unsigned count;
    bool is_connected;
    int64_t connected_mono_ms; /* of the session there is; INT64_MIN: none yet */
    uint64_t refused;
    int64_t refused_told_mono_ms;
};

struct presence *
presence_new(const struct alarms_params *params, struct journal *journal)
{
    struct presence *presence = calloc(1, sizeof *presence);

    if (presence == NULL)
        return NULL;
    presence->params = params;
    presence->journal = journal;
    presence->connected_mono_ms = INT64_MIN;
    return presence;
}

void
presence_free(struct presence *presence)
{
    free(presence);
}

static json_t *
audiences_json(unsigned audiences)
{
    json_t *list = json_array();

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if ((audiences & AUDIENCE_BIT(audience)) != 0)
            json_array_append_new(list, json_string(audience_name((enum audience)audience)));
    return list;
}

/* facts and rows */

static void
put(struct presence *presence, const struct console *console)
{
    char key[2 * ID_MAX + 16];
    char *text = NULL;

    snprintf(key, sizeof key, PREFIX "%s/%s", console->user, console->client);
    if (console->is_watching) {
        json_t *object = json_pack("{s:i, s:I}", "audiences", (int)console->audiences, "since",
                                   (json_int_t)console->since_utc_ms);

        text = object != NULL ? json_canonical(object) : NULL;
        json_decref(object);
    }
    journal_put(presence->journal, key, text);
    free(text);
}

static void
record(struct presence *presence, struct console *console, const char *reason, struct stamp now)
{
    double grown = (double)(now.mono_ms - console->filled_mono_ms) / 60000 * PRESENCE_ROWS_PER_MIN;

    console->filled_mono_ms = now.mono_ms;
    console->tokens += grown > 0 ? grown : 0;
    if (console->tokens > PRESENCE_ROWS_PER_MIN)
        console->tokens = PRESENCE_ROWS_PER_MIN;
    if (console->tokens < 1) {
        console->skipped++;
        return;
    }
    console->tokens -= 1;
    json_t *body = json_pack("{s:s, s:s, s:s, s:o, s:s, s:I}", "user", console->user, "client",
                             console->client, "state", console->is_watching ? "watching" : "gone",
                             "audiences", audiences_json(console->audiences), "reason", reason,
                             "since", (json_int_t)console->since_utc_ms);
    if (body != NULL && console->skipped > 0)
        json_object_set_new(body, "skipped", json_integer((json_int_t)console->skipped));
    console->skipped = 0;
    if (body != NULL)
        journal_add(presence->journal, "presence", now.utc_ms, body, NULL, 0, 0);
}

/* consoles */

static struct console *
find(struct presence *presence, const char *user, const char *client)
{
    for (unsigned i = 0; i < presence->count; i++)
        if (strcmp(presence->list[i].user, user) == 0 &&
            strcmp(presence->list[i].client, client) == 0)
            return &presence->list[i];
    return NULL;
}

/* NULL: too many. Those that are gone and have nothing to say make room. */
static struct console *
make(struct presence *presence, const char *user, const char *client, struct stamp now)
{
    struct console *free_one = NULL;
    unsigned of_user = 0;

    for (unsigned i = 0; i < presence->count; i++) {
        struct console *console = &presence->list[i];

        of_user += strcmp(console->user, user) == 0 && console->is_watching;
        if (!console->is_watching && console->skipped == 0 &&
            now.mono_ms - console->said_mono_ms > 60000)
            free_one = console;
    }
    if (of_user >= PRESENCE_CLIENTS_MAX)
        return NULL;
    if (presence->count < PRESENCE_MAX)
        free_one = &presence->list[presence->count++];
    if (free_one == NULL)
        return NULL;
    *free_one = (struct console){.tokens = PRESENCE_ROWS_PER_MIN, .filled_mono_ms = now.mono_ms};
    text_copy(free_one->user, sizeof free_one->user, user);
    text_copy(free_one->client, sizeof free_one->client, client);
    return free_one;
}

static void
end(struct presence *presence, struct console *console, const char *reason, struct stamp now)
{
    if (!console->is_watching)
        return;
    console->is_watching = false;
    record(presence, console, reason, now);
    put(presence, console);
}

static const struct user *
user_of(const struct presence *presence, const char *name)
{
    for (uint32_t i = 0; i < presence->params->user_count; i++)
        if (strcmp(presence->params->users[i].name, name) == 0)
            return &presence->params->users[i];
    return NULL;
}

static unsigned
read_audiences(const json_t *object)
{
    const json_t *names = json_object_get(object, "audiences");
    unsigned audiences = 0;

    for (size_t i = 0; i < json_array_size(names) && i < 16; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        for (unsigned audience = 0; name != NULL && audience < AUDIENCE_COUNT; audience++)
            if (strcmp(name, audience_name((enum audience)audience)) == 0)
                audiences |= AUDIENCE_BIT(audience);
    }
    return audiences;
}

static bool
refuse(struct presence *presence, const char *user, const char *why, struct stamp now)
{
    char clean[ID_MAX];

    presence->refused++;
    if (presence->refused_told_mono_ms == 0 ||
        now.mono_ms - presence->refused_told_mono_ms >= REFUSED_TOLD_MS) {
        presence->refused_told_mono_ms = now.mono_ms;
        text_clean(clean, sizeof clean, user, strlen(user));
        log_warning("presence of %s is not counted: %s", clean, why);
    }
    return false;
}

bool
presence_take(struct presence *presence, const struct msg_presence *head, const char *payload,
              size_t bytes, struct stamp now)
{
    const struct user *user = user_of(presence, head->user);
    struct console *console = find(presence, head->user, head->client);

    if (user == NULL)
        return refuse(presence, head->user, "nobody here knows this user", now);
    if (!text_is_id(head->client))
        return refuse(presence, head->user, "the client's name is no short name", now);
    if (bytes == 0) {
        if (console != NULL)
            end(presence, console, "topic emptied", now);
        return true;
    }
    json_t *object = json_parse_object(payload, bytes, NULL, 0);
    const char *state = json_text_or(object, "state", "");
    bool is_watching = strcmp(state, "watching") == 0, is_gone = strcmp(state, "gone") == 0;
    unsigned audiences = read_audiences(object) & user->audiences;

    json_decref(object);
    if (!is_watching && !is_gone)
        return refuse(presence, head->user, "it says neither watching nor gone", now);
    if (!is_watching) {
        if (console != NULL)
            end(presence, console, "gone", now);
        return true;
    }
    if (console == NULL)
        console = make(presence, head->user, head->client, now);
    if (console == NULL)
        return refuse(presence, head->user, "too many consoles", now);
    console->said_mono_ms = now.mono_ms;
    if (console->is_watching && console->audiences == audiences)
        return true;
    if (!console->is_watching)
        console->since_utc_ms = now.utc_ms;
    console->is_watching = true;
    console->audiences = (uint8_t)audiences;
    record(presence, console, "said", now);
    put(presence, console);
    return true;
}

/* time */

void
presence_connected(struct presence *presence, bool is_connected, struct stamp now)
{
    if (is_connected && !presence->is_connected)
        presence->connected_mono_ms = now.mono_ms;
    presence->is_connected = is_connected;
}

void
presence_tick(struct presence *presence, struct stamp now)
{
    if (!presence->is_connected)
        return;
    for (unsigned i = 0; i < presence->count; i++) {
        struct console *console = &presence->list[i];

        /* Not said in this session, or not for long. */
        if (console->said_mono_ms < presence->connected_mono_ms
                ? now.mono_ms - presence->connected_mono_ms >= PRESENCE_AGAIN_MS
                : now.mono_ms - console->said_mono_ms >= PRESENCE_EXPIRES_MS)
            end(presence, console, "not heard again", now);
    }
}

unsigned
presence_watching(const struct presence *presence, unsigned audience)
{
    unsigned watching = 0;

    for (unsigned i = 0; i < presence->count; i++)
        watching += presence->list[i].is_watching &&
                    (presence->list[i].audiences & AUDIENCE_BIT(audience)) != 0;
    return watching;
}

bool
presence_is_known(const struct presence *presence)
{
    return presence->is_connected;
}

json_t *
presence_list(const struct presence *presence)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < presence->count; i++) {
        const struct console *console = &presence->list[i];

        if (console->is_watching)
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "user", console->user,
                                                  "client", console->client, "audiences",
                                                  audiences_json(console->audiences), "since",
                                                  (json_int_t)console->since_utc_ms));
    }
    return list;
}

uint64_t
presence_refused(const struct presence *presence)
{
    return presence->refused;
}

/* the restart */

struct restoring {
    struct presence *presence;
    struct stamp now;
};

static void
restore_one(void *ctx, const char *key, const char *text)
{
    struct restoring *restoring = ctx;
    struct presence *presence = restoring->presence;
    json_t *said = json_parse_object(text, strlen(text), NULL, 0);
    char name[2 * ID_MAX];
    char *slash;

    if (said != NULL && text_copy(name, sizeof name, key + sizeof PREFIX - 1) &&
        (slash = strchr(name, '/')) != NULL) {
        *slash = '\0';
        struct console *console = make(presence, name, slash + 1, restoring->now);

        if (console != NULL) {
            console->is_watching = true;
            console->audiences = (uint8_t)json_int_or(said, "audiences", 0);
            console->since_utc_ms = json_int_or(said, "since", 0);
            console->said_mono_ms = INT64_MIN / 2; /* before any session of ours */
        }
    }
    json_decref(said);
}

enum err_code
presence_restore(struct presence *presence, struct stamp now, struct err *err)
{
    struct restoring restoring = {presence, now};

    return journal_each_fact(presence->journal, PREFIX, restore_one, &restoring, err);
}
