/*
 * console_feed.h - messages of a gateway, for the tests of the console.
 */
#ifndef WATCHROOM_TESTS_CONSOLE_FEED_H
#define WATCHROOM_TESTS_CONSOLE_FEED_H

#include <stdio.h>
#include <string.h>

#include "gateway/console/console_model.h"

#define JID "01KB3TZ3Y8M6W2C0R7D5F9X1QA"
#define OTHER_JID "01KB3TZ3Y8M6W2C0R7D5F9X1QB"
#define START_UTC INT64_C(1795471210000)

static inline struct stamp
at_ms(int64_t mono_ms)
{
    return (struct stamp){.utc_ms = START_UTC + mono_ms, .mono_ms = mono_ms};
}

static inline void
feed(struct console_model *model, const char *name, const char *payload, bool retained, int64_t ms)
{
    console_model_take(model, name, payload, strlen(payload), retained, at_ms(ms));
}

/* {"id":"power/<id>", ...}; `more` overrides nothing, it adds. */
static inline const char *
alarm_object(const char *id, unsigned priority, unsigned occ, unsigned seq, const char *ack,
             const char *cond, const char *more)
{
    static char text[1200];

    snprintf(text, sizeof text,
             "{\"id\":\"power/%s\",\"priority\":%u,\"occ\":%u,\"seq\":%u,\"ack\":\"%s\","
             "\"cond\":\"%s\",\"raised\":%lld,\"resource\":\"ups-a\",\"text\":\"Text of %s\","
             "\"action\":\"Do it\",\"consequence\":\"Bad\",\"respond_within_s\":600,"
             "\"quality\":\"good\",\"audience\":[\"security\"]%s%s}",
             id, priority, occ, seq, ack, cond, (long long)START_UTC + seq, id,
             more[0] != '\0' ? "," : "", more);
    return text;
}

static inline void
feed_alarm(struct console_model *model, const char *id, unsigned priority, unsigned seq,
           const char *ack, const char *cond)
{
    char name[80];

    snprintf(name, sizeof name, "alarm/power/%s", id);
    feed(model, name, alarm_object(id, priority, 1, seq, ack, cond, ""), false, 10);
}

static inline const char *
row_text(const char *jid, unsigned seq, const char *alarm)
{
    static char text[1600];

    snprintf(text, sizeof text,
             "{\"jid\":\"%s\",\"seq\":%u,\"kind\":\"alarm\",\"ts\":1795471210000,"
             "\"change\":[\"raised\"],\"alarm\":%s}",
             jid, seq, alarm);
    return text;
}

static inline void
feed_row(struct console_model *model, unsigned seq, const char *alarm, int64_t ms)
{
    feed(model, "event/security", row_text(JID, seq, alarm), false, ms);
}

static inline void
feed_gw(struct console_model *model, const char *state, unsigned count, bool retained, int64_t ms)
{
    char text[300];

    snprintf(text, sizeof text,
             "{\"state\":\"%s\",\"reason\":\"because\",\"jid\":\"" JID
             "\",\"seq\":5,\"retained\":%u,\"ts\":1}",
             state, count);
    feed(model, "gw", text, retained, ms);
}

static inline void
feed_beat(struct console_model *model, const char *jid, unsigned seq, int64_t ms)
{
    char text[200];

    snprintf(text, sizeof text, "{\"jid\":\"%s\",\"seq\":%u,\"ts\":%lld,\"clock\":\"sync\"}", jid,
             seq, (long long)START_UTC + ms);
    feed(model, "hb", text, false, ms);
}

#endif
