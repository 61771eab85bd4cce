/*
 * sweep.c - alarm topics that the broker remembers and the journal does not.
 */
#include "alerts/sweep.h"

#include <stdlib.h>
#include <string.h>

struct noted {
    struct noted *next;
    char id[];
};

struct sweep {
    struct noted *first;
    size_t count;
};

struct sweep *
sweep_new(void)
{
    return calloc(1, sizeof(struct sweep));
}

static void
drop_first(struct sweep *sweep)
{
    struct noted *noted = sweep->first;

    sweep->first = noted->next;
    sweep->count--;
    free(noted);
}

void
sweep_forget(struct sweep *sweep)
{
    while (sweep->first != NULL)
        drop_first(sweep);
}

void
sweep_free(struct sweep *sweep)
{
    if (sweep == NULL)
        return;
    sweep_forget(sweep);
    free(sweep);
}

void
sweep_note(struct sweep *sweep, const char *alarm_id)
{
    size_t bytes = strlen(alarm_id) + 1;
    struct noted *noted = sweep->count < SWEEP_MAX ? malloc(sizeof *noted + bytes) : NULL;

    if (noted == NULL)
        return; /* the next connect shows it again */
    memcpy(noted->id, alarm_id, bytes);
    noted->next = sweep->first;
    sweep->first = noted;
    sweep->count++;
}

unsigned
sweep_pump(struct sweep *sweep, const struct sweep_io *io, void *ctx)
{
    unsigned emptied = 0;

    for (int i = 0; i < SWEEP_PER_PUMP && sweep->first != NULL; i++) {
        const char *id = sweep->first->id;

        if (!io->is_told(ctx, id)) {
            if (!io->empty(ctx, id))
                break;
            emptied++;
        }
        drop_first(sweep);
    }
    return emptied;
}
