/*
 * registers.c - the items of a Modbus device.
 *
 * A template holds whole tables of 65,536 words; a device holds the few words that differ, sorted.
 */
#include "tests/sim/registers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define FIELD_WORDS_MAX 64

static const struct {
    const char *name;
    uint16_t words;
    double min, max;
} TYPES[FIELD_TYPE_COUNT] = {
    /* clang-format off */
    [FIELD_U16] =    {"u16", 1, 0, UINT16_MAX},
    [FIELD_S16] =    {"s16", 1, INT16_MIN, INT16_MAX},
    [FIELD_U32] =    {"u32", 2, 0, UINT32_MAX},
    [FIELD_S32] =    {"s32", 2, INT32_MIN, INT32_MAX},
    [FIELD_U64] =    {"u64", 4, 0, 9.2e18},
    [FIELD_S64] =    {"s64", 4, -9.2e18, 9.2e18},
    [FIELD_F32] =    {"f32", 2, -3.4e38, 3.4e38},
    [FIELD_F64] =    {"f64", 4, -1.7e308, 1.7e308},
    [FIELD_BCD16] =  {"bcd16", 1, 0, 9999},
    [FIELD_BCD32] =  {"bcd32", 2, 0, 99999999},
    [FIELD_BIT] =    {"bit", 1, 0, 1},
    [FIELD_STRING] = {"string", 0, 0, 0},
    /* clang-format on */
};

static const char *const ORDERS[FIELD_ORDER_COUNT] = {"abcd", "cdab", "badc", "dcba"};

enum field_type
registers_type(const char *name)
{
    unsigned type = 0;

    while (type < FIELD_TYPE_COUNT && strcmp(TYPES[type].name, name) != 0)
        type++;
    return (enum field_type)type;
}

enum field_order
registers_order(const char *name)
{
    unsigned order = 0;

    while (order < FIELD_ORDER_COUNT && strcmp(ORDERS[order], name) != 0)
        order++;
    return (enum field_order)order;
}

uint16_t
registers_words(enum field_type type)
{
    return TYPES[type].words;
}

/* the template's tables */

static bool
is_defined(const struct register_table *table, uint32_t address)
{
    return (table->defined[address / 8] >> (address % 8) & 1) != 0;
}

enum err_code
registers_define(struct sim_template *template, unsigned table, uint32_t first, uint32_t last,
                 uint16_t value, struct err *err)
{
    struct register_table *words = template->tables[table];

    if (words == NULL) {
        words = template->tables[table] = calloc(1, sizeof *words);
        if (words == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = first; i <= last && i < REGISTER_COUNT; i++) {
        words->words[i] = value;
        words->defined[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return ERR_OK;
}

void
registers_undefine(struct sim_template *template, unsigned table, uint32_t first, uint32_t last)
{
    if (template->tables[table] == NULL)
        return;
    for (uint32_t i = first; i <= last && i < REGISTER_COUNT; i++)
        template->tables[table]->defined[i / 8] &= (uint8_t) ~(1u << (i % 8));
}

/* values to words and back */

static uint64_t
to_bcd(uint64_t value)
{
    uint64_t bcd = 0;

    for (unsigned shift = 0; value != 0; shift += 4, value /= 10)
        bcd |= value % 10 << shift;
    return bcd;
}

static uint64_t
from_bcd(uint64_t bcd)
{
    uint64_t value = 0;

    for (int shift = 60; shift >= 0; shift -= 4)
        value = value * 10 + (bcd >> shift & 15);
    return value;
}

static uint64_t
bits_of(enum field_type type, double raw)
{
    uint64_t bits = 0;
    float single;

    if (type != FIELD_F32 && type != FIELD_F64) /* floats may be anything, even no number */
        raw = isnan(raw) ? 0 : fmin(fmax(raw, TYPES[type].min), TYPES[type].max);
    switch (type) {
    case FIELD_F32:
        single = (float)raw;
        uint32_t word;
        memcpy(&word, &single, sizeof word);
        return word;
    case FIELD_F64:
        memcpy(&bits, &raw, sizeof bits);
        return bits;
    case FIELD_BCD16:
    case FIELD_BCD32:
        return to_bcd((uint64_t)llround(raw));
    case FIELD_BIT:
        return raw != 0;
    case FIELD_U64:
        return (uint64_t)llround(raw);
    default:
        return (uint64_t)(int64_t)llround(raw);
    }
}

static double
number_of(enum field_type type, uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float single;
    double number;

    switch (type) {
    case FIELD_S16:
        return (int16_t)bits;
    case FIELD_S32:
        return (int32_t)bits;
    case FIELD_S64:
        return (double)(int64_t)bits;
    case FIELD_F32:
        memcpy(&single, &word, sizeof single);
        return single;
    case FIELD_F64:
        memcpy(&number, &bits, sizeof number);
        return number;
    case FIELD_BCD16:
    case FIELD_BCD32:
        return (double)from_bcd(bits);
    default:
        return (double)bits;
    }
}

static uint16_t
swap(uint16_t word)
{
    return (uint16_t)(word << 8 | word >> 8);
}

static uint16_t
ordered(uint16_t word, enum field_order order)
{
    return order == FIELD_BADC || order == FIELD_DCBA ? swap(word) : word;
}

static bool
is_low_first(enum field_order order)
{
    return order == FIELD_CDAB || order == FIELD_DCBA;
}

static void
words_of(const struct sim_item *item, uint64_t bits, uint16_t *out_words)
{
    unsigned count = item->field.words;
    enum field_order order = (enum field_order)item->field.order;

    for (unsigned i = 0; i < count; i++) {
        unsigned place = is_low_first(order) ? i : count - 1 - i;

        out_words[place] = ordered((uint16_t)(bits >> (16 * i)), order);
    }
}

static void
words_of_text(const struct sim_item *item, const char *text, uint16_t *out_words)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < item->field.words; i++) {
        uint8_t high = 2 * i < length ? (uint8_t)text[2 * i] : 0;
        uint8_t low = 2 * i + 1 < length ? (uint8_t)text[2 * i + 1] : 0;

        out_words[i] = ordered((uint16_t)(high << 8 | low), (enum field_order)item->field.order);
    }
}

static bool
is_bit_in_word(const struct sim_item *item)
{
    return item->field.type == FIELD_BIT && item->field.function > 2;
}

/* A bit of a word keeps its neighbours, which `out_words` holds on entry. */
static void
encode_number(const struct sim_item *item, double value, uint16_t *out_words)
{
    uint64_t bits = bits_of((enum field_type)item->field.type, value / item->scale);

    if (is_bit_in_word(item)) {
        uint16_t mask = (uint16_t)(1u << item->field.bit);

        out_words[0] = (uint16_t)(bits != 0 ? out_words[0] | mask : out_words[0] & ~mask);
    } else {
        words_of(item, bits, out_words);
    }
}

static enum err_code
encode_text(const struct sim_item *item, const char *text, uint16_t *out_words, struct err *err)
{
    double value;

    if (item->field.type == FIELD_STRING) {
        words_of_text(item, text, out_words);
        return ERR_OK;
    }
    if (strcmp(text, "true") == 0)
        value = 1;
    else if (strcmp(text, "false") == 0)
        value = 0;
    else if (strcmp(text, "nan") == 0)
        value = NAN;
    else if (!text_parse_number(text, &value))
        return err_set(err, ERR_RANGE, "\"%.60s\" is no number", text);
    double raw = value / item->scale;
    if (!isnan(raw) &&
        (raw < TYPES[item->field.type].min - 0.5 || raw > TYPES[item->field.type].max + 0.5))
        return err_set(err, ERR_RANGE, "%.60s does not fit into %s", text,
                       TYPES[item->field.type].name);
    encode_number(item, value, out_words);
    return ERR_OK;
}

enum err_code
registers_define_field(struct sim_template *template, const struct sim_item *item, const char *text,
                       struct err *err)
{
    uint16_t words[FIELD_WORDS_MAX] = {0};
    unsigned function = item->field.function;
    uint32_t first = item->field.address;

    if (item->field.words > FIELD_WORDS_MAX)
        return err_set(err, ERR_CONFIG, "more than %d words", FIELD_WORDS_MAX);
    if (first + item->field.words > REGISTER_COUNT)
        return err_set(err, ERR_CONFIG, "register %u + %u is beyond the last", first,
                       item->field.words);
    if (is_bit_in_word(item) && template->tables[function] != NULL &&
        is_defined(template->tables[function], first))
        words[0] = template->tables[function]->words[first];
    enum err_code code = encode_text(item, text, words, err);
    for (uint32_t i = 0; code == ERR_OK && i < item->field.words; i++)
        code = registers_define(template, function, first + i, first + i, words[i], err);
    return code;
}

/* what a device says */

static uint32_t
place_of(const struct sim_device *device, uint32_t key)
{
    uint32_t low = 0, high = device->change_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (device->words[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
read_moving(const struct sim_device *device, unsigned table, uint32_t first, uint32_t count,
            double now_s, uint16_t *out_words)
{
    for (uint32_t i = 0; i < device->template->item_count; i++) {
        const struct sim_item *item = &device->template->items[i];
        uint16_t words[FIELD_WORDS_MAX];

        if (item->motion.kind == MOTION_NONE || item->field.function != table ||
            item->field.type == FIELD_STRING ||
            (uint32_t)item->field.address + item->field.words <= first ||
            item->field.address >= first + count)
            continue;
        words[0] = device->template->tables[table]->words[item->field.address];
        encode_number(item, motion_value(&item->motion, device, now_s), words);
        for (uint32_t k = 0; k < item->field.words; k++) {
            uint32_t address = item->field.address + k;

            if (address >= first && address < first + count)
                out_words[address - first] = words[k];
        }
    }
}

bool
registers_read(const struct sim_device *device, unsigned table, uint32_t first, uint32_t count,
               double now_s, uint16_t *out_words)
{
    const struct register_table *words = device->template->tables[table];

    if (words == NULL || first + count > REGISTER_COUNT)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (!is_defined(words, i))
            return false;
    memcpy(out_words, words->words + first, count * sizeof *out_words);
    if (device->template->moving_count != 0)
        read_moving(device, table, first, count, now_s, out_words);

    uint32_t begin = (table << 16) + first;
    for (uint32_t i = place_of(device, begin);
         i < device->change_count && device->words[i].key < begin + count; i++)
        out_words[device->words[i].key - begin] = device->words[i].word;
    return true;
}

static enum err_code
keep_word(struct sim_device *device, uint32_t key, uint16_t word)
{
    uint32_t place = place_of(device, key);

    if (place < device->change_count && device->words[place].key == key) {
        device->words[place].word = word;
        return ERR_OK;
    }
    if (device->change_count == device->change_capacity) {
        uint32_t capacity = device->change_capacity == 0 ? 8 : device->change_capacity * 2;
        struct word_change *words = realloc(device->words, capacity * sizeof *words);

        if (words == NULL)
            return ERR_NOMEM;
        device->words = words;
        device->change_capacity = capacity;
    }
    memmove(&device->words[place + 1], &device->words[place],
            (device->change_count - place) * sizeof *device->words);
    device->words[place] = (struct word_change){key, word};
    device->change_count++;
    return ERR_OK;
}

static enum err_code
keep_words(struct sim_device *device, const struct sim_item *item, const uint16_t *words)
{
    uint32_t key = (uint32_t)item->field.function << 16 | item->field.address;
    enum err_code code = ERR_OK;

    for (uint32_t i = 0; code == ERR_OK && i < item->field.words; i++)
        code = keep_word(device, key + i, words[i]);
    return code;
}

enum err_code
registers_set(struct sim_device *device, uint32_t item, const char *text, struct err *err)
{
    const struct sim_item *field = &device->template->items[item];
    uint16_t words[FIELD_WORDS_MAX] = {0};

    if (is_bit_in_word(field))
        registers_read(device, field->field.function, field->field.address, 1, 0, words);
    enum err_code code = encode_text(field, text, words, err);
    if (code != ERR_OK)
        return code;
    code = keep_words(device, field, words);
    return code == ERR_OK ? ERR_OK : err_set(err, code, "out of memory");
}

enum err_code
registers_set_number(struct sim_device *device, uint32_t item, double value)
{
    const struct sim_item *field = &device->template->items[item];
    uint16_t words[FIELD_WORDS_MAX] = {0};

    if (field->field.type == FIELD_STRING)
        return ERR_RANGE;
    if (is_bit_in_word(field))
        registers_read(device, field->field.function, field->field.address, 1, 0, words);
    encode_number(field, value, words);
    return keep_words(device, field, words);
}

uint32_t
registers_find_text(const struct sim_template *template, const char *name)
{
    unsigned function, address;
    int used = 0;

    if (sscanf(name, "%1u:%5u%n", &function, &address, &used) != 2 || name[used] != '\0')
        return UINT32_MAX;
    for (uint32_t i = 0; i < template->item_count; i++)
        if (template->items[i].field.function == function &&
            template->items[i].field.address == address)
            return i;
    return UINT32_MAX;
}

void
registers_get(const struct sim_device *device, uint32_t item, double now_s, char *out, size_t size)
{
    const struct sim_item *field = &device->template->items[item];
    enum field_order order = (enum field_order)field->field.order;
    uint16_t words[FIELD_WORDS_MAX] = {0};
    uint64_t bits = 0;
    unsigned count = field->field.words;

    if (!registers_read(device, field->field.function, field->field.address, count, now_s, words)) {
        snprintf(out, size, "?");
        return;
    }
    if (field->field.type == FIELD_STRING) {
        char text[2 * FIELD_WORDS_MAX + 1] = {0};

        for (unsigned i = 0; i < count; i++) {
            uint16_t word = ordered(words[i], order);
            text[2 * i] = (char)(word >> 8);
            text[2 * i + 1] = (char)word;
        }
        text_clean(out, size, text, strlen(text));
        return;
    }
    if (is_bit_in_word(field)) {
        bits = words[0] >> field->field.bit & 1;
    } else {
        for (unsigned i = 0; i < count; i++)
            bits = bits << 16 | ordered(words[is_low_first(order) ? count - 1 - i : i], order);
    }
    snprintf(out, size, "%.12g",
             number_of((enum field_type)field->field.type, bits) * field->scale);
}
