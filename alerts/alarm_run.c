/*
 * alarm_run.c - one alarm at work: what a step means for its timers, counters and times.
 *
 * The condition's delay stops while the quality is bad. An on-delay then goes on with what
 * remained: the condition was seen for that long. An off-delay starts from zero: nobody saw that it
 * was quiet.
 */
#include "alerts/alarm_run.h"

#include <string.h>

#include "gateway/base/timers.h"

void
alarm_run_init(struct alarm_run *run)
{
    memset(run, 0, sizeof *run);
    alarm_regions_init(&run->state.regions);
    run->state.cause = CAUSE_NOT_YET_READ;
    run->fold = UINT32_MAX;
    run->condition_due_ms = run->realarm_due_ms = TIMER_NONE;
    run->shelf_due_ms = run->quiet_due_ms = TIMER_NONE;
    for (size_t i = 0; i < ARRAY_LEN(run->raised_mono_ms); i++)
        run->raised_mono_ms[i] = INT64_MIN;
}

struct alarm_traits
alarm_run_traits(const struct alarm_type *type)
{
    return (struct alarm_traits){.latch = type->latch,
                                 .on_delay = type->on_delay_ms > 0,
                                 .off_delay = type->off_delay_ms > 0,
                                 .ack_required = type->ack_required,
                                 .shelvable = type->shelvable && !type->managed};
}

/* Delays are some days at most. */
static uint32_t
short_ms(int64_t ms)
{
    return ms <= 0 ? 0 : ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* The delays of the condition. */
static void
arm_condition(struct alarm_run *run, const struct alarm_type *type, uint8_t cond_before,
              uint32_t outputs, int64_t now_ms)
{
    uint8_t cond = run->state.regions.cond;

    if (cond != cond_before) {
        run->condition_due_ms = cond == COND_PENDING    ? now_ms + type->on_delay_ms
                                : cond == COND_CLEARING ? now_ms + type->off_delay_ms
                                                        : TIMER_NONE;
    } else if ((outputs & OUT(QUALITY_BAD)) != 0 && run->condition_due_ms != TIMER_NONE) {
        run->condition_left_ms = short_ms(run->condition_due_ms - now_ms);
        run->condition_due_ms = TIMER_NONE;
    } else if ((outputs & OUT(RESUME)) != 0) {
        run->condition_due_ms = now_ms + run->condition_left_ms;
    } else if ((outputs & OUT(REARM)) != 0) {
        run->condition_due_ms = now_ms + type->off_delay_ms;
    }
}

/* What was acknowledged and still stands comes up again, until it is over. */
static void
arm_realarm(struct alarm_run *run, const struct alarm_type *type, int64_t now_ms)
{
    const struct alarm_regions *r = &run->state.regions;

    if (!alarm_is_live(r) || r->ack != ACK_ACKED || !type->ack_required || type->realarm_ms <= 0)
        run->realarm_due_ms = TIMER_NONE;
    else if (run->realarm_due_ms == TIMER_NONE)
        run->realarm_due_ms = now_ms + type->realarm_ms;
}

static void
note_times(struct alarm_run *run, enum alarm_event event, uint32_t outputs,
           const struct occasion *occasion)
{
    struct alarm_state *state = &run->state;

    state->changed_utc_ms = occasion->at.utc_ms;
    if (occasion->reading_utc_ms != 0)
        state->reading_utc_ms = occasion->reading_utc_ms;
    if ((outputs & OUT(RAISED)) != 0) {
        state->occ += state->occ == UINT32_MAX ? 2 : 1; /* 0 is no occurrence */
        state->raised_utc_ms = occasion->at.utc_ms;
        state->unc_ms = occasion->unc_ms;
        if (event == EVENT_ON_DELAY_OVER) { /* the reading behind it is the one that began it */
            state->reading_utc_ms = run->pending_utc_ms;
            state->unc_ms = run->pending_unc_ms;
        }
    }
    if ((outputs & OUT(CLEARED)) != 0)
        state->cleared_utc_ms = occasion->at.utc_ms;
}

uint32_t
alarm_run_step(struct alarm_run *run, const struct alarm_type *type, enum alarm_event event,
               const struct occasion *occasion, enum alarm_reply *out_reply)
{
    const struct alarm_traits traits = alarm_run_traits(type);
    struct alarm_regions *r = &run->state.regions;
    uint8_t cond_before = r->cond;
    uint32_t outputs = alarm_step(r, &traits, event, out_reply);
    int64_t now_ms = occasion->at.mono_ms;

    arm_condition(run, type, cond_before, outputs, now_ms);
    arm_realarm(run, type, now_ms);
    if (!r->shelved) {
        run->shelf_due_ms = TIMER_NONE;
        run->shelf_until_utc_ms = run->shelf_length_ms = 0;
    }
    if (r->cond == COND_PENDING && cond_before != COND_PENDING) {
        run->pending_utc_ms = occasion->reading_utc_ms;
        run->pending_unc_ms = occasion->unc_ms;
    }
    if (outputs != 0)
        note_times(run, event, outputs, occasion);
    return outputs;
}

void
alarm_run_set_shelf(struct alarm_run *run, int64_t until_utc_ms, struct stamp now)
{
    int64_t left_ms = until_utc_ms > now.utc_ms ? until_utc_ms - now.utc_ms : 0;

    if (left_ms > ENGINE_SHELF_MAX_MS) {
        left_ms = ENGINE_SHELF_MAX_MS;
        until_utc_ms = now.utc_ms + left_ms;
    }
    run->shelf_until_utc_ms = until_utc_ms;
    run->shelf_length_ms = left_ms;
    run->shelf_due_ms = now.mono_ms + left_ms;
}

/* chatter */

uint32_t
alarm_run_note_raise(struct alarm_run *run, const struct engine_chatter *chatter, int64_t mono_ms)
{
    int64_t *raised = run->raised_mono_ms;
    uint32_t before = chatter->raises - 1;

    if (before == 0 || before > ARRAY_LEN(run->raised_mono_ms))
        return 0;
    int64_t first_ms = raised[before - 1];

    memmove(raised + 1, raised, sizeof run->raised_mono_ms - sizeof *raised);
    raised[0] = mono_ms;
    if (first_ms == INT64_MIN || mono_ms - first_ms > chatter->within_ms)
        return 0;
    run->state.chatter = chatter->raises;
    run->quiet_due_ms = mono_ms + chatter->quiet_ms;
    return OUT(CHATTER);
}

uint32_t
alarm_run_note_edge(struct alarm_run *run, const struct engine_chatter *chatter, bool is_rising,
                    const struct occasion *occasion)
{
    if (is_rising)
        run->state.chatter++;
    run->quiet_due_ms = occasion->at.mono_ms + chatter->quiet_ms;
    run->state.changed_utc_ms = occasion->at.utc_ms;
    run->state.reading_utc_ms = occasion->reading_utc_ms;
    return OUT(CHATTER);
}

uint32_t
alarm_run_steady(struct alarm_run *run, const struct occasion *occasion)
{
    run->state.chatter = 0;
    run->quiet_due_ms = TIMER_NONE;
    run->state.changed_utc_ms = occasion->at.utc_ms;
    for (size_t i = 0; i < ARRAY_LEN(run->raised_mono_ms); i++)
        run->raised_mono_ms[i] = INT64_MIN;
    return OUT(STEADY);
}

/* timers */

int64_t
alarm_run_next_ms(const struct alarm_run *run)
{
    int64_t next_ms = run->condition_due_ms;

    if (run->realarm_due_ms < next_ms)
        next_ms = run->realarm_due_ms;
    if (run->shelf_due_ms < next_ms)
        next_ms = run->shelf_due_ms;
    if (run->quiet_due_ms < next_ms)
        next_ms = run->quiet_due_ms;
    return next_ms;
}

enum alarm_due
alarm_run_take(struct alarm_run *run, int64_t mono_ms)
{
    const struct {
        enum alarm_due due;
        int64_t *due_ms;
    } timers[] = {
        {DUE_CONDITION, &run->condition_due_ms},
        {DUE_REALARM, &run->realarm_due_ms},
        {DUE_SHELF, &run->shelf_due_ms},
        {DUE_QUIET, &run->quiet_due_ms},
    };
    int64_t next_ms = alarm_run_next_ms(run);

    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        if (*timers[i].due_ms == next_ms && next_ms <= mono_ms) {
            *timers[i].due_ms = TIMER_NONE;
            return timers[i].due;
        }
    return DUE_NOTHING;
}

void
alarm_run_settle(struct alarm_run *run, const struct alarm_type *type,
                 const struct engine_chatter *chatter, int64_t now_ms)
{
    const struct alarm_traits traits = alarm_run_traits(type);
    struct alarm_regions *r = &run->state.regions;

    if (r->cond == COND_PENDING && !traits.on_delay) {
        r->cond = COND_NORMAL; /* the next reading raises it at once */
        r->inp = false;
    }
    if (r->cond == COND_CLEARING && !traits.off_delay) {
        r->cond = COND_ACTIVE; /* the next reading clears it at once */
        r->inp = true;
    }
    if (!traits.ack_required && r->ack == ACK_UNACKED) {
        r->ack = alarm_is_live(r) ? ACK_ACKED : ACK_NONE;
        r->annunciated = r->annunciated && alarm_is_live(r);
    }
    run->condition_due_ms = run->quiet_due_ms = TIMER_NONE;
    run->condition_left_ms = short_ms(type->on_delay_ms);
    if (r->good && r->cond == COND_PENDING)
        run->condition_due_ms = now_ms + type->on_delay_ms;
    if (r->good && r->cond == COND_CLEARING)
        run->condition_due_ms = now_ms + type->off_delay_ms;
    if (chatter->raises == 0 || r->cond != COND_ACTIVE)
        run->state.chatter = 0;
    if (run->state.chatter > 0)
        run->quiet_due_ms = now_ms + chatter->quiet_ms;
    run->realarm_due_ms = TIMER_NONE;
    arm_realarm(run, type, now_ms);
}

bool
alarm_run_is_at_rest(const struct alarm_run *run)
{
    const struct alarm_regions *r = &run->state.regions;

    /* An announced test silences nothing, but people must see what is under test. */
    return !alarm_is_live(r) && r->ack == ACK_NONE && !alarm_is_suppressed(r) && !r->test &&
           r->good;
}

uint8_t
alarm_run_level(const struct alarm_run *run)
{
    const struct alarm_regions *r = &run->state.regions;
    unsigned level = (alarm_is_live(r) ? ALARM_COUNTED_LIVE : 0u) |
                     (r->ack == ACK_UNACKED ? ALARM_COUNTED_UNACKED : 0u) |
                     (r->shelved ? ALARM_COUNTED_SHELVED : 0u) |
                     (r->design ? ALARM_COUNTED_DESIGN : 0u) | (r->oos ? ALARM_COUNTED_OOS : 0u) |
                     (r->test ? ALARM_COUNTED_TEST : 0u) |
                     (alarm_run_is_held(run) ? ALARM_COUNTED_HELD : 0u) |
                     (alarm_run_is_at_rest(run) ? 0u : ALARM_COUNTED_RESTLESS);

    return (uint8_t)level;
}
