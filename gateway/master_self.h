/*
 * master_self.h - the master's own state, for the files that make it up: master.c (children,
 * signals, the beat), master_reload.c (reading the configuration, putting it on record, taking it).
 */
#ifndef WATCHROOM_GATEWAY_MASTER_SELF_H
#define WATCHROOM_GATEWAY_MASTER_SELF_H

#include <sys/signalfd.h>

#include "gateway/base/loop.h"
#include "gateway/child.h"
#include "gateway/generation.h"
#include "gateway/master.h"

#define CHILDREN_MAX (SHARDS_MAX + 4)
#define NEWS_MAX 256 /* messages for alarms while it is away; the oldest gives way */
#define ASKERS_MAX 8

struct news {
    enum msg_type type; /* MSG_WORKER or MSG_GENERATION */
    struct msg_worker worker;
    char *text;      /* MSG_GENERATION: owned */
    bool is_sent;    /* ... but not yet known to be read */
    uint64_t pinged; /* pings sent to alarms before it */
};

struct master {
    const struct master_options *options;
    struct ev_loop *loop;
    ev_timer beat;
    /* Signals come through a descriptor: libev's own table of them would be inherited by the
     * workers, whose loops may watch signals too. */
    ev_io signals;
    struct site *site;
    struct plumbing plumbing;
    struct child children[CHILDREN_MAX];
    size_t child_count;
    uint64_t incarnation;
    int64_t pinged_ms;
    struct news news[NEWS_MAX];
    size_t news_count;
    uint64_t news_dropped;
    uint64_t alarms_pings, alarms_pongs; /* since it was started */
    struct asker askers[ASKERS_MAX];     /* of reloads that are due */
    size_t asker_count;
    bool is_stopping;
    bool was_ready;
};

/* master.c */
/* For alarms; takes what it owns. */
void master_add_news(struct master *master, struct news item);
void master_stop_child(struct child *child, int64_t now_ms);

/* master_reload.c */
enum err_code master_load_first(struct master *master, struct site_texts *texts) MUST_CHECK;
/* Without a record it begins all the same: alarms come first. */
void master_record_first(struct master *master, const struct site_texts *texts);
/* Which workers the present site wants; those it does not want any more are told to stop. */
void master_want_children(struct master *master);
/* A person asked through alarms. */
void master_note_asker(struct master *master, const char *text, size_t bytes);
void master_reload_for_askers(struct master *master);
void master_on_hangup(struct master *master, const struct signalfd_siginfo *info);

#endif
