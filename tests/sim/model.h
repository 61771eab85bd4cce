/*
 * model.h - what is simulated: templates, their items, and devices made from them.
 *
 * An item is one value: an SNMP object or a field of Modbus registers. Thousands of devices share
 * the items of their template; a device keeps only what was changed on it. Templates are frozen
 * once loading is over.
 */
#ifndef WATCHROOM_SIM_MODEL_H
#define WATCHROOM_SIM_MODEL_H

#include <netinet/in.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/hash.h"
#include "tests/sim/behave.h"

enum sim_protocol { SIM_SNMP, SIM_MODBUS };

enum motion_kind {
    MOTION_NONE,
    MOTION_WAVE, /* a sine between `min` and `max`; each device has its own phase */
    MOTION_RATE, /* `rate` more each second: uptime, energy */
};

struct motion {
    enum motion_kind kind;
    double min, max, period_s;
    double base, rate;
};

enum field_type {
    FIELD_U16,
    FIELD_S16,
    FIELD_U32,
    FIELD_S32,
    FIELD_U64,
    FIELD_S64,
    FIELD_F32,
    FIELD_F64,
    FIELD_BCD16,
    FIELD_BCD32,
    FIELD_BIT,
    FIELD_STRING,
    FIELD_TYPE_COUNT
};

enum field_order { FIELD_ABCD, FIELD_CDAB, FIELD_BADC, FIELD_DCBA, FIELD_ORDER_COUNT };

struct sim_item {
    const char *name; /* NULL: none */
    double scale;     /* value = what is on the wire * scale */
    struct motion motion;
    union {
        struct {
            const uint32_t *oid;
            const uint8_t *oid_bytes; /* encoded, without head; inside `varbind` */
            const uint8_t *varbind;   /* SEQUENCE of name and value, ready for the wire */
            uint32_t varbind_length;
            uint32_t order; /* as defined: the first of several with the same OID wins */
            uint16_t oid_length, oid_bytes_length;
            uint8_t tag;
        } object;
        struct {
            uint16_t address, words; /* bits of FC 1 and 2: 1 */
            uint8_t function, type, order, bit;
        } field;
    };
};

#define REGISTER_COUNT 65536
#define REGISTER_TABLES 5 /* by function code 1 to 4; [0] is not used */

struct register_table {
    uint16_t words[REGISTER_COUNT]; /* bits of FC 1 and 2: 0 or 1 */
    uint8_t defined[REGISTER_COUNT / 8];
};

struct item_name {
    const char *name;
    uint32_t item;
    UT_hash_handle hh;
};

struct sim_template {
    const char *id;
    enum sim_protocol protocol;
    struct sim_item *items; /* SNMP: sorted by OID once frozen */
    uint32_t item_count, item_capacity;
    uint32_t moving_count; /* items with a motion */
    struct item_name *names;

    const char *community;
    uint32_t max_bytes; /* largest SNMP answer */
    uint32_t *slots;    /* SNMP: hash of encoded OIDs to item + 1 */
    uint32_t slot_mask;

    struct register_table *tables[REGISTER_TABLES];
    UT_hash_handle hh;
};

/* SNMP: a varbind that differs from the template's. */
struct object_change {
    uint32_t item;
    uint32_t length;
    uint8_t *varbind;
};

/* Modbus: a word that differs from the template's. */
struct word_change {
    uint32_t key; /* function << 16 | address */
    uint16_t word;
};

struct device_counters {
    uint64_t requests, answers, faults, writes;
};

struct sim_device {
    const char *id;
    uint32_t number;
    const struct sim_template *template;
    struct in_addr address;
    uint16_t port; /* 0: chosen by the kernel, known once it serves */
    int16_t unit;  /* Modbus; -1: any */
    const char *community;
    struct behaviour behaviour;
    struct device_counters counters;
    union {
        struct object_change *objects; /* sorted by item */
        struct word_change *words;     /* sorted by key */
    };
    uint32_t change_count, change_capacity;
    uint32_t lie_seed; /* of the random bytes of its misbehaviour */
    UT_hash_handle hh;
};

struct model {
    struct arena *arena;
    struct sim_template *templates; /* hash by id */
    struct sim_device **devices;    /* in the order of the file */
    uint32_t device_count, device_capacity;
    struct sim_device *by_id;
    const char *control; /* path; NULL: none */
    const char *physics; /* NULL: none */
};

#define MODEL_DEVICES_MAX 100000
#define MODEL_ITEMS_MAX 1000000

struct model *model_new(void);
void model_free(struct model *model);

/* NULL when out of memory. `id` is copied. */
struct sim_template *model_add_template(struct model *model, const char *id,
                                        enum sim_protocol protocol);
struct sim_template *model_template(const struct model *model, const char *id);

/* A new item at the end; pointers to items are good until the next one. NULL: full or no memory. */
struct sim_item *model_add_item(struct model *model, struct sim_template *template,
                                const char *name);
/* Sorts, drops repeated OIDs (the first wins), makes the indexes. Once per template. */
enum err_code model_freeze(struct model *model, struct sim_template *template,
                           struct err *err) MUST_CHECK;

enum err_code model_add_device(struct model *model, const char *id,
                               const struct sim_template *template, struct sim_device **out_device,
                               struct err *err) MUST_CHECK;
struct sim_device *model_device(const struct model *model, const char *id);

/* By name, OID, or "<function>:<address>"; UINT32_MAX when there is none. */
uint32_t model_find_item(const struct sim_template *template, const char *name);

/* A value as text, in units (scale applied on the way to the wire). */
enum err_code model_set(struct sim_device *device, uint32_t item, const char *text,
                        struct err *err) MUST_CHECK;
/* The same with a number; what does not fit the type is clipped. */
enum err_code model_set_number(struct sim_device *device, uint32_t item, double value) MUST_CHECK;
/* The present value as text. */
void model_get(const struct sim_device *device, uint32_t item, double now_s, char *out,
               size_t size);

/* Where a moving value is at `now_s` on this device. */
double motion_value(const struct motion *motion, const struct sim_device *device, double now_s);

#endif
