/*
 * objects.c - the items of an SNMP agent.
 *
 * Each object lies ready as a whole varbind, so that answering is a lookup and a copy. A device
 * that changed a value owns a varbind of its own; the others go on sharing.
 */
#include "tests/sim/objects.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

static const struct {
    const char *name;
    uint8_t tag;
} TYPES[] = {
    {"integer", BER_INTEGER},
    {"string", BER_OCTETS},
    {"hex", BER_OCTETS},
    {"null", BER_NULL},
    {"oid", BER_OID},
    {"ipaddress", BER_IP_ADDRESS},
    {"counter", BER_COUNTER},
    {"gauge", BER_GAUGE},
    {"timeticks", BER_TIMETICKS},
    {"counter64", BER_COUNTER64},
    {"opaque", BER_OPAQUE},
    {"no-such-object", BER_NO_SUCH_OBJECT},
    {"no-such-instance", BER_NO_SUCH_INSTANCE},
};

uint8_t
objects_tag(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
        if (strcmp(type, TYPES[i].name) == 0)
            return TYPES[i].tag;
    return 0;
}

/* encoding */

static bool
is_unsigned(uint8_t tag)
{
    return tag == BER_COUNTER || tag == BER_GAUGE || tag == BER_TIMETICKS || tag == BER_COUNTER64;
}

static bool
is_numeric(uint8_t tag)
{
    return tag == BER_INTEGER || is_unsigned(tag);
}

static void
put_number(struct ber_writer *writer, uint8_t tag, double raw)
{
    if (isnan(raw))
        raw = 0;
    if (tag == BER_INTEGER) {
        raw = fmin(fmax(raw, INT32_MIN), INT32_MAX);
        ber_put_int(writer, tag, llround(raw));
    } else {
        double max = tag == BER_COUNTER64 ? 9e18 : (double)UINT32_MAX;

        /* Counters go on after their wrap, gauges stay at their end. */
        if (tag == BER_COUNTER || tag == BER_TIMETICKS)
            raw = fmod(fmax(raw, 0), max + 1);
        ber_put_unsigned(writer, tag, (uint64_t)llround(fmin(fmax(raw, 0), max)));
    }
}

static bool
put_whole_number(struct ber_writer *writer, uint8_t tag, const char *text)
{
    char *end;

    errno = 0;
    if (tag == BER_INTEGER) {
        long long value = strtoll(text, &end, 10);

        if (errno != 0 || *end != '\0' || end == text)
            return false;
        ber_put_int(writer, tag, value);
    } else {
        if (*text == '-')
            return false;
        unsigned long long value = strtoull(text, &end, 10);

        if (errno != 0 || *end != '\0' || end == text)
            return false;
        ber_put_unsigned(writer, tag, value);
    }
    return true;
}

static bool
put_hex(struct ber_writer *writer, uint8_t tag, const char *hex)
{
    size_t digits = strlen(hex);
    const uint8_t *end = writer->at;

    if (digits % 2 != 0 || strspn(hex, "0123456789abcdefABCDEF") != digits)
        return false;
    for (size_t i = digits; i >= 2; i -= 2) {
        char pair[3] = {hex[i - 2], hex[i - 1], '\0'};
        uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);

        ber_put_raw(writer, &byte, 1);
    }
    ber_wrap(writer, tag, end);
    return true;
}

static enum err_code
put_text(struct ber_writer *writer, const struct sim_item *item, const char *text, struct err *err)
{
    uint8_t tag = item->object.tag;
    uint32_t subs[BER_SUBS_MAX];
    size_t count;
    double number;
    struct in_addr address;
    bool good = true;

    if (is_numeric(tag)) {
        good = item->scale == 1 && put_whole_number(writer, tag, text);
        if (!good && text_parse_number(text, &number)) {
            put_number(writer, tag, number / item->scale);
            good = true;
        }
    } else if (tag == BER_OID) {
        good = ber_parse_oid(text, subs, &count);
        if (good)
            ber_put_oid(writer, subs, count);
    } else if (tag == BER_IP_ADDRESS) {
        good = inet_pton(AF_INET, text, &address) == 1;
        if (good)
            ber_put(writer, tag, &address, 4);
    } else if (tag == BER_OCTETS || tag == BER_OPAQUE) {
        if (strncmp(text, "hex:", 4) == 0)
            good = put_hex(writer, tag, text + 4);
        else
            ber_put(writer, tag, text, strlen(text));
    } else {
        ber_put(writer, tag, "", 0);
    }
    if (!good)
        return err_set(err, ERR_RANGE, "\"%.60s\" is no value of its type", text);
    return writer->full ? err_set(err, ERR_FULL, "value too long") : ERR_OK;
}

enum err_code
objects_define(struct model *model, struct sim_template *template, struct sim_item *item,
               const char *oid, uint8_t tag, const char *text, struct err *err)
{
    static uint8_t buffer[OBJECT_VARBIND_MAX];
    uint32_t subs[BER_SUBS_MAX];
    size_t count;
    struct ber_writer writer;

    if (!ber_parse_oid(oid, subs, &count))
        return err_set(err, ERR_CONFIG, "\"%.80s\" is no object identifier", oid);
    item->object.tag = tag;
    item->object.order = (uint32_t)(item - template->items);
    ber_writer_init(&writer, buffer, sizeof buffer);
    const uint8_t *end = writer.at;
    enum err_code code = put_text(&writer, item, text, err);
    if (code != ERR_OK)
        return err_prefix(err, code, "%.80s", oid);
    const uint8_t *name_end = writer.at;
    ber_put_subs(&writer, subs, count);
    size_t name_length = (size_t)(name_end - writer.at);
    const uint8_t *name_at = writer.at;
    ber_wrap(&writer, BER_OID, name_end);
    ber_wrap(&writer, BER_SEQUENCE, end);
    if (writer.full)
        return err_set(err, ERR_FULL, "%.80s: value too long", oid);

    size_t length = (size_t)(end - writer.at);
    uint8_t *varbind = arena_alloc(model->arena, length);
    uint32_t *name = arena_array(model->arena, count, sizeof *name);
    if (varbind == NULL || name == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(varbind, writer.at, length);
    memcpy(name, subs, count * sizeof *name);
    item->object.varbind = varbind;
    item->object.varbind_length = (uint32_t)length;
    item->object.oid = name;
    item->object.oid_length = (uint16_t)count;
    item->object.oid_bytes = varbind + (name_at - writer.at);
    item->object.oid_bytes_length = (uint16_t)name_length;
    return ERR_OK;
}

/* finding */

static int
by_oid(const void *a, const void *b)
{
    const struct sim_item *x = a, *y = b;
    int order =
        ber_compare_oids(x->object.oid, x->object.oid_length, y->object.oid, y->object.oid_length);

    if (order != 0)
        return order;
    return x->object.order < y->object.order ? -1 : x->object.order > y->object.order;
}

static uint32_t
hash_bytes(const uint8_t *bytes, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

enum err_code
objects_index(struct sim_template *template, struct err *err)
{
    uint32_t kept = 0, size = 16;

    if (template->item_count != 0)
        qsort(template->items, template->item_count, sizeof *template->items, by_oid);
    for (uint32_t i = 0; i < template->item_count; i++) {
        const struct sim_item *item = &template->items[i];
        const struct sim_item *last = kept == 0 ? NULL : &template->items[kept - 1];

        if (last == NULL || ber_compare_oids(item->object.oid, item->object.oid_length,
                                             last->object.oid, last->object.oid_length) != 0)
            template->items[kept++] = *item;
    }
    template->item_count = kept;
    while (size < kept * 2)
        size *= 2;
    template->slots = calloc(size, sizeof *template->slots);
    if (template->slots == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    template->slot_mask = size - 1;
    for (uint32_t i = 0; i < kept; i++) {
        const struct sim_item *item = &template->items[i];
        uint32_t slot = hash_bytes(item->object.oid_bytes, item->object.oid_bytes_length);

        while (template->slots[slot & template->slot_mask] != 0)
            slot++;
        template->slots[slot & template->slot_mask] = i + 1;
    }
    return ERR_OK;
}

uint32_t
objects_find(const struct sim_template *template, const uint8_t *bytes, size_t length)
{
    for (uint32_t slot = hash_bytes(bytes, length);; slot++) {
        uint32_t found = template->slots[slot & template->slot_mask];

        if (found == 0)
            return UINT32_MAX;
        const struct sim_item *item = &template->items[found - 1];
        if (item->object.oid_bytes_length == length &&
            memcmp(item->object.oid_bytes, bytes, length) == 0)
            return found - 1;
    }
}

uint32_t
objects_find_text(const struct sim_template *template, const char *oid)
{
    uint32_t subs[BER_SUBS_MAX];
    uint8_t buffer[BER_OID_BYTES_MAX];
    struct ber_writer writer;
    size_t count;

    if (!ber_parse_oid(oid, subs, &count))
        return UINT32_MAX;
    ber_writer_init(&writer, buffer, sizeof buffer);
    ber_put_subs(&writer, subs, count);
    return objects_find(template, writer.at, (size_t)(writer.end - writer.at));
}

uint32_t
objects_next(const struct sim_template *template, const uint32_t *subs, size_t count)
{
    uint32_t low = 0, high = template->item_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct sim_item *item = &template->items[middle];

        if (ber_compare_oids(item->object.oid, item->object.oid_length, subs, count) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* what a device says */

static struct object_change *
find_change(const struct sim_device *device, uint32_t item, uint32_t *out_place)
{
    uint32_t low = 0, high = device->change_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (device->objects[middle].item < item)
            low = middle + 1;
        else
            high = middle;
    }
    *out_place = low;
    return low < device->change_count && device->objects[low].item == item ? &device->objects[low]
                                                                           : NULL;
}

/* Puts the name and the head in front of a value that lies in [at, end) of the writer. */
static void
finish_varbind(struct ber_writer *writer, const struct sim_item *item)
{
    ber_put(writer, BER_OID, item->object.oid_bytes, item->object.oid_bytes_length);
    ber_wrap(writer, BER_SEQUENCE, writer->end);
}

const uint8_t *
objects_varbind(const struct sim_device *device, uint32_t item, double now_s, uint8_t *scratch,
                size_t scratch_size, size_t *out_length)
{
    const struct sim_item *object = &device->template->items[item];
    uint32_t place;

    if (device->change_count != 0) {
        const struct object_change *change = find_change(device, item, &place);

        if (change != NULL) {
            *out_length = change->length;
            return change->varbind;
        }
    }
    if (object->motion.kind != MOTION_NONE && is_numeric(object->object.tag)) {
        struct ber_writer writer;

        ber_writer_init(&writer, scratch, scratch_size);
        put_number(&writer, object->object.tag,
                   motion_value(&object->motion, device, now_s) / object->scale);
        finish_varbind(&writer, object);
        if (!writer.full) {
            *out_length = (size_t)(writer.end - writer.at);
            return writer.at;
        }
    }
    *out_length = object->object.varbind_length;
    return object->object.varbind;
}

/* Takes over what the writer holds as this device's own varbind. */
static enum err_code
keep_change(struct sim_device *device, uint32_t item, const struct ber_writer *writer)
{
    size_t length = (size_t)(writer->end - writer->at);
    uint32_t place;
    struct object_change *change = find_change(device, item, &place);

    if (change != NULL && change->length == length) { /* the usual case when values wander */
        memcpy(change->varbind, writer->at, length);
        return ERR_OK;
    }
    uint8_t *varbind = malloc(length);
    if (varbind == NULL)
        return ERR_NOMEM;
    memcpy(varbind, writer->at, length);
    if (change != NULL) {
        free(change->varbind);
        *change = (struct object_change){item, (uint32_t)length, varbind};
        return ERR_OK;
    }
    if (device->change_count == device->change_capacity) {
        uint32_t capacity = device->change_capacity == 0 ? 4 : device->change_capacity * 2;
        struct object_change *changes = realloc(device->objects, capacity * sizeof *changes);

        if (changes == NULL) {
            free(varbind);
            return ERR_NOMEM;
        }
        device->objects = changes;
        device->change_capacity = capacity;
    }
    memmove(&device->objects[place + 1], &device->objects[place],
            (device->change_count - place) * sizeof *device->objects);
    device->objects[place] = (struct object_change){item, (uint32_t)length, varbind};
    device->change_count++;
    return ERR_OK;
}

enum err_code
objects_set(struct sim_device *device, uint32_t item, const char *text, struct err *err)
{
    static uint8_t buffer[OBJECT_VARBIND_MAX];
    const struct sim_item *object = &device->template->items[item];
    struct ber_writer writer;

    ber_writer_init(&writer, buffer, sizeof buffer);
    enum err_code code = put_text(&writer, object, text, err);
    if (code != ERR_OK)
        return code;
    finish_varbind(&writer, object);
    if (writer.full)
        return err_set(err, ERR_FULL, "value too long");
    code = keep_change(device, item, &writer);
    return code == ERR_OK ? ERR_OK : err_set(err, code, "out of memory");
}

enum err_code
objects_set_number(struct sim_device *device, uint32_t item, double value)
{
    uint8_t buffer[BER_OID_BYTES_MAX + 64];
    const struct sim_item *object = &device->template->items[item];
    struct ber_writer writer;

    if (!is_numeric(object->object.tag))
        return ERR_RANGE;
    ber_writer_init(&writer, buffer, sizeof buffer);
    put_number(&writer, object->object.tag, value / object->scale);
    finish_varbind(&writer, object);
    return keep_change(device, item, &writer);
}

void
objects_get(const struct sim_device *device, uint32_t item, double now_s, char *out, size_t size)
{
    uint8_t scratch[BER_OID_BYTES_MAX + 64];
    const struct sim_item *object = &device->template->items[item];
    size_t length;
    struct ber_item part;
    int64_t number;
    uint64_t positive;

    struct ber_reader reader = {0};
    reader.at = objects_varbind(device, item, now_s, scratch, sizeof scratch, &length);
    reader.end = reader.at + length;
    snprintf(out, size, "?");
    if (!ber_take(&reader, &part))
        return;
    reader = ber_inside(&part);
    if (!ber_take(&reader, &part) || !ber_take(&reader, &part))
        return;
    if (part.tag == BER_INTEGER && ber_int(&part, &number))
        snprintf(out, size, "%.12g", (double)number * object->scale);
    else if (is_unsigned(part.tag) && ber_unsigned(&part, &positive))
        snprintf(out, size, "%.17g", (double)positive * object->scale);
    else
        text_clean(out, size, part.data, part.length);
}
