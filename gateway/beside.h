/*
 * beside.h - programs and files that come with this one, installed or in a build tree.
 */
#ifndef WATCHROOM_GATEWAY_BESIDE_H
#define WATCHROOM_GATEWAY_BESIDE_H

#include "gateway/base/err.h"

#define BESIDE_PATH_MAX 1024

/* This very program. */
enum err_code beside_self(char out[BESIDE_PATH_MAX], struct err *err) MUST_CHECK;

/* A program of ours: in the folder of this one, in the build tree, in PATH. `build_folder` is where
 * the build leaves it, from the root of the build tree. */
enum err_code beside_program(const char *name, const char *build_folder, char out[BESIDE_PATH_MAX],
                             struct err *err) MUST_CHECK;

/* A program of the system: in PATH, then where daemons lie. */
enum err_code beside_system_program(const char *name, const char *package,
                                    char out[BESIDE_PATH_MAX], struct err *err) MUST_CHECK;

/* A folder of data, e.g. "profiles": $`variable` (may be NULL), <prefix>/share/watchroom/, or
 * config/ of the build tree. */
enum err_code beside_data(const char *name, const char *variable, char out[BESIDE_PATH_MAX],
                          struct err *err) MUST_CHECK;

/* The folder of the profiles that come with this program; NULL where there is none. Kept. */
const char *beside_profiles(void);

#endif
