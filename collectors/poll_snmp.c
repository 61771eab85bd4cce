/*
 * poll_snmp.c - the driver of PROTOCOL_SNMP: requests one after the other, values by object.
 *
 * One request is under way at a time; timeouts are our timer's. Returned names are compared with
 * those asked for, because the library does not. What a device does not bear (many objects in a
 * request, one bad object in a v1 request) is learned and remembered as long as the process lives;
 * plan_snmp.h has the rules.
 */
#include "collectors/poll_snmp.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/plan_snmp.h"
#include "collectors/session_snmp.h"
#include "collectors/tell_snmp.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#define MAX_VARBINDS_DEFAULT 24
#define MAX_BYTES_DEFAULT 1400
#define OBJECTS_PER_REQUEST_MAX 128

enum task { TASK_NONE, TASK_POLL, TASK_PROBE };

struct device_group {
    const struct plan_snmp *plan;
    struct plan_refused refused;
};

struct snmp_device {
    const struct collect_device *device;
    const struct device_info *info;
    const struct driver_sink *sink;
    void *ctx;
    void *session;
    ev_io readable;
    ev_timer timer;
    int64_t sent_us;
    struct plan_limit limit;
    enum task task;
    int request_id;               /* of the request under way; others are nobody's */
    uint32_t first, taken, asked; /* objects of the request under way, of these asked for */
    uint16_t portion;             /* objects per request for the rest of this poll */
    uint16_t group;               /* under way */
    uint16_t group_count;
    bool is_small;     /* the request under way is for sysUpTime only */
    bool was_answered; /* something of this poll was */
    bool was_broken;   /* bytes came that are no SNMP */
    bool is_inside;    /* the library is calling, or may call */
    struct device_group groups[];
};

static const oid SYS_UP_TIME[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};

static struct {
    struct worker *worker;
    struct plan_snmp_shelf *plans;
} self;

static void ask_next(struct snmp_device *device);

static void
end_task(struct snmp_device *device, enum cause cause, const char *reason)
{
    device->task = TASK_NONE;
    device->request_id = 0;
    ev_timer_stop(self.worker->loop, &device->timer);
    device->sink->on_done(device->ctx, cause, reason);
}

static void
end_broken(struct snmp_device *device, const char *reason)
{
    worker_count(self.worker, STAT_REPLIES_BROKEN, 1);
    end_task(device, CAUSE_PROTOCOL, reason);
}

/* The kernel says that nothing gets there. */
static void
end_unreachable(struct snmp_device *device, int cause)
{
    if (cause == ECONNREFUSED)
        end_task(device, CAUSE_REFUSED, "port closed");
    else
        end_task(device, cause == EACCES || cause == EPERM ? CAUSE_REFUSED : CAUSE_TIMEOUT,
                 strerror(cause));
}

/* sending */

static int on_answer(int operation, struct snmp_session *session, int request_id,
                     struct snmp_pdu *pdu, void *magic);

static void
arm(struct snmp_device *device, int64_t wait_us)
{
    ev_timer_stop(self.worker->loop, &device->timer);
    ev_timer_set(&device->timer, (double)wait_us / 1e6, 0);
    ev_timer_start(self.worker->loop, &device->timer);
}

static void
send_request(struct snmp_device *device, struct snmp_pdu *pdu)
{
    int id = (int)pdu->reqid;

    device->request_id = id;
    device->sent_us = clock_mono_us();
    arm(device, session_snmp_timeout_ms(device->device) * INT64_C(1000));
    worker_count(self.worker, STAT_REQUESTS, 1);
    if (snmp_sess_async_send(device->session, pdu, on_answer, device) != 0)
        return;
    snmp_free_pdu(pdu);
    /* As a rule the callback has told it, and the next request may be under way. */
    if (device->task != TASK_NONE && device->request_id == id)
        end_task(device, CAUSE_TIMEOUT, "the request could not be sent");
}

/* Does it answer at all? Any answer will do. */
static void
send_small(struct snmp_device *device)
{
    struct snmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET);

    if (pdu == NULL) {
        end_task(device, CAUSE_TIMEOUT, "out of memory");
        return;
    }
    device->is_small = true;
    snmp_add_null_var(pdu, SYS_UP_TIME, OID_LENGTH(SYS_UP_TIME));
    send_request(device, pdu);
}

static void
send_objects(struct snmp_device *device)
{
    const struct device_group *group = &device->groups[device->group];
    struct snmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET);

    if (pdu == NULL) {
        end_task(device, CAUSE_TIMEOUT, "out of memory");
        return;
    }
    device->is_small = false;
    for (uint32_t i = device->first; i < device->first + device->taken; i++)
        if (plan_snmp_refusal(&group->refused, i) == CAUSE_OK)
            snmp_add_null_var(pdu, group->plan->objects[i].oid, group->plan->objects[i].oid_length);
    send_request(device, pdu);
}

static void
tell(struct snmp_device *device, uint32_t object, const struct snmp_value *value, enum cause cause)
{
    tell_snmp_object(device->sink, device->ctx, device->device->set,
                     device->groups[device->group].plan, object, value, cause);
}

static void
finish_poll(struct snmp_device *device)
{
    const struct device_group *group = &device->groups[device->group];

    for (uint32_t i = 0; group->refused.causes != NULL && i < group->plan->object_count; i++)
        if (group->refused.causes[i] != CAUSE_OK)
            tell(device, i, NULL, (enum cause)group->refused.causes[i]);
    end_task(device, CAUSE_OK, "");
}

/* Objects of the group from device->first on, as many as go into one request. */
static void
ask_next(struct snmp_device *device)
{
    const struct device_group *group = &device->groups[device->group];
    const struct plan_snmp *plan = group->plan;
    uint16_t max_bytes = device->device->set->snmp.max_bytes;
    uint16_t objects = device->limit.objects;

    while (device->first < plan->object_count &&
           plan_snmp_refusal(&group->refused, device->first) != CAUSE_OK)
        device->first++;
    if (device->first >= plan->object_count) {
        if (device->was_answered || plan->object_count == 0)
            finish_poll(device);
        else
            send_small(device); /* all of it is refused: it may be dead for all we know */
        return;
    }
    if (device->portion < objects)
        objects = device->portion;
    device->taken = plan_snmp_take(plan, &group->refused, device->first, objects,
                                   max_bytes == 0 ? MAX_BYTES_DEFAULT : max_bytes, &device->asked);
    if (device->limit.is_in_doubt && device->asked > 1)
        send_small(device);
    else
        send_objects(device);
}

/* answers */

/* The names of an answer are those asked for, in their order. */
static bool
is_answer_to(const struct snmp_device *device, const struct snmp_pdu *pdu)
{
    const struct device_group *group = &device->groups[device->group];
    const struct variable_list *variable = pdu->variables;

    for (uint32_t i = device->first; i < device->first + device->taken; i++) {
        const struct plan_object *object = &group->plan->objects[i];

        if (plan_snmp_refusal(&group->refused, i) != CAUSE_OK)
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
        end_broken(device, "the answer names other objects than were asked for");
        return;
    }
    device->was_answered = true;
    plan_limit_answer(&device->limit, device->asked);
    for (uint32_t i = device->first; i < device->first + device->taken; i++) {
        if (plan_snmp_refusal(&group->refused, i) != CAUSE_OK)
            continue;
        struct snmp_value value = session_snmp_value(variable);
        tell(device, i, &value, CAUSE_OK);
        variable = variable->next_variable;
    }
    device->first += device->taken;
    ask_next(device);
}

/* errors */

static void
log_limit(const struct snmp_device *device, const char *why)
{
    log_debug("%s: %s: %u objects a request from now on", device->info->id, why,
              device->limit.objects);
}

static void
take_too_big(struct snmp_device *device)
{
    struct device_group *group = &device->groups[device->group];
    uint32_t object;

    if (plan_limit_too_big(&device->limit, device->asked, clock_now().mono_ms)) {
        log_limit(device, "answers tooBig");
    } else if (plan_snmp_find(&group->refused, device->first, device->taken, 1, &object)) {
        /* Too big although it is alone: no fault of the object, so it is not remembered. */
        tell(device, object, NULL, CAUSE_EXCEPTION);
        device->first += device->taken;
    }
    ask_next(device);
}

static void
take_error(struct snmp_device *device, const struct snmp_pdu *pdu)
{
    struct device_group *group = &device->groups[device->group];
    uint32_t object;

    device->was_answered = true;
    if (pdu->errstat == SNMP_ERR_TOOBIG) {
        take_too_big(device);
        return;
    }
    if (plan_snmp_find(&group->refused, device->first, device->taken, pdu->errindex, &object) ||
        (device->asked == 1 &&
         plan_snmp_find(&group->refused, device->first, device->taken, 1, &object))) {
        enum cause cause = pdu->errstat == SNMP_ERR_NOSUCHNAME ? CAUSE_ABSENT : CAUSE_EXCEPTION;

        if (plan_snmp_refuse(group->plan, &group->refused, object, cause, clock_now().mono_ms))
            ask_next(device);
        else
            end_task(device, CAUSE_TIMEOUT, "out of memory");
        return;
    }
    /* It does not say which one it means: found by halves. */
    device->portion = (uint16_t)((device->asked + 1) / 2);
    ask_next(device);
}

static void
take_small_answer(struct snmp_device *device)
{
    if (plan_limit_small_answer(&device->limit))
        log_limit(device, "answers small requests, not large ones");
    if (device->task == TASK_PROBE) {
        end_task(device, CAUSE_OK, "");
        return;
    }
    device->was_answered = true;
    ask_next(device);
}

static void
take_timeout(struct snmp_device *device)
{
    if (device->is_small) {
        plan_limit_small_silence(&device->limit);
    } else {
        plan_limit_silence(&device->limit, device->asked);
        if (device->limit.is_in_doubt) {
            ask_next(device);
            return;
        }
    }
    if (device->was_broken)
        end_task(device, CAUSE_PROTOCOL, "no answer but bytes that are no SNMP");
    else
        end_task(device, CAUSE_TIMEOUT, "no answer");
}

/* 1: the library may forget the request. */
static int
take_message(struct snmp_device *device, const struct snmp_pdu *pdu)
{
    if (pdu->command != SNMP_MSG_RESPONSE) {
        end_broken(device, "the answer is no response");
        return 0; /* else it would act on a Report, and ask once more */
    }
    if (!session_snmp_is_own_community(device->session, pdu))
        end_broken(device, "the answer has another community");
    else if (device->is_small)
        take_small_answer(device);
    else if (pdu->errstat != SNMP_ERR_NOERROR)
        take_error(device, pdu);
    else
        take_values(device, pdu);
    return 1;
}

static int
on_answer(int operation, struct snmp_session *session, int request_id, struct snmp_pdu *pdu,
          void *magic)
{
    struct snmp_device *device = magic;

    if (device->task == TASK_NONE || request_id != device->request_id) {
        /* Of a request that was given up. */
        if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) {
            worker_count(self.worker, STAT_REPLIES_STRAY, 1);
            device->sink->on_alive(device->ctx);
        }
        return 1;
    }
    switch (operation) {
    case NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE:
        return take_message(device, pdu);
    case NETSNMP_CALLBACK_OP_TIMED_OUT:
        take_timeout(device);
        break;
    case NETSNMP_CALLBACK_OP_SEND_FAILED:
        if (session->s_snmp_errno == SNMPERR_BAD_SENDTO)
            end_unreachable(device, session->s_errno);
        else
            end_task(device, CAUSE_TIMEOUT, snmp_api_errstring(session->s_snmp_errno));
        break;
    default:
        break; /* sent again, connected: nothing for us */
    }
    return 1;
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct snmp_device *device = watcher->data;

    (void)loop;
    (void)events;
    device->is_inside = true;
    enum session_snmp_read result = session_snmp_read(device->session, watcher->fd);
    int cause = errno;
    device->is_inside = false;
    switch (result) {
    case SESSION_SNMP_TAKEN:
    case SESSION_SNMP_NOTHING:
        break;
    case SESSION_SNMP_STRAY:
        worker_count(self.worker, STAT_REPLIES_STRAY, 1);
        device->sink->on_alive(device->ctx);
        break;
    case SESSION_SNMP_BROKEN:
        /* The true answer may still come. */
        worker_count(self.worker, STAT_REPLIES_BROKEN, 1);
        device->was_broken = true;
        break;
    case SESSION_SNMP_UNREACHABLE:
        if (device->task != TASK_NONE)
            end_unreachable(device, cause);
        break;
    }
}

static void
on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct snmp_device *device = watcher->data;
    int64_t left_us =
        device->sent_us + session_snmp_timeout_ms(device->device) * INT64_C(1000) - clock_mono_us();
    int id = device->request_id;

    (void)loop;
    (void)events;
    if (left_us > 1000) { /* it was sent late in a long turn of the loop */
        arm(device, left_us);
        return;
    }
    device->is_inside = true;
    session_snmp_expire(device->session); /* calls back */
    if (device->task != TASK_NONE && device->request_id == id)
        take_timeout(device);
    device->is_inside = false;
}

/* the driver */

/* Requests that were given up leave the library's list when their time is over. It calls back for
 * them, so this is nothing to do from inside such a call. */
static void
begin(struct snmp_device *device, enum task task)
{
    assert(device->task == TASK_NONE);
    if (!device->is_inside)
        session_snmp_expire(device->session);
    device->task = task;
    device->was_broken = false;
}

static void
poll_group(void *instance, uint16_t group)
{
    struct snmp_device *device = instance;
    struct device_group *state = &device->groups[group];

    assert(group < device->group_count);
    begin(device, TASK_POLL);
    device->group = group;
    device->first = 0;
    device->portion = UINT16_MAX;
    device->was_answered = false;
    if (state->refused.causes != NULL)
        plan_snmp_retry(state->plan, &state->refused, clock_now().mono_ms);
    if (device->limit.again_ms != 0)
        plan_limit_retry(&device->limit, clock_now().mono_ms);
    ask_next(device);
}

static void
probe(void *instance)
{
    struct snmp_device *device = instance;

    begin(device, TASK_PROBE);
    send_small(device);
}

static void
abandon(void *instance)
{
    struct snmp_device *device = instance;
    int64_t timeout_us = session_snmp_timeout_ms(device->device) * INT64_C(1000);

    /* Where the interval is as short as the timeout, this is all we get to learn from. */
    if (device->task == TASK_POLL && !device->is_small &&
        clock_mono_us() - device->sent_us >= timeout_us / 2)
        plan_limit_silence(&device->limit, device->asked);
    device->task = TASK_NONE;
    device->request_id = 0;
    ev_timer_stop(self.worker->loop, &device->timer);
}

static void
close_device(void *instance)
{
    struct snmp_device *device = instance;

    if (device == NULL)
        return;
    device->task = TASK_NONE;
    ev_timer_stop(self.worker->loop, &device->timer);
    ev_io_stop(self.worker->loop, &device->readable);
    session_snmp_close(device->session);
    for (uint16_t group = 0; group < device->group_count; group++)
        plan_snmp_refused_done(&device->groups[group].refused);
    free(device);
}

static enum err_code
open_device(const struct collect_device *device, const struct device_info *info,
            const struct driver_sink *sink, void *ctx, void **out_instance, struct err *err)
{
    struct snmp_device *made =
        calloc(1, sizeof *made + info->group_count * sizeof(struct device_group));
    uint16_t limit = device->set->snmp.max_varbinds;
    int fd;

    if (made == NULL)
        return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
    made->device = device;
    made->info = info;
    made->sink = sink;
    made->ctx = ctx;
    if (limit == 0)
        limit = MAX_VARBINDS_DEFAULT;
    plan_limit_init(&made->limit,
                    limit > OBJECTS_PER_REQUEST_MAX ? OBJECTS_PER_REQUEST_MAX : limit);
    made->group_count = info->group_count;
    ev_init(&made->readable, on_readable);
    ev_init(&made->timer, on_timer);
    made->readable.data = made->timer.data = made;
    for (uint16_t group = 0; group < info->group_count; group++) {
        made->groups[group].plan = plan_snmp_of(self.plans, device->set, group);
        if (made->groups[group].plan == NULL) {
            close_device(made);
            return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
        }
    }
    enum err_code code = session_snmp_open(device, &made->session, &fd, err);
    if (code != ERR_OK) {
        close_device(made);
        return err_prefix(err, code, "%s", info->id);
    }
    ev_io_set(&made->readable, fd, EV_READ);
    ev_io_start(self.worker->loop, &made->readable);
    *out_instance = made;
    return ERR_OK;
}

static enum err_code
init(const struct driver_env *env, struct err *err)
{
    self.plans = plan_snmp_shelf_new();
    if (self.plans == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    self.worker = env->worker;
    session_snmp_init();
    return ERR_OK;
}

static void
done(void)
{
    plan_snmp_shelf_free(self.plans);
    self.plans = NULL;
    session_snmp_done();
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
