/*
 * courier_self.h - the courier process from the inside: its parts, for the few files that make it
 * up.
 */
#ifndef WATCHROOM_ALERTS_COURIER_SELF_H
#define WATCHROOM_ALERTS_COURIER_SELF_H

#include "alerts/cursor.h"
#include "alerts/early.h"
#include "alerts/notify_mqtt.h"
#include "alerts/outbox.h"
#include "alerts/refusals.h"
#include "alerts/sweep.h"
#include "alerts/values_out.h"
#include "alerts/witness.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#define TOPIC_MAX (3 * TOPIC_ID_MAX)
#define REFUSED_MAX 512
#define NO_TOKEN (UINT64_MAX - 1) /* of what nobody waits to be confirmed */

struct courier {
    struct worker worker;
    const struct courier_params *params;
    struct link *alarms;
    struct notify *notify;
    struct outbox *outbox;
    struct values_out *values; /* NULL: not published */
    struct journal_reader *reader;
    struct cursor cursor;
    struct early *early;
    struct sweep *sweep;
    char jid[27], boot[37], prefix[TOPIC_ID_MAX];
    ev_timer pulse;
    struct msg_tick tick;
    int64_t ticked_ms; /* 0: never */
    int64_t told_ms, beat_ms, gw_ms, sum_ms, stop_ms;
    int64_t save_after_ms, opened_ms, progress_ms, command_dropped_ms;
    uint64_t saved_seq, told_seq;
    struct refusals refusals;
    struct witness witness;
    struct msg_refused refused[REFUSED_MAX]; /* alarms does not know yet */
    size_t refused_count;
    char gw_state[16], gw_reason[176], gw_config[72];
    uint32_t gw_retained;
    char *sum; /* as last published */
    bool owes_meta, is_stopping, is_save_failing;
    struct err journal_err;
};

/* courier.c; `name` is the topic below "<root>/<site>/". False: not now. */
bool courier_publish(struct courier *courier, const char *name, const char *payload, size_t bytes,
                     int qos, bool retained, uint32_t expires_s);

/* state_out.c: what consoles see besides alarms and values */

/* JSON of gw, to be freed; NULL: out of memory. The will is composed before anything happened. */
char *state_out_will(const struct courier *courier);
char *state_out_gw(const struct courier *courier, const char *state, const char *reason);
/* A session begins: gw at once; the others, once the backlog is told. */
void state_out_connected(struct courier *courier, int64_t now_ms);
/* Publishes what is due: gw, hb, sum, meta, audit/checkpoint. */
void state_out_pulse(struct courier *courier, int64_t now_ms);
/* The session ends, as it should. */
void state_out_stopped(struct courier *courier, int64_t now_ms);

/* commands_mqtt.c: orders from the broker to alarms, outcomes back */

void commands_mqtt_subscribe(struct courier *courier);
/* False: it is no command. */
bool commands_mqtt_take(struct courier *courier, const struct notify_message *message);
void commands_mqtt_answer(struct courier *courier, const struct msg_command *command,
                          const char *text, size_t bytes);

/* presence_mqtt.c: who watches, from the broker to alarms */

void presence_mqtt_subscribe(struct courier *courier);
/* False: it is none. */
bool presence_mqtt_take(struct courier *courier, const struct notify_message *message);

#endif
