/*
 * diag.h - what is wrong with a file, all of it, with the place.
 *
 * Printed as
 *     site.yaml:14:11: error: unknown key "adress" (did you mean "address"?)
 *        14 |   - id: ups-a, adress: 10.0.0.1
 *           |                ^~~~~~
 */
#ifndef WATCHROOM_CONFIG_DIAG_H
#define WATCHROOM_CONFIG_DIAG_H

#include <stdio.h>

#include "gateway/base/base.h"

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_entry {
    enum diag_level level;
    char *file, *text, *hint, *source_line; /* hint, source_line may be NULL */
    unsigned line, column, width;           /* from 1; 0: the file as a whole */
};

#define DIAG_TEXT_MAX 400
#define DIAG_MAX 1000 /* further ones are counted, not kept */

struct diag {
    struct diag_entry *entries;
    size_t count, capacity;
    size_t errors, warnings; /* all of them, kept or not */
};

void diag_init(struct diag *diag);
void diag_done(struct diag *diag);
/* Copies everything. `hint` and `source_line` may be NULL. */
void diag_add(struct diag *diag, enum diag_level level, const char *file, unsigned line,
              unsigned column, unsigned width, const char *source_line, const char *hint,
              const char *fmt, ...) PRINTF_LIKE(9, 10);
/* Sorted by file, line, column. */
void diag_print(struct diag *diag, FILE *out);

#endif
