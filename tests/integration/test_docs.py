#!/usr/bin/python3
"""`watchroom docs`: a runbook page for every alarm, a folder replaced as a whole, texts that stay texts; and
docs/builtin-alarms.md is what the program says."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, WATCHROOM  # noqa: E402
from test_bad_sites import demo_site  # noqa: E402

PROFILES = SOURCE / "config" / "profiles"
PIPE = re.compile(r"(?<!\\)\|")
HOSTILE = "<script>alert(1)</script> | [click](http://x) `rm` *b* _i_ # ~~s~~ & \\\\ end"
SITE = """site: {{id: t1, name: '{name}'}}
users: [{{name: lead, role: supervisor}}]
{ladder}devices:
  - id: panel
    name: 'A | B'
    owner: '<b>facilities</b>'
    protocol: modbus-tcp
    address: 10.0.0.5
    groups: {{fast: 1s, slow: 60s}}
    points:
      - {{id: t, custom: true, description: a value, group: slow, register: {{fc: 3, address: 1, type: u16}}, kind: number, unit: Cel, range: [-20, 90]}}
      - {{id: s, custom: true, description: a state, group: fast, register: {{fc: 3, address: 2, type: u16}}, kind: state, labels: {{0: "off", 1: "on", 2: test}}}}
alarms:
  - {{name: hot, type: test.hot, class: environment, audiences: [facilities, security], priority: 2, point: panel/t, high: 30, deadband: 2,
     on_delay: 2m, text: '{text}', consequence: Servers switch themselves off, action: 'Open the doors; {text}', respond_within: 10m}}
  - {{name: a.b, type: test.ab, class: fire, audiences: security, priority: 1, managed: true, latch: true, point: panel/s, is: ["on", test], text: A state,
     consequence: People are in danger, action: Call the fire brigade, respond_within: 2m}}
{more}"""
LADDER = """audiences:
  security:
    escalation:
      - {priority: 1, steps: [{after: 0s, to: security}, {after: 90s, to: [continuity, lead]}], repeats: 2, repeat_every: 5m, ack_timeout: 20m}
      - {priority: 4, steps: []}
"""
MORE = """  - {name: off, type: test.off, class: access, audiences: security, priority: 4, shelvable: false, point: panel/s, not: "off", text: It is on,
     consequence: It burns power, action: Switch it off at the panel, respond_within: 1d}
"""


def docs(*words, status=0):
    done = subprocess.run([WATCHROOM, "docs", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == status, (words, done)
    return done.stdout, done.stderr


def write_site(folder, more=MORE):
    path = folder / "site.yaml"
    path.write_text(SITE.format(name="Site <1>", text=HOSTILE.replace("'", "''"), more=more, ladder=LADDER))
    return path


def rows(page):
    """title -> value of its tables; every row has two cells, whatever the texts."""
    found = {}
    for line in page.splitlines():
        if line.startswith("|"):
            assert len(PIPE.findall(line)) == 3, line
            title, value = (cell.strip() for cell in PIPE.split(line)[1:3])
            found[title] = value
    return found


def every_alarm_has_its_page(folder):
    site, out = demo_site(folder), folder / "runbook"
    said = docs("alarms", "-c", site, "-o", out, "--profiles", PROFILES)[0]
    alarms = json.loads(subprocess.run([WATCHROOM, "check", site, "--profiles", PROFILES, "--json"], capture_output=True,
                                       text=True, check=True).stdout)["cost"]["alarms"]
    pages = sorted(p.name for p in out.glob("*.md") if p.name != "index.md")
    assert len(pages) == alarms and f"{alarms} alarms" in said, (len(pages), alarms)
    index = (out / "index.md").read_text()
    links = re.findall(r"\]\(([^)]*)\)", index)
    assert sorted(links) == pages and all(re.fullmatch(r"[a-z0-9._~-]+\.md", name) for name in pages)
    builtin = (SOURCE / "docs" / "builtin-alarms.md").read_text()
    for name in pages:
        page = (out / name).read_text()
        for heading in ("## What is wrong", "## If nobody acts", "## What to do", "## The alarm", "## Where"):
            assert re.search(f"{heading}\n+[^#\n]", page), (name, heading)
        have = rows(page)
        assert {"Kind", "For", "Raised when", "Acknowledgement", "Shelving", "Out of service", "Managed", "Device"} <= set(have), name
        if name.startswith("gateway~gateway~"):
            assert f"## {name[:-3].replace('~', '/')}\n" in builtin, f"{name} is not in docs/builtin-alarms.md"
    ups = (out / "power~ups-a~on-battery.md").read_text()
    assert "**P2 major, respond within 10m**" in ups and "from its battery" in ups and "UPS room A" in ups
    when = {name: rows((out / f"{name}.md").read_text())["Raised when"].replace("\\", "") for name in (
        "environment~env-hall~temperature-1-rising", "power~ats-1~hunting", "power~ups-a~on-battery-again", "power~gen-1~coolant-cold")}
    assert list(when.values()) == [
        "it rises by 3 Cel or more within 5m", "4 times within 10m it changes", "3 times within 30m it becomes battery",
        "(engine.coolant.temperature < 20 and engine.speed == 0) for 30m"], when
    cold = rows((out / "power~gen-1~coolant-cold.md").read_text())
    assert cold["Point"] == "gen-1/engine.coolant.temperature" and cold["Judged with"] == "gen-1/engine.speed", cold
    return alarms


def a_page_says_what_is_configured(folder):
    out = folder / "runbook"
    docs("alarms", "-c", write_site(folder), "-o", out)
    hot = (out / "environment~panel~hot.md").read_text()
    have = rows(hot)
    assert have["Raised when"].startswith("above 30 Cel; over at 28 Cel") and have["For longer than"] == "2m"
    assert have["For"] == "security, facilities" and have["Read every"] == "1m" and have["Told again after"] == "30m"
    assert have["Shelving"] == "supervisor, at most 2h" and have["Point"] == "panel/t"
    fire = rows((out / "fire~panel~a.b.md").read_text())
    assert fire["Raised when"] == "it is on or test" and fire["Shelving"] == "never" and fire["Managed"].startswith("yes")
    assert "second person" in fire["Out of service"] and fire["Latched"]
    assert fire["Nobody of security answers"] == ("0s: security; 90s: continuity, lead; the last again after each 5m, 2 times; "
                                                  "anew when acknowledged, and for 20m neither over nor commented"), fire
    assert have["Nobody of facilities answers"].startswith("0s: facilities; 10m:"), have
    off = rows((out / "access~panel~off.md").read_text())
    assert off["Raised when"] == "it is not off" and off["Shelving"] == "never"
    assert not [title for title in off if title.startswith("Nobody")], off
    for page in out.glob("*.md"):
        text = page.read_text()
        assert not re.search(r"(?<!\\)<", text) and "[click]" not in text and not re.search(r"(?<!\\)`rm", text), page
    assert "\\<script\\>" in hot and "\\[click\\](http" in hot


def the_folder_is_replaced_as_a_whole(folder):
    out, site = folder / "runbook", write_site(folder)
    docs("alarms", "-c", site, "-o", out)
    before, inode = set(os.listdir(out)), out.stat().st_ino
    docs("alarms", "-c", write_site(folder, more=""), "-o", f"{out}/")
    assert before - set(os.listdir(out)) == {"access~panel~off.md"} and out.stat().st_ino != inode
    assert sorted(p.name for p in folder.iterdir()) == ["runbook", "site.yaml"], "nothing is left over"
    # a site with faults, an order that cannot be: the folder stays
    kept = {p.name: p.read_bytes() for p in out.iterdir()}
    site.write_text("site: {id: t1}\n")
    docs("alarms", "-c", site, "-o", out, status=1)
    (out / "notes.txt").write_text("mine")
    docs("alarms", "-c", write_site(folder), "-o", out, status=4)
    (out / "notes.txt").unlink()
    (out / "sub.md").mkdir()
    docs("alarms", "-c", site, "-o", out, status=4)
    (out / "sub.md").rmdir()
    assert {p.name: p.read_bytes() for p in out.iterdir()} == kept
    mine = folder / "mine"
    mine.mkdir()
    (mine / "page.md").write_text("mine")
    docs("alarms", "-c", site, "-o", mine, status=4)
    (folder / "link").symlink_to(out)
    docs("alarms", "-c", site, "-o", folder / "link", status=4)
    docs("alarms", "-c", site, "-o", folder / "no" / "such", status=4)
    docs("alarms", "-c", site, "-o", site, status=4)
    assert (mine / "page.md").read_text() == "mine" and not list(folder.glob("*.new-*"))


def wrong_usage():
    for words in (["alarms"], ["alarms", "-c", "x"], ["alarms", "-o", "x"], ["builtin", "-o", "x"], [], ["pages"], ["alarms", "-c", "x", "-o", ""]):
        out, err = docs(*words, status=2)
        assert not out and err.count("\n") == 1, (words, err)


def main():
    assert (SOURCE / "docs" / "builtin-alarms.md").read_text() == docs("builtin")[0], \
        "docs/builtin-alarms.md is not what `watchroom docs builtin` says"
    for test in (every_alarm_has_its_page, a_page_says_what_is_configured, the_folder_is_replaced_as_a_whole):
        with tempfile.TemporaryDirectory() as folder:
            result = test(Path(folder))
            print(f"{test.__name__}: fine{'' if result is None else f', {result} pages'}")
    wrong_usage()


if __name__ == "__main__":
    main()
