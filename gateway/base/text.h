/*
 * text.h - checked text: ids, strict numbers, bounded building, "did you mean".
 */
#ifndef WATCHROOM_BASE_TEXT_H
#define WATCHROOM_BASE_TEXT_H

#include "gateway/base/base.h"

/* [a-z0-9._-]+ with at most ID_MAX - 1 bytes: what may become a topic level and a file name.
 * "." and ".." are refused. */
bool text_is_id(const char *text);
/* The name of a point: as text_is_id, and phases may be called L1, L2, L3 as they are everywhere. */
bool text_is_point(const char *text);
/* ids joined by '/', e.g. "power/gen-1/start-failure". */
bool text_is_path(const char *text);

/* The whole text as a decimal integer (no sign '+', no leading zero, no blank) in [min, max]. */
bool text_parse_int(const char *text, int64_t min, int64_t max, int64_t *out_value);
/* The whole text as a finite decimal number (no hex, no nan, no inf, no blank). */
bool text_parse_number(const char *text, double *out_value);

/* "30s", "5m", "2h", "400d", "500ms", or a bare "0"; in milliseconds. */
bool text_parse_duration_ms(const char *text, int64_t *out_ms);
/* The shortest exact writing of it: 90000 -> "90s"; `out` at least 24 bytes. */
void text_format_duration(int64_t ms, char *out, size_t size);

/* Levenshtein distance, capped at `cap` + 1. */
unsigned text_distance(const char *a, const char *b, unsigned cap);
/* The candidate nearest to `word` (at most 2 edits, or a third of its length), else NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* Copies with truncation; always ends with NUL; returns false when it was cut. */
bool text_copy(char *out, size_t size, const char *text);
/* True when `text` is well-formed UTF-8 (RFC 3629) without control bytes but TAB. */
bool text_is_clean_utf8(const char *text, size_t length);
/* A copy that is clean: each bad byte becomes '?'. */
void text_clean(char *out, size_t size, const void *bytes, size_t length);

/* A growing text. `failed` is set once memory ran out or `limit` was hit, and stays. */
struct text_buf {
    char *data; /* always NUL-terminated once something was added */
    size_t length, capacity, limit;
    bool failed;
};
void text_buf_init(struct text_buf *buf, size_t limit);
void text_buf_add(struct text_buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_buf_add_bytes(struct text_buf *buf, const void *bytes, size_t length);
void text_buf_reset(struct text_buf *buf);
void text_buf_done(struct text_buf *buf);

#endif
