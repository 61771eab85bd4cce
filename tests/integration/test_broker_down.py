#!/usr/bin/python3
"""The broker is away while 20,000 alarm events happen: all are delivered afterwards, in order, memory flat."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import POINTS, Rig, wait_for  # noqa: E402

DEVICES, WANTED = 100, 20000
SLACK_MIB = float(os.environ.get("MEMORY_SLACK_MIB", "8"))  # sanitizers need some for themselves


def main():
    with Rig(devices=DEVICES) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        broker = rig.processes["mosquitto"]
        broker.kill()
        broker.wait()
        before = rig.pss()["courier"]
        first = rig.status()["journal"]["committed"]
        high = False
        while rig.status()["journal"]["committed"] - first < WANTED:
            high = not high
            seq = rig.status()["journal"]["committed"]
            rig.sim(*[f"set {d} p{p} {40000 if high else 100}" for d in rig.places for p in range(1, POINTS)])
            wait_for("all of them judged", lambda: rig.status()["journal"]["committed"] >= seq + DEVICES * (POINTS - 1), 30, 0.1)
        last = rig.status()["journal"]["committed"]
        during = rig.pss()["courier"]
        assert during < before + SLACK_MIB, (before, during)

        rig.start_broker()
        events = rig.subscribe("watchroom/1/bench/event/#")
        wait_for("the backlog at the subscriber",
                 lambda: events.rows() and max(r["seq"] for r in events.rows()[-50:]) >= last, 90, 0.5)
        rows = [r for r in events.rows() if r["seq"] <= last]
        fresh, repeats, newest = [], 0, 0
        for row in rows:
            if row["seq"] <= newest:
                repeats += 1
            else:
                newest = row["seq"]
                fresh.append(row["seq"])
        told = [r["seq"] for r in rig.log("alarm") if r["alarm"]["audience"] and first < r["seq"] <= last
                and set(r["change"]) & {"raised", "cleared"}]
        lost = set(told) - set(fresh)
        assert not lost, f"{len(lost)} lost, e.g. {sorted(lost)[:5]}"
        assert fresh == sorted(fresh)
        wait_for("the cursor at the end", lambda: rig.status()["broker"]["cursor"] >= last)
        after = rig.pss()["courier"]
        assert after < before + SLACK_MIB, (before, after)
        events.close()
        print(f"{len(told)} events told after the broker came back, lost = 0, {repeats} repeats, in order; "
              f"courier {before:.1f} -> {during:.1f} -> {after:.1f} MiB")


if __name__ == "__main__":
    main()
