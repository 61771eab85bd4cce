/*
 * log.h - one line per fact on stderr.
 *
 * With the journal behind stderr (JOURNAL_STREAM set) lines carry the <N> prefix of sd-daemon(3);
 * otherwise the time. A process names itself once after its fork. Nothing here allocates or blocks
 * beyond the write itself.
 */
#ifndef WATCHROOM_BASE_LOG_H
#define WATCHROOM_BASE_LOG_H

#include "gateway/base/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `process` is borrowed for ever. */
void log_init(const char *process, enum log_level max);
enum log_level log_level(void); /* the present maximum */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
