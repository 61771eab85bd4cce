/*
 * cmd_common.c - what the commands share.
 */
#include "gateway/cmd_common.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/control_client.h"

#define TIME_MIN_S (INT64_C(10) * 366 * 86400) /* librrd takes smaller numbers for dates */

bool
common_option(int option, struct common_options *options, const char *command, const char *help,
              int *out_exit)
{
    switch (option) {
    case 'S':
        options->socket = optarg;
        return true;
    case 'j':
        options->json = true;
        return true;
    case 'h':
        fputs(help, stdout);
        *out_exit = EXIT_FINE;
        return false;
    default:
        fprintf(stderr, "see watchroom %s --help\n", command);
        *out_exit = EXIT_USAGE;
        return false;
    }
}

bool
common_arguments(int argc, char **argv, int max)
{
    if (argc - optind <= max)
        return true;
    fprintf(stderr, "watchroom %s: \"%s\" is too much; see watchroom %s --help\n", argv[0],
            argv[optind + max], argv[0]);
    return false;
}

int
common_call(const struct common_options *options, json_t *request, json_t **out_reply)
{
    struct err err;
    json_t *reply = NULL;
    enum err_code code = control_call(options->socket, request, &reply, &err);

    json_decref(request);
    if (code != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return EXIT_UNREACHABLE;
    }
    if (!json_is_true(json_object_get(reply, "ok"))) {
        fprintf(stderr, "watchroom: %s: %s\n", json_text_or(reply, "code", "refused"),
                json_text_or(reply, "error", "no reason given"));
        json_decref(reply);
        return EXIT_WRONG;
    }
    *out_reply = reply;
    return EXIT_FINE;
}

int
common_print_json(const json_t *value)
{
    if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0 ||
        putchar('\n') == EOF || fflush(stdout) != 0)
        return EXIT_BROKEN;
    return EXIT_FINE;
}

int
common_write_file(const char *name, const void *bytes, size_t length)
{
    char temporary[PATH_MAX];
    FILE *file;
    bool is_written;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new-%d", name, (int)getpid()) >=
        sizeof temporary) {
        fprintf(stderr, "watchroom: %.80s...: the name is too long\n", name);
        return EXIT_BROKEN;
    }
    file = fopen(temporary, "wxe");
    is_written = file != NULL && fwrite(bytes, 1, length, file) == length && fflush(file) == 0;
    if (file != NULL && fclose(file) != 0)
        is_written = false;
    if (is_written && rename(temporary, name) == 0)
        return EXIT_FINE;
    fprintf(stderr, "watchroom: %s: %s\n", name, strerror(errno));
    if (file != NULL)
        unlink(temporary);
    return EXIT_BROKEN;
}

void
common_format_age(int64_t ms, char *out, size_t size)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } UNITS[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};

    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
        if (ms >= 2 * UNITS[i].ms) {
            snprintf(out, size, "%lld %s", (long long)(ms / UNITS[i].ms), UNITS[i].unit);
            return;
        }
    snprintf(out, size, "%lld s", ms < 0 ? 0 : (long long)(ms / 1000));
}

void
common_format_local(int64_t utc_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, size, "?");
}

void
common_format_value(const json_t *value, char *out, size_t size)
{
    if (json_is_integer(value))
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, size, "%.6g", json_real_value(value));
    else if (json_is_string(value))
        snprintf(out, size, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "true" : "false");
    else
        snprintf(out, size, "-");
}

int
common_state_dir(const struct common_options *options, const char *told, char *out, size_t size)
{
    json_t *reply;

    if (told != NULL)
        return text_copy(out, size, told) ? EXIT_FINE : EXIT_USAGE;
    int status = common_call(options, json_pack("{s:s}", "verb", "status"), &reply);
    if (status != EXIT_FINE)
        return status;
    if (!text_copy(out, size, json_text_or(reply, "state_dir", "")) || out[0] == '\0') {
        fputs("watchroom: the gateway does not say where its files are; use --state-dir\n", stderr);
        status = EXIT_BROKEN;
    }
    setenv("TZ", json_text_or(reply, "time_zone", "UTC"), 0);
    tzset();
    json_decref(reply);
    return status;
}

bool
common_parse_time(const char *text, int64_t *out_s)
{
    static const char *const FORMATS[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
                                          "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, FORMATS[i], &tm);

        if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
            continue;
        *out_s = *end == 'Z' ? (int64_t)timegm(&tm) : (int64_t)mktime(&tm);
        return *out_s >= TIME_MIN_S;
    }
    return false;
}
