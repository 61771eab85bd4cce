/*
 * text.c - checked text: ids, strict numbers, bounded building, "did you mean".
 */
#include "gateway/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool
is_id(const char *text, size_t length)
{
    if (length == 0 || length >= ID_MAX)
        return false;
    if ((length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.'))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_id_char(text[i]))
            return false;
    return true;
}

bool
text_is_id(const char *text)
{
    return is_id(text, strlen(text));
}

bool
text_is_point(const char *text)
{
    char lower[ID_MAX];

    if (strlen(text) >= sizeof lower)
        return false;
    for (size_t i = 0; i <= strlen(text); i++)
        lower[i] = text[i] == 'L' && text[i + 1] >= '0' && text[i + 1] <= '9' ? 'l' : text[i];
    return text_is_id(lower);
}

bool
text_is_path(const char *text)
{
    if (strlen(text) >= TOPIC_ID_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(text, "/");

        if (!is_id(text, length))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

bool
text_parse_int(const char *text, int64_t min, int64_t max, int64_t *out_value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    if (digits[0] < '0' || digits[0] > '9' || (digits[0] == '0' && digits[1] != '\0'))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < min || value > max)
        return false;
    *out_value = value;
    return true;
}

bool
text_parse_number(const char *text, double *out_value)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
        return false;
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '+' || (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'))
        return false;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out_value = value;
    return true;
}

static const struct {
    const char *suffix;
    int64_t ms;
} UNITS[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

bool
text_parse_duration_ms(const char *text, int64_t *out_ms)
{
    char number[24];
    size_t digits = strspn(text, "0123456789.");
    double value;

    if (digits == 0 || digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (!text_parse_number(number, &value))
        return false;
    if (text[digits] == '\0' && value == 0) {
        *out_ms = 0;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        double ms = value * (double)UNITS[i].ms;

        if (strcmp(text + digits, UNITS[i].suffix) != 0)
            continue;
        if (ms > 3.2e12 || ms != floor(ms)) /* a hundred years; no fraction of a millisecond */
            return false;
        *out_ms = (int64_t)ms;
        return true;
    }
    return false;
}

void
text_format_duration(int64_t ms, char *out, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
        if (ms != 0 && ms % UNITS[i].ms == 0) {
            snprintf(out, size, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].suffix);
            return;
        }
    snprintf(out, size, "0s");
}

unsigned
text_distance(const char *a, const char *b, unsigned cap)
{
    unsigned row[ID_MAX + 1];
    size_t length_a = strlen(a), length_b = strlen(b);

    if (length_b > ID_MAX || length_a > ID_MAX)
        return cap + 1;
    for (unsigned j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= length_b; j++) {
            unsigned substituted = diagonal + (a[i - 1] != b[j - 1]);
            unsigned best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = substituted < best ? substituted : best;
        }
    }
    return row[length_b] > cap ? cap + 1 : row[length_b];
}

const char *
text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t third = strlen(word) / 3;
    unsigned best = third < 1 ? 1 : third > 2 ? (unsigned)third : 2;
    const char *nearest = NULL;

    for (size_t i = 0; i < count; i++) {
        unsigned distance = text_distance(word, candidates[i], best);

        if (distance <= best && (nearest == NULL || distance < best)) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

bool
text_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    bool fits = length < size;

    if (size == 0)
        return false;
    if (!fits)
        length = size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
    return fits;
}

/* Length of the well-formed clean character at `s`, or 0. RFC 3629, table of section 4. */
static size_t
utf8_char(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char lead_min, lead_max, next_min, next_max, length;
    } FORMS[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    if (s[0] < 0x80)
        return s[0] == '\t' || (s[0] >= 0x20 && s[0] != 0x7F) ? 1 : 0;
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        if (s[0] < FORMS[i].lead_min || s[0] > FORMS[i].lead_max)
            continue;
        if (left < FORMS[i].length || s[1] < FORMS[i].next_min || s[1] > FORMS[i].next_max)
            return 0;
        for (size_t k = 2; k < FORMS[i].length; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        if (FORMS[i].length == 2 && s[0] == 0xC2 && s[1] < 0xA0)
            return 0; /* C1 control characters */
        return FORMS[i].length;
    }
    return 0;
}

bool
text_is_clean_utf8(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t i = 0; i < length;) {
        size_t step = utf8_char(s + i, length - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

void
text_clean(char *out, size_t size, const void *bytes, size_t length)
{
    const unsigned char *s = bytes;
    size_t used = 0;

    if (size == 0)
        return;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_char(s + i, length - i);
        size_t need = step == 0 ? 1 : step;

        if (used + need >= size)
            break;
        if (step == 0)
            out[used] = '?';
        else
            memcpy(out + used, s + i, step);
        used += need;
        i += need;
    }
    out[used] = '\0';
}

void
text_buf_init(struct text_buf *buf, size_t limit)
{
    *buf = (struct text_buf){.limit = limit};
}

static bool
make_room(struct text_buf *buf, size_t more)
{
    if (buf->failed || buf->length + more + 1 > buf->limit) {
        buf->failed = true;
        return false;
    }
    if (buf->length + more + 1 <= buf->capacity)
        return true;

    size_t capacity = buf->capacity < 256 ? 256 : buf->capacity;
    while (capacity < buf->length + more + 1)
        capacity *= 2;
    char *grown = realloc(buf->data, capacity);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = grown;
    buf->capacity = capacity;
    return true;
}

void
text_buf_add(struct text_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0 || !make_room(buf, (size_t)need))
        return;
    va_start(args, fmt);
    vsnprintf(buf->data + buf->length, (size_t)need + 1, fmt, args);
    va_end(args);
    buf->length += (size_t)need;
}

void
text_buf_add_bytes(struct text_buf *buf, const void *bytes, size_t length)
{
    if (!make_room(buf, length))
        return;
    memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void
text_buf_reset(struct text_buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void
text_buf_done(struct text_buf *buf)
{
    free(buf->data);
    *buf = (struct text_buf){.limit = buf->limit};
}
