/*
 * tables.c - the sections of site files and profiles, as schema tables.
 */
#include "config/tables.h"

#include <math.h>
#include <stddef.h>

#include "alerts/alarm_def.h"
#include "alerts/engine.h"
#include "alerts/flood.h"
#include "alerts/ladder.h"
#include "config/profile_rules.h"
#include "gateway/base/base.h"

#define FIELD(struct_name, member) offsetof(struct struct_name, member)
#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define TABLE(name, title_text, about_text, rows)                                                  \
    const struct schema name = {title_text, about_text, rows, ARRAY_LEN(rows)}

static const char *const PROTOCOLS[] = {"snmp", "modbus-tcp", NULL};
static const char *const VERSIONS[] = {"1", "2c", NULL};
static const char *const ROLES[] = {"viewer",     "operator", "supervisor", "maintainer",
                                    "continuity", "admin",    NULL};
static const char *const KINDS[] = {"number", "state", "flag", "text", NULL};
static const char *const TYPES[] = {"u16", "s16",   "u32",   "s32", "u64",    "s64", "f32",
                                    "f64", "bcd16", "bcd32", "bit", "string", NULL};
static const char *const ORDERS[] = {"abcd", "cdab", "badc", "dcba", NULL};
static const char *const CLASSES[] = {"power",  "cooling", "environment", "fire",    "intruder",
                                      "access", "cctv",    "patrol",      "gateway", NULL};
const char *const TABLE_AUDIENCES[] = {"security", "continuity", "facilities", NULL};

/* clang-format off */
static const struct field TOP[] = {
    {"site", FIELD_MAP, FIELD(raw_top, site), true, 0, 0, NULL, NULL, "who this gateway is"},
    {"broker", FIELD_MAP, FIELD(raw_top, broker), false, 0, 0, NULL, "none", "the MQTT broker that alarms are told through"},
    {"web", FIELD_MAP, FIELD(raw_top, web), false, 0, 0, NULL, "none", "metrics and health over HTTP"},
    {"store", FIELD_MAP, FIELD(raw_top, store), false, 0, 0, NULL, "", "how time series are written"},
    {"retention", FIELD_MAP, FIELD(raw_top, retention), false, 0, 0, NULL, "", "how long what is kept"},
    {"annunciation", FIELD_MAP, FIELD(raw_top, annunciation), false, 0, 0, NULL, "", "how alarms are told: chatter, floods, re-alarm, first-out"},
    {"audiences", FIELD_MAP, FIELD(raw_top, audiences), false, 0, 0, NULL, "", "security, continuity, facilities: names for people"},
    {"users", FIELD_LIST, FIELD(raw_top, users), false, 0, 0, NULL, "none", "who may give commands"},
    {"devices", FIELD_LIST, FIELD(raw_top, devices), true, 0, 0, NULL, NULL, "what is polled"},
    {"alarms", FIELD_LIST, FIELD(raw_top, alarms), false, 0, 0, NULL, "none", "alarms on any point, beside those of the profiles"},
};
TABLE(TABLE_TOP, "Site file", "The whole file: one map.", TOP);

static const struct field SITE[] = {
    {"id", FIELD_ID, FIELD(raw_site, id), true, 0, 0, NULL, NULL, "short name; a level of every MQTT topic"},
    {"name", FIELD_TEXT, FIELD(raw_site, name), false, 0, 0, NULL, "the id", "for people"},
    {"time_zone", FIELD_TEXT, FIELD(raw_site, time_zone), false, 0, 0, NULL, "UTC", "of the people on site, e.g. Europe/Berlin; stamps stay UTC"},
    {"state_dir", FIELD_TEXT, FIELD(raw_site, state_dir), false, 0, 0, NULL, "/var/lib/watchroom", "journal, time series, cursor; a local disk"},
    {"socket", FIELD_TEXT, FIELD(raw_site, socket), false, 0, 0, NULL, "/run/watchroom/control", "control socket"},
    {"collectors", FIELD_INT, FIELD(raw_site, collectors), false, 1, 64, NULL, "1", "collector processes; one reads 5,000 devices a second"},
};
TABLE(TABLE_SITE, "site", "Who this gateway is.", SITE);

static const struct field BROKER[] = {
    {"host", FIELD_TEXT, FIELD(raw_broker, host), true, 0, 0, NULL, NULL, "address or name"},
    {"port", FIELD_INT, FIELD(raw_broker, port), false, 1, 65535, NULL, "1883, with tls 8883", "TCP port"},
    {"client_id", FIELD_TEXT, FIELD(raw_broker, client_id), false, 0, 0, NULL, "watchroom-<site id>", "MQTT client id"},
    {"user", FIELD_TEXT, FIELD(raw_broker, user), false, 0, 0, NULL, "none", "user name, where certificates do not say it"},
    {"password_file", FIELD_TEXT, FIELD(raw_broker, password_file), false, 0, 0, NULL, "none", "file with the password, mode 600"},
    {"tls", FIELD_MAP, FIELD(raw_broker, tls), false, 0, 0, NULL, "none", "TLS, with a client certificate"},
    {"keep_alive", FIELD_DURATION, FIELD(raw_broker, keep_alive_ms), false, SECOND, HOUR, NULL, "10s", "a silent connection is given up after one and a half of it"},
    {"window", FIELD_INT, FIELD(raw_broker, window), false, 1, 1000, NULL, "100", "messages under way before the broker must confirm"},
    {"publish_values", FIELD_BOOL, FIELD(raw_broker, publish_values), false, 0, 0, NULL, "true", "publish readings as val/<device>/<group>"},
    {"unconfirmed", FIELD_MAP, FIELD(raw_broker, unconfirmed), false, 0, 0, NULL, "none", "what to run when a P1 is not confirmed: a way to a person without the broker"},
};
TABLE(TABLE_BROKER, "broker", "The MQTT 5 broker.", BROKER);

static const struct field TLS[] = {
    {"ca", FIELD_TEXT, FIELD(raw_tls, ca), true, 0, 0, NULL, NULL, "certificate of the authority that signed the broker's"},
    {"certificate", FIELD_TEXT, FIELD(raw_tls, certificate), false, 0, 0, NULL, "none", "our certificate"},
    {"key", FIELD_TEXT, FIELD(raw_tls, key), false, 0, 0, NULL, "none", "its key, mode 600"},
};
TABLE(TABLE_TLS, "broker.tls", "TLS to the broker; at least version 1.2.", TLS);

static const struct field UNCONFIRMED[] = {
    {"after", FIELD_DURATION, FIELD(raw_unconfirmed, after_ms), false, SECOND, HOUR, NULL, "60s", "how long the broker may take to confirm a P1"},
    {"command", FIELD_LIST, FIELD(raw_unconfirmed, command), true, 0, 0, NULL, NULL, "program and arguments; the alarm comes as JSON on its standard input"},
};
TABLE(TABLE_UNCONFIRMED, "broker.unconfirmed", "Run once for each P1 occurrence that the broker has not confirmed in time.", UNCONFIRMED);

static const struct field WEB[] = {
    {"listen", FIELD_TEXT, FIELD(raw_web, listen), false, 0, 0, NULL, "127.0.0.1:9464", "numeric address and port; port 0 is chosen by the kernel and logged"},
};
TABLE(TABLE_WEB, "web", "HTTP: /metrics and /healthz.", WEB);

static const struct field STORE[] = {
    {"batch_samples", FIELD_INT, FIELD(raw_store, batch_samples), false, 1, 1000, NULL, "30", "samples of a file before they are written"},
    {"batch_time", FIELD_DURATION, FIELD(raw_store, batch_ms), false, SECOND, HOUR, NULL, "60s", "or this time, whichever comes first"},
    {"creates_per_second", FIELD_INT, FIELD(raw_store, creates_per_s), false, 1, 1000, NULL, "20", "new RRD files made; many at once hold up the disk for the journal"},
    {"rrdcached", FIELD_TEXT, FIELD(raw_store, rrdcached), false, 0, 0, NULL, "none", "write through this daemon: unix:/path"},
};
TABLE(TABLE_STORE, "store", "How time series are written.", STORE);

static const struct field RETENTION[] = {
    {"journal", FIELD_DURATION, FIELD(raw_retention, journal_ms), false, 400 * DAY, 36500 * DAY, NULL, "400d", "rows of the journal; never less than 13 months"},
    {"series", FIELD_LIST, FIELD(raw_retention, series), false, 0, 0, NULL, "see below", "archives of each time series"},
};
TABLE(TABLE_RETENTION, "retention", "How long what is kept. Series by default: 1s for 1h, 10s for 1d, 1m for 7d, 5m for 60d, 1h with extremes for 400d.", RETENTION);

static const struct field SERIES[] = {
    {"step", FIELD_DURATION, FIELD(raw_series, step_ms), true, SECOND, DAY, NULL, NULL, "one row every so long"},
    {"keep", FIELD_DURATION, FIELD(raw_series, keep_ms), true, MINUTE, 3650 * DAY, NULL, NULL, "rows are kept for so long"},
    {"extremes", FIELD_BOOL, FIELD(raw_series, extremes), false, 0, 0, NULL, "false", "minimum and maximum beside the average"},
};
TABLE(TABLE_SERIES, "retention.series", "One archive.", SERIES);

static const struct field ANNUNCIATION[] = {
    {"chatter", FIELD_MAP, FIELD(raw_annunciation, chatter), false, 0, 0, NULL, "", "when an alarm that comes and goes is held"},
    {"flood", FIELD_MAP, FIELD(raw_annunciation, flood), false, 0, 0, NULL, "", "when an audience is told more than it can take in"},
    {"realarm", FIELD_MAP, FIELD(raw_annunciation, realarm), false, 0, 0, NULL, "", "when what was acknowledged and still stands is told again"},
    {"suppression_hold", FIELD_DURATION, FIELD(raw_annunciation, fold_hold_ms), false, 0, HOUR, NULL, "60s", "what is suppressed under a root (`suppressed_by`) stays so for this long after the root has gone"},
    {"first_out", FIELD_DURATION, FIELD(raw_annunciation, first_out_ms), false, 0, HOUR, NULL, "30s", "quiet before an alarm of an audience counts as the first of a burst; 0s: none does"},
};
TABLE(TABLE_ANNUNCIATION, "annunciation", "How alarms are told.", ANNUNCIATION);

static const struct field CHATTER[] = {
    {"raises", FIELD_INT, FIELD(raw_chatter, raises), false, 0, ENGINE_CHATTER_MAX, NULL, "3", "so many, 2 to 4, hold an occurrence active; 0: never"},
    {"within", FIELD_DURATION, FIELD(raw_chatter, within_ms), false, SECOND, HOUR, NULL, "60s", "within this time"},
    {"quiet", FIELD_DURATION, FIELD(raw_chatter, quiet_ms), false, SECOND, DAY, NULL, "300s", "until the input has kept still for so long"},
};
TABLE(TABLE_CHATTER, "annunciation.chatter", "An alarm that comes and goes is told once and held active until its input keeps still; each edge is journalled, and gateway/gateway/chatter says how many are held.", CHATTER);

static const struct field FLOOD[] = {
    {"begin", FIELD_INT, FIELD(raw_flood, begin), false, 0, FLOOD_MAX, NULL, "10", "alarms told to an audience; 0: there is no flood"},
    {"end", FIELD_INT, FIELD(raw_flood, end), false, 1, FLOOD_MAX, NULL, "5", "the flood ends when fewer have been told; at most `begin`"},
    {"within", FIELD_DURATION, FIELD(raw_flood, within_ms), false, SECOND, DAY, NULL, "10m", "within this time"},
};
TABLE(TABLE_FLOOD, "annunciation.flood", "During a flood P3 and P4 are told without a sound.", FLOOD);

static const struct field REALARM[] = {
    {"p1", FIELD_DURATION, FIELD(raw_realarm, ms[1]), false, 0, 30 * DAY, NULL, "10m", "of critical alarms; 0s: never"},
    {"p2", FIELD_DURATION, FIELD(raw_realarm, ms[2]), false, 0, 30 * DAY, NULL, "30m", "of major ones"},
    {"p3", FIELD_DURATION, FIELD(raw_realarm, ms[3]), false, 0, 30 * DAY, NULL, "4h", "of minor ones"},
    {"p4", FIELD_DURATION, FIELD(raw_realarm, ms[4]), false, 0, 30 * DAY, NULL, "0s", "of warnings"},
};
TABLE(TABLE_REALARM, "annunciation.realarm", "By priority, where an alarm has no time of its own (`realarm`).", REALARM);

static const struct field AUDIENCE[] = {
    {"name", FIELD_TEXT, FIELD(raw_audience, name), false, 0, 0, NULL, "", "for people"},
    {"watched", FIELD_BOOL, FIELD(raw_audience, watched), false, 0, 0, NULL, "false", "somebody must be at a console: alarm audience-unwatched when nobody is"},
    {"unwatched_after", FIELD_DURATION, FIELD(raw_audience, unwatched_after_ms), false, SECOND, HOUR, NULL, "2m", "for so long"},
    {"unwatched_priority", FIELD_INT, FIELD(raw_audience, unwatched_priority), false, 1, 4, NULL, "2", "of that alarm"},
    {"escalation", FIELD_LIST, FIELD(raw_audience, escalation), false, 0, 0, NULL, "P1: 0, 2m, 5m, 10m, 3 repeats; P2: 0, 10m, 30m", "who is told of an alarm that nobody answers, per priority"},
};
TABLE(TABLE_AUDIENCE, "audiences", "Under security, continuity, facilities: who they are here.", AUDIENCE);

static const struct field ESCALATION[] = {
    {"priority", FIELD_INT, FIELD(raw_escalation, priority), true, 1, 4, NULL, NULL, "of the alarms it is for"},
    {"steps", FIELD_LIST, FIELD(raw_escalation, steps), true, 0, 0, NULL, NULL, "one after the other; empty: nobody is told again"},
    {"repeats", FIELD_INT, FIELD(raw_escalation, repeats), false, 0, LADDER_REPEATS_MAX, NULL, "0", "of the last step; then the alarm escalation-exhausted"},
    {"repeat_every", FIELD_DURATION, FIELD(raw_escalation, repeat_every_ms), false, SECOND, DAY, NULL, "10m", "between them"},
    {"ack_timeout", FIELD_DURATION, FIELD(raw_escalation, ack_timeout_ms), false, 0, 7 * DAY, NULL, "P1 30m, P2 2h, else 0", "acknowledged, and for so long neither cleared nor commented: it begins again; 0: never"},
};
TABLE(TABLE_ESCALATION, "audiences.escalation", "A ladder: it begins with the first occurrence that nobody acknowledged, and ends with an acknowledgement.", ESCALATION);

static const struct field STEP[] = {
    {"after", FIELD_DURATION, FIELD(raw_step, after_ms), false, 0, DAY, NULL, "0", "from the beginning"},
    {"to", FIELD_ANY, FIELD(raw_step, to), true, 0, 0, NULL, NULL, "audiences and users, one or a list"},
};
TABLE(TABLE_STEP, "audiences.escalation.steps", "One step: a message to an audience, or to one person (notify/<user>).", STEP);

static const struct field USER[] = {
    {"name", FIELD_ID, FIELD(raw_user, name), true, 0, 0, NULL, NULL, "as the broker knows them: the topic level under cmd/"},
    {"role", FIELD_WORD, FIELD(raw_user, role), true, 0, 0, ROLES, NULL, "what they may do"},
    {"system_user", FIELD_TEXT, FIELD(raw_user, system_user), false, 0, 0, NULL, "none", "their login on this machine, for the control socket"},
    {"owner", FIELD_TEXT, FIELD(raw_user, owner), false, 0, 0, NULL, "none", "whose devices are a maintainer's own: their `owner`"},
    {"audiences", FIELD_LIST, FIELD(raw_user, audiences), false, 0, 0, NULL, "all", "whose alarms are theirs"},
};
TABLE(TABLE_USER, "users", "Who may give commands.", USER);

static const struct field DEVICE[] = {
    {"id", FIELD_ID, FIELD(raw_device, id), true, 0, 0, NULL, NULL, "short name, unique; a level of topics and a folder name"},
    {"name", FIELD_TEXT, FIELD(raw_device, name), false, 0, 0, NULL, "the id", "for people"},
    {"profile", FIELD_TEXT, FIELD(raw_device, profile), false, 0, 0, NULL, "none: inline points", "what kind of device: a file under profiles/, without .yaml"},
    {"protocol", FIELD_WORD, FIELD(raw_device, protocol), false, 0, 0, PROTOCOLS, "the profile's", "with inline points only"},
    {"address", FIELD_TEXT, FIELD(raw_device, address), true, 0, 0, NULL, NULL, "numeric, with or without port: 10.0.0.11, 10.0.0.11:1161, [fd00::1]:161"},
    {"snmp", FIELD_MAP, FIELD(raw_device, snmp), false, 0, 0, NULL, "", "SNMP settings"},
    {"modbus", FIELD_MAP, FIELD(raw_device, modbus), false, 0, 0, NULL, "", "Modbus settings"},
    {"groups", FIELD_MAP, FIELD(raw_device, groups), false, 0, 0, NULL, "the profile's", "with inline points: name of each group and its interval, or once"},
    {"intervals", FIELD_MAP, FIELD(raw_device, intervals), false, 0, 0, NULL, "the profile's", "other intervals for groups of the profile"},
    {"points", FIELD_LIST, FIELD(raw_device, points), false, 0, 0, NULL, "the profile's", "inline points, instead of a profile"},
    {"alarms", FIELD_MAP, FIELD(raw_device, alarms), false, 0, 0, NULL, "the profile's", "changes to alarms of the profile, by name; also comm-lost and data-stale"},
    {"fed_by", FIELD_LIST, FIELD(raw_device, fed_by), false, 0, 0, NULL, "none", "ids of the devices that feed it with power"},
    {"timeout", FIELD_DURATION, FIELD(raw_device, timeout_ms), false, 50, MINUTE, NULL, "1s SNMP, 2s Modbus", "for one answer"},
    {"down_after", FIELD_INT, FIELD(raw_device, down_after), false, 1, 100, NULL, "3", "missed polls in a row until it counts as lost"},
    {"up_after", FIELD_INT, FIELD(raw_device, up_after), false, 1, 100, NULL, "2", "good polls in a row until it counts as back"},
    {"backoff_max", FIELD_DURATION, FIELD(raw_device, backoff_max_ms), false, SECOND, HOUR, NULL, "30s", "longest pause between probes of a lost device"},
    {"zone", FIELD_TEXT, FIELD(raw_device, zone), false, 0, 0, NULL, "", "room or row"},
    {"asset", FIELD_TEXT, FIELD(raw_device, asset), false, 0, 0, NULL, "", "asset number"},
    {"owner", FIELD_TEXT, FIELD(raw_device, owner), false, 0, 0, NULL, "", "who answers for it"},
};
TABLE(TABLE_DEVICE, "devices", "What is polled. Every device also gets the point comm.state and the alarms comm-lost and data-stale.", DEVICE);

static const struct field SNMP[] = {
    {"version", FIELD_WORD, FIELD(raw_snmp, version), false, 0, 0, VERSIONS, "2c", "protocol version"},
    {"community", FIELD_TEXT, FIELD(raw_snmp, community), false, 0, 0, NULL, "public", "community; better in a file"},
    {"community_file", FIELD_TEXT, FIELD(raw_snmp, community_file), false, 0, 0, NULL, "none", "file with the community, mode 600"},
    {"max_varbinds", FIELD_INT, FIELD(raw_snmp, max_varbinds), false, 1, 128, NULL, "24", "objects per request, to begin with"},
    {"max_bytes", FIELD_INT, FIELD(raw_snmp, max_bytes), false, 100, 60000, NULL, "1400", "estimated size of an answer"},
};
TABLE(TABLE_SNMP, "snmp", "Of a device or a profile.", SNMP);

static const struct field MODBUS[] = {
    {"unit", FIELD_INT, FIELD(raw_modbus, unit), false, 0, 255, NULL, "1", "unit id"},
    {"max_words", FIELD_INT, FIELD(raw_modbus, max_words), false, 1, 125, NULL, "120", "registers per request"},
    {"max_gap", FIELD_INT, FIELD(raw_modbus, max_gap), false, 0, 124, NULL, "8", "unused registers read rather than asking twice"},
    {"delay", FIELD_DURATION, FIELD(raw_modbus, delay_ms), false, 0, 10 * SECOND, NULL, "0s", "between an answer and the next request"},
    {"connect_delay", FIELD_DURATION, FIELD(raw_modbus, connect_delay_ms), false, 0, 10 * SECOND, NULL, "0s", "between connecting and the first request"},
    {"close_after_poll", FIELD_BOOL, FIELD(raw_modbus, close_after_poll), false, 0, 0, NULL, "false", "for devices with few connections"},
    {"never_across", FIELD_LIST, FIELD(raw_modbus, never_across), false, 0, 0, NULL, "none", "register numbers: no request holds both n-1 and n"},
    {"alone", FIELD_LIST, FIELD(raw_modbus, alone), false, 0, 0, NULL, "none", "ranges first..last that are read exactly so"},
};
TABLE(TABLE_MODBUS, "modbus", "Of a device or a profile. Only functions 1 to 4 are ever sent.", MODBUS);

static const struct field PROFILE[] = {
    {"profile", FIELD_TEXT, FIELD(raw_profile, profile), true, 0, 0, NULL, NULL, "kind/family, as the file is called"},
    {"title", FIELD_TEXT, FIELD(raw_profile, title), true, 0, 0, NULL, NULL, "for people"},
    {"source", FIELD_TEXT, FIELD(raw_profile, source), true, 0, 0, NULL, NULL, "MIB, manual or register map the facts come from"},
    {"protocol", FIELD_WORD, FIELD(raw_profile, protocol), true, 0, 0, PROTOCOLS, NULL, "how it is read"},
    {"identify", FIELD_MAP, FIELD(raw_profile, identify), false, 0, 0, NULL, "", "how such a device is recognised"},
    {"groups", FIELD_MAP, FIELD(raw_profile, groups), true, 0, 0, NULL, NULL, "name of each group and its interval, or once"},
    {"snmp", FIELD_MAP, FIELD(raw_profile, snmp), false, 0, 0, NULL, "", "SNMP limits"},
    {"modbus", FIELD_MAP, FIELD(raw_profile, modbus), false, 0, 0, NULL, "", "Modbus limits"},
    {"points", FIELD_LIST, FIELD(raw_profile, points), true, 0, 0, NULL, NULL, "what is read"},
    {"alarms", FIELD_LIST, FIELD(raw_profile, alarms), false, 0, 0, NULL, "none", "what is an alarm unless the site says otherwise"},
};
TABLE(TABLE_PROFILE, "Profile", "A file of its own: profiles/<kind>/<family>.yaml.", PROFILE);

static const struct field IDENTIFY[] = {
    {"sys_object_id", FIELD_LIST, FIELD(raw_identify, sys_object_id), false, 0, 0, NULL, "", "prefixes of sysObjectID"},
    {"sys_descr", FIELD_LIST, FIELD(raw_identify, sys_descr), false, 0, 0, NULL, "", "words in sysDescr"},
};
TABLE(TABLE_IDENTIFY, "identify", "How such a device is recognised.", IDENTIFY);

static const struct field POINT[] = {
    {"id", FIELD_TEXT, FIELD(raw_point, id), true, 0, 0, NULL, NULL, "from the vocabulary, or any id with custom: true; {n} with repeat"},
    {"group", FIELD_ID, FIELD(raw_point, group), false, 0, 0, NULL, "the first group", "which group it is read with"},
    {"oid", FIELD_TEXT, FIELD(raw_point, oid), false, 0, 0, NULL, "", "SNMP: the object, with its instance"},
    {"register", FIELD_MAP, FIELD(raw_point, reg), false, 0, 0, NULL, "", "Modbus: where it is"},
    {"kind", FIELD_WORD, FIELD(raw_point, kind), false, 0, 0, KINDS, "the vocabulary's", "number, state (with labels), flag or text"},
    {"unit", FIELD_TEXT, FIELD(raw_point, unit), false, 0, 0, NULL, "the vocabulary's", "unit, with custom: true"},
    {"description", FIELD_TEXT, FIELD(raw_point, description), false, 0, 0, NULL, "the vocabulary's", "what it means"},
    {"custom", FIELD_BOOL, FIELD(raw_point, custom), false, 0, 0, NULL, "false", "a point that the vocabulary does not know"},
    {"scale", FIELD_NUMBER, FIELD(raw_point, scale), false, 0, 0, NULL, "1", "value = raw * scale + offset"},
    {"offset", FIELD_NUMBER, FIELD(raw_point, offset), false, 0, 0, NULL, "0", ""},
    {"bit", FIELD_INT, FIELD(raw_point, bit), false, 0, 63, NULL, "none", "this bit of the number, 0 is the lowest"},
    {"mask", FIELD_INT, FIELD(raw_point, mask), false, 1, 9007199254740992.0, NULL, "none", "these bits of the number, after shift"},
    {"shift", FIELD_INT, FIELD(raw_point, shift), false, 0, 63, NULL, "0", "to the right, before mask"},
    {"range", FIELD_LIST, FIELD(raw_point, range), false, 0, 0, NULL, "any", "plausible [lowest, highest]; beyond is no reading"},
    {"absent", FIELD_ANY, FIELD(raw_point, absent), false, 0, 0, NULL, "none", "raw numbers that mean \"no value\"; a..b for a range"},
    {"absent_scaled", FIELD_ANY, FIELD(raw_point, absent_scaled), false, 0, 0, NULL, "none", "the same after scaling"},
    {"absent_text", FIELD_ANY, FIELD(raw_point, absent_text), false, 0, 0, NULL, "NA, -, unknown ...", "texts that mean \"no value\""},
    {"labels", FIELD_MAP, FIELD(raw_point, labels), false, 0, 0, NULL, "none", "number: label, for states and flags"},
    {"repeat", FIELD_MAP, FIELD(raw_point, repeat), false, 0, 0, NULL, "none", "{n: 1..3} makes one point each, {n} in id, oid and description"},
    {"address_step", FIELD_INT, FIELD(raw_point, address_step), false, 0, 1000, NULL, "0", "with repeat: registers from one to the next"},
};
TABLE(TABLE_POINT, "points", "Of a profile or a device.", POINT);

static const struct field REGISTER[] = {
    {"fc", FIELD_INT, FIELD(raw_register, fc), true, 1, 4, NULL, NULL, "function: 1 coils, 2 inputs, 3 holding, 4 input registers"},
    {"address", FIELD_INT, FIELD(raw_register, address), true, 0, 65535, NULL, NULL, "as on the wire, from 0"},
    {"type", FIELD_WORD, FIELD(raw_register, type), true, 0, 0, TYPES, NULL, "how the words are read"},
    {"order", FIELD_WORD, FIELD(raw_register, order), false, 0, 0, ORDERS, "abcd", "word and byte order, a is the most significant byte"},
    {"bit", FIELD_INT, FIELD(raw_register, bit), false, 0, 15, NULL, "0", "type bit, functions 3 and 4: 0 is the lowest"},
    {"words", FIELD_INT, FIELD(raw_register, words), false, 1, 60, NULL, "by type", "type string: how many words"},
};
TABLE(TABLE_REGISTER, "register", "Where a Modbus point is.", REGISTER);

#define ALARM_ROWS(is_definition) \
    {"priority", FIELD_INT, FIELD(raw_alarm, priority), is_definition, 1, 4, NULL, NULL, "1 critical, 2 major, 3 minor, 4 warning"}, \
    {"audiences", FIELD_ANY, FIELD(raw_alarm, audiences), is_definition, 0, 0, NULL, NULL, "security, continuity, facilities"}, \
    {"text", FIELD_TEXT, FIELD(raw_alarm, text), is_definition, 0, 0, NULL, NULL, "what is wrong"}, \
    {"consequence", FIELD_TEXT, FIELD(raw_alarm, consequence), is_definition, 0, 0, NULL, NULL, "what happens if nobody acts"}, \
    {"action", FIELD_TEXT, FIELD(raw_alarm, action), is_definition, 0, 0, NULL, NULL, "what to do; what needs no action is no alarm"}, \
    {"respond_within", FIELD_DURATION, FIELD(raw_alarm, respond_within_ms), is_definition, SECOND, 365 * DAY, NULL, NULL, "by when"}, \
    {"deadband", FIELD_NUMBER, FIELD(raw_alarm, deadband), false, 0, 1e12, NULL, "0", "how far back inside the limit the value must come"}, \
    {"on_delay", FIELD_DURATION, FIELD(raw_alarm, on_delay_ms), false, 0, 30 * DAY, NULL, "0s", "how long it must last"}, \
    {"off_delay", FIELD_DURATION, FIELD(raw_alarm, off_delay_ms), false, 0, 30 * DAY, NULL, "0s", "how long it must be over"}, \
    {"realarm", FIELD_DURATION, FIELD(raw_alarm, realarm_ms), false, 0, 30 * DAY, NULL, "by priority: annunciation.realarm", "told again when acknowledged and still there; 0: never"}, \
    {"suppressed_by", FIELD_TEXT, FIELD(raw_alarm, suppressed_by), false, 0, 0, NULL, "none", "id of the alarm that is its cause, or the name of one of the same device: suppressed while that stands; none lifts what the profile says"}, \
    {"at_most", FIELD_DURATION, FIELD(raw_alarm, suppressed_max_ms), false, SECOND, 7 * DAY, NULL, "", "with suppressed_by: for so long under one occurrence of it"}, \
    {"latch", FIELD_BOOL, FIELD(raw_alarm, latch), false, 0, 0, NULL, "false", "stays until a person resets it"}

static const struct field ALARM[] = {
    {"name", FIELD_ID, FIELD(raw_alarm, name), true, 0, 0, NULL, NULL, "last part of the id <class>/<device>/<name>"},
    {"type", FIELD_TEXT, FIELD(raw_alarm, type), true, 0, 0, NULL, NULL, "dotted kind: power.ups.on-battery"},
    {"class", FIELD_WORD, FIELD(raw_alarm, alarm_class), true, 0, 0, CLASSES, NULL, "first part of the id"},
    {"point", FIELD_TEXT, FIELD(raw_alarm, point), true, 0, 0, NULL, NULL, "point of the profile, or device/point in the site file"},
    {"high", FIELD_NUMBER, FIELD(raw_alarm, high), false, 0, 0, NULL, "", "above this; one of high, low, is, not, rate, count, difference, when, silent"},
    {"low", FIELD_NUMBER, FIELD(raw_alarm, low), false, 0, 0, NULL, "", "below this"},
    {"is", FIELD_ANY, FIELD(raw_alarm, is), false, 0, 0, NULL, "", "one of these labels or numbers"},
    {"not", FIELD_ANY, FIELD(raw_alarm, is_not), false, 0, 0, NULL, "", "none of these"},
    {"rate", FIELD_MAP, FIELD(raw_alarm, rate), false, 0, 0, NULL, "", "so much within so long"},
    {"count", FIELD_MAP, FIELD(raw_alarm, count), false, 0, 0, NULL, "", "so often within so long"},
    {"difference", FIELD_MAP, FIELD(raw_alarm, difference), false, 0, 0, NULL, "", "against another point"},
    {"when", FIELD_ANY, FIELD(raw_alarm, when), false, 0, 0, NULL, "", "a condition over points, see below"},
    {"silent", FIELD_DURATION, FIELD(raw_alarm, silent_ms), false, SECOND, 400 * DAY, NULL, "", "no good reading for so long"},
    ALARM_ROWS(true),
    {"managed", FIELD_BOOL, FIELD(raw_alarm, managed), false, 0, 0, NULL, "false", "fire, tamper ...: never shelved, never suppressed"},
    {"ack_required", FIELD_BOOL, FIELD(raw_alarm, ack_required), false, 0, 0, NULL, "true", "somebody must say that it was seen"},
    {"shelvable", FIELD_BOOL, FIELD(raw_alarm, shelvable), false, 0, 0, NULL, "true, P1 false", "may be put aside for a time"},
};
TABLE(TABLE_ALARM, "alarms", "Of a profile or the site.", ALARM);

static const struct field RATE[] = {
    {"rise", FIELD_NUMBER, FIELD(raw_rate, rise), false, 1e-9, 1e12, NULL, "", "so far above the lowest reading of that time; one of rise, fall, change"},
    {"fall", FIELD_NUMBER, FIELD(raw_rate, fall), false, 1e-9, 1e12, NULL, "", "so far below the highest one"},
    {"change", FIELD_NUMBER, FIELD(raw_rate, change), false, 1e-9, 1e12, NULL, "", "either"},
    {"in", FIELD_DURATION, FIELD(raw_rate, in_ms), true, SECOND, 7 * DAY, NULL, NULL, "the time that is looked back; up to a tenth more may count"},
};
TABLE(TABLE_RATE, "alarms.rate", "How fast a number changes.", RATE);

static const struct field COUNT[] = {
    {"of", FIELD_ANY, FIELD(raw_count, of), false, 0, 0, NULL, "", "it became one of these labels or numbers, or: change, any other value; one of of, high, low"},
    {"high", FIELD_NUMBER, FIELD(raw_count, high), false, 0, 0, NULL, "", "it rose above this"},
    {"low", FIELD_NUMBER, FIELD(raw_count, low), false, 0, 0, NULL, "", "it fell below this"},
    {"at_least", FIELD_INT, FIELD(raw_count, at_least), true, 2, RULE_COUNT_MAX, NULL, NULL, "how often"},
    {"in", FIELD_DURATION, FIELD(raw_count, in_ms), true, SECOND, 7 * DAY, NULL, NULL, "the time that is looked back"},
};
TABLE(TABLE_COUNT, "alarms.count", "How often something begins.", COUNT);

static const struct field DIFFERENCE[] = {
    {"with", FIELD_TEXT, FIELD(raw_difference, with), true, 0, 0, NULL, NULL, "the point that is subtracted"},
    {"high", FIELD_NUMBER, FIELD(raw_difference, high), false, 0, 0, NULL, "", "above this; one of high, low"},
    {"low", FIELD_NUMBER, FIELD(raw_difference, low), false, 0, 0, NULL, "", "below this"},
    {"absolute", FIELD_BOOL, FIELD(raw_difference, absolute), false, 0, 0, NULL, "false", "whichever of the two is larger"},
};
TABLE(TABLE_DIFFERENCE, "alarms.difference", "A point less another one.", DIFFERENCE);

static const struct field OVERRIDE[] = {
    {"disabled", FIELD_BOOL, FIELD(raw_alarm, disabled), false, 0, 0, NULL, "false", "not on this device"},
    {"limit", FIELD_NUMBER, FIELD(raw_alarm, limit), false, 0, 0, NULL, "the profile's", "another limit"},
    ALARM_ROWS(false),
};
TABLE(TABLE_OVERRIDE, "devices.alarms", "Changes to one alarm of the profile, for one device. Defaults are the profile's.", OVERRIDE);
/* clang-format on */

struct raw_alarm
tables_alarm_defaults(void)
{
    return (struct raw_alarm){.priority = -1,
                              .on_delay_ms = -1,
                              .off_delay_ms = -1,
                              .respond_within_ms = -1,
                              .realarm_ms = ALARM_REALARM_BY_PRIORITY,
                              .suppressed_max_ms = -1,
                              .high = NAN,
                              .low = NAN,
                              .limit = NAN,
                              .deadband = NAN,
                              .silent_ms = -1,
                              .ack_required = true,
                              .shelvable = true};
}

struct raw_point
tables_point_defaults(void)
{
    return (struct raw_point){.kind = -1, .scale = 1, .bit = -1, .mask = -1};
}

void
tables_print(FILE *out)
{
    static const struct schema *const ALL[] = {
        &TABLE_TOP,     &TABLE_SITE,     &TABLE_BROKER,    &TABLE_TLS,      &TABLE_UNCONFIRMED,
        &TABLE_WEB,     &TABLE_STORE,    &TABLE_RETENTION, &TABLE_SERIES,   &TABLE_ANNUNCIATION,
        &TABLE_CHATTER, &TABLE_FLOOD,    &TABLE_REALARM,   &TABLE_AUDIENCE, &TABLE_ESCALATION, &TABLE_STEP, &TABLE_USER,
        &TABLE_DEVICE,  &TABLE_SNMP,     &TABLE_MODBUS,    &TABLE_OVERRIDE, &TABLE_ALARM,
        &TABLE_RATE,    &TABLE_COUNT,    &TABLE_DIFFERENCE,
        &TABLE_PROFILE, &TABLE_IDENTIFY, &TABLE_POINT,     &TABLE_REGISTER,
    };

    fputs(
        "# Configuration\n\n"
        "Made by `watchroom check --schema-markdown` from the tables that read the files; do not "
        "edit.\n\n"
        "Durations are written `500ms`, `30s`, `5m`, `2h`, `400d`. Numbers are decimal. Unknown "
        "keys are errors.\n"
        "Relative paths start at the folder of the site file. `watchroom check SITE` reports every "
        "fault in one run.\n\n",
        out);
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        schema_print(ALL[i], out);
        if (ALL[i] == &TABLE_DIFFERENCE)
            profile_rules_print(out);
    }
}
