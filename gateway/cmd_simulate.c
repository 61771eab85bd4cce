/*
 * cmd_simulate.c - watchroom simulate: becomes watchroom-sim, the device simulators.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/beside.h"
#include "gateway/cmd.h"

static const char HELP[] =
    "Examples:\n"
    "  watchroom simulate devices.yaml --print\n"
    "  watchroom simulate devices.yaml --control sim.control\n"
    "\n"
    "Usage: watchroom simulate FILE [OPTION...]\n"
    "\n"
    "Serves the SNMP and Modbus/TCP devices that FILE describes on loopback addresses, until it "
    "is\n"
    "stopped. It hands over to the program watchroom-sim: all options are those of\n"
    "`watchroom-sim --help`.\n"
    "\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 the file is faulty, 2 wrong usage, 4 there is no\n"
    "watchroom-sim.\n";

int
cmd_simulate(int argc, char **argv)
{
    char program[BESIDE_PATH_MAX];
    struct err err;

    if (argc < 2) {
        fputs("watchroom simulate: which file? See watchroom simulate --help\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(HELP, stdout);
        return EXIT_FINE;
    }
    if (beside_program("watchroom-sim", "tests/sim", program, &err) != ERR_OK) {
        fprintf(stderr, "watchroom simulate: %s\n", err.text);
        return EXIT_BROKEN;
    }
    argv[0] = program;
    execv(program, argv);
    fprintf(stderr, "watchroom simulate: %s: %s\n", program, strerror(errno));
    return EXIT_BROKEN;
}
