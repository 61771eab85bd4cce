/*
 * journal_db.c - journal.db as SQLite sees it: its schema, and the statements of one turn.
 */
#include "alerts/journal_db.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 1000 /* a reader that recovers the log after a crash of ours holds it that long */
#define QUICK_CHECK_BYTES_MAX ((int64_t)64 * 1024 * 1024) /* about half a second of a start */

/*
 * row.payload: text, or an integer: the offset at which the row's hash goes into the body's member
 * "alarm" to give the payload, so that most rows hold their texts once; NULL: the topic is emptied.
 */
static const char SCHEMA[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE row (seq INTEGER PRIMARY KEY, first INTEGER NOT NULL, utc_ms INTEGER NOT NULL,"
    " kind TEXT NOT NULL, alarm TEXT, audiences INTEGER NOT NULL, priority INTEGER NOT NULL,"
    " hash TEXT NOT NULL, payload, body TEXT);"
    "CREATE TABLE alarm (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, priority INTEGER NOT NULL,"
    " engine BLOB, payload TEXT) WITHOUT ROWID;"
    "CREATE INDEX alarm_told ON alarm (priority, seq) WHERE payload IS NOT NULL;"
    "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX kv_expires ON kv (expires) WHERE expires > 0;";

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(PUT_ROW, "INSERT INTO row (seq, first, utc_ms, kind, alarm, audiences, priority, hash,"      \
               " payload, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                 \
    X(PUT_ALARM, "INSERT INTO alarm (id, seq, priority, engine, payload)"                          \
                 " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET seq = ?2,"           \
                 " priority = ?3, engine = ?4, payload = ?5")                                      \
    X(FORGET_ALARM, "UPDATE alarm SET payload = NULL WHERE id = ?1")                               \
    X(PUT, "INSERT INTO kv (key, value, expires) VALUES (?1, ?2, ?3)"                              \
           " ON CONFLICT (key) DO UPDATE SET value = ?2, expires = ?3")                            \
    X(REMOVE, "DELETE FROM kv WHERE key = ?1")                                                     \
    X(GET, "SELECT value FROM kv WHERE key = ?1")                                                  \
    X(EACH_FACT, "SELECT key, value FROM kv WHERE key >= ?1 AND key < ?2")                         \
    X(EACH_ALARM, "SELECT id, engine, payload IS NOT NULL FROM alarm")                             \
    X(OLDEST, "SELECT seq, utc_ms, hash FROM row ORDER BY seq LIMIT ?1")                           \
    X(PRUNE, "DELETE FROM row WHERE seq <= ?1")                                                    \
    X(EXPIRE, "DELETE FROM kv WHERE key IN"                                                        \
              " (SELECT key FROM kv WHERE expires > 0 AND expires <= ?1 LIMIT ?2)")

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

struct journal_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint64_t wal_pages;
    int page_bytes;
};

enum err_code
journal_db_error(sqlite3 *handle, struct err *err, const char *what)
{
    int result = sqlite3_errcode(handle);
    int system = sqlite3_system_errno(handle);
    enum err_code code = ERR_IO;

    switch (result & 0xff) {
    case SQLITE_FULL:
        code = ERR_FULL;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = ERR_CORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    default: /* the shared-memory file of the log says "I/O error" when the disk is full */
        if (system == ENOSPC || system == EDQUOT)
            code = ERR_FULL;
        break;
    }
    return err_set(err, code, "%s: %s%s%s", what, sqlite3_errmsg(handle), system != 0 ? ", " : "",
                   system != 0 ? strerror(system) : "");
}

static enum err_code
run(sqlite3 *handle, const char *sql, struct err *err)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? ERR_OK
               : journal_db_error(handle, err, "journal");
}

/* One integer that a query gives; `fallback` when it gives none. False: SQLite failed. */
static bool
ask(sqlite3 *handle, const char *sql, int64_t fallback, int64_t *out_value)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *out_value = sqlite3_column_int64(statement, 0);
    else if (result == SQLITE_DONE)
        *out_value = fallback;
    sqlite3_finalize(statement);
    return result == SQLITE_ROW || result == SQLITE_DONE;
}

enum err_code
journal_db_create(const char *path, const char *id, const char *site, int64_t utc_ms,
                  struct err *err)
{
    sqlite3 *handle = NULL;
    char *sql = NULL;
    enum err_code code;

    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        code = handle == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                              : journal_db_error(handle, err, path);
        goto done;
    }
    /* A rollback journal here: the file is renamed into place when it is whole. */
    sql = sqlite3_mprintf("PRAGMA synchronous=FULL; BEGIN; %s"
                          "INSERT INTO meta VALUES ('id', %Q), ('site', %Q), ('made', '%lld');"
                          "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
                          SCHEMA, id, site, (long long)utc_ms, JOURNAL_APPLICATION_ID,
                          JOURNAL_SCHEMA_VERSION);
    code = sql == NULL ? err_set(err, ERR_NOMEM, "out of memory") : run(handle, sql, err);
done:
    sqlite3_free(sql);
    sqlite3_close(handle);
    return code;
}

static int
on_wal(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct journal_db *db = ctx;

    (void)handle;
    (void)name;
    db->wal_pages = (uint64_t)pages;
    return SQLITE_OK;
}

/* Is it ours, and of a schema we know? */
static enum err_code
check_header(sqlite3 *handle, struct err *err)
{
    int64_t application, version, pages, bad;

    if (!ask(handle, "PRAGMA application_id", 0, &application) ||
        !ask(handle, "PRAGMA user_version", 0, &version) ||
        !ask(handle, "PRAGMA page_count", 0, &pages))
        return journal_db_error(handle, err, "journal");
    if (application != JOURNAL_APPLICATION_ID)
        return err_set(err, ERR_CORRUPT, "not a journal (application id %lld)",
                       (long long)application);
    if (version > JOURNAL_SCHEMA_VERSION)
        return err_set(err, ERR_CONFIG,
                       "schema %lld is newer than this program knows (%d): use the version that "
                       "wrote it, or move journal.db away to begin anew",
                       (long long)version, JOURNAL_SCHEMA_VERSION);
    if (version < 1)
        return err_set(err, ERR_CORRUPT, "schema %lld does not exist", (long long)version);
    if (pages * 4096 > QUICK_CHECK_BYTES_MAX)
        return ERR_OK;
    if (!ask(handle, "SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check <> 'ok'", 1,
             &bad))
        return journal_db_error(handle, err, "journal");
    return bad == 0 ? ERR_OK : err_set(err, ERR_CORRUPT, "SQLite's check of the file fails");
}

/* The newest rows must hash to what is stored, and chain. */
static enum err_code
check_head(sqlite3 *handle, struct journal_db_head *out_head, struct err *err)
{
    static const char HEAD[] = "SELECT seq, hash, body FROM row ORDER BY seq DESC LIMIT 1";
    struct journal_db_head head = {.hash = ""};
    sqlite3_stmt *statement = NULL;
    enum err_code code = ERR_OK;

    memset(head.hash, '0', DIGEST_HEX - 1);
    if (sqlite3_prepare_v2(handle, "SELECT value FROM meta WHERE key = 'id'", -1, &statement,
                           NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW ||
        !ulid_is_valid((const char *)sqlite3_column_text(statement, 0))) {
        sqlite3_finalize(statement);
        return err_set(err, ERR_CORRUPT, "no journal id");
    }
    memcpy(head.id, sqlite3_column_text(statement, 0), sizeof head.id);
    sqlite3_finalize(statement);

    statement = NULL;
    if (sqlite3_prepare_v2(handle, HEAD, -1, &statement, NULL) != SQLITE_OK)
        return journal_db_error(handle, err, "journal");
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const char *hash = (const char *)sqlite3_column_text(statement, 1);
        const void *body = sqlite3_column_text(statement, 2);
        uint8_t digest[DIGEST_BYTES];
        char hex[DIGEST_HEX];

        head.seq = (uint64_t)sqlite3_column_int64(statement, 0);
        if (hash == NULL || strlen(hash) != DIGEST_HEX - 1) {
            code = err_set(err, ERR_CORRUPT, "row %llu has no hash", (unsigned long long)head.seq);
        } else if (body != NULL) {
            if (!digest_sha256(body, (size_t)sqlite3_column_bytes(statement, 2), digest))
                code = err_set(err, ERR_NOMEM, "out of memory");
            digest_hex(digest, hex);
            if (code == ERR_OK && strcmp(hex, hash) != 0)
                code = err_set(err, ERR_CORRUPT, "row %llu does not hash to its hash",
                               (unsigned long long)head.seq);
        }
        if (code == ERR_OK)
            memcpy(head.hash, hash, DIGEST_HEX);
    } else if (result != SQLITE_DONE) {
        code = journal_db_error(handle, err, "journal");
    }
    sqlite3_finalize(statement);
    if (code == ERR_OK)
        *out_head = head;
    return code;
}

static enum err_code
prepare_all(struct journal_db *db, struct err *err)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(db->handle, SQL[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL) != SQLITE_OK)
            return journal_db_error(db->handle, err, "journal");
    return ERR_OK;
}

enum err_code
journal_db_open(const char *path, struct journal_db **out_db, struct journal_db_head *out_head,
                struct err *err)
{
    struct journal_db *db = calloc(1, sizeof *db);
    int64_t page_bytes = 4096;
    enum err_code code;

    if (db == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        code = db->handle == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                  : journal_db_error(db->handle, err, path);
        goto fail;
    }
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    sqlite3_extended_result_codes(db->handle, 1);
    code = check_header(db->handle, err);
    if (code == ERR_OK)
        code = run(db->handle,
                   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                   "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216;",
                   err);
    if (code == ERR_OK)
        code = check_head(db->handle, out_head, err);
    if (code == ERR_OK)
        code = prepare_all(db, err);
    if (code != ERR_OK)
        goto fail;
    if (ask(db->handle, "PRAGMA page_size", 4096, &page_bytes))
        db->page_bytes = (int)page_bytes;
    sqlite3_wal_hook(db->handle, on_wal, db);
    *out_db = db;
    return ERR_OK;
fail:
    journal_db_close(db);
    return code;
}

void
journal_db_close(struct journal_db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    free(db);
}

/* Runs a statement that gives no rows, with what was bound to it, and makes it ready for the next.
 */
static enum err_code
finish(struct journal_db *db, enum statement which, struct err *err)
{
    sqlite3_stmt *statement = db->statements[which];
    enum err_code code = ERR_OK;

    if (sqlite3_step(statement) != SQLITE_DONE)
        code = journal_db_error(db->handle, err, "journal");
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code;
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    if (text != NULL) /* borrowed: every statement runs before its caller returns */
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

enum err_code
journal_db_begin(struct journal_db *db, struct err *err)
{
    return finish(db, SQL_BEGIN, err);
}

enum err_code
journal_db_end(struct journal_db *db, struct err *err)
{
    return finish(db, SQL_COMMIT, err);
}

void
journal_db_abandon(struct journal_db *db)
{
    /* After SQLITE_FULL and the like SQLite has rolled back already. */
    if (!sqlite3_get_autocommit(db->handle))
        (void)finish(db, SQL_ROLLBACK, NULL);
}

enum err_code
journal_db_put_row(struct journal_db *db, const struct journal_db_row *row, struct err *err)
{
    sqlite3_stmt *statement = db->statements[SQL_PUT_ROW];

    sqlite3_bind_int64(statement, 1, (int64_t)row->seq);
    sqlite3_bind_int64(statement, 2, (int64_t)row->first);
    sqlite3_bind_int64(statement, 3, row->utc_ms);
    bind_text(statement, 4, row->kind);
    bind_text(statement, 5, row->alarm_id);
    sqlite3_bind_int64(statement, 6, (int64_t)row->audiences);
    sqlite3_bind_int64(statement, 7, (int64_t)row->priority);
    bind_text(statement, 8, row->hash);
    if (row->payload == NULL && row->splice >= 0)
        sqlite3_bind_int64(statement, 9, row->splice);
    else
        bind_text(statement, 9, row->payload);
    if (row->body != NULL)
        sqlite3_bind_text(statement, 10, row->body, (int)row->body_bytes, SQLITE_STATIC);
    return finish(db, SQL_PUT_ROW, err);
}

enum err_code
journal_db_put_alarm(struct journal_db *db, const struct journal_db_alarm *alarm, struct err *err)
{
    sqlite3_stmt *statement = db->statements[SQL_PUT_ALARM];

    bind_text(statement, 1, alarm->alarm_id);
    sqlite3_bind_int64(statement, 2, (int64_t)alarm->seq);
    sqlite3_bind_int64(statement, 3, (int64_t)alarm->priority);
    sqlite3_bind_blob(statement, 4, alarm->engine, (int)alarm->engine_bytes, SQLITE_STATIC);
    bind_text(statement, 5, alarm->payload);
    return finish(db, SQL_PUT_ALARM, err);
}

enum err_code
journal_db_forget_alarm(struct journal_db *db, const char *alarm_id, struct err *err)
{
    bind_text(db->statements[SQL_FORGET_ALARM], 1, alarm_id);
    return finish(db, SQL_FORGET_ALARM, err);
}

enum err_code
journal_db_put(struct journal_db *db, const char *key, const char *value, int64_t expires_utc_ms,
               struct err *err)
{
    enum statement which = value != NULL ? SQL_PUT : SQL_REMOVE;
    sqlite3_stmt *statement = db->statements[which];

    bind_text(statement, 1, key);
    if (value != NULL) {
        bind_text(statement, 2, value);
        sqlite3_bind_int64(statement, 3, expires_utc_ms);
    }
    return finish(db, which, err);
}

bool
journal_db_get(struct journal_db *db, const char *key, char *out, size_t size)
{
    sqlite3_stmt *statement = db->statements[SQL_GET];
    bool found = false;

    bind_text(statement, 1, key);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);

        if (value != NULL && strlen(value) < size) {
            memcpy(out, value, strlen(value) + 1);
            found = true;
        }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return found;
}

enum err_code
journal_db_each_alarm(struct journal_db *db,
                      void (*alarm)(void *ctx, const char *alarm_id, const void *engine,
                                    size_t engine_bytes, bool is_told),
                      void *ctx, struct err *err)
{
    sqlite3_stmt *statement = db->statements[SQL_EACH_ALARM];
    enum err_code code = ERR_OK;
    int result;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(statement, 0);
        const void *engine = sqlite3_column_blob(statement, 1);

        if (id != NULL)
            alarm(ctx, id, engine, (size_t)sqlite3_column_bytes(statement, 1),
                  sqlite3_column_int(statement, 2) != 0);
    }
    if (result != SQLITE_DONE)
        code = journal_db_error(db->handle, err, "journal");
    sqlite3_reset(statement);
    return code;
}

enum err_code
journal_db_each_fact(struct journal_db *db, const char *prefix,
                     void (*fact)(void *ctx, const char *key, const char *value), void *ctx,
                     struct err *err)
{
    sqlite3_stmt *statement = db->statements[SQL_EACH_FACT];
    enum err_code code = ERR_OK;
    char end[64];
    int result;

    assert(prefix[0] != '\0' && strlen(prefix) < sizeof end);
    memcpy(end, prefix, strlen(prefix) + 1);
    end[strlen(prefix) - 1]++; /* the first key behind all that begin so */
    bind_text(statement, 1, prefix);
    bind_text(statement, 2, end);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        const char *value = (const char *)sqlite3_column_text(statement, 1);

        if (key != NULL && value != NULL)
            fact(ctx, key, value);
    }
    if (result != SQLITE_DONE)
        code = journal_db_error(db->handle, err, "journal");
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code;
}

enum err_code
journal_db_prunable(struct journal_db *db, int64_t before, uint64_t cursor, unsigned limit,
                    struct journal_db_prunable *out, struct err *err)
{
    sqlite3_stmt *statement = db->statements[SQL_OLDEST];
    struct journal_db_prunable found = {0};
    enum err_code code = ERR_OK;
    int result;

    sqlite3_bind_int64(statement, 1, (int64_t)limit);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        const char *hash = (const char *)sqlite3_column_text(statement, 2);

        if (seq > cursor || sqlite3_column_int64(statement, 1) >= before || hash == NULL ||
            strlen(hash) != DIGEST_HEX - 1)
            break;
        if (found.rows == 0)
            found.oldest_utc_ms = sqlite3_column_int64(statement, 1);
        found.rows++;
        found.to = seq;
        memcpy(found.hash, hash, DIGEST_HEX);
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        code = journal_db_error(db->handle, err, "journal");
    else
        *out = found;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code;
}

enum err_code
journal_db_prune(struct journal_db *db, uint64_t to, struct err *err)
{
    sqlite3_bind_int64(db->statements[SQL_PRUNE], 1, (int64_t)to);
    return finish(db, SQL_PRUNE, err);
}

void
journal_db_expire(struct journal_db *db, int64_t utc_ms, unsigned limit)
{
    sqlite3_bind_int64(db->statements[SQL_EXPIRE], 1, utc_ms);
    sqlite3_bind_int64(db->statements[SQL_EXPIRE], 2, (int64_t)limit);
    (void)finish(db, SQL_EXPIRE, NULL); /* what stays goes another time */
}

uint64_t
journal_db_oldest(struct journal_db *db)
{
    sqlite3_stmt *statement = db->statements[SQL_OLDEST];
    uint64_t seq = 0;

    sqlite3_bind_int64(statement, 1, 1);
    if (sqlite3_step(statement) == SQLITE_ROW)
        seq = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return seq;
}

uint64_t
journal_db_wal_bytes(const struct journal_db *db)
{
    return db->wal_pages == 0 ? 0 : 32 + db->wal_pages * ((uint64_t)db->page_bytes + 24);
}

void
journal_db_checkpoint(struct journal_db *db, bool restart)
{
    int in_log = 0, done = 0;

    sqlite3_busy_timeout(db->handle, 0); /* a reader in the way: another time */
    sqlite3_wal_checkpoint_v2(db->handle, NULL,
                              restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
                              &in_log, &done);
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    /* All of it is in the file: the next commit starts the log anew unless a reader holds it, and
     * then the hook says how long it still is. */
    if (in_log >= 0 && in_log == done)
        db->wal_pages = 0;
}
