/*
 * journal_space.c - what lies beside journal.db for the bad day: the ballast and the mark.
 */
#include "alerts/journal_space.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/base/digest.h"

bool
journal_ballast_stands(const char *path, uint64_t bytes)
{
    struct stat status;

    /* Blocks, not length: a sparse file would be ballast of air. */
    return bytes == 0 || (stat(path, &status) == 0 && (uint64_t)status.st_size >= bytes &&
                          (uint64_t)status.st_blocks * 512 >= bytes);
}

void
journal_ballast_make(const char *path, uint64_t bytes)
{
    struct statvfs disk;
    bool is_made;
    int fd;

    if (journal_ballast_stands(path, bytes))
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    is_made = fstatvfs(fd, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize >= 2 * bytes &&
              posix_fallocate(fd, 0, (off_t)bytes) == 0;
    close(fd);
    if (!is_made)
        unlink(path); /* half of it would only take the space from the journal */
}

bool
journal_ballast_give(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_blocks > 0 && unlink(path) == 0;
}

struct mark {
    char magic[8];
    uint64_t seq;
    uint32_t crc, reserved;
};

#define MARK_MAGIC "WRmark1"

static uint32_t
mark_crc(const struct mark *mark)
{
    return checksum_crc32(mark, offsetof(struct mark, crc));
}

uint64_t
journal_mark_read(const char *path)
{
    struct mark mark;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    ssize_t got = pread(fd, &mark, sizeof mark, 0);
    close(fd);
    return got == (ssize_t)sizeof mark && memcmp(mark.magic, MARK_MAGIC, sizeof mark.magic) == 0 &&
                   mark_crc(&mark) == mark.crc
               ? mark.seq
               : 0;
}

void
journal_mark_write(const char *path, uint64_t seq)
{
    struct mark mark = {.magic = MARK_MAGIC, .seq = seq};
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return;
    mark.crc = mark_crc(&mark);
    if (pwrite(fd, &mark, sizeof mark, 0) == (ssize_t)sizeof mark)
        fdatasync(fd);
    close(fd);
}
