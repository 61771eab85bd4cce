/*
 * site_overrides.h - what a site changes about alarms of a profile, on one device.
 */
#ifndef WATCHROOM_CONFIG_SITE_OVERRIDES_H
#define WATCHROOM_CONFIG_SITE_OVERRIDES_H

#include "config/site_build.h"

/* The alarm as `node` changes it: `*out` stays when it is as it was, and is NULL when it is
 * switched off. False after faults. */
bool site_overrides_read(struct build *build, struct fy_node *node, const struct alarm_type *base,
                         const struct alarm_type **out);

/* A change to an alarm that does not exist is a misspelling. False after faults. `builtin`: names
 * of the alarms that every device has beside those of its profile. */
bool site_overrides_check_names(struct build *build, const struct built_device *device,
                                const char *const builtin[2]);

#endif
