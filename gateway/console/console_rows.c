/*
 * console_rows.c - which rows of the journal a console knows.
 */
#include "gateway/console/console_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/console/console_text.h"

#define ROW_TEXT_MAX 700

bool
console_rows_init(struct console_rows *rows)
{
    *rows = (struct console_rows){0};
    rows->rows = calloc(CONSOLE_ROWS_MAX, sizeof *rows->rows);
    return rows->rows != NULL;
}

static void
free_row(struct console_row *row)
{
    free(row->id);
    free(row->text);
    *row = (struct console_row){0};
}

void
console_rows_clear(struct console_rows *rows)
{
    struct console_row *ring = rows->rows;

    for (size_t i = 0; ring != NULL && i < CONSOLE_ROWS_MAX; i++)
        free_row(&ring[i]);
    *rows = (struct console_rows){.rows = ring};
}

void
console_rows_done(struct console_rows *rows)
{
    console_rows_clear(rows);
    free(rows->rows);
    rows->rows = NULL;
}

/* numbers */

/* What lies directly behind `known` becomes part of it. */
static void
advance(struct console_rows *rows)
{
    size_t gone = 0;

    while (rows->is_anchored && gone < rows->range_count &&
           rows->ranges[gone].from <= rows->known + 1) {
        if (rows->ranges[gone].to > rows->known)
            rows->known = rows->ranges[gone].to;
        gone++;
    }
    rows->range_count -= gone;
    memmove(rows->ranges, rows->ranges + gone, rows->range_count * sizeof rows->ranges[0]);
}

void
console_rows_anchor(struct console_rows *rows, uint64_t seq)
{
    rows->is_anchored = true;
    if (seq > rows->known)
        rows->known = seq;
    advance(rows);
}

void
console_rows_note(struct console_rows *rows, uint64_t from, uint64_t to)
{
    size_t at = 0, end;

    if (from == 0 || to < from || (rows->is_anchored && to <= rows->known))
        return;
    while (at < rows->range_count && rows->ranges[at].to < from - 1)
        at++;
    /* Those that touch it become one with it. */
    for (end = at; end < rows->range_count && rows->ranges[end].from <= to + (to < UINT64_MAX);
         end++) {
        from = rows->ranges[end].from < from ? rows->ranges[end].from : from;
        to = rows->ranges[end].to > to ? rows->ranges[end].to : to;
    }
    if (end == at && rows->range_count == CONSOLE_RANGES_MAX) {
        /* Too many holes: the oldest is given up. */
        if (at == 0)
            return;
        rows->given_up += rows->ranges[0].from - rows->known - 1;
        rows->known = rows->ranges[0].to;
        rows->is_anchored = true;
        advance(rows);
        console_rows_note(rows, from, to);
        return;
    }
    size_t tail = rows->range_count - end;
    memmove(rows->ranges + at + 1, rows->ranges + end, tail * sizeof rows->ranges[0]);
    rows->ranges[at] = (struct console_range){from, to};
    rows->range_count = at + 1 + tail;
    advance(rows);
}

bool
console_rows_has(const struct console_rows *rows, uint64_t seq)
{
    if (rows->is_anchored && seq <= rows->known)
        return true;
    for (size_t i = 0; i < rows->range_count; i++)
        if (seq >= rows->ranges[i].from && seq <= rows->ranges[i].to)
            return true;
    return false;
}

/* words */

static void
describe_alarm(const json_t *row, const json_t *alarm, char *out, size_t size)
{
    const json_t *change = json_object_get(row, "change"), *item;
    const json_t *acked = json_object_get(alarm, "acked");
    size_t index, used = 0;
    bool is_acked = false;

    out[0] = '\0';
    json_array_foreach(change, index, item)
    {
        const char *word = json_is_string(item) ? json_string_value(item) : "?";

        is_acked = is_acked || strcmp(word, "acked") == 0;
        if (strcmp(word, "annunciate") != 0 && used < size)
            used +=
                (size_t)snprintf(out + used, size - used, "%s%.40s", used > 0 ? ", " : "", word);
    }
    if (used < size && is_acked)
        used += (size_t)snprintf(out + used, size - used, " by %.60s %.300s",
                                 json_text_or(acked, "by", "?"), json_text_or(acked, "note", ""));
    const json_t *value = json_object_get(alarm, "value");
    const char *label = json_text_or(alarm, "label", NULL);
    if (used < size && label != NULL)
        used += (size_t)snprintf(out + used, size - used, ", at %.40s", label);
    else if (used < size && json_is_number(value))
        used += (size_t)snprintf(out + used, size - used, ", at %.6g %.15s",
                                 json_number_value(value), json_text_or(alarm, "unit", ""));
    if (used < size)
        snprintf(out + used, size - used, " (occurrence %lld)",
                 (long long)json_int_or(alarm, "occ", 0));
}

/* Of whatever kind: the words in it that people would look for. */
static void
describe_other(const json_t *row, char *out, size_t size)
{
    static const char *const WORDS[] = {"by", "user",   "verb",   "code", "what",   "step",
                                        "to", "device", "health", "note", "reason", "error"};
    size_t used = (size_t)snprintf(out, size, "%.30s:", json_text_or(row, "kind", "?"));

    for (size_t i = 0; i < ARRAY_LEN(WORDS) && used < size; i++) {
        const json_t *member = json_object_get(row, WORDS[i]);

        if (json_is_string(member) && json_string_length(member) > 0)
            used += (size_t)snprintf(out + used, size - used, " %.300s", json_string_value(member));
        else if (json_is_integer(member))
            used += (size_t)snprintf(out + used, size - used, " %s %lld", WORDS[i],
                                     (long long)json_integer_value(member));
    }
}

bool
console_rows_take(struct console_rows *rows, const json_t *row, uint64_t seq)
{
    const json_t *alarm = json_object_get(row, "alarm");
    char text[ROW_TEXT_MAX];

    if (seq == 0 || console_rows_has(rows, seq)) {
        rows->repeated++;
        return false;
    }
    console_rows_note(rows, seq, seq);
    if (json_is_object(alarm))
        describe_alarm(row, alarm, text, sizeof text);
    else
        describe_other(row, text, sizeof text);
    size_t at = (rows->first + rows->count) % CONSOLE_ROWS_MAX;
    if (rows->count == CONSOLE_ROWS_MAX)
        rows->first = (rows->first + 1) % CONSOLE_ROWS_MAX;
    else
        rows->count++;
    struct console_row *kept = &rows->rows[at];
    free_row(kept);
    kept->seq = seq;
    kept->ts = json_int_or(row, "ts", 0);
    kept->id = console_text_copy(json_text_or(json_is_object(alarm) ? alarm : row, "id", ""),
                                 TOPIC_ID_MAX);
    kept->text = console_text_copy(text, sizeof text);
    return true;
}

const struct console_row *
console_rows_at(const struct console_rows *rows, size_t index)
{
    if (index >= rows->count)
        return NULL;
    return &rows->rows[(rows->first + rows->count - 1 - index) % CONSOLE_ROWS_MAX];
}
