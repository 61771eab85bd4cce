/*
 * alarm_index.c - alarm ids to numbers.
 */
#include "alerts/alarm_index.h"

#include <stdlib.h>
#include <string.h>

static int
by_id(const void *a, const void *b, void *ctx)
{
    const struct alarm_def *alarms = ctx;

    return strcmp(alarms[*(const uint32_t *)a].id, alarms[*(const uint32_t *)b].id);
}

bool
alarm_index_init(struct alarm_index *index, const struct alarm_def *alarms, uint32_t limit)
{
    *index = (struct alarm_index){.alarms = alarms};
    index->sorted = calloc((size_t)limit + 1, sizeof *index->sorted);
    if (index->sorted == NULL)
        return false;
    for (uint32_t i = 0; i < limit; i++)
        if (alarms[i].type != NULL)
            index->sorted[index->count++] = i;
    qsort_r(index->sorted, index->count, sizeof *index->sorted, by_id, (void *)(uintptr_t)alarms);
    return true;
}

void
alarm_index_done(struct alarm_index *index)
{
    free(index->sorted);
    index->sorted = NULL;
    index->count = 0;
}

bool
alarm_index_find(const struct alarm_index *index, const char *id, uint32_t *out_alarm)
{
    uint32_t low = 0, high = index->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(id, index->alarms[index->sorted[middle]].id);

        if (order == 0) {
            *out_alarm = index->sorted[middle];
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
