/*
 * tell_modbus.c - a block's answer, or its refusal, as readings of points.
 */
#include "collectors/tell_modbus.h"

#include <stdio.h>

#include "collectors/decode_regs.h"
#include "collectors/scale.h"

struct told {
    const struct driver_sink *sink;
    void *ctx;
    const struct plan *plan;
};

static void
tell_number(const struct told *to, uint32_t index, const uint8_t *data, size_t bytes, size_t offset)
{
    const struct point_source *source = &to->plan->set->sources[index];
    struct raw_value raw;
    double value = 0;
    enum cause cause = decode_regs_value(&source->modbus, data, bytes, offset, &raw);

    if (cause == CAUSE_OK)
        cause = scale_apply(source, &raw, &value);

    enum quality quality = cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD;

    if (source->def->kind == VALUE_TEXT) { /* a firmware version, a serial number */
        char text[32] = "";

        if (cause == CAUSE_OK)
            snprintf(text, sizeof text, "%.15g", value);
        to->sink->on_text(to->ctx, index, text, quality, cause);
        return;
    }
    to->sink->on_value(to->ctx, index, value, quality, cause);
}

static void
tell_text(const struct told *to, uint32_t index, const uint8_t *data, size_t bytes, size_t offset)
{
    const struct point_source *source = &to->plan->set->sources[index];
    char text[TEXT_VALUE_MAX] = "";
    enum cause cause = decode_regs_text(&source->modbus, data, bytes, offset, text, sizeof text);

    if (source->def->kind != VALUE_TEXT) { /* the profile says number: config lets none through */
        to->sink->on_value(to->ctx, index, 0, QUALITY_BAD, CAUSE_WRONG_TYPE);
        return;
    }
    if (cause == CAUSE_OK && scale_is_absent_text(source, text))
        cause = CAUSE_ABSENT;
    to->sink->on_text(to->ctx, index, text, cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD, cause);
}

void
tell_modbus_block(const struct driver_sink *sink, void *ctx, const struct plan *plan,
                  const struct plan_block *block, const struct frame_modbus_answer *answer)
{
    const struct told to = {sink, ctx, plan};
    const struct plan_item *item = plan->items + block->first_item;

    for (uint32_t i = 0; i < block->item_count; i++, item++) {
        size_t offset = (size_t)item->address - block->address;
        const struct modbus_source *source = &plan->set->sources[item->source].modbus;

        if (source->type == REG_STRING)
            tell_text(&to, item->source, answer->data, answer->data_bytes, offset);
        else
            tell_number(&to, item->source, answer->data, answer->data_bytes, offset);
    }
}

void
tell_modbus_bad(const struct driver_sink *sink, void *ctx, const struct plan *plan,
                const struct plan_block *block, enum cause cause)
{
    for (uint32_t i = 0; i < block->item_count; i++) {
        uint32_t index = plan->items[block->first_item + i].source;

        if (plan->set->sources[index].def->kind == VALUE_TEXT)
            sink->on_text(ctx, index, "", QUALITY_BAD, cause);
        else
            sink->on_value(ctx, index, 0, QUALITY_BAD, cause);
    }
}
