/*
 * ber.h - the few BER shapes that SNMP uses (X.690, RFC 3416), read and written.
 *
 * The agent has its own codec because a simulator must be able to lie on the wire, which a proper
 * library refuses to do. Reading checks every length; writing goes from the end of a buffer to its
 * start, so that a container is wrapped around what is already there.
 */
#ifndef WATCHROOM_SIM_BER_H
#define WATCHROOM_SIM_BER_H

#include "gateway/base/base.h"

enum ber_tag {
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_NULL = 0x05,
    BER_OID = 0x06,
    BER_SEQUENCE = 0x30,
    BER_IP_ADDRESS = 0x40,
    BER_COUNTER = 0x41,
    BER_GAUGE = 0x42,
    BER_TIMETICKS = 0x43,
    BER_OPAQUE = 0x44,
    BER_COUNTER64 = 0x46,
    BER_NO_SUCH_OBJECT = 0x80,
    BER_NO_SUCH_INSTANCE = 0x81,
    BER_END_OF_MIB = 0x82,
    BER_GET = 0xa0,
    BER_GET_NEXT = 0xa1,
    BER_RESPONSE = 0xa2,
    BER_SET = 0xa3,
    BER_GET_BULK = 0xa5,
};

#define BER_SUBS_MAX 128      /* sub-identifiers of an OID, RFC 3416 */
#define BER_OID_BYTES_MAX 640 /* 128 sub-identifiers of at most five bytes */

struct ber_reader {
    const uint8_t *at, *end;
};

struct ber_item {
    uint8_t tag;
    const uint8_t *data; /* borrowed from the reader's bytes */
    size_t length;
};

/* Takes the next element; false at the end and on broken bytes. */
bool ber_take(struct ber_reader *reader, struct ber_item *out_item);
/* The same, and the tag must be this one. */
bool ber_take_tag(struct ber_reader *reader, uint8_t tag, struct ber_item *out_item);
/* What is inside a container. */
struct ber_reader ber_inside(const struct ber_item *item);
/* Two's complement of one to eight bytes. */
bool ber_int(const struct ber_item *item, int64_t *out_value);
/* Unsigned kinds: up to nine bytes with a leading zero. */
bool ber_unsigned(const struct ber_item *item, uint64_t *out_value);
bool ber_oid(const struct ber_item *item, uint32_t subs[BER_SUBS_MAX], size_t *out_count);

struct ber_writer {
    uint8_t *start, *at, *end; /* what was written lies in [at, end) */
    bool full;                 /* something did not fit; stays */
};

void ber_writer_init(struct ber_writer *writer, uint8_t *buffer, size_t size);
void ber_put_raw(struct ber_writer *writer, const void *bytes, size_t length);
/* A head of this tag in front of everything in [at, content_end). */
void ber_wrap(struct ber_writer *writer, uint8_t tag, const uint8_t *content_end);
void ber_put(struct ber_writer *writer, uint8_t tag, const void *bytes, size_t length);
void ber_put_int(struct ber_writer *writer, uint8_t tag, int64_t value);
void ber_put_unsigned(struct ber_writer *writer, uint8_t tag, uint64_t value);
/* The contents of an OID without its head; needs at least two sub-identifiers. */
void ber_put_subs(struct ber_writer *writer, const uint32_t *subs, size_t count);
void ber_put_oid(struct ber_writer *writer, const uint32_t *subs, size_t count);

/* "1.3.6.1" or ".1.3.6.1"; false when it is no OID. */
bool ber_parse_oid(const char *text, uint32_t subs[BER_SUBS_MAX], size_t *out_count);
int ber_compare_oids(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count);

#endif
