/*
 * profile.c - one profile file.
 */
#include "config/profile.h"

#include <stdio.h>
#include <string.h>

#include "collectors/plan_regs.h"
#include "gateway/base/digest.h"
#include "gateway/base/text.h"

static bool
is_profile_id(const char *id)
{
    return text_is_path(id) && strchr(id, '/') != NULL;
}

static bool
read_identify(const struct schema_reader *reader, struct fy_node *node)
{
    struct raw_identify raw = {0};
    bool good = true;

    if (node == NULL)
        return true;
    if (!schema_read(reader, node, &TABLE_IDENTIFY, &raw))
        return false;
    if (raw.sys_object_id == NULL)
        return true;
    YAML_EACH_ITEM(item, raw.sys_object_id)
    {
        const char *text = yaml_text(item);
        struct snmp_source ignored;

        good = text != NULL && profile_read_oid(reader, item, text, &ignored) && good;
    }
    return good;
}

bool
profile_check_plans(const struct yaml *yaml, struct fy_node *node, const struct profile *profile,
                    const struct source_set *set)
{
    bool good = true;

    for (uint16_t group = 0;
         profile->protocol == PROTOCOL_MODBUS_TCP && group < profile->group_count; group++) {
        struct plan *plan = NULL;
        struct err err;

        if (plan_regs_make(set, group, &plan, &err) != ERR_OK) {
            yaml_fault(yaml, node, "a value is always read in one request", "%s", err.text);
            good = false;
        }
        plan_regs_free(plan);
    }
    return good;
}

static bool
read_profile(const struct schema_reader *schema, struct fy_node *root, struct profile *profile)
{
    struct raw_profile raw = {0};
    struct raw_snmp snmp = {0};
    struct raw_modbus modbus = {0};

    raw.protocol = -1;
    bool good = schema_read(schema, root, &TABLE_PROFILE, &raw);
    if (raw.profile != NULL && strcmp(raw.profile, profile->id) != 0)
        yaml_fault(schema->yaml, yaml_get(root, "profile"), NULL,
                   "profile: \"%s\" lies in the file of %s", raw.profile, profile->id);
    /* Without these the points cannot be understood. */
    if (raw.protocol < 0 || raw.groups == NULL || raw.points == NULL)
        return false;
    profile->protocol = raw.protocol == 0 ? PROTOCOL_SNMP : PROTOCOL_MODBUS_TCP;
    struct profile_reader reader = {*schema, profile->protocol};
    good = profile_read_groups(schema, raw.groups, profile) && good;
    good = read_identify(schema, raw.identify) && good;
    good = profile_read_snmp(schema, raw.snmp, &profile->set.snmp, &snmp) && good;
    good = profile_read_modbus(schema, raw.modbus, &profile->set.modbus, &modbus) && good;
    good = profile_read_points(&reader, raw.points, profile) && good;
    if (good)
        good = profile_check_plans(schema->yaml, raw.points, profile, &profile->set);
    if (raw.alarms != NULL)
        good = profile_read_alarms(schema, raw.alarms, profile) && good;
    return good;
}

/* What the configuration is recorded by. */
static bool
keep_text(struct profile *profile, const struct yaml *yaml, struct site_texts *texts)
{
    char name[ID_MAX * 4];
    uint8_t digest[DIGEST_BYTES];

    if (!digest_sha256(yaml->text, yaml->bytes, digest))
        return false;
    digest_hex(digest, profile->sha256);
    snprintf(name, sizeof name, "profiles/%s.yaml", profile->id);
    return texts_add(texts, name, yaml->text, yaml->bytes);
}

const struct profile *
profile_load(const char *directory, const char *id, struct arena *arena, struct diag *diag,
             struct site_texts *texts, struct fy_node *asked_by, const struct yaml *asked_in)
{
    struct profile *profile = arena_alloc(arena, sizeof *profile);
    char path[4096];
    struct yaml yaml;

    if (profile == NULL)
        return NULL;
    if (!is_profile_id(id)) {
        yaml_fault(asked_in, asked_by, "kind/family, e.g. ups/rfc1628",
                   "profile: \"%s\" is no profile id", id);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s.yaml", directory, id);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        yaml_fault(asked_in, asked_by, NULL, "profile: there is no %s", path);
        return NULL;
    }
    fclose(file);
    profile->id = arena_text(arena, id);
    profile->set = (struct source_set){.id = profile->id,
                                       .snmp = {.max_varbinds = 24, .max_bytes = 1400},
                                       .modbus = {.max_words = 120, .max_gap = 8}};
    size_t before = diag->errors;
    if (yaml_open_file(&yaml, path, diag)) {
        struct schema_reader schema = {&yaml, arena};

        profile->digest = fingerprint(FINGERPRINT_START, yaml.text, yaml.bytes);
        read_profile(&schema, yaml.root, profile);
    }
    if (yaml.text != NULL && !keep_text(profile, &yaml, texts))
        diag_add(diag, DIAG_ERROR, path, 0, 0, 0, NULL, NULL, "out of memory");
    yaml_close(&yaml);
    return diag->errors == before ? profile : NULL;
}
