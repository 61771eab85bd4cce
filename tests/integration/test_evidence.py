#!/usr/bin/python3
"""The record as a third party sees it: the checkpoint that everybody gets, the chain verified without this program, every byte
and row of it, and archives of evidence."""
import functools
import importlib.util
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, WATCHROOM, Rig, wait_for  # noqa: E402

SCRIPT = SOURCE / "docs" / "verify-journal.py"


def script(*args):
    return subprocess.run([sys.executable, SCRIPT, *args], capture_output=True, text=True)


def checkpoints(subscriber):
    return [(t, json.loads(p), p) for _, t, p in list(subscriber.messages) if p.startswith("{")]


def raise_and_clear(rig):
    """An alarm's whole life on s-1."""
    def raised(state):
        return lambda: any(r["alarm"]["id"] == "power/s-1/p1-high" and r["change"][0] == state for r in rig.log("alarm"))
    rig.sim("set s-1 p1 40000")
    wait_for("the alarm", raised("raised"))
    rig.sim("set s-1 p1 100")
    wait_for("its end", raised("cleared"))


def every_subscriber_is_a_witness(rig):
    subscriber = rig.subscribe("watchroom/1/bench/audit/+")
    rig.start_gateway()
    rig.wait_all_up()
    topic, first, _ = wait_for("a checkpoint", lambda: checkpoints(subscriber))[0]
    assert first["kind"] == "checkpoint" and len(first["sig"]) == 128, first
    raise_and_clear(rig)
    gateway = rig.processes["gateway"]
    gateway.terminate()
    assert gateway.wait(30) == 0
    last = wait_for("the checkpoint of the stop", lambda: checkpoints(subscriber)[1:])[-1]
    assert last[1]["seq"] > first["seq"]
    kept = rig.dir / "kept.json"
    kept.write_text(last[2] + "\n")
    late = rig.subscribe("watchroom/1/bench/audit/+")  # retained: who comes later gets it, too
    assert wait_for("the retained one", lambda: checkpoints(late))[0][1] == last[1]
    return kept


def both_verifiers_are_content(rig, kept):
    rows = rig.dir / "rows.jsonl"
    rows.write_text(subprocess.run([WATCHROOM, "log", "--json", "--state-dir", rig.state_dir], capture_output=True, text=True,
                                   check=True).stdout)
    done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir, "--checkpoint", kept, "--json"],
                          capture_output=True, text=True)
    verdict = json.loads(done.stdout)
    assert done.returncode == 0 and verdict["complete"] and verdict["unaltered"] and verdict["signed"], verdict
    done = script(rows, rig.state_dir / "journal.pub", kept)
    assert done.returncode == 0 and done.stdout.count("yes") == 3, done.stdout + done.stderr
    key = subprocess.run(["openssl", "pkey", "-in", rig.state_dir / "journal.key", "-noout", "-text"], capture_output=True,
                         text=True, check=True).stdout
    assert key.startswith("ED25519"), key
    assert (rig.state_dir / "journal.key").stat().st_mode & 0o777 == 0o600
    return rows


def another_key_convinces_nobody(rig, rows):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", rig.dir / "other.key"], check=True)
    subprocess.run(["openssl", "pkey", "-in", rig.dir / "other.key", "-pubout", "-out", rig.dir / "other.pub"], check=True)
    done = script(rows, rig.dir / "other.pub")
    assert done.returncode == 1 and "signed:    NO" in done.stdout, done.stdout
    done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir, "--key", rig.dir / "other.pub"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "signed:    NO" in done.stdout and "unaltered: yes" in done.stdout, done.stdout


class Walk:
    """The script's own walk, with each signature checked once."""

    def __init__(self, public, folder):
        spec = importlib.util.spec_from_file_location("verify_journal", SCRIPT)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.keys, self.folder = self.module.read_keys(public), folder
        check, keys = self.module.is_signed, self.keys
        known = functools.lru_cache(None)(lambda body: check(body, json.loads(body), keys, folder))
        self.module.is_signed = lambda body, row, keys, folder: known(body)

    def faults(self, lines, kept):
        for found in self.module.faults.values():
            found.clear()
        try:
            _, last, _, _ = self.module.walk(lines, self.keys, self.folder, kept)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return [repr(error)]
        if last is None or last["seq"] < kept["seq"]:
            return ["cut off"]
        return [fault for found in self.module.faults.values() for fault in found]


def any_touched_byte_or_row_is_found(rig, rows):
    lines = rows.read_bytes().splitlines(keepends=True)
    walk = Walk(rig.state_dir / "journal.pub", rig.dir)
    last = json.loads(lines[-1])
    kept = {"seq": last["seq"], "hash": last["hash"]}
    assert last["kind"] == "checkpoint" and not walk.faults(lines, kept)
    start = next(i for i, line in enumerate(lines) if b'"kind":"alarm"' in line)
    small = lines[start:]  # an excerpt verifies as well
    assert not walk.faults(small, kept)
    flips = 0
    for number in (0, 1, start, len(lines) - 1):
        for at in range(len(lines[number]) - 1):  # but for the newline
            line = bytearray(lines[number])
            line[at] ^= 1 << at % 8
            assert walk.faults(lines[:number] + [bytes(line)] + lines[number + 1:], kept), (number, at, line)
            flips += 1
    for number in range(len(lines)):
        if number > 0:  # without its first row it is an excerpt
            assert walk.faults(lines[:number] + lines[number + 1:], kept), f"row {number + 1} removed"
        assert walk.faults(lines[:number + 1] + [lines[number]] + lines[number + 1:], kept), f"row {number + 1} doubled"
        if number + 1 < len(lines):
            assert walk.faults(lines[:number] + [lines[number + 1], lines[number]] + lines[number + 2:], kept), f"{number} moved"
    print(f"{len(lines)} rows; {flips} flips, every removal, doubling and exchange found")


def export(rig, name, *more):
    return subprocess.run([WATCHROOM, "evidence", "export", "--state-dir", rig.state_dir, "-o", rig.dir / name, *more],
                          capture_output=True, text=True)


def unpack(rig, name):
    subprocess.run(["tar", "--zstd", "-xf", rig.dir / name, "-C", rig.dir], check=True)
    return rig.dir / name.removesuffix(".tar.zst")


def third_party_says(folder, kept):
    """What README.txt tells the third party to do."""
    return [subprocess.run(argv, cwd=folder, capture_output=True, text=True) for argv in (
        ["sha256sum", "-c", "--strict", "MANIFEST.sha256"],
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "signing-key.pem", "-rawin", "-in", "MANIFEST.sha256", "-sigfile",
         "MANIFEST.sha256.sig"],
        [sys.executable, "verify-journal.py", "rows.jsonl", "public-key.pem", kept])]


def an_archive_convinces_a_third_party(rig, kept):
    done = export(rig, "all.tar.zst")
    assert done.returncode == 0, done.stderr
    folder = unpack(rig, "all.tar.zst")
    for done in third_party_says(folder, kept):
        assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    listed = {line.split("  ", 1)[1] for line in (folder / "MANIFEST.sha256").read_text().splitlines()}
    present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert present - listed == {"MANIFEST.sha256", "MANIFEST.sha256.sig"}, present ^ listed
    assert (folder / "rows.jsonl").read_bytes() == (rig.dir / "rows.jsonl").read_bytes()
    kinds = [json.loads(line)["kind"] for line in (folder / "configuration.jsonl").read_text().splitlines()]
    assert "start" in kinds and all(k in ("start", "generation") for k in kinds), kinds
    values = (folder / "values" / "s-1" / "p1.csv").read_text().splitlines()
    assert values[1] == "time,value" and any(v.endswith(",40000") for v in values), values[-20:]
    assert not list(rig.dir.glob("*.new-*")), "left over"
    return folder


def a_touched_archive_is_found(rig, folder, kept):
    rows = folder / "rows.jsonl"
    good = rows.read_bytes()
    rows.write_bytes(good.replace(b'"raised"', b'"raisee"', 1))
    manifest, signature, chain = third_party_says(folder, kept)
    assert manifest.returncode != 0 and "rows.jsonl: FAILED" in manifest.stdout
    assert signature.returncode == 0 and chain.returncode == 1 and "unaltered: NO" in chain.stdout
    rows.write_bytes(good)
    text = (folder / "MANIFEST.sha256").read_bytes()
    (folder / "MANIFEST.sha256").write_bytes(text[:-2] + b"x\n")
    assert third_party_says(folder, kept)[1].returncode != 0


def of_one_alarm_the_chain_is_given_whole(rig, kept):
    rows = [json.loads(line) for line in (rig.dir / "rows.jsonl").read_text().splitlines()]
    mine = [r for r in rows if r["kind"] == "alarm" and r["alarm"]["id"] == "power/s-1/p1-high"]
    name = "one.tar.zst"
    start = str(mine[0]["ts"] // 1000)
    when = subprocess.run(["date", "-u", "-d", f"@{start}", "+%Y-%m-%dT%H:%M:%SZ"], capture_output=True, text=True,
                          check=True).stdout.strip()
    done = export(rig, name, "--alarm", "power/s-1/p1-high", "--from", when, "--json")
    assert done.returncode == 0, done.stderr
    folder = unpack(rig, name)
    assert [json.loads(line) for line in (folder / "alarm.jsonl").read_text().splitlines()] == mine
    inside = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert [r["seq"] for r in inside] == list(range(inside[0]["seq"], rows[-1]["seq"] + 1))
    assert {p.name for p in (folder / "values").rglob("*.csv")} == {"p1.csv"}
    for done in third_party_says(folder, kept):
        assert done.returncode == 0, (done.args, done.stdout, done.stderr)


def rows_lost_to_a_full_disk_are_missing_and_nothing_else(rig):
    """What is left of them is their place in the chain; the rest stays provable."""
    with sqlite3.connect(rig.state_dir / "journal.db") as journal:
        journal.execute("UPDATE row SET body = NULL WHERE seq = 4")
    journal.close()
    assert export(rig, "lost.tar.zst").returncode == 0
    folder = unpack(rig, "lost.tar.zst")
    done = script(folder / "rows.jsonl", folder / "public-key.pem")
    assert done.returncode == 1 and "complete:  NO: row 4" in done.stdout, done
    assert "unaltered: yes" in done.stdout and "signed:    yes" in done.stdout, done.stdout
    done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir], capture_output=True, text=True)
    assert done.returncode == 1 and "complete:  NO: row 4" in done.stdout and "unaltered: yes" in done.stdout, done.stdout


def what_cannot_be_exported_is_said(rig):
    for more, status, word in ((["--from", "2001-01-01", "--to", "2001-01-02"], 1, "no row"),
                               (["--alarm", "power/none/none"], 1, "nothing of alarm"),
                               (["--from", "yesterday"], 2, "not a time"),
                               (["--from", "2026-01-02", "--to", "2026-01-01"], 2, "ends before"),
                               (["--alarm", "../etc"], 2, "not the id")):
        done = export(rig, "bad.tar.zst", *more)
        assert done.returncode == status and word in done.stderr, (more, done)
    assert export(rig, "all.tar.zst").returncode == 2  # never over what is there
    assert export(rig, "all.zip").returncode == 2
    key = rig.state_dir / "journal.key"
    key.rename(rig.dir / "journal.key")
    done = export(rig, "bad.tar.zst")
    assert done.returncode == 4 and "key" in done.stderr, done
    (rig.dir / "journal.key").rename(key)
    assert not list(rig.dir.glob("bad*")), "left over"


def main():
    if shutil.which("openssl") is None:
        print("skipped: needs openssl")
        return 77
    with Rig(devices=2) as rig:
        kept = every_subscriber_is_a_witness(rig)
        rows = both_verifiers_are_content(rig, kept)
        another_key_convinces_nobody(rig, rows)
        any_touched_byte_or_row_is_found(rig, rows)
        folder = an_archive_convinces_a_third_party(rig, kept)
        a_touched_archive_is_found(rig, folder, kept)
        of_one_alarm_the_chain_is_given_whole(rig, kept)
        what_cannot_be_exported_is_said(rig)
        rows_lost_to_a_full_disk_are_missing_and_nothing_else(rig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
