/*
 * sample.h - one reading of one point: where collectors and alerts meet.
 *
 * Sent as it is between processes of one program on one machine. A value is never re-stamped: a
 * device that did not answer gives a bad sample with the time of the attempt.
 */
#ifndef WATCHROOM_BASE_SAMPLE_H
#define WATCHROOM_BASE_SAMPLE_H

#include "gateway/base/base.h"

enum quality { QUALITY_GOOD, QUALITY_UNCERTAIN, QUALITY_BAD, QUALITY_COUNT };

enum cause {
    CAUSE_OK,
    CAUSE_TIMEOUT,      /* no answer */
    CAUSE_REFUSED,      /* connection refused, port closed, access denied */
    CAUSE_EXCEPTION,    /* the device answered with an error (Modbus exception, SNMP errstat) */
    CAUSE_PROTOCOL,     /* the answer broke its protocol */
    CAUSE_ABSENT,       /* a sentinel, NULL or noSuchInstance: the device has no such value now */
    CAUSE_OUT_OF_RANGE, /* outside the plausible range of the profile */
    CAUSE_NOT_A_NUMBER, /* NaN, infinity, or text that is no number */
    CAUSE_WRONG_TYPE,   /* another ASN.1 type than a value can have */
    CAUSE_SUBSTITUTED,  /* set by a person or a simulation */
    CAUSE_NOT_YET_READ, /* since the start of the process */
    CAUSE_COUNT
};

#define SAMPLE_NEVER INT64_MIN /* prev_good_mono_ms: no good reading yet */

struct sample {
    uint32_t point;            /* number given by the master; never reused in its life */
    uint8_t quality;           /* enum quality */
    uint8_t cause;             /* enum cause */
    uint16_t flags;            /* SAMPLE_... */
    double value;              /* meaningless unless quality is good or uncertain */
    int64_t utc_ms;            /* the device was read */
    int64_t mono_ms;           /* the same moment, CLOCK_MONOTONIC */
    int64_t prev_good_mono_ms; /* the previous good reading of this point, or SAMPLE_NEVER */
};

#define SAMPLE_SNAPSHOT (1u << 0) /* repeated from memory because a reader asked */
#define SAMPLE_MERGED (1u << 1)   /* a minimum or maximum kept while the reader lagged */

/* A state change or trap: never merged, never dropped, kept by its collector until committed. */
struct event {
    uint64_t number; /* 1, 2, 3 ... per incarnation of its collector */
    struct sample sample;
};

#define TEXT_VALUE_MAX 128

/* A reading of a text point (serial number, model). Not judged, not stored in an RRD. */
struct text_value {
    uint32_t point;
    uint8_t quality;
    uint8_t cause;
    uint16_t flags;
    int64_t utc_ms;
    char text[TEXT_VALUE_MAX]; /* clean UTF-8, NUL-terminated */
};

const char *quality_name(enum quality quality); /* "good" ... */
const char *cause_name(enum cause cause);       /* "ok", "timeout" ... */

#endif
