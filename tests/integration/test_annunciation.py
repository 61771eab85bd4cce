#!/usr/bin/python3
"""How alarms are told, through the whole gateway: an alarm that chatters is held and told once more when it is quiet, a
flood is noticed and ends, what was acknowledged is told again, the first of a burst says so; and a killed judge
goes on with all of it.
"""
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402

SITE = """annunciation:
  chatter: {raises: 3, within: 60s, quiet: 3s}
  flood: {begin: 6, end: 3, within: 10s}
  realarm: {p1: 2s, p3: 0s}
  first_out: 10s
  suppression_hold: 2s
alarms:
  - {name: starved, type: bench.starved, class: power, point: s-1/p3, high: 20000, priority: 2, audiences: security,
     text: no supply, consequence: it stops, action: wait for the supply, respond_within: 1h,
     suppressed_by: power/m-1/p13-high, at_most: 10m}
"""
HIGH, LOW = 40000, 40


def rows_of(rig, alarm):
    return [row for row in rig.log("alarm") if row["alarm"]["id"] == alarm]


def changes_of(rig, alarm):
    return [change for row in rows_of(rig, alarm) for change in row["change"]]


def wait_changes(rig, alarm, check, what):
    return wait_for(what, lambda: check(changes := changes_of(rig, alarm)) and changes, 60, 0.1)


def alarm_now(rig, alarm):
    return next((a for a in rig.control("alarms")["alarms"] if a["id"] == alarm), None)


def sum_now(watcher):
    said = [payload for _, topic, payload in list(watcher.messages) if topic.endswith("/sum")]
    return json.loads(said[-1]) if said else {}


def set_and_see(rig, device, point, value, alarm, change, count):
    """Sets a value, and waits until the judge has seen so many of that change."""
    rig.sim(f"set {device} {point} {value}")
    wait_changes(rig, alarm, lambda changes: changes.count(change) >= count, f"{change} {count} of {alarm}")


def chattering_alarm_is_held_told_once_and_its_end_is_told(rig, watcher):
    alarm = "power/s-1/p1-high"
    for i in range(3):
        set_and_see(rig, "s-1", "p1", HIGH, alarm, "raised", i + 1)
        if i < 2:
            set_and_see(rig, "s-1", "p1", LOW, alarm, "cleared", i + 1)
    assert changes_of(rig, alarm) == ["raised", "annunciate", "cleared"] * 2 + ["raised", "annunciate", "chatter"]
    assert rows_of(rig, alarm)[0]["alarm"]["first_out"] and "first_out" not in rows_of(rig, alarm)[2]["alarm"]
    set_and_see(rig, "s-1", "p1", LOW, alarm, "chatter", 2)
    assert alarm_now(rig, alarm)["cond"] == "active", "held"
    set_and_see(rig, "s-1", "p1", HIGH, alarm, "chatter", 3)
    assert alarm_now(rig, alarm)["chatter"] == 4
    meta = wait_for("the gateway's own alarm", lambda: alarm_now(rig, "gateway/gateway/chatter"), 30, 0.1)
    assert meta["cond"] == "active" and meta["value"] == 1, meta
    wait_for("the sum", lambda: sum_now(watcher).get("chattering") == 1, 30, 0.1)
    # A judge that dies keeps the hold.
    os.kill(rig.pids()["alarms"], signal.SIGKILL)
    wait_for("the new judge", lambda: rig.status() and alarm_now(rig, alarm), 30, 0.1)
    assert alarm_now(rig, alarm)["chatter"] == 4
    set_and_see(rig, "s-1", "p1", LOW, alarm, "chatter", 4)
    changes = wait_changes(rig, alarm, lambda changes: "steady" in changes, "the end of the hold")
    wait_changes(rig, alarm, lambda changes: changes[-2:] == ["steady", "cleared"], "the end state")
    assert changes.count("raised") == 3, changes
    wait_for("quiet", lambda: alarm_now(rig, "gateway/gateway/chatter")["cond"] == "normal", 30, 0.1)
    assert rig.status()["alarms"]["chattering"] == 0


def acknowledged_alarm_that_stands_is_told_again(rig):
    alarm = "power/m-1/p20-high"  # P1
    set_and_see(rig, "m-1", "p20", 1, alarm, "raised", 1)
    for told in (2, 3):
        assert rig.control("ack", id=alarm)["code"] == "ok"
        wait_changes(rig, alarm, lambda changes, n=told: changes.count("annunciate") >= n, f"telling {told}")
    assert changes_of(rig, alarm).count("raised") == 1
    assert alarm_now(rig, alarm)["ack"] == "unacked"
    rows = [row for row in rows_of(rig, alarm) if "acked" in row["change"] or "annunciate" in row["change"]]
    assert rows[2]["alarm"]["ts"] - rows[1]["alarm"]["ts"] >= 1900, "two seconds, not sooner"
    set_and_see(rig, "m-1", "p20", 0, alarm, "cleared", 1)
    assert rig.control("ack", id=alarm)["code"] == "ok"


def flood_begins_is_silent_for_the_less_urgent_and_ends(rig, watcher):
    wait_for("no flood", lambda: rig.status()["alarms"]["floods"] == [], 60, 0.1)
    before = len(rig.log("flood"))
    rig.sim(*(f"set m-1 p{k} {HIGH}" for k in range(2, 12)))
    began = wait_for("the flood", lambda: rig.log("flood")[before:], 30, 0.1)[0]
    assert (began["audience"], began["change"], began["told"]) == ("facilities", "began", 6), began
    wait_for("all ten", lambda: all(changes_of(rig, f"power/m-1/p{k}-high") for k in range(2, 12)), 30, 0.1)
    told = [row for row in rig.log("alarm") if row["seq"] > began["seq"] and "annunciate" in row["change"]]
    assert told and all(row["audible"] is False for row in told if row["alarm"]["priority"] == 3), told
    loud = [row for row in rig.log("alarm") if row["seq"] < began["seq"]]
    assert not any("audible" in row for row in loud[-5:]), "before the flood all were heard"
    wait_for("the sum", lambda: sum_now(watcher).get("floods") == ["facilities"] and sum_now(watcher)["flood"] is True, 30, 0.1)
    os.kill(rig.pids()["alarms"], signal.SIGKILL)
    status = wait_for("the new judge", lambda: rig.status(), 30, 0.1)
    assert status["alarms"]["floods"] == ["facilities"] and status["alarms"]["told_lately"]["facilities"] >= 6, status["alarms"]
    rig.sim("set s-1 p20 1")
    loud = wait_for("a P1", lambda: rows_of(rig, "power/s-1/p20-high"), 30, 0.1)[0]
    assert "audible" not in loud, "a P1 is heard"
    ended = wait_for("the end", lambda: [r for r in rig.log("flood")[before:] if r["change"] == "ended"], 60, 0.2)[0]
    assert ended["since"] == began["since"] and ended["told"] >= 11, ended
    assert ended["ts"] - began["ts"] >= 7000, "it does not end before its time"
    wait_for("the sum", lambda: sum_now(watcher).get("floods") == [], 30, 0.1)
    heard = [row["change"] for row in watcher.rows() if row["kind"] == "flood"]
    assert heard[-2:] == ["began", "ended"], heard


def consequence_is_suppressed_under_its_root_and_told_when_that_has_gone(rig):
    root, consequence = "power/m-1/p13-high", "power/s-1/starved"
    set_and_see(rig, "m-1", "p13", HIGH, root, "raised", 1)
    rig.sim("set s-1 p3 25000")
    changes = wait_changes(rig, consequence, lambda changes: "raised" in changes, "a silent raise")
    assert changes == ["suppressed", "raised"], changes
    assert alarm_now(rig, consequence)["supp"] == ["design"] and alarm_now(rig, consequence)["supp_by"] == root
    wait_changes(rig, root, lambda changes: "impacts" in changes, "the impacts")
    assert alarm_now(rig, root)["impacts"] == [consequence]
    os.kill(rig.pids()["alarms"], signal.SIGKILL)
    wait_for("the new judge", lambda: rig.status() and alarm_now(rig, root), 30, 0.1)
    assert alarm_now(rig, consequence)["supp_by"] == root and alarm_now(rig, root)["impacts"] == [consequence]
    assert changes_of(rig, consequence) == ["suppressed", "raised"], "a restart tells nothing"
    set_and_see(rig, "m-1", "p13", LOW, root, "cleared", 1)
    changes = wait_changes(rig, consequence, lambda changes: "annunciate" in changes, "its telling")
    assert changes == ["suppressed", "raised", "unsuppressed", "annunciate"], changes
    released = rows_of(rig, consequence)[-1]
    cleared = next(row for row in rows_of(rig, root) if "cleared" in row["change"])
    assert released["alarm"]["ts"] - cleared["alarm"]["ts"] >= 1900, "the hold"
    assert "supp_by" not in released["alarm"] and released["alarm"]["ack"] == "unacked"


def main():
    with Rig(devices=2, site=SITE) as rig:
        watcher = rig.subscribe("watchroom/#")
        rig.start_gateway()
        rig.wait_all_up()
        chattering_alarm_is_held_told_once_and_its_end_is_told(rig, watcher)
        print("chatter: held, told once, its end told; over a kill")
        acknowledged_alarm_that_stands_is_told_again(rig)
        print("re-alarm: told again after each acknowledgement")
        consequence_is_suppressed_under_its_root_and_told_when_that_has_gone(rig)
        print("suppression: under its root, over a kill, told after the hold")
        flood_begins_is_silent_for_the_less_urgent_and_ends(rig, watcher)
        print("flood: begins, silent for P3, ends; over a kill")


if __name__ == "__main__":
    main()
