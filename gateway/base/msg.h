/*
 * msg.h - the messages between the processes of one gateway.
 *
 * A link is one AF_UNIX SOCK_SEQPACKET pair made by the master, which keeps both ends for its whole
 * life and hands them to each incarnation of a worker. A message is a struct msg_head and `count`
 * entries of one struct, or for text one blob; at most MSG_BYTES_MAX together. Same machine, same
 * binary: structs travel as they are. Who sends what, and what happens when the receiver lags, is
 * the table in docs/architecture.md.
 */
#ifndef WATCHROOM_BASE_MSG_H
#define WATCHROOM_BASE_MSG_H

#include "gateway/base/sample.h"
#include "gateway/base/stats.h"

#define MSG_BYTES_MAX ((size_t)64 * 1024)

enum msg_type {
    MSG_NONE,
    /* first on every link, from each new incarnation of a worker: struct msg_hello */
    MSG_HELLO,

    /* master -> worker */
    MSG_PING, /* empty */
    MSG_STOP, /* empty: flush what must not be lost, then end */
    /* worker -> master */
    MSG_PONG,  /* uint64_t stats[STAT_COUNT] */
    MSG_READY, /* empty: set up, the work begins */
    /* master -> alarms */
    MSG_WORKER,     /* struct msg_worker: started, died, hung */
    MSG_STATS,      /* struct msg_stats: one worker's counters, about once a second */
    MSG_GENERATION, /* JSON text: a configuration was accepted or refused */
    /* alarms -> master */
    MSG_RELOAD, /* JSON text: a person asked for it: user, role, uid, pid, request */

    /* collector -> alarms, collector -> store */
    MSG_SAMPLES, /* struct sample[] */
    /* collector -> alarms */
    MSG_EVENTS, /* struct event[] */
    MSG_TEXTS,  /* struct text_value[] */
    MSG_HEALTH, /* struct msg_health[] */
    /* alarms -> collector */
    MSG_COMMITTED, /* struct msg_committed */
    MSG_POLL_NOW,  /* uint32_t device numbers[] */
    /* alarms -> collector; the store asks through alarms */
    MSG_SNAPSHOT, /* empty: send every point once more, marked SAMPLE_SNAPSHOT */

    /* store -> alarms */
    MSG_STORE, /* struct msg_store: state, coalesced */
    /* alarms <-> store */
    MSG_FLUSH,   /* struct msg_flush: write what you hold for this device (or all) */
    MSG_FLUSHED, /* struct msg_flush: done */

    /* alarms -> courier */
    MSG_TICK, /* struct msg_tick: after each journal turn and at least every 2 s */
    MSG_ROW,  /* struct msg_row, then the JSON of a row that is not on disk (journalled: false) */
    /* courier -> alarms */
    MSG_CURSOR,  /* struct msg_cursor: the broker confirmed up to here */
    MSG_REFUSED, /* struct msg_refused: of these rows it refused something; before the cursor passes
                  */
    MSG_COMMAND, /* struct msg_command, then the payload bytes */
    MSG_PRESENCE, /* struct msg_presence, then the payload bytes: somebody watches, or is gone */
    /* alarms -> courier */
    MSG_OUTCOME, /* struct msg_command, then the JSON of the outcome */

    /* alarms -> web: JSON text, once a second, newest wins */
    MSG_METRICS,
    MSG_TYPE_COUNT
};

struct msg_head {
    uint16_t type;
    uint16_t count; /* entries behind the head; 1 for a blob */
    uint32_t generation;
    uint32_t bytes; /* behind the head */
    uint32_t reserved;
};

struct msg_hello {
    uint64_t incarnation; /* grows with every start of this worker, across restarts of the master */
};

enum worker_change { WORKER_STARTED, WORKER_DIED, WORKER_HUNG, WORKER_CHANGE_COUNT };

struct msg_worker {
    char name[32];
    uint32_t change; /* enum worker_change */
    int32_t status;  /* WORKER_DIED: as waitpid(2) gave it */
    int32_t pid;
    uint32_t restarts; /* deaths and hangs since the master started */
    int64_t utc_ms;
};

struct msg_stats {
    char name[32];
    int32_t pid;
    uint32_t restarts;
    uint64_t values[STAT_COUNT];
};

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_SUSPECT, HEALTH_DOWN, HEALTH_COUNT };

struct msg_health {
    uint32_t device;
    uint8_t health;  /* enum health */
    uint8_t cause;   /* enum cause of the last failure */
    uint16_t missed; /* polls missed in a row */
    int64_t utc_ms;  /* since when */
    float rtt_ms;    /* smoothed */
    char reason[92]; /* last failure in words, "" when there was none */
};

struct msg_committed {
    uint64_t incarnation; /* of the collector */
    uint64_t number;      /* events up to here are in the journal */
};

struct msg_store {
    uint64_t dropped;     /* since start */
    uint64_t refused;     /* samples refused for their time, since start */
    uint64_t errors;      /* failed updates, since start */
    uint32_t pending;     /* samples in memory */
    uint32_t is_failing;  /* the last write failed */
    uint32_t time_jumped; /* times are being refused now */
    char reason[200];
};

struct msg_flush {
    uint64_t token;  /* the asker's, returned as it is */
    uint32_t device; /* UINT32_MAX: all */
    int32_t code;    /* enum err_code in MSG_FLUSHED */
};

struct msg_tick {
    int64_t utc_ms;
    int64_t mono_ms;
    uint64_t committed;  /* newest journal row on disk */
    uint64_t boot;       /* changes when alarms starts anew: read the journal's id again */
    uint32_t active[5];  /* live alarms per priority 1..4; [0] is the sum */
    uint32_t unacked[5]; /* the same of those that wait for an acknowledgement */
    uint32_t shelved, suppressed, out_of_service, tested, chattering;
    uint32_t retained; /* alarms not at rest: what a console must find under alarm/# */
    uint32_t flood;    /* AUDIENCE_BIT()s of those who are told more than they can take in */
    uint32_t clock;    /* enum clock_state */
    uint32_t degraded; /* 1: the judge itself has a fault, see reason */
    char reason[120];
    char config[72]; /* SHA-256 in hex of the configuration in effect */
};

struct msg_row {
    uint64_t seq;
    uint32_t is_at_rest; /* its alarm is, from this row on: nothing retained */
    uint32_t reserved;
};

struct msg_cursor {
    uint64_t seq;
    uint64_t refused; /* publishes refused by the broker, since start */
    uint32_t connected;
    uint32_t reserved;
};

struct msg_refused {
    uint64_t seq;
};

/* A command as it came from the broker: who is the topic level, never the payload. */
struct msg_command {
    char user[ID_MAX];
    char verb[32];
    char response_topic[TOPIC_ID_MAX];
    uint8_t correlation[64];
    uint32_t correlation_bytes;
    uint32_t retained;
    uint32_t payload_bytes; /* follow this struct */
    uint32_t reserved;
};

/* What arrived at presence/<user>/<client>. */
struct msg_presence {
    char user[ID_MAX], client[ID_MAX];
};

const char *msg_type_name(enum msg_type type);
const char *health_name(enum health health);               /* "unknown", "up", "suspect", "down" */
const char *worker_change_name(enum worker_change change); /* "started", "died", "hung" */

/* Size of one entry of a type; 0 for blobs and empty messages. */
size_t msg_entry_bytes(enum msg_type type);

/*
 * Is `head` with `bytes` behind it a well-formed message? Types with entries must hold exactly
 * count of them. Used on every receipt: a peer may be a process that is being killed.
 */
bool msg_is_sound(const struct msg_head *head, size_t bytes);

#endif
