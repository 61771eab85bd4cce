/*
 * poll_modbus.c - the driver of PROTOCOL_MODBUS_TCP: plans, requests one after the other, values.
 *
 * What is shared: a connection by the devices (units) of one link, a plan by the devices of one
 * source set. What is a device's own: where it is in its poll, and the holes it has shown.
 */
#include "collectors/poll_modbus.h"

#include <assert.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/holes_modbus.h"
#include "collectors/line_modbus.h"
#include "collectors/plan_regs.h"
#include "collectors/tell_modbus.h"
#include "gateway/base/clock.h"
#include "gateway/base/hash.h"

#define TIMEOUT_DEFAULT_MS 2000
#define HOLE_RETRIES_MAX 4 /* per poll: a device full of holes must not eat its period */
#define REASON_MAX 160

struct plan_key {
    const struct source_set *set;
    uint64_t group;
};

/* Plans are kept until the end of the process, as the sets are. */
struct shared_plan {
    struct plan_key key;
    struct plan *plan;
    UT_hash_handle hh;
};

struct shared_line {
    uint32_t link;
    struct line_modbus *line;
    struct modbus_device *devices;
    UT_hash_handle hh;
};

struct device_group {
    const struct plan *plan;
    struct holes holes;
};

enum task { TASK_NONE, TASK_POLL, TASK_PROBE, TASK_SIGN_OF_LIFE };

struct modbus_device {
    const struct collect_device *device;
    const struct driver_sink *sink;
    void *ctx;
    struct shared_line *shared;
    struct modbus_device *prev, *next; /* on the same line */
    enum task task;
    uint16_t group;        /* under way */
    uint32_t block;        /* under way */
    uint32_t answered;     /* blocks of this poll */
    uint32_t asked;        /* requests of this poll */
    uint32_t hole_retries; /* in this poll */
    uint8_t refused;       /* last exception code of this poll that was no hole */
    uint16_t group_count;
    struct device_group groups[];
};

/* The driver's contract gives no place for what belongs to the process as a whole. */
static struct {
    struct worker *worker;
    struct shared_plan *plans;
    struct shared_line *lines;
} self;

static void read_block(struct modbus_device *device);
static void ask_first(struct modbus_device *device, const struct plan_block *block);

static int64_t
now_ms(void)
{
    return clock_now().mono_ms;
}

static void
end_task(struct modbus_device *device, enum cause cause, const char *reason)
{
    struct line_modbus *line = device->shared->line;

    device->task = TASK_NONE;
    if (device->device->set->modbus.close_after_poll)
        line_modbus_close(line);
    device->sink->on_done(device->ctx, cause, reason);
}

/*
 * A poll that asked for nothing, because all of its group was refused lately, says nothing of the
 * device either: it may be dead for all we know. One register, refused or not, tells; and given, it
 * says that the device has got ready.
 */
static bool
ask_for_life(struct modbus_device *device)
{
    const struct device_group *group = &device->groups[device->group];

    if (device->asked > 0 || group->plan->block_count == 0)
        return false;
    device->task = TASK_SIGN_OF_LIFE;
    ask_first(device, &group->plan->blocks[0]);
    return true;
}

static void
end_poll(struct modbus_device *device)
{
    char reason[REASON_MAX];

    if (ask_for_life(device))
        return;
    holes_modbus_settle(&device->groups[device->group].holes);
    if (device->answered > 0 || device->refused == 0) {
        end_task(device, CAUSE_OK, "");
        return;
    }
    snprintf(reason, sizeof reason, "every request refused: %s",
             modbus_strerror(MODBUS_ENOBASE + device->refused));
    end_task(device, CAUSE_EXCEPTION, reason);
}

/* Which code means what: see the Modbus application protocol 1.1b3, section 7. */
static void
on_exception(struct modbus_device *device, uint8_t code)
{
    struct device_group *group = &device->groups[device->group];
    const struct plan_block *block = holes_modbus_block(&group->holes, group->plan, device->block);
    enum cause cause = CAUSE_EXCEPTION;

    switch (code) {
    case MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS:
    case MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE: /* some say this of a block that is too long */
        if (holes_modbus_split(&group->holes, group->plan, device->block)) {
            read_block(device);
            return;
        }
        if (code == MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS) {
            cause = CAUSE_ABSENT;
            if (holes_modbus_mark(&group->holes, group->plan, device->block, now_ms()))
                block = holes_modbus_block(&group->holes, group->plan, device->block);
            break;
        }
        device->refused = code;
        break;
    default:
        device->refused = code;
    }
    tell_modbus_bad(device->sink, device->ctx, group->plan, block, cause);
    device->block++;
    read_block(device);
}

static bool
is_gateway_failure(uint8_t code)
{
    return code == MODBUS_EXCEPTION_GATEWAY_PATH || code == MODBUS_EXCEPTION_GATEWAY_TARGET;
}

static void
on_answer(void *ctx, enum frame_state state, const struct frame_modbus_answer *answer)
{
    struct modbus_device *device = ctx;

    if (state == FRAME_EXCEPTION && is_gateway_failure(answer->exception)) {
        /* The gateway lives, the unit behind it does not: the line stays for the others. */
        end_task(device, CAUSE_TIMEOUT, modbus_strerror(MODBUS_ENOBASE + answer->exception));
    } else if (device->task == TASK_PROBE || device->task == TASK_SIGN_OF_LIFE) {
        if (device->task == TASK_SIGN_OF_LIFE && state != FRAME_EXCEPTION)
            holes_modbus_retry(&device->groups[device->group].holes, now_ms());
        end_task(device, CAUSE_OK, "");
    } else if (state == FRAME_EXCEPTION) {
        on_exception(device, answer->exception);
    } else {
        struct device_group *group = &device->groups[device->group];

        device->answered++;
        tell_modbus_block(device->sink, device->ctx, group->plan,
                          holes_modbus_block(&group->holes, group->plan, device->block), answer);
        if (holes_modbus_is_hole(&group->holes, device->block))
            holes_modbus_clear(&group->holes, device->block, now_ms());
        device->block++;
        read_block(device);
    }
}

static void
on_failure(void *ctx, enum cause cause, const char *reason)
{
    struct modbus_device *device = ctx;

    end_task(device, cause, reason);
}

static void
ask(struct modbus_device *device, const struct plan_block *block, uint16_t count)
{
    static const struct line_modbus_handlers HANDLERS = {.on_answer = on_answer,
                                                         .on_failure = on_failure};
    uint16_t timeout_ms = device->device->timeout_ms;

    device->asked++;
    line_modbus_ask(device->shared->line,
                    &(struct line_modbus_ask){
                        .request = {.unit = device->device->unit,
                                    .function = block->function,
                                    .address = block->address,
                                    .count = count},
                        .limits = &device->device->set->modbus,
                        .timeout_ms = timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms,
                        .handlers = &HANDLERS,
                        .ctx = device,
                    });
}

/* Asks for the next block of the poll that is not a hole at rest, or ends the poll. */
static void
read_block(struct modbus_device *device)
{
    struct device_group *group = &device->groups[device->group];

    for (; device->block < holes_modbus_count(&group->holes, group->plan); device->block++) {
        const struct plan_block *block =
            holes_modbus_block(&group->holes, group->plan, device->block);

        if (holes_modbus_is_hole(&group->holes, device->block)) {
            if (device->hole_retries >= HOLE_RETRIES_MAX ||
                !holes_modbus_is_due(&group->holes, device->block, now_ms())) {
                tell_modbus_bad(device->sink, device->ctx, group->plan, block, CAUSE_ABSENT);
                continue;
            }
            device->hole_retries++;
        }
        ask(device, block, block->count);
        return;
    }
    end_poll(device);
}

static void
poll_group(void *instance, uint16_t group)
{
    struct modbus_device *device = instance;

    assert(device->task == TASK_NONE && group < device->group_count);
    device->task = TASK_POLL;
    device->group = group;
    device->block = 0;
    device->answered = device->asked = 0;
    device->hole_retries = 0;
    device->refused = 0;
    read_block(device);
}

static bool
is_alone(const struct modbus_limits *limits, uint16_t address)
{
    for (unsigned i = 0; i < limits->alone_count; i++)
        if (address >= limits->alone[i].first && address <= limits->alone[i].last)
            return true;
    return false;
}

/* The least that can be asked of a block. */
static void
ask_first(struct modbus_device *device, const struct plan_block *block)
{
    bool as_it_is = is_alone(&device->device->set->modbus, block->address);

    ask(device, block, as_it_is ? block->count : 1);
}

static void
probe(void *instance)
{
    struct modbus_device *device = instance;
    uint16_t group = 0;

    assert(device->task == TASK_NONE);
    while (group < device->group_count && device->groups[group].plan->block_count == 0)
        group++;
    device->task = TASK_PROBE;
    if (group == device->group_count) {
        end_task(device, CAUSE_PROTOCOL, "the profile has no register to read");
        return;
    }

    device->group = group;
    ask_first(device, &device->groups[group].plan->blocks[0]);
}

static void
abandon(void *instance)
{
    struct modbus_device *device = instance;

    if (device->task == TASK_NONE)
        return;
    device->task = TASK_NONE;
    line_modbus_cancel(device->shared->line);
}

static enum err_code
plan_of(const struct source_set *set, uint16_t group, const struct plan **out_plan, struct err *err)
{
    struct plan_key key = {set, group};
    struct shared_plan *shared;
    enum err_code code;

    HASH_FIND(hh, self.plans, &key, sizeof key, shared);
    if (shared == NULL) {
        shared = calloc(1, sizeof *shared);
        if (shared == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        shared->key = key;
        code = plan_regs_make(set, group, &shared->plan, err);
        if (code == ERR_OK) {
            HASH_ADD(hh, self.plans, key, sizeof shared->key, shared);
            if (shared->hh.tbl == NULL)
                code = err_set(err, ERR_NOMEM, "out of memory");
        }
        if (code != ERR_OK) {
            plan_regs_free(shared->plan);
            free(shared);
            return code;
        }
    }
    *out_plan = shared->plan;
    return ERR_OK;
}

static void
on_line_alive(void *ctx)
{
    struct shared_line *shared = ctx;

    for (struct modbus_device *device = shared->devices; device != NULL; device = device->next)
        device->sink->on_alive(device->ctx);
}

static void
free_line(struct shared_line *shared)
{
    if (shared == NULL)
        return;
    line_modbus_free(shared->line);
    free(shared);
}

/* The line of the device's link, made when it is the first there. */
static struct shared_line *
line_of(const struct collect_device *device)
{
    struct shared_line *shared;

    HASH_FIND(hh, self.lines, &device->link, sizeof device->link, shared);
    if (shared != NULL)
        return shared;
    shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->link = device->link;
    shared->line = line_modbus_new(self.worker, &device->address, on_line_alive, shared);
    if (shared->line != NULL)
        HASH_ADD(hh, self.lines, link, sizeof shared->link, shared);
    if (shared->hh.tbl == NULL) {
        free_line(shared);
        return NULL;
    }
    return shared;
}

static void
join_line(struct modbus_device *device, struct shared_line *shared)
{
    device->shared = shared;
    device->next = shared->devices;
    if (device->next != NULL)
        device->next->prev = device;
    shared->devices = device;
}

static void
leave_line(struct modbus_device *device)
{
    struct shared_line *shared = device->shared;

    if (device->next != NULL)
        device->next->prev = device->prev;
    if (device->prev != NULL)
        device->prev->next = device->next;
    else
        shared->devices = device->next;
    if (shared->devices == NULL) {
        HASH_DELETE(hh, self.lines, shared);
        free_line(shared);
    }
}

static enum err_code
open_device(const struct collect_device *device, const struct device_info *info,
            const struct driver_sink *sink, void *ctx, void **out_instance, struct err *err)
{
    size_t groups_bytes = info->group_count * sizeof(struct device_group);
    struct modbus_device *made = calloc(1, sizeof *made + groups_bytes);
    struct shared_line *shared;
    enum err_code code;

    if (made == NULL)
        return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
    made->device = device;
    made->sink = sink;
    made->ctx = ctx;
    made->group_count = info->group_count;
    for (uint16_t group = 0; group < info->group_count; group++) {
        code = plan_of(device->set, group, &made->groups[group].plan, err);
        if (code != ERR_OK) {
            free(made);
            return err_prefix(err, code, "%s", info->id);
        }
    }
    shared = line_of(device);
    if (shared == NULL) {
        free(made);
        return err_set(err, ERR_NOMEM, "%s: out of memory", info->id);
    }
    join_line(made, shared);
    *out_instance = made;
    return ERR_OK;
}

static void
close_device(void *instance)
{
    struct modbus_device *device = instance;

    if (device == NULL)
        return;
    abandon(device);
    for (uint16_t group = 0; group < device->group_count; group++)
        holes_modbus_done(&device->groups[group].holes);
    leave_line(device);
    free(device);
}

static enum err_code
init(const struct driver_env *env, struct err *err)
{
    (void)err;
    self.worker = env->worker;
    return ERR_OK;
}

static void
done(void)
{
    struct shared_plan *shared, *next;

    assert(self.lines == NULL);
    HASH_ITER(hh, self.plans, shared, next)
    {
        HASH_DELETE(hh, self.plans, shared);
        plan_regs_free(shared->plan);
        free(shared);
    }
    self.worker = NULL;
}

const struct driver POLL_MODBUS = {
    .name = "modbus-tcp",
    .init = init,
    .done = done,
    .open = open_device,
    .poll = poll_group,
    .probe = probe,
    .abandon = abandon,
    .close = close_device,
};
