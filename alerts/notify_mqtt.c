/*
 * notify_mqtt.c - one MQTT 5 session over Paho's MQTTAsync.
 *
 * Not used of Paho: its persistence (it loses messages silently on a full disk), its queue while
 * disconnected (it ends at 65,535), its automatic reconnect (we want to know of each attempt).
 * Each attempt gets a client object of its own: 1.3.12 keeps what it had accepted for a lost
 * connection and sends it first in the next one, before what the courier has to say again - rows
 * out of order. A second object that never connects keeps Paho's threads alive meanwhile.
 */
#include "alerts/notify_mqtt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "alerts/notify_self.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define RETRY_MIN_S 1.0
#define RETRY_MAX_S 30.0
#define CONNECT_TIMEOUT_S 15
#define CONNECT_STUCK_S 120.0 /* neither success nor failure was told by then */
#define KEEP_ALIVE_S 10
#define WINDOW_DEFAULT 100
#define OTHERS_MAX 200           /* messages in Paho's queue besides the window */
#define VALUES_MAX 100           /* of them without confirmation */
#define PACKET_MAX (64u * 1024u) /* the largest we wish to receive */
#define PACKET_ROOM 128          /* of a message besides its texts */

static void
arm(struct notify *notify, double seconds)
{
    ev_timer_stop(notify->loop, &notify->retry);
    ev_timer_set(&notify->retry, seconds, 0);
    ev_timer_start(notify->loop, &notify->retry);
}

static void
plan_retry(struct notify *notify, const char *reason)
{
    log_warning("broker %s:%u: %s; next try in %.0f s", notify->params->host, notify->params->port,
                reason, notify->retry_s);
    notify->is_connected = notify->is_connecting = false;
    text_copy(notify->trouble, sizeof notify->trouble, reason);
    arm(notify, notify->retry_s);
    notify->retry_s = notify->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : notify->retry_s * 2;
}

static unsigned
window_of(const struct courier_params *params)
{
    return params->window == 0 ? WINDOW_DEFAULT : params->window;
}

static int
make_client(struct notify *notify)
{
    const struct courier_params *params = notify->params;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    bool is_v6 = strchr(params->host, ':') != NULL;
    char uri[300];

    options.sendWhileDisconnected = 0;
    options.maxBufferedMessages = (int)window_of(params) + OTHERS_MAX;
    snprintf(uri, sizeof uri, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u",
             params->tls_ca != NULL ? "ssl" : "tcp", params->host, params->port);
    int status = MQTTAsync_createWithOptions(&notify->client, uri, params->client_id,
                                             MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (status != MQTTASYNC_SUCCESS)
        return status;
    MQTTAsync_setCallbacks(notify->client, notify, notify_calls_lost, notify_calls_arrived, NULL);
    return MQTTAsync_setDisconnected(notify->client, notify, notify_calls_disconnected);
}

static int
begin_connect(struct notify *notify)
{
    const struct courier_params *params = notify->params;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer,
                   will_properties = MQTTProperties_initializer;
    MQTTProperty largest = {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE};

    /* What the broker hands over then fits: nothing that was kept back passes for empty. */
    largest.value.integer4 = params->arrived_max > PACKET_MAX ? params->arrived_max : PACKET_MAX;
    MQTTProperties_add(&properties, &largest);
    options.connectProperties = &properties;
    will.topicName = notify->will_topic;
    will.message = notify->will;
    will.retained = 1;
    will.qos = 1;
    options.will = &will;
    notify_properties_add(&will_properties,
                          &(struct notify_publish){.payload_bytes = strlen(notify->will)});
    options.willProperties = &will_properties;
    options.cleanstart = 1;
    options.keepAliveInterval = params->keep_alive_s == 0 ? KEEP_ALIVE_S : params->keep_alive_s;
    options.maxInflight = (int)window_of(params);
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.onSuccess5 = notify_calls_connected;
    options.onFailure5 = notify_calls_not_connected;
    options.context = notify;
    options.username = params->user;
    options.password = notify->password[0] != '\0' ? notify->password : NULL;
    if (params->tls_ca != NULL) {
        tls.trustStore = params->tls_ca;
        tls.keyStore = params->tls_certificate;
        tls.privateKey = params->tls_key;
        tls.enableServerCertAuth = 1;
        tls.verify = 1;
        /* With Debian's OpenSSL Paho takes 1.2 and 1.3, whatever this says. */
        tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
        tls.ssl_error_cb = notify_calls_tls_error;
        tls.ssl_error_context = notify;
        options.ssl = &tls;
    }
    int status = MQTTAsync_connect(notify->client, &options);
    MQTTProperties_free(&properties);
    MQTTProperties_free(&will_properties);
    return status;
}

static void
connect_now(struct notify *notify)
{
    MQTTAsync_destroy(&notify->client); /* with all it still holds */
    atomic_fetch_add(&notify->session, 1);
    atomic_store(&notify->values, 0);
    suspects_begin(&notify->suspects);
    notify->tls_error[0] = '\0';
    notify->is_connecting = true;

    struct err err;
    if (notify_files_check(&notify->files, notify->params, &err) != ERR_OK) {
        plan_retry(notify, err.text);
        return;
    }
    int status = make_client(notify);
    if (status == MQTTASYNC_SUCCESS)
        status = begin_connect(notify);
    if (status == MQTTASYNC_SUCCESS)
        arm(notify, CONNECT_STUCK_S);
    else
        plan_retry(notify, MQTTAsync_strerror(status));
}

static void
lose(struct notify *notify, const char *reason)
{
    bool was_connected = notify->is_connected;

    if (!was_connected && !notify->is_connecting)
        return; /* told twice */
    const char *blocked =
        was_connected ? suspects_lost(&notify->suspects, clock_now().mono_ms) : NULL;
    if (blocked != NULL)
        log_error(
            "the broker ends the connection each time at \"%s\" (its access list?): nothing of "
            "it is sent for a while",
            blocked);
    plan_retry(notify, reason);
    if (was_connected)
        notify->handlers.on_disconnected(notify->ctx, reason);
}

static void
take_message(struct notify *notify, const struct news *news)
{
    struct notify_message message = {.topic = news->topic,
                                     .payload = news->payload,
                                     .payload_bytes = news->kept_bytes,
                                     .retained = news->retained,
                                     .response_topic = news->response_topic,
                                     .correlation = news->correlation,
                                     .correlation_bytes = news->correlation_bytes};

    if (news->payload_bytes > news->kept_bytes)
        log_debug("%s: %zu bytes are too many", news->topic, news->payload_bytes);
    notify->handlers.on_message(notify->ctx, &message);
}

static void
take_news(struct notify *notify, const struct news *news)
{
    if (news->session != atomic_load(&notify->session))
        return;
    switch (news->kind) {
    case NEWS_CONNECTED:
        ev_timer_stop(notify->loop, &notify->retry);
        notify->is_connected = true;
        notify->is_connecting = false;
        notify->retry_s = RETRY_MIN_S;
        notify->trouble[0] = '\0';
        notify->packet_max = (size_t)news->token;
        notify->handlers.on_connected(notify->ctx);
        break;
    case NEWS_LOST:
        lose(notify, news->text);
        break;
    case NEWS_DENIED:
        log_error("the broker refuses a subscription: %s (its access list?)", news->text);
        break;
    case NEWS_DELIVERED:
        if (!notify->is_connected)
            break;
        if (news->is_from_broker)
            suspects_answered(&notify->suspects, news->is_refused);
        notify->handlers.on_delivered(notify->ctx, news->token, news->topic,
                                      news->is_refused ? news->text : NULL);
        break;
    case NEWS_MESSAGE:
        take_message(notify, news);
        break;
    }
}

static void
on_wake(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct notify *notify = watcher->data;
    unsigned long dropped = atomic_load(&notify->news.dropped);

    (void)loop;
    (void)events;
    for (struct news *news = news_pull(&notify->news), *next; news != NULL; news = next) {
        next = news->next;
        take_news(notify, news);
        news_free(news);
    }
    if (notify->dropped_told == 0 && dropped > 0)
        log_warning("more messages arrive than can be looked at: the rest is dropped");
    notify->dropped_told = dropped;
}

static void
on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct notify *notify = watcher->data;

    (void)loop;
    (void)events;
    if (notify->is_connecting)
        log_warning("broker %s:%u: no answer to the attempt to connect", notify->params->host,
                    notify->params->port);
    connect_now(notify);
}

static enum err_code
read_password(struct notify *notify, const char *path, struct err *err)
{
    struct stat info;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return err_set(err, ERR_IO, "password file %s: %s", path, strerror(errno));
    bool is_secret = fstat(fileno(file), &info) == 0 && (info.st_mode & 077) == 0;
    bool is_read = fgets(notify->password, sizeof notify->password, file) != NULL;
    fclose(file);
    if (!is_secret)
        return err_set(err, ERR_DENIED, "password file %s: others may read it; chmod 600", path);
    notify->password[strcspn(notify->password, "\r\n")] = '\0';
    if (!is_read || notify->password[0] == '\0')
        return err_set(err, ERR_CONFIG, "password file %s: empty", path);
    return ERR_OK;
}

enum err_code
notify_new(struct ev_loop *loop, const struct courier_params *params, const char *will_topic,
           const char *will, const struct notify_handlers *handlers, void *ctx,
           struct notify **out_notify, struct err *err)
{
    struct notify *notify = calloc(1, sizeof *notify);
    enum err_code code = ERR_OK;

    if (notify == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    notify->loop = notify->news.loop = loop;
    notify->news.waiting_max = params->waiting_max != 0 ? params->waiting_max : NEWS_WAITING_MAX;
    notify->params = params;
    notify->handlers = *handlers;
    notify->ctx = ctx;
    notify->retry_s = RETRY_MIN_S;
    text_copy(notify->will_topic, sizeof notify->will_topic, will_topic);
    suspects_init(&notify->suspects, strlen(params->root) + strlen(params->site) + 2);
    text_copy(notify->will, sizeof notify->will, will);
    ev_async_init(&notify->wake, on_wake);
    ev_timer_init(&notify->retry, on_retry, 0, 0);
    notify->wake.data = notify->retry.data = notify;
    notify->news.wake = &notify->wake;
    ev_async_start(loop, &notify->wake);
    if (params->password_file != NULL)
        code = read_password(notify, params->password_file, err);
    if (code == ERR_OK && MQTTAsync_create(&notify->keeper, "tcp://127.0.0.1:1", "keeper",
                                           MQTTCLIENT_PERSISTENCE_NONE, NULL) != MQTTASYNC_SUCCESS)
        code = err_set(err, ERR_NOMEM, "no MQTT client");
    if (code != ERR_OK) {
        notify_free(notify);
        return code;
    }
    connect_now(notify);
    *out_notify = notify;
    return ERR_OK;
}

void
notify_free(struct notify *notify)
{
    if (notify == NULL)
        return;
    if (notify->is_connected) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

        options.timeout = 500;
        if (MQTTAsync_disconnect(notify->client, &options) == MQTTASYNC_SUCCESS)
            for (int i = 0; i < 100 && MQTTAsync_isConnected(notify->client); i++)
                nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    MQTTAsync_destroy(&notify->client);
    MQTTAsync_destroy(&notify->keeper); /* the last one: Paho's threads end */
    ev_async_stop(notify->loop, &notify->wake);
    ev_timer_stop(notify->loop, &notify->retry);
    for (struct news *news = news_pull(&notify->news), *next; news != NULL; news = next) {
        next = news->next;
        news_free(news);
    }
    explicit_bzero(notify->password, sizeof notify->password);
    free(notify);
}

bool
notify_is_connected(const struct notify *notify)
{
    return notify != NULL && notify->is_connected;
}

const char *
notify_trouble(const struct notify *notify)
{
    return notify->trouble;
}

const char *
notify_complaint(struct notify *notify)
{
    return notify_files_complaint(&notify->files, notify->params);
}

void
notify_restart(struct notify *notify, const char *reason)
{
    lose(notify, reason);
}

void
notify_subscribe(struct notify *notify, const char *filter, int qos, enum notify_retained retained)
{
    MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
    MQTTSubscribe_options how = MQTTSubscribe_options_initializer;

    if (!notify_is_connected(notify))
        return;
    how.noLocal = 1;
    how.retainAsPublished = retained == NOTIFY_RETAINED_ASKED;
    options.subscribeOptions = how;
    options.onFailure5 = notify_calls_not_subscribed;
    options.context = notify;
    int status = MQTTAsync_subscribe(notify->client, filter, qos, &options);
    if (status != MQTTASYNC_SUCCESS)
        log_error("cannot subscribe to %s: %s", filter, MQTTAsync_strerror(status));
}

/* What tells of the end of a publish with QoS 1; NULL: out of memory. */
static struct news *
make_news(struct notify *notify, const struct notify_publish *publish)
{
    struct news *news = calloc(1, sizeof *news);

    if (news == NULL)
        return NULL;
    news->kind = NEWS_DELIVERED;
    news->owner = notify;
    news->token = publish->token;
    news->session = atomic_load(&notify->session);
    news->topic = news_copy(publish->topic, strlen(publish->topic));
    if (news->topic != NULL)
        return news;
    news_free(news);
    return NULL;
}

/* The broker would end the session, and at the next one again: the rest must not wait for it. */
static bool
is_too_large(const struct notify *notify, const struct notify_publish *publish)
{
    return notify->packet_max > 0 && strlen(publish->topic) + publish->payload_bytes +
                                             publish->correlation_bytes + PACKET_ROOM >
                                         notify->packet_max;
}

static bool
refuse_here(struct notify *notify, const struct notify_publish *publish, const char *reason)
{
    struct news *news = make_news(notify, publish);

    if (news == NULL)
        return false;
    news->is_refused = true;
    text_copy(news->text, sizeof news->text, reason);
    news_push(&notify->news, news);
    return true;
}

bool
notify_send(struct notify *notify, const struct notify_publish *publish)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    struct news *news = NULL;
    int64_t now_ms = clock_now().mono_ms;

    if (!notify_is_connected(notify))
        return false;
    if (is_too_large(notify, publish))
        return refuse_here(notify, publish, "larger than it takes in a packet");
    if (suspects_is_blocked(&notify->suspects, publish->topic, now_ms))
        return refuse_here(notify, publish, "it ends the connection");
    if (!suspects_may_send(&notify->suspects, publish->qos))
        return false;
    if (publish->qos > 0) {
        if ((news = make_news(notify, publish)) == NULL)
            return false;
        options.onSuccess5 = notify_calls_published;
        options.onFailure5 = notify_calls_not_published;
        options.context = news;
    } else {
        if (atomic_load(&notify->values) >= VALUES_MAX)
            return false;
        atomic_fetch_add(&notify->values, 1);
        options.onSuccess5 = notify_calls_sent;
        options.onFailure5 = notify_calls_not_sent;
        options.context = notify;
    }
    message.payload = (void *)(uintptr_t)publish->payload;
    message.payloadlen = (int)publish->payload_bytes;
    message.qos = publish->qos;
    message.retained = publish->retained;
    notify_properties_add(&message.properties, publish);
    int status = MQTTAsync_sendMessage(notify->client, publish->topic, &message, &options);
    MQTTProperties_free(&message.properties);
    if (status == MQTTASYNC_SUCCESS) {
        suspects_sent(&notify->suspects, publish->topic, publish->qos);
        return true;
    }
    if (publish->qos == 0)
        atomic_fetch_sub(&notify->values, 1);
    news_free(news);
    return false;
}
