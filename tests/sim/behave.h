/*
 * behave.h - the ways in which a simulated device can be bad.
 */
#ifndef WATCHROOM_SIM_BEHAVE_H
#define WATCHROOM_SIM_BEHAVE_H

#include "gateway/base/err.h"

enum behave_kind {
    BEHAVE_NORMAL,
    BEHAVE_SILENT,     /* takes requests, answers none */
    BEHAVE_LATE,       /* every answer by `arg` ms */
    BEHAVE_LATE_ONCE,  /* the next answer by `arg` ms, then normal */
    BEHAVE_DRIP,       /* Modbus: one byte each `arg` ms */
    BEHAVE_GARBAGE,    /* random bytes instead of an answer */
    BEHAVE_WRONG_ID,   /* request or transaction id of another request */
    BEHAVE_WRONG_OID,  /* SNMP: objects that nobody asked for */
    BEHAVE_WRONG_UNIT, /* Modbus: another unit id */
    BEHAVE_TRUNCATED,  /* half an answer; Modbus: then the connection ends */
    BEHAVE_FLOOD,      /* `arg` unsolicited messages before each answer */
    BEHAVE_REFUSED,    /* nothing listens: ICMP unreachable, TCP reset */
    BEHAVE_HANG,       /* Modbus: connections are accepted and never read */
    BEHAVE_EXCEPTION,  /* Modbus: exception `arg`; SNMP: error status `arg` */
    BEHAVE_TOOBIG,     /* SNMP: tooBig beyond `arg` varbinds; Modbus: exception 3 beyond `arg` */
    BEHAVE_KIND_COUNT
};

struct behaviour {
    enum behave_kind kind;
    uint32_t arg;
};

const char *behave_name(enum behave_kind kind);
/* "late 200", "normal" ...; a missing number takes the kind's default. */
enum err_code behave_parse(const char *text, struct behaviour *out_behaviour,
                           struct err *err) MUST_CHECK;
bool behave_fits_snmp(enum behave_kind kind);
bool behave_fits_modbus(enum behave_kind kind);

#endif
