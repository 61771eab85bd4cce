/*
 * journal_read.c - reading journal.db beside its writer.
 *
 * Each call is one short read transaction. Where the folder cannot be written to (another user, a
 * copy on a read-only disk) SQLite cannot make its shared-memory file: the journal is then opened
 * as immutable, which is right for a file nobody writes.
 */
#include "alerts/journal_read.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alerts/journal_db.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define BUSY_MS 250
#define PAYLOAD_PREFIX "{\"alarm\":"

struct journal_reader {
    sqlite3 *db;
    sqlite3_stmt *rows, *alarms;
    char *payload; /* scratch for the row being handed out */
    size_t payload_room;
};

static enum err_code
try_open(const char *path, const char *options, struct journal_reader *reader, struct err *err)
{
    char uri[PATH_MAX + 64];
    int64_t application_id = 0, schema = 0;
    enum err_code code;

    snprintf(uri, sizeof uri, "file:%s?mode=ro%s", path, options);
    if (sqlite3_open_v2(uri, &reader->db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        code = reader->db == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                  : journal_db_error(reader->db, "open", err);
        goto fail;
    }
    sqlite3_extended_result_codes(reader->db, 1);
    sqlite3_busy_timeout(reader->db, BUSY_MS);
    code = journal_db_number(reader->db, "PRAGMA application_id", &application_id, err);
    if (code == ERR_OK)
        code = journal_db_number(reader->db, "PRAGMA user_version", &schema, err);
    if (code == ERR_OK && (application_id != JOURNAL_APPLICATION_ID || schema != JOURNAL_SCHEMA))
        code = err_set(err, ERR_CORRUPT, "not a journal of this version");
    if (code == ERR_OK &&
        (sqlite3_prepare_v3(reader->db,
                            "SELECT seq, ts, kind, alarm, audiences, priority, is_rest, body, hash"
                            " FROM row WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                            -1, SQLITE_PREPARE_PERSISTENT, &reader->rows, NULL) != SQLITE_OK ||
         sqlite3_prepare_v3(reader->db,
                            "SELECT id, priority, seq, payload FROM alarm WHERE payload IS NOT NULL"
                            " AND (priority, seq) > (?1, ?2) ORDER BY priority, seq LIMIT ?3",
                            -1, SQLITE_PREPARE_PERSISTENT, &reader->alarms, NULL) != SQLITE_OK))
        code = journal_db_error(reader->db, "open", err);
    if (code == ERR_OK)
        return ERR_OK;
fail:
    sqlite3_finalize(reader->rows);
    sqlite3_finalize(reader->alarms);
    sqlite3_close(reader->db);
    *reader = (struct journal_reader){0};
    return code;
}

enum err_code
journal_reader_open(const char *state_dir, struct journal_reader **out_reader, struct err *err)
{
    struct journal_reader *reader = calloc(1, sizeof *reader);
    char path[PATH_MAX];
    enum err_code code;

    if (reader == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((size_t)snprintf(path, sizeof path, "%s/" JOURNAL_FILE, state_dir) >= sizeof path)
        code = err_set(err, ERR_CONFIG, "path too long");
    else if (strpbrk(path, "?#%") != NULL)
        code = err_set(err, ERR_CONFIG, "%s: a path with ?, # or %% cannot be opened", path);
    else if (access(path, F_OK) != 0)
        code = err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
    else
        code = try_open(path, "", reader, err);
    if (code == ERR_IO && access(state_dir, W_OK) != 0)
        code = try_open(path, "&immutable=1", reader, err);
    if (code != ERR_OK) {
        free(reader);
        return code;
    }
    *out_reader = reader;
    return ERR_OK;
}

void
journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL)
        return;
    sqlite3_finalize(reader->rows);
    sqlite3_finalize(reader->alarms);
    sqlite3_close(reader->db);
    free(reader->payload);
    free(reader);
}

enum err_code
journal_reader_id(struct journal_reader *reader, char out_id[27], struct err *err)
{
    sqlite3_stmt *s = NULL;
    enum err_code code = ERR_OK;

    if (sqlite3_prepare_v2(reader->db, "SELECT value FROM fact WHERE key='jid'", -1, &s, NULL) !=
            SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        code = journal_db_error(reader->db, "reading the journal's id", err);
    else
        text_copy(out_id, 27, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return code;
}

/* Bytes of the JSON object that starts at `text`; 0 when it does not end. */
static size_t
object_bytes(const char *text)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (in_string) {
            if (text[i] == '\\' && text[i + 1] != '\0')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The member "alarm" of a body, as text; NULL when there is none. */
static const char *
cut_payload(struct journal_reader *reader, const char *body)
{
    const size_t prefix = sizeof PAYLOAD_PREFIX - 1;

    if (strncmp(body, PAYLOAD_PREFIX, prefix) != 0)
        return NULL;
    size_t bytes = object_bytes(body + prefix);
    if (bytes == 0)
        return NULL;
    if (bytes + 1 > reader->payload_room) {
        char *grown = realloc(reader->payload, bytes + 1);

        if (grown == NULL)
            return NULL;
        reader->payload = grown;
        reader->payload_room = bytes + 1;
    }
    memcpy(reader->payload, body + prefix, bytes);
    reader->payload[bytes] = '\0';
    return reader->payload;
}

static bool
hand_out(struct journal_reader *reader, bool (*row)(void *ctx, const struct journal_row *row),
         void *ctx, uint64_t *out_seq)
{
    sqlite3_stmt *s = reader->rows;
    char hash[DIGEST_HEX] = "";
    struct journal_row out = {
        .seq = (uint64_t)sqlite3_column_int64(s, 0),
        .utc_ms = sqlite3_column_int64(s, 1),
        .kind = (const char *)sqlite3_column_text(s, 2),
        .alarm_id = (const char *)sqlite3_column_text(s, 3),
        .audiences = (unsigned)sqlite3_column_int64(s, 4),
        .priority = (unsigned)sqlite3_column_int64(s, 5),
        .body = (const char *)sqlite3_column_text(s, 7),
        .hash = hash,
    };

    *out_seq = out.seq;
    if (out.kind == NULL || out.body == NULL)
        return true; /* verify names such a row; a reader goes on */
    if (sqlite3_column_bytes(s, 8) == DIGEST_BYTES)
        digest_hex(sqlite3_column_blob(s, 8), hash);
    if (out.alarm_id != NULL && sqlite3_column_int(s, 6) == 0)
        out.payload = cut_payload(reader, out.body);
    return row(ctx, &out);
}

enum err_code
journal_reader_rows(struct journal_reader *reader, uint64_t after, unsigned limit,
                    bool (*row)(void *ctx, const struct journal_row *row), void *ctx,
                    uint64_t *out_last, struct err *err)
{
    enum err_code code = ERR_OK;
    uint64_t last = after;
    int step;

    sqlite3_bind_int64(reader->rows, 1, (sqlite3_int64)after);
    sqlite3_bind_int64(reader->rows, 2, limit > JOURNAL_READ_MAX ? JOURNAL_READ_MAX : limit);
    while ((step = sqlite3_step(reader->rows)) == SQLITE_ROW)
        if (!hand_out(reader, row, ctx, &last))
            break;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        code = journal_db_error(reader->db, "reading rows", err);
    sqlite3_reset(reader->rows);
    *out_last = last;
    return code;
}

enum err_code
journal_reader_alarms(struct journal_reader *reader, unsigned after_priority, uint64_t after_seq,
                      unsigned limit,
                      bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority,
                                    uint64_t seq, const char *payload),
                      void *ctx, struct err *err)
{
    sqlite3_stmt *s = reader->alarms;
    enum err_code code = ERR_OK;
    int step;

    sqlite3_bind_int64(s, 1, after_priority);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)after_seq);
    sqlite3_bind_int64(s, 3, limit > JOURNAL_READ_MAX ? JOURNAL_READ_MAX : limit);
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        if (!alarm(ctx, (const char *)sqlite3_column_text(s, 0),
                   (unsigned)sqlite3_column_int64(s, 1), (uint64_t)sqlite3_column_int64(s, 2),
                   (const char *)sqlite3_column_text(s, 3)))
            break;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        code = journal_db_error(reader->db, "reading alarms", err);
    sqlite3_reset(s);
    return code;
}

enum err_code
journal_reader_head(struct journal_reader *reader, uint64_t *out_seq, char *out_hash,
                    uint64_t *out_oldest, struct err *err)
{
    sqlite3_stmt *s = NULL;
    enum err_code code = ERR_OK;

    if (sqlite3_prepare_v2(reader->db,
                           "SELECT seq, hash, (SELECT min(seq) FROM row) FROM row"
                           " ORDER BY seq DESC LIMIT 1",
                           -1, &s, NULL) != SQLITE_OK)
        return journal_db_error(reader->db, "reading the head", err);
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW && sqlite3_column_bytes(s, 1) == DIGEST_BYTES) {
        *out_seq = (uint64_t)sqlite3_column_int64(s, 0);
        digest_hex(sqlite3_column_blob(s, 1), out_hash);
        *out_oldest = (uint64_t)sqlite3_column_int64(s, 2);
    } else if (step == SQLITE_DONE) { /* no row yet */
        static const uint8_t ZERO[DIGEST_BYTES];

        *out_seq = *out_oldest = 0;
        digest_hex(ZERO, out_hash);
    } else {
        code = journal_db_error(reader->db, "reading the head", err);
    }
    sqlite3_finalize(s);
    return code;
}

/* Is there a checkpoint that says: everything up to `seq`, whose hash was `hash`, was pruned? */
static bool
is_pruned_to(struct journal_reader *reader, uint64_t seq, const char *hash)
{
    sqlite3_stmt *s = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(reader->db, "SELECT body FROM row WHERE kind='checkpoint' ORDER BY seq",
                           -1, &s, NULL) != SQLITE_OK)
        return false;
    while (!found && sqlite3_step(s) == SQLITE_ROW) {
        json_t *body = json_parse_object((const char *)sqlite3_column_text(s, 0),
                                         (size_t)sqlite3_column_bytes(s, 0), NULL, 0);

        found = (uint64_t)json_int_or(body, "pruned_to", 0) == seq &&
                strcmp(json_text_or(body, "hash", ""), hash) == 0;
        json_decref(body);
    }
    sqlite3_finalize(s);
    return found;
}

/* The first row held: the first of all, or the one after a pruning that is on record. */
static bool
is_fair_start(struct journal_reader *reader, uint64_t seq, const char *body, size_t bytes,
              uint8_t out_prev[DIGEST_BYTES])
{
    json_t *object = json_parse_object(body, bytes, NULL, 0);
    char prev[DIGEST_HEX];
    bool fair = text_copy(prev, sizeof prev, json_text_or(object, "prev", "")) &&
                strlen(prev) == DIGEST_HEX - 1;

    json_decref(object);
    if (!fair)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        unsigned byte;

        if (sscanf(prev + 2 * i, "%2x", &byte) != 1)
            return false;
        out_prev[i] = (uint8_t)byte;
    }
    if (seq == 1)
        return strspn(prev, "0") == DIGEST_HEX - 1;
    return is_pruned_to(reader, seq - 1, prev);
}

static void
note_fault(struct journal_verdict *verdict, uint64_t seq, bool is_missing, const char *reason)
{
    if (is_missing)
        verdict->is_complete = false;
    else
        verdict->is_unaltered = false;
    if (verdict->first_bad_seq != 0)
        return;
    verdict->first_bad_seq = seq;
    text_copy(verdict->reason, sizeof verdict->reason, reason);
}

struct walk {
    uint64_t last;
    uint8_t prev[DIGEST_BYTES];
};

static void
verify_row(struct journal_reader *reader, sqlite3_stmt *s, struct walk *walk,
           struct journal_verdict *verdict)
{
    uint64_t seq = (uint64_t)sqlite3_column_int64(s, 0);
    const char *body = (const char *)sqlite3_column_text(s, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(s, 1);
    const void *hash = sqlite3_column_blob(s, 2);
    char named[48];

    verdict->rows++;
    snprintf(named, sizeof named, "\"seq\":%llu,", (unsigned long long)seq);
    if (body == NULL || hash == NULL || sqlite3_column_bytes(s, 2) != DIGEST_BYTES) {
        note_fault(verdict, seq, false, "the row has no body or no hash");
    } else if (walk->last == 0 && !is_fair_start(reader, seq, body, bytes, walk->prev)) {
        note_fault(verdict, seq, true,
                   "rows before this one are missing, and no pruning is on record");
    } else {
        if (walk->last != 0 && seq != walk->last + 1)
            note_fault(verdict, seq, true, "rows before this one are missing");
        if (!journal_db_is_chained(body, bytes, hash, walk->prev))
            note_fault(verdict, seq, false, "the row does not match its hash or the row before");
        else if (memmem(body, bytes, named, strlen(named)) == NULL)
            note_fault(verdict, seq, false, "the row stands under another number");
    }
    walk->last = seq;
    if (hash != NULL && sqlite3_column_bytes(s, 2) == DIGEST_BYTES)
        memcpy(walk->prev, hash, DIGEST_BYTES);
}

enum err_code
journal_reader_verify(struct journal_reader *reader, struct journal_verdict *out_verdict,
                      struct err *err)
{
    struct journal_verdict verdict = {.is_complete = true, .is_unaltered = true};
    struct walk walk = {0};
    sqlite3_stmt *s = NULL;
    enum err_code code = ERR_OK;

    if (sqlite3_prepare_v2(reader->db,
                           "SELECT seq, body, hash FROM row WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                           -1, &s, NULL) != SQLITE_OK)
        return journal_db_error(reader->db, "verifying", err);
    for (uint64_t before = UINT64_MAX; code == ERR_OK && walk.last != before;) {
        int step;

        before = walk.last;
        sqlite3_bind_int64(s, 1, (sqlite3_int64)walk.last);
        sqlite3_bind_int(s, 2, JOURNAL_READ_MAX);
        while ((step = sqlite3_step(s)) == SQLITE_ROW)
            verify_row(reader, s, &walk, &verdict);
        if (step != SQLITE_DONE)
            code = journal_db_error(reader->db, "verifying", err);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    if (code == ERR_OK)
        *out_verdict = verdict;
    return code;
}
