/*
 * vocabulary.c - every standard point with its unit, kind and meaning.
 */
#include "config/vocabulary.h"

#include <string.h>

#include "gateway/base/text.h"

#define N VALUE_NUMBER
#define S VALUE_STATE
#define F VALUE_FLAG
#define T VALUE_TEXT

/* clang-format off */
static const struct word WORDS[] = {
    {"comm.state", "", F, "the device answers; made by the gateway for every device"},
    {"device.model", "", T, "model"}, {"device.serial", "", T, "serial number"},
    {"device.firmware", "", T, "firmware version"}, {"device.mfr", "", T, "manufacturer"},
    {"device.name", "", T, "name set in the device"}, {"device.uptime", "s", N, "since the management card started"},
    {"device.fault", "", F, "the device reports a fault of its own"},
    {"ups.status", "", S, "how the UPS works now"}, {"ups.output.source", "", S, "what feeds the load"},
    {"ups.load", "%", N, "load of the whole UPS"}, {"ups.realpower", "W", N, "active power out"},
    {"ups.power", "VA", N, "apparent power out"}, {"ups.temperature", "Cel", N, "temperature inside"},
    {"ups.alarms", "", N, "alarms the UPS reports now"}, {"ups.overload", "", F, "more load than rated"},
    {"ups.efficiency", "%", N, "efficiency"}, {"ups.test.result", "", S, "last battery test"},
    {"battery.status", "", S, "state of the battery"}, {"battery.charge", "%", N, "charge"},
    {"battery.runtime", "s", N, "time left at this load"}, {"battery.voltage", "V", N, "voltage"},
    {"battery.current", "A", N, "current; positive while discharging"}, {"battery.temperature", "Cel", N, "temperature"},
    {"battery.time_on_battery", "s", N, "since the mains was lost; 0 on mains"}, {"battery.replace", "", F, "to be replaced"},
    {"battery.low", "", F, "low by the device's own judgement"},
    {"input.lines", "", N, "input phases"}, {"input.transfers", "", N, "times the input left its limits"},
    {"input.L{n}.voltage", "V", N, "input voltage of a phase"}, {"input.L{n}.current", "A", N, "input current of a phase"},
    {"input.L{n}.frequency", "Hz", N, "input frequency of a phase"}, {"input.L{n}.realpower", "W", N, "input power of a phase"},
    {"input.voltage", "V", N, "input voltage"}, {"input.frequency", "Hz", N, "input frequency"}, {"input.current", "A", N, "input current"},
    {"input.realpower", "W", N, "input power"},
    {"bypass.frequency", "Hz", N, "bypass frequency"}, {"bypass.lines", "", N, "bypass phases"},
    {"bypass.L{n}.voltage", "V", N, "bypass voltage of a phase"}, {"bypass.L{n}.current", "A", N, "bypass current of a phase"},
    {"bypass.L{n}.realpower", "W", N, "bypass power of a phase"},
    {"output.frequency", "Hz", N, "output frequency"}, {"output.lines", "", N, "output phases"}, {"output.voltage", "V", N, "output voltage"},
    {"output.current", "A", N, "output current"}, {"output.L{n}.voltage", "V", N, "output voltage of a phase"},
    {"output.L{n}.current", "A", N, "output current of a phase"}, {"output.L{n}.realpower", "W", N, "output power of a phase"},
    {"output.L{n}.load", "%", N, "load of a phase"},
    {"ats.source", "", S, "source that feeds the load"}, {"ats.preferred", "", S, "source it prefers"},
    {"ats.redundancy", "", S, "both sources are good"}, {"ats.overcurrent", "", S, "output current above its limit"},
    {"ats.mode", "", S, "automatic, manual ..."}, {"ats.source.{n}.voltage", "V", N, "voltage of a source"},
    {"ats.source.{n}.frequency", "Hz", N, "frequency of a source"}, {"ats.source.{n}.status", "", S, "state of a source"},
    {"pdu.power", "W", N, "active power of the whole PDU"}, {"pdu.apparent_power", "VA", N, "apparent power"}, {"pdu.energy", "kWh", N, "energy"},
    {"pdu.load.state", "", S, "load by the PDU's own limits"}, {"pdu.L{n}.current", "A", N, "current of a phase"},
    {"pdu.L{n}.voltage", "V", N, "voltage of a phase"}, {"pdu.L{n}.power", "W", N, "power of a phase"}, {"pdu.L{n}.load.state", "", S, "load of a phase by the PDU's own limits"},
    {"pdu.bank.{n}.current", "A", N, "current of a bank"}, {"pdu.bank.{n}.load.state", "", S, "load of a bank by the PDU's own limits"},
    {"outlet.{n}.state", "", S, "an outlet is on or off"}, {"outlet.{n}.current", "A", N, "current of an outlet"}, {"outlet.{n}.power", "W", N, "power of an outlet"},
    {"outlet.{n}.name", "", T, "name of an outlet"},
    {"meter.energy", "kWh", N, "energy taken"}, {"meter.power", "W", N, "active power"}, {"meter.L{n}.voltage", "V", N, "voltage of a phase"},
    {"meter.L{n}.current", "A", N, "current of a phase"}, {"meter.frequency", "Hz", N, "frequency"}, {"meter.power_factor", "", N, "power factor"},
    {"engine.state", "", S, "what the engine does"}, {"engine.speed", "rpm", N, "engine speed"}, {"engine.oil.pressure", "kPa", N, "oil pressure"},
    {"engine.oil.temperature", "Cel", N, "oil temperature"}, {"engine.coolant.temperature", "Cel", N, "coolant temperature"}, {"engine.battery.voltage", "V", N, "starter battery"},
    {"engine.charger.voltage", "V", N, "charge alternator"}, {"engine.hours", "h", N, "hours run"}, {"engine.starts", "", N, "starts counted"},
    {"fuel.level", "%", N, "fuel level"}, {"fuel.litres", "l", N, "fuel"}, {"fuel.leak", "", F, "fuel leak"},
    {"generator.mode", "", S, "control mode: automatic, manual, stop ..."}, {"generator.frequency", "Hz", N, "generator frequency"},
    {"generator.L{n}.voltage", "V", N, "generator voltage of a phase"}, {"generator.L{n}.current", "A", N, "generator current of a phase"}, {"generator.L{n}.realpower", "W", N, "generator power of a phase"},
    {"generator.realpower", "W", N, "generator power"}, {"generator.load", "%", N, "load of the generator"}, {"generator.breaker", "", S, "generator breaker"},
    {"generator.alarm.warning", "", F, "the controller warns"}, {"generator.alarm.shutdown", "", F, "a shutdown alarm stopped it"}, {"generator.alarm.trip", "", F, "an electrical trip"},
    {"generator.alarm.control_failure", "", F, "the controller itself has failed"},
    {"mains.frequency", "Hz", N, "mains frequency"}, {"mains.L{n}.voltage", "V", N, "mains voltage of a phase"}, {"mains.L{n}.current", "A", N, "mains current of a phase"},
    {"mains.available", "", F, "mains within limits"},
    {"temperature.{n}", "Cel", N, "temperature of a sensor"}, {"humidity.{n}", "%", N, "relative humidity of a sensor"}, {"sensor.{n}.name", "", T, "name of a sensor"},
    {"sensor.{n}.status", "", S, "state of a sensor"}, {"leak.{n}", "", F, "water"}, {"smoke.{n}", "", F, "smoke"}, {"airflow.{n}", "m/s", N, "air flow"},
    {"cooling.state", "", S, "what the unit does"}, {"cooling.supply.temperature", "Cel", N, "supply air"}, {"cooling.return.temperature", "Cel", N, "return air"}, {"cooling.fan.speed", "%", N, "fans"},
    {"cooling.fault", "", F, "the unit reports a fault"},
    {"contact.{n}", "", F, "a dry contact"}, {"door.{n}.state", "", F, "a door is open"}, {"door.{n}.forced", "", F, "opened without a grant"}, {"door.{n}.held", "", F, "held open"},
    {"fire.alarm", "", F, "the fire panel has an alarm"}, {"fire.fault", "", F, "the fire panel has a fault"}, {"fire.disabled", "", F, "part of the fire panel is switched off"},
    {"intruder.alarm", "", F, "the intruder panel has an alarm"}, {"intruder.set", "", F, "the intruder panel is set"}, {"intruder.fault", "", F, "the intruder panel has a fault"},
    {"tamper.{n}", "", F, "somebody opened the housing"}, {"holdup.{n}", "", F, "hold-up button"},
    {"recording.state", "", S, "the recorder records"}, {"camera.{n}.video", "", S, "video of a camera"}, {"camera.{n}.recording", "", S, "recording of a camera"},
    {"disk.{n}.state", "", S, "a disk"}, {"disk.{n}.free", "%", N, "free space of a disk"}, {"storage.free", "%", N, "free space for recordings"}, {"cpu.load", "%", N, "load of the processor"},
    {"clock.offset", "s", N, "how wrong the device's clock is"},
    /* the gateway itself */
    {"journal.state", "", S, "can the journal be written"}, {"journal.restarted", "", F, "the journal began anew"}, {"store.state", "", S, "can time series be written"},
    {"store.time", "", F, "readings are refused for their time"}, {"store.loss", "", F, "readings do not reach the time series"}, {"broker.state", "", S, "the MQTT session"},
    {"broker.unconfirmed", "", F, "a P1 waits for the broker"}, {"broker.refused", "", F, "the broker refused something lately"}, {"workers.state", "", S, "a process died or hung lately"}, {"config.state", "", S, "the newest configuration was accepted"},
    {"samples.merged", "", F, "collectors are ahead of the judge"}, {"escalation.state", "", S, "did somebody answer"},
    {"unwatched.security", "", F, "nobody is at a console for security"}, {"unwatched.continuity", "", F, "nobody is at a console for continuity"}, {"unwatched.facilities", "", F, "nobody is at a console for facilities"},
};
/* clang-format on */

static bool
matches(const char *pattern, const char *id)
{
    while (*pattern != '\0') {
        if (strncmp(pattern, "{n}", 3) == 0) {
            size_t digits = strspn(id, "0123456789");

            if (digits == 0)
                return false;
            pattern += 3;
            id += digits;
        } else if (*pattern++ != *id++) {
            return false;
        }
    }
    return *id == '\0';
}

const struct word *
vocabulary_find(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (matches(WORDS[i].pattern, id))
            return &WORDS[i];
    return NULL;
}

const char *
vocabulary_nearest(const char *id)
{
    const char *patterns[ARRAY_LEN(WORDS)];
    char pattern[2 * ID_MAX];
    size_t used = 0;

    /* door.1.state is compared as door.{n}.state */
    while (*id != '\0' && used + 4 < sizeof pattern) {
        size_t digits = strspn(id, "0123456789");

        if (digits > 0)
            memcpy(pattern + used, "{n}", 3);
        else
            pattern[used] = *id;
        used += digits > 0 ? 3 : 1;
        id += digits > 0 ? digits : 1;
    }
    pattern[used] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        patterns[i] = WORDS[i].pattern;
    return text_nearest(pattern, patterns, ARRAY_LEN(WORDS));
}

void
vocabulary_print(FILE *out)
{
    fputs("## Vocabulary\n\nStandard points; `{n}` is a number. A profile uses these or says "
          "`custom: true`.\n\n| point | unit | kind | meaning |\n|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", WORDS[i].pattern, WORDS[i].unit,
                value_kind_name(WORDS[i].kind), WORDS[i].meaning);
}
