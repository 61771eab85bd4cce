/*
 * requests.h - what people ask, read and checked: lines of the control socket, payloads of
 * commands.
 *
 * Pure and fuzzed (tests/fuzz/fuzz_control.c, fuzz_command.c): bytes in, a checked struct or a
 * reason out. Who asks, and whether they may, is for others.
 */
#ifndef WATCHROOM_ALERTS_REQUESTS_H
#define WATCHROOM_ALERTS_REQUESTS_H

#include "gateway/base/base.h"

#define REQUEST_NOTE_MAX 512           /* bytes of a note, with the NUL */
#define REQUEST_COMMAND_BYTES_MAX 4096 /* payload of a command */
#define REQUEST_LINE_BYTES_MAX 8192    /* line of the control socket */

/* Which occurrence is acknowledged: one, a range, or (from 0) whichever is present. */
struct request_ack {
    char id[TOPIC_ID_MAX];
    uint32_t occ_from, occ_to;
    char note[REQUEST_NOTE_MAX];
};

enum control_verb {
    CONTROL_STATUS,
    CONTROL_ALARMS,
    CONTROL_VALUES,
    CONTROL_DEVICES,
    CONTROL_ACK,
    CONTROL_FLUSH,
    CONTROL_DEFINITIONS,
    CONTROL_RELOAD,
    CONTROL_VERDICT,
    CONTROL_CHECKPOINT,
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
    struct request_ack ack;
};

/* One line without its newline. `reason` says what is wrong. */
bool request_parse_control(const char *line, size_t bytes, struct control_request *out_request,
                           char *reason, size_t reason_size);
const char *control_verb_name(enum control_verb verb);

/* Verbs of docs/architecture.md, "Commands"; the rest comes later. */
enum command_verb { COMMAND_ACK, COMMAND_GET, COMMAND_LATER, COMMAND_UNKNOWN };

enum command_verb command_verb_of(const char *name);

struct command_request {
    char cid[27];           /* ULID; "" in a line of the control socket */
    int64_t expires_utc_ms; /* 0: not said */
    struct request_ack ack; /* COMMAND_ACK */
    uint64_t since;         /* COMMAND_GET */
};

/* `verb` is COMMAND_ACK or COMMAND_GET. As much as could be read is in `out_request` also on
 * failure: a cid tells the sender which command was bad. */
bool request_parse_command(enum command_verb verb, const char *payload, size_t bytes,
                           struct command_request *out_request, char *reason, size_t reason_size);

#endif
