/*
 * expression.c - a stack machine over numbers, where what is not a number is unknown.
 */
#include "alerts/expression.h"

#include <assert.h>
#include <math.h>

#include "gateway/base/timers.h"

static unsigned
operands_of(enum expression_code code)
{
    if (code == EXPRESSION_CONSTANT || code == EXPRESSION_INPUT)
        return 0;
    return code >= EXPRESSION_ADD ? 2 : 1;
}

static unsigned
arguments_of(const struct expression *expression, enum expression_code code)
{
    switch (code) {
    case EXPRESSION_CONSTANT:
        return expression->constant_count;
    case EXPRESSION_INPUT:
        return expression->input_count;
    case EXPRESSION_FOR:
        return expression->clock_count;
    default:
        return 1; /* not used: 0 */
    }
}

bool
expression_is_sound(const struct expression *expression)
{
    unsigned depth = 0;

    if (expression->step_count > EXPRESSION_STEPS_MAX ||
        expression->input_count > EXPRESSION_INPUTS_MAX ||
        expression->clock_count > EXPRESSION_CLOCKS_MAX)
        return false;
    for (uint16_t i = 0; i < expression->step_count; i++) {
        enum expression_code code = (enum expression_code)expression->steps[i].code;

        if (code >= EXPRESSION_CODE_COUNT || operands_of(code) > depth ||
            expression->steps[i].arg >= arguments_of(expression, code))
            return false;
        depth += 1 - operands_of(code);
        if (depth > EXPRESSION_STACK_MAX)
            return false;
    }
    return depth == 1;
}

void
expression_start(const struct expression *expression, struct expression_clock *clocks)
{
    for (uint8_t i = 0; i < expression->clock_count; i++)
        clocks[i] = (struct expression_clock){.seen_ms = INT64_MIN};
}

/* What is not finite is unknown: a result that has left the range of numbers says nothing. */
static double
known(double value)
{
    return isfinite(value) ? value : (double)NAN;
}

static double
calculate(enum expression_code code, double a, double b)
{
    if (code == EXPRESSION_AND && (a == 0 || b == 0))
        return 0;
    if (code == EXPRESSION_OR && (a == 1 || b == 1))
        return 1;
    if (isnan(a) || isnan(b))
        return (double)NAN;
    switch (code) {
    case EXPRESSION_ADD:
        return known(a + b);
    case EXPRESSION_SUBTRACT:
        return known(a - b);
    case EXPRESSION_MULTIPLY:
        return known(a * b);
    case EXPRESSION_DIVIDE:
        return b == 0 ? (double)NAN : known(a / b);
    case EXPRESSION_MIN:
        return a < b ? a : b;
    case EXPRESSION_MAX:
        return a > b ? a : b;
    case EXPRESSION_LESS:
        return a < b;
    case EXPRESSION_LESS_EQUAL:
        return a <= b;
    case EXPRESSION_GREATER:
        return a > b;
    case EXPRESSION_GREATER_EQUAL:
        return a >= b;
    case EXPRESSION_EQUAL:
        return a == b;
    case EXPRESSION_NOT_EQUAL:
        return a != b;
    case EXPRESSION_AND:
        return 1;
    case EXPRESSION_OR:
        return 0;
    default:
        assert(false && "no operation on two values");
        return (double)NAN;
    }
}

/*
 * True once the condition has been known to be true for so long, without a false between. Before
 * the first false after a start nobody knows for how long it has been true already: what was told
 * before a restart is not taken back by it.
 */
static double
hold(struct expression_clock *clock, double value, int64_t length_ms, int64_t now_ms,
     int64_t *due_ms)
{
    if (clock->seen_ms != INT64_MIN && value != 0)
        clock->held_ms += now_ms - clock->seen_ms;
    clock->seen_ms = value == 1 ? now_ms : INT64_MIN;
    if (value == 0) {
        clock->held_ms = 0;
        clock->was_false = true;
        return 0;
    }
    if (isnan(value))
        return (double)NAN;
    if (clock->held_ms >= length_ms) {
        clock->held_ms = length_ms;
        return 1;
    }
    if (now_ms + length_ms - clock->held_ms < *due_ms)
        *due_ms = now_ms + length_ms - clock->held_ms;
    return clock->was_false ? 0 : (double)NAN;
}

enum verdict
expression_judge(const struct expression *expression, const double *inputs,
                 struct expression_clock *clocks, int64_t now_ms, int64_t *out_due_ms)
{
    double stack[EXPRESSION_STACK_MAX + 1];
    double *top = stack; /* of what is in use; stack[0] is below the ground */

    stack[0] = (double)NAN;
    *out_due_ms = TIMER_NONE;
    for (uint16_t i = 0; i < expression->step_count; i++) {
        const struct expression_step *step = &expression->steps[i];

        switch ((enum expression_code)step->code) {
        case EXPRESSION_CONSTANT:
            *++top = expression->constants[step->arg];
            break;
        case EXPRESSION_INPUT:
            *++top = known(inputs[step->arg]);
            break;
        case EXPRESSION_NEGATE:
            *top = -*top;
            break;
        case EXPRESSION_ABS:
            *top = fabs(*top);
            break;
        case EXPRESSION_NOT:
            *top = 1 - *top;
            break;
        case EXPRESSION_FOR:
            *top = hold(&clocks[step->arg], *top, expression->clocks_ms[step->arg], now_ms,
                        out_due_ms);
            break;
        default:
            top--;
            *top = calculate((enum expression_code)step->code, top[0], top[1]);
        }
    }
    if (isnan(*top))
        return VERDICT_UNKNOWN;
    return *top != 0 ? VERDICT_YES : VERDICT_NO;
}
