/*
 * spells.c - what a person puts on an alarm for a time.
 */
#include "alerts/spells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"

#define PREFIX "spell."

static const struct {
    const char *name;
    enum alarm_event begin, end;
    enum alarm_saying saying;
} KINDS[SPELL_KINDS] = {
    [SPELL_OOS] = {"oos", EVENT_OOS_ON, EVENT_OOS_OFF, SAYING_OOS},
    [SPELL_TEST] = {"test", EVENT_TEST_ON, EVENT_TEST_OFF, SAYING_TEST},
};

struct spell {
    uint32_t alarm;
    uint8_t kind; /* enum spell_kind */
    bool has_begun;
    int64_t begin_mono_ms, end_mono_ms;
    char by[ID_MAX];
    char *text; /* owned */
};

struct spells {
    struct alarm_tell *tell;
    const struct alarm_index *index;
    struct spell *list; /* in no order */
    uint32_t count, room;
};

struct spells *
spells_new(struct alarm_tell *tell, const struct alarm_index *index)
{
    struct spells *spells = calloc(1, sizeof *spells);

    if (spells != NULL)
        *spells = (struct spells){.tell = tell, .index = index};
    return spells;
}

void
spells_free(struct spells *spells)
{
    if (spells == NULL)
        return;
    for (uint32_t i = 0; i < spells->count; i++)
        free(spells->list[i].text);
    free(spells->list);
    free(spells);
}

static struct spell *
find(struct spells *spells, enum spell_kind kind, uint32_t alarm)
{
    for (uint32_t i = 0; i < spells->count; i++)
        if (spells->list[i].alarm == alarm && spells->list[i].kind == kind)
            return &spells->list[i];
    return NULL;
}

/* NULL: too many, or out of memory. */
static struct spell *
add(struct spells *spells, const struct spell *spell, const char *text)
{
    if (spells->count == SPELLS_MAX)
        return NULL;
    if (spells->count == spells->room) {
        uint32_t room = spells->room == 0 ? 16 : 2 * spells->room;
        struct spell *list = realloc(spells->list, room * sizeof *list);

        if (list == NULL)
            return NULL;
        spells->list = list;
        spells->room = room;
    }
    char *copy = strdup(text);
    if (copy == NULL)
        return NULL;
    spells->list[spells->count] = *spell;
    spells->list[spells->count].text = copy;
    return &spells->list[spells->count++];
}

static void
put(struct spells *spells, enum spell_kind kind, uint32_t alarm, const char *text)
{
    char key[TOPIC_ID_MAX + 16];

    snprintf(key, sizeof key, PREFIX "%s.%s", KINDS[kind].name,
             spells->tell->params->alarms[alarm].id);
    journal_put(spells->tell->journal, key, text);
}

/* The last one takes its place. */
static void
drop(struct spells *spells, struct spell *spell)
{
    put(spells, (enum spell_kind)spell->kind, spell->alarm, NULL);
    free(spell->text);
    *spell = spells->list[--spells->count];
}

static enum alarm_reply
apply(struct spells *spells, uint32_t alarm, enum alarm_event event,
      const struct alarm_order *order, struct stamp now)
{
    enum alarm_reply reply;

    spells->tell->order = order;
    reply = engine_event(spells->tell->engine, alarm, event, 0, 0, now);
    spells->tell->order = NULL;
    return reply;
}

static bool
begin(struct spells *spells, struct spell *spell, struct stamp now, enum alarm_reply *out_reply)
{
    enum spell_kind kind = (enum spell_kind)spell->kind;
    const struct alarm_order order = {
        .by = spell->by, .saying = KINDS[kind].saying, .text = spell->text};

    *out_reply = apply(spells, spell->alarm, KINDS[kind].begin, &order, now);
    spell->has_begun = *out_reply == REPLY_OK;
    return spell->has_begun;
}

enum spell_result
spells_begin(struct spells *spells, enum spell_kind kind, uint32_t alarm,
             const struct spell_terms *terms, struct stamp now, enum alarm_reply *out_reply)
{
    int64_t wait_ms = terms->from_utc_ms > now.utc_ms ? terms->from_utc_ms - now.utc_ms : 0;
    struct spell wanted = {.alarm = alarm,
                           .kind = (uint8_t)kind,
                           .begin_mono_ms = now.mono_ms + wait_ms,
                           .end_mono_ms = now.mono_ms + (terms->to_utc_ms - now.utc_ms)};
    struct spell *spell = find(spells, kind, alarm);

    *out_reply = REPLY_OK;
    if (spell != NULL)
        return spell->has_begun ? (*out_reply = REPLY_ALREADY_OUT_OF_SERVICE, SPELL_REFUSED)
                                : SPELL_PLANNED;
    text_copy(wanted.by, sizeof wanted.by, terms->by);
    spell = add(spells, &wanted, terms->text);
    if (spell == NULL)
        return SPELL_TOO_MANY;
    put(spells, kind, alarm, spell->text);
    if (wait_ms > 0 || begin(spells, spell, now, out_reply))
        return SPELL_DONE;
    drop(spells, spell);
    return SPELL_REFUSED;
}

enum alarm_reply
spells_end(struct spells *spells, enum spell_kind kind, uint32_t alarm,
           const struct alarm_order *order, struct stamp now)
{
    struct spell *spell = find(spells, kind, alarm);

    if (spell == NULL)
        return kind == SPELL_OOS ? REPLY_NOT_OUT_OF_SERVICE : REPLY_IGNORED;
    bool has_begun = spell->has_begun;
    drop(spells, spell);
    return has_begun ? apply(spells, alarm, KINDS[kind].end, order, now) : REPLY_OK;
}

void
spells_tick(struct spells *spells, struct stamp now)
{
    enum alarm_reply reply;

    for (uint32_t i = spells->count; i-- > 0;) { /* backwards: one that goes leaves its place */
        struct spell *spell = &spells->list[i];
        enum spell_kind kind = (enum spell_kind)spell->kind;
        uint32_t alarm = spell->alarm;

        if (now.mono_ms >= spell->end_mono_ms) {
            bool has_begun = spell->has_begun;

            drop(spells, spell);
            if (has_begun)
                apply(spells, alarm, KINDS[kind].end, NULL, now);
        } else if (!spell->has_begun && now.mono_ms >= spell->begin_mono_ms &&
                   !begin(spells, spell, now, &reply)) {
            log_warning("%s: what was planned for now cannot begin: %s",
                        spells->tell->params->alarms[alarm].id, alarm_reply_name(reply));
            drop(spells, spell);
        }
    }
}

uint32_t
spells_count(const struct spells *spells)
{
    return spells->count;
}

/* the restart */

static int64_t
at_most(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value < most ? value : most;
}

/* "spell.<kind>.<alarm id>" */
static bool
split_key(const struct spells *spells, const char *key, struct spell *spell)
{
    for (unsigned kind = 0; kind < SPELL_KINDS; kind++) {
        size_t length = strlen(KINDS[kind].name);
        const char *name = key + sizeof PREFIX - 1;

        if (strncmp(name, KINDS[kind].name, length) == 0 && name[length] == '.') {
            spell->kind = (uint8_t)kind;
            return alarm_index_find(spells->index, name + length + 1, &spell->alarm);
        }
    }
    return false;
}

struct restoring {
    struct spells *spells;
    struct stamp now;
};

static void
restore_one(void *ctx, const char *key, const char *text)
{
    struct restoring *restoring = ctx;
    struct spells *spells = restoring->spells;
    const struct stamp now = restoring->now;
    json_t *said = json_parse_object(text, strlen(text), NULL, 0);
    int64_t asked = json_int_or(said, "ts", 0), until = json_int_or(said, "until", 0);
    int64_t from = json_int_or(said, "from", asked);
    struct spell spell = {0};

    if (said != NULL && split_key(spells, key, &spell)) {
        /* Neither wait nor length is longer than what was asked for, whatever the clock says. */
        int64_t wait_ms = at_most(from - now.utc_ms, from > asked ? from - asked : 0);
        int64_t length_ms = until - (from > asked ? from : asked);
        int64_t left_ms = at_most(until - now.utc_ms, wait_ms + length_ms);
        const struct alarm_state *state = engine_state(spells->tell->engine, spell.alarm);

        spell.has_begun =
            state != NULL && (spell.kind == SPELL_OOS ? state->regions.oos : state->regions.test);
        spell.begin_mono_ms = now.mono_ms + wait_ms;
        spell.end_mono_ms = now.mono_ms + left_ms;
        text_copy(spell.by, sizeof spell.by, json_text_or(said, "by", ""));
        if (add(spells, &spell, text) == NULL)
            log_error("%s: no room for it", key);
    } else {
        log_warning("%s: it is about no alarm of this site any more", key);
    }
    json_decref(said);
}

enum err_code
spells_restore(struct spells *spells, struct stamp now, struct err *err)
{
    struct restoring restoring = {spells, now};
    enum err_code code =
        journal_each_fact(spells->tell->journal, PREFIX, restore_one, &restoring, err);

    if (code != ERR_OK)
        return code;
    for (uint32_t alarm = 0; alarm < spells->tell->params->alarm_limit; alarm++) {
        const struct alarm_state *state = engine_state(spells->tell->engine, alarm);

        if (state == NULL || (!state->regions.oos && !state->regions.test))
            continue;
        if (state->regions.oos && find(spells, SPELL_OOS, alarm) == NULL)
            apply(spells, alarm, EVENT_OOS_OFF, NULL, now);
        if (state->regions.test && find(spells, SPELL_TEST, alarm) == NULL)
            apply(spells, alarm, EVENT_TEST_OFF, NULL, now);
    }
    spells_tick(spells, now);
    return ERR_OK;
}
