/*
 * site_roots.c - which alarm is suppressed under which: names of roots to places in the list.
 *
 * A root is named by its id, or by its name alone when it is one of the same device: that is how a
 * profile says it for all its devices. Circles are refused, and so are chains that are too long.
 */
#include <string.h>

#include "config/site_roots.h"

#define NO_ROOT UINT32_MAX

static bool
find_id(const struct number_of *ids, const char *id, uint32_t *out)
{
    struct number_of *known;

    HASH_FIND_STR(ids, id, known);
    if (known != NULL)
        *out = known->number;
    return known != NULL;
}

/* By its name, on the same device; the alarm's own class goes first. */
static bool
find_beside(struct build *build, const struct number_of *ids, const struct alarm_def *def,
            uint32_t *out)
{
    const char *device = build->site->directory.devices[def->device].id;
    char id[TOPIC_ID_MAX];

    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        unsigned alarm_class = (def->type->alarm_class + i) % CLASS_COUNT;
        int length =
            snprintf(id, sizeof id, "%s/%s/%s", alarm_class_name((enum alarm_class)alarm_class),
                     device, def->type->suppressed_by);

        if (length > 0 && (size_t)length < sizeof id && find_id(ids, id, out))
            return true;
    }
    return false;
}

static void
fault(struct build *build, const struct lint_place *at, const char *hint, const char *text)
{
    const struct yaml_place *place = at->place;

    if (at->node != NULL)
        yaml_fault(&build->yaml, at->node, hint, "%s", text);
    else if (place != NULL)
        diag_add(build->diag, DIAG_ERROR, place->file, place->line, place->column, place->width,
                 place->source_line, hint, "%s", text);
}

/* NULL: nothing is wrong with it. */
static const char *
fault_of(struct build *build, const struct lint_alarm *alarms, const struct number_of *ids,
         uint32_t number, uint32_t *out_root, const char **out_hint)
{
    const struct alarm_def *def = &alarms[number].def;
    const struct alarm_type *type = def->type;
    bool is_id = strchr(type->suppressed_by, '/') != NULL;

    *out_hint = NULL;
    if (type->suppressed_max_ms <= 0)
        return arena_format(build->arena, "%s: suppressed_by needs at_most", def->id);
    if (type->managed)
        return arena_format(build->arena, "%s: what is managed is never suppressed", def->id);
    if (is_id ? !find_id(ids, type->suppressed_by, out_root)
              : !find_beside(build, ids, def, out_root)) {
        *out_hint = "<class>/<device>/<name>, or the name of one of the same device";
        return arena_format(build->arena, "%s: suppressed_by: there is no alarm \"%s\"%s", def->id,
                            type->suppressed_by, is_id ? "" : " of this device");
    }
    if (*out_root == number)
        return arena_format(build->arena, "%s: suppressed_by itself", def->id);
    return NULL;
}

/* Roots above this one; more than may be: it never ends, or is too long a chain. */
static uint32_t
height_of(const struct lint_alarm *alarms, uint32_t number)
{
    uint32_t height = 0;

    while (alarms[number].def.root != NO_ROOT && height <= ENGINE_FOLD_DEPTH_MAX) {
        number = alarms[number].def.root;
        height++;
    }
    return height;
}

bool
site_roots_find(struct build *build, struct lint_alarm *alarms, uint32_t count,
                const struct number_of *ids)
{
    bool good = true;

    for (uint32_t i = 0; i < count; i++) {
        struct alarm_def *def = &alarms[i].def;

        def->root = NO_ROOT;
        if (def->type->suppressed_by == NULL)
            continue;
        const char *hint, *text = fault_of(build, alarms, ids, i, &def->root, &hint);
        if (text == NULL)
            continue;
        def->root = NO_ROOT;
        fault(build, &alarms[i].at, hint, text);
        good = false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (height_of(alarms, i) <= ENGINE_FOLD_DEPTH_MAX)
            continue;
        fault(build, &alarms[i].at, NULL,
              arena_format(build->arena,
                           "%s: suppressed_by goes round in a circle, or over more than %d alarms",
                           alarms[i].def.id, ENGINE_FOLD_DEPTH_MAX));
        good = false;
    }
    return good;
}
