/*
 * notify_files.h - the files of TLS, as the next handshake will find them.
 *
 * They may change under a running gateway (a rotation), so they are looked at before each attempt
 * to connect, and now and then while a session lasts: it outlives its certificate, and the day it
 * ends for another reason is too late to notice.
 */
#ifndef WATCHROOM_ALERTS_NOTIFY_FILES_H
#define WATCHROOM_ALERTS_NOTIFY_FILES_H

#include "alerts/courier.h"
#include "gateway/base/err.h"

struct notify_files {
    int64_t looked_ms;   /* monotonic; 0: never */
    char complaint[176]; /* "": none */
};

/* Can a handshake work with them? Dates do not count: whose clock is right is not known here. */
enum err_code notify_files_check(struct notify_files *files, const struct courier_params *params,
                                 struct err *err) MUST_CHECK;

/* What somebody should do something about within days; NULL: nothing. Looks at most once an hour,
 * logs what is new. */
const char *notify_files_complaint(struct notify_files *files, const struct courier_params *params);

#endif
