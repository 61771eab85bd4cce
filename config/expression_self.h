/*
 * expression_self.h - a condition while it is being compiled; only for expressions.c,
 * expression_points.c and expression_words.c.
 */
#ifndef WATCHROOM_CONFIG_EXPRESSION_SELF_H
#define WATCHROOM_CONFIG_EXPRESSION_SELF_H

#include "config/expression_words.h"

#define WAITING_MAX 64

enum kind { KIND_NUMBER, KIND_CONDITION };

struct value {
    enum kind kind;
    size_t at, end;
};

struct waiting {
    enum word_kind kind;
    uint8_t arguments; /* of a function's parenthesis: commas so far */
    bool is_negation;  /* WORD_MINUS with nothing to its left */
    size_t at, length;
};

struct compiler {
    const char *text;
    const struct expression_names *names;
    struct expression_fault *fault;
    struct word_read word; /* the next one */
    struct waiting waiting[WAITING_MAX];
    struct value values[EXPRESSION_STACK_MAX];
    unsigned waiting_count, value_count;

    struct expression_step steps[EXPRESSION_STEPS_MAX];
    double constants[EXPRESSION_STEPS_MAX];
    int64_t clocks_ms[EXPRESSION_CLOCKS_MAX];
    const struct point_def *defs[EXPRESSION_INPUTS_MAX];
    uint32_t points[EXPRESSION_INPUTS_MAX];
    unsigned step_count, constant_count, clock_count, input_count;
};

/* Each: false after a fault. */
bool expression_fault(struct compiler *self, size_t at, size_t end, const char *hint,
                      const char *fmt, ...) PRINTF_LIKE(5, 6);
/* "`what`, not "the word"". */
bool expression_fault_word(struct compiler *self, const char *hint, const char *what);
bool expression_next(struct compiler *self);
bool expression_add_step(struct compiler *self, enum expression_code code, size_t argument);
bool expression_push(struct compiler *self, enum kind kind, size_t at, size_t end);
bool expression_push_constant(struct compiler *self, double number);
/* expression_points.c: a point and what is asked of it. */
bool expression_read_point(struct compiler *self);

#endif
