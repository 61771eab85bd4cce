/*
 * physics_points.c - the names under which the demo's devices show what physics holds, and what can
 * be done to it from outside.
 */
#include <stddef.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/sim/physics.h"

struct quantity {
    const char *name;
    size_t offset;
};

#define UPS(name, member)                                                                          \
    {                                                                                              \
        name, offsetof(struct physics_ups, member)                                                 \
    }
#define GENERATOR(name, member)                                                                    \
    {                                                                                              \
        name, offsetof(struct physics_generator, member)                                           \
    }
#define SITE(name, member)                                                                         \
    {                                                                                              \
        name, offsetof(struct physics, member)                                                     \
    }
#define PDU(name, member)                                                                          \
    {                                                                                              \
        name, offsetof(struct physics_pdu, member)                                                 \
    }

static const struct quantity UPS_POINTS[] = {
    UPS("battery.status", status),
    UPS("battery.time_on_battery", on_battery_s),
    UPS("battery.runtime", runtime_s),
    UPS("battery.charge", charge_pct),
    UPS("battery.voltage", voltage),
    UPS("battery.current", current),
    UPS("battery.temperature", temperature_c),
    UPS("input.transfers", transfers),
    UPS("input.L1.frequency", input_frequency),
    UPS("input.L2.frequency", input_frequency),
    UPS("input.L3.frequency", input_frequency),
    UPS("input.L1.voltage", input_voltage[0]),
    UPS("input.L2.voltage", input_voltage[1]),
    UPS("input.L3.voltage", input_voltage[2]),
    UPS("input.L1.current", input_current[0]),
    UPS("input.L2.current", input_current[1]),
    UPS("input.L3.current", input_current[2]),
    UPS("input.L1.realpower", input_power[0]),
    UPS("input.L2.realpower", input_power[1]),
    UPS("input.L3.realpower", input_power[2]),
    UPS("ups.output.source", source),
    UPS("output.frequency", output_frequency),
    UPS("output.L1.voltage", output_voltage[0]),
    UPS("output.L2.voltage", output_voltage[1]),
    UPS("output.L3.voltage", output_voltage[2]),
    UPS("output.L1.current", output_current[0]),
    UPS("output.L2.current", output_current[1]),
    UPS("output.L3.current", output_current[2]),
    UPS("output.L1.realpower", output_power[0]),
    UPS("output.L2.realpower", output_power[1]),
    UPS("output.L3.realpower", output_power[2]),
    UPS("output.L1.load", output_load[0]),
    UPS("output.L2.load", output_load[1]),
    UPS("output.L3.load", output_load[2]),
    UPS("bypass.frequency", input_frequency),
    UPS("bypass.L1.voltage", input_voltage[0]),
    UPS("bypass.L2.voltage", input_voltage[1]),
    UPS("bypass.L3.voltage", input_voltage[2]),
    UPS("ups.alarms", alarms),
};

static const struct quantity GENERATOR_POINTS[] = {
    GENERATOR("engine.oil.pressure", oil_kpa),
    GENERATOR("engine.coolant.temperature", coolant_c),
    GENERATOR("engine.oil.temperature", oil_c),
    GENERATOR("fuel.level", fuel_pct),
    GENERATOR("engine.charger.voltage", charger_v),
    GENERATOR("engine.battery.voltage", battery_v),
    GENERATOR("engine.speed", speed_rpm),
    GENERATOR("generator.frequency", frequency),
    GENERATOR("generator.L1.voltage", voltage[0]),
    GENERATOR("generator.L2.voltage", voltage[1]),
    GENERATOR("generator.L3.voltage", voltage[2]),
    GENERATOR("generator.L1.current", current[0]),
    GENERATOR("generator.L2.current", current[1]),
    GENERATOR("generator.L3.current", current[2]),
    GENERATOR("generator.L1.realpower", power[0]),
    GENERATOR("generator.L2.realpower", power[1]),
    GENERATOR("generator.L3.realpower", power[2]),
    GENERATOR("generator.realpower", total_power),
    GENERATOR("generator.load", load_pct),
    GENERATOR("engine.state", state),
    GENERATOR("engine.hours", hours),
    GENERATOR("engine.starts", starts),
};

static const struct quantity PDU_POINTS[] = {
    PDU("pdu.load.state", load_state),          PDU("pdu.power", power),
    PDU("pdu.apparent_power", apparent_power),  PDU("pdu.energy", energy_kwh),
    PDU("pdu.L1.load.state", phase_state[0]),   PDU("pdu.L2.load.state", phase_state[1]),
    PDU("pdu.L3.load.state", phase_state[2]),   PDU("pdu.L1.current", phase_current[0]),
    PDU("pdu.L2.current", phase_current[1]),    PDU("pdu.L3.current", phase_current[2]),
    PDU("pdu.L1.voltage", phase_voltage[0]),    PDU("pdu.L2.voltage", phase_voltage[1]),
    PDU("pdu.L3.voltage", phase_voltage[2]),    PDU("pdu.L1.power", phase_power[0]),
    PDU("pdu.L2.power", phase_power[1]),        PDU("pdu.L3.power", phase_power[2]),
    PDU("outlet.1.current", outlet_current[0]), PDU("outlet.2.current", outlet_current[1]),
    PDU("outlet.3.current", outlet_current[2]), PDU("outlet.4.current", outlet_current[3]),
    PDU("outlet.5.current", outlet_current[4]), PDU("outlet.6.current", outlet_current[5]),
    PDU("outlet.7.current", outlet_current[6]), PDU("outlet.8.current", outlet_current[7]),
};

static const struct quantity MAINS_POINTS[] = {
    SITE("mains.frequency", mains_frequency),
    SITE("mains.L1.voltage", mains_voltage[0]),
    SITE("mains.L2.voltage", mains_voltage[1]),
    SITE("mains.L3.voltage", mains_voltage[2]),
};

static const struct quantity ATS_POINTS[] = {
    SITE("ats.source", ats.source),
    SITE("ats.redundancy", ats.redundancy),
    SITE("ats.source.1.status", ats.status[0]),
    SITE("ats.source.2.status", ats.status[1]),
    SITE("ats.source.1.voltage", ats.voltage[0]),
    SITE("ats.source.2.voltage", ats.voltage[1]),
    SITE("ats.source.1.frequency", ats.frequency[0]),
    SITE("ats.source.2.frequency", ats.frequency[1]),
    SITE("output.voltage", ats.output_voltage),
    SITE("output.current", ats.output_current),
};

static const struct quantity ROOM_POINTS[] = {
    SITE("temperature.1", room.cold_aisle_c),
    SITE("temperature.2", room.hot_aisle_c),
    SITE("humidity.1", room.humidity_pct),
};

static const struct quantity BATTERY_ROOM_POINTS[] = {
    SITE("temperature.1", room.battery_room_c),
};

static const struct quantity CONTACT_POINTS[] = {
    SITE("door.1.closed", contacts.door_closed[0]),
    SITE("door.2.closed", contacts.door_closed[1]),
    SITE("door.3.closed", contacts.door_closed[2]),
    SITE("fire.quiet", contacts.fire_quiet),
    SITE("fire.fine", contacts.fire_fine),
    SITE("intruder.quiet", contacts.intruder_quiet),
    SITE("intruder.set", contacts.intruder_set),
    SITE("tamper.closed", contacts.tamper_closed),
    SITE("leak.dry", contacts.leak_dry),
};

static const struct quantity RECORDER_POINTS[] = {
    SITE("recording.stopped", recorder.stopped),
    SITE("recording.processes", recorder.processes),
    SITE("storage.used", recorder.disk_used_pct),
    SITE("cpu.idle", recorder.idle_pct),
};

#define POINTS(table) table, ARRAY_LEN(table)
#define OF(member) offsetof(struct physics, member)

static const struct part {
    const char *device;
    size_t base;
    const struct quantity *points;
    size_t count;
} PARTS[] = {
    {"ups-a", OF(ups[0]), POINTS(UPS_POINTS)},
    {"ups-b", OF(ups[1]), POINTS(UPS_POINTS)},
    {"gen-1", OF(generator[0]), POINTS(GENERATOR_POINTS)},
    {"gen-1", 0, POINTS(MAINS_POINTS)},
    {"gen-2", OF(generator[1]), POINTS(GENERATOR_POINTS)},
    {"gen-2", 0, POINTS(MAINS_POINTS)},
    {"ats-1", 0, POINTS(ATS_POINTS)},
    {"pdu-a1", OF(pdu[0]), POINTS(PDU_POINTS)},
    {"pdu-a2", OF(pdu[1]), POINTS(PDU_POINTS)},
    {"pdu-b1", OF(pdu[2]), POINTS(PDU_POINTS)},
    {"pdu-b2", OF(pdu[3]), POINTS(PDU_POINTS)},
    {"env-hall", 0, POINTS(ROOM_POINTS)},
    {"env-battery", 0, POINTS(BATTERY_ROOM_POINTS)},
    {"panel-1", 0, POINTS(CONTACT_POINTS)},
    {"nvr-1", 0, POINTS(RECORDER_POINTS)},
};

const double *
physics_find(const struct physics *physics, const char *device, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (strcmp(PARTS[i].device, device) != 0)
            continue;
        for (size_t k = 0; k < PARTS[i].count; k++)
            if (strcmp(PARTS[i].points[k].name, name) == 0)
                return (const double *)(const void *)((const char *)physics + PARTS[i].base +
                                                      PARTS[i].points[k].offset);
    }
    return NULL;
}

/* What a word puts where. */
static const struct knob {
    const char *what, *value;
    size_t offset;
    double number;
} KNOBS[] = {
    /* clang-format off */
    {"mains", "off", OF(mains_off), 1},              {"mains", "on", OF(mains_off), 0},
    {"script", "on", OF(script_s), 0},               {"script", "off", OF(script_s), -1},
    {"cooling", "broken", OF(room.cooling_broken), 1}, {"cooling", "fine", OF(room.cooling_broken), 0},
    {"gen-1", "broken", OF(generator[0].is_broken), 1}, {"gen-1", "fine", OF(generator[0].is_broken), 0},
    {"gen-2", "broken", OF(generator[1].is_broken), 1}, {"gen-2", "fine", OF(generator[1].is_broken), 0},
    {"door-1", "open", OF(contacts.door_closed[0]), 0}, {"door-1", "closed", OF(contacts.door_closed[0]), 1},
    {"door-2", "open", OF(contacts.door_closed[1]), 0}, {"door-2", "closed", OF(contacts.door_closed[1]), 1},
    {"door-3", "open", OF(contacts.door_closed[2]), 0}, {"door-3", "closed", OF(contacts.door_closed[2]), 1},
    {"fire", "on", OF(contacts.fire_quiet), 0},      {"fire", "off", OF(contacts.fire_quiet), 1},
    {"intruder", "on", OF(contacts.intruder_quiet), 0}, {"intruder", "off", OF(contacts.intruder_quiet), 1},
    {"tamper", "on", OF(contacts.tamper_closed), 0}, {"tamper", "off", OF(contacts.tamper_closed), 1},
    {"leak", "on", OF(contacts.leak_dry), 0},        {"leak", "off", OF(contacts.leak_dry), 1},
    {"recorder", "stopped", OF(recorder.stopped), 1}, {"recorder", "running", OF(recorder.stopped), 0},
    /* clang-format on */
};

enum err_code
physics_set(struct physics *physics, const char *what, const char *value, struct err *err)
{
    const char *names[ARRAY_LEN(KNOBS)];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(KNOBS); i++) {
        if (strcmp(KNOBS[i].what, what) != 0) {
            continue;
        }
        if (strcmp(KNOBS[i].value, value) == 0) {
            *(double *)(void *)((char *)physics + KNOBS[i].offset) = KNOBS[i].number;
            return ERR_OK;
        }
        names[count++] = KNOBS[i].value;
    }
    if (count == 2)
        return err_set(err, ERR_CONFIG, "%s can be %s or %s", what, names[0], names[1]);
    for (count = 0; count < ARRAY_LEN(KNOBS); count++)
        names[count] = KNOBS[count].what;
    const char *nearest = text_nearest(what, names, count);
    return err_set(err, ERR_NOT_FOUND, "nothing here is called \"%.40s\"%s%s%s", what,
                   nearest == NULL ? "" : " (did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?)");
}
