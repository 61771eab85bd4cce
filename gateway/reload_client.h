/*
 * reload_client.h - asking the gateway to read its configuration again, and what became of it.
 */
#ifndef WATCHROOM_GATEWAY_RELOAD_CLIENT_H
#define WATCHROOM_GATEWAY_RELOAD_CLIENT_H

#include "gateway/cmd_common.h"

/* May the caller ask? An exit status; says why not on stderr. */
int reload_may(const struct common_options *common);

/*
 * Asks and waits for the master's word, over the restart of those who pass it on. EXIT_FINE:
 * *out_verdict is the row of the journal, accepted or refused (a new reference). Else an exit
 * status, with a word on stderr. `reverted`: the generation whose text was put back, 0: none.
 */
int reload_await(const struct common_options *common, uint32_t reverted, json_t **out_verdict);

/* In words on stdout, faults on stderr; EXIT_FINE: accepted, EXIT_WRONG: refused. */
int reload_print(const struct common_options *common, const json_t *verdict);

#endif
