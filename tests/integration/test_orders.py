#!/usr/bin/python3
"""Orders, from people to the journal and back, on the real path: the broker as it ships with certificates, the control
socket with its command line. Shelves that end and are told again, two persons, maintenance that is planned, tests, comments,
groups; what was missed comes by `get since`; all of it also when the judge is killed in between."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener  # noqa: E402
from rig import WATCHROOM, wait_for  # noqa: E402

P3, P1, OTHER = "power/s-1/p1-high", "power/s-1/p20-high", "power/s-2/p1-high"
used_cids = 0


def cid():
    global used_cids
    used_cids += 1
    return f"01ARZ3NDEKTSV4RRFFQ69G6{used_cids:03d}"


class Site:
    def __init__(self, rig):
        self.rig = rig
        self.people = {name: rig.person(name) for name in rig.people}
        self.events = Listener(self.people["vera"], f"{LIVE}/event/facilities")

    def order(self, user, verb, **payload):
        """The gateway's answer over the broker."""
        answer = self.people[user].command(user, verb, 10, cid=cid(), **payload)
        assert answer is not None, f"no answer to {verb} of {user}"
        return answer

    def state(self, alarm):
        return self.rig.live().get(alarm, {"cond": "normal", "ack": "none", "supp": []})

    def changes(self, alarm):
        return [change for row in self.events.rows() if row["kind"] == "alarm" and row["alarm"]["id"] == alarm
                for change in row["change"]]

    def raise_(self, alarm, value=31000):
        device, point = alarm.split("/")[1], alarm.split("/")[2].removesuffix("-high")
        answer = self.rig.sim(f"set {device} {point} {value}")
        assert json.loads(answer[0])["ok"], answer


def utc_ms():
    return int(time.time() * 1000)


def run(site, *argv):
    done = subprocess.run([WATCHROOM, *argv, "--socket", site.rig.dir / "control"], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def kill_the_judge(site):
    before = site.rig.pids()["wr:alarms" if "wr:alarms" in site.rig.pids() else "alarms"]
    os.kill(before, signal.SIGKILL)
    wait_for("another judge", lambda: site.rig.pids().get("alarms", site.rig.pids().get("wr:alarms", before)) != before)
    wait_for("its socket", lambda: site.rig.status() is not None)


def a_shelf_is_timed_and_what_still_stands_is_told_again(site):
    site.raise_(P3)
    wait_for("the alarm", lambda: site.state(P3)["cond"] == "active")
    denied = site.order("vera", "shelve", id=P3, duration_s=60, reason="no")
    assert denied["code"] == "denied" and "viewer" in denied["error"], denied
    assert site.order("anna", "shelve", id=P3, duration_s=8 * 3600 + 1, reason="too long")["code"] == "denied"
    answer = site.order("anna", "shelve", id=P3, duration_s=5, reason="filter comes")
    assert answer["code"] == "ok" and answer["verb"] == "shelve" and answer["id"] == P3, answer
    state = wait_for("the shelf", lambda: (s := site.state(P3))["supp"] == ["shelved"] and s)
    assert state["shelf"]["by"] == "anna" and state["shelf"]["reason"] == "filter comes" and state["ack"] == "acked", state
    assert 0 < state["shelf"]["until"] - state["shelf"]["ts"] <= 5000
    kill_the_judge(site)
    wait_for("its end", lambda: site.state(P3)["supp"] == [] and site.state(P3)["ack"] == "unacked", 20)
    wait_for("told", lambda: site.changes(P3)[-2:] == ["unshelved", "annunciate"])
    assert site.order("anna", "ack", id=P3, occ=9)["code"] == "stale-occurrence"
    assert site.order("anna", "ack", id=P3)["code"] == "bad-request"
    assert site.order("anna", "ack", id=P3, occ=1, note="seen")["code"] == "ok"
    return f"{len(site.changes(P3))} changes told"


def out_of_service_needs_two_where_it_is_critical(site):
    to = utc_ms() + 3600_000
    assert site.order("anna", "oos", id=P1, to=to, reason="x")["code"] == "denied"
    assert site.order("bert", "oos", id=P1, to=to, reason="x")["code"] == "denied"  # alone
    asked = site.order("bert", "oos", id=P1, to=to, reason="CR-17", second="anna")
    assert asked["code"] == "ok" and asked["awaiting"] == "anna", asked
    assert site.state(P1)["supp"] == []
    assert site.order("vera", "oos", id=P1, second="bert")["code"] == "denied"
    kill_the_judge(site)
    assert site.order("anna", "oos", id=P1, second="bert")["code"] == "ok"
    state = wait_for("out of service", lambda: (s := site.state(P1))["supp"] == ["oos"] and s)
    assert (state["oos"]["by"], state["oos"]["second"], state["oos"]["reason"]) == ("bert", "anna", "CR-17"), state
    site.raise_(P1, 1)
    wait_for("raised, silently", lambda: "raised" in site.changes(P1))
    assert "annunciate" not in site.changes(P1)
    assert site.order("bert", "in-service", id=P1, note="done")["code"] == "ok"
    wait_for("told now", lambda: "annunciate" in site.changes(P1))
    rows = [r for r in site.events.rows() if r["kind"] == "alarm" and r["alarm"]["id"] == P1 and "in-service" in r["change"]]
    assert rows[-1]["by"] == "bert"
    return "bert and anna"


def maintenance_begins_when_it_was_planned(site):
    begin = utc_ms() + 3000
    assert site.order("bert", "oos", id=OTHER, **{"from": begin}, to=begin + 3000, reason="planned")["code"] == "ok"
    assert site.state(OTHER)["supp"] == []
    wait_for("its begin", lambda: site.state(OTHER)["supp"] == ["oos"], 20)
    assert utc_ms() >= begin
    wait_for("its end", lambda: site.state(OTHER)["supp"] == [], 20)
    wait_for("both told", lambda: site.changes(OTHER) == ["out-of-service", "in-service"])
    return "3 s later, for 3 s"


def the_command_line_orders_the_same(site):
    status, said = run(site, "shelve", OTHER, "--for", "1h", "--reason", "painters")
    assert (status, said) == (0, f"{OTHER}: shelved\n"), said
    assert site.state(OTHER)["shelf"]["by"] == "local"
    assert re.search(r"shelved by local until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: painters\n", run(site, "alarms")[1])
    status, said = run(site, "shelve", P1, "--for", "1h", "--reason", "painters")
    assert status == 1 and "not-shelvable" in said, said
    assert run(site, "unshelve", OTHER) == (0, f"{OTHER}: back from the shelf\n")
    status, said = run(site, "test-begin", OTHER, "--reason", "weekly")
    assert status == 0 and site.state(OTHER)["supp"] == ["test"], said
    site.raise_(OTHER)
    wait_for("told as a test", lambda: "annunciate" in site.changes(OTHER))
    assert site.state(OTHER)["test"]["reason"] == "weekly"
    assert run(site, "test-end", OTHER)[0] == 0
    wait_for("told again, as live", lambda: site.changes(OTHER)[-2:] == ["test-ended", "annunciate"])
    status, said = run(site, "comment", OTHER, P3, "--note", "on my way")
    assert (status, said) == (0, f"{OTHER}: noted\n{P3}: noted\n"), said
    comments = wait_for("both comments", lambda: (c := [r for r in site.events.rows() if r["kind"] == "comment"])[1:] and c)
    assert [(c["id"], c["by"], c["note"]) for c in comments] == [(OTHER, "local", "on my way"), (P3, "local", "on my way")]
    for argv, error in ((["shelve", P3, "--reason", "x"], "--for"), (["shelve", P3, "--for", "1h"], "--reason"),
                        (["oos", P3, "--for", "1h", "--to", "2030-01-01", "--reason", "x"], "not both"),
                        (["comment", P3], "--note"), (["reset"], "which alarm")):
        status, said = run(site, *argv)
        assert status == 2 and error in said, (argv, said)
    status, said = run(site, "reset", P3)
    assert status == 1 and "not latched" in said, said
    return f"{len(comments)} comments"


def a_group_counts_once(site):
    group = [{"id": P1, "occ": 1}, {"id": OTHER, "occ": 1}, {"id": P3, "occ": 1}]
    answer = site.order("anna", "ack-group", alarms=group, note="all seen")
    assert [r["code"] for r in answer["results"]] == ["ok", "ok", "bad-request"], answer  # P3 is acked already
    assert answer["code"] == "bad-request"
    assert site.state(P1)["ack"] == site.state(OTHER)["ack"] == "acked"
    return "2 of 3"


def what_was_missed_comes_by_get(site):
    told = {row["seq"]: row for row in site.events.rows()}
    got, since, pages, more = {}, 0, 0, True
    while more:
        page = site.order("vera", "get", since=since, limit=10)
        assert page["code"] == "ok" and len(page["rows"]) <= 10
        for row in page["rows"]:
            assert row["seq"] not in got and row["seq"] > since
            got[row["seq"]] = row
        since, more, pages = page["next"], page["more"], pages + 1
    assert pages > 2
    missing = {seq: row for seq, row in told.items() if got.get(seq) != row}
    assert not missing, f"told, and not given: {missing}"
    bad = site.order("vera", "get", since=0, jid="01ARZ3NDEKTSV4RRFFQ69G5000")
    assert bad["code"] == "bad-request", bad
    return f"{len(got)} rows in {pages} pages"


def all_of_it_is_on_record(site):
    rows = site.rig.commands()
    assert len(rows) >= used_cids + 6
    by_code = {}
    for row in rows:
        by_code[row["code"]] = by_code.get(row["code"], 0) + 1
        assert row["user"] in ("anna", "bert", "vera", "local") and row["role"]
    assert {"ok", "denied", "stale-occurrence", "bad-request", "not-shelvable"} <= set(by_code), by_code
    assert not any("rows" in row for row in rows)
    return json.dumps(by_code)


def main():
    with BrokerRig(devices=4) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the broker", rig.is_connected)
        site = Site(rig)
        for test in (a_shelf_is_timed_and_what_still_stands_is_told_again, out_of_service_needs_two_where_it_is_critical,
                     maintenance_begins_when_it_was_planned, the_command_line_orders_the_same, a_group_counts_once,
                     what_was_missed_comes_by_get, all_of_it_is_on_record):
            begin = time.monotonic()
            print(f"{test.__name__}: {test(site)} ({time.monotonic() - begin:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
