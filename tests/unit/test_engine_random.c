/*
 * test_engine_random.c - what must hold whatever comes in: the counts agree with a recount, nothing
 * allocates, nothing depends on when ticks come, a restart at any moment tells nothing twice.
 */
#include <malloc.h>

#include "engine_site.h"

#define INPUTS 100000

static struct site site, other;

static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    site_init(&other);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    site_done(&other);
    return 0;
}

/* Some inputs and the ticks between; returns the new time. Devices fall silent now and then. */
static int64_t
drive(struct site *driven, uint32_t *seed, int64_t ms, unsigned inputs)
{
    for (unsigned i = 0; i < inputs; i++) {
        uint32_t kind = next_random(seed) % 100;

        ms += kind == 0 ? next_random(seed) % 8000 : next_random(seed) % 60;
        if (kind < 75)
            random_reading(driven, seed, ms);
        else if (kind < 80)
            random_command(driven, seed, ms);
        else
            tick(driven, ms);
        if (kind == 99)
            driven->utc_ahead += (int64_t)(next_random(seed) % 200000) - 100000;
    }
    tick(driven, ms);
    return ms;
}

static void
add_up(struct engine_counts *counts, const struct alarm_regions *r, unsigned priority)
{
    bool is_rest = !alarm_is_live(r) && r->ack == ACK_NONE && !alarm_is_suppressed(r) && !r->test &&
                   r->good;

    counts->live[0] += alarm_is_live(r);
    counts->live[priority] += alarm_is_live(r);
    counts->unacked[0] += r->ack == ACK_UNACKED;
    counts->unacked[priority] += r->ack == ACK_UNACKED;
    counts->shelved += r->shelved;
    counts->suppressed += r->design;
    counts->out_of_service += r->oos;
    counts->tested += r->test;
    counts->not_at_rest += !is_rest;
}

static void
check_counts(const struct site *checked)
{
    struct engine_counts counted = {0}, counts = *engine_counts(checked->engine);

    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        const struct alarm_state *state = engine_state(checked->engine, i);

        if (state == NULL)
            continue;
        add_up(&counted, &state->regions, checked->alarms[i].type->priority);
        counted.chattering += state->chatter > 0;
        assert_int_equal(alarm_is_live(&state->regions) && state->occ == 0, 0);
    }
    for (uint32_t i = 0; i < POINT_LIMIT; i++)
        for (uint32_t a = 0; a < ALARMS_MAX; a++) {
            const struct alarm_state *state = engine_state(checked->engine, a);

            if (state != NULL && checked->alarms[a].point == i && !state->regions.good) {
                counted.stale_points++;
                break;
            }
        }
    counted.samples = counts.samples;
    counted.late_samples = counts.late_samples;
    counted.unknown_points = counts.unknown_points;
    assert_memory_equal(&counted, &counts, sizeof counts);
}

static void
counts_after_many_inputs_agree_with_a_recount(void **state)
{
    uint32_t seed = 42;
    int64_t ms = 0;

    (void)state;
    site_add_mixed_alarms(&site, 3000);
    site_add_folds(&site);
    site.chatter = ENGINE_CHATTER_DEFAULT;
    site_start(&site);
    for (unsigned i = 0; i < INPUTS / 50; i++) {
        ms = drive(&site, &seed, ms, 50);
        check_counts(&site);
    }
    assert_true(site.told_ever > INPUTS / 100); /* it was no quiet night */
    assert_true(engine_counts(site.engine)->late_samples > 0);
    assert_true(engine_counts(site.engine)->unknown_points > 0);
}

static void
engine_at_work_allocates_nothing(void **state)
{
    uint32_t seed = 7;
    uint8_t record[ENGINE_RECORD_MAX];

    (void)state;
    site_add_mixed_alarms(&site, 3000);
    site_add_wide_alarms(&site, 3000);
    site_add_folds(&site);
    site.chatter = ENGINE_CHATTER_DEFAULT;
    site_start(&site);

    struct mallinfo2 before = mallinfo2();
    int64_t ms = drive(&site, &seed, 0, INPUTS);
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        size_t bytes = engine_save(site.engine, i, record);

        if (bytes > 0)
            assert_true(engine_restore(site.engine, i, record, bytes, at_ms(&site, ms)));
    }
    struct mallinfo2 after = mallinfo2();

    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblks, before.hblks);
    assert_int_equal(after.arena, before.arena);
}

/* The next thing told of an alarm; what is suppressed under it is told by ticks. */
static size_t
next_told(const struct site *told_by, uint32_t alarm, size_t i)
{
    while (i < told_by->told_count &&
           (told_by->told[i].alarm != alarm || told_by->told[i].outputs == OUT(IMPACTS)))
        i++;
    return i;
}

/* The same for one alarm; the order between alarms is that of the ticks. */
static void
compare_told(uint32_t alarm)
{
    size_t i = 0, j = 0;

    for (;;) {
        i = next_told(&site, alarm, i);
        j = next_told(&other, alarm, j);
        if (i == site.told_count || j == other.told_count)
            break;
        assert_int_equal(site.told[i].outputs, other.told[j].outputs);
        assert_int_equal(site.told[i].at.mono_ms, other.told[j].at.mono_ms);
        assert_int_equal(site.told[i].at.utc_ms, other.told[j].at.utc_ms);
        assert_int_equal(site.told[i].state.occ, other.told[j].state.occ);
        assert_int_equal(site.told[i].state.unc_ms, other.told[j].state.unc_ms);
        i++;
        j++;
    }
    assert_int_equal(i == site.told_count, j == other.told_count);
}

static void
what_is_told_does_not_depend_on_when_ticks_come(void **state)
{
    uint32_t seed = 99;
    int64_t ms = 0;

    (void)state;
    site_add_mixed_alarms(&site, 0); /* stale times are looked at by ticks only */
    site_add_mixed_alarms(&other, 0);
    site_add_wide_alarms(&site, 0);
    site_add_wide_alarms(&other, 0);
    site_add_folds(&site);
    site_add_folds(&other);
    site.chatter = other.chatter = ENGINE_CHATTER_DEFAULT;
    site_start(&site);
    site_start(&other);
    for (unsigned i = 0; i < INPUTS / 10; i++) {
        uint32_t seeds[] = {next_random(&seed), 0}, kind = next_random(&seed) % 20;

        seeds[1] = seeds[0];
        ms += next_random(&seed) % 900;
        if (kind == 0) {
            random_command(&site, &seeds[0], ms);
            random_command(&other, &seeds[1], ms);
        } else {
            random_reading(&site, &seeds[0], ms);
            random_reading(&other, &seeds[1], ms);
        }
        tick(&site, ms);
        if (i % 100 == 99) {
            tick(&other, ms);
            for (uint32_t alarm = 0; alarm < ALARMS_MAX; alarm++)
                compare_told(alarm);
            forget_told(&site);
            forget_told(&other);
        }
    }
    assert_true(site.told_ever > 1000);
}

/* restart at any moment */

static void
restart(struct site *from, struct site *to, int64_t ms)
{
    uint8_t record[ENGINE_RECORD_MAX];

    to->utc_ahead = from->utc_ahead;
    to->engine = site_engine(to, ms);
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        size_t bytes = engine_save(from->engine, i, record);

        assert_true(bytes <= ENGINE_RECORD_MAX);
        assert_int_equal(bytes > 0, engine_state(from->engine, i) != NULL);
        if (bytes > 0)
            assert_true(engine_restore(to->engine, i, record, bytes, at_ms(to, ms)));
    }
}

static void
check_same_states(const struct site *from, const struct site *to)
{
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        const struct alarm_state *a = engine_state(from->engine, i);
        const struct alarm_state *b = engine_state(to->engine, i);

        if (a == NULL)
            continue;
        assert_memory_equal(&a->regions, &b->regions, sizeof a->regions);
        assert_int_equal(a->occ, b->occ);
        assert_int_equal(a->chatter, b->chatter);
        assert_int_equal(a->unc_ms, b->unc_ms);
        assert_int_equal(a->raised_utc_ms, b->raised_utc_ms);
        assert_int_equal(a->cleared_utc_ms, b->cleared_utc_ms);
        assert_int_equal(a->changed_utc_ms, b->changed_utc_ms);
        assert_int_equal(a->reading_utc_ms, b->reading_utc_ms);
        if (from->alarms[i].type->rule != RULE_STALE)
            assert_true(a->value == b->value);
        int64_t shelf_differs =
            engine_shelf_until(from->engine, i) - engine_shelf_until(to->engine, i);
        /* UTC was stepped since: by how much is not known, but never for longer. */
        assert_true(!a->regions.shelved || shelf_differs >= -200000);
    }
    assert_int_equal(engine_counts(from->engine)->not_at_rest,
                     engine_counts(to->engine)->not_at_rest);
    assert_int_equal(engine_counts(from->engine)->stale_points,
                     engine_counts(to->engine)->stale_points);
}

static uint32_t
told_of(const struct site *told_by, uint32_t alarm)
{
    uint32_t outputs = 0;

    for (size_t i = 0; i < told_by->told_count; i++)
        if (told_by->told[i].alarm == alarm)
            outputs |= told_by->told[i].outputs;
    return outputs;
}

static void
restart_at_any_moment_keeps_all_and_tells_nothing_twice(void **state)
{
    struct site *old = &site, *new = &other;
    uint32_t seed = 2026;
    int64_t ms = 0;

    (void)state;
    site_add_mixed_alarms(old, 3000);
    site_add_mixed_alarms(new, 3000);
    site_start(old);
    for (unsigned i = 0; i < 500; i++) {
        ms = drive(old, &seed, ms, 200);
        forget_told(old);
        forget_told(new);
        restart(old, new, ms);
        uint32_t unshelved = 0; /* UTC was stepped beyond the end of a shelf */
        for (size_t t = 0; t < new->told_count; t++)
            unshelved |= 1u << new->told[t].alarm;
        if (unshelved == 0)
            check_same_states(old, new);
        check_counts(new);
        forget_told(new);

        /* One reading of every point: what is news for one is news for the other, no more. */
        uint32_t round = next_random(&seed);
        for (uint32_t point = 0; point <= GATEWAY_STATE; point++) {
            bool is_comm = point == A_COMM || point == B_COMM;
            double value = is_comm ? 1 : (round >> point) % 2 == 0 ? 0 : 120;

            feed(old, point, value, ms);
            feed(new, point, value, ms);
        }
        for (uint32_t alarm = 0; alarm < ALARMS_MAX; alarm++)
            if ((unshelved & 1u << alarm) == 0)
                assert_int_equal(told_of(old, alarm), told_of(new, alarm));
        check_counts(new);
        if (i % 3 == 0) { /* now and then the new one goes on */
            struct site *kept = old;

            old = new;
            new = kept;
        }
        site_done(new);
    }
    assert_true(site.told_ever > 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_after_many_inputs_agree_with_a_recount),
        TEST(engine_at_work_allocates_nothing),
        TEST(what_is_told_does_not_depend_on_when_ticks_come),
        TEST(restart_at_any_moment_keeps_all_and_tells_nothing_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
