/*
 * diag.c - what is wrong with a file, all of it, with the place.
 */
#include "config/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
diag_init(struct diag *diag)
{
    *diag = (struct diag){0};
}

void
diag_done(struct diag *diag)
{
    for (size_t i = 0; i < diag->count; i++) {
        free(diag->entries[i].file);
        free(diag->entries[i].text);
        free(diag->entries[i].hint);
        free(diag->entries[i].source_line);
    }
    free(diag->entries);
    *diag = (struct diag){0};
}

/* A text that was cut ends with a whole character: JSON takes no other. */
static void
end_whole(char *text, size_t size)
{
    size_t length = strlen(text), start = length;

    if (length + 1 < size)
        return; /* nothing was cut */
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t whole = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length - (start - 1) < whole)
        text[start - 1] = '\0';
}

static char *
copy(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

void
diag_add(struct diag *diag, enum diag_level level, const char *file, unsigned line, unsigned column,
         unsigned width, const char *source_line, const char *hint, const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    va_list args;

    if (level == DIAG_ERROR)
        diag->errors++;
    else
        diag->warnings++;
    if (diag->count == DIAG_MAX)
        return;
    if (diag->count == diag->capacity) {
        size_t capacity = diag->capacity == 0 ? 16 : diag->capacity * 2;
        struct diag_entry *grown = realloc(diag->entries, capacity * sizeof *grown);

        if (grown == NULL)
            return; /* counted all the same */
        diag->entries = grown;
        diag->capacity = capacity;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    end_whole(text, sizeof text);
    diag->entries[diag->count++] = (struct diag_entry){.level = level,
                                                       .file = copy(file),
                                                       .text = copy(text),
                                                       .hint = copy(hint),
                                                       .source_line = copy(source_line),
                                                       .line = line,
                                                       .column = column,
                                                       .width = width};
}

static int
compare(const void *a, const void *b)
{
    const struct diag_entry *left = a, *right = b;
    int by_file = strcmp(left->file, right->file);

    if (by_file != 0)
        return by_file;
    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    if (left->column != right->column)
        return left->column < right->column ? -1 : 1;
    return strcmp(left->text, right->text);
}

static void
print_place(const struct diag_entry *entry, FILE *out)
{
    if (entry->source_line == NULL || entry->line == 0)
        return;
    fprintf(out, "%6u | %s\n       | ", entry->line, entry->source_line);
    /* Columns are characters, of which some are several bytes. A long line was cut: the caret then
     * stands at its end. */
    size_t before = entry->column == 0 ? 0 : entry->column - 1, shown = 0;
    for (const char *at = entry->source_line; *at != '\0'; at++) {
        if (((unsigned char)*at & 0xc0) == 0x80)
            continue;
        if (shown++ < before)
            fputc(*at == '\t' ? '\t' : ' ', out);
    }
    fputc('^', out);
    for (unsigned i = 1; i < entry->width && i < 60 && before < shown; i++)
        fputc('~', out);
    fputc('\n', out);
}

void
diag_print(struct diag *diag, FILE *out)
{
    if (diag->count > 0)
        qsort(diag->entries, diag->count, sizeof diag->entries[0], compare);
    for (size_t i = 0; i < diag->count; i++) {
        const struct diag_entry *entry = &diag->entries[i];

        fprintf(out, "%s:%u:%u: %s: %s", entry->file, entry->line, entry->column,
                entry->level == DIAG_ERROR ? "error" : "warning", entry->text);
        if (entry->hint != NULL)
            fprintf(out, " (%s)", entry->hint);
        fputc('\n', out);
        print_place(entry, out);
    }
    if (diag->errors + diag->warnings > diag->count)
        fprintf(out, "... and %zu more\n", diag->errors + diag->warnings - diag->count);
}
