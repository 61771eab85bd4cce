/*
 * outbox.h - what is published when: the journal's rows in order with a window, and at each connect
 * the present alarms first.
 *
 * Pure of MQTT and SQLite: it asks for rows and hands out messages through functions, so that a
 * test drives it with a fake journal and a fake broker. A row is done when the broker has confirmed
 * every message it became; the cursor is the newest row below which all are done.
 */
#ifndef WATCHROOM_ALERTS_OUTBOX_H
#define WATCHROOM_ALERTS_OUTBOX_H

#include "alerts/journal_read.h"

struct outbox;

struct outbox_io {
    /* Publishes with QoS 1; `token` comes back through outbox_delivered. False: not now. */
    bool (*publish)(void *ctx, const char *topic, const void *payload, size_t bytes, bool retained,
                    uint64_t token);
    /* As in journal_read.h. */
    enum err_code (*rows)(void *ctx, uint64_t after, unsigned limit,
                          bool (*row)(void *ctx, const struct journal_row *row), void *row_ctx,
                          uint64_t *out_last, struct err *err);
    enum err_code (*alarms)(void *ctx, unsigned after_priority, uint64_t after_seq, unsigned limit,
                            bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority,
                                          uint64_t seq, const char *payload),
                            void *alarm_ctx, struct err *err);
};

/* `prefix` is "<root>/<site>". NULL: out of memory. */
struct outbox *outbox_new(const char *prefix, unsigned window, const struct outbox_io *io,
                          void *ctx);
void outbox_free(struct outbox *outbox);

/* Another journal, or the first: rows after `cursor` are to be sent. */
void outbox_set_cursor(struct outbox *outbox, uint64_t cursor);
uint64_t outbox_cursor(const struct outbox *outbox);

/* A connection stands: nothing is under way; alarms first, then rows after the cursor. */
void outbox_connected(struct outbox *outbox);
void outbox_disconnected(struct outbox *outbox);

/* Rows up to `committed` may be read. */
void outbox_committed(struct outbox *outbox, uint64_t committed);

/* The broker took it or refused it (then it is counted; it is not tried for ever). Tokens of an
 * earlier connection or journal are ignored. */
void outbox_delivered(struct outbox *outbox, uint64_t token);
/* The row of a token of this connection; 0: of none. */
uint64_t outbox_row_of(const struct outbox *outbox, uint64_t token);

/* Publishes as much as the window allows, reading a bounded number of rows: call it again from a
 * timer. Errors of the journal come back; try again later. */
enum err_code outbox_pump(struct outbox *outbox, struct err *err) MUST_CHECK;

/* Everything committed is published and confirmed. */
bool outbox_is_drained(const struct outbox *outbox);
/* Since the last connect the present alarms were published. */
bool outbox_is_pictured(const struct outbox *outbox);
/* Since the last connect the present alarms and the backlog of that moment were published. */
bool outbox_is_in_sync(const struct outbox *outbox);
/* Messages not confirmed yet. */
unsigned outbox_under_way(const struct outbox *outbox);

#endif
