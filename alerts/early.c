/*
 * early.c - rows that are told before they are on disk.
 */
#include "alerts/early.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_def.h"
#include "gateway/base/json.h"

struct row {
    struct row *next;
    uint64_t seq;
    size_t bytes;   /* of all its texts */
    char *body;     /* the row as it came */
    char *alarm;    /* its member "alarm"; NULL: no alarm, or at rest */
    char *alarm_id; /* NULL: no alarm */
    unsigned audiences;
    bool is_told;
};

struct early {
    struct row *first, **end;
    size_t count, bytes;
    uint64_t dropped;
};

struct early *
early_new(void)
{
    struct early *early = calloc(1, sizeof *early);

    if (early != NULL)
        early->end = &early->first;
    return early;
}

static void
free_row(struct row *row)
{
    if (row == NULL)
        return;
    free(row->body);
    free(row->alarm);
    free(row->alarm_id);
    free(row);
}

void
early_forget(struct early *early)
{
    early_committed(early, UINT64_MAX);
}

void
early_free(struct early *early)
{
    if (early == NULL)
        return;
    early_forget(early);
    free(early);
}

/* Of an alarm, or whom an escalation is for. */
static unsigned
audiences_of(const json_t *names)
{
    const json_t *name;
    unsigned audiences = 0;
    size_t index;

    json_array_foreach((json_t *)(uintptr_t)names, index, name)
    {
        for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
            if (json_is_string(name) &&
                strcmp(json_string_value(name), audience_name((enum audience)i)) == 0)
                audiences |= AUDIENCE_BIT(i);
    }
    return audiences;
}

static struct row *
make_row(const struct msg_row *head, const char *text, size_t bytes)
{
    json_t *object = json_parse_object(text, bytes, NULL, 0);
    const json_t *alarm = json_object_get(object, "alarm");
    const char *id = json_text_or(alarm, "id", NULL);
    struct row *row = object == NULL ? NULL : calloc(1, sizeof *row);

    if (row != NULL) {
        row->seq = head->seq;
        row->audiences = audiences_of(alarm != NULL ? json_object_get(alarm, "audience")
                                                    : json_object_get(object, "to"));
        row->body = strndup(text, bytes);
        row->alarm_id = id != NULL ? strdup(id) : NULL;
        row->alarm = id != NULL && !head->is_at_rest ? json_canonical(alarm) : NULL;
        row->bytes = 2 * bytes;
    }
    if (row != NULL && (row->body == NULL || (id != NULL && row->alarm_id == NULL) ||
                        (id != NULL && !head->is_at_rest && row->alarm == NULL))) {
        free_row(row);
        row = NULL;
    }
    json_decref(object);
    return row;
}

bool
early_take(struct early *early, const struct msg_row *head, const char *text, size_t bytes)
{
    struct row *row = NULL;

    if (early->count < EARLY_ROWS_MAX && early->bytes + 2 * bytes <= EARLY_BYTES_MAX)
        row = make_row(head, text, bytes);
    if (row == NULL) {
        early->dropped++;
        return false;
    }
    *early->end = row;
    early->end = &row->next;
    early->count++;
    early->bytes += row->bytes;
    return true;
}

void
early_committed(struct early *early, uint64_t seq)
{
    struct row **at = &early->first;

    while (*at != NULL) {
        struct row *row = *at;

        if (row->seq > seq) {
            at = &row->next;
            continue;
        }
        *at = row->next;
        early->count--;
        early->bytes -= row->bytes;
        free_row(row);
    }
    early->end = at;
}

void
early_again(struct early *early)
{
    for (struct row *row = early->first; row != NULL; row = row->next)
        row->is_told = false;
}

static bool
tell(const struct row *row,
     bool (*publish)(void *ctx, const char *name, const char *payload, size_t bytes, bool retained),
     void *ctx)
{
    char name[TOPIC_ID_MAX + 16];

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        if ((row->audiences & AUDIENCE_BIT(i)) == 0)
            continue;
        snprintf(name, sizeof name, "event/%s", audience_name((enum audience)i));
        if (!publish(ctx, name, row->body, strlen(row->body), false))
            return false;
    }
    if (row->alarm_id == NULL)
        return true;
    snprintf(name, sizeof name, "alarm/%s", row->alarm_id);
    return row->alarm != NULL ? publish(ctx, name, row->alarm, strlen(row->alarm), true)
                              : publish(ctx, name, "", 0, true);
}

void
early_pump(struct early *early,
           bool (*publish)(void *ctx, const char *name, const char *payload, size_t bytes,
                           bool retained),
           void *ctx)
{
    for (struct row *row = early->first; row != NULL; row = row->next) {
        if (row->is_told)
            continue;
        if (!tell(row, publish, ctx))
            return;
        row->is_told = true;
    }
}

bool
early_has_alarm(const struct early *early, const char *alarm_id)
{
    for (const struct row *row = early->first; row != NULL; row = row->next)
        if (row->alarm_id != NULL && strcmp(row->alarm_id, alarm_id) == 0)
            return true;
    return false;
}

uint64_t
early_dropped(const struct early *early)
{
    return early->dropped;
}
