/*
 * courier.h - the courier process: the MQTT session. Reads the journal, decides nothing.
 */
#ifndef WATCHROOM_ALERTS_COURIER_H
#define WATCHROOM_ALERTS_COURIER_H

#include "gateway/base/point.h"
#include "gateway/base/worker.h"

struct courier_params {
    const struct directory *directory;
    const char *site;          /* site id: the topic level */
    const char *root;          /* "watchroom/1"; an exercise has another */
    const char *state_dir;     /* journal.db is read here; courier.cursor is written */
    const char *config_digest;
    const char *host;          /* numeric or a name; resolved by Paho's own thread */
    uint16_t port;
    const char *client_id;
    const char *user;          /* NULL: none, as the next */
    const char *password_file; /* read after the fork, mode checked */
    const char *tls_ca;        /* NULL: no TLS */
    const char *tls_certificate;
    const char *tls_key;
    uint16_t keep_alive_s;
    uint16_t window;           /* QoS 1 messages under way; default 100 */
    uint32_t arrived_max;      /* bytes of an arrived message; 0: those of a command */
    uint32_t waiting_max;      /* bytes of messages that wait to be looked at; 0: 4 MiB */
    bool publish_values;
    int alarms_fd;
};

int courier_main(const struct worker_env *env, const struct courier_params *params);

#endif
