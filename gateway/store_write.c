/*
 * store_write.c - one RRD file's turn: open it, or make it, and write the rows that wait.
 *
 * Whatever fails, the rows stay, the file is tried again later and later, and the reason is told
 * once. A file that is not what was written goes aside and a new one begins.
 */
#include "gateway/store_write.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/store_cached.h"
#include "gateway/store_rrd.h"

#define LOG_EVERY_MS 60000
#define PARTIAL_MS 2000 /* a poll is given to arrive as a whole */
#define LOCK_RETRY_MS 200
#define FAIL_RETRY_FIRST_MS 1000
#define FAIL_RETRY_MAX_MS 60000
#define DAMAGED_AFTER_MS 4000        /* of failing in spite of a sound header */
#define MAKE_BYTES (3 * 1024 * 1024) /* a larger file counts for several of those made a second */

static void
forget_file(struct store_file *file)
{
    free(file->columns);
    file->columns = NULL;
}

static void
remove_rows(struct store_files *files, struct store_file *file, uint16_t count)
{
    size_t before = store_rows_bytes(&file->rows);

    store_rows_remove(&file->rows, count, true);
    files->bytes -= before - store_rows_bytes(&file->rows);
    file->oldest_ms = file->newest_ms; /* of what is left: at most a row or two */
}

static void
settle(struct store_files *files, struct store_file *file)
{
    if (file->is_failing && --files->failing == 0) {
        log_info("all RRD files can be written again");
        files->reason[0] = '\0';
    }
    file->is_failing = false;
    file->wait_ms = 0;
    file->retry_ms = 0;
    file->threshold = files->batch;
}

static void
fail(struct store_files *files, struct store_file *file, const char *reason, int64_t now_ms)
{
    files->stats[STAT_STORE_ERRORS]++;
    if (!file->is_failing)
        files->failing++;
    file->is_failing = true;
    file->wait_ms = file->wait_ms == 0 ? FAIL_RETRY_FIRST_MS : 2 * file->wait_ms;
    if (file->wait_ms > FAIL_RETRY_MAX_MS)
        file->wait_ms = FAIL_RETRY_MAX_MS;
    file->retry_ms = now_ms + file->wait_ms;

    bool is_news = files->failing == 1 && strcmp(files->reason, reason) != 0;

    text_copy(files->reason, sizeof files->reason, reason);
    if (!is_news && now_ms - files->logged_ms < LOG_EVERY_MS)
        return; /* a full disk is one piece of news, not one per file and try */
    files->logged_ms = now_ms;
    log_warning("%s; the samples of %u files wait, next try in %u ms", reason, files->failing,
                file->wait_ms);
}

void
store_write_succeeded(struct store_files *files, struct store_file *file, uint16_t count)
{
    files->stats[STAT_STORE_UPDATES]++;
    remove_rows(files, file, count);
    settle(files, file);
}

void
store_write_failed(struct store_files *files, struct store_file *file, bool is_of_file,
                   const char *reason, int64_t now_ms)
{
    if (is_of_file)
        forget_file(file); /* looked at anew before the next try */
    fail(files, file, reason, now_ms);
}

struct paths {
    char rrd[PATH_MAX], map[PATH_MAX];
};

static bool
make_paths(const struct store_files *files, const struct store_file *file, struct paths *out)
{
    const struct device_info *info = &files->params->directory->devices[file->device];
    const char *group = info->groups[file->group].id;
    int length =
        snprintf(out->rrd, PATH_MAX, "%s/rrd/%s/%s.rrd", files->params->state_dir, info->id, group);

    snprintf(out->map, PATH_MAX, "%s/rrd/%s/%s.map", files->params->state_dir, info->id, group);
    return length > 0 && length < PATH_MAX;
}

/* Rows that are in the file already; those repeated from memory are nobody's fault. */
static void
skip_written(struct store_files *files, struct store_file *file, int64_t last_s)
{
    size_t before = store_rows_bytes(&file->rows);

    for (uint16_t i = 0; i < file->rows.count; i++) {
        int64_t time_s = store_rows_time(&file->rows, i);

        if (time_s <= last_s && time_s > file->snapshot_s)
            files->stats[STAT_STORE_REFUSED] += store_rows_samples(&file->rows, i);
    }
    store_rows_skip_to(&file->rows, last_s);
    files->bytes -= before - store_rows_bytes(&file->rows);
}

static void
quarantine(struct store_files *files, struct store_file *file, const struct paths *paths,
           const struct stamp *now, const char *why)
{
    struct err err;
    char reason[sizeof files->reason];

    if (store_rrd_quarantine(paths->rrd, paths->map, now->utc_ms, &err) != ERR_OK) {
        fail(files, file, err.text, now->mono_ms);
        return;
    }
    forget_file(file);
    if (file->is_failing)
        files->failing--;
    file->is_failing = false;
    file->wait_ms = 0;
    files->stats[STAT_STORE_ERRORS]++;
    snprintf(reason, sizeof reason, "put aside as quarantine, a new file begins: %.150s", why);
    log_warning("%s", reason);
    text_copy(files->reason, sizeof files->reason, reason);
}

static enum err_code
prepare(struct store_files *files, struct store_file *file, const struct paths *paths,
        bool may_make, struct store_rrd_file *out, struct err *err)
{
    const struct device_info *info = &files->params->directory->devices[file->device];
    const struct point_def **points = calloc(file->rows.columns, sizeof(struct point_def *));
    uint16_t count = 0;

    if (points == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < info->point_count && count < file->rows.columns; i++) {
        const struct point_def *def = store_file_def(files, info->points[i]);

        if (store_file_has(info, def, file->group))
            points[count++] = def;
    }

    struct store_rrd_spec spec = {
        .path = paths->rrd,
        .map_path = paths->map,
        .classes = files->params->classes,
        .class_count = files->params->class_count,
        .step_s = file->rows.step_ms / 1000,
        .before_s = store_rows_time(&file->rows, 0) - file->rows.step_ms / 1000,
        .points = points,
        .point_count = count,
    };
    enum err_code code = store_rrd_prepare(&spec, may_make, out, err);

    free(points);
    return code;
}

/* False: the file cannot be written now; it waits in a queue or for its retry. */
static bool
open_file(struct store_files *files, struct store_file *file, const struct paths *paths,
          const struct stamp *now, bool may_make)
{
    struct store_rrd_file opened;
    struct err err;
    enum err_code code = prepare(files, file, paths, may_make, &opened, &err);
    int64_t newest_s = store_rows_time(&file->rows, (uint16_t)(file->rows.count - 1));

    /* Written by a wrong clock, or this one is wrong: the kernel knows, or time will tell. */
    if (code == ERR_OK && opened.last_s > newest_s + STORE_AHEAD_MAX_MS / 1000) {
        bool is_sure = files->is_synced || now->mono_ms - files->steady_ms >= STORE_BELIEVE_MS;

        free(opened.columns);
        code = err_set(&err, is_sure ? ERR_CORRUPT : ERR_RANGE,
                       "%s: its last time lies in the future", paths->rrd);
    }
    if (code == ERR_CORRUPT)
        quarantine(files, file, paths, now, err.text);
    if ((code == ERR_CORRUPT || code == ERR_BUSY) && !may_make && now->mono_ms >= file->retry_ms) {
        file->is_making = true;
        store_file_enqueue(&files->making, file);
        return false;
    }
    if (code == ERR_BUSY) /* a reader holds its lock */
        file->retry_ms = now->mono_ms + LOCK_RETRY_MS;
    else if (code != ERR_OK && code != ERR_CORRUPT)
        fail(files, file, err.text, now->mono_ms);
    if (code != ERR_OK)
        return false;
    file->columns = opened.columns;
    file->source_count = opened.source_count;
    file->is_new = true;
    skip_written(files, file, opened.last_s);
    return true;
}

/* How many of the oldest rows may go: the newest may still be filling. */
static uint16_t
writable(const struct store_files *files, const struct store_file *file, int64_t now_ms)
{
    int64_t young_ms = file->rows.step_ms < PARTIAL_MS ? file->rows.step_ms : PARTIAL_MS;
    uint16_t count = file->rows.count;

    if (count > 0 && !files->is_last && !store_rows_is_complete(&file->rows) &&
        now_ms - file->newest_ms < young_ms)
        count--;
    return count > 2 * files->batch ? (uint16_t)(2 * files->batch) : count;
}

/* All rows as texts, one behind the other; NULL: out of memory. */
static char *
format_rows(const struct store_file *file, uint16_t count, const char **out_rows)
{
    size_t room = STORE_ROW_TEXT(file->source_count), used = 0;
    char *texts = malloc(count * room);

    for (uint16_t i = 0; texts != NULL && i < count; i++) {
        out_rows[i] = texts + used;
        used += store_rows_format(&file->rows, i, file->columns, file->source_count, texts + used,
                                  room) +
                1;
    }
    return texts;
}

static void
write_here(struct store_files *files, struct store_file *file, const struct paths *paths,
           const char **rows, uint16_t count, const struct stamp *now)
{
    struct err err;
    enum err_code code = store_rrd_update(paths->rrd, rows, count, &err);

    if (code == ERR_OK) {
        store_write_succeeded(files, file, count);
    } else if (code == ERR_BUSY) { /* a reader is at it */
        file->retry_ms = now->mono_ms + LOCK_RETRY_MS;
    } else if (code == ERR_CORRUPT && file->wait_ms >= DAMAGED_AFTER_MS) {
        quarantine(files, file, paths, now, err.text);
    } else {
        store_write_failed(files, file, true, err.text, now->mono_ms);
    }
}

/* False: the daemon has no room now. */
static bool
write_there(struct store_files *files, struct store_file *file, const char *path, const char **rows,
            uint16_t count)
{
    uint32_t index = (uint32_t)(file - files->files);

    const struct store_cached_batch batch = {
        .file = index,
        .ticket = file->ticket + 1,
        .path = path,
        .is_new = file->is_new,
        .rows = rows,
        .count = count,
    };

    if (!store_cached_submit(files->cached, &batch))
        return false;
    file->ticket++;
    file->is_new = false;
    file->in_flight = count;
    file->rows.written_s = store_rows_time(&file->rows, (uint16_t)(count - 1));
    return true;
}

bool
store_write_file(struct store_files *files, struct store_file *file, const struct stamp *now,
                 bool may_make)
{
    struct paths paths;
    uint16_t count;
    bool has_room = true;

    if (file->rows.count == 0 || now->mono_ms < file->retry_ms)
        return true;
    if (!make_paths(files, file, &paths)) {
        fail(files, file, "the path of an RRD file is too long", now->mono_ms);
        return true;
    }
    if (file->columns == NULL && !open_file(files, file, &paths, now, may_make))
        return true;
    if (may_make)
        files->tokens -= (double)store_rrd_bytes(paths.rrd) / MAKE_BYTES;
    count = writable(files, file, now->mono_ms);
    if (count == 0)
        return true;

    const char **rows = calloc(count, sizeof *rows);
    char *texts = rows == NULL ? NULL : format_rows(file, count, rows);

    if (texts == NULL)
        fail(files, file, "out of memory", now->mono_ms);
    else if (files->cached != NULL && store_cached_takes(paths.rrd, rows, count))
        has_room = write_there(files, file, paths.rrd, rows, count);
    else
        write_here(files, file, &paths, rows, count, now);
    free(texts);
    free(rows);
    return has_room;
}
