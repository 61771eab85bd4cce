/*
 * news.c - what other threads have to say to the loop.
 */
#include "alerts/news.h"

#include <stdlib.h>
#include <string.h>

void
news_push(struct news_list *list, struct news *news)
{
    news->next = atomic_load(&list->newest);
    while (!atomic_compare_exchange_weak(&list->newest, &news->next, news))
        ;
    ev_async_send(list->loop, list->wake);
}

void
news_push_message(struct news_list *list, struct news *news)
{
    news->waiting = sizeof *news + (news->topic != NULL ? strlen(news->topic) : 0) +
                    news->kept_bytes + news->correlation_bytes;
    if (atomic_fetch_add(&list->waiting, news->waiting) + news->waiting > list->waiting_max ||
        news->topic == NULL || news->payload == NULL) {
        atomic_fetch_sub(&list->waiting, news->waiting);
        atomic_fetch_add(&list->dropped, 1);
        news_free(news);
        return;
    }
    news_push(list, news);
}

struct news *
news_pull(struct news_list *list)
{
    struct news *newest = atomic_exchange(&list->newest, NULL), *oldest = NULL;

    while (newest != NULL) {
        struct news *next = newest->next;

        atomic_fetch_sub(&list->waiting, newest->waiting);
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void
news_free(struct news *news)
{
    if (news == NULL)
        return;
    free(news->topic);
    free(news->response_topic);
    free(news->payload);
    free(news->correlation);
    free(news);
}

void *
news_copy(const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}
