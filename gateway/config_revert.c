/*
 * config_revert.c - watchroom config revert: the site file of an earlier generation again.
 *
 * In this order: may the caller, are the texts what they were, is the old text without faults
 * today; only then the present file is kept beside, the old text put in its place, and the gateway
 * asked to read it. When the gateway refuses it, the present file comes back.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alerts/generations.h"
#include "config/site.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/beside.h"
#include "gateway/config_order.h"
#include "gateway/generation.h"
#include "gateway/reload_client.h"

struct revert {
    const struct config_order *order;
    uint32_t number;
    json_t *running, *wanted; /* rows */
    struct site_texts texts;  /* of the wanted one */
    char file[PATH_MAX];      /* the real one, behind links */
    char kept[PATH_MAX + 32]; /* where the present one goes */
    const char *profiles;
};

static int
refuse(const char *what, const char *why)
{
    fprintf(stderr, "watchroom config revert: %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
    return EXIT_WRONG;
}

/* Which one, and is it whole? */
static int
choose(struct revert *revert, struct generation_reader *reader)
{
    struct err err;
    int status = config_number(reader, revert->order->words[0], &revert->number);

    if (status != EXIT_FINE)
        return status;
    if (generation_reader_row(reader, reader->newest, &revert->running, &err) != ERR_OK ||
        generation_reader_row(reader, revert->number, &revert->wanted, &err) != ERR_OK)
        return refuse(err.text, "");
    if (revert->number == reader->newest ||
        strcmp(json_text_or(revert->wanted, "digest", ""),
               json_text_or(revert->running, "digest", "")) == 0)
        return refuse("that generation is in effect already", "");
    enum err_code code = generation_read_texts(
        revert->order->state_dir, json_text_or(revert->wanted, "digest", ""), &revert->texts, &err);
    if (code != ERR_OK) {
        refuse("its texts are not what they were", err.text);
        return EXIT_BROKEN;
    }
    if (texts_find(&revert->texts, SITE_TEXT_NAME) == NULL) {
        refuse("no site file is on record for it", "");
        return EXIT_BROKEN;
    }
    return EXIT_FINE;
}

static int
find_file(struct revert *revert)
{
    const char *file = revert->order->file != NULL ? revert->order->file
                                                   : json_text_or(revert->running, "file", "");

    if (file[0] != '/' && revert->order->file == NULL)
        return refuse("the gateway was started with a relative path: name the site file with -c",
                      file);
    if (realpath(file, revert->file) == NULL)
        return refuse(file, strerror(errno));
    revert->profiles = revert->order->profiles != NULL
                           ? revert->order->profiles
                           : json_text_or(revert->running, "profiles", beside_profiles());
    return EXIT_FINE;
}

/* Profiles are files of their own: they stay as they are today, which is told. */
static void
tell_profiles(const struct revert *revert, const struct site_texts *today)
{
    for (const struct site_text *one = revert->texts.first; one != NULL; one = one->next) {
        const struct site_text *now = texts_find(today, one->name);

        if (strcmp(one->name, SITE_TEXT_NAME) != 0 &&
            (now == NULL || now->bytes != one->bytes ||
             memcmp(now->text, one->text, one->bytes) != 0))
            fprintf(stderr, "%s is not as it was in generation %u; it stays as it is today\n",
                    one->name, revert->number);
    }
}

/* The old text under the name of the present file, so that its relative paths mean the same. */
static int
check(const struct revert *revert)
{
    const struct site_text *text = texts_find(&revert->texts, SITE_TEXT_NAME);
    struct site_texts today = {0};
    struct site_options options = {
        .profile_dir = revert->profiles, .generation = 1, .texts = &today};
    struct diag diag;
    struct site *site = NULL;
    int status = EXIT_FINE;

    diag_init(&diag);
    enum err_code code =
        site_load_text(revert->file, text->text, text->bytes, &options, &diag, &site);
    diag_print(&diag, stderr);
    if (code == ERR_OK)
        tell_profiles(revert, &today);
    else
        status = refuse("the old text has faults today; nothing was changed", "");
    diag_done(&diag);
    site_free(site);
    texts_done(&today);
    return status;
}

static enum err_code
keep_present(struct revert *revert, const struct stat *status, const char *text, size_t bytes,
             struct err *err)
{
    time_t now = (time_t)(clock_now().utc_ms / 1000);
    struct tm tm;
    char stamp[24];

    if (gmtime_r(&now, &tm) == NULL || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return err_set(err, ERR_IO, "the clock is out of range");
    snprintf(revert->kept, sizeof revert->kept, "%s.until-%s", revert->file, stamp);
    if (access(revert->kept, F_OK) == 0)
        return err_set(err, ERR_BUSY, "%s is there already: try again in a second", revert->kept);
    return file_replace(revert->kept, status, text, bytes, err);
}

static int
exchange(struct revert *revert)
{
    const struct site_text *old = texts_find(&revert->texts, SITE_TEXT_NAME);
    struct stat status;
    char *present = NULL;
    size_t bytes = 0;
    json_t *verdict = NULL;
    struct err err;
    enum err_code code = stat(revert->file, &status) == 0
                             ? file_read(revert->file, KEPT_BYTES_MAX, &present, &bytes, &err)
                             : err_set(&err, ERR_IO, "%s: %s", revert->file, strerror(errno));

    if (code == ERR_OK)
        code = keep_present(revert, &status, present, bytes, &err);
    if (code == ERR_OK)
        code = file_replace(revert->file, &status, old->text, old->bytes, &err);
    if (code != ERR_OK) {
        refuse(err.text, "");
        free(present);
        return EXIT_BROKEN;
    }
    int result = reload_await(&revert->order->common, revert->number, &verdict);
    if (result == EXIT_FINE)
        result = reload_print(&revert->order->common, verdict);
    json_decref(verdict);
    if (result == EXIT_WRONG) {
        if (file_replace(revert->file, &status, present, bytes, &err) == ERR_OK)
            fprintf(stderr, "%s is as it was before\n", revert->file);
        else
            fprintf(stderr, "%s; the file as it was is %s\n", err.text, revert->kept);
    } else if (!revert->order->common.json) {
        printf("%s is as in generation %u; until now it was %s\n", revert->file, revert->number,
               revert->kept);
    }
    free(present);
    return result;
}

int
config_revert(const struct config_order *order)
{
    struct generation_reader reader;
    struct revert revert = {.order = order};
    struct err err;
    int status = reload_may(&order->common);

    if (status != EXIT_FINE)
        return status;
    if (generation_reader_open(&reader, order->state_dir, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return EXIT_BROKEN;
    }
    status = choose(&revert, &reader);
    if (status == EXIT_FINE)
        status = find_file(&revert);
    if (status == EXIT_FINE)
        status = check(&revert);
    if (status == EXIT_FINE)
        status = exchange(&revert);
    texts_done(&revert.texts);
    json_decref(revert.running);
    json_decref(revert.wanted);
    generation_reader_close(&reader);
    return status;
}
