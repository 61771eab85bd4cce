/*
 * store_write.h - one RRD file's turn; and what store_files.c and store_write.c both know.
 */
#ifndef WATCHROOM_GATEWAY_STORE_WRITE_H
#define WATCHROOM_GATEWAY_STORE_WRITE_H

#include "gateway/store_files.h"
#include "gateway/store_gate.h"
#include "gateway/store_rows.h"

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
    uint16_t threshold;   /* complete rows that make a batch */
    uint16_t in_flight;   /* oldest rows that are at the daemon */
    uint16_t comm_column; /* of <device>/comm.state, or STORE_NO_COLUMN */
    double comm_value;    /* told when it changes only, stored with every row; NAN: unknown */
    bool is_queued, is_making, is_wanted, is_failing, is_new;
};

struct store_place {
    uint32_t file;
    uint16_t column;
};

struct store_queue {
    struct store_file *first, **last;
};

struct store_files {
    const struct store_params *params;
    uint64_t *stats;
    struct store_cached *cached;
    struct store_file *files; /* in the order of the devices */
    uint32_t file_count;
    uint32_t *first_file;       /* per device, and one more: where its files begin */
    struct store_place *places; /* per point */
    struct store_queue due, making;
    struct store_gate gate;
    int64_t steady_ms;  /* since when the clock has gone on evenly */
    int64_t refused_ms; /* when a time was refused last; 0: never */
    bool is_synced, is_last;
    double tokens; /* files that may be made now */
    int64_t ticked_ms, scanned_ms, logged_ms;
    size_t bytes;
    uint32_t failing;
    uint16_t batch;
    char reason[200];
};

/* Does a point have a column in the file of this group? Not texts, nor groups read once. */
static inline bool
store_file_has(const struct device_info *info, const struct point_def *def, uint16_t group)
{
    return def != NULL && def->kind != VALUE_TEXT && def->group == group &&
           info->groups[group].interval_ms > 0;
}

static inline const struct point_def *
store_file_def(const struct store_files *files, uint32_t point)
{
    const struct point_ref *ref = directory_point(files->params->directory, point);

    return ref == NULL ? NULL : ref->def;
}

static inline void
store_file_enqueue(struct store_queue *queue, struct store_file *file)
{
    file->next = NULL;
    *queue->last = file;
    queue->last = &file->next;
}

/*
 * Writes what may be written now. `may_make`: the file may be made or changed; without it one that
 * needs this goes to the making queue. False: the daemon has no room, try again.
 */
bool store_write_file(struct store_files *files, struct store_file *file, const struct stamp *now,
                      bool may_make);

/* The oldest `count` rows are in the file. */
void store_write_succeeded(struct store_files *files, struct store_file *file, uint16_t count);
/* They are not; `is_of_file`: look at the file anew before the next try. */
void store_write_failed(struct store_files *files, struct store_file *file, bool is_of_file,
                        const char *reason, int64_t now_ms);

#endif
