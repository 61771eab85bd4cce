/*
 * json.h - jansson, and the one canonical form that is hashed and published.
 */
#ifndef WATCHROOM_BASE_JSON_H
#define WATCHROOM_BASE_JSON_H

#include <jansson.h>

#include "gateway/base/base.h"

/*
 * Canonical form: keys sorted by bytes, no blanks, UTF-8 as it is, integers as they are, reals with
 * 12 significant digits, so that a scaled reading shows as 23.4 (jansson's JSON_SORT_KEYS,
 * JSON_COMPACT, JSON_REAL_PRECISION). The caller frees with free(). NULL when out of memory.
 */
char *json_canonical(const json_t *value);

/* Parse at most `length` bytes, objects only, nesting and duplicates refused by jansson; NULL with
 * a reason in `reason` (may be NULL). Strings with NUL bytes are refused. */
json_t *json_parse_object(const char *text, size_t length, char *reason, size_t reason_size);

/* Member as a string or `fallback`; borrowed from `object`. */
const char *json_text_or(const json_t *object, const char *key, const char *fallback);
int64_t json_int_or(const json_t *object, const char *key, int64_t fallback);

/* A finite number as integer when it is one, else as real; null when not finite. */
json_t *json_number_of(double value);

#endif
