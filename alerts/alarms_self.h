/*
 * alarms_self.h - the alarms process's own state, for the files that make it up: alarms.c (what
 * starts, arrives, leaves), intake.c (collectors), turn.c (commit, then tell), figures.c (what is
 * said about the gateway), control_verbs.c and control_config.c (answers of the control socket),
 * generation_rows.c (configurations on record).
 */
#ifndef WATCHROOM_ALERTS_ALARMS_SELF_H
#define WATCHROOM_ALERTS_ALARMS_SELF_H

#include "alerts/alarm_index.h"
#include "alerts/alarm_tell.h"
#include "alerts/alarms.h"
#include "alerts/commands.h"
#include "alerts/control.h"
#include "alerts/device_health.h"
#include "alerts/engine.h"
#include "alerts/flood.h"
#include "alerts/escalation.h"
#include "alerts/gateway_points.h"
#include "alerts/journal.h"
#include "alerts/presence.h"
#include "alerts/spells.h"
#include "alerts/kpi.h"
#include "alerts/unconfirmed.h"
#include "alerts/values.h"

#define WORKERS_MAX 80    /* as many as a master can have, and some */
#define OUTCOMES_MAX 1000 /* waiting for a commit or for the courier */
#define ANSWERS_MAX CONTROL_CLIENTS_MAX
#define UNCONFIRMED_AFTER_DEFAULT_MS 60000

struct alarms;

/* One collector's link. */
struct intake {
    struct alarms *self;
    struct link *link;
    char key[48];         /* of the journal: "collector-0.event" */
    uint64_t incarnation; /* of the collector, as last heard */
    uint64_t number;      /* newest event taken of it */
    uint64_t committed;   /* of these, on disk */
    uint64_t missed;      /* first of a gap that was asked for again; 0: none */
    bool is_synced;       /* the collector's hello has come: what follows is in order */
    bool is_dirty;        /* number or incarnation not yet in the journal's turn */
    bool owes_snapshot, owes_committed;
};

/* What waits for the commit of this turn. */
struct waiting_outcome {
    struct waiting_outcome *next;
    struct msg_command head;
    size_t bytes;
    char text[];
};

struct waiting_answer {
    uint64_t ticket;
    struct outcome outcome;
};

struct turn {
    bool is_failing; /* the journal takes nothing */
    bool owes_tick;
    int64_t tried_mono_ms, ticked_mono_ms;
    uint64_t told_urgent, told_other; /* unwritten rows the courier has */
    uint64_t told_head;               /* journal's head when it last had all of them */
    char fault[200];                  /* why it takes nothing */
    struct waiting_outcome *outcomes, *last_outcome;
    size_t outcome_count;
    uint64_t outcomes_dropped;
    struct waiting_answer answers[ANSWERS_MAX];
    size_t answer_count;
    struct waiting_outcome *ready; /* committed, the courier had no room */
};

struct figures {
    struct msg_stats workers[WORKERS_MAX];
    size_t worker_count;
    struct msg_cursor cursor;
    struct msg_store store;
    bool has_cursor, has_store;
    uint64_t merged; /* samples merged, all collectors */
    json_t *config;  /* the master's last word on it; NULL: none since the start */
    char quarantined[256];
};

/* The configuration in effect: this process may hold an earlier one that is as good for it. */
struct running {
    uint32_t generation;
    char digest[DIGEST_HEX];
    json_t *parts;    /* fingerprints, as the master said last; NULL: those of the parameters */
    json_t *verdicts; /* the master's last words; NULL: none yet */
};

struct alarms {
    struct worker worker;
    const struct alarms_params *params;
    struct journal *journal;
    struct engine *engine;
    struct alarm_tell tell;
    struct alarm_index index;
    struct gateway_points points;
    struct device_health *devices;
    struct values *values;
    struct spells *spells;
    struct flood flood;
    bool flood_is_dirty; /* not yet in the journal's turn */
    struct escalation *escalation;
    struct presence *presence;
    struct commands *commands;
    struct control *control;
    struct unconfirmed *unconfirmed;
    struct intake *intakes;             /* params->collector_count */
    struct link *courier, *store, *web; /* NULL: the site has none */
    struct turn turn;
    struct figures figures;
    struct running running;
    struct kpi *kpi;
    int64_t kpi_advanced_mono_ms;
    struct stamp started, now; /* now: read once per message */
    struct stamp signed_at;    /* the chain, or the last try */
    ev_prepare before_sleep;
    ev_timer second, due;
    int64_t due_mono_ms;
    uint64_t flush_tokens;
    struct {
        uint64_t token, ticket;
    } flushes[CONTROL_CLIENTS_MAX];
    uint64_t unknown; /* numbers nobody knows */
    struct {
        int64_t offset_ms, since_mono_ms;
    } steady; /* the clock */
    struct {
        uint64_t oldest;
        int64_t mono_ms;
    } pruned; /* configurations on record, last looked at */
};

/* alarms.c */
void alarms_read_clock(struct alarms *self);
void alarms_ask_snapshots(struct alarms *self);
/* Signs the journal's chain up to here, with the turn that is open. */
void alarms_sign_journal(struct alarms *self);

/* intake.c */
void intake_open(struct intake *intake, struct alarms *self, uint32_t shard);
void intake_close(struct intake *intake);
void intake_ask_snapshot(struct intake *intake);
void intake_before_commit(struct intake *intake);
void intake_after_commit(struct intake *intake);

/* turn.c */
void turn_end(struct alarms *self);
void turn_tick(struct alarms *self); /* about once a second */
void turn_courier_writable(struct alarms *self);
/* It wants to know where we are, and has no row that is not on disk. */
void turn_courier_is_new(struct alarms *self);
/* Tells the sender once the turn is on disk. */
void turn_add_outcome(struct alarms *self, const struct msg_command *head, const char *text,
                      size_t bytes);
/* Takes what the outcome owns. */
void turn_add_answer(struct alarms *self, uint64_t ticket, const struct outcome *outcome);
void turn_done(struct alarms *self);

/* flood_rows.c: who is told too much, on record */
void flood_rows_restore(struct alarms *self);
void flood_rows_note(struct alarms *self, unsigned audiences);
void flood_rows_tick(struct alarms *self);
void flood_rows_before_commit(struct alarms *self);

/* figures.c */
#define FIGURES_CONFIG_KEY                                                                         \
    "gateway.config" /* in the journal: the last configuration was refused                         \
                      */
void figures_take_stats(struct alarms *self, const struct msg_stats *stats);
void figures_take_store(struct alarms *self, const struct msg_store *store);
void figures_take_cursor(struct alarms *self, const struct msg_cursor *cursor);
void figures_take_refused(struct alarms *self, const struct msg_refused *rows, size_t count);
void figures_take_generation(struct alarms *self, json_t *news);
void figures_take_worker(struct alarms *self, const struct msg_worker *worker);
/* "ok" or "degraded": the reasons, in words; a new reference. */
json_t *figures_reasons(const struct alarms *self);
json_t *figures_status(const struct alarms *self);
/* Canonical JSON for the web process, at most MSG_BYTES_MAX; the caller frees. NULL: no memory. */
char *figures_metrics(const struct alarms *self);
void figures_done(struct figures *figures);

/* generation_rows.c */
/* What was accepted and is not in the journal yet. */
void generation_rows_start(struct alarms *self);
void generation_rows_take(struct alarms *self, const char *text, size_t bytes);
/* Of a request for a reload; NULL: not known (yet, or any more). Borrowed. */
const json_t *generation_rows_verdict(const struct alarms *self, const char *request);
/* Configurations of which the journal holds no row any more. */
void generation_rows_prune(struct alarms *self);
void generation_rows_done(struct alarms *self);

/* figures_kpi.c */
void figures_kpi_told(struct alarms *self, const struct transition *transition);
escalation_told figures_kpi_escalated;
void figures_kpi_restored(struct alarms *self); /* once, after a restart */
void figures_kpi_tick(struct alarms *self);     /* about once a second */
json_t *figures_kpi(const struct alarms *self); /* a new reference */

/* control_verbs.c */
control_handler control_verbs_answer;
void control_verbs_flushed(struct alarms *self, const struct msg_flush *flushed);
void control_verbs_ordered(struct alarms *self, uint64_t ticket, const struct outcome *outcome);

/* control_config.c */
void control_config_reload(struct alarms *self, struct control_client *client,
                           const struct control_request *request);
void control_config_verdict(struct alarms *self, struct control_client *client,
                            const struct control_request *request);
void control_config_checkpoint(struct alarms *self, struct control_client *client);
void control_config_write_running(const struct alarms *self, struct text_buf *out);

#endif
