/*
 * decode_regs.c - words and bits of a Modbus answer as numbers and text.
 *
 * A value's bytes are first put in order into 64 bits, whatever its size, then its codec says what
 * the bits mean. Integers stay integers: a 64-bit energy counter does not fit a double.
 */
#include "collectors/decode_regs.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "collectors/frame_modbus.h"
#include "gateway/base/text.h"

static enum cause
as_unsigned(uint64_t bits, struct raw_value *out)
{
    *out = (struct raw_value){.form = RAW_UNSIGNED, .u = bits};
    return CAUSE_OK;
}

static enum cause
as_signed(int64_t value, struct raw_value *out)
{
    *out = (struct raw_value){.form = RAW_SIGNED, .s = value};
    return CAUSE_OK;
}

static enum cause
s16(uint64_t bits, struct raw_value *out)
{
    return as_signed((int16_t)(uint16_t)bits, out);
}

static enum cause
s32(uint64_t bits, struct raw_value *out)
{
    return as_signed((int32_t)(uint32_t)bits, out);
}

static enum cause
s64(uint64_t bits, struct raw_value *out)
{
    return as_signed((int64_t)bits, out);
}

static enum cause
as_real(double value, struct raw_value *out)
{
    if (!isfinite(value))
        return CAUSE_NOT_A_NUMBER;
    *out = (struct raw_value){.form = RAW_REAL, .real = value};
    return CAUSE_OK;
}

static enum cause
f32(uint64_t bits, struct raw_value *out)
{
    uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof value);
    return as_real((double)value, out);
}

static enum cause
f64(uint64_t bits, struct raw_value *out)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return as_real(value, out);
}

static enum cause
bcd(uint64_t bits, struct raw_value *out)
{
    uint64_t value = 0, place = 1;

    for (; bits != 0; bits >>= 4, place *= 10) {
        uint64_t digit = bits & 0xf;

        if (digit > 9)
            return CAUSE_NOT_A_NUMBER;
        value += digit * place;
    }
    return as_unsigned(value, out);
}

static const struct codec {
    uint16_t words;
    enum cause (*decode)(uint64_t bits, struct raw_value *out);
} CODECS[] = {
    /* clang-format off */
    [REG_U16]    = {1, as_unsigned}, /* counters, states */
    [REG_S16]    = {1, s16},         /* below zero is possible */
    [REG_U32]    = {2, as_unsigned},
    [REG_S32]    = {2, s32},
    [REG_U64]    = {4, as_unsigned},
    [REG_S64]    = {4, s64},
    [REG_F32]    = {2, f32},         /* IEEE 754 */
    [REG_F64]    = {4, f64},
    [REG_BCD16]  = {1, bcd},
    [REG_BCD32]  = {2, bcd},
    [REG_BIT]    = {1, as_unsigned}, /* of a word, shifted out before */
    [REG_STRING] = {0, NULL},
    /* clang-format on */
};
static_assert(ARRAY_LEN(CODECS) == REG_TYPE_COUNT, "a register type has no codec");

static bool
has_low_word_first(uint8_t order)
{
    return order == ORDER_CDAB || order == ORDER_DCBA;
}

static bool
has_bytes_swapped(uint8_t order)
{
    return order == ORDER_BADC || order == ORDER_DCBA;
}

static uint16_t
word_at(const uint8_t *data, bool swapped)
{
    return (uint16_t)(swapped ? data[1] << 8 | data[0] : data[0] << 8 | data[1]);
}

static uint64_t
ordered_bits(const uint8_t *data, size_t words, uint8_t order)
{
    bool swapped = has_bytes_swapped(order), reversed = has_low_word_first(order);
    uint64_t bits = 0;

    for (size_t i = 0; i < words; i++)
        bits = bits << 16 | word_at(data + 2 * (reversed ? words - 1 - i : i), swapped);
    return bits;
}

uint16_t
decode_regs_words(enum reg_type type)
{
    assert((unsigned)type < REG_TYPE_COUNT);
    return CODECS[type].words;
}

enum cause
decode_regs_value(const struct modbus_source *source, const uint8_t *data, size_t data_bytes,
                  size_t offset, struct raw_value *out_value)
{
    assert(source->type < REG_TYPE_COUNT && source->order < REG_ORDER_COUNT);

    if (source->function == FRAME_MODBUS_READ_COILS ||
        source->function == FRAME_MODBUS_READ_INPUTS) {
        if (offset / 8 >= data_bytes)
            return CAUSE_PROTOCOL;
        return as_unsigned((unsigned)data[offset / 8] >> offset % 8 & 1u, out_value);
    }

    const struct codec *codec = &CODECS[source->type];

    assert(codec->decode != NULL);
    if (2 * (offset + codec->words) > data_bytes)
        return CAUSE_PROTOCOL; /* shorter than the plan asked for */

    uint64_t bits = ordered_bits(data + 2 * offset, codec->words, source->order);

    if (source->type == REG_BIT)
        bits = bits >> (source->bit & 15) & 1;
    return codec->decode(bits, out_value);
}

static bool
is_padding(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || (unsigned char)c == 0xff;
}

enum cause
decode_regs_text(const struct modbus_source *source, const uint8_t *data, size_t data_bytes,
                 size_t offset, char *out_text, size_t size)
{
    char raw[2 * FRAME_MODBUS_WORDS_MAX];
    size_t length = 0, start = 0;
    bool swapped = has_bytes_swapped(source->order);

    if (2 * (offset + source->words) > data_bytes || source->words > FRAME_MODBUS_WORDS_MAX)
        return CAUSE_PROTOCOL;
    for (size_t i = 0; i < source->words; i++) {
        uint16_t word = word_at(data + 2 * (offset + i), swapped);

        if (word == 0)
            break;
        if (word >> 8 != 0)
            raw[length++] = (char)(word >> 8);
        if ((word & 0xff) == 0)
            break;
        raw[length++] = (char)(word & 0xff);
    }
    while (length > 0 && is_padding(raw[length - 1]))
        length--;
    while (start < length && is_padding(raw[start]))
        start++;
    if (start == length)
        return CAUSE_ABSENT;
    text_clean(out_text, size, raw + start, length - start);
    return CAUSE_OK;
}
