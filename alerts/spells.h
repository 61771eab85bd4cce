/*
 * spells.h - what a person puts on an alarm for a time: out of service, now or later, and an
 * announced test.
 *
 * Each has an end; nothing stays out of service because somebody forgot it. The end runs on UTC
 * checked against the monotonic clock: after a restart with a clock that went back it lasts as long
 * as was asked for, no longer. Kept in the journal (facts "spell.<kind>.<alarm id>").
 */
#ifndef WATCHROOM_ALERTS_SPELLS_H
#define WATCHROOM_ALERTS_SPELLS_H

#include "alerts/alarm_index.h"
#include "alerts/alarm_tell.h"

#define SPELLS_MAX 4096

enum spell_kind { SPELL_OOS, SPELL_TEST, SPELL_KINDS };

struct spells;

/* All borrowed; tell->engine must be there before any other call. NULL: out of memory. */
struct spells *spells_new(struct alarm_tell *tell, const struct alarm_index *index);
void spells_free(struct spells *spells);

/* After the alarms were restored: what stood goes on, what ended meanwhile ends now; an alarm whose
 * spell is not on record comes back into service. */
enum err_code spells_restore(struct spells *spells, struct stamp now, struct err *err) MUST_CHECK;

struct spell_terms {
    int64_t from_utc_ms; /* at or before now: at once */
    int64_t to_utc_ms;
    const char *by; /* user name */
    const char
        *text; /* canonical JSON with "from", "until", "ts": what the alarm object says of it */
};

/* What became of it; SPELL_TOO_MANY, SPELL_PLANNED: see errors in words. */
enum spell_result { SPELL_DONE, SPELL_REFUSED, SPELL_TOO_MANY, SPELL_PLANNED };

/* `out_reply`: the engine's, with SPELL_REFUSED. SPELL_PLANNED: there is one to come already. */
enum spell_result spells_begin(struct spells *spells, enum spell_kind kind, uint32_t alarm,
                               const struct spell_terms *terms, struct stamp now,
                               enum alarm_reply *out_reply);
/* Ends it before its time; one that is yet to come is given up. `order` for the row. */
enum alarm_reply spells_end(struct spells *spells, enum spell_kind kind, uint32_t alarm,
                            const struct alarm_order *order, struct stamp now);

/* About once a second. */
void spells_tick(struct spells *spells, struct stamp now);

/* Those that stand or are to come. */
uint32_t spells_count(const struct spells *spells);

#endif
