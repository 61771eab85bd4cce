/*
 * lists.c - numbers and texts that stand alone or in a list.
 */
#include "config/lists.h"

#include <string.h>

#include "gateway/base/text.h"

static bool
add_number(const struct schema_reader *reader, struct fy_node *node, double *numbers, size_t *count)
{
    const char *text = yaml_text(node);
    const char *dots = text == NULL ? NULL : strstr(text, "..");
    char first_text[32];
    double first, last;

    if (dots != NULL && (size_t)(dots - text) < sizeof first_text) {
        memcpy(first_text, text, (size_t)(dots - text));
        first_text[dots - text] = '\0';
        if (text_parse_number(first_text, &first) && text_parse_number(dots + 2, &last) &&
            first <= last && last - first < LISTS_MAX &&
            *count + (size_t)(last - first) < LISTS_MAX) {
            for (double value = first; value <= last; value++)
                numbers[(*count)++] = value;
            return true;
        }
    } else if (text != NULL && *count < LISTS_MAX && text_parse_number(text, &numbers[*count])) {
        (*count)++;
        return true;
    }
    yaml_fault(reader->yaml, node, "decimal, or first..last",
               "\"%s\" is no number, or one too many", text == NULL ? "?" : text);
    return false;
}

bool
lists_read_numbers(const struct schema_reader *reader, struct fy_node *node, const double **out,
                   uint8_t *out_count)
{
    double numbers[LISTS_MAX];
    size_t count = 0;
    bool good = true;

    if (node == NULL)
        return true;
    if (yaml_is_list(node)) {
        YAML_EACH_ITEM(item, node)
        {
            good = add_number(reader, item, numbers, &count) && good;
        }
    } else {
        good = add_number(reader, node, numbers, &count);
    }
    double *copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    if (count > 0)
        memcpy(copy, numbers, count * sizeof *copy);
    *out = copy;
    *out_count = (uint8_t)count;
    return good;
}

bool
lists_read_texts(const struct schema_reader *reader, struct fy_node *node, const char *const **out,
                 uint8_t *out_count)
{
    const char *texts[LISTS_MAX];
    uint8_t count = 0;

    if (node == NULL)
        return true;
    if (!yaml_is_list(node)) {
        texts[count++] = yaml_text(node);
    } else {
        YAML_EACH_ITEM(item, node)
        {
            if (count < LISTS_MAX)
                texts[count++] = yaml_text(item);
        }
    }
    const char **copy = arena_array(reader->arena, count, sizeof *copy);
    if (copy == NULL)
        return false;
    for (uint8_t i = 0; i < count; i++) {
        if (texts[i] == NULL) {
            yaml_fault(reader->yaml, node, NULL, "needs texts");
            return false;
        }
        copy[i] = arena_text(reader->arena, texts[i]);
    }
    *out = copy;
    *out_count = count;
    return true;
}
