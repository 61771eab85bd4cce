/*
 * console_watch.h - is the site watched, and if not, why? A console that shows a quiet site because
 * nobody judges it is worse than none.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_WATCH_H
#define WATCHROOM_GATEWAY_CONSOLE_WATCH_H

#include "gateway/console/console_model.h"

enum console_watch {
    CONSOLE_NO_BROKER, /* not monitoring, as the next two */
    CONSOLE_NO_HEARTBEAT,
    CONSOLE_NO_GATEWAY, /* it says so itself, or its last will does */
    CONSOLE_STARTING,   /* connected, and the first heartbeat is not due yet */
    CONSOLE_WATCHING
};

enum console_watch console_watch_of(const struct console_model *model, int64_t mono_ms);
/* One line: why there is no watching; or what is degraded; "" all is well. */
void console_watch_reason(const struct console_model *model, int64_t mono_ms, char *out,
                          size_t size);

#endif
