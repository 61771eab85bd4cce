/*
 * test_expression.c - conditions over points: what they mean, what is unknown, clocks, faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/expressions.h"
#include "gateway/base/text.h"
#include "gateway/base/timers.h"

#define TEST(name) cmocka_unit_test(name)
#define UNKNOWN ((double)NAN)
#define NUMBERS 4 /* a, b, c, ups-1/x.y; then the state s and the flag f */

enum { POINT_STATE = NUMBERS, POINT_FLAG, POINT_TEXT, POINT_COUNT };

static const struct value_label LABELS[] = {{1, "off"}, {2, "on-battery"}, {3, "inside"}, {4, "lost"}};
static const char *const NAMES[] = {"a", "b", "c", "ups-1/x.y", "s", "f", "t"};
static const struct point_def DEFS[] = {
    {.id = "a", .kind = VALUE_NUMBER},
    {.id = "b", .kind = VALUE_NUMBER},
    {.id = "c", .kind = VALUE_NUMBER},
    {.id = "x.y", .kind = VALUE_NUMBER},
    {.id = "s", .kind = VALUE_STATE, .label_count = ARRAY_LEN(LABELS), .labels = LABELS},
    {.id = "f", .kind = VALUE_FLAG},
    {.id = "t", .kind = VALUE_TEXT},
};
_Static_assert(ARRAY_LEN(DEFS) == POINT_COUNT, "a point is missing");

static struct arena *arena;

static enum found
find(void *ctx, const char *name, uint32_t *out_point, const struct point_def **out_def)
{
    (void)ctx;
    if (strcmp(name, "unsure") == 0)
        return FOUND_UNSURE;
    for (uint32_t i = 0; i < POINT_COUNT; i++)
        if (strcmp(NAMES[i], name) == 0) {
            *out_point = i;
            *out_def = &DEFS[i];
            return FOUND;
        }
    return FOUND_NOT;
}

static const struct expression_names POINTS = {find, NULL};

static int
set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return arena == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static bool
compile(const char *text, struct expression_compiled *out, struct expression_fault *fault)
{
    bool good = expressions_compile(arena, text, &POINTS, out, fault);

    if (good)
        assert_true(expression_is_sound(out->expression));
    else
        assert_true(fault->text[0] != '\0' && fault->at <= strlen(text) && fault->length > 0);
    return good;
}

/* Of good ones; `values` by point. */
static enum verdict
judge_at(const struct expression_compiled *compiled, const double *values,
         struct expression_clock *clocks, int64_t ms, int64_t *due)
{
    double inputs[EXPRESSION_INPUTS_MAX];

    for (unsigned i = 0; i < compiled->expression->input_count; i++)
        inputs[i] = values[compiled->points[i]];
    return expression_judge(compiled->expression, inputs, clocks, ms, due);
}

static enum verdict
judge(const char *text, const double *values)
{
    struct expression_compiled compiled;
    struct expression_fault fault;
    struct expression_clock clocks[EXPRESSION_CLOCKS_MAX];
    int64_t due;

    if (!compile(text, &compiled, &fault))
        fail_msg("%s: %s at %zu", text, fault.text, fault.at);
    expression_start(compiled.expression, clocks);
    return judge_at(&compiled, values, clocks, 0, &due);
}

/* meaning */

static void
condition_means_what_it_says(void **state)
{
    static const struct {
        const char *text;
        enum verdict want;
    } cases[] = {
        /* a 1, b 2, c 0, x.y -4, s on-battery, f true */
        {"a < b", VERDICT_YES},
        {"a >= b", VERDICT_NO},
        {"a + b * 3 == 7", VERDICT_YES},
        {"(a + b) * 3 == 9", VERDICT_YES},
        {"b - a - a == 0", VERDICT_YES},
        {"8 / b / b == 2", VERDICT_YES},
        {"-b + 3 == a", VERDICT_YES},
        {"- -b == b", VERDICT_YES},
        {"-b * -b == 4", VERDICT_YES},
        {"abs(ups-1/x.y) == 4 and ups-1/x.y != 4", VERDICT_YES},
        {"min(a, b, c) == 0 and max(a, b, ups-1/x.y) == 2", VERDICT_YES},
        {"max(abs(min(a, ups-1/x.y)), b + 1) == 4", VERDICT_YES},
        {"a > 5 or b > 1 and c > 5", VERDICT_NO},
        {"(a > 5 or b > 1) and c > 5", VERDICT_NO},
        {"b > 1 or a > 5 and c > 5", VERDICT_YES},
        {"not a > 5 and b > 1", VERDICT_YES},
        {"not (a > 5 or b > 1)", VERDICT_NO},
        {"not not a < 5", VERDICT_YES},
        {"f", VERDICT_YES},
        {"not f or a > 5", VERDICT_NO},
        {"f is true and f is not false", VERDICT_YES},
        {"s is on-battery", VERDICT_YES},
        {"s is not on-battery", VERDICT_NO},
        {"s is in (off, on-battery)", VERDICT_YES},
        {"s is not in (off, inside, lost)", VERDICT_YES},
        {"s is 2 and not s is 3", VERDICT_YES},
        {"a == 1 and true", VERDICT_YES},
        {"a == 1 and false", VERDICT_NO},
        {"a==1 and\tb  ==  2\nand c<1", VERDICT_YES},
        {"a < 1.5 and a > .5 and a < 1e3", VERDICT_YES},
    };
    const double values[] = {1, 2, 0, -4, 2, 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (judge(cases[i].text, values) != cases[i].want)
            fail_msg("%s", cases[i].text);
}

static void
unknown_spreads_only_as_far_as_it_matters(void **state)
{
    static const struct {
        const char *text;
        enum verdict want;
    } cases[] = {
        /* a 1, b unknown, c 0 */
        {"b > 1", VERDICT_UNKNOWN},
        {"not b > 1", VERDICT_UNKNOWN},
        {"b == b", VERDICT_UNKNOWN},
        {"b * 0 == 0", VERDICT_UNKNOWN},
        {"a > 5 and b > 1", VERDICT_NO},
        {"b > 1 and a > 5", VERDICT_NO},
        {"a < 5 and b > 1", VERDICT_UNKNOWN},
        {"a < 5 or b > 1", VERDICT_YES},
        {"b > 1 or a < 5", VERDICT_YES},
        {"a > 5 or b > 1", VERDICT_UNKNOWN},
        {"b > 1 and b < 1", VERDICT_UNKNOWN},
        {"min(a, b) < 5", VERDICT_UNKNOWN},
        {"abs(b) > 0", VERDICT_UNKNOWN},
        {"a / c > 1", VERDICT_UNKNOWN},
        {"c / c == 1", VERDICT_UNKNOWN},
        {"a / c > 1 or a == 1", VERDICT_YES},
        {"1e300 * (a * 1e300) > 1", VERDICT_UNKNOWN},
        {"s is off", VERDICT_UNKNOWN},
        {"f", VERDICT_UNKNOWN},
        {"f for 5s", VERDICT_UNKNOWN},
        {"a > 5 for 5s", VERDICT_NO},
    };
    const double values[] = {1, UNKNOWN, 0, (double)INFINITY, UNKNOWN, -(double)INFINITY};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (judge(cases[i].text, values) != cases[i].want)
            fail_msg("%s", cases[i].text);
}

/* clocks */

static void
clock_counts_only_what_is_known_to_be_true(void **state)
{
    static const struct {
        int64_t ms;
        double value;
        enum verdict want;
        int64_t due;
    } walk[] = {
        {0, 1, VERDICT_UNKNOWN, 10000}, /* since when it is true, nobody knows */
        {4000, 1, VERDICT_UNKNOWN, 10000},
        {5000, 0, VERDICT_NO, TIMER_NONE},
        {6000, 1, VERDICT_NO, 16000},
        {9000, UNKNOWN, VERDICT_UNKNOWN, TIMER_NONE}, /* 3 s have passed */
        {50000, 1, VERDICT_NO, 57000},
        {56999, 1, VERDICT_NO, 57000},
        {57000, 1, VERDICT_YES, TIMER_NONE},
        {58000, UNKNOWN, VERDICT_UNKNOWN, TIMER_NONE},
        {59000, 1, VERDICT_YES, TIMER_NONE},
        {60000, 0, VERDICT_NO, TIMER_NONE},
        {61000, 1, VERDICT_NO, 71000},
        {61000, 1, VERDICT_NO, 71000},
        {99000, 1, VERDICT_YES, TIMER_NONE},
    };
    struct expression_compiled compiled;
    struct expression_fault fault;
    struct expression_clock clocks[EXPRESSION_CLOCKS_MAX];
    double values[POINT_COUNT] = {0};
    int64_t due;

    (void)state;
    assert_true(compile("a > 0 for 10s", &compiled, &fault));
    expression_start(compiled.expression, clocks);
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        values[0] = walk[i].value;
        assert_int_equal(judge_at(&compiled, values, clocks, walk[i].ms, &due), walk[i].want);
        assert_int_equal(due, walk[i].due);
    }
}

static void
condition_without_a_false_since_the_start_becomes_true_in_time(void **state)
{
    struct expression_compiled compiled;
    struct expression_fault fault;
    struct expression_clock clocks[EXPRESSION_CLOCKS_MAX];
    double values[POINT_COUNT] = {1, 1};
    int64_t due;

    (void)state;
    assert_true(compile("not (a > 0 for 10s) or b > 5 for 2s", &compiled, &fault));
    expression_start(compiled.expression, clocks);
    assert_int_equal(judge_at(&compiled, values, clocks, 0, &due), VERDICT_UNKNOWN);
    assert_int_equal(judge_at(&compiled, values, clocks, 10000, &due), VERDICT_NO);
    values[1] = 6; /* the second clock runs though the first says enough */
    values[0] = 0;
    assert_int_equal(judge_at(&compiled, values, clocks, 11000, &due), VERDICT_YES);
    assert_int_equal(due, 13000);
    values[0] = 1;
    assert_int_equal(judge_at(&compiled, values, clocks, 12500, &due), VERDICT_YES);
    assert_int_equal(judge_at(&compiled, values, clocks, 13000, &due), VERDICT_YES);
    assert_int_equal(due, 22500);
}

/* A clock's answer from all that was ever seen. */
static enum verdict
recount(const int64_t *ms, const double *values, size_t count, int64_t length)
{
    int64_t held = 0;
    bool was_false = false;

    for (size_t i = 0; i < count; i++) {
        bool is_held = i > 0 && values[i - 1] == 1 && values[i] != 0;

        held = values[i] == 0 ? 0 : is_held ? held + ms[i] - ms[i - 1] : held;
        was_false = was_false || values[i] == 0;
    }
    if (isnan(values[count - 1]))
        return VERDICT_UNKNOWN;
    if (values[count - 1] == 0)
        return VERDICT_NO;
    return held >= length ? VERDICT_YES : was_false ? VERDICT_NO : VERDICT_UNKNOWN;
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void
clock_agrees_with_a_count_over_all_that_was_seen(void **state)
{
    int64_t ms[200];
    double seen[200], values[POINT_COUNT] = {0};
    struct expression_compiled compiled;
    struct expression_fault fault;
    uint32_t seed = 11;
    int64_t due;

    (void)state;
    assert_true(compile("f for 10s", &compiled, &fault));
    for (int round = 0; round < 300; round++) {
        struct expression_clock clocks[EXPRESSION_CLOCKS_MAX];
        int64_t now = 0;

        expression_start(compiled.expression, clocks);
        for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
            uint32_t kind = next_random(&seed) % 16;

            now += next_random(&seed) % 3000;
            ms[i] = now;
            seen[i] = kind == 0 ? 0 : kind < 4 ? UNKNOWN : 1;
            values[POINT_FLAG] = seen[i];
            assert_int_equal(judge_at(&compiled, values, clocks, now, &due),
                             recount(ms, seen, i + 1, 10000));
            assert_true(due > now);
        }
    }
}

/* random conditions against a naive evaluator over trees */

enum node_kind { NODE_NUMBER, NODE_POINT, NODE_FLAG, NODE_STATE, NODE_ONE, NODE_TWO, NODE_MANY };

struct node {
    enum node_kind kind;
    double number;
    unsigned point, label;
    char sign[4]; /* of NODE_ONE, NODE_TWO, NODE_MANY */
    unsigned rank;
    struct node *sides[3];
};

struct known { /* a number or 0, 1; or unknown */
    bool is_known;
    double value;
};

static struct node nodes[4096];
static size_t node_count;

static struct node *
new_node(enum node_kind kind, const char *sign, unsigned rank)
{
    struct node *node = &nodes[node_count++];

    assert_true(node_count < ARRAY_LEN(nodes));
    *node = (struct node){.kind = kind, .rank = rank};
    text_copy(node->sign, sizeof node->sign, sign);
    return node;
}

static struct node *
random_number(uint32_t *seed, unsigned depth)
{
    static const char *const SIGNS[] = {"+", "-", "*", "/"};
    uint32_t kind = next_random(seed) % (depth == 0 ? 2 : 7);
    struct node *node;

    if (kind == 0) {
        node = new_node(NODE_NUMBER, "", 10);
        node->number = next_random(seed) % 9 / 2.0;
        return node;
    }
    if (kind < 3 || depth == 0) {
        node = new_node(NODE_POINT, "", 10);
        node->point = next_random(seed) % NUMBERS;
        return node;
    }
    if (kind == 3) {
        bool is_abs = next_random(seed) % 2 == 0;

        node = new_node(NODE_ONE, is_abs ? "abs" : "-", is_abs ? 9 : 8);
        node->sides[0] = random_number(seed, depth - 1);
        return node;
    }
    if (kind == 4) {
        node = new_node(NODE_MANY, next_random(seed) % 2 ? "min" : "max", 9);
        for (unsigned i = 0; i < 2 + next_random(seed) % 2; i++)
            node->sides[i] = random_number(seed, depth - 1);
        return node;
    }
    uint32_t sign = next_random(seed) % 4;
    node = new_node(NODE_TWO, SIGNS[sign], sign < 2 ? 6 : 7);
    node->sides[0] = random_number(seed, depth - 1);
    node->sides[1] = random_number(seed, depth - 1);
    return node;
}

static struct node *
random_condition(uint32_t *seed, unsigned depth)
{
    static const char *const SIGNS[] = {"<", "<=", ">", ">=", "==", "!="};
    uint32_t kind = next_random(seed) % (depth == 0 ? 4 : 9);
    struct node *node;

    if (kind == 0)
        return new_node(NODE_FLAG, "", 10);
    if (kind == 1) {
        node = new_node(NODE_STATE, next_random(seed) % 2 ? "not" : "", 10);
        node->label = 1 + next_random(seed) % 4;
        return node;
    }
    if (kind < 4) {
        node = new_node(NODE_TWO, SIGNS[next_random(seed) % 6], 5);
        node->sides[0] = random_number(seed, depth > 2 ? 2 : depth);
        node->sides[1] = random_number(seed, depth > 2 ? 2 : depth);
        return node;
    }
    if (kind == 4) {
        node = new_node(NODE_ONE, "not", 3);
        node->sides[0] = random_condition(seed, depth - 1);
        return node;
    }
    bool is_and = next_random(seed) % 2 == 0;
    node = new_node(NODE_TWO, is_and ? "and" : "or", is_and ? 2 : 1);
    node->sides[0] = random_condition(seed, depth - 1);
    node->sides[1] = random_condition(seed, depth - 1);
    return node;
}

/* With the parentheses that are needed, and now and then one that is not. */
static void
write_node(const struct node *node, unsigned rank, uint32_t *seed, struct text_buf *out)
{
    bool is_inside = node->rank < rank || next_random(seed) % 8 == 0;

    text_buf_add(out, "%s", is_inside ? "(" : "");
    switch (node->kind) {
    case NODE_NUMBER:
        text_buf_add(out, "%g", node->number);
        break;
    case NODE_POINT:
        text_buf_add(out, "%s", NAMES[node->point]);
        break;
    case NODE_FLAG:
        text_buf_add(out, "f");
        break;
    case NODE_STATE:
        text_buf_add(out, "s is %s %s", node->sign, LABELS[node->label - 1].label);
        break;
    case NODE_ONE:
        text_buf_add(out, "%s%s", node->sign, strcmp(node->sign, "abs") == 0 ? "(" : " ");
        write_node(node->sides[0], strcmp(node->sign, "abs") == 0 ? 0 : node->rank, seed, out);
        text_buf_add(out, "%s", strcmp(node->sign, "abs") == 0 ? ")" : "");
        break;
    case NODE_TWO:
        /* Comparisons do not follow each other; the others group to the left. */
        write_node(node->sides[0], node->rank == 5 ? 6 : node->rank, seed, out);
        text_buf_add(out, " %s ", node->sign);
        write_node(node->sides[1], node->rank + 1, seed, out);
        break;
    case NODE_MANY:
        text_buf_add(out, "%s(", node->sign);
        for (unsigned i = 0; i < 3 && node->sides[i] != NULL; i++) {
            text_buf_add(out, "%s", i > 0 ? ", " : "");
            write_node(node->sides[i], 0, seed, out);
        }
        text_buf_add(out, ")");
        break;
    }
    text_buf_add(out, "%s", is_inside ? ")" : "");
}

static struct known
number_of(double value)
{
    return (struct known){isfinite(value), value};
}

static struct known
naive_two(const char *sign, struct known a, struct known b)
{
    if (strcmp(sign, "and") == 0) {
        if ((a.is_known && a.value == 0) || (b.is_known && b.value == 0))
            return (struct known){true, 0};
        return (struct known){a.is_known && b.is_known, 1};
    }
    if (strcmp(sign, "or") == 0) {
        if ((a.is_known && a.value == 1) || (b.is_known && b.value == 1))
            return (struct known){true, 1};
        return (struct known){a.is_known && b.is_known, 0};
    }
    if (!a.is_known || !b.is_known)
        return (struct known){false, 0};
    switch (sign[0]) {
    case '+':
        return number_of(a.value + b.value);
    case '-':
        return number_of(a.value - b.value);
    case '*':
        return number_of(a.value * b.value);
    case '/':
        return b.value == 0 ? (struct known){false, 0} : number_of(a.value / b.value);
    case '<':
        return number_of(sign[1] == '=' ? a.value <= b.value : a.value < b.value);
    case '>':
        return number_of(sign[1] == '=' ? a.value >= b.value : a.value > b.value);
    case '=':
        return number_of(a.value == b.value);
    default:
        return number_of(a.value != b.value);
    }
}

static struct known
naive(const struct node *node, const double *values)
{
    struct known a = {false, 0};

    switch (node->kind) {
    case NODE_NUMBER:
        return number_of(node->number);
    case NODE_POINT:
        return number_of(values[node->point]);
    case NODE_FLAG:
        return number_of(values[POINT_FLAG]);
    case NODE_STATE:
        a = number_of(values[POINT_STATE]);
        a.value = (a.value == node->label) == (node->sign[0] == '\0');
        return a;
    case NODE_ONE:
        a = naive(node->sides[0], values);
        a.value = node->sign[0] == 'a' ? fabs(a.value) : node->sign[0] == '-' ? -a.value : !a.value;
        return a;
    case NODE_TWO:
        return naive_two(node->sign, naive(node->sides[0], values), naive(node->sides[1], values));
    case NODE_MANY:
        break;
    }
    a = naive(node->sides[0], values);
    for (unsigned i = 1; i < 3 && node->sides[i] != NULL; i++) {
        struct known b = naive(node->sides[i], values);

        if (node->sign[1] == 'i' ? b.value < a.value : b.value > a.value)
            a.value = b.value;
        a.is_known = a.is_known && b.is_known;
    }
    return a;
}

static void
random_conditions_agree_with_a_naive_evaluator(void **state)
{
    uint32_t seed = 20261123;
    unsigned verdicts[3] = {0}, refused = 0;
    struct text_buf text;

    (void)state;
    text_buf_init(&text, 65536);
    for (int round = 0; round < 4000; round++) {
        struct expression_compiled compiled;
        struct expression_fault fault;
        int64_t due;

        node_count = 0;
        const struct node *tree = random_condition(&seed, 1 + (unsigned)round % 4);
        text_buf_reset(&text);
        write_node(tree, 0, &seed, &text);
        if (!compile(text.data, &compiled, &fault)) {
            /* Only for what is told as a limit, or a tree without a point. */
            bool is_limit = strncmp(fault.text, "longer than", 11) == 0 ||
                            strncmp(fault.text, "nested", 6) == 0 ||
                            strcmp(fault.text, "there is no point in it") == 0;
            if (!is_limit)
                fail_msg("%s: %s at %zu", text.data, fault.text, fault.at);
            refused++;
            continue;
        }
        for (int turn = 0; turn < 20; turn++) {
            double values[POINT_COUNT];

            for (unsigned i = 0; i < NUMBERS; i++)
                values[i] =
                    next_random(&seed) % 5 == 0 ? UNKNOWN : next_random(&seed) % 9 / 2.0 - 1;
            values[POINT_STATE] = next_random(&seed) % 5 == 0 ? UNKNOWN : next_random(&seed) % 5;
            values[POINT_FLAG] = next_random(&seed) % 5 == 0 ? UNKNOWN : next_random(&seed) % 2;
            struct known want = naive(tree, values);
            enum verdict verdict = judge_at(&compiled, values, NULL, 0, &due);

            verdicts[verdict]++;
            if (verdict != (!want.is_known    ? VERDICT_UNKNOWN
                            : want.value != 0 ? VERDICT_YES
                                              : VERDICT_NO))
                fail_msg("%s", text.data);
        }
        arena_free(arena);
        arena = arena_new();
        assert_non_null(arena);
    }
    text_buf_done(&text);
    assert_true(refused < 400);
    print_message("%u yes, %u no, %u unknown; %u refused\n", verdicts[VERDICT_YES],
                  verdicts[VERDICT_NO], verdicts[VERDICT_UNKNOWN], refused);
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        assert_true(verdicts[i] > 5000);
}

/* faults */

static void
fault_names_its_place(void **state)
{
    static const struct {
        const char *text, *what;
        size_t at, length;
    } cases[] = {
        {"", "a value belongs here, but the condition ends here", 0, 1},
        {"   ", "a value belongs here, but the condition ends here", 3, 1},
        {"a > ", "a value belongs here, but the condition ends here", 4, 1},
        {"a > 1 b > 2", "an operator belongs here, not \"b\"", 6, 1},
        {"a > 1 and or b > 2", "a value belongs here, not \"or\"", 10, 2},
        {"a > 1 and zz > 2", "there is no point \"zz\"", 10, 2},
        {"a-b > 2", "there is no point \"a-b\"", 0, 3},
        {"(a > 1 and b > 2", "this is never closed", 0, 1},
        {"a > 1)", "nothing is open that this could close", 5, 1},
        {"()", "a value belongs here, not \")\"", 1, 1},
        {"(a, b) > 2", "an operator or ) belongs here, not \",\"", 2, 1},
        {"abs a > 2", "( belongs here, not \"a\"", 4, 1},
        {"max() > 2", "a value belongs here, not \")\"", 4, 1},
        {"max(a) > 2", "max takes two or more numbers", 0, 6},
        {"min(a, ) > 2", "a value belongs here, not \")\"", 7, 1},
        {"min(a > 1, b) > 2", "min needs a number, and this is a condition", 4, 5},
        {"abs(a > 1) > 2", "abs needs a number, and this is a condition", 4, 5},
        {"a", "this is a number and no condition", 0, 1},
        {"a + b * 2", "this is a number and no condition", 0, 9},
        {"not a", "not needs a condition, and this is a number", 4, 1},
        {"a > 1 and b + 1", "and needs a condition, and this is a number", 10, 5},
        {"a or b > 1", "or needs a condition, and this is a number", 0, 1},
        {"(a > 1) + 2 > 3", "+ needs a number, and this is a condition", 0, 7},
        {"-(a > 1) > 3", "- needs a number, and this is a condition", 1, 7},
        {"f > 0", "> needs a number, and this is a condition", 0, 1},
        {"s == 2", "s is a state: ask which one", 0, 1},
        {"a is 2", "a is a number, \"is\" asks for a state", 2, 2},
        {"s is", "a label belongs here, but the condition ends here", 4, 1},
        {"s is not", "a label belongs here, but the condition ends here", 8, 1},
        {"s is on-batery", "\"on-batery\" is no label of s", 5, 9},
        {"s is in off", "a list in parentheses belongs here, not \"off\"", 8, 3},
        {"s is in (off", "a comma or ) belongs here, but the condition ends here", 12, 1},
        {"s is in ()", "a label belongs here, not \")\"", 9, 1},
        {"t is x", "t is text, nothing to judge", 0, 1},
        {"a < b < c", "one comparison after another", 6, 1},
        {"a > 1 for", "a duration belongs here, but the condition ends here", 9, 1},
        {"a > 1 for 0s", "a duration belongs here, not \"0s\"", 10, 2},
        {"a > 1 for 31d", "a duration belongs here, not \"31d\"", 10, 3},
        {"a for 5s > 1", "for needs a condition, and this is a number", 0, 1},
        {"a = 1", "no part of a condition", 2, 1},
        {"a > 1 && b", "no part of a condition", 6, 1},
        {"a > 1 and \"b\"", "no part of a condition", 10, 1},
        {"a > \xc3\xa4 and b", "no part of a condition", 4, 2},
        {"true", "there is no point in it", 0, 4},
        {"a > 0x10", "there is no point \"0x10\"", 4, 4},
        {"a > nan", "there is no point \"nan\"", 4, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct expression_compiled compiled;
        struct expression_fault fault;

        if (compile(cases[i].text, &compiled, &fault))
            fail_msg("\"%s\" is no fault?", cases[i].text);
        if (strcmp(fault.text, cases[i].what) != 0 || fault.at != cases[i].at ||
            fault.length != cases[i].length)
            fail_msg("\"%s\": %s at %zu+%zu", cases[i].text, fault.text, fault.at, fault.length);
        assert_false(fault.is_told);
    }
}

static void
hints_say_what_was_meant(void **state)
{
    static const char *const cases[][2] = {
        {"a-5 > 2", "as operators, - and / need blanks around"},
        {"a/2 > 2", "as operators, - and / need blanks around"},
        {"s is on-batery", "did you mean \"on-battery\"?"},
        {"a = 2", "to compare, write =="},
        {"a > 2 | b > 2", "write and, or"},
        {"s is 'off'", "labels are written without quotes"},
        {"a > 2 and zz-5 > 2", ""},
    };
    struct expression_compiled compiled;
    struct expression_fault fault;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(compile(cases[i][0], &compiled, &fault));
        assert_string_equal(fault.hint, cases[i][1]);
    }
    assert_false(compile("a > 1 and unsure > 2", &compiled, &fault));
    assert_true(fault.is_told);
}

static void
repeat(char *out, const char *one, unsigned times, const char *end)
{
    out[0] = '\0';
    for (unsigned i = 0; i < times; i++)
        strcat(out, one);
    strcat(out, end);
}

static void
every_bound_is_kept_and_told(void **state)
{
    static char text[8000];
    struct expression_compiled compiled;
    struct expression_fault fault;

    (void)state;
    repeat(text, "(", 63, "a > 1");
    repeat(text + strlen(text), ")", 63, "");
    assert_true(compile(text, &compiled, &fault));
    repeat(text, "(", 65, "a > 1");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "nested deeper than 64 operators");
    repeat(text, "not ", 200, "f");
    assert_false(compile(text, &compiled, &fault));
    repeat(text, "1 + (", 23, "a");
    repeat(text + strlen(text), ")", 23, " > 1");
    assert_true(compile(text, &compiled, &fault));
    repeat(text, "1 + (", 24, "a");
    repeat(text + strlen(text), ")", 24, " > 1");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "nested deeper than 24 values");
    repeat(text, "1 + (", 22, "(s is in (off, on-battery))");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "nested deeper than 24 values");
    repeat(text, "f or ", 127, "f");
    assert_true(compile(text, &compiled, &fault));
    repeat(text, "f or ", 128, "f");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "longer than 255 operations and values");
    repeat(text, "1 +", 127, "a > 1");
    assert_false(compile(text, &compiled, &fault));
    repeat(text, "f for 1s or ", 4, "f");
    assert_true(compile(text, &compiled, &fault));
    repeat(text, "f for 1s or ", 5, "f");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "more than 4 times for");
    repeat(text, " ", 999, "f");
    assert_true(compile(text, &compiled, &fault));
    repeat(text, " ", 1000, "f");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "longer than 1000 characters");
    repeat(text, "x", 900, " > 1");
    assert_false(compile(text, &compiled, &fault));
    assert_string_equal(fault.text, "a name longer than any point's");
}

static void
unsound_code_is_recognised(void **state)
{
    static const double constants[] = {1};
    static const int64_t clocks[] = {1000};
    static const struct {
        struct expression_step steps[4];
        uint16_t count;
        bool is_sound;
    } cases[] = {
        {{{EXPRESSION_INPUT, 0}}, 1, true},
        {{{EXPRESSION_INPUT, 0}}, 0, false},
        {{{EXPRESSION_INPUT, 1}}, 1, false},
        {{{EXPRESSION_CONSTANT, 0}}, 1, true},
        {{{EXPRESSION_CONSTANT, 1}}, 1, false},
        {{{EXPRESSION_CODE_COUNT, 0}}, 1, false},
        {{{EXPRESSION_NOT, 0}}, 1, false},
        {{{EXPRESSION_INPUT, 0}, {EXPRESSION_INPUT, 0}}, 2, false},
        {{{EXPRESSION_INPUT, 0}, {EXPRESSION_AND, 0}}, 2, false},
        {{{EXPRESSION_INPUT, 0}, {EXPRESSION_INPUT, 0}, {EXPRESSION_AND, 0}}, 3, true},
        {{{EXPRESSION_INPUT, 0}, {EXPRESSION_FOR, 0}}, 2, true},
        {{{EXPRESSION_INPUT, 0}, {EXPRESSION_FOR, 1}}, 2, false},
    };
    struct expression_step deep[EXPRESSION_STEPS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct expression expression = {.steps = cases[i].steps,
                                        .constants = constants,
                                        .clocks_ms = clocks,
                                        .step_count = cases[i].count,
                                        .constant_count = 1,
                                        .input_count = 1,
                                        .clock_count = 1};

        assert_int_equal(expression_is_sound(&expression), cases[i].is_sound);
    }
    struct expression expression = {
        .steps = deep, .step_count = 2 * EXPRESSION_STACK_MAX + 1, .input_count = 1};
    for (unsigned i = 0; i < EXPRESSION_STEPS_MAX; i++)
        deep[i] = (struct expression_step){
            i <= EXPRESSION_STACK_MAX ? EXPRESSION_INPUT : EXPRESSION_ADD, 0};
    assert_false(expression_is_sound(&expression));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(condition_means_what_it_says),
        TEST(unknown_spreads_only_as_far_as_it_matters),
        TEST(clock_counts_only_what_is_known_to_be_true),
        TEST(condition_without_a_false_since_the_start_becomes_true_in_time),
        TEST(clock_agrees_with_a_count_over_all_that_was_seen),
        TEST(random_conditions_agree_with_a_naive_evaluator),
        TEST(fault_names_its_place),
        TEST(hints_say_what_was_meant),
        TEST(every_bound_is_kept_and_told),
        TEST(unsound_code_is_recognised),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
