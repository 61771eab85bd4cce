/*
 * beside.c - programs and files that come with this one.
 */
#include "gateway/beside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/text.h"

enum err_code
beside_self(char out[BESIDE_PATH_MAX], struct err *err)
{
    ssize_t length = readlink("/proc/self/exe", out, BESIDE_PATH_MAX - 1);

    if (length < 0)
        return err_set(err, ERR_IO, "/proc/self/exe: %s", strerror(errno));
    if (length == BESIDE_PATH_MAX - 1)
        return err_set(err, ERR_RANGE, "this program lies too deep in folders");
    out[length] = '\0';
    return ERR_OK;
}

static enum err_code
own_folder(char out[BESIDE_PATH_MAX], struct err *err)
{
    enum err_code code = beside_self(out, err);
    char *slash = code == ERR_OK ? strrchr(out, '/') : NULL;

    if (slash != NULL)
        *slash = '\0';
    return code;
}

static bool
is_program(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static bool
is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* True and `out` set when <folder>/<between>/<name> is good. */
static bool
try_path(const char *folder, const char *between, const char *name, bool (*is_good)(const char *),
         char out[BESIDE_PATH_MAX])
{
    char path[BESIDE_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s%s/%s", folder, between[0] == '\0' ? "" : "/",
                          between, name);

    if (length < 0 || (size_t)length >= sizeof path || !is_good(path))
        return false;
    memcpy(out, path, sizeof path);
    return true;
}

static bool
try_folders(const char *folders, const char *name, char out[BESIDE_PATH_MAX])
{
    while (folders != NULL && *folders != '\0') {
        char folder[BESIDE_PATH_MAX];
        size_t length = strcspn(folders, ":");

        if (length > 0 && length < sizeof folder) {
            memcpy(folder, folders, length);
            folder[length] = '\0';
            if (try_path(folder, "", name, is_program, out))
                return true;
        }
        folders += length + (folders[length] == ':');
    }
    return false;
}

enum err_code
beside_program(const char *name, const char *build_folder, char out[BESIDE_PATH_MAX],
               struct err *err)
{
    char folder[BESIDE_PATH_MAX], up[BESIDE_PATH_MAX];
    enum err_code code = own_folder(folder, err);

    if (code != ERR_OK)
        return code;
    snprintf(up, sizeof up, "../%s", build_folder);
    if (try_path(folder, "", name, is_program, out) ||
        try_path(folder, up, name, is_program, out) || try_folders(getenv("PATH"), name, out))
        return ERR_OK;
    return err_set(err, ERR_NOT_FOUND, "%s is neither in %s nor in PATH", name, folder);
}

enum err_code
beside_system_program(const char *name, const char *package, char out[BESIDE_PATH_MAX],
                      struct err *err)
{
    if (try_folders(getenv("PATH"), name, out) ||
        try_folders("/usr/local/sbin:/usr/sbin:/sbin", name, out))
        return ERR_OK;
    return err_set(err, ERR_NOT_FOUND, "%s is not installed (Debian package %s)", name, package);
}

enum err_code
beside_data(const char *name, const char *variable, char out[BESIDE_PATH_MAX], struct err *err)
{
    char folder[BESIDE_PATH_MAX];
    const char *told = variable == NULL ? NULL : getenv(variable);
    enum err_code code = own_folder(folder, err);

    if (code != ERR_OK)
        return code;
    if (told != NULL) {
        if (!text_copy(out, BESIDE_PATH_MAX, told))
            return err_set(err, ERR_CONFIG, "$%s is too long", variable);
        return ERR_OK;
    }
    if (try_path(folder, "../share/watchroom", name, is_folder, out) ||
        try_path(folder, "../config", name, is_folder, out))
        return ERR_OK;
    return err_set(err, ERR_NOT_FOUND, "%s is neither in %s/../share/watchroom nor in %s/../config",
                   name, folder, folder);
}

const char *
beside_profiles(void)
{
    static char folder[BESIDE_PATH_MAX];
    struct err err;

    return beside_data("profiles", "WATCHROOM_PROFILES", folder, &err) == ERR_OK ? folder : NULL;
}
