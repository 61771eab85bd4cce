#!/usr/bin/python3
"""kill -9 of every process at random moments under load: the master starts it again, no alarm is lost, none is
doubled for a consumer that drops repeated (journal, seq), the chain verifies.

ROUNDS (default 200) kills; each falls somewhere into the raising and clearing of alarms on every device.
"""
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "200"))
SEED = int(os.environ.get("SEED", "7"))


def flip(rig, devices, high):
    rig.sim(*[f"set {d} p{p} {40000 if high else 100}" for d in devices for p in (1, 2)])


def pulse(rig, devices):
    """Shorter than a restart: a state that comes and goes while a process is away is told all the same."""
    rig.sim(*[f"set {d} p20 1" for d in devices])
    time.sleep(0.7)
    rig.sim(*[f"set {d} p20 0" for d in devices])


def kill_one(rig, rnd):
    """One process of the gateway, by the pid the kernel gives; the master one time in twelve."""
    pids = rig.pids()
    name = "master" if rnd.random() < 1 / 12 else rnd.choice([n for n in pids if n != "master"])
    os.kill(pids[name], signal.SIGKILL)
    if name == "master":  # the service manager's part
        rig.processes["gateway"].wait()
        wait_for("the workers to end with their master",
                 lambda: not any(Path(f"/proc/{p}").exists() and "Z" not in Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[0]
                                 for n, p in pids.items() if n != "master"))
        rig.start_gateway()
    return name


def occurrences(rows):
    """(alarm, occ) of each raise, each row once."""
    seen, raised = set(), set()
    for row in rows:
        key = (row["jid"], row["seq"])
        if key in seen:
            continue
        seen.add(key)
        if "raised" in row.get("change", []):
            again = (row["alarm"]["id"], row["alarm"]["occ"])
            assert again not in raised, f"raised twice: {again}"
            raised.add(again)
    return raised


def main():
    rnd = random.Random(SEED)
    killed = {}
    # Alarms that come and go so fast would be held; each of their edges is counted here.
    site = "web: {listen: '127.0.0.1:0'}\nannunciation: {chatter: {raises: 0}}"
    with Rig(devices=10, interval="300ms", site=site) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        events = rig.subscribe("watchroom/1/bench/event/#")
        devices = list(rig.places)
        pulsed, pulses = devices[:2] + devices[-2:], 0
        expected = {(f"power/{d}/p{p}-high", n) for d in devices for p in (1, 2) for n in range(1, ROUNDS + 1)}
        for n in range(1, ROUNDS + 1):
            flip(rig, devices, True)
            time.sleep(rnd.random() * 0.6)
            name = kill_one(rig, rnd)
            killed[name] = killed.get(name, 0) + 1
            if not name.startswith(("collector", "master")):  # who is not read then is not seen
                pulses += 1
                pulse(rig, pulsed)

            def counts(cond):
                reply = rig.control("alarms", all=True)
                return reply and sum(a["id"].endswith(("/p1-high", "/p2-high")) and a["cond"] == cond and a["occ"] == n
                                     for a in reply.get("alarms", []))
            wait_for(f"round {n}: every alarm raised after killing {name}", lambda: counts("active") == len(devices) * 2, 30, 0.05)
            flip(rig, devices, False)
            wait_for(f"round {n}: every alarm cleared", lambda: counts("normal") == len(devices) * 2, 30, 0.05)
        expected |= {(f"power/{d}/p20-high", n) for d in pulsed for n in range(1, pulses + 1)}
        wait_for("the last row at the subscriber", lambda: occurrences(events.rows()) >= expected, 60, 0.5)
        raised = occurrences(events.rows())
        lost = expected - raised
        assert not lost, f"{len(lost)} lost, e.g. {sorted(lost)[:5]}"
        events.close()
        done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"{ROUNDS} kills {killed}; {len(raised)} occurrences told, lost = 0, doubled = 0; {done.stdout.split()[0]} rows verify")


if __name__ == "__main__":
    main()
