/*
 * console_board.h - all alarms that a console holds, by id.
 *
 * States come twice, as alarm/<id> and within rows; the newer one (by journal number) stays. Those
 * at rest are remembered for a while, so that an older state which comes late does not raise them
 * again. Rounds: a round is one picture of all that the broker holds; what the newest whole picture
 * does not show is gone.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_BOARD_H
#define WATCHROOM_GATEWAY_CONSOLE_BOARD_H

#include "gateway/console/console_alarm.h"

#define CONSOLE_ALARMS_MAX 20000 /* those at rest included; further ones are counted, not held */

struct console_board {
    struct console_alarm *alarms; /* hash; in the order they came */
    uint32_t held;                /* not at rest */
    uint32_t fresh;               /* of them, seen since the picture began */
    uint32_t round;
    unsigned long dropped; /* for want of room, since the picture began */
    unsigned long changes; /* grows with each change that shows */
};

void console_board_done(struct console_board *board);
/* Forgets everything: another journal. */
void console_board_clear(struct console_board *board);

/*
 * Takes a state (and owns it). `is_row`: it comes from a row, not from the broker's picture.
 * Returns true when it is news that somebody must notice: an alarm became unacknowledged, or came
 * again, and is not suppressed.
 */
bool console_board_take(struct console_board *board, struct console_alarm *alarm, bool is_row);
/* The topic was emptied: at rest. */
void console_board_rest(struct console_board *board, const char *id);

/* A picture begins; it is whole: alarms not shown in it, with no newer row, are gone. */
void console_board_begin(struct console_board *board);
void console_board_whole(struct console_board *board);

/* NULL: not held, or at rest. */
const struct console_alarm *console_board_find(const struct console_board *board, const char *id);

struct console_counts {
    uint32_t shown[5], unacked[5]; /* by priority, not suppressed; [0] all */
    uint32_t suppressed;
};
void console_board_count(const struct console_board *board, struct console_counts *out_counts);

#endif
