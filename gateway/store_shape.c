/*
 * store_shape.c - what an RRD file is made of, and what it should be made of.
 */
#include "gateway/store_shape.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/text.h"

static const char *const CONSOLIDATIONS[] = {"AVERAGE", "MIN", "MAX", "LAST"};
static_assert(ARRAY_LEN(CONSOLIDATIONS) == CF_COUNT, "names of consolidation functions");

const char *
store_shape_cf_name(unsigned cf)
{
    return CONSOLIDATIONS[cf];
}

enum err_code
store_shape_failure(struct err *err, const char *path, enum err_code otherwise)
{
    static const struct {
        const char *words;
        enum err_code code;
    } rows[] = {
        {"could not lock", ERR_BUSY},   {"No such file", ERR_NOT_FOUND},
        {"No space left", ERR_FULL},    {"quota", ERR_FULL},
        {"Permission denied", ERR_IO},  {"Too many open", ERR_IO},
        {"Read-only", ERR_IO},          {"Input/output", ERR_IO},
        {"Cannot allocate", ERR_NOMEM}, {"alloc", ERR_NOMEM},
    };
    const char *text = rrd_get_error();
    char clean[300];
    enum err_code code = otherwise;

    if (text[0] == '\0')
        text = "librrd gives no reason";

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strstr(text, rows[i].words) != NULL) {
            code = rows[i].code;
            break;
        }
    /* It quotes what it found in the file, byte by byte, and sometimes names the file itself. */
    text_clean(clean, sizeof clean, text, strlen(text));
    if (strncmp(clean, path, strlen(path)) == 0)
        err_set(err, code, "%s", clean);
    else
        err_set(err, code, "%s: %s", path, clean);
    rrd_clear_error();
    return code;
}

static void
add_archive(struct store_archives *archives, unsigned cf, unsigned steps, unsigned rows)
{
    for (unsigned i = 0; i < archives->count; i++)
        if (archives->list[i].cf == cf && archives->list[i].steps == steps) {
            if (archives->list[i].rows < rows)
                archives->list[i].rows = rows;
            return;
        }
    if (archives->count < ARCHIVES_MAX)
        archives->list[archives->count++] = (struct store_archive){cf, steps, rows};
}

static void
add_class(struct store_archives *archives, const struct store_rrd_spec *spec,
          const struct rra_class *class, bool numbers, bool states)
{
    int64_t step_ms = spec->step_s * 1000;
    int64_t steps = (class->step_ms + step_ms - 1) / step_ms;
    int64_t rows = class->keep_ms / ((steps < 1 ? 1 : steps) * step_ms);
    unsigned n = (unsigned)(steps < 1 ? 1 : steps), kept = (unsigned)(rows < 1 ? 1 : rows);

    if (numbers)
        add_archive(archives, CF_AVERAGE, n, kept);
    if (numbers && class->with_extremes) {
        add_archive(archives, CF_MIN, n, kept);
        add_archive(archives, CF_MAX, n, kept);
    }
    if (states && (n > 1 || !numbers)) /* of one value, the last is the average */
        add_archive(archives, CF_LAST, n, kept);
}

void
store_shape_wanted(const struct store_rrd_spec *spec, const struct store_map *map,
                   struct store_archives *out)
{
    const struct rra_class *longest = NULL;
    bool numbers = false, states = false;

    *out = (struct store_archives){0};
    for (uint32_t i = 0; i < map->count; i++) {
        numbers |= map->entries[i].kind == VALUE_NUMBER;
        states |= map->entries[i].kind != VALUE_NUMBER;
    }
    for (uint16_t i = 0; i < spec->class_count; i++) {
        const struct rra_class *class = &spec->classes[i];

        if (class->step_ms >= spec->step_s * 1000)
            add_class(out, spec, class, numbers, states);
        if (longest == NULL || class->keep_ms > longest->keep_ms)
            longest = class;
    }
    if (out->count == 0 && longest != NULL) {
        struct rra_class class = *longest;

        class.step_ms = spec->step_s * 1000;
        add_class(out, spec, &class, numbers, states);
    }
}

static bool
has_archive(const struct store_archives *archives, const struct store_archive *wanted)
{
    for (unsigned i = 0; i < archives->count; i++)
        if (archives->list[i].cf == wanted->cf && archives->list[i].steps == wanted->steps &&
            archives->list[i].rows == wanted->rows)
            return true;
    return false;
}

bool
store_shape_equal(const struct store_archives *a, const struct store_archives *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!has_archive(b, &a->list[i]))
            return false;
    return true;
}

/* "ds[p3].index" -> name "p3", member "index"; false when it is another key. */
static bool
split_key(const char *key, const char *array, char *out_name, size_t size, const char **out_member)
{
    size_t length = strlen(array);
    const char *end;

    if (strncmp(key, array, length) != 0 || key[length] != '[')
        return false;
    key += length + 1;
    end = strstr(key, "].");
    if (end == NULL || (size_t)(end - key) >= size)
        return false;
    memcpy(out_name, key, (size_t)(end - key));
    out_name[end - key] = '\0';
    *out_member = end + 2;
    return true;
}

static void
read_archive_key(struct store_archives *archives, const char *name, const char *member,
                 const rrd_info_t *item)
{
    unsigned long index = strtoul(name, NULL, 10);

    if (index >= ARCHIVES_MAX) {
        archives->count = 0; /* more than we ever make: rebuilt */
        return;
    }
    struct store_archive *archive = &archives->list[index];

    if (archives->count <= index)
        archives->count = (unsigned)index + 1;
    if (strcmp(member, "rows") == 0 && item->type == RD_I_CNT)
        archive->rows = (unsigned)item->value.u_cnt;
    else if (strcmp(member, "pdp_per_row") == 0 && item->type == RD_I_CNT)
        archive->steps = (unsigned)item->value.u_cnt;
    else if (strcmp(member, "cf") == 0 && item->type == RD_I_STR)
        for (unsigned cf = 0; cf < CF_COUNT; cf++)
            if (strcmp(item->value.u_str, CONSOLIDATIONS[cf]) == 0)
                archive->cf = cf;
}

static void
read_info(const rrd_info_t *item, struct store_shape *out)
{
    char name[32], wanted[32];
    const char *member;

    for (; item != NULL; item = item->next) {
        if (strcmp(item->key, "step") == 0 && item->type == RD_I_CNT) {
            out->step_s = (int64_t)item->value.u_cnt;
        } else if (strcmp(item->key, "last_update") == 0 && item->type == RD_I_CNT) {
            out->last_s = (int64_t)item->value.u_cnt;
        } else if (split_key(item->key, "rra", name, sizeof name, &member)) {
            read_archive_key(&out->archives, name, member, item);
        } else if (split_key(item->key, "ds", name, sizeof name, &member) &&
                   strcmp(member, "index") == 0 && item->type == RD_I_CNT) {
            snprintf(wanted, sizeof wanted, "p%lu", item->value.u_cnt);
            out->is_ours = out->is_ours && strcmp(name, wanted) == 0;
            out->source_count++;
        } else if (split_key(item->key, "ds", name, sizeof name, &member) &&
                   strcmp(member, "type") == 0 && item->type == RD_I_STR) {
            out->is_ours = out->is_ours && strcmp(item->value.u_str, "GAUGE") == 0;
        }
    }
}

/* librrd trusts the counts in a header; random bytes must not lead it astray. */
static enum err_code
check_beginning(const char *path, struct err *err)
{
    struct {
        char cookie[4], version[5];
        double float_cookie;
        unsigned long sources, archives, step;
    } begin;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    got = read(fd, &begin, sizeof begin);
    close(fd);
    if (got < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if ((size_t)got < sizeof begin || memcmp(begin.cookie, "RRD", 4) != 0 || begin.sources == 0 ||
        begin.sources > STORE_MAP_MAX || begin.archives == 0 || begin.archives > 1000 ||
        begin.step == 0)
        return err_set(err, ERR_CORRUPT, "%s: not an RRD file", path);
    return ERR_OK;
}

enum err_code
store_shape_read(const char *path, struct store_shape *out, struct err *err)
{
    enum err_code code = check_beginning(path, err);
    rrd_info_t *info;

    if (code != ERR_OK)
        return code;
    rrd_clear_error();
    info = rrd_info_r(path);
    if (info == NULL || rrd_test_error()) { /* of bad types it tells, and goes on */
        rrd_info_free(info);
        return store_shape_failure(err, path, ERR_CORRUPT);
    }
    *out = (struct store_shape){.is_ours = true};
    read_info(info, out);
    rrd_info_free(info);
    if (out->source_count == 0 || !out->is_ours)
        return err_set(err, ERR_CORRUPT, "%s: its data sources are not ours", path);
    return ERR_OK;
}
