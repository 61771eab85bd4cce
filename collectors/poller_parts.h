/*
 * poller_parts.h - what a poller is made of; for the poller's own files.
 *
 *   poller.c           when: slots, lines, deadlines, health
 *   poller_readings.c  what: values, texts, and what a poll that failed makes of its points
 *   poller_requests.c  what others ask: poll now, read again, how are they?
 *   poller_open.c      from the site's structs to ours
 */
#ifndef WATCHROOM_COLLECTORS_POLLER_PARTS_H
#define WATCHROOM_COLLECTORS_POLLER_PARTS_H

#include "collectors/health.h"
#include "collectors/poller.h"
#include "collectors/schedule.h"
#include "gateway/base/clock.h"
#include "gateway/base/timers.h"

#define FIRST_SPREAD_MS 5000 /* slow groups are first read within this, not within a period */

#define JOB_NONE UINT32_MAX
#define GROUP_PROBE GROUPS_MAX /* in job.group: not a group, the probe of the device */

enum job_state { JOB_IDLE, JOB_QUEUED, JOB_RUNNING };

/* One group of one device, or the probe of one. Its timer is its slot. */
struct job {
    int64_t due_ms;      /* while queued or running: the slot it is for */
    int64_t interval_ms; /* of the group; 0: once */
    int64_t phase_ms;
    uint32_t device; /* index */
    uint32_t next;   /* in the queue of the line */
    uint8_t group;
    uint8_t state;     /* enum job_state */
    uint8_t round;     /* counts polls, modulo LATEST_ROUNDS: who was told in this one? */
    bool is_for_slot;  /* not for somebody's request: its lateness counts */
    bool again;        /* asked for once more while it ran */
    bool has_points;   /* an empty group is never read */
    bool is_satisfied; /* a `once` group that was read */
};

/* One connection, or one UDP address: one job at a time, the rest in the order of due times. */
struct line {
    uint32_t first, last; /* queued jobs */
    uint32_t running;
    bool is_pumping;
};

struct poller_device {
    /* What each poll touches comes first, and nothing else is followed for one that succeeds. */
    struct poller *poller;
    const struct driver *driver;
    void *instance; /* NULL: could not be opened, tried again at each poll */
    const struct source_set *set;
    int64_t started_us; /* the job that runs */
    struct stamp stamp; /* of the answer whose values come in */
    uint32_t turn;      /* of the loop, when `stamp` was taken; 0: none for this poll */
    uint32_t first_job, first_point, line;
    uint32_t running; /* job, or JOB_NONE: what the driver says now is nobody's */
    struct health_limits limits;
    struct health_record health;
    const struct collect_device *config;
    const struct device_info *info;
    char *reason; /* of the last miss; NULL: there was none */
};

struct poller {
    struct worker *worker;
    const struct directory *directory;
    const struct driver *const *drivers;
    struct latest *latest;
    struct outbound *outbound;
    struct poller_device *devices;
    struct job *jobs;
    struct line *lines;
    uint32_t *index_of; /* by device number of the directory; UINT32_MAX: not ours */
    uint32_t index_limit;
    uint32_t device_count, job_count, line_count;
    /* Ids: 0 .. line_count - 1 deadlines of lines, then the jobs; of what is due at once the
     * deadline comes first, so that the line is free for the slot. */
    struct timers *timers;
    ev_timer timer;
    ev_prepare prepare;
    int64_t armed_ms; /* what the timer waits for */
    bool drivers_ready[PROTOCOL_COUNT];
};

/* poller_open.c */
enum err_code poller_open_site(struct poller *poller, const struct collector_params *params,
                               struct err *err) MUST_CHECK;
void poller_close_site(struct poller *poller);
/* Tries to open the device; on failure says why and leaves instance NULL. */
enum err_code poller_open_device(struct poller_device *device, struct err *err) MUST_CHECK;

/* poller_readings.c */
extern const struct driver_sink POLLER_SINK;
/* A poll of this job begins: nothing of it is told yet. */
void poller_readings_begin(struct poller_device *device, struct job *job);
/* The points of the job's group that this poll did not tell are bad with `cause`; sent unless the
 * device was down already. */
void poller_readings_missing(struct poller_device *device, const struct job *job, enum cause cause,
                             const struct stamp *stamp);
/* All points that are not bad yet are, with `cause`. */
void poller_readings_lost(struct poller_device *device, enum cause cause,
                          const struct stamp *stamp);
/* The built-in point: 1 answering, 0 lost. */
void poller_readings_comm(struct poller_device *device, bool is_up, const struct stamp *stamp);

/* poller.c */
void poller_on_done(void *ctx, enum cause cause, const char *reason);
void poller_on_alive(void *ctx);

/* Puts the job into the queue of its line, which starts it when it is free. */
void poller_enqueue(struct poller *poller, struct job *job, int64_t due_ms, bool is_for_slot);

static inline struct job *
poller_job(const struct poller_device *device, uint16_t group)
{
    return &device->poller->jobs[device->first_job + group];
}

static inline int64_t
poller_now_ms(void)
{
    return clock_mono_us() / 1000;
}

static inline uint32_t
poller_job_index(const struct poller *poller, const struct job *job)
{
    return (uint32_t)(job - poller->jobs);
}

static inline uint32_t
poller_timer_of(const struct poller *poller, const struct job *job)
{
    return poller->line_count + poller_job_index(poller, job);
}

static inline struct job *
poller_probe_of(const struct poller_device *device)
{
    return poller_job(device, device->info->group_count);
}

static inline int64_t
poller_spread_ms(const struct poller_device *device)
{
    return schedule_phase_ms(device->config->device, 0, 1, FIRST_SPREAD_MS, FIRST_SPREAD_MS);
}

#endif
