/*
 * master.h - the master: reads the site, makes sockets and links, forks the workers, watches them.
 */
#ifndef WATCHROOM_GATEWAY_MASTER_H
#define WATCHROOM_GATEWAY_MASTER_H

#include "gateway/base/base.h"

struct master_options {
    const char *site_file;
    const char *profile_dir; /* NULL: the installed ones */
    const char *socket;      /* NULL: as the site says */
    bool verbose;
};

/* Runs until SIGTERM or SIGINT. Returns an exit status of sysexits.h. */
int master_run(const struct master_options *options);

#endif
