/*
 * restart.h - start from the journal: what every start of the alarms process does first, be it the
 * first one, a crash, a reload or an upgrade.
 */
#ifndef WATCHROOM_ALERTS_RESTART_H
#define WATCHROOM_ALERTS_RESTART_H

#include "alerts/alarms_self.h"

/* Restores the engine from the records, tells what differs from what was told, withdraws alarms
 * whose definition is gone, and writes the row "start". The journal is open, nothing is linked yet.
 */
enum err_code restart_from_journal(struct alarms *self, const struct journal_open_result *opened,
                                   struct err *err) MUST_CHECK;

#endif
