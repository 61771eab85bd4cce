/*
 * describe.h - reads the YAML file that says what is simulated.
 *
 *     port: 0                       # 0: the kernel chooses one per device
 *     control: /run/sim.control     # relative paths start at the file's folder
 *     physics: demo                 # moves the values of devices it knows (physics.h)
 *     templates:
 *       ups:
 *         protocol: snmp
 *         community: public
 *         max_bytes: 1472           # longer answers become tooBig
 *         snmprec: ups.snmprec      # OID|TAG|VALUE lines; of repeated OIDs the first wins
 *         objects:
 *           "1.3.6.1.2.1.33.1.2.4.0": {type: integer, value: 100, name: battery.charge}
 *         wave: {name: battery.charge, min: 90, max: 100, period: 60s}    # or a list
 *       gen:
 *         protocol: modbus
 *         registers:
 *           - {fc: 3, address: 1024, type: u16, value: 300, name: oil, scale: 0.1, order: abcd}
 *           - {fc: 3, range: [0, 99], value: 0}
 *         holes: [[3, 10, 12]]      # exception 2 again: [function, first, last]
 *     devices:
 *       - {id: ups-a, template: ups, address: 127.1.0.1, set: {battery.charge: 98}}
 *       - {id: "m-{n}", repeat: 2500, template: gen, address: 127.2.0.0, unit: 1,
 *          behaviour: late 200}
 *
 * Values are in units: `scale` is applied on their way to the wire.
 */
#ifndef WATCHROOM_SIM_DESCRIBE_H
#define WATCHROOM_SIM_DESCRIBE_H

#include "tests/sim/model.h"

/* Fills an empty model. Blocking. The reason begins with file:line:column. */
enum err_code describe_load(struct model *model, const char *file, struct err *err) MUST_CHECK;

/* Adds the lines of a recording to an SNMP template (snmprec.c). */
enum err_code snmprec_load(struct model *model, struct sim_template *template, const char *file,
                           struct err *err) MUST_CHECK;

#endif
