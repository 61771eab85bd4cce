/*
 * vocabulary.h - every standard point with its unit, kind and meaning: one word for one thing.
 *
 * Names of power points follow the variable names of Network UPS Tools (docs/nut-names.txt there),
 * extended in the same manner for generators, doors, cameras. {n} stands for a number.
 */
#ifndef WATCHROOM_CONFIG_VOCABULARY_H
#define WATCHROOM_CONFIG_VOCABULARY_H

#include <stdio.h>

#include "gateway/base/point.h"

struct word {
    const char *pattern;
    const char *unit;
    enum value_kind kind;
    const char *meaning;
};

/* NULL: not a standard point. */
const struct word *vocabulary_find(const char *id);
/* The nearest standard point to a misspelt one, or NULL. */
const char *vocabulary_nearest(const char *id);
/* The table of docs/configuration.md. */
void vocabulary_print(FILE *out);

#endif
