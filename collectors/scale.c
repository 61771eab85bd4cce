/*
 * scale.c - from what a device sent to the value of a point.
 */
#include "collectors/scale.h"

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

static bool
is_among(const double *values, uint8_t count, double value)
{
    for (uint8_t i = 0; i < count; i++)
        if (values[i] == value || fabs(values[i] - value) <= 1e-9 * fabs(value))
            return true;
    return false;
}

enum cause
scale_apply(const struct point_source *source, const struct raw_value *raw, double *out_value)
{
    double number = number_of(raw);

    if (!isfinite(number))
        return CAUSE_NOT_A_NUMBER;
    if (is_among(source->absent_raw, source->absent_raw_count, number))
        return CAUSE_ABSENT; /* the whole word says so, before any bit of it means anything */
    if (source->mask != 0) {
        if (raw->form == RAW_REAL && (number != floor(number) || fabs(number) > 9e15))
            return CAUSE_NOT_A_NUMBER;
        uint64_t bits = raw->form == RAW_REAL ? (uint64_t)(int64_t)number : raw->u;
        number = (double)((bits >> source->shift) & source->mask);
    }
    double value = number * source->scale + source->offset;
    if (is_among(source->absent_value, source->absent_value_count, value))
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
