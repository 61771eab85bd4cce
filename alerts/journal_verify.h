/*
 * journal_verify.h - walks the whole chain of a journal and says three things: is every row there,
 * is every row as it was written, is it signed?
 *
 * Separate verdicts, each with the first row that speaks against it: a journal whose disk was full
 * may be incomplete and yet unaltered.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_VERIFY_H
#define WATCHROOM_ALERTS_JOURNAL_VERIFY_H

#include "alerts/journal_read.h"
#include "gateway/base/sign.h"

struct journal_verify_params {
    const struct sign_keys *keys; /* who may have signed; NULL: nobody */
    const char *witness;          /* a checkpoint somebody kept, as published; NULL: none */
};

struct journal_fault {
    uint64_t seq; /* 0: none */
    char why[200];
};

struct journal_verdict {
    bool is_complete;  /* no seq missing from where the chain begins to the newest that is known */
    bool is_unaltered; /* every row hashes to its hash, chains to the row before, and its columns
                          say what its text says */
    bool is_signed;    /* every checkpoint is signed by a known key, and the newest is not old */
    struct journal_fault incomplete, altered, unsigned_; /* the first of each */
    uint64_t rows, oldest, head;
    uint64_t checkpoints, signed_to; /* newest row that a checkpoint covers: its own number */
    int64_t signed_utc_ms;
    uint64_t first_bad_seq; /* altered or missing; where none is, not signed */
    char reason[200];
};

/* ERR_PROTOCOL: the witness is no checkpoint. Reads in slices. */
enum err_code journal_verify(struct journal_reader *reader,
                             const struct journal_verify_params *params,
                             struct journal_verdict *out_verdict, struct err *err) MUST_CHECK;

#endif
