/*
 * notify_self.h - the inside of a session, for the files that make it up: notify_mqtt.c and
 * notify_properties.c run in the loop, notify_calls.c in Paho's threads.
 */
#ifndef WATCHROOM_ALERTS_NOTIFY_SELF_H
#define WATCHROOM_ALERTS_NOTIFY_SELF_H

#include <MQTTAsync.h>

#include "alerts/news.h"
#include "alerts/notify_files.h"
#include "alerts/notify_mqtt.h"
#include "alerts/suspects.h"

#define PASSWORD_MAX 512

struct notify {
    struct ev_loop *loop;
    struct notify_handlers handlers;
    void *ctx;
    MQTTAsync client, keeper;
    ev_async wake;
    ev_timer retry; /* connecting: gives up waiting for news; else: tries again */
    struct news_list news;
    atomic_uint session; /* counts attempts: what comes from earlier ones is nobody's */
    atomic_uint values;  /* messages with QoS 0 in Paho's hands */
    bool is_connected, is_connecting;
    double retry_s;
    size_t packet_max; /* the broker takes; 0: any */
    unsigned long dropped_told;
    struct suspects suspects;
    char trouble[240];
    char tls_error[160]; /* written by Paho's threads while connecting */
    char will_topic[TOPIC_ID_MAX], will[512];
    char password[PASSWORD_MAX];
    struct notify_files files;
    const struct courier_params *params;
};

/* notify_properties.c: what MQTT 5 says beside a payload. To be freed. */
void notify_properties_add(MQTTProperties *properties, const struct notify_publish *publish);

/* All called by Paho's threads, with its lock held (destroying a client calls the failures from the
 * loop); they only push news. `context` is the session, of the publishes its news. */
void notify_calls_connected(void *context, MQTTAsync_successData5 *data);
void notify_calls_not_connected(void *context, MQTTAsync_failureData5 *data);
void notify_calls_lost(void *context, char *cause);
void notify_calls_disconnected(void *context, MQTTProperties *properties,
                               enum MQTTReasonCodes reason);
void notify_calls_not_subscribed(void *context, MQTTAsync_failureData5 *data);
void notify_calls_published(void *context, MQTTAsync_successData5 *data);
void notify_calls_not_published(void *context, MQTTAsync_failureData5 *data);
/* With QoS 0: only counted. */
void notify_calls_sent(void *context, MQTTAsync_successData5 *data);
void notify_calls_not_sent(void *context, MQTTAsync_failureData5 *data);
int notify_calls_arrived(void *context, char *topic, int topic_length, MQTTAsync_message *message);
/* A line of OpenSSL's error queue. */
int notify_calls_tls_error(const char *line, size_t length, void *context);

#endif
