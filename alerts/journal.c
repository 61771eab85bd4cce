/*
 * journal.c - the chain and the turn: rows in memory, one transaction, commit, then tell.
 *
 * A row gets its number, its predecessor's hash and its own when it is added; it is written with
 * the whole turn. A turn that cannot be written stays in memory and keeps its place in the chain.
 */
#include "alerts/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/cursor.h"
#include "alerts/journal_db.h"
#include "alerts/journal_file.h"
#include "alerts/journal_pending.h"
#include "alerts/journal_sign.h"
#include "alerts/journal_space.h"
#include "gateway/base/text.h"

#define BODY_BYTES_MAX ((size_t)48 * 1024) /* a row must travel in one message */
#define UNWRITTEN_MAX 20000                /* rows kept while the disk takes none: about 20 MB */
#define PRUNE_SLICE 500                    /* rows of one housekeeping */
#define PRUNE_LATEST_MS                                                                            \
    ((int64_t)86400000) /* a smaller slice goes when it is that much overdue                       \
                         */
#define EXPIRE_SLICE 500
#define TOLD_AHEAD_MAX 10000 /* rows told and not yet confirmed, at most and with room to spare */
#define WAL_QUIET_BYTES ((uint64_t)1024 * 1024)       /* less is not worth a checkpoint ... */
#define CHECKPOINT_LATEST_MS 60000                    /* ... for that long */
#define WAL_RESTART_BYTES ((uint64_t)8 * 1024 * 1024) /* from here on make it begin anew */

struct journal {
    struct journal_db *db;
    char path[JOURNAL_PATH_MAX], ballast[JOURNAL_PATH_MAX], mark[JOURNAL_PATH_MAX];
    char id[27];
    char *site; /* as a JSON string */
    uint64_t ballast_bytes;
    uint64_t head, committed;
    char head_hash[DIGEST_HEX];
    struct pending pending;
    bool failing; /* the last commit did */
    uint64_t prune_to;
    int64_t checkpointed_utc_ms; /* the write-ahead log, not the chain */
    struct sign_key *key;        /* NULL: there was none at the last try */
    struct text_buf body;
};

/*
 * Numbers that have been told without being in this file are not used again: people drop what they
 * know by its number. Either they did not reach the disk before the end, or somebody put an older
 * copy of the file back.
 */
static bool
note_gap(struct journal *journal, const char *state_dir, int64_t utc_ms, bool *out_is_older)
{
    uint64_t told = journal_mark_read(journal->mark);
    uint64_t confirmed = cursor_peek(state_dir, journal->id);
    const char *reason = "told, but not on disk before the end";

    *out_is_older = confirmed > journal->head && confirmed > told;
    if (*out_is_older) {
        told = confirmed + TOLD_AHEAD_MAX;
        reason = "told, but not in this file: an older copy was put back";
    }
    if (told <= journal->head)
        return true;
    json_t *body = json_pack("{s:I, s:I, s:s}", "from", (json_int_t)journal->head + 1, "to",
                             (json_int_t)told, "reason", reason);
    journal->head = told;
    return body != NULL && journal_add(journal, "unjournalled", utc_ms, body, NULL, 0, 0) != 0;
}

static bool
set_paths(struct journal *journal, const char *state_dir)
{
    return snprintf(journal->path, sizeof journal->path, "%s/journal.db", state_dir) <
               JOURNAL_PATH_MAX &&
           snprintf(journal->ballast, sizeof journal->ballast, "%s/journal.ballast", state_dir) <
               JOURNAL_PATH_MAX &&
           snprintf(journal->mark, sizeof journal->mark, "%s/journal.mark", state_dir) <
               JOURNAL_PATH_MAX;
}

enum err_code
journal_open(const char *state_dir, const char *site, int64_t utc_ms, uint64_t ballast_bytes,
             struct journal **out_journal, struct journal_open_result *out_result, struct err *err)
{
    struct journal *journal = calloc(1, sizeof *journal);
    struct journal_open_result result;
    struct journal_db_head head;
    enum err_code code;
    char key_note[sizeof result.key_note];

    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!set_paths(journal, state_dir)) {
        code = err_set(err, ERR_RANGE, "%s: path too long", state_dir);
        goto fail;
    }
    text_buf_init(&journal->body, BODY_BYTES_MAX);
    json_t *name = json_string(site);
    journal->site = name != NULL ? json_canonical(name) : NULL;
    json_decref(name);
    if (journal->site == NULL) {
        code = err_set(err, ERR_NOMEM, "out of memory");
        goto fail;
    }
    journal->ballast_bytes = ballast_bytes;
    /* Without a key the journal works all the same; journal_checkpoint tries again and says so. */
    if (journal_sign_open(state_dir, utc_ms, &journal->key, key_note, sizeof key_note, NULL) !=
        ERR_OK)
        key_note[0] = '\0';
    code = journal_file_open(journal->path, site, utc_ms, &journal->db, &head, &result, err);
    if (code == ERR_FULL && journal_ballast_give(journal->ballast))
        code = journal_file_open(journal->path, site, utc_ms, &journal->db, &head, &result, err);
    if (code != ERR_OK)
        goto fail;
    memcpy(journal->id, head.id, sizeof journal->id);
    memcpy(journal->head_hash, head.hash, sizeof journal->head_hash);
    journal->head = journal->committed = head.seq;
    if (result.is_new) /* other numbers, another id */
        journal_mark_write(journal->mark, 0);
    if (!note_gap(journal, state_dir, utc_ms, &result.is_older_copy)) {
        code = err_set(err, ERR_NOMEM, "out of memory");
        goto fail;
    }
    journal_ballast_make(journal->ballast, ballast_bytes); /* journal_has_ballast tells */
    *out_journal = journal;
    memcpy(result.key_note, key_note, sizeof key_note);
    *out_result = result;
    return ERR_OK;
fail:
    journal_close(journal);
    return code;
}

void
journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal_db_close(journal->db);
    pending_done(&journal->pending);
    text_buf_done(&journal->body);
    sign_key_free(journal->key);
    free(journal->site);
    free(journal);
}

const char *
journal_id(const struct journal *journal)
{
    return journal->id;
}

uint64_t
journal_head(const struct journal *journal)
{
    return journal->head;
}

const char *
journal_head_hash(const struct journal *journal)
{
    return journal->head_hash;
}

uint64_t
journal_committed(const struct journal *journal)
{
    return journal->committed;
}

/* The finished body in journal->body becomes a row. */
static uint64_t
add_body(struct journal *journal, const char *kind, int64_t utc_ms, const char *alarm_id,
         unsigned audiences, unsigned priority)
{
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX];

    if (journal->body.failed || !digest_sha256(journal->body.data, journal->body.length, digest))
        return 0;
    digest_hex(digest, hex);
    struct pending_row *row = pending_add(&journal->pending, journal->head + 1, utc_ms, kind,
                                          alarm_id, journal->body.data, journal->body.length, hex);
    if (row == NULL)
        return 0;
    row->audiences = audiences;
    row->priority = priority < PENDING_PRIORITIES ? priority : PENDING_PRIORITIES - 1;
    journal->head = row->seq;
    memcpy(journal->head_hash, hex, sizeof hex);
    if (journal->failing)
        pending_trim(&journal->pending, UNWRITTEN_MAX);
    return journal->head;
}

uint64_t
journal_add(struct journal *journal, const char *kind, int64_t utc_ms, json_t *body,
            const char *alarm_id, unsigned audiences, unsigned priority)
{
    json_t *site = json_loads(journal->site, JSON_DECODE_ANY, NULL);
    char *text = NULL;
    uint64_t seq = 0;

    /* Each takes what it is given, and fails on NULL. */
    if ((json_object_set_new(body, "jid", json_string(journal->id)) |
         json_object_set_new(body, "seq", json_integer((json_int_t)journal->head + 1)) |
         json_object_set_new(body, "prev", json_string(journal->head_hash)) |
         json_object_set_new(body, "ts", json_integer(utc_ms)) |
         json_object_set_new(body, "kind", json_string(kind)) |
         json_object_set_new(body, "site", site)) == 0)
        text = json_canonical(body);
    json_decref(body);
    text_buf_reset(&journal->body);
    if (text != NULL) {
        text_buf_add_bytes(&journal->body, text, strlen(text));
        seq = add_body(journal, kind, utc_ms, alarm_id, audiences, priority);
    }
    free(text);
    return seq;
}

uint64_t
journal_add_text(struct journal *journal, const char *kind, int64_t utc_ms, const char *members,
                 size_t bytes, const char *alarm_id, unsigned audiences, unsigned priority)
{
    char fixed[320];

    text_buf_reset(&journal->body);
    text_buf_add_bytes(&journal->body, members, bytes - 1);
    int used = snprintf(fixed, sizeof fixed,
                        "%s\"jid\":\"%s\",\"kind\":\"%s\",\"prev\":\"%s\",\"seq\":%llu,\"site\":",
                        bytes > 2 ? "," : "", journal->id, kind, journal->head_hash,
                        (unsigned long long)journal->head + 1);
    if (used < 0 || (size_t)used >= sizeof fixed)
        return 0;
    text_buf_add_bytes(&journal->body, fixed, (size_t)used);
    text_buf_add_bytes(&journal->body, journal->site, strlen(journal->site));
    used = snprintf(fixed, sizeof fixed, ",\"ts\":%lld}", (long long)utc_ms);
    text_buf_add_bytes(&journal->body, fixed, (size_t)used);
    return add_body(journal, kind, utc_ms, alarm_id, audiences, priority);
}

/* Is `payload` the row's member "alarm" with the row's hash put in? Then at which offset, else -1.
 */
static int64_t
find_splice(const struct pending_row *row, const char *payload, size_t payload_bytes)
{
    static const char OPENING[] = "{\"alarm\":";
    const size_t member = sizeof "\"hash\":\"\"," - 1 + DIGEST_HEX - 1;
    const char *hash = strstr(payload, "\"hash\":\"");

    if (hash == NULL || payload_bytes < member ||
        strncmp(row->body, OPENING, sizeof OPENING - 1) != 0)
        return -1;

    size_t before = (size_t)(hash - payload), after = payload_bytes - before;
    const char *alarm = row->body + sizeof OPENING - 1;

    if (after <= member || row->body_bytes < sizeof OPENING - 1 + payload_bytes - member ||
        memcmp(hash + sizeof "\"hash\":\"" - 1, row->hash, DIGEST_HEX - 1) != 0 ||
        memcmp(hash + member - 2, "\",", 2) != 0)
        return -1;
    return memcmp(alarm, payload, before) == 0 &&
                   memcmp(alarm + before, hash + member, after - member) == 0
               ? (int64_t)before
               : -1;
}

void
journal_put_alarm(struct journal *journal, const char *alarm_id, const char *payload,
                  const void *engine, size_t engine_bytes)
{
    struct pending_row *row = journal->pending.last;
    struct pending_alarm *alarm = pending_alarm(&journal->pending, alarm_id);
    size_t payload_bytes = payload != NULL ? strlen(payload) : 0;

    if (alarm == NULL)
        return; /* out of memory: the row is told, its state comes with the next one */
    free(alarm->payload);
    alarm->payload = payload != NULL ? strdup(payload) : NULL;
    if (alarm->engine_bytes != engine_bytes) {
        free(alarm->engine);
        alarm->engine = malloc(engine_bytes);
        alarm->engine_bytes = alarm->engine != NULL ? engine_bytes : 0;
    }
    if (alarm->engine != NULL)
        memcpy(alarm->engine, engine, engine_bytes);
    alarm->is_forgotten = false;
    alarm->seq = journal->head;
    if (row == NULL || row->alarm_id == NULL || strcmp(row->alarm_id, alarm_id) != 0)
        return;
    alarm->priority = row->priority;
    free(row->payload);
    row->payload = NULL;
    row->splice = payload != NULL ? find_splice(row, payload, payload_bytes) : -1;
    if (payload != NULL && row->splice < 0)
        row->payload = strdup(payload);
}

void
journal_forget_alarm(struct journal *journal, const char *alarm_id)
{
    struct pending_alarm *alarm = pending_alarm(&journal->pending, alarm_id);

    if (alarm != NULL)
        alarm->is_forgotten = true;
}

void
journal_put_until(struct journal *journal, const char *key, const char *value,
                  int64_t expires_utc_ms)
{
    struct pending_value *fact = pending_value(&journal->pending, key);

    if (fact == NULL)
        return;
    free(fact->value);
    fact->value = value != NULL ? strdup(value) : NULL;
    fact->expires_utc_ms = expires_utc_ms;
}

void
journal_put(struct journal *journal, const char *key, const char *value)
{
    journal_put_until(journal, key, value, 0);
}

bool
journal_get(struct journal *journal, const char *key, char *out, size_t size)
{
    const struct pending_value *fact = pending_find_value(&journal->pending, key);

    if (fact == NULL)
        return journal_db_get(journal->db, key, out, size);
    return fact->value != NULL && strlen(fact->value) < size && text_copy(out, size, fact->value);
}

bool
journal_is_dirty(const struct journal *journal)
{
    return !pending_is_empty(&journal->pending);
}

static enum err_code
write_rows(struct journal *journal, struct err *err)
{
    for (const struct pending_row *row = journal->pending.first; row != NULL; row = row->next) {
        struct journal_db_row out = {.seq = row->seq,
                                     .first = row->first,
                                     .utc_ms = row->utc_ms,
                                     .kind = row->kind,
                                     .alarm_id = row->alarm_id,
                                     .body = row->body,
                                     .hash = row->hash,
                                     .body_bytes = row->body_bytes,
                                     .payload = row->payload,
                                     .splice = row->splice,
                                     .audiences = row->audiences,
                                     .priority = row->priority};
        enum err_code code = journal_db_put_row(journal->db, &out, err);

        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum err_code
write_states(struct journal *journal, struct err *err)
{
    enum err_code code = ERR_OK;

    for (const struct pending_alarm *alarm = journal->pending.alarms;
         alarm != NULL && code == ERR_OK; alarm = alarm->hh.next) {
        struct journal_db_alarm out = {.alarm_id = alarm->id,
                                       .seq = alarm->seq,
                                       .priority = alarm->priority,
                                       .payload = alarm->payload,
                                       .engine = alarm->engine,
                                       .engine_bytes = alarm->engine_bytes};

        code = alarm->is_forgotten ? journal_db_forget_alarm(journal->db, alarm->id, err)
                                   : journal_db_put_alarm(journal->db, &out, err);
    }
    for (const struct pending_value *fact = journal->pending.values; fact != NULL && code == ERR_OK;
         fact = fact->hh.next)
        code = journal_db_put(journal->db, fact->key, fact->value, fact->expires_utc_ms, err);
    if (code == ERR_OK && journal->prune_to != 0)
        code = journal_db_prune(journal->db, journal->prune_to, err);
    return code;
}

static enum err_code
write_turn(struct journal *journal, struct err *err)
{
    enum err_code code = journal_db_begin(journal->db, err);

    if (code == ERR_OK)
        code = write_rows(journal, err);
    if (code == ERR_OK)
        code = write_states(journal, err);
    if (code == ERR_OK)
        code = journal_db_end(journal->db, err);
    if (code != ERR_OK)
        journal_db_abandon(journal->db);
    return code;
}

enum err_code
journal_commit(struct journal *journal, int64_t utc_ms, struct err *err)
{
    enum err_code code;

    (void)utc_ms;
    if (!journal_is_dirty(journal))
        return ERR_OK;
    code = write_turn(journal, err);
    if (code == ERR_FULL && journal_ballast_give(journal->ballast))
        code = write_turn(journal, err);
    if (code == ERR_FULL) { /* the log's own space, once what it holds is in the file */
        journal_db_checkpoint(journal->db, true);
        code = write_turn(journal, err);
    }
    if (code == ERR_OK) {
        pending_clear(&journal->pending);
        journal->committed = journal->head;
        journal->failing = false;
        journal->prune_to = 0;
        return ERR_OK;
    }
    journal->failing = true;
    journal->prune_to = 0;
    if (code == ERR_CORRUPT && err != NULL)
        journal_file_condemn(journal->path, err->text);
    pending_trim(&journal->pending, UNWRITTEN_MAX);
    journal_mark_write(journal->mark,
                       journal->head); /* what the caller tells now has these numbers */
    return code;
}

uint64_t
journal_unwritten(const struct journal *journal)
{
    return journal->failing ? journal->pending.rows : 0;
}

uint64_t
journal_dropped(const struct journal *journal)
{
    return journal->pending.dropped;
}

bool
journal_has_ballast(const struct journal *journal)
{
    return journal_ballast_stands(journal->ballast, journal->ballast_bytes);
}

void
journal_each_unwritten(struct journal *journal, uint64_t after_seq,
                       void (*row)(void *ctx, uint64_t seq, const char *body, unsigned priority,
                                   bool at_rest),
                       void *ctx)
{
    if (!journal->failing)
        return;
    for (const struct pending_row *item = journal->pending.first; item != NULL; item = item->next)
        if (item->seq > after_seq && item->body != NULL)
            row(ctx, item->seq, item->body, item->priority,
                item->alarm_id != NULL && item->payload == NULL && item->splice < 0);
}

enum err_code
journal_each_alarm(struct journal *journal,
                   void (*alarm)(void *ctx, const char *alarm_id, const void *engine,
                                 size_t engine_bytes, bool is_told),
                   void *ctx, struct err *err)
{
    return journal_db_each_alarm(journal->db, alarm, ctx, err);
}

enum err_code
journal_each_fact(struct journal *journal, const char *prefix,
                  void (*fact)(void *ctx, const char *key, const char *value), void *ctx,
                  struct err *err)
{
    return journal_db_each_fact(journal->db, prefix, fact, ctx, err);
}

/* A row that signs the chain up to itself. 0: no key, or no memory. */
static uint64_t
add_checkpoint(struct journal *journal, int64_t utc_ms, uint64_t pruned_to, const char *pruned_hash)
{
    struct journal_sign_row row = {.jid = journal->id,
                                   .prev = journal->head_hash,
                                   .site = journal->site,
                                   .seq = journal->head + 1,
                                   .utc_ms = utc_ms,
                                   .pruned_to = pruned_to,
                                   .pruned_hash = pruned_hash};
    char seq[24];

    if (journal->key == NULL || !journal_sign_write(journal->key, &row, &journal->body) ||
        add_body(journal, "checkpoint", utc_ms, NULL, 0, 0) == 0)
        return 0;
    /* Where the newest is: for the courier, and so that its absence is noticed. */
    snprintf(seq, sizeof seq, "%llu", (unsigned long long)journal->head);
    journal_put(journal, JOURNAL_CHECKPOINT_KEY, seq);
    return journal->head;
}

enum err_code
journal_checkpoint(struct journal *journal, int64_t utc_ms, struct err *err)
{
    char dir[JOURNAL_PATH_MAX], note[256];

    if (journal->key == NULL) {
        text_copy(dir, sizeof dir, journal->path);
        *strrchr(dir, '/') = '\0';
        enum err_code code = journal_sign_open(dir, utc_ms, &journal->key, note, sizeof note, err);
        if (code != ERR_OK)
            return code;
    }
    return add_checkpoint(journal, utc_ms, 0, NULL) != 0
               ? ERR_OK
               : err_set(err, ERR_NOMEM, "the checkpoint cannot be signed");
}

/* One slice, after a row that says where the chain begins from then on. */
static enum err_code
prune(struct journal *journal, int64_t utc_ms, int64_t before, uint64_t cursor)
{
    struct journal_db_prunable found;
    enum err_code code;

    if (journal->committed == 0)
        return ERR_OK;
    if (cursor >= journal->committed) /* the newest row stays: the chain hangs on it */
        cursor = journal->committed - 1;
    code = journal_db_prunable(journal->db, before, cursor, PRUNE_SLICE, &found, NULL);
    if (code != ERR_OK || found.rows == 0 ||
        (found.rows < PRUNE_SLICE && found.oldest_utc_ms > before - PRUNE_LATEST_MS))
        return code;
    if (add_checkpoint(journal, utc_ms, found.to, found.hash) == 0)
        return ERR_NOMEM; /* not without a signature: the rest could not be verified */
    journal->prune_to = found.to;
    return journal_commit(journal, utc_ms, NULL); /* kept, and tried again with the next turn */
}

void
journal_housekeep(struct journal *journal, int64_t utc_ms, int64_t prune_before_utc_ms,
                  uint64_t cursor)
{
    uint64_t wal = journal_db_wal_bytes(journal->db);

    if (journal_is_dirty(journal) || journal->failing)
        return;
    if (prune(journal, utc_ms, prune_before_utc_ms, cursor) != ERR_OK)
        return;
    if (prune_before_utc_ms != JOURNAL_AGE_UNSURE)
        journal_db_expire(journal->db, utc_ms, EXPIRE_SLICE);
    if (wal >= WAL_QUIET_BYTES ||
        (wal > 0 && (utc_ms - journal->checkpointed_utc_ms >= CHECKPOINT_LATEST_MS ||
                     utc_ms < journal->checkpointed_utc_ms))) {
        journal_db_checkpoint(journal->db, wal >= WAL_RESTART_BYTES);
        journal->checkpointed_utc_ms = utc_ms;
    }
    journal_ballast_make(journal->ballast, journal->ballast_bytes);
}

uint64_t
journal_wal_bytes(const struct journal *journal)
{
    return journal_db_wal_bytes(journal->db);
}

uint64_t
journal_oldest(const struct journal *journal)
{
    return journal_db_oldest(journal->db);
}
