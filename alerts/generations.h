/*
 * generations.h - the configurations that were accepted, as files: what they were made of, and the
 * record of each.
 *
 * In <state_dir>/config: texts and manifests under their SHA-256 (gateway/base/file.h), and
 * generation-<N>.json, the row of generation N as it goes into the journal. The master writes them
 * before a generation is in effect; alarms journals what is not in the journal yet, and removes
 * what the journal no longer holds; commands read them.
 */
#ifndef WATCHROOM_ALERTS_GENERATIONS_H
#define WATCHROOM_ALERTS_GENERATIONS_H

#include "gateway/base/err.h"
#include "gateway/base/json.h"

#define GENERATIONS_FOLDER "config"
#define GENERATIONS_MAX 1000 /* kept; of older ones the journal's rows stay */
#define GENERATIONS_PATH_MAX 512

/* In the journal's kv: "generation.<N>" is "<seq> <digest>" of its row; the newest number. */
#define GENERATION_KEY "generation.%u"
#define GENERATION_NEWEST_KEY "generation.newest"

/* <state_dir>/config; false: too long. */
bool generations_folder(const char *state_dir, char out[GENERATIONS_PATH_MAX]);

/* The numbers there are, ascending; the caller frees. */
enum err_code generations_list(const char *state_dir, uint32_t **out_numbers, size_t *out_count,
                               struct err *err) MUST_CHECK;

/* A new reference. ERR_NOT_FOUND, ERR_CORRUPT. */
enum err_code generations_load(const char *state_dir, uint32_t number, json_t **out_record,
                               struct err *err) MUST_CHECK;

enum err_code generations_save(const char *state_dir, uint32_t number, const json_t *record,
                               struct err *err) MUST_CHECK;

/* Removes the records of `numbers` for which `is_over` says so, but never the newest, and then the
 * texts that no record needs; young ones stay, the master may be about to need them. */
void generations_prune(const char *state_dir, bool (*is_over)(void *ctx, uint32_t number),
                       void *ctx, int64_t utc_ms);

/* One line of a manifest: "<SHA-256>  <name>"; false: there is none at *at. */
struct manifest_line {
    char sha256[65];
    char name[400];
};
bool generations_next_line(const char **at, struct manifest_line *out_line);

#endif
