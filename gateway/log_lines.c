/*
 * log_lines.c - one row of the journal as one line for people, by its kind.
 */
#include "gateway/log_lines.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/cmd_common.h"

struct line {
    char *out;
    size_t size, used;
};

static void add(struct line *line, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
add(struct line *line, const char *fmt, ...)
{
    va_list args;
    int written;

    if (line->used >= line->size)
        return;
    va_start(args, fmt);
    written = vsnprintf(line->out + line->used, line->size - line->used, fmt, args);
    va_end(args);
    if (written > 0)
        line->used += (size_t)written;
}

static const char *
text(const json_t *body, const char *key)
{
    return json_text_or(body, key, "");
}

static long long
number(const json_t *body, const char *key)
{
    return (long long)json_int_or(body, key, 0);
}

/* ": <member>", when it says anything. */
static void
add_if(struct line *line, const char *before, const char *value, const char *behind)
{
    if (value[0] != '\0')
        add(line, "%s%s%s", before, value, behind);
}

static void
add_list(struct line *line, const json_t *list, const char *between)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item) add(line, "%s%s", index > 0 ? between : "",
                                              json_is_string(item) ? json_string_value(item) : "?");
}

static void
add_time(struct line *line, const char *before, const json_t *body, const char *key)
{
    char when[24];

    if (json_int_or(body, key, 0) == 0)
        return;
    common_format_local(json_int_or(body, key, 0), when, sizeof when);
    add(line, "%s%s", before, when);
}

/* occ: 3, or [3, 5] */
static void
add_occurrence(struct line *line, const json_t *occ)
{
    long long from = json_integer_value(json_array_get(occ, 0));
    long long to = json_integer_value(json_array_get(occ, 1));

    if (json_is_integer(occ))
        add(line, " #%lld", (long long)json_integer_value(occ));
    else if (json_is_array(occ) && from == to)
        add(line, " #%lld", from);
    else if (json_is_array(occ))
        add(line, " #%lld to #%lld", from, to);
}

/* the kinds */

static void
of_alarm(struct line *line, const json_t *body)
{
    const json_t *alarm = json_object_get(body, "alarm");

    add(line, "P%lld %s: ", (long long)json_int_or(alarm, "priority", 4),
        json_text_or(alarm, "id", "?"));
    add_list(line, json_object_get(body, "change"), " ");
    add_if(line, " by ", text(body, "by"), "");
    add(line, " - %s", text(alarm, "text"));
}

static void
of_command(struct line *line, const json_t *body)
{
    char age[24];

    add(line, "%s (%s, %s) %s", text(body, "user"), text(body, "role"), text(body, "source"),
        text(body, "verb"));
    add_if(line, " ", text(body, "id"), "");
    add_occurrence(line, json_object_get(body, "occ"));
    if (json_int_or(body, "duration_s", 0) > 0) {
        common_format_age(json_int_or(body, "duration_s", 0) * 1000, age, sizeof age);
        add(line, " for %s", age);
    }
    add_time(line, " until ", body, "until");
    add_if(line, " with ", text(body, "second"), "");
    add(line, ": %s", text(body, "code"));
    if (json_int_or(body, "count", 1) > 1)
        add(line, " %lld times", number(body, "count"));
    add_if(line, ", ", text(body, "error"), "");
    add_if(line, ", waits for ", text(body, "awaiting"), "");
    add_if(line, " - ", text(body, "note"), "");
}

static void
of_comment(struct line *line, const json_t *body)
{
    add(line, "%s (%s) on %s", text(body, "by"), text(body, "role"), text(body, "id"));
    add_occurrence(line, json_object_get(body, "occ"));
    add(line, ": %s", text(body, "note"));
}

static void
of_device(struct line *line, const json_t *body)
{
    bool is_down = strcmp(text(body, "health"), "down") == 0;

    add(line, "%s %s", text(body, "device"), is_down ? "does not answer" : "answers again");
    add_if(line, ": ", text(body, "reason"), "");
    if (is_down && json_int_or(body, "missed", 0) > 0)
        add(line, ", %lld polls missed", number(body, "missed"));
}

static void
of_worker(struct line *line, const json_t *body)
{
    add(line, "%s %s, pid %lld", text(body, "worker"), text(body, "change"), number(body, "pid"));
    if (json_int_or(body, "status", 0) != 0)
        add(line, ", status %lld", number(body, "status"));
    if (json_int_or(body, "restarts", 0) > 0)
        add(line, ", restart %lld", number(body, "restarts"));
}

static void
of_generation(struct line *line, const json_t *body)
{
    const json_t *by = json_object_get(body, "by");

    if (!json_is_true(json_object_get(body, "accepted"))) {
        add(line, "a configuration was refused, %lld stays: ", number(body, "generation"));
        add_list(line, json_object_get(body, "faults"), "; ");
    } else if (json_is_true(json_object_get(body, "unchanged"))) {
        add(line, "configuration %lld, unchanged", number(body, "generation"));
    } else {
        add(line, "configuration %lld, %.12s", number(body, "generation"), text(body, "digest"));
        if (json_int_or(body, "changes_total", 0) > 0)
            add(line, ", %lld change%s: ", number(body, "changes_total"),
                number(body, "changes_total") == 1 ? "" : "s");
        add_list(line, json_object_get(body, "changes"), "; ");
    }
    add_if(line, " (by ", text(by, "source"), "");
    if (text(by, "source")[0] != '\0')
        add(line, "%s%s)", text(by, "user")[0] != '\0' ? ", " : "", text(by, "user"));
}

static void
of_start(struct line *line, const json_t *body)
{
    add(line, "version %s, configuration %lld, pid %lld", text(body, "version"),
        number(body, "generation"), number(body, "pid"));
    add_if(line, "; the old journal was not sound and is kept as ", text(body, "quarantined"), "");
    add_if(line, " (", text(body, "quarantine_reason"), ")");
}

static void
of_stop(struct line *line, const json_t *body)
{
    add(line, "%s", text(body, "reason"));
}

static void
of_unjournalled(struct line *line, const json_t *body)
{
    add(line, "rows %lld to %lld were told and are not on record", number(body, "from"),
        number(body, "to"));
    add_if(line, ": ", text(body, "reason"), "");
}

static void
of_checkpoint(struct line *line, const json_t *body)
{
    add(line, "all before is signed, key %.12s", text(body, "key"));
    if (json_int_or(body, "pruned_to", 0) > 0)
        add(line, "; rows up to %lld go for their age", number(body, "pruned_to"));
}

static void
of_note(struct line *line, const json_t *body)
{
    const char *what = text(body, "what");

    if (strcmp(what, "event-gap") == 0) {
        add(line, "changes of collector %s never arrived: %lld to %lld", text(body, "collector"),
            number(body, "from"), number(body, "to"));
    } else if (strcmp(what, "unconfirmed-command") == 0) {
        add(line, "the broker did not confirm %s", text(body, "id"));
        add_occurrence(line, json_object_get(body, "occ"));
        add(line, ": %s: %s", text(body, "command"), text(body, "result"));
    } else {
        add(line, "%s", what);
    }
}

static void
of_escalation(struct line *line, const json_t *body)
{
    add(line, "P%lld %s", number(body, "priority"), text(body, "id"));
    add_occurrence(line, json_object_get(body, "occ"));
    add(line, ": %s, step %lld of %lld", text(body, "reason"), number(body, "step"),
        number(body, "of"));
    if (json_int_or(body, "repeat", 0) > 0)
        add(line, ", repeat %lld", number(body, "repeat"));
    add(line, " of %s to ", text(body, "audience"));
    add_list(line, json_object_get(body, "to"), ", ");
    if (json_is_true(json_object_get(body, "cleared")))
        add(line, "; cleared meanwhile");
}

static void
of_presence(struct line *line, const json_t *body)
{
    bool watches = strcmp(text(body, "state"), "watching") == 0;

    add(line, "%s at %s %s", text(body, "user"), text(body, "client"),
        watches ? "watches for " : "is gone");
    if (watches)
        add_list(line, json_object_get(body, "audiences"), ", ");
    else
        add_if(line, ": ", text(body, "reason"), "");
    if (json_int_or(body, "skipped", 0) > 0)
        add(line, ", %lld changes before were too fast", number(body, "skipped"));
}

static void
of_flood(struct line *line, const json_t *body)
{
    add(line, "of alarms %s for %s, %lld told", text(body, "change"), text(body, "audience"),
        number(body, "told"));
}

/* X(kind); in the order of the alphabet */
#define KINDS(X)                                                                                   \
    X(alarm)                                                                                       \
    X(checkpoint)                                                                                  \
    X(command)                                                                                     \
    X(comment)                                                                                     \
    X(device)                                                                                      \
    X(escalation)                                                                                  \
    X(flood)                                                                                       \
    X(generation)                                                                                  \
    X(note)                                                                                        \
    X(presence)                                                                                    \
    X(start)                                                                                       \
    X(stop)                                                                                        \
    X(unjournalled)                                                                                \
    X(worker)

static const struct {
    const char *kind;
    void (*describe)(struct line *line, const json_t *body);
} LINES[] = {
#define LINE_OF(kind) {#kind, of_##kind},
    KINDS(LINE_OF)
#undef LINE_OF
};

const char *const LOG_LINES_KINDS[] = {
#define NAME_OF(kind) #kind,
    KINDS(NAME_OF)
#undef NAME_OF
        NULL};

/* Its own members, without the ones that every row has. */
static void
of_unknown(struct line *line, const json_t *body)
{
    static const char *const COMMON[] = {"jid", "kind", "prev", "seq", "site", "ts"};
    json_t *rest = json_copy((json_t *)(uintptr_t)body);

    for (size_t i = 0; i < ARRAY_LEN(COMMON); i++)
        json_object_del(rest, COMMON[i]);
    char *canonical = json_canonical(rest);
    if (canonical != NULL)
        add(line, "%s", canonical);
    free(canonical);
    json_decref(rest);
}

void
log_lines_describe(const char *kind, const json_t *body, char *out, size_t size)
{
    struct line line = {out, size, 0};

    char *cut = size > 0 ? malloc(size) : NULL;
    size_t i = 0;

    if (size > 0)
        out[0] = '\0';
    while (i < ARRAY_LEN(LINES) && strcmp(LINES[i].kind, kind) != 0)
        i++;
    if (i < ARRAY_LEN(LINES))
        LINES[i].describe(&line, body);
    else
        of_unknown(&line, body);
    /* Nothing of a row may drive the terminal, nor half a character where it was cut. */
    if (cut != NULL && text_copy(cut, size, out))
        text_clean(out, size, cut, strlen(cut));
    free(cut);
}
