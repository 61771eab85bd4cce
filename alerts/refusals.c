/*
 * refusals.c - what the broker refuses.
 */
#include "alerts/refusals.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

bool
refusals_note(struct refusals *refusals, const char *topic, const char *reason, int64_t now_ms)
{
    struct refused_topic *place = &refusals->topics[0];

    refusals->count++;
    refusals->last_ms = now_ms;
    snprintf(refusals->reason, sizeof refusals->reason, "the broker refuses %.90s: %.50s", topic,
             reason);
    for (size_t i = 0; i < REFUSALS_TOPICS; i++) {
        struct refused_topic *one = &refusals->topics[i];

        if (strcmp(one->topic, topic) == 0) {
            if (now_ms - one->told_ms < REFUSALS_MS)
                return false;
            place = one;
            break;
        }
        if (one->told_ms < place->told_ms)
            place = one;
    }
    text_copy(place->topic, sizeof place->topic, topic);
    place->told_ms = now_ms;
    return true;
}

const char *
refusals_reason(const struct refusals *refusals, int64_t now_ms)
{
    return refusals->count > 0 && now_ms - refusals->last_ms < REFUSALS_MS ? refusals->reason
                                                                           : NULL;
}
