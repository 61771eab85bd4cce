/*
 * alarm_rows.c - an alarm's state and transition as JSON.
 *
 * Written member by member in the order of the keys: ten thousand of them in a second are an
 * ordinary bad day. tests/unit/test_alarm_rows.c holds it against the library's canonical form.
 */
#include "alerts/alarm_rows.h"

#include <math.h>
#include <string.h>

#include "alerts/json_write.h"
#include "gateway/base/sample.h"

#define ADD(out, literal) text_buf_add_bytes((out), (literal), sizeof(literal) - 1)

static void
write_audience(struct text_buf *out, unsigned audiences)
{
    bool is_first = true;

    json_write_key(out, "audience");
    ADD(out, "[");
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        if ((audiences & AUDIENCE_BIT(audience)) == 0)
            continue;
        if (!is_first)
            ADD(out, ",");
        json_write_string(out, audience_name((enum audience)audience));
        is_first = false;
    }
    ADD(out, "]");
}

static void
write_suppression(struct text_buf *out, const struct alarm_regions *r)
{
    const struct {
        bool is_set;
        const char *name;
    } marks[] = {
        {r->shelved, "shelved"}, {r->design, "design"}, {r->oos, "oos"}, {r->test, "test"}};
    bool is_first = true;

    json_write_key(out, "supp");
    ADD(out, "[");
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (!marks[i].is_set)
            continue;
        if (!is_first)
            ADD(out, ",");
        json_write_string(out, marks[i].name);
        is_first = false;
    }
    ADD(out, "]");
}

static void
write_text_if(struct text_buf *out, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_write_text(out, key, text);
}

static void
write_time_if(struct text_buf *out, const char *key, int64_t utc_ms)
{
    if (utc_ms != 0)
        json_write_integer(out, key, utc_ms);
}

static void
write_saying(struct text_buf *out, const char *key, const char *text)
{
    if (text == NULL)
        return;
    json_write_key(out, key);
    text_buf_add_bytes(out, text, strlen(text));
}

/* What the alarm is about: of a device, of a point, or of neither. */
struct subject {
    const struct device_info *device;
    const struct point_def *point;
    char point_name[TOPIC_ID_MAX];
};

static void
find_subject(const struct alarm_def *def, const struct directory *directory,
             struct subject *subject)
{
    const struct point_ref *ref = directory_point(directory, def->point);

    subject->device = def->device != UINT32_MAX ? directory_device(directory, def->device) : NULL;
    subject->point = def->type->rule != RULE_STALE && ref != NULL ? ref->def : NULL;
    if (subject->point != NULL)
        directory_point_name(directory, def->point, subject->point_name);
}

static void
write_front(struct text_buf *out, const struct alarm_def *def, const struct alarm_state *state,
            const struct alarm_facts *facts, const struct subject *subject)
{
    const struct alarm_type *type = def->type;

    json_write_text(out, "ack", alarm_ack_name((enum alarm_ack)state->regions.ack));
    write_saying(out, "acked", facts->said.text[SAYING_ACKED]);
    json_write_text(out, "action", type->action);
    write_text_if(out, "asset", subject->device != NULL ? subject->device->asset : NULL);
    write_audience(out, type->audiences);
    json_write_text(out, "boot", facts->boot);
    json_write_text(out, "cause", cause_name((enum cause)state->cause));
    if (state->chatter != 0)
        json_write_integer(out, "chatter", state->chatter);
    json_write_text(out, "class", alarm_class_name((enum alarm_class)type->alarm_class));
    write_time_if(out, "cleared", state->cleared_utc_ms);
    json_write_text(out, "clock", facts->clock);
    json_write_text(out, "cond", alarm_cond_name((enum alarm_cond)state->regions.cond));
    json_write_text(out, "consequence", type->consequence);
    if (state->first_out)
        json_write_flag(out, "first_out", true);
}

/* What the value is held against. */
static void
write_limit(struct text_buf *out, const struct alarm_type *type)
{
    switch ((enum rule_kind)type->rule) {
    case RULE_HIGH:
    case RULE_LOW:
    case RULE_RISE:
    case RULE_FALL:
    case RULE_CHANGE:
    case RULE_DIFFERENCE:
        json_write_key(out, "limit");
        json_write_number(out, type->limit);
        break;
    case RULE_COUNT:
        json_write_integer(out, "limit", type->at_least);
        break;
    default:
        break;
    }
}

/* Those that do not fit are counted. */
static void
write_impacts(struct text_buf *out, const struct alarm_facts *facts)
{
    uint32_t listed =
        facts->impact_count < ALARM_IMPACTS_MAX ? facts->impact_count : ALARM_IMPACTS_MAX;

    if (facts->impact_count == 0)
        return;
    json_write_key(out, "impacts");
    ADD(out, "[");
    for (uint32_t i = 0; i < listed; i++) {
        if (i > 0)
            ADD(out, ",");
        json_write_string(out, facts->alarms[facts->impacts[i]].id);
    }
    ADD(out, "]");
    if (facts->impact_count > listed)
        json_write_integer(out, "impacts_more", facts->impact_count - listed);
}

static void
write_middle(struct text_buf *out, const struct alarm_def *def, const struct alarm_state *state,
             const struct alarm_facts *facts, const struct subject *subject)
{
    const struct alarm_type *type = def->type;
    bool shows_point = rule_kind_shows_point((enum rule_kind)type->rule);
    const char *label =
        subject->point != NULL && shows_point ? point_label(subject->point, state->value) : NULL;

    json_write_text(out, "id", def->id);
    write_impacts(out, facts);
    write_text_if(out, "label", label);
    write_limit(out, type);
    json_write_flag(out, "managed", type->managed);
    json_write_text(out, "mode", ALARM_MODE);
    json_write_integer(out, "occ", state->occ);
    write_saying(out, "oos", facts->said.text[SAYING_OOS]);
    write_text_if(out, "owner", subject->device != NULL ? subject->device->owner : NULL);
    if (subject->point != NULL)
        json_write_text(out, "point", subject->point_name);
    json_write_integer(out, "priority", type->priority);
    json_write_text(out, "quality",
                    !state->regions.good                  ? "bad"
                    : state->quality == QUALITY_UNCERTAIN ? "uncertain"
                                                          : "good");
    write_time_if(out, "raised", state->raised_utc_ms);
    json_write_text(out, "resource", subject->device != NULL ? subject->device->id : "gateway");
    json_write_integer(out, "respond_within_s", type->respond_within_ms / 1000);
    json_write_text(out, "rule", rule_kind_name((enum rule_kind)type->rule));
    if (facts->seq != 0)
        json_write_integer(out, "seq", (int64_t)facts->seq);
    json_write_text(out, "severity", alarm_severity_name(type->priority));
    write_saying(out, "shelf", facts->said.text[SAYING_SHELF]);
}

size_t
alarm_rows_object(struct text_buf *out, const struct alarm_def *def,
                  const struct alarm_state *state, const struct alarm_facts *facts)
{
    size_t start = out->length, hash_at;
    struct subject subject;

    find_subject(def, facts->directory, &subject);
    ADD(out, "{");
    write_front(out, def, state, facts, &subject);
    hash_at = out->length + 1 - start; /* behind the comma */
    write_middle(out, def, state, facts, &subject);
    json_write_text(out, "site", facts->directory->site);
    write_suppression(out, &state->regions);
    write_text_if(out, "supp_by", facts->supp_by);
    write_saying(out, "test", facts->said.text[SAYING_TEST]);
    json_write_text(out, "text", def->type->text);
    json_write_integer(out, "ts", facts->utc_ms);
    json_write_text(out, "type", def->type->type);
    if (state->raised_utc_ms != 0 && state->unc_ms != ENGINE_UNC_UNKNOWN)
        json_write_integer(out, "unc_ms", state->unc_ms);
    write_text_if(out, "unit",
                  subject.point != NULL && def->type->rule != RULE_COUNT ? subject.point->unit
                                                                         : NULL);
    json_write_key(out, "value");
    json_write_number(out, state->value);
    if (def->type->expression != NULL)
        write_text_if(out, "when", def->type->expression->text);
    if (def->type->window_ms > 0)
        json_write_integer(out, "window_s", def->type->window_ms / 1000);
    write_text_if(out, "zone", subject.device != NULL ? subject.device->zone : NULL);
    ADD(out, "}");
    return hash_at;
}

void
alarm_rows_change(struct text_buf *out, uint32_t outputs)
{
    bool is_first = true;

    ADD(out, "[");
    for (unsigned output = 0; output < OUTPUT_COUNT; output++) {
        if ((outputs & (1u << output)) == 0)
            continue;
        if (!is_first)
            ADD(out, ",");
        json_write_string(out, alarm_output_name((enum alarm_output)output));
        is_first = false;
    }
    ADD(out, "]");
}
