/*
 * loop.h - libev, included here only (with its feature macros settled once).
 */
#ifndef WATCHROOM_BASE_LOOP_H
#define WATCHROOM_BASE_LOOP_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <ev.h>
#pragma GCC diagnostic pop

#endif
