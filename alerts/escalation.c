/*
 * escalation.c - the climbs of all alarms.
 */
#include "alerts/escalation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

#define PREFIX "climb."

enum mode {
    MODE_CLIMBING, /* unacknowledged */
    MODE_ACKED,    /* waits for the ack timeout */
    MODE_FORGOTTEN /* that is over: climbs although it is acknowledged */
};

struct key {
    uint32_t alarm, audience;
};

struct entry {
    UT_hash_handle hh;
    struct key key;
    uint8_t mode; /* enum mode */
    struct climb climb;
    int64_t timeout_mono_ms; /* MODE_ACKED */
    int64_t began_utc_ms;
};

struct escalation {
    struct alarm_tell *tell;
    const struct alarm_index *index;
    escalation_told *on_told;
    void *ctx;
    struct entry *entries;
    uint32_t climbing, exhausted;
    uint32_t own_point; /* says that a ladder is exhausted: its alarm has none itself */
};

struct escalation *
escalation_new(struct alarm_tell *tell, const struct alarm_index *index, escalation_told *on_told,
               void *ctx)
{
    struct escalation *escalation = calloc(1, sizeof *escalation);

    if (escalation == NULL)
        return NULL;
    *escalation = (struct escalation){.tell = tell, .index = index, .on_told = on_told, .ctx = ctx};
    if (!directory_find_point(tell->params->directory, "gateway/" ESCALATION_POINT,
                              &escalation->own_point))
        escalation->own_point = UINT32_MAX;
    return escalation;
}

static const struct ladder *
ladder_of(const struct escalation *escalation, uint32_t alarm, unsigned audience)
{
    const struct alarm_def *def = &escalation->tell->params->alarms[alarm];

    if (def->type == NULL || (def->type->audiences & AUDIENCE_BIT(audience)) == 0 ||
        (def->point == escalation->own_point && def->point != UINT32_MAX))
        return NULL;
    const struct ladder *ladder = &escalation->tell->params->ladders[audience][def->type->priority];
    return ladder->rung_count > 0 ? ladder : NULL;
}

static void
count(struct escalation *escalation, const struct entry *entry, int by)
{
    if (entry->mode == MODE_ACKED)
        return;
    escalation->climbing += (uint32_t)by;
    if (entry->climb.is_exhausted)
        escalation->exhausted += (uint32_t)by;
}

static void
fact_key(const struct escalation *escalation, struct key key, char *out, size_t size)
{
    snprintf(out, size, PREFIX "%s.%s", audience_name((enum audience)key.audience),
             escalation->tell->params->alarms[key.alarm].id);
}

/* What a restart needs, with the moment it was true. */
static void
put(struct escalation *escalation, const struct entry *entry, struct stamp now)
{
    char key[TOPIC_ID_MAX + 32];
    json_t *object = json_pack("{s:s, s:i, s:i, s:b, s:I, s:I, s:I, s:I, s:I}", "boot",
                               escalation->tell->boot, "mode", (int)entry->mode, "told",
                               (int)entry->climb.told, "exhausted", entry->climb.is_exhausted,
                               "elapsed", (json_int_t)(now.mono_ms - entry->climb.began_mono_ms),
                               "left", (json_int_t)(entry->timeout_mono_ms - now.mono_ms), "began",
                               (json_int_t)entry->began_utc_ms, "mono", (json_int_t)now.mono_ms,
                               "utc", (json_int_t)now.utc_ms);
    char *text = object != NULL ? json_canonical(object) : NULL;

    json_decref(object);
    fact_key(escalation, entry->key, key, sizeof key);
    if (text != NULL)
        journal_put(escalation->tell->journal, key, text);
    free(text);
}

static struct entry *
find(const struct escalation *escalation, struct key key)
{
    struct entry *entry;

    HASH_FIND(hh, escalation->entries, &key, sizeof key, entry);
    return entry;
}

static void
drop(struct escalation *escalation, struct entry *entry)
{
    char key[TOPIC_ID_MAX + 32];

    fact_key(escalation, entry->key, key, sizeof key);
    journal_put(escalation->tell->journal, key, NULL);
    count(escalation, entry, -1);
    HASH_DEL(escalation->entries, entry);
    free(entry);
}

void
escalation_free(struct escalation *escalation)
{
    struct entry *entry, *next;

    if (escalation == NULL)
        return;
    HASH_ITER(hh, escalation->entries, entry, next)
    {
        HASH_DEL(escalation->entries, entry);
        free(entry);
    }
    free(escalation);
}

static struct entry *
add(struct escalation *escalation, const struct entry *wanted)
{
    struct entry *entry = malloc(sizeof *entry);

    if (entry == NULL)
        return NULL;
    *entry = *wanted;
    HASH_ADD(hh, escalation->entries, key, sizeof entry->key, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    count(escalation, entry, 1);
    return entry;
}

/* Starts it, or what it was about is another thing now. */
static void
set_mode(struct escalation *escalation, struct key key, enum mode mode, int64_t timeout_ms,
         struct stamp now)
{
    struct entry wanted = {.key = key,
                           .mode = (uint8_t)mode,
                           .climb = {.began_mono_ms = now.mono_ms},
                           .timeout_mono_ms = now.mono_ms + timeout_ms,
                           .began_utc_ms = now.utc_ms};
    struct entry *entry = find(escalation, key);

    if (entry != NULL)
        drop(escalation, entry);
    entry = add(escalation, &wanted);
    if (entry != NULL)
        put(escalation, entry, now);
}

/* Is there somebody who must answer? */
static bool
is_climbing(const struct alarm_regions *regions, unsigned priority)
{
    return regions->ack == ACK_UNACKED && regions->annunciated && !alarm_is_suppressed(regions) &&
           !regions->test && (alarm_is_live(regions) || priority <= 2);
}

static void
note_audience(struct escalation *escalation, struct key key, const struct ladder *ladder,
              const struct alarm_regions *regions, uint32_t outputs, struct stamp now)
{
    unsigned priority = escalation->tell->params->alarms[key.alarm].type->priority;
    struct entry *entry = find(escalation, key);

    if (is_climbing(regions, priority)) {
        if (entry == NULL || entry->mode != MODE_CLIMBING)
            set_mode(escalation, key, MODE_CLIMBING, 0, now);
        return;
    }
    bool is_waiting = regions->ack == ACK_ACKED && alarm_is_live(regions) &&
                      !alarm_is_suppressed(regions) && !regions->test && ladder->ack_timeout_ms > 0;
    if (!is_waiting) {
        if (entry != NULL)
            drop(escalation, entry);
    } else if (entry == NULL || entry->mode == MODE_CLIMBING || (outputs & OUT(ACKED)) != 0) {
        set_mode(escalation, key, MODE_ACKED, ladder->ack_timeout_ms, now);
    }
}

void
escalation_note(struct escalation *escalation, uint32_t alarm, uint32_t outputs, struct stamp now)
{
    const struct alarm_state *state = engine_state(escalation->tell->engine, alarm);

    for (unsigned audience = 0; state != NULL && audience < AUDIENCE_COUNT; audience++) {
        const struct ladder *ladder = ladder_of(escalation, alarm, audience);

        if (ladder != NULL)
            note_audience(escalation, (struct key){alarm, audience}, ladder, &state->regions,
                          outputs, now);
    }
}

void
escalation_commented(struct escalation *escalation, uint32_t alarm, struct stamp now)
{
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        const struct ladder *ladder = ladder_of(escalation, alarm, audience);
        const struct entry *entry = find(escalation, (struct key){alarm, audience});

        if (ladder != NULL && entry != NULL && entry->mode != MODE_CLIMBING)
            set_mode(escalation, entry->key, MODE_ACKED, ladder->ack_timeout_ms, now);
    }
}

/* steps */

static json_t *
receivers(const struct ladder_rung *rung, unsigned audiences)
{
    json_t *to = json_array();

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if ((audiences & AUDIENCE_BIT(audience)) != 0)
            json_array_append_new(to, json_string(audience_name((enum audience)audience)));
    for (unsigned i = 0; rung != NULL && i < rung->user_count; i++)
        json_array_append_new(to, json_string(rung->users[i]));
    return to;
}

/* `rung` NULL: nobody answered any of them. */
static void
tell(struct escalation *escalation, const struct entry *entry, const struct ladder *ladder,
     const struct ladder_rung *rung, unsigned repeat, struct stamp now)
{
    const struct alarm_def *def = &escalation->tell->params->alarms[entry->key.alarm];
    const struct alarm_state *state = engine_state(escalation->tell->engine, entry->key.alarm);
    unsigned audiences = rung != NULL ? rung->audiences : AUDIENCE_BIT(entry->key.audience);
    json_t *body = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:i, s:b, s:s, s:i, s:i, s:i, s:I, s:o}", "id", def->id, "text",
        def->type->text, "action", def->type->action, "audience",
        audience_name((enum audience)entry->key.audience), "occ",
        (json_int_t)(state != NULL ? state->occ : 0), "priority", (int)def->type->priority,
        "cleared", state != NULL && !alarm_is_live(&state->regions), "reason",
        rung == NULL                    ? "exhausted"
        : entry->mode == MODE_FORGOTTEN ? "ack-timeout"
                                        : "unacknowledged",
        "step", rung != NULL ? (int)(rung - ladder->rungs) + 1 : (int)ladder->rung_count, "of",
        (int)ladder->rung_count, "repeat", (int)repeat, "since", (json_int_t)entry->began_utc_ms,
        "to", receivers(rung, audiences), "resource", "");

    if (body == NULL)
        return;
    journal_add(escalation->tell->journal, "escalation", now.utc_ms, body, NULL, audiences,
                def->type->priority);
    if (rung != NULL && escalation->on_told != NULL)
        escalation->on_told(escalation->ctx, (enum audience)entry->key.audience);
}

static void
step(struct escalation *escalation, struct entry *entry, const struct ladder *ladder,
     struct stamp now)
{
    unsigned rung = 0, repeat = 0;
    bool was_exhausted = entry->climb.is_exhausted;
    enum ladder_news news = ladder_take(ladder, &entry->climb, now.mono_ms, &rung, &repeat);

    if (news == LADDER_QUIET)
        return;
    if (entry->climb.is_exhausted && !was_exhausted)
        escalation->exhausted++;
    put(escalation, entry, now);
    if (news == LADDER_EXHAUSTED) {
        tell(escalation, entry, ladder, NULL, 0, now);
        return;
    }
    /* The first rung at once and to those who were told: the alarm itself is the message. */
    const struct ladder_rung *told = &ladder->rungs[rung];
    if (rung == 0 && told->after_ms == 0 && told->user_count == 0 &&
        told->audiences == AUDIENCE_BIT(entry->key.audience) && entry->mode == MODE_CLIMBING)
        return;
    tell(escalation, entry, ladder, told, repeat, now);
}

void
escalation_tick(struct escalation *escalation, struct stamp now)
{
    struct entry *entry, *next;

    HASH_ITER(hh, escalation->entries, entry, next)
    {
        const struct ladder *ladder = ladder_of(escalation, entry->key.alarm, entry->key.audience);

        if (ladder == NULL) {
            drop(escalation, entry);
            continue;
        }
        if (entry->mode == MODE_ACKED && now.mono_ms >= entry->timeout_mono_ms) {
            struct key key = entry->key;

            set_mode(escalation, key, MODE_FORGOTTEN, 0, now);
            entry = find(escalation, key);
        }
        if (entry != NULL && entry->mode != MODE_ACKED)
            step(escalation, entry, ladder, now);
    }
}

uint32_t
escalation_exhausted(const struct escalation *escalation)
{
    return escalation->exhausted;
}

uint32_t
escalation_climbing(const struct escalation *escalation)
{
    return escalation->climbing;
}

/* the restart */

struct restoring {
    struct escalation *escalation;
    struct stamp now;
};

/* How long ago it was written: by the clock that can be believed, else nothing. */
static int64_t
passed_ms(const struct escalation *escalation, const json_t *said, struct stamp now)
{
    int64_t mono = json_int_or(said, "mono", 0), utc = json_int_or(said, "utc", 0);

    if (strcmp(json_text_or(said, "boot", ""), escalation->tell->boot) == 0)
        return now.mono_ms > mono ? now.mono_ms - mono : 0;
    if (clock_sync_state() == CLOCK_STATE_UNSYNC || now.utc_ms <= utc)
        return 0;
    return now.utc_ms - utc;
}

static void
restore_one(void *ctx, const char *fact, const char *text)
{
    struct restoring *restoring = ctx;
    struct escalation *escalation = restoring->escalation;
    const char *name = fact + sizeof PREFIX - 1;
    json_t *said = json_parse_object(text, strlen(text), NULL, 0);
    struct entry wanted = {0};
    bool is_known = false;

    for (unsigned audience = 0; audience < AUDIENCE_COUNT && !is_known; audience++) {
        const char *of = audience_name((enum audience)audience);

        wanted.key.audience = audience;
        is_known = strncmp(name, of, strlen(of)) == 0 && name[strlen(of)] == '.' &&
                   alarm_index_find(escalation->index, name + strlen(of) + 1, &wanted.key.alarm);
    }
    if (said != NULL && is_known) {
        int64_t passed = passed_ms(escalation, said, restoring->now);
        int64_t mode = json_int_or(said, "mode", MODE_CLIMBING);
        int64_t told = json_int_or(said, "told", 0);

        wanted.mode = (uint8_t)(mode >= 0 && mode <= MODE_FORGOTTEN ? mode : MODE_CLIMBING);
        wanted.climb.told = (uint8_t)(told >= 0 && told <= UINT8_MAX ? told : 0);
        wanted.climb.is_exhausted = json_is_true(json_object_get(said, "exhausted"));
        wanted.climb.began_mono_ms =
            restoring->now.mono_ms - json_int_or(said, "elapsed", 0) - passed;
        wanted.timeout_mono_ms = restoring->now.mono_ms + json_int_or(said, "left", 0) - passed;
        wanted.began_utc_ms = json_int_or(said, "began", restoring->now.utc_ms);
        add(escalation, &wanted);
    }
    json_decref(said);
}

enum err_code
escalation_restore(struct escalation *escalation, struct stamp now, struct err *err)
{
    struct restoring restoring = {escalation, now};
    enum err_code code =
        journal_each_fact(escalation->tell->journal, PREFIX, restore_one, &restoring, err);

    if (code != ERR_OK)
        return code;
    /* What a changed definition, or the time without an engine, made of it. */
    for (uint32_t alarm = 0; alarm < escalation->tell->params->alarm_limit; alarm++)
        if (engine_state(escalation->tell->engine, alarm) != NULL)
            escalation_note(escalation, alarm, 0, now);
    return ERR_OK;
}
