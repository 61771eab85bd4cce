/*
 * expression_points.c - the points of a condition, and the labels that are asked of them.
 */
#include <stdio.h>
#include <string.h>

#include "config/expression_self.h"
#include "gateway/base/text.h"

bool
expressions_value(const struct point_def *def, const char *text, double *out)
{
    for (uint16_t i = 0; i < def->label_count; i++)
        if (strcmp(def->labels[i].label, text) == 0) {
            *out = def->labels[i].value;
            return true;
        }
    if (def->kind == VALUE_FLAG && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        *out = strcmp(text, "true") == 0;
        return true;
    }
    return text_parse_number(text, out);
}

/* Does a point end where a sign in the name could have been meant as an operator? */
static bool
lacks_blanks(struct compiler *self, const char *name)
{
    const struct point_def *def;
    char front[WORD_BYTES_MAX];
    uint32_t point;

    for (size_t i = 1; name[i] != '\0'; i++) {
        if (name[i] != '-' && name[i] != '/')
            continue;
        memcpy(front, name, i);
        front[i] = '\0';
        if (self->names->find(self->names->ctx, front, &point, &def) == FOUND)
            return true;
    }
    return false;
}

static bool
find_input(struct compiler *self, unsigned *out_input)
{
    const struct word_read *word = &self->word;
    size_t end = word->at + word->length;
    const struct point_def *def = NULL;
    uint32_t point = 0;

    switch (self->names->find(self->names->ctx, word->text, &point, &def)) {
    case FOUND:
        break;
    case FOUND_NOT:
        return expression_fault(
            self, word->at, end,
            lacks_blanks(self, word->text) ? "as operators, - and / need blanks around" : "",
            "there is no point \"%s\"", word->text);
    case FOUND_UNSURE:
        (void)expression_fault(self, word->at, end, "", "a point with faults of its own");
        self->fault->is_told = true;
        return false;
    }
    if (def->kind == VALUE_TEXT)
        return expression_fault(self, word->at, end, "", "%s is text, nothing to judge",
                                word->text);
    for (unsigned i = 0; i < self->input_count; i++)
        if (self->points[i] == point) {
            *out_input = i;
            return true;
        }
    if (self->input_count == EXPRESSION_INPUTS_MAX)
        return expression_fault(self, word->at, end, "make two alarms of it", "more than %d points",
                                EXPRESSION_INPUTS_MAX);
    self->points[self->input_count] = point;
    self->defs[self->input_count] = def;
    *out_input = self->input_count++;
    return true;
}

/* A label behind is, is not, is in: "the input equals it". */
static bool
read_label(struct compiler *self, unsigned input)
{
    const struct point_def *def = self->defs[input];
    const struct word_read *word = &self->word;
    size_t end = word->at + word->length;
    double value;

    if (word->kind == WORD_BAD)
        return false;
    if (word->kind == WORD_END || word->kind == WORD_OPEN || word->kind == WORD_CLOSE)
        return expression_fault_word(self, "", "a label belongs here");
    if (!expressions_value(def, word->text, &value)) {
        const char *known[64];
        size_t count = 0;

        for (uint16_t i = 0; i < def->label_count && count < ARRAY_LEN(known); i++)
            known[count++] = def->labels[i].label;
        const char *nearest = text_nearest(word->text, known, count);
        char hint[120] = "";
        if (nearest != NULL)
            snprintf(hint, sizeof hint, "did you mean \"%.80s\"?", nearest);
        return expression_fault(self, word->at, end, hint, "\"%s\" is no label of %s", word->text,
                                def->id);
    }
    return expression_add_step(self, EXPRESSION_INPUT, input) &&
           expression_push_constant(self, value) &&
           expression_add_step(self, EXPRESSION_EQUAL, 0) && expression_next(self);
}

static bool
read_labels(struct compiler *self, unsigned input)
{
    if (self->word.kind != WORD_IN)
        return read_label(self, input);
    if (!expression_next(self))
        return false;
    if (self->word.kind != WORD_OPEN)
        return expression_fault_word(self, "is in (A, B)", "a list in parentheses belongs here");
    for (unsigned count = 0; count == 0 || self->word.kind == WORD_COMMA; count++)
        if (!expression_next(self) || !read_label(self, input) ||
            (count > 0 && !expression_add_step(self, EXPRESSION_OR, 0)))
            return false;
    if (self->word.kind != WORD_CLOSE)
        return expression_fault_word(self, "", "a comma or ) belongs here");
    return expression_next(self);
}

bool
expression_read_point(struct compiler *self)
{
    size_t at = self->word.at, end = at + self->word.length;
    unsigned input = 0;

    if (!find_input(self, &input) || !expression_next(self))
        return false;
    const struct point_def *def = self->defs[input];
    if (self->word.kind != WORD_IS) {
        if (def->kind == VALUE_STATE)
            return expression_fault(self, at, end, "POINT is LABEL", "%s is a state: ask which one",
                                    def->id);
        return expression_push(self, def->kind == VALUE_FLAG ? KIND_CONDITION : KIND_NUMBER, at,
                               end) &&
               expression_add_step(self, EXPRESSION_INPUT, input);
    }
    if (def->kind == VALUE_NUMBER)
        return expression_fault(self, self->word.at, self->word.at + self->word.length,
                                "compare it: < > ==", "%s is a number, \"is\" asks for a state",
                                def->id);
    if (!expression_next(self))
        return false;
    bool is_not = self->word.kind == WORD_NOT;
    if (is_not && !expression_next(self))
        return false;
    /* Depth: a list needs three values at once beside those that wait. */
    if (self->value_count + 3 > EXPRESSION_STACK_MAX)
        return expression_fault(self, at, end, "make two alarms of it",
                                "nested deeper than %d values", EXPRESSION_STACK_MAX);
    if (!read_labels(self, input) || (is_not && !expression_add_step(self, EXPRESSION_NOT, 0)))
        return false;
    return expression_push(self, KIND_CONDITION, at, end);
}
