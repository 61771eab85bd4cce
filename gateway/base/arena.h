/*
 * arena.h - memory that is given piece by piece and freed as a whole.
 *
 * For what is built once and then only read: a site, its profiles, its alarm texts.
 */
#ifndef WATCHROOM_BASE_ARENA_H
#define WATCHROOM_BASE_ARENA_H

#include "gateway/base/base.h"

struct arena;

struct arena *arena_new(void); /* NULL: out of memory */
void arena_free(struct arena *arena);

/* Zeroed, aligned for any type; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_text(struct arena *arena, const char *text); /* a copy */
char *arena_format(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
size_t arena_bytes(const struct arena *arena);

#endif
