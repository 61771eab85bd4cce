/*
 * ber.c - the few BER shapes that SNMP uses, read and written.
 */
#include "tests/sim/ber.h"

#include <stdlib.h>
#include <string.h>

bool
ber_take(struct ber_reader *reader, struct ber_item *out_item)
{
    const uint8_t *at = reader->at;
    size_t left = (size_t)(reader->end - at);

    if (left < 2 || (at[0] & 0x1f) == 0x1f) /* no tags of several bytes in SNMP */
        return false;
    uint8_t tag = at[0];
    size_t length = at[1];
    size_t head = 2;
    if (length & 0x80) {
        size_t count = length & 0x7f;

        if (count == 0 || count > 4 || left < 2 + count)
            return false;
        length = 0;
        for (size_t i = 0; i < count; i++)
            length = length << 8 | at[2 + i];
        head += count;
    }
    if (length > left - head)
        return false;
    *out_item = (struct ber_item){tag, at + head, length};
    reader->at = at + head + length;
    return true;
}

bool
ber_take_tag(struct ber_reader *reader, uint8_t tag, struct ber_item *out_item)
{
    struct ber_reader trial = *reader;
    struct ber_item item;

    if (!ber_take(&trial, &item) || item.tag != tag)
        return false;
    *reader = trial;
    *out_item = item;
    return true;
}

struct ber_reader
ber_inside(const struct ber_item *item)
{
    return (struct ber_reader){item->data, item->data + item->length};
}

bool
ber_int(const struct ber_item *item, int64_t *out_value)
{
    if (item->length == 0 || item->length > 8)
        return false;
    uint64_t value = item->data[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < item->length; i++)
        value = value << 8 | item->data[i];
    *out_value = (int64_t)value;
    return true;
}

bool
ber_unsigned(const struct ber_item *item, uint64_t *out_value)
{
    if (item->length == 0 || item->length > 9 || (item->length == 9 && item->data[0] != 0))
        return false;
    uint64_t value = 0;

    for (size_t i = 0; i < item->length; i++)
        value = value << 8 | item->data[i];
    *out_value = value;
    return true;
}

bool
ber_oid(const struct ber_item *item, uint32_t subs[BER_SUBS_MAX], size_t *out_count)
{
    size_t count = 0;

    for (size_t i = 0; i < item->length;) {
        uint64_t sub = 0;

        for (;; i++) {
            if (i >= item->length || sub > UINT32_MAX >> 7)
                return false; /* the last byte announces another, or the number is too large */
            sub = sub << 7 | (item->data[i] & 0x7f);
            if (!(item->data[i] & 0x80))
                break;
        }
        i++;
        if (count == 0) { /* the first holds two: 40 * a + b */
            uint32_t a = sub < 40 ? 0 : sub < 80 ? 1 : 2;

            subs[count++] = a;
            sub -= (uint64_t)a * 40;
        }
        if (count == BER_SUBS_MAX)
            return false;
        subs[count++] = (uint32_t)sub;
    }
    *out_count = count;
    return count != 0;
}

void
ber_writer_init(struct ber_writer *writer, uint8_t *buffer, size_t size)
{
    *writer = (struct ber_writer){buffer, buffer + size, buffer + size, false};
}

void
ber_put_raw(struct ber_writer *writer, const void *bytes, size_t length)
{
    if ((size_t)(writer->at - writer->start) < length) {
        writer->full = true;
        return;
    }
    writer->at -= length;
    if (length != 0)
        memcpy(writer->at, bytes, length);
}

void
ber_wrap(struct ber_writer *writer, uint8_t tag, const uint8_t *content_end)
{
    size_t length = (size_t)(content_end - writer->at);
    uint8_t head[6];
    size_t used = sizeof head;

    if (length < 0x80) {
        head[--used] = (uint8_t)length;
    } else {
        uint8_t count = 0;

        for (size_t rest = length; rest != 0; rest >>= 8, count++)
            head[--used] = (uint8_t)rest;
        head[--used] = 0x80 | count;
    }
    head[--used] = tag;
    ber_put_raw(writer, head + used, sizeof head - used);
}

void
ber_put(struct ber_writer *writer, uint8_t tag, const void *bytes, size_t length)
{
    const uint8_t *end = writer->at;

    ber_put_raw(writer, bytes, length);
    ber_wrap(writer, tag, end);
}

void
ber_put_int(struct ber_writer *writer, uint8_t tag, int64_t value)
{
    uint8_t bytes[8];
    size_t first = 8;

    do {
        bytes[--first] = (uint8_t)value;
        value >>= 8; /* arithmetic: the sign stays */
    } while (first > 0 && !(value == 0 && !(bytes[first] & 0x80)) &&
             !(value == -1 && (bytes[first] & 0x80)));
    ber_put(writer, tag, bytes + first, sizeof bytes - first);
}

void
ber_put_unsigned(struct ber_writer *writer, uint8_t tag, uint64_t value)
{
    uint8_t bytes[9];
    size_t first = sizeof bytes;

    do {
        bytes[--first] = (uint8_t)value;
        value >>= 8;
    } while (value != 0);
    if (bytes[first] & 0x80)
        bytes[--first] = 0;
    ber_put(writer, tag, bytes + first, sizeof bytes - first);
}

void
ber_put_subs(struct ber_writer *writer, const uint32_t *subs, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        uint64_t sub = i == 1 ? (uint64_t)subs[0] * 40 + subs[1] : subs[i];
        uint8_t bytes[5];
        size_t first = sizeof bytes;

        bytes[--first] = sub & 0x7f;
        while ((sub >>= 7) != 0)
            bytes[--first] = (uint8_t)(0x80 | (sub & 0x7f));
        ber_put_raw(writer, bytes + first, sizeof bytes - first);
    }
}

void
ber_put_oid(struct ber_writer *writer, const uint32_t *subs, size_t count)
{
    const uint8_t *end = writer->at;

    ber_put_subs(writer, subs, count);
    ber_wrap(writer, BER_OID, end);
}

bool
ber_parse_oid(const char *text, uint32_t subs[BER_SUBS_MAX], size_t *out_count)
{
    size_t count = 0;

    if (*text == '.')
        text++;
    for (;;) {
        char *end;

        if (*text < '0' || *text > '9' || count == BER_SUBS_MAX)
            return false;
        unsigned long long sub = strtoull(text, &end, 10);
        if (sub > UINT32_MAX || end - text > 10)
            return false;
        subs[count++] = (uint32_t)sub;
        if (*end == '\0')
            break;
        if (*end != '.')
            return false;
        text = end + 1;
    }
    if (count < 2 || subs[0] > 2 || (subs[0] < 2 && subs[1] >= 40) || subs[1] > UINT32_MAX - 80)
        return false;
    *out_count = count;
    return true;
}

int
ber_compare_oids(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
    size_t common = a_count < b_count ? a_count : b_count;

    for (size_t i = 0; i < common; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_count == b_count ? 0 : a_count < b_count ? -1 : 1;
}
