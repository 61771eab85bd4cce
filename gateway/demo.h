/*
 * demo.h - the demo: a private folder with a broker, simulated devices, the gateway and a
 * subscriber, all ended by the pid they were started with.
 */
#ifndef WATCHROOM_GATEWAY_DEMO_H
#define WATCHROOM_GATEWAY_DEMO_H

#include <sys/types.h>

#include "alerts/alarm_def.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/beside.h"

/* demo_told.c: what the subscriber was told, row by row. */
struct told {
    int fd;
    struct text_buf input; /* what was read and is no whole line yet */
    bool is_subscribed;
    /* By audience: a bit for each row number seen; repeats are dropped so. */
    uint8_t *seen[AUDIENCE_COUNT];
    size_t seen_bytes[AUDIENCE_COUNT];
    uint64_t messages, raised; /* without repeats; rows that raise an alarm */
};

void told_init(struct told *told, int fd);
void told_done(struct told *told);
/* Takes what the subscriber's pipe holds; never blocks. False once the subscriber is gone. */
bool told_read(struct told *told);
/* One line of mosquitto_sub, "<topic> <payload>" or its chatter. */
void told_take_line(struct told *told, const char *line);

struct tally {
    uint64_t rows, messages; /* that the journal holds for people up to `head`, and as messages */
    uint64_t missing;        /* messages of them that the subscriber has not got */
    uint64_t raised, acknowledged;
};
/* Compares the journal up to row `head` with what was told. */
enum err_code told_compare(const struct told *told, const char *state_dir, uint64_t head,
                           struct tally *out_tally, struct err *err) MUST_CHECK;

enum demo_child { DEMO_BROKER, DEMO_SIMULATORS, DEMO_SUBSCRIBER, DEMO_GATEWAY, DEMO_CHILDREN };

struct demo {
    char dir[64], state_dir[96], socket[96], sim_socket[96], site_file[96];
    bool keep;
    pid_t children[DEMO_CHILDREN]; /* 0: not running */
    uint16_t broker_port;
    struct told told;
};

/* Starts everything but waits for nothing after the gateway's control socket. On failure demo_stop
 * is still to be called. `keep_dir`: NULL, or the folder to use and leave behind (made if need be).
 */
enum err_code demo_start(struct demo *demo, const char *keep_dir, struct err *err) MUST_CHECK;
/* The first of the children that has ended by itself: its name; NULL: all run. */
const char *demo_lost_child(struct demo *demo);
/* The last lines of a child's log, for a person. */
void demo_print_log(const struct demo *demo, const char *child);
void demo_stop(struct demo *demo);

/* One question to the gateway or the simulators; the request is taken. NULL with a reason. */
json_t *demo_ask(const char *socket, json_t *request, struct err *err);

/* demo_files.c */
enum err_code demo_make_folder(struct demo *demo, const char *keep_dir, struct err *err) MUST_CHECK;
void demo_remove_folder(const struct demo *demo);
enum err_code demo_write_file(const struct demo *demo, const char *name, const char *text,
                              struct err *err) MUST_CHECK;
/* Where the simulators say what they serve. */
void demo_ready_path(const struct demo *demo, char *out, size_t size);
/* site.yaml, from the template among the examples, with addresses and ports filled in. */
enum err_code demo_write_site(const struct demo *demo, const char *examples,
                              struct err *err) MUST_CHECK;

/* demo_view.c: one picture of the site. All borrowed; any may be NULL. */
struct picture {
    const json_t *status, *alarms, *values; /* replies of the control socket */
    int64_t now_ms;
    int64_t seconds; /* since the demo began */
    unsigned rows, columns;
    bool colour;
    uint64_t told;
    const char *note; /* a line for the footer */
};
void demo_view_draw(const struct picture *picture, struct text_buf *out);
/* Alarms by priority and age, those that wait for somebody first: the order in which they are drawn
 * and numbered. `out` holds at most `size`; returns how many. */
size_t demo_view_sort(const json_t *alarms, const json_t **out, size_t size);

#endif
