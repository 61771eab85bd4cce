/*
 * journal.c - the writer of journal.db: turns of rows, states and facts, committed together.
 *
 * A turn lives in memory until its commit; a commit that fails (disk full, I/O error) leaves it
 * there, seq and chain fixed, and it goes with the next one that works.
 */
#include "alerts/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alerts/journal_db.h"
#include "gateway/base/hash.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define UNWRITTEN_MAX 50000 /* rows in memory while the disk fails: about 50 MB */
#define UNWRITTEN_SHED 5000 /* dropped at once when that is reached */
#define PRUNE_SLICE 500
#define CHECK_WHOLE_BYTES (64 * 1024 * 1024) /* files up to this are checked as a whole at open */
#define CHECK_TAIL_ROWS 200
#define CHECKPOINT_WAL_BYTES (1024 * 1024)

struct row {
    uint64_t seq;
    int64_t utc_ms;
    char *kind, *alarm, *body; /* alarm may be NULL */
    size_t body_bytes;
    uint8_t hash[DIGEST_BYTES];
    unsigned audiences, priority;
    bool is_rest, is_told_unwritten;
};

struct alarm_put {
    char *id;
    uint64_t seq;
    unsigned priority;
    char *payload; /* NULL: at rest */
    uint8_t *engine;
    size_t engine_bytes;
    bool is_forgotten;
    UT_hash_handle hh;
};

struct fact_put {
    char *key, *value;
    UT_hash_handle hh;
};

struct journal {
    sqlite3 *db;
    sqlite3_stmt *insert_row, *put_alarm, *forget_alarm, *put_fact, *get_fact, *prune;
    char path[PATH_MAX], ballast[PATH_MAX], site[ID_MAX], id[27];
    uint64_t ballast_bytes;
    uint64_t head, committed;
    uint8_t head_hash[DIGEST_BYTES];
    struct row *rows;
    size_t row_count, row_room;
    struct alarm_put *alarms;
    struct fact_put *facts;
    bool is_failing;
    uint64_t shed;
};

/* opening */

static enum err_code
execute(struct journal *journal, const char *sql, struct err *err)
{
    return sqlite3_exec(journal->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? ERR_OK
               : journal_db_error(journal->db, sql, err);
}

static enum err_code
check_tail(struct journal *journal, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    uint8_t prev[DIGEST_BYTES] = {0};
    uint64_t seq = 0;
    enum err_code code = ERR_OK;

    if (sqlite3_prepare_v2(journal->db,
                           "SELECT seq, body, hash FROM (SELECT seq, body, hash FROM row ORDER BY"
                           " seq DESC LIMIT ?1) ORDER BY seq",
                           -1, &statement, NULL) != SQLITE_OK)
        return journal_db_error(journal->db, "reading the newest rows", err);
    sqlite3_bind_int(statement, 1, CHECK_TAIL_ROWS);
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        uint64_t this_seq = (uint64_t)sqlite3_column_int64(statement, 0);
        const char *body = (const char *)sqlite3_column_text(statement, 1);
        size_t bytes = (size_t)sqlite3_column_bytes(statement, 1);
        const void *hash = sqlite3_column_blob(statement, 2);
        bool is_first = seq == 0;

        if (body == NULL || hash == NULL || sqlite3_column_bytes(statement, 2) != DIGEST_BYTES) {
            code = err_set(err, ERR_CORRUPT, "row %llu has no body or hash",
                           (unsigned long long)this_seq);
            break;
        }
        if (!is_first && !journal_db_is_chained(body, bytes, hash, prev)) {
            code = err_set(err, ERR_CORRUPT, "row %llu breaks the chain",
                           (unsigned long long)this_seq);
            break;
        }
        memcpy(prev, hash, sizeof prev);
        seq = this_seq;
    }
    if (code == ERR_OK && step != SQLITE_DONE)
        code = journal_db_error(journal->db, "reading the newest rows", err);
    sqlite3_finalize(statement);
    if (code != ERR_OK)
        return code;
    journal->head = journal->committed = seq;
    memcpy(journal->head_hash, prev, sizeof prev);
    return ERR_OK;
}

static enum err_code
check_whole(struct journal *journal, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    struct stat info;
    enum err_code code = ERR_OK;

    if (stat(journal->path, &info) != 0 || info.st_size > CHECK_WHOLE_BYTES)
        return ERR_OK;
    if (sqlite3_prepare_v2(journal->db, "PRAGMA quick_check(1)", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        code = journal_db_error(journal->db, "checking the file", err);
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        code = err_set(err, ERR_CORRUPT, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return code;
}

static enum err_code
make_new(struct journal *journal, int64_t utc_ms, struct err *err)
{
    char sql[256];
    enum err_code code = execute(journal, "BEGIN IMMEDIATE", err);

    ulid_make(utc_ms, journal->id);
    snprintf(sql, sizeof sql,
             "PRAGMA application_id=%d; PRAGMA user_version=%d;"
             "INSERT INTO fact VALUES('jid', '%s');",
             JOURNAL_APPLICATION_ID, JOURNAL_SCHEMA, journal->id);
    if (code == ERR_OK)
        code = execute(journal, JOURNAL_DDL, err);
    if (code == ERR_OK)
        code = execute(journal, sql, err);
    return code == ERR_OK ? execute(journal, "COMMIT", err) : code;
}

static enum err_code
take_existing(struct journal *journal, int64_t application_id, int64_t schema, struct err *err)
{
    if (application_id != JOURNAL_APPLICATION_ID)
        return err_set(err, ERR_CORRUPT, "not a journal (application id %lld)",
                       (long long)application_id);
    if (schema > JOURNAL_SCHEMA)
        return err_set(err, ERR_CONFIG,
                       "schema %lld was written by a newer version; this one knows %d",
                       (long long)schema, JOURNAL_SCHEMA);
    enum err_code code = check_whole(journal, err);
    if (code == ERR_OK)
        code = check_tail(journal, err);
    return code;
}

static enum err_code
prepare(struct journal *journal, struct err *err)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } statements[] = {
        {&journal->insert_row, "INSERT INTO row VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"},
        {&journal->put_alarm, "INSERT OR REPLACE INTO alarm VALUES(?1,?2,?3,?4,?5)"},
        /* The record stays: an occurrence number is never used twice. */
        {&journal->forget_alarm, "UPDATE alarm SET payload=NULL, seq=?2 WHERE id=?1"},
        {&journal->put_fact, "INSERT OR REPLACE INTO fact VALUES(?1,?2)"},
        {&journal->get_fact, "SELECT value FROM fact WHERE key=?1"},
        {&journal->prune, "DELETE FROM row WHERE seq<=?1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        if (sqlite3_prepare_v3(journal->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               statements[i].statement, NULL) != SQLITE_OK)
            return journal_db_error(journal->db, statements[i].sql, err);
    return ERR_OK;
}

static void
close_db(struct journal *journal)
{
    sqlite3_stmt **statements[] = {&journal->insert_row,   &journal->put_alarm,
                                   &journal->forget_alarm, &journal->put_fact,
                                   &journal->get_fact,     &journal->prune};

    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        sqlite3_finalize(*statements[i]);
        *statements[i] = NULL;
    }
    sqlite3_close(journal->db);
    journal->db = NULL;
}

static enum err_code
open_db(struct journal *journal, int64_t utc_ms, bool *out_is_new, struct err *err)
{
    int64_t application_id = 0, schema = 0, tables = 0;
    enum err_code code;

    if (sqlite3_open_v2(journal->path, &journal->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return journal->db == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                   : journal_db_error(journal->db, "open", err);
    sqlite3_extended_result_codes(journal->db, 1);
    sqlite3_busy_timeout(journal->db, 2000);
    code = journal_db_number(journal->db, "PRAGMA application_id", &application_id, err);
    if (code == ERR_OK)
        code = journal_db_number(journal->db, "PRAGMA user_version", &schema, err);
    if (code == ERR_OK)
        code = journal_db_number(journal->db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (code == ERR_OK)
        code = execute(journal,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
                       "PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;",
                       err);
    *out_is_new = application_id == 0 && tables == 0;
    if (code == ERR_OK)
        code = *out_is_new ? make_new(journal, utc_ms, err)
                           : take_existing(journal, application_id, schema, err);
    if (code == ERR_OK)
        code = prepare(journal, err);
    if (code == ERR_OK && !*out_is_new && !journal_get(journal, "jid", journal->id, 27))
        code = err_set(err, ERR_CORRUPT, "the journal has no id");
    return code;
}

/* The old file and its companions step aside; nothing of it is lost. */
static enum err_code
quarantine(struct journal *journal, int64_t utc_ms, struct journal_open_result *result,
           struct err *err)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    char from[PATH_MAX + 8], to[PATH_MAX + 48];

    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        snprintf(from, sizeof from, "%s%s", journal->path, SUFFIXES[i]);
        snprintf(to, sizeof to, "%s.quarantine-%lld%s", journal->path, (long long)utc_ms,
                 SUFFIXES[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return err_set(err, ERR_IO, "cannot move %s aside: %s", from, strerror(errno));
        if (i == 0)
            text_copy(result->quarantined, sizeof result->quarantined, to);
    }
    return ERR_OK;
}

/* The ballast: room that is given up when the disk is full. */
static void
make_ballast(struct journal *journal)
{
    struct stat info;
    int fd;

    if (journal->ballast_bytes == 0 ||
        (stat(journal->ballast, &info) == 0 && (uint64_t)info.st_size >= journal->ballast_bytes))
        return;
    fd = open(journal->ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    if (posix_fallocate(fd, 0, (off_t)journal->ballast_bytes) != 0)
        unlink(journal->ballast);
    close(fd);
}

enum err_code
journal_open(const char *state_dir, const char *site, int64_t utc_ms, uint64_t ballast_bytes,
             struct journal **out_journal, struct journal_open_result *out_result, struct err *err)
{
    struct journal *journal = calloc(1, sizeof *journal);
    struct journal_open_result result = {0};
    struct err local;

    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((size_t)snprintf(journal->path, sizeof journal->path, "%s/" JOURNAL_FILE, state_dir) + 64 >=
        sizeof journal->path) {
        free(journal);
        return err_set(err, ERR_CONFIG, "state directory: path too long");
    }
    snprintf(journal->ballast, sizeof journal->ballast, "%.*s/journal.ballast",
             (int)(sizeof journal->ballast - 32), state_dir);
    text_copy(journal->site, sizeof journal->site, site);
    journal->ballast_bytes = ballast_bytes;

    enum err_code code = open_db(journal, utc_ms, &result.is_new, &local);
    if (code == ERR_CORRUPT) {
        close_db(journal);
        text_copy(result.quarantine_reason, sizeof result.quarantine_reason, local.text);
        code = quarantine(journal, utc_ms, &result, &local);
        journal->head = journal->committed = 0;
        memset(journal->head_hash, 0, sizeof journal->head_hash);
        if (code == ERR_OK)
            code = open_db(journal, utc_ms, &result.is_new, &local);
    }
    if (code != ERR_OK) {
        journal_close(journal);
        return err_set(err, code, "journal in %s: %s", state_dir, local.text);
    }
    make_ballast(journal);
    *out_journal = journal;
    *out_result = result;
    return ERR_OK;
}

/* the turn */

static void
free_row(struct row *row)
{
    free(row->kind);
    free(row->alarm);
    free(row->body);
}

static void
free_alarm_put(struct alarm_put *put)
{
    free(put->id);
    free(put->payload);
    free(put->engine);
    free(put);
}

static void
forget_turn(struct journal *journal)
{
    struct alarm_put *alarm, *next_alarm;
    struct fact_put *fact, *next_fact;

    for (size_t i = 0; i < journal->row_count; i++)
        free_row(&journal->rows[i]);
    journal->row_count = 0;
    HASH_ITER(hh, journal->alarms, alarm, next_alarm)
    {
        HASH_DEL(journal->alarms, alarm);
        free_alarm_put(alarm);
    }
    HASH_ITER(hh, journal->facts, fact, next_fact)
    {
        HASH_DEL(journal->facts, fact);
        free(fact->key);
        free(fact->value);
        free(fact);
    }
}

void
journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    forget_turn(journal);
    close_db(journal);
    free(journal->rows);
    free(journal);
}

const char *
journal_id(const struct journal *journal)
{
    return journal->id;
}

uint64_t
journal_head(const struct journal *journal)
{
    return journal->head;
}

uint64_t
journal_committed(const struct journal *journal)
{
    return journal->committed;
}

/* While the disk fails memory is bounded: the least urgent rows go first, the newest of them last.
 */
static void
shed_rows(struct journal *journal)
{
    for (unsigned priority = 5; priority-- > 0 && journal->row_count >= UNWRITTEN_MAX;) {
        unsigned victim = priority == 0 ? 1 : priority == 4 ? 0 : priority + 1;
        size_t kept = 0, dropped = 0;

        for (size_t i = 0; i < journal->row_count; i++) {
            if (journal->rows[i].priority == victim && dropped < UNWRITTEN_SHED) {
                free_row(&journal->rows[i]);
                dropped++;
            } else {
                journal->rows[kept++] = journal->rows[i];
            }
        }
        journal->row_count = kept;
        journal->shed += dropped;
        if (dropped > 0)
            log_error("the journal cannot be written: %zu rows of the least urgent dropped",
                      dropped);
    }
}

static struct row *
new_row(struct journal *journal)
{
    if (journal->row_count >= UNWRITTEN_MAX)
        shed_rows(journal);
    if (journal->row_count == journal->row_room) {
        size_t room = journal->row_room == 0 ? 64 : journal->row_room * 2;
        struct row *grown = realloc(journal->rows, room * sizeof *grown);

        if (grown == NULL)
            return NULL;
        journal->rows = grown;
        journal->row_room = room;
    }
    struct row *row = &journal->rows[journal->row_count];
    memset(row, 0, sizeof *row);
    return row;
}

uint64_t
journal_add(struct journal *journal, const char *kind, int64_t utc_ms, json_t *body,
            const char *alarm_id, unsigned audiences, unsigned priority)
{
    struct row *row = new_row(journal);
    char prev[DIGEST_HEX];

    if (row == NULL || body == NULL) {
        json_decref(body);
        return 0;
    }
    digest_hex(journal->head_hash, prev);
    json_object_set_new_nocheck(body, "jid", json_string_nocheck(journal->id));
    json_object_set_new_nocheck(body, "seq", json_integer((json_int_t)(journal->head + 1)));
    json_object_set_new_nocheck(body, "prev", json_string_nocheck(prev));
    json_object_set_new_nocheck(body, "ts", json_integer((json_int_t)utc_ms));
    json_object_set_new_nocheck(body, "kind", json_string_nocheck(kind));
    json_object_set_new_nocheck(body, "site", json_string_nocheck(journal->site));
    row->body = json_canonical(body);
    json_decref(body);
    row->kind = strdup(kind);
    row->alarm = alarm_id == NULL ? NULL : strdup(alarm_id);
    if (row->body == NULL || row->kind == NULL || (alarm_id != NULL && row->alarm == NULL) ||
        !digest_sha256(row->body, strlen(row->body), row->hash)) {
        free_row(row);
        return 0;
    }
    row->body_bytes = strlen(row->body);
    row->seq = ++journal->head;
    row->utc_ms = utc_ms;
    row->audiences = audiences;
    row->priority = priority;
    memcpy(journal->head_hash, row->hash, sizeof row->hash);
    journal->row_count++;
    return row->seq;
}

static struct alarm_put *
alarm_put_for(struct journal *journal, const char *id)
{
    struct alarm_put *put;

    HASH_FIND_STR(journal->alarms, id, put);
    if (put != NULL)
        return put;
    put = calloc(1, sizeof *put);
    if (put == NULL || (put->id = strdup(id)) == NULL) {
        free(put);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, journal->alarms, put->id, strlen(put->id), put);
    if (put->hh.tbl == NULL) {
        free_alarm_put(put);
        return NULL;
    }
    return put;
}

void
journal_put_alarm(struct journal *journal, const char *alarm_id, const char *payload,
                  const void *engine, size_t engine_bytes)
{
    struct alarm_put *put = alarm_put_for(journal, alarm_id);
    struct row *last = journal->row_count > 0 ? &journal->rows[journal->row_count - 1] : NULL;

    if (put == NULL)
        return;
    free(put->payload);
    free(put->engine);
    put->payload = payload == NULL ? NULL : strdup(payload);
    put->engine = malloc(engine_bytes == 0 ? 1 : engine_bytes);
    put->engine_bytes = put->engine == NULL ? 0 : engine_bytes;
    if (put->engine != NULL)
        memcpy(put->engine, engine, engine_bytes);
    put->is_forgotten = false;
    put->seq = journal->head;
    if (last != NULL && last->alarm != NULL && strcmp(last->alarm, alarm_id) == 0) {
        last->is_rest = payload == NULL;
        put->priority = last->priority;
    }
}

void
journal_forget_alarm(struct journal *journal, const char *alarm_id)
{
    struct alarm_put *put = alarm_put_for(journal, alarm_id);

    if (put == NULL)
        return;
    put->is_forgotten = true;
    put->seq = journal->head;
    if (journal->row_count > 0)
        journal->rows[journal->row_count - 1].is_rest = true;
}

void
journal_put(struct journal *journal, const char *key, const char *value)
{
    struct fact_put *put;
    char *copy = strdup(value);

    HASH_FIND_STR(journal->facts, key, put);
    if (copy == NULL)
        return;
    if (put != NULL) {
        free(put->value);
        put->value = copy;
        return;
    }
    put = calloc(1, sizeof *put);
    if (put == NULL || (put->key = strdup(key)) == NULL) {
        free(put);
        free(copy);
        return;
    }
    put->value = copy;
    HASH_ADD_KEYPTR(hh, journal->facts, put->key, strlen(put->key), put);
}

bool
journal_get(struct journal *journal, const char *key, char *out, size_t size)
{
    struct fact_put *put;
    bool found = false;

    HASH_FIND_STR(journal->facts, key, put);
    if (put != NULL)
        return text_copy(out, size, put->value);
    if (journal->get_fact == NULL)
        return false;
    sqlite3_bind_text(journal->get_fact, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(journal->get_fact) == SQLITE_ROW)
        found = text_copy(out, size, (const char *)sqlite3_column_text(journal->get_fact, 0));
    sqlite3_reset(journal->get_fact);
    return found;
}

bool
journal_is_dirty(const struct journal *journal)
{
    return journal->row_count > 0 || journal->alarms != NULL || journal->facts != NULL;
}

/* committing */

static bool
step_done(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;

    sqlite3_reset(statement);
    return done;
}

static bool
write_rows(struct journal *journal)
{
    sqlite3_stmt *s = journal->insert_row;

    for (size_t i = 0; i < journal->row_count; i++) {
        const struct row *row = &journal->rows[i];

        sqlite3_bind_int64(s, 1, (sqlite3_int64)row->seq);
        sqlite3_bind_int64(s, 2, row->utc_ms);
        sqlite3_bind_text(s, 3, row->kind, -1, SQLITE_STATIC);
        if (row->alarm != NULL)
            sqlite3_bind_text(s, 4, row->alarm, -1, SQLITE_STATIC);
        else
            sqlite3_bind_null(s, 4);
        sqlite3_bind_int64(s, 5, row->audiences);
        sqlite3_bind_int64(s, 6, row->priority);
        sqlite3_bind_int(s, 7, row->is_rest);
        sqlite3_bind_text(s, 8, row->body, (int)row->body_bytes, SQLITE_STATIC);
        sqlite3_bind_blob(s, 9, row->hash, sizeof row->hash, SQLITE_STATIC);
        if (!step_done(s))
            return false;
    }
    return true;
}

static bool
write_alarms(struct journal *journal)
{
    for (struct alarm_put *put = journal->alarms; put != NULL; put = put->hh.next) {
        sqlite3_stmt *s = put->is_forgotten ? journal->forget_alarm : journal->put_alarm;

        sqlite3_bind_text(s, 1, put->id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, (sqlite3_int64)put->seq);
        if (!put->is_forgotten) {
            sqlite3_bind_int64(s, 3, put->priority);
            if (put->payload != NULL)
                sqlite3_bind_text(s, 4, put->payload, -1, SQLITE_STATIC);
            else
                sqlite3_bind_null(s, 4);
            sqlite3_bind_blob(s, 5, put->engine, (int)put->engine_bytes, SQLITE_STATIC);
        }
        if (!step_done(s))
            return false;
    }
    return true;
}

static bool
write_facts(struct journal *journal)
{
    for (struct fact_put *put = journal->facts; put != NULL; put = put->hh.next) {
        sqlite3_bind_text(journal->put_fact, 1, put->key, -1, SQLITE_STATIC);
        sqlite3_bind_text(journal->put_fact, 2, put->value, -1, SQLITE_STATIC);
        if (!step_done(journal->put_fact))
            return false;
    }
    return true;
}

static enum err_code
write_turn(struct journal *journal, struct err *err)
{
    if (sqlite3_exec(journal->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
        write_rows(journal) && write_alarms(journal) && write_facts(journal) &&
        sqlite3_exec(journal->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return ERR_OK;

    enum err_code code = journal_db_error(journal->db, "writing the journal", err);
    if (!sqlite3_get_autocommit(journal->db))
        sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

enum err_code
journal_commit(struct journal *journal, int64_t utc_ms, struct err *err)
{
    enum err_code code;

    (void)utc_ms;
    if (!journal_is_dirty(journal))
        return ERR_OK;
    code = write_turn(journal, err);
    if (code != ERR_OK && unlink(journal->ballast) == 0) {
        log_warning("%s: the ballast of %llu bytes is given up", err->text,
                    (unsigned long long)journal->ballast_bytes);
        code = write_turn(journal, err);
    }
    if (code != ERR_OK) {
        journal->is_failing = true;
        return code;
    }
    journal->is_failing = false;
    journal->committed = journal->head;
    forget_turn(journal);
    return ERR_OK;
}

bool
journal_has_ballast(const struct journal *journal)
{
    return journal->ballast_bytes == 0 || access(journal->ballast, F_OK) == 0;
}

uint64_t
journal_unwritten(const struct journal *journal)
{
    return journal->is_failing ? journal->row_count : 0;
}

void
journal_each_unwritten(struct journal *journal, uint64_t after_seq,
                       void (*row)(void *ctx, uint64_t seq, const char *body, unsigned audiences,
                                   unsigned priority),
                       void *ctx)
{
    for (size_t i = 0; i < journal->row_count; i++)
        if (journal->rows[i].seq > after_seq)
            row(ctx, journal->rows[i].seq, journal->rows[i].body, journal->rows[i].audiences,
                journal->rows[i].priority);
}

enum err_code
journal_each_alarm(struct journal *journal,
                   void (*alarm)(void *ctx, const char *alarm_id, const void *engine,
                                 size_t engine_bytes, bool is_told),
                   void *ctx, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int step;

    if (sqlite3_prepare_v2(journal->db, "SELECT id, engine, payload IS NOT NULL FROM alarm", -1, &s,
                           NULL) != SQLITE_OK)
        return journal_db_error(journal->db, "reading the alarm states", err);
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        alarm(ctx, (const char *)sqlite3_column_text(s, 0), sqlite3_column_blob(s, 1),
              (size_t)sqlite3_column_bytes(s, 1), sqlite3_column_int(s, 2) != 0);
    enum err_code code = step == SQLITE_DONE
                             ? ERR_OK
                             : journal_db_error(journal->db, "reading the alarm states", err);
    sqlite3_finalize(s);
    return code;
}

/* housekeeping */

uint64_t
journal_wal_bytes(const struct journal *journal)
{
    char path[PATH_MAX + 8];
    struct stat info;

    snprintf(path, sizeof path, "%s-wal", journal->path);
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* The newest row that may go: old, told, and one slice at most. */
static uint64_t
find_prune(struct journal *journal, int64_t before_utc_ms, uint64_t cursor,
           uint8_t out_hash[DIGEST_BYTES])
{
    sqlite3_stmt *s = NULL;
    uint64_t last = 0;

    if (sqlite3_prepare_v2(journal->db, "SELECT seq, ts, hash FROM row ORDER BY seq LIMIT ?1", -1,
                           &s, NULL) != SQLITE_OK)
        return 0;
    sqlite3_bind_int(s, 1, PRUNE_SLICE);
    while (sqlite3_step(s) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(s, 0);

        if (sqlite3_column_int64(s, 1) >= before_utc_ms || seq > cursor ||
            seq >= journal->committed)
            break;
        last = seq;
        memcpy(out_hash, sqlite3_column_blob(s, 2), DIGEST_BYTES);
    }
    sqlite3_finalize(s);
    return last;
}

static void
prune(struct journal *journal, int64_t utc_ms, int64_t before_utc_ms, uint64_t cursor)
{
    uint8_t hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    struct err err;
    uint64_t last = find_prune(journal, before_utc_ms, cursor, hash);

    if (last == 0)
        return;
    digest_hex(hash, hex);
    journal_add(journal, "checkpoint", utc_ms,
                json_pack("{s:I, s:s}", "pruned_to", (json_int_t)last, "hash", hex), NULL, 0, 0);
    /* First the row that lets a verifier start there is on disk, then the rows go. */
    if (journal_commit(journal, utc_ms, &err) != ERR_OK) {
        log_warning("pruning put off: %s", err.text);
        return;
    }
    sqlite3_bind_int64(journal->prune, 1, (sqlite3_int64)last);
    if (!step_done(journal->prune))
        log_warning("pruning the journal: %s", sqlite3_errmsg(journal->db));
}

void
journal_housekeep(struct journal *journal, int64_t utc_ms, int64_t prune_before_utc_ms,
                  uint64_t cursor)
{
    if (journal->is_failing)
        return;
    if (journal_wal_bytes(journal) >= CHECKPOINT_WAL_BYTES)
        sqlite3_wal_checkpoint_v2(journal->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (!journal_is_dirty(journal))
        prune(journal, utc_ms, prune_before_utc_ms, cursor);
    make_ballast(journal);
}
