/*
 * model.c - templates, their items, and devices made from them.
 */
#include "tests/sim/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/sim/objects.h"
#include "tests/sim/registers.h"

#define DEFAULT_MAX_BYTES 8000

struct model *
model_new(void)
{
    struct model *model = calloc(1, sizeof *model);

    if (model == NULL)
        return NULL;
    model->arena = arena_new();
    if (model->arena == NULL) {
        free(model);
        return NULL;
    }
    return model;
}

static void
free_device(struct sim_device *device)
{
    if (device->template->protocol == SIM_SNMP)
        for (uint32_t i = 0; i < device->change_count; i++)
            free(device->objects[i].varbind);
    free(device->template->protocol == SIM_SNMP ? (void *)device->objects : (void *)device->words);
}

static void
free_template(struct sim_template *template)
{
    struct item_name *name, *next;

    HASH_ITER(hh, template->names, name, next)
    {
        HASH_DEL(template->names, name);
        free(name);
    }
    for (size_t i = 0; i < REGISTER_TABLES; i++)
        free(template->tables[i]);
    free(template->items);
    free(template->slots);
}

void
model_free(struct model *model)
{
    struct sim_template *template, *next;

    if (model == NULL)
        return;
    HASH_CLEAR(hh, model->by_id);
    for (uint32_t i = 0; i < model->device_count; i++)
        free_device(model->devices[i]);
    free(model->devices);
    HASH_ITER(hh, model->templates, template, next)
    {
        HASH_DEL(model->templates, template);
        free_template(template);
    }
    arena_free(model->arena);
    free(model);
}

struct sim_template *
model_add_template(struct model *model, const char *id, enum sim_protocol protocol)
{
    struct sim_template *template = arena_alloc(model->arena, sizeof *template);

    if (template == NULL || (template->id = arena_text(model->arena, id)) == NULL)
        return NULL;
    template->protocol = protocol;
    template->community = "public";
    template->max_bytes = DEFAULT_MAX_BYTES;
    HASH_ADD_KEYPTR(hh, model->templates, template->id, strlen(template->id), template);
    return template->hh.tbl == NULL ? NULL : template;
}

struct sim_template *
model_template(const struct model *model, const char *id)
{
    struct sim_template *template;

    HASH_FIND_STR(model->templates, id, template);
    return template;
}

struct sim_item *
model_add_item(struct model *model, struct sim_template *template, const char *name)
{
    if (template->item_count == template->item_capacity) {
        uint32_t capacity = template->item_capacity == 0 ? 64 : template->item_capacity * 2;
        struct sim_item *items = NULL;

        if (capacity <= MODEL_ITEMS_MAX * 2)
            items = realloc(template->items, capacity * sizeof *items);
        if (items == NULL)
            return NULL;
        template->items = items;
        template->item_capacity = capacity;
    }
    struct sim_item *item = &template->items[template->item_count];

    memset(item, 0, sizeof *item);
    item->scale = 1;
    if (name != NULL && (item->name = arena_text(model->arena, name)) == NULL)
        return NULL;
    template->item_count++;
    return item;
}

static enum err_code
index_names(struct sim_template *template, struct err *err)
{
    for (uint32_t i = 0; i < template->item_count; i++) {
        struct sim_item *item = &template->items[i];
        struct item_name *entry;

        if (item->motion.kind != MOTION_NONE)
            template->moving_count++;
        if (item->name == NULL)
            continue;
        HASH_FIND_STR(template->names, item->name, entry);
        if (entry != NULL)
            return err_set(err, ERR_CONFIG, "template %s has the name \"%s\" twice", template->id,
                           item->name);
        entry = calloc(1, sizeof *entry);
        if (entry == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        entry->name = item->name;
        entry->item = i;
        HASH_ADD_KEYPTR(hh, template->names, entry->name, strlen(entry->name), entry);
        if (entry->hh.tbl == NULL) {
            free(entry);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    return ERR_OK;
}

enum err_code
model_freeze(struct model *model, struct sim_template *template, struct err *err)
{
    (void)model;
    if (template->protocol == SIM_SNMP) {
        enum err_code code = objects_index(template, err);

        if (code != ERR_OK)
            return code;
    }
    return index_names(template, err);
}

enum err_code
model_add_device(struct model *model, const char *id, const struct sim_template *template,
                 struct sim_device **out_device, struct err *err)
{
    struct sim_device *device;

    if (model_device(model, id) != NULL)
        return err_set(err, ERR_CONFIG, "device \"%s\" is there twice", id);
    if (model->device_count == MODEL_DEVICES_MAX)
        return err_set(err, ERR_FULL, "more than %d devices", MODEL_DEVICES_MAX);
    if (model->device_count == model->device_capacity) {
        uint32_t capacity = model->device_capacity == 0 ? 64 : model->device_capacity * 2;
        struct sim_device **devices = realloc(model->devices, capacity * sizeof(void *));

        if (devices == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        model->devices = devices;
        model->device_capacity = capacity;
    }
    device = arena_alloc(model->arena, sizeof *device);
    if (device == NULL || (device->id = arena_text(model->arena, id)) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    device->template = template;
    device->community = template->community;
    device->unit = -1;
    device->number = model->device_count;
    device->lie_seed = device->number * 2654435761u + 1;
    HASH_ADD_KEYPTR(hh, model->by_id, device->id, strlen(device->id), device);
    if (device->hh.tbl == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    model->devices[model->device_count++] = device;
    *out_device = device;
    return ERR_OK;
}

struct sim_device *
model_device(const struct model *model, const char *id)
{
    struct sim_device *device;

    HASH_FIND_STR(model->by_id, id, device);
    return device;
}

uint32_t
model_find_item(const struct sim_template *template, const char *name)
{
    struct item_name *entry;

    HASH_FIND_STR(template->names, name, entry);
    if (entry != NULL)
        return entry->item;
    return template->protocol == SIM_SNMP ? objects_find_text(template, name)
                                          : registers_find_text(template, name);
}

double
motion_value(const struct motion *motion, const struct sim_device *device, double now_s)
{
    if (motion->kind == MOTION_RATE)
        return motion->base + motion->rate * now_s;

    double phase = now_s / motion->period_s + device->number * 0.618034; /* golden: well spread */

    return motion->min + (motion->max - motion->min) * (0.5 - 0.5 * cos(2 * M_PI * phase));
}

enum err_code
model_set(struct sim_device *device, uint32_t item, const char *text, struct err *err)
{
    return device->template->protocol == SIM_SNMP ? objects_set(device, item, text, err)
                                                  : registers_set(device, item, text, err);
}

enum err_code
model_set_number(struct sim_device *device, uint32_t item, double value)
{
    return device->template->protocol == SIM_SNMP ? objects_set_number(device, item, value)
                                                  : registers_set_number(device, item, value);
}

void
model_get(const struct sim_device *device, uint32_t item, double now_s, char *out, size_t size)
{
    if (device->template->protocol == SIM_SNMP)
        objects_get(device, item, now_s, out, size);
    else
        registers_get(device, item, now_s, out, size);
}
