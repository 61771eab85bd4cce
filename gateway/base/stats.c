/*
 * stats.c - names of the counters.
 */
#include "gateway/base/stats.h"

#include <assert.h>

enum { COUNTER = 0, GAUGE = 1 };

#define OF_ANY ""
#define OF_COLLECTOR "collector"
#define OF_STORE "store"
#define OF_ALARMS "alarms"
#define OF_COURIER "courier"
#define OF_WEB "web"

static const struct stat_info INFOS[STAT_COUNT] = {
#define STAT_INFO(symbol, kind, text, owner, about)                                                \
    [STAT_##symbol] = {text, about, OF_##owner, kind == GAUGE},
    STATS_TABLE(STAT_INFO)
#undef STAT_INFO
};

const struct stat_info *
stat_info(enum stat_id stat)
{
    assert((unsigned)stat < STAT_COUNT);
    return &INFOS[stat];
}
