/*
 * cmd_graph.c - watchroom graph: one point over time as a picture.
 *
 * Asks the gateway to write what it still holds of the device, then reads the RRD file itself; with
 * --state-dir it asks nobody. librrd draws into memory, the file appears whole or not at all.
 */
#include <limits.h>
#include <rrd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "gateway/cmd_common.h"
#include "gateway/store_find.h"
#include "gateway/store_rrd.h"

#define LOCK_TRIES 40
#define LOCK_WAIT_MS 50
#define TEXT_MAX (2 * PATH_MAX + 64)

static const char HELP[] =
    "Examples:\n"
    "  watchroom graph ups-a/battery.charge --last 1h -o charge.svg\n"
    "  watchroom graph gen-1/fuel.level --last 30d -o fuel.png\n"
    "  watchroom graph ups-a/output.L1.load --from 2026-11-23T08:00 --to 2026-11-23T09:00 -o "
    "load.svg\n"
    "  watchroom graph ups-a/output.L1.load --state-dir /var/lib/watchroom -o load.svg\n"
    "\n"
    "Usage: watchroom graph DEVICE/POINT -o FILE.svg|FILE.png [OPTION...]\n"
    "\n"
    "Draws the history of a point. A gap is a time without a good reading.\n"
    "\n"
    "  -o, --output FILE   the picture; its ending says which kind\n"
    "      --last AGE      from so long ago until now: 30m, 1h, 7d (default 1h)\n"
    "      --from TIME     2026-11-23T08:00[:00], local time, or UTC with a Z behind\n"
    "      --to TIME       the same (default: now)\n"
    "      --state-dir DIR read the files there, without asking a gateway\n"
    "      --socket PATH   control socket (default $WATCHROOM_SOCKET, then\n"
    "                      /run/watchroom/control)\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 drawn, 1 no such device or point, or nothing stored of it yet, 2 wrong usage,\n"
    "3 no gateway reachable and no --state-dir, 4 the picture could not be written.\n";

struct order {
    struct common_options common;
    char device[ID_MAX], point[ID_MAX];
    const char *output, *state_dir;
    bool is_svg;
    int64_t from_s, to_s;
};

static bool
has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), wanted = strlen(ending);

    return length > wanted && strcmp(name + length - wanted, ending) == 0;
}

static bool
take_name(struct order *order, const char *name)
{
    const char *slash = strchr(name, '/');

    if (slash == NULL || (size_t)(slash - name) >= sizeof order->device)
        return false;
    memcpy(order->device, name, (size_t)(slash - name));
    order->device[slash - name] = '\0';
    return text_copy(order->point, sizeof order->point, slash + 1) && text_is_id(order->device) &&
           text_is_point(order->point);
}

static int
usage(const char *what, const char *value)
{
    fprintf(stderr, "watchroom graph: %s%s%s; see watchroom graph --help\n", what,
            value == NULL ? "" : ": ", value == NULL ? "" : value);
    return EXIT_USAGE;
}

/* What the words together say. */
static int
complete_order(struct order *order, int argc, char **argv, int64_t last_ms)
{
    if (argc - optind != 1)
        return usage("one DEVICE/POINT is needed", NULL);
    if (!take_name(order, argv[optind]))
        return usage("not a DEVICE/POINT", argv[optind]);
    if (order->output == NULL)
        return usage("-o FILE.svg or FILE.png is needed", NULL);
    order->is_svg = has_ending(order->output, ".svg");
    if (!order->is_svg && !has_ending(order->output, ".png"))
        return usage("neither .svg nor .png", order->output);
    if (order->to_s == 0)
        order->to_s = clock_now().utc_ms / 1000;
    if (order->from_s == 0)
        order->from_s = order->to_s - (last_ms + 999) / 1000;
    if (order->from_s >= order->to_s)
        return usage("the time ends before it begins", NULL);
    return EXIT_FINE;
}

static bool
parse(struct order *order, int argc, char **argv, int *out_status)
{
    static const struct option OPTIONS[] = {{"output", required_argument, NULL, 'o'},
                                            {"last", required_argument, NULL, 'l'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"state-dir", required_argument, NULL, 'd'},
                                            COMMON_OPTIONS,
                                            {NULL, 0, NULL, 0}};
    int64_t last_ms = INT64_C(3600) * 1000;
    int option;

    while ((option = getopt_long(argc, argv, "ho:", OPTIONS, NULL)) != -1) {
        bool is_fine = true;

        if (option == 'o')
            order->output = optarg;
        else if (option == 'd')
            order->state_dir = optarg;
        else if (option == 'l')
            is_fine = text_parse_duration_ms(optarg, &last_ms) && last_ms > 0;
        else if (option == 'f')
            is_fine = common_parse_time(optarg, &order->from_s);
        else if (option == 't')
            is_fine = common_parse_time(optarg, &order->to_s);
        else if (!common_option(option, &order->common, "graph", HELP, out_status))
            return false;
        if (!is_fine) {
            *out_status = usage(option == 'l' ? "not an age such as 30m, 1h, 7d"
                                              : "not a time such as 2026-11-23T08:00",
                                optarg);
            return false;
        }
    }
    *out_status = complete_order(order, argc, argv, last_ms);
    return *out_status == EXIT_FINE;
}

/* The gateway writes what it holds and says where. */
static int
ask_gateway(const struct order *order, char *out_dir, size_t size)
{
    json_t *reply;
    int status = common_call(
        &order->common, json_pack("{s:s, s:s}", "verb", "flush", "device", order->device), &reply);

    if (status != EXIT_FINE)
        return status;
    json_decref(reply);
    return common_state_dir(&order->common, NULL, out_dir, size);
}

static int
find_subject(const struct order *order, const char *state_dir, struct store_found *out)
{
    struct err err;
    enum err_code code = store_find(state_dir, order->device, order->point, out, &err);

    if (code == ERR_OK)
        return EXIT_FINE;
    fprintf(stderr, "watchroom: %s\n", err.text);
    return code == ERR_NOT_FOUND ? EXIT_WRONG : EXIT_BROKEN;
}

/* A colon ends a word in the language of rrd_graph. */
static void
escape(const char *text, char *out, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 3 < size; text++) {
        if (*text == ':' || *text == '\\')
            out[length++] = '\\';
        out[length++] = *text;
    }
    out[length] = '\0';
}

/* NULL: rrd_get_error() says why. A file that is just being written is tried again. */
static rrd_info_t *
draw(const struct order *order, const struct store_found *subject)
{
    static char def[TEXT_MAX], title[2 * ID_MAX], from[24], to[24], path[TEXT_MAX - 64];
    /* An average of states means nothing: it stands last and is left off for them. */
    const char *args[] = {
        "graph",
        "-",
        "--imgformat",
        order->is_svg ? "SVG" : "PNG",
        "--start",
        from,
        "--end",
        to,
        "--width",
        "800",
        "--height",
        "240",
        "--title",
        title,
        "--alt-autoscale",
        def,
        "LINE1.5:v#1f5fa8",
        "VDEF:lo=v,MINIMUM",
        "VDEF:hi=v,MAXIMUM",
        "VDEF:end=v,LAST",
        "VDEF:mid=v,AVERAGE",
        "GPRINT:end:last %.6lg",
        "GPRINT:lo:minimum %.6lg",
        "GPRINT:hi:maximum %.6lg",
        "GPRINT:mid:average %.6lg",
    };
    int count = (int)ARRAY_LEN(args) - (subject->kind == VALUE_NUMBER ? 0 : 1);
    rrd_info_t *info = NULL;

    escape(subject->rrd, path, sizeof path);
    snprintf(def, sizeof def, "DEF:v=%s:p%u:%s", path, subject->source,
             store_rrd_consolidation(subject->rrd, subject->kind, order->from_s));
    snprintf(title, sizeof title, "%s/%s", order->device, order->point);
    snprintf(from, sizeof from, "%lld", (long long)order->from_s);
    snprintf(to, sizeof to, "%lld", (long long)order->to_s);
    for (int i = 0; i < LOCK_TRIES; i++) {
        rrd_clear_error();
        info = rrd_graph_v(count, (char **)(uintptr_t)args);
        if (info != NULL || strstr(rrd_get_error(), "could not lock") == NULL)
            break;
        struct timespec wait = {.tv_nsec = LOCK_WAIT_MS * 1000000L};
        nanosleep(&wait, NULL);
    }
    return info;
}

static int
draw_to_file(const struct order *order, const struct store_found *subject)
{
    rrd_info_t *info = draw(order, subject);
    int status = EXIT_BROKEN;

    if (info == NULL) {
        fprintf(stderr, "watchroom: %s: %s\n", subject->rrd, rrd_get_error());
        return EXIT_BROKEN;
    }
    for (const rrd_info_t *item = info; item != NULL; item = item->next)
        if (strcmp(item->key, "image") == 0 && item->type == RD_I_BLO)
            status =
                common_write_file(order->output, item->value.u_blo.ptr, item->value.u_blo.size);
    rrd_info_free(info);
    return status;
}

int
cmd_graph(int argc, char **argv)
{
    struct order order = {0};
    struct store_found subject = {0};
    char state_dir[PATH_MAX];
    int status;

    if (!parse(&order, argc, argv, &status))
        return status;
    store_rrd_init();
    if (order.state_dir != NULL)
        text_copy(state_dir, sizeof state_dir, order.state_dir);
    else
        status = ask_gateway(&order, state_dir, sizeof state_dir);
    if (status == EXIT_FINE)
        status = find_subject(&order, state_dir, &subject);
    return status == EXIT_FINE ? draw_to_file(&order, &subject) : status;
}
