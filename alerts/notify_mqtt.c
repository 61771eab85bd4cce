/*
 * notify_mqtt.c - one MQTT 5 session over Paho's MQTTAsync.
 *
 * Not used of Paho: its persistence (it loses messages silently on a full disk), its queue while
 * disconnected (it ends at 65,535), its automatic reconnect (we want to know of each attempt).
 */
#include "alerts/notify_mqtt.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define RETRY_MIN_S 1.0
#define RETRY_MAX_S 30.0
#define CONNECT_TIMEOUT_S 15
#define MESSAGES_WAITING_MAX 1000 /* arrived and not yet looked at; more are dropped */
#define PASSWORD_MAX 512

enum news_kind { NEWS_CONNECTED, NEWS_FAILED, NEWS_LOST, NEWS_DELIVERED, NEWS_MESSAGE };

/* What a thread of Paho has to say. */
struct news {
    struct news *next;
    enum news_kind kind;
    struct notify *notify;
    uint64_t token;
    uint32_t session;
    bool is_refused;
    char text[120]; /* reason */
    char *topic, *response_topic;
    void *payload, *correlation;
    size_t payload_bytes, correlation_bytes;
    bool retained;
};

struct notify {
    struct ev_loop *loop;
    struct notify_handlers handlers;
    void *ctx;
    MQTTAsync client;
    ev_async wake;
    ev_timer retry;
    _Atomic(struct news *) news; /* newest first */
    atomic_uint waiting;         /* arrived messages in it */
    uint32_t session;            /* counts connections: answers of earlier ones are nobody's */
    bool is_connected, is_connecting;
    double retry_s;
    char will_topic[TOPIC_ID_MAX], will[512], filter[TOPIC_ID_MAX];
    char password[PASSWORD_MAX];
    const struct courier_params *params;
};

/* in Paho's threads */

static void
push(struct notify *notify, struct news *news)
{
    news->next = atomic_load(&notify->news);
    while (!atomic_compare_exchange_weak(&notify->news, &news->next, news))
        ;
    ev_async_send(notify->loop, &notify->wake);
}

static void
push_text(struct notify *notify, enum news_kind kind, const char *text)
{
    struct news *news = calloc(1, sizeof *news);

    if (news == NULL)
        return;
    news->kind = kind;
    text_copy(news->text, sizeof news->text, text != NULL ? text : "");
    push(notify, news);
}

static void
on_connect_success(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    push_text(context, NEWS_CONNECTED, "");
}

static void
on_connect_failure(void *context, MQTTAsync_failureData5 *data)
{
    char text[120];

    if (data->reasonCode != MQTTREASONCODE_SUCCESS)
        snprintf(text, sizeof text, "refused: %s", MQTTReasonCode_toString(data->reasonCode));
    else
        snprintf(text, sizeof text, "%s",
                 data->message != NULL ? data->message : MQTTAsync_strerror(data->code));
    push_text(context, NEWS_FAILED, text);
}

static void
on_lost(void *context, char *cause)
{
    push_text(context, NEWS_LOST, cause != NULL ? cause : "connection lost");
}

static void
on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    push_text(context, NEWS_LOST, MQTTReasonCode_toString(reason));
}

static void
on_publish_success(void *context, MQTTAsync_successData5 *data)
{
    struct news *news = context;

    if (data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        news->is_refused = true;
        text_copy(news->text, sizeof news->text, MQTTReasonCode_toString(data->reasonCode));
    }
    push(news->notify, news);
}

static void
on_publish_failure(void *context, MQTTAsync_failureData5 *data)
{
    struct news *news = context;
    const char *reason = data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR
                             ? MQTTReasonCode_toString(data->reasonCode)
                             : NULL;

    if (reason == NULL) { /* the connection went, not the message: it will be sent again */
        free(news);
        return;
    }
    news->is_refused = true;
    text_copy(news->text, sizeof news->text, reason);
    push(news->notify, news);
}

static void *
copy_bytes(const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

static void
free_news(struct news *news)
{
    free(news->topic);
    free(news->response_topic);
    free(news->payload);
    free(news->correlation);
    free(news);
}

static int
on_arrived(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct notify *notify = context;
    size_t topic_bytes = topic_length > 0 ? (size_t)topic_length : strlen(topic);
    struct news *news = NULL;

    if (atomic_fetch_add(&notify->waiting, 1) >= MESSAGES_WAITING_MAX ||
        (news = calloc(1, sizeof *news)) == NULL) {
        atomic_fetch_sub(&notify->waiting, 1);
        goto done;
    }
    news->kind = NEWS_MESSAGE;
    news->topic = copy_bytes(topic, topic_bytes);
    news->payload = copy_bytes(message->payload, (size_t)message->payloadlen);
    news->payload_bytes = (size_t)message->payloadlen;
    news->retained = message->retained != 0;
    MQTTProperty *response =
        MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    MQTTProperty *correlation =
        MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (response != NULL)
        news->response_topic =
            copy_bytes(response->value.data.data, (size_t)response->value.data.len);
    if (correlation != NULL) {
        news->correlation_bytes = (size_t)correlation->value.data.len;
        news->correlation = copy_bytes(correlation->value.data.data, news->correlation_bytes);
    }
    push(notify, news);
done:
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* in the loop */

static void
plan_retry(struct notify *notify)
{
    notify->is_connected = notify->is_connecting = false;
    ev_timer_stop(notify->loop, &notify->retry);
    ev_timer_set(&notify->retry, notify->retry_s, 0);
    ev_timer_start(notify->loop, &notify->retry);
    notify->retry_s = notify->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : notify->retry_s * 2;
}

static void
connect_now(struct notify *notify)
{
    const struct courier_params *params = notify->params;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;

    will.topicName = notify->will_topic;
    will.message = notify->will;
    will.retained = 1;
    will.qos = 1;
    options.will = &will;
    options.cleanstart = 1;
    options.keepAliveInterval = params->keep_alive_s == 0 ? 10 : params->keep_alive_s;
    options.maxInflight = params->window == 0 ? 100 : params->window;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.onSuccess5 = on_connect_success;
    options.onFailure5 = on_connect_failure;
    options.context = notify;
    options.username = params->user;
    options.password = notify->password[0] != '\0' ? notify->password : NULL;
    if (params->tls_ca != NULL) {
        tls.trustStore = params->tls_ca;
        tls.keyStore = params->tls_certificate;
        tls.privateKey = params->tls_key;
        tls.enableServerCertAuth = 1;
        tls.verify = 1;
        tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
        options.ssl = &tls;
    }
    notify->is_connecting = true;
    int status = MQTTAsync_connect(notify->client, &options);
    if (status != MQTTASYNC_SUCCESS) {
        log_warning("broker %s:%u: %s; next try in %.0f s", params->host, params->port,
                    MQTTAsync_strerror(status), notify->retry_s);
        plan_retry(notify);
    }
}

static void
take_connected(struct notify *notify)
{
    MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
    MQTTSubscribe_options how = MQTTSubscribe_options_initializer;

    notify->is_connected = true;
    notify->is_connecting = false;
    notify->retry_s = RETRY_MIN_S;
    notify->session++;
    /* Retained commands come marked as such, so that they can be refused and put on record. */
    how.retainAsPublished = 1;
    options.subscribeOptions = how;
    int status = MQTTAsync_subscribe(notify->client, notify->filter, 1, &options);
    if (status != MQTTASYNC_SUCCESS)
        log_error("cannot subscribe to %s: %s", notify->filter, MQTTAsync_strerror(status));
    notify->handlers.on_connected(notify->ctx);
}

static void
take_loss(struct notify *notify, const struct news *news)
{
    bool was_connected = notify->is_connected;

    if (!was_connected && !notify->is_connecting)
        return; /* told twice */
    log_warning("broker %s:%u: %s; next try in %.0f s", notify->params->host, notify->params->port,
                news->text, notify->retry_s);
    plan_retry(notify);
    if (was_connected)
        notify->handlers.on_disconnected(notify->ctx, news->text);
}

static void
take_news(struct notify *notify, const struct news *news)
{
    switch (news->kind) {
    case NEWS_CONNECTED:
        take_connected(notify);
        break;
    case NEWS_FAILED:
    case NEWS_LOST:
        take_loss(notify, news);
        break;
    case NEWS_DELIVERED:
        if (news->session == notify->session && notify->is_connected)
            notify->handlers.on_delivered(notify->ctx, news->token,
                                          news->is_refused ? news->text : NULL);
        break;
    case NEWS_MESSAGE: {
        struct notify_message message = {
            news->topic,          news->payload,     news->payload_bytes,    news->retained,
            news->response_topic, news->correlation, news->correlation_bytes};

        atomic_fetch_sub(&notify->waiting, 1);
        if (news->topic != NULL && news->payload != NULL)
            notify->handlers.on_message(notify->ctx, &message);
        break;
    }
    }
}

/* All news, oldest first. */
static struct news *
pull_news(struct notify *notify)
{
    struct news *newest = atomic_exchange(&notify->news, NULL), *oldest = NULL;

    while (newest != NULL) {
        struct news *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void
on_wake(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct notify *notify = watcher->data;

    (void)loop;
    (void)events;
    for (struct news *news = pull_news(notify), *next; news != NULL; news = next) {
        next = news->next;
        take_news(notify, news);
        free_news(news);
    }
}

static void
on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    connect_now(watcher->data);
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
    if (!is_read)
        return err_set(err, ERR_CONFIG, "password file %s: empty", path);
    notify->password[strcspn(notify->password, "\r\n")] = '\0';
    return ERR_OK;
}

static enum err_code
make_client(struct notify *notify, struct err *err)
{
    const struct courier_params *params = notify->params;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    bool is_v6 = strchr(params->host, ':') != NULL;
    char uri[300];

    options.sendWhileDisconnected = 0;
    snprintf(uri, sizeof uri, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u",
             params->tls_ca != NULL ? "ssl" : "tcp", params->host, params->port);
    int status = MQTTAsync_createWithOptions(&notify->client, uri, params->client_id,
                                             MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (status != MQTTASYNC_SUCCESS)
        return err_set(err, ERR_CONFIG, "MQTT client for %s: %s", uri, MQTTAsync_strerror(status));
    MQTTAsync_setCallbacks(notify->client, notify, on_lost, on_arrived, NULL);
    MQTTAsync_setDisconnected(notify->client, notify, on_disconnect);
    return ERR_OK;
}

enum err_code
notify_new(struct ev_loop *loop, const struct courier_params *params, const char *will_topic,
           const char *will, const char *filter, const struct notify_handlers *handlers, void *ctx,
           struct notify **out_notify, struct err *err)
{
    struct notify *notify = calloc(1, sizeof *notify);
    enum err_code code = ERR_OK;

    if (notify == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    notify->loop = loop;
    notify->params = params;
    notify->handlers = *handlers;
    notify->ctx = ctx;
    notify->retry_s = RETRY_MIN_S;
    text_copy(notify->will_topic, sizeof notify->will_topic, will_topic);
    text_copy(notify->will, sizeof notify->will, will);
    text_copy(notify->filter, sizeof notify->filter, filter);
    ev_async_init(&notify->wake, on_wake);
    ev_timer_init(&notify->retry, on_retry, 0, 0);
    notify->wake.data = notify->retry.data = notify;
    ev_async_start(loop, &notify->wake);
    if (params->password_file != NULL)
        code = read_password(notify, params->password_file, err);
    if (code == ERR_OK)
        code = make_client(notify, err);
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
    if (notify->client != NULL) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

        options.timeout = 500;
        if (notify->is_connected &&
            MQTTAsync_disconnect(notify->client, &options) == MQTTASYNC_SUCCESS)
            for (int i = 0; i < 100 && MQTTAsync_isConnected(notify->client); i++)
                nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        MQTTAsync_destroy(&notify->client);
    }
    ev_async_stop(notify->loop, &notify->wake);
    ev_timer_stop(notify->loop, &notify->retry);
    for (struct news *news = pull_news(notify), *next; news != NULL; news = next) {
        next = news->next;
        free_news(news);
    }
    memset(notify->password, 0, sizeof notify->password);
    free(notify);
}

bool
notify_is_connected(const struct notify *notify)
{
    return notify != NULL && notify->is_connected;
}

static void
add_property(MQTTProperties *properties, MQTTProperty property)
{
    MQTTProperties_add(properties, &property);
}

static MQTTProperty
bytes_property(enum MQTTPropertyCodes code, const void *bytes, size_t length)
{
    MQTTProperty property = {.identifier = code};

    property.value.data.data = (char *)(uintptr_t)bytes;
    property.value.data.len = (int)length;
    return property;
}

bool
notify_send(struct notify *notify, const struct notify_publish *publish)
{
    static const char TYPE[] = "application/json";
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    struct news *news = NULL;

    if (!notify_is_connected(notify))
        return false;
    if (publish->qos > 0) {
        news = calloc(1, sizeof *news);
        if (news == NULL)
            return false;
        news->kind = NEWS_DELIVERED;
        news->notify = notify;
        news->token = publish->token;
        news->session = notify->session;
        options.onSuccess5 = on_publish_success;
        options.onFailure5 = on_publish_failure;
        options.context = news;
    }
    message.payload = (void *)(uintptr_t)publish->payload;
    message.payloadlen = (int)publish->payload_bytes;
    message.qos = publish->qos;
    message.retained = publish->retained;
    if (publish->payload_bytes > 0)
        add_property(&message.properties,
                     bytes_property(MQTTPROPERTY_CODE_CONTENT_TYPE, TYPE, sizeof TYPE - 1));
    if (publish->expires_s > 0) {
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};

        expiry.value.integer4 = publish->expires_s;
        add_property(&message.properties, expiry);
    }
    if (publish->correlation != NULL && publish->correlation_bytes > 0)
        add_property(&message.properties,
                     bytes_property(MQTTPROPERTY_CODE_CORRELATION_DATA, publish->correlation,
                                    publish->correlation_bytes));
    int status = MQTTAsync_sendMessage(notify->client, publish->topic, &message, &options);
    MQTTProperties_free(&message.properties);
    if (status != MQTTASYNC_SUCCESS)
        free(news);
    return status == MQTTASYNC_SUCCESS;
}
