/*
 * journal.h - journal.db: one row per fact, each chained to the one before by SHA-256.
 *
 * SQLite, WAL, synchronous=FULL; the alarms process is the only writer. Order: commit, then tell.
 * Rows, alarm states, engine timers and the readers' bookkeeping of one loop turn go into one
 * transaction (group commit). The journal is the outbox: the courier reads rows after its cursor.
 *
 * A row's body is canonical JSON (gateway/base/json.h) of an object that holds, besides what its
 * kind needs: "jid" (journal id), "seq", "prev" (hash of the row before, 64 hex digits; zeros
 * for the first), "ts" (UTC ms), "kind", "site". hash = SHA-256 of that text. Kinds: "alarm", "command",
 * "device", "worker", "generation", "start", "stop", "unjournalled", "checkpoint", "note".
 *
 * Blocking (SQLite); to be called from the alarms process only, or from tests.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_H
#define WATCHROOM_ALERTS_JOURNAL_H

#include "gateway/base/digest.h"
#include "gateway/base/err.h"
#include "gateway/base/json.h"

struct journal;

struct journal_open_result {
    bool is_new;          /* made now, with a new journal id */
    bool is_older_copy;   /* people were told of rows that are not in it */
    char quarantined[256]; /* path the unreadable old file was moved to, "" if none */
    char quarantine_reason[200];
    char key_note[256]; /* about the key that signs: "" when it is as it was */
};

/*
 * Opens or makes <state_dir>/journal.db and the ballast file beside it. A file that is not a sound
 * journal (SQLite says corrupt, wrong application id, chain head broken) is renamed to
 * journal.db.quarantine-<utc> and a new one with a new id is made: never silent loss, never a refusal
 * to work. A newer schema than this program knows is an error (ERR_CONFIG).
 */
enum err_code journal_open(const char *state_dir, const char *site, int64_t utc_ms,
                           uint64_t ballast_bytes, struct journal **out_journal,
                           struct journal_open_result *out_result, struct err *err) MUST_CHECK;
void journal_close(struct journal *journal);

const char *journal_id(const struct journal *journal);   /* ULID; borrowed */
uint64_t journal_head(const struct journal *journal);    /* newest seq, written or pending */
uint64_t journal_committed(const struct journal *journal); /* newest seq on disk */

/*
 * Adds a row to the open turn. Takes `body` (a new reference); adds jid, seq, prev, ts, kind, site.
 * `alarm_id` NULL for other kinds. `audiences`: AUDIENCE_BIT()s that shall be told, 0 for none.
 * `priority` 1..4, 0 for none. Returns the seq, 0 when memory ran out.
 */
uint64_t journal_add(struct journal *journal, const char *kind, int64_t utc_ms, json_t *body,
                     const char *alarm_id, unsigned audiences, unsigned priority);

/* The same for members that are canonical JSON already, the hot path of an alarm storm: `members`
 * is an object whose keys all sort before "jid", e.g. {"alarm":{...},"change":["raised"]}. */
uint64_t journal_add_text(struct journal *journal, const char *kind, int64_t utc_ms,
                          const char *members, size_t bytes, const char *alarm_id,
                          unsigned audiences, unsigned priority);
/* Hash (64 hex digits) of the newest row, written or pending; borrowed until the next row. */
const char *journal_head_hash(const struct journal *journal);

/*
 * The state of an alarm as of the row just added: `payload` (canonical JSON, copied) is what is
 * retained under alarm/<id>, NULL when the alarm is at rest (topic emptied); `engine` is the
 * engine's own record (copied). A vanished definition is journal_forget_alarm: emptied, its record
 * stays, so that an occurrence number is never used twice. A payload that is the
 * row's member "alarm" with "hash":"<of the row>" put in is cut from the row when it is read and
 * not stored a second time; any other is stored as it is.
 */
void journal_put_alarm(struct journal *journal, const char *alarm_id, const char *payload,
                       const void *engine, size_t engine_bytes);
void journal_forget_alarm(struct journal *journal, const char *alarm_id);

/* Small facts kept in the same transaction: "collector-0.event" -> "incarnation:number" ...
 * Copied; NULL forgets the key. */
void journal_put(struct journal *journal, const char *key, const char *value);
/* The same for facts that housekeeping drops some time after `expires_utc_ms`. */
void journal_put_until(struct journal *journal, const char *key, const char *value,
                       int64_t expires_utc_ms);
/* Copies the value; false when there is none. Sees what was put in the open turn. */
bool journal_get(struct journal *journal, const char *key, char *out, size_t size);

/* Every fact on disk whose key begins with `prefix` (1 to 63 bytes), for the restart. The callback
 * must not touch the journal. */
enum err_code journal_each_fact(struct journal *journal, const char *prefix,
                                void (*fact)(void *ctx, const char *key, const char *value),
                                void *ctx, struct err *err) MUST_CHECK;

/* In kv: the number of the newest checkpoint. */
#define JOURNAL_CHECKPOINT_KEY "checkpoint"
/*
 * Adds a row that signs the chain up to itself (Ed25519, journal_sign.h) to the open turn. Fails
 * when there is no key and none can be made; rows are journalled all the same, nothing is pruned.
 */
enum err_code journal_checkpoint(struct journal *journal, int64_t utc_ms,
                                 struct err *err) MUST_CHECK;

/* Anything to commit? */
bool journal_is_dirty(const struct journal *journal);

/*
 * Writes the turn. ERR_FULL, ERR_IO, ERR_BUSY: nothing of it is on disk; all of it is kept in memory
 * (rows keep seq and chain) and goes with the next commit that works. The ballast is given up first.
 * ERR_CORRUPT: the file is damaged and marked so; the next journal_open quarantines it. The
 * numbers told meanwhile are marked on disk: a restart does not give them to other facts, but notes
 * the gap as a row of kind "unjournalled" {"from", "to"}.
 */
enum err_code journal_commit(struct journal *journal, int64_t utc_ms, struct err *err) MUST_CHECK;

/* Rows told but not on disk (after a failed commit), oldest first; body borrowed until the next
 * call on this journal. `at_rest`: the row leaves its alarm at rest. Rows beyond the bound are dropped lowest priority first, and counted. */
uint64_t journal_unwritten(const struct journal *journal);
/* Rows lost to that bound since the start. */
uint64_t journal_dropped(const struct journal *journal);
/* The ballast is there (or none was asked for); without it there is little space left. */
bool journal_has_ballast(const struct journal *journal);
/* Oldest seq on disk; 0: none. */
uint64_t journal_oldest(const struct journal *journal);
void journal_each_unwritten(struct journal *journal, uint64_t after_seq,
                            void (*row)(void *ctx, uint64_t seq, const char *body,
                                        unsigned priority, bool at_rest),
                            void *ctx);
/* Every stored engine record, for the restart. */
enum err_code journal_each_alarm(struct journal *journal,
                                 void (*alarm)(void *ctx, const char *alarm_id, const void *engine,
                                               size_t engine_bytes, bool is_told),
                                 void *ctx, struct err *err) MUST_CHECK;

#define JOURNAL_AGE_UNSURE INT64_MIN
/* In quiet turns: WAL checkpoint by our own timer, one slice of pruning (rows older than
 * `prune_before_utc_ms`, never past `cursor`), give the ballast back when there is room. Bounded
 * time. JOURNAL_AGE_UNSURE: nobody vouches for the clock, nothing goes for its age. */
void journal_housekeep(struct journal *journal, int64_t utc_ms, int64_t prune_before_utc_ms,
                       uint64_t cursor);
uint64_t journal_wal_bytes(const struct journal *journal);

#endif
