#!/usr/bin/python3
"""The wall clock is stepped forward by days and back by hours under a running gateway: no timer fires wrongly, no
alarm is invented or cleared, time series are not poisoned, and everything goes on when the clock is right again.

libfaketime moves CLOCK_REALTIME of the gateway alone; CLOCK_MONOTONIC, like the kernel's, goes on evenly.
"""
import glob
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402

LIBRARY = (glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") + [None])[0]


def main():
    with Rig(devices=6, values=True) as rig:
        clock = rig.dir / "clock"

        def step(offset):
            clock.with_suffix(".new").write_text(f"{offset}\n")
            clock.with_suffix(".new").rename(clock)
        step("+0")
        os.environ.update(LD_PRELOAD=LIBRARY, FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1",
                          DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
        rig.start_gateway()
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"):
            del os.environ[name]
        rig.wait_all_up()
        rig.sim("set s-1 p1 40000")
        wait_for("an alarm", lambda: any(a["id"] == "power/s-1/p1-high" for a in rig.control("alarms")["alarms"]))
        wait_for("time series", lambda: len(list(rig.state_dir.glob("rrd/*/*.rrd"))) == 6, 60, 0.5)
        pids = rig.pids()
        values = rig.subscribe("watchroom/1/bench/val/#")

        for offset in ("+3d", "-2h", "+400d", "+0"):
            step(offset)
            begin, stats, said = time.monotonic(), rig.stats(), len(values.messages)
            time.sleep(6)
            live = sorted(a["id"] for a in rig.control("alarms")["alarms"] if a["cond"] in ("active", "clearing"))
            unexpected = [a for a in live if a not in ("power/s-1/p1-high", "gateway/gateway/time-jumped")]
            assert not unexpected, (offset, unexpected, [d for d in rig.control("devices")["devices"] if d["health"] != "up"])
            assert "power/s-1/p1-high" in live, (offset, live)
            polled = rig.stat("polls_ok_total") - stats["polls_ok_total"]
            expected = 6 * (time.monotonic() - begin)
            assert abs(polled - expected) <= 9, (offset, polled, expected)
            assert len(values.messages) - said >= 18, (offset, "values are not published", len(values.messages) - said)
            assert rig.log("start")[0]["seq"] <= 2, (offset, "the beginning of the journal is gone")
            if offset != "+0":
                wait_for(f"time-jumped at {offset}", lambda: any(a["id"] == "gateway/gateway/time-jumped"
                                                               for a in rig.control("alarms")["alarms"]), 20)
            print(f"{offset}: {polled} polls in {time.monotonic() - begin:.1f} s, live {live}")
        assert rig.pids() == pids, "nobody may die of a clock"
        rig.sim("set s-1 p1 100")
        wait_for("clearing", lambda: not any(a["id"] == "power/s-1/p1-high" and a["cond"] == "active"
                                             for a in rig.control("alarms")["alarms"]), 20)
        rig.control("flush")
        before = {f: int(subprocess.run(["rrdtool", "last", f], capture_output=True, text=True, check=True).stdout)
                  for f in rig.state_dir.glob("rrd/*/*.rrd")}
        assert max(before.values()) <= time.time() + 2, "a time series lies in the future"
        wait_for("time series to go on", lambda: rig.control("flush") and all(
            int(subprocess.run(["rrdtool", "last", f], capture_output=True, text=True).stdout) > last
            for f, last in before.items()), 60, 1)
        print("time series end now, and go on")


if __name__ == "__main__":
    if LIBRARY is None:
        print("SKIPPED: libfaketime is not installed (package faketime)")
        sys.exit(77)
    main()
