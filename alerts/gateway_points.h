/*
 * gateway_points.h - the points of the resource "gateway": what the gateway knows about itself.
 *
 * They are points like any other, so that its own faults become alarms like any other. Fed when
 * they change. A site made without one of them simply does not have it.
 */
#ifndef WATCHROOM_ALERTS_GATEWAY_POINTS_H
#define WATCHROOM_ALERTS_GATEWAY_POINTS_H

#include "alerts/engine.h"

#define GATEWAY_HOLD_MS 300000 /* how long something that merely happened stays visible */

/* X(symbol, "id") */
#define GATEWAY_POINTS(X)                                                                          \
    X(JOURNAL_STATE, "journal.state")         /* 0 ok, 1 low-space, 2 failed */                    \
    X(JOURNAL_RESTARTED, "journal.restarted") /* the old file was put aside */                     \
    X(STORE_STATE, "store.state")             /* 0 ok, 1 failing */                                \
    X(STORE_TIME, "store.time")               /* times are refused */                              \
    X(STORE_LOSS, "store.loss")                                                                    \
    X(BROKER_STATE, "broker.state") /* 0 connected, 1 disconnected */                              \
    X(BROKER_UNCONFIRMED, "broker.unconfirmed")                                                    \
    X(BROKER_REFUSED, "broker.refused")       /* it refused something lately */                    \
    X(WORKERS_STATE, "workers.state")         /* 0 steady, 1 restarted */                          \
    X(CONFIG_STATE, "config.state")           /* 0 ok, 1 refused */                                \
    X(SAMPLES_MERGED, "samples.merged")       /* collectors ahead of the judge */                  \
    X(ALARMS_CHATTERING, "alarms.chattering") /* held for it */                                 \
    X(ESCALATION_STATE, "escalation.state") /* 0 ok, 1 exhausted: nobody answered any step */      \
    X(UNWATCHED_SECURITY, "unwatched.security") /* nobody of this audience is at a console */      \
    X(UNWATCHED_CONTINUITY, "unwatched.continuity")                                                \
    X(UNWATCHED_FACILITIES, "unwatched.facilities")

enum gateway_point {
#define GATEWAY_POINT_ENUM(symbol, id) GATEWAY_##symbol,
    GATEWAY_POINTS(GATEWAY_POINT_ENUM)
#undef GATEWAY_POINT_ENUM
        GATEWAY_POINT_COUNT
};

struct gateway_points {
    struct engine *engine; /* borrowed */
    struct {
        uint32_t number; /* UINT32_MAX: the site has none */
        double value;
        int64_t until_mono_ms; /* of a held one; 0: not held */
        bool is_fed;
    } points[GATEWAY_POINT_COUNT];
};

void gateway_points_init(struct gateway_points *points, const struct directory *directory,
                         struct engine *engine);
void gateway_points_set(struct gateway_points *points, enum gateway_point which, double value,
                        struct stamp now);
/* 1 now, 0 after GATEWAY_HOLD_MS without another call. */
void gateway_points_hold(struct gateway_points *points, enum gateway_point which, struct stamp now);
/* About once a second: ends what was held, and feeds 0 to what this process alone knows and has not
 * set. What store and courier tell is fed when they do: a restart must not clear their alarms. */
void gateway_points_tick(struct gateway_points *points, struct stamp now);

#endif
