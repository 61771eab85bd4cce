/*
 * console_board.c - all alarms that a console holds.
 */
#include "gateway/console/console_board.h"

#include <string.h>

static struct console_alarm *
find(const struct console_board *board, const char *id)
{
    struct console_alarm *found;

    HASH_FIND_STR(board->alarms, id, found);
    return found;
}

/* Adds to the counts what this one is, or takes it off. */
static void
count(struct console_board *board, const struct console_alarm *alarm, bool is_added)
{
    uint32_t one = is_added ? 1 : UINT32_MAX;

    if (alarm->is_rest)
        return;
    board->held += one;
    if (alarm->round == board->round)
        board->fresh += one;
}

static void
drop(struct console_board *board, struct console_alarm *alarm)
{
    count(board, alarm, false);
    HASH_DEL(board->alarms, alarm);
    console_alarm_free(alarm);
    board->changes++;
}

void
console_board_clear(struct console_board *board)
{
    struct console_alarm *alarm, *next;

    HASH_ITER(hh, board->alarms, alarm, next)
    {
        drop(board, alarm);
    }
    board->dropped = 0;
}

void
console_board_done(struct console_board *board)
{
    console_board_clear(board);
}

/* Room for one more: the oldest of those at rest goes first. */
static bool
make_room(struct console_board *board)
{
    struct console_alarm *alarm, *next;

    if (HASH_COUNT(board->alarms) < CONSOLE_ALARMS_MAX)
        return true;
    if (board->held >= CONSOLE_ALARMS_MAX)
        return false;
    HASH_ITER(hh, board->alarms, alarm, next)
    {
        if (alarm->is_rest) {
            drop(board, alarm);
            return true;
        }
    }
    return false;
}

static bool
is_news(const struct console_alarm *old, const struct console_alarm *now)
{
    if (now->is_rest || !console_alarm_is_unacked(now) || alarm_is_suppressed(&now->is))
        return false;
    return old == NULL || old->is_rest || !console_alarm_is_unacked(old) ||
           alarm_is_suppressed(&old->is) || now->occ > old->occ;
}

bool
console_board_take(struct console_board *board, struct console_alarm *alarm, bool is_row)
{
    struct console_alarm *old = find(board, alarm->id);

    /* The same state comes from the row and from the topic. */
    if (old != NULL && (alarm->seq < old->seq || (is_row && alarm->seq == old->seq))) {
        count(board, old, false);
        old->round = is_row ? old->round : board->round;
        count(board, old, true);
        console_alarm_free(alarm);
        return false;
    }
    if (old == NULL && !make_room(board)) {
        board->dropped++;
        console_alarm_free(alarm);
        return false;
    }
    bool news = is_news(old, alarm);
    alarm->round = board->round;
    if (old != NULL)
        drop(board, old);
    HASH_ADD_STR(board->alarms, id, alarm);
    if (alarm->hh.tbl == NULL) {
        board->dropped++;
        console_alarm_free(alarm);
        return false;
    }
    count(board, alarm, true);
    board->changes++;
    return news;
}

void
console_board_rest(struct console_board *board, const char *id)
{
    struct console_alarm *alarm = find(board, id);

    if (alarm == NULL || alarm->is_rest)
        return;
    count(board, alarm, false);
    alarm->is_rest = true;
    board->changes++;
}

void
console_board_begin(struct console_board *board)
{
    board->round++;
    board->fresh = 0;
    board->dropped = 0;
}

void
console_board_whole(struct console_board *board)
{
    struct console_alarm *alarm, *next;

    HASH_ITER(hh, board->alarms, alarm, next)
    {
        if (alarm->round != board->round)
            drop(board, alarm);
    }
}

const struct console_alarm *
console_board_find(const struct console_board *board, const char *id)
{
    const struct console_alarm *alarm = find(board, id);

    return alarm != NULL && !alarm->is_rest ? alarm : NULL;
}

void
console_board_count(const struct console_board *board, struct console_counts *out_counts)
{
    struct console_counts counts = {0};

    for (const struct console_alarm *alarm = board->alarms; alarm != NULL; alarm = alarm->hh.next) {
        if (alarm->is_rest)
            continue;
        if (alarm_is_suppressed(&alarm->is)) {
            counts.suppressed++;
            continue;
        }
        unsigned is_unacked = console_alarm_is_unacked(alarm);

        counts.shown[0]++;
        counts.shown[alarm->priority]++;
        counts.unacked[0] += is_unacked;
        counts.unacked[alarm->priority] += is_unacked;
    }
    *out_counts = counts;
}
