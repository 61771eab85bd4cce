/*
 * serve.c - the sockets of all simulated devices on one loop.
 */
#include "tests/sim/serve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

double
serve_now(const struct server *server)
{
    return ev_now(server->loop) - server->begin;
}

void
serve_noise(struct sim_device *device, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) { /* xorshift32 */
        device->lie_seed ^= device->lie_seed << 13;
        device->lie_seed ^= device->lie_seed >> 17;
        device->lie_seed ^= device->lie_seed << 5;
        bytes[i] = (uint8_t)(device->lie_seed >> 11);
    }
}

static enum err_code
open_place(struct server *server, struct sim_device *device, struct err *err)
{
    return device->template->protocol == SIM_SNMP ? serve_snmp_open(server, device, err)
                                                  : serve_modbus_open(server, device, err);
}

static void
close_place(struct server *server, struct sim_device *device)
{
    if (device->template->protocol == SIM_SNMP)
        serve_snmp_close(server, device);
    else
        serve_modbus_close(server, device);
}

enum err_code
serve_init(struct server *server, struct ev_loop *loop, struct model *model, struct err *err)
{
    memset(server, 0, sizeof *server);
    server->loop = loop;
    server->model = model;
    server->begin = ev_now(loop);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->agent = agent_new();
    server->places = calloc(model->device_count + 1, sizeof *server->places);
    if (server->agent == NULL || server->places == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < model->device_count; i++) {
        struct sim_device *device = model->devices[i];
        struct behaviour wanted = device->behaviour;

        /* Open even those that refuse, so that each has its port. */
        device->behaviour = (struct behaviour){BEHAVE_NORMAL, 0};
        enum err_code code = open_place(server, device, err);
        if (code == ERR_OK)
            code = serve_behave(server, device, wanted, err);
        if (code != ERR_OK)
            return err_prefix(err, code, "device %s", device->id);
    }
    return ERR_OK;
}

void
serve_done(struct server *server)
{
    if (server->places != NULL)
        for (uint32_t i = 0; i < server->model->device_count; i++)
            close_place(server, server->model->devices[i]);
    free(server->places);
    agent_free(server->agent);
    if (server->spare_fd > 0)
        close(server->spare_fd);
}

bool
serve_fits(const struct sim_device *device, enum behave_kind kind)
{
    return device->template->protocol == SIM_SNMP ? behave_fits_snmp(kind)
                                                  : behave_fits_modbus(kind);
}

enum err_code
serve_behave(struct server *server, struct sim_device *device, struct behaviour behaviour,
             struct err *err)
{
    enum behave_kind before = device->behaviour.kind;
    bool is_snmp = device->template->protocol == SIM_SNMP;

    if (!serve_fits(device, behaviour.kind))
        return err_set(err, ERR_CONFIG, "behaviour %s is not for %s", behave_name(behaviour.kind),
                       is_snmp ? "snmp" : "modbus");
    device->behaviour = behaviour;
    if (before == behaviour.kind)
        return ERR_OK;
    /* Connections that hang, or drip, do not survive the change; a UDP socket may stay. */
    bool anew = !is_snmp &&
                (before == BEHAVE_HANG || before == BEHAVE_DRIP || behaviour.kind == BEHAVE_HANG);
    if (behaviour.kind == BEHAVE_REFUSED || anew)
        close_place(server, device);
    if (behaviour.kind == BEHAVE_REFUSED || (before != BEHAVE_REFUSED && !anew))
        return ERR_OK;
    return open_place(server, device, err);
}
