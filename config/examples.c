/*
 * examples.c - pieces of site files for docs/configuration.md.
 *
 * Each is a whole member of the site file; together with a `site:` and devices they are a site, and
 * a test reads it.
 */
#include "config/examples.h"

#include <string.h>

#include "gateway/base/base.h"

static const struct {
    const char *title, *text;
} EXAMPLES[] = {
    {"users", "users:\n"
              "  - {name: desk-1, role: operator, audiences: [security]}\n"
              "  - {name: shift-lead, role: supervisor}\n"
              "  - {name: power-contractor, role: maintainer, audiences: [facilities]}\n"
              "  - {name: duty-manager, role: continuity, audiences: [continuity]}\n"
              "  # on this machine it is the login that counts\n"
              "  - {name: admin-ann, role: admin, system_user: ann}\n"},
    {"devices", "devices:\n"
                "  - id: ups-a\n"
                "    name: UPS A\n"
                "    profile: ups/rfc1628\n"
                "    address: 10.0.0.11\n"
                "    zone: UPS room A\n"
                "    asset: A-1042\n"
                "    owner: facilities\n"
                "    alarms:\n"
                "      on-battery: {on_delay: 10s}\n"
                "  # without a profile: dry contacts on a Modbus input module\n"
                "  - id: panel-1\n"
                "    protocol: modbus-tcp\n"
                "    address: 10.0.0.31\n"
                "    groups: {fast: 500ms}\n"
                "    points:\n"
                "      - {id: leak.1, register: {fc: 2, address: 8, type: bit}, labels: {0: dry, "
                "1: water}}\n"
                "      - {id: temperature.1, unit: Cel, range: [-20, 90], scale: 0.1,\n"
                "         register: {fc: 3, address: 20, type: s16}}\n"},
    {"alarms", "alarms:\n"
               "  # a state: raised while the point has one of these labels\n"
               "  - name: leak\n"
               "    type: environment.leak\n"
               "    class: environment\n"
               "    audiences: [security, facilities]\n"
               "    priority: 1\n"
               "    managed: true\n"
               "    latch: true\n"
               "    point: panel-1/leak.1\n"
               "    is: water\n"
               "    text: Water under the raised floor\n"
               "    consequence: It reaches cables and power strips\n"
               "    action: Close the valve at door 3; call the cooling contractor\n"
               "    respond_within: 2m\n"
               "  # a limit: over again at 25.5\n"
               "  - name: room-warm\n"
               "    type: environment.temperature.high\n"
               "    class: environment\n"
               "    audiences: [facilities]\n"
               "    priority: 3\n"
               "    point: panel-1/temperature.1\n"
               "    high: 26\n"
               "    deadband: 0.5\n"
               "    on_delay: 60s\n"
               "    off_delay: 5m\n"
               "    text: The panel room is warm\n"
               "    consequence: The input module stops above 60 degrees\n"
               "    action: Open the door; look at the cooling unit of the room\n"
               "    respond_within: 2h\n"},
};

const char *
examples_of(const char *title)
{
    for (size_t i = 0; i < ARRAY_LEN(EXAMPLES); i++)
        if (strcmp(EXAMPLES[i].title, title) == 0)
            return EXAMPLES[i].text;
    return NULL;
}
