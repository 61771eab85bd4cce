/*
 * journal_sign.c - checkpoints and the key they are signed with.
 */
#include "alerts/journal_sign.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 512

static enum err_code
make_key(const char *path, struct sign_key **out_key, char *out_note, size_t note_size,
         struct err *err)
{
    enum err_code code = sign_key_make(path, out_key, err);

    if (code == ERR_OK)
        snprintf(out_note, note_size, "a new key signs the journal: %s", sign_key_public(*out_key));
    return code;
}

static enum err_code
replace_key(const char *path, int64_t utc_ms, struct sign_key **out_key, char *out_note,
            size_t note_size, struct err *err)
{
    char aside[PATH_BYTES + 32];

    snprintf(aside, sizeof aside, "%s.quarantine-%lld", path, (long long)utc_ms);
    if (rename(path, aside) != 0)
        return err_set(err, ERR_IO, "%s: damaged, and cannot be put aside", path);
    enum err_code code = make_key(path, out_key, out_note, note_size, err);
    if (code == ERR_OK)
        snprintf(out_note, note_size,
                 "the key that signs the journal was damaged (now %s); a new "
                 "one is made: %s",
                 aside, sign_key_public(*out_key));
    return code;
}

enum err_code
journal_sign_open(const char *state_dir, int64_t utc_ms, struct sign_key **out_key, char *out_note,
                  size_t note_size, struct err *err)
{
    char path[PATH_BYTES], public[PATH_BYTES];
    struct sign_key *key = NULL;
    struct stat status;
    enum err_code code;

    out_note[0] = '\0';
    if (snprintf(path, sizeof path, "%s/" JOURNAL_KEY_FILE, state_dir) >= (int)sizeof path ||
        snprintf(public, sizeof public, "%s/" JOURNAL_PUBLIC_FILE, state_dir) >= (int)sizeof public)
        return err_set(err, ERR_RANGE, "%s: path too long", state_dir);
    code = sign_key_read(path, &key, err);
    if (code == ERR_NOT_FOUND)
        code = make_key(path, &key, out_note, note_size, err);
    else if (code == ERR_CORRUPT)
        code = replace_key(path, utc_ms, &key, out_note, note_size, err);
    else if (code == ERR_OK && stat(path, &status) == 0 && (status.st_mode & 077) != 0)
        snprintf(out_note, note_size, "%s was open to others (mode %03o)%s", path,
                 (unsigned)status.st_mode & 0777, chmod(path, 0600) == 0 ? "; it is 600 now" : "");
    if (code == ERR_OK)
        code = sign_key_publish(key, public, err);
    if (code != ERR_OK) {
        sign_key_free(key);
        return code;
    }
    *out_key = key;
    return ERR_OK;
}

/* Keys in canonical order; with `signature` NULL the text that is signed. */
static void
write_body(const struct sign_key *key, const struct journal_sign_row *row, const char *signature,
           struct text_buf *out)
{
    text_buf_reset(out);
    text_buf_add(out, "{\"jid\":\"%s\",\"key\":\"%s\",\"kind\":\"checkpoint\",\"prev\":\"%s\",",
                 row->jid, sign_key_public(key), row->prev);
    if (row->pruned_to != 0)
        text_buf_add(out, "\"pruned_hash\":\"%s\",\"pruned_to\":%llu,", row->pruned_hash,
                     (unsigned long long)row->pruned_to);
    text_buf_add(out, "\"seq\":%llu,", (unsigned long long)row->seq);
    if (signature != NULL)
        text_buf_add(out, "\"sig\":\"%s\",", signature);
    text_buf_add(out, "\"site\":%s,\"ts\":%lld}", row->site, (long long)row->utc_ms);
}

bool
journal_sign_write(const struct sign_key *key, const struct journal_sign_row *row,
                   struct text_buf *out)
{
    uint8_t signature[SIGN_BYTES];
    char hex[SIGN_HEX];

    write_body(key, row, NULL, out);
    if (out->failed || !sign_make(key, out->data, out->length, signature))
        return false;
    sign_hex(signature, hex);
    write_body(key, row, hex, out);
    return !out->failed;
}

bool
journal_sign_strip(const char *body, size_t bytes, const char *signature, struct text_buf *out)
{
    char member[sizeof "\"sig\":\"\"," + SIGN_HEX];
    int length = snprintf(member, sizeof member, "\"sig\":\"%s\",", signature);
    const char *found;

    if (length < 0 || (size_t)length >= sizeof member)
        return false;
    found = memmem(body, bytes, member, (size_t)length);
    if (found == NULL)
        return false;
    text_buf_reset(out);
    text_buf_add_bytes(out, body, (size_t)(found - body));
    text_buf_add_bytes(out, found + length, bytes - (size_t)(found - body) - (size_t)length);
    return !out->failed;
}
