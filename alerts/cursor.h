/*
 * cursor.h - up to which journal row the broker has confirmed: a small file that survives a power
 * cut.
 *
 * <state_dir>/courier.cursor: two slots, written in turn; each has a counter, the journal's id, the
 * seq and a CRC-32. The newer sound slot counts; a torn one is as if it had not been written.
 */
#ifndef WATCHROOM_ALERTS_CURSOR_H
#define WATCHROOM_ALERTS_CURSOR_H

#include "gateway/base/err.h"

struct cursor {
    int fd;
    uint64_t counter; /* of the newer slot */
    uint64_t seq;
    char jid[27]; /* "" when the file was new or unreadable: everything is sent again */
};

/* Opens or makes the file. */
enum err_code cursor_open(struct cursor *cursor, const char *state_dir, struct err *err) MUST_CHECK;
/* Only looks: up to where journal `jid` was confirmed; 0: not known. */
uint64_t cursor_peek(const char *state_dir, const char *jid);
void cursor_close(struct cursor *cursor);

/* Writes and syncs; blocks for that. On failure the old position stays on disk. */
enum err_code cursor_save(struct cursor *cursor, const char *jid, uint64_t seq,
                          struct err *err) MUST_CHECK;

#endif
