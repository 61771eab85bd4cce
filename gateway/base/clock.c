/*
 * clock.c - the only place that reads a clock.
 */
#include "gateway/base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t
milliseconds(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct stamp
clock_now(void)
{
    return (struct stamp){milliseconds(CLOCK_REALTIME), milliseconds(CLOCK_MONOTONIC)};
}

int64_t
clock_mono_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum clock_state
clock_sync_state(void)
{
    struct timex query = {0};
    int state = adjtimex(&query);

    if (state >= 0 && state != TIME_ERROR && (query.status & STA_UNSYNC) == 0)
        return CLOCK_STATE_SYNC;
    /* STA_UNSYNC is set at boot and again when the discipline stops; a frequency that was ever
     * learned tells the two apart. */
    return query.freq != 0 ? CLOCK_STATE_HOLDOVER : CLOCK_STATE_UNSYNC;
}

const char *
clock_state_name(enum clock_state state)
{
    switch (state) {
    case CLOCK_STATE_SYNC:
        return "sync";
    case CLOCK_STATE_HOLDOVER:
        return "holdover";
    case CLOCK_STATE_UNSYNC:
        return "unsync";
    }
    return "unsync";
}

void
clock_boot_id(char out_id[37])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out_id, 36) : -1;

    if (fd >= 0)
        close(fd);
    if (got != 36)
        memcpy(out_id, "unknown", 8);
    else
        out_id[36] = '\0';
}

void
clock_format_utc(int64_t utc_ms, char *out, size_t size)
{
    int64_t millis = utc_ms % 1000;
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm tm;
    char head[24];

    if (millis < 0) {
        millis += 1000;
        seconds--;
    }
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(out, size, "invalid");
    else
        snprintf(out, size, "%s.%03dZ", head, (int)millis);
}
