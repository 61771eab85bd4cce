#!/usr/bin/python3
"""The whole path: a device's value changes, a person is told over MQTT, acknowledges, it clears; every
command that asks says the same."""
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402


def command(rig, *argv, status=0):
    done = subprocess.run([WATCHROOM, *argv, "--socket", rig.dir / "control"], capture_output=True, text=True)
    assert done.returncode == status, (argv, done.returncode, done.stdout, done.stderr)
    return done.stdout


def changes(rows, alarm):
    return [c for r in rows if r["kind"] == "alarm" and r["alarm"]["id"] == alarm for c in r["change"]]


def check_metrics(rig):
    """/metrics as Prometheus wants it, /healthz, and nothing else."""
    base = re.search(r"metrics on (http://\S+)/metrics", (rig.dir / "gateway.log").read_text())[1]

    def fetch(path):
        with urllib.request.urlopen(base + path, timeout=5) as reply:
            return reply.read().decode()
    wait_for("figures of all workers", lambda: re.search(r'watchroom_polls_ok_total{worker="collector-0"} [1-9]', fetch("/metrics")), 10, 0.5)
    text = fetch("/metrics")
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert lint.returncode == 0 and not lint.stderr, lint.stdout + lint.stderr
    assert f'watchroom_devices{{health="up"}} {rig.devices}' in text, text
    assert fetch("/healthz") == "ok\n"
    assert 'watchroom_store_errors_total{worker="store"} 0' in text, "a zero is a figure, too"
    count = re.search(r'watchroom_poll_lateness_seconds_count{worker="collector-0"} (\d+)', text)
    most = re.search(r'watchroom_poll_lateness_seconds_bucket{worker="collector-0",le="\+Inf"} (\d+)', text)
    assert int(count[1]) == int(most[1]) > 0, text
    posted = urllib.request.Request(base + "/metrics", data=b"x")
    try:
        urllib.request.urlopen(posted, timeout=5)
        raise AssertionError("nothing is taken here")
    except urllib.error.HTTPError as refused:
        assert refused.code == 405
    try:
        fetch("/etc/passwd")
        raise AssertionError("there is no such page")
    except urllib.error.HTTPError as refused:
        assert refused.code == 404


def main():
    alarm = "power/s-1/p1-high"
    with Rig(devices=20, values=True, site="web: {listen: '127.0.0.1:0'}") as rig:
        events = rig.subscribe("watchroom/1/bench/event/#")
        states = rig.subscribe("watchroom/1/bench/alarm/#")
        everything = rig.subscribe("watchroom/1/bench/#")
        rig.start_gateway()
        rig.wait_all_up()
        check_metrics(rig)
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
        def newest(name):
            return [json.loads(p) for _, t, p in everything.messages if t == f"watchroom/1/bench/{name}"][-1]
        # sum follows within a second, the heartbeat with its next beat
        wait_for("sum without alarms", lambda: newest("sum")["active"] == [0, 0, 0, 0], 10, 0.1)
        wait_for("a heartbeat without alarms", lambda: newest("hb")["active"] == [0, 0, 0, 0] and newest("hb")["hash"], 15, 0.1)
        assert newest("gw")["state"] == "online" and newest("gw")["jid"] == rig.status()["journal"]["id"], newest("gw")
        assert {d["id"] for d in newest("meta/inventory")["devices"]} >= set(rig.places)
        assert newest("val/s-2/fast")["values"]["p1"] == {"v": 101, "u": "V", "q": "good"}, newest("val/s-2/fast")
        rig.processes["gateway"].terminate()
        assert rig.processes["gateway"].wait(30) == 0
        print("raised, told, acknowledged, cleared, emptied; log, values, graph, status agree; promtool has no complaint")


if __name__ == "__main__":
    main()
