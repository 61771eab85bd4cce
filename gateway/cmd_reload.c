/*
 * cmd_reload.c - watchroom reload: read the site file again, and say what became of it.
 */
#include "gateway/reload_client.h"

static const char HELP[] =
    "Examples:\n"
    "  watchroom check /etc/watchroom/site.yaml --against-running && watchroom reload\n"
    "\n"
    "Usage: watchroom reload [OPTION...]\n"
    "\n"
    "Tells the gateway to read its site file again, as SIGHUP does, and waits for its word: the\n"
    "generation that is in effect now, what is different and which workers restart; or every "
    "fault, "
    "and\n"
    "that nothing has changed. For who is local to the gateway, and admins.\n"
    "\n" COMMON_HELP "\n"
    "Exit status: 0 accepted, 1 refused, 3 no gateway reachable, 4 no word of it in time.\n";

int
cmd_reload(int argc, char **argv)
{
    static const struct option OPTIONS[] = {COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    struct common_options common = {0};
    int option, status;
    json_t *verdict;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1)
        if (!common_option(option, &common, "reload", HELP, &status))
            return status;
    if (!common_arguments(argc, argv, 0))
        return EXIT_USAGE;
    status = reload_await(&common, 0, &verdict);
    if (status != EXIT_FINE)
        return status;
    status = reload_print(&common, verdict);
    json_decref(verdict);
    return status;
}
