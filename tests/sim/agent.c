/*
 * agent.c - an SNMP agent without a socket.
 */
#include "tests/sim/agent.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/ber.h"
#include "tests/sim/objects.h"

#define PIECES_MAX 4096
#define COLUMNS_MAX 512         /* names in one request */
#define SCRATCH_MAX (64 * 1024) /* for moving values of one answer */
#define SCRATCH_ROOM 704        /* one moving varbind: a name, a number, heads */
#define HEAD_ROOM 64            /* version, community and PDU heads, without the community */

enum {
    STATUS_TOO_BIG = 1,
    STATUS_NO_SUCH_NAME = 2,
    STATUS_READ_ONLY = 4,
    STATUS_NOT_WRITABLE = 17,
};

/* One varbind of the answer. */
struct piece {
    const uint8_t *bytes; /* a whole varbind, or only the name's contents when `missing` is set */
    uint32_t length;
    uint8_t missing; /* noSuchObject ..., 0 for a value */
};

struct request {
    int64_t version, id, a, b; /* a, b: error status and index, or GETBULK's two numbers */
    uint8_t command;
    struct ber_item community, varbinds;
    struct ber_item names[COLUMNS_MAX];
    uint32_t count;
};

struct agent {
    struct piece pieces[PIECES_MAX];
    uint32_t piece_count;
    size_t piece_bytes;
    struct request request;
    size_t scratch_used;
    uint8_t scratch[SCRATCH_MAX];
    uint8_t answer[AGENT_MESSAGE_MAX];
};

struct agent *
agent_new(void)
{
    return malloc(sizeof(struct agent));
}

void
agent_free(struct agent *agent)
{
    free(agent);
}

static bool
parse(struct request *request, const uint8_t *bytes, size_t length)
{
    struct ber_reader reader = {bytes, bytes + length};
    struct ber_item item;

    if (!ber_take_tag(&reader, BER_SEQUENCE, &item))
        return false;
    reader = ber_inside(&item);
    if (!ber_take_tag(&reader, BER_INTEGER, &item) || !ber_int(&item, &request->version) ||
        !ber_take_tag(&reader, BER_OCTETS, &request->community) || !ber_take(&reader, &item))
        return false;
    request->command = item.tag;
    reader = ber_inside(&item);
    if (!ber_take_tag(&reader, BER_INTEGER, &item) || !ber_int(&item, &request->id) ||
        !ber_take_tag(&reader, BER_INTEGER, &item) || !ber_int(&item, &request->a) ||
        !ber_take_tag(&reader, BER_INTEGER, &item) || !ber_int(&item, &request->b) ||
        !ber_take_tag(&reader, BER_SEQUENCE, &request->varbinds))
        return false;
    request->count = 0;
    reader = ber_inside(&request->varbinds);
    while (reader.at < reader.end) {
        if (request->count == COLUMNS_MAX || !ber_take_tag(&reader, BER_SEQUENCE, &item))
            return false;
        struct ber_reader inside = ber_inside(&item);
        if (!ber_take_tag(&inside, BER_OID, &request->names[request->count++]))
            return false;
    }
    return true;
}

/* the answer */

static bool
add_piece(struct agent *agent, const uint8_t *bytes, size_t length, uint8_t missing)
{
    if (agent->piece_count == PIECES_MAX)
        return false;
    agent->pieces[agent->piece_count++] = (struct piece){bytes, (uint32_t)length, missing};
    agent->piece_bytes += length + (missing != 0 ? 8 : 0);
    return true;
}

static bool
add_object(struct agent *agent, const struct sim_device *device, uint32_t item, double now_s)
{
    size_t length;

    if (agent->scratch_used + SCRATCH_ROOM > SCRATCH_MAX)
        return false;
    uint8_t *scratch = agent->scratch + agent->scratch_used;
    const uint8_t *bytes = objects_varbind(device, item, now_s, scratch, SCRATCH_ROOM, &length);
    if (bytes >= scratch && bytes < scratch + SCRATCH_ROOM)
        agent->scratch_used += SCRATCH_ROOM;
    return add_piece(agent, bytes, length, 0);
}

static const uint8_t *
finish(struct agent *agent, struct ber_writer *writer, int64_t status, int64_t index,
       size_t *out_length)
{
    const struct request *request = &agent->request;
    const uint8_t *end = writer->end;

    ber_wrap(writer, BER_SEQUENCE, end);
    ber_put_int(writer, BER_INTEGER, index);
    ber_put_int(writer, BER_INTEGER, status);
    ber_put_int(writer, BER_INTEGER, request->id);
    ber_wrap(writer, BER_RESPONSE, end);
    ber_put(writer, BER_OCTETS, request->community.data, request->community.length);
    ber_put_int(writer, BER_INTEGER, request->version);
    ber_wrap(writer, BER_SEQUENCE, end);
    if (writer->full)
        return NULL;
    *out_length = (size_t)(end - writer->at);
    return writer->at;
}

/* RFC 1157: the request's own varbinds come back; tooBig of RFC 3416 has none. */
static const uint8_t *
say_status(struct agent *agent, struct sim_device *device, int64_t status, int64_t index,
           size_t *out_length)
{
    struct ber_writer writer;

    device->counters.faults++;
    ber_writer_init(&writer, agent->answer, sizeof agent->answer);
    if (status != STATUS_TOO_BIG || agent->request.version == 0)
        ber_put_raw(&writer, agent->request.varbinds.data, agent->request.varbinds.length);
    return finish(agent, &writer, status, index, out_length);
}

static const uint8_t *
say_pieces(struct agent *agent, struct sim_device *device, size_t *out_length)
{
    struct ber_writer writer;

    if (agent->piece_bytes + agent->request.community.length + HEAD_ROOM >
        device->template->max_bytes)
        return say_status(agent, device, STATUS_TOO_BIG, 0, out_length);
    ber_writer_init(&writer, agent->answer, sizeof agent->answer);
    for (uint32_t i = agent->piece_count; i-- > 0;) {
        const struct piece *piece = &agent->pieces[i];
        const uint8_t *end = writer.at;

        if (piece->missing == 0) {
            ber_put_raw(&writer, piece->bytes, piece->length);
            continue;
        }
        ber_put(&writer, piece->missing, "", 0);
        ber_put(&writer, BER_OID, piece->bytes, piece->length);
        ber_wrap(&writer, BER_SEQUENCE, end);
    }
    return finish(agent, &writer, 0, 0, out_length);
}

/* SMIv1 knows no 64-bit counters. */
static bool
is_visible(const struct agent *agent, const struct sim_template *template, uint32_t item)
{
    return agent->request.version != 0 || template->items[item].object.tag != BER_COUNTER64;
}

static const uint8_t *
answer_get(struct agent *agent, struct sim_device *device, double now_s, size_t *out_length)
{
    const struct request *request = &agent->request;

    for (uint32_t i = 0; i < request->count; i++) {
        const struct ber_item *name = &request->names[i];
        uint32_t item = objects_find(device->template, name->data, name->length);
        bool is_there = item != UINT32_MAX && is_visible(agent, device->template, item);

        if (!is_there && request->version == 0)
            return say_status(agent, device, STATUS_NO_SUCH_NAME, i + 1, out_length);
        if (is_there ? !add_object(agent, device, item, now_s)
                     : !add_piece(agent, name->data, name->length, BER_NO_SUCH_INSTANCE))
            return say_status(agent, device, STATUS_TOO_BIG, 0, out_length);
    }
    return say_pieces(agent, device, out_length);
}

static uint32_t
skip_invisible(const struct agent *agent, const struct sim_template *template, uint32_t item)
{
    while (item < template->item_count && !is_visible(agent, template, item))
        item++;
    return item;
}

/* The item behind each name of the request; false when a name is broken. */
static bool
find_next(const struct agent *agent, const struct sim_template *template, uint32_t *out_items)
{
    for (uint32_t i = 0; i < agent->request.count; i++) {
        uint32_t subs[BER_SUBS_MAX];
        size_t count = 0;

        /* 0.0 is where walks begin; an empty name is as good. */
        if (agent->request.names[i].length != 0 && !ber_oid(&agent->request.names[i], subs, &count))
            return false;
        out_items[i] = skip_invisible(agent, template, objects_next(template, subs, count));
    }
    return true;
}

static const uint8_t *
answer_next(struct agent *agent, struct sim_device *device, double now_s, size_t *out_length)
{
    const struct sim_template *template = device->template;
    const struct request *request = &agent->request;
    uint32_t items[COLUMNS_MAX];

    if (!find_next(agent, template, items))
        return NULL;
    for (uint32_t i = 0; i < request->count; i++) {
        bool is_there = items[i] < template->item_count;

        if (!is_there && request->version == 0)
            return say_status(agent, device, STATUS_NO_SUCH_NAME, i + 1, out_length);
        if (is_there ? !add_object(agent, device, items[i], now_s)
                     : !add_piece(agent, request->names[i].data, request->names[i].length,
                                  BER_END_OF_MIB))
            return say_status(agent, device, STATUS_TOO_BIG, 0, out_length);
    }
    return say_pieces(agent, device, out_length);
}

/* One column of one row; false when the answer is full. A column beyond the end repeats the last
 * name it had, with endOfMibView. */
static bool
add_column(struct agent *agent, const struct sim_device *device, uint32_t item,
           const struct ber_item *asked, double now_s)
{
    const struct sim_template *template = device->template;
    size_t room = template->max_bytes - agent->request.community.length - HEAD_ROOM;
    size_t before = agent->piece_bytes;

    if (item < template->item_count) {
        if (!add_object(agent, device, item, now_s))
            return false;
    } else if (asked == NULL) {
        const struct sim_item *last = &template->items[template->item_count - 1];

        if (!add_piece(agent, last->object.oid_bytes, last->object.oid_bytes_length,
                       BER_END_OF_MIB))
            return false;
    } else if (!add_piece(agent, asked->data, asked->length, BER_END_OF_MIB)) {
        return false;
    }
    if (agent->piece_bytes > room) { /* RFC 3416, 4.2.3: what does not fit is left off */
        agent->piece_count--;
        agent->piece_bytes = before;
        return false;
    }
    return true;
}

static const uint8_t *
answer_bulk(struct agent *agent, struct sim_device *device, double now_s, size_t *out_length)
{
    const struct sim_template *template = device->template;
    const struct request *request = &agent->request;
    uint32_t items[COLUMNS_MAX];
    uint32_t once =
        request->a < 0 ? 0 : (uint32_t)(request->a > request->count ? request->count : request->a);
    int64_t rows = request->b < 0 ? 0 : request->b;
    bool more = true;

    if (request->version == 0 || !find_next(agent, template, items))
        return NULL;
    for (uint32_t i = 0; i < once && more; i++)
        more = add_column(agent, device, items[i], &request->names[i], now_s);
    for (int64_t row = 0; row < rows && more && once < request->count; row++) {
        bool is_over = true;

        for (uint32_t i = once; i < request->count && more; i++) {
            more = add_column(agent, device, items[i], row == 0 ? &request->names[i] : NULL, now_s);
            is_over = is_over && items[i] >= template->item_count;
            if (items[i] < template->item_count)
                items[i] = skip_invisible(agent, template, items[i] + 1);
        }
        more = more && !is_over;
    }
    if (agent->piece_count == 0 && request->count != 0 && (once != 0 || rows != 0))
        return say_status(agent, device, STATUS_TOO_BIG, 0, out_length);
    return say_pieces(agent, device, out_length);
}

const uint8_t *
agent_answer(struct agent *agent, struct sim_device *device, const uint8_t *bytes, size_t length,
             double now_s, size_t *out_length)
{
    struct request *request = &agent->request;
    const struct behaviour *behaviour = &device->behaviour;

    device->counters.requests++;
    if (!parse(request, bytes, length) || (request->version != 0 && request->version != 1) ||
        request->community.length != strlen(device->community) ||
        memcmp(request->community.data, device->community, request->community.length) != 0) {
        device->counters.faults++;
        return NULL;
    }
    agent->piece_count = 0;
    agent->piece_bytes = 0;
    agent->scratch_used = 0;
    if (behaviour->kind == BEHAVE_EXCEPTION)
        return say_status(agent, device, behaviour->arg, 1, out_length);
    if (behaviour->kind == BEHAVE_TOOBIG && request->count > behaviour->arg)
        return say_status(agent, device, STATUS_TOO_BIG, 0, out_length);
    switch (request->command) {
    case BER_GET:
        return answer_get(agent, device, now_s, out_length);
    case BER_GET_NEXT:
        return answer_next(agent, device, now_s, out_length);
    case BER_GET_BULK:
        return answer_bulk(agent, device, now_s, out_length);
    case BER_SET:
        device->counters.writes++;
        return say_status(agent, device,
                          request->version == 0 ? STATUS_READ_ONLY : STATUS_NOT_WRITABLE, 1,
                          out_length);
    default:
        device->counters.faults++;
        return NULL;
    }
}

/* lies */

static bool
open_pdu(uint8_t *answer, size_t length, struct ber_reader *out_reader)
{
    struct ber_reader reader = {answer, answer + length};
    struct ber_item item;

    if (!ber_take_tag(&reader, BER_SEQUENCE, &item))
        return false;
    reader = ber_inside(&item);
    if (!ber_take(&reader, &item) || !ber_take(&reader, &item) || !ber_take(&reader, &item))
        return false;
    *out_reader = ber_inside(&item);
    return true;
}

void
agent_lie_id(uint8_t *answer, size_t length)
{
    struct ber_reader reader;
    struct ber_item id;

    if (open_pdu(answer, length, &reader) && ber_take(&reader, &id) && id.length > 0)
        answer[(id.data - answer) + (ptrdiff_t)id.length - 1] ^= 0x55;
}

void
agent_lie_oids(uint8_t *answer, size_t length)
{
    struct ber_reader reader;
    struct ber_item item;

    if (!open_pdu(answer, length, &reader))
        return;
    for (int i = 0; i < 4; i++)
        if (!ber_take(&reader, &item))
            return;
    reader = ber_inside(&item);
    while (ber_take(&reader, &item)) {
        struct ber_reader inside = ber_inside(&item);
        struct ber_item name;

        /* The last byte of a name never announces another: any low bit may change. */
        if (ber_take_tag(&inside, BER_OID, &name) && name.length > 0)
            answer[(name.data - answer) + (ptrdiff_t)name.length - 1] ^= 0x01;
    }
}
