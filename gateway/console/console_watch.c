/*
 * console_watch.c - is the site watched, and if not, why?
 */
#include "gateway/console/console_watch.h"

#include <stdio.h>

enum console_watch
console_watch_of(const struct console_model *model, int64_t mono_ms)
{
    int64_t since_ms = model->beat_ms != 0 ? model->beat_ms : model->connected_ms;

    if (!model->is_connected)
        return CONSOLE_NO_BROKER;
    if (model->is_offline)
        return CONSOLE_NO_GATEWAY;
    if (mono_ms - since_ms > CONSOLE_SILENCE_MS)
        return CONSOLE_NO_HEARTBEAT;
    return model->beat_ms != 0 ? CONSOLE_WATCHING : CONSOLE_STARTING;
}

void
console_watch_reason(const struct console_model *model, int64_t mono_ms, char *out, size_t size)
{
    long long silent_s =
        model->last_beat_ms != 0 ? (long long)(mono_ms - model->last_beat_ms) / 1000 : 0;

    out[0] = '\0';
    switch (console_watch_of(model, mono_ms)) {
    case CONSOLE_NO_BROKER:
        snprintf(out, size, "no connection to the broker: %s",
                 model->trouble[0] != '\0' ? model->trouble : "connecting");
        break;
    case CONSOLE_NO_GATEWAY:
        snprintf(out, size, "the gateway is offline%s%s", model->gw_reason[0] != '\0' ? ": " : "",
                 model->gw_reason);
        break;
    case CONSOLE_NO_HEARTBEAT:
        if (model->last_beat_ms != 0)
            snprintf(out, size, "no heartbeat of the gateway for %lld s", silent_s);
        else
            snprintf(out, size, "no heartbeat of the gateway has come (is the site right?)");
        break;
    case CONSOLE_STARTING:
        snprintf(out, size, "waiting for the first heartbeat");
        break;
    case CONSOLE_WATCHING:
        if (model->is_degraded)
            snprintf(out, size, "the gateway is degraded: %s", model->gw_reason);
        break;
    }
}
