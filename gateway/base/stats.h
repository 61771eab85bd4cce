/*
 * stats.h - the counters of a process, one closed list for all of them.
 *
 * A worker owns an array of STAT_COUNT uint64_t and adds to it; it travels to the master in every
 * answer to a ping, from there to alarms, and on to `status` and /metrics. Names follow the
 * Prometheus naming rules; a counter's name ends in _total.
 */
#ifndef WATCHROOM_BASE_STATS_H
#define WATCHROOM_BASE_STATS_H

#include "gateway/base/base.h"

/* clang-format off */
/* X(symbol, kind, name, owner, help); owner: whose zero says something */
#define STATS_TABLE(X) \
    X(POLLS_STARTED, COUNTER, "polls_started_total", COLLECTOR, "Group polls started") \
    X(POLLS_OK, COUNTER, "polls_ok_total", COLLECTOR, "Group polls answered completely") \
    X(POLLS_FAILED, COUNTER, "polls_failed_total", COLLECTOR, "Group polls that failed") \
    X(POLLS_SKIPPED, COUNTER, "polls_skipped_total", COLLECTOR, "Poll slots skipped, never caught up") \
    X(PROBES, COUNTER, "probes_total", COLLECTOR, "Probes of down devices") \
    X(REQUESTS, COUNTER, "requests_total", COLLECTOR, "Requests sent to devices") \
    X(SAMPLES, COUNTER, "samples_total", COLLECTOR, "Samples decoded") \
    X(SAMPLES_BAD, COUNTER, "samples_bad_total", COLLECTOR, "Samples of bad quality") \
    X(SAMPLES_MERGED, COUNTER, "samples_merged_total", COLLECTOR, "Samples merged while alarms lagged") \
    X(SAMPLES_DROPPED, COUNTER, "samples_dropped_total", ANY, "Samples the store link could not take") \
    X(EVENTS, COUNTER, "events_total", COLLECTOR, "State changes and traps sent") \
    X(EVENTS_PENDING, GAUGE, "events_pending", COLLECTOR, "Events not yet committed by alarms") \
    X(EVENTS_DEFERRED, COUNTER, "events_deferred_total", COLLECTOR, "State changes that waited for a commit") \
    X(DEVICES_UP, GAUGE, "devices_up", COLLECTOR, "Devices that answer") \
    X(DEVICES_DOWN, GAUGE, "devices_down", COLLECTOR, "Devices that do not answer") \
    X(REPLIES_STRAY, COUNTER, "replies_stray_total", COLLECTOR, "Replies nobody waited for, or of a stranger") \
    X(REPLIES_BROKEN, COUNTER, "replies_broken_total", COLLECTOR, "Replies that broke their protocol") \
    X(LATE_LE_5MS, COUNTER, "poll_done_le_5ms_total", COLLECTOR, "Polls decoded within 5 ms of their slot") \
    X(LATE_LE_10MS, COUNTER, "poll_done_le_10ms_total", COLLECTOR, "Polls decoded within 10 ms") \
    X(LATE_LE_25MS, COUNTER, "poll_done_le_25ms_total", COLLECTOR, "Polls decoded within 25 ms") \
    X(LATE_LE_100MS, COUNTER, "poll_done_le_100ms_total", COLLECTOR, "Polls decoded within 100 ms") \
    X(LATE_GT_100MS, COUNTER, "poll_done_gt_100ms_total", COLLECTOR, "Polls decoded later than 100 ms") \
    X(LATE_US, COUNTER, "poll_done_microseconds_total", COLLECTOR, "Slot to decoded, summed over polls") \
    X(STORE_SAMPLES, COUNTER, "store_samples_total", STORE, "Samples taken by the store") \
    X(STORE_UPDATES, COUNTER, "store_updates_total", STORE, "RRD update calls") \
    X(STORE_ERRORS, COUNTER, "store_errors_total", STORE, "RRD updates that failed") \
    X(STORE_REFUSED, COUNTER, "store_refused_total", STORE, "Samples refused for their time") \
    X(STORE_LATE, COUNTER, "store_late_total", STORE, "Samples of a slot that was written already") \
    X(STORE_DROPPED, COUNTER, "store_dropped_total", STORE, "Samples the store dropped") \
    X(STORE_FILES, GAUGE, "store_files", STORE, "RRD files open for updates") \
    X(UNKNOWN_NUMBERS, COUNTER, "unknown_numbers_total", ANY, "Messages with a point nobody knows") \
    X(ENGINE_SAMPLES, COUNTER, "engine_samples_total", ALARMS, "Samples judged") \
    X(TRANSITIONS, COUNTER, "alarm_transitions_total", ALARMS, "Alarm transitions journalled") \
    X(ALARMS_TOLD, COUNTER, "alarms_told_total", ALARMS, "Alarms told to people") \
    X(ALARMS_LIVE, GAUGE, "alarms_live", ALARMS, "Alarms active, clearing or latched") \
    X(ALARMS_UNACKED, GAUGE, "alarms_unacked", ALARMS, "Alarms waiting for an acknowledgement") \
    X(JOURNAL_SEQ, GAUGE, "journal_seq", ALARMS, "Sequence number of the newest journal row") \
    X(JOURNAL_COMMITS, COUNTER, "journal_commits_total", ALARMS, "Journal transactions") \
    X(JOURNAL_ERRORS, COUNTER, "journal_errors_total", ALARMS, "Journal transactions that failed") \
    X(JOURNAL_UNWRITTEN, GAUGE, "journal_unwritten_rows", ALARMS, "Rows told but not yet on disk") \
    X(COMMANDS, COUNTER, "commands_total", ALARMS, "Commands judged") \
    X(COMMANDS_REFUSED, COUNTER, "commands_refused_total", ALARMS, "Commands refused") \
    X(MQTT_CONNECTED, GAUGE, "mqtt_connected", COURIER, "1 while the broker session stands") \
    X(MQTT_PUBLISHED, COUNTER, "mqtt_published_total", COURIER, "Messages confirmed by the broker") \
    X(MQTT_REFUSED, COUNTER, "mqtt_refused_total", COURIER, "Publishes refused by the broker") \
    X(MQTT_RECONNECTS, COUNTER, "mqtt_reconnects_total", COURIER, "Broker sessions begun") \
    X(MQTT_CURSOR, GAUGE, "mqtt_cursor_seq", COURIER, "Newest journal row confirmed by the broker") \
    X(HTTP_REQUESTS, COUNTER, "http_requests_total", WEB, "HTTP requests answered") \
    X(CPU_US, COUNTER, "cpu_microseconds_total", ANY, "CPU time of the process") \
    X(RSS_BYTES, GAUGE, "resident_bytes", ANY, "Resident memory of the process")
/* clang-format on */

enum stat_id {
#define STAT_ENUM(symbol, kind, name, owner, help) STAT_##symbol,
    STATS_TABLE(STAT_ENUM)
#undef STAT_ENUM
        STAT_COUNT
};

struct stat_info {
    const char *name;
    const char *help;
    const char *owner; /* how the names of its workers begin; "": any that has it */
    bool is_gauge;
};

/* Borrowed for ever. */
const struct stat_info *stat_info(enum stat_id stat);

#endif
