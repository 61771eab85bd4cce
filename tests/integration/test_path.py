#!/usr/bin/env python3
"""The whole path: a device's value changes, a person is told over MQTT, acknowledges, it clears; every
command that asks says the same."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402


def command(rig, *argv, status=0):
    done = subprocess.run([WATCHROOM, *argv, "--socket", rig.dir / "control"], capture_output=True, text=True)
    assert done.returncode == status, (argv, done.returncode, done.stdout, done.stderr)
    return done.stdout


def changes(rows, alarm):
    return [c for r in rows if r["kind"] == "alarm" and r["alarm"]["id"] == alarm for c in r["change"]]


def main():
    alarm = "power/s-1/p1-high"
    with Rig(devices=20, values=True) as rig:
        events = rig.subscribe("watchroom/1/bench/event/#")
        states = rig.subscribe("watchroom/1/bench/alarm/#")
        rig.start_gateway()
        rig.wait_all_up()
        assert json.loads(command(rig, "alarms", "--json"))["alarms"] == []

        rig.sim("set s-1 p1 40000")
        wait_for("the alarm at a subscriber", lambda: "raised" in changes(events.rows(), alarm))
        state = [json.loads(p) for _, t, p in states.messages if t.endswith(alarm)][-1]
        assert state["cond"] == "active" and state["ack"] == "unacked" and state["value"] == 40000, state
        assert state["text"] and state["consequence"] and state["action"], state
        assert alarm in command(rig, "alarms")
        value = json.loads(command(rig, "values", "s-1", "--json"))["values"]
        assert {v["point"]: v["value"] for v in value}["s-1/p1"] == 40000

        command(rig, "ack", alarm, "--note", "seen")
        wait_for("the acknowledgement at a subscriber", lambda: "acked" in changes(events.rows(), alarm))
        command(rig, "ack", alarm, status=1)  # twice is once too often
        command(rig, "ack", "power/s-1/nothing", status=1)

        rig.sim("set s-1 p1 100")
        wait_for("the clearing at a subscriber", lambda: "cleared" in changes(events.rows(), alarm))
        wait_for("the topic to be emptied", lambda: [p for _, t, p in states.messages if t.endswith(alarm)][-1] == "")
        assert changes(events.rows(), alarm) == ["raised", "annunciate", "acked", "cleared"], changes(events.rows(), alarm)

        log = [json.loads(line) for line in command(rig, "log", "--json").splitlines()]
        assert changes(log, alarm) == ["raised", "annunciate", "acked", "cleared"]
        outcomes = [r for r in log if r["kind"] == "command"]
        assert len(outcomes) == 3, outcomes
        assert "unaltered: yes" in command(rig, "journal", "verify")
        assert json.loads(command(rig, "status", "--json"))["state"] == "ok"

        wait_for("a graph", lambda: subprocess.run(
            [WATCHROOM, "graph", "s-1/p1", "--last", "5m", "-o", rig.dir / "p1.svg", "--socket", rig.dir / "control"],
            capture_output=True).returncode == 0)
        assert "<svg" in (rig.dir / "p1.svg").read_text()
        events.close()
        states.close()
        rig.processes["gateway"].terminate()
        assert rig.processes["gateway"].wait(30) == 0
        print("raised, told, acknowledged, cleared, emptied; log, values, graph, status agree")


if __name__ == "__main__":
    main()
