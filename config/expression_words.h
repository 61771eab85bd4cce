/*
 * expression_words.h - the words of a condition; only for expressions.c and its reader of words.
 */
#ifndef WATCHROOM_CONFIG_EXPRESSION_WORDS_H
#define WATCHROOM_CONFIG_EXPRESSION_WORDS_H

#include "config/expressions.h"

#define WORD_BYTES_MAX (TOPIC_ID_MAX + 1)

enum word_kind {
    WORD_END,
    WORD_NAME, /* a point, a label, a duration: what it is depends on its place */
    WORD_NUMBER,
    WORD_OPEN,
    WORD_CLOSE,
    WORD_COMMA,
    WORD_PLUS,
    WORD_MINUS,
    WORD_TIMES,
    WORD_DIVIDE,
    WORD_LESS,
    WORD_LESS_EQUAL,
    WORD_GREATER,
    WORD_GREATER_EQUAL,
    WORD_EQUAL,
    WORD_NOT_EQUAL,
    WORD_AND,
    WORD_OR,
    WORD_NOT,
    WORD_IS,
    WORD_IN,
    WORD_FOR,
    WORD_TRUE,
    WORD_FALSE,
    WORD_ABS, /* functions last */
    WORD_MIN,
    WORD_MAX,
    WORD_BAD, /* told in the fault */
};

struct word_read {
    enum word_kind kind;
    size_t at, length;
    double number;             /* WORD_NUMBER */
    char text[WORD_BYTES_MAX]; /* as it was written */
};

/* The word at or behind `at`. */
struct word_read expression_word(const char *text, size_t at, struct expression_fault *fault);

#endif
