/*
 * kpi_rows.c - key figures of a stretch of the journal, from its rows alone.
 */
#include "alerts/kpi_rows.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

struct kpi_slot_of {
    UT_hash_handle hh;
    uint32_t slot;
    char id[];
};

struct reading {
    struct kpi_rows *rows;
    int64_t last_utc_ms; /* of the row before; 0: none */
};

static bool
is_in_range(const struct kpi_rows *rows, int64_t utc_ms)
{
    return utc_ms >= rows->from_utc_ms && utc_ms < rows->to_utc_ms;
}

/* False: no room for another alarm. */
static bool
find_slot(struct kpi_rows *rows, const char *id, uint32_t *out_slot)
{
    struct kpi_slot_of *found;
    size_t bytes = strlen(id) + 1;

    HASH_FIND_STR(rows->slots, id, found);
    if (found != NULL) {
        *out_slot = found->slot;
        return true;
    }
    if (rows->name_count == KPI_ROWS_ALARMS_MAX || bytes > TOPIC_ID_MAX)
        return false;
    found = calloc(1, sizeof *found + bytes);
    if (found == NULL)
        return false;
    memcpy(found->id, id, bytes);
    found->slot = rows->name_count;
    HASH_ADD_KEYPTR(hh, rows->slots, found->id, bytes - 1, found);
    if (found->hh.tbl == NULL) {
        free(found);
        return false;
    }
    rows->names[rows->name_count++].id = found->id;
    *out_slot = found->slot;
    return true;
}

static bool
has_word(const json_t *list, const char *word)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);

        if (text != NULL && strcmp(text, word) == 0)
            return true;
    }
    return false;
}

static unsigned
audiences_in(const json_t *list)
{
    unsigned bits = 0;

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if (has_word(list, audience_name((enum audience)audience)))
            bits |= AUDIENCE_BIT(audience);
    return bits;
}

static unsigned
audience_in(const char *name)
{
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if (strcmp(name, audience_name((enum audience)audience)) == 0)
            return AUDIENCE_BIT(audience);
    return 0;
}

static struct kpi_fact
fact_of(const json_t *alarm, const json_t *change, int64_t utc_ms)
{
    const json_t *supp = json_object_get(alarm, "supp");
    const char *cond = json_text_or(alarm, "cond", "normal");
    int64_t priority = json_int_or(alarm, "priority", 4);
    bool is_gone = has_word(change, "withdrawn");
    struct kpi_fact fact = {
        .utc_ms = utc_ms,
        .raised_utc_ms = json_int_or(alarm, "raised", 0),
        .audiences = audiences_in(json_object_get(alarm, "audience")),
        .priority = priority >= 1 && priority <= 4 ? (unsigned)priority : 4,
        .is_told = has_word(change, "annunciate"),
        /* who shelves it has seen it */
        .is_acked = has_word(change, "acked") || has_word(change, "shelved"),
        .is_chatter = has_word(change, "chatter"),
    };

    if (is_gone)
        return fact;
    fact.live = strcmp(cond, "active") == 0 || strcmp(cond, "clearing") == 0 ||
                strcmp(cond, "latched") == 0;
    fact.unacked = strcmp(json_text_or(alarm, "ack", "none"), "unacked") == 0;
    fact.shelved = has_word(supp, "shelved");
    fact.suppressed = has_word(supp, "design");
    fact.out_of_service = has_word(supp, "oos");
    fact.in_hold = json_int_or(alarm, "chatter", 0) > 0;
    return fact;
}

static void
keep_text(struct kpi_alarm_name *name, const json_t *alarm)
{
    const char *text = json_text_or(alarm, "text", "");

    name->priority = (uint8_t)json_int_or(alarm, "priority", 4);
    if (name->text != NULL && strcmp(name->text, text) == 0)
        return;
    free(name->text);
    name->text = strdup(text);
}

static void
take_alarm(struct kpi_rows *rows, const json_t *body, int64_t utc_ms)
{
    const json_t *alarm = json_object_get(body, "alarm");
    const char *id = json_text_or(alarm, "id", NULL);
    uint32_t slot;

    if (id == NULL) {
        rows->unreadable++;
        return;
    }
    if (!find_slot(rows, id, &slot)) {
        rows->left_out++;
        return;
    }
    struct kpi_fact fact = fact_of(alarm, json_object_get(body, "change"), utc_ms);
    keep_text(&rows->names[slot], alarm);
    kpi_alarm(rows->kpi, slot, &fact);
}

static void
take_command(struct kpi_rows *rows, const json_t *body)
{
    const char *code = json_text_or(body, "code", "?");
    int64_t count = json_int_or(body, "count", 1);
    size_t i = 0;

    if (count < 1)
        return;
    rows->commands += (uint64_t)count;
    if (strcmp(code, "ok") == 0)
        return;
    rows->refused += (uint64_t)count;
    while (i < rows->code_count && strcmp(rows->codes[i].name, code) != 0)
        i++;
    if (i == KPI_ROWS_CODES_MAX)
        i--; /* there are far fewer */
    if (i == rows->code_count)
        text_copy(rows->codes[rows->code_count++].name, sizeof rows->codes[0].name, code);
    rows->codes[i].count += (uint64_t)count;
}

/* From the row before until this start nobody judged, at most: a process that dies writes no last
 * row. */
static void
take_start(const struct reading *reading, int64_t utc_ms)
{
    struct kpi_rows *rows = reading->rows;
    int64_t begin = reading->last_utc_ms, end = utc_ms;

    if (begin == 0)
        return;
    begin = begin > rows->from_utc_ms ? begin : rows->from_utc_ms;
    end = end < rows->to_utc_ms ? end : rows->to_utc_ms;
    if (end <= begin)
        return;
    rows->pauses++;
    rows->paused_ms += (uint64_t)(end - begin);
}

static void
take_loss(struct kpi_rows *rows, const json_t *body)
{
    int64_t from = json_int_or(body, "from", 0), to = json_int_or(body, "to", 0);

    if (from > 0 && to >= from)
        rows->lost_rows += (uint64_t)(to - from) + 1;
}

/* A rung told, of the ladder of one audience; that there are no more is no rung. */
static void
take_escalation(struct kpi_rows *rows, const json_t *body, int64_t utc_ms)
{
    if (strcmp(json_text_or(body, "reason", ""), "exhausted") != 0)
        kpi_escalation(rows->kpi, audience_in(json_text_or(body, "audience", "")), utc_ms);
}

static void
take_body(const struct reading *reading, const struct journal_row *row, const json_t *body)
{
    struct kpi_rows *rows = reading->rows;
    bool counts = is_in_range(rows, row->utc_ms);

    if (strcmp(row->kind, "alarm") == 0)
        take_alarm(rows, body, row->utc_ms);
    else if (strcmp(row->kind, "escalation") == 0)
        take_escalation(rows, body, row->utc_ms);
    else if (strcmp(row->kind, "command") == 0 && counts)
        take_command(rows, body);
    else if (strcmp(row->kind, "unjournalled") == 0 && counts)
        take_loss(rows, body);
    else if (strcmp(row->kind, "note") == 0 && counts)
        rows->event_gaps += strcmp(json_text_or(body, "what", ""), "event-gap") == 0;
    else if (strcmp(row->kind, "checkpoint") == 0 && json_int_or(body, "pruned_to", 0) > 0)
        rows->pruned_to = (uint64_t)json_int_or(body, "pruned_to", 0);
}

/* Devices and workers say nothing of alarms. */
static bool
is_of_interest(const char *kind)
{
    static const char *const KINDS[] = {"alarm",        "command", "escalation",
                                        "unjournalled", "note",    "checkpoint"};

    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (strcmp(kind, KINDS[i]) == 0)
            return true;
    return false;
}

static void
cover(struct kpi_rows *rows, int64_t utc_ms)
{
    if (rows->covered_from == 0)
        rows->covered_from = utc_ms;
    if (utc_ms > rows->covered_to)
        rows->covered_to = utc_ms;
}

static bool
take_row(void *ctx, const struct journal_row *row)
{
    struct reading *reading = ctx;
    struct kpi_rows *rows = reading->rows;

    rows->rows++;
    if (rows->oldest == 0)
        rows->oldest = row->first != 0 ? row->first : row->seq;
    cover(rows, row->utc_ms);
    if (strcmp(row->kind, "start") == 0)
        take_start(reading, row->utc_ms);
    reading->last_utc_ms = row->utc_ms;
    if (row->utc_ms >= rows->to_utc_ms)
        return true;
    rows->in_range += row->utc_ms >= rows->from_utc_ms;
    if (!is_of_interest(row->kind))
        return true;
    json_t *body = json_parse_object(row->body, row->body_bytes, NULL, 0);
    if (body == NULL) {
        rows->unreadable++;
        return true;
    }
    if (rows->site[0] == '\0')
        text_copy(rows->site, sizeof rows->site, json_text_or(body, "site", ""));
    take_body(reading, row, body);
    json_decref(body);
    return true;
}

static void
settle(struct kpi_rows *rows)
{
    if (rows->covered_from < rows->from_utc_ms)
        rows->covered_from = rows->from_utc_ms;
    if (rows->covered_to > rows->to_utc_ms)
        rows->covered_to = rows->to_utc_ms;
    rows->is_covered = rows->rows > 0 && rows->covered_to > rows->covered_from;
    if (!rows->is_covered)
        rows->covered_from = rows->covered_to = 0;
    else
        kpi_advance(rows->kpi, rows->covered_to);
}

enum err_code
kpi_rows_read(struct journal_reader *reader, int64_t from_utc_ms, int64_t to_utc_ms,
              void (*progress)(void *ctx, uint64_t seq, uint64_t newest), void *ctx,
              struct kpi_rows *out_rows, struct err *err)
{
    struct reading reading = {.rows = out_rows};
    char hash[DIGEST_HEX];
    uint64_t oldest, last = 0;
    enum err_code code;

    *out_rows = (struct kpi_rows){.from_utc_ms = from_utc_ms, .to_utc_ms = to_utc_ms};
    out_rows->kpi = kpi_new(KPI_ROWS_ALARMS_MAX, from_utc_ms);
    out_rows->names = calloc(KPI_ROWS_ALARMS_MAX, sizeof *out_rows->names);
    if (out_rows->kpi == NULL || out_rows->names == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    code = journal_reader_id(reader, out_rows->jid, err);
    if (code == ERR_OK)
        code = journal_reader_head(reader, &out_rows->newest, hash, &oldest, err);
    for (uint64_t after = 0; code == ERR_OK; after = last) {
        code = journal_reader_rows(reader, after, JOURNAL_READ_MAX, take_row, &reading, &last, err);
        /* What is written while we read is of the next report. */
        if (code != ERR_OK || last == after || last >= out_rows->newest)
            break;
        if (progress != NULL)
            progress(ctx, last, out_rows->newest);
    }
    settle(out_rows);
    return code;
}

void
kpi_rows_done(struct kpi_rows *rows)
{
    struct kpi_slot_of *one, *next;

    HASH_ITER(hh, rows->slots, one, next)
    {
        HASH_DEL(rows->slots, one);
        free(one);
    }
    for (uint32_t i = 0; i < rows->name_count; i++)
        free(rows->names[i].text);
    free(rows->names);
    kpi_free(rows->kpi);
    *rows = (struct kpi_rows){0};
}
