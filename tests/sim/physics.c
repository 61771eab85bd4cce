/*
 * physics.c - the small data centre behind the demo.
 *
 * Good enough to look at, not to size anything with: first-order lags, fixed timers, and noise from
 * a seed.
 */
#include "tests/sim/physics.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define STEP_S 0.1 /* nothing here changes faster */
#define LEAP_MAX_S 60.0

#define MAINS_V 231.0
#define MAINS_HZ 50.0
#define GOOD_V 200.0 /* below: a source is bad */
#define PHASE_RATING_W 20000.0
#define AUTONOMY_S 900.0  /* of a full battery at half load */
#define RECHARGE_S 7200.0 /* from empty */
#define CRANK_AFTER_S 3.0 /* from the loss of mains */
#define RATED_RPM 1500.0
#define RATED_W 120000.0
#define IN_BAND_RPM 1485.0
#define START_S 5.0 /* from cranking to rated speed */
#define COOL_DOWN_S 20.0
#define TRANSFER_AFTER_S 10.0 /* source A bad for so long, and B good for GOOD_B_S */
#define GOOD_B_S 2.0
#define RETRANSFER_AFTER_S 8.0 /* source A good for so long */
#define TRANSFER_GAP_S 0.5
#define COOLING_RESTART_S 25.0 /* compressors wait before they start again */

enum { SOURCE_NORMAL = 3, SOURCE_NONE = 2, SOURCE_BATTERY = 5 };
enum { BATTERY_NORMAL = 2, BATTERY_LOW = 3, BATTERY_DEPLETED = 4 };
enum { ENGINE_STOPPED, ENGINE_PRE_START, ENGINE_WARMING, ENGINE_RUNNING, ENGINE_COOLING };
enum { STATUS_FAILED = 1, STATUS_GOOD = 2 };
enum { REDUNDANCY_LOST = 1, REDUNDANT = 2 };
enum { LOAD_LOW = 1, LOAD_NORMAL = 2, LOAD_NEAR_OVERLOAD = 3, LOAD_OVERLOAD = 4 };

/* noise */

/* Evenly from -1 to 1. */
static double
noise(struct physics *physics)
{
    physics->seed ^= physics->seed << 13;
    physics->seed ^= physics->seed >> 17;
    physics->seed ^= physics->seed << 5;
    return (double)physics->seed / (double)UINT32_MAX * 2 - 1;
}

/* Strays from `mean` by about `spread` and comes back within `tau_s`. */
static void
wander(struct physics *physics, double *value, double mean, double spread, double tau_s)
{
    *value += (mean - *value) * STEP_S / tau_s + noise(physics) * spread * sqrt(6 * STEP_S / tau_s);
}

static void
approach(double *value, double target, double tau_s)
{
    *value += (target - *value) * fmin(1, STEP_S / tau_s);
}

/* mains, generators, transfer switch */

static void
step_mains(struct physics *physics)
{
    for (int i = 0; i < PHYSICS_PHASES; i++) {
        if (physics->mains_off != 0)
            physics->mains_voltage[i] = 0;
        else if (physics->mains_voltage[i] < GOOD_V)
            physics->mains_voltage[i] = MAINS_V;
        else
            wander(physics, &physics->mains_voltage[i], MAINS_V, 0.8, 5);
    }
    physics->mains_frequency = physics->mains_off != 0 ? 0 : MAINS_HZ + noise(physics) * 0.02;
    physics->lost_s = physics->mains_off != 0 ? physics->lost_s + STEP_S : 0;
}

static bool
is_in_band(const struct physics_generator *generator)
{
    return generator->speed_rpm >= IN_BAND_RPM;
}

static void
enter(struct physics_generator *generator, int state)
{
    generator->state = state;
    generator->phase_s = 0;
}

static void
step_engine(struct physics *physics, struct physics_generator *generator, double late_s)
{
    bool is_wanted = physics->lost_s > 0 || physics->ats.source == 2;
    double target = 0;

    generator->phase_s += STEP_S;
    switch ((int)generator->state) {
    case ENGINE_STOPPED:
        if (is_wanted && generator->speed_rpm < 50)
            enter(generator, ENGINE_PRE_START);
        break;
    case ENGINE_PRE_START:
        if (!is_wanted) {
            enter(generator, ENGINE_STOPPED);
        } else if (generator->phase_s >= CRANK_AFTER_S) {
            enter(generator, ENGINE_WARMING);
            generator->starts++;
        }
        break;
    case ENGINE_WARMING: /* first the starter turns it, then it runs up by itself */
        target = generator->phase_s < 1.5 || generator->is_broken != 0 ? 220 : RATED_RPM + 5;
        if (is_in_band(generator) && generator->phase_s >= START_S - 0.5 + late_s)
            enter(generator, ENGINE_RUNNING);
        break;
    case ENGINE_RUNNING:
        target = RATED_RPM + noise(physics) * 4;
        if (!is_wanted)
            enter(generator, ENGINE_COOLING);
        break;
    default:
        target = RATED_RPM;
        if (is_wanted)
            enter(generator, ENGINE_RUNNING);
        else if (generator->phase_s >= COOL_DOWN_S)
            enter(generator, ENGINE_STOPPED);
        break;
    }
    approach(&generator->speed_rpm, target, target > 300 ? 0.55 : 0.8);
    if (generator->speed_rpm < 5)
        generator->speed_rpm = 0;
}

static void
step_generator(struct physics_generator *generator, double power_w)
{
    bool runs = generator->speed_rpm > 600;
    double voltage = 230 * fmin(1, fmax(0, (generator->speed_rpm - 900) / 580));

    generator->frequency = generator->speed_rpm / 30;
    generator->total_power = 0;
    for (int i = 0; i < PHYSICS_PHASES; i++) {
        generator->voltage[i] = voltage;
        generator->power[i] = power_w / PHYSICS_PHASES;
        generator->current[i] = voltage > 100 ? generator->power[i] / voltage / 0.95 : 0;
        generator->total_power += generator->power[i];
    }
    generator->load_pct = generator->total_power / RATED_W * 100;
    /* A day tank drawn fast, so that a minute of demo shows it. */
    generator->fuel_pct = fmax(
        0, generator->fuel_pct - (runs ? 0.01 + 0.06 * generator->load_pct / 100 : 0) * STEP_S);
    if (generator->fuel_pct <= 0)
        generator->is_broken = 1;
    approach(&generator->oil_kpa, runs ? 410 : generator->speed_rpm / 4, 1);
    approach(&generator->coolant_c, runs ? 82 : 41, runs ? 60 : 600);
    approach(&generator->oil_c, runs ? 92 : 38, runs ? 80 : 600);
    approach(&generator->battery_v,
             generator->speed_rpm > 50 && !runs ? 23.9
             : runs                             ? 28.2
                                                : 27.1,
             0.7);
    approach(&generator->charger_v, runs ? 28.3 : 0, 1);
    generator->hours += runs ? STEP_S / 3600 : 0;
}

static void
step_source(struct physics_ats *ats, int source, double voltage, double frequency)
{
    bool is_good = voltage >= GOOD_V;

    ats->voltage[source] = voltage;
    ats->frequency[source] = frequency;
    ats->status[source] = is_good ? STATUS_GOOD : STATUS_FAILED;
    ats->good_s[source] = is_good ? ats->good_s[source] + STEP_S : 0;
    ats->bad_s[source] = is_good ? 0 : ats->bad_s[source] + STEP_S;
}

static void
step_ats(struct physics *physics, double load_w)
{
    struct physics_ats *ats = &physics->ats;
    double voltage = 0, frequency = 0;

    for (int i = 0; i < PHYSICS_GENERATORS; i++)
        if (physics->generator[i].voltage[0] > voltage) {
            voltage = physics->generator[i].voltage[0];
            frequency = physics->generator[i].frequency;
        }
    step_source(ats, 0, physics->mains_voltage[0], physics->mains_frequency);
    step_source(ats, 1, voltage, frequency);
    ats->redundancy = ats->status[0] == STATUS_GOOD && ats->status[1] == STATUS_GOOD
                          ? REDUNDANT
                          : REDUNDANCY_LOST;
    int wanted = (int)ats->source;
    if (wanted == 1 && ats->bad_s[0] >= TRANSFER_AFTER_S && ats->good_s[1] >= GOOD_B_S)
        wanted = 2;
    else if (wanted == 2 && ats->good_s[0] >= RETRANSFER_AFTER_S)
        wanted = 1;
    if (wanted != (int)ats->source)
        ats->gap_s = TRANSFER_GAP_S;
    ats->source = wanted;
    ats->gap_s = fmax(0, ats->gap_s - STEP_S);
    ats->output_voltage = ats->gap_s > 0 ? 0 : ats->voltage[wanted - 1];
    ats->output_current =
        ats->output_voltage > GOOD_V ? load_w / PHYSICS_PHASES / ats->output_voltage / 0.95 : 0;
}

/* UPSs, PDUs */

static void
step_battery(struct physics_ups *ups, bool has_input, double load_w)
{
    double rated_w = PHASE_RATING_W * PHYSICS_PHASES;
    double share = load_w / (rated_w / 2); /* of the load that the autonomy is given for */

    if (has_input) {
        ups->charge_pct = fmin(100, ups->charge_pct + 100 / RECHARGE_S * STEP_S);
        ups->on_battery_s = 0;
        ups->source = SOURCE_NORMAL;
    } else {
        if (ups->source == SOURCE_NORMAL)
            ups->transfers++;
        ups->charge_pct = fmax(0, ups->charge_pct - 100 / AUTONOMY_S * share * STEP_S);
        ups->on_battery_s += STEP_S;
        ups->source = ups->charge_pct > 0 ? SOURCE_BATTERY : SOURCE_NONE;
    }
    bool discharges = ups->source == SOURCE_BATTERY;
    ups->runtime_s = share > 0.01 ? AUTONOMY_S * ups->charge_pct / 100 / share : 36000;
    ups->status = ups->charge_pct > 20  ? BATTERY_NORMAL
                  : ups->charge_pct > 1 ? BATTERY_LOW
                                        : BATTERY_DEPLETED;
    approach(&ups->voltage, (discharges ? 478 : 540) - (100 - ups->charge_pct) * 0.9, 1.5);
    ups->current = discharges ? load_w / fmax(300, ups->voltage)
                              : -(100 - ups->charge_pct) * 0.6; /* charging */
    approach(&ups->temperature_c, discharges ? 31 : 24, 400);
    ups->alarms = (discharges ? 2 : 0) + (ups->status != BATTERY_NORMAL ? 1 : 0);
}

static void
step_ups(struct physics *physics, struct physics_ups *ups, const struct physics_pdu *pdus)
{
    const struct physics_ats *ats = &physics->ats;
    bool has_input = ats->output_voltage >= GOOD_V;
    double total = 0;

    for (int i = 0; i < PHYSICS_PHASES; i++) {
        wander(physics, &ups->base_load[i], 7000 + 400 * i, 60, 20);
        ups->output_power[i] = ups->base_load[i] + pdus[0].phase_power[i] + pdus[1].phase_power[i];
        total += ups->output_power[i];
    }
    step_battery(ups, has_input, total);
    bool has_output = ups->source != SOURCE_NONE;
    ups->input_frequency = has_input ? ats->frequency[(int)ats->source - 1] : 0;
    ups->output_frequency = has_output ? MAINS_HZ : 0;
    for (int i = 0; i < PHYSICS_PHASES; i++) {
        if (!has_output)
            ups->output_power[i] = 0;
        ups->output_voltage[i] = has_output ? 230 + 0.2 * noise(physics) : 0;
        ups->output_current[i] = has_output ? ups->output_power[i] / 230 / 0.97 : 0;
        ups->output_load[i] = ups->output_power[i] / PHASE_RATING_W * 100;
        ups->input_voltage[i] = ats->output_voltage + (has_input ? i - 1 : 0);
        ups->input_power[i] =
            has_input ? ups->output_power[i] / 0.95 + (100 - ups->charge_pct) * 20 : 0;
        ups->input_current[i] = has_input ? ups->input_power[i] / ups->input_voltage[i] : 0;
    }
}

static double
load_state(double current, double rating)
{
    return current > rating          ? LOAD_OVERLOAD
           : current > rating * 0.8  ? LOAD_NEAR_OVERLOAD
           : current > rating * 0.05 ? LOAD_NORMAL
                                     : LOAD_LOW;
}

static void
step_pdu(struct physics *physics, struct physics_pdu *pdu, const struct physics_ups *ups)
{
    pdu->power = 0;
    memset(pdu->phase_current, 0, sizeof pdu->phase_current);
    for (int i = 0; i < PHYSICS_OUTLETS; i++) {
        wander(physics, &pdu->outlet_current[i], pdu->outlet_mean[i], 0.06, 8);
        pdu->outlet_current[i] = fmax(0, pdu->outlet_current[i]);
        pdu->phase_current[i % PHYSICS_PHASES] += pdu->outlet_current[i];
    }
    for (int i = 0; i < PHYSICS_PHASES; i++) {
        pdu->phase_voltage[i] = ups->output_voltage[i];
        if (pdu->phase_voltage[i] < 100)
            pdu->phase_current[i] = 0;
        pdu->phase_power[i] = pdu->phase_current[i] * pdu->phase_voltage[i] * 0.95;
        pdu->phase_state[i] = load_state(pdu->phase_current[i], 16);
        pdu->power += pdu->phase_power[i];
    }
    pdu->apparent_power = pdu->power / 0.95;
    pdu->load_state = load_state(pdu->apparent_power, 11000);
    pdu->energy_kwh += pdu->power * STEP_S / 3.6e6;
}

/* rooms, contacts, recorder */

static void
step_room(struct physics *physics)
{
    struct physics_room *room = &physics->room;
    bool has_power = physics->ats.output_voltage >= GOOD_V;

    if (!has_power || room->cooling_broken != 0)
        room->cooling_wait_s = COOLING_RESTART_S;
    else
        room->cooling_wait_s = fmax(0, room->cooling_wait_s - STEP_S);
    room->cooling_runs = room->cooling_wait_s <= 0;
    if (room->cooling_runs != 0) {
        wander(physics, &room->cold_aisle_c, 22.5, 0.05, 25);
        wander(physics, &room->humidity_pct, 46, 0.4, 60);
    } else { /* a full room warms fast without its cooling */
        room->cold_aisle_c += (46 - room->cold_aisle_c) * STEP_S / 140;
        room->humidity_pct -= (room->humidity_pct - 30) * STEP_S / 300;
    }
    approach(&room->hot_aisle_c, room->cold_aisle_c + 12.5, 20);
    approach(&room->battery_room_c, 23 + fmax(0, physics->ups[0].current) * 0.02, 300);
}

static void
step_contacts(struct physics *physics)
{
    struct physics_contacts *contacts = &physics->contacts;

    for (int i = 0; i < 3; i++) {
        if (contacts->door_s[i] > 0) {
            contacts->door_s[i] -= STEP_S;
            if (contacts->door_s[i] <= 0)
                contacts->door_closed[i] = 1;
        } else if (i == 0 && contacts->door_closed[i] != 0 && noise(physics) > 1 - STEP_S / 15) {
            /* People come and go: about twice a minute, for some seconds. */
            contacts->door_closed[i] = 0;
            contacts->door_s[i] = 3 + 2 * noise(physics);
        }
    }
}

static void
step_recorder(struct physics *physics)
{
    struct physics_recorder *recorder = &physics->recorder;

    recorder->processes = recorder->stopped != 0 ? 0 : 4;
    recorder->disk_used_pct = fmin(99, recorder->disk_used_pct + STEP_S / 20000);
    wander(physics, &recorder->idle_pct, recorder->stopped != 0 ? 95 : 68, 1.5, 6);
    recorder->idle_pct = fmin(100, fmax(0, recorder->idle_pct));
}

/* the script */

static const struct {
    double at_s;
    const char *what, *value;
} SCRIPT[] = {
    {12, "mains", "off"},        {22, "recorder", "stopped"}, {26, "door-2", "open"},
    {34, "recorder", "running"}, {38, "leak", "on"},          {42, "leak", "off"},
    {46, "door-2", "closed"},    {60, "mains", "on"},
};

static void
step_script(struct physics *physics)
{
    double before = physics->script_s;
    enum err_code done = ERR_OK;

    if (before < 0)
        return;
    physics->script_s += STEP_S;
    for (size_t i = 0; i < ARRAY_LEN(SCRIPT); i++)
        if (SCRIPT[i].at_s > before && SCRIPT[i].at_s <= physics->script_s)
            done = physics_set(physics, SCRIPT[i].what, SCRIPT[i].value, NULL);
    assert(done == ERR_OK); /* the script names what there is */
}

/* whole */

static void
step(struct physics *physics)
{
    double load_w = physics->room.cooling_runs != 0 ? 24000 : 2000;
    int running = 0;

    physics->time_s += STEP_S;
    step_script(physics);
    step_mains(physics);
    for (int i = 0; i < PHYSICS_UPSS; i++)
        for (int k = 0; k < PHYSICS_PHASES; k++)
            load_w += physics->ups[i].input_power[k];
    for (int i = 0; i < PHYSICS_GENERATORS; i++)
        running += is_in_band(&physics->generator[i]);
    for (int i = 0; i < PHYSICS_GENERATORS; i++) {
        struct physics_generator *generator = &physics->generator[i];
        bool carries = physics->ats.source == 2 && is_in_band(generator);

        step_engine(physics, generator, i * 0.8);
        step_generator(generator, carries ? load_w / running : 0);
    }
    step_ats(physics, load_w);
    for (int i = 0; i < PHYSICS_UPSS; i++)
        step_ups(physics, &physics->ups[i], &physics->pdu[2 * i]);
    for (int i = 0; i < PHYSICS_PDUS; i++)
        step_pdu(physics, &physics->pdu[i], &physics->ups[i / 2]);
    step_room(physics);
    step_contacts(physics);
    step_recorder(physics);
}

void
physics_step(struct physics *physics, double dt_s)
{
    physics->owed_s += fmin(fmax(dt_s, 0), LEAP_MAX_S);
    for (; physics->owed_s >= STEP_S; physics->owed_s -= STEP_S)
        step(physics);
}

void
physics_init(struct physics *physics, uint32_t seed)
{
    static const double STARTS[PHYSICS_GENERATORS] = {131, 118}, HOURS[] = {412.3, 397.8},
                        FUEL[] = {82, 77};

    memset(physics, 0, sizeof *physics);
    physics->seed = seed == 0 ? 1 : seed;
    physics->script_s = -1;
    for (int i = 0; i < PHYSICS_PHASES; i++)
        physics->mains_voltage[i] = MAINS_V;
    physics->mains_frequency = MAINS_HZ;
    physics->ats.source = 1;
    physics->ats.voltage[0] = physics->ats.output_voltage = MAINS_V;
    for (int i = 0; i < PHYSICS_UPSS; i++) {
        struct physics_ups *ups = &physics->ups[i];

        ups->charge_pct = 100;
        ups->voltage = 540;
        ups->temperature_c = 24;
        ups->source = SOURCE_NORMAL;
        for (int k = 0; k < PHYSICS_PHASES; k++)
            ups->base_load[k] = 7000 + 400 * k;
    }
    for (int i = 0; i < PHYSICS_GENERATORS; i++) {
        struct physics_generator *generator = &physics->generator[i];

        generator->fuel_pct = FUEL[i];
        generator->coolant_c = 41;
        generator->oil_c = 38;
        generator->battery_v = 27.1;
        generator->hours = HOURS[i];
        generator->starts = STARTS[i];
    }
    for (int i = 0; i < PHYSICS_PDUS; i++) {
        struct physics_pdu *pdu = &physics->pdu[i];

        pdu->energy_kwh = 15000 + 731 * i;
        for (int k = 0; k < PHYSICS_OUTLETS; k++)
            pdu->outlet_mean[k] = pdu->outlet_current[k] = 1.2 + 0.9 * fabs(noise(physics));
    }
    physics->room = (struct physics_room){.cold_aisle_c = 22.5,
                                          .hot_aisle_c = 35,
                                          .battery_room_c = 23,
                                          .humidity_pct = 46,
                                          .cooling_runs = 1};
    physics->contacts = (struct physics_contacts){.door_closed = {1, 1, 1},
                                                  .fire_quiet = 1,
                                                  .fire_fine = 1,
                                                  .intruder_quiet = 1,
                                                  .tamper_closed = 1,
                                                  .leak_dry = 1};
    physics->recorder = (struct physics_recorder){.disk_used_pct = 71, .idle_pct = 68};
    physics_step(physics, 1);
}
