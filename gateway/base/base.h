/*
 * base.h - the few macros that every file uses.
 */
#ifndef WATCHROOM_BASE_H
#define WATCHROOM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define ID_MAX 128       /* bytes of a device, point or alarm id, with the NUL */
#define TOPIC_ID_MAX 256 /* bytes of "<device>/<point>" or an alarm path, with the NUL */

#endif
