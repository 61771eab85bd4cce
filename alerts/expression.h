/*
 * expression.h - a small condition over several points, as code for a stack machine.
 *
 * Three-valued: a number, or unknown (no good reading, a division by zero, what is not finite).
 * false and unknown is false, true or unknown is true; all else with an unknown part is unknown.
 * Conditions are the numbers 0 and 1. Config compiles the text (config/expressions.h), once; here
 * it only runs: no allocation, no recursion, no loop back.
 */
#ifndef WATCHROOM_ALERTS_EXPRESSION_H
#define WATCHROOM_ALERTS_EXPRESSION_H

#include "gateway/base/base.h"

#define EXPRESSION_STEPS_MAX 255
#define EXPRESSION_STACK_MAX 24
#define EXPRESSION_INPUTS_MAX 16
#define EXPRESSION_CLOCKS_MAX 4

enum expression_code {
    EXPRESSION_CONSTANT, /* push constants[arg] */
    EXPRESSION_INPUT,    /* push inputs[arg] */
    EXPRESSION_NEGATE,
    EXPRESSION_ABS,
    EXPRESSION_NOT,
    EXPRESSION_FOR, /* the condition holds for clocks[arg] */
    EXPRESSION_ADD, /* from here on: two operands */
    EXPRESSION_SUBTRACT,
    EXPRESSION_MULTIPLY,
    EXPRESSION_DIVIDE,
    EXPRESSION_MIN,
    EXPRESSION_MAX,
    EXPRESSION_LESS,
    EXPRESSION_LESS_EQUAL,
    EXPRESSION_GREATER,
    EXPRESSION_GREATER_EQUAL,
    EXPRESSION_EQUAL,
    EXPRESSION_NOT_EQUAL,
    EXPRESSION_AND,
    EXPRESSION_OR,
    EXPRESSION_CODE_COUNT
};

struct expression_step {
    uint8_t code; /* enum expression_code */
    uint8_t arg;
};

struct expression {
    const struct expression_step *steps;
    const double *constants;
    const int64_t *clocks_ms;
    uint16_t step_count, constant_count;
    uint8_t input_count, clock_count;
    const char *text; /* as it was written */
};

/* What a `for` remembers. Time for which its condition is unknown does not count. */
struct expression_clock {
    int64_t held_ms; /* known to be true for so long */
    int64_t seen_ms; /* when it was last seen true; INT64_MIN: it is not */
    bool was_false;  /* since the start: before, nobody knows how long it has been true */
};

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_UNKNOWN };

/* Every argument in its range, never more than EXPRESSION_STACK_MAX deep, one result. */
bool expression_is_sound(const struct expression *expression);

void expression_start(const struct expression *expression, struct expression_clock *clocks);
/*
 * Of a sound one. `inputs` that are not finite are unknown; `clocks` are moved on to `now_ms`.
 * `out_due_ms`: when the answer may change without an input, TIMER_NONE for never.
 */
enum verdict expression_judge(const struct expression *expression, const double *inputs,
                              struct expression_clock *clocks, int64_t now_ms, int64_t *out_due_ms);

#endif
