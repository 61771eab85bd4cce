/*
 * presence.h - who watches: the consoles of people, as the broker tells of them; the evidence that
 * alarms were watched.
 *
 * A console says "watching" on presence/<user>/<client>, retained, again every minute, with "gone"
 * as last will. Who it is is the topic level, which the broker binds to an identity; audiences that
 * the user does not have do not count. Beginning and end are rows of kind "presence". What is not
 * said again for PRESENCE_EXPIRES_MS is over: a broker that was lost may hold what is no longer
 * true.
 */
#ifndef WATCHROOM_ALERTS_PRESENCE_H
#define WATCHROOM_ALERTS_PRESENCE_H

#include "alerts/alarms.h"
#include "alerts/journal.h"
#include "gateway/base/clock.h"
#include "gateway/base/msg.h"

#define PRESENCE_EXPIRES_MS INT64_C(300000)
#define PRESENCE_AGAIN_MS INT64_C(60000) /* after a new session: time to say it again */
#define PRESENCE_CLIENTS_MAX 8           /* of one user */
#define PRESENCE_MAX 256
#define PRESENCE_ROWS_PER_MIN 10 /* of one client; what changes faster is counted in the next row  \
                                  */

struct presence;

/* Borrowed. NULL: out of memory. */
struct presence *presence_new(const struct alarms_params *params, struct journal *journal);
void presence_free(struct presence *presence);

/* Who watched when the process before ended; they must say so again. */
enum err_code presence_restore(struct presence *presence, struct stamp now,
                               struct err *err) MUST_CHECK;

/* What arrived at presence/<user>/<client>; empty: the topic was emptied. False: not taken (a user
 * nobody knows, no JSON, too many clients); counted. */
bool presence_take(struct presence *presence, const struct msg_presence *head, const char *payload,
                   size_t bytes, struct stamp now);
/* The broker is there again, or lost: while it is away nothing is known, and nobody counts as gone.
 */
void presence_connected(struct presence *presence, bool is_connected, struct stamp now);
/* About once a second. */
void presence_tick(struct presence *presence, struct stamp now);

/* How many consoles watch for this audience. */
unsigned presence_watching(const struct presence *presence, unsigned audience);
/* Can that be said at all? False until a first session has had time to tell. */
bool presence_is_known(const struct presence *presence);
/* [{user, client, audiences, since}]; a new reference, NULL: out of memory. */
json_t *presence_list(const struct presence *presence);
uint64_t presence_refused(const struct presence *presence);

#endif
