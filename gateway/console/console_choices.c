/*
 * console_choices.c - what the command line of a console says, and the settings that come of it.
 */
#include "gateway/console/console_choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/certificate.h"
#include "gateway/base/text.h"

enum {
    OPTION_BROKER = 256,
    OPTION_CA,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_SITE,
    OPTION_USER,
    OPTION_CLIENT,
    OPTION_AUDIENCE,
    OPTION_NO_BELL,
    OPTION_NO_COLOUR,
    OPTION_LOG
};

const struct option CONSOLE_OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                         {"broker", required_argument, NULL, OPTION_BROKER},
                                         {"ca", required_argument, NULL, OPTION_CA},
                                         {"cert", required_argument, NULL, OPTION_CERT},
                                         {"key", required_argument, NULL, OPTION_KEY},
                                         {"site", required_argument, NULL, OPTION_SITE},
                                         {"user", required_argument, NULL, OPTION_USER},
                                         {"client", required_argument, NULL, OPTION_CLIENT},
                                         {"audience", required_argument, NULL, OPTION_AUDIENCE},
                                         {"no-bell", no_argument, NULL, OPTION_NO_BELL},
                                         {"no-colour", no_argument, NULL, OPTION_NO_COLOUR},
                                         {"log", required_argument, NULL, OPTION_LOG},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};

static bool
set_broker(const char *text, struct arena *arena, struct console_settings *settings)
{
    char *host = arena_text(arena, text);
    char *colon = host != NULL ? strrchr(host, ':') : NULL;
    bool is_bare_v6 = colon != NULL && strchr(host, ':') != colon && host[0] != '[';

    if (host == NULL)
        return false;
    if (colon != NULL && !is_bare_v6 && colon[1] != ']' && strchr(colon, ']') == NULL) {
        *colon = '\0';
        if (!text_parse_int(colon + 1, 1, 65535, &settings->port))
            return false;
    }
    size_t length = strlen(host);
    if (host[0] == '[' && length > 2 && host[length - 1] == ']') {
        host[length - 1] = '\0';
        host++;
    }
    settings->host = host;
    return host[0] != '\0';
}

/* "desk-1-pts-3": the same terminal is the same console at its next start. */
static const char *
client_of(struct arena *arena)
{
    char host[64] = "console", name[ID_MAX], clean[ID_MAX];
    const char *terminal = ttyname(STDIN_FILENO);
    size_t used = 0;

    gethostname(host, sizeof host - 1);
    if (terminal != NULL && strncmp(terminal, "/dev/", 5) == 0)
        terminal += 5;
    snprintf(name, sizeof name, "%s-%.40s", host, terminal != NULL ? terminal : "none");
    for (const char *at = name; *at != '\0'; at++) {
        char c = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;

        clean[used++] = strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", c) != NULL ? c : '-';
    }
    clean[used] = '\0';
    return arena_text(arena, clean);
}

/* The first of the usual places that has a file; NULL: none. */
static const char *
usual_file(struct arena *arena)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const char *paths[] = {
        config != NULL ? arena_format(arena, "%s/watchroom/console.yaml", config) : NULL,
        home != NULL ? arena_format(arena, "%s/.config/watchroom/console.yaml", home) : NULL,
        "/etc/watchroom/console.yaml"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (paths[i] != NULL && access(paths[i], F_OK) == 0)
            return paths[i];
    return NULL;
}

static bool
read_file(const char *path, struct arena *arena, struct console_settings *settings)
{
    struct diag diag;

    diag_init(&diag);
    bool is_good = console_file_read(path, arena, &diag, settings);
    diag_print(&diag, stderr);
    diag_done(&diag);
    return is_good;
}

/* Fills in what can be known, refuses what is missing. */
static bool
complete(struct arena *arena, struct console_settings *settings)
{
    char name[ID_MAX];
    struct err err;
    const struct {
        const char *value, *option;
    } NEEDED[] = {{settings->host, "--broker"}, {settings->site, "--site"}};

    for (size_t i = 0; i < ARRAY_LEN(NEEDED); i++)
        if (NEEDED[i].value == NULL) {
            fprintf(stderr, "watchroom console: %s is missing (or a console.yaml)\n",
                    NEEDED[i].option);
            return false;
        }
    if (settings->user == NULL && settings->certificate != NULL) {
        if (certificate_name(settings->certificate, name, &err) != ERR_OK) {
            fprintf(stderr, "watchroom console: %s\n", err.text);
            return false;
        }
        settings->user = arena_text(arena, name);
    }
    if (settings->user == NULL) {
        fputs("watchroom console: who is at it? --cert, or --user\n", stderr);
        return false;
    }
    if (settings->client == NULL)
        settings->client = client_of(arena);
    if (!text_is_id(settings->site) || !text_is_id(settings->user) ||
        !text_is_id(settings->client) ||
        strlen(settings->site) + strlen(settings->user) + strlen(settings->client) > 200) {
        fputs("watchroom console: site, user and client are short names of a-z 0-9 . _ -\n",
              stderr);
        return false;
    }
    return true;
}

bool
console_choices_take(int option, const char *argument, struct arena *arena,
                     struct console_choices *choices)
{
    struct console_settings *settings = &choices->settings;

    switch (option) {
    case 'c':
        choices->file = argument;
        return true;
    case OPTION_BROKER:
        if (set_broker(argument, arena, settings))
            return true;
        fprintf(stderr, "watchroom console: --broker: \"%s\" is no HOST or HOST:PORT\n", argument);
        return false;
    case OPTION_CA:
        settings->ca = argument;
        return true;
    case OPTION_CERT:
        settings->certificate = argument;
        return true;
    case OPTION_KEY:
        settings->key = argument;
        return true;
    case OPTION_SITE:
        settings->site = argument;
        return true;
    case OPTION_USER:
        settings->user = argument;
        return true;
    case OPTION_CLIENT:
        settings->client = argument;
        return true;
    case OPTION_AUDIENCE:
        choices->has_audiences = true;
        if (console_file_audiences(argument, &settings->audiences))
            return true;
        fprintf(stderr, "watchroom console: --audience: all, or security,continuity,facilities\n");
        return false;
    case OPTION_NO_BELL:
        choices->no_bell = true;
        return true;
    case OPTION_NO_COLOUR:
        choices->no_colour = true;
        return true;
    case OPTION_LOG:
        choices->log = argument;
        return true;
    default:
        fputs("watchroom console: see watchroom console --help\n", stderr);
        return false;
    }
}

/* What the command line says goes before the file. */
static void
merge(const struct console_choices *choices, struct console_settings *settings)
{
    const struct console_settings *said = &choices->settings;

    settings->port = said->port != 0 ? said->port : settings->port;
    settings->host = said->host != NULL ? said->host : settings->host;
    settings->ca = said->ca != NULL ? said->ca : settings->ca;
    settings->certificate = said->certificate != NULL ? said->certificate : settings->certificate;
    settings->key = said->key != NULL ? said->key : settings->key;
    settings->site = said->site != NULL ? said->site : settings->site;
    settings->user = said->user != NULL ? said->user : settings->user;
    settings->client = said->client != NULL ? said->client : settings->client;
    settings->audiences = choices->has_audiences ? said->audiences : settings->audiences;
    settings->bell = settings->bell && !choices->no_bell;
}

bool
console_choices_settle(const struct console_choices *choices, struct arena *arena,
                       struct console_settings *out_settings)
{
    struct console_settings settings = {.port = CONSOLE_PORT_DEFAULT, .bell = true};
    const char *file = choices->file != NULL ? choices->file : usual_file(arena);

    if (file != NULL && !read_file(file, arena, &settings))
        return false;
    merge(choices, &settings);
    if (!complete(arena, &settings))
        return false;
    *out_settings = settings;
    return true;
}
