/*
 * console_alarm.h - one alarm as a console holds it, read from its JSON object.
 *
 * All texts are clean for a terminal (console_text.h) and cut to a maximum.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_ALARM_H
#define WATCHROOM_GATEWAY_CONSOLE_ALARM_H

#include "alerts/alarm_def.h"
#include "alerts/alarm_step.h"
#include "gateway/base/hash.h"
#include "gateway/base/json.h"

struct console_alarm {
    UT_hash_handle hh; /* by id, on the board */
    char id[TOPIC_ID_MAX];
    uint64_t seq; /* of the row that made this state */
    uint32_t occ;
    uint32_t round;   /* the picture it was seen in last */
    uint8_t priority; /* 1 to 4 */
    uint8_t audiences;
    struct alarm_regions is; /* as far as it is told */
    bool first_out, managed;
    bool is_rest; /* normal, nothing to acknowledge, not suppressed, good: not listed */
    int64_t raised, cleared, ts, aside_until; /* UTC ms; 0: unknown */
    int64_t respond_within_s;
    uint32_t chatter;
    char value[64]; /* with its unit, or its label; "" unknown */
    char limit[24];
    /* Each in its own memory; never NULL. `acked`, `aside`: who said so, and why; `impacts`: what
     * is folded under it. */
    char *text, *consequence, *action, *resource, *type, *zone, *owner, *root, *acked, *aside,
        *impacts;
};

/* NULL: no such alarm can be (or out of memory). The caller frees. */
struct console_alarm *console_alarm_read(const json_t *object);
void console_alarm_free(struct console_alarm *alarm); /* NULL is fine */

bool console_alarm_is_unacked(const struct console_alarm *alarm);
/* "UNACKED", "acked", "UNACK-CLR", "shelved" ...: at most 9 columns; tells by itself, without
 * colour. */
const char *console_alarm_state(const struct console_alarm *alarm);
/* "respond within 10 min: 3 min left"; "" not known */
void console_alarm_response(const struct console_alarm *alarm, int64_t gateway_utc_ms, char *out,
                            size_t size);
/* "shelved, out of service"; "" */
void console_alarm_suppression(const struct console_alarm *alarm, char *out, size_t size);

#endif
