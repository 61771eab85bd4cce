/*
 * test_engine_invariants.c - what must always hold of every alarm, whatever comes in: readings,
 * lost ones, silence, timers, people, in any order. Needs no reference but the rules themselves:
 *
 *   an acknowledgement never changes the condition, and only the present occurrence is
 * acknowledged; no person clears a condition; latched ends only by reset, and not while the quality
 * is bad; what was told stays until somebody answers; what is live when its last suppression ends
 * is told, and unacknowledged; bad quality freezes the condition.
 */
#include "engine_site.h"

#define INPUTS 60000
#define RULES 6
#define NOBODY EVENT_COUNT /* the input came from no person */

static struct site site;

/* How each alarm was before the step under way. */
static struct alarm_state before[ALARMS_MAX];
static enum alarm_event person;
static uint32_t person_on;
static bool is_old_occurrence;
static unsigned seen[RULES]; /* how often each rule had something to say */

static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    site_add_mixed_alarms(&site, 3000);
    site_add_folds(&site);
    site.chatter = ENGINE_CHATTER_DEFAULT;
    site_start(&site);
    memset(seen, 0, sizeof seen);
    person = NOBODY;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

static bool
was_answered(uint32_t alarm)
{
    return alarm == person_on && (person == EVENT_ACK || person == EVENT_SHELVE);
}

/* Of one step, whether it put out anything or not. */
static void
check_step(uint32_t alarm, const struct alarm_state *now, uint32_t out)
{
    const struct alarm_type *type = site.alarms[alarm].type;
    const struct alarm_regions *a = &now->regions, *b = &before[alarm].regions;
    bool is_mine = alarm == person_on && person != NOBODY;

    if (alarm_is_live(a) && !alarm_is_suppressed(a))
        assert_true(a->annunciated);
    if (alarm_is_live(a))
        assert_int_not_equal(a->ack, ACK_NONE);
    assert_int_equal(now->occ, before[alarm].occ + ((out & OUT(RAISED)) != 0 ? 1 : 0));
    if ((out & OUT(ANNUNCIATE)) != 0)
        assert_false(alarm_is_suppressed(a));
    if (is_mine && person == EVENT_ACK) {
        assert_int_equal(a->cond, b->cond);
        assert_int_equal(a->inp, b->inp);
        assert_int_equal(is_old_occurrence && out != 0, 0);
        seen[0]++;
    }
    if (is_mine && (person == EVENT_ACK || person == EVENT_RESET || person == EVENT_SHELVE)) {
        assert_int_equal(out & OUT(CLEARED), 0);
        seen[1]++;
    }
    if (type->latch && alarm_is_live(b) && a->cond <= COND_PENDING) {
        assert_true(is_mine && person == EVENT_RESET && b->good);
        assert_int_equal(b->cond, COND_LATCHED);
        seen[2]++;
    }
    if (b->annunciated && b->ack == ACK_UNACKED && a->ack == ACK_NONE) {
        assert_true(was_answered(alarm));
        seen[3]++;
    }
    if (alarm_is_suppressed(b) && !alarm_is_suppressed(a) && alarm_is_live(a)) {
        assert_int_not_equal(out & OUT(ANNUNCIATE), 0);
        assert_true(a->ack == ACK_UNACKED || !type->ack_required);
        seen[4]++;
    }
    if (!b->good && !a->good && is_mine == (person == EVENT_RESET)) {
        assert_int_equal(a->cond, b->cond);
        seen[5]++;
    }
}

static void
check_told(void *ctx, const struct transition *transition)
{
    (void)ctx;
    check_step(transition->alarm, transition->state, transition->outputs);
    before[transition->alarm] = *transition->state;
    site.told_ever++;
}

/* Steps that put out nothing are steps, too. */
static void
check_silent(void)
{
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        const struct alarm_state *state = engine_state(site.engine, i);

        if (state == NULL)
            continue;
        check_step(i, state, 0);
        before[i] = *state;
    }
}

static void
start_checked(void)
{
    struct engine_params params = {.alarms = site.alarms,
                                   .alarm_limit = ALARMS_MAX,
                                   .directory = &site.directory,
                                   .sink = check_told,
                                   .chatter = site.chatter,
                                   .fold_hold_ms = site.fold_hold_ms};

    site_done(&site);
    site.engine = engine_new(&params, at_ms(&site, 0));
    assert_non_null(site.engine);
    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        if (engine_state(site.engine, i) != NULL)
            before[i] = *engine_state(site.engine, i);
}

/* What fell due goes first, so that the step that is looked at is the person's alone. */
static void
act(uint32_t *seed, int64_t ms)
{
    uint32_t alarm = next_random(seed) % ALARMS_MAX;
    enum alarm_event event = (enum alarm_event)(next_random(seed) % EVENT_COUNT);
    const struct alarm_state *state = engine_state(site.engine, alarm);

    if (state == NULL)
        return;
    if (next_random(seed) % 2 == 0) /* what people mostly do */
        event = next_random(seed) % 2 == 0 ? EVENT_ACK : EVENT_RESET;
    uint32_t occ = next_random(seed) % 4 == 0 ? state->occ - 1 : state->occ;

    tick(&site, ms);
    check_silent();
    person = event;
    person_on = alarm;
    is_old_occurrence = event == EVENT_ACK && occ != 0 && occ != before[alarm].occ;
    enum alarm_reply reply =
        engine_event(site.engine, alarm, event, occ,
                     at_ms(&site, ms + next_random(seed) % 20000).utc_ms, at_ms(&site, ms));
    if (is_old_occurrence)
        assert_int_equal(reply, REPLY_STALE_OCCURRENCE);
    check_silent();
    person = NOBODY;
}

static void
live_through(uint32_t seed)
{
    int64_t ms = 0;

    start_checked();
    for (unsigned i = 0; i < INPUTS; i++) {
        uint32_t kind = next_random(&seed) % 100;

        ms += kind == 0 ? next_random(&seed) % 8000 : next_random(&seed) % 60;
        if (kind < 60)
            random_reading(&site, &seed, ms);
        else if (kind < 85)
            act(&seed, ms);
        else
            tick(&site, ms);
        check_silent();
    }
}

static void
every_rule_of_an_alarms_life_holds_after_every_step(void **state)
{
    (void)state;
    live_through(20261124);
    site.chatter = (struct engine_chatter){0}; /* a hold hides most of what chatters */
    live_through(20261125);
    for (unsigned rule = 0; rule < RULES; rule++)
        assert_true(seen[rule] > 10); /* a rule that never applied was not tested */
    assert_true(site.told_ever > INPUTS / 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_rule_of_an_alarms_life_holds_after_every_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
