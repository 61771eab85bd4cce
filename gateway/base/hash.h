/*
 * hash.h - uthash, included here only; out of memory sets the element's hh.tbl to NULL instead of
 * ending the process. Check it after HASH_ADD where the element count is not fixed at start.
 */
#ifndef WATCHROOM_BASE_HASH_H
#define WATCHROOM_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
