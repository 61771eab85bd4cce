/*
 * generation.h - putting a configuration on record before it is in effect: its files, how it
 * differs from the one before, who asked for it. Used by the master.
 */
#ifndef WATCHROOM_GATEWAY_GENERATION_H
#define WATCHROOM_GATEWAY_GENERATION_H

#include "config/site.h"
#include "gateway/base/json.h"

/* Who wants a configuration to be read. */
struct asker {
    const char *source; /* "start", "signal", "control" */
    int64_t uid, pid;   /* -1: not known */
    char user[ID_MAX];  /* "": not known */
    char role[16];
    char request[27];  /* of the control socket, a ULID; "": none */
    uint32_t reverted; /* the generation whose text was put back; 0: none */
};

json_t *generation_by(const struct asker *asker);

/* Reads what alarms passes on of a request (MSG_RELOAD); false: not sound. */
bool generation_read_asker(const char *text, size_t bytes, struct asker *out_asker);

/*
 * Gives `site` its number: that of the newest on record when it is the same to the byte (then
 * *out_row stays NULL), else the next. What it was made of and its record are on disk when this
 * returns; the row for the journal is a new reference. `restarts` (may be NULL) is taken. On
 * failure the site has the next number (0: the records cannot be listed) and a row without a
 * record.
 */
enum err_code generation_record(struct site *site, const struct site_texts *texts,
                                const struct asker *by, json_t *restarts, json_t **out_row,
                                struct err *err) MUST_CHECK;

/* Fingerprints of its parts, to be compared with another's: {"sections": {...}, "workers": {...}}.
 */
json_t *generation_parts(const struct site *site);

/* The texts of a configuration on record, each checked against its hash. ERR_NOT_FOUND, ERR_CORRUPT
 * name the text; those that could be read are in `texts` all the same. */
enum err_code generation_read_texts(const char *state_dir, const char *digest,
                                    struct site_texts *texts, struct err *err) MUST_CHECK;

#endif
