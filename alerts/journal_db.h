/*
 * journal_db.h - what writer and reader of journal.db share: its layout and SQLite's errors.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_DB_H
#define WATCHROOM_ALERTS_JOURNAL_DB_H

#include <sqlite3.h>

#include "gateway/base/digest.h"
#include "gateway/base/err.h"

#define JOURNAL_FILE "journal.db"
#define JOURNAL_APPLICATION_ID 0x57524a4c /* "WRJL" */
#define JOURNAL_SCHEMA 1

/*
 * row    one fact. `hash` is the SHA-256 of `body`. `is_rest`: an alarm row that leaves its alarm at
 *        rest, so that its topic is emptied. The payload of an alarm row is the member "alarm" of the
 *        body, which, as the first key in order, is its first member.
 * alarm  the newest state of each alarm that ever had a row; `payload` NULL when at rest.
 * fact   small facts; "jid" is the journal's id.
 */
#define JOURNAL_DDL                                                                                \
    "CREATE TABLE row(seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, kind TEXT NOT NULL,"           \
    " alarm TEXT, audiences INTEGER NOT NULL, priority INTEGER NOT NULL,"                          \
    " is_rest INTEGER NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL);"                          \
    "CREATE TABLE alarm(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, priority INTEGER NOT NULL,"     \
    " payload TEXT, engine BLOB) WITHOUT ROWID;"                                                   \
    "CREATE INDEX alarm_told ON alarm(priority, seq) WHERE payload IS NOT NULL;"                   \
    "CREATE TABLE fact(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

/* ERR_FULL, ERR_IO, ERR_CORRUPT, ERR_BUSY, ERR_NOMEM ... with SQLite's words. */
enum err_code journal_db_error(sqlite3 *db, const char *what, struct err *err);

/* One number from a statement without parameters. */
enum err_code journal_db_number(sqlite3 *db, const char *sql, int64_t *out_number,
                                struct err *err);

/* Does `body` hash to `hash` (32 bytes), and does it name `prev` as the hash before? */
bool journal_db_is_chained(const char *body, size_t body_bytes, const void *hash,
                           const uint8_t prev[DIGEST_BYTES]);

#endif
