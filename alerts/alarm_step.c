/*
 * alarm_step.c - the life of one alarm as a pure step function over independent regions.
 *
 * What was told stays until somebody answers, suppressed or not. No person clears a condition; an
 * acknowledgement never changes one. When the last reason for suppression goes and the alarm is
 * still live, it is told: nothing stays hidden.
 */
#include "alerts/alarm_step.h"

#include <assert.h>
#include <string.h>

static const char *const EVENTS[] = {
#define NAME(symbol, name) name,
    ALARM_EVENTS(NAME)};
static const char *const OUTPUTS[] = {ALARM_OUTPUTS(NAME)};
static const char *const REPLIES[] = {ALARM_REPLIES(NAME)};
#undef NAME
static const char *const CONDS[] = {"normal", "pending", "active", "clearing", "latched"};
static const char *const ACKS[] = {"none", "unacked", "acked"};
static_assert(ARRAY_LEN(CONDS) == COND_COUNT, "a condition has no name");
static_assert(ARRAY_LEN(ACKS) == ACK_COUNT, "an acknowledgement has no name");

/* One step in progress. */
struct step {
    struct alarm_regions *a;
    const struct alarm_traits *c;
    uint32_t out;
    enum alarm_reply reply;
};

void
alarm_regions_init(struct alarm_regions *regions)
{
    *regions = (struct alarm_regions){.good = true};
}

static void
raise(struct step *s)
{
    struct alarm_regions *a = s->a;
    /* An earlier occurrence was told and nobody has answered yet: that debt goes on. */
    bool owed = a->annunciated && a->ack == ACK_UNACKED;

    s->out |= OUT(RAISED);
    a->cond = COND_ACTIVE;
    a->ack = s->c->ack_required ? ACK_UNACKED : ACK_ACKED;
    if (alarm_is_suppressed(a)) {
        a->annunciated = owed;
        return;
    }
    s->out |= OUT(ANNUNCIATE);
    a->annunciated = true;
}

static void
clear(struct step *s)
{
    struct alarm_regions *a = s->a;

    s->out |= OUT(CLEARED);
    if (s->c->latch) {
        a->cond = COND_LATCHED;
        return;
    }
    if (a->ack == ACK_ACKED || !a->annunciated)
        a->ack = ACK_NONE;
    a->cond = COND_NORMAL;
    a->annunciated = a->annunciated && a->ack == ACK_UNACKED;
}

/* One reason for silence has gone. */
static void
release(struct step *s)
{
    struct alarm_regions *a = s->a;

    if (alarm_is_suppressed(a) || !alarm_is_live(a))
        return;
    s->out |= OUT(ANNUNCIATE);
    a->annunciated = true;
    if (s->c->ack_required)
        a->ack = ACK_UNACKED;
}

static void
feed_input(struct step *s, bool value)
{
    struct alarm_regions *a = s->a;

    if (!a->good)
        return;
    a->inp = value;
    if (value) {
        if (a->cond == COND_NORMAL && s->c->on_delay)
            a->cond = COND_PENDING;
        else if (a->cond == COND_NORMAL || a->cond == COND_LATCHED)
            raise(s);
        else if (a->cond == COND_CLEARING)
            a->cond = COND_ACTIVE;
    } else if (a->cond == COND_PENDING) {
        s->out |= OUT(FLEETING);
        a->cond = COND_NORMAL;
    } else if (a->cond == COND_ACTIVE && s->c->off_delay) {
        a->cond = COND_CLEARING;
    } else if (a->cond == COND_ACTIVE) {
        clear(s);
    }
}

/* To acknowledge, and to shelve: somebody has seen it. */
static void
see(struct alarm_regions *a)
{
    bool live = alarm_is_live(a);

    a->ack = live ? ACK_ACKED : ACK_NONE;
    a->annunciated = a->annunciated && live;
}

static void
reset(struct step *s)
{
    struct alarm_regions *a = s->a;

    if (a->cond != COND_LATCHED) {
        s->reply = REPLY_NOT_LATCHED;
    } else if (a->ack == ACK_UNACKED) {
        s->reply = REPLY_ACK_FIRST;
    } else if (!a->good) {
        s->reply = REPLY_QUALITY_BAD;
    } else {
        s->out |= OUT(RESET);
        a->cond = COND_NORMAL;
        a->ack = ACK_NONE;
        a->annunciated = false;
        if (a->inp)
            feed_input(s, true);
    }
}

static void
shelve(struct step *s)
{
    struct alarm_regions *a = s->a;

    if (!s->c->shelvable) {
        s->reply = REPLY_NOT_SHELVABLE;
    } else if (a->shelved) {
        s->reply = REPLY_ALREADY_SHELVED;
    } else if (a->oos) {
        s->reply = REPLY_OUT_OF_SERVICE;
    } else {
        s->out |= OUT(SHELVED);
        if (a->ack == ACK_UNACKED)
            see(a);
        a->shelved = true;
    }
}

/* A mark set or taken away. False: it was so already. */
static bool
flip(struct step *s, bool *mark, bool value, uint32_t output)
{
    if (*mark == value)
        return false;
    *mark = value;
    s->out |= output;
    return true;
}

static void
set_quality(struct step *s, bool good)
{
    struct alarm_regions *a = s->a;

    if (!flip(s, &a->good, good, good ? OUT(QUALITY_GOOD) : OUT(QUALITY_BAD)) || !good)
        return;
    if (a->cond == COND_PENDING)
        s->out |= OUT(RESUME);
    else if (a->cond == COND_CLEARING)
        s->out |= OUT(REARM);
}

static void
delay_over(struct step *s, enum alarm_cond waiting, void (*then)(struct step *))
{
    if (s->a->cond == waiting && s->a->good)
        then(s);
    else
        s->reply = REPLY_IGNORED;
}

static void
realarm(struct step *s)
{
    struct alarm_regions *a = s->a;

    if (a->cond != COND_ACTIVE || a->ack != ACK_ACKED || !s->c->ack_required ||
        alarm_is_suppressed(a)) {
        s->reply = REPLY_IGNORED;
        return;
    }
    s->out |= OUT(ANNUNCIATE);
    a->ack = ACK_UNACKED;
}

static void
suppression(struct step *s, enum alarm_event event)
{
    struct alarm_regions *a = s->a;

    switch (event) {
    case EVENT_UNSHELVE:
    case EVENT_SHELF_OVER:
        if (flip(s, &a->shelved, false, OUT(UNSHELVED)))
            release(s);
        else
            s->reply = REPLY_NOT_SHELVED;
        break;
    case EVENT_DESIGN_ON:
        flip(s, &a->design, true, OUT(SUPPRESSED));
        break;
    case EVENT_DESIGN_OFF:
        if (flip(s, &a->design, false, OUT(UNSUPPRESSED)))
            release(s);
        break;
    case EVENT_OOS_ON:
        if (!flip(s, &a->oos, true, OUT(OUT_OF_SERVICE)))
            s->reply = REPLY_ALREADY_OUT_OF_SERVICE;
        break;
    case EVENT_OOS_OFF:
        if (flip(s, &a->oos, false, OUT(IN_SERVICE)))
            release(s);
        else
            s->reply = REPLY_NOT_OUT_OF_SERVICE;
        break;
    case EVENT_TEST_ON: /* a mark, not a suppression: what is raised under it is told, as a test */
        flip(s, &a->test, true, OUT(TEST_BEGAN));
        break;
    case EVENT_TEST_OFF:
        if (flip(s, &a->test, false, OUT(TEST_ENDED)))
            release(s);
        break;
    default:
        assert(false && "not an event of suppression");
    }
}

uint32_t
alarm_step(struct alarm_regions *regions, const struct alarm_traits *traits, enum alarm_event event,
           enum alarm_reply *out_reply)
{
    struct step s = {regions, traits, 0, REPLY_OK};

    switch (event) {
    case EVENT_IN_TRUE:
    case EVENT_IN_FALSE:
        feed_input(&s, event == EVENT_IN_TRUE);
        break;
    case EVENT_ON_DELAY_OVER:
        delay_over(&s, COND_PENDING, raise);
        break;
    case EVENT_OFF_DELAY_OVER:
        delay_over(&s, COND_CLEARING, clear);
        break;
    case EVENT_ACK:
        if (regions->ack != ACK_UNACKED) {
            s.reply = REPLY_NOT_UNACKED;
            break;
        }
        s.out |= OUT(ACKED);
        see(regions);
        break;
    case EVENT_ACK_OLD_OCCURRENCE:
        s.reply = REPLY_STALE_OCCURRENCE;
        break;
    case EVENT_RESET:
        reset(&s);
        break;
    case EVENT_SHELVE:
        shelve(&s);
        break;
    case EVENT_QUALITY_BAD:
    case EVENT_QUALITY_GOOD:
        set_quality(&s, event == EVENT_QUALITY_GOOD);
        break;
    case EVENT_REALARM:
        realarm(&s);
        break;
    case EVENT_COUNT:
        assert(false && "no event");
        break;
    default:
        suppression(&s, event);
    }
    if (out_reply != NULL)
        *out_reply = s.reply;
    return s.out;
}

char
alarm_isa_letter(const struct alarm_regions *regions)
{
    bool unacked = regions->ack == ACK_UNACKED;

    if (regions->oos)
        return 'I';
    if (regions->design)
        return 'H';
    if (regions->shelved)
        return 'G';
    if (regions->cond == COND_NORMAL || regions->cond == COND_PENDING)
        return unacked ? 'D' : 'A';
    if (regions->cond == COND_LATCHED)
        return unacked ? 'E' : 'F';
    return unacked ? 'B' : 'C';
}

const char *
alarm_cond_name(enum alarm_cond cond)
{
    return (unsigned)cond < COND_COUNT ? CONDS[cond] : "normal";
}

const char *
alarm_ack_name(enum alarm_ack ack)
{
    return (unsigned)ack < ACK_COUNT ? ACKS[ack] : "none";
}

const char *
alarm_event_name(enum alarm_event event)
{
    return (unsigned)event < EVENT_COUNT ? EVENTS[event] : "unknown";
}

const char *
alarm_output_name(enum alarm_output output)
{
    return (unsigned)output < OUTPUT_COUNT ? OUTPUTS[output] : "unknown";
}

const char *
alarm_reply_name(enum alarm_reply reply)
{
    return (unsigned)reply < REPLY_COUNT ? REPLIES[reply] : "unknown";
}

bool
alarm_event_of(const char *name, enum alarm_event *out_event)
{
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        if (strcmp(EVENTS[i], name) == 0) {
            *out_event = (enum alarm_event)i;
            return true;
        }
    return false;
}
