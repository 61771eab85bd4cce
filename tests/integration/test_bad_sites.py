#!/usr/bin/python3
"""Faulty site files and what `watchroom check` says of each: tests/fixtures/bad-sites/NNN-name.yaml and .expect;
and good ones whose alarms deserve a warning: tests/fixtures/lint-sites.

Every line file:line:column: level: text (hint) is compared; each fault is followed by the source line and a caret
under the place. A good file stays silent, and `--json` says the same as the text.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, WATCHROOM  # noqa: E402

FOLDER = SOURCE / "tests" / "fixtures" / "bad-sites"
LINTS = SOURCE / "tests" / "fixtures" / "lint-sites"
DIAGNOSTIC = re.compile(r"^([^ ]+):(\d+):(\d+): (error|warning): ")


def check(path, *options, profiles=SOURCE / "config" / "profiles"):
    done = subprocess.run([WATCHROOM, "check", path, "--profiles", profiles, *options],
                          capture_output=True, text=True, errors="replace")
    said = done.stderr.replace(f"{FOLDER}/", "").replace(f"{LINTS}/", "").replace(f"{SOURCE}/", "")
    return done.returncode, done.stdout, said


def check_lints():
    """Warnings stop nobody, but for --strict; they are told in JSON, too. Returns how many files are not as expected."""
    cases, wrong = sorted(LINTS.glob("*.yaml")), 0
    assert len(cases) >= 30, len(cases)
    for case in cases:
        expected = case.with_suffix(".expect").read_text().splitlines()
        status, out, text = check(case, profiles=LINTS / "profiles")
        said = [line for line in text.splitlines() if DIAGNOSTIC.match(line)]
        if status != 0 or said != expected:
            wrong += 1
            print(f"{case.name}: status {status}\n  expected {expected}\n  said     {said}")
        check_carets(case.name, text)
        words = {0: "no faults", 1: "1 warning"}.get(len(expected), f"{len(expected)} warnings")
        assert out.splitlines()[0].endswith(f": {words}"), out
        assert check(case, "--strict", profiles=LINTS / "profiles")[0] == (1 if expected else 0), case.name
        reported = json.loads(check(case, "--json", profiles=LINTS / "profiles")[1])
        assert reported["ok"] and [d["level"] for d in reported["diagnostics"]] == ["warning"] * len(expected), case.name
    return len(cases), wrong


def demo_site(folder):
    """The demo's, with addresses filled in."""
    text = (SOURCE / "config" / "examples" / "demo" / "site.yaml").read_text()
    text = text.replace("@BROKER_PORT@", "1883").replace("@DIR@", str(folder))
    path = Path(folder) / "site.yaml"
    path.write_text(re.sub("@[a-z0-9-]+@", "10.0.0.1", text))
    return path


def check_carets(name, text):
    lines = text.splitlines()
    for i, line in enumerate(lines):
        found = DIAGNOSTIC.match(line)
        if found and int(found[2]) > 0:
            source, caret = lines[i + 1], lines[i + 2]
            assert source.split(" | ")[0].strip() == found[2], (name, source)
            place = min(int(found[3]) - 1, len(source.split(" | ", 1)[1]))  # at the end of a line that was cut
            assert caret.index("^") == len("       | ") + place, (name, line, caret)


def main():
    os.chmod(FOLDER / "world-readable.secret", 0o644)
    os.chmod(FOLDER / "157-community-in-an-open-file.yaml", 0o644)
    cases = sorted(FOLDER.glob("*.yaml"))
    assert len(cases) >= 80, len(cases)
    wrong = 0
    for case in cases:
        status, _, text = check(case)
        said = [line for line in text.splitlines() if DIAGNOSTIC.match(line)]
        expected = case.with_suffix(".expect").read_text().splitlines()
        if status != 1 or said != expected:
            wrong += 1
            print(f"{case.name}: status {status}\n  expected {expected}\n  said     {said}")
        check_carets(case.name, text)
        reported = json.loads(check(case, "--json")[1])
        assert not reported["ok"] and len(reported["diagnostics"]) == len(expected), case.name
    sites = [path for path in SOURCE.glob("config/examples/*.yaml") if "\ndevices:" in path.read_text()]
    assert sites
    for good in sites:
        status, out, text = check(good, "--strict")
        assert status == 0 and not text, (good, text)
        assert "requests/s" in out and "time series" in out
    with tempfile.TemporaryDirectory() as folder:
        status, out, text = check(demo_site(folder), "--strict")
        assert status == 0 and not text and "no faults" in out, text
    lint_cases, lint_wrong = check_lints()
    wrong += lint_wrong
    for profile in SOURCE.glob("config/profiles/*/*.yaml"):
        site = f"site: {{id: t}}\ndevices:\n  - {{id: d, profile: {profile.parent.name}/{profile.stem}, address: 10.0.0.1}}\n"
        done = subprocess.run([WATCHROOM, "check", "--strict", "/dev/stdin", "--profiles", SOURCE / "config" / "profiles"],
                              input=site, capture_output=True, text=True)
        assert done.returncode == 0, (profile, done.stderr)
    page = subprocess.run([WATCHROOM, "check", "--schema-markdown"], capture_output=True, text=True, check=True).stdout
    assert (SOURCE / "docs" / "configuration.md").read_text() == page, "docs/configuration.md is not what the schema says"
    with tempfile.TemporaryDirectory() as folder:
        # Whole members of a site file; pieces of lists are read by the tests of what they show.
        examples = re.findall(r"```yaml\n([a-z]+:\n.*?)```", page, re.S)
        assert [text.split(":")[0] for text in examples] == ["users", "devices", "alarms"], examples
        path = Path(folder) / "site.yaml"
        path.write_text("site: {id: t1}\n" + "".join(examples))
        status, out, text = check(path, "--strict")
        assert status == 0 and not text, text
    print(f"{len(cases)} faulty files and {lint_cases} poor ones, {wrong} not as expected; examples, profiles and docs/configuration.md agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
