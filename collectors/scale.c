/*
 * scale.c - from what a device sent to the value of a point.
 */
#include "collectors/scale.h"

#include <float.h>
#include <math.h>
#include <strings.h>

static double
number_of(const struct raw_value *raw)
{
    switch (raw->form) {
    case RAW_UNSIGNED:
        return (double)raw->u;
    case RAW_SIGNED:
        return (double)raw->s;
    case RAW_REAL:
        break;
    }
    return raw->real;
}

/* `slack` is relative: reals lose digits on their way, integers do not. */
static bool
is_among(const double *values, uint8_t count, double value, double slack)
{
    for (uint8_t i = 0; i < count; i++)
        if (values[i] == value || fabs(values[i] - value) <= slack * fabs(value))
            return true;
    return false;
}

/* Exact beyond 2^53, too: a double that rounds up to 2^64 or 2^63 stands for the last integer. */
static bool
is_integer(double sentinel, const struct raw_value *raw)
{
    if (sentinel != floor(sentinel))
        return false;
    if (raw->form == RAW_SIGNED) {
        if (sentinel >= 0x1p63)
            return sentinel == 0x1p63 && raw->s == INT64_MAX;
        return sentinel >= -0x1p63 && (int64_t)sentinel == raw->s;
    }
    if (sentinel >= 0x1p64)
        return sentinel == 0x1p64 && raw->u == UINT64_MAX;
    return sentinel >= 0 && (uint64_t)sentinel == raw->u;
}

/* False: a real that has no bits. */
static bool
bits_of(const struct raw_value *raw, uint64_t *out_bits)
{
    if (raw->form != RAW_REAL) {
        *out_bits = raw->u;
        return true;
    }
    if (raw->real != floor(raw->real) || fabs(raw->real) > 0x1p53)
        return false;
    *out_bits = (uint64_t)(int64_t)raw->real;
    return true;
}

bool
scale_is_absent_raw(const struct point_source *source, const struct raw_value *raw)
{
    struct raw_value field = {.form = RAW_UNSIGNED};
    bool has_field = source->mask != 0 && bits_of(raw, &field.u);

    field.u = field.u >> (source->shift & 63) & source->mask;
    for (uint8_t i = 0; i < source->absent_raw_count; i++) {
        double sentinel = source->absent_raw[i];

        if (has_field && sentinel >= 0 && sentinel <= (double)source->mask) {
            if (is_integer(sentinel, &field))
                return true;
        } else if (raw->form == RAW_REAL ? is_among(&sentinel, 1, raw->real, FLT_EPSILON)
                                         : is_integer(sentinel, raw)) {
            return true;
        }
    }
    return false;
}

enum cause
scale_apply(const struct point_source *source, const struct raw_value *raw, double *out_value)
{
    double number = number_of(raw);
    uint64_t bits;

    if (!isfinite(number))
        return CAUSE_NOT_A_NUMBER;
    if (source->absent_raw_count > 0 && scale_is_absent_raw(source, raw))
        return CAUSE_ABSENT;
    if (source->mask != 0) {
        if (!bits_of(raw, &bits))
            return CAUSE_NOT_A_NUMBER;
        number = (double)(bits >> (source->shift & 63) & source->mask);
    }
    double value = number * source->scale + source->offset;
    if (!isfinite(value))
        return CAUSE_NOT_A_NUMBER;
    if (is_among(source->absent_value, source->absent_value_count, value,
                 raw->form == RAW_REAL ? FLT_EPSILON : 1e-9))
        return CAUSE_ABSENT;
    if (source->valid_min < source->valid_max &&
        (value < source->valid_min || value > source->valid_max))
        return CAUSE_OUT_OF_RANGE;
    *out_value = value;
    return CAUSE_OK;
}

bool
scale_is_absent_text(const struct point_source *source, const char *text)
{
    static const char *const WORDS[] = {"",     "-",    "--",      "NA",           "N/A",
                                        "NULL", "none", "unknown", "not available"};

    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (strcasecmp(text, WORDS[i]) == 0)
            return true;
    for (uint8_t i = 0; i < source->absent_text_count; i++)
        if (strcasecmp(text, source->absent_texts[i]) == 0)
            return true;
    return false;
}
