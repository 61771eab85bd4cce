/*
 * expression_words.c - the text of a condition into words.
 */
#include "config/expression_words.h"

#include <string.h>

#include "gateway/base/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const struct {
    const char *text;
    enum word_kind kind;
} SIGNS[] = {
    {"<=", WORD_LESS_EQUAL}, {">=", WORD_GREATER_EQUAL}, {"==", WORD_EQUAL}, {"!=", WORD_NOT_EQUAL},
    {"<", WORD_LESS},        {">", WORD_GREATER},        {"(", WORD_OPEN},   {")", WORD_CLOSE},
    {",", WORD_COMMA},       {"+", WORD_PLUS},           {"-", WORD_MINUS},  {"*", WORD_TIMES},
    {"/", WORD_DIVIDE},
};

static const struct {
    const char *text;
    enum word_kind kind;
} KEYS[] = {
    {"and", WORD_AND}, {"or", WORD_OR},   {"not", WORD_NOT},   {"is", WORD_IS},
    {"in", WORD_IN},   {"for", WORD_FOR}, {"true", WORD_TRUE}, {"false", WORD_FALSE},
    {"abs", WORD_ABS}, {"min", WORD_MIN}, {"max", WORD_MAX},
};

static void
fault_at(struct word_read *word, struct expression_fault *fault, const char *what, const char *hint)
{
    word->kind = WORD_BAD;
    *fault = (struct expression_fault){.at = word->at, .length = word->length};
    text_copy(fault->text, sizeof fault->text, what);
    text_copy(fault->hint, sizeof fault->hint, hint);
}

/* Letters, and with a slash between them the point of a device. */
static size_t
name_length(const char *text)
{
    size_t length = strspn(text, LETTERS);

    if (length > 0 && text[length] == '/' && strspn(text + length + 1, LETTERS) > 0)
        length += 1 + strspn(text + length + 1, LETTERS);
    return length;
}

static void
read_name(struct word_read *word, const char *text, struct expression_fault *fault)
{
    if (word->length >= sizeof word->text) {
        fault_at(word, fault, "a name longer than any point's", "");
        return;
    }
    memcpy(word->text, text, word->length);
    word->text[word->length] = '\0';
    word->kind = WORD_NAME;
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (strcmp(KEYS[i].text, word->text) == 0)
            word->kind = KEYS[i].kind;
    if (text_parse_number(word->text, &word->number))
        word->kind = WORD_NUMBER;
}

struct word_read
expression_word(const char *text, size_t at, struct expression_fault *fault)
{
    at += strspn(text + at, " \t\r\n");

    struct word_read word = {.kind = WORD_END, .at = at};

    if (text[at] == '\0')
        return word;
    for (size_t i = 0; i < ARRAY_LEN(SIGNS); i++) {
        size_t length = strlen(SIGNS[i].text);

        if (strncmp(text + at, SIGNS[i].text, length) == 0) {
            word.kind = SIGNS[i].kind;
            word.length = length;
            memcpy(word.text, SIGNS[i].text, length + 1);
            return word;
        }
    }
    word.length = name_length(text + at);
    if (word.length > 0) {
        read_name(&word, text + at, fault);
        return word;
    }
    word.length = 1;
    while ((text[at + word.length] & 0xc0) == 0x80) /* the rest of a character */
        word.length++;
    fault_at(&word, fault, "no part of a condition",
             text[at] == '='                       ? "to compare, write =="
             : text[at] == '&' || text[at] == '|'  ? "write and, or"
             : text[at] == '!'                     ? "write not"
             : text[at] == '"' || text[at] == '\'' ? "labels are written without quotes"
                                                   : "");
    return word;
}
