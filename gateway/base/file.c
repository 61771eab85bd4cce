/*
 * file.c - whole files, and texts kept under their hash.
 */
#include "gateway/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code
file_read(const char *path, size_t max, char **out_text, size_t *out_bytes, struct err *err)
{
    size_t room = 16384, bytes = 0;
    char *text = malloc(room);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code code = ERR_OK;

    if (fd < 0)
        code =
            err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    else if (text == NULL)
        code = err_set(err, ERR_NOMEM, "out of memory");
    while (code == ERR_OK) {
        ssize_t got = read(fd, text + bytes, room - bytes - 1);

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            code = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        bytes += got > 0 ? (size_t)got : 0;
        if (bytes > max)
            code = err_set(err, ERR_RANGE, "%s: larger than %zu bytes", path, max);
        else if (bytes + 1 == room) {
            char *grown = realloc(text, room *= 2);

            if (grown == NULL)
                code = err_set(err, ERR_NOMEM, "out of memory");
            else
                text = grown;
        }
    }
    if (fd >= 0)
        close(fd);
    if (code != ERR_OK) {
        free(text);
        return code;
    }
    text[bytes] = '\0';
    *out_text = text;
    *out_bytes = bytes;
    return ERR_OK;
}

static bool
write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* The name in its folder, on disk, too. Not every file system can; none of ours is one of those. */
static void
sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;

    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* `like` NULL: whoever we are. The owner comes before the mode, which he might lose with it. */
static enum err_code
write_file(const char *path, const struct stat *like, mode_t mode, const void *bytes, size_t length,
           struct err *err)
{
    char made[PATH_MAX];
    int fd, cause = 0;

    if (snprintf(made, sizeof made, "%s.new-XXXXXX", path) >= (int)sizeof made)
        return err_set(err, ERR_RANGE, "%s: path too long", path);
    fd = mkostemp(made, O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    bool is_other = like != NULL && (like->st_uid != geteuid() || like->st_gid != getegid());
    if ((is_other && fchown(fd, like->st_uid, like->st_gid) != 0) || fchmod(fd, mode) != 0 ||
        !write_all(fd, bytes, length) || fsync(fd) != 0)
        cause = errno;
    if (close(fd) != 0 && cause == 0)
        cause = errno;
    if (cause == 0 && rename(made, path) != 0)
        cause = errno;
    if (cause != 0) {
        unlink(made);
        return err_set(err, cause == ENOSPC || cause == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s", path,
                       strerror(cause));
    }
    sync_folder_of(path);
    return ERR_OK;
}

enum err_code
file_write(const char *path, mode_t mode, const void *bytes, size_t length, struct err *err)
{
    return write_file(path, NULL, mode, bytes, length, err);
}

enum err_code
file_replace(const char *path, const struct stat *like, const void *bytes, size_t length,
             struct err *err)
{
    return write_file(path, like, like->st_mode & 07777, bytes, length, err);
}

bool
kept_is_name(const char *name)
{
    return strlen(name) == DIGEST_HEX - 1 &&
           strspn(name, "0123456789abcdef") == (size_t)DIGEST_HEX - 1;
}

enum err_code
kept_write(const char *folder, const void *bytes, size_t length, char out_hex[DIGEST_HEX],
           struct err *err)
{
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX], path[PATH_MAX], *there = NULL;
    size_t there_bytes = 0;
    enum err_code code = ERR_OK;

    if (length > KEPT_BYTES_MAX)
        return err_set(err, ERR_RANGE, "too large to be kept");
    if (!digest_sha256(bytes, length, digest))
        return err_set(err, ERR_NOMEM, "out of memory");
    digest_hex(digest, hex);
    if (snprintf(path, sizeof path, "%s/%s", folder, hex) >= (int)sizeof path)
        return err_set(err, ERR_RANGE, "%s: path too long", folder);
    if (kept_read(folder, hex, &there, &there_bytes, NULL) != ERR_OK)
        code = file_write(path, 0640, bytes, length, err);
    else if (utimensat(AT_FDCWD, path, NULL, 0) != 0)
        code = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    free(there);
    if (code == ERR_OK)
        memcpy(out_hex, hex, sizeof hex);
    return code;
}

enum err_code
kept_read(const char *folder, const char *hex, char **out_text, size_t *out_bytes, struct err *err)
{
    uint8_t digest[DIGEST_BYTES];
    char path[PATH_MAX], found[DIGEST_HEX], *text = NULL;
    size_t bytes = 0;

    if (!kept_is_name(hex) || snprintf(path, sizeof path, "%s/%s", folder, hex) >= (int)sizeof path)
        return err_set(err, ERR_NOT_FOUND, "%.80s is no hash", hex);
    enum err_code code = file_read(path, KEPT_BYTES_MAX, &text, &bytes, err);
    if (code == ERR_RANGE)
        return err_set(err, ERR_CORRUPT, "%s is not what was kept: too large", path);
    if (code != ERR_OK)
        return code;
    if (!digest_sha256(text, bytes, digest)) {
        free(text);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    digest_hex(digest, found);
    if (strcmp(found, hex) != 0) {
        free(text);
        return err_set(err, ERR_CORRUPT, "%s is not what was kept: it has been altered", path);
    }
    *out_text = text;
    *out_bytes = bytes;
    return ERR_OK;
}
