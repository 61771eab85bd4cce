/*
 * store_rrd.c - RRD files through librrd: make, check, widen, rebuild, update.
 *
 * Of librrd only the functions with _r are used, and rrd_tune; never the rrdc_ ones, which block
 * for ever on a stopped daemon. It says what went wrong in words only, so words are looked at.
 */
#include "gateway/store_rrd.h"

#include <errno.h>
#include <limits.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "gateway/store_map.h"
#include "gateway/store_rows.h"
#include "gateway/store_shape.h"

#define HEARTBEAT_STEPS 3
#define ARGUMENT_BYTES 64
#define SPACE_LEFT_BYTES ((uint64_t)8 * 1024 * 1024)

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

uint64_t
store_rrd_bytes(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
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
add_archive_arguments(struct arguments *arguments, const struct store_archives *archives)
{
    for (unsigned i = 0; i < archives->count; i++) {
        const struct store_archive *archive = &archives->list[i];
        char *text = arguments->texts + (size_t)arguments->count * ARGUMENT_BYTES;

        snprintf(text, ARGUMENT_BYTES, "RRA:%s:%s:%u:%u", store_shape_cf_name(archive->cf),
                 archive->cf == CF_LAST ? "0.9" : "0.5", archive->steps, archive->rows);
        arguments->list[arguments->count++] = text;
    }
}

/*
 * librrd says nothing of a disk that gets full under it, so it is looked at before. The last of the
 * space is the journal's.
 */
static enum err_code
check_space(const char *path, uint32_t source_count, const struct store_archives *archives,
            struct err *err)
{
    char directory[PATH_MAX];
    struct statvfs space;
    uint64_t rows = 0, needed, free_bytes;
    char *slash;

    for (unsigned i = 0; i < archives->count; i++)
        rows += archives->list[i].rows;
    needed = rows * source_count * sizeof(double);
    snprintf(directory, sizeof directory, "%s", path);
    slash = strrchr(directory, '/');
    if (slash != NULL)
        *slash = '\0';
    if (statvfs(directory, &space) != 0)
        return ERR_OK; /* the attempt itself will tell */
    free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    if (free_bytes < needed + SPACE_LEFT_BYTES)
        return err_set(err, ERR_FULL, "%s: needs %.1f MB, %.1f MB are free", path,
                       (double)needed / 1e6, (double)free_bytes / 1e6);
    return ERR_OK;
}

/* `source`: a file whose history is taken over, or NULL. */
static enum err_code
create(const struct store_rrd_spec *spec, const struct store_map *map, const char *path,
       const char *source, struct err *err)
{
    const char *sources[] = {source, NULL};
    struct store_archives archives;
    struct arguments arguments;
    enum err_code code = ERR_OK;

    store_shape_wanted(spec, map, &archives);
    if (archives.count == 0)
        return err_set(err, ERR_CONFIG, "no retention class");
    code = check_space(path, map->count, &archives, err);
    if (code != ERR_OK)
        return code;
    if (!arguments_init(&arguments, map->count + archives.count)) {
        arguments_done(&arguments);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    add_source_arguments(&arguments, 0, map->count, spec->step_s);
    add_archive_arguments(&arguments, &archives);
    rrd_clear_error();
    if (rrd_create_r2(path, (unsigned long)spec->step_s, source == NULL ? spec->before_s : -1, 0,
                      source == NULL ? NULL : sources, NULL, arguments.count, arguments.list) != 0)
        code = store_shape_failure(err, path, source == NULL ? ERR_IO : ERR_CORRUPT);
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
        code = store_shape_failure(err, spec->path, ERR_CORRUPT);
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
make_fit(const struct store_rrd_spec *spec, const struct store_shape *header, struct store_map *map,
         bool may_make, struct err *err)
{
    struct store_archives wanted;
    uint32_t added;
    enum err_code code = extend_map(spec, map, &added, err);

    if (code != ERR_OK)
        return code;
    store_shape_wanted(spec, map, &wanted);
    if (header->source_count == map->count && header->step_s == spec->step_s &&
        store_shape_equal(&wanted, &header->archives))
        return ERR_OK;
    if (!may_make)
        return err_set(err, ERR_BUSY, "%s: waits to be changed", spec->path);
    if (added > 0)
        code = store_map_write(spec->map_path, map, err);
    if (code == ERR_OK && header->source_count < map->count)
        code = widen(spec, header->source_count, map->count, header->step_s, err);
    if (code == ERR_OK &&
        (header->step_s != spec->step_s || !store_shape_equal(&wanted, &header->archives)))
        code = rebuild(spec, map, err);
    return code;
}

enum err_code
store_rrd_prepare(const struct store_rrd_spec *spec, bool may_make, struct store_rrd_file *out_file,
                  struct err *err)
{
    struct store_map map = {0};
    struct store_shape header;
    enum err_code code = store_shape_read(spec->path, &header, err);

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

const char *
store_rrd_consolidation(const char *path, enum value_kind kind, int64_t from_s)
{
    struct store_shape header;

    if (kind == VALUE_NUMBER || store_shape_read(path, &header, NULL) != ERR_OK)
        return store_shape_cf_name(CF_AVERAGE);
    for (unsigned i = 0; i < header.archives.count; i++) {
        const struct store_archive *archive = &header.archives.list[i];

        if (archive->cf == CF_AVERAGE && archive->steps == 1 &&
            from_s > header.last_s - (int64_t)archive->rows * header.step_s)
            return store_shape_cf_name(CF_AVERAGE);
    }
    return store_shape_cf_name(CF_LAST);
}

enum err_code
store_rrd_update(const char *path, const char **rows, int count, struct err *err)
{
    rrd_clear_error();
    if (rrd_updatex_r(path, NULL, RRD_SKIP_PAST_UPDATES, count, rows) != 0)
        return store_shape_failure(err, path, ERR_CORRUPT);
    return ERR_OK;
}
