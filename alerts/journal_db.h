/*
 * journal_db.h - journal.db as SQLite sees it: its schema, and the statements of one turn.
 *
 * Knows nothing of chains, bounds or retries: journal.c does. Private to the journal's files.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_DB_H
#define WATCHROOM_ALERTS_JOURNAL_DB_H

#include <sqlite3.h>

#include "gateway/base/digest.h"
#include "gateway/base/err.h"

#define JOURNAL_APPLICATION_ID 0x57526A31 /* "WRj1" */
#define JOURNAL_SCHEMA_VERSION 1

struct journal_db;

/* One row of table `row`. A row without a body is what is left of rows that were lost: it stands
 * for all of `first`..`seq` and keeps the chain together. */
struct journal_db_row {
    uint64_t seq, first;
    int64_t utc_ms;
    const char *kind, *alarm_id, *body, *hash;
    size_t body_bytes;
    /* What is retained from this row on: text; or, with payload NULL and splice >= 0, the member
     * "alarm" of the body with its hash put in at that offset; or nothing. */
    const char *payload;
    int64_t splice;
    unsigned audiences, priority;
};

struct journal_db_alarm {
    const char *alarm_id;
    uint64_t seq;
    unsigned priority;
    const char *payload; /* NULL: at rest */
    const void *engine;
    size_t engine_bytes;
};

struct journal_db_head {
    char id[27];
    uint64_t seq;          /* 0: no row yet */
    char hash[DIGEST_HEX]; /* of it; zeros for none */
};

/* SQLite's result in our words; ENOSPC is ERR_FULL wherever it surfaced. */
enum err_code journal_db_error(sqlite3 *handle, struct err *err, const char *what);

/* Makes a complete, empty journal in a file that must not exist. */
enum err_code journal_db_create(const char *path, const char *id, const char *site, int64_t utc_ms,
                                struct err *err) MUST_CHECK;

/* ERR_CORRUPT: this is no sound journal. ERR_CONFIG: of a newer schema. */
enum err_code journal_db_open(const char *path, struct journal_db **out_db,
                              struct journal_db_head *out_head, struct err *err) MUST_CHECK;
void journal_db_close(struct journal_db *db);

enum err_code journal_db_begin(struct journal_db *db, struct err *err) MUST_CHECK;
enum err_code journal_db_end(struct journal_db *db, struct err *err) MUST_CHECK; /* COMMIT */
void journal_db_abandon(struct journal_db *db);                                  /* ROLLBACK */

enum err_code journal_db_put_row(struct journal_db *db, const struct journal_db_row *row,
                                 struct err *err) MUST_CHECK;
enum err_code journal_db_put_alarm(struct journal_db *db, const struct journal_db_alarm *alarm,
                                   struct err *err) MUST_CHECK;
enum err_code journal_db_forget_alarm(struct journal_db *db, const char *alarm_id,
                                      struct err *err) MUST_CHECK;
/* `value` NULL removes the key. expires_utc_ms 0: never. */
enum err_code journal_db_put(struct journal_db *db, const char *key, const char *value,
                             int64_t expires_utc_ms, struct err *err) MUST_CHECK;
/* False: no such key, or the file cannot be read. */
bool journal_db_get(struct journal_db *db, const char *key, char *out, size_t size);

enum err_code journal_db_each_alarm(struct journal_db *db,
                                    void (*alarm)(void *ctx, const char *alarm_id,
                                                  const void *engine, size_t engine_bytes,
                                                  bool is_told),
                                    void *ctx, struct err *err) MUST_CHECK;

enum err_code journal_db_each_fact(struct journal_db *db, const char *prefix,
                                   void (*fact)(void *ctx, const char *key, const char *value),
                                   void *ctx, struct err *err) MUST_CHECK;

/* Which rows may be pruned: of the `limit` oldest, those older than `before` and not past `cursor`.
 * How many, the newest of them and its hash, and the time of the oldest. */
struct journal_db_prunable {
    unsigned rows;
    uint64_t to;
    char hash[DIGEST_HEX];
    int64_t oldest_utc_ms;
};
enum err_code journal_db_prunable(struct journal_db *db, int64_t before, uint64_t cursor,
                                  unsigned limit, struct journal_db_prunable *out,
                                  struct err *err) MUST_CHECK;
enum err_code journal_db_prune(struct journal_db *db, uint64_t to, struct err *err) MUST_CHECK;
/* At most `limit` keys whose time has come. */
void journal_db_expire(struct journal_db *db, int64_t utc_ms, unsigned limit);

/* Oldest seq held; 0: none. */
uint64_t journal_db_oldest(struct journal_db *db);
/* Bytes of the write-ahead log in use, as of the last commit. */
uint64_t journal_db_wal_bytes(const struct journal_db *db);
/* Passive; with `restart` also makes the log begin anew if no reader is in the way. */
void journal_db_checkpoint(struct journal_db *db, bool restart);

#endif
