#!/usr/bin/env python3
"""Every misbehaviour of the simulators on 10 % of the devices: the others are read in time, all of them."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402

DEVICES = 60
BEHAVIOURS = {"s": ["silent", "late 700", "garbage", "wrong-id", "wrong-oid", "truncated", "flood 200", "refused", "toobig"],
              "m": ["silent", "late 700", "drip 100", "garbage", "wrong-id", "wrong-unit", "truncated", "flood 200", "refused",
                    "accept-and-hang", "exception 4"]}


def main():
    with Rig(devices=DEVICES) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        for protocol, behaviours in BEHAVIOURS.items():
            sick = [d for d in rig.places if d[0] == protocol][::5][:DEVICES // 10]
            healthy = [d for d in rig.places if d not in sick]
            for behaviour in behaviours:
                rig.sim(*[f"behave {d} {behaviour}" for d in sick])
                time.sleep(1)
                begin = time.time()
                time.sleep(4)
                values = {v["point"]: v for v in rig.control("values")["values"]}
                now = time.time()
                ages = [now - values[f"{d}/p1"]["ts"] / 1000 for d in healthy]
                bad = [d for d in healthy if values[f"{d}/p1"]["quality"] != "good"]
                assert not bad, (behaviour, bad)
                assert max(ages) < 1.6, f"{protocol} {behaviour}: a healthy device was read {max(ages):.1f} s ago"
                wrong = [k for k, v in values.items() if k.split("/")[0] in sick and k.split("/")[1] in ("p1", "p2", "p3")
                         and v["quality"] == "good" and v["value"] != 100 + int(k.split("/p")[1])]
                assert not wrong, (behaviour, wrong, [values[w] for w in wrong])
                rig.sim(*[f"behave {d} normal" for d in sick])
                print(f"{protocol} {behaviour}: healthy devices read at most {max(ages):.2f} s ago ({now - begin:.0f} s watched)")
            rig.wait_all_up()
        live = [a["id"] for a in rig.control("alarms")["alarms"] if a["class"] == "power"]
        assert not live, live
        print("all sick devices are back; no alarm was invented from what they said")


if __name__ == "__main__":
    main()
