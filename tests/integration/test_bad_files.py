#!/usr/bin/python3
"""Truncated or random journal, time series, cursor and site files at start: put aside and go on with an alarm, or
a clear error; never silent loss, never a crash."""
import os
import random
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402

RND = random.Random(11)


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2 + 7])


def scramble(path):
    path.write_bytes(RND.randbytes(max(4096, path.stat().st_size)))


def stop(rig):
    rig.processes["gateway"].terminate()
    assert rig.processes["gateway"].wait(40) == 0


def journal_case(rig, spoil):
    stop(rig)
    for suffix in ("-wal", "-shm"):
        path = Path(f"{rig.state_dir}/journal.db{suffix}")
        path.unlink(missing_ok=True)
    spoil(rig.state_dir / "journal.db")
    rig.start_gateway()
    wait_for("journal-restarted", lambda: any(a["id"] == "gateway/gateway/journal-restarted" and a["priority"] == 1
                                              for a in rig.control("alarms")["alarms"]), 20)
    aside = list(rig.state_dir.glob("journal.db.quarantine-*"))
    assert aside, "the old file must be kept"
    done = subprocess.run([WATCHROOM, "journal", "verify", "--state-dir", rig.state_dir])
    assert done.returncode == 0
    return aside


def main():
    with Rig(devices=6) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        rig.sim("set s-1 p1 40000")
        wait_for("an alarm", lambda: rig.control("alarms")["alarms"])
        jid = rig.status()["journal"]["id"]

        journal_case(rig, truncate)
        wait_for("what is still wrong to be told anew", lambda: any(a["id"] == "power/s-1/p1-high"
                                                                  for a in rig.control("alarms")["alarms"]), 20)
        assert rig.status()["journal"]["id"] != jid
        journal_case(rig, scramble)

        # The cursor: torn in both slots means everything is told again, nothing is lost.
        stop(rig)
        scramble(rig.state_dir / "courier.cursor")
        rig.start_gateway()
        wait_for("the cursor to catch up", lambda: rig.status()["broker"]["cursor"] == rig.status()["journal"]["committed"], 20)

        # Time series.
        wait_for("RRD files", lambda: len(list(rig.state_dir.glob("rrd/*/*.rrd"))) == 6, 60, 0.5)
        rig.control("flush")
        stop(rig)
        files = sorted(rig.state_dir.glob("rrd/*/*.rrd"))
        truncate(files[0])
        scramble(files[1])
        files[2].with_suffix(".map").write_bytes(b"\xff\x00nonsense\n")
        rig.start_gateway()
        rig.wait_all_up()
        rig.control("flush")
        wait_for("new files in the place of bad ones", lambda: all(
            (rig.control("flush") or True) and subprocess.run(["rrdtool", "info", f], capture_output=True).returncode == 0 for f in files), 90, 1)
        assert len(list(rig.state_dir.glob("rrd/*/*quarantine*"))) >= 2, list(rig.state_dir.glob("rrd/*/*"))

        # Site files: refused with a place; at a reload nothing changes.
        good = (rig.dir / "site.yaml").read_bytes()
        generation = rig.status()["generation"]
        for text in (good[:len(good) // 2], RND.randbytes(3000), b"", b"site: [", b"\t", good.replace(b"snmp:", b"snpm:", 1)):
            (rig.dir / "site.yaml").write_bytes(text)
            done = subprocess.run([WATCHROOM, "check", rig.dir / "site.yaml", "--profiles", rig.profiles],
                                  capture_output=True, text=True, errors="replace")
            assert done.returncode == 1 and "error:" in done.stderr, done
            count = len(rig.log("generation"))
            os.kill(rig.processes["gateway"].pid, 1)
            wait_for("the refusal in the journal", lambda: len(rig.log("generation")) > count, 20)
            assert rig.log("generation")[-1]["accepted"] is False
        assert rig.status()["generation"] == generation
        wait_for("config-refused", lambda: any(a["id"] == "gateway/gateway/config-refused"
                                               for a in rig.control("alarms")["alarms"]))
        print("journal truncated and scrambled: put aside, told; cursor, time series and site files likewise")


if __name__ == "__main__":
    main()
