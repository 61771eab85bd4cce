/*
 * test_engine_rules.c - rules that look at more than one value: rates, counts, differences,
 * conditions over points, silence; what is unknown; what a restart makes of them.
 */
#include "engine_site.h"

#include <math.h>

#include "alerts/rule_count.h"
#include "alerts/rule_rate.h"

#define RAISED (OUT(RAISED) | OUT(ANNUNCIATE))
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct site site;

static int
set_up(void **state)
{
    (void)state;
    site_init(&site);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

static void
restart(int64_t ms)
{
    uint8_t record[ALARMS_MAX][ENGINE_RECORD_MAX];
    size_t bytes[ALARMS_MAX];

    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        bytes[i] = engine_save(site.engine, i, record[i]);
    site_done(&site);
    forget_told(&site);
    site.engine = site_engine(&site, ms);
    for (uint32_t i = 0; i < ALARMS_MAX; i++)
        if (bytes[i] > 0)
            assert_true(engine_restore(site.engine, i, record[i], bytes[i], at_ms(&site, ms)));
}

static struct alarm_type *
alarm_of(uint32_t number, uint32_t point, enum rule_kind rule, int64_t window_ms)
{
    struct alarm_type *type = site_alarm(&site, number, point, 3000);

    type->rule = (uint8_t)rule;
    type->window_ms = window_ms;
    return type;
}

/* rates */

static void
rise_is_told_when_it_comes_within_the_time_and_not_when_it_takes_longer(void **state)
{
    (void)state;
    alarm_of(0, A_TEMP, RULE_RISE, 300000)->limit = 3;
    site_start(&site);
    for (int64_t s = 0; s < 3600; s += 10) { /* 3 degrees in 10 minutes */
        feed(&site, A_TEMP, 20 + (double)s / 200, s * 1000);
        tick(&site, s * 1000);
    }
    expect_silence(&site);
    for (int64_t s = 0; s <= 240; s += 10) /* 3 degrees in 4 minutes */
        feed(&site, A_TEMP, 40 + (double)s / 80, (3600 + s) * 1000);
    /* The jump to 40 was one already. */
    const struct told *told = expect(&site, 0, RAISED, 3600000);
    assert_true(told->state.value > 3);
    expect_silence(&site);
    for (int64_t s = 3850; s < 4200; s += 10)
        feed(&site, A_TEMP, 43, s * 1000);
    assert_int_equal(told_outputs(&site, 0), OUT(CLEARED));
}

static void
fall_and_change_look_the_other_way_and_both_ways(void **state)
{
    (void)state;
    alarm_of(0, A_TEMP, RULE_FALL, 10000)->limit = 5;
    alarm_of(1, A_TEMP, RULE_CHANGE, 10000)->limit = 5;
    alarm_of(2, A_TEMP, RULE_RISE, 10000)->limit = 5;
    site_start(&site);
    feed(&site, A_TEMP, 20, 0);
    feed(&site, A_TEMP, 15, 1000); /* as far as the limit says */
    expect(&site, 0, RAISED, 1000);
    assert_true(expect(&site, 1, RAISED, 1000)->state.value == 5);
    expect_silence(&site);
    for (int64_t ms = 2000; ms <= 12000; ms += 1000)
        feed(&site, A_TEMP, 15, ms);
    expect(&site, 0, OUT(CLEARED), 11000); /* its part of the window, the first, is over */
    expect(&site, 1, OUT(CLEARED), 11000);
    feed(&site, A_TEMP, 21, 13000);
    expect(&site, 1, RAISED, 13000);
    expect(&site, 2, RAISED, 13000);
}

static void
rate_clears_only_below_its_deadband_and_after_a_whole_window(void **state)
{
    struct alarm_type *type = alarm_of(0, A_TEMP, RULE_RISE, 10000);

    (void)state;
    type->limit = 5;
    type->deadband = 2;
    site_start(&site);
    feed(&site, A_TEMP, 20, 0);
    feed(&site, A_TEMP, 26, 1000);
    expect(&site, 0, RAISED, 1000);
    feed(&site, A_TEMP, 23, 2000); /* still 3 above the lowest */
    feed(&site, A_TEMP, 22, 3000); /* less, but ten seconds were not yet seen */
    expect_silence(&site);
    for (int64_t ms = 4000; ms <= 9000; ms += 1000)
        feed(&site, A_TEMP, 23, ms);
    expect_silence(&site);
    feed(&site, A_TEMP, 22, 10000);
    expect(&site, 0, OUT(CLEARED), 10000);
}

static void
rate_forgets_what_came_before_a_long_pause(void **state)
{
    (void)state;
    alarm_of(0, A_TEMP, RULE_RISE, 10000)->limit = 5;
    site_start(&site);
    feed_until(&site, A_TEMP, 20, 0, AWAKE);
    tick(&site, AWAKE + 20000);
    expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    feed(&site, A_TEMP, 90, AWAKE + 20000); /* when it rose, nobody saw */
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 20000);
    expect_silence(&site);
    feed(&site, A_TEMP, 96, AWAKE + 21000);
    expect(&site, 0, RAISED, AWAKE + 21000);
}

static void
rate_misses_nothing_within_its_time_and_looks_back_a_tenth_more_at_most(void **state)
{
    enum { READINGS = 4000 };
    static double values[READINGS];
    static int64_t times[READINGS];
    uint32_t seed = 5;

    (void)state;
    for (int64_t window = 1000; window < 100000; window = window * 3 + 7) {
        struct rule_rate rate, mirror;
        int64_t ms = window % 2 == 0 ? START : 7; /* seven milliseconds after the boot */
        size_t first = 0;

        rule_rate_init(&rate, window);
        rule_rate_init(&mirror, window);
        for (size_t i = 0; i < READINGS; i++) {
            double near_rise = 0, near_fall = 0, far_rise = 0, far_fall = 0;
            int64_t step = next_random(&seed) % (uint32_t)(window / 5);

            ms += next_random(&seed) % 400 == 0 ? 2 * window : step;
            if (i > 0 && ms - times[i - 1] > window)
                first = i;
            times[i] = ms;
            values[i] = next_random(&seed) % 1000;
            double rise = rule_rate_note(&rate, values[i], ms);
            double fall = rule_rate_note(&mirror, -values[i], ms);
            for (size_t k = i + 1; k-- > first && ms - times[k] <= window + rate.width_ms;) {
                far_rise = fmax(far_rise, values[i] - values[k]);
                far_fall = fmax(far_fall, values[k] - values[i]);
                if (ms - times[k] <= window) {
                    near_rise = fmax(near_rise, values[i] - values[k]);
                    near_fall = fmax(near_fall, values[k] - values[i]);
                }
            }
            assert_true(rise >= near_rise && rise <= far_rise);
            assert_true(fall >= near_fall && fall <= far_fall);
            assert_int_equal(rule_rate_is_full(&rate), ms - times[first] >= window);
        }
        assert_true(rate.width_ms <= window / 10 + 1);
    }
}

static void
rate_beyond_all_numbers_is_the_largest_one(void **state)
{
    struct rule_rate rate;

    (void)state;
    rule_rate_init(&rate, 1000);
    assert_true(rule_rate_note(&rate, -1.5e308, 0) == 0);
    double rise = rule_rate_note(&rate, 1.5e308, 0);
    assert_true(isfinite(rise) && rise > 1.5e308);
}

/* counts */

static void
count_is_there_as_long_as_the_window_holds_so_many(void **state)
{
    static const double open = 2;
    struct alarm_type *type = alarm_of(0, A_STATUS, RULE_COUNT, 60000);

    (void)state;
    type->inner = RULE_IS;
    type->values = &open;
    type->value_count = 1;
    type->at_least = 3;
    site.alarms[0].stale_after_ms = 0;
    site_start(&site);
    feed(&site, A_STATUS, 2, 0); /* it is open already: that did not begin now */
    for (int64_t s = 10; s <= 30; s += 10) {
        feed(&site, A_STATUS, 1, s * 1000);
        feed(&site, A_STATUS, 2, s * 1000 + 5000);
        feed(&site, A_STATUS, 2, s * 1000 + 6000); /* and stays */
    }
    assert_true(expect(&site, 0, RAISED, 35000)->state.value == 3);
    tick(&site, 74999);
    expect_silence(&site);
    tick(&site, 80000); /* exactly then, though nothing was read and the tick comes late */
    assert_true(expect(&site, 0, OUT(CLEARED), 75000)->state.value == 2);
    feed(&site, A_STATUS, 1, 85000);
    feed(&site, A_STATUS, 2, 86000);
    feed(&site, A_STATUS, 1, 95000);
    feed(&site, A_STATUS, 2, 96000); /* the one at 35 s is too old by now */
    expect_silence(&site);
    feed(&site, A_STATUS, 1, 98000);
    feed(&site, A_STATUS, 2, 99000);
    expect(&site, 0, RAISED, 99000);
    feed(&site, A_STATUS, 2, 150000); /* a reading behind the time: first what fell due */
    expect(&site, 0, OUT(CLEARED), 146000);
}

static void
count_of_changes_and_of_limits(void **state)
{
    struct alarm_type *type = alarm_of(0, A_STATUS, RULE_COUNT, 60000);

    (void)state;
    type->inner = RULE_CHANGE;
    type->at_least = 2;
    type = alarm_of(1, A_VOLTAGE, RULE_COUNT, 60000);
    type->inner = RULE_LOW;
    type->limit = 207;
    type->deadband = 5;
    type->at_least = 2;
    site_start(&site);
    feed(&site, A_STATUS, 7, 0);
    feed(&site, A_STATUS, 7, 1000);
    feed(&site, A_STATUS, 8, 2000);
    expect_silence(&site);
    feed(&site, A_STATUS, 7, 3000);
    expect(&site, 0, RAISED, 3000);
    feed(&site, A_VOLTAGE, 230, 4000);
    feed(&site, A_VOLTAGE, 200, 5000);
    feed(&site, A_VOLTAGE, 210, 6000); /* within the deadband: the same dip */
    feed(&site, A_VOLTAGE, 200, 7000);
    expect_silence(&site);
    feed(&site, A_VOLTAGE, 213, 8000);
    feed(&site, A_VOLTAGE, 200, 9000);
    expect(&site, 1, RAISED, 9000);
}

static void
count_agrees_with_a_recount_of_everything(void **state)
{
    enum { READINGS = 3000 };
    static int64_t began[READINGS];
    static const double one = 1;
    struct alarm_type type = {
        .inner = RULE_IS, .values = &one, .value_count = 1, .window_ms = 10000};
    uint32_t seed = 77;

    (void)state;
    for (uint16_t at_least = 2; at_least <= RULE_COUNT_MAX; at_least = (uint16_t)(at_least + 5)) {
        struct rule_count *count;
        size_t beginnings = 0;
        bool was_one = true;
        int64_t ms = START;

        type.at_least = at_least;
        count = test_malloc(rule_count_bytes(&type));
        rule_count_init(count, &type);
        for (size_t i = 0; i < READINGS; i++) {
            bool is_one = next_random(&seed) % 2 == 0;
            unsigned within = 0;

            ms += next_random(&seed) % 1500;
            if (is_one && !was_one)
                began[beginnings++] = ms;
            was_one = is_one || (i == 0 && is_one);
            rule_count_note(count, is_one, ms);
            for (size_t k = beginnings; k-- > 0 && ms - began[k] < 10000;)
                within++;
            assert_int_equal(rule_count_of(count, ms), within < at_least ? within : at_least);
            int64_t due = rule_count_due_ms(count, ms);
            assert_true(due > ms);
            if (within >= at_least) {
                assert_int_equal(due, began[beginnings - at_least] + 10000);
                assert_true(rule_count_of(count, due - 1) == at_least);
                assert_true(rule_count_of(count, due) < at_least);
            }
        }
        test_free(count);
    }
}

/* differences */

static void
add_difference(uint32_t number, bool is_absolute, enum rule_kind inner, double limit)
{
    struct alarm_type *type = alarm_of(number, A_VOLTAGE, RULE_DIFFERENCE, 0);

    type->inner = (uint8_t)inner;
    type->is_absolute = is_absolute;
    type->limit = limit;
    type->deadband = 2;
    site.inputs[0] = (struct alarm_input){A_VOLTAGE, 3000};
    site.inputs[1] = (struct alarm_input){B_VOLTAGE, 3000};
    site.alarms[number].inputs = site.inputs;
    site.alarms[number].input_count = 2;
}

static void
difference_is_judged_when_either_point_is_read(void **state)
{
    (void)state;
    add_difference(0, false, RULE_HIGH, 10);
    add_difference(1, true, RULE_HIGH, 10);
    add_difference(2, false, RULE_LOW, -10);
    site_start(&site);
    feed(&site, A_VOLTAGE, 230, 1000);
    expect_silence(&site); /* nobody knows the other one */
    feed(&site, B_VOLTAGE, 219.5, 2000);
    assert_true(expect(&site, 0, RAISED, 2000)->state.value == 10.5);
    expect(&site, 1, RAISED, 2000);
    feed(&site, A_VOLTAGE, 228, 3000); /* 8.5: not yet back by the deadband */
    expect_silence(&site);
    feed(&site, B_VOLTAGE, 220, 4000);
    expect(&site, 0, OUT(CLEARED), 4000);
    expect(&site, 1, OUT(CLEARED), 4000);
    feed(&site, B_VOLTAGE, 239, 5000);
    assert_true(expect(&site, 1, RAISED, 5000)->state.value == 11);
    assert_true(expect(&site, 2, RAISED, 5000)->state.value == -11);
}

static void
difference_with_a_lost_point_is_unknown_and_with_a_stale_one_bad(void **state)
{
    (void)state;
    add_difference(0, false, RULE_HIGH, 10);
    site_start(&site);
    feed(&site, A_VOLTAGE, 230, AWAKE);
    feed(&site, B_VOLTAGE, 230, AWAKE);
    feed_bad(&site, B_VOLTAGE, CAUSE_PROTOCOL, AWAKE + 1000);
    feed(&site, A_VOLTAGE, 250, AWAKE + 1500); /* against what? */
    expect_silence(&site);
    feed(&site, B_VOLTAGE, 231, AWAKE + 2000);
    expect(&site, 0, RAISED, AWAKE + 2000);
    feed_until(&site, A_VOLTAGE, 231, AWAKE + 2000, AWAKE + 9000);
    expect(&site, 0, OUT(CLEARED), AWAKE + 3000);
    const struct told *told = expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 5000);
    assert_int_equal(told->state.regions.cond, COND_NORMAL);
    feed(&site, B_VOLTAGE, 200, AWAKE + 9500);
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 9500);
    expect(&site, 0, RAISED, AWAKE + 9500);
    expect_silence(&site);
}

/* conditions */

static const double HUNDRED[] = {100};
static const int64_t TEN_SECONDS[] = {10000};

/* voltage of A > 100 OP voltage of B > 100 */
static const struct expression_step BOTH_STEPS[] = {
    {EXPRESSION_INPUT, 0}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_INPUT, 1}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_AND, 0}};
static const struct expression_step EITHER_STEPS[] = {
    {EXPRESSION_INPUT, 0}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_INPUT, 1}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_OR, 0}};
/* (voltage of A > 100 and voltage of B > 100) for 10s */
static const struct expression_step LASTING_STEPS[] = {
    {EXPRESSION_INPUT, 0}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_INPUT, 1}, {EXPRESSION_CONSTANT, 0}, {EXPRESSION_GREATER, 0},
    {EXPRESSION_AND, 0},   {EXPRESSION_FOR, 0}};
#define EXPRESSION(list)                                                                           \
    {                                                                                              \
        .steps = list, .constants = HUNDRED, .clocks_ms = TEN_SECONDS,                             \
        .step_count = ARRAY_LEN(list), .constant_count = 1, .input_count = 2, .clock_count = 1,    \
        .text = #list                                                                              \
    }
static const struct expression BOTH = EXPRESSION(BOTH_STEPS), EITHER = EXPRESSION(EITHER_STEPS),
                               LASTING = EXPRESSION(LASTING_STEPS);

static void
add_when(uint32_t number, const struct expression *expression)
{
    add_difference(number, false, RULE_HIGH, 0);
    site.types[number].rule = RULE_WHEN;
    site.types[number].expression = expression;
}

static void
condition_over_two_devices_is_judged_with_what_is_known(void **state)
{
    (void)state;
    add_when(0, &BOTH);
    add_when(1, &EITHER);
    site_start(&site);
    feed(&site, A_VOLTAGE, 200, AWAKE); /* one side is enough for the second */
    expect(&site, 1, RAISED, AWAKE);
    feed(&site, B_VOLTAGE, 200, AWAKE);
    assert_true(expect(&site, 0, RAISED, AWAKE)->state.value == 200);
    /* B is lost: the second is still known, the first is not, and stays as it was. */
    feed_until(&site, A_VOLTAGE, 200, AWAKE, AWAKE + 5000);
    const struct told *told = expect(&site, 0, OUT(QUALITY_BAD), AWAKE + 3000);
    assert_int_equal(told->state.regions.cond, COND_ACTIVE);
    expect_silence(&site);
    assert_true(state_of(&site, 1)->regions.good);
    feed(&site, A_VOLTAGE, 50,
         AWAKE + 6000); /* false and unknown is false: it is over, and known */
    expect(&site, 0, OUT(QUALITY_GOOD), AWAKE + 6000);
    expect(&site, 0, OUT(CLEARED), AWAKE + 6000);
    /* false or unknown is unknown, and B has been stale for long */
    expect(&site, 1, OUT(QUALITY_BAD), AWAKE + 6000);
    assert_int_equal(state_of(&site, 1)->regions.cond, COND_ACTIVE);
    feed(&site, B_VOLTAGE, 50, AWAKE + 7000);
    expect(&site, 1, OUT(QUALITY_GOOD), AWAKE + 7000);
    expect(&site, 1, OUT(CLEARED), AWAKE + 7000);
    expect_silence(&site);
    assert_int_equal(engine_counts(site.engine)->not_at_rest, 2); /* both unacknowledged */
}

static void
single_lost_readings_change_nothing_in_a_condition(void **state)
{
    (void)state;
    add_when(0, &BOTH);
    site_start(&site);
    for (int64_t ms = AWAKE; ms < AWAKE + 60000; ms += 1000) {
        bool is_lost = ms % 3000 != 0;

        feed(&site, A_VOLTAGE, 200, ms);
        if (is_lost)
            feed_bad(&site, B_VOLTAGE, CAUSE_TIMEOUT, ms);
        else
            feed(&site, B_VOLTAGE, 200, ms);
        tick(&site, ms);
    }
    assert_int_equal(told_outputs(&site, 0), RAISED);
    assert_true(state_of(&site, 0)->regions.good);
}

static void
condition_over_a_point_that_does_not_exist_is_not_applicable(void **state)
{
    (void)state;
    add_when(0, &BOTH);
    add_when(1, &EITHER);
    add_difference(2, false, RULE_HIGH, 10);
    site_start(&site);
    /* Its device is away at first, so that all are told as bad. */
    for (int64_t ms = 0; ms <= AWAKE + 30000; ms += 1000) {
        feed(&site, A_VOLTAGE, 50, ms);
        feed_bad(&site, B_VOLTAGE, ms < AWAKE + 10000 ? CAUSE_TIMEOUT : CAUSE_ABSENT, ms);
        tick(&site, ms);
    }
    assert_int_equal(engine_counts(site.engine)->stale_points, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(engine_is_at_rest(site.engine, i));
    feed(&site, A_VOLTAGE, 200, AWAKE + 31000); /* what the others say, counts */
    assert_true(alarm_is_live(&state_of(&site, 1)->regions));
    assert_false(alarm_is_live(&state_of(&site, 0)->regions));
}

static void
condition_that_must_last_fires_in_its_time(void **state)
{
    (void)state;
    add_when(0, &LASTING);
    site.inputs[0].stale_after_ms = site.inputs[1].stale_after_ms = 0;
    site_start(&site);
    feed(&site, A_VOLTAGE, 200, 1000);
    feed(&site, B_VOLTAGE, 50, 1000);
    feed(&site, B_VOLTAGE, 200, 2000);
    assert_int_equal(engine_next_due_ms(site.engine) - START, 12000);
    tick(&site, 11999);
    expect_silence(&site);
    tick(&site, 30000);
    const struct told *told = expect(&site, 0, RAISED, 12000);
    assert_int_equal(told->state.unc_ms, ENGINE_UNC_UNKNOWN);
    feed(&site, B_VOLTAGE, 50, 31000);
    expect(&site, 0, OUT(CLEARED), 31000);
    feed(&site, B_VOLTAGE, 200, 32000);
    feed(&site, A_VOLTAGE, 50, 50000); /* behind its time: it was true for ten seconds before */
    expect(&site, 0, RAISED, 42000);
    expect(&site, 0, OUT(CLEARED), 50000);
    feed(&site, A_VOLTAGE, 200, 51000);
    feed_bad(&site, A_VOLTAGE, CAUSE_TIMEOUT, 55000); /* 4 s; then nobody knows */
    feed(&site, A_VOLTAGE, 200, 70000);
    tick(&site, 75999);
    expect_silence(&site);
    tick(&site, 76000);
    expect(&site, 0, RAISED, 76000);
}

/* silence */

static void
silence_is_told_when_there_was_no_good_reading_for_so_long(void **state)
{
    (void)state;
    alarm_of(0, A_LOAD, RULE_SILENT, 60000);
    alarm_of(1, B_LOAD, RULE_SILENT, 60000); /* never read */
    alarm_of(2, B_TEMP, RULE_SILENT, 60000); /* not there */
    site_start(&site);
    for (int64_t ms = 0; ms <= 200000; ms += 1000) {
        if (ms <= 30000)
            feed(&site, A_LOAD, 7, ms);
        else
            feed_bad(&site, A_LOAD, CAUSE_TIMEOUT, ms);
        feed_bad(&site, B_TEMP, CAUSE_ABSENT, ms);
        tick(&site, ms);
    }
    expect(&site, 1, RAISED, AWAKE + 60000);
    const struct told *told = expect(&site, 0, RAISED, 90000);
    assert_true(told->state.value == 7);
    assert_true(told->state.regions.good); /* it says that there is nothing: that is known */
    feed(&site, A_LOAD, 8, 201000);
    expect(&site, 0, OUT(CLEARED), 201000);
    feed(&site, A_LOAD, 8, 300000); /* first the silence that was over with it */
    expect(&site, 0, RAISED, 261000);
    expect(&site, 0, OUT(CLEARED), 300000);
    expect_silence(&site);
    assert_true(engine_is_at_rest(site.engine, 2));
}

/* restarts */

static void
wide_rules_start_empty_after_a_restart_and_take_nothing_back_unseen(void **state)
{
    struct alarm_type *count;

    (void)state;
    alarm_of(0, A_TEMP, RULE_RISE, 10000)->limit = 5;
    count = alarm_of(1, A_STATUS, RULE_COUNT, 10000);
    count->inner = RULE_CHANGE;
    count->at_least = 2;
    add_when(2, &LASTING);
    alarm_of(3, A_LOAD, RULE_SILENT, 10000);
    for (uint32_t i = 0; i < 4; i++)
        site.alarms[i].stale_after_ms = 0;
    site.inputs[0].stale_after_ms = site.inputs[1].stale_after_ms = 0;
    site_start(&site);
    feed(&site, A_TEMP, 20, 1000);
    feed(&site, A_TEMP, 30, 2000);
    feed(&site, A_STATUS, 1, 1000);
    feed(&site, A_STATUS, 2, 2000);
    feed(&site, A_STATUS, 1, 3000);
    feed(&site, A_VOLTAGE, 200, 3000);
    feed(&site, B_VOLTAGE, 200, 3000);
    tick(&site, 25000); /* all but the count, which is over at 12 s */
    assert_int_equal(engine_counts(site.engine)->live[0], 3);
    feed(&site, A_STATUS, 2, 25000);
    feed(&site, A_STATUS, 1, 26000);
    assert_int_equal(engine_counts(site.engine)->live[0], 4);

    restart(60000);
    for (int64_t ms = 61000; ms <= 70000; ms += 1000) {
        feed(&site, A_TEMP, 30, ms);
        feed(&site, A_STATUS, 1, ms);
        feed(&site, A_VOLTAGE, 200, ms);
        feed(&site, B_VOLTAGE, 200, ms);
        tick(&site, ms);
    }
    expect_silence(&site); /* not yet seen for a whole window */
    assert_int_equal(engine_counts(site.engine)->live[0], 4);
    tick(&site, 71000);
    expect(&site, 1, OUT(CLEARED), 71000);
    feed(&site, A_TEMP, 30, 71000);
    expect(&site, 0, OUT(CLEARED), 71000);
    feed(&site, A_VOLTAGE, 50, 72000); /* the first false */
    expect(&site, 2, OUT(CLEARED), 72000);
    feed(&site, A_LOAD, 7, 73000);
    expect(&site, 3, OUT(CLEARED), 73000);
    expect_silence(&site);
}

static void
condition_told_as_bad_stays_bad_over_a_restart_until_enough_is_known(void **state)
{
    (void)state;
    add_when(0, &BOTH);
    site_start(&site);
    feed(&site, A_VOLTAGE, 200, AWAKE);
    feed_until(&site, A_VOLTAGE, 200, AWAKE, AWAKE + 9000);
    assert_int_equal(told_outputs(&site, 0), OUT(QUALITY_BAD));
    restart(60000);
    assert_false(state_of(&site, 0)->regions.good);
    feed(&site, A_VOLTAGE, 200, 61000);
    expect_silence(&site);
    feed(&site, B_VOLTAGE, 50, 62000);
    expect(&site, 0, OUT(QUALITY_GOOD), 62000);
    assert_true(engine_is_at_rest(site.engine, 0));
    /* One whose points cannot go stale any more is good at once. */
    tick(&site, 60000 + AWAKE + 9000);
    assert_int_equal(told_outputs(&site, 0), OUT(QUALITY_BAD));
    site.inputs[0].stale_after_ms = site.inputs[1].stale_after_ms = 0;
    restart(200000);
    expect(&site, 0, OUT(QUALITY_GOOD), 200000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rise_is_told_when_it_comes_within_the_time_and_not_when_it_takes_longer),
        TEST(fall_and_change_look_the_other_way_and_both_ways),
        TEST(rate_clears_only_below_its_deadband_and_after_a_whole_window),
        TEST(rate_forgets_what_came_before_a_long_pause),
        TEST(rate_misses_nothing_within_its_time_and_looks_back_a_tenth_more_at_most),
        TEST(rate_beyond_all_numbers_is_the_largest_one),
        TEST(count_is_there_as_long_as_the_window_holds_so_many),
        TEST(count_of_changes_and_of_limits),
        TEST(count_agrees_with_a_recount_of_everything),
        TEST(difference_is_judged_when_either_point_is_read),
        TEST(difference_with_a_lost_point_is_unknown_and_with_a_stale_one_bad),
        TEST(condition_over_two_devices_is_judged_with_what_is_known),
        TEST(single_lost_readings_change_nothing_in_a_condition),
        TEST(condition_over_a_point_that_does_not_exist_is_not_applicable),
        TEST(condition_that_must_last_fires_in_its_time),
        TEST(silence_is_told_when_there_was_no_good_reading_for_so_long),
        TEST(wide_rules_start_empty_after_a_restart_and_take_nothing_back_unseen),
        TEST(condition_told_as_bad_stays_bad_over_a_restart_until_enough_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
