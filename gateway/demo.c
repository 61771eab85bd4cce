/*
 * demo.c - the demo's processes and files: a private folder, mosquitto, watchroom-sim, a
 * subscriber, the gateway.
 *
 * Ports are chosen by the kernel. The children get their own process group, so that a Ctrl-C ends
 * them in our order, and die with us should we be killed.
 */
#include "gateway/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/control_client.h"

#define START_MS 20000 /* for each process to be there */
#define STOP_MS 15000  /* then it is killed */
#define PORT_TRIES 5   /* somebody may take the port between our look and mosquitto's */

static const char *const NAMES[DEMO_CHILDREN] = {"mosquitto", "watchroom-sim", "mosquitto_sub",
                                                 "gateway"};

static void
pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

/* processes */

/* Never returns. `out_fd` is where stdout and stderr go; -1: the log of that name. */
static void
become(const struct demo *demo, const char *name, char *const *argv, int out_fd, pid_t parent)
{
    char log[160];
    sigset_t none;
    int in = open("/dev/null", O_RDONLY), log_fd;

    snprintf(log, sizeof log, "%s/%s.log", demo->dir, name);
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    if (in < 0 || log_fd < 0 || dup2(in, 0) < 0 || dup2(out_fd >= 0 ? out_fd : log_fd, 1) < 0 ||
        dup2(log_fd, 2) < 0)
        _exit(127);
    close_range(3, ~0u, 0);
    unsetenv("WATCHROOM_SOCKET");
    execv(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static enum err_code
spawn(struct demo *demo, enum demo_child child, char *const *argv, int out_fd, struct err *err)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return err_set(err, ERR_IO, "fork: %s", strerror(errno));
    if (pid == 0)
        become(demo, NAMES[child], argv, out_fd, parent);
    demo->children[child] = pid;
    return ERR_OK;
}

static bool
has_ended(struct demo *demo, enum demo_child child)
{
    if (demo->children[child] == 0)
        return true;
    if (waitpid(demo->children[child], NULL, WNOHANG) == 0)
        return false;
    demo->children[child] = 0;
    return true;
}

static void
stop_child(struct demo *demo, enum demo_child child)
{
    int64_t end = clock_now().mono_ms + STOP_MS;

    if (has_ended(demo, child))
        return;
    kill(demo->children[child], SIGTERM);
    while (clock_now().mono_ms < end) {
        if (has_ended(demo, child))
            return;
        pause_ms(10);
    }
    kill(demo->children[child], SIGKILL);
    waitpid(demo->children[child], NULL, 0);
    demo->children[child] = 0;
}

const char *
demo_lost_child(struct demo *demo)
{
    for (unsigned child = 0; child < DEMO_CHILDREN; child++)
        if (has_ended(demo, (enum demo_child)child))
            return NAMES[child];
    return NULL;
}

/* Waits until `is_there`, or the child has ended, or START_MS is over. */
static enum err_code
await(struct demo *demo, enum demo_child child, bool (*is_there)(struct demo *), struct err *err)
{
    int64_t end = clock_now().mono_ms + START_MS;

    while (!is_there(demo)) {
        if (has_ended(demo, child)) {
            demo_print_log(demo, NAMES[child]);
            return err_set(err, ERR_IO, "%s ended at once", NAMES[child]);
        }
        if (clock_now().mono_ms >= end)
            return err_set(err, ERR_TIMEOUT, "%s is not there after %d s", NAMES[child],
                           START_MS / 1000);
        pause_ms(20);
    }
    return ERR_OK;
}

/* the broker */

static enum err_code
free_port(uint16_t *out_port, struct err *err)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0 &&
                getsockname(fd, (struct sockaddr *)&here, &size) == 0;

    if (fd >= 0)
        close(fd);
    if (!good)
        return err_set(err, ERR_IO, "no free port on 127.0.0.1: %s", strerror(errno));
    *out_port = ntohs(here.sin_port);
    return ERR_OK;
}

static bool
broker_is_there(struct demo *demo)
{
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons(demo->broker_port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (struct sockaddr *)&there, sizeof there) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

static enum err_code
start_broker(struct demo *demo, struct err *err)
{
    char program[BESIDE_PATH_MAX], config[160], text[320];
    enum err_code code = beside_system_program("mosquitto", "mosquitto", program, err);

    for (int i = 0; code == ERR_OK && i < PORT_TRIES; i++) {
        code = free_port(&demo->broker_port, err);
        if (code != ERR_OK)
            break;
        /* As root it would become a user that may not enter the private folder. */
        snprintf(text, sizeof text,
                 "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\n"
                 "max_queued_messages 0\nmax_inflight_messages 0\n%s",
                 demo->broker_port, geteuid() == 0 ? "user root\n" : "");
        snprintf(config, sizeof config, "%s/mosquitto.conf", demo->dir);
        code = demo_write_file(demo, "mosquitto.conf", text, err);
        char *argv[] = {program, (char[]){"-c"}, config, NULL};
        if (code == ERR_OK)
            code = spawn(demo, DEMO_BROKER, argv, -1, err);
        if (code != ERR_OK)
            break;
        code = await(demo, DEMO_BROKER, broker_is_there, err);
        if (code == ERR_OK || demo->children[DEMO_BROKER] != 0)
            return code;
        code = i + 1 < PORT_TRIES ? ERR_OK : ERR_IO;
    }
    return code;
}

/* the simulators */

static bool
simulators_are_there(struct demo *demo)
{
    char path[160];

    demo_ready_path(demo, path, sizeof path);
    return access(path, F_OK) == 0;
}

static enum err_code
start_simulators(struct demo *demo, const char *examples, struct err *err)
{
    char program[BESIDE_PATH_MAX], file[BESIDE_PATH_MAX + 32], ready[160];
    enum err_code code = beside_program("watchroom-sim", "tests/sim", program, err);

    if (code != ERR_OK)
        return code;
    snprintf(file, sizeof file, "%s/demo/sim.yaml", examples);
    demo_ready_path(demo, ready, sizeof ready);
    char *argv[] = {program,
                    file,
                    (char[]){"--ready-file"},
                    ready,
                    (char[]){"--control"},
                    demo->sim_socket,
                    (char[]){"--die-with-parent"},
                    NULL};
    code = spawn(demo, DEMO_SIMULATORS, argv, -1, err);
    return code == ERR_OK ? await(demo, DEMO_SIMULATORS, simulators_are_there, err) : code;
}

/* the subscriber */

static bool
subscriber_is_there(struct demo *demo)
{
    (void)told_read(&demo->told);
    return demo->told.is_subscribed;
}

static enum err_code
start_subscriber(struct demo *demo, struct err *err)
{
    char program[BESIDE_PATH_MAX], stdbuf[BESIDE_PATH_MAX], port[8];
    int ends[2];
    enum err_code code = beside_system_program("mosquitto_sub", "mosquitto-clients", program, err);

    if (code == ERR_OK) /* it would keep what it prints into a pipe */
        code = beside_system_program("stdbuf", "coreutils", stdbuf, err);
    if (code != ERR_OK)
        return code;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    told_init(&demo->told, ends[0]);
    snprintf(port, sizeof port, "%u", demo->broker_port);
    char *argv[] = {stdbuf,
                    (char[]){"-oL"},
                    program,
                    (char[]){"-d"},
                    (char[]){"-V"},
                    (char[]){"mqttv5"},
                    (char[]){"-h"},
                    (char[]){"127.0.0.1"},
                    (char[]){"-p"},
                    port,
                    (char[]){"-q"},
                    (char[]){"1"},
                    (char[]){"-t"},
                    (char[]){"watchroom/1/demo/event/#"},
                    (char[]){"-F"},
                    (char[]){"%t %p"},
                    NULL};
    code = spawn(demo, DEMO_SUBSCRIBER, argv, ends[1], err);
    close(ends[1]);
    return code == ERR_OK ? await(demo, DEMO_SUBSCRIBER, subscriber_is_there, err) : code;
}

/* the gateway */

json_t *
demo_ask(const char *socket, json_t *request, struct err *err)
{
    json_t *reply = NULL;
    enum err_code code = control_call(socket, request, &reply, err);

    json_decref(request);
    if (code != ERR_OK)
        return NULL;
    if (!json_is_true(json_object_get(reply, "ok"))) {
        (void)err_set(err, ERR_REFUSED, "%s", json_text_or(reply, "error", "refused"));
        json_decref(reply);
        return NULL;
    }
    return reply;
}

static bool
gateway_is_there(struct demo *demo)
{
    struct err err;
    json_t *reply = access(demo->socket, F_OK) == 0
                        ? demo_ask(demo->socket, json_pack("{s:s}", "verb", "status"), &err)
                        : NULL;
    bool good = reply != NULL;

    json_decref(reply);
    return good;
}

static enum err_code
start_gateway(struct demo *demo, struct err *err)
{
    char program[BESIDE_PATH_MAX], profiles[BESIDE_PATH_MAX];
    enum err_code code = beside_self(program, err);

    if (code == ERR_OK)
        code = beside_data("profiles", "WATCHROOM_PROFILES", profiles, err);
    if (code != ERR_OK)
        return code;
    char *argv[] = {
        program, (char[]){"run"}, (char[]){"-c"}, demo->site_file, (char[]){"--profiles"}, profiles,
        NULL};
    code = spawn(demo, DEMO_GATEWAY, argv, -1, err);
    return code == ERR_OK ? await(demo, DEMO_GATEWAY, gateway_is_there, err) : code;
}

/* whole */

enum err_code
demo_start(struct demo *demo, const char *keep_dir, struct err *err)
{
    char examples[BESIDE_PATH_MAX];

    memset(demo, 0, sizeof *demo);
    demo->told.fd = -1;
    enum err_code code = beside_data("examples", NULL, examples, err);
    if (code == ERR_OK)
        code = demo_make_folder(demo, keep_dir, err);
    if (code == ERR_OK)
        code = start_broker(demo, err);
    if (code == ERR_OK)
        code = start_simulators(demo, examples, err);
    if (code == ERR_OK)
        code = demo_write_site(demo, examples, err);
    if (code == ERR_OK)
        code = start_subscriber(demo, err);
    return code == ERR_OK ? start_gateway(demo, err) : code;
}

void
demo_stop(struct demo *demo)
{
    /* The teller first, then those it tells and asks. */
    stop_child(demo, DEMO_GATEWAY);
    stop_child(demo, DEMO_SUBSCRIBER);
    stop_child(demo, DEMO_SIMULATORS);
    stop_child(demo, DEMO_BROKER);
    told_done(&demo->told);
    if (demo->dir[0] != '\0' && !demo->keep)
        demo_remove_folder(demo);
}
