/*
 * journal_read.c - reading journal.db beside its writer.
 *
 * Every statement is stepped and reset within one call: the transaction of a reader that waits
 * would keep the write-ahead log from ever beginning anew.
 */
#include "alerts/journal_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alerts/journal.h"
#include "alerts/journal_db.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define READ_BUSY_MS 200
#define PATH_BYTES 512
#define PAYLOAD_MAX ((size_t)64 * 1024)

#define ROW_COLUMNS "seq, utc_ms, kind, alarm, body, payload, hash, audiences, priority"
#define STATEMENTS(X)                                                                              \
    X(ID, "SELECT value FROM meta WHERE key = 'id'")                                               \
    X(ROWS, "SELECT " ROW_COLUMNS ", first FROM row WHERE seq > ?1 ORDER BY seq LIMIT ?2")         \
    X(ALARMS, "SELECT id, priority, seq, payload FROM alarm WHERE payload IS NOT NULL"             \
              " AND (priority, seq) > (?1, ?2) ORDER BY priority, seq LIMIT ?3")                   \
    X(CHECKPOINT,                                                                                  \
      "SELECT CAST(value AS INTEGER) FROM kv WHERE key = '" JOURNAL_CHECKPOINT_KEY "'")            \
    X(FACT, "SELECT value FROM kv WHERE key = ?1")                                                 \
    X(TOLD, "SELECT 1 FROM alarm WHERE id = ?1 AND payload IS NOT NULL")                           \
    X(HEAD, "SELECT seq, hash, (SELECT min(seq) FROM row) FROM row ORDER BY seq DESC LIMIT 1")

enum statement {
#define STATEMENT_ENUM(symbol, sql) SQL_##symbol,
    STATEMENTS(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENT_COUNT
};

static const char *const SQL[] = {
#define STATEMENT_TEXT(symbol, sql) sql,
    STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

struct journal_reader {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct text_buf payload;
};

static enum err_code
prepare_all(struct journal_reader *reader, struct err *err)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(reader->handle, SQL[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &reader->statements[i], NULL) != SQLITE_OK) {
            enum err_code code = journal_db_error(reader->handle, err, "journal");

            /* "no such table": another file than a journal */
            return sqlite3_errcode(reader->handle) == SQLITE_ERROR ? ERR_CORRUPT : code;
        }
    return ERR_OK;
}

static void
close_handle(struct journal_reader *reader)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(reader->statements[i]);
        reader->statements[i] = NULL;
    }
    sqlite3_close(reader->handle);
    reader->handle = NULL;
}

static enum err_code
open_as(struct journal_reader *reader, const char *name, struct err *err)
{
    if (sqlite3_open_v2(name, &reader->handle,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return reader->handle == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                      : journal_db_error(reader->handle, err, "journal");
    sqlite3_extended_result_codes(reader->handle, 1);
    sqlite3_busy_timeout(reader->handle, READ_BUSY_MS);
    return prepare_all(reader, err);
}

/* "file:" names take percent escapes; everything but the plain characters is escaped. */
static bool
immutable_name(const char *path, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "file:");

    for (; *path != '\0' && used + 20 < size; path++) {
        bool is_plain = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z') ||
                        (*path >= '0' && *path <= '9') || strchr("/._-", *path) != NULL;

        used += (size_t)snprintf(out + used, size - used, is_plain ? "%c" : "%%%02X",
                                 (unsigned char)*path);
    }
    snprintf(out + used, size - used, "?immutable=1");
    return *path == '\0';
}

enum err_code
journal_reader_open(const char *state_dir, struct journal_reader **out_reader, struct err *err)
{
    char path[PATH_BYTES], wal[PATH_BYTES + 8], name[3 * PATH_BYTES + 32];
    struct journal_reader *reader;
    struct stat status;
    enum err_code code;

    if (snprintf(path, sizeof path, "%s/journal.db", state_dir) >= (int)sizeof path)
        return err_set(err, ERR_RANGE, "%s: path too long", state_dir);
    if (stat(path, &status) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no journal yet", path);
    reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    text_buf_init(&reader->payload, PAYLOAD_MAX);
    code = open_as(reader, path, err);
    if (code != ERR_OK && code != ERR_BUSY && code != ERR_CORRUPT) {
        /* A directory we may not write to, with no writer at work: a copy on read-only media. */
        snprintf(wal, sizeof wal, "%s-wal", path);
        if ((stat(wal, &status) != 0 || status.st_size == 0) &&
            immutable_name(path, name, sizeof name)) {
            close_handle(reader);
            code = open_as(reader, name, err);
        }
    }
    if (code != ERR_OK) {
        journal_reader_close(reader);
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
    close_handle(reader);
    text_buf_done(&reader->payload);
    free(reader);
}

/* Ends the transaction; `result` is that of the last step. */
static enum err_code
finish(struct journal_reader *reader, enum statement which, int result, struct err *err)
{
    enum err_code code = result == SQLITE_ROW || result == SQLITE_DONE
                             ? ERR_OK
                             : journal_db_error(reader->handle, err, "journal");

    sqlite3_reset(reader->statements[which]);
    return code;
}

static const char *
text_of(sqlite3_stmt *statement, int column, const char *fallback)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text != NULL ? (const char *)text : fallback;
}

enum err_code
journal_reader_id(struct journal_reader *reader, char out_id[27], struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_ID];
    int result = sqlite3_step(statement);
    char id[27] = "";

    if (result == SQLITE_ROW)
        text_copy(id, sizeof id, text_of(statement, 0, ""));
    enum err_code code = finish(reader, SQL_ID, result, err);
    if (code != ERR_OK)
        return code;
    if (!ulid_is_valid(id))
        return err_set(err, ERR_CORRUPT, "no journal id");
    memcpy(out_id, id, sizeof id);
    return ERR_OK;
}

/* The payload of a row whose column holds an offset (journal_db.c); NULL when it cannot be made. */
static const char *
cut_payload(struct journal_reader *reader, const char *body, int64_t splice, const char *hash)
{
    static const char OPENING[] = "{\"alarm\":";
    const size_t opening = sizeof OPENING - 1;
    size_t length = strlen(body), end, depth = 0;
    bool in_string = false;

    if (strncmp(body, OPENING, opening) != 0)
        return NULL;
    for (end = opening; end < length; end++) {
        if (in_string && body[end] == '\\')
            end++;
        else if (body[end] == '"')
            in_string = !in_string;
        else if (!in_string && body[end] == '{')
            depth++;
        else if (!in_string && body[end] == '}' && --depth == 0)
            break;
    }
    if (end >= length || splice < 0 || (uint64_t)splice > end - opening)
        return NULL;

    size_t at = (size_t)splice;
    text_buf_reset(&reader->payload);
    text_buf_add_bytes(&reader->payload, body + opening, at);
    text_buf_add(&reader->payload, "\"hash\":\"%s\",", hash);
    text_buf_add_bytes(&reader->payload, body + opening + at, end + 1 - opening - at);
    return reader->payload.failed ? NULL : reader->payload.data;
}

static struct journal_row
row_of(sqlite3_stmt *statement)
{
    struct journal_row row = {
        .seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .utc_ms = sqlite3_column_int64(statement, 1),
        .kind = text_of(statement, 2, ""),
        .alarm_id = text_of(statement, 3, NULL),
        .body = text_of(statement, 4, NULL),
        .hash = text_of(statement, 6, ""),
        .audiences = (unsigned)sqlite3_column_int(statement, 7),
        .priority = (unsigned)sqlite3_column_int(statement, 8),
        .first = (uint64_t)sqlite3_column_int64(statement, 9),
    };

    row.body_bytes = row.body == NULL ? 0 : (size_t)sqlite3_column_bytes(statement, 4);
    return row;
}

static const char *
payload_of(struct journal_reader *reader, sqlite3_stmt *statement, const struct journal_row *row)
{
    if (row->body != NULL && sqlite3_column_type(statement, 5) == SQLITE_INTEGER)
        return cut_payload(reader, row->body, sqlite3_column_int64(statement, 5), row->hash);
    return text_of(statement, 5, NULL);
}

static enum err_code
each_row(struct journal_reader *reader, uint64_t after, unsigned limit, bool is_chain,
         bool (*row)(void *ctx, const struct journal_row *row), void *ctx, uint64_t *out_last,
         struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_ROWS];
    uint64_t last = after;
    int result;

    sqlite3_bind_int64(statement, 1, (int64_t)after);
    sqlite3_bind_int64(statement, 2, limit < JOURNAL_READ_MAX ? limit : JOURNAL_READ_MAX);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct journal_row item = row_of(statement);

        if (item.seq <= last) { /* a damaged tree: whoever goes on behind it goes in circles */
            (void)finish(reader, SQL_ROWS, result, NULL);
            return err_set(err, ERR_CORRUPT, "journal: row %llu lies behind row %llu",
                           (unsigned long long)item.seq, (unsigned long long)last);
        }
        last = item.seq;
        if (!is_chain && item.body == NULL) /* the place of rows lost while the disk was full */
            continue;
        if (!is_chain)
            item.payload = payload_of(reader, statement, &item);
        if (!row(ctx, &item))
            break;
    }
    enum err_code code = finish(reader, SQL_ROWS, result, err);
    if (code == ERR_OK)
        *out_last = last;
    return code;
}

enum err_code
journal_reader_rows(struct journal_reader *reader, uint64_t after, unsigned limit,
                    bool (*row)(void *ctx, const struct journal_row *row), void *ctx,
                    uint64_t *out_last, struct err *err)
{
    return each_row(reader, after, limit, false, row, ctx, out_last, err);
}

enum err_code
journal_reader_chain(struct journal_reader *reader, uint64_t after, unsigned limit,
                     bool (*row)(void *ctx, const struct journal_row *row), void *ctx,
                     uint64_t *out_last, struct err *err)
{
    return each_row(reader, after, limit, true, row, ctx, out_last, err);
}

enum err_code
journal_reader_checkpoint(struct journal_reader *reader, uint64_t *out_seq, struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_CHECKPOINT];
    int result = sqlite3_step(statement);
    uint64_t seq = result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    enum err_code code = finish(reader, SQL_CHECKPOINT, result, err);

    if (code == ERR_OK)
        *out_seq = seq;
    return code;
}

enum err_code
journal_reader_fact(struct journal_reader *reader, const char *key, char *out, size_t size,
                    struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_FACT];
    bool found = false;

    sqlite3_bind_text(statement, 1, key, -1, SQLITE_TRANSIENT);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        found = text_copy(out, size, text_of(statement, 0, ""));
    enum err_code code = finish(reader, SQL_FACT, result, err);
    if (code == ERR_OK && !found)
        return err_set(err, ERR_NOT_FOUND, "the journal knows no %s", key);
    return code;
}

enum err_code
journal_reader_alarms(struct journal_reader *reader, unsigned after_priority, uint64_t after_seq,
                      unsigned limit,
                      bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority,
                                    uint64_t seq, const char *payload),
                      void *ctx, struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_ALARMS];
    int result;

    sqlite3_bind_int64(statement, 1, (int64_t)after_priority);
    sqlite3_bind_int64(statement, 2, (int64_t)after_seq);
    sqlite3_bind_int64(statement, 3, limit < JOURNAL_READ_MAX ? limit : JOURNAL_READ_MAX);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (!alarm(ctx, text_of(statement, 0, ""), (unsigned)sqlite3_column_int(statement, 1),
                   (uint64_t)sqlite3_column_int64(statement, 2), text_of(statement, 3, "{}")))
            break;
    return finish(reader, SQL_ALARMS, result, err);
}

enum err_code
journal_reader_is_told(struct journal_reader *reader, const char *alarm_id, bool *out_told,
                       struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_TOLD];

    sqlite3_bind_text(statement, 1, alarm_id, -1, SQLITE_TRANSIENT);
    int result = sqlite3_step(statement);
    enum err_code code = finish(reader, SQL_TOLD, result, err);
    if (code == ERR_OK)
        *out_told = result == SQLITE_ROW;
    return code;
}

enum err_code
journal_reader_head(struct journal_reader *reader, uint64_t *out_seq, char *out_hash,
                    uint64_t *out_oldest, struct err *err)
{
    sqlite3_stmt *statement = reader->statements[SQL_HEAD];
    char hash[DIGEST_HEX];
    uint64_t seq = 0, oldest = 0;
    int result = sqlite3_step(statement);

    memset(hash, '0', sizeof hash - 1);
    hash[sizeof hash - 1] = '\0';
    if (result == SQLITE_ROW) {
        seq = (uint64_t)sqlite3_column_int64(statement, 0);
        text_copy(hash, sizeof hash, text_of(statement, 1, ""));
        oldest = (uint64_t)sqlite3_column_int64(statement, 2);
    }
    enum err_code code = finish(reader, SQL_HEAD, result, err);
    if (code == ERR_OK) {
        *out_seq = seq;
        memcpy(out_hash, hash, sizeof hash);
        *out_oldest = oldest;
    }
    return code;
}
