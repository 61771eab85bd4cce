/*
 * fuzz_expression.c - a condition of any text: a fault has its place, what compiles is sound and
 * has an answer whatever its points are.
 *
 * Input: the text up to a NUL; what follows are the values of points, by turns.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/expressions.h"

#define TEXT_MAX 4000

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct value_label LABELS[] = {{1, "off"}, {2, "on-battery"}, {3, "lost"}};
static const char *const NAMES[] = {"a", "b", "ups-1/x.y", "s", "f", "t"};
static const struct point_def DEFS[] = {
    {.id = "a", .kind = VALUE_NUMBER},
    {.id = "b", .kind = VALUE_NUMBER},
    {.id = "x.y", .kind = VALUE_NUMBER},
    {.id = "s", .kind = VALUE_STATE, .label_count = ARRAY_LEN(LABELS), .labels = LABELS},
    {.id = "f", .kind = VALUE_FLAG},
    {.id = "t", .kind = VALUE_TEXT},
};

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static enum found
find(void *ctx, const char *name, uint32_t *out_point, const struct point_def **out_def)
{
    (void)ctx;
    for (uint32_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (strcmp(NAMES[i], name) == 0) {
            *out_point = i;
            *out_def = &DEFS[i];
            return FOUND;
        }
    /* Many names for one point each, so that their number has a bound to meet. */
    if (name[0] != 'p')
        return strcmp(name, "unsure") == 0 ? FOUND_UNSURE : FOUND_NOT;
    *out_point = 100 + (uint32_t)strlen(name);
    *out_def = &DEFS[0];
    return FOUND;
}

static void
judge(const struct expression_compiled *compiled, const uint8_t *bytes, size_t left)
{
    struct expression_clock clocks[EXPRESSION_CLOCKS_MAX];
    double inputs[EXPRESSION_INPUTS_MAX] = {0};
    int64_t now_ms = 0, due_ms;

    expression_start(compiled->expression, clocks);
    for (unsigned turn = 0; turn < 50; turn++) {
        for (unsigned i = 0; i < EXPRESSION_INPUTS_MAX && left > 0; i++, bytes++, left--)
            inputs[i] = *bytes == 255 ? (double)NAN : *bytes == 254 ? 1e308 : *bytes % 8;
        enum verdict verdict =
            expression_judge(compiled->expression, inputs, clocks, now_ms, &due_ms);

        insist(verdict == VERDICT_NO || verdict == VERDICT_YES || verdict == VERDICT_UNKNOWN);
        insist(due_ms > now_ms);
        now_ms += left > 0 ? *bytes * 100 : 1000;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    const struct expression_names names = {find, NULL};
    struct expression_compiled compiled;
    struct expression_fault fault;
    char text[TEXT_MAX];
    size_t bytes = strnlen((const char *)input, length);
    struct arena *arena = arena_new();

    if (arena == NULL || bytes >= sizeof text) {
        arena_free(arena);
        return 0;
    }
    memcpy(text, input, bytes);
    text[bytes] = '\0';
    if (expressions_compile(arena, text, &names, &compiled, &fault)) {
        insist(expression_is_sound(compiled.expression));
        judge(&compiled, input + bytes, length - bytes);
    } else {
        insist(fault.text[0] != '\0' && fault.at <= bytes && fault.length > 0);
    }
    arena_free(arena);
    return 0;
}
