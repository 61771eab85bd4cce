/*
 * evidence_configuration.c - the files of the configurations that were in effect, for an archive of
 * evidence: with the list whose hash is in the journal's row.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/generations.h"
#include "config/texts.h"
#include "gateway/base/file.h"
#include "gateway/evidence.h"
#include "gateway/plumbing.h"

static enum err_code
write_one(const struct evidence *evidence, uint32_t number, const char *name, const char *text,
          size_t bytes, struct err *err)
{
    char path[EVIDENCE_PATH_MAX], whole[2 * EVIDENCE_PATH_MAX];
    FILE *file;

    if (snprintf(path, sizeof path, "configuration/%u/%s", number, name) >= (int)sizeof path ||
        snprintf(whole, sizeof whole, "%s/%s", evidence->folder, path) >= (int)sizeof whole)
        return err_set(err, ERR_RANGE, "%s: path too long", name);
    *strrchr(whole, '/') = '\0';
    enum err_code code = make_directory(whole, err);
    if (code != ERR_OK)
        return code;
    file = evidence_create(evidence, path, err);
    if (file == NULL)
        return ERR_IO;
    (void)fwrite(text, 1, bytes, file); /* evidence_finish tells */
    return evidence_finish(file, name, err);
}

/* What is missing or was altered is noted, and told in README.txt; the rest is given. */
static enum err_code
write_generation(struct evidence *evidence, struct evidence_generation *generation, struct err *err)
{
    char folder[GENERATIONS_PATH_MAX], *manifest = NULL, *text = NULL;
    struct manifest_line line;
    size_t bytes;
    struct err found;
    enum err_code code = ERR_OK;

    if (!generations_folder(evidence->state_dir, folder))
        return err_set(err, ERR_RANGE, "%s: path too long", evidence->state_dir);
    for (const struct evidence_generation *other = evidence->generations; other < generation;
         other++)
        if (other->number == generation->number) { /* the record was lost, and begun anew */
            snprintf(generation->fault, sizeof generation->fault,
                     "another one had that number: see digest %.16s", generation->digest);
            return ERR_OK;
        }
    if (kept_read(folder, generation->digest, &manifest, &bytes, &found) != ERR_OK) {
        snprintf(generation->fault, sizeof generation->fault, "the list: %.140s", found.text);
        return ERR_OK;
    }
    code = write_one(evidence, generation->number, "files.sha256", manifest, bytes, err);
    for (const char *at = manifest; code == ERR_OK && generations_next_line(&at, &line);) {
        if (kept_read(folder, line.sha256, &text, &bytes, &found) != ERR_OK) {
            snprintf(generation->fault, sizeof generation->fault, "%.60s: %.90s", line.name,
                     found.text);
            continue;
        }
        const struct site_text one = {.name = line.name, .text = text, .bytes = bytes};

        if (strcmp(line.name, SITE_TEXT_NAME) == 0 && texts_has_secret(&one))
            evidence->has_secret = true;
        code = write_one(evidence, generation->number, line.name, text, bytes, err);
        free(text);
    }
    free(manifest);
    return code;
}

enum err_code
evidence_write_configurations(struct evidence *evidence, struct err *err)
{
    enum err_code code = ERR_OK;

    for (size_t i = 0; i < evidence->generation_count && code == ERR_OK; i++)
        code = write_generation(evidence, &evidence->generations[i], err);
    return code;
}
