/*
 * console_alarm.c - one alarm as a console holds it.
 */
#include "gateway/console/console_alarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/console/console_text.h"

#define LINE_MAX_BYTES 160 /* of a name */
#define RESPOND_MAX_S (400 * 86400)
#define TEXT_MAX_BYTES 600 /* of a sentence */

static bool
lists(const json_t *list, const char *word)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), word) == 0)
            return true;
    }
    return false;
}

static bool
read_regions(const json_t *object, struct alarm_regions *is)
{
    const char *cond = json_text_or(object, "cond", ""), *ack = json_text_or(object, "ack", "");
    const json_t *supp = json_object_get(object, "supp");

    is->cond = COND_COUNT;
    is->ack = ACK_COUNT;
    for (uint8_t i = 0; i < COND_COUNT; i++)
        if (strcmp(cond, alarm_cond_name((enum alarm_cond)i)) == 0)
            is->cond = i;
    for (uint8_t i = 0; i < ACK_COUNT; i++)
        if (strcmp(ack, alarm_ack_name((enum alarm_ack)i)) == 0)
            is->ack = i;
    is->shelved = lists(supp, "shelved");
    is->design = lists(supp, "design");
    is->oos = lists(supp, "oos");
    is->test = lists(supp, "test");
    is->good = strcmp(json_text_or(object, "quality", "good"), "bad") != 0;
    return is->cond != COND_COUNT && is->ack != ACK_COUNT;
}

static void
format_number(const json_t *value, const char *unit, char *out, size_t size)
{
    char clean[16];

    console_text_clean(clean, sizeof clean, unit);
    if (json_is_number(value))
        snprintf(out, size, "%.6g%s%s", json_number_value(value), clean[0] != '\0' ? " " : "",
                 clean);
}

static void
read_value(const json_t *object, struct console_alarm *alarm)
{
    const char *label = json_text_or(object, "label", NULL);
    const char *unit = json_text_or(object, "unit", "");

    if (label != NULL)
        console_text_clean(alarm->value, sizeof alarm->value, label);
    else
        format_number(json_object_get(object, "value"), unit, alarm->value, sizeof alarm->value);
    format_number(json_object_get(object, "limit"), unit, alarm->limit, sizeof alarm->limit);
}

/* "anna (operator): why"; "" nobody said so. */
static char *
read_saying(const json_t *said, const char *why_key)
{
    char text[TEXT_MAX_BYTES];
    const char *why = json_text_or(said, why_key, ""), *second = json_text_or(said, "second", "");

    if (!json_is_object(said))
        return console_text_copy("", 1);
    snprintf(text, sizeof text, "%.60s (%.30s)%s%.60s%s%.400s", json_text_or(said, "by", "?"),
             json_text_or(said, "role", "?"), second[0] != '\0' ? " with " : "", second,
             why[0] != '\0' ? ": " : "", why);
    return console_text_copy(text, sizeof text);
}

/* "12: power/ups-a/input-failed, power/ups-b/input-failed ..."; "" it is nobody's root. */
static char *
read_impacts(const json_t *object)
{
    const json_t *impacts = json_object_get(object, "impacts"), *id;
    int64_t more = json_int_or(object, "impacts_more", 0);
    long long count = (long long)json_array_size(impacts) +
                      (more > 0 && more <= UINT32_MAX ? (long long)more : 0);
    char text[TEXT_MAX_BYTES];
    size_t index, used;

    if (json_array_size(impacts) == 0)
        return console_text_copy("", 1);
    used = (size_t)snprintf(text, sizeof text, "%lld:", count);
    json_array_foreach(impacts, index, id)
    {
        if (json_is_string(id) && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s %s", index > 0 ? "," : "",
                                     json_string_value(id));
    }
    return console_text_copy(text, sizeof text);
}

/* What somebody put aside: the strongest reason of it. */
static const json_t *
aside_of(const json_t *object)
{
    static const char *const KEYS[] = {"oos", "shelf", "test"};

    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (json_is_object(json_object_get(object, KEYS[i])))
            return json_object_get(object, KEYS[i]);
    return NULL;
}

/* The alarm under which it is folded: the root that suppresses it, else the first one named. */
static const char *
root_of(const json_t *object)
{
    const json_t *roots = json_object_get(object, "root");
    const char *first = json_string_value(json_array_get(roots, 0));

    return json_text_or(object, "supp_by", first != NULL ? first : "");
}

static bool
read_texts(const json_t *object, struct console_alarm *alarm)
{
    const struct {
        char **field;
        const char *text;
        size_t max;
    } TEXTS[] = {
        {&alarm->text, json_text_or(object, "text", ""), TEXT_MAX_BYTES},
        {&alarm->consequence, json_text_or(object, "consequence", ""), TEXT_MAX_BYTES},
        {&alarm->action, json_text_or(object, "action", ""), TEXT_MAX_BYTES},
        {&alarm->resource, json_text_or(object, "resource", ""), LINE_MAX_BYTES},
        {&alarm->type, json_text_or(object, "type", ""), LINE_MAX_BYTES},
        {&alarm->zone, json_text_or(object, "zone", ""), LINE_MAX_BYTES},
        {&alarm->owner, json_text_or(object, "owner", ""), LINE_MAX_BYTES},
        {&alarm->root, root_of(object), TOPIC_ID_MAX},
    };
    bool is_whole = true;

    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        *TEXTS[i].field = console_text_copy(TEXTS[i].text, TEXTS[i].max);
        is_whole = is_whole && *TEXTS[i].field != NULL;
    }
    alarm->acked = read_saying(json_object_get(object, "acked"), "note");
    alarm->aside = read_saying(aside_of(object), "reason");
    alarm->impacts = read_impacts(object);
    return is_whole && alarm->acked != NULL && alarm->aside != NULL && alarm->impacts != NULL;
}

static int64_t
time_of(const json_t *object, const char *key)
{
    int64_t value = json_int_or(object, key, 0);

    return value > 0 && value < INT64_C(4102444800000) * 10 ? value : 0;
}

static bool
read_state(const json_t *object, struct console_alarm *alarm)
{
    int64_t priority = json_int_or(object, "priority", 0), seq = json_int_or(object, "seq", 0);
    int64_t occ = json_int_or(object, "occ", 0), chatter = json_int_or(object, "chatter", 0);

    if (priority < 1 || priority > 4 || seq < 0 || occ < 0 || occ > UINT32_MAX ||
        !read_regions(object, &alarm->is))
        return false;
    alarm->priority = (uint8_t)priority;
    alarm->seq = (uint64_t)seq;
    alarm->occ = (uint32_t)occ;
    alarm->chatter = chatter > 0 && chatter < UINT32_MAX ? (uint32_t)chatter : 0;
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if (lists(json_object_get(object, "audience"), audience_name((enum audience)i)))
            alarm->audiences |= (uint8_t)AUDIENCE_BIT(i);
    alarm->first_out = json_is_true(json_object_get(object, "first_out"));
    alarm->managed = json_is_true(json_object_get(object, "managed"));
    alarm->raised = time_of(object, "raised");
    alarm->cleared = time_of(object, "cleared");
    alarm->ts = time_of(object, "ts");
    alarm->aside_until = time_of(aside_of(object), "until");
    alarm->respond_within_s = json_int_or(object, "respond_within_s", 0);
    if (alarm->respond_within_s < 0 || alarm->respond_within_s > RESPOND_MAX_S)
        alarm->respond_within_s = 0;
    alarm->is_rest = !alarm_is_live(&alarm->is) && alarm->is.ack == ACK_NONE &&
                     !alarm_is_suppressed(&alarm->is) && alarm->is.good;
    return true;
}

struct console_alarm *
console_alarm_read(const json_t *object)
{
    const char *id = json_text_or(object, "id", "");
    struct console_alarm *alarm;

    if (!text_is_path(id) || strlen(id) >= sizeof alarm->id)
        return NULL;
    alarm = calloc(1, sizeof *alarm);
    if (alarm == NULL)
        return NULL;
    text_copy(alarm->id, sizeof alarm->id, id);
    if (!read_state(object, alarm) || !read_texts(object, alarm)) {
        console_alarm_free(alarm);
        return NULL;
    }
    read_value(object, alarm);
    return alarm;
}

void
console_alarm_free(struct console_alarm *alarm)
{
    if (alarm == NULL)
        return;
    free(alarm->text);
    free(alarm->consequence);
    free(alarm->action);
    free(alarm->resource);
    free(alarm->type);
    free(alarm->zone);
    free(alarm->owner);
    free(alarm->root);
    free(alarm->acked);
    free(alarm->aside);
    free(alarm->impacts);
    free(alarm);
}

bool
console_alarm_is_unacked(const struct console_alarm *alarm)
{
    return alarm->is.ack == ACK_UNACKED;
}

const char *
console_alarm_state(const struct console_alarm *alarm)
{
    const struct alarm_regions *is = &alarm->is;

    if (is->oos)
        return "out-serv.";
    if (is->shelved)
        return "shelved";
    if (is->design)
        return "folded";
    if (is->test)
        return is->ack == ACK_UNACKED ? "TEST-UNAC" : "test";
    if (is->ack == ACK_UNACKED)
        return !alarm_is_live(is)         ? "UNACK-CLR"
               : is->cond == COND_LATCHED ? "UNACK-LAT"
                                          : "UNACKED";
    if (is->cond == COND_LATCHED)
        return "latched";
    if (is->ack == ACK_ACKED)
        return "acked";
    return is->good ? "normal" : "no data";
}

void
console_alarm_suppression(const struct console_alarm *alarm, char *out, size_t size)
{
    const struct {
        bool is_set;
        const char *name;
    } MARKS[] = {{alarm->is.shelved, "shelved"},
                 {alarm->is.design, "folded under its root"},
                 {alarm->is.oos, "out of service"},
                 {alarm->is.test, "in test"}};
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++)
        if (MARKS[i].is_set && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     MARKS[i].name);
}

void
console_alarm_response(const struct console_alarm *alarm, int64_t gateway_utc_ms, char *out,
                       size_t size)
{
    int64_t left_ms = alarm->raised + alarm->respond_within_s * 1000 - gateway_utc_ms;
    char within[24], left[24];

    out[0] = '\0';
    if (alarm->respond_within_s <= 0)
        return;
    common_format_age(alarm->respond_within_s * 1000, within, sizeof within);
    common_format_age(left_ms < 0 ? -left_ms : left_ms, left, sizeof left);
    if (!console_alarm_is_unacked(alarm) || alarm->raised == 0)
        snprintf(out, size, "respond within %s", within);
    else if (left_ms < 0)
        snprintf(out, size, "respond within %s: OVERDUE by %s", within, left);
    else
        snprintf(out, size, "respond within %s: %s left", within, left);
}
