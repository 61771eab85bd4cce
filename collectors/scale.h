/*
 * scale.h - from what a device sent to the value of a point: the same for every protocol. Pure.
 */
#ifndef WATCHROOM_COLLECTORS_SCALE_H
#define WATCHROOM_COLLECTORS_SCALE_H

#include "collectors/collect.h"

enum raw_form { RAW_UNSIGNED, RAW_SIGNED, RAW_REAL };

/* A number as it came: integers keep their 64 bits, so that masks and sentinels are exact. */
struct raw_value {
    enum raw_form form;
    union {
        uint64_t u;
        int64_t s;
        double real;
    };
};

/*
 * raw -> (raw >> shift) & mask, when there is a mask -> absent_raw -> scale, offset -> absent_value
 * -> plausible range. CAUSE_OK and a value; CAUSE_ABSENT, CAUSE_OUT_OF_RANGE, CAUSE_NOT_A_NUMBER.
 *
 * A sentinel that does not fit into the mask means the whole word: 0xFFFF says of each single bit
 * that there is none, while 15 in a mask of 15 is the field's own.
 */
enum cause scale_apply(const struct point_source *source, const struct raw_value *raw,
                       double *out_value);

/* The step absent_raw of the above alone, for a number that could be read in two ways. */
bool scale_is_absent_raw(const struct point_source *source, const struct raw_value *raw);

/* Is this text, trimmed, one of the words with which devices say "no value": "NA", "-", "unknown"
 * ... or one of the source's own? Case does not matter. */
bool scale_is_absent_text(const struct point_source *source, const char *text);

#endif
