/*
 * objects.h - the items of an SNMP agent: encoded once, found by their encoded names, changed per
 * device.
 */
#ifndef WATCHROOM_SIM_OBJECTS_H
#define WATCHROOM_SIM_OBJECTS_H

#include "tests/sim/ber.h"
#include "tests/sim/model.h"

#define OBJECT_TEXT_MAX 32768 /* bytes of a string value */
#define OBJECT_VARBIND_MAX (OBJECT_TEXT_MAX + BER_OID_BYTES_MAX + 16)

/* "integer", "gauge" ... to a tag; 0 when there is no such type. "hex" is an octet string. */
uint8_t objects_tag(const char *type);

/* Sets tag, name and value of a fresh item. Text "hex:0a0b" is bytes where octets are wanted. */
enum err_code objects_define(struct model *model, struct sim_template *template,
                             struct sim_item *item, const char *oid, uint8_t tag, const char *text,
                             struct err *err) MUST_CHECK;
enum err_code objects_index(struct sim_template *template, struct err *err) MUST_CHECK;

/* By the encoded name (contents only); UINT32_MAX when there is none. */
uint32_t objects_find(const struct sim_template *template, const uint8_t *bytes, size_t length);
uint32_t objects_find_text(const struct sim_template *template, const char *oid);
/* The first item behind this name; item_count when there is none. */
uint32_t objects_next(const struct sim_template *template, const uint32_t *subs, size_t count);

/* The varbind as it goes on the wire: borrowed, or written into `scratch` (64 bytes more than the
 * name) when it moves. */
const uint8_t *objects_varbind(const struct sim_device *device, uint32_t item, double now_s,
                               uint8_t *scratch, size_t scratch_size, size_t *out_length);

enum err_code objects_set(struct sim_device *device, uint32_t item, const char *text,
                          struct err *err) MUST_CHECK;
enum err_code objects_set_number(struct sim_device *device, uint32_t item, double value) MUST_CHECK;
void objects_get(const struct sim_device *device, uint32_t item, double now_s, char *out,
                 size_t size);

#endif
