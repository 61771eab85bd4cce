/*
 * stats.c - names of the counters.
 */
#include "gateway/base/stats.h"

#include <assert.h>

enum { COUNTER = 0, GAUGE = 1 };

static const struct stat_info INFOS[STAT_COUNT] = {
#define STAT_INFO(symbol, kind, text, about) [STAT_##symbol] = {text, about, kind == GAUGE},
    STATS_TABLE(STAT_INFO)
#undef STAT_INFO
};

const struct stat_info *
stat_info(enum stat_id stat)
{
    assert((unsigned)stat < STAT_COUNT);
    return &INFOS[stat];
}
