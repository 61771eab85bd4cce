/*
 * err.h - error codes, and the sentence that goes with one.
 *
 * The failing line says what, each caller prefixes who, the top decides and logs once. A function
 * that fails leaves its outputs untouched.
 */
#ifndef WATCHROOM_BASE_ERR_H
#define WATCHROOM_BASE_ERR_H

#include "gateway/base/base.h"

enum err_code {
    ERR_OK,
    ERR_CONFIG,    /* a file or an option is wrong */
    ERR_PROTOCOL,  /* a peer broke its protocol */
    ERR_TIMEOUT,   /* no answer in time */
    ERR_REFUSED,   /* a peer said no, or nobody listens there */
    ERR_ABSENT,    /* the value does not exist on this device */
    ERR_IO,        /* the operating system failed us */
    ERR_FULL,      /* a bounded thing is full: disk, queue, table */
    ERR_NOMEM,     /* out of memory */
    ERR_RANGE,     /* a number outside its allowed range */
    ERR_DENIED,    /* the caller may not do this */
    ERR_NOT_FOUND, /* no such name */
    ERR_BUSY,      /* try again later */
    ERR_CORRUPT,   /* stored bytes are not what was written */
    ERR_CODE_COUNT,
};

struct err {
    enum err_code code;
    char text[320];
};

/* "config", "protocol" ...; never NULL. */
const char *err_name(enum err_code code);

/* Set the text, return `code`. `err` may be NULL: then only the code is returned. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "<who>: " before the text, return `code`. Cuts at the end when it grows too long. */
enum err_code err_prefix(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
