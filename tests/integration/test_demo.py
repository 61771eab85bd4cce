#!/usr/bin/python3
"""watchroom demo: headless with its summary, live in a terminal with keys, ended by a signal; and nothing
left behind. watchroom simulate hands over to the simulators."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import Contract  # noqa: E402
from rig import SOURCE, WATCHROOM, Subscriber, wait_for  # noqa: E402

WORK = Path(tempfile.mkdtemp(prefix="wr-demo-", dir="/tmp"))
ENVIRONMENT = {**os.environ, "TMPDIR": str(WORK)}


def running():
    """Command lines of the processes that were started with our environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={WORK}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return found


def nothing_is_left():
    assert not list(WORK.glob("watchroom-demo-??????")), list(WORK.iterdir())
    assert not running(), running()


def bad_points(folder):
    done = subprocess.run([WATCHROOM, "values", "--json", "--socket", folder / "control"], capture_output=True, text=True)
    if done.returncode != 0:
        return ["no values yet"]
    # A PDU of the profile has up to 6 banks and 24 outlets; the simulated ones have 8 outlets.
    absent = re.compile(r"pdu-../(pdu\.bank\.|outlet\.(9|1\d|2\d)\.|temperature|humidity)|gateway/|.*/comm\.state")
    probes = re.compile(r"env-.*/(temperature\.[234]|humidity\.[12]|sensor\.)")
    return [v["point"] for v in json.loads(done.stdout)["values"]
            if v["quality"] != "good" and not absent.match(v["point"]) and not probes.match(v["point"])]


def check_messages(messages):
    """A site of the shipped profiles, against docs/schema."""
    contract = Contract()
    for _, topic, payload in messages:
        contract.check(topic, payload)
    contract.verdict()
    topics = {topic.split("/")[3] for _, topic, _ in messages}
    assert topics >= {"gw", "hb", "alarm", "event", "sum", "meta", "audit"}, topics
    print(f"messages against docs/schema: {len(messages)}, {len(contract.seen)} that differ in more than numbers")


def headless_plays_the_failure_and_loses_nothing():
    demo = subprocess.Popen([WATCHROOM, "demo", "--headless", "--for", "40s", "--json"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    folder = wait_for("the folder", lambda: next(WORK.glob("watchroom-demo-??????"), None))
    try:
        wait_for("all points", lambda: not bad_points(folder), 30, 0.5)
    except TimeoutError:
        raise AssertionError(f"no reading of {bad_points(folder)}") from None
    port = int(re.search(r"port: (\d+)", (folder / "site.yaml").read_text().split("broker:")[1])[1])
    everything = Subscriber("watchroom/#", port)
    out, errors = demo.communicate(timeout=120)
    everything.close()
    check_messages(everything.messages)
    assert demo.returncode == 0, (demo.returncode, out, errors)
    summary = json.loads(out)
    assert summary["lost"] == 0 and summary["points_polled"] > 2000, summary
    assert summary["alarms_raised"] >= 5 and summary["alarms_told"] == summary["alarms_raised"], summary
    assert 0 < summary["alarms_acknowledged"] <= summary["alarms_raised"], summary
    print("headless:", json.dumps(summary))
    nothing_is_left()


class Terminal:
    def __init__(self, *argv, rows=24, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(WATCHROOM, ["watchroom", "demo", *argv], ENVIRONMENT)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.seen = ""
        self.status = None

    def read(self):
        while select.select([self.fd], [], [], 0.05)[0]:
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                return
            if not part:
                return
            self.seen += part.decode(errors="replace")

    def screen(self):
        """The last whole picture, without its colours."""
        self.read()
        pictures = self.seen.split("\033[H")
        return re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", pictures[-2] if len(pictures) > 2 else "").replace("\r", "")

    def wait_for(self, what, seconds=60):
        return wait_for(f"{what!r} on the screen", lambda: re.search(what, self.screen()), seconds, 0.2)

    def press(self, key):
        os.write(self.fd, key.encode())

    def has_ended(self):
        self.read()
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None


def live_shows_values_and_alarms_and_takes_keys():
    terminal = Terminal()
    terminal.wait_for(r"devices 13 of 13")
    terminal.wait_for(r"UPS A +normal")
    assert all(len(line) <= 80 for line in terminal.screen().split("\n")), terminal.screen()
    assert terminal.screen().count("\n") == 23, terminal.screen()
    terminal.press("m")
    terminal.wait_for(r"Mains +0 V")
    terminal.wait_for(r"UPS A +battery")
    terminal.wait_for(r" 1 P2 .*\n +-> ")
    unseen = int(re.search(r"(\d+) unseen", terminal.screen())[1])
    terminal.press("a")
    terminal.wait_for("acknowledged")
    terminal.wait_for(r"Generator 1 running")
    terminal.wait_for(r"Transfer switch on source-b")
    terminal.press("x")  # means nothing
    terminal.press("m")
    terminal.wait_for(r"Mains +2\d\d V")
    terminal.press("q")
    wait_for("the end", terminal.has_ended, 60)
    assert terminal.status == 0, terminal.seen[-500:]
    assert "\033[?1049l" in terminal.seen and re.search(r"messages to people, 0 of them lost", terminal.seen), terminal.seen[-300:]
    print(f"live: mains off and on again by key, {unseen} alarms waited, one acknowledged by key")
    nothing_is_left()


def signals_end_everything():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        demo = subprocess.Popen([WATCHROOM, "demo", "--headless"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        wait_for("the gateway", lambda: [r for r in running() if " run -c " in r])
        time.sleep(0.3)
        demo.send_signal(number)
        demo.communicate(timeout=60)
        assert demo.returncode in (0, 1), demo.returncode  # 1: nothing was raised so early
        nothing_is_left()
    demo = subprocess.Popen([WATCHROOM, "demo", "--headless"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    wait_for("the gateway", lambda: [r for r in running() if " run -c " in r])
    demo.kill()  # nobody can clean up after that, but nothing must go on running
    demo.wait()
    wait_for("the end of all processes", lambda: not running(), 30)
    for left in WORK.glob("watchroom-demo-??????"):
        shutil.rmtree(left)
    print("signals: all ended, nothing left")


def a_part_that_dies_is_named():
    demo = subprocess.Popen([WATCHROOM, "demo", "--headless"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    wait_for("the gateway", lambda: [r for r in running() if " run -c " in r])
    children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
    simulators = [int(c) for c in children if b"watchroom-sim" in Path(f"/proc/{c}/cmdline").read_bytes()]
    time.sleep(1)
    os.kill(simulators[0], signal.SIGKILL)
    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 4 and "watchroom-sim ended by itself" in errors, (demo.returncode, errors)
    nothing_is_left()


def wrong_usage_is_said():
    for argv, word in ((["--for", "x"], "no time"), (["--headless", "--for", "5s"], "at least 20s"), (["nonsense"], "too much"),
                       (["--nonsense"], "--help"), ([], "no terminal")):
        done = subprocess.run([WATCHROOM, "demo", *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        assert done.returncode == 2 and word in done.stderr, (argv, done)
    nothing_is_left()
    keep = WORK / "kept"
    (keep / "state").mkdir(parents=True)
    done = subprocess.run([WATCHROOM, "demo", "--headless", "--keep", keep], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 4 and "already" in done.stderr, done


def simulate_hands_over():
    done = subprocess.run([WATCHROOM, "simulate", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "Examples" in done.stdout
    assert subprocess.run([WATCHROOM, "simulate"], capture_output=True).returncode == 2
    assert subprocess.run([WATCHROOM, "simulate", "nowhere.yaml"], capture_output=True).returncode == 1
    started = subprocess.Popen([WATCHROOM, "simulate", SOURCE / "config/examples/demo/sim.yaml", "--print"],
                               stdout=subprocess.PIPE, text=True)
    devices = [json.loads(started.stdout.readline())["device"] for _ in range(13)]
    assert "ups-a" in devices and "nvr-1" in devices, devices
    started.terminate()
    assert started.wait(10) == 0
    started.stdout.close()


def main():
    try:
        wrong_usage_is_said()
        simulate_hands_over()
        headless_plays_the_failure_and_loses_nothing()
        live_shows_values_and_alarms_and_takes_keys()
        a_part_that_dies_is_named()
        signals_end_everything()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
