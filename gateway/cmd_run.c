/*
 * cmd_run.c - watchroom run: the gateway itself.
 */
#include <getopt.h>
#include <stdio.h>

#include "gateway/beside.h"
#include "gateway/cmd.h"
#include "gateway/master.h"

static const char HELP[] =
    "Examples:\n"
    "  watchroom run -c /etc/watchroom/site.yaml --foreground\n"
    "  watchroom run -c site.yaml --socket /tmp/control --verbose\n"
    "\n"
    "Usage: watchroom run -c SITE [OPTION...]\n"
    "\n"
    "Runs the gateway of a site until SIGTERM. SIGHUP reads the site file again: a faulty one\n"
    "changes nothing and is reported; a good one restarts only the workers it affects.\n"
    "\n"
    "  -c, --config SITE      the site file (default /etc/watchroom/site.yaml)\n"
    "      --profiles DIR     device profiles (default: installed ones, or $WATCHROOM_PROFILES)\n"
    "      --socket PATH      control socket (default: as the site file says)\n"
    "      --foreground       stay in the foreground, which is always done: for service files\n"
    "  -v, --verbose          log what is done, not only what matters\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 the site file is faulty, 2 wrong usage, 4 the system\n"
    "failed us (a directory, a socket, another gateway on the same state directory).\n";

int
cmd_run(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"profiles", required_argument, NULL, 'P'},
        {"socket", required_argument, NULL, 's'},
        {"foreground", no_argument, NULL, 'f'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct master_options options = {.site_file = "/etc/watchroom/site.yaml"};
    int option;

    while ((option = getopt_long(argc, argv, "c:vh", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.site_file = optarg;
            break;
        case 'P':
            options.profile_dir = optarg;
            break;
        case 's':
            options.socket = optarg;
            break;
        case 'f':
            break;
        case 'v':
            options.verbose = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return EXIT_FINE;
        default:
            fputs("see watchroom run --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (options.profile_dir == NULL)
        options.profile_dir = beside_profiles();
    if (optind < argc) {
        fprintf(stderr, "watchroom run: \"%s\" is too much; see watchroom run --help\n",
                argv[optind]);
        return EXIT_USAGE;
    }
    return master_run(&options);
}
