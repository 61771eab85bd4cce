/*
 * kpi.h - key figures of the alarms of each audience: how many, how fast seen, how long standing.
 *
 * Pure: no clock, no I/O; facts come in the order of the journal. The alarms process feeds it as
 * things happen (/metrics), `watchroom report alarms` from the rows of the journal: one set of
 * definitions for both, those of docs/alarm-philosophy.md. All times are UTC ms. Facts before
 * `from` only say how things stood; facts from then on count.
 */
#ifndef WATCHROOM_ALERTS_KPI_H
#define WATCHROOM_ALERTS_KPI_H

#include "alerts/alarm_def.h"

#define KPI_SPAN_MS INT64_C(600000)       /* told "per 10 minutes" */
#define KPI_FLOOD_BEGINS 10               /* so many told in KPI_SPAN_MS */
#define KPI_FLOOD_ENDS 5                  /* fewer than so many */
#define KPI_STANDING_MS INT64_C(86400000) /* live for longer: a standing alarm */
#define KPI_PRIORITIES 5                  /* [1] .. [4]; [0] is all of them */
#define KPI_SLICES 60                     /* of KPI_SPAN_MS, for the sliding count */
#define KPI_TIMES_BUCKETS 4096

/*
 * A distribution of times, in bounded memory. Quantiles are true to 1 %; count, sum, greatest and
 * the counts of KPI_STEPS_S are exact.
 */
#define KPI_STEPS 8
extern const uint32_t KPI_STEPS_S[KPI_STEPS]; /* 30 s, 60 s, 120 s ... */
struct kpi_times {
    uint64_t count, sum_ms, max_ms;
    uint64_t within[KPI_STEPS]; /* <= KPI_STEPS_S */
    uint32_t buckets[KPI_TIMES_BUCKETS];
};
void kpi_times_add(struct kpi_times *times, int64_t ms);
/* Nearest rank; 0 without any. 0 < q <= 1 */
int64_t kpi_times_quantile(const struct kpi_times *times, double q);

/* One row of an alarm: what happened, and how the alarm is after it. */
struct kpi_fact {
    int64_t utc_ms;
    int64_t raised_utc_ms;                                            /* 0: unknown */
    unsigned audiences;                                               /* AUDIENCE_BIT()s */
    unsigned priority;                                                /* 1 .. 4 */
    bool is_told, is_acked, is_chatter;                               /* happened */
    bool live, unacked, shelved, suppressed, out_of_service, in_hold; /* is */
};

struct kpi_audience {
    uint64_t told[KPI_PRIORITIES];
    uint64_t peak; /* in the fullest ten minutes of the clock */
    uint64_t floods, flood_ms;
    bool is_flood;
    uint64_t escalations;
    uint64_t chattered, stood; /* different alarms that did, since `from` */
    struct kpi_times acked[KPI_PRIORITIES];
    uint64_t never[KPI_PRIORITIES]; /* told, and gone without an acknowledgement */
    /* how it is now */
    uint64_t live[KPI_PRIORITIES], unacked[KPI_PRIORITIES];
    uint64_t shelved, suppressed, out_of_service, in_hold, standing;
};

struct kpi;

/* `alarms`: how many slots there are, at most. NULL: out of memory. */
struct kpi *kpi_new(uint32_t alarms, int64_t from_utc_ms);
void kpi_free(struct kpi *kpi);

/* `slot` < alarms: the caller's number of the alarm. */
void kpi_alarm(struct kpi *kpi, uint32_t slot, const struct kpi_fact *fact);
void kpi_escalation(struct kpi *kpi, unsigned audiences, int64_t utc_ms);
/* Time goes on without a fact: floods end, what stands for a day is counted. Looks at every slot.
 */
void kpi_advance(struct kpi *kpi, int64_t utc_ms);

/* As of the last fact or kpi_advance. Borrowed. */
const struct kpi_audience *kpi_of(const struct kpi *kpi, enum audience audience);
/* Told in the last ten minutes, to the ten seconds. */
uint32_t kpi_told_lately(const struct kpi *kpi, enum audience audience);

/* How often this alarm was told since `from`; who it is for, as of its last fact. */
uint32_t kpi_told_of(const struct kpi *kpi, uint32_t slot, unsigned *out_audiences);

#endif
