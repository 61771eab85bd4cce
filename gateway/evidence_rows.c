/*
 * evidence_rows.c - the journal's part of an archive of evidence.
 *
 * Rows only prove something with their neighbours: the archive holds the chain without a gap from
 * the first to the last row of the time asked for, and on to the next checkpoint, which signs it.
 * What concerns one alarm is given beside it.
 */
#include "gateway/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"

struct writing {
    struct evidence *evidence;
    FILE *rows, *checkpoints, *configuration, *alarm;
    char *start, *generation; /* in force when the time begins; owned */
    bool is_done;
};

FILE *
evidence_create(const struct evidence *evidence, const char *name, struct err *err)
{
    char path[EVIDENCE_PATH_MAX];
    FILE *file = NULL;

    if (snprintf(path, sizeof path, "%s/%s", evidence->folder, name) < (int)sizeof path)
        file = fopen(path, "wxe");
    if (file == NULL)
        err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    return file;
}

enum err_code
evidence_finish(FILE *file, const char *name, struct err *err)
{
    bool good = fflush(file) == 0 && ferror(file) == 0;

    good = fclose(file) == 0 && good;
    return good ? ERR_OK : err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
}

void
evidence_done(struct evidence *evidence)
{
    struct evidence_point *point, *next;

    HASH_ITER(hh, evidence->points, point, next)
    {
        HASH_DEL(evidence->points, point);
        free(point);
    }
    free(evidence->generations);
}

static bool
in_time(const struct evidence *evidence, const struct journal_row *row)
{
    return row->utc_ms >= evidence->from_ms && row->utc_ms <= evidence->to_ms;
}

/* Clocks are set: what lies between the first and the last row of that time belongs to it. */
static bool
find_range(void *ctx, const struct journal_row *row)
{
    struct evidence *evidence = ctx;

    if (!in_time(evidence, row) || (evidence->up_to != 0 && row->seq > evidence->up_to))
        return true;
    if (evidence->first == 0) {
        evidence->first = row->first;
        evidence->first_ms = row->utc_ms;
    }
    evidence->last = row->seq;
    return true;
}

static void
note_point(struct evidence *evidence, const char *name)
{
    struct evidence_point *point;
    size_t length = strlen(name);

    HASH_FIND(hh, evidence->points, name, length, point);
    if (point != NULL || length == 0)
        return;
    point = HASH_COUNT(evidence->points) < EVIDENCE_POINTS_MAX ? malloc(sizeof *point + length + 1)
                                                               : NULL;
    if (point == NULL) {
        evidence->points_dropped++;
        return;
    }
    memcpy(point->name, name, length + 1);
    HASH_ADD_KEYPTR(hh, evidence->points, point->name, length, point);
}

/* Does the row tell of that alarm: a change of it, or a command to it? */
static bool
concerns(const char *alarm, const struct journal_row *row, const json_t *body)
{
    return (row->alarm_id != NULL && strcmp(row->alarm_id, alarm) == 0) ||
           strcmp(json_text_or(body, "id", ""), alarm) == 0 ||
           strcmp(json_text_or(body, "alarm", ""), alarm) == 0;
}

static void
look_at_alarm(struct writing *writing, const struct journal_row *row)
{
    struct evidence *evidence = writing->evidence;
    json_t *body;

    if (row->body == NULL || row->seq > evidence->last ||
        (evidence->alarm == NULL && row->alarm_id == NULL))
        return;
    body = json_parse_object(row->body, row->body_bytes, NULL, 0);
    if (evidence->alarm == NULL || concerns(evidence->alarm, row, body)) {
        note_point(evidence, json_text_or(json_object_get(body, "alarm"), "point", ""));
        evidence->alarm_rows++;
        if (writing->alarm != NULL)
            fprintf(writing->alarm, "%.*s,\"hash\":\"%s\"}\n", (int)row->body_bytes - 1, row->body,
                    row->hash);
    }
    json_decref(body);
}

static void
write_line(FILE *file, const struct journal_row *row)
{
    if (row->body == NULL || row->body_bytes == 0) /* the place of lost rows: the chain goes on */
        fprintf(file, "{\"first\":%llu,\"kind\":\"lost\",\"seq\":%llu,\"hash\":\"%s\"}\n",
                (unsigned long long)row->first, (unsigned long long)row->seq, row->hash);
    else
        fprintf(file, "%.*s,\"hash\":\"%s\"}\n", (int)row->body_bytes - 1, row->body, row->hash);
}

static bool
is_configuration(const struct journal_row *row)
{
    return row->body != NULL &&
           (strcmp(row->kind, "generation") == 0 || strcmp(row->kind, "start") == 0);
}

/* Notes the configuration that a row of kind start or generation says is in effect. */
static void
note_generation(struct evidence *evidence, const char *row, size_t bytes)
{
    json_t *body = json_parse_object(row, bytes, NULL, 0);
    const json_t *accepted = json_object_get(body, "accepted");
    const char *digest = json_text_or(body, accepted != NULL ? "digest" : "config_digest", "");
    struct evidence_generation *grown, new = {.number = 0};

    new.number = (uint32_t)json_int_or(body, "generation", 0);
    bool is_known = json_is_false(accepted) || new.number == 0 ||
                    !text_copy(new.digest, sizeof new.digest, digest) || digest[0] == '\0';
    for (size_t i = 0; i < evidence->generation_count && !is_known; i++)
        is_known = strcmp(evidence->generations[i].digest, digest) == 0 &&
                   evidence->generations[i].number == new.number;
    json_decref(body);
    if (is_known)
        return;
    grown = evidence->generation_count < EVIDENCE_GENERATIONS_MAX
                ? realloc(evidence->generations,
                          (evidence->generation_count + 1) * sizeof *evidence->generations)
                : NULL;
    if (grown == NULL) {
        evidence->generations_dropped++;
        return;
    }
    evidence->generations = grown;
    evidence->generations[evidence->generation_count++] = new;
}

/* Before the time begins: the newest start, and the newest configuration that was accepted. */
static void
remember_configuration(struct writing *writing, const struct journal_row *row)
{
    char **place = strcmp(row->kind, "start") == 0 ? &writing->start : &writing->generation;
    size_t bytes = row->body_bytes + sizeof ",\"hash\":\"\"}\n" + DIGEST_HEX;

    if (place == &writing->generation && strstr(row->body, "\"accepted\":true") == NULL)
        return;
    free(*place);
    *place = malloc(bytes);
    if (*place != NULL)
        snprintf(*place, bytes, "%.*s,\"hash\":\"%s\"}\n", (int)row->body_bytes - 1, row->body,
                 row->hash);
}

static void
write_remembered(struct writing *writing)
{
    char *lines[] = {writing->generation, writing->start};

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (lines[i] != NULL) {
            fputs(lines[i], writing->configuration);
            note_generation(writing->evidence, lines[i], strlen(lines[i]));
        }
    free(writing->generation);
    free(writing->start);
    writing->generation = writing->start = NULL;
}

static bool
write_row(void *ctx, const struct journal_row *row)
{
    struct writing *writing = ctx;
    struct evidence *evidence = writing->evidence;
    bool is_checkpoint = row->body != NULL && strcmp(row->kind, "checkpoint") == 0;

    if (row->first < evidence->first) {
        if (is_configuration(row))
            remember_configuration(writing, row);
        return true;
    }
    write_line(writing->rows, row);
    if (is_configuration(row)) {
        write_line(writing->configuration, row);
        note_generation(evidence, row->body, row->body_bytes);
    }
    look_at_alarm(writing, row);
    evidence->rows++;
    evidence->written_to = row->seq;
    if (is_checkpoint) {
        write_line(writing->checkpoints, row);
        evidence->checkpoints++;
        evidence->signed_to = row->seq;
    }
    writing->is_done = is_checkpoint && row->seq >= evidence->last;
    return !writing->is_done;
}

static enum err_code
walk(struct journal_reader *reader, bool (*row)(void *ctx, const struct journal_row *row),
     void *ctx, const bool *is_done, struct err *err)
{
    enum err_code code = ERR_OK;
    uint64_t after = 0, last = 0;

    do {
        after = last;
        code = journal_reader_chain(reader, after, JOURNAL_READ_MAX, row, ctx, &last, err);
    } while (code == ERR_OK && last != after && (is_done == NULL || !*is_done));
    return code;
}

static enum err_code
write_files(struct evidence *evidence, struct journal_reader *reader, struct err *err)
{
    static const char *const NAMES[] = {"rows.jsonl", "checkpoints.jsonl", "configuration.jsonl",
                                        "alarm.jsonl"};
    struct writing writing = {.evidence = evidence};
    FILE **files[] = {&writing.rows, &writing.checkpoints, &writing.configuration, &writing.alarm};
    size_t wanted = evidence->alarm != NULL ? ARRAY_LEN(NAMES) : ARRAY_LEN(NAMES) - 1;
    enum err_code code = ERR_OK;

    for (size_t i = 0; i < wanted && code == ERR_OK; i++) {
        *files[i] = evidence_create(evidence, NAMES[i], err);
        code = *files[i] == NULL ? ERR_IO : ERR_OK;
    }
    if (code == ERR_OK)
        code = walk(reader, write_row, &writing, &writing.is_done, err);
    if (code == ERR_OK)
        write_remembered(&writing);
    free(writing.start);
    free(writing.generation);
    for (size_t i = 0; i < wanted; i++) {
        enum err_code closed =
            *files[i] == NULL ? ERR_OK : evidence_finish(*files[i], NAMES[i], err);

        code = code == ERR_OK ? closed : code;
    }
    return code;
}

enum err_code
evidence_write_rows(struct evidence *evidence, struct err *err)
{
    struct journal_reader *reader = NULL;
    enum err_code code = journal_reader_open(evidence->state_dir, &reader, err);

    if (code == ERR_OK)
        code = journal_reader_id(reader, evidence->id, err);
    if (code == ERR_OK)
        code = walk(reader, find_range, evidence, NULL, err);
    if (code == ERR_OK && evidence->first == 0)
        code = err_set(err, ERR_NOT_FOUND, "the journal holds no row of that time");
    if (code == ERR_OK)
        code = write_files(evidence, reader, err);
    if (code == ERR_OK && evidence->alarm != NULL && evidence->alarm_rows == 0)
        code = err_set(err, ERR_NOT_FOUND, "nothing of alarm %s in that time", evidence->alarm);
    evidence->is_empty =
        evidence->first == 0 || (evidence->alarm != NULL && evidence->alarm_rows == 0);
    journal_reader_close(reader);
    return code;
}
