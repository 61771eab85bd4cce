/*
 * test_sim_physics.c - the demo's small data centre: a mains failure from the first second to the
 * engines at rest again.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/physics.h"

static void
set(struct physics *physics, const char *what, const char *value)
{
    struct err err;

    assert_int_equal(physics_set(physics, what, value, &err), ERR_OK);
}

static double
read_point(const struct physics *physics, const char *device, const char *name)
{
    const double *value = physics_find(physics, device, name);

    assert_non_null(value);
    return *value;
}

/* Seconds until the value is `wanted`; fails after `most`. */
static double
until(struct physics *physics, const char *device, const char *name, double wanted, double most)
{
    for (double t = 0; t < most; t += 0.1) {
        if (read_point(physics, device, name) == wanted)
            return t;
        physics_step(physics, 0.1);
    }
    fail_msg("%s/%s is not %g after %g s", device, name, wanted, most);
    return 0;
}

static void
a_quiet_site_stays_within_its_bands_for_an_hour(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 7);
    for (int i = 0; i < 3600; i++) {
        physics_step(&physics, 1);
        assert_true(fabs(read_point(&physics, "gen-1", "mains.L1.voltage") - 231) < 12);
        assert_true(read_point(&physics, "ups-a", "ups.output.source") == 3);
        assert_true(read_point(&physics, "ups-a", "battery.charge") == 100);
        assert_true(read_point(&physics, "ups-b", "output.L3.load") < 80);
        assert_true(read_point(&physics, "gen-2", "engine.speed") == 0);
        assert_true(read_point(&physics, "ats-1", "ats.source") == 1);
        assert_true(read_point(&physics, "env-hall", "temperature.1") < 24.5);
        assert_true(read_point(&physics, "env-hall", "temperature.1") > 20.5);
        assert_true(read_point(&physics, "pdu-a1", "pdu.load.state") == 2);
        assert_true(read_point(&physics, "panel-1", "fire.quiet") == 1);
    }
}

static void
the_same_seed_gives_the_same_world(void **state)
{
    static struct physics one, two, other;

    (void)state;
    physics_init(&one, 5);
    physics_init(&two, 5);
    physics_init(&other, 6);
    for (int i = 0; i < 600; i++) {
        physics_step(&one, 0.3);
        physics_step(&two, 0.3);
        physics_step(&other, 0.3);
    }
    assert_memory_equal(&one, &two, sizeof one);
    assert_true(one.ups[0].output_power[0] != other.ups[0].output_power[0]);
}

static void
time_less_than_a_step_is_not_lost(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 5);
    double begin = physics.time_s;
    for (int i = 0; i < 1000; i++)
        physics_step(&physics, 0.033);
    assert_true(fabs(physics.time_s - begin - 33) < 0.15);
}

static void
a_mains_failure_starts_the_engines_and_transfers_in_time(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    set(&physics, "mains", "off");
    double on_battery = until(&physics, "ups-a", "ups.output.source", 5, 1);
    double cranks = on_battery + until(&physics, "gen-1", "engine.state", 2, 5);
    double runs = cranks + until(&physics, "gen-1", "engine.state", 3, 10);
    double transfers = runs + until(&physics, "ats-1", "ats.source", 2, 10);

    assert_true(cranks >= 2.8 && cranks <= 3.5);
    assert_true(runs >= 6.5 && runs <= 9);
    assert_true(transfers >= 9.5 && transfers <= 12.5);
    assert_true(transfers + until(&physics, "ups-a", "ups.output.source", 3, 3) < 14);
    physics_step(&physics, 5);
    assert_true(read_point(&physics, "gen-1", "generator.load") > 15);
    assert_true(read_point(&physics, "gen-2", "generator.load") > 15);
    assert_true(fabs(read_point(&physics, "gen-1", "generator.frequency") - 50) < 0.5);
    assert_true(read_point(&physics, "ups-a", "battery.charge") < 100);
    assert_true(read_point(&physics, "ups-a", "input.transfers") == 1);
}

static void
mains_back_retransfers_cools_down_and_stops(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    set(&physics, "mains", "off");
    physics_step(&physics, 60);
    double fuel = read_point(&physics, "gen-1", "fuel.level");
    assert_true(fuel < 82);
    set(&physics, "mains", "on");
    double back = until(&physics, "ats-1", "ats.source", 1, 15);
    assert_true(back >= 7.5);
    until(&physics, "gen-1", "engine.state", 4, 3);
    double cooled = until(&physics, "gen-1", "engine.state", 0, 30);
    assert_true(cooled >= 19);
    until(&physics, "gen-1", "engine.speed", 0, 30);
    fuel = read_point(&physics, "gen-1", "fuel.level");
    physics_step(&physics, 30);
    assert_true(read_point(&physics, "gen-1", "fuel.level") == fuel);
    assert_true(read_point(&physics, "gen-1", "engine.starts") == 132);
    double charge = read_point(&physics, "ups-b", "battery.charge");
    physics_step(&physics, 60);
    assert_true(read_point(&physics, "ups-b", "battery.charge") >= charge);
}

static void
engines_that_do_not_fire_end_in_empty_batteries(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    set(&physics, "gen-1", "broken");
    set(&physics, "gen-2", "broken");
    set(&physics, "mains", "off");
    physics_step(&physics, 60);
    assert_true(read_point(&physics, "gen-1", "engine.speed") < 300);
    assert_true(read_point(&physics, "ats-1", "ats.source") == 1);
    assert_true(read_point(&physics, "ats-1", "output.voltage") == 0);
    double runtime = read_point(&physics, "ups-a", "battery.runtime");
    assert_true(runtime > 300 && runtime < 1200);
    for (int minutes = 0; minutes < 30; minutes++)
        physics_step(&physics, 60);
    assert_true(read_point(&physics, "ups-a", "battery.charge") == 0);
    assert_true(read_point(&physics, "ups-a", "battery.status") == 4);
    assert_true(read_point(&physics, "ups-a", "ups.output.source") == 2);
    assert_true(read_point(&physics, "pdu-a1", "pdu.power") == 0);
    set(&physics, "mains", "on");
    physics_step(&physics, 5);
    assert_true(read_point(&physics, "pdu-a1", "pdu.power") > 500);
}

static void
one_engine_carries_the_load_alone(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    set(&physics, "gen-2", "broken");
    set(&physics, "mains", "off");
    physics_step(&physics, 30);
    assert_true(read_point(&physics, "ats-1", "ats.source") == 2);
    assert_true(read_point(&physics, "gen-1", "generator.load") > 30);
    assert_true(read_point(&physics, "gen-2", "generator.load") == 0);
}

static void
the_hall_warms_without_cooling_and_cools_again(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    set(&physics, "cooling", "broken");
    physics_step(&physics, 60);
    double warm = read_point(&physics, "env-hall", "temperature.1");
    assert_true(warm > 28);
    set(&physics, "cooling", "fine");
    physics_step(&physics, 20);
    assert_true(read_point(&physics, "env-hall", "temperature.1") > warm); /* not at once */
    physics_step(&physics, 60);
    physics_step(&physics, 60);
    assert_true(read_point(&physics, "env-hall", "temperature.1") < 24);
}

static void
doors_open_now_and_then_and_close_again(void **state)
{
    struct physics physics;
    int opened = 0;
    double before = 1;

    (void)state;
    physics_init(&physics, 3);
    for (int i = 0; i < 6000; i++) { /* ten minutes */
        physics_step(&physics, 0.1);
        double now = read_point(&physics, "panel-1", "door.1.closed");
        opened += before == 1 && now == 0;
        before = now;
    }
    assert_in_range(opened, 5, 60);
    assert_true(read_point(&physics, "panel-1", "door.2.closed") == 1);
}

static void
the_script_plays_once_from_its_beginning(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    physics_step(&physics, 60);
    assert_true(physics.mains_off == 0); /* nobody has started it */
    set(&physics, "script", "on");
    physics_step(&physics, 11);
    assert_true(physics.mains_off == 0);
    physics_step(&physics, 2);
    assert_true(physics.mains_off == 1);
    physics_step(&physics, 15); /* second 28 */
    assert_true(read_point(&physics, "panel-1", "door.2.closed") == 0);
    assert_true(read_point(&physics, "nvr-1", "recording.stopped") == 1);
    physics_step(&physics, 33);
    assert_true(physics.mains_off == 0);
    assert_true(read_point(&physics, "panel-1", "door.2.closed") == 1);
    assert_true(read_point(&physics, "panel-1", "leak.dry") == 1);
    set(&physics, "mains", "off");
    physics_step(&physics, 60);
    assert_true(physics.mains_off == 1); /* it does not come again */
}

static void
words_that_mean_nothing_are_refused_with_a_hint(void **state)
{
    struct physics physics;
    struct err err;

    (void)state;
    physics_init(&physics, 1);
    assert_int_equal(physics_set(&physics, "mians", "off", &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "mains"));
    assert_int_equal(physics_set(&physics, "mains", "of", &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "off or on"));
    assert_null(physics_find(&physics, "ups-c", "battery.charge"));
    assert_null(physics_find(&physics, "ups-a", "battery.colour"));
}

static void
time_that_makes_no_sense_changes_nothing(void **state)
{
    struct physics physics;

    (void)state;
    physics_init(&physics, 1);
    double time = physics.time_s;
    physics_step(&physics, -5);
    physics_step(&physics, 0);
    physics_step(&physics, NAN);
    assert_true(physics.time_s == time);
    physics_step(&physics, 1e9); /* a laptop that slept */
    assert_true(physics.time_s < time + 61);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_site_stays_within_its_bands_for_an_hour),
        cmocka_unit_test(the_same_seed_gives_the_same_world),
        cmocka_unit_test(time_less_than_a_step_is_not_lost),
        cmocka_unit_test(a_mains_failure_starts_the_engines_and_transfers_in_time),
        cmocka_unit_test(mains_back_retransfers_cools_down_and_stops),
        cmocka_unit_test(engines_that_do_not_fire_end_in_empty_batteries),
        cmocka_unit_test(one_engine_carries_the_load_alone),
        cmocka_unit_test(the_hall_warms_without_cooling_and_cools_again),
        cmocka_unit_test(doors_open_now_and_then_and_close_again),
        cmocka_unit_test(the_script_plays_once_from_its_beginning),
        cmocka_unit_test(words_that_mean_nothing_are_refused_with_a_hint),
        cmocka_unit_test(time_that_makes_no_sense_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
