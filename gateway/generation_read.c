/*
 * generation_read.c - configurations on record, as the commands read them.
 */
#include "gateway/generation_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/generations.h"
#include "gateway/base/text.h"

enum err_code
generation_reader_open(struct generation_reader *reader, const char *state_dir, struct err *err)
{
    char value[32];
    uint32_t *numbers = NULL;
    size_t count = 0;
    int64_t newest;

    *reader = (struct generation_reader){.state_dir = state_dir};
    enum err_code code = journal_reader_open(state_dir, &reader->journal, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "journal in %s", state_dir);
    if (journal_reader_fact(reader->journal, GENERATION_NEWEST_KEY, value, sizeof value, NULL) ==
            ERR_OK &&
        text_parse_int(value, 1, UINT32_MAX, &newest))
        reader->newest = (uint32_t)newest;
    code = generations_list(state_dir, &numbers, &count, err);
    if (code == ERR_OK && count > 0)
        reader->newest = numbers[count - 1];
    free(numbers);
    if (code != ERR_OK)
        generation_reader_close(reader);
    return code;
}

void
generation_reader_close(struct generation_reader *reader)
{
    journal_reader_close(reader->journal);
    reader->journal = NULL;
}

static bool
take_row(void *ctx, const struct journal_row *row)
{
    json_t **out = ctx;

    *out = strcmp(row->kind, "generation") == 0 && row->body != NULL
               ? json_parse_object(row->body, row->body_bytes, NULL, 0)
               : NULL;
    if (*out != NULL)
        json_object_set_new(*out, "hash", json_string(row->hash));
    return false;
}

static json_t *
row_of(struct generation_reader *reader, uint32_t number)
{
    char key[48], value[96];
    unsigned long long seq;
    uint64_t last;
    json_t *row = NULL;

    snprintf(key, sizeof key, GENERATION_KEY, number);
    if (journal_reader_fact(reader->journal, key, value, sizeof value, NULL) != ERR_OK ||
        sscanf(value, "%llu", &seq) != 1 || seq == 0 ||
        journal_reader_rows(reader->journal, seq - 1, 1, take_row, &row, &last, NULL) != ERR_OK)
        return NULL;
    if (row != NULL && json_int_or(row, "generation", 0) == number)
        return row;
    json_decref(row);
    return NULL;
}

enum err_code
generation_reader_row(struct generation_reader *reader, uint32_t number, json_t **out_row,
                      struct err *err)
{
    json_t *row = row_of(reader, number);

    if (row == NULL) {
        if (generations_load(reader->state_dir, number, &row, NULL) != ERR_OK)
            return err_set(err, ERR_NOT_FOUND, "there is no generation %u on record", number);
        json_object_set_new(row, "journalled", json_false());
    }
    *out_row = row;
    return ERR_OK;
}

void
generation_who(const json_t *row, char *out, size_t size)
{
    const json_t *by = json_object_get(row, "by");
    const char *user = json_text_or(by, "user", ""), *source = json_text_or(by, "source", "?");
    long long uid = (long long)json_int_or(by, "uid", -1);

    if (strcmp(source, "start") == 0)
        snprintf(out, size, "start");
    else if (user[0] != '\0')
        snprintf(out, size, "%s (uid %lld)", user, uid);
    else if (uid >= 0)
        snprintf(out, size, "uid %lld by a signal", uid);
    else
        snprintf(out, size, "a signal");
}
