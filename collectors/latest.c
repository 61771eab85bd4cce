/*
 * latest.c - the last reading of every point of this collector.
 */
#include "collectors/latest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

static_assert(sizeof(struct latest_point) == sizeof(struct sample), "100,000 of them are kept");

bool
latest_init(struct latest *latest, uint32_t count)
{
    *latest = (struct latest){.count = count};
    latest->points = calloc(count + 1u, sizeof *latest->points);
    return latest->points != NULL;
}

void
latest_done(struct latest *latest)
{
    for (uint32_t i = 0; latest->points != NULL && i < latest->count; i++)
        if ((latest->points[i].flags & LATEST_TEXT) != 0)
            free(latest->points[i].text);
    free(latest->points);
    *latest = (struct latest){0};
}

void
latest_name(struct latest *latest, uint32_t index, uint32_t number, unsigned kind)
{
    struct latest_point *point = &latest->points[index];

    assert(index < latest->count);
    *point = (struct latest_point){.number = number,
                                   .quality = QUALITY_BAD,
                                   .cause = CAUSE_NOT_YET_READ,
                                   .flags = (uint16_t)kind,
                                   .prev_good_mono_ms = SAMPLE_NEVER};
    if ((kind & LATEST_TEXT) != 0)
        point->text = NULL;
}

static void
restamp(struct latest_point *point, enum quality quality, enum cause cause,
        const struct stamp *stamp)
{
    /* A bad reading keeps the time of the good one before it. */
    if (point->quality != QUALITY_BAD)
        point->prev_good_mono_ms = point->mono_ms;
    point->quality = (uint8_t)quality;
    point->cause = (uint8_t)cause;
    point->flags |= LATEST_KNOWN;
    point->utc_ms = stamp->utc_ms;
    point->mono_ms = stamp->mono_ms;
}

bool
latest_read(struct latest_point *point, double value, enum quality quality, enum cause cause,
            const struct stamp *stamp)
{
    bool was_good = point->quality != QUALITY_BAD || point->prev_good_mono_ms != SAMPLE_NEVER;

    restamp(point, quality, cause, stamp);
    if (quality == QUALITY_BAD)
        return false;

    bool is_new = !was_good || value != point->value || (point->flags & LATEST_RENEW) != 0;
    point->value = value;
    return is_new && (point->flags & LATEST_STATE) != 0;
}

bool
latest_read_text(struct latest_point *point, const char *text, enum quality quality,
                 enum cause cause, const struct stamp *stamp)
{
    bool was_known = (point->flags & LATEST_KNOWN) != 0;
    bool is_new = !was_known || quality != point->quality || cause != point->cause;

    restamp(point, quality, cause, stamp);
    if (quality == QUALITY_BAD)
        return is_new;
    if (point->text != NULL && strcmp(point->text, text) == 0)
        return is_new;

    char *copy = strdup(text);
    if (copy == NULL)
        return is_new; /* the next reading tries again */
    free(point->text);
    point->text = copy;
    return true;
}

void
latest_text(const struct latest_point *point, uint16_t flags, struct text_value *out)
{
    *out = (struct text_value){.point = point->number,
                               .quality = point->quality,
                               .cause = point->cause,
                               .flags = flags,
                               .utc_ms = point->utc_ms};
    if (point->quality != QUALITY_BAD && point->text != NULL)
        text_copy(out->text, sizeof out->text, point->text);
}
