/*
 * alarms.h - the alarms process: latest values, the engine, the journal's only writer, the control
 * socket. It decides; it never touches a network.
 */
#ifndef WATCHROOM_ALERTS_ALARMS_H
#define WATCHROOM_ALERTS_ALARMS_H

#include "alerts/alarm_def.h"
#include "alerts/engine.h"
#include "alerts/flood.h"
#include "alerts/ladder.h"
#include "gateway/base/json.h"
#include "gateway/base/worker.h"

/* Roles of alarms.md section 3, for those who give commands. */
enum role {
    ROLE_VIEWER,
    ROLE_OPERATOR,
    ROLE_SUPERVISOR,
    ROLE_MAINTAINER,
    ROLE_CONTINUITY,
    ROLE_ADMIN,
    ROLE_COUNT
};

struct user {
    const char *name;
    const char *system_user; /* SO_PEERCRED name that is this user; NULL: none */
    const char *owner;       /* of the devices that are his own; NULL: none are */
    uint8_t role;            /* enum role */
    uint8_t audiences;       /* AUDIENCE_BIT()s */
};

struct alarms_params {
    const struct directory *directory;
    const struct alarm_def *alarms; /* by number, with holes */
    uint32_t alarm_limit;
    const struct user *users;
    uint32_t user_count;
    struct ladder ladders[AUDIENCE_COUNT][5]; /* by audience and priority 1..4 */
    uint8_t watched;    /* AUDIENCE_BIT()s: somebody must be at a console */
    uint8_t unwatched_priority[AUDIENCE_COUNT];
    int64_t unwatched_after_ms[AUDIENCE_COUNT];
    const char *site_name;
    const char *time_zone;     /* of the people on site; stamps stay UTC */
    const char *state_dir;     /* journal.db, journal.ballast live here */
    const char *config_digest; /* SHA-256 in hex of the accepted configuration */
    const char *config_file;
    const json_t *config_parts; /* fingerprints of its sections and workers; NULL: not known */
    bool send_values;           /* forward samples to the courier */
    struct engine_chatter chatter;
    struct flood_limits flood;
    int64_t fold_hold_ms;      /* a root that has gone suppresses for so long */
    int64_t first_out_ms;         /* quiet time between two bursts; 0: no alarm is first-out */
    int64_t unconfirmed_after_ms; /* P1 not confirmed by the broker: run the command */
    const char *const *unconfirmed_command; /* argv, NULL-terminated; NULL: none configured */
    int64_t retention_ms;                   /* of journal rows; at least 13 months */
    uint64_t ballast_bytes;                 /* default 32 MiB */
    uint64_t journal_max_bytes;             /* a warning size; 0: none */
    int control_fd; /* listening AF_UNIX stream socket, made by the master */
    int courier_fd, store_fd, web_fd;
    const int *collector_fds;
    uint32_t collector_count;
};

/*
 * Built-in points of the resource "gateway", made by config for every site and fed by this process
 * (names in the vocabulary): journal.state, store.state, broker.state, workers.restarts ...
 */
int alarms_main(const struct worker_env *env, const struct alarms_params *params);

const char *role_name(enum role role);

#endif
