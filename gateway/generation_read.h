/*
 * generation_read.h - configurations on record, as the commands read them: the journal's rows, and
 * the files beside it. No gateway need run.
 */
#ifndef WATCHROOM_GATEWAY_GENERATION_READ_H
#define WATCHROOM_GATEWAY_GENERATION_READ_H

#include "alerts/journal_read.h"
#include "gateway/base/json.h"

struct generation_reader {
    const char *state_dir;
    struct journal_reader *journal;
    uint32_t newest; /* 0: none on record */
};

enum err_code generation_reader_open(struct generation_reader *reader, const char *state_dir,
                                     struct err *err) MUST_CHECK;
void generation_reader_close(struct generation_reader *reader);

/* The journal's row of a generation with its "hash"; where the journal does not hold it (yet, or
 * any more), the record beside it with "journalled": false. A new reference. ERR_NOT_FOUND. */
enum err_code generation_reader_row(struct generation_reader *reader, uint32_t number,
                                    json_t **out_row, struct err *err) MUST_CHECK;

/* "anna (uid 1000)", "uid 0 by a signal", "start". */
void generation_who(const json_t *row, char *out, size_t size);

#endif
