/*
 * behave.c - the ways in which a simulated device can be bad.
 */
#include "tests/sim/behave.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

#define SNMP 1u
#define MODBUS 2u

static const struct {
    const char *name;
    unsigned fits;
    uint32_t arg, min, max; /* the default; no number is taken when max is 0 */
} KINDS[BEHAVE_KIND_COUNT] = {
    /* clang-format off */
    [BEHAVE_NORMAL] =     {"normal",          SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_SILENT] =     {"silent",          SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_LATE] =       {"late",            SNMP | MODBUS, 3000, 1, 600000},
    [BEHAVE_LATE_ONCE] =  {"late-once",       SNMP | MODBUS, 3000, 1, 600000},
    [BEHAVE_DRIP] =       {"drip",            MODBUS,        200, 1, 600000},
    [BEHAVE_GARBAGE] =    {"garbage",         SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_WRONG_ID] =   {"wrong-id",        SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_WRONG_OID] =  {"wrong-oid",       SNMP,          0, 0, 0},
    [BEHAVE_WRONG_UNIT] = {"wrong-unit",      MODBUS,        0, 0, 0},
    [BEHAVE_TRUNCATED] =  {"truncated",       SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_FLOOD] =      {"flood",           SNMP | MODBUS, 100, 1, 100000},
    [BEHAVE_REFUSED] =    {"refused",         SNMP | MODBUS, 0, 0, 0},
    [BEHAVE_HANG] =       {"accept-and-hang", MODBUS,        0, 0, 0},
    [BEHAVE_EXCEPTION] =  {"exception",       SNMP | MODBUS, 4, 1, 255},
    [BEHAVE_TOOBIG] =     {"toobig",          SNMP | MODBUS, 0, 0, 65535},
    /* clang-format on */
};

const char *
behave_name(enum behave_kind kind)
{
    assert((unsigned)kind < BEHAVE_KIND_COUNT);
    return KINDS[kind].name;
}

bool
behave_fits_snmp(enum behave_kind kind)
{
    return (KINDS[kind].fits & SNMP) != 0;
}

bool
behave_fits_modbus(enum behave_kind kind)
{
    return (KINDS[kind].fits & MODBUS) != 0;
}

static enum err_code
unknown_kind(const char *word, struct err *err)
{
    const char *names[BEHAVE_KIND_COUNT];

    for (size_t i = 0; i < BEHAVE_KIND_COUNT; i++)
        names[i] = KINDS[i].name;
    const char *nearest = text_nearest(word, names, BEHAVE_KIND_COUNT);
    return err_set(err, ERR_CONFIG, "no behaviour \"%s\"%s%s%s", word,
                   nearest == NULL ? "" : " (did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?)");
}

enum err_code
behave_parse(const char *text, struct behaviour *out_behaviour, struct err *err)
{
    char word[32], rest[32], more[2];
    int found = sscanf(text, "%31s %31s %1s", word, rest, more);
    int64_t arg;

    if (found < 1 || found > 2)
        return err_set(err, ERR_CONFIG, "behaviour \"%s\": give a kind and at most a number", text);
    for (size_t i = 0; i < BEHAVE_KIND_COUNT; i++) {
        if (strcmp(word, KINDS[i].name) != 0)
            continue;
        arg = KINDS[i].arg;
        if (found == 2 &&
            (KINDS[i].max == 0 || !text_parse_int(rest, KINDS[i].min, KINDS[i].max, &arg)))
            return err_set(err, ERR_CONFIG, "behaviour %s: \"%s\" %s", word, rest,
                           KINDS[i].max == 0 ? "is too much: it takes no number"
                                             : "is not a number in its range");
        *out_behaviour = (struct behaviour){(enum behave_kind)i, (uint32_t)arg};
        return ERR_OK;
    }
    return unknown_kind(word, err);
}
