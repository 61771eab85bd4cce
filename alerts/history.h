/*
 * history.h - rows of the journal that people were told, again: the answer to "get since".
 */
#ifndef WATCHROOM_ALERTS_HISTORY_H
#define WATCHROOM_ALERTS_HISTORY_H

#include "gateway/base/err.h"
#include "gateway/base/json.h"

/* Bytes of rows in one page: with the rest of an answer it fits one message (gateway/base/msg.h).
 */
#define HISTORY_PAGE_BYTES ((size_t)48 * 1024)

/*
 * A page of the rows behind `since` that were told to any of `audiences` (AUDIENCE_BIT()s), as on
 * event/<audience>: {"more", "next", "oldest", "rows"}; ask again with since = next while "more".
 * At most `limit` rows (0: as many as the page holds); only what is on disk. Opens the journal
 * beside its writer; bounded (JOURNAL_READ_MAX rows are looked at).
 */
enum err_code history_page(const char *state_dir, uint64_t since, unsigned limit,
                           unsigned audiences, json_t **out_page, struct err *err) MUST_CHECK;

#endif
