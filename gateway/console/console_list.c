/*
 * console_list.c - what of the board is listed, in which order, and which row is selected.
 */
#include "gateway/console/console_list.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/console/console_text.h"

void
console_list_init(struct console_list *list)
{
    *list = (struct console_list){.filter = {.priority_max = 4}, .lines = 1};
}

static void
drop_groups(struct console_list *list)
{
    struct console_group *group, *next;

    HASH_ITER(hh, list->groups, group, next)
    {
        HASH_DEL(list->groups, group);
        free(group);
    }
}

void
console_list_done(struct console_list *list)
{
    drop_groups(list);
    free(list->entries);
    list->entries = NULL;
    list->count = list->capacity = 0;
}

/* what is shown */

static bool
is_of_view(const struct console_list *list, const struct console_alarm *alarm)
{
    bool is_hidden = alarm_is_suppressed(&alarm->is);

    if (alarm->is_rest)
        return false;
    switch (list->view) {
    case CONSOLE_VIEW_ALARMS:
        return !is_hidden;
    case CONSOLE_VIEW_GROUPS: /* with what is folded under a root */
        return !is_hidden || alarm->is.design;
    case CONSOLE_VIEW_SUPPRESSED:
        return is_hidden || alarm->is.test;
    case CONSOLE_VIEW_COUNT:
        break;
    }
    return false;
}

static bool
passes(const struct console_filter *filter, const struct console_alarm *alarm)
{
    const char *text = filter->text;

    if (alarm->priority > filter->priority_max ||
        (filter->audiences != 0 && (alarm->audiences & filter->audiences) == 0) ||
        (filter->unacked_only && !console_alarm_is_unacked(alarm)))
        return false;
    return text[0] == '\0' || console_text_contains(alarm->id, text) ||
           console_text_contains(alarm->text, text) ||
           console_text_contains(alarm->resource, text) ||
           console_text_contains(alarm->zone, text) || console_text_contains(alarm->type, text);
}

/* Most urgent first: priority, unacknowledged, the longest there. */
static int
compare_alarms(const struct console_alarm *a, const struct console_alarm *b)
{
    bool a_acked = !console_alarm_is_unacked(a), b_acked = !console_alarm_is_unacked(b);

    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a_acked != b_acked)
        return a_acked ? 1 : -1;
    if (a->raised != b->raised)
        return a->raised < b->raised ? -1 : 1;
    return strcmp(a->id, b->id);
}

static int
compare_entries(const void *a, const void *b)
{
    const struct console_entry *left = a, *right = b;
    const struct console_group *x = left->group, *y = right->group;

    if (x != y && x != NULL && y != NULL) {
        if ((x->unacked > 0) != (y->unacked > 0))
            return x->unacked > 0 ? -1 : 1;
        if (x->worst != y->worst)
            return x->worst < y->worst ? -1 : 1;
        if (x->count != y->count)
            return x->count > y->count ? -1 : 1;
        return strcmp(x->name, y->name);
    }
    return compare_alarms(left->alarm, right->alarm);
}

static bool
reserve(struct console_list *list, size_t count)
{
    if (count <= list->capacity)
        return true;
    size_t capacity = count + count / 2 + 64;
    struct console_entry *entries = realloc(list->entries, capacity * sizeof *entries);

    if (entries == NULL)
        return false;
    list->entries = entries;
    list->capacity = capacity;
    return true;
}

/* groups */

static struct console_group *
group_of(struct console_list *list, const char *name)
{
    struct console_group *group;

    HASH_FIND_STR(list->groups, name, group);
    if (group != NULL)
        return group;
    group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    text_copy(group->name, sizeof group->name, name);
    group->worst = 9;
    HASH_ADD_STR(list->groups, name, group);
    if (group->hh.tbl != NULL)
        return group;
    free(group);
    return NULL;
}

/* Roots first, so that a root itself is found to be one. */
static void
make_groups(struct console_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].alarm->root[0] != '\0')
            list->entries[i].group = group_of(list, list->entries[i].alarm->root);
    for (size_t i = 0; i < list->count; i++) {
        const struct console_alarm *alarm = list->entries[i].alarm;
        struct console_group *group;

        if (alarm->root[0] == '\0') {
            HASH_FIND_STR(list->groups, alarm->id, group);
            if (group == NULL)
                group = group_of(list, alarm->resource[0] != '\0' ? alarm->resource : alarm->id);
            list->entries[i].group = group;
        } else {
            HASH_FIND_STR(list->groups, alarm->root, group);
        }
        if (group == NULL)
            continue;
        group->count++;
        group->unacked += console_alarm_is_unacked(alarm);
        if (alarm->priority < group->worst)
            group->worst = alarm->priority;
    }
}

static char *
find_open(struct console_list *list, const char *name)
{
    for (size_t i = 0; i < CONSOLE_OPEN_GROUPS_MAX; i++)
        if (list->open[i][0] != '\0' && strcmp(list->open[i], name) == 0)
            return list->open[i];
    return NULL;
}

/* Sorted alarms become groups with the alarms of those that are open. */
static void
fold(struct console_list *list)
{
    size_t alarms = list->count, used = 0;

    if (!reserve(list, 3 * alarms + 1))
        return;
    /* From behind, so that nothing is overwritten before it was read. */
    memmove(list->entries + 2 * alarms, list->entries, alarms * sizeof *list->entries);
    const struct console_entry *from = list->entries + 2 * alarms;
    const struct console_group *last = NULL;
    for (size_t i = 0; i < alarms; i++) {
        struct console_entry entry = from[i];

        if (entry.group != last || i == 0)
            list->entries[used++] = (struct console_entry){.group = entry.group};
        last = entry.group;
        if (last != NULL && find_open(list, last->name) != NULL)
            list->entries[used++] = entry;
    }
    list->count = used;
}

/* the selected row */

static const char *
name_of(const struct console_entry *entry)
{
    return entry->alarm != NULL ? entry->alarm->id : entry->group != NULL ? entry->group->name : "";
}

static bool
is_selected(const struct console_list *list, const struct console_entry *entry)
{
    return (entry->alarm == NULL) == list->is_group && strcmp(name_of(entry), list->selected) == 0;
}

/* The row that somebody looks at does not vanish under him. */
static void
keep_left(struct console_list *list, const struct console_board *board)
{
    if (!reserve(list, list->count + 1))
        return;
    size_t at = list->index < list->count ? list->index : list->count;

    memmove(list->entries + at + 1, list->entries + at, (list->count - at) * sizeof *list->entries);
    list->entries[at] = (struct console_entry){
        .alarm = list->is_group ? NULL : console_board_find(board, list->selected),
        .is_left = true};
    list->count++;
    list->index = at;
}

static void
place(struct console_list *list, size_t line)
{
    if (list->count <= list->lines)
        list->top = 0;
    else if (list->has_selection)
        list->top = list->index > line ? list->index - line : 0;
    if (list->top + list->lines > list->count)
        list->top = list->count > list->lines ? list->count - list->lines : 0;
    if (!list->has_selection)
        list->top = 0;
}

static void
find_selected(struct console_list *list, const struct console_board *board)
{
    size_t line = list->index >= list->top ? list->index - list->top : 0;

    if (list->has_selection) {
        size_t i = 0;

        while (i < list->count && !is_selected(list, &list->entries[i]))
            i++;
        if (i < list->count)
            list->index = i;
        else
            keep_left(list, board);
    }
    if (line >= list->lines)
        line = list->lines - 1;
    place(list, line);
}

void
console_list_refresh(struct console_list *list, const struct console_board *board, size_t lines)
{
    list->lines = lines > 0 ? lines : 1;
    list->count = list->shown = list->listed = 0;
    drop_groups(list);
    if (!reserve(list, (size_t)board->held + 1))
        return;
    for (const struct console_alarm *alarm = board->alarms; alarm != NULL; alarm = alarm->hh.next) {
        if (!is_of_view(list, alarm))
            continue;
        list->listed++;
        if (passes(&list->filter, alarm) && list->count < list->capacity)
            list->entries[list->count++] = (struct console_entry){.alarm = alarm};
    }
    list->shown = list->count;
    if (list->view == CONSOLE_VIEW_GROUPS)
        make_groups(list);
    if (list->count > 0)
        qsort(list->entries, list->count, sizeof *list->entries, compare_entries);
    if (list->view == CONSOLE_VIEW_GROUPS)
        fold(list);
    find_selected(list, board);
}

/* moving */

static void
select_index(struct console_list *list, size_t index)
{
    if (list->count == 0) {
        list->has_selection = false;
        return;
    }
    const struct console_entry *entry =
        &list->entries[index < list->count ? index : list->count - 1];
    list->index = (size_t)(entry - list->entries);
    if (!list->has_selection || !entry->is_left) { /* one that is gone keeps its name */
        list->has_selection = true;
        list->is_group = entry->alarm == NULL;
        text_copy(list->selected, sizeof list->selected, name_of(entry));
        list->seen_occ = 0;
    }
    if (list->index < list->top)
        list->top = list->index;
    if (list->index >= list->top + list->lines)
        list->top = list->index - list->lines + 1;
}

void
console_list_move(struct console_list *list, long by)
{
    if (!list->has_selection) {
        select_index(list, list->top);
        return;
    }
    long target = (long)list->index + by;

    select_index(list, target < 0 ? 0 : (size_t)target);
}

void
console_list_first(struct console_list *list)
{
    select_index(list, 0);
}

void
console_list_last(struct console_list *list)
{
    select_index(list, list->count > 0 ? list->count - 1 : 0);
}

void
console_list_release(struct console_list *list)
{
    list->has_selection = false;
    list->index = list->top = 0;
}

void
console_list_set_view(struct console_list *list, enum console_view view)
{
    list->view = view;
    console_list_release(list);
}

void
console_list_toggle(struct console_list *list)
{
    char *open;

    if (!list->has_selection || !list->is_group)
        return;
    open = find_open(list, list->selected);
    if (open != NULL) {
        open[0] = '\0';
        return;
    }
    for (size_t i = 0; i < CONSOLE_OPEN_GROUPS_MAX; i++)
        if (list->open[i][0] == '\0') {
            text_copy(list->open[i], sizeof list->open[i], list->selected);
            return;
        }
    /* All places are taken: those of before are closed. */
    memset(list->open, 0, sizeof list->open);
    text_copy(list->open[0], sizeof list->open[0], list->selected);
}

/* looking */

const struct console_entry *
console_list_selected(const struct console_list *list)
{
    return list->has_selection && list->index < list->count ? &list->entries[list->index] : NULL;
}

void
console_list_seen(struct console_list *list)
{
    const struct console_entry *entry = console_list_selected(list);

    if (entry != NULL && entry->alarm != NULL)
        list->seen_occ = entry->alarm->occ;
}

unsigned
console_list_above(const struct console_list *list, unsigned *out_worst)
{
    unsigned count = 0;

    *out_worst = 9;
    for (size_t i = 0; i < list->top && i < list->count; i++) {
        const struct console_alarm *alarm = list->entries[i].alarm;

        if (alarm == NULL || !console_alarm_is_unacked(alarm))
            continue;
        count++;
        if (alarm->priority < *out_worst)
            *out_worst = alarm->priority;
    }
    return count;
}

static bool
is_in_group(const struct console_list *list, const struct console_alarm *alarm)
{
    const struct console_group *as_root;
    const char *name = list->selected;

    if (alarm->root[0] != '\0')
        return strcmp(alarm->root, name) == 0;
    HASH_FIND_STR(list->groups, alarm->id, as_root);
    if (as_root != NULL)
        return strcmp(alarm->id, name) == 0;
    return strcmp(alarm->resource[0] != '\0' ? alarm->resource : alarm->id, name) == 0;
}

json_t *
console_list_group_alarms(const struct console_list *list, const struct console_board *board)
{
    json_t *alarms = json_array();

    for (const struct console_alarm *alarm = board->alarms;
         alarms != NULL && alarm != NULL && json_array_size(alarms) < CONSOLE_GROUP_ACK_MAX;
         alarm = alarm->hh.next)
        if (is_of_view(list, alarm) && passes(&list->filter, alarm) &&
            console_alarm_is_unacked(alarm) && is_in_group(list, alarm))
            json_array_append_new(
                alarms, json_pack("{s:s, s:I}", "id", alarm->id, "occ", (json_int_t)alarm->occ));
    return alarms;
}
