/*
 * sample.c - names of qualities and causes.
 */
#include "gateway/base/sample.h"

#include <assert.h>

static const char *const QUALITIES[] = {"good", "uncertain", "bad"};
static const char *const CAUSES[] = {"ok",         "timeout",     "refused",      "exception",
                                     "protocol",   "absent",      "out-of-range", "not-a-number",
                                     "wrong-type", "substituted", "not-yet-read"};
static_assert(ARRAY_LEN(QUALITIES) == QUALITY_COUNT, "a quality has no name");
static_assert(ARRAY_LEN(CAUSES) == CAUSE_COUNT, "a cause has no name");

const char *
quality_name(enum quality quality)
{
    return (unsigned)quality < QUALITY_COUNT ? QUALITIES[quality] : "bad";
}

const char *
cause_name(enum cause cause)
{
    return (unsigned)cause < CAUSE_COUNT ? CAUSES[cause] : "unknown";
}
