/*
 * control.h - the control socket: clients, lines, answers; who is at the other end. What is asked
 * and answered is for others (requests.h, control_verbs.h).
 *
 * Everything is bounded: clients, the length of a line, what waits to be written for each, and the
 * time a client may be idle or slow. One request at a time each: the next line is read when the
 * answer has gone, so a slow client harms only itself.
 */
#ifndef WATCHROOM_ALERTS_CONTROL_H
#define WATCHROOM_ALERTS_CONTROL_H

#include "alerts/requests.h"
#include "gateway/base/loop.h"
#include "gateway/base/text.h"

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_IDLE_MS 60000   /* without a request */
#define CONTROL_SLOW_MS 30000   /* without taking anything of its answer */
#define CONTROL_ANSWER_MS 15000 /* an answer that others must give first */

struct control;
struct control_client;

struct control_peer {
    int64_t uid, pid;
};

/* Where a long answer stands. */
struct control_cursor {
    uint32_t at;
    uint32_t from, to; /* the producer's own bounds */
    uint32_t written;
    bool all;
};

/* Adds some of a long answer (some kilobytes); false: that was the end of it. */
typedef bool control_producer(void *ctx, struct control_cursor *cursor, struct text_buf *out);

/* A sound request. Must lead to one of the control_answer functions, now or later. */
typedef void control_handler(void *ctx, struct control_client *client,
                             const struct control_request *request);

/* Takes `listen_fd` (stays open in the master). `ctx` is also the producers'. NULL: out of memory.
 */
struct control *control_new(struct ev_loop *loop, int listen_fd, control_handler *on_request,
                            void *ctx);
void control_free(struct control *control);

struct control_peer control_peer(const struct control_client *client);

/* An answer in one piece: a JSON object, without newline. Copied. */
void control_answer(struct control_client *client, const char *text, size_t bytes);
/* {"code":...,"error":...,"ok":false} */
void control_refuse(struct control_client *client, const char *code, const char *error);
/* A long answer, made as it is read. */
void control_stream(struct control_client *client, control_producer *produce,
                    struct control_cursor cursor);

/* An answer that others must give first: until then the client waits. The ticket finds it again, if
 * it is still there. */
uint64_t control_wait(struct control_client *client);
struct control_client *control_find(struct control *control, uint64_t ticket);

/* About once a second: those who were idle or slow for too long. */
void control_tick(struct control *control, int64_t mono_ms);

unsigned control_clients(const struct control *control);

#endif
