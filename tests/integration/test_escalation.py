#!/usr/bin/python3
"""Who is told when nobody answers, and who watches: ladders and presence on the real path, with the broker as it ships. The
judge is killed and the configuration reloaded in the middle of a climb; a console is killed, and its last will speaks."""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener  # noqa: E402
from rig import wait_for  # noqa: E402

P1, P1_TOO = "power/s-1/p20-high", "power/s-2/p20-high"
UNWATCHED, EXHAUSTED = "gateway/gateway/unwatched-facilities", "gateway/gateway/escalation-exhausted"
AUDIENCES = """
audiences:
  facilities:
    watched: true
    unwatched_after: 2s
    escalation:
      - priority: 1
        steps: [{after: 0s, to: facilities}, {after: 3s, to: bert}, {after: 6s, to: [continuity, bert]}]
        repeats: 1
        repeat_every: 4s
        ack_timeout: 4s
  security: {escalation: [{priority: 1, steps: []}]}
  continuity: {escalation: [{priority: 1, steps: []}]}
"""


class Site(BrokerRig):
    cids = 0

    def write_site(self, extra_devices=""):
        super().write_site(extra_devices + AUDIENCES)

    def rename(self):
        path = self.dir / "site.yaml"
        path.write_text(path.read_text().replace("name: Bench", "name: Bench again"))

    def order(self, user, verb, **payload):
        Site.cids += 1
        answer = self.person(user).command(user, verb, 10, cid=f"01ARZ3NDEKTSV4RRFFQ69G7{Site.cids:03d}", **payload)
        assert answer is not None and answer["code"] == "ok", (verb, answer)

    def steps(self, listener):
        """(reason, step, repeat, to) of what came, each row once."""
        rows = {}
        for _, payload in listener.heard():
            row = json.loads(payload)
            if row["kind"] == "escalation":
                rows[row["seq"]] = row
        return [(r["id"], r["reason"], r["step"], r["repeat"]) for _, r in sorted(rows.items())]

    def alarms_pid(self):
        return next((pid for name, pid in self.pids().items() if "alarms" in name), None)

    def kill_the_judge(self):
        before = self.alarms_pid()
        os.kill(before, signal.SIGKILL)
        wait_for("another judge", lambda: self.alarms_pid() not in (None, before) and self.status() is not None)

    def is_live(self, alarm):
        return self.live().get(alarm, {}).get("cond") == "active"


def watch(site, user):
    """A console that says so, and whose last will says it is gone."""
    topic = f"{LIVE}/presence/{user}/desk"
    will = ["--will-topic", topic, "--will-payload", '{"state":"gone"}', "--will-retain", "--will-qos", "1"]
    listener = Listener(site.person(user), f"{LIVE}/hb", "-i", f"watchroom-{user}", *will)
    said = {"state": "watching", "audiences": ["facilities", "security"], "since": int(time.time() * 1000), "ts": int(time.time() * 1000)}
    assert site.person(user).publish(topic, json.dumps(said), "-r") == "taken"
    return listener


def somebody_watches_or_an_alarm_says_so(site):
    wait_for("nobody is at a console", lambda: site.is_live(UNWATCHED))
    console = watch(site, "anna")
    wait_for("anna is", lambda: not site.is_live(UNWATCHED))
    present = site.status()["presence"]
    assert [(p["user"], p["client"], p["audiences"]) for p in present] == [("anna", "desk", ["security", "facilities"])], present
    assert site.person("vera").publish(f"{LIVE}/presence/anna/other", '{"state":"watching"}') == "refused"
    site.kill_the_judge()
    assert [p["user"] for p in site.status()["presence"]] == ["anna"]
    assert not site.is_live(UNWATCHED)
    console.process.kill()
    wait_for("her last will", lambda: site.status()["presence"] == [])
    wait_for("nobody again", lambda: site.is_live(UNWATCHED))
    rows = [(r["user"], r["state"], r["reason"]) for r in site.log("presence")]
    assert rows == [("anna", "watching", "said"), ("anna", "gone", "gone")], rows
    watch(site, "anna")
    wait_for("anna is back", lambda: not site.is_live(UNWATCHED))
    return f"{len(rows)} rows"


def nobody_answers(site, bert, continuity, others):
    site.sim("set s-1 p20 1")
    wait_for("the alarm", lambda: site.is_live(P1))
    wait_for("the first step", lambda: site.steps(bert) == [(P1, "unacknowledged", 2, 0)])
    site.kill_the_judge()
    wait_for("the second", lambda: site.steps(bert)[-1] == (P1, "unacknowledged", 3, 0))
    site.rename()
    assert site.control("reload")["ok"]
    wait_for("the reload", lambda: (s := site.status()) and s["generation"] == 2)
    wait_for("the repeat", lambda: site.steps(bert)[-1] == (P1, "unacknowledged", 3, 1))
    wait_for("the end", lambda: site.is_live(EXHAUSTED))
    told = site.steps(bert)
    assert told == [(P1, "unacknowledged", 2, 0), (P1, "unacknowledged", 3, 0), (P1, "unacknowledged", 3, 1)], told
    wait_for("the others of the second step", lambda: site.steps(continuity) == told[1:])
    assert others.heard() == [], "somebody else read what is for bert"
    assert site.status()["escalation"]["exhausted"] == 1
    site.order("anna", "ack", id=P1, occ=1)
    wait_for("calm", lambda: not site.is_live(EXHAUSTED))
    return f"{len(told)} steps, a killed judge and a reload between"


def acknowledged_and_forgotten(site, bert):
    before = len(site.steps(bert))
    site.order("anna", "comment", id=P1, note="electrician called")
    wait_for("the ack timeout", lambda: len(site.steps(bert)) > before)
    assert site.steps(bert)[-1] == (P1, "ack-timeout", 2, 0)
    climbing = site.status()["escalation"]["climbing"] # and others that are over and nobody has seen
    site.order("anna", "comment", id=P1, note="he is here")
    assert site.status()["escalation"]["climbing"] == climbing - 1
    site.sim("set s-1 p20 0")
    wait_for("it is over", lambda: P1 not in site.live())
    told = len(site.steps(bert))
    site.sim("set s-2 p20 1")
    wait_for("another alarm", lambda: site.is_live(P1_TOO))
    site.sim("set s-2 p20 0")
    wait_for("it clears, unseen, and climbs on", lambda: len(site.steps(bert)) > told)
    rows = [json.loads(payload) for _, payload in bert.heard()]
    assert rows[-1]["id"] == P1_TOO and rows[-1]["cleared"] is True, rows[-1]
    site.order("anna", "ack", id=P1_TOO, occ=1)
    return f"{len(site.steps(bert))} steps for bert in all"


def main():
    with Site(devices=4) as site:
        site.start_gateway()
        site.wait_all_up()
        wait_for("the broker", site.is_connected)
        bert = Listener(site.person("bert"), f"{LIVE}/notify/bert")
        continuity = Listener(site.person("vera"), f"{LIVE}/event/continuity")
        others = Listener(site.person("anna"), f"{LIVE}/notify/bert")
        print("somebody_watches_or_an_alarm_says_so:", somebody_watches_or_an_alarm_says_so(site), flush=True)
        print("nobody_answers:", nobody_answers(site, bert, continuity, others), flush=True)
        print("acknowledged_and_forgotten:", acknowledged_and_forgotten(site, bert), flush=True)


if __name__ == "__main__":
    main()
