/*
 * control.c - the control socket of the simulators.
 */
#include "tests/sim/control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "tests/sim/stage.h"

#define CLIENTS_MAX 32
#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define OUT_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define WORDS_MAX 4
#define VALUE_MAX 4096

struct client {
    struct ev_io input, output;
    struct control *control;
    size_t used;
    char line[LINE_MAX_BYTES];
    struct text_buf out;
    size_t sent;
};

struct control {
    struct ev_io io;
    struct server *server;
    struct stage *stage;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct client *clients[CLIENTS_MAX];
};

/* verbs */

struct call {
    struct control *control;
    const char *words[WORDS_MAX]; /* verb and arguments; "" where none was given */
    json_t *answer;
    struct err err;
};

static struct sim_device *
device_of(struct call *call, const char *id)
{
    struct sim_device *device = model_device(call->control->server->model, id);

    if (device == NULL)
        (void)err_set(&call->err, ERR_NOT_FOUND, "no device \"%.80s\"", id);
    return device;
}

static uint32_t
item_of(struct call *call, const struct sim_device *device, const char *name)
{
    uint32_t item = model_find_item(device->template, name);

    if (item == UINT32_MAX)
        (void)err_set(&call->err, ERR_NOT_FOUND, "device %s has no \"%.80s\"", device->id, name);
    return item;
}

static bool
do_set(struct call *call)
{
    struct sim_device *device = device_of(call, call->words[1]);
    uint32_t item = device == NULL ? UINT32_MAX : item_of(call, device, call->words[2]);

    return item != UINT32_MAX && model_set(device, item, call->words[3], &call->err) == ERR_OK;
}

static void
put_value(struct call *call, json_t *values, const struct sim_device *device, uint32_t item,
          const char *name)
{
    static char text[VALUE_MAX];
    double number;

    model_get(device, item, serve_now(call->control->server), text, sizeof text);
    json_object_set_new(values, name,
                        text_parse_number(text, &number) ? json_number_of(number)
                                                         : json_string(text));
}

static bool
do_get(struct call *call)
{
    struct sim_device *device = device_of(call, call->words[1]);

    if (device == NULL)
        return false;
    json_t *values = json_object();
    if (call->words[2][0] != '\0') {
        uint32_t item = item_of(call, device, call->words[2]);

        if (item != UINT32_MAX)
            put_value(call, values, device, item, call->words[2]);
    } else {
        for (uint32_t i = 0; i < device->template->item_count; i++)
            if (device->template->items[i].name != NULL)
                put_value(call, values, device, i, device->template->items[i].name);
    }
    json_object_set_new(call->answer, "values", values);
    return call->err.code == ERR_OK;
}

/* "all", "10%" (spread evenly), or one device. */
static bool
do_behave(struct call *call)
{
    struct server *server = call->control->server;
    struct behaviour behaviour;
    const char *target = call->words[1];
    char text[80], percent[8];
    int64_t share = strcmp(target, "all") == 0 ? 100 : -1;
    size_t length = strlen(target);
    json_int_t changed = 0;

    snprintf(text, sizeof text, "%.30s %.30s", call->words[2], call->words[3]);
    if (behave_parse(text, &behaviour, &call->err) != ERR_OK)
        return false;
    if (length > 1 && length < sizeof percent && target[length - 1] == '%') {
        text_copy(percent, length, target);
        if (!text_parse_int(percent, 0, 100, &share)) {
            (void)err_set(&call->err, ERR_RANGE, "\"%s\" is no share", target);
            return false;
        }
    }
    if (share < 0) {
        struct sim_device *device = device_of(call, target);

        return device != NULL && serve_behave(server, device, behaviour, &call->err) == ERR_OK;
    }
    for (uint32_t i = 0; i < server->model->device_count; i++) {
        struct sim_device *device = server->model->devices[i];
        bool is_hit = (i + 1) * share / 100 != i * share / 100;

        if (!is_hit || !serve_fits(device, behaviour.kind))
            continue;
        if (serve_behave(server, device, behaviour, &call->err) != ERR_OK)
            return false;
        changed++;
    }
    json_object_set_new(call->answer, "devices", json_integer(changed));
    return true;
}

static bool
do_list(struct call *call)
{
    const struct model *model = call->control->server->model;
    json_t *list = json_array();

    for (uint32_t i = 0; i < model->device_count; i++) {
        const struct sim_device *device = model->devices[i];
        char address[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &device->address, address, sizeof address);
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:i, s:s, s:i}", "device", device->id, "protocol",
                      device->template->protocol == SIM_SNMP ? "snmp" : "modbus", "address",
                      address, "port", (int)device->port, "behaviour",
                      behave_name(device->behaviour.kind), "number", (int)device->behaviour.arg));
    }
    json_object_set_new(call->answer, "devices", list);
    return true;
}

static bool
do_counters(struct call *call)
{
    const struct server *server = call->control->server;
    struct device_counters sum = {0};

    if (call->words[1][0] != '\0') {
        const struct sim_device *device = device_of(call, call->words[1]);

        if (device == NULL)
            return false;
        sum = device->counters;
    } else {
        for (uint32_t i = 0; i < server->model->device_count; i++) {
            const struct device_counters *counters = &server->model->devices[i]->counters;

            sum.requests += counters->requests;
            sum.answers += counters->answers;
            sum.faults += counters->faults;
            sum.writes += counters->writes;
        }
        json_object_set_new(call->answer, "dropped", json_integer((json_int_t)server->dropped));
    }
    json_object_set_new(call->answer, "requests", json_integer((json_int_t)sum.requests));
    json_object_set_new(call->answer, "answers", json_integer((json_int_t)sum.answers));
    json_object_set_new(call->answer, "faults", json_integer((json_int_t)sum.faults));
    json_object_set_new(call->answer, "writes", json_integer((json_int_t)sum.writes));
    return true;
}

static bool
do_physics(struct call *call)
{
    if (call->control->stage == NULL) {
        (void)err_set(&call->err, ERR_NOT_FOUND, "no physics in this simulation");
        return false;
    }
    return stage_command(call->control->stage, call->words[1], call->words[2], &call->err) ==
           ERR_OK;
}

static bool
do_quit(struct call *call)
{
    ev_break(call->control->server->loop, EVBREAK_ALL);
    return true;
}

static const struct verb {
    const char *name;
    bool (*run)(struct call *);
    const char *members[WORDS_MAX - 1]; /* of a JSON request, in the order of the words */
    unsigned least;
} VERBS[] = {
    {"set", do_set, {"device", "name", "value"}, 3},
    {"get", do_get, {"device", "name"}, 1},
    {"behave", do_behave, {"device", "kind", "number"}, 2},
    {"list", do_list, {NULL}, 0},
    {"counters", do_counters, {"device"}, 0},
    {"physics", do_physics, {"what", "value"}, 2},
    {"quit", do_quit, {NULL}, 0},
};

static const struct verb *
find_verb(struct call *call)
{
    const char *names[ARRAY_LEN(VERBS)];

    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        if (strcmp(VERBS[i].name, call->words[0]) == 0)
            return &VERBS[i];
        names[i] = VERBS[i].name;
    }
    const char *nearest = text_nearest(call->words[0], names, ARRAY_LEN(names));
    (void)err_set(&call->err, ERR_NOT_FOUND, "no verb \"%.40s\"%s%s%s", call->words[0],
                  nearest == NULL ? "" : " (did you mean \"", nearest == NULL ? "" : nearest,
                  nearest == NULL ? "" : "\"?)");
    return NULL;
}

/* requests */

/* Cuts the line into words in place; the last takes the rest. */
static void
split(char *line, const char *words[WORDS_MAX])
{
    for (size_t i = 0; i < WORDS_MAX; i++) {
        while (*line == ' ')
            line++;
        words[i] = line;
        size_t length = i == WORDS_MAX - 1 ? strlen(line) : strcspn(line, " ");
        while (i == WORDS_MAX - 1 && length > 0 && line[length - 1] == ' ')
            length--;
        line += length;
        if (*line != '\0')
            *line++ = '\0';
    }
}

/* The members of a JSON request as words; numbers are written out into `texts`. */
static void
take_members(struct call *call, const json_t *request, const struct verb *verb,
             char texts[WORDS_MAX][64])
{
    for (size_t i = 0; i < WORDS_MAX - 1 && verb->members[i] != NULL; i++) {
        const json_t *member = json_object_get(request, verb->members[i]);

        call->words[i + 1] = texts[i];
        texts[i][0] = '\0';
        if (json_is_string(member))
            call->words[i + 1] = json_string_value(member);
        else if (json_is_integer(member))
            snprintf(texts[i], sizeof texts[i], "%lld", (long long)json_integer_value(member));
        else if (json_is_real(member))
            snprintf(texts[i], sizeof texts[i], "%.12g", json_real_value(member));
        else if (json_is_boolean(member))
            text_copy(texts[i], sizeof texts[i], json_is_true(member) ? "true" : "false");
    }
}

static json_t *
answer(struct control *control, char *line, size_t length)
{
    struct call call = {.control = control, .words = {"", "", "", ""}, .answer = json_object()};
    char texts[WORDS_MAX][64], reason[160];
    json_t *request = NULL;
    bool good = false;

    if (line[0] == '{') {
        request = json_parse_object(line, length, reason, sizeof reason);
        if (request == NULL)
            (void)err_set(&call.err, ERR_PROTOCOL, "%s", reason);
        else
            call.words[0] = json_text_or(request, "verb", "");
    } else {
        split(line, call.words);
    }
    const struct verb *verb = call.err.code == ERR_OK ? find_verb(&call) : NULL;
    if (verb != NULL) {
        if (request != NULL)
            take_members(&call, request, verb, texts);
        if (verb->least > 0 && call.words[verb->least][0] == '\0')
            (void)err_set(&call.err, ERR_PROTOCOL, "%s: more words are needed", verb->name);
        else
            good = verb->run(&call);
    }
    json_decref(request);
    if (!good) {
        json_decref(call.answer);
        return json_pack("{s:b, s:s}", "ok", 0, "error", call.err.text);
    }
    json_object_set_new(call.answer, "ok", json_true());
    return call.answer;
}

/* clients */

static void
close_client(struct client *client)
{
    struct control *control = client->control;

    ev_io_stop(control->server->loop, &client->input);
    ev_io_stop(control->server->loop, &client->output);
    close(client->input.fd);
    text_buf_done(&client->out);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i] == client)
            control->clients[i] = NULL;
    free(client);
}

/* False when the client is gone. */
static bool
push(struct client *client)
{
    struct text_buf *out = &client->out;

    while (client->sent < out->length) {
        ssize_t sent = send(client->input.fd, out->data + client->sent, out->length - client->sent,
                            MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            ev_io_start(client->control->server->loop, &client->output);
            return true;
        }
        if (sent < 0) {
            close_client(client);
            return false;
        }
        client->sent += (size_t)sent;
    }
    text_buf_reset(out);
    client->sent = 0;
    ev_io_stop(client->control->server->loop, &client->output);
    return true;
}

static void
on_writable(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    (void)push(io->data);
}

static bool
take_lines(struct client *client)
{
    char *at = client->line, *end = client->line + client->used, *stop;

    while ((stop = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        size_t length = (size_t)(stop - at);

        *stop = '\0';
        if (length > 0 && at[length - 1] == '\r')
            at[--length] = '\0';
        json_t *reply = answer(client->control, at, length);
        char *text = reply == NULL ? NULL : json_canonical(reply);

        json_decref(reply);
        if (text != NULL)
            text_buf_add(&client->out, "%s\n", text);
        free(text);
        if (client->out.failed || text == NULL) {
            close_client(client);
            return false;
        }
        at = stop + 1;
    }
    client->used = (size_t)(end - at);
    if (client->used == sizeof client->line) { /* a line that never ends */
        close_client(client);
        return false;
    }
    memmove(client->line, at, client->used);
    return push(client);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct client *client = io->data;
    ssize_t length =
        recv(io->fd, client->line + client->used, sizeof client->line - client->used, MSG_DONTWAIT);

    (void)loop;
    (void)events;
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (length <= 0) {
        close_client(client);
        return;
    }
    client->used += (size_t)length;
    (void)take_lines(client);
}

static void
on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct control *control = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    size_t slot = 0;

    (void)events;
    if (fd < 0)
        return;
    while (slot < CLIENTS_MAX && control->clients[slot] != NULL)
        slot++;
    struct client *client = slot == CLIENTS_MAX ? NULL : calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    control->clients[slot] = client;
    client->control = control;
    text_buf_init(&client->out, OUT_MAX_BYTES);
    ev_io_init(&client->input, on_readable, fd, EV_READ);
    ev_io_init(&client->output, on_writable, fd, EV_WRITE);
    client->input.data = client->output.data = client;
    ev_io_start(loop, &client->input);
}

enum err_code
control_new(struct server *server, struct stage *stage, const char *path,
            struct control **out_control, struct err *err)
{
    struct control *control = calloc(1, sizeof *control);
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    int fd;

    if (control == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!text_copy(control->path, sizeof control->path, path)) {
        free(control);
        return err_set(err, ERR_CONFIG, "control socket: path longer than %zu bytes",
                       sizeof control->path - 1);
    }
    memcpy(here.sun_path, control->path, sizeof control->path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, 8) != 0) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        free(control);
        return err_set(err, ERR_IO, "control socket %.100s: %s", path, strerror(cause));
    }
    control->server = server;
    control->stage = stage;
    ev_io_init(&control->io, on_connection, fd, EV_READ);
    control->io.data = control;
    ev_io_start(server->loop, &control->io);
    *out_control = control;
    return ERR_OK;
}

void
control_free(struct control *control)
{
    if (control == NULL)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i] != NULL)
            close_client(control->clients[i]);
    ev_io_stop(control->server->loop, &control->io);
    close(control->io.fd);
    unlink(control->path);
    free(control);
}
