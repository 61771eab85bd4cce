/*
 * console_text.c - text from the wire on its way to a terminal.
 */
#include "gateway/console/console_text.h"

#include <stdlib.h>
#include <string.h>

/* Well-formed by RFC 3629: its length, else 0. */
static size_t
decode(const unsigned char *s, uint32_t *out)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80                   ? 1
                    : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                    : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                  : 0;

    if (length <= 1) {
        *out = s[0];
        return length;
    }
    uint32_t value = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) /* the NUL at the end is none either */
            return 0;
        value = value << 6 | (s[i] & 0x3fu);
    }
    if (value < LEAST[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *out = value;
    return length;
}

uint32_t
console_text_next(const char **at)
{
    uint32_t value;

    if (**at == '\0')
        return 0;
    size_t length = decode((const unsigned char *)*at, &value);
    if (length == 0) {
        (*at)++;
        return '?';
    }
    *at += length;
    return value;
}

/* Controls, and characters without a shape that change how others are shown. */
static bool
is_harmful(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } RANGES[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},
        {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xf8ff},
        {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
    };

    for (size_t i = 0; i < ARRAY_LEN(RANGES); i++)
        if (c >= RANGES[i].first && c <= RANGES[i].last)
            return true;
    return false;
}

void
console_text_clean(char *out, size_t size, const char *text)
{
    size_t used = 0;

    if (size == 0)
        return;
    while (*text != '\0') {
        const char *start = text;
        uint32_t c = console_text_next(&text);
        size_t length = (size_t)(text - start);

        if (c == '\n' || c == '\r' || c == '\t')
            c = ' ';
        else if (is_harmful(c))
            c = '?';
        if (c < 0x80)
            length = 1;
        if (used + length >= size)
            break;
        if (c < 0x80)
            out[used] = (char)c;
        else
            memcpy(out + used, start, length);
        used += length;
    }
    out[used] = '\0';
}

char *
console_text_copy(const char *text, size_t max)
{
    size_t size = strnlen(text, max) + 1;
    char *copy = malloc(size);

    if (copy != NULL)
        console_text_clean(copy, size, text);
    return copy;
}

int
console_text_glyph(uint32_t character, wchar_t *out_glyph)
{
    char bytes[64];
    mbstate_t state = {0};

    *out_glyph = (wchar_t)character;
    if (character >= 0x20 && character < 0x7f)
        return 1;
    *out_glyph = L'?';
    if (is_harmful(character) || wcrtomb(bytes, (wchar_t)character, &state) == (size_t)-1)
        return 1;
    int columns = wcwidth((wchar_t)character);
    if (columns < 0 || columns > 2)
        return 1;
    *out_glyph = (wchar_t)character;
    return columns;
}

int
console_text_columns(const char *text)
{
    int columns = 0;
    wchar_t glyph;

    for (uint32_t c; (c = console_text_next(&text)) != 0;)
        columns += console_text_glyph(c, &glyph);
    return columns;
}

bool
console_text_contains(const char *text, const char *part)
{
    return text != NULL && strcasestr(text, part) != NULL;
}

size_t
console_text_fit(const char *text, int columns)
{
    const char *at = text, *blank = NULL;
    int used = 0;
    wchar_t glyph;

    while (*at != '\0') {
        const char *before = at;
        int width = console_text_glyph(console_text_next(&at), &glyph);

        if (used + width > columns)
            return (size_t)((blank != NULL ? blank : before) - text);
        used += width;
        if (glyph == L' ')
            blank = before;
    }
    return (size_t)(at - text);
}
