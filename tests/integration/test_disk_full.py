#!/usr/bin/python3
"""The state disk fills up: alarms are still judged and told, journal-failed (P1) is raised, and everything
recovers without a restart when there is space again. A small tmpfs (the ballast is made where twice its 32 MiB are free) in a mount namespace of our own."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402


def fill(folder):
    """Everything that is left, to the last block."""
    with open(Path(folder) / "filler", "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                pass


def main():
    disk = Path(tempfile.mkdtemp(prefix="watchroom-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], check=True)
    try:
        with Rig(devices=10, state_dir=disk / "state") as rig:
            rig.start_gateway()
            rig.wait_all_up()
            events = rig.subscribe("watchroom/1/bench/event/#")

            def raised(alarm):
                return [r for r in events.rows() if "raised" in r.get("change", []) and r["alarm"]["id"] == alarm]

            assert (disk / "state" / "journal.ballast").exists()
            fill(disk)
            # The ballast pays for the first rows; then it is gone, and filled up too.
            rig.sim("set s-1 p1 40000")
            wait_for("an alarm paid for by the ballast", lambda: raised("power/s-1/p1-high"))
            for attempt in range(60):
                fill(disk)
                rig.sim(f"set s-2 p{1 + attempt % 5} {40000 if attempt % 10 < 5 else 100}")
                if wait_or_not(lambda: raised("gateway/gateway/journal-failed"), 1.5):
                    break
            failed = wait_for("journal-failed", lambda: raised("gateway/gateway/journal-failed"), 60)
            assert failed[-1]["alarm"]["priority"] == 1
            rig.sim("set s-3 p20 1", "set m-3 p20 1")
            wait_for("a P1 told without the journal", lambda: any(
                r.get("journalled") is False for r in raised("power/s-3/p20-high")), 30)
            assert rig.status()["state"] == "degraded"
            pids = rig.pids()

            (disk / "filler").unlink()
            wait_for("the journal to be written again",
                     lambda: rig.status()["journal"]["committed"] == rig.status()["journal"]["head"] and
                     not rig.status()["journal"]["failing"], 60, 0.2)
            rig.sim("set s-4 p1 40000")
            after = wait_for("an alarm after the recovery", lambda: raised("power/s-4/p1-high"), 30)
            assert after[-1].get("journalled") is not False
            wait_for("journal-failed to clear", lambda: not any(
                a["id"] == "gateway/gateway/journal-failed" and a["cond"] == "active" for a in rig.control("alarms")["alarms"]), 30)
            assert {n: p for n, p in rig.pids().items() if n != "store"} == {n: p for n, p in pids.items() if n != "store"}
            wait_for("the ballast again", lambda: (disk / "state" / "journal.ballast").exists(), 90, 0.5)
            done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir, "--json"],
                                  capture_output=True, text=True)
            verdict = json.loads(done.stdout)
            assert verdict["unaltered"], verdict
            rows = [r for r in rig.log("alarm") if r["alarm"]["id"] == "power/s-3/p20-high"]
            assert any("raised" in r["change"] for r in rows), "the unjournalled row is on disk by now"
            events.close()
            print(f"disk full: told unjournalled, journal-failed raised; recovered without a restart, {verdict['rows']} rows verify")
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
        disk.rmdir()


def wait_or_not(check, seconds):
    try:
        return wait_for("it", check, seconds, 0.1)
    except TimeoutError:
        return None


if __name__ == "__main__":
    if os.environ.get("WATCHROOM_INSIDE") is None:
        os.environ["WATCHROOM_INSIDE"] = "1"
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        os.execvp("unshare", [*unshare, sys.executable, __file__])
    main()
