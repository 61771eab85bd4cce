/*
 * site_roots.h - which alarm is suppressed under which.
 */
#ifndef WATCHROOM_CONFIG_SITE_ROOTS_H
#define WATCHROOM_CONFIG_SITE_ROOTS_H

#include "config/lints.h"

/* Sets `root` of each alarm to the index of its root in the list, UINT32_MAX: none. `ids` has the
 * index of each id. False: faults were reported. */
bool site_roots_find(struct build *build, struct lint_alarm *alarms, uint32_t count,
                     const struct number_of *ids);

#endif
