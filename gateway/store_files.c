/*
 * store_files.c - every RRD file of a site with the samples that wait for it.
 *
 * A sample finds its file and column through one table indexed by point number. A file with enough
 * rows, or old ones, goes to a queue, and from there to disk. Files that must first be made wait in
 * a second queue for their turn, a few a second: making thousands at once holds up the disk for the
 * journal. What a file holds is bounded, and so is what all of them hold.
 */
#include "gateway/store_files.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/store_cached.h"
#include "gateway/store_gate.h"
#include "gateway/store_rows.h"
#include "gateway/store_rrd.h"

#define ROWS_KEPT_BATCHES 4                  /* per file, while it cannot be written */
#define BYTES_MAX ((size_t)32 * 1024 * 1024) /* of all rows */
#define PARTIAL_MS 2000                      /* a poll is given to arrive as a whole */
#define LOCK_RETRY_MS 200
#define FAIL_RETRY_FIRST_MS 1000
#define FAIL_RETRY_MAX_MS 60000
#define DAMAGED_AFTER_MS 4000 /* of failing in spite of a sound header */
#define BATCH_DEFAULT 30
#define BATCH_MS_DEFAULT 60000
#define CREATES_DEFAULT 20
#define NO_FILE UINT32_MAX

struct store_file {
    struct store_rows rows;
    struct store_file *next; /* in its queue */
    uint16_t *columns;       /* per data source; NULL: not opened yet */
    uint32_t device;
    uint32_t ticket;              /* of the batch under way at the daemon */
    int64_t oldest_ms, newest_ms; /* monotonic: when the oldest and newest row began */
    int64_t retry_ms;             /* monotonic: not before */
    int64_t snapshot_s;           /* rows up to here came from a snapshot */
    uint32_t wait_ms;
    uint16_t group;
    uint16_t source_count;
    uint16_t threshold; /* complete rows that make a batch */
    uint16_t in_flight; /* oldest rows that are at the daemon */
    bool is_queued, is_making, is_wanted, is_failing, is_new;
};

struct place {
    uint32_t file;
    uint16_t column;
};

struct queue {
    struct store_file *first, **last;
};

struct store_files {
    const struct store_params *params;
    uint64_t *stats;
    struct store_cached *cached;
    struct store_file *files; /* in the order of the devices */
    uint32_t file_count;
    uint32_t *first_file; /* per device, and one more: where its files begin */
    struct place *places; /* per point */
    struct queue due, making;
    struct store_gate gate;
    bool is_synced, is_last;
    double tokens; /* files that may be made now */
    int64_t ticked_ms, scanned_ms;
    size_t bytes;
    uint32_t failing;
    uint16_t batch;
    char reason[200];
};

/* ---- the table ---- */

static bool
is_stored(const struct device_info *info, const struct point_def *def, uint16_t group)
{
    return def != NULL && def->kind != VALUE_TEXT && def->group == group &&
           info->groups[group].interval_ms > 0;
}

static const struct point_def *
def_of(const struct store_files *files, uint32_t point)
{
    const struct point_ref *ref = directory_point(files->params->directory, point);

    return ref == NULL ? NULL : ref->def;
}

static uint32_t
count_columns(const struct store_files *files, const struct device_info *info, uint16_t group)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < info->point_count; i++)
        count += is_stored(info, def_of(files, info->points[i]), group);
    return count < STORE_NO_COLUMN ? count : STORE_NO_COLUMN - 1u;
}

static void
place_points(struct store_files *files, const struct device_info *info, uint16_t group,
             uint32_t index)
{
    uint16_t column = 0;

    for (uint32_t i = 0; i < info->point_count && column < STORE_NO_COLUMN - 1; i++)
        if (is_stored(info, def_of(files, info->points[i]), group))
            files->places[info->points[i]] = (struct place){index, column++};
}

static void
add_file(struct store_files *files, uint32_t device, uint16_t group, uint16_t columns)
{
    const struct device_info *info = &files->params->directory->devices[device];
    struct store_file *file = &files->files[files->file_count];
    uint64_t mark = fingerprint(FINGERPRINT_START, info->id, strlen(info->id));
    int64_t step_s = (info->groups[group].interval_ms + 999) / 1000;

    store_rows_init(&file->rows, columns, step_s);
    file->device = device;
    file->group = group;
    file->snapshot_s = INT64_MIN;
    /* The first batches differ in length, so that the later ones do not all fall due together. */
    file->threshold = (uint16_t)(1 + mark % files->batch);
    place_points(files, info, group, files->file_count++);
}

static bool
build_table(struct store_files *files)
{
    const struct directory *dir = files->params->directory;
    size_t count = 0;

    for (uint32_t device = 0; device < dir->device_limit; device++)
        if (dir->devices[device].id != NULL)
            count += dir->devices[device].group_count;
    files->files = calloc(count + 1, sizeof *files->files);
    files->first_file = calloc(dir->device_limit + 1u, sizeof *files->first_file);
    files->places = malloc((dir->point_limit + 1u) * sizeof *files->places);
    if (files->files == NULL || files->first_file == NULL || files->places == NULL)
        return false;
    for (uint32_t point = 0; point < dir->point_limit; point++)
        files->places[point].file = NO_FILE;
    for (uint32_t device = 0; device < dir->device_limit; device++) {
        const struct device_info *info = &dir->devices[device];

        files->first_file[device] = files->file_count;
        for (uint16_t group = 0; info->id != NULL && group < info->group_count; group++) {
            uint32_t columns = count_columns(files, info, group);

            if (columns > 0)
                add_file(files, device, group, (uint16_t)columns);
        }
    }
    files->first_file[dir->device_limit] = files->file_count;
    return true;
}

static void
queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

struct store_files *
store_files_new(const struct store_params *params, uint64_t *stats, struct store_cached *cached)
{
    struct store_files *files = calloc(1, sizeof *files);

    if (files == NULL)
        return NULL;
    files->params = params;
    files->stats = stats;
    files->cached = cached;
    files->batch = params->batch_samples == 0 ? BATCH_DEFAULT : params->batch_samples;
    queue_init(&files->due);
    queue_init(&files->making);
    if (!build_table(files)) {
        store_files_free(files);
        return NULL;
    }
    store_rrd_init();
    return files;
}

void
store_files_free(struct store_files *files)
{
    if (files == NULL)
        return;
    for (uint32_t i = 0; i < files->file_count; i++) {
        store_rows_done(&files->files[i].rows);
        free(files->files[i].columns);
    }
    free(files->files);
    free(files->first_file);
    free(files->places);
    free(files);
}

/* ---- queues ---- */

static void
enqueue(struct queue *queue, struct store_file *file)
{
    file->next = NULL;
    *queue->last = file;
    queue->last = &file->next;
}

static struct store_file *
dequeue(struct queue *queue)
{
    struct store_file *file = queue->first;

    if (file == NULL)
        return NULL;
    queue->first = file->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return file;
}

static void
make_due(struct store_files *files, struct store_file *file)
{
    if (file->is_queued || file->is_making || file->in_flight > 0)
        return;
    file->is_queued = true;
    enqueue(&files->due, file);
}

/* ---- taking ---- */

static void
count_dropped(struct store_files *files, uint64_t samples)
{
    files->stats[STAT_STORE_DROPPED] += samples;
}

static void
drop_oldest(struct store_files *files, struct store_file *file)
{
    /* What is at the daemon is given up on, too; its answer will meet another ticket. */
    file->in_flight = 0;
    file->ticket++;
    count_dropped(files, store_rows_samples(&file->rows, 0));
    store_rows_remove(&file->rows, 1, false);
}

static void
begin_row(struct store_files *files, struct store_file *file, int64_t now_ms)
{
    if (file->rows.count == 1)
        file->oldest_ms = now_ms;
    file->newest_ms = now_ms;
    if (file->rows.count > 1 &&
        (file->rows.count > ROWS_KEPT_BATCHES * files->batch || files->bytes > BYTES_MAX))
        drop_oldest(files, file);
    if (file->rows.count > file->threshold && now_ms >= file->retry_ms)
        make_due(files, file);
}

static bool
has_sound_time(struct store_files *files, const struct sample *sample)
{
    struct store_gate look_only = files->gate;

    if ((sample->flags & SAMPLE_SNAPSHOT) == 0)
        return store_gate_accepts(&files->gate, sample->utc_ms, sample->mono_ms, files->is_synced);
    return store_gate_accepts(&look_only, sample->utc_ms, sample->mono_ms, false);
}

void
store_files_take(struct store_files *files, const struct sample *sample, int64_t now_ms)
{
    bool is_snapshot = (sample->flags & SAMPLE_SNAPSHOT) != 0;
    double value = sample->quality == QUALITY_BAD ? NAN : sample->value;

    files->stats[STAT_STORE_SAMPLES]++;
    if (sample->point >= files->params->directory->point_limit ||
        files->params->directory->points[sample->point].def == NULL) {
        files->stats[STAT_UNKNOWN_NUMBERS]++;
        return;
    }

    const struct place *place = &files->places[sample->point];

    if (place->file == NO_FILE || (sample->flags & SAMPLE_MERGED) != 0)
        return; /* a text, a group read once; an extreme kept for alarms */

    struct store_file *file = &files->files[place->file];
    size_t before = store_rows_bytes(&file->rows);
    enum store_put put = !has_sound_time(files, sample)
                             ? STORE_PUT_OLD
                             : store_rows_put(&file->rows, place->column, value, sample->utc_ms);

    files->bytes += store_rows_bytes(&file->rows) - before;
    if (put == STORE_PUT_OLD && !is_snapshot)
        files->stats[STAT_STORE_REFUSED]++;
    else if (put == STORE_PUT_NOMEM)
        count_dropped(files, 1);
    if (put == STORE_PUT_NEW_ROW) {
        if (is_snapshot)
            file->snapshot_s = store_rows_time(&file->rows, (uint16_t)(file->rows.count - 1));
        begin_row(files, file, now_ms);
    }
}

/* ---- writing ---- */

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
    if (file->is_failing)
        files->failing--;
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
    if (strcmp(files->reason, reason) != 0) {
        text_copy(files->reason, sizeof files->reason, reason);
        log_warning("%s; the samples wait, next try in %u ms", reason, file->wait_ms);
    }
}

static bool
make_paths(const struct store_files *files, const struct store_file *file, char path[PATH_MAX],
           char map_path[PATH_MAX])
{
    const struct device_info *info = &files->params->directory->devices[file->device];
    const char *group = info->groups[file->group].id;
    int length =
        snprintf(path, PATH_MAX, "%s/rrd/%s/%s.rrd", files->params->state_dir, info->id, group);

    snprintf(map_path, PATH_MAX, "%s/rrd/%s/%s.map", files->params->state_dir, info->id, group);
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
quarantine(struct store_files *files, struct store_file *file, const char *path,
           const char *map_path, const struct stamp *now, const char *why)
{
    struct err err;
    char reason[sizeof files->reason];

    if (store_rrd_quarantine(path, map_path, now->utc_ms, &err) != ERR_OK) {
        fail(files, file, err.text, now->mono_ms);
        return;
    }
    forget_file(file);
    files->stats[STAT_STORE_ERRORS]++;
    snprintf(reason, sizeof reason, "put aside as quarantine, a new file begins: %.150s", why);
    log_warning("%s", reason);
    text_copy(files->reason, sizeof files->reason, reason);
}

static enum err_code
prepare(struct store_files *files, struct store_file *file, const char *path, const char *map_path,
        bool may_make, struct store_rrd_file *out, struct err *err)
{
    const struct device_info *info = &files->params->directory->devices[file->device];
    const struct point_def **points = calloc(file->rows.columns, sizeof(struct point_def *));
    uint16_t count = 0;

    if (points == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < info->point_count && count < file->rows.columns; i++) {
        const struct point_def *def = def_of(files, info->points[i]);

        if (is_stored(info, def, file->group))
            points[count++] = def;
    }

    struct store_rrd_spec spec = {
        .path = path,
        .map_path = map_path,
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
open_file(struct store_files *files, struct store_file *file, const char *path,
          const char *map_path, const struct stamp *now, bool may_make)
{
    struct store_rrd_file opened;
    struct err err;
    enum err_code code = prepare(files, file, path, map_path, may_make, &opened, &err);
    int64_t newest_s = store_rows_time(&file->rows, (uint16_t)(file->rows.count - 1));

    if (code == ERR_OK && files->is_synced &&
        opened.last_s > newest_s + STORE_AHEAD_MAX_MS / 1000) {
        free(opened.columns);
        code = err_set(&err, ERR_CORRUPT, "%s: its last time lies in the future", path);
    }
    if (code == ERR_CORRUPT)
        quarantine(files, file, path, map_path, now, err.text);
    if ((code == ERR_CORRUPT || code == ERR_BUSY) && !may_make && now->mono_ms >= file->retry_ms) {
        file->is_making = true;
        enqueue(&files->making, file);
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
write_here(struct store_files *files, struct store_file *file, const char *path,
           const char *map_path, const char **rows, uint16_t count, const struct stamp *now)
{
    struct err err;
    enum err_code code = store_rrd_update(path, rows, count, &err);

    if (code == ERR_OK) {
        files->stats[STAT_STORE_UPDATES]++;
        remove_rows(files, file, count);
        settle(files, file);
    } else if (code == ERR_BUSY) { /* a reader is at it */
        file->retry_ms = now->mono_ms + LOCK_RETRY_MS;
    } else if (code == ERR_CORRUPT && file->wait_ms >= DAMAGED_AFTER_MS) {
        quarantine(files, file, path, map_path, now, err.text);
    } else {
        forget_file(file); /* looked at anew before the next try */
        fail(files, file, err.text, now->mono_ms);
    }
}

/* False: the daemon has no room now. */
static bool
write_there(struct store_files *files, struct store_file *file, const char *path, const char **rows,
            uint16_t count)
{
    uint32_t index = (uint32_t)(file - files->files);

    if (!store_cached_submit(files->cached, index, ++file->ticket, path, file->is_new, rows, count))
        return false;
    file->is_new = false;
    file->in_flight = count;
    file->rows.written_s = store_rows_time(&file->rows, (uint16_t)(count - 1));
    return true;
}

static bool
write_file(struct store_files *files, struct store_file *file, const struct stamp *now,
           bool may_make)
{
    char path[PATH_MAX], map_path[PATH_MAX];
    uint16_t count;
    bool has_room = true;

    if (file->rows.count == 0 || now->mono_ms < file->retry_ms)
        return true;
    if (!make_paths(files, file, path, map_path)) {
        fail(files, file, "the path of an RRD file is too long", now->mono_ms);
        return true;
    }
    if (file->columns == NULL && !open_file(files, file, path, map_path, now, may_make))
        return true;
    count = writable(files, file, now->mono_ms);
    if (count == 0)
        return true;

    const char **rows = calloc(count, sizeof *rows);
    char *texts = rows == NULL ? NULL : format_rows(file, count, rows);

    if (texts == NULL)
        fail(files, file, "out of memory", now->mono_ms);
    else if (files->cached != NULL && store_cached_takes(path, rows, count))
        has_room = write_there(files, file, path, rows, count);
    else
        write_here(files, file, path, map_path, rows, count, now);
    free(texts);
    free(rows);
    return has_room;
}

void
store_files_on_written(void *ctx, uint32_t index, uint32_t ticket, enum err_code code,
                       const char *reason)
{
    struct store_files *files = ctx;
    struct store_file *file = &files->files[index];
    uint16_t count = file->in_flight;

    if (ticket != file->ticket || count == 0)
        return;
    file->in_flight = 0;
    if (code == ERR_OK) {
        files->stats[STAT_STORE_UPDATES]++;
        remove_rows(files, file, count);
        settle(files, file);
        return;
    }
    if (code != ERR_REFUSED) /* something about the file, not the daemon being lost */
        forget_file(file);
    fail(files, file, reason, files->ticked_ms);
}

bool
store_files_work(struct store_files *files, const struct stamp *now, unsigned limit)
{
    for (unsigned i = 0; i < limit; i++) {
        struct store_file *file;
        bool may_make = false;

        if (files->making.first != NULL && (files->tokens >= 1 || files->is_last)) {
            file = dequeue(&files->making);
            file->is_making = false;
            files->tokens--;
            may_make = true;
        } else {
            file = dequeue(&files->due);
            if (file == NULL)
                return false;
            file->is_queued = false;
        }
        if (!write_file(files, file, now, may_make)) {
            make_due(files, file);
            return false;
        }
        if (!file->is_making && now->mono_ms >= file->retry_ms)
            file->is_wanted = false;
    }
    return files->due.first != NULL;
}

/* ---- time ---- */

static bool
is_due(const struct store_files *files, const struct store_file *file, int64_t now_ms)
{
    int64_t batch_ms = files->params->batch_ms == 0 ? BATCH_MS_DEFAULT : files->params->batch_ms;

    return file->rows.count > 0 && now_ms >= file->retry_ms &&
           (file->is_wanted || file->rows.count > file->threshold ||
            now_ms - file->oldest_ms >= batch_ms);
}

void
store_files_tick(struct store_files *files, const struct stamp *now, bool is_synced)
{
    double creates =
        files->params->creates_per_s == 0 ? CREATES_DEFAULT : files->params->creates_per_s;
    double most = creates < 5 ? 1 : creates / 5;

    files->is_synced = is_synced;
    if (files->ticked_ms != 0)
        files->tokens += (double)(now->mono_ms - files->ticked_ms) / 1000 * creates;
    else
        files->tokens = most;
    if (files->tokens > most)
        files->tokens = most;
    files->ticked_ms = now->mono_ms;
    if (now->mono_ms - files->scanned_ms < LOCK_RETRY_MS)
        return;
    files->scanned_ms = now->mono_ms;
    for (uint32_t i = 0; i < files->file_count; i++)
        if (is_due(files, &files->files[i], now->mono_ms))
            make_due(files, &files->files[i]);
}

/* ---- flushing ---- */

static void
files_of(const struct store_files *files, uint32_t device, uint32_t *out_first, uint32_t *out_end)
{
    *out_first = 0;
    *out_end = files->file_count;
    if (device == STORE_ALL)
        return;
    if (device >= files->params->directory->device_limit) {
        *out_end = 0;
        return;
    }
    *out_first = files->first_file[device];
    *out_end = files->first_file[device + 1];
}

void
store_files_flush(struct store_files *files, uint32_t device, bool is_last)
{
    uint32_t first, end;

    files->is_last |= is_last;
    files_of(files, device, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        struct store_file *file = &files->files[i];

        if (file->rows.count == 0)
            continue;
        if (is_last)
            file->retry_ms = 0;
        file->is_wanted = true;
        make_due(files, file);
    }
}

bool
store_files_is_flushed(const struct store_files *files, uint32_t device)
{
    uint32_t first, end;

    files_of(files, device, &first, &end);
    for (uint32_t i = first; i < end; i++)
        if (files->files[i].is_wanted || files->files[i].in_flight > 0)
            return false;
    return true;
}

void
store_files_state(const struct store_files *files, struct msg_store *out_state)
{
    bool is_cut_off = files->cached != NULL && !store_cached_is_connected(files->cached);
    uint64_t pending = 0, opened = 0;

    for (uint32_t i = 0; i < files->file_count; i++) {
        for (uint16_t row = 0; row < files->files[i].rows.count; row++)
            pending += store_rows_samples(&files->files[i].rows, row);
        opened += files->files[i].columns != NULL;
    }
    files->stats[STAT_STORE_FILES] = opened;
    *out_state = (struct msg_store){
        .dropped = files->stats[STAT_STORE_DROPPED],
        .refused = files->stats[STAT_STORE_REFUSED],
        .errors = files->stats[STAT_STORE_ERRORS],
        .pending = (uint32_t)(pending > UINT32_MAX ? UINT32_MAX : pending),
        .is_failing = files->failing > 0 || is_cut_off,
        .time_jumped = files->gate.has_jumped,
    };
    text_copy(out_state->reason, sizeof out_state->reason,
              is_cut_off ? "rrdcached cannot be reached" : files->reason);
}
