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
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/control_client.h"

#define START_MS 20000 /* for each process to be there */
#define STOP_MS 15000  /* then it is killed */
#define PORT_TRIES 5   /* somebody may take the port between our look and mosquitto's */
#define SITE_FILE_MAX ((size_t)1024 * 1024)

static const char *const NAMES[DEMO_CHILDREN] = {"mosquitto", "watchroom-sim", "mosquitto_sub",
                                                 "gateway"};

static void
pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

/* files */

static enum err_code
write_file(const struct demo *demo, const char *name, const char *text, struct err *err)
{
    char path[160];
    FILE *out;

    snprintf(path, sizeof path, "%s/%s", demo->dir, name);
    out = fopen(path, "we");
    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err_code
read_file(const char *path, struct text_buf *out, struct err *err)
{
    FILE *in = fopen(path, "re");
    char part[4096];
    size_t length;

    if (in == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    while ((length = fread(part, 1, sizeof part, in)) > 0)
        text_buf_add_bytes(out, part, length);
    fclose(in);
    return out->failed ? err_set(err, ERR_FULL, "%s: too large", path) : ERR_OK;
}

static enum err_code
make_folder(struct demo *demo, const char *keep_dir, struct err *err)
{
    const char *base = getenv("TMPDIR");

    if (keep_dir != NULL) {
        char real[PATH_MAX];

        if ((mkdir(keep_dir, 0700) != 0 && errno != EEXIST) || realpath(keep_dir, real) == NULL)
            return err_set(err, ERR_IO, "%s: %s", keep_dir, strerror(errno));
        if (!text_copy(demo->dir, sizeof demo->dir, real))
            return err_set(err, ERR_CONFIG, "%s: name a shorter folder (less than %zu bytes)",
                           keep_dir, sizeof demo->dir);
    } else {
        if (base == NULL || strlen(base) > 30)
            base = "/tmp";
        snprintf(demo->dir, sizeof demo->dir, "%s/watchroom-demo-XXXXXX", base);
        if (mkdtemp(demo->dir) == NULL) {
            enum err_code code = err_set(err, ERR_IO, "%s: %s", demo->dir, strerror(errno));

            demo->dir[0] = '\0';
            return code;
        }
    }
    demo->keep = keep_dir != NULL;
    snprintf(demo->state_dir, sizeof demo->state_dir, "%s/state", demo->dir);
    snprintf(demo->socket, sizeof demo->socket, "%s/control", demo->dir);
    snprintf(demo->sim_socket, sizeof demo->sim_socket, "%s/sim.control", demo->dir);
    snprintf(demo->site_file, sizeof demo->site_file, "%s/site.yaml", demo->dir);
    if (keep_dir != NULL && access(demo->state_dir, F_OK) == 0)
        return err_set(err, ERR_CONFIG, "%s holds a demo already: name another folder", keep_dir);
    return ERR_OK;
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
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

void
demo_print_log(const struct demo *demo, const char *child)
{
    struct text_buf log;
    char path[160];
    struct err err;

    snprintf(path, sizeof path, "%s/%s.log", demo->dir, child);
    text_buf_init(&log, (size_t)16 * 1024 * 1024);
    if (read_file(path, &log, &err) == ERR_OK && log.length > 0) {
        const char *at = log.data + log.length;

        for (int lines = 0; at > log.data && lines <= 10; at--)
            lines += at[-1] == '\n';
        fprintf(stderr, "--- the end of %s:\n%s", path, at);
    }
    text_buf_done(&log);
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
        code = write_file(demo, "mosquitto.conf", text, err);
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

static void
ready_path(const struct demo *demo, char *out, size_t size)
{
    snprintf(out, size, "%s/sim.ready", demo->dir);
}

static bool
simulators_are_there(struct demo *demo)
{
    char path[160];

    ready_path(demo, path, sizeof path);
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
    ready_path(demo, ready, sizeof ready);
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

/* the site file */

static json_t *
read_places(const struct demo *demo)
{
    char path[160], line[512];
    json_t *places = json_object();

    ready_path(demo, path, sizeof path);
    FILE *in = fopen(path, "re");
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        json_t *place = json_parse_object(line, strlen(line), NULL, 0);

        json_object_set_new(places, json_text_or(place, "device", "?"),
                            json_sprintf("%s:%d", json_text_or(place, "address", "?"),
                                         (int)json_int_or(place, "port", 0)));
        json_decref(place);
    }
    if (in != NULL)
        fclose(in);
    return places;
}

/* Copies the template, with what stands between @ signs filled in; comments are copied as they are.
 */
static enum err_code
fill(const struct demo *demo, const json_t *places, const char *template, struct text_buf *out,
     struct err *err)
{
    for (const char *at = template; *at != '\0';) {
        size_t plain = strcspn(at, "@\n");
        const char *end = at[plain] == '@' ? strchr(at + plain + 1, '@') : NULL;
        char name[ID_MAX];

        if (*at == '#') {
            plain = strcspn(at, "\n");
            end = NULL;
        }
        text_buf_add_bytes(out, at, plain);
        at += plain;
        if (*at == '\n') {
            text_buf_add_bytes(out, at++, 1);
            continue;
        }
        if (*at == '\0')
            break;
        if (end == NULL || (size_t)(end - at) > sizeof name)
            return err_set(err, ERR_CONFIG, "the demo's site file: an @ without its other");
        memcpy(name, at + 1, (size_t)(end - at - 1));
        name[end - at - 1] = '\0';
        if (strcmp(name, "DIR") == 0)
            text_buf_add(out, "%s", demo->dir);
        else if (strcmp(name, "BROKER_PORT") == 0)
            text_buf_add(out, "%u", demo->broker_port);
        else if (json_object_get(places, name) != NULL)
            text_buf_add(out, "%s", json_text_or(places, name, ""));
        else
            return err_set(err, ERR_CONFIG, "the demo's site file: nothing is called @%s@", name);
        at = end + 1;
    }
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code
write_site(const struct demo *demo, const char *examples, struct err *err)
{
    struct text_buf template, site;
    char path[BESIDE_PATH_MAX + 32];
    json_t *places = read_places(demo);

    text_buf_init(&template, SITE_FILE_MAX);
    text_buf_init(&site, SITE_FILE_MAX);
    snprintf(path, sizeof path, "%s/demo/site.yaml", examples);
    enum err_code code = read_file(path, &template, err);
    if (code == ERR_OK)
        code = fill(demo, places, template.data, &site, err);
    if (code == ERR_OK)
        code = write_file(demo, "site.yaml", site.data, err);
    text_buf_done(&template);
    text_buf_done(&site);
    json_decref(places);
    return code;
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
        code = make_folder(demo, keep_dir, err);
    if (code == ERR_OK)
        code = start_broker(demo, err);
    if (code == ERR_OK)
        code = start_simulators(demo, examples, err);
    if (code == ERR_OK)
        code = write_site(demo, examples, err);
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
        nftw(demo->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
