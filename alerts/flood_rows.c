/*
 * flood_rows.c - who is told more than people can take in: kept over restarts, on record when it
 * begins and when it ends.
 */
#include <stdio.h>

#include "alerts/alarms_self.h"
#include "gateway/base/log.h"

static const char *
key_of(enum audience audience, char *key, size_t size)
{
    snprintf(key, size, "flood.%s", audience_name(audience));
    return key;
}

void
flood_rows_restore(struct alarms *self)
{
    char key[32], text[FLOOD_TEXT_MAX];

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if (journal_get(self->journal, key_of((enum audience)i, key, sizeof key), text,
                        sizeof text) &&
            !flood_read(&self->flood, (enum audience)i, text, self->now))
            log_warning("what was told to %s lately is not known", audience_name((enum audience)i));
}

void
flood_rows_before_commit(struct alarms *self)
{
    char key[32], text[FLOOD_TEXT_MAX];

    if (!self->flood_is_dirty)
        return;
    self->flood_is_dirty = false;
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        if (self->flood.of[i].count == 0)
            continue;
        flood_write(&self->flood, (enum audience)i, self->now, text, sizeof text);
        journal_put(self->journal, key_of((enum audience)i, key, sizeof key), text);
    }
}

static void
add_rows(struct alarms *self, unsigned audiences, const char *change)
{
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        const struct flood_of *of = &self->flood.of[i];

        if ((audiences & AUDIENCE_BIT(i)) == 0)
            continue;
        json_t *body =
            json_pack("{s:s, s:s, s:I, s:I}", "audience", audience_name((enum audience)i), "change",
                      change, "told", (json_int_t)of->told, "since", (json_int_t)of->since_utc_ms);
        if (body != NULL)
            journal_add(self->journal, "flood", self->now.utc_ms, body, NULL, AUDIENCE_BIT(i), 0);
        self->flood_is_dirty = true;
    }
}

void
flood_rows_note(struct alarms *self, unsigned audiences)
{
    if (self->flood.limits.begin == 0)
        return;
    add_rows(self, flood_note(&self->flood, audiences, self->now), "began");
    self->flood_is_dirty = true;
}

void
flood_rows_tick(struct alarms *self)
{
    add_rows(self, flood_tick(&self->flood, self->now), "ended");
}
