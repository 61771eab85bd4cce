/*
 * journal_verify.c - the walk along the chain.
 *
 * A year of rows must not take hours: a row's members are found by a scanner that goes over its
 * text once and copies nothing, and its hash is one call.
 */
#include "alerts/journal_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/journal_sign.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define SIGNED_BYTES_MAX ((size_t)64 * 1024)
/* A checkpoint is made each hour; a row this much younger than the newest one should be covered. */
#define UNSIGNED_MAX_MS (INT64_C(2) * 3600 * 1000)
#define DEPTH_MAX 64

/* A piece of a row's text: a string's inside, or a number. */
struct piece {
    const char *at;
    size_t bytes;
};

struct members {
    struct piece jid, prev, kind, seq, ts, key, sig, pruned_to, pruned_hash, alarm_id;
};

struct walk {
    const struct journal_verify_params *params;
    struct journal_verdict verdict;
    struct text_buf text;
    uint64_t last; /* seq */
    int64_t last_utc_ms;
    char last_hash[DIGEST_HEX], oldest_prev[DIGEST_HEX], id[27];
    bool start_is_proved; /* a checkpoint covers what was pruned */
    uint64_t witness_seq;
    char witness_hash[DIGEST_HEX];
};

/* the scanner */

/* Behind the string that begins at `p`; NULL: it does not end. A quote behind an odd number of
 * backslashes is of the text. */
static const char *
skip_string(const char *p, const char *end)
{
    const char *quote = p;

    while ((quote = memchr(quote + 1, '"', (size_t)(end - quote - 1))) != NULL) {
        const char *slash = quote;

        while (slash[-1] == '\\' && slash - 1 > p)
            slash--;
        if ((quote - slash) % 2 == 0)
            return quote + 1;
    }
    return NULL;
}

/* Behind the value that begins at `p`. */
static const char *
skip_value(const char *p, const char *end)
{
    unsigned depth = 0;

    while (p != NULL && p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (depth == 0)
                return p;
            continue;
        }
        if (*p == '{' || *p == '[') {
            if (++depth > DEPTH_MAX)
                return NULL;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0)
                return p; /* behind a number */
            if (--depth == 0)
                return p + 1;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
        p++;
    }
    return NULL;
}

static bool
is_named(const struct piece *key, const char *name)
{
    return key->bytes == strlen(name) && memcmp(key->at, name, key->bytes) == 0;
}

static const char *scan_alarm(const char *p, const char *end, struct members *out);

static struct piece *
place_of(const struct piece *key, struct members *out)
{
    switch (key->at[0]) {
    case 'j':
        return is_named(key, "jid") ? &out->jid : NULL;
    case 'k':
        return is_named(key, "kind") ? &out->kind : is_named(key, "key") ? &out->key : NULL;
    case 'p':
        return is_named(key, "prev")          ? &out->prev
               : is_named(key, "pruned_to")   ? &out->pruned_to
               : is_named(key, "pruned_hash") ? &out->pruned_hash
                                              : NULL;
    case 's':
        return is_named(key, "seq") ? &out->seq : is_named(key, "sig") ? &out->sig : NULL;
    case 't':
        return is_named(key, "ts") ? &out->ts : NULL;
    default:
        return NULL;
    }
}

/* Goes over an object, of the row or of its alarm; returns behind it, NULL when it is none. */
static const char *
scan(const char *p, const char *end, bool is_alarm, struct members *out)
{
    if (p >= end || *p != '{')
        return NULL;
    p++;
    while (p < end && *p == '"') {
        struct piece key = {.at = p + 1}, *place;
        const char *value = skip_string(p, end);

        if (value == NULL || value >= end || *value != ':')
            return NULL;
        key.bytes = (size_t)(value - 1 - key.at);
        value++;
        if (!is_alarm && is_named(&key, "alarm") && value < end && *value == '{') {
            p = scan_alarm(value, end, out);
        } else {
            p = skip_value(value, end);
            place = is_alarm ? (is_named(&key, "id") ? &out->alarm_id : NULL) : place_of(&key, out);
            if (p != NULL && place != NULL)
                *place = *value == '"' ? (struct piece){value + 1, (size_t)(p - value) - 2}
                                       : (struct piece){value, (size_t)(p - value)};
        }
        if (p == NULL || p >= end)
            return NULL;
        if (*p == ',')
            p++;
        else if (*p != '}')
            return NULL;
    }
    return p < end && *p == '}' ? p + 1 : NULL;
}

static const char *
scan_alarm(const char *p, const char *end, struct members *out)
{
    return scan(p, end, true, out);
}

static bool
is_text(const struct piece *piece, const char *text)
{
    return is_named(piece, text);
}

static int64_t
number_of(const struct piece *piece)
{
    char text[24];
    int64_t value;

    if (piece->bytes == 0 || piece->bytes >= sizeof text)
        return -1;
    memcpy(text, piece->at, piece->bytes);
    text[piece->bytes] = '\0';
    return text_parse_int(text, INT64_MIN, INT64_MAX, &value) ? value : -1;
}

/* "" when it does not fit. */
static void
copy_piece(const struct piece *piece, char *out, size_t size)
{
    size_t bytes = piece->bytes < size ? piece->bytes : 0;

    if (bytes > 0)
        memcpy(out, piece->at, bytes);
    out[bytes] = '\0';
}

/* the verdicts */

static void
blame(bool *verdict, struct journal_fault *fault, uint64_t seq, const char *reason)
{
    *verdict = false;
    if (fault->seq == 0 || seq < fault->seq) {
        fault->seq = seq;
        snprintf(fault->why, sizeof fault->why, "row %llu %s", (unsigned long long)seq, reason);
    }
}

static void
is_missing(struct walk *walk, uint64_t seq, const char *reason)
{
    blame(&walk->verdict.is_complete, &walk->verdict.incomplete, seq, reason);
}

static void
is_altered(struct walk *walk, uint64_t seq, const char *reason)
{
    blame(&walk->verdict.is_unaltered, &walk->verdict.altered, seq, reason);
}

static void
is_unsigned(struct walk *walk, uint64_t seq, const char *reason)
{
    blame(&walk->verdict.is_signed, &walk->verdict.unsigned_, seq, reason);
}

static void
check_checkpoint(struct walk *walk, const struct journal_row *row, const struct members *members)
{
    char key[SIGN_KEY_HEX], signature[SIGN_HEX];
    int64_t pruned_to = number_of(&members->pruned_to);

    copy_piece(&members->key, key, sizeof key);
    copy_piece(&members->sig, signature, sizeof signature);
    if (signature[0] == '\0') {
        is_unsigned(walk, row->seq, "is a checkpoint without a signature");
    } else if (walk->params->keys == NULL || !sign_keys_have(walk->params->keys, key)) {
        is_unsigned(walk, row->seq, "is signed by a key that is not known here");
    } else if (!journal_sign_strip(row->body, row->body_bytes, signature, &walk->text) ||
               !sign_check(walk->params->keys, key, walk->text.data, walk->text.length,
                           signature)) {
        is_unsigned(walk, row->seq, "has a signature that is not of this row");
    } else {
        walk->verdict.checkpoints++;
        walk->verdict.signed_to = row->seq;
        walk->verdict.signed_utc_ms = row->utc_ms;
        if (pruned_to > 0 && (uint64_t)pruned_to < walk->verdict.oldest &&
            is_text(&members->pruned_hash, walk->oldest_prev))
            walk->start_is_proved = true;
    }
}

/* Numbers were jumped over: the next row may itself tell of it. */
static void
check_gap(struct walk *walk, const struct members *members)
{
    is_missing(walk, walk->last + 1,
               is_text(&members->kind, "unjournalled")
                   ? "and following were told but never written (the disk was full)"
                   : "is missing");
}

static void
check_body(struct walk *walk, const struct journal_row *row)
{
    struct members members = {0};
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX] = "";

    if (digest_sha256(row->body, row->body_bytes, digest))
        digest_hex(digest, hex);
    if (scan(row->body, row->body + row->body_bytes, false, &members) !=
        row->body + row->body_bytes)
        is_altered(walk, row->seq, "is not a JSON object");
    else if (strcmp(hex, row->hash) != 0)
        is_altered(walk, row->seq, "does not hash to its hash");
    else if (number_of(&members.seq) != (int64_t)row->seq || row->first != row->seq ||
             !is_text(&members.jid, walk->id))
        is_altered(walk, row->seq, "is not what its number and journal id say");
    else if (walk->last != 0 && !is_text(&members.prev, walk->last_hash))
        is_altered(walk, row->seq, "does not chain to the row before");
    else if (number_of(&members.ts) != row->utc_ms || !is_text(&members.kind, row->kind) ||
             (members.alarm_id.at != NULL &&
              (row->alarm_id == NULL || !is_text(&members.alarm_id, row->alarm_id))))
        is_altered(walk, row->seq, "is filed under another time, kind or alarm than its own");
    if (walk->last == 0)
        copy_piece(&members.prev, walk->oldest_prev, sizeof walk->oldest_prev);
    else if (row->first != walk->last + 1)
        check_gap(walk, &members);
    if (is_text(&members.kind, "checkpoint"))
        check_checkpoint(walk, row, &members);
}

static bool
check_row(void *ctx, const struct journal_row *row)
{
    struct walk *walk = ctx;

    if (walk->verdict.rows == 0)
        walk->verdict.oldest = row->first;
    if (row->body == NULL)
        is_missing(walk, row->first, "and following were lost (the disk was full)");
    else
        check_body(walk, row);
    if (row->seq == walk->witness_seq && strcmp(row->hash, walk->witness_hash) != 0)
        is_altered(walk, row->seq, "is not the checkpoint that was kept elsewhere");
    walk->verdict.rows++;
    walk->last = row->seq;
    walk->last_utc_ms = row->utc_ms;
    text_copy(walk->last_hash, sizeof walk->last_hash, row->hash);
    return true;
}

/* A published checkpoint is the row with its hash as the last member; its hash is computed here,
 * so that a line without it will do. */
static enum err_code
take_witness(struct walk *walk, struct err *err)
{
    const char *text = walk->params->witness;
    json_t *object = json_parse_object(text, strlen(text), NULL, 0);
    int64_t seq = json_int_or(object, "seq", 0);
    bool is_checkpoint = strcmp(json_text_or(object, "kind", ""), "checkpoint") == 0 && seq > 0;
    bool is_ours = strcmp(json_text_or(object, "jid", ""), walk->id) == 0;
    uint8_t digest[DIGEST_BYTES];
    char *body = NULL;

    json_object_del(object, "hash");
    if (is_checkpoint && is_ours)
        body = json_canonical(object);
    json_decref(object);
    if (!is_checkpoint)
        return err_set(err, ERR_PROTOCOL, "the kept checkpoint is not one");
    if (!is_ours)
        return err_set(err, ERR_PROTOCOL, "the kept checkpoint is of another journal than %s",
                       walk->id);
    if (body == NULL || !digest_sha256(body, strlen(body), digest)) {
        free(body);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    free(body);
    digest_hex(digest, walk->witness_hash);
    walk->witness_seq = (uint64_t)seq;
    return ERR_OK;
}

/* One row to name: that of a fact that was touched before one that nobody signed. */
static void
name_first(struct journal_verdict *verdict)
{
    const struct journal_fault *first = &verdict->altered;

    if (first->seq == 0 || (verdict->incomplete.seq != 0 && verdict->incomplete.seq < first->seq))
        first = &verdict->incomplete;
    if (first->seq == 0)
        first = &verdict->unsigned_;
    verdict->first_bad_seq = first->seq;
    text_copy(verdict->reason, sizeof verdict->reason, first->why);
}

/* What only the end of the walk can tell. `newest`: the number of the newest checkpoint, by the
 * journal's own account. */
static void
conclude(struct walk *walk, uint64_t newest)
{
    static const char ZEROS[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct journal_verdict *verdict = &walk->verdict;

    verdict->head = walk->last;
    if (verdict->oldest > 1 && !walk->start_is_proved)
        is_missing(walk, verdict->oldest, "is the oldest, and no signed checkpoint says why");
    if (verdict->oldest == 1 && verdict->rows > 0 && strcmp(walk->oldest_prev, ZEROS) != 0 &&
        walk->oldest_prev[0] != '\0')
        is_altered(walk, 1, "does not begin the chain");
    if (newest > walk->last)
        is_missing(walk, walk->last + 1, "and following are gone: a checkpoint was made of them");
    if (walk->witness_seq > walk->last)
        is_missing(walk, walk->last + 1,
                   "and following are gone: a checkpoint of them was kept elsewhere");
    if (verdict->signed_to == 0)
        is_unsigned(walk, verdict->rows > 0 ? verdict->oldest : 1,
                    "and following: no checkpoint signs them");
    else if (walk->last_utc_ms - verdict->signed_utc_ms > UNSIGNED_MAX_MS)
        is_unsigned(walk, verdict->signed_to + 1,
                    "and following: no checkpoint signs them, hours later");
}

enum err_code
journal_verify(struct journal_reader *reader, const struct journal_verify_params *params,
               struct journal_verdict *out_verdict, struct err *err)
{
    struct walk walk = {.params = params,
                        .verdict = {.is_complete = true, .is_unaltered = true, .is_signed = true}};
    uint64_t before, newest = 0, head = 0, lowest = 0;
    char hash[DIGEST_HEX];
    enum err_code code = journal_reader_id(reader, walk.id, err);

    text_buf_init(&walk.text, SIGNED_BYTES_MAX);
    if (code == ERR_OK && params->witness != NULL)
        code = take_witness(&walk, err);
    if (code == ERR_OK) /* first: a checkpoint made during the walk is no fault */
        code = journal_reader_checkpoint(reader, &newest, err);
    do {
        before = walk.verdict.rows;
        if (code == ERR_OK)
            code = journal_reader_chain(reader, walk.last, JOURNAL_READ_MAX, check_row, &walk,
                                        &walk.last, err);
    } while (code == ERR_OK && walk.verdict.rows > before);
    if (code == ERR_OK)
        code = journal_reader_head(reader, &head, hash, &lowest, err);
    if (code == ERR_OK && (int64_t)lowest < 1 && head != 0)
        is_altered(&walk, 1, "has rows before it, where no number is");
    if (code == ERR_OK) {
        conclude(&walk, newest);
        name_first(&walk.verdict);
        *out_verdict = walk.verdict;
    }
    text_buf_done(&walk.text);
    return code;
}
