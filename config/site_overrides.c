/*
 * site_overrides.c - what a site changes about one alarm of a profile, on one device.
 */
#include "config/site_overrides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

bool
site_overrides_read(struct build *build, struct fy_node *node, const struct alarm_type *base,
                    const struct alarm_type **out)
{
    struct raw_alarm raw = tables_alarm_defaults();
    struct alarm_type *type = arena_alloc(build->arena, sizeof *type);

    if (type == NULL)
        return false;
    *type = *base;
    raw.latch = base->latch;
    bool good = schema_read(&build->reader, node, &TABLE_OVERRIDE, &raw);
    if (good && raw.disabled) {
        *out = NULL;
        return true;
    }
    if (!isnan(raw.limit)) {
        if (!profile_rule_has_limit(base)) {
            yaml_fault(&build->yaml, yaml_get(node, "limit"), NULL, "limit: %s has none",
                       base->name);
            good = false;
        }
        type->limit = raw.limit;
    }
    if (raw.audiences != NULL) {
        type->audiences = profile_read_audiences(&build->reader, raw.audiences);
        good = type->audiences != 0 && good;
    }
    if (!good)
        return false;
    if (raw.priority > 0) {
        type->priority = (uint8_t)raw.priority;
        type->shelvable = raw.priority > 1 && (base->shelvable || base->priority == 1);
    }
    type->text = raw.text != NULL ? raw.text : base->text;
    type->consequence = raw.consequence != NULL ? raw.consequence : base->consequence;
    type->action = raw.action != NULL ? raw.action : base->action;
    type->deadband = isnan(raw.deadband) ? base->deadband : raw.deadband;
    type->on_delay_ms = raw.on_delay_ms >= 0 ? raw.on_delay_ms : base->on_delay_ms;
    type->off_delay_ms = raw.off_delay_ms >= 0 ? raw.off_delay_ms : base->off_delay_ms;
    type->realarm_ms = raw.realarm_ms >= 0 ? raw.realarm_ms : type->realarm_ms;
    type->suppressed_by = raw.suppressed_by != NULL ? raw.suppressed_by : base->suppressed_by;
    type->suppressed_max_ms =
        raw.suppressed_max_ms >= 0 ? raw.suppressed_max_ms : base->suppressed_max_ms;
    profile_settle_root(type);
    type->respond_within_ms =
        raw.respond_within_ms >= 0 ? raw.respond_within_ms : base->respond_within_ms;
    type->latch = raw.latch;
    uint64_t digest = profile_digest_type(type);
    if (digest == profile_digest_type(base))
        return true; /* as it was: the profile's is shared */
    type->digest = fingerprint(digest, &base->digest, sizeof base->digest);
    *out = type;
    return true;
}

bool
site_overrides_check_names(struct build *build, const struct built_device *device,
                           const char *const builtin[2])
{
    const struct profile *profile = device->profile;
    const char **known = calloc(profile->alarm_count + 2u, sizeof *known);
    bool good = schema_need_distinct(&build->yaml, device->raw.alarms, "alarms");

    if (known == NULL)
        return false;
    memcpy(known, builtin, 2 * sizeof *known);
    for (uint32_t i = 0; i < profile->alarm_count; i++)
        known[i + 2] = profile->alarms[i].type->name;
    YAML_EACH_PAIR(pair, device->raw.alarms)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));
        uint32_t i = 0;

        while (i < profile->alarm_count + 2 && (name == NULL || strcmp(known[i], name) != 0))
            i++;
        if (i < profile->alarm_count + 2)
            continue;
        const char *nearest = name == NULL ? NULL : text_nearest(name, known, i);
        char hint[160];
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest == NULL ? "" : nearest);
        yaml_fault(&build->yaml, fy_node_pair_key(pair), nearest == NULL ? NULL : hint,
                   "alarms: %s has no alarm \"%s\"", device->raw.id, name == NULL ? "?" : name);
        good = false;
    }
    free(known);
    return good;
}
