/*
 * outbox.c - what is published when.
 *
 * At a connect the broker may have forgotten everything: the alarms not at rest are published as
 * they are now, then the rows after the cursor as events. A row that is older than that picture
 * must not overwrite it with an older state, so its alarm topic is left alone - unless the alarm is
 * at rest by now and not in the picture, and its topic still has to be emptied.
 */
#include "alerts/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_def.h"
#include "gateway/base/hash.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define WINDOW_DEFAULT 100
#define FETCH_ROWS 64
#define FETCH_ALARMS 64
#define USERS_PER_ROW 16 /* whom an escalation names */
#define ALARM_MESSAGE AUDIENCE_COUNT
#define FIRST_USER_MESSAGE (AUDIENCE_COUNT + 1)
#define READS_PER_PUMP 32 /* long stretches that nobody is told must not hold the loop */
/* A token is the epoch (a connection, a journal) and the row's seq, or this for the picture:
 * confirmations of an earlier epoch are nobody's. */
#define SEQ_BITS 48
#define PICTURE_SEQ ((UINT64_C(1) << SEQ_BITS) - 1)

/* A row on its way. */
struct row {
    uint64_t seq;
    char *body, *payload, *alarm_id, hash[DIGEST_HEX];
    unsigned audiences;
    json_t *users;    /* of an escalation: {"name": …}; NULL: none. Owned */
    unsigned said;    /* messages given to the broker, as bits: audiences, the alarm topic, users */
    unsigned awaited; /* messages not confirmed yet */
};

struct pictured { /* an alarm told at the connect */
    char *id;
    UT_hash_handle hh;
};

struct outbox {
    char prefix[TOPIC_ID_MAX];
    unsigned window, under_way;
    struct outbox_io io;
    void *ctx;
    uint64_t cursor, committed, fetched;
    uint16_t epoch;
    struct row *rows; /* ring: fetched and not done */
    size_t first, count, room;
    size_t next; /* of count: the first one not wholly said */
    bool is_connected;
    bool is_picturing; /* the alarms of the connect are being told */
    unsigned picture_priority;
    uint64_t picture_seq;
    uint64_t picture_head; /* rows up to here are older than the picture */
    struct pictured *picture;
    uint64_t sync_at; /* committed at the connect */
};

struct outbox *
outbox_new(const char *prefix, unsigned window, const struct outbox_io *io, void *ctx)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);

    if (outbox == NULL)
        return NULL;
    text_copy(outbox->prefix, sizeof outbox->prefix, prefix);
    outbox->window = window == 0 ? WINDOW_DEFAULT : window;
    outbox->room = outbox->window + FETCH_ROWS;
    outbox->rows = calloc(outbox->room, sizeof *outbox->rows);
    outbox->io = *io;
    outbox->ctx = ctx;
    if (outbox->rows == NULL) {
        free(outbox);
        return NULL;
    }
    return outbox;
}

static void
free_row(struct row *row)
{
    free(row->body);
    free(row->payload);
    free(row->alarm_id);
    json_decref(row->users);
    *row = (struct row){0};
}

static struct row *
row_at(struct outbox *outbox, size_t index)
{
    return &outbox->rows[(outbox->first + index) % outbox->room];
}

/* And what is under way with them. */
static void
forget_rows(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->count; i++)
        free_row(row_at(outbox, i));
    outbox->epoch++;
    outbox->under_way = 0;
    outbox->first = outbox->count = outbox->next = 0;
    outbox->fetched = outbox->cursor;
}

static void
forget_picture(struct outbox *outbox)
{
    struct pictured *one, *next;

    HASH_ITER(hh, outbox->picture, one, next)
    {
        HASH_DEL(outbox->picture, one);
        free(one->id);
        free(one);
    }
}

void
outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    forget_rows(outbox);
    forget_picture(outbox);
    free(outbox->rows);
    free(outbox);
}

void
outbox_set_cursor(struct outbox *outbox, uint64_t cursor)
{
    outbox->cursor = cursor;
    outbox->committed = cursor;
    forget_rows(outbox);
    if (outbox->is_connected)
        outbox_connected(outbox);
}

uint64_t
outbox_cursor(const struct outbox *outbox)
{
    return outbox->cursor;
}

void
outbox_connected(struct outbox *outbox)
{
    forget_rows(outbox);
    forget_picture(outbox);
    outbox->is_connected = outbox->is_picturing = true;
    outbox->picture_priority = 0;
    outbox->picture_seq = 0;
    outbox->picture_head = outbox->sync_at = outbox->committed;
}

void
outbox_disconnected(struct outbox *outbox)
{
    outbox->is_connected = false;
    forget_rows(outbox);
}

void
outbox_committed(struct outbox *outbox, uint64_t committed)
{
    if (committed > outbox->committed)
        outbox->committed = committed;
}

static bool
send_topic(struct outbox *outbox, const char *kind, const char *name, const void *payload,
           size_t bytes, bool retained, uint64_t seq)
{
    char topic[2 * TOPIC_ID_MAX + 16];

    snprintf(topic, sizeof topic, "%s/%s/%s", outbox->prefix, kind, name);
    if (!outbox->io.publish(outbox->ctx, topic, payload, bytes, retained,
                            (uint64_t)outbox->epoch << SEQ_BITS | seq))
        return false;
    outbox->under_way++;
    return true;
}

/* the picture at the connect */

struct picturing {
    struct outbox *outbox;
    bool is_given, is_held_up;
};

static bool
picture_alarm(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq, const char *payload)
{
    struct picturing *picturing = ctx;
    struct outbox *outbox = picturing->outbox;
    struct pictured *one;

    picturing->is_held_up =
        outbox->under_way >= outbox->window ||
        !send_topic(outbox, "alarm", alarm_id, payload, strlen(payload), true, PICTURE_SEQ);
    if (picturing->is_held_up)
        return false;
    outbox->picture_priority = priority;
    outbox->picture_seq = seq;
    picturing->is_given = true;
    one = calloc(1, sizeof *one);
    if (one == NULL || (one->id = strdup(alarm_id)) == NULL) {
        free(one); /* then an old row may show an older state for a moment */
        return true;
    }
    HASH_ADD_KEYPTR(hh, outbox->picture, one->id, strlen(one->id), one);
    if (one->hh.tbl == NULL) { /* the same */
        free(one->id);
        free(one);
    }
    return true;
}

static enum err_code
pump_picture(struct outbox *outbox, struct err *err)
{
    while (outbox->is_picturing) {
        struct picturing picturing = {.outbox = outbox};
        enum err_code code =
            outbox->io.alarms(outbox->ctx, outbox->picture_priority, outbox->picture_seq,
                              FETCH_ALARMS, picture_alarm, &picturing, err);

        if (code != ERR_OK || picturing.is_held_up)
            return code;
        outbox->is_picturing = picturing.is_given;
    }
    return ERR_OK;
}

/* rows */

struct taking {
    struct outbox *outbox;
    bool is_held_up;
};

/* The persons among those whom an escalation is for. */
static json_t *
users_of(const char *body)
{
    json_t *object = json_parse_object(body, strlen(body), NULL, 0);
    const json_t *to = json_object_get(object, "to");
    json_t *users = json_array();

    for (size_t i = 0; i < json_array_size(to) && json_array_size(users) < USERS_PER_ROW; i++) {
        const char *name = json_string_value(json_array_get(to, i));
        bool is_audience = false;

        for (unsigned audience = 0; name != NULL && audience < AUDIENCE_COUNT; audience++)
            is_audience = is_audience || strcmp(name, audience_name((enum audience)audience)) == 0;
        if (name != NULL && !is_audience && text_is_id(name))
            json_array_append_new(users, json_string(name));
    }
    json_decref(object);
    return users;
}

static bool
take_row(void *ctx, const struct journal_row *row)
{
    struct taking *taking = ctx;
    struct outbox *outbox = taking->outbox;

    taking->is_held_up = true;
    if (outbox->count == outbox->room || row->seq > outbox->committed)
        return false;
    struct row *taken = row_at(outbox, outbox->count);
    *taken = (struct row){.seq = row->seq, .audiences = row->audiences};
    text_copy(taken->hash, sizeof taken->hash, row->hash);
    taken->body = strdup(row->body);
    taken->payload = row->payload == NULL ? NULL : strdup(row->payload);
    taken->alarm_id = row->alarm_id == NULL ? NULL : strdup(row->alarm_id);
    if (strcmp(row->kind, "escalation") == 0)
        taken->users = users_of(row->body);
    if (taken->body == NULL || (row->payload != NULL && taken->payload == NULL) ||
        (row->alarm_id != NULL && taken->alarm_id == NULL)) {
        free_row(taken);
        return false;
    }
    outbox->fetched = row->seq;
    outbox->count++;
    taking->is_held_up = false;
    return true;
}

/* The body as it was hashed, with the hash as its last member: cut it off to verify. */
static bool
send_body(struct outbox *outbox, const struct row *row, const char *topic, const char *name)
{
    struct text_buf text;
    size_t length = strlen(row->body);
    bool sent = false;

    text_buf_init(&text, 1024 * 1024);
    text_buf_add_bytes(&text, row->body, length - 1);
    text_buf_add(&text, ",\"hash\":\"%s\"}", row->hash);
    if (!text.failed)
        sent = send_topic(outbox, topic, name, text.data, text.length, false, row->seq);
    text_buf_done(&text);
    return sent;
}

static bool
is_older_than_picture(struct outbox *outbox, const struct row *row)
{
    struct pictured *one;

    if (row->seq > outbox->picture_head)
        return false;
    if (row->payload != NULL)
        return true;
    HASH_FIND_STR(outbox->picture, row->alarm_id, one);
    return one != NULL;
}

static bool
send_alarm(struct outbox *outbox, const struct row *row)
{
    return send_topic(outbox, "alarm", row->alarm_id, row->payload != NULL ? row->payload : "",
                      row->payload != NULL ? strlen(row->payload) : 0, true, row->seq);
}

static bool
is_due(struct outbox *outbox, const struct row *row, unsigned message)
{
    if (message < AUDIENCE_COUNT)
        return (row->audiences & AUDIENCE_BIT(message)) != 0;
    if (message == ALARM_MESSAGE)
        return row->alarm_id != NULL && !is_older_than_picture(outbox, row);
    return message - FIRST_USER_MESSAGE < json_array_size(row->users);
}

static bool
send_message(struct outbox *outbox, const struct row *row, unsigned message)
{
    if (message < AUDIENCE_COUNT)
        return send_body(outbox, row, "event", audience_name((enum audience)message));
    if (message == ALARM_MESSAGE)
        return send_alarm(outbox, row);
    return send_body(outbox, row, "notify",
                     json_string_value(json_array_get(row->users, message - FIRST_USER_MESSAGE)));
}

/* False: the window is full or the broker cannot take more now. */
static bool
say_row(struct outbox *outbox, struct row *row)
{
    unsigned messages = FIRST_USER_MESSAGE + (row->users != NULL ? USERS_PER_ROW : 0);

    for (unsigned i = 0; i < messages; i++) {
        if (!is_due(outbox, row, i) || (row->said & 1u << i) != 0)
            continue;
        if (outbox->under_way >= outbox->window || !send_message(outbox, row, i))
            return false;
        row->said |= 1u << i;
        row->awaited++;
    }
    return true;
}

static void
move_cursor(struct outbox *outbox)
{
    while (outbox->next > 0 && row_at(outbox, 0)->awaited == 0) {
        outbox->cursor = row_at(outbox, 0)->seq;
        free_row(row_at(outbox, 0));
        outbox->first = (outbox->first + 1) % outbox->room;
        outbox->count--;
        outbox->next--;
    }
    if (outbox->count == 0) /* the last numbers read may have no rows: lost with a full disk */
        outbox->cursor = outbox->fetched;
    if (outbox->cursor >= outbox->picture_head && !outbox->is_picturing)
        forget_picture(outbox);
}

uint64_t
outbox_row_of(const struct outbox *outbox, uint64_t token)
{
    uint64_t seq = token & PICTURE_SEQ;

    return token >> SEQ_BITS == outbox->epoch && seq != PICTURE_SEQ ? seq : 0;
}

void
outbox_delivered(struct outbox *outbox, uint64_t token)
{
    uint64_t seq = token & PICTURE_SEQ;

    if (token >> SEQ_BITS != outbox->epoch)
        return;
    outbox->under_way--;
    if (seq == PICTURE_SEQ)
        return;
    for (size_t i = 0; i < outbox->count; i++)
        if (row_at(outbox, i)->seq == seq) {
            if (row_at(outbox, i)->awaited > 0)
                row_at(outbox, i)->awaited--;
            break;
        }
    move_cursor(outbox);
}

static enum err_code
read_rows(struct outbox *outbox, bool *out_more, struct err *err)
{
    struct taking taking = {.outbox = outbox};
    uint64_t before = outbox->fetched, last = before;
    enum err_code code =
        outbox->io.rows(outbox->ctx, before, FETCH_ROWS, take_row, &taking, &last, err);

    if (code != ERR_OK)
        return code;
    if (!taking.is_held_up && last > outbox->fetched && last <= outbox->committed)
        outbox->fetched = last;
    *out_more = outbox->fetched != before;
    return ERR_OK;
}

static enum err_code
pump_rows(struct outbox *outbox, struct err *err)
{
    bool is_more = true;

    for (int reads = 0; is_more; reads++) {
        while (outbox->next < outbox->count) {
            if (!say_row(outbox, row_at(outbox, outbox->next)))
                return ERR_OK;
            outbox->next++;
        }
        move_cursor(outbox); /* rows that nobody is told are done at once */
        if (outbox->fetched >= outbox->committed || outbox->count == outbox->room ||
            reads == READS_PER_PUMP)
            return ERR_OK;

        enum err_code code = read_rows(outbox, &is_more, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err_code
outbox_pump(struct outbox *outbox, struct err *err)
{
    enum err_code code;

    if (!outbox->is_connected)
        return ERR_OK;
    code = pump_picture(outbox, err);
    return code != ERR_OK || outbox->is_picturing ? code : pump_rows(outbox, err);
}

bool
outbox_is_drained(const struct outbox *outbox)
{
    return outbox->is_connected && !outbox->is_picturing && outbox->cursor >= outbox->committed &&
           outbox->under_way == 0;
}

bool
outbox_is_pictured(const struct outbox *outbox)
{
    return outbox->is_connected && !outbox->is_picturing;
}

bool
outbox_is_in_sync(const struct outbox *outbox)
{
    return outbox->is_connected && !outbox->is_picturing && outbox->cursor >= outbox->sync_at;
}

unsigned
outbox_under_way(const struct outbox *outbox)
{
    return outbox->under_way;
}
