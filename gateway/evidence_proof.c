/*
 * evidence_proof.c - what makes an archive of evidence checkable: a word to its reader, the
 * verifier, the public key, the hash of every file, a signature over these; and the packing.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts/journal_sign.h"
#include "gateway/beside.h"
#include "gateway/evidence.h"

#define MANIFEST "MANIFEST.sha256"

static const unsigned char VERIFIER[] = {
#include <verify_journal.inc>
};

/* README.txt, in pieces for the compiler's sake. */
static const char *const README[] = {
    "WHAT THIS IS\n\n"
    "Records of a Watchroom alarm gateway, exported so that you can check them yourself. You need\n"
    "sha256sum, openssl (1.1.1 or later) and Python 3; no part of Watchroom.\n\n"
    "  rows.jsonl           the journal of the time asked for, one fact a line, without a gap, "
    "and\n"
    "                       on to the next checkpoint\n"
    "  checkpoints.jsonl    those of them that are signed\n"
    "  alarm.jsonl          those of them that concern the alarm asked for (if one was)\n"
    "  configuration.jsonl  which configuration was in force, and its changes\n"
    "  configuration/<N>/   the files of each configuration (generation) N that was in force, and\n"
    "                       their list, files.sha256\n"
    "  values/              readings of the points concerned, as CSV. They come from a store that\n"
    "                       averages and forgets: they illustrate, they prove nothing\n"
    "  public-key.pem       the public key(s) of the gateway\n"
    "  verify-journal.py    checks rows.jsonl; short enough to be read before it is run\n"
    "  MANIFEST.sha256      the hash of every file above, signed in MANIFEST.sha256.sig\n\n",
    "HOW TO CHECK IT\n\n"
    "1. Is this archive as it was made?\n\n"
    "     sha256sum -c MANIFEST.sha256\n"
    "     openssl pkeyutl -verify -pubin -inkey signing-key.pem -rawin \\\n"
    "         -in MANIFEST.sha256 -sigfile MANIFEST.sha256.sig\n\n"
    "2. Are the rows complete, unaltered and signed?\n\n"
    "     python3 verify-journal.py rows.jsonl public-key.pem [CHECKPOINT]\n\n"
    "3. Is the key the gateway's? A key that comes with the records proves nothing by itself.\n"
    "   Compare public-key.pem with a copy that somebody got before, or give a CHECKPOINT that a\n"
    "   subscriber of the topic audit/checkpoint kept: it must be among the rows, or behind "
    "them.\n\n"
    "4. Is this the configuration that was in force? Its row in configuration.jsonl says the "
    "digest:\n"
    "   that is the SHA-256 of the list of its files, which names the SHA-256 of each. For "
    "generation 7:\n\n"
    "     grep '\"generation\":7,' configuration.jsonl      # \"digest\":..., \"by\": who asked "
    "for "
    "it\n"
    "     sha256sum configuration/7/files.sha256           # is that digest\n"
    "     (cd configuration/7 && sha256sum -c files.sha256)\n\n",
    "WHY THIS PROVES SOMETHING\n\n"
    "Each row names the SHA-256 of the row before (prev). Its own hash is that of its line "
    "without\n"
    "the last member, \"hash\". A row of kind \"checkpoint\" bears an Ed25519 signature (sig) over "
    "its\n"
    "line without \"sig\" and \"hash\"; as that line has prev, it covers all rows before. "
    "Changing,\n"
    "removing, inserting or moving any row breaks the chain or needs the gateway's private key.\n"
    "Times are UTC, in milliseconds since 1970 (ts). Rows of configuration.jsonl that lie before\n"
    "rows.jsonl begins are covered by the manifest's signature, not by this piece of the chain.\n"
    "Rows behind the newest checkpoint are chained, but signed by the manifest only.\n",
};

static enum err_code
write_bytes(const struct evidence *evidence, const char *name, const void *bytes, size_t length,
            struct err *err)
{
    FILE *file = evidence_create(evidence, name, err);

    if (file == NULL)
        return ERR_IO;
    (void)fwrite(bytes, 1, length, file); /* evidence_finish tells */
    return evidence_finish(file, name, err);
}

static enum err_code
write_readme(const struct evidence *evidence, struct err *err)
{
    FILE *file = evidence_create(evidence, "README.txt", err);

    if (file == NULL)
        return ERR_IO;
    for (size_t i = 0; i < ARRAY_LEN(README); i++)
        fputs(README[i], file);
    fprintf(file,
            "\nTHIS ARCHIVE\n\njournal %s, rows %llu to %llu (%llu), %llu checkpoints, the newest "
            "row %llu.\n",
            evidence->id, (unsigned long long)evidence->first,
            (unsigned long long)evidence->written_to, (unsigned long long)evidence->rows,
            (unsigned long long)evidence->checkpoints, (unsigned long long)evidence->signed_to);
    if (evidence->signed_to < evidence->last)
        fputs("Rows behind it were not yet signed in the journal when this was made.\n", file);
    if (evidence->alarm != NULL)
        fprintf(file, "Asked for: alarm %s, %llu rows.\n", evidence->alarm,
                (unsigned long long)evidence->alarm_rows);
    for (size_t i = 0; i < evidence->generation_count; i++)
        if (evidence->generations[i].fault[0] != '\0')
            fprintf(file, "Of configuration %u not all files are here: %s.\n",
                    evidence->generations[i].number, evidence->generations[i].fault);
    if (evidence->generations_dropped > 0)
        fprintf(file, "Files of %zu configurations were left out: too many.\n",
                evidence->generations_dropped);
    if (evidence->points_dropped > 0)
        fprintf(file, "Values of %llu points were left out: too many.\n",
                (unsigned long long)evidence->points_dropped);
    fprintf(file, "Made by watchroom " WATCHROOM_VERSION ".\n");
    return evidence_finish(file, "README.txt", err);
}

static enum err_code
copy_public(const struct evidence *evidence, struct err *err)
{
    char path[EVIDENCE_PATH_MAX], text[16384];
    size_t length = 0;
    FILE *file = NULL;

    if (snprintf(path, sizeof path, "%s/" JOURNAL_PUBLIC_FILE, evidence->state_dir) <
        (int)sizeof path)
        file = fopen(path, "re");
    if (file == NULL)
        return err_set(err, ERR_IO, JOURNAL_PUBLIC_FILE ": %s", strerror(errno));
    length = fread(text, 1, sizeof text, file);
    fclose(file);
    return write_bytes(evidence, "public-key.pem", text, length, err);
}

/* The manifest under way: nftw hands over nothing of the caller's. */
static struct {
    FILE *file;
    size_t prefix;
    bool failed;
} manifest;

static int
add_to_manifest(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    struct digest_stream *stream;
    char block[65536], hex[DIGEST_HEX];
    uint8_t digest[DIGEST_BYTES];
    size_t got;
    FILE *file;

    (void)status;
    (void)ftw;
    if (type != FTW_F || strcmp(path + manifest.prefix, MANIFEST) == 0)
        return 0;
    file = fopen(path, "re");
    stream = digest_stream_new();
    while (file != NULL && stream != NULL && (got = fread(block, 1, sizeof block, file)) > 0)
        digest_stream_add(stream, block, got);
    manifest.failed = file == NULL || ferror(file) || !digest_stream_end(stream, digest);
    if (file != NULL)
        fclose(file);
    if (manifest.failed)
        return 1;
    digest_hex(digest, hex);
    fprintf(manifest.file, "%s  %s\n", hex, path + manifest.prefix);
    return 0;
}

static enum err_code
write_manifest(const struct evidence *evidence, struct err *err)
{
    manifest.file = evidence_create(evidence, MANIFEST, err);
    manifest.prefix = strlen(evidence->folder) + 1;
    manifest.failed = false;
    if (manifest.file == NULL)
        return ERR_IO;
    if (nftw(evidence->folder, add_to_manifest, 16, FTW_PHYS) != 0)
        manifest.failed = true;
    enum err_code code = evidence_finish(manifest.file, MANIFEST, err);
    return manifest.failed ? err_set(err, ERR_IO, MANIFEST ": a file cannot be read") : code;
}

/* Signs the manifest; the one key that did goes beside it, in a form openssl takes. */
static enum err_code
sign_manifest(const struct evidence *evidence, const struct sign_key *key, struct err *err)
{
    char path[EVIDENCE_PATH_MAX];
    uint8_t signature[SIGN_BYTES];
    struct stat status;
    char *text = NULL;
    enum err_code code = ERR_IO;
    int fd = -1;

    if (snprintf(path, sizeof path, "%s/" MANIFEST, evidence->folder) < (int)sizeof path)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0)
        text = malloc((size_t)status.st_size + 1);
    if (text == NULL || read(fd, text, (size_t)status.st_size) != (ssize_t)status.st_size ||
        !sign_make(key, text, (size_t)status.st_size, signature))
        err_set(err, ERR_IO, MANIFEST ": cannot be signed");
    else
        code = write_bytes(evidence, MANIFEST ".sig", signature, sizeof signature, err);
    free(text);
    if (fd >= 0)
        close(fd);
    return code;
}

enum err_code
evidence_write_proof(struct evidence *evidence, struct err *err)
{
    char path[EVIDENCE_PATH_MAX];
    struct sign_key *key = NULL;
    enum err_code code;

    if (snprintf(path, sizeof path, "%s/" JOURNAL_KEY_FILE, evidence->state_dir) >=
        (int)sizeof path)
        return err_set(err, ERR_RANGE, "%s: path too long", evidence->state_dir);
    code = sign_key_read(path, &key, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "only who may read the gateway's key can sign an export");
    code = write_readme(evidence, err);
    if (code == ERR_OK)
        code = copy_public(evidence, err);
    if (code == ERR_OK)
        code = write_bytes(evidence, "verify-journal.py", VERIFIER, sizeof VERIFIER, err);
    if (code == ERR_OK &&
        snprintf(path, sizeof path, "%s/signing-key.pem", evidence->folder) < (int)sizeof path)
        code = sign_key_publish(key, path, err);
    if (code == ERR_OK)
        code = write_manifest(evidence, err);
    if (code == ERR_OK)
        code = sign_manifest(evidence, key, err);
    sign_key_free(key);
    return code;
}

enum err_code
evidence_pack(const char *parent, const char *name, const char *output, struct err *err)
{
    char tar[BESIDE_PATH_MAX], zstd[BESIDE_PATH_MAX], made[EVIDENCE_PATH_MAX];
    int status = -1, failed;
    pid_t pid;
    enum err_code code = beside_system_program("tar", "tar", tar, err);

    if (code == ERR_OK) /* tar runs it */
        code = beside_system_program("zstd", "zstd", zstd, err);
    if (code != ERR_OK)
        return code;
    if (snprintf(made, sizeof made, "%s/archive", parent) >= (int)sizeof made)
        return err_set(err, ERR_RANGE, "%s: path too long", parent);

    const char *argv[] = {tar,
                          "--create",
                          "--zstd",
                          "--sort=name",
                          "--owner=0",
                          "--group=0",
                          "--numeric-owner",
                          "--mode=u=rwX,go=rX",
                          "--file",
                          made,
                          "--directory",
                          parent,
                          "--",
                          name,
                          NULL};
    failed = posix_spawn(&pid, tar, NULL, NULL, (char **)(uintptr_t)argv, environ);
    if (failed != 0)
        return err_set(err, ERR_IO, "%s: %s", tar, strerror(failed));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_IO, "tar could not write the archive");
    if (rename(made, output) != 0)
        return err_set(err, ERR_IO, "%s: %s", output, strerror(errno));
    return ERR_OK;
}
