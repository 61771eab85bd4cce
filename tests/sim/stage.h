/*
 * stage.h - lets a physical model move the values of the devices it knows by name.
 */
#ifndef WATCHROOM_SIM_STAGE_H
#define WATCHROOM_SIM_STAGE_H

#include "tests/sim/serve.h"

struct stage;

/* `name` is the description's `physics:`; only "demo" is known. */
enum err_code stage_new(struct server *server, const char *name, struct stage **out_stage,
                        struct err *err) MUST_CHECK;
void stage_free(struct stage *stage);

/* "mains" "off" ...: what can be done to the simulated site. */
enum err_code stage_command(struct stage *stage, const char *what, const char *value,
                            struct err *err) MUST_CHECK;

#endif
