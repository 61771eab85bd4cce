/*
 * cmd.h - the commands of the command line, one file each (cmd_<name>.c), listed in main.c.
 */
#ifndef WATCHROOM_GATEWAY_CMD_H
#define WATCHROOM_GATEWAY_CMD_H

#include "gateway/base/base.h"

/* Exit codes, documented in watchroom(1). */
enum {
    EXIT_FINE = 0,
    EXIT_WRONG = 1,       /* the answer is no: faults found, refused, not healthy */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_UNREACHABLE = 3, /* no gateway behind the control socket */
    EXIT_BROKEN = 4,      /* the system failed us: disk, memory, permission */
};

struct command {
    const char *name;
    const char *summary;               /* one line for --help */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_alarms(int argc, char **argv);
int cmd_order(int argc, char **argv); /* ack, comment, shelve ...: argv[0] says which */
int cmd_log(int argc, char **argv);
int cmd_graph(int argc, char **argv);
int cmd_values(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_evidence(int argc, char **argv);
int cmd_journal(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_docs(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_config(int argc, char **argv);

#endif
