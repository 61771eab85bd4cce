/*
 * kpi_rows.h - key figures of a stretch of the journal, from its rows alone.
 *
 * Reads the journal from its oldest row: how things stood when the stretch began is known only from
 * what came before. Memory grows with the number of alarms, not of rows.
 */
#ifndef WATCHROOM_ALERTS_KPI_ROWS_H
#define WATCHROOM_ALERTS_KPI_ROWS_H

#include "alerts/journal_read.h"
#include "alerts/kpi.h"

#define KPI_ROWS_ALARMS_MAX                                                                        \
    200000 /* different ids; rows of further ones are counted as left out                          \
            */
#define KPI_ROWS_CODES_MAX 32

struct kpi_alarm_name {
    const char *id; /* borrowed */
    char *text;     /* as its newest row says */
    uint8_t priority;
};

struct kpi_code {
    char name[32];
    uint64_t count;
};

struct kpi_rows {
    int64_t from_utc_ms, to_utc_ms;   /* as asked: from <= time < to */
    int64_t covered_from, covered_to; /* what the journal really says something about */
    bool is_covered;                  /* false: nothing of it is in the journal */
    char jid[27], site[64];
    uint64_t rows, oldest, newest;  /* read in all; numbers */
    uint64_t in_range;              /* rows of the stretch */
    uint64_t pruned_to;             /* rows up to here were removed for their age; 0: none */
    uint64_t lost_rows, event_gaps; /* told but not journalled; changes that never arrived */
    uint64_t pauses, paused_ms;     /* between a start and the row before: nobody judged */
    uint64_t left_out, unreadable;  /* rows */
    uint64_t commands, refused;
    struct kpi_code codes[KPI_ROWS_CODES_MAX];
    size_t code_count;
    struct kpi *kpi;
    struct kpi_alarm_name *names; /* by slot */
    uint32_t name_count;
    struct kpi_slot_of *slots; /* id -> slot */
};

/* `progress` (may be NULL) is called every JOURNAL_READ_MAX rows with the one just read and the
 * newest. Blocking. */
enum err_code kpi_rows_read(struct journal_reader *reader, int64_t from_utc_ms, int64_t to_utc_ms,
                            void (*progress)(void *ctx, uint64_t seq, uint64_t newest), void *ctx,
                            struct kpi_rows *out_rows, struct err *err) MUST_CHECK;
void kpi_rows_done(struct kpi_rows *rows); /* also after a failure */

#endif
