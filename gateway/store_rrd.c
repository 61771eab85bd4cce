/*
 * store_rrd.c - RRD files through librrd: make, check, widen, rebuild, update.
 *
 * Of librrd only the functions with _r are used, and rrd_tune; never the rrdc_ ones, which block
 * for ever on a stopped daemon. It says what went wrong in words only, so words are looked at.
 */
#include "gateway/store_rrd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/store_map.h"
#include "gateway/store_rows.h"

#define HEARTBEAT_STEPS 3
#define ARCHIVES_MAX (4 * RRA_CLASSES_MAX)
#define ARGUMENT_BYTES 64

static const char *const CONSOLIDATIONS[] = {"AVERAGE", "MIN", "MAX", "LAST"};
enum { CF_AVERAGE, CF_MIN, CF_MAX, CF_LAST, CF_COUNT };
static_assert(ARRAY_LEN(CONSOLIDATIONS) == CF_COUNT, "names of consolidation functions");

struct archive {
    unsigned cf, steps, rows;
};

struct archives {
    struct archive list[ARCHIVES_MAX];
    unsigned count;
};

/* What a file says about itself. */
struct header {
    int64_t step_s, last_s;
    uint32_t source_count;
    bool is_ours; /* data source k is called p<k> and a gauge */
    struct archives archives;
};

void
store_rrd_init(void)
{
    unsetenv("RRDCACHED_ADDRESS"); /* rrd_tune() would talk to the daemon, blocking */
}

bool
store_rrd_exists(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

/* `otherwise`: what a reason means that is none of those of a sound file at a bad moment. */
static enum err_code
rrd_failure(struct err *err, const char *path, enum err_code otherwise)
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
        err_set(err, code, "%s: %s", path, clean[0] == '\0' ? "librrd gives no reason" : clean);
    rrd_clear_error();
    return code;
}

/* ---- archives ---- */

static void
add_archive(struct archives *archives, unsigned cf, unsigned steps, unsigned rows)
{
    for (unsigned i = 0; i < archives->count; i++)
        if (archives->list[i].cf == cf && archives->list[i].steps == steps) {
            if (archives->list[i].rows < rows)
                archives->list[i].rows = rows;
            return;
        }
    if (archives->count < ARCHIVES_MAX)
        archives->list[archives->count++] = (struct archive){cf, steps, rows};
}

static void
add_class(struct archives *archives, const struct store_rrd_spec *spec,
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
    if (states)
        add_archive(archives, CF_LAST, n, kept);
}

/* Classes finer than the file's step have nothing to hold; when all are, the longest stands in. */
static void
wanted_archives(const struct store_rrd_spec *spec, const struct store_map *map,
                struct archives *out)
{
    const struct rra_class *longest = NULL;
    bool numbers = false, states = false;

    *out = (struct archives){0};
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
has_archive(const struct archives *archives, const struct archive *wanted)
{
    for (unsigned i = 0; i < archives->count; i++)
        if (archives->list[i].cf == wanted->cf && archives->list[i].steps == wanted->steps &&
            archives->list[i].rows == wanted->rows)
            return true;
    return false;
}

static bool
are_equal(const struct archives *a, const struct archives *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!has_archive(b, &a->list[i]))
            return false;
    return true;
}

/* ---- what is there ---- */

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
read_archive_key(struct archives *archives, const char *name, const char *member,
                 const rrd_info_t *item)
{
    unsigned long index = strtoul(name, NULL, 10);

    if (index >= ARCHIVES_MAX) {
        archives->count = 0; /* more than we ever make: rebuilt */
        return;
    }
    struct archive *archive = &archives->list[index];

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
read_info(const rrd_info_t *item, struct header *out)
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

static enum err_code
read_header(const char *path, struct header *out, struct err *err)
{
    enum err_code code = check_beginning(path, err);
    rrd_info_t *info;

    if (code != ERR_OK)
        return code;
    rrd_clear_error();
    info = rrd_info_r(path);
    if (info == NULL || rrd_test_error()) { /* of bad types it tells, and goes on */
        rrd_info_free(info);
        return rrd_failure(err, path, ERR_CORRUPT);
    }
    *out = (struct header){.is_ours = true};
    read_info(info, out);
    rrd_info_free(info);
    if (out->source_count == 0 || !out->is_ours)
        return err_set(err, ERR_CORRUPT, "%s: its data sources are not ours", path);
    return ERR_OK;
}

/* ---- making ---- */

/* Arguments of rrd_create and rrd_tune, in one block of memory. */
struct arguments {
    const char **list;
    char *texts;
    int count;
};

static bool
arguments_init(struct arguments *arguments, size_t limit)
{
    arguments->list = calloc(limit + 1, sizeof *arguments->list);
    arguments->texts = malloc((limit + 1) * ARGUMENT_BYTES);
    arguments->count = 0;
    return arguments->list != NULL && arguments->texts != NULL;
}

static void
arguments_done(struct arguments *arguments)
{
    free(arguments->list);
    free(arguments->texts);
}

static void
add_source_arguments(struct arguments *arguments, uint32_t first, uint32_t count, int64_t step_s)
{
    for (uint32_t i = first; i < count; i++) {
        char *text = arguments->texts + (size_t)arguments->count * ARGUMENT_BYTES;

        snprintf(text, ARGUMENT_BYTES, "DS:p%u:GAUGE:%lld:U:U", i,
                 (long long)(HEARTBEAT_STEPS * step_s));
        arguments->list[arguments->count++] = text;
    }
}

static void
add_archive_arguments(struct arguments *arguments, const struct archives *archives)
{
    for (unsigned i = 0; i < archives->count; i++) {
        const struct archive *archive = &archives->list[i];
        char *text = arguments->texts + (size_t)arguments->count * ARGUMENT_BYTES;

        snprintf(text, ARGUMENT_BYTES, "RRA:%s:%s:%u:%u", CONSOLIDATIONS[archive->cf],
                 archive->cf == CF_LAST ? "0.9" : "0.5", archive->steps, archive->rows);
        arguments->list[arguments->count++] = text;
    }
}

/* `source`: a file whose history is taken over, or NULL. */
static enum err_code
create(const struct store_rrd_spec *spec, const struct store_map *map, const char *path,
       const char *source, struct err *err)
{
    const char *sources[] = {source, NULL};
    struct archives archives;
    struct arguments arguments;
    enum err_code code = ERR_OK;

    wanted_archives(spec, map, &archives);
    if (archives.count == 0)
        return err_set(err, ERR_CONFIG, "no retention class");
    if (!arguments_init(&arguments, map->count + archives.count)) {
        arguments_done(&arguments);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    add_source_arguments(&arguments, 0, map->count, spec->step_s);
    add_archive_arguments(&arguments, &archives);
    rrd_clear_error();
    if (rrd_create_r2(path, (unsigned long)spec->step_s, source == NULL ? spec->before_s : -1, 0,
                      source == NULL ? NULL : sources, NULL, arguments.count, arguments.list) != 0)
        code = rrd_failure(err, path, source == NULL ? ERR_IO : ERR_CORRUPT);
    arguments_done(&arguments);
    return code;
}

static enum err_code
make_directory(const char *path, struct err *err)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);

    if (length == 0 || length >= sizeof directory)
        return err_set(err, ERR_RANGE, "%s: no usable path", path);
    memcpy(directory, path, length);
    directory[length] = '\0';
    /* <state_dir>/rrd, then <device>; the state directory itself is the master's. */
    for (int depth = 1; depth >= 0; depth--) {
        char *cut = depth == 1 ? strrchr(directory, '/') : NULL;

        if (cut != NULL)
            *cut = '\0';
        if (mkdir(directory, 0755) != 0 && errno != EEXIST)
            return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s", directory,
                           strerror(errno));
        if (cut != NULL)
            *cut = '/';
    }
    return ERR_OK;
}

static enum err_code
rebuild(const struct store_rrd_spec *spec, const struct store_map *map, struct err *err)
{
    char temporary[PATH_MAX];
    enum err_code code;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", spec->path) >= sizeof temporary)
        return err_set(err, ERR_RANGE, "%s: the path is too long", spec->path);
    unlink(temporary);
    code = create(spec, map, temporary, spec->path, err);
    if (code == ERR_OK && rename(temporary, spec->path) != 0)
        code = err_set(err, ERR_IO, "%s: %s", spec->path, strerror(errno));
    if (code != ERR_OK)
        unlink(temporary);
    return code;
}

static enum err_code
widen(const struct store_rrd_spec *spec, uint32_t have, uint32_t want, int64_t step_s,
      struct err *err)
{
    struct arguments arguments;
    enum err_code code = ERR_OK;

    if (!arguments_init(&arguments, want - have + 2)) {
        arguments_done(&arguments);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    arguments.list[0] = "tune";
    arguments.list[1] = spec->path;
    arguments.count = 2;
    add_source_arguments(&arguments, have, want, step_s);
    rrd_clear_error();
    if (rrd_tune(arguments.count, (char **)(uintptr_t)arguments.list) != 0)
        code = rrd_failure(err, spec->path, ERR_CORRUPT);
    arguments_done(&arguments);
    return code;
}

/* Points of `spec` that the map does not know are added to it. Returns how many through `out`. */
static enum err_code
extend_map(const struct store_rrd_spec *spec, struct store_map *map, uint32_t *out_added,
           struct err *err)
{
    uint32_t index, before = map->count;

    for (uint16_t i = 0; i < spec->point_count; i++) {
        const struct point_def *def = spec->points[i];
        enum err_code code;

        if (store_map_find(map, def->id, &index))
            continue;
        code = store_map_add(map, def->id, def->kind);
        if (code != ERR_OK)
            return err_set(err, code, "%s: %s", spec->map_path, err_name(code));
    }
    *out_added = map->count - before;
    return ERR_OK;
}

static enum err_code
describe(const struct store_rrd_spec *spec, const struct store_map *map, int64_t last_s,
         struct store_rrd_file *out, struct err *err)
{
    uint16_t *columns = malloc(map->count * sizeof *columns);
    uint32_t index;

    if (columns == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < map->count; i++)
        columns[i] = STORE_NO_COLUMN;
    for (uint16_t i = 0; i < spec->point_count; i++)
        if (store_map_find(map, spec->points[i]->id, &index))
            columns[index] = i;
    *out = (struct store_rrd_file){
        .last_s = last_s, .source_count = (uint16_t)map->count, .columns = columns};
    return ERR_OK;
}

static enum err_code
make_new(const struct store_rrd_spec *spec, struct store_rrd_file *out_file, struct err *err)
{
    struct store_map map = {0};
    uint32_t added;
    enum err_code code = make_directory(spec->path, err);

    if (code == ERR_OK)
        code = extend_map(spec, &map, &added, err);
    if (code == ERR_OK)
        code = store_map_write(spec->map_path, &map, err);
    if (code == ERR_OK)
        code = create(spec, &map, spec->path, NULL, err);
    if (code == ERR_OK)
        code = describe(spec, &map, spec->before_s, out_file, err);
    store_map_done(&map);
    return code;
}

/* The file is there and sound: bring it to what `spec` says. */
static enum err_code
make_fit(const struct store_rrd_spec *spec, const struct header *header, struct store_map *map,
         bool may_make, struct err *err)
{
    struct archives wanted;
    uint32_t added;
    enum err_code code = extend_map(spec, map, &added, err);

    if (code != ERR_OK)
        return code;
    wanted_archives(spec, map, &wanted);
    if (header->source_count == map->count && header->step_s == spec->step_s &&
        are_equal(&wanted, &header->archives))
        return ERR_OK;
    if (!may_make)
        return err_set(err, ERR_BUSY, "%s: waits to be changed", spec->path);
    if (added > 0)
        code = store_map_write(spec->map_path, map, err);
    if (code == ERR_OK && header->source_count < map->count)
        code = widen(spec, header->source_count, map->count, header->step_s, err);
    if (code == ERR_OK &&
        (header->step_s != spec->step_s || !are_equal(&wanted, &header->archives)))
        code = rebuild(spec, map, err);
    return code;
}

enum err_code
store_rrd_prepare(const struct store_rrd_spec *spec, bool may_make, struct store_rrd_file *out_file,
                  struct err *err)
{
    struct store_map map = {0};
    struct header header;
    enum err_code code = read_header(spec->path, &header, err);

    if (code == ERR_NOT_FOUND)
        return may_make ? make_new(spec, out_file, err)
                        : err_set(err, ERR_BUSY, "%s: waits to be made", spec->path);
    if (code != ERR_OK)
        return code;
    code = store_map_read(spec->map_path, &map, err);
    if (code == ERR_NOT_FOUND)
        code = err_set(err, ERR_CORRUPT, "%s: missing beside its RRD file", spec->map_path);
    if (code == ERR_OK && map.count < header.source_count)
        code = err_set(err, ERR_CORRUPT, "%s: %u entries for %u data sources", spec->map_path,
                       map.count, header.source_count);
    if (code == ERR_OK)
        code = make_fit(spec, &header, &map, may_make, err);
    if (code == ERR_OK)
        code = describe(spec, &map, header.last_s, out_file, err);
    store_map_done(&map);
    return code;
}

enum err_code
store_rrd_quarantine(const char *path, const char *map_path, int64_t utc_ms, struct err *err)
{
    const char *const names[] = {path, map_path};
    char stamp[40], aside[PATH_MAX];
    struct tm tm;
    time_t seconds = (time_t)(utc_ms / 1000);

    gmtime_r(&seconds, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((size_t)snprintf(aside, sizeof aside, "%s.quarantine-%s", names[i], stamp) >=
            sizeof aside)
            return err_set(err, ERR_RANGE, "%s: the path is too long", names[i]);
        if (rename(names[i], aside) != 0 && errno != ENOENT)
            return err_set(err, ERR_IO, "%s: %s", names[i], strerror(errno));
    }
    return ERR_OK;
}

enum err_code
store_rrd_update(const char *path, const char **rows, int count, struct err *err)
{
    rrd_clear_error();
    if (rrd_updatex_r(path, NULL, RRD_SKIP_PAST_UPDATES, count, rows) != 0)
        return rrd_failure(err, path, ERR_CORRUPT);
    return ERR_OK;
}
