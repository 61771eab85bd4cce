/*
 * serve.h - the sockets of all simulated devices on one loop, and when an answer leaves.
 */
#ifndef WATCHROOM_SIM_SERVE_H
#define WATCHROOM_SIM_SERVE_H

#include "gateway/base/loop.h"
#include "tests/sim/agent.h"
#include "tests/sim/model.h"

#define LATE_MAX 50000 /* answers waiting for their time, over all devices; then dropped */

struct place_udp;
struct place_tcp;

/* One place a device is reached at. */
union place {
    struct place_udp *udp;
    struct place_tcp *tcp;
};

struct server {
    struct ev_loop *loop;
    struct model *model;
    struct agent *agent;
    union place *places; /* by device number */
    double begin;
    uint32_t late_count;
    uint64_t dropped; /* answers that could not be kept or sent */
    int spare_fd;     /* given up to turn a connection away when descriptors run out */
    uint8_t inbox[65536];
};

/* Opens every device's socket. */
enum err_code serve_init(struct server *server, struct ev_loop *loop, struct model *model,
                         struct err *err) MUST_CHECK;
void serve_done(struct server *server);

/* Takes effect at once: sockets close and open as the kind asks for. */
enum err_code serve_behave(struct server *server, struct sim_device *device,
                           struct behaviour behaviour, struct err *err) MUST_CHECK;
bool serve_fits(const struct sim_device *device, enum behave_kind kind);

/* Seconds since the start: the time of waves and rates. */
double serve_now(const struct server *server);
/* The next random bytes of a device; the same in every run. */
void serve_noise(struct sim_device *device, uint8_t *bytes, size_t length);

/* serve_snmp.c */
enum err_code serve_snmp_open(struct server *server, struct sim_device *device,
                              struct err *err) MUST_CHECK;
void serve_snmp_close(struct server *server, struct sim_device *device);

/* serve_modbus.c */
enum err_code serve_modbus_open(struct server *server, struct sim_device *device,
                                struct err *err) MUST_CHECK;
void serve_modbus_close(struct server *server, struct sim_device *device);

#endif
