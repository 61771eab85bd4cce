/*
 * lints.h - warnings about alarms that can be read and yet are no good ones: the rationalisation of
 * docs/alarm-philosophy.md, as far as it can be seen without knowing the plant.
 *
 * Run by `watchroom check` only, on a site without errors. A fault of a profile is told once, not
 * for every device.
 */
#ifndef WATCHROOM_CONFIG_LINTS_H
#define WATCHROOM_CONFIG_LINTS_H

#include "config/site_build.h"

#define LINTS_TEXT_CHARS 60    /* of `text`: with priority, age and id it still fits 80 columns */
#define LINTS_DETAIL_CHARS 240 /* of consequence and action: three lines */

/* Where an alarm is defined or changed. Both NULL: built in. */
struct lint_place {
    struct fy_node *node;           /* of the site file */
    const struct yaml_place *place; /* of a profile */
};

struct lint_alarm {
    struct alarm_def def;
    struct lint_place at;
};

/* The site's directory and users are known. */
void lints_run(struct build *build, const struct lint_alarm *alarms, size_t count);

#endif
