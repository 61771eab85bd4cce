#!/usr/bin/python3
"""The device simulators on the wire: net-snmp's tools read the agent, a raw socket speaks Modbus/TCP, and
every misbehaviour is seen as what it is."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SIM, wait_for  # noqa: E402

SITE = """
templates:
  ups:
    protocol: snmp
    objects:
      "1.3.6.1.2.1.1.1.0": {type: string, value: a simulated UPS}
      "1.3.6.1.2.1.1.2.0": {type: oid, value: 1.3.6.1.2.1.33}
      "1.3.6.1.2.1.1.3.0": {type: timeticks, value: 0, rate: 100}
      "1.3.6.1.2.1.33.1.2.4.0": {type: integer, value: 100, name: battery.charge}
      "1.3.6.1.2.1.33.1.9.1.0": {type: counter64, value: "18446744073709551615"}
      "1.3.6.1.2.1.33.1.10.1.0": {type: ipaddress, value: 192.0.2.1}
  gen:
    protocol: modbus
    registers:
      - {fc: 3, range: [0, 99], value: 7}
      - {fc: 3, address: 10, type: u16, value: 300, name: oil}
      - {fc: 2, range: [0, 15], value: 1}
    holes: [[50, 50]]
devices:
  - {id: ups, template: ups, address: 127.31.0.1}
  - {id: gen, template: gen, address: 127.31.0.2, unit: 5}
  - {id: "m-{n}", repeat: 20, template: gen, address: 127.31.1.1}
"""


class Simulation:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="watchroom-sim-"))
        (self.dir / "sim.yaml").write_text(SITE)
        self.process = subprocess.Popen(
            [SIM, self.dir / "sim.yaml", "--ready-file", self.dir / "ready", "--control", self.dir / "control"])
        wait_for("the simulators", (self.dir / "ready").exists, 20)
        rows = [json.loads(line) for line in (self.dir / "ready").read_text().splitlines()]
        self.places = {row["device"]: (row["address"], row["port"]) for row in rows}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(self.dir / "control"))
        self.stream = self.socket.makefile("rw")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.dir)

    def ask(self, line):
        self.stream.write(line + "\n")
        self.stream.flush()
        return json.loads(self.stream.readline())

    def tell(self, line):
        answer = self.ask(line)
        assert answer["ok"], (line, answer)
        return answer

    def refuse(self, line, word):
        answer = self.ask(line)
        assert not answer["ok"] and word in answer["error"], (line, answer)


def snmp(sim, tool, *oids, version="2c", options=()):
    address, port = sim.places["ups"]
    done = subprocess.run([tool, "-v", version, "-c", "public", "-On", "-Oe", "-r", "0", "-t", "1", *options,
                           f"{address}:{port}", *oids], capture_output=True, text=True, env={**os.environ, "MIBS": ""})
    return done.returncode, done.stdout + done.stderr


def udp(sim, timeout=1.0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    s.connect(sim.places["ups"])
    return s


# GET of battery.charge, v2c, request id 0x1234
REQUEST = bytes.fromhex("302902010104067075626c6963a01c020212340201000201003010300e060a2b0601020121010204000500")


def varbind(answer):
    """Request id and the bytes of the last name's end, of an answer to REQUEST."""
    at = answer.index(b"\xa2")
    assert answer[at + 2] == 2, answer
    return struct.unpack(">H", answer[at + 4:at + 6])[0], answer[answer.rindex(b"\x2b\x06\x01"):]


def read(sim, device, first=10, count=1, function=3, unit=5, tid=0x0102, timeout=1.0, connection=None):
    s = connection or connect(sim, device, timeout)
    s.sendall(struct.pack(">HHHBBHH", tid, 0, 6, unit, function, first, count))
    return s


def connect(sim, device, timeout=1.0):
    s = socket.create_connection(sim.places[device], timeout)
    s.settimeout(timeout)
    return s


def take(s, count):
    data = b""
    while len(data) < count:
        part = s.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def frame(s):
    head = take(s, 6)
    return head + take(s, struct.unpack(">H", head[4:6])[0]) if len(head) == 6 else head


def silent(s):
    try:
        return s.recv(512) is None
    except TimeoutError:
        return True


def net_snmp_s_tools_read_the_agent(sim):
    status, out = snmp(sim, "snmpget", ".1.3.6.1.2.1.33.1.2.4.0", ".1.3.6.1.2.1.1.1.0")
    assert status == 0 and "INTEGER: 100" in out and "a simulated UPS" in out, out
    for version, expected in (("1", 5), ("2c", 6)):  # v1 knows no 64-bit counters
        status, out = snmp(sim, "snmpwalk", ".1.3.6.1", version=version)
        lines = [line for line in out.splitlines() if " = " in line and "No more" not in line]
        assert status == 0 and len(lines) == expected, (version, out)
    status, out = snmp(sim, "snmpbulkwalk", ".1.3.6.1")
    assert status == 0 and "Counter64: 18446744073709551615" in out and "IpAddress: 192.0.2.1" in out, out
    assert out.index(".33.1.9.1.0") < out.index(".33.1.10.1.0"), out
    _, out = snmp(sim, "snmpget", ".1.3.6.1.2.1.99.0")
    assert "No Such Instance" in out, out
    status, out = snmp(sim, "snmpget", ".1.3.6.1.2.1.99.0", version="1")
    assert status == 2 and "noSuchName" in out, out
    status, out = snmp(sim, "snmpset", ".1.3.6.1.2.1.33.1.2.4.0", "i", "5")
    assert status == 2 and "notWritable" in out, out
    assert sim.ask("counters ups")["writes"] == 1


def a_value_set_is_read_at_once(sim):
    sim.tell("set ups battery.charge 41")
    assert "INTEGER: 41" in snmp(sim, "snmpget", ".1.3.6.1.2.1.33.1.2.4.0")[1]
    assert sim.tell("get ups battery.charge")["values"] == {"battery.charge": 41}
    sim.tell(json.dumps({"verb": "set", "device": "gen", "name": "oil", "value": 222}))
    with read(sim, "gen") as s:
        assert frame(s) == bytes.fromhex("01020000000505030200de")
    assert sim.tell("get m-3 oil")["values"] == {"oil": 300}  # the others keep theirs


def modbus_is_answered_as_the_standard_says(sim):
    with connect(sim, "gen") as s:
        read(sim, "gen", 0, 2, connection=s)
        assert frame(s) == bytes.fromhex("0102 0000 0007 05 03 04 0007 0007")
        read(sim, "gen", 0, 10, function=2, connection=s)
        assert frame(s) == bytes.fromhex("0102 0000 0005 05 02 02 ff03")
        for first, count, function, exception in ((99, 2, 3, 2), (49, 2, 3, 2), (0, 126, 3, 3), (0, 1, 6, 1), (0, 1, 4, 2)):
            read(sim, "gen", first, count, function, connection=s)
            answer = frame(s)
            assert answer[7:] == bytes([function | 0x80, exception]), (first, count, function, answer)
        read(sim, "gen", unit=6, connection=s)
        assert frame(s)[6:] == bytes([6, 0x83, 0x0b])
        for byte in struct.pack(">HHHBBHH", 9, 0, 6, 5, 3, 0, 1):  # a request in pieces
            s.sendall(bytes([byte]))
        assert frame(s)[:2] == b"\x00\x09"
        s.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 5, 3, 0, 1) + struct.pack(">HHHBBHH", 2, 0, 6, 5, 3, 1, 1))
        assert [frame(s)[1], frame(s)[1]] == [1, 2]  # two at once
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert s.recv(512) == b""  # whoever does not speak Modbus is sent away


def each_way_of_an_agent_to_be_bad_shows_on_the_wire(sim):
    with udp(sim) as s:
        s.send(REQUEST)
        good = s.recv(512)
        assert varbind(good)[0] == 0x1234

    def bad(kind, timeout=1.0):
        sim.tell(f"behave ups {kind}")
        s = udp(sim, timeout)
        s.send(REQUEST)
        return s

    with bad("silent", 0.3) as s:
        assert silent(s)
    with bad("late 200") as s:
        begin = time.monotonic()
        assert s.recv(512) == good and 0.15 < time.monotonic() - begin < 0.9
    with bad("late-once 200") as s:
        s.send(REQUEST)
        begin = time.monotonic()
        assert s.recv(512) == good and time.monotonic() - begin < 0.15  # the second is in time
        assert s.recv(512) == good and time.monotonic() - begin > 0.1  # the first comes after it
    with bad("garbage") as s:
        assert s.recv(512)[:2] != good[:2]
    with bad("wrong-id") as s:
        answer = s.recv(512)
        assert varbind(answer)[0] != 0x1234 and varbind(answer)[1] == varbind(good)[1]
    with bad("wrong-oid") as s:
        answer = s.recv(512)
        assert varbind(answer)[0] == 0x1234 and varbind(answer)[1] != varbind(good)[1] and len(answer) == len(good)
    with bad("truncated") as s:
        assert s.recv(512) == good[:len(good) // 2]
    with bad("flood 20") as s:
        answers = [s.recv(512) for _ in range(21)]
        assert answers[-1] == good and all(varbind(a)[0] != 0x1234 for a in answers[:-1])
    with bad("exception 5") as s:
        assert b"\x02\x01\x05\x02\x01\x01" in s.recv(512)  # genErr, first varbind
    with bad("toobig 0") as s:
        assert b"\x02\x01\x01\x02\x01\x00\x30\x00" in s.recv(512)  # tooBig, no varbinds
    with bad("refused") as s:
        try:
            s.recv(512)
            raise AssertionError("an answer from a closed port")
        except ConnectionRefusedError:
            pass
    with bad("normal") as s:
        assert s.recv(512) == good
    sim.refuse("behave ups drip", "not for snmp")


def each_way_of_a_modbus_device_to_be_bad_shows_on_the_wire(sim):
    with read(sim, "gen") as s:
        good = frame(s)
    assert len(good) == 11

    def bad(kind, timeout=1.0):
        sim.tell(f"behave gen {kind}")
        return read(sim, "gen", timeout=timeout)

    with bad("silent", 0.3) as s:
        assert silent(s)
    with bad("late 200") as s:
        begin = time.monotonic()
        assert frame(s) == good and 0.15 < time.monotonic() - begin < 0.9
    with bad("late-once 200") as s:
        read(sim, "gen", tid=0x0777, connection=s)
        assert [frame(s)[:2], frame(s)] == [b"\x07\x77", good]  # the late one in the next one's place
    with bad("drip 30") as s:
        begin, parts = time.monotonic(), []
        while sum(map(len, parts)) < len(good):
            parts.append(s.recv(512))
        assert b"".join(parts) == good and len(parts) >= 8 and time.monotonic() - begin > 0.25, parts
    with bad("garbage") as s:
        assert s.recv(512)[:8] != good[:8]
    with bad("wrong-id") as s:
        answer = frame(s)
        assert answer[:2] != good[:2] and answer[2:] == good[2:]
    with bad("wrong-unit") as s:
        answer = frame(s)
        assert answer[6] != 5 and answer[7:] == good[7:]
    with bad("truncated") as s:
        assert s.recv(512) == good[:5] and s.recv(512) == b""
    with bad("flood 20") as s:
        answers = [frame(s) for _ in range(21)]
        assert answers[-1] == good and all(a[0] != 1 for a in answers[:-1])
    with bad("exception 6") as s:
        assert frame(s)[7:] == b"\x83\x06"
    with bad("toobig 0") as s:
        assert frame(s)[7:] == b"\x83\x03"
    with bad("accept-and-hang", 0.3) as s:
        assert silent(s)
    with connect(sim, "gen") as s:
        sim.tell("behave gen refused")
        try:
            assert s.recv(512) != b"", "ended politely instead of a reset"
        except ConnectionResetError:
            pass
    try:
        connect(sim, "gen").close()
        raise AssertionError("a connection to a closed port")
    except ConnectionRefusedError:
        pass
    with bad("normal") as s:
        assert frame(s) == good
    sim.refuse("behave gen wrong-oid", "not for modbus")


def a_share_of_the_devices_is_spread_evenly(sim):
    assert sim.tell("behave 10% silent")["devices"] == 2  # of 22
    assert sim.tell("behave all normal")["devices"] == 22
    assert sim.tell("behave all drip 5")["devices"] == 21  # an agent cannot drip
    kinds = [d["behaviour"] for d in sim.tell("list")["devices"]]
    assert kinds.count("drip") == 21 and kinds[0] == "normal"
    sim.tell("behave all normal")


def nonsense_on_the_control_socket_is_refused(sim):
    sim.refuse("", "no verb")
    sim.refuse("sett ups battery.charge 1", "did you mean")
    sim.refuse("set ups", "more words")
    sim.refuse("set nobody battery.charge 1", "no device")
    sim.refuse("set ups battery.colour 1", "has no")
    sim.refuse("set ups battery.charge x", "no value")
    sim.refuse("behave 200% silent", "no share")
    sim.refuse("behave ups slient", "did you mean")
    sim.refuse("physics mains off", "no physics")
    sim.refuse("{", "")
    sim.refuse('{"verb": "get"}', "more words")
    with socket.socket(socket.AF_UNIX) as s:  # a line that never ends is cut off
        s.connect(str(sim.dir / "control"))
        s.settimeout(5)
        try:
            for _ in range(100):
                s.sendall(b"x" * 4096)
            assert s.recv(1) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sim.tell("counters")["requests"] > 0


def it_ends_as_asked_and_says_what_is_wrong(sim):
    started = subprocess.Popen([SIM, sim.dir / "sim.yaml", "--print"], stdout=subprocess.PIPE, text=True)
    rows = [json.loads(started.stdout.readline()) for _ in range(22)]
    assert rows[0]["device"] == "ups" and rows[0]["port"] > 0
    started.send_signal(signal.SIGINT)
    assert started.wait(10) == 0
    started.stdout.close()
    for argv, status, word in (([], 2, "description file"), (["nowhere.yaml"], 1, "nowhere.yaml"),
                               (["--nonsense", "x"], 2, "--help"), (["--help"], 0, "Examples")):
        done = subprocess.run([SIM, *argv], capture_output=True, text=True)
        assert done.returncode == status and word in done.stdout + done.stderr, (argv, done)


def main():
    if shutil.which("snmpget") is None:
        print("skipped: net-snmp's tools are not installed (Debian package snmp)")
        return 77
    with Simulation() as sim:
        for test in (net_snmp_s_tools_read_the_agent, a_value_set_is_read_at_once,
                     modbus_is_answered_as_the_standard_says, each_way_of_an_agent_to_be_bad_shows_on_the_wire,
                     each_way_of_a_modbus_device_to_be_bad_shows_on_the_wire, a_share_of_the_devices_is_spread_evenly,
                     nonsense_on_the_control_socket_is_refused, it_ends_as_asked_and_says_what_is_wrong):
            test(sim)
            print("ok", test.__name__)
        assert sim.tell("quit")["ok"]
        assert sim.process.wait(10) == 0
        assert not (sim.dir / "control").exists()
    return 0


if __name__ == "__main__":
    sys.exit(main())
