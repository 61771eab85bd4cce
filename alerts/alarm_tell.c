/*
 * alarm_tell.c - the engine's transitions into the journal.
 */
#include "alerts/alarm_tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_rows.h"
#include "alerts/json_write.h"

#define OBJECT_BYTES_MAX ((size_t)32 * 1024)
#define ADD(out, literal) text_buf_add_bytes((out), (literal), sizeof(literal) - 1)

bool
alarm_tell_init(struct alarm_tell *tell, const struct alarms_params *params,
                struct journal *journal)
{
    *tell = (struct alarm_tell){.params = params, .journal = journal};
    alarm_people_init(&tell->people, journal, params->alarms);
    tell->clock = clock_state_name(clock_sync_state());
    clock_boot_id(tell->boot);
    text_buf_init(&tell->object, OBJECT_BYTES_MAX);
    text_buf_init(&tell->members, OBJECT_BYTES_MAX);
    return true;
}

void
alarm_tell_done(struct alarm_tell *tell)
{
    alarm_people_done(&tell->people);
    text_buf_done(&tell->object);
    text_buf_done(&tell->members);
}

static struct alarm_facts
facts_of(struct alarm_tell *tell, uint32_t alarm, int64_t utc_ms)
{
    uint32_t root = engine_root(tell->engine, alarm);

    return (struct alarm_facts){
        .directory = tell->params->directory,
        .boot = tell->boot,
        .clock = tell->clock,
        .supp_by = root != UINT32_MAX ? tell->params->alarms[root].id : NULL,
        .alarms = tell->params->alarms,
        .impacts = tell->impacts,
        .impact_count = engine_impacts(tell->engine, alarm, tell->impacts, ALARM_IMPACTS_MAX),
        .utc_ms = utc_ms};
}

/* The row, and with it the state. `change` is a JSON array. Returns the seq, 0 without memory. */
static uint64_t
add_row(struct alarm_tell *tell, uint32_t alarm, const struct alarm_state *state,
        struct alarm_facts *facts, uint32_t outputs, const char *change)
{
    const struct alarm_def *def = &tell->params->alarms[alarm];
    struct text_buf *object = &tell->object, *members = &tell->members;
    uint8_t record[ENGINE_RECORD_MAX];

    facts->seq = journal_head(tell->journal) + 1;
    text_buf_reset(object);
    size_t hash_at = alarm_rows_object(object, def, state, facts);
    text_buf_reset(members);
    ADD(members, "{\"alarm\":");
    text_buf_add_bytes(members, object->data, object->length);
    if ((outputs & OUT(ANNUNCIATE)) != 0 && tell->flood != NULL &&
        !flood_is_audible(tell->flood, def->type->audiences, def->type->priority))
        json_write_flag(members, "audible", false);
    if (tell->order != NULL && change == NULL)
        json_write_text(members, "by", tell->order->by);
    ADD(members, ",\"change\":");
    if (change != NULL)
        text_buf_add_bytes(members, change, strlen(change));
    else
        alarm_rows_change(members, outputs);
    ADD(members, "}");
    if (object->failed || members->failed)
        return 0;
    uint64_t seq =
        journal_add_text(tell->journal, "alarm", tell->utc_ms, members->data, members->length,
                         def->id, def->type->audiences, def->type->priority);
    if (seq == 0)
        return 0;

    const char *payload = NULL;
    if (!engine_is_at_rest(tell->engine, alarm)) {
        text_buf_reset(members);
        text_buf_add_bytes(members, object->data, hash_at);
        ADD(members, "\"hash\":\"");
        text_buf_add_bytes(members, journal_head_hash(tell->journal), DIGEST_HEX - 1);
        ADD(members, "\",");
        text_buf_add_bytes(members, object->data + hash_at, object->length - hash_at);
        payload = members->data;
    }
    journal_put_alarm(tell->journal, def->id, payload, record,
                      engine_save(tell->engine, alarm, record));
    return seq;
}

void
alarm_tell_transition(void *ctx, const struct transition *transition)
{
    struct alarm_tell *tell = ctx;
    struct alarm_facts facts = facts_of(tell, transition->alarm, transition->at.utc_ms);

    facts.said = alarm_people_settle(&tell->people, transition->alarm, &transition->state->regions,
                                     transition->outputs, tell->order);
    uint64_t seq =
        add_row(tell, transition->alarm, transition->state, &facts, transition->outputs, NULL);
    if (seq == 0) {
        tell->lost++;
        return;
    }
    tell->told++;
    if (tell->on_told != NULL)
        tell->on_told(tell->ctx, transition, seq);
}

void
alarm_tell_restored(struct alarm_tell *tell, uint32_t alarm)
{
    const struct alarm_state *state = engine_state(tell->engine, alarm);
    struct alarm_facts facts = facts_of(tell, alarm, tell->utc_ms);

    if (state == NULL)
        return;
    facts.said = alarm_people_settle(&tell->people, alarm, &state->regions, 0, NULL);
    if (add_row(tell, alarm, state, &facts, 0, "[\"restored\"]") == 0)
        tell->lost++;
}

bool
alarm_tell_write(struct alarm_tell *tell, uint32_t alarm, struct text_buf *out)
{
    const struct alarm_state *state = engine_state(tell->engine, alarm);

    if (state == NULL)
        return false;

    struct alarm_facts facts = facts_of(tell, alarm, state->changed_utc_ms);
    facts.said = alarm_people_said(&tell->people, alarm, &state->regions);
    alarm_rows_object(out, &tell->params->alarms[alarm], state, &facts);
    return true;
}
