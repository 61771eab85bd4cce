/*
 * flood.c - is an audience told more than people can take in?
 */
#include "alerts/flood.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void
flood_init(struct flood *flood, const struct flood_limits *limits)
{
    assert(limits->begin <= FLOOD_MAX && limits->end <= limits->begin);
    memset(flood, 0, sizeof *flood);
    flood->limits = *limits;
}

/* The one told `back` alarms ago. */
static int64_t
time_of(const struct flood_of *of, uint32_t back)
{
    return of->times_ms[(of->newest + FLOOD_MAX - back) % FLOOD_MAX];
}

static void
push(struct flood_of *of, int64_t mono_ms)
{
    if (of->count > 0 && mono_ms < time_of(of, 0))
        mono_ms = time_of(of, 0);
    of->newest = (of->newest + 1) % FLOOD_MAX;
    of->times_ms[of->newest] = mono_ms;
    if (of->count < FLOOD_MAX)
        of->count++;
}

/* At least so many, within the time? */
static bool
has_told(const struct flood *flood, const struct flood_of *of, uint32_t count, int64_t mono_ms)
{
    return of->count >= count && mono_ms - time_of(of, count - 1) < flood->limits.within_ms;
}

unsigned
flood_note(struct flood *flood, unsigned audiences, struct stamp now)
{
    unsigned begun = 0;

    if (flood->limits.begin == 0)
        return 0;
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        struct flood_of *of = &flood->of[i];

        if ((audiences & AUDIENCE_BIT(i)) == 0)
            continue;
        push(of, now.mono_ms);
        if (of->is_flood && of->told < UINT32_MAX)
            of->told++;
        if (of->is_flood || !has_told(flood, of, flood->limits.begin, now.mono_ms))
            continue;
        of->is_flood = true;
        of->told = flood->limits.begin;
        of->since_utc_ms = now.utc_ms;
        begun |= AUDIENCE_BIT(i);
    }
    return begun;
}

unsigned
flood_tick(struct flood *flood, struct stamp now)
{
    unsigned ended = 0;

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        struct flood_of *of = &flood->of[i];

        if (!of->is_flood || has_told(flood, of, flood->limits.end, now.mono_ms))
            continue;
        of->is_flood = false;
        ended |= AUDIENCE_BIT(i);
    }
    return ended;
}

unsigned
flood_audiences(const struct flood *flood)
{
    unsigned audiences = 0;

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if (flood->of[i].is_flood)
            audiences |= AUDIENCE_BIT(i);
    return audiences;
}

json_t *
flood_names(unsigned audiences)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < AUDIENCE_COUNT; i++)
        if ((audiences & AUDIENCE_BIT(i)) != 0)
            json_array_append_new(names, json_string(audience_name((enum audience)i)));
    return names;
}

uint32_t
flood_recent(const struct flood *flood, enum audience audience, int64_t mono_ms)
{
    const struct flood_of *of = &flood->of[audience];
    uint32_t recent = 0;

    while (recent < of->count && has_told(flood, of, recent + 1, mono_ms))
        recent++;
    return recent;
}

bool
flood_is_audible(const struct flood *flood, unsigned audiences, unsigned priority)
{
    return priority < 3 || (audiences & ~flood_audiences(flood)) != 0;
}

/* "<is flood> <told> <since> <time> ...", the newest first: as many as a limit can ask for. */
void
flood_write(const struct flood *flood, enum audience audience, struct stamp now, char *out,
            size_t size)
{
    const struct flood_of *of = &flood->of[audience];
    int length =
        snprintf(out, size, "%d %u %lld", of->is_flood, of->told, (long long)of->since_utc_ms);
    uint32_t wanted = of->count < flood->limits.begin ? of->count : flood->limits.begin;

    for (uint32_t i = 0; i < wanted && length > 0 && (size_t)length < size; i++) {
        int64_t utc_ms = now.utc_ms - (now.mono_ms - time_of(of, i));

        length += snprintf(out + length, size - (size_t)length, " %lld", (long long)utc_ms);
    }
}

bool
flood_read(struct flood *flood, enum audience audience, const char *text, struct stamp now)
{
    struct flood_of *of = &flood->of[audience];
    int64_t ages_ms[FLOOD_MAX];
    uint32_t count = 0;
    long long since, utc_ms;
    unsigned told;
    int is_flood, length;

    if (sscanf(text, "%d %u %lld%n", &is_flood, &told, &since, &length) != 3 || is_flood < 0 ||
        is_flood > 1)
        return false;
    for (text += length; count < FLOOD_MAX && sscanf(text, " %lld%n", &utc_ms, &length) == 1;
         text += length) {
        int64_t age_ms = utc_ms < now.utc_ms && utc_ms >= 0 ? now.utc_ms - utc_ms : 0;

        ages_ms[count++] = age_ms < flood->limits.within_ms ? age_ms : flood->limits.within_ms;
    }
    if (flood->limits.begin == 0)
        return true;
    of->is_flood = is_flood == 1;
    of->told = told;
    of->since_utc_ms = since;
    while (count > 0)
        push(of, now.mono_ms - ages_ms[--count]);
    return true;
}
