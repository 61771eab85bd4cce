/*
 * collect.h - what a collector is told about the devices it reads: the structs that config fills.
 *
 * All of it is built before the fork, shared by all devices of a profile where it can be, and
 * read-only afterwards. Pointers are borrowed from the site for the life of the process.
 */
#ifndef WATCHROOM_COLLECTORS_COLLECT_H
#define WATCHROOM_COLLECTORS_COLLECT_H

#include <netinet/in.h>

#include "gateway/base/point.h"
#include "gateway/base/sample.h"
#include "gateway/base/worker.h"

enum protocol { PROTOCOL_NONE, PROTOCOL_SNMP, PROTOCOL_MODBUS_TCP, PROTOCOL_COUNT };

enum snmp_version { SNMP_V1, SNMP_V2C };

/* Where an SNMP value comes from. Types 2, 65, 66, 67, 70 (RFC 3416) and numbers in text are read
 * alike: agents mix them up. */
struct snmp_source {
    const uint32_t *oid;
    uint8_t oid_length; /* sub-identifiers, at most 128 */
};

enum reg_type {
    REG_U16,
    REG_S16,
    REG_U32,
    REG_S32,
    REG_U64,
    REG_S64,
    REG_F32,
    REG_F64,
    REG_BCD16, /* four decimal digits */
    REG_BCD32,
    REG_BIT,    /* FC 1, 2: the coil or input itself; FC 3, 4: `bit` of the word */
    REG_STRING, /* `words` words, first character in the high byte unless bytes are swapped */
    REG_TYPE_COUNT
};

/* Order on the wire of a value of several words, most significant byte = a. */
enum reg_order {
    ORDER_ABCD, /* big-endian words and bytes: what most devices do */
    ORDER_CDAB, /* low word first */
    ORDER_BADC, /* high word first, bytes swapped in each word */
    ORDER_DCBA, /* little-endian throughout */
    REG_ORDER_COUNT
};

struct modbus_source {
    uint8_t function; /* 1, 2, 3 or 4; nothing else is accepted */
    uint8_t type;     /* enum reg_type */
    uint8_t order;    /* enum reg_order */
    uint8_t bit;      /* REG_BIT in a word: 0 is the least significant */
    uint16_t address; /* as on the wire, from 0 */
    uint16_t words;   /* words it takes (bits for FC 1, 2: 1) */
};

/*
 * One point's source and its way from raw to value:
 *   raw -> bits ((raw >> shift) & mask, when mask is not 0) -> absent_raw? -> scale, offset ->
 *   absent_value? -> plausible range.
 * An absent_raw beyond the mask is compared with the whole number (collectors/scale.h).
 */
struct point_source {
    const struct point_def *def;
    union {
        struct snmp_source snmp;
        struct modbus_source modbus;
    };
    double scale, offset;            /* value = raw * scale + offset */
    double valid_min, valid_max;     /* none unless min < max */
    const double *absent_raw;        /* sentinels before scaling */
    const double *absent_value;      /* sentinels after scaling */
    const char *const *absent_texts; /* "NA", "-" ...: text of the device that is no value */
    uint64_t mask;
    uint8_t shift;
    uint8_t absent_raw_count, absent_value_count, absent_text_count;
};

struct address_range {
    uint16_t first, last;
};

struct snmp_limits {
    uint16_t max_varbinds; /* per request, to begin with; learned downwards; default 24 */
    uint16_t max_bytes;    /* estimated response; default 1400 */
};

struct modbus_limits {
    uint16_t max_words; /* per request; default 120; bits: 16 times as many, at most 2000 */
    uint16_t max_gap;   /* unused words read rather than asking twice; default 8 */
    uint16_t delay_ms;  /* between an answer and the next request; default 0 */
    uint16_t connect_delay_ms;
    bool close_after_poll;
    const uint16_t *never_across; /* a request may not hold both n - 1 and n */
    const struct address_range *alone; /* read exactly so */
    uint8_t never_across_count, alone_count;
};

/* One per profile, or one per device with inline points. */
struct source_set {
    const char *id;
    const struct point_source *sources; /* in the order of device_info.points */
    uint32_t source_count;
    struct snmp_limits snmp;
    struct modbus_limits modbus;
};

struct collect_device {
    uint32_t device; /* number in the directory: id, groups, point numbers */
    uint8_t protocol; /* enum protocol */
    uint8_t unit;     /* Modbus unit id */
    uint8_t snmp_version;
    uint16_t timeout_ms; /* per request; default 1000 SNMP, 2000 Modbus */
    uint16_t down_after; /* missed polls in a row; default 3 */
    uint16_t up_after;   /* good polls in a row; default 2 */
    uint32_t backoff_max_ms; /* probes of a down device; default 30000 */
    /* Devices with the same link share one connection and never have two requests under way:
     * units behind one Modbus gateway. Unique per (protocol, address, port). */
    uint32_t link;
    struct sockaddr_in6 address; /* an IPv4 address is held as sockaddr_in in the same bytes */
    const char *community_file; /* NULL: `community`; the worker reads it after the fork */
    const char *community;
    const struct source_set *set;
};

struct collector_params {
    const struct directory *directory;
    const struct collect_device *devices; /* all of the site */
    uint32_t device_count;
    uint32_t shard, shard_count; /* this process reads those with collect_shard_of() == shard */
    int alarms_fd, store_fd;
};

/* By the address of the link alone, so that adding a device never moves another. */
uint32_t collect_shard_of(const struct collect_device *device, uint32_t shard_count);

/* The process. Returns its exit status. */
int collector_main(const struct worker_env *env, const struct collector_params *params);

#endif
