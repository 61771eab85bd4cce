/*
 * cmd_common.h - what the commands share: their common options, the call to the gateway, times.
 */
#ifndef WATCHROOM_GATEWAY_CMD_COMMON_H
#define WATCHROOM_GATEWAY_CMD_COMMON_H

#include <getopt.h>
#include <stdio.h>

#include "gateway/base/json.h"
#include "gateway/cmd.h"

struct common_options {
    const char *socket; /* NULL: as control_client.h finds it */
    bool json;
};

/* The options that every asking command has; `value` beyond 255 is a command's own. */
#define COMMON_OPTIONS                                                                             \
    {"socket", required_argument, NULL, 'S'}, {"json", no_argument, NULL, 'j'},                    \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }
#define COMMON_HELP                                                                                \
    "      --socket PATH   control socket (default $WATCHROOM_SOCKET, then\n"                      \
    "                      /run/watchroom/control)\n"                                              \
    "      --json          for programs\n"                                                         \
    "  -h, --help          this text\n"

/* Handles one of COMMON_OPTIONS. True: go on parsing; false: return *out_exit. */
bool common_option(int option, struct common_options *options, const char *command,
                   const char *help, int *out_exit);

/* Refuses arguments beyond `max`; false: return EXIT_USAGE. */
bool common_arguments(int argc, char **argv, int max);

/*
 * Where the gateway keeps its files; and, for who has set no TZ, its site's time zone becomes that
 * of this process. `told` (may be NULL): the user named the folder, nobody is asked. Says why not on
 * stderr.
 */
int common_state_dir(const struct common_options *options, const char *told, char *out,
                     size_t size);

/*
 * Sends a request (taken) and gives the reply (a new reference). On failure says why on stderr and
 * returns an exit status; EXIT_FINE otherwise.
 */
int common_call(const struct common_options *options, json_t *request, json_t **out_reply);

/* Pretty JSON and a newline on stdout; returns EXIT_FINE, or EXIT_BROKEN when stdout failed. */
int common_print_json(const json_t *value);

/* The file appears whole, or not at all with a word on stderr; EXIT_FINE or EXIT_BROKEN. */
int common_write_file(const char *name, const void *bytes, size_t length);

/* "3 s", "12 min", "5 h", "3 d"; `out` at least 24 bytes. */
void common_format_age(int64_t ms, char *out, size_t size);
/* "2026-11-23 03:04:05" local time; `out` at least 20 bytes. */
void common_format_local(int64_t utc_ms, char *out, size_t size);
/* "2026-11-23T08:00", with seconds, with a blank, without a time; local, or UTC with a Z behind. */
bool common_parse_time(const char *text, int64_t *out_s);
/* A number as people write it, without noise: 6 significant digits. */
void common_format_value(const json_t *value, char *out, size_t size);

#endif
