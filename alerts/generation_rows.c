/*
 * generation_rows.c - configurations on record: what the master says of them becomes rows of the
 * journal, once each, whoever died meanwhile.
 *
 * An accepted one lies on disk before the master says anything (generations.h): what is not in the
 * journal yet is journalled from there at the start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "alerts/generations.h"
#include "gateway/base/log.h"

#define PRUNE_EVERY_MS 60000
#define VERDICTS_MAX 16

static bool
is_on_record(struct alarms *self, uint32_t number, const char *digest, uint64_t *out_seq)
{
    char key[48], value[DIGEST_HEX + 32], known[DIGEST_HEX];
    unsigned long long seq;

    snprintf(key, sizeof key, GENERATION_KEY, number);
    if (!journal_get(self->journal, key, value, sizeof value) ||
        sscanf(value, "%llu %64s", &seq, known) != 2 ||
        (digest != NULL && strcmp(known, digest) != 0))
        return false;
    *out_seq = seq;
    return true;
}

/* Takes `body`. */
static void
add_row(struct alarms *self, json_t *body)
{
    char key[48], value[DIGEST_HEX + 32], digest[DIGEST_HEX];
    uint32_t number = (uint32_t)json_int_or(body, "generation", 0);
    bool is_new = json_object_get(body, "changes") != NULL;
    uint64_t seq;

    text_copy(digest, sizeof digest, json_text_or(body, "digest", ""));
    if (is_new && is_on_record(self, number, digest, &seq)) {
        json_decref(body);
        return;
    }
    seq = journal_add(self->journal, "generation", self->now.utc_ms, body, NULL, 0, 0);
    if (!is_new || seq == 0)
        return;
    snprintf(key, sizeof key, GENERATION_KEY, number);
    snprintf(value, sizeof value, "%llu %s", (unsigned long long)seq, digest);
    journal_put(self->journal, key, value);
    snprintf(value, sizeof value, "%u", number);
    self->pruned.mono_ms = 0; /* there is one more to keep */
    if (number != 0)          /* 0: it could not be put on record */
        journal_put(self->journal, GENERATION_NEWEST_KEY, value);
}

static void
run_with_params(struct alarms *self)
{
    const struct alarms_params *params = self->params;

    self->running.generation = params->directory->generation;
    text_copy(self->running.digest, sizeof self->running.digest,
              params->config_digest != NULL ? params->config_digest : "");
}

void
generation_rows_start(struct alarms *self)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    struct err err;
    uint64_t seq;
    enum err_code code = generations_list(self->params->state_dir, &numbers, &count, &err);

    run_with_params(self);
    if (code != ERR_OK)
        log_warning("configurations on record: %s", err.text);
    for (size_t i = 0; i < count; i++) {
        json_t *record = NULL;

        if (is_on_record(self, numbers[i], NULL, &seq) && i + 1 < count)
            continue; /* the newest alone may be another one than the journal's */
        code = generations_load(self->params->state_dir, numbers[i], &record, &err);
        if (code == ERR_OK)
            add_row(self, record);
        else
            log_error("a configuration on record: %s", err.text);
    }
    free(numbers);
}

/* What runs from now on; workers that the reload left alone hold the file of an earlier one. */
static void
take_accepted(struct alarms *self, json_t *news, json_t *parts)
{
    struct running *running = &self->running;

    running->generation = (uint32_t)json_int_or(news, "generation", running->generation);
    text_copy(running->digest, sizeof running->digest, json_text_or(news, "digest", ""));
    if (parts == NULL)
        return;
    json_decref(running->parts);
    running->parts = json_incref(parts);
}

/* Who asked for a reload comes back for the answer, perhaps to the next incarnation. */
static void
keep_verdict(struct alarms *self, json_t *news)
{
    if (self->running.verdicts == NULL)
        self->running.verdicts = json_array();
    json_array_append(self->running.verdicts, news);
    if (json_array_size(self->running.verdicts) > VERDICTS_MAX)
        json_array_remove(self->running.verdicts, 0);
}

void
generation_rows_take(struct alarms *self, const char *text, size_t bytes)
{
    json_t *news = json_parse_object(text, bytes, NULL, 0);
    json_t *parts = json_incref(json_object_get(news, "parts"));

    if (news == NULL)
        return;
    json_object_del(news, "parts");
    if (json_is_true(json_object_get(news, "accepted")))
        take_accepted(self, news, parts);
    json_decref(parts);
    keep_verdict(self, news);
    figures_take_generation(self, news);
    json_t *body = json_deep_copy(news);
    json_decref(news);
    if (body != NULL)
        add_row(self, body);
}

const json_t *
generation_rows_verdict(const struct alarms *self, const char *request)
{
    for (size_t i = json_array_size(self->running.verdicts); i-- > 0;) {
        json_t *news = json_array_get(self->running.verdicts, i);

        if (strcmp(json_text_or(json_object_get(news, "by"), "request", ""), request) == 0)
            return news;
    }
    return NULL;
}

void
generation_rows_done(struct alarms *self)
{
    json_decref(self->running.parts);
    json_decref(self->running.verdicts);
}

static bool
is_over(void *ctx, uint32_t number)
{
    struct alarms *self = ctx;
    uint64_t seq;
    char key[48];

    if (!is_on_record(self, number, NULL, &seq) || seq >= journal_oldest(self->journal))
        return false;
    snprintf(key, sizeof key, GENERATION_KEY, number);
    journal_put(self->journal, key, NULL);
    return true;
}

void
generation_rows_prune(struct alarms *self)
{
    uint64_t oldest = journal_oldest(self->journal);

    if (self->pruned.mono_ms != 0 && (oldest == self->pruned.oldest ||
                                      self->now.mono_ms - self->pruned.mono_ms < PRUNE_EVERY_MS))
        return;
    self->pruned.mono_ms = self->now.mono_ms;
    self->pruned.oldest = oldest;
    generations_prune(self->params->state_dir, is_over, self, self->now.utc_ms);
}
