/*
 * journal_file.h - finds journal.db, makes it, or moves an unsound one out of the way.
 *
 * Private to the journal.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_FILE_H
#define WATCHROOM_ALERTS_JOURNAL_FILE_H

#include "alerts/journal.h"
#include "alerts/journal_db.h"

#define JOURNAL_PATH_MAX 512

/* As journal_open; a file "<path>.corrupt" left by journal_file_condemn has it quarantined. */
enum err_code journal_file_open(const char *path, const char *site, int64_t utc_ms,
                                struct journal_db **out_db, struct journal_db_head *out_head,
                                struct journal_open_result *out_result, struct err *err) MUST_CHECK;

/* Has the next start put this file into quarantine: damage that only showed while it was written.
 */
void journal_file_condemn(const char *path, const char *reason);

#endif
