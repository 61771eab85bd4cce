#!/usr/bin/python3
"""The configurations on record: each accepted one is a generation with its files, who asked for it and how it differs; they are
compared, shown, put back, exported, with and without a gateway; nothing of it is lost to a kill or believed when altered."""
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402

USERS = "users: [{name: anna, role: operator, audiences: [security]}]\n"


def run(rig, *args, stopped=False):
    where = ["--state-dir", rig.state_dir] if stopped else ["--socket", rig.dir / "control"]
    return subprocess.run([WATCHROOM, *args, *where], capture_output=True, text=True)


def edit(rig, old, new):
    path = rig.dir / "site.yaml"
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new))


def history(rig, *more, **how):
    done = run(rig, "config", "history", "--json", *more, **how)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def generation_rows(rig):
    return [r for r in rig.log("generation") if r["accepted"] and "changes" in r]


def a_start_is_the_first_generation(rig):
    rig.start_gateway()
    rig.wait_all_up()
    rows = history(rig)
    assert [r["generation"] for r in rows] == [1] and rows[0]["by"] == {"source": "start"}, rows
    assert rows[0]["file"] == str(rig.dir / "site.yaml") and rig.status()["generation"] == 1
    folder = rig.state_dir / "config"
    manifest = (folder / rows[0]["digest"]).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == rows[0]["digest"]
    names = {}
    for line in manifest.decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / digest).read_bytes()).hexdigest() == digest
        assert (folder / digest).stat().st_mode & 0o777 == 0o640
        names[name] = digest
    assert set(names) == {"site.yaml", "profiles/bench/s.yaml", "profiles/bench/m.yaml"}, names
    assert (folder / names["site.yaml"]).read_text() == (rig.dir / "site.yaml").read_text()


def a_reload_by_command_waits_for_its_verdict(rig):
    edit(rig, "{id: s-1,", "{id: s-1, name: First,")
    done = run(rig, "reload")
    assert done.returncode == 0 and "accepted: generation 2" in done.stdout, done
    assert "device s-1, name: (not set) -> First" in done.stdout, done.stdout
    assert "alarms" in done.stdout.split("workers that restart:")[1], done.stdout
    row = history(rig)[0]
    assert row["generation"] == 2 and row["previous"] == 1 and row["by"]["source"] == "control", row
    assert row["by"]["uid"] == os.getuid() and row["by"]["user"] == "local", row
    done = run(rig, "reload")  # once more the same
    assert done.returncode == 0 and "generation 2, as it was" in done.stdout, done
    assert "restart: none" in done.stdout, done.stdout
    assert rig.status()["generation"] == 2 and len(history(rig)) == 2


def a_reload_by_signal_names_its_sender(rig):
    edit(rig, "name: Bench,", "name: Test bench,")
    (rig.dir / "site.yaml").write_text((rig.dir / "site.yaml").read_text() + USERS)
    os.kill(rig.processes["gateway"].pid, signal.SIGHUP)
    row = wait_for("generation 3", lambda: [r for r in generation_rows(rig) if r["generation"] == 3], 20)[0]
    assert row["by"] == {"source": "signal", "uid": os.getuid(), "pid": os.getpid()}, row
    assert sorted(row["changes"]) == ["site, name: Bench -> Test bench", "user anna added"], row


def a_bad_file_changes_nothing_and_says_why(rig):
    good = (rig.dir / "site.yaml").read_text()
    (rig.dir / "site.yaml").write_text(good + "nonsense: 1\n")
    done = run(rig, "reload")
    assert done.returncode == 1 and "unknown key" in done.stderr and "generation 3 goes on" in done.stderr, done
    done = run(rig, "reload", "--json")
    verdict = json.loads(done.stdout)
    assert done.returncode == 1 and verdict["accepted"] is False and verdict["errors"] == 1 and verdict["by"]["user"] == "local"
    (rig.dir / "site.yaml").write_text(good)
    assert rig.status()["generation"] == 3 and len(history(rig)) == 3


def a_profile_is_part_of_it(rig):
    profile = rig.profiles / "bench" / "m.yaml"
    profile.write_text(profile.read_text().replace("high: 30000", "high: 31000", 1))
    done = run(rig, "config", "diff")
    assert done.returncode == 1 and done.stdout.strip() == "profile bench/m, alarm p1-high, high: 30000 -> 31000", done
    done = run(rig, "config", "diff", "--text")
    assert done.returncode == 1 and "-    high: 30000\n+    high: 31000" in done.stdout, done
    assert "+++ b/profiles/bench/m.yaml" in done.stdout, done.stdout
    assert run(rig, "reload").returncode == 0
    done = run(rig, "config", "diff")
    assert done.returncode == 0 and "are the same" in done.stdout, done


def comparing_and_showing(rig, **how):
    done = run(rig, "config", "diff", "1", "3", "--json", **how)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["same"] is False, done
    assert sorted(found["changes"]) == ["device s-1, name: (not set) -> First", "site, name: Bench -> Test bench",
                                        "user anna added"], found
    assert run(rig, "config", "diff", "2", "2", **how).returncode == 0
    done = run(rig, "config", "show", "1", **how)
    assert done.returncode == 0 and done.stdout.count("as it was") == 3, done
    done = run(rig, "config", "show", "3", "--file", "site.yaml", **how)
    assert done.returncode == 0 and USERS in done.stdout and "Test bench" in done.stdout, done
    for words, status in ((("show", "99"), 1), (("show",), 2), (("show", "x"), 2), (("diff", "99"), 4), (("diff", "1", "2", "3"), 2),
                          (("show", "1", "--file", "nonsense"), 1), (("frob",), 2), (("history", "--last", "0"), 2)):
        done = run(rig, "config", *words, **how)
        assert done.returncode == status and done.stderr, (words, done)
    assert [r["generation"] for r in history(rig, "--last", "2", **how)] == [4, 3]


def reverting(rig):
    before = (rig.dir / "site.yaml").read_text()
    done = run(rig, "config", "revert", "4")
    assert done.returncode == 1 and "in effect already" in done.stderr, done
    # What was in the file and never in effect is kept, too.
    (rig.dir / "site.yaml").write_text(before + "# not yet\n")
    done = run(rig, "config", "revert", "2")
    assert done.returncode == 0 and "accepted: generation 5" in done.stdout, done
    assert "user anna removed" in done.stdout and "profiles/bench/m.yaml is not as it was" in done.stderr, done
    assert "Test bench" not in (rig.dir / "site.yaml").read_text()
    kept = list(rig.dir.glob("site.yaml.until-*"))
    assert len(kept) == 1 and kept[0].read_text() == before + "# not yet\n", kept
    row = history(rig)[0]
    assert row["generation"] == 5 and row["by"]["reverted"] == 2 and row["by"]["user"] == "local", row
    assert ", back to 2" in run(rig, "config", "history").stdout


def an_old_text_with_faults_is_not_put_back(rig):
    now = (rig.dir / "site.yaml").read_text()
    profile = rig.profiles / "bench" / "s.yaml"
    hidden = rig.dir / "s.yaml"
    profile.rename(hidden)
    done = run(rig, "config", "revert", "1")
    assert done.returncode == 1 and "has faults today; nothing was changed" in done.stderr, done
    assert (rig.dir / "site.yaml").read_text() == now
    hidden.rename(profile)


def an_altered_text_is_found(rig):
    folder = rig.state_dir / "config"
    digest = history(rig)[-1]["digest"]
    site = next(line.split("  ")[0] for line in (folder / digest).read_text().splitlines() if line.endswith("site.yaml"))
    good = (folder / site).read_bytes()
    (folder / site).write_bytes(good.replace(b"Bench", b"Wench"))
    done = run(rig, "config", "show", "1")
    assert done.returncode == 4 and "site.yaml  ALTERED" in done.stdout, done
    now = (rig.dir / "site.yaml").read_text()
    done = run(rig, "config", "revert", "1")
    assert done.returncode == 4 and "altered" in done.stderr, done
    (folder / site).unlink()
    done = run(rig, "config", "revert", "1")
    assert done.returncode == 4 and "not what they were" in done.stderr, done
    assert run(rig, "config", "show", "1").stdout.count("MISSING") == 1
    assert (rig.dir / "site.yaml").read_text() == now
    (folder / site).write_bytes(good)


def a_kill_between_record_and_journal_loses_nothing(rig):
    """With alarms stopped nobody can journal what the master accepts; then all of them die at once."""
    pids = rig.pids()
    os.kill(pids["alarms"], signal.SIGSTOP)
    record = rig.state_dir / "config"
    for number, name in ((6, "Six"), (7, "Seven")):
        edit(rig, "{id: s-1, name: First," if number == 6 else "name: Six,", "{id: s-1, name: Six," if number == 6 else "name: Seven,")
        os.kill(pids["master"], signal.SIGHUP)
        wait_for(f"the record of generation {number}", lambda: (record / f"generation-{number}.json").exists(), 20)
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    rig.processes["gateway"].wait()
    done = run(rig, "config", "history", stopped=True)
    assert done.returncode == 0 and done.stdout.count("(not in the journal)") == 2, done
    rig.start_gateway()
    rig.wait_all_up()
    rows = generation_rows(rig)
    assert [r["generation"] for r in rows] == [1, 2, 3, 4, 5, 6, 7], [r["generation"] for r in rows]
    assert rows[6]["changes"] == ["device s-1, name: Six -> Seven"] and rows[6]["by"]["source"] == "signal", rows[6]
    assert rig.status()["generation"] == 7


def a_changed_file_at_the_start_is_a_generation(rig):
    rig.processes["gateway"].terminate()
    assert rig.processes["gateway"].wait(30) == 0
    edit(rig, "name: Seven,", "name: Eight,")
    done = run(rig, "config", "diff", stopped=True)
    assert done.returncode == 1 and done.stdout.strip() == "device s-1, name: Seven -> Eight", done
    rig.start_gateway()
    rig.wait_all_up()
    row = history(rig)[0]
    assert row["generation"] == 8 and row["by"] == {"source": "start"}, row
    assert row["changes"] == ["device s-1, name: Seven -> Eight"], row


def check_says_beforehand_what_a_reload_does(rig):
    """Sections by name, words, and which workers restart: as the verdict has them afterwards."""
    for old, new, sections, words, starts in (
            ("broker: {host: 127.0.0.1,", "broker: {window: 50, host: 127.0.0.1,", ["broker"],
             ["broker, window: (not set) -> 50"], []),
            ("devices:\n", "web: {listen: '127.0.0.1:0'}\ndevices:\n", ["web"],
             ["web, listen: (not set) -> 127.0.0.1:0"], ["web"]),
            ("devices:\n", USERS + "devices:\n", ["users"], ["user anna added"], []),
            ("role: operator", "role: supervisor", ["users"], ["user anna, role: operator -> supervisor"], []),
            ("collectors: 1", "collectors: 2", ["site"], ["site, collectors: 1 -> 2"], ["collector-1"]),
            ("{id: m-1, profile", "{id: m-1, timeout: 3s, profile", [], ["device m-1, timeout: (not set) -> 3s"], []),
            ("devices:\n", "# nothing\ndevices:\n", [], [], [])):
        edit(rig, old, new)
        done = run(rig, "check", rig.dir / "site.yaml", "--profiles", rig.profiles, "--against-running", "--json")
        told = json.loads(done.stdout)["reload"]
        assert told["sections_changed"] == sections and told["changes"] == words and told["workers_start"] == starts, told
        done = run(rig, "check", rig.dir / "site.yaml", "--profiles", rig.profiles, "--against-running")
        assert all(word in done.stdout for word in words + told["workers_restart"]), done
        before = rig.pids()
        verdict = json.loads(run(rig, "reload", "--json").stdout)
        assert verdict["accepted"] and sorted(verdict["restarts"]) == sorted(told["workers_restart"]), (told, verdict)
        assert verdict["changes"] == words, verdict
        wait_for("the workers to start again", lambda: all(
            rig.pids().get(name) not in (None, before.get(name)) for name in verdict["restarts"] + starts), 30)
    told = json.loads(run(rig, "check", rig.dir / "site.yaml", "--profiles", rig.profiles, "--against-running", "--json").stdout)
    assert not any(told["reload"].values()), told
    # Who tells people was left alone by the last one, and names it all the same.
    digest, gw = history(rig)[0]["digest"], rig.subscribe("watchroom/1/bench/gw")
    wait_for("gw with the configuration in effect", lambda: gw.messages and json.loads(gw.messages[-1][2])["config"] == digest)


def an_export_holds_the_files_and_is_signed_up_to_now(rig):
    """On a running gateway: whatever is in the journal by then is behind a checkpoint."""
    done = run(rig, "evidence", "export", "-o", rig.dir / "night.tar.zst", "--json")
    assert done.returncode == 0 and not done.stderr, done
    made = json.loads(done.stdout)
    assert made["configurations"] == 15 and made["signed_to"] == made["last"], made
    subprocess.run(["tar", "--zstd", "-xf", rig.dir / "night.tar.zst", "-C", rig.dir], check=True)
    folder = rig.dir / "night"
    rows = [json.loads(line) for line in (folder / "configuration.jsonl").read_text().splitlines()]
    accepted = {r["generation"]: r["digest"] for r in rows if r["kind"] == "generation" and r["accepted"]}
    assert set(accepted) == set(range(1, 16)), accepted
    for number, digest in accepted.items():
        at = folder / "configuration" / str(number)
        assert hashlib.sha256((at / "files.sha256").read_bytes()).hexdigest() == digest
        subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "files.sha256"], cwd=at, check=True)
        assert (at / "site.yaml").exists() and (at / "profiles" / "bench" / "m.yaml").exists()
    listed = (folder / "MANIFEST.sha256").read_text()
    assert listed.count("  configuration/") == 15 * 4, listed
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "MANIFEST.sha256"], cwd=folder, check=True)
    assert "not all files" not in (folder / "README.txt").read_text()
    # A checkpoint with nothing behind it is enough for the next export.
    first = rig.control("checkpoint")
    assert first["ok"] and rig.control("checkpoint")["seq"] == first["seq"], first


def an_export_says_which_files_are_gone(rig):
    folder = rig.state_dir / "config"
    row = next(r for r in history(rig) if r["generation"] == 3)
    site = next(line.split("  ")[0] for line in (folder / row["digest"]).read_text().splitlines() if line.endswith("site.yaml"))
    good = (folder / site).read_bytes()
    (folder / site).write_bytes(good + b"#")
    done = run(rig, "evidence", "export", "-o", rig.dir / "less.tar.zst")
    assert done.returncode == 0, done
    subprocess.run(["tar", "--zstd", "-xf", rig.dir / "less.tar.zst", "-C", rig.dir], check=True)
    readme = (rig.dir / "less" / "README.txt").read_text()
    assert "Of configuration 3 not all files are here: site.yaml" in readme, readme
    assert not (rig.dir / "less" / "configuration" / "3" / "site.yaml").exists()
    (folder / site).write_bytes(good)


def what_the_journal_holds_no_longer_goes(rig):
    """As retention takes the oldest rows: their configurations go, but not the texts that later ones need."""
    folder = rig.state_dir / "config"
    rows = {r["generation"]: r for r in generation_rows(rig)}
    files = {n: {line.split("  ")[0] for line in (folder / rows[n]["digest"]).read_text().splitlines()} for n in rows}
    kept, gone = set().union(*(files[n] for n in rows if n >= 4)), files[1] | files[2] | files[3]
    with sqlite3.connect(rig.state_dir / "journal.db") as journal:
        journal.execute("DELETE FROM row WHERE seq < ?", (rows[4]["seq"],))
    journal.close()
    old = time.time() - 7200  # young texts may be a master's at work
    for path in folder.iterdir():
        os.utime(path, (old, old))
    rig.start_gateway()
    wait_for("the first record to go", lambda: not (folder / "generation-1.json").exists(), 20)
    wait_for("its texts to go", lambda: not any((folder / name).exists() for name in gone - kept), 20)
    assert all((folder / name).exists() for name in kept), kept
    assert [r["generation"] for r in history(rig)] == list(range(15, 3, -1))
    done = run(rig, "config", "show", "1")
    assert done.returncode == 1 and "no generation 1" in done.stderr, done
    assert run(rig, "config", "diff", "4", "15").returncode == 1


def what_cannot_be_recorded_is_refused_but_at_the_start(rig):
    """Something else lies where the records go."""
    folder, aside = rig.state_dir / "config", rig.state_dir / "aside"
    folder.rename(aside)
    folder.write_text("")
    edit(rig, "name: Eight,", "name: Nine,")
    done = run(rig, "reload")
    assert done.returncode == 1 and "Not a directory" in done.stderr and "generation 15 goes on" in done.stderr, done
    rig.processes["gateway"].terminate()
    assert rig.processes["gateway"].wait(30) == 0
    rig.start_gateway()  # alarms come first
    rig.wait_all_up()
    assert "cannot be put on record" in (rig.dir / "gateway.log").read_text()
    assert wait_for("its row", lambda: [r for r in generation_rows(rig) if r["generation"] == 0])[0]["by"] == {"source": "start"}
    folder.unlink()
    aside.rename(folder)
    done = run(rig, "reload")  # now it can be
    assert done.returncode == 0 and "generation 16" in done.stdout and "name: Eight -> Nine" in done.stdout, done


def a_secret_in_the_file_is_in_no_row_and_warned_of_at_an_export(rig):
    edit(rig, "community: public}", "community: hush1}")
    done = run(rig, "reload")
    assert done.returncode == 0 and "device s-1, snmp, community: changed (a secret, not shown)" in done.stdout, done
    assert "hush1" not in json.dumps(rig.log("generation")) + done.stdout
    done = run(rig, "evidence", "export", "-o", rig.dir / "secret.tar.zst")
    assert done.returncode == 0 and "community_file keeps them out" in done.stderr, done


def a_change_too_large_for_a_row_is_cut_with_a_count(rig):
    """The row has the first 200 lines; the command has all of them."""
    many = "users: [" + ", ".join(f"{{name: user-{i}, role: viewer}}" for i in range(250)) + "]\n"
    edit(rig, "users: [{name: anna, role: supervisor, audiences: [security]}]\n", many)
    done = run(rig, "reload")
    assert done.returncode == 0 and "... and 51 more" in done.stdout, done
    row = history(rig, "--last", "1")[0]
    assert len(row["changes"]) == 200 and row["changes_total"] == 251 and row["changes_omitted"] == 51, row
    done = run(rig, "config", "diff", str(row["previous"]), "running")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 251, done
    assert "... 246 more" in run(rig, "config", "history", "--last", "1").stdout


def main():
    with Rig(devices=2) as rig:
        a_start_is_the_first_generation(rig)
        a_reload_by_command_waits_for_its_verdict(rig)
        a_reload_by_signal_names_its_sender(rig)
        a_bad_file_changes_nothing_and_says_why(rig)
        a_profile_is_part_of_it(rig)
        comparing_and_showing(rig)
        reverting(rig)
        an_old_text_with_faults_is_not_put_back(rig)
        an_altered_text_is_found(rig)
        a_kill_between_record_and_journal_loses_nothing(rig)
        a_changed_file_at_the_start_is_a_generation(rig)
        check_says_beforehand_what_a_reload_does(rig)
        an_export_holds_the_files_and_is_signed_up_to_now(rig)
        an_export_says_which_files_are_gone(rig)
        rig.processes["gateway"].terminate()
        assert rig.processes["gateway"].wait(30) == 0
        comparing_stopped(rig)
        what_the_journal_holds_no_longer_goes(rig)
        what_cannot_be_recorded_is_refused_but_at_the_start(rig)
        a_secret_in_the_file_is_in_no_row_and_warned_of_at_an_export(rig)
        a_change_too_large_for_a_row_is_cut_with_a_count(rig)
    print("configurations: 15 generations, 2 of them over a kill; compared, put back, found altered")
    return 0


def comparing_stopped(rig):
    found = json.loads(run(rig, "config", "diff", "1", "3", "--json", stopped=True).stdout)
    assert len(found["changes"]) == 3, found
    assert len(history(rig, stopped=True)) == 15
    assert run(rig, "config", "show", "7", stopped=True).returncode == 0
    done = run(rig, "config", "revert", "7", stopped=True)
    assert done.returncode == 3 and "no gateway" in done.stderr, done


if __name__ == "__main__":
    sys.exit(main())
