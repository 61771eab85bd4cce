/*
 * gateway_points.c - the points of the resource "gateway".
 */
#include "alerts/gateway_points.h"

#include <stdio.h>

static const char *const IDS[] = {
#define GATEWAY_POINT_ID(symbol, id) id,
    GATEWAY_POINTS(GATEWAY_POINT_ID)
#undef GATEWAY_POINT_ID
};

void
gateway_points_init(struct gateway_points *points, const struct directory *directory,
                    struct engine *engine)
{
    *points = (struct gateway_points){.engine = engine};
    for (size_t i = 0; i < GATEWAY_POINT_COUNT; i++) {
        char name[TOPIC_ID_MAX];

        snprintf(name, sizeof name, "gateway/%s", IDS[i]);
        if (!directory_find_point(directory, name, &points->points[i].number))
            points->points[i].number = UINT32_MAX;
    }
}

void
gateway_points_set(struct gateway_points *points, enum gateway_point which, double value,
                   struct stamp now)
{
    uint32_t number = points->points[which].number;

    if (points->points[which].is_fed && points->points[which].value == value)
        return;
    points->points[which].is_fed = true;
    points->points[which].value = value;
    if (number == UINT32_MAX)
        return;
    struct sample sample = {.point = number,
                            .quality = QUALITY_GOOD,
                            .cause = CAUSE_OK,
                            .value = value,
                            .utc_ms = now.utc_ms,
                            .mono_ms = now.mono_ms,
                            .prev_good_mono_ms = SAMPLE_NEVER};
    engine_sample(points->engine, &sample);
}

void
gateway_points_hold(struct gateway_points *points, enum gateway_point which, struct stamp now)
{
    points->points[which].until_mono_ms = now.mono_ms + GATEWAY_HOLD_MS;
    gateway_points_set(points, which, 1, now);
}

/* By other processes. */
static bool
is_told(enum gateway_point which)
{
    return which == GATEWAY_STORE_STATE || which == GATEWAY_STORE_TIME ||
           which == GATEWAY_BROKER_STATE;
}

void
gateway_points_tick(struct gateway_points *points, struct stamp now)
{
    for (unsigned i = 0; i < GATEWAY_POINT_COUNT; i++) {
        int64_t until = points->points[i].until_mono_ms;

        if (!points->points[i].is_fed && !is_told((enum gateway_point)i)) {
            gateway_points_set(points, (enum gateway_point)i, 0, now);
        } else if (until != 0 && now.mono_ms >= until) {
            points->points[i].until_mono_ms = 0;
            gateway_points_set(points, (enum gateway_point)i, 0, now);
        }
    }
}
