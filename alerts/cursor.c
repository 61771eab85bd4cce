/*
 * cursor.c - up to which journal row the broker has confirmed.
 */
#include "alerts/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/digest.h"
#include "gateway/base/text.h"

#define SLOT_BYTES 512    /* a sector: a torn write harms one slot */
#define MAGIC 0x43525257u /* "WRRC" */

struct slot {
    uint32_t magic;
    uint32_t crc; /* of what follows */
    uint64_t counter;
    uint64_t seq;
    char jid[32];
};

static uint32_t
crc_of(const struct slot *slot)
{
    return checksum_crc32(&slot->counter, sizeof *slot - offsetof(struct slot, counter));
}

static bool
read_slot(int fd, unsigned index, struct slot *out_slot)
{
    struct slot slot;

    if (pread(fd, &slot, sizeof slot, (off_t)(index * SLOT_BYTES)) != (ssize_t)sizeof slot ||
        slot.magic != MAGIC || slot.crc != crc_of(&slot))
        return false;
    slot.jid[sizeof slot.jid - 1] = '\0';
    if (!ulid_is_valid(slot.jid))
        return false;
    *out_slot = slot;
    return true;
}

static enum err_code
open_file(struct cursor *cursor, const char *state_dir, int flags, struct err *err)
{
    char path[PATH_MAX];

    *cursor = (struct cursor){.fd = -1};
    if ((size_t)snprintf(path, sizeof path, "%s/courier.cursor", state_dir) >= sizeof path)
        return err_set(err, ERR_CONFIG, "path too long");
    cursor->fd = open(path, flags | O_CLOEXEC, 0640);
    if (cursor->fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

static void
read_newer_slot(struct cursor *cursor)
{
    struct slot slot;

    for (unsigned i = 0; i < 2; i++)
        if (read_slot(cursor->fd, i, &slot) && slot.counter >= cursor->counter) {
            cursor->counter = slot.counter;
            cursor->seq = slot.seq;
            memcpy(cursor->jid, slot.jid, sizeof cursor->jid);
            cursor->jid[26] = '\0';
        }
}

enum err_code
cursor_open(struct cursor *cursor, const char *state_dir, struct err *err)
{
    enum err_code code = open_file(cursor, state_dir, O_RDWR | O_CREAT, err);

    if (code != ERR_OK)
        return code;
    /* Its blocks are taken now: a disk that is full later still takes the position. */
    (void)posix_fallocate(cursor->fd, 0, 2 * SLOT_BYTES);
    read_newer_slot(cursor);
    return ERR_OK;
}

uint64_t
cursor_peek(const char *state_dir, const char *jid)
{
    struct cursor cursor;
    struct err err;

    if (open_file(&cursor, state_dir, O_RDONLY, &err) != ERR_OK)
        return 0;
    read_newer_slot(&cursor);
    cursor_close(&cursor);
    return strcmp(cursor.jid, jid) == 0 ? cursor.seq : 0;
}

void
cursor_close(struct cursor *cursor)
{
    if (cursor->fd >= 0)
        close(cursor->fd);
    cursor->fd = -1;
}

enum err_code
cursor_save(struct cursor *cursor, const char *jid, uint64_t seq, struct err *err)
{
    struct slot slot;

    memset(&slot, 0, sizeof slot); /* padding is part of the checksum */
    slot.magic = MAGIC;
    slot.counter = cursor->counter + 1;
    slot.seq = seq;
    text_copy(slot.jid, sizeof slot.jid, jid);
    slot.crc = crc_of(&slot);
    if (pwrite(cursor->fd, &slot, sizeof slot, (off_t)(slot.counter % 2 * SLOT_BYTES)) !=
            (ssize_t)sizeof slot ||
        fdatasync(cursor->fd) != 0)
        return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "courier.cursor: %s",
                       strerror(errno));
    cursor->counter = slot.counter;
    cursor->seq = seq;
    text_copy(cursor->jid, sizeof cursor->jid, jid);
    return ERR_OK;
}
