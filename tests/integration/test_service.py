#!/usr/bin/python3
"""deploy/systemd: the unit is sound and closed, the program speaks to systemd as the unit says, and none of the system
calls it makes is forbidden to it."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, WATCHROOM, Rig  # noqa: E402

UNIT = SOURCE / "deploy" / "systemd" / "watchroom.service"
EXPOSURE_MAX = 2.0  # of 10, as systemd counts
GENEROUS_S = 60


def settings():
    found = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def the_unit_is_sound_and_closed(unit):
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "watchroom.service"
        here.write_text(UNIT.read_text().replace("/usr/local/bin/watchroom", str(WATCHROOM)))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True)
        complaints = [line for line in done.stderr.splitlines() if "watchroom" in line]
        assert done.returncode == 0 and not complaints, done.stderr
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", here], capture_output=True, text=True)
        level = re.search(r"exposure level for watchroom.service: ([\d.]+)", done.stdout)
        assert level and float(level[1]) <= EXPOSURE_MAX, done.stdout[-300:] + done.stderr
    assert unit["User"] == ["watchroom"] and unit["StateDirectory"] == ["watchroom"] and unit["Restart"] == ["always"]
    # what would break the gateway: who the peer of the control socket is; whether the clock is synchronised
    assert "PrivateUsers" not in unit and "ProtectClock" not in unit
    return f"exposure {level[1]} of 10"


def sysusers_make_the_user(_):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "etc").mkdir()
        subprocess.run(["systemd-sysusers", f"--root={folder}", UNIT.with_name("watchroom.sysusers")], check=True, capture_output=True)
        line = next(row for row in (Path(folder) / "etc" / "passwd").read_text().splitlines() if row.startswith("watchroom:"))
    assert line.endswith(":/var/lib/watchroom:/usr/sbin/nologin"), line


def await_word(listener, word, heard):
    end = time.monotonic() + GENEROUS_S
    while not any(word in text for text in heard):
        listener.settimeout(max(0.01, end - time.monotonic()))
        heard.append(listener.recv(4096).decode())
    return heard


def it_speaks_to_systemd_as_the_unit_says(unit):
    """Ready only once everything is; fed well within the watchdog's time; a reload and a stop are told."""
    watchdog_s = int(unit["WatchdogSec"][0])
    with Rig(devices=2, broker=False) as rig, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = rig.dir / "notify"
        listener.bind(str(path))
        os.environ["NOTIFY_SOCKET"] = str(path)
        try:
            rig.start_gateway()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        master = rig.processes["gateway"]
        heard = await_word(listener, "READY=1", [])
        assert "STATUS=2 devices, generation 1" in heard[-1], heard
        await_word(listener, "WATCHDOG=1", after := [])
        began = time.monotonic()
        await_word(listener, "WATCHDOG=1", [])
        assert time.monotonic() - began < watchdog_s / 2, "fed at least twice in the watchdog's time"
        master.send_signal(signal.SIGHUP)
        await_word(listener, "RELOADING=1", after)
        await_word(listener, "READY=1", [])
        master.terminate()
        await_word(listener, "STOPPING=1", [])
        assert master.wait(int(unit["TimeoutStopSec"][0])) == 0


def system_calls(names):
    """With systemd's groups (@system-service) taken apart."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if not name.startswith("@"):
            found.add(name)
            continue
        text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True).stdout
        waiting += [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return found


def allowed_calls(unit):
    allowed = system_calls(["@default"])
    for value in unit["SystemCallFilter"]:
        names = system_calls(value.lstrip("~").split())
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


def no_call_it_makes_is_forbidden(unit):
    if shutil.which("strace") is None:
        return "skipped: strace is not installed"
    allowed = allowed_calls(unit)
    assert {"clock_adjtime", "adjtimex", "openat", "fdatasync"} <= allowed and "reboot" not in allowed and "settimeofday" not in allowed
    with Rig(devices=4, broker=True, site="web: {listen: '127.0.0.1:0'}") as rig:
        calls = rig.dir / "calls"
        rig.spawn("gateway", ["strace", "-f", "-qq", "-c", "-o", calls, WATCHROOM, "run", "-c", rig.dir / "site.yaml", "--profiles", rig.profiles])
        rig.wait_all_up()
        rig.sim("set s-1 p3 40000")
        wait_alarm(rig)
        master = next(int(child) for child in Path(f"/proc/{rig.processes['gateway'].pid}/task/{rig.processes['gateway'].pid}/children")
                      .read_text().split())
        os.kill(master, signal.SIGTERM)
        rig.processes["gateway"].wait(GENEROUS_S)
        made = {line.split()[-1] for line in calls.read_text().splitlines()[2:] if line.split() and line[0] != "-"} - {"total"}
    assert len(made) > 30, made
    # SQLite and librrd try to give a file its owner back when they run as root, as here; the unit's user never does
    forbidden = made - allowed - {"fchown", "chown"}
    assert not forbidden, f"the unit forbids {sorted(forbidden)}"
    return f"{len(made)} different calls, {len(allowed)} allowed"


def wait_alarm(rig):
    from rig import wait_for
    wait_for("the alarm", lambda: any(a["cond"] == "active" for a in (rig.control("alarms") or {}).get("alarms", [])))


def main():
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is not installed")
        return 77
    unit = settings()
    for test in (the_unit_is_sound_and_closed, sysusers_make_the_user, it_speaks_to_systemd_as_the_unit_says, no_call_it_makes_is_forbidden):
        print(f"{test.__name__}: {test(unit) or 'fine'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
