/*
 * journal_space.h - what lies beside journal.db for the bad day: the ballast and the mark.
 *
 * The ballast is a preallocated file that is given up first when the disk is full: it pays for the
 * alarm that says so, and for what follows. The mark is a small file written once and then
 * overwritten in place (needs no new space): the newest seq that may have been told without being
 * on disk, so that a restart never gives the same number to another fact. Private to the journal.
 */
#ifndef WATCHROOM_ALERTS_JOURNAL_SPACE_H
#define WATCHROOM_ALERTS_JOURNAL_SPACE_H

#include "gateway/base/base.h"

/* Has the ballast its full size? */
bool journal_ballast_stands(const char *path, uint64_t bytes);
/* Makes it, if afterwards as much again is free. `bytes` 0: none is wanted. */
void journal_ballast_make(const char *path, uint64_t bytes);
/* True when there was something to give up. */
bool journal_ballast_give(const char *path);

/* 0 when there is none or it is not sound. */
uint64_t journal_mark_read(const char *path);
/* Blocking until it is on disk. Where even this fails, a restart may use numbers twice: there is
 * nothing left that could be done about it. */
void journal_mark_write(const char *path, uint64_t seq);

#endif
