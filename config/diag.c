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

static char *
copy(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

void
diag_add(struct diag *diag, enum diag_level level, const char *file, unsigned line, unsigned column,
         unsigned width, const char *source_line, const char *hint, const char *fmt, ...)
{
    char text[512];
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
    /* A long line was cut: the caret then stands at its end. */
    size_t before = entry->column == 0 ? 0 : entry->column - 1;
    size_t shown = strlen(entry->source_line);
    for (size_t i = 0; i < before && i < shown; i++)
        fputc(entry->source_line[i] == '\t' ? '\t' : ' ', out);
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
