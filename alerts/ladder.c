/*
 * ladder.c - an escalation ladder.
 */
#include "alerts/ladder.h"

/* Of rung or repeat `number`, from 0; the one behind the last repeat is exhaustion. */
static int64_t
after_ms(const struct ladder *ladder, unsigned number)
{
    unsigned last = ladder->rung_count - 1u;

    if (number <= last)
        return ladder->rungs[number].after_ms;
    return ladder->rungs[last].after_ms + (int64_t)(number - last) * ladder->repeat_every_ms;
}

/* A ladder without repeats ends with its last rung: nobody was promised more. */
static unsigned
count_of(const struct ladder *ladder)
{
    if (ladder->rung_count == 0)
        return 0;
    return ladder->rung_count + ladder->repeats + (ladder->repeats > 0 ? 1u : 0u);
}

int64_t
ladder_due_ms(const struct ladder *ladder, const struct climb *climb)
{
    if (climb->is_exhausted || climb->told >= count_of(ladder))
        return INT64_MAX;
    return climb->began_mono_ms + after_ms(ladder, climb->told);
}

enum ladder_news
ladder_take(const struct ladder *ladder, struct climb *climb, int64_t mono_ms, unsigned *out_rung,
            unsigned *out_repeat)
{
    unsigned count = count_of(ladder), number = climb->told;
    unsigned last = ladder->rung_count - 1u;

    int64_t due_ms = ladder_due_ms(ladder, climb);

    if (due_ms == INT64_MAX || due_ms > mono_ms)
        return LADDER_QUIET;
    while (number + 1 < count && climb->began_mono_ms + after_ms(ladder, number + 1) <= mono_ms)
        number++;
    climb->told = (uint8_t)(number + 1);
    if (ladder->repeats > 0 && number == count - 1) {
        climb->is_exhausted = true;
        return LADDER_EXHAUSTED;
    }
    *out_rung = number < last ? number : last;
    *out_repeat = number > last ? number - last : 0;
    return LADDER_RUNG;
}
