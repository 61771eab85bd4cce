/*
 * store_cached.c - RRD updates through rrdcached, by its text protocol on a UNIX socket.
 *
 * librrd's own client blocks for ever on a stopped daemon and never reconnects, so the protocol is
 * spoken here. One batch of one file is one BATCH block that ends with a FLUSH: its "0 errors" says
 * that the rows are in the file and not only in the memory of a daemon, whose own journal is not
 * synced to disk. Each row has its own UPDATE, as one past time ends a line of several.
 */
#include "gateway/store_cached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define JOBS_MAX 16                   /* batches under way */
#define OUT_MAX ((size_t)1024 * 1024) /* bytes not yet taken by the daemon */
#define COMMAND_MAX 4000              /* rrdcached reads lines of 4096 */
#define LINE_MAX_BYTES 4096
#define ANSWER_S 10. /* a daemon that says nothing for so long is given up */
#define RECONNECT_FIRST_S 1.
#define RECONNECT_MAX_S 30.
#define PATH_BYTES 2048
#define REASON_BYTES 200

struct job {
    uint32_t file, ticket;
    unsigned ignored; /* results of the first lines that do not matter */
    enum err_code code;
    char reason[REASON_BYTES];
};

struct store_cached {
    struct ev_loop *loop;
    struct sockaddr_un address;
    ev_io io;
    ev_timer timer; /* an answer is due, or the next try to connect */
    double reconnect_s;
    int fd;
    bool is_connected;
    bool was_told; /* the loss of the daemon is in the log */
    store_cached_result *on_result;
    void *ctx;
    struct job jobs[JOBS_MAX]; /* a ring: the answers come in order */
    unsigned first_job, job_count;
    bool is_begun;          /* the first job's "Go ahead" has come */
    unsigned lines_to_come; /* of its errors */
    struct text_buf out;
    size_t out_sent;
    char in[LINE_MAX_BYTES];
    size_t in_length;
};

static void
set_timer(struct store_cached *cached, double seconds)
{
    ev_timer_stop(cached->loop, &cached->timer);
    ev_timer_set(&cached->timer, seconds, 0.);
    ev_timer_start(cached->loop, &cached->timer);
}

static void
end_job(struct store_cached *cached)
{
    struct job job = cached->jobs[cached->first_job];

    cached->first_job = (cached->first_job + 1) % JOBS_MAX;
    cached->job_count--;
    cached->is_begun = false;
    if (cached->on_result != NULL)
        cached->on_result(cached->ctx, job.file, job.ticket, job.code, job.reason);
}

static void
hang_up(struct store_cached *cached)
{
    if (cached->fd >= 0) {
        ev_io_stop(cached->loop, &cached->io);
        close(cached->fd);
    }
    cached->fd = -1;
    cached->is_connected = false;
    cached->in_length = 0;
    cached->lines_to_come = 0;
    cached->out_sent = 0;
    text_buf_reset(&cached->out);
}

/* The daemon is lost: what is under way was perhaps written, perhaps not. It is sent again. */
static void
lose(struct store_cached *cached, const char *why)
{
    char reason[REASON_BYTES];

    snprintf(reason, sizeof reason, "rrdcached at %s: %s", cached->address.sun_path, why);
    if (!cached->was_told)
        log_warning("%s; the samples wait", reason);
    cached->was_told = true;
    hang_up(cached);
    set_timer(cached, cached->reconnect_s);
    cached->reconnect_s *= 2;
    if (cached->reconnect_s > RECONNECT_MAX_S)
        cached->reconnect_s = RECONNECT_MAX_S;
    for (unsigned left = cached->job_count; left > 0; left--) {
        struct job *job = &cached->jobs[cached->first_job];

        job->code = ERR_REFUSED;
        text_copy(job->reason, sizeof job->reason, reason);
        end_job(cached);
    }
}

static void
watch(struct store_cached *cached)
{
    int events = EV_READ | (cached->out_sent < cached->out.length ? EV_WRITE : 0);

    ev_io_stop(cached->loop, &cached->io);
    ev_io_set(&cached->io, cached->fd, events);
    ev_io_start(cached->loop, &cached->io);
}

static void
connect_now(struct store_cached *cached)
{
    cached->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (cached->fd < 0) {
        lose(cached, strerror(errno));
        return;
    }
    /* On a UNIX socket this is done at once, or not at all (EAGAIN: its backlog is full). */
    if (connect(cached->fd, (const struct sockaddr *)&cached->address, sizeof cached->address) !=
        0) {
        lose(cached, strerror(errno));
        return;
    }
    cached->is_connected = true;
    ev_timer_stop(cached->loop, &cached->timer);
    watch(cached);
}

static bool
flush_out(struct store_cached *cached)
{
    while (cached->out_sent < cached->out.length) {
        ssize_t sent = send(cached->fd, cached->out.data + cached->out_sent,
                            cached->out.length - cached->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        cached->out_sent += (size_t)sent;
    }
    cached->out_sent = 0;
    text_buf_reset(&cached->out);
    return true;
}

/* "<line> <reason>" of a command that failed. */
static void
take_error(struct job *job, const char *line)
{
    char *words;
    unsigned long number = strtoul(line, &words, 10);

    if (number <= job->ignored || strstr(words, "illegal attempt") != NULL)
        return; /* in the file already */
    job->code = strstr(words, "No such file") != NULL ? ERR_NOT_FOUND : ERR_IO;
    snprintf(job->reason, sizeof job->reason, "rrdcached:%.*s", REASON_BYTES - 12, words);
}

static bool
take_line(struct store_cached *cached, const char *line)
{
    struct job *job = &cached->jobs[cached->first_job];
    int64_t errors = -1;

    if (cached->job_count == 0)
        return false;
    if (cached->lines_to_come > 0) {
        take_error(job, line);
        if (--cached->lines_to_come == 0)
            end_job(cached);
        return true;
    }
    if (!cached->is_begun) {
        cached->is_begun = strncmp(line, "0 ", 2) == 0;
        return cached->is_begun;
    }
    errors = strtol(line, NULL, 10);
    if (errors < 0 || errors > 100000 || strstr(line, "error") == NULL)
        return false;
    cached->lines_to_come = (unsigned)errors;
    if (errors == 0)
        end_job(cached);
    return true;
}

/* Whole lines of what has come; false when they make no sense. */
static bool
take_lines(struct store_cached *cached)
{
    char *start = cached->in, *end;
    size_t left = cached->in_length;

    while ((end = memchr(start, '\n', left)) != NULL) {
        *end = '\0';
        left -= (size_t)(end + 1 - start);
        if (!take_line(cached, start))
            return false;
        if (cached->fd < 0)
            return true; /* a result made the caller let go */
        start = end + 1;
    }
    memmove(cached->in, start, left);
    cached->in_length = left;
    return left < sizeof cached->in;
}

static void
on_io(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct store_cached *cached = watcher->data;
    ssize_t got;

    (void)loop;
    if ((events & EV_WRITE) != 0) {
        if (!flush_out(cached)) {
            lose(cached, strerror(errno));
            return;
        }
        watch(cached);
    }
    if ((events & EV_READ) == 0)
        return;
    got = recv(cached->fd, cached->in + cached->in_length, sizeof cached->in - cached->in_length,
               MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose(cached, got < 0 ? strerror(errno) : "it closed the connection");
        return;
    }
    cached->in_length += (size_t)got;
    cached->reconnect_s = RECONNECT_FIRST_S;
    if (cached->was_told)
        log_info("rrdcached at %s answers again", cached->address.sun_path);
    cached->was_told = false;
    if (!take_lines(cached)) {
        lose(cached, "it does not speak the protocol");
        return;
    }
    if (cached->job_count > 0)
        set_timer(cached, ANSWER_S);
    else
        ev_timer_stop(cached->loop, &cached->timer);
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct store_cached *cached = watcher->data;

    (void)loop;
    (void)events;
    if (cached->is_connected)
        lose(cached, "no answer");
    else
        connect_now(cached);
}

enum err_code
store_cached_new(struct ev_loop *loop, const char *address, struct store_cached **out_cached,
                 struct err *err)
{
    const char *path = strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
    struct store_cached *cached = calloc(1, sizeof *cached);

    if (cached == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    cached->address.sun_family = AF_UNIX;
    if (path[0] != '/' ||
        !text_copy(cached->address.sun_path, sizeof cached->address.sun_path, path)) {
        free(cached);
        return err_set(err, ERR_CONFIG, "rrdcached: \"%s\" is not unix:/<path>", address);
    }
    cached->loop = loop;
    cached->fd = -1;
    cached->reconnect_s = RECONNECT_FIRST_S;
    text_buf_init(&cached->out, OUT_MAX);
    ev_init(&cached->io, on_io);
    ev_init(&cached->timer, on_timer);
    cached->io.data = cached;
    cached->timer.data = cached;
    connect_now(cached);
    *out_cached = cached;
    return ERR_OK;
}

void
store_cached_free(struct store_cached *cached)
{
    if (cached == NULL)
        return;
    ev_timer_stop(cached->loop, &cached->timer);
    hang_up(cached);
    text_buf_done(&cached->out);
    free(cached);
}

void
store_cached_on_result(struct store_cached *cached, store_cached_result *on_result, void *ctx)
{
    cached->on_result = on_result;
    cached->ctx = ctx;
}

bool
store_cached_is_connected(const struct store_cached *cached)
{
    return cached->is_connected;
}

/* Blanks end a name in the protocol. */
static bool
escape(const char *path, char *out, size_t size)
{
    size_t length = 0;

    for (; *path != '\0'; path++) {
        if (length + 3 > size || *path == '\n')
            return false;
        if (*path == ' ' || *path == '\\')
            out[length++] = '\\';
        out[length++] = *path;
    }
    out[length] = '\0';
    return true;
}

bool
store_cached_takes(const char *path, const char *const *rows, size_t count)
{
    char name[PATH_BYTES];
    size_t longest = 0;

    if (!escape(path, name, sizeof name))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i]) > longest)
            longest = strlen(rows[i]);
    return strlen(name) + longest + sizeof "UPDATE  \n" <= COMMAND_MAX;
}

bool
store_cached_submit(struct store_cached *cached, const struct store_cached_batch *batch)
{
    char name[PATH_BYTES];
    size_t before = cached->out.length;

    if (!cached->is_connected || cached->job_count == JOBS_MAX ||
        !escape(batch->path, name, sizeof name))
        return false;
    text_buf_add(&cached->out, "BATCH\n");
    if (batch->is_new)
        text_buf_add(&cached->out, "FLUSH %s\nFORGET %s\n", name, name);
    for (size_t i = 0; i < batch->count; i++)
        text_buf_add(&cached->out, "UPDATE %s %s\n", name, batch->rows[i]);
    text_buf_add(&cached->out, "FLUSH %s\n.\n", name);
    if (cached->out.failed) {
        cached->out.failed = false;
        cached->out.length = before;
        if (cached->out.data != NULL)
            cached->out.data[before] = '\0';
        return false;
    }

    struct job *job = &cached->jobs[(cached->first_job + cached->job_count++) % JOBS_MAX];

    *job = (struct job){
        .file = batch->file, .ticket = batch->ticket, .ignored = batch->is_new ? 2 : 0};
    if (cached->job_count == 1)
        set_timer(cached, ANSWER_S);
    (void)flush_out(cached); /* a failure shows at the next event of the socket */
    watch(cached);
    return true;
}
