/*
 * journal_pending.c - what a turn holds until it is on disk: rows, alarm states, small facts.
 */
#include "alerts/journal_pending.h"

#include <stdlib.h>
#include <string.h>

static void
free_row(struct pending_row *row)
{
    free(row->payload);
    free(row);
}

void
pending_clear(struct pending *pending)
{
    struct pending_alarm *alarm, *next_alarm;
    struct pending_value *value, *next_value;

    for (struct pending_row *row = pending->first, *next; row != NULL; row = next) {
        next = row->next;
        free_row(row);
    }
    HASH_ITER(hh, pending->alarms, alarm, next_alarm)
    {
        HASH_DEL(pending->alarms, alarm);
        free(alarm->payload);
        free(alarm->engine);
        free(alarm);
    }
    HASH_ITER(hh, pending->values, value, next_value)
    {
        HASH_DEL(pending->values, value);
        free(value->value);
        free(value);
    }
    pending->first = pending->last = NULL;
    pending->rows = 0;
}

void
pending_done(struct pending *pending)
{
    pending_clear(pending);
}

bool
pending_is_empty(const struct pending *pending)
{
    return pending->first == NULL && pending->alarms == NULL && pending->values == NULL;
}

static char *
append(char **at, const char *text, size_t bytes)
{
    char *copy = *at;

    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    *at += bytes + 1;
    return copy;
}

struct pending_row *
pending_add(struct pending *pending, uint64_t seq, int64_t utc_ms, const char *kind,
            const char *alarm_id, const char *body, size_t body_bytes, const char *hash)
{
    size_t kind_bytes = strlen(kind), id_bytes = alarm_id != NULL ? strlen(alarm_id) : 0;
    struct pending_row *row = malloc(sizeof *row + kind_bytes + id_bytes + body_bytes + 3);

    if (row == NULL)
        return NULL;
    char *at = (char *)(row + 1);

    *row = (struct pending_row){.seq = seq, .first = seq, .utc_ms = utc_ms, .splice = -1};
    row->kind = append(&at, kind, kind_bytes);
    row->alarm_id = alarm_id != NULL ? append(&at, alarm_id, id_bytes) : NULL;
    row->body = append(&at, body, body_bytes);
    row->body_bytes = body_bytes;
    memcpy(row->hash, hash, DIGEST_HEX);
    if (pending->last != NULL)
        pending->last->next = row;
    else
        pending->first = row;
    pending->last = row;
    pending->rows++;
    return row;
}

struct pending_alarm *
pending_alarm(struct pending *pending, const char *alarm_id)
{
    size_t bytes = strlen(alarm_id);
    struct pending_alarm *alarm;

    HASH_FIND(hh, pending->alarms, alarm_id, bytes, alarm);
    if (alarm != NULL)
        return alarm;
    alarm = calloc(1, sizeof *alarm + bytes + 1);
    if (alarm == NULL)
        return NULL;
    memcpy(alarm->id, alarm_id, bytes);
    HASH_ADD(hh, pending->alarms, id[0], bytes, alarm);
    if (alarm->hh.tbl != NULL)
        return alarm;
    free(alarm);
    return NULL;
}

const struct pending_value *
pending_find_value(const struct pending *pending, const char *key)
{
    struct pending_value *value;

    HASH_FIND(hh, pending->values, key, strlen(key), value);
    return value;
}

struct pending_value *
pending_value(struct pending *pending, const char *key)
{
    size_t bytes = strlen(key);
    struct pending_value *value;

    HASH_FIND(hh, pending->values, key, bytes, value);
    if (value != NULL)
        return value;
    value = calloc(1, sizeof *value + bytes + 1);
    if (value == NULL)
        return NULL;
    memcpy(value->key, key, bytes);
    HASH_ADD(hh, pending->values, key[0], bytes, value);
    if (value->hh.tbl != NULL)
        return value;
    free(value);
    return NULL;
}

static struct pending_row *
make_stub(struct pending_row *row)
{
    free(row->payload);

    struct pending_row *stub = realloc(row, sizeof *row);
    stub = stub != NULL ? stub : row;
    stub->kind = "lost";
    stub->alarm_id = stub->body = NULL;
    stub->payload = NULL;
    stub->body_bytes = 0;
    stub->splice = -1;
    stub->audiences = stub->priority = 0;
    return stub;
}

/* Takes the bodies of the oldest rows of one priority; neighbours without a body become one. */
static void
strip(struct pending *pending, unsigned priority, size_t max)
{
    struct pending_row *before = NULL;

    for (struct pending_row *row = pending->first, *next; row != NULL; row = next) {
        next = row->next;
        if (row->body != NULL && row->priority == priority && pending->rows > max) {
            row = make_stub(row);
            pending->rows--;
            pending->dropped++;
            if (before != NULL)
                before->next = row;
            else
                pending->first = row;
        }
        if (before != NULL && before->body == NULL && row->body == NULL) {
            before->seq = row->seq;
            before->utc_ms = row->utc_ms;
            memcpy(before->hash, row->hash, sizeof before->hash);
            before->next = next;
            free_row(row);
        } else {
            before = row;
        }
    }
    pending->last = before;
}

void
pending_trim(struct pending *pending, size_t max)
{
    static const unsigned ORDER[PENDING_PRIORITIES] = {4, 3, 0, 2, 1};

    if (pending->rows <= max)
        return;
    /* A tenth more than needed, so that the walk is not taken for each row. */
    for (size_t i = 0; i < PENDING_PRIORITIES && pending->rows > max - max / 10; i++)
        strip(pending, ORDER[i], max - max / 10);
}
