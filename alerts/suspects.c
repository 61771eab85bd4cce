/*
 * suspects.c - messages that make the broker end the connection.
 */
#include "alerts/suspects.h"

#include <string.h>

#include "gateway/base/text.h"

void
suspects_init(struct suspects *suspects, size_t prefix_bytes)
{
    memset(suspects, 0, sizeof *suspects);
    suspects->prefix_bytes = prefix_bytes;
}

void
suspects_begin(struct suspects *suspects)
{
    suspects->under_way = suspects->answered = 0;
    suspects->was_refused = false;
}

/* "event/security", and of all others the first level: what access lists tell apart. */
static uint8_t
kind_of(struct suspects *suspects, const char *topic)
{
    char name[sizeof suspects->kinds[0].name];

    if (strlen(topic) > suspects->prefix_bytes)
        topic += suspects->prefix_bytes;
    text_copy(name, sizeof name, topic);
    if (strncmp(name, "event/", 6) != 0)
        name[strcspn(name, "/")] = '\0';
    for (uint8_t i = 0; i < SUSPECTS_KINDS; i++) {
        struct suspect_kind *kind = &suspects->kinds[i];

        if (kind->name[0] == '\0')
            text_copy(kind->name, sizeof kind->name, name);
        if (strcmp(kind->name, name) == 0)
            return i;
    }
    return SUSPECTS_KINDS - 1;
}

bool
suspects_is_blocked(struct suspects *suspects, const char *topic, int64_t now_ms)
{
    return now_ms < suspects->kinds[kind_of(suspects, topic)].blocked_until_ms;
}

bool
suspects_may_send(const struct suspects *suspects, int qos)
{
    return !suspects->is_careful || (qos > 0 && suspects->under_way == 0);
}

void
suspects_sent(struct suspects *suspects, const char *topic, int qos)
{
    if (qos == 0)
        return;
    suspects->under_way++;
    if (suspects->is_careful)
        suspects->single = kind_of(suspects, topic);
}

void
suspects_answered(struct suspects *suspects, bool is_refused)
{
    if (suspects->under_way > 0)
        suspects->under_way--;
    suspects->answered++;
    suspects->was_refused = is_refused;
    if (!suspects->is_careful || is_refused)
        return;
    struct suspect_kind *kind = &suspects->kinds[suspects->single];
    kind->strikes = 0;
    kind->block_ms = 0;
    if (suspects->answered >= SUSPECTS_TRUST_AFTER)
        suspects->is_careful = false;
}

const char *
suspects_lost(struct suspects *suspects, int64_t now_ms)
{
    struct suspect_kind *kind = &suspects->kinds[suspects->single];

    if (suspects->under_way == 0 && !suspects->was_refused)
        return NULL; /* it was at nothing of ours */
    if (!suspects->is_careful) {
        suspects->is_careful = true;
        return NULL;
    }
    /* A broker that takes nothing at all says nothing of a message: rows then wait. "gw" is the
     * first of a session and no row. */
    if (suspects->answered == 0 && strcmp(kind->name, "gw") != 0)
        return NULL;
    if (++kind->strikes < SUSPECTS_STRIKES)
        return NULL;
    kind->strikes = 0;
    kind->block_ms = kind->block_ms == 0 ? SUSPECTS_BLOCK_FIRST_MS : 2 * kind->block_ms;
    if (kind->block_ms > SUSPECTS_BLOCK_MAX_MS)
        kind->block_ms = SUSPECTS_BLOCK_MAX_MS;
    kind->blocked_until_ms = now_ms + kind->block_ms;
    return kind->name;
}
