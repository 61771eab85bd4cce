/*
 * alarm_record.c - one alarm as bytes: version 1, little-endian, ALARM_RECORD_BYTES long.
 */
#include "alerts/alarm_record.h"

#include <assert.h>
#include <string.h>

#include "alerts/fold.h"

#define RECORD_VERSION 1

enum {
    MARK_INP = 1,
    MARK_SHELVED = 2,
    MARK_DESIGN = 4,
    MARK_OOS = 8,
    MARK_TEST = 16,
    MARK_GOOD = 32,
    MARK_ANNUNCIATED = 64,
    MARK_HEARD = 128,
};
enum { MORE_FIRST_OUT = 1 };

static void
put_le(uint8_t **out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *(*out)++ = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_le(const uint8_t **in, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t) * (*in)++ << (8 * i);
    return value;
}

size_t
alarm_record_write(const struct alarm_run *run, uint8_t out[ENGINE_RECORD_MAX])
{
    const struct alarm_state *state = &run->state;
    const struct alarm_regions *r = &state->regions;
    unsigned marks = (r->inp ? MARK_INP : 0u) | (r->shelved ? MARK_SHELVED : 0u) |
                     (r->design ? MARK_DESIGN : 0u) | (r->oos ? MARK_OOS : 0u) |
                     (r->test ? MARK_TEST : 0u) | (r->good ? MARK_GOOD : 0u) |
                     (r->annunciated ? MARK_ANNUNCIATED : 0u) | (state->is_heard ? MARK_HEARD : 0u);
    uint64_t value_bits;
    uint8_t *at = out;

    static_assert(ALARM_RECORD_BYTES <= ENGINE_RECORD_MAX, "a record does not fit");
    memcpy(&value_bits, &state->value, sizeof value_bits);
    put_le(&at, RECORD_VERSION, 1);
    put_le(&at, r->cond, 1);
    put_le(&at, r->ack, 1);
    put_le(&at, marks, 1);
    put_le(&at, state->occ, 4);
    put_le(&at, state->chatter, 4);
    put_le(&at, state->unc_ms, 4);
    put_le(&at, value_bits, 8);
    put_le(&at, (uint64_t)state->changed_utc_ms, 8);
    put_le(&at, (uint64_t)state->raised_utc_ms, 8);
    put_le(&at, (uint64_t)state->cleared_utc_ms, 8);
    put_le(&at, (uint64_t)state->reading_utc_ms, 8);
    put_le(&at, (uint64_t)run->pending_utc_ms, 8);
    put_le(&at, run->pending_unc_ms, 4);
    put_le(&at, state->first_out ? MORE_FIRST_OUT : 0u, 4);
    put_le(&at, (uint64_t)run->shelf_until_utc_ms, 8);
    put_le(&at, (uint64_t)run->shelf_length_ms, 8);
    return (size_t)(at - out);
}

/* The invariants of the life cycle that a record must keep, whatever the traits. */
static bool
is_possible(const struct alarm_regions *r)
{
    if (r->cond >= COND_COUNT || r->ack >= ACK_COUNT)
        return false;
    if (r->inp != (r->cond == COND_PENDING || r->cond == COND_ACTIVE))
        return false;
    if (!alarm_is_live(r))
        return r->ack != ACK_ACKED;
    return r->ack != ACK_NONE && (r->annunciated || alarm_is_suppressed(r));
}

/* It ends by UTC; when the clock went back, it lasts as long as was asked for, no longer. */
static void
restore_shelf(struct alarm_run *run, int64_t until_utc_ms, int64_t length_ms, struct stamp now)
{
    int64_t left_ms = 0;

    if (until_utc_ms > now.utc_ms && length_ms > 0)
        left_ms = until_utc_ms - now.utc_ms < length_ms ? until_utc_ms - now.utc_ms : length_ms;
    alarm_run_set_shelf(run, now.utc_ms + left_ms, now);
    run->shelf_length_ms = length_ms;
}

bool
alarm_record_read(struct alarm_run *run, const void *record, size_t bytes, struct stamp now)
{
    const uint8_t *at = record;
    struct alarm_run read;
    struct alarm_state *state = &read.state;
    struct alarm_regions *r = &state->regions;
    uint64_t value_bits;

    if ((bytes != ALARM_RECORD_BYTES && bytes != ALARM_RECORD_BYTES + FOLD_RECORD_BYTES) ||
        get_le(&at, 1) != RECORD_VERSION)
        return false;
    alarm_run_init(&read);
    r->cond = (uint8_t)get_le(&at, 1);
    r->ack = (uint8_t)get_le(&at, 1);
    uint64_t marks = get_le(&at, 1);
    r->inp = (marks & MARK_INP) != 0;
    r->shelved = (marks & MARK_SHELVED) != 0;
    r->design = (marks & MARK_DESIGN) != 0;
    r->oos = (marks & MARK_OOS) != 0;
    r->test = (marks & MARK_TEST) != 0;
    r->good = (marks & MARK_GOOD) != 0;
    r->annunciated = (marks & MARK_ANNUNCIATED) != 0;
    state->is_heard = (marks & MARK_HEARD) != 0;
    if (!is_possible(r) || (bytes > ALARM_RECORD_BYTES && !r->design))
        return false;
    state->occ = (uint32_t)get_le(&at, 4);
    state->chatter = (uint32_t)get_le(&at, 4);
    state->unc_ms = (uint32_t)get_le(&at, 4);
    value_bits = get_le(&at, 8);
    memcpy(&state->value, &value_bits, sizeof state->value);
    state->changed_utc_ms = (int64_t)get_le(&at, 8);
    state->raised_utc_ms = (int64_t)get_le(&at, 8);
    state->cleared_utc_ms = (int64_t)get_le(&at, 8);
    state->reading_utc_ms = (int64_t)get_le(&at, 8);
    read.pending_utc_ms = (int64_t)get_le(&at, 8);
    read.pending_unc_ms = (uint32_t)get_le(&at, 4);
    state->first_out = (get_le(&at, 4) & MORE_FIRST_OUT) != 0;
    int64_t until_utc_ms = (int64_t)get_le(&at, 8);
    if (r->shelved)
        restore_shelf(&read, until_utc_ms, (int64_t)get_le(&at, 8), now);
    read.level = run->level;
    read.fold = run->fold;
    read.is_root = run->is_root;
    *run = read;
    return true;
}
