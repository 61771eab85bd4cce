/*
 * log.c - one line per fact on stderr, in one write so that lines of several processes stay whole.
 */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *process_name = "watchroom";
static enum log_level max_level = LOG_LEVEL_INFO;

/* sd-daemon(3) priorities. */
static const int PRIORITIES[] = {
    [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7};
static const char *const WORDS[] = {[LOG_LEVEL_ERROR] = "error",
                                    [LOG_LEVEL_WARNING] = "warning",
                                    [LOG_LEVEL_INFO] = "info",
                                    [LOG_LEVEL_DEBUG] = "debug"};

void
log_init(const char *process, enum log_level max)
{
    process_name = process;
    max_level = max;
}

enum log_level
log_level(void)
{
    return max_level;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
    char line[1024];
    size_t used;
    va_list args;

    if (level > max_level)
        return;
    if (getenv("JOURNAL_STREAM") != NULL) {
        used = (size_t)snprintf(line, sizeof line, "<%d>%s: ", PRIORITIES[level], process_name);
    } else {
        struct timespec now;
        struct tm tm;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
        used += (size_t)snprintf(line + used, sizeof line - used,
                                 ".%03ldZ %s[%d] %s: ", now.tv_nsec / 1000000, process_name,
                                 (int)getpid(), WORDS[level]);
    }
    va_start(args, fmt);
    int body = vsnprintf(line + used, sizeof line - used - 1, fmt, args);
    va_end(args);
    if (body < 0)
        return;
    used += (size_t)body < sizeof line - used - 1 ? (size_t)body : sizeof line - used - 2;
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}
