/*
 * figures_kpi.c - the key figures of the alarms, kept as things happen, for /metrics.
 *
 * `watchroom report alarms` computes the same from the journal. Counters are those of this process:
 * a restart begins them anew, as Prometheus expects; what is live, unacknowledged or shelved is as
 * the engine was restored, and has waited since it was raised.
 */
#include "alerts/alarms_self.h"

#define ADVANCE_MS 5000

/* UTC as it was at the start, and evenly from there: a clock that is set must not make a flood. */
static int64_t
even_utc_ms(const struct alarms *self)
{
    return self->started.utc_ms + (self->now.mono_ms - self->started.mono_ms);
}

static struct kpi_fact
fact_of(const struct alarms *self, uint32_t alarm, const struct alarm_state *state,
        uint32_t outputs)
{
    const struct alarm_type *type = self->params->alarms[alarm].type;
    const struct alarm_regions *r = &state->regions;

    return (struct kpi_fact){.utc_ms = even_utc_ms(self),
                             .raised_utc_ms = state->raised_utc_ms,
                             .audiences = type->audiences,
                             .priority = type->priority,
                             .is_told = (outputs & OUT(ANNUNCIATE)) != 0,
                             .is_acked = (outputs & (OUT(ACKED) | OUT(SHELVED))) != 0,
                             .is_chatter = (outputs & OUT(CHATTER)) != 0,
                             .live = alarm_is_live(r),
                             .unacked = r->ack == ACK_UNACKED,
                             .shelved = r->shelved,
                             .suppressed = r->design,
                             .out_of_service = r->oos,
                             .in_hold = state->chatter != 0};
}

void
figures_kpi_told(struct alarms *self, const struct transition *transition)
{
    struct kpi_fact fact = fact_of(self, transition->alarm, transition->state, transition->outputs);

    kpi_alarm(self->kpi, transition->alarm, &fact);
}

void
figures_kpi_escalated(void *ctx, enum audience audience)
{
    struct alarms *self = ctx;

    kpi_escalation(self->kpi, AUDIENCE_BIT(audience), even_utc_ms(self));
}

void
figures_kpi_restored(struct alarms *self)
{
    for (uint32_t alarm = 0; alarm < self->params->alarm_limit; alarm++) {
        const struct alarm_state *state = engine_state(self->engine, alarm);

        if (state == NULL || self->params->alarms[alarm].type == NULL)
            continue;
        struct kpi_fact fact = fact_of(self, alarm, state, 0);
        kpi_alarm(self->kpi, alarm, &fact);
    }
}

void
figures_kpi_tick(struct alarms *self)
{
    if (self->now.mono_ms - self->kpi_advanced_mono_ms < ADVANCE_MS)
        return;
    self->kpi_advanced_mono_ms = self->now.mono_ms;
    kpi_advance(self->kpi, even_utc_ms(self));
}

/* members */

static json_t *
counts_json(const uint64_t counts[KPI_PRIORITIES])
{
    json_t *list = json_array();

    for (size_t i = 0; i < KPI_PRIORITIES; i++)
        json_array_append_new(list, json_integer((json_int_t)counts[i]));
    return list;
}

/* Per priority: {count, sum_ms, within: [...]}, as a histogram of Prometheus wants them. */
static json_t *
acked_json(const struct kpi_audience *of)
{
    json_t *list = json_array();

    for (size_t priority = 1; priority < KPI_PRIORITIES; priority++) {
        const struct kpi_times *times = &of->acked[priority];
        json_t *within = json_array();

        for (size_t i = 0; i < KPI_STEPS; i++)
            json_array_append_new(within, json_integer((json_int_t)times->within[i]));
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:o}", "count", (json_int_t)times->count,
                                        "sum_ms", (json_int_t)times->sum_ms, "within", within));
    }
    return list;
}

json_t *
figures_kpi(const struct alarms *self)
{
    json_t *figures = json_object();

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        const struct kpi_audience *of = kpi_of(self->kpi, (enum audience)audience);
        const struct {
            const char *key;
            uint64_t value;
        } members[] = {{"told_10m", kpi_told_lately(self->kpi, (enum audience)audience)},
                       {"flood", of->is_flood},
                       {"floods", of->floods},
                       {"flood_ms", of->flood_ms},
                       {"chattering", of->in_hold},
                       {"standing", of->standing},
                       {"shelved", of->shelved},
                       {"suppressed", of->suppressed},
                       {"out_of_service", of->out_of_service},
                       {"escalations", of->escalations}};
        json_t *one = json_pack("{s:o, s:o, s:o}", "told", counts_json(of->told), "unacked",
                                counts_json(of->unacked), "acked", acked_json(of));

        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            json_object_set_new(one, members[i].key, json_integer((json_int_t)members[i].value));
        json_object_set_new(figures, audience_name((enum audience)audience), one);
    }
    return figures;
}
