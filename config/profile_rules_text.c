/*
 * profile_rules_text.c - docs/configuration.md on the rules of alarms: each kind with an example.
 */
#include <stdio.h>

#include "config/profile_rules.h"

/* clang-format off */
static const char RULES[] =
    "## Rules\n"
    "\n"
    "An alarm has one rule. Two limits, high and high-high, are two alarms: each has its own priority and its own action.\n"
    "What follows is the part of an alarm that says its rule; in a site file names of points begin with their device:\n"
    "`ups-a/battery.charge`.\n"
    "\n"
    "| rule | the condition begins | and is over | the alarm shows |\n"
    "|---|---|---|---|\n"
    "| `high`, `low` | beyond the limit | at the limit, `deadband` inside | the value |\n"
    "| `is`, `not` | one, none of these | otherwise | the value |\n"
    "| `rate` | so far from the lowest, the highest reading of that time | less than that, less `deadband` | how far |\n"
    "| `count` | the last of so many within that time | the first of them is older | how many, at most `at_least` |\n"
    "| `difference` | point less the other one beyond the limit | as with limits | the difference |\n"
    "| `when` | the condition becomes true | it becomes false | the value of `point` |\n"
    "| `silent` | no good reading for so long | with the next one | the last value |\n"
    "\n"
    "```yaml\n"
    "# Limits: high and high-high.\n"
    "- {name: warm, point: ambient.temperature, high: 27, deadband: 0.5, on_delay: 60s, off_delay: 5m, priority: 3, ...}\n"
    "- {name: hot, point: ambient.temperature, high: 32, deadband: 0.5, on_delay: 60s, off_delay: 5m, priority: 1, ...}\n"
    "# A state, or several.\n"
    "- {name: on-battery, point: ups.output.source, is: [battery, booster], ...}\n"
    "# Rate: 3 degrees more than the lowest reading of the last five minutes.\n"
    "- {name: heating-up, point: ambient.temperature, rate: {rise: 3, in: 5m}, deadband: 1, ...}\n"
    "# Count: the third time within ten minutes that a voltage falls below 207 V; that a door opens; that anything changes.\n"
    "- {name: sags, point: input.L1.voltage, count: {low: 207, at_least: 3, in: 10m}, deadband: 5, ...}\n"
    "- {name: restless, point: door.state, count: {of: open, at_least: 5, in: 60s}, ...}\n"
    "- {name: hunting, point: ats.source, count: {of: change, at_least: 4, in: 10m}, ...}\n"
    "# Difference: two phases more than 20 A apart, whichever carries more.\n"
    "- {name: unbalanced, point: output.L1.current, difference: {with: output.L2.current, high: 20, absolute: true}, deadband: 5, ...}\n"
    "# A condition over several points.\n"
    "- {name: no-way-out, point: battery.charge, when: battery.charge < 50 and ups.output.source is battery for 30s, ...}\n"
    "# Silence: no good reading for half an hour, whatever the reason. (data-stale speaks of a device as a whole.)\n"
    "- {name: silent, point: fuel.level, silent: 30m, ...}\n"
    "```\n"
    "\n"
    "**Rates** keep the lowest and the highest reading of each tenth of their time: a change within the time is never missed, one that took\n"
    "up to a tenth longer may be seen, too. **Counts** are exact; what is there at the first reading has not begun. Both forget\n"
    "what came before a pause of more than their time.\n"
    "\n";

static const char CONDITIONS[] =
    "### Conditions\n"
    "\n"
    "| from loose to tight | | takes | gives |\n"
    "|---|---|---|---|\n"
    "| `a or b` | | conditions | condition |\n"
    "| `a and b` | | conditions | condition |\n"
    "| `not a` | | condition | condition |\n"
    "| `a for 30s` | known to be true for so long, without a false between | condition | condition |\n"
    "| `<` `<=` `>` `>=` `==` `!=` | not one after another | numbers | condition |\n"
    "| `+` `-` | | numbers | number |\n"
    "| `*` `/` | | numbers | number |\n"
    "| `-a` | | number | number |\n"
    "| `( )` `abs(a)` `min(a, b)` `max(a, b)` | min and max of two or more | numbers | number |\n"
    "| `POINT is LABEL` `POINT is not LABEL` `POINT is in (A, B)` | of a state or a flag; labels without quotes | | condition |\n"
    "| `POINT` | a number; a flag is a condition by itself | | |\n"
    "\n"
    "A name reaches as far as its letters, so `-` and `/` as operators need blanks around them: `a - b`. At most 16 points, four\n"
    "times `for`, 1,000 characters. The alarm's `point` must be in it. A fault is told with its place inside the condition.\n"
    "\n"
    "**Unknown.** A point without a good reading is unknown, and so is what is calculated from it, a division by zero, and what exceeds all\n"
    "numbers. `false and unknown` is false, `true or unknown` is true; anything else with an unknown part is unknown. Unknown changes\n"
    "nothing: neither does it raise an alarm nor clear it, and the clock of a `for` stands still. When the condition is unknown and the stale time of\n"
    "one of its points has run out, the alarm's quality is bad, and the device's data-stale says so.\n"
    "\n"
    "**After a restart** the time without a gateway was not observed: windows and clocks start empty. What is live stays live until its rule is\n"
    "known to be over: for a rate or a count after a whole window, for a `for` with the first false.\n"
    "\n";
/* clang-format on */

void
profile_rules_print(FILE *out)
{
    fputs(RULES, out);
    fputs(CONDITIONS, out);
}
