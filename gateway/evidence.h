/*
 * evidence.h - the parts of an archive of evidence: rows of the journal, values of points, what
 * proves them. Used by cmd_evidence.c only.
 */
#ifndef WATCHROOM_GATEWAY_EVIDENCE_H
#define WATCHROOM_GATEWAY_EVIDENCE_H

#include <stdio.h>

#include "alerts/journal_read.h"
#include "gateway/base/hash.h"

#define EVIDENCE_PATH_MAX 1024
#define EVIDENCE_POINTS_MAX 5000

/* A point that an alarm of the archive watches. */
struct evidence_point {
    UT_hash_handle hh;
    char name[]; /* "<device>/<point>" */
};

/* A configuration that was in effect. */
struct evidence_generation {
    uint32_t number;
    char digest[DIGEST_HEX];
    char fault[160]; /* why some text of it is not in the archive; "": all are */
};
#define EVIDENCE_GENERATIONS_MAX 1000

struct evidence {
    const char *state_dir, *folder; /* what is written goes there */
    const char *alarm;              /* NULL: all */
    int64_t from_ms, to_ms;
    uint64_t up_to; /* no row of that time behind this one; 0: whatever there is */
    struct evidence_point *points;
    struct evidence_generation *generations; /* ascending as the rows are */
    size_t generation_count, generations_dropped;
    bool has_secret; /* some configuration holds a community in plain text */
    char id[27];
    uint64_t first, last; /* rows of that time */
    int64_t first_ms;     /* stamp of the first */
    uint64_t written_to;  /* up to the checkpoint behind them */
    bool is_empty;        /* there is nothing of that time, or of that alarm */
    uint64_t rows, alarm_rows, checkpoints, signed_to, values, points_dropped;
};

void evidence_done(struct evidence *evidence);

/* rows.jsonl, checkpoints.jsonl, configuration.jsonl, alarm.jsonl; notes the points. ERR_NOT_FOUND:
 * no row of that time, or none of that alarm. */
enum err_code evidence_write_rows(struct evidence *evidence, struct err *err) MUST_CHECK;

/* configuration/<N>/: the files of each configuration concerned, with their list. */
enum err_code evidence_write_configurations(struct evidence *evidence, struct err *err) MUST_CHECK;

/* values/<device>/<point>.csv for each point that has an RRD file. */
enum err_code evidence_write_values(struct evidence *evidence, struct err *err) MUST_CHECK;

/* README.txt, verify-journal.py, public-key.pem, MANIFEST.sha256 and its signature: last. */
enum err_code evidence_write_proof(struct evidence *evidence, struct err *err) MUST_CHECK;

/* The folder as `output`, whole or not at all. */
enum err_code evidence_pack(const char *parent, const char *name, const char *output,
                            struct err *err) MUST_CHECK;

/* Opens <folder>/<name> for writing; NULL with the reason. */
FILE *evidence_create(const struct evidence *evidence, const char *name, struct err *err);
/* Closes it; was everything written? */
enum err_code evidence_finish(FILE *file, const char *name, struct err *err) MUST_CHECK;

#endif
