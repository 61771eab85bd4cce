/*
 * certificate.h - is a certificate fit to be shown to a peer (OpenSSL)?
 *
 * The library that shows it only says that there is no connection.
 */
#ifndef WATCHROOM_BASE_CERTIFICATE_H
#define WATCHROOM_BASE_CERTIFICATE_H

#include "gateway/base/err.h"

/* Can the file be read as a certificate, and the other as its key? Files in PEM; a key with a
 * passphrase cannot be read. Dates are not judged. `key` NULL: an authority's, without key. */
enum err_code certificate_check(const char *certificate, const char *key, int64_t *out_begins_s,
                                int64_t *out_ends_s, struct err *err) MUST_CHECK;

/* Whose it is: its common name; the broker takes it for the user's. At most ID_MAX - 1 bytes. */
enum err_code certificate_name(const char *certificate, char out_name[ID_MAX],
                               struct err *err) MUST_CHECK;

#endif
