/*
 * store_map.c - which data source of an RRD file is which point.
 */
#include "gateway/store_map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/text.h"

enum err_code
store_map_add(struct store_map *map, const char *point, enum value_kind kind)
{
    struct store_map_entry *grown;
    char *copy;

    if (map->count >= STORE_MAP_MAX)
        return ERR_FULL;
    grown = realloc(map->entries, (map->count + 1) * sizeof *grown);
    if (grown == NULL)
        return ERR_NOMEM;
    map->entries = grown;
    copy = strdup(point);
    if (copy == NULL)
        return ERR_NOMEM;
    grown[map->count++] = (struct store_map_entry){copy, kind};
    return ERR_OK;
}

bool
store_map_find(const struct store_map *map, const char *point, uint32_t *out_index)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (strcmp(map->entries[i].point, point) == 0) {
            *out_index = i;
            return true;
        }
    return false;
}

void
store_map_done(struct store_map *map)
{
    for (uint32_t i = 0; i < map->count; i++)
        free(map->entries[i].point);
    free(map->entries);
    *map = (struct store_map){0};
}

static bool
kind_of_name(const char *name, enum value_kind *out_kind)
{
    for (int kind = 0; kind < VALUE_KIND_COUNT; kind++)
        if (kind != VALUE_TEXT && strcmp(name, value_kind_name((enum value_kind)kind)) == 0) {
            *out_kind = (enum value_kind)kind;
            return true;
        }
    return false;
}

static enum err_code
read_line(struct store_map *map, char *line, struct err *err)
{
    char *rest = line, wanted[16];
    const char *source = strsep(&rest, " "), *point = strsep(&rest, " ");
    enum value_kind kind;
    uint32_t twin;
    enum err_code code;

    snprintf(wanted, sizeof wanted, "p%u", map->count);
    if (rest == NULL || strcmp(source, wanted) != 0 || !text_is_point(point) ||
        !kind_of_name(rest, &kind) || store_map_find(map, point, &twin))
        return err_set(err, ERR_CORRUPT, "line %u is not \"%s <point> <kind>\"", map->count + 1,
                       wanted);
    code = store_map_add(map, point, kind);
    return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", err_name(code));
}

enum err_code
store_map_read(const char *path, struct store_map *out_map, struct err *err)
{
    FILE *file = fopen(path, "re");
    struct store_map map = {0};
    enum err_code code = ERR_OK;
    char line[ID_MAX + 32];

    if (file == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    while (code == ERR_OK && fgets(line, sizeof line, file) != NULL) {
        char *end = strchr(line, '\n');

        if (end == NULL) {
            code = err_set(err, ERR_CORRUPT, "line %u does not end", map.count + 1);
            break;
        }
        *end = '\0';
        code = read_line(&map, line, err);
    }
    if (code == ERR_OK && ferror(file))
        code = err_set(err, ERR_IO, "read error");
    if (code == ERR_OK && map.count == 0)
        code = err_set(err, ERR_CORRUPT, "it is empty");
    fclose(file);
    if (code != ERR_OK) {
        store_map_done(&map);
        return err_prefix(err, code, "%s", path);
    }
    *out_map = map;
    return ERR_OK;
}

enum err_code
store_map_write(const char *path, const struct store_map *map, struct err *err)
{
    char temporary[PATH_MAX];
    FILE *file;
    bool is_written;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return err_set(err, ERR_RANGE, "%s: the path is too long", path);
    file = fopen(temporary, "we");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", temporary, strerror(errno));
    for (uint32_t i = 0; i < map->count; i++)
        fprintf(file, "p%u %s %s\n", i, map->entries[i].point,
                value_kind_name(map->entries[i].kind));
    is_written = fflush(file) == 0 && !ferror(file);
    if (fclose(file) != 0 || !is_written || rename(temporary, path) != 0) {
        int error = errno;

        unlink(temporary);
        return err_set(err, error == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s", path, strerror(error));
    }
    return ERR_OK;
}
