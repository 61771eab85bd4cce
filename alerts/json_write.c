/*
 * json_write.c - canonical JSON written straight into a text.
 */
#include "alerts/json_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/json.h"

#define ADD(out, literal) text_buf_add_bytes((out), (literal), sizeof(literal) - 1)

/* As jansson escapes it. */
static void
write_escape(struct text_buf *out, unsigned char c)
{
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char code[8];

    for (size_t i = 0; SHORT[i] != '\0'; i += 2)
        if (c == (unsigned char)SHORT[i]) {
            text_buf_add_bytes(out, (const char[]){'\\', SHORT[i + 1]}, 2);
            return;
        }
    snprintf(code, sizeof code, "\\u%04X", c);
    text_buf_add_bytes(out, code, 6);
}

void
json_write_string(struct text_buf *out, const char *text)
{
    const unsigned char *from = (const unsigned char *)text, *at = from;
    char clean[1024];
    bool has_high = false;

    for (; *at != '\0'; at++)
        has_high |= *at >= 0x80;
    if (has_high && !text_is_clean_utf8(text, (size_t)(at - from))) {
        text_clean(clean, sizeof clean, text, (size_t)(at - from));
        from = (const unsigned char *)clean;
    }
    ADD(out, "\"");
    for (at = from; *at != '\0'; at++) {
        if (*at >= 0x20 && *at != '"' && *at != '\\')
            continue;
        text_buf_add_bytes(out, from, (size_t)(at - from));
        write_escape(out, *at);
        from = at + 1;
    }
    text_buf_add_bytes(out, from, (size_t)(at - from));
    ADD(out, "\"");
}

void
json_write_int(struct text_buf *out, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        *--at = '-';
    text_buf_add_bytes(out, at, (size_t)(digits + sizeof digits - at));
}

void
json_write_number(struct text_buf *out, double value)
{
    if (!isfinite(value)) {
        ADD(out, "null");
    } else if (value == floor(value) && fabs(value) < 9e15) {
        json_write_int(out, (int64_t)value);
    } else { /* rare enough to leave the writing of reals to the library */
        json_t *number = json_real(value);
        char *text = number != NULL ? json_canonical(number) : NULL;

        text_buf_add(out, "%s", text != NULL ? text : "null");
        free(text);
        json_decref(number);
    }
}

void
json_write_key(struct text_buf *out, const char *key)
{
    if (out->length > 0 && out->data[out->length - 1] != '{')
        ADD(out, ",");
    ADD(out, "\"");
    text_buf_add_bytes(out, key, strlen(key));
    ADD(out, "\":");
}

void
json_write_text(struct text_buf *out, const char *key, const char *text)
{
    json_write_key(out, key);
    json_write_string(out, text);
}

void
json_write_integer(struct text_buf *out, const char *key, int64_t value)
{
    json_write_key(out, key);
    json_write_int(out, value);
}

void
json_write_flag(struct text_buf *out, const char *key, bool value)
{
    json_write_key(out, key);
    text_buf_add_bytes(out, value ? "true" : "false", value ? 4 : 5);
}
