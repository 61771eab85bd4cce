/*
 * unconfirmed.c - P1 alarms that the broker has not confirmed.
 */
#include "alerts/unconfirmed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "alerts/json_write.h"
#include "alerts/run_command.h"
#include "gateway/base/log.h"

struct waiting {
    uint64_t seq;
    uint32_t alarm, occ;
    int64_t since_mono_ms;
    bool is_done; /* the command was run for it, or for this occurrence before */
    bool is_refused;
};

struct run {
    struct unconfirmed *owner;
    struct run_command *command; /* NULL: free */
    uint32_t alarm, occ;
};

struct unconfirmed {
    struct ev_loop *loop;
    const struct alarms_params *params;
    struct alarm_tell *tell;
    struct waiting *queue; /* by seq */
    size_t count;
    uint64_t dropped;
    struct run runs[UNCONFIRMED_CHILDREN_MAX];
    struct text_buf text;
};

struct unconfirmed *
unconfirmed_new(struct ev_loop *loop, const struct alarms_params *params, struct alarm_tell *tell)
{
    struct unconfirmed *unconfirmed = calloc(1, sizeof *unconfirmed);

    if (unconfirmed == NULL)
        return NULL;
    unconfirmed->queue = calloc(UNCONFIRMED_QUEUE_MAX, sizeof *unconfirmed->queue);
    if (unconfirmed->queue == NULL) {
        free(unconfirmed);
        return NULL;
    }
    unconfirmed->loop = loop;
    unconfirmed->params = params;
    unconfirmed->tell = tell;
    text_buf_init(&unconfirmed->text, RUN_COMMAND_TEXT_MAX);
    return unconfirmed;
}

void
unconfirmed_free(struct unconfirmed *unconfirmed)
{
    if (unconfirmed == NULL)
        return;
    for (size_t i = 0; i < UNCONFIRMED_CHILDREN_MAX; i++)
        run_command_kill(unconfirmed->runs[i].command);
    text_buf_done(&unconfirmed->text);
    free(unconfirmed->queue);
    free(unconfirmed);
}

void
unconfirmed_note(struct unconfirmed *unconfirmed, uint32_t alarm, uint32_t occ, uint64_t seq,
                 int64_t mono_ms)
{
    if (unconfirmed->count == UNCONFIRMED_QUEUE_MAX) {
        unconfirmed->dropped++; /* a thousand P1s wait already: somebody is being told */
        return;
    }
    unconfirmed->queue[unconfirmed->count++] = (struct waiting){
        .seq = seq, .alarm = alarm, .occ = occ, .since_mono_ms = mono_ms, .is_done = false};
}

void
unconfirmed_cursor(struct unconfirmed *unconfirmed, uint64_t seq)
{
    size_t kept = 0;

    for (size_t i = 0; i < unconfirmed->count; i++)
        if (unconfirmed->queue[i].seq > seq ||
            (unconfirmed->queue[i].is_refused && !unconfirmed->queue[i].is_done))
            unconfirmed->queue[kept++] = unconfirmed->queue[i];
    unconfirmed->count = kept;
}

bool
unconfirmed_refused(struct unconfirmed *unconfirmed, uint64_t seq)
{
    for (size_t i = 0; i < unconfirmed->count; i++)
        if (unconfirmed->queue[i].seq == seq) {
            unconfirmed->queue[i].is_refused = true;
            return true;
        }
    return false;
}

static const char *
key_of(const struct unconfirmed *unconfirmed, uint32_t alarm, char *key, size_t size)
{
    snprintf(key, size, "unconfirmed.%s", unconfirmed->params->alarms[alarm].id);
    return key;
}

static void
note_result(const struct unconfirmed *unconfirmed, uint32_t alarm, uint32_t occ, const char *result)
{
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:s, s:s}", "what", "unconfirmed-command", "id",
                  unconfirmed->params->alarms[alarm].id, "occ", (json_int_t)occ, "command",
                  unconfirmed->params->unconfirmed_command[0], "result", result);

    if (body != NULL)
        journal_add(unconfirmed->tell->journal, "note", clock_now().utc_ms, body, NULL, 0, 0);
}

static void
on_end(void *ctx, int status, bool timed_out)
{
    struct run *run = ctx;
    char result[64];

    if (timed_out)
        snprintf(result, sizeof result, "killed after %d s", UNCONFIRMED_RUN_MS / 1000);
    else if (WIFEXITED(status))
        snprintf(result, sizeof result, "exit %d", WEXITSTATUS(status));
    else
        snprintf(result, sizeof result, "signal %d", WTERMSIG(status));
    run->command = NULL;
    note_result(run->owner, run->alarm, run->occ, result);
    log_warning("%s: the command for a P1 the broker has not confirmed: %s",
                run->owner->params->alarms[run->alarm].id, result);
}

/* False: no place free now. */
static bool
run_for(struct unconfirmed *unconfirmed, const struct waiting *waiting, struct stamp now)
{
    struct run *run = NULL;
    struct err err;
    char key[TOPIC_ID_MAX + 16], occ[16];

    for (size_t i = 0; i < UNCONFIRMED_CHILDREN_MAX; i++)
        if (unconfirmed->runs[i].command == NULL)
            run = &unconfirmed->runs[i];
    if (run == NULL)
        return false;

    struct text_buf *text = &unconfirmed->text;
    text_buf_reset(text);
    text_buf_add(text, "{\"alarm\":");
    alarm_tell_write(unconfirmed->tell, waiting->alarm, text);
    json_write_integer(text, "seq", (int64_t)waiting->seq);
    json_write_integer(text, "waiting_ms", now.mono_ms - waiting->since_mono_ms);
    text_buf_add(text, "}\n");

    snprintf(occ, sizeof occ, "%u", waiting->occ);
    journal_put(unconfirmed->tell->journal, key_of(unconfirmed, waiting->alarm, key, sizeof key),
                occ);
    *run = (struct run){.owner = unconfirmed, .alarm = waiting->alarm, .occ = waiting->occ};
    if (run_command_start(unconfirmed->loop, unconfirmed->params->unconfirmed_command, text->data,
                          text->length, UNCONFIRMED_RUN_MS, on_end, run, &run->command,
                          &err) != ERR_OK) {
        log_error("%s: the command for an unconfirmed P1 does not start: %s",
                  unconfirmed->params->alarms[waiting->alarm].id, err.text);
        note_result(unconfirmed, waiting->alarm, waiting->occ, err.text);
    }
    return true;
}

static bool
was_run(const struct unconfirmed *unconfirmed, const struct waiting *waiting)
{
    char key[TOPIC_ID_MAX + 16], occ[16];

    return journal_get(unconfirmed->tell->journal,
                       key_of(unconfirmed, waiting->alarm, key, sizeof key), occ, sizeof occ) &&
           strtoul(occ, NULL, 10) == waiting->occ;
}

bool
unconfirmed_tick(struct unconfirmed *unconfirmed, struct stamp now)
{
    const struct alarms_params *params = unconfirmed->params;
    bool is_overdue = false;

    for (size_t i = 0; i < unconfirmed->count; i++) {
        struct waiting *waiting = &unconfirmed->queue[i];

        if (!waiting->is_refused &&
            now.mono_ms - waiting->since_mono_ms < params->unconfirmed_after_ms)
            continue;
        is_overdue |= !waiting->is_done || !waiting->is_refused;
        if (waiting->is_done)
            continue;
        if (params->unconfirmed_command != NULL && !was_run(unconfirmed, waiting) &&
            !run_for(unconfirmed, waiting, now))
            break;
        waiting->is_done = true;
    }
    return is_overdue;
}
