/*
 * site_settings.c - the sections of a site file that are no devices and no alarms: who it is,
 * broker, web, store, retention.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alerts/first_out.h"
#include "config/site_build.h"
#include "gateway/base/text.h"

#define STATE_DIR_DEFAULT "/var/lib/watchroom"
#define SOCKET_DEFAULT "/run/watchroom/control"
#define MQTT_ROOT "watchroom/1"
#define ZONE_DIR "/usr/share/zoneinfo"
#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

static const struct rra_class CLASSES_DEFAULT[] = {
    {1000, 3600000, false},       {10000, DAY_MS, false},        {60000, 7 * DAY_MS, false},
    {300000, 60 * DAY_MS, false}, {3600000, 400 * DAY_MS, true},
};

/* Relative paths start at the site file's folder. NULL stays NULL. */
const char *
build_path(struct build *build, const char *path)
{
    if (path == NULL || path[0] == '/')
        return path;
    return arena_format(build->arena, "%s/%s", build->directory, path);
}

/* Workers read such files once, when they start. What is in them stays with them. */
static uint64_t
add_file(uint64_t digest, const struct stat *info)
{
    int64_t is[] = {(int64_t)info->st_dev, (int64_t)info->st_ino, (int64_t)info->st_size,
                    (int64_t)info->st_mtim.tv_sec, (int64_t)info->st_mtim.tv_nsec};

    return fingerprint(digest, is, sizeof is);
}

bool
build_check_secret(struct build *build, struct fy_node *node, const char *path, uint64_t *digest)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        yaml_fault(&build->yaml, node, NULL, "%s: %s", path, strerror(errno));
        return false;
    }
    if ((info.st_mode & 077) != 0) {
        yaml_fault(&build->yaml, node, "chmod 600", "%s: a secret that others may read (mode %03o)",
                   path, (unsigned)(info.st_mode & 0777));
        return false;
    }
    *digest = add_file(*digest, &info);
    return true;
}

static bool
check_readable(struct build *build, struct fy_node *node, const char *path)
{
    struct stat info;

    if (path == NULL)
        return true;
    if (access(path, R_OK) == 0 && stat(path, &info) == 0) {
        build->broker_files = add_file(build->broker_files, &info);
        return true;
    }
    yaml_fault(&build->yaml, node, NULL, "%s: %s", path, strerror(errno));
    return false;
}

/* As the system's files of time zones have it; without them only what cannot be one is refused. */
static bool
is_time_zone(const char *name)
{
    static const char ALLOWED[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    char path[256];
    struct stat info;

    if (name[strspn(name, ALLOWED)] != '\0' || name[0] == '/' || strlen(name) > 64)
        return false;
    if (strcmp(name, "UTC") == 0 || stat(ZONE_DIR, &info) != 0)
        return true;
    snprintf(path, sizeof path, ZONE_DIR "/%s", name);
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool
read_who(struct build *build)
{
    struct site *site = build->site;
    struct raw_site raw = {.time_zone = "UTC",
                           .state_dir = STATE_DIR_DEFAULT,
                           .socket = SOCKET_DEFAULT,
                           .collectors = 1};

    bool good = schema_read(&build->reader, build->top.site, &TABLE_SITE, &raw);
    site->id = raw.id;
    site->name = raw.name != NULL ? raw.name : raw.id;
    site->time_zone = raw.time_zone;
    if (!is_time_zone(raw.time_zone)) {
        yaml_fault(&build->yaml, yaml_get(build->top.site, "time_zone"), "Europe/Berlin, UTC",
                   "time_zone: there is no \"%s\"", raw.time_zone);
        good = false;
    }
    site->state_dir = build_path(build, raw.state_dir);
    site->socket = build_path(build, raw.socket);
    site->shard_count = (uint32_t)raw.collectors;
    if (strlen(site->socket) > 107) {
        yaml_fault(&build->yaml, yaml_get(build->top.site, "socket"), NULL,
                   "socket: longer than 107 bytes");
        good = false;
    }
    return good;
}

static bool
read_unconfirmed(struct build *build, struct fy_node *node)
{
    struct raw_unconfirmed raw = {.after_ms = 60000};
    const char **argv;
    size_t count = 0;

    if (!schema_read(&build->reader, node, &TABLE_UNCONFIRMED, &raw))
        return false;
    int items = fy_node_sequence_item_count(raw.command);
    if (items < 1 || items > 64) {
        yaml_fault(&build->yaml, node, NULL, "command: needs a program, and at most 63 arguments");
        return false;
    }
    argv = arena_array(build->arena, (size_t)items + 1, sizeof *argv);
    if (argv == NULL)
        return false;
    YAML_EACH_ITEM(item, raw.command)
    {
        if (yaml_text(item) == NULL) {
            yaml_fault(&build->yaml, item, NULL, "command: needs texts");
            return false;
        }
        argv[count++] = arena_text(build->arena, yaml_text(item));
    }
    if (argv[0][0] != '/' || access(argv[0], X_OK) != 0) {
        yaml_fault(&build->yaml, raw.command, "an absolute path of a program",
                   "command: %s cannot be run", argv[0]);
        return false;
    }
    build->site->alarms_params.unconfirmed_after_ms = raw.after_ms;
    build->site->alarms_params.unconfirmed_command = argv;
    return true;
}

static bool
read_tls(struct build *build, struct fy_node *node)
{
    struct courier_params *courier = &build->site->courier;
    struct raw_tls raw = {0};

    if (!schema_read(&build->reader, node, &TABLE_TLS, &raw))
        return false;
    courier->tls_ca = build_path(build, raw.ca);
    courier->tls_certificate = build_path(build, raw.certificate);
    courier->tls_key = build_path(build, raw.key);
    if ((raw.certificate == NULL) != (raw.key == NULL)) {
        yaml_fault(&build->yaml, node, NULL, "tls: certificate and key go together");
        return false;
    }
    bool good = check_readable(build, yaml_get(node, "ca"), courier->tls_ca);
    good = check_readable(build, yaml_get(node, "certificate"), courier->tls_certificate) && good;
    if (raw.key != NULL)
        good = build_check_secret(build, yaml_get(node, "key"), courier->tls_key,
                                  &build->broker_files) &&
               good;
    return good;
}

static bool
read_broker(struct build *build)
{
    struct courier_params *courier = &build->site->courier;
    struct raw_broker raw = {.window = 100, .keep_alive_ms = 10000, .publish_values = true};
    bool good = true;

    build->site->alarms_params.unconfirmed_after_ms = 60000;
    if (build->top.broker == NULL)
        return true;
    if (!schema_read(&build->reader, build->top.broker, &TABLE_BROKER, &raw))
        return false;
    build->site->has_broker = true;
    *courier = (struct courier_params){
        .site = build->site->id,
        .root = MQTT_ROOT,
        .state_dir = build->site->state_dir,
        .host = raw.host,
        .port = (uint16_t)(raw.port != 0     ? raw.port
                           : raw.tls != NULL ? 8883
                                             : 1883),
        .client_id = raw.client_id != NULL
                         ? raw.client_id
                         : arena_format(build->arena, "watchroom-%s",
                                        build->site->id != NULL ? build->site->id : ""),
        .user = raw.user,
        .password_file = build_path(build, raw.password_file),
        .keep_alive_s = (uint16_t)((raw.keep_alive_ms + 999) / 1000),
        .window = (uint16_t)raw.window,
        .publish_values = raw.publish_values,
    };
    if (raw.password_file != NULL)
        good = build_check_secret(build, yaml_get(build->top.broker, "password_file"),
                                  courier->password_file, &build->broker_files);
    if (raw.tls != NULL)
        good = read_tls(build, raw.tls) && good;
    if (raw.unconfirmed != NULL)
        good = read_unconfirmed(build, raw.unconfirmed) && good;
    return good;
}

static bool
read_web(struct build *build)
{
    struct raw_web raw = {.listen = "127.0.0.1:9464"};
    char host[64];
    int64_t port;

    if (build->top.web == NULL)
        return true;
    if (!schema_read(&build->reader, build->top.web, &TABLE_WEB, &raw))
        return false;
    const char *colon = strrchr(raw.listen, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - raw.listen);
    if (length > 1 && raw.listen[0] == '[' && raw.listen[length - 1] == ']') {
        raw.listen++;
        length -= 2;
    }
    if (colon == NULL || length == 0 || length >= sizeof host ||
        !text_parse_int(colon + 1, 0, 65535, &port)) {
        yaml_fault(&build->yaml, yaml_get(build->top.web, "listen"), "127.0.0.1:9464",
                   "listen: \"%s\" is no address and port", raw.listen);
        return false;
    }
    memcpy(host, raw.listen, length);
    host[length] = '\0';
    if (host[strspn(host, "0123456789abcdefABCDEF.:")] != '\0') {
        yaml_fault(&build->yaml, yaml_get(build->top.web, "listen"), "names are not resolved",
                   "listen: \"%s\" is no numeric address", host);
        return false;
    }
    build->site->web_address = arena_text(build->arena, host);
    build->site->web_port = (uint16_t)port;
    return true;
}

static bool
read_store(struct build *build)
{
    struct store_params *store = &build->site->store;
    struct raw_store raw = {.batch_samples = 30, .batch_ms = 60000, .creates_per_s = 20};

    if (build->top.store != NULL &&
        !schema_read(&build->reader, build->top.store, &TABLE_STORE, &raw))
        return false;
    if (raw.rrdcached != NULL && strncmp(raw.rrdcached, "unix:/", 6) != 0) {
        yaml_fault(&build->yaml, yaml_get(build->top.store, "rrdcached"),
                   "unix:/run/rrdcached.sock", "rrdcached: \"%s\" is no unix socket",
                   raw.rrdcached);
        return false;
    }
    store->batch_samples = (uint16_t)raw.batch_samples;
    store->batch_ms = raw.batch_ms;
    store->rrdcached = raw.rrdcached;
    store->creates_per_s = (uint16_t)raw.creates_per_s;
    return true;
}

static bool
read_series(struct build *build, struct fy_node *list)
{
    struct store_params *store = &build->site->store;

    store->class_count = 0;
    YAML_EACH_ITEM(item, list)
    {
        struct raw_series raw = {0};

        if (!schema_read(&build->reader, item, &TABLE_SERIES, &raw))
            return false;
        if (raw.keep_ms < raw.step_ms || raw.keep_ms / raw.step_ms > 1000000) {
            yaml_fault(&build->yaml, item, NULL, "keep: needs one to a million steps");
            return false;
        }
        if (store->class_count == RRA_CLASSES_MAX) {
            yaml_fault(&build->yaml, item, NULL, "series: more than %d", RRA_CLASSES_MAX);
            return false;
        }
        store->classes[store->class_count++] =
            (struct rra_class){raw.step_ms, raw.keep_ms, raw.extremes};
    }
    if (store->class_count > 0)
        return true;
    yaml_fault(&build->yaml, list, NULL, "series: none");
    return false;
}

static bool
read_retention(struct build *build)
{
    struct store_params *store = &build->site->store;
    struct raw_retention raw = {.journal_ms = 400 * DAY_MS};

    memcpy(store->classes, CLASSES_DEFAULT, sizeof CLASSES_DEFAULT);
    store->class_count = ARRAY_LEN(CLASSES_DEFAULT);
    if (build->top.retention != NULL &&
        !schema_read(&build->reader, build->top.retention, &TABLE_RETENTION, &raw))
        return false;
    build->site->alarms_params.retention_ms = raw.journal_ms;
    return raw.series == NULL || read_series(build, raw.series);
}

static bool
read_chatter(struct build *build, struct fy_node *node)
{
    struct engine_chatter *chatter = &build->site->alarms_params.chatter;
    struct raw_chatter raw = {chatter->raises, chatter->within_ms, chatter->quiet_ms};

    if (!schema_read(&build->reader, node, &TABLE_CHATTER, &raw))
        return false;
    if (raw.raises == 1) {
        yaml_fault(&build->yaml, yaml_get(node, "raises"), "0 switches it off",
                   "raises: one alone is no chatter");
        return false;
    }
    *chatter = (struct engine_chatter){(uint32_t)raw.raises, raw.within_ms, raw.quiet_ms};
    return true;
}

static bool
read_flood(struct build *build, struct fy_node *node)
{
    struct flood_limits *flood = &build->site->alarms_params.flood;
    struct raw_flood raw = {flood->begin, flood->end, flood->within_ms};

    if (!schema_read(&build->reader, node, &TABLE_FLOOD, &raw))
        return false;
    if (raw.begin == 0)
        raw.end = 0;
    if (raw.end > raw.begin) {
        yaml_fault(&build->yaml, node, NULL, "end: %lld is more than begin, %lld",
                   (long long)raw.end, (long long)raw.begin);
        return false;
    }
    *flood = (struct flood_limits){(uint32_t)raw.begin, (uint32_t)raw.end, raw.within_ms};
    return true;
}

static bool
read_annunciation(struct build *build)
{
    static const struct raw_realarm REALARM = {
        {0, 10 * MINUTE_MS, 30 * MINUTE_MS, 240 * MINUTE_MS, 0}};
    struct alarms_params *alarms = &build->site->alarms_params;
    struct raw_annunciation raw = {.first_out_ms = FIRST_OUT_QUIET_DEFAULT_MS,
                                   .fold_hold_ms = ENGINE_FOLD_HOLD_DEFAULT_MS};
    struct raw_realarm realarm = REALARM;
    bool good = true;

    alarms->chatter = ENGINE_CHATTER_DEFAULT;
    alarms->flood = FLOOD_LIMITS_DEFAULT;
    if (build->top.annunciation != NULL)
        good = schema_read(&build->reader, build->top.annunciation, &TABLE_ANNUNCIATION, &raw);
    alarms->first_out_ms = raw.first_out_ms;
    alarms->fold_hold_ms = raw.fold_hold_ms;
    if (raw.chatter != NULL)
        good = read_chatter(build, raw.chatter) && good;
    if (raw.flood != NULL)
        good = read_flood(build, raw.flood) && good;
    if (raw.realarm != NULL)
        good = schema_read(&build->reader, raw.realarm, &TABLE_REALARM, &realarm) && good;
    memcpy(build->realarm_ms, realarm.ms, sizeof build->realarm_ms);
    return good;
}

bool
build_settings(struct build *build)
{
    bool good = build->top.site != NULL && read_who(build);

    good = read_broker(build) && good;
    good = read_web(build) && good;
    good = read_store(build) && good;
    good = read_retention(build) && good;
    good = read_annunciation(build) && good;
    return build_people(build) && good;
}
