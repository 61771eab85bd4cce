/*
 * latest.h - the last reading of every point of this collector: what a snapshot repeats, what a
 * change is measured against.
 *
 * Points are dense indexes 0 .. count - 1; the number of the directory is in the entry.
 */
#ifndef WATCHROOM_COLLECTORS_LATEST_H
#define WATCHROOM_COLLECTORS_LATEST_H

#include "gateway/base/clock.h"
#include "gateway/base/sample.h"

/* Flags of an entry; none of them travels. */
#define LATEST_KNOWN (1u << 0)    /* was read, or tried, at least once */
#define LATEST_STATE (1u << 1)    /* a state or flag: a change is an event */
#define LATEST_TEXT (1u << 2)     /* `text` is valid, may be NULL */
#define LATEST_WAITING (1u << 3)  /* in a queue of outbound.c: it will be sent from here */
#define LATEST_OWED (1u << 4)     /* its change waits for room among the events */
#define LATEST_AS_EVENT (1u << 5) /* the last reading travels as an event, not as a sample */
#define LATEST_RENEW (1u << 6)    /* the next good reading is an event, changed or not */
#define LATEST_REPEAT (1u << 7)   /* a text that a snapshot asked for */
#define LATEST_ROUND (1u << 8)    /* first of the bits that count polls, see poller.c */
#define LATEST_ROUNDS 4u

/* As large as a sample, and nearly one. */
struct latest_point {
    uint32_t number;
    uint8_t quality, cause;
    uint16_t flags;
    union {
        double value; /* the last good one */
        char *text;
    };
    int64_t utc_ms, mono_ms, prev_good_mono_ms;
};

struct latest {
    struct latest_point *points;
    uint32_t count;
};

bool latest_init(struct latest *latest, uint32_t count) MUST_CHECK;
void latest_done(struct latest *latest);

/* Before the first reading of `index`; `kind` is LATEST_STATE, LATEST_TEXT or 0. */
void latest_name(struct latest *latest, uint32_t index, uint32_t number, unsigned kind);

/* A reading. True: a state point's good value is another one than before, or its first. */
bool latest_read(struct latest_point *point, double value, enum quality quality, enum cause cause,
                 const struct stamp *stamp);
/* A reading of a text point. True: text or quality are new. Out of memory keeps it bad. */
bool latest_read_text(struct latest_point *point, const char *text, enum quality quality,
                      enum cause cause, const struct stamp *stamp);

/* The last reading as it travels; `flags` are SAMPLE_... */
static inline void
latest_sample(const struct latest_point *point, uint16_t flags, struct sample *out)
{
    *out = (struct sample){.point = point->number,
                           .quality = point->quality,
                           .cause = point->cause,
                           .flags = flags,
                           .value = point->quality == QUALITY_BAD ? 0 : point->value,
                           .utc_ms = point->utc_ms,
                           .mono_ms = point->mono_ms,
                           .prev_good_mono_ms = point->prev_good_mono_ms};
}

void latest_text(const struct latest_point *point, uint16_t flags, struct text_value *out);

#endif
