#!/usr/bin/python3
"""`watchroom report alarms` and /metrics against figures computed here, from `watchroom log --json` alone.

First a live site: alarms, acknowledgements, a refused command; report, page, metrics. Then, with the gateway stopped,
a journal of forty days is put behind it row by row, with floods, standing and chattering alarms, and ranges of it
are reported.
"""
import datetime
import html.parser
import json
import math
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402

AUDIENCES = ("security", "continuity", "facilities")
SPAN, DAY = 600_000, 86_400_000


def run(*argv, check=0):
    done = subprocess.run([WATCHROOM, *map(str, argv)], capture_output=True, text=True, env={**os.environ, "TZ": "UTC"})
    assert done.returncode == check, (argv, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def stamp(ms):
    """As the command line takes it: whole seconds."""
    return datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# The figures, a second time: plain lists, everything kept, nothing clever.

def flood_time(told, begin, end):
    """(count, ms) of floods within [begin, end): from the tenth in ten minutes until fewer than five are."""
    floods, flood = [], None
    for i, t in enumerate(told):
        if flood is not None:
            over = told[i - 5] + SPAN
            if over <= t:
                floods.append((flood, over))
                flood = None
        if flood is None and sum(1 for u in told[:i + 1] if u > t - SPAN) >= 10:
            flood = t
    if flood is not None:
        floods.append((flood, told[-5] + SPAN))
    parts = [min(b, end) - max(a, begin) for a, b in floods]
    return sum(1 for p in parts if p > 0), sum(p for p in parts if p > 0)


def quantile(values, q):
    return sorted(values)[math.ceil(len(values) * q) - 1] if values else None


class Alarm:
    waiting = raised = None
    told = 0
    audience = ()
    priority = 4
    state = None

    def __init__(self):
        self.lives = []  # (from, to)


def figures(rows, begin, end):
    stamps = [r["ts"] for r in rows]
    covered = max(begin, min(stamps)), min(end, max(stamps))
    rows = [r for r in rows if r["ts"] < end]
    alarms, told_at = {}, {a: [] for a in AUDIENCES}
    out = {a: {"told": [0] * 5, "acks": [[] for _ in range(5)], "never": [0] * 5, "chattered": set(), "spans": {}}
           for a in AUDIENCES}
    for row in rows:
        if row["kind"] != "alarm":
            continue
        o, now, counts = row["alarm"], row["ts"], row["ts"] >= begin
        a = alarms.setdefault(o["id"], Alarm())
        gone = "withdrawn" in row["change"]
        live = not gone and o["cond"] in ("active", "clearing", "latched")
        unacked = not gone and o["ack"] == "unacked"
        if a.waiting is not None and not unacked:
            for audience in a.audience if counts else ():
                acked = {"acked", "shelved"} & set(row["change"])
                for p in (0, a.priority):
                    if acked:
                        out[audience]["acks"][p].append(now - a.waiting)
                    else:
                        out[audience]["never"][p] += 1
            a.waiting = None
        elif a.waiting is None and unacked:
            a.waiting = now if "annunciate" in row["change"] else o.get("raised", now)
        if a.raised is not None:
            a.lives.append((a.raised, now))
        a.raised = o.get("raised", now) if live else None
        a.audience, a.priority, a.state = o["audience"], o["priority"], None if gone else o
        if "annunciate" in row["change"]:
            for audience in o["audience"]:
                told_at[audience].append(now)
                if counts:
                    f = out[audience]
                    f["told"][0] += 1
                    f["told"][o["priority"]] += 1
                    f["spans"][now // SPAN] = f["spans"].get(now // SPAN, 0) + 1
            a.told += counts
        if "chatter" in row["change"] and counts:
            for audience in o["audience"]:
                out[audience]["chattered"].add(o["id"])
    for name, f in out.items():
        mine = {i: a for i, a in alarms.items() if name in a.audience}
        f["flood"] = flood_time(told_at[name], begin, covered[1])
        f["standing"] = sum(1 for a in mine.values() if a.raised is not None and covered[1] - a.raised > DAY)
        f["stood"] = sum(1 for a in mine.values() if any(t - s > DAY and t >= begin for s, t in
                         a.lives + ([(a.raised, covered[1])] if a.raised is not None else [])))
        f["unacked"] = [sum(1 for a in mine.values() if a.waiting is not None and p in (0, a.priority)) for p in range(5)]
        f["live"] = sum(1 for a in mine.values() if a.raised is not None)
        for supp in ("shelved", "design", "oos"):
            f[supp] = sum(1 for a in mine.values() if a.state and supp in a.state["supp"])
        f["held"] = sum(1 for a in mine.values() if a.state and a.state.get("chatter", 0) > 0)
        f["top"] = sorted(((-a.told, i) for i, a in mine.items() if a.told))[:10]
        f["escalations"] = sum(1 for r in rows if r["kind"] == "escalation" and name == r["audience"] and r["reason"] != "exhausted" and r["ts"] >= begin)
    commands = [r for r in rows if r["kind"] == "command" and r["ts"] >= begin]
    return out, covered, commands


def near(a, b):
    return a == b if b is None else abs(a - b) <= max(0.01 * b, 0.0011)


def compare(report, rows, begin, end):
    expected, covered, commands = figures(rows, begin, end)
    got_range = report["range"]
    assert (got_range["covered_from"], got_range["covered_to"]) == covered, (got_range, covered)
    assert report["commands"]["judged"] == sum(r.get("count", 1) for r in commands)
    refused = {}
    for r in commands:
        if r["code"] != "ok":
            refused[r["code"]] = refused.get(r["code"], 0) + r.get("count", 1)
    assert report["commands"]["refused_by_code"] == refused and report["commands"]["refused"] == sum(refused.values())
    for name, want in expected.items():
        got = report["audiences"][name]
        where = (name, got, want)
        assert [got["told"][k] for k in ("total", "p1", "p2", "p3", "p4")] == want["told"], where
        assert near(got["told_per_10min"]["mean"], want["told"][0] * SPAN / (covered[1] - covered[0])), where
        assert got["told_per_10min"]["peak"] == max(want["spans"].values(), default=0), where
        assert (got["flood"]["count"], round(got["flood"]["seconds"] * 1000)) == want["flood"], where
        assert got["standing_24h"] == {"alarms": want["stood"], "now": want["standing"]}, where
        assert got["chattering"] == {"alarms": len(want["chattered"]), "held_now": want["held"]}, where
        for p, key in enumerate(("all", "p1", "p2", "p3", "p4")):
            times, acks = got["time_to_ack"][key], want["acks"][p]
            assert times["count"] == len(acks) and times["never"] == want["never"][p] + want["unacked"][p], where
            assert near(times["max_s"], max(acks) / 1000 if acks else None), where
            for q, member in ((0.5, "median_s"), (0.9, "p90_s")):
                value = quantile(acks, q)
                assert near(times[member], None if value is None else value / 1000), (where, member, value)
            if p:
                assert near(got["priority_share"][key], want["told"][p] / want["told"][0] if want["told"][0] else 0), where
        assert [(-t["told"], t["id"]) for t in got["most_frequent"]] == want["top"], where
        now = got["now"]
        assert now["live"]["total"] == want["live"] and now["unacknowledged"]["total"] == want["unacked"][0], where
        assert (now["shelved"], now["suppressed"], now["out_of_service"]) == (want["shelved"], want["design"], want["oos"])
        assert got["escalations"] == want["escalations"], where


class Page(html.parser.HTMLParser):
    """Well-formed as far as it goes, and nothing that would be fetched or run."""
    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "img", "link", "iframe", "object", "form", "a"), tag
        assert not {"src", "href", "onclick", "onload", "style"} & {k for k, _ in attributes}, attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check_page(path):
    text = Path(path).read_text()
    assert "url(" not in text and "@import" not in text and "http" not in re.sub("http-equiv", "", text)
    page = Page()
    page.feed(text)
    assert not page.open
    return "".join(page.text)


def metrics(rig):
    port = re.findall(r"127\.0\.0\.1:(\d+)", (rig.dir / "gateway.log").read_text())[-1]
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("watchroom_alarm") and "{" in line:
            found[line.rsplit(" ", 1)[0]] = float(line.rsplit(" ", 1)[1])
    return found, text


def check_metrics(rig, report):
    """What /metrics says of this process's life is what the report says of the whole journal, which is as old."""
    found, text = metrics(rig)
    for name in AUDIENCES:
        got, mine = report["audiences"][name], f'{{audience="{name}"}}'
        for p in range(1, 5):
            both = f'{{audience="{name}",priority="{p}"'
            assert found[f"watchroom_alarm_annunciations_total{both}}}"] == got["told"][f"p{p}"], (name, p)
            assert found[f"watchroom_alarms_unacknowledged{both}}}"] == got["now"]["unacknowledged"][f"p{p}"]
            acks = got["time_to_ack"][f"p{p}"]
            assert found[f"watchroom_alarm_acknowledge_seconds_count{both}}}"] == acks["count"]
            assert found[f'watchroom_alarm_acknowledge_seconds_bucket{both},le="+Inf"}}'] == acks["count"]
        assert found[f"watchroom_alarms_told_10m{mine}"] == got["told"]["total"]
        assert found[f"watchroom_alarm_flood{mine}"] == got["flood"]["now"]
        assert found[f"watchroom_alarms_shelved{mine}"] == got["now"]["shelved"]
        assert found[f"watchroom_alarms_standing{mine}"] == 0
        assert found[f"watchroom_alarm_escalations_total{mine}"] == got["escalations"]
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, capture_output=True)
    for family in re.findall(r"# TYPE (\S+)", text):
        assert text.count(f"# TYPE {family} ") == 1 and text.count(f"# HELP {family} ") == 1, family
    return found


def live_site():
    with Rig(devices=4, broker=False, site="web: {listen: '127.0.0.1:0'}") as rig:
        rig.start_gateway()
        rig.wait_all_up()
        rig.sim(*[f"set s-1 p{k} 40000" for k in range(1, 15)], "set m-1 p20 1")
        alarms = wait_for("15 alarms", lambda: [a for a in rig.control("alarms")["alarms"] if a["cond"] == "active"
                                                and a["ack"] == "unacked"] if len(rig.log("alarm")) >= 15 else None)
        socket = ("--socket", rig.dir / "control")
        for alarm in alarms[:6]:
            run("ack", alarm["id"], *socket)
        run("ack", "power/s-1/no-such-alarm", *socket, check=1)
        rig.sim("set s-1 p1 1")
        wait_for("the first cleared", lambda: any("cleared" in r["change"] for r in rig.log("alarm")))
        first = json.loads(run("report", "alarms", "--json", *socket)[0])
        assert first["audiences"]["facilities"]["told"]["total"] >= 15 and first["audiences"]["facilities"]["flood"]["now"]
        assert first["commands"]["refused"] >= 1, first["commands"]
        wait_for("the metrics to follow", lambda: metrics(rig)[0].get(
            'watchroom_alarm_annunciations_total{audience="facilities",priority="3"}') == first["audiences"]["facilities"]["told"]["p3"])
        found = wait_for("the metrics to agree", lambda: agree(rig, first))
        text = run("report", "alarms", *socket)[0]
        assert "Alarms of bench" in text and "in flood" in text and "NOW" in text and "time to acknowledge" in text
        check_words(rig, socket)
        page = rig.dir / "page.html"
        run("report", "alarms", "--html", "-o", page, *socket)
        assert "value high" in check_page(page)
        rig.processes["gateway"].terminate()
        rig.processes["gateway"].wait(30)
        stopped(rig, len(found))


def check_words(rig, socket):
    """`log` and `status` are for people: words, no members."""
    lines = run("log", *socket)[0].splitlines()
    assert len(lines) > 20 and not [line for line in lines if '{"' in line], lines
    for words in ("s-1 does not answer", "version "), ("all before is signed",), (", control) ack power/",), ("P3 power/s-1/p2-high: raised annunciate",):
        assert any(word in line for line in lines for word in words), (words, lines)
    assert all(" command " in line for line in run("log", "--kind", "command", *socket)[0].splitlines())
    err = run("log", "--kind", "comand", *socket, check=2)[1]
    assert "did you mean command?" in err and "checkpoint" in err and err.count("\n") == 1
    text = run("status", *socket, check=rig.status()["state"] != "ok")[0]
    for words in ("rows 1 to", "none: nobody is told over MQTT", "4: 4 up", "live (P1 1, P2 0", "FLOOD for facilities", "readings wait"):
        assert words in text, (words, text)
    assert "wal_bytes" not in text and "ballast" not in text and "not_at_rest" not in text


def agree(rig, report):
    try:
        return check_metrics(rig, report)
    except (AssertionError, KeyError):
        return None


def stopped(rig, series):
    state = ("--state-dir", rig.state_dir)
    rows = [json.loads(line) for line in run("log", "--json", *state)[0].splitlines()]
    whole = json.loads(run("report", "alarms", "--json", *state)[0])
    compare(whole, rows, whole["range"]["from"], whole["range"]["to"])
    usage(state, rig.dir)
    elsewhere = rig.dir / "forty-days"
    shutil.copytree(rig.state_dir, elsewhere)
    state = ("--state-dir", elsewhere)
    count = forty_days(elsewhere / "journal.db", rows)
    rows = [json.loads(line) for line in run("log", "--json", *state)[0].splitlines()]
    first, last = rows[len(rows) - count]["ts"], rows[-1]["ts"]
    ranges = [(0, last + 1000), (first, last), (first + 5 * DAY, first + 12 * DAY), (first + 20 * DAY, first + 21 * DAY),
              (first + 39 * DAY, last + DAY)]
    floods = 0
    for begin, end in ranges:
        begin, end = max(begin // 1000 * 1000, 400_000_000_000), (end // 1000 + 1) * 1000
        report = json.loads(run("report", "alarms", "--json", "--from", stamp(begin), "--to", stamp(end), *state)[0])
        assert (report["range"]["from"], report["range"]["to"]) == (begin, end)
        compare(report, rows, begin, end)
        floods += sum(a["flood"]["count"] for a in report["audiences"].values())
    assert floods >= 3, "the forty days have floods"
    page = rig.dir / "hostile.html"
    run("report", "alarms", "--html", "-o", page, "--from", stamp(first), *state, "--to", stamp(last + DAY))
    assert "<script>alert('1')</script>" in check_page(page), "texts are shown as they are, escaped"
    print(f"{len(rows)} rows, {len(ranges) + 2} ranges agree, {floods} floods; {series} series of /metrics agree")


def forty_days(path, rows):
    """Rows behind the newest, of alarms that live at random; returns how many. A body is all a reader judges by."""
    rng = random.Random(4711)
    template = next(r for r in rows if r["kind"] == "alarm")
    # After the real rows, and old enough that --last 30d of the command line is another stretch.
    now, seq, added = rows[-1]["ts"] + 1000, rows[-1]["seq"], []
    alarms = [{"id": f"power/x-{i}/high", "priority": rng.choice((1, 2, 3, 3, 4, 4)), "cond": "normal", "ack": "none",
               "audience": rng.sample(AUDIENCES, rng.randint(1, 3)), "supp": [], "occ": 0, "raised": None,
               "text": "<script>alert('1')</script> & \"so\""} for i in range(60)]
    end, storm = now + 40 * DAY, 0
    while now < end:
        storm = rng.randint(40, 200) if storm == 0 and rng.random() < 0.005 else max(0, storm - 1)
        now += rng.randrange(0, 8000) if storm else int(rng.expovariate(1 / (DAY / 80)))
        a = rng.choice(alarms)
        kind, body = "alarm", None
        if rng.random() < 0.03:
            kind, body = "command", {"code": rng.choice(("ok", "denied", "expired")), "user": "eve", "verb": "ack"}
            if body["code"] != "ok":
                body["count"] = rng.randint(1, 4)
        elif rng.random() < 0.03:
            kind, body = "escalation", {"audience": a["audience"][0], "id": a["id"], "step": 1,
                                                "reason": rng.choice(("unacknowledged", "ack-timeout", "exhausted"))}
        else:
            body = {"change": change(rng, a, now)}
            alarm = {**template["alarm"], **a, "ts": now, "seq": seq + 1}
            if alarm["raised"] is None:
                del alarm["raised"]
            body["alarm"] = alarm
        seq += 1
        body.update(jid=template["jid"], kind=kind, prev="0" * 64, seq=seq, site="bench", ts=now)
        added.append((seq, seq, now, kind, a["id"] if kind == "alarm" else None, 0, 0, "0" * 64, None,
                      json.dumps(body, sort_keys=True, separators=(",", ":"))))
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO row (seq, first, utc_ms, kind, alarm, audiences, priority, hash, payload, body) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", added)
    return len(added)


def change(rng, a, now):
    what = rng.random()
    a["chatter"] = 0
    if a["cond"] == "normal" and what < 0.6:
        a.update(cond="active", raised=now, occ=a["occ"] + 1)
        if a["supp"]:
            return ["raised"]
        a["ack"] = "unacked"
        return ["raised", "annunciate"]
    if a["ack"] == "unacked" and what < 0.8:
        if what < 0.1 and a["priority"] > 2 and not a["supp"]:
            a.update(ack="acked", supp=["shelved"])
            return ["shelved"]
        a["ack"] = "acked" if a["cond"] != "normal" else "none"
        return ["acked"]
    if what < 0.85 and a["cond"] != "normal":
        a["cond"] = "normal"
        a["ack"] = "none" if a["ack"] == "acked" else a["ack"]
        return ["cleared"]
    if what < 0.9:
        a["supp"] = [] if a["supp"] else [rng.choice(("design", "oos"))]
        return ["unsuppressed"] if not a["supp"] else ["suppressed"]
    if what < 0.92:
        a.update(cond="normal", ack="none", supp=[], raised=None)
        return ["withdrawn"]
    a["chatter"] = rng.choice((0, 3))
    return ["chatter"] if a["chatter"] else ["quality-bad"]


def usage(state, folder):
    for words in (["alarms", "--last", "soon"], ["alarms", "--last", "1d", "--from", "2026-01-01"], ["alarms", "--json", "--html"],
                  ["alarms", "--from", "2026-02-01", "--to", "2026-01-01"], ["spof"], [], ["alarms", "--from", "yesterday"]):
        out, err = run("report", *words, *state, check=2)
        assert not out and err.count("\n") == 1, (words, err)
    out, _ = run("report", "alarms", "--from", "2001-01-01", "--to", "2001-02-01", *state, check=1)
    assert "NOTHING" in out
    with tempfile.TemporaryDirectory() as empty:
        run("report", "alarms", "--state-dir", empty, check=4)
    run("report", "alarms", "-o", folder / "no" / "such" / "folder", *state, check=4)


if __name__ == "__main__":
    live_site()
