/*
 * journal_file.c - finds journal.db, makes it, or moves an unsound one out of the way.
 *
 * A new journal is made under another name and renamed when it is whole. An empty or half-made
 * journal.db therefore is never ours, and is quarantined like any other unsound file.
 */
#include "alerts/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"

#define NAME_MAX_BYTES (JOURNAL_PATH_MAX + 64)

static const char *const COMPANIONS[] = {"-wal", "-shm", "-journal"};

static bool
exists(const char *path, const char *suffix)
{
    char name[NAME_MAX_BYTES + 16];
    struct stat status;

    snprintf(name, sizeof name, "%s%s", path, suffix);
    return lstat(name, &status) == 0;
}

/* A rename is on disk once its directory is. */
static void
sync_directory_of(const char *path)
{
    char directory[JOURNAL_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;

    if (slash == NULL || (size_t)(slash - path) >= sizeof directory)
        return;
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = '\0';
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static enum err_code
quarantine(const char *path, int64_t utc_ms, const char *reason, struct journal_open_result *result,
           struct err *err)
{
    char target[NAME_MAX_BYTES], from[NAME_MAX_BYTES], to[NAME_MAX_BYTES + 16], when[24];
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm tm;
    int used;

    if (gmtime_r(&seconds, &tm) == NULL || strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
        snprintf(when, sizeof when, "unknown");
    used = snprintf(target, sizeof target, "%s.quarantine-%s", path, when);
    for (unsigned n = 2; exists(target, "") || exists(target, "-wal"); n++)
        snprintf(target + used, sizeof target - (size_t)used, "-%u", n);
    if (exists(path, "") && rename(path, target) != 0)
        return err_set(err, ERR_IO, "cannot move %s away: %s", path, strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(COMPANIONS); i++) {
        snprintf(from, sizeof from, "%s%s", path, COMPANIONS[i]);
        snprintf(to, sizeof to, "%s%s", target, COMPANIONS[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return err_set(err, ERR_IO, "cannot move %s away: %s", from, strerror(errno));
    }
    snprintf(from, sizeof from, "%s.corrupt", path);
    unlink(from);
    sync_directory_of(path);
    text_copy(result->quarantined, sizeof result->quarantined, target);
    text_copy(result->quarantine_reason, sizeof result->quarantine_reason, reason);
    return ERR_OK;
}

static enum err_code
make_new(const char *path, const char *site, int64_t utc_ms, struct err *err)
{
    char fresh[NAME_MAX_BYTES], rollback[NAME_MAX_BYTES + 16], id[27];
    enum err_code code;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    snprintf(rollback, sizeof rollback, "%s-journal", fresh);
    unlink(fresh);
    unlink(rollback);
    ulid_make(utc_ms, id);
    code = journal_db_create(fresh, id, site, utc_ms, err);
    if (code == ERR_OK && rename(fresh, path) != 0)
        code = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (code == ERR_OK)
        sync_directory_of(path);
    else
        unlink(fresh);
    return code;
}

/* Why the file must not be opened at all; false: it may. */
static bool
is_condemned(const char *path, char *reason, size_t size)
{
    char name[NAME_MAX_BYTES];
    struct stat status;
    int fd;

    snprintf(name, sizeof name, "%s.corrupt", path);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, reason, size - 1);

        reason[got > 0 ? got : 0] = '\0';
        close(fd);
        return true;
    }
    if (lstat(path, &status) == 0) {
        if (!S_ISREG(status.st_mode))
            snprintf(reason, size, "not a regular file");
        else if (status.st_size == 0)
            snprintf(reason, size, "the file is empty");
        return !S_ISREG(status.st_mode) || status.st_size == 0;
    }
    /* Rows without their file: SQLite would put them into a new one, under a new id. */
    snprintf(reason, size, "journal.db is gone, its -wal is there");
    return exists(path, "-wal");
}

enum err_code
journal_file_open(const char *path, const char *site, int64_t utc_ms, struct journal_db **out_db,
                  struct journal_db_head *out_head, struct journal_open_result *out_result,
                  struct err *err)
{
    struct journal_open_result result = {0};
    char reason[200] = "";
    struct err cause;
    enum err_code code;

    if (is_condemned(path, reason, sizeof reason)) {
        code = quarantine(path, utc_ms, reason, &result, err);
        if (code != ERR_OK)
            return code;
    }
    if (exists(path, "")) {
        code = journal_db_open(path, out_db, out_head, &cause);
        if (code == ERR_OK) {
            *out_result = result;
            return ERR_OK;
        }
        if (code != ERR_CORRUPT)
            return err_set(err, code, "%s: %s", path, cause.text);
        code = quarantine(path, utc_ms, cause.text, &result, err);
        if (code != ERR_OK)
            return code;
    }
    code = make_new(path, site, utc_ms, err);
    if (code == ERR_OK)
        code = journal_db_open(path, out_db, out_head, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "new journal");
    result.is_new = true;
    *out_result = result;
    return ERR_OK;
}

void
journal_file_condemn(const char *path, const char *reason)
{
    char name[NAME_MAX_BYTES];
    int fd;

    snprintf(name, sizeof name, "%s.corrupt", path);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    if (write(fd, reason, strlen(reason)) > 0)
        fsync(fd);
    close(fd);
}
