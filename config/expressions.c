/*
 * expressions.c - conditions into steps of a stack machine, by operator precedence.
 *
 * Two stacks: operators that wait for their right side, and what is known of each value that the
 * code will have pushed by then. Kinds are checked here, so that the machine need not.
 */
#include "config/expressions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/expression_self.h"
#include "gateway/base/text.h"

#define DURATION_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

static const struct operation {
    uint8_t rank; /* 0: not between two values */
    uint8_t code;
    enum kind takes, gives;
} OPERATIONS[] = {
    [WORD_OR] = {1, EXPRESSION_OR, KIND_CONDITION, KIND_CONDITION},
    [WORD_AND] = {2, EXPRESSION_AND, KIND_CONDITION, KIND_CONDITION},
    [WORD_LESS] = {5, EXPRESSION_LESS, KIND_NUMBER, KIND_CONDITION},
    [WORD_LESS_EQUAL] = {5, EXPRESSION_LESS_EQUAL, KIND_NUMBER, KIND_CONDITION},
    [WORD_GREATER] = {5, EXPRESSION_GREATER, KIND_NUMBER, KIND_CONDITION},
    [WORD_GREATER_EQUAL] = {5, EXPRESSION_GREATER_EQUAL, KIND_NUMBER, KIND_CONDITION},
    [WORD_EQUAL] = {5, EXPRESSION_EQUAL, KIND_NUMBER, KIND_CONDITION},
    [WORD_NOT_EQUAL] = {5, EXPRESSION_NOT_EQUAL, KIND_NUMBER, KIND_CONDITION},
    [WORD_PLUS] = {6, EXPRESSION_ADD, KIND_NUMBER, KIND_NUMBER},
    [WORD_MINUS] = {6, EXPRESSION_SUBTRACT, KIND_NUMBER, KIND_NUMBER},
    [WORD_TIMES] = {7, EXPRESSION_MULTIPLY, KIND_NUMBER, KIND_NUMBER},
    [WORD_DIVIDE] = {7, EXPRESSION_DIVIDE, KIND_NUMBER, KIND_NUMBER},
    [WORD_BAD] = {0, 0, KIND_NUMBER, KIND_NUMBER},
};
#define RANK_NOT 3
#define RANK_FOR 4
#define RANK_COMPARISON 5
#define RANK_NEGATION 8

/* faults */

bool
expression_fault(struct compiler *self, size_t at, size_t end, const char *hint, const char *fmt,
                 ...)
{
    va_list args;

    *self->fault = (struct expression_fault){.at = at, .length = end > at ? end - at : 1};
    va_start(args, fmt);
    vsnprintf(self->fault->text, sizeof self->fault->text, fmt, args);
    va_end(args);
    text_copy(self->fault->hint, sizeof self->fault->hint, hint);
    return false;
}

bool
expression_fault_word(struct compiler *self, const char *hint, const char *what)
{
    const struct word_read *word = &self->word;

    if (word->kind == WORD_BAD)
        return false; /* told already */
    if (word->kind == WORD_END)
        return expression_fault(self, word->at, word->at, hint, "%s, but the condition ends here",
                                what);
    return expression_fault(self, word->at, word->at + word->length, hint, "%s, not \"%s\"", what,
                            word->text);
}

bool
expression_next(struct compiler *self)
{
    self->word = expression_word(self->text, self->word.at + self->word.length, self->fault);
    return self->word.kind != WORD_BAD;
}

/* code */

bool
expression_add_step(struct compiler *self, enum expression_code code, size_t argument)
{
    if (self->step_count == EXPRESSION_STEPS_MAX)
        return expression_fault(self, 0, strlen(self->text), "make two alarms of it",
                                "longer than %d operations and values", EXPRESSION_STEPS_MAX);
    self->steps[self->step_count++] = (struct expression_step){(uint8_t)code, (uint8_t)argument};
    return true;
}

bool
expression_push(struct compiler *self, enum kind kind, size_t at, size_t end)
{
    if (self->value_count == EXPRESSION_STACK_MAX)
        return expression_fault(self, at, end, "make two alarms of it",
                                "nested deeper than %d values", EXPRESSION_STACK_MAX);
    self->values[self->value_count++] = (struct value){kind, at, end};
    return true;
}

bool
expression_push_constant(struct compiler *self, double number)
{
    if (self->constant_count == EXPRESSION_STEPS_MAX)
        return expression_add_step(self, EXPRESSION_CONSTANT,
                                   0); /* there is no room for a step either */
    self->constants[self->constant_count] = number;
    return expression_add_step(self, EXPRESSION_CONSTANT, self->constant_count++);
}

static bool
need(struct compiler *self, const struct value *value, enum kind kind, const char *who)
{
    if (value->kind == kind)
        return true;
    if (kind == KIND_CONDITION)
        return expression_fault(self, value->at, value->end, "compare it with something",
                                "%s needs a condition, and this is a number", who);
    return expression_fault(self, value->at, value->end, "",
                            "%s needs a number, and this is a condition", who);
}

static bool
apply(struct compiler *self, const struct waiting *waiting)
{
    struct value *top = &self->values[self->value_count - 1];
    char who[16];

    snprintf(who, sizeof who, "%.*s", (int)waiting->length, self->text + waiting->at);
    if (waiting->kind == WORD_NOT || waiting->is_negation) {
        bool is_not = waiting->kind == WORD_NOT;

        if (!need(self, top, is_not ? KIND_CONDITION : KIND_NUMBER, who))
            return false;
        top->at = waiting->at;
        return expression_add_step(self, is_not ? EXPRESSION_NOT : EXPRESSION_NEGATE, 0);
    }
    const struct operation *operation = &OPERATIONS[waiting->kind];

    if (!need(self, top - 1, operation->takes, who) || !need(self, top, operation->takes, who))
        return false;
    top[-1] = (struct value){operation->gives, top[-1].at, top->end};
    self->value_count--;
    return expression_add_step(self, (enum expression_code)operation->code, 0);
}

static unsigned
rank_of(const struct waiting *waiting)
{
    if (waiting->kind == WORD_NOT)
        return RANK_NOT;
    return waiting->is_negation ? RANK_NEGATION : OPERATIONS[waiting->kind].rank;
}

/* Whatever binds at least as tightly has its right side now. Parentheses have rank 0. */
static bool
settle(struct compiler *self, unsigned rank)
{
    while (self->waiting_count > 0) {
        const struct waiting *last = &self->waiting[self->waiting_count - 1];

        if (rank_of(last) < rank || rank_of(last) == 0)
            break;
        self->waiting_count--;
        if (!apply(self, last))
            return false;
    }
    return true;
}

/* The word waits for its right side, or its parenthesis. */
static bool
wait_for(struct compiler *self, bool is_negation)
{
    const struct word_read *word = &self->word;

    if (self->waiting_count == WAITING_MAX)
        return expression_fault(self, word->at, word->at + word->length, "make two alarms of it",
                                "nested deeper than %d operators", WAITING_MAX);
    self->waiting[self->waiting_count++] = (struct waiting){
        .kind = word->kind, .is_negation = is_negation, .at = word->at, .length = word->length};
    return expression_next(self);
}

/* the two places of a condition: where a value begins, and behind one */

static bool
read_value(struct compiler *self, bool *out_is_value)
{
    const struct word_read *word = &self->word;
    size_t at = word->at, end = at + word->length;

    *out_is_value = true;
    switch (word->kind) {
    case WORD_NUMBER:
        return expression_push(self, KIND_NUMBER, at, end) &&
               expression_push_constant(self, word->number) && expression_next(self);
    case WORD_TRUE:
    case WORD_FALSE:
        return expression_push(self, KIND_CONDITION, at, end) &&
               expression_push_constant(self, word->kind == WORD_TRUE) && expression_next(self);
    case WORD_NAME:
        return expression_read_point(self);
    case WORD_MINUS:
    case WORD_NOT:
    case WORD_OPEN:
        *out_is_value = false;
        return wait_for(self, word->kind == WORD_MINUS);
    case WORD_ABS:
    case WORD_MIN:
    case WORD_MAX:
        *out_is_value = false;
        if (!wait_for(self, false))
            return false;
        if (word->kind != WORD_OPEN)
            return expression_fault_word(self, "abs(x), min(x, y), max(x, y)", "( belongs here");
        return expression_next(self);
    default:
        return expression_fault_word(self, "", "a value belongs here");
    }
}

static bool
read_for(struct compiler *self)
{
    size_t at = self->word.at;
    int64_t ms;

    if (!settle(self, RANK_FOR))
        return false;
    struct value *top = &self->values[self->value_count - 1];
    if (!need(self, top, KIND_CONDITION, "for") || !expression_next(self))
        return false;
    const struct word_read *word = &self->word;
    if ((word->kind != WORD_NAME && word->kind != WORD_NUMBER) ||
        !text_parse_duration_ms(word->text, &ms) || ms <= 0 || ms > DURATION_MAX_MS)
        return expression_fault_word(self, "30s, 5m, 2h; at most 30d", "a duration belongs here");
    if (self->clock_count == EXPRESSION_CLOCKS_MAX)
        return expression_fault(self, at, word->at + word->length, "make two alarms of it",
                                "more than %d times for", EXPRESSION_CLOCKS_MAX);
    top->end = word->at + word->length;
    self->clocks_ms[self->clock_count] = ms;
    return expression_add_step(self, EXPRESSION_FOR, self->clock_count++) && expression_next(self);
}

/* The function or parenthesis that is open. NULL after a fault. */
static struct waiting *
settle_open(struct compiler *self)
{
    if (!settle(self, 1))
        return NULL;
    if (self->waiting_count > 0)
        return &self->waiting[self->waiting_count - 1];
    (void)expression_fault(self, self->word.at, self->word.at + 1, "",
                           "nothing is open that this could close");
    return NULL;
}

static bool
read_comma(struct compiler *self)
{
    struct waiting *open = settle_open(self);

    if (open == NULL)
        return false;
    if (open->kind != WORD_MIN && open->kind != WORD_MAX)
        return expression_fault_word(self, "", "an operator or ) belongs here");
    if (!need(self, &self->values[self->value_count - 1], KIND_NUMBER,
              open->kind == WORD_MIN ? "min" : "max"))
        return false;
    /* Two by two, as they come: the stack does not grow with their number. */
    if (open->arguments > 0) {
        self->value_count--;
        if (!expression_add_step(self, open->kind == WORD_MIN ? EXPRESSION_MIN : EXPRESSION_MAX, 0))
            return false;
    }
    open->arguments = 1;
    return expression_next(self);
}

static bool
read_close(struct compiler *self)
{
    const struct waiting *open = settle_open(self);

    if (open == NULL)
        return false;
    struct value *top = &self->values[self->value_count - 1];
    bool is_plain = open->kind == WORD_OPEN;
    const char *name = open->kind == WORD_ABS ? "abs" : open->kind == WORD_MIN ? "min" : "max";

    if (!is_plain && !need(self, top, KIND_NUMBER, name))
        return false;
    if (!is_plain && open->kind != WORD_ABS && open->arguments == 0)
        return expression_fault(self, open->at, self->word.at + 1, "",
                                "%s takes two or more numbers", name);
    if (open->kind == WORD_ABS && !expression_add_step(self, EXPRESSION_ABS, 0))
        return false;
    if (!is_plain && open->kind != WORD_ABS) {
        top--;
        self->value_count--;
        if (!expression_add_step(self, open->kind == WORD_MIN ? EXPRESSION_MIN : EXPRESSION_MAX, 0))
            return false;
    }
    top->at = open->at;
    top->end = self->word.at + 1;
    self->waiting_count--;
    return expression_next(self);
}

static bool
read_operator(struct compiler *self, bool *out_is_value)
{
    unsigned rank = OPERATIONS[self->word.kind].rank;

    *out_is_value = true; /* still behind one */
    switch (self->word.kind) {
    case WORD_FOR:
        return read_for(self);
    case WORD_CLOSE:
        return read_close(self);
    case WORD_COMMA:
        *out_is_value = false;
        return read_comma(self);
    default:
        break;
    }
    if (rank == 0)
        return expression_fault_word(self, "", "an operator belongs here");
    if (!settle(self, rank == RANK_COMPARISON ? rank + 1 : rank))
        return false;
    if (rank == RANK_COMPARISON && self->waiting_count > 0 &&
        rank_of(&self->waiting[self->waiting_count - 1]) == RANK_COMPARISON)
        return expression_fault(self, self->word.at, self->word.at + self->word.length,
                                "a < b and b < c", "one comparison after another");
    *out_is_value = false;
    return wait_for(self, false);
}

static bool
read_all(struct compiler *self)
{
    bool is_behind_value = false;

    self->word = expression_word(self->text, 0, self->fault);
    while (self->word.kind != WORD_END || !is_behind_value)
        if (!(is_behind_value ? read_operator(self, &is_behind_value)
                              : read_value(self, &is_behind_value)))
            return false;
    if (!settle(self, 1))
        return false;
    if (self->waiting_count > 0) {
        const struct waiting *open = &self->waiting[self->waiting_count - 1];

        return expression_fault(self, open->at, open->at + open->length, "",
                                "this is never closed");
    }
    const struct value *whole = &self->values[0];
    if (whole->kind != KIND_CONDITION)
        return expression_fault(self, whole->at, whole->end, "compare it with something",
                                "this is a number and no condition");
    if (self->input_count == 0)
        return expression_fault(self, whole->at, whole->end, "", "there is no point in it");
    return true;
}

/* As people are shown it. */
static const char *
one_line(char *text)
{
    for (char *at = text; at != NULL && *at != '\0'; at++)
        if (*at == '\n' || *at == '\r' || *at == '\t')
            *at = ' ';
    return text;
}

static void *
copy(struct arena *arena, const void *from, size_t count, size_t size)
{
    void *to = arena_array(arena, count == 0 ? 1 : count, size);

    if (to != NULL && count > 0)
        memcpy(to, from, count * size);
    return to;
}

bool
expressions_compile(struct arena *arena, const char *text, const struct expression_names *names,
                    struct expression_compiled *out, struct expression_fault *out_fault)
{
    struct compiler self = {.text = text, .names = names, .fault = out_fault};

    *out_fault = (struct expression_fault){0};
    if (strlen(text) > EXPRESSION_TEXT_MAX)
        return expression_fault(&self, 0, EXPRESSION_TEXT_MAX, "make two alarms of it",
                                "longer than %d characters", EXPRESSION_TEXT_MAX);
    if (!read_all(&self))
        return false;
    struct expression *expression = arena_alloc(arena, sizeof *expression);
    if (expression == NULL)
        return expression_fault(&self, 0, 1, "", "out of memory");
    *expression = (struct expression){
        .steps = copy(arena, self.steps, self.step_count, sizeof *self.steps),
        .constants = copy(arena, self.constants, self.constant_count, sizeof *self.constants),
        .clocks_ms = copy(arena, self.clocks_ms, self.clock_count, sizeof *self.clocks_ms),
        .step_count = (uint16_t)self.step_count,
        .constant_count = (uint16_t)self.constant_count,
        .input_count = (uint8_t)self.input_count,
        .clock_count = (uint8_t)self.clock_count,
        .text = one_line(arena_text(arena, text))};
    if (expression->steps == NULL || expression->constants == NULL ||
        expression->clocks_ms == NULL || expression->text == NULL)
        return expression_fault(&self, 0, 1, "", "out of memory");
    if (!expression_is_sound(expression))
        return expression_fault(&self, 0, strlen(text), "make two alarms of it",
                                "nested too deeply");
    out->expression = expression;
    memcpy(out->points, self.points, sizeof out->points);
    memcpy(out->defs, self.defs, sizeof out->defs);
    return true;
}
