/*
 * news.h - what other threads have to say to the loop: a list without a lock.
 *
 * Any thread may push; only the loop pulls. The bytes of messages that wait are bounded.
 */
#ifndef WATCHROOM_ALERTS_NEWS_H
#define WATCHROOM_ALERTS_NEWS_H

#include <stdatomic.h>

#include "gateway/base/base.h"
#include "gateway/base/loop.h"

/* Bytes of messages, where nobody says otherwise; more are dropped. */
#define NEWS_WAITING_MAX ((size_t)4 * 1024 * 1024)

enum news_kind { NEWS_CONNECTED, NEWS_LOST, NEWS_DELIVERED, NEWS_DENIED, NEWS_MESSAGE };

struct news {
    struct news *next;
    enum news_kind kind;
    uint32_t session; /* of the connection attempt it belongs to */
    uint64_t token;   /* NEWS_DELIVERED; NEWS_CONNECTED: largest packet the broker takes, 0: any */
    bool is_refused, is_from_broker;
    char text[240]; /* reason */
    void *owner;
    char *topic, *response_topic;
    void *payload, *correlation;
    size_t payload_bytes, kept_bytes; /* as it came; of a long one only the beginning is kept */
    size_t correlation_bytes;
    bool retained;
    size_t waiting; /* counted while it waits */
};

struct news_list {
    struct ev_loop *loop;
    ev_async *wake; /* told of each push */
    size_t waiting_max;
    _Atomic(struct news *) newest;
    atomic_size_t waiting;
    atomic_ulong dropped; /* messages, for want of room */
};

/* Takes `news`. */
void news_push(struct news_list *list, struct news *news);
/* A message that may be dropped when too much waits. Takes `news`. */
void news_push_message(struct news_list *list, struct news *news);
/* All that waits, oldest first, linked by `next`; the caller frees each. */
struct news *news_pull(struct news_list *list);
void news_free(struct news *news);

/* A NUL-terminated copy; NULL: out of memory. */
void *news_copy(const void *bytes, size_t length);

#endif
