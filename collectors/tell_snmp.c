/*
 * tell_snmp.c - an object's value, or why there is none, as readings of the points it feeds.
 */
#include "collectors/tell_snmp.h"

void
tell_snmp_object(const struct driver_sink *sink, void *ctx, const struct source_set *set,
                 const struct plan_snmp *plan, uint32_t object, const struct snmp_value *value,
                 enum cause cause)
{
    const struct plan_object *asked = &plan->objects[object];

    for (uint32_t i = 0; i < asked->point_count; i++) {
        uint32_t index = plan->points[asked->first_point + i];
        const struct point_source *source = &set->sources[index];
        char text[TEXT_VALUE_MAX];
        double number = 0;

        if (source->def->kind == VALUE_TEXT) {
            text[0] = '\0';
            if (value != NULL)
                cause = decode_snmp_text(source, value, text, sizeof text);
            sink->on_text(ctx, index, text, cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD, cause);
            continue;
        }
        if (value != NULL)
            cause = decode_snmp_number(source, value, &number);
        sink->on_value(ctx, index, number, cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD, cause);
    }
}
