/*
 * plumbing.c - every link and listening socket of a gateway, made once and kept for its life.
 */
#include "gateway/plumbing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/log.h"

#define LISTEN_BACKLOG 32

void
plumbing_init(struct plumbing *plumbing)
{
    memset(plumbing, 0, sizeof *plumbing);
    plumbing->store_alarms[0] = plumbing->alarms_courier[0] = plumbing->alarms_web[0] = -1;
    plumbing->control_fd = plumbing->web_fd = plumbing->lock_fd = -1;
}

enum err_code
make_directory(const char *path, struct err *err)
{
    char part[PATH_MAX];

    if (strlen(path) >= sizeof part)
        return err_set(err, ERR_CONFIG, "path too long");
    for (size_t i = 1;; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "mkdir %s: %s", part, strerror(errno));
        if (path[i] == '\0')
            return ERR_OK;
    }
}

static enum err_code
lock_state(struct plumbing *plumbing, const char *state_dir, struct err *err)
{
    char path[PATH_MAX];

    if (make_directory(state_dir, err) != ERR_OK)
        return err_prefix(err, err->code, "state directory %s", state_dir);
    snprintf(path, sizeof path, "%s/lock", state_dir);
    plumbing->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (plumbing->lock_fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(plumbing->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_BUSY, "%s is held: another gateway works in this state directory",
                       path);
    return ERR_OK;
}

static enum err_code
open_control(struct plumbing *plumbing, const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[sizeof address.sun_path];

    if (strlen(path) >= sizeof address.sun_path)
        return err_set(err, ERR_CONFIG, "control socket %s: longer than %zu bytes", path,
                       sizeof address.sun_path - 1);
    strcpy(address.sun_path, path); // NOLINT: length checked above
    strcpy(directory, path);        // NOLINT
    char *slash = strrchr(directory, '/');
    if (slash != NULL && slash != directory) {
        *slash = '\0';
        if (make_directory(directory, err) != ERR_OK)
            return err_prefix(err, err->code, "control socket");
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "control socket: %s", strerror(errno));
    /* The state lock is ours, so whatever lies there is left over from a gateway that died. */
    if (unlink(path) != 0 && errno != ENOENT) {
        close(fd);
        return err_set(err, ERR_IO, "control socket %s: %s", path, strerror(errno));
    }
    mode_t mask = umask(0117); /* 0660 from the first moment on */
    int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        close(fd);
        return err_set(err, ERR_IO, "control socket %s: %s", path, strerror(errno));
    }
    memcpy(plumbing->socket, address.sun_path, sizeof plumbing->socket);
    plumbing->control_fd = fd;
    return ERR_OK;
}

static enum err_code
open_web(struct plumbing *plumbing, const char *host, uint16_t port, struct err *err)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
    const int on = 1;
    struct sockaddr_in6 bound;
    socklen_t length = sizeof bound;

    if (!is_v4 && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return err_set(err, ERR_CONFIG, "web: %s is no numeric address", host);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "web: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
             is_v4 ? sizeof v4 : sizeof v6) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        int cause = errno;

        close(fd);
        return err_set(err, ERR_IO, "web: listen on %s port %u: %s", host, port, strerror(cause));
    }
    plumbing->web_fd = fd;
    if (getsockname(fd, (struct sockaddr *)&bound, &length) == 0)
        log_info("metrics on http://%s:%u/metrics", host, ntohs(bound.sin6_port));
    return ERR_OK;
}

enum err_code
plumbing_open(struct plumbing *plumbing, const struct site *site, const char *socket,
              struct err *err)
{
    enum err_code code = ERR_OK;

    if (plumbing->lock_fd < 0)
        code = lock_state(plumbing, site->state_dir, err);
    if (code == ERR_OK && plumbing->control_fd < 0)
        code = open_control(plumbing, socket != NULL ? socket : site->socket, err);
    if (code == ERR_OK && plumbing->store_alarms[0] < 0)
        code = link_pair(plumbing->store_alarms, err);
    if (code == ERR_OK && plumbing->alarms_courier[0] < 0)
        code = link_pair(plumbing->alarms_courier, err);
    if (code == ERR_OK && plumbing->alarms_web[0] < 0)
        code = link_pair(plumbing->alarms_web, err);
    while (code == ERR_OK && plumbing->shard_count < site->shard_count) {
        uint32_t shard = plumbing->shard_count;

        code = link_pair(plumbing->collector_alarms[shard], err);
        if (code != ERR_OK)
            break;
        code = link_pair(plumbing->collector_store[shard], err);
        if (code != ERR_OK) {
            close(plumbing->collector_alarms[shard][0]);
            close(plumbing->collector_alarms[shard][1]);
            break;
        }
        plumbing->shard_count++;
    }
    if (code == ERR_OK && plumbing->web_fd < 0 && site->web_address != NULL)
        code = open_web(plumbing, site->web_address, site->web_port, err);
    return code;
}

static void
close_pair(int fds[2])
{
    if (fds[0] < 0)
        return;
    close(fds[0]);
    close(fds[1]);
    fds[0] = fds[1] = -1;
}

void
plumbing_close(struct plumbing *plumbing)
{
    for (uint32_t i = 0; i < plumbing->shard_count; i++) {
        close_pair(plumbing->collector_alarms[i]);
        close_pair(plumbing->collector_store[i]);
    }
    plumbing->shard_count = 0;
    close_pair(plumbing->store_alarms);
    close_pair(plumbing->alarms_courier);
    close_pair(plumbing->alarms_web);
    if (plumbing->control_fd >= 0) {
        close(plumbing->control_fd);
        unlink(plumbing->socket);
    }
    if (plumbing->web_fd >= 0)
        close(plumbing->web_fd);
    if (plumbing->lock_fd >= 0)
        close(plumbing->lock_fd);
    plumbing_init(plumbing);
}
