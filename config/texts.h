/*
 * texts.h - the files that a configuration was made of, as they were read; and how two such sets
 * differ by what they mean.
 */
#ifndef WATCHROOM_CONFIG_TEXTS_H
#define WATCHROOM_CONFIG_TEXTS_H

#include "gateway/base/digest.h"
#include "gateway/base/err.h"

#define SITE_TEXT_NAME "site.yaml"
#define TEXTS_LINE_MAX 320

struct site_text {
    struct site_text *next;
    char *name; /* SITE_TEXT_NAME, or profiles/<kind>/<family>.yaml */
    char *text; /* with a NUL behind it */
    size_t bytes;
};

struct site_texts {
    struct site_text *first, *last;
};

/* Copies; `texts` NULL: nothing. False: out of memory. */
bool texts_add(struct site_texts *texts, const char *name, const char *text, size_t bytes);
const struct site_text *texts_find(const struct site_texts *texts, const char *name);
void texts_done(struct site_texts *texts);

/*
 * How `b` differs from `a` by meaning, a line of words each, e.g. "device ups-a added" or "device
 * ups-a, alarm on-battery, priority: 2 -> 1". Comments, blanks and the order of devices mean
 * nothing. Secrets are never shown. Returns the number of lines.
 */
size_t texts_compare(const struct site_texts *a, const struct site_texts *b,
                     void (*line)(void *ctx, const char *text), void *ctx);

/* Does a text hold secrets of its own: an SNMP community other than "public"? */
bool texts_has_secret(const struct site_text *text);

#endif
