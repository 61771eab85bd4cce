#!/usr/bin/python3
"""Every misbehaviour of the simulators on 10 % of the devices: the others are read in time, all of them."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402

DEVICES = 60
BEHAVIOURS = {"s": ["silent", "late 2500", "late-once 2500", "garbage", "wrong-id", "wrong-oid", "truncated", "flood 200", "refused", "toobig"],
              "m": ["silent", "late 2500", "late-once 2500", "drip 100", "garbage", "wrong-id", "wrong-unit", "truncated", "flood 200", "refused",
                    "accept-and-hang", "exception 4"]}

# What the gateway counts when a device is sick; one that answers tooBig costs more requests.
SIGNS = ("polls_failed_total", "polls_skipped_total", "replies_stray_total", "replies_broken_total", "probes_total")


def order(rig, lines):
    answers = [json.loads(a) for a in rig.sim(*lines)]
    assert all(a.get("ok") for a in answers), (lines[0], answers)


def answers_of(rig, devices):
    return [json.loads(a)["answers"] for a in rig.sim(*[f"counters {d}" for d in devices])]


def signs(rig):
    return sum(rig.stats().get(name, 0) for name in SIGNS)


def main():
    with Rig(devices=DEVICES) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        for protocol, behaviours in BEHAVIOURS.items():
            sick = [d for d in rig.places if d[0] == protocol][::5][:DEVICES // 10]
            healthy = [d for d in rig.places if d not in sick]
            for behaviour in behaviours:
                before, asked = signs(rig), rig.requests()
                order(rig, [f"behave {d} {behaviour}" for d in sick])
                time.sleep(1)
                begin, answers = time.time(), answers_of(rig, healthy)
                time.sleep(4)
                late = [d for d, a, b in zip(healthy, answers, answers_of(rig, healthy)) if b - a < 3]
                assert not late, f"{protocol} {behaviour}: {late} were not read each second"
                if behaviour == "toobig":
                    assert rig.requests() - asked > 5.5 * DEVICES, "nobody answered tooBig"
                else:
                    wait_for(f"{protocol} {behaviour} to be noticed", lambda: signs(rig) > before, 10)
                values = {v["point"]: v for v in rig.control("values")["values"]}
                now = time.time()
                ages = [now - values[f"{d}/p1"]["ts"] / 1000 for d in healthy]
                bad = [d for d in healthy if values[f"{d}/p1"]["quality"] != "good"]
                assert not bad, (behaviour, bad)
                assert max(ages) < 1.6, f"{protocol} {behaviour}: a healthy device was read {max(ages):.1f} s ago"
                wrong = [k for k, v in values.items() if k.split("/")[0] in sick and k.split("/")[1] in ("p1", "p2", "p3")
                         and v["quality"] == "good" and v["value"] != 100 + int(k.split("/p")[1])]
                assert not wrong, (behaviour, wrong, [values[w] for w in wrong])
                order(rig, [f"behave {d} normal" for d in sick])
                rig.wait_all_up()
                print(f"{protocol} {behaviour}: healthy devices read at most {max(ages):.2f} s ago ({now - begin:.0f} s watched)")
        wait_for("all alarms to be at rest again",
                 lambda: not [a for a in rig.control("alarms")["alarms"] if a["class"] == "power"], 30, 0.5)
        raised = [r["alarm"]["id"] for r in rig.log("alarm") if "raised" in r["change"] and r["alarm"]["class"] == "power"]
        assert not raised, raised
        print("all sick devices are back; no alarm was invented from what they said")


if __name__ == "__main__":
    main()
