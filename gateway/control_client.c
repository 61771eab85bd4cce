/*
 * control_client.c - one question to the running gateway over its control socket.
 */
#include "gateway/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/text.h"

#define TIMEOUT_S 30
#define REPLY_MAX ((size_t)256 * 1024 * 1024)

static enum err_code
connect_to(const char *path, int *out_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};

    if (!text_copy(address.sun_path, sizeof address.sun_path, path))
        return err_set(err, ERR_CONFIG, "control socket %s: path too long", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "control socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int cause = errno;

        close(fd);
        return err_set(err, ERR_REFUSED, "no gateway behind %s: %s%s", path, strerror(cause),
                       cause == ENOENT ? " (is it running? --socket names another)" : "");
    }
    *out_fd = fd;
    return ERR_OK;
}

static enum err_code
send_line(int fd, const json_t *request, struct err *err)
{
    char *line = json_canonical(request);
    enum err_code code = ERR_OK;

    if (line == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t bytes = strlen(line), sent = 0;
    line[bytes++] = '\n'; /* in the place of the NUL */
    while (sent < bytes) {
        ssize_t got = send(fd, line + sent, bytes - sent, MSG_NOSIGNAL);

        if (got < 0) {
            code = err_set(err, ERR_IO, "control socket: %s", strerror(errno));
            break;
        }
        sent += (size_t)got;
    }
    free(line);
    return code;
}

static enum err_code
read_line(int fd, struct text_buf *line, struct err *err)
{
    char part[65536];

    for (;;) {
        ssize_t got = recv(fd, part, sizeof part, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, errno == EAGAIN ? ERR_TIMEOUT : ERR_IO, "control socket: %s",
                           errno == EAGAIN ? "no answer in 30 s" : strerror(errno));
        if (got == 0)
            return err_set(err, ERR_PROTOCOL, "the gateway closed the connection");
        text_buf_add_bytes(line, part, (size_t)got);
        if (line->failed)
            return err_set(err, ERR_FULL, "the answer is too large");
        if (part[got - 1] == '\n')
            return ERR_OK;
    }
}

enum err_code
control_call(const char *socket, json_t *request, json_t **out_reply, struct err *err)
{
    const char *path = socket != NULL ? socket : getenv("WATCHROOM_SOCKET");
    struct text_buf line;
    char reason[160];
    int fd = -1;
    enum err_code code = connect_to(path != NULL ? path : CONTROL_SOCKET_DEFAULT, &fd, err);

    if (code != ERR_OK)
        return code;
    text_buf_init(&line, REPLY_MAX);
    code = send_line(fd, request, err);
    if (code == ERR_OK)
        code = read_line(fd, &line, err);
    close(fd);
    if (code == ERR_OK) {
        json_t *reply = json_parse_object(line.data, line.length, reason, sizeof reason);

        if (reply == NULL)
            code = err_set(err, ERR_PROTOCOL, "the gateway's answer is no JSON: %s", reason);
        else
            *out_reply = reply;
    }
    text_buf_done(&line);
    return code;
}
