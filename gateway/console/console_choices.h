/*
 * console_choices.h - what the command line of a console says, and the settings that come of it.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_CHOICES_H
#define WATCHROOM_GATEWAY_CONSOLE_CHOICES_H

#include <getopt.h>

#include "config/console_file.h"

struct console_choices {
    struct console_settings settings; /* those of the command line */
    const char *file, *log;
    bool no_bell, no_colour, has_audiences;
};

extern const struct option CONSOLE_OPTIONS[];

/* One of CONSOLE_OPTIONS but --help, with its argument (borrowed). False: wrong usage, told. */
bool console_choices_take(int option, const char *argument, struct arena *arena,
                          struct console_choices *choices);

/* Reads the file, puts what the command line says before it, fills in what can be known. Texts are
 * in the arena or borrowed from the command line. False: wrong usage, told. */
bool console_choices_settle(const struct console_choices *choices, struct arena *arena,
                            struct console_settings *out_settings);

#endif
