/*
 * kpi.c - key figures of the alarms of each audience.
 *
 * What an alarm adds to "now" is taken away and added anew with each of its facts, so that nothing
 * is ever counted over. Time that goes backwards (a clock that was set) is held at the latest.
 */
#include "alerts/kpi.h"

#include <assert.h>
#include <stdlib.h>

#define SLICE_MS (KPI_SPAN_MS / KPI_SLICES)
/* Buckets: exact below 2^SUB_BITS, then 2^SUB_BITS a doubling: 0.8 % wide. */
#define SUB_BITS 7
#define SUB_COUNT (1u << SUB_BITS)

const uint32_t KPI_STEPS_S[KPI_STEPS] = {30, 60, 120, 300, 600, 1800, 7200, 86400};

/* What is known of one alarm. */
struct slot {
    int64_t waiting_since; /* told and not acknowledged; 0: not waiting */
    int64_t live_since;    /* 0: not live */
    uint32_t told;
    uint8_t audiences, priority;
    bool unacked, shelved, suppressed, out_of_service, in_hold;
    bool standing; /* counted as such now */
    bool chattered, stood;
};

struct flood {
    int64_t told[KPI_FLOOD_BEGINS]; /* the newest, as a ring */
    uint32_t next, count;
    int64_t since;   /* 0: none */
    int64_t counted; /* up to here it is in flood_ms */
};

struct window { /* told per slice of the last ten minutes */
    uint32_t counts[KPI_SLICES];
    int64_t slice; /* newest */
};

struct kpi {
    int64_t from, now;
    uint32_t slot_count;
    struct slot *slots;
    struct kpi_audience audiences[AUDIENCE_COUNT];
    struct flood floods[AUDIENCE_COUNT];
    struct window windows[AUDIENCE_COUNT];
    struct {
        int64_t span;
        uint64_t count;
    } spans[AUDIENCE_COUNT]; /* the ten minutes of the clock under way */
};

/* times */

static unsigned
bucket_of(uint64_t ms)
{
    if (ms < SUB_COUNT)
        return (unsigned)ms;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ms) - SUB_BITS;
    unsigned bucket = (shift + 1) * SUB_COUNT + (unsigned)(ms >> shift) - SUB_COUNT;
    return bucket < KPI_TIMES_BUCKETS ? bucket : KPI_TIMES_BUCKETS - 1;
}

/* The middle of a bucket. */
static int64_t
time_of(unsigned bucket)
{
    if (bucket < SUB_COUNT)
        return bucket;
    unsigned shift = bucket / SUB_COUNT - 1;
    uint64_t low = (uint64_t)(bucket % SUB_COUNT + SUB_COUNT) << shift;
    return (int64_t)(low + ((UINT64_C(1) << shift) - 1) / 2);
}

void
kpi_times_add(struct kpi_times *times, int64_t ms)
{
    uint64_t value = ms < 0 ? 0 : (uint64_t)ms;

    times->count++;
    times->sum_ms += value;
    if (value > times->max_ms)
        times->max_ms = value;
    for (size_t i = 0; i < KPI_STEPS; i++)
        if (value <= KPI_STEPS_S[i] * UINT64_C(1000))
            times->within[i]++;
    times->buckets[bucket_of(value)]++;
}

int64_t
kpi_times_quantile(const struct kpi_times *times, double q)
{
    uint64_t rank = (uint64_t)((double)times->count * q), seen = 0;

    if ((double)rank < (double)times->count * q)
        rank++;
    for (unsigned bucket = 0; bucket < KPI_TIMES_BUCKETS && rank > 0; bucket++) {
        seen += times->buckets[bucket];
        if (seen >= rank) {
            int64_t ms = time_of(bucket);
            return ms > (int64_t)times->max_ms ? (int64_t)times->max_ms : ms;
        }
    }
    return 0;
}

/* floods */

static int64_t
nth_newest(const struct flood *flood, uint32_t n) /* 1: the newest */
{
    return flood->told[(flood->next + KPI_FLOOD_BEGINS - n) % KPI_FLOOD_BEGINS];
}

/* Counts the flood's time up to `until`, as far as it lies behind `from`. */
static void
count_flood(const struct kpi *kpi, struct flood *flood, struct kpi_audience *of, int64_t until)
{
    int64_t begin = flood->counted > kpi->from ? flood->counted : kpi->from;

    if (until > begin) {
        if (flood->counted == flood->since || flood->counted < kpi->from)
            of->floods++;
        of->flood_ms += (uint64_t)(until - begin);
        flood->counted = until;
    }
}

/* A flood ends when the fifth newest has become older than ten minutes. */
static void
pass_flood(struct kpi *kpi, unsigned audience, int64_t now)
{
    struct flood *flood = &kpi->floods[audience];
    struct kpi_audience *of = &kpi->audiences[audience];

    if (flood->since == 0)
        return;
    int64_t end = nth_newest(flood, KPI_FLOOD_ENDS) + KPI_SPAN_MS;
    count_flood(kpi, flood, of, end < now ? end : now);
    if (end <= now) {
        flood->since = 0;
        of->is_flood = false;
    }
}

static void
tell_flood(struct kpi *kpi, unsigned audience, int64_t now)
{
    struct flood *flood = &kpi->floods[audience];

    pass_flood(kpi, audience, now);
    flood->told[flood->next] = now;
    flood->next = (flood->next + 1) % KPI_FLOOD_BEGINS;
    if (flood->count < KPI_FLOOD_BEGINS)
        flood->count++;
    if (flood->since == 0 && flood->count == KPI_FLOOD_BEGINS &&
        nth_newest(flood, KPI_FLOOD_BEGINS) > now - KPI_SPAN_MS) {
        flood->since = flood->counted = now;
        kpi->audiences[audience].is_flood = true;
    }
}

/* told per ten minutes */

static void
pass_window(struct window *window, int64_t now)
{
    int64_t slice = now / SLICE_MS;

    if (slice - window->slice >= KPI_SLICES)
        *window = (struct window){.slice = slice};
    while (window->slice < slice)
        window->counts[++window->slice % KPI_SLICES] = 0;
}

static void
tell(struct kpi *kpi, unsigned audience, unsigned priority, int64_t now, bool counts)
{
    struct kpi_audience *of = &kpi->audiences[audience];
    int64_t span = now / KPI_SPAN_MS;

    tell_flood(kpi, audience, now);
    pass_window(&kpi->windows[audience], now);
    kpi->windows[audience].counts[kpi->windows[audience].slice % KPI_SLICES]++;
    if (!counts)
        return;
    of->told[0]++;
    of->told[priority]++;
    if (kpi->spans[audience].span != span) {
        kpi->spans[audience].span = span;
        kpi->spans[audience].count = 0;
    }
    if (++kpi->spans[audience].count > of->peak)
        of->peak = kpi->spans[audience].count;
}

/* how it is */

#define EACH_AUDIENCE(kpi, bits, of)                                                               \
    for (struct kpi_audience *of = (kpi)->audiences; of < (kpi)->audiences + AUDIENCE_COUNT; of++) \
        if (((bits)&AUDIENCE_BIT((unsigned)(of - (kpi)->audiences))) != 0)

/* Adds (1) or takes away (-1) what the alarm is. */
static void
weigh(struct kpi *kpi, const struct slot *slot, int sign)
{
    uint64_t one = (uint64_t)sign; /* modulo 2^64: -1 takes away */
    EACH_AUDIENCE(kpi, slot->audiences, of)
    {
        if (slot->live_since != 0) {
            of->live[0] += one;
            of->live[slot->priority] += one;
        }
        if (slot->unacked) {
            of->unacked[0] += one;
            of->unacked[slot->priority] += one;
        }
        of->shelved += slot->shelved ? one : 0;
        of->suppressed += slot->suppressed ? one : 0;
        of->out_of_service += slot->out_of_service ? one : 0;
        of->in_hold += slot->in_hold ? one : 0;
        of->standing += slot->standing ? one : 0;
    }
}

/* Is it, or was it up to `until`, live for more than a day? `slot` is weighed out. */
static void
watch_standing(struct kpi *kpi, struct slot *slot, int64_t until)
{
    slot->standing = slot->live_since != 0 && until - slot->live_since > KPI_STANDING_MS;
    if (!slot->standing || slot->stood || until < kpi->from)
        return;
    slot->stood = true;
    EACH_AUDIENCE(kpi, slot->audiences, of) of->stood++;
}

/* Told and unacknowledged until acknowledged, by whatever came first. */
static void
watch_waiting(struct kpi *kpi, struct slot *slot, const struct kpi_fact *fact, bool counts)
{
    if (slot->waiting_since != 0 && !fact->unacked) {
        if (counts)
            EACH_AUDIENCE(kpi, slot->audiences, of)
            {
                int64_t ms = fact->utc_ms - slot->waiting_since;

                if (fact->is_acked) {
                    kpi_times_add(&of->acked[0], ms);
                    kpi_times_add(&of->acked[slot->priority], ms);
                } else {
                    of->never[0]++;
                    of->never[slot->priority]++;
                }
            }
        slot->waiting_since = 0;
    } else if (slot->waiting_since == 0 && fact->unacked) {
        /* Not seen when it was told: it was raised when it says so. */
        slot->waiting_since =
            fact->is_told || fact->raised_utc_ms == 0 ? fact->utc_ms : fact->raised_utc_ms;
    }
}

void
kpi_alarm(struct kpi *kpi, uint32_t number, const struct kpi_fact *fact)
{
    struct slot *slot = number < kpi->slot_count ? &kpi->slots[number] : NULL;
    bool counts = fact->utc_ms >= kpi->from;

    if (slot == NULL)
        return;
    assert(fact->priority <= 4);
    if (fact->utc_ms > kpi->now)
        kpi->now = fact->utc_ms;
    weigh(kpi, slot, -1);
    watch_standing(kpi, slot, fact->utc_ms);
    watch_waiting(kpi, slot, fact, counts);
    slot->audiences = (uint8_t)fact->audiences;
    slot->priority = (uint8_t)(fact->priority == 0 ? 4 : fact->priority);
    if (!fact->live)
        slot->live_since = 0;
    else
        slot->live_since = fact->raised_utc_ms != 0 ? fact->raised_utc_ms : fact->utc_ms;
    slot->unacked = fact->unacked;
    slot->shelved = fact->shelved;
    slot->suppressed = fact->suppressed;
    slot->out_of_service = fact->out_of_service;
    slot->in_hold = fact->in_hold;
    watch_standing(kpi, slot, fact->utc_ms);
    weigh(kpi, slot, 1);
    if (fact->is_told) {
        slot->told += counts ? 1 : 0;
        for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
            if ((fact->audiences & AUDIENCE_BIT(audience)) != 0)
                tell(kpi, audience, slot->priority, kpi->now, counts);
    }
    if (fact->is_chatter && counts && !slot->chattered) {
        slot->chattered = true;
        EACH_AUDIENCE(kpi, slot->audiences, of) of->chattered++;
    }
}

void
kpi_escalation(struct kpi *kpi, unsigned audiences, int64_t utc_ms)
{
    if (utc_ms >= kpi->from)
        EACH_AUDIENCE(kpi, audiences, of) of->escalations++;
}

void
kpi_advance(struct kpi *kpi, int64_t utc_ms)
{
    if (utc_ms > kpi->now)
        kpi->now = utc_ms;
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        pass_flood(kpi, audience, kpi->now);
        pass_window(&kpi->windows[audience], kpi->now);
    }
    for (uint32_t i = 0; i < kpi->slot_count; i++) {
        struct slot *slot = &kpi->slots[i];

        if (slot->live_since == 0 || (slot->standing && slot->stood))
            continue;
        weigh(kpi, slot, -1);
        watch_standing(kpi, slot, kpi->now);
        weigh(kpi, slot, 1);
    }
}

/* asking */

const struct kpi_audience *
kpi_of(const struct kpi *kpi, enum audience audience)
{
    return &kpi->audiences[audience];
}

uint32_t
kpi_told_lately(const struct kpi *kpi, enum audience audience)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < KPI_SLICES; i++)
        sum += kpi->windows[audience].counts[i];
    return sum;
}

uint32_t
kpi_told_of(const struct kpi *kpi, uint32_t slot, unsigned *out_audiences)
{
    if (slot >= kpi->slot_count)
        return 0;
    *out_audiences = kpi->slots[slot].audiences;
    return kpi->slots[slot].told;
}

struct kpi *
kpi_new(uint32_t alarms, int64_t from_utc_ms)
{
    struct kpi *kpi = calloc(1, sizeof *kpi);

    if (kpi == NULL)
        return NULL;
    kpi->slots = calloc((size_t)alarms + 1, sizeof *kpi->slots);
    if (kpi->slots == NULL) {
        free(kpi);
        return NULL;
    }
    kpi->slot_count = alarms;
    kpi->from = from_utc_ms;
    return kpi;
}

void
kpi_free(struct kpi *kpi)
{
    if (kpi == NULL)
        return;
    free(kpi->slots);
    free(kpi);
}
