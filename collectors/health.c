/*
 * health.c - is a device up?
 */
#include "collectors/health.h"

struct health_limits
health_limits_of(uint16_t down_after, uint16_t up_after, uint32_t backoff_max_ms)
{
    return (struct health_limits){.down_after = down_after == 0 ? HEALTH_DOWN_AFTER : down_after,
                                  .up_after = up_after == 0 ? HEALTH_UP_AFTER : up_after,
                                  .backoff_max_ms =
                                      backoff_max_ms == 0 ? HEALTH_BACKOFF_MAX_MS : backoff_max_ms};
}

static bool
become(struct health_state *state, enum health health)
{
    if (state->health == health)
        return false;
    state->health = (uint8_t)health;
    return true;
}

bool
health_answer(struct health_state *state, const struct health_limits *limits)
{
    state->missed = 0;
    if (state->answered < UINT16_MAX)
        state->answered++;
    state->backoff_ms = 0;
    switch ((enum health)state->health) {
    case HEALTH_UNKNOWN:
        return become(state, HEALTH_UP);
    case HEALTH_DOWN:
        return become(state, limits->up_after <= 1 ? HEALTH_UP : HEALTH_SUSPECT);
    case HEALTH_SUSPECT:
        return state->answered >= limits->up_after && become(state, HEALTH_UP);
    case HEALTH_UP:
    case HEALTH_COUNT:
        break;
    }
    return false;
}

bool
health_miss(struct health_state *state, const struct health_limits *limits)
{
    state->answered = 0;
    if (state->missed < UINT16_MAX)
        state->missed++;
    if (state->missed >= limits->down_after)
        return become(state, HEALTH_DOWN);
    /* A device never seen stays unknown until it is known to be down. */
    return state->health == HEALTH_UP && become(state, HEALTH_SUSPECT);
}

uint32_t
health_next_probe_ms(struct health_state *state, const struct health_limits *limits, uint32_t noise)
{
    uint32_t wait = state->backoff_ms == 0 ? HEALTH_BACKOFF_MIN_MS : state->backoff_ms * 2;

    if (wait > limits->backoff_max_ms)
        wait = limits->backoff_max_ms;
    state->backoff_ms = wait;
    return wait - noise % (wait / 4 + 1);
}
