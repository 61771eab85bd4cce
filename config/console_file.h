/*
 * console_file.h - console.yaml: where a console finds its broker, and for whom it watches.
 */
#ifndef WATCHROOM_CONFIG_CONSOLE_FILE_H
#define WATCHROOM_CONFIG_CONSOLE_FILE_H

#include "config/diag.h"
#include "gateway/base/arena.h"

struct console_settings {
    const char *host; /* texts are in the arena; NULL: not said */
    int64_t port;
    const char *ca, *certificate, *key;
    const char *site, *user, *client;
    unsigned audiences; /* AUDIENCE_BIT()s; 0 all */
    bool bell;
};

#define CONSOLE_PORT_DEFAULT 8883

/* "security,continuity" or "all"; false: no audience of that name. */
bool console_file_audiences(const char *text, unsigned *out_audiences);

/* Keys that the file does not have leave their field as it was. Relative paths start at its folder.
 * False: the diag says why. */
bool console_file_read(const char *path, struct arena *arena, struct diag *diag,
                       struct console_settings *settings);

#endif
