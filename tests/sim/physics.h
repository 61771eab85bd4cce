/*
 * physics.h - the small data centre behind the demo, as a pure step function.
 *
 * Mains and two generators meet at a transfer switch, which feeds two UPSs and the cooling; the
 * UPSs feed four rack PDUs. Beside that: air temperatures, doors, dry contacts, a video recorder.
 * No clock, no I/O: the caller says how much time went by. Every quantity is a double in the unit
 * of the point it is read as; states are the codes that such devices use.
 */
#ifndef WATCHROOM_SIM_PHYSICS_H
#define WATCHROOM_SIM_PHYSICS_H

#include "gateway/base/err.h"

#define PHYSICS_UPSS 2
#define PHYSICS_GENERATORS 2
#define PHYSICS_PDUS 4
#define PHYSICS_OUTLETS 8
#define PHYSICS_PHASES 3

struct physics_ups {
    double charge_pct, runtime_s, on_battery_s, status, source, alarms, transfers;
    double voltage, current, temperature_c;
    double input_frequency, input_voltage[PHYSICS_PHASES], input_current[PHYSICS_PHASES],
        input_power[PHYSICS_PHASES];
    double output_frequency, output_voltage[PHYSICS_PHASES], output_current[PHYSICS_PHASES],
        output_power[PHYSICS_PHASES], output_load[PHYSICS_PHASES];
    double base_load[PHYSICS_PHASES]; /* W of what hangs on it beside the PDUs */
};

struct physics_generator {
    double state, phase_s; /* engine state of the controller, and for how long */
    double speed_rpm, frequency, voltage[PHYSICS_PHASES], current[PHYSICS_PHASES],
        power[PHYSICS_PHASES];
    double total_power, load_pct, fuel_pct, oil_kpa, coolant_c, oil_c, battery_v, charger_v, hours,
        starts;
    double is_broken; /* does not fire */
};

struct physics_ats {
    double source; /* 1 mains, 2 generators */
    double redundancy, status[2], voltage[2], frequency[2], output_voltage, output_current;
    double bad_s[2], good_s[2]; /* for how long each source has been so */
    double gap_s;               /* left of a transfer under way */
};

struct physics_pdu {
    double power, apparent_power, energy_kwh, load_state;
    double phase_current[PHYSICS_PHASES], phase_voltage[PHYSICS_PHASES],
        phase_power[PHYSICS_PHASES], phase_state[PHYSICS_PHASES];
    double outlet_current[PHYSICS_OUTLETS], outlet_mean[PHYSICS_OUTLETS];
};

struct physics_room {
    double cold_aisle_c, hot_aisle_c, battery_room_c, humidity_pct;
    double cooling_runs, cooling_wait_s; /* left until it runs again */
    double cooling_broken;
};

/* Contacts as wired: 1 is closed. All but `intruder_set` are closed while all is well. */
struct physics_contacts {
    double door_closed[3], fire_quiet, fire_fine, intruder_quiet, intruder_set, tamper_closed,
        leak_dry;
    double door_s[3]; /* left until a door that opened by itself closes */
};

struct physics_recorder {
    double stopped, processes, disk_used_pct, idle_pct;
};

struct physics {
    uint32_t seed;
    double owed_s;           /* time given that is less than a step */
    double time_s, script_s; /* script_s below 0: no script */
    double mains_off;        /* 1: the grid is gone */
    double mains_voltage[PHYSICS_PHASES], mains_frequency;
    double lost_s; /* since the mains left its band; 0 while good */
    struct physics_ups ups[PHYSICS_UPSS];
    struct physics_generator generator[PHYSICS_GENERATORS];
    struct physics_ats ats;
    struct physics_pdu pdu[PHYSICS_PDUS];
    struct physics_room room;
    struct physics_contacts contacts;
    struct physics_recorder recorder;
};

/* All well, batteries full, engines at rest. The same seed gives the same world. */
void physics_init(struct physics *physics, uint32_t seed);

/* Moves on by `dt_s`; more than a minute at once is cut to that. */
void physics_step(struct physics *physics, double dt_s);

/* "mains" "off", "cooling" "broken", "script" "on" (from its beginning) ... */
enum err_code physics_set(struct physics *physics, const char *what, const char *value,
                          struct err *err) MUST_CHECK;

/* Where a device's value lies, e.g. "ups-a" and "battery.charge"; NULL: physics knows of none. */
const double *physics_find(const struct physics *physics, const char *device, const char *name);

#endif
