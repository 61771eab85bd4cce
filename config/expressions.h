/*
 * expressions.h - the text of a condition over points, compiled for alerts/expression.h.
 *
 *     battery.charge < 50 and ups.output.source is battery for 30s
 *
 * From the loosest to the tightest: or; and; not; for; < <= > >= == !=; + -; * /; unary -. `is
 * LABEL`, `is not LABEL` and `is in (A, B)` ask for a state or a flag; a flag is a condition by
 * itself. abs(), min(), max(). A name reaches as far as its letters, so that - and / as operators
 * need blanks around them. No recursion: whatever the text, memory is bounded.
 */
#ifndef WATCHROOM_CONFIG_EXPRESSIONS_H
#define WATCHROOM_CONFIG_EXPRESSIONS_H

#include "alerts/expression.h"
#include "gateway/base/arena.h"
#include "gateway/base/point.h"

#define EXPRESSION_TEXT_MAX 1000

/* What names mean. `find` gives any number by which the caller knows the point, and what it is. */
enum found { FOUND, FOUND_NOT, FOUND_UNSURE }; /* unsure: told as a fault elsewhere */
struct expression_names {
    enum found (*find)(void *ctx, const char *name, uint32_t *out_point,
                       const struct point_def **out_def);
    void *ctx;
};

struct expression_compiled {
    struct expression *expression;
    uint32_t points[EXPRESSION_INPUTS_MAX]; /* by input, as the next */
    const struct point_def *defs[EXPRESSION_INPUTS_MAX];
};

struct expression_fault {
    size_t at, length; /* in the text */
    bool is_told;      /* FOUND_UNSURE: there is nothing more to say */
    char text[200];
    char hint[120]; /* may be empty */
};

/* False: the fault says why. */
bool expressions_compile(struct arena *arena, const char *text,
                         const struct expression_names *names, struct expression_compiled *out,
                         struct expression_fault *out_fault);

/* The value that a label, true, false or a number means for a point. */
bool expressions_value(const struct point_def *def, const char *text, double *out);

#endif
