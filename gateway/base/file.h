/*
 * file.h - whole files: read into memory, written so that they appear whole or not at all; and
 * texts kept under the SHA-256 of what is in them.
 *
 * Blocking.
 */
#ifndef WATCHROOM_BASE_FILE_H
#define WATCHROOM_BASE_FILE_H

#include <sys/types.h>

#include "gateway/base/digest.h"
#include "gateway/base/err.h"

/* Gives the file with a NUL behind it; the caller frees. ERR_NOT_FOUND, ERR_IO; ERR_RANGE: it has
 * more than `max` bytes. */
enum err_code file_read(const char *path, size_t max, char **out_text, size_t *out_bytes,
                        struct err *err) MUST_CHECK;

/* Writes beside `path`, syncs, renames over it, syncs the folder: a power cut leaves the old one or
 * the new one. */
enum err_code file_write(const char *path, mode_t mode, const void *bytes, size_t length,
                         struct err *err) MUST_CHECK;

/* The same in the place of a file that has mode, owner and group `like`. */
struct stat;
enum err_code file_replace(const char *path, const struct stat *like, const void *bytes,
                           size_t length, struct err *err) MUST_CHECK;

/*
 * Keeps a text as <folder>/<SHA-256>, mode 0640, and names it. One that is there and sound stays as
 * it is, but counts as written now.
 */
enum err_code kept_write(const char *folder, const void *bytes, size_t length,
                         char out_hex[DIGEST_HEX], struct err *err) MUST_CHECK;

/* ERR_NOT_FOUND; ERR_CORRUPT: what is there is not what was kept. */
enum err_code kept_read(const char *folder, const char *hex, char **out_text, size_t *out_bytes,
                        struct err *err) MUST_CHECK;

/* 64 lower-case hex digits? */
bool kept_is_name(const char *name);

#define KEPT_BYTES_MAX ((size_t)33 * 1024 * 1024)

#endif
