/*
 * demo_files.c - the demo's private folder and what is written into it, above all the site file.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/demo.h"

#define SITE_FILE_MAX ((size_t)1024 * 1024)
#define LOG_LINES 10

enum err_code
demo_write_file(const struct demo *demo, const char *name, const char *text, struct err *err)
{
    char path[160];
    FILE *out;

    snprintf(path, sizeof path, "%s/%s", demo->dir, name);
    out = fopen(path, "we");
    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err_code
read_file(const char *path, struct text_buf *out, struct err *err)
{
    FILE *in = fopen(path, "re");
    char part[4096];
    size_t length;

    if (in == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    while ((length = fread(part, 1, sizeof part, in)) > 0)
        text_buf_add_bytes(out, part, length);
    fclose(in);
    return out->failed ? err_set(err, ERR_FULL, "%s: too large", path) : ERR_OK;
}

enum err_code
demo_make_folder(struct demo *demo, const char *keep_dir, struct err *err)
{
    const char *base = getenv("TMPDIR");

    if (keep_dir != NULL) {
        char real[PATH_MAX];

        if ((mkdir(keep_dir, 0700) != 0 && errno != EEXIST) || realpath(keep_dir, real) == NULL)
            return err_set(err, ERR_IO, "%s: %s", keep_dir, strerror(errno));
        if (!text_copy(demo->dir, sizeof demo->dir, real))
            return err_set(err, ERR_CONFIG, "%s: name a shorter folder (less than %zu bytes)",
                           keep_dir, sizeof demo->dir);
    } else {
        if (base == NULL || strlen(base) > 30)
            base = "/tmp";
        snprintf(demo->dir, sizeof demo->dir, "%s/watchroom-demo-XXXXXX", base);
        if (mkdtemp(demo->dir) == NULL) {
            enum err_code code = err_set(err, ERR_IO, "%s: %s", demo->dir, strerror(errno));

            demo->dir[0] = '\0';
            return code;
        }
    }
    demo->keep = keep_dir != NULL;
    snprintf(demo->state_dir, sizeof demo->state_dir, "%s/state", demo->dir);
    snprintf(demo->socket, sizeof demo->socket, "%s/control", demo->dir);
    snprintf(demo->sim_socket, sizeof demo->sim_socket, "%s/sim.control", demo->dir);
    snprintf(demo->site_file, sizeof demo->site_file, "%s/site.yaml", demo->dir);
    if (keep_dir != NULL && access(demo->state_dir, F_OK) == 0)
        return err_set(err, ERR_CONFIG, "%s holds a demo already: name another folder", keep_dir);
    return ERR_OK;
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void
demo_remove_folder(const struct demo *demo)
{
    nftw(demo->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
demo_print_log(const struct demo *demo, const char *child)
{
    struct text_buf log;
    char path[160];
    struct err err;

    snprintf(path, sizeof path, "%s/%s.log", demo->dir, child);
    text_buf_init(&log, (size_t)16 * 1024 * 1024);
    if (read_file(path, &log, &err) == ERR_OK && log.length > 0) {
        const char *at = log.data + log.length;

        for (int lines = 0; at > log.data && lines <= LOG_LINES; at--)
            lines += at[-1] == '\n';
        fprintf(stderr, "--- the end of %s:\n%s", path, at);
    }
    text_buf_done(&log);
}

void
demo_ready_path(const struct demo *demo, char *out, size_t size)
{
    snprintf(out, size, "%s/sim.ready", demo->dir);
}

static json_t *
read_places(const struct demo *demo)
{
    char path[160], line[512];
    json_t *places = json_object();

    demo_ready_path(demo, path, sizeof path);
    FILE *in = fopen(path, "re");
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        json_t *place = json_parse_object(line, strlen(line), NULL, 0);

        json_object_set_new(places, json_text_or(place, "device", "?"),
                            json_sprintf("%s:%d", json_text_or(place, "address", "?"),
                                         (int)json_int_or(place, "port", 0)));
        json_decref(place);
    }
    if (in != NULL)
        fclose(in);
    return places;
}

/* Copies the template, with what stands between @ signs filled in; comments are copied as they are.
 */
static enum err_code
fill(const struct demo *demo, const json_t *places, const char *template, struct text_buf *out,
     struct err *err)
{
    for (const char *at = template; *at != '\0';) {
        size_t plain = strcspn(at, "@\n");
        const char *end = at[plain] == '@' ? strchr(at + plain + 1, '@') : NULL;
        char name[ID_MAX];

        if (at[strspn(at, " ")] == '#') {
            plain = strcspn(at, "\n");
            end = NULL;
        }
        text_buf_add_bytes(out, at, plain);
        at += plain;
        if (*at == '\n') {
            text_buf_add_bytes(out, at++, 1);
            continue;
        }
        if (*at == '\0')
            break;
        if (end == NULL || (size_t)(end - at) > sizeof name)
            return err_set(err, ERR_CONFIG, "the demo's site file: an @ without its other");
        memcpy(name, at + 1, (size_t)(end - at - 1));
        name[end - at - 1] = '\0';
        if (strcmp(name, "DIR") == 0)
            text_buf_add(out, "%s", demo->dir);
        else if (strcmp(name, "BROKER_PORT") == 0)
            text_buf_add(out, "%u", demo->broker_port);
        else if (json_object_get(places, name) != NULL)
            text_buf_add(out, "%s", json_text_or(places, name, ""));
        else
            return err_set(err, ERR_CONFIG, "the demo's site file: nothing is called @%s@", name);
        at = end + 1;
    }
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

enum err_code
demo_write_site(const struct demo *demo, const char *examples, struct err *err)
{
    struct text_buf template, site;
    char path[BESIDE_PATH_MAX + 32];
    json_t *places = read_places(demo);

    text_buf_init(&template, SITE_FILE_MAX);
    text_buf_init(&site, SITE_FILE_MAX);
    snprintf(path, sizeof path, "%s/demo/site.yaml", examples);
    enum err_code code = read_file(path, &template, err);
    if (code == ERR_OK)
        code = fill(demo, places, template.data, &site, err);
    if (code == ERR_OK)
        code = demo_write_file(demo, "site.yaml", site.data, err);
    text_buf_done(&template);
    text_buf_done(&site);
    json_decref(places);
    return code;
}
