/*
 * evidence_values.c - the readings of the points that an archive's alarms watch, as CSV.
 *
 * From the RRD files: consolidated, in fixed steps, and overwritten in time. They illustrate; what
 * is proved is proved by the journal.
 */
#include <errno.h>
#include <math.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "gateway/base/text.h"
#include "gateway/evidence.h"
#include "gateway/store_find.h"
#include "gateway/store_rrd.h"

#define LOCK_TRIES 40
#define LOCK_WAIT_MS 50

struct series {
    time_t from, to;
    unsigned long step, sources;
    char **names;
    rrd_value_t *data;
};

/* False: librrd says why. A file that is just being written is tried again. */
static bool
fetch(const struct evidence *evidence, const struct store_found *found, struct series *out)
{
    /* Where no time was named: from the first row on, or librrd takes its coarsest archive. */
    int64_t from_ms = evidence->from_ms > 0 ? evidence->from_ms : evidence->first_ms;
    const char *function = store_rrd_consolidation(found->rrd, found->kind, from_ms / 1000);

    for (int i = 0; i < LOCK_TRIES; i++) {
        struct timespec wait = {.tv_nsec = LOCK_WAIT_MS * 1000000L};

        *out = (struct series){
            .from = (time_t)(from_ms / 1000), .to = (time_t)(evidence->to_ms / 1000), .step = 1};
        rrd_clear_error();
        if (rrd_fetch_r(found->rrd, function, &out->from, &out->to, &out->step, &out->sources,
                        &out->names, &out->data) == 0)
            return true;
        if (strstr(rrd_get_error(), "could not lock") == NULL)
            break;
        nanosleep(&wait, NULL);
    }
    return false;
}

static void
write_series(FILE *file, const struct series *series, unsigned source)
{
    const rrd_value_t *value = series->data + source;

    fprintf(file, "# step %lu s; a time names the end of its step; empty: no good reading\n",
            series->step);
    fputs("time,value\n", file);
    for (time_t at = series->from + (time_t)series->step; at <= series->to;
         at += (time_t)series->step, value += series->sources) {
        char when[24];
        struct tm tm;

        if (gmtime_r(&at, &tm) == NULL || strftime(when, sizeof when, "%FT%TZ", &tm) == 0)
            continue;
        if (isfinite(*value))
            fprintf(file, "%s,%.12g\n", when, *value);
        else
            fprintf(file, "%s,\n", when);
    }
}

static void
free_series(struct series *series)
{
    for (unsigned long i = 0; i < series->sources && series->names != NULL; i++)
        rrd_freemem(series->names[i]);
    rrd_freemem(series->names);
    rrd_freemem(series->data);
}

static enum err_code
write_point(struct evidence *evidence, const char *device, const char *point, struct err *err)
{
    char name[TOPIC_ID_MAX + 32], folder[EVIDENCE_PATH_MAX];
    struct store_found found;
    struct series series;
    FILE *file;

    if (store_find(evidence->state_dir, device, point, &found, NULL) != ERR_OK)
        return ERR_OK; /* the gateway's own points, and devices that are gone, have none */
    if (!fetch(evidence, &found, &series))
        return err_set(err, ERR_IO, "%s/%s: %s", device, point, rrd_get_error());
    enum err_code code = ERR_OK;
    snprintf(name, sizeof name, "values/%s/%s.csv", device, point);
    if (snprintf(folder, sizeof folder, "%s/values/%s", evidence->folder, device) >=
            (int)sizeof folder ||
        (mkdir(folder, 0755) != 0 && errno != EEXIST) ||
        (file = evidence_create(evidence, name, err)) == NULL) {
        code = err_set(err, ERR_IO, "%s: cannot be made", name);
    } else {
        if (found.source < series.sources)
            write_series(file, &series, found.source);
        code = evidence_finish(file, name, err);
        evidence->values++;
    }
    free_series(&series);
    return code;
}

enum err_code
evidence_write_values(struct evidence *evidence, struct err *err)
{
    char folder[EVIDENCE_PATH_MAX];
    struct evidence_point *point, *next;
    enum err_code code = ERR_OK;

    if (snprintf(folder, sizeof folder, "%s/values", evidence->folder) >= (int)sizeof folder ||
        mkdir(folder, 0755) != 0)
        return err_set(err, ERR_IO, "values: %s", strerror(errno));
    HASH_ITER(hh, evidence->points, point, next)
    {
        char device[ID_MAX];
        const char *slash = strchr(point->name, '/');

        /* The journal is read, too, when somebody else wrote it: names become paths. */
        if (slash == NULL || (size_t)(slash - point->name) >= sizeof device)
            continue;
        memcpy(device, point->name, (size_t)(slash - point->name));
        device[slash - point->name] = '\0';
        if (code == ERR_OK && text_is_id(device) && strchr(slash + 1, '/') == NULL &&
            slash[1] != '.' && strlen(slash + 1) < ID_MAX && slash[1] != '\0')
            code = write_point(evidence, device, slash + 1, err);
    }
    return code;
}
