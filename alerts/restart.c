/*
 * restart.c - start from the journal.
 */
#include "alerts/restart.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alerts/journal_read.h"
#include "gateway/base/log.h"

/* The record the engine had, and what people were told, against what it has now. */
static void
restore_alarm(void *ctx, const char *alarm_id, const void *record, size_t bytes, bool is_told)
{
    struct alarms *self = ctx;
    uint8_t now[ENGINE_RECORD_MAX];
    uint32_t alarm;

    if (!alarm_index_find(&self->index, alarm_id, &alarm))
        return; /* told ones are withdrawn below; the record stays for its occurrence number */
    if (!engine_restore(self->engine, alarm, record, bytes, self->now)) {
        log_warning("%s: its record is not one of ours, it starts from rest", alarm_id);
        if (is_told)
            alarm_tell_restored(&self->tell, alarm);
        return;
    }
    alarm_people_load(&self->tell.people, alarm, &engine_state(self->engine, alarm)->regions);
    size_t size = engine_save(self->engine, alarm, now);
    if (is_told && (size != bytes || memcmp(now, record, size) != 0))
        alarm_tell_restored(&self->tell, alarm);
}

/* Pages through what is told as standing. */
struct standing {
    struct alarms *self;
    unsigned priority;
    uint64_t seq;
    unsigned seen;
    unsigned withdrawn;
};

static unsigned
audiences_of(const json_t *alarm)
{
    const json_t *names = json_object_get(alarm, "audience");
    unsigned audiences = 0;

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        for (size_t i = 0; i < json_array_size(names); i++) {
            const char *name = json_string_value(json_array_get(names, i));

            if (name != NULL && strcmp(name, audience_name((enum audience)audience)) == 0)
                audiences |= AUDIENCE_BIT(audience);
        }
    return audiences;
}

/* Withdrawn, not cleared: nobody knows how it is. Its last state goes out once more, and its topic
 * is emptied. */
static void
withdraw(struct alarms *self, const char *alarm_id, unsigned priority, const char *payload)
{
    json_t *alarm = json_parse_object(payload, strlen(payload), NULL, 0);
    unsigned audiences = audiences_of(alarm);

    json_object_del(alarm, "hash");
    json_object_set_new(alarm, "seq", json_integer((json_int_t)journal_head(self->journal) + 1));
    json_object_set_new(alarm, "ts", json_integer((json_int_t)self->now.utc_ms));
    json_t *body = json_pack(
        "{s:o, s:[s], s:I}", "alarm", alarm != NULL ? alarm : json_pack("{s:s}", "id", alarm_id),
        "change", "withdrawn", "generation", (json_int_t)self->params->directory->generation);
    log_warning("%s: withdrawn, the configuration no longer defines it", alarm_id);
    if (body != NULL && journal_add(self->journal, "alarm", self->now.utc_ms, body, alarm_id,
                                    audiences, priority) != 0)
        journal_forget_alarm(self->journal, alarm_id);
}

static bool
on_standing(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq, const char *payload)
{
    struct standing *standing = ctx;
    struct alarms *self = standing->self;
    uint32_t alarm;

    standing->seen++;
    standing->priority = priority;
    standing->seq = seq;
    if (!alarm_index_find(&self->index, alarm_id, &alarm)) {
        withdraw(self, alarm_id, priority, payload);
        standing->withdrawn++;
        return true;
    }
    const struct alarm_state *state = engine_state(self->engine, alarm);
    /* Perhaps never confirmed by the broker: the cursor, when it comes, says. */
    if (priority == 1 && state != NULL && state->regions.ack == ACK_UNACKED)
        unconfirmed_note(self->unconfirmed, alarm, state->occ, seq, self->now.mono_ms);
    return true;
}

static void
look_at_standing(struct alarms *self)
{
    struct standing standing = {.self = self};
    struct journal_reader *reader = NULL;
    struct err err;
    enum err_code code = journal_reader_open(self->params->state_dir, &reader, &err);
    unsigned before = 1;

    while (code == ERR_OK && standing.seen != before) {
        before = standing.seen;
        code = journal_reader_alarms(reader, standing.priority, standing.seq, JOURNAL_READ_MAX,
                                     on_standing, &standing, &err);
    }
    journal_reader_close(reader);
    if (code != ERR_OK)
        log_error("alarms that the configuration no longer defines stay told: %s", err.text);
}

static void
note_start(struct alarms *self, const struct journal_open_result *opened)
{
    const struct alarms_params *params = self->params;
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:s, s:i, s:I}", "boot", self->tell.boot, "version",
                  WATCHROOM_VERSION, "generation", (json_int_t)params->directory->generation,
                  "config_digest", params->config_digest != NULL ? params->config_digest : "",
                  "pid", (int)getpid(), "incarnation", (json_int_t)self->worker.env.incarnation);

    if (body != NULL && opened->quarantined[0] != '\0') {
        json_object_set_new(body, "quarantined", json_string(opened->quarantined));
        json_object_set_new(body, "quarantine_reason", json_string(opened->quarantine_reason));
    }
    if (body != NULL)
        journal_add(self->journal, "start", self->now.utc_ms, body, NULL, 0, 0);
}

enum err_code
restart_from_journal(struct alarms *self, const struct journal_open_result *opened, struct err *err)
{
    enum err_code code;

    note_start(self, opened);
    if (opened->key_note[0] != '\0')
        log_warning("%s", opened->key_note);
    if (opened->quarantined[0] != '\0') {
        log_error("the journal was not sound (%s); it is kept as %s, a new one begins: %s",
                  opened->quarantine_reason, opened->quarantined, journal_id(self->journal));
        text_copy(self->figures.quarantined, sizeof self->figures.quarantined, opened->quarantined);
    } else if (opened->is_older_copy) {
        log_error("the journal ends before what people were told: an older copy was put back; its "
                  "missing rows are noted in row %llu",
                  (unsigned long long)journal_head(self->journal));
    } else if (opened->is_new) {
        log_info("a new journal: %s", journal_id(self->journal));
    }
    code = journal_each_alarm(self->journal, restore_alarm, self, err);
    if (code == ERR_OK)
        code = spells_restore(self->spells, self->now, err);
    flood_rows_restore(self);
    if (code == ERR_OK)
        code = escalation_restore(self->escalation, self->now, err);
    if (code == ERR_OK)
        code = presence_restore(self->presence, self->now, err);
    if (code == ERR_OK)
        look_at_standing(self);
    return code;
}
