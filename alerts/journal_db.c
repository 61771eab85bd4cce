/*
 * journal_db.c - what writer and reader of journal.db share.
 */
#include "alerts/journal_db.h"

#include <stdio.h>
#include <string.h>

enum err_code
journal_db_error(sqlite3 *db, const char *what, struct err *err)
{
    enum err_code code = ERR_IO;

    switch (sqlite3_errcode(db) & 0xFF) {
    case SQLITE_FULL:
        code = ERR_FULL;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* a table that is not there: not our file */
        code = ERR_CORRUPT;
        break;
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    default:
        break;
    }
    return err_set(err, code, "%s: %s", what, sqlite3_errmsg(db));
}

enum err_code
journal_db_number(sqlite3 *db, const char *sql, int64_t *out_number, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum err_code code = ERR_OK;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        code = journal_db_error(db, sql, err);
    else
        *out_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code;
}

bool
journal_db_is_chained(const char *body, size_t body_bytes, const void *hash,
                      const uint8_t prev[DIGEST_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    char named[sizeof "\"prev\":\"\"" + DIGEST_HEX];
    char hex[DIGEST_HEX];

    if (!digest_sha256(body, body_bytes, digest) || memcmp(digest, hash, sizeof digest) != 0)
        return false;
    digest_hex(prev, hex);
    snprintf(named, sizeof named, "\"prev\":\"%s\"", hex);
    return memmem(body, body_bytes, named, strlen(named)) != NULL;
}
