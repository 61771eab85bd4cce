/*
 * runbook_ladder.h - who is told next of an alarm that nobody answers, for its page.
 */
#ifndef WATCHROOM_GATEWAY_RUNBOOK_LADDER_H
#define WATCHROOM_GATEWAY_RUNBOOK_LADDER_H

#include "config/site.h"
#include "gateway/base/text.h"

/* Rows of a table of two columns, one per audience that has a ladder. */
void runbook_ladder_rows(const struct site *site, const struct alarm_type *type,
                         struct text_buf *out);

#endif
