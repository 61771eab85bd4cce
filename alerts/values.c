/*
 * values.c - the latest value of each point as JSON.
 */
#include "alerts/values.h"

#include <stdlib.h>
#include <string.h>

#include "alerts/json_write.h"
#include "gateway/base/hash.h"

struct text_entry {
    UT_hash_handle hh;
    struct text_value value; /* key: value.point */
};

struct values {
    const struct directory *directory;
    const struct engine *engine;
    struct text_entry *texts; /* text points are few; there is one entry for each at most */
};

struct values *
values_new(const struct directory *directory, const struct engine *engine)
{
    struct values *values = calloc(1, sizeof *values);

    if (values != NULL) {
        values->directory = directory;
        values->engine = engine;
    }
    return values;
}

void
values_free(struct values *values)
{
    struct text_entry *entry, *next;

    if (values == NULL)
        return;
    HASH_ITER(hh, values->texts, entry, next)
    {
        HASH_DEL(values->texts, entry);
        free(entry);
    }
    free(values);
}

bool
values_take_text(struct values *values, const struct text_value *text)
{
    const struct point_ref *ref = directory_point(values->directory, text->point);
    struct text_entry *entry;

    if (ref == NULL || ref->def->kind != VALUE_TEXT)
        return false;
    HASH_FIND(hh, values->texts, &text->point, sizeof text->point, entry);
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL)
            return false;
        entry->value.point = text->point;
        HASH_ADD(hh, values->texts, value.point, sizeof entry->value.point, entry);
        if (entry->hh.tbl == NULL) {
            free(entry);
            return false;
        }
    }
    entry->value = *text;
    text_clean(entry->value.text, sizeof entry->value.text, text->text,
               strnlen(text->text, sizeof text->text));
    return true;
}

static void
write_text_point(const struct values *values, uint32_t point, const char *name,
                 struct text_buf *out)
{
    const struct text_entry *entry;

    HASH_FIND(hh, values->texts, &point, sizeof point, entry);
    json_write_text(
        out, "cause",
        cause_name(entry != NULL ? (enum cause)entry->value.cause : CAUSE_NOT_YET_READ));
    json_write_text(out, "point", name);
    json_write_text(out, "quality",
                    quality_name(entry != NULL ? (enum quality)entry->value.quality : QUALITY_BAD));
    if (entry != NULL)
        json_write_integer(out, "ts", entry->value.utc_ms);
    json_write_text(out, "unit", "");
    json_write_key(out, "value");
    if (entry != NULL)
        json_write_string(out, entry->value.text);
    else
        text_buf_add_bytes(out, "null", 4);
}

static void
write_judged_point(const struct values *values, uint32_t point, const struct point_def *def,
                   const char *name, struct text_buf *out)
{
    struct sample sample = {.quality = QUALITY_BAD, .cause = CAUSE_NOT_YET_READ};
    bool is_read = engine_latest(values->engine, point, &sample);
    bool has_value = is_read && sample.quality != QUALITY_BAD; /* never the last good number */
    const char *label = has_value ? point_label(def, sample.value) : NULL;

    json_write_text(out, "cause", cause_name((enum cause)sample.cause));
    if (label != NULL)
        json_write_text(out, "label", label);
    json_write_text(out, "point", name);
    json_write_text(out, "quality", quality_name((enum quality)sample.quality));
    if (is_read)
        json_write_integer(out, "ts", sample.utc_ms);
    json_write_text(out, "unit", def->unit != NULL ? def->unit : "");
    json_write_key(out, "value");
    if (has_value)
        json_write_number(out, sample.value);
    else
        text_buf_add_bytes(out, "null", 4);
}

bool
values_write(const struct values *values, uint32_t point, struct text_buf *out)
{
    const struct point_ref *ref = directory_point(values->directory, point);
    char name[TOPIC_ID_MAX];

    if (ref == NULL)
        return false;
    directory_point_name(values->directory, point, name);
    text_buf_add_bytes(out, "{", 1);
    if (ref->def->kind == VALUE_TEXT)
        write_text_point(values, point, name, out);
    else
        write_judged_point(values, point, ref->def, name, out);
    text_buf_add_bytes(out, "}", 1);
    return true;
}
