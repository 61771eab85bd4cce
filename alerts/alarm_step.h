/*
 * alarm_step.h - the life of one alarm as a pure step function over independent regions.
 *
 * Every event is legal in every state. Time is not known here: an expiring timer is an event.
 * Events, outputs and replies carry the names of the reference model (tests compare the two line by
 * line): "in_true", "raised", "stale-occurrence" ...
 */
#ifndef WATCHROOM_ALERTS_ALARM_STEP_H
#define WATCHROOM_ALERTS_ALARM_STEP_H

#include "gateway/base/base.h"

enum alarm_cond { COND_NORMAL, COND_PENDING, COND_ACTIVE, COND_CLEARING, COND_LATCHED, COND_COUNT };
enum alarm_ack { ACK_NONE, ACK_UNACKED, ACK_ACKED, ACK_COUNT };

struct alarm_regions {
    uint8_t cond; /* enum alarm_cond */
    uint8_t ack;  /* enum alarm_ack */
    bool inp;     /* the rule's last good result */
    bool shelved;
    bool design;      /* suppressed by design */
    bool oos;         /* out of service */
    bool test;        /* an announced test covers it */
    bool good;        /* quality of the input */
    bool annunciated; /* this occurrence has been shown to people */
};

struct alarm_traits {
    bool latch, on_delay, off_delay, ack_required, shelvable;
};

/* X(symbol, "name"), in the order of the reference model. */
#define ALARM_EVENTS(X)                                                                            \
    X(IN_TRUE, "in_true")                                                                          \
    X(IN_FALSE, "in_false")                                                                        \
    X(ON_DELAY_OVER, "on_delay_over")                                                              \
    X(OFF_DELAY_OVER, "off_delay_over")                                                            \
    X(ACK, "ack")                                                                                  \
    X(ACK_OLD_OCCURRENCE, "ack_old_occurrence")                                                    \
    X(RESET, "reset")                                                                              \
    X(SHELVE, "shelve")                                                                            \
    X(UNSHELVE, "unshelve")                                                                        \
    X(SHELF_OVER, "shelf_over")                                                                    \
    X(DESIGN_ON, "design_on")                                                                      \
    X(DESIGN_OFF, "design_off")                                                                    \
    X(OOS_ON, "oos_on")                                                                            \
    X(OOS_OFF, "oos_off")                                                                          \
    X(TEST_ON, "test_on")                                                                          \
    X(TEST_OFF, "test_off")                                                                        \
    X(QUALITY_BAD, "quality_bad")                                                                  \
    X(QUALITY_GOOD, "quality_good")                                                                \
    X(REALARM, "realarm")
enum alarm_event {
#define ALARM_EVENT_ENUM(symbol, name) EVENT_##symbol,
    ALARM_EVENTS(ALARM_EVENT_ENUM)
#undef ALARM_EVENT_ENUM
        EVENT_COUNT
};

/* Outputs, as bits; several may come out of one step. From the lowest bit up is the order in which
 * the model puts them out. */
#define ALARM_OUTPUTS(X)                                                                           \
    X(FLEETING, "fleeting")                                                                        \
    X(RESET, "reset")                                                                              \
    X(ACKED, "acked")                                                                              \
    X(SHELVED, "shelved")                                                                          \
    X(UNSHELVED, "unshelved")                                                                      \
    X(SUPPRESSED, "suppressed")                                                                    \
    X(UNSUPPRESSED, "unsuppressed")                                                                \
    X(OUT_OF_SERVICE, "out-of-service")                                                            \
    X(IN_SERVICE, "in-service")                                                                    \
    X(TEST_BEGAN, "test-began")                                                                    \
    X(TEST_ENDED, "test-ended")                                                                    \
    X(QUALITY_BAD, "quality-bad")                                                                  \
    X(QUALITY_GOOD, "quality-good")                                                                \
    X(RESUME, "resume")                                                                            \
    X(REARM, "rearm")                                                                              \
    X(CLEARED, "cleared")                                                                          \
    X(RAISED, "raised")                                                                            \
    X(ANNUNCIATE, "annunciate")                                                                    \
    /* of the filter before the model's input (engine.h), not of the model */                      \
    X(CHATTER, "chatter")                                                                          \
    X(STEADY, "steady")                                                                            \
    /* of those suppressed under it (engine.h) */                                                  \
    X(IMPACTS, "impacts")
enum alarm_output {
#define ALARM_OUTPUT_ENUM(symbol, name) OUTPUT_##symbol,
    ALARM_OUTPUTS(ALARM_OUTPUT_ENUM)
#undef ALARM_OUTPUT_ENUM
        OUTPUT_COUNT
};
#define OUT(symbol) (1u << OUTPUT_##symbol)

#define ALARM_REPLIES(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(IGNORED, "ignored")                                                                          \
    X(NOT_UNACKED, "not-unacked")                                                                  \
    X(STALE_OCCURRENCE, "stale-occurrence")                                                        \
    X(NOT_LATCHED, "not-latched")                                                                  \
    X(ACK_FIRST, "ack-first")                                                                      \
    X(QUALITY_BAD, "quality-bad")                                                                  \
    X(NOT_SHELVABLE, "not-shelvable")                                                              \
    X(ALREADY_SHELVED, "already-shelved")                                                          \
    X(OUT_OF_SERVICE, "out-of-service")                                                            \
    X(NOT_SHELVED, "not-shelved")                                                                  \
    X(ALREADY_OUT_OF_SERVICE, "already-out-of-service")                                            \
    X(NOT_OUT_OF_SERVICE, "not-out-of-service")
enum alarm_reply {
#define ALARM_REPLY_ENUM(symbol, name) REPLY_##symbol,
    ALARM_REPLIES(ALARM_REPLY_ENUM)
#undef ALARM_REPLY_ENUM
        REPLY_COUNT
};

void alarm_regions_init(struct alarm_regions *regions); /* at rest, quality good */

/* One step; returns the outputs, sets the reply. */
uint32_t alarm_step(struct alarm_regions *regions, const struct alarm_traits *traits,
                    enum alarm_event event, enum alarm_reply *out_reply);

static inline bool
alarm_is_live(const struct alarm_regions *regions)
{
    return regions->cond >= COND_ACTIVE;
}

static inline bool
alarm_is_suppressed(const struct alarm_regions *regions)
{
    return regions->shelved || regions->design || regions->oos;
}

/* ISA-18.2 letter 'A'..'I', derived, never stored. */
char alarm_isa_letter(const struct alarm_regions *regions);

const char *alarm_cond_name(enum alarm_cond cond);
const char *alarm_ack_name(enum alarm_ack ack);
const char *alarm_event_name(enum alarm_event event);
const char *alarm_output_name(enum alarm_output output);
const char *alarm_reply_name(enum alarm_reply reply);
bool alarm_event_of(const char *name, enum alarm_event *out_event);

#endif
