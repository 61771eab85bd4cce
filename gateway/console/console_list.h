/*
 * console_list.h - what of the board is listed, in which order, and which row is selected.
 *
 * The selected row stays where it is on the screen, whatever comes and goes above it, and it stays
 * selected when it is no longer there: what is ordered is ordered for the row that somebody saw.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_LIST_H
#define WATCHROOM_GATEWAY_CONSOLE_LIST_H

#include "gateway/console/console_board.h"

#define CONSOLE_OPEN_GROUPS_MAX 64
#define CONSOLE_GROUP_ACK_MAX 32 /* alarms acknowledged at once: a command has 4 KiB */

enum console_view {
    CONSOLE_VIEW_ALARMS,     /* all that are not suppressed, most urgent first */
    CONSOLE_VIEW_GROUPS,     /* by root or resource, worst first */
    CONSOLE_VIEW_SUPPRESSED, /* shelved, folded, out of service, in test */
    CONSOLE_VIEW_COUNT
};

struct console_filter {
    unsigned priority_max; /* 1 to 4 */
    unsigned audiences;    /* AUDIENCE_BIT()s; 0 all */
    bool unacked_only;
    char text[64]; /* in id, text, resource, zone or type; "" any */
};

struct console_group {
    UT_hash_handle hh;
    char name[TOPIC_ID_MAX]; /* id of the root alarm, or a resource */
    unsigned worst, count, unacked;
};

struct console_entry {
    const struct console_alarm *alarm; /* NULL: a group, or the selected one that is gone */
    const struct console_group *group; /* of a group's own row, and of its alarms */
    bool is_left;                      /* the selected one, which the list would no longer show */
};

struct console_list {
    enum console_view view;
    struct console_filter filter;
    struct console_entry *entries; /* borrow from the board: until it changes */
    size_t count, capacity;
    size_t shown;  /* alarms that pass the filter */
    size_t listed; /* alarms that this view is of */
    struct console_group *groups;
    char open[CONSOLE_OPEN_GROUPS_MAX][TOPIC_ID_MAX]; /* names of groups whose alarms are listed */
    bool has_selection, is_group;
    char selected[TOPIC_ID_MAX];
    uint32_t seen_occ; /* of the selected one, as it was drawn last */
    size_t index, top, lines;
};

void console_list_init(struct console_list *list);
void console_list_done(struct console_list *list);

/* After each change of the board, the view or the filter; before keys and before drawing. `lines`:
 * rows on the screen. */
void console_list_refresh(struct console_list *list, const struct console_board *board,
                          size_t lines);

/* By so many rows; the first move selects the first row that is shown. */
void console_list_move(struct console_list *list, long by);
void console_list_first(struct console_list *list);
void console_list_last(struct console_list *list);
/* Nothing is selected; the list shows its begin. */
void console_list_release(struct console_list *list);
void console_list_set_view(struct console_list *list, enum console_view view);
/* Lists the alarms of the selected group, or no longer. */
void console_list_toggle(struct console_list *list);

/* The selected entry; NULL: none. */
const struct console_entry *console_list_selected(const struct console_list *list);
/* It was drawn: from now on orders are for this occurrence. */
void console_list_seen(struct console_list *list);
/* Unacknowledged alarms above the first row shown, and the most urgent of them. */
unsigned console_list_above(const struct console_list *list, unsigned *out_worst);
/* [{id, occ} ...] of the selected group's unacknowledged alarms, at most CONSOLE_GROUP_ACK_MAX of
 * those that pass the filter; a new reference, NULL: out of memory. */
json_t *console_list_group_alarms(const struct console_list *list,
                                  const struct console_board *board);

#endif
