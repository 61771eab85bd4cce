/*
 * console_model.c - what a console knows of its site, and how much of that can be believed.
 */
#include "gateway/console/console_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/digest.h"
#include "gateway/base/text.h"
#include "gateway/console/console_text.h"

#define TRANSITION_MS 5000 /* the counts may differ so long: messages are under way */
#define PICTURE_AGAIN_MS 15000
#define CATCH_UP_FIRST_MS 1200 /* rows of a heartbeat's number may still be under way */
#define CATCH_UP_WAIT_MIN_MS 5000
#define CATCH_UP_WAIT_MAX_MS 600000
#define REFUSED_WAIT_MS 60000
#define PAGE_MS 300 /* between pages: commands of people must pass the gateway's rate, too */
#define SKEW_IGNORED_MS 1000
#define SLEPT_MS 10000

bool
console_model_init(struct console_model *model)
{
    *model = (struct console_model){.synced_after_ms = -1};
    model->catch_up.wait_ms = CATCH_UP_WAIT_MIN_MS;
    return console_rows_init(&model->rows);
}

void
console_model_done(struct console_model *model)
{
    console_board_done(&model->board);
    console_rows_done(&model->rows);
}

static void
begin_picture(struct console_model *model, int64_t mono_ms)
{
    console_board_begin(&model->board);
    model->is_whole = false;
    model->pictured_ms = model->equal_ms = mono_ms;
    model->wishes |= CONSOLE_WISH_PICTURE;
}

void
console_model_connected(struct console_model *model, struct stamp now)
{
    model->is_connected = true;
    model->has_count = false;
    model->connected_ms = now.mono_ms;
    model->beat_ms = 0;
    model->synced_after_ms = -1;
    model->trouble[0] = '\0';
    model->catch_up.cid[0] = '\0';
    model->catch_up.target = 0;
    model->catch_up.wait_ms = CATCH_UP_WAIT_MIN_MS;
    model->catch_up.next_ms = 0;
    begin_picture(model, now.mono_ms);
}

void
console_model_disconnected(struct console_model *model, const char *reason)
{
    model->is_connected = false;
    console_text_clean(model->trouble, sizeof model->trouble, reason);
}

/* journals */

static void
change_journal(struct console_model *model, const char *jid, int64_t mono_ms)
{
    bool is_first = model->jid[0] == '\0';

    text_copy(model->jid, sizeof model->jid, jid);
    if (is_first)
        return;
    /* Its numbers begin anew: nothing of the one before can be compared with it. */
    model->journals++;
    model->call_seq = 0;
    console_rows_clear(&model->rows);
    console_board_clear(&model->board);
    model->catch_up =
        (struct console_catch_up){.wait_ms = CATCH_UP_WAIT_MIN_MS, .found = model->catch_up.found};
    begin_picture(model, mono_ms);
}

/* A journal's id, which only gw and hb decide on; false: none. */
static bool
take_journal(struct console_model *model, const json_t *object, bool decides, int64_t mono_ms)
{
    const char *jid = json_text_or(object, "jid", "");

    if (!ulid_is_valid(jid))
        return false;
    if (strcmp(model->jid, jid) != 0 && (decides || model->jid[0] == '\0'))
        change_journal(model, jid, mono_ms);
    return strcmp(model->jid, jid) == 0;
}

/* counts */

bool
console_model_is_complete(const struct console_model *model)
{
    return model->has_count && model->is_whole && model->board.dropped == 0 &&
           model->board.held == model->retained;
}

static void
compare(struct console_model *model, int64_t mono_ms)
{
    /* A broker that came back with nothing has no picture to show: the gateway tells it alarm by
     * alarm. */
    if (!model->is_whole && model->has_count && model->board.fresh >= model->retained &&
        model->board.dropped == 0) {
        console_board_whole(&model->board);
        model->is_whole = true;
    }
    if (!console_model_is_complete(model))
        return;
    model->equal_ms = mono_ms;
    if (model->synced_after_ms < 0)
        model->synced_after_ms = mono_ms - model->connected_ms;
}

bool
console_model_is_incomplete(const struct console_model *model, int64_t mono_ms)
{
    return model->has_count && !console_model_is_complete(model) &&
           mono_ms - model->equal_ms > TRANSITION_MS;
}

/* messages */

static void
take_gw(struct console_model *model, const json_t *object, bool retained, struct stamp now)
{
    const char *state = json_text_or(object, "state", "");
    int64_t count = json_int_or(object, "retained", -1);

    if (count > UINT32_MAX || state[0] == '\0') {
        model->unreadable++;
        return;
    }
    model->is_offline = strcmp(state, "offline") == 0;
    model->is_degraded = !model->is_offline && strcmp(state, "online") != 0;
    console_text_clean(model->gw_reason, sizeof model->gw_reason,
                       json_text_or(object, "reason", ""));
    /* What it cannot know it leaves out; and what ends knows nothing of now. */
    if (!model->is_offline)
        take_journal(model, object, !retained, now.mono_ms);
    if (!model->is_offline && count >= 0) {
        model->has_count = true;
        model->retained = (uint32_t)count;
    }
    /* Asked for behind all alarms: when it comes from the broker's memory, they have come. */
    if (retained && !model->is_whole) {
        console_board_whole(&model->board);
        model->is_whole = true;
    }
}

static void
take_heartbeat(struct console_model *model, const json_t *object, struct stamp now)
{
    int64_t seq = json_int_or(object, "seq", -1), ts = json_int_or(object, "ts", now.utc_ms);

    if (seq < 0 || !take_journal(model, object, true, now.mono_ms)) {
        model->unreadable++;
        return;
    }
    bool is_first = model->beat_ms == 0;
    model->beat_ms = model->last_beat_ms = now.mono_ms;
    model->is_offline = false; /* it is only sent while the gateway judges */
    model->skew_ms = ts - now.utc_ms;
    if (model->skew_ms > -SKEW_IGNORED_MS && model->skew_ms < SKEW_IGNORED_MS)
        model->skew_ms = 0;
    console_text_clean(model->clock, sizeof model->clock, json_text_or(object, "clock", ""));

    struct console_catch_up *catch_up = &model->catch_up;
    uint64_t head = (uint64_t)seq;
    if (!model->rows.is_anchored)
        console_rows_anchor(&model->rows, head > CONSOLE_HISTORY ? head - CONSOLE_HISTORY : 0);
    if (head > model->rows.known && head - model->rows.known > CONSOLE_CATCH_UP_MAX) {
        catch_up->skipped += head - CONSOLE_CATCH_UP_MAX - model->rows.known;
        console_rows_anchor(&model->rows, head - CONSOLE_CATCH_UP_MAX);
    }
    if (is_first)
        catch_up->history_to = head;
    if (head > catch_up->target)
        catch_up->target = head;
}

static bool
is_withdrawn(const json_t *row)
{
    const json_t *change = json_object_get(row, "change"), *item;
    size_t index;

    json_array_foreach(change, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), "withdrawn") == 0)
            return true;
    }
    return false;
}

/* A step of a ladder to those who watch here: nobody has answered. */
static void
take_call(struct console_model *model, const json_t *row, uint64_t seq, bool is_personal)
{
    const char *audience = json_text_or(row, "audience", "");
    long long step = (long long)json_int_or(row, "step", 0);
    bool is_ours = model->audiences == 0;
    char text[400];

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if ((model->audiences & AUDIENCE_BIT(i)) != 0 &&
            strcmp(audience, audience_name((enum audience)i)) == 0)
            is_ours = true;
    /* The first step is the alarm itself. */
    if (strcmp(json_text_or(row, "kind", ""), "escalation") != 0 || seq <= model->call_seq ||
        !(is_personal || (is_ours && step > 1)))
        return;
    snprintf(text, sizeof text, "%s (step %lld of %lld, %.20s): P%lld %.120s%s: %.150s",
             is_personal ? "CALL FOR YOU" : "NOBODY ANSWERED", step,
             (long long)json_int_or(row, "of", 0), json_text_or(row, "reason", "?"),
             (long long)json_int_or(row, "priority", 0), json_text_or(row, "id", "?"),
             json_is_true(json_object_get(row, "cleared")) ? " (cleared)" : "",
             json_text_or(row, "text", ""));
    console_text_clean(model->call, sizeof model->call, text);
    model->call_seq = seq;
    model->calls++;
    model->wishes |= CONSOLE_WISH_BELL;
}

enum source { FROM_PAGE, FROM_EVENT, FROM_NOTIFY };

static void
take_row(struct console_model *model, const json_t *row, enum source source, struct stamp now)
{
    int64_t seq = json_int_or(row, "seq", 0);
    const json_t *object = json_object_get(row, "alarm");

    if (seq <= 0 || !ulid_is_valid(json_text_or(row, "jid", ""))) {
        model->unreadable++;
        return;
    }
    if (!take_journal(model, row, false, now.mono_ms))
        return;
    bool is_told = source != FROM_PAGE;
    if (is_told) /* to a person and to an audience: the same row */
        take_call(model, row, (uint64_t)seq, source == FROM_NOTIFY);
    if (!console_rows_take(&model->rows, row, (uint64_t)seq))
        return;
    bool is_present = is_told || (uint64_t)seq > model->catch_up.history_to;
    if (!is_told && is_present && json_is_object(object))
        model->catch_up.found++;
    if (!json_is_object(object) || !is_present)
        return;
    struct console_alarm *alarm = console_alarm_read(object);
    if (alarm == NULL) {
        model->unreadable++;
        return;
    }
    /* Its definition is gone: nobody knows how it is, and no topic says so. */
    alarm->is_rest = alarm->is_rest || is_withdrawn(row);
    unsigned priority = alarm->priority;
    if (console_board_take(&model->board, alarm, true) && priority <= 2)
        model->wishes |= CONSOLE_WISH_BELL;
}

static void
take_alarm(struct console_model *model, const char *id, const json_t *object)
{
    struct console_alarm *alarm = console_alarm_read(object);

    if (alarm == NULL || strcmp(alarm->id, id) != 0) {
        console_alarm_free(alarm);
        model->unreadable++;
        return;
    }
    unsigned priority = alarm->priority;
    if (console_board_take(&model->board, alarm, false) && priority <= 2)
        model->wishes |= CONSOLE_WISH_BELL;
}

/* catching up */

static void
refuse_page(struct console_model *model, const char *why, int64_t mono_ms)
{
    struct console_catch_up *catch_up = &model->catch_up;

    catch_up->is_refused = true;
    console_text_clean(catch_up->refusal, sizeof catch_up->refusal, why);
    catch_up->next_ms = mono_ms + REFUSED_WAIT_MS;
}

static void
take_page(struct console_model *model, const json_t *answer, struct stamp now)
{
    struct console_catch_up *catch_up = &model->catch_up;
    const json_t *rows = json_object_get(answer, "rows"), *row;
    const char *code = json_text_or(answer, "code", "");
    int64_t next = json_int_or(answer, "next", -1);
    unsigned long found = catch_up->found;
    size_t index;
    char why[160];

    catch_up->cid[0] = '\0';
    if (strcmp(code, "ok") != 0 || !json_is_array(rows) || next < 0) {
        snprintf(why, sizeof why, "%.40s: %.100s", code,
                 strcmp(code, "ok") != 0 ? json_text_or(answer, "error", "")
                                         : "the gateway gives no rows");
        refuse_page(model, why, now.mono_ms);
        return;
    }
    catch_up->next_ms = now.mono_ms + CATCH_UP_WAIT_MIN_MS;
    if (strcmp(json_text_or(answer, "jid", ""), model->jid) != 0)
        return; /* the heartbeat will say */
    catch_up->is_refused = false;
    json_array_foreach(rows, index, row)
    {
        take_row(model, row, FROM_PAGE, now);
    }
    bool is_more =
        json_is_true(json_object_get(answer, "more")) && (uint64_t)next > catch_up->since;
    if ((uint64_t)next > catch_up->since)
        console_rows_note(&model->rows, catch_up->since + 1, (uint64_t)next);
    if (!is_more && catch_up->target > (uint64_t)next) {
        /* All there is: numbers behind it have no rows, or not yet. */
        catch_up->target = (uint64_t)next;
    }
    /* Asking leaves a row, too, which other consoles see as a hole: they must not drive each other.
     */
    if (catch_up->found != found)
        catch_up->wait_ms = CATCH_UP_WAIT_MIN_MS;
    else if (!is_more && catch_up->wait_ms < CATCH_UP_WAIT_MAX_MS)
        catch_up->wait_ms *= 2;
    catch_up->next_ms = now.mono_ms + (is_more ? PAGE_MS : catch_up->wait_ms);
}

static void
take_answer(struct console_model *model, const json_t *answer, struct stamp now)
{
    int64_t seq = json_int_or(answer, "seq", 0);
    bool is_page = model->catch_up.cid[0] != '\0' &&
                   strcmp(json_text_or(answer, "cid", ""), model->catch_up.cid) == 0;

    if (is_page)
        take_page(model, answer, now);
    else if (!console_orders_answer(&model->orders, answer))
        return;
    /* The row that records the command itself; of what is refused for its rate there is none. */
    if (seq > 0 && strcmp(json_text_or(answer, "code", ""), "ok") == 0 &&
        strcmp(json_text_or(answer, "jid", ""), model->jid) == 0)
        console_rows_note(&model->rows, (uint64_t)seq, (uint64_t)seq);
}

void
console_model_take(struct console_model *model, const char *name, const char *payload, size_t bytes,
                   bool retained, struct stamp now)
{
    bool is_alarm = strncmp(name, "alarm/", 6) == 0;

    if (is_alarm && bytes == 0) {
        console_board_rest(&model->board, name + 6);
        compare(model, now.mono_ms);
        return;
    }
    json_t *object = json_parse_object(payload, bytes, NULL, 0);
    if (object == NULL)
        model->unreadable++;
    else if (is_alarm)
        take_alarm(model, name + 6, object);
    else if (strncmp(name, "event/", 6) == 0)
        take_row(model, object, FROM_EVENT, now);
    else if (strncmp(name, "notify/", 7) == 0)
        take_row(model, object, FROM_NOTIFY, now);
    else if (strcmp(name, "gw") == 0)
        take_gw(model, object, retained, now);
    else if (strcmp(name, "hb") == 0 && !retained) /* one that was kept says nothing of now */
        take_heartbeat(model, object, now);
    else if (strcmp(name, "sum") == 0)
        model->flood =
            json_int_or(object, "flood", 0) > 0 || json_is_true(json_object_get(object, "flood"));
    else if (strncmp(name, "rsp/", 4) == 0)
        take_answer(model, object, now);
    json_decref(object);
    compare(model, now.mono_ms);
}

/* time */

uint64_t
console_model_missing(const struct console_model *model)
{
    uint64_t target = model->catch_up.target;

    return model->rows.is_anchored && target > model->rows.known ? target - model->rows.known : 0;
}

/* The monotonic clock stands still while a machine sleeps: what was heard before it says nothing of
 * now, however young it seems. */
static void
wake(struct console_model *model, struct stamp now)
{
    int64_t slept_ms = now.utc_ms - model->ticked.utc_ms - (now.mono_ms - model->ticked.mono_ms);

    if (model->ticked.utc_ms != 0 && slept_ms > SLEPT_MS) {
        model->beat_ms = 0;
        model->connected_ms = now.mono_ms - CONSOLE_SILENCE_MS - 1;
    }
    model->ticked = now;
}

void
console_model_tick(struct console_model *model, struct stamp now)
{
    struct console_catch_up *catch_up = &model->catch_up;

    wake(model, now);
    console_orders_tick(&model->orders, now.mono_ms);
    compare(model, now.mono_ms);
    if (!model->is_connected)
        return;
    if (now.mono_ms - model->pictured_ms > PICTURE_AGAIN_MS &&
        console_model_is_incomplete(model, now.mono_ms) && model->board.dropped == 0)
        begin_picture(model, now.mono_ms);
    if (catch_up->cid[0] != '\0' && now.mono_ms - catch_up->asked_ms > CONSOLE_ANSWER_MS) {
        catch_up->cid[0] = '\0';
        refuse_page(model, "no answer", now.mono_ms);
    }
    if (console_model_missing(model) > 0 && catch_up->cid[0] == '\0' &&
        now.mono_ms - model->beat_ms >= CATCH_UP_FIRST_MS && now.mono_ms >= catch_up->next_ms)
        model->wishes |= CONSOLE_WISH_GET;
}

unsigned
console_model_wishes(struct console_model *model)
{
    unsigned wishes = model->wishes;

    model->wishes = 0;
    return wishes;
}

char *
console_model_get(struct console_model *model, struct stamp now)
{
    struct console_catch_up *catch_up = &model->catch_up;
    int64_t utc_ms = console_model_gateway_ms(model, now);

    ulid_make(now.utc_ms, catch_up->cid);
    catch_up->asked_ms = now.mono_ms;
    catch_up->since = model->rows.known;
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:i, s:s, s:I}", "cid", catch_up->cid, "ts", (json_int_t)utc_ms,
                  "since", (json_int_t)catch_up->since, "limit", CONSOLE_PAGE, "jid", model->jid,
                  "expires", (json_int_t)(utc_ms + CONSOLE_ANSWER_MS));
    char *text = object != NULL ? json_canonical(object) : NULL;

    json_decref(object);
    return text;
}

int64_t
console_model_gateway_ms(const struct console_model *model, struct stamp now)
{
    return now.utc_ms + model->skew_ms;
}
