/*
 * site.h - one site file and its profiles, read and checked into an immutable structure.
 *
 * The master loads it, forks, and every worker inherits it. A reload loads anew with the running
 * site as `previous`, so that names keep their numbers. Everything hangs on one arena.
 */
#ifndef WATCHROOM_CONFIG_SITE_H
#define WATCHROOM_CONFIG_SITE_H

#include "alerts/alarms.h"
#include "alerts/courier.h"
#include "collectors/collect.h"
#include "config/diag.h"
#include "config/texts.h"
#include "gateway/base/arena.h"
#include "gateway/base/digest.h"

/* One archive of a retention class: rows of `step_ms` kept for `keep_ms`. */
struct rra_class {
    int64_t step_ms;
    int64_t keep_ms;
    bool with_extremes; /* minimum and maximum beside the average */
};
#define RRA_CLASSES_MAX 12

struct store_params {
    const struct directory *directory;
    const char *state_dir; /* files live in <state_dir>/rrd/<device>/<group>.rrd */
    const char *rrdcached; /* "unix:/run/rrdcached.sock"; NULL: librrd in this process */
    struct rra_class classes[RRA_CLASSES_MAX];
    uint16_t class_count;
    uint16_t batch_samples; /* default 30 */
    int64_t batch_ms;       /* default 60000 */
    uint16_t creates_per_s; /* default 20 */
    int alarms_fd;
    const int *collector_fds;
    uint32_t collector_count;
};

struct web_params {
    const struct directory *directory;
    int listen_fd; /* made by the master; -1: no web */
    int alarms_fd;
};

/* A name that is gone and keeps its number: it may come back, and nobody else gets it. */
enum retired_kind { RETIRED_DEVICE, RETIRED_POINT, RETIRED_ALARM };
struct retired {
    enum retired_kind kind;
    const char *name;
    uint32_t number;
    const struct retired *next;
};

#define SECTIONS_MAX 32
#define SITE_SHARDS_MAX 64

/* Of what each worker depends on. */
struct worker_digests {
    uint64_t collectors[SITE_SHARDS_MAX]; /* per shard */
    uint64_t store, alarms, courier, web;
};

struct site {
    struct arena *arena;
    const char *file, *profiles; /* the folder of profiles */
    /* Every file it was made of, "<SHA-256>  <name>" a line, as sha256sum takes it; its own SHA-256
     * names the configuration. */
    const char *manifest;
    char digest[DIGEST_HEX];
    uint32_t generation;

    const char *id, *name, *time_zone;
    const char *state_dir, *socket;
    uint32_t shard_count;

    struct directory directory;
    const struct retired *retired;
    const struct collect_device *devices;
    uint32_t device_count;
    const struct alarm_def *alarms;
    uint32_t alarm_limit;
    const struct user *users;
    uint32_t user_count;

    /* The workers' parameters, but for descriptors, which the master fills in copies. */
    struct alarms_params alarms_params;
    struct courier_params courier;
    bool has_broker;
    struct store_params store;
    const char *web_address; /* numeric; NULL: no web */
    uint16_t web_port;       /* 0: chosen by the kernel */

    /* ... of each section of its file that names no devices or alarms: is it as it was? */
    struct {
        const char *name;
        uint64_t digest;
    } sections[SECTIONS_MAX];
    size_t section_count;

    /* Fingerprints of what a worker depends on: differs -> restart it at a reload. */
    struct worker_digests digests;
    /* The same without the numbers of devices and points, which are each gateway's own: for who
     * compares a file with what another process has read. */
    struct worker_digests by_name;
};

struct site_options {
    bool lint; /* warn of alarms that are no good ones: config/lints.h */
    const char *profile_dir;     /* NULL: installed ones, or $WATCHROOM_PROFILES */
    const struct site *previous; /* NULL at first start */
    uint32_t generation;
    struct site_texts
        *texts; /* gets every file that was read, also with faults; NULL: nobody asks */
};

/*
 * Reads everything, reports every fault into `diag`, and gives a site only when none was an error.
 * Blocking (files).
 */
enum err_code site_load(const char *file, const struct site_options *options, struct diag *diag,
                        struct site **out_site) MUST_CHECK;
/* The same for a file that is in memory already; `name` is told to people. */
enum err_code site_load_text(const char *name, const char *text, size_t bytes,
                             const struct site_options *options, struct diag *diag,
                             struct site **out_site) MUST_CHECK;
void site_free(struct site *site);
/* The number it has once it is known whether it is a new one; before anybody is forked. */
void site_set_generation(struct site *site, uint32_t generation);

struct site_cost {
    uint32_t devices, points, alarms, groups;
    double requests_per_s, points_per_s;
    uint64_t rrd_bytes;
    uint64_t memory_bytes; /* of the configuration itself */
};
void site_cost(const struct site *site, struct site_cost *out_cost);

#endif
