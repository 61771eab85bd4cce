/*
 * generation.c - putting a configuration on record before it is in effect.
 */
#include "gateway/generation.h"

#include <stdlib.h>
#include <string.h>

#include "alerts/generations.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/text.h"
#include "gateway/child.h"

#define CHANGES_MAX 200 /* lines in a row of the journal ... */
#define CHANGES_BYTES_MAX ((size_t)16 * 1024)

json_t *
generation_by(const struct asker *asker)
{
    json_t *by = json_pack("{s:s}", "source", asker->source);

    if (asker->uid >= 0)
        json_object_set_new(by, "uid", json_integer(asker->uid));
    if (asker->pid >= 0)
        json_object_set_new(by, "pid", json_integer(asker->pid));
    if (asker->user[0] != '\0')
        json_object_set_new(by, "user", json_string(asker->user));
    if (asker->role[0] != '\0')
        json_object_set_new(by, "role", json_string(asker->role));
    if (asker->request[0] != '\0')
        json_object_set_new(by, "request", json_string(asker->request));
    if (asker->reverted != 0)
        json_object_set_new(by, "reverted", json_integer(asker->reverted));
    return by;
}

bool
generation_read_asker(const char *text, size_t bytes, struct asker *out_asker)
{
    json_t *object = json_parse_object(text, bytes, NULL, 0);
    struct asker asker = {.source = "control",
                          .uid = json_int_or(object, "uid", -1),
                          .pid = json_int_or(object, "pid", -1),
                          .reverted = (uint32_t)json_int_or(object, "reverted", 0)};
    bool good = object != NULL &&
                text_copy(asker.user, sizeof asker.user, json_text_or(object, "user", "")) &&
                text_copy(asker.role, sizeof asker.role, json_text_or(object, "role", "")) &&
                text_copy(asker.request, sizeof asker.request, json_text_or(object, "request", ""));

    json_decref(object);
    if (good)
        *out_asker = asker;
    return good;
}

static void
add_digest(json_t *object, const char *name, uint64_t digest)
{
    char text[17];

    snprintf(text, sizeof text, "%016llx", (unsigned long long)digest);
    json_object_set_new(object, name, json_string(text));
}

json_t *
generation_parts(const struct site *site)
{
    json_t *sections = json_object(), *workers = json_object();
    char name[32];

    for (size_t i = 0; i < site->section_count; i++)
        add_digest(sections, site->sections[i].name, site->sections[i].digest);
    const struct {
        const char *name;
        enum child_kind kind;
        bool is_wanted;
    } singles[] = {{"alarms", CHILD_ALARMS, true},
                   {"store", CHILD_STORE, true},
                   {"courier", CHILD_COURIER, site->has_broker},
                   {"web", CHILD_WEB, site->web_address != NULL}};
    for (size_t i = 0; i < ARRAY_LEN(singles); i++)
        if (singles[i].is_wanted)
            add_digest(workers, singles[i].name,
                       child_digest_of(singles[i].kind, 0, site, &site->by_name));
    for (uint32_t shard = 0; shard < site->shard_count; shard++) {
        snprintf(name, sizeof name, "collector-%u", shard);
        add_digest(workers, name, child_digest_of(CHILD_COLLECTOR, shard, site, &site->by_name));
    }
    return json_pack("{s:o, s:o}", "sections", sections, "workers", workers);
}

enum err_code
generation_read_texts(const char *state_dir, const char *digest, struct site_texts *texts,
                      struct err *err)
{
    char folder[GENERATIONS_PATH_MAX], *manifest = NULL, *text = NULL;
    struct manifest_line line;
    size_t bytes;
    enum err_code code = ERR_OK;
    struct err one;

    if (!generations_folder(state_dir, folder))
        return err_set(err, ERR_RANGE, "%s: path too long", state_dir);
    code = kept_read(folder, digest, &manifest, &bytes, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "the list of files");
    for (const char *at = manifest; generations_next_line(&at, &line);) {
        enum err_code found = kept_read(folder, line.sha256, &text, &bytes, &one);

        if (found == ERR_OK && !texts_add(texts, line.name, text, bytes))
            found = err_set(&one, ERR_NOMEM, "out of memory");
        if (found == ERR_OK) {
            free(text);
        } else if (code == ERR_OK) {
            code = err_set(err, found, "%s: %s", line.name, one.text);
        }
    }
    free(manifest);
    return code;
}

/* how it differs */

struct changes {
    json_t *lines;
    size_t bytes, omitted;
};

static void
add_change(void *ctx, const char *text)
{
    struct changes *changes = ctx;
    size_t length = strlen(text);

    if (json_array_size(changes->lines) >= CHANGES_MAX ||
        changes->bytes + length > CHANGES_BYTES_MAX) {
        changes->omitted++;
        return;
    }
    changes->bytes += length;
    json_array_append_new(changes->lines, json_string(text));
}

static void
add_changes(json_t *row, const struct site *site, const struct site_texts *texts,
            const json_t *before)
{
    struct changes changes = {.lines = json_array()};
    struct site_texts old = {0};
    struct err err;
    size_t count = 0;

    if (before != NULL) {
        json_object_set(row, "previous", json_object_get(before, "generation"));
        json_object_set(row, "previous_digest", json_object_get(before, "digest"));
        if (generation_read_texts(site->state_dir, json_text_or(before, "digest", ""), &old,
                                  &err) == ERR_OK)
            count = texts_compare(&old, texts, add_change, &changes);
        else
            json_object_set_new(row, "changes_unknown", json_string(err.text));
        texts_done(&old);
    }
    json_object_set_new(row, "changes", changes.lines);
    json_object_set_new(row, "changes_total", json_integer((json_int_t)count));
    if (changes.omitted > 0)
        json_object_set_new(row, "changes_omitted", json_integer((json_int_t)changes.omitted));
}

static enum err_code
newest_on_record(const char *state_dir, uint32_t *out_number, json_t **out_record, struct err *err)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    enum err_code code = generations_list(state_dir, &numbers, &count, err);

    *out_number = count > 0 ? numbers[count - 1] : 0;
    free(numbers);
    if (code != ERR_OK || count == 0)
        return code;
    /* One that cannot be read keeps its number. */
    if (generations_load(state_dir, *out_number, out_record, NULL) != ERR_OK)
        *out_record = NULL;
    return ERR_OK;
}

static enum err_code
keep_files(const struct site *site, const struct site_texts *texts, struct err *err)
{
    char folder[GENERATIONS_PATH_MAX], hex[DIGEST_HEX];
    enum err_code code;

    if (!generations_folder(site->state_dir, folder))
        return err_set(err, ERR_RANGE, "%s: path too long", site->state_dir);
    code = make_directory(folder, err);
    for (const struct site_text *one = texts->first; one != NULL && code == ERR_OK; one = one->next)
        code = kept_write(folder, one->text, one->bytes, hex, err);
    if (code == ERR_OK)
        code = kept_write(folder, site->manifest, strlen(site->manifest), hex, err);
    return code;
}

/* As who reads the record would find it, from wherever he asks. */
static json_t *
whole_path(const char *path)
{
    char *whole = realpath(path, NULL);
    json_t *text = json_string(whole != NULL ? whole : path);

    free(whole);
    return text;
}

enum err_code
generation_record(struct site *site, const struct site_texts *texts, const struct asker *by,
                  json_t *restarts, json_t **out_row, struct err *err)
{
    uint32_t newest = 0;
    json_t *before = NULL;
    enum err_code code = newest_on_record(site->state_dir, &newest, &before, err);

    bool is_listed = code == ERR_OK;

    if (code == ERR_OK)
        code = keep_files(site, texts, err);
    if (code == ERR_OK && strcmp(json_text_or(before, "digest", ""), site->digest) == 0) {
        site_set_generation(site, newest);
        json_decref(before);
        json_decref(restarts);
        return ERR_OK;
    }
    /* 0: what numbers there are is not known either. */
    uint32_t number = is_listed ? newest + 1 : 0;
    site_set_generation(site, number);
    json_t *row =
        json_pack("{s:b, s:I, s:s, s:o, s:o, s:I, s:o, s:I, s:[]}", "accepted", true, "generation",
                  (json_int_t)number, "digest", site->digest, "file", whole_path(site->file),
                  "profiles", whole_path(site->profiles), "at", (json_int_t)clock_now().utc_ms,
                  "by", generation_by(by), "errors", (json_int_t)0, "faults");
    if (row != NULL) {
        add_changes(row, site, texts, before);
        json_object_set_new(row, "restarts",
                            restarts != NULL ? json_incref(restarts) : json_array());
        if (code == ERR_OK)
            code = generations_save(site->state_dir, number, row, err);
    } else {
        code = err_set(err, ERR_NOMEM, "out of memory");
    }
    json_decref(restarts);
    json_decref(before);
    *out_row = row;
    return code;
}
