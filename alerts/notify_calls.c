/*
 * notify_calls.c - what Paho's threads have to say.
 *
 * Nothing here blocks or logs: news on a list, and the loop is woken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/notify_self.h"
#include "gateway/base/text.h"

static const char *
reason_text(enum MQTTReasonCodes reason)
{
    const char *text = MQTTReasonCode_toString(reason);

    return text != NULL ? text : "unknown reason";
}

static void
push_text(struct notify *notify, enum news_kind kind, uint64_t token, const char *text)
{
    struct news *news = calloc(1, sizeof *news);

    if (news == NULL)
        return; /* the timer notices */
    news->kind = kind;
    news->session = atomic_load(&notify->session);
    news->token = token;
    text_copy(news->text, sizeof news->text, text);
    news_push(&notify->news, news);
}

void
notify_calls_connected(void *context, MQTTAsync_successData5 *data)
{
    int largest =
        MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE)
            ? MQTTProperties_getNumericValue(&data->properties,
                                             MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE)
            : 0;

    push_text(context, NEWS_CONNECTED, largest > 0 ? (uint64_t)largest : 0, "");
}

/* "<thread>:error:<code>:<library>:<function>:<reason>:<file>:<line>:<data>": the first one of an
 * attempt is the cause. */
int
notify_calls_tls_error(const char *line, size_t length, void *context)
{
    struct notify *notify = context;
    char text[512], *part[9] = {NULL}, *rest = text;

    if (notify->tls_error[0] != '\0' || length >= sizeof text)
        return 1;
    memcpy(text, line, length);
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(part) && rest != NULL; i++)
        part[i] = i + 1 < ARRAY_LEN(part) ? strsep(&rest, ":") : rest;
    if (part[5] == NULL)
        snprintf(notify->tls_error, sizeof notify->tls_error, "%.*s",
                 (int)sizeof notify->tls_error - 1, text);
    else
        snprintf(notify->tls_error, sizeof notify->tls_error, "%.80s%s%.70s", part[5],
                 part[8] != NULL && part[8][0] != '\0' ? ", " : "", part[8] != NULL ? part[8] : "");
    return 1;
}

/* What a person can do about it. Paho says the same of a closed port and of a wrong name. */
static void
explain_tls(const struct notify *notify, const char *said, char *out, size_t size)
{
    const struct courier_params *params = notify->params;

    if (strstr(notify->tls_error, "certificate verify failed") != NULL)
        snprintf(out, size,
                 "TLS: the broker's certificate: verify failed (not signed by %s, expired, or not "
                 "valid yet)",
                 params->tls_ca);
    else if (notify->tls_error[0] != '\0')
        snprintf(out, size, "TLS: %s", notify->tls_error);
    else if (strstr(said, "timeout") != NULL)
        snprintf(out, size, "%s", said);
    else if (strstr(said, "socket error") != NULL)
        snprintf(out, size, "closed by the broker (does it accept our TLS certificate?)");
    else
        snprintf(out, size,
                 "no TCP connection, or TLS: its certificate is not for \"%s\", or it refuses ours",
                 params->host);
}

void
notify_calls_not_connected(void *context, MQTTAsync_failureData5 *data)
{
    struct notify *notify = context;
    const char *said = data->message != NULL ? data->message : "no such host, or no way to it";
    char text[240];

    if (data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        snprintf(text, sizeof text, "the session is refused: %s",
                 reason_text((enum MQTTReasonCodes)data->code));
    else if (notify->params->tls_ca != NULL)
        explain_tls(notify, said, text, sizeof text);
    else if (strstr(said, "TCP/TLS") != NULL)
        snprintf(text, sizeof text, "no TCP connection (does it listen there?)");
    else
        snprintf(text, sizeof text, "%s", said);
    push_text(notify, NEWS_LOST, 0, text);
}

void
notify_calls_lost(void *context, char *cause)
{
    push_text(context, NEWS_LOST, 0, cause != NULL ? cause : "connection lost");
}

void
notify_calls_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    push_text(context, NEWS_LOST, 0, reason_text(reason));
}

void
notify_calls_not_subscribed(void *context, MQTTAsync_failureData5 *data)
{
    if (data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        push_text(context, NEWS_DENIED, 0, reason_text(data->reasonCode));
}

static void
end_publish(struct news *news, enum MQTTReasonCodes reason)
{
    struct notify *notify = news->owner;

    news->is_from_broker = true;
    news->is_refused = reason >= MQTTREASONCODE_UNSPECIFIED_ERROR;
    if (news->is_refused)
        text_copy(news->text, sizeof news->text, reason_text(reason));
    news_push(&notify->news, news);
}

void
notify_calls_published(void *context, MQTTAsync_successData5 *data)
{
    end_publish(context, data->reasonCode);
}

void
notify_calls_not_published(void *context, MQTTAsync_failureData5 *data)
{
    if (data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        end_publish(context, data->reasonCode);
    else /* the connection went, not the message: it will be sent again */
        news_free(context);
}

void
notify_calls_sent(void *context, MQTTAsync_successData5 *data)
{
    struct notify *notify = context;

    (void)data;
    atomic_fetch_sub(&notify->values, 1);
}

void
notify_calls_not_sent(void *context, MQTTAsync_failureData5 *data)
{
    struct notify *notify = context;

    (void)data;
    atomic_fetch_sub(&notify->values, 1);
}

static char *
copy_property(const MQTTAsync_message *message, enum MQTTPropertyCodes code, size_t *out_bytes)
{
    MQTTProperties *properties = (MQTTProperties *)(uintptr_t)&message->properties;
    MQTTProperty *property = MQTTProperties_getProperty(properties, code);

    *out_bytes = 0;
    if (property == NULL)
        return NULL;
    char *copy = news_copy(property->value.data.data, (size_t)property->value.data.len);
    if (copy != NULL)
        *out_bytes = (size_t)property->value.data.len;
    return copy;
}

int
notify_calls_arrived(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct notify *notify = context;
    struct news *news = calloc(1, sizeof *news);
    size_t unused;

    if (news != NULL) {
        news->kind = NEWS_MESSAGE;
        news->session = atomic_load(&notify->session);
        news->retained = message->retained != 0;
        news->payload_bytes = (size_t)message->payloadlen;
        size_t most =
            notify->params->arrived_max != 0 ? notify->params->arrived_max : NOTIFY_PAYLOAD_MAX;
        news->kept_bytes = news->payload_bytes > most ? 0 : news->payload_bytes;
        news->topic = news_copy(topic, topic_length > 0 ? (size_t)topic_length : strlen(topic));
        news->payload = news_copy(message->payload, news->kept_bytes);
        news->response_topic = copy_property(message, MQTTPROPERTY_CODE_RESPONSE_TOPIC, &unused);
        news->correlation =
            copy_property(message, MQTTPROPERTY_CODE_CORRELATION_DATA, &news->correlation_bytes);
        news_push_message(&notify->news, news);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}
