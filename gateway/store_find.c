/*
 * store_find.c - which RRD file holds a point.
 */
#include "gateway/store_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/store_map.h"
#include "gateway/store_rrd.h"

/* A map that cannot be read says why; the point may be in another one. */
static bool
look_in_map(const char *folder, const char *name, const char *point, struct store_found *out,
            struct err *err)
{
    char path[PATH_MAX];
    struct store_map map;
    uint32_t index;
    bool is_found = false;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path ||
        store_map_read(path, &map, err) != ERR_OK)
        return false;
    if (store_map_find(&map, point, &index)) {
        out->source = index;
        out->kind = map.entries[index].kind;
        path[strlen(path) - strlen(".map")] = '\0';
        is_found = (size_t)snprintf(out->rrd, sizeof out->rrd, "%s.rrd", path) < sizeof out->rrd &&
                   store_rrd_exists(out->rrd);
    }
    store_map_done(&map);
    return is_found;
}

enum err_code
store_find(const char *state_dir, const char *device, const char *point,
           struct store_found *out_found, struct err *err)
{
    char folder[PATH_MAX];
    struct store_found found;
    struct dirent *entry;
    bool is_found = false;
    DIR *listing;

    if ((size_t)snprintf(folder, sizeof folder, "%s/rrd/%s", state_dir, device) >= sizeof folder)
        return err_set(err, ERR_RANGE, "the path of the state directory is too long");
    listing = opendir(folder);
    if (listing == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "nothing is stored of device %s (%s: %s)", device, folder, strerror(errno));
    err_set(err, ERR_NOT_FOUND,
            "nothing is stored of %s/%s (watchroom values %s lists its points; after a start the "
            "first minute is not there yet)",
            device, point, device);
    while (!is_found && (entry = readdir(listing)) != NULL) {
        size_t length = strlen(entry->d_name);

        is_found = length > 4 && strcmp(entry->d_name + length - 4, ".map") == 0 &&
                   look_in_map(folder, entry->d_name, point, &found, err);
    }
    closedir(listing);
    if (!is_found)
        return err->code;
    *out_found = found;
    return ERR_OK;
}
