/*
 * console_session.c - a console at the broker.
 *
 * Subscriptions in this order: rows first (QoS 1), so that none is missed while the picture comes;
 * then the alarms, with QoS 0, for a broker's limit on queues cuts QoS 1 silently; gw at last: what
 * the broker remembers of it arrives behind all alarms, and says how many they must be.
 */
#include "gateway/console/console_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/notify_mqtt.h"
#include "gateway/base/text.h"
#include "gateway/console/console_text.h"

#define ROOT "watchroom/1"
#define ARRIVED_MAX (1024u * 1024u)     /* a page of rows */
#define WAITING_MAX (96u * 1024 * 1024) /* a picture of 20,000 alarms */
#define ORDER_EXPIRES_S (CONSOLE_ANSWER_MS / 1000)
#define PRESENCE_MS 60000

struct console_session {
    struct courier_params params;
    char client_id[2 * ID_MAX + 32], prefix[ID_MAX + 32], presence[3 * ID_MAX + 64],
        answers[3 * ID_MAX + 64];
    const struct console_settings *settings;
    struct console_model *model;
    struct notify *notify;
    void (*on_news)(void *ctx);
    void *ctx;
    int64_t since_utc_ms, said_ms; /* presence */
    uint64_t orders;
    char under_way[CONSOLE_ORDERS_MAX][27]; /* cids, by token */
};

static char *
presence_of(const struct console_session *session, const char *state, int64_t utc_ms)
{
    unsigned audiences = session->settings->audiences;
    json_t *names = json_array();

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if (audiences == 0 || (audiences & AUDIENCE_BIT(i)) != 0)
            json_array_append_new(names, json_string(audience_name((enum audience)i)));
    json_t *object = json_pack("{s:s, s:o, s:I, s:I}", "state", state, "audiences", names, "since",
                               (json_int_t)session->since_utc_ms, "ts", (json_int_t)utc_ms);
    char *text = object != NULL ? json_canonical(object) : NULL;

    json_decref(object);
    return text;
}

static void
say_presence(struct console_session *session, const char *state, struct stamp now)
{
    char *text = presence_of(session, state, console_model_gateway_ms(session->model, now));

    if (text != NULL &&
        notify_send(session->notify, &(struct notify_publish){.topic = session->presence,
                                                              .payload = text,
                                                              .payload_bytes = strlen(text),
                                                              .qos = 1,
                                                              .retained = true,
                                                              .token = UINT64_MAX}))
        session->said_ms = now.mono_ms;
    free(text);
}

static void
subscribe(struct console_session *session, const char *name, int qos)
{
    char filter[2 * TOPIC_ID_MAX];

    snprintf(filter, sizeof filter, "%s/%s", session->prefix, name);
    notify_subscribe(session->notify, filter, qos, NOTIFY_RETAINED_NOW);
}

static void
ask_picture(struct console_session *session)
{
    subscribe(session, "alarm/#", 0);
    subscribe(session, "gw", 0);
}

static void
on_connected(void *ctx)
{
    struct console_session *session = ctx;
    struct stamp now = clock_now();
    char own[ID_MAX + 8];

    snprintf(own, sizeof own, "notify/%s", session->settings->user);
    subscribe(session, "event/+", 1);
    notify_subscribe(session->notify, session->answers, 1, NOTIFY_RETAINED_NOW);
    subscribe(session, own, 1);
    subscribe(session, "hb", 0);
    subscribe(session, "sum", 0);
    console_model_connected(session->model, now);
    session->since_utc_ms = now.utc_ms;
    say_presence(session, "watching", now);
    session->on_news(session->ctx);
}

static void
on_disconnected(void *ctx, const char *reason)
{
    struct console_session *session = ctx;

    console_model_disconnected(session->model, reason);
    session->on_news(session->ctx);
}

static void
on_delivered(void *ctx, uint64_t token, const char *topic, const char *refused)
{
    struct console_session *session = ctx;
    char why[200];

    (void)topic;
    if (refused == NULL || token == UINT64_MAX)
        return;
    snprintf(why, sizeof why, "the broker does not take it: %.150s", refused);
    console_orders_fail(&session->model->orders, session->under_way[token % CONSOLE_ORDERS_MAX],
                        why);
    session->on_news(session->ctx);
}

static void
on_message(void *ctx, const struct notify_message *message)
{
    struct console_session *session = ctx;
    size_t prefix = strlen(session->prefix);

    if (strncmp(message->topic, session->prefix, prefix) != 0 || message->topic[prefix] != '/')
        return;
    console_model_take(session->model, message->topic + prefix + 1, message->payload,
                       message->payload_bytes, message->retained, clock_now());
    session->on_news(session->ctx);
}

bool
console_session_send(struct console_session *session, const char *verb, const char *payload,
                     const char *cid)
{
    uint64_t token = session->orders++ % CONSOLE_ORDERS_MAX;
    char topic[2 * TOPIC_ID_MAX];

    text_copy(session->under_way[token], sizeof session->under_way[token], cid);
    snprintf(topic, sizeof topic, "%s/cmd/%s/%s", session->prefix, session->settings->user, verb);
    return notify_send(session->notify, &(struct notify_publish){.topic = topic,
                                                                 .payload = payload,
                                                                 .payload_bytes = strlen(payload),
                                                                 .qos = 1,
                                                                 .expires_s = ORDER_EXPIRES_S,
                                                                 .correlation = cid,
                                                                 .correlation_bytes = strlen(cid),
                                                                 .response_topic = session->answers,
                                                                 .token = token});
}

bool
console_session_work(struct console_session *session, struct stamp now)
{
    struct console_model *model = session->model;

    /* Attempts that fail are nobody's event. */
    if (!notify_is_connected(session->notify) && notify_trouble(session->notify)[0] != '\0')
        console_model_disconnected(model, notify_trouble(session->notify));
    const char *complaint = notify_complaint(session->notify);
    console_text_clean(model->complaint, sizeof model->complaint,
                       complaint != NULL ? complaint : "");
    console_model_tick(model, now);
    unsigned wishes = console_model_wishes(model);
    if (!notify_is_connected(session->notify))
        return false;
    if ((wishes & CONSOLE_WISH_PICTURE) != 0)
        ask_picture(session);
    if ((wishes & CONSOLE_WISH_GET) != 0) {
        char *payload = console_model_get(model, now);

        if (payload != NULL)
            console_session_send(session, "get", payload, model->catch_up.cid);
        free(payload);
    }
    if (now.mono_ms - session->said_ms >= PRESENCE_MS)
        say_presence(session, "watching", now);
    return (wishes & CONSOLE_WISH_BELL) != 0;
}

static void
make_names(struct console_session *session)
{
    const struct console_settings *settings = session->settings;

    snprintf(session->client_id, sizeof session->client_id, "watchroom-%s-%s", settings->user,
             settings->client);
    snprintf(session->prefix, sizeof session->prefix, ROOT "/%s", settings->site);
    snprintf(session->presence, sizeof session->presence, "%s/presence/%s/%s", session->prefix,
             settings->user, settings->client);
    snprintf(session->answers, sizeof session->answers, "%s/rsp/%s/%s", session->prefix,
             settings->user, settings->client);
    session->params = (struct courier_params){.site = settings->site,
                                              .root = ROOT,
                                              .host = settings->host,
                                              .port = (uint16_t)settings->port,
                                              .client_id = session->client_id,
                                              .tls_ca = settings->ca,
                                              .tls_certificate = settings->certificate,
                                              .tls_key = settings->key,
                                              .arrived_max = ARRIVED_MAX,
                                              .waiting_max = WAITING_MAX};
}

enum err_code
console_session_new(struct ev_loop *loop, const struct console_settings *settings,
                    struct console_model *model, void (*on_news)(void *ctx), void *ctx,
                    struct console_session **out_session, struct err *err)
{
    static const struct notify_handlers HANDLERS = {on_connected, on_disconnected, on_delivered,
                                                    on_message};
    struct console_session *session = calloc(1, sizeof *session);
    struct stamp now = clock_now();

    if (session == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    session->settings = settings;
    session->model = model;
    session->on_news = on_news;
    session->ctx = ctx;
    session->since_utc_ms = now.utc_ms;
    make_names(session);
    char *will = presence_of(session, "gone", now.utc_ms);
    enum err_code code = will == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                      : notify_new(loop, &session->params, session->presence, will,
                                                   &HANDLERS, session, &session->notify, err);

    free(will);
    if (code != ERR_OK) {
        free(session);
        return code;
    }
    *out_session = session;
    return ERR_OK;
}

void
console_session_free(struct console_session *session)
{
    if (session == NULL)
        return;
    if (notify_is_connected(session->notify))
        say_presence(session, "gone", clock_now());
    notify_free(session->notify);
    free(session);
}
