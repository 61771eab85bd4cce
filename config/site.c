/*
 * site.c - one site file and its profiles, read and checked into an immutable structure.
 */
#include "config/site.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/site_build.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define MANIFEST_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define BALLAST_BYTES (UINT64_C(32) << 20)

/* fingerprints of what each worker depends on */

static uint64_t
add_node(uint64_t digest, struct fy_node *node)
{
    char *text = node == NULL
                     ? NULL
                     : fy_emit_node_to_string(node, FYECF_MODE_FLOW_ONELINE | FYECF_WIDTH_INF);

    if (text != NULL)
        digest = fingerprint(digest, text, strlen(text) + 1);
    free(text);
    return digest;
}

static void
digest_devices(struct build *build, bool with_numbers, struct worker_digests *out,
               uint64_t *out_all, uint64_t *out_reading)
{
    struct site *site = build->site;

    for (uint32_t shard = 0; shard < site->shard_count; shard++)
        out->collectors[shard] = FINGERPRINT_START;
    for (uint32_t i = 0; i < build->device_count; i++) {
        const struct built_device *device = &build->devices[i];
        const struct device_info *info = &site->directory.devices[device->number];
        uint64_t *shard = &out->collectors[collect_shard_of(&site->devices[i], site->shard_count)];
        uint64_t numbers = device->read_digest;

        if (with_numbers) {
            numbers = fingerprint(numbers, info->points, info->point_count * sizeof *info->points);
            numbers = fingerprint(numbers, &device->number, sizeof device->number);
        }
        *shard = fingerprint(*shard, &numbers, sizeof numbers);
        *shard = fingerprint(*shard, &device->secret, sizeof device->secret);
        *out_reading = fingerprint(*out_reading, &numbers, sizeof numbers);
        *out_all = fingerprint(*out_all, &device->digest, sizeof device->digest);
        *out_all = fingerprint(*out_all, &numbers, sizeof numbers);
    }
}

static struct worker_digests
digest_for(struct build *build, bool with_numbers)
{
    struct worker_digests out = {0};
    uint64_t all = FINGERPRINT_START, reading = FINGERPRINT_START;

    digest_devices(build, with_numbers, &out, &all, &reading);
    out.store = add_node(add_node(reading, build->top.store), build->top.retention);
    out.alarms =
        add_node(add_node(add_node(all, build->top.alarms), build->top.users), build->top.site);
    out.alarms = add_node(add_node(out.alarms, build->top.broker), build->top.retention);
    out.alarms = add_node(out.alarms, build->top.annunciation);
    out.alarms = add_node(out.alarms, build->top.audiences);
    out.courier = add_node(add_node(all, build->top.broker), build->top.site);
    out.courier = fingerprint(out.courier, &build->broker_files, sizeof build->broker_files);
    out.web = add_node(add_node(FINGERPRINT_START, build->top.web), build->top.site);
    return out;
}

static void
digest_workers(struct build *build)
{
    build->site->by_name = digest_for(build, false);
    build->site->digests = digest_for(build, true);
}

/* Whatever there is at the top of the file, but for lists of what has digests of its own. */
static void
digest_sections(struct build *build)
{
    struct site *site = build->site;

    YAML_EACH_PAIR(pair, build->yaml.root)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));

        if (name == NULL || strcmp(name, "devices") == 0 || strcmp(name, "alarms") == 0 ||
            site->section_count == SECTIONS_MAX)
            continue;
        site->sections[site->section_count].name = arena_text(build->arena, name);
        site->sections[site->section_count++].digest =
            add_node(FINGERPRINT_START, fy_node_pair_value(pair));
    }
}

static bool
digest_files(struct build *build)
{
    struct text_buf text;
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    bool good = digest_sha256(build->yaml.text, build->yaml.bytes, digest);

    digest_hex(digest, hex);
    text_buf_init(&text, MANIFEST_BYTES_MAX);
    text_buf_add(&text, "%s  " SITE_TEXT_NAME "\n", hex);
    for (const struct loaded_profile *one = build->profiles; one != NULL; one = one->hh.next)
        if (one->profile != NULL)
            text_buf_add(&text, "%s  profiles/%s.yaml\n", one->profile->sha256, one->id);
    good = good && !text.failed && digest_sha256(text.data, text.length, digest);
    if (good) {
        digest_hex(digest, build->site->digest);
        build->site->manifest = arena_text(build->arena, text.data);
    }
    text_buf_done(&text);
    return good && build->site->manifest != NULL;
}

static void
fill_params(struct build *build)
{
    struct site *site = build->site;
    struct alarms_params *alarms = &site->alarms_params;

    alarms->directory = &site->directory;
    alarms->alarms = site->alarms;
    alarms->alarm_limit = site->alarm_limit;
    alarms->users = site->users;
    alarms->user_count = site->user_count;
    alarms->site_name = site->name;
    alarms->time_zone = site->time_zone;
    alarms->state_dir = site->state_dir;
    alarms->config_digest = site->digest;
    alarms->config_file = site->file;
    alarms->send_values = site->has_broker && site->courier.publish_values;
    alarms->ballast_bytes = BALLAST_BYTES;
    site->courier.directory = &site->directory;
    site->courier.config_digest = site->digest;
    site->store.directory = &site->directory;
    site->store.state_dir = site->state_dir;
}

static bool
build_site(struct build *build)
{
    bool good = build_settings(build);

    if (build->top.devices == NULL)
        return false;
    good = build_devices(build) && good;
    /* Alarms refer to points, and those of good devices are known in a faulty file, too. */
    build_number(build);
    good = build_alarms(build) && good;
    if (!good)
        return false;
    if (!digest_files(build))
        return false;
    fill_params(build);
    digest_workers(build);
    digest_sections(build);
    return true;
}

static const char *
profile_directory(const struct site_options *options)
{
    const char *from_environment = getenv("WATCHROOM_PROFILES");

    if (options->profile_dir != NULL)
        return options->profile_dir;
    return from_environment != NULL ? from_environment : PROFILES_DEFAULT;
}

static enum err_code
build_from(struct build *build, bool is_yaml, size_t before, struct site **out_site)
{
    bool kept = build->yaml.text == NULL || texts_add(build->options->texts, SITE_TEXT_NAME,
                                                      build->yaml.text, build->yaml.bytes);
    bool good =
        kept && is_yaml && schema_read(&build->reader, build->yaml.root, &TABLE_TOP, &build->top);

    /* Whatever is wrong at the top, the rest is still worth checking. */
    if (is_yaml && yaml_is_map(build->yaml.root))
        good = build_site(build) && good;
    HASH_CLEAR(hh, build->profiles);
    HASH_CLEAR(hh, build->by_id);
    free(build->devices);
    if (good && build->diag->errors == before) {
        *out_site = build->site;
        return ERR_OK;
    }
    if (build->diag->errors == before)
        diag_add(build->diag, DIAG_ERROR, build->site->file, 0, 0, 0, NULL, NULL,
                 "cannot be used; out of memory?");
    arena_free(build->arena);
    return ERR_CONFIG;
}

static bool
begin(struct build *build, const char *file, const struct site_options *options, struct diag *diag)
{
    struct arena *arena = arena_new();
    struct site *site = arena == NULL ? NULL : arena_alloc(arena, sizeof *site);
    const char *slash = strrchr(file, '/');

    if (site == NULL) {
        arena_free(arena);
        return false;
    }
    site->arena = arena;
    site->file = arena_text(arena, file);
    site->generation = options->generation;
    *build = (struct build){.diag = diag,
                            .arena = arena,
                            .options = options,
                            .profile_dir = profile_directory(options),
                            .site = site};
    site->profiles = arena_text(arena, build->profile_dir);
    build->directory = slash == NULL ? "." : arena_format(arena, "%.*s", (int)(slash - file), file);
    build->reader = (struct schema_reader){&build->yaml, arena};
    return true;
}

enum err_code
site_load(const char *file, const struct site_options *options, struct diag *diag,
          struct site **out_site)
{
    struct build build;

    if (!begin(&build, file, options, diag))
        return ERR_NOMEM;
    size_t before = diag->errors;
    struct stat info;

    build.is_open = stat(file, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 004) != 0;
    bool is_yaml = yaml_open_file(&build.yaml, file, diag);
    enum err_code code = build_from(&build, is_yaml, before, out_site);
    yaml_close(&build.yaml);
    return code;
}

enum err_code
site_load_text(const char *name, const char *text, size_t bytes, const struct site_options *options,
               struct diag *diag, struct site **out_site)
{
    struct build build;

    if (!begin(&build, name, options, diag))
        return ERR_NOMEM;
    size_t before = diag->errors;
    bool is_yaml = yaml_open_text(&build.yaml, name, text, bytes, diag);
    enum err_code code = build_from(&build, is_yaml, before, out_site);
    yaml_close(&build.yaml);
    return code;
}

void
site_set_generation(struct site *site, uint32_t generation)
{
    site->generation = site->directory.generation = generation;
}

void
site_free(struct site *site)
{
    if (site != NULL)
        arena_free(site->arena);
}
