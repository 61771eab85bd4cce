/*
 * store_files.c - every RRD file of a site with the samples that wait for it.
 *
 * A sample finds its file and column through one table indexed by point number. A file with enough
 * rows, or old ones, goes to a queue, and from there to disk. Files that must first be made wait in
 * a second queue for their turn, a few a second: making thousands at once holds up the disk for the
 * journal. What a file holds is bounded, and so is what all of them hold.
 */
#include "gateway/store_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/store_cached.h"
#include "gateway/store_rrd.h"
#include "gateway/store_write.h"

#define ROWS_KEPT_BATCHES 4                  /* per file, while it cannot be written */
#define BYTES_MAX ((size_t)32 * 1024 * 1024) /* of all rows */
#define BATCH_DEFAULT 30
#define BATCH_MS_DEFAULT 60000
#define CREATES_DEFAULT 20
#define SCAN_MS 200 /* for files that are due by their age */
#define STORE_REFUSED_SHOWN_MS 60000
#define NO_FILE UINT32_MAX

/* ---- the table ---- */

static uint32_t
count_columns(const struct store_files *files, const struct device_info *info, uint16_t group)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < info->point_count; i++)
        count += store_file_has(info, store_file_def(files, info->points[i]), group);
    return count < STORE_NO_COLUMN ? count : STORE_NO_COLUMN - 1u;
}

static void
place_points(struct store_files *files, const struct device_info *info, uint16_t group,
             uint32_t index)
{
    uint16_t column = 0;

    for (uint32_t i = 0; i < info->point_count && column < STORE_NO_COLUMN - 1; i++)
        if (store_file_has(info, store_file_def(files, info->points[i]), group)) {
            if (info->points[i] == info->comm_point)
                files->files[index].comm_column = column;
            files->places[info->points[i]] = (struct store_place){index, column++};
        }
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
    file->comm_column = STORE_NO_COLUMN;
    file->comm_value = NAN;
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
queue_init(struct store_queue *queue)
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

static struct store_file *
dequeue(struct store_queue *queue)
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
    store_file_enqueue(&files->due, file);
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

/* A reader's flush closes a slot whose last values may still come; a time far behind what the file
 * holds is another matter. */
static void
count_old(struct store_files *files, const struct store_file *file, bool is_sound, int64_t now_ms)
{
    if (is_sound && file->rows.written_s != INT64_MIN &&
        file->rows.written_s - file->rows.slot_s <= 2 * file->rows.step_ms / 1000) {
        files->stats[STAT_STORE_LATE]++;
        return;
    }
    files->stats[STAT_STORE_REFUSED]++;
    files->refused_ms = now_ms;
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

    const struct store_place *place = &files->places[sample->point];

    if (place->file == NO_FILE || (sample->flags & SAMPLE_MERGED) != 0)
        return; /* a text, a group read once; an extreme kept for alarms */

    struct store_file *file = &files->files[place->file];

    if (place->column == file->comm_column) {
        file->comm_value = value;
        if (is_snapshot)
            return; /* perhaps days old; the rows to come have it */
    }

    size_t before = store_rows_bytes(&file->rows);
    bool is_sound = has_sound_time(files, sample);
    enum store_put put = !is_sound ? STORE_PUT_OLD
                                   : store_rows_put(&file->rows, place->column, value,
                                                    sample->utc_ms);

    files->bytes += store_rows_bytes(&file->rows) - before;
    if (put == STORE_PUT_OLD && !is_snapshot)
        count_old(files, file, is_sound, now_ms);
    else if (put == STORE_PUT_NOMEM)
        count_dropped(files, 1);
    if (put == STORE_PUT_NEW_ROW) {
        if (isfinite(file->comm_value) && file->comm_column != place->column)
            (void)store_rows_put(&file->rows, file->comm_column, file->comm_value, sample->utc_ms);
        if (is_snapshot)
            file->snapshot_s = store_rows_time(&file->rows, (uint16_t)(file->rows.count - 1));
        begin_row(files, file, now_ms);
    }
}

/* ---- writing ---- */

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
    if (code == ERR_OK)
        store_write_succeeded(files, file, count);
    else /* refused: the daemon is lost, which says nothing about the file */
        store_write_failed(files, file, code != ERR_REFUSED, reason, files->ticked_ms);
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
            files->tokens--; /* and more, once its size is known */
            may_make = true;
        } else {
            file = dequeue(&files->due);
            if (file == NULL)
                return false;
            file->is_queued = false;
        }
        if (!store_write_file(files, file, now, may_make)) {
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
    if (files->gate.has_jumped || files->steady_ms == 0)
        files->steady_ms = now->mono_ms;
    if (files->ticked_ms != 0)
        files->tokens += (double)(now->mono_ms - files->ticked_ms) / 1000 * creates;
    else
        files->tokens = most;
    if (files->tokens > most)
        files->tokens = most;
    files->ticked_ms = now->mono_ms;
    if (now->mono_ms - files->scanned_ms < SCAN_MS)
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
        pending += files->files[i].rows.samples;
        opened += files->files[i].columns != NULL;
    }
    files->stats[STAT_STORE_FILES] = opened;
    *out_state = (struct msg_store){
        .dropped = files->stats[STAT_STORE_DROPPED],
        .refused = files->stats[STAT_STORE_REFUSED],
        .errors = files->stats[STAT_STORE_ERRORS],
        .pending = (uint32_t)(pending > UINT32_MAX ? UINT32_MAX : pending),
        .is_failing = files->failing > 0 || is_cut_off,
        .time_jumped = files->gate.has_jumped ||
                       (files->refused_ms != 0 &&
                        files->ticked_ms - files->refused_ms < STORE_REFUSED_SHOWN_MS),
    };
    text_copy(out_state->reason, sizeof out_state->reason,
              is_cut_off ? "rrdcached cannot be reached" : files->reason);
}
