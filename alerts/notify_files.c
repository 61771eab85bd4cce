/*
 * notify_files.c - the files of TLS, as the next handshake will find them.
 */
#include "alerts/notify_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/certificate.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define LOOK_MS 3600000
#define DAY_S 86400
#define SOON_DAYS 14

/* "" when there is nothing to say of the dates. */
static void
judge_dates(const char *path, int64_t begins_s, int64_t ends_s, char *out, size_t size)
{
    int64_t now_s = clock_now().utc_ms / 1000;

    out[0] = '\0';
    if (now_s < begins_s)
        snprintf(out, size, "%s is not valid yet (is the clock right?)", path);
    else if (now_s >= ends_s)
        snprintf(out, size, "%s has expired", path);
    else if (ends_s - now_s < SOON_DAYS * DAY_S)
        snprintf(out, size, "%s expires in %" PRId64 " days", path, (ends_s - now_s) / DAY_S);
}

static void
complain(struct notify_files *files, const char *text)
{
    if (strcmp(files->complaint, text) == 0)
        return;
    text_copy(files->complaint, sizeof files->complaint, text);
    if (text[0] != '\0')
        log_warning("TLS: %s", text);
}

/* In the order in which they are worth a complaint: only one is told at a time. */
static enum err_code
look(const struct courier_params *params, char *complaint, size_t size, struct err *err)
{
    int64_t begins_s, ends_s;
    struct stat info;
    enum err_code code;

    complaint[0] = '\0';
    if (params->tls_certificate != NULL) {
        code = certificate_check(params->tls_certificate, params->tls_key, &begins_s, &ends_s, err);
        if (code != ERR_OK)
            return code;
        judge_dates(params->tls_certificate, begins_s, ends_s, complaint, size);
        if (complaint[0] == '\0' && stat(params->tls_key, &info) == 0 && (info.st_mode & 077) != 0)
            snprintf(complaint, size, "%s: others may read it; chmod 600", params->tls_key);
    }
    code = certificate_check(params->tls_ca, NULL, &begins_s, &ends_s, err);
    if (code == ERR_OK && complaint[0] == '\0')
        judge_dates(params->tls_ca, begins_s, ends_s, complaint, size);
    return code;
}

enum err_code
notify_files_check(struct notify_files *files, const struct courier_params *params, struct err *err)
{
    char complaint[sizeof files->complaint];

    if (params->tls_ca == NULL)
        return ERR_OK;
    files->looked_ms = clock_now().mono_ms;
    enum err_code code = look(params, complaint, sizeof complaint, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "TLS");
    complain(files, complaint);
    return ERR_OK;
}

const char *
notify_files_complaint(struct notify_files *files, const struct courier_params *params)
{
    char complaint[sizeof files->complaint];
    int64_t now_ms = clock_now().mono_ms;
    struct err err;

    if (params->tls_ca != NULL && now_ms - files->looked_ms >= LOOK_MS) {
        files->looked_ms = now_ms;
        if (look(params, complaint, sizeof complaint, &err) != ERR_OK)
            text_copy(complaint, sizeof complaint, err.text);
        complain(files, complaint);
    }
    return files->complaint[0] != '\0' ? files->complaint : NULL;
}
