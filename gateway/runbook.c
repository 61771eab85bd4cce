/*
 * runbook.c - the page of one alarm for the people who answer it, in Markdown.
 */
#include "gateway/runbook.h"

#include <stdlib.h>
#include <string.h>

#include "alerts/roles.h"
#include "gateway/runbook_ladder.h"

static const char MADE[] = "Made by `watchroom docs` from the configuration; do not edit.\n";

/* Nothing in a text of the site is markup, neither of Markdown nor of HTML. */
static void
add_text(struct text_buf *out, const char *text)
{
    static const char SPECIAL[] = "\\`*_{}[]<>#!|~&$";

    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\r')
            text_buf_add_bytes(out, " ", 1);
        else if (strchr(SPECIAL, *text) != NULL)
            text_buf_add(out, "\\%c", *text);
        else
            text_buf_add_bytes(out, text, 1);
    }
}

static void
add_row(struct text_buf *out, const char *title, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    text_buf_add(out, "| %s | ", title);
    add_text(out, text);
    text_buf_add(out, " |\n");
}

static void
add_duration(struct text_buf *out, const char *title, int64_t ms)
{
    char text[24];

    text_format_duration(ms, text, sizeof text);
    add_row(out, title, text);
}

static const char *
list_audiences(unsigned audiences, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned audience = 0; audience < AUDIENCE_COUNT && used < size; audience++)
        if ((audiences & AUDIENCE_BIT(audience)) != 0)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     audience_name((enum audience)audience));
    return out;
}

/* the rule */

static void
add_values(struct text_buf *out, const struct alarm_type *type, const struct point_def *point)
{
    for (uint16_t i = 0; i < type->value_count; i++) {
        const char *label = point == NULL ? NULL : point_label(point, type->values[i]);

        if (i > 0)
            text_buf_add(out, " or ");
        if (label != NULL)
            add_text(out, label);
        else if (point != NULL && point->kind == VALUE_FLAG)
            text_buf_add(out, type->values[i] != 0 ? "true" : "false");
        else
            text_buf_add(out, "%g", type->values[i]);
    }
}

static void
add_limit(struct text_buf *out, const struct alarm_type *type, bool is_high, const char *unit)
{
    text_buf_add(out, "%s %g ", is_high ? "above" : "below", type->limit);
    add_text(out, unit);
    if (type->deadband == 0)
        return;
    text_buf_add(out, "; over at %g ",
                 is_high ? type->limit - type->deadband : type->limit + type->deadband);
    add_text(out, unit);
}

static void
add_count(struct text_buf *out, const struct alarm_type *type, const struct point_def *point,
          const char *window)
{
    text_buf_add(out, "%u times within %s ", type->at_least, window);
    if (type->inner == RULE_CHANGE) {
        text_buf_add(out, "it changes");
    } else if (type->inner == RULE_IS) {
        text_buf_add(out, "it becomes ");
        add_values(out, type, point);
    } else {
        text_buf_add(out, "it goes ");
        add_limit(out, type, type->inner == RULE_HIGH, point == NULL ? "" : point->unit);
    }
}

/* Rules that look at more than one value. */
static void
add_wide_rule(struct text_buf *out, const struct alarm_type *type, const struct point_def *point)
{
    const char *unit = point == NULL ? "" : point->unit;
    char window[24];

    text_format_duration(type->window_ms, window, sizeof window);
    switch (type->rule) {
    case RULE_RISE:
    case RULE_FALL:
    case RULE_CHANGE:
        text_buf_add(out, "it %s by %g ",
                     type->rule == RULE_RISE   ? "rises"
                     : type->rule == RULE_FALL ? "falls"
                                               : "changes",
                     type->limit);
        add_text(out, unit);
        text_buf_add(out, " or more within %s", window);
        break;
    case RULE_COUNT:
        add_count(out, type, point, window);
        break;
    case RULE_DIFFERENCE:
        text_buf_add(out, "it less the other point%s is ",
                     type->is_absolute ? ", or the other way round," : "");
        add_limit(out, type, type->inner == RULE_HIGH, unit);
        break;
    case RULE_WHEN:
        add_text(out, type->expression->text);
        break;
    case RULE_SILENT:
        text_buf_add(out, "there is no good reading for %s", window);
        break;
    default:
        text_buf_add(out, "rule %s", rule_kind_name((enum rule_kind)type->rule));
        break;
    }
}

static void
add_rule(struct text_buf *out, const struct alarm_type *type, const struct point_def *point)
{
    text_buf_add(out, "| Raised when | ");
    switch (type->rule) {
    case RULE_HIGH:
    case RULE_LOW:
        add_limit(out, type, type->rule == RULE_HIGH, point == NULL ? "" : point->unit);
        break;
    case RULE_IS:
    case RULE_NOT:
        text_buf_add(out, type->rule == RULE_IS ? "it is " : "it is not ");
        add_values(out, type, point);
        break;
    case RULE_STALE:
        text_buf_add(out, "readings of the device grow old while it answers");
        break;
    default:
        add_wide_rule(out, type, point);
        break;
    }
    text_buf_add(out, " |\n");
}

/* people */

static void
add_shelving(struct text_buf *out, const struct alarm_type *type)
{
    const struct order_object object = {
        .priority = type->priority, .managed = type->managed, .shelvable = type->shelvable};
    bool is_any = false;

    text_buf_add(out, "| Shelving | ");
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct permission may = roles_permit((enum role)role, ORDER_SHELVE, &object);
        char longest[24];

        if (!may.is_allowed)
            continue;
        text_format_duration(may.longest_ms, longest, sizeof longest);
        text_buf_add(out, "%s%s, at most %s", is_any ? "; " : "", role_name((enum role)role),
                     longest);
        is_any = true;
    }
    text_buf_add(out, is_any ? " |\n" : "never |\n");
}

static void
add_out_of_service(struct text_buf *out, const struct alarm_type *type)
{
    const struct order_object object = {
        .priority = type->priority, .managed = type->managed, .is_own = true};
    bool is_any = false;

    text_buf_add(out, "| Out of service | ");
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct permission may = roles_permit((enum role)role, ORDER_OOS, &object);
        struct order_object strange = object;
        char longest[24];

        strange.is_own = false;
        if (!may.is_allowed)
            continue;
        text_format_duration(may.longest_ms, longest, sizeof longest);
        text_buf_add(
            out, "%s%s%s, at most %s%s", is_any ? "; " : "", role_name((enum role)role),
            roles_permit((enum role)role, ORDER_OOS, &strange).is_allowed ? "" : " of own assets",
            longest, may.needs_second ? ", with a second person" : "");
        is_any = true;
    }
    text_buf_add(out, is_any ? " |\n" : "never |\n");
}

/* the tables of a page */

static void
add_alarm(struct text_buf *out, const struct site *site, const struct alarm_def *def,
          const struct point_def *point)
{
    const struct alarm_type *type = def->type;
    char audiences[80];

    text_buf_add(out, "## The alarm\n\n| | |\n|---|---|\n");
    add_row(out, "Kind", type->type);
    add_row(out, "For", list_audiences(type->audiences, audiences, sizeof audiences));
    add_rule(out, type, point);
    if (type->on_delay_ms > 0)
        add_duration(out, "For longer than", type->on_delay_ms);
    if (type->off_delay_ms > 0)
        add_duration(out, "Over for longer than", type->off_delay_ms);
    if (type->latch)
        add_row(out, "Latched", "stays until a person resets it");
    add_row(out, "Acknowledgement", type->ack_required ? "needed" : "not needed");
    if (type->realarm_ms > 0)
        add_duration(out, "Told again after", type->realarm_ms);
    runbook_ladder_rows(site, type, out);
    if (type->suppressed_by != NULL && def->root < site->alarm_limit) {
        char longest[24];

        text_format_duration(type->suppressed_max_ms, longest, sizeof longest);
        text_buf_add(out, "| Suppressed while there is | ");
        add_text(out, site->alarms[def->root].id);
        text_buf_add(out, ", at most %s |\n", longest);
    }
    add_shelving(out, type);
    add_out_of_service(out, type);
    add_row(out, "Managed", type->managed ? "yes: never shelved, never suppressed" : "no");
}

static void
add_subject(struct text_buf *out, const struct site *site, const struct alarm_def *def,
            const struct point_def *point, bool is_polled)
{
    const struct device_info *device =
        def->device == UINT32_MAX ? NULL : directory_device(&site->directory, def->device);
    char name[TOPIC_ID_MAX];

    text_buf_add(out, "\n## Where\n\n| | |\n|---|---|\n");
    if (device != NULL) {
        add_row(out, "Device", device->id);
        if (strcmp(device->name, device->id) != 0)
            add_row(out, "Name", device->name);
        add_row(out, "Zone", device->zone);
        add_row(out, "Asset", device->asset);
        add_row(out, "Owner", device->owner);
        add_row(out, "Profile", device->profile);
        add_row(out, "Address", device->address);
    }
    if (point == NULL)
        return;
    add_row(out, "Point", directory_point_name(&site->directory, def->point, name));
    add_row(out, "which is", point->description);
    for (uint16_t i = 0; i < def->input_count; i++)
        if (def->inputs[i].point != def->point)
            add_row(out, "Judged with",
                    directory_point_name(&site->directory, def->inputs[i].point, name));
    if (!is_polled)
        return;
    if (device->groups[point->group].interval_ms > 0)
        add_duration(out, "Read every", device->groups[point->group].interval_ms);
    else
        add_row(out, "Read", "once, when the device comes up");
    if (def->stale_after_ms > 0)
        add_duration(out, "Old after", def->stale_after_ms);
}

static const struct point_def *
point_of(const struct site *site, const struct alarm_def *def)
{
    const struct point_ref *ref = directory_point(&site->directory, def->point);

    return ref == NULL || def->type->rule == RULE_STALE ? NULL : ref->def;
}

/* Points that a device has of its own, and not because the gateway made them. */
static bool
is_polled(const struct site *site, const struct alarm_def *def)
{
    const struct device_info *device = directory_device(&site->directory, def->device);

    return device != NULL && strcmp(device->id, "gateway") != 0 && def->point != device->comm_point;
}

static void
add_words(struct text_buf *out, const struct alarm_type *type)
{
    char within[24];

    text_format_duration(type->respond_within_ms, within, sizeof within);
    text_buf_add(out, "**P%u %s, respond within %s**\n\n", type->priority,
                 alarm_severity_name(type->priority), within);
    text_buf_add(out, "## What is wrong\n\n");
    add_text(out, type->text);
    text_buf_add(out, "\n\n## If nobody acts\n\n");
    add_text(out, type->consequence);
    text_buf_add(out, "\n\n## What to do\n\n");
    add_text(out, type->action);
    text_buf_add(out, "\n\n");
}

void
runbook_page(const struct site *site, const struct alarm_def *def, struct text_buf *out)
{
    const struct point_def *point = point_of(site, def);

    text_buf_add(out, "# ");
    add_text(out, def->id);
    text_buf_add(out, "\n\n");
    add_words(out, def->type);
    add_alarm(out, site, def, point);
    add_subject(out, site, def, point, is_polled(site, def));
    text_buf_add(out, "\n[All alarms](index.md). %s", MADE);
}

/* all of them */

bool
runbook_file_name(const char *id, char out[RUNBOOK_NAME_MAX])
{
    int used = snprintf(out, RUNBOOK_NAME_MAX, "%s.md", id);

    for (char *at = out; *at != '\0'; at++)
        if (*at == '/')
            *at = '~';
    return used > 0 && used < RUNBOOK_NAME_MAX - 1;
}

static int
compare(const void *left, const void *right)
{
    const struct alarm_def *a = *(const struct alarm_def *const *)left;
    const struct alarm_def *b = *(const struct alarm_def *const *)right;

    if (a->type->priority != b->type->priority)
        return a->type->priority < b->type->priority ? -1 : 1;
    return strcmp(a->id, b->id);
}

const struct alarm_def **
runbook_sort(const struct site *site, size_t *out_count)
{
    const struct alarm_def **list = calloc(site->alarm_limit + 1u, sizeof *list);
    size_t count = 0;

    if (list == NULL)
        return NULL;
    for (uint32_t i = 0; i < site->alarm_limit; i++)
        if (site->alarms[i].type != NULL)
            list[count++] = &site->alarms[i];
    qsort(list, count, sizeof *list, compare);
    *out_count = count;
    return list;
}

void
runbook_index(const struct site *site, const struct alarm_def *const *alarms, size_t count,
              struct text_buf *out)
{
    text_buf_add(out, "# Alarms of ");
    add_text(out, site->name);
    text_buf_add(out,
                 "\n\n%sConfiguration %.12s, %zu alarms.\n\n"
                 "| P | alarm | what is wrong | for |\n|---|---|---|---|\n",
                 MADE, site->digest, count);
    for (size_t i = 0; i < count; i++) {
        char file[RUNBOOK_NAME_MAX], audiences[80];

        (void)runbook_file_name(alarms[i]->id, file);
        text_buf_add(out, "| %u | [", alarms[i]->type->priority);
        add_text(out, alarms[i]->id);
        text_buf_add(out, "](%s) | ", file);
        add_text(out, alarms[i]->type->text);
        text_buf_add(out, " | %s |\n",
                     list_audiences(alarms[i]->type->audiences, audiences, sizeof audiences));
    }
}

void
runbook_builtin(const struct site *site, struct text_buf *out)
{
    size_t count;
    const struct alarm_def **alarms = runbook_sort(site, &count);

    text_buf_add(out, "# Built-in alarms\n\nMade by `watchroom docs builtin`; do not edit.\n\n"
                      "What the gateway knows about itself, and of each device whether it answers: "
                      "every site has\n"
                      "these, those of the broker where it has one. `comm-lost` and `data-stale` "
                      "are changed per device "
                      "(`devices.alarms`\n"
                      "in [configuration.md](configuration.md)).\n");
    for (size_t i = 0; alarms != NULL && i < count; i++) {
        const struct alarm_def *def = alarms[i];
        const struct alarm_type *type = def->type;
        char audiences[80], within[24];

        text_format_duration(type->respond_within_ms, within, sizeof within);
        text_buf_add(out, "\n## %s\n\n**", def->id);
        add_text(out, type->text);
        text_buf_add(out,
                     ".** P%u, respond within %s, for %s.%s\n\n* If nobody acts: ", type->priority,
                     within, list_audiences(type->audiences, audiences, sizeof audiences),
                     type->managed ? " Managed." : "");
        add_text(out, type->consequence);
        text_buf_add(out, ".\n* What to do: ");
        add_text(out, type->action);
        text_buf_add(out, ".\n");
    }
    free(alarms);
}
