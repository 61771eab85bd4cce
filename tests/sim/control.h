/*
 * control.h - the control socket of the simulators: values and misbehaviour at run time.
 *
 * One request a line, as words or as a JSON object with the same members; one JSON object a line
 * back: {"ok": true, ...} or {"ok": false, "error": ...}.
 *
 *     set DEVICE NAME VALUE          {"verb": "set", "device": ..., "name": ..., "value": ...}
 *     get DEVICE [NAME]              {"ok": true, "values": {NAME: VALUE}}
 *     behave DEVICE|all|10% KIND [NUMBER]
 *     list                           {"ok": true, "devices": [{"device", "protocol", "address",
 * ...}]} counters [DEVICE]              requests, answers, faults, writes; without a device their
 * sums physics WHAT VALUE             mains off, script on ... (stage.h) quit
 */
#ifndef WATCHROOM_SIM_CONTROL_H
#define WATCHROOM_SIM_CONTROL_H

#include "tests/sim/serve.h"

struct control;
struct stage;

/* `stage` may be NULL. Listens at `path`, which it removes again in the end. */
enum err_code control_new(struct server *server, struct stage *stage, const char *path,
                          struct control **out_control, struct err *err) MUST_CHECK;
void control_free(struct control *control);

#endif
