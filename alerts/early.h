/*
 * early.h - rows that are told before they are on disk, because the disk takes nothing.
 *
 * Kept until the journal has them: the picture at a connect comes from the journal and is older
 * than they are, so they are told again after it. Bounded; what does not fit is told when it is on
 * disk, and counted.
 */
#ifndef WATCHROOM_ALERTS_EARLY_H
#define WATCHROOM_ALERTS_EARLY_H

#include "gateway/base/msg.h"

#define EARLY_ROWS_MAX 1000
#define EARLY_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct early;

struct early *early_new(void); /* NULL: out of memory */
void early_free(struct early *early);

/* `row` is the JSON text; copied. False: no room, or not a row. */
bool early_take(struct early *early, const struct msg_row *head, const char *row, size_t bytes);
/* What is on disk is the outbox's. */
void early_committed(struct early *early, uint64_t seq);
/* Another connection, or another journal: all is to be told again, or none. */
void early_again(struct early *early);
void early_forget(struct early *early);

/* Hands out what was not told, oldest first: `name` is "event/<audience>" or "alarm/<id>", the
 * payload of an alarm at rest is empty. `publish` returns false to stop: told again later. */
void early_pump(struct early *early,
                bool (*publish)(void *ctx, const char *name, const char *payload, size_t bytes,
                                bool retained),
                void *ctx);

bool early_has_alarm(const struct early *early, const char *alarm_id);
uint64_t early_dropped(const struct early *early);

#endif
