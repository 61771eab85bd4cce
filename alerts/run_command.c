/*
 * run_command.c - a local command of the operator's.
 */
#include "alerts/run_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct run_command {
    struct ev_loop *loop;
    ev_io ended;
    ev_timer timer;
    int pidfd;
    pid_t pid;
    bool timed_out;
    run_command_ended *on_end;
    void *ctx;
};

static void
kill_session(const struct run_command *command)
{
    if (kill(-command->pid, SIGKILL) != 0)
        kill(command->pid, SIGKILL);
}

static void
release(struct run_command *command)
{
    ev_io_stop(command->loop, &command->ended);
    ev_timer_stop(command->loop, &command->timer);
    if (command->pidfd >= 0)
        close(command->pidfd);
    free(command);
}

static void
on_ended(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct run_command *command = watcher->data;
    int status = 0;

    (void)loop;
    (void)events;
    if (waitpid(command->pid, &status, WNOHANG) == 0)
        return;
    command->on_end(command->ctx, status, command->timed_out);
    release(command);
}

static void
on_timeout(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct run_command *command = watcher->data;

    (void)loop;
    (void)events;
    command->timed_out = true;
    kill_session(command);
}

/* Its own session, nothing of ours open, the signals as a command expects them. */
static int
spawn(const char *const *argv, int input, pid_t *out_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults, mask;

    sigemptyset(&mask);
    sigemptyset(&defaults);
    for (int i = 1; i < SIGRTMIN; i++)
        if (i != SIGKILL && i != SIGSTOP)
            sigaddset(&defaults, i);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    int cause = posix_spawnp(out_pid, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv,
                             environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return cause;
}

enum err_code
run_command_start(struct ev_loop *loop, const char *const *argv, const char *text, size_t bytes,
                  int64_t timeout_ms, run_command_ended *on_end, void *ctx,
                  struct run_command **out_command, struct err *err)
{
    struct run_command *command;
    int pipe_fds[2], cause;

    if (bytes > RUN_COMMAND_TEXT_MAX)
        return err_set(err, ERR_RANGE, "%s: too much to say", argv[0]);
    command = calloc(1, sizeof *command);
    if (command == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(command);
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    }
    fcntl(pipe_fds[0], F_SETFL, 0); /* the command may read as it is used to */
    cause = write(pipe_fds[1], text, bytes) == (ssize_t)bytes ? 0 : errno;
    close(pipe_fds[1]);
    if (cause == 0)
        cause = spawn(argv, pipe_fds[0], &command->pid);
    close(pipe_fds[0]);
    if (cause != 0) {
        free(command);
        return err_set(err, ERR_IO, "%s: %s", argv[0], strerror(cause));
    }
    command->loop = loop;
    command->on_end = on_end;
    command->ctx = ctx;
    command->pidfd = pidfd_open(command->pid, 0);
    if (command->pidfd < 0) { /* no way to learn of its end: do not leave it behind */
        cause = errno;
        kill_session(command);
        waitpid(command->pid, NULL, 0);
        free(command);
        return err_set(err, ERR_IO, "pidfd_open: %s", strerror(cause));
    }
    ev_io_init(&command->ended, on_ended, command->pidfd, EV_READ);
    ev_timer_init(&command->timer, on_timeout, (double)timeout_ms / 1000, 0);
    command->ended.data = command->timer.data = command;
    ev_io_start(loop, &command->ended);
    ev_timer_start(loop, &command->timer);
    *out_command = command;
    return ERR_OK;
}

void
run_command_kill(struct run_command *command)
{
    if (command == NULL)
        return;
    kill_session(command);
    waitpid(command->pid, NULL, 0);
    release(command);
}
