/*
 * fuzz_texts.c - however two configurations differ, it is said in clean lines. The input is two
 * texts with a NUL between.
 */
#include <stdlib.h>
#include <string.h>

#include "config/texts.h"
#include "gateway/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void
take(void *ctx, const char *text)
{
    size_t *count = ctx;

    if (strlen(text) >= TEXTS_LINE_MAX || !text_is_clean_utf8(text, strlen(text)))
        abort();
    (*count)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    const uint8_t *between = memchr(input, 0, length);
    size_t first = between == NULL ? length : (size_t)(between - input), count = 0;
    size_t second = between == NULL ? 0 : length - first - 1;
    struct site_texts a = {0}, b = {0};

    if (texts_add(&a, SITE_TEXT_NAME, (const char *)input, first) &&
        texts_add(&b, SITE_TEXT_NAME, second == 0 ? "" : (const char *)between + 1, second)) {
        if (texts_compare(&a, &b, take, &count) != count)
            abort();
        (void)texts_has_secret(a.first);
        count = 0;
        if (texts_compare(&a, &a, take, &count) != 0 || count != 0)
            abort();
    }
    texts_done(&a);
    texts_done(&b);
    return 0;
}
