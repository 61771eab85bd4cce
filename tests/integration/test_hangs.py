#!/usr/bin/python3
"""SIGSTOP of each worker: noticed, replaced, told. With alarms stopped the heartbeat ends within 20 s."""
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402


def main():
    with Rig(devices=10, site="web: {listen: '127.0.0.1:0'}") as rig:
        beats = rig.subscribe("watchroom/1/bench/hb")
        gateway = rig.subscribe("watchroom/1/bench/gw")
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("a heartbeat", lambda: beats.messages, 20)
        before = rig.pids()
        assert set(before) >= {"master", "alarms", "store", "courier", "web", "collector-0"}, before
        for name, pid in before.items():
            if name != "master":
                os.kill(pid, signal.SIGSTOP)
        stopped = time.time()
        # All at once: the heartbeat must end although the courier is stopped too and cannot decide; each is replaced.
        after = wait_for("every worker to be replaced",
                         lambda: (lambda p: p if set(p) == set(before) and
                                  all(p[n] != before[n] for n in p if n != "master") else None)(rig.pids()), 40, 0.2)
        replaced = time.time() - stopped
        rig.wait_all_up()
        wait_for("a row for each", lambda: {r["worker"] for r in rig.log("worker") if r["change"] == "hung"}
                 == set(before) - {"master"}, 20, 0.5)

        # alarms alone: the courier lives, knows, and says so.
        wait_for("the heartbeat again", lambda: beats.messages[-1][0] > stopped + replaced, 30)
        os.kill(after["alarms"], signal.SIGSTOP)
        stopped = time.time()
        wait_for("gw degraded", lambda: any('"degraded"' in p and w > stopped for w, _, p in gateway.messages), 20)
        degraded = time.time() - stopped
        wait_for("alarms to be replaced", lambda: rig.pids().get("alarms") not in (None, after["alarms"]), 30)
        wait_for("the heartbeat to come back", lambda: beats.messages[-1][0] > stopped + 10, 60)
        silence = max(b - a for (a, _, _), (b, _, _) in zip(beats.messages, beats.messages[1:]))
        last = max(w for w, _, _ in beats.messages if w < stopped + 10)
        assert last - stopped < 20, last - stopped
        wait_for("the alarm of it", lambda: any(a["id"] == "gateway/gateway/worker-restarted"
                                                for a in rig.control("alarms")["alarms"]))
        beats.close()
        gateway.close()
        print(f"all workers replaced {replaced:.1f} s after SIGSTOP and told; gw degraded after {degraded:.1f} s, "
              f"last heartbeat {max(0, last - stopped):.1f} s after alarms stopped, longest silence {silence:.1f} s")


if __name__ == "__main__":
    main()
