/*
 * decode_snmp.h - an SNMP value as a number or as text. Pure: knows ASN.1 tags, no session.
 *
 * Agents mix up INTEGER, Counter32, Gauge32, TimeTicks and Counter64, send numbers as text, with
 * or without a unit, and NULL with noError where they have nothing; all of that is read as what it
 * means, and never as 0.
 */
#ifndef WATCHROOM_COLLECTORS_DECODE_SNMP_H
#define WATCHROOM_COLLECTORS_DECODE_SNMP_H

#include "collectors/scale.h"

/* Tags of RFC 3416 section 3; the opaque numbers as net-snmp unwraps them. */
enum snmp_tag {
    TAG_INTEGER = 0x02,
    TAG_OCTETS = 0x04,
    TAG_NULL = 0x05,
    TAG_OID = 0x06,
    TAG_IP_ADDRESS = 0x40,
    TAG_COUNTER32 = 0x41,
    TAG_GAUGE32 = 0x42,
    TAG_TIMETICKS = 0x43,
    TAG_OPAQUE = 0x44,
    TAG_COUNTER64 = 0x46,
    TAG_UINTEGER = 0x47,
    TAG_OPAQUE_COUNTER64 = 0x76,
    TAG_OPAQUE_FLOAT = 0x78,
    TAG_OPAQUE_DOUBLE = 0x79,
    TAG_OPAQUE_I64 = 0x7a,
    TAG_OPAQUE_U64 = 0x7b,
    TAG_NO_SUCH_OBJECT = 0x80,
    TAG_NO_SUCH_INSTANCE = 0x81,
    TAG_END_OF_MIB_VIEW = 0x82,
};

struct snmp_value {
    uint8_t tag;
    union {
        int64_t number;           /* TAG_INTEGER, TAG_OPAQUE_I64 */
        uint64_t unsigned_number; /* counters, gauges, ticks, TAG_OPAQUE_U64 */
        double real;              /* opaque float and double */
    };
    const uint8_t *bytes; /* TAG_OCTETS, TAG_IP_ADDRESS, TAG_OPAQUE */
    size_t length;        /* of bytes; TAG_OID: sub-identifiers */
    const unsigned long *oid;
};

/* A number for `source`: decoded and scaled. A state may come as one of its labels, which is its
 * value as it is. */
enum cause decode_snmp_number(const struct point_source *source, const struct snmp_value *value,
                              double *out_value);

/* Text: octets as clean UTF-8 without padding, or as hex when they are no text (a MAC address);
 * numbers as digits, OIDs with dots. CAUSE_ABSENT: nothing in it. */
enum cause decode_snmp_text(const struct point_source *source, const struct snmp_value *value,
                            char *out_text, size_t size);

/*
 * The number at the start of a text, after blanks, quotes and a sign: "243.4 VAC", " -5.0C". False
 * where it is not clear which number is meant: versions, addresses, dates, times, lists, "0x1f",
 * "230 V 50 Hz".
 */
bool decode_snmp_leading_number(const char *text, double *out_number);

#endif
