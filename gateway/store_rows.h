/*
 * store_rows.h - the samples of one RRD file that wait to be written, as rows of doubles. Pure.
 *
 * A row is one poll slot: every stamp of a poll is snapped to it, and the last value of a slot
 * wins. What was not told, or told as bad, is NAN and written as unknown.
 */
#ifndef WATCHROOM_GATEWAY_STORE_ROWS_H
#define WATCHROOM_GATEWAY_STORE_ROWS_H

#include "gateway/base/base.h"

struct store_rows {
    char *rows;        /* `count` rows of `columns` doubles, each behind a head */
    int64_t step_ms;   /* whole seconds */
    int64_t phase_ms;  /* of the polls within their slot, learned */
    int64_t written_s; /* nothing up to here is taken any more; INT64_MIN at first */
    int64_t utc_ms;    /* of the newest sample, */
    int64_t slot_s;    /* and the slot it fell into: those of one answer share it */
    uint32_t samples;  /* told in all rows */
    uint16_t columns;
    uint16_t count, capacity;
    bool has_phase;
};

enum store_put {
    STORE_PUT_OK,
    STORE_PUT_NEW_ROW, /* taken, and a new slot begun with it */
    STORE_PUT_OLD,     /* its slot is written, or older than the newest */
    STORE_PUT_NOMEM,
};

void store_rows_init(struct store_rows *rows, uint16_t columns, int64_t step_s);
void store_rows_done(struct store_rows *rows);

enum store_put store_rows_put(struct store_rows *rows, uint16_t column, double value,
                              int64_t utc_ms);

/* Time of row `index`, a multiple of the step. */
int64_t store_rows_time(const struct store_rows *rows, uint16_t index);
/* Every column of the newest row was told. */
bool store_rows_is_complete(const struct store_rows *rows);

/* Forget the `count` oldest; with `is_written` their times are remembered as written. Memory is
 * given back when none is left. */
void store_rows_remove(struct store_rows *rows, uint16_t count, bool is_written);
/* Forget rows up to `last_s`, which are in the file already. Returns how many. */
uint16_t store_rows_skip_to(struct store_rows *rows, int64_t last_s);

/* Samples in a row that were told. */
uint32_t store_rows_samples(const struct store_rows *rows, uint16_t index);
size_t store_rows_bytes(const struct store_rows *rows);

/*
 * "<time>:<value>:<value>..." for `source_count` data sources, of which source k is column
 * `columns[k]`, or unknown when that is STORE_NO_COLUMN. Returns the length, 0 when `size` is too
 * small: STORE_ROW_TEXT(source_count) is enough.
 */
#define STORE_NO_COLUMN UINT16_MAX
#define STORE_ROW_TEXT(sources) (24u + 27u * (size_t)(sources))
size_t store_rows_format(const struct store_rows *rows, uint16_t index, const uint16_t *columns,
                         uint16_t source_count, char *out, size_t size);

#endif
