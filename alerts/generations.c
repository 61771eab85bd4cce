/*
 * generations.c - the configurations that were accepted, as files.
 */
#include "alerts/generations.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/base/hash.h"
#include "gateway/base/text.h"

#define RECORD_BYTES_MAX ((size_t)256 * 1024)
#define YOUNG_MS (INT64_C(3600) * 1000)
#define RECORD_NAME "generation-%u.json"

struct needed { /* a text that some record refers to */
    UT_hash_handle hh;
    char sha256[DIGEST_HEX];
};

bool
generations_folder(const char *state_dir, char out[GENERATIONS_PATH_MAX])
{
    return snprintf(out, GENERATIONS_PATH_MAX, "%s/" GENERATIONS_FOLDER, state_dir) <
           GENERATIONS_PATH_MAX;
}

static enum err_code
record_path(const char *state_dir, uint32_t number, char out[GENERATIONS_PATH_MAX], struct err *err)
{
    if (snprintf(out, GENERATIONS_PATH_MAX, "%s/" GENERATIONS_FOLDER "/" RECORD_NAME, state_dir,
                 number) >= GENERATIONS_PATH_MAX)
        return err_set(err, ERR_RANGE, "%s: path too long", state_dir);
    return ERR_OK;
}

static bool
parse_name(const char *name, uint32_t *out_number)
{
    static const char HEAD[] = "generation-", TAIL[] = ".json";
    char digits[16];
    size_t length = strlen(name), head = sizeof HEAD - 1, tail = sizeof TAIL - 1;
    int64_t number;

    if (length <= head + tail || length - head - tail >= sizeof digits ||
        strncmp(name, HEAD, head) != 0 || strcmp(name + length - tail, TAIL) != 0)
        return false;
    memcpy(digits, name + head, length - head - tail);
    digits[length - head - tail] = '\0';
    if (!text_parse_int(digits, 1, UINT32_MAX, &number))
        return false;
    *out_number = (uint32_t)number;
    return true;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

enum err_code
generations_list(const char *state_dir, uint32_t **out_numbers, size_t *out_count, struct err *err)
{
    char folder[GENERATIONS_PATH_MAX];
    uint32_t *numbers = NULL, number;
    size_t count = 0, room = 0;
    struct dirent *entry;
    DIR *directory = generations_folder(state_dir, folder) ? opendir(folder) : NULL;

    if (directory == NULL && errno != ENOENT)
        return err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (!parse_name(entry->d_name, &number))
            continue;
        if (count == room) {
            room = room == 0 ? 64 : 2 * room;
            uint32_t *grown = realloc(numbers, room * sizeof *numbers);
            if (grown == NULL) {
                closedir(directory);
                free(numbers);
                return err_set(err, ERR_NOMEM, "out of memory");
            }
            numbers = grown;
        }
        numbers[count++] = number;
    }
    if (directory != NULL)
        closedir(directory);
    if (count > 0)
        qsort(numbers, count, sizeof *numbers, compare_numbers);
    *out_numbers = numbers;
    *out_count = count;
    return ERR_OK;
}

enum err_code
generations_load(const char *state_dir, uint32_t number, json_t **out_record, struct err *err)
{
    char path[GENERATIONS_PATH_MAX], reason[120], *text = NULL;
    size_t bytes = 0;
    enum err_code code = record_path(state_dir, number, path, err);

    if (code == ERR_OK)
        code = file_read(path, RECORD_BYTES_MAX, &text, &bytes, err);
    if (code != ERR_OK)
        return code;
    json_t *record = json_parse_object(text, bytes, reason, sizeof reason);
    free(text);
    if (record == NULL)
        return err_set(err, ERR_CORRUPT, "%s: %s", path, reason);
    if (json_int_or(record, "generation", 0) != number ||
        !kept_is_name(json_text_or(record, "digest", ""))) {
        json_decref(record);
        return err_set(err, ERR_CORRUPT, "%s is not the record of generation %u", path, number);
    }
    *out_record = record;
    return ERR_OK;
}

enum err_code
generations_save(const char *state_dir, uint32_t number, const json_t *record, struct err *err)
{
    char path[GENERATIONS_PATH_MAX], *text = json_canonical(record);
    enum err_code code = text == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                      : record_path(state_dir, number, path, err);

    if (code == ERR_OK)
        code = file_write(path, 0640, text, strlen(text), err);
    free(text);
    return code;
}

/* It becomes a path in archives and comparisons: nothing but what the configuration's files are
 * called. */
static bool
is_file_name(const char *name)
{
    static const char FOLDER[] = "profiles/", ENDING[] = ".yaml";
    size_t length = strlen(name), folder = sizeof FOLDER - 1, ending = sizeof ENDING - 1;
    char id[sizeof((struct manifest_line *)NULL)->name];

    if (strcmp(name, "site.yaml") == 0)
        return true;
    if (length <= folder + ending || strncmp(name, FOLDER, folder) != 0 ||
        strcmp(name + length - ending, ENDING) != 0)
        return false;
    snprintf(id, sizeof id, "%.*s", (int)(length - folder - ending), name + folder);
    return text_is_path(id);
}

bool
generations_next_line(const char **at, struct manifest_line *out_line)
{
    const char *line = *at;
    size_t length = strcspn(line, "\n");

    if (length <= 66 || length - 66 >= sizeof out_line->name || line[64] != ' ' || line[65] != ' ')
        return false;
    memcpy(out_line->sha256, line, 64);
    out_line->sha256[64] = '\0';
    memcpy(out_line->name, line + 66, length - 66);
    out_line->name[length - 66] = '\0';
    *at = line + length + (line[length] == '\n');
    return kept_is_name(out_line->sha256) && is_file_name(out_line->name);
}

/* pruning */

static bool
need(struct needed **set, const char *sha256)
{
    struct needed *one;

    HASH_FIND_STR(*set, sha256, one);
    if (one != NULL)
        return true;
    one = calloc(1, sizeof *one);
    if (one == NULL)
        return false;
    text_copy(one->sha256, sizeof one->sha256, sha256);
    HASH_ADD_STR(*set, sha256, one);
    if (one->hh.tbl == NULL) {
        free(one);
        return false;
    }
    return true;
}

/* False: what the record needs is not known, so nothing may go. */
static bool
need_texts_of(struct needed **set, const char *state_dir, const char *folder, uint32_t number)
{
    struct manifest_line line;
    json_t *record = NULL;
    char *manifest = NULL;
    size_t bytes;

    if (generations_load(state_dir, number, &record, NULL) != ERR_OK)
        return false;
    const char *digest = json_text_or(record, "digest", "");
    bool good = need(set, digest);
    /* One that is lost or altered is for others to tell; its texts cannot be found through it. */
    if (good && kept_read(folder, digest, &manifest, &bytes, NULL) == ERR_OK)
        for (const char *at = manifest; good && generations_next_line(&at, &line);)
            good = need(set, line.sha256);
    free(manifest);
    json_decref(record);
    return good;
}

static void
sweep(const char *folder, struct needed *set, int64_t utc_ms)
{
    DIR *directory = opendir(folder);
    char path[GENERATIONS_PATH_MAX + 256];
    struct dirent *entry;
    struct needed *one;
    struct stat status;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        HASH_FIND_STR(set, entry->d_name, one);
        bool is_left_over = strstr(entry->d_name, ".new-") != NULL;
        if (one != NULL || (!kept_is_name(entry->d_name) && !is_left_over))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &status) == 0 && (int64_t)status.st_mtime * 1000 < utc_ms - YOUNG_MS)
            unlink(path);
    }
    if (directory != NULL)
        closedir(directory);
}

void
generations_prune(const char *state_dir, bool (*is_over)(void *ctx, uint32_t number), void *ctx,
                  int64_t utc_ms)
{
    char folder[GENERATIONS_PATH_MAX], path[GENERATIONS_PATH_MAX];
    struct needed *set = NULL, *one, *next;
    uint32_t *numbers = NULL;
    size_t count = 0, kept = 0;
    bool is_known = true;

    if (!generations_folder(state_dir, folder) ||
        generations_list(state_dir, &numbers, &count, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        bool may_go = i + 1 < count && (i + GENERATIONS_MAX < count || is_over(ctx, numbers[i]));

        if (!may_go || record_path(state_dir, numbers[i], path, NULL) != ERR_OK ||
            unlink(path) != 0)
            numbers[kept++] = numbers[i];
    }
    for (size_t i = 0; i < kept && kept < count && is_known; i++)
        is_known = need_texts_of(&set, state_dir, folder, numbers[i]);
    if (kept < count && is_known)
        sweep(folder, set, utc_ms);
    HASH_ITER(hh, set, one, next)
    {
        HASH_DEL(set, one);
        free(one);
    }
    free(numbers);
}
