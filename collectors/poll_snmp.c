/*
 * poll_snmp.c - the driver of PROTOCOL_SNMP: requests one after the other, values by object.
 *
 * net-snmp's single-session API, used as a codec with a socket: the socket is connect()ed, because
 * the library takes an answer from anybody; timeouts are our timer's, because the library's own
 * waiting blocks; returned names are compared with those asked for, because the library does not.
 * What a device cannot bear (many objects in a request, one bad object in a v1 request) is learned
 * and remembered as long as the process lives.
 */
#include "collectors/poll_snmp.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/library/large_fd_set.h>
#include <net-snmp/library/snmp_transport.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/decode_snmp.h"
#include "collectors/plan_snmp.h"
#include "gateway/base/clock.h"
#include "gateway/base/hash.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define TIMEOUT_DEFAULT_MS 1000
#define MAX_VARBINDS_DEFAULT 24
#define MAX_BYTES_DEFAULT 1400
#define OBJECTS_PER_REQUEST_MAX 128
#define HALVE_AFTER_TIMEOUTS 2            /* in a row, of requests for several objects */
#define REFUSED_AGAIN_MS (15 * 60 * 1000) /* an object that does not exist is asked for again */
#define ERROR_AGAIN_MS (60 * 1000)        /* one that gave another error */
#define LIMIT_AGAIN_MS (10 * 60 * 1000)   /* larger requests are tried again */
#define COMMUNITY_MAX 256
#define FD_SET_SIZE 65536

struct plan_key {
    const struct source_set *set;
    uint64_t group;
};

/* Kept until the end of the process, as the sets are. */
struct shared_plan {
    struct plan_key key;
    struct plan_snmp *plan;
    UT_hash_handle hh;
};

enum task { TASK_NONE, TASK_POLL, TASK_PROBE };

struct device_group {
    const struct plan_snmp *plan;
    bool *refused;    /* by object: the agent answered with an error for it; NULL: none was */
    int64_t again_ms; /* when the refused ones are asked for again */
};

struct snmp_device {
    const struct collect_device *device;
    const struct device_info *info;
    const struct driver_sink *sink;
    void *ctx;
    void *session;
    ev_io readable;
    ev_timer timer;
    enum task task;
    uint16_t group;            /* under way */
    uint32_t first, taken;     /* objects of the request under way */
    int request_id;            /* of the request under way; others are nobody's */
    uint32_t serial;           /* of requests */
    uint16_t limit, limit_max; /* objects per request, learned downwards */
    int64_t limit_ms;          /* when it was learned */
    uint16_t timeouts;         /* in a row, of requests for several objects */
    bool was_answered;         /* something of this poll was */
    uint16_t group_count;
    struct device_group groups[];
};

static const oid SYS_UP_TIME[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};

static struct {
    struct worker *worker;
    struct shared_plan *plans;
    netsnmp_large_fd_set fds; /* one for all: it only ever holds the one descriptor being read */
} self;

static void ask_next(struct snmp_device *device);

static void
end_task(struct snmp_device *device, enum cause cause, const char *reason)
{
    device->task = TASK_NONE;
    ev_timer_stop(self.worker->loop, &device->timer);
    device->sink->on_done(device->ctx, cause, reason);
}

/* sending */

static void
arm(struct snmp_device *device)
{
    uint16_t timeout_ms = device->device->timeout_ms;

    ev_timer_stop(self.worker->loop, &device->timer);
    ev_timer_set(&device->timer, (timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms) / 1000.0, 0);
    ev_timer_start(self.worker->loop, &device->timer);
}

static int on_answer(int operation, struct snmp_session *session, int request_id,
                     struct snmp_pdu *pdu, void *magic);

static void
send_request(struct snmp_device *device, struct snmp_pdu *pdu)
{
    uint32_t serial = ++device->serial;

    arm(device);
    worker_count(self.worker, STAT_REQUESTS, 1);
    device->request_id = 0;
    int id = snmp_sess_async_send(device->session, pdu, on_answer, device);
    if (id != 0) {
        device->request_id = id;
        return;
    }
    int cause = errno;

    snmp_free_pdu(pdu);
    if (device->task == TASK_NONE || device->serial != serial)
        return; /* the callback has told it, and the next one may be under way */
    if (cause == ECONNREFUSED)
        end_task(device, CAUSE_REFUSED, "connection refused");
    else
        end_task(device, CAUSE_TIMEOUT, "the request could not be sent");
}

/* Objects of the group from device->first on, as many as go into one request. */
static void
ask_next(struct snmp_device *device)
{
    struct device_group *group = &device->groups[device->group];
    const struct plan_snmp *plan = group->plan;
    uint16_t max_bytes = device->device->set->snmp.max_bytes;

    while (device->first < plan->object_count && group->refused != NULL &&
           group->refused[device->first])
        device->first++;
    if (device->first >= plan->object_count) {
        if (device->was_answered || plan->object_count == 0)
            end_task(device, CAUSE_OK, "");
        else
            end_task(device, CAUSE_EXCEPTION, "every object was refused");
        return;
    }
    device->taken = plan_snmp_take(plan, device->first, device->limit,
                                   max_bytes == 0 ? MAX_BYTES_DEFAULT : max_bytes, group->refused);
    struct snmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET);
    if (pdu == NULL) {
        end_task(device, CAUSE_TIMEOUT, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < device->taken; i++) {
        const struct plan_object *object = &plan->objects[device->first + i];

        if (group->refused == NULL || !group->refused[device->first + i])
            snmp_add_null_var(pdu, object->oid, object->oid_length);
    }
    send_request(device, pdu);
}

/* telling */

static void
tell_object(struct snmp_device *device, uint32_t index, const struct snmp_value *value,
            enum cause forced)
{
    const struct plan_snmp *plan = device->groups[device->group].plan;
    const struct plan_object *object = &plan->objects[index];

    for (uint32_t i = 0; i < object->point_count; i++) {
        uint32_t point = plan->points[object->first_point + i];
        const struct point_source *source = &device->device->set->sources[point];
        enum cause cause = forced;

        if (source->def->kind == VALUE_TEXT) {
            char text[TEXT_VALUE_MAX] = "";

            if (value != NULL)
                cause = decode_snmp_text(source, value, text, sizeof text);
            device->sink->on_text(device->ctx, point, text,
                                  cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD, cause);
            continue;
        }
        double number = 0;
        if (value != NULL)
            cause = decode_snmp_number(source, value, &number);
        device->sink->on_value(device->ctx, point, number,
                               cause == CAUSE_OK ? QUALITY_GOOD : QUALITY_BAD, cause);
    }
}

static struct snmp_value
value_of(const struct variable_list *variable)
{
    struct snmp_value value = {.tag = variable->type, .length = variable->val_len};

    switch (variable->type) {
    case ASN_INTEGER:
        value.number = *variable->val.integer;
        break;
    case ASN_COUNTER:
    case ASN_GAUGE:
    case ASN_TIMETICKS:
    case ASN_UINTEGER:
        value.unsigned_number = (uint32_t)*variable->val.integer;
        break;
    case ASN_COUNTER64:
        value.unsigned_number = (uint64_t)variable->val.counter64->high << 32 |
                                (variable->val.counter64->low & 0xFFFFFFFFu);
        break;
    case ASN_OPAQUE_FLOAT:
        value.real = *variable->val.floatVal;
        break;
    case ASN_OPAQUE_DOUBLE:
        value.real = *variable->val.doubleVal;
        break;
    default:
        value.bytes = variable->val.string;
    }
    return value;
}

/* The names of an answer are those asked for, in their order. */
static bool
is_answer_to(const struct snmp_device *device, const struct snmp_pdu *pdu)
{
    const struct device_group *group = &device->groups[device->group];
    const struct variable_list *variable = pdu->variables;

    for (uint32_t i = 0; i < device->taken; i++) {
        const struct plan_object *object = &group->plan->objects[device->first + i];

        if (group->refused != NULL && group->refused[device->first + i])
            continue;
        if (variable == NULL || variable->name_length != object->oid_length ||
            memcmp(variable->name, object->oid, object->oid_length * sizeof object->oid[0]) != 0)
            return false;
        variable = variable->next_variable;
    }
    return variable == NULL;
}

static void
take_values(struct snmp_device *device, const struct snmp_pdu *pdu)
{
    const struct device_group *group = &device->groups[device->group];
    const struct variable_list *variable = pdu->variables;

    if (!is_answer_to(device, pdu)) {
        worker_count(self.worker, STAT_REPLIES_BROKEN, 1);
        end_task(device, CAUSE_PROTOCOL, "the answer names other objects than were asked for");
        return;
    }
    device->was_answered = true;
    device->timeouts = 0;
    for (uint32_t i = 0; i < device->taken; i++) {
        uint32_t index = device->first + i;

        if (group->refused != NULL && group->refused[index])
            continue;
        struct snmp_value value = value_of(variable);
        tell_object(device, index, &value, CAUSE_OK);
        variable = variable->next_variable;
    }
    device->first += device->taken;
    ask_next(device);
}

/* errors */

/* The object that errindex means: it counts what was asked for, from 1. */
static bool
find_refused(const struct snmp_device *device, long errindex, uint32_t *out_index)
{
    const struct device_group *group = &device->groups[device->group];

    for (uint32_t i = 0; i < device->taken; i++) {
        uint32_t index = device->first + i;

        if ((group->refused == NULL || !group->refused[index]) && --errindex == 0) {
            *out_index = index;
            return true;
        }
    }
    return false;
}

/* RFC 1157 4.1.2: one bad object fails the whole request. It is left out, the rest asked again. */
static void
leave_out(struct snmp_device *device, uint32_t index, enum cause cause)
{
    struct device_group *group = &device->groups[device->group];
    int64_t again_ms =
        clock_now().mono_ms + (cause == CAUSE_ABSENT ? REFUSED_AGAIN_MS : ERROR_AGAIN_MS);

    if (group->refused == NULL) {
        group->refused = calloc(group->plan->object_count, sizeof *group->refused);
        group->again_ms = again_ms;
    }
    tell_object(device, index, NULL, cause);
    if (group->refused != NULL)
        group->refused[index] = true;
    else
        device->first = index + 1; /* out of memory: at least go on behind it */
    if (again_ms < group->again_ms)
        group->again_ms = again_ms;
    ask_next(device);
}

static uint32_t
asked_count(const struct snmp_device *device)
{
    const struct device_group *group = &device->groups[device->group];
    uint32_t count = 0;

    for (uint32_t i = 0; i < device->taken; i++)
        count += group->refused == NULL || !group->refused[device->first + i];
    return count;
}

static void
halve(struct snmp_device *device, const char *why)
{
    uint32_t asked = asked_count(device);

    device->limit = (uint16_t)(asked > 1 ? (asked + 1) / 2 : 1);
    device->limit_ms = clock_now().mono_ms;
    device->timeouts = 0;
    log_info("%s: %s: %u objects a request from now on", device->info->id, why, device->limit);
}

static void
take_error(struct snmp_device *device, const struct snmp_pdu *pdu)
{
    char reason[80];
    uint32_t index;

    if (pdu->errstat == SNMP_ERR_TOOBIG && asked_count(device) > 1) {
        halve(device, "answers tooBig");
        ask_next(device);
        return;
    }
    device->was_answered = true;
    if (pdu->errstat == SNMP_ERR_TOOBIG && find_refused(device, 1, &index)) {
        /* Too big although it is alone: no fault of the object, so it is not remembered. */
        tell_object(device, index, NULL, CAUSE_EXCEPTION);
        device->first += device->taken;
        ask_next(device);
        return;
    }
    if (find_refused(device, pdu->errindex, &index) ||
        (asked_count(device) == 1 && find_refused(device, 1, &index))) {
        leave_out(device, index,
                  pdu->errstat == SNMP_ERR_NOSUCHNAME ? CAUSE_ABSENT : CAUSE_EXCEPTION);
        return;
    }
    snprintf(reason, sizeof reason, "error status %ld without an object", pdu->errstat);
    end_task(device, CAUSE_EXCEPTION, reason);
}

static void
take_timeout(struct snmp_device *device)
{
    if (device->task == TASK_POLL && asked_count(device) > 1)
        device->timeouts++;
    end_task(device, CAUSE_TIMEOUT, "no answer");
}

static int
on_answer(int operation, struct snmp_session *session, int request_id, struct snmp_pdu *pdu,
          void *magic)
{
    struct snmp_device *device = magic;

    (void)session;
    if (operation == NETSNMP_CALLBACK_OP_RESEND)
        return 1;
    if (device->task == TASK_NONE ||
        (device->request_id != 0 && request_id != device->request_id)) {
        if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) {
            worker_count(self.worker, STAT_REPLIES_STRAY, 1);
            device->sink->on_alive(device->ctx);
        }
        return 1;
    }
    switch (operation) {
    case NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE:
        if (device->task == TASK_PROBE) {
            /* It answers small requests but not large ones: they may be too large for it. */
            if (device->timeouts >= HALVE_AFTER_TIMEOUTS)
                halve(device, "does not answer large requests");
            end_task(device, CAUSE_OK, "");
        } else if (pdu->command != SNMP_MSG_RESPONSE) {
            worker_count(self.worker, STAT_REPLIES_BROKEN, 1);
            end_task(device, CAUSE_PROTOCOL, "the answer is no response");
        } else if (pdu->errstat != SNMP_ERR_NOERROR) {
            take_error(device, pdu);
        } else {
            take_values(device, pdu);
        }
        break;
    case NETSNMP_CALLBACK_OP_TIMED_OUT:
        take_timeout(device);
        break;
    default:
        end_task(device, CAUSE_REFUSED, "the request could not be sent");
    }
    return 1;
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct snmp_device *device = watcher->data;

    (void)loop;
    (void)events;
    NETSNMP_LARGE_FD_ZERO(&self.fds);
    NETSNMP_LARGE_FD_SET(watcher->fd, &self.fds);
    errno = 0;
    if (snmp_sess_read2(device->session, &self.fds) == 0)
        return;
    int cause = snmp_sess_session(device->session)->s_errno;
    if (cause != ECONNREFUSED && errno != ECONNREFUSED) {
        /* Bytes that are no SNMP: the true answer may still come. */
        worker_count(self.worker, STAT_REPLIES_BROKEN, 1);
        return;
    }
    if (device->task != TASK_NONE)
        end_task(device, CAUSE_REFUSED, "port closed");
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct snmp_device *device = watcher->data;

    (void)loop;
    (void)events;
    /* The library forgets the request and calls back; where it thinks there is time left, we do. */
    snmp_sess_timeout(device->session);
    if (device->task != TASK_NONE && !ev_is_active(&device->timer))
        take_timeout(device);
}

/* the driver */

static void
poll_group(void *instance, uint16_t group)
{
    struct snmp_device *device = instance;
    struct device_group *state = &device->groups[group];

    device->task = TASK_POLL;
    device->group = group;
    device->first = 0;
    device->was_answered = false;
    if (state->refused != NULL && clock_now().mono_ms > state->again_ms) {
        free(state->refused);
        state->refused = NULL;
    }
    if (device->limit < device->limit_max &&
        clock_now().mono_ms - device->limit_ms > LIMIT_AGAIN_MS) {
        device->limit = device->limit * 2 < device->limit_max ? (uint16_t)(device->limit * 2)
                                                              : device->limit_max;
        device->limit_ms = clock_now().mono_ms;
    }
    for (uint32_t i = 0; state->refused != NULL && i < state->plan->object_count; i++)
        if (state->refused[i]) {
            tell_object(device, i, NULL, CAUSE_ABSENT);
            device->was_answered = true; /* by an error, then */
        }
    ask_next(device);
}

static void
probe(void *instance)
{
    struct snmp_device *device = instance;
    struct snmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET);

    device->task = TASK_PROBE;
    if (pdu == NULL) {
        end_task(device, CAUSE_TIMEOUT, "out of memory");
        return;
    }
    snmp_add_null_var(pdu, SYS_UP_TIME, OID_LENGTH(SYS_UP_TIME));
    send_request(device, pdu);
}

static void
abandon(void *instance)
{
    struct snmp_device *device = instance;

    device->task = TASK_NONE;
    ev_timer_stop(self.worker->loop, &device->timer);
}

static const struct plan_snmp *
plan_of(const struct source_set *set, uint16_t group)
{
    struct plan_key key;
    struct shared_plan *shared;

    memset(&key, 0, sizeof key); /* padding counts in the look-up */
    key.set = set;
    key.group = group;
    HASH_FIND(hh, self.plans, &key, sizeof key, shared);
    if (shared != NULL)
        return shared->plan;
    shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->key = key;
    shared->plan = plan_snmp_new(set, group);
    if (shared->plan != NULL)
        HASH_ADD(hh, self.plans, key, sizeof key, shared);
    if (shared->plan == NULL || shared->hh.tbl == NULL) {
        plan_snmp_free(shared->plan);
        free(shared);
        return NULL;
    }
    return shared->plan;
}

/* The community: from its file, read now, after the fork; first line, without its end. */
static enum err_code
read_community(const struct collect_device *device, char *out, size_t size, struct err *err)
{
    if (device->community_file == NULL) {
        text_copy(out, size, device->community != NULL ? device->community : "public");
        return ERR_OK;
    }
    FILE *file = fopen(device->community_file, "re");
    struct stat info;
    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", device->community_file, strerror(errno));
    bool is_secret = fstat(fileno(file), &info) == 0 && (info.st_mode & 077) == 0;
    bool is_read = fgets(out, (int)size, file) != NULL;
    fclose(file);
    if (!is_secret)
        return err_set(err, ERR_DENIED, "%s: others may read it; chmod 600",
                       device->community_file);
    if (!is_read)
        return err_set(err, ERR_CONFIG, "%s: empty", device->community_file);
    out[strcspn(out, "\r\n")] = '\0';
    return ERR_OK;
}

static enum err_code
open_session(struct snmp_device *device, struct err *err)
{
    const struct sockaddr_in6 *v6 = &device->device->address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)v6;
    bool is_v4 = v6->sin6_family == AF_INET;
    char host[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN + 24], community[COMMUNITY_MAX];
    uint16_t timeout_ms = device->device->timeout_ms;
    struct snmp_session session;
    enum err_code code = read_community(device->device, community, sizeof community, err);

    if (code != ERR_OK)
        return code;
    inet_ntop(v6->sin6_family, is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr,
              host, sizeof host);
    snprintf(peer, sizeof peer, is_v4 ? "udp:%s:%u" : "udp6:[%s]:%u", host,
             ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
    snmp_sess_init(&session);
    session.version = device->device->snmp_version == SNMP_V1 ? SNMP_VERSION_1 : SNMP_VERSION_2c;
    session.peername = peer;
    session.community = (u_char *)community;
    session.community_len = strlen(community);
    session.retries = 0;
    /* A little less than our timer, so that the library agrees when that has run out. */
    session.timeout = (timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms) * 1000L - 2000;
    device->session = snmp_sess_open(&session);
    memset(community, 0, sizeof community);
    if (device->session == NULL)
        return err_set(err, ERR_IO, "cannot open a session to %s", peer);
    int fd = snmp_sess_transport(device->session)->sock;
    if (connect(fd, (const struct sockaddr *)v6, is_v4 ? sizeof *v4 : sizeof *v6) != 0)
        return err_set(err, ERR_IO, "connect %s: %s", peer, strerror(errno));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    ev_io_set(&device->readable, fd, EV_READ);
    ev_io_start(self.worker->loop, &device->readable);
    return ERR_OK;
}

static void
close_device(void *instance)
{
    struct snmp_device *device = instance;

    if (device == NULL)
        return;
    abandon(device);
    ev_io_stop(self.worker->loop, &device->readable);
    if (device->session != NULL)
        snmp_sess_close(device->session);
    for (uint16_t group = 0; group < device->group_count; group++)
        free(device->groups[group].refused);
    free(device);
}

static enum err_code
open_device(const struct collect_device *device, const struct device_info *info,
            const struct driver_sink *sink, void *ctx, void **out_instance, struct err *err)
{
    struct snmp_device *made =
        calloc(1, sizeof *made + info->group_count * sizeof(struct device_group));
    uint16_t limit = device->set->snmp.max_varbinds;

    if (made == NULL)
        return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
    made->device = device;
    made->info = info;
    made->sink = sink;
    made->ctx = ctx;
    made->limit = limit == 0 ? MAX_VARBINDS_DEFAULT : limit;
    if (made->limit > OBJECTS_PER_REQUEST_MAX)
        made->limit = OBJECTS_PER_REQUEST_MAX;
    made->limit_max = made->limit;
    made->group_count = info->group_count;
    ev_init(&made->readable, on_readable);
    ev_init(&made->timer, on_timer);
    made->readable.data = made->timer.data = made;
    for (uint16_t group = 0; group < info->group_count; group++) {
        made->groups[group].plan = plan_of(device->set, group);
        if (made->groups[group].plan == NULL) {
            close_device(made);
            return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
        }
    }
    enum err_code code = open_session(made, err);
    if (code != ERR_OK) {
        close_device(made);
        return err_prefix(err, code, "%s", info->id);
    }
    *out_instance = made;
    return ERR_OK;
}

static enum err_code
init(const struct driver_env *env, struct err *err)
{
    (void)err;
    self.worker = env->worker;
    /* No files of its own, no MIBs: we know the OIDs. */
    setenv("MIBS", "", 1);
    setenv("SNMP_PERSISTENT_DIR", "/nonexistent", 1);
    netsnmp_register_loghandler(NETSNMP_LOGHANDLER_NONE, LOG_DEBUG);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    snmp_disable_stderrlog();
    init_snmp("watchroom");
    netsnmp_large_fd_set_init(&self.fds, FD_SET_SIZE);
    return ERR_OK;
}

static void
done(void)
{
    struct shared_plan *shared, *next;

    HASH_ITER(hh, self.plans, shared, next)
    {
        HASH_DELETE(hh, self.plans, shared);
        plan_snmp_free(shared->plan);
        free(shared);
    }
    netsnmp_large_fd_set_cleanup(&self.fds);
    snmp_shutdown("watchroom");
    self.worker = NULL;
}

const struct driver POLL_SNMP = {
    .name = "snmp",
    .init = init,
    .done = done,
    .open = open_device,
    .poll = poll_group,
    .probe = probe,
    .abandon = abandon,
    .close = close_device,
};
