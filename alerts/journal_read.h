/*
 * journal_read.h - reading journal.db beside its writer: courier, command line, web, tests.
 *
 * At most JOURNAL_READ_MAX rows a transaction, and none held when a call returns: a held reader
 * lets the WAL grow without bound.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_READ_H
#define WATCHROOM_ALERTS_JOURNAL_READ_H

#include "gateway/base/digest.h"
#include "gateway/base/err.h"

#define JOURNAL_READ_MAX 1000

struct journal_reader;

struct journal_row {
    uint64_t seq;
    int64_t utc_ms;
    const char *kind;     /* borrowed, as all below, until the callback returns */
    const char *alarm_id; /* NULL for other kinds */
    const char *body;     /* canonical JSON, exactly what was hashed */
    size_t body_bytes;
    uint64_t first;       /* = seq, but of a row whose body was lost: it stands for first..seq */
    /* Alarm rows: what is retained under alarm/<id> from this row on (cut from the body); NULL:
     * emptied. */
    const char *payload;
    const char *hash;     /* 64 hex digits */
    unsigned audiences, priority;
};

/* ERR_NOT_FOUND: no such file yet; ERR_BUSY; ERR_CORRUPT. */
enum err_code journal_reader_open(const char *state_dir, struct journal_reader **out_reader,
                                  struct err *err) MUST_CHECK;
void journal_reader_close(struct journal_reader *reader);

/* Copies the journal's id (27 bytes). Changes after quarantine: the file is another one then, so
 * reopen when alarms says so (msg_tick.boot). */
enum err_code journal_reader_id(struct journal_reader *reader, char out_id[27],
                                struct err *err) MUST_CHECK;

/* Rows with seq > after, ascending, at most `limit` (<= JOURNAL_READ_MAX). `row` returns false to
 * stop early. out_last: newest seq handed out, or `after`. */
enum err_code journal_reader_rows(struct journal_reader *reader, uint64_t after, unsigned limit,
                                  bool (*row)(void *ctx, const struct journal_row *row), void *ctx,
                                  uint64_t *out_last, struct err *err) MUST_CHECK;

/* The same for those who follow the chain: rows whose body was lost (with a full disk) come, too,
 * with body NULL; payloads are left out. */
enum err_code journal_reader_chain(struct journal_reader *reader, uint64_t after, unsigned limit,
                                   bool (*row)(void *ctx, const struct journal_row *row), void *ctx,
                                   uint64_t *out_last, struct err *err) MUST_CHECK;

/* Number of the newest checkpoint; 0: none yet. */
enum err_code journal_reader_checkpoint(struct journal_reader *reader, uint64_t *out_seq,
                                        struct err *err) MUST_CHECK;

/* A small fact that was put beside the rows (journal_put). ERR_NOT_FOUND. */
enum err_code journal_reader_fact(struct journal_reader *reader, const char *key, char *out,
                                  size_t size, struct err *err) MUST_CHECK;

/* Alarms not at rest, by priority then seq: at most `limit` after (priority, seq) of the last one;
 * start with 0, 0. */
enum err_code journal_reader_alarms(struct journal_reader *reader, unsigned after_priority,
                                    uint64_t after_seq, unsigned limit,
                                    bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority,
                                                  uint64_t seq, const char *payload),
                                    void *ctx, struct err *err) MUST_CHECK;

/* Is something retained for this alarm: is it known and not at rest? */
enum err_code journal_reader_is_told(struct journal_reader *reader, const char *alarm_id,
                                     bool *out_told, struct err *err) MUST_CHECK;

/* Newest seq, its hash (DIGEST_HEX bytes) and oldest seq still held. */
enum err_code journal_reader_head(struct journal_reader *reader, uint64_t *out_seq, char *out_hash,
                                  uint64_t *out_oldest, struct err *err) MUST_CHECK;

#endif
