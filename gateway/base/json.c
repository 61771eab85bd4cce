/*
 * json.c - jansson, and the one canonical form that is hashed and published.
 */
#include "gateway/base/json.h"

#include <math.h>
#include <stdio.h>

char *
json_canonical(const json_t *value)
{
    return json_dumps(value,
                      JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
}

json_t *
json_parse_object(const char *text, size_t length, char *reason, size_t reason_size)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

    if (value != NULL && json_is_object(value))
        return value;
    if (reason != NULL && value != NULL)
        snprintf(reason, reason_size, "not a JSON object");
    else if (reason != NULL)
        snprintf(reason, reason_size, "line %d column %d: %s", error.line, error.column,
                 error.text);
    json_decref(value);
    return NULL;
}

const char *
json_text_or(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : fallback;
}

int64_t
json_int_or(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *member = json_object_get(object, key);

    return json_is_integer(member) ? (int64_t)json_integer_value(member) : fallback;
}

json_t *
json_number_of(double value)
{
    if (!isfinite(value))
        return json_null();
    if (value == floor(value) && fabs(value) < 9e15)
        return json_integer((json_int_t)value);
    return json_real(value);
}
