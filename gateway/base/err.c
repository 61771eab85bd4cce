/*
 * err.c - error codes and their sentences.
 */
#include "gateway/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[] = {
    [ERR_OK] = "ok",           [ERR_CONFIG] = "config",   [ERR_PROTOCOL] = "protocol",
    [ERR_TIMEOUT] = "timeout", [ERR_REFUSED] = "refused", [ERR_ABSENT] = "absent",
    [ERR_IO] = "io",           [ERR_FULL] = "full",       [ERR_NOMEM] = "out-of-memory",
    [ERR_RANGE] = "range",     [ERR_DENIED] = "denied",   [ERR_NOT_FOUND] = "not-found",
    [ERR_BUSY] = "busy",       [ERR_CORRUPT] = "corrupt",
};
static_assert(ARRAY_LEN(NAMES) == ERR_CODE_COUNT, "an error code has no name");

const char *
err_name(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? NAMES[code] : "unknown";
}

enum err_code
err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return code;
}

enum err_code
err_prefix(struct err *err, enum err_code code, const char *fmt, ...)
{
    char who[sizeof err->text];
    char what[sizeof err->text];
    va_list args;

    if (err == NULL)
        return code;
    va_start(args, fmt);
    vsnprintf(who, sizeof who, fmt, args);
    va_end(args);
    memcpy(what, err->text, sizeof what);
    err->code = code;
    if (snprintf(err->text, sizeof err->text, "%s: %s", who, what) >= (int)sizeof err->text)
        memcpy(err->text + sizeof err->text - 4, "...", 4);
    return code;
}
