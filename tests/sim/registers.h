/*
 * registers.h - the items of a Modbus device: coils, inputs and registers, and the typed fields
 * laid over them.
 */
#ifndef WATCHROOM_SIM_REGISTERS_H
#define WATCHROOM_SIM_REGISTERS_H

#include "tests/sim/model.h"

/* FIELD_TYPE_COUNT, FIELD_ORDER_COUNT when there is none of that name. */
enum field_type registers_type(const char *name);
enum field_order registers_order(const char *name);
/* Words of a type (bits: 1); 0 for strings, whose length is their own. */
uint16_t registers_words(enum field_type type);

/* Makes a table's addresses answer with `value`; table is the function code 1 to 4. */
enum err_code registers_define(struct sim_template *template, unsigned table, uint32_t first,
                               uint32_t last, uint16_t value, struct err *err) MUST_CHECK;
/* Makes them answer with exception 2 again. */
void registers_undefine(struct sim_template *template, unsigned table, uint32_t first,
                        uint32_t last);
/* Writes a field's first value into the template. item->field must be filled in. */
enum err_code registers_define_field(struct sim_template *template, const struct sim_item *item,
                                     const char *text, struct err *err) MUST_CHECK;

/* Reads `count` words (bits: one word each). False when one of them is not defined. */
bool registers_read(const struct sim_device *device, unsigned table, uint32_t first, uint32_t count,
                    double now_s, uint16_t *out_words);

uint32_t registers_find_text(const struct sim_template *template, const char *name);
enum err_code registers_set(struct sim_device *device, uint32_t item, const char *text,
                            struct err *err) MUST_CHECK;
enum err_code registers_set_number(struct sim_device *device, uint32_t item,
                                   double value) MUST_CHECK;
void registers_get(const struct sim_device *device, uint32_t item, double now_s, char *out,
                   size_t size);

#endif
