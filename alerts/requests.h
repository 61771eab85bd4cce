/*
 * requests.h - what people ask, read and checked: lines of the control socket, payloads of
 * commands.
 *
 * Pure and fuzzed (tests/fuzz/fuzz_control.c, fuzz_command.c): bytes in, a checked struct or a
 * reason out. Who asks, and whether they may, is for others.
 */
#ifndef WATCHROOM_ALERTS_REQUESTS_H
#define WATCHROOM_ALERTS_REQUESTS_H

#include "alerts/roles.h"

#define REQUEST_NOTE_MAX 512           /* bytes of a note, with the NUL */
#define REQUEST_COMMAND_BYTES_MAX 4096 /* payload of a command */
#define REQUEST_LINE_BYTES_MAX 8192    /* line of the control socket */
#define REQUEST_GROUP_MAX 64           /* alarms that one ack-group names */
#define REQUEST_ROOT_MAX 256           /* alarms that one ack-group by root acknowledges */
#define REQUEST_ROWS_MAX 1000          /* rows that one get asks for */
#define REQUEST_SEQ_MAX ((INT64_C(1) << 48) - 1) /* of a journal number */
#define REQUEST_TEST_DEFAULT_MS INT64_C(300000)

/* One alarm, and which occurrence is meant: one, a range, or (from 0) whichever is present. */
struct request_alarm {
    char id[TOPIC_ID_MAX];
    uint32_t occ_from, occ_to;
};

/* An order that was read. What its verb does not have is zero. */
struct order_request {
    enum order order;
    char cid[27];           /* ULID; "" in a line of the control socket */
    int64_t expires_utc_ms; /* 0: not said */
    struct request_alarm alarm;
    char note[REQUEST_NOTE_MAX];    /* or the reason */
    char second[ID_MAX];            /* the other person's user name; "": none */
    int64_t duration_ms;            /* shelve, test-begin */
    int64_t from_utc_ms, to_utc_ms; /* oos; 0: now, not said */
    char jid[27];                   /* get: of this journal; "": whichever */
    bool has_since;
    uint64_t since;
    uint32_t limit; /* get: rows; 0: as many as an answer holds */
    char root[TOPIC_ID_MAX]; /* ack-group: this alarm and what is folded under it */
    uint32_t group_count;
    struct request_alarm group[REQUEST_GROUP_MAX];
};

/* X(symbol, "verb"): what the control socket answers besides orders. */
#define CONTROL_VERBS(X)                                                                           \
    X(STATUS, "status")                                                                            \
    X(ALARMS, "alarms")                                                                            \
    X(VALUES, "values")                                                                            \
    X(DEVICES, "devices")                                                                          \
    X(FLUSH, "flush")                                                                              \
    X(DEFINITIONS, "definitions")                                                                  \
    X(RELOAD, "reload")                                                                            \
    X(VERDICT, "verdict")                                                                          \
    X(CHECKPOINT, "checkpoint")                                                                    \
    X(ORDER, "")
enum control_verb {
#define CONTROL_ENUM(symbol, name) CONTROL_##symbol,
    CONTROL_VERBS(CONTROL_ENUM)
#undef CONTROL_ENUM
        CONTROL_VERB_COUNT
};

struct control_request {
    enum control_verb verb;
    bool all;
    char device[ID_MAX]; /* "": all of them */
    /* CONTROL_RELOAD, CONTROL_VERDICT */
    char request[27];  /* a ULID; "": nobody will ask what became of it */
    uint32_t reverted; /* the generation whose text was put back; 0: none */
    bool is_dry;       /* only: may I? */
    struct order_request order; /* CONTROL_ORDER */
};

/* One line without its newline. `reason` says what is wrong. */
bool request_parse_control(const char *line, size_t bytes, struct control_request *out_request,
                           char *reason, size_t reason_size);

/* As much as could be read is in `out_request` also on failure: a cid tells the sender which
 * command was bad. */
bool request_parse_command(enum order order, const char *payload, size_t bytes,
                           struct order_request *out_request, char *reason, size_t reason_size);

#endif
