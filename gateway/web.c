/*
 * web.c - the web process: /metrics and /healthz on one listening socket. Writes nothing.
 *
 * What arrives: the figures of the gateway from alarms, about once a second. What leaves: answers
 * to HTTP requests, made from the newest figures. libmicrohttpd runs inside our loop through its
 * epoll descriptor; no thread, bounded connections.
 */
#include "gateway/web.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/metrics.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_IDLE_S 15
#define FIGURES_OLD_MS 6000 /* as long as the heartbeat may live without the judge */

struct web {
    struct worker worker;
    struct link *alarms;
    struct MHD_Daemon *daemon;
    ev_io readable;
    ev_timer timer;
    struct metrics *metrics;
};

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *body,
       size_t length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result
answer_metrics(struct web *web, struct MHD_Connection *connection)
{
    struct text_buf text;

    text_buf_init(&text, METRICS_TEXT_MAX);
    metrics_print(web->metrics, clock_now(), &text);
    enum MHD_Result result =
        text.failed ? answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "too large\n")
                    : answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                             text.data, text.length);
    text_buf_done(&text);
    return result;
}

static enum MHD_Result
answer_health(struct web *web, struct MHD_Connection *connection)
{
    char reason[200];

    if (metrics_is_healthy(web->metrics, clock_now(), FIGURES_OLD_MS, reason, sizeof reason))
        return answer_text(connection, MHD_HTTP_OK, "ok\n");
    return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, reason);
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct web *web = ctx;
    static int seen_headers;

    (void)version;
    (void)upload;
    if (*state == NULL) { /* the first call has the headers only */
        *state = &seen_headers;
        return MHD_YES;
    }
    if (*upload_size != 0) { /* nobody reads what is sent to us */
        *upload_size = 0;
        return MHD_YES;
    }
    worker_count(&web->worker, STAT_HTTP_REQUESTS, 1);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "read only\n");
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(web, connection);
    if (strcmp(url, "/healthz") == 0)
        return answer_health(web, connection);
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz\n");
}

static void
run_daemon(struct web *web)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    MHD_run(web->daemon);
    ev_timer_stop(web->worker.loop, &web->timer);
    if (MHD_get_timeout(web->daemon, &wait_ms) != MHD_YES)
        return;
    ev_timer_set(&web->timer, (double)wait_ms / 1000, 0);
    ev_timer_start(web->worker.loop, &web->timer);
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    run_daemon(watcher->data);
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    run_daemon(watcher->data);
}

static void
on_alarms(void *ctx, const struct msg_head *head, const void *body)
{
    struct web *web = ctx;

    if (head->type == MSG_METRICS && !metrics_take(web->metrics, clock_now(), body, head->bytes))
        log_warning("figures from alarms that are no JSON: ignored");
}

int
web_main(const struct worker_env *env, const struct web_params *params)
{
    static const struct link_handlers HANDLERS = {.on_message = on_alarms};
    struct web web = {0};
    int status = 1;

    worker_init(&web.worker, env, NULL, NULL);
    web.metrics = metrics_new(params->directory);
    if (web.metrics == NULL)
        abort();
    web.alarms = worker_link(&web.worker, params->alarms_fd, &HANDLERS, &web);
    web.daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, &web,
                         MHD_OPTION_LISTEN_SOCKET, params->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                         (unsigned)CONNECTION_IDLE_S, MHD_OPTION_END);
    if (web.daemon == NULL) {
        log_error("cannot start the HTTP server");
        goto done;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(web.daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&web.readable, on_readable, info->epoll_fd, EV_READ);
    ev_timer_init(&web.timer, on_timer, 0, 0);
    web.readable.data = web.timer.data = &web;
    ev_io_start(web.worker.loop, &web.readable);
    run_daemon(&web);
    worker_ready(&web.worker);
    status = worker_run(&web.worker);
done:
    if (web.daemon != NULL)
        MHD_stop_daemon(web.daemon);
    link_free(web.alarms);
    metrics_free(web.metrics);
    worker_done(&web.worker);
    return status;
}
