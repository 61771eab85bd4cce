/*
 * snmp_agent.h - for test_poll_snmp.c: just enough BER to read a request and to write any answer, a
 * wrong one too.
 */
#ifndef WATCHROOM_TESTS_SNMP_AGENT_H
#define WATCHROOM_TESTS_SNMP_AGENT_H

#include <assert.h>
#include <string.h>

#include "gateway/base/base.h"

#define AGENT_BYTES 4096
#define AGENT_OBJECTS 160
#define AGENT_PDU_GET 0xa0
#define AGENT_PDU_RESPONSE 0xa2
#define AGENT_PDU_REPORT 0xa8

/* An encoded name or value: its content bytes. */
struct agent_bytes {
    uint8_t bytes[64];
    size_t length;
};

struct agent_request {
    long version, id;
    uint8_t command;
    char community[64];
    size_t object_count;
    struct agent_bytes names[AGENT_OBJECTS];
};

/* Written from the end to the front, so that each length is known when it is written. */
struct agent_writer {
    uint8_t bytes[AGENT_BYTES];
    size_t at;
};

static inline void
agent_put(struct agent_writer *writer, const void *bytes, size_t length)
{
    assert(length <= writer->at);
    writer->at -= length;
    memcpy(writer->bytes + writer->at, bytes, length);
}

/* A head for all that was written since `end`. */
static inline void
agent_head(struct agent_writer *writer, uint8_t tag, size_t end)
{
    size_t length = end - writer->at;
    const uint8_t head[] = {tag, 0x82, (uint8_t)(length >> 8), (uint8_t)length};

    agent_put(writer, head, sizeof head);
}

static inline void
agent_value(struct agent_writer *writer, uint8_t tag, const void *bytes, size_t length)
{
    size_t end = writer->at;

    agent_put(writer, bytes, length);
    agent_head(writer, tag, end);
}

static inline void
agent_int(struct agent_writer *writer, long value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};

    agent_value(writer, 0x02, bytes, sizeof bytes);
}

/* Content of an OID whose sub-identifiers are below 2^14. */
static inline struct agent_bytes
agent_oid(const uint32_t *oid, size_t length)
{
    struct agent_bytes out = {.bytes = {(uint8_t)(oid[0] * 40 + oid[1])}, .length = 1};

    for (size_t i = 2; i < length; i++) {
        if (oid[i] >= 128)
            out.bytes[out.length++] = (uint8_t)(0x80 | oid[i] >> 7);
        out.bytes[out.length++] = oid[i] & 0x7f;
    }
    return out;
}

/* Steps over a head; returns the content and its length. NULL: another tag, or cut off. */
static inline const uint8_t *
agent_open(const uint8_t **at, const uint8_t *end, uint8_t tag, size_t *out_length)
{
    const uint8_t *in = *at;
    size_t length;

    if (end - in < 2 || in[0] != tag)
        return NULL;
    length = in[1];
    in += 2;
    if (length & 0x80) {
        size_t octets = length & 0x7f;

        for (length = 0; octets > 0 && in < end; octets--)
            length = length << 8 | *in++;
    }
    if (length > (size_t)(end - in))
        return NULL;
    *out_length = length;
    *at = in + length;
    return in;
}

static inline long
agent_read_int(const uint8_t **at, const uint8_t *end)
{
    size_t length = 0;
    const uint8_t *in = agent_open(at, end, 0x02, &length);
    long value = 0;

    assert(in != NULL);
    for (size_t i = 0; i < length; i++)
        value = value << 8 | in[i];
    return value;
}

static inline void
agent_read(const uint8_t *bytes, size_t length, struct agent_request *out)
{
    const uint8_t *at = bytes, *end = bytes + length, *in;

    memset(out, 0, sizeof *out);
    in = agent_open(&at, end, 0x30, &length);
    assert(in != NULL && at == end);
    at = in;
    out->version = agent_read_int(&at, end);
    in = agent_open(&at, end, 0x04, &length);
    assert(in != NULL && length < sizeof out->community);
    memcpy(out->community, in, length);
    out->command = *at;
    in = agent_open(&at, end, out->command, &length);
    assert(in != NULL);
    at = in;
    out->id = agent_read_int(&at, end);
    (void)agent_read_int(&at, end);
    (void)agent_read_int(&at, end);
    in = agent_open(&at, end, 0x30, &length);
    assert(in != NULL);
    for (at = in; at < end; out->object_count++) {
        size_t bind_length = 0, name_length = 0;
        const uint8_t *bind = agent_open(&at, end, 0x30, &bind_length);
        const uint8_t *name = bind == NULL ? NULL : agent_open(&bind, at, 0x06, &name_length);

        assert(name != NULL && out->object_count < AGENT_OBJECTS);
        assert(name_length <= sizeof out->names[0].bytes);
        memcpy(out->names[out->object_count].bytes, name, name_length);
        out->names[out->object_count].length = name_length;
    }
}

#endif
