/*
 * witness.h - the journal's newest checkpoint as it is published: every subscriber becomes a
 * witness of the chain up to there.
 */
#ifndef WATCHROOM_ALERTS_WITNESS_H
#define WATCHROOM_ALERTS_WITNESS_H

#include "alerts/journal_read.h"
#include "gateway/base/text.h"

struct witness {
    uint64_t told; /* number of the checkpoint that is published; 0: none in this session */
    int64_t looked_ms;
};

/*
 * Looks once a second. True: there is another checkpoint than the one told; it is in `out`, the row
 * with its hash as the last member, and `out_seq` is its number.
 */
bool witness_look(struct witness *witness, struct journal_reader *reader, int64_t now_ms,
                  struct text_buf *out, uint64_t *out_seq);

#endif
