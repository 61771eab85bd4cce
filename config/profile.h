/*
 * profile.h - points and alarms of one kind of device: from a profile file, or inline in a device.
 */
#ifndef WATCHROOM_CONFIG_PROFILE_H
#define WATCHROOM_CONFIG_PROFILE_H

#include "alerts/alarm_def.h"
#include "collectors/collect.h"
#include "config/profile_rules.h"
#include "config/tables.h"
#include "config/texts.h"

struct profile_alarm {
    const struct alarm_type *type;
    uint32_t point; /* index into the profile's sources */
    /* Rules over several points: all of them, as indices; else none. */
    const uint32_t *inputs;
    uint16_t input_count;
    struct yaml_place place;
};

struct profile {
    const char *id;
    int protocol; /* enum protocol */
    struct source_set set;
    uint16_t group_count;
    struct group_info groups[GROUPS_MAX];
    struct profile_alarm *alarms;
    uint32_t alarm_count;
    bool lacks_points; /* some had faults: what refers to them is no fault of its own */
    uint64_t digest;
    char sha256[DIGEST_HEX]; /* of its file; "" for inline points */
};

/* What profile.c needs of its surroundings. */
struct profile_reader {
    struct schema_reader schema;
    int protocol; /* enum protocol of the points */
};

/* Fills a profile from its file, whose text goes to `texts` (may be NULL). NULL after faults were
 * reported. */
const struct profile *profile_load(const char *directory, const char *id, struct arena *arena,
                                   struct diag *diag, struct site_texts *texts,
                                   struct fy_node *asked_by, const struct yaml *asked_in);

/* Pieces that inline points share. Each reports its faults and returns false. */
bool profile_read_groups(const struct schema_reader *reader, struct fy_node *node,
                         struct profile *profile);
bool profile_read_points(const struct profile_reader *reader, struct fy_node *list,
                         struct profile *profile);
bool profile_read_snmp(const struct schema_reader *reader, struct fy_node *node,
                       struct snmp_limits *limits, struct raw_snmp *raw);
bool profile_read_modbus(const struct schema_reader *reader, struct fy_node *node,
                         struct modbus_limits *limits, struct raw_modbus *raw);

/* Can every Modbus point be read within the limits of `set`? The fault is told at `node`. */
bool profile_check_plans(const struct yaml *yaml, struct fy_node *node,
                         const struct profile *profile, const struct source_set *set);

/* Reports what is no object identifier; the numbers go into the arena. */
bool profile_read_oid(const struct schema_reader *reader, struct fy_node *node, const char *text,
                      struct snmp_source *source);

/* The alarms of a profile, whose points were read. */
bool profile_read_alarms(const struct schema_reader *reader, struct fy_node *list,
                         struct profile *profile);

/* An interval or "once". */
bool profile_read_interval(const struct schema_reader *reader, struct fy_node *node,
                           int64_t *out_ms);

/* A whole alarm (not a change to one). NULL after faults. */
const struct alarm_type *profile_read_alarm(const struct schema_reader *reader,
                                            struct fy_node *node, const struct raw_alarm *raw,
                                            struct rule_points *points);
/* What can be said of an alarm that schema_read found faults in. */
void profile_check_alarm(const struct schema_reader *reader, struct fy_node *node,
                         const struct raw_alarm *raw, struct rule_points *points);
/* A list of audiences as bits; 0 after faults. */
uint8_t profile_read_audiences(const struct schema_reader *reader, struct fy_node *node);
/* "none" is no root. */
void profile_settle_root(struct alarm_type *type);
uint64_t profile_digest_type(const struct alarm_type *type);

#endif
