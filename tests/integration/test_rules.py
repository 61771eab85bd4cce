#!/usr/bin/python3
"""Rules over time and over several points, from the device to what people are told: each kind is raised by what the
devices do, says what it is held against, and a device that falls silent leaves unknown what only it could tell."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402

RULES = {"rising": ("s-1/p1", "rate: {rise: 50, in: 10m}"),
         "twice": ("s-1/p20", "count: {of: true, at_least: 2, in: 10m}"),
         "apart": ("m-1/p2", "difference: {with: s-1/p2, high: 100, absolute: true}, deadband: 10"),
         "both": ("m-1/p3", "when: (m-1/p3 > 500 and s-1/p3 > 500) for 2s"),
         "silent": ("s-1/p4", "silent: 8s")}
TEXTS = "text: a rule, consequence: none, action: look at the test, respond_within: 2h"


def site_alarms():
    return "alarms:\n" + "".join(
        f"  - {{name: {name}, type: test.{name}, class: power, priority: 3, audiences: [facilities], point: {point}, {rule}, {TEXTS}}}\n"
        for name, (point, rule) in RULES.items())


def alarm(rig, name):
    found = [a for a in rig.control("alarms")["alarms"] if a["id"].endswith(f"/{name}")]
    return found[0] if found else {"cond": "normal", "quality": "good"}


def await_cond(rig, name, cond, quality="good"):
    return wait_for(f"{name} to be {cond}, {quality}", lambda: (a := alarm(rig, name))["cond"] == cond and a["quality"] == quality and a,
                    60, 0.1)


def set_and_read(rig, point, value):
    device, name = point.split("/")
    assert json.loads(rig.sim(f"set {device} {name} {value}")[0])["ok"]
    wait_for(f"{point} to be read", lambda: {v["point"]: v["value"] for v in rig.control("values")["values"]}[point] == value, 30, 0.1)


def main():
    with Rig(devices=2, alarms=False) as rig:
        rig.write_site(site_alarms())
        events = rig.subscribe("watchroom/1/bench/event/facilities")
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("a value of each", lambda: all(v["quality"] == "good" for v in rig.control("values")["values"]
                                                if v["point"].startswith(("s-1/p", "m-1/p"))), 30, 0.1)
        set_and_read(rig, "s-1/p1", 140)  # 39 above what it was: not enough
        set_and_read(rig, "s-1/p1", 155)
        rising = await_cond(rig, "rising", "active")
        assert (rising["value"], rising["limit"], rising["window_s"], rising["rule"]) == (54, 50, 600, "rise"), rising

        for value in (1, 0, 1):
            assert alarm(rig, "twice")["cond"] == "normal"
            set_and_read(rig, "s-1/p20", value)
        twice = await_cond(rig, "twice", "active")
        assert (twice["value"], twice["limit"]) == (2, 2) and "unit" not in twice and "label" not in twice, twice

        set_and_read(rig, "s-1/p2", 210)  # m-1/p2 is 102
        assert await_cond(rig, "apart", "active")["value"] == 108
        set_and_read(rig, "s-1/p2", 195)  # 93: not yet back by the deadband
        set_and_read(rig, "s-1/p2", 190)
        await_cond(rig, "apart", "normal")

        set_and_read(rig, "m-1/p3", 600)
        assert alarm(rig, "both")["cond"] == "normal"
        begin = time.monotonic()
        set_and_read(rig, "s-1/p3", 600)
        both = await_cond(rig, "both", "active")
        assert time.monotonic() - begin >= 1.9 and both["when"] == RULES["both"][1].removeprefix("when: "), both

        # One device falls silent: what only it could tell is unknown, and stays as it was.
        rig.sim("behave s-1 silent")
        await_cond(rig, "both", "active", "bad")
        await_cond(rig, "silent", "active")
        set_and_read(rig, "m-1/p3", 400)  # false and unknown is false: that is known
        await_cond(rig, "both", "normal")
        assert alarm(rig, "silent")["quality"] == "good" and alarm(rig, "rising")["cond"] == "active"
        rig.sim("behave s-1 normal")
        await_cond(rig, "silent", "normal")

        changes = {}
        for row in rig.log("alarm"):
            changes.setdefault(row["alarm"]["id"].rsplit("/", 1)[1], []).extend(row["change"])
        for name in RULES:
            assert changes[name].count("raised") == 1, (name, changes[name])
        last = rig.log("alarm")[-1]["seq"]
        wait_for("the last row to be told", lambda: any(json.loads(p)["seq"] >= last for _, _, p in events.messages if p.startswith("{")))
        print(f"{len(RULES)} kinds of rules raised and told once each")


if __name__ == "__main__":
    main()
