/*
 * site_build.h - a site while it is being read: what the parts of config/ hand to each other.
 */
#ifndef WATCHROOM_CONFIG_SITE_BUILD_H
#define WATCHROOM_CONFIG_SITE_BUILD_H

#include "config/profile.h"
#include "config/site.h"
#include "gateway/base/hash.h"

struct loaded_profile {
    const char *id;
    const struct profile *profile; /* NULL: it has faults, told once */
    UT_hash_handle hh;
};

/* A device that was read, before it has numbers. */
struct built_device {
    struct raw_device raw;
    struct fy_node *node;
    const struct profile *profile; /* a file's, or its own with inline points */
    struct collect_device collect;
    struct group_info groups[GROUPS_MAX];
    uint32_t number;
    uint64_t secret;      /* which community file there is now */
    bool is_usable;       /* has an id of its own and points: what refers to it can be checked */
    uint64_t read_digest; /* of what its collector depends on */
    uint64_t digest;      /* of everything */
    UT_hash_handle hh;    /* by id */
};

struct number_of { /* name -> number, for one kind of thing */
    const char *name;
    uint32_t number;
    UT_hash_handle hh;
};

struct build {
    struct yaml yaml;
    struct schema_reader reader;
    struct diag *diag;
    struct arena *arena;
    const struct site_options *options;
    const char *profile_dir;
    const char *directory; /* of the site file, for relative paths */
    struct site *site;
    struct raw_top top;
    struct loaded_profile *profiles;
    struct built_device *devices;
    struct built_device *by_id;
    uint32_t device_count;
    int64_t realarm_ms[5]; /* by priority */
    bool is_open;          /* everybody on this machine may read the site file */
    uint64_t broker_files; /* which password, key and certificates there are now */
};

/* site_devices.c */
bool build_devices(struct build *build);

/* site_numbers.c: the directory, numbers, the list of what is collected */
void build_number(struct build *build);

/* site_alarms.c */
bool build_alarms(struct build *build);

/* site_devices.c; NULL: there is no such device, usable or not */
struct built_device *build_find_device(struct build *build, const char *id);

/* site_people.c: users and audiences */
bool build_people(struct build *build);

/* site_settings.c: all other sections but devices and alarms */
bool build_settings(struct build *build);
const char *build_path(struct build *build, const char *path);
/* Which file it is now goes into `digest`: a new one takes effect at a reload. */
bool build_check_secret(struct build *build, struct fy_node *node, const char *path,
                        uint64_t *digest);

/* The name's number in the previous site, or a fresh one from *next. */
uint32_t build_number_for(const struct number_of *known, const char *name, uint32_t *next);

#endif
