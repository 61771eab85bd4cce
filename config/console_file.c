/*
 * console_file.c - console.yaml.
 */
#include "config/console_file.h"

#include <string.h>

#include "alerts/alarm_def.h"
#include "config/schema.h"
#include "gateway/base/text.h"

struct raw_console {
    struct console_settings settings;
    struct fy_node *broker, *audiences;
};

#define FIELD(member) offsetof(struct raw_console, member)

/* clang-format off */
static const struct field CONSOLE[] = {
    {"broker", FIELD_MAP, FIELD(broker), false, 0, 0, NULL, NULL, "host, port, ca, certificate, key"},
    {"site", FIELD_ID, FIELD(settings.site), false, 0, 0, NULL, NULL, "id of the site"},
    {"user", FIELD_ID, FIELD(settings.user), false, 0, 0, NULL, "the name in the certificate", "the topic level of orders"},
    {"client", FIELD_ID, FIELD(settings.client), false, 0, 0, NULL, "host and terminal", "this console among those of the user"},
    {"audiences", FIELD_LIST, FIELD(audiences), false, 0, 0, NULL, "all", "for whom is watched here"},
    {"bell", FIELD_BOOL, FIELD(settings.bell), false, 0, 0, NULL, "true", "ring at a new P1 or P2"},
};
static const struct field BROKER[] = {
    {"host", FIELD_TEXT, FIELD(settings.host), true, 0, 0, NULL, NULL, "as in its certificate"},
    {"port", FIELD_INT, FIELD(settings.port), false, 1, 65535, NULL, "8883", "for people"},
    {"ca", FIELD_TEXT, FIELD(settings.ca), false, 0, 0, NULL, NULL, "certificate of the authority"},
    {"certificate", FIELD_TEXT, FIELD(settings.certificate), false, 0, 0, NULL, NULL, "one's own"},
    {"key", FIELD_TEXT, FIELD(settings.key), false, 0, 0, NULL, NULL, "its key, mode 600"},
};
static const struct schema TABLE_CONSOLE = {"console", "A console.", CONSOLE, ARRAY_LEN(CONSOLE)};
static const struct schema TABLE_BROKER = {"broker", "Its broker.", BROKER, ARRAY_LEN(BROKER)};
/* clang-format on */

static bool
audience_of(const char *name, unsigned *bits)
{
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if (strcmp(name, audience_name((enum audience)i)) == 0) {
            *bits |= AUDIENCE_BIT(i);
            return true;
        }
    return false;
}

bool
console_file_audiences(const char *text, unsigned *out_audiences)
{
    char copy[80], *rest = copy, *name;
    unsigned bits = 0;

    if (strcmp(text, "all") == 0) {
        *out_audiences = 0;
        return true;
    }
    if (!text_copy(copy, sizeof copy, text))
        return false;
    while ((name = strsep(&rest, ",")) != NULL)
        if (!audience_of(name, &bits))
            return false;
    *out_audiences = bits;
    return true;
}

static bool
read_audiences(const struct yaml *yaml, struct raw_console *raw)
{
    bool good = true;
    unsigned bits = 0;

    YAML_EACH_ITEM(item, raw->audiences)
    {
        const char *name = yaml_text(item);

        if (name != NULL && audience_of(name, &bits))
            continue;
        yaml_fault(yaml, item, "security, continuity, facilities", "audiences: no such audience");
        good = false;
    }
    raw->settings.audiences = bits;
    return good;
}

static const char *
absolute(struct arena *arena, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (path == NULL || path[0] == '/' || slash == NULL)
        return path;
    return arena_format(arena, "%.*s/%s", (int)(slash - file), file, path);
}

bool
console_file_read(const char *path, struct arena *arena, struct diag *diag,
                  struct console_settings *settings)
{
    struct raw_console raw = {.settings = *settings};
    struct yaml yaml;
    struct schema_reader reader = {&yaml, arena};
    bool good = yaml_open_file(&yaml, path, diag) &&
                schema_need_map(&yaml, yaml.root, "a console's file") &&
                schema_read(&reader, yaml.root, &TABLE_CONSOLE, &raw);

    /* Every fault in one run. */
    if (raw.broker != NULL)
        good = schema_read(&reader, raw.broker, &TABLE_BROKER, &raw) && good;
    if (raw.audiences != NULL)
        good = read_audiences(&yaml, &raw) && good;
    yaml_close(&yaml);
    if (!good)
        return false;
    raw.settings.ca = absolute(arena, path, raw.settings.ca);
    raw.settings.certificate = absolute(arena, path, raw.settings.certificate);
    raw.settings.key = absolute(arena, path, raw.settings.key);
    *settings = raw.settings;
    return true;
}
