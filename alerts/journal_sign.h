/*
 * journal_sign.h - checkpoints: rows that sign the chain up to themselves, and the key they are
 * signed with.
 *
 * <state_dir>/journal.key is the private key, made at the first start, mode 0600;
 * <state_dir>/journal.pub holds its public part, and those of earlier keys, for everybody. A
 * checkpoint's signature is Ed25519 over the row's canonical JSON without its member "sig": it
 * covers "prev", hence every row before, and the place where the chain begins. Private to the
 * journal's files, but for journal_sign_strip().
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_SIGN_H
#define WATCHROOM_ALERTS_JOURNAL_SIGN_H

#include "gateway/base/sign.h"
#include "gateway/base/text.h"

#define JOURNAL_KEY_FILE "journal.key"
#define JOURNAL_PUBLIC_FILE "journal.pub"

/* Opens or makes the key. `out_note`: what a log should say about it, "" for nothing. A damaged
 * one becomes journal.key.quarantine-<utc>: its public part stays in journal.pub. */
enum err_code journal_sign_open(const char *state_dir, int64_t utc_ms, struct sign_key **out_key,
                                char *out_note, size_t note_size, struct err *err) MUST_CHECK;

struct journal_sign_row {
    const char *jid, *prev, *site; /* site: as a JSON string */
    uint64_t seq;
    int64_t utc_ms;
    uint64_t pruned_to; /* 0: nothing is pruned with it */
    const char *pruned_hash;
};

/* Writes the body of a checkpoint row. False: no memory, or OpenSSL failed. */
bool journal_sign_write(const struct sign_key *key, const struct journal_sign_row *row,
                        struct text_buf *out) MUST_CHECK;

/* The text that was signed, of a body and its signature. False: no memory, or it has no such
 * member. */
bool journal_sign_strip(const char *body, size_t bytes, const char *signature,
                        struct text_buf *out) MUST_CHECK;

#endif
