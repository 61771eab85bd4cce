/*
 * contract_rows.h - what the files of contract-rows share.
 */
#ifndef WATCHROOM_TESTS_CONTRACT_ROWS_H
#define WATCHROOM_TESTS_CONTRACT_ROWS_H

#include "alerts/journal_read.h"
#include "gateway/base/point.h"

/* Ends the program with a word where it does not hold. */
void insist(bool holds, const char *what);
/* One line of output. */
void say(const char *family, const char *text);

/* contract_state.c: gw, hb, sum, meta and audit, in every state of the courier. */
void contract_state(struct journal_reader *reader, const char *jid,
                    const struct directory *directory, const char *config_digest);

/* contract_words.c: one line "names", and what is taken for an order. */
void contract_names(void);
void contract_judge(void);

#endif
