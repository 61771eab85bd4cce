#!/usr/bin/python3
"""SIGHUP: a good file restarts only the workers it affects; numbers and alarms survive; a device that vanishes while
its alarm is live is told as withdrawn, and `check --against-running` says so first."""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402


def against_running(rig):
    done = subprocess.run([WATCHROOM, "check", rig.dir / "site.yaml", "--profiles", rig.profiles, "--against-running",
                           "--json", "--socket", rig.dir / "control"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["reload"]


def reload(rig):
    count = len(rig.log("generation"))
    os.kill(rig.processes["gateway"].pid, 1)
    wait_for("the new generation", lambda: len(rig.log("generation")) > count, 20)
    row = rig.log("generation")[-1]
    wait_for("every worker", lambda: rig.status() and len(rig.pids()) == len(set(rig.pids())) >= 5)
    return row


def main():
    with Rig(devices=10) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        events = rig.subscribe("watchroom/1/bench/event/#")
        rig.sim("set s-1 p1 40000", "set s-2 p1 40000")
        wait_for("two alarms", lambda: len([a for a in rig.control("alarms")["alarms"] if a["cond"] == "active"]) == 2)
        subprocess.run([WATCHROOM, "ack", "power/s-2/p1-high", "--socket", rig.dir / "control"], check=True)

        assert not any(against_running(rig).values())
        before = rig.pids()
        row = reload(rig)
        assert row["accepted"] and rig.pids() == before, "the same file restarts nobody"

        # One name changes: those who only read devices go on.
        site = (rig.dir / "site.yaml").read_text()
        (rig.dir / "site.yaml").write_text(site.replace("{id: s-3,", "{id: s-3, name: Third,"))
        assert against_running(rig)["devices_changed"] == ["s-3"]
        before = rig.pids()
        reload(rig)
        wait_for("alarms to be replaced", lambda: rig.pids().get("alarms") not in (None, before["alarms"]), 20)
        after = rig.pids()
        assert after["collector-0"] == before["collector-0"] and after["store"] == before["store"]
        wait_for("its state to survive", lambda: any(a["id"] == "power/s-2/p1-high" and a["ack"] == "acked" and a["occ"] == 1
                                                     for a in (rig.control("alarms") or {"alarms": []})["alarms"]), 20)

        # A device with a live alarm goes.
        site = (rig.dir / "site.yaml").read_text()
        (rig.dir / "site.yaml").write_text("\n".join(line for line in site.splitlines() if "{id: s-1," not in line) + "\n")
        change = against_running(rig)
        assert change["withdrawn"] == ["power/s-1/p1-high"] and change["devices_removed"] == ["s-1"], change
        reload(rig)
        wait_for("the withdrawal", lambda: any("withdrawn" in r.get("change", []) and r["alarm"]["id"] == "power/s-1/p1-high"
                                               for r in events.rows()), 20)
        rig.devices -= 1
        rig.wait_all_up()
        rig.sim("set s-2 p1 100")
        wait_for("clearing after reloads", lambda: not any(a["id"] == "power/s-2/p1-high"
                                                           for a in rig.control("alarms")["alarms"]), 20)

        # An alarm of the site comes, goes to another point, and goes.
        site = (rig.dir / "site.yaml").read_text()
        alarm = ("alarms:\n  - {name: extra, point: s-2/p2, class: power, type: power.x, high: 1000000, priority: 4, "
                 "audiences: [facilities], text: t, consequence: c, action: a, respond_within: 1h}\n")
        (rig.dir / "site.yaml").write_text(site + alarm)
        change = against_running(rig)
        assert change["alarms_added"] == ["power/s-2/extra"] and change["files_differ"] is True, change
        assert change["changes"] == ["alarm s-2/extra added"] and set(change["workers_restart"]) == {"alarms"}, change
        assert not any(change[key] for key in change if key not in (
            "alarms_added", "files_differ", "changes", "workers_restart")), change
        reload(rig)
        wait_for("the same again", lambda: not any(against_running(rig).values()), 20)
        (rig.dir / "site.yaml").write_text(site + alarm.replace("s-2/p2", "s-2/p3"))
        assert against_running(rig)["alarms_changed"] == ["power/s-2/extra"]
        (rig.dir / "site.yaml").write_text(site)
        assert against_running(rig)["alarms_removed"] == ["power/s-2/extra"]
        reload(rig)
        wait_for("every device again", lambda: rig.stat("devices_up") == rig.devices, 30)

        # More collectors: the devices are shared out, all of them are read, an alarm still comes through.
        site = (rig.dir / "site.yaml").read_text()
        (rig.dir / "site.yaml").write_text(site.replace("collectors: 1", "collectors: 3"))
        reload(rig)
        wait_for("three collectors", lambda: {"collector-0", "collector-1", "collector-2"} <= set(rig.pids()), 20)
        wait_for("every device to be read by one of them", lambda: [w["stats"].get("devices_up", 0) for w in (
            rig.status() or {"workers": []})["workers"] if w["name"].startswith("collector")].count(0) <= 1
            and rig.stat("devices_up") == rig.devices, 30)
        rig.sim("set m-1 p2 40000")
        wait_for("an alarm", lambda: any(r["alarm"]["id"] == "power/m-1/p2-high" for r in events.rows()
                                         if r["kind"] == "alarm"), 20)
        print("reload: same file nobody, a name only the judge and its readers, a vanished device told as withdrawn")


if __name__ == "__main__":
    main()
