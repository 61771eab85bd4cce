/*
 * main.c - the command line: one row a command, one file a command.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/cmd.h"

static const struct command COMMANDS[] = {
    /* clang-format off */
    {"run",     "the gateway", cmd_run},
    {"check",   "every fault in a site file, and what the site will cost", cmd_check},
    {"status",  "the running gateway", cmd_status},
    {"alarms",  "what is wrong now", cmd_alarms},
    {"console", "alarms as they come, at the broker, in this terminal", cmd_console},
    {"ack",     "acknowledge an alarm", cmd_order},
    {"comment", "say something about an alarm", cmd_order},
    {"shelve",  "put an alarm aside for a time", cmd_order},
    {"unshelve", "and take it back before that", cmd_order},
    {"reset",   "release a latched alarm that is over", cmd_order},
    {"oos",     "take an alarm out of service, now or later", cmd_order},
    {"in-service", "and put it back", cmd_order},
    {"test-begin", "announce a test of an alarm", cmd_order},
    {"test-end", "and end it", cmd_order},
    {"values",  "the latest readings", cmd_values},
    {"log",     "the journal", cmd_log},
    {"journal", "is the journal complete, unaltered, signed?", cmd_journal},
    {"evidence", "what happened, as an archive for a third party", cmd_evidence},
    {"report",  "key figures of the alarms: how many, how fast seen", cmd_report},
    {"docs",    "runbook pages of the alarms of a site", cmd_docs},
    {"graph",   "one point over time as a picture", cmd_graph},
    {"reload",  "read the site file again", cmd_reload},
    {"config",  "configurations that were in effect: history, diff, revert", cmd_config},
    {"simulate", "SNMP and Modbus/TCP devices for trying things out", cmd_simulate},
    {"demo",    "a simulated site with its alarms, in this terminal", cmd_demo},
    {NULL, NULL, NULL},
    /* clang-format on */
};

static void
print_help(FILE *out)
{
    fputs("Examples:\n"
          "  watchroom demo                         a simulated site, its alarms in this terminal\n"
          "  watchroom check site.yaml              every fault in a site file, and what it will "
          "cost\n"
          "  watchroom run -c site.yaml             the gateway\n"
          "  watchroom alarms                       what is wrong now\n"
          "  watchroom ack power/ups-a/on-battery   \"I have seen it\"\n"
          "\n"
          "Usage: watchroom COMMAND [OPTION...]\n"
          "       watchroom COMMAND --help\n"
          "       watchroom --version\n"
          "\n"
          "Commands:\n",
          out);
    for (const struct command *command = COMMANDS; command->name != NULL; command++)
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    fputs("\n"
          "Exit status: 0 fine, 1 the answer is no, 2 wrong usage, 3 no gateway reachable,\n"
          "4 the system failed us.\n",
          out);
}

static int
unknown_command(const char *word)
{
    const char *names[ARRAY_LEN(COMMANDS)] = {0};
    size_t count = 0;

    for (const struct command *command = COMMANDS; command->name != NULL; command++)
        names[count++] = command->name;

    const char *nearest = text_nearest(word, names, count);
    fprintf(stderr, "watchroom: no command \"%s\"", word);
    if (nearest != NULL)
        fprintf(stderr, " (did you mean \"%s\"?)", nearest);
    fputs("; see watchroom --help\n", stderr);
    return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("watchroom " WATCHROOM_VERSION);
        return EXIT_FINE;
    }
    for (const struct command *command = COMMANDS; command->name != NULL; command++)
        if (strcmp(argv[1], command->name) == 0)
            return command->run(argc - 1, argv + 1);
    return unknown_command(argv[1]);
}
