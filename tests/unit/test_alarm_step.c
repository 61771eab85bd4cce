/*
 * test_alarm_step.c - every pair of reachable state and event, in all 32 configurations of traits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "alerts/alarm_step.h"

#define CONFIGS 32u
#define REACHABLE_STATES 5312u /* as many as the reference model reaches */
#define CODES (5u * 3u << 7)   /* conditions, acknowledgements, seven marks */

static struct alarm_traits
traits_of(unsigned config)
{
    return (struct alarm_traits){.latch = (config & 1) != 0,
                                 .on_delay = (config & 2) != 0,
                                 .off_delay = (config & 4) != 0,
                                 .ack_required = (config & 8) != 0,
                                 .shelvable = (config & 16) != 0};
}

static unsigned
code_of(const struct alarm_regions *r)
{
    unsigned marks = (unsigned)r->inp | (unsigned)r->shelved << 1 | (unsigned)r->design << 2 |
                     (unsigned)r->oos << 3 | (unsigned)r->test << 4 | (unsigned)r->good << 5 |
                     (unsigned)r->annunciated << 6;

    return (r->cond * 3u + r->ack) << 7 | marks;
}

static struct alarm_regions
regions_of(unsigned code)
{
    return (struct alarm_regions){.cond = (uint8_t)((code >> 7) / 3),
                                  .ack = (uint8_t)((code >> 7) % 3),
                                  .inp = (code & 1) != 0,
                                  .shelved = (code & 2) != 0,
                                  .design = (code & 4) != 0,
                                  .oos = (code & 8) != 0,
                                  .test = (code & 16) != 0,
                                  .good = (code & 32) != 0,
                                  .annunciated = (code & 64) != 0};
}

/* Calls `visit` for every reachable state; returns their number. */
typedef void visitor(const struct alarm_regions *state, const struct alarm_traits *traits);

static unsigned
visit_reachable(const struct alarm_traits *traits, visitor *visit)
{
    static unsigned queue[CODES];
    static bool seen[CODES];
    unsigned head = 0, tail = 0;
    struct alarm_regions start;

    memset(seen, 0, sizeof seen);
    alarm_regions_init(&start);
    seen[code_of(&start)] = true;
    queue[tail++] = code_of(&start);
    while (head < tail) {
        struct alarm_regions state = regions_of(queue[head++]);

        visit(&state, traits);
        for (unsigned event = 0; event < EVENT_COUNT; event++) {
            struct alarm_regions next = state;

            alarm_step(&next, traits, (enum alarm_event)event, NULL);
            if (!seen[code_of(&next)]) {
                seen[code_of(&next)] = true;
                queue[tail++] = code_of(&next);
            }
        }
    }
    return tail;
}

/* Returns how many states were visited over all configurations. */
static unsigned
visit_all(visitor *visit)
{
    unsigned states = 0;

    for (unsigned config = 0; config < CONFIGS; config++) {
        struct alarm_traits traits = traits_of(config);

        states += visit_reachable(&traits, visit);
    }
    return states;
}

static bool
is_outwardly_quiet(const struct alarm_regions *r)
{
    return r->cond == COND_NORMAL || r->cond == COND_PENDING;
}

static void
check_state(const struct alarm_regions *a, const struct alarm_traits *c)
{
    assert_true(c->on_delay || a->cond != COND_PENDING);
    assert_true(c->off_delay || a->cond != COND_CLEARING);
    assert_true(c->latch || a->cond != COND_LATCHED);
    if (alarm_is_live(a))
        assert_int_not_equal(a->ack, ACK_NONE);
    if (alarm_is_live(a) && !alarm_is_suppressed(a))
        assert_true(a->annunciated);
    assert_int_equal(a->inp, a->cond == COND_PENDING || a->cond == COND_ACTIVE);
    assert_true(c->shelvable || !a->shelved);
    assert_true(c->ack_required || a->ack != ACK_UNACKED);
}

static bool
is_of_people(enum alarm_event event)
{
    return event == EVENT_ACK || event == EVENT_ACK_OLD_OCCURRENCE || event == EVENT_RESET ||
           event == EVENT_SHELVE;
}

static void
check_step(const struct alarm_regions *before, const struct alarm_traits *c, enum alarm_event event)
{
    struct alarm_regions after = *before;
    enum alarm_reply reply = REPLY_COUNT;
    uint32_t out = alarm_step(&after, c, event, &reply);

    check_state(&after, c);
    assert_true((unsigned)reply < REPLY_COUNT);
    if (reply != REPLY_OK) { /* what is refused has no effect */
        assert_int_equal(out, 0);
        assert_int_equal(code_of(&after), code_of(before));
    }
    if (c->latch && alarm_is_live(before) && is_outwardly_quiet(&after))
        assert_int_equal(event, EVENT_RESET);
    if (event == EVENT_ACK) {
        assert_int_equal(after.cond, before->cond);
        assert_int_equal(after.inp, before->inp);
    }
    if (before->annunciated && before->ack == ACK_UNACKED && after.ack == ACK_NONE)
        assert_true(event == EVENT_ACK || event == EVENT_SHELVE);
    if (!before->good && event != EVENT_QUALITY_GOOD)
        assert_int_equal(after.cond, before->cond);
    if ((out & OUT(ANNUNCIATE)) != 0)
        assert_false(alarm_is_suppressed(&after));
    if (is_of_people(event))
        assert_int_equal(out & OUT(CLEARED), 0);
    /* The engine counts occurrences by this output. */
    if ((out & OUT(RAISED)) != 0) {
        assert_int_equal(after.cond, COND_ACTIVE);
        assert_int_not_equal(before->cond, COND_ACTIVE);
    }
}

static void
check_every_event(const struct alarm_regions *state, const struct alarm_traits *traits)
{
    check_state(state, traits);
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        check_step(state, traits, (enum alarm_event)event);
}

static void
step_with_every_state_and_event_keeps_the_invariants(void **state)
{
    (void)state;
    assert_int_equal(visit_all(check_every_event), REACHABLE_STATES);
}

static void
feed_all(struct alarm_regions *alarm, const struct alarm_traits *traits,
         const enum alarm_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alarm_step(alarm, traits, events[i], NULL);
}

static void
comes_to_rest(const struct alarm_regions *state, const struct alarm_traits *traits)
{
    static const enum alarm_event quiet[] = {
        EVENT_QUALITY_GOOD, EVENT_TEST_OFF,       EVENT_IN_FALSE,   EVENT_OFF_DELAY_OVER,
        EVENT_OOS_OFF,      EVENT_DESIGN_OFF,     EVENT_SHELF_OVER, EVENT_ACK,
        EVENT_RESET,        EVENT_OFF_DELAY_OVER, EVENT_ACK,        EVENT_RESET,
    };
    struct alarm_regions alarm = *state, rest;

    feed_all(&alarm, traits, quiet, ARRAY_LEN(quiet));
    alarm_regions_init(&rest);
    assert_int_equal(code_of(&alarm), code_of(&rest));
    assert_int_equal(alarm_isa_letter(&alarm), 'A');
}

static void
alarm_in_any_state_in_a_quiet_plant_comes_to_rest(void **state)
{
    (void)state;
    visit_all(comes_to_rest);
}

static void
is_told_in_the_end(const struct alarm_regions *state, const struct alarm_traits *traits)
{
    static const enum alarm_event loud[] = {EVENT_QUALITY_GOOD, EVENT_IN_TRUE, EVENT_ON_DELAY_OVER};
    struct alarm_regions alarm = *state;

    if (alarm_is_suppressed(state))
        return;
    feed_all(&alarm, traits, loud, ARRAY_LEN(loud));
    assert_int_equal(alarm.cond, COND_ACTIVE);
    assert_true(alarm.annunciated);
}

static void
fault_that_persists_in_any_state_is_told(void **state)
{
    (void)state;
    visit_all(is_told_in_the_end);
}

static void
is_told_on_release(const struct alarm_regions *state, const struct alarm_traits *traits)
{
    static const enum alarm_event releases[] = {EVENT_UNSHELVE, EVENT_SHELF_OVER, EVENT_DESIGN_OFF,
                                                EVENT_OOS_OFF};

    for (size_t i = 0; i < ARRAY_LEN(releases); i++) {
        struct alarm_regions alarm = *state;
        uint32_t out = alarm_step(&alarm, traits, releases[i], NULL);
        bool was_last = alarm_is_suppressed(state) && !alarm_is_suppressed(&alarm);

        assert_int_equal((out & OUT(ANNUNCIATE)) != 0, was_last && alarm_is_live(state));
        if ((out & OUT(ANNUNCIATE)) != 0 && traits->ack_required)
            assert_int_equal(alarm.ack, ACK_UNACKED);
    }
}

static void
live_alarm_whose_last_suppression_ends_is_told(void **state)
{
    (void)state;
    visit_all(is_told_on_release);
}

static void
life_of_a_latched_alarm_ends_by_reset_only(void **state)
{
    static const struct {
        enum alarm_event event;
        enum alarm_cond cond;
        enum alarm_ack ack;
        enum alarm_reply reply;
        uint32_t out;
        char isa;
    } walk[] = {
        /* clang-format off */
        {EVENT_IN_TRUE, COND_ACTIVE, ACK_UNACKED, REPLY_OK, OUT(RAISED) | OUT(ANNUNCIATE), 'B'},
        {EVENT_IN_TRUE, COND_ACTIVE, ACK_UNACKED, REPLY_OK, 0, 'B'}, /* repeats are not news */
        {EVENT_RESET, COND_ACTIVE, ACK_UNACKED, REPLY_NOT_LATCHED, 0, 'B'},
        {EVENT_IN_FALSE, COND_LATCHED, ACK_UNACKED, REPLY_OK, OUT(CLEARED), 'E'},
        {EVENT_RESET, COND_LATCHED, ACK_UNACKED, REPLY_ACK_FIRST, 0, 'E'},
        {EVENT_ACK_OLD_OCCURRENCE, COND_LATCHED, ACK_UNACKED, REPLY_STALE_OCCURRENCE, 0, 'E'},
        {EVENT_ACK, COND_LATCHED, ACK_ACKED, REPLY_OK, OUT(ACKED), 'F'},
        {EVENT_ACK, COND_LATCHED, ACK_ACKED, REPLY_NOT_UNACKED, 0, 'F'},
        {EVENT_QUALITY_BAD, COND_LATCHED, ACK_ACKED, REPLY_OK, OUT(QUALITY_BAD), 'F'},
        {EVENT_RESET, COND_LATCHED, ACK_ACKED, REPLY_QUALITY_BAD, 0, 'F'},
        {EVENT_QUALITY_GOOD, COND_LATCHED, ACK_ACKED, REPLY_OK, OUT(QUALITY_GOOD), 'F'},
        {EVENT_IN_TRUE, COND_ACTIVE, ACK_UNACKED, REPLY_OK, OUT(RAISED) | OUT(ANNUNCIATE), 'B'},
        {EVENT_ACK, COND_ACTIVE, ACK_ACKED, REPLY_OK, OUT(ACKED), 'C'},
        {EVENT_REALARM, COND_ACTIVE, ACK_UNACKED, REPLY_OK, OUT(ANNUNCIATE), 'B'},
        {EVENT_SHELVE, COND_ACTIVE, ACK_UNACKED, REPLY_NOT_SHELVABLE, 0, 'B'},
        {EVENT_OOS_ON, COND_ACTIVE, ACK_UNACKED, REPLY_OK, OUT(OUT_OF_SERVICE), 'I'},
        {EVENT_OOS_ON, COND_ACTIVE, ACK_UNACKED, REPLY_ALREADY_OUT_OF_SERVICE, 0, 'I'},
        {EVENT_ACK, COND_ACTIVE, ACK_ACKED, REPLY_OK, OUT(ACKED), 'I'},
        {EVENT_OOS_OFF, COND_ACTIVE, ACK_UNACKED, REPLY_OK, OUT(IN_SERVICE) | OUT(ANNUNCIATE), 'B'},
        {EVENT_OOS_OFF, COND_ACTIVE, ACK_UNACKED, REPLY_NOT_OUT_OF_SERVICE, 0, 'B'},
        {EVENT_ACK, COND_ACTIVE, ACK_ACKED, REPLY_OK, OUT(ACKED), 'C'},
        {EVENT_IN_FALSE, COND_LATCHED, ACK_ACKED, REPLY_OK, OUT(CLEARED), 'F'},
        {EVENT_RESET, COND_NORMAL, ACK_NONE, REPLY_OK, OUT(RESET), 'A'},
        /* clang-format on */
    };
    const struct alarm_traits traits = {.latch = true, .ack_required = true};
    struct alarm_regions alarm;

    (void)state;
    alarm_regions_init(&alarm);
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        enum alarm_reply reply;
        uint32_t out = alarm_step(&alarm, &traits, walk[i].event, &reply);

        assert_int_equal(out, walk[i].out);
        assert_int_equal(alarm.cond, walk[i].cond);
        assert_int_equal(alarm.ack, walk[i].ack);
        assert_int_equal(reply, walk[i].reply);
        assert_int_equal(alarm_isa_letter(&alarm), walk[i].isa);
    }
}

static void
event_names_lead_back_to_their_events(void **state)
{
    enum alarm_event event = EVENT_COUNT;

    (void)state;
    for (unsigned i = 0; i < EVENT_COUNT; i++) {
        assert_true(alarm_event_of(alarm_event_name((enum alarm_event)i), &event));
        assert_int_equal(event, i);
    }
    assert_false(alarm_event_of("", &event));
    assert_false(alarm_event_of("in_true ", &event));
    assert_int_equal(event, EVENT_COUNT - 1);
}

static void
names_of_numbers_out_of_range_are_never_null(void **state)
{
    (void)state;
    assert_non_null(alarm_cond_name(COND_COUNT));
    assert_non_null(alarm_ack_name(ACK_COUNT));
    assert_non_null(alarm_event_name(EVENT_COUNT));
    assert_non_null(alarm_output_name(OUTPUT_COUNT));
    assert_non_null(alarm_reply_name(REPLY_COUNT));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_with_every_state_and_event_keeps_the_invariants),
        cmocka_unit_test(alarm_in_any_state_in_a_quiet_plant_comes_to_rest),
        cmocka_unit_test(fault_that_persists_in_any_state_is_told),
        cmocka_unit_test(live_alarm_whose_last_suppression_ends_is_told),
        cmocka_unit_test(life_of_a_latched_alarm_ends_by_reset_only),
        cmocka_unit_test(event_names_lead_back_to_their_events),
        cmocka_unit_test(names_of_numbers_out_of_range_are_never_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
