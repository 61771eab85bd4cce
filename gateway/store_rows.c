/*
 * store_rows.c - the samples of one RRD file that wait to be written, as rows of doubles.
 *
 * Polls come at their own phase of the step, with some jitter. Cutting at multiples of the step
 * would put two polls in one slot and none in the next whenever the phase is near a cut; so the cut
 * is laid half a step away from where the polls are seen to come.
 */
#include "gateway/store_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW_ROWS 8
#define ROWS_MAX UINT16_MAX
#define PHASE_SHARE 16 /* how slowly the phase follows */

struct row {
    int64_t time_s;
    uint32_t told; /* columns that were set; once each poll and column */
    uint32_t reserved;
    double values[];
};

static size_t
row_bytes(const struct store_rows *rows)
{
    return sizeof(struct row) + rows->columns * sizeof(double);
}

static struct row *
row_at(const struct store_rows *rows, unsigned index)
{
    return (struct row *)(void *)(rows->rows + index * row_bytes(rows));
}

void
store_rows_init(struct store_rows *rows, uint16_t columns, int64_t step_s)
{
    *rows =
        (struct store_rows){.columns = columns, .step_ms = step_s * 1000, .written_s = INT64_MIN};
}

void
store_rows_done(struct store_rows *rows)
{
    free(rows->rows);
    rows->rows = NULL;
    rows->count = rows->capacity = 0;
    rows->samples = 0;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t
slot_of(struct store_rows *rows, int64_t utc_ms)
{
    int64_t step = rows->step_ms, slot, error;

    if (rows->has_phase && rows->utc_ms == utc_ms)
        return rows->slot_s;
    if (!rows->has_phase) {
        rows->phase_ms = utc_ms - floor_div(utc_ms, step) * step;
        rows->has_phase = true;
    }
    slot = floor_div(utc_ms - rows->phase_ms + step / 2, step);
    error = utc_ms - rows->phase_ms - slot * step;
    rows->phase_ms += error / PHASE_SHARE;
    if (rows->phase_ms < -step / 2)
        rows->phase_ms += step;
    else if (rows->phase_ms > step + step / 2)
        rows->phase_ms -= step;
    rows->utc_ms = utc_ms;
    rows->slot_s = slot * (step / 1000);
    return rows->slot_s;
}

static struct row *
add_row(struct store_rows *rows, int64_t time_s)
{
    if (rows->count == rows->capacity) {
        unsigned capacity = rows->capacity + GROW_ROWS;
        char *grown;

        if (capacity > ROWS_MAX)
            return NULL;
        grown = realloc(rows->rows, capacity * row_bytes(rows));
        if (grown == NULL)
            return NULL;
        rows->rows = grown;
        rows->capacity = (uint16_t)capacity;
    }

    struct row *row = row_at(rows, rows->count++);

    *row = (struct row){.time_s = time_s};
    for (uint16_t i = 0; i < rows->columns; i++)
        row->values[i] = NAN;
    return row;
}

enum store_put
store_rows_put(struct store_rows *rows, uint16_t column, double value, int64_t utc_ms)
{
    int64_t time_s = slot_of(rows, utc_ms);
    struct row *row = rows->count == 0 ? NULL : row_at(rows, rows->count - 1u);
    enum store_put result = STORE_PUT_OK;

    if (time_s <= rows->written_s || (row != NULL && time_s < row->time_s))
        return STORE_PUT_OLD;
    if (row == NULL || time_s > row->time_s) {
        row = add_row(rows, time_s);
        if (row == NULL)
            return STORE_PUT_NOMEM;
        result = STORE_PUT_NEW_ROW;
    }
    row->values[column] = value;
    row->told++;
    rows->samples++;
    return result;
}

int64_t
store_rows_time(const struct store_rows *rows, uint16_t index)
{
    return row_at(rows, index)->time_s;
}

bool
store_rows_is_complete(const struct store_rows *rows)
{
    return rows->count > 0 && row_at(rows, rows->count - 1u)->told >= rows->columns;
}

void
store_rows_remove(struct store_rows *rows, uint16_t count, bool is_written)
{
    if (count == 0)
        return;
    if (is_written)
        rows->written_s = row_at(rows, count - 1u)->time_s;
    for (uint16_t i = 0; i < count; i++)
        rows->samples -= row_at(rows, i)->told;
    rows->count = (uint16_t)(rows->count - count);
    if (rows->count == 0) {
        store_rows_done(rows);
        return;
    }
    memmove(rows->rows, row_at(rows, count), rows->count * row_bytes(rows));
    if (rows->capacity >= rows->count + 2 * GROW_ROWS) { /* thousands of files have such a tail */
        uint16_t capacity = (uint16_t)(rows->count + GROW_ROWS);
        char *shrunk = realloc(rows->rows, capacity * row_bytes(rows));

        if (shrunk != NULL) {
            rows->rows = shrunk;
            rows->capacity = capacity;
        }
    }
}

uint16_t
store_rows_skip_to(struct store_rows *rows, int64_t last_s)
{
    uint16_t count = 0;

    while (count < rows->count && store_rows_time(rows, count) <= last_s)
        count++;
    store_rows_remove(rows, count, false);
    if (rows->written_s < last_s)
        rows->written_s = last_s;
    return count;
}

uint32_t
store_rows_samples(const struct store_rows *rows, uint16_t index)
{
    return row_at(rows, index)->told;
}

size_t
store_rows_bytes(const struct store_rows *rows)
{
    return rows->capacity * row_bytes(rows);
}

static char *
put_integer(char *out, uint64_t value)
{
    char digits[24];
    size_t length = 0;

    do
        digits[length++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (length > 0)
        *out++ = digits[--length];
    return out;
}

/* `value` with exactly `places` digits behind the point. */
static char *
put_decimal(char *out, uint64_t value, unsigned places, uint64_t power)
{
    out = put_integer(out, value / power);
    if (places == 0)
        return out;
    value %= power;
    *out++ = '.';
    for (power /= 10; power > 0; power /= 10)
        *out++ = (char)('0' + value / power % 10);
    return out;
}

/*
 * Readings are scaled integers, nearly all of them: those are written by hand, which takes a tenth
 * of the time of printf. The others (floats of a device) get all their digits from it.
 */
static char *
put_number(char *out, double value)
{
    static const struct {
        unsigned places;
        double scale;
        uint64_t power;
    } tries[] = {{0, 1, 1}, {1, 10, 10}, {3, 1000, 1000}, {6, 1e6, 1000000}};
    double size = fabs(value);

    if (!isfinite(value)) {
        *out++ = 'U';
        return out;
    }
    for (size_t i = 0; size < 1e9 && i < ARRAY_LEN(tries); i++) {
        uint64_t scaled = (uint64_t)(size * tries[i].scale + 0.5);

        if ((double)scaled / tries[i].scale != size)
            continue;
        if (value < 0)
            *out++ = '-';
        return put_decimal(out, scaled, tries[i].places, tries[i].power);
    }
    return out + snprintf(out, 26, "%.17g", value);
}

size_t
store_rows_format(const struct store_rows *rows, uint16_t index, const uint16_t *columns,
                  uint16_t source_count, char *out, size_t size)
{
    const struct row *row = row_at(rows, index);
    char *end = out;

    if (size < STORE_ROW_TEXT(source_count))
        return 0;
    if (row->time_s < 0)
        return 0;
    end = put_integer(end, (uint64_t)row->time_s);
    for (uint16_t i = 0; i < source_count; i++) {
        *end++ = ':';
        end = put_number(end, columns[i] == STORE_NO_COLUMN ? NAN : row->values[columns[i]]);
    }
    *end = '\0';
    return (size_t)(end - out);
}
