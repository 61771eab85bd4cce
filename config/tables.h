/*
 * tables.h - the sections of site files and profiles: the structs they fill and their schema
 * tables.
 */
#ifndef WATCHROOM_CONFIG_TABLES_H
#define WATCHROOM_CONFIG_TABLES_H

#include "config/schema.h"

struct raw_top { /* a site file */
    struct fy_node *site, *broker, *web, *store, *retention, *annunciation, *audiences, *users,
        *devices, *alarms;
};

struct raw_site {
    const char *id, *name, *time_zone, *state_dir, *socket;
    int64_t collectors;
};

struct raw_broker {
    const char *host, *client_id, *user, *password_file;
    int64_t port, window, keep_alive_ms;
    bool publish_values;
    struct fy_node *tls, *unconfirmed;
};

struct raw_tls {
    const char *ca, *certificate, *key;
};

struct raw_unconfirmed {
    int64_t after_ms;
    struct fy_node *command;
};

struct raw_web {
    const char *listen;
};

struct raw_store {
    int64_t batch_samples, batch_ms, creates_per_s;
    const char *rrdcached;
};

struct raw_retention {
    int64_t journal_ms;
    struct fy_node *series;
};

struct raw_series {
    int64_t step_ms, keep_ms;
    bool extremes;
};

struct raw_annunciation {
    struct fy_node *chatter, *flood, *realarm;
    int64_t first_out_ms, fold_hold_ms;
};

struct raw_chatter {
    int64_t raises, within_ms, quiet_ms;
};

struct raw_flood {
    int64_t begin, end, within_ms;
};

struct raw_realarm {
    int64_t ms[5]; /* by priority; [0] is nobody's */
};

struct raw_audience {
    const char *name;
    bool watched;
    int64_t unwatched_after_ms, unwatched_priority;
    struct fy_node *escalation;
};

struct raw_escalation {
    int64_t priority, repeats, repeat_every_ms, ack_timeout_ms;
    struct fy_node *steps;
};

struct raw_step {
    int64_t after_ms;
    struct fy_node *to;
};

struct raw_user {
    const char *name, *system_user, *owner;
    int role;
    struct fy_node *audiences;
};

struct raw_device {
    const char *id, *name, *profile, *address, *zone, *asset, *owner;
    int protocol; /* -1: not given */
    struct fy_node *snmp, *modbus, *intervals, *groups, *points, *alarms, *fed_by;
    int64_t timeout_ms, down_after, up_after, backoff_max_ms;
};

struct raw_snmp {
    int version; /* index: "1", "2c" */
    const char *community, *community_file;
    int64_t max_varbinds, max_bytes;
};

struct raw_modbus {
    int64_t unit, max_words, max_gap, delay_ms, connect_delay_ms;
    bool close_after_poll;
    struct fy_node *never_across, *alone;
};

struct raw_profile {
    const char *title, *source, *profile;
    int protocol;
    struct fy_node *identify, *groups, *snmp, *modbus, *points, *alarms;
};

struct raw_identify {
    struct fy_node *sys_object_id, *sys_descr;
};

struct raw_point {
    const char *id, *group, *oid, *unit, *description;
    int kind; /* enum value_kind; -1: not given */
    bool custom;
    double scale, offset;
    int64_t bit, shift, mask, address_step; /* bit, mask -1: not given */
    struct fy_node *reg, *labels, *range, *absent, *absent_scaled, *absent_text, *repeat;
};

struct raw_register {
    int64_t fc, address, bit, words;
    int type, order;
};

struct raw_alarm {
    const char *name, *type, *point, *text, *consequence, *action, *suppressed_by;
    int64_t suppressed_max_ms; /* -1: not given */
    int alarm_class;
    int64_t priority, on_delay_ms, off_delay_ms, respond_within_ms, realarm_ms; /* -1: not given */
    double high, low, limit, deadband;                                          /* NAN: not given */
    bool latch, managed, ack_required, shelvable, disabled;
    struct fy_node *audiences, *is, *is_not, *rate, *count, *difference, *when;
    int64_t silent_ms; /* -1: not given */
};

struct raw_rate {
    double rise, fall, change; /* NAN: not given */
    int64_t in_ms;
};

struct raw_count {
    struct fy_node *of;
    double high, low; /* NAN: not given */
    int64_t at_least, in_ms;
};

struct raw_difference {
    const char *with;
    double high, low; /* NAN: not given */
    bool absolute;
};

extern const struct schema TABLE_TOP, TABLE_SITE, TABLE_BROKER, TABLE_TLS, TABLE_UNCONFIRMED,
    TABLE_ANNUNCIATION, TABLE_CHATTER, TABLE_FLOOD, TABLE_REALARM, TABLE_WEB, TABLE_STORE,
    TABLE_RETENTION, TABLE_SERIES, TABLE_AUDIENCE, TABLE_ESCALATION, TABLE_STEP, TABLE_USER,
    TABLE_DEVICE, TABLE_SNMP, TABLE_MODBUS, TABLE_PROFILE, TABLE_IDENTIFY, TABLE_POINT,
    TABLE_REGISTER, TABLE_ALARM, TABLE_RATE, TABLE_COUNT, TABLE_DIFFERENCE, TABLE_OVERRIDE;

/* With the defaults that the tables name. */
struct raw_alarm tables_alarm_defaults(void);
struct raw_point tables_point_defaults(void);

extern const char *const TABLE_AUDIENCES[]; /* names, NULL-terminated, as enum audience */

/* docs/configuration.md, whole. */
void tables_print(FILE *out);

#endif
