/*
 * notify_mqtt.h - one MQTT 5 session, as transport only: what to say and in which order is
 * outbox.h's.
 *
 * Paho's two threads only put news on a lock-free list and wake the loop; every handler below is
 * called from the loop. Nothing blocks: names are resolved in Paho's thread. Lost connections are
 * tried again after 1, 2, 4 ... 30 s. Nothing is queued while there is no connection, and nothing
 * survives one.
 */
#ifndef WATCHROOM_ALERTS_NOTIFY_MQTT_H
#define WATCHROOM_ALERTS_NOTIFY_MQTT_H

#include "alerts/courier.h"
#include "gateway/base/err.h"

struct notify;

/* Of an arrived message, where the params do not say; it comes empty when it is longer. */
#define NOTIFY_PAYLOAD_MAX 4096

struct notify_message { /* one that arrived; borrowed until the handler returns */
    const char *topic;
    const void *payload;
    size_t payload_bytes;
    bool retained;
    const char *response_topic; /* NULL: none */
    const void *correlation;
    size_t correlation_bytes;
};

struct notify_handlers {
    void (*on_connected)(void *ctx);
    void (*on_disconnected)(void *ctx, const char *reason);
    /* A publish with QoS 1 ended: `refused` is NULL when the broker took it, else its reason. Those
     * of an earlier connection are not told. */
    void (*on_delivered)(void *ctx, uint64_t token, const char *topic, const char *refused);
    void (*on_message)(void *ctx, const struct notify_message *message);
};

struct notify_publish {
    const char *topic;
    const void *payload;
    size_t payload_bytes;
    int qos; /* 0 or 1 */
    bool retained;
    uint32_t expires_s;      /* 0: never */
    const char *jid;         /* with seq: the row that emptied a topic; its payload cannot say it */
    uint64_t seq;            /* 0: none */
    const void *correlation; /* NULL: none */
    size_t correlation_bytes;
    const char *response_topic; /* NULL: none */
    uint64_t token;             /* comes back in on_delivered, QoS 1 only */
};

/*
 * Starts connecting. The will is what the broker says of us when we vanish: retained `will` on
 * `will_topic`.
 */
enum err_code notify_new(struct ev_loop *loop, const struct courier_params *params,
                         const char *will_topic, const char *will,
                         const struct notify_handlers *handlers, void *ctx,
                         struct notify **out_notify, struct err *err) MUST_CHECK;
/* Disconnects as a client that means it (no will), waiting at most a second. */
void notify_free(struct notify *notify);

bool notify_is_connected(const struct notify *notify);

/* Why the last attempt to connect failed, or the connection broke; "": neither since it was made.
 */
const char *notify_trouble(const struct notify *notify);

/* What about our certificate needs care within days; NULL: nothing. */
const char *notify_complaint(struct notify *notify);

/* Ends the connection and begins anew: something about it is not as it should be. */
void notify_restart(struct notify *notify, const char *reason);

enum notify_retained {
    NOTIFY_RETAINED_NOW,  /* "retained": the broker held it when we subscribed */
    NOTIFY_RETAINED_ASKED /* "retained": its sender wished it so, whenever it was sent */
};

/* For this connection. Not our own messages. A refusal is logged. */
void notify_subscribe(struct notify *notify, const char *filter, int qos,
                      enum notify_retained retained);

/* False: not connected, or too much waits to be sent; nothing was sent and no on_delivered
 * follows. What is larger than the broker takes is told as refused. */
bool notify_send(struct notify *notify, const struct notify_publish *publish);

#endif
