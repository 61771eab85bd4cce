/*
 * main.c - watchroom-sim: the device simulators.
 *
 * One process serves all devices of a description file on one loop, in the foreground.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "tests/sim/control.h"
#include "tests/sim/describe.h"
#include "tests/sim/serve.h"
#include "tests/sim/stage.h"

static const char HELP[] =
    "Examples:\n"
    "  watchroom-sim devices.yaml --print\n"
    "  watchroom-sim devices.yaml --ready-file ready --control sim.control &\n"
    "  echo 'behave 10% drip 200' | nc -U sim.control\n"
    "\n"
    "Usage: watchroom-sim [OPTION...] FILE\n"
    "\n"
    "Serves the SNMP and Modbus/TCP devices that FILE describes, on addresses of 127.0.0.0/8, "
    "until\n"
    "SIGTERM or SIGINT.\n"
    "\n"
    "Options:\n"
    "      --ready-file FILE   once all is served, write a line of JSON per device: device,\n"
    "                          protocol, address, port\n"
    "      --print             the same on stdout\n"
    "      --control PATH      UNIX socket for values and misbehaviour at run time; lines such as\n"
    "                            set ups-a battery.charge 40      get ups-a\n"
    "                            behave ups-a|all|10% silent|late MS|late-once MS|drip "
    "MS|garbage|\n"
    "                              wrong-id|wrong-oid|wrong-unit|truncated|flood N|refused|\n"
    "                              accept-and-hang|exception N|toobig N|normal\n"
    "                            list      counters [ups-a]      physics mains off      quit\n"
    "      --die-with-parent   end when the process that started this one ends\n"
    "      --help, --version\n"
    "\n"
    "FILE, in short (all of it: tests/sim/describe.h):\n"
    "  templates:\n"
    "    ups: {protocol: snmp, community: public,\n"
    "      objects: {\"1.3.6.1.2.1.33.1.2.4.0\": {type: integer, value: 98, name: "
    "battery.charge}}}\n"
    "    old: {protocol: snmp, snmprec: walk.snmprec}      # OID|TAG|VALUE lines\n"
    "    gen: {protocol: modbus, holes: [[50, 52]], registers: [{fc: 3, range: [0, 99], value: "
    "0},\n"
    "      {fc: 3, address: 10, type: u32, order: cdab, scale: 0.1, value: 230.5, name: volts}]}\n"
    "  devices:\n"
    "    - {id: ups-a, template: ups, address: 127.1.0.1, set: {battery.charge: 40}}\n"
    "    - {id: \"m-{n}\", repeat: 2500, template: gen, address: 127.2.0.0, behaviour: late 200}\n"
    "\n"
    "Exit status: 0 ended as asked, 1 the description or the system is at fault, 2 wrong usage.\n";

struct options {
    const char *file, *ready_file, *control;
    bool print, die_with_parent;
};

/* A number of `out_exit` when the program is to end now, else -1. */
static int
take_options(int argc, char **argv, struct options *options)
{
    static const struct option LONG[] = {
        {"ready-file", required_argument, NULL, 'r'},
        {"print", no_argument, NULL, 'p'},
        {"control", required_argument, NULL, 'c'},
        {"die-with-parent", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", LONG, NULL)) != -1)
        switch (option) {
        case 'r':
            options->ready_file = optarg;
            break;
        case 'p':
            options->print = true;
            break;
        case 'c':
            options->control = optarg;
            break;
        case 'd':
            options->die_with_parent = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'V':
            puts("watchroom-sim " WATCHROOM_VERSION);
            return 0;
        default:
            fputs("see watchroom-sim --help\n", stderr);
            return 2;
        }
    if (optind != argc - 1) {
        fputs("watchroom-sim: give one description file; see watchroom-sim --help\n", stderr);
        return 2;
    }
    options->file = argv[optind];
    return -1;
}

/* A descriptor per agent, one per listener and per connection. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            log_warning("descriptor limit: %s", strerror(errno));
    }
}

static void
write_places(const struct model *model, FILE *out)
{
    for (uint32_t i = 0; i < model->device_count; i++) {
        const struct sim_device *device = model->devices[i];
        char address[INET_ADDRSTRLEN];

        fprintf(out,
                "{\"device\": \"%s\", \"protocol\": \"%s\", \"address\": \"%s\", \"port\": %u}\n",
                device->id, device->template->protocol == SIM_SNMP ? "snmp" : "modbus",
                inet_ntop(AF_INET, &device->address, address, sizeof address), device->port);
    }
}

/* Appears whole or not at all: somebody waits for it. */
static bool
write_ready_file(const struct model *model, const char *path)
{
    char *temporary;
    bool good = false;

    if (asprintf(&temporary, "%s.new", path) < 0)
        return false;
    FILE *out = fopen(temporary, "we");
    if (out != NULL) {
        write_places(model, out);
        good = fclose(out) == 0 && rename(temporary, path) == 0;
    }
    if (!good)
        log_error("%s: %s", path, strerror(errno));
    free(temporary);
    return good;
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static enum err_code
start(struct server *server, struct ev_loop *loop, struct model *model,
      const struct options *options, struct stage **out_stage, struct control **out_control,
      struct err *err)
{
    const char *path = options->control != NULL ? options->control : model->control;
    enum err_code code = serve_init(server, loop, model, err);

    if (code == ERR_OK && model->physics != NULL)
        code = stage_new(server, model->physics, out_stage, err);
    if (code == ERR_OK && path != NULL)
        code = control_new(server, *out_stage, path, out_control, err);
    if (code == ERR_OK && options->ready_file != NULL &&
        !write_ready_file(model, options->ready_file))
        code = err_set(err, ERR_IO, "the ready file cannot be written");
    if (code == ERR_OK && options->print) {
        write_places(model, stdout);
        fflush(stdout);
    }
    return code;
}

static int
simulate(const struct options *options)
{
    static struct server server;
    struct ev_loop *loop = ev_default_loop(0);
    struct model *model = model_new();
    struct stage *stage = NULL;
    struct control *control = NULL;
    struct ev_signal ends[2];
    struct err err = {0};

    if (loop == NULL || model == NULL) {
        log_error("out of memory");
        return 1;
    }
    /* Before anybody is told that we are ready, and may want us to end. */
    ev_signal_init(&ends[0], on_signal, SIGTERM);
    ev_signal_init(&ends[1], on_signal, SIGINT);
    ev_signal_start(loop, &ends[0]);
    ev_signal_start(loop, &ends[1]);
    enum err_code code = describe_load(model, options->file, &err);
    if (code == ERR_OK)
        code = start(&server, loop, model, options, &stage, &control, &err);
    if (code == ERR_OK)
        ev_run(loop, 0);
    else
        log_error("%s", err.text);
    control_free(control);
    stage_free(stage);
    serve_done(&server);
    model_free(model);
    ev_loop_destroy(loop);
    return code == ERR_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct options options = {0};
    pid_t parent = getppid();
    int result = take_options(argc, argv, &options);

    if (result >= 0)
        return result;
    log_init("sim", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (options.die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            return 0; /* it ended before we asked */
    }
    raise_descriptor_limit();
    return simulate(&options);
}
