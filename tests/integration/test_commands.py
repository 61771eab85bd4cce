#!/usr/bin/python3
"""Every command: help with examples first, exit codes for wrong use and for no gateway; who may open the control socket
and what it says of them."""
import json
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import WATCHROOM, Rig, wait_for  # noqa: E402

ASK = {"status": [], "alarms": [], "ack": ["power/s-1/p1-high"], "comment": ["a/b", "--note", "x"], "shelve": ["a/b", "--for", "1h", "--reason", "x"],
       "unshelve": ["a/b"], "reset": ["a/b"], "oos": ["a/b", "--for", "1h", "--reason", "x"], "in-service": ["a/b"],
       "test-begin": ["a/b", "--reason", "x"], "test-end": ["a/b"], "values": [], "log": [], "journal": ["verify"],
       "graph": ["s-1/p1", "-o", "x.svg"], "reload": []}


def run(*argv, **more):
    done = subprocess.run([WATCHROOM, *argv], capture_output=True, text=True, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr


def words():
    status, out, _ = run("--help")
    assert status == 0
    commands = re.findall(r"^  ([\w-]+) +\S", out[out.index("Commands:"):], re.M)
    assert len(commands) >= 13, commands
    for command in commands:
        for option in ("--help", "-h"):
            status, out, errors = run(command, option)
            assert (status, errors) == (0, "") and out.startswith("Examples:\n") and "Exit status:" in out, (command, out, errors)
        status, out, errors = run(command, "--nonsense")
        assert status == 2 and out == "" and "nonsense" in errors, (command, status, errors)
    for command, more in ASK.items():
        status, out, errors = run(command, *more, "--socket", "/nowhere/control")
        assert status == 3 and out == "" and "/nowhere/control" in errors, (command, status, errors)
    assert run("nonsense")[0] == 2 and run()[0] == 2
    status, out, _ = run("--version")
    assert status == 0 and re.search(r"\d+\.\d+\.\d+", out)
    for occ in ("1x", "abc", "0", "-1"):
        status, _, errors = run("ack", "a/b/c", "--occ", occ)
        assert status == 2 and "--occ" in errors, (occ, status, errors)
    return f"{len(commands)} commands"


def stranger(rig):
    """The order of a process of another user, to whom somebody has opened the door."""
    path = rig.dir / "control"
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(path))
                s.sendall(b'{"verb":"ack","id":"power/s-1/p1-high"}\n')
                reply = json.loads(s.makefile().readline())
            os._exit(10 if reply.get("code") == "denied" else 11)
        except PermissionError:
            os._exit(12)
        except BaseException:  # noqa: BLE001
            os._exit(13)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def door():
    with Rig(devices=2) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        path = rig.dir / "control"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660, oct(path.stat().st_mode)
        if os.geteuid() != 0:
            return "mode 0660"
        rig.dir.chmod(0o755)
        assert stranger(rig) == 12, "a stranger came in"
        path.chmod(0o666)
        rig.sim("set s-1 p1 40000")
        wait_for("an alarm", lambda: any(a["id"] == "power/s-1/p1-high" for a in rig.control("alarms")["alarms"]))
        assert stranger(rig) == 10, "a stranger was not denied"
        row = rig.log("command")[-1]
        assert (row["user"], row["uid"], row["code"], row["role"]) == ("uid-65534", 65534, "denied", "viewer"), row
        assert rig.control("alarms")["alarms"][0]["ack"] == "unacked"
        return "mode 0660; a stranger whom somebody lets in looks on, and his order is on record with his uid"


if __name__ == "__main__":
    print(words())
    print(door())
