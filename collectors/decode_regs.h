/*
 * decode_regs.h - words and bits of a Modbus answer as numbers and text. Pure.
 */
#ifndef WATCHROOM_COLLECTORS_DECODE_REGS_H
#define WATCHROOM_COLLECTORS_DECODE_REGS_H

#include "collectors/scale.h"

/* Words a type takes; 0 for REG_STRING, whose length is the source's. */
uint16_t decode_regs_words(enum reg_type type);

/*
 * One value. `data` are the `data_bytes` of values as they came (words big-endian, or packed bits),
 * `offset` counts words, or bits for functions 1 and 2. CAUSE_PROTOCOL: the answer is shorter than
 * the source needs; CAUSE_NOT_A_NUMBER: NaN, infinity, or a bad BCD digit. Not for REG_STRING.
 */
enum cause decode_regs_value(const struct modbus_source *source, const uint8_t *data,
                             size_t data_bytes, size_t offset, struct raw_value *out_value);

/*
 * Text without padding (blanks, NUL, 0xff), clean UTF-8, cut to `size`. A word whose first byte is
 * NUL holds one character, as some UPSs write it. CAUSE_ABSENT: nothing but padding.
 */
enum cause decode_regs_text(const struct modbus_source *source, const uint8_t *data,
                            size_t data_bytes, size_t offset, char *out_text, size_t size);

#endif
