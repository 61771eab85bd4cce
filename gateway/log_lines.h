/*
 * log_lines.h - one row of the journal as one line for people, by its kind.
 */
#ifndef WATCHROOM_GATEWAY_LOG_LINES_H
#define WATCHROOM_GATEWAY_LOG_LINES_H

#include "gateway/base/json.h"

/* The kinds that are known, in the order of the alphabet; NULL-terminated. */
extern const char *const LOG_LINES_KINDS[];

/* The words of a row beyond its time and kind; a kind that is not known gives its members as JSON.
 * Always ends with NUL, cut where it must be. */
void log_lines_describe(const char *kind, const json_t *body, char *out, size_t size);

#endif
