/*
 * demo_told.c - what the demo's subscriber was told, and whether that is all that was to be told.
 *
 * The subscriber is mosquitto_sub: a program that shares no line with the courier, so that it
 * proves something. Its own chatter (-d) says when the subscription stands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alerts/journal_read.h"
#include "gateway/demo.h"

#define LINE_MAX_BYTES ((size_t)1024 * 1024)
#define SEQ_MAX ((uint64_t)10000000) /* rows in one demo: 1.2 MB of bits */
#define ROWS_PER_READ 500

void
told_init(struct told *told, int fd)
{
    memset(told, 0, sizeof *told);
    told->fd = fd;
    text_buf_init(&told->input, LINE_MAX_BYTES);
}

void
told_done(struct told *told)
{
    for (size_t i = 0; i < AUDIENCE_COUNT; i++)
        free(told->seen[i]);
    text_buf_done(&told->input);
    if (told->fd >= 0)
        close(told->fd);
    told->fd = -1;
}

static bool
is_seen(const struct told *told, size_t audience, uint64_t seq)
{
    return seq / 8 < told->seen_bytes[audience] &&
           (told->seen[audience][seq / 8] >> (seq % 8) & 1) != 0;
}

static bool
mark_seen(struct told *told, size_t audience, uint64_t seq)
{
    if (seq > SEQ_MAX)
        return false;
    if (seq / 8 >= told->seen_bytes[audience]) {
        size_t bytes = (size_t)(seq / 8 + 1) * 2;
        uint8_t *seen = realloc(told->seen[audience], bytes);

        if (seen == NULL)
            return false;
        memset(seen + told->seen_bytes[audience], 0, bytes - told->seen_bytes[audience]);
        told->seen[audience] = seen;
        told->seen_bytes[audience] = bytes;
    }
    told->seen[audience][seq / 8] |= (uint8_t)(1u << (seq % 8));
    return true;
}

static bool
has_change(const json_t *row, const char *word)
{
    const json_t *changes = json_object_get(row, "change");
    const json_t *change;
    size_t index;

    json_array_foreach(changes, index,
                       change) if (json_is_string(change) &&
                                   strcmp(json_string_value(change), word) == 0) return true;
    return false;
}

static bool
is_new_raise(const struct told *told, uint64_t seq)
{
    for (size_t i = 0; i < AUDIENCE_COUNT; i++)
        if (is_seen(told, i, seq))
            return false; /* counted when another audience was told */
    return true;
}

void
told_take_line(struct told *told, const char *line)
{
    if (strncmp(line, "Subscribed (", 12) == 0) {
        told->is_subscribed = true;
        return;
    }
    const char *event = strstr(line, "/event/"), *blank = strchr(line, ' ');
    if (strncmp(line, "watchroom/", 10) != 0 || event == NULL || blank == NULL || event > blank)
        return;
    event += strlen("/event/");
    for (size_t i = 0; i < AUDIENCE_COUNT; i++) {
        const char *name = audience_name((enum audience)i);

        if (strlen(name) != (size_t)(blank - event) || strncmp(name, event, strlen(name)) != 0)
            continue;
        json_t *row = json_parse_object(blank + 1, strlen(blank + 1), NULL, 0);
        int64_t seq = json_int_or(row, "seq", 0);

        if (seq > 0 && !is_seen(told, i, (uint64_t)seq)) {
            bool raises = has_change(row, "raised") && is_new_raise(told, (uint64_t)seq);

            if (mark_seen(told, i, (uint64_t)seq)) {
                told->messages++;
                told->raised += raises;
            }
        }
        json_decref(row);
        return;
    }
}

bool
told_read(struct told *told)
{
    char part[16384];

    for (;;) {
        ssize_t length = read(told->fd, part, sizeof part);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (length == 0)
            return false;
        for (const char *at = part, *end = part + length; at < end;) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));

            text_buf_add_bytes(&told->input, at, (size_t)((stop == NULL ? end : stop) - at));
            if (stop == NULL)
                break;
            if (!told->input.failed && told->input.data != NULL)
                told_take_line(told, told->input.data);
            text_buf_reset(&told->input);
            at = stop + 1;
        }
    }
}

struct comparing {
    const struct told *told;
    uint64_t head;
    struct tally tally;
};

static bool
compare_row(void *ctx, const struct journal_row *row)
{
    struct comparing *comparing = ctx;
    struct tally *tally = &comparing->tally;

    if (row->seq > comparing->head)
        return false;
    tally->rows += row->audiences != 0;
    for (size_t i = 0; i < AUDIENCE_COUNT; i++)
        if ((row->audiences & AUDIENCE_BIT(i)) != 0) {
            tally->messages++;
            tally->missing += !is_seen(comparing->told, i, row->seq);
        }
    if (strcmp(row->kind, "alarm") == 0) {
        json_t *body = json_parse_object(row->body, strlen(row->body), NULL, 0);

        tally->raised += has_change(body, "raised");
        tally->acknowledged += has_change(body, "acked");
        json_decref(body);
    }
    return true;
}

enum err_code
told_compare(const struct told *told, const char *state_dir, uint64_t head, struct tally *out_tally,
             struct err *err)
{
    struct comparing comparing = {.told = told, .head = head};
    struct journal_reader *reader;
    uint64_t after = 0, last = 0;
    enum err_code code = journal_reader_open(state_dir, &reader, err);

    if (code != ERR_OK)
        return code;
    do {
        after = last;
        code =
            journal_reader_rows(reader, after, ROWS_PER_READ, compare_row, &comparing, &last, err);
    } while (code == ERR_OK && last > after && last < head);
    journal_reader_close(reader);
    if (code == ERR_OK)
        *out_tally = comparing.tally;
    return code;
}
